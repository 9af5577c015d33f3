"""The training loop and the evaluation of the objective."""

from __future__ import annotations

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
from ..nn import distributed
from ..nn.distributed import RankSlice
from ..nn.torch_state import default_torch_state
from ..validation import UNLABELLED
from .checkpoint import Checkpointer, Row, RunningMeans, TrainingState
from .cuda_graph import GraphedStep, can_be_recorded
from .diagnostics import TrainingWarning, diagnose
from .examples import Examples, batches
from .initialise import initialise_from_data
from .label_check import check_label, warn_of_label
from .loader import Batch, BatchLoader
from .schedule import make_optimiser, set_learning_rate

DIAGNOSIS_EXAMPLES = 512
DIAGNOSIS_FIRST_EPOCH = 5  # before it, a fault may still go away


def train(
    model: SplitVAE,
    data: Examples,
    *,
    test: Examples | None = None,
    validation: Examples | None = None,
    initialise: bool = True,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Fit a model by Adam and return its history, one row of means per epoch.

    Parameters
    ----------
    model
        As `wvae.training.initialise.build_model` returns it. Its config holds all settings.
    data
        Training data.
    test
        If given, its loss (one sample of the codes) is evaluated after every epoch, under
        ``"test.…"``. It has no other effect.
    validation
        The same, under ``"validation.…"``. Training ends once this loss has not improved for
        ``n_iter_no_change`` epochs, with the weights of the best epoch.
    initialise
        Whether to set the model's statistics of these data first.
    checkpoint
        A folder. If it holds a checkpoint of the same config and data, training resumes from it and
        reaches the same weights, bit for bit, as an uninterrupted training.
    on_epoch
        Called with each new row.

    Raises
    ------
    TrainingError
        If the loss is NaN or infinite, or the checkpoint is of another config or other data.

    Warns
    -----
    TrainingWarning
        From the middle of the training on, once for each fault that
        `wvae.training.diagnostics.diagnose` finds; and at the end if the label was not learnt, see
        `wvae.training.label_check`.
    """
    distributed.init_processes()
    config, device = model.config, next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(config.random_state)
    state = TrainingState(model, make_optimiser(model), generator)
    checkpointer = Checkpointer(checkpoint, state, data)
    loader = BatchLoader(data, config.batch_size_for(len(data.x)), device)
    if initialise and not state.started:
        initialise_from_data(model, data)
    state.graphed_step = graphed_training_step(state, loader)

    warned: set[str] = set()
    while not _is_finished(state, validation is not None):
        epoch = len(state.history) + 1
        row = train_epoch(state, loader, epoch, checkpointer)
        if test is not None:
            row |= evaluate(model, test, samples=1, prefix="test.")
        if validation is not None:
            row |= evaluate(model, validation, samples=1, prefix="validation.")
        state.history.append(row)
        if validation is not None and _epochs_since_best(state.history) == 0:
            for name, value in model.state_dict().items():
                state.best[f"best.{name}"] = value.clone()
        if epoch >= max(DIAGNOSIS_FIRST_EPOCH, config.epochs // 2):
            _warn_of_faults(model, data, warned)
        if on_epoch:
            on_epoch(row)
        if checkpointer.should_save or _is_finished(state, validation is not None):
            checkpointer.save()
    if state.best:
        best = {name.removeprefix("best."): value for name, value in state.best.items()}
        model.load_state_dict(best)
    if len(state.history) >= DIAGNOSIS_FIRST_EPOCH:
        _warn_of_label(model, data, validation or test)
    return state.history


def train_once_over(
    model: SplitVAE, data: Examples, optimiser: torch.optim.Optimizer, epoch: int
) -> Row:
    """Pass once over more data at a constant learning rate, and return the history's row.

    Parameters
    ----------
    model, optimiser
        Both are updated.
    data
        Training data.
    epoch
        Number of this pass, from 1.

    Raises
    ------
    TrainingError
        If the loss is NaN or infinite.
    """
    config, device = model.config, next(model.parameters()).device
    seed = int(np.random.default_rng((config.random_state, epoch, 1)).integers(2**62))
    state = TrainingState(model, optimiser, torch.Generator(device).manual_seed(seed))
    loader = BatchLoader(data, config.batch_size_for(len(data.x)), device)
    checkpointer = Checkpointer(None, state, data)
    return train_epoch(state, loader, epoch, checkpointer, scheduled=False)


def train_epoch(
    state: TrainingState,
    loader: BatchLoader,
    epoch: int,
    checkpointer: Checkpointer,
    *,
    scheduled: bool = True,
) -> Row:
    """Pass over the data, starting with batch ``state.step``, and return the means of all terms.

    Parameters
    ----------
    state
        Updated.
    loader
        Source of the batches.
    epoch
        Number of the pass, from 1.
    checkpointer
        Saves the state when it is time.
    scheduled
        Whether the learning rate follows ``config.schedule``; if not, it stays as it is.

    Raises
    ------
    TrainingError
        If the loss or a weight is NaN or infinite.
    """
    model, optimiser, config = state.model, state.optimiser, state.model.config
    started = time.monotonic()
    model.train()
    key = config.random_state, epoch
    graphed_step = state.graphed_step
    loaded = loader.row_batches if graphed_step else loader.batches
    for batch in loaded(key, state.step):
        if scheduled:
            progress = ((epoch - 1) + state.step / loader.steps) / config.epochs
            set_learning_rate(optimiser, config.learning_rate, config.schedule, progress)
        if isinstance(batch, Batch):
            _take_step(state, batch)
            state.means.count += batch.rank_slice.n
        elif graphed_step:
            graphed_step(batch)
            state.means.count += len(batch)
        state.step += 1
        if checkpointer.should_save:
            now = time.monotonic()
            state.seconds, started = state.seconds + now - started, now
            state.check_finite(epoch, checkpointer.earlier_state)
            checkpointer.save()
    state.check_finite(epoch, checkpointer.earlier_state)
    row = {"epoch": float(epoch)}
    row |= state.means.row("train.", distributed.all_reduce_sum(state.means.sums))
    row["seconds"] = state.seconds + time.monotonic() - started
    state.step, state.seconds = 0, 0.0
    state.means.reset()
    return row


def _take_step(state: TrainingState, batch: Batch) -> None:
    """Take one step of Adam, and add the batch's terms to the sums."""
    model, rank_slice = state.model, batch.rank_slice
    x = model.augment(batch.x, state.generator, rank_slice)
    noise = draw_noise(model.config, rank_slice, state.generator)
    terms = model(x, batch.y, noise, batch.weights)
    state.optimiser.zero_grad(set_to_none=True)
    (terms["loss"] * rank_slice.weight).backward()
    distributed.sum_gradients(model.parameters())
    state.optimiser.step()
    state.means.add_to_sums(terms, rank_slice.weight * rank_slice.n)


def graphed_training_step(state: TrainingState, loader: BatchLoader) -> GraphedStep | None:
    """Return the step as a CUDA graph, if it may be one: see `can_be_recorded`."""
    if not can_be_recorded(state.model, loader):
        return None

    def step(rows: Tensor) -> None:
        x, y = loader.gather(rows)
        _take_step(state, Batch(x, y, None, distributed.rank_slice(len(rows), alone=True)))

    return GraphedStep(step, state.generator, loader.batch_size)


@default_torch_state()
@torch.no_grad()
def evaluate(model: SplitVAE, data: Examples, samples: int | None = None, prefix: str = "") -> Row:
    """Return the means of all terms of the objective over some data.

    The noise is always the same, so the result depends on the model and the data alone.

    Parameters
    ----------
    model
        Left in evaluation mode.
    data
        Examples with labels.
    samples
        Samples of the codes over which the terms are averaged; None: ``config.test_samples``.
    prefix
        Of every name in the result.
    """
    model.eval()
    device, means = next(model.parameters()).device, RunningMeans()
    generator = torch.Generator(device).manual_seed(0)
    for rows in batches(len(data.x)):
        x, y = data.batch(rows, device)
        weights = data.weights(rows, device)
        features = model.style_features(x) if model.uses_style else None  # once for all samples
        q_label, q_rest = model.encode(x, features)
        whole = distributed.rank_slice(len(x), alone=True)
        for _ in range(samples or model.config.test_samples):
            label_noise, rest_noise = draw_noise(model.config, whole, generator)
            codes = Codes(
                q_label.mean + q_label.stddev * label_noise,
                q_rest.mean + q_rest.stddev * rest_noise,
            )
            means.add(model.terms(x, y, q_label, q_rest, codes, features, weights), len(x))
    return means.row(prefix)


def draw_noise(
    config: Config, rank_slice: RankSlice, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return standard normal noise for one process's rows, (b, d_label) and (b, d_rest).

    Every process draws the noise of the whole batch, so their generators stay in step.
    """
    size = (rank_slice.n, config.d_label + config.d_rest)
    noise = torch.randn(size, generator=generator, device=generator.device)[rank_slice.rows]
    return noise[:, : config.d_label], noise[:, config.d_label :]


def write_history(path: Path, history: list[Row]) -> None:
    """Write one JSON object per line and epoch."""
    write_json(path, history, lines=True)


def _is_finished(state: TrainingState, early_stopping: bool) -> bool:
    """Return whether all epochs are done, or the validation loss has stopped improving."""
    config = state.model.config
    if len(state.history) >= config.epochs:
        return True
    return early_stopping and _epochs_since_best(state.history) >= config.n_iter_no_change


def _epochs_since_best(history: list[Row]) -> int:
    """Return how many epochs ago the validation loss was smallest."""
    losses = [row["validation.loss"] for row in history]
    return len(losses) - 1 - int(np.argmin(losses)) if losses else 0


def _warn_of_faults(model: SplitVAE, data: Examples, warned: set[str]) -> None:
    """Warn of each fault once, judged by some labelled examples."""
    labelled = np.flatnonzero(data.y != UNLABELLED)
    if distributed.rank() or not len(labelled):
        return
    rng = np.random.default_rng(model.config.random_state)
    n = min(DIAGNOSIS_EXAMPLES, len(labelled))
    rows = rng.choice(labelled, n, replace=False, shuffle=False)
    x, y = data.batch(rows, next(model.parameters()).device)
    for fault, message in diagnose(model.eval(), x, y).items():
        if fault not in warned:
            warned.add(fault)
            # The fifth frame is the caller of WVAE.fit.
            warnings.warn(message, TrainingWarning, stacklevel=6)


def _warn_of_label(model: SplitVAE, data: Examples, held_out: Examples | None) -> None:
    """Warn if the label was not learnt."""
    if not distributed.rank():
        check = check_label(model.eval(), data, held_out)
        # The fifth frame is the caller of WVAE.fit.
        warn_of_label(model, check, data, 6)
