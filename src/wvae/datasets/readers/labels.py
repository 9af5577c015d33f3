"""Columns that describe the rows: the label, the factors and the split, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..dataset import Array, Dataset, Kind, is_labelled
from ..messages import Log, did_you_mean, preview
from .splits import SPLIT, read_split

__all__ = ["Annotations", "ReadOptions", "annotate", "choose_label", "require_column"]

LABELS = ("label", "labels", "y", "target", "class")
MAX_FRACTIONS = 20  # more distinct fractions than this are a measurement, not classes


@dataclass(frozen=True)
class ReadOptions:
    """The arguments of `open_data`, which describes each."""

    label: str | None
    factors: tuple[str, ...]
    size: int | tuple[int, int] | None
    rate: int | None
    log: Log
    progress: bool
    unlabelled: bool = False


@dataclass(frozen=True)
class Annotations:
    """Labels, factors and split of n rows, as a `Dataset` takes them.

    Parameters
    ----------
    label_name
        What the label is called.
    y
        Labels, (n,); of dtype object, with None where a label is missing.
    factors
        Hidden attributes by name, (n,) each.
    split
        ``"train"`` or ``"test"`` for each row, (n,), or None.
    trainable
        Whether the labels must be of use for training.
    """

    label_name: str
    y: Array
    factors: dict[str, Array]
    split: Array | None
    trainable: bool = True

    def dataset(self, x: Array, kind: Kind, path: Path, rate: int | None = None) -> Dataset:
        """Return the rows with their examples, named after the file or folder that they come from."""
        name = path.resolve().name if path.is_dir() else path.stem
        return Dataset(
            x,
            self.y,
            self.factors,
            self.split,
            kind,
            self.label_name,
            name,
            source=str(path),
            rate=rate,
        )

    def subset(self, rows: Array, where: str) -> Annotations:
        """Return the rows of a mask, (n,) bool, checked again: a class may have lost its examples."""
        if rows.all():
            return self
        y = self.y[rows]
        if self.trainable:
            _check_classes(y[is_labelled(y)], self.label_name, where)
        factors = {name: values[rows] for name, values in self.factors.items()}
        return replace(
            self, y=y, factors=factors, split=None if self.split is None else self.split[rows]
        )


def annotate(
    columns: Mapping[str, Array],
    label: str | None,
    n: int,
    where: str,
    options: ReadOptions,
    factors: Sequence[str] | None = None,
) -> Annotations:
    """Return the label, the factors and the split that columns hold.

    Parameters
    ----------
    columns
        Values by name, (n,) each. A column called ``split`` is the split, unless it is named as the label or a factor.
    label
        Name of the column of the label; None if there is none.
    n
        How many rows there are.
    where
        The name of the source in errors.
    options
        The user's; `log` gets a line for each decision.
    factors
        Names of the factors; None for those of the options. If none is named, all columns that group the rows are.

    Raises
    ------
    ValueError
        If a column is unknown or a factor's value is missing; unless `options.unlabelled`, also if the label is missing
        in all rows, has one class, a class with one example, many fractions, or as many values as an id.
    """
    log = options.log
    factors = options.factors if factors is None else factors
    _check_factor_names(factors, label, columns, where)
    y = (
        np.full(n, None, object)
        if label is None
        else _read_labels(columns[label], label, where, options)
    )
    has_split = SPLIT in columns and label != SPLIT and SPLIT not in factors
    split = read_split(_plain(columns[SPLIT]), where, log) if has_split else None
    label_name = label or options.label or LABELS[0]
    annotations = Annotations(label_name, y, {}, split, trainable=not options.unlabelled)
    if factors:
        return replace(
            annotations,
            factors={name: _read_factor(columns[name], name, where) for name in factors},
        )
    used = {label, SPLIT} if has_split else {label}
    others = {name: values for name, values in columns.items() if name not in used}
    return replace(annotations, factors=_choose_factors(others, log))


def choose_label(names: Sequence[str], options: ReadOptions, where: str) -> str | None:
    """Return the column of the label: the one that the user named, else the first with a usual name.

    Returns None if there is none and `options.unlabelled` allows it.

    Raises
    ------
    ValueError
        If there is no such column and a label is needed.
    """
    label, usual = options.label, f"{', '.join(LABELS[:-1])} or {LABELS[-1]}"
    if label is not None:
        if label not in names and options.unlabelled:
            options.log(f"no labels: there is no column {label!r}{did_you_mean(label, names)}")
            return None
        return require_column(label, names, where, "label")
    for word in LABELS:
        for name in names:
            if name.lower() == word:
                return name
    if options.unlabelled:
        options.log(f"no labels: no column is called {usual}")
        return None
    raise ValueError(
        f"{where}: which is the label? No column is called {usual}: "
        f"name one of {preview(names, 12) or 'its columns (it has none)'}"
    )


def require_column(
    name: str, names: Sequence[str] | Mapping[str, Array], where: str, role: str
) -> str:
    """Return the name if there is such a column.

    Raises
    ------
    ValueError
        If there is none; the message suggests a similar name.
    """
    if name in names:
        return name
    known = list(names)
    raise ValueError(
        f"{where}: there is no column {name!r} for the {role}{did_you_mean(name, known)}; "
        f"there {'are' if known else 'is'} {preview(known, 12) or 'none at all'}"
    )


def _check_factor_names(
    factors: Sequence[str], label: str | None, columns: Mapping[str, Array], where: str
) -> None:
    for i, name in enumerate(factors):
        require_column(name, columns, where, "factor")
        if name == label:
            raise ValueError(
                f"{where}: {name!r} is named as label and as factor, expected one of them"
            )
        if name in factors[:i]:
            raise ValueError(f"{where}: the factor {name!r} is named twice, expected once")


def _plain(values: Array) -> Array:
    """Return objects, dates and bytes as words, with "" for None and NaN; bool as 0 and 1; others unchanged."""
    if values.dtype.kind == "O":
        return np.array([_word(value) for value in values.tolist()], dtype=np.str_)
    if values.dtype.kind in "SMm":
        return values.astype(np.str_)
    return values.astype(np.int64) if values.dtype.kind == "b" else values


def _word(value: object) -> str:
    is_missing = value is None or value != value
    return "" if is_missing else str(value)


def _is_missing(values: Array) -> Array:
    if values.dtype.kind == "f":
        return ~np.isfinite(values)
    return values == "" if values.dtype.kind == "U" else np.zeros(len(values), bool)


def _read_labels(values: Array, name: str, where: str, options: ReadOptions) -> Array:
    """Return labels as int64 or words, with None for missing ones."""
    values = _plain(values)
    if values.dtype.kind not in "iufU":
        raise ValueError(
            f"{where}: the label {name!r} has dtype {values.dtype}, expected whole numbers or words"
        )
    missing = np.isnan(values) if values.dtype.kind == "f" else _is_missing(values)
    if missing.all() and not options.unlabelled:
        raise ValueError(
            f"{where}: the label {name!r} is missing in all rows: fill it, or name another column"
        )
    labels = values[~missing]
    if labels.dtype.kind == "f":
        labels = _from_fractions(labels, name, where, options)
    elif labels.dtype.kind in "iu":
        labels = labels.astype(np.int64)
    if not options.unlabelled:
        _check_classes(labels, name, where)
    summary = f"label {name!r}: {len(np.unique(labels)):,} classes in {len(values):,} rows"
    if not missing.any():
        options.log(summary)
        return labels
    use = "" if options.unlabelled else " (used for all but the classifier)"
    options.log(f"{summary}, {missing.sum():,} of them without a label{use}")
    out = np.full(len(values), None, object)
    out[~missing] = labels
    return out


def _from_fractions(values: Array, name: str, where: str, options: ReadOptions) -> Array:
    """Return floating labels as int64 if they are whole, else as words."""
    distinct = np.unique(values)
    if not np.isfinite(distinct).all():
        raise ValueError(
            f"{where}: the label {name!r} holds infinity, expected whole numbers or words"
        )
    if (distinct == np.round(distinct)).all():
        return values.astype(np.int64)
    if len(distinct) > MAX_FRACTIONS and not options.unlabelled:
        raise ValueError(
            f"{where}: the label {name!r} holds {len(distinct):,} different fractions from {distinct[0]:g} to "
            f"{distinct[-1]:g}, expected classes: cut it into bins, or name it as a factor"
        )
    options.log(f"label {name!r} holds {len(distinct)} different fractions: each becomes a class")
    return values.astype(np.str_)


def _check_classes(values: Array, name: str, where: str) -> None:
    """Raise a ValueError if labels cannot be trained on."""
    classes, counts = np.unique(values, return_counts=True)
    if len(classes) == 1:
        raise ValueError(
            f"{where}: the label {name!r} has one class only, {classes[0]!s}: expected at least two"
        )
    if 2 * len(classes) > len(values):
        raise ValueError(
            f"{where}: the label {name!r} has {len(classes):,} values in {len(values):,} rows, like an id: "
            "expected a class that several rows share"
        )
    rare = classes[counts == 1].tolist()
    if rare:
        raise ValueError(
            f"{where}: {len(rare):,} of {len(classes):,} classes of the label {name!r} have one example "
            f"({preview(rare)}), expected at least two: drop them or merge them with others"
        )


def _read_factor(values: Array, name: str, where: str) -> Array:
    """Return the values of a factor that the user named, or raise a ValueError if some are missing."""
    values = _plain(values)
    missing = np.flatnonzero(_is_missing(values))
    if missing.size:
        raise ValueError(
            f"{where}: the factor {name!r} is missing (empty or NaN) in {missing.size:,} of {len(values):,} rows, "
            f"first in row {missing[0] + 1}: fill it or drop those rows"
        )
    return values


def _choose_factors(columns: Mapping[str, Array], log: Log) -> dict[str, Array]:
    """Return the columns that group the rows, and log which do and which do not."""
    factors = dict[str, Array]()
    others = list[str]()
    for name, values in columns.items():
        values = _plain(values)
        reason = _why_no_factor(values)
        if reason:
            others.append(f"{name!r} ({reason})")
        else:
            factors[name] = values
    if factors:
        log(f"factors (none was named): {', '.join(factors)}")
    if others:
        log(f"not used as factors: {preview(others, 5, quote=False)}")
    return factors


def _why_no_factor(values: Array) -> str:
    """Return why a column cannot be a factor unless the user names it, or an empty string."""
    if values.dtype.kind not in "iufU":
        return f"dtype {values.dtype}"
    if _is_missing(values).any():
        return "values are missing"
    n_distinct = len(np.unique(values))
    if n_distinct == 1:
        return "one value"
    is_id = 2 * n_distinct > len(values) and values.dtype.kind != "f"
    return f"{n_distinct:,} values in {len(values):,} rows" if is_id else ""
