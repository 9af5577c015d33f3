"""Classes by name: which class of a model a label of new data is."""

from __future__ import annotations

import re
import unicodedata
from numbers import Integral
from typing import Any

import numpy as np

__all__ = ["class_key", "match_classes", "time_words"]

Array = np.ndarray
UNLABELLED = -1  # index of a label that is no class
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")
_LOGICAL = {"true": 1, "false": 0}


def time_words(text: str) -> str:
    """Return a point in time as people write it, whatever its type's precision.

    Examples
    --------
    >>> [time_words(f"2024-05-01 {time}") for time in ("00:00:00.000000", "07:30:00.000")]
    ['2024-05-01', '2024-05-01 07:30:00']
    """
    text = re.sub(r"(?<=\d)T(?=\d)", " ", text)
    return re.sub(r"\.0+(?=Z?$)", "", text).removesuffix(" 00:00:00")


def class_key(value: Any) -> int | float | str:
    """Return what a class is compared by: 1, 1.0, "1", "01" and True are alike.

    Examples
    --------
    >>> [class_key(value) for value in (3.0, " 07", "1.50", True, "cat ")]
    [3, 7, 1.5, 1, 'cat']
    """
    if isinstance(value, str):
        word = unicodedata.normalize("NFC", value).strip()
        if word.lower() in _LOGICAL:
            return _LOGICAL[word.lower()]
        if not _NUMBER.fullmatch(word):
            return word
        value = float(word) if "." in word else int(word)
    if isinstance(value, float | np.floating):
        return int(value) if value == np.round(value) and np.isfinite(value) else float(value)
    return int(value) if isinstance(value, Integral) else str(value)


def match_classes(labels: Array, classes: Array) -> Array:
    """Return which class each label is, by name, (n,); −1 for a label that is none of them.

    Exact equality comes first. Otherwise a label is the only class with the same `class_key`; if
    there are several, it is none.

    Parameters
    ----------
    labels
        Known labels, (n,).
    classes
        All classes.

    Examples
    --------
    >>> match_classes(np.array([1.0, 2.0, 5.0]), np.array(["1", "2"])).tolist()
    [0, 1, -1]
    """
    exact = {value: i for i, value in enumerate(classes.tolist())}
    alike = dict[Any, int]()
    for i, value in enumerate(classes.tolist()):
        key = class_key(value)
        alike[key] = i if key not in alike else UNLABELLED
    distinct, inverse = np.unique(labels, return_inverse=True)
    indices = list[int]()
    for value in distinct.tolist():
        index = exact.get(value)
        indices.append(alike.get(class_key(value), UNLABELLED) if index is None else index)
    return np.array(indices, np.int64)[inverse]
