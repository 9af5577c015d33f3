"""A user's own data, wherever they lie, as a `Dataset`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from . import pictures, sounds
from .arrays import read_npy, read_npz
from .catalogue import CATALOGUE, load
from .columns import TABLES, is_saved, read_saved, read_table
from .dataset import Dataset
from .folders import from_folder, from_table
from .labels import Asked, choose_named
from .sharded import read_shards, shard_files
from .wording import Say, did_you_mean, refuse

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
    say: Say = _to_stderr,
    progress: bool = True,
    unlabelled: bool = False,
) -> Dataset:
    """Open a data set of the catalogue by name, or a user's own data by path, brought to one shape.

    ================================  =================================================================================
    path                              what is read
    ================================  =================================================================================
    folder of images                  the class is the first sub-folder (or the second, below train/ and test/); deeper
                                      folders are factors, if `factors` names them from the top; or a table says it all
    folder of sounds                  the same; x are log-mel spectrograms (`wvae.datasets.audio.log_mel`)
    .csv, .tsv, .parquet              a column that names image or sound files, or holds their bytes; else x are the
                                      numeric columns, (n, d) float32
    .npz                              x, X, images or data, and an array of one value per example for each column
    .npy                              x as a memory map, not copied; label and factors are .npy files beside it
    folder of ``save_to_disk``        Hugging Face's, read as a Parquet file is
    folder of .npy or .parquet only   shards, whose examples stay on disk (`wvae.datasets.sharded.read_shards`)
    ================================  =================================================================================

    A label that is missing in some rows, an empty cell or NaN, is None there, and y of dtype object.
    A column ``split`` of train and test is the official split; validation counts as test where there is no test.
    Images are (n, h, w) uint8 if all are grey, else (n, 3, h, w).

    Parameters
    ----------
    source
        A name of `CATALOGUE`, or a path. A path that is called like a data set is written with ``./`` or as a `Path`.
    label
        The column of the label. None: the one called label, labels, y, target or class; in a folder of classes it is
        only what the label is called. Of the catalogue's sets only ``fsdd`` has a choice: digit or speaker.
    factors
        The columns that are hidden factors. None named, all are that group the rows (never a number of a table).
    size
        Of images: pixels of a side, or (height, width). None: their own if all have one of at most 64, else a square of
        the median of the longer sides, at most 64. Of a table: its columns are the pixels of such images.
    rate
        Of sounds: samples per second. None: the most common, at most 16,000.
    say
        Called with one line on each thing that was decided or changed; prints to stderr unless told otherwise.
    progress
        Show progress bars on stderr.
    unlabelled
        Take own data without any label, too, to encode them: their y is None throughout, of dtype object. Files may
        then lie in the folder itself, and a label will do that cannot be trained on, of one class or one row each.

    Raises
    ------
    ValueError
        If there is no such data set or file, or what is there cannot be used: which file, column or row, and the fix.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "cells.npz"
    ...     np.savez(path, x=rng.random((6, 8, 8)), y=[0, 1, 0, 1, 0, 1], plate=list("aabbcc"))
    ...     data = open_data(path, say=print)
    label 'y': 2 classes in 6 rows
    factors (none was named): plate
    the examples are float64: made float32
    >>> data.name, data.shape, data.label_name, data.kind
    ('cells', (8, 8), 'y', 'image')
    """
    if isinstance(factors, str):
        raise TypeError(f"factors is {factors!r}, expected a list of names: [{factors!r}]")
    asked = Asked(label, tuple(factors), size, rate, say, progress, unlabelled)
    if isinstance(source, str) and source in CATALOGUE:
        return _from_catalogue(source, asked)
    path = Path(source)
    if not path.exists():
        raise ValueError(_unknown(str(source), path))
    if path.is_dir():
        shards = shard_files(path)
        if shards:
            return read_shards(shards, path, asked)
        return from_table(read_saved(path), path, asked) if is_saved(path) else from_folder(path, asked)
    suffix = path.suffix.lower()
    if suffix in TABLES:
        return from_table(read_table(path), path.parent, asked)
    if suffix == ".npz":
        return read_npz(path, asked)
    if suffix == ".npy":
        return read_npy(path, asked)
    raise ValueError(f"{path} is not read: expected a folder, {', '.join(TABLES)}, .npz or .npy{_instead(suffix)}")


def _from_catalogue(name: str, asked: Asked) -> Dataset:
    refused = {"size": asked.size, "rate": asked.rate} | ({} if CATALOGUE[name].labels else {"label": asked.label})
    refuse(f"{name} is a data set of the catalogue", **refused)
    if Path(name).exists():
        asked.say(f"{name} is taken from the catalogue; for what is called so here, write ./{name}")
    data = load(name, progress=asked.progress, **({} if asked.label is None else {"label": asked.label}))
    chosen = [choose_named(factor, data.factors, name, "factor") for factor in asked.factors]
    return replace(data, factors={factor: data.factors[factor] for factor in chosen}) if chosen else data


def _unknown(source: str, path: Path) -> str:
    there = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = did_you_mean(source, [*CATALOGUE]) or did_you_mean(path.name, there)
    return f"there is neither a data set nor a file or folder {source!r}{near}; data sets: {', '.join(CATALOGUE)}"


def _instead(suffix: str) -> str:
    if suffix in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"):
        return " – unpack it first"
    if suffix in (".pkl", ".pickle", ".pt", ".pth", ".joblib"):
        return " – a pickle could run any code: save arrays with numpy.savez"
    if suffix in (*pictures.SUFFIXES, *sounds.SUFFIXES):
        return " – give the folder that it lies in"
    return ""
