"""The training loop: it learns, is reproducible, resumes to the bit, and reports divergence."""

from __future__ import annotations

import json
import time
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
from wvae.training import checkpoint, examples, loop
from wvae.training.checkpoint import Checkpointer, Row, TrainingState
from wvae.training.diagnostics import TrainingError, TrainingWarning
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loop import evaluate, train
from wvae.training.schedule import make_optimiser

# Small models on few epochs; whether the label was learnt is the subject of test_remedies.py.
pytestmark = pytest.mark.filterwarnings(
    "ignore:the label is:wvae.training.diagnostics.TrainingWarning"
)


@pytest.fixture(scope="module")
def data(planted: Dataset) -> Examples:
    return Examples(planted.x, np.unique(planted.y, return_inverse=True)[1])


@pytest.fixture(scope="module")
def config() -> Config:
    return Config(
        d_label=2, d_rest=3, width=16, depth=1, epochs=4, batch_size=64, backbone="mlp",
        augment=0.0, style_weight=1.0,  # patterns of 8×8 pixels have little style
        learning_rate=2e-3, rest_kl_weight=1.0, device="cpu",
    )  # fmt: skip


def build(config: Config, **changes: Any) -> SplitVAE:
    return build_model(replace(config, **changes), (8, 8), 4)


def weights(model: SplitVAE) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


class InterruptError(Exception):
    """Stands for Ctrl-C."""


def interrupt_after(epoch: int) -> Callable[[Row], None]:
    def on_epoch(row: Row) -> None:
        if row["epoch"] > epoch:
            raise InterruptError

    return on_epoch


@pytest.mark.parametrize(("backbone", "nats"), [("mlp", 29), ("article", 29), ("conv", 36)])
def test_it_learns(data: Examples, config: Config, backbone: str, nats: float):
    model = build(
        config, backbone=backbone, d_label=3, width=48, epochs=25, batch_size=32, learning_rate=1e-2
    )
    before = evaluate(model, data)
    history = train(model, data)
    after = evaluate(model, data)
    # The best reconstruction costs 40.9 nats without codes, 30.9 given the label, and 20.8 given
    # the label and the writer.
    assert after["loss"] < 0.5 * before["loss"]
    assert after["reconstruction"] < nats
    assert after["accuracy"] == 1
    assert history[-1]["train.loss"] < 0.7 * history[0]["train.loss"]


