"""What a label is: labels of any type as integers, words or booleans, and which are missing."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np

from .class_names import UNLABELLED, class_key, match_classes, time_words

Array = np.ndarray
# Words for a missing value, as programs write them; among labels they are no classes.
MISSING_WORDS = (
    *("", "NA", "N/A", "n/a", "NaN", "nan", "NaT", "<NA>"),
    *("null", "NULL", "None", "#N/A"),
)
DATES = (
    *("date", "datetime", "time", "timedelta", "datetime64", "timedelta64"),
    *("Timestamp", "Timedelta", "Period"),
)
MARKS = {"": "empty", "-1": "−1"}  # how messages write a missing label; others are in quotes
_WHOLE = re.compile(r"[0-9]+")
_LIMIT = 2.0**53  # beyond it, a float64 stands for several integers


@dataclass(frozen=True)
class PlainLabels:
    """Labels of one plain type.

    Parameters
    ----------
    values
        (n,) int64, str or bool; float64 if some are fractions. Of no meaning where missing.
    missing
        Mask of the rows without a label, (n,).
    marks
        How many rows have which mark of a missing label: ``{"'NA'": 30}``.
    """

    values: Array
    missing: Array
    marks: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def known(self) -> Array:
        """The labels of the rows that have one."""
        return self.values[~self.missing] if self.missing.any() else self.values

    @property
    def nullable(self) -> Array:
        """All labels, (n,); if some are missing, of dtype object with None in their place."""
        if not self.missing.any():
            return self.values
        labels = np.full(len(self.values), None, object)
        labels[~self.missing] = self.known
        return labels

    def summary(self) -> str:
        """Return how many rows have no label, and how that is written, as a sentence."""
        marks = ", ".join(self.marks)
        return f"{self.missing.sum():,} of {len(self.values):,} rows have no label ({marks})"


def plain_labels(
    y: Array,
    classes: Array | None = None,
    *,
    subject: str = "y",
    strip: bool = False,
    dates: bool = False,
) -> PlainLabels:
    """Return labels of any type as integers, words or booleans, and which of them are missing.

    Missing are None, NaN, NaT, pandas' NA and the `MISSING_WORDS`. −1 is missing, too, where it is
    no class: where all other labels are integers from 0 on, except if they are all 1, because −1
    and 1 are a common pair. Words are brought to Unicode's form NFC, bytes are decoded as UTF-8,
    whole floating-point numbers become integers.

    Parameters
    ----------
    y
        Labels, (n,).
    classes
        All classes, if they are known; they then decide whether −1 is a class.
    subject
        The subject of error messages.
    strip
        Remove whitespace around words.
    dates
        Take dates as words; otherwise they are refused.

    Raises
    ------
    TypeError
        If the labels have several types.
    ValueError
        If they are no numbers, words or booleans, are infinite, or too large.

    Examples
    --------
    >>> labels = plain_labels(np.array([2, None, -1, 0], object))
    >>> labels.nullable.tolist(), labels.marks
    ([2, None, None, 0], {'None': 1, '−1': 1})
    """
    if dates and y.dtype.kind in "Mm":
        y = np.array([time_words(text) for text in y.astype(np.str_).tolist()], dtype=np.str_)
    values, missing, marks = _by_type(y, subject)
    if values.dtype.kind == "U":
        values = plain_words(values, subject, strip=strip)
        empty = _marked(values, missing, MISSING_WORDS, marks)
        missing = missing | empty
    elif values.dtype.kind == "f":
        values = _whole_numbers(values, missing, subject)
    if values.dtype.kind in "iU":
        missing = missing | _minus_one(values, missing, classes, marks)
    return PlainLabels(values, missing, marks)


def _by_type(y: Array, subject: str) -> tuple[Array, Array, dict[str, int]]:
    """Return labels as bool, int64, float64 or str, the mask of None and NaN, and their marks."""
    kind = y.dtype.kind
    if kind in "OT":
        return _from_objects(y.astype(object), subject)
    missing, marks = np.zeros(len(y), bool), dict[str, int]()
    if kind == "b":
        return y, missing, marks
    if kind in "iu":
        if kind == "u" and len(y) and int(y.max()) > np.iinfo(np.int64).max:
            raise ValueError(
                f"{subject} holds the integer {y.max()}, expected at most 2^63 − 1: convert the "
                "labels to strings"
            )
        return y.astype(np.int64, copy=False), missing, marks
    if kind == "f":
        missing = np.isnan(y)
        if missing.any():
            marks["NaN"] = int(missing.sum())
        return y.astype(np.float64, copy=False), missing, marks
    if kind == "U":
        return y.astype(y.dtype.newbyteorder("="), copy=False), missing, marks
    if kind == "S":
        return _decoded(y.tolist(), subject), missing, marks
    names = {"M": "dates", "m": "time spans", "c": "complex numbers", "V": "records"}
    held, advice = names.get(kind, f"values of type {y.dtype}"), "name one field, or give integers"
    if kind in "Mm":
        advice = "convert them with y.astype(str)"
    raise ValueError(f"{subject} holds {held}, expected integers, words or booleans: {advice}")


def _from_objects(y: Array, subject: str) -> tuple[Array, Array, dict[str, int]]:
    """Do what `_by_type` does for Python objects."""
    items = y.tolist()
    missing, marks = np.zeros(len(y), bool), dict[str, int]()
    for i, value in enumerate(items):
        if not isinstance(value, str | bytes | int) and is_missing(value):
            missing[i] = True
            mark = _missing_name(value)
            marks[mark] = marks.get(mark, 0) + 1
    known = [items[i] for i in np.flatnonzero(~missing)] if missing.any() else items
    types = {_type_name(value) for value in known}
    if types == {"int", "float"}:
        types = {"float"}
    if len(types) > 1:
        raise TypeError(
            f"{subject} mixes {' and '.join(sorted(types))}, expected labels of one type: convert "
            "them"
        )
    values = _typed(known, types.pop() if types else "int", subject)
    if not missing.any():
        return values, missing, marks
    whole = np.zeros(len(y), values.dtype)
    whole[~missing] = values
    return whole, missing, marks


def _typed(known: list[Any], name: str, subject: str) -> Array:
    """Return Python values of one type as an array."""
    if name == "str":
        return np.array([str.__str__(value) for value in known], np.str_)
    if name == "bytes":
        return _decoded(known, subject)
    if name == "bool":
        return np.array(known, bool)
    if name in ("int", "float"):
        try:
            return np.array(known, np.int64 if name == "int" else np.float64)
        except OverflowError:
            raise ValueError(
                f"{subject} holds integers beyond 2^63, expected smaller ones: convert the labels "
                "to strings"
            ) from None
    advice = "convert them to strings" if name in DATES else "give one integer or word for each row"
    raise ValueError(
        f"{subject} holds values of type {name}, expected integers, words or booleans: {advice}"
    )


def _type_name(value: Any) -> str:
    """Return the plain type of a label: "bool", "int", "float", "str", "bytes", or another name."""
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, Integral) and not isinstance(value, np.timedelta64):
        return "int"
    if isinstance(value, str):
        return "str"
    if isinstance(value, bytes):
        return "bytes"
    if isinstance(value, float | np.floating):
        return "float"
    return type(value).__name__


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, NaT or pandas' NA.

    >>> [is_missing(value) for value in (None, float("nan"), 0, "NA")]
    [True, True, False, False]
    """
    # A comparison with pandas' NA is NA again, which is neither true nor false.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, Real):
        return bool(value != value)
    return isinstance(value, np.datetime64 | np.timedelta64) and bool(np.isnat(value))


