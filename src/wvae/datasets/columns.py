"""Tables – CSV, Parquet, Hugging Face's folders – as examples with what is known of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .dataset import Array
from .labels import SPLIT
from .wording import one_line, some

__all__ = ["TABLES", "Frame", "is_saved", "read_saved", "read_table"]

TABLES = (".csv", ".tsv", ".parquet", ".pq")


@dataclass(frozen=True)
class Frame:
    """A table, and what its columns of bytes hold."""

    path: Path
    table: Any  # pyarrow.Table of all columns but those of bytes
    encoded: tuple[str, ...] = ()  # columns of the bytes of images or sounds, or of {bytes, path}
    parquet: bool = False  # then those columns are streamed from the file
    whole: Any = None  # otherwise the table with them, which is a memory map
    class_names: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def __len__(self) -> int:
        return self.table.num_rows

    @property
    def names(self) -> list[str]:
        """Columns that hold one value for each row: words, numbers, dates."""
        return [f.name for f in self.table.schema if _is_scalar(f.type)]

    @property
    def lists(self) -> list[str]:
        """Columns that hold numbers in lists."""
        return [f.name for f in self.table.schema if is_list(f.type)]

    def column(self, name: str) -> Array:
        """Return a column of values, (n,): words as such, missing ones as "" or NaN."""
        import pyarrow as pa

        values = self.table.column(name)
        if pa.types.is_dictionary(values.type):
            values = pa.chunked_array([chunk.dictionary_decode() for chunk in values.chunks], values.type.value_type)
        kind = values.type
        if pa.types.is_decimal(kind) or pa.types.is_null(kind):
            values = values.cast(pa.float64())
        elif pa.types.is_boolean(kind) and not values.null_count:
            values = values.cast(pa.int64())
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            return np.array(["" if v is None else v for v in values.cast(pa.string()).to_pylist()], dtype=np.str_)
        found = values.to_numpy()
        if name in self.class_names:
            return _named(found, self.class_names[name])
        return found

    def stream(self, name: str) -> Iterator[tuple[str, bytes | Path | None]]:
        """Yield a name and the bytes, or the path, of each row of an encoded column."""
        row = 0
        for batch in self._batches(name):
            for scalar in batch:
                row += 1
                value = scalar.as_py()
                if isinstance(value, dict):
                    inside, path = value.get("bytes"), value.get("path")
                    if inside is None and path and (self.path.parent / path).is_file():
                        inside = self.path.parent / path
                    yield f"row {row} ({path})" if path else f"row {row}", inside
                else:
                    yield f"row {row}", value

    def _batches(self, name: str) -> Iterator[Any]:
        if not self.parquet:
            yield from self.whole.column(name).chunks
            return
        from pyarrow import parquet

        with parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size=256, columns=[name], use_threads=False):
                yield batch.column(0)


def read_table(path: Path) -> Frame:
    """Read a table, by its suffix."""
    return _read_parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _read_csv(path)


def is_saved(folder: Path) -> bool:
    """Tell whether Hugging Face's ``save_to_disk`` wrote this folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def _read_csv(path: Path) -> Frame:
    """Read a table of text whose first line names the columns, separated by comma, semicolon or tab."""
    import pyarrow as pa
    from pyarrow import csv

    with open(path, "rb") as file:
        header = file.readline(1 << 20).decode("utf-8", errors="replace")
    delimiter = max(",;\t", key=header.count)
    names = [name.strip().strip('"') for name in header.lstrip("\ufeff").split(delimiter)]
    if names and all(_is_number(name) for name in names):
        raise ValueError(f"{path}: the first line holds numbers, expected the columns' names: add such a line")
    try:
        table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=delimiter))
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} cannot be read as a table: {one_line(error)}") from error
    return _checked(Frame(path, table))


def _read_parquet(path: Path) -> Frame:
    """Read a Parquet table; its columns of bytes stay in the file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(path)
        encoded = tuple(f.name for f in schema if _is_encoded(f.type))
        table = parquet.read_table(path, columns=[f.name for f in schema if f.name not in encoded])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise ValueError(f"{path} cannot be read as Parquet: {one_line(error)}") from error
    return _checked(Frame(path, table, encoded, parquet=True, class_names=_class_names(schema)))


def read_saved(folder: Path) -> Frame:
    """Read a folder that Hugging Face's ``save_to_disk`` wrote, as a memory map; its splits are the column split."""
    import pyarrow as pa

    index = folder / "dataset_dict.json"
    splits = _json(index)["splits"] if index.is_file() else [None]
    tables = []
    for split in splits:
        table = _saved(folder / split if split else folder)
        if split:
            if SPLIT in table.column_names:
                raise ValueError(f"{folder}: {split} has a column {SPLIT!r} of its own: rename it")
            table = table.append_column(SPLIT, pa.array([split] * len(table), pa.string()))
        tables.append(table)
    try:
        whole = pa.concat_tables(tables)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{folder}: the splits {some(splits)} have different columns: {one_line(error)}") from error
    encoded = tuple(f.name for f in whole.schema if _is_encoded(f.type))
    names = _class_names(tables[0].schema)
    return _checked(Frame(folder, whole.drop_columns(list(encoded)), encoded, whole=whole, class_names=names))


def _saved(folder: Path) -> Any:
    import pyarrow as pa

    state = _json(folder / "state.json")
    if state.get("_indices_data_files"):
        raise ValueError(f"{folder} was saved with an index of rows: call flatten_indices() and save it again")
    try:
        parts = [
            pa.ipc.open_stream(pa.memory_map(str(folder / file["filename"]))).read_all()
            for file in state["_data_files"]
        ]
        return pa.concat_tables(parts)
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        raise ValueError(f"{folder} is no whole dataset of save_to_disk: {one_line(error)}") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {one_line(error)}: save the dataset again") from error


def _checked(frame: Frame) -> Frame:
    names = frame.table.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{frame.path} has several columns called {some(twice)}: rename them")
    if not len(frame):
        raise ValueError(f"{frame.path} has no rows")
    return frame


def _class_names(schema: Any) -> dict[str, list[str]]:
    """Return the names of classes that Hugging Face notes in a file's metadata, by column."""
    noted = (schema.metadata or {}).get(b"huggingface")
    if not noted:
        return {}
    known = json.loads(noted).get("info", {}).get("features", {})
    return {k: v["names"] for k, v in known.items() if isinstance(v, dict) and v.get("_type") == "ClassLabel"}


def _named(values: Array, names: list[str]) -> Array:
    """Return the names of numbered classes; what has none, such as -1, has no label."""
    numbers = np.nan_to_num(values.astype(np.float64), nan=-1).astype(np.int64)
    inside = (numbers >= 0) & (numbers < len(names))
    return np.where(inside, np.array(names, dtype=np.str_)[numbers.clip(0, len(names) - 1)], "")


def _is_encoded(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def is_list(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return False
    return is_list(kind.value_type) or is_numeric(kind.value_type)


def is_numeric(kind: Any) -> bool:
    import pyarrow as pa

    is_ = pa.types
    return is_.is_integer(kind) or is_.is_floating(kind) or is_.is_decimal(kind) or is_.is_boolean(kind)


def _is_scalar(kind: Any) -> bool:
    import pyarrow as pa

    return not (pa.types.is_nested(kind) or _is_encoded(kind) or isinstance(kind, pa.BaseExtensionType))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
