"""Checks of the labels, weights and groups that users pass, and the rows of each label."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

from .quoting import quoted

Array = np.ndarray
UNLABELLED = -1  # index of an unknown label
# Words for a missing value, as programs write them; among labels they are no classes.
MISSING_WORDS = (
    *("", "NA", "N/A", "n/a", "NaN", "nan", "NaT", "<NA>"),
    *("null", "NULL", "None", "#N/A"),
)


def rows_by_class(y: Array, n: int) -> list[Array]:
    """Return the rows of each of n classes, in order. The memory does not grow with n.

    Parameters
    ----------
    y
        Label indices, (rows,); others than 0 to n − 1 belong to no class.
    n
        Number of classes.

    Examples
    --------
    >>> [rows.tolist() for rows in rows_by_class(np.array([1, 0, 1, -1]), 3)]
    [[1], [0, 2], []]
    """
    order = np.argsort(y, kind="stable")
    return np.split(order, np.searchsorted(y, np.arange(n + 1), sorter=order))[1:-1]


def check_labels(y: Any, n: int) -> tuple[Array, Array]:
    """Return the classes, sorted, and the index of each label among them, −1 where it is unknown.

    A label is unknown where it is None, NaN or pandas' NA; or where it is −1 and all others are
    integers from 0 on. If the others are all 1, −1 is a class: the labels −1 and 1 are common.

    Parameters
    ----------
    y
        Labels, (n,) or (n, 1).
    n
        Number of rows of X.

    Raises
    ------
    ValueError
        If the length is wrong, there are fewer than two classes, or a class has only one example.
    TypeError
        If the labels have several types.

    Examples
    --------
    >>> check_labels(["b", "a", None, "a", "b"], 5)
    (array(['a', 'b'], dtype=object), array([ 1,  0, -1,  0,  1]))
    """
    y = check_label_column(y, n)
    missing = missing_labels(y)
    if y.dtype.kind in "if" and not missing.any() and (y == UNLABELLED).any():
        others = np.unique(y[y != UNLABELLED])
        if others.min(initial=0) >= 0 and others.tolist() != [1]:
            missing = y == UNLABELLED
    labels = y[~missing]
    _check_label_types(labels)
    classes = np.unique(labels)
    indices = np.searchsorted(classes, labels)  # needs less memory than unique's return_inverse
    if len(classes) < 2:
        content = f"one class only ({quoted(classes[0])})" if len(classes) else "no class at all"
        unlabelled = f", and {missing.sum()} rows without a label" if missing.any() else ""
        raise ValueError(
            f"y holds {content}{unlabelled}: expected at least two classes to separate"
        )
    counts = np.bincount(indices, minlength=len(classes))
    if counts.min() < 2:
        rare = classes[counts.argmin()]
        raise ValueError(
            f"label {quoted(rare)} has one example, expected at least two: drop it or merge it "
            "with another label"
        )
    out = np.full(n, UNLABELLED, np.int64)
    out[~missing] = indices
    return classes, out


def _check_label_types(labels: Array) -> None:
    """Raise an error unless the labels, (n,), have one type and are no fractions."""
    if labels.dtype.kind == "O":
        types = {type(value).__name__ for value in labels}
        if len(types) > 1:
            raise TypeError(
                f"y mixes {' and '.join(sorted(types))}, expected labels of one type: convert them"
            )
    if labels.dtype.kind == "f":
        whole = np.isfinite(labels).all() and (labels == np.round(labels)).all()
        if not whole:
            # scikit-learn's checks look for the words "Unknown label type" and "continuous".
            raise ValueError(
                "Unknown label type: y holds fractions or infinity (it is continuous), expected "
                "classes (integers or strings): cut it into bins"
            )


def encode_labels(y: Any, n: int, classes: Array) -> Array:
    """Return the index of each label among the classes, (n,), −1 where it is unknown.

    Parameters
    ----------
    y
        Labels, (n,) or (n, 1); unknown are None, NaN, and −1 if that is not a class.
    n
        Number of rows of X.
    classes
        All classes, sorted, (classes,).

    Raises
    ------
    ValueError
        If the length is wrong, or a label is not one of the classes.

    Examples
    --------
    >>> encode_labels([7, -1, 3], 3, np.array([3, 7]))
    array([ 1, -1,  0])
    """
    y = check_label_column(y, n)
    missing = missing_labels(y, classes)
    out = np.full(n, UNLABELLED, np.int64)
    out[~missing] = class_indices(y[~missing], classes)
    return out


def class_indices(y: Any, classes: Array) -> Array:
    """Return the index of each label, (n,), among the sorted classes.

    Raises
    ------
    ValueError
        If a label is not one of the classes.
    """
    y = np.asarray(y)
    indices = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    wrong = classes[indices] != y
    if len(y) and wrong.any():
        raise ValueError(
            f"label {quoted(y[wrong][0])} was not seen in training; the classes are "
            f"{quoted(classes)}"
        )
    return indices.astype(np.int64)


def check_label_column(y: Any, n: int) -> Array:
    """Return labels as an array, (n,); a column, (n, 1), is flattened with a warning.

    Raises
    ------
    ValueError
        If there are no labels, or not n of them.
    """
    if y is None:
        # The first half is what scikit-learn's checks look for.
        raise ValueError(
            "WVAE requires y to be passed, but the target y is None: give a label for each row of X"
        )
    y = np.asarray(y)
    if y.shape == (n, 1):
        y = column_or_1d(y, warn=True)
    if y.shape != (n,):
        raise ValueError(f"y has shape {y.shape}, expected ({n},), one label for each row of X")
    return y


def missing_labels(y: Array, classes: Array | None = None) -> Array:
    """Return a mask, (n,), of the unknown labels: None, NaN, NA, or −1 if that is not a class.

    Parameters
    ----------
    y
        Labels, (n,).
    classes
        The classes; if None, −1 counts as a label.
    """
    if y.dtype.kind == "O":
        return np.array([_is_missing(value) for value in y], bool)
    missing = np.isnan(y) if y.dtype.kind == "f" else np.zeros(len(y), bool)
    if y.dtype.kind in "if" and classes is not None and UNLABELLED not in classes.tolist():
        missing |= y == UNLABELLED
    return missing


def _is_missing(value: Any) -> bool:
    # A comparison with pandas' NA is NA again, which is neither true nor false.
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def check_weights(sample_weight: Any, n: int) -> Array | None:
    """Return the weights of the examples as float64, (n,), or None for None.

    Raises
    ------
    ValueError
        If they are not n finite numbers from 0 on, or all are 0.
    """
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, np.float64)
    if weight.shape != (n,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}, expected ({n},), one weight for each row of X"
        )
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise ValueError(
            "sample_weight holds NaN, infinity or negative numbers, expected weights from 0 on"
        )
    if not weight.any():
        raise ValueError("sample_weight is zero everywhere, expected at least one non-zero number")
    return weight


def check_groups(groups: Any, n: int) -> Array | None:
    """Return the groups of the examples, (n,), or None for None.

    Raises
    ------
    ValueError
        If there are not n of them.
    """
    if groups is None:
        return None
    groups = np.asarray(groups)
    if groups.shape != (n,):
        raise ValueError(f"groups has shape {groups.shape}, expected ({n},), one for each row of X")
    return groups
