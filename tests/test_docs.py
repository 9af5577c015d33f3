"""The pages: they build without warnings, are complete, and fit a telephone."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import typer
from filelock import FileLock

import wvae
from wvae.cli.app import app
from wvae.config import parameters

pytest.importorskip("sphinx")
MarkdownIt = pytest.importorskip("markdown_it").MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("WVAE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no browser, see tests/test_browser.py")
LEFT_OUT = ("_build", "_cache", "_explorer", "_ext", "results", "jupyter_execute")
SOURCES = sorted(
    path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] not in LEFT_OUT
)
GENERATED = ("genindex.html", "search.html", "py-modindex.html")
SHELLS = ("bash", "console", "shell", "sh")
TELEPHONE = 390  # CSS pixels


def names_of(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


# ---------------------------------------------------------------------- one build for all tests


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages, without the output of notebooks; processes of pytest share one build."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    out, log = folder / "site", folder / "site.log"
    with FileLock(folder / "site.lock"):
        if not log.exists():
            options = ["-D", "nb_execution_mode=off", "-D", "suppress_warnings=myst-nb.lexer"]
            command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", *options, DOCS, out]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            log.write_text(done.stderr if done.returncode == 0 else f"failed\n{done.stderr}")
    return out


def pages_of(site: Path) -> list[Path]:
    # The live explorer, if `make docs` has made it, is a page with tests of its own.
    live = site / "explorer" / "index.html"
    pages = [p for p in site.rglob("*.html") if p.name not in GENERATED and p != live]
    return sorted(page for page in pages if page.relative_to(site).parts[0] != "_modules")


class Page(HTMLParser):
    """Links, ids, pictures and scripts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.pictures: list[dict[str, str | None]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.add(found["id"] or "")
        if tag == "img":
            self.pictures.append(found)
        if tag == "script" and found.get("src"):
            self.scripts.append(found["src"] or "")
        for name in ("href", "src"):
            if found.get(name) and tag != "link":
                self.links.append(found[name] or "")


@cache
def page_of(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_pages_build_without_a_warning(site: Path) -> None:
    assert (site.parent / "site.log").read_text() == ""
    built = {page.relative_to(site).with_suffix("") for page in pages_of(site)}
    assert built >= {path.relative_to(DOCS).with_suffix("") for path in SOURCES}


# ---------------------------------------------------------------------- links and pictures


def broken_links(page: Path) -> list[str]:
    """Return the links within the site that lead nowhere."""
    broken = []
    for link in page_of(page).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page.resolve()
        if target.is_dir():
            target /= "index.html"
        wanted = unquote(parts.fragment)
        if not target.exists() or (
            wanted and target.suffix == ".html" and wanted not in page_of(target).ids
        ):
            broken.append(link)
    return broken


@pytest.mark.slow
def test_every_link_within_the_site_leads_somewhere(site: Path) -> None:
    faults = {page.name: broken for page in pages_of(site) if (broken := broken_links(page))}
    # The live explorer is built by `make docs` only.
    faults = {
        k: [link for link in v if "explorer/index.html" not in link] for k, v in faults.items()
    }
    assert not any(faults.values()), faults


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<a href="#no"></a><a href="gone.html"></a><a id="a" href="page.html#a"></a>')
    assert broken_links(page) == ["#no", "gone.html"]


@pytest.mark.slow
def test_pictures_have_a_text_and_scripts_are_local(site: Path) -> None:
    for page in pages_of(site):
        for picture in page_of(page).pictures:
            assert (picture.get("alt") or "").strip(), f"{page.name}: {picture.get('src')}"
        assert [script for script in page_of(page).scripts if "//" in script] == [], page.name


# ---------------------------------------------------------------------- code blocks


def code_blocks(text: str) -> list[tuple[int, str, str]]:
    """Return line, language and content of every code block of a Markdown text."""
    blocks = []
    for token in MarkdownIt("commonmark").parse(re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)):
        if token.type in ("fence", "code_block"):
            language = token.info.split()[0] if token.info.split() else ""
            blocks.append((token.map[0] + 1 if token.map else 0, language, token.content))
    return blocks


@pytest.mark.parametrize("path", SOURCES, ids=names_of(SOURCES))
def test_every_code_block_has_a_language(path: Path) -> None:
    for line, language, content in code_blocks(path.read_text(encoding="utf-8")):
        assert language, f"line {line}: {content[:60]}"


def test_an_indented_block_has_no_language() -> None:
    assert [b[1] for b in code_blocks("a\n\n    b\n\n```bash\nc\n```\n")] == ["", "bash"]


def commands_of(text: str) -> Iterator[list[str]]:
    """Yield the arguments of every `wvae` command in the shell blocks of a Markdown text."""
    for _, language, content in code_blocks(text):
        if language not in SHELLS:
            continue
        for line in content.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            for command in " ".join(map(shlex.quote, words)).split("'&&'"):
                arguments = shlex.split(command)
                while arguments and re.fullmatch(r"[A-Z_]+=.*", arguments[0]):
                    arguments.pop(0)
                if arguments[:1] == ["wvae"]:
                    yield arguments[1:]
                elif "-m" in arguments and arguments[arguments.index("-m") + 1 :][:1] == ["wvae"]:
                    yield arguments[arguments.index("-m") + 2 :]


def parse(arguments: list[str]) -> None:
    """Parse a command line without running it; raise the program's own error if it is wrong."""
    command: Any = typer.main.get_command(app)
    try:
        context = command.make_context("wvae", list(arguments))
        while hasattr(command, "resolve_command"):
            rest = [*context._protected_args, *context.args]
            name, command, rest = command.resolve_command(context, rest)
            context = command.make_context(name, rest, parent=context)
    except typer.Exit:  # --version and --help
        return


WITH_COMMANDS = [
    path
    for path in [*SOURCES, ROOT / "README.md", ROOT / "README.ja.md"]
    if any(commands_of(path.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=names_of(WITH_COMMANDS))
def test_commands_of_the_pages_exist(path: Path) -> None:
    for arguments in commands_of(path.read_text(encoding="utf-8")):
        parse(arguments)


@pytest.mark.parametrize("wrong", ["fit digits --epoch 3", "fits digits", "swap model", "fit a b"])
def test_a_wrong_command_is_noticed(wrong: str) -> None:
    (arguments,) = commands_of(f"```bash\nA=1 wvae {wrong}  # a comment\n```\n")
    assert arguments == wrong.split()
    with pytest.raises(Exception, match=r"(?i)no such|missing|unexpected"):
        parse(arguments)


# ---------------------------------------------------------------------- completeness


def test_the_api_page_has_every_public_name() -> None:
    text = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    entries = set(re.findall(r"^\.\. (?:auto\w+|py:data):: (\S+)$", text, re.MULTILINE))
    names = {f"wvae.{name}" for name in wvae.__all__ if name not in ("__version__", "datasets")}
    names |= {f"wvae.datasets.{name}" for name in wvae.datasets.__all__}
    assert names <= entries


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield " ".join(path), command
    for name, child in children.items():
        yield from commands(child, (*path, name))


@pytest.mark.slow
def test_the_page_of_commands_has_every_option(site: Path) -> None:
    html = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    sections = re.split(r"<h2>wvae ", html)
    for name, command in commands(typer.main.get_command(app)):
        (section,) = [part for part in sections if part.startswith(f"{name}<")]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        for flag in [flag for option in options for flag in option.opts]:
            assert re.search(rf">{re.escape(flag)}\b", section), f"{name} {flag}"


def text_of(html: str) -> str:
    return unescape(re.sub("<.*?>", "", html)).strip()


@pytest.mark.slow
def test_the_page_of_hyper_parameters_is_a_table(site: Path) -> None:
    html = (site / "reference" / "parameters.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr.*?>(.*?)</tr>", html, re.S)
    cells = [
        [text_of(cell) for cell in re.findall(r"<t[dh].*?>(.*?)</t[dh]>", r, re.S)] for r in rows
    ]
    assert cells[0] == ["name", "meaning", "best", "article", "quick", "allowed"]
    assert ["d_rest", "dimensions of z_rest", "16", "10", "10", "≥ 1"] in cells
    assert {parameter.name for parameter in parameters()} <= {row[0] for row in cells}
    assert {len(row) for row in cells} == {6}


@pytest.mark.slow
def test_equations_are_part_of_the_page(site: Path) -> None:
    html = (site / "explanation" / "method.html").read_text(encoding="utf-8")
    assert html.count("<math ") > 10
    assert "$$" not in html


# ---------------------------------------------------------------------- in a browser

# The width of the page, and what sticks out of it without a box of its own that scrolls.
WIDTH = """() => {
  const scrolls = e => e && (/auto|scroll|hidden/.test(getComputedStyle(e).overflowX)
    || scrolls(e.parentElement));
  const out = [...document.querySelectorAll("article *")].filter(e =>
    e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e.parentElement));
  return [document.documentElement.scrollWidth, out.map(e => e.outerHTML.slice(0, 120))];
}"""
AXE_RUN = """async () => {
  const options = {resultTypes: ["violations"]};
  const found = await axe.run(document, options);
  return found.violations.filter(v => ["serious", "critical"].includes(v.impact))
    .map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 150)).join(" | "));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def telephone(browser: Any) -> Iterator[Any]:
    window = browser.new_page(viewport={"width": TELEPHONE, "height": 844})
    window.route("**/explorer/index.html*", lambda route: route.abort())
    yield window
    window.close()


def cut_at(window: Any, page: Path) -> list[Any]:
    """Return what does not fit the window."""
    window.goto(page.as_uri(), wait_until="load")
    width, out = window.evaluate(WIDTH)
    return [width, *out] if width > TELEPHONE or out else []


@pytest.mark.slow
@needs_browser
def test_nothing_is_cut_on_a_telephone(site: Path, telephone: Any) -> None:
    pages = [*pages_of(site), site / "search.html", site / "genindex.html"]
    faults = {
        str(page.relative_to(site)): cut for page in pages if (cut := cut_at(telephone, page))
    }
    assert not faults


@pytest.mark.slow
@needs_browser
def test_a_wide_page_is_noticed(telephone: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    head = '<!DOCTYPE html><meta name="viewport" content="width=device-width">'
    page.write_text(f'{head}<article><p style="width: 500px">wide</p></article>')
    assert cut_at(telephone, page)
    page.write_text(f'{head}<article style="overflow: auto"><p style="width: 500px"></p></article>')
    assert not cut_at(telephone, page)


def axe_faults(browser: Any, page: Path, scheme: str = "light") -> list[str]:
    opened = browser.new_page(color_scheme=scheme)
    opened.route("**/explorer/index.html*", lambda route: route.abort())
    opened.goto(page.as_uri(), wait_until="load")
    opened.add_script_tag(path=AXE)
    faults = opened.evaluate(AXE_RUN)
    opened.close()
    return faults


@pytest.mark.slow
@needs_browser
@pytest.mark.skipif(not AXE.exists(), reason="axe-core comes with `make web`")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name",
    ["index", "explanation/method", "reference/cli", "reference/parameters", "howto/explore"],
)
def test_pages_are_accessible(site: Path, browser: Any, name: str, scheme: str) -> None:
    assert axe_faults(browser, site / f"{name}.html", scheme) == []


@pytest.mark.slow
@needs_browser
@pytest.mark.skipif(not AXE.exists(), reason="axe-core comes with `make web`")
def test_a_picture_without_a_text_is_noticed(browser: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<!DOCTYPE html><html lang="en"><title>a</title><main><img src="a.png"></main>')
    assert [fault.split(":")[0] for fault in axe_faults(browser, page)] == ["image-alt"]
