"""The reader of CSV and TSV: types, delimiters, encodings, quotation marks and errors."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from reader_cases import Reader, check_error, picture
from wvae.datasets.readers.delimited import detect_delimiter

IRIS = "id;width;length;species;garden\n" + "\n".join(
    f"{i + 1};{i * 0.5};{i};{'ab'[i % 2]};{'uv'[i // 4]}" for i in range(8)
)


def test_numeric_columns_are_features(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "iris.csv"
    path.write_text(IRIS.replace("length", "weight").replace(";3;", ";9;"))
    data = reader(path, label="species")
    assert (data.kind, data.x.dtype, data.shape, data.name) == ("table", np.float32, (2,), "iris")
    np.testing.assert_array_equal(data.x[:, 0], np.arange(8) * 0.5)
    assert data.factors["garden"].tolist() == list("uuuuvvvv")
    assert re.search("^8 rows of 2 numeric columns; .*'id'$", reader.line("numeric"))
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
        ("", ["cannot be read"]),
        ("a,label\n", ["no rows"]),
        ("1,2\n3,4\n", ["first line", "numbers"]),
        ("a,label\n1,x\n2\n3,y\n", ["row 2 has 1 values", "2 columns", "'2'"]),
        ('a,label\n1,x\n\n2,x,y\n3,"', ["row 2 has 3 values", "'2,x,y'"]),
        ("a,a,label\n1,2,x\n", ["columns called 'a'"]),
        ("a,label\nu,x\nv,y\nu,x\nv,y\n", ["no numbers other than 'label'"]),
        (
            "a,label\n1,x\n,y\n2,x\n3,y\n",
            ["the column 'a' holds NaN", "1 of 4 rows, first in row 2"],
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
        ("a\0,\0l\0a\0b\0e\0l\0", ["zero bytes", "UTF-8"]),
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
    data = reader(path)
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
    check_error(reader, junk, "a.parquet cannot be read as Parquet")
