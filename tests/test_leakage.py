"""Leakage: codes with hidden labels, codes without labels, and channels of known information."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from code_cases import labels, noise, nonlinear, shrink_probes, unchanged_global_generators
from wvae.evaluation.leakage import leakage, verdict, wilson

Array = np.ndarray
QUICK: Any = ("logistic", "knn")
KINDS = ("logistic", "mlp", "knn", "boosting")


@pytest.fixture(autouse=True)
def _small_probes(monkeypatch: pytest.MonkeyPatch):
    shrink_probes(monkeypatch)


def measure(z: Array, y: Array, n_train: int = 1500, **options: Any) -> dict[str, float]:
    return leakage(z[:n_train], y[:n_train], z[n_train:], y[n_train:], **options)


# Clean or not


def test_independent_codes_are_clean():
    scores = measure(noise(2500, 3), labels(2500, 4))
    assert list(scores) == [
        "leakage.logistic",
        "leakage.mlp",
        "leakage.knn",
        "leakage.boosting",
        "leakage.max",
        "leakage.low",
        "leakage.high",
        "leakage.rows",
        "leakage.majority",
        "leakage.null",
        "leakage.information.lower",
        "leakage.information.upper",
    ]
    assert all(type(value) is float for value in scores.values())
    assert scores["leakage.max"] == pytest.approx(scores["leakage.majority"], abs=0.04)
    assert scores["leakage.null"] == pytest.approx(0.25, abs=0.04)
    assert scores["leakage.information.lower"] == pytest.approx(0, abs=0.01)
    assert scores["leakage.information.upper"] < 0.15
    assert verdict(scores) == "clean"


def test_unbalanced_labels_are_clean():
    y = np.random.default_rng(1).choice(3, 2500, p=[0.8, 0.15, 0.05])
    scores = measure(noise(2500, 3), y, kinds=QUICK)
    assert scores["leakage.majority"] == pytest.approx(0.8, abs=0.03)
    assert scores["leakage.max"] <= scores["leakage.majority"] + 0.01
    assert scores["leakage.information.lower"] < 0.01
    assert verdict(scores) == "clean"


def test_a_label_in_the_mean_leaks_linearly():
    y = labels(2500, 4)
    scores = measure(noise(2500, 3) + 5 * np.eye(4)[y][:, :3], y, kinds=["logistic"])
    assert scores["leakage.logistic"] > 0.95
    assert scores["leakage.null"] < 0.32
    assert scores["leakage.information.lower"] > 1.2  # of log 4 = 1.39
    assert verdict(scores) == "not clean"


@pytest.mark.parametrize("pattern", ["radius", "xor"])
def test_nonlinear_leakage_is_found_by_the_other_probes(pattern: str):
    z, y = nonlinear(pattern, 2000)
    scores = measure(z, y)
    linear = measure(z, y, kinds=["logistic"], name="linear")
    assert linear["linear.max"] == scores["leakage.logistic"]
    assert min(scores[f"leakage.{kind}"] for kind in KINDS[1:]) > 0.85
    assert scores["leakage.max"] == max(scores[f"leakage.{kind}"] for kind in KINDS)
    assert scores["leakage.information.lower"] > 0.35
    assert linear["linear.information.lower"] < 0.02
    assert verdict(scores) == "not clean"
    assert verdict(linear, name="linear", margin=0.15) == "clean"


def test_the_label_itself_leaks_completely():
    y = labels(2500, 5)
    scores = measure(y[:, None], y)
    assert scores["leakage.max"] == scores["leakage.high"] == 1
    assert scores["leakage.low"] == pytest.approx(1, abs=0.01)
    assert scores["leakage.information.upper"] == pytest.approx(np.log(5), abs=0.01)
    assert scores["leakage.information.lower"] == pytest.approx(np.log(5), abs=0.02)
    assert verdict(scores) == "not clean"


def test_a_collapsed_code_is_clean():
    scores = measure(np.full((2500, 3), 0.5), labels(2500, 3), kinds=QUICK)
    assert scores["leakage.max"] == pytest.approx(1 / 3, abs=0.04)
    assert scores["leakage.information.upper"] < 0.15
    assert verdict(scores) == "clean"


def test_labels_may_be_strings_or_arbitrary_integers():
    writer = np.array(["ann", "bob", "cat"], object)[labels(2500, 3)]
    z = noise(2500, 3)
    assert verdict(measure(z, writer, kinds=QUICK)) == "clean"
    z[:, 0] += 4 * (writer == "bob")
    scores = measure(z, writer, kinds=QUICK, name="label.writer")
    # Bob is recognised, ann and cat look alike.
    assert 0.6 < scores["label.writer.max"] < 0.72
    assert verdict(scores, name="label.writer") == "not clean"
    integers = np.where(writer == "ann", 3, np.where(writer == "bob", 8, 9))
    assert measure(z, integers, kinds=QUICK, name="label.writer") == scores


# The interval and the null


def test_the_interval_is_that_of_a_proportion():
    y = labels(2500, 2)
    scores = measure(noise(2500, 3) + 0.8 * y[:, None], y, kinds=["logistic"])
    accuracy = scores["leakage.max"]
    half = norm.ppf(0.975) * np.sqrt(accuracy * (1 - accuracy) / 1000)
    assert scores["leakage.low"] == pytest.approx(accuracy - half, abs=0.003)
    assert scores["leakage.high"] == pytest.approx(accuracy + half, abs=0.003)


def test_the_null_is_optional_and_changes_nothing_else():
    y = labels(900, 2)
    z = noise(900, 3) + y[:, None]
    with_null = measure(z, y, n_train=600, kinds=QUICK)
    without = measure(z, y, n_train=600, kinds=QUICK, null=False)
    assert with_null.pop("leakage.null") < 0.65
    assert with_null == without
    assert verdict(without) == "not clean"


@pytest.mark.parametrize("kinds", [["mlp"], ["logistic"]])
def test_the_null_fits_a_network_to_few_rows_and_only_if_kinds_contain_it(
    kinds: Any, monkeypatch: pytest.MonkeyPatch
):
    from wvae.evaluation import leakage as module

    fitted: list[tuple[int, tuple[str, ...]]] = []
    fit_probes = module.fit_probes

    def record(z: Array, y: Array, z_test: Array, seed: int, kinds: Any) -> Any:
        fitted.append((len(z), tuple(kinds)))
        return fit_probes(z, y, z_test, seed, kinds)

    monkeypatch.setattr(module, "fit_probes", record)
    monkeypatch.setattr(module, "NULL_MLP_ROWS", 50)
    y = labels(300, 2)
    measure(noise(300, 3) + 3 * y[:, None], y, n_train=200, kinds=kinds)
    expected = [(200, tuple(kinds)), (200, ("logistic",))]
    assert fitted == expected + [(50, ("mlp",))] * ("mlp" in kinds)


def test_a_lucky_guess_of_a_cluster_does_not_raise_the_null():
    # All codes of a label are equal. With the true labels in test, one permutation in two of the
    # labels in train would score 1.
    y = labels(400, 2)
    for seed in range(6):
        scores = measure(y[:, None], y, n_train=200, kinds=["logistic"], seed=seed)
        assert scores["leakage.max"] == 1
        assert scores["leakage.null"] < 0.65
        assert verdict(scores) == "not clean"


# Information


@pytest.mark.parametrize("p_flip", [0.02, 0.1, 0.3, 0.5])
def test_information_of_a_binary_symmetric_channel(p_flip: float):
    y = labels(6000, 2)
    z = np.where(np.random.default_rng(1).random(6000) < p_flip, 1 - y, y)[:, None]
    scores = measure(z, y, n_train=4000, kinds=QUICK, null=False)
    truth = np.log(2) + p_flip * np.log(p_flip) + (1 - p_flip) * np.log(1 - p_flip)
    assert scores["leakage.max"] == pytest.approx(1 - p_flip, abs=0.03)
    assert scores["leakage.information.lower"] == pytest.approx(truth, abs=0.025)
    assert truth - 0.01 <= scores["leakage.information.upper"]
    # Two labels of one code differ with e = 2 p (1 − p), and φ(e) = 2 e log 2 below ½.
    upper = (1 - 4 * p_flip * (1 - p_flip)) * np.log(2)
    assert scores["leakage.information.upper"] == pytest.approx(upper, abs=0.06)


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0])
def test_information_of_two_gaussians(distance: float):
    def density(z: float) -> float:
        return float(norm.pdf(z - distance) + norm.pdf(z + distance)) / 2

    entropy = -quad(lambda z: density(z) * np.log(density(z)), -12, 12)[0]
    truth = entropy - norm.entropy()
    y = labels(6000, 2)
    z = noise(6000, 1) + distance * np.where(y, 1, -1)[:, None]
    scores = measure(z, y, n_train=4000, kinds=QUICK, null=False)
    assert truth - 0.03 <= scores["leakage.information.lower"] <= truth + 0.02
    assert truth - 0.01 <= scores["leakage.information.upper"] <= np.log(2)


@pytest.mark.parametrize("distance", [1.5, 2.0])
def test_the_upper_estimate_is_limited_by_the_probes_and_by_the_lower_bound(distance: float):
    # In 30 columns the nearest neighbour errs far more than it would with many codes.
    y = labels(1500, 2)
    z = noise(1500, 30)
    z[:, 0] += distance * np.where(y, 1, -1)
    scores = measure(z, y, n_train=1000, kinds=["logistic"], null=False)
    lower, upper = scores["leakage.information.lower"], scores["leakage.information.upper"]
    error = 1 - scores["leakage.max"]
    limit = np.log(2) * (1 - 2 * error * (2 - 2 * error))
    assert upper == pytest.approx(max(lower, limit), abs=0.003)
    assert (lower < limit) == (distance == 2)


# Randomness and bad input


def test_scores_depend_on_the_seed_alone():
    y = labels(200, 2)
    z = noise(200, 3) + 0.7 * y[:, None]
    with unchanged_global_generators():
        first, again, other = (measure(z, y, n_train=120, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.19, 0.24, "clean"),
        (0.19, 0.26, "undecided"),
        (0.24, 0.90, "undecided"),
        (0.26, 0.27, "not clean"),
    ],
)
def test_a_verdict_is_about_the_interval(low: float, high: float, expected: str):
    scores = {"rest.low": low, "rest.high": high, "rest.max": 0.25, "rest.majority": 0.2}
    assert verdict(scores, name="rest", margin=0.05) == expected
    with pytest.raises(ValueError, match=r"\['leakage.low', 'leakage.majority'\]"):
        verdict(scores)


def test_few_test_rows_decide_nothing_unless_the_leak_is_large():
    y = labels(1555, 3)
    codes = noise(1555, 3)
    assert verdict(measure(codes, y, kinds=QUICK)) == "undecided"
    codes[:, 0] += 3 * (y == 1)
    assert verdict(measure(codes, y, kinds=QUICK)) == "not clean"


def test_a_permuted_label_is_hardly_ever_called_a_leak():
    # Of 55 test rows, the best of two probes is often 5 points above the most common label.
    called: list[str] = []
    above = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        z, y = rng.normal(size=(155, 2)), rng.integers(3, size=155)
        scores = measure(z, y, n_train=100, kinds=QUICK, null=False)
        called.append(verdict(scores))
        above += scores["leakage.max"] > scores["leakage.majority"] + 0.05
    assert "not clean" not in called
    assert called.count("undecided") >= 8
    assert above > 0  # control: a verdict on the accuracy alone would be wrong


@pytest.mark.parametrize(("n_compared", "confidence"), [(None, 0.95), (8, 1 - 0.05 / 8)])
def test_the_interval_is_wider_the_more_probes_are_compared(
    n_compared: int | None, confidence: float
):
    y = labels(900, 2)
    scores = measure(noise(900, 2), y, n_train=600, kinds=["logistic"], n_compared=n_compared)
    interval = scores["leakage.low"], scores["leakage.high"]
    assert scores["leakage.rows"] == 300
    assert interval == wilson(scores["leakage.max"], 300, confidence)
    # By Wilson's formula: both ends are as many standard errors from the observed share.
    for end in interval:
        z = abs(scores["leakage.max"] - end) / np.sqrt(end * (1 - end) / 300)
        assert norm.cdf(z) - norm.cdf(-z) == pytest.approx(confidence, abs=1e-9)


Z, Y = noise(12, 3), np.arange(12) % 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z_train": Z[:5], "y_train": Y[:5]}, r"z_train has shape \(5, 3\)"),
        ({"z_test": Z[:, :2]}, "z_train has 3 columns and z_test 2"),
        ({"y_test": Y + 1}, r"y of test has \[2\]"),
        ({"kinds": ["svm"]}, r"kinds is \['svm'\], .*'boosting'"),
        ({"kinds": ()}, r"kinds is \(\)"),
    ],
)
def test_bad_input_is_rejected(change: dict[str, Any], message: str):
    good: dict[str, Any] = {"z_train": Z, "y_train": Y, "z_test": Z, "y_test": Y}
    with pytest.raises(ValueError, match=message):
        leakage(**(good | change))
