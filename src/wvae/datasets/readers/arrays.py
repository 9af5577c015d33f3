"""NumPy's files – .npz, and .npy beside its labels – as a `Dataset`."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from ..dataset import Array, Dataset, Kind
from ..messages import Log, did_you_mean, one_line, preview, reject
from .labels import ReadOptions, annotate, choose_label

__all__ = ["examples", "kind_of", "open_npy", "read_npy", "read_npz"]

EXAMPLES = ("x", "images", "data")
LABEL_FILES = ("labels.npy", "y.npy")  # beside the examples
CHUNK = 1 << 24  # values that are checked at once


def read_npz(path: Path, options: ReadOptions) -> Dataset:
    """Read an archive of arrays.

    The examples are called x, X, images or data; every array of one value for each of them is a column. Arrays in two
    parts, x_train and x_test, are concatenated, and become the split.

    Raises
    ------
    ValueError
        If it cannot be read, holds Python objects, or has no such arrays.
    """
    where = str(path)
    reject(f"{path} is an archive of arrays", size=options.size, rate=options.rate)
    arrays = _concatenate_parts(_load_archive(path), path)
    keys = [key for word in EXAMPLES for key in arrays if key.lower() == word]
    if not keys:
        raise ValueError(
            f"{path} holds {preview(list(arrays), 8)}, expected the examples under x, X, images or data"
        )
    x = arrays.pop(keys[0])
    n = len(x) if x.ndim else 0
    columns = {name: values for name, values in arrays.items() if values.shape in ((n,), (n, 1))}
    # A label that was named is looked for among all arrays, so that an error can say that its shape is wrong.
    label = choose_label([*columns] if options.label not in arrays else [*arrays], options, where)
    roles = [(label, "label"), *((factor, "factor") for factor in options.factors)]
    for name, role in roles:
        if name in arrays and name not in columns:
            shape = arrays[name].shape
            raise ValueError(
                f"{path}: the {role} {name!r} has shape {shape}, {keys[0]} {x.shape}: expected ({n},)"
            )
    ignored = [name for name in arrays if name not in columns]
    if ignored:
        options.log(f"ignored, without a value for each example: {preview(ignored)}")
    columns = {name: values.reshape(n) for name, values in columns.items()}
    annotations = annotate(columns, label, n, where, options)
    return annotations.dataset(examples(x, where, options.log), kind_of(x), path)


def read_npy(path: Path, options: ReadOptions) -> Dataset:
    """Read examples as a memory map, and their columns from .npy files beside them.

    The label and the factors are paths, or names that stand for NAME.npy or DATA-NAME.npy in the same folder. Without a
    name the label is DATA-labels.npy, labels.npy or y.npy.

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
        options.log(f"no labels: there is no .npy of them beside {path}")
    else:
        file = _column_file(path, options.label, "label")
        label = (
            "label"
            if file.stem in ("y", "labels", f"{path.stem}-labels")
            else _column_name(file, path)
        )
        columns[label] = open_npy(file)
    for factor in options.factors:
        file = _column_file(path, factor, "factor")
        factors.append(_column_name(file, path))
        columns[factors[-1]] = open_npy(file)
    for name, values in columns.items():
        if values.shape not in ((len(x),), (len(x), 1)):
            raise ValueError(
                f"{path} has shape {x.shape}, {name!r} {values.shape}: expected ({len(x)},)"
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
        objects = "Python objects" in str(error)
        reason = (
            "holds Python objects"
            if objects
            else f"is not a complete .npy file ({one_line(error)})"
        )
        raise ValueError(
            f"{path} {reason}: save an array of numbers or words with numpy.save"
        ) from error


def examples(x: Array, where: str, log: Log) -> Array:
    r"""Return examples as a `Dataset` takes them, converted only if they must be.

    Parameters
    ----------
    x
        Numbers, (n, \*shape); of images the channels are first or last.
    where
        The name of the source in errors.
    log
        Called with one line on each conversion.

    Returns
    -------
    x
        (n, \*shape) uint8 or float32, channels first; images of one channel are (n, h, w).

    Raises
    ------
    ValueError
        If there are no examples, or they hold no numbers, NaN or infinity.
    """
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(
            f"{where}: the examples have shape {x.shape}, expected (n, *shape), such as (n, 28, 28)"
        )
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
    """Return the kind of examples of this shape: rows of numbers are a table, all else images."""
    return "table" if x.ndim == 2 else "image"


def _check_finite(x: Array, where: str) -> None:
    """Raise a ValueError if a value is NaN, infinite, or becomes so in float32."""
    rows_at_once = max(1, CHUNK // max(1, int(np.prod(x.shape[1:]))))
    for start in range(0, len(x), rows_at_once):
        rows = x[start : start + rows_at_once]
        with np.errstate(
            over="ignore"
        ):  # values beyond float32 become infinite and are reported as such
            finite = np.isfinite(rows.astype(np.float32, copy=False))
        bad = np.flatnonzero(~finite.reshape(len(finite), -1).all(1))
        if bad.size:
            raise ValueError(
                f"{where}: the examples hold NaN or infinity, first in row {start + bad[0] + 1}: "
                "fill or drop those rows"
            )


def _channels_first(x: Array, where: str, log: Log) -> Array:
    """Return images as (n, h, w) or (n, 3, h, w), as a view."""
    first, last = x.shape[1] in (1, 3, 4), x.shape[3] in (1, 3, 4)
    if last and not first:
        log(f"the examples have shape {x.shape[1:]}: the channels were moved to the front")
        x = np.moveaxis(x, 3, 1)
    if x.shape[1] == 4:
        raise ValueError(
            f"{where}: the images have 4 channels, expected 1 or 3: composite transparent ones on white"
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
            f"{path}: the array {name!r} holds Python objects, often rows of different shapes: "
            "bring them to one shape and stack them to an array of numbers, or to words of dtype str"
        ) from error


def _concatenate_parts(arrays: dict[str, Array], path: Path) -> dict[str, Array]:
    """Return x_train, y_train, x_test, y_test as x, y and split; any other arrays as they are."""
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
                f"{path}: {name}_train has shape {train.shape}, {name}_test {test.shape}: expected one shape"
            )
        whole[name] = np.concatenate([train, test])
    counts = [len(arrays[f"{x}_train"]), len(arrays[f"{x}_test"])]
    return {**whole, "split": np.repeat(["train", "test"], counts)}


def _column_files(path: Path, name: str | None) -> list[Path]:
    """Return the files that may hold a column: the path that was given, or those beside the examples."""
    candidates = list[Path]()
    if name is not None:
        candidates += [Path(name), path.parent / name]
        candidates += [path.parent / f"{path.stem}-{name}.npy", path.parent / f"{name}.npy"]
    if name in (None, "label"):  # a label without a name of its own is called label
        candidates += [path.with_name(file) for file in (f"{path.stem}-labels.npy", *LABEL_FILES)]
    return [file for file in candidates if file.is_file() and file.suffix == ".npy"]


def _column_file(path: Path, name: str | None, role: str) -> Path:
    """Return the file of a column, or raise a ValueError that says which files are there."""
    files = _column_files(path, name)
    if files:
        return files[0]
    present = [file.name for file in sorted(path.parent.glob("*.npy")) if file.name != path.name]
    if name is None:
        raise ValueError(
            f"{path} has no labels beside it ({', '.join((f'{path.stem}-labels.npy', *LABEL_FILES))}): "
            f"give the {role} as the path of a .npy{f', such as {present[0]}' if present else ''}"
        )
    raise ValueError(
        f"there is no {role} {name!r} for {path}{did_you_mean(name, present)}: expected the path of a .npy file"
    )


def _column_name(file: Path, path: Path) -> str:
    return file.stem.removeprefix(f"{path.stem}-")
