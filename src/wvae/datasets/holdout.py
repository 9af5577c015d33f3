"""The test rows of a data set."""

from __future__ import annotations

import numpy as np

from ..validation import rows_by_class
from .dataset import Array, Dataset

__all__ = ["holdout_mask"]


def holdout_mask(data: Dataset, seed: int) -> Array:
    """Return a boolean mask of the test rows, (n,).

    They are the data's own split if there is one, and otherwise a random tenth of every class, at
    least one row. In the second case, a class of one or two rows has no test row, because a class
    needs two rows for training; nor has a row without a label, because nothing could be scored.

    Parameters
    ----------
    data
        The data, n rows.
    seed
        Seed of the random choice.

    Examples
    --------
    >>> from wvae.datasets import load
    >>> int(holdout_mask(load("digits8x8"), seed=0).sum())
    176
    """
    if data.split is not None:
        return data.split == "test"
    rng, mask = np.random.default_rng(seed), np.zeros(len(data), bool)
    for rows in rows_by_class(data.indices, len(data.classes)):
        if len(rows) > 2:
            mask[rng.permutation(rows)[: max(1, len(rows) // 10)]] = True
    return mask
