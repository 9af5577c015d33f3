"""The label, the factors and the split of a data set, from columns that are checked first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset import Array, Dataset, Kind, is_labelled
from ..messages import Log, did_you_mean, preview
from ..schema import Naming, Schema
from .splits import SPLIT, read_split

__all__ = ["Annotations", "ReadOptions", "annotate", "choose_label", "require_column"]

LABELS = ("label", "labels", "y", "target", "class")
EXPECTED = "whole numbers or words"
MAX_FRACTIONS = 20  # a label with more distinct fractions is a measurement, not a class


@dataclass(frozen=True)
class ReadOptions:
    """The arguments of `open_data`; see there."""

    label: str | None
    factors: tuple[str, ...]
    size: int | tuple[int, int] | None
    rate: int | None
    log: Log
    progress: bool
    unlabelled: bool = False
    drop_missing: bool = False
    naming: Naming = field(default_factory=Naming)
    schema: Schema | None = None  # of the model for which the data are opened


@dataclass(frozen=True)
class Annotations:
    """Labels, factors and split of n rows, in the form of a `Dataset`.

    Parameters
    ----------
    label_name
        Name of the label.
    y
        Labels, (n,); if some are missing, the dtype is object and the missing ones are None.
    factors
        Hidden attributes by name, (n,) each.
    split
        ``"train"`` or ``"test"`` for each row, (n,), or None.
    trainable
        Whether the labels must be suitable for training.
    """

    label_name: str
    y: Array
    factors: dict[str, Array]
    split: Array | None
    trainable: bool = True

    def dataset(self, x: Array, kind: Kind, path: Path, **schema: Any) -> Dataset:
        """Return the data set of these rows and their examples, named after its file or folder.

        Parameters
        ----------
        x, kind
            The examples and their kind.
        path
            The file or folder.
        schema
            Fields of `Schema` that the reader decided: ``columns``, ``white``, ``rate`` …
        """
        data = Dataset(
            x,
            self.y,
            self.factors,
            self.split,
            kind,
            self.label_name,
            name=path.resolve().name if path.is_dir() else path.stem,
            source=str(path),
            rate=schema.get("rate"),
        )
        learnt = Schema(kind, data.shape, **schema)
        return replace(data, schema=learnt.with_labels(data.label_name, data.classes, data.factors))

    def subset(self, rows: Array, where: str) -> Annotations:
        """Return the rows of a mask, (n,) bool; check the classes again, which may be too small."""
        if rows.all():
            return self
        y = self.y[rows]
        if self.trainable:
            _check_classes(y[is_labelled(y)], self.label_name, where)
        factors = {name: values[rows] for name, values in self.factors.items()}
        split = None if self.split is None else self.split[rows]
        return replace(self, y=y, factors=factors, split=split)


def annotate(
    columns: Mapping[str, Array],
    label: str | None,
    n: int,
    where: str,
    options: ReadOptions,
    factors: Sequence[str] | None = None,
) -> Annotations:
    """Return the label, the factors and the split of columns.

    Parameters
    ----------
    columns
        Values by name, (n,) each. A column called ``split`` is the split, unless it is the label or
        a named factor.
    label
        Name of the label's column; None if there is none.
    n
        Number of rows.
    where
        Name of the source for errors.
    options
        The arguments of `open_data`; ``log`` is called with a line on each decision.
    factors
        Names of the factors; None: those of the options. If none is named, all columns that group
        the rows are factors.

    Raises
    ------
    ValueError
        If a column is unknown or a value of a named factor is missing. Unless
        ``options.unlabelled``, also if the label is missing in all rows, has one class, has a class
        with one example, has many different fractions, or is an id.
    """
    log = options.log
    factors = options.factors if factors is None else factors
    _check_factor_names(factors, label, columns, where)
    y = np.full(n, None, object)
    if label is not None:
        y = _read_labels(columns[label], label, where, options)
    has_split = SPLIT in columns and label != SPLIT and SPLIT not in factors
    split = read_split(_plain(columns[SPLIT]), where, log) if has_split else None
    label_name = label or options.label or LABELS[0]
    annotations = Annotations(label_name, y, {}, split, trainable=not options.unlabelled)
    if factors:
        named = {name: _read_factor(columns[name], name, where) for name in factors}
        return replace(annotations, factors=named)
    used = {label, SPLIT} if has_split else {label}
    others = {name: values for name, values in columns.items() if name not in used}
    return replace(annotations, factors=_choose_factors(others, log))


def choose_label(names: Sequence[str], options: ReadOptions, where: str) -> str | None:
    """Return the label's column: the one that the user named, else the first with a usual name.

    Parameters
    ----------
    names
        Names of all columns.
    options
        The arguments of `open_data`. With ``unlabelled``, None is returned if there is no label.
    where
        Name of the source for errors.

    Raises
    ------
    ValueError
        If there is no such column and a label is required.
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
    columns = preview(names, 12) or "its columns (it has none)"
    raise ValueError(
        f"{where}: which is the label? No column is called {usual}: name one of {columns}"
    )


def require_column(
    name: str, names: Sequence[str] | Mapping[str, Array], where: str, role: str
) -> str:
    """Return the name if there is such a column.

    Parameters
    ----------
    name
        The name that the user gave.
    names
        Names of all columns.
    where
        Name of the source for errors.
    role
        Role of the column for errors: "label" or "factor".

    Raises
    ------
    ValueError
        If there is no such column; the message suggests a similar name.

    Examples
    --------
    >>> require_column("writer", ["digit", "writer"], "a.csv", "factor")
    'writer'
    """
    if name in names:
        return name
    columns = list(names)
    raise ValueError(
        f"{where}: there is no column {name!r} for the {role}, expected one of "
        f"{preview(columns, 12) or 'none at all'}{did_you_mean(name, columns)}"
    )


