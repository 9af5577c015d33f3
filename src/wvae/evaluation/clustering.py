"""Clusters of codes, and how well they agree with a factor that training did not see."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from ..validation.quoting import quoted

Array = np.ndarray
Covariance = Literal["diag", "full"]
ROUNDING = (
    2e-6  # differences between points up to this, relative to the largest, are no differences
)
GMM_FLOOR = 0.05  # added to every variance of a Gaussian, as a share of the data's mean variance


def kmeans(z: Array, k: int, seed: int = 0, restarts: int = 10) -> Array:
    """Return K-Means clusters, (n,), from the best of several k-means++ initialisations.

    Parameters
    ----------
    z
        Points, (n, \\*shape); flattened.
    k
        Number of clusters, 1 … n.
    seed
        Seed of the initialisations.
    restarts
        Number of initialisations. The one with the smallest sum of squared distances wins.

    Raises
    ------
    ValueError
        If k is not between 1 and n.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM; Arthur & Vassilvitskii (2007), k-means++.

    Examples
    --------
    >>> clusters = kmeans(np.array([[0.0], [0.1], [9.0], [9.1]]), 2)
    >>> bool(clusters[0] == clusters[1] != clusters[2] == clusters[3])
    True
    """
    points = flat(z, k)
    model = KMeans(k, n_init=restarts, random_state=seed)  # pyright: ignore[reportArgumentType]
    with _quiet_single_threaded_blas():
        return model.fit_predict(points)


def gmm(z: Array, k: int, seed: int = 0, covariance: Covariance = "diag") -> Array:
    """Return the most probable component of a Gaussian mixture for each point, (n,).

    The article clusters about ten points per component, too few to estimate a full covariance
    matrix. The default is therefore a diagonal covariance. `GMM_FLOOR` (5 %) of the data's mean
    variance is added to the variances of every component (scikit-learn's ``reg_covar``). EM starts
    from one run of K-Means.

    Parameters
    ----------
    z
        Points, (n, \\*shape); flattened.
    k
        Number of components, 1 … n.
    seed
        Seed of the initialisation.
    covariance
        ``"diag"``, or ``"full"`` for many points in few dimensions. The cost of ``"full"`` grows
        with the square of the number of dimensions.

    Raises
    ------
    ValueError
        If k is not between 1 and n, or the covariance is neither ``"diag"`` nor ``"full"``.

    References
    ----------
    Dempster, Laird, Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.

    Examples
    --------
    >>> clusters = gmm(np.array([[0.0], [0.1], [9.0], [9.1]]), 2)
    >>> bool(clusters[0] == clusters[1] != clusters[2] == clusters[3])
    True
    """
    if covariance not in ("diag", "full"):
        raise ValueError(f"covariance is {quoted(covariance)}, expected 'diag' or 'full'")
    points = flat(z, k).astype(np.float64)
    # EM subtracts squared means from mean squares, which loses digits far from 0.
    points -= points.mean(0)
    mean_variance = max(float(points.var(0).mean()), 1e-12)
    model = GaussianMixture(
        k, covariance_type=covariance, reg_covar=GMM_FLOOR * mean_variance, random_state=seed
    )
    with _quiet_single_threaded_blas():
        return model.fit_predict(points)


@contextmanager
def _quiet_single_threaded_blas() -> Iterator[None]:
    """Run scikit-learn without its convergence warnings and with one BLAS thread.

    The warnings are about codes with fewer distinct points than clusters (collapsed codes) and
    about EM that needs more than its 100 steps; the scores show both. The matrix products are so
    small that several BLAS threads mostly wait for each other, up to forty times as long when
    another program uses a core.
    """
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def random_assignment(n: int, k: int, seed: int = 0) -> Array:
    """Return n clusters drawn uniformly from k: the baseline of every score.

    Examples
    --------
    >>> random_assignment(6, 3).shape
    (6,)
    """
    return np.random.default_rng(seed).integers(k, size=n)


def purity(clusters: Array, truth: Array) -> float:
    """Return the share of points that belong to the most common class of their cluster, in (0, 1].

    Purity grows with the number of clusters and is high for small clusters even at random. Report
    it next to that of `random_assignment`.

    Examples
    --------
    >>> purity(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 6]))
    0.75
    """
    return float(contingency_matrix(truth, clusters).max(0).sum() / len(truth))


def agreement(clusters: Array, truth: Array) -> dict[str, float]:
    """Return purity, adjusted Rand index and adjusted mutual information of clusters and a factor.

    The expected ARI and AMI are 0 for random clusters; both are 1 for the factor itself.

    Parameters
    ----------
    clusters, truth
        Cluster and value of the factor of each point, (n,).

    Raises
    ------
    ValueError
        If the lengths differ.

    References
    ----------
    Hubert & Arabie (1985), Comparing partitions; Vinh, Epps, Bailey (2010), Information theoretic
    measures for clusterings comparison.

    Examples
    --------
    >>> agreement(np.array([0, 0, 1, 1]), np.array(["a", "a", "b", "b"]))
    {'purity': 1.0, 'ari': 1.0, 'ami': 1.0}
    """
    if len(clusters) != len(truth):
        raise ValueError(
            f"there are {len(clusters)} clusters and {len(truth)} values of the factor, "
            "expected as many of both"
        )
    return {
        "purity": purity(clusters, truth),
        "ari": float(adjusted_rand_score(truth, clusters)),
        "ami": float(adjusted_mutual_info_score(truth, clusters)),
    }


def count_distinct(z: Array) -> int:
    """Return the number of points that differ by more than rounding errors.

    The points are projected on a random line, where equal ones come to lie together.

    Parameters
    ----------
    z
        Points, (n, \\*shape).

    Examples
    --------
    >>> count_distinct(np.array([[0.0, 1.0], [0.0, 1.0], [2.0, 1.0]]))
    2
    """
    points = flat(z, 1)
    largest = np.abs(points).max(0, initial=0)
    direction = np.random.default_rng(0).standard_normal(points.shape[1])
    line = np.sort(points @ (direction / np.where(largest > 0, largest, 1)))
    return 1 + int((np.diff(line) > ROUNDING * np.abs(line).max()).sum())


def check_distinct(z: Array, k: int | None, what: str = "points") -> None:
    """Raise a ValueError if the points are all equal, or fewer of them differ than k.

    Parameters
    ----------
    z
        Points, (n, \\*shape).
    k
        Number of clusters, or None if it is not known yet.
    what
        Name of the points in messages.

    Examples
    --------
    >>> check_distinct(np.zeros((60, 2)), 4)
    Traceback (most recent call last):
    ValueError: all 60 points are equal, so there are no clusters
    """
    n_distinct = count_distinct(z)
    if n_distinct == 1:
        raise ValueError(f"all {len(z):,} {what} are equal, so there are no clusters")
    if k is not None and k > n_distinct:
        raise ValueError(
            f"k is {k}, but only {n_distinct:,} of the {len(z):,} {what} are different, so there "
            f"are no {k} clusters: take k up to {n_distinct}"
        )


def flat(z: Array, k: int) -> Array:
    """Return points as rows of float32, (n, d). Raise a ValueError unless k is in 1 … n.

    Numbers that float32 may not hold, such as seconds since 1970, lose their mean first.
    """
    if not 1 <= k <= len(z):
        raise ValueError(f"k is {k}, expected 1 to {len(z)}, the number of points")
    points = np.asarray(z).reshape(len(z), -1)
    if points.dtype.itemsize > 4:
        points = points.astype(np.float64)
        points -= points.mean(0)
    return points.astype(np.float32, copy=False)
