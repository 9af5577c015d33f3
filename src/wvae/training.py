"""The training loop: one visible loop, its history, and a checkpoint to go on from."""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .augmentation import varied
from .config import Config
from .diagnosis import TrainingWarning, diagnose
from .examples import Array, Examples, batches
from .model import SplitVAE
from .separation import CRITIC_RESET, CRITIC_STEPS, Codes, critic_loss
from .storage import ModelFileError, read_tensors, write_json, write_tensors

Row = dict[str, float]
CHECKPOINT_FILE = "checkpoint.safetensors"
CHECKPOINT_SECONDS = 5.0
DIAGNOSED, DIAGNOSED_FROM = 512, 5  # examples looked at after an epoch; epochs before which it is too early to say


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to do."""


def device_of(config: Config) -> torch.device:
    """Return the device that the config asks for.

    Raises
    ------
    ValueError
        If it asks for a GPU and there is none.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is 'cuda', but PyTorch sees no GPU here; take device='auto' or 'cpu'")
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(config.device)


def build(config: Config, shape: tuple[int, ...], n_classes: int) -> SplitVAE:
    """Return an untrained model whose weights depend on ``config.random_state`` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.random_state)
        return SplitVAE(config, shape, n_classes).to(device_of(config))


def train(
    model: SplitVAE,
    data: Examples,
    *,
    test: Examples | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Fit the model by Adam and return its history, one row of means per epoch.

    Parameters
    ----------
    model
        As `build` made it; its config says how to train.
    data
        What to train on.
    test
        If given, its loss (one sample) is measured after every epoch, under ``"test.…"``.
    checkpoint
        A folder, made if it is not there. If it holds a checkpoint of the same config, training goes on from it to
        the same weights, bit for bit, that an unbroken run would have reached.
    on_epoch
        Called with each new row.

    Raises
    ------
    TrainingError
        If the loss is no longer finite, or the checkpoint is of another config.

    Warns
    -----
    TrainingWarning
        From the middle of the training on, once for each fault that `wvae.diagnosis` finds.
    """
    config, device = model.config, next(model.parameters()).device
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    generator = torch.Generator(device).manual_seed(config.random_state)
    steps = math.ceil(len(data.x) / config.batch_size)
    fingerprint = data.fingerprint() if checkpoint else ""
    history = _resume(checkpoint, model, optimiser, generator, fingerprint) if checkpoint else []
    if not history:
        _measure_style(model, data, device)
    saved, told = time.monotonic(), set[str]()

    for epoch in range(len(history) + 1, config.epochs + 1):
        model.train()
        started, sums = time.monotonic(), _Means()
        # The order is a function of seed and epoch, so that a resumed run need not replay the epochs before.
        order = np.random.default_rng((config.random_state, epoch)).permutation(len(data.x))
        for step, start in enumerate(range(0, len(order), config.batch_size)):
            _set_learning_rate(optimiser, config, ((epoch - 1) * steps + step) / (config.epochs * steps))
            x, y = data.batch(order[start : start + config.batch_size], device)
            if config.augment and x.dim() > 2:
                x = varied(x, config.augment, generator)
            if config.separation == "adversary":
                _train_critic(model, optimiser, x, y, generator)
            terms = model(x, y, draw_noise(config, len(x), generator))
            optimiser.zero_grad(set_to_none=True)
            terms["loss"].backward()
            if config.separation == "adversary":
                model.critic.zero_grad(set_to_none=True)  # it learns from its own loss only
            optimiser.step()
            sums.add(terms, len(x))
        if config.separation == "adversary" and epoch % CRITIC_RESET == 0:
            _reset_critic(model, optimiser, epoch)
        row = {"epoch": float(epoch), **sums.rows("train."), "seconds": time.monotonic() - started}
        if not math.isfinite(row["train.loss"]):
            raise TrainingError(_not_finite(row, epoch, config, checkpoint))
        if test is not None:
            row |= evaluate(model, test, samples=1, prefix="test.")
        history.append(row)
        if epoch >= max(DIAGNOSED_FROM, config.epochs // 2):
            _warn(model, data, order[:DIAGNOSED], told)
        if on_epoch:
            on_epoch(row)
        if checkpoint and (time.monotonic() - saved > CHECKPOINT_SECONDS or epoch == config.epochs):
            _save(checkpoint, model, optimiser, generator, fingerprint, history)
            saved = time.monotonic()
    return history


@torch.no_grad()
def _measure_style(model: SplitVAE, data: Examples, device: torch.device) -> None:
    """Tell the model what the style statistics of each label are, in the mean and in spread."""
    if not model.explains_style:
        return
    found = torch.cat([model.statistics(data.batch(rows, device)[0]) for rows in batches(len(data.x))])
    y = torch.from_numpy(np.array(data.y)).to(device)
    for k in range(model.n_classes):
        mine = found[y == k]
        if len(mine) < 2:  # nothing to tell: standard statistics
            continue
        model.style_mean[k] = mine.mean(0)
        model.style_sd[k] = mine.std(0).clamp(min=1e-3)


def _warn(model: SplitVAE, data: Examples, rows: Array, told: set[str]) -> None:
    model.eval()
    for fault, message in diagnose(model, *data.batch(rows, next(model.parameters()).device)).items():
        if fault not in told:
            told.add(fault)
            warnings.warn(message, TrainingWarning, stacklevel=4)


def _train_critic(
    model: SplitVAE, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor, generator: torch.Generator
) -> None:
    """Let the critic take its own steps on codes of this batch, each with other noise."""
    with torch.no_grad():
        q_label, q_rest = model.encode(x)
    for _ in range(CRITIC_STEPS):
        noise = draw_noise(model.config, len(x), generator)
        optimiser.zero_grad(set_to_none=True)  # parameters without a gradient stay where they are
        critic_loss(model, Codes(q_label.mean, q_rest.mean + q_rest.stddev * noise[1]), y).backward()
        optimiser.step()


def _reset_critic(model: SplitVAE, optimiser: torch.optim.Optimizer, epoch: int) -> None:
    fresh = build(replace(model.config, random_state=epoch), model.shape, model.n_classes)
    model.critic.load_state_dict(fresh.critic.state_dict())
    for parameter in model.critic.parameters():
        for moment in ("exp_avg", "exp_avg_sq"):
            optimiser.state[parameter][moment].zero_()


@torch.no_grad()
def evaluate(model: SplitVAE, data: Examples, samples: int | None = None, prefix: str = "") -> Row:
    """Return the means of all terms over the data, each averaged over ``samples`` draws of the codes.

    The draws are always the same ones, so that the figure depends on the model alone.
    """
    model.eval()
    device, sums = next(model.parameters()).device, _Means()
    generator = torch.Generator(device).manual_seed(0)
    for rows in batches(len(data.x)):
        x, y = data.batch(rows, device)
        found = model.statistics(x) if model.explains_style else None  # once, not for every sample
        q_label, q_rest = model.encode(x, found)
        for _ in range(samples or model.config.test_samples):
            noise = draw_noise(model.config, len(x), generator)
            codes = Codes(q_label.mean + q_label.stddev * noise[0], q_rest.mean + q_rest.stddev * noise[1])
            sums.add(model.terms(x, y, q_label, q_rest, codes, found), len(x))
    return sums.rows(prefix)


def draw_noise(config: Config, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return standard normal noise for both codes of n examples."""
    noise = torch.randn(n, config.d_label + config.d_rest, generator=generator, device=generator.device)
    return noise[:, : config.d_label], noise[:, config.d_label :]


class _Means:
    """Means over examples, kept as tensors: asking a GPU for a number at every step would stall it."""

    def __init__(self) -> None:
        self.count, self.sums = 0, {}

    def add(self, terms: dict[str, Tensor], n: int) -> None:
        self.count += n
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach().double() * n

    def rows(self, prefix: str) -> Row:
        return {prefix + name: float(value) / self.count for name, value in self.sums.items()}


def _set_learning_rate(optimiser: torch.optim.Optimizer, config: Config, progress: float) -> None:
    """Set the step size at a progress in [0, 1).

    ``one-cycle`` rises linearly over the first tenth and falls along half a cosine to 1 % of its peak
    (after Smith & Topin, 2019, arXiv:1708.07120).
    """
    factor = 1.0
    if config.schedule == "one-cycle":
        warm_up = 0.1
        fall = (progress - warm_up) / (1 - warm_up)
        factor = 0.04 + 0.96 * progress / warm_up if fall < 0 else 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall))
    for group in optimiser.param_groups:
        group["lr"] = config.learning_rate * factor


def _not_finite(row: Row, epoch: int, config: Config, checkpoint: Path | None) -> str:
    bad = [name.removeprefix("train.") for name, value in row.items() if not math.isfinite(value)]
    kept = ""
    if checkpoint and (checkpoint / CHECKPOINT_FILE).exists():
        kept = f"; an earlier state is kept in {checkpoint}"
    return (
        f"the loss is not finite in epoch {epoch} (terms: {', '.join(bad)}): "
        f"lower learning_rate (now {config.learning_rate:g}){kept}"
    )


def _save(
    folder: Path,
    model: SplitVAE,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    fingerprint: str,
    history: list[Row],
) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
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


def _resume(
    folder: Path, model: SplitVAE, optimiser: torch.optim.Optimizer, generator: torch.Generator, fingerprint: str
) -> list[Row]:
    file = folder / CHECKPOINT_FILE
    if not file.exists():
        return []
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
    return json.loads(about["history"])


def write_history(path: Path, history: list[Row]) -> None:
    """Write one JSON object per line and epoch."""
    write_json(path, history, lines=True)
