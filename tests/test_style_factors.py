"""Factors in z_rest: codes that contain a known share of a factor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from code_cases import labels, noise, shrink_probes, unchanged_global_generators
from wvae.evaluation.style import factor_accuracy, factor_r2

Array = np.ndarray
N, N_TRAIN = 1200, 800


@pytest.fixture(autouse=True)
def _small_probes(monkeypatch: pytest.MonkeyPatch):
    shrink_probes(monkeypatch)


# Continuous factors


def r2(z: Array, y: Array | None = None, **factors: Array) -> dict[str, float]:
    train = {name: values[:N_TRAIN] for name, values in factors.items()}
    test = {name: values[N_TRAIN:] for name, values in factors.items()}
    options: dict[str, Any] = {}
    if y is not None:
        options = {"y_train": y[:N_TRAIN], "y_test": y[N_TRAIN:]}
    return factor_r2(z[:N_TRAIN], train, z[N_TRAIN:], test, **options)


def test_planted_shares_of_variance_are_measured():
    z, other = noise(N), noise(N, 1, seed=1)[:, 0]
    scores = r2(z, linear=50 + 9 * z[:, 0], half=z[:, 0] + other, square=z[:, 1] ** 2, none=other)
    names = ["linear", "half", "square", "none"]
    assert list(scores) == [f"rest.r2.{name}" for name in (*names, "mean")]
    assert scores["rest.r2.linear"] == pytest.approx(1, abs=1e-3)
    assert scores["rest.r2.half"] == pytest.approx(0.5, abs=0.07)
    assert scores["rest.r2.square"] > 0.85
    assert scores["rest.r2.none"] == pytest.approx(0, abs=0.06)
    mean = np.mean([scores[f"rest.r2.{name}"] for name in names])
    assert scores["rest.r2.mean"] == pytest.approx(mean)


def test_r2_given_the_label_includes_its_share():
    # Half of the variance is the label's, half is in the code.
    z, y = noise(N, 1), labels(N, 2)
    scores = r2(z, y, width=z[:, 0] + 2 * y)
    assert list(scores) == [
        "rest.r2.width",
        "rest.r2.mean",
        "rest.r2.given_label.width",
        "rest.r2.given_label.mean",
    ]
    assert scores["rest.r2.width"] == pytest.approx(0.5, abs=0.07)
    assert scores["rest.r2.given_label.width"] == pytest.approx(1, abs=0.01)


def test_r2_depends_on_the_seed_alone():
    z, factors = noise(100), {"slant": noise(100)[:, 0] ** 2}
    with unchanged_global_generators():
        first, again, other = (factor_r2(z, factors, z, factors, seed=s) for s in (1, 1, 2))
    assert first == again != other


Z, Y, SLANT = noise(12), np.arange(12) % 2, noise(12)[:, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z_train": Z[:5]}, r"z_train has shape \(5, 2\)"),
        ({"factors_train": {}, "factors_test": {}}, r"factors are \[\] in train"),
        ({"factors_test": {"a": SLANT * 0}}, "a of test is constant"),
        ({"factors_test": {"a": Y.astype(str)}}, "a of test .*factor_accuracy"),
        ({"y_train": Y}, "only one of y_train and y_test"),
        ({"y_test": Y}, "only one of y_train and y_test"),
        ({"y_train": Y, "y_test": Y + 1}, r"y of test has \[2\]"),
    ],
)
def test_bad_input_of_factor_r2_is_rejected(change: dict[str, Any], message: str):
    factors = {"a": SLANT}
    good: dict[str, Any] = {"z_train": Z, "factors_train": factors}
    good |= {"z_test": Z, "factors_test": factors}
    with pytest.raises(ValueError, match=message):
        factor_r2(**(good | change))


# Categorical factors


def accuracy(z: Array, writer: Array, y: Array) -> dict[str, float]:
    train, test = slice(N_TRAIN), slice(N_TRAIN, N)
    return factor_accuracy(z[train], writer[train], y[train], z[test], writer[test], y[test])


def test_separated_writers_are_predicted():
    writer, y = labels(N, 5), labels(N, 3, seed=8)
    scores = accuracy(noise(N) + 20 * np.stack([writer, writer**2], 1), writer, y)
    assert list(scores) == [
        "rest.factor.accuracy",
        "rest.factor.chance",
        "rest.factor.within_label",
        "rest.factor.within_label.chance",
    ]
    assert scores["rest.factor.accuracy"] > 0.97
    assert scores["rest.factor.within_label"] > 0.98
    assert scores["rest.factor.chance"] == np.bincount(writer[N_TRAIN:]).max() / (N - N_TRAIN)
    common = 0
    for label in range(3):
        common += np.bincount(writer[N_TRAIN:][y[N_TRAIN:] == label]).max()
    assert scores["rest.factor.within_label.chance"] == common / (N - N_TRAIN)


def test_random_codes_predict_no_writer():
    scores = accuracy(noise(N), labels(N, 5), labels(N, 3, seed=8))
    assert scores["rest.factor.accuracy"] == pytest.approx(0.2, abs=0.06)
    assert scores["rest.factor.within_label"] == pytest.approx(0.2, abs=0.06)


def test_what_the_label_says_of_the_writer_does_not_count_within_the_label():
    # Three in four rows of label 0 are one writer's, and of label 1 the other's.
    y = labels(N, 2)
    is_usual = np.random.default_rng(1).random(N) < 0.75
    writer = np.where(is_usual, y, 1 - y)
    z = np.stack([y + 0.1 * noise(N, 1)[:, 0], noise(N, 1, seed=2)[:, 0]], 1)
    scores = accuracy(z, writer, y)
    assert scores["rest.factor.accuracy"] == pytest.approx(0.75, abs=0.05)
    chance = scores["rest.factor.within_label.chance"]
    assert scores["rest.factor.within_label"] == pytest.approx(chance, abs=0.02)


def test_the_direction_of_a_factor_may_depend_on_the_label():
    # Over all labels, the code does not contain the writer. Within a label, its sign does.
    writer, y = labels(N, 2), labels(N, 2, seed=8)
    z = 3.0 * np.where(writer == y, 1, -1)[:, None] + 0.5 * noise(N, 1)
    scores = accuracy(z, writer, y)
    assert scores["rest.factor.accuracy"] == pytest.approx(0.5, abs=0.07)
    assert scores["rest.factor.within_label"] > 0.99


def test_writers_that_train_lacks_are_errors_over_all_and_left_out_within_a_label():
    index = labels(N, 2)
    writer = np.array(["ann", "bob"])[index]
    writer[N_TRAIN::5] = "eve"
    y = np.where(np.arange(N) < 3, 1, 0)
    scores = accuracy(9.0 * index[:, None] + 0.1 * noise(N, 1), writer, y)
    assert scores["rest.factor.accuracy"] == pytest.approx(0.8, abs=0.01)
    assert scores["rest.factor.within_label"] == 1


def test_one_code_per_writer_is_enough_within_a_label():
    y, writer = np.repeat(np.arange(4), 5), np.tile(np.arange(5), 4)
    z = np.stack([10.0 * writer, y], 1)
    scores = factor_accuracy(z, writer, y, z + 0.1, writer, y, name="w")
    assert scores["w.within_label"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factor_train": np.arange(12)}, "factor of train has 12 categories"),
        ({"factor_test": Y + 7}, r"factor of test has \[7, 8\]"),
        ({"y_test": Y + 1}, r"y of test has \[2\]"),
        ({"y_train": Y, "y_test": Y}, "no label has two categories"),
        ({"z_test": Z * np.nan}, "z_test contains NaN"),
    ],
)
def test_bad_input_of_factor_accuracy_is_rejected(change: dict[str, Any], message: str):
    half = np.arange(12) // 6
    good: dict[str, Any] = {"z_train": Z, "factor_train": Y, "y_train": half}
    good |= {"z_test": Z, "factor_test": Y, "y_test": half}
    with pytest.raises(ValueError, match=message):
        factor_accuracy(**(good | change))
