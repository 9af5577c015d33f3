"""Read CSV and TSV with pyarrow, which infers the type of each column."""

from __future__ import annotations

import codecs
import csv
import re
from pathlib import Path
from typing import Any

from ..messages import Log, one_line

__all__ = ["detect_delimiter", "detect_encoding", "read_delimited"]

DELIMITERS = ",;\t|"
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",  # pyarrow drops the mark itself
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's mark, which is its beginning
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Encodings of spreadsheets. With rarer ones, most texts would be ambiguous.
CODE_PAGES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256"),
    *("cp932", "cp949", "gb18030", "big5"),
)
SAMPLE = 1 << 18  # bytes of non-ASCII lines from which an encoding is detected


def read_delimited(path: Path, log: Log) -> Any:
    """Read a table of text whose first line names the columns, as a `pyarrow.Table`.

    Parameters
    ----------
    path
        The file. The delimiter of a .tsv is the tab; that of other files is detected.
    log
        Called with one line if the encoding is a guess.

    Raises
    ------
    ValueError
        If the encoding is ambiguous, the first line holds numbers, or a row has more or fewer
        values than there are columns.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    encoding = detect_encoding(path, log)
    header = _first_line(path, encoding)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else detect_delimiter(header)
    _check_header(header, delimiter, path)
    invalid = list[Any]()

    def keep(row: Any) -> str:
        invalid.append(row)
        return "error"

    # With several threads, pyarrow does not give the numbers of rows.
    read = arrow_csv.ReadOptions(use_threads=False, encoding=encoding)
    parse = arrow_csv.ParseOptions(
        delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep
    )
    # In a column of numbers, NA, null and the like are missing values. In a column of words only
    # an empty cell is, since NA may be a name.
    convert = arrow_csv.ConvertOptions(strings_can_be_null=False)
    try:
        table = arrow_csv.read_csv(
            path, read_options=read, parse_options=parse, convert_options=convert
        )
    except (pa.ArrowInvalid, UnicodeError) as error:
        if not invalid:
            raise ValueError(f"{path} cannot be read as a table: {one_line(error)}") from error
        row = invalid[0]
        raise ValueError(
            f"{path}: row {row.number - 1} has {row.actual_columns:,} values, expected one for "
            f"each of the {row.expected_columns:,} columns ({row.text[:60]!r}): correct it, or "
            f"quote values that contain {delimiter!r}"
        ) from error
    _check_quotes(table, path)
    return table


def _check_header(header: str, delimiter: str, path: Path) -> None:
    """Raise a ValueError if the first line is not text, or holds numbers instead of names."""
    expected = "expected the names of the columns"
    if "\0" in header:
        raise ValueError(f"{path}: the first line holds zero bytes, {expected}: save it as UTF-8")
    try:
        names = next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error as error:
        raise ValueError(f"{path}: the first line: {one_line(error)}, {expected}") from error
    if names and all(_is_number(name) for name in names):
        raise ValueError(f"{path}: the first line holds numbers, {expected}: add such a line")


def detect_delimiter(header: str) -> str:
    """Return the most frequent of ``,``, ``;``, tab and ``|`` outside quotation marks.

    `csv.Sniffer` prefers commas: it takes one as the delimiter of ``id;size, cm;weight, kg;label``.

    Parameters
    ----------
    header
        The line with the names of the columns.

    Examples
    --------
    >>> detect_delimiter('"width; cm",label'), detect_delimiter("width;label")
    (',', ';')
    """
    unquoted = re.sub('"[^"]*"', "", header)
    return max(DELIMITERS, key=unquoted.count)


def detect_encoding(path: Path, log: Log) -> str:
    """Return the encoding of a text file: by its byte order mark, else UTF-8, else the best fit.

    Parameters
    ----------
    path
        The file.
    log
        Called with one line if the encoding is a guess.

    Raises
    ------
    ValueError
        If no encoding fits, or several fit equally well and give different texts.
    """
    with open(path, "rb") as file:
        start = file.read(4)
        for mark, encoding in BYTE_ORDER_MARKS.items():
            if start.startswith(mark):
                return encoding
        file.seek(0)
        sample = _sample_unless_utf8(file)
    if sample is None:
        return "utf-8"

    from charset_normalizer import from_bytes

    candidates = list(from_bytes(sample, cp_isolation=list(CODE_PAGES)))
    if not candidates:
        raise ValueError(f"{path} is not UTF-8, and no other encoding fits: save it as UTF-8")
    best = candidates[0]
    equally_good = [match for match in candidates if match.chaos <= best.chaos]
    words = [f"{_first_word(str(match))!r} in {_page(match)}" for match in equally_good]
    if len(equally_good) > 1:
        options = " or ".join(words)
        raise ValueError(f"{path} is not UTF-8; a word may be {options}: save it as UTF-8")
    log(f"{path.name} is not UTF-8: read as {_page(best)}, with words such as {words[0]}")
    return _page(best)


def _sample_unless_utf8(file: Any) -> bytes | None:
    """Return lines with non-ASCII bytes, or None if the whole file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(1 << 20):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        pass
    else:
        return None
    file.seek(0)
    sample = b""
    for line in file:
        if not line.isascii():
            sample += line
        if len(sample) > SAMPLE:
            break
    return sample


def _page(match: Any) -> str:
    """Return the first of `CODE_PAGES` that gives this text."""
    same_text = match.could_be_from_charset
    return next((page for page in CODE_PAGES if page in same_text), match.encoding)


def _first_word(text: str) -> str:
    """Return the first non-ASCII value of a text of lines."""
    for delimiter in DELIMITERS:
        text = text.replace(delimiter, "\n")
    return next((value.strip() for value in text.splitlines() if not value.isascii()), "")[:40]


def _first_line(path: Path, encoding: str) -> str:
    """Return the first line that is not empty."""
    # Bytes that cannot be decoded are replaced here; pyarrow reports them.
    with open(path, encoding=encoding, errors="replace") as file:
        for _ in range(100):
            line = file.readline(1 << 20).lstrip("\ufeff").rstrip("\r\n")
            if line:
                return line
    return ""


def _check_quotes(table: Any, path: Path) -> None:
    """Raise a ValueError if an unclosed quotation mark turned the rest of the file into a value."""
    if not table.num_rows:
        return
    last = table.num_rows - 1
    for name, column in zip(table.column_names, table.columns, strict=True):
        value = column[last].as_py()
        if isinstance(value, str) and "\n" in value and path.read_bytes().count(b'"') % 2:
            first_line = value.splitlines()[0][:40]
            raise ValueError(
                f"{path}: row {table.num_rows}, column {name!r}: a quotation mark is not closed, "
                f"so all lines after {first_line!r} are one value: close it"
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
