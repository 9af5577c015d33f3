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
companion, the optimal transport between Gaussians. ``transport`` repeats: turn the space at random, and along each axis
move the quantiles of every class towards the classes' mean quantiles, their barycentre in one dimension (Pitié,
Kokaram, Dahyot, 2007, doi:10.1016/j.cviu.2006.11.011; for densities Dai & Seljak, 2021, arXiv:2007.00674). The mean
quantiles are the nearest common target, so that codes move as little as each step must, and like styles stay together.

Every step also moves codes a little where it need not, and three things keep that small. A step goes a share of the way
only (PACE): whole steps overshoot, for others to mend, until hundreds of them have stirred the codes and neighbours are
neighbours no more. Where there are style statistics, the directions that hold most of the variance come first, alone
and few, and then stay as they are, while the others are moved along axes that lean on them: a triangular map
(Rosenblatt, 1952; Knothe, 1957). And steps end as soon as neither a fresh network nor neighbours read the label of
examples that no map has seen.

Before all that, z is measured in a metric, z ↦ z M: distances of aligned codes are distances of what the codes explain.
With W the loadings of the style statistics (`wvae.statistics`) and D = diag(√KL_j / sd_j), KL_j the nats that dimension
j carries, M² = WᵀW + ε² D², and M = D where there are no statistics. K-Means, neighbours and maps of z_rest then see
style first, and what is peculiar to one image last.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import Config
from .separation import critic

