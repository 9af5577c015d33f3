"""Types of pyarrow's columns, and their values as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dataset import Array
from ..messages import preview

__all__ = [
    "class_names",
    "is_encoded",
    "is_list",
    "is_numeric",
    "is_scalar",
    "is_text",
    "stack_lists",
    "to_numpy",
]


def is_numeric(kind: Any) -> bool:
    """Return whether a type holds numbers; bool counts as a number."""
    from pyarrow import types

    return (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_boolean(kind)
    )


def is_text(kind: Any) -> bool:
    """Return whether a type holds text."""
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind)


def is_list(kind: Any) -> bool:
    """Return whether a type holds lists of numbers, nested to any depth."""
    from pyarrow import BaseExtensionType, types

    kind = kind.storage_type if isinstance(kind, BaseExtensionType) else kind
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        return False
    return is_list(kind.value_type) or is_numeric(kind.value_type)


def is_encoded(kind: Any) -> bool:
    """Return whether a type holds files: bytes, or Hugging Face's struct of bytes and path."""
    from pyarrow import types

    if types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return types.is_binary(kind) or types.is_large_binary(kind)


def is_scalar(kind: Any) -> bool:
    """Return whether a type has one value for each row: words, numbers, dates."""
    from pyarrow import BaseExtensionType, types

    return not (types.is_nested(kind) or is_encoded(kind) or isinstance(kind, BaseExtensionType))


def to_numpy(values: Any) -> Array:
    """Return a column of scalars, (n,): numbers or str; a missing value is NaN or ""."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = values.type
    if types.is_decimal(kind) or types.is_null(kind):
        values = values.cast(pa.float64())
    elif types.is_boolean(kind) and not values.null_count:
        values = values.cast(pa.int64())
    elif not (types.is_integer(kind) or types.is_floating(kind)):
        words = values.cast(pa.string()).fill_null("").to_pylist()
        return np.array(words, dtype=np.str_)
    return values.to_numpy()


def stack_lists(values: Any, name: str, where: str) -> Array:
    """Return a column of lists of numbers, nested to any depth, as one array, (n, \\*shape).

    Parameters
    ----------
    values
        A pyarrow array or chunked array.
    name, where
        Names of the column and of the file for errors.

    Raises
    ------
    ValueError
        If lists differ in length, or a list or a value is missing.

    Examples
    --------
    >>> import pyarrow as pa
    >>> stack_lists(pa.array([[1, 2], [3, 4]]), "x", "a.parquet").tolist()
    [[1, 2], [3, 4]]
    """
    import pyarrow as pa

    inner = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    shape = [len(inner)]
    while is_list(inner.type):
        inner = inner.storage if isinstance(inner, pa.ExtensionArray) else inner
        if inner.null_count:
            missing = f"{inner.null_count:,} lists"
            raise ValueError(f"{where}: the column {name!r} lacks {missing}: fill them")
        shape.append(_list_length(inner, name, where))
        inner = inner.flatten()
    if inner.null_count:
        missing = f"{inner.null_count:,} values"
        raise ValueError(f"{where}: the column {name!r} lacks {missing}: fill them")
    return inner.to_numpy(zero_copy_only=False).reshape(shape)


def _list_length(lists: Any, name: str, where: str) -> int:
    """Return the length of all lists of an array, or raise a ValueError if they differ."""
    from pyarrow import compute, types

    if types.is_fixed_size_list(lists.type):
        return lists.type.list_size
    lengths = compute.call_function("list_value_length", [lists])
    limits = compute.call_function("min_max", [lengths]).as_py()
    if limits["min"] != limits["max"]:
        different = np.unique(lengths.to_numpy(zero_copy_only=False)).tolist()
        raise ValueError(
            f"{where}: the column {name!r} has lists of {preview(different)} values, "
            "expected one length: cut or pad them"
        )
    return limits["min"] or 0


def class_names(schema: Any) -> dict[str, list[str]]:
    """Return the names of numbered classes by column, from Hugging Face's metadata in a schema."""
    import json

    metadata = (schema.metadata or {}).get(b"huggingface")
    if not metadata:
        return {}
    features = json.loads(metadata).get("info", {}).get("features", {})
    names = dict[str, list[str]]()
    for column, feature in features.items():
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
            names[column] = feature["names"]
    return names
