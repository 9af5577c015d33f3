"""Decode a text file: by its byte order mark, as UTF-8, or as the only encoding that fits."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path
from typing import Any

from ...messages import Log

__all__ = ["DELIMITERS", "decode_table"]

DELIMITERS = ",;\t|"
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16's mark, which is its beginning
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# Encodings of spreadsheets. With rarer ones, most texts would be ambiguous.
CODE_PAGES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256"),
    *("cp932", "euc_jp", "cp949", "gb18030", "big5"),
)
# The same bytes are letters in several of these, unless the text is long or has kana.
JAPANESE = ("cp932", "euc_jp")
DOUBLE_BYTE = (*JAPANESE, "cp949", "gb18030", "big5")
MANY_CHARACTERS = 30  # different ones, from which a text in these encodings is long
KANA = 0.3  # share of kana in a Japanese text
SAMPLE = 1 << 18  # bytes of non-ASCII lines from which an encoding is detected
CHUNK = 1 << 20
# A file with three valid UTF-8 characters for each bad byte is damaged UTF-8, not a code page.
VALID_PER_BAD = 3


def decode_table(content: bytes, path: Path, log: Log) -> bytes:
    """Return the bytes of a text file as UTF-8 without a byte order mark.

    Parameters
    ----------
    content
        The bytes of the file.
    path
        Name of the file for messages.
    log
        Called with one line if the encoding is a guess.

    Raises
    ------
    ValueError
        If a byte cannot be decoded, no encoding fits, or several fit equally well and give
        different texts. The message names the first row and column that do not decode.
    """
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return _decode(content[len(mark) :], encoding, path)
    wide = _wide_encoding(content[:4096])
    if wide:
        log(f"{path.name} has no byte order mark: read as {wide.upper()}, as every other byte is 0")
        return _decode(content, wide, path)
    if b"\x1b$B" in content or b"\x1b$@" in content:
        log(f"{path.name} is read as ISO-2022-JP, from its escape sequences")
        return _decode(content, "iso2022_jp", path)
    bad = _first_bad_byte(content)
    if bad is None:
        return _without_zeros(content, path)
    encoding = _code_page(content, bad, path, log)
    return _decode(content, encoding, path)


def _decode(content: bytes, encoding: str, path: Path) -> bytes:
    """Return bytes as UTF-8, or raise a ValueError that names the first place that is invalid."""
    if encoding == "utf-8":
        bad = _first_bad_byte(content)
        if bad is not None:
            place = _place(content[:bad], "utf-8")
            raise ValueError(f"{path}: {place} is not UTF-8: save the file as UTF-8 again")
        return _without_zeros(content, path)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        place = _place(content[: error.start], encoding)
        name = encoding.upper()
        raise ValueError(f"{path}: {place} is not {name}: save the file as UTF-8") from error
    return _without_zeros(text.encode(), path)


def _without_zeros(content: bytes, path: Path) -> bytes:
    """Return the content, or raise a ValueError if a byte is zero."""
    zero = content.find(b"\0")
    if zero >= 0:
        place = _place(content[:zero], "utf-8")
        raise ValueError(
            f"{path}: {place} holds zero bytes, expected text: if the file is "
            "complete, save it as UTF-8"
        )
    return content


def _wide_encoding(start: bytes) -> str | None:
    """Return UTF-16's variant for a text without a byte order mark, or None.

    Digits, delimiters and line breaks have one zero byte: the second is zero in little-endian.
    """
    first, second = start[0::2].count(0), start[1::2].count(0)
    if max(first, second) < len(start) / 10 or min(first, second) * 10 > max(first, second):
        return None
    return "utf-16-le" if second > first else "utf-16-be"


def _first_bad_byte(content: bytes) -> int | None:
    """Return the position of the first byte that is not UTF-8, or None."""
    if content.isascii():
        return None
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), CHUNK):
        pending = len(decoder.getstate()[0])
        chunk = content[start : start + CHUNK]
        try:
            decoder.decode(chunk, final=start + CHUNK >= len(content))
        except UnicodeDecodeError as error:
            return start - pending + error.start
    return None


def _place(before: bytes, encoding: str) -> str:
    """Return the row and the column that follow some bytes of a table, for messages."""
    text = before.decode(encoding, errors="replace")
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=header.count)
    try:
        records = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    except csv.Error:
        return "a value"
    at_line_start = not text or text[-1] in "\r\n"
    row = len(records) - 1 + at_line_start
    if row < 1:
        return "the first line"
    position = 0 if at_line_start else len(records[-1]) - 1
    names = records[0]
    column = repr(names[position].strip()) if position < len(names) else f"{position + 1}"
    return f"row {row:,}, column {column}"


def _code_page(content: bytes, bad: int, path: Path, log: Log) -> str:
    """Return the only code page that fits bytes that are not UTF-8, or raise a ValueError."""
    from charset_normalizer import from_bytes

    place = _place(content[:bad], "utf-8")
    lines = _lines_beyond_ascii(content)
    readable = lines.decode("utf-8", errors="ignore")
    replaced = lines.decode("utf-8", errors="replace")
    n_bad = replaced.count("\ufffd") - readable.count("\ufffd")
    n_valid = len(readable) - sum(map(str.isascii, readable))
    if n_valid >= VALID_PER_BAD * n_bad:
        raise ValueError(
            f"{path}: {place} is not UTF-8, although the rest is: correct it, or save the file as "
            "UTF-8 again"
        )
    japanese = [page for page in JAPANESE if _share_of_kana(lines, page) >= KANA]
    if len(japanese) == 1:
        word = _first_word(lines.decode(japanese[0]))
        log(f"{path.name} is not UTF-8: read as {japanese[0]}, with words such as {word!r}")
        return japanese[0]
    candidates = list[Any](from_bytes(lines, cp_isolation=list(CODE_PAGES)))
    if not candidates:
        raise ValueError(
            f"{path} is not UTF-8 (first in {place}), and no other encoding fits: save it as UTF-8"
        )
    best = candidates[0]
    equally_good = [match for match in candidates if match.chaos <= best.chaos]
    words = [f"{_first_word(str(match))!r} in {_page(match)}" for match in equally_good]
    if len(equally_good) > 1 or _is_doubtful(_page(best), lines):
        words = _words_by_page(lines) or words
        raise ValueError(
            f"{path} is not UTF-8 (first in {place}); the first such word is "
            f"{' or '.join(words[:4])}: save it as UTF-8 (in Excel as CSV UTF-8, or "
            "with iconv -f and the encoding in which the word is right)"
        )
    log(f"{path.name} is not UTF-8: read as {_page(best)}, with words such as {words[0]}")
    return _page(best)


def _share_of_kana(lines: bytes, page: str) -> float:
    """Return the share of hiragana and katakana among characters beyond ASCII; 0 if undecodable."""
    try:
        text = lines.decode(page)
    except UnicodeDecodeError:
        return 0.0
    beyond = [character for character in text if not character.isascii()]
    n_kana = sum("\u3041" <= character <= "\u30fa" for character in beyond)
    return n_kana / len(beyond) if beyond else 0.0


def _is_doubtful(page: str, lines: bytes) -> bool:
    """Return whether a short text in a double-byte encoding may be in another such encoding."""
    if page not in DOUBLE_BYTE:
        return False
    if page in JAPANESE:  # without kana: see `_code_page`
        return True
    words = [word for word in _words_by_page(lines) if word.endswith(DOUBLE_BYTE)]
    distinct = {character for character in lines.decode(page) if not character.isascii()}
    return len(words) > 1 and len(distinct) < MANY_CHARACTERS


def _words_by_page(lines: bytes) -> list[str]:
    """Return the first word beyond ASCII in each code page that makes letters of it."""
    words = list[str]()
    for page in CODE_PAGES:
        try:
            word = _first_word(lines.decode(page))
        except UnicodeDecodeError:
            continue
        if word.isalpha() and not any(repr(word) in other for other in words):
            words.append(f"{word!r} in {page}")
    return words


def _lines_beyond_ascii(content: bytes) -> bytes:
    """Return the first lines that have non-ASCII bytes."""
    sample = b""
    for line in content.splitlines(keepends=True):
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
