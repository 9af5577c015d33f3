"""Two-dimensional maps of codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from .repulsion import Gradient

Array = np.ndarray


SEARCHED = 100_000  # points up to which comparing all pairs finds neighbours sooner than a search tree does


def tsne(z: Array, *, perplexity: float = 30.0, seed: int = 0, on_step: Callable[[int], None] | None = None) -> Array:
    """Return a t-SNE map of codes, (n, 2), by openTSNE with exact neighbours and forces from `repulsion`.

    Parameters
    ----------
    z
        Codes, (n, d).
    perplexity
        Effective number of neighbours, lowered to (n − 1) / 3 where there are few points.
    seed
        Of the method's random parts; it starts from the principal components.
    on_step
        Called with the number of iterations done, every 50 of 750.

    References
    ----------
    van der Maaten & Hinton (2008), Visualizing data using t-SNE; Poličar, Stražar, Zupan (2024), openTSNE.
    """
    from openTSNE import TSNE

    done = 0

    def report(iteration: int, error: float, embedding: Array) -> None:
        nonlocal done
        done += 50
        if on_step:
            on_step(done)

    perplexity = min(perplexity, max((len(z) - 1) / 3, 1.0))
    method = TSNE(
        perplexity=perplexity,  # pyright: ignore[reportArgumentType]
        neighbors=_neighbours(z, int(3 * perplexity)),  # pyright: ignore[reportArgumentType]
        negative_gradient_method=Gradient(),  # pyright: ignore[reportArgumentType]
        n_jobs=-1,
        random_state=seed,
        callbacks=report,
        callbacks_every_iters=50,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for such short work more would only wait for each other
    try:
        return np.asarray(method.fit(np.asarray(z, np.float64)))
    finally:
        torch.set_num_threads(threads)


def _neighbours(z: Array, k: int) -> Any:
    """Return the k nearest of each point for openTSNE, or the name of its own search where they are too many."""
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    if len(z) > SEARCHED:
        return "auto"
    index = NearestNeighbors(n_neighbors=min(k, len(z) - 1), algorithm="brute").fit(np.asarray(z, np.float32))
    distances, rows = index.kneighbors()
    return PrecomputedNeighbors(rows, distances.astype(np.float64))
