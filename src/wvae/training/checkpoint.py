"""Checkpoints: one file from which an interrupted training resumes, even in the middle of an epoch.

A resumed training reaches the same weights, bit for bit, as an uninterrupted one.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..datasets.temporaries import remove_temporaries
from ..io.files import ModelFileError, read_tensors, write_tensors
from ..model import SplitVAE
from ..nn.distributed import check_agreement, rank
from .cuda_graph import GraphedStep
from .diagnostics import TrainingError
from .examples import Examples
from .finite import check_finite_training

Row = dict[str, float]
CHECKPOINT_FILE = "checkpoint.safetensors"
SAVE_EVERY_SECONDS = 5.0
REQUIRED_METADATA = frozenset({"config", "data", "history", "step"})


@dataclass
class RunningMeans:
    """Means of the loss terms over examples.

    The sums are a tensor on the model's device: reading a number from a GPU at every step would
    stall it.
    """

    names: list[str] = field(default_factory=list[str])
    sums: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    count: int = 0

    def add(self, terms: dict[str, Tensor], weight: float, count: int | None = None) -> None:
        """Add the mean terms of one batch.

        Parameters
        ----------
        terms
            Means over this process's rows of the batch.
        weight
            Number of examples that these means stand for.
        count
            Examples in the batch over all processes; None if `weight` is that number.
        """
        self.add_to_sums(terms, weight)
        self.count += int(weight) if count is None else count

    def add_to_sums(self, terms: dict[str, Tensor], weight: float) -> None:
        """Add the mean terms of one batch to the sums, and leave `count` to the caller."""
        values = torch.stack([value.detach() for value in terms.values()]).double() * weight
        if not self.names:
            self.names, self.sums = list(terms), torch.zeros_like(values)
        self.sums += values  # in place: a recorded step always adds to the same tensor

    def reset(self) -> None:
        """Start again from zero, with the same tensor."""
        self.sums.zero_()
        self.count = 0

    def row(self, prefix: str, sums: Tensor | None = None) -> Row:
        """Return the means by name, with a prefix; `sums` replaces this process's own sums."""
        values = (self.sums if sums is None else sums).tolist()
        row: Row = {}
        for name, value in zip(self.names, values, strict=True):
            row[prefix + name] = value / self.count
        return row


@dataclass
class TrainingState:
    """Everything that changes during training, and so everything that a checkpoint holds."""

    model: SplitVAE
    optimiser: torch.optim.Optimizer
    generator: torch.Generator
    history: list[Row] = field(default_factory=list[Row])
    # ``"best.…"``: the weights of the epoch with the smallest validation loss
    best: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    step: int = 0  # batches of the current epoch that are done
    means: RunningMeans = field(default_factory=RunningMeans)  # over these batches
    seconds: float = 0.0  # that these batches took
    graphed_step: GraphedStep | None = None  # on a GPU that holds all examples

    @property
    def started(self) -> bool:
        """Whether any step was taken."""
        return bool(self.history or self.step)

    def check_finite(self, epoch: int, hint: str = "") -> None:
        """Raise a TrainingError if the loss or a weight is not finite."""
        learning_rate = self.model.config.learning_rate
        check_finite_training(
            self.model, self.means.names, self.means.sums, epoch, learning_rate, hint
        )


