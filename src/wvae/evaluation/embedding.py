"""Two-dimensional maps of codes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray


def tsne(z: Array, *, perplexity: float = 30.0, seed: int = 0, on_step: Callable[[int], None] | None = None) -> Array:
    """Return a t-SNE map of codes, (n, 2), by openTSNE.

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

    method = TSNE(
        perplexity=min(perplexity, max((len(z) - 1) / 3, 1.0)),  # pyright: ignore[reportArgumentType]
        # Threads that wait for each other over few points cost far more than they bring.
        n_jobs=-1 if len(z) > 2000 else 1,
        random_state=seed,
        callbacks=report,
        callbacks_every_iters=50,
    )
    return np.asarray(method.fit(np.asarray(z, np.float64)))
