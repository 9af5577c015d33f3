"""The training loop: one visible loop, and its history."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .calibration import measure
from .checkpoint import CHECKPOINT_FILE, Row, resume, save
from .config import Config
from .diagnosis import TrainingError, TrainingWarning, diagnose
from .examples import Array, Examples, batches
from .model import SplitVAE
from .separation import CRITIC_RESET, CRITIC_STEPS, Codes, critic_loss
from .storage import write_json

CHECKPOINT_SECONDS = 5.0
DIAGNOSED, DIAGNOSED_FROM = 512, 5  # examples looked at after an epoch; epochs before which it is too early to say


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


def build(config: Config, shape: tuple[int, ...], n_classes: int, pixels: bool = True) -> SplitVAE:
    """Return an untrained model whose weights depend on ``config.random_state`` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.random_state)
        return SplitVAE(config, shape, n_classes, pixels).to(device_of(config))


def optimiser_of(model: SplitVAE) -> torch.optim.Adam:
    """Return a fresh optimiser of all the model's parameters."""
    return torch.optim.Adam(model.parameters(), lr=model.config.learning_rate, fused=True)


def train(
    model: SplitVAE,
    data: Examples,
    *,
    test: Examples | None = None,
    validation: Examples | None = None,
    fresh: bool = True,
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
    validation
        The same, under ``"validation.…"``; once its loss has not fallen for ``n_iter_no_change`` epochs, training ends.
        The model is then that of the best epoch.
    fresh
        Whether the model is to be told the scale and the style statistics of these data first.
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
    optimiser = optimiser_of(model)
    generator = torch.Generator(device).manual_seed(config.random_state)
    fingerprint = data.fingerprint() if checkpoint else ""
    history, best = resume(checkpoint, model, optimiser, generator, fingerprint) if checkpoint else ([], {})
    if not history and fresh:
        measure(model, data)
    saved, told = time.monotonic(), set[str]()

    for epoch in range(len(history) + 1, config.epochs + 1):
        if validation is not None and _waited(history) >= config.n_iter_no_change:
            break
        started = time.monotonic()
        # The order is a function of seed and epoch, so that a resumed run need not replay the epochs before.
        order = np.random.default_rng((config.random_state, epoch)).permutation(len(data.x))
        means = _one_pass(model, data, order, optimiser, generator, epoch)
        if config.separation == "adversary" and epoch % CRITIC_RESET == 0:
            _reset_critic(model, optimiser, epoch)
        row = {"epoch": float(epoch), **means, "seconds": time.monotonic() - started}
        if not math.isfinite(row["train.loss"]):
            raise TrainingError(_not_finite(row, epoch, config, checkpoint))
        for part, prefix in ((test, "test."), (validation, "validation.")):
            row |= {} if part is None else evaluate(model, part, samples=1, prefix=prefix)
        history.append(row)
        if validation is not None and not _waited(history):
            best = {f"best.{name}": value.clone() for name, value in model.state_dict().items()}
        if epoch >= max(DIAGNOSED_FROM, config.epochs // 2):
            _warn(model, data, order[data.y[order] >= 0][:DIAGNOSED], told)
        if on_epoch:
            on_epoch(row)
        ended = epoch == config.epochs or (validation is not None and _waited(history) >= config.n_iter_no_change)
        if checkpoint and (ended or time.monotonic() - saved > CHECKPOINT_SECONDS):
            save(checkpoint, model, optimiser, generator, fingerprint, history, best)
            saved = time.monotonic()
    if best:
        model.load_state_dict({name.removeprefix("best."): value for name, value in best.items()})
    return history


def train_on(model: SplitVAE, data: Examples, optimiser: torch.optim.Optimizer, epoch: int) -> Row:
    """Pass once over some more data at a constant learning rate, and return the row of this epoch, counted from 1.

    Raises
    ------
    TrainingError
        If the loss is no longer finite.
    """
    config, device, started = model.config, next(model.parameters()).device, time.monotonic()
    rng = np.random.default_rng((config.random_state, epoch))
    order = rng.permutation(len(data.x))
    generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    means = _one_pass(model, data, order, optimiser, generator, epoch=None)
    row = {"epoch": float(epoch), **means, "seconds": time.monotonic() - started}
    if not math.isfinite(row["train.loss"]):
        raise TrainingError(_not_finite(row, epoch, config, None))
    return row


def _one_pass(
    model: SplitVAE,
    data: Examples,
    order: Array,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    epoch: int | None,
) -> Row:
    """Descend on all the data in this order; ``epoch`` says where on the schedule, None that there is none."""
    config, device, sums = model.config, generator.device, _Means()
    size = config.batch_of(len(order))
    steps = math.ceil(len(order) / size)
    model.train()
    for step, start in enumerate(range(0, len(order), size)):
        if epoch is not None:
            _set_learning_rate(optimiser, config, ((epoch - 1) * steps + step) / (config.epochs * steps))
        rows = order[start : start + size]
        x, y = data.batch(rows, device)
        x = model.augmented(x, generator)
        if config.separation == "adversary":
            _train_critic(model, optimiser, x, y, generator)
        terms = model(x, y, draw_noise(config, len(x), generator), data.weights(rows, device))
        optimiser.zero_grad(set_to_none=True)
        terms["loss"].backward()
        if config.separation == "adversary":
            model.critic.zero_grad(set_to_none=True)  # it learns from its own loss only
        optimiser.step()
        sums.add(terms, len(x))
    return sums.rows("train.")


def _waited(history: list[Row]) -> int:
    """Return how many epochs ago the validation loss was least."""
    losses = [row["validation.loss"] for row in history]
    return len(losses) - 1 - int(np.argmin(losses)) if losses else 0


def _warn(model: SplitVAE, data: Examples, rows: Array, told: set[str]) -> None:
    if not len(rows):
        return
    model.eval()
    for fault, message in diagnose(model, *data.batch(rows, next(model.parameters()).device)).items():
        if fault not in told:
            told.add(fault)
            warnings.warn(message, TrainingWarning, stacklevel=5)


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
    fresh = build(replace(model.config, random_state=epoch), model.shape, model.n_classes, model.pixels)
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
            sums.add(model.terms(x, y, q_label, q_rest, codes, found, data.weights(rows, device)), len(x))
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


def write_history(path: Path, history: list[Row]) -> None:
    """Write one JSON object per line and epoch."""
    write_json(path, history, lines=True)
