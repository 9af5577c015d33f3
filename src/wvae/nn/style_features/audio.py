"""Style features of sounds: the part of a spectrum that both halves of a sound share.

The *changes* of the spectrum identify the word; what *stays* identifies the voice, the room and
the microphone. Relative to the average of the label, the two halves of a sound are two
observations of the same voice. `AudioStyleFeatures.fit` finds the directions of the mean spectrum
in which the halves agree far more than they differ. It needs the labels only, and runs once,
before training.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor, nn

Array = np.ndarray
MAX_DIRECTIONS = 8
TOTAL_WEIGHT = 5.0  # like that of the features of grey images


class AudioStyleFeatures(nn.Module):
    """Pooled statistics of log spectrograms, (B, mels, frames) → (B, size).

    With h₁ and h₂ the mean spectra of the halves, relative to those of the label::

        t = V (h₁ + h₂) / 2,    B v = λ W v,    W = cov(h₁ − h₂) / 2,    B = cov(h₁, h₂)

    where the rows of V are the v of the largest λ, scaled so that vᵀ W v = 1. This is linear
    discriminant analysis in which every sound is a class of two examples, so no speaker labels
    are needed. W is shrunk (Ledoit & Wolf, 2004), so that few sounds are enough. The weight of a
    feature is proportional to its variance, λ + ½: distances are in units of the changes within a
    sound.

    Before `fit`, the features are the lowest bands. Channels are averaged first. Examples that
    are not of shape (mels, frames) or (channels, mels, frames), or of one frame only, have no
    features: size is 0.

    Parameters
    ----------
    shape
        Shape of one example.

    References
    ----------
    Fisher (1936), The use of multiple measurements in taxonomic problems; Ledoit & Wolf (2004), A
    well-conditioned estimator for large-dimensional covariance matrices; Hsu, Zhang & Glass (2017,
    arXiv:1709.07902), who separate constant from changing factors of a sequence in a variational
    autoencoder.

    Examples
    --------
    Two voices differ in band 3. Bands 0 to 2 change within a sound:

    >>> rng = np.random.default_rng(0)
    >>> voice, label = np.arange(200) % 2, np.arange(200) // 100
    >>> halves = rng.normal(0, [[[0.2] * 3 + [0.01] * 5]], (200, 2, 8))
    >>> halves[:, :, 3] += 0.1 * voice[:, None]
    >>> features = AudioStyleFeatures((8, 20)).fit(halves, label)
    >>> features.size, int(features.directions[0].abs().argmax())
    (8, 3)
    """

    weight: Tensor
    noise: Tensor
    directions: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        is_spectrogram = len(shape) in (2, 3) and shape[-1] > 1
        self.size = min(MAX_DIRECTIONS, shape[-2]) if is_spectrogram else 0
        if not self.size:
            return
        self.register_buffer("weight", torch.full((self.size,), TOTAL_WEIGHT / self.size))
        self.register_buffer("noise", torch.zeros(self.size), persistent=False)
        self.register_buffer("directions", torch.eye(shape[-2])[: self.size])  # V, (size, mels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features, (B, size)."""
        return self.halves(x).mean(1) @ self.directions.T

    def halves(self, x: Tensor) -> Tensor:
        """Return the mean spectra of both halves, (B, 2, mels), the input of `fit`."""
        x = x if x.dim() == 3 else x.mean(1)
        middle = x.shape[2] // 2
        return torch.stack([x[:, :, :middle].mean(2), x[:, :, middle:].mean(2)], 1)

    def fit(self, halves: Array, y: Array) -> AudioStyleFeatures:
        """Learn V and the weights.

        Parameters
        ----------
        halves
            Mean spectra of both halves of the training examples, (n, 2, mels).
        y
            Label indices, (n,).
        """
        from sklearn.covariance import ledoit_wolf  # slow to import

        h = halves.astype(np.float64)
        for k in np.unique(y):
            h[y == k] -= h[y == k].mean(0)
        difference, mean = (h[:, 0] - h[:, 1]) / 2**0.5, h.mean(1)
        # The symmetric part of cov(h₁, h₂).
        between = mean.T @ mean / len(h) - difference.T @ difference / (2 * len(h))
        within = ledoit_wolf(difference, assume_centered=True)[0] + 1e-9 * np.eye(h.shape[2])
        eigenvalues, eigenvectors = eigh(between, within)  # in ascending order
        eigenvalues = eigenvalues[::-1][: self.size]
        eigenvectors = eigenvectors[:, ::-1][:, : self.size]
        variance = np.maximum(eigenvalues, 0) + 0.5
        weight = TOTAL_WEIGHT * variance / variance.sum()
        directions = eigenvectors.T.copy()
        self.directions.copy_(torch.as_tensor(directions, dtype=self.directions.dtype))
        self.weight.copy_(torch.as_tensor(weight, dtype=self.weight.dtype))
        return self
