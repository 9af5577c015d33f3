"""Read folders of images or sounds, and tables that name or contain them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..dataset import Array, Dataset
from ..messages import preview, reject
from . import images, sounds
from .features import files_column, read_numbers
from .labels import Annotations, ReadOptions, annotate, choose_label, require_column
from .media import MediaSource
from .sounds import holds_sounds
from .splits import SPLIT, SPLITS
from .tables import TABLES, Table, read_table

__all__ = ["from_folder", "from_table"]

MEDIA = (*images.SUFFIXES, *sounds.SUFFIXES)
MANIFESTS = ("manifest", "metadata", "labels", "index")  # preferred if there are several tables
ENCODED = ("image", "img", "picture", "audio", "sound")  # preferred if several columns hold bytes


def from_folder(folder: Path, options: ReadOptions) -> Dataset:
    """Read a folder of images or sounds; a table in it, else the sub-folders, give the labels.

    Parameters
    ----------
    folder
        The folder; links are followed, hidden files are skipped.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If the folder has no images or sounds, has both, has files outside the classes' folders, or
        has several tables that name files.
    """
    files, others = _walk(folder)
    tables = [path for path in others if path.parent == folder and path.suffix.lower() in TABLES]
    if not files:
        hint = ", expected a sub-folder of them for each class"
        if tables:
            hint = f": to read the table, give its path, {tables[0]}"
        raise ValueError(f"{folder} holds no images and no sounds{hint}")
    _check_one_kind(files, str(folder))
    ignored = [path.name for path in others if path not in tables]
    if ignored:
        options.log(f"ignored, neither images nor sounds: {preview(ignored)}")
    manifest = _find_manifest(tables, folder, options)
    if manifest is not None:
        return from_table(manifest, folder, options, listed=files)
    parents = [path.relative_to(folder).parts[:-1] for path in files]
    if options.unlabelled and not any(parents):
        columns, label = {}, None
        options.log(f"no labels: the files are in {folder} itself, not in a folder for each class")
    else:
        columns, label = _columns_of_folders(parents, files, folder, options)
    annotations = annotate(columns, label, len(files), str(folder), options)
    names = [str(path.relative_to(folder)) for path in files]
    return _read_media(lambda: zip(names, files, strict=True), annotations, folder, options)


def from_table(
    table: Table, base: Path, options: ReadOptions, listed: Sequence[Path] = ()
) -> Dataset:
    """Read a table whose examples are files, the bytes of files, or numbers.

    Parameters
    ----------
    table
        A table of the examples, or of the names of their files.
    base
        Folder of relative file names.
    options
        The arguments of `open_data`.
    listed
        Files in the folder; the log mentions how many of them the table does not name.

    Raises
    ------
    ValueError
        If a column is unknown, a file is missing, or the examples cannot be read.
    """
    where = str(table.path)
    label = choose_label(table.names, options, where)
    for factor in options.factors:
        require_column(factor, table.names, where, "factor")
    reserved = [name for name in table.names if name in (label, SPLIT, *options.factors)]
    encoded = _encoded_column(table)
    file_names = None if encoded else files_column(table, MEDIA, base)
    if encoded is None and file_names is None:
        return _read_numbers(table, label, reserved, options)
    if file_names is not None and file_names == label:
        raise ValueError(f"{where}: the label {label!r} names files: name another column")
    annotations = _annotate(table, label, reserved, [file_names], options)
    if encoded is not None:
        return _read_media(lambda: table.files(encoded), annotations, table.path, options)
    names = [str(name) for name in table.column(str(file_names)).tolist()]
    paths = _locate(names, str(file_names), base, where)
    _check_one_kind(paths, where)
    unnamed = set(listed) - set(paths)
    if unnamed:
        options.log(f"left out: {len(unnamed):,} files that {table.path.name} does not name")
    path = base if listed else table.path
    return _read_media(lambda: zip(names, paths, strict=True), annotations, path, options)


def _read_numbers(
    table: Table, label: str | None, reserved: Sequence[str], options: ReadOptions
) -> Dataset:
    """Read a table whose examples are its numbers."""
    reject(f"{table.path} holds no sounds", rate=options.rate)
    numbers = read_numbers(table, reserved, options)
    annotations = _annotate(table, label, reserved, numbers.used, options)
    annotations = annotations.subset(numbers.kept, str(table.path))
    options.log(numbers.summary)
    return annotations.dataset(
        numbers.x,
        "table" if numbers.x.ndim == 2 else "image",
        table.path,
        columns=numbers.columns,
        ignored=numbers.ignored,
    )


def _annotate(
    table: Table,
    label: str | None,
    reserved: Sequence[str],
    examples: Sequence[str | None],
    options: ReadOptions,
) -> Annotations:
    """Return label, factors and split; if no factor is named, all columns are candidates."""
    candidates = [name for name in table.names if name not in examples]
    columns = {name: table.column(name) for name in (reserved if options.factors else candidates)}
    return annotate(columns, label, len(table), str(table.path), options)


def _read_media(
    source: MediaSource, annotations: Annotations, path: Path, options: ReadOptions
) -> Dataset:
    """Read images or sounds; the first file decides."""
    n, where = len(annotations.y), str(path)
    log, progress = options.log, options.progress
    first = next(iter(source()))[1]
    if holds_sounds(source):
        reject(f"{path} holds sounds", size=options.size)
        x, readable, rate = sounds.read_sounds(
            source, n, where, rate=options.rate, log=log, progress=progress
        )
        data = annotations.subset(readable, where).dataset(
            x, "audio", path, rate=rate, mels=sounds.MELS, frames=sounds.FRAMES
        )
    else:
        reject(f"{path} holds images", rate=options.rate)
        x, readable = images.read_images(
            source, n, where, size=options.size, log=log, progress=progress
        )
        data = annotations.subset(readable, where).dataset(x, "image", path)
    if not isinstance(first, Path):  # bytes in a table have no file name
        return data
    return replace(data, files=np.array([name for name, _ in source()])[readable])


def _walk(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return all media files below a folder and all other files, sorted; skip hidden ones."""
    files, others, visited = list[Path](), list[Path](), set[str]()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in visited:  # a link to a folder that contains it
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(names):
            if not _is_hidden(name):
                (files if name.lower().endswith(MEDIA) else others).append(Path(root, name))
    return files, others


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _check_one_kind(files: Sequence[Path], where: str) -> None:
    """Raise a ValueError if some files are images and others sounds."""
    sound_files = [path for path in files if path.suffix.lower() in sounds.SUFFIXES]
    if sound_files and len(sound_files) < len(files):
        image = next(path for path in files if path.suffix.lower() not in sounds.SUFFIXES)
        n_images = len(files) - len(sound_files)
        raise ValueError(
            f"{where} mixes {n_images:,} images ({image.name} …) and {len(sound_files):,} sounds "
            f"({sound_files[0].name} …), expected one kind: move the other files elsewhere"
        )


