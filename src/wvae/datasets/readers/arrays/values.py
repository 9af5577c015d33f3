"""Checks and common form of the values of shards, without holding all of them in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...dataset import Array
from ...shards import release_pages

__all__ = ["Limits", "check_values"]

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