def _missing_name(value: Any) -> str:
    if value is None:
        return "None"
    names = {"NAType": "<NA>", "NaTType": "NaT", "datetime64": "NaT", "timedelta64": "NaT"}
    return names.get(type(value).__name__, "NaN")


def _decoded(values: list[bytes], subject: str) -> Array:
    """Return bytes as words."""
    try:
        return np.array([bytes(value).decode("utf-8") for value in values], np.str_)
    except UnicodeDecodeError:
        raise ValueError(
            f"{subject} holds bytes that are not UTF-8, expected words: decode them first"
        ) from None


def plain_words(values: Array, subject: str, *, strip: bool) -> Array:
    """Return words, (n,), in Unicode's form NFC, so that what looks the same is the same.

    Parameters
    ----------
    values
        Words, (n,).
    subject
        The subject of error messages.
    strip
        Remove whitespace around words.

    Raises
    ------
    ValueError
        If a word cannot be written as UTF-8: it is the name of a file that is none.
    """
    if strip:
        values = np.char.strip(values)
    values = np.ascontiguousarray(values)
    if not values.size or not values.itemsize or values.view(np.uint32).max() < 128:
        return values
    distinct, inverse = np.unique(values, return_inverse=True)
    composed = list[str]()
    for word in distinct.tolist():
        if any("\ud800" <= character <= "\udfff" for character in word):
            shown = word.encode("utf-8", "backslashreplace").decode()
            raise ValueError(
                f"{subject} holds the word '{shown}', which cannot be written as UTF-8: rename it"
            )
        composed.append(unicodedata.normalize("NFC", word))
    return np.array(composed, np.str_)[inverse]