Array = np.ndarray
KNOTS = 33  # quantiles of a one-dimensional map
HALVES = (16, 8, 4, 2, 1)  # of its pieces
LEAST_NATS, LEAST_SD = 1e-3, 1e-3  # a dimension that carries nothing is kept, but small
REST = 0.1  # ε: how much a dimension counts that explains no style
# Share of the variance, in the metric, that is aligned first and then left alone, and of the steps that this may take.
LEADING, VARYING = (0.8, 0.25), (0.999, 0.75)
CHECK, GROWTH = 20, 1.4  # steps before the first look at what is left; how many times more before each next one
SAMPLED = 2  # one of so many examples is aligned as its posterior's mean and as a sample of it
PACE = 0.3  # how far of the way to the mean quantiles a step goes
WATCHED = 7  # one of so many examples is kept from the maps, to be asked about
CHECK_ROWS, CHECK_STEPS, LOOKS = 60_000, 2000, 10  # of the network that asks: rows, steps, how often it is looked at
NEIGHBOURS = 30  # that vote
MARGIN = 0.02  # accuracy above a constant guess that passes for none, besides two standard errors


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
        steps = 0 if self.kind != "transport" else config.alignment_steps if d > 1 else 1
        # In double precision: over hundreds of steps the rounding errors of single ones grow to the size of codes.
        line, eye = torch.linspace(-3, 3, KNOTS, dtype=torch.float64), torch.eye(d, dtype=torch.float64)
        self.register_buffer("metric", eye.clone())
        self.register_buffer("matrix", eye.repeat(n_classes, 1, 1))
        self.register_buffer("centre", torch.zeros(n_classes, d, dtype=torch.float64))
        self.register_buffer("common", torch.zeros(d, dtype=torch.float64))
        self.register_buffer("axes", eye.repeat(steps, 1, 1))
        self.register_buffer("ways", eye.repeat(steps, 1, 1))
        self.register_buffer("source", line.repeat(steps, n_classes, d, 1))
        self.register_buffer("target", line.repeat(steps, d, 1))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Return aligned codes, (B, d_rest), of codes (B, d_rest) with labels (B,)."""
        if self.kind == "none":
            return z
        dtype, z = z.dtype, z.double() @ self.metric
        z = torch.einsum("bij,bj->bi", self.matrix[y], z - self.centre[y])
        for axes, ways, source, target in zip(self.axes, self.ways, self.source, self.target, strict=True):
            u = z @ axes
            z = z + self.pace * (_along(u, source, target, y) - u) @ ways.T
        return (z + self.common).to(dtype)

    def inverse(self, z: Tensor, y: Tensor) -> Tensor:
        """Return what `forward` with these labels made z of: how the label y draws this style."""
        if self.kind == "none":
            return z
        dtype, z = z.dtype, z.double() - self.common
        for step in reversed(range(len(self.axes))):
            u = z @ self.axes[step]
            arrived = self.source[step] + self.pace * (self.target[step] - self.source[step])  # (classes, d, KNOTS)
            z = z + (_along(u, arrived, self.source[step], y) - u) @ self.ways[step].T
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
        classes = [k for k in range(len(self.centre)) if (y == k).any()]
        centre = np.stack([z[y == k].mean(0) if k in classes else z.mean(0) for k in range(len(self.centre))])
        matrix = np.tile(np.eye(z.shape[1]), (len(centre), 1, 1))
        if self.kind != "mean":
            within = np.cov((z - centre[y]).T).reshape(z.shape[1], -1)
            for k in classes:
                matrix[k] = _between_gaussians(_shrunk(z[y == k] - centre[k], within), within)
        for name, value in {"metric": metric, "centre": centre, "matrix": matrix, "common": z.mean(0)}.items():
            _write(getattr(self, name), value)
        # The quantiles of a handful of examples are noise: such a class keeps its Gaussian map.
        classes = [k for k in classes if (y == k).sum() >= 2 * KNOTS]
        if len(classes) < 2:
            self.end(0)
        if not len(self.axes):
            return self
        rng = np.random.default_rng(seed)
        watched = rng.permutation(len(z)) < len(z) // WATCHED
        # Every other example comes with a sample of its posterior, too: maps of means alone leave the label in samples.
        some = rng.permutation(len(z))[::SAMPLED]
        samples = mean[some] + sd[some] * rng.standard_normal((len(some), z.shape[1]))
        z, y = np.vstack([z, samples @ metric]), np.concatenate([y, y[some]])
        watched = np.concatenate([watched, watched[some]])
        z = np.einsum("bij,bj->bi", matrix[y], z - centre[y])
        learnt = np.where(watched, -1, y)
        # Without style statistics no direction is more of the style than another: all in which means vary come first.
        (share, of_steps), asked = (LEADING, z) if loadings is not None else (VARYING, z[: len(mean)])
        lead, rest, spread = _leading(asked, share)
        step, most = 0, len(self.axes)
        for moved in (lead, rest):
            start, look = step, CHECK
            seen = lead if moved is lead else np.hstack([lead, rest])
            while moved.size and step < (math.ceil(of_steps * most) if moved is lead and rest.size else most):
                if step - start == look:
                    if not _readable(z @ seen, y, watched, seed):
                        break
                    look = int(look * GROWTH)
                turn = np.linalg.qr(rng.standard_normal((moved.shape[1], moved.shape[1])))[0]
                if moved is lead:
                    axes = ways = lead @ turn
                else:
                    axes, ways = _leaning(lead / spread[: lead.shape[1]], rest, spread[lead.shape[1] :], turn, rng)
                z = self._slice(step, z, learnt, y, classes, axes, ways)
                step += 1
        self.end(step)
        return self

    def _slice(
        self, step: int, z: Array, learnt: Array, y: Array, classes: list[int], axes: Array, ways: Array
    ) -> Array:
        """Learn one step from the codes whose label is in `learnt`, and return what it makes of all codes z."""
        counts, levels = np.array([(learnt == k).sum() for k in classes]), (np.arange(KNOTS) + 0.5) / KNOTS
        u = z @ axes
        quantiles = _apart(np.stack([np.quantile(u[learnt == k], levels, axis=0).T for k in classes]))  # (K, m, KNOTS)
        target = np.tensordot(counts / counts.sum(), quantiles, 1)  # (m, KNOTS)
        source = np.tile(target, (len(self.centre), 1, 1))
        source[classes] = quantiles
        # Fewer axes than dimensions: the others stand still, all zero.
        m = axes.shape[1]
        self.axes[step], self.ways[step] = 0.0, 0.0
        for buffer, value in ((self.axes, axes), (self.ways, ways)):
            _write(buffer[step, :, :m], value)
        _write(self.source[step, :, :m], source)
        _write(self.target[step, :m], target)
        new = u.copy()
        for k in classes:
            rows = y == k
            new[rows] = np.stack([_interpolate(*c) for c in zip(u[rows].T, source[k], target, strict=True)], 1)
        return z + self.pace * (new - u) @ ways.T

    def end(self, steps: int) -> None:
        """Keep the first steps only."""
        for name in ("axes", "ways", "source", "target"):
            self.register_buffer(name, getattr(self, name)[:steps].clone())


def _leading(z: Array, share: float) -> tuple[Array, Array, Array]:
    """Return the principal directions that hold a share of the variance, the others, as columns, and all deviations."""
    variance, directions = np.linalg.eigh(np.cov(z.T).reshape(z.shape[1], -1))
    variance, directions = variance[::-1].clip(min=0), directions[:, ::-1]
    n = 1 + int(np.searchsorted(np.cumsum(variance), share * variance.sum()))
    return directions[:, :n], directions[:, n:], np.maximum(np.sqrt(variance), LEAST_SD)


def _leaning(kept: Array, rest: Array, spread: Array, turn: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return axes A to look along, (d, m), and ways W to move along, (d, m), with Wᵀ A = 1 and Wᵀ kept = 0.

    Then z ↦ z + (T(z A) − z A) Wᵀ makes T(u) of u = z A, for which it can be undone, and leaves z · kept as it is. Axes
    lean on the kept directions at random, so that what depends on those is seen; all are in standard deviations, so
    that narrow directions are seen as well as wide ones.
    """
    lean = rng.standard_normal((kept.shape[1], turn.shape[1])) / kept.shape[1] ** 0.5
    return rest / spread @ turn + kept @ lean, rest * spread @ turn


