"""The loop: it learns, it repeats itself to the bit, it goes on where it stopped, and it says when it cannot."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from wvae.config import Config
from wvae.datasets import Dataset
from wvae.io.files import ModelFileError, write_tensors
from wvae.model import SplitVAE
from wvae.nn.distributed import rank_slice
from wvae.training import checkpoint, examples
from wvae.training import loop as training
from wvae.training.diagnostics import TrainingWarning
from wvae.training.initialise import build_model
from wvae.training.loop import Examples, Row, TrainingError, evaluate, train


@pytest.fixture(scope="module")
def data(planted: Dataset) -> Examples:
    return Examples(planted.x, np.unique(planted.y, return_inverse=True)[1])


@pytest.fixture(scope="module")
def config() -> Config:
    small: dict[str, Any] = {
        "d_label": 2,
        "d_rest": 3,
        "width": 16,
        "depth": 1,
        "epochs": 4,
        "batch_size": 64,
    }
    small |= {
        "backbone": "mlp",
        "augment": 0.0,
        "style_weight": 1.0,
    }  # patterns of 8×8 pixels have little style
    return Config(**small, learning_rate=2e-3, rest_kl_weight=1.0, device="cpu")


def fresh(config: Config, **changes: Any) -> SplitVAE:
    return build_model(replace(config, **changes), (8, 8), 4)


def weights(model: SplitVAE) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


class StopError(Exception):
    """Stands for Ctrl-C."""


def stop_after(epoch: int) -> Callable[[Row], None]:
    def on_epoch(row: Row) -> None:
        if row["epoch"] > epoch:
            raise StopError

    return on_epoch


@pytest.mark.parametrize(("backbone", "nats"), [("mlp", 29), ("article", 29), ("conv", 36)])
def test_it_learns(data: Examples, config: Config, backbone: str, nats: float):
    model = fresh(
        config, backbone=backbone, d_label=3, width=48, epochs=25, batch_size=32, learning_rate=1e-2
    )
    before = evaluate(model, data)
    history = train(model, data)
    after = evaluate(model, data)
    # The best picture costs 40.9 nats without codes, 30.9 if it knows the label, 20.8 if it knows the writer as well.
    assert after["loss"] < 0.5 * before["loss"]
    assert after["reconstruction"] < nats
    assert after["accuracy"] == 1
    assert history[-1]["train.loss"] < 0.7 * history[0]["train.loss"]


def test_nothing_is_learnt_from_shuffled_labels(data: Examples, config: Config):
    wrong = Examples(data.x, np.random.default_rng(0).permutation(data.y))
    model = fresh(config, epochs=12, learning_rate=1e-2)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", TrainingWarning
        )  # which tell so, or not: see test_diagnosis
        train(model, wrong)
    assert evaluate(model, data)["accuracy"] < 0.6


def test_history_has_a_row_for_each_epoch_with_every_term(data: Examples, config: Config):
    seen: list[Row] = []
    model = fresh(config, separation="covariance", separation_weight=1.0)
    history = train(model, data, test=data, on_epoch=seen.append)
    assert history == seen
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    terms = {
        "reconstruction",
        "kl_label",
        "kl_rest",
        "classification",
        "separation",
        "style",
        "loss",
        "accuracy",
    }
    for row in history:
        assert set(row) == {"epoch", "seconds"} | {
            f"{part}.{term}" for part in ("train", "test") for term in terms
        }
        for part in ("train", "test"):
            parts = sum(row[f"{part}.{term}"] for term in terms - {"loss", "accuracy"})
            assert parts == pytest.approx(row[f"{part}.loss"], rel=1e-5)


def test_same_seed_same_weights_and_another_seed_others(data: Examples, config: Config):
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(runs))  # the global generator must have no say
        model = fresh(config, random_state=seed)
        runs.append(
            (weights(model), [row["train.loss"] for row in train(model, data)], weights(model))
        )
    assert torch.equal(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert torch.equal(runs[0][2], runs[1][2])
    assert not torch.equal(runs[0][0], runs[2][0])
    assert not torch.equal(runs[0][2], runs[2][2])


def test_global_random_states_are_left_alone(data: Examples, config: Config):
    ours, numpys = torch.random.get_rng_state(), str(np.random.get_state())  # noqa: NPY002
    train(fresh(config, epochs=1), data)
    assert torch.equal(torch.random.get_rng_state(), ours)
    assert str(np.random.get_state()) == numpys  # noqa: NPY002


def test_watching_a_test_set_does_not_change_the_training(data: Examples, config: Config):
    a, b = fresh(config), fresh(config)
    train(a, data)
    train(b, data, test=Examples(data.x[:37], data.y[:37]))
    assert torch.equal(weights(a), weights(b))


PARTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "augmented": {"augment": 0.7, "backbone": "conv"},
    "adversary": {"separation": "adversary", "separation_weight": 1.0, "augment": 0.5},
    "swap": {"separation": "swap", "separation_weight": 1.0},
    "hsic": {"separation": "hsic", "separation_weight": 1.0},
    "article": {
        "backbone": "article",
        "style_weight": 0.0,
        "label_prior": "standard",
        "decoder_label_input": "code",
    },
}


@pytest.mark.parametrize("stop", [1, 2])
@pytest.mark.parametrize("part", PARTS)
def test_a_resumed_run_equals_an_unbroken_one_to_the_bit(
    data: Examples,
    config: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop: int,
    part: str,
):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(
        training, "CRITIC_RESET", 2
    )  # so that it falls before, at and after the break
    config = replace(config, **PARTS[part])
    whole, broken, resumed = fresh(config), fresh(config), fresh(config)
    history = train(whole, data)
    with pytest.raises(StopError):
        train(broken, data, checkpoint=tmp_path / "c", on_epoch=stop_after(stop))
    assert not torch.equal(weights(broken), weights(whole))
    epochs: list[float] = []
    again = train(
        resumed, data, checkpoint=tmp_path / "c", on_epoch=lambda row: epochs.append(row["epoch"])
    )
    assert epochs == list(range(stop + 1, 5))  # the epochs before were not repeated
    assert torch.equal(weights(resumed), weights(whole))
    assert all(
        torch.equal(v, whole.state_dict()[n]) for n, v in resumed.state_dict().items()
    )  # buffers, too
    for one, other in zip(again, history, strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}


@pytest.mark.parametrize("part", PARTS)
def test_a_last_batch_of_one_example_and_blank_images_do_no_harm(
    data: Examples, config: Config, part: str
):
    x, y = data.x[:65].copy(), data.y[:65]  # batches of 64 and of 1
    x[y == 0] = 0
    x[:2] = 255
    model = fresh(config, **PARTS[part])
    train(model, Examples(x, y))
    assert weights(model).isfinite().all()
    assert all(v.isfinite().all() for v in model.state_dict().values())


def test_style_is_relative_to_each_labels_own(data: Examples, config: Config):
    model = fresh(config, epochs=1)
    train(model, data)
    x, y = data.batch(slice(None), torch.device("cpu"))
    found = model.style.features(x)
    for k in range(4):
        torch.testing.assert_close(model.style.mean[k], found[y == k].mean(0), atol=1e-5, rtol=1e-4)
    relative = model.style.standardise(found, torch.nn.functional.one_hot(y, 4).float())
    assert relative[y == 2].mean(0).abs().max() < 0.1
    assert relative.abs().max() <= 3


def test_a_finished_training_is_not_repeated(data: Examples, config: Config, tmp_path: Path):
    first, second = fresh(config), fresh(config)
    history = train(first, data, checkpoint=tmp_path)
    seen: list[Row] = []
    assert train(second, data, checkpoint=tmp_path, on_epoch=seen.append) == history
    assert seen == []
    assert torch.equal(weights(first), weights(second))
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_a_checkpoint_of_another_config_is_refused_with_what_changed(
    data: Examples, config: Config, tmp_path: Path
):
    train(fresh(config), data, checkpoint=tmp_path)
    with pytest.raises(TrainingError, match="another training") as caught:
        train(fresh(config, epochs=9, learning_rate=1e-3), data, checkpoint=tmp_path)
    message = str(caught.value)
    assert "epochs 4 → 9" in message
    assert "learning_rate 0.002 → 0.001" in message
    assert "width" not in message
    assert str(tmp_path) in message


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "other"])
def test_a_damaged_checkpoint_is_a_clear_error(
    data: Examples, config: Config, tmp_path: Path, damage: str
):
    file = tmp_path / "checkpoint.safetensors"
    train(fresh(config, epochs=1), data, checkpoint=tmp_path)
    whole = file.read_bytes()
    if damage == "other":
        write_tensors(file, {"a": torch.zeros(1)}, {})
    else:
        file.write_bytes(
            {"cut": whole[: len(whole) // 2], "text": b"<html>not found</html>", "empty": b""}[
                damage
            ]
        )
    with pytest.raises(ModelFileError, match=r"checkpoint\.safetensors is damaged") as caught:
        train(fresh(config, epochs=1), data, checkpoint=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_other_data_is_a_clear_error(
    data: Examples, config: Config, tmp_path: Path
):
    train(fresh(config, epochs=1), data, checkpoint=tmp_path)
    other = Examples(data.x[:, :6, :6], data.y)
    with pytest.raises(TrainingError, match="other data") as caught:
        train(build_model(replace(config, epochs=1), (6, 6), 4), other, checkpoint=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_other_labels_is_refused_too(
    data: Examples, config: Config, tmp_path: Path
):
    train(fresh(config, epochs=1), data, checkpoint=tmp_path)
    with pytest.raises(TrainingError, match="other data"):
        train(fresh(config, epochs=1), Examples(data.x, (data.y + 1) % 4), checkpoint=tmp_path)


def test_a_loss_that_is_not_finite_names_term_and_remedy(data: Examples, config: Config):
    x = (data.x / 255).astype(np.float32)
    x[5, 2, 2] = np.nan  # a fault that came after the estimator's check
    with pytest.raises(TrainingError, match="not finite in epoch 1") as caught:
        train(fresh(config), Examples(x, data.y))
    assert "reconstruction" in str(caught.value)
    assert "lower learning_rate (now 0.002)" in str(caught.value)
    assert "kept" not in str(caught.value)


def test_a_learning_rate_that_blows_up_is_told(data: Examples, config: Config):
    model = fresh(config, learning_rate=10.0, schedule="constant", epochs=40)
    with pytest.raises(TrainingError, match="lower learning_rate"):
        train(model, data)


def test_what_was_trained_up_to_the_fault_is_kept(
    data: Examples, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    x = (data.x / 255).astype(np.float32)

    def spoil(row: Row) -> None:
        if row["epoch"] == 2:
            x[:] = np.nan

    with pytest.raises(TrainingError, match="not finite in epoch 3") as caught:
        train(fresh(config), Examples(x, data.y), checkpoint=tmp_path / "c", on_epoch=spoil)
    assert str(tmp_path / "c") in str(caught.value)
    resumed = fresh(config)
    x[:] = data.x / 255
    train(resumed, Examples(x, data.y), checkpoint=tmp_path / "c")
    assert weights(resumed).isfinite().all()


def test_no_checkpoint_is_promised_where_none_was_written(
    data: Examples, config: Config, tmp_path: Path
):
    x = np.full(data.x.shape, np.nan, np.float32)
    with pytest.raises(TrainingError) as caught:
        train(fresh(config), Examples(x, data.y), checkpoint=tmp_path / "c")
    assert "kept" not in str(caught.value)


class Fixed(torch.nn.Module):
    """Stands for a model: the mean of the batch is its loss."""

    uses_style, centred, likelihood = False, False, "bernoulli"

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.weight = config, torch.nn.Parameter(torch.zeros(1))

    def augmented(self, x: torch.Tensor, generator: object, own: object) -> torch.Tensor:
        return x

    def forward(
        self, x: torch.Tensor, y: torch.Tensor, noise: object, weights: object
    ) -> dict[str, torch.Tensor]:
        return {"loss": x.mean() + 0 * self.weight.sum()}


def test_a_smaller_last_batch_counts_by_its_examples(config: Config):
    x = np.zeros((10, 2, 2), np.float32)
    x[:3] = 1
    # Batches of 8 and 2: a mean of batch means would be right by chance only.
    model: Any = Fixed(replace(config, batch_size=8, epochs=4))
    for row in train(model, Examples(x, np.zeros(10, np.int64))):
        assert row["train.loss"] == pytest.approx(0.3)


def test_evaluate_counts_a_smaller_last_batch_too(
    data: Examples, config: Config, monkeypatch: pytest.MonkeyPatch
):
    model = fresh(config)
    whole = evaluate(model, Examples(data.x[:70], data.y[:70]))
    monkeypatch.setattr(examples, "EVALUATION_BATCH", 64)
    monkeypatch.setattr(
        training, "batches", lambda n: (slice(s, min(s + 64, n)) for s in range(0, n, 64))
    )
    parts = evaluate(model, Examples(data.x[:70], data.y[:70]))
    for term in ("kl_label", "kl_rest", "accuracy"):  # these have no noise in them
        assert parts[term] == pytest.approx(whole[term], rel=1e-6)


def test_evaluate_is_deterministic_and_leaves_the_model_alone(data: Examples, config: Config):
    model = fresh(config)
    before = weights(model)
    torch.manual_seed(1)
    first = evaluate(model, data, prefix="p.")
    torch.manual_seed(2)
    assert evaluate(model, data, prefix="p.") == first
    assert all(name.startswith("p.") for name in first)
    assert torch.equal(weights(model), before)


def test_evaluate_averages_over_samples(data: Examples, config: Config):
    model = fresh(config)
    few = Examples(data.x[:40], data.y[:40])
    one, two, default = (evaluate(model, few, samples=s) for s in (1, 2, None))
    assert one["reconstruction"] != two["reconstruction"]
    assert one["kl_rest"] == pytest.approx(two["kl_rest"])
    assert evaluate(model, few, samples=config.test_samples) == default
    # By hand: the mean over two draws of the same noise.
    x, y = few.batch(slice(None), torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        draws = [
            model(x, y, training.draw_noise(config, rank_slice(40), generator)) for _ in range(2)
        ]
    assert two["loss"] == pytest.approx(np.mean([float(d["loss"]) for d in draws]), rel=1e-6)


def rates(config: Config, data: Examples, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the step size of every step."""
    seen: list[float] = []
    original = torch.optim.Adam.step

    def step(self: torch.optim.Adam, *args: Any, **kwargs: Any) -> Any:
        seen.append(self.param_groups[0]["lr"])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    train(fresh(config), data)
    return seen


