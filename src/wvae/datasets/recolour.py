"""Convert images between grey and colour, in memory or as they are read from disk."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dataset import Array
from .shards import Shards, on_disk, release_pages

__all__ = ["Recoloured", "recolour"]

GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue, ITU-R BT.601
BLOCK = 1000  # images converted at once


def recolour(x: Any) -> Any:
    """Return grey images, (n, h, w), as colour, (n, 3, h, w), or the reverse.

    In memory, grey images become colour as a view. Images on disk stay there.

    Parameters
    ----------
    x
        An array, a memory map or `Shards`.

    Examples
    --------
    >>> recolour(np.ones((4, 2, 2))).shape, recolour(np.ones((4, 3, 2, 2))).shape
    ((4, 3, 2, 2), (4, 2, 2))
    """
    if on_disk(x):
        return Shards([Recoloured(x)])
    if x.ndim == 3:
        return np.broadcast_to(x[:, None], (len(x), 3, *x.shape[1:]))
    blocks: list[Array] = []
    for start in range(0, len(x), BLOCK):
        grey = np.tensordot(x[start : start + BLOCK], GREY, (1, 0))
        blocks.append(grey.astype(x.dtype))
    return np.concatenate(blocks)


class Recoloured:
    """Grey images as colour, or the reverse, converted as they are read; a part of `Shards`.

    Parameters
    ----------
    part
        Images, (n, h, w) or (n, 3, h, w): a memory map or a `ParquetColumn`.

    Examples
    --------
    >>> Recoloured(np.ones((4, 2, 2)))[[1, 2]].shape, Recoloured(np.ones((4, 3, 2, 2)))[:1].shape
    ((2, 3, 2, 2), (1, 2, 2))
    """

    def __init__(self, part: Any) -> None:
        self.part, self.dtype = part, part.dtype
        n, *size = part.shape
        self.to_grey = len(size) == 3
        self.shape = (n, *size[1:]) if self.to_grey else (n, 3, *size)
        if hasattr(part, "groups"):
            self.groups = part.groups

    def __getitem__(self, rows: Any) -> Array:
        x = np.asarray(self.part[rows])
        if self.to_grey:
            x = np.tensordot(x, GREY, (1, 0)).astype(self.dtype)
        else:
            x = np.repeat(x[:, None], 3, axis=1)
        release_pages(self.part)
        return x
