"""A folder of shards – .npy files, or Parquet files – whose examples stay on disk, as a `Dataset`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import kind_of, mapped
from .columns import Frame, is_list
from .dataset import Array, Dataset
from .features import FEATURES
from .labels import Asked, choose_label, described
from .shards import Shards
from .wording import one_line, refuse, some

__all__ = ["ParquetColumn", "read_shards", "shard_files"]

PARQUET = (".parquet", ".pq")
LARGE = 1 << 27  # bytes of a group of rows, from which on it is said that smaller ones would do better


def shard_files(folder: Path) -> list[Path]:
    """Return the files of a folder that holds nothing but .npy files, or nothing but Parquet files, in order."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    if all(path.suffix.lower() == ".npy" for path in files) or all(path.suffix.lower() in PARQUET for path in files):
        return [path for path in files if path.is_file()]
    return []


def read_shards(files: Sequence[Path], folder: Path, asked: Asked) -> Dataset:
    """Read the examples of several files, one after the other, where they lie; what is known of each row is read now.

    Of .npy files, NAME.npy holds examples and NAME-labels.npy, NAME-writer.npy … a value for each of them. Of Parquet
    files, one column holds lists of numbers, of one shape; the others are what is known.

    Raises
    ------
    ValueError
        If a file cannot be read, the files do not match each other, or there are no examples in them.
    """
    refuse(f"{folder} holds shards of arrays", size=asked.size, rate=asked.rate)
    read = _from_npy if files[0].suffix.lower() == ".npy" else _from_parquet
    parts, columns = read(files, folder, asked)
    try:
        x: Any = Shards(parts)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}: make them alike") from error
    if x.dtype.name not in ("uint8", "float32"):
        raise ValueError(
            f"{folder} holds examples of dtype {x.dtype}, expected uint8 or float32, as shards are not converted: "
            "write them so"
        )
    label = choose_label([*columns], asked, str(folder))
    known = described(columns, label, len(x), str(folder), asked)
    asked.say(f"{len(x):,} examples of shape {x.shape[1:]} in {len(parts)} files, which stay on disk")
    return known.dataset(x, kind_of(x), folder)


def _from_npy(files: Sequence[Path], folder: Path, asked: Asked) -> tuple[list[Any], dict[str, Array]]:
    arrays = {path.stem: mapped(path) for path in files}
    stems = [stem for stem, array in arrays.items() if array.ndim > 1 and not _owner(stem, arrays)]
    if not stems:
        raise ValueError(f"{folder} holds no .npy of examples, (n, *shape): {some([path.name for path in files])}")
    names = {stem: {s.removeprefix(f"{stem}-") for s in arrays if _owner(s, arrays) == stem} for stem in stems}
    common, every = set.intersection(*names.values()), set.union(*names.values())
    for stem in stems:
        for name in sorted(every - names[stem]):
            raise ValueError(f"{folder}: {stem}.npy has no {stem}-{name}.npy beside it, as other shards have: add it")
    for stem in stems:
        for name in common:
            if len(arrays[f"{stem}-{name}"]) != len(arrays[stem]):
                raise ValueError(
                    f"{folder}: {stem}-{name}.npy has {len(arrays[f'{stem}-{name}']):,} values, {stem}.npy "
                    f"{len(arrays[stem]):,} examples: expected as many"
                )
    columns = {name: np.concatenate([arrays[f"{stem}-{name}"] for stem in stems]) for name in sorted(common)}
    return [arrays[stem] for stem in stems], columns


def _owner(stem: str, arrays: dict[str, Array]) -> str | None:
    """Return whose column an array is: the longest other name that it begins with, and a dash."""
    owners = [other for other in arrays if stem.startswith(f"{other}-")]
    return max(owners, key=len, default=None)


def _from_parquet(files: Sequence[Path], folder: Path, asked: Asked) -> tuple[list[Any], dict[str, Array]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(files[0])
        lists = [field.name for field in schema if is_list(field.type)]
        named = [name for word in FEATURES for name in lists if name.lower() == word]
        if not lists or (len(lists) > 1 and not named):
            raise ValueError(
                f"{folder}: {'several columns hold' if lists else 'no column holds'} lists of numbers, expected one: "
                "shards hold examples as such; give a single table otherwise, or call the column 'x'"
            )
        name = (named or lists)[0]
        scalars = [field.name for field in schema if not pa.types.is_nested(field.type)]
        table = pa.concat_tables(parquet.read_table(path, columns=scalars) for path in files)
        parts = [ParquetColumn(path, name) for path in files]
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise ValueError(f"{folder} cannot be read as Parquet: {one_line(error)}") from error
    largest = max(part.largest for part in parts)
    if largest > LARGE:
        asked.say(
            f"groups of rows take up to {largest >> 20:,} MB in memory: files that were written with a smaller "
            "row_group_size would take less, and shuffle better"
        )
    frame = Frame(folder, table)
    return parts, {column: frame.column(column) for column in frame.names}


class ParquetColumn:
    """A column of lists of numbers in a Parquet file, read by groups of rows, of which the last stays in memory.

    Parameters
    ----------
    path, name
        The file, and the column.

    Raises
    ------
    ValueError
        If the lists of a group differ in length, or miss values.
    """

    def __init__(self, path: Path, name: str) -> None:
        from pyarrow import parquet

        self.path, self.name = path, name
        self._file: Any = parquet.ParquetFile(path)
        about = self._file.metadata
        rows = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
        self._ends = np.cumsum([0, *rows])
        self._group: tuple[int, Array] = (-1, np.empty(0))
        first = self._read(0)
        self.groups, self.shape, self.dtype = self._ends[:-1], (int(self._ends[-1]), *first.shape[1:]), first.dtype
        self.largest = int(max(rows) * first[:1].nbytes)

    def __getitem__(self, rows: Any) -> Array:
        rows = np.arange(*rows.indices(self.shape[0])) if isinstance(rows, slice) else np.asarray(rows)
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        cuts = np.searchsorted(rows, self._ends)
        for group in np.flatnonzero(np.diff(cuts)):
            low, high = cuts[group], cuts[group + 1]
            out[low:high] = self._read(int(group))[rows[low:high] - self._ends[group]]
        return out

    def _read(self, group: int) -> Array:
        if self._group[0] != group:
            column = self._file.read_row_group(group, columns=[self.name], use_threads=False).column(0)
            self._group = group, self._as_array(column.combine_chunks())
        return self._group[1]

    def _as_array(self, values: Any) -> Array:
        shape = [len(values)]
        while is_list(values.type):
            inner = (values.storage if hasattr(values, "storage") else values).flatten()
            each, left = divmod(len(inner), len(values))
            if values.null_count or left:
                raise ValueError(f"{self.path}: the column {self.name!r} is ragged or misses lists: mend it")
            shape.append(each)
            values = inner
        found = values.to_numpy(zero_copy_only=False).reshape(shape)
        if values.null_count:
            raise ValueError(f"{self.path}: the column {self.name!r} misses {values.null_count:,} values: fill them")
        return found.astype(np.float32) if found.dtype.kind in "iu" and found.dtype != np.uint8 else found
