"""Find the writer, or the speaker, from the mean code of n examples.

Codes are (n, d), in any unit, and come with whose they are, (n,), numbers or words. Lengths that do not fit, NaN or
infinite codes, unknown people (NaN, None), and sizes or repeats below 1 raise a ValueError.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.metrics import roc_curve

Array = np.ndarray


def identification(
    enrolled: Array,
    who_enrolled: Array,
    queries: Array,
    who_queries: Array,
    *,
    sizes: Iterable[int] = (1, 3, 5, 10),
    metric: Literal["euclidean", "within"] = "euclidean",
    repeats: int = 20,
    name: str = "retrieval",
    seed: int = 0,
) -> dict[str, float]:
    """Return how often the nearest enrolled person is the right one (closed set, top-1), by size of the query.

    A person is enrolled as the mean of all their codes, c_p. A query q is the mean of n of one person's query codes,
    drawn without replacement; a person who has fewer than n is asked about with all they have. The answer is
    arg min_p ‖q − c_p‖, or with ``metric="within"`` arg min_p (q − c_p)ᵀ S⁻¹ (q − c_p), S being `within_covariance` of
    the enrolment: linear discriminant analysis with equal priors (Fisher, 1936). Tied people share the point.

    Parameters
    ----------
    enrolled, who_enrolled, queries, who_queries
        Codes, (n, d) and (m, d), and whose they are, (n,) and (m,); a ValueError if a person is asked about who is not
        enrolled.
    sizes, repeats
        How many examples make a query; queries of each person and size. A seed draws the same for both metrics.

    Returns
    -------
    dict
        ``{name}.top1.{n}`` (``{name}.within.top1.{n}``) in [0, 1], the mean over queries and people;
        ``{name}.people``, how many are enrolled; ``{name}.chance``, one over that.

    Examples
    --------
    >>> codes, who = np.array([[0.0], [1.0], [8.0], [9.0]]), np.array(["ann", "ann", "bob", "bob"])
    >>> identification(codes, who, codes + 0.5, who, sizes=[2])
    {'retrieval.top1.2': 1.0, 'retrieval.people': 2, 'retrieval.chance': 0.5}
    """
    enrolled, who_enrolled = _checked(enrolled, who_enrolled, "enrolled", "who_enrolled")
    queries, who_queries = _checked(queries, who_queries, "queries", "who_queries")
    sizes = _checked_draws(sizes, repeats)
    if enrolled.shape[1] != queries.shape[1]:
        raise ValueError(
            f"enrolled has {enrolled.shape[1]} columns and queries {queries.shape[1]}, expected as many"
        )
    people, person = np.unique(np.concatenate([who_enrolled, who_queries]), return_inverse=True)
    known, asked = np.split(person, [len(enrolled)])
    strangers = people[np.setdiff1d(asked, known)].tolist()
    if strangers:
        raise ValueError(
            f"who_queries has {strangers[:5]}, not enrolled: leave them out, or take verification"
        )
    if metric == "within":
        whitening = _whitening(within_covariance(enrolled, who_enrolled), enrolled.shape[1])
        enrolled, queries = enrolled @ whitening, queries @ whitening
    elif metric != "euclidean":
        raise ValueError(f"metric is {metric!r}, expected 'euclidean' or 'within'")
    centres, right = _means(enrolled, known), np.unique(asked)
    rng = np.random.default_rng(seed)
    key = f"{name}.within.top1" if metric == "within" else f"{name}.top1"
    found = {f"{key}.{n}": 0.0 for n in sizes}
    for _ in range(repeats):
        order, place = _shuffled(asked, rng)
        for n in sizes:
            rows = order[place < n]
            distance = cdist(_means(queries[rows], asked[rows]), centres)
            nearest = distance == distance.min(
                1, keepdims=True
            )  # more than one, where people are tied
            found[f"{key}.{n}"] += float((nearest[:, right].diagonal() / nearest.sum(1)).mean())
    top1 = {size: total / repeats for size, total in found.items()}
    return top1 | {f"{name}.people": len(people), f"{name}.chance": 1 / len(people)}


def verification(
    z: Array,
    who: Array,
    *,
    enrol: float = 0.5,
    sizes: Iterable[int] = (1, 3, 5, 10),
    covariance: Array | None = None,
    repeats: int = 20,
    name: str = "verification",
    seed: int = 0,
) -> dict[str, float]:
    """Return the equal error rate of "are these two the same person?" (open set), by size of the query.

    For people whom training has never seen. In each repeat everyone's codes are split at random into an enrolment and
    a query part. A trial's score is minus the distance from the mean of one enrolment part to the mean of n codes of
    one query part (all of it, where it has fewer). P people make P genuine and P (P − 1) impostor trials; those of all
    repeats are pooled, under one threshold. Keys: ``{name}.eer.{n}`` in [0, 1], 0 perfect, 0.5 chance;
    ``{name}.people``, P.

    Parameters
    ----------
    z, who
        Codes, (n, d), and whose they are, (n,); a ValueError unless there are two people with two codes each, or more.
    enrol
        Share of everyone's codes that is enrolled, in (0, 1); at least one code is, and one is not.
    sizes, repeats
        How many examples make a query; how many splits.
    covariance
        Of codes within a person, (d, d), positive definite: `within_covariance` of *other* people. It makes the
        distance Mahalanobis' instead of Euclidean; the keys do not show it, so give it another name.

    Examples
    --------
    >>> codes, who = np.array([[0.0], [1.0], [8.0], [9.0]]), np.array(["ann", "ann", "bob", "bob"])
    >>> verification(codes, who, sizes=[1])
    {'verification.eer.1': 0.0, 'verification.people': 2}
    """
    z, who = _checked(z, who, "z", "who")
    sizes = _checked_draws(sizes, repeats)
    people, person, counts = np.unique(who, return_inverse=True, return_counts=True)
    if len(people) < 2 or counts.min() < 2:
        came = f"who has {len(people)} people, of whom {people[counts.argmin()].tolist()!r} has {counts.min()} examples"
        raise ValueError(
            f"{came}, expected two or more people with two or more each: leave out who has one"
        )
    if not 0 < enrol < 1:
        raise ValueError(f"enrol is {enrol}, expected a share between 0 and 1")
    if covariance is not None:
        z = z @ _whitening(covariance, z.shape[1])
    n_enrolled = np.maximum(
        (enrol * counts).astype(int), 1
    )  # below counts, because enrol is below 1
    same = np.eye(len(people), dtype=bool)
    rng = np.random.default_rng(seed)
    scores: dict[int, list[Array]] = {n: [] for n in sizes}
    for _ in range(repeats):
        order, place = _shuffled(person, rng)
        place = place - n_enrolled[person[order]]  # from 0 on: the query part
        enrolment = order[place < 0]
        centres = _means(z[enrolment], person[enrolment])
        for n in sizes:
            rows = order[(place >= 0) & (place < n)]
            scores[n].append(-cdist(_means(z[rows], person[rows]), centres))
    stacked = {f"{name}.eer.{n}": np.stack(parts) for n, parts in scores.items()}  # (repeats, P, P)
    eer = {
        key: equal_error_rate(s[:, same].ravel(), s[:, ~same].ravel()) for key, s in stacked.items()
    }
    return eer | {f"{name}.people": len(people)}


def equal_error_rate(genuine: Array, impostor: Array) -> float:
    """Return the error where false acceptances are as frequent as false rejections, in [0, 1]; 0.5 is chance.

    There, P(impostor ≥ t) = P(genuine < t) with t the threshold; the ROC is interpolated linearly. Scores are (n,) and
    (m,): the higher, the more alike. A ValueError if one is empty, not one-dimensional, or not finite.

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
        _refuse_nan(scores, name)
    is_genuine = np.repeat([True, False], [len(genuine), len(impostor)])
    accepted, recognised, _ = roc_curve(is_genuine, np.concatenate([genuine, impostor]))
    # False acceptances minus false rejections grow strictly from −1 to 1: they are equal once.
    return float(np.interp(0, accepted - (1 - recognised), accepted))


