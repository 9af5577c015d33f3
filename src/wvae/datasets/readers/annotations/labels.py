"""The label, the factors and the split of a data set, from columns that are checked first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...dataset import Array, Dataset, Kind, is_labelled
from ...schema import Schema
from ..options import ReadOptions
from .classes import check_label_classes, read_labels
from .columns import LABELS, choose_label, factor_names, require_column, reserved_columns
from .factors import (
    check_factor_names,
    check_result_names,
    choose_factors,
    known_factors,
    plain_values,
    read_factor,
)
from .splits import SPLIT, read_split

__all__ = [
    "Annotations",
    "ReadOptions",
    "annotate",
    "choose_label",
    "require_column",
    "reserved_columns",
]


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
            labels_checked=True,
        )
        learnt = Schema(kind, data.shape, **schema)
        return replace(data, schema=learnt.with_labels(data.label_name, data.classes, data.factors))

    def subset(self, rows: Array, where: str) -> Annotations:
        """Return the rows of a mask, (n,) bool; check the classes again, which may be too small."""
        if rows.all():
            return self
        factors = {name: values[rows] for name, values in self.factors.items()}
        split = None if self.split is None else self.split[rows]
        part = replace(self, y=self.y[rows], factors=factors, split=split)
        part.check(where)
        return part

    def check(self, where: str) -> None:
        """Raise a ValueError if the labels must be suitable for training and are not."""
        if self.trainable:
            known = is_labelled(self.y)
            split = None if self.split is None else self.split[known]
            check_label_classes(self.y[known], split, self.label_name, where)


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
        Names of the factors; None: those of the options, or else those of the model's schema. If
        none is named, and no schema names the label, all columns that group the rows are factors.

    Raises
    ------
    ValueError
        If a column is unknown or a value of a named factor is missing. Unless
        ``options.unlabelled``, also if the label is missing in all rows, has one class, has a class
        with fewer than two rows to train on, has many different fractions, or is an id.
    """
    log = options.log
    factors = options.factors if factors is None else factors
    for name in factors:
        require_column(name, columns, where, "factor")
    check_factor_names(factors, label, where)
    if options.trainable:
        check_result_names([label or "", *factors], where)
    y = np.full(n, None, object)
    if label is not None:
        y = read_labels(columns[label], label, where, options)
    split = None
    has_split = SPLIT in columns and label != SPLIT and SPLIT not in factors
    if has_split:
        values = plain_values(columns[SPLIT], f"{where}: the column {SPLIT!r}")
        split = read_split(values, where, log)
    model_label = options.schema.label if options.schema is not None else ""
    label_name = label or options.label or model_label or LABELS[0]
    annotations = Annotations(label_name, y, {}, split, trainable=options.trainable)
    annotations.check(where)
    if factors:
        named = {name: read_factor(columns[name], name, where) for name in factors}
        return replace(annotations, factors=named)
    if model_label:  # a model that was fitted to arrays knows no names
        names = factor_names(columns, label, options)
        return replace(annotations, factors=known_factors(columns, names, where, log))
    used = {label, SPLIT} if has_split else {label}
    others = {name: values for name, values in columns.items() if name not in used}
    return replace(annotations, factors=choose_factors(others, where, log))
