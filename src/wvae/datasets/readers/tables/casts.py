"""Casts of columns of text to numbers with pyarrow: plain ones, and those with decimal commas."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dataset import Array

__all__ = [
    "DOT_GROUPS",
    "all_match",
    "cast_decimal_commas",
    "cast_numbers",
    "matches",
    "missing_words",
    "null_if_missing",
    "trim",
]

# What Arrow's cast to integers and fractions reads without a loss or a surprise.
INTEGER = "^(0|-?[1-9][0-9]*)$"
FRACTION = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
DECIMAL_COMMA = "^[+-]?[0-9]+(,[0-9]+)?([eE][+-]?[0-9]+)?$"
COMMA_GROUPS = "^[+-]?[1-9][0-9]{0,2}(,[0-9]{3})*$"
DOT_GROUPS = r"^[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})*$"


def missing_words() -> tuple[str, ...]:
    """Return the words for a missing value, "" first."""
    from ....validation import MISSING_WORDS  # imports scikit-learn

    return MISSING_WORDS


def trim(values: Any) -> Any:
    """Return text without spaces around it; null becomes ""."""
    from pyarrow import compute

    return compute.call_function("utf8_trim_whitespace", [values.fill_null("")])


def all_match(values: Any, pattern: str) -> bool:
    """Return whether all filled cells match a regular expression, and at least one is filled."""
    filled = null_if_missing(values).drop_null()
    return len(filled) > 0 and bool(matches(filled, pattern).all())


def matches(values: Any, pattern: str) -> Array:
    """Return which cells match a regular expression, (n,) bool."""
    from pyarrow import compute

    options = compute.MatchSubstringOptions(pattern)
    found = compute.call_function("match_substring_regex", [values], options)
    return found.to_numpy(zero_copy_only=False) if len(values) else np.empty(0, bool)


def null_if_missing(values: Any) -> Any:
    """Return text with null for the words that mean a missing value."""
    import pyarrow as pa
    from pyarrow import compute

    options = compute.SetLookupOptions(pa.array(missing_words(), pa.string()))
    missing = compute.call_function("is_in", [values], options)
    return compute.call_function("if_else", [missing, pa.scalar(None, pa.string()), values])


def cast_numbers(values: Any) -> Any | None:
    """Return a column of plain integers or fractions as such, or None."""
    column = _cast_filled(values) if len(values) else None
    if column is not None:
        return column
    filled = null_if_missing(values)
    if filled.null_count in (0, len(filled)):
        return None
    return _cast_filled(filled)


def _cast_filled(values: Any) -> Any | None:
    """Return text as integers or fractions if all of it is such, except nulls, or None."""
    import pyarrow as pa
    from pyarrow import compute

    present = values.drop_null() if values.null_count else values
    if matches(present, INTEGER).all():
        for kind in (pa.int64(), pa.uint64()):
            try:
                return values.cast(kind)
            except pa.ArrowInvalid:
                continue
        return None
    if not matches(present, FRACTION).all() or not matches(present, "[.eE]").any():
        return None
    options = compute.ReplaceSubstringOptions(r"^\+", "")
    plain = compute.call_function("replace_substring_regex", [values], options)
    return plain.cast(pa.float64())


def cast_decimal_commas(values: Any) -> Any | None:
    """Return a column that has decimal commas without doubt as fractions, or None."""
    import pyarrow as pa
    from pyarrow import compute

    if not all_match(values, DECIMAL_COMMA):
        return None
    filled = null_if_missing(values)
    present = filled.drop_null()
    if not matches(present, ",").any() or matches(present, COMMA_GROUPS).all():
        return None
    for pattern, replacement in ((",", "."), (r"^\+", "")):
        options = compute.ReplaceSubstringOptions(pattern, replacement)
        filled = compute.call_function("replace_substring_regex", [filled], options)
    return filled.cast(pa.float64())
