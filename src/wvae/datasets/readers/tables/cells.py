"""Types of a table's columns of text: numbers, true and false, words; and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...dataset import Array
from ...messages import Log, preview
from .casts import (
    DOT_GROUPS,
    all_match,
    cast_decimal_commas,
    cast_numbers,
    matches,
    missing_words,
    null_if_missing,
    trim,
)
from .numerals import LOWER_SHARE, TO_ASCII, Numerals, Style, looks_measured, parse_numerals

__all__ = [
    "Cells",
    "fractions_of_words",
    "missing_words",
    "name_words",
    "read_cells",
    "type_columns",
]


@dataclass(frozen=True)
class Cells:
    """The cells of a column of text, read as numbers.

    Parameters
    ----------
    numbers
        The numbers, (n,) float64, with NaN for cells that are none.
    words
        The cells that are no numbers, such as ``?`` and NA: how many there are of each word, and
        the first row, from 0. Empty cells are the word "".
    problem
        Why they cannot be used as numbers, for an error, or an empty string.
    """

    numbers: Array
    words: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    problem: str = ""


def name_words(words: dict[str, tuple[int, int]]) -> str:
    """Return words with their counts and first rows, for messages.

    Examples
    --------
    >>> name_words({"?": (2, 6), "": (1, 0)})
    "'?' in 2 rows (first in row 7), nothing in 1 row (row 1)"
    """
    parts = list[str]()
    for word, (count, row) in words.items():
        name = repr(word[:40]) if word else "nothing"
        rows = f"{count:,} rows (first in row {row + 1})" if count > 1 else f"1 row (row {row + 1})"
        parts.append(f"{name} in {rows}")
    return preview(parts, 4, quote=False)


def type_columns(table: Any, path: Path, log: Log) -> tuple[Any, dict[str, Cells]]:
    """Give each column of text a type.

    A column whose filled cells are all numbers becomes one of integers or fractions; one of true
    and false becomes bool; an empty one null; all others stay text, without spaces around the
    cells. Leading zeros (007) make a column of digits one of words. A few words among numbers do
    not: such a column stays text here, and its `Cells` hold the numbers for those who need them.

    Parameters
    ----------
    table
        A `pyarrow.Table` whose columns are all text.
    path
        The file, for messages.
    log
        Called with one line for each way of writing numbers other than ``-1.5e3``, for columns of
        codes, of numbers with units and of trimmed words.

    Returns
    -------
    table
        The columns with their types.
    cells
        Columns of text that hold numbers, too, and numeric columns in which cells are missing.
    """
    import pyarrow as pa

    texts = {name: trim(table.column(name)) for name in table.column_names}
    plain = {name: cast_numbers(values) for name, values in texts.items()}
    commas = {name: cast_decimal_commas(texts[name]) for name in texts if plain[name] is None}
    counts = {name: _Counts(texts[name]) for name, column in commas.items() if column is None}
    numerals = _parse_all(texts, plain, commas, counts)
    columns, cells = dict[str, Any](), dict[str, Cells]()
    notes = _Notes(path, log)
    for name, values in texts.items():
        if name in numerals:
            column, read = _from_numerals(values, counts[name], numerals[name], name, notes)
            if read is not None:
                cells[name] = read
        else:
            column = plain[name] if plain[name] is not None else commas[name]
            if plain[name] is None:
                notes.style(name, Style(","), _first(values, ","))
            if column is not None and column.null_count:
                cells[name] = Cells(_as_float(column), _missing_words(values))
        columns[name] = column
    notes.write()
    return pa.table(columns), cells


def _parse_all(
    texts: dict[str, Any],
    plain: dict[str, Any],
    commas: dict[str, Any],
    counts: dict[str, _Counts],
) -> dict[str, Numerals]:
    """Return the numerals of columns that are neither plain numbers nor surely decimal commas.

    If a column of the file has decimal commas, 1,234 is a fraction in all of them, and 1.234 may
    be more than a thousand: such columns are added to `counts`.
    """
    numerals = {name: parse_numerals(count.filled) for name, count in counts.items()}
    has_comma = [n.style.decimal == "," and not n.problem for n in numerals.values()]
    certain = [column for column in commas.values() if column is not None]
    if not certain and not any(has_comma):
        return numerals
    for name, values in texts.items():
        dotted = plain[name] is not None and matches(values, r"\.").any()
        if dotted and all_match(values, DOT_GROUPS):
            counts[name] = _Counts(values)
    return {name: parse_numerals(count.filled, True) for name, count in counts.items()}


def fractions_of_words(values: Any) -> Cells | None:
    """Return the cells of a column of text that holds fractions, or None for other words.

    In formats with types, digits in a column of text are names: they were not saved as numbers.
    """
    cells = read_cells(values)
    if cells is None or not (cells.numbers % 1 > 0).any():
        return None
    return cells


def read_cells(values: Any) -> Cells | None:
    """Return the cells of a column of text as numbers, or None if it is one of words."""
    counts = _Counts(trim(values))
    numerals = parse_numerals(counts.filled)
    has_numbers = any(value is not None for value in numerals.values)
    return _as_cells(counts, numerals) if has_numbers else None


class _Counts:
    """The distinct words of a column: how often each occurs, where first, and which row has which.

    Parameters
    ----------
    values
        A trimmed column of text.
    """

    def __init__(self, values: Any) -> None:
        import pyarrow as pa

        encoded = values.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        self.words: list[str] = encoded.dictionary.to_pylist()
        self.index = encoded.indices.to_numpy(zero_copy_only=False)
        self.counts = np.bincount(self.index, minlength=len(self.words))
        _, self.first = np.unique(self.index, return_index=True)
        self.filled: dict[str, int] = {}
        missing = missing_words()
        for word, count in zip(self.words, self.counts.tolist(), strict=True):
            if word not in missing:
                self.filled[word] = count


def _as_cells(counts: _Counts, numerals: Numerals) -> Cells:
    """Return the numbers and the other words of a column."""
    by_word = dict(zip(counts.filled, numerals.values, strict=True))
    numbers = np.full(len(counts.words), np.nan)
    words = dict[str, tuple[int, int]]()
    for i, word in enumerate(counts.words):
        value = by_word.get(word)
        if value is None:
            words[word] = int(counts.counts[i]), int(counts.first[i])
        else:
            numbers[i] = value
    return Cells(numbers[counts.index], words, numerals.problem)


def _from_numerals(
    values: Any, counts: _Counts, numerals: Numerals, name: str, notes: _Notes
) -> tuple[Any, Cells | None]:
    """Return a column that is not plain numbers with its type, and its cells if they are needed."""
    import pyarrow as pa

    if not counts.filled:
        return pa.nulls(len(values)), None
    filled = list(counts.filled)
    if not any(value is not None for value in numerals.values):
        if numerals.share >= LOWER_SHARE:
            notes.mixed(name, numerals.share)
        notes.measured(name, looks_measured(filled))
        return values, None
    if numerals.code:
        notes.codes(name, numerals.code, counts)
        return values, None
    cells = _as_cells(counts, numerals)
    if numerals.problem:
        return values, cells
    if any(value is None for value in numerals.values):
        return values, cells
    booleans = {word.lower() for word in filled} <= {"true", "false"}
    if booleans:
        missing = np.isnan(cells.numbers)
        column = pa.array(np.nan_to_num(cells.numbers).astype(bool), mask=missing)
        return column, cells if missing.any() else None
    sample = next((word for word in filled if not word.isdigit()), filled[0])
    if numerals.style != Style():
        notes.style(name, numerals.style, sample)
    if numerals.digits and numerals.style == Style():
        try:
            column = pa.array([_integer(word) for word in counts.words])
        except (OverflowError, pa.ArrowInvalid):
            problem = f"holds whole numbers of more than 19 digits ({sample!r})"
            return values, replace(cells, problem=problem)
        return column.take(pa.array(counts.index)), cells if cells.words else None
    column = pa.array(cells.numbers, from_pandas=True)
    return column, cells if cells.words else None


def _integer(word: str) -> int | None:
    return None if word in missing_words() else int(word.translate(TO_ASCII).replace(" ", ""))


class _Notes:
    """Collects what was decided on columns, and logs a line for each kind of decision."""

    def __init__(self, path: Path, log: Log) -> None:
        self.file, self.log = path.name, log
        self.styles = dict[Style, list[str]]()
        self.samples = dict[Style, str]()
        self.words = list[str]()

    def style(self, name: str, style: Style, sample: str) -> None:
        self.styles.setdefault(style, []).append(name)
        self.samples.setdefault(style, sample)

    def codes(self, name: str, code: str, counts: _Counts) -> None:
        row = counts.first[counts.words.index(code)] + 1 if code in counts.words else 1
        self.words.append(f"{name!r} (leading zeros, as in {code!r} in row {row})")

    def mixed(self, name: str, share: float) -> None:
        self.words.append(f"{name!r} (only {share:.0%} of its cells are numbers)")

    def measured(self, name: str, word: str) -> None:
        if word:
            self.words.append(f"{name!r} (write {word!r} as a number to use it as one)")

    def write(self) -> None:
        for style, names in self.styles.items():
            sample = self.samples[style]
            self.log(f"{self.file}: numbers with {style} ({sample!r}): {preview(names, 8)}")
        if self.words:
            self.log(f"{self.file}: read as words: {preview(self.words, 5, quote=False)}")


def _first(values: Any, text: str) -> str:
    """Return the first cell that contains a text."""
    rows = np.flatnonzero(matches(values, text))
    return values[int(rows[0])].as_py()


def _missing_words(values: Any) -> dict[str, tuple[int, int]]:
    """Return the words for missing values in a column of numbers; see `Cells`."""
    null = null_if_missing(values).is_null().to_numpy()
    rows = np.flatnonzero(null)
    words = dict[str, tuple[int, int]]()
    missing: Sequence[str] = values.take(rows).to_pylist()
    for row, word in zip(rows.tolist(), missing, strict=True):
        count, first = words.get(word, (0, row))
        words[word] = count + 1, first
    return words


def _as_float(values: Any) -> Array:
    import pyarrow as pa

    return values.cast(pa.float64(), safe=False).to_numpy()
