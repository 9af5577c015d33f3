"""K-Means and Gaussian mixtures from given starts, on the GPU where there is one.

Both are scikit-learn's, step by step, so that the same start ends in the same clusters. Rows pass in blocks: nothing is
kept that grows with points × clusters.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray
Covariance = Literal["diag", "full"]
BLOCK = 2**19  # numbers that are looked at together: few enough for a cache, enough to keep the cores busy
GPU_BLOCK = 2**26


def lloyd(z: Tensor, centres: Tensor, *, most: int = 300, tolerance: float = 1e-4) -> tuple[Tensor, float]:
    """Return clusters, (n,), and the sum of squared distances to their centres: Lloyd's K-Means.

    It ends when no point changes its cluster, when the centres move, squared and summed, by less than `tolerance` times
    the mean variance of a column, or after `most` rounds. A centre without points moves to the point that is furthest
    from its own.

    Parameters
    ----------
    z
        Points, (n, d).
    centres
        Where to start, (k, d).
    most, tolerance
        When to end.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM.
    """
    still = tolerance * float(z.var(0, correction=0).mean())
    clusters, distances = _nearest(z, centres)
    for _ in range(most):
        counts = torch.bincount(clusters, minlength=len(centres)).to(z.dtype)
        sums = torch.zeros_like(centres).index_add_(0, clusters, z)
        for empty, far in zip((counts == 0).nonzero()[:, 0], distances.argsort(descending=True), strict=False):
            sums[clusters[far]] -= z[far]
            counts[clusters[far]] -= 1
            sums[empty], counts[empty] = z[far], 1
        moved = torch.where(counts[:, None] > 0, sums / counts[:, None].clamp(min=1), centres)
        shift, centres = float(((moved - centres) ** 2).sum()), moved
        before, (clusters, distances) = clusters, _nearest(z, centres)
        if torch.equal(clusters, before) or shift <= still:
            break
    return clusters, float(distances.sum())


def _nearest(z: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nearest centre of each point, (n,), and its squared distance, (n,)."""
    square = (centres**2).sum(1)
    found = [torch.addmm(square, part, centres.T, alpha=-2).min(1) for part in _blocks(z, len(centres))]
    distances = torch.cat([values for values, _ in found]) + (z**2).sum(1)
    return torch.cat([rows for _, rows in found]), distances.clamp(min=0)


def gaussians(
    z: Tensor, clusters: Tensor, k: int, *, floor: float, covariance: Covariance = "diag", most: int = 100
) -> tuple[Tensor, float]:
    """Return the most probable of k Gaussians, (n,), and the mean log-likelihood, nats, by EM.

    Log-densities are linear in the features 1, x and x xᵀ (for ``"diag"`` its diagonal), and so are the statistics that
    the next Gaussians are made of: each half of a step is one product of matrices. It ends when the log-likelihood
    changes by less than 0.001, or after `most` steps.

    Parameters
    ----------
    z
        Points, (n, d), float64; centred, lest digits are lost.
    clusters
        Where to start, (n,), from 0 to k − 1.
    k
        How many Gaussians.
    floor
        Added to every variance.
    covariance
        ``"diag"`` or ``"full"``.
    most
        Steps.

    References
    ----------
    Dempster, Laird, Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.
    """
    d = z.shape[1]
    at = (
        torch.arange(d, device=z.device).repeat(2, 1) if covariance == "diag" else torch.triu_indices(d, d).to(z.device)
    )
    width = 1 + d + at.shape[1]
    statistics = z.new_zeros(k, width)
    for part, known in zip(_blocks(z, width + k), _blocks(clusters, width + k), strict=True):
        statistics.index_add_(0, known, _features(part, at))
    bound = -math.inf
    for _ in range(most):
        densities, statistics, last, bound = (
            _densities(statistics, at, d, floor),
            torch.zeros_like(statistics),
            bound,
            0.0,
        )
        for part in _blocks(z, width + k):
            features = _features(part, at)
            log_p = features @ densities  # (b, k)
            evidence = log_p.logsumexp(1, keepdim=True)
            statistics.addmm_((log_p - evidence).exp_().T, features)
            bound += float(evidence.sum()) / len(z)
        if abs(bound - last) < 1e-3:
            break
    densities = _densities(statistics, at, d, floor)
    return torch.cat([(_features(part, at) @ densities).argmax(1) for part in _blocks(z, width + k)]), bound


def _features(x: Tensor, at: Tensor) -> Tensor:
    return torch.cat([x.new_ones(len(x), 1), x, x[:, at[0]] * x[:, at[1]]], 1)


def _densities(statistics: Tensor, at: Tensor, d: int, floor: float) -> Tensor:
    """Return log π + log N(x; μ, Σ) of each Gaussian as factors of the features of x, (features, k)."""
    mass = statistics[:, :1] + 10 * torch.finfo(statistics.dtype).eps
    means = statistics[:, 1 : 1 + d] / mass
    spread = statistics[:, 1 + d :] / mass - means[:, at[0]] * means[:, at[1]] + floor * (at[0] == at[1])
    if at.shape[1] == d:
        precision, log_det = 1 / spread, spread.log().sum(1)
        slope = precision * means
    else:
        full = spread.new_zeros(len(spread), d, d)
        full[:, at[1], at[0]] = spread  # the lower half is all that Cholesky reads
        factor = torch.linalg.cholesky(full)
        inverse = torch.cholesky_inverse(factor)
        log_det = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1)
        slope = (inverse @ means[:, :, None])[:, :, 0]
        precision = inverse[:, at[0], at[1]] * torch.where(at[0] == at[1], 1, 2)
    constant = (mass[:, 0] / mass.sum()).log() - (d * math.log(2 * math.pi) + log_det + (slope * means).sum(1)) / 2
    return torch.cat([constant[:, None], slope, -precision / 2], 1).T


def _blocks(z: Tensor, width: int) -> tuple[Tensor, ...]:
    return z.split(max((GPU_BLOCK if z.is_cuda else BLOCK) // width, 1))
