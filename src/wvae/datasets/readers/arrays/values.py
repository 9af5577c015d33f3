"""Checks and common form of the values of shards, without holding all of them in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...conform import GREY
from ...dataset import Array
from ...shards import release_pages

__all__ = ["Limits", "Recoloured", "channels_first", "check_values"]

CHANNELS = (1, 3)

CHUNK_BYTES = 1 << 26  # bytes that are checked at once


@dataclass(frozen=True)
class Limits:
    """Smallest and largest number, and whether all are whole; None before any was seen.

    Examples
    --------
    >>> Limits(2, 5) | Limits(0, 3)
    Limits(low=0, high=5, whole=True)
    """

    low: int | None = None
    high: int | None = None
    whole: bool = True

    def __or__(self, other: Limits) -> Limits:
        if self.low is None or self.high is None:
            return other
        if other.low is None or other.high is None:
            return self
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Limits(low, high, self.whole and other.whole)

    def of(
        self, x: Array, where: str, first_row: int = 0, dropped: list[int] | None = None
    ) -> Limits:
        """Return these limits and those of a block of rows; reject NaN and infinity.

        Parameters
        ----------
        x
            Numbers, (n, \\*shape).
        where
            Name of the file for errors.
        first_row
            Number of rows of the file before these, for errors.
        dropped
            Receives the rows of the file that hold NaN, which is then no error.

        Raises
        ------
        ValueError
            If a value is NaN or infinite; the message names the first such row.
        """
        whole = self.whole
        if dropped is not None and x.dtype.kind == "f":
            has_nan = np.isnan(x).reshape(len(x), -1).any(1)
            if has_nan.any():
                dropped += (first_row + np.flatnonzero(has_nan)).tolist()
                x = x[~has_nan]
            if not len(x):
                return self
        if x.dtype.kind == "f":
            finite = np.isfinite(x)
            if not finite.all():
                row = int(np.flatnonzero(~finite.reshape(len(x), -1).all(1))[0])
                raise ValueError(
                    f"{where}: row {first_row + row + 1} holds NaN or infinity: fill the values, "
                    "or drop rows with NaN by --drop-missing (Python: drop_missing=True)"
                )
            whole = whole and bool((x == np.round(x)).all())
        return self | Limits(int(np.floor(x.min())), int(np.ceil(x.max())), whole)

    def within(self, low: int, high: int) -> bool:
        """Return whether all numbers are whole and lie from low to high; False if none was seen."""
        if self.low is None or self.high is None:
            return False
        return self.whole and low <= self.low and self.high <= high


def check_values(x: Array, where: str, dropped: list[int] | None = None) -> Limits:
    """Return the limits of an array on disk; unless it is uint8 or bool, it is read in chunks.

    Parameters
    ----------
    x
        A memory map, (n, \\*shape).
    where
        Name of the file for errors.
    dropped
        Receives the rows that hold NaN, which is then no error.

    Raises
    ------
    ValueError
        If a value is NaN or infinite; the message names the first such row.
    """
    if x.dtype in (np.uint8, np.bool_):
        return Limits(0, 255)
    limits = Limits()
    rows = max(1, CHUNK_BYTES // max(1, x[:1].nbytes))
    for start in range(0, len(x), rows):
        limits = limits.of(x[start : start + rows], where, start, dropped)
        release_pages(x)
    return limits


def channels_first(x: Array, where: str, model: tuple[int, ...] | None = None) -> Array:
    """Return images with their channels in front, and those of one channel as (n, h, w), as a view.

    Parameters
    ----------
    x
        Examples, (n, \\*shape); only those of three axes are changed.
    where
        Name of the file for errors.
    model
        Shape of a model's examples, which decides where both readings are possible.

    Raises
    ------
    ValueError
        If there are other numbers of channels than 1 and 3, or it is unclear which axis they are.

    Examples
    --------
    >>> channels_first(np.zeros((2, 8, 9, 3)), "a.npy").shape
    (2, 3, 8, 9)
    """
    if x.ndim != 4:
        return x
    first, last = x.shape[1] in CHANNELS, x.shape[3] in CHANNELS
    if not first and not last:
        raise ValueError(
            f"{where}: the images have shape {x.shape[1:]}, expected 1 or 3 channels, first or "
            "last: composite transparent images on white, or flatten the rows to a table"
        )
    if first and last and model is not None:
        first = tuple(model[-2:]) == x.shape[2:]
        last = tuple(model[-2:]) == x.shape[1:3]
    if first and last and x.shape[1:] != (1, 1, 1):
        raise ValueError(
            f"{where}: the images have shape {x.shape[1:]}, and it is unclear whether the first or "
            "the last axis holds the channels: pad the images, or give (n, h, w)"
        )
    if last and not first:
        x = np.moveaxis(x, 3, 1)
    return x[:, 0] if x.shape[1] == 1 else x


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
