"""Read folders of images or sounds, and tables that name or contain them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...dataset import Array, Dataset
from ...messages import preview, reject
from ...schema import Naming
from ..annotations.columns import LABELS, reserved_columns
from ..annotations.labels import Annotations, ReadOptions, annotate, choose_label, require_column
from ..annotations.name_patterns import naming_of
from ..annotations.splits import SPLIT, SPLITS
from ..tables.features import read_numbers
from ..tables.split_column import with_split_column
from ..tables.tables import Table
from .files import Source, read_files
from .levels import columns_of_folders, columns_of_listed
from .manifests import Manifest, find_manifest, name_files
from .walk import Listing, check_one_kind, walk

__all__ = ["from_folder", "from_table"]

ENCODED = ("image", "img", "picture", "audio", "sound")  # preferred if several columns hold bytes


def from_folder(folder: Path, options: ReadOptions) -> Dataset:
    """Read a folder of images or sounds; a table in it, else names and sub-folders give the labels.

    Parameters
    ----------
    folder
        The folder; links are followed, hidden and system files are left out.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If the folder has no images or sounds, or has both; if its levels or names give no label; if
        a file cannot be read; or if several tables name files.
    """
    listing = walk(folder, options.log)
    _check_media(listing)
    if listing.unread:
        formats = sorted({path.suffix.lower() for path in listing.unread})
        options.log(
            f"left out: {len(listing.unread):,} files of formats that are not read "
            f"({', '.join(formats)}): {preview(listing.relative(listing.unread))}"
        )
    if listing.others:
        options.log(f"ignored, neither images nor sounds: {preview(_names(listing.others))}")
    manifest = find_manifest(listing, options)
    if manifest is not None:
        return _from_manifest(manifest, folder, options, listing.media)
    check_one_kind(listing.media, str(folder))
    _check_classes_kept(listing)
    _check_not_wrapped(listing, options)
    names = listing.relative(listing.media)
    found = columns_of_folders(names, str(folder), options)
    annotations = annotate(
        found.columns, found.label, len(names), str(folder), options, found.factors
    )
    files = Source(names, listing.media)
    return read_files(files, annotations, folder, options, found.naming)


def from_table(table: Table, base: Path, options: ReadOptions) -> Dataset:
    """Read a table whose examples are files, the bytes of files, or numbers.

    Parameters
    ----------
    table
        A table of the examples, or of the names of their files.
    base
        Folder of relative file names.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If a column is unknown, a file is missing, or the examples cannot be read.
    """
    _check_label_type(table, options)
    table = with_split_column(table, options)
    encoded = _encoded_column(table)
    if encoded is not None:
        return _from_encoded(table, encoded, options)
    manifest = name_files(table, base, options)
    if manifest is not None:
        return _from_manifest(manifest, table.path, options)
    _reject_naming(options, f"{table.path} names no files")
    where = str(table.path)
    label = choose_label(table.names, options, where, table.column)
    for factor in options.factors:
        require_column(factor, table.names, where, "factor")
    reserved = reserved_columns(table.names, label, options)
    return _read_numbers(table, label, reserved, options)


def _from_manifest(
    manifest: Manifest, path: Path, options: ReadOptions, listed: Sequence[Path] = ()
) -> Dataset:
    """Read the files that a table names; the log tells how many others are listed."""
    table = with_split_column(manifest.table, options)
    check_one_kind(manifest.paths, str(table.path))
    annotations, naming = _annotate_named(table, manifest.names, manifest.column, options)
    named = {path.absolute() for path in manifest.paths}  # a table above the folder has such paths
    unnamed = [file for file in listed if file.absolute() not in named]
    if unnamed:
        examples = preview([file.relative_to(path).as_posix() for file in unnamed], 1)
        options.log(
            f"left out: {len(unnamed):,} files that {table.path.name} does not name, {examples}"
        )
    files = Source(manifest.names, manifest.paths)
    return read_files(files, annotations, path, options, naming)


def _from_encoded(table: Table, encoded: str, options: ReadOptions) -> Dataset:
    """Read a table that holds the bytes of images or sounds."""
    naming, is_given = naming_of(options)
    names = _encoded_names(table, encoded) if naming != Naming() else []
    if names and None not in names:
        known = [str(name) for name in names]
        annotations, naming = _annotate_named(table, known, None, options)
    elif is_given:
        raise ValueError(
            f"{table.path}: {names.count(None):,} of {len(table):,} rows of the column {encoded!r} "
            "have no file name, expected names in which to find the label or factors: leave out "
            "the expressions and levels"
        )
    else:
        annotations, naming = _annotate_named(table, [], None, options)
    return read_files(lambda: table.files(encoded), annotations, table.path, options, naming)


def _annotate_named(
    table: Table, names: Sequence[str], file_column: str | None, options: ReadOptions
) -> tuple[Annotations, Naming]:
    """Return label, factors and split from a table and the names of its files."""
    where = str(table.path)
    naming = naming_of(options)[0]
    columns, label, factors = dict[str, Array](), None, None
    if names:
        found = columns_of_listed(names, table.names, where, options)
        columns, label, factors = found.columns, found.label, found.factors
    if label is None:
        label = choose_label([*table.names, *columns], options, where)
    if file_column is not None and file_column == label:
        raise ValueError(f"{where}: the label {label!r} names files: name another column")
    available = [*table.names, *columns]
    for factor in options.factors:
        require_column(factor, available, where, "factor")
    wanted = (label, SPLIT, *(factors or ())) if factors else table.names
    for name in table.names:
        if name in wanted and name != file_column and name not in columns:
            columns[name] = table.column(name)
    return annotate(columns, label, len(table), where, options, factors), naming


def _encoded_names(table: Table, encoded: str) -> list[str | None]:
    """Return the file names that stand beside bytes, None where there is none."""
    from pyarrow import types

    names = list[str | None]()
    for values in table.read_encoded(encoded):
        if types.is_struct(values.type) and values.type.get_field_index("path") >= 0:
            names += values.field("path").to_pylist()
        else:
            names += [None] * len(values)
    return [name.replace("\\", "/") if name else None for name in names]


def _reject_naming(options: ReadOptions, subject: str) -> None:
    """Raise a ValueError if labels or factors are wanted from names that do not exist."""
    naming = options.naming
    reject(
        subject,
        label_from_name=naming.label_from_name,
        factors_from_name=naming.factors_from_name or None,
        label_from_folder=naming.label_from_folder,
    )


def _read_numbers(
    table: Table, label: str | None, reserved: Sequence[str], options: ReadOptions
) -> Dataset:
    """Read a table whose examples are its numbers."""
    reject(f"{table.path} holds no sounds", rate=options.rate)
    numbers = read_numbers(table, reserved, options)
    annotations = _annotate(table, label, reserved, numbers.used, options)
    annotations = annotations.subset(numbers.kept, str(table.path))
    options.log(numbers.summary)
    data = annotations.dataset(
        numbers.x,
        "table" if numbers.x.ndim == 2 else "image",
        table.path,
        columns=numbers.columns,
        ignored=numbers.ignored,
    )
    return data if numbers.kept.all() else replace(data, rows=np.flatnonzero(numbers.kept))


def _annotate(
    table: Table,
    label: str | None,
    reserved: Sequence[str],
    examples: Sequence[str | None],
    options: ReadOptions,
) -> Annotations:
    """Return label, factors and split; if no factor is named, all columns are candidates."""
    used = set(examples)
    candidates = [name for name in table.names if name not in used]
    columns = {name: table.column(name) for name in (reserved if options.factors else candidates)}
    return annotate(columns, label, len(table), str(table.path), options)


def _check_media(listing: Listing) -> None:
    """Raise a ValueError if a folder holds nothing that is read."""
    if listing.media:
        return
    folder = listing.folder
    hint = ", expected a sub-folder of them for each class"
    if listing.unread:
        examples = preview(listing.relative(listing.unread))
        hint = (
            f" of formats that are read, but {len(listing.unread):,} other files ({examples}): "
            "convert them to PNG or WAV"
        )
    at_top = [path for path in listing.tables if path.parent == folder]
    if at_top:
        hint = f": to read the table, give its path, {at_top[0]}"
    raise ValueError(f"{folder} holds no images and no sounds{hint}")


def _check_classes_kept(listing: Listing) -> None:
    """Raise a ValueError if a folder's only files have formats that are not read."""
    read = {folder for path in listing.media for folder in path.parents}
    for path in listing.unread:
        if path.parent not in read:
            raise ValueError(
                f"{path.parent} holds only files that are not read, such as {path.name!r}: "
                "convert them to PNG or WAV, or remove the folder"
            )


