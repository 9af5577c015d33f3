"""From a user's arrays to a fitted model: check, split, train, align, fine-tune the decoder."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from ..config import Config
from ..datasets.shards import take
from ..model import SplitVAE
from ..nn.alignment import Alignment
from ..validation import (
    UNLABELLED,
    check_groups,
    check_labels,
    check_weights,
    coded,
    column,
    rows_by_class,
)
from .examples import Array, Examples, check_examples
from .finetune import finetune_decoder
from .inference import posterior, probabilities
from .initialise import build_model, initialise_from_data
from .loop import Row, train, train_once_over

# The alignment and the fine-tuning see as many rows as fit into ALIGNMENT_BYTES, within these limits.
MIN_ALIGNMENT_ROWS = 60_000
MAX_ALIGNMENT_ROWS = 200_000
ALIGNMENT_BYTES = 1 << 26


@dataclass(frozen=True)
class PreparedData:
    """Checked training data; rows of weight 0 are left out."""

    data: Examples
    classes: Array  # all labels, sorted
    unit_range: bool  # whether all values lie in [0, 1]
    groups: Array | None  # (n,), of which none is split between training and validation

    def build_model(self, config: Config) -> SplitVAE:
        """Return an untrained model for these data."""
        return build_model(config, self.data.x.shape[1:], len(self.classes), self.unit_range)


@dataclass(frozen=True)
class FitResult:
    """A trained model, its history, and the mean z_label of each class, (classes, d_label)."""

    model: SplitVAE
    history: list[Row]
    centres: Array


def build_config(parameters: dict[str, Any]) -> Config:
    """Return a config of an estimator's parameters.

    Parameters
    ----------
    parameters
        Every field of `Config`. ``random_state`` may be None or a RandomState, as in scikit-learn:
        it is then replaced by a random number.
    """
    seed: Any = parameters["random_state"]
    if seed is None or isinstance(seed, np.random.RandomState):
        seed = int(check_random_state(seed).randint(2**31 - 1))
    return Config(**{**parameters, "random_state": seed})


def prepare_data(
    config: Config,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    groups: Any = None,
    classes: Any = None,
) -> PreparedData:
    """Check what `fit` or `partial_fit` was given, and return it in the form that training takes.

    Parameters
    ----------
    config
        The hyper-parameters.
    X, y, sample_weight, groups
        As `wvae.WVAE.fit` takes them.
    classes
        All labels. If None, they are the labels of `y`, of which each must occur twice.

    Raises
    ------
    ValueError, TypeError
        If a value is not valid, or the objective cannot use it.
    """
    x, unit_range = check_examples(X)
    weight = check_weights(sample_weight, len(x))
    y = column(y, len(x))
    groups = check_groups(groups, len(x))
    if weight is not None and not weight.all():
        rows = np.flatnonzero(weight)
        x, unit_range = check_examples(take(x, rows))
        y, weight = y[rows], weight[rows]
        groups = None if groups is None else groups[rows]
    if classes is None:
        classes, indices = check_labels(y, len(x))
    else:
        classes = np.unique(np.asarray(classes))
        if len(classes) < 2:
            raise ValueError(
                f"classes holds one class only ({classes.tolist()}), expected at least two"
            )
        indices = coded(y, len(x), classes)
    data = Examples(x, indices, None if weight is None else weight / weight.mean())
    check_objective(config, data)
    return PreparedData(data, classes, unit_range, groups)


def check_same_classes(classes: Array, fitted_classes: Array) -> None:
    """Raise a ValueError if the classes differ from those that a model was fitted with."""
    if not np.array_equal(classes, fitted_classes):
        raise ValueError(
            f"the classes are {classes.tolist()}, but the model was fitted with "
            f"{fitted_classes.tolist()}: training can go on with the same classes only"
        )


def check_objective(config: Config, data: Examples) -> None:
    """Raise a ValueError if the separation term cannot use weights or unlabelled examples."""
    if config.separation == "none":
        return
    if data.weight is not None:
        raise ValueError(
            f"separation is {config.separation!r}, which compares the examples of a batch with each "
            "other and cannot weigh them: take separation='none', or leave out sample_weight"
        )
    if config.separation != "covariance" and (data.y == UNLABELLED).any():
        raise ValueError(
            f"separation is {config.separation!r}, which needs every label, and y has unlabelled "
            "rows: take separation='none', or drop those rows"
        )


def split_validation(
    config: Config, data: Examples, groups: Array | None
) -> tuple[Examples, Examples | None]:
    """Split off the validation set of ``early_stopping``, if that is on.

    The validation set is ``validation_fraction`` of each label's rows, or of the groups, at random.
    At least one row or group goes to each side.

    Parameters
    ----------
    config
        The hyper-parameters.
    data
        All training data.
    groups
        (n,), or None. No group is on both sides.

    Returns
    -------
    tuple
        The data to train on, and the validation set or None.

    Raises
    ------
    ValueError
        If there are groups but no early stopping, if there is only one group, or if all examples of
        a label would be in the validation set.
    """
    if not config.early_stopping:
        if groups is not None:
            raise ValueError(
                "groups were given, which only early_stopping uses: take early_stopping=True, or "
                "leave out groups"
            )
        return data, None
    rng = np.random.default_rng(config.random_state)
    if groups is None:
        is_validation = _validation_rows(data.y, config.validation_fraction, rng)
    else:
        is_validation = _validation_groups(groups, config.validation_fraction, rng)
    missing = np.setdiff1d(data.y, data.y[~is_validation])
    if len(missing):
        raise ValueError(
            f"all examples of {len(missing)} of the labels are in validation groups: lower "
            "validation_fraction, take another random_state, or leave out groups"
        )
    return data.subset(np.flatnonzero(~is_validation)), data.subset(np.flatnonzero(is_validation))


def _validation_rows(y: Array, fraction: float, rng: np.random.Generator) -> Array:
    """Return a mask of a random share of each label's rows; unlabelled rows are a label, too."""
    is_validation = np.zeros(len(y), bool)
    labels = np.unique(y)
    for rows in rows_by_class(np.searchsorted(labels, y), len(labels)):
        rows = rng.permutation(rows)
        is_validation[rows[: _validation_size(len(rows), fraction)]] = True
    return is_validation