def _marked(values: Array, missing: Array, words: tuple[str, ...], marks: dict[str, int]) -> Array:
    """Return the mask of words for a missing label; count them in the marks."""
    bare = np.char.strip(values)
    mask = np.zeros(len(values), bool)
    for word in words:
        same = (bare == word) & ~missing
        if same.any():
            mark = MARKS.get(word, f"'{word}'")
            marks[mark] = marks.get(mark, 0) + int(same.sum())
            mask |= same
    return mask


def _whole_numbers(values: Array, missing: Array, subject: str) -> Array:
    """Return floating-point labels as int64 if all are whole, else unchanged."""
    known = values[~missing]
    if np.isinf(known).any():
        raise ValueError(f"{subject} holds infinity, expected integers or words: drop those rows")
    if (known != np.round(known)).any():
        return values
    if known.size and np.abs(known).max() > _LIMIT:
        raise ValueError(
            f"{subject} holds {known[np.abs(known).argmax()]:g}, a floating-point number too large "
            "to be one class, expected integers: convert the labels to strings"
        )
    return np.where(missing, 0, values).astype(np.int64)


def _minus_one(
    values: Array, missing: Array, classes: Array | None, marks: dict[str, int]
) -> Array:
    """Return the mask of −1 among integers, or words that are integers, where it is no class."""
    mask = (values == (UNLABELLED if values.dtype.kind == "i" else "-1")) & ~missing
    if not mask.any() or not _means_missing(values[~(missing | mask)], classes):
        return np.zeros(len(values), bool)
    marks[MARKS["-1"]] = int(mask.sum())
    return mask


def _means_missing(others: Array, classes: Array | None) -> bool:
    """Return whether −1 marks a missing label beside the other labels, or the known classes."""
    if classes is not None:
        keys = [class_key(value) for value in classes.tolist()]
        return not any(isinstance(key, int) and key < 0 for key in keys)
    if others.dtype.kind == "i":
        return not len(others) or (others.min() >= 0 and bool((others != 1).any()))
    distinct = np.unique(others).tolist()
    return distinct != ["1"] and all(_WHOLE.fullmatch(word) for word in distinct)


def named_as(labels: PlainLabels, classes: Array) -> PlainLabels:
    """Return labels in the spelling and type of known classes; unknown labels stay as they are.

    Examples
    --------
    >>> labels = plain_labels(np.array([0.0, 1.0, np.nan]))
    >>> named_as(labels, np.array(["0", "1"])).nullable.tolist()
    ['0', '1', None]
    """
    known = labels.known
    indices = match_classes(known, classes)
    is_class = indices >= 0
    kinds = {classes.dtype.kind, known.dtype.kind}
    if is_class.all() or len(kinds) == 1:
        named = np.where(is_class, classes[indices], known) if len(kinds) == 1 else classes[indices]
    else:  # the unknown ones have another type: all become words
        named = np.where(is_class, classes[indices].astype(np.str_), known.astype(np.str_))
    values = np.zeros(len(labels.values), named.dtype)
    values[~labels.missing] = named
    return PlainLabels(values, labels.missing, labels.marks)
