"""Read a folder of .npy or Parquet shards as a `Dataset` whose examples stay on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset import Array, Dataset
from ..messages import one_line, preview, reject
from ..shards import Shards
from . import arrow
from .arrays import kind_of, open_npy
from .features import list_column
from .labels import ReadOptions, annotate, choose_label
from .tables import PARQUET, Table

__all__ = ["ParquetColumn", "read_shards", "shard_files"]

LARGE = 1 << 27  # bytes; above this size of a row group the log recommends smaller ones


def shard_files(folder: Path) -> list[Path]:
    """Return the sorted files of a folder with only .npy or only Parquet files, else none."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    suffixes = {path.suffix.lower() for path in files}
    if suffixes <= {".npy"} or suffixes <= {*PARQUET}:
        return [path for path in files if path.is_file()]
    return []


def read_shards(files: Sequence[Path], folder: Path, options: ReadOptions) -> Dataset:
    """Read several files as one data set; the examples stay on disk, the columns are read now.

    With .npy files, NAME.npy holds examples, and NAME-labels.npy, NAME-writer.npy … hold one value
    for each of them. In Parquet files, one column holds the examples as lists of numbers of one
    shape; the other columns describe the rows.

    Parameters
    ----------
    files
        The files, as `shard_files` returns them.
    folder
        Their folder.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If a file cannot be read, the files do not match each other, or they hold no examples.
    """
    reject(f"{folder} holds shards of arrays", size=options.size, rate=options.rate)
    read = _read_npy_shards if files[0].suffix.lower() == ".npy" else _read_parquet_shards
    parts, columns = read(files, folder, options)
    try:
        x: Any = Shards(parts)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}: write all shards alike") from error
    if x.dtype.name not in ("uint8", "float32"):
        raise ValueError(
            f"{folder} holds examples of dtype {x.dtype}, expected uint8 or float32: convert the "
            "files, since shards are read as they are"
        )
    label = choose_label([*columns], options, str(folder))
    annotations = annotate(columns, label, len(x), str(folder), options)
    options.log(
        f"{len(x):,} examples of shape {x.shape[1:]} in {len(parts)} files, which stay on disk"
    )
    return annotations.dataset(x, kind_of(x), folder)


def _read_npy_shards(
    files: Sequence[Path], folder: Path, options: ReadOptions
) -> tuple[list[Any], dict[str, Array]]:
    """Return the arrays of examples, one for each shard, and the columns of all rows."""
    arrays = {path.stem: open_npy(path) for path in files}
    owners = {stem: _owner(stem, arrays) for stem in arrays}
    shards = [stem for stem, array in arrays.items() if array.ndim > 1 and owners[stem] is None]
    if not shards:
        names = [path.name for path in files]
        raise ValueError(f"{folder} holds no .npy of examples, (n, *shape): {preview(names)}")
    columns_of = {shard: set[str]() for shard in shards}
    for stem, owner in owners.items():
        if owner in columns_of:
            columns_of[owner].add(stem.removeprefix(f"{owner}-"))
    names = sorted(set.union(*columns_of.values()))
    for shard in shards:
        _check_columns(shard, names, columns_of[shard], arrays, folder)
    columns = dict[str, Array]()
    for name in names:
        columns[name] = np.concatenate([arrays[f"{shard}-{name}"] for shard in shards])
    return [arrays[shard] for shard in shards], columns


def _check_columns(
    shard: str, names: Sequence[str], present: set[str], arrays: dict[str, Array], folder: Path
) -> None:
    """Raise a ValueError if a shard lacks a column, or a column has another length."""
    for name in names:
        if name not in present:
            raise ValueError(
                f"{folder}: {shard}.npy has no {shard}-{name}.npy beside it, but other shards "
                "have one: add it"
            )
        n_values, n_examples = len(arrays[f"{shard}-{name}"]), len(arrays[shard])
        if n_values != n_examples:
            raise ValueError(
                f"{folder}: {shard}-{name}.npy has {n_values:,} values, {shard}.npy "
                f"{n_examples:,} examples, expected one value for each example"
            )


def _owner(stem: str, arrays: dict[str, Array]) -> str | None:
    """Return the array that a file is a column of, by the longest NAME of NAME-column, or None."""
    owners = [other for other in arrays if stem.startswith(f"{other}-")]
    return max(owners, key=len, default=None)


def _read_parquet_shards(
    files: Sequence[Path], folder: Path, options: ReadOptions
) -> tuple[list[Any], dict[str, Array]]:
    """Return the columns of examples, one for each shard, and the other columns of all rows."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(files[0])
        lists = [column.name for column in schema if arrow.is_list(column.type)]
        if not lists:
            raise ValueError(
                f"{folder}: no column holds lists of numbers, expected the examples as such lists: "
                "for other examples, give the path of one table"
            )
        name = list_column(lists, str(folder))
        scalars = [column.name for column in schema if not pa.types.is_nested(column.type)]
        tables = [parquet.read_table(path, columns=scalars) for path in files]
        table = Table(folder, pa.concat_tables(tables))
        parts = [ParquetColumn(path, name) for path in files]
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise ValueError(f"{folder} cannot be read as Parquet: {one_line(error)}") from error
    largest = max(part.largest for part in parts)
    if largest > LARGE:
        options.log(
            f"row groups take up to {largest >> 20:,} MB of memory: a smaller row_group_size takes "
            "less and is shuffled better"
        )
    return parts, {column: table.column(column) for column in table.names}


class ParquetColumn:
    """A column of lists of numbers in a Parquet file; the row group read last stays in memory.

    Parameters
    ----------
    path
        The Parquet file.
    name
        The column.

    Raises
    ------
    ValueError
        If the file has no rows, the lists of a group differ in length, or values are missing.
    """

    def __init__(self, path: Path, name: str) -> None:
        from pyarrow import parquet

        self.path, self.name = path, name
        self._file: Any = parquet.ParquetFile(path)
        metadata = self._file.metadata
        if not metadata.num_rows:
            raise ValueError(f"{path} has no rows: remove it")
        rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        self._ends = np.cumsum([0, *rows])
        self._group: tuple[int, Array] = (-1, np.empty(0))
        first = self._read(int(np.flatnonzero(rows)[0]))
        self.groups, self.dtype = self._ends[:-1], first.dtype
        self.shape = (int(self._ends[-1]), *first.shape[1:])
        self.largest = int(max(rows) * first[:1].nbytes)

    def __getitem__(self, rows: Any) -> Array:
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(self.shape[0]))
        rows = np.asarray(rows)
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        cuts = np.searchsorted(rows, self._ends)
        for group in np.flatnonzero(np.diff(cuts)):
            low, high = cuts[group], cuts[group + 1]
            out[low:high] = self._read(int(group))[rows[low:high] - self._ends[group]]
        return out

    def _read(self, group: int) -> Array:
        """Return the examples of a row group."""
        if self._group[0] != group:
            table = self._file.read_row_group(group, columns=[self.name], use_threads=False)
            x = arrow.stack_lists(table.column(0), self.name, str(self.path))
            if x.dtype.kind in "iu" and x.dtype != np.uint8:
                x = x.astype(np.float32)
            self._group = group, x
        return self._group[1]