def within_covariance(z: Array, who: Array) -> Array:
    """Return the pooled covariance of codes around their person's mean, (d, d), shrunk to its diagonal.

    W = Σ_i (z_i − c_who(i)) (z_i − c_who(i))ᵀ / (n − P) for n codes of P people; S = (1 − λ) W + λ diag W, with Ledoit
    and Wolf's λ of the standardised codes. No variance is below 1 % of the median one, so that S can be inverted
    whatever comes: few codes, equal columns, constant ones. A ValueError if nobody has two codes. See Ledoit & Wolf
    (2004), A well-conditioned estimator for large-dimensional covariance matrices; Schäfer & Strimmer (2005).

    Examples
    --------
    >>> within_covariance(np.array([[0.0], [2.0], [7.0], [9.0]]), np.array([0, 0, 1, 1]))
    array([[2.]])
    """
    z, who = _checked(z, who, "z", "who")
    people, person = np.unique(who, return_inverse=True)
    if len(people) == len(z):
        raise ValueError(
            "every person has one example: the covariance within a person needs someone with two"
        )
    residual = z - _means(z, person)[person]
    pooled = residual.T @ residual / (len(z) - len(people))
    variance = np.diagonal(pooled)
    # Columns that never vary (the margin of an image) must not pull the median down.
    alive = variance[variance > 1e-9 * variance.max()]
    variance = np.maximum(variance, 0.01 * np.median(alive) if len(alive) else 1.0)
    # Standardised first: else one loud column would set how far all are shrunk, and to what.
    shrinkage = max(
        float(ledoit_wolf_shrinkage(residual / np.sqrt(variance), assume_centered=True)), 1e-4
    )
    shrunk = (1 - shrinkage) * pooled
    np.fill_diagonal(shrunk, variance)
    return shrunk


