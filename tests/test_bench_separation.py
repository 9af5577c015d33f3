"""The bench of separation methods on planted data: cells, resuming, table, picture."""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Annotation

from wvae import WVAE
from wvae.datasets import Dataset

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
TINY: dict[str, Any] = {
    "width": 16,
    "d_rest": 3,
    "d_label": 3,
    "batch_size": 32,
    "alignment_steps": 3,
    "device": "cpu",
}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("separation")


def rows_of(bench: Any, methods: list[str] | None = None, seeds: int = 2) -> list[dict[str, Any]]:
    """Return invented rows whose metrics follow from method and seed; some methods overlap."""
    rows = []
    for i, method in enumerate(methods or bench.METHODS):
        for seed in range(seeds):
            metrics = {key: 0.1 * (i + seed) for key, _ in bench.COLUMNS} | {
                "leakage.majority": 0.25
            }
            metrics |= {
                "leakage.max": 0.95 - 0.05 * max(i - 4, 0),
                "reconstruction": 90.0 + max(i - 4, 0) + seed,
            }
            setting = bench.setting(method, 7, {})
            row = {"method": method, "seed": seed, "setting": setting, "metrics": metrics}
            rows.append({**row, "commit": f"c{method[0]}", "machine": {"threads": 1}})
    return rows


def test_finished_cells_are_not_trained_again(
    bench: Any, planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, methods, trained = tmp_path / "rows.jsonl", ["none", "best without alignment", "best"], []
    fit = WVAE.fit
    monkeypatch.setattr(
        WVAE,
        "fit",
        lambda self, *a, **k: trained.append(self.decoder_label_input) or fit(self, *a, **k),
    )
    numbers = dict.fromkeys([key for key, _ in bench.COLUMNS] + ["leakage.majority"], 0.5)
    monkeypatch.setattr(bench, "measure_model", lambda model, data, seed: numbers)

    def run() -> list[dict[str, Any]]:
        bench.run(planted, file, [0], 2, methods, lambda text: None, **TINY)
        return bench.rows(file, 2, TINY)

    rows = run()
    assert trained == ["code", "class"]  # best is trained once
    assert [row["method"] for row in rows] == methods
    assert rows[2]["metrics"]["seconds"] > rows[1]["metrics"]["seconds"]
    file.write_text(file.read_text()[:-20])  # the last line is incomplete
    assert [row["method"] for row in run()] == methods
    assert trained == ["code", "class", "class"]
    run()
    assert len(trained) == 3
    assert bench.rows(file, 3, TINY) == []  # of other settings


@pytest.mark.slow
def test_the_bench_aligns_and_finetunes_like_fit(bench: Any, planted: Dataset) -> None:
    both = bench.trial_rows(planted, 0)
    train = both.subset(both.split == "train")
    best = bench.METHODS["best"]
    config = bench.training_config(best, 2, 0, **TINY)
    later = bench.align_and_finetune(
        WVAE(code="rest", **asdict(config)).fit(train.x, train.y), train, best
    )
    at_once = WVAE(code="rest", **asdict(config) | best.after_training()).fit(train.x, train.y)
    np.testing.assert_array_equal(later.transform(both.x), at_once.transform(both.x))
    np.testing.assert_array_equal(later.reconstruct(both.x), at_once.reconstruct(both.x))
    metrics = bench.measure_model(later, both, 0)
    assert np.isfinite(list(metrics.values())).all()
    assert {key for key, _ in bench.COLUMNS} - {"seconds"} <= metrics.keys()
    assert metrics["leakage.majority"] <= metrics["leakage.max"] <= 1


def test_the_report_writes_one_result_for_each_seed_and_the_picture(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, image = tmp_path / "results", tmp_path / "picture.png"
    monkeypatch.setattr(bench, "add_run", partial(bench.add_run, results=results))
    assert bench.report(tmp_path, image, 7) == []  # there are no rows
    rows = [*rows_of(bench, ["best", "none"])]
    (tmp_path / "handwriting.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for _ in range(2):
        assert bench.report(tmp_path, image, 7) == ["handwriting"]
    result = json.loads((results / "separation-handwriting.json").read_text())
    assert [run["seed"] for run in result["runs"]] == [0, 1]
    # Where each cell was measured, not where the report was written.
    assert [part["commit"] for part in result["runs"][0]["parts"]] == ["cn", "cb"]
    metrics = result["runs"][0]["metrics"]
    assert metrics["none: leakage.max"] == metrics["best: leakage.max"] == 0.95
    assert next(iter(metrics)).startswith("none")  # the order of the methods
    assert image.read_bytes().startswith(b"\x89PNG")


def test_names_in_the_picture_do_not_cover_each_other(bench: Any) -> None:
    figure = bench.picture({"handwriting": rows_of(bench)})
    renderer = figure.canvas.get_renderer()
    names = [text for text in figure.axes[0].texts if isinstance(text, Annotation)]
    assert len(names) == len(bench.METHODS)
    # The text itself: an annotation's own extent holds its line, too.
    boxes = [super(Annotation, name).get_window_extent(renderer) for name in names]
    for a, b in combinations(boxes, 2):
        assert not a.overlaps(b)
    inside = figure.axes[0].get_window_extent(renderer).padded(2)
    assert all(inside.x0 <= box.x0 and box.x1 <= inside.x1 for box in boxes)
