"""Reader of the original program's weights (29Takuya, 2018): Chainer ``.model`` files."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..config import Config
from ..datasets.values import ValueScale
from .files import ModelFileError
from .model_folder import SavedModel

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray
# The notebook's names of its layers (a is z_label, b is z_rest), and ours.
LINKS = {
    "le1": "trunk.1",
    "le2_mu_a": "label_mean",
    "le2_ln_var_a": "label_log_variance",
    "le2_mu_b": "rest_mean",
    "le2_ln_var_b": "rest_log_variance",
    "ld1_a": "decoder.from_label",
    "ld1_b": "decoder.from_rest",
    "ld2": "decoder.output",
}
CLASSIFIER_LINK = "l_c"  # missing in the variant without labels
N_DIGITS = 10


def read_original(path: Path) -> SavedModel:
    """Read a Chainer ``.model`` file of the original notebook.

    It may be any of the notebook's three variants. The originals were trained on EMNIST as it is
    stored, that is, transposed. The pixels of the first and the last layer are permuted, so that
    the model takes upright images. Label centres are unknown (NaN). A model of the variant without
    labels has no classifier weights.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the file is missing, damaged, or not a model of the notebook.
    """
    weights = _weights(path)
    width, n_pixels = weights["trunk.1.weight"].shape
    side = math.isqrt(n_pixels)
    labelled = "classifier.weight" in weights
    config = Config.preset(
        "article",
        "classifier" if labelled else "plain",
        d_label=len(weights["label_mean.bias"]),
        d_rest=len(weights["rest_mean.bias"]),
        width=width,
    )
    n_classes = len(weights["classifier.bias"]) if labelled else N_DIGITS
    return SavedModel(
        path=path,
        config=config,
        shape=(side, side),
        scale=ValueScale(white=255, unit_range=True),
        classes=np.arange(n_classes),
        label_centres=np.full((n_classes, config.d_label), np.nan, np.float32),
        weights=_tensors(weights),
        epochs=config.epochs,
    )


def _weights(path: Path) -> dict[str, Array]:
    """Return the weights by this package's names, for upright images."""
    arrays = _arrays(path)
    links = dict(LINKS)
    if f"{CLASSIFIER_LINK}/W" in arrays:
        links[CLASSIFIER_LINK] = "classifier"
    expected = [f"{link}/{part}" for link in links for part in "Wb"]
    missing = [name for name in expected if name not in arrays]
    if missing:
        raise ModelFileError(
            f"{path} lacks {', '.join(missing)}: it is not a model of the notebook"
        )
    weights: dict[str, Array] = {}
    for link, name in links.items():
        weight, bias = arrays[f"{link}/W"], arrays[f"{link}/b"]
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise ModelFileError(
                f"{path} is damaged: {link}/W has shape {weight.shape} and {link}/b {bias.shape}"
            )
        weights[f"{name}.weight"], weights[f"{name}.bias"] = weight, bias
    n_pixels = weights["trunk.1.weight"].shape[1]
    side = math.isqrt(n_pixels)
    if side * side != n_pixels or len(weights["decoder.output.bias"]) != n_pixels:
        raise ModelFileError(
            f"{path} is not for square images: le1/W has shape {arrays['le1/W'].shape}"
        )
    upright = np.arange(n_pixels).reshape(side, side).T.ravel()
    weights["trunk.1.weight"] = weights["trunk.1.weight"][:, upright]
    weights["decoder.output.weight"] = weights["decoder.output.weight"][upright]
    weights["decoder.output.bias"] = weights["decoder.output.bias"][upright]
    return weights


def _arrays(path: Path) -> dict[str, Array]:
    """Return the arrays of a Chainer file by their own names."""
    try:
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array only")
            return {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} is missing") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelFileError(
            f"{path} is no Chainer .model file, which is an npz ({error})"
        ) from error


def _tensors(weights: dict[str, Array]) -> dict[str, Tensor]:
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in weights.items()}