def _whitening(covariance: Array, d: int) -> Array:
    """Return V with V Vᵀ = S⁻¹: Euclidean distances between rows of z V are Mahalanobis distances of z."""
    s = np.asarray(covariance, np.float64)
    if s.shape != (d, d) or not np.allclose(s, s.T) or np.linalg.eigvalsh(s)[0] <= 0:
        raise ValueError(
            f"covariance is {s.shape}, expected ({d}, {d}), positive definite: take within_covariance's"
        )
    return solve_triangular(np.linalg.cholesky(s), np.eye(d), lower=True).T


def _shuffled(person: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return rows sorted by person, at random within each, and each row's place within its person, from 0."""
    order = rng.permutation(len(person))
    order = order[np.argsort(person[order], kind="stable")]
    return order, np.arange(len(order)) - np.searchsorted(person[order], person[order])


def _means(z: Array, person: Array) -> Array:
    """Return the mean code of each person who occurs, in the order of their numbers."""
    order = np.argsort(person, kind="stable")
    _, starts, counts = np.unique(person[order], return_index=True, return_counts=True)
    return np.add.reduceat(z[order], starts) / counts[:, None]


def _checked(z: Array, who: Array, z_name: str, who_name: str) -> tuple[Array, Array]:
    z, who = np.asarray(z, np.float64), np.asarray(who)
    if z.ndim != 2 or not z.size:
        raise ValueError(
            f"{z_name} has shape {z.shape}, expected (n, d), not empty: flatten with reshape(len(z), -1)"
        )
    if who.shape != (len(z),):
        raise ValueError(
            f"{who_name} has shape {who.shape}, expected ({len(z)},), one person for each row of {z_name}"
        )
    _refuse_nan(z, z_name)
    who = who.tolist()
    if any(p is None or p != p for p in who):
        raise ValueError(
            f"{who_name} holds NaN or None, expected a person for each row: leave the unknown ones out"
        )
    return z, np.array(
        who
    )  # a column of objects, as pandas gives it, becomes one of words or numbers


def _refuse_nan(values: Array, name: str) -> None:
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} holds NaN or infinite values, expected finite ones: look where they were made"
        )


def _checked_draws(sizes: Iterable[int], repeats: int) -> tuple[int, ...]:
    sizes = tuple(sizes)
    if not sizes or any(n != int(n) or n < 1 for n in sizes) or repeats < 1:
        raise ValueError(
            f"sizes is {sizes} and repeats {repeats}, expected whole numbers from 1, and at least one"
        )
    return tuple(dict.fromkeys(int(n) for n in sizes))
