"""The training loop: one visible loop, and its history."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..config import Config
from ..io.files import write_json
from ..model import Codes, SplitVAE
from ..nn.backbones import lr_multiplier
from ..nn.distributed import (
    RankSlice,
    all_reduce_sum,
    init_processes,
    rank,
    rank_slice,
    sum_gradients,
)
from .checkpoint import Checkpointer, Row, RunningMeans, TrainingState
from .diagnostics import TrainingError, TrainingWarning, diagnose
from .examples import Examples, batches
from .initialise import measure
from .loader import BatchLoader

DIAGNOSED, DIAGNOSED_FROM = (
    512,
    5,
)  # examples looked at after an epoch; epochs before which it is too early to say


def make_optimiser(model: SplitVAE) -> torch.optim.Adam:
    """Return Adam over all parameters, in groups with one multiplier of the learning rate each."""
    config, groups = model.config, dict[float, list[Tensor]]()
    for name, parameter in model.named_parameters():
        groups.setdefault(lr_multiplier(config, name), []).append(parameter)
    rates = [
        {"params": some, "lr": config.learning_rate * rate, "rate": rate}
        for rate, some in groups.items()
    ]
    return torch.optim.Adam(rates, betas=(0.9, config.adam_beta2), fused=True)


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
        Whether the model is to be told the scale and the style features of these data first.
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
        From the middle of the training on, once for each fault that `wvae.training.diagnostics` finds.
    """
    init_processes()
    config, device = model.config, next(model.parameters()).device
    state = TrainingState(
        model, make_optimiser(model), torch.Generator(device).manual_seed(config.random_state)
    )
    checkpointer, told = Checkpointer(checkpoint, state, data), set[str]()
    feed = BatchLoader(data, config.batch_size_for(len(data.x)), device)
    if not state.started and fresh:
        measure(model, data)

    for epoch in range(len(state.history) + 1, config.epochs + 1):
        if validation is not None and _waited(state.history) >= config.n_iter_no_change:
            break
        row = {"epoch": float(epoch), **_one_pass(state, feed, epoch, checkpointer)}
        for part, prefix in ((test, "test."), (validation, "validation.")):
            row |= {} if part is None else evaluate(model, part, samples=1, prefix=prefix)
        state.history.append(row)
        if validation is not None and not _waited(state.history):
            state.best = {
                f"best.{name}": value.clone() for name, value in model.state_dict().items()
            }
        if epoch >= max(DIAGNOSED_FROM, config.epochs // 2):
            _warn(model, data, told)
        if on_epoch:
            on_epoch(row)
        ended = epoch == config.epochs or (
            validation is not None and _waited(state.history) >= config.n_iter_no_change
        )
        if ended or checkpointer.should_save:
            checkpointer.save()
    if state.best:
        model.load_state_dict(
            {name.removeprefix("best."): value for name, value in state.best.items()}
        )
    return state.history


def train_on(model: SplitVAE, data: Examples, optimiser: torch.optim.Optimizer, epoch: int) -> Row:
    """Pass once over some more data at a constant learning rate, and return the row of this epoch, counted from 1.

    Raises
    ------
    TrainingError
        If the loss is no longer finite.
    """
    config, device = model.config, next(model.parameters()).device
    seed = int(np.random.default_rng((config.random_state, epoch, 1)).integers(2**62))
    state = TrainingState(model, optimiser, torch.Generator(device).manual_seed(seed))
    feed = BatchLoader(data, config.batch_size_for(len(data.x)), device)
    return {
        "epoch": float(epoch),
        **_one_pass(state, feed, epoch, Checkpointer(None, state, data), scheduled=False),
    }


def _one_pass(
    state: TrainingState,
    feed: BatchLoader,
    epoch: int,
    checkpointer: Checkpointer,
    *,
    scheduled: bool = True,
) -> Row:
    """Descend on all the data once, from the batch on where the state is, and return the means over all of it."""
    model, optimiser, config, started = (
        state.model,
        state.optimiser,
        state.model.config,
        time.monotonic(),
    )
    model.train()
    for batch in feed.batches((config.random_state, epoch), state.step):
        if scheduled:
            set_learning_rate(
                optimiser, config, ((epoch - 1) + state.step / feed.steps) / config.epochs
            )
        x, y, weights, share = batch
        x = model.augment(x, state.generator, share)
        terms = model(x, y, draw_noise(config, share, state.generator), weights)
        optimiser.zero_grad(set_to_none=True)
        (terms["loss"] * share.weight).backward()
        sum_gradients(model.parameters())
        optimiser.step()
        state.means.add(terms, share.weight * share.n, share.n)
        state.step += 1
        if checkpointer.should_save:
            state.seconds, started = state.seconds + time.monotonic() - started, time.monotonic()
            _check_finite(state, epoch, checkpointer.earlier_state)
            checkpointer.save()
    _check_finite(state, epoch, checkpointer.earlier_state)
    row = state.means.row("train.", all_reduce_sum(state.means.sums)) | {
        "seconds": state.seconds + time.monotonic() - started
    }
    state.step, state.means, state.seconds = 0, RunningMeans(), 0.0
    return row


def _waited(history: list[Row]) -> int:
    """Return how many epochs ago the validation loss was least."""
    losses = [row["validation.loss"] for row in history]
    return len(losses) - 1 - int(np.argmin(losses)) if losses else 0


def _warn(model: SplitVAE, data: Examples, told: set[str]) -> None:
    """Warn of each fault once, judged by a few examples with a label."""
    labelled = np.flatnonzero(data.y >= 0)
    rng = np.random.default_rng(model.config.random_state)
    rows = rng.choice(labelled, min(DIAGNOSED, len(labelled)), replace=False, shuffle=False)
    if rank() or not len(rows):
        return
    model.eval()
    for fault, message in diagnose(
        model, *data.batch(rows, next(model.parameters()).device)
    ).items():
        if fault not in told:
            told.add(fault)
            warnings.warn(message, TrainingWarning, stacklevel=5)


@torch.no_grad()
def evaluate(model: SplitVAE, data: Examples, samples: int | None = None, prefix: str = "") -> Row:
    """Return the means of all terms over the data, each averaged over ``samples`` draws of the codes.

    The draws are always the same ones, so that the figure depends on the model alone.
    """
    model.eval()
    device, means = next(model.parameters()).device, RunningMeans()
    generator = torch.Generator(device).manual_seed(0)
    for rows in batches(len(data.x)):
        x, y = data.batch(rows, device)
        found = model.style_features(x) if model.uses_style else None  # once, not for every sample
        q_label, q_rest = model.encode(x, found)
        for _ in range(samples or model.config.test_samples):
            noise = draw_noise(model.config, rank_slice(len(x), alone=True), generator)
            codes = Codes(
                q_label.mean + q_label.stddev * noise[0], q_rest.mean + q_rest.stddev * noise[1]
            )
            means.add(
                model.terms(x, y, q_label, q_rest, codes, found, data.weights(rows, device)), len(x)
            )
    return means.row(prefix)


def draw_noise(
    config: Config, share: RankSlice, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return standard normal noise for both codes of one's share of a batch."""
    noise = torch.randn(
        share.n, config.d_label + config.d_rest, generator=generator, device=generator.device
    )
    noise = noise[share.rows]
    return noise[:, : config.d_label], noise[:, config.d_label :]


def set_learning_rate(optimiser: torch.optim.Optimizer, config: Config, progress: float) -> None:
    """Set the step size at a progress in [0, 1).

    ``one-cycle`` rises linearly over the first tenth and falls along half a cosine to 1 % of its peak
    (after Smith & Topin, 2019, arXiv:1708.07120); ``linear`` rises over the first twentieth and falls straight to 0.
    """
    factor = 1.0
    if config.schedule == "linear":
        factor = max(progress, 0.002) / 0.05 if progress < 0.05 else (1 - progress) / 0.95
    if config.schedule == "one-cycle":
        warm_up = 0.1
        fall = (progress - warm_up) / (1 - warm_up)
        factor = (
            0.04 + 0.96 * progress / warm_up
            if fall < 0
            else 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall))
        )
    for group in optimiser.param_groups:
        group["lr"] = config.learning_rate * factor * group["rate"]


def _check_finite(state: TrainingState, epoch: int, kept: str) -> None:
    """Raise a TrainingError if the loss, or a weight, is no longer finite."""
    if state.finite():
        return
    found = zip(state.means.names, state.means.sums.tolist(), strict=True)
    bad = [name for name, value in found if not math.isfinite(value)] or [
        "none yet, but a weight is"
    ]
    raise TrainingError(
        f"the loss is not finite in epoch {epoch} (terms: {', '.join(bad)}): "
        f"lower learning_rate (now {state.model.config.learning_rate:g}){kept}"
    )


def write_history(path: Path, history: list[Row]) -> None:
    """Write one JSON object per line and epoch."""
    write_json(path, history, lines=True)
