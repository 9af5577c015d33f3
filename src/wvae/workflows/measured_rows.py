"""The rows of a data set that are measured: which they are, their codes, and the factors worth asking for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets import Dataset
from ..estimator import WVAE
from ..evaluation import images
from ..evaluation.checks import MAX_CATEGORIES
from .fit import held_out

Array = np.ndarray
Pair = tuple[Array, Array]  # of train and test
MEASURED = ("slant", "width", "thickness")


@dataclass(frozen=True)
class Coded:
    """The rows that are measured, each thing as a pair of train and test."""

    x: Pair
    y: Pair
    z_label: Pair
    z_rest: Pair
    z_sample: Pair | None
    factors: dict[str, Pair]
    grey: bool  # images of one channel, on which slant, width and thickness can be measured
    seen: bool  # images or spectrograms, which a reader can look at

    def varying(self) -> dict[str, Pair]:
        """Return the continuous factors that vary in both parts, or the style measured on grey images."""
        found = {f: pair for f, pair in self.factors.items() if not is_category(pair[0])}
        if not found and self.grey:
            train, test = (images.stroke_style(x) for x in self.x)
            found = {f"measured.{f}": (train[f], test[f]) for f in MEASURED}
        return {
            f: pair
            for f, pair in found.items()
            if all(len(np.unique(values)) > 1 for values in pair)
        }

    def shared(self) -> dict[str, Pair]:
        """Return the categories that a probe can learn from train and be asked about in test."""
        found = {f: pair for f, pair in self.factors.items() if is_category(pair[0])}
        return {f: pair for f, pair in found.items() if can_be_read(*pair)}


def first_category(data: Dataset) -> str | None:
    """Return the first factor of the data that names categories, shared by many examples, or None."""
    for name, values in data.factors.items():
        if is_category(np.array(values.tolist())) and 1 < len(np.unique(values)) <= len(data) // 5:
            return name
    return None


def encoded(
    model: WVAE,
    data: Dataset,
    factors: Sequence[str] | None,
    most: tuple[int, int],
    seed: int,
    *,
    samples: bool,
) -> Coded:
    """Choose labelled rows of both parts (`held_out`), at most as many as `most` says, and encode them.

    Factors are those named, or all; constants and ids (as many categories as rows) are left out. With `samples`, a
    sample of each code as well. A ValueError if labels are not the model's, there are no test rows, or a factor is
    unknown, incomplete or useless.
    """
    columns = _columns(data, factors)
    unknown = set(data.classes.tolist()) - set(model.classes_.tolist())
    if unknown:
        came = f"{data.name} has the labels {sorted(unknown, key=str)[:5]}, the model knows {model.classes_.tolist()}"
        raise ValueError(f"{came}: leave the others out, or take the data that it was trained on")
    is_test, labelled = held_out(data, seed), data.labelled
    train, test = (np.flatnonzero(mask & labelled) for mask in (~is_test, is_test))
    if not len(train) or not len(test):
        came = f"{data.name} has {len(test)} test rows of {len(train) + len(test)} with a label"
        raise ValueError(f"{came}, expected some, and not all")
    rng = np.random.default_rng(seed)
    train, test = (
        np.sort(rng.permutation(rows)[:n]) for rows, n in zip((train, test), most, strict=True)
    )
    x = data.x[train], data.x[test]
    (label, rest), (label_test, rest_test) = (model.encode(part) for part in x)
    return Coded(
        x=x,
        y=(_plain(data.y[train]), _plain(data.y[test])),
        z_label=(label, label_test),
        z_rest=(rest, rest_test),
        z_sample=(model.sample(x[0], seed)[1], model.sample(x[1], seed + 1)[1])
        if samples
        else None,
        factors={factor: (values[train], values[test]) for factor, values in columns.items()},
        grey=data.kind == "image" and len(data.shape) == 2,
        seen=data.kind != "table" and len(data.shape) in (2, 3),
    )


def _columns(data: Dataset, factors: Sequence[str] | None) -> dict[str, Array]:
    """Return the factors that can tell rows apart, and tell some alike."""
    unknown = [f for f in factors or () if f not in data.factors]
    if unknown:
        known = ", ".join(data.factors) or "none at all"
        raise ValueError(
            f"{data.name} does not know the factor {unknown[0]!r} (its factors: {known})"
        )
    found: dict[str, Array] = {}
    for factor in data.factors if factors is None else factors:
        values = data.factors[factor].tolist()
        if any(v is None or v != v for v in values):
            came = f"factor {factor} of {data.name} holds NaN or None"
            raise ValueError(
                f"{came}, expected a value for each row: leave the unknown ones out, or name other factors"
            )
        column = np.array(values)
        n = len(np.unique(column))
        if n > 1 and (n < len(column) or not is_category(column)):
            found[factor] = column
        elif factors is not None:
            raise ValueError(
                f"factor {factor} has {n} values in {len(column)} rows, so nothing can be learnt of it"
            )
    return found


def _plain(values: Array) -> Array:
    return np.array(
        values.tolist()
    )  # a column of objects, as pandas gives it, becomes one of words or numbers


def is_category(values: Array) -> bool:
    """Return whether a factor names categories; floating ones are continuous."""
    return values.dtype.kind != "f"


def can_be_read(known: Array, asked: Array) -> bool:
    """Return whether a probe can learn these categories from train, and be asked about some of them in test."""
    n = len(np.unique(known))
    return (
        2 <= n <= MAX_CATEGORIES
        and n < len(known)
        and bool(np.isin(asked, known).any())
        and len(np.unique(asked)) > 1
    )
