"""NumPy files, read safely: the array of a .npy, and the arrays of a .npz, in parts or whole."""

from __future__ import annotations

import re
import tokenize
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...dataset import Array
from ...messages import Log, one_line, preview
from ..annotations.columns import LABELS
from ..annotations.splits import SPLIT, SPLITS
from ..tables.formats import foreign_format

__all__ = ["EXAMPLES", "Archive", "load_archive", "open_npy"]

EXAMPLES = ("x", "images", "data")
UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError)
# A damaged header of an array can raise any of these.
BAD_ARRAY = (ValueError, TypeError, OverflowError, KeyError, SyntaxError, tokenize.TokenError)
_WORDS = "|".join(sorted(SPLITS, key=len, reverse=True))
_PART = re.compile(
    rf"(?P<before>{_WORDS})(?P<gap>[_\-. ]*)(?P<stem>.+)"
    rf"|(?P<stem_>.+?)(?P<gap_>[_\-. ]*)(?P<after>{_WORDS})",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Archive:
    """The examples of an archive and its other arrays.

    Parameters
    ----------
    path
        The .npz file.
    name
        Name of the examples.
    x
        The examples, (n, \\*shape).
    others
        The other arrays by name. If the examples came in parts, ``split`` is one of them.
    """

    path: Path
    name: str
    x: Array
    others: dict[str, Array] = field(default_factory=dict[str, Array])


def load_archive(path: Path, unlabelled: bool, log: Log) -> Archive:
    """Read an archive, and find the examples in it.

    The examples are called x, X, images or data, or come in parts such as x_train and x_test, or
    train_images, val_images and test_images. The parts are concatenated, and so are those of the
    labels and other columns.

    Parameters
    ----------
    path
        The .npz file.
    unlabelled
        Whether a part may lack its labels.
    log
        Called with one line on parts of different types.

    Raises
    ------
    ValueError
        If the file cannot be read, no array or several can be the examples, or parts do not match.
    """
    arrays = _load(path)
    parts = _find_parts(arrays, path)
    whole = [key for key in arrays if key.lower() in EXAMPLES]
    stems = [stem for stem in parts if stem in EXAMPLES]
    names = [*whole, *(key for stem in stems for key in parts[stem].values())]
    if len(whole) + len(stems) > 1:
        # What has one value for each example is a column.
        whole = [key for key in whole if arrays[key].ndim > 1]
        stems = [stem for stem in stems if any(arrays[k].ndim > 1 for k in parts[stem].values())]
    if len(whole) + len(stems) > 1:
        raise ValueError(
            f"{path}: several arrays can be the examples ({preview(names, 8)}), expected one of "
            "them: keep one, or rename the others"
        )
    if {"indptr", "indices", "data"} <= set(arrays):
        raise ValueError(f"{path} holds a sparse matrix, expected x as numbers: use x.toarray()")
    if whole:
        return Archive(path, whole[0], arrays.pop(whole[0]), arrays)
    if stems:
        return _concatenated(path, stems[0], arrays, parts, unlabelled, log)
    if not arrays:
        raise ValueError(f"{path} holds no arrays, expected examples called x: save it again")
    held = [f"{name!r} {array.shape}" for name, array in arrays.items()]
    raise ValueError(
        f"{path} holds {preview(held, 8, quote=False)}, expected examples called x, X, images or "
        "data: rename the array"
    )


def open_npy(path: Path) -> Array:
    """Return the array of a .npy file as a read-only memory map.

    Raises
    ------
    ValueError
        If the file is incomplete, of another format, or holds Python objects.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")  # unlike numpy.load, it never unpickles
    except (*BAD_ARRAY, MemoryError, OSError, EOFError) as error:
        if "Python objects" in str(error):
            fix = "save an array of numbers or words with numpy.save"
            raise ValueError(f"{path} holds Python objects: {fix}") from error
        raise ValueError(_problem(path, b"\x93NUMPY", one_line(error))) from error


def _problem(path: Path, signature: bytes, reason: str) -> str:
    """Return what is wrong with a file of arrays that begins with `signature` if it is whole."""
    try:
        with open(path, "rb") as file:
            start = file.read(1024)
    except OSError:
        return f"{path} cannot be opened: {reason}"
    foreign = None if start.startswith(signature) else foreign_format(start)
    if foreign:
        return f"{path} is {foreign[0]}, not a {path.suffix} file: {foreign[1]}"
    problem = f"is not a complete {path.suffix} file ({reason})" if start else "is empty (0 bytes)"
    writer = "numpy.savez" if path.suffix.lower() == ".npz" else "numpy.save"
    return f"{path} {problem}: download it again, or save it with {writer}"


def _load(path: Path) -> dict[str, Array]:
    """Return the arrays of a .npz file, by name."""
    arrays = dict[str, Array]()
    try:
        with open(path, "rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
            for name in archive.files:
                array = _load_member(archive, name, path)
                if isinstance(array, np.ndarray):  # a file of another format is read as bytes
                    arrays[name] = array
    except UNREADABLE as error:
        raise ValueError(_problem(path, b"PK", one_line(error))) from error
    return arrays


def _load_member(archive: np.lib.npyio.NpzFile, name: str, path: Path) -> Array:
    try:
        return archive[name]
    except MemoryError as error:
        raise ValueError(
            f"{path}: the array {name!r} does not fit in memory ({one_line(error)}): save it as a "
            ".npy file, which stays on disk"
        ) from error
    except BAD_ARRAY as error:
        if "Object arrays" in str(error):
            raise ValueError(
                f"{path}: the array {name!r} holds Python objects, expected numbers or str: save "
                "words as y.astype(str), and bring rows of different shapes to one shape"
            ) from error
        raise ValueError(
            f"{path}: the array {name!r} is damaged ({one_line(error)}): save the file again"
        ) from error


def _find_parts(arrays: dict[str, Array], path: Path) -> dict[str, dict[str, str]]:
    """Return the names of arrays that are parts, by the name of the whole and of the split."""
    parts = dict[str, dict[str, str]]()
    for key in arrays:
        match = _PART.fullmatch(key)
        if match is None:
            continue
        stem = (match["stem"] or match["stem_"]).lower()
        gap = match["gap"] or match["gap_"]
        if not gap and stem not in (*EXAMPLES, *LABELS):
            continue
        split = (match["before"] or match["after"]).lower()
        of_stem = parts.setdefault(stem, {})
        if split in of_stem:
            raise ValueError(
                f"{path}: {of_stem[split]!r} and {key!r} are both the part {split} of {stem!r}: "
                "keep one"
            )
        of_stem[split] = key
    return parts


def _concatenated(
    path: Path,
    stem: str,
    arrays: dict[str, Array],
    parts: dict[str, dict[str, str]],
    unlabelled: bool,
    log: Log,
) -> Archive:
    """Return the examples and columns whose parts are concatenated."""
    keys = parts[stem]
    counts = {split: len(arrays[key]) if arrays[key].ndim else 0 for split, key in keys.items()}
    others = dict(arrays)
    for key in keys.values():
        del others[key]
    for name, of_name in parts.items():
        if name == stem:
            continue
        column = _column(path, keys, of_name, arrays, counts)
        absent = [split for split in keys if split not in of_name]
        if absent and name in LABELS and not unlabelled:
            example = next(iter(of_name.values()))
            raise ValueError(
                f"{path}: {keys[absent[0]]!r} has no labels beside it, as {example!r} are for "
                "another part: add them, or leave out that part"
            )
        if absent and name not in LABELS:
            continue
        for key in of_name.values():
            others.pop(key, None)
        others[name] = column
    words = np.repeat([*counts], [*counts.values()])
    whole = _join([arrays[key] for key in keys.values()], [*keys.values()], path, log)
    return Archive(path, stem, whole, {**others, SPLIT: words})


def _column(
    path: Path,
    keys: dict[str, str],
    of_name: dict[str, str],
    arrays: dict[str, Array],
    counts: dict[str, int],
) -> Array:
    """Return one column of all parts; None where a part lacks it."""
    columns = list[Array]()
    for split, key in keys.items():
        if split not in of_name:
            columns.append(np.full(counts[split], None, object))
            continue
        values = arrays[of_name[split]]
        if values.shape[:1] != (counts[split],):
            raise ValueError(
                f"{path}: {of_name[split]!r} has shape {values.shape}, but {key!r} "
                f"{arrays[key].shape}, expected one value for each example"
            )
        columns.append(values.reshape(-1) if values.shape == (counts[split], 1) else values)
    names = [of_name[split] for split in keys if split in of_name]
    if any(split not in of_name for split in keys):
        return np.concatenate([column.astype(object) for column in columns])
    return _join(columns, names, path, None)


def _join(arrays: list[Array], names: list[str], path: Path, log: Log | None) -> Array:
    """Return arrays one after the other, or raise a ValueError if they do not match."""
    first = arrays[0]
    for array, name in zip(arrays, names, strict=True):
        if array.shape[1:] != first.shape[1:] or not array.ndim:
            raise ValueError(
                f"{path}: {names[0]} has shape {first.shape}, but {name} {array.shape}, expected "
                "one shape of rows"
            )
        if (array.dtype.kind in "biuf") != (first.dtype.kind in "biuf"):
            raise ValueError(
                f"{path}: {names[0]} holds {first.dtype}, but {name} {array.dtype}, expected one "
                "type"
            )
    types = {str(array.dtype) for array in arrays}
    if log is not None and len(types) > 1:
        log(f"{preview(names)} have the types {', '.join(sorted(types))}: their numbers are kept")
    return np.concatenate(arrays)
