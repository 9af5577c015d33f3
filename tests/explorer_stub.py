"""Shared by the tests of the explorer: a small page and small data in place of the real ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

__all__ = ["stub_page_and_data", "write_page"]


def write_page(folder: Path) -> None:
    """Write a page as the build does: one HTML file, and assets with a hash in their names."""
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>wvae</title>")
    (folder / "assets" / "index-D3f_a9xK.js").write_text("export {};")
    (folder / "assets" / "ort-wasm-simd-threaded.mjs").write_text("export {};")
    (folder / "assets" / "ort-B1c2d3e4.wasm").write_bytes(b"\0asm")


def stub_page_and_data(patch: pytest.MonkeyPatch, folder: Path) -> dict[str, Any]:
    """Replace the page and what writes its data; return what the latter was called with."""
    page = folder / "built-page"
    write_page(page)
    patch.setattr("wvae.explorer.site.PAGE", page)
    calls: dict[str, Any] = {}

    def write_data(model: Any, data: Any, target: Path, **options: Any) -> None:
        calls.update(options, data=data, target=target)
        target.mkdir(exist_ok=True)
        (target / "explorer.json").write_text(json.dumps({"title": data.name}))
        (target / "z_rest.f32").write_bytes(bytes(8))

    bundle = ModuleType("wvae.explorer.bundle")
    bundle.write_data = write_data  # type: ignore[attr-defined]
    patch.setitem(sys.modules, "wvae.explorer.bundle", bundle)
    return calls
