"""Alignment: after training, give the codes of every class one common distribution.

Given the label, every map here is a bijection: no information in z_rest is lost, and the decoder,
which knows the label, inverts the map first. So alignment costs no reconstruction. It changes
which codes of different labels count as alike.

===========  ==============================================  =====================================
alignment    map of class k                                  what a probe can no longer use
===========  ==============================================  =====================================
none         z                                               –
mean         z − E[z|k] + E[z]                               class means: any linear probe
gaussian     A_k (z − E[z|k]) + E[z], A_k optimal transport  means and covariances: quadratic probes
transport    gaussian, then many sliced transports           any difference in the training data
auto         transport, or gaussian with few examples
===========  ==============================================  =====================================

``mean`` is LEACE with a known label (Belrose et al., 2023, arXiv:2306.03819); ``gaussian``, its
quadratic counterpart, is the optimal transport between Gaussians; ``transport`` is
`wvae.nn.sliced_ot`.

First z is expressed in a metric, z ↦ z M, so that distances between aligned codes are distances
between what the codes explain. With the weighted loadings W of the style features
(`wvae.nn.style_head`) and D = diag(√KL_j / sd_j), where KL_j is the information of dimension j in
nats, M² = WᵀW + ε² D². Without style features M = D. K-Means, neighbours and embeddings of z_rest
then give most weight to the style.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..config import MIN_TRANSPORT_EXAMPLES, Config
from ..validation import rows_by_class
from .sliced_ot import KNOTS, STEP_SIZE, ClassCodes, Step, fit_steps
from .step_tables import Steps, StepTables

Array = np.ndarray
MIN_NATS, MIN_SD = 1e-3, 1e-3  # a dimension without information is kept, at a small scale
UNEXPLAINED = 0.1  # ε: weight of a dimension that explains no style
SAMPLE_EVERY = 2  # every second example is also aligned as a sample of its posterior
MAX_KNOT_BYTES = 1 << 29  # of all knots: with many labels there are fewer steps ...
MIN_MAX_STEPS = 100  # ... but the limit is never below this
HOLDOUT_EVERY = 7  # every seventh example is not fitted to, and used by the probes


class Alignment(nn.Module):
    """The maps of all classes, (z_rest, label) → aligned z_rest, and their inverses.

    Before `fit` they are the identity.

    Parameters
    ----------
    config
        Its ``alignment``, ``alignment_steps`` and ``d_rest`` are used.
    n_classes
        Number of labels.

    Examples
    --------
    Two classes that differ in mean and spread become alike, and come back:

    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(400) % 2
    >>> z = rng.standard_normal((400, 6)) * (1 + y[:, None]) + 5 * y[:, None]
    >>> align = Alignment(Config(d_rest=6, alignment="gaussian"), n_classes=2)
    >>> align = align.fit(z, np.full((400, 6), 0.1), y)
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
    directions: Tensor
    source: Tensor
    target: Tensor

    def __init__(self, config: Config, n_classes: int) -> None:
        super().__init__()
        d, self.kind = config.d_rest, config.alignment
        if self.kind == "none":
            return
        # One axis has one optimal map: a second step would change nothing, and a whole one cannot
        # overshoot.
        self.step_size = STEP_SIZE if d > 1 else 1.0
        self.max_steps = 0
        if self.kind in ("auto", "transport"):
            self.max_steps = config.alignment_steps if d > 1 else 1
        self._step_tables: dict[bool, tuple[Hashable, StepTables]] = {}
        eye = torch.eye(d, dtype=torch.float64)
        self.register_buffer("metric", eye.clone())
        self.register_buffer("matrix", eye.repeat(n_classes, 1, 1))
        self.register_buffer("centre", torch.zeros(n_classes, d, dtype=torch.float64))
        self.register_buffer("common", torch.zeros(d, dtype=torch.float64))
        self.allocate_steps(0)

    @property
    def used(self) -> str:
        """The kind that was fitted: "auto" has become "transport" or "gaussian"."""
        if self.kind != "auto":
            return self.kind
        return "transport" if len(self.axes) else "gaussian"

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Return aligned codes, (B, d_rest), of codes (B, d_rest) with label indices (B,)."""
        if self.kind == "none":
            return z
        dtype, z = z.dtype, z.double() @ self.metric
        z = torch.einsum("bij,bj->bi", self.matrix[y], z - self.centre[y])
        z = self._apply_steps(z, y, dtype, inverse=False)
        return (z + self.common).to(dtype)

    def inverse(self, z: Tensor, y: Tensor) -> Tensor:
        """Return the codes (B, d_rest) that `forward` maps to z, given label indices y (B,)."""
        if self.kind == "none":
            return z
        dtype, z = z.dtype, z.double() - self.common
        z = self._apply_steps(z, y, dtype, inverse=True)
        inverse = torch.linalg.inv(self.matrix)
        z = self.centre[y] + torch.einsum("bij,bj->bi", inverse[y], z)
        return torch.linalg.solve(self.metric, z.T).T.to(dtype)

    def _apply_steps(self, z: Tensor, y: Tensor, dtype: torch.dtype, *, inverse: bool) -> Tensor:
        """Return codes after all steps, in double precision if `dtype` is.

        In single precision, hundreds of steps move codes by about 1e-5 from those in double.
        """
        dtype = torch.float64 if dtype == torch.float64 else torch.float32
        buffers = self.axes, self.directions, self.source, self.target
        state = (dtype, self.step_size, *((b.data_ptr(), b._version) for b in buffers))
        key, tables = self._step_tables.get(inverse, (None, None))
        if tables is None or key != state:  # not made, or the steps have changed since
            tables = StepTables(Steps(*buffers, self.step_size), inverse, dtype)
            self._step_tables[inverse] = (state, tables)
        return tables.apply(z, y)

    def __getstate__(self) -> dict[str, Any]:
        """Leave tables, which can be made again, out of copies and pickles."""
        state = self.__dict__.copy()
        if "_step_tables" in state:
            state["_step_tables"] = {}
        return state

    def fit(
        self,
        mean: Array,
        sd: Array,
        y: Array,
        loadings: Array | None = None,
        seed: int = 0,
        on_phase: Callable[[str, int, int], None] | None = None,
    ) -> Alignment:
        """Fit the maps.

        Parameters
        ----------
        mean, sd
            Posterior means and standard deviations, (n, d_rest).
        y
            Label indices, (n,). A class without examples keeps its codes, in the metric.
        loadings
            Weighted loadings of the style features, (size, d_rest), or None without them.
        seed
            Seed of the axes, of the held-out rows and of the probes.
        on_phase
            Called with ("alignment", steps done, largest number of steps) after every step.
        """
        if self.kind == "none":
            return self
        metric = _metric(mean, sd, loadings)
        z = mean.astype(np.float64) @ metric
        rows = rows_by_class(y, len(self.centre))
        centre = np.tile(z.mean(0), (len(rows), 1))
        for k, class_rows in enumerate(rows):
            if len(class_rows):
                centre[k] = z[class_rows].mean(0)
        matrix = np.tile(np.eye(z.shape[1]), (len(centre), 1, 1))
        if self.kind != "mean":
            within = np.cov((z - centre[y]).T).reshape(z.shape[1], -1)
            for k, class_rows in enumerate(rows):
                if len(class_rows):
                    covariance = _shrunk(z[class_rows] - centre[k], within)
                    matrix[k] = _between_gaussians(covariance, within)
        _write(self.metric, metric)
        _write(self.centre, centre)
        _write(self.matrix, matrix)
        _write(self.common, z.mean(0))
        self.allocate_steps(0)
        # Quantiles of a handful of examples are noise: such a class keeps its Gaussian map.
        classes = [k for k, class_rows in enumerate(rows) if len(class_rows) >= 2 * KNOTS]
        if len(classes) >= 2 and self.max_steps and needs_transport(self.kind, y):
            self._fit_transport(mean, sd, y, classes, loadings is not None, seed, on_phase)
        return self

    def _fit_transport(
        self,
        mean: Array,
        sd: Array,
        y: Array,
        classes: list[int],
        has_style: bool,
        seed: int,
        on_phase: Callable[[str, int, int], None] | None,
    ) -> None:
        """Fit the sliced transport to the codes after the Gaussian maps."""
        metric, centre, matrix = (v.cpu().numpy() for v in (self.metric, self.centre, self.matrix))
        rng = np.random.default_rng(seed)
        holdout = rng.permutation(len(mean)) < len(mean) // HOLDOUT_EVERY
        # Maps fitted to means alone would leave the label in samples.
        sampled = rng.permutation(len(mean))[::SAMPLE_EVERY]
        samples = mean[sampled] + sd[sampled] * rng.standard_normal((len(sampled), mean.shape[1]))
        y, holdout = np.concatenate([y, y[sampled]]), np.concatenate([holdout, holdout[sampled]])
        z = np.vstack([mean.astype(np.float64) @ metric, samples @ metric])
        z = np.einsum("bij,bj->bi", matrix[y], z - centre[y])
        rows = rows_by_class(y, len(centre))
        codes = ClassCodes(z, y, holdout, len(mean), classes, [rows[k] for k in classes])
        affordable = MAX_KNOT_BYTES // (8 * self.centre.numel() * KNOTS)
        max_steps = min(self.max_steps, max(MIN_MAX_STEPS, affordable))
        steps: list[Step] = []
        for step in fit_steps(codes, max_steps, self.step_size, has_style, rng, seed):
            steps.append(step)
            if on_phase is not None:
                on_phase("alignment", len(steps), max_steps)
        self.allocate_steps(len(steps))
        for index, step in enumerate(steps):
            self._store(index, step)

    def _store(self, index: int, step: Step) -> None:
        """Store a step; unused axes and directions are zero."""
        m = step.axes.shape[1]
        self.axes[index], self.directions[index] = 0.0, 0.0
        _write(self.axes[index, :, :m], step.axes)
        _write(self.directions[index, :, :m], step.directions)
        # A class that is not mapped does not move.
        source = np.tile(step.target, (len(self.centre), 1, 1))
        source[list(step.source)] = list(step.source.values())
        _write(self.source[index, :, :m], source)
        _write(self.target[index, :m], step.target)

    def allocate_steps(self, n_steps: int) -> None:
        """Allocate buffers for so many steps, each the identity."""
        n_classes, d = self.centre.shape
        like = {"dtype": self.centre.dtype, "device": self.centre.device}
        line, eye = torch.linspace(-3, 3, KNOTS, **like), torch.eye(d, **like)
        self.register_buffer("axes", eye.repeat(n_steps, 1, 1))
        self.register_buffer("directions", eye.repeat(n_steps, 1, 1))
        self.register_buffer("source", line.repeat(n_steps, n_classes, d, 1))
        self.register_buffer("target", line.repeat(n_steps, d, 1))


def needs_transport(kind: str, y: Array) -> bool:
    """Return whether an alignment of this kind takes steps of transport for these labels.

    Parameters
    ----------
    kind
        As ``config.alignment``. ``"auto"`` needs enough examples of the median label: quantiles
        of few are noise, and their map moves codes apart that mean the same.
    y
        Label indices, (n,).

    Examples
    --------
    >>> y = np.repeat([0, 1], [40, 300])
    >>> needs_transport("auto", y), needs_transport("transport", y)
    (False, True)
    """
    if kind != "auto":
        return kind == "transport"
    counts = np.bincount(y)
    return bool(np.median(counts[counts > 0]) >= MIN_TRANSPORT_EXAMPLES)


def _metric(mean: Array, sd: Array, loadings: Array | None) -> Array:
    """Return M, (d, d), symmetric and positive definite."""
    nats = 0.5 * (mean**2 + sd**2 - 1 - 2 * np.log(sd)).mean(0)
    scale = np.sqrt(np.maximum(nats, MIN_NATS)) / np.maximum(mean.std(0), MIN_SD)
    if loadings is None:
        return np.diag(scale)
    return _power(loadings.T @ loadings + UNEXPLAINED**2 * np.diag(scale**2), 0.5)


def _shrunk(z: Array, within: Array) -> Array:
    """Return a class's covariance, shrunk towards the pooled one.

    The share of the pooled covariance is that of the sampling error in the squared distance of the
    two (Ledoit & Wolf, 2004, with another target), and at least d / (n + d). So classes of few
    examples, whose covariances differ by chance alone, are only shifted.
    """
    n, d = z.shape
    covariance = z.T @ z / n
    distance = np.square(covariance - within).sum()
    error = (np.square(np.square(z).sum(1)).mean() - np.square(covariance).sum()) / n
    share = max(min(error / max(distance, 1e-300), 1.0), d / (n + d))
    return (1 - share) * covariance + share * within


def _between_gaussians(source: Array, target: Array) -> Array:
    """Return the optimal transport from N(0, S) to N(0, T), S^−½ (S^½ T S^½)^½ S^−½.

    See Dowson & Landau (1982).
    """
    # A floor on the variances: a direction without spread in either is not magnified.
    floor = max(1e-6 * np.trace(target) / len(target), 1e-12) * np.eye(len(target))
    source, target = source + floor, target + floor
    root = _power(source, 0.5)
    inverse = _power(source, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


def _power(matrix: Array, exponent: float) -> Array:
    """Return a power of a symmetric positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1e-24) ** exponent) @ vectors.T


def _write(buffer: Tensor, value: Array) -> None:
    """Copy an array into a buffer, with the dtype and on the device of the buffer."""
    buffer.copy_(torch.as_tensor(value, dtype=buffer.dtype))
