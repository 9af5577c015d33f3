"""Shared fixtures: a synthetic data set with known factors, a model of it, and real files."""

from __future__ import annotations

import os

# Torch is imported below, before wvae: see `wvae._limit_spinning`. One thread for every library and
# for programs that tests start: test processes share the cores.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings

from command_line import Command, Result, run
from reader_cases import Reader
from wvae.datasets import Dataset, load
from wvae.estimator import WVAE
from wvae.nn import sliced_ot

# Numbers must not depend on the number of threads.
torch.set_num_threads(1)

# The same examples in every run. To look for new ones: pytest --hypothesis-profile=default
settings.register_profile("same", derandomize=True)
settings.load_profile("same")

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
    "augment": 0.0,  # slanted patterns of 8 × 8 pixels would be other patterns
    "alignment": "transport",
    "alignment_steps": 120,
    "device": "cpu",
}


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Let a test draw the same numbers in any order of tests, also from PyTorch's own generator."""
    torch.manual_seed(0)


def plant(n_per_pair: int, seed: int = 0) -> Dataset:
    """Return noisy 8 × 8 images: the label determines the upper half, the writer the lower half.

    Each of the 4 × 5 pairs of label and writer occurs `n_per_pair` times.
    """
    patterns = np.random.default_rng(99)
    upper = patterns.random((len(LABELS), 4, 8)) < 0.5
    lower = patterns.random((WRITERS, 4, 8)) < 0.5
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(np.tile(np.arange(len(LABELS) * WRITERS), n_per_pair))
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
    """Hyper-parameters with which a model of the planted data is good after a second."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def fitted(planted: Dataset) -> WVAE:
    """A model of the planted data; tests must not change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sliced_ot, "PROBE_STEPS", 200)  # most of the time would be spent in probes
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
def restored_signals() -> Iterator[None]:
    """Restore what the command line changes, so that Ctrl-C still stops the tests."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    restored_signals: None,
) -> Command:
    """Run the command line in tmp_path, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WVAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def run_and_capture(*arguments: object) -> Result:
        capsys.readouterr()
        code = run(*arguments)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run_and_capture


@pytest.fixture
def no_temporaries(tmp_path: Path) -> Callable[[], None]:
    """Return a check that no temporary files are left in tmp_path."""

    def check() -> None:
        names = [p.name for p in tmp_path.rglob("*") if p.name.endswith((".part", ".old"))]
        assert names == []

    return check


@pytest.fixture
def reader() -> Reader:
    """A function that opens data and keeps its log."""
    return Reader()
