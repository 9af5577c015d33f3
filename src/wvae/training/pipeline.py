"""From prepared data to a fitted model: split, train, align, fine-tune the decoder."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..config import Config
from ..model import SplitVAE
from ..nn.alignment import Alignment, needs_transport
from ..nn.backbones import backbone_name
from ..nn.torch_state import default_torch_state
from ..validation import rows_by_class
from .examples import Array, Examples
from .finetune import OnPhase, finetune_decoder
from .inference import posterior, probabilities
from .initialise import build_model, initialise_from_data
from .loop import Row, train, train_once_over
from .prepare import split_validation

FEW_EXAMPLES = 100  # of a class: large images are then augmented more
# The alignment and the fine-tuning see as many rows as fit into ALIGNMENT_BYTES, within limits.
MIN_ALIGNMENT_ROWS = 60_000
MAX_ALIGNMENT_ROWS = 200_000
ALIGNMENT_BYTES = 1 << 26


@dataclass(frozen=True)
class FitResult:
    """A trained model, its history, and the mean z_label of each class, (classes, d_label)."""

    model: SplitVAE
    history: list[Row]
    centres: Array


@default_torch_state()
def fit_model(
    model: SplitVAE,
    data: Examples,
    *,
    groups: Array | None = None,
    initialise: bool = True,
    test: Examples | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Row], None] | None = None,
    on_phase: OnPhase | None = None,
) -> FitResult:
    """Train a model, align its z_rest and fine-tune its decoder.

    Parameters
    ----------
    model
        Untrained, or to be trained further.
    data
        All training data, including those that become the validation set.
    groups
        As `split_validation` takes them.
    initialise, test, checkpoint, on_epoch
        As `wvae.training.loop.train` takes them.
    on_phase
        Called with (name, steps done, all steps) during ``"alignment"`` and ``"fine-tuning"``.

    Raises
    ------
    ValueError
        As `split_validation` does.
    wvae.training.diagnostics.TrainingError
        If the training or the fine-tuning diverges.
    """
    is_large = backbone_name(model.config, model.shape) == "deep"
    model.bends_strokes = is_large and len(data.x) < FEW_EXAMPLES * model.n_classes
    data, validation = split_validation(model.config, data, groups)
    history = train(
        model,
        data,
        test=test,
        validation=validation,
        initialise=initialise,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    data = data.subsample(alignment_rows(data), model.config.random_state)
    z_label, labels = _align(model.eval(), data, on_phase=on_phase)
    if labels is not None:
        finetune_decoder(model, data, on_phase)
    centres = _class_centres(z_label, data, None, model.n_classes)
    return FitResult(model.eval(), history, centres)


def alignment_rows(data: Examples) -> int:
    """Return how many rows the alignment and the fine-tuning use at most.

    >>> alignment_rows(Examples(np.zeros((300_000, 4), np.uint8), np.zeros(300_000)))
    200000
    """
    fitting_rows = ALIGNMENT_BYTES * len(data.x) // max(1, data.x.nbytes)
    return max(MIN_ALIGNMENT_ROWS, min(MAX_ALIGNMENT_ROWS, fitting_rows))


@default_torch_state()
def fit_increment(
    model: SplitVAE,
    data: Examples,
    optimiser: torch.optim.Optimizer,
    history: list[Row],
    centres: Array | None,
) -> FitResult:
    """Pass once over more data, and renew the alignment if every class is predicted among them.

    Parameters
    ----------
    model, optimiser
        Both are updated.
    data
        More training data.
    history
        Of the passes so far; empty before the first one.
    centres
        The class centres so far, (classes, d_label), or None.

    Raises
    ------
    wvae.training.diagnostics.TrainingError
        If the loss is NaN or infinite.
    """
    if not history:
        initialise_from_data(model, data)
    row = train_once_over(model, data, optimiser, len(history) + 1)
    z_label, _ = _align(model.eval(), data, only_if_all=True)
    new_centres = _class_centres(z_label, data, centres, model.n_classes)
    return FitResult(model, [*history, row], new_centres)


@default_torch_state()
def copy_weights(fitted: SplitVAE, config: Config) -> SplitVAE:
    """Return a model of a config with the weights of a fitted one, but not aligned.

    Parameters
    ----------
    fitted
        The fitted model.
    config
        Of the same architecture.

    Raises
    ------
    ValueError
        If the config is of another architecture.
    """
    model = build_model(
        config, fitted.shape, fitted.n_classes, fitted.unit_range, fitted.dark_strokes
    )
    old, new = _weights_before_alignment(fitted), _weights_before_alignment(model)
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new or old[name].shape != new[name].shape:
            raise ValueError(
                "warm_start is True, but the hyper-parameters are of another architecture than the "
                f"fitted model's ({name} differs): take those it was fitted with, or "
                "warm_start=False"
            )
    model.load_state_dict(old, strict=False)
    return model


def _weights_before_alignment(model: SplitVAE) -> dict[str, torch.Tensor]:
    """Return all weights but the alignment's."""
    return {n: v for n, v in model.state_dict().items() if not n.startswith("alignment.")}


