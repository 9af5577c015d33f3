"""Open Parquet files: their schema, their columns of lists, and what is wrong with bad ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...dataset import Array
from ...messages import one_line, preview
from ..arrays.examples import channels_first
from ..arrays.values import Limits
from .lists import stack_lists

__all__ = [
    "GroupCache",
    "ParquetColumn",
    "ParquetInfo",
    "open_parquet",
    "parquet_problem",
    "reading",
]

POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class ParquetInfo:
    """What the footer of a Parquet file says."""

    path: Path
    schema: Any  # a pyarrow.Schema
    metadata: Any  # a pyarrow.parquet.FileMetaData

    def read(self, columns: list[str]) -> Any:
        """Return some columns as a `pyarrow.Table`."""
        from pyarrow import parquet

        with reading(self.path), parquet.ParquetFile(self.path, metadata=self.metadata) as file:
            return file.read(columns=columns).select(columns)


def open_parquet(path: Path) -> ParquetInfo:
    """Read the footer of a Parquet file.

    Raises
    ------
    ValueError
        If the file is no complete Parquet file, or has two columns of one name.
    """
    from pyarrow import parquet

    with reading(path), parquet.ParquetFile(path) as file:
        info = ParquetInfo(path, file.schema_arrow, file.metadata)
    counts = Counter(info.schema.names)
    repeated = sorted(name for name, count in counts.items() if count > 1)
    if repeated:
        raise ValueError(f"{path} has several columns called {preview(repeated)}: rename them")
    return info


@contextmanager
def reading(path: Path) -> Generator[None]:
    """Turn an error of pyarrow inside the context into a ValueError that names the file."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} {parquet_problem(path, error)}") from error


def parquet_problem(path: Path, error: BaseException) -> str:
    """Return what is wrong with a file that cannot be read as Parquet, and the fix."""
    try:
        with open(path, "rb") as file:
            head = file.read(len(POINTER))
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 4))
            tail = file.read()
    except OSError as unreadable:
        return f"cannot be opened: {unreadable.strerror or one_line(unreadable)}"
    if not head:
        return "is empty (0 bytes), expected Parquet: write it again or remove it"
    if head == POINTER:
        return "is a pointer of Git LFS, not the file itself: run git lfs pull"
    if head[:4] == b"PARE" or tail == b"PARE":
        return "is encrypted Parquet: decrypt it first"
    if head[:4] != b"PAR1":
        return "is no Parquet file, although its name says so: give it the suffix of its format"
    if tail != b"PAR1":
        return "is cut off, since the end of a Parquet file is missing: write or download it again"
    return f"cannot be read as Parquet ({one_line(error)}): write it again"


class GroupCache:
    """The row group that was read last, of all files of a data set, so that memory stays small."""

    def __init__(self) -> None:
        self._entry: tuple[Any, Array] | None = None

    def get(self, key: Any) -> Array | None:
        """Return the examples of this group if it is the last one."""
        entry = self._entry  # another thread may replace it
        return entry[1] if entry is not None and entry[0] == key else None

    def put(self, key: Any, x: Array) -> None:
        """Keep these examples in place of those of another group."""
        self._entry = key, x


class ParquetColumn:
    """A column of lists of numbers in a Parquet file; the row group read last stays in memory.

    All rows are checked when the column is opened. Lists of a fixed size that hold integers are
    checked by the file's own counts and limits; others are read once.

    Parameters
    ----------
    info
        The Parquet file.
    name
        The column.
    cache
        Where the last row group is kept; None for a cache of its own.
    model
        Shape of the examples of the model that will read them; see `channels_first`.
    dropped
        Receives the rows that hold NaN, which is then no error.

    Attributes
    ----------
    shape, dtype
        Shape of all examples and type of the values, as an array has them.
    groups
        First row of each row group that has rows.
    limits
        Smallest and largest value, and whether all are whole.
    largest
        Bytes of the largest row group in memory.

    Raises
    ------
    ValueError
        If lists differ in length, values are missing, or they are NaN or infinite.
    """

    def __init__(
        self,
        info: ParquetInfo,
        name: str,
        cache: GroupCache | None = None,
        model: tuple[int, ...] | None = None,
        dropped: list[int] | None = None,
    ) -> None:
        self.path, self.name, self._model = info.path, name, model
        self._metadata, self._cache = info.metadata, cache or GroupCache()
        n_groups = info.metadata.num_row_groups
        counts = np.array([info.metadata.row_group(i).num_rows for i in range(n_groups)])
        self._numbers = np.flatnonzero(counts)  # row groups without rows are passed over
        self._ends = np.cumsum([0, *counts[self._numbers]])
        self.groups = self._ends[:-1]
        self._list_shape: tuple[int, ...] | None = None
        first = self._read(0)
        self.dtype, self.limits = first.dtype, Limits()
        self.shape = (int(self._ends[-1]), *first.shape[1:])
        self.largest = int(counts.max() * first[:1].nbytes)
        self._check_groups(info, dropped)

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
        import pyarrow as pa
        from pyarrow import parquet

        key = (id(self), group)
        x = self._cache.get(key)
        if x is not None:
            return x
        # Opened anew for each group: a data set may have more files than a process may hold open.
        with reading(self.path), parquet.ParquetFile(self.path, metadata=self._metadata) as file:
            number = int(self._numbers[group])
            table = file.read_row_group(number, columns=[self.name], use_threads=False)
        column, first_row = table.column(self.name), int(self._ends[group])
        x = stack_lists(column, self.name, str(self.path), first_row, self._list_shape)
        is_tensor = isinstance(column.type, pa.FixedShapeTensorType)
        self._list_shape = (int(np.prod(x.shape[1:])),) if is_tensor else x.shape[1:]
        if x.ndim == 4:
            x = channels_first(x, str(self.path), shape=self._model)
        self._cache.put(key, x)
        return x

    def _check_groups(self, info: ParquetInfo, dropped: list[int] | None) -> None:
        """Check the lists and values of all row groups, without reading them where possible."""
        kind = info.schema.field(self.name).type
        per_row = _values_per_row(kind)
        for group, number in enumerate(self._numbers):
            limits = None
            if per_row and self.dtype.kind in "iu":
                limits = _stored_limits(self._metadata.row_group(int(number)), self.name, per_row)
            if limits is None:
                x, first_row = self._read(group), int(self._ends[group])
                limits = Limits().of(x, str(self.path), first_row, dropped)
            self.limits = self.limits | limits


def _values_per_row(kind: Any) -> int | None:
    """Return the number of values in a row of lists of a fixed size, else None."""
    from pyarrow import BaseExtensionType, types

    kind = kind.storage_type if isinstance(kind, BaseExtensionType) else kind
    n_values = 1
    while types.is_fixed_size_list(kind):
        n_values *= kind.list_size
        kind = kind.value_type
    return n_values if types.is_integer(kind) else None


def _stored_limits(group: Any, name: str, per_row: int) -> Limits | None:
    """Return the limits that a file states for a row group, or None if they prove nothing.

    If no value is null and there are as many as the lists of a fixed size need, no list is missing.
    """
    columns = [group.column(j) for j in range(group.num_columns)]
    column = next((c for c in columns if c.path_in_schema.split(".list.")[0] == name), None)
    statistics = None if column is None else column.statistics
    if column is None or statistics is None or not statistics.has_min_max:
        return None
    if not statistics.has_null_count or statistics.null_count:
        return None
    if column.num_values != group.num_rows * per_row:
        return None
    return Limits(int(statistics.min), int(statistics.max))
