"""Model folders: what of a fitted model is written, and how it becomes a model again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from .config import Config
from .examples import Array
from .model import SplitVAE
from .storage import ModelFileError, load_weights, read_model, write_model
from .training import build

Code = Literal["rest", "label", "both"]


@dataclass(frozen=True)
class Saved:
    """All that a model folder holds."""

    model: SplitVAE
    code: Code
    classes: Array
    centres: Array  # mean z_label of each class, (classes, d_label)
    epochs: int
    feature_names: Array | None  # of a data frame's columns


def check_code(code: Any) -> Code:
    """Return which code `transform` gives, or raise a ValueError."""
    if code not in ("rest", "label", "both"):
        raise ValueError(f"code is {code!r}, expected 'rest', 'label' or 'both'")
    return code


def write_saved(path: Path, saved: Saved) -> None:
    """Write a model folder, atomically. It replaces an earlier model folder.

    Raises
    ------
    wvae.storage.OutputExistsError
        If `path` is there and is not a model folder.
    """
    about = {
        "config": asdict(saved.model.config),
        "code": saved.code,
        "shape": list(saved.model.shape),
        "classes": saved.classes.tolist(),
        "epochs": saved.epochs,
        "pixels": saved.model.pixels,
    }
    if saved.feature_names is not None:
        about["feature_names"] = saved.feature_names.tolist()
    tensors = {**saved.model.state_dict(), "label_centres": torch.from_numpy(saved.centres)}
    write_model(path, about, tensors)


def read_saved(path: Path) -> Saved:
    """Read a model folder.

    Raises
    ------
    wvae.storage.ModelFileError
        If it is missing, damaged or of another format.
    """
    about, tensors = read_model(path)
    try:
        config = Config(**about["config"] | {"device": "auto"})
        centres = tensors.pop("label_centres").numpy()
        pixels = about.get("pixels", True)  # folders from before there were Gaussians do not say
        if not isinstance(pixels, bool):
            raise ValueError(f"pixels is {pixels!r}, expected true or false")
        model = build(config, tuple(about["shape"]), len(about["classes"]), pixels)
        names = np.array(about["feature_names"], dtype=object) if "feature_names" in about else None
        epochs = len(range(about["epochs"]))
        saved = Saved(model, check_code(about["code"]), np.array(about["classes"]), centres, epochs, names)
        if model.alignment.kind != "none" and "alignment.axes" in tensors:
            model.alignment.make_room(len(tensors["alignment.axes"]))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"{path} is damaged: its config cannot be used ({error})") from error
    load_weights(path, model, tensors)
    return saved
