"""Sliced transport: many one-dimensional maps that give the codes of every class one distribution.

It repeats: turn the space at random, and along each axis move the quantiles of every class towards the classes' mean
quantiles, their barycentre in one dimension (Pitié, Kokaram, Dahyot, 2007, doi:10.1016/j.cviu.2006.11.011; for
densities Dai & Seljak, 2021, arXiv:2007.00674). The mean quantiles are the nearest common target, so that codes move as
little as each step must, and like styles stay together.

Every step also moves codes a little where it need not, and three things keep that small. A step goes a share of the way
only (PACE): whole steps overshoot, for others to mend, until hundreds of them have stirred the codes and neighbours are
neighbours no more. Where there are style statistics, the directions that hold most of the variance come first, alone
and few, and then stay as they are, while the others are moved along axes that lean on them: a triangular map
(Rosenblatt, 1952; Knothe, 1957). And steps end as soon as neither a fresh network nor neighbours read the label of
examples that no map has seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .penalties import critic

Array = np.ndarray
KNOTS = 33  # quantiles of a one-dimensional map
HALVES = (16, 8, 4, 2, 1)  # of its pieces
PACE = 0.3  # how far of the way to the mean quantiles a step goes
# Share of the variance, in the metric, that is aligned first and then left alone, and of the steps that this may take.
LEADING, VARYING = (0.8, 0.25), (0.999, 0.75)
NARROWEST = 1e-3  # standard deviation that a direction is taken to have at the least
CHECK, GROWTH = 20, 1.4  # steps before the first look at what is left; how many times more before each next one
CHECK_ROWS, CHECK_STEPS, LOOKS = 60_000, 2000, 10  # of the network that asks: rows, steps, how often it is looked at
NEIGHBOURS = 30  # that vote
MARGIN = 0.02  # accuracy above a constant guess that passes for none, besides two standard errors


class Codes(NamedTuple):
    """What steps are learnt from: codes (n, d), the first `means` of them means and the others samples."""

    z: Array
    y: Array  # (n,) labels' indices
    watched: Array  # (n,) bool: kept from the maps, to be asked about
    means: int
    classes: list[int]  # that are mapped
    rows: list[Array]  # of each of them


class Step(NamedTuple):
    """One step, z ↦ z + pace · (T(z A) − z A) Wᵀ, T by each class's knots towards the common ones."""

    axes: Array  # A, (d, m)
    ways: Array  # W, (d, m)
    source: dict[int, Array]  # of each class, (m, KNOTS)
    target: Array  # (m, KNOTS)


def steps(codes: Codes, most: int, pace: float, styled: bool, rng: np.random.Generator, seed: int) -> Iterator[Step]:
    """Yield `most` steps at most, each learnt from what those before have made of the codes.

    Parameters
    ----------
    codes
        Centred, in the metric.
    most, pace
        Number of steps; how far of the way each goes, in (0, 1].
    styled
        Whether the widest directions are those of the style.
    rng, seed
        What axes are drawn from; of the network that is asked.
    """
    # Without style statistics no direction is more of the style than another: all in which means vary come first.
    (share, of_steps), asked = (LEADING, codes.z) if styled else (VARYING, codes.z[: codes.means])
    lead, rest, spread = _leading(asked, share)
    step, z = 0, codes.z
    for moved in (lead, rest):
        start, look = step, CHECK
        seen = lead if moved is lead else np.hstack([lead, rest])
        while moved.size and step < (math.ceil(of_steps * most) if moved is lead and rest.size else most):
            if step - start == look:
                if not _readable(z @ seen, codes.y, codes.watched, seed):
                    break
                look = int(look * GROWTH)
            turn = np.linalg.qr(rng.standard_normal((moved.shape[1], moved.shape[1])))[0]
            if moved is lead:
                axes = ways = lead @ turn
            else:
                axes, ways = _leaning(lead / spread[: lead.shape[1]], rest, spread[lead.shape[1] :], turn, rng)
            learnt, z = _slice(codes, z, axes, ways, pace)
            yield learnt
            step += 1


def _slice(codes: Codes, z: Array, axes: Array, ways: Array, pace: float) -> tuple[Step, Array]:
    """Learn one step from the codes that are not watched, and return it with what it makes of all codes z."""
    u, levels = z @ axes, (np.arange(KNOTS) + 0.5) / KNOTS
    learnt = [rows[~codes.watched[rows]] for rows in codes.rows]
    counts, quantiles = np.array([*map(len, learnt)]), [_quantiles(u[rows], levels) for rows in learnt]
    source = _apart(np.stack(quantiles))  # (K, m, KNOTS)
    target = np.tensordot(counts / counts.sum(), source, 1)  # (m, KNOTS)
    new = u.copy()
    for rows, knots in zip(codes.rows, source, strict=True):
        new[rows] = np.stack([_interpolate(*c) for c in zip(u[rows].T, knots, target, strict=True)], 1)
    return Step(axes, ways, dict(zip(codes.classes, source, strict=True)), target), z + pace * (new - u) @ ways.T


def _quantiles(u: Array, levels: Array) -> Array:
    """Return the quantiles of each column of u (n, m), (m, levels), as `numpy.quantile` does, which sorts slowly."""
    ordered, at = np.sort(u.T, axis=1), levels * (len(u) - 1)
    low = np.floor(at).astype(int)
    below, above = ordered[:, low], ordered[:, np.minimum(low + 1, len(u) - 1)]
    return below + (above - below) * (at - low)


def _leading(z: Array, share: float) -> tuple[Array, Array, Array]:
    """Return the principal directions that hold a share of the variance, the others, as columns, and all deviations."""
    variance, directions = np.linalg.eigh(np.cov(z.T).reshape(z.shape[1], -1))
    variance, directions = variance[::-1].clip(min=0), directions[:, ::-1]
    n = 1 + int(np.searchsorted(np.cumsum(variance), share * variance.sum()))
    return directions[:, :n], directions[:, n:], np.maximum(np.sqrt(variance), NARROWEST)


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


def along(u: Tensor, source: Tensor, target: Tensor, y: Tensor) -> Tensor:
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
