"""What Sphinx and its themes leave out for readers who do not see the page."""

from __future__ import annotations

from typing import Any

CAPTION = 'class="caption" role="heading"'


def name_levels(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the captions of the navigation a level: a heading needs one."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace(CAPTION, f'{CAPTION} aria-level="2"')


def setup(app: Any) -> dict[str, bool]:
    """Register the change, after the theme has made its navigation."""
    app.connect("html-page-context", name_levels, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
