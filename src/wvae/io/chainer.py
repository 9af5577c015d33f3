"""The original notebook's own weights (29Takuya, 2018): a Chainer ``.model`` file becomes a fitted `WVAE`."""

from __future__ import annotations

import math
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ..config import Config
from ..estimator import WVAE
from ..training.loop import build
from ..training.pipeline import Fit
from .files import ModelFileError, load_weights

# The notebook's link names (a is the label code, b the rest) and ours.
_LINKS = {
    "le1": "trunk.1",
    "le2_mu_a": "label_mean",
    "le2_ln_var_a": "label_log_variance",
    "le2_mu_b": "rest_mean",
    "le2_ln_var_b": "rest_log_variance",
    "ld1_a": "decoder.from_label",
    "ld1_b": "decoder.from_rest",
    "ld2": "decoder.output",
}
_CLASSIFIER = "l_c"  # missing in the variant without labels


def _read(path: Path) -> dict[str, np.ndarray]:
    """Read the original's Chainer file into our names, for upright images.

    The originals were trained on EMNIST as stored, that is transposed: the weights that touch pixels are permuted.

    Raises
    ------
    ModelFileError
        If it is not such a file.
    """
    try:
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array only")
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} is missing") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelFileError(f"{path} is no Chainer .model file, which is an npz ({error})") from error
    links = dict(_LINKS)
    if f"{_CLASSIFIER}/W" in arrays:
        links[_CLASSIFIER] = "classifier"
    missing = [f"{link}/{part}" for link in links for part in "Wb" if f"{link}/{part}" not in arrays]
    if missing:
        raise ModelFileError(f"{path} lacks {', '.join(missing)}: it is not a model of the notebook")
    weights = {
        f"{ours}.{name}": arrays[f"{link}/{part}"]
        for link, ours in links.items()
        for part, name in (("W", "weight"), ("b", "bias"))
    }
    for link in links:
        (rows, *columns), biases = arrays[f"{link}/W"].shape, arrays[f"{link}/b"].shape
        if len(columns) != 1 or biases != (rows,):
            raise ModelFileError(f"{path}: {link}/W has shape {(rows, *columns)} and {link}/b {biases}: it is damaged")
    pixels = weights["trunk.1.weight"].shape[1]
    side = math.isqrt(pixels)
    if side * side != pixels or len(weights["decoder.output.bias"]) != pixels:
        raise ModelFileError(f"{path} is not for square images: le1/W has shape {arrays['le1/W'].shape}")
    upright = np.arange(side * side).reshape(side, side).T.ravel()
    weights["trunk.1.weight"] = weights["trunk.1.weight"][:, upright]
    weights["decoder.output.weight"] = weights["decoder.output.weight"][upright]
    weights["decoder.output.bias"] = weights["decoder.output.bias"][upright]
    return weights


def import_original(path: str | Path) -> WVAE:
    """Return the fitted `WVAE` that a Chainer ``.model`` file of the original notebook holds.

    All three of its variants are read; the images are upright ones (the originals were trained on transposed
    images, so the weights are permuted). `label_centres_` are unknown, hence `rewrite` is not available.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the file is not one of them.
    """
    weights = _read(Path(path))
    width, pixels = weights["trunk.1.weight"].shape
    labelled = "classifier.weight" in weights
    config = Config.preset(
        "article",
        "classifier" if labelled else "plain",
        d_label=len(weights["label_mean.bias"]),
        d_rest=len(weights["rest_mean.bias"]),
        width=width,
    )
    n_classes = len(weights["classifier.bias"]) if labelled else 10
    side = int(pixels**0.5)
    model = build(config, (side, side), n_classes)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in weights.items()}
    if not labelled:  # nothing reads the classifier then
        tensors = model.state_dict() | tensors
    load_weights(Path(path), model, tensors)
    estimator = WVAE(**asdict(config))
    unknown = np.full((n_classes, config.d_label), np.nan, np.float32)
    estimator._set(Fit(model, [{}] * config.epochs, unknown), np.arange(n_classes))
    return estimator
