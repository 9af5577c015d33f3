"""Calibration: what a model must be told of its data before it is trained – their scale, and each label's style."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..config import Config
from ..io.files import ModelFileError
from ..io.model_folder import SavedModel, load_weights
from ..model import SplitVAE
from ..nn.style_features import AudioStyleFeatures
from ..validation import rows_by_class
from .examples import Examples, batches

MEASURED = 100_000  # examples, at most: more would tell the same, and memory would grow with them


def build_model(
    config: Config, shape: tuple[int, ...], n_classes: int, unit_range: bool = True
) -> SplitVAE:
    """Return an untrained model on ``config.device``; its weights depend on ``config.random_state`` alone.

    Parameters
    ----------
    config, shape, n_classes, unit_range
        As `wvae.model.SplitVAE` takes them.

    Raises
    ------
    ValueError
        If the config asks for a GPU and PyTorch has none, or does not fit the data.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.random_state)
        return SplitVAE(config, shape, n_classes, unit_range).to(device_of(config))


def device_of(config: Config) -> torch.device:
    """Return the device of ``config.device``; a ValueError if it is a GPU and PyTorch has none."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is 'cuda', but PyTorch has no GPU: take device='auto' or 'cpu'")
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(config.device)


def restore_model(saved: SavedModel) -> SplitVAE:
    """Return the model that a model folder or a file of the original program holds.

    Raises
    ------
    wvae.io.files.ModelFileError
        If its weights do not fit its config.
    """
    try:
        model = build_model(saved.config, saved.shape, len(saved.classes), saved.unit_range)
        if model.alignment.kind != "none" and "alignment.axes" in saved.weights:
            model.alignment.allocate_steps(len(saved.weights["alignment.axes"]))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelFileError(
            f"{saved.path} is damaged: its config cannot be used ({error})"
        ) from error
    weights = saved.weights
    if (
        not saved.config.classifier_weight
    ):  # the original without labels has no classifier, and none is used
        unused = {
            name: value
            for name, value in model.state_dict().items()
            if name.startswith("classifier.")
        }
        weights = unused | weights
    load_weights(saved.path, model, weights)
    return model


def measure(model: SplitVAE, data: Examples) -> None:
    """Tell an untrained model what it must know of its data: their scale, and the style features of each label.

    Every example counts once, whatever its weight; of more than 100,000 chance takes so many.
    """
    device, data = (
        next(model.parameters()).device,
        data.subsample(MEASURED, model.config.random_state),
    )
    _measure_values(model, data, device)
    _measure_picture(model, data, device)
    _measure_style(model, data, device)


@torch.no_grad()
def _measure_values(model: SplitVAE, data: Examples, device: torch.device) -> None:
    """Tell a model whose p(x|z) is Gaussian the mean and standard deviation of each column, or of all values."""
    if model.observation.likelihood != "gaussian":
        return
    axes = 0 if model.observation.per_column else tuple(range(len(model.shape) + 1))

    def mean_of(function: Callable[[Tensor], Tensor]) -> Tensor:
        parts = [function(data.batch(rows, device)[0].double()) for rows in batches(len(data.x))]
        return torch.stack([part.mean(axes) * len(part) for part in parts]).sum(0) / len(data.x)

    mean = mean_of(lambda x: x)
    sd = mean_of(lambda x: (x - mean).square()).sqrt()
    # What does not vary, but for rounding, has no scale: its own is kept, so that nothing is divided by zero.
    least = 1e-6 * mean.abs()
    model.observation.input_mean.copy_(mean)
    model.observation.input_sd.copy_(
        torch.where(sd > least.clamp(min=1e-30), sd, least.clamp(min=1.0))
    )


@torch.no_grad()
def _measure_picture(model: SplitVAE, data: Examples, device: torch.device) -> None:
    """Tell a model that starts from its data the mean picture, which centres its input and is what it draws first."""
    if not model.observation.centres_input:
        return
    n = len(data.x)
    mean = (
        torch.stack([data.batch(rows, device)[0].double().sum(0) for rows in batches(n)]).sum(0) / n
    )
    model.observation.input_mean.copy_(mean)
    output = [layer for layer in model.decoder.modules() if isinstance(layer, torch.nn.Linear)][-1]
    if output.out_features == mean.numel():  # no convolutions follow
        output.bias.copy_(torch.logit((mean.flatten() * n + 0.5) / (n + 1)))


@torch.no_grad()
def _measure_style(model: SplitVAE, data: Examples, device: torch.device) -> None:
    """Tell the model what the style features of each label are, in the mean and in spread."""
    if not model.uses_style:
        return
    y = torch.from_numpy(np.array(data.y)).to(device)
    if isinstance(model.style.features, AudioStyleFeatures):
        halves = torch.cat(
            [
                model.style.features.halves(data.batch(rows, device)[0])
                for rows in batches(len(data.x))
            ]
        )
        model.style.features.fit(halves[y >= 0].cpu().numpy(), data.y[data.y >= 0])
    found = torch.cat(
        [model.style.features(data.batch(rows, device)[0]) for rows in batches(len(data.x))]
    )
    for k, rows in enumerate(rows_by_class(data.y, model.n_classes)):
        mine = found[torch.from_numpy(rows).to(device)]
        if len(mine) < 2:  # nothing to tell: standard statistics
            continue
        model.style.mean[k] = mine.mean(0)
        model.style.sd[k] = mine.std(0).clamp(min=1e-3)
