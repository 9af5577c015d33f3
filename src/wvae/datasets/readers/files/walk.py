"""The files of a folder: which are examples, tables, left out, or not readable."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...messages import Log, one_line, preview
from ..tables.tables import TABLES
from . import images, sounds

__all__ = ["JSON_LINES", "MEDIA", "Listing", "check_one_kind", "is_system", "same_form", "walk"]

MEDIA = (*images.SUFFIXES, *sounds.SUFFIXES)
JSON_LINES = ".jsonl"
# What file servers, operating systems and notebooks put into folders, in lower case.
_SYSTEM = {
    *("@eadir", "@synoeastream", "@synoresource", "@tmp", "@recycle", "#recycle", "#snapshot"),
    *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000"),
    *("lost+found", "__macosx", "__pycache__", "network trash folder", "temporary items"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "cvs"),
}
# Images and sounds that are not read; a log line names them, and what to do.
_UNREAD = (
    *("heic", "heif", "avif", "jxl", "jp2", "j2k", "svg", "psd", "eps", "tga", "ico", "exr", "hdr"),
    *("raw", "cr2", "cr3", "nef", "arw", "dng", "orf", "rw2", "raf", "dcm", "dicom", "nii"),
    *("czi", "lif", "nd2", "svs", "npy", "npz", "mat", "h5", "hdf5", "mp4", "avi", "mov", "mkv"),
    *("aif", "aiff", "au", "caf", "opus", "m4a", "aac", "wma", "webm", "amr"),
)


@dataclass
class Listing:
    """The files below a folder, sorted.

    Parameters
    ----------
    folder
        The folder.
    media
        Files whose suffix is that of an image or a sound.
    tables
        Tables of the folder itself and of its sub-folders.
    unread
        Images and sounds of formats that are not read, and arrays.
    others
        All other files.
    """

    folder: Path
    media: list[Path] = field(default_factory=list[Path])
    tables: list[Path] = field(default_factory=list[Path])
    unread: list[Path] = field(default_factory=list[Path])
    others: list[Path] = field(default_factory=list[Path])

    def add(self, path: Path) -> None:
        """Sort a file into its list."""
        name = path.name.lower()
        if name.endswith(MEDIA):
            self.media.append(path)
        elif name.endswith((*TABLES, JSON_LINES)):
            self.tables.append(path)
        elif name.removesuffix(".gz").rpartition(".")[2] in _UNREAD:
            self.unread.append(path)
        else:
            self.others.append(path)

    def relative(self, paths: Sequence[Path]) -> list[str]:
        """Return the names of files relative to the folder, with ``/`` between their parts."""
        return [path.relative_to(self.folder).as_posix() for path in paths]


def walk(folder: Path, log: Log) -> Listing:
    """Return the files below a folder; hidden and system files and folders are left out.

    Parameters
    ----------
    folder
        The folder; links are followed, except to folders that contain them.
    log
        Called with one line on what is left out.

    Raises
    ------
    ValueError
        If a folder or file cannot be read, a link is broken, one folder is reached twice, or a name
        is not UTF-8.
    """
    listing = Listing(folder)
    root_path = os.fspath(folder)
    _check_name(os.fspath(folder.absolute()), "", folder)
    above: dict[str, tuple[str, ...]] = {root_path: (os.path.realpath(root_path),)}
    reached = {above[root_path][0]: root_path}
    left_out = list[str]()
    cycles = list[str]()

    for root, folders, names in os.walk(folder, followlinks=True, onerror=_reject_unreadable):
        kept = list[str]()
        for name in sorted(folders):
            path = os.path.join(root, name)
            if is_system(name):
                left_out.append(f"{name}/")
                continue
            _check_name(name, root, folder)
            real = os.path.realpath(path)
            if any(f"{up}{os.sep}".startswith(f"{real}{os.sep}") for up in above[root]):
                cycles.append(os.path.relpath(path, folder))
                continue
            _check_once(real, path, reached)
            above[path] = (*above[root], real)
            kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            if is_system(name):
                left_out.append(name)
                continue
            path = Path(root, name)
            if not os.path.isfile(path):
                _reject_special(path)
            listing.add(path)
    for path in listing.media:
        _check_name(path.name, os.fspath(path.parent), folder)
    _check_readable(listing.media, folder)
    _log_left_out(left_out, cycles, log)
    _log_without_media(listing, [*above][1:], log)
    return listing


def is_system(name: str) -> bool:
    """Return whether a file or folder is hidden, or is one that systems make.

    Examples
    --------
    >>> is_system("@eaDir"), is_system("._cat.png"), is_system("cat.png")
    (True, True, False)
    """
    return name.startswith(".") or name.casefold() in _SYSTEM


def same_form(name: str) -> str:
    """Return a name in Unicode's form NFC, in which equal names have equal characters.

    Examples
    --------
    >>> same_form("u\\u0308ber") == "\\u00fcber"
    True
    """
    return unicodedata.normalize("NFC", name)


def check_one_kind(files: Sequence[Path], where: str) -> None:
    """Raise a ValueError if some files are images and others sounds.

    Parameters
    ----------
    files
        Files with the suffixes `MEDIA`.
    where
        Name of the data for errors.
    """
    sound_files = [path for path in files if path.suffix.lower() in sounds.SUFFIXES]
    if sound_files and len(sound_files) < len(files):
        image = next(path for path in files if path.suffix.lower() not in sounds.SUFFIXES)
        n_images = len(files) - len(sound_files)
        raise ValueError(
            f"{where} mixes {n_images:,} images ({image.name} …) and {len(sound_files):,} sounds "
            f"({sound_files[0].name} …), expected one kind: move the other files elsewhere"
        )


def _reject_unreadable(error: OSError) -> None:
    """Raise a ValueError for a folder that cannot be listed, which `os.walk` would pass over."""
    reason = error.strerror or one_line(error)
    raise ValueError(
        f"the folder {os.fspath(error.filename or '')!r} cannot be read ({reason}): allow it, or "
        "move it elsewhere"
    ) from error


def _reject_special(path: Path) -> None:
    """Raise a ValueError for a broken link, or for what is neither a file nor a folder."""
    problem = "is no regular file"
    if path.is_symlink():
        problem = f"is a broken link to {os.readlink(path)!r}"
    raise ValueError(f"{str(path)!r} {problem}: correct it, or remove it")


def _check_name(name: str, root: str, folder: Path) -> None:
    """Raise a ValueError if the name of a file or folder is not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        place = os.path.relpath(root, folder) if root else "."
        inside = f"in {place!r} " if place != "." else ""
        raise ValueError(
            f"{str(folder)!r}: the name {os.fsencode(name)!r} {inside}is not UTF-8: rename it, "
            "for example with convmv"
        ) from error


