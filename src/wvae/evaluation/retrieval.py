"""Retrieval: recognise a person, such as the writer or the speaker, by the mean of n codes.

Codes are (n, d) in any unit; ids, (n,), are numbers or strings that name the person of each code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.metrics import roc_curve

from ..validation.quoting import quoted
from .checks import Array, check_column, check_finite

MIN_SHRINKAGE = 1e-4
MIN_VARIANCE = 0.01  # of a column, as a share of the median variance


def identification(
    z_enrolled: Array,
    ids_enrolled: Array,
    z_query: Array,
    ids_query: Array,
    *,
    sizes: Iterable[int] = (1, 3, 5, 10),
    metric: Literal["euclidean", "within"] = "euclidean",
    repeats: int = 20,
    name: str = "retrieval",
    seed: int = 0,
) -> dict[str, float]:
    """Return how often the nearest enrolled person is the right one (closed set, top-1).

    A person is enrolled as the mean c_p of all their codes. A query q is the mean of n query codes
    of one person, sampled without replacement, or of all their codes if they have fewer. The answer
    is arg min_p ‖q − c_p‖, or with ``metric="within"`` arg min_p (q − c_p)ᵀ S⁻¹ (q − c_p), where S
    is `within_covariance` of the enrolment: linear discriminant analysis with equal priors. Equally
    near people share the point.

    Parameters
    ----------
    z_enrolled, z_query
        Codes, (n, d) and (m, d).
    ids_enrolled, ids_query
        Person of each code, (n,) and (m,).
    sizes
        Numbers of codes in a query.
    metric
        ``"euclidean"`` or ``"within"``.
    repeats
        Number of queries for each person and size.
    name
        First part of the keys.
    seed
        Seed of the samples. Both metrics receive the same samples for one seed.

    Returns
    -------
    dict
        ``{name}.top1.{n}`` or ``{name}.within.top1.{n}``, in [0, 1], mean over queries and people;
        ``{name}.people``, the number of enrolled people; ``{name}.chance``, one divided by it.

    Raises
    ------
    ValueError
        If shapes do not fit, codes are not finite, ids are missing (NaN, None), sizes or repeats
        are below 1, the metric is unknown, or a person of the queries is not enrolled.

    References
    ----------
    Fisher (1936), The use of multiple measurements in taxonomic problems.

    Examples
    --------
    >>> z = np.array([[0.0], [1.0], [8.0], [9.0]])
    >>> ids = np.array(["ann", "ann", "bob", "bob"])
    >>> identification(z, ids, z + 0.5, ids, sizes=[2])
    {'retrieval.top1.2': 1.0, 'retrieval.people': 2, 'retrieval.chance': 0.5}
    """
    z_enrolled, ids_enrolled = _check(z_enrolled, ids_enrolled, "z_enrolled", "ids_enrolled")
    z_query, ids_query = _check(z_query, ids_query, "z_query", "ids_query")
    sizes = _check_sizes(sizes, repeats)
    if z_enrolled.shape[1] != z_query.shape[1]:
        raise ValueError(
            f"z_enrolled has {z_enrolled.shape[1]} columns and z_query {z_query.shape[1]}, "
            "expected as many"
        )
    people, index = np.unique(np.concatenate([ids_enrolled, ids_query]), return_inverse=True)
    enrolled, query = index[: len(z_enrolled)], index[len(z_enrolled) :]
    missing = people[np.setdiff1d(query, enrolled)].tolist()
    if missing:
        raise ValueError(
            f"ids_query has {quoted(missing[:5])}, not enrolled: leave them out, or use "
            "verification"
        )
    if metric not in ("euclidean", "within"):
        raise ValueError(f"metric is {quoted(metric)}, expected 'euclidean' or 'within'")
    key = f"{name}.top1"
    if metric == "within":
        key = f"{name}.within.top1"
        whitening = _whitening(within_covariance(z_enrolled, ids_enrolled), z_enrolled.shape[1])
        z_enrolled, z_query = z_enrolled @ whitening, z_query @ whitening
    references, truth = _means(z_enrolled, enrolled), np.unique(query)
    rng = np.random.default_rng(seed)
    totals = dict.fromkeys(sizes, 0.0)
    for _ in range(repeats):
        order, position = _shuffle_within(query, rng)
        for n in sizes:
            rows = order[position < n]
            distances = cdist(_means(z_query[rows], query[rows]), references)
            is_nearest = distances == distances.min(1, keepdims=True)
            share_of_truth = is_nearest[np.arange(len(truth)), truth] / is_nearest.sum(1)
            totals[n] += float(share_of_truth.mean())
    scores = {f"{key}.{n}": total / repeats for n, total in totals.items()}
    return scores | {f"{name}.people": len(people), f"{name}.chance": 1 / len(people)}


def verification(
    z: Array,
    ids: Array,
    *,
    enrolment_share: float = 0.5,
    sizes: Iterable[int] = (1, 3, 5, 10),
    covariance: Array | None = None,
    repeats: int = 20,
    name: str = "verification",
    seed: int = 0,
) -> dict[str, float]:
    """Return the equal error rate of "are these two the same person?" (open set).

    It is meant for people whom training has not seen. In each repeat, the codes of every person are
    split at random into an enrolment part and a query part. The score of a trial is minus the
    distance between the mean of one enrolment part and the mean of n codes of one query part, or of
    all of it if it has fewer. P people make P genuine and P (P − 1) impostor trials. The trials of
    all repeats are pooled under one threshold.

    Parameters
    ----------
    z, ids
        Codes, (n, d), and the person of each, (n,): at least two people with two codes each.
    enrolment_share
        Share of the codes of each person that is enrolled, in (0, 1); at least one code, and never
        all of them.
    sizes
        Numbers of codes in a query.
    covariance
        Covariance of codes within a person, (d, d), positive definite: `within_covariance` of
        *other* people. With it the distance is Mahalanobis' instead of Euclidean. The keys do not
        show this, so give the scores another name.
    repeats
        Number of splits.
    name, seed
        First part of the keys; seed of the splits.

    Returns
    -------
    dict
        ``{name}.eer.{n}`` in [0, 1], 0 perfect, 0.5 chance; ``{name}.people``, P.

    Raises
    ------
    ValueError
        If shapes do not fit, codes are not finite, ids are missing (NaN, None), people or codes are
        too few, sizes or repeats are below 1, or the share or the covariance is not as above.

    Examples
    --------
    >>> z = np.array([[0.0], [1.0], [8.0], [9.0]])
    >>> verification(z, np.array(["ann", "ann", "bob", "bob"]), sizes=[1])
    {'verification.eer.1': 0.0, 'verification.people': 2}
    """
    z, ids = _check(z, ids, "z", "ids")
    sizes = _check_sizes(sizes, repeats)
    people, person, counts = np.unique(ids, return_inverse=True, return_counts=True)
    if len(people) < 2 or counts.min() < 2:
        fewest = people[counts.argmin()].tolist()
        raise ValueError(
            f"ids has {len(people)} people, of whom {quoted(fewest)} has {counts.min()} codes, "
            "expected two or more people with two or more each: leave out people with one"
        )
    if not 0 < enrolment_share < 1:
        raise ValueError(f"enrolment_share is {enrolment_share}, expected a share between 0 and 1")
    if covariance is not None:
        z = z @ _whitening(covariance, z.shape[1])
    n_enrolled = np.maximum((enrolment_share * counts).astype(int), 1)
    rng = np.random.default_rng(seed)
    scores: dict[int, list[Array]] = {n: [] for n in sizes}  # (P, P) in each repeat
    for _ in range(repeats):
        order, position = _shuffle_within(person, rng)
        query_position = position - n_enrolled[person[order]]  # negative: the enrolment part
        enrolled = order[query_position < 0]
        references = _means(z[enrolled], person[enrolled])
        for n in sizes:
            rows = order[(query_position >= 0) & (query_position < n)]
            scores[n].append(-cdist(_means(z[rows], person[rows]), references))
    is_genuine = np.eye(len(people), dtype=bool)
    rates: dict[str, float] = {}
    for n, repeated in scores.items():
        stacked = np.stack(repeated)  # (repeats, P, P)
        rates[f"{name}.eer.{n}"] = equal_error_rate(
            stacked[:, is_genuine].ravel(), stacked[:, ~is_genuine].ravel()
        )
    return rates | {f"{name}.people": len(people)}


def equal_error_rate(genuine: Array, impostor: Array) -> float:
    """Return the error rate at which false acceptances and false rejections are equally frequent.

    There, P(impostor ≥ t) = P(genuine < t) for a threshold t; the ROC is interpolated linearly. The
    rate is in [0, 1], 0.5 at chance.

    Parameters
    ----------
    genuine, impostor
        Scores, (n,) and (m,), higher for more similar pairs.

    Raises
    ------
    ValueError
        If one of them is empty, not one-dimensional, or not finite.

    Examples
    --------
    >>> equal_error_rate(np.array([2.0, 4.0]), np.array([1.0, 3.0]))
    0.5
    """
    genuine, impostor = np.asarray(genuine, np.float64), np.asarray(impostor, np.float64)
    for name, scores in (("genuine", genuine), ("impostor", impostor)):
        if scores.ndim != 1 or not len(scores):
            raise ValueError(
                f"{name} has shape {scores.shape}, expected (n,) with at least one score"
            )
        check_finite(scores, name)
    is_genuine = np.repeat([True, False], [len(genuine), len(impostor)])
    false_acceptance, recall, _ = roc_curve(is_genuine, np.concatenate([genuine, impostor]))
    false_rejection = 1 - recall
    # The difference grows strictly from −1 to 1, so it is 0 at one point.
    return float(np.interp(0, false_acceptance - false_rejection, false_acceptance))


def within_covariance(z: Array, ids: Array) -> Array:
    """Return the pooled covariance of codes around the mean of their person, (d, d), shrunk.

    W = Σ_i (z_i − c_p(i)) (z_i − c_p(i))ᵀ / (n − P) for n codes of P people. It is shrunk to its
    diagonal, S = (1 − λ) W + λ diag W, with Ledoit and Wolf's λ for the standardised codes. No
    variance is below 1 % of the median variance. S is therefore positive definite also for few
    codes and for equal or constant columns.

    Parameters
    ----------
    z, ids
        Codes, (n, d), and the person of each, (n,).

    Raises
    ------
    ValueError
        If shapes do not fit, codes are not finite, ids are missing, or no person has two codes.

    References
    ----------
    Ledoit & Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices;
    Schäfer & Strimmer (2005), A shrinkage approach to large-scale covariance matrix estimation.

    Examples
    --------
    >>> within_covariance(np.array([[0.0], [2.0], [7.0], [9.0]]), np.array([0, 0, 1, 1]))
    array([[2.]])
    """
    z, ids = _check(z, ids, "z", "ids")
    people, person = np.unique(ids, return_inverse=True)
    if len(people) == len(z):
        raise ValueError("every person has one code, expected at least one person with two")
    residuals = z - _means(z, person)[person]
    pooled = residuals.T @ residuals / (len(z) - len(people))
    variances = np.diagonal(pooled)
    # Constant columns, such as the margin of an image, must not lower the median.
    varying = variances[variances > 1e-9 * variances.max()]
    floor = MIN_VARIANCE * np.median(varying) if len(varying) else 1.0
    variances = np.maximum(variances, floor)
    # Codes are standardised: otherwise one column of large variance would determine λ.
    shrinkage = ledoit_wolf_shrinkage(residuals / np.sqrt(variances), assume_centered=True)
    shrunk = (1 - max(float(shrinkage), MIN_SHRINKAGE)) * pooled
    np.fill_diagonal(shrunk, variances)
    return shrunk


def _whitening(covariance: Array, d: int) -> Array:
    """Return V with V Vᵀ = S⁻¹: Euclidean distances of z V are Mahalanobis distances of z."""
    s = np.asarray(covariance, np.float64)
    if s.shape != (d, d) or not np.allclose(s, s.T) or np.linalg.eigvalsh(s)[0] <= 0:
        raise ValueError(
            f"covariance has shape {s.shape}, expected ({d}, {d}), symmetric and positive "
            "definite: use within_covariance"
        )
    return solve_triangular(np.linalg.cholesky(s), np.eye(d), lower=True).T


def _shuffle_within(person: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return rows by person, shuffled within each, and each row's position in its person from 0."""
    order = rng.permutation(len(person))
    order = order[np.argsort(person[order], kind="stable")]
    first = np.searchsorted(person[order], person[order])
    return order, np.arange(len(order)) - first


def _means(z: Array, person: Array) -> Array:
    """Return the mean code of each person that occurs, in the order of their indices."""
    order = np.argsort(person, kind="stable")
    _, starts, counts = np.unique(person[order], return_index=True, return_counts=True)
    return np.add.reduceat(z[order], starts) / counts[:, None]


def _check(z: Array, ids: Array, z_name: str, ids_name: str) -> tuple[Array, Array]:
    """Return codes as float64 and ids of strings or numbers, or raise a ValueError."""
    z = np.asarray(z, np.float64)
    if z.ndim != 2 or not z.size:
        raise ValueError(
            f"{z_name} has shape {z.shape}, expected (n, d), not empty: use reshape(len(z), -1)"
        )
    check_finite(z, z_name)
    return z, check_column(ids, ids_name, len(z))


def _check_sizes(sizes: Iterable[int], repeats: int) -> tuple[int, ...]:
    """Return sizes without repetitions, or raise a ValueError."""
    sizes = tuple(sizes)
    if not sizes or any(n != int(n) or n < 1 for n in sizes) or repeats < 1:
        raise ValueError(
            f"sizes is {sizes} and repeats {repeats}, expected positive integers, at least one size"
        )
    return tuple(dict.fromkeys(int(n) for n in sizes))
