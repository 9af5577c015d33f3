"""Retrieval of people by mean codes: planted Gaussians with results known from theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from code_cases import unchanged_global_generators
from wvae.evaluation.retrieval import (
    equal_error_rate,
    identification,
    verification,
    within_covariance,
)

Array = np.ndarray


def people(
    n: int, n_codes: int, spread: float, d: int = 5, seed: int = 0, scale: Array | float = 1.0
) -> tuple[Array, Array]:
    """Return codes of n people, n_codes of each, and their ids.

    The mean codes of the people are N(0, spread²) and the same for any seed. Codes vary around them
    with the standard deviation `scale`.
    """
    means = spread * np.random.default_rng(99).normal(size=(n, d))
    ids = np.random.default_rng(seed).permutation(np.repeat(np.arange(n), n_codes))
    return means[ids] + scale * np.random.default_rng(seed + 1).normal(size=(len(ids), d)), ids


def identify(*codes_and_ids: Array, **options: Any) -> dict[str, float]:
    return identification(*codes_and_ids, **options)


# Identification


def test_separated_people_are_identified():
    scores = identify(*people(20, 10, 50, seed=1), *people(20, 10, 50, seed=5))
    assert scores == {f"retrieval.top1.{n}": 1 for n in (1, 3, 5, 10)} | {
        "retrieval.people": 20,
        "retrieval.chance": 1 / 20,
    }
    within = identify(
        *people(20, 10, 50), *people(20, 10, 50), metric="within", name="open", sizes=[2]
    )
    assert within == {"open.within.top1.2": 1, "open.people": 20, "open.chance": 1 / 20}


@pytest.mark.parametrize("metric", ["euclidean", "within"])
def test_codes_without_people_score_chance(metric: str):
    scores = identify(*people(50, 40, 0, seed=1), *people(50, 40, 0, seed=5), metric=metric)
    shares = [value for key, value in scores.items() if "top1" in key]
    assert len(shares) == 4
    assert np.allclose(shares, scores["retrieval.chance"], atol=0.015)


def test_shuffled_ids_score_chance():
    z, ids = people(50, 40, 50)
    scores = identify(z, ids, z, np.random.default_rng(0).permutation(ids))
    assert scores["retrieval.top1.1"] < 0.05


@pytest.mark.parametrize("n", [1, 3, 10])
def test_top1_of_two_gaussians_follows_theory(n: int):
    # The mean of n codes has sd 1/√n and the border is half-way between the people: Φ(√n d / 2).
    d = 0.8
    rng = np.random.default_rng(0)
    ids = np.repeat([0, 1], 3000)
    z_enrolled, z_query = d * ids[:, None] + rng.normal(size=(2, len(ids), 1))
    scores = identify(z_enrolled, ids, z_query, ids, sizes=[n], repeats=1000)
    assert scores[f"retrieval.top1.{n}"] == pytest.approx(norm.cdf(np.sqrt(n) * d / 2), abs=0.03)


def test_more_codes_in_a_query_raise_top1():
    scores = identify(*people(50, 20, 0.6, seed=1), *people(50, 20, 0.6, seed=5), sizes=(10, 1, 3))
    top1 = [scores[f"retrieval.top1.{n}"] for n in (1, 3, 10)]
    assert 1 / 50 < top1[0] < top1[1] - 0.1 < top1[2] - 0.2


def test_within_ignores_a_column_of_large_variance():
    scale = np.array([30.0, 1, 1, 1, 1])
    both = *people(30, 20, 2, seed=1, scale=scale), *people(30, 20, 2, seed=5, scale=scale)
    euclidean = identify(*both)["retrieval.top1.5"]
    within = identify(*both, metric="within")["retrieval.within.top1.5"]
    without = identify(both[0][:, 1:], both[1], both[2][:, 1:], both[3])["retrieval.top1.5"]
    assert euclidean < 0.4
    assert within > 0.85
    assert within == pytest.approx(without, abs=0.05)


def test_only_within_is_independent_of_units():
    (z_enrolled, ids), (z_query, ids_query) = people(30, 20, 1, seed=1), people(30, 20, 1, seed=5)
    units = np.array(
        [0.2, 1, 1, 1, 100]
    )  # below 0.1 the floor under variances would hold a column down
    for metric, same in (("within", True), ("euclidean", False)):
        before = identify(z_enrolled, ids, z_query, ids_query, metric=metric)
        after = identify(z_enrolled * units, ids, z_query * units, ids_query, metric=metric)
        assert (list(before.values()) == pytest.approx(list(after.values()), abs=1e-9)) == same


def test_a_query_has_all_codes_of_a_person_with_fewer_than_n():
    z, ids = people(10, 4, 0.5, seed=1)
    scores = identify(*people(10, 10, 0.5), z, ids, sizes=(4, 5, 100))
    assert scores["retrieval.top1.4"] == scores["retrieval.top1.5"] == scores["retrieval.top1.100"]
    assert 0 < scores["retrieval.top1.4"] < 1


def test_top1_worked_out_by_hand():
    z_enrolled, ids = (
        np.array([[0.0], [2.0], [4.0], [10.0]]),
        np.array(["ann", "ann", "bob", "cat"]),
    )  # at 1, 4 and 10
    z_query, ids_query = np.array([[2.0], [3.0], [9.0]]), np.array(["ann", "ann", "cat"])
    scores = identify(z_enrolled, ids, z_query, ids_query, sizes=(1, 2), repeats=400)
    # One of ann's two codes is nearer to bob. Their mean, 2.5, is as near to ann as to bob, so they
    # share the point. Cat is always right.
    assert scores["retrieval.top1.1"] == pytest.approx((0.5 + 1) / 2, abs=0.05)
    assert scores["retrieval.top1.2"] == (0.5 + 1) / 2
    assert scores["retrieval.people"] == 3


@pytest.mark.parametrize("metric", ["euclidean", "within"])
def test_a_collapsed_code_scores_chance(metric: str):
    ids = np.repeat(np.arange(8), 4)
    z = np.full((32, 3), 0.5)
    scores = identify(z, ids, z, ids, metric=metric, sizes=[3])
    assert scores.pop("retrieval.chance") == next(iter(scores.values())) == 1 / 8


def test_top1_depends_on_its_size_and_the_seed_alone():
    both = *people(30, 9, 0.7, seed=1), *people(30, 9, 0.7, seed=5)
    alone = identify(*both, sizes=[3], seed=4)
    assert (
        identify(*both, sizes=(10, 3, 1, 3), seed=4)["retrieval.top1.3"]
        == alone["retrieval.top1.3"]
    )
    assert identify(*both, sizes=[3], seed=4) == alone
    assert identify(*both, sizes=[3], seed=5) != alone


def test_ids_may_be_strings_and_rows_in_any_order():
    (z_enrolled, ids), (z_query, ids_query) = people(30, 9, 0.7, seed=1), people(30, 9, 0.7, seed=5)
    plain = identify(z_enrolled, ids, z_query, ids_query, sizes=[100])
    words = np.array([f"p{i:02}" for i in range(30)], object)
    order = np.random.default_rng(0).permutation(len(ids))
    assert (
        identify(z_enrolled[order], words[ids][order], z_query, words[ids_query], sizes=[100])
        == plain
    )


# Covariance within a person


def test_covariance_of_many_codes_is_the_planted_one():
    root = np.array([[1.0, 0, 0], [0.6, 0.5, 0], [0, 0, 3]])
    ids = np.repeat(np.arange(500), 8)
    rng = np.random.default_rng(0)
    z = 40 * rng.normal(size=(500, 3))[ids] + rng.normal(size=(len(ids), 3)) @ root.T
    np.testing.assert_allclose(within_covariance(z, ids), root @ root.T, atol=0.35, rtol=0.07)
    total = np.cov(z.T)
    assert total[0, 0] > 500  # between people it is another


@pytest.mark.parametrize(
    "z",
    [
        np.random.default_rng(0).normal(size=(12, 40)),  # more columns than codes
        np.repeat(np.random.default_rng(0).normal(size=(12, 1)), 3, 1),  # equal columns
        np.repeat(
            np.resize([1.0, -1, -1, 1], (12, 1)), 2, 1
        ),  # equal ones of which the shrinkage is zero
        np.random.default_rng(0).normal(size=(12, 3))
        * [1, 0, 1e-8],  # constant and nearly constant
        np.zeros((12, 3)),
    ],
)
def test_covariance_is_positive_definite(z: Array):
    s = within_covariance(z, np.repeat([0, 1, 2], 4))
    assert np.linalg.eigvalsh(s)[0] > 0
    np.testing.assert_allclose(s, s.T)
    ids = np.repeat([0, 1, 2], 4)
    assert 0 <= identify(z, ids, z, ids, metric="within", sizes=[2])["retrieval.within.top1.2"] <= 1


def test_covariance_needs_a_person_with_two_codes():
    with pytest.raises(ValueError, match="every person has one code"):
        within_covariance(np.eye(4), np.arange(4))


# Equal error rate


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_error_rate_of_two_gaussians(shift: float):
    # Both errors are equal half-way between the means: Φ(−d/2).
    rng = np.random.default_rng(0)
    genuine, impostor = shift + rng.normal(size=20_000), rng.normal(size=60_000)
    assert equal_error_rate(genuine, impostor) == pytest.approx(norm.cdf(-shift / 2), abs=0.006)
    assert equal_error_rate(-genuine, -impostor) == pytest.approx(norm.cdf(shift / 2), abs=0.006)


@pytest.mark.parametrize(
    ("genuine", "impostor", "expected"),
    [
        ([2.0, 3.0], [0.0, 1.0], 0),
        ([0.0, 1.0], [2.0, 3.0], 1),
        ([1.0], [1.0], 0.5),
        ([5.0] * 7, [5.0] * 3, 0.5),
        (
            [1.0, 3.0, 5.0, 7.0],
            [0.0, 2.0, 2.5, 2.8],
            0.25,
        ),  # at t = 2.8 one in four is wrong either way
        (
            [1.0, 3.0],
            [0.0, 0.5, 2.0],
            1 / 3,
        ),  # ROC through (0, ½), (⅓, ½) and (⅓, 1): meets the diagonal at ⅓
        ([0.0, 1.0], [0.0, 1.0], 0.5),
    ],
)
def test_error_rates_worked_out_by_hand(
    genuine: list[float], impostor: list[float], expected: float
):
    assert equal_error_rate(np.array(genuine), np.array(impostor)) == pytest.approx(
        expected, abs=1e-12
    )


def test_error_rate_depends_on_the_order_of_scores_alone():
    rng = np.random.default_rng(0)
    genuine, impostor = rng.normal(1, 1, 50), rng.normal(0, 1, 70)
    assert equal_error_rate(np.exp(genuine), np.exp(impostor)) == equal_error_rate(
        genuine, impostor
    )


@pytest.mark.parametrize(
    ("genuine", "impostor", "message"),
    [
        (np.zeros(0), np.zeros(3), r"genuine has shape \(0,\), expected \(n,\)"),
        (np.zeros(3), np.zeros((3, 1)), r"impostor has shape \(3, 1\), expected \(n,\)"),
        (np.array([np.nan]), np.zeros(3), "genuine contains NaN"),
        (np.zeros(3), np.array([-np.inf]), "impostor contains NaN"),
    ],
)
def test_bad_scores_are_rejected(genuine: Array, impostor: Array, message: str):
    with pytest.raises(ValueError, match=message):
        equal_error_rate(genuine, impostor)


# Verification


def test_separated_people_are_verified():
    scores = verification(*people(20, 10, 50))
    assert scores == {f"verification.eer.{n}": 0 for n in (1, 3, 5, 10)} | {
        "verification.people": 20
    }
    assert list(verification(*people(5, 4, 1), sizes=[2], name="open")) == [
        "open.eer.2",
        "open.people",
    ]


def test_codes_without_people_have_error_rate_one_half():
    scores = verification(*people(40, 20, 0))
    assert all(
        scores[f"verification.eer.{n}"] == pytest.approx(0.5, abs=0.04) for n in (1, 3, 5, 10)
    )
    z, ids = people(40, 20, 50)
    shuffled = verification(z, np.random.default_rng(0).permutation(ids))
    assert shuffled["verification.eer.10"] == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("n", [1, 5])
def test_error_rate_of_people_on_a_line_follows_theory(n: int):
    # 10 of 20 codes are enrolled. Differences of means are N(0, a²) with a² = 1/10 + 1/n for
    # genuine trials and N(0, a² + 2 τ²) for impostor trials.
    tau, count = 2.0, 300
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(count), 20)
    z = (tau * rng.normal(size=count)[ids] + rng.normal(size=len(ids)))[:, None]
    a = np.sqrt(1 / 10 + 1 / n)
    b = np.sqrt(a**2 + 2 * tau**2)

    def rejected(t: float) -> float:
        return float(2 * norm.cdf(-t / a))

    def accepted(t: float) -> float:
        return float(2 * norm.cdf(t / b) - 1)

    t = brentq(lambda t: rejected(t) - accepted(t), 0, 10)
    assert isinstance(t, float)
    scores = verification(z, ids, sizes=[n], repeats=8)[f"verification.eer.{n}"]
    assert scores == pytest.approx(rejected(t), abs=0.02)


def test_more_codes_in_a_query_lower_the_error_rate():
    scores = verification(*people(60, 20, 0.7))
    rates = [scores[f"verification.eer.{n}"] for n in (1, 3, 10)]
    assert 0.5 > rates[0] > rates[1] + 0.03 > rates[2] + 0.06


def test_covariance_of_other_people_lowers_the_error_rate():
    scale = np.array([30.0, 1, 1, 1, 1])
    z, ids = people(60, 20, 2, seed=3, scale=scale)
    others = ids >= 30
    plain = verification(z[~others], ids[~others])["verification.eer.5"]
    other_covariance = within_covariance(z[others], ids[others])
    whitened = verification(z[~others], ids[~others], covariance=other_covariance)[
        "verification.eer.5"
    ]
    assert whitened < plain - 0.15
    unit = verification(z[~others], ids[~others], covariance=np.eye(5))["verification.eer.5"]
    assert unit == pytest.approx(plain, abs=1e-9)


def test_enrolment_share():
    z, ids = people(12, 2, 1)  # one for enrolment and one for the query, for any share
    shares = [
        verification(z, ids, enrolment_share=share, sizes=[1, 9]) for share in (0.01, 0.5, 0.99)
    ]
    assert shares[0] == shares[1] == shares[2]
    assert shares[0]["verification.eer.1"] == shares[0]["verification.eer.9"]
    z, ids = people(60, 40, 0.5)
    few, many = (
        verification(z, ids, enrolment_share=share, sizes=[4])["verification.eer.4"]
        for share in (0.05, 0.9)
    )
    assert many < few - 0.05


def test_enrolment_and_queries_share_no_code():
    # Codes are noise. A code in both parts would identify its person.
    z = np.random.default_rng(0).normal(size=(200, 30))
    scores = verification(z, np.repeat(np.arange(50), 4), sizes=[2])
    assert scores["verification.eer.2"] > 0.4


def test_splits_depend_on_the_seed_alone():
    z, ids = people(20, 8, 0.7)
    with unchanged_global_generators():
        first, again, other = (verification(z, ids, seed=seed) for seed in (1, 1, 2))
        identify(z, ids, z, ids, metric="within")
    assert first == again != other


# Bad input


Z, IDS = np.random.default_rng(0).normal(size=(6, 2)), np.array([0, 0, 1, 1, 2, 2])
NAN = np.where(np.arange(6)[:, None] == 3, np.nan, Z)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z_enrolled": Z[:5]}, r"ids_enrolled has shape \(6,\), expected \(5,\)"),
        ({"ids_query": IDS[:, None]}, r"ids_query has shape \(6, 1\), expected \(6,\)"),
        ({"z_query": NAN}, "z_query contains NaN or infinite values"),
        ({"z_enrolled": Z * np.inf}, "z_enrolled contains NaN or infinite values"),
        (
            {"z_enrolled": Z[:, 0]},
            r"z_enrolled has shape \(6,\)",
        ),
        (
            {"z_query": np.zeros((0, 2)), "ids_query": IDS[:0]},
            r"z_query has shape \(0, 2\)",
        ),
        ({"z_query": Z[:, :1]}, "z_enrolled has 2 columns and z_query 1"),
        (
            {"ids_query": IDS + 1},
            r"ids_query has \[3\], not enrolled",
        ),
        ({"ids_query": np.array([0, 0, 1, 1, 2, np.nan])}, "ids_query contains NaN or None"),
        ({"ids_enrolled": np.array([0, 0, 1, 1, 2, None])}, "ids_enrolled contains NaN or None"),
        ({"sizes": (1, 0)}, r"sizes is \(1, 0\) and repeats 20"),
        ({"sizes": ()}, r"sizes is \(\)"),
        ({"sizes": (1.5,)}, r"sizes is \(1.5,\)"),
        ({"repeats": 0}, "repeats 0"),
        ({"metric": "cosine"}, "metric is 'cosine'"),
        (
            {"z_enrolled": Z[::2], "ids_enrolled": IDS[::2], "metric": "within"},
            "every person has one code",
        ),
    ],
)
def test_bad_input_of_identification_is_rejected(change: dict[str, Any], message: str):
    good: dict[str, Any] = {"z_enrolled": Z, "ids_enrolled": IDS, "z_query": Z, "ids_query": IDS}
    with pytest.raises(ValueError, match=message):
        identification(**(good | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": IDS[:4]}, r"ids has shape \(4,\), expected \(6,\)"),
        ({"z": NAN}, "z contains NaN"),
        ({"z": Z[:, 0]}, r"z has shape \(6,\), expected \(n, d\)"),
        (
            {"ids": np.zeros(6)},
            "1 people, of whom 0.0 has 6 codes",
        ),
        (
            {"ids": np.array(list("aabbbc"))},
            "3 people, of whom 'c' has 1 codes",
        ),
        ({"sizes": [-1]}, r"sizes is \(-1,\)"),
        ({"repeats": 0}, "repeats 0"),
        ({"enrolment_share": 1.0}, "enrolment_share is 1.0"),
        ({"enrolment_share": 0}, "enrolment_share is 0,"),
        (
            {"covariance": np.eye(3)},
            r"covariance has shape \(3, 3\), expected \(2, 2\)",
        ),
        ({"covariance": np.ones((2, 2))}, "positive definite"),
        (
            {"covariance": np.array([[1.0, 0.5], [0, 1]])},
            "positive definite",
        ),
        ({"covariance": np.full((2, 2), np.nan)}, "positive definite"),
    ],
)
def test_bad_input_of_verification_is_rejected(change: dict[str, Any], message: str):
    good: dict[str, Any] = {"z": Z, "ids": IDS}
    with pytest.raises(ValueError, match=message):
        verification(**(good | change))
