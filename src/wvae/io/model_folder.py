"""Model folders: a fitted model as data, ``config.json`` and ``model.safetensors``, never as code.

``config.json`` has these keys:

====================  ===========================================================================
``format``            version of this format; `FORMAT`
``config``            the hyper-parameters, by name
``code``              what ``WVAE.transform`` returns: "rest", "label" or "both"
``example_shape``     shape of one example
``classes``           the labels, sorted
``epochs_trained``    number of epochs
``values``            from the numbers of the data to the network's input:
                      `wvae.datasets.values.ValueScale`
``column_names``      names of a data frame's columns; only if the model was fitted to one
``schema``            how files become examples: `wvae.datasets.schema.Schema`; only if the model
                      was fitted to a `wvae.datasets.dataset.Dataset`
====================  ===========================================================================

``model.safetensors`` has the parameters and buffers of the network, and ``label_centres``.

``wvae fit`` adds `ROWS_FILE`, a record of the training rows, and ``wvae measure`` `MEASURES_FILE`,
its figures.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..config import Config
from ..datasets.messages import one_line
from ..datasets.schema import Schema
from ..datasets.values import ValueScale
from .files import (
    ModelFileError,
    atomic_folder,
    check_replaceable,
    read_tensors,
    write_json,
    write_tensors,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

Array = np.ndarray
Code = Literal["rest", "label", "both"]
FORMAT = 5
EARLIER_FORMAT = 4  # "auto" stood for other backbones; strokes were taken as bright
CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
ROWS_FILE, MEASURES_FILE = "rows.json", "measures.json"
MIN_HALF_VALUES = 1000  # smaller tensors, such as scales, stay as they are
KNOT_TENSORS = ("alignment.source", "alignment.target")
MAX_EPOCHS = 10**9
LABEL_CENTRES = "label_centres"  # name of this tensor in model.safetensors


@dataclass(frozen=True)
class SavedModel:
    """The content of a model folder or of a file of the original program; no PyTorch module.

    Parameters
    ----------
    path
        Where it was read from or will be written to; error messages name it.
    config
        The hyper-parameters.
    shape
        Shape of one example.
    scale
        From the numbers of the data to the network's input.
    classes
        The labels, sorted, (classes,).
    label_centres
        Mean z_label of each label, (classes, d_label); NaN where unknown.
    weights
        Parameters and buffers of the network, by name.
    epochs
        Number of epochs trained.
    code
        What ``WVAE.transform`` returns.
    feature_names
        Column names of the data frame that the model was fitted to, or None.
    schema
        How files become examples, or None.
    """

    path: Path
    config: Config
    shape: tuple[int, ...]
    scale: ValueScale
    classes: Array
    label_centres: Array
    weights: dict[str, Tensor]
    epochs: int
    code: Code = "rest"
    feature_names: Array | None = None
    schema: Schema | None = None


def check_code(code: Any) -> Code:
    """Return `code` if it names what ``WVAE.transform`` can return, else raise a ValueError."""
    if code not in ("rest", "label", "both"):
        raise ValueError(f"code is {code!r}, expected 'rest', 'label' or 'both'")
    return code


def write_model_folder(saved: SavedModel, *, half: bool = False) -> None:
    """Write a model folder atomically. It replaces an earlier model folder.

    Parameters
    ----------
    saved
        The model; ``saved.path`` is the folder. Folders above it are created.
    half
        Whether to write large tensors in half precision.

    Raises
    ------
    wvae.io.files.OutputExistsError
        If the path exists and is not a model folder.
    """
    import torch

    about: dict[str, Any] = {
        "format": FORMAT,
        "config": asdict(saved.config),
        "code": saved.code,
        "example_shape": list(saved.shape),
        "classes": saved.classes.tolist(),
        "epochs_trained": saved.epochs,
        "values": saved.scale.to_json(),
    }
    if saved.feature_names is not None:
        about["column_names"] = saved.feature_names.tolist()
    if saved.schema is not None:
        about["schema"] = saved.schema.to_json()
    tensors = saved.weights | {LABEL_CENTRES: torch.from_numpy(saved.label_centres)}
    if half:
        tensors = {name: _smaller(name, value) for name, value in tensors.items()}
    check_model_replaceable(saved.path, overwrite=True)
    saved.path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(saved.path) as folder:
        write_json(folder / CONFIG_FILE, about)
        write_tensors(folder / WEIGHTS_FILE, tensors, {})


def _smaller(name: str, value: Tensor) -> Tensor:
    """Return a tensor in half precision if it is large, and its knots, if any, stay apart.

    Knots of the alignment that became equal would make its pieces infinitely steep; they take
    single precision.
    """
    if not value.is_floating_point() or value.numel() < MIN_HALF_VALUES:
        return value
    is_knots = name in KNOT_TENSORS
    if is_knots and not bool((value.half().diff(dim=-1) > 0).all()):
        return value.float()
    return value.half()


def check_model_replaceable(path: Path, *, overwrite: bool) -> None:
    """Raise an error if `path` may not be replaced by a new model folder.

    Other programs also call their files config.json and model.safetensors; only a folder whose
    config.json this package wrote is a model folder.

    Parameters
    ----------
    path
        The folder to be written.
    overwrite
        Whether the user wants an earlier model folder replaced.

    Raises
    ------
    OutputExistsError
        If the path is something else, or may only be replaced with `overwrite`.
    """
    markers, what = {WEIGHTS_FILE}, "a model folder"
    file = path / CONFIG_FILE
    if (path / WEIGHTS_FILE).exists() and file.exists():
        try:
            about = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:  # damaged, but with the names of a model folder
            about = {"example_shape": None}
        if not isinstance(about, dict) or "example_shape" not in about:
            markers = {"no such file"}
    check_replaceable(path, markers=markers, what=what, overwrite=overwrite)


def read_model_folder(path: Path) -> SavedModel:
    """Read a model folder. The device of its config becomes ``"auto"``.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the folder is missing or damaged, or has another format.
    """
    about = _read_config(path)
    tensors, _ = read_tensors(path / WEIGHTS_FILE)
    try:
        return _saved_model(path, about, tensors)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelFileError(
            f"{path} is damaged: its config cannot be used ({one_line(error)})"
        ) from error


def _saved_model(path: Path, about: dict[str, Any], tensors: dict[str, Tensor]) -> SavedModel:
    """Return the content of a model folder, or raise an error that says what is wrong."""
    config = Config(**about["config"] | {"device": "auto"})
    shape = _shape(about["example_shape"])
    if about["format"] == EARLIER_FORMAT:
        config = _with_earlier_backbone(config, shape)
    scale = ValueScale.from_json(about["values"])
    if np.shape(scale.offset) not in ((), shape):
        raise ValueError(f"offset has shape {np.shape(scale.offset)}, expected {shape}")
    classes = _classes(about["classes"])
    centres = tensors.pop(LABEL_CENTRES).float().numpy()
    if centres.shape != (len(classes), config.d_label):
        raise ValueError(
            f"{LABEL_CENTRES} has shape {centres.shape}, expected {(len(classes), config.d_label)}"
        )
    if np.isinf(centres).any():
        raise ValueError(f"{LABEL_CENTRES} holds infinity")
    epochs = about["epochs_trained"]
    if isinstance(epochs, bool) or not isinstance(epochs, int) or not 0 <= epochs <= MAX_EPOCHS:
        raise ValueError(f"epochs_trained is {epochs!r}, expected a number of epochs")
    schema = None if about.get("schema") is None else Schema.from_json(about["schema"])
    if schema is not None and (schema.shape, schema.kind) != (shape, config.kind):
        raise ValueError(f"the schema has shape {schema.shape}, expected {shape}")
    if schema is not None and schema.classes not in ((), tuple(classes.tolist())):
        raise ValueError("the schema has other classes than the model")
    return SavedModel(
        path=path,
        config=config,
        shape=shape,
        scale=scale,
        classes=classes,
        label_centres=centres,
        weights=tensors,
        epochs=epochs,
        code=check_code(about["code"]),
        feature_names=_column_names(about.get("column_names"), shape),
        schema=schema,
    )


def _with_earlier_backbone(config: Config, shape: tuple[int, ...]) -> Config:
    """Return the config with the backbone for which "auto" stood in the earlier format."""
    if config.backbone != "auto" or config.kind == "table" or len(shape) not in (2, 3):
        return config
    is_colour = config.kind == "image" and shape[:-2] == (3,)
    return replace(config, backbone="photo" if is_colour else "conv")


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of an example."""
    is_count = [isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in value]
    if not isinstance(value, list) or not value or not all(is_count):
        raise ValueError(f"example_shape is {value!r}, expected positive integers")
    return tuple(value)


