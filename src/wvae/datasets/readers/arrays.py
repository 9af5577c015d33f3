"""NumPy files as a `Dataset`: .npz, and .npy with its labels in another .npy."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from ..dataset import Array, Dataset, Kind
from ..messages import Log, did_you_mean, one_line, preview, reject
from .labels import ReadOptions, annotate, choose_label

__all__ = ["examples", "kind_of", "open_npy", "read_npy", "read_npz", "to_float32"]

EXAMPLES = ("x", "images", "data")
LABEL_FILES = ("labels.npy", "y.npy")  # beside the examples
CHUNK = 1 << 24  # values checked at once


def read_npz(path: Path, options: ReadOptions) -> Dataset:
    """Read an archive of arrays.

    The array of examples is called x, X, images or data. Every array with one value per example is
    a column. Arrays in two parts, x_train and x_test, are concatenated, and the parts become the
    split.

    Parameters
    ----------
    path
        The .npz file.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If the file cannot be read, holds Python objects, or lacks the examples or a named column.
    """
    where = str(path)
    reject(f"{path} is an archive of arrays", size=options.size, rate=options.rate)
    arrays = _concatenate_parts(_load_archive(path), path)
    keys = [key for word in EXAMPLES for key in arrays if key.lower() == word]
    if not keys:
        raise ValueError(
            f"{path} holds {preview(list(arrays), 8)}, expected examples called x, X, images or "
            "data: rename the array"
        )
    x = arrays.pop(keys[0])
    n = len(x) if x.ndim else 0
    columns = {name: values for name, values in arrays.items() if values.shape in ((n,), (n, 1))}
    for name in (options.label, *options.factors):
        if name in arrays and name not in columns:
            raise ValueError(
                f"{path}: {name!r} has shape {arrays[name].shape}, expected ({n},), one value for "
                f"each of the examples {keys[0]!r}"
            )
    label = choose_label(list(columns), options, where)
    ignored = [name for name in arrays if name not in columns]
    if ignored:
        options.log(f"ignored, not one value for each example: {preview(ignored)}")
    columns = {name: values.reshape(n) for name, values in columns.items()}
    annotations = annotate(columns, label, n, where, options)
    return annotations.dataset(examples(x, where, options.log), kind_of(x), path)


def read_npy(path: Path, options: ReadOptions) -> Dataset:
    """Read examples as a memory map, and their columns from .npy files in the same folder.

    The label and the factors are paths, or names that stand for NAME.npy or DATA-NAME.npy in the
    same folder. If the label is not named, it is DATA-labels.npy, labels.npy or y.npy.

    Parameters
    ----------
    path
        The .npy file of the examples.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If a file is missing, cannot be read, or has another length.
    """
    where = str(path)
    reject(f"{path} is an array", size=options.size, rate=options.rate)
    x = open_npy(path)
    label = None
    factors, columns = list[str](), dict[str, Array]()
    if options.unlabelled and not _column_files(path, options.label):
        options.log(f"no labels: {path.parent} holds no .npy file of them")
    else:
        file = _column_file(path, options.label, "label")
        has_usual_name = file.name in (f"{path.stem}-labels.npy", *LABEL_FILES)
        label = "label" if has_usual_name else _column_name(file, path)
        columns[label] = open_npy(file)
    for factor in options.factors:
        file = _column_file(path, factor, "factor")
        factors.append(_column_name(file, path))
        columns[factors[-1]] = open_npy(file)
    for name, values in columns.items():
        if values.shape not in ((len(x),), (len(x), 1)):
            raise ValueError(
                f"{path} has shape {x.shape}, but {name!r} {values.shape}, expected ({len(x)},)"
            )
    columns = {name: np.array(values).reshape(len(x)) for name, values in columns.items()}
    annotations = annotate(columns, label, len(x), where, options, factors)
    return annotations.dataset(examples(x, where, options.log), kind_of(x), path)


def open_npy(path: Path) -> Array:
    """Return the array of a .npy file as a read-only memory map.

    Raises
    ------
    ValueError
        If the file is incomplete, of another format, or holds Python objects.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")  # unlike numpy.load, it never unpickles
    except (ValueError, OSError, EOFError) as error:
        if "Python objects" in str(error):
            problem = "holds Python objects"
        else:
            problem = f"is not a complete .npy file ({one_line(error)})"
        fix = "save an array of numbers or words with numpy.save"
        raise ValueError(f"{path} {problem}: {fix}") from error


def examples(x: Array, where: str, log: Log) -> Array:
    r"""Return examples in the shape and dtype that a `Dataset` requires; convert only if necessary.

    Parameters
    ----------
    x
        Numbers, (n, \*shape); images have their channels first or last.
    where
        Name of the source for errors.
    log
        Called with one line on each conversion.

    Returns
    -------
    x
        (n, \*shape) uint8 or float32, channels first; images of one channel are (n, h, w).

    Raises
    ------
    ValueError
        If there are no examples, they are not numbers, or they contain NaN or infinity.
    """
    if x.ndim < 2 or 0 in x.shape:
        expected = "(n, *shape), such as (n, 28, 28)"
        raise ValueError(f"{where}: the examples have shape {x.shape}, expected {expected}")
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{where}: the examples have dtype {x.dtype}, expected numbers")
    if x.ndim == 4:
        x = _channels_first(x, where, log)
    if x.dtype.kind == "f":
        _check_finite(x, where)
    if x.dtype in (np.uint8, np.float32) and x.dtype.isnative:
        return x
    if x.dtype.kind == "b":
        log(f"the examples are {x.dtype}: converted to uint8, 0 and 255")
        return x.astype(np.uint8) * np.uint8(255)
    is_pixels = x.dtype.kind in "iu" and x.ndim > 2 and x.min() >= 0 and x.max() <= 255
    log(f"the examples are {x.dtype}: converted to {'uint8' if is_pixels else 'float32'}")
    return x.astype(np.uint8 if is_pixels else np.float32)


