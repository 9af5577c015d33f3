"""The training loop: one visible loop, and its history."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..config import Config
from ..io.files import write_json
from ..model import SplitVAE
from ..nn.backbones import rate_of
from ..nn.distributed import Share, add_gradients, rank, share_of, start, total
from ..nn.penalties import CRITIC_RESET, CRITIC_STEPS, Codes, critic_loss
from .checkpoint import Keeper, Means, Row, State
from .diagnostics import TrainingError, TrainingWarning, diagnose
from .examples import Examples, batches
from .gradient import flattened, gradient_of, is_written
from .initialise import measure
from .loader import Feed

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
    """Return a fresh optimiser of all the model's parameters; `wvae.training.gradient` may move them."""
    return adam(model.config, flattened(model) if is_written(model) else model.named_parameters())


def adam(config: Config, parameters: Iterable[tuple[str, Tensor]]) -> torch.optim.Adam:
    """Return Adam over named parameters, in groups of one ``rate`` each, by which the learning rate is multiplied."""
    groups = dict[float, list[Tensor]]()
    for name, parameter in parameters:
        groups.setdefault(rate_of(config, name), []).append(parameter)
    rates = [{"params": some, "lr": config.learning_rate * rate, "rate": rate} for rate, some in groups.items()]
    return torch.optim.Adam(rates, betas=(0.9, config.second_moment), fused=True)


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
        From the middle of the training on, once for each fault that `wvae.training.diagnostics` finds.
    """
    start()
    config, device = model.config, next(model.parameters()).device
    state = State(model, optimiser_of(model), torch.Generator(device).manual_seed(config.random_state))
    keeper, told = Keeper(checkpoint, state, data), set[str]()
    feed = Feed(data, config.batch_of(len(data.x)), device)
    if not state.begun and fresh:
        measure(model, data)

    for epoch in range(len(state.history) + 1, config.epochs + 1):
        if validation is not None and _waited(state.history) >= config.n_iter_no_change:
            break
        row = {"epoch": float(epoch), **_one_pass(state, feed, epoch, keeper)}
        for part, prefix in ((test, "test."), (validation, "validation.")):
            row |= {} if part is None else evaluate(model, part, samples=1, prefix=prefix)
        state.history.append(row)
        if validation is not None and not _waited(state.history):
            state.best = {f"best.{name}": value.clone() for name, value in model.state_dict().items()}
        if epoch >= max(DIAGNOSED_FROM, config.epochs // 2):
            _warn(model, data, told)
        if on_epoch:
            on_epoch(row)
        ended = epoch == config.epochs or (validation is not None and _waited(state.history) >= config.n_iter_no_change)
        if ended or keeper.due:
            keeper.keep()
    if state.best:
        model.load_state_dict({name.removeprefix("best."): value for name, value in state.best.items()})
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
    state = State(model, optimiser, torch.Generator(device).manual_seed(seed))
    feed = Feed(data, config.batch_of(len(data.x)), device)
    return {"epoch": float(epoch), **_one_pass(state, feed, epoch, Keeper(None, state, data), scheduled=False)}


def _one_pass(state: State, feed: Feed, epoch: int, keeper: Keeper, *, scheduled: bool = True) -> Row:
    """Descend on all the data once, from the batch on where the state is, and return the means over all of it."""
    model, optimiser, config, started = state.model, state.optimiser, state.model.config, time.monotonic()
    adversary, gradient = config.separation == "adversary", gradient_of(model, optimiser)
    model.train()
    for batch in feed.batches((config.random_state, epoch), state.step):
        if scheduled:
            set_learning_rate(optimiser, config, ((epoch - 1) + state.step / feed.steps) / config.epochs)
        x, y, weights, share = batch
        x = model.augmented(x, state.generator, share)
        if adversary:
            _train_critic(state, x, y, share)
        terms = gradient(x, y, draw_noise(config, share, state.generator), weights, share)
        if adversary:
            model.critic.zero_grad(set_to_none=True)  # it learns from its own loss only
        add_gradients(model.parameters())
        optimiser.step()
        state.means.add(terms, share.weight * share.n, share.n)
        state.step += 1
        if keeper.due:
            state.seconds, started = state.seconds + time.monotonic() - started, time.monotonic()
            _check_finite(state, epoch, keeper.kept)
            keeper.keep()
    _check_finite(state, epoch, keeper.kept)
    if adversary and epoch % CRITIC_RESET == 0:
        _reset_critic(model, optimiser, epoch)
    row = state.means.row("train.", total(state.means.sums)) | {"seconds": state.seconds + time.monotonic() - started}
    state.step, state.means, state.seconds = 0, Means(), 0.0
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
    for fault, message in diagnose(model, *data.batch(rows, next(model.parameters()).device)).items():
        if fault not in told:
            told.add(fault)
            warnings.warn(message, TrainingWarning, stacklevel=5)


def _train_critic(state: State, x: Tensor, y: Tensor, share: Share) -> None:
    """Let the critic take its own steps on codes of this batch, each with other noise."""
    model, optimiser = state.model, state.optimiser
    with torch.no_grad():
        q_label, q_rest = model.encode(x)
    for _ in range(CRITIC_STEPS):
        noise = draw_noise(model.config, share, state.generator)
        optimiser.zero_grad(set_to_none=True)  # parameters without a gradient stay where they are
        codes = Codes(q_label.mean, q_rest.mean + q_rest.stddev * noise[1])
        (critic_loss(model, codes, y) * share.weight).backward()
        add_gradients(model.critic.parameters())
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
    device, means = next(model.parameters()).device, Means()
    generator = torch.Generator(device).manual_seed(0)
    for rows in batches(len(data.x)):
        x, y = data.batch(rows, device)
        found = model.statistics(x) if model.explains_style else None  # once, not for every sample
        q_label, q_rest = model.encode(x, found)
        for _ in range(samples or model.config.test_samples):
            noise = draw_noise(model.config, share_of(len(x), alone=True), generator)
            codes = Codes(q_label.mean + q_label.stddev * noise[0], q_rest.mean + q_rest.stddev * noise[1])
            means.add(model.terms(x, y, q_label, q_rest, codes, found, data.weights(rows, device)), len(x))
    return means.row(prefix)


def draw_noise(config: Config, share: Share, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return standard normal noise for both codes of one's share of a batch."""
    noise = torch.randn(share.n, config.d_label + config.d_rest, generator=generator, device=generator.device)
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
        factor = 0.04 + 0.96 * progress / warm_up if fall < 0 else 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall))
    for group in optimiser.param_groups:
        group["lr"] = config.learning_rate * factor * group["rate"]


def _check_finite(state: State, epoch: int, kept: str) -> None:
    """Raise a TrainingError if the loss, or a weight, is no longer finite."""
    if state.finite():
        return
    found = zip(state.means.names, state.means.sums.tolist(), strict=True)
    bad = [name for name, value in found if not math.isfinite(value)] or ["none yet, but a weight is"]
    raise TrainingError(
        f"the loss is not finite in epoch {epoch} (terms: {', '.join(bad)}): "
        f"lower learning_rate (now {state.model.config.learning_rate:g}){kept}"
    )


def write_history(path: Path, history: list[Row]) -> None:
    """Write one JSON object per line and epoch."""
    write_json(path, history, lines=True)
