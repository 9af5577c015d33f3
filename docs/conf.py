"""Sphinx: `make docs`."""

from importlib.metadata import version as installed
from pathlib import Path

project = "wvae"
author = "The wvae authors"
project_copyright = "2026, the wvae authors"
version = release = installed("wvae")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = "wvae"
exclude_patterns = ["_build", "_explorer", "jupyter_execute"]
# The live explorer, which `make docs` makes if the page can be built.
html_extra_path = ["_explorer"] if (Path(__file__).parent / "_explorer").exists() else []
nb_execution_mode = "force"  # what a page prints is what the code of this version prints
nb_execution_raise_on_error = True
nb_execution_timeout = 300
myst_heading_anchors = 2  # pages link to each other's sections
autodoc_typehints = "description"
autodoc_member_order = "bysource"
