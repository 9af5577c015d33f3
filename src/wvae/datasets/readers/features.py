"""Find the columns of a table that hold the examples; bring columns of numbers to one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..dataset import Array
from ..messages import preview, reject
from . import images
from .arrays import examples, to_float32
from .labels import ReadOptions
from .tables import Table

__all__ = ["FEATURES", "Numbers", "files_column", "list_column", "read_numbers"]

FILES = (
    *("path", "file", "filename", "file_name", "filepath", "file_path"),
    *("image", "img", "picture", "audio", "wav"),
)
FEATURES = ("x", "features", "embedding", "data", "image", "pixels")


def files_column(table: Table, suffixes: Sequence[str], base: Path) -> str | None:
    """Return the column that names files, or None.

    The candidates, in this order: a column with a usual name in which most values end in a suffix;
    any column in which most values do; a column with a usual name whose first value, with or
    without a suffix, is an existing file.

    Parameters
    ----------
    table
        The table.
    suffixes
        Suffixes of the files, with the dot, in lower case.
    base
        Folder of relative names.
    """
    words = table.words
    usual = [name for word in FILES for name in words if name.lower() == word]
    ending = [name for name in words if _share_ending(table.column(name), suffixes) > 0.5]
    for name in (*usual, *ending):
        if name in ending:
            return name
    for name in usual:
        if _is_file(base / str(table.column(name)[0]), suffixes):
            return name
    return None


def _share_ending(values: Array, suffixes: Sequence[str]) -> float:
    """Return the fraction of values that end in one of the suffixes."""
    lower = np.char.lower(values)
    return float(np.any([np.char.endswith(lower, suffix) for suffix in suffixes], axis=0).mean())


def _is_file(path: Path, suffixes: Sequence[str]) -> bool:
    """Return whether a file exists, perhaps after one of the suffixes is added to its name."""
    return path.is_file() or any(
        path.with_name(path.name + suffix).is_file() for suffix in suffixes if path.name
    )


@dataclass(frozen=True)
class Numbers:
    """The numbers of a table as examples.

    Parameters
    ----------
    x
        The examples, (k, \\*shape), of the kept rows.
    kept
        Mask of the rows that are examples, (n,) bool, with k True values.
    columns
        Names of the numeric columns in the order of x; None if x comes from lists.
    ignored
        Names of numeric columns that are no data, such as an index.
    used
        All columns that cannot be factors.
    summary
        One line for the log.
    """

    x: Array
    kept: Array
    columns: tuple[str, ...] | None
    ignored: tuple[str, ...]
    used: tuple[str, ...]
    summary: str


def read_numbers(table: Table, reserved: Sequence[str], options: ReadOptions) -> Numbers:
    """Return the numbers of a table as examples.

    If a column holds lists of numbers, they are x, (n, \\*shape). Otherwise x is all numeric
    columns side by side, (n, d) float32, or with a size (n, height, width), except columns that
    count the rows.

    Parameters
    ----------
    table
        A table with numeric columns or lists of numbers.
    reserved
        Columns that are not features: the label, the split, factors.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If there is no such column, lists differ in length, or a value is missing.
    """
    every = np.ones(len(table), bool)
    lists = [name for name in table.lists if name not in reserved]
    if lists:
        name = list_column(lists, str(table.path))
        reject(f"{table.path} holds examples as lists", size=options.size)
        x = _bytes_if_pixels(table.stack(name))
        x = examples(x, str(table.path), options.log)
        summary = f"{len(x):,} rows of shape {x.shape[1:]} from the column {name!r}"
        return Numbers(x, every, None, (), (name,), summary)
    candidates = [name for name in table.numeric if name not in reserved]
    counters = [name for name in candidates if _counts_rows(table.column(name))]
    numeric = [name for name in candidates if name not in counters]
    if not numeric:
        others = f" other than {preview(reserved, 5)}" if reserved else ""
        raise ValueError(
            f"{table.path} holds no numbers{others}, expected numeric columns, images, or a column "
            "that names image or sound files"
        )
    x = np.empty((len(table), len(numeric)), np.float32)
    for j, name in enumerate(numeric):
        x[:, j] = _finite(table.column(name), name, table.path)
    ignored = f"; ignored, as it counts the rows: {preview(counters)}" if counters else ""
    summary = f"{len(x):,} rows of {len(numeric):,} numeric columns{ignored}"
    size = images.check_size(options.size)
    if size is not None:
        x = _as_images(x, size, table.path)
        summary = f"{len(x):,} images, a column for each pixel{ignored}"
    return Numbers(x, every, tuple(numeric), tuple(counters), (*numeric, *counters), summary)


def list_column(lists: Sequence[str], where: str) -> str:
    """Return the column of lists that holds the examples.

    Parameters
    ----------
    lists
        All columns of lists; at least one.
    where
        Name of the source for errors.

    Raises
    ------
    ValueError
        If there are several and none has a usual name.

    Examples
    --------
    >>> list_column(["tags", "embedding"], "a.parquet")
    'embedding'
    """
    usual = [name for word in FEATURES for name in lists if name.lower() == word]
    if len(lists) > 1 and not usual:
        raise ValueError(
            f"{where}: several columns hold lists ({preview(lists)}): keep one, or call it 'x'"
        )
    return (usual or lists)[0]


def _finite(values: Array, name: str, path: Path) -> Array:
    """Return a column as float32, or raise a ValueError if a value is missing or infinite."""
    values = to_float32(values)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"{path}: the column {name!r} holds NaN, infinity or nothing in {bad.size:,} of "
            f"{len(values):,} rows, first in row {bad[0] + 1}: fill it or drop those rows"
        )
    return values


def _counts_rows(values: Array) -> bool:
    """Return whether values are consecutive integers: row numbers, not a feature."""
    if values.dtype.kind not in "iu" or len(values) <= 2:
        return False
    return bool((np.diff(values.astype(np.int64)) == 1).all())


def _as_images(x: Array, size: tuple[int, int], path: Path) -> Array:
    """Return rows of pixels, (n, pixels), as images (n, height, width) or (n, 3, height, width)."""
    height, width = size
    pixels = height * width
    if x.shape[1] not in (pixels, 3 * pixels):
        raise ValueError(
            f"{path} has {x.shape[1]:,} numeric columns, expected {pixels:,} or {3 * pixels:,} for "
            f"images of {width}×{height} pixels: leave out size"
        )
    if (x == np.round(x)).all() and x.min() >= 0 and x.max() <= 255:
        x = x.astype(np.uint8)
    channels = () if x.shape[1] == pixels else (3,)
    return x.reshape(len(x), *channels, height, width)


def _bytes_if_pixels(x: Array) -> Array:
    """Return examples of two or more dimensions that are integers from 0 to 255 as uint8."""
    is_pixels = x.ndim > 2 and x.dtype.kind in "iub" and x.min() >= 0 and x.max() <= 255
    return x.astype(np.uint8) if is_pixels else x