def _check_once(real: str, path: str, reached: dict[str, str]) -> None:
    """Raise a ValueError if a link leads to a folder that was reached before."""
    if real in reached:
        raise ValueError(
            f"{path!r} and {reached[real]!r} are one folder, whose files would be read twice: "
            "remove the link"
        )
    reached[real] = path


def _check_readable(files: Sequence[Path], folder: Path) -> None:
    """Raise a ValueError if files may not be read."""
    closed = [str(path.relative_to(folder)) for path in files if not os.access(path, os.R_OK)]
    if closed:
        raise ValueError(
            f"{folder}: {len(closed):,} of {len(files):,} files may not be read "
            f"({preview(closed)}): change their permissions"
        )


def _log_left_out(left_out: Sequence[str], cycles: Sequence[str], log: Log) -> None:
    """Log what is hidden or a system's; single hidden files are only counted."""
    if left_out:
        named = sorted({name for name in left_out if name.endswith("/") or name[0] != "."})
        examples = f", such as {preview(named)}" if named else ""
        log(f"left out: {len(left_out):,} hidden or system files and folders{examples}")
    if cycles:
        log(f"left out: {preview(cycles)}, as such links lead to a folder that contains them")


def _log_without_media(listing: Listing, folders: Sequence[str], log: Log) -> None:
    """Log folders without images and sounds, such as a class that was not downloaded."""
    filled = {os.fspath(up) for path in listing.media for up in path.parents}
    tables = {os.fspath(path.parent) for path in listing.tables}
    without = [path for path in folders if path not in filled | tables]
    outermost = [path for path in without if os.path.dirname(path) not in without]
    if listing.media and outermost:
        names = [os.path.relpath(path, listing.folder) for path in outermost]
        log(f"left out: {len(names):,} folders without images and sounds: {preview(names)}")
