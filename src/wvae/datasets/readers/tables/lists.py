"""Columns of lists of numbers as one array; lists of different lengths are an error."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dataset import Array

__all__ = ["is_list", "is_numeric", "stack_lists"]


def is_numeric(kind: Any) -> bool:
    """Return whether a type holds numbers; bool counts as a number."""
    from pyarrow import types

    return (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_boolean(kind)
    )


def is_list(kind: Any) -> bool:
    """Return whether a type holds lists of numbers, nested to any depth."""
    from pyarrow import BaseExtensionType, types

    kind = kind.storage_type if isinstance(kind, BaseExtensionType) else kind
    if not (
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    ):
        return False
    return is_list(kind.value_type) or is_numeric(kind.value_type)


def stack_lists(
    values: Any,
    name: str,
    where: str,
    first_row: int = 0,
    shape: tuple[int, ...] | None = None,
) -> Array:
    """Return a column of lists of numbers, nested to any depth, as one array, (n, \\*shape).

    The numbers keep their type, except decimal numbers, which become float64. A tensor of fixed
    shape has that shape.

    Parameters
    ----------
    values
        A pyarrow array or chunked array.
    name, where
        Names of the column and of the file for errors.
    first_row
        Number of rows of the file that precede these, for errors.
    shape
        Lengths of the lists, from the outermost inwards, that rows before these have. None: the
        first row decides.

    Raises
    ------
    ValueError
        If lists differ in length or are empty, or a list or a value is missing; the message names
        the first such row.

    Examples
    --------
    >>> import pyarrow as pa
    >>> stack_lists(pa.array([[1, 2], [3, 4]]), "x", "a.parquet").tolist()
    [[1, 2], [3, 4]]
    >>> stack_lists(pa.array([[1, 2], [3]]), "x", "a.parquet")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: a.parquet: row 2 of the column 'x' has a list of 1 values, expected 2 ...
    """
    import pyarrow as pa

    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    arrays = list[Array]()
    for chunk in chunks:
        if len(chunk):
            array, shape = _stack_chunk(chunk, f"{where}: row ", name, first_row, shape)
            arrays.append(array)
            first_row += len(chunk)
    if not arrays:
        raise ValueError(f"{where}: the column {name!r} has no rows, expected at least one")
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _stack_chunk(
    chunk: Any, start: str, name: str, first_row: int, expected: tuple[int, ...] | None
) -> tuple[Array, tuple[int, ...]]:
    """Return an array of lists as NumPy's array, and the lengths of its lists."""
    import pyarrow as pa

    inner, lengths, per_row = chunk, list[int](), 1

    def check(is_bad: Array, problem: str, fix: str) -> None:
        bad = np.flatnonzero(is_bad)
        if bad.size:
            row = first_row + bad[0] // per_row + 1
            raise ValueError(f"{start}{row} of the column {name!r} {problem}: {fix}")

    while is_list(inner.type):
        inner = inner.storage if isinstance(inner, pa.ExtensionArray) else inner
        if inner.null_count:
            check(_nulls(inner), "lacks a list", "fill it or drop the row")
        counts = _list_lengths(inner)
        n_values = expected[len(lengths)] if expected else int(counts[0])
        different = np.flatnonzero(counts != n_values)
        if different.size:
            problem = f"has a list of {counts[different[0]]:,} values, expected {n_values:,}"
            check(counts != n_values, f"{problem} as in the rows before it", "cut or pad the lists")
        check(counts == 0, "has an empty list", "fill it or drop the row")
        lengths.append(n_values)
        per_row *= n_values
        inner = inner.flatten()
    if inner.null_count:
        check(_nulls(inner), "lacks a value", "fill it or drop the row")
    if pa.types.is_decimal(inner.type):
        inner = inner.cast(pa.float64())
    shape, permutation = lengths, list(range(len(lengths)))
    if isinstance(chunk.type, pa.FixedShapeTensorType):
        shape, permutation = list(chunk.type.shape), chunk.type.permutation or permutation
        permutation = permutation if len(permutation) == len(shape) else list(range(len(shape)))
    array = inner.to_numpy(zero_copy_only=False).reshape(len(chunk), *shape)
    return array.transpose(0, *(axis + 1 for axis in permutation)), tuple(lengths)


def _nulls(values: Any) -> Array:
    return values.is_null().to_numpy(zero_copy_only=False)


def _list_lengths(lists: Any) -> Array:
    """Return the number of values in each list, (n,)."""
    from pyarrow import compute, types

    if types.is_fixed_size_list(lists.type):
        # A view of one number: lists of a fixed size cannot differ.
        return np.broadcast_to(np.int64(lists.type.list_size), len(lists))
    return compute.call_function("list_value_length", [lists]).to_numpy(zero_copy_only=False)
