"""The build of the pages in Japanese: line breaks between Japanese characters disappear."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

nodes = pytest.importorskip("docutils.nodes")
pytest.importorskip("sphinx")
DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture
def japanese(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    sys.modules.pop("japanese", None)
    import japanese  # pyright: ignore[reportMissingImports]

    return japanese


def paragraph(*children: Any) -> Any:
    """Return a paragraph as the parser of Markdown makes it: a line break is a text of its own."""
    made = [nodes.Text(child) if isinstance(child, str) else child for child in children]
    return nodes.paragraph("", "", *made)


@pytest.mark.parametrize(
    ("children", "text"),
    [
        (("学習に使うのは", "\n", "ラベルだけです。"), "学習に使うのはラベルだけです。"),
        (("これは", "\n", "VAE です。"), "これは\nVAE です。"),
        (("the rest", "\n", "of it"), "the rest\nof it"),
    ],
)
def test_line_breaks_go_between_japanese_characters_only(
    japanese: ModuleType, children: tuple[str, ...], text: str
) -> None:
    document = nodes.container("", paragraph(*children))
    app = SimpleNamespace(env=SimpleNamespace(docname="ja/index"))
    japanese.join_lines(app, document)
    assert document.astext() == text


def test_a_line_break_beside_emphasis_is_seen(japanese: ModuleType) -> None:
    strong = nodes.strong("", "残り")
    document = nodes.container("", paragraph(strong, "\n", "を学ぶ"))
    app = SimpleNamespace(env=SimpleNamespace(docname="ja/index"))
    japanese.join_lines(app, document)
    assert document.astext() == "残りを学ぶ"


def test_other_pages_keep_their_lines(japanese: ModuleType) -> None:
    document = nodes.container("", paragraph("学習", "\n", "です"))
    japanese.join_lines(SimpleNamespace(env=SimpleNamespace(docname="index")), document)
    assert document.astext() == "学習\nです"


@pytest.mark.parametrize(("page", "language"), [("ja/faq", "ja"), ("faq", "en")])
def test_the_page_says_its_language(japanese: ModuleType, page: str, language: str) -> None:
    context = {"language": "en"}
    japanese.set_language(None, page, "page.html", context, None)
    assert context["language"] == language
