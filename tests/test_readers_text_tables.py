"""The reader of CSV and TSV: delimiters, encodings, headers, quotation marks and errors."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from reader_cases import Reader, check_error, picture
from wvae.datasets.readers.tables.delimited import detect_delimiter
from wvae.datasets.readers.tables.tables import read_table

IRIS = "id;width;length;species;garden\n" + "\n".join(
    f"{i + 1};{i * 0.5};{i};{'ab'[i % 2]};{'uv'[i // 4]}" for i in range(8)
)


def test_numeric_columns_are_features(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "iris.csv"
    path.write_text(IRIS.replace("length", "weight").replace(";3;", ";9;"))
    data = reader(path, label="species")
    assert (data.kind, data.x.dtype, data.shape, data.name) == ("table", np.float64, (2,), "iris")
    np.testing.assert_array_equal(data.x[:, 0], np.arange(8) * 0.5)
    assert data.factors["garden"].tolist() == list("uuuuvvvv")
    assert re.search("^8 rows of 2 numeric columns: .*; .*'id'$", reader.line("numeric"))
    data = reader(path, label="species", factors=["weight"])
    assert (data.shape, list(data.factors)) == ((1,), ["weight"])
    check_error(reader, path, "target or class", "'species'")
    check_error(reader, path, "rate=8000", label="species", rate=8000)


def test_columns_of_pixels_are_images_with_a_size(reader: Reader, tmp_path: Path) -> None:
    x = picture(0, (4, 16))
    lines = ["label," + ",".join(f"pixel{i}" for i in range(16))]
    lines += [f"{i % 2}," + ",".join(map(str, row.tolist())) for i, row in enumerate(x)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    assert (reader(tmp_path / "a.csv").shape, reader(tmp_path / "a.csv").kind) == ((16,), "table")
    data = reader(tmp_path / "a.csv", size=4)
    assert (data.kind, data.x.dtype) == ("image", np.uint8)
    np.testing.assert_array_equal(data.x, x.reshape(4, 4, 4))
    check_error(reader, tmp_path / "a.csv", "16 numeric columns", "25 or 75", size=5)


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("", ["is empty"]),
        ("\n \n", ["is empty"]),
        ("a,label\n", ["no rows"]),
        ("1,2\n3,4\n", ["first line", "numbers"]),
        ("a,label\n1,x\n2\n3,y\n", ["row 2 has 1 values", "2 columns", "'2'"]),
        ('a,label\n1,x\n\n2,x,y\n3,"', ["row 2 has 3 values", "'2,x,y'"]),
        ("a,a,label\n1,2,x\n", ["columns called 'a'"]),
        ("a,label\nu,x\nv,y\nu,x\nv,y\n", ["no numbers other than 'label'"]),
        (
            "a,label\n1,x\n,y\n2,x\n3,y\n",
            ["the column 'a'", "no number", "1 of 4 rows, first in row 2", "--drop-missing"],
        ),
        (
            "a,label\n1,x\ninf,y\n2,x\n3,y\n",
            ["the column 'a'", "infinity", "1 of 4 rows, first in row 2"],
        ),
        (
            "a,label\n1,x\n1e300,y\n2,x\n3,y\n",
            ["the column 'a'", "infinity", "1 of 4 rows, first in row 2"],
        ),
        ("a,label\n1,x\nNA,y\n2,x\nnull,y\n", ["the column 'a'", "2 of 4 rows, first in row 2"]),
        ("a,label\n1,\n3,\n2,\n3,\n", ["'label' is missing in all rows"]),
        ('a,label\n1,x\n2,"y\n3,x\n4,y\n', ["row 2, column 'label'", "'y'", "not closed"]),
        ("a,label\n1,x\n2,y\0\n", ["row 2, column 'label'", "zero bytes", "UTF-8"]),
        ("a" * 200_000, ["the first line"]),
    ],
)
def test_unusable_table_is_an_error(
    reader: Reader, tmp_path: Path, text: str, texts: list[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    check_error(reader, path, "a.csv", *texts)


def test_types_are_inferred_from_the_whole_column(reader: Reader, tmp_path: Path) -> None:
    """The first fraction and the first word come after pyarrow's first block."""
    path, n = tmp_path / "a.csv", 80_000
    rows = [f"{i % 7},{i % 5},{'xy'[i % 2]},{i % 3}" for i in range(n)]
    rows[-1] = "0.5,1e3,y,w"
    path.write_text("a,b,label,c\n" + "\n".join(rows))
    data = reader(path, factors=["c"])
    assert path.stat().st_size > 1 << 19
    assert data.x.shape == (n, 2)
    assert data.x[-2:].tolist() == [[(n - 2) % 7, (n - 2) % 5], [0.5, 1000]]
    assert sorted(set(data.factors["c"].tolist())) == ["0", "1", "2", "w"]


