"""A convolutional network trained *with* a factor: the ceiling for methods trained without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Array = np.ndarray
BATCH_SIZE, MAX_LEARNING_RATE, LABEL_SMOOTHING = 128, 4e-3, 0.1
PREDICTION_BATCH = 1000  # images


@dataclass
class ImageClassifier:
    """A trained classifier of images.

    Attributes
    ----------
    network
        Maps images, (n, \\*shape), to logits, (n, classes).
    classes
        Label of each logit, (classes,).
    """

    network: nn.Sequential
    classes: Array

    def predict(self, x: Array) -> Array:
        """Return the most probable class of each image, (n,)."""
        return self.classes[_outputs(self.network, x).argmax(1)]

    def features(self, x: Array) -> Array:
        """Return the input of the last layer for each image, (n, 256), float64."""
        hidden = nn.Sequential(*list(self.network.children())[:-1])
        return _outputs(hidden, x).astype(np.float64)


def train_cnn(
    x: Array,
    y: Array,
    *,
    epochs: int = 12,
    seed: int = 0,
    on_epoch: Callable[[int], None] | None = None,
) -> ImageClassifier:
    """Train a small convolutional network to predict y, on the CPU, within minutes.

    The network has two convolutions with batch normalisation, dropout and one hidden layer. Batches
    are shifted at random by up to one pixel. Adam follows a one-cycle learning rate.

    Parameters
    ----------
    x
        Images or spectrograms, (n, height, width) or (n, channels, height, width), uint8, or
        floating point in [0, 1].
    y
        Labels or categories of a factor, (n,).
    epochs
        Passes over the data.
    seed
        Seed of the weights, the order and the shifts.
    on_epoch
        Called with the number of epochs done, after each epoch.

    References
    ----------
    Srivastava et al. (2014), Dropout; Smith & Topin (2017), Super-convergence, arXiv:1708.07120.

    Examples
    --------
    >>> x, y = np.zeros((6, 8, 8), np.uint8), np.array(["cat", "dog"] * 3)
    >>> train_cnn(x, y, epochs=1).predict(x).shape
    (6,)
    """
    classes, labels = np.unique(y, return_inverse=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(x.shape[1:], len(classes))
        rng = np.random.default_rng(seed)
        optimiser = torch.optim.Adam(network.parameters(), fused=True)
        steps = epochs * -(-len(x) // BATCH_SIZE)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=MAX_LEARNING_RATE, total_steps=steps
        )
        for epoch in range(epochs):
            network.train()
            order = rng.permutation(len(x))
            for start in range(0, len(x), BATCH_SIZE):
                rows = order[start : start + BATCH_SIZE]
                if len(rows) < 2:  # batch normalisation needs two
                    schedule.step()
                    continue
                logits = network(_shift(_pixels(x[rows]), rng))
                target = torch.from_numpy(labels[rows])
                loss = functional.cross_entropy(logits, target, label_smoothing=LABEL_SMOOTHING)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
            if on_epoch:
                on_epoch(epoch + 1)
    return ImageClassifier(network, classes)


@torch.no_grad()
def _outputs(network: nn.Sequential, x: Array) -> Array:
    """Return the network's output for each image, (n, units)."""
    network.eval()
    parts = range(0, len(x), PREDICTION_BATCH)
    outputs = [network(_pixels(x[start : start + PREDICTION_BATCH])) for start in parts]
    return torch.cat(outputs).numpy()


def _network(shape: tuple[int, ...], n_classes: int) -> nn.Sequential:
    """Return a network for images of this shape."""
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
        ),  # of whole channels: dropping single units would take a fifth of the time
        nn.Flatten(),
        nn.Linear(64 * -(-height // 4) * -(-width // 4), 256),
        nn.BatchNorm1d(256),
        nn.ReLU(inplace=True),
        nn.Dropout(0.4),
        nn.Linear(256, n_classes),
    ).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _pixels(x: Array) -> Tensor:
    """Return images as float32, uint8 scaled to [0, 1]."""
    pixels = torch.from_numpy(np.array(x))
    return pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()


def _shift(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Shift the batch by up to one pixel in each direction; margins wrap around."""
    return torch.roll(x, tuple(rng.integers(-1, 2, 2).tolist()), (-2, -1))
