"""Read a folder of .npy or Parquet shards as a `Dataset` whose examples stay on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...dataset import Array, Dataset
from ...messages import preview, reject
from ...recolour import Recoloured
from ...shards import Shards
from ..annotations.labels import ReadOptions, annotate, choose_label
from ..annotations.splits import SPLIT
from ..arrays.arrays import kind_of
from ..arrays.examples import channels_first
from ..arrays.values import Limits, check_values
from ..files.depth import BYTE
from ..files.folders import ENCODED, from_table
from ..files.media import progress_bar
from ..tables import arrow, parquet
from ..tables.features import FEATURES, list_column
from .folder_table import folder_table
from .layout import Layout, partitions, splits_of_names
from .merge import check_columns
from .npy_shards import read_npy_shards

__all__ = ["read_shards"]

LARGE = 1 << 27  # bytes; above this size of a row group the log recommends smaller ones


@dataclass(frozen=True)
class Part:
    """The examples of one file, the limits of their values, and the rows that hold NaN."""

    path: Path
    x: Any  # a memory map or a `ParquetColumn`
    limits: Limits
    dropped: list[int] | None = None  # None: such rows are an error


def read_shards(layout: Layout, options: ReadOptions) -> Dataset:
    """Read several files as one data set.

    With .npy files, NAME.npy holds examples, and NAME-labels.npy, NAME-writer.npy … hold one value
    for each of them. In Parquet files, a column holds the examples as lists of numbers of one
    shape, or as the bytes of images or sounds; the other columns describe the rows. Files without
    either are read as one table of numbers. Arrays and lists stay on disk.

    Files or folders called train, test and validation give the split, folders called NAME=VALUE a
    column.

    Parameters
    ----------
    layout
        The files, as `layout.find_shards` returns them.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If a file cannot be read, the files do not match each other, or they hold no examples.
    """
    layout.log_others(options.log)
    if layout.is_npy:
        arrays, columns = read_npy_shards(layout, options.log)
        parts = _check_arrays(arrays, options)
        columns |= _columns_of_names(layout, parts, columns, options)
        return _dataset(parts, columns, layout.folder, options)
    infos = _open_tables(layout, options)
    paths = [info.path for info in infos]
    schema = infos[0].schema
    lists = [column.name for column in schema if arrow.is_list(column.type)]
    table = folder_table(
        layout, infos, splits_of_names(layout, paths), partitions(layout, paths), options.log
    )
    encoded = table.encoded
    if not lists or (encoded and not _are_lists_examples(lists, encoded, options)):
        return from_table(table, layout.folder, options)
    parts = _open_lists(infos, list_column(lists, str(layout.folder)), options)
    columns = {column: table.column(column) for column in table.names}
    return _dataset(parts, columns, layout.folder, options)


def _are_lists_examples(lists: Sequence[str], encoded: Sequence[str], options: ReadOptions) -> bool:
    """Return whether lists are the examples although other columns hold bytes."""
    if any(name.lower() in ENCODED for name in encoded):
        return False
    usual = [name for name in lists if name.lower() in FEATURES]
    if usual:
        options.log(
            f"left out, since {usual[0]!r} holds the examples: the bytes in {preview(encoded)}"
        )
    return bool(usual)


def _open_tables(layout: Layout, options: ReadOptions) -> list[parquet.ParquetInfo]:
    """Return the Parquet files that have rows, after their columns are compared."""
    infos = [parquet.open_parquet(path) for path in layout.files]
    empty = [layout.name(info.path) for info in infos if not info.metadata.num_rows]
    infos = [info for info in infos if info.metadata.num_rows]
    if not infos:
        raise ValueError(f"{layout.folder}: no file has rows ({preview(empty)}), expected examples")
    if empty:
        options.log(f"passed over, no rows: {preview(empty, quote=False)}")
    check_columns([info.schema for info in infos], [str(info.path) for info in infos])
    return infos


def _open_lists(
    infos: Sequence[parquet.ParquetInfo], name: str, options: ReadOptions
) -> list[Part]:
    """Return the column of examples of each file, after all its rows are checked."""
    parts, cache = list[Part](), parquet.GroupCache()
    with progress_bar("Checking shards", len(infos), options.progress) as advance:
        for info in infos:
            dropped = list[int]() if options.drop_missing else None
            column = parquet.ParquetColumn(info, name, cache, _model_shape(options), dropped)
            parts.append(Part(info.path, column, column.limits, dropped))
            advance()
    largest = max(part.x.largest for part in parts)
    if largest > LARGE:
        options.log(
            f"row groups take up to {largest >> 20:,} MB of memory: a smaller row_group_size takes "
            "less and is shuffled better"
        )
    return parts


def _check_arrays(arrays: dict[Path, Array], options: ReadOptions) -> list[Part]:
    """Return the memory maps with their channels first, after their values are checked."""
    parts = list[Part]()
    with progress_bar("Checking shards", len(arrays), options.progress) as advance:
        for path, array in arrays.items():
            is_number = array.dtype.kind in "biuf" and array.dtype.itemsize <= 8
            if not is_number or 0 in array.shape:
                raise ValueError(
                    f"{path} has shape {array.shape} and dtype {array.dtype}, expected numbers of "
                    "at most 64 bits, (n, *shape): convert it with astype"
                )
            x = array
            if x.ndim == 4:
                x = channels_first(x, str(path), shape=_model_shape(options))
            dropped = list[int]() if options.drop_missing else None
            limits = check_values(array, str(path), dropped)
            parts.append(Part(path, x, limits, dropped))
            advance()
    return parts


def _columns_of_names(
    layout: Layout, parts: Sequence[Part], columns: dict[str, Array], options: ReadOptions
) -> dict[str, Array]:
    """Return the split that the names of .npy files give."""
    splits = splits_of_names(layout, [part.path for part in parts])
    if splits is None:
        return {}
    if SPLIT in columns:
        options.log(f"the column {SPLIT!r} is the split, not the names of the files")
        return {}
    return {SPLIT: np.repeat(splits, [part.x.shape[0] for part in parts])}


def _dataset(
    parts: Sequence[Part], columns: dict[str, Array], folder: Path, options: ReadOptions
) -> Dataset:
    """Return the examples of all files and what their columns say about them."""
    reject(f"{folder} holds shards of arrays", size=options.size, rate=options.rate)
    shape, schema = _common_shape(parts), options.schema
    x: Any = _join(_for_model(parts, shape, folder, options), options)
    label = choose_label([*columns], options, str(folder), columns.__getitem__)
    annotations = annotate(columns, label, len(x), str(folder), options)
    kept = _complete_rows(parts, len(x), folder, options)
    if not kept.all():
        x, annotations = x.take(kept), annotations.subset(kept, str(folder))
    options.log(
        f"{len(x):,} examples of shape {x.shape[1:]} in {len(parts)} files, which stay on disk"
    )
    if schema is None:
        return annotations.dataset(x, kind_of(x), folder)
    learnt = {"rate": schema.rate, "mels": schema.mels, "frames": schema.frames}
    return annotations.dataset(x, schema.kind, folder, columns=schema.columns, **learnt)


def _complete_rows(parts: Sequence[Part], n: int, folder: Path, options: ReadOptions) -> Array:
    """Return the mask of the rows without NaN, (n,)."""
    kept, start = np.ones(n, bool), 0
    for part in parts:
        if part.dropped:
            kept[start + np.array(part.dropped)] = False
        start += part.x.shape[0]
    if not kept.any():
        raise ValueError(f"{folder}: each of the {n:,} rows holds NaN: fill the values")
    if not kept.all():
        options.log(f"left out: {n - kept.sum():,} of {n:,} rows, in which a number is NaN")
    return kept


def _model_shape(options: ReadOptions) -> tuple[int, ...] | None:
    return None if options.schema is None else tuple(options.schema.shape)


def _common_shape(parts: Sequence[Part]) -> tuple[int, ...]:
    """Return the shape of one example, or raise a ValueError if files differ."""
    shape = parts[0].x.shape[1:]
    for part in parts:
        if part.x.shape[1:] != shape:
            raise ValueError(
                f"{part.path} holds examples of shape {part.x.shape[1:]}, but {parts[0].path} of "
                f"shape {shape}, expected one shape: write all shards alike"
            )
    return shape


def _for_model(
    parts: Sequence[Part], shape: tuple[int, ...], folder: Path, options: ReadOptions
) -> Sequence[Part]:
    """Return examples in the shape of the model that will read them, or raise a ValueError."""
    schema, expected = options.schema, _model_shape(options)
    if schema is None or expected is None:
        return parts
    if schema.white not in (None, BYTE):
        raise ValueError(
            f"{folder} holds arrays, but the model was trained on image files in which "
            f"{schema.white:,g} is white: give image files, or one .npz of their grey values"
        )
    if schema.columns and shape == expected:
        options.log(
            f"the values of each example have no names: they are taken as "
            f"{preview(schema.columns, 8)}, in this order"
        )
    if shape == expected:
        return parts
    colours = {shape[:-2], expected[:-2]}
    if schema.kind == "image" and shape[-2:] == expected[-2:] and colours == {(), (3,)}:
        kinds = ("grey", "colour") if expected[:-2] else ("in colour", "grey")
        options.log(f"{folder} is {kinds[0]}, the model was trained on {kinds[1]}: converted")
        return [replace(part, x=Recoloured(part.x)) for part in parts]
    raise ValueError(
        f"{folder} holds examples of shape {shape}, but the model was trained on {expected}: give "
        "data of that shape, or fit a model to these"
    )


def _join(parts: Sequence[Part], options: ReadOptions) -> Shards:
    """Return the examples of all files with the type that holds all their values exactly."""
    kinds = sorted({part.x.dtype.newbyteorder("=").name for part in parts})
    dtype = np.result_type(*kinds)
    limits = Limits()
    for part in parts:
        limits |= part.limits
    if dtype == np.bool_ or (len(parts[0].x.shape) > 2 and limits.within(0, 255)):
        dtype = np.dtype(np.uint8)
    elif dtype == np.float16:
        dtype = np.dtype(np.float32)
    elif dtype.kind == "f":
        _check_exact(parts, dtype)
    if kinds != [dtype.name]:
        options.log(f"the examples are {' and '.join(kinds)}: read as {dtype.name}, without loss")
    return Shards([part.x for part in parts], dtype=dtype)


def _check_exact(parts: Sequence[Part], dtype: np.dtype[Any]) -> None:
    """Raise a ValueError if a file holds whole numbers that the common type would round."""
    exact = 2 ** (np.finfo(dtype).nmant + 1)
    for part in parts:
        if part.x.dtype.kind in "iu" and not part.limits.within(-exact, exact):
            others = sorted({str(other.x.dtype) for other in parts} - {str(part.x.dtype)})
            raise ValueError(
                f"{part.path} holds {part.x.dtype} up to {part.limits.high:,}, but other shards "
                f"{preview(others, quote=False)}, and {dtype} would round it: write all shards "
                "alike"
            )
