"""Many seeds at once: models of one config and shape, trained side by side, their parameters stacked.

Ten small networks one after the other leave a GPU idle; stacked, every matrix product is a batch of ten, and every
other operation is called once for all. Each model has the order, the noise and the start that `training.loop.train`
would give it. On a CPU the article's network is trained one by one all the same: see `wvae.training.gradient`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state

from ..config import Config
from ..model import SplitVAE
from ..nn.distributed import share_of
from .diagnostics import TrainingError
from .examples import Examples
from .gradient import is_written
from .initialise import measure
from .loader import Feed
from .loop import adam, build, draw_noise, set_learning_rate, train


def train_seeds(config: Config, data: Examples, n_classes: int, seeds: Sequence[int]) -> list[SplitVAE]:
    """Train one model for each seed, all at once, and return them as `wvae.training.loop.train` leaves one.

    Parameters
    ----------
    config
        Of all of them, but for ``random_state``. No separation term, and no augmentation: what is drawn for a batch
        would have to be drawn for each model apart.
    data
        What all are trained on, pixels, without weights.
    n_classes
        Number of labels.
    seeds
        One for each model.

    Raises
    ------
    ValueError
        If the config asks for what cannot be stacked.
    TrainingError
        If a loss is no longer finite.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.random.default_rng(0).random((64, 6, 6), np.float32), np.arange(64) % 2
    >>> config = Config.preset("article", d_label=2, d_rest=3, width=16, epochs=2)
    >>> len(train_seeds(config, Examples(x, y), 2, [0, 1, 2]))
    3
    """
    _check(config, data)
    models = [build(replace(config, random_state=seed), data.x.shape[1:], n_classes) for seed in seeds]
    if all(is_written(model) for model in models):  # a CPU is busy with one, and a gradient written out beats a batch
        for model in models:
            train(model, data)
        return models
    for model in models:
        measure(model, data)
        model.train()
    parameters, buffers = stack_module_state(models)  # pyright: ignore[reportArgumentType]
    optimiser = adam(config, parameters.items())
    device = next(models[0].parameters()).device
    feed = Feed(data, config.batch_of(len(data.x)), device, alone=True)
    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def loss_of(own: dict[str, Tensor], kept: dict[str, Tensor], x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return functional_call(models[0], (own, kept), (x, y, (a, b)))["loss"]

    losses, loss = torch.vmap(loss_of), torch.zeros(len(models))
    for epoch in range(1, config.epochs + 1):
        passes = zip(*(feed.batches((seed, epoch)) for seed in seeds), strict=True)
        for step, batches in enumerate(passes):
            set_learning_rate(optimiser, config, ((epoch - 1) + step / feed.steps) / config.epochs)
            x, y = (torch.stack([batch[i] for batch in batches]) for i in (0, 1))
            share = share_of(x.shape[1], alone=True)
            noise = [draw_noise(config, share, generator) for generator in generators]
            a, b = (torch.stack([one[i] for one in noise]) for i in (0, 1))
            loss = losses(parameters, buffers, x, y, a, b)
            optimiser.zero_grad(set_to_none=True)
            loss.sum().backward()
            optimiser.step()
        if not bool(loss.isfinite().all()):
            raise TrainingError(f"a loss is not finite in epoch {epoch}: lower learning_rate")
    for i, model in enumerate(models):
        own = {name: value[i] for name, value in parameters.items()} | {n: v[i] for n, v in buffers.items()}
        model.load_state_dict(own, strict=False)
    return models


def _check(config: Config, data: Examples) -> None:
    asked = {"separation": config.separation != "none", "augment": bool(config.augment)}
    asked |= {"style_weight": bool(config.style_weight)}
    wrong = [name for name, value in asked.items() if value]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} cannot be trained side by side: take none, or train one seed at a time")
    if data.weight is not None or (data.y < 0).any():
        raise ValueError("some examples have a weight, or no label: train one seed at a time")
