"""Read CSV and TSV with pyarrow, all cells as text; `cells` gives the columns their types."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ...messages import Log, one_line, preview
from .encodings import DELIMITERS, decode_table
from .formats import check_is_file, foreign_format
from .names import clean_names

__all__ = ["detect_delimiter", "read_delimited"]

HEAD = 1 << 22  # bytes in which the header and the first rows lie
FIRST_ROWS = 20  # rows that show which character is the delimiter
BLOCK = 1 << 26  # bytes that pyarrow parses at once; a row must not be longer
NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?|nan|-?inf", re.I)
ESCAPED_QUOTE = re.compile(rb'[^"\\,;\t|\r\n]{0,20}\\"[^"\\,;\t|\r\n ]{1,20}')
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)  # Excel's first line
EXPECTED = "expected the names of the columns"


@dataclass(frozen=True)
class Layout:
    """Where the cells of a text are: names, delimiter, and lines above the first row."""

    names: list[str]
    delimiter: str
    skip: int


def read_delimited(path: Path, log: Log) -> Any:
    """Read a table of text whose first line names the columns, as a `pyarrow.Table` of str.

    Empty lines and comments (``#``) above the header are skipped. A column without a name and
    without cells, which a delimiter at the end of each line makes, is left out.

    Parameters
    ----------
    path
        The file. The delimiter of a .tsv is the tab; that of other files is detected.
    log
        Called with one line for each decision on the encoding, the header and empty columns.

    Raises
    ------
    ValueError
        If the file is of another format, its encoding is ambiguous, the first line holds no names
        or the same name twice, or a row has more or fewer values than there are columns.
    """
    check_is_file(path)
    content = path.read_bytes()
    if not content.strip():
        raise ValueError(f"{path} is empty, {EXPECTED} and rows: write the table again")
    foreign = foreign_format(content[:1024])
    if foreign:
        name, fix = foreign
        raise ValueError(f"{path} is {name}, not a table of text: {fix}")
    content = decode_table(content, path, log)
    _check_backslashes(content, path)
    layout = _layout(content[:HEAD].decode(errors="ignore"), path, log)
    names = clean_names(layout.names, path, log)
    table = _parse(content, layout, names, path)
    _check_quotes(table, names, content, path)
    _check_first_line(table, names, path)
    return _without_empty_columns(table, names, path, log)


def _parse(content: bytes, layout: Layout, names: Sequence[str], path: Path) -> Any:
    """Return the rows as a table of str, or raise a ValueError that names the row."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    numbered = [str(i) for i in range(len(names))]
    invalid = list[Any]()

    def keep(row: Any) -> str:
        invalid.append(row)
        return "error"

    # With several threads, pyarrow does not give the numbers of rows.
    read = arrow_csv.ReadOptions(
        use_threads=False,
        column_names=numbered,
        skip_rows=layout.skip,
        block_size=min(BLOCK, max(len(content), 1 << 16)),
    )
    parse = arrow_csv.ParseOptions(
        delimiter=layout.delimiter,
        newlines_in_values=True,
        invalid_row_handler=keep,
        ignore_empty_lines=len(names) > 1,
    )
    convert = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(numbered, pa.string()), strings_can_be_null=False
    )
    try:
        source = pa.BufferReader(content)
        return arrow_csv.read_csv(
            source, read_options=read, parse_options=parse, convert_options=convert
        )
    except pa.ArrowInvalid as error:
        if not invalid:
            raise ValueError(f"{path} cannot be read as a table: {one_line(error)}") from error
        row = invalid[0]
        fix = f"correct it, or quote values that contain {layout.delimiter!r}"
        if row.text.count('"') % 2:
            fix = "a quotation mark is not closed: close it"
        raise ValueError(
            f"{path}: row {row.number - layout.skip:,} has {row.actual_columns:,} values, expected "
            f"one for each of the {row.expected_columns:,} columns ({row.text[:60]!r}): {fix}"
        ) from error


