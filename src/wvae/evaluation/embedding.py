"""Two-dimensional maps of codes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray

EXACT_NEIGHBORS_LIMIT = 100_000  # with more points, openTSNE searches approximate neighbours
PARALLEL_MINIMUM = 1000  # with fewer points, threads mostly wait for each other
REPORT_INTERVAL = 50  # iterations between two calls of on_step


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
    from openTSNE import TSNE

    points = _checked(z)
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
    return np.asarray(model.fit(points))


def _checked(z: Array) -> Array:
    """Return z as float64, (n, d), or raise a ValueError."""
    points = np.asarray(z, np.float64)
    if points.ndim != 2 or len(points) < 2 or points.shape[1] == 0:
        raise ValueError(f"z has shape {points.shape}, expected (n, d) with at least 2 codes")
    if not np.isfinite(points).all():
        raise ValueError("z contains NaN or infinite values, expected finite codes")
    return points
