"""NumPy files as a `Dataset`: .npz, and .npy with its labels in another .npy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....validation import is_one_hot
from ...dataset import Array, Dataset
from ...messages import did_you_mean, preview, reject
from ..annotations.columns import LABELS, choose_label
from ..annotations.labels import Annotations, ReadOptions, annotate
from .archives import Archive, load_archive, open_npy
from .examples import channels_first, check_shape, examples, kind_of, to_float32

__all__ = [
    "channels_first",
    "examples",
    "kind_of",
    "open_npy",
    "read_npy",
    "read_npz",
    "to_float32",
]

LABEL_FILES = ("labels.npy", "label.npy", "y.npy")  # beside the examples


def read_npz(path: Path, options: ReadOptions) -> Dataset:
    """Read an archive of arrays.

    The array of examples is called x, X, images or data. Every array with one value per example is
    a column. Arrays in parts, such as x_train and x_test, or train_images, val_images and
    test_images, are concatenated, and the parts become the split.

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
    archive = load_archive(path, options.unlabelled, options.log)
    check_shape(archive.x, where)
    columns = _columns(archive, options)
    label = choose_label(list(columns), options, where, columns.__getitem__)
    annotations = annotate(columns, label, len(archive.x), where, options)
    return _dataset(archive.x, annotations, path, options)


def _columns(archive: Archive, options: ReadOptions) -> dict[str, Array]:
    """Return the arrays with one value for each example."""
    n, columns = len(archive.x), dict[str, Array]()
    for name, values in archive.others.items():
        if values.shape in ((n,), (n, 1)):
            columns[name] = values.reshape(n)
    named = {options.label, *options.factors}
    has_usual = any(name.lower() in LABELS for name in columns)
    for name, values in archive.others.items():
        is_label = options.label is None and not has_usual and name.lower() in LABELS
        if name not in columns and (name in named or is_label):
            fix = ": take the argmax of each row" if is_one_hot(values) else ""
            raise ValueError(
                f"{archive.path}: {name!r} has shape {values.shape}, expected ({n},), one value "
                f"for each of the examples {archive.name!r}{fix}"
            )
    ignored = [name for name in archive.others if name not in columns]
    if ignored:
        options.log(f"ignored, not one value for each example: {preview(ignored)}")
    return columns


def _dataset(x: Array, annotations: Annotations, path: Path, options: ReadOptions) -> Dataset:
    """Return the data set of an array and its columns."""
    schema = options.schema
    x = examples(x, str(path), options.log, schema)
    if schema is None:
        return annotations.dataset(x, kind_of(x), path)
    learnt = {"columns": schema.columns, "rate": schema.rate}
    return annotations.dataset(
        x, schema.kind, path, **learnt, mels=schema.mels, frames=schema.frames
    )


def read_npy(path: Path, options: ReadOptions) -> Dataset:
    """Read examples as a memory map, and their columns from .npy files in the same folder.

    The label and the factors are paths, or names that stand for NAME.npy or DATA-NAME.npy in the
    same folder. If the label is not named, it is DATA-labels.npy, labels.npy or y.npy, with or
    without the s.

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
    check_shape(x, where)
    label, label_files = None, _label_files(path, options)
    factors, columns = list[str](), dict[str, Array]()
    if options.unlabelled and not label_files:
        options.log(f"no labels: {path.parent} holds no .npy file of them")
    else:
        file = label_files[0] if label_files else _column_file(path, options.label, "label")
        has_usual_name = file.name in _usual_names(path)
        label = "label" if has_usual_name else _column_name(file, path)
        columns[label] = open_npy(file)
    for factor in options.factors:
        file = _column_file(path, factor, "factor")
        factors.append(_column_name(file, path))
        columns[factors[-1]] = open_npy(file)
    if options.schema is not None and not factors:
        for factor in options.schema.factors:
            for file in _column_files(path, factor)[:1]:
                columns[factor] = open_npy(file)
    for name, values in columns.items():
        if values.shape not in ((len(x),), (len(x), 1)):
            fix = ": take the argmax of each row" if is_one_hot(values) else ""
            raise ValueError(
                f"{path} has shape {x.shape}, but {name!r} {values.shape}, expected ({len(x)},)"
                f"{fix}"
            )
    columns = {name: np.array(values).reshape(len(x)) for name, values in columns.items()}
    annotations = annotate(columns, label, len(x), where, options, factors)
    return _dataset(x, annotations, path, options)


def _usual_names(path: Path) -> list[str]:
    """Return the names that a file of the labels of examples can have."""
    return [f"{path.stem}-labels.npy", f"{path.stem}-label.npy", *LABEL_FILES]


def _label_files(path: Path, options: ReadOptions) -> list[Path]:
    """Return the files of the label: those named by the user, by the model, or by custom."""
    if options.schema is None or options.label not in (None, options.schema.label):
        return _column_files(path, options.label)
    return [*_column_files(path, options.schema.label), *_column_files(path, None)]


def _column_files(path: Path, name: str | None) -> list[Path]:
    """Return the existing .npy files that a column's name, or None for the label, stands for."""
    candidates = list[Path]()
    if name is not None:
        candidates += [Path(name), path.parent / name]
        candidates += [path.parent / f"{path.stem}-{name}.npy", path.parent / f"{name}.npy"]
    if name in (None, "label"):  # a label that nothing names is called label
        candidates += [path.with_name(file) for file in _usual_names(path)]
    return [file for file in candidates if file.is_file() and file.suffix == ".npy"]


def _column_file(path: Path, name: str | None, role: str) -> Path:
    """Return the file of a column, or raise a ValueError that suggests one."""
    files = _column_files(path, name)
    if files:
        return files[0]
    present = [file.name for file in sorted(path.parent.glob("*.npy")) if file.name != path.name]
    if name is None:
        expected = ", ".join(_usual_names(path))
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
