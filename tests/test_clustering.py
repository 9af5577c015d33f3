"""Clusterings of planted data, and their scores on cases worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from wvae.evaluation.clustering import (
    agreement,
    check_distinct,
    count_distinct,
    gmm,
    kmeans,
    purity,
    random_assignment,
)

METHODS = [kmeans, gmm]


def blobs(k: int = 6, each: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(k), each)
    centres = 12.0 * np.eye(k)
    return centres[truth] + rng.normal(size=(len(truth), k)), truth


def crossing_ellipses(each: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two elongated clusters that cross at right angles, along the two diagonals."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], each)
    x = 9 * rng.normal(size=2 * each)
    y = x * np.where(truth, 1, -1) + 0.5 * rng.normal(size=2 * each)
    return np.stack([x, y], 1), truth


@pytest.mark.parametrize("method", METHODS)
def test_planted_blobs_are_recovered(method: Callable[..., np.ndarray]):
    z, truth = blobs()
    clusters = method(z, 6)
    assert clusters.shape == truth.shape
    assert agreement(clusters, truth)["ari"] > 0.95
    # Control: the same points with shuffled truth.
    shuffled = np.random.default_rng(1).permutation(truth)
    assert abs(agreement(clusters, shuffled)["ari"]) < 0.05


def test_gmm_separates_a_tight_cluster_from_a_wide_one_and_kmeans_does_not():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 300)
    z = rng.normal(size=(600, 5)) * np.where(truth, 3.0, 0.5)[:, None] + truth[:, None]
    assert agreement(gmm(z, 2), truth)["ari"] > agreement(kmeans(z, 2), truth)["ari"] + 0.3


def test_only_a_full_covariance_separates_crossing_ellipses():
    z, truth = crossing_ellipses(200)
    assert agreement(gmm(z, 2, covariance="full"), truth)["ari"] > 0.8
    assert agreement(gmm(z, 2), truth)["ari"] < 0.2


def test_gmm_does_not_depend_on_the_scale_or_the_origin():
    # The floor of the variances is a share of the data's own.
    z = blobs()[0][:, :2]
    np.testing.assert_array_equal(gmm(1024 * z, 6), gmm(z, 6))
    assert agreement(gmm(z + 1000, 6), gmm(z, 6))["ari"] > 0.95


def test_more_restarts_lower_the_sum_of_squares():
    z = np.random.default_rng(0).normal(size=(300, 2))

    def sum_of_squares(restarts: int) -> float:
        clusters = kmeans(z, 20, seed=1, restarts=restarts)
        return sum(float(z[clusters == c].var(0).sum() * (clusters == c).sum()) for c in range(20))

    assert sum_of_squares(20) < sum_of_squares(1)


@pytest.mark.parametrize("method", METHODS)
def test_clusters_depend_on_the_seed_alone(method: Callable[..., np.ndarray]):
    z = np.random.default_rng(0).normal(size=(80, 3))
    clusters = method(z, 7, seed=3)
    np.random.seed(1)  # noqa: NPY002 – the global generator must not matter
    np.testing.assert_array_equal(method(z, 7, seed=3), clusters)
    assert (method(z, 7, seed=4) != clusters).any()


@pytest.mark.parametrize("method", METHODS)
def test_uint8_images_are_flattened(method: Callable[..., np.ndarray]):
    x = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    np.testing.assert_array_equal(method(x, 3), method(x.reshape(60, 16).astype(np.float32), 3))


@pytest.mark.parametrize("method", [kmeans, gmm, lambda z, k: gmm(z, k, covariance="full")])
def test_collapsed_codes_raise_no_error_and_no_warning(method: Callable[..., np.ndarray]):
    assert len(method(np.zeros((20, 2)), 4)) == 20
    assert len(method(np.repeat([[0.0, 1.0], [5.0, 5.0]], 10, 0), 4)) == 20


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [0, -1, 11])
def test_k_must_be_between_1_and_n(method: Callable[..., np.ndarray], k: int):
    with pytest.raises(ValueError, match=f"k is {k}, expected 1 to 10"):
        method(np.zeros((10, 2)), k)


def test_an_unknown_covariance_is_rejected():
    with pytest.raises(ValueError, match="covariance is 'tied', expected 'diag' or 'full'"):
        gmm(np.zeros((10, 2)), 3, covariance="tied")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("method", METHODS)
def test_the_smallest_and_the_largest_k(method: Callable[..., np.ndarray]):
    z = np.arange(10.0).reshape(10, 1) * 100
    assert len(set(method(z, 1).tolist())) == 1
    assert len(set(method(z, 10).tolist())) <= 10
    assert len(set(kmeans(z, 10).tolist())) == 10


def test_scores_of_a_case_worked_out_by_hand():
    # Clusters {a, a, b}, {a, a, c}, {b, b}: the most common classes make 2 + 2 + 2 = 6 of 8.
    clusters = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    truth = np.array(list("aabaacbb"))
    assert purity(clusters, truth) == 6 / 8
    # Pairs together in both: 1 + 1 + 1 = 3; in clusters 3 + 3 + 1 = 7; in truth 6 + 3 = 9; of 28.
    expected = 7 * 9 / 28
    assert agreement(clusters, truth)["ari"] == pytest.approx(
        (3 - expected) / ((7 + 9) / 2 - expected)
    )
    assert agreement(clusters, truth)["ari"] == pytest.approx(adjusted_rand_score(truth, clusters))
    assert agreement(clusters, truth)["ami"] == pytest.approx(
        adjusted_mutual_info_score(truth, clusters)
    )


def test_ami_of_two_crossing_halves_worked_out_by_hand():
    # Four points, two halves that cross: MI is 0. For halves of two points each, the contingency
    # table is (2 0; 0 2) or its mirror with probability 1/3 (MI = log 2) and all ones with 2/3
    # (MI = 0). The mean MI is log(2) / 3.
    expected = math.log(2) / 3
    scores = agreement(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    assert scores["ami"] == pytest.approx((0 - expected) / (math.log(2) - expected))
    assert scores["ari"] == pytest.approx(-0.5)
    assert scores["purity"] == 0.5


def test_a_single_cluster_scores_zero_except_for_purity():
    truth = np.repeat([0, 1, 2, 3], 25)
    assert agreement(np.zeros(100, int), truth) == pytest.approx(
        {"purity": 0.25, "ari": 0, "ami": 0}, abs=1e-9
    )


def test_a_cluster_per_point_has_purity_one_and_zero_ami():
    scores = agreement(np.arange(100), np.repeat([0, 1, 2, 3], 25))
    assert scores == pytest.approx({"purity": 1, "ari": 0, "ami": 0}, abs=1e-9)


def test_random_assignment_scores_near_zero_except_for_purity():
    truth = np.repeat(np.arange(100), 10)
    scores = [agreement(random_assignment(1000, 100, seed=seed), truth) for seed in range(5)]
    assert abs(np.mean([s["ari"] for s in scores])) < 0.005
    assert abs(np.mean([s["ami"] for s in scores])) < 0.02
    assert (
        0.12 < np.mean([s["purity"] for s in scores]) < 0.16
    )  # the baseline that the article's table omits


def test_random_assignment_is_uniform_and_seeded():
    clusters = random_assignment(10_000, 4, seed=1)
    np.testing.assert_array_equal(clusters, random_assignment(10_000, 4, seed=1))
    assert (clusters != random_assignment(10_000, 4, seed=2)).mean() > 0.7
    assert (abs(np.bincount(clusters) - 2500) < 200).all()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=30),
    st.permutations(range(4)),
)
def test_scores_do_not_depend_on_names_or_order(pairs: list[tuple[int, int]], names: list[int]):
    clusters, truth = np.array(pairs).T
    before = agreement(clusters, truth)
    order = np.random.default_rng(0).permutation(len(pairs))
    after = agreement(
        np.array(names)[clusters][order], np.array(["w", "x", "y", "z"])[truth][order]
    )
    assert after == pytest.approx(before, abs=1e-9)
    assert 0 < before["purity"] <= 1


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="3 clusters and 2 values"):
        agreement(np.zeros(3), np.zeros(2))


# ----------------------------------------------------------------------------- different points


def repeated(n_distinct: int, n: int = 60, d: int = 3) -> np.ndarray:
    points = np.random.default_rng(0).normal(size=(n_distinct, d)).astype(np.float32)
    return points[np.arange(n) % n_distinct]


@pytest.mark.parametrize("n_distinct", [1, 2, 7, 60])
@pytest.mark.parametrize("change", ["none", "rounding", "offset", "shape", "float64"])
def test_different_points_are_counted_up_to_rounding(n_distinct: int, change: str):
    z = repeated(n_distinct)
    if change == "rounding":
        z = z * (1 + 1e-7 * np.random.default_rng(1).normal(size=z.shape)).astype(np.float32)
    if change == "offset":
        z = z + 3
    if change == "shape":
        z = z.reshape(60, 3, 1)
    assert count_distinct(z.astype(np.float64) if change == "float64" else z) == n_distinct


@pytest.mark.parametrize(
    "z",
    [
        np.arange(60).reshape(60, 1),
        1.7e9 + np.arange(60.0).reshape(60, 1) / 10,
        np.eye(60, 64, dtype=np.uint8).reshape(60, 8, 8),
        np.c_[np.full(60, 1e6), np.arange(60) / 100],
        np.random.default_rng(0).normal(size=(50_000, 16)).astype(np.float32),
    ],
    ids=["integers", "seconds", "images", "columns of different size", "many"],
)
def test_points_that_differ_are_counted(z: np.ndarray):
    assert count_distinct(z) > 0.8 * len(z)


@pytest.mark.parametrize("z", [np.zeros((60, 2)), np.full((60, 2), 0.1), np.zeros((60, 0))])
@pytest.mark.parametrize("k", [None, 4])
def test_equal_points_have_no_clusters(z: np.ndarray, k: int | None):
    with pytest.raises(ValueError, match="all 60 codes are equal, so there are no clusters"):
        check_distinct(z, k, "codes")


@pytest.mark.parametrize(("n_distinct", "k", "is_error"), [(2, 3, True), (2, 2, False)])
def test_k_is_at_most_the_number_of_different_points(n_distinct: int, k: int, is_error: bool):
    if not is_error:
        check_distinct(repeated(n_distinct), k)
        return
    with pytest.raises(ValueError, match=f"k is {k}, but only {n_distinct} of the 60"):
        check_distinct(repeated(n_distinct), k)


def test_seconds_since_1970_are_clustered():
    truth = np.arange(60) % 2
    seconds = (1.7e9 + 3 * truth + 0.1 * np.random.default_rng(0).random(60)).reshape(60, 1)
    for method in METHODS:
        assert agreement(method(seconds, 2), truth)["ari"] == 1
