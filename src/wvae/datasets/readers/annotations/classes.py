"""The label's column as classes: of one type, spelt as the model knows them, or None."""

from __future__ import annotations

import numpy as np

from ....validation import check_training_rows
from ....validation.class_names import match_classes
from ....validation.label_values import PlainLabels, named_as, plain_labels
from ...dataset import Array
from ...messages import Log, preview
from ..options import ReadOptions

__all__ = ["check_label_classes", "read_labels"]

EXPECTED = "whole numbers or words"
MAX_FRACTIONS = 20  # a label with more distinct fractions is a measurement, not a class


def read_labels(values: Array, name: str, where: str, options: ReadOptions) -> Array:
    """Return labels as int64, str or bool; if some are missing, as objects with None for them.

    Parameters
    ----------
    values
        The label's column, (n,), of any type.
    name, where
        Names of the label and of the source for errors.
    options
        The arguments of `open_data`. If a model's schema has classes, the labels are spelt as its
        classes are. Missing, merged and unknown labels are logged.

    Raises
    ------
    ValueError
        If the values cannot be labels, or all are missing and a label is required.
    """
    subject = f"{where}: the label {name!r}"
    schema = options.schema
    classes = np.array(schema.classes) if schema is not None and schema.classes else None
    try:
        labels = plain_labels(values, classes, subject=subject, strip=True, dates=True)
    except TypeError as error:
        raise ValueError(str(error)) from error
    if labels.missing.all() and not options.unlabelled:
        marks = ", ".join(labels.marks)
        raise ValueError(
            f"{subject} is missing in all rows ({marks}): fill it, or name another column"
        )
    if values.dtype.kind in "US":
        _log_merged(values, labels, name, options.log)
    if labels.known.dtype.kind == "f":
        labels = _from_fractions(labels, subject, options)
    labels = _from_logical(labels)
    if classes is not None:
        labels = _as_model(labels, classes, name, options.log)
    n_classes = len(np.unique(labels.known))
    summary = f"label {name!r}: {n_classes:,} classes in {len(values):,} rows"
    if labels.missing.any():
        use = ": they train everything but the classifier" if options.trainable else ""
        summary = f"{summary}; {labels.summary()}{use}"
    options.log(summary)
    return labels.nullable


def check_label_classes(y: Array, split: Array | None, name: str, where: str) -> None:
    """Raise a ValueError if labels cannot be trained on.

    There must be two classes, of which each has two rows; if there is a split, two in train.

    Parameters
    ----------
    y
        The known labels, (n,).
    split
        ``"train"`` or ``"test"`` for each of them, (n,), or None.
    name, where
        Names of the label and of the source for errors.
    """
    subject = f"{where}: the label {name!r}"
    labels = np.array(y.tolist()) if y.dtype.kind == "O" else y
    classes, indices = np.unique(labels, return_inverse=True)
    if len(classes) == 0:
        raise ValueError(f"{subject} is missing in all rows: fill it, or name another column")
    if len(classes) == 1:
        raise ValueError(
            f"{subject} has one class only ({preview(classes.tolist())}), expected at least two"
        )
    if 2 * len(classes) > len(labels):
        raise ValueError(
            f"{subject} has {len(classes):,} values in {len(labels):,} rows, like an id, expected "
            "classes that several rows share: name another column"
        )
    train = None if split is None else split == "train"
    check_training_rows(classes, indices, train, subject)


def _from_fractions(labels: PlainLabels, subject: str, options: ReadOptions) -> PlainLabels:
    """Return labels that are fractions as words."""
    distinct = np.unique(labels.known)
    if len(distinct) > MAX_FRACTIONS and not options.unlabelled:
        raise ValueError(
            f"{subject} holds {len(distinct):,} different fractions from {distinct[0]:g} to "
            f"{distinct[-1]:g}, expected classes: cut it into bins, or name it as a factor"
        )
    options.log(f"{subject} holds {len(distinct)} different fractions: each becomes a class")
    return PlainLabels(labels.values.astype(np.str_), labels.missing, labels.marks)


def _from_logical(labels: PlainLabels) -> PlainLabels:
    """Return the words true and false as booleans, which is how typed files hold them."""
    if labels.known.dtype.kind != "U" or not len(labels.known):
        return labels
    words = np.char.lower(labels.known)
    if not np.isin(words, ("true", "false")).all():
        return labels
    return PlainLabels(np.char.lower(labels.values) == "true", labels.missing, labels.marks)


def _as_model(labels: PlainLabels, classes: Array, name: str, log: Log) -> PlainLabels:
    """Return labels spelt as a model's classes; log those that the model does not know."""
    known = labels.known
    unknown = known[match_classes(known, classes) < 0]
    if len(unknown):
        words = preview(np.unique(unknown).tolist())
        log(f"label {name!r}: {len(unknown):,} rows have labels that the model lacks: {words}")
    return named_as(labels, classes)


def _log_merged(values: Array, labels: PlainLabels, name: str, log: Log) -> None:
    """Log which words became one class, because they differ only in spaces or Unicode's form."""
    raw = values.astype(labels.values.dtype) if values.dtype.kind == "U" else labels.values
    changed = (raw != labels.values) & ~labels.missing
    if not changed.any():
        return
    before = np.unique(values[~labels.missing])
    after = np.unique(labels.known)
    if len(before) > len(after):
        words = preview(np.unique(labels.values[changed]).tolist())
        log(f"label {name!r}: spellings that look the same are one class: {words}")
