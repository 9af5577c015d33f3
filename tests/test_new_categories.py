"""Measures of categories that training has not seen, on planted codes with known answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wvae.datasets import Dataset
from wvae.evaluation.new_categories import (
    new_factor_accuracy,
    retrieve_new,
    same_or_different,
)
from wvae.experiments.new_categories import (
    baseline_scores,
    centred_per_label,
    is_new,
    style_sheet_figure,
)
from wvae.workflows.measure import measure

LABELS, CATEGORIES = 6, 12


def plant(of: str, seed: int = 0, n: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return codes that tell the category, the label, both in one place, or nothing."""
    rng = np.random.default_rng(seed)
    y, who = np.divmod(np.tile(np.arange(LABELS * CATEGORIES), n), CATEGORIES)
    noise = 0.05 * rng.normal(size=(len(y), CATEGORIES))
    place = {
        "category": who,
        "label": y,
        "category by label": (who + 5 * y) % CATEGORIES,
        "nothing": np.zeros_like(y),
    }[of]
    return np.eye(CATEGORIES)[place] + noise, who + 100 * seed, y


@pytest.mark.parametrize(
    ("of", "low", "high"),
    [
        ("category", 0.99, 1.0),
        ("label", 0.45, 0.55),  # pairs have different labels
        ("category by label", 0.3, 0.6),  # a style that each label writes elsewhere
        ("nothing", 0.45, 0.55),
    ],
)
def test_pairs(of: str, low: float, high: float):
    train, test = plant(of), plant(of, 1)
    scores = same_or_different(*train, *test, n_pairs=4000)
    assert low <= scores["pairs.accuracy"] <= high
    assert low <= scores["pairs.auc"] <= high
    assert scores["pairs.chance"] == 0.5


def test_the_threshold_comes_from_training_rows():
    z, who, y = plant("category")
    z_test, who_test, y_test = plant("category", 1)
    scores = same_or_different(z, who, y, 100 * z_test, who_test, y_test, n_pairs=2000)
    assert scores["pairs.auc"] > 0.99  # the order of distances is right
    assert scores["pairs.accuracy"] == 0.5  # but every pair is further apart than the threshold
    assert scores == same_or_different(z, who, y, 100 * z_test, who_test, y_test, n_pairs=2000)


@pytest.mark.parametrize(
    ("who", "y", "message"),
    [
        (np.arange(8), np.arange(8) % 2, "train has too few pairs of rows of one category"),
        (np.zeros(8), np.arange(8) % 2, "train has too few pairs of rows of two categories"),
    ],
)
def test_parts_without_pairs_are_refused(who: np.ndarray, y: np.ndarray, message: str):
    z = np.eye(8)
    z, who, y = np.tile(z, (2, 1)), np.tile(who, 2), np.tile(y, 2)
    with pytest.raises(ValueError, match=message):
        same_or_different(z, who, y, z, who, y, n_pairs=20)


@pytest.mark.parametrize(
    ("of", "low", "high"),
    [("category", 0.99, 1.0), ("category by label", 0.0, 0.4), ("nothing", 0.0, 0.2)],
)
def test_categories_are_found_by_labels_that_were_not_fitted(of: str, low: float, high: float):
    scores = new_factor_accuracy(*plant(of))
    assert low <= scores["rest.factor.new.accuracy"] <= high
    assert scores["rest.factor.new.chance"] == pytest.approx(1 / CATEGORIES)


def test_probes_need_two_labels_and_two_categories():
    z, who, y = plant("category")
    for arguments in ((z, who, np.zeros_like(y)), (z, np.zeros_like(who), y)):
        with pytest.raises(ValueError, match="expected two or more of both"):
            new_factor_accuracy(*arguments)


