"""Sliced optimal transport: one-dimensional maps that give every class one distribution.

Each step draws random axes, and along every axis moves the quantiles of each class towards the
mean quantiles of all classes, their barycentre in one dimension (Pitié, Kokaram, Dahyot, 2007,
doi:10.1016/j.cviu.2006.11.011; for densities Dai & Seljak, 2021, arXiv:2007.00674). Of all common
targets the barycentre is the nearest, so a step moves codes as little as possible.

Steps also move codes where they need not. Three choices keep that small:

- A step goes only a share of the way (STEP_SIZE). Whole steps overshoot, later ones correct
  them, and after hundreds of steps codes that were neighbours no longer are.
- If there are style features, the leading directions, which hold most of the variance, are
  aligned first and then left unchanged. The other directions are aligned along axes that are
  sheared by random combinations of the leading ones: a triangular map (Rosenblatt, 1952; Knothe,
  1957).
- Steps stop when neither a k-NN probe nor a fresh network predicts the label of held-out examples
  better than a constant guess.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .backbones import mlp

Array = np.ndarray
KNOTS = 33  # quantiles of a one-dimensional map
STEP_SIZE = 0.3  # share of the way to the mean quantiles that one step goes
# Share of the variance that the leading directions hold, and share of the steps that they may take.
LEADING_VARIANCE, LEADING_STEPS = 0.8, 0.25
# The same without style features: all directions in which the means vary count as leading.
VARYING_VARIANCE, VARYING_STEPS = 0.999, 0.75
MIN_SD = 1e-3  # a direction's standard deviation is taken to be at least this
FIRST_CHECK, CHECK_GROWTH = 20, 1.4  # steps before the first probe; factor between later ones
PROBE_ROWS, PROBE_STEPS, PROBE_EVALUATIONS = 60_000, 2000, 10
PROBE_BATCH, PROBE_PASSES = 256, 200  # few codes are passed over so often at most
PROBE_NEIGHBOURS = 30
# Accuracy above a constant guess that counts as chance, besides two standard errors.
PROBE_MARGIN = 0.02


class ClassCodes(NamedTuple):
    """The codes (n, d) that steps are fitted to: first `n_means` means, then samples."""

    z: Array
    y: Array  # (n,) label indices
    holdout: Array  # (n,) bool: not fitted to, used by the probes
    n_means: int
    classes: list[int]  # the classes that are mapped
    rows: list[Array]  # rows of each of them


class Step(NamedTuple):
    """One step, z ↦ z + step_size · (T(z A) − z A) Wᵀ.

    T maps each class's quantiles, its knots, to the common knots.
    """

    axes: Array  # A, (d, m)
    directions: Array  # W, (d, m)
    source: dict[int, Array]  # knots of each class, (m, KNOTS)
    target: Array  # common knots, (m, KNOTS)


def fit_steps(
    codes: ClassCodes,
    max_steps: int,
    step_size: float,
    has_style: bool,
    rng: np.random.Generator,
    seed: int,
) -> Iterator[Step]:
    """Yield at most `max_steps` steps, each fitted to the codes that the steps before it returned.

    Parameters
    ----------
    codes
        Centred, in the metric of the alignment.
    max_steps
        Largest number of steps.
    step_size
        Share of the way that each step goes, in (0, 1].
    has_style
        Whether the directions of largest variance are those of the style features.
    rng
        Source of the random axes.
    seed
        Seed of the probes.
    """
    # Without style features, all directions in which the means vary come first.
    reference = codes.z if has_style else codes.z[: codes.n_means]
    variance_share = LEADING_VARIANCE if has_style else VARYING_VARIANCE
    steps_share = LEADING_STEPS if has_style else VARYING_STEPS
    leading, others, sd = _leading_directions(reference, variance_share)
    n_leading = leading.shape[1]
    first_limit = math.ceil(steps_share * max_steps) if others.size else max_steps
    step, z = 0, codes.z
    for moved, limit in ((leading, first_limit), (others, max_steps)):
        first_step, next_check = step, FIRST_CHECK
        probed = leading if moved is leading else np.hstack([leading, others])
        while moved.size and step < limit:
            if step - first_step == next_check:
                if not _predictable(z @ probed, codes.y, codes.holdout, seed):
                    break
                next_check = int(next_check * CHECK_GROWTH)
            rotation = np.linalg.qr(rng.standard_normal((moved.shape[1], moved.shape[1])))[0]
            if moved is leading:
                axes = directions = leading @ rotation
            else:
                kept = leading / sd[:n_leading]
                axes, directions = _sheared_axes(kept, others, sd[n_leading:], rotation, rng)
            fitted, z = _fit_step(codes, z, axes, directions, step_size)
            yield fitted
            step += 1


def _fit_step(
    codes: ClassCodes, z: Array, axes: Array, directions: Array, step_size: float
) -> tuple[Step, Array]:
    """Fit one step to the codes that are not held out; return it and its output for all z."""
    u, levels = z @ axes, (np.arange(KNOTS) + 0.5) / KNOTS
    fit_rows = [rows[~codes.holdout[rows]] for rows in codes.rows]
    counts = np.array([len(rows) for rows in fit_rows])
    quantiles = np.stack([_quantiles(u[rows], levels) for rows in fit_rows])
    source = _separate_knots(quantiles)  # (classes, m, KNOTS)
    target = np.tensordot(counts / counts.sum(), source, 1)  # (m, KNOTS)
    mapped = u.copy()
    for rows, knots in zip(codes.rows, source, strict=True):
        columns = np.ascontiguousarray(u[rows].T)
        moved = [_interpolate(*column) for column in zip(columns, knots, target, strict=True)]
        mapped[rows] = np.stack(moved, 1)
    step = Step(axes, directions, dict(zip(codes.classes, source, strict=True)), target)
    return step, z + step_size * (mapped - u) @ directions.T


def _quantiles(u: Array, levels: Array) -> Array:
    """Return the quantiles of each column of u (n, m), (m, levels), by one fast sort."""
    ordered, at = np.sort(u.T, axis=1), levels * (len(u) - 1)
    low = np.floor(at).astype(int)
    below, above = ordered[:, low], ordered[:, np.minimum(low + 1, len(u) - 1)]
    return below + (above - below) * (at - low)


def _leading_directions(z: Array, share: float) -> tuple[Array, Array, Array]:
    """Return the principal directions that hold a share of the variance, and the others.

    Directions are columns, (d, n) and (d, d − n). The third value holds the standard deviations
    along all of them, (d,), in the same order.
    """
    variance, directions = np.linalg.eigh(np.cov(z.T).reshape(z.shape[1], -1))
    variance, directions = variance[::-1].clip(min=0), directions[:, ::-1]
    n = 1 + int(np.searchsorted(np.cumsum(variance), share * variance.sum()))
    return directions[:, :n], directions[:, n:], np.maximum(np.sqrt(variance), MIN_SD)


def _sheared_axes(
    kept: Array, others: Array, sd: Array, rotation: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return axes A and directions W, (d, m) each, with Wᵀ A = 1 and Wᵀ kept = 0.

    Then z ↦ z + (T(z A) − z A) Wᵀ turns u = z A into T(u), so it can be inverted, and it leaves z
    · kept unchanged. Random shears along the kept directions make dependence on them visible. All
    are in standard deviations, so that narrow directions count like wide ones.
    """
    shear = rng.standard_normal((kept.shape[1], rotation.shape[1])) / kept.shape[1] ** 0.5
    return others / sd @ rotation + kept @ shear, others * sd @ rotation


