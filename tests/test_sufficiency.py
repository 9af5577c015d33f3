"""What z_label contains: planted labels, and factors with a known share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from code_cases import labels, noise, nonlinear, shrink_probes, unchanged_global_generators
from wvae.evaluation.sufficiency import factors_in_label, sufficiency

Array = np.ndarray
N, N_TRAIN = 1200, 800


@pytest.fixture(autouse=True)
def _small_probes(monkeypatch: pytest.MonkeyPatch):
    shrink_probes(monkeypatch)


def label_scores(z: Array, y: Array, **options: Any) -> dict[str, float]:
    return sufficiency(z[:N_TRAIN], y[:N_TRAIN], z[N_TRAIN:], y[N_TRAIN:], **options)


def factor_scores(z: Array, y: Array, **factors: Array) -> dict[str, float]:
    """Return `factors_in_label` without the first part of its keys."""
    train = {name: values[:N_TRAIN] for name, values in factors.items()}
    test = {name: values[N_TRAIN:] for name, values in factors.items()}
    scores = factors_in_label(z[:N_TRAIN], y[:N_TRAIN], train, z[N_TRAIN:], y[N_TRAIN:], test)
    return {key.removeprefix("sufficiency.leak."): value for key, value in scores.items()}


# The label


def test_a_label_in_the_code_is_predicted():
    y = labels(N, 3)
    scores = label_scores(noise(N) + 8 * np.eye(3)[y][:, :2], y, name="label")
    assert list(scores) == ["label.logistic", "label.mlp", "label.max", "label.majority"]
    assert min(scores["label.logistic"], scores["label.mlp"]) > 0.99
    assert scores["label.max"] == max(scores["label.logistic"], scores["label.mlp"])
    assert scores["label.majority"] == np.bincount(y[N_TRAIN:]).max() / (N - N_TRAIN)


def test_a_nonlinear_label_is_predicted_by_the_network():
    scores = label_scores(*nonlinear("radius", N))
    assert scores["sufficiency.logistic"] < 0.65
    assert scores["sufficiency.mlp"] == scores["sufficiency.max"] > 0.85


def test_noise_predicts_no_label():
    assert label_scores(noise(N), labels(N, 2))["sufficiency.max"] == pytest.approx(0.5, abs=0.07)


def test_labels_may_be_strings():
    y = labels(N, 2)
    z = noise(N) + 2 * y[:, None]
    assert label_scores(z, np.array(["no", "yes"], object)[y]) == label_scores(z, y)


# Factors beyond the label


def test_a_code_of_the_label_alone_contains_no_factor():
    y = labels(N, 3)
    width = y + 0.3 * noise(N, 1, seed=1)[:, 0]  # the label explains 0.88 of its variance
    writer = np.where(noise(N, 1, seed=2)[:, 0] > 0, y % 2, labels(N, 4))
    scores = factor_scores(y[:, None] + 0.01 * noise(N, 1), y, width=width, writer=writer)
    assert list(scores) == ["width", "writer", "max"]
    assert scores["width"] == pytest.approx(0, abs=0.05)
    assert scores["writer"] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(("noise_scale", "gain"), [(0, 0.8), (1, 0.4)])
def test_the_gain_of_a_continuous_factor_is_what_the_label_does_not_explain(
    noise_scale: float, gain: float
):
    # The variance of y is 1/4 and that of the other part 1: the label explains a fifth of the sum.
    # With noise as large as the other part, the code explains half of the rest.
    y, other = labels(N, 2), noise(N, 1, seed=1)[:, 0]
    z = other[:, None] + noise_scale * noise(N, 1, seed=2)
    assert factor_scores(z, y, width=y + other)["width"] == pytest.approx(gain, abs=0.07)


def test_the_gain_of_a_category_is_a_difference_of_accuracies():
    y, writer = labels(N, 2), labels(N, 4, seed=3)
    z = 4.0 * writer[:, None] + 0.1 * noise(N, 1)
    scores = factor_scores(z, y, writer=writer, room=np.array(list("abcd"))[writer])
    assert scores["writer"] == pytest.approx(1 - 0.25, abs=0.07)
    assert scores["room"] == scores["writer"] == scores["max"]


def test_scores_keep_the_order_of_the_factors():
    y, values = labels(N, 2), np.arange(N) % 3
    slant = noise(N, 1, seed=4)[:, 0]
    scores = factor_scores(noise(N), y, b=values, a=slant, c=values.astype(str))
    assert list(scores) == ["b", "a", "c", "max"]
    assert scores["max"] == max(scores[factor] for factor in "abc")


def test_scores_depend_on_the_seed_alone():
    y = labels(100, 2)
    z = noise(100) + y[:, None]
    factors = {"slant": z[:, 0] + noise(100, seed=5)[:, 0]}
    with unchanged_global_generators():
        first, again, other = (sufficiency(z, y, z, y, seed=seed) for seed in (1, 1, 2))
        assert first == again != other
        first, again, other = (
            factors_in_label(z, y, factors, z, y, factors, seed=seed) for seed in (1, 1, 2)
        )
        assert first == again != other


# Bad input


Z, Y, SLANT = noise(12), np.arange(12) % 2, noise(12)[:, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z_train": Z[:9], "y_train": Y[:9]}, r"z_train has shape \(9, 2\)"),
        ({"z_test": Z[:, :1]}, "z_train has 2 columns and z_test 1"),
        ({"y_train": Y * 0}, "y of train has 1 categories"),
        ({"y_test": Y + 1}, r"y of test has \[2\]"),
    ],
)
def test_bad_codes_and_labels_are_rejected(change: dict[str, Any], message: str):
    good: dict[str, Any] = {"z_train": Z, "y_train": Y, "z_test": Z, "y_test": Y}
    with pytest.raises(ValueError, match=message):
        sufficiency(**(good | change))
    factors: dict[str, Any] = {"factors_train": {"slant": SLANT}, "factors_test": {"slant": SLANT}}
    with pytest.raises(ValueError, match=message):
        factors_in_label(**(good | factors | change))


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ({"a": SLANT}, {"b": SLANT}, r"\['a'\] in train and \['b'\] in test"),
        ({"a": SLANT}, {"a": Y.astype(str)}, "a of test is not of finite numbers"),
        ({"a": SLANT * 0}, {"a": SLANT}, "a of train is constant"),
        ({"a": Y * 0}, {"a": Y}, "a of train has 1 categories"),
        ({"a": Y}, {"a": Y + 5}, r"a of test has \[5, 6\]"),
    ],
)
def test_bad_factors_are_rejected(train: dict[str, Array], test: dict[str, Array], message: str):
    with pytest.raises(ValueError, match=message):
        factors_in_label(Z, Y, train, Z, Y, test)
