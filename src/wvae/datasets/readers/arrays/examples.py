"""Arrays of numbers as examples: checked, channels first, images of whole numbers as uint8."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ...dataset import Array, Kind
from ...messages import Log
from ...schema import Schema
from ...shards import Shards, on_disk, release_pages
from ..files.depth import BYTE, WORD, to_bytes

__all__ = ["Converted", "channels_first", "check_shape", "examples", "kind_of", "to_float32"]

CHUNK = 1 << 24  # values checked at once
CHANNELS = (1, 3)


def examples(x: Array, where: str, log: Log, schema: Schema | None = None) -> Any:
    r"""Return examples in the shape and type that a `Dataset` requires; the numbers stay the same.

    Parameters
    ----------
    x
        Numbers, (n, \*shape); images have their channels first or last.
    where
        Name of the source for errors.
    log
        Called with one line on each conversion.
    schema
        Of the model for which the examples are read; its shape must be that of the examples.

    Returns
    -------
    Array or Shards
        (n, \*shape), channels first; images of one channel are (n, h, w). Images of whole numbers
        from 0 to 255 are uint8. Other numbers keep their type, in the machine's byte order, except
        that bool becomes uint8, float16 float32, and longer ones than float64 become that. A
        memory map stays on disk.

    Raises
    ------
    ValueError
        If there are no examples, they are not numbers, contain NaN or infinity, have an unclear
        shape, or one that is not the model's.
    """
    check_shape(x, where)
    if x.ndim == 4:
        x = channels_first(x, where, log, None if schema is None else schema.shape)
    if schema is not None:
        _check_schema(x, schema, where, log)
    if x.dtype.kind == "f":
        _check_finite(x, where)
    if schema is not None and schema.white not in (None, BYTE):
        grey = _with_white(x, schema.white, where, log)
        if grey is not None:
            return grey
    dtype = _stored_type(x)
    if x.dtype == dtype and x.dtype.isnative:
        return x
    if dtype.kind != x.dtype.kind or dtype.itemsize < x.dtype.itemsize:
        about = "whole numbers from 0 to 255, " if dtype == np.uint8 else ""
        log(f"the examples are {x.dtype}: {about}converted to {dtype}")
    return Shards([Converted(x, dtype)]) if on_disk(x) else x.astype(dtype)


def check_shape(x: Array, where: str) -> None:
    """Raise a ValueError unless an array has the shape and type of examples."""
    if x.dtype.kind not in "biuf":
        names = {"c": "complex numbers", "V": "records", "U": "words", "S": "bytes", "O": "objects"}
        held = f"{names[x.dtype.kind]} ({x.dtype})" if x.dtype.kind in names else f"{x.dtype}"
        raise ValueError(f"{where}: the examples have dtype {held}, expected numbers")
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(
            f"{where}: the examples have shape {x.shape}, expected (n, *shape), such as (n, 28, 28)"
        )
    if x.ndim > 4:
        raise ValueError(
            f"{where}: the examples have shape {x.shape}, expected images (n, h, w) or "
            "(n, 3, h, w), or a table (n, d): for a table use x.reshape(len(x), -1)"
        )


def kind_of(x: Array, schema: Schema | None = None) -> Kind:
    """Return the model's kind; without a model, "table" for rows of numbers, else "image"."""
    if schema is not None:
        return schema.kind
    return "table" if x.ndim == 2 else "image"


def channels_first(
    x: Array,
    where: str = "X",
    log: Log | None = None,
    shape: tuple[int, ...] | None = None,
    *,
    squeeze: bool = True,
) -> Array:
    """Return images with the channels in front, as a view.

    Parameters
    ----------
    x
        Images, (n, c, h, w) or (n, h, w, c), of 1 or 3 channels.
    where
        Name of the source for errors.
    log
        Called with one line if the channels were moved.
    shape
        Shape of a model's examples, (h, w) or (3, h, w); it decides where both readings are
        possible.
    squeeze
        Return images of one channel as (n, h, w).

    Raises
    ------
    ValueError
        If there are other numbers of channels, or it is unclear which axis they are.

    Examples
    --------
    >>> channels_first(np.zeros((5, 16, 24, 3))).shape, channels_first(np.zeros((5, 1, 8, 8))).shape
    ((5, 3, 16, 24), (5, 8, 8))
    """
    first, last = x.shape[1] in CHANNELS, x.shape[3] in CHANNELS
    if not first and not last:
        if 4 in (x.shape[1], x.shape[3]):
            problem, fix = "4 channels", "composite transparent images on white"
        else:
            problem, fix = f"shape {x.shape[1:]}", "choose channels, or flatten them to a table"
        raise ValueError(
            f"{where}: the images have {problem}, expected 1 or 3 channels, first or last: {fix}"
        )
    if first and last and x.shape[1:] != (1, 1, 1):
        first, last = _decide(x, where, shape)
    if last and not first:
        if log is not None:
            log(f"the examples have shape {x.shape[1:]}: the channels were moved to the front")
        x = np.moveaxis(x, 3, 1)
    return x[:, 0] if squeeze and x.shape[1] == 1 else x


