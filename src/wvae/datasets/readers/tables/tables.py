"""Read CSV, TSV and Parquet as columns of values, of lists and of encoded files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ...dataset import Array
from ...messages import Log
from . import arrow
from .cells import Cells, fractions_of_words, type_columns
from .delimited import read_delimited
from .formats import check_is_file, foreign_format
from .names import clean_name, clean_names
from .parquet import parquet_problem

__all__ = ["PARQUET", "TABLES", "Table", "checked", "read_table"]

TEXT = (".csv", ".tsv")
PARQUET = (".parquet", ".pq")
TABLES = (*TEXT, *PARQUET)


def _no_batches(name: str) -> Iterable[Any]:
    return ()


def _no_log(text: str) -> None:
    return None


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
    cells
        Columns of text that can be read as numbers, and what is missing in columns of numbers.
    categories
        Columns of numbers that the file marks as categories.
    indexes
        Columns that the file marks as the index of its rows.
    """

    path: Path
    columns: Any
    encoded: tuple[str, ...] = ()
    read_encoded: Callable[[str], Iterable[Any]] = _no_batches
    class_names: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    cells: dict[str, Cells] = field(default_factory=dict[str, Cells])
    categories: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.columns.num_rows

    @property
    def names(self) -> list[str]:
        """Columns with one value for each row: words, numbers, dates."""
        return [column.name for column in self.columns.schema if arrow.is_scalar(column.type)]

    @property
    def numeric(self) -> list[str]:
        """Columns of numbers, except numbered classes and categories."""
        numbers = [column.name for column in self.columns.schema if arrow.is_numeric(column.type)]
        classes = {*self.class_names, *self.categories}
        return [name for name in numbers if name not in classes]

    @property
    def features(self) -> list[str]:
        """Columns of numbers, and of text that is nearly all numbers, in the order of the file."""
        features = {*self.numeric, *self.cells}
        return [name for name in self.columns.column_names if name in features]

    @property
    def words(self) -> list[str]:
        """Columns of text."""
        return [column.name for column in self.columns.schema if arrow.is_text(column.type)]

    @property
    def lists(self) -> list[str]:
        """Columns of lists of numbers."""
        return [column.name for column in self.columns.schema if arrow.is_list(column.type)]

    @property
    def empty(self) -> list[str]:
        """Columns without any value."""
        columns = zip(self.columns.column_names, self.columns.columns, strict=True)
        return [name for name, column in columns if column.null_count == len(self)]

    def column(self, name: str) -> Array:
        """Return a column of values, (n,); see `arrow.to_numpy`."""
        values = arrow.to_numpy(self.columns.column(name))
        if name not in self.class_names:
            return values
        classes = self.class_names[name]
        named = arrow.name_classes(self.columns.column(name), classes, name, str(self.path))
        return arrow.to_numpy(named)

    def numbers(self, name: str) -> Array:
        """Return a column of `features` as numbers, (n,) float64; a missing value is NaN."""
        import pyarrow as pa
        from pyarrow import types

        if name in self.cells:
            return self.cells[name].numbers
        values = self.columns.column(name)
        if types.is_boolean(values.type):
            values = values.cast(pa.uint8())
        return values.cast(pa.float64(), safe=False).to_numpy()

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
        Called with one line for each decision: on the encoding of a text, on how its numbers are
        written, on names of columns.

    Raises
    ------
    ValueError
        If the file cannot be read, has no rows, or has two columns of one name.
    """
    if path.suffix.lower() in PARQUET:
        return _read_parquet(path, log)
    columns, cells = type_columns(read_delimited(path, log), path, log)
    return _with_rows(Table(path, columns, cells=cells))


def checked(table: Table, log: Log = _no_log) -> Table:
    """Return a table with plain types and clean names.

    Dictionaries are decoded; those of numbers are categories, not features. Text that is nearly
    all fractions can be read as numbers. Short bytes that are text are words, not files.

    Parameters
    ----------
    table
        A table of a format with types.
    log
        Called with one line if names had spaces around them.

    Raises
    ------
    ValueError
        If the table has no rows or two columns of one name.
    """
    from pyarrow import types

    table = _with_bytes_as_words(table)
    names = table.columns.column_names
    cleaned = clean_names([*names, *table.encoded], table.path, log)
    original = dict(zip(cleaned, [*names, *table.encoded], strict=True))
    indexes, marked = _pandas_columns(table.columns.schema)
    columns = table.columns.rename_columns(cleaned[: len(names)])
    categories = list[str]()
    cells = dict[str, Cells]()
    for position, name in enumerate(cleaned[: len(names)]):
        column = columns.column(position)
        is_category = types.is_dictionary(column.type) or name in marked
        column = _plain(column)
        if is_category and arrow.is_numeric(column.type):
            categories.append(name)
        columns = columns.set_column(position, name, column)
        fractions = fractions_of_words(column) if arrow.is_text(column.type) else None
        if fractions is not None:
            cells[name] = fractions

    def read_encoded(name: str) -> Iterable[Any]:
        return table.read_encoded(original[name])

    class_names = {clean_name(name): values for name, values in table.class_names.items()}
    plain = replace(
        table,
        columns=columns,
        encoded=tuple(cleaned[len(names) :]),
        read_encoded=read_encoded,
        class_names=class_names,
        cells=cells,
        categories=tuple(categories),
        indexes=tuple(sorted(indexes)),
    )
    return _with_rows(plain)


def _with_rows(table: Table) -> Table:
    """Return a table, or raise a ValueError if it has no rows."""
    if not len(table):
        raise ValueError(f"{table.path} has no rows, expected at least one")
    return table


def _with_bytes_as_words(table: Table) -> Table:
    """Return a table in which columns of bytes that are words, such as labels, are text."""
    columns, encoded = table.columns, list[str]()
    for name in table.encoded:
        words = arrow.words_of_bytes(table.read_encoded(name))
        if words is None:
            encoded.append(name)
        else:
            columns = columns.append_column(name, words)
    return replace(table, columns=columns, encoded=tuple(encoded))


def _plain(column: Any) -> Any:
    """Return a column without dictionaries, runs, views and extensions, which few readers know."""
    import pyarrow as pa
    from pyarrow import compute, types

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType) and not arrow.is_list(kind):
        chunks = [chunk.storage for chunk in column.chunks]
        column = pa.chunked_array(chunks, kind.storage_type)
    if types.is_run_end_encoded(column.type):
        column = compute.call_function("run_end_decode", [column])
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_string_view(column.type):
        column = column.cast(pa.string())
    if types.is_float16(column.type):
        column = column.cast(pa.float32())
    return column


def _pandas_columns(schema: Any) -> tuple[set[str], set[str]]:
    """Return the columns that pandas' metadata in a schema calls an index, and categories."""
    metadata = (schema.metadata or {}).get(b"pandas")
    if not metadata:
        return set(), set()
    try:
        content = json.loads(metadata)
        # A dict describes a range, which is not stored as a column.
        indexes = {name for name in content["index_columns"] if isinstance(name, str)}
        kinds = {column["field_name"]: column["pandas_type"] for column in content["columns"]}
    except (ValueError, TypeError, KeyError):  # another program's metadata: nothing is marked
        return set(), set()
    categories = {name for name, kind in kinds.items() if kind == "categorical"}
    return set(map(clean_name, indexes)), set(map(clean_name, categories - {None}))


