"""Checks of labels, weights and groups that come from a user, and rows by label."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

Array = np.ndarray
UNLABELLED = -1  # index of a label that is not known


def rows_by_class(y: Array, n: int) -> list[Array]:
    """Return the rows of each of n labels' indices, in order; what takes a mask for each would grow with rows × labels.

    >>> [rows.tolist() for rows in rows_by_class(np.array([1, 0, 1, -1]), 3)]
    [[1], [0, 2], []]
    """
    order = np.argsort(y, kind="stable")
    return np.split(order, np.searchsorted(y, np.arange(n + 1), sorter=order))[1:-1]


def check_labels(y: Any, n: int) -> tuple[Array, Array]:
    """Return the classes, sorted, and each label's index among them, −1 where it is not known.

    A label is not known where it is None or NaN; or, among integers from 0 on, where it is −1. Only the coding as −1
    and 1 has −1 as a class.

    Raises
    ------
    ValueError
        If the length is wrong, there are fewer than two classes or a class has one example.
    TypeError
        If it holds labels of several kinds.
    """
    y = column(y, n)
    missing = missing_in(y)
    if y.dtype.kind in "if" and not missing.any() and (y == UNLABELLED).any():
        others = np.unique(y[y != UNLABELLED])
        if others.min(initial=0) >= 0 and others.tolist() != [1]:
            missing = y == UNLABELLED
    known = y[~missing]
    if y.dtype.kind == "O":
        kinds = {type(value).__name__ for value in known}
        if len(kinds) > 1:
            raise TypeError(
                f"y mixes {' and '.join(sorted(kinds))}, expected labels of one kind: convert them"
            )
    if y.dtype.kind == "f" and not (np.isfinite(known).all() and (known == np.round(known)).all()):
        raise ValueError(
            "Unknown label type: y holds fractions or infinity (it is continuous), expected classes (integers or "
            "strings): cut it into bins"
        )
    classes = np.unique(known)
    indices = np.searchsorted(classes, known)  # takes less memory than to have `unique` return them
    counts = np.bincount(indices, minlength=len(classes))
    if len(classes) < 2:
        found = f"one class only ({classes[0]!r})" if len(classes) else "no class at all"
        unknown = f", and {missing.sum()} rows without a label" if missing.any() else ""
        raise ValueError(f"y holds {found}{unknown}: nothing to split off, expected at least two")
    if counts.min() < 2:
        rare = classes[counts.argmin()]
        raise ValueError(
            f"label {rare!r} has one example, expected at least two: drop it or merge it with another"
        )
    out = np.full(n, UNLABELLED, np.int64)
    out[~missing] = indices
    return classes, out


def coded(y: Any, n: int, classes: Array) -> Array:
    """Return each label's index among the classes, (n,); −1 for None, for NaN, and for −1 where that is no class."""
    y = column(y, n)
    missing = missing_in(y, classes)
    out = np.full(n, UNLABELLED, np.int64)
    out[~missing] = indices_of(y[~missing], classes)
    return out


def indices_of(y: Any, classes: Array) -> Array:
    """Return each label's index among the classes."""
    y = np.asarray(y)
    indices = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    if len(y) and (classes[indices] != y).any():
        raise ValueError(
            f"label {y[classes[indices] != y][0]!r} was not seen in training; known: {classes.tolist()}"
        )
    return indices.astype(np.int64)


def column(y: Any, n: int) -> Array:
    """Return labels as an array, (n,), or raise a ValueError; a column (n, 1) is taken with a warning."""
    if y is None:
        raise ValueError(
            "WVAE requires y to be passed, but the target y is None: give a label for each row of X"
        )
    y = np.asarray(y)
    if y.shape == (n, 1):
        y = column_or_1d(y, warn=True)
    if y.shape != (n,):
        raise ValueError(f"y has shape {y.shape}, expected ({n},), one label for each row of X")
    return y


def missing_in(y: Array, classes: Array | None = None) -> Array:
    """Return where a label, (n,), is not known: NaN, None, or −1 if the classes are given and do not have it."""
    if y.dtype.kind == "O":  # pandas' NA is unlike itself in a way of its own
        return np.array(
            [v is None or type(v).__name__ in ("NAType", "NaTType") or v != v for v in y], bool
        )
    missing = np.isnan(y) if y.dtype.kind == "f" else np.zeros(len(y), bool)
    if y.dtype.kind in "if" and classes is not None and UNLABELLED not in classes.tolist():
        missing |= y == UNLABELLED
    return missing


def check_weights(sample_weight: Any, n: int) -> Array | None:
    """Return weights, (n,), or None for none.

    Raises
    ------
    ValueError
        If they are not n numbers from 0 on, or all are 0.
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
    """Return groups, (n,), or None for none, or raise a ValueError if there are more or fewer."""
    groups = None if groups is None else np.asarray(groups)
    if groups is not None and groups.shape != (n,):
        raise ValueError(f"groups has shape {groups.shape}, expected ({n},), one for each row of X")
    return groups