def _decide(x: Array, where: str, shape: tuple[int, ...] | None) -> tuple[bool, bool]:
    """Return whether the channels are first, or last, if both axes look like channels."""
    n_first, height, width, n_last = x.shape[1], x.shape[2], x.shape[3], x.shape[3]
    if shape is not None:
        first = tuple(shape[-2:]) == (height, width) and (n_first == 3) == (len(shape) == 3)
        last = tuple(shape[-2:]) == (n_first, height) and (n_last == 3) == (len(shape) == 3)
        if first != last:
            return first, last
    raise ValueError(
        f"{where}: the images have shape {x.shape[1:]}, and it is unclear which axis holds the "
        "channels, the first or the last: pad the images, or give (n, h, w)"
    )


def _check_schema(x: Array, schema: Schema, where: str, log: Log) -> None:
    """Raise a ValueError unless examples have the shape of a model's; grey may be colour."""
    shape, expected = x.shape[1:], tuple(schema.shape)
    same_size = len(shape) > 1 and shape[-2:] == expected[-2:]
    if shape != expected and not (schema.kind == "image" and same_size):
        raise ValueError(
            f"{where}: the examples have shape {shape}, the model was trained on {expected}: use "
            "data of that shape, or fit a model to these data"
        )
    if schema.columns and shape == expected:
        names = ", ".join(schema.columns[:8]) + (", …" if len(schema.columns) > 8 else "")
        log(f"the array has no column names: its columns are taken as {names}")


def _with_white(x: Array, white: float, where: str, log: Log) -> Any:
    """Return images for a model of deep image files, whose grey value `white` became 255.

    None if they stay as they are: fractions of white and, if white is all 16 bits, those of 8.
    """
    if x.dtype.itemsize == 1 and white == WORD:
        return None
    low, high = 0.0, 0.0
    for _, values in _blocks(x):
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    if x.dtype.kind == "f" and low >= 0 and high <= 1:
        return None
    if x.dtype.itemsize == 1 or low < 0 or high > 2 * white:
        raise ValueError(
            f"{where}: the images hold {x.dtype} from {low:,g} to {high:,g}, but in the model's "
            f"files {white:,g} is white: give grey values as in those files, of 16 bits, or "
            "fractions from 0 to 1"
        )
    log(f"the examples are {x.dtype}: the model's {white:,g} is taken as white")
    convert = partial(to_bytes, white=white)
    if on_disk(x):
        return Shards([Converted(x, np.dtype(np.uint8), convert)])
    return convert(x)


def _stored_type(x: Array) -> np.dtype[Any]:
    """Return the type that examples are given in."""
    if x.dtype.kind == "b" or (x.ndim > 2 and _are_pixels(x)):
        return np.dtype(np.uint8)
    if x.dtype.kind == "f" and x.dtype.itemsize not in (4, 8):
        return np.dtype(np.float32 if x.dtype.itemsize < 4 else np.float64)
    return x.dtype.newbyteorder("=")


def _are_pixels(x: Array) -> bool:
    """Return whether all values are whole numbers from 0 to 255."""
    if x.dtype == np.uint8:
        return True
    for _, values in _blocks(x):
        if values.min() < 0 or values.max() > 255:
            return False
        if values.dtype.kind == "f" and (values != np.round(values)).any():
            return False
    return True


def _check_finite(x: Array, where: str) -> None:
    """Raise a ValueError if a value is NaN or infinite, or beyond float64."""
    for start, values in _blocks(x):
        with np.errstate(over="ignore"):
            doubles = values.astype(np.float64, copy=False)
        bad = np.flatnonzero(~np.isfinite(doubles).reshape(len(values), -1).all(1))
        if bad.size:
            raise ValueError(
                f"{where}: the examples hold NaN or infinity, first in row {start + bad[0] + 1}: "
                "fill the values or drop the rows"
            )


def _blocks(x: Array) -> Iterator[tuple[int, Array]]:
    """Yield the first index and the rows of each block."""
    rows_at_once = max(1, CHUNK // max(1, int(np.prod(x.shape[1:]))))
    for start in range(0, len(x), rows_at_once):
        yield start, np.asarray(x[start : start + rows_at_once])
        release_pages(x)


def to_float32(values: Array) -> Array:
    """Return values as float32 without a warning; those beyond its range become infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


class Converted:
    r"""An array on disk whose rows are converted when they are read; a part of `Shards`.

    Parameters
    ----------
    array
        A memory map, (n, \*shape).
    dtype
        Type of the rows.
    convert
        Changes the values first.

    Examples
    --------
    >>> Converted(np.array([[1, 2], [3, 4]], ">i4"), np.dtype(np.uint8))[[1]]
    array([[3, 4]], dtype=uint8)
    """

    def __init__(
        self, array: Array, dtype: np.dtype[Any], convert: Callable[[Array], Array] = np.asarray
    ) -> None:
        self.array, self.dtype, self.shape, self.convert = array, dtype, array.shape, convert

    def __getitem__(self, rows: Any) -> Array:
        values = self.convert(np.asarray(self.array[rows])).astype(self.dtype)
        release_pages(self.array)
        return values
