"""The inputs of the commands: data opened as in training, their test rows, their metadata."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import CATALOGUE, Dataset, open_data
from ..datasets.dataset import Array
from ..datasets.holdout import holdout_mask
from ..datasets.messages import Log
from ..estimator import WVAE
from ..io.files import ModelFileError, write_json
from ..io.model_folder import ROWS_FILE
from ..training.examples import FINGERPRINT_ROWS

# ------------------------------------------------------------------------------------ open data


def open_for_model(
    folder: Path,
    model: WVAE,
    source: str | Path,
    *,
    label: str | None = None,
    factors: Sequence[str] = (),
    drop_missing: bool = False,
    log: Log,
    progress: bool = True,
    unlabelled: bool = False,
) -> Dataset:
    """Open data in the form of a model's training data; see `open_data` with ``like=model``.

    If they are the model's training data and have no split, the rows that training held out get
    the split ``"test"``.

    Parameters
    ----------
    folder
        The model folder, which records the training rows.
    model
        The model in that folder.
    source, factors, drop_missing, log, progress
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
    data = open_data(
        source,
        label=label,
        factors=factors,
        drop_missing=drop_missing,
        log=log,
        progress=progress,
        unlabelled=unlabelled and label is None,
        like=model,
        seed=None,
    )
    if data.split is not None or not data.labelled.any():
        return data
    is_test = holdout_mask(data, model.config_.random_state)
    if not _is_training_data(folder, data.subset(~is_test)):
        return data
    return replace(data, split=np.where(is_test, "test", "train"))


# ----------------------------------------------------------------------- record of training rows


def write_training_record(folder: Path, train: Dataset, source: str = "") -> None:
    """Record in a model folder which rows the model was trained on, and what they came from.

    Parameters
    ----------
    folder
        The model folder.
    train
        The training rows.
    source
        Name of the data set, or path, as the user gave it; empty if there is none.
    """
    record = _rows_record(train)
    if train.licence:
        record["licence"] = train.licence
    if source:
        record["source"] = source
    write_json(folder / ROWS_FILE, record)


def recorded_source(folder: Path) -> str:
    """Return the name or path of the data that a model was trained on.

    Parameters
    ----------
    folder
        The model folder.

    Raises
    ------
    ValueError
        If the folder does not say, or the path is not there.
    """
    record = _read_training_record(folder)
    source = record.get("source")
    if isinstance(source, str) and (source in CATALOGUE or Path(source).exists()):
        return source
    if isinstance(source, str):
        raise ValueError(
            f"{folder} was trained on {source}, which is not there: give DATA, the data to show"
        )
    if record.get("data") in CATALOGUE:  # folders of earlier versions keep only the name
        return record["data"]
    raise ValueError(f"{folder} does not say which data it was trained on: give DATA")


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
    if _is_training_data(folder, train):
        return ""
    recorded, expected = _read_training_record(folder), _rows_record(train)
    trained_on, here = (f"{r['examples']:,} rows of {r['data']}" for r in (recorded, expected))
    return (
        f"{folder} was trained on {trained_on}, other rows than the {here} for training "
        f"(seed {seed}): if test rows are among them, the scores are too good"
    )


def _is_training_data(folder: Path, train: Dataset) -> bool:
    """Return whether a model was trained on these rows; the name of the data may differ."""
    recorded, expected = _read_training_record(folder), _rows_record(train)
    return all(recorded.get(key) == expected[key] for key in ("examples", "fingerprint"))


def _rows_record(train: Dataset) -> dict[str, Any]:
    """Return the name, number and fingerprint of training rows; the type of x does not matter."""
    every = max(1, len(train) // FINGERPRINT_ROWS)
    sample = np.asarray(train.x[::every], np.float64)
    checksum = zlib.crc32(sample.tobytes(), zlib.crc32(train.indices.tobytes()))
    fingerprint = f"{train.shape} {checksum:08x}"
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


def metadata_columns(data: Dataset) -> dict[str, Array]:
    """Return the metadata of every example as columns of (n,): file, label, factors and split.

    If rows of the source were left out, ``row`` is the number of each example's row there, from 0.

    Raises
    ------
    ValueError
        If two of them have the same name.
    """
    columns: dict[str, Array] = {}
    if data.files is not None and "file" not in (data.label_name, *data.factors):
        columns["file"] = data.files
    if data.labelled.any():
        add_column(columns, data.label_name, data.y, data.name)
    for name, values in data.factors.items():
        add_column(columns, name, values, data.name)
    if data.split is not None:
        add_column(columns, "split", data.split, data.name)
    if data.rows is not None:
        add_column(columns, "row", data.rows, data.name)
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
