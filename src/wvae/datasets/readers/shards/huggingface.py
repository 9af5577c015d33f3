"""Read folders of Hugging Face's ``save_to_disk`` with the package `datasets`."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ...messages import Log, one_line, preview
from ..annotations.splits import SPLIT, SPLITS
from ..tables import arrow
from ..tables.tables import Table, checked
from .merge import check_columns, concatenate, name_all_classes

__all__ = ["is_saved", "read_saved"]


def is_saved(folder: Path) -> bool:
    """Return whether Hugging Face's ``save_to_disk`` wrote this folder, or one for each split."""
    names = ("dataset_dict.json", "state.json")
    if any((folder / name).is_file() for name in names) or next(folder.glob("*.arrow"), None):
        return True
    return bool(_folders_of_splits(folder))


def _folders_of_splits(folder: Path) -> dict[str, Path]:
    """Return the sub-folders called train, test …, by name, if all are saved datasets."""
    if (folder / "dataset_dict.json").is_file():
        return {}
    folders = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    folders = [path for path in folders if not path.name.startswith((".", "_"))]
    if all(path.name.lower() in SPLITS and (path / "state.json").is_file() for path in folders):
        return {path.name: path for path in folders}
    return {}


def read_saved(folder: Path, progress: bool, log: Log) -> Table:
    """Read a saved `datasets.Dataset` or `datasets.DatasetDict` as a table.

    The splits of a `datasets.DatasetDict` become the column ``split``. Columns and classes are
    matched by name, so the splits may number the classes differently.

    Parameters
    ----------
    folder
        A folder of ``save_to_disk``, or of several, called train, test …. Its files are memory
        maps; encoded images and sounds stay on disk.
    progress
        Show the package's progress bars on stderr.
    log
        Called with a line on each decision.

    Raises
    ------
    ModuleNotFoundError
        If the package `datasets` is not installed.
    ValueError
        If files are missing or damaged, or the splits have different columns or types.
    """
    import pyarrow as pa

    parts = _load(folder, progress, log)
    for split, part in parts.items():
        if split is not None and SPLIT in part.column_names:
            raise ValueError(f"{folder}: the split {split} has a column {SPLIT!r}: rename it")
    wheres = [str(folder) if split is None else f"{folder}/{split}" for split in parts]
    schemas = [part.features.arrow_schema for part in parts.values()]
    check_columns(schemas, wheres)
    encoded = tuple(column.name for column in schemas[0] if arrow.is_encoded(column.type))
    _log_left_out(schemas[0], log)
    tables = list[Any]()
    for (split, part), schema, where in zip(parts.items(), schemas, wheres, strict=True):
        table = _checked_view(part, where)
        table = name_all_classes(table, where, arrow.class_names(schema))
        if split is not None:
            table = table.append_column(SPLIT, pa.repeat(pa.scalar(split, pa.string()), len(part)))
        tables.append(table)
    columns = concatenate([table.drop_columns(list(encoded)) for table in tables], wheres)
    return checked(Table(folder, columns, encoded, partial(_chunks, tables)))


def _checked_view(part: Any, where: str) -> Any:
    """Return the rows of a saved dataset as a view of its memory map, after a check of all offsets.

    Damaged offsets would otherwise end the process.
    """
    import pyarrow as pa

    try:
        table = part.with_format("arrow")[:]
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(f"{where} has damaged files ({one_line(error)}): save it again") from error
    return table


def _log_left_out(schema: Any, log: Log) -> None:
    """Log the columns that are neither scalars, nor encoded files, nor lists of numbers."""
    kept = (arrow.is_scalar, arrow.is_encoded, arrow.is_list)
    left_out = list[str]()
    for column in schema:
        if not any(is_kind(column.type) for is_kind in kept):
            left_out.append(column.name)
    if left_out:
        log(f"left out, neither values nor lists of numbers: {', '.join(left_out)}")


def _load(folder: Path, progress: bool, log: Log) -> dict[str | None, Any]:
    """Return the saved parts by split; a dataset without splits is one part called None."""
    import pyarrow as pa

    try:
        import datasets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{folder} is a folder of Hugging Face's save_to_disk, which needs the package "
            "datasets: pip install 'wvae[hf]'",
            name="datasets",
        ) from error
    # Damaged JSON and other versions' formats end in errors of many types.
    errors = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError)
    try:
        with _progress_bars(progress):
            parts = dict[str | None, Any]()
            for split, path in _folders_of_parts(folder).items():
                part = _load_part(path, log)
                if part is not None:
                    parts[split] = _undecoded(part)
    except errors as error:
        raise ValueError(
            f"{folder} is not a complete dataset of save_to_disk, or of another version of the "
            f"package datasets than {datasets.__version__} ({one_line(error)}): save it again"
        ) from error
    if not parts:
        raise ValueError(f"{folder} has no rows in any split, expected examples")
    return parts


def _folders_of_parts(folder: Path) -> dict[str | None, Path]:
    """Return the folder of each split; a dataset without splits is one part called None."""
    listed = folder / "dataset_dict.json"
    if listed.is_file():
        splits = json.loads(listed.read_text(encoding="utf-8"))["splits"]
        return {str(split): folder / str(split) for split in splits}
    return {**_folders_of_splits(folder)} or {None: folder}


def _load_part(folder: Path, log: Log) -> Any:
    """Return a saved `datasets.Dataset`, or None if it has no rows.

    Its columns may be described in its Arrow files only.
    """
    import datasets

    state = folder / "state.json"
    if not state.is_file():
        return datasets.load_from_disk(str(folder))  # an error that says what is missing
    files = [item["filename"] for item in json.loads(state.read_text("utf-8"))["_data_files"]]
    if not files:  # the package cannot read what it writes for a dataset without rows
        log(f"passed over, no rows: {folder}")
        return None
    if (folder / "dataset_info.json").is_file():
        part = datasets.load_from_disk(str(folder))
    else:
        log(f"{folder} has no dataset_info.json: the columns are those of {preview(files)}")
        parts = [datasets.Dataset.from_file(str(folder / file)) for file in files]
        part = datasets.concatenate_datasets(parts)
    if not len(part):
        log(f"passed over, no rows: {folder}")
        return None
    return part


def _undecoded(part: Any) -> Any:
    """Return a dataset that yields images and sounds as bytes or paths, not decoded."""
    from datasets import Audio, Image

    for name, feature in part.features.items():
        if isinstance(feature, Image):
            part = part.cast_column(name, Image(decode=False))
        elif isinstance(feature, Audio):
            part = part.cast_column(name, Audio(decode=False))
    return part


def _chunks(tables: Sequence[Any], name: str) -> Iterator[Any]:
    for table in tables:
        yield from table.column(name).chunks


@contextmanager
def _progress_bars(shown: bool) -> Generator[None]:
    """Hide the package's progress bars, a global setting, inside the context unless `shown`."""
    from datasets import utils

    if shown or utils.are_progress_bars_disabled():
        yield
        return
    utils.disable_progress_bars()
    try:
        yield
    finally:
        utils.enable_progress_bars()
