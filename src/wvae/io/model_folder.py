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
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..config import Config
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
FORMAT = 4
CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
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


def write_model_folder(saved: SavedModel) -> None:
    """Write a model folder atomically. It replaces an earlier model folder.

    Parameters
    ----------
    saved
        The model; ``saved.path`` is the folder. Folders above it are created.

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
    check_model_replaceable(saved.path, overwrite=True)
    saved.path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(saved.path) as folder:
        write_json(folder / CONFIG_FILE, about)
        write_tensors(folder / WEIGHTS_FILE, tensors, {})


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
        column_names, schema = about.get("column_names"), about.get("schema")
        return SavedModel(
            path=path,
            config=Config(**about["config"] | {"device": "auto"}),
            shape=tuple(about["example_shape"]),
            scale=ValueScale.from_json(about["values"]),
            classes=np.array(about["classes"]),
            label_centres=tensors.pop(LABEL_CENTRES).numpy(),
            weights=tensors,
            epochs=len(range(about["epochs_trained"])),  # a TypeError if it is not an integer
            code=check_code(about["code"]),
            feature_names=None if column_names is None else np.array(column_names, dtype=object),
            schema=None if schema is None else Schema.from_json(schema),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} is damaged: its config cannot be used ({error})") from error


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
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{file} is damaged ({error}): restore it or train again") from error
    if version != FORMAT:
        if isinstance(version, int) and version > FORMAT:
            raise ModelFileError(
                f"{path} was written by a newer version of wvae (format {version}, this version "
                f"reads {FORMAT}): update wvae"
            )
        raise ModelFileError(f"{file} has format {version}, expected {FORMAT}: train again")
    return about


def _shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in tensors.items()}
