"""Read folders of Hugging Face's ``save_to_disk`` with the package `datasets`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..messages import one_line, preview
from . import arrow
from .splits import SPLIT
from .tables import Table, checked

__all__ = ["is_saved", "read_saved"]


def is_saved(folder: Path) -> bool:
    """Return whether Hugging Face's ``save_to_disk`` wrote this folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def read_saved(folder: Path, progress: bool) -> Table:
    """Read a saved `datasets.Dataset` or `datasets.DatasetDict` as a table.

    The splits of a `datasets.DatasetDict` become the column ``split``.

    Parameters
    ----------
    folder
        A folder of ``save_to_disk``. Its files are memory maps; encoded images and sounds stay on
        disk.
    progress
        Show the package's progress bars on stderr.

    Raises
    ------
    ModuleNotFoundError
        If the package `datasets` is not installed.
    ValueError
        If files are missing or damaged, or the splits have different columns.
    """
    import pyarrow as pa

    parts = _load(folder, progress)
    first = next(iter(parts.values()))
    for split, part in parts.items():
        if split is not None and SPLIT in part.column_names:
            raise ValueError(f"{folder}: the split {split} has a column {SPLIT!r}: rename it")
        _check_features(first, part, list(parts), folder)
    schema = first.features.arrow_schema
    encoded = tuple(column.name for column in schema if arrow.is_encoded(column.type))
    tables = list[Any]()
    for split, part in parts.items():
        table = part.with_format("arrow")[:]  # a view of the memory map
        if split is not None:
            table = table.append_column(SPLIT, pa.array([split] * len(part), pa.string()))
        tables.append(table)
    whole = pa.concat_tables(tables)
    columns = whole.drop_columns(list(encoded))
    read_encoded = partial(_chunks, whole)
    return checked(Table(folder, columns, encoded, read_encoded, arrow.class_names(schema)))


def _load(folder: Path, progress: bool) -> dict[str | None, Any]:
    """Return the saved parts by split; a dataset without splits is one part called None."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{folder} is a folder of Hugging Face's save_to_disk, which needs the package "
            "datasets: pip install 'wvae[hf]'",
            name="datasets",
        ) from error
    try:
        with _progress_bars(progress):
            loaded = datasets.load_from_disk(str(folder))
    # pyarrow's and json's errors are ValueErrors.
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = one_line(error)
        raise ValueError(
            f"{folder} is not a complete dataset of save_to_disk ({reason}): save it again"
        ) from error
    if not isinstance(loaded, datasets.DatasetDict):
        return {None: _undecoded(loaded)}
    if not loaded:
        raise ValueError(f"{folder} has no splits")
    return {str(split): _undecoded(part) for split, part in loaded.items()}


def _undecoded(part: Any) -> Any:
    """Return a dataset that yields images and sounds as bytes or paths, not decoded."""
    from datasets import Audio, Image

    for name, feature in part.features.items():
        if isinstance(feature, Image):
            part = part.cast_column(name, Image(decode=False))
        elif isinstance(feature, Audio):
            part = part.cast_column(name, Audio(decode=False))
    return part


def _check_features(first: Any, part: Any, splits: Sequence[str | None], folder: Path) -> None:
    """Raise a ValueError if a split and the first differ in columns, types or class names."""
    names = sorted({*first.features, *part.features})
    different = [name for name in names if first.features.get(name) != part.features.get(name)]
    if different:
        raise ValueError(
            f"{folder}: the splits {preview(splits)} differ in the columns {preview(different)}, "
            "expected the same names, types and classes"
        )


def _chunks(table: Any, name: str) -> list[Any]:
    return table.column(name).chunks


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
