"""Pages in `ja/`: they say that they are in Japanese, and lines are joined without a space."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

FOLDER = "ja/"
# Kana, ideographs, their punctuation and full-width forms.
JAPANESE = re.compile("[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")


def join_lines(app: Sphinx, doctree: nodes.document) -> None:
    """Remove line breaks of the source between Japanese characters: browsers show a space there."""
    if not app.env.docname.startswith(FOLDER):
        return
    for line_break in list(doctree.findall(_is_line_break)):
        parent = line_break.parent
        index = parent.index(line_break)
        before = "".join(node.astext() for node in parent[:index])
        after = "".join(node.astext() for node in parent[index + 1 :])
        if JAPANESE.match(before[-1:]) and JAPANESE.match(after[:1]):
            parent.remove(line_break)


def _is_line_break(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Text) and node.astext() == "\n"


def set_language(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give the page `lang="ja"`: browsers then choose Japanese forms of ideographs."""
    if page.startswith(FOLDER):
        context["language"] = "ja"


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("doctree-read", join_lines)
    app.connect("html-page-context", set_language)
    app.add_css_file("japanese.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