def _layout(head: str, path: Path, log: Log) -> Layout:
    """Return names, delimiter and the number of lines above the first row."""
    lines = list(io.StringIO(head, newline=""))  # breaks lines at \n, \r and \r\n only
    delimiter: str | None = "\t" if path.suffix.lower() == ".tsv" else None
    first = next(i for i, line in enumerate(lines) if line.strip())
    excel = SEPARATOR_LINE.match(lines[first])
    if excel:
        delimiter, first = excel[1], first + 1
    comments = first
    while comments < len(lines) and lines[comments].lstrip().startswith("#"):
        comments += 1
    start = _header_line(lines, first, comments, delimiter)
    if start > first:
        log(f"{path.name}: {start - first:,} lines of comments above the header are skipped")
    while start < len(lines) and not lines[start].strip():
        start += 1
    if start == len(lines):
        raise ValueError(f"{path} holds comments only, {EXPECTED}: write the table again")
    rest = lines[start:]
    if delimiter is None:
        delimiter = detect_delimiter(rest[0], rest[1 : FIRST_ROWS + 1])
    reader = csv.reader(rest, delimiter=delimiter)
    try:
        names = next(reader)
    except csv.Error as error:
        raise ValueError(f"{path}: the first line: {one_line(error)}, {EXPECTED}") from error
    if names and names[0].startswith("#"):
        names[0] = names[0].lstrip("# ") or names[0]
    if path.suffix.lower() == ".tsv":
        _check_tabs(rest, path)
    if all(NUMBER.fullmatch(name.strip()) for name in names):
        raise ValueError(f"{path}: the first line holds numbers, {EXPECTED}: add such a line")
    return Layout(names, delimiter, start + reader.line_num)


def _header_line(lines: Sequence[str], first: int, comments: int, delimiter: str | None) -> int:
    """Return the line of the header: the first without ``#``, or the last with it.

    Some programs write ``# width,height,label`` above the rows; then the next line holds numbers.
    """
    if comments == first:
        return first
    if comments == len(lines):
        return comments
    header = lines[comments - 1].lstrip("# ")
    rows = [line for line in lines[comments : comments + FIRST_ROWS] if line.strip()]
    delimiter = delimiter or detect_delimiter(header, rows)
    names = header.split(delimiter)
    values = rows[0].split(delimiter) if rows else []
    is_header = len(names) == len(values) and any(
        NUMBER.fullmatch(value.strip()) and not NUMBER.fullmatch(name.strip())
        for name, value in zip(names, values, strict=True)
    )
    return comments - 1 if is_header else comments


def _check_tabs(lines: Sequence[str], path: Path) -> None:
    """Raise a ValueError if a .tsv has no tabs, but all of its lines have another delimiter."""
    if any("\t" in line for line in lines[:FIRST_ROWS]):
        return
    other = detect_delimiter(lines[0], lines[1:FIRST_ROWS])
    n_others = [line.count(other) for line in lines[:FIRST_ROWS] if line.strip()]
    if min(n_others) and len(n_others) > 1 and len(set(n_others)) == 1:
        raise ValueError(
            f"{path} has no tabs, but {other!r} in each line, expected tabs: rename it to .csv"
        )


def detect_delimiter(header: str, rows: Iterable[str] = ()) -> str:
    """Return which of ``,``, ``;``, tab and ``|`` is between the cells.

    It gives the first rows as many cells as the header. Of several such, it is the one with which
    more cells are numbers, and then the one that is more frequent in the header. `csv.Sniffer`
    prefers commas: it takes one as the delimiter of ``id;size, cm;weight, kg;label``.

    Parameters
    ----------
    header
        The line with the names of the columns.
    rows
        The lines after it.

    Examples
    --------
    >>> detect_delimiter('"width; cm",label'), detect_delimiter("width;label")
    (',', ';')
    >>> detect_delimiter("width, cm;label", ["1,5;a", "2,5;b"])
    ';'
    """
    unquoted = re.sub('"[^"]*"', "", header)
    lines = [line for line in rows if line.strip()]
    scores = dict[str, tuple[bool, float, int]]()
    for delimiter in DELIMITERS:
        fits, numbers = _fit(header, lines, delimiter)
        scores[delimiter] = fits, numbers, unquoted.count(delimiter)
    if not any(count for _, _, count in scores.values()):
        return ","
    # At a draw, commas are rather decimal marks or part of a name.
    return max(DELIMITERS[::-1], key=lambda delimiter: scores[delimiter])


