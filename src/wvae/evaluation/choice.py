"""How many clusters there are: by silhouette and stability, both against data without clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import adjusted_rand_score, silhouette_score

from .clustering import Array, flat, kmeans

Method = Callable[..., Array]  # kmeans or gmm
ROWS, PART = 2000, 0.8  # points that stability and silhouette look at; share of them in each part
DRAWS = 6  # pairs of parts
STABLE, APART = 0.8, 0.05  # what clusters need: stability, and a silhouette above that of no clusters
NEARLY, CLEAR = 0.25, 0.95  # less stability × k, and share of the silhouette, that pass for as good
GRID = (*range(2, 11), 12, 15, 18, 22, 27, 33, 41, 50, 61, 75, 91, 111, 136, 166, 200)
REFINED = 4  # more k at most, in the gaps beside the best


@dataclass(frozen=True)
class Tried:
    """One number of clusters that was tried.

    ``silhouette`` is in [-1, 1], ``stability`` as `stability` has it; ``null`` is the larger silhouette of two data of
    the same size and spread that have no clusters.
    """

    k: int
    silhouette: float
    stability: float
    null: float

    def shown(self) -> tuple[int, float, float, float]:
        """Return k, silhouette, that of no clusters, and stability: a row of the table."""
        return self.k, self.silhouette, self.null, self.stability

    @property
    def holds(self) -> bool:
        """Whether the clusters come back, and are further apart than those that K-Means cuts out of no structure."""
        return self.stability >= STABLE and self.silhouette >= self.null + APART


@dataclass(frozen=True)
class Choice:
    """The number of clusters that was chosen, whether there is structure at all, and all that was tried."""

    k: int
    structure: bool
    tried: tuple[Tried, ...]


def stability(z: Array, k: int, *, method: Method = kmeans, draws: int = DRAWS, seed: int = 0) -> float:
    """Return how alike the clusters of two random parts of the data are, near 0 for chance, 1 if always the same.

    Two parts of 80 % are clustered apart; the adjusted Rand index compares what becomes of the points that are in both.
    The mean of `draws` such pairs. Of more than 2,000 points, chance chooses so many for each pair.

    Parameters
    ----------
    z
        Points, (n, \\*shape).
    k
        Number of clusters, 1 … 0.8 n.
    method
        `kmeans` or `gmm`.
    draws
        Pairs of parts.
    seed
        Of the parts and the clusterings.

    Raises
    ------
    ValueError
        If k is not between 1 and the points of a part.

    References
    ----------
    Ben-Hur, Elisseeff, Guyon (2002), A stability based method for discovering structure in clustered data; von Luxburg
    (2010), Clustering stability: an overview, arXiv:1007.1075.

    Examples
    --------
    >>> z = np.repeat([[0.0], [9.0]], 50, 0) + np.random.default_rng(0).normal(size=(100, 1))
    >>> stability(z, 2) > 0.9 > stability(z, 5)
    True
    """
    z, rng = flat(z, k), np.random.default_rng(seed)
    found: list[float] = []
    for _ in range(draws):
        rows = rng.permutation(len(z))[:ROWS]
        n = round(PART * len(rows))
        if k > n:
            raise ValueError(f"k is {k}, expected at most {n}: the points of each part that is clustered")
        parts = [np.sort(rng.permutation(rows)[:n]) for _ in range(2)]
        clusters = [method(z[part], k, seed=int(rng.integers(2**31))) for part in parts]
        _, first, second = np.intersect1d(*parts, assume_unique=True, return_indices=True)
        found.append(float(adjusted_rand_score(clusters[0][first], clusters[1][second])))
    return float(np.mean(found))


def choose_k(
    z: Array,
    *,
    method: Method = kmeans,
    most: int = 50,
    seed: int = 0,
    on_step: Callable[[int, int], None] | None = None,
) -> Choice:
    """Choose the number of clusters by silhouette and stability, both against data without clusters.

    Any data can be cut into pieces, and a long or square cloud even stably so. So each k is tried on references, too,
    as many points from a Gaussian of the same covariance and from the box of the same principal axes. A k holds if its
    clusters are stable (0.8 or more) and further apart than the references' (a silhouette larger by 0.05). Of those
    that hold, the largest is chosen that is as stable as the stablest, and as clear as the clearest of these. One
    cluster cut in two, now here, now there, costs a stability of 1 / k; a quarter of that passes for none, and so does
    a twentieth of the silhouette. If no k holds, ``structure`` is False and k the one that is furthest above its
    references. Tails that are long on one side only can pass for clusters.

    Of more than 2,000 points, chance chooses so many.

    Parameters
    ----------
    z
        Points, (n, \\*shape), at least 20.
    method
        `kmeans` or `gmm`.
    most
        The largest k that is tried, and at most n / 10.
    seed
        Of everything.
    on_step
        Called with how many k are done, and of how many.

    Raises
    ------
    ValueError
        If there are fewer than 20 points, or most is below 2.

    References
    ----------
    Rousseeuw (1987), Silhouettes; Tibshirani, Walther, Hastie (2001), Estimating the number of clusters in a data set
    via the gap statistic; Dudoit & Fridlyand (2002), A prediction-based resampling method for estimating the number of
    clusters in a dataset.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z = np.repeat(np.eye(3) * 9, 40, 0) + rng.normal(size=(120, 3))
    >>> choose_k(z, most=6).k, choose_k(rng.normal(size=(120, 3)), most=6).structure
    (3, False)
    """
    z = flat(z, 1)
    if len(z) < 20:
        raise ValueError(f"there are {len(z)} points, expected at least 20 to choose a number of clusters: give k")
    if most < 2:
        raise ValueError(f"most is {most}, expected at least 2 clusters to choose from")
    rng = np.random.default_rng(seed)
    z = z[np.sort(rng.permutation(len(z))[:ROWS])]
    most = min(most, max(2, len(z) // 10))
    references = _without_clusters(z, rng)
    tried: dict[int, Tried] = {}
    todo = [k for k in GRID if k <= most]
    total = len(todo) + REFINED
    while todo:
        for k in todo:
            tried[k] = _try(z, k, references, method, seed)
            if on_step is not None:
                on_step(len(tried), max(total, len(tried)))
        todo = _between(_best(tried), tried, most) if len(tried) < total else []
    if on_step is not None:
        on_step(total, total)
    best = _best(tried)
    return Choice(best, tried[best].holds, tuple(tried[k] for k in sorted(tried)))


def _best(tried: dict[int, Tried]) -> int:
    holding = [t for t in tried.values() if t.holds]
    if holding:
        most = max(t.stability for t in holding)
        stablest = [t for t in holding if t.stability >= most - NEARLY / t.k]
        clearest = max(t.silhouette for t in stablest)
        return max(t.k for t in stablest if t.silhouette >= CLEAR * clearest)
    return max(tried.values(), key=lambda t: t.silhouette - t.null).k


def _between(k: int, tried: dict[int, Tried], most: int) -> list[int]:
    """Return what to try next: the middles of the gaps beside k."""
    below = max((other for other in tried if other < k), default=k)
    above = min((other for other in tried if other > k), default=min(most, 2 * k))
    return sorted({(k + other) // 2 for other in (below, above)} - set(tried))


def _try(z: Array, k: int, references: list[Array], method: Method, seed: int) -> Tried:
    null = max(_silhouette(points, method(points, k, seed=seed), k) for points in references)
    stable = stability(z, k, method=method, draws=DRAWS, seed=seed)
    return Tried(k, _silhouette(z, method(z, k, seed=seed), k), stable, null)


def _silhouette(z: Array, clusters: Array, k: int) -> float:
    # Fewer clusters than asked for, as a mixture gives whose components lie on each other, are those of a smaller k.
    return float(silhouette_score(z, clusters)) if len(np.unique(clusters)) == k < len(z) else -1.0


def _without_clusters(z: Array, rng: np.random.Generator) -> list[Array]:
    """Return as many points without clusters, from a Gaussian and from a box, each as spread as z."""
    centred = z - z.mean(0)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    spread = spread / len(z) ** 0.5
    boxes = rng.uniform(-(3**0.5), 3**0.5, (len(z), len(spread)))  # of variance 1
    return [(points * spread @ axes).astype(np.float32) for points in (rng.standard_normal(boxes.shape), boxes)]