def _validation_groups(groups: Array, fraction: float, rng: np.random.Generator) -> Array:
    """Return a mask of the rows of a random share of the groups."""
    names = rng.permutation(np.unique(groups))
    if len(names) < 2:
        raise ValueError(
            "groups holds one group only, expected at least two: one to train on, one to validate"
        )
    return np.isin(groups, names[: _validation_size(len(names), fraction)])


def _validation_size(n: int, fraction: float) -> int:
    """Return a share of n, at least 1 and at most n − 1."""
    return min(max(1, round(fraction * n)), n - 1)


def fit_model(
    model: SplitVAE,
    data: Examples,
    *,
    groups: Array | None = None,
    initialise: bool = True,
    test: Examples | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Row], None] | None = None,
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

    Raises
    ------
    ValueError
        As `split_validation` does.
    wvae.training.diagnostics.TrainingError
        If the training or the fine-tuning diverges.
    """
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
    z_label, labels = _align(model.eval(), data)
    if labels is not None:
        finetune_decoder(model, data)
    centres = _class_centres(z_label, data, None, model.n_classes)
    return FitResult(model.eval(), history, centres)


def alignment_rows(data: Examples) -> int:
    """Return how many rows the alignment and the fine-tuning use at most.

    >>> alignment_rows(Examples(np.zeros((300_000, 4), np.uint8), np.zeros(300_000)))
    200000
    """
    fitting_rows = ALIGNMENT_BYTES * len(data.x) // max(1, data.x.nbytes)
    return max(MIN_ALIGNMENT_ROWS, min(MAX_ALIGNMENT_ROWS, fitting_rows))


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
    model = build_model(config, fitted.shape, fitted.n_classes, fitted.unit_range)
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


def copy_training(
    model: SplitVAE, optimiser: torch.optim.Optimizer
) -> tuple[SplitVAE, torch.optim.Optimizer]:
    """Return copies of a model and its optimiser, so that a failure leaves the originals intact."""
    return deepcopy((model, optimiser))


def _align(
    model: SplitVAE, data: Examples, only_if_all: bool = False
) -> tuple[Array, Array | None]:
    """Fit the alignment, and return z_label (n, d_label) and its predicted labels, (n,).

    Without a classifier there is nothing to align, and the labels are None. With `only_if_all`, the
    alignment stays as it is if a class is never predicted.
    """
    (z_label, _), (rest_mean, rest_sd) = posterior(model, data.x)
    config = model.config
    if not config.classifier_weight:
        return z_label, None
    # The predicted label, not the true one: only that is available when new examples are encoded.
    labels = probabilities(model, z_label).argmax(1)
    if only_if_all and len(np.unique(labels)) < model.n_classes:
        return z_label, labels
    alignment = Alignment(config, model.n_classes).to(next(model.parameters()).device)
    loadings = model.style.weighted_loadings() if model.uses_style else None
    alignment.fit(rest_mean, rest_sd, labels, loadings, config.random_state)
    model.alignment = alignment
    return z_label, labels


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
