"""Experiment trackers: each epoch's terms, hyper-parameters and final scores of a training.

=============  ==========================================  ====================================
tracker        where it writes by default                  what steers it
=============  ==========================================  ====================================
tensorboard    ``tensorboard/RUN`` beside the model        –
mlflow         its own store in the current folder         ``MLFLOW_TRACKING_URI``, ...
wandb          the account that you are logged in to       ``WANDB_MODE``, ``WANDB_PROJECT``, ...
=============  ==========================================  ====================================

A row of the history is logged once, at step ``epoch``, under the names of ``history.jsonl``. What
was logged is noted beside the checkpoint, so a resumed training goes on with the same run.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self, get_args

from ..io.files import write_json
from ..training.checkpoint import CHECKPOINT_FILE

Row = dict[str, float]
TrackerName = Literal["tensorboard", "mlflow", "wandb"]
NAMES: tuple[TrackerName, ...] = get_args(TrackerName)
STATE_FILE = "trackers.json"


class Tracker(Protocol):
    """One run of one tracker. `run` names it, so that a later process can go on with it."""

    run: str

    def log(self, row: Row, step: int) -> None:
        """Record values by name at a step, in a way that survives the end of the process."""
        ...

    def close(self, *, failed: bool) -> None:
        """End the run."""
        ...


class TensorBoard:
    """Event files of TensorBoard, which stay on this machine."""

    def __init__(self, name: str, run: str | None, parameters: dict[str, Any], near: Path) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self.run = run or str(near / "tensorboard" / name)
        self.writer = SummaryWriter(self.run)
        if run is None:
            lines = [f"|{key}|{value}|" for key, value in parameters.items()]
            self.writer.add_text("hyper-parameters", "\n".join(["|name|value|", "|-|-|", *lines]))

    def log(self, row: Row, step: int) -> None:
        """Append to the event file."""
        for key, value in row.items():
            self.writer.add_scalar(key, value, step)
        self.writer.flush()

    def close(self, *, failed: bool) -> None:
        """Close the event file."""
        self.writer.close()


class MLflow:
    """A run of MLflow, in the store and the experiment that its own variables choose."""

    def __init__(self, name: str, run: str | None, parameters: dict[str, Any], near: Path) -> None:
        self.mlflow = import_module("mlflow")
        started = self.mlflow.start_run(run_id=run, run_name=None if run else name)
        self.run = started.info.run_id
        if run is None:
            self.mlflow.log_params(parameters)

    def log(self, row: Row, step: int) -> None:
        """Log metrics."""
        self.mlflow.log_metrics(row, step=step)

    def close(self, *, failed: bool) -> None:
        """End the run."""
        self.mlflow.end_run("FAILED" if failed else "FINISHED")


class WeightsAndBiases:
    """A run of Weights & Biases, in the mode and the project that its own variables choose."""

    def __init__(self, name: str, run: str | None, parameters: dict[str, Any], near: Path) -> None:
        wandb = import_module("wandb")
        mode = os.environ.get("WANDB_MODE", "online")
        # Without a login, wandb.init would ask on the terminal.
        if mode in ("online", "shared") and not wandb.login(prompt=False):
            raise ValueError("wandb has no login: run `wandb login`, or set WANDB_MODE=offline")
        name = run or name
        self.session = wandb.init(id=name, name=name, resume="allow", config=parameters)
        self.run = self.session.id

    def log(self, row: Row, step: int) -> None:
        """Log values."""
        self.session.log(row, step=step)

    def close(self, *, failed: bool) -> None:
        """End the run, and wait until it is stored."""
        self.session.finish(exit_code=int(failed))


_TRACKERS = {"tensorboard": TensorBoard, "mlflow": MLflow, "wandb": WeightsAndBiases}


class Trackers:
    """All trackers of one training; with no names, nothing is logged.

    Parameters
    ----------
    names
        Which trackers.
    out
        The model folder that the training will write; its name is that of the run.
    state
        Folder of the checkpoint, in which to note what was logged. Without a checkpoint the
        training starts again, and so do new runs.
    parameters
        Hyper-parameters by name.

    Raises
    ------
    ValueError
        If a tracker is unknown or has no login.
    ModuleNotFoundError
        If the package of a tracker is not installed.
    """

    def __init__(
        self, names: Sequence[str], out: Path, state: Path, parameters: dict[str, Any]
    ) -> None:
        self.file = state / STATE_FILE
        self.noted: dict[str, Any] = {"runs": {}, "epoch": 0}
        if self.file.exists() and (state / CHECKPOINT_FILE).exists():
            self.noted = json.loads(self.file.read_text(encoding="utf-8"))
        self.open: list[Tracker] = []
        stem = re.sub(r"[^\w.-]+", "-", out.resolve().name)
        name = f"{stem}-{datetime.now():%Y%m%d-%H%M%S}"
        for kind in dict.fromkeys(check_trackers(names)):
            run = self.noted["runs"].get(kind)
            tracker = _TRACKERS[kind](name, run, parameters, out.resolve().parent)
            self.open.append(tracker)
            self.noted["runs"][kind] = tracker.run

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for tracker in self.open:
            tracker.close(failed=error is not None)

    def on_epoch(self, row: Row) -> None:
        """Log a row of the history, unless an earlier process did."""
        epoch = int(row["epoch"])
        if not self.open or epoch <= self.noted["epoch"]:
            return
        values = {key: value for key, value in row.items() if key != "epoch"}
        self.finish(values, epoch)
        self.noted["epoch"] = epoch
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.file, self.noted)

    def finish(self, scores: Row, step: int) -> None:
        """Log values at a step, such as the scores of the finished model at the last epoch."""
        for tracker in self.open:
            tracker.log(scores, step)


def check_trackers(names: Sequence[str]) -> Sequence[str]:
    """Return the names of trackers, or raise an error if one cannot be used.

    Raises
    ------
    ValueError
        If a tracker is unknown.
    ModuleNotFoundError
        If the package of a tracker is not installed.

    Examples
    --------
    >>> check_trackers(["tensorboard"])
    ['tensorboard']
    """
    for name in names:
        if name not in NAMES:
            raise ValueError(f"--log is {name}, expected one of {', '.join(NAMES)}")
        if name not in sys.modules and find_spec(name) is None:
            message = f"{name} is not installed: pip install 'wvae[{name}]'"
            raise ModuleNotFoundError(message, name=name)
    return names