def _classes(value: Any) -> Array:
    """Return the classes: distinct, sorted, and of one type."""
    kinds = {type(name) for name in value}
    if not isinstance(value, list) or len(kinds) != 1 or not kinds <= {str, int, bool}:
        raise ValueError("classes holds other values than words, integers or booleans of one type")
    classes = np.array(value)
    if not np.array_equal(classes, np.unique(classes)):
        raise ValueError("classes is not sorted, or holds a class twice")
    return classes


def _column_names(value: Any, shape: tuple[int, ...]) -> Array | None:
    """Return the names of the columns, (columns,), or None."""
    if value is None:
        return None
    is_name = [isinstance(name, str | int) for name in value]
    if not isinstance(value, list) or (len(value),) != shape or not all(is_name):
        raise ValueError(f"column_names has no name for each of the {shape} columns")
    return np.array(value, dtype=object)


def load_weights(path: Path, module: Module, tensors: dict[str, Tensor]) -> None:
    """Load weights into a module.

    Parameters
    ----------
    path
        Where the weights came from; error messages name it.
    module
        The module to change.
    tensors
        All its parameters and buffers, by name.

    Raises
    ------
    wvae.io.files.ModelFileError
        If a name or a shape differs. PyTorch's own message has many lines.
    """
    expected = _shapes(module.state_dict())
    actual = _shapes(tensors)
    for name in sorted(expected.keys() | actual.keys()):
        if expected.get(name) != actual.get(name):
            raise ModelFileError(
                f"{path} is damaged: its weights do not fit its config ({name} has shape "
                f"{actual.get(name, 'none')}, expected {expected.get(name, 'none')})"
            )
        if tensors[name].is_complex():
            raise ModelFileError(f"{path} is damaged: {name} holds complex numbers")
        if name.endswith(".input_sd") and not bool((tensors[name] > 0).all()):
            raise ModelFileError(f"{path} is damaged: {name} is not positive")
        if not bool(tensors[name].isfinite().all()):
            raise ModelFileError(
                f"{path} holds NaN or infinity in {name}, expected finite weights: train again"
            )
    module.load_state_dict(tensors)


def _read_config(path: Path) -> dict[str, Any]:
    """Return the content of a model folder's config.json, of this version's format."""
    file = path / CONFIG_FILE
    if not file.exists():
        raise ModelFileError(f"{path} is no model folder: it has no {CONFIG_FILE}")
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        version = about["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelFileError(
            f"{file} is damaged ({one_line(error)}): restore it or train again"
        ) from error
    known = f"{EARLIER_FORMAT} or {FORMAT}"
    if version not in (EARLIER_FORMAT, FORMAT):
        if isinstance(version, int) and version > FORMAT:
            raise ModelFileError(
                f"{path} was written by a newer version of wvae (format {version}, this version "
                f"reads {known}): update wvae"
            )
        held = f"{version}" if type(version) is int else f"{version} ({type(version).__name__})"
        raise ModelFileError(f"{file} has format {held}, expected {known}: train again")
    return about


def _shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in tensors.items()}
