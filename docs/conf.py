"""Sphinx: `make docs`."""

from __future__ import annotations

import sys
from importlib.metadata import metadata
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import inventories  # noqa: E402  (a file beside this one)

project = "wvae"
author = "The wvae authors"
project_copyright = "2026, the wvae authors"
version = release = installed("wvae")
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxext.opengraph",
    "accessible",
    "generated",
    "japanese",
    "mathml",
    "recordings",
]
exclude_patterns = ["_build", "_cache", "_explorer", "_ext", "results", "jupyter_execute"]

# -- Markdown and notebooks ----------------------------------------------------------------------

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3  # pages link to each other's sections
# Tutorials print what the code of this version prints. An unchanged page is taken from the cache.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_cache")
nb_execution_raise_on_error = True
nb_execution_timeout = 900
nb_merge_streams = True

# -- Python --------------------------------------------------------------------------------------

autodoc_typehints = "none"  # signatures show the types; the docstring says what they mean
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_param = False  # "int ≥ 1, default 10" is a type for people, not a reference
python_use_unqualified_type_names = True
# A wrong reference is an error, as is any other warning (`make docs`).
nitpicky = True
nitpick_ignore = [
    ("py:class", "Path"),  # imported for type checkers only
    ("py:class", "wvae.model.SplitVAE"),  # not public: the attribute model_
    ("py:class", "wvae.explorer.notebook.Explorer"),  # not public: what a notebook shows
]
# The build needs no network: the names that are used are listed in _ext/inventories.py.
intersphinx_mapping = inventories.mapping(HERE / "_build" / "inventories")
intersphinx_disabled_reftypes = ["std:doc"]

# -- Pages ---------------------------------------------------------------------------------------

html_theme = "furo"
html_title = "wvae"
html_static_path = ["_static"]
html_css_files = ["wvae.css"]
html_js_files = ["wvae.js"]
html_favicon = "_static/favicon.svg"
html_theme_options = {
    "light_logo": "logo-light.svg",
    "dark_logo": "logo-dark.svg",
    "sidebar_hide_name": True,
}
html_copy_source = False
html_show_sourcelink = False
addresses = dict(entry.split(", ", 1) for entry in metadata("wvae").get_all("Project-URL") or [])
html_baseurl = addresses.get("Documentation", "")
# The live explorer, which `make docs` makes if the page can be built.
html_extra_path = ["_explorer"] if (HERE / "_explorer").exists() else []
copybutton_exclude = ".linenos, .gp, .go"
ogp_site_name = "wvae"
ogp_site_url = html_baseurl or "/"  # a shared link shows a picture only by its whole address
ogp_image = "_static/social.png"
ogp_image_alt = "wvae: one image, and every label in its style"
ogp_social_cards = {"enable": False}
ogp_enable_meta_description = True
linkcheck_timeout = 20
linkcheck_ignore = [r"http://127\.0\.0\.1"]
