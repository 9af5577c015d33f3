"""The examples of a table whose rows hold lists of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...dataset import Array
from ...messages import preview, reject
from ..annotations.labels import ReadOptions
from ..arrays.arrays import examples
from .arrow import stack_lists
from .tables import Table

__all__ = ["FEATURES", "LARGEST", "Numbers", "list_column", "read_lists"]

FEATURES = ("x", "features", "embedding", "data", "image", "pixels")
LARGEST = 1e150  # the square of a larger number is infinite


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
        Names of columns that are no data, such as an index.
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


def read_lists(table: Table, name: str, options: ReadOptions) -> Numbers:
    """Return a column of lists of numbers as examples; see `features.read_numbers`.

    Lists of lists are images; the rows of others, (n, d), are float64.
    """
    where = str(table.path)
    reject(f"{where} holds examples as lists", size=options.size)
    column = table.columns.column(name)
    kept = np.ones(len(table), bool)
    if options.drop_missing:
        kept = column.is_valid().to_numpy().copy()
        column = column.filter(column.is_valid())
        _check_any(kept, name, where)
    x = stack_lists(column, name, where)
    if options.drop_missing and x.dtype.kind == "f" and x.ndim > 1:
        complete = np.asarray(np.isnan(x).reshape(len(x), -1).sum(axis=1) == 0)
        kept[kept] = complete
        x = x[complete]
        _check_any(kept, name, where)
    if not kept.all():
        n_left_out = len(kept) - int(kept.sum())
        options.log(f"left out: {n_left_out:,} of {len(kept):,} rows, in which a number is missing")
    schema = options.schema
    if x.ndim < 3:
        x = _rows(x, name, where)
    elif schema is not None and schema.white is not None:  # grey values, as in the model's files
        x = examples(x, where, options.log, schema)
    else:
        x = examples(_bytes_if_pixels(x), where, options.log)
    if schema is not None and schema.shape != x.shape[1:]:
        raise ValueError(
            f"{where}: the lists of the column {name!r} have shape {x.shape[1:]}, expected "
            f"{schema.shape}, as the model was fitted to"
        )
    summary = f"{len(x):,} rows of shape {x.shape[1:]} from the column {name!r}"
    return Numbers(x, kept, None, (), (name,), summary)


def _check_any(kept: Array, name: str, where: str) -> None:
    """Raise a ValueError if no row is left."""
    if not kept.any():
        raise ValueError(
            f"{where}: each of the {len(kept):,} rows lacks a number in the column {name!r}: fill "
            "them, or remove the column"
        )


def _rows(x: Array, name: str, where: str) -> Array:
    """Return lists of numbers, (n, d), as float64, or raise a ValueError for a bad number."""
    x = x.astype(np.float64, copy=False)
    bad = np.flatnonzero(~(np.abs(x) <= LARGEST).all(1))
    if bad.size:
        raise ValueError(
            f"{where}: the column {name!r} holds NaN or infinity, first in row {bad[0] + 1:,}: "
            "correct it or drop those rows"
        )
    return x


def _bytes_if_pixels(x: Array) -> Array:
    """Return examples of two or more dimensions that are integers from 0 to 255 as uint8."""
    is_pixels = x.ndim > 2 and x.dtype.kind in "iub" and x.min() >= 0 and x.max() <= 255
    return x.astype(np.uint8) if is_pixels else x
