"""Sliced optimal transport: one-dimensional maps, the order of the steps, and when they stop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from wvae.config import Config
from wvae.nn import sliced_ot
from wvae.nn.alignment import Alignment

Array = np.ndarray


@pytest.fixture
def all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never stop early."""
    monkeypatch.setattr(sliced_ot, "_predictable", lambda *_: True)


def fit(
    z: Array, y: Array, steps: int, loadings: Array | None = None, step_size: float | None = None
) -> Alignment:
    changes: dict[str, Any] = {
        "alignment": "transport", "alignment_steps": steps, "d_rest": z.shape[1],
    }  # fmt: skip
    alignment = Alignment(Config(**changes), int(y.max()) + 1)
    alignment.step_size = step_size or alignment.step_size
    return alignment.fit(z, np.full(z.shape, 0.03), y, loadings)


def rank_correlation(a: Array, b: Array) -> float:
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def align(alignment: Alignment, z: Array, y: Array) -> Array:
    return alignment(torch.from_numpy(z), torch.from_numpy(y)).numpy()


# ------------------------------------------------------------------------- one-dimensional maps


def expected_map(u: Array, source: Array, target: Array) -> Array:
    """Return the line through the knots; beyond them, one with the slope between the ends."""
    slope = (target[-1] - target[0]) / (source[-1] - source[0])
    inside = np.interp(u, source, target)
    below = target[0] + (u - source[0]) * slope
    above = target[-1] + (u - source[-1]) * slope
    return np.where(u < source[0], below, np.where(u > source[-1], above, inside))


def test_steps_are_applied_as_they_were_fitted(all_steps: None) -> None:
    """NumPy fits the steps, torch applies them: both must extrapolate alike."""
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((400, 3)), np.arange(400) % 2
    z[:5] *= 30  # far outside the quantiles
    alignment = fit(z, y, steps=1)
    u = z @ alignment.metric.numpy()
    u = np.einsum("bij,bj->bi", alignment.matrix.numpy()[y], u - alignment.centre.numpy()[y])
    projected = u @ alignment.axes[0].numpy()
    source, target = alignment.source[0].numpy(), alignment.target[0].numpy()
    mapped = projected.copy()
    for i in range(len(z)):
        for j in range(projected.shape[1]):
            mapped[i, j] = expected_map(projected[i, j], source[y[i], j], target[j])
    expected = u + 0.3 * (mapped - projected) @ alignment.directions[0].numpy().T
    aligned = align(alignment, z, y) - alignment.common.numpy()
    np.testing.assert_allclose(aligned, expected, atol=1e-8)


def test_one_dimension_needs_one_step() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(3000) % 2
    centre = np.where(y == 1, rng.choice([-2.0, 2.0], 3000), 5.0)
    z = (centre + 0.5 * rng.standard_normal(3000))[:, None]
    alignment = fit(z, y, steps=400)
    assert len(alignment.axes) == 1
    aligned = align(alignment, z, y)[:, 0]
    # Class 1 has a gap between its modes, at the median.
    levels = np.concatenate([np.linspace(0.02, 0.45, 20), np.linspace(0.55, 0.98, 20)])
    quantiles = [np.quantile(aligned[y == k], levels) for k in (0, 1)]
    np.testing.assert_allclose(quantiles[0], quantiles[1], atol=0.1 * aligned.std())
    for k in (0, 1):
        assert rank_correlation(aligned[y == k], z[y == k, 0]) > 0.9999


def test_the_common_quantiles_are_the_mean_of_the_classes_weighted_by_size(
    all_steps: None,
) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [900, 300])
    z = np.where(y == 0, rng.standard_normal(1200), rng.exponential(1, 1200))[:, None]
    alignment = fit(z, y, steps=1)
    source, target = alignment.source[0, :, 0].numpy(), alignment.target[0, 0].numpy()
    np.testing.assert_allclose(target, 0.75 * source[0] + 0.25 * source[1], atol=0.05)
    assert abs(source[0] - source[1]).max() > 1  # equal weights would be another line


# ---------------------------------------------------------------------------- order of the steps


def moved_dimensions(alignment: Alignment) -> list[int]:
    """Return the number of dimensions that each step moves."""
    return [int(torch.linalg.matrix_rank(step)) for step in alignment.directions]


def test_with_style_leading_directions_hold_80_percent_and_take_a_quarter_of_the_steps(
    all_steps: None,
) -> None:
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((600, 4)), np.arange(600) % 2
    # In the metric, the dimensions hold 50, 25, 15 and 10 % of the variance.
    loadings = np.diag(np.sqrt([50, 25, 15, 10]))
    alignment = fit(z, y, steps=40, loadings=loadings)
    assert moved_dimensions(alignment) == [3] * 10 + [1] * 30