def test_retrieval_of_new_categories():
    scores = retrieve_new(*plant("category"), *plant("category", 1))
    assert scores["retrieval.top1.1"] == scores["retrieval.within.top1.1"] == 1
    assert scores["retrieval.verification.eer.1"] < 0.01
    assert scores["retrieval.pairs.accuracy"] > 0.99
    one_label = plant("category"), plant("category", 1)
    for _, _, y in one_label:
        y[:] = 0
    scores = retrieve_new(*one_label[0], *one_label[1])
    assert not any("pairs" in key for key in scores)  # there is no pair with two labels
    assert scores["retrieval.top1.1"] == 1


@pytest.fixture(scope="module")
def parts(planted: Dataset) -> tuple[Dataset, Dataset]:
    """Give the planted images with writers 0 to 2 for training and 3 and 4 for test."""
    is_test = planted.factors["writer"] > 2
    return planted.subset(~is_test), planted.subset(is_test)


def test_baselines_find_what_is_added_to_the_label(parts: tuple[Dataset, Dataset]):
    train, test = parts
    assert is_new(train, test, "writer")
    assert not is_new(train, train, "writer")
    scores = baseline_scores(train, test, "writer", 40, 0)  # three writers span few
    for name in ("centred", "pca"):
        assert scores[f"baseline.{name}.pairs.accuracy"] > 0.95
        assert scores[f"baseline.{name}.top1.1"] > 0.95
    assert scores["baseline.pca.new.accuracy"] > 0.95
    assert scores["baseline.pca.clusters.ami"] > 0.95


def test_centring_uses_the_means_of_training(parts: tuple[Dataset, Dataset]):
    train, test = parts
    centred = centred_per_label(train, test)
    for label in train.classes:
        assert np.abs(centred.train[train.y == label].mean(0)).max() < 1e-5
        mean = train.x[train.y == label].mean(0) / 255
        expected = test.x[test.y == label] / 255 - mean
        found = centred.test[test.y == label].reshape(expected.shape)
        assert np.abs(found - expected).max() < 1e-5


def test_measure_says_what_is_measured_of_new_categories(
    fitted: Any, planted: Dataset, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wvae.workflows.measure.MIN_JUDGE_EXAMPLES", 500)
    monkeypatch.setattr("wvae.evaluation.probes.EPOCHS", 3)
    split = np.where(planted.factors["writer"] > 2, "test", "train")
    data = Dataset(planted.x, planted.y, planted.factors, split, name="new", label_name="animal")
    metrics = measure(fitted, data, judge_epochs=1)
    assert metrics["rest.factor.writer.new.accuracy"] > 0.9
    assert metrics["rest.factor.writer.new.chance"] < 0.6
    assert metrics["retrieval.pairs.accuracy"] > 0.9
    assert "rest.factor.writer.accuracy" not in metrics
    assert "swap.factor" not in metrics


def test_the_style_sheet_has_every_label_and_the_truth_beneath(
    fitted: Any, parts: tuple[Dataset, Dataset], tmp_path: Path
):
    train, test = parts
    is_missing = (test.y == "bee") & (test.factors["writer"] == 3)
    figure = style_sheet_figure(fitted, train, test.subset(~is_missing), "writer", 0, n=2)
    assert len(figure.axes) == 4
    names = [axes.get_title() for axes in figure.axes[::2]]
    assert sorted(names) == ["3", "4"]
    assert [text.get_text() for text in figure.axes[1].get_xticklabels()] == train.classes.tolist()
    for name, axes in zip(names, figure.axes[1::2], strict=True):
        picture = np.asarray(axes.images[0].get_array())
        assert picture.shape == (2 * 8, len(train.classes) * 8)
        truth = picture[8:].reshape(8, 4, 8).transpose(1, 0, 2)
        blank = [not cell.any() for cell in truth]
        assert blank == [name == "3" and label == "bee" for label in train.classes]
        real = [cell for cell, empty in zip(truth, blank, strict=True) if not empty]
        decoded = picture[:8].reshape(8, 4, 8).transpose(1, 0, 2)
        decoded = [cell for cell, empty in zip(decoded, blank, strict=True) if not empty]
        assert np.abs(np.stack(real) - np.stack(decoded)).mean() < 0.15
    figure.savefig(tmp_path / "sheet.png")
