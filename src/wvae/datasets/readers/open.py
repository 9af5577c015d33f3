"""A user's own data, wherever they lie, as a `Dataset`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..catalogue import CATALOGUE, load
from ..dataset import Dataset
from ..messages import Log, did_you_mean, reject
from . import images, sounds
from .arrays import read_npy, read_npz
from .folders import from_folder, from_table
from .huggingface import is_saved, read_saved
from .labels import ReadOptions, require_column
from .shards import read_shards, shard_files
from .tables import TABLES, read_table

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
) -> Dataset:
    """Open a data set of the catalogue by name, or a user's own data by path, as a `Dataset`.

    ================================  =================================================================================
    path                              what is read
    ================================  =================================================================================
    folder of images                  the class is the first sub-folder (or the second, below train/ and test/); deeper
                                      folders are factors, if `factors` names them from the top. A table in the folder
                                      that names the files replaces all this
    folder of sounds                  the same; x are log-mel spectrograms (`wvae.datasets.audio.log_mel`)
    .csv, .tsv, .parquet              a column that names image or sound files, or holds their bytes; else x are the
                                      numeric columns, (n, d) float32
    .npz                              x, X, images or data, and an array of one value per example for each column
    .npy                              x as a memory map, not copied; label and factors are .npy files beside it
    folder of ``save_to_disk``        Hugging Face's, read as a Parquet file is (extra ``hf``)
    folder of .npy or .parquet only   shards, whose examples stay on disk (`wvae.datasets.readers.shards.read_shards`)
    ================================  =================================================================================

    pyarrow infers the types of a text file's columns. The file is UTF-8, has a byte order mark, or is rejected unless
    exactly one encoding fits.

    A label that is missing in some rows, an empty cell or NaN, is None there, and y is of dtype object.
    A column ``split`` of train and test is the official split; validation counts as test if there is no test.
    Images are (n, h, w) uint8 if all are grey, else (n, 3, h, w).

    Parameters
    ----------
    source
        A name of `CATALOGUE`, or a path. A path with the name of a data set is written with ``./`` or as a `Path`.
    label
        The column of the label. None: the one called label, labels, y, target or class. In a folder of classes it only
        gives the label its name. Of the catalogue's sets only ``fsdd`` has a choice: digit or speaker.
    factors
        The columns that are hidden factors. If none is named, all are that group the rows (never numbers of a table).
    size
        Of images: pixels of a side, or (height, width). None: the images' own size if all share one of at most 64, else
        a square of the median of the longer sides, at most 64. Of a table: its columns are the pixels of such images.
    rate
        Of sounds: samples per second. None: the most common, at most 16,000.
    log
        Called with one line on each decision and conversion; prints to stderr by default.
    progress
        Show progress bars on stderr.
    unlabelled
        Accept own data without any label, in order to encode them: y is then None throughout, of dtype object. Files
        may lie in the folder itself, and labels need not be of use for training.

    Raises
    ------
    ValueError
        If there is no such data set or file, or it cannot be used: the message names file, column or row, and the fix.
    ModuleNotFoundError
        If an optional package is needed; the message names the extra.

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
    the examples are float64: converted to float32
    >>> data.name, data.shape, data.label_name, data.kind
    ('cells', (8, 8), 'y', 'image')
    """
    if isinstance(factors, str):
        raise TypeError(f"factors is {factors!r}, expected a list of names: [{factors!r}]")
    options = ReadOptions(label, tuple(factors), size, rate, log, progress, unlabelled)
    if isinstance(source, str) and source in CATALOGUE:
        return _from_catalogue(source, options)
    path = Path(source)
    if not path.exists():
        raise ValueError(_unknown(str(source), path))
    if path.is_dir():
        return _from_directory(path, options)
    suffix = path.suffix.lower()
    if suffix in TABLES:
        return from_table(read_table(path, log), path.parent, options)
    if suffix == ".npz":
        return read_npz(path, options)
    if suffix == ".npy":
        return read_npy(path, options)
    raise ValueError(
        f"{path} is of an unknown format: expected a folder, {', '.join(TABLES)}, .npz or .npy{_instead(suffix)}"
    )


def _from_directory(path: Path, options: ReadOptions) -> Dataset:
    files = shard_files(path)
    if files:
        return read_shards(files, path, options)
    if is_saved(path):
        return from_table(read_saved(path, options.progress), path, options)
    return from_folder(path, options)


def _from_catalogue(name: str, options: ReadOptions) -> Dataset:
    has_choice = bool(CATALOGUE[name].labels)
    label = options.label
    reject(
        f"{name} is a data set of the catalogue",
        size=options.size,
        rate=options.rate,
        label=None if has_choice else label,
    )
    if Path(name).exists():
        options.log(
            f"{name} is the data set of the catalogue; for the file or folder of that name write ./{name}"
        )
    chosen = {} if label is None else {"label": label}
    data = load(name, progress=options.progress, **chosen)
    for factor in options.factors:
        require_column(factor, data.factors, name, "factor")
    if not options.factors:
        return data
    return replace(data, factors={factor: data.factors[factor] for factor in options.factors})


def _unknown(source: str, path: Path) -> str:
    neighbours = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = did_you_mean(source, [*CATALOGUE]) or did_you_mean(path.name, neighbours)
    return f"there is neither a data set nor a file or folder {source!r}{hint}; data sets: {', '.join(CATALOGUE)}"


def _instead(suffix: str) -> str:
    if suffix in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"):
        return " – unpack it first"
    if suffix in (".pkl", ".pickle", ".pt", ".pth", ".joblib"):
        return " – a pickle could run any code: save arrays with numpy.savez"
    if suffix in (*images.SUFFIXES, *sounds.SUFFIXES):
        return " – give the folder that it lies in"
    return ""
