"""Columns as hidden factors: those that the user or a model names, or all that group the rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from ....validation.label_values import MISSING_WORDS, plain_words
from ...dataset import Array, is_labelled
from ...messages import Log, preview
from .splits import SPLIT

__all__ = [
    "check_factor_names",
    "check_result_names",
    "choose_factors",
    "known_factors",
    "plain_values",
    "read_factor",
]


# Columns of codes and clusters.
RESULTS = re.compile(f"{SPLIT}|predicted|cluster|row|z_(label|rest)[0-9]+")


def check_factor_names(factors: Sequence[str], label: str | None, where: str) -> None:
    """Raise a ValueError if a factor is the label, or is named twice."""
    for i, name in enumerate(factors):
        if name == label:
            raise ValueError(f"{where}: {name!r} is named as label and as factor: drop one of them")
        if name in factors[:i]:
            raise ValueError(f"{where}: the factor {name!r} is named twice: drop one of them")


def check_result_names(names: Sequence[str], where: str) -> None:
    """Raise a ValueError if the label or a factor has the name of a column that wvae writes."""
    for name in names:
        if RESULTS.fullmatch(name):
            raise ValueError(
                f"{where}: {name!r} is the name of a column that wvae writes, so it cannot be the "
                "label or a factor: rename the column"
            )


def plain_values(values: Array, subject: str) -> Array:
    """Return a column as numbers of the machine's byte order, or as words with "" for none.

    Objects, dates and bytes become words, booleans 0 and 1. Other types are left as they are.

    Parameters
    ----------
    values
        The column, (n,).
    subject
        The subject of error messages.

    Examples
    --------
    >>> plain_values(np.array(["a", None], object), "the factor 'writer'").tolist()
    ['a', '']
    """
    kind = values.dtype.kind
    if kind in "OT":
        values = values.astype(object)
        words = [_word(value) for value in values.tolist()]
        values = np.where(is_labelled(values), np.array(words, dtype=np.str_), "")
    elif kind == "S":
        try:
            values = np.char.decode(values, "utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{subject} holds bytes that are not UTF-8: decode them") from None
    elif kind in "Mm":
        values = values.astype(np.str_)
    elif kind == "b":
        return values.astype(np.int64)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return plain_words(values, subject, strip=True) if values.dtype.kind == "U" else values


def read_factor(values: Array, name: str, where: str) -> Array:
    """Return the values of a named factor, or raise a ValueError if some are missing."""
    subject = f"{where}: the factor {name!r}"
    values = plain_values(values, subject)
    if values.dtype.kind not in "iufU":
        raise ValueError(f"{subject} has dtype {values.dtype}, expected numbers or words")
    missing = np.flatnonzero(_is_missing(values))
    if missing.size:
        mark = str(values[missing[0]]) or "empty"
        raise ValueError(
            f"{subject} is missing ({mark}) in {missing.size:,} of {len(values):,} rows, first in "
            f"row {missing[0] + 1}: fill it or drop those rows"
        )
    return values


def known_factors(
    columns: Mapping[str, Array], names: Sequence[str], where: str, log: Log
) -> dict[str, Array]:
    """Return the factors that a model knows; those with missing values are left out and told of."""
    factors = dict[str, Array]()
    for name in names:
        try:
            factors[name] = read_factor(columns[name], name, where)
        except ValueError as error:
            log(f"left out: {error}")
    return factors


def choose_factors(columns: Mapping[str, Array], where: str, log: Log) -> dict[str, Array]:
    """Return the columns that group the rows; log which do and which do not."""
    factors = dict[str, Array]()
    others = list[str]()
    for name, values in columns.items():
        values = plain_values(values, f"{where}: the column {name!r}")
        reason = "wvae writes a column of this name: rename it" if RESULTS.fullmatch(name) else ""
        reason = reason or _reason_against(values)
        if reason:
            others.append(f"{name!r} ({reason})")
        else:
            factors[name] = values
    if factors:
        log(f"factors (none was named): {', '.join(factors)}")
    if others:
        log(f"not used as factors: {preview(others, 5, quote=False)}")
    return factors


def _word(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _is_missing(values: Array) -> Array:
    """Return the mask of missing values, (n,): NaN and infinity, or words such as NA."""
    if values.dtype.kind == "f":
        return ~np.isfinite(values)
    if values.dtype.kind == "U":
        return np.any([values == word for word in MISSING_WORDS], axis=0)
    return np.zeros(len(values), bool)


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
