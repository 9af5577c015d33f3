"""Types of pyarrow's columns, and their values as NumPy arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ....validation.class_names import time_words
from ...dataset import Array
from .lists import is_list, is_numeric, stack_lists

__all__ = [
    "class_names",
    "is_encoded",
    "is_list",
    "is_numeric",
    "is_scalar",
    "is_text",
    "name_classes",
    "stack_lists",
    "to_numpy",
    "words_of_bytes",
]

LONGEST_WORD = 100  # bytes


def is_text(kind: Any) -> bool:
    """Return whether a type holds text."""
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def is_encoded(kind: Any) -> bool:
    """Return whether a type holds files: bytes, or Hugging Face's struct of bytes and path."""
    from pyarrow import types

    if types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)


def is_scalar(kind: Any) -> bool:
    """Return whether a type has one value for each row: words, numbers, dates."""
    from pyarrow import BaseExtensionType, types

    return not (types.is_nested(kind) or is_encoded(kind) or isinstance(kind, BaseExtensionType))


def to_numpy(values: Any) -> Array:
    """Return a column of scalars, (n,): numbers, bool or str.

    A missing value is NaN, "" or, among bool, None.
    """
    import pyarrow as pa
    from pyarrow import types

    kind = values.type
    if types.is_decimal(kind) or types.is_null(kind):
        values = values.cast(pa.float64())
    elif types.is_boolean(kind):
        return np.array(values.to_pylist(), object if values.null_count else np.bool_)
    elif types.is_integer(kind) and values.null_count:
        values = _with_nan(values)
    if is_numeric(values.type):
        return values.to_numpy()
    words = values.fill_null("").to_pylist() if is_text(values.type) else _as_words(values)
    return np.array(words, dtype=np.str_)


def _with_nan(values: Any) -> Any:
    """Return whole numbers with nulls as float64, or as text if float64 would round them."""
    import pyarrow as pa

    try:
        return values.cast(pa.float64())
    except pa.ArrowInvalid:
        return values.cast(pa.string())


def _as_words(values: Any) -> list[str]:
    """Return dates and other scalars as text, "" for nulls."""
    import pyarrow as pa

    is_time = pa.types.is_timestamp(values.type)
    try:
        words = values.cast(pa.string()).fill_null("").to_pylist()
        return [time_words(word) for word in words] if is_time else words
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # durations, bytes of a fixed length
        return ["" if value is None else str(value) for value in values.to_pylist()]


def words_of_bytes(batches: Iterable[Any]) -> Any:
    """Return a column of bytes as text, or None if not all are short, printable UTF-8.

    Parameters
    ----------
    batches
        The column in pyarrow arrays.

    Examples
    --------
    >>> import pyarrow as pa
    >>> words_of_bytes([pa.array([b"cat", None])]).to_pylist()
    ['cat', None]
    >>> words_of_bytes([pa.array([b"cat"]), pa.array([bytes(range(10))])]) is None
    True
    """
    import pyarrow as pa
    from pyarrow import compute, types

    chunks = list[Any]()
    n_words = 0
    for batch in batches:
        if types.is_struct(batch.type):
            return None
        lengths = compute.call_function("binary_length", [batch])
        longest = compute.call_function("max", [lengths]).as_py()
        if longest is not None and longest > LONGEST_WORD:
            return None
        try:
            words = batch.cast(pa.string())
        except pa.ArrowInvalid:  # no UTF-8
            return None
        printable = compute.call_function("utf8_is_printable", [words])
        if compute.call_function("all", [printable]).as_py() is False:
            return None
        n_words += len(words) - words.null_count
        chunks.append(words)
    return pa.chunked_array(chunks) if n_words else None


def class_names(schema: Any) -> dict[str, list[str]]:
    """Return the names of numbered classes by column, from Hugging Face's metadata in a schema."""
    metadata = (schema.metadata or {}).get(b"huggingface")
    if not metadata:
        return {}
    try:
        features = json.loads(metadata)["info"]["features"]
    except (ValueError, KeyError, TypeError):  # other metadata under this key
        return {}
    names = dict[str, list[str]]()
    for column, feature in features.items() if isinstance(features, dict) else ():
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
            listed = feature.get("names") or []
            if not isinstance(listed, list):
                raise ValueError(f"those of the column {column!r} are no list")
            names[column] = [str(name) for name in listed]
    return {column: classes for column, classes in names.items() if classes}


def name_classes(values: Any, names: Sequence[str], column: str, where: str) -> Any:
    """Return a column of numbered classes as their names; −1 and null are missing.

    Parameters
    ----------
    values
        A pyarrow array or chunked array of whole numbers. Words are returned as they are.
    names
        The names of 0, 1, 2 …
    column, where
        Names of the column and of the file for errors.

    Returns
    -------
    pyarrow.Array, pyarrow.ChunkedArray
        The names as text; a missing class is null.

    Raises
    ------
    ValueError
        If a number has no name; the message names the first such row.

    Examples
    --------
    >>> import pyarrow as pa
    >>> name_classes(pa.array([1, -1, 0, None]), ["cat", "dog"], "label", "a.parquet").to_pylist()
    ['dog', None, 'cat', None]
    """
    import pyarrow as pa

    if not is_numeric(values.type) or pa.types.is_boolean(values.type):
        return values
    numbers = values.to_numpy() if isinstance(values, pa.ChunkedArray) else _numbers(values)
    missing = np.isnan(numbers) if numbers.dtype.kind == "f" else np.zeros(len(numbers), bool)
    missing |= numbers == -1
    is_class = np.isin(numbers, np.arange(len(names)))
    wrong = np.flatnonzero(~(is_class | missing))
    if wrong.size:
        raise ValueError(
            f"{where}: row {wrong[0] + 1} of the column {column!r} has the class number "
            f"{numbers[wrong[0]]:g}, expected 0 to {len(names) - 1} (−1 if it is missing), since "
            f"{len(names):,} classes have names: correct the number or the names"
        )
    indices = pa.array(np.where(missing, 0, numbers).astype(np.int64), mask=missing)
    return pa.array(names, pa.string()).take(indices)


def _numbers(values: Any) -> Array:
    return values.to_numpy(zero_copy_only=False)