def _predictable(z: Array, y: Array, holdout: Array, seed: int) -> bool:
    """Return whether a k-NN probe or a fresh network predicts the labels of held-out codes."""
    rows = np.random.default_rng(seed).permutation(len(z))[:PROBE_ROWS]
    codes = torch.from_numpy((z - z.mean(0)) / np.maximum(z.std(0), 1e-9)).float()
    labels = torch.from_numpy(y).long()
    train = torch.from_numpy(rows[~holdout[rows]])
    test = torch.from_numpy(rows[holdout[rows]])
    chance = float(torch.bincount(labels).max() / len(labels))
    limit = chance + PROBE_MARGIN + 2 * (chance * (1 - chance) / max(len(test), 1)) ** 0.5
    if _knn_accuracy(codes, labels, train, test) > limit:
        return True
    return _network_exceeds(limit, codes, labels, train, test, seed)


def _knn_accuracy(codes: Tensor, labels: Tensor, train: Tensor, test: Tensor) -> float:
    """Return the accuracy of a k-NN probe on the test rows."""
    n_neighbours, correct = min(PROBE_NEIGHBOURS, len(train)), 0
    for rows in test.split(1000):
        distances = torch.cdist(codes[rows], codes[train])
        nearest = distances.topk(n_neighbours, largest=False).indices
        predicted = labels[train][nearest].mode(1).values
        correct += int((predicted == labels[rows]).sum())
    return correct / max(len(test), 1)


def _network_exceeds(
    limit: float, codes: Tensor, labels: Tensor, train: Tensor, test: Tensor, seed: int
) -> bool:
    """Return whether a network's test accuracy exceeds the limit at any time of its training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = mlp(codes.shape[1], int(labels.max()) + 1)
        optimiser = torch.optim.Adam(network.parameters(), 2e-3, fused=True)
        batch = min(PROBE_BATCH, len(train))
        interval = min(PROBE_STEPS, PROBE_PASSES * len(train) // batch) // PROBE_EVALUATIONS
        for step in range(1, interval * PROBE_EVALUATIONS + 1):
            rows = train[torch.randint(len(train), (batch,))]
            optimiser.zero_grad()
            functional.cross_entropy(network(codes[rows]), labels[rows]).backward()
            optimiser.step()
            if step % interval == 0:
                with torch.no_grad():
                    predicted = network(codes[test]).argmax(1)
                if (predicted == labels[test]).float().mean() > limit:
                    return True
    return False


def _interpolate(u: Array, source: Array, target: Array) -> Array:
    """Map one column, (n,), by the line through its knots, and beyond them with its mean slope."""
    out = np.interp(u, source, target)
    slope = (target[-1] - target[0]) / (source[-1] - source[0])
    for end, outside in ((0, u < source[0]), (-1, u > source[-1])):
        out[outside] = target[end] + (u[outside] - source[end]) * slope
    return out


def _separate_knots(quantiles: Array) -> Array:
    """Keep neighbouring knots apart, so that the map and its inverse exist where values repeat."""
    spread = quantiles[..., -1:] - quantiles[..., :1]
    gap = np.maximum(1e-3 * spread, 1e-6)
    return quantiles + gap * np.arange(KNOTS) / KNOTS
