"""What is done with a model folder and data, first of all: open them as training did, and encode them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances_argmin

from ..datasets import CATALOGUE, Dataset, open_data
from ..datasets.dataset import Array
from ..datasets.messages import Log
from ..estimator import WVAE
from ..io.files import ModelFileError
from ..training.examples import batches
from ..training.inference import column_names, probabilities
from .fit import ROWS_FILE, known_columns
from .run_folder import Progress, Silent

ROWS = 10_000  # encoded between two steps of the progress bar; a multiple of EVALUATION_BATCH
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601


def open_like(
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
    """Open data as those were opened that a model was trained on: the same label, size, channels and rate.

    Parameters
    ----------
    folder, model
        The model folder, which remembers label and rate, and what it holds.
    source, factors, log, progress
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
        if Path(source).suffix.lower() not in (
            ".npz",
            ".npy",
        ):  # arrays have their shape and rate already
            if kind == "image":
                options["size"] = tuple(model.shape_[-2:])
            if kind == "audio":
                options["rate"] = about.get("rate")
    options["unlabelled"] = unlabelled and label is None
    data = open_data(source, factors=factors, log=log, progress=progress, **options)
    if data.kind != kind:
        raise ValueError(
            f"{data.name} holds {data.kind} data, the model was trained on {kind} data: take such"
        )
    if data.rate and data.rate != about.get("rate", data.rate):
        raise ValueError(
            f"{data.name} has {data.rate:,} samples per second, the model was trained on {about['rate']:,}: "
            "bring the sounds to that rate, or fit a model to these"
        )
    return replace(data, x=as_trained(data.x, model, data.name, log))


def remembered_rate(folder: Path) -> int | None:
    """Return the samples per second of the sounds that a model folder was trained on, if it says."""
    return _about(folder).get("rate")


class Encoder:
    """Any rows of data as columns of (rows,): both codes, what is known of each row, and what the model says of it.

    The last are ``predicted``, if the model can tell, and ``cluster``, if there are centres. Blocks of rows that begin
    at multiples of `EVALUATION_BATCH` have the codes, bit for bit, that all rows have together.

    Parameters
    ----------
    model, data
        Fitted, and examples like those it was trained on.
    centres
        (k, d_rest) of clusters of z_rest, if each row's nearest is asked for.
    numbered
        Whether there is a column ``row``, the row's number in the data.

    Raises
    ------
    ValueError
        If the label or a factor is called as another column is.
    """

    def __init__(
        self, model: WVAE, data: Dataset, centres: Array | None = None, *, numbered: bool = False
    ) -> None:
        self.model, self.data, self.centres, self.numbered = model, data, centres, numbered
        self.codes = column_names(model.config_, "both").tolist()
        self.predicts = bool(model.config_.classifier_weight)
        self.known = known_columns(data)
        taken = dict.fromkeys(self.codes, "a column of the codes")
        taken |= {"predicted": "the predicted label"} if self.predicts else {}
        taken |= {} if centres is None else {"cluster": "the cluster that is found"}
        taken |= {"row": "the row's number"} if numbered else {}
        for name, _ in self.known:
            if name in taken:
                raise ValueError(
                    f"{data.name} has a column {name!r}, which is the name of {taken[name]}, too: rename it"
                )
            taken[name] = "another column"

    def __call__(self, rows: slice) -> dict[str, Array]:
        """Return the columns of these rows."""
        z_label, z_rest = self.model.encode(self.data.x[rows])
        columns = dict(zip(self.codes, [*z_label.T, *z_rest.T], strict=True))
        columns |= {name: values[rows] for name, values in self.known}
        if self.predicts:  # from the code at hand: WVAE.predict would encode the rows once more
            columns["predicted"] = self.model.classes_[
                probabilities(self.model.model_, z_label).argmax(1)
            ]
        if self.centres is not None:
            columns["cluster"] = nearest(z_rest, self.centres)
        if self.numbered:
            columns["row"] = np.arange(rows.start, rows.stop)
        return columns


def codes_of(model: WVAE, data: Dataset, *, progress: Progress | None = None) -> dict[str, Array]:
    """Return the columns of `Encoder` for all rows, in memory; `streaming.encode_to_file` needs little of it.

    Of data without any label there is no column of it.

    Raises
    ------
    ValueError
        If a factor is called as another column is.
    """
    encoder, parts = Encoder(model, data), list[dict[str, Array]]()
    with (progress or Silent()).task(f"encoding {data.name}", len(data)) as advance:
        for rows in batches(len(data), ROWS):
            parts.append(encoder(rows))
            advance(rows.stop)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def nearest(z: Array, centres: Array) -> Array:
    """Return the number of each row's nearest centre, (n,) int32.

    Examples
    --------
    >>> nearest(np.array([[0.1], [2.0]], np.float32), np.array([[2.5], [0.0]], np.float32)).tolist()
    [1, 0]
    """
    # In the batches of the codes, so that a draw between two centres ends alike however the rows are cut.
    found = [pairwise_distances_argmin(z[rows], centres) for rows in batches(len(z))]
    return np.concatenate(found).astype(np.int32)


def as_trained(x: Array, model: WVAE, name: str, log: Log) -> Array:
    """Return examples with the channels that the model knows, or raise a ValueError if their shape is another."""
    shape = model.shape_
    if model.config_.kind == "image" and x.shape[-2:] == shape[-2:]:
        if shape[:-2] == (3,) and x.ndim == 3:
            log(f"{name} is grey, the model was trained on colour: made colour")
            x = np.broadcast_to(x[:, None], (len(x), *shape))
        elif len(shape) == 2 and x.shape[1:-2] == (3,):
            log(f"{name} is in colour, the model was trained on grey: made grey")
            x = np.concatenate(
                [np.tensordot(x[rows], GREY, (1, 0)).astype(x.dtype) for rows in batches(len(x))]
            )
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