def kind_of(x: Array) -> Kind:
    """Return "table" for rows of numbers, (n, d), and "image" for all other shapes."""
    return "table" if x.ndim == 2 else "image"


def _check_finite(x: Array, where: str) -> None:
    """Raise a ValueError if a value is NaN, infinite, or becomes so in float32."""
    rows_at_once = max(1, CHUNK // max(1, int(np.prod(x.shape[1:]))))
    for start in range(0, len(x), rows_at_once):
        rows = x[start : start + rows_at_once]
        finite = np.isfinite(to_float32(rows)).reshape(len(rows), -1).all(1)
        bad = np.flatnonzero(~finite)
        if bad.size:
            raise ValueError(
                f"{where}: the examples hold NaN or infinity, first in row {start + bad[0] + 1}: "
                "fill the values or drop the rows"
            )


def to_float32(values: Array) -> Array:
    """Return values as float32 without a warning; those beyond its range become infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


def _channels_first(x: Array, where: str, log: Log) -> Array:
    """Return images as (n, h, w) or (n, 3, h, w), as a view."""
    first, last = x.shape[1] in (1, 3, 4), x.shape[3] in (1, 3, 4)
    if last and not first:
        log(f"the examples have shape {x.shape[1:]}: the channels were moved to the front")
        x = np.moveaxis(x, 3, 1)
    if x.shape[1] == 4:
        raise ValueError(
            f"{where}: the images have 4 channels, expected 1 or 3: composite transparent images "
            "on white"
        )
    return x[:, 0] if x.shape[1] == 1 else x


def _load_archive(path: Path) -> dict[str, Array]:
    """Return the arrays of a .npz file, by name."""
    try:
        with open(path, "rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
            return {name: _load_member(archive, name, path) for name in archive.files}
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a complete .npz file: {one_line(error)}") from error


def _load_member(archive: np.lib.npyio.NpzFile, name: str, path: Path) -> Array:
    try:
        return archive[name]
    except ValueError as error:
        raise ValueError(
            f"{path}: the array {name!r} holds Python objects, expected numbers or str: bring rows "
            "of different shapes to one shape"
        ) from error


def _concatenate_parts(arrays: dict[str, Array], path: Path) -> dict[str, Array]:
    """Return x_train, y_train, x_test, y_test as x, y and split; leave other arrays as they are."""
    stems = [key.removesuffix("_train") for key in arrays if key.endswith("_train")]
    stems = [stem for stem in stems if f"{stem}_test" in arrays]
    x = next((stem for stem in stems if stem.lower() in EXAMPLES), None)
    if x is None:
        return arrays
    whole: dict[str, Array] = {}
    for name in stems:
        train, test = arrays[f"{name}_train"], arrays[f"{name}_test"]
        if train.shape[1:] != test.shape[1:]:
            raise ValueError(
                f"{path}: {name}_train has shape {train.shape}, but {name}_test {test.shape}, "
                "expected one shape of rows"
            )
        whole[name] = np.concatenate([train, test])
    counts = [len(arrays[f"{x}_train"]), len(arrays[f"{x}_test"])]
    return {**whole, "split": np.repeat(["train", "test"], counts)}


def _column_files(path: Path, name: str | None) -> list[Path]:
    """Return the existing .npy files that a column's name, or None for the label, stands for."""
    candidates = list[Path]()
    if name is not None:
        candidates += [Path(name), path.parent / name]
        candidates += [path.parent / f"{path.stem}-{name}.npy", path.parent / f"{name}.npy"]
    if name in (None, "label"):  # a label that nothing names is called label
        candidates += [path.with_name(file) for file in (f"{path.stem}-labels.npy", *LABEL_FILES)]
    return [file for file in candidates if file.is_file() and file.suffix == ".npy"]


def _column_file(path: Path, name: str | None, role: str) -> Path:
    """Return the file of a column, or raise a ValueError that suggests one."""
    files = _column_files(path, name)
    if files:
        return files[0]
    present = [file.name for file in sorted(path.parent.glob("*.npy")) if file.name != path.name]
    if name is None:
        expected = ", ".join((f"{path.stem}-labels.npy", *LABEL_FILES))
        example = f", such as {present[0]}" if present else ""
        raise ValueError(
            f"{path.parent} holds no labels for {path.name}, expected one of {expected}: name the "
            f"{role} by the path of a .npy file{example}"
        )
    raise ValueError(
        f"there is no {role} {name!r} for {path}, expected the path of a .npy file"
        f"{did_you_mean(name, present)}"
    )


def _column_name(file: Path, path: Path) -> str:
    """Return the name of a column by its file: ``x-writer.npy`` of ``x.npy`` is ``writer``."""
    return file.stem.removeprefix(f"{path.stem}-")
