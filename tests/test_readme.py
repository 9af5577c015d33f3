"""The README: its code runs, and its links exist, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def python_of(name: str) -> str:
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), flags=re.S
    )
    assert len(blocks) == 1
    return blocks[0]


# Enough training for a test of the code.
SMALL = 'WVAE(epochs=1, backbone="mlp", width=16, alignment_steps=2, finetune_epochs=0)'


@pytest.mark.slow
def test_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = python_of("README.md")
    assert "WVAE()" in code
    variables: dict[str, object] = {}
    exec(compile(code.replace("WVAE()", SMALL), "README.md", "exec"), variables)
    assert {path.name for path in (tmp_path / "model").iterdir()} == {
        "config.json",
        "model.safetensors",
    }
    for name, shape in (("z_rest", (1000, 16)), ("digits", (1000,)), ("sevens", (8, 28, 28))):
        assert variables[name].shape == shape  # pyright: ignore[reportAttributeAccessIssue]


def test_both_languages_show_the_same_code() -> None:
    def without_comments(name: str) -> list[str]:
        return [line.split("#")[0].rstrip() for line in python_of(name).splitlines()]

    assert without_comments("README.md") == without_comments("README.ja.md")


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_every_linked_file_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    paths = re.findall(r"`((?:src|docs|tests|benchmarks)/[\w./]*)`", text)
    assert links
    for path in links + paths:
        assert (ROOT / path).exists(), path
