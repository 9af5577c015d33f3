"""Folders of images or sounds, and tables that name or hold them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from . import pictures, sounds
from .columns import TABLES, Frame, read_table
from .dataset import Array, Dataset
from .features import features, files_column
from .labels import SPLIT, SPLITS, Asked, Known, choose_label, choose_named, described
from .pictures import Content, Pictures
from .wording import refuse, some

__all__ = ["from_folder", "from_table"]

MEDIA = (*pictures.SUFFIXES, *sounds.SUFFIXES)
MANIFESTS = ("manifest", "metadata", "labels", "index")  # where a folder has several tables
_SOUND_STARTS = (b"RIFF", b"fLaC", b"OggS", b"ID3")


def from_folder(folder: Path, asked: Asked) -> Dataset:
    """Read a folder of images or sounds: a table in it says what each is, or else the sub-folder does.

    Raises
    ------
    ValueError
        If it is empty, holds both images and sounds, files outside classes, or tables of which none is the one.
    """
    files, others = _walk(folder)
    tables = [path for path in others if path.parent == folder and path.suffix.lower() in TABLES]
    if not files:
        hint = f": give the table itself, {tables[0]}" if tables else ", expected sub-folders of them, one for a class"
        raise ValueError(f"{folder} holds no images and no sounds{hint}")
    _one_kind(files, str(folder))
    left = [path for path in others if path not in tables]
    if left:
        asked.say(f"left alone, as they are neither images nor sounds: {some([p.name for p in left])}")
    frame = _manifest(tables, folder, asked)
    if frame is not None:
        return from_table(frame, folder, asked, listed=files)
    parts = [path.relative_to(folder).parts[:-1] for path in files]
    if asked.unlabelled and not any(parts):
        columns, label = {}, None
        asked.say(f"no labels: the files lie in {folder} itself, not in a folder for each class")
    else:
        columns, label = _columns_of(parts, files, folder, asked)
    known = described(columns, label, len(files), str(folder), asked)
    names = [str(path.relative_to(folder)) for path in files]
    return _media(lambda: zip(names, files, strict=True), len(files), known, folder, asked)


def from_table(frame: Frame, base: Path, asked: Asked, listed: Sequence[Path] = ()) -> Dataset:
    """Read a table whose examples are files, named from the folder `base`, bytes in a column, or numeric columns.

    ``listed`` are the files that lie there; those that the table does not name are told of.
    """
    where = str(frame.path)
    label = choose_label(frame.names, asked, where)
    for factor in asked.factors:
        choose_named(factor, frame.names, where, "factor")
    chosen = [name for name in frame.names if name in (label, SPLIT, *asked.factors)]
    encoded = _encoded(frame)
    named = None if encoded else files_column(frame, MEDIA, base)
    if encoded is None and named is None:
        return _numbers(frame, label, chosen, asked)
    if named is not None and named == label:
        raise ValueError(f"{where}: the label {label!r} names files: name another column")
    chosen = [name for name in frame.names if name != named] if not asked.factors else chosen
    known = described({name: frame.column(name) for name in chosen}, label, len(frame), where, asked)
    if encoded is not None:
        return _media(lambda: frame.stream(encoded), len(frame), known, frame.path, asked)
    names = [str(name) for name in frame.column(str(named)).tolist()]
    paths = _found(names, str(named), base, where)
    _one_kind(paths, where)
    rest = set(listed) - set(paths)
    if rest:
        asked.say(f"left out: {len(rest):,} files that {frame.path.name} does not name")
    return _media(lambda: zip(names, paths, strict=True), len(paths), known, base if listed else frame.path, asked)


def _numbers(frame: Frame, label: str | None, chosen: Sequence[str], asked: Asked) -> Dataset:
    refuse(f"{frame.path} holds no sounds", rate=asked.rate)
    size = pictures.checked_size(asked.size)
    x, used, what = features(frame, chosen, size, asked.say)
    words = [name for name in frame.names if name not in used]
    columns = {name: frame.column(name) for name in (chosen if asked.factors else words)}
    known = described(columns, label, len(frame), str(frame.path), asked)
    asked.say(what)
    return known.dataset(x, "table" if x.ndim == 2 else "image", frame.path)


def _media(contents: Pictures, n: int, known: Known, path: Path, asked: Asked) -> Dataset:
    """Read images or sounds, whichever the first one is."""
    first = next(iter(contents()))[1]
    if _is_sound(first):
        refuse(f"{path} holds sounds", size=asked.size)
        x, whole, rate = sounds.read_sounds(
            contents, n, str(path), rate=asked.rate, say=asked.say, progress=asked.progress
        )
        data = known.subset(whole, str(path)).dataset(x, "audio", path, rate)
    else:
        refuse(f"{path} holds images", rate=asked.rate)
        x, whole = pictures.read_pictures(
            contents, n, str(path), size=asked.size, say=asked.say, progress=asked.progress
        )
        data = known.subset(whole, str(path)).dataset(x, "image", path)
    if not isinstance(first, Path):  # bytes in a table, of whom there is no file
        return data
    return replace(data, files=np.array([name for name, _ in contents()])[whole])


def _is_sound(content: Content) -> bool:
    if isinstance(content, Path):
        return content.suffix.lower() in sounds.SUFFIXES
    return content is not None and content.startswith(_SOUND_STARTS) and content[8:12] != b"WEBP"  # a RIFF, too


def _walk(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return all images and sounds below a folder, and all other files, in order; hidden ones are passed over."""
    files, others, seen = list[Path](), list[Path](), set[str]()
    for root, names, leaves in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        names[:] = [] if real in seen else sorted(name for name in names if not _hidden(name))
        if real in seen:  # a link that leads back
            continue
        seen.add(real)
        for leaf in sorted(leaf for leaf in leaves if not _hidden(leaf)):
            (files if leaf.lower().endswith(MEDIA) else others).append(Path(root, leaf))
    return files, others


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _one_kind(files: Sequence[Path], where: str) -> None:
    heard = [path for path in files if path.suffix.lower() in sounds.SUFFIXES]
    if heard and len(heard) < len(files):
        seen = next(path for path in files if path.suffix.lower() not in sounds.SUFFIXES)
        raise ValueError(
            f"{where} mixes {len(files) - len(heard):,} images ({seen.name} …) and {len(heard):,} sounds "
            f"({heard[0].name} …), expected one kind: move the others elsewhere"
        )


