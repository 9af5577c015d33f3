"""Model folders: what a fitted model is on disk, as a record without any PyTorch module."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..config import Config
from .files import ModelFileError, read_model, write_model

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray
Code = Literal["rest", "label", "both"]
LABEL_CENTRES = "label_centres"  # name of that tensor among the weights


@dataclass(frozen=True)
class SavedModel:
    """All that a model folder, or a file of the original program, holds.

    Parameters
    ----------
    path
        Where it was read from or is written to, for error messages.
    config
        The hyper-parameters.
    shape
        Shape of one example.
    unit_range
        Whether all training values were in [0, 1].
    classes
        The labels, sorted, (classes,).
    label_centres
        Mean z_label of each label, (classes, d_label); NaN where unknown.
    weights
        Parameters and buffers of the model by name.
    epochs
        Number of epochs trained.
    code
        What ``WVAE.transform`` returns.
    feature_names
        Names of the columns of the data frame it was fitted to, or None.
    """

    path: Path
    config: Config
    shape: tuple[int, ...]
    unit_range: bool
    classes: Array
    label_centres: Array
    weights: dict[str, Tensor]
    epochs: int
    code: Code = "rest"
    feature_names: Array | None = None


def check_code(code: Any) -> Code:
    """Return the name of the code that ``WVAE.transform`` returns, or raise a ValueError."""
    if code not in ("rest", "label", "both"):
        raise ValueError(f"code is {code!r}, expected 'rest', 'label' or 'both'")
    return code


def write_saved(saved: SavedModel) -> None:
    """Write a model folder, atomically: ``config.json`` and ``model.safetensors``.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the path exists and is not a model folder.
    """
    import torch

    about = {
        "config": asdict(saved.config),
        "code": saved.code,
        "shape": list(saved.shape),
        "classes": saved.classes.tolist(),
        "epochs": saved.epochs,
        "unit_range": saved.unit_range,
    }
    if saved.feature_names is not None:
        about["feature_names"] = saved.feature_names.tolist()
    write_model(
        saved.path, about, saved.weights | {LABEL_CENTRES: torch.from_numpy(saved.label_centres)}
    )


def read_saved(path: Path) -> SavedModel:
    """Read a model folder.

    Raises
    ------
    wvae.io.files.ModelFileError
        If it is missing, damaged or of another format.
    """
    about, tensors = read_model(path)
    try:
        unit_range = about["unit_range"]
        if not isinstance(unit_range, bool):
            raise ValueError(f"unit_range is {unit_range!r}, expected true or false")
        names = about.get("feature_names")
        return SavedModel(
            path=path,
            config=Config(**about["config"] | {"device": "auto"}),
            shape=tuple(about["shape"]),
            unit_range=unit_range,
            classes=np.array(about["classes"]),
            label_centres=tensors.pop(LABEL_CENTRES).numpy(),
            weights=tensors,
            epochs=len(range(about["epochs"])),  # a TypeError if it is not a whole number
            code=check_code(about["code"]),
            feature_names=None if names is None else np.array(names, dtype=object),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} is damaged: its config cannot be used ({error})") from error
