"""The files of a folder of shards, and what the names of files and folders say about their rows."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from ...messages import Log, preview
from ..annotations.splits import SPLITS
from ..files import images, sounds
from ..tables.tables import PARQUET, TABLES

__all__ = ["Layout", "find_shards", "partitions", "splits_of_names"]

NPY = (".npy",)
OTHER_EXAMPLES = (*TABLES, ".npz")  # beside shards, they leave open what the examples are
MEDIA = (*images.SUFFIXES, *sounds.SUFFIXES)
SYSTEM = ("lost+found", "Thumbs.db", "desktop.ini", "System Volume Information")
# Folders in which a program records the versions of a table; old versions lie beside the new one.
VERSIONED = {
    "_delta_log": "Delta Lake",
    ".hoodie": "Apache Hudi",
    ".metadata.json": "Apache Iceberg",
}
DEFAULT_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # stands for a missing value


@dataclass(frozen=True)
class Layout:
    """Files of one format below a folder, sorted.

    Parameters
    ----------
    folder
        The folder.
    files
        The shards; for .npy also the files of their columns.
    others
        Files and folders beside them that are not read.
    """

    folder: Path
    files: list[Path]
    others: list[str]

    @property
    def is_npy(self) -> bool:
        """Whether the files are .npy, not Parquet."""
        return self.files[0].suffix.lower() in NPY

    def name(self, path: Path) -> str:
        """Return the name of a file relative to the folder, with ``/`` between its parts."""
        return path.relative_to(self.folder).as_posix()

    def log_others(self, log: Log) -> None:
        """Log which files are passed over."""
        if self.others:
            log(f"passed over, not shards: {preview(self.others, 6, quote=False)}")


def find_shards(folder: Path) -> Layout | None:
    """Return the .npy or Parquet files below a folder, or None if it is no folder of shards.

    Texts, checksums and hidden files may stand beside them.

    Parameters
    ----------
    folder
        The folder; links are followed.

    Raises
    ------
    ValueError
        If files of several formats stand beside each other, or the folder is a versioned table.
    """
    npy, tables, mixed, others = list[Path](), list[Path](), list[str](), list[str]()
    visited, base = set[str](), os.path.realpath(folder)
    for root, folders, names in os.walk(folder, onerror=_report, followlinks=True):
        real = os.path.realpath(root)
        top = Path(root).relative_to(folder)
        if real in visited or base.startswith(f"{real}{os.sep}"):  # a link to a folder above it
            others.append(f"{top.as_posix()}/")
            folders.clear()
            continue
        visited.add(real)
        hidden = [name for name in folders if _is_hidden(name)]
        _check_not_versioned(hidden, folder)
        others += [f"{(top / name).as_posix()}/" for name in sorted(hidden)]
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(names):
            suffix = "" if _is_hidden(name) else Path(name).suffix.lower()
            if suffix in MEDIA:
                return None
            if name.endswith(".metadata.json"):
                _check_not_versioned([name[-len(".metadata.json") :]], folder)
            if suffix in (*NPY, *PARQUET) and not name.isprintable():
                raise ValueError(f"{folder} holds {name!r}, a name that cannot be shown: rename it")
            if suffix in NPY:
                npy.append(Path(root, name))
            elif suffix in PARQUET:
                tables.append(Path(root, name))
            else:
                listed = mixed if suffix in OTHER_EXAMPLES else others
                listed.append((top / name).as_posix())
    if not npy and not tables:
        return None
    if mixed or (npy and tables):
        relative = [path.relative_to(folder).as_posix() for path in (npy[:1] + tables[:1])]
        raise ValueError(
            f"{folder} holds {preview([*relative, *mixed], 4)}, expected files of one format: give "
            "the path of the file to read, or move the others elsewhere"
        )
    return Layout(folder, sorted(npy or tables), others)


def splits_of_names(layout: Layout, shards: Sequence[Path]) -> list[str] | None:
    """Return the split of each shard by its name, or None if no name is that of a split.

    A folder called train, or a file called train-00000-of-00002, belongs to train.

    Parameters
    ----------
    layout
        The folder.
    shards
        Its files of examples.

    Raises
    ------
    ValueError
        If only some files are named after splits, or several folders have splits of their own.
    """
    splits, unnamed, folders = list[str](), list[str](), set[str]()
    for path in shards:
        split, folder = _split_of(layout.name(path))
        folders.add(folder)
        if split is None:
            unnamed.append(layout.name(path))
        else:
            splits.append(split)
    if not splits:
        return None
    if unnamed:
        named = ", ".join(sorted(set(splits)))
        raise ValueError(
            f"{layout.folder}: some files are named after splits ({named}), but not "
            f"{preview(unnamed)}: move them elsewhere, or name them train-…, test-… too"
        )
    owners = sorted(folders)
    if len(owners) > 1:
        raise ValueError(
            f"{layout.folder}: the folders {preview(owners)} have splits of their own, expected "
            "one data set: give the path of one of them"
        )
    return splits


def partitions(layout: Layout, shards: Sequence[Path]) -> dict[str, Sequence[str | int | None]]:
    """Return the values of folders called NAME=VALUE, one for each shard, by name.

    Raises
    ------
    ValueError
        If not all files lie in folders of the same names.
    """
    values = list[dict[str, str | None]]()
    for path in shards:
        folders = path.relative_to(layout.folder).parts[:-1]
        names = [unicodedata.normalize("NFC", unquote(name)) for name in folders]
        pairs = [name.split("=", 1) for name in names if _is_partition(name)]
        values.append({key: None if value == DEFAULT_PARTITION else value for key, value in pairs})
    for path, pairs in zip(shards, values, strict=True):
        if pairs.keys() != values[0].keys():
            raise ValueError(
                f"{path} lies in folders for {preview(list(pairs)) or 'no column'}, but "
                f"{shards[0]} in folders for {preview(list(values[0])) or 'none'}, expected the "
                "same NAME=VALUE for all files"
            )
    return {name: _as_integers([pairs[name] for pairs in values]) for name in values[0]}


def _as_integers(values: Sequence[str | None]) -> Sequence[str | int | None]:
    """Return values as integers if all of them are written as such."""
    for value in values:
        if value is None or not re.fullmatch(r"0|-?[1-9][0-9]{0,17}", value):
            return values
    return [int(value) for value in values if value is not None]


def _split_of(name: str) -> tuple[str | None, str]:
    """Return the split that a relative path names, and the folder to which the split belongs."""
    *folders, file = name.split("/")
    above = list[str]()
    for folder in folders:
        if folder.lower() in SPLITS:
            return folder.lower(), "/".join(above)
        if not _is_partition(folder):
            above.append(folder)
    words = re.split(r"[^a-z]+", file.rsplit(".", 1)[0].lower())
    named = sorted({word for word in words if word in SPLITS})
    return (named[0] if len(named) == 1 else None), "/".join(above)


def _report(error: OSError) -> None:
    raise ValueError(f"{error.filename} cannot be read: {error.strerror}") from error


def _is_partition(name: str) -> bool:
    return "=" in name.strip("=")


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_", "@", "$")) or name in SYSTEM


def _check_not_versioned(hidden: Sequence[str], folder: Path) -> None:
    """Raise a ValueError if Parquet files of several versions may lie beside each other."""
    for name in hidden:
        if name in VERSIONED:
            raise ValueError(
                f"{folder} is a table of {VERSIONED[name]}, whose files may be of old versions: "
                "write the current version to a folder of Parquet"
            )
