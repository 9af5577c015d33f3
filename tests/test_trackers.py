"""Experiment trackers: what is logged, at which steps, and what happens when a training resumes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from command_line import Command
from wvae.config import Config
from wvae.datasets import Dataset
from wvae.training import checkpoint
from wvae.training.checkpoint import CHECKPOINT_FILE
from wvae.workflows import trackers as module
from wvae.workflows.fit import fit_to_folder
from wvae.workflows.trackers import Trackers

pytestmark = pytest.mark.filterwarnings(
    "ignore::wvae.training.diagnostics.TrainingWarning",
    "ignore::DeprecationWarning:tensorboard.*",
    "ignore::DeprecationWarning:google.*",
)


@pytest.fixture
def config(small: dict[str, Any]) -> Config:
    changes: dict[str, Any] = {"epochs": 4, "alignment": "none", "finetune_epochs": 0}
    return Config(**(small | changes))


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return steps and values by name from the event files of one run."""
    events = EventAccumulator(str(folder), purge_orphaned_data=False)
    events.Reload()
    result: dict[str, list[tuple[int, float]]] = {}
    for name in events.Tags()["scalars"]:
        result[name] = [(event.step, event.value) for event in events.Scalars(name)]
    return result


class StopAt:
    """A `Progress` that interrupts the training at an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def task(self, name: str, total: int, later: Any = None) -> Any:
        from contextlib import nullcontext

        def advance(done: int) -> None:
            if name.startswith("training") and done == self.epoch:
                raise KeyboardInterrupt

        return nullcontext(advance)


# ---------------------------------------------------------------------------------- TensorBoard


def test_tensorboard_has_the_rows_of_the_history_and_the_final_scores(
    planted: Dataset, config: Config, tmp_path: Path
):
    out = fit_to_folder(planted, config, tmp_path / "m", trackers=["tensorboard"])
    (run,) = (tmp_path / "tensorboard").iterdir()
    logged = scalars(run)
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    for name in history[0].keys() - {"epoch"}:
        expected = [(int(row["epoch"]), row[name]) for row in history]
        assert [step for step, _ in logged[name]] == [step for step, _ in expected]
        for (_, value), (_, wanted) in zip(logged[name], expected, strict=True):
            assert value == pytest.approx(wanted, rel=1e-5)
    assert logged["final.accuracy"][0][0] == config.epochs
    assert logged["final.accuracy.low"][0][1] < logged["final.accuracy"][0][1]
    assert not (out / "trackers.json").exists()


def test_a_resumed_training_goes_on_with_the_same_run(
    planted: Dataset, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        fit_to_folder(planted, config, tmp_path / "m", progress=StopAt(3), trackers=["tensorboard"])
    (run,) = (tmp_path / "tensorboard").iterdir()
    assert [step for step, _ in scalars(run)["train.loss"]] == [1, 2]
    fit_to_folder(planted, config, tmp_path / "m", trackers=["tensorboard"], resume=True)
    assert [path.name for path in (tmp_path / "tensorboard").iterdir()] == [run.name]
    assert [step for step, _ in scalars(run)["train.loss"]] == [1, 2, 3, 4]


# ---------------------------------------------------------------- what all trackers have in common


class Recorder:
    """A tracker that keeps what it was given in a list that outlives it."""

    calls: list[Any]

    def __init__(self, name: str, run: str | None, parameters: dict[str, Any], near: Path) -> None:
        self.run = run or f"run-{len(self.calls)}"
        self.calls.append(("open", self.run, run is None))

    def log(self, row: dict[str, float], step: int) -> None:
        self.calls.append((self.run, step, row))

    def close(self, *, failed: bool) -> None:
        self.calls.append(("close", failed))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    monkeypatch.setattr(Recorder, "calls", calls, raising=False)
    monkeypatch.setitem(module._TRACKERS, "tensorboard", Recorder)
    return calls


def rows(*epochs: int) -> list[dict[str, float]]:
    return [{"epoch": float(epoch), "train.loss": 10.0 / epoch} for epoch in epochs]


def steps(calls: list[Any]) -> list[tuple[str, int]]:
    return [(call[0], call[1]) for call in calls if isinstance(call[-1], dict)]


def test_an_epoch_that_is_trained_again_is_not_logged_again(recorded: list[Any], tmp_path: Path):
    with Trackers(["tensorboard"], tmp_path / "m", tmp_path, {}) as tracked:
        for row in rows(1, 2, 3):
            tracked.on_epoch(row)
    (tmp_path / CHECKPOINT_FILE).touch()  # of an earlier epoch
    with Trackers(["tensorboard"], tmp_path / "m", tmp_path, {}) as tracked:
        for row in rows(2, 3, 4):
            tracked.on_epoch(row)
    assert steps(recorded) == [("run-0", epoch) for epoch in (1, 2, 3, 4)]


def test_without_a_checkpoint_a_new_run_begins(recorded: list[Any], tmp_path: Path):
    for _ in range(2):
        with Trackers(["tensorboard"], tmp_path / "m", tmp_path, {}) as tracked:
            tracked.on_epoch(rows(1)[0])
    assert [step for _, step in steps(recorded)] == [1, 1]
    assert len({run for run, _ in steps(recorded)}) == 2


def test_a_failed_training_ends_its_runs_as_failed(recorded: list[Any], tmp_path: Path):
    def fail() -> None:
        with Trackers(["tensorboard", "tensorboard"], tmp_path / "m", tmp_path, {}):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert recorded[-1] == ("close", True)
    assert sum(call[0] == "open" for call in recorded) == 1  # a name given twice is one tracker


def test_no_tracker_writes_nothing(tmp_path: Path):
    with Trackers([], tmp_path / "m", tmp_path / "state", {}) as tracked:
        tracked.on_epoch(rows(1)[0])
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------- MLflow and wandb


def fake_mlflow(calls: list[Any]) -> ModuleType:
    fake = ModuleType("mlflow")

    def start_run(run_id: str | None = None, run_name: str | None = None) -> Any:
        calls.append(("start", run_id, run_name))
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id or "id-1"))

    vars(fake).update(
        start_run=start_run,
        log_params=lambda values: calls.append(("parameters", values)),
        log_metrics=lambda row, step: calls.append(("log", step, row)),
        end_run=lambda status: calls.append(("end", status)),
    )
    return fake


def fake_wandb(calls: list[Any], *, logged_in: bool = True) -> ModuleType:
    fake = ModuleType("wandb")

    def init(*, id: str, name: str, resume: str, config: dict[str, Any]) -> Any:  # noqa: A002
        calls.append(("start", id, resume))
        calls.append(("parameters", config))
        return SimpleNamespace(
            id=id,
            log=lambda row, step: calls.append(("log", step, row)),
            finish=lambda exit_code: calls.append(("end", exit_code)),
        )

    vars(fake).update(init=init, login=lambda prompt: logged_in)
    return fake


@pytest.mark.parametrize(
    ("name", "fake", "end"),
    [("mlflow", fake_mlflow, "FINISHED"), ("wandb", fake_wandb, 0)],
)
def test_mlflow_and_wandb_take_the_same_rows(
    name: str,
    fake: Any,
    end: Any,
    planted: Dataset,
    config: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    calls: list[Any] = []
    monkeypatch.setitem(sys.modules, name, fake(calls))
    monkeypatch.delenv("WANDB_MODE", raising=False)
    fit_to_folder(planted, config, tmp_path / "m", trackers=[name])
    logged = [call for call in calls if call[0] == "log"]
    assert [step for _, step, _ in logged] == [1, 2, 3, 4, 4]
    assert "train.loss" in logged[0][2]
    assert "epoch" not in logged[0][2]
    assert "final.accuracy" in logged[-1][2]
    (parameters,) = (call[1] for call in calls if call[0] == "parameters")
    assert parameters["epochs"] == config.epochs
    assert calls[-1] == ("end", end)


@pytest.mark.parametrize("mode", [None, "online", "offline"])
def test_wandb_without_a_login_needs_the_offline_mode(
    mode: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    calls: list[Any] = []
    monkeypatch.setitem(sys.modules, "wandb", fake_wandb(calls, logged_in=False))
    monkeypatch.delenv("WANDB_MODE", raising=False)
    if mode is not None:
        monkeypatch.setenv("WANDB_MODE", mode)
    if mode == "offline":
        with Trackers(["wandb"], tmp_path / "m", tmp_path, {}):
            assert calls[0][0] == "start"
        return
    with pytest.raises(ValueError, match=r"WANDB_MODE=offline"):
        Trackers(["wandb"], tmp_path / "m", tmp_path, {})
    assert calls == []


# ------------------------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("name", "expected"),
    [("tensorbord", ["--log", "tensorboard, mlflow, wandb"]), ("mlflow", ["'wvae[mlflow]'"])],
)
def test_a_tracker_that_cannot_be_used_is_one_line_before_the_data_are_read(
    name: str, expected: list[str], command: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    result = command("fit", "no-such-data.csv", "--log", name)
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    for words in expected:
        assert words in result.err
    assert "no-such-data" not in result.err
