"""Checks and common form of the values of shards, without holding all of them in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dataset import Array
from ..shards import release_pages

__all__ = ["BoolImages", "Limits", "as_images", "check_values"]

CHUNK_BYTES = 1 << 26  # bytes that are checked at once


@dataclass(frozen=True)
class Limits:
    """Smallest and largest of whole numbers; None before any was seen.

    Examples
    --------
    >>> Limits(2, 5) | Limits(0, 3)
    Limits(low=0, high=5)
    """

    low: int | None = None
    high: int | None = None

    def __or__(self, other: Limits) -> Limits:
        if self.low is None or self.high is None:
            return other
        if other.low is None or other.high is None:
            return self
        return Limits(min(self.low, other.low), max(self.high, other.high))

    def of(self, x: Array, where: str, first_row: int = 0) -> Limits:
        """Return these limits and those of a block of rows; reject NaN and infinity.

        Parameters
        ----------
        x
            Numbers, (n, \\*shape).
        where
            Name of the file for errors.
        first_row
            Number of rows of the file before these, for errors.

        Raises
        ------
        ValueError
            If a value is NaN or infinite; the message names the first such row.
        """
        if x.dtype.kind == "f":
            finite = np.isfinite(x)
            if not finite.all():
                row = int(np.flatnonzero(~finite.reshape(len(x), -1).all(1))[0])
                raise ValueError(
                    f"{where}: row {first_row + row + 1} holds NaN or infinity: fill the values or "
                    "drop the row"
                )
            return self
        return self | Limits(int(x.min()), int(x.max()))

    def within(self, low: int, high: int) -> bool:
        """Return whether all numbers lie from low to high; False if none was seen."""
        if self.low is None or self.high is None:
            return False
        return low <= self.low and self.high <= high


def check_values(x: Array, where: str) -> Limits:
    """Return the limits of an array on disk; it is read once, in chunks, unless it is uint8.

    Raises
    ------
    ValueError
        If a value is NaN or infinite; the message names the first such row.
    """
    if x.dtype == np.uint8:
        return Limits(0, 255)
    limits = Limits()
    rows = max(1, CHUNK_BYTES // max(1, x[:1].nbytes))
    for start in range(0, len(x), rows):
        limits = limits.of(x[start : start + rows], where, start)
        release_pages(x)
    return limits


def as_images(x: Array, where: str) -> Array:
    """Return examples with their channels first, and images of one channel as (n, h, w), as a view.

    Raises
    ------
    ValueError
        If images have four channels.

    Examples
    --------
    >>> as_images(np.zeros((2, 8, 9, 3)), "a.npy").shape, as_images(np.zeros((2, 5)), "").shape
    ((2, 3, 8, 9), (2, 5))
    """
    if x.ndim != 4:
        return x
    first, last = x.shape[1] in (1, 3, 4), x.shape[3] in (1, 3, 4)
    if last and not first:
        x = np.moveaxis(x, 3, 1)
    if x.shape[1] == 4:
        raise ValueError(
            f"{where}: the images have 4 channels, expected 1 or 3: composite transparent images "
            "on white"
        )
    return x[:, 0] if x.shape[1] == 1 else x


class BoolImages:
    """Images of bool as uint8, 0 and 255, converted as they are read.

    Parameters
    ----------
    part
        A memory map or a `ParquetColumn` of bool, (n, \\*shape).
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, part: Any) -> None:
        self.part, self.shape = part, part.shape
        if hasattr(part, "groups"):
            self.groups = part.groups

    def __getitem__(self, rows: Any) -> Array:
        x = self.part[rows].astype(np.uint8) * np.uint8(255)
        release_pages(self.part)
        return x