def test_quotation_marks_protect_delimiters_and_line_breaks(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        '"width; cm","a ""b""",label,note\n' + '1,2,"x, y","two\nlines"\n3,4,"z","two\nlines"\n' * 2
    )
    data = reader(path)
    assert data.x.tolist() == [[1, 2], [3, 4]] * 2
    assert data.y.tolist() == ["x, y", "z"] * 2
    # The last row also has a line break between quotation marks, which are closed.
    path.write_text('a,label,note\n1,x,5" screen\n2,y,b\n1,x,b\n2,y,"c\nd"\n')
    check_error(reader, path, "row 4, column 'note'", "not closed")
    path.write_text('a,label,note\n1,x,b\n2,y,b\n1,x,b\n2,y,"c\nd"\n')
    assert len(reader(path)) == 4


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("a,label", ","),
        ("a;b;label", ";"),
        ("a\tlabel", "\t"),
        ("a|b|label", "|"),
        ("label", ","),
        ("first name,last name,label", ","),
        ('"width, cm";"label"', ";"),
        ('"a","b, c","label"', ","),
        ('a,"b;c;d;e;f",label', ","),
        (",a,label", ","),
        ("id;size, cm;weight, kg;label", ";"),
    ],
)
def test_delimiter_is_detected_from_the_header(header: str, delimiter: str) -> None:
    assert detect_delimiter(header) == delimiter


