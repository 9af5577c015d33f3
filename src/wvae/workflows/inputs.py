"""The inputs of the commands: data opened as in training, their test rows, their metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import CATALOGUE, Dataset, open_data
from ..datasets.dataset import Array
from ..datasets.messages import Log
from ..estimator import WVAE
from ..io.files import ModelFileError, write_json
from ..training.examples import Examples, batches
from ..validation import rows_by_class

ROWS_FILE = "rows.json"  # in a model folder: a record of the rows that it was trained on
GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue, ITU-R BT.601
ARRAY_SUFFIXES = (".npz", ".npy")  # arrays keep their own shape and sample rate

# ------------------------------------------------------------------------------------ open data


def open_for_model(
    folder: Path,
    model: WVAE,
    source: str | Path,
    *,
    label: str | None = None,
    factors: Sequence[str] = (),
    log: Log,
    progress: bool = True,
    unlabelled: bool = False,
) -> Dataset:
    """Open data in the form of a model's training data: the same label, size, channels and rate.

    Parameters
    ----------
    folder
        The model folder, which records the name of the label and the sample rate.
    model
        The model in that folder.
    source, factors, log, progress
        As in `wvae.datasets.open_data`.
    label
        Column of the label if its name differs from that in training. The column must exist.
    unlabelled
        Whether data without a label are allowed.

    Raises
    ------
    ValueError
        If the data cannot be opened or do not have the form of the training data.
    """
    record = _read_training_record(folder)
    kind = model.config_.kind
    options = _open_options(source, kind, model.shape_, label, record)
    options["unlabelled"] = unlabelled and label is None
    data = open_data(source, factors=factors, log=log, progress=progress, **options)
    if data.kind != kind:
        raise ValueError(
            f"{data.name} holds {data.kind} data, the model was trained on {kind} data: "
            f"expected {kind} data"
        )
    if data.rate and data.rate != record.get("rate", data.rate):
        raise ValueError(
            f"{data.name} has {data.rate:,} samples per second, the model was trained on "
            f"{record['rate']:,}: resample the sounds, or fit a model to these data"
        )
    return replace(data, x=match_channels(data.x, model, data.name, log))


def _open_options(
    source: str | Path,
    kind: str,
    shape: tuple[int, ...],
    label: str | None,
    record: dict[str, Any],
) -> dict[str, Any]:
    """Return the options of `open_data` that follow from the training data."""
    trained_label = record.get("label")
    if isinstance(source, str) and source in CATALOGUE:
        if label is None and trained_label in CATALOGUE[source].labels:
            label = trained_label
        return {"label": label}
    options: dict[str, Any] = {"label": label or trained_label}
    if Path(source).suffix.lower() not in ARRAY_SUFFIXES:
        if kind == "image":
            options["size"] = tuple(shape[-2:])
        if kind == "audio":
            options["rate"] = record.get("rate")
    return options


def match_channels(x: Array, model: WVAE, name: str, log: Log) -> Array:
    """Convert images between grey and colour if the model needs it, and check the shape.

    Parameters
    ----------
    x
        Examples, (n, \\*shape).
    model
        A fitted model.
    name
        Name of the data in messages.
    log
        Receives a line if the images were converted.

    Raises
    ------
    ValueError
        If the shape differs from that of the training data.
    """
    shape = model.shape_
    if model.config_.kind == "image" and x.shape[-2:] == shape[-2:]:
        if shape[:-2] == (3,) and x.ndim == 3:
            log(f"{name} is grey, the model was trained on colour: converted to colour")
            x = np.broadcast_to(x[:, None], (len(x), *shape))  # a view: nothing is copied
        elif len(shape) == 2 and x.shape[1:-2] == (3,):
            log(f"{name} is in colour, the model was trained on grey: converted to grey")
            blocks = (np.tensordot(x[rows], GREY, (1, 0)) for rows in batches(len(x)))
            x = np.concatenate([grey.astype(x.dtype) for grey in blocks])
    if x.shape[1:] != shape:
        raise ValueError(
            f"{name} has examples of shape {x.shape[1:]}, the model was trained on {shape}: "
            "use data of that shape, or fit a model to these data"
        )
    return x


# ----------------------------------------------------------------------- record of training rows


def write_training_record(folder: Path, train: Dataset) -> None:
    """Record in a model folder the training rows, the name of the label and the sample rate."""
    record = _rows_record(train) | {"label": train.label_name}
    if train.rate is not None:
        record["rate"] = train.rate
    write_json(folder / ROWS_FILE, record)


def recorded_rate(folder: Path) -> int | None:
    """Return the samples per second of a model's training sounds, or None if not recorded.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the record is damaged.
    """
    return _read_training_record(folder).get("rate")


def training_rows_warning(folder: Path, data: Dataset, seed: int) -> str:
    """Return a warning if a model may have been trained on test rows of these data.

    Scores on rows that the model was trained on are too good.

    Parameters
    ----------
    folder
        The model folder.
    data
        The data that the model is measured on.
    seed
        Seed of the test rows if the data have no split.

    Returns
    -------
    str
        One sentence, or an empty string if the model was trained on the training rows.
    """
    train = data.subset(~holdout_mask(data, seed))
    if not (folder / ROWS_FILE).exists():
        return (
            f"{folder} has no record of its training rows: "
            "if test rows are among them, the scores are too good"
        )
    recorded, expected = _read_training_record(folder), _rows_record(train)
    same = [recorded.get(key) == expected[key] for key in ("examples", "fingerprint")]
    if all(same):  # the name of the data may differ
        return ""
    trained_on, here = (f"{r['examples']:,} rows of {r['data']}" for r in (recorded, expected))
    return (
        f"{folder} was trained on {trained_on}, other rows than the {here} for training "
        f"(seed {seed}): if test rows are among them, the scores are too good"
    )


def _rows_record(train: Dataset) -> dict[str, Any]:
    """Return the name, number and fingerprint of training rows."""
    fingerprint = Examples(train.x, train.indices).fingerprint()
    return {"data": train.name, "examples": len(train), "fingerprint": fingerprint}


def _read_training_record(folder: Path) -> dict[str, Any]:
    """Return the record of a model folder, empty if it has none."""
    file = folder / ROWS_FILE
    if not file.exists():
        return {}
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFileError(f"{file} is damaged ({error}): restore it or train again") from error
    return record if isinstance(record, dict) else {}


# ---------------------------------------------------------------------------- rows and metadata


def holdout_mask(data: Dataset, seed: int) -> Array:
    """Return a boolean mask of the test rows, (n,).

    They are the data's own split if there is one, and otherwise a random tenth of every class, at
    least one row. In the second case, a class of one or two rows has no test row, because a class
    needs two rows for training; nor has a row without a label, because nothing could be scored.

    Parameters
    ----------
    data
        The data, n rows.
    seed
        Seed of the random choice.

    Examples
    --------
    >>> from wvae.datasets import load
    >>> int(holdout_mask(load("digits8x8"), seed=0).sum())
    176
    """
    if data.split is not None:
        return data.split == "test"
    rng, mask = np.random.default_rng(seed), np.zeros(len(data), bool)
    for rows in rows_by_class(data.indices, len(data.classes)):
        if len(rows) > 2:
            mask[rng.permutation(rows)[: max(1, len(rows) // 10)]] = True
    return mask


def metadata_columns(data: Dataset) -> dict[str, Array]:
    """Return the metadata of every example as columns of (n,): file, label, factors and split.

    Raises
    ------
    ValueError
        If two of them have the same name.
    """
    columns: dict[str, Array] = {}
    if data.files is not None and "file" not in data.factors:
        columns["file"] = data.files
    if data.labelled.any():
        add_column(columns, data.label_name, data.y, data.name)
    for name, values in data.factors.items():
        add_column(columns, name, values, data.name)
    if data.split is not None:
        add_column(columns, "split", data.split, data.name)
    return columns


def add_column(columns: dict[str, Array], name: str, values: Array, data_name: str) -> None:
    """Add a column, or raise a ValueError if its name is taken."""
    if name in columns:
        raise ValueError(f"{data_name} has a column {name!r}, a name that is taken: rename it")
    columns[name] = values


def is_categorical(values: Array) -> bool:
    """Return whether a factor is categorical; floating-point factors are continuous."""
    return values.dtype.kind != "f"


def first_categorical_factor(data: Dataset) -> str | None:
    """Return the first factor with at least two categories of at least five rows on average."""
    for name, values in data.factors.items():
        if not is_categorical(np.array(values.tolist())):
            continue
        if 1 < len(np.unique(values)) <= len(data) // 5:
            return name
    return None
