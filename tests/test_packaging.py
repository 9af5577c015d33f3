"""What is published: metadata, versions, addresses, workflows, and what tries the packages."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import wvae

ROOT = Path(__file__).parents[1]
CI = ROOT / ".ci"
GITHUB = ROOT / ".github"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
METADATA = PROJECT["project"]
EXTRAS: dict[str, list[str]] = METADATA["optional-dependencies"]
# Extras of those who work on wvae itself; the others are for users.
OF_DEVELOPERS = {"bench", "docs", "dev", "release"}
# Extras that ask for other versions than those that the tests run with.
NOT_PINNED = {"mlflow"}


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def load_script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a script of .ci/ without leaving it among the modules."""
    monkeypatch.syspath_prepend(str(CI))
    spec = importlib.util.spec_from_file_location(name, CI / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


# ---------------------------------------------------------------------------------- metadata


def test_one_version_everywhere():
    version = METADATA["version"]
    assert Version(version) >= Version("0.2.0")
    assert wvae.__version__ == version
    assert f"\nversion: {version}\n" in text_of("CITATION.cff")
    releases = re.findall(r"^## \[(\d[^]]*)\]", text_of("CHANGELOG.md"), re.M)
    assert releases[0] == version


def test_the_changelog_keeps_its_form():
    text = text_of("CHANGELOG.md")
    assert re.findall(r"^## (.+)$", text, re.M)[0] == "[Unreleased]"
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= kinds
    home = METADATA["urls"]["Homepage"]
    for name in re.findall(r"^## \[([^]]+)\]", text, re.M):
        assert f"\n[{name}]: {home}/" in text


def test_classifiers_name_the_versions_that_are_tested():
    named = {
        line.rpartition(" ")[2]
        for line in METADATA["classifiers"]
        if re.search(r":: 3\.\d+$", line)
    }
    assert f">={min(named, key=Version)}" == METADATA["requires-python"]
    matrix = yaml_of(GITHUB / "workflows" / "ci.yml")["jobs"]["fast"]["strategy"]["matrix"]
    assert set(matrix["python"]) == named


def test_the_home_of_the_project_stands_in_one_place():
    urls = METADATA["urls"]
    assert {"Homepage", "Documentation", "Source", "Issues", "Changelog"} <= set(urls)
    home, pages = urls["Homepage"], urls["Documentation"]
    owner = home.removeprefix("https://github.com/")
    replacements = [
        line["replacement"]
        for line in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"][
            "substitutions"
        ]
    ]
    assert all(f"/{owner}/" in line for line in replacements)
    assert f"repository-code: {home}\n" in text_of("CITATION.cff")
    assert f"<{home}/security/advisories/new>" in text_of("SECURITY.md")
    links = yaml_of(GITHUB / "ISSUE_TEMPLATE" / "config.yml")["contact_links"]
    assert all(link["url"].startswith((f"{home}/", pages)) for link in links)


def test_types_are_published():
    assert (Path(wvae.__file__).parent / "py.typed").is_file()
    assert "Typing :: Typed" in METADATA["classifiers"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](docs/a.md)", "[a](https://github.com/{0}/blob/v{1}/docs/a.md)"),
        ("![p](docs/p.png)", "![p](https://raw.githubusercontent.com/{0}/v{1}/docs/p.png)"),
        (
            "[![p](docs/p.png)](docs/a.md)",
            "[![p](https://raw.githubusercontent.com/{0}/v{1}/docs/p.png)]"
            "(https://github.com/{0}/blob/v{1}/docs/a.md)",
        ),
        ('<img src="d.svg">', '<img src="https://raw.githubusercontent.com/{0}/v{1}/d.svg">'),
        ("[a](https://a.b/c.png) ![p](https://a.b/c.png) [s](#s)", None),
    ],
)
def test_a_package_index_gets_absolute_addresses(text: str, expected: str | None):
    shown = text
    hook = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    for substitution in hook["substitutions"]:
        shown = re.sub(substitution["pattern"], substitution["replacement"], shown)
    owner = METADATA["urls"]["Homepage"].removeprefix("https://github.com/")
    assert shown == (text if expected is None else expected.format(owner, "$HFPR_VERSION"))


