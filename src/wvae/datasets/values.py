"""`ValueScale`: from the numbers of the data to those of the network, learnt once."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["ROUNDING", "ValueScale", "has_dark_strokes", "learn_scale"]

Array = np.ndarray
ROUNDING = 1e-6  # values that are less than this outside [0, 1] are in it but for rounding
MARGIN = 0.1  # new values may lie this far outside [0, 1], for instance after interpolation
FLOAT64_WHOLE = 2.0**53  # the largest number below which float64 holds all whole numbers
BLOCK = 1000  # rows checked at once
BYTE, DEEP = 255, 65535  # the largest numbers of 8 and of 16 bits


@dataclass(frozen=True)
class ValueScale:
    """The network's input, (x − offset) / white, computed in float64 from numbers of any type.

    The same numbers give the same input, whatever their type and byte order.

    Parameters
    ----------
    offset
        Tables: the mean of each training column, (d,), so that large numbers that differ little,
        such as Unix seconds, keep their digits in float32. Else 0.
    white
        Images and spectrograms: the number that becomes 1. It is 1 for values in [0, 1], 255 for
        whole numbers from 0 to 255, and the largest training value for whole numbers up to 65,535.
        For all other values it is 1, and the network has a scale of its own.
    unit_range
        Whether the training values are in [0, 1] after that.
    dark_strokes
        Whether the training images are dark strokes on bright paper: the networks see negatives.

    Examples
    --------
    >>> scale = ValueScale(white=255, unit_range=True)
    >>> scale.apply(np.array([[0, 51]], np.uint8)).tolist()
    [[0.0, 0.20000000298023224]]
    >>> scale.apply(np.array([[0.0, 51.0]])).tolist()
    [[0.0, 0.20000000298023224]]
    """

    offset: Array | float = 0.0
    white: float = 1.0
    unit_range: bool = False
    dark_strokes: bool = False

    @property
    def is_identity(self) -> bool:
        """Whether the network takes the numbers as they are."""
        return self.white == 1 and not np.any(self.offset)

    def apply(self, x: Array) -> Array:
        """Return x, (n, \\*shape), as the network's input, float32."""
        if np.any(self.offset):
            x = _difference(x, np.asarray(self.offset))
        # In one order of memory, because PyTorch rounds differently in another.
        values = x.astype(np.float32, order="C")
        # In float32 as in PyTorch: whole numbers below 2²⁴ and their quotients are exact enough.
        return values if self.white == 1 else values / np.float32(self.white)

    def invert(self, x: Array) -> Array:
        """Return the network's output, (n, \\*shape), in the units of a table's columns.

        Images and spectrograms stay in [0, 1].
        """
        if not np.any(self.offset):
            return x
        return x.astype(np.float64) + self.offset

    def for_array(self, x: Array, low: float, high: float) -> ValueScale:
        """Return the scale to use for new examples: this one, or none for fractions of white.

        Whole numbers are on the scale of the training data, and so are floating numbers, unless
        all are below 2 and training numbers were not: these are fractions of white, as
        `wvae.WVAE.decode` returns them, which must not lie far above 1.

        Parameters
        ----------
        x
            (n, \\*shape); its type is used.
        low, high
            The smallest and the largest value.

        Raises
        ------
        ValueError
            If training values were in [0, 1], and a value is far outside.

        Warns
        -----
        UserWarning
            If all floating numbers are 0 or 1, so that 1 could be white or nearly black.
        """
        if not self.unit_range:
            return self
        is_fraction = x.dtype.kind == "b" or (x.dtype.kind == "f" and high < 2)
        if is_fraction and x.dtype.kind == "f" and self.white > 1 and high == 1:
            self._warn_of_levels(x)
        scale = ValueScale(unit_range=True) if is_fraction else self
        if low < -MARGIN * scale.white or high > (1 + MARGIN) * scale.white:
            top = f"{scale.white:g}"
            fractions = "" if self.white == 1 else ", or fractions from 0 to 1"
            raise ValueError(
                f"X holds values from {low:g} to {high:g}, expected [0, {top}] as in training"
                f"{fractions}: scale it alike, or train on data of this range, too"
            )
        return scale

    def _warn_of_levels(self, x: Array) -> None:
        """Warn if floating numbers are all 0 or 1, so that 1 could be nearly black."""
        if _all_whole(x[start : start + BLOCK] for start in range(0, len(x), BLOCK)):
            warnings.warn(
                f"X holds only 0 and 1 as {x.dtype}, and 1 is read as white: if it is one of the "
                f"{self.white:g} levels of the training data, give integers",
                stacklevel=5,
            )

    def to_json(self) -> dict[str, Any]:
        """Return the scale as values that JSON can hold."""
        offset = self.offset.tolist() if isinstance(self.offset, np.ndarray) else self.offset
        return {
            "offset": offset,
            "white": self.white,
            "in_0_to_1": self.unit_range,
            "dark_strokes": self.dark_strokes,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ValueScale:
        """Return the scale that `to_json` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            If a value is missing or wrong.
        """
        offset: Any = np.asarray(values["offset"])
        white, unit_range = values["white"], values["in_0_to_1"]
        dark_strokes = values.get("dark_strokes", False)  # earlier versions did not look
        if offset.dtype.kind not in "iuf":
            raise ValueError("offset holds other values than numbers")
        if isinstance(white, bool) or not isinstance(white, int | float):
            raise ValueError(f"white is {white!r}, expected a number")
        offset, white = offset.astype(np.float64), float(white)
        if not isinstance(unit_range, bool):
            raise ValueError(f"in_0_to_1 is {unit_range!r}, expected true or false")
        if not isinstance(dark_strokes, bool) or (dark_strokes and not unit_range):
            raise ValueError(f"dark_strokes is {dark_strokes!r}, expected true or false")
        if not np.isfinite(offset).all() or (offset.ndim == 0 and offset):
            raise ValueError("offset is neither 0 nor a finite number for each column")
        if not 1 <= white <= DEEP or (white > 1 and not unit_range):
            raise ValueError(f"white is {white:g}, expected 1 to {DEEP}, and 1 outside [0, 1]")
        return cls(offset if offset.ndim else float(offset), white, unit_range, dark_strokes)


def _difference(x: Array, offset: Array) -> Array:
    """Return x − offset, (n, \\*shape), as float64, exact even for integers beyond 2⁵³."""
    result = x.astype(np.float64) - offset
    # float64 holds all whole numbers up to 2⁵³ only, so such an offset is whole.
    large = np.abs(offset) > FLOAT64_WHOLE
    if x.dtype.kind not in "iu" or x.dtype.itemsize < 8 or not large.any():
        return result
    # The difference modulo 2⁶⁴ is the difference itself if that is small.
    whole = np.array([int(value) % 2**64 for value in offset[large].tolist()], np.uint64)
    exact = x[:, large].astype(np.uint64) - whole
    small = np.abs(result[:, large]) < 2.0**62
    result[:, large] = np.where(small, exact.astype(np.int64), result[:, large])
    return result


def learn_scale(
    blocks: Iterable[Array], low: float, high: float, *, per_column: bool, bernoulli: bool
) -> ValueScale:
    """Return the scale of training data.

    Parameters
    ----------
    blocks
        The examples, in arrays of (rows, \\*shape).
    low, high
        The smallest and the largest value.
    per_column
        Whether each column has its own unit, as in a table.
    bernoulli
        Whether the likelihood is to be Bernoulli even for a table.

    Examples
    --------
    >>> table = np.array([[1.7e9, 1.0], [1.7e9 + 2, 3.0]])
    >>> learn_scale([table], 1, 1.7e9 + 2, per_column=True, bernoulli=False).offset.tolist()
    [1700000001.0, 2.0]
    """
    if not per_column or bernoulli:
        return _scale_of_values(blocks, low, high)
    n, total = 0, np.zeros(())
    for block in blocks:
        n += len(block)
        total = total + block.sum(0, dtype=np.float64)
    return ValueScale(offset=total / n)


def has_dark_strokes(x: Array, scale: ValueScale) -> bool:
    """Return whether images are dark strokes on bright paper, judged by the pixels at their edge.

    Parameters
    ----------
    x
        Training images, (n, \\*shape). Colour images have no strokes.
    scale
        Their scale.

    Examples
    --------
    >>> images = np.full((2, 8, 8), 255, np.uint8)
    >>> images[:, 2:6, 3] = 0
    >>> scale = ValueScale(white=255, unit_range=True)
    >>> has_dark_strokes(images, scale), has_dark_strokes(255 - images, scale)
    (True, False)
    """
    is_grey = x.ndim == 3 or (x.ndim == 4 and x.shape[1] == 1)
    if not is_grey or not scale.unit_range:
        return False
    images = scale.apply(x)
    sides = images[..., [0, -1], :], images[..., [0, -1]]
    return float(np.mean([side.mean() for side in sides])) > 0.5


def _scale_of_values(blocks: Iterable[Array], low: float, high: float) -> ValueScale:
    """Return the scale of values that share one unit."""
    if low < -ROUNDING:
        return ValueScale()
    if high <= 1 + ROUNDING:
        return ValueScale(unit_range=True)
    if high > DEEP or not _all_whole(blocks):
        return ValueScale()
    return ValueScale(white=BYTE if high <= BYTE else high, unit_range=True)


def _all_whole(blocks: Iterable[Array]) -> bool:
    for block in blocks:
        if block.dtype.kind == "f" and not (block == np.round(block)).all():
            return False
    return True
