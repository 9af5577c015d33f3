"""Checkpoints: one file with all that a broken training needs to go on, to the bit, from the middle of an epoch."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..io.files import ModelFileError, read_tensors, remove_temporaries, write_tensors
from ..model import SplitVAE
from ..nn.distributed import check_agreement, rank
from .diagnostics import TrainingError
from .examples import Examples

Row = dict[str, float]
CHECKPOINT_FILE = "checkpoint.safetensors"
SAVE_EVERY_SECONDS = 5.0


@dataclass
class RunningMeans:
    """RunningMeans of terms over examples, kept as a tensor: asking a GPU for a number at every step would stall it."""

    names: list[str] = field(default_factory=list[str])
    sums: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    count: int = 0

    def add(self, terms: dict[str, Tensor], n: float, whole: int | None = None) -> None:
        """Count the means of n examples, in a batch of as many, or of ``whole`` among all processes."""
        values = torch.stack([value.detach() for value in terms.values()]).double() * n
        self.names, self.sums = list(terms), self.sums + values if self.count else values
        self.count += int(n) if whole is None else whole

    def row(self, prefix: str, sums: Tensor | None = None) -> Row:
        """Return the means, by name."""
        values = (self.sums if sums is None else sums).tolist()
        return {
            prefix + name: value / self.count
            for name, value in zip(self.names, values, strict=True)
        }


@dataclass
class TrainingState:
    """All that changes while training: what a checkpoint holds."""

    model: SplitVAE
    optimiser: torch.optim.Optimizer
    generator: torch.Generator
    history: list[Row] = field(default_factory=list[Row])
    best: dict[str, Tensor] = field(
        default_factory=dict[str, Tensor]
    )  # ``"best.…"``: the weights of the best epoch
    step: int = 0  # batches of this epoch that are done
    means: RunningMeans = field(default_factory=RunningMeans)  # over these
    seconds: float = 0.0  # that they took

    @property
    def started(self) -> bool:
        """Whether any step was taken."""
        return bool(self.history or self.step)

    def finite(self) -> bool:
        """Whether it is worth keeping."""
        return bool(self.means.sums.isfinite().all()) and all(
            bool(p.isfinite().all()) for p in self.model.parameters()
        )


class Checkpointer:
    """Keeps a state in a folder, every few seconds; a folder of None keeps nothing.

    Parameters
    ----------
    folder
        Made if it is not there. If it holds a checkpoint of the same config and data, the state becomes what that says.
    state
        As training begins.
    data
        What is trained on.

    Raises
    ------
    TrainingError
        If the checkpoint is of another config, or of other data.
    wvae.io.files.ModelFileError
        If it is damaged.
    """

    def __init__(self, folder: Path | None, state: TrainingState, data: Examples) -> None:
        self.folder, self.state, self.fingerprint = (
            folder,
            state,
            data.fingerprint() if folder else "",
        )
        self.saved = time.monotonic()
        if folder and not rank():
            remove_temporaries(folder)
        if folder and (folder / CHECKPOINT_FILE).exists():
            _restore(folder / CHECKPOINT_FILE, state, self.fingerprint)
        check_agreement("where they are", len(state.history) * 1_000_000 + state.step)

    @property
    def earlier_state(self) -> str:
        """Where an earlier state is kept, for an error's message."""
        there = self.folder and (self.folder / CHECKPOINT_FILE).exists()
        return f"; an earlier state is kept in {self.folder}" if there else ""

    @property
    def should_save(self) -> bool:
        """Whether it is time to keep the state."""
        return self.folder is not None and time.monotonic() - self.saved > SAVE_EVERY_SECONDS

    def save(self) -> None:
        """Write all that it takes to go on, if this is the first of the processes."""
        self.saved = time.monotonic()
        if self.folder is None or rank():
            return
        state = self.state
        tensors = {
            f"model.{name}": value for name, value in state.model.state_dict().items()
        } | state.best
        for index, moments in state.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": value for name, value in moments.items()}
        tensors |= {"generator": state.generator.get_state(), "means": state.means.sums}
        about = {
            "config": asdict(state.model.config),
            "data": self.fingerprint,
            "history": state.history,
        }
        about |= {"step": state.step, "seconds": state.seconds}
        about |= {"terms": state.means.names, "count": state.means.count}
        self.folder.mkdir(parents=True, exist_ok=True)
        # One file, replaced in one step: weights, moments, noise and history always belong together.
        file = self.folder / CHECKPOINT_FILE
        try:
            write_tensors(file, tensors, {name: json.dumps(value) for name, value in about.items()})
        except OSError as error:
            raise TrainingError(
                f"no checkpoint could be written ({error}){self.earlier_state}: free space and repeat the command"
            ) from error


def _restore(file: Path, state: TrainingState, fingerprint: str) -> None:
    """Bring all back to where the checkpoint was."""
    tensors, said = read_tensors(file)
    if not {"config", "data", "history", "step"} <= said.keys():
        raise ModelFileError(f"{file} is damaged or no checkpoint: delete it to start anew")
    about: dict[str, Any] = {name: json.loads(value) for name, value in said.items()}
    old, new = about["config"], asdict(state.model.config)
    changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    if changed:
        differences = ", ".join(f"{name} {old.get(name)!r} → {new.get(name)!r}" for name in changed)
        raise TrainingError(
            f"{file} is of another training ({differences}): go on with its config or delete it"
        )
    if about["data"] != fingerprint:
        raise TrainingError(
            f"{file} is of a training on other data: go on with those, or delete it to start anew"
        )
    state.model.load_state_dict(
        {n.removeprefix("model."): v for n, v in tensors.items() if n.startswith("model.")}
    )
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, part = name.split(".")
            moments.setdefault(int(index), {})[part] = value
    state.optimiser.load_state_dict(
        {"state": moments, "param_groups": state.optimiser.state_dict()["param_groups"]}
    )
    state.generator.set_state(tensors["generator"])
    device = next(state.model.parameters()).device
    state.best = {
        name: value.to(device) for name, value in tensors.items() if name.startswith("best.")
    }
    state.history, state.step, state.seconds = about["history"], about["step"], about["seconds"]
    state.means = RunningMeans(about["terms"], tensors["means"].to(device), about["count"])
