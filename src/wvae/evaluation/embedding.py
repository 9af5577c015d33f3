"""Two-dimensional maps of codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray

EXACT_NEIGHBORS_LIMIT = 100_000  # with more points, openTSNE searches approximate neighbours
PARALLEL_MINIMUM = 1000  # with fewer points, threads mostly wait for each other
REPORT_INTERVAL = 50  # iterations between two calls of on_step
ITERATIONS = 750  # of a t-SNE map
FITTED = 3_000  # points of a t-SNE map; further points are placed into it
PLACED_AT_ONCE = 10_000  # further points
PLACING_NEIGHBORS = 10  # of the map's points, for each further point


def tsne(
    z: Array,
    *,
    perplexity: float = 30.0,
    seed: int = 0,
    on_step: Callable[[int], None] | None = None,
) -> Array:
    """Return a t-SNE map of codes, (n, 2), by openTSNE.

    The map starts from the first two principal components. Codes without two of them (one
    dimension, or all codes equal) start from random positions. Up to 100,000 points the nearest
    neighbours are exact.

    Parameters
    ----------
    z
        Codes, (n, d), at least 2.
    perplexity
        Effective number of neighbours, lowered to (n − 1) / 3 for small n.
    seed
        Seed of the random parts.
    on_step
        Called every 50 of the 750 iterations with the number of iterations done.

    Raises
    ------
    ValueError
        If z is not a matrix of at least 2 finite codes.

    References
    ----------
    van der Maaten & Hinton (2008), Visualizing data using t-SNE; Poličar, Stražar, Zupan (2024),
    openTSNE.

    Examples
    --------
    >>> tsne(np.random.default_rng(0).normal(size=(20, 3))).shape
    (20, 2)
    """
    return np.asarray(_fit(_checked(z), perplexity, seed, on_step))


def tsne_of_many(
    z: Array,
    *,
    seed: int = 0,
    n_fitted: int = FITTED,
    on_step: Callable[[int, int], None] | None = None,
) -> Array:
    """Return a t-SNE map of many codes, (n, 2), in a time that hardly grows with their number.

    A random `n_fitted` of the codes get a t-SNE map. Every other code is placed at the mean of
    its nearest neighbours in that map, weighted by their similarity, and then moved a little, with
    the map kept fixed.

    Parameters
    ----------
    z
        Codes, (n, d), at least 2.
    seed
        Seed of the random parts.
    n_fitted
        Number of codes of the map. Up to this number, the result is that of `tsne`.
    on_step
        Called with the number of steps done and of all steps.

    Raises
    ------
    ValueError
        If z is not a matrix of at least 2 finite codes.

    References
    ----------
    Poličar, Stražar, Zupan (2023), Embedding to reference t-SNE space addresses batch effects in
    single-cell classification.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(60, 3))
    >>> tsne_of_many(z, n_fitted=20).shape
    (60, 2)
    """
    points = _checked(z)
    n = len(points)
    order = np.random.default_rng(seed).permutation(n)
    fitted, placed = np.sort(order[:n_fitted]), np.sort(order[n_fitted:])
    starts = range(0, len(placed), PLACED_AT_ONCE)
    total = ITERATIONS + REPORT_INTERVAL * len(starts)

    def report(done: int) -> None:
        if on_step is not None:
            on_step(min(done, total), total)

    embedding = _fit(points[fitted], 30.0, seed, report)
    positions = np.empty((n, 2))
    positions[fitted] = np.asarray(embedding)
    for done, start in enumerate(starts, 1):
        rows = placed[start : start + PLACED_AT_ONCE]
        neighbors = min(PLACING_NEIGHBORS, len(fitted))
        partial = embedding.prepare_partial(points[rows], initialization="weighted", k=neighbors)
        partial.optimize(
            REPORT_INTERVAL, learning_rate=0.1, exaggeration=1.5, momentum=0, inplace=True
        )
        positions[rows] = np.asarray(partial)
        report(ITERATIONS + REPORT_INTERVAL * done)
    return positions


def _fit(points: Array, perplexity: float, seed: int, on_step: Callable[[int], None] | None) -> Any:
    """Return openTSNE's embedding of checked points."""
    from openTSNE import TSNE

    n, d = points.shape
    has_two_components = d >= 2 and bool(np.ptp(points, 0).any())
    iterations_done = 0

    def report(iteration: int, error: float, embedding: Array) -> None:
        # openTSNE counts anew after the early exaggeration, so its own iteration is of no use.
        nonlocal iterations_done
        iterations_done += REPORT_INTERVAL
        if on_step is not None:
            on_step(iterations_done)

    model = TSNE(
        perplexity=min(perplexity, (n - 1) / 3),  # pyright: ignore[reportArgumentType]
        initialization="pca" if has_two_components else "random",
        neighbors="exact" if n <= EXACT_NEIGHBORS_LIMIT else "approx",
        n_jobs=-1 if n >= PARALLEL_MINIMUM else 1,
        random_state=seed,
        callbacks=report,
        callbacks_every_iters=REPORT_INTERVAL,
    )
    return model.fit(points)


def _checked(z: Array) -> Array:
    """Return z as float64, (n, d), or raise a ValueError."""
    points = np.asarray(z, np.float64)
    if points.ndim != 2 or len(points) < 2 or points.shape[1] == 0:
        raise ValueError(f"z has shape {points.shape}, expected (n, d) with at least 2 codes")
    if not np.isfinite(points).all():
        raise ValueError("z contains NaN or infinite values, expected finite codes")
    return points