def _check_not_wrapped(listing: Listing, options: ReadOptions) -> None:
    """Raise a ValueError if the data are in a folder of the folder, as in many unpacked archives.

    A sub-folder of one class, or of one part of a split, is no such folder.
    """
    is_given = options.naming != Naming() or bool(options.factors)
    if is_given or options.unlabelled or options.schema is not None:
        return
    folder = listing.folder
    tops = {path.relative_to(folder).parts[0] for path in listing.media}
    inner = folder / tops.pop()
    if tops or inner in listing.media or inner.name.casefold() in SPLITS:
        return
    has_table = any(path.parent == inner for path in listing.tables)
    if has_table or any(path.parent != inner for path in listing.media):
        raise ValueError(
            f"{folder}: all files are in one folder, {inner.name!r}, expected a folder for each "
            f"class, or a table of the files: give the path {inner}"
        )


def _names(paths: Sequence[Path]) -> list[str]:
    return [path.name for path in paths]


def _check_label_type(table: Table, options: ReadOptions) -> None:
    """Raise a ValueError if the label's column holds bytes, lists or structs."""
    if options.unlabelled or any(name.lower() in LABELS for name in table.names):
        return
    for name in (*table.columns.column_names, *table.encoded):
        is_label = name == options.label if options.label else name.lower() in LABELS
        if is_label and name not in table.names:
            encoded = name in table.encoded
            kind = "bytes" if encoded else str(table.columns.schema.field(name).type)[:40]
            raise ValueError(
                f"{table.path}: the label {name!r} holds {kind}, expected words or numbers: "
                "convert it, or name another column with --label"
            )


def _encoded_column(table: Table) -> str | None:
    """Return the column that holds the bytes of images or sounds, or None."""
    if len(table.encoded) < 2:
        return table.encoded[0] if table.encoded else None
    usual = [name for name in table.encoded if name.lower() in ENCODED]
    if len(usual) != 1:
        names = preview(table.encoded)
        raise ValueError(f"{table.path}: several columns hold bytes ({names}): keep one of them")
    return usual[0]
