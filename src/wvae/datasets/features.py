"""Which columns of a table are the examples, and those that are numbers as one array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .arrays import examples
from .columns import Frame, is_list, is_numeric
from .dataset import Array
from .wording import Say, refuse, some

__all__ = ["features", "files_column"]

FILES = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "img", "picture", "audio", "wav")
FEATURES = ("x", "features", "embedding", "data", "image", "pixels")


def files_column(frame: Frame, suffixes: Sequence[str], base: Path) -> str | None:
    """Return the column that names files, if any: most have a suffix, or it is called so and the first is there."""
    import pyarrow as pa

    words = [f.name for f in frame.table.schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    called = [name for word in FILES for name in words if name.lower() == word]
    found = [name for name in words if _share_ending(frame.column(name), suffixes) > 0.5]
    both = [name for name in called if name in found]
    there = [name for name in called if _first_is_there(base / str(frame.column(name)[0]), suffixes)]
    return next(iter([*both, *found, *there]), None)


def _share_ending(values: Array, suffixes: Sequence[str]) -> float:
    lower = np.char.lower(values)
    return float(np.any([np.char.endswith(lower, suffix) for suffix in suffixes], axis=0).mean())


def _first_is_there(path: Path, suffixes: Sequence[str]) -> bool:
    return path.is_file() or any(path.with_name(path.name + suffix).is_file() for suffix in suffixes if path.name)


def features(
    frame: Frame, taken: Sequence[str], size: tuple[int, int] | None, say: Say
) -> tuple[Array, list[str], str]:
    """Return x, the columns it was made of, and what to say of it.

    A column of lists of numbers is x as it is, (n, \\*shape); otherwise all numeric columns side by side are,
    (n, d) float32, or with a size (n, height, width). Columns that are taken, or that count the rows, are left out.

    Raises
    ------
    ValueError
        If there is no such column, lists differ in length, or a value is missing.
    """
    lists = [name for name in frame.lists if name not in taken]
    if lists:
        named = [name for word in FEATURES for name in lists if name.lower() == word]
        if len(lists) > 1 and not named:
            raise ValueError(f"{frame.path}: several columns hold lists ({some(lists)}): keep one, or call it 'x'")
        name = (named or lists)[0]
        refuse(f"{frame.path} holds examples as lists", size=size)
        x = examples(_stacked(frame, name), str(frame.path), say)
        return x, [name], f"{len(x):,} rows of shape {x.shape[1:]} from the column {name!r}"
    numeric = [f.name for f in frame.table.schema if is_numeric(f.type) and f.name not in taken]
    numeric = [name for name in numeric if name not in frame.class_names]
    counters = [name for name in numeric if _counts_rows(frame.column(name))]
    numeric = [name for name in numeric if name not in counters]
    if not numeric:
        raise ValueError(
            f"{frame.path} holds no numbers beside {some(taken, 5) or 'nothing'}: expected numeric columns, "
            "images, or a column that names image or sound files"
        )
    x = np.empty((len(frame), len(numeric)), np.float32)
    for j, name in enumerate(numeric):
        with np.errstate(over="ignore"):  # what is too large for float32 is infinite, and named so
            column = frame.column(name).astype(np.float32)
        bad = np.flatnonzero(~np.isfinite(column))
        if bad.size:
            raise ValueError(
                f"{frame.path}: the column {name!r} holds NaN, infinity or nothing in {bad.size:,} of {len(x):,} rows, "
                f"first in row {bad[0] + 1}: fill it or drop those rows"
            )
        x[:, j] = column
    left = f"; left out, as it counts the rows: {some(counters)}" if counters else ""
    if size is None:
        return x, [*numeric, *counters], f"{len(x):,} rows of {len(numeric):,} numeric columns{left}"
    return _as_images(x, size, frame.path), [*numeric, *counters], f"{len(x):,} images, a column for each pixel{left}"


def _counts_rows(values: Array) -> bool:
    """Tell 0, 1, 2 … and 1, 2, 3 …: they would tell where in the file a row stands, not what it is."""
    return values.dtype.kind in "iu" and len(values) > 2 and bool((np.diff(values.astype(np.int64)) == 1).all())


def _as_images(x: Array, size: tuple[int, int], path: Path) -> Array:
    height, width = size
    if x.shape[1] not in (height * width, 3 * height * width):
        raise ValueError(
            f"{path} has {x.shape[1]:,} numeric columns, which are no {width}×{height} pixels: leave out size"
        )
    if (x == np.round(x)).all() and x.min() >= 0 and x.max() <= 255:
        x = x.astype(np.uint8)
    return x.reshape(len(x), height, width) if x.shape[1] == height * width else x.reshape(len(x), 3, height, width)


def _stacked(frame: Frame, name: str) -> Array:
    """Return a column of lists, nested to any depth, as one array."""
    import pyarrow as pa
    from pyarrow import compute

    values = frame.table.column(name)
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        values = pa.chunked_array([chunk.storage for chunk in values.chunks], kind.storage_type)
    inner, shape = values.combine_chunks(), [len(frame)]
    while is_list(inner.type):
        lengths = np.unique(compute.call_function("list_value_length", [inner]).to_numpy(zero_copy_only=False))
        if inner.null_count or len(lengths) != 1:
            raise ValueError(
                f"{frame.path}: the column {name!r} is ragged, with lists of {some(lengths.tolist())} values, "
                "expected one shape: cut or pad them"
            )
        shape.append(int(lengths[0]))
        inner = inner.flatten()
    if inner.null_count:
        raise ValueError(f"{frame.path}: the column {name!r} misses {inner.null_count:,} values: fill them")
    found = inner.to_numpy(zero_copy_only=False)
    if len(shape) > 2 and found.dtype.kind in "iub" and found.min() >= 0 and found.max() <= 255:
        return found.astype(np.uint8).reshape(shape)
    return found.reshape(shape)
