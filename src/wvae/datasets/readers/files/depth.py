"""Bits of an image's pixels: one factor brings all images of a set to 8 bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...dataset import Array
from ...messages import Log

__all__ = ["BYTE", "FEW_LEVELS", "WORD", "Depths", "is_deep", "read_levels", "to_bytes"]

FEW_LEVELS = 16  # a set with fewer grey values after the conversion is mentioned
BYTE, WORD = 255, 65535

_BITS, _DEEP, _FRACTIONS, _DEEP_COLOUR = "8 bits", "16 bits", "fractions", "16-bit colour"


def is_deep(image: Any) -> bool:
    """Return whether an image is grey with more than 8 bits, or with fractions."""
    return image.mode == "F" or image.mode.startswith("I")


def read_levels(image: Any) -> Array:
    """Return the grey values of a deep image as they are in the file.

    Raises
    ------
    ValueError
        If a value is negative, NaN or infinite.
    """
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise ValueError("its grey values hold NaN or infinity, expected numbers from 0")
    if values.min() < 0:
        raise ValueError(
            f"its grey values range from {values.min():g} to {values.max():g}, expected numbers "
            "from 0"
        )
    return values


def to_bytes(values: Array, white: float) -> Array:
    """Return grey values as uint8: 0 stays 0, `white` and all above becomes 255.

    Examples
    --------
    >>> to_bytes(np.array([0, 100, 200, 300]), 200).tolist()
    [0, 128, 255, 255]
    """
    return np.rint(values.clip(0, white).astype(np.float64) * BYTE / white).astype(np.uint8)


@dataclass
class Depths:
    """The bits of a set's images, from their headers, and the largest grey value of deep ones."""

    first: dict[str, str] = field(default_factory=dict[str, str])  # name of a file of each depth
    counts: dict[str, int] = field(default_factory=dict[str, int])
    largest: float = 0

    @property
    def deep(self) -> str:
        """Name of the depth of grey images with more than 8 bits."""
        if _FRACTIONS in self.counts:
            return _FRACTIONS
        return _DEEP if self.largest <= WORD else "32 bits"

    def add(self, name: str, image: Any) -> None:
        """Count an image; a deep one is decoded.

        Parameters
        ----------
        name
            Name of the file.
        image
            An opened Pillow image, not yet decoded.
        """
        depth = _depth(image)
        if depth in (_DEEP, _FRACTIONS):
            self.largest = max(self.largest, read_levels(image).max().item())
        elif depth == _DEEP_COLOUR:
            self.largest = max(self.largest, np.asarray(image.convert("RGB")).max().item())
        self.first.setdefault(depth, name)
        self.counts[depth] = self.counts.get(depth, 0) + 1

    def white(self, given: float | None, where: str, log: Log) -> float:
        """Return the grey value that becomes 255 in all images of the set.

        Parameters
        ----------
        given
            The value that a model keeps; None to take it from the set.
        where
            Name of the data for errors.
        log
            Called with one line unless all images have 8 bits.

        Raises
        ------
        ValueError
            If the depths are mixed, are not the model's, or are lost in reading.
        """
        self._check_one_depth(where)
        if _DEEP_COLOUR in self.counts:
            self._check_deep_colour(where, log)
        if not self.counts.keys() & {_DEEP, _FRACTIONS}:
            if given not in (None, BYTE, WORD):
                raise ValueError(
                    f"{where}: the images have 8 bits, expected grey values as the model was "
                    f"trained on, with {given:,g} as white: save them as those were"
                )
            return BYTE
        if given is not None:
            return self._check_given(given, where, log)
        if not self.largest:
            raise ValueError(f"{where}: all images are black, expected grey values above 0")
        white = self.largest
        # A set that uses most of its range keeps it, so that no new image is brighter.
        if self.deep == _FRACTIONS and 0.5 < white <= 1:
            white = 1.0
        elif WORD / 2 < white <= WORD:
            white = WORD
        brightest = f"grey values of {self.deep}, the brightest is {self.largest:,g}"
        log(f"{brightest}: {white:,g} is taken as white")
        return white

    def _check_one_depth(self, where: str) -> None:
        """Raise a ValueError if images of several depths cannot be brought to one scale."""
        depths = set(self.counts)
        uses_all_bits = WORD / 2 < self.largest <= WORD
        if len(depths) < 2 or depths == {_BITS, _DEEP_COLOUR}:
            return
        if depths == {_BITS, _DEEP} and uses_all_bits:
            return
        parts = [f"{n:,} of {depth} ({self.first[depth]!r} …)" for depth, n in self.counts.items()]
        raise ValueError(
            f"{where} mixes images of several depths: {', '.join(parts)}: it is unclear which grey "
            "value is white: save all with 8 bits"
        )

    def _check_deep_colour(self, where: str, log: Log) -> None:
        """Raise a ValueError if 16-bit colours, of which Pillow gives 8 bits, are dark."""
        n = self.counts[_DEEP_COLOUR]
        if self.largest <= BYTE // 2:
            raise ValueError(
                f"{where}: {n:,} images ({self.first[_DEEP_COLOUR]!r} …) have colours of 16 bits "
                f"below {round(256 * (self.largest + 1)):,}, of which only the upper 8 bits can be "
                "read: save them with 8 bits"
            )
        log(f"the upper 8 bits of colours of 16 bits are read ({n:,} files)")

    def _check_given(self, given: float, where: str, log: Log) -> float:
        """Return the model's white if it suits the set."""
        too_bright = self.largest > 2 * given
        too_dark = _FRACTIONS in self.counts and self.largest <= 1 and given > 2
        if too_bright or too_dark:
            raise ValueError(
                f"{where}: the brightest grey value is {self.largest:,g}, expected values up to "
                f"{given:,g}, the white of the model's images: save them as those were"
            )
        log(f"grey values of {self.deep}: the model's {given:,g} is taken as white")
        return given


def _depth(image: Any) -> str:
    """Return the depth of an opened image."""
    if image.mode == "F":
        return _FRACTIONS
    if image.mode.startswith("I"):
        return _DEEP
    # Pillow reads the upper bytes of 16-bit colours; only the decoder's arguments tell.
    arguments = image.tile[0][3] if getattr(image, "tile", None) else ()
    for argument in arguments if isinstance(arguments, tuple) else (arguments,):
        if isinstance(argument, str) and ";16" in argument:
            return _DEEP_COLOUR
        if image.format == "PPM" and isinstance(argument, int) and argument > BYTE:
            return _DEEP_COLOUR
    return _BITS
