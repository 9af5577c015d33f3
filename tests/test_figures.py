"""Figures in README and documentation: all from docs/results, none by hand, none out of date."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("figures")


@pytest.fixture
def planted(figures: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of results with two runs of one result."""
    values = importlib.import_module("figure_values")
    monkeypatch.setattr(values, "RESULTS", tmp_path)
    values.runs.cache_clear()
    runs = [{"seed": s, "metrics": {"a.b": 0.25 + s / 2, "n": 12_000.0}} for s in (0, 1)]
    (tmp_path / "planted.json").write_text(json.dumps({"name": "planted", "runs": runs}))
    return tmp_path


@pytest.fixture(autouse=True)
def fresh_results(figures: Any) -> Any:
    yield
    importlib.import_module("figure_values").runs.cache_clear()


def pages() -> list[Path]:
    readmes = [ROOT / "README.md", ROOT / "README.ja.md"]
    docs = sorted((ROOT / "docs").rglob("*.md"))
    return readmes + [
        page for page in docs if not re.search(r"/(_\w+|jupyter_execute)/", str(page))
    ]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_figure_is_out_of_date_and_none_is_typed_by_hand(figures: Any, page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert figures.filled(text) == text, "make figures"
    assert figures.unmarked_decimals(page) == []


def test_every_result_was_measured_by_a_commit_on_a_stated_machine() -> None:
    files = sorted((ROOT / "docs" / "results").glob("*.json"))
    assert files
    for file in files:
        result = json.loads(file.read_text(encoding="utf-8"))
        assert result["name"] == file.stem
        seeds = [run["seed"] for run in result["runs"]]
        assert seeds == sorted(set(seeds))
        for run in result["runs"]:
            assert re.fullmatch(r"[0-9a-f]{7,40}", run["commit"]), file.name
            assert run["commands"], file.name
            assert run["machine"]["threads"] >= 1, file.name


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("figure: planted a.b", "0.500 ± 0.354"),
        ("figure: planted a.b .1", "0.5 ± 0.4"),
        ("figure: planted n .0", "12,000 ± 0"),
        ("figure: planted a.b .0 x100", "50 ± 35"),
        ("figure: absent a.b", "n/a"),
    ],
)
def test_a_mark_is_replaced_by_mean_and_sd(
    figures: Any, planted: Path, mark: str, expected: str
) -> None:
    page = f"AMI <!-- {mark} -->old<!-- / --> here"
    filled = figures.filled(page)
    assert filled == f"AMI <!-- {mark} -->{expected}<!-- / --> here"
    assert figures.filled(filled) == filled


@pytest.mark.parametrize("mark", ["figure: planted c", "table: nothing", "figure: planted a.b 2"])
def test_a_wrong_mark_fails(figures: Any, planted: Path, mark: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        figures.filled(f"<!-- {mark} --><!-- / -->")


def test_decimals_are_found_in_prose_only(
    figures: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    page.write_text(
        "AMI 0.372, −1.5 nats and .25.\n\n```python\nx = 0.1\n```\n\n    wvae fit --rate 0.5\n\n"
        "`0.2`, $0.3$, arXiv:1412.6583, Python 3.11, [1.2](https://a.b/3.4)\n"
        "<!-- figure: a b -->0.9<!-- / -->\n"
    )
    assert figures.unmarked_decimals(page) == ["0.372", "−1.5", ".25", "1.2"]


def test_rows_of_a_table_have_the_same_seeds(figures: Any, planted: Path) -> None:
    values = importlib.import_module("figure_values")
    runs = [{"seed": 1, "metrics": {"a.b": 0.5}}]
    (planted / "other.json").write_text(json.dumps({"name": "other", "runs": runs}))
    seeds = values.common_seeds(["planted", "other"])
    assert seeds == [1]
    assert values.values("planted", "a.b", seeds) == [0.75]
    assert values.common_seeds(["planted", "absent"]) == []
