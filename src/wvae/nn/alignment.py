"""Alignment: after training, move the codes of every class onto one common distribution, so that none tells its label.

Given the label every map here is a bijection. Nothing of z_rest is lost, and the decoder, which knows the label, undoes
it first: separation costs no reconstruction. What it changes is which codes of different labels count as alike.

===========  ==============================================  ============================================
alignment    map of class k                                  what a probe cannot see any more
===========  ==============================================  ============================================
none         z                                               –
mean         z − E[z|k] + E[z]                               the class in the means: any linear probe
gaussian     A_k (z − E[z|k]) + E[z], A_k optimal transport  means and covariances: quadratic probes
transport    gaussian, then many sliced transports           any difference that the training data show
===========  ==============================================  ============================================

``mean`` is LEACE where the label is known (Belrose et al., 2023, arXiv:2306.03819), ``gaussian`` its quadratic
companion, the optimal transport between Gaussians. ``transport`` is
`wvae.nn.sliced_ot`.

Before all that, z is measured in a metric, z ↦ z M: distances of aligned codes are distances of what the codes explain.
With W the loadings of the style statistics (`wvae.nn.style_features`) and D = diag(√KL_j / sd_j), KL_j the nats that
dimension j carries, M² = WᵀW + ε² D², and M = D where there are no statistics. K-Means, neighbours and maps of
z_rest then see style first, and what is peculiar to one image last.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..config import Config
from ..training.examples import rows_of_each
from . import sliced_ot as transport
from .sliced_ot import KNOTS, PACE, along

Array = np.ndarray
LEAST_NATS, LEAST_SD = 1e-3, 1e-3  # a dimension that carries nothing is kept, but small
REST = 0.1  # ε: how much a dimension counts that explains no style
SAMPLED = 2  # one of so many examples is aligned as its posterior's mean and as a sample of it
MAPS_BYTES, FEWEST = 1 << 29, 100  # of all knots, at most: with many labels there are fewer steps, but so many
WATCHED = 7  # one of so many examples is kept from the maps, to be asked about


class Alignment(nn.Module):
    """The maps of all classes, (z_rest, label) → aligned z_rest, and back; the identity until it is fitted.

    Parameters
    ----------
    config
        Says which kind, and how many steps.
    n_classes
        Number of labels.

    Examples
    --------
    Two classes that differ in mean and spread become alike, and come back:

    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(400) % 2
    >>> z = rng.standard_normal((400, 6)) * (1 + y[:, None]) + 5 * y[:, None]
    >>> align = Alignment(Config(d_rest=6, alignment="gaussian"), 2).fit(z, np.full((400, 6), 0.1), y)
    >>> codes, labels = torch.tensor(z, dtype=torch.float32), torch.tensor(y)
    >>> aligned = align(codes, labels)
    >>> bool((aligned[labels == 0].mean(0) - aligned[labels == 1].mean(0)).abs().max() < 1e-4)
    True
    >>> bool((align.inverse(aligned, labels) - codes).abs().max() < 1e-3)
    True
    """

    metric: Tensor
    matrix: Tensor
    centre: Tensor
    common: Tensor
    axes: Tensor
    ways: Tensor
    source: Tensor
    target: Tensor

    def __init__(self, config: Config, n_classes: int) -> None:
        super().__init__()
        d, self.kind = config.d_rest, config.alignment
        if self.kind == "none":
            return
        # One axis has one optimal map; to turn it again would change nothing, and nothing overshoots.
        self.pace = PACE if d > 1 else 1.0
        self.most = 0 if self.kind != "transport" else config.alignment_steps if d > 1 else 1
        # In double precision: over hundreds of steps the rounding errors of single ones grow to the size of codes.
        eye = torch.eye(d, dtype=torch.float64)
        self.register_buffer("metric", eye.clone())
        self.register_buffer("matrix", eye.repeat(n_classes, 1, 1))
        self.register_buffer("centre", torch.zeros(n_classes, d, dtype=torch.float64))
        self.register_buffer("common", torch.zeros(d, dtype=torch.float64))
        self.make_room(0)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Return aligned codes, (B, d_rest), of codes (B, d_rest) with labels (B,)."""
        if self.kind == "none":
            return z
        dtype, z = z.dtype, z.double() @ self.metric
        z = torch.einsum("bij,bj->bi", self.matrix[y], z - self.centre[y])
        for axes, ways, source, target in zip(self.axes, self.ways, self.source, self.target, strict=True):
            u = z @ axes
            z = z + self.pace * (along(u, source, target, y) - u) @ ways.T
        return (z + self.common).to(dtype)

    def inverse(self, z: Tensor, y: Tensor) -> Tensor:
        """Return what `forward` with these labels made z of: how the label y draws this style."""
        if self.kind == "none":
            return z
        dtype, z = z.dtype, z.double() - self.common
        for step in reversed(range(len(self.axes))):
            u = z @ self.axes[step]
            arrived = self.source[step] + self.pace * (self.target[step] - self.source[step])  # (classes, d, KNOTS)
            z = z + (along(u, arrived, self.source[step], y) - u) @ self.ways[step].T
        z = self.centre[y] + torch.linalg.solve(self.matrix[y], z.unsqueeze(-1)).squeeze(-1)
        return torch.linalg.solve(self.metric, z.T).T.to(dtype)

    def fit(self, mean: Array, sd: Array, y: Array, loadings: Array | None = None, seed: int = 0) -> Alignment:
        """Learn the maps.

        Parameters
        ----------
        mean, sd
            Posterior means and standard deviations, (n, d_rest).
        y
            Labels' indices, (n,). A class that does not occur keeps its codes, but for the metric.
        loadings
            Of the style statistics, (size, d_rest), each row times the root of its weight; None if there are none.
        seed
            Of the axes, of the rows that the transport is not fitted to, and of the network that is asked about them.
        """
        if self.kind == "none":
            return self
        metric = _metric(mean, sd, loadings)
        z = mean.astype(np.float64) @ metric
        rows = rows_of_each(y, len(self.centre))
        centre = np.stack([z[own].mean(0) if len(own) else z.mean(0) for own in rows])
        matrix = np.tile(np.eye(z.shape[1]), (len(centre), 1, 1))
        if self.kind != "mean":
            within = np.cov((z - centre[y]).T).reshape(z.shape[1], -1)
            for k, own in enumerate(rows):
                if len(own):
                    matrix[k] = _between_gaussians(_shrunk(z[own] - centre[k], within), within)
        for name, value in {"metric": metric, "centre": centre, "matrix": matrix, "common": z.mean(0)}.items():
            _write(getattr(self, name), value)
        # The quantiles of a handful of examples are noise: such a class keeps its Gaussian map.
        classes = [k for k, own in enumerate(rows) if len(own) >= 2 * KNOTS]
        self.make_room(0)
        if len(classes) < 2 or not self.most:
            return self
        rng = np.random.default_rng(seed)
        watched = rng.permutation(len(z)) < len(z) // WATCHED
        # Every other example comes with a sample of its posterior, too: maps of means alone leave the label in samples.
        some = rng.permutation(len(z))[::SAMPLED]
        samples = mean[some] + sd[some] * rng.standard_normal((len(some), z.shape[1]))
        y, watched = np.concatenate([y, y[some]]), np.concatenate([watched, watched[some]])
        z = np.einsum("bij,bj->bi", matrix[y], np.vstack([z, samples @ metric]) - centre[y])
        each = rows_of_each(y, len(self.centre))
        codes = transport.Codes(z, y, watched, len(mean), classes, [each[k] for k in classes])
        most = min(self.most, max(FEWEST, MAPS_BYTES // (8 * self.centre.numel() * KNOTS)))
        found = list(transport.steps(codes, most, self.pace, loadings is not None, rng, seed))
        self.make_room(len(found))
        for at, step in enumerate(found):
            self._keep(at, step)
        return self

    def _keep(self, at: int, step: transport.Step) -> None:
        """Write a step down; where it has fewer axes than there are dimensions, the others stand still, all zero."""
        m = step.axes.shape[1]
        self.axes[at], self.ways[at] = 0.0, 0.0
        _write(self.axes[at, :, :m], step.axes)
        _write(self.ways[at, :, :m], step.ways)
        source = np.tile(step.target, (len(self.centre), 1, 1))  # a class that is not mapped stays where it is
        source[list(step.source)] = list(step.source.values())
        _write(self.source[at, :, :m], source)
        _write(self.target[at, :m], step.target)

    def make_room(self, steps: int) -> None:
        """Make room for so many steps, of which none does anything yet."""
        n_classes, d = self.centre.shape
        like = {"dtype": self.centre.dtype, "device": self.centre.device}
        line, eye = torch.linspace(-3, 3, KNOTS, **like), torch.eye(d, **like)
        self.register_buffer("axes", eye.repeat(steps, 1, 1))
        self.register_buffer("ways", eye.repeat(steps, 1, 1))
        self.register_buffer("source", line.repeat(steps, n_classes, d, 1))
        self.register_buffer("target", line.repeat(steps, d, 1))


def _metric(mean: Array, sd: Array, loadings: Array | None) -> Array:
    """Return M, (d, d), symmetric and positive definite."""
    nats = 0.5 * (mean**2 + sd**2 - 1 - 2 * np.log(sd)).mean(0)
    scale = np.sqrt(np.maximum(nats, LEAST_NATS)) / np.maximum(mean.std(0), LEAST_SD)
    if loadings is None:
        return np.diag(scale)
    return _power(loadings.T @ loadings + REST**2 * np.diag(scale**2), 0.5)


def _shrunk(z: Array, within: Array) -> Array:
    """Return the covariance of one class, drawn towards that within all classes as if by as many examples as axes."""
    d = z.shape[1]
    return (z.T @ z + d * within) / (len(z) + d)


def _between_gaussians(source: Array, target: Array) -> Array:
    """Return the optimal transport from N(0, S) to N(0, T): S^−½ (S^½ T S^½)^½ S^−½ (Dowson & Landau, 1982)."""
    # A direction without spread in either is kept as it is, 0 → 0, not blown up.
    floor = max(1e-6 * np.trace(target) / len(target), 1e-12) * np.eye(len(target))
    source, target = source + floor, target + floor
    root = _power(source, 0.5)
    inverse = _power(source, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


def _power(matrix: Array, exponent: float) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1e-24) ** exponent) @ vectors.T


def _write(buffer: Tensor, value: Array) -> None:
    buffer.copy_(torch.as_tensor(value, dtype=buffer.dtype))
