"""Persons found from mean codes: planted Gaussians whose answer is known from theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import norm

from wvae.evaluation.retrieval import (
    equal_error_rate,
    identification,
    verification,
    within_covariance,
)

Array = np.ndarray


def people(
    count: int, each: int, apart: float, d: int = 5, seed: int = 0, scale: Array | float = 1.0
) -> tuple[Array, Array]:
    """Draw `each` codes of `count` people, N(apart · N(0, 1), scale²); people are the same for any `each`."""
    centres = apart * np.random.default_rng(99).normal(size=(count, d))
    who = np.random.default_rng(seed).permutation(np.repeat(np.arange(count), each))
    return centres[who] + scale * np.random.default_rng(seed + 1).normal(size=(len(who), d)), who


def identify(*enrolment_and_queries: Array, **more: Any) -> dict[str, float]:
    return identification(*enrolment_and_queries, **more)


# Identification


def test_people_far_apart_are_found_and_the_keys_are_those_agreed():
    found = identify(*people(20, 10, 50, seed=1), *people(20, 10, 50, seed=5))
    assert found == {f"retrieval.top1.{n}": 1 for n in (1, 3, 5, 10)} | {
        "retrieval.people": 20,
        "retrieval.chance": 1 / 20,
    }
    within = identify(
        *people(20, 10, 50), *people(20, 10, 50), metric="within", name="open", sizes=[2]
    )
    assert within == {"open.within.top1.2": 1, "open.people": 20, "open.chance": 1 / 20}


@pytest.mark.parametrize("metric", ["euclidean", "within"])
def test_codes_that_know_nothing_of_people_find_nobody(metric: str):
    found = identify(*people(50, 40, 0, seed=1), *people(50, 40, 0, seed=5), metric=metric)
    shares = [value for key, value in found.items() if "top1" in key]
    assert len(shares) == 4
    assert np.allclose(shares, found["retrieval.chance"], atol=0.015)


def test_shuffled_names_find_nobody():
    z, who = people(50, 40, 50)
    found = identify(z, who, z, np.random.default_rng(0).permutation(who))
    assert found["retrieval.top1.1"] < 0.05


@pytest.mark.parametrize("n", [1, 3, 10])
def test_two_people_on_a_line_are_found_as_often_as_theory_says(n: int):
    # The mean of n has sd 1/√n, and the border lies half-way: Φ(√n d / 2), for enough enrolled.
    d = 0.8
    rng = np.random.default_rng(0)
    who = np.repeat([0, 1], 3000)
    enrolled, queries = d * who[:, None] + rng.normal(size=(2, len(who), 1))
    found = identify(enrolled, who, queries, who, sizes=[n], repeats=1500)
    assert found[f"retrieval.top1.{n}"] == pytest.approx(norm.cdf(np.sqrt(n) * d / 2), abs=0.03)


def test_more_examples_find_more():
    found = identify(*people(50, 20, 0.6, seed=1), *people(50, 20, 0.6, seed=5), sizes=(10, 1, 3))
    top1 = [found[f"retrieval.top1.{n}"] for n in (1, 3, 10)]
    assert 1 / 50 < top1[0] < top1[1] - 0.1 < top1[2] - 0.2


def test_within_is_not_misled_by_one_loud_column():
    scale = np.array([30.0, 1, 1, 1, 1])
    both = *people(30, 20, 2, seed=1, scale=scale), *people(30, 20, 2, seed=5, scale=scale)
    euclidean = identify(*both)["retrieval.top1.5"]
    within = identify(*both, metric="within")["retrieval.within.top1.5"]
    without = identify(both[0][:, 1:], both[1], both[2][:, 1:], both[3])["retrieval.top1.5"]
    assert euclidean < 0.4
    assert within > 0.85
    assert within == pytest.approx(without, abs=0.05)


def test_within_does_not_depend_on_units_where_euclidean_does():
    (enrolled, who), (queries, asked) = people(30, 20, 1, seed=1), people(30, 20, 1, seed=5)
    units = np.array(
        [0.2, 1, 1, 1, 100]
    )  # below 0.1 the floor under variances would hold a column down
    for metric, same in (("within", True), ("euclidean", False)):
        before = identify(enrolled, who, queries, asked, metric=metric)
        after = identify(enrolled * units, who, queries * units, asked, metric=metric)
        assert (list(before.values()) == pytest.approx(list(after.values()), abs=1e-9)) == same


def test_a_person_with_fewer_than_n_is_asked_about_with_all_they_have():
    z, who = people(10, 4, 0.5, seed=1)
    found = identify(*people(10, 10, 0.5), z, who, sizes=(4, 5, 100))
    assert found["retrieval.top1.4"] == found["retrieval.top1.5"] == found["retrieval.top1.100"]
    assert 0 < found["retrieval.top1.4"] < 1


def test_a_case_worked_out_by_hand():
    enrolled, who = (
        np.array([[0.0], [2.0], [4.0], [10.0]]),
        np.array(["ann", "ann", "bob", "cat"]),
    )  # at 1, 4 and 10
    queries, asked = np.array([[2.0], [3.0], [9.0]]), np.array(["ann", "ann", "cat"])
    found = identify(enrolled, who, queries, asked, sizes=(1, 2), repeats=400)
    # One of ann's two is nearer to bob; their mean, 2.5, is as near to bob and ann shares the point; cat is found.
    assert found["retrieval.top1.1"] == pytest.approx((0.5 + 1) / 2, abs=0.05)
    assert found["retrieval.top1.2"] == (0.5 + 1) / 2
    assert found["retrieval.people"] == 3


@pytest.mark.parametrize("metric", ["euclidean", "within"])
def test_a_collapsed_code_scores_chance(metric: str):
    who = np.repeat(np.arange(8), 4)
    z = np.full((32, 3), 0.5)
    found = identify(z, who, z, who, metric=metric, sizes=[3])
    assert found.pop("retrieval.chance") == next(iter(found.values())) == 1 / 8


def test_sizes_do_not_change_each_other_and_the_seed_alone_decides():
    both = *people(30, 9, 0.7, seed=1), *people(30, 9, 0.7, seed=5)
    alone = identify(*both, sizes=[3], seed=4)
    assert (
        identify(*both, sizes=(10, 3, 1, 3), seed=4)["retrieval.top1.3"]
        == alone["retrieval.top1.3"]
    )
    assert identify(*both, sizes=[3], seed=4) == alone
    assert identify(*both, sizes=[3], seed=5) != alone


def test_names_may_be_words_or_objects_and_rows_in_any_order():
    (enrolled, who), (queries, asked) = people(30, 9, 0.7, seed=1), people(30, 9, 0.7, seed=5)
    plain = identify(enrolled, who, queries, asked, sizes=[100])
    words = np.array([f"p{i:02}" for i in range(30)], object)
    order = np.random.default_rng(0).permutation(len(who))
    assert identify(enrolled[order], words[who][order], queries, words[asked], sizes=[100]) == plain


# Covariance within a person


def test_covariance_is_found_when_there_is_plenty():
    root = np.array([[1.0, 0, 0], [0.6, 0.5, 0], [0, 0, 3]])
    who = np.repeat(np.arange(500), 8)
    rng = np.random.default_rng(0)
    z = 40 * rng.normal(size=(500, 3))[who] + rng.normal(size=(len(who), 3)) @ root.T
    np.testing.assert_allclose(within_covariance(z, who), root @ root.T, atol=0.35, rtol=0.07)
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
def test_covariance_can_always_be_inverted(z: Array):
    s = within_covariance(z, np.repeat([0, 1, 2], 4))
    assert np.linalg.eigvalsh(s)[0] > 0
    np.testing.assert_allclose(s, s.T)
    who = np.repeat([0, 1, 2], 4)
    assert 0 <= identify(z, who, z, who, metric="within", sizes=[2])["retrieval.within.top1.2"] <= 1


def test_covariance_needs_somebody_with_two():
    with pytest.raises(ValueError, match="every person has one example"):
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
        (np.array([np.nan]), np.zeros(3), "genuine holds NaN or infinite"),
        (np.zeros(3), np.array([-np.inf]), "impostor holds NaN or infinite"),
    ],
)
def test_scores_must_be_finite_rows(genuine: Array, impostor: Array, message: str):
    with pytest.raises(ValueError, match=message):
        equal_error_rate(genuine, impostor)


# Verification


def test_people_far_apart_are_verified_and_the_keys_are_those_agreed():
    found = verification(*people(20, 10, 50))
    assert found == {f"verification.eer.{n}": 0 for n in (1, 3, 5, 10)} | {
        "verification.people": 20
    }
    assert list(verification(*people(5, 4, 1), sizes=[2], name="open")) == [
        "open.eer.2",
        "open.people",
    ]


def test_nobody_is_verified_from_codes_that_know_nothing():
    found = verification(*people(40, 20, 0))
    assert all(
        found[f"verification.eer.{n}"] == pytest.approx(0.5, abs=0.04) for n in (1, 3, 5, 10)
    )
    z, who = people(40, 20, 50)
    shuffled = verification(z, np.random.default_rng(0).permutation(who))
    assert shuffled["verification.eer.10"] == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("n", [1, 5])
def test_people_on_a_line_are_verified_as_often_as_theory_says(n: int):
    # 10 of 20 codes enrolled. Differences of means: genuine N(0, a²), a² = 1/10 + 1/n; impostor N(0, a² + 2 τ²).
    tau, count = 2.0, 300
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(count), 20)
    z = (tau * rng.normal(size=count)[who] + rng.normal(size=len(who)))[:, None]
    a = np.sqrt(1 / 10 + 1 / n)
    b = np.sqrt(a**2 + 2 * tau**2)

    def rejected(t: float) -> float:
        return float(2 * norm.cdf(-t / a))

    def accepted(t: float) -> float:
        return float(2 * norm.cdf(t / b) - 1)

    t = brentq(lambda t: rejected(t) - accepted(t), 0, 10)
    assert isinstance(t, float)
    found = verification(z, who, sizes=[n], repeats=8)[f"verification.eer.{n}"]
    assert found == pytest.approx(rejected(t), abs=0.02)


def test_more_examples_verify_better():
    found = verification(*people(60, 20, 0.7))
    rates = [found[f"verification.eer.{n}"] for n in (1, 3, 10)]
    assert 0.5 > rates[0] > rates[1] + 0.03 > rates[2] + 0.06


def test_covariance_of_other_people_undoes_a_loud_column():
    scale = np.array([30.0, 1, 1, 1, 1])
    z, who = people(60, 20, 2, seed=3, scale=scale)
    others = who >= 30
    plain = verification(z[~others], who[~others])["verification.eer.5"]
    known = within_covariance(z[others], who[others])
    whitened = verification(z[~others], who[~others], covariance=known)["verification.eer.5"]
    assert whitened < plain - 0.15
    unit = verification(z[~others], who[~others], covariance=np.eye(5))["verification.eer.5"]
    assert unit == pytest.approx(plain, abs=1e-9)


def test_enrolment_takes_its_share_and_leaves_one():
    z, who = people(12, 2, 1)  # one enrolled, one asked, whatever the share
    shares = [verification(z, who, enrol=share, sizes=[1, 9]) for share in (0.01, 0.5, 0.99)]
    assert shares[0] == shares[1] == shares[2]
    assert shares[0]["verification.eer.1"] == shares[0]["verification.eer.9"]
    z, who = people(60, 40, 0.5)
    few, many = (
        verification(z, who, enrol=share, sizes=[4])["verification.eer.4"] for share in (0.05, 0.9)
    )
    assert many < few - 0.05


def test_enrolment_and_queries_share_no_example():
    # Codes are noise: were an example in both, its person would be recognised by it.
    z = np.random.default_rng(0).normal(size=(200, 30))
    found = verification(z, np.repeat(np.arange(50), 4), sizes=[2])
    assert found["verification.eer.2"] > 0.4


def test_splits_depend_on_the_seed_alone_and_global_states_are_left_alone():
    before, torch_before = np.random.get_state(legacy=False), torch.random.get_rng_state()  # noqa: NPY002
    z, who = people(20, 8, 0.7)
    assert verification(z, who, seed=1) == verification(z, who, seed=1)
    assert verification(z, who, seed=1) != verification(z, who, seed=2)
    identify(z, who, z, who, metric="within")
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_before)


# Bad input


Z, WHO = np.random.default_rng(0).normal(size=(6, 2)), np.array([0, 0, 1, 1, 2, 2])
NAN = np.where(np.arange(6)[:, None] == 3, np.nan, Z)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"enrolled": Z[:5]}, r"who_enrolled has shape \(6,\), expected \(5,\)"),
        ({"who_queries": WHO[:, None]}, r"who_queries has shape \(6, 1\), expected \(6,\)"),
        ({"queries": NAN}, "queries holds NaN or infinite values"),
        ({"enrolled": Z * np.inf}, "enrolled holds NaN or infinite values"),
        (
            {"enrolled": Z[:, 0]},
            r"enrolled has shape \(6,\), expected \(n, d\), not empty: flatten",
        ),
        (
            {"queries": np.zeros((0, 2)), "who_queries": WHO[:0]},
            r"queries has shape \(0, 2\), expected",
        ),
        ({"queries": Z[:, :1]}, "enrolled has 2 columns and queries 1"),
        (
            {"who_queries": WHO + 1},
            r"who_queries has \[3\], not enrolled: leave them out, or take verification",
        ),
        ({"who_queries": np.array([0, 0, 1, 1, 2, np.nan])}, "who_queries holds NaN or None"),
        ({"who_enrolled": np.array([0, 0, 1, 1, 2, None])}, "who_enrolled holds NaN or None"),
        ({"sizes": (1, 0)}, r"sizes is \(1, 0\) and repeats 20, expected whole numbers from 1"),
        ({"sizes": ()}, "expected whole numbers from 1, and at least one"),
        ({"sizes": (1.5,)}, r"sizes is \(1.5,\)"),
        ({"repeats": 0}, "repeats 0, expected whole numbers from 1"),
        ({"metric": "cosine"}, "metric is 'cosine', expected 'euclidean' or 'within'"),
        (
            {"enrolled": Z[::2], "who_enrolled": WHO[::2], "metric": "within"},
            "every person has one example",
        ),
    ],
)
def test_identification_says_what_is_wrong(change: dict[str, Any], message: str):
    good: dict[str, Any] = {"enrolled": Z, "who_enrolled": WHO, "queries": Z, "who_queries": WHO}
    with pytest.raises(ValueError, match=message):
        identification(**(good | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"who": WHO[:4]}, r"who has shape \(4,\), expected \(6,\)"),
        ({"z": NAN}, "z holds NaN or infinite values"),
        ({"z": Z[:, 0]}, r"z has shape \(6,\), expected \(n, d\)"),
        (
            {"who": np.zeros(6)},
            "who has 1 people, of whom 0.0 has 6 examples, expected two or more",
        ),
        (
            {"who": np.array(list("aabbbc"))},
            "who has 3 people, of whom 'c' has 1 examples, expected two or more",
        ),
        ({"sizes": [-1]}, r"sizes is \(-1,\)"),
        ({"repeats": 0}, "repeats 0"),
        ({"enrol": 1.0}, "enrol is 1.0, expected a share between 0 and 1"),
        ({"enrol": 0}, "enrol is 0, expected a share between 0 and 1"),
        (
            {"covariance": np.eye(3)},
            r"covariance is \(3, 3\), expected \(2, 2\), positive definite",
        ),
        ({"covariance": np.ones((2, 2))}, "positive definite: take within_covariance"),
        (
            {"covariance": np.array([[1.0, 0.5], [0, 1]])},
            "positive definite: take within_covariance",
        ),
        ({"covariance": np.full((2, 2), np.nan)}, "positive definite: take within_covariance"),
    ],
)
def test_verification_says_what_is_wrong(change: dict[str, Any], message: str):
    good: dict[str, Any] = {"z": Z, "who": WHO}
    with pytest.raises(ValueError, match=message):
        verification(**(good | change))
