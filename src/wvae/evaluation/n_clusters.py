"""The number of clusters, by silhouette and stability compared with data that have no clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import adjusted_rand_score, silhouette_score

from .clustering import Array, flat, kmeans

Method = Callable[..., Array]  # kmeans or gmm
MAX_POINTS = 2000  # points that stability and silhouette use at most
MIN_POINTS = 20
SUBSAMPLE_SHARE = 0.8  # of the points, in each subsample of a pair
N_PAIRS = 6  # pairs of subsamples
MIN_STABILITY = 0.8  # of a supported k
MIN_SILHOUETTE_GAIN = 0.05  # of a supported k, over data without clusters
STABILITY_TOLERANCE = 0.25  # divided by k: a stability lower by less than this counts as equal
SILHOUETTE_TOLERANCE = 0.95  # a silhouette of at least this share of the largest counts as equal
K_GRID = (*range(2, 11), 12, 15, 18, 22, 27, 33, 41, 50, 61, 75, 91, 111, 136, 166, 200)
N_REFINEMENTS = 4  # k in the gaps of the grid beside the best, after which the search stops


@dataclass(frozen=True)
class Candidate:
    """A number of clusters and its scores.

    Attributes
    ----------
    k
        Number of clusters.
    silhouette
        Mean silhouette of the points, in [-1, 1]; -1 where the method returned fewer clusters than
        k.
    stability
        As `stability` defines it.
    reference_silhouette
        The larger silhouette of two data sets of the same size and covariance that have no
        clusters.
    """

    k: int
    silhouette: float
    stability: float
    reference_silhouette: float

    @property
    def is_supported(self) -> bool:
        """Whether the clusters are stable and better separated than those of clusterless data."""
        gain = self.silhouette - self.reference_silhouette
        return self.stability >= MIN_STABILITY and gain >= MIN_SILHOUETTE_GAIN


@dataclass(frozen=True)
class KSelection:
    """The number of clusters that was selected, and the evidence for it.

    Attributes
    ----------
    k
        The selected number of clusters.
    has_structure
        Whether the data have clusters at all. If not, k is the best of the unsupported candidates.
    candidates
        Every number of clusters that was tried, in increasing order.
    """

    k: int
    has_structure: bool
    candidates: tuple[Candidate, ...]


def stability(
    z: Array, k: int, *, method: Method = kmeans, n_pairs: int = N_PAIRS, seed: int = 0
) -> float:
    """Return how similar the clusterings of two random subsamples are, 0 at random, at most 1.

    Each pair of subsamples, 80 % of the points each, is clustered separately. The adjusted Rand
    index compares the two clusterings on the points that both subsamples contain. The stability is
    the mean over the pairs; a pair of which one has fewer than k clusters counts as 0. With more
    than 2,000 points, each pair is drawn from a random 2,000 of them.

    Parameters
    ----------
    z
        Points, (n, \\*shape).
    k
        Number of clusters, 1 … 0.8 n.
    method
        `kmeans` or `gmm`.
    n_pairs
        Number of pairs of subsamples.
    seed
        Seed of the subsamples and of the clusterings.

    Raises
    ------
    ValueError
        If k is not between 1 and the number of points in a subsample.

    References
    ----------
    Ben-Hur, Elisseeff, Guyon (2002), A stability based method for discovering structure in
    clustered data; von Luxburg (2010), Clustering stability: an overview, arXiv:1007.1075.

    Examples
    --------
    >>> z = np.repeat([[0.0], [9.0]], 50, 0) + np.random.default_rng(0).normal(size=(100, 1))
    >>> stability(z, 2) > 0.9 > stability(z, 5)
    True
    """
    points = flat(z, k)
    n_subsample = round(SUBSAMPLE_SHARE * min(len(points), MAX_POINTS))
    if k > n_subsample:
        raise ValueError(
            f"k is {k}, expected at most {n_subsample}, the number of points in each subsample"
        )
    rng = np.random.default_rng(seed)
    indices: list[float] = []
    for _ in range(n_pairs):
        rows = rng.permutation(len(points))[:MAX_POINTS]
        first_rows = np.sort(rng.permutation(rows)[:n_subsample])
        second_rows = np.sort(rng.permutation(rows)[:n_subsample])
        first = method(points[first_rows], k, seed=int(rng.integers(2**31)))
        second = method(points[second_rows], k, seed=int(rng.integers(2**31)))
        _, in_first, in_second = np.intersect1d(
            first_rows, second_rows, assume_unique=True, return_indices=True
        )
        # Without this, equal points, which make one cluster of k, would be perfectly stable.
        has_k_clusters = min(len(np.unique(first)), len(np.unique(second))) == k
        index = adjusted_rand_score(first[in_first], second[in_second])
        indices.append(float(index) if has_k_clusters else 0.0)
    return float(np.mean(indices))


def choose_k(
    z: Array,
    *,
    method: Method = kmeans,
    max_k: int = 50,
    seed: int = 0,
    on_step: Callable[[int, int], None] | None = None,
) -> KSelection:
    """Choose the number of clusters by silhouette and stability, compared with clusterless data.

    A clustering method divides any data into k parts, and it divides an elongated or square cloud
    even stably. Each k is therefore also tried on two reference data sets of the same size: a
    Gaussian with the covariance of the data, and a box with the same principal axes and variances.

    - A k is *supported* if its stability is at least 0.8 and its silhouette exceeds that of both
      references by 0.05.
    - Among the supported k, those stay whose stability is within 0.25 / k of the highest. (A single
      cluster that is split differently each time costs a stability of about 1 / k.)
    - Among these, those stay whose silhouette is at least 95 % of the highest. The largest k that
      is left is chosen.

    If no k is supported, ``has_structure`` is False and k is the one whose silhouette exceeds the
    references' most. Distributions with a long tail on one side can pass for clusters. With more
    than 2,000 points, a random 2,000 are used.

    Parameters
    ----------
    z
        Points, (n, \\*shape), at least 20.
    method
        `kmeans` or `gmm`.
    max_k
        The largest k to try; never more than n / 10.
    seed
        Seed of every random part.
    on_step
        Called with the number of k tried so far and the expected total.

    Raises
    ------
    ValueError
        If there are fewer than 20 points, or max_k is below 2.

    References
    ----------
    Rousseeuw (1987), Silhouettes; Tibshirani, Walther, Hastie (2001), Estimating the number of
    clusters in a data set via the gap statistic; Dudoit & Fridlyand (2002), A prediction-based
    resampling method for estimating the number of clusters in a dataset.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z = np.repeat(np.eye(3) * 9, 40, 0) + rng.normal(size=(120, 3))
    >>> choose_k(z, max_k=6).k, choose_k(rng.normal(size=(120, 3)), max_k=6).has_structure
    (3, False)
    """
    if len(z) < MIN_POINTS:
        raise ValueError(
            f"there are {len(z)} points, expected at least {MIN_POINTS} to choose k: give k instead"
        )
    if max_k < 2:
        raise ValueError(f"max_k is {max_k}, expected at least 2")
    points, rng = flat(z, 1), np.random.default_rng(seed)
    points = points[np.sort(rng.permutation(len(points))[:MAX_POINTS])]
    max_k = min(max_k, max(2, len(points) // 10))
    references = _references(points, rng)
    tried: dict[int, Candidate] = {}
    next_ks = [k for k in K_GRID if k <= max_k]
    total = len(next_ks) + N_REFINEMENTS
    while next_ks:
        for k in next_ks:
            tried[k] = _evaluate(points, k, references, method, seed)
            if on_step is not None:
                on_step(len(tried), max(total, len(tried)))
        next_ks = _refinements(_best(tried), tried, max_k) if len(tried) < total else []
    if on_step is not None:
        on_step(total, total)
    best = _best(tried)
    candidates = tuple(tried[k] for k in sorted(tried))
    return KSelection(best, tried[best].is_supported, candidates)


def _best(tried: dict[int, Candidate]) -> int:
    """Return the k that `choose_k` would choose of these."""
    supported = [c for c in tried.values() if c.is_supported]
    if not supported:
        return max(tried.values(), key=lambda c: c.silhouette - c.reference_silhouette).k
    best_stability = max(c.stability for c in supported)
    stable = [c for c in supported if c.stability >= best_stability - STABILITY_TOLERANCE / c.k]
    best_silhouette = max(c.silhouette for c in stable)
    return max(c.k for c in stable if c.silhouette >= SILHOUETTE_TOLERANCE * best_silhouette)


def _refinements(k: int, tried: dict[int, Candidate], max_k: int) -> list[int]:
    """Return the middles of the gaps below and above k that have not been tried."""
    below = max((other for other in tried if other < k), default=k)
    above = min((other for other in tried if other > k), default=min(max_k, 2 * k))
    middles = {(below + k) // 2, (k + above) // 2}
    return sorted(middles - set(tried))


def _evaluate(z: Array, k: int, references: list[Array], method: Method, seed: int) -> Candidate:
    reference_silhouettes = [
        _silhouette(points, method(points, k, seed=seed), k) for points in references
    ]
    return Candidate(
        k=k,
        silhouette=_silhouette(z, method(z, k, seed=seed), k),
        stability=stability(z, k, method=method, n_pairs=N_PAIRS, seed=seed),
        reference_silhouette=max(reference_silhouettes),
    )


def _silhouette(z: Array, clusters: Array, k: int) -> float:
    # A mixture with coinciding components returns fewer than k clusters.
    # Their silhouette would be that of a smaller k.
    if len(np.unique(clusters)) < k or k >= len(z):
        return -1.0
    return float(silhouette_score(z, clusters))


def _references(z: Array, rng: np.random.Generator) -> list[Array]:
    """Return a Gaussian and a box without clusters, (n, d) each, with the covariance of z."""
    _, singular_values, axes = np.linalg.svd(z - z.mean(0), full_matrices=False)
    standard_deviations = singular_values / len(z) ** 0.5
    shape = (len(z), len(singular_values))
    box = rng.uniform(-(3**0.5), 3**0.5, shape)  # of variance 1
    gaussian = rng.standard_normal(shape)
    return [(points * standard_deviations @ axes).astype(np.float32) for points in (gaussian, box)]