def _read_parquet(path: Path, log: Log) -> Table:
    """Read a Parquet table; its encoded columns stay in the file."""
    import pyarrow as pa
    from pyarrow import parquet

    check_is_file(path)
    with open(path, "rb") as file:
        start = file.read(1024)
    foreign = foreign_format(start)
    if foreign and not start.startswith(b"PAR1"):
        raise ValueError(f"{path} cannot be read as Parquet: it is {foreign[0]}: {foreign[1]}")
    try:
        # Not parquet.read_table, which takes folders called name=value for columns.
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            encoded = tuple(column.name for column in schema if arrow.is_encoded(column.type))
            clean_names(schema.names, path, _no_log)
            others = [column.name for column in schema if column.name not in encoded]
            columns = file.read(columns=others)
        columns.validate(full=True)  # text that is no UTF-8, categories that do not exist
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} {parquet_problem(path, error)}") from error
    try:
        class_names = arrow.class_names(schema)
    except ValueError as error:
        raise ValueError(
            f"{path}: the names of classes in its metadata are damaged ({error}): save it again"
        ) from error
    read_encoded = partial(_parquet_batches, path)
    return checked(Table(path, columns, encoded, read_encoded, class_names), log)


def _parquet_batches(path: Path, name: str) -> Iterator[Any]:
    """Yield one column of a Parquet file in pyarrow arrays."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=256, columns=[name], use_threads=False):
            yield batch.column(0)
