"""Checks of the labels, weights and groups that users pass, and the rows of each label."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import as_labels
from .class_names import UNLABELLED, match_classes
from .label_values import MISSING_WORDS, plain_labels
from .quoting import quoted

__all__ = [
    "MISSING_WORDS",
    "UNLABELLED",
    "check_classes",
    "check_groups",
    "check_label_column",
    "check_labels",
    "check_training_rows",
    "check_weights",
    "class_indices",
    "encode_labels",
    "missing_labels",
    "rows_by_class",
]


Array = np.ndarray


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


def check_labels(y: Any, n: int, train: Array | None = None) -> tuple[Array, Array]:
    """Return the classes, sorted, and the index of each label among them, −1 where it is unknown.

    The classes are integers, words or booleans, so that a model folder can keep them. Which labels
    are unknown is the rule of `wvae.validation.label_values.plain_labels`: None, NaN, words such as
    ``"NA"``, and −1 where all others are integers from 0 on.

    Parameters
    ----------
    y
        Labels, (n,) or (n, 1).
    n
        Number of rows of X.
    train
        Mask of the rows for training, (n,); None for all. Each class needs two of them.

    Raises
    ------
    ValueError
        If the length is wrong, there are fewer than two classes, a class has fewer than two
        examples, or the labels cannot be classes.
    TypeError
        If the labels have several types.

    Examples
    --------
    >>> check_labels(["b", "a", None, "a", "b"], 5)
    (array(['a', 'b'], dtype='<U1'), array([ 1,  0, -1,  0,  1]))
    """
    labels = plain_labels(check_label_column(y, n))
    known, missing = labels.known, labels.missing
    if known.dtype.kind == "f":
        # scikit-learn's checks look for the words "Unknown label type" and "continuous".
        raise ValueError(
            "Unknown label type: y holds fractions (it is continuous), expected classes (integers "
            "or strings): cut it into bins"
        )
    classes = np.unique(known)
    indices = np.searchsorted(classes, known)  # needs less memory than unique's return_inverse
    if len(classes) < 2:
        content = f"one class only ({classes.tolist()[0]!r})" if len(classes) else "no class at all"
        unlabelled = f", and {missing.sum()} rows without a label" if missing.any() else ""
        raise ValueError(
            f"y holds {content}{unlabelled}: expected at least two classes to separate"
        )
    check_training_rows(classes, indices, None if train is None else train[~missing])
    if not missing.any():
        return classes, indices.astype(np.int64, copy=False)
    out = np.full(n, UNLABELLED, np.int64)
    out[~missing] = indices
    return classes, out


def check_training_rows(
    classes: Array, indices: Array, train: Array | None = None, subject: str = "the label y"
) -> None:
    """Raise a ValueError unless each class has two rows for training.

    Parameters
    ----------
    classes
        All classes.
    indices
        Index of each row's class, (n,).
    train
        Mask of the rows for training, (n,); None for all.
    subject
        The subject of the message.

    Examples
    --------
    >>> check_training_rows(np.array(["a", "b"]), np.array([0, 0, 1, 1]))
    """
    counts = np.bincount(indices, minlength=len(classes))
    in_train = counts if train is None else np.bincount(indices[train], minlength=len(classes))
    absent, rare = in_train == 0, in_train < 2
    if not rare.any():
        return
    wrong = classes[absent] if absent.any() else classes[rare]
    held = f"{len(wrong):,} of {len(classes):,} classes ({_listed(wrong, 3)}) have"
    if train is None:
        problem = f"{held} one example, expected at least two"
        fix = "drop them or merge them with others"
    elif absent.any():
        problem = f"{held} rows in the split test only, expected two of each in train"
        fix = "move rows to train, or drop those classes"
    else:
        problem = f"{held} one row only in the split train, expected at least two"
        fix = "move rows to train, or drop those classes"
    raise ValueError(f"{subject}: {problem}: {fix}")


def check_classes(classes: Any) -> Array:
    """Return the classes that a user lists, sorted and distinct, as integers, words or booleans.

    Raises
    ------
    ValueError, TypeError
        If they cannot be classes, or one is a mark of a missing label.

    Examples
    --------
    >>> check_classes([3.0, 1.0, 3.0]).tolist()
    [1, 3]
    """
    column = as_labels(classes, "classes")
    if column.ndim != 1:
        raise ValueError(f"classes has shape {column.shape}, expected one list of labels")
    # −1 is a class here, because the user lists it.
    labels = plain_labels(column, np.array([UNLABELLED]), subject="classes")
    if labels.missing.any():
        raise ValueError(
            f"classes holds {', '.join(labels.marks)}, which marks a missing label: leave it out"
        )
    if labels.known.dtype.kind == "f":
        raise ValueError("classes holds fractions, expected integers or strings: cut y into bins")
    return np.unique(labels.known)


def encode_labels(y: Any, n: int, classes: Array) -> Array:
    """Return the index of each label among the classes, (n,), −1 where it is unknown.

    Parameters
    ----------
    y
        Labels, (n,) or (n, 1); unknown are None, NaN, and −1 if that is not a class.
    n
        Number of rows of X.
    classes
        All classes, sorted, (classes,). Labels are matched by name: 1, 1.0 and "1" are the same.

    Raises
    ------
    ValueError
        If the length is wrong, or a label is not one of the classes.

    Examples
    --------
    >>> encode_labels([7, -1, 3], 3, np.array([3, 7]))
    array([ 1, -1,  0])
    """
    labels = plain_labels(check_label_column(y, n), classes)
    indices = _indices(labels.known, classes)
    if not labels.missing.any():
        return indices
    out = np.full(n, UNLABELLED, np.int64)
    out[~labels.missing] = indices
    return out


def class_indices(y: Any, classes: Array) -> Array:
    """Return the index of each label, (n,), among the sorted classes.

    Raises
    ------
    ValueError
        If a label is missing, or is not one of the classes.
    """
    labels = plain_labels(as_labels(y, "y"), classes)
    if labels.missing.any():
        row = int(np.flatnonzero(labels.missing)[0]) + 1
        raise ValueError(
            f"y has no label in row {row} ({', '.join(labels.marks)}), expected one of the "
            f"classes {_listed(classes)}"
        )
    return _indices(labels.known, classes)


def _indices(known: Array, classes: Array) -> Array:
    """Return the index of each label among the sorted classes, or raise a ValueError."""
    if known.dtype.kind == classes.dtype.kind:
        indices = np.searchsorted(classes, known).clip(max=len(classes) - 1)
        if (classes[indices] == known).all():
            return indices.astype(np.int64, copy=False)
    indices = match_classes(known, classes)
    if (indices < 0).any():
        wrong = known[indices < 0][0].item()
        raise ValueError(
            f"label {wrong!r} was not seen in training; the classes are [{_listed(classes)}]"
        )
    return indices


def _listed(classes: Array, limit: int = 20) -> str:
    """Return the first classes, and how many more there are."""
    names = [quoted(name) for name in classes[:limit].tolist()]
    more = f" and {len(classes) - limit:,} more" if len(classes) > limit else ""
    return ", ".join(names) + more


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
    y = as_labels(y, "y")
    if y.shape == (n, 1):
        # Only here: scikit-learn is slow to import.
        from sklearn.utils.validation import column_or_1d

        y = column_or_1d(y, warn=True)
    if y.shape != (n,):
        fix = ": take y.argmax(1)" if is_one_hot(y) else ""
        raise ValueError(
            f"y has shape {y.shape}, expected ({n},), one label for each row of X{fix}"
        )
    return y


def is_one_hot(y: Array) -> bool:
    """Return whether each row of an array marks one of several classes with a 1.

    >>> is_one_hot(np.eye(3)), is_one_hot(np.ones((3, 3)))
    (True, False)
    """
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "biuf":
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all())


def missing_labels(y: Array, classes: Array | None = None) -> Array:
    """Return a mask, (n,), of the unknown labels; see `wvae.validation.label_values.plain_labels`.

    Parameters
    ----------
    y
        Labels, (n,).
    classes
        The classes if they are known; they decide whether −1 is one.
    """
    return plain_labels(y, classes).missing


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
