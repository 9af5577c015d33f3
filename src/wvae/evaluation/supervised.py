"""A plain network trained *with* a factor: the ceiling for what can be found without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Array = np.ndarray


@dataclass
class Supervised:
    """A trained classifier of images: call `predict`."""

    network: nn.Module
    classes: Array

    @torch.no_grad()
    def predict(self, x: Array) -> Array:
        """Return the most probable class of each image, (n,)."""
        self.network.eval()
        parts = [
            self.network(_pixels(x[i : i + 1000])).argmax(1).numpy() for i in range(0, len(x), 1000)
        ]
        return self.classes[np.concatenate(parts)]


def train_cnn(
    x: Array,
    target: Array,
    *,
    epochs: int = 12,
    seed: int = 0,
    on_epoch: Callable[[int], None] | None = None,
) -> Supervised:
    """Train a small convolutional network to name a target; on the CPU, in minutes.

    Two convolutions with batch normalisation, pooling, dropout (Srivastava et al., 2014), one hidden layer; random
    shifts by up to one pixel; Adam with a one-cycle learning rate.

    Parameters
    ----------
    x
        Images or spectrograms, (n, height, width) or (n, channels, height, width), uint8 or floating in [0, 1].
    target
        What to name, (n,).
    epochs, seed
        Passes over the data; seed of weights, order and shifts.
    on_epoch
        Called with the number of each finished epoch.
    """
    classes, y = np.unique(target, return_inverse=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(x.shape[1:], len(classes))
        rng = np.random.default_rng(seed)
        optimiser = torch.optim.Adam(network.parameters(), fused=True)
        batch = 128
        steps = epochs * -(-len(x) // batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
        for epoch in range(epochs):
            network.train()
            order = rng.permutation(len(x))
            for start in range(0, len(x), batch):
                rows = order[start : start + batch]
                if len(rows) < 2:  # batch normalisation needs two
                    schedule.step()
                    continue
                images = _shifted(_pixels(x[rows]), rng)
                loss = functional.cross_entropy(
                    network(images), torch.from_numpy(y[rows]), label_smoothing=0.1
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
            if on_epoch:
                on_epoch(epoch + 1)
    return Supervised(network, classes)


def _network(shape: tuple[int, ...], n_classes: int) -> nn.Module:
    channels, height, width = (1, *shape) if len(shape) == 2 else shape
    return nn.Sequential(
        nn.Unflatten(1, (1, height)) if len(shape) == 2 else nn.Identity(),
        nn.Conv2d(channels, 24, 5, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(24),
        nn.ReLU(inplace=True),
        nn.Conv2d(24, 64, 5, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.Dropout2d(
            0.2
        ),  # whole channels: on a CPU the draw of single units would take a fifth of the time
        nn.Flatten(),
        nn.Linear(64 * -(-height // 4) * -(-width // 4), 256),
        nn.BatchNorm1d(256),
        nn.ReLU(inplace=True),
        nn.Dropout(0.4),
        nn.Linear(256, n_classes),
    ).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _pixels(x: Array) -> Tensor:
    pixels = torch.from_numpy(np.array(x))
    return pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()


def _shifted(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Shift the whole batch by up to one pixel each way, filling with what leaves on the other side (margins)."""
    return torch.roll(x, tuple(rng.integers(-1, 2, 2).tolist()), (-2, -1))
