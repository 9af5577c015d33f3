"""Inference: arrays of examples to arrays of codes and back, in batches on the model's device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..config import Config
from ..io.model_folder import Code
from ..model import SplitVAE
from ..nn.torch_state import default_torch_state
from ..validation import class_indices
from ..validation.arrays import plain_tensor
from .examples import Array, Examples, batches, pad_to_block

ALIGNMENT_BATCH = 16_000  # rows at once: each is a few numbers, and many small operations are slow
Posterior = tuple[tuple[Array, Array], tuple[Array, Array]]


@default_torch_state()
@torch.no_grad()
def posterior(model: SplitVAE, data: Examples) -> Posterior:
    """Return (mean, standard deviation) of q(z_label|x) and of q(z_rest|x), before the alignment.

    Parameters
    ----------
    model
        In evaluation mode.
    data
        The examples; their labels are not used.

    Returns
    -------
    tuple
        ``((label_mean, label_sd), (rest_mean, rest_sd))``: (n, d_label) and (n, d_rest), float32.
    """
    label_mean: list[Array] = []
    label_sd: list[Array] = []
    rest_mean: list[Array] = []
    rest_sd: list[Array] = []
    for rows in batches(len(data.x)):
        n = rows.stop - rows.start
        x, _ = data.batch(rows, _device(model))
        q_label, q_rest = model.encode(pad_to_block(x))
        label_mean.append(q_label.mean[:n].cpu().numpy())
        label_sd.append(q_label.stddev[:n].cpu().numpy())
        rest_mean.append(q_rest.mean[:n].cpu().numpy())
        rest_sd.append(q_rest.stddev[:n].cpu().numpy())
    return (
        (np.concatenate(label_mean), np.concatenate(label_sd)),
        (np.concatenate(rest_mean), np.concatenate(rest_sd)),
    )


@default_torch_state()
@torch.no_grad()
def style_features(model: SplitVAE, data: Examples) -> Array:
    """Return the weighted style features relative to the predicted label, (n, size), float32.

    Feature j is multiplied by √v_j, so that squared distances have the weights v of the objective.

    Parameters
    ----------
    model
        In evaluation mode, with style features.
    data
        The examples; their labels are not used.
    """
    weight = model.style.weight.sqrt()
    used = model.style.features.weight > 0  # not columns that only fill up a table
    parts: list[Array] = []
    for rows in batches(len(data.x)):
        n = rows.stop - rows.start
        x = pad_to_block(data.batch(rows, _device(model))[0])
        q_label, _ = model.encode(x)
        labels = model.classify(q_label.mean).probs
        features = model.style.standardise(model.style_features(x), labels)
        parts.append((weight * features)[:n, used].cpu().numpy())
    return np.concatenate(parts)


@default_torch_state()
@torch.no_grad()
def align(model: SplitVAE, z_label: Array, z_rest: Array) -> Array:
    """Return z_rest after the alignment, (n, d_rest), given the label that z_label predicts.

    Parameters
    ----------
    model
        In evaluation mode.
    z_label, z_rest
        (n, d_label) and (n, d_rest), as `posterior` returns means.
    """
    label_codes, rest_codes = (torch.from_numpy(z).to(_device(model)) for z in (z_label, z_rest))
    parts: list[Array] = []
    for rows in batches(len(z_label), ALIGNMENT_BATCH):
        codes = model.align(pad_to_block(label_codes[rows]), pad_to_block(rest_codes[rows]))
        parts.append(codes.z_rest[: rows.stop - rows.start].cpu().numpy())
    return np.concatenate(parts)


@default_torch_state()
@torch.no_grad()
def decode(model: SplitVAE, z_label: Array, z_rest: Array) -> Array:
    """Return the mean of p(x|codes), (n, \\*shape), for aligned codes.

    Parameters
    ----------
    model
        In evaluation mode.
    z_label, z_rest
        (n, d_label) and (n, d_rest), as `align` returns z_rest.

    Raises
    ------
    ValueError
        If the codes have other widths than the model's, or different numbers of rows.
    """
    label_codes = _check_code("z_label", z_label, model.config.d_label).to(_device(model))
    rest_codes = _check_code("z_rest", z_rest, model.config.d_rest).to(_device(model))
    if len(label_codes) != len(rest_codes):
        raise ValueError(
            f"z_label has {len(label_codes)} rows and z_rest {len(rest_codes)}, "
            "expected the same number"
        )
    parts: list[Array] = []
    for rows in batches(len(label_codes)):
        mean = model.decode_aligned(label_codes[rows], rest_codes[rows]).mean
        parts.append(mean.cpu().numpy())
    return np.concatenate(parts) if parts else np.zeros((0, *model.shape), np.float32)


@default_torch_state()
@torch.no_grad()
def probabilities(model: SplitVAE, z_label: Array) -> Array:
    """Return p(y|z_label), (n, classes).

    Parameters
    ----------
    model
        In evaluation mode.
    z_label
        (n, d_label).

    Raises
    ------
    ValueError
        If the model has no trained classifier.
    """
    if not model.config.classifier_weight:
        raise ValueError(
            "this model was trained without labels (classifier_weight is 0) and cannot predict"
        )
    codes = torch.from_numpy(z_label).to(_device(model))
    return model.classify(pad_to_block(codes)).probs[: len(codes)].cpu().numpy()


def column_names(config: Config, code: Code) -> Array:
    """Return the names of a code's columns, (columns,).

    >>> column_names(Config(d_label=1, d_rest=2), "both").tolist()
    ['z_label0', 'z_rest0', 'z_rest1']
    """
    label = [f"z_label{i}" for i in range(config.d_label)]
    rest = [f"z_rest{i}" for i in range(config.d_rest)]
    return np.array({"rest": rest, "label": label, "both": label + rest}[code], dtype=object)


def centres_of(y: Any, classes: Array, centres: Array) -> Array:
    """Return the mean z_label of each label, (n, d_label).

    Parameters
    ----------
    y
        (n,) labels.
    classes
        All labels of the model, sorted.
    centres
        (classes, d_label); NaN for a class without training examples.

    Raises
    ------
    ValueError
        If a label is not among the classes, or its centre is unknown.
    """
    rows = centres[class_indices(y, classes)]
    if np.isnan(rows).any():
        raise ValueError(
            "the label centres are unknown: the model is imported, or partial_fit has had no "
            "example of the label. Use swap or decode instead"
        )
    return rows


def _check_code(name: str, z: Array, width: int) -> torch.Tensor:
    """Return a copy of a code as a tensor, or raise a ValueError if its shape is wrong."""
    z = np.asarray(plain_tensor(z), np.float32)
    if z.ndim != 2 or z.shape[1] != width:
        raise ValueError(f"{name} has shape {z.shape}, expected (n, {width})")
    if not np.isfinite(z).all():
        row = int(np.argwhere(~np.isfinite(z))[0, 0]) + 1
        raise ValueError(f"{name} holds NaN or infinity in row {row:,}, expected finite codes")
    return torch.from_numpy(np.array(z))


def _device(model: SplitVAE) -> torch.device:
    return next(model.parameters()).device