def _find_manifest(paths: Sequence[Path], folder: Path, options: ReadOptions) -> Table | None:
    """Return the table in a folder that names its files, or None."""
    tables = [read_table(path, options.log) for path in paths]
    manifests = [table for table in tables if files_column(table, MEDIA, folder) is not None]
    preferred = [table for table in manifests if table.path.stem.lower() in MANIFESTS]
    if len(preferred) == 1:
        manifests = preferred
    if len(manifests) > 1:
        names = preview([table.path.name for table in manifests])
        raise ValueError(
            f"{folder} holds several tables that name files ({names}), expected one: give its "
            "path, or call it manifest"
        )
    manifest = manifests[0] if manifests else None
    ignored = [path.name for path in paths if manifest is None or path != manifest.path]
    if ignored:
        options.log(f"ignored, not a manifest: {preview(ignored)}")
    return manifest


def _columns_of_folders(
    parents: Sequence[tuple[str, ...]], files: Sequence[Path], folder: Path, options: ReadOptions
) -> tuple[dict[str, Array], str]:
    """Return the columns that the folders above each file give, and the name of the label.

    The levels from the top are the split (if the names are those of splits), the label and the
    named factors.
    """
    tops = {names[0] if names else "" for names in parents}
    are_splits = len(tops) > 1 and all(top.lower() in SPLITS for top in tops)
    has_split = are_splits and all(len(names) > 1 for names in parents)
    label = options.label or "label"
    levels = [*([SPLIT] if has_split else []), label, *options.factors]
    loose = [path for path, names in zip(files, parents, strict=True) if len(names) < len(levels)]
    if loose:
        relative = [str(path.relative_to(folder)) for path in loose]
        raise ValueError(
            f"{folder}: {len(loose):,} of {len(files):,} files do not lie in folders for "
            f"{', '.join(levels)} ({preview(relative)}): move them to sub-folders, or add a table "
            "with a column of file names"
        )
    if has_split:
        splits = ", ".join(sorted(tops))
        options.log(f"the folders {splits} are taken as the split, those below as {label!r}")
    columns = dict[str, Array]()
    for i, level in enumerate(levels):
        columns[level] = _as_integers(np.array([names[i] for names in parents]))
    return columns, label


def _as_integers(names: Array) -> Array:
    """Return folder names as int64 if all are integers, so that 10 comes after 9."""
    for name in np.unique(names).tolist():
        if not (name.isascii() and name.isdigit() and str(int(name)) == name):
            return names
    return names.astype(np.int64)


def _encoded_column(table: Table) -> str | None:
    """Return the column that holds the bytes of images or sounds, or None."""
    if len(table.encoded) < 2:
        return table.encoded[0] if table.encoded else None
    usual = [name for name in table.encoded if name.lower() in ENCODED]
    if len(usual) != 1:
        names = preview(table.encoded)
        raise ValueError(f"{table.path}: several columns hold bytes ({names}): keep one of them")
    return usual[0]


def _locate(names: Sequence[str], column: str, base: Path, where: str) -> list[Path]:
    """Return the files of a column of names, which are relative to the folder `base`."""
    paths = [base / name for name in names]
    if not Path(names[0]).suffix:
        # Some tables write names without a suffix: take the suffix of the first file.
        for suffix in MEDIA:
            if (base / f"{names[0]}{suffix}").is_file():
                paths = [base / f"{name}{suffix}" for name in names]
                break
    missing = list[str]()
    for name, path in zip(names, paths, strict=True):
        if not path.is_file():
            missing.append(name or "an empty name")
    if missing:
        raise ValueError(
            f"{where}: {len(missing):,} of {len(names):,} files of the column {column!r} are not "
            f"in {base}: {preview(missing)}: correct the names or drop the rows; to train on the "
            "numeric columns, drop this column"
        )
    return paths
