"""What is done with a model folder and data, first of all: open them as training did, and encode them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import CATALOGUE, Dataset, open_data
from ..datasets.record import Array
from ..datasets.wording import Say
from ..estimator import WVAE
from ..examples import batches
from ..storage import ModelFileError
from .run import Progress, Silent
from .training import ROWS_FILE, code_columns

ROWS = 10_000  # encoded between two steps of the progress bar
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601


def open_like(
    folder: Path,
    model: WVAE,
    source: str | Path,
    *,
    label: str | None = None,
    factors: Sequence[str] = (),
    say: Say,
    progress: bool = True,
    unlabelled: bool = False,
) -> Dataset:
    """Open data as those were opened that a model was trained on: the same label, size, channels and rate.

    Parameters
    ----------
    folder, model
        The model folder, which remembers label and rate, and what it holds.
    source, factors, say, progress
        As `open_data` takes them.
    label
        The column of the label, if it is called otherwise than in training; it must be there then.
    unlabelled
        Whether the data may come without a label.

    Raises
    ------
    ValueError
        If the data cannot be opened, or are not what the model was trained on.
    """
    about, kind = _about(folder), model.config_.kind
    options: dict[str, Any] = {"label": label or about.get("label")}
    if isinstance(source, str) and source in CATALOGUE:
        options["label"] = label or next(
            (name for name in CATALOGUE[source].labels if name == about.get("label")), None
        )
    else:
        if Path(source).suffix.lower() not in (".npz", ".npy"):  # arrays have their shape and rate already
            if kind == "image":
                options["size"] = tuple(model.shape_[-2:])
            if kind == "audio":
                options["rate"] = about.get("rate")
    options["unlabelled"] = unlabelled and label is None
    data = open_data(source, factors=factors, say=say, progress=progress, **options)
    if data.kind != kind:
        raise ValueError(f"{data.name} holds {data.kind} data, the model was trained on {kind} data: take such")
    if data.rate and data.rate != about.get("rate", data.rate):
        raise ValueError(
            f"{data.name} has {data.rate:,} samples per second, the model was trained on {about['rate']:,}: "
            "bring the sounds to that rate, or fit a model to these"
        )
    return replace(data, x=as_trained(data.x, model, data.name, say))


def remembered_rate(folder: Path) -> int | None:
    """Return the samples per second of the sounds that a model folder was trained on, if it says."""
    return _about(folder).get("rate")


def codes_of(model: WVAE, data: Dataset, *, progress: Progress | None = None) -> dict[str, Array]:
    """Return both codes, label, factors, split and, if the model can tell, ``predicted``, as columns of (n,).

    Of data without any label there is no column of it.

    Raises
    ------
    ValueError
        If a factor is called as another column is.
    """
    parts: list[tuple[Array, ...]] = []
    with (progress or Silent()).task(f"encoding {data.name}", len(data)) as advance:
        for rows in batches(len(data), ROWS):
            x = data.x[rows]
            known = (model.predict(x),) if model.config_.classifier_weight else ()
            parts.append((*model.encode(x), *known))
            advance(rows.stop)
    z_label, z_rest, *predicted = (np.concatenate(part) for part in zip(*parts, strict=True))
    columns = code_columns((z_label, z_rest), data)
    if predicted:
        if "predicted" in columns:
            raise ValueError(f"{data.name} has a column 'predicted', which is what the model says: rename it")
        columns["predicted"] = predicted[0]
    return columns


def as_trained(x: Array, model: WVAE, name: str, say: Say) -> Array:
    """Return examples with the channels that the model knows, or raise a ValueError if their shape is another."""
    shape = model.shape_
    if model.config_.kind == "image" and x.shape[-2:] == shape[-2:]:
        if shape[:-2] == (3,) and x.ndim == 3:
            say(f"{name} is grey, the model was trained on colour: made colour")
            x = np.broadcast_to(x[:, None], (len(x), *shape))
        elif len(shape) == 2 and x.shape[1:-2] == (3,):
            say(f"{name} is in colour, the model was trained on grey: made grey")
            x = np.concatenate([np.tensordot(x[rows], GREY, (1, 0)).astype(x.dtype) for rows in batches(len(x))])
    if x.shape[1:] != shape:
        raise ValueError(
            f"{name} has examples of shape {x.shape[1:]}, the model was trained on {shape}: "
            "take data of that shape, or fit a model to these"
        )
    return x


def _about(folder: Path) -> dict[str, Any]:
    file = folder / ROWS_FILE
    if not file.exists():
        return {}
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFileError(f"{file} is damaged ({error}): restore it or train again") from error
    return about if isinstance(about, dict) else {}