# ------------------------------------------------------------------------------- constraints


def constraints() -> dict[str, list[Requirement]]:
    """Return the lines of constraints.txt by canonical name; platforms may differ."""
    lines: dict[str, list[Requirement]] = {}
    for line in text_of("constraints.txt").splitlines():
        requirement = Requirement(line)
        lines.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return lines


def test_constraints_pin_all_that_is_asked_for():
    pinned = constraints()
    asked = list(METADATA["dependencies"])
    for extra in set(EXTRAS) - NOT_PINNED:
        asked += EXTRAS[extra]
    for line in asked:
        requirement = Requirement(line)
        for pin in pinned[canonicalize_name(requirement.name)]:
            version = str(pin.specifier).removeprefix("==")
            assert "=" not in version
            assert Version(version).local is None, "a build for one machine"
            assert requirement.specifier.contains(version, prereleases=True), line


def test_make_constraints_knows_every_extra():
    line = re.search(r"^PINNED := (.+)$", text_of("Makefile"), re.M)
    assert line is not None
    assert set(line[1].split()) == set(EXTRAS) - NOT_PINNED


def test_constraints_name_no_server():
    assert not re.search(r"https?:|index-url|find-links|@|/", text_of("constraints.txt"))


# --------------------------------------------------------------------------------- workflows


