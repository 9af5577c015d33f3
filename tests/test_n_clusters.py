"""The number of clusters: stability, and k on planted data and on data without clusters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from wvae.evaluation import n_clusters
from wvae.evaluation.clustering import gmm, kmeans
from wvae.evaluation.n_clusters import Candidate, choose_k, stability

METHODS = [kmeans, gmm]


@pytest.fixture
def few_pairs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(n_clusters, "N_PAIRS", 2)


def blobs(k: int, each: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = 12.0 * np.eye(k)
    return np.repeat(centres, each, 0) + rng.normal(size=(k * each, k))


def test_stability_is_highest_at_the_planted_k():
    z = blobs(k=4, each=50)
    scores = {k: stability(z, k, n_pairs=4) for k in (3, 4, 8)}
    assert scores[4] > 0.98
    assert scores[8] < scores[4] - 0.2
    # Control: data without clusters are split differently each time.
    assert stability(np.random.default_rng(0).normal(size=(200, 6)), 6, n_pairs=4) < 0.5


def test_a_single_cluster_is_perfectly_stable():
    assert stability(np.random.default_rng(0).normal(size=(50, 2)), 1) == 1


def test_stability_depends_on_the_seed_alone():
    z = np.random.default_rng(0).normal(size=(100, 3))
    assert stability(z, 5, n_pairs=2, seed=3) == stability(z, 5, n_pairs=2, seed=3)
    assert stability(z, 5, n_pairs=2, seed=3) != stability(z, 5, n_pairs=2, seed=4)


@pytest.mark.parametrize(("k", "expected"), [(0, "1 to 10"), (9, "at most 8")])
def test_stability_needs_k_points_in_each_subsample(k: int, expected: str):
    with pytest.raises(ValueError, match=f"k is {k}, expected {expected}"):
        stability(np.zeros((10, 2)), k)


@pytest.mark.usefixtures("few_pairs")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [2, 6])
def test_the_planted_k_is_chosen(method: Callable[..., np.ndarray], k: int):
    selection = choose_k(blobs(k, each=30), method=method, max_k=8)
    assert (selection.k, selection.has_structure) == (k, True)


def separated(k: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    means = 20 * rng.normal(size=(k, 8))
    return np.repeat(means, 20, 0) + rng.normal(size=(20 * k, 8))


@pytest.mark.usefixtures("few_pairs")
def test_a_k_between_two_values_of_the_grid_is_chosen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(n_clusters, "K_GRID", (2, 4, 10))
    steps: list[tuple[int, int]] = []
    selection = choose_k(separated(7), on_step=lambda done, total: steps.append((done, total)))
    assert (selection.k, selection.has_structure) == (7, True)
    ks = [candidate.k for candidate in selection.candidates]
    assert ks == sorted(set(ks))
    assert steps[-1][0] == steps[-1][1] >= len(ks)
    assert all(done <= total for done, total in steps)


@pytest.mark.slow
def test_a_k_between_two_values_of_the_default_grid_is_chosen():
    selection = choose_k(separated(13))
    assert (selection.k, selection.has_structure) == (13, True)


def candidate(
    k: int, silhouette: float, stability: float = 1.0, reference: float = 0.1
) -> Candidate:
    return Candidate(k, silhouette, stability, reference)


@pytest.mark.parametrize(
    ("candidates", "k"),
    [
        # Unstable, or no better than clusterless data: unsupported, however large the silhouette.
        ([candidate(2, 0.5, stability=0.82), candidate(3, 0.9, stability=0.79)], 2),
        ([candidate(2, 0.5), candidate(3, 0.9, reference=0.86)], 2),
        # Less stable than the best by more than 0.25 / k.
        ([candidate(2, 0.5), candidate(5, 0.9, stability=0.94)], 2),
        ([candidate(2, 0.5), candidate(5, 0.9, stability=0.96)], 5),
        # Silhouettes within 5 % of the best count as equal, and the largest k of them is chosen.
        ([candidate(2, 0.6), candidate(3, 0.58)], 3),
        ([candidate(2, 0.6), candidate(3, 0.56)], 2),
        # None is supported: the largest gain over clusterless data.
        ([candidate(2, 0.5, 0.5), candidate(3, 0.4, 0.5, reference=-0.1)], 3),
    ],
)
def test_rules_of_the_choice(candidates: list[Candidate], k: int, monkeypatch: pytest.MonkeyPatch):
    by_k = {c.k: c for c in candidates}
    monkeypatch.setattr(n_clusters, "K_GRID", tuple(by_k))
    monkeypatch.setattr(n_clusters, "_evaluate", lambda z, k, *_: by_k.get(k, candidate(k, -1.0)))
    selection = choose_k(np.zeros((60, 1)))
    assert selection.k == k
    assert selection.has_structure == by_k[k].is_supported


@pytest.mark.usefixtures("few_pairs")
@pytest.mark.parametrize("shape", ["round", "elongated", "square", "line"])
def test_data_without_clusters_have_no_structure(shape: str):
    rng = np.random.default_rng(1)
    z = {
        "round": rng.normal(size=(300, 6)),
        "elongated": rng.normal(size=(300, 3)) * [9, 1, 1],  # its two halves are stable clusters
        "square": rng.random((300, 2)),  # and so are its four quarters
        "line": rng.random((300, 1)),
    }[shape]
    selection = choose_k(z, max_k=6)
    assert not selection.has_structure
    assert not any(candidate.is_supported for candidate in selection.candidates)


@pytest.mark.usefixtures("few_pairs")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n_distinct", "ks"), [(1, (2, 3, 4)), (2, (3, 4))])
def test_fewer_different_points_than_k_are_neither_clusters_nor_stable(
    n_distinct: int, ks: tuple[int, ...], method: Callable[..., np.ndarray]
):
    z = np.repeat(np.arange(n_distinct), 40 // n_distinct)[:, None] * np.ones((1, 3))
    selection = choose_k(z, method=method, max_k=4)
    scores = {c.k: (c.silhouette, c.stability, c.is_supported) for c in selection.candidates}
    assert [scores[k] for k in ks] == [(-1.0, 0.0, False)] * len(ks)
    assert [stability(z, k, method=method, n_pairs=2) for k in ks] == [0.0] * len(ks)


def test_bad_arguments_are_rejected():
    with pytest.raises(ValueError, match="there are 19 points, expected at least 20"):
        choose_k(np.zeros((19, 2)))
    with pytest.raises(ValueError, match="max_k is 1, expected at least 2"):
        choose_k(np.zeros((30, 2)), max_k=1)
