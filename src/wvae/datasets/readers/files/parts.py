"""A table for each part of a data set, such as train/metadata.csv and test/metadata.csv."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..annotations.splits import SPLIT, SPLITS
from ..tables.tables import Table

__all__ = ["Manifest", "join_parts", "part_of", "subject"]

# train.csv, train_labels.csv and trainLabels.csv list the files in train/ or train_images/.
_ABOUT = re.compile(r"[_ -]?(labels?|metadata|data|list|ids)$", re.IGNORECASE)


@dataclass(frozen=True)
class Manifest:
    """A table with one row for each file.

    Parameters
    ----------
    table
        The table.
    column
        Its column of file names.
    names
        Names of the files relative to the folder or the table, with ``/``, (n,).
    paths
        The files, (n,).
    """

    table: Table
    column: str
    names: list[str]
    paths: list[Path]


def subject(path: Path) -> str:
    """Return what a table lists, by its name.

    Examples
    --------
    >>> subject(Path("train_labels.csv")), subject(Path("trainLabels.csv")), subject(Path("a.csv"))
    ('train', 'train', 'a')
    """
    return _ABOUT.sub("", path.stem)


def part_of(path: Path) -> str | None:
    """Return the part of the split that a table's name says, or None."""
    word = subject(path).lower()
    return word if word in SPLITS else None


def join_parts(manifests: Sequence[Manifest], folder: Path) -> Manifest:
    """Return the tables of several parts as one, with a column of the split."""
    import pyarrow as pa

    tables = list[Any]()
    for each in manifests:
        part = part_of(each.table.path) or each.table.path.parent.name.lower()
        columns = each.table.columns
        if each.column != manifests[0].column:
            raise ValueError(
                f"{each.table.path} names files in the column {each.column!r}, but "
                f"{manifests[0].table.path} in {manifests[0].column!r}: rename one of them"
            )
        if SPLIT in columns.column_names:
            raise ValueError(
                f"{each.table.path} is the part {part} and has a column {SPLIT!r}: rename it"
            )
        tables.append(columns.append_column(SPLIT, pa.array([part] * len(each.table))))
    _check_types(tables, manifests)
    table = Table(folder, pa.concat_tables(tables, promote_options="default"))
    names, paths = list[str](), list[Path]()
    for each in manifests:
        names += each.names
        paths += each.paths
    return Manifest(table, manifests[0].column, names, paths)


def _check_types(tables: Sequence[Any], manifests: Sequence[Manifest]) -> None:
    """Raise a ValueError if a column has different types in several tables."""
    types = dict[str, tuple[Any, Path]]()
    for table, each in zip(tables, manifests, strict=True):
        for column in table.schema:
            kind, path = types.setdefault(column.name, (column.type, each.table.path))
            if kind != column.type:
                raise ValueError(
                    f"the column {column.name!r} is {kind} in {path}, but {column.type} in "
                    f"{each.table.path}: write it alike"
                )
