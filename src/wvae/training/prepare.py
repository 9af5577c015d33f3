"""From a user's arrays to training data: check them, and split off a validation set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..config import Config
from ..datasets.shards import take
from ..datasets.values import ValueScale, has_dark_strokes
from ..model import SplitVAE
from ..validation import (
    UNLABELLED,
    check_classes,
    check_groups,
    check_label_column,
    check_labels,
    check_weights,
    encode_labels,
    rows_by_class,
)
from .examples import Array, Examples, check_examples, learn_scale_of
from .initialise import build_model

MAX_PAPER_ROWS = 1000  # images whose edge shows how bright the paper is
CHANNELS = (1, 2, 3, 4)  # usual numbers of an image's channels


@dataclass(frozen=True)
class PreparedData:
    """Checked training data; rows of weight 0 are left out."""

    data: Examples
    classes: Array  # all labels, sorted
    scale: ValueScale  # from the numbers of the data to the network's input
    groups: Array | None  # (n,), of which none is split between training and validation

    def build_model(self, config: Config) -> SplitVAE:
        """Return an untrained model for these data."""
        shape, n_classes = self.data.x.shape[1:], len(self.classes)
        scale = self.scale
        return build_model(config, shape, n_classes, scale.unit_range, scale.dark_strokes)


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
    scale: ValueScale | None = None,
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
    scale
        Scale of the values if training goes on; None to learn it.

    Raises
    ------
    ValueError, TypeError
        If a value is not valid, or the objective cannot use it.
    """
    checked = check_examples(X)
    x = checked.x
    if config.kind == "image":
        _check_channels(x.shape)
    weight = check_weights(sample_weight, len(x))
    y = check_label_column(y, len(x))
    groups = check_groups(groups, len(x))
    if weight is not None and not weight.all():
        rows = np.flatnonzero(weight)
        checked = check_examples(take(x, rows))
        x = checked.x
        y, weight = y[rows], weight[rows]
        groups = None if groups is None else groups[rows]
    if classes is None:
        classes, indices = check_labels(y, len(x))
    else:
        classes = check_classes(classes)
        if len(classes) < 2:
            raise ValueError(
                f"classes holds one class only ({classes.tolist()}), expected at least two"
            )
        indices = encode_labels(y, len(x), classes)
    if scale is None:
        per_column = config.kind == "table" or x.ndim == 2
        bernoulli = config.likelihood == "bernoulli"
        scale = learn_scale_of(checked, per_column=per_column, bernoulli=bernoulli)
        # The notebook's network knows nothing of strokes.
        if config.kind == "image" and config.backbone != "article":
            scale = replace(scale, dark_strokes=has_dark_strokes(_some_rows(x), scale))
        of_array = scale
    else:
        of_array = scale.for_array(x, checked.low, checked.high)
    data = Examples(x, indices, None if weight is None else weight / weight.mean(), of_array)
    check_objective(config, data)
    return PreparedData(data, classes, scale, groups)


def _some_rows(x: Array) -> Array:
    """Return at most `MAX_PAPER_ROWS` rows, evenly spaced."""
    return x[np.arange(0, len(x), -(-len(x) // MAX_PAPER_ROWS))]


def _check_channels(shape: tuple[int, ...]) -> None:
    """Raise a ValueError if images have their channels last, as most programs write them."""
    if len(shape) != 4 or shape[1] in CHANNELS:
        return
    _, height, width, last = shape
    if last in CHANNELS or (height == width and last < width):
        raise ValueError(
            f"X has shape {shape}, like images with their channels last, expected them first: "
            "take np.moveaxis(X, -1, 1), and for one channel X[..., 0]"
        )


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
            f"separation is {config.separation!r}, which compares the examples of a batch "
            "with each other and cannot weigh them: take separation='none', or leave out "
            "sample_weight"
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
