"""The examples of a table of numbers: which columns they are, and their values as one array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...dataset import Array
from ...messages import preview
from ...schema import Schema
from ..annotations.labels import ReadOptions
from ..files import images
from .cells import name_words
from .file_names import files_column
from .indexes import find_indexes
from .list_columns import FEATURES, LARGEST, Numbers, list_column, read_lists
from .model_columns import columns_of_model
from .tables import Table

__all__ = ["FEATURES", "Numbers", "files_column", "list_column", "read_numbers"]

SHOWN = 5  # columns that lack numbers in the log
SMALLEST_SIDE = 8  # of images that a table of whole numbers may hold
EXACT = 2**53  # larger whole numbers may lose digits as float64


def read_numbers(table: Table, reserved: Sequence[str], options: ReadOptions) -> Numbers:
    """Return the numbers of a table as examples.

    If a column holds lists of numbers, they are x, (n, \\*shape). Otherwise x is all numeric
    columns side by side, (n, d) float64, or with a size images of (height, width). An index is no
    feature (`indexes.find_indexes`). A column of text is numeric if at least 90 % of its filled
    cells are numbers, or at least half, if the others are at most three different words, such as
    ``?`` or ``<LOQ``; these words are missing values.

    If the data are opened for a model, its columns are taken by name and in its order.

    Parameters
    ----------
    table
        A table with numeric columns or lists of numbers.
    reserved
        Columns that are not features: the label, the split, factors.
    options
        The arguments of `open_data`. With ``drop_missing``, rows that lack a number are left out.

    Raises
    ------
    ValueError
        If there are no such columns, a column of the model is missing, lists differ in length, or
        a number is missing, infinite or written in a way that has two meanings.
    """
    schema = options.schema
    by_name = schema is not None and schema.columns is not None
    lists = [name for name in table.lists if name not in reserved]
    if lists and not by_name:
        return read_lists(table, list_column(lists, str(table.path)), options)
    if schema is not None and schema.columns is not None:
        chosen = columns_of_model(table, reserved, schema, options.log)
        table, numeric, ignored, used = chosen.table, chosen.columns, chosen.ignored, chosen.used
    else:
        numeric, ignored, used = _choose(table, reserved, options)
    if not numeric:
        others = f" other than {preview(reserved, 5)}" if reserved else ""
        raise ValueError(
            f"{table.path} holds no numbers{others}, expected numeric columns, images, or a column "
            "that names image or sound files"
        )
    kept = _complete_rows(table, numeric, options)
    x = np.empty((int(kept.sum()), len(numeric)))
    for j, name in enumerate(numeric):
        x[:, j] = table.numbers(name)[kept]
        _check_size_of_numbers(x[:, j], kept, name, table.path)
        _check_digits(table, name, kept, options)
    summary = f"{len(x):,} rows of {len(numeric):,} numeric columns: {preview(numeric, 8)}"
    shape = _image_shape(schema, options, x.shape[1], table.path)
    if shape is not None:
        x = _as_images(x, shape, table.path)
        planes = "" if len(shape) == 2 else ": red first, then green, then blue"
        summary = f"{len(x):,} images, a column for each pixel{planes}"
    elif schema is None and (side := _side_of_pixels(x)):
        summary += (
            f" of whole numbers from 0 to 255; if they are the pixels of images, "
            f"read them with --size {side} (Python: size={side})"
        )
    elif schema is not None and schema.shape != x.shape[1:]:
        raise ValueError(
            f"{table.path} has {x.shape[1]:,} numeric columns ({preview(numeric)}), expected "
            f"{schema.shape[0]:,}, as the model was fitted to: name the label with --label NAME "
            "and factors with --factor NAME, or remove the other columns"
        )
    if ignored:
        summary += f"; ignored, as {_reasons(ignored)}"
    return Numbers(x, kept, tuple(numeric), tuple(ignored), tuple(used), summary)


def _reasons(ignored: dict[str, str]) -> str:
    """Return the reasons for ignoring columns, with their names."""
    by_reason = dict[str, list[str]]()
    for name, reason in ignored.items():
        by_reason.setdefault(reason, []).append(name)
    parts = [f"{reason}: {preview(names)}" for reason, names in by_reason.items()]
    return "; ".join(parts)


def _choose(
    table: Table, reserved: Sequence[str], options: ReadOptions
) -> tuple[list[str], dict[str, str], list[str]]:
    """Return the features, the columns that are no data (with why), and all that are no factors."""
    taken = {*reserved}
    if options.schema is not None:
        taken |= {options.schema.label, *options.schema.factors}
    empty = [name for name in table.empty if name not in taken]
    candidates = [name for name in table.features if name not in taken and name not in empty]
    indexes, doubtful = find_indexes(table, candidates)
    indexes = {name: reason for name, reason in indexes.items() if name not in taken}
    if empty:
        options.log(f"left out, as they are empty: {preview(empty, 5)}")
    if doubtful:
        options.log(
            f"consecutive whole numbers, kept as features: {preview(doubtful, 5)}; if they only "
            "number the rows, remove them"
        )
    _report_others(table, taken, options)
    numeric = [name for name in candidates if name not in indexes]
    return numeric, indexes, [*candidates, *indexes, *empty]


def _report_others(table: Table, taken: set[str], options: ReadOptions) -> None:
    """Log the columns that are neither numbers nor factors: dates, categories, nested values.

    If no factor is named, the choice of factors mentions the columns of words.
    """
    others = list[str]()
    words = [] if options.factors else table.words
    known = {*table.features, *words, *table.class_names, *table.empty, *taken}
    for column in table.columns.schema:
        if column.name not in known:
            kind = "categories" if column.name in table.categories else str(column.type)[:40]
            others.append(f"{column.name!r} ({kind})")
    if others:
        options.log(f"not numbers, so not features: {preview(others, 5, quote=False)}")


def _complete_rows(table: Table, numeric: Sequence[str], options: ReadOptions) -> Array:
    """Return the mask of rows that have all numbers; all rows must unless `drop_missing`."""
    kept = np.ones(len(table), bool)
    found = list[str]()
    for name in numeric:
        cells = table.cells.get(name)
        if cells is not None and cells.problem:
            raise ValueError(
                f"{table.path}: the column {name!r} {cells.problem}: write numbers as 1234.5, or "
                "name the column as a factor"
            )
        missing = np.isnan(table.numbers(name))
        if not missing.any():
            continue
        words = dict(cells.words) if cells is not None else {}
        if not words:
            words[""] = int(missing.sum()), int(np.argmax(missing))
        first = f"the column {name!r} has no number in {missing.sum():,} of {len(table):,} rows"
        found.append(f"{first}, first in row {np.argmax(missing) + 1:,}: {name_words(words)}")
        kept &= ~missing
    n_left_out = len(kept) - int(kept.sum())
    if found and not options.drop_missing:
        raise ValueError(f"{table.path}: {found[0]}{_fix(len(found), n_left_out, len(kept))}")
    for line in found[:SHOWN]:
        options.log(line)
    if len(found) > SHOWN:
        options.log(f"{len(found) - SHOWN:,} more columns lack numbers")
    if n_left_out == len(kept):
        raise ValueError(
            f"{table.path}: each of the {len(kept):,} rows lacks a number: fill them, or remove "
            "the columns in which most are missing"
        )
    if n_left_out:
        options.log(f"left out: {n_left_out:,} of {len(kept):,} rows, in which a number is missing")
    return kept


def _fix(n_columns: int, n_rows: int, n_all: int) -> str:
    """Return how to mend columns that lack numbers, for the end of a message."""
    others = ""
    if n_columns > 1:
        others = f"; in all, {n_columns:,} columns lack a number, and {n_rows:,} of {n_all:,} rows"
    drop = ", leave these rows out with --drop-missing (Python: drop_missing=True)"
    if n_rows == n_all:
        return f"{others}: fill them, or remove the columns in which most are missing"
    return f"{others}: fill them{drop}, or name the column as a factor"


def _check_size_of_numbers(values: Array, kept: Array, name: str, path: Path) -> None:
    """Raise a ValueError if a number is infinite or too large to compute with."""
    bad = np.flatnonzero(~(np.abs(values) <= LARGEST))
    if bad.size:
        row = np.flatnonzero(kept)[bad[0]] + 1
        raise ValueError(
            f"{path}: the column {name!r} holds infinity or a number beyond {LARGEST:g} in "
            f"{bad.size:,} of {len(kept):,} rows, first in row {row:,}: correct it or drop those "
            "rows"
        )


def _check_digits(table: Table, name: str, kept: Array, options: ReadOptions) -> None:
    """Log whole numbers that lose digits as float64; raise a ValueError if some become equal."""
    column = table.columns.column(name)
    exact = _whole_numbers(column)
    if exact is None or not exact.size or (abs(int(exact.min())) <= EXACT >= int(exact.max())):
        return
    exact = exact[kept]
    rounded = [int(value) for value in exact.astype(np.float64).tolist()]
    pairs = zip(exact.tolist(), rounded, strict=True)
    lost = [row for row, (value, nearest) in enumerate(pairs) if value != nearest]
    if not lost:
        return
    row = int(np.flatnonzero(kept)[lost[0]]) + 1
    value = int(exact[lost[0]])
    if len(set(rounded)) < len(np.unique(exact)):
        raise ValueError(
            f"{table.path}: the column {name!r} holds whole numbers beyond 2^53, which become "
            f"equal as float64 (row {row:,}: {value}): subtract a constant, or name the column as "
            "a factor"
        )
    options.log(
        f"the column {name!r} holds whole numbers beyond 2^53: {len(lost):,} lose digits as "
        f"float64 (row {row:,}: {value} becomes {rounded[lost[0]]})"
    )


def _whole_numbers(column: Any) -> Array | None:
    """Return a column of 64-bit integers, with 0 for missing values, or None for other types."""
    from pyarrow import types

    if not (types.is_int64(column.type) or types.is_uint64(column.type)):
        return None
    return column.fill_null(0).to_numpy()


def _image_shape(
    schema: Schema | None, options: ReadOptions, width: int, path: Path
) -> tuple[int, ...] | None:
    """Return the shape of images whose pixels are the columns, or None for a table."""
    if schema is not None:
        if schema.kind != "image":
            return None
        if int(np.prod(schema.shape)) != width:
            raise ValueError(
                f"{path} has {width:,} numeric columns, expected {int(np.prod(schema.shape)):,} "
                f"for the model's images of shape {schema.shape}"
            )
        return schema.shape
    size = images.check_size(options.size)
    if size is None:
        return None
    height, across = size
    pixels = height * across
    if width not in (pixels, 3 * pixels):
        raise ValueError(
            f"{path} has {width:,} numeric columns, expected {pixels:,} or {3 * pixels:,} for "
            f"images of {height}×{across} pixels: leave out size"
        )
    return (height, across) if width == pixels else (3, height, across)


def _side_of_pixels(x: Array) -> int:
    """Return the side of the square images that the columns of a table may be, else 0."""
    side = math.isqrt(x.shape[1])
    if side < SMALLEST_SIDE or side * side != x.shape[1] or x.min() < 0 or x.max() > 255:
        return 0
    return side if (x == np.round(x)).all() else 0


def _as_images(x: Array, shape: tuple[int, ...], path: Path) -> Array:
    """Return rows of pixels, (n, pixels), as images: uint8 if all are whole, else float32."""
    if x.min() < 0 or x.max() > 255:
        raise ValueError(
            f"{path} holds numbers from {x.min():g} to {x.max():g}, expected pixels from 0 to 255 "
            "for images: leave out size, or bring them to this range"
        )
    is_whole = bool((x == np.round(x)).all())
    return x.astype(np.uint8 if is_whole else np.float32).reshape(len(x), *shape)