class Checkpointer:
    """Saves a training state every few seconds. With a folder of None, it saves nothing.

    Parameters
    ----------
    folder
        Created when the first checkpoint is written. If it holds a checkpoint of the same config
        and data, `state` is restored from it.
    state
        The state at the start of the training.
    data
        The training data, which identify the checkpoint.

    Raises
    ------
    TrainingError
        If the checkpoint is of another config or of other data.
    wvae.io.files.ModelFileError
        If the checkpoint is damaged.
    """

    def __init__(self, folder: Path | None, state: TrainingState, data: Examples) -> None:
        self.folder, self.state = folder, state
        self.fingerprint = data.fingerprint() if folder else ""
        self.saved_at = time.monotonic()
        if folder and not rank():
            remove_temporaries(folder)
        if folder and (folder / CHECKPOINT_FILE).exists():
            _restore(folder / CHECKPOINT_FILE, state, self.fingerprint)
        check_agreement("the step they resume at", len(state.history) * 1_000_000 + state.step)

    @property
    def earlier_state(self) -> str:
        """The end of an error message that says where an earlier checkpoint is; may be empty."""
        if self.folder is None or not (self.folder / CHECKPOINT_FILE).exists():
            return ""
        return f"; an earlier state is kept in {self.folder}"

    @property
    def should_save(self) -> bool:
        """Whether `SAVE_EVERY_SECONDS` have passed since the last save."""
        if self.folder is None:
            return False
        return time.monotonic() - self.saved_at > SAVE_EVERY_SECONDS

    def save(self) -> None:
        """Write the state, if this is the first of the processes.

        Raises
        ------
        TrainingError
            If the file cannot be written; an earlier checkpoint is left as it was.
        """
        self.saved_at = time.monotonic()
        if self.folder is None or rank():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        metadata: dict[str, str] = {}
        for name, value in _metadata(self.state, self.fingerprint).items():
            metadata[name] = json.dumps(value)
        try:
            # One file, replaced in one step: weights, moments, noise and history always match.
            write_tensors(self.folder / CHECKPOINT_FILE, _tensors(self.state), metadata)
        except OSError as error:
            raise TrainingError(
                f"no checkpoint could be written ({error}){self.earlier_state}: "
                "free space and repeat the command"
            ) from error


def _tensors(state: TrainingState) -> dict[str, Tensor]:
    """Return all tensors of a state by name."""
    tensors = {"generator": state.generator.get_state(), "means": state.means.sums}
    tensors |= state.best
    for name, value in state.model.state_dict().items():
        tensors[f"model.{name}"] = value
    for index, moments in state.optimiser.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimiser.{index}.{name}"] = value
    return tensors


def _metadata(state: TrainingState, fingerprint: str) -> dict[str, Any]:
    """Return everything else of a state, as JSON can hold it."""
    return {
        "config": asdict(state.model.config),
        "data": fingerprint,
        "history": state.history,
        "step": state.step,
        "seconds": state.seconds,
        "terms": state.means.names,
        "count": state.means.count,
    }


def _restore(file: Path, state: TrainingState, fingerprint: str) -> None:
    """Set a state to that of a checkpoint file."""
    tensors, text = read_tensors(file)
    if not text.keys() >= REQUIRED_METADATA:
        raise ModelFileError(f"{file} is damaged or no checkpoint: delete it to start from scratch")
    metadata: dict[str, Any] = {name: json.loads(value) for name, value in text.items()}
    _check_same_training(file, metadata, state, fingerprint)
    state.model.load_state_dict(_with_prefix(tensors, "model."))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _with_prefix(tensors, "optimiser.").items():
        index, moment = name.split(".")
        moments.setdefault(int(index), {})[moment] = value
    parameter_groups = state.optimiser.state_dict()["param_groups"]
    state.optimiser.load_state_dict({"state": moments, "param_groups": parameter_groups})
    state.generator.set_state(tensors["generator"])
    device = next(state.model.parameters()).device
    for name, value in _with_prefix(tensors, "best.").items():
        state.best[f"best.{name}"] = value.to(device)
    state.history, state.step = metadata["history"], metadata["step"]
    state.seconds = metadata["seconds"]
    state.means = RunningMeans(metadata["terms"], tensors["means"].to(device), metadata["count"])


def _check_same_training(
    file: Path, metadata: dict[str, Any], state: TrainingState, fingerprint: str
) -> None:
    """Raise a TrainingError if a checkpoint is of another config or of other data."""
    old, new = metadata["config"], asdict(state.model.config)
    changed = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    if changed:
        differences = [f"{name} {old.get(name)!r} → {new.get(name)!r}" for name in changed]
        raise TrainingError(
            f"{file} is of another training ({', '.join(differences)}): "
            "go on with its config, or delete it"
        )
    if metadata["data"] != fingerprint:
        raise TrainingError(
            f"{file} is of a training on other data: go on with those, or delete it"
        )


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without it."""
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
