"""Training on a GPU: recorded steps are the same steps."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch

from wvae import WVAE
from wvae.config import Config
from wvae.training.checkpoint import RunningMeans
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loader import BatchLoader
from wvae.training.schedule import make_optimiser, set_learning_rate

NO_GPU = not torch.cuda.is_available()


def planted(n: int = 1000) -> Examples:
    rng = np.random.default_rng(0)
    return Examples(rng.integers(0, 256, (n, 8, 8), dtype=np.uint8), np.arange(n) % 3)


def test_rows_on_the_gpu_are_those_of_the_batches() -> None:
    data = planted(20)
    loader = BatchLoader(data, 8, torch.device("cpu"))
    batches = list(loader.batches((0, 1)))
    rows = list(loader.row_batches((0, 1)))
    assert [len(r) for r in rows] == [8, 8, 4]
    for batch, batch_rows in zip(batches, rows, strict=True):
        x, y = loader.gather(batch_rows)
        assert torch.equal(x, batch.x)
        assert torch.equal(y, batch.y)
    skipped = list(loader.row_batches((0, 1), first=1))
    assert [r.tolist() for r in skipped] == [r.tolist() for r in rows[1:]]


def test_means_start_again_with_the_same_tensor() -> None:
    means = RunningMeans()
    means.add({"loss": torch.tensor(2.0)}, 4)
    sums = means.sums
    means.reset()
    means.add({"loss": torch.tensor(3.0)}, 4)
    assert means.sums is sums
    assert means.row("") == {"loss": 3.0}


def test_a_learning_rate_that_is_a_tensor_is_changed_in_place() -> None:
    optimiser = make_optimiser(build_model(Config(width=8, device="cpu"), (8, 8), 3))
    group = optimiser.param_groups[0]
    rate = group["lr"] = torch.tensor(1.0)
    set_learning_rate(optimiser, 0.5, "constant", 0.0)
    assert group["lr"] is rate
    assert float(rate) == 0.5


@pytest.mark.skipif(NO_GPU, reason="there is no GPU here")
@pytest.mark.parametrize("preset", ["best", "article", "quick"])
def test_recorded_steps_reach_the_loss_of_ordinary_ones(
    preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = planted()
    changes = {"device": "cuda", "epochs": 5, "alignment": "none", "finetune_epochs": 1}
    settings = asdict(Config.preset(preset, **changes))  # pyright: ignore[reportArgumentType]
    losses: list[float] = []
    for on_gpu in (True, False):
        if not on_gpu:
            monkeypatch.setattr(BatchLoader, "on_gpu", False)
        model = WVAE(**settings).fit(data.x, data.y)
        losses.append(model.evaluate(data.x, data.y)["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