def test_later_steps_leave_the_leading_directions_unchanged(all_steps: None) -> None:
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((600, 3)), np.arange(600) % 2
    alignment = fit(z, y, steps=8, loadings=np.diag([9.0, 1.0, 1.0]))
    first = alignment.directions[:2].abs().sum((0, 2))
    later = alignment.directions[2:].abs().sum((0, 2))
    leading = int(first.argmax())
    assert leading == 0
    assert later[0] < 0.1 * later[1:].min()
    assert (alignment.axes[2:].abs().sum((0, 2))[0] > 0.1).all()  # but depend on them


def test_without_style_directions_with_information_take_three_quarters_of_the_steps(
    all_steps: None,
) -> None:
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((600, 3)), np.arange(600) % 2
    z[:, 2] *= 1e-3
    sd = np.full(z.shape, 0.03)
    sd[:, 2] = 1.0  # no information
    alignment = Alignment(Config(alignment_steps=40, d_rest=3), 2).fit(z, sd, y)
    assert moved_dimensions(alignment) == [2] * 30 + [1] * 10


def test_small_steps_do_not_separate_neighbours(all_steps: None) -> None:
    """Whole steps, the negative control, magnify a tiny change of a code much more."""
    rng = np.random.default_rng(0)
    y = np.arange(1500) % 5
    z = rng.standard_normal((1500, 8)) * (1 + rng.random((5, 8)))[y]
    z += np.sin(3 * rng.random((1500, 8)) * y[:, None])
    change = 1e-7 * rng.standard_normal(z.shape)
    magnified = {}
    for step_size in (None, 1.0):
        alignment = fit(z, y, 50, np.eye(8)[:4], step_size)
        after = np.linalg.norm(align(alignment, z + change, y) - align(alignment, z, y), axis=1)
        before = np.linalg.norm(change @ alignment.metric.numpy(), axis=1)
        magnified[step_size] = after.mean() / before.mean()
    assert magnified[None] < 3
    assert magnified[1.0] > 3 * magnified[None]


# -------------------------------------------------------------------------------- when they stop


def test_steps_stop_at_the_first_probe_where_classes_are_equal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sliced_ot, "PROBE_STEPS", 200)
    rng = np.random.default_rng(0)
    alignment = fit(rng.standard_normal((2000, 2)), np.arange(2000) % 2, steps=100)
    assert len(alignment.axes) == len(alignment.source) == len(alignment.target) == 20


def test_steps_go_on_while_a_probe_predicts_the_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliced_ot, "PROBE_STEPS", 200)
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((2000, 4)), np.arange(2000) % 2
    dependent = np.column_stack([z[:, :2], np.sign(z[:, :2]) * abs(z[:, 2:])])
    alignment = fit(np.where(y[:, None] == 1, dependent, z), y, steps=30)
    assert len(alignment.axes) > 20


def predictable(z: Array, y: Array, seed: int = 0) -> bool:
    holdout = np.random.default_rng(1).random(len(z)) < 0.8
    return sliced_ot._predictable(z, y, holdout, seed)


def test_chance_is_not_predictable_but_a_difference_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 8,000 test rows, the margin of two points decides, not the standard error."""
    monkeypatch.setattr(sliced_ot, "PROBE_STEPS", 100)
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((10_000, 2)), rng.integers(0, 2, 10_000)
    assert not predictable(z, y)
    assert predictable(z + 0.5 * y[:, None], y)


def test_the_network_finds_what_neighbours_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliced_ot, "_knn_accuracy", lambda *_: 0.0)
    monkeypatch.setattr(sliced_ot, "PROBE_STEPS", 200)
    rng = np.random.default_rng(0)
    z = rng.standard_normal((2000, 2))
    y = (z[:, 0] > 0).astype(int)
    assert predictable(z, y)
    assert not predictable(z, rng.permutation(y))


def test_few_codes_are_passed_over_a_limited_number_of_times(monkeypatch: pytest.MonkeyPatch):
    """2,000 steps would pass over 300 codes more than a thousand times."""
    rows: list[int] = []
    randint = torch.randint
    monkeypatch.setattr(torch, "randint", lambda *a: rows.append(a[1][0]) or randint(*a))
    monkeypatch.setattr(sliced_ot, "_knn_accuracy", lambda *_: 0.0)
    rng = np.random.default_rng(0)
    n_steps: list[int] = []
    for n in (300, 3000):
        rows.clear()
        predictable(rng.standard_normal((n, 2)), rng.permutation(np.arange(n) % 2))
        n_steps.append(len(rows))
    # A fifth of the codes is not held out: one batch of about 60, and more than two of 256.
    assert n_steps[0] == 200
    assert n_steps[1] == pytest.approx(200 * 600 / 256, rel=0.1)
