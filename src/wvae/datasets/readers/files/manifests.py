"""Tables that name the files of a folder: manifests, metadata per split, lists of ids."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...messages import Log, one_line, preview
from ..annotations.labels import LABELS, ReadOptions
from ..annotations.name_patterns import naming_of
from ..annotations.splits import SPLITS
from ..tables.features import files_column
from ..tables.tables import Table, checked, read_table
from .locate import Files, Rule, find_rule, locate
from .parts import Manifest, join_parts, part_of, subject
from .walk import JSON_LINES, MEDIA, Listing

__all__ = ["Manifest", "find_manifest", "name_files"]

MANIFESTS = ("manifest", "metadata", "labels", "index")  # preferred if there are several tables
# Columns of ids, which are file names without a suffix, perhaps numbers.
_IDS = re.compile(r"(id|ids|uuid|name|key|.*[_ -]?(id|name|file))", re.IGNORECASE)
_USUAL = (
    *("path", "file", "filename", "file_name", "filepath", "file_path", "image_path", "img_path"),
    *("image", "img", "picture", "photo", "audio", "wav", "sound", "audio_path"),
)
_IMAGE_FOLDERS = ("images", "imgs", "img", "files", "audio", "wavs", "wav", "sounds")


@dataclass(frozen=True)
class _Candidate:
    """A table that may be a manifest: where its files are, and how they are named."""

    table: Table
    files: Files
    column: str
    rule: Rule
    sure: bool  # the column has a usual name or values with suffixes

    def manifest(self, folder: Path, log: Log) -> Manifest:
        """Return the manifest with all files, or raise a ValueError if some are missing."""
        names = _words(self.table, self.column)
        where = str(self.table.path)
        paths = locate(names, self.column, self.rule, self.files, where, log)
        relative = list[str]()
        for path in paths:
            inside = path.is_relative_to(folder)
            relative.append(path.relative_to(folder).as_posix() if inside else path.as_posix())
        return Manifest(self.table, self.column, relative, paths)


def name_files(table: Table, base: Path, options: ReadOptions) -> Manifest | None:
    """Return a table as a manifest if one of its columns names files, else None.

    Parameters
    ----------
    table
        A table that was opened by its path.
    base
        Folder of relative names.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If a name is no file or several files, or a file is named twice.
    """
    candidate = _candidate(table, Files(base, _folders_of(table.path)))
    return candidate.manifest(base, options.log) if candidate else None


def find_manifest(listing: Listing, options: ReadOptions) -> Manifest | None:
    """Return the table that names a folder's files, or None.

    It stands in the folder, or as one table for each part in the folders of the split, or above a
    folder whose files lie in no folders of classes.

    Parameters
    ----------
    listing
        The files of the folder.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If several tables name files and none of them is preferred.
    """
    folder = listing.folder
    at_top = [path for path in listing.tables if path.parent == folder]
    found = _candidates(at_top, listing, options)
    found = [each for each in found if each.sure or _may_list(each.table, listing, options)]
    if len(found) > 1:
        found = _preferred(found, folder, options)
    if not found:
        found = _per_split(listing, options)
    if not found and not options.unlabelled and naming_of(options)[0].label_from_name is None:
        found = _above(listing, options)
    used = [each.table.path for each in found]
    ignored = listing.relative([path for path in listing.tables if path not in used])
    if ignored:
        options.log(f"ignored, not a manifest: {preview(ignored)}")
    if not found:
        return None
    manifests = [each.manifest(folder, options.log) for each in found]
    return manifests[0] if len(manifests) == 1 else join_parts(manifests, folder)


def _candidates(paths: Sequence[Path], listing: Listing, options: ReadOptions) -> list[_Candidate]:
    """Return the tables among files that name files."""
    found = list[_Candidate]()
    for path in paths:
        table = _read(path, options.log)
        if table is None:
            continue
        base = path.parent
        listed = tuple(media for media in listing.media if media.is_relative_to(base))
        roots = () if listed else _folders_of(path)
        candidate = _candidate(table, Files(base, (*roots, *_folders_of(path)), listed or None))
        if candidate is not None:
            found.append(candidate)
    return found


def _read(path: Path, log: Log) -> Table | None:
    """Read a table; None if it cannot be read and its name is not that of a manifest."""
    try:
        return (
            _read_json_lines(path) if path.suffix.lower() == JSON_LINES else read_table(path, log)
        )
    except ValueError as error:
        if path.stem.lower() in MANIFESTS or part_of(path):
            raise
        log(f"{path.name} cannot be read as a table: {one_line(error)}")
        return None


def _read_json_lines(path: Path) -> Table:
    """Read a file of one JSON object per line as a table."""
    import pyarrow as pa
    from pyarrow import json

    try:
        # In one block, as the numbers of rows in errors count from the beginning of a block.
        block = json.ReadOptions(block_size=max(1 << 20, path.stat().st_size + 1))
        columns = json.read_json(path, read_options=block)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        reason = one_line(error).removeprefix("JSON parse error: ")
        place = re.fullmatch(r"(.*?)\.? in row (\d+)", reason)
        if place:
            reason = f"row {int(place[2]) + 1}: {place[1]}"
        raise ValueError(f"{path} cannot be read as JSON lines ({reason}): correct it") from error
    return checked(Table(path, columns))


def _candidate(table: Table, files: Files) -> _Candidate | None:
    """Return how a table names files, or None."""
    column = files_column(table, MEDIA, files.base)
    if column is not None:
        rule = find_rule(_words(table, column), files, anywhere=True)
        # Without a rule, the error tells which files are missing.
        return _Candidate(table, files, column, rule or Rule(files.base), sure=True)
    if files.listed is None and not files.roots:
        return None  # a table of numbers, say: there is no folder of files beside it
    usual = [name for name in table.words if name.lower() in _USUAL]
    ids = [name for name in (*table.words, *table.numeric) if _IDS.fullmatch(name)]
    for name in dict.fromkeys((*usual, *ids)):
        if table.column(name).dtype.kind not in "Uiu":
            continue
        rule = find_rule(_words(table, name), files, anywhere=files.listed is not None)
        if rule is not None:
            return _Candidate(table, files, name, rule, sure=name in usual)
    return None


def _words(table: Table, column: str) -> list[str]:
    return [str(value) for value in table.column(column).tolist()]


def _folders_of(path: Path) -> tuple[Path, ...]:
    """Return the folders beside a table whose files it may list, by its name: train/ for train.csv.

    Of folders with usual names of images or sounds, the only one is returned.
    """
    stem = subject(path)
    names = (path.stem, stem, *(f"{stem}{gap}images" for gap in ("_", "-", "")))
    found = [path.parent / name for name in dict.fromkeys(names) if (path.parent / name).is_dir()]
    usual = [path.parent / name for name in _IMAGE_FOLDERS if (path.parent / name).is_dir()]
    return tuple(found or (usual if len(usual) == 1 else ()))


def _may_list(table: Table, listing: Listing, options: ReadOptions) -> bool:
    """Return whether a table of ids counts: it has a label, or folders give no classes."""
    classes = {path.parent.name for path in listing.media if path.parent != listing.folder}
    classes = {name for name in classes if name.lower() not in SPLITS}
    return len(classes) < 2 or _has_label(table, options)


def _has_label(table: Table, options: ReadOptions) -> bool:
    if options.label is not None:
        return options.label in table.names
    return any(name.lower() in LABELS for name in table.names)


def _preferred(found: Sequence[_Candidate], folder: Path, options: ReadOptions) -> list[_Candidate]:
    """Return the manifest among several tables that name files, or one table for each part."""
    kept = [each for each in found if "submission" not in each.table.path.stem.lower()]
    usual = [each for each in kept if each.table.path.stem.lower() in MANIFESTS]
    if len(usual) == 1:
        return usual
    parts = {part_of(each.table.path) for each in kept}
    if len(kept) > 1 and None not in parts and len(parts) == len(kept):
        kept = _labelled_parts(kept, options)
    elif len(kept) > 1:
        names = preview([each.table.path.name for each in kept])
        raise ValueError(
            f"{folder} holds several tables that name files ({names}), expected one: give its "
            "path, or call it manifest"
        )
    return kept or list(found)


def _labelled_parts(found: Sequence[_Candidate], options: ReadOptions) -> list[_Candidate]:
    """Return the parts that have a label if some have none, and log which are left out."""
    labelled = [each for each in found if _has_label(each.table, options)]
    if options.unlabelled or not labelled or len(labelled) == len(found):
        return list(found)
    others = [each.table.path.name for each in found if each not in labelled]
    options.log(f"left out, as there is no label in it: {preview(others)}")
    return labelled


def _per_split(listing: Listing, options: ReadOptions) -> list[_Candidate]:
    """Return one manifest for each folder of the split, such as train/metadata.csv, or none."""
    paths = list[Path]()
    for path in listing.tables:
        is_part = path.parent.parent == listing.folder and path.parent.name.lower() in SPLITS
        if is_part and path.stem.lower() in MANIFESTS:
            paths.append(path)
    found = _candidates(paths, listing, options)
    folders = [each.table.path.parent for each in found]
    if len(set(folders)) < len(folders):
        names = preview(listing.relative([each.table.path for each in found]))
        raise ValueError(
            f"{listing.folder} holds several tables that name files ({names}), expected one in "
            "each folder: remove the others"
        )
    return _labelled_parts(found, options)


def _above(listing: Listing, options: ReadOptions) -> list[_Candidate]:
    """Return the table above a folder of loose files that lists them, as train.csv, or none."""
    folder = listing.folder.absolute()
    if not all(path.parent == listing.folder for path in listing.media):
        return []
    listed = tuple(path.absolute() for path in listing.media)
    found = list[_Candidate]()
    for path in sorted(folder.parent.iterdir()):
        known = path.suffix.lower() in (".csv", ".tsv") and path.is_file()
        stem = subject(path).lower()
        if not known or stem not in (folder.name.lower(), *MANIFESTS, ""):
            continue
        table = _read(path, options.log)
        if table is None:
            continue
        candidate = _candidate(table, Files(folder.parent, (folder,), listed))
        if candidate is not None and candidate.rule.root is not None:
            found.append(candidate)
    if len(found) > 1:
        names = preview([str(each.table.path) for each in found])
        raise ValueError(
            f"several tables name the files of {listing.folder} ({names}): give the path of one"
        )
    for each in found:
        options.log(f"{os.path.relpath(each.table.path, listing.folder)} names the files")
    return found
