"""The tutorial on speech needs recordings: without them, it is shown, but not run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

from wvae.datasets.catalogue import fetch_all
from wvae.datasets.download import DownloadError

PAGE = "tutorials/speech.md"
TAG = "without_recordings"  # a note on the page depends on it
# Where the tests find data, too.
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def fetch_recordings(app: Sphinx, config: Config) -> None:
    """Fetch the recordings into the cache, or leave the page's cells out of the execution."""
    if (SHARED / "fsdd").is_dir():
        os.environ.setdefault("WVAE_MIRROR", str(SHARED))
    try:
        fetch_all("fsdd", progress=False)
    except DownloadError as error:
        config["nb_execution_excludepatterns"] = [*config.nb_execution_excludepatterns, PAGE]
        app.tags.add(TAG)
        reason = str(error).splitlines()[0]
        logging.getLogger(__name__).info("%s is shown, but not run: %s", PAGE, reason)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("config-inited", fetch_recordings)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
