"""Shared by the tests of folders: a reader that takes all options, and small image files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reader_cases import picture, save
from wvae.datasets import Dataset
from wvae.datasets.readers.annotations.labels import ReadOptions
from wvae.datasets.readers.files.folders import from_folder, from_table
from wvae.datasets.readers.tables.tables import read_table


def open_path(path: Path, **given: Any) -> tuple[Dataset, list[str]]:
    """Open a folder or a table with any options, and return the data and the log."""
    lines: list[str] = []
    defaults: dict[str, Any] = {
        **{"label": None, "factors": (), "size": None, "rate": None},
        **{"log": lines.append, "progress": False},
    }
    options = ReadOptions(**(defaults | given))
    if path.is_dir():
        return from_folder(path, options), lines
    return from_table(read_table(path, lines.append), path.parent, options), lines


def refused(path: Path, *texts: str, **given: Any) -> str:
    """Check that the error is one line with these texts, without Python's forms of values."""
    with pytest.raises(ValueError) as error:  # noqa: PT011 the texts are checked below
        open_path(path, **given)
    message = str(error.value)
    assert [text for text in texts if text not in message] == [], message
    assert [text for text in ("\n", "np.str_", "PosixPath") if text in message] == []
    return message


def tree(root: Path, *names: str) -> None:
    """Write a different small grey image for each name."""
    for i, name in enumerate(names):
        save(root / name, picture(i))


def grid(root: Path, *levels: tuple[str, ...], each: int = 2, suffix: str = ".png") -> None:
    """Write images below all combinations of folders, the first level outermost."""
    folders = [""]
    for level in levels:
        folders = [f"{folder}{name}/" for folder in folders for name in level]
    tree(root, *(f"{folder}{i}{suffix}" for folder in folders for i in range(each)))


def grey(path: Path, values: Any, dtype: Any = np.uint16, **options: Any) -> None:
    """Write one deep image of the format of the suffix."""
    save(path, Image.fromarray(np.asarray(values, dtype)), **options)
