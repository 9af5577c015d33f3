"""What several rooms' tests share: a planted data set whose answer is known, one model of it, and real files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reader_cases import Reader
from wvae.datasets import Dataset, load
from wvae.estimator import WVAE

# One thread: the tests must not fight over cores, and the numbers must not depend on how many there are.
torch.set_num_threads(1)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
LABELS, WRITERS = ("ant", "bee", "cat", "dog"), 5
SMALL: dict[str, Any] = {
    "d_label": 3,
    "d_rest": 3,
    "backbone": "mlp",
    "width": 48,
    "depth": 1,
    "epochs": 25,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "rest_kl_weight": 1.0,
    "augment": 0.0,  # slanted, the patterns of 8×8 pixels are other patterns
    "alignment_steps": 120,
    "device": "cpu",
}


def plant(each: int, seed: int = 0) -> Dataset:
    """Draw 8×8 images: the label decides the upper half, the writer the lower one, and noise the rest.

    Each of the 4 × 5 pairs of label and writer occurs `each` times.
    """
    patterns = np.random.default_rng(99)
    upper, lower = (
        patterns.random((len(LABELS), 4, 8)) < 0.5,
        patterns.random((WRITERS, 4, 8)) < 0.5,
    )
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(np.tile(np.arange(len(LABELS) * WRITERS), each))
    label, writer = np.divmod(pairs, WRITERS)
    clean = np.concatenate([upper[label], lower[writer]], 1) * 0.8 + 0.1  # (n, 8, 8)
    x = (255 * (clean + rng.normal(0, 0.05, clean.shape)).clip(0, 1)).astype(np.uint8)
    return Dataset(
        x, np.array(LABELS)[label], {"writer": writer}, name="planted", label_name="animal"
    )


@pytest.fixture(scope="session")
def planted() -> Dataset:
    return plant(20)


@pytest.fixture(scope="session")
def planted_test() -> Dataset:
    return plant(5, seed=1)


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """Hyper-parameters that learn the planted data in a second."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def fitted(planted: Dataset) -> WVAE:
    """A model of the planted data; tests must not change it."""
    return WVAE(**SMALL).fit(planted.x, planted.y)


@pytest.fixture(scope="session")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    if "WVAE_MIRROR" not in os.environ and not (SHARED / "mnist").is_dir():
        pytest.skip("neither WVAE_MIRROR nor ../shared/data holds MNIST")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WVAE_MIRROR", os.environ.get("WVAE_MIRROR", str(SHARED)))
        patch.setenv("WVAE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return load("mnist", progress=False)


@pytest.fixture(scope="session")
def original_model() -> Path:
    path = SHARED / "wvae-original" / "model1.model"
    if not path.is_file():
        pytest.skip("the original's weights are not in ../shared/data")
    return path


@pytest.fixture
def no_temporaries(tmp_path: Path) -> Callable[[], None]:
    """Give a check that nothing half-written is left in tmp_path."""

    def check() -> None:
        left = [p.name for p in tmp_path.rglob("*") if p.name.endswith((".part", ".old"))]
        assert left == []

    return check


@pytest.fixture
def reader() -> Reader:
    """Return what opens data and keeps its log."""
    return Reader()