def _check_factor_names(
    factors: Sequence[str], label: str | None, columns: Mapping[str, Array], where: str
) -> None:
    """Raise a ValueError if a factor is unknown, is the label, or is named twice."""
    for i, name in enumerate(factors):
        require_column(name, columns, where, "factor")
        if name == label:
            raise ValueError(f"{where}: {name!r} is named as label and as factor: drop one of them")
        if name in factors[:i]:
            raise ValueError(f"{where}: the factor {name!r} is named twice: drop one of them")


def _plain(values: Array) -> Array:
    """Return objects, dates and bytes as str, with "" for None and NaN; bool as 0 and 1."""
    if values.dtype.kind == "O":
        words = [str(value) for value in values.tolist()]
        return np.where(is_labelled(values), np.array(words, dtype=np.str_), "")
    if values.dtype.kind in "SMm":
        return values.astype(np.str_)
    return values.astype(np.int64) if values.dtype.kind == "b" else values


def _is_missing(values: Array) -> Array:
    """Return the mask of missing values, (n,): NaN and infinity among numbers, "" among words."""
    if values.dtype.kind == "f":
        return ~np.isfinite(values)
    return values == "" if values.dtype.kind == "U" else np.zeros(len(values), bool)


def _read_labels(values: Array, name: str, where: str, options: ReadOptions) -> Array:
    """Return labels as int64 or str, with None for missing ones."""
    values = _plain(values)
    subject = f"{where}: the label {name!r}"
    if values.dtype.kind not in "iufU":
        raise ValueError(f"{subject} has dtype {values.dtype}, expected {EXPECTED}")
    missing = np.isnan(values) if values.dtype.kind == "f" else _is_missing(values)
    if missing.all() and not options.unlabelled:
        raise ValueError(f"{subject} is missing in all rows: fill it, or name another column")
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
    use = "" if options.unlabelled else " (they train everything but the classifier)"
    options.log(f"{summary}, {missing.sum():,} of them without a label{use}")
    y = np.full(len(values), None, object)
    y[~missing] = labels
    return y


def _from_fractions(values: Array, name: str, where: str, options: ReadOptions) -> Array:
    """Return floating labels as int64 if they are whole, else as str."""
    distinct = np.unique(values)
    if not np.isfinite(distinct).all():
        raise ValueError(f"{where}: the label {name!r} holds infinity, expected {EXPECTED}")
    if (distinct == np.round(distinct)).all():
        return values.astype(np.int64)
    if len(distinct) > MAX_FRACTIONS and not options.unlabelled:
        raise ValueError(
            f"{where}: the label {name!r} holds {len(distinct):,} different fractions from "
            f"{distinct[0]:g} to {distinct[-1]:g}, expected classes: cut it into bins, or name it "
            "as a factor"
        )
    options.log(f"label {name!r} holds {len(distinct)} different fractions: each becomes a class")
    return values.astype(np.str_)


def _check_classes(values: Array, name: str, where: str) -> None:
    """Raise a ValueError if labels cannot be trained on."""
    classes, counts = np.unique(values, return_counts=True)
    if len(classes) == 1:
        raise ValueError(
            f"{where}: the label {name!r} has one class only, {classes[0]!s}, expected at least two"
        )
    if 2 * len(classes) > len(values):
        raise ValueError(
            f"{where}: the label {name!r} has {len(classes):,} values in {len(values):,} rows, "
            "like an id, expected classes that several rows share: name another column"
        )
    rare = classes[counts == 1].tolist()
    if rare:
        raise ValueError(
            f"{where}: {len(rare):,} of {len(classes):,} classes of the label {name!r} have one "
            f"example ({preview(rare)}), expected at least two: drop them or merge them with others"
        )


def _read_factor(values: Array, name: str, where: str) -> Array:
    """Return the values of a named factor, or raise a ValueError if some are missing."""
    values = _plain(values)
    missing = np.flatnonzero(_is_missing(values))
    if missing.size:
        raise ValueError(
            f"{where}: the factor {name!r} is missing (empty or NaN) in {missing.size:,} of "
            f"{len(values):,} rows, first in row {missing[0] + 1}: fill it or drop those rows"
        )
    return values


def _choose_factors(columns: Mapping[str, Array], log: Log) -> dict[str, Array]:
    """Return the columns that group the rows; log which do and which do not."""
    factors = dict[str, Array]()
    others = list[str]()
    for name, values in columns.items():
        values = _plain(values)
        reason = _reason_against(values)
        if reason:
            others.append(f"{name!r} ({reason})")
        else:
            factors[name] = values
    if factors:
        log(f"factors (none was named): {', '.join(factors)}")
    if others:
        log(f"not used as factors: {preview(others, 5, quote=False)}")
    return factors


def _reason_against(values: Array) -> str:
    """Return why a column is not a factor unless it is named; an empty string if it is one."""
    if values.dtype.kind not in "iufU":
        return f"dtype {values.dtype}"
    if _is_missing(values).any():
        return "values are missing"
    n_distinct = len(np.unique(values))
    if n_distinct == 1:
        return "one value"
    is_id = 2 * n_distinct > len(values) and values.dtype.kind != "f"
    return f"{n_distinct:,} values in {len(values):,} rows" if is_id else ""
