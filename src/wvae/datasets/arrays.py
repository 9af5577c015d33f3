"""NumPy's files – .npz, and .npy beside its labels – as a `Dataset`."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from .dataset import Array, Dataset, Kind
from .labels import Asked, choose_label, described
from .wording import Say, did_you_mean, one_line, refuse, some

__all__ = ["examples", "kind_of", "mapped", "read_npy", "read_npz"]

EXAMPLES = ("x", "images", "data")
USUAL = ("labels.npy", "y.npy")  # beside the examples
AT_ONCE = 1 << 24  # values that are looked at in one go


def read_npz(path: Path, asked: Asked) -> Dataset:
    """Read an archive of arrays.

    The examples are called x, X, images or data; all arrays of one value for each of them are columns. Arrays in two
    parts, x_train and x_test, are put together, and the split is theirs.

    Raises
    ------
    ValueError
        If it cannot be read, holds Python objects, or has no such arrays.
    """
    label, say = asked.label, asked.say
    refuse(f"{path} is an archive of arrays", size=asked.size, rate=asked.rate)
    try:
        with open(path, "rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
            arrays = {name: _member(archive, name, path) for name in archive.files}
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is no whole .npz file: {one_line(error)}") from error
    arrays = _put_together(arrays, path)
    keys = [key for word in EXAMPLES for key in arrays if key.lower() == word]
    if not keys:
        raise ValueError(f"{path} holds {some(list(arrays), 8)}, expected the examples under x, X, images or data")
    x = arrays.pop(keys[0])
    n = len(x) if x.ndim else 0
    columns = {name: values for name, values in arrays.items() if values.shape in ((n,), (n, 1))}
    name = choose_label([*columns] if label not in arrays else [*arrays], asked, str(path))
    for chosen, what in ((name, "label"), *((factor, "factor") for factor in asked.factors)):
        if chosen in arrays and chosen not in columns:
            shape = arrays[chosen].shape
            raise ValueError(f"{path}: the {what} {chosen!r} has shape {shape}, {keys[0]} {x.shape}: expected ({n},)")
    others = [other for other in arrays if other not in columns]
    if others:
        say(f"left alone, as they have no value for each example: {some(others)}")
    columns = {column: values.reshape(n) for column, values in columns.items()}
    known = described(columns, name, n, str(path), asked)
    return known.dataset(examples(x, str(path), say), kind_of(x), path)


def read_npy(path: Path, asked: Asked) -> Dataset:
    """Read examples as a memory map, and what is known of them from .npy files beside them.

    The label and the factors are paths, or names that stand for NAME.npy or DATA-NAME.npy in the same folder; no label
    given, it is DATA-labels.npy, labels.npy or y.npy.

    Raises
    ------
    ValueError
        If a file is not there, cannot be read, or has another length.
    """
    refuse(f"{path} is an array", size=asked.size, rate=asked.rate)
    x = mapped(path)
    name, names, columns = None, list[str](), dict[str, Array]()
    if asked.unlabelled and not _there(path, asked.label):
        asked.say(f"no labels: there is no .npy of them beside {path}")
    else:
        file = _beside(path, asked.label, "label")
        name = "label" if file.stem in ("y", "labels", f"{path.stem}-labels") else _short(file, path)
        columns[name] = mapped(file)
    for factor in asked.factors:
        found = _beside(path, factor, "factor")
        names.append(_short(found, path))
        columns[names[-1]] = mapped(found)
    for column, values in columns.items():
        if values.shape not in ((len(x),), (len(x), 1)):
            raise ValueError(f"{path} has shape {x.shape}, {column!r} {values.shape}: expected ({len(x)},)")
    columns = {column: np.array(values).reshape(len(x)) for column, values in columns.items()}
    known = described(columns, name, len(x), str(path), asked, names)
    return known.dataset(examples(x, str(path), asked.say), kind_of(x), path)


def examples(x: Array, where: str, say: Say) -> Array:
    """Return x, (n, \\*shape) uint8 or float32, channels first; what is neither is converted, and `say` is told.

    Raises
    ------
    ValueError
        If it has no examples, no numbers, NaN or infinity.
    """
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"{where}: the examples have shape {x.shape}, expected (n, *shape), such as (n, 28, 28)")
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{where}: the examples have dtype {x.dtype}, expected numbers")
    if x.ndim == 4:
        x = _channels_first(x, where, say)
    if x.dtype.kind == "f":
        for rows in _slices(x):
            with np.errstate(over="ignore"):  # what is too large for float32 is infinite, and named so
                finite = np.isfinite(x[rows].astype(np.float32, copy=False))
            bad = np.flatnonzero(~finite.reshape(len(finite), -1).all(1))
            if bad.size:
                raise ValueError(
                    f"{where}: the examples hold NaN or infinity, first in row {rows.start + bad[0] + 1}: "
                    "fill or drop those rows"
                )
    if x.dtype in (np.uint8, np.float32) and x.dtype.isnative:
        return x
    if x.dtype.kind == "b":
        say(f"the examples are {x.dtype}: made uint8, 0 and 255")
        return x.astype(np.uint8) * np.uint8(255)
    small = x.dtype.kind in "iu" and x.ndim > 2 and x.min() >= 0 and x.max() <= 255
    say(f"the examples are {x.dtype}: made {'uint8' if small else 'float32'}")
    return x.astype(np.uint8 if small else np.float32)


def kind_of(x: Array) -> Kind:
    """Return what examples of this shape are taken for: rows of numbers are a table, all else images."""
    return "table" if x.ndim == 2 else "image"


def _slices(x: Array) -> list[slice]:
    step = max(1, AT_ONCE // max(1, int(np.prod(x.shape[1:]))))
    return [slice(start, start + step) for start in range(0, len(x), step)]


def _channels_first(x: Array, where: str, say: Say) -> Array:
    """Return images as (n, h, w) or (n, 3, h, w), as a view."""
    first, last = x.shape[1] in (1, 3, 4), x.shape[3] in (1, 3, 4)
    if last and not first:
        say(f"the examples have shape {x.shape[1:]}: the channels were brought to the front")
        x = np.moveaxis(x, 3, 1)
    if x.shape[1] == 4:
        raise ValueError(f"{where}: the images have 4 channels, expected 1 or 3: lay the transparent ones on white")
    return x[:, 0] if x.shape[1] == 1 else x


def _member(archive: np.lib.npyio.NpzFile, name: str, path: Path) -> Array:
    try:
        return archive[name]
    except ValueError as error:
        raise ValueError(
            f"{path}: the array {name!r} holds Python objects, often rows of mixed shapes: "
            "bring them to one shape and stack them to an array of numbers, or to words of dtype str"
        ) from error


def _put_together(arrays: dict[str, Array], path: Path) -> dict[str, Array]:
    """Return x_train, y_train, x_test, y_test as x, y and split; any other arrays as they are."""
    x = next((k[:-6] for k in arrays if k.lower() in [f"{word}_train" for word in EXAMPLES]), None)
    if x is None or f"{x}_test" not in arrays:
        return arrays
    whole: dict[str, Array] = {}
    for name in (key[:-6] for key in arrays if key.endswith("_train") and f"{key[:-6]}_test" in arrays):
        train, test = arrays[f"{name}_train"], arrays[f"{name}_test"]
        if train.shape[1:] != test.shape[1:]:
            raise ValueError(f"{path}: {name}_train has shape {train.shape}, {name}_test {test.shape}: expected alike")
        whole[name] = np.concatenate([train, test])
    counts = [len(arrays[f"{x}_train"]), len(arrays[f"{x}_test"])]
    return {**whole, "split": np.repeat(["train", "test"], counts)}


def mapped(path: Path) -> Array:
    """Return the array of a .npy file as a read-only memory map, or raise a ValueError if it is none."""
    try:
        return np.lib.format.open_memmap(path, mode="r")  # unlike numpy.load, it knows no pickles at all
    except (ValueError, OSError, EOFError) as error:
        objects = "Python objects" in str(error)
        why = "holds Python objects" if objects else f"is no whole .npy file ({one_line(error)})"
        raise ValueError(f"{path} {why}: save an array of numbers or words with numpy.save") from error


def _there(path: Path, name: str | None) -> list[Path]:
    """Return the files of a column: the path that was given, or what lies beside the examples."""
    usual = [path.with_name(file) for file in (f"{path.stem}-labels.npy", *USUAL)]
    candidates = [] if name is None else [Path(name), path.parent / name]
    candidates += [] if name is None else [path.parent / f"{path.stem}-{name}.npy", path.parent / f"{name}.npy"]
    candidates += usual if name in (None, "label") else []  # which is what they are called when none is named
    return [file for file in candidates if file.is_file() and file.suffix == ".npy"]


def _beside(path: Path, name: str | None, what: str) -> Path:
    """Return the file of a column, or raise a ValueError that says where it was looked for."""
    found = _there(path, name)
    if found:
        return found[0]
    there = [file.name for file in sorted(path.parent.glob("*.npy")) if file.name != path.name]
    if name is None:
        raise ValueError(
            f"{path} has no labels beside it ({', '.join((f'{path.stem}-labels.npy', *USUAL))}): "
            f"give the {what} as the path of a .npy{f', such as {there[0]}' if there else ''}"
        )
    raise ValueError(
        f"there is no {what} {name!r} for {path}{did_you_mean(name, there)}: expected the path of a .npy file"
    )


def _short(file: Path, path: Path) -> str:
    return file.stem.removeprefix(f"{path.stem}-")
