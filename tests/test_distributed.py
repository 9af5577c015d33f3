"""Training on two processes gives the losses, weights and model folder of one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from wvae import load
from wvae.config import Config
from wvae.nn import distributed
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loop import train

pytest.importorskip("accelerate")

SMALL: dict[str, Any] = {
    "d_label": 2, "d_rest": 3, "width": 16, "depth": 1, "epochs": 2, "batch_size": 64,
    "learning_rate": 2e-3, "device": "cpu",
}  # fmt: skip
CASES: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "plain": ({}, (8, 8)),
    "augmented": ({"augment": 0.7, "backbone": "conv"}, (12, 12)),
    "adversary": ({"separation": "adversary", "separation_weight": 30.0}, (8, 8)),
    "swap": ({"separation": "swap", "separation_weight": 1.0}, (8, 8)),
    "hsic": ({"separation": "hsic", "separation_weight": 30.0}, (8, 8)),
    "covariance": ({"separation": "covariance", "separation_weight": 300.0}, (8, 8)),
    "photo": ({"augment": 0.5}, (3, 12, 12)),  # batch normalisation over the whole batch
}


def planted(shape: tuple[int, ...], n: int = 193) -> Examples:
    """Return examples whose last batch of 64 has one example: fewer than there are processes."""
    rng = np.random.default_rng(0)
    y, patterns = rng.integers(0, 4, n), rng.random((4, *shape)) > 0.6
    x = (200 * patterns[y] + rng.integers(0, 55, (n, *shape))).astype(np.uint8)
    return Examples(x, y, rng.random(n) + 0.5 if shape == (8, 8) else None)


def train_all_cases() -> dict[str, Any]:
    """Train a model of every case, and return its losses and weights."""
    results: dict[str, Any] = {}
    for name, (changes, shape) in CASES.items():
        data = planted(shape)
        if changes.get("separation"):
            data.weight = None
        model = build_model(Config(**{**SMALL, **changes}), shape, 4)
        history = train(model, data)
        # A bias before a batch normalisation has no effect. Its gradient is rounding error, which
        # Adam turns into steps.
        without_effect = {"trunk.1.bias", "trunk.4.bias"} if name == "photo" else set[str]()
        weights = [
            parameter.detach().flatten()
            for key, parameter in model.named_parameters()
            if key not in without_effect
        ]
        results[name] = {
            "losses": [row["train.loss"] for row in history],
            "weights": torch.cat(weights).tolist(),
            "separation": history[-1].get("train.separation"),
        }
    return results


def run_collectives() -> dict[str, Any]:
    """Return the results and gradients of the collective operations on 2 + rank rows each."""
    k = distributed.rank()
    x = torch.full((2 + k, 3), k + 1.0, requires_grad=True)
    rows = distributed.all_gather_rows(x)
    (rows.square() * (k + 1)).sum().backward()  # a different function on each process
    y = torch.tensor(k + 1.0, requires_grad=True)
    total = distributed.all_reduce_sum(y)
    (total.square() * (k + 1)).backward()
    labels = distributed.all_gather_rows(torch.full((2 + k,), k))
    assert x.grad is not None
    assert y.grad is not None
    return {
        "rows": rows.tolist(),
        "total": total.tolist(),
        "rows_gradient": x.grad.tolist(),
        "total_gradient": y.grad.tolist(),
        "labels": labels.tolist(),
    }


def launch(*arguments: str, folder: Path, n: int = 2) -> subprocess.CompletedProcess[str]:
    """Run a program on n processes; with n = 1, without a launcher."""
    command = [sys.executable, "-W", "ignore"]
    if n > 1:
        # --standalone takes a free port: several test runs may share a machine.
        command += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Results of one process and of two processes."""
    folder = tmp_path_factory.mktemp("processes")
    done = launch(str(Path(__file__).resolve()), str(folder / "two.json"), folder=folder)
    assert done.returncode == 0, done.stderr
    return train_all_cases(), json.loads((folder / "two.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_processes_take_the_same_steps_as_one(
    results: tuple[dict[str, Any], dict[str, Any]], case: str
):
    one, two = results[0][case], results[1][case]
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-5)
    np.testing.assert_allclose(two["weights"], one["weights"], atol=2e-5)
    if one["separation"] is not None:  # large enough for the comparison to be about it, too
        assert one["separation"] > 1e-3 * one["losses"][-1]


@pytest.mark.slow
def test_collective_operations_and_their_gradients(
    results: tuple[dict[str, Any], dict[str, Any]],
):
    first = results[1]["collectives"]  # of the first of two processes
    assert first["rows"] == 2 * [[1.0] * 3] + 3 * [[2.0] * 3]
    assert first["labels"] == [0, 0, 1, 1, 1]
    # The gradient of x² is 2 x, times the sum of both processes' factors.
    assert first["rows_gradient"] == 2 * [[2 * (1.0 + 2.0)] * 3]
    assert first["total"] == 3.0
    assert first["total_gradient"] == 2 * 3.0 * (1.0 + 2.0)


@pytest.mark.slow
def test_two_processes_write_the_same_model_folder_as_one(tmp_path: Path):
    data = planted((8, 8), 300)
    np.savez(tmp_path / "planted.npz", x=data.x, y=data.y)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    flags += ["--alignment-steps=3", "--finetune-epochs=1", "--quiet", "--label=y"]
    for n, out in ((1, "one"), (2, "two")):
        command = ["-m", "wvae", "fit", "planted.npz", f"--out={out}", *flags]
        done = launch(*command, folder=tmp_path, n=n)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [out]  # only one process prints
    one, two = load(str(tmp_path / "one")), load(str(tmp_path / "two"))
    assert one.config_ == two.config_
    files = [sorted(path.name for path in (tmp_path / out).iterdir()) for out in ("one", "two")]
    assert files[0] == files[1]
    for a, b in zip(one.encode(data.x), two.encode(data.x), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)
    assert not (tmp_path / "two.partial").exists()


def test_rank_slices_cover_a_batch_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(distributed, "world_size", lambda: 3)
    for n in (1, 2, 3, 64, 65):
        slices = []
        for k in range(3):
            monkeypatch.setattr(distributed, "rank", lambda k=k: k)
            slices.append(distributed.rank_slice(n))
        assert sum(rank_slice.weight for rank_slice in slices) == pytest.approx(1)
        rows: list[int] = []
        for rank_slice in slices:
            rows += range(n)[rank_slice.rows]
        assert rows == list(range(n)) * (3 if n < 3 else 1)


def test_without_a_launcher_there_is_one_process():
    distributed.init_processes()
    assert (distributed.world_size(), distributed.rank()) == (1, 0)
    x = torch.ones(2, 3, requires_grad=True)
    assert distributed.all_gather_rows(x) is x
    assert distributed.all_reduce_sum(x) is x


if __name__ == "__main__":
    distributed.init_processes()
    torch.set_num_threads(1)
    everything = train_all_cases() | {"collectives": run_collectives()}
    if not distributed.rank():
        Path(sys.argv[1]).write_text(json.dumps(everything))
    distributed.shutdown()
    # PyTorch's threads have aborted a finished process in its teardown, once in some thirty runs.
    os._exit(0)
