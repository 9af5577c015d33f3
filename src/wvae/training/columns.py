"""The columns of a data frame are those of the training data, in the same order."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from ..datasets.messages import preview
from ..datasets.numbers import column_names_of

__all__ = ["Names", "check_same_columns", "names_of", "plain_names"]

Names = list[str] | list[int]


def names_of(X: Any) -> Names | None:
    """Return the names of a data frame's columns, or None if they say nothing.

    Names that are neither words nor integers become words. The numbers 0, 1, 2, … in this order
    are no names, because pandas gives them to columns without names.

    Raises
    ------
    TypeError
        If some names are words, and others are not.
    """
    names = column_names_of(X)
    if not names:
        return None
    types = sorted({type(name).__name__ for name in names})
    if len(types) > 1 and "str" in types:
        raise TypeError(
            f"the names of X's columns are of the types {', '.join(types)}, expected str: convert "
            "them with X.columns = X.columns.astype(str)"
        )
    if all(isinstance(name, int) for name in names):
        return None if names == [*range(len(names))] else [int(name) for name in names]
    return plain_names(names)


def plain_names(names: Iterable[Any]) -> list[str]:
    """Return names as words without surrounding spaces, in one form of Unicode.

    >>> plain_names(["a ", ("b", 1)])
    ['a', "('b', 1)"]
    """
    return [unicodedata.normalize("NFC", str(name)).strip() for name in names]


def check_same_columns(
    names: Sequence[Any] | None, expected: Sequence[Any] | None, subject: str = "X"
) -> None:
    """Raise a ValueError if columns have other names than in training, or another order.

    Parameters
    ----------
    names, expected
        As `names_of` returns them; None if they are unknown.
    subject
        The subject of the message.

    Examples
    --------
    >>> check_same_columns(["b", "a"], ["a", "b"])
    Traceback (most recent call last):
    ValueError: X has its columns in another order than in training: take X[['a', 'b']]
    """
    if names is None:
        return
    numbers = [*range(len(names))]
    if expected is None and sorted(names, key=str) != sorted(numbers, key=str):
        return
    # Numbered columns in another order than pandas' own were moved.
    names, expected = list(names), numbers if expected is None else list(expected)
    if names == expected:
        return
    short = [*expected[:3], "…"] if len(expected) > 8 else expected
    take = f"take X[{short!r}]".replace("'…'", "…")
    missing = [name for name in expected if name not in names]
    if not missing and len(names) == len(expected):
        raise ValueError(f"{subject} has its columns in another order than in training: {take}")
    if not missing:
        extra = [name for name in names if name not in expected]
        raise ValueError(
            f"{subject} has columns that the training data had not ({preview(extra)}): {take}"
        )
    raise ValueError(
        f"{subject} lacks columns of the training data ({preview(missing)}), it "
        f"has {preview(names)}: rename or add them, in the order of training"
    )
