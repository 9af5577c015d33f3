"""Find the column of a table that names files of images or sounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...dataset import Array
from .tables import Table

__all__ = ["files_column"]

FILES = (
    *("path", "file", "filename", "file_name", "filepath", "file_path"),
    *("image", "img", "picture", "audio", "wav"),
)


def files_column(table: Table, suffixes: Sequence[str], base: Path) -> str | None:
    """Return the column that names files, or None.

    The candidates, in this order: a column with a usual name in which most values end in a suffix;
    any column in which most values do; a column with a usual name whose first value, with or
    without a suffix, is an existing file.

    Parameters
    ----------
    table
        The table.
    suffixes
        Suffixes of the files, with the dot, in lower case.
    base
        Folder of relative names.
    """
    words = table.words
    usual = [name for word in FILES for name in words if name.lower() == word]
    ending = [name for name in words if _share_ending(table.column(name), suffixes) > 0.5]
    for name in (*usual, *ending):
        if name in ending:
            return name
    for name in usual:
        if _is_file(base / str(table.column(name)[0]), suffixes):
            return name
    return None


def _share_ending(values: Array, suffixes: Sequence[str]) -> float:
    """Return the fraction of values that end in one of the suffixes."""
    lower = np.char.lower(values)
    return float(np.any([np.char.endswith(lower, suffix) for suffix in suffixes], axis=0).mean())


def _is_file(path: Path, suffixes: Sequence[str]) -> bool:
    """Return whether a file exists, perhaps after one of the suffixes is added to its name."""
    return path.is_file() or any(
        path.with_name(path.name + suffix).is_file() for suffix in suffixes if path.name
    )
