"""Leakage: codes that hide the label in every way, codes that hold nothing, and channels of known information."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from wvae.evaluation.leakage import is_clean, leakage

Array = np.ndarray
FEW: Any = ("logistic", "knn")  # quick ones


def leak(z: Array, y: Array, rows: int = 1500, **more: Any) -> dict[str, float]:
    return leakage(z[:rows], y[:rows], z[rows:], y[rows:], **more)


def noise(n: int, d: int = 3, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(n, d))


def labels(n: int, classes: int, seed: int = 7) -> Array:
    return np.random.default_rng(seed).integers(classes, size=n)


# Verdicts


def test_independent_codes_are_clean_and_the_keys_are_those_agreed():
    found = leak(noise(2500), labels(2500, 4))
    assert list(found) == [
        "leakage.logistic",
        "leakage.mlp",
        "leakage.knn",
        "leakage.boosting",
        "leakage.max",
        "leakage.low",
        "leakage.high",
        "leakage.majority",
        "leakage.null",
        "leakage.information.lower",
        "leakage.information.upper",
    ]
    assert all(type(value) is float for value in found.values())
    assert found["leakage.max"] == pytest.approx(found["leakage.majority"], abs=0.04)
    assert found["leakage.null"] == pytest.approx(0.25, abs=0.04)
    assert found["leakage.information.lower"] == pytest.approx(0, abs=0.01)
    assert found["leakage.information.upper"] < 0.15
    assert is_clean(found)


def test_uneven_labels_are_no_leak():
    y = np.random.default_rng(1).choice(3, 2500, p=[0.8, 0.15, 0.05])
    found = leak(noise(2500), y, kinds=FEW)
    assert found["leakage.majority"] == pytest.approx(0.8, abs=0.03)
    assert found["leakage.max"] <= found["leakage.majority"] + 0.01
    assert found["leakage.information.lower"] < 0.01
    assert is_clean(found, margin=0.02)


def test_a_label_in_the_mean_is_read_along_a_line():
    y = labels(2500, 4)
    found = leak(noise(2500) + 5 * np.eye(4)[y][:, :3], y, kinds=["logistic"])
    assert found["leakage.logistic"] > 0.95
    assert found["leakage.null"] < 0.32
    assert found["leakage.information.lower"] > 1.2  # of log 4 = 1.39
    assert not is_clean(found)


@pytest.mark.parametrize("planted", ["radius", "xor"])
def test_a_label_that_no_line_can_read_is_found_by_the_others(planted: str):
    z, y = noise(2500, 2), labels(2500, 2)
    if planted == "radius":
        z *= np.where(y, 5, 0.5)[:, None]
    else:
        z[:, 1] = np.abs(z[:, 1]) * np.sign(z[:, 0]) * np.where(y, 1, -1)
    found = leak(z, y)
    linear = leak(z, y, kinds=["logistic"], name="linear")
    assert linear["linear.max"] == found["leakage.logistic"]
    assert min(found[f"leakage.{kind}"] for kind in ("mlp", "knn", "boosting")) > 0.85
    assert found["leakage.information.lower"] > 0.35
    assert linear["linear.information.lower"] < 0.02
    assert not is_clean(found)
    assert is_clean(linear, name="linear", margin=0.15)


def test_the_label_itself_is_read_wholly():
    y = labels(2500, 5)
    found = leak(y[:, None], y)
    assert found["leakage.max"] == found["leakage.low"] == found["leakage.high"] == 1
    assert found["leakage.information.upper"] == pytest.approx(np.log(5), abs=0.01)
    assert found["leakage.information.lower"] == pytest.approx(np.log(5), abs=0.02)
    assert not is_clean(found)


def test_a_collapsed_code_is_clean():
    found = leak(np.full((2500, 3), 0.5), labels(2500, 3))
    assert found["leakage.max"] == pytest.approx(1 / 3, abs=0.04)
    assert found["leakage.information.upper"] < 0.15
    assert is_clean(found)


def test_words_and_factors_take_the_place_of_the_label():
    who = np.array(["ann", "bob", "cat"], object)[labels(2500, 3)]
    z = noise(2500)
    assert is_clean(leak(z, who, kinds=FEW))
    z[:, 0] += 4 * (who == "bob")
    found = leak(z, who, kinds=FEW, name="label.writer")
    assert 0.6 < found["label.writer.max"] < 0.72  # bob is found, the others are not told apart
    assert not is_clean(found, name="label.writer")
    numbers = np.where(who == "ann", 3, np.where(who == "bob", 8, 9))
    assert leak(z, numbers, kinds=FEW, name="label.writer") == found


# The interval and the null


def test_the_interval_is_that_of_a_share():
    y = labels(2500, 2)
    found = leak(noise(2500) + 0.8 * y[:, None], y, kinds=["logistic"])
    share = found["leakage.max"]
    half = norm.ppf(0.975) * np.sqrt(share * (1 - share) / 1000)
    assert found["leakage.low"] == pytest.approx(share - half, abs=0.006)
    assert found["leakage.high"] == pytest.approx(share + half, abs=0.006)


def test_the_null_is_left_out_on_request_and_changes_nothing_else():
    y = labels(900, 2)
    z = noise(900) + y[:, None]
    with_null, without = (leak(z, y, rows=600, kinds=FEW, null=null) for null in (True, False))
    assert with_null.pop("leakage.null") < 0.65
    assert with_null == without
    assert not is_clean(without)


def test_the_network_of_the_null_gets_some_rows_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wvae.evaluation.leakage.ROWS", 50)
    y = labels(900, 2)
    found = leak(noise(900) + 3 * y[:, None], y, rows=600, kinds=["mlp"])
    assert found["leakage.mlp"] > 0.97
    assert found["leakage.null"] < 0.9


def test_a_lucky_guess_of_a_cluster_does_not_raise_the_null():
    # All codes of a label are equal: with the true labels in test, one permutation in two would score 1.
    y = labels(400, 2)
    for seed in range(6):
        found = leak(y[:, None], y, rows=200, kinds=["logistic"], seed=seed)
        assert found["leakage.max"] == 1
        assert found["leakage.null"] < 0.65
        assert not is_clean(found)


# Information


@pytest.mark.parametrize("flipped", [0.02, 0.1, 0.3, 0.5])
def test_information_of_a_binary_symmetric_channel(flipped: float):
    y = labels(6000, 2)
    z = np.where(np.random.default_rng(1).random(6000) < flipped, 1 - y, y)[:, None]
    found = leak(z, y, rows=4000, kinds=FEW, null=False)
    truth = np.log(2) + flipped * np.log(flipped) + (1 - flipped) * np.log(1 - flipped)
    assert found["leakage.max"] == pytest.approx(1 - flipped, abs=0.03)
    assert found["leakage.information.lower"] == pytest.approx(truth, abs=0.025)
    assert truth - 0.01 <= found["leakage.information.upper"]
    differ = 2 * flipped * (1 - flipped)  # two labels of one code; φ(e) = 2 e log 2 below ½
    assert found["leakage.information.upper"] == pytest.approx(
        (1 - 2 * differ) * np.log(2), abs=0.06
    )


@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0])
def test_information_of_two_gaussians(apart: float):
    def density(z: float) -> float:
        return float(norm.pdf(z - apart) + norm.pdf(z + apart)) / 2

    entropy = -quad(lambda z: density(z) * np.log(density(z)), -12, 12)[0]
    truth = entropy - norm.entropy()
    y = labels(6000, 2)
    z = noise(6000, 1) + apart * np.where(y, 1, -1)[:, None]
    found = leak(z, y, rows=4000, kinds=FEW, null=False)
    assert truth - 0.03 <= found["leakage.information.lower"] <= truth + 0.02
    assert truth - 0.01 <= found["leakage.information.upper"] <= np.log(2)


def test_the_upper_estimate_is_never_below_the_lower_bound():
    # In 30 columns the nearest neighbour errs far more than it would with many codes.
    y = labels(1500, 2)
    z = noise(1500, 30)
    z[:, 0] += 3 * np.where(y, 1, -1)
    found = leak(z, y, rows=1000, kinds=["logistic"], null=False)
    assert found["leakage.information.lower"] > 0.6
    assert found["leakage.information.lower"] <= found["leakage.information.upper"] <= np.log(2)


# Randomness and bad input


def test_scores_depend_on_the_seed_alone_and_global_states_are_left_alone():
    before, torch_before = np.random.get_state(legacy=False), torch.random.get_rng_state()  # noqa: NPY002
    y = labels(200, 2)
    z = noise(200) + 0.7 * y[:, None]
    once, again, other = (leak(z, y, rows=120, seed=seed) for seed in (1, 1, 2))
    assert once == again != other
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_before)


def test_the_verdict_needs_scores_of_that_name():
    scores = {"rest.max": 0.3, "rest.majority": 0.2, "rest.null": 0.28}
    assert is_clean(scores, name="rest")
    assert not is_clean(scores, name="rest", margin=0.01)
    assert not is_clean({"rest.max": 0.3, "rest.majority": 0.2}, name="rest")
    with pytest.raises(
        ValueError, match=r"scores lack \['leakage.max', 'leakage.majority'\] among \['rest.max'"
    ):
        is_clean(scores)


Z, Y = noise(12), np.arange(12) % 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"train": Z[:5], "y_train": Y[:5]},
            r"train has shape \(5, 3\), expected codes \(n, d\) of 10 rows",
        ),
        ({"test": Z[:, :2]}, "train has 3 columns and test 2"),
        ({"test": np.full((12, 3), np.nan)}, "test holds NaN or infinite values"),
        ({"y_train": Y[:4]}, r"y of train has shape \(4,\), expected \(12,\)"),
        ({"y_test": np.where(Y, np.nan, 0)}, "y of test holds NaN or None"),
        (
            {"y_train": np.zeros(12), "y_test": np.zeros(12)},
            "y of train has 1 categories in 12 rows, expected 2",
        ),
        ({"y_test": Y + 1}, r"y of test has \[2\], unseen in train: leave them out"),
        (
            {"kinds": ["svm"]},
            r"kinds is \['svm'\], expected one or more of \['logistic', 'mlp', 'knn', 'boosting'\]",
        ),
        ({"kinds": ()}, r"kinds is \(\), expected one or more"),
    ],
)
def test_leakage_says_what_is_wrong(change: dict[str, Any], message: str):
    good: dict[str, Any] = {"train": Z, "y_train": Y, "test": Z, "y_test": Y}
    with pytest.raises(ValueError, match=message):
        leakage(**(good | change))
