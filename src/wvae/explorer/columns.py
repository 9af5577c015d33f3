"""Columns of the explorer: metadata of the examples as numbers of a few bytes each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..datasets.dataset import Array, is_labelled
from .contract import Dtype, Role

MAX_CATEGORIES = 65_535
DTYPES: dict[str, str] = {"u8": "<u1", "u16": "<u2", "u32": "<u4", "f32": "<f4"}


@dataclass(frozen=True)
class EncodedColumn:
    """A column as the browser reads it.

    Attributes
    ----------
    values
        (n,) of the dtype: indices into `categories`, or numbers.
    dtype
        Name of the dtype in the contract.
    categories
        Names of the categories; None for numbers. The largest number of the dtype means a missing
        value.
    limits
        The smallest and the largest number; empty for categories and if there is no number.
    """

    values: Array
    dtype: Dtype
    categories: list[str] | None = None
    limits: tuple[float, ...] = field(default=())


def encode_column(values: Array, first: Sequence[object] = ()) -> EncodedColumn:
    """Return a column of metadata in the smallest dtype that holds it.

    Integers and words with up to 65,535 values are categories, and so are words with more. Other
    numbers are float32, NaN if they are missing.

    Parameters
    ----------
    values
        (n,). None and NaN are missing values.
    first
        Categories that come first in any case, such as the classes of a model.

    Examples
    --------
    >>> column = encode_column(np.array(["b", None, "a", "b"], object))
    >>> column.values.tolist(), column.categories, column.dtype
    ([1, 255, 0, 1], ['a', 'b'], 'u8')
    >>> encode_column(np.array([0.5, np.nan, -1.0])).limits
    (-1.0, 0.5)
    """
    known = is_labelled(values)
    present = values[known]
    if present.dtype.kind == "O":
        present = np.array(present.tolist())
    if present.dtype.kind == "f":
        return _numbers(present, known)
    distinct, indices = np.unique(present, return_inverse=True)
    if len(distinct) > MAX_CATEGORIES and distinct.dtype.kind in "iu":
        return _numbers(present, known)
    # Classes of a model and labels of data may be of different types, such as 3 and '3'.
    names = list(dict.fromkeys(str(name) for name in first))
    position = {name: index for index, name in enumerate(names)}
    renumbered = np.empty(len(distinct), np.int64)
    for index, name in enumerate(map(str, distinct.tolist())):
        if name not in position:
            position[name] = len(names)
            names.append(name)
        renumbered[index] = position[name]
    return _categories(renumbered[indices], known, names)


def row_numbers(rows: Array) -> EncodedColumn:
    """Return the numbers of rows in their source, exactly, from 0 on.

    Examples
    --------
    >>> row_numbers(np.array([3, 70_000])).dtype
    'u32'
    """
    limits = (float(rows.min()), float(rows.max()))
    return EncodedColumn(rows.astype(DTYPES["u32"]), "u32", None, limits)


def unique_name(name: str, taken: Sequence[str], role: Role) -> str:
    """Return the name of a computed column, which a factor of the data may have, too.

    Examples
    --------
    >>> unique_name("cluster", ["writer"], "cluster")
    'cluster'
    >>> unique_name("cluster", ["cluster"], "cluster")
    'cluster (wvae)'
    """
    while name in taken:
        name = f"{name} (wvae)" if role != "row" else f"{name} (number)"
    return name


def text_lines(names: Sequence[str]) -> bytes:
    """Return names as UTF-8, one in each line.

    Examples
    --------
    >>> text_lines(["a.png", "b.png"])
    b'a.png\\nb.png\\n'
    """
    lines = [" ".join(str(name).splitlines()) + "\n" for name in names]
    return "".join(lines).encode("utf-8", "replace")


def _numbers(present: Array, known: Array) -> EncodedColumn:
    """Return numbers as float32, NaN where they are missing."""
    values = np.full(len(known), np.nan, DTYPES["f32"])
    with np.errstate(over="ignore"):  # beyond float32 they are infinite
        values[known] = present
    finite = values[np.isfinite(values)]
    limits = (float(finite.min()), float(finite.max())) if len(finite) else ()
    return EncodedColumn(values, "f32", None, limits)


def _categories(indices: Array, known: Array, names: list[str]) -> EncodedColumn:
    """Return indices into the names, in the smallest dtype."""
    dtype: Dtype = "u8" if len(names) <= 255 else "u16" if len(names) <= MAX_CATEGORIES else "u32"
    missing = np.iinfo(DTYPES[dtype]).max
    values = np.full(len(known), missing, DTYPES[dtype])
    values[known] = indices
    return EncodedColumn(values, dtype, names)
