"""What the tests of the probes share: random codes and labels, and quick settings of the probes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from wvae.evaluation import probes, regression

Array = np.ndarray

# With several OpenMP threads, gradient boosting on small data takes up to a hundred times as long
# while another program uses a core.
threadpool_limits(1)


def noise(n: int, d: int = 2, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(n, d))


def labels(n: int, classes: int, seed: int = 7) -> Array:
    return np.random.default_rng(seed).integers(classes, size=n)


def nonlinear(pattern: str, n: int) -> tuple[Array, Array]:
    """Return codes, (n, 2), and binary labels that no line separates."""
    z, y = noise(n), labels(n, 2)
    if pattern == "radius":
        z *= np.where(y, 5, 0.5)[:, None]
    elif pattern == "xor":
        z[:, 1] = np.abs(z[:, 1]) * np.sign(z[:, 0]) * np.where(y, 1, -1)
    else:  # stripes
        z[:, 0] = np.random.default_rng(1).integers(3, size=n) * 2 + y + 0.1 * z[:, 0]
    return z, y


def shrink_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the networks small and all training short."""
    monkeypatch.setattr(probes, "LAYERS", (32, 32))
    monkeypatch.setattr(probes, "EPOCHS", 25)
    monkeypatch.setattr(probes, "PATIENCE", 8)
    monkeypatch.setattr(probes, "MAX_ITERATIONS", 40)
    monkeypatch.setattr(regression, "LAYERS", (32, 32))


@contextmanager
def unchanged_global_generators() -> Iterator[None]:
    """Assert that the global generators of NumPy and PyTorch are not used."""
    numpy_before = np.random.get_state(legacy=False)  # noqa: NPY002
    torch_before = torch.random.get_rng_state()
    yield
    np.testing.assert_equal(np.random.get_state(legacy=False), numpy_before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_before)
