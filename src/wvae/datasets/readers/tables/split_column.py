"""The column of a table that is its split, whatever its name."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ...messages import preview
from ..annotations.splits import SPLIT, SPLITS
from ..options import ReadOptions
from . import arrow
from .tables import Table

__all__ = ["with_split_column"]

_TRAIN = {word for word in SPLITS if word.startswith("train")}
_FLAGS = {"istrain": ("test", "train"), "istest": ("train", "test")}  # of 0, and of 1


def with_split_column(table: Table, options: ReadOptions) -> Table:
    """Return a table whose split is called ``split``.

    The split is a column whose words are all train, test, validation and the like, or a flag called
    ``is_train`` or ``is_test``. A column called split, or one that is the label or a factor, stays
    as it is.

    Parameters
    ----------
    table
        A table.
    options
        The arguments of `open_data`; ``log`` is called with one line if there is such a column.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from pathlib import Path
    >>> columns = pa.table({"x": [1.0, 2.0, 3.0], "part": ["train", "train", "test"]})
    >>> options = ReadOptions(None, (), None, None, log=print, progress=False)
    >>> with_split_column(Table(Path("a.csv"), columns), options).names
    the column 'part' is the split: its values are train, test
    ['x', 'split']
    """
    if SPLIT in (*table.columns.column_names, *table.encoded):
        return table
    taken = {options.label, *options.factors}
    if options.schema is not None:
        taken |= {options.schema.label, *options.schema.factors, *(options.schema.columns or ())}
    found = dict[str, tuple[Any, str]]()
    for name in table.names:
        column = table.columns.column(name)
        split = None if name in taken else (_of_words(column) or _of_flags(name, column))
        if split is not None:
            found[name] = split
    if len(found) > 1:
        options.log(
            f"several columns look like a split, so none is used: {preview(list(found))}: call one "
            "of them split"
        )
    if len(found) != 1:
        return table
    name, (column, description) = found.popitem()
    options.log(f"the column {name!r} is the split: {description}")
    position = table.columns.column_names.index(name)
    return replace(table, columns=table.columns.set_column(position, SPLIT, column))


def _of_words(column: Any) -> tuple[Any, str] | None:
    """Return a column and its values if all are words of a split, train among them, else None."""
    if not arrow.is_text(column.type) or column.null_count or _word(column[0]) not in SPLITS:
        return None
    values = [str(value) for value in column.unique().to_pylist()]
    words = {_word(value) for value in values}
    if not words <= {*SPLITS} or words <= _TRAIN or words.isdisjoint(_TRAIN):
        return None
    return column, f"its values are {', '.join(values)}"


def _of_flags(name: str, column: Any) -> tuple[Any, str] | None:
    """Return the words of a column called is_train or is_test, if its values are 0 and 1."""
    import pyarrow as pa

    words = _FLAGS.get(re.sub(r"[\W_]", "", name).lower())
    if words is None or not arrow.is_numeric(column.type) or column.null_count:
        return None
    values = column.to_pylist()
    if {*values} != {0, 1}:
        return None
    return pa.array([words[int(value)] for value in values]), f"1 is {words[1]}"


def _word(value: object) -> str:
    return str(value).strip().lower()