def test_one_cycle_rises_to_its_peak_and_falls_to_one_percent(
    data: Examples, config: Config, monkeypatch: pytest.MonkeyPatch
):
    config = replace(config, epochs=10, batch_size=16, learning_rate=0.004)
    seen = rates(config, data, monkeypatch)  # 250 steps
    assert len(seen) == 10 * math.ceil(len(data.x) / 16)
    peak = int(np.argmax(seen))
    assert peak / len(seen) == pytest.approx(0.1, abs=0.01)
    assert seen[0] == pytest.approx(0.04 * 0.004)
    assert max(seen) == pytest.approx(0.004)
    assert seen[-1] == pytest.approx(0.01 * 0.004, rel=0.05)
    assert (np.diff(seen[: peak + 1]) > 0).all()
    assert (np.diff(seen[peak:]) < 0).all()


def test_constant_is_constant(data: Examples, config: Config, monkeypatch: pytest.MonkeyPatch):
    assert set(rates(replace(config, schedule="constant"), data, monkeypatch)) == {0.002}


def test_a_read_only_memory_map_is_read_and_left_alone(
    data: Examples, config: Config, tmp_path: Path
):
    file = tmp_path / "x.npy"
    np.save(file, data.x)
    before = file.read_bytes()
    mapped = np.load(file, mmap_mode="r")
    a, b = fresh(config), fresh(config)
    evaluate(a, Examples(mapped, data.y))  # a warning would be an error here
    train(a, Examples(mapped, data.y))
    train(b, data)
    assert torch.equal(weights(a), weights(b))
    assert file.read_bytes() == before


def test_uint8_and_floats_are_the_same_examples(data: Examples):
    cpu = torch.device("cpu")
    a = data.batch(slice(0, 9), cpu)[0]
    b = Examples((data.x / 255).astype(np.float32), data.y).batch(np.arange(9), cpu)[0]
    assert a.dtype == b.dtype == torch.float32
    assert 0 <= float(a.min()) <= float(a.max()) <= 1
    torch.testing.assert_close(a, b)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told(config: Config):
    with pytest.raises(ValueError, match="no GPU here; take device='auto'"):
        fresh(config, device="cuda")


def test_history_is_written_as_one_object_per_line(tmp_path: Path):
    training.write_history(
        tmp_path / "history.jsonl", [{"epoch": 1.0}, {"epoch": 2.0, "train.loss": 0.1}]
    )
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"epoch": 1.0},
        {"epoch": 2.0, "train.loss": 0.1},
    ]