def test_shuffled_labels_are_not_predicted(data: Examples, config: Config):
    wrong = Examples(data.x, np.random.default_rng(0).permutation(data.y))
    model = build(config, epochs=12, learning_rate=1e-2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # test_diagnostics is about these
        train(model, wrong)
    assert evaluate(model, data)["accuracy"] < 0.6


def test_history_has_a_row_for_each_epoch_with_every_term(data: Examples, config: Config):
    rows: list[Row] = []
    model = build(config, separation="covariance", separation_weight=1.0)
    history = train(model, data, test=data, on_epoch=rows.append)
    assert history == rows
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


def test_the_seed_alone_decides_the_weights(data: Examples, config: Config):
    initial: list[torch.Tensor] = []
    final: list[torch.Tensor] = []
    losses: list[list[float]] = []
    for run, seed in enumerate((1, 1, 2)):
        torch.manual_seed(run)  # the global generator must have no effect
        model = build(config, random_state=seed, epochs=2)
        initial.append(weights(model))
        losses.append([row["train.loss"] for row in train(model, data)])
        final.append(weights(model))
    assert torch.equal(initial[0], initial[1])
    assert torch.equal(final[0], final[1])
    assert losses[0] == losses[1]
    assert not torch.equal(initial[0], initial[2])
    assert not torch.equal(final[0], final[2])


def test_global_random_states_are_left_alone(data: Examples, config: Config):
    torch_state = torch.random.get_rng_state()
    numpy_state = str(np.random.get_state())  # noqa: NPY002
    train(build(config, epochs=1), data)
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert str(np.random.get_state()) == numpy_state  # noqa: NPY002


def test_a_test_set_does_not_change_the_training(data: Examples, config: Config):
    a, b = build(config, epochs=2), build(config, epochs=2)
    train(a, data)
    train(b, data, test=Examples(data.x[:37], data.y[:37]))
    assert torch.equal(weights(a), weights(b))


CONFIGS: dict[str, dict[str, Any]] = {
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


@pytest.mark.parametrize("name", CONFIGS)
def test_a_resumed_training_equals_an_uninterrupted_one_to_the_bit(
    data: Examples, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    config = replace(config, **CONFIGS[name], epochs=3)
    data = Examples(data.x[:200], data.y[:200])
    whole, interrupted, resumed = build(config), build(config), build(config)
    history = train(whole, data)
    with pytest.raises(InterruptError):
        train(interrupted, data, checkpoint=tmp_path / "c", on_epoch=interrupt_after(1))
    assert not torch.equal(weights(interrupted), weights(whole))
    rows: list[Row] = []
    resumed_history = train(resumed, data, checkpoint=tmp_path / "c", on_epoch=rows.append)
    assert [row["epoch"] for row in rows] == [2, 3]  # epoch 1 is not repeated
    for key, value in whole.state_dict().items():  # buffers, too
        assert torch.equal(resumed.state_dict()[key], value), key
    assert without_seconds(resumed_history) == without_seconds(history)


def test_a_resumed_training_remembers_the_best_epoch(
    data: Examples, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    data = Examples(data.x[:64], data.y[:64])
    losses = [3.0, 1.0, 2.0, 2.0]  # the best epoch is before the interruption
    whole, after = train_with_planned_losses(data, config, monkeypatch, losses)
    assert torch.equal(weights(whole), after[1])
    planned = iter([3.0, 1.0, 2.0, 2.0, 2.0])  # epoch 3 is evaluated twice
    monkeypatch.setattr(loop, "evaluate", lambda *_, **__: {"validation.loss": next(planned)})
    options: dict[str, Any] = {"validation": data, "checkpoint": tmp_path / "c"}
    with pytest.raises(InterruptError):
        train(build(config), data, on_epoch=interrupt_after(2), **options)
    resumed = build(config)
    train(resumed, data, **options)
    assert torch.equal(weights(resumed), weights(whole))


def without_seconds(history: list[Row]) -> list[Row]:
    return [row | {"seconds": 0.0} for row in history]


def test_a_checkpoint_is_due_after_five_seconds(data: Examples, config: Config, tmp_path: Path):
    model = build(config)
    state = TrainingState(model, make_optimiser(model), torch.Generator())
    checkpointer = Checkpointer(tmp_path, state, data)
    checkpointer.saved_at = time.monotonic() - 2.5
    assert not checkpointer.should_save
    checkpointer.saved_at = time.monotonic() - 5.1
    assert checkpointer.should_save
    checkpointer.save()
    assert not checkpointer.should_save
    without_folder = Checkpointer(None, state, data)
    without_folder.saved_at = 0.0
    assert not without_folder.should_save


@pytest.mark.parametrize("name", CONFIGS)
def test_blank_examples_do_not_make_weights_nan(data: Examples, config: Config, name: str):
    x, y = data.x[:65].copy(), data.y[:65]  # the last batch has one example
    x[y == 0] = 0
    x[:2] = 255
    model = build(config, **CONFIGS[name], epochs=2, min_steps_per_epoch=1)
    train(model, Examples(x, y))
    assert weights(model).isfinite().all()
    assert all(value.isfinite().all() for value in model.state_dict().values())


# --------------------------------------------------------------------------------- early stopping


def train_with_planned_losses(
    data: Examples, config: Config, monkeypatch: pytest.MonkeyPatch, losses: list[float]
) -> tuple[SplitVAE, list[torch.Tensor]]:
    """Train with these validation losses, and return the model and its weights after each epoch."""
    planned = iter(losses)
    monkeypatch.setattr(loop, "evaluate", lambda *_, **__: {"validation.loss": next(planned)})
    model, after = build(config), list[torch.Tensor]()
    train(model, data, validation=data, on_epoch=lambda row: after.append(weights(model)))
    return model, after


@pytest.mark.parametrize(("patience", "epochs"), [(1, 4), (2, 5), (3, 9), (9, 9)])
def test_training_stops_after_n_iter_no_change_epochs_without_improvement(
    data: Examples, config: Config, monkeypatch: pytest.MonkeyPatch, patience: int, epochs: int
):
    data = Examples(data.x[:64], data.y[:64])
    config = replace(config, n_iter_no_change=patience, epochs=9, rest_kl_weight=0.1)
    monkeypatch.setattr(loop, "diagnose", lambda *_: {})
    losses = [5.0, 4.0, 3.0, 3.0, 3.5, 2.0, 2.5, 1.0, 1.0]  # an equal loss is no improvement
    best = {4: 3, 5: 3, 9: 8}[epochs]
    model, after = train_with_planned_losses(data, config, monkeypatch, losses)
    assert len(after) == epochs
    assert torch.equal(weights(model), after[best - 1])


# ------------------------------------------------------------------------- checkpoints and faults


def test_a_finished_training_is_not_repeated(data: Examples, config: Config, tmp_path: Path):
    first, second = build(config), build(config)
    history = train(first, data, checkpoint=tmp_path)
    rows: list[Row] = []
    assert train(second, data, checkpoint=tmp_path, on_epoch=rows.append) == history
    assert rows == []
    assert torch.equal(weights(first), weights(second))
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_a_checkpoint_of_another_config_is_rejected_with_the_differences(
    data: Examples, config: Config, tmp_path: Path
):
    train(build(config), data, checkpoint=tmp_path)
    with pytest.raises(TrainingError, match="another training") as caught:
        train(build(config, epochs=9, learning_rate=1e-3), data, checkpoint=tmp_path)
    message = str(caught.value)
    assert "epochs 4 → 9" in message
    assert "learning_rate 0.002 → 0.001" in message
    assert "width" not in message
    assert str(tmp_path) in message


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "other"])
def test_a_damaged_checkpoint_is_an_error_that_names_the_file(
    data: Examples, config: Config, tmp_path: Path, damage: str
):
    file = tmp_path / "checkpoint.safetensors"
    train(build(config, epochs=1), data, checkpoint=tmp_path)
    whole = file.read_bytes()
    if damage == "other":
        write_tensors(file, {"a": torch.zeros(1)}, {})
    else:
        file.write_bytes(
            {"cut": whole[: len(whole) // 2], "text": b"<html>not found</html>", "empty": b""}[
                damage
            ]
        )
    with pytest.raises(ModelFileError, match=r"checkpoint\.safetensors") as caught:
        train(build(config, epochs=1), data, checkpoint=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", ["x", "y", "weight"])
def test_a_checkpoint_of_other_data_is_rejected(
    data: Examples, config: Config, tmp_path: Path, change: str
):
    others = {
        "x": Examples(data.x[:, ::-1], data.y),
        "y": Examples(data.x, (data.y + 1) % 4),
        "weight": Examples(data.x, data.y, np.linspace(0.5, 1.5, len(data.y))),
    }
    train(build(config, epochs=1), data, checkpoint=tmp_path)
    with pytest.raises(TrainingError, match="other data"):
        train(build(config, epochs=1), others[change], checkpoint=tmp_path)


def test_a_loss_that_is_nan_names_the_term_and_the_remedy(
    data: Examples, config: Config, tmp_path: Path
):
    x = (data.x / 255).astype(np.float32)
    x[5, 2, 2] = np.nan  # after the check of the examples
    with pytest.raises(TrainingError, match=r"epoch 1 .*reconstruction") as caught:
        train(build(config), Examples(x, data.y), checkpoint=tmp_path / "c")
    assert "learning_rate (now 0.002)" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)  # there is no checkpoint


def test_a_learning_rate_that_diverges_is_an_error(data: Examples, config: Config):
    model = build(config, learning_rate=10.0, schedule="constant", epochs=40)
    with pytest.raises(TrainingError, match="learning_rate"):
        train(model, data)


def test_the_state_before_a_fault_is_kept(
    data: Examples, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    x = (data.x / 255).astype(np.float32)

    def corrupt(row: Row) -> None:
        if row["epoch"] == 2:
            x[:] = np.nan

    with pytest.raises(TrainingError, match="epoch 3") as caught:
        train(build(config), Examples(x, data.y), checkpoint=tmp_path / "c", on_epoch=corrupt)
    assert str(tmp_path / "c") in str(caught.value)
    resumed = build(config)
    x[:] = data.x / 255
    train(resumed, Examples(x, data.y), checkpoint=tmp_path / "c")
    assert weights(resumed).isfinite().all()


# ------------------------------------------------------------------------------ means, evaluation


class MeanOfBatch(torch.nn.Module):
    """Stands for a model: its loss is the mean of the batch."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.weight = config, torch.nn.Parameter(torch.zeros(1))

    def augment(self, x: torch.Tensor, *_: Any) -> torch.Tensor:
        return x

    def forward(self, x: torch.Tensor, *_: Any) -> dict[str, torch.Tensor]:
        return {"loss": x.mean() + 0 * self.weight.sum()}


def test_every_example_counts_the_same_in_training_means(config: Config):
    x = np.zeros((10, 2, 2), np.float32)
    x[:3] = 1
    # Batches of 8 and 2: a mean of batch means would be 0.3 by chance only.
    model: Any = MeanOfBatch(replace(config, batch_size=8, epochs=4))
    data = Examples(x, np.zeros(10, np.int64))
    for row in train(model, data, initialise=False):
        assert row["train.loss"] == pytest.approx(0.3)


def test_every_example_counts_the_same_in_evaluation_means(
    data: Examples, config: Config, monkeypatch: pytest.MonkeyPatch
):
    model, some = build(config), Examples(data.x[:70], data.y[:70])
    one_batch = evaluate(model, some)
    monkeypatch.setattr(examples, "EVALUATION_BATCH", 64)
    two_batches = evaluate(model, some)
    assert two_batches["loss"] != one_batch["loss"]  # the noise is another
    for term in ("kl_label", "kl_rest", "accuracy"):  # these are without noise
        assert two_batches[term] == pytest.approx(one_batch[term], rel=1e-6)


def test_evaluate_is_deterministic_and_leaves_the_model_alone(data: Examples, config: Config):
    model = build(config)
    before = weights(model)
    torch.manual_seed(1)
    first = evaluate(model, data, prefix="p.")
    torch.manual_seed(2)
    assert evaluate(model, data, prefix="p.") == first
    assert all(name.startswith("p.") for name in first)
    assert torch.equal(weights(model), before)


def test_evaluate_averages_over_samples(data: Examples, config: Config):
    model = build(config)
    few = Examples(data.x[:40], data.y[:40])
    one, two, default = (evaluate(model, few, samples=s) for s in (1, 2, None))
    assert one["reconstruction"] != two["reconstruction"]
    assert one["kl_rest"] == pytest.approx(two["kl_rest"])
    assert evaluate(model, few, samples=config.test_samples) == default
    # The mean over two samples with the same noise:
    x, y = few.batch(slice(None), torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    losses: list[float] = []
    with torch.no_grad():
        for _ in range(2):
            noise = loop.draw_noise(config, rank_slice(40), generator)
            losses.append(float(model(x, y, noise)["loss"]))
    assert two["loss"] == pytest.approx(np.mean(losses), rel=1e-6)


# ------------------------------------------------------------------------------------------ files


def test_a_read_only_memory_map_trains_like_an_array(
    data: Examples, config: Config, tmp_path: Path
):
    file = tmp_path / "x.npy"
    np.save(file, data.x)
    before = file.read_bytes()
    mapped = np.load(file, mmap_mode="r")
    a, b = build(config), build(config)
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


def test_history_is_written_as_one_object_per_line(tmp_path: Path):
    loop.write_history(
        tmp_path / "history.jsonl", [{"epoch": 1.0}, {"epoch": 2.0, "train.loss": 0.1}]
    )
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"epoch": 1.0},
        {"epoch": 2.0, "train.loss": 0.1},
    ]
