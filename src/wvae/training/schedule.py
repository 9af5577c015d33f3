"""The optimiser and the learning-rate schedules, for training and for the decoder's fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ..model import SplitVAE
from ..nn.backbones import lr_multiplier

Schedule = Literal["constant", "one-cycle", "linear", "half-cosine"]

ONE_CYCLE_WARM_UP = 0.1  # share of the training in which the rate rises
ONE_CYCLE_START = 0.04  # first rate, as a share of the peak
ONE_CYCLE_END = 0.01  # last rate, as a share of the peak
LINEAR_WARM_UP = 0.05
LINEAR_MIN_PROGRESS = 0.002  # the very first step must not have rate 0


def learning_rate_factor(schedule: Schedule, progress: float) -> float:
    """Return the learning rate as a share of its peak.

    Parameters
    ----------
    schedule
        - ``"constant"``: 1 throughout.
        - ``"one-cycle"``: a linear rise from 0.04 to 1 over the first tenth, then half a cosine
          down to 0.01 (after Smith & Topin, 2019).
        - ``"linear"``: a linear rise over the first twentieth, then a linear fall to 0.
        - ``"half-cosine"``: half a cosine from 1 down to 0, without warm-up.
    progress
        Share of the steps that are done, in [0, 1).

    References
    ----------
    Smith & Topin (2019), "Super-convergence", arXiv:1708.07120.

    Examples
    --------
    >>> [round(learning_rate_factor("one-cycle", p), 3) for p in (0.0, 0.1, 0.55, 1.0)]
    [0.04, 1.0, 0.505, 0.01]
    >>> [round(learning_rate_factor("linear", p), 3) for p in (0.025, 0.05, 0.525, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if schedule == "one-cycle":
        if progress < ONE_CYCLE_WARM_UP:
            return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * progress / ONE_CYCLE_WARM_UP
        fall = (progress - ONE_CYCLE_WARM_UP) / (1 - ONE_CYCLE_WARM_UP)
        return ONE_CYCLE_END + (1 - ONE_CYCLE_END) * _half_cosine(fall)
    if schedule == "linear":
        if progress < LINEAR_WARM_UP:
            return max(progress, LINEAR_MIN_PROGRESS) / LINEAR_WARM_UP
        return (1 - progress) / (1 - LINEAR_WARM_UP)
    if schedule == "half-cosine":
        return _half_cosine(progress)
    return 1.0


def make_optimiser(model: SplitVAE) -> torch.optim.Adam:
    """Return Adam over all parameters of a model, one parameter group per learning-rate multiplier.

    Parameters
    ----------
    model
        Its config gives the learning rate, the multipliers and Adam's beta2.

    Examples
    --------
    >>> from wvae.config import Config
    >>> model = SplitVAE(Config(width=8, learning_rate=0.01), (4, 4), n_classes=2)
    >>> [(group["lr"], group["lr_multiplier"]) for group in make_optimiser(model).param_groups]
    [(0.01, 1.0)]
    """
    config = model.config
    groups: dict[float, list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault(lr_multiplier(config, name), []).append(parameter)
    return _adam(groups, config.learning_rate, config.adam_beta2)


def make_decoder_optimiser(model: SplitVAE) -> torch.optim.Adam:
    """Return Adam over the decoder's parameters, with PyTorch's own betas and no multipliers."""
    decoder_parameters: Sequence[Tensor] = list(model.decoder.parameters())
    return _adam({1.0: decoder_parameters}, model.config.learning_rate)


def set_learning_rate(
    optimiser: torch.optim.Optimizer, peak: float, schedule: Schedule, progress: float
) -> None:
    """Set the learning rate of every parameter group.

    Parameters
    ----------
    optimiser
        As `make_optimiser` or `make_decoder_optimiser` returns it.
    peak
        The schedule's largest rate.
    schedule, progress
        As `learning_rate_factor` takes them.
    """
    rate = peak * learning_rate_factor(schedule, progress)
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):  # a recorded step reads this tensor
            group["lr"].fill_(rate * group["lr_multiplier"])
        else:
            group["lr"] = rate * group["lr_multiplier"]


def _half_cosine(progress: float) -> float:
    """Fall from 1 at progress 0 to 0 at progress 1."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def _adam(groups: dict[float, Any], learning_rate: float, beta2: float = 0.999) -> torch.optim.Adam:
    """Return Adam with one parameter group for each multiplier of the learning rate."""
    parameter_groups: list[dict[str, Any]] = []
    capturable = False
    for multiplier, parameters in groups.items():
        rate: float | Tensor = learning_rate * multiplier
        if parameters[0].is_cuda:  # the steps may be recorded: `wvae.training.cuda_graph`
            capturable, rate = True, torch.tensor(rate, device=parameters[0].device)
        group = {"params": parameters, "lr": rate, "lr_multiplier": multiplier}
        parameter_groups.append(group)
    return torch.optim.Adam(parameter_groups, betas=(0.9, beta2), fused=True, capturable=capturable)
