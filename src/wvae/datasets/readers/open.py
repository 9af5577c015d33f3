"""`open_data`: a data set of the catalogue by name, or a user's files by path."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...validation.quoting import quoted
from ..catalogue import CATALOGUE, load
from ..conform import check_files, conform, schema_of, seed_of, white_of
from ..dataset import Array, Dataset
from ..duplicates import count_shared_rows
from ..holdout import holdout_mask
from ..messages import Log, did_you_mean, reject
from ..schema import Naming, Schema
from ..shards import on_disk
from .annotations.labels import ReadOptions, require_column
from .arrays.arrays import read_npy, read_npz
from .files import images, sounds
from .files.folders import from_folder, from_table
from .shards.huggingface import is_saved, read_saved
from .shards.layout import find_shards
from .shards.shards import read_shards
from .tables.tables import TABLES, read_table

__all__ = ["open_data"]


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr)


def open_data(
    source: str | Path,
    *,
    label: str | None = None,
    factors: Sequence[str] = (),
    size: int | tuple[int, int] | None = None,
    rate: int | None = None,
    log: Log = _to_stderr,
    progress: bool = True,
    unlabelled: bool = False,
    drop_missing: bool = False,
    label_from_name: str | None = None,
    factors_from_name: Sequence[str] = (),
    label_from_folder: Sequence[int] | None = None,
    like: Any = None,
    seed: int | Literal["auto"] | None = "auto",
) -> Dataset:
    """Open a data set of the catalogue by name, or a user's own data by path, as a `Dataset`.

    ===============================  =============================================================
    path                             what is read
    ===============================  =============================================================
    folder of images                 the class is the first sub-folder (below train/ and test/, if
                                     there are such); deeper levels are the `factors`, from the top.
                                     If classes hold only sub-folders, `label_from_folder` or
                                     `factors` must say what they are. A table in the folder that
                                     names the files replaces these rules
    folder of sounds                 the same; x is log-mel spectrograms
                                     (`wvae.datasets.audio.log_mel`)
    .csv, .tsv, .parquet             a column that names image or sound files, or holds their
                                     bytes; or lists of numbers; otherwise x is the numeric columns,
                                     (n, d) float64, without an index
    .npz                             x, X, images or data, also in parts such as x_train and x_test;
                                     every array with one value per example is a column
    .npy                             x as a memory map, not copied; label and factors are .npy files
                                     in the same folder
    folder of ``save_to_disk``       Hugging Face's format, read like Parquet (extra ``hf``)
    folder of .npy or of .parquet    shards, also in sub-folders; arrays and lists stay on disk.
                                     Names such as train-00000.parquet or test/ give the split,
                                     folders NAME=VALUE a column
                                     (`wvae.datasets.readers.shards.shards.read_shards`)
    ===============================  =============================================================

    The page *Your own data* of the documentation has all rules. Each decision is one line of the
    log.

    Labels that are missing in some rows, by the rule of
    `wvae.validation.label_values.plain_labels`, are None there, and y has dtype object. A column
    ``split`` of train and test is the official split; validation counts as test if there is no
    test. Images are (n, h, w) uint8 if all are grey, else (n, 3, h, w).

    Parameters
    ----------
    source
        A name of `CATALOGUE`, or a path. Write a path with the name of a data set with ``./`` or as
        a `Path`.
    label
        Column of the label. None: the only one called label, labels, y, target or class, or with
        `like` the model's. For a folder of classes, it is only the name of the label. In the
        catalogue, only ``fsdd`` has a choice: digit or speaker.
    factors
        Columns that are hidden factors, or names for the levels of folders that are not the label.
        If none is named, all columns that group the rows are factors (but never numeric features),
        or with `like` the model's.
    size
        Size of images: pixels of a side, or (height, width). None: the size that all images share,
        if it is at most 64 pixels, else a square of the median of the longer sides, at most 64.
        For a table of numbers: its columns are the pixels of images of this size.
    rate
        Sample rate of sounds, in samples per second. None: the most common rate, at most 16,000.
    log
        Called with one line on each decision and conversion; prints to stderr by default.
    progress
        Show progress bars on stderr.
    unlabelled
        Accept data without labels, for encoding: y is then None for all rows, with dtype object.
        Files may be in the folder itself, and labels need not be suitable for training.
    drop_missing
        Leave out rows of a table, or of lists of numbers, in which a number is missing, instead of
        rejecting the data.
    label_from_name
        Regular expression that finds the label in the path of each file, relative to the folder,
        with ``/`` between its parts: ``r"speaker(\\d+)"``, or with a name
        ``r"(?P<speaker>\\d+)_"``.
    factors_from_name
        Regular expressions of the same kind, whose named groups are hidden factors:
        ``r"drawer=(?P<drawer>\\d+)"``.
    label_from_folder
        Levels of sub-folders that are the label, from 1: ``[2]``, or ``[1, 2]`` for both.
    like
        A fitted `wvae.WVAE`, its folder, or a `Schema`: the data are read as the training data
        were, with the same columns, classes, size, colours, white, sample rate and expressions.
        Missing numeric columns are an error, unknown ones are left out. Without `unlabelled`, the
        label must be there, but its classes need not be suitable for training.
    seed
        Seed of the test rows of data with labels and without a split: a random tenth of every
        class, as `wvae fit` chooses it. ``"auto"`` is 0, or with `like` the model's
        ``random_state``, which gives its training data their own test rows. None leaves ``split``
        None.

    Raises
    ------
    ValueError
        If there is no such data set or file, or it cannot be used; the message names the file,
        column or row, and the fix.
    TypeError
        If `factors` or `factors_from_name` is a string.
    ModuleNotFoundError
        If an optional package is required; the message names the extra.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "cells.npz"
    ...     np.savez(path, x=rng.random((6, 8, 8)), y=[0, 1, 0, 1, 0, 1], plate=list("aabbcc"))
    ...     data = open_data(path, log=print)
    label 'y': 2 classes in 6 rows
    factors (none was named): plate
    split: 2 of 6 rows are test, a random tenth of every class (seed 0)
    >>> data.name, data.shape, data.label_name, data.kind
    ('cells', (8, 8), 'y', 'image')
    """
    for name, value in {"factors": factors, "factors_from_name": factors_from_name}.items():
        if isinstance(value, str):
            given = quoted(value)
            raise TypeError(f"{name} is {given}, expected a list: [{given}]")
    levels = None if label_from_folder is None else tuple(label_from_folder)
    options = ReadOptions(
        label=label,
        factors=tuple(factors),
        size=size,
        rate=rate,
        log=log,
        progress=progress,
        unlabelled=unlabelled,
        drop_missing=drop_missing,
        naming=Naming(label_from_name, tuple(factors_from_name), levels),
    )
    schema = None if like is None else schema_of(like)
    if schema is not None:
        options = _for_model(source, options, schema)
    data = _open(source, options)
    if schema is not None:
        if data.kind == "image" and data.schema is not None and data.schema.white is not None:
            check_files(white_of(like), str(source))
        data = conform(data, schema, log)
    if seed == "auto":
        seed = seed_of(like)
    if data.split is None and seed is not None and data.labelled.any():
        data = replace(data, split=random_split(data, seed))
        _log_random_split(data, seed, log)
    if schema is None and not unlabelled and source not in CATALOGUE:
        _log_duplicates(data, log)
    return data


def _log_random_split(data: Dataset, seed: int, log: Log) -> None:
    """Log that test rows were chosen at random."""
    n_test = int((data.split == "test").sum())
    if n_test:
        log(
            f"split: {n_test:,} of {len(data):,} rows are test, a random tenth of every class "
            f"(seed {seed})"
        )


def _log_duplicates(data: Dataset, log: Log) -> None:
    """Log how many test rows are training rows, too. Data on disk are not read for this."""
    if data.split is None or on_disk(data.x):
        return
    shared = count_shared_rows(data.x, data.split)
    if shared:
        n_test = int((data.split == "test").sum())
        log(
            f"{shared:,} of {n_test:,} test rows are equal to training rows, so scores on them are "
            "too good: remove duplicates if they are the same examples"
        )


def _for_model(source: str | Path, options: ReadOptions, schema: Schema) -> ReadOptions:
    """Return the options for reading new data of a model."""
    if isinstance(source, str) and source in CATALOGUE:
        has_label = options.label is None and schema.label in CATALOGUE[source].labels
        return replace(options, label=schema.label) if has_label else options
    return replace(options, schema=schema)


def random_split(data: Dataset, seed: int) -> Array:
    """Return ``"train"`` and ``"test"``, (n,): see `wvae.datasets.holdout.holdout_mask`."""
    return np.where(holdout_mask(data, seed), "test", "train")


def _open(source: str | Path, options: ReadOptions) -> Dataset:
    """Open a data set of the catalogue, or a file or folder."""
    log = options.log
    if isinstance(source, str) and source in CATALOGUE:
        return _from_catalogue(source, options)
    path = Path(source)
    if not path.exists():
        raise ValueError(_message_for_missing(str(source), path))
    if path.is_dir():
        return _from_directory(path, options)
    suffix = path.suffix.lower()
    if suffix in TABLES:
        return from_table(read_table(path, log), path.parent, options)
    if suffix == ".npz":
        return read_npz(path, options)
    if suffix == ".npy":
        return read_npy(path, options)
    expected = f"a folder, {', '.join(TABLES)}, .npz or .npy"
    raise ValueError(f"{path} has an unknown format, expected {expected}{_hint(suffix)}")


def _from_directory(path: Path, options: ReadOptions) -> Dataset:
    """Open a folder of shards, of Hugging Face's ``save_to_disk``, or of images or sounds."""
    if is_saved(path):
        return from_table(read_saved(path, options.progress, options.log), path, options)
    shards = find_shards(path)
    if shards is not None:
        return read_shards(shards, options)
    return from_folder(path, options)


