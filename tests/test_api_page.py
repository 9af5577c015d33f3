"""The pages of the public interface: everything on them exists and is documented."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
PAGES = "\n".join((REFERENCE / name).read_text("utf-8") for name in ("api.md", "functions.md"))
ENTRIES = re.findall(r"^\.\. auto(\w+):: (\S+)$", PAGES, re.MULTILINE)


def resolve(kind: str, path: str) -> Any:
    if kind == "module":
        return import_module(path)
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def routines(kind: str, path: str) -> dict[str, Any]:
    """Return the public functions and methods that an entry shows, by name."""
    target = resolve(kind, path)
    if kind == "function":
        return {path: target}
    shown: dict[str, Any] = {}
    for name in vars(target):
        member = getattr(target, name)
        if not name.startswith("_") and inspect.isroutine(member):
            shown[f"{path}.{name}"] = member
    return shown


@pytest.mark.parametrize(("kind", "path"), ENTRIES)
def test_an_entry_of_the_page_exists_and_is_documented(kind: str, path: str):
    assert (resolve(kind, path).__doc__ or "").strip()
    for name, routine in routines(kind, path).items():
        assert (inspect.getdoc(routine) or "").strip(), name


@pytest.mark.parametrize("path", ["wvae.WVAE", "wvae.Config"])
def test_methods_describe_their_parameters(path: str):
    for name, method in routines("class", path).items():
        if name.rpartition(".")[2].startswith("set_"):  # scikit-learn's
            continue
        doc = inspect.getdoc(method) or ""
        section = doc.partition("Parameters\n---")[2]
        for parameter in inspect.signature(method).parameters:
            if parameter not in ("self", "cls"):
                assert parameter in section, f"{name}: {parameter}"
