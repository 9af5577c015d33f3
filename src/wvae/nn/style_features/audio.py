"""Style features of sound: the part of a spectrum that lasts from one half of a sound to the other.

Words are told by how the spectrum *changes*, a voice – and the room and the microphone – by how it *stays*. Relative to
what is usual for the label, the two halves of a sound are two looks at the same voice. Directions of the mean spectrum
in which the halves agree far more than they differ are learnt once, before training, from the labels alone; as style
statistics of `wvae.model` they mean the same for every label.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor, nn

Array = np.ndarray
DIRECTIONS = 8  # at most
TOTAL = 5.0  # sum of the weights: as much as the statistics of images have


class AudioStyleFeatures(nn.Module):
    """Pooled statistics of log spectrograms, (B, mels, frames) → (B, size).

    With h₁ and h₂ the mean spectra of the halves, relative to those of the label, and h their mean::

        t = V (h₁ + h₂) / 2,    B v = λ W v,    W = cov(h₁ − h₂) / 2,    B = cov(h₁, h₂)

    where the rows of V are the v of the largest λ, scaled so that vᵀ W v = 1. It is linear discriminant analysis with
    every sound as a class of two examples, which needs to know of no speaker. W is shrunk towards equal variances in
    all bands as Ledoit & Wolf say, so that few sounds are enough. The weight of a statistic is proportional to its
    variance, λ + ½: distances are in units of what changes within a sound.

    Until `fit` has learnt V, the statistics are those of the lowest bands. Channels are averaged first. What is not of
    shape (mels, frames) or (channels, mels, frames) has no statistics: size is 0.

    Parameters
    ----------
    shape
        Shape of one example.

    References
    ----------
    Fisher (1936), The use of multiple measurements in taxonomic problems; Ledoit & Wolf (2004), A well-conditioned
    estimator for large-dimensional covariance matrices; Hsu, Zhang & Glass (2017,
    arXiv:1709.07902), who part a sequence's lasting factors from its passing ones in a variational autoencoder.

    Examples
    --------
    Two voices differ in band 3, and whatever happens in the first bands passes:

    >>> rng = np.random.default_rng(0)
    >>> voice, label = np.arange(200) % 2, np.arange(200) // 100
    >>> halves = rng.normal(0, [[[0.2] * 3 + [0.01] * 5]], (200, 2, 8))
    >>> halves[:, :, 3] += 0.1 * voice[:, None]
    >>> statistics = AudioStyleFeatures((8, 20)).fit(halves, label)
    >>> statistics.size, int(statistics.directions[0].abs().argmax())
    (8, 3)
    """

    weight: Tensor
    directions: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.size = min(DIRECTIONS, shape[-2]) if len(shape) in (2, 3) and shape[-1] > 1 else 0
        if not self.size:
            return
        self.register_buffer("weight", torch.full((self.size,), TOTAL / self.size))
        self.register_buffer("directions", torch.eye(shape[-2])[: self.size])  # V, (size, mels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the statistics, (B, size)."""
        return self.halves(x).mean(1) @ self.directions.T

    def halves(self, x: Tensor) -> Tensor:
        """Return the mean spectra of both halves, (B, 2, mels): what `fit` learns from."""
        x = x if x.dim() == 3 else x.mean(1)
        middle = x.shape[2] // 2
        return torch.stack([x[:, :, :middle].mean(2), x[:, :, middle:].mean(2)], 1)

    def fit(self, halves: Array, y: Array) -> AudioStyleFeatures:
        """Learn V and the weights.

        Parameters
        ----------
        halves
            Of the training examples, (n, 2, mels).
        y
            Their labels' indices, (n,).
        """
        from sklearn.covariance import ledoit_wolf  # slow to import

        h = halves.astype(np.float64)
        for k in np.unique(y):
            h[y == k] -= h[y == k].mean(0)
        differ, mean = (h[:, 0] - h[:, 1]) / 2**0.5, h.mean(1)
        # The part of the halves' covariance that is symmetric.
        between = mean.T @ mean / len(h) - differ.T @ differ / (2 * len(h))
        within = ledoit_wolf(differ, assume_centered=True)[0] + 1e-9 * np.eye(h.shape[2])
        value, vector = eigh(between, within)
        value, vector = value[::-1][: self.size], vector[:, ::-1][:, : self.size]
        variance = np.maximum(value, 0) + 0.5
        self.directions.copy_(torch.as_tensor(vector.T.copy(), dtype=self.directions.dtype))
        self.weight.copy_(
            torch.as_tensor(TOTAL * variance / variance.sum(), dtype=self.weight.dtype)
        )
        return self