def test_delimiter_of_tsv_is_the_tab(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("a, b, c\tlabel\n1\tx\n2\ty\n1\tx\n3\ty\n")
    assert reader(path).x.tolist() == [[1], [2], [1], [3]]


GERMAN = "breite,Größe,label\n" + "1,2,Blüte\n2,3,Straße\n4,5,Blüte\n7,5,Straße\n" * 20


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_encoding_is_detected(reader: Reader, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(GERMAN.encode(encoding))
    data = reader(path)
    assert data.x[:4].tolist() == [[1, 2], [2, 3], [4, 5], [7, 5]]
    assert data.classes.tolist() == ["Blüte", "Straße"]
    if encoding == "cp1252":
        assert "'Größe'" in reader.line("cp1252")
    else:
        assert "UTF-8" not in " ".join(reader.lines)


def test_ambiguous_encoding_is_an_error(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(("a,label\n" + "1,naïve\n2,café\n" * 20).encode("cp1252"))
    check_error(reader, path, "a.csv is not UTF-8", "'naïve' in cp1252", "'naďve' in cp1250")
    path.write_bytes(b"a,label\n" + bytes(range(128, 256)) * 4)
    check_error(reader, path, "a.csv is not UTF-8", "save it as UTF-8")


def test_empty_cells_and_na_are_missing_labels(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,label\n1,NA\n2,x\n3,y\n5,x\n8,\n9,y\n")
    assert reader(path).y.tolist() == [None, "x", "y", "x", None, "y"]
    path.write_text("a,label\n1,NA\n2,1\n3,0\n5,1\n8,0\n")
    assert reader(path).y.tolist() == [None, 1, 0, 1, 0]


def test_file_that_is_not_parquet_is_an_error(reader: Reader, tmp_path: Path) -> None:
    junk = tmp_path / "a.parquet"
    junk.write_bytes(b"junk")
    check_error(reader, junk, "a.parquet is no Parquet file")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a,label\n1,x\n2,y\n", ("a",)),
        ("a,label\r\n1,x\r\n2,y\r\n", ("a",)),
        ("a,label\r1,x\r2,y\r", ("a",)),
        ("\n\n \na,label\n1,x\n2,y\n", ("a",)),
        ("\ufeffa,label\n1,x\n2,y", ("a",)),
        ("# made by hand\n# twice, really\na,label\n1,x\n2,y\n", ("a",)),
        ("# a,label\n1,x\n2,y\n", ("a",)),
        ("#a,label\n\n1,x\n2,y\n", ("a",)),
        ("sep=;\na, cm;label\n1;x\n2;y\n", ("a, cm",)),
        ("a,label,\n1,x,\n2,y,\n", ("a",)),
        ("a,,label\n1,,x\n2,,y\n", ("a",)),
        (" a , label \n 1 , x \n 2 , y \n", ("a",)),
        ('"a",label\n"1",x\n"2",y\n', ("a",)),
        ('"a\nb",label\n1,x\n2,y\n', ("a\nb",)),
        ('"a, b",label\n1,x\n2,y\n', ("a, b",)),
        ("Gro\u0308ße,label\n1,x\n2,y\n", ("Größe",)),
        ("a,label\n\n1,x\n\n\n2,y\n\n", ("a",)),
        ("0,1,label\n1,2,x\n2,1,y\n", ("0", "1")),
        ("400.5,401,label\n1,2,x\n2,1,y\n", ("400.5", "401")),
        ("x, mm;y, mm;label\n1,5;2,5;x\n2;1,5;y\n", ("x, mm", "y, mm")),
        ("x, mm;label\n1,5;x\n2;y\n", ("x, mm",)),
        ("x, mm;label\n1,5;x\n2,0;y\n", ("x, mm",)),
        ("a|label\n1|x\n2|y\n", ("a",)),
        ("a\tlabel\n1\tx\n2\ty\n", ("a",)),
    ],
)
def test_header_and_delimiter_are_recognised(
    reader: Reader, tmp_path: Path, text: str, columns: tuple[str, ...]
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    data = reader(path, label="label", unlabelled=True)
    assert data.schema is not None
    assert data.schema.columns == columns
    assert data.x[:, 0].tolist() in ([1, 2], [1.5, 2])
    assert data.y.tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("a,ä,a\u0308\n1,2,3\n", ["several columns called 'ä'"]),
        ("a, a\n1,2\n", ["several columns called 'a'"]),
        ("a,,label\n1,7,x\n", ["column 2 has no name", "'7'"]),
        ("5.1,3.5\n4.9,3.0\n", ["first line holds numbers"]),
        ("5,1;3,5\n4,9;3,0\n", ["first line holds numbers"]),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", ["first line holds values", "'setosa'"]),
        ("# only\n# comments\n", ["comments only"]),
        ("a,label\n# no,te,s\n1,x\n", ["row 1 has 3 values"]),
        ("a,label\n1,x\n2,y,\n", ["row 2 has 3 values"]),
        ("title of it\na,b,label\n1,2,x\n", ["row 1 has 3 values"]),
        ('a,label\n1,x\n"2,y\n3,x\n', ["not closed"]),
    ],
)
def test_unusable_header_or_row_is_an_error(
    reader: Reader, tmp_path: Path, text: str, texts: list[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    check_error(reader, path, "a.csv", *texts, unlabelled=True)


def test_tsv_without_tabs_is_an_error(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("a,label\n1,x\n2,y\n")
    check_error(reader, path, "a.tsv has no tabs", "','", ".csv")
    path.write_text("a, mm\n1\n2\n")
    assert reader(path, unlabelled=True).schema.columns == ("a, mm",)  # type: ignore[union-attr]


def test_empty_line_of_a_single_column_is_a_missing_number(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n\n3\n")
    check_error(reader, path, "1 of 3 rows, first in row 2", unlabelled=True)
    path.write_text("a\n1\n2\n7\n")
    assert reader(path, unlabelled=True).x.tolist() == [[1], [2], [7]]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"\xd0\xcf\x11\xe0rest", "Excel"),
        (b"PAR1rest", "Parquet"),
        (b"\x1f\x8brest", "gzip"),
        (b"BZh9rest", "bzip2"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"\n <table><tr>", "HTML"),
        (b'<?xml version="1.0"?>', "XML"),
        (b'[{"a": 1}]', "JSON"),
        (b'{"a": [1, 2]}', "JSON"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\x93NUMPY\x01", "NumPy"),
        (b"ARROW1\0\0", "Arrow"),
        (b"%PDF-1.7", "PDF"),
        (b"SQLite format 3\0", "SQLite"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\x80\x04\x95", "pickle"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_file_of_another_format_is_named(
    reader: Reader, tmp_path: Path, content: bytes, name: str, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    expected = "is cut off" if (suffix, name) == (".parquet", "Parquet") else name
    check_error(reader, path, path.name, expected)


def test_folder_called_like_a_table_is_an_error(tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet"):
        (tmp_path / name).mkdir()
        with pytest.raises(ValueError, match=f"{name} is a folder"):
            read_table(tmp_path / name, print)


LANGUAGES = {
    "kana": ["ひらがな", "カタカナ", "東京都", "山田さん"],
    "kanji": ["犬", "猫"],
    "german": ["Blüte", "Straße"],
    "greek": ["γάτα", "σκύλος"],
    "russian": ["кошка", "собака"],
    "korean": ["고양이", "강아지"],
}


@pytest.mark.parametrize(
    ("language", "encoding", "refused"),
    [
        ("kana", "cp932", False),
        ("kana", "euc_jp", False),
        ("kana", "iso2022_jp", False),
        ("kana", "utf-16-le", False),
        ("kana", "utf-16-be", False),
        ("kana", "utf-16", False),
        ("kanji", "utf-16-le", False),
        ("german", "latin-1", False),
        ("german", "utf-16-le", False),
        ("greek", "cp1253", False),
        ("kanji", "cp932", True),
        ("kanji", "euc_jp", True),
        ("russian", "koi8-r", True),
        ("korean", "cp949", True),
    ],
)
def test_encoding_is_right_or_refused(
    reader: Reader, tmp_path: Path, language: str, encoding: str, refused: bool
) -> None:
    path, words = tmp_path / "a.csv", LANGUAGES[language]
    text = "a,b,label\n" + "".join(f"{i}.5,{i % 3},{words[i % len(words)]}\n" for i in range(60))
    path.write_bytes(text.encode(encoding))
    if refused:
        check_error(reader, path, "a.csv is not UTF-8", "row 1, column 'label'", "UTF-8 (in Excel")
    else:
        assert set(reader(path).y.tolist()) == set(words)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("a,label\n1,äöü\n2,ß\n".encode() + b"3,Bl\xfcte\n", "row 3, column 'label'"),
        (b"\xef\xbb\xbfa,label\n1,x\n2,\xff\n", "row 2, column 'label'"),
        (b"\xff\xfe" + "a,b\n1,x\n2,y\n".encode("utf-16-le") + b"\0", "row 3, column 'a'"),
        (b"\xef\xbb\xbfa,\xfflabel\n1,x\n", "the first line"),
    ],
)
def test_first_byte_that_does_not_decode_is_named(
    reader: Reader, tmp_path: Path, content: bytes, place: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    check_error(reader, path, "a.csv", place, "UTF-8")
