"""Bring new data to the form of a model's training data, or reject them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from .dataset import Array, Dataset
from .messages import Log, one_line
from .recolour import recolour
from .schema import Schema

__all__ = ["check_files", "conform", "match_channels", "schema_of", "seed_of", "white_of"]

BYTE = 255  # white of images that are read from files


def schema_of(like: Any) -> Schema:
    """Return the schema of a model.

    Parameters
    ----------
    like
        A `Schema`, a fitted `wvae.WVAE`, or the path of a model folder.

    Raises
    ------
    ValueError
        If the model was fitted to arrays and has no schema, or the folder is no model folder.
    TypeError
        If it is anything else.
    """
    if isinstance(like, Schema):
        return like
    if isinstance(like, str | Path):
        return _read_schema(Path(like))
    if not hasattr(like, "classes_"):
        raise TypeError(
            f"like is of the type {type(like).__name__}, expected a fitted WVAE, the path of a "
            "model folder, or a Schema"
        )
    if like.schema_ is None:
        shape, kind = like.shape_, like.config_.kind
        kind = "table" if len(shape) == 1 else kind
        columns = getattr(like, "feature_names_in_", None)
        names = None if columns is None else tuple(columns.tolist())
        classes = tuple(like.classes_.tolist())
        return Schema(kind, tuple(shape), label="", classes=classes, columns=names)
    return like.schema_


def white_of(like: Any) -> float | None:
    """Return the number that a model's network takes as 1; None if `like` is only a schema.

    Parameters
    ----------
    like
        As in `schema_of`, which is called first.
    """
    if isinstance(like, Schema):
        return None
    if isinstance(like, str | Path):
        about = json.loads((Path(like) / "config.json").read_text(encoding="utf-8"))
        values = about.get("values", {})
        return values.get("white") if isinstance(values, dict) else None
    return like.scale_.white


def check_files(white: float | None, where: str) -> None:
    """Raise a ValueError if a model of arrays cannot read image files, which have 8 bits here.

    Parameters
    ----------
    white
        The number that the model's network takes as 1; None if it is unknown.
    where
        Name of the files for errors.
    """
    if white not in (None, BYTE):
        numbers = "fractions or other small numbers" if white == 1 else f"numbers up to {white:,g}"
        raise ValueError(
            f"{where} holds image files, but the model was trained on arrays of {numbers}: give "
            "arrays of such numbers, or fit a model to image files"
        )


def _read_schema(folder: Path) -> Schema:
    """Return the schema in a model folder."""
    file = folder / "config.json"
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        if about.get("schema") is not None:
            return Schema.from_json(about["schema"])
        classes = tuple(about["classes"])
        shape = tuple(about["example_shape"])
        kind = "table" if len(shape) == 1 else about["config"]["kind"]
        names = about.get("column_names")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{folder} is no model folder that can be read: {one_line(error)}"
        ) from error
    columns = None
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        columns = tuple(names)
    return Schema(kind, shape, label="", classes=classes, columns=columns)


def seed_of(like: Any) -> int:
    """Return the seed that chose the test rows of a model's training data; 0 if there is none."""
    if isinstance(like, str | Path):
        return json.loads((Path(like) / "config.json").read_text("utf-8"))["config"]["random_state"]
    return like.config_.random_state if hasattr(like, "config_") else 0


def conform(data: Dataset, schema: Schema, log: Log) -> Dataset:
    """Return data in the form of a model's training data.

    Parameters
    ----------
    data
        The data, as `wvae.datasets.open_data` reads them for this schema.
    schema
        The model's.
    log
        Receives a line if images are converted between grey and colour.

    Raises
    ------
    ValueError
        If the kind, the shape or the sample rate differ.
    """
    if data.kind != schema.kind:
        raise ValueError(
            f"{data.name} holds {data.kind} data, the model was trained on {schema.kind} data: "
            f"expected {schema.kind} data"
        )
    if data.rate and schema.rate and data.rate != schema.rate:
        raise ValueError(
            f"{data.name} has {data.rate:,} samples per second, the model was trained on "
            f"{schema.rate:,}: resample the sounds, or fit a model to these data"
        )
    x = match_channels(data.x, schema.kind, schema.shape, data.name, log)
    return replace(data, x=x)


def match_channels(x: Array, kind: str, shape: tuple[int, ...], name: str, log: Log) -> Array:
    """Convert images between grey and colour if the model needs it, and check the shape.

    Parameters
    ----------
    x
        Examples, (n, \\*shape).
    kind, shape
        Kind and shape of the training data.
    name
        Name of the data in messages.
    log
        Receives a line if the images were converted.

    Raises
    ------
    ValueError
        If the shape differs from that of the training data.
    """
    if kind == "image" and x.shape[-2:] == shape[-2:]:
        if shape[:-2] == (3,) and x.ndim == 3:
            log(f"{name} is grey, the model was trained on colour: converted to colour")
            x = recolour(x)
        elif len(shape) == 2 and x.shape[1:-2] == (3,):
            log(f"{name} is in colour, the model was trained on grey: converted to grey")
            x = recolour(x)
    if x.shape[1:] != shape:
        raise ValueError(
            f"{name} has examples of shape {x.shape[1:]}, the model was trained on {shape}: "
            "use data of that shape, or fit a model to these data"
        )
    return x
