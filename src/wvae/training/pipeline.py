"""From checked examples to a fitted model: hold out, train, align, finetune_decoder."""

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
from ..datasets.shards import picked
from ..model import SplitVAE
from ..nn.alignment import Alignment
from ..validation import (
    UNLABELLED,
    check_groups,
    check_label_column,
    check_labels,
    check_weights,
    encode_labels,
    rows_by_class,
)
from .examples import Array, Examples, check_examples
from .finetune import finetune_decoder
from .inference import posterior, probabilities
from .initialise import build_model, measure
from .loop import Row, train, train_on

ALIGNED = (
    60_000,
    200_000,
)  # rows that are aligned and practised on: at most, but so many whatever their size
ALIGNED_BYTES = 1 << 26


@dataclass(frozen=True)
class Prepared:
    """Checked examples with the labels among `classes`, rows of weight 0 left out; what else came with them."""

    data: Examples
    classes: Array
    unit_range: bool  # whether all values lie in [0, 1]
    groups: Array | None

    def build_model(self, config: Config) -> SplitVAE:
        """Return a new model for such data."""
        return build_model(config, self.data.x.shape[1:], len(self.classes), self.unit_range)


@dataclass(frozen=True)
class Fit:
    """A trained model, its history, and the mean z_label of each class, (classes, d_label)."""

    model: SplitVAE
    history: list[Row]
    centres: Array


def seeded(parameters: dict[str, Any]) -> Config:
    """Return a config; a ``random_state`` that is None or a RandomState, as scikit-learn takes it, becomes a number."""
    seed: Any = parameters["random_state"]
    if seed is None or isinstance(seed, np.random.RandomState):
        parameters = {
            **parameters,
            "random_state": int(check_random_state(seed).randint(2**31 - 1)),
        }
    return Config(**parameters)


def prepared(
    config: Config,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    groups: Any = None,
    classes: Any = None,
) -> Prepared:
    """Return what came to `fit` or `partial_fit`, checked, and ready to be learnt from.

    Without `classes` the labels hold them all, two of each at least.

    Raises
    ------
    ValueError, TypeError
        If anything cannot be used, or the objective cannot do with it.
    """
    x, unit_range = check_examples(X)
    weight, y, groups = (
        check_weights(sample_weight, len(x)),
        check_label_column(y, len(x)),
        check_groups(groups, len(x)),
    )
    if weight is not None and not weight.all():
        kept = np.flatnonzero(weight)
        (x, unit_range), y, weight = check_examples(picked(x, kept)), y[kept], weight[kept]
        groups = None if groups is None else groups[kept]
    if classes is None:
        classes, indices = check_labels(y, len(x))
    else:
        classes = np.unique(np.asarray(classes))
        if len(classes) < 2:
            raise ValueError(
                f"classes holds one class only ({classes.tolist()}), expected at least two"
            )
        indices = encode_labels(y, len(x), classes)
    data = Examples(x, indices, None if weight is None else weight / weight.mean())
    check_objective(config, data)
    return Prepared(data, classes, unit_range, groups)


def check_same_classes(classes: Array, before: Array) -> None:
    """Raise a ValueError if a model of other classes would have to go on with these."""
    if not np.array_equal(classes, before):
        raise ValueError(
            f"the classes are {classes.tolist()}, and before they were {before.tolist()}: a model can go on "
            "with the same ones only"
        )


def check_objective(config: Config, data: Examples) -> None:
    """Raise a ValueError if the separation term cannot do with weights, or with labels that are not known."""
    if config.separation == "none":
        return
    if data.weight is not None:
        raise ValueError(
            f"separation is {config.separation!r}, which compares the examples of a batch with each other and cannot "
            "weigh them: take separation='none', or leave out sample_weight"
        )
    if config.separation != "covariance" and (data.y == UNLABELLED).any():
        raise ValueError(
            f"separation is {config.separation!r}, which needs every label, and y marks some as not known: take "
            "separation='none', or drop those rows"
        )


def hold_out(
    config: Config, data: Examples, groups: Array | None
) -> tuple[Examples, Examples | None]:
    """Return examples to train on and, if training is to stop early, others to watch.

    They are a share of each label's rows, chosen at random; with `groups`, (n,), of the groups, so that no group is on
    both sides.

    Raises
    ------
    ValueError
        If there are groups but no early stopping, fewer than two groups, or a label would be left without examples.
    """
    if not config.early_stopping:
        if groups is not None:
            raise ValueError(
                "groups came, which only early_stopping uses: take early_stopping=True or leave them out"
            )
        return data, None
    watched, rng = np.zeros(len(data.y), bool), np.random.default_rng(config.random_state)
    if groups is None:
        known = np.unique(data.y)
        for rows in map(rng.permutation, rows_by_class(np.searchsorted(known, data.y), len(known))):
            watched[
                rows[: min(max(1, round(config.validation_fraction * len(rows))), len(rows) - 1)]
            ] = True
    else:
        names = rng.permutation(np.unique(groups))
        if len(names) < 2:
            raise ValueError(
                "groups holds one group only, expected at least two: one to train on, one to watch"
            )
        n = min(max(1, round(config.validation_fraction * len(names))), len(names) - 1)
        watched = np.isin(groups, names[:n])
    lost = np.setdiff1d(data.y, data.y[~watched])
    if len(lost):
        raise ValueError(
            f"all examples of {len(lost)} of the labels are in groups held out by early_stopping: lower "
            "validation_fraction, take another random_state, or leave out groups"
        )
    return data.subset(np.flatnonzero(~watched)), data.subset(np.flatnonzero(watched))


