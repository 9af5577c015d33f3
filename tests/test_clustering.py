"""Clusterings and their scores, against cases worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from wvae.evaluation.choice import choose_k, stability
from wvae.evaluation.clustering import agreement, gmm, kmeans, purity, random_assignment

METHODS = [kmeans, gmm]


def blobs(k: int = 6, each: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(k), each)
    centres = 12.0 * np.eye(k)
    return centres[truth] + rng.normal(size=(len(truth), k)), truth


@pytest.mark.parametrize("method", METHODS)
def test_planted_blobs_are_found(method: Callable[..., np.ndarray]):
    z, truth = blobs()
    clusters = method(z, 6)
    assert clusters.shape == truth.shape
    assert agreement(clusters, truth)["ari"] > 0.95
    # Negative control: the same points with the truth shuffled.
    shuffled = np.random.default_rng(1).permutation(truth)
    assert abs(agreement(clusters, shuffled)["ari"]) < 0.05


def test_gmm_tells_a_tight_cluster_from_a_wide_one_where_kmeans_cannot():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 300)
    z = rng.normal(size=(600, 5)) * np.where(truth, 3.0, 0.5)[:, None] + truth[:, None]
    assert agreement(gmm(z, 2), truth)["ari"] > agreement(kmeans(z, 2), truth)["ari"] + 0.3


def test_kmeans_is_that_of_scikit_learn_from_the_same_starts():
    z = np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32)
    expected = KMeans(30, n_init=4, random_state=5).fit_predict(z)  # pyright: ignore[reportArgumentType]
    np.testing.assert_array_equal(kmeans(z, 30, seed=5, restarts=4), expected)


@pytest.mark.parametrize("method", METHODS)
def test_clusters_depend_on_the_seed_alone(method: Callable[..., np.ndarray]):
    z = np.random.default_rng(0).normal(size=(80, 3))
    np.testing.assert_array_equal(method(z, 7, seed=3), method(z, 7, seed=3))


@pytest.mark.parametrize("method", METHODS)
def test_images_are_flattened_and_uint8_is_welcome(method: Callable[..., np.ndarray]):
    x = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    np.testing.assert_array_equal(method(x, 3), method(x.reshape(60, 16).astype(np.float32), 3))


@pytest.mark.parametrize("method", METHODS)
def test_a_collapsed_code_is_no_error(method: Callable[..., np.ndarray]):
    assert len(method(np.zeros((20, 2)), 4)) == 20


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [0, -1, 11])
def test_k_must_be_between_1_and_n(method: Callable[..., np.ndarray], k: int):
    with pytest.raises(ValueError, match=f"k is {k}, expected 1 to 10"):
        method(np.zeros((10, 2)), k)


@pytest.mark.parametrize("method", METHODS)
def test_the_ends_of_k(method: Callable[..., np.ndarray]):
    z = np.arange(10.0).reshape(10, 1) * 100
    assert len(set(method(z, 1).tolist())) == 1
    assert len(set(method(z, 10).tolist())) <= 10
    assert len(set(kmeans(z, 10).tolist())) == 10


def test_scores_of_a_case_worked_out_by_hand():
    # Clusters {a, a, b}, {a, a, c}, {b, b}: the commonest make 2 + 2 + 2 = 6 of 8.
    clusters = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    truth = np.array(list("aabaacbb"))
    assert purity(clusters, truth) == 6 / 8
    # Pairs together in both: 1 + 1 + 1 = 3; in clusters 3 + 3 + 1 = 7; in truth 6 + 3 = 9; of 28 in all.
    expected = 7 * 9 / 28
    assert agreement(clusters, truth)["ari"] == pytest.approx((3 - expected) / ((7 + 9) / 2 - expected))
    assert agreement(clusters, truth)["ari"] == pytest.approx(adjusted_rand_score(truth, clusters))
    assert agreement(clusters, truth)["ami"] == pytest.approx(adjusted_mutual_info_score(truth, clusters))


def test_ami_of_two_against_two_worked_out_by_hand():
    # Four points, two halves that cross: MI is 0. Given halves of two, the tables are (2 0; 0 2) or its mirror with
    # probability 1/3 (MI = log 2) and all ones with 2/3 (MI = 0), so that the mean MI is log(2) / 3.
    expected = math.log(2) / 3
    found = agreement(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    assert found["ami"] == pytest.approx((0 - expected) / (math.log(2) - expected))
    assert found["ari"] == pytest.approx(-0.5)
    assert found["purity"] == 0.5


def test_one_cluster_for_all_scores_nothing_but_purity():
    truth = np.repeat([0, 1, 2, 3], 25)
    assert agreement(np.zeros(100, int), truth) == pytest.approx({"purity": 0.25, "ari": 0, "ami": 0}, abs=1e-9)


def test_a_cluster_for_each_point_has_purity_one_and_no_ami():
    found = agreement(np.arange(100), np.repeat([0, 1, 2, 3], 25))
    assert found["purity"] == 1
    assert found["ari"] == pytest.approx(0, abs=1e-9)
    assert found["ami"] == pytest.approx(0, abs=1e-9)


def test_random_assignment_is_near_zero_but_for_purity():
    truth = np.repeat(np.arange(100), 10)
    found = [agreement(random_assignment(1000, 100, seed=seed), truth) for seed in range(5)]
    assert abs(np.mean([f["ari"] for f in found])) < 0.005
    assert abs(np.mean([f["ami"] for f in found])) < 0.02
    assert 0.12 < np.mean([f["purity"] for f in found]) < 0.16  # the floor that the article's table hides


def test_random_assignment_is_uniform_and_seeded():
    a = random_assignment(10_000, 4, seed=1)
    np.testing.assert_array_equal(a, random_assignment(10_000, 4, seed=1))
    assert (a != random_assignment(10_000, 4, seed=2)).mean() > 0.7
    assert (abs(np.bincount(a) - 2500) < 200).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=30), st.permutations(range(4)))
def test_scores_do_not_depend_on_names_or_order(pairs: list[tuple[int, int]], names: list[int]):
    clusters, truth = np.array(pairs).T
    before = agreement(clusters, truth)
    order = np.random.default_rng(0).permutation(len(pairs))
    after = agreement(np.array(names)[clusters][order], np.array(["w", "x", "y", "z"])[truth][order])
    assert after == pytest.approx(before, abs=1e-9)
    assert 0 < before["purity"] <= 1


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="3 clusters and 2 values"):
        agreement(np.zeros(3), np.zeros(2))


# ------------------------------------------------------------------------------------------ how many


def test_stability_tells_the_true_number_from_others():
    z, _ = blobs(k=4, each=50)
    found = {k: stability(z, k, draws=4) for k in (3, 4, 8)}
    assert found[4] > 0.98
    assert found[8] < found[4] - 0.2
    # Negative control: what has no clusters is cut anew each time.
    assert stability(np.random.default_rng(0).normal(size=(200, 6)), 6, draws=4) < 0.5


def test_one_cluster_is_always_the_same():
    assert stability(np.random.default_rng(0).normal(size=(50, 2)), 1) == 1


def test_stability_depends_on_the_seed_alone():
    z = np.random.default_rng(0).normal(size=(100, 3))
    assert stability(z, 5, draws=2, seed=3) == stability(z, 5, draws=2, seed=3) != stability(z, 5, draws=2, seed=4)


@pytest.mark.parametrize("k", [0, 9])
def test_stability_needs_as_many_points_in_each_part(k: int):
    with pytest.raises(ValueError, match=f"k is {k}, expected (at most 8|1 to 10)"):
        stability(np.zeros((10, 2)), k)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [2, 6])
def test_the_planted_number_is_chosen(method: Callable[..., np.ndarray], k: int):
    choice = choose_k(blobs(k)[0], method=method, most=9)
    assert (choice.k, choice.structure) == (k, True)


def test_a_number_between_the_coarse_steps_is_found():
    rng = np.random.default_rng(0)
    centres = 20 * rng.normal(size=(13, 8))
    steps: list[tuple[int, int]] = []
    choice = choose_k(
        np.repeat(centres, 20, 0) + rng.normal(size=(260, 8)), on_step=lambda done, all_: steps.append((done, all_))
    )
    assert (choice.k, choice.structure) == (13, True)
    assert [t.k for t in choice.tried] == sorted({t.k for t in choice.tried})
    assert steps[-1][0] == steps[-1][1] >= len(choice.tried)
    assert all(done <= all_ for done, all_ in steps)


@pytest.mark.parametrize("shape", ["round", "long", "square", "line"])
def test_no_structure_is_called_so(shape: str):
    rng = np.random.default_rng(1)
    z = {
        "round": rng.normal(size=(300, 6)),
        "long": rng.normal(size=(300, 3)) * [9, 1, 1],  # two halves come back every time
        "square": rng.random((300, 2)),  # and four quarters
        "line": rng.random((300, 1)),
    }[shape]
    choice = choose_k(z, most=6)
    assert not choice.structure
    assert not any(t.holds for t in choice.tried)


def test_a_collapsed_code_has_no_structure():
    choice = choose_k(np.zeros((40, 3)), most=4)
    assert (choice.structure, {t.silhouette for t in choice.tried}) == (False, {-1.0})


def test_what_cannot_be_chosen_from():
    with pytest.raises(ValueError, match="there are 19 points, expected at least 20"):
        choose_k(np.zeros((19, 2)))
    with pytest.raises(ValueError, match="most is 1, expected at least 2"):
        choose_k(np.zeros((30, 2)), most=1)