def _manifest(tables: Sequence[Path], folder: Path, asked: Asked) -> Frame | None:
    """Return the table in a folder that names its files, or None."""
    frames = [read_table(path) for path in tables]
    frames = [frame for frame in frames if files_column(frame, MEDIA, folder) is not None]
    preferred = [frame for frame in frames if frame.path.stem.lower() in MANIFESTS]
    found = preferred if len(preferred) == 1 else frames
    if len(found) > 1:
        raise ValueError(
            f"{folder} holds several tables that name files ({some([f.path.name for f in found])}): "
            "give the one itself, or call it manifest"
        )
    left = [path.name for path in tables if not found or path != found[0].path]
    if left:
        asked.say(f"left alone, as no manifest: {some(left)}")
    return found[0] if found else None


def _columns_of(
    parts: Sequence[tuple[str, ...]], files: Sequence[Path], folder: Path, asked: Asked
) -> tuple[dict[str, Array], str]:
    """Return what the folders above each file say: maybe the split, the label, and factors from the top."""
    tops = {names[0] if names else "" for names in parts}
    skip = len(tops) > 1 and all(top.lower() in SPLITS for top in tops) and all(len(names) > 1 for names in parts)
    label = asked.label or "label"
    levels = [*([SPLIT] if skip else []), label, *asked.factors]
    loose = [path for path, names in zip(files, parts, strict=True) if len(names) < len(levels)]
    if loose:
        relative = [str(path.relative_to(folder)) for path in loose]
        raise ValueError(
            f"{folder}: {len(loose):,} of {len(files):,} files do not lie in folders for {', '.join(levels)} "
            f"({some(relative)}): move them to sub-folders, or put a table with a column of file names there"
        )
    if skip:
        asked.say(f"the folders {', '.join(sorted(tops))} are taken as the split, those below as {label!r}")
    return {level: _numbers_if_so(np.array([names[i] for names in parts])) for i, level in enumerate(levels)}, label


def _numbers_if_so(words: Array) -> Array:
    """Return folder names as whole numbers if they are written as such, so that 10 comes after 9."""
    if all(word.isascii() and word.isdigit() and str(int(word)) == word for word in set(words.tolist())):
        return words.astype(np.int64)
    return words


def _encoded(frame: Frame) -> str | None:
    """Return the column that holds the bytes of images or sounds."""
    if len(frame.encoded) > 1:
        named = [name for name in frame.encoded if name.lower() in ("image", "img", "picture", "audio", "sound")]
        if len(named) != 1:
            raise ValueError(f"{frame.path}: several columns hold bytes ({some(frame.encoded)}): keep one of them")
        return named[0]
    return frame.encoded[0] if frame.encoded else None


def _found(names: Sequence[str], column: str, base: Path, where: str) -> list[Path]:
    """Return the files of a column of names, as seen from a folder."""
    paths = [base / name for name in names]
    # Names without a suffix, as some tables have them, are completed by the one that the first file has.
    suffixes = "" if Path(names[0]).suffix else [s for s in MEDIA if paths[0].with_name(paths[0].name + s).is_file()]
    if suffixes:
        paths = [path.with_name(path.name + suffixes[0]) for path in paths]
    missing = [name or "an empty name" for name, path in zip(names, paths, strict=True) if not path.is_file()]
    if missing:
        raise ValueError(
            f"{where}: {len(missing):,} of {len(names):,} files of the column {column!r} are not in {base}: "
            f"{some(missing)}: mend the names, which count from there, or drop the rows; to train on the numeric "
            "columns, drop this one"
        )
    return paths
