"""Coding: arrays of examples to arrays of codes, and back, batch by batch on the model's device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..config import Config
from ..io.model_folder import Code
from ..model import SplitVAE
from ..validation import class_indices
from .examples import Array, Examples, batches, in_blocks

ALIGNED = 16_000  # rows at once: they are few numbers each, and many small operations cost more
Posterior = tuple[tuple[Array, Array], tuple[Array, Array]]


@torch.no_grad()
def posterior(model: SplitVAE, X: Array) -> Posterior:
    """Return (mean, standard deviation) of q(z_label|x) and of q(z_rest|x), before the alignment."""
    data = Examples(X, np.zeros(len(X), np.int64))
    parts: list[list[Array]] = [[], [], [], []]
    for rows in batches(len(X)):
        q_label, q_rest = model.encode(in_blocks(data.batch(rows, _device(model))[0]))
        for part, value in zip(
            parts, (q_label.mean, q_label.stddev, q_rest.mean, q_rest.stddev), strict=True
        ):
            part.append(value[: rows.stop - rows.start].cpu().numpy())
    a, b, c, d = (np.concatenate(part) for part in parts)
    return (a, b), (c, d)


@torch.no_grad()
def aligned(model: SplitVAE, z_label: Array, z_rest: Array) -> Array:
    """Return z_rest as users see it, (n, d_rest), given the label that z_label means."""
    codes = [torch.from_numpy(z).to(_device(model)) for z in (z_label, z_rest)]
    parts = []
    for rows in batches(len(z_label), ALIGNED):
        read = model.align(*(in_blocks(z[rows]) for z in codes))
        parts.append(read.z_rest[: rows.stop - rows.start].cpu().numpy())
    return np.concatenate(parts)


@torch.no_grad()
def decoded(model: SplitVAE, z_label: Array, z_rest: Array) -> Array:
    """Return the mean of p(x|codes), (n, \\*shape), for codes as users see them.

    Raises
    ------
    ValueError
        If the codes have other shapes than the model's, or different numbers of rows.
    """
    codes = []
    for name, z, width in (
        ("z_label", z_label, model.config.d_label),
        ("z_rest", z_rest, model.config.d_rest),
    ):
        z = np.asarray(z, np.float32)
        if z.ndim != 2 or z.shape[1] != width:
            raise ValueError(f"{name} has shape {z.shape}, expected (n, {width})")
        codes.append(torch.from_numpy(np.array(z)).to(_device(model)))
    if len(codes[0]) != len(codes[1]):
        raise ValueError(
            f"z_label has {len(codes[0])} rows and z_rest {len(codes[1])}, expected as many"
        )
    images = [
        model.decode_aligned(codes[0][rows], codes[1][rows]).mean.cpu().numpy()
        for rows in batches(len(codes[0]))
    ]
    return np.concatenate(images) if images else np.zeros((0, *model.shape), np.float32)


@torch.no_grad()
def probabilities(model: SplitVAE, z_label: Array) -> Array:
    """Return p(y|z_label), (n, classes), or raise a ValueError if the model has no classifier."""
    if not model.config.classifier_weight:
        raise ValueError(
            "this model was trained without labels (classifier_weight is 0) and cannot predict"
        )
    z = torch.from_numpy(z_label).to(_device(model))
    return model.classify(in_blocks(z)).probs[: len(z)].cpu().numpy()


def column_names(config: Config, code: Code) -> Array:
    """Return what the columns of a code are called, (columns,)."""
    label = [f"z_label{i}" for i in range(config.d_label)]
    rest = [f"z_rest{i}" for i in range(config.d_rest)]
    return np.array({"rest": rest, "label": label, "both": label + rest}[code], dtype=object)


def centres_of(y: Any, classes: Array, centres: Array) -> Array:
    """Return the mean z_label of each label, (n, d_label), or raise a ValueError if one is not known."""
    found = centres[class_indices(y, classes)]
    if np.isnan(found).any():
        raise ValueError(
            "the label centres are not known, of an imported model or of a label that partial_fit has not seen: "
            "take swap or decode instead"
        )
    return found


def _device(model: SplitVAE) -> torch.device:
    return next(model.parameters()).device
