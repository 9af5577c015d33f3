"""Calibration: what a model must be told of its data before it is trained – their scale, and each label's style."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..model import SplitVAE
from ..nn.style_features import SpectralStatistics
from .examples import Examples, batches, rows_of_each

MEASURED = 100_000  # examples, at most: more would tell the same, and memory would grow with them


def measure(model: SplitVAE, data: Examples) -> None:
    """Tell an untrained model what it must know of its data: their scale, and the style statistics of each label.

    Every example counts once, whatever its weight; of more than 100,000 chance takes so many.
    """
    device, data = next(model.parameters()).device, data.some(MEASURED, model.config.random_state)
    _measure_values(model, data, device)
    _measure_picture(model, data, device)
    _measure_style(model, data, device)


@torch.no_grad()
def _measure_values(model: SplitVAE, data: Examples, device: torch.device) -> None:
    """Tell a model whose p(x|z) is Gaussian the mean and standard deviation of each column, or of all values."""
    if model.likelihood != "gaussian":
        return
    axes = 0 if model.by_column else tuple(range(len(model.shape) + 1))

    def mean_of(function: Callable[[Tensor], Tensor]) -> Tensor:
        parts = [function(data.batch(rows, device)[0].double()) for rows in batches(len(data.x))]
        return torch.stack([part.mean(axes) * len(part) for part in parts]).sum(0) / len(data.x)

    mean = mean_of(lambda x: x)
    sd = mean_of(lambda x: (x - mean).square()).sqrt()
    # What does not vary, but for rounding, has no scale: its own is kept, so that nothing is divided by zero.
    least = 1e-6 * mean.abs()
    model.shift.copy_(mean)
    model.scale.copy_(torch.where(sd > least.clamp(min=1e-30), sd, least.clamp(min=1.0)))


@torch.no_grad()
def _measure_picture(model: SplitVAE, data: Examples, device: torch.device) -> None:
    """Tell a model that starts from its data the mean picture, which centres its input and is what it draws first."""
    if not model.centred:
        return
    n = len(data.x)
    mean = torch.stack([data.batch(rows, device)[0].double().sum(0) for rows in batches(n)]).sum(0) / n
    model.shift.copy_(mean)
    output = [layer for layer in model.decoder.modules() if isinstance(layer, torch.nn.Linear)][-1]
    if output.out_features == mean.numel():  # no convolutions follow
        output.bias.copy_(torch.logit((mean.flatten() * n + 0.5) / (n + 1)))


@torch.no_grad()
def _measure_style(model: SplitVAE, data: Examples, device: torch.device) -> None:
    """Tell the model what the style statistics of each label are, in the mean and in spread."""
    if not model.explains_style:
        return
    y = torch.from_numpy(np.array(data.y)).to(device)
    if isinstance(model.statistics, SpectralStatistics):
        halves = torch.cat([model.statistics.halves(data.batch(rows, device)[0]) for rows in batches(len(data.x))])
        model.statistics.fit(halves[y >= 0].cpu().numpy(), data.y[data.y >= 0])
    found = torch.cat([model.statistics(data.batch(rows, device)[0]) for rows in batches(len(data.x))])
    for k, rows in enumerate(rows_of_each(data.y, model.n_classes)):
        mine = found[torch.from_numpy(rows).to(device)]
        if len(mine) < 2:  # nothing to tell: standard statistics
            continue
        model.style_mean[k] = mine.mean(0)
        model.style_sd[k] = mine.std(0).clamp(min=1e-3)