def _readable(z: Array, y: Array, watched: Array, seed: int) -> bool:
    """Return whether neighbours, or a fresh network fitted to the other codes, read the label of those `watched`."""
    rows = np.random.default_rng(seed).permutation(len(z))[:CHECK_ROWS]
    codes = torch.from_numpy((z - z.mean(0)) / np.maximum(z.std(0), 1e-9)).float()
    labels = torch.from_numpy(y).long()
    known, asked = (torch.from_numpy(part) for part in (rows[~watched[rows]], rows[watched[rows]]))
    chance = float(torch.bincount(labels).max() / len(labels))
    limit = chance + MARGIN + 2 * (chance * (1 - chance) / max(len(asked), 1)) ** 0.5
    right = 0
    for part in asked.split(1000):
        near = torch.cdist(codes[part], codes[known]).topk(min(NEIGHBOURS, len(known)), largest=False).indices
        right += int((labels[known][near].mode(1).values == labels[part]).sum())
    if right > limit * len(asked):
        return True
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = critic(z.shape[1], int(y.max()) + 1)
        optimiser = torch.optim.Adam(network.parameters(), 2e-3, fused=True)
        for step in range(1, CHECK_STEPS + 1):
            part = known[torch.randint(len(known), (min(256, len(known)),))]
            optimiser.zero_grad()
            functional.cross_entropy(network(codes[part]), labels[part]).backward()
            optimiser.step()
            if step % (CHECK_STEPS // LOOKS):
                continue
            with torch.no_grad():
                found = (network(codes[asked]).argmax(1) == labels[asked]).float().mean()
            if found > limit:
                return True
    return False


def _metric(mean: Array, sd: Array, loadings: Array | None) -> Array:
    """Return M, (d, d), symmetric and positive definite."""
    nats = 0.5 * (mean**2 + sd**2 - 1 - 2 * np.log(sd)).mean(0)
    scale = np.sqrt(np.maximum(nats, LEAST_NATS)) / np.maximum(mean.std(0), LEAST_SD)
    if loadings is None:
        return np.diag(scale)
    return _power(loadings.T @ loadings + REST**2 * np.diag(scale**2), 0.5)


def _along(u: Tensor, source: Tensor, target: Tensor, y: Tensor) -> Tensor:
    """Map each column of u (B, d) by the line through its knots, and on beyond them.

    Source and target are knots, (d, KNOTS), or those of every class, (classes, d, KNOTS), of which y (B,) chooses.
    """
    column = torch.arange(u.shape[1], device=u.device) * KNOTS
    own = y.unsqueeze(1) * (u.shape[1] * KNOTS) + column  # where in a flat table of all classes one's knots begin
    common = column.expand_as(u)
    from_, to = (own if table.dim() == 3 else common for table in (source, target))
    piece = from_
    for half in HALVES:  # bisection
        piece = piece + half * (source.take(piece + half) <= u)
    other = piece - from_ + to
    x0, y0 = source.take(piece), target.take(other)
    slope = (target.take(other + 1) - y0) / (source.take(piece + 1) - x0)
    # The outermost pieces would carry their own steepness, which few examples decided, out to infinity.
    ends = [table.take(at + end) for table, at in ((source, from_), (target, to)) for end in (0, KNOTS - 1)]
    outside = (u < ends[0]) | (u > ends[1])
    slope = torch.where(outside, (ends[3] - ends[2]) / (ends[1] - ends[0]), slope)
    x0, y0 = torch.where(u > ends[1], ends[1], x0), torch.where(u > ends[1], ends[3], y0)
    return y0 + (u - x0) * slope


def _interpolate(u: Array, source: Array, target: Array) -> Array:
    """Do the same for one column, (n,), in double precision."""
    out, slope = np.interp(u, source, target), (target[-1] - target[0]) / (source[-1] - source[0])
    out = np.where(u < source[0], target[0] + (u - source[0]) * slope, out)
    return np.where(u > source[-1], target[-1] + (u - source[-1]) * slope, out)


def _apart(quantiles: Array) -> Array:
    """Keep neighbouring knots apart, so that the map and its inverse exist where values repeat."""
    spread = quantiles[..., -1:] - quantiles[..., :1]
    gap = np.maximum(1e-3 * spread, 1e-6)
    return quantiles + gap * np.arange(KNOTS) / KNOTS


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
