"""Columns that number or name the rows: an index is no data."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ...dataset import Array
from .names import is_nameless
from .tables import Table

__all__ = ["find_indexes"]

# Names of columns that identify rows, without spaces, dots, hyphens and underscores.
IDS = re.compile(
    "ids?|index|idx|level0|(row|sample|record|example|instance|object|entry|case|item|image|img)"
    "(id|s|idx|index|names?|no|nr|num|number)?|u?uid|guid|pk|番号|通番|連番|행번호|序号"
)
ID_ENDING = re.compile(r".*([_\-. ](id|idx|index)|[a-z](Id|ID))", re.ASCII)
COUNTERS = re.compile("no|nr|num|nummer|number|key|serial|seq|sequence|s(erial|r|l)?no|lfdnr|#|n|i")
MANY = 10  # rows from which consecutive numbers in a column are no chance


def find_indexes(table: Table, candidates: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the columns that are an index, with the reasons, and columns that may be one.

    An index is: pandas' index in a Parquet file; a first column without a name; whole numbers, all
    different, under a name such as ``id``, ``index`` or ``sample_id``; the numbers from 0 or 1 on
    under a name such as ``no``; and the numbers from 0 or 1 on in the order of the rows. Under an
    ordinary name, consecutive numbers in another order may be ranks: they stay.

    Parameters
    ----------
    table
        The table.
    candidates
        Columns that may be features: numbers. Names of rows without a name are found, too.

    Raises
    ------
    ValueError
        If a column without a name holds fractions.
    """
    indexes = dict[str, str]()
    doubtful = list[str]()
    for name in table.names:
        if name in table.indexes and (name in candidates or is_nameless(name)):
            indexes[name] = "pandas' index"
        elif is_nameless(name) and name in table.words and name not in candidates:
            indexes[name] = "names of rows"
    for name in candidates:
        if name in indexes:
            continue
        reason = _reason(name, table.numbers(name), str(table.path))
        if reason == "kept":
            doubtful.append(name)
        elif reason:
            indexes[name] = reason
    return indexes, doubtful


def _reason(name: str, values: Array, where: str) -> str:
    """Return why a column is an index; "kept" if it may be one; "" if it is none."""
    present = values[~np.isnan(values)]
    is_fraction = (present != np.round(present)) | ~np.isfinite(present)
    is_whole = not is_fraction.any()
    if is_nameless(name):
        if is_whole:
            return "a column without a name"
        if not name:
            raise ValueError(
                f"{where}: the first column has no name, but holds fractions such as "
                f"{present[is_fraction][0]:g}: name it in the first line"
            )
        return ""
    n = len(values)
    if not is_whole or len(present) < n or n < 3 or len(np.unique(values)) < n:
        return ""
    plain = re.sub(r"[\s_.\-]", "", name.lower())
    if IDS.fullmatch(plain) or ID_ENDING.fullmatch(name):
        return "another whole number in each row"
    low, high = values.min(), values.max()
    if high - low != n - 1:
        return ""
    in_order = bool((np.diff(values) == 1).all())
    if low in (0, 1) and (in_order or COUNTERS.fullmatch(plain)):
        return "counts the rows"
    return "kept" if n >= MANY else ""