def _from_catalogue(name: str, options: ReadOptions) -> Dataset:
    """Load a data set of the catalogue with the named factors only."""
    has_choice = bool(CATALOGUE[name].labels)
    label = options.label
    reject(
        f"{name} is a data set of the catalogue",
        size=options.size,
        rate=options.rate,
        label=None if has_choice else label,
    )
    if Path(name).exists():
        options.log(f"{name} is the catalogue's data set; for the path of this name write ./{name}")
    label_option = {} if label is None else {"label": label}
    data = load(name, progress=options.progress, **label_option)
    for factor in options.factors:
        require_column(factor, data.factors, name, "factor")
    if not options.factors:
        return data
    return replace(data, factors={factor: data.factors[factor] for factor in options.factors})


def _message_for_missing(source: str, path: Path) -> str:
    """Return the error for a source that does not exist, with a similar name if there is one."""
    if path.is_symlink():
        return f"{path} is a broken link to {str(path.readlink())!r}, expected a file or folder"
    neighbours = [str(p) for p in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = did_you_mean(source, [*CATALOGUE]) or did_you_mean(str(path), neighbours)
    return (
        f"there is no data set, file or folder {quoted(source)}, expected a path or one of "
        f"{', '.join(CATALOGUE)}{hint}"
    )


def _hint(suffix: str) -> str:
    """Return the fix for a file that cannot be opened, by its suffix."""
    if suffix in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"):
        return " – unpack it first"
    if suffix in (".pkl", ".pickle", ".pt", ".pth", ".joblib"):
        return " – a pickle could run any code: save arrays with numpy.savez"
    if suffix in (*images.SUFFIXES, *sounds.SUFFIXES):
        return " – give its folder"
    if suffix == ".arrow":
        return " – give the folder that save_to_disk wrote"
    if suffix in (".crdownload", ".part", ".partial", ".download", ".tmp"):
        return " – its download was not completed: download it again"
    if suffix in (".mat", ".h5", ".hdf5", ".rds", ".rdata"):
        return " – save its arrays with numpy.savez, or its table as CSV"
    if suffix in (".txt", ".dat", ".data", ".tab"):
        return " – rename a table of text to .csv, or to .tsv if it has tabs"
    return " – save a table as CSV or Parquet"