def learn(
    model: SplitVAE,
    data: Examples,
    *,
    groups: Array | None,
    fresh: bool,
    test: Examples | None,
    checkpoint: Path | None,
    on_epoch: Callable[[Row], None] | None,
    on_phase: Callable[[str, int, int], None] | None = None,
) -> Fit:
    """Train, align and finetune_decoder."""
    data, validation = hold_out(model.config, data, groups)
    history = train(
        model,
        data,
        test=test,
        validation=validation,
        fresh=fresh,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    data = data.subsample(_most(data), model.config.random_state)
    z_label, labels = _align(model.eval(), data, on_phase=on_phase)
    if labels is not None:
        finetune_decoder(model, data, on_phase)
    return Fit(model.eval(), history, _centres(z_label, data, None, model.n_classes))


def _most(data: Examples) -> int:
    """Return how many rows the alignment and the practice see, at most: as many as stay in memory without harm."""
    return max(ALIGNED[0], min(ALIGNED[1], ALIGNED_BYTES * len(data.x) // max(1, data.x.nbytes)))


def learn_on(
    model: SplitVAE,
    data: Examples,
    optimiser: torch.optim.Optimizer,
    history: list[Row],
    centres: Array | None,
) -> Fit:
    """Pass once over more data, and align anew if every class is read in them."""
    if not history:
        measure(model, data)
    row = train_on(model, data, optimiser, len(history) + 1)
    z_label, _ = _align(model.eval(), data, only_if_all=True)
    return Fit(model, [*history, row], _centres(z_label, data, centres, model.n_classes))


def continued(old: SplitVAE, config: Config) -> SplitVAE:
    """Return a model of this config that starts from the old one's weights, not aligned yet.

    Raises
    ------
    ValueError
        If the config is of another architecture.
    """
    model = build_model(config, old.shape, old.n_classes, old.unit_range)
    mine, theirs = (
        {
            name: value
            for name, value in each.state_dict().items()
            if not name.startswith("alignment.")
        }
        for each in (model, old)
    )
    differ = sorted(
        name for name in mine.keys() | theirs.keys() if name not in mine or name not in theirs
        or mine[name].shape != theirs[name].shape
    )  # fmt: skip
    if differ:
        raise ValueError(
            f"warm_start is True, but the hyper-parameters are of another architecture than the fitted model's "
            f"({differ[0]} differs): go on with those it was fitted with, or take warm_start=False"
        )
    model.load_state_dict(theirs, strict=False)
    return model


def copied(
    model: SplitVAE, optimiser: torch.optim.Optimizer
) -> tuple[SplitVAE, torch.optim.Optimizer]:
    """Return copies that may be spoilt."""
    return deepcopy((model, optimiser))


def _align(
    model: SplitVAE,
    data: Examples,
    only_if_all: bool = False,
    on_phase: Callable[[str, int, int], None] | None = None,
) -> tuple[Array, Array | None]:
    """Fit the maps, and return z_label (n, d_label) and the label that each means, (n,), if there are labels."""
    config, device = model.config, next(model.parameters()).device
    if on_phase is not None:
        on_phase("alignment", 0, max(1, config.alignment_steps))
    (z_label, _), (mean, sd) = posterior(model, data.x)
    if not config.classifier_weight:
        return z_label, None
    # The label that z_label means, not the true one: that is all there is when new examples are encoded.
    labels = probabilities(model, z_label).argmax(1)
    if not only_if_all or len(np.unique(labels)) == model.n_classes:
        model.alignment = Alignment(config, model.n_classes).to(device)
        loadings = model.style.weighted_loadings() if model.uses_style else None
        model.alignment.fit(mean, sd, labels, loadings, config.random_state, on_phase)
    return z_label, labels


def _centres(z_label: Array, data: Examples, before: Array | None, n_classes: int) -> Array:
    """Return the weighted mean z_label of each class; of one that does not occur the one before, or NaN."""
    centres = (
        np.full((n_classes, z_label.shape[1]), np.nan, np.float32)
        if before is None
        else before.copy()
    )
    for k, mine in enumerate(rows_by_class(data.y, n_classes)):
        if data.weight is None and len(mine):
            centres[k] = z_label[mine].mean(0)
        elif len(mine) and data.weight is not None:
            centres[k] = np.average(z_label[mine], axis=0, weights=data.weight[mine])
    return centres