@default_torch_state()
def copy_training(
    model: SplitVAE, optimiser: torch.optim.Optimizer
) -> tuple[SplitVAE, torch.optim.Optimizer]:
    """Return copies of a model and its optimiser, so that a failure leaves the originals intact."""
    return deepcopy((model, optimiser))


def _align(
    model: SplitVAE,
    data: Examples,
    only_if_all: bool = False,
    on_phase: OnPhase | None = None,
) -> tuple[Array, Array | None]:
    """Fit the alignment, and return z_label (n, d_label) and its predicted labels, (n,).

    Without a classifier there is nothing to align, and the labels are None. With `only_if_all`, the
    alignment stays as it is if a class is never predicted.
    """
    config = model.config
    if on_phase is not None and config.alignment not in ("none", "auto"):
        on_phase("alignment", 0, _alignment_steps(config, data.y))
    (z_label, _), (rest_mean, rest_sd) = posterior(model, data)
    if not config.classifier_weight:
        return z_label, None
    # The predicted label, not the true one: only that is available when new examples are encoded.
    labels = probabilities(model, z_label).argmax(1)
    steps = _alignment_steps(config, labels)
    if on_phase is not None and config.alignment == "auto":
        on_phase("alignment", 0, steps)
    if only_if_all and len(np.unique(labels)) < model.n_classes:
        return z_label, labels
    alignment = Alignment(config, model.n_classes).to(next(model.parameters()).device)
    loadings = None
    # The columns of a table are no few chosen features: all information counts alike.
    if model.uses_style and not model.is_table:
        loadings = model.style.weighted_loadings()
    alignment.fit(rest_mean, rest_sd, labels, loadings, config.random_state, on_phase)
    model.alignment = alignment
    if on_phase is not None and alignment.used in ("mean", "gaussian"):
        on_phase("alignment", steps, steps)
    return z_label, labels


def _alignment_steps(config: Config, labels: Array) -> int:
    """Return the largest number of steps of the alignment for these label indices, (n,)."""
    return config.alignment_steps if needs_transport(config.alignment, labels) else 1


def _class_centres(z_label: Array, data: Examples, previous: Array | None, n_classes: int) -> Array:
    """Return the weighted mean z_label of each class.

    A class without examples keeps its previous centre, or NaN.
    """
    unknown = np.full((n_classes, z_label.shape[1]), np.nan, np.float32)
    centres = unknown if previous is None else previous.copy()
    for k, rows in enumerate(rows_by_class(data.y, n_classes)):
        if not len(rows):
            continue
        if data.weight is None:
            centres[k] = z_label[rows].mean(0)
        else:
            centres[k] = np.average(z_label[rows], axis=0, weights=data.weight[rows])
    return centres
