"""A wheel or a source archive holds the explorer's page; if it is missing, web/ is built."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NPM = ["npm", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]


class PageHook(BuildHookInterface[Any]):
    """Builds the page, which git does not hold: 14 MB of it are WebAssembly."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make sure of the page before a build; an editable installation may do without."""
        page = Path(self.root, "src", "wvae", "explorer", "page", "index.html")
        if version == "editable" or page.is_file():
            return
        if shutil.which("npm") is None:
            self.app.abort(
                "the explorer's page is missing, and there is no npm to build it: install Node 20 "
                "or newer, or install wvae with pip -e, without the explorer"
            )
        web = Path(self.root, "web")
        for command in (["ci"], ["run", "--silent", "build"]):
            built = subprocess.run([*NPM, *command], cwd=web, capture_output=True, text=True)  # noqa: S603
            if built.returncode:
                last = (built.stderr or built.stdout).strip().splitlines()[-1:]
                self.app.abort(f"npm could not build the explorer's page: {''.join(last)}")
