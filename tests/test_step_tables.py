"""Tables of steps: the same maps as by a search for the piece of each value, on hard knots, too."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from wvae.config import Config
from wvae.nn import step_tables
from wvae.nn.alignment import Alignment
from wvae.nn.sliced_ot import KNOTS, STEP_SIZE, _separate_knots
from wvae.nn.step_tables import BLOCK_CODES, Steps, StepTables

Array = np.ndarray

# ----------------------------------------------------------------------- the maps, value by value


def piecewise_linear(u: Array, source: Array, target: Array) -> Array:
    """Return the line through the knots; beyond them, one with the slope between the ends."""
    slope = (target[-1] - target[0]) / (source[-1] - source[0])
    inside = np.interp(u, source, target)
    below = target[0] + (u - source[0]) * slope
    above = target[-1] + (u - source[-1]) * slope
    return np.where(u < source[0], below, np.where(u > source[-1], above, inside))


def expected(steps: Steps, z: Array, y: Array, *, inverse: bool = False) -> Array:
    """Return codes after all steps, by their definition in double precision."""
    axes, directions, source, target = (value.numpy() for value in steps[:4])
    n_steps, n_classes, d, _ = source.shape
    for i in reversed(range(n_steps)) if inverse else range(n_steps):
        u, mapped = z @ axes[i], z @ axes[i]
        for k in range(n_classes):
            for j in range(d):
                x, rows = source[i, k, j], y == k
                moved = x + steps.step_size * (target[i, j] - x)
                x, moved = (moved, x) if inverse else (x, moved)
                mapped[rows, j] = piecewise_linear(u[rows, j], x, moved)
        z = z + (mapped - u) @ directions[i].T
    return z


# -------------------------------------------------------------------------------------- hard knots


def even(rng: np.random.Generator, *shape: int) -> Array:
    return np.cumsum(rng.uniform(0.05, 0.2, (*shape, KNOTS)), -1) - 2


def crowded(rng: np.random.Generator, *shape: int) -> Array:
    """All but a few knots in a hundredth of the range, so that cells hold many."""
    gaps = np.full(KNOTS, 1e-3)
    gaps[[1, 2, -1]] = 3.0
    return np.cumsum(gaps * rng.uniform(0.5, 1.5, (*shape, KNOTS)), -1) - 4


def repeated(rng: np.random.Generator, *shape: int) -> Array:
    """Quantiles of whole numbers, kept apart as the fit does."""
    return _separate_knots(np.sort(rng.integers(0, 4, (*shape, KNOTS)).astype(float), -1) - 2)


def unlike(rng: np.random.Generator, *shape: int) -> Array:
    """Classes at other places, a hundred times as wide."""
    classes = np.arange(shape[-2]).reshape(-1, 1, 1)
    return even(rng, *shape) * 10.0 ** (classes % 3) + 3 * classes


KNOT_KINDS = [even, crowded, repeated, unlike]


def make_steps(
    kind: Callable[..., Array], n_steps: int, n_classes: int, d: int, step_size: float = STEP_SIZE
) -> Steps:
    """Return random steps; the last half of them use one axis fewer, if there are two."""
    rng = np.random.default_rng(0)
    source = kind(rng, n_steps, n_classes, d)
    axes = np.stack([np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(n_steps)])
    if d > 1:
        axes[n_steps // 2 :, :, -1] = 0
    values = [torch.from_numpy(v) for v in (axes, axes.copy(), source, source.mean(1))]
    return Steps(values[0], values[1], values[2], values[3], step_size)


def hard_codes(steps: Steps, n: int) -> tuple[Array, Array]:
    """Return codes inside, at and far beyond the knots of the first step, and their labels."""
    _, n_classes, d, _ = steps.source.shape
    rng = np.random.default_rng(1)
    y = rng.integers(0, n_classes, n)
    z = 2 * rng.standard_normal((n, d))
    at = steps.source[0].numpy()[y[:50], :, rng.integers(0, KNOTS, 50)]
    z[:50] = at @ steps.axes[0].numpy().T
    z[50:60] *= 1e4
    z[60] = 0
    return z, y


def apply(steps: Steps, z: Array, y: Array, dtype: Any, *, inverse: bool = False) -> Array:
    with torch.no_grad():
        tables = StepTables(steps, inverse, dtype)
        return tables.apply(torch.from_numpy(z).to(dtype), torch.from_numpy(y)).numpy()


SHAPES = [(5, 3, 4), (1, 1, 1), (3, 2, 1), (4, 1, 3), (41, 2, 2), (2, 12, 17)]


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KNOT_KINDS)
def test_tables_hold_the_maps(
    kind: Callable[..., Array], shape: tuple[int, int, int], inverse: bool
):
    steps = make_steps(kind, *shape)
    z, y = hard_codes(steps, 300)
    result = apply(steps, z, y, torch.float64, inverse=inverse)
    wanted = expected(steps, z, y, inverse=inverse)
    # Steep pieces, up to a hundred times in each step, magnify rounding errors.
    np.testing.assert_allclose(result, wanted, rtol=1e-6, atol=1e-6)
    assert abs(result - z).max() > 0.01 or shape[1] == 1


def test_single_precision_is_enough_over_hundreds_of_steps():
    steps = make_steps(even, 400, 3, 4)
    z, y = hard_codes(steps, 300)
    z = z.astype(np.float32)
    result = apply(steps, z, y, torch.float32)
    wanted = expected(steps, z.astype(np.float64), y)
    error = abs(result - wanted) / np.maximum(1, abs(wanted))
    assert 1e-8 < error.max() < 1e-4


@pytest.mark.parametrize("step_size", [STEP_SIZE, 1.0])
@pytest.mark.parametrize("kind", KNOT_KINDS)
def test_the_inverse_undoes_the_steps(kind: Callable[..., Array], step_size: float):
    steps = make_steps(kind, 6, 3, 4, step_size)
    z, y = hard_codes(steps, 300)
    there = apply(steps, z, y, torch.float64)
    np.testing.assert_allclose(apply(steps, there, y, torch.float64, inverse=True), z, 1e-6, 1e-6)


def test_no_steps_and_no_codes():
    steps = make_steps(even, 2, 3, 4)
    z, y = hard_codes(steps, 100)
    axes, directions, source, target, step_size = steps
    none = Steps(axes[:0], directions[:0], source[:0], target[:0], step_size)
    np.testing.assert_array_equal(apply(none, z, y, torch.float64), z)
    assert apply(steps, z[:0], y[:0], torch.float32).shape == (0, 4)


# --------------------------------------------------------------- the same bits, whatever the batch


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("kind", "d"), [(even, 5), (crowded, 3), (unlike, 16)])
def test_a_code_does_not_depend_on_its_batch(
    kind: Callable[..., Array], d: int, dtype: Any, monkeypatch: pytest.MonkeyPatch
):
    steps = make_steps(kind, 12, 4, d)
    z, y = hard_codes(steps, 3000)
    every = apply(steps, z, y, dtype)
    rng = np.random.default_rng(2)
    for n in (1, 2, 7, BLOCK_CODES, BLOCK_CODES + 1, 500, 2000):
        rows = rng.choice(len(z), n, replace=False)
        np.testing.assert_array_equal(apply(steps, z[rows], y[rows], dtype), every[rows])
    # Nor on whether the tables of all classes are kept, nor on the threads.
    monkeypatch.setattr(step_tables, "MAX_KEPT_BYTES", 0)
    np.testing.assert_array_equal(apply(steps, z, y, dtype), every)
    first = y == 0
    np.testing.assert_array_equal(apply(steps, z[first], y[first], dtype), every[first])


def test_threads_change_nothing_and_their_number_stays():
    steps = make_steps(even, 10, 3, 16)
    z, y = hard_codes(steps, 5000)
    results: list[Array] = []
    before = torch.get_num_threads()
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            results.append(apply(steps, z, y, torch.float32))
            assert torch.get_num_threads() == n
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(results[0], results[1])


# ------------------------------------------------------------------------- tables and their module


@pytest.fixture
def alignment(monkeypatch: pytest.MonkeyPatch) -> Alignment:
    monkeypatch.setattr("wvae.nn.sliced_ot._predictable", lambda *_: True)
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((600, 3)), np.arange(600) % 2
    z[y == 1] = abs(z[y == 1])
    config = Config(d_rest=3, alignment_steps=8)
    return Alignment(config, 2).fit(z, np.full(z.shape, 0.03), y)


def codes(n: int = 200) -> tuple[Tensor, Tensor]:
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(0)), torch.arange(n) % 2


def test_changed_steps_are_noticed(alignment: Alignment):
    z, y = codes()
    before = alignment(z, y)
    back = alignment.inverse(before, y)
    assert torch.equal(alignment(z, y), before)
    changes: list[Callable[[], Any]] = [
        lambda: alignment.target.mul_(1.5),
        lambda: setattr(alignment, "step_size", 0.1),
        lambda: alignment.allocate_steps(3),
    ]
    results = [before]
    for change in changes:
        change()
        results.append(alignment(z, y))
        assert (alignment.inverse(results[-1], y) - z).abs().max() < 1e-4
    assert (back - z).abs().max() < 1e-4
    for earlier, later in pairwise(results):
        assert (earlier - later).abs().max() > 1e-3


def test_copies_and_files_hold_no_tables(alignment: Alignment):
    z, y = codes()
    names, size = list(alignment.state_dict()), len(pickle.dumps(alignment))
    aligned = alignment(z, y)
    assert list(alignment.state_dict()) == names
    assert len(pickle.dumps(alignment)) == size
    for again in (copy.deepcopy(alignment), pickle.loads(pickle.dumps(alignment))):
        assert torch.equal(again(z, y), aligned)


def test_the_dtype_of_the_codes_decides_on_the_precision(alignment: Alignment):
    z, y = codes()
    single, double = alignment(z, y), alignment(z.double(), y)
    assert single.dtype == torch.float32
    assert double.dtype == torch.float64
    error = (single - double).abs().max()
    assert 0 < error < 1e-5
