"""Numbers in text: decimal commas, thousands, units, codes, words among numbers."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from reader_cases import Reader, check_error
from wvae.datasets.readers.tables.cells import type_columns
from wvae.datasets.readers.tables.delimited import read_delimited
from wvae.datasets.readers.tables.numerals import parse_numerals


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["1,5", "2,25"], [1.5, 2.25]),
        (["-1,5e-05", "+2"], [-1.5e-05, 2]),
        ([",5", "5,"], [0.5, 5]),
        (["1.234,5", "7"], [1234.5, 7]),
        (["1,234.5", "7"], [1234.5, 7]),
        (["1,234", "0,5"], [1.234, 0.5]),
        (["1,234", "2,345,678"], [1234, 2345678]),
        (["1.234.567", "3"], [1234567, 3]),
        (["1 234", "12", "1 234,5"], [1234, 12, 1234.5]),
        (["1\u00a0234\u202f567"], [1234567]),
        (["1_000", "10"], [1000, 10]),
        (["1'000.5", "1’000"], [1000.5, 1000]),
        (["12%", "3.5 %"], [12, 3.5]),
        (["$5", "-$1,250.50", "$-2"], [5, -1250.5, -2]),
        (["5 €", "2,50 €"], [5, 2.5]),
        (["−5", "１２"], [-5, 12]),
        (["+5", ".5", "5.", "1E-3", "1e5"], [5, 0.5, 5, 1e-3, 1e5]),
        (["inf", "-Infinity", "1"], [math.inf, -math.inf, 1]),
        (["true", "FALSE"], [1, 0]),
        (["?", "1", "2", "3"], [None, 1, 2, 3]),
        (["<0.5", "< 0.3", "1.5", "2.5", "3.5", "4.5"], [None, None, 1.5, 2.5, 3.5, 4.5]),
        (["1.5"] * 20 + ["2,5"], [1.5, None]),
    ],
)
def test_numbers_are_read_in_one_style(words: list[str], values: list[float | None]) -> None:
    numerals = parse_numerals(Counter(words))
    assert (numerals.values, numerals.problem) == (values, "")


@pytest.mark.parametrize(
    "words",
    [
        ["cat", "dog"],
        ["."],
        ["-", "--"],
        ["1.2.3", "1.2.4"],
        ["2020-01-01", "2021-02-03"],
        ["12:30", "13:15"],
        ["0x1f", "0x2e"],
        ["12 cm", "13 cm"],
        ["(5)", "(6)"],
        ["1,2,3", "4,5,6"],
        ["1", "2", "a", "b", "c", "d"],
        ["1e", "e5"],
        ["x\u00b2", "10\u00b2"],
    ],
)
def test_words_are_no_numbers(words: list[str]) -> None:
    assert parse_numerals(Counter(words)).values == [None] * len(set(words))


@pytest.mark.parametrize(
    ("words", "decimal_commas", "texts"),
    [
        (["1,234", "12"], None, ["'1,234'", "1.234 or 1234"]),
        (["1.234", "2.345"], True, ["'1.234'", "1.234 or 1234"]),
        (["1.5", "2,5"], None, ["'1.5'", "'2,5'"]),
        (["12%", "0.3"], None, ["'12%'", "'0.3'"]),
        (["$5", "5 €"], None, ["'$5'", "'5 €'"]),
        (["1.234,5", "1,234.5"], None, ["'1.234,5'", "'1,234.5'"]),
    ],
)
def test_numbers_of_two_meanings_are_a_problem(
    words: list[str], decimal_commas: bool | None, texts: list[str]
) -> None:
    problem = parse_numerals(Counter(words), decimal_commas).problem
    assert [text for text in texts if text not in problem] == []


def test_decimal_commas_elsewhere_decide() -> None:
    assert parse_numerals({"1,234": 1, "12": 1}, True).values == [1.234, 12]
    assert parse_numerals({"1.234": 1, "0.5": 1}, True).values == [1.234, 0.5]


def column(tmp_path: Path, cells: list[str], lines: list[str] | None = None) -> object:
    """Return the values of one column of a semicolon-separated file."""
    path = tmp_path / "a.csv"
    path.write_text("a;word\n" + "".join(f"{cell};w\n" for cell in cells))
    log = [] if lines is None else lines
    table, _ = type_columns(read_delimited(path, log.append), path, log.append)
    return table.column("a").to_pylist()


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2"], [1, 2]),
        (["1", "", "NA"], [1, None, None]),
        (["1.0", "2"], [1.0, 2.0]),
        (["007", "12"], ["007", "12"]),
        (["-01", "2"], ["-01", "2"]),
        (["05.2", "007"], [5.2, 7.0]),
        (["0", "10"], [0, 10]),
        (["+1", " 2 "], [1, 2]),
        (["9223372036854775807", "1"], [2**63 - 1, 1]),
        (["18446744073709551615", "1"], [2**64 - 1, 1]),
        (["123456789012345678901", "1"], ["123456789012345678901", "1"]),
        (["True", "false", ""], [True, False, None]),
        (["0x1f", "0x2e"], ["0x1f", "0x2e"]),
        (["", "NA"], [None, None]),
        ([" x", "x "], ["x", "x"]),
        (["NA", "x"], ["NA", "x"]),
        (["1.5", "?"], ["1.5", "?"]),
    ],
)
def test_types_of_columns(tmp_path: Path, cells: list[str], values: list[object]) -> None:
    got = column(tmp_path, cells)
    assert got == values
    assert [type(a) for a in got] == [type(b) for b in values]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("cells", "texts"),
    [
        (["1,5", "2,5"], ["decimal commas", "'1,5'", "'a'"]),
        (["1.234,5", "7"], ["decimal commas", "groups of three", "'a'"]),
        (["12%", "13%"], ["'%'", "'a'"]),
        (["12", "007"], ["read as words", "'a'", "'007' in row 2"]),
        (["12 cm", "7 cm"], ["read as words", "'a'", "'12 cm'"]),
    ],
)
def test_unusual_numbers_are_logged_once(
    tmp_path: Path, cells: list[str], texts: list[str]
) -> None:
    lines = list[str]()
    column(tmp_path, cells, lines)
    assert len(lines) == 1
    assert [text for text in texts if text not in lines[0]] == []


def with_words(words: dict[int, str], n: int = 40, name: str = "b") -> str:
    """Return a CSV of n rows in which some cells of one column are words."""
    text = f"a,{name},label\n"
    for i in range(n):
        text += f"{i * i % 17}.5,{words.get(i, str(i * 7 % 23))},{'xy'[i % 2]}\n"
    return text


@pytest.mark.parametrize(
    "word", ["?", "<LOQ", "-", ".", "n.d.", "NA", "missing", "", "nan", "#N/A", "null", "--", "*"]
)
def test_word_among_numbers_is_missing(reader: Reader, tmp_path: Path, word: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(with_words({7: word, 9: word}))
    shown = repr(word) if word else "nothing"
    check_error(
        reader, path, "a.csv", "'b'", "2 of 40 rows, first in row 8", shown, "--drop-missing"
    )
    assert list(reader(path, factors=["b"]).factors) == ["b"] if word == "?" else True


def test_ten_percent_of_different_words_are_missing(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(with_words({i: f"bad{chr(97 + i)}" for i in range(4)}))
    check_error(reader, path, "'b'", "4 of 40 rows, first in row 1", "'bada'")
    path.write_text(with_words({i: f"bad{chr(97 + i)}" for i in range(8)}))
    assert reader(path).schema.columns == ("a",)  # type: ignore[union-attr]
    assert "'b' (only 80% of its cells are numbers)" in reader.line("read as words")


def test_half_of_the_cells_below_detection_are_missing(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(with_words(dict.fromkeys(range(0, 40, 3), "<LOQ")))
    check_error(reader, path, "'b'", "14 of 40 rows, first in row 1", "'<LOQ'")


def test_ambiguous_column_is_refused_unless_it_is_a_factor(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b;label\n" + "".join(f"{i % 5};1,23{i % 4};{i % 2}\n" for i in range(16)))
    check_error(reader, path, "'b'", "'1,230'", "1.230 or 1230")
    data = reader(path, factors=["b"])
    assert data.factors["b"].tolist()[:2] == ["1,230", "1,231"]
    assert data.x.tolist()[:2] == [[0], [1]]


def test_decimal_commas_of_a_file_are_read_in_all_columns(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"{i % 4},5;1,23{i % 4};{i % 3};{'xy'[i % 2]}\n" for i in range(12))
    path.write_text("a;b;c;label\n" + rows)
    data = reader(path)
    expected = [[i % 4 + 0.5, 1.23 + i % 4 / 1000, i % 3] for i in range(12)]
    np.testing.assert_allclose(data.x, expected, rtol=1e-15)
    assert "'a', 'b'" in reader.line("decimal commas")


def test_quoted_decimal_commas_are_read_between_commas(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,label\n" + '"1,5",x\n"2,25",y\n' * 3)
    assert reader(path).x.tolist() == [[1.5], [2.25]] * 3


def test_labels_with_leading_zeros_stay_words(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,label\n" + "1,007\n2,012\n5,007\n7,012\n")
    assert reader(path).y.tolist() == ["007", "012", "007", "012"]


def test_words_are_named_if_the_factors_are(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,note,plate,label\n" + "1,u,p,x\n2,v,q,y\n5,u,p,x\n7,v,q,y\n")
    reader(path, factors=["plate"])
    assert "'note'" in reader.line("not features")
