"""Clusters of codes, and how well they agree with a factor that nobody told them."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.mixture import GaussianMixture

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
    z = _flat(z, k)
    with warnings.catch_warnings():
        # Fewer distinct points than clusters (a collapsed code): the scores say so, a warning adds nothing.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(k, n_init=restarts, random_state=seed).fit_predict(z)  # pyright: ignore[reportArgumentType]


def gmm(z: Array, k: int, seed: int = 0) -> Array:
    """Return the most probable component of a Gaussian mixture, (n,).

    With about ten points per component, as in the article, a full covariance is not defined. Every component
    therefore has a diagonal covariance, with 5 % of the data's mean variance added to its variances; EM starts
    from K-Means.

    Raises
    ------
    ValueError
        If k is not between 1 and n.
    """
    z = _flat(z, k).astype(np.float64)
    floor = GMM_FLOOR * max(float(z.var(0).mean()), 1e-12)
    mixture = GaussianMixture(k, covariance_type="diag", reg_covar=floor, n_init=1, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit_predict(z)


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


def _flat(z: Array, k: int) -> Array:
    if not 1 <= k <= len(z):
        raise ValueError(f"k is {k}, expected 1 to {len(z)}, the number of points")
    return np.asarray(z, np.float32).reshape(len(z), -1)
