"""Fresh probes: what each kind can and cannot read from planted codes, and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from wvae.evaluation.probes import (
    FITS,
    Probe,
    best,
    categories,
    checked_codes,
    checked_column,
    checked_factors,
    classified,
    nearest,
    numbers,
    one_hot,
    regressed,
    standardised,
)

Array = np.ndarray
KINDS: Any = tuple(FITS)


def accuracies(z: Array, y: Array, kinds: Any = KINDS, rows: int = 1200) -> dict[str, float]:
    probes = classified(z[:rows], y[:rows], z[rows:], kinds=kinds)
    return {kind: float((probe.test == y[rows:]).mean()) for kind, probe in probes.items()}


def noise(n: int, d: int = 2, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(n, d))


# Classification


def test_every_kind_reads_what_lies_in_the_mean():
    y = np.arange(1800) % 3
    found = accuracies(noise(1800) + 6 * np.eye(3)[y][:, :2], y)
    assert list(found) == ["logistic", "mlp", "knn", "boosting"]
    assert min(found.values()) > 0.97


@pytest.mark.parametrize("planted", ["radius", "xor", "stripes"])
def test_a_line_cannot_read_what_the_others_do(planted: str):
    z, y = noise(2400), np.arange(2400) % 2
    if planted == "radius":
        z *= np.where(y, 5, 0.5)[:, None]
    elif planted == "xor":
        z[:, 1] = np.abs(z[:, 1]) * np.sign(z[:, 0]) * np.where(y, 1, -1)
    else:
        z[:, 0] = np.random.default_rng(1).integers(5, size=2400) * 2 + y + 0.1 * z[:, 0]
    found = accuracies(z, y, rows=1800)
    assert found.pop("logistic") < 0.65
    assert min(found.values()) > 0.85


def test_no_kind_reads_what_is_not_there():
    y = np.arange(2400) % 3
    for kind, accuracy in accuracies(noise(2400, 4), y).items():
        assert accuracy == pytest.approx(1 / 3, abs=0.06), kind


def test_categories_may_have_gaps_and_one_row():
    y = np.r_[np.resize([2, 7], 300), 4]
    z = np.c_[y + 0.01 * noise(301, 1)[:, 0]]
    for kind, probe in classified(z, y, np.array([[2.0], [7.0]]), kinds=KINDS).items():
        assert probe.test.tolist() == [2, 7], kind
        assert probe.log_p.shape == (2, 3)
        assert probe.log_p.argmax(1).tolist() == [0, 2]


def test_probabilities_are_calibrated_and_no_category_is_ruled_out():
    # Binary symmetric channel, 20 % flipped: no honest probability is far from 0.2 or 0.8.
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=3000)
    z = np.c_[np.where(rng.random(3000) < 0.2, 1 - y, y), rng.normal(size=3000)]
    for kind, probe in classified(z[:2000], y[:2000], z[2000:], kinds=KINDS).items():
        p = np.exp(probe.log_p)
        np.testing.assert_allclose(p.sum(1), 1)
        assert p[z[2000:, 0] == 1, 1].mean() == pytest.approx(0.8, abs=0.05), kind
        assert probe.loss == pytest.approx(0.5, abs=0.06), kind  # H(0.2)
    sure = classified(y[:, None], y, y[:, None], kinds=KINDS)
    for kind, probe in sure.items():
        assert probe.log_p.max(1).min() > np.log(0.99), kind
        assert probe.log_p.min() > np.log(0.4 / 432), kind  # 428 validation rows, frequency 0.5


def test_a_probe_that_knows_nothing_becomes_the_constant_guess():
    y = np.random.default_rng(1).choice(3, 3000, p=[0.7, 0.2, 0.1])
    for kind, probe in classified(noise(3000), y, noise(500, seed=2), kinds=KINDS).items():
        np.testing.assert_allclose(
            np.exp(probe.log_p).mean(0), [0.7, 0.2, 0.1], atol=0.04, err_msg=kind
        )
        assert probe.loss == pytest.approx(0.80, abs=0.06), kind  # H(0.7, 0.2, 0.1)


def test_the_best_is_chosen_by_validation():
    a, b = np.zeros(3), np.ones(3)
    assert best({"a": Probe(0.4, 1.0, a, a), "b": Probe(0.6, 2.0, b, b)}) is b


def test_probes_depend_on_the_seed_alone_and_global_states_are_left_alone():
    before, torch_before = np.random.get_state(legacy=False), torch.random.get_rng_state()  # noqa: NPY002
    z, y = noise(120), np.arange(120) % 2
    once, again, other = (classified(z, y, z, seed, kinds=KINDS) for seed in (1, 1, 2))
    for kind in KINDS:
        np.testing.assert_array_equal(once[kind].log_p, again[kind].log_p)
        assert not np.array_equal(once[kind].log_p, other[kind].log_p)
    alone = classified(z, y, z, 1, kinds=["boosting", "boosting"])
    np.testing.assert_array_equal(alone["boosting"].log_p, once["boosting"].log_p)
    np.testing.assert_array_equal(regressed(z, z**2, z, 1), regressed(z, z**2, z, 1))
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_before)


def test_units_and_constant_columns_do_not_matter():
    z, y = noise(900) + 3 * (np.arange(900) % 2)[:, None], np.arange(900) % 2
    scaled = np.c_[z * [1e3, 1e-3] + [5, -7], np.full(900, 3.0)]
    plain, changed = accuracies(z, y, rows=600), accuracies(scaled, y, rows=600)
    assert list(changed.values()) == pytest.approx(list(plain.values()), abs=0.02)


@pytest.mark.parametrize("kinds", [(), ["svm"], "knn", ("mlp", "forest")])
def test_kinds_must_be_known(kinds: Any):
    with pytest.raises(
        ValueError,
        match=r"kinds is .*, expected one or more of \['logistic', 'mlp', 'knn', 'boosting",
    ):
        classified(noise(20), np.arange(20) % 2, noise(5), kinds=kinds)


# Neighbours


def test_neighbours_are_the_nearest_and_chance_breaks_ties():
    train, test = np.array([[0.0], [1.0], [5.0]]), np.array([[4.0], [0.1]])
    a, b = nearest(train, 2, test, train[:1])
    assert (a.tolist(), b.tolist()) == ([[2, 1], [0, 1]], [[0, 1]])
    tied = nearest(np.zeros((100, 3)), 1, np.zeros((1000, 3)))[0]
    assert len(np.unique(tied)) > 50


def test_standardised_columns_have_unit_variance():
    a, b = standardised(np.c_[noise(500) * [3, 40] + 9, np.ones(500)], np.ones((2, 3)))
    np.testing.assert_allclose(a.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(a.std(0), [1, 1, 0], atol=1e-5)
    assert a.dtype == b.dtype == np.float32
    assert b[:, 2].tolist() == [0, 0]


# Regression


def test_regression_takes_the_better_probe_for_each_target():
    z = noise(2000, 3)
    targets = np.c_[100 + 7 * z[:, 0], z[:, 1] ** 2, noise(2000, 1, seed=5)]
    found = regressed(z[:1500], targets[:1500], z[1500:])
    error = np.square(found - targets[1500:]).mean(0) / targets[1500:].var(0)
    assert found.shape == (500, 3)
    assert error[0] < 1e-4  # to this the network does not come
    assert error[1] < 0.1  # and this ridge regression cannot
    assert 0.95 < error[2] < 1.1
    assert regressed(z, targets[:, :1], z[:7]).shape == (7, 1)


# Checks


Z = noise(12)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (Z[:9], Z, r"train has shape \(9, 2\), expected codes \(n, d\) of 10 rows or more"),
        (Z[:, 0], Z, r"train has shape \(12,\), expected codes \(n, d\)"),
        (Z, Z[:1], r"test has shape \(1, 2\), expected codes \(n, d\) of 2 rows or more"),
        (Z[:, :0], Z[:, :0], r"train has shape \(12, 0\)"),
        (
            Z,
            np.where(Z > 0, np.inf, Z),
            "test holds NaN or infinite values, expected finite codes: look at the model",
        ),
        (Z * np.nan, Z, "train holds NaN"),
        (Z, Z[:, :1], "train has 2 columns and test 1, expected as many: codes of one model"),
    ],
)
def test_codes_must_fit(train: Array, test: Array, message: str):
    with pytest.raises(ValueError, match=message):
        checked_codes(train, test)


@pytest.mark.parametrize(
    ("known", "asked", "message"),
    [
        (
            np.arange(11) % 2,
            np.arange(12) % 2,
            r"y of train has shape \(11,\), expected \(12,\), one value for each row",
        ),
        (np.arange(12) % 2, np.zeros((12, 1)), r"y of test has shape \(12, 1\), expected \(12,\)"),
        (
            np.array([0, 1, np.nan] * 4),
            np.arange(12) % 2,
            "y of train holds NaN or None, .* leave the unknown ones out",
        ),
        (np.arange(12) % 2, np.array(["a", None] * 6), "y of test holds NaN or None"),
        (np.zeros(12), np.zeros(12), "y of train has 1 categories in 12 rows, expected 2 to 2000"),
        (
            np.arange(12),
            np.arange(12),
            "y of train has 12 categories in 12 rows, .* leave out rare ones",
        ),
        (
            np.arange(12) % 2,
            np.arange(12) % 4,
            r"y of test has \[2, 3\], unseen in train: leave them out",
        ),
    ],
)
def test_categories_say_what_is_wrong(known: Array, asked: Array, message: str):
    with pytest.raises(ValueError, match=message):
        categories(known, asked, "y", Z, Z)


def test_there_are_not_too_many_categories():
    z = np.zeros((4002, 1))
    with pytest.raises(
        ValueError, match="y of train has 2001 categories in 4002 rows, expected 2 to 2000"
    ):
        categories(np.arange(4002) // 2, np.zeros(4002), "y", z, z)


def test_categories_are_numbered_and_some_may_be_unseen():
    known, asked = categories(
        np.array(list("bbdd") * 3), np.array(list("abcd") * 3), "y", Z, Z, unseen=True
    )
    assert known.tolist() == [1, 1, 3, 3] * 3
    assert asked.tolist() == [0, 1, 2, 3] * 3
    with pytest.raises(
        ValueError, match=r"y of test has \['a', 'c'\], unseen in train"
    ):  # all of them
        categories(np.array(list("bbdd") * 3), np.array(list("acac") * 3), "y", Z, Z, unseen=True)
    np.testing.assert_array_equal(
        one_hot(np.array([0, 2]), np.array([1]))[0], [[1, 0, 0], [0, 0, 1]]
    )
    np.testing.assert_array_equal(one_hot(np.array([0, 2]), np.array([1]))[1], [[0, 1, 0]])


def test_columns_of_objects_become_words_or_numbers():
    assert checked_column(np.array([1, 2], object), "y", Z[:2]).dtype.kind == "i"
    assert checked_column(np.array(["a", "b"], object), "y", Z[:2]).dtype.kind == "U"


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ({}, {}, r"factors are \[\] in train and \[\] in test, expected the same, one or more"),
        ({"a": Z[:, 0]}, {"b": Z[:, 0]}, r"factors are \['a'\] in train and \['b'\] in test"),
        ({"a": Z[:5, 0]}, {"a": Z[:, 0]}, r"a of train has shape \(5,\)"),
        ({"a": Z[:, 0]}, {"a": Z[:, 0] * np.nan}, "a of test holds NaN or None"),
    ],
)
def test_factors_must_be_the_same(train: dict[str, Array], test: dict[str, Array], message: str):
    with pytest.raises(ValueError, match=message):
        checked_factors(train, test, Z, Z)


@pytest.mark.parametrize(
    ("known", "asked", "message"),
    [
        (
            np.array(["x", "y"]),
            Z[:2, 0],
            "slant of train is not of finite numbers: for a factor of words take",
        ),
        (Z[:2, 0], np.array([1, np.inf]), "slant of test is not of finite numbers"),
        (
            np.full(2, 3.0),
            Z[:2, 0],
            "slant of train is 3.0 throughout, expected values that vary: leave it out",
        ),
        (Z[:2, 0], np.full(2, 3.0), "slant of test is 3.0 throughout"),
    ],
)
def test_continuous_factors_must_vary(known: Array, asked: Array, message: str):
    with pytest.raises(ValueError, match=message):
        numbers({"slant": (known, asked)})


def test_continuous_factors_are_stacked_in_order():
    known, asked = numbers(
        {"b": (np.array([1, 2]), np.array([3, 4])), "a": (np.array([5, 6]), np.array([7, 8]))}
    )
    assert (known.tolist(), asked.tolist()) == ([[1, 5], [2, 6]], [[3, 7], [4, 8]])
