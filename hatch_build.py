"""A wheel or a source archive is not built without the explorer's page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface[Any]):
    """Stops a build that would lack the page, which `make web` makes from web/."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Check the page before a build; an editable installation may do without."""
        page = Path(self.root, "src", "wvae", "explorer", "page", "index.html")
        if version != "editable" and not page.is_file():
            self.app.abort("the explorer's page is missing: run `make web`, or install with pip -e")