def yaml_of(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(p for p in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if p.stem != "config")
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-forms": FORMS,
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.citation-file-format": [ROOT / "CITATION.cff"],
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_for_github_are_valid(schema: str):
    assert SCHEMAS[schema]
    command = [sys.executable, "-m", "check_jsonschema", "--output-format", "json"]
    done = subprocess.run(
        [*command, "--builtin-schema", schema, *SCHEMAS[schema]], capture_output=True, text=True
    )
    assert done.returncode == 0, json.loads(done.stdout)


def test_a_wrong_workflow_is_invalid(tmp_path: Path):
    text = WORKFLOWS[0].read_text("utf-8").replace("runs-on", "run-on")
    (tmp_path / "wrong.yml").write_text(text, "utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    done = subprocess.run(
        [*command, "vendor.github-workflows", tmp_path / "wrong.yml"], capture_output=True
    )
    assert done.returncode == 1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_do_little_and_end(path: Path):
    workflow = yaml_of(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        if "id-token" in job.get("permissions", {}):
            assert "environment" in job, name
        for step in job["steps"]:
            assert re.fullmatch(r"[\w-]+/[\w-]+@(release/)?v\d+", step.get("uses", "a/b@v1"))
            assert "${{" not in step.get("run", ""), "values of events go through env"


def test_a_release_publishes_what_was_tried():
    jobs = yaml_of(GITHUB / "workflows" / "release.yml")["jobs"]
    assert "make packages" in [step.get("run") for step in jobs["build"]["steps"]]
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert not any("password" in str(step) for step in jobs["publish"]["steps"])


def test_extras_that_a_workflow_or_make_installs_exist():
    for name in (".github/workflows/ci.yml", "Makefile"):
        lists = re.findall(r"""["']\.\[([\w,]+)\]["']""", text_of(name))
        assert lists
        assert {extra for line in lists for extra in line.split(",")} <= set(EXTRAS)


# ------------------------------------------------------------------------- packages and audit


def test_every_extra_of_users_is_tried(monkeypatch: pytest.MonkeyPatch):
    tries = load_script("tries", monkeypatch)
    assert set(tries.EXTRAS) == set(EXTRAS) - OF_DEVELOPERS
    assert all(tries.EXTRAS.values())
    assert {one.needs for one in tries.MISSING} <= set(EXTRAS)
    assert set(tries.UNPINNED) == NOT_PINNED


@pytest.mark.parametrize(
    ("settings", "code", "out", "err", "fault"),
    [
        ({}, 0, "model", "", ""),
        ({}, 1, "model", "Traceback", "exit 1"),
        ({"prints": "model"}, 0, "", "", "expected 'model'"),
        ({"needs": "files"}, 2, "", "wvae: no PIL: pip install 'wvae[files]'", ""),
        ({"needs": "files"}, 2, "", "wvae: no PIL: pip install 'wvae[report]'", "expected exit 2"),
        ({"needs": "files"}, 2, "", "Traceback\npip install 'wvae[files]'", "expected exit 2"),
        ({"needs": "files"}, 1, "", "wvae: pip install 'wvae[files]'", "expected exit 2"),
        ({"needs": "files"}, 2, "", "2 classes\nwvae: pip install 'wvae[files]'", ""),
        ({"needs": "files"}, 0, "model", "", "expected exit 2"),
    ],
)
def test_a_try_sees_what_is_wrong(
    settings: dict[str, str],
    code: int,
    out: str,
    err: str,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
):
    tries = load_script("tries", monkeypatch)
    done = subprocess.CompletedProcess([], code, out, err)
    found = tries.Try("a try", **settings).fault(done)
    assert found.startswith(fault)
    assert bool(found) is bool(fault)


@pytest.mark.parametrize(
    ("licence", "permissive"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only OR MIT", True),
        ("Apache Software License", True),
        ("MPL-2.0", False),
        ("MIT AND GPL-3.0-or-later", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("BSD License, GNU General Public License v2 (GPLv2)", False),
        ("LicenseRef-NVIDIA-Proprietary", False),
        ("unknown", False),
    ],
)
def test_licences_that_ask_for_more_are_seen(
    licence: str, permissive: bool, monkeypatch: pytest.MonkeyPatch
):
    assert load_script("audit", monkeypatch).is_permissive(licence) is permissive


@pytest.mark.parametrize(
    "printed", ["", '{"dependencies": [{"name": "numpy", "skip_reason": "-"}]}']
)
def test_no_answer_of_the_database_is_no_success(
    printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    audit = load_script("audit", monkeypatch)
    asked: list[Path] = []

    def run(command: list[Path], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command[2])
        return subprocess.CompletedProcess(command, 0, printed, "no route")

    monkeypatch.setattr(audit.subprocess, "run", run)
    assert audit.vulnerabilities() == 3
    assert "no answer" in capsys.readouterr().err
    assert len(asked) == 1, "where there is no database, it is asked once"


def test_a_vulnerability_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    audit = load_script("audit", monkeypatch)
    fault = {"id": "CVE-1", "fix_versions": ["2.0"]}
    sound = {"name": "numpy", "version": "1.0", "vulns": []}
    answers = iter([[sound], [sound, {"name": "a", "version": "1.0", "vulns": [fault]}]])
    monkeypatch.setattr(audit, "ask_database", lambda _: next(answers))
    assert audit.vulnerabilities() == 1
    assert "a 1.0: CVE-1, mended in 2.0" in capsys.readouterr().out


def test_licences_of_the_core_are_known(monkeypatch: pytest.MonkeyPatch):
    audit = load_script("audit", monkeypatch)
    core = audit.closure("wvae", set())
    assert {"numpy", "torch", "wvae"} <= set(core)
    assert "pytest" not in core
    assert "pytest" in audit.closure("wvae", {"dev"})
    assert "pillow" in audit.closure("wvae", {"files"})


# -------------------------------------------------------------------------------- no pickles


def test_nothing_is_unpickled():
    pattern = re.compile(
        r"^\s*(?:import|from)\s+(?:pickle|cloudpickle|joblib|dill|marshal|shelve)\b"
        r"|\btorch\.(?:load|save)\(|allow_pickle=True|\bread_pickle\(|(?<![.\w])(?:eval|exec)\(",
        re.M,
    )
    assert pattern.search("    import pickle")
    assert pattern.search("x = torch.load(path)")
    assert not pattern.search("model.eval()\nprint('a pickle')")
    files = sorted((ROOT / "src").rglob("*.py"))
    assert len(files) > 100
    found = {
        f"{file.relative_to(ROOT)}: {match.group().strip()}"
        for file in files
        for match in pattern.finditer(file.read_text("utf-8"))
    }
    assert found == set()
