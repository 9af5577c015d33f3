"""Numbers as people write them: decimal commas, thousands, percent signs and currencies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

__all__ = ["LOWER_SHARE", "TO_ASCII", "Numerals", "Style", "looks_measured", "parse_numerals"]

SHARE = 0.9  # of the filled cells: a column with so many numbers is one of numbers
LOWER_SHARE = 0.5  # the same for a column whose other cells are a few words again and again
FEW_WORDS = 3
LONGEST = 60  # characters of a number
# Signs and spaces that spreadsheets write instead of ASCII's; full-width digits.
TO_ASCII = str.maketrans(
    {"−": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "，": ",", "．": ".", "’": "'"}
    | {chr(0xFF10 + digit): str(digit) for digit in range(10)}
)
SYMBOLS = "%‰$€£¥₩₹"
EXPONENT = "(?:[eE][+-]?[0-9]+)?"
SIGNED = re.compile(rf"([+-]?)([{SYMBOLS}]?) ?([+-]?)([^{SYMBOLS}]*?) ?([{SYMBOLS}]?)")
INFINITE = re.compile("inf(inity)?", re.IGNORECASE)
HEXADECIMAL = re.compile("0[xX][0-9a-fA-F]+")
WITH_UNIT = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)? ?([^\W\d_]{1,5}[23²³]?|°[CF]?)")
LEADING_ZERO = re.compile("[+-]?0[0-9]+")
DOTTED_GROUPS = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+")


class Style(NamedTuple):
    """How a number is written: its decimal mark, its mark between groups of three, its unit."""

    decimal: str = "."
    group: str = ""
    unit: str = ""

    def __str__(self) -> str:
        parts = ["decimal commas"] if self.decimal == "," else []
        if self.group:
            parts.append(f"groups of three digits ({self.group!r} between them)")
        if self.unit:
            parts.append(f"the unit {self.unit!r}, left out")
        return " and ".join(parts)


PLAIN = Style()
MARKS = (
    *(Style("."), Style(","), Style(".", ","), Style(",", ".")),
    *(Style(mark, group) for group in " '_" for mark in ".,"),
)


@dataclass(frozen=True)
class Numerals:
    """The distinct values of a column, read as numbers.

    Parameters
    ----------
    values
        The number of each word; None for a word that is no number.
    style
        How the numbers are written.
    problem
        Why the numbers cannot be used, for an error, or an empty string.
    digits
        Whether all numbers are whole and written in digits only.
    code
        The first word with leading zeros, such as 007, if the column holds codes, or "".
    share
        The share of cells that are numbers, in any style.
    """

    values: list[float | None]
    style: Style = PLAIN
    problem: str = ""
    digits: bool = False
    code: str = ""
    share: float = 0.0


def parse_numerals(counts: Mapping[str, int], decimal_commas: bool | None = None) -> Numerals:
    """Read the distinct values of a column as numbers, or tell why that is impossible.

    A column is one of numbers if at least 90 % of its filled cells are numbers in one style; or at
    least half, if the others are at most three different words, such as ``<LOQ``.

    Parameters
    ----------
    counts
        How often each word occurs, in the order of the first; empty cells are left out.
    decimal_commas
        Whether other columns of the file have decimal commas; None if that is unknown. It decides
        on ``1,234``, which may be a fraction or more than a thousand.

    Returns
    -------
    Numerals
        Without any number if this is a column of words.

    Examples
    --------
    >>> parse_numerals({"1,5": 3, "2,25": 1}).values
    [1.5, 2.25]
    >>> parse_numerals({"1.234,5": 1, "?": 1}).values
    [1234.5, None]
    >>> parse_numerals({"cat": 2, "dog": 2}).values
    [None, None]
    """
    words = list(counts)
    total = sum(counts.values())
    parsed = [_readings(word.translate(TO_ASCII)) for word in words]
    cells = dict[Style, int]()
    n_numbers = 0
    for word, readings in zip(words, parsed, strict=True):
        n_numbers += counts[word] if readings else 0
        for style in readings:
            cells[style] = cells.get(style, 0) + counts[word]
    no_numbers = Numerals([None] * len(words), share=n_numbers / max(1, total))
    if not words:
        return no_numbers
    if not cells:
        return _booleans(words, counts) or no_numbers
    most = max(cells.values())
    best = [style for style in _in_order(cells) if cells[style] == most]
    style = best[0]
    values = [readings.get(style) for readings in parsed]
    if n_numbers - most > (1 - SHARE) * total and n_numbers >= SHARE * total:
        samples = _different(words, parsed, style)
        return Numerals(values, style, f"mixes {' and '.join(map(repr, samples))}")
    others = {
        word: counts[word] for word, value in zip(words, values, strict=True) if value is None
    }
    if not _are_few(others, total):
        return no_numbers
    style, problem = _resolve(best, words, parsed, decimal_commas)
    values = [readings.get(style) for readings in parsed]
    return _with_digits(words, Numerals(values, style, problem))


def _in_order(cells: Mapping[Style, int]) -> list[Style]:
    """Return styles with the simplest first."""
    return sorted(cells, key=lambda style: (bool(style.unit), MARKS.index(style._replace(unit=""))))


def _resolve(
    best: Sequence[Style],
    words: Sequence[str],
    parsed: Sequence[Mapping[Style, float]],
    decimal_commas: bool | None,
) -> tuple[Style, str]:
    """Return the one of several equally good styles, and a problem if it cannot be known."""
    style = best[0]
    if decimal_commas and style.decimal == "." and not style.group:
        dotted = [word for word in words if "." in word]
        if dotted and all(DOTTED_GROUPS.fullmatch(word) for word in dotted):
            return style, _either(dotted[0])
    for other in best[1:]:
        for word, readings in zip(words, parsed, strict=True):
            if style in readings and readings[style] != readings.get(other, readings[style]):
                if style == Style(".", "", style.unit):  # a dot is a decimal point unless …
                    return style, ""
                if decimal_commas and style.decimal == ",":
                    return style, ""
                return style, _either(word)
    return style, ""


def _either(word: str) -> str:
    whole = re.sub("[.,]", "", word)
    fraction = word.replace(",", ".")
    return f"holds {word!r}, which may be {fraction} or {whole}"


def _different(
    words: Sequence[str], parsed: Sequence[Mapping[Style, float]], style: Style
) -> list[str]:
    """Return a number of a style and one of another."""
    pairs = [(word, readings) for word, readings in zip(words, parsed, strict=True) if readings]
    same = next(word for word, readings in pairs if style in readings)
    other = next(word for word, readings in pairs if style not in readings)
    return [same, other]


def _are_few(others: Mapping[str, int], total: int) -> bool:
    """Return whether the cells that are no numbers are few, or a few words again and again."""
    share = 1 - sum(others.values()) / total
    if share >= SHARE:
        return True
    # <0.5 and <0.3 are the same: below a limit of detection.
    different = {re.sub(r"[0-9][0-9.,]*", "0", word) for word in others}
    return share >= LOWER_SHARE and len(different) <= FEW_WORDS


def _with_digits(words: Sequence[str], numerals: Numerals) -> Numerals:
    """Return the numerals with `digits` and `code`."""
    values, style = numerals.values, numerals.style
    numbers = [
        word.translate(TO_ASCII)
        for word, value in zip(words, values, strict=True)
        if value is not None
    ]
    digits = all(re.fullmatch("[+-]?[0-9]+", word) for word in numbers)
    codes = [word for word in numbers if LEADING_ZERO.fullmatch(word)] if digits else []
    code = codes[0] if codes else ""
    return Numerals(values, style, numerals.problem, digits, code)


def _booleans(words: Sequence[str], counts: Mapping[str, int]) -> Numerals | None:
    """Return true and false as 1 and 0 if nearly all words are these."""
    values = [{"true": 1.0, "false": 0.0}.get(word.lower()) for word in words]
    others = {
        word: counts[word] for word, value in zip(words, values, strict=True) if value is None
    }
    return Numerals(values) if _are_few(others, sum(counts.values())) else None


def _readings(word: str) -> dict[Style, float]:
    """Return what a word is in each style in which it is a number."""
    match = SIGNED.fullmatch(word) if len(word) <= LONGEST else None
    if match is None:
        return {}
    sign, prefix, inner_sign, body, suffix = match.groups()
    if not body or (sign and inner_sign) or (prefix and suffix):
        return {}
    minus = -1.0 if "-" in (sign, inner_sign) else 1.0
    unit = prefix or suffix
    if INFINITE.fullmatch(body):
        return {marks._replace(unit=unit): minus * float("inf") for marks in MARKS}
    if not (body[0].isdigit() or body[0] in ".,"):
        return {}
    readings = dict[Style, float]()
    for marks in MARKS:
        ungrouped = Style(marks.decimal, "", unit)
        if marks.group and marks.group not in body:
            if ungrouped in readings:
                readings[marks._replace(unit=unit)] = readings[ungrouped]
        elif _pattern(marks.decimal, marks.group).fullmatch(body):
            plain = body.replace(marks.group, "") if marks.group else body
            value = float(plain.replace(marks.decimal, "."))
            readings[marks._replace(unit=unit)] = minus * value
    return readings


@cache
def _pattern(decimal: str, group: str) -> re.Pattern[str]:
    """Return the regular expression of unsigned numbers in a style."""
    decimal, group = re.escape(decimal), re.escape(group)
    whole = "[0-9]+"
    if group:
        whole = f"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+)"
    return re.compile(f"(?:{whole}(?:{decimal}[0-9]*)?|{decimal}[0-9]+){EXPONENT}")


def looks_measured(words: Sequence[str]) -> str:
    """Return the first word that is a number with a unit or in hexadecimal digits, or "".

    Such columns stay words: ``12 cm``, ``0x1f``. The log mentions them.
    """
    units = set[str]()
    for word in words:
        if HEXADECIMAL.fullmatch(word):
            units.add("0x")
            continue
        match = WITH_UNIT.fullmatch(word)
        if match is None:
            return ""
        units.add(match[1])
    return words[0] if len(units) == 1 else ""
