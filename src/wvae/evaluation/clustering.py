"""Clusters of codes, and how well they agree with a factor that nobody told them."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix
from threadpoolctl import threadpool_limits
from torch import Tensor

from .mixture import Covariance, gaussians, lloyd

Array = np.ndarray
GMM_FLOOR = 0.05


def kmeans(z: Array, k: int, seed: int = 0, restarts: int = 10) -> Array:
    """Return K-Means clusters, (n,), the best of several k-means++ starts.

    Parameters
    ----------
    z
        Points, (n, \\*shape); flattened.
    k
        Number of clusters, 1 … n.
    seed
        Of the starts.
    restarts
        How many starts.

    Raises
    ------
    ValueError
        If k is not between 1 and n.
    """
    z = flat(z, k)
    return _kmeans(z, k, seed, restarts)


def gmm(z: Array, k: int, seed: int = 0, covariance: Covariance = "diag") -> Array:
    """Return the most probable component of a Gaussian mixture, (n,).

    With about ten points per component, as in the article, a full covariance is not defined. Unless asked otherwise,
    every component therefore has a diagonal covariance. 5 % of the data's mean variance is added to its variances; EM
    starts from K-Means. What comes out is scikit-learn's ``GaussianMixture``, sooner.

    Parameters
    ----------
    z
        Points, (n, \\*shape); flattened.
    k
        Number of components, 1 … n.
    seed
        Of the start.
    covariance
        ``"diag"``, or ``"full"`` for many points of few dimensions: its cost grows with the square of these.

    Raises
    ------
    ValueError
        If k is not between 1 and n, or the covariance is neither.
    """
    if covariance not in ("diag", "full"):
        raise ValueError(f"covariance is {covariance!r}, expected 'diag' or 'full'")
    z = flat(z, k).astype(np.float64)
    z -= z.mean(0)
    floor = GMM_FLOOR * max(float(z.var(0).mean()), 1e-12)
    start = torch.from_numpy(_kmeans(z, k, seed, 1)).long()
    clusters, _ = gaussians(_on_device(z), _on_device(start), k, floor=floor, covariance=covariance)
    return clusters.cpu().numpy()


def _kmeans(z: Array, k: int, seed: int, restarts: int) -> Array:
    # Threads of small products wait for each other: where another program wants a core, forty times as long.
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        # Fewer distinct points than clusters (a collapsed code): the scores say so, a warning adds nothing.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if torch.cuda.is_available():
            points, chance = _on_device(z - z.mean(0)), np.random.RandomState(seed)
            starts = (_on_device(_spread(z - z.mean(0), k, chance)) for _ in range(restarts))
            found = [lloyd(points, start) for start in starts]
            return min(found, key=lambda one: one[1])[0].cpu().numpy()
        method = KMeans(k, init=_spread, n_init=restarts, random_state=seed)  # pyright: ignore[reportArgumentType]
        return method.fit_predict(z)


def _spread(z: Array, k: int, random_state: np.random.RandomState) -> Array:
    """Return k-means++ starts, (k, d): those of scikit-learn, which looks at every point in float64 piece by piece."""
    points, trials, n = z.astype(np.float64), 2 + int(np.log(k)), len(z)
    squares = np.einsum("ij,ij->i", points, points)
    rows = [int(random_state.choice(n, p=np.full(n, 1 / n)))]
    nearest = (squares + squares[rows] - 2 * points @ points[rows[0]]).clip(min=0)
    for _ in range(1, k):
        chance = random_state.uniform(size=trials) * nearest.sum()
        tried = np.searchsorted(np.cumsum(nearest), chance).clip(max=n - 1)
        distances = points[tried] @ points.T
        distances *= -2
        distances += squares
        distances += squares[tried, None]
        np.clip(distances, 0, nearest, out=distances)
        best = distances.sum(1).argmin()
        nearest = distances[best]
        rows.append(int(tried[best]))
    return z[rows]


def _on_device(z: Array | Tensor) -> Tensor:
    return torch.as_tensor(z).to("cuda" if torch.cuda.is_available() else "cpu")


def random_assignment(n: int, k: int, seed: int = 0) -> Array:
    """Return n clusters drawn uniformly from k: the floor that every score stands on."""
    return np.random.default_rng(seed).integers(k, size=n)


def purity(clusters: Array, truth: Array) -> float:
    """Return the share of points that belong to the commonest class of their cluster, in (0, 1].

    It grows with the number of clusters and has a high floor when clusters are small: print it next to
    `random_assignment`.

    Examples
    --------
    >>> purity(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 6]))
    0.75
    """
    return float(contingency_matrix(truth, clusters).max(0).sum() / len(truth))


def agreement(clusters: Array, truth: Array) -> dict[str, float]:
    """Return purity, adjusted Rand index and adjusted mutual information of clusters and a factor.

    ARI and AMI are 0 in the mean for random clusters and 1 for the factor itself.

    References
    ----------
    Hubert & Arabie (1985), Comparing partitions; Vinh, Epps, Bailey (2010), Information theoretic measures for
    clusterings comparison.

    Examples
    --------
    >>> agreement(np.array([0, 0, 1, 1]), np.array(["a", "a", "b", "b"]))
    {'purity': 1.0, 'ari': 1.0, 'ami': 1.0}
    """
    if len(clusters) != len(truth):
        raise ValueError(f"there are {len(clusters)} clusters and {len(truth)} values of the factor, expected as many")
    return {
        "purity": purity(clusters, truth),
        "ari": float(adjusted_rand_score(truth, clusters)),
        "ami": float(adjusted_mutual_info_score(truth, clusters)),
    }


def flat(z: Array, k: int) -> Array:
    """Return points as rows of float32, (n, d), or raise a ValueError if k is not between 1 and n."""
    if not 1 <= k <= len(z):
        raise ValueError(f"k is {k}, expected 1 to {len(z)}, the number of points")
    return np.asarray(z, np.float32).reshape(len(z), -1)
