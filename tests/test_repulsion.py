"""The forces of t-SNE, against sums over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.tsne import kl_divergence_bh, kl_divergence_fft

from wvae.evaluation.repulsion import Gradient, Repulsion


def map_of(n: int, size: float, seed: int = 0) -> torch.Tensor:
    """Return clumps of points, spread over `size`."""
    rng = np.random.default_rng(seed)
    clumps = rng.normal(size=(n // 50, 2))
    return torch.from_numpy(size * (clumps[rng.integers(len(clumps), size=n)] + rng.normal(size=(n, 2)) / 5))


def over_all_pairs(y: torch.Tensor) -> tuple[float, torch.Tensor]:
    between = y[:, None] - y
    q = 1 / (1 + (between**2).sum(2))
    return float(q.sum()) - len(y), (q[..., None] ** 2 * between).sum(1)


@pytest.mark.parametrize(("size", "error"), [(1e-4, 1e-5), (1.0, 1e-3), (30.0, 0.04)])
def test_it_is_the_sum_over_all_pairs(size: float, error: float):
    y = map_of(600, size)
    repulsion = Repulsion()
    for points in (y, 1.01 * y, y):  # on a mesh that is new, other, and new again
        total, push = repulsion(points)
        expected, forces = over_all_pairs(points)
        assert total == pytest.approx(expected, rel=2e-3)
        assert (push - forces).norm() < error * forces.norm()


def test_points_in_a_line_in_one_place_and_far_away():
    x = torch.linspace(0, 40, 100, dtype=torch.float64)
    total, push = Repulsion()(torch.stack([x, torch.zeros_like(x)], 1))
    assert total == pytest.approx(over_all_pairs(torch.stack([x, 0 * x], 1))[0], rel=2e-3)
    assert push[:, 1].abs().max() < 1e-3
    total, push = Repulsion()(torch.zeros(5, 2, dtype=torch.float64))
    assert total == pytest.approx(20)
    assert push.abs().max() < 1e-6
    for n in (2, 12):  # where the sum is small, a point's own part must not remain in it
        few = map_of(50, 15.0)[:n]
        assert Repulsion()(few)[0] == pytest.approx(over_all_pairs(few)[0], rel=0.05)
    far = torch.tensor([[0.0, 0.0], [1e6, 1e6]], dtype=torch.float64)  # the mesh stays small
    assert Repulsion()(far)[1].abs().max() < 1e-3


def test_the_gradient_is_as_near_to_the_exact_one_as_those_of_opentsne():
    z = np.random.default_rng(0).normal(size=(1000, 5))
    P = PerplexityBasedNN(z, perplexity=20, method="exact").P
    y = map_of(1000, 12.0).numpy()
    exact_divergence, exact = kl_divergence_bh(y, P, 1, {"theta": 0.0}, should_eval_error=True)
    grid = {"n_interpolation_points": 3, "min_num_intervals": 50, "ints_in_interval": 1}
    theirs = [kl_divergence_bh(y, P, 1, {"theta": 0.5})[1], kl_divergence_fft(y, P, 1, grid)[1]]
    divergence, gradient = Gradient()(y, P, should_eval_error=True)
    assert divergence == pytest.approx(exact_divergence, rel=1e-3)
    assert np.linalg.norm(gradient - exact) < 1.1 * min(np.linalg.norm(other - exact) for other in theirs)
    assert np.linalg.norm(gradient - exact) < 0.03 * np.linalg.norm(exact)
    assert Gradient()(y, P)[0] == 0
