"""What users pass as numbers: arrays, lists, data frames, tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..validation.arrays import plain_tensor
from ..validation.quoting import quoted
from .shards import Shards

__all__ = ["as_numbers", "column_names_of", "first_word"]

Array = np.ndarray
# Types of columns that NumPy would turn into numbers of an arbitrary unit, or not at all.
NO_NUMBERS = ("date", "time", "period", "duration", "interval")


def as_numbers(X: Any, subject: str = "X") -> Any:
    """Return X as an array, `Shards`, or a data frame that may hold numbers; nothing is copied.

    Parameters
    ----------
    X
        An array, a memory map, `Shards`, a data frame, a tensor, or lists of numbers.
    subject
        The subject of error messages.

    Raises
    ------
    ValueError
        If values are masked or complex, lists have several lengths, or two columns have one name.
    TypeError
        If X is a data set, or holds dates or time spans.

    Examples
    --------
    >>> as_numbers([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if isinstance(X, Shards):
        return X
    if hasattr(X, "label_name") and hasattr(X, "classes"):
        raise TypeError(f"{subject} is a Dataset, expected an array: take its examples, .x")
    if type(X).__name__ == "matrix" or hasattr(X, "toarray"):
        return X  # scikit-learn says what is wrong with these
    X = plain_tensor(X)
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        _check_columns(X, subject)
        return X
    if not isinstance(X, np.ndarray):
        try:
            X = np.asarray(X)
        except (ValueError, TypeError):
            raise ValueError(
                f"{subject} is a {type(X).__name__} of examples with several shapes, or of no "
                "numbers, expected one array: bring the examples to one shape"
            ) from None
    if isinstance(X, np.ma.MaskedArray):
        if np.ma.is_masked(X):
            raise ValueError(
                f"{subject} has {np.ma.count_masked(X):,} masked values, expected a number "
                "everywhere: drop their rows, or fill them with X.filled"
            )
        X = X.data
    if X.dtype.kind in "Mm":
        raise TypeError(
            f"{subject} has dtype {X.dtype}, dates or time spans, expected numbers: convert them "
            "to numbers such as days"
        )
    if X.dtype.kind == "c" and X.ndim == 2:  # scikit-learn's message has many lines
        raise ValueError(
            f"Complex data not supported: {subject} has dtype {X.dtype}, expected real numbers: "
            "take X.real"
        )
    return X


def column_names_of(X: Any) -> list[Any] | None:
    """Return the names of a data frame's columns, or None if X is no data frame."""
    columns = getattr(X, "columns", None)
    return None if columns is None or not hasattr(X, "dtypes") else list(columns)


def first_word(X: Any) -> str:
    """Return where a table holds a first word or other value that is no number, or "".

    Examples
    --------
    >>> first_word(np.array([[1, 2], [3, "<5"]], object))
    "'<5' in row 2, column 2"
    """
    names = column_names_of(X)
    if names is None:
        X = np.asarray(X)
        if X.ndim != 2 or X.dtype.kind not in "OUST":
            return ""
    for k in range(X.shape[1]):
        name = k + 1 if names is None else names[k]
        cells = X[:, k] if names is None else X[name]
        for row, value in enumerate(cells.tolist() if hasattr(cells, "tolist") else cells, 1):
            if not _is_number(value):
                return f"{quoted(value)} in row {row}, column {quoted(name)}"
    return ""


def _is_number(value: Any) -> bool:
    """Return whether a cell is a number, or is empty, which is reported as NaN."""
    if value is None or type(value).__name__ == "NAType":
        return True
    try:
        float(value)
    except (ValueError, TypeError):
        return False
    return True


def _check_columns(X: Any, subject: str) -> None:
    """Raise an error if two columns of a data frame have one name, or one holds dates."""
    names: list[Any] = list(X.columns)
    if len(set(names)) < len(names):
        name = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"{subject} has several columns with the name {quoted(name)}, expected distinct names: "
            "rename or drop them"
        )
    types = X.dtypes
    for name, dtype in zip(names, list(types), strict=True):
        if str(dtype).lower().startswith(NO_NUMBERS):
            raise TypeError(
                f"the column {quoted(name)} of {subject} has the type {dtype}, expected numbers: "
                "convert it to numbers such as days, or drop it"
            )
