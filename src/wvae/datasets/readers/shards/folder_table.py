"""The columns of a folder of Parquet files as one `Table`; images and sounds stay in the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from ...messages import Log
from ..annotations.splits import SPLIT
from ..tables import arrow, parquet
from ..tables.tables import Table, checked
from .layout import Layout
from .merge import concatenate, drop_index, name_all_classes

__all__ = ["FolderTable", "folder_table"]

BATCH = 256  # encoded values that are read at once


@dataclass(frozen=True)
class FolderTable(Table):
    """A table in several files.

    Parameters
    ----------
    parts
        The table of each file by its name, which messages on single rows show.
    """

    parts: tuple[tuple[str, Table], ...] = ()

    def files(self, name: str) -> Iterator[tuple[str, bytes | Path | None]]:
        """Yield the name, and the bytes or the path, of each file of an encoded column."""
        position = self.encoded.index(name)  # the name may differ by spaces from that in the files
        for where, part in self.parts:
            for row, content in part.files(part.encoded[position]):
                yield f"{where} {row}", content


def folder_table(
    layout: Layout,
    infos: Sequence[parquet.ParquetInfo],
    splits: Sequence[str] | None,
    partitions: Mapping[str, Sequence[str | int | None]],
    log: Log,
) -> Table:
    """Return the scalars of several Parquet files, and the means to read their encoded columns.

    Parameters
    ----------
    layout
        The folder.
    infos
        Its files with rows, whose columns have the same names.
    splits
        Split of each file, or None.
    partitions
        Values of further columns for each file.
    log
        Called with a line on each decision.

    Raises
    ------
    ValueError
        If a file cannot be read or its types do not match those of the others.
    """
    schema = infos[0].schema
    encoded = tuple(column.name for column in schema if arrow.is_encoded(column.type))
    names = drop_index([column.name for column in schema if arrow.is_scalar(column.type)])
    _log_left_out(schema, [*names, *encoded], log)
    _check_partitions(partitions, schema.names, infos, log)
    words = _words_of_bytes(infos, encoded)
    encoded = tuple(name for name in encoded if name not in words)
    tables, parts = list[Any](), list[tuple[str, Table]]()
    for i, info in enumerate(infos):
        table = name_all_classes(info.read(names), str(info.path), arrow.class_names(info.schema))
        for name, values in partitions.items():
            table = _append(table, name, values[i], info.metadata.num_rows)
        if splits is not None and SPLIT not in schema.names:
            table = _append(table, SPLIT, splits[i], info.metadata.num_rows)
        tables.append(table)
        part = Table(layout.folder, table, encoded, partial(_batches, info))
        parts.append((layout.name(info.path), part))
    if splits is not None and SPLIT in schema.names:
        log(f"the column {SPLIT!r} is the split, not the names of the files")
    columns = concatenate(tables, [str(info.path) for info in infos])
    for name, column in words.items():
        columns = columns.append_column(name, column)
    return checked(FolderTable(layout.folder, columns, encoded, parts=tuple(parts)))


def _log_left_out(schema: Any, used: Sequence[str], log: Log) -> None:
    """Log the columns that are neither scalars, nor encoded files, nor lists of numbers."""
    left_out = list[str]()
    for column in schema:
        if column.name not in used and not arrow.is_list(column.type):
            left_out.append(column.name)
    if left_out:
        log(f"left out, neither values nor lists of numbers: {', '.join(left_out)}")


def _check_partitions(
    partitions: Mapping[str, Sequence[str | int | None]],
    names: Sequence[str],
    infos: Sequence[parquet.ParquetInfo],
    log: Log,
) -> None:
    """Raise a ValueError if a column is in the files and in the names of their folders."""
    for name in partitions:
        if name in names:
            raise ValueError(
                f"{infos[0].path} has a column {name!r}, which its folder {name}=… gives too: "
                "rename one of them"
            )
    if partitions:
        log(f"columns from the names of folders: {', '.join(partitions)}")


def _words_of_bytes(infos: Sequence[parquet.ParquetInfo], names: Sequence[str]) -> dict[str, Any]:
    """Return the columns of bytes that are words, such as labels, as text."""
    found = dict[str, Any]()
    for name in names:
        batches = chain.from_iterable(_batches(info, name) for info in infos)
        words = arrow.words_of_bytes(batches)
        if words is not None:
            found[name] = words
    return found


def _append(table: Any, name: str, value: str | int | None, n: int) -> Any:
    """Return a table with one more column of one value."""
    import pyarrow as pa

    kind = pa.int64() if isinstance(value, int) else pa.string()
    return table.append_column(name, pa.repeat(pa.scalar(value, kind), n))


def _batches(info: parquet.ParquetInfo, name: str) -> Iterator[Any]:
    """Yield one column of a file in pyarrow arrays."""
    from pyarrow.parquet import ParquetFile

    with parquet.reading(info.path), ParquetFile(info.path, metadata=info.metadata) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=[name], use_threads=False):
            yield batch.column(batch.schema.get_field_index(name))
