"""Checkpoints: one file with all that a broken training needs to go on, to the bit."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .diagnosis import TrainingError
from .model import SplitVAE
from .storage import ModelFileError, read_tensors, write_tensors

Row = dict[str, float]
CHECKPOINT_FILE = "checkpoint.safetensors"


def save(
    folder: Path,
    model: SplitVAE,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    fingerprint: str,
    history: list[Row],
    best: dict[str, Tensor],
) -> None:
    """Write all that it takes to go on, ``"best.…"`` being the weights of the best epoch."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()} | best
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in state.items()}
    tensors["generator"] = generator.get_state()
    folder.mkdir(parents=True, exist_ok=True)
    # One file, replaced in one step: weights, moments, noise and history always belong together.
    about = {
        "config": json.dumps(asdict(model.config)),
        "data": fingerprint,
        "history": json.dumps(history),
    }
    write_tensors(folder / CHECKPOINT_FILE, tensors, about)


def resume(
    folder: Path, model: SplitVAE, optimiser: torch.optim.Optimizer, generator: torch.Generator, fingerprint: str
) -> tuple[list[Row], dict[str, Tensor]]:
    """Bring all back to where the checkpoint was; return its history, and the weights of the best epoch if known."""
    file = folder / CHECKPOINT_FILE
    if not file.exists():
        return [], {}
    tensors, about = read_tensors(file)
    if not {"config", "data", "history"} <= about.keys():
        raise ModelFileError(f"{file} is damaged or no checkpoint: delete it to start anew")
    old, new = json.loads(about["config"]), asdict(model.config)
    changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    if changed:
        differences = ", ".join(f"{name} {old.get(name)!r} → {new.get(name)!r}" for name in changed)
        raise TrainingError(f"{file} is of another training ({differences}): go on with its config or delete it")
    weights = {n.removeprefix("model."): v for n, v in tensors.items() if n.startswith("model.")}
    if about["data"] != fingerprint:
        raise TrainingError(f"{file} is of a training on other data: go on with those, or delete it to start anew")
    model.load_state_dict(weights)
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, part = name.split(".")
            state.setdefault(int(index), {})[part] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    generator.set_state(tensors["generator"])
    device = next(model.parameters()).device
    best = {name: value.to(device) for name, value in tensors.items() if name.startswith("best.")}
    return json.loads(about["history"]), best
