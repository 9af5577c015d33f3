"""Training and test rows of a data set with their codes, labels and factors, for measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..datasets import Dataset
from ..datasets.dataset import Array
from ..datasets.holdout import holdout_mask
from ..estimator import WVAE
from ..evaluation import images
from ..evaluation.checks import MAX_CATEGORIES
from ..validation.quoting import quoted
from .inputs import is_categorical

MIN_NEW_ROWS = 10  # test rows of a new category on average, for probes of it
MEASURED_STYLE = ("slant", "width", "thickness")


class Pair(NamedTuple):
    """The same quantity of training rows and of test rows."""

    train: Array
    test: Array


@dataclass(frozen=True)
class EncodedSplit:
    """Training and test rows with everything that is measured on them.

    Attributes
    ----------
    x, y
        Examples (n, \\*shape) and labels (n,).
    z_label, z_rest
        Posterior means, (n, d_label) and (n, d_rest).
    z_rest_sample
        A sample of q(z_rest|x), (n, d_rest), or None.
    factors
        Factors by name, (n,) each, without constants and ids.
    is_grey
        Whether the examples are images of one channel from dark 0 to bright 1, whose slant, width
        and thickness can be measured.
    is_viewable
        Whether the examples are images or spectrograms, which a judge classifier can be trained on.
    """

    x: Pair
    y: Pair
    z_label: Pair
    z_rest: Pair
    z_rest_sample: Pair | None
    factors: dict[str, Pair]
    is_grey: bool
    is_viewable: bool

    def continuous_factors(self) -> dict[str, Pair]:
        """Return the continuous factors that vary in both parts.

        Grey images without continuous factors have measured ones instead.
        """
        factors = self.factors.items()
        candidates = {name: pair for name, pair in factors if not is_categorical(pair.train)}
        if not candidates and self.is_grey:
            train, test = images.stroke_style(self.x.train), images.stroke_style(self.x.test)
            for name in MEASURED_STYLE:
                candidates[f"measured.{name}"] = Pair(train[name], test[name])
        return {name: pair for name, pair in candidates.items() if _varies(pair)}

    def categorical_factors(self) -> dict[str, Pair]:
        """Return the categorical factors that a probe can be trained and scored on."""
        return {
            name: pair
            for name, pair in self.factors.items()
            if is_categorical(pair.train) and is_learnable(pair)
        }

    def new_factors(self) -> dict[str, Pair]:
        """Return the categorical factors whose test categories are all new to training.

        Of each, test rows have at least two categories, and several rows for each on average, with
        several labels.
        """
        n_rows, n_labels = len(self.y.test), len(np.unique(self.y.test))
        factors: dict[str, Pair] = {}
        for name, pair in self.factors.items():
            n_categories = len(np.unique(pair.test))
            repeated = 2 <= n_categories <= min(n_rows // MIN_NEW_ROWS, MAX_CATEGORIES)
            is_new = not np.isin(pair.test, pair.train).any()
            if is_categorical(pair.train) and is_new and repeated and n_labels > 1:
                factors[name] = pair
        return factors


def encode_split(
    model: WVAE,
    data: Dataset,
    factors: Sequence[str] | None,
    max_rows: tuple[int, int],
    seed: int,
    *,
    samples: bool,
) -> EncodedSplit:
    """Choose labelled rows of both parts at random and encode them.

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data; `wvae.datasets.holdout.holdout_mask` splits them.
    factors
        Names of factors; None is all. Constants and ids, which have as many categories as rows,
        are left out.
    max_rows
        Largest numbers of training rows and of test rows.
    seed
        Seed of the split, of the rows and of the samples.
    samples
        Whether to draw a sample of q(z_rest|x), too.

    Raises
    ------
    ValueError
        If a label is unknown to the model, there are no test rows, or a named factor does not
        exist, has missing values or is constant or an id.
    """
    columns = _factor_columns(data, factors)
    unknown = set(data.classes.tolist()) - set(model.classes_.tolist())
    if unknown:
        raise ValueError(
            f"{data.name} has the labels {sorted(unknown, key=str)[:5]}, the model was trained on "
            f"{model.classes_.tolist()}: leave out rows with other labels"
        )
    rows = _choose_rows(data, max_rows, seed)
    x = Pair(data.x[rows.train], data.x[rows.test])
    train_codes, test_codes = model.encode(x.train), model.encode(x.test)
    z_rest_sample = None
    if samples:
        train_sample, test_sample = model.sample(x.train, seed), model.sample(x.test, seed + 1)
        z_rest_sample = Pair(train_sample[1], test_sample[1])
    y = Pair(_without_objects(data.y[rows.train]), _without_objects(data.y[rows.test]))
    pairs: dict[str, Pair] = {}
    for name, values in columns.items():
        pairs[name] = Pair(values[rows.train], values[rows.test])
    return EncodedSplit(
        x=Pair(in_unit_range(model, x.train), in_unit_range(model, x.test)),
        y=y,
        z_label=Pair(train_codes[0], test_codes[0]),
        z_rest=Pair(train_codes[1], test_codes[1]),
        z_rest_sample=z_rest_sample,
        factors=pairs,
        is_grey=data.kind == "image" and len(data.shape) == 2 and model.scale_.unit_range,
        is_viewable=data.kind != "table" and len(data.shape) in (2, 3),
    )


def in_unit_range(model: WVAE, x: Array) -> Array:
    """Return images and spectrograms of any numbers as uint8 or in [0, 1]; tables as they are.

    Parameters
    ----------
    model
        The model whose scale is used.
    x
        Examples, (n, \\*shape).
    """
    scale = model.scale_
    if not scale.unit_range or (x.dtype == np.uint8 and scale.white == 255):
        return x
    # New values may lie slightly outside, and measures of images need [0, 1].
    return scale.for_array(x, float(x.min()), float(x.max())).apply(x).clip(0, 1)


def is_learnable(factor: Pair) -> bool:
    """Return whether a probe can be trained on these categories and scored on some of them.

    Parameters
    ----------
    factor
        Categories of training rows and of test rows.

    Examples
    --------
    >>> is_learnable(Pair(np.array([1, 1, 2]), np.array([1, 2])))
    True
    >>> is_learnable(Pair(np.array([1, 1, 2]), np.array([3, 4])))
    False
    """
    n_categories = len(np.unique(factor.train))
    return (
        2 <= n_categories <= MAX_CATEGORIES
        and n_categories < len(factor.train)
        and bool(np.isin(factor.test, factor.train).any())
        and len(np.unique(factor.test)) > 1
    )


def _varies(factor: Pair) -> bool:
    """Return whether a factor has several values in both parts."""
    return len(np.unique(factor.train)) > 1 and len(np.unique(factor.test)) > 1


def _choose_rows(data: Dataset, max_rows: tuple[int, int], seed: int) -> Pair:
    """Return the sorted indices of labelled training rows and test rows."""
    is_test, labelled = holdout_mask(data, seed), data.labelled
    train, test = np.flatnonzero(~is_test & labelled), np.flatnonzero(is_test & labelled)
    if not len(train) or not len(test):
        raise ValueError(
            f"{data.name} has {len(test)} test rows among {len(train) + len(test)} rows with a "
            "label, expected test rows and training rows"
        )
    rng = np.random.default_rng(seed)
    train = np.sort(rng.permutation(train)[: max_rows[0]])
    test = np.sort(rng.permutation(test)[: max_rows[1]])
    return Pair(train, test)


def _factor_columns(data: Dataset, factors: Sequence[str] | None) -> dict[str, Array]:
    """Return the factors that are neither constants nor ids."""
    columns: dict[str, Array] = {}
    for name in data.factors if factors is None else factors:
        if name not in data.factors:
            raise ValueError(
                f"{data.name} has no factor {quoted(name)} "
                f"(its factors: {', '.join(data.factors) or 'none'})"
            )
        values = data.factors[name].tolist()
        if any(value is None or value != value for value in values):
            raise ValueError(
                f"factor {name} of {data.name} has missing values (NaN or None), expected a value "
                "for each row: leave out rows without a value, or name other factors"
            )
        column = np.array(values)
        n_values = len(np.unique(column))
        is_id = is_categorical(column) and n_values == len(column)
        if n_values > 1 and not is_id:
            columns[name] = column
        elif factors is not None:
            raise ValueError(
                f"factor {name} has {n_values} distinct values in {len(column)} rows, so it is "
                "a constant or an id: name other factors"
            )
    return columns


def _without_objects(values: Array) -> Array:
    """Return a column of objects, as pandas has it, as an array of numbers or strings."""
    return np.array(values.tolist())
