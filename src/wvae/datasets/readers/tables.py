"""Tables of text or Parquet as columns of values, of lists and of encoded files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset import Array
from ..messages import Log, one_line, preview
from . import arrow
from .delimited import read_delimited

__all__ = ["PARQUET", "TABLES", "Table", "checked", "read_table"]

TEXT = (".csv", ".tsv")
PARQUET = (".parquet", ".pq")
TABLES = (*TEXT, *PARQUET)


def _no_batches(name: str) -> Iterable[Any]:
    return ()


@dataclass(frozen=True)
class Table:
    """A table whose columns of encoded images or sounds stay on disk.

    Parameters
    ----------
    path
        The file or folder that it came from.
    columns
        A `pyarrow.Table` of all columns but the encoded ones.
    encoded
        Names of the columns that hold the bytes of files, or structs of bytes and path.
    read_encoded
        Takes the name of such a column and yields its values, in pyarrow arrays one after the other.
    class_names
        Names of numbered classes, by column.
    """

    path: Path
    columns: Any
    encoded: tuple[str, ...] = ()
    read_encoded: Callable[[str], Iterable[Any]] = _no_batches
    class_names: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def __len__(self) -> int:
        return self.columns.num_rows

    @property
    def names(self) -> list[str]:
        """Columns that hold one value for each row: words, numbers, dates."""
        return [column.name for column in self.columns.schema if arrow.is_scalar(column.type)]

    @property
    def numeric(self) -> list[str]:
        """Columns that hold one number for each row, which does not stand for a class."""
        numbers = [column.name for column in self.columns.schema if arrow.is_numeric(column.type)]
        return [name for name in numbers if name not in self.class_names]

    @property
    def words(self) -> list[str]:
        """Columns that hold text."""
        from pyarrow import types

        text = (types.is_string, types.is_large_string)
        return [
            column.name
            for column in self.columns.schema
            if any(is_text(column.type) for is_text in text)
        ]

    @property
    def lists(self) -> list[str]:
        """Columns that hold numbers in lists."""
        return [column.name for column in self.columns.schema if arrow.is_list(column.type)]

    def column(self, name: str) -> Array:
        """Return a column of values, (n,): numbers as such, all else as words; missing values are NaN or ""."""
        values = arrow.to_numpy(self.columns.column(name))
        return _named(values, self.class_names[name]) if name in self.class_names else values

    def stack(self, name: str) -> Array:
        """Return a column of lists as one array, (n, \\*shape), or raise a ValueError if it is ragged."""
        return arrow.stack_lists(self.columns.column(name), name, str(self.path))

    def files(self, name: str) -> Iterator[tuple[str, bytes | Path | None]]:
        """Yield a name, and the bytes or the path, of each row of an encoded column."""
        row = 0
        for batch in self.read_encoded(name):
            for scalar in batch:
                row += 1
                value = scalar.as_py()
                if not isinstance(value, dict):
                    yield f"row {row}", value
                    continue
                content, path = value.get("bytes"), value.get("path")
                if content is None and path and (self.path.parent / path).is_file():
                    content = self.path.parent / path
                yield f"row {row} ({path})" if path else f"row {row}", content


def read_table(path: Path, log: Log) -> Table:
    """Read a table, by its suffix.

    Raises
    ------
    ValueError
        If it cannot be read, has no rows, or two columns of one name.
    """
    if path.suffix.lower() in PARQUET:
        return _read_parquet(path)
    return checked(Table(path, read_delimited(path, log)))


def checked(table: Table) -> Table:
    """Return a table, or raise a ValueError if it has no rows or two columns of one name."""
    names = table.columns.column_names
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{table.path} has several columns called {preview(repeated)}: rename them"
        )
    if not len(table):
        raise ValueError(f"{table.path} has no rows")
    return table


def _read_parquet(path: Path) -> Table:
    """Read a Parquet table; its encoded columns stay in the file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(path)
        encoded = tuple(column.name for column in schema if arrow.is_encoded(column.type))
        others = [column.name for column in schema if column.name not in encoded]
        columns = parquet.read_table(path, columns=others)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise ValueError(f"{path} cannot be read as Parquet: {one_line(error)}") from error
    return checked(
        Table(path, columns, encoded, partial(_parquet_batches, path), arrow.class_names(schema))
    )


def _parquet_batches(path: Path, name: str) -> Iterator[Any]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=256, columns=[name], use_threads=False):
            yield batch.column(0)


def _named(values: Array, names: list[str]) -> Array:
    """Return the names of numbered classes; a number without a name, such as −1, is a missing label."""
    numbers = np.nan_to_num(values.astype(np.float64), nan=-1).astype(np.int64)
    inside = (numbers >= 0) & (numbers < len(names))
    words = np.array(names, dtype=np.str_)[numbers.clip(0, len(names) - 1)]
    return np.where(inside, words, "")
