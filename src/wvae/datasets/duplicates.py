"""Exact duplicates across the training and test rows of a data set."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np

from .shards import release_pages

__all__ = ["count_shared_rows"]

Array = np.ndarray
BLOCK_BYTES = 1 << 24  # read at once


def count_shared_rows(x: Any, split: Array) -> int:
    """Return how many test rows are equal to a training row.

    The memory is 8 bytes for each row, and one block of rows.

    Parameters
    ----------
    x
        Examples, (n, \\*shape), in memory or on disk.
    split
        ``"train"`` or ``"test"`` for each row, (n,).

    Examples
    --------
    >>> x = np.array([[1, 2], [3, 4], [1, 2], [5, 6]])
    >>> count_shared_rows(x, np.array(["train", "train", "test", "test"]))
    1
    """
    hashes = np.empty(len(x), np.uint64)
    for start, rows in _blocks(x):
        # A sum with 0 turns −0.0 into 0.0, which is equal, but has other bytes.
        rows = np.ascontiguousarray(rows + 0 if rows.dtype.kind == "f" else rows)
        width = rows[:1].nbytes
        content = rows.tobytes()
        for i in range(len(rows)):
            row = content[i * width : (i + 1) * width]
            digest = blake2b(row, digest_size=8).digest()
            hashes[start + i] = int.from_bytes(digest, "little")
    is_test = split == "test"
    return int(np.isin(hashes[is_test], hashes[~is_test]).sum())


def _blocks(x: Any) -> Iterator[tuple[int, Array]]:
    """Yield the first index and the rows of each block."""
    row_bytes = max(1, int(np.prod(x.shape[1:])) * x.dtype.itemsize)
    rows_at_once = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, len(x), rows_at_once):
        yield start, np.asarray(x[start : start + rows_at_once])
        release_pages(x)
