"""Read CSV, TSV and Parquet as columns of values, of lists and of encoded files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

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
        The file or folder of the table.
    columns
        A `pyarrow.Table` of all columns except the encoded ones.
    encoded
        Names of the columns that hold the bytes of files, or structs of bytes and path.
    read_encoded
        Takes the name of an encoded column and yields its values in pyarrow arrays.
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
        """Columns with one value for each row: words, numbers, dates."""
        return [column.name for column in self.columns.schema if arrow.is_scalar(column.type)]

    @property
    def numeric(self) -> list[str]:
        """Columns of numbers, except numbered classes."""
        numbers = [column.name for column in self.columns.schema if arrow.is_numeric(column.type)]
        return [name for name in numbers if name not in self.class_names]

    @property
    def words(self) -> list[str]:
        """Columns of text."""
        return [column.name for column in self.columns.schema if arrow.is_text(column.type)]

    @property
    def lists(self) -> list[str]:
        """Columns of lists of numbers."""
        return [column.name for column in self.columns.schema if arrow.is_list(column.type)]

    def column(self, name: str) -> Array:
        """Return a column of values, (n,): numbers or str; a missing value is NaN or ""."""
        values = arrow.to_numpy(self.columns.column(name))
        if name not in self.class_names:
            return values
        classes = self.class_names[name]
        named = arrow.name_classes(self.columns.column(name), classes, name, str(self.path))
        return arrow.to_numpy(named)

    def stack(self, name: str) -> Array:
        """Return a column of lists as one array, (n, \\*shape); see `arrow.stack_lists`."""
        return arrow.stack_lists(self.columns.column(name), name, str(self.path))

    def files(self, name: str) -> Iterator[tuple[str, bytes | Path | None]]:
        """Yield the name, and the bytes or the path, of each file of an encoded column."""
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
    """Read a table of text or Parquet; the suffix decides.

    Parameters
    ----------
    path
        A file with one of the suffixes `TABLES`.
    log
        Called with one line if the encoding of a text is a guess.

    Raises
    ------
    ValueError
        If the file cannot be read, has no rows, or has two columns of one name.
    """
    if path.suffix.lower() in PARQUET:
        return _read_parquet(path)
    return checked(Table(path, read_delimited(path, log)))


def checked(table: Table) -> Table:
    """Return a table, or raise a ValueError if it has no rows or two columns of one name."""
    counts = Counter(table.columns.column_names)
    repeated = sorted(name for name, count in counts.items() if count > 1)
    if repeated:
        names = preview(repeated)
        raise ValueError(f"{table.path} has several columns called {names}: rename them")
    if not len(table):
        raise ValueError(f"{table.path} has no rows, expected at least one")
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
    read_encoded = partial(_parquet_batches, path)
    return checked(Table(path, columns, encoded, read_encoded, arrow.class_names(schema)))


def _parquet_batches(path: Path, name: str) -> Iterator[Any]:
    """Yield one column of a Parquet file in pyarrow arrays."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=256, columns=[name], use_threads=False):
            yield batch.column(0)