def _fit(header: str, lines: Sequence[str], delimiter: str) -> tuple[bool, float]:
    """Return whether the rows have as many cells as the header, and the share of numbers."""
    try:
        records = list(islice(csv.reader([header, *lines], delimiter=delimiter), FIRST_ROWS))
    except csv.Error:
        return False, 0.0
    width = len(records[0]) if records else 0
    # The last lines may be the beginning of a longer row.
    same = [len(record) == width for record in records[1:]]
    cells = [cell.strip() for record in records[1:] for cell in record]
    numbers = [cell for cell in cells if NUMBER.fullmatch(cell)]
    fits = width > 1 and all(same[: max(1, len(same) - 1)])
    return fits, len(numbers) / len(cells) if cells else 0.0


def _without_empty_columns(table: Any, names: Sequence[str], path: Path, log: Log) -> Any:
    """Return the table with its names, without columns that have neither a name nor cells."""
    import pyarrow as pa

    columns = dict[str, Any]()
    dropped = 0
    for position, (name, column) in enumerate(zip(names, table.columns, strict=True)):
        if not name and position:
            filled = [value for value in column.unique().to_pylist() if value.strip()]
            if filled:
                raise ValueError(
                    f"{path}: column {position + 1} has no name, but cells such as "
                    f"{filled[0][:40]!r}: name it in the first line"
                )
            dropped += 1
            continue
        columns[name] = column
    if dropped:
        log(f"{path.name}: {dropped:,} columns without a name and without cells are left out")
    return pa.table(columns)


def _check_first_line(table: Any, names: Sequence[str], path: Path) -> None:
    """Raise a ValueError if the first line looks like a row: numbers, and words that recur."""
    if not any(NUMBER.fullmatch(name) for name in names):
        return
    for name, column in zip(names, table.columns, strict=True):
        if not name or NUMBER.fullmatch(name):
            continue
        values = column.slice(0, 10_000).unique().to_pylist()
        if name in [value.strip() for value in values]:
            raise ValueError(
                f"{path}: the first line holds values ({preview(names, 3, quote=False)}; "
                f"{name!r} is in the rows, too), {EXPECTED}: add such a line"
            )


def _check_backslashes(content: bytes, path: Path) -> None:
    r"""Raise a ValueError if quotation marks inside cells are written as ``\"``, as in C."""
    match = ESCAPED_QUOTE.search(content)
    if match is None:
        return
    row = content.count(b"\n", 0, match.start())
    word = match[0].decode(errors="replace")
    raise ValueError(
        f'{path}: row {row:,} has the quotation mark {word!r}, expected "" inside quotes: write '
        "the table without backslashes"
    )


def _check_quotes(table: Any, names: Sequence[str], content: bytes, path: Path) -> None:
    """Raise a ValueError if an unclosed quotation mark turned the rest of the file into a value."""
    if not table.num_rows:
        return
    last = table.num_rows - 1
    for name, column in zip(names, table.columns, strict=True):
        value = column[last].as_py()
        if "\n" in value.replace("\r", "\n") and content.count(b'"') % 2:
            first_line = value.splitlines()[0][:40]
            raise ValueError(
                f"{path}: row {table.num_rows}, column {name!r}: a quotation mark is not closed, "
                f"so all lines after {first_line!r} are one value: close it"
            )
