"""Several processes take the same steps as one: losses, weights and the model folder, whatever the objective."""

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
from wvae.nn import distributed as processes
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loop import train

pytest.importorskip("accelerate")

SMALL: dict[str, Any] = {
    "d_label": 2,
    "d_rest": 3,
    "width": 16,
    "depth": 1,
    "epochs": 2,
    "batch_size": 64,
}
SMALL |= {"learning_rate": 2e-3, "device": "cpu"}
PARTS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "plain": ({}, (8, 8)),
    "augmented": ({"augment": 0.7, "backbone": "conv"}, (12, 12)),
    "adversary": ({"separation": "adversary", "separation_weight": 30.0}, (8, 8)),
    "swap": ({"separation": "swap", "separation_weight": 1.0}, (8, 8)),
    "hsic": ({"separation": "hsic", "separation_weight": 30.0}, (8, 8)),
    "covariance": ({"separation": "covariance", "separation_weight": 300.0}, (8, 8)),
    "photo": ({"augment": 0.5}, (3, 12, 12)),  # its batch normalisation is of the whole batch
}


def planted(shape: tuple[int, ...], n: int = 193) -> Examples:
    """Return examples whose last batch, of 64, has a single one: fewer than there are processes."""
    rng = np.random.default_rng(0)
    y, patterns = rng.integers(0, 4, n), rng.random((4, *shape)) > 0.6
    x = (200 * patterns[y] + rng.integers(0, 55, (n, *shape))).astype(np.uint8)
    return Examples(x, y, rng.random(n) + 0.5 if shape == (8, 8) else None)


def learnt() -> dict[str, Any]:
    """Train every part, and return its losses and weights."""
    found = {}
    for name, (changes, shape) in PARTS.items():
        data = planted(shape)
        if changes.get("separation"):
            data.weight = None
        model = build_model(Config(**{**SMALL, **changes}), shape, 4)
        history = train(model, data)
        # A bias before a batch normalisation has no effect: its gradient is rounding, of which Adam makes steps.
        idle = {"trunk.1.bias", "trunk.4.bias"} if name == "photo" else set[str]()
        kept = [p.detach().flatten() for which, p in model.named_parameters() if which not in idle]
        weights = torch.cat(kept).tolist()
        found[name] = {"losses": [row["train.loss"] for row in history], "weights": weights}
        found[name]["separation"] = history[-1].get("train.separation")
    return found


def collected() -> dict[str, Any]:
    """Return what the collective operations make of 2 + rank rows on every process, and their gradients."""
    k = processes.rank()
    x = torch.full((2 + k, 3), k + 1.0, requires_grad=True)
    rows = processes.all_gather_rows(x)
    (rows.square() * (k + 1)).sum().backward()  # each process has another function of the same rows
    y = torch.tensor(k + 1.0, requires_grad=True)
    total = processes.all_reduce_sum(y)
    (total.square() * (k + 1)).backward()
    assert x.grad is not None
    assert y.grad is not None
    found = {"rows": rows, "total": total, "rows_gradient": x.grad, "total_gradient": y.grad}
    labels = processes.all_gather_rows(torch.full((2 + k,), k))
    return {name: value.tolist() for name, value in (found | {"labels": labels}).items()}


def launched(*arguments: str, cwd: Path, n: int = 2) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "torch.distributed.run",
        f"--nproc-per-node={n}",
        *arguments,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    folder = tmp_path_factory.mktemp("processes")
    done = launched(str(Path(__file__).resolve()), str(folder / "two.json"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return learnt(), json.loads((folder / "two.json").read_text())


@pytest.mark.parametrize("part", PARTS)
def test_two_processes_take_the_same_steps_as_one(
    both: tuple[dict[str, Any], dict[str, Any]], part: str
):
    one, two = (found[part] for found in both)
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-5)
    np.testing.assert_allclose(two["weights"], one["weights"], atol=2e-5)


@pytest.mark.parametrize("part", ["adversary", "swap", "hsic", "covariance"])
def test_terms_of_whole_batches_weigh_enough_to_be_seen(
    both: tuple[dict[str, Any], dict[str, Any]], part: str
):
    found = both[0][part]
    assert found["separation"] > 1e-3 * found["losses"][-1]


def test_two_processes_write_the_same_model_folder_as_one(tmp_path: Path):
    data = planted((8, 8), 300)
    np.savez(tmp_path / "planted.npz", x=data.x, y=data.y)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    flags += ["--alignment-steps=3", "--finetune-epochs=1", "--quiet", "--label=y"]
    done = launched("-m", "wvae", "fit", "planted.npz", "--out=two", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["two"]  # said once
    alone = subprocess.run(
        [sys.executable, "-m", "wvae", "fit", "planted.npz", "--out=one", *flags],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert alone.returncode == 0, alone.stderr
    one, two = load(str(tmp_path / "one")), load(str(tmp_path / "two"))
    assert one.config_ == two.config_
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == sorted(
        p.name for p in (tmp_path / "one").iterdir()
    )
    for a, b in zip(one.encode(data.x), two.encode(data.x), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)
    assert not (tmp_path / "two.partial").exists()


def test_collective_operations_and_their_gradients(both: tuple[dict[str, Any], dict[str, Any]]):
    found = both[1]["collected"]  # on the first of two processes
    assert found["rows"] == 2 * [[1.0] * 3] + 3 * [[2.0] * 3]
    assert found["labels"] == [0, 0, 1, 1, 1]
    assert found["rows_gradient"] == 2 * [
        [2 * (1.0 + 2.0)] * 3
    ]  # 2 x, times the sum of both processes' weights
    assert found["total"] == 3.0
    assert found["total_gradient"] == 2 * 3.0 * (1.0 + 2.0)


def test_slices_cover_a_batch_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "world_size", lambda: 3)
    for n in (1, 2, 3, 64, 65):
        slices = []
        for k in range(3):
            monkeypatch.setattr(processes, "rank", lambda k=k: k)
            slices.append(processes.rank_slice(n))
        assert sum(each.weight for each in slices) == pytest.approx(1)
        rows = [row for each in slices for row in range(n)[each.rows]]
        assert rows == list(range(n)) * (3 if n < 3 else 1)


def test_without_a_launcher_there_is_one_process():
    processes.init_processes()
    assert (processes.world_size(), processes.rank()) == (1, 0)
    x = torch.ones(2, 3, requires_grad=True)
    assert processes.all_gather_rows(x) is x
    assert processes.all_reduce_sum(x) is x


if __name__ == "__main__":
    processes.init_processes()
    torch.set_num_threads(1)
    results = learnt() | {"collected": collected()}
    if not processes.rank():
        Path(sys.argv[1]).write_text(json.dumps(results))
    processes.shutdown()
