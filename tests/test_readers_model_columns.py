"""Tables read for a model: its columns by name and order; numbers of any type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reader_cases import Reader, check_error
from wvae.datasets.readers.annotations.labels import ReadOptions
from wvae.datasets.readers.tables.features import Numbers, read_numbers
from wvae.datasets.readers.tables.tables import read_table
from wvae.datasets.schema import Schema

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

MODEL = Schema(
    "table", (2,), "label", (0, 1), factors=("plate",), columns=("a", "b"), ignored=("id",)
)


def numbers_of(
    path: Path,
    text: str | None = None,
    *,
    lines: list[str] | None = None,
    reserved: tuple[str, ...] = ("label",),
    size: int | None = None,
    **options: Any,
) -> Numbers:
    """Read the numbers of a file; write its text first."""
    if text is not None:
        path.write_text(text)
    log = ([] if lines is None else lines).append
    read = ReadOptions("label", (), size, None, log, False, **options)
    return read_numbers(read_table(path, log), reserved, read)


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("a,b,label\n1,2,x\n3,4,y\n", [[1, 2], [3, 4]]),
        ("b,a,label\n2,1,x\n4,3,y\n", [[1, 2], [3, 4]]),
        ("label,b,k,a\nx,2,9,1\ny,4,9,3\n", [[1, 2], [3, 4]]),
        ("id,b,a\n0,2,1\n1,4,3\n", [[1, 2], [3, 4]]),
        ("b;a\n2,5;1\n4;3,25\n", [[1, 2.5], [3.25, 4]]),
        ("b,a\n007,1\n012,3\n", [[1, 7], [3, 12]]),
        ("b,a,plate\n2,1,5\n4,3,6\n", [[1, 2], [3, 4]]),
        ("b,a\ntrue,1\nfalse,3\n", [[1, 1], [3, 0]]),
        (" b , a\n2,1\n4,3\n", [[1, 2], [3, 4]]),
        ("b,a\n1,0\n2,1\n3,2\n4,3\n", [[0, 1], [1, 2], [2, 3], [3, 4]]),
    ],
)
def test_columns_are_the_model_s(tmp_path: Path, text: str, x: list[list[float]]) -> None:
    lines = list[str]()
    numbers = numbers_of(tmp_path / "a.csv", text, lines=lines, schema=MODEL)
    assert numbers.x.tolist() == x
    assert numbers.columns == ("a", "b")
    unknown = [line for line in lines if "does not know" in line]
    assert [("'k'" in line) for line in unknown] == ([True] if ",k," in text else [])


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("a,weight,label\n1,2,x\n3,4,y\n", ["lacks", "'b'", "'weight'"]),
        ("a,B,label\n1,2,x\n3,4,y\n", ["'b'", "did you mean 'B'"]),
        ("k,label\n1,x\n3,y\n", ["2 of the 2", "'a', 'b'"]),
        ("a,b,label\n1,low,x\n3,high,y\n", ["'b'", "'low' in row 1"]),
        ("a,b,label\n1,2,x\n3,u,y\n1,v,x\n3,w,x\n", ["'b'", "words", "'u' in row 2"]),
        ("a,b,label\n1,2,x\n3,?,y\n", ["'b'", "1 of 2 rows, first in row 2", "'?'"]),
        ("a,b,label\n1,,x\n3,,y\n", ["'b'", "2 of 2 rows"]),
        ("a,b,label\n1,inf,x\n3,4,y\n", ["'b'", "infinity", "first in row 1"]),
    ],
)
def test_file_that_does_not_fit_the_model_is_refused(
    tmp_path: Path, text: str, texts: list[str]
) -> None:
    with pytest.raises(ValueError, match=r"a\.csv") as error:
        numbers_of(tmp_path / "a.csv", text, schema=MODEL)
    assert "\n" not in str(error.value)
    assert [part for part in texts if part not in str(error.value)] == []


def test_rows_without_numbers_are_left_out_on_request(tmp_path: Path) -> None:
    text = "b,a,label\n2,1,x\n?,3,y\n4,NA,y\n6,5,y\n"
    for schema in (None, MODEL):
        lines = list[str]()
        path = tmp_path / "a.csv"
        numbers = numbers_of(path, text, lines=lines, drop_missing=True, schema=schema)
        assert numbers.kept.tolist() == [True, False, False, True]
        columns = [1, 5], [2, 6]
        assert numbers.x.T.tolist() == [*(columns if schema else reversed(columns))]
        assert [line for line in lines if "'b'" in line and "'?' in 1 row (row 2)" in line]
        assert [line for line in lines if "'a'" in line and "'NA' in 1 row (row 3)" in line]
        assert "left out: 2 of 4 rows" in " ".join(lines)
    with pytest.raises(ValueError, match="each of the 2 rows"):
        numbers_of(tmp_path / "a.csv", "a,b\n?,1\n2,?\n", drop_missing=True)


def test_all_columns_that_lack_numbers_are_counted(tmp_path: Path) -> None:
    names = [f"c{j}" for j in range(9)]
    rows = [["1"] * 9 for _ in range(30)]
    for i in range(9):
        rows[2 * i][i] = ""
    text = "\n".join(map(",".join, [names, *rows]))
    with pytest.raises(ValueError, match=r"'c0' .*9 columns .* 9 of 30 rows: .*--drop-missing"):
        numbers_of(tmp_path / "a.csv", text)
    lines = list[str]()
    assert numbers_of(tmp_path / "a.csv", text, lines=lines, drop_missing=True).kept.sum() == 21
    about = [line for line in lines if "number" in line and "left out" not in line]
    assert len(about) == 6
    assert "4 more columns" in about[-1]
    with pytest.raises(ValueError, match=r"2 columns .* 2 of 2 rows") as error:
        numbers_of(tmp_path / "a.csv", "a,b\n?,1\n2,?\n")
    assert "--drop-missing" not in str(error.value)  # nothing would be left


@pytest.mark.parametrize(
    ("columns", "scale", "hint"),
    [(64, 4, "--size 8"), (784, 1, "--size 28"), (65, 1, ""), (64, 0.5, ""), (64, 300, "")],
)
def test_columns_that_may_be_pixels_are_told_of(
    tmp_path: Path, columns: int, scale: float, hint: str
) -> None:
    values = scale * (np.arange(2 * columns) % 7).reshape(2, columns)
    lines = [",".join(f"p{j}" for j in range(columns))]
    lines += [",".join(map(str, row)) for row in values.tolist()]
    summary = numbers_of(tmp_path / "a.csv", "\n".join(lines)).summary
    assert hint in summary
    assert ("--size" in summary) == bool(hint)


def test_labels_and_numbers_stay_together_without_missing_rows(tmp_path: Path) -> None:
    from wvae.datasets.readers.files.folders import from_table

    path = tmp_path / "a.csv"
    path.write_text("a,label,plate\n" + "1,x,u\n?,y,v\n3,y,u\n4,x,v\n5,y,v\n")
    lines = list[str]()
    options = ReadOptions(None, ("plate",), None, None, lines.append, False, drop_missing=True)
    data = from_table(read_table(path, lines.append), tmp_path, options)
    assert data.x.tolist() == [[1], [3], [4], [5]]
    assert (data.y.tolist(), data.factors["plate"].tolist()) == (list("xyxy"), list("uuvv"))


def test_table_without_the_model_s_names_is_taken_by_position(tmp_path: Path) -> None:
    schema = Schema("table", (2,), "y")
    numbers = numbers_of(tmp_path / "a.csv", "p,y,q\n1,7,2\n3,8,4\n", schema=schema)
    assert numbers.x.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match=r"3 numeric columns .* expected 2"):
        numbers_of(tmp_path / "a.csv", "p,q,r\n1,7,2\n3,8,4\n", schema=schema)


def test_pixels_for_a_model_of_images(tmp_path: Path) -> None:
    schema = Schema("image", (1, 2), columns=("a", "b"))
    numbers = numbers_of(tmp_path / "a.csv", "b,a\n200,10\n0,20\n", schema=schema)
    assert numbers.x.tolist() == [[[10, 200]], [[20, 0]]]
    assert numbers.x.dtype == np.uint8
    with pytest.raises(ValueError, match="expected 4"):
        numbers_of(tmp_path / "a.csv", schema=Schema("image", (2, 2)))


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (["0", "255", "7", "1"], np.uint8),
        (["0", "0.5", "1", "0.25"], np.float32),
        (["0", "254.5", "7", "1"], np.float32),
        (["0", "256", "7", "1"], None),
        (["-1", "0", "7", "1"], None),
    ],
)
def test_columns_are_pixels_if_they_are_in_range(
    tmp_path: Path, cells: list[str], dtype: type | None
) -> None:
    row = ",".join(cells * 4)
    text = f"{','.join(f'p{i}' for i in range(16))}\n{row}\n{row}\n"
    if dtype is None:
        with pytest.raises(ValueError, match="pixels from 0 to 255"):
            numbers_of(tmp_path / "a.csv", text, size=4)
        return
    x = numbers_of(tmp_path / "a.csv", text, size=4).x
    assert (x.dtype, x.shape) == (dtype, (2, 4, 4))
    np.testing.assert_array_equal(x[0, 0], np.array(cells, float).astype(dtype))


def test_lists_must_have_the_model_s_shape(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"x": [[1.0, 2.0], [3.0, 4.0]]}), path)
    assert numbers_of(path, schema=Schema("table", (2,))).x.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match=r"'x'.*\(2,\).*\(3,\)"):
        numbers_of(path, schema=Schema("table", (3,)))
    with pytest.raises(ValueError, match="lacks 2 of the 2"):
        numbers_of(path, schema=MODEL)


def test_lists_without_numbers_are_left_out_on_request(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"x": [[1.0, 2.0], None, [3.0, float("nan")], [5.0, 6.0]]}), path)
    lines = list[str]()
    numbers = numbers_of(path, lines=lines, drop_missing=True)
    assert numbers.x.tolist() == [[1, 2], [5, 6]]
    assert numbers.kept.tolist() == [True, False, False, True]
    assert "left out: 2 of 4 rows" in lines[-1]
    with pytest.raises(ValueError, match="'x'"):
        numbers_of(path)


EPOCH = [1.7e9 - 3, 1.7e9, 1.7e9 + 2.5]


@pytest.mark.parametrize(
    ("values", "x"),
    [
        (pa.array(EPOCH), EPOCH),
        (pa.array([1, 0, 255], pa.uint8()), [1, 0, 255]),
        (pa.array([1, None, 3]), None),
        (pa.array([True, False, True]), [1, 0, 1]),
        (pa.array([True, None, True]), None),
        (pa.array([0.5, 1.5, 2.5], pa.float16()), [0.5, 1.5, 2.5]),
        (pa.array([1, 2**53, 7], pa.int64()), [1, 2**53, 7]),
        (pa.array([1, 2**63, 7], pa.uint64()), [1, 2**63, 7]),
        (pa.array([150, 275, -125]).cast(pa.decimal128(30, 2)), [150, 275, -125]),
        (pa.array(["1.5", "2", "0.25"]), [1.5, 2, 0.25]),
        (pa.array(["1.5", "?", "0.25"]), None),
        (pa.array(["1,5", "2", "0,25"], pa.large_string()), [1.5, 2, 0.25]),
        (pa.array(["1.5", "2", "0.25"], pa.string_view()), [1.5, 2, 0.25]),
        (pa.array(["1.5", "2", "0.25"]).dictionary_encode(), [1.5, 2, 0.25]),
        (pa.array([1.0, float("nan"), 2.0]), None),
    ],
)
def test_numbers_of_any_type_in_parquet(tmp_path: Path, values: Any, x: list[float] | None) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"b": values, "label": [0, 1, 0]}), path)
    if x is None:
        with pytest.raises(ValueError, match="'b' has no number in 1 of 3 rows, first in row 2"):
            numbers_of(path)
        assert numbers_of(path, drop_missing=True).kept.tolist() == [True, False, True]
        return
    numbers = numbers_of(path)
    assert numbers.x.dtype == np.float64
    assert numbers.x[:, 0].tolist() == x


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_whole_numbers_that_lose_digits_are_logged_or_refused(tmp_path: Path, suffix: str) -> None:
    def write(values: list[int]) -> Path:
        path = tmp_path / f"a{suffix}"
        if suffix == ".csv":
            path.write_text("t,w\n" + "".join(f"{value},1\n" for value in values))
        else:
            parquet.write_table(pa.table({"t": values, "w": [1] * len(values)}), path)
        return path

    start = 1_700_000_000_000_000_001
    lines = list[str]()
    numbers = numbers_of(write([start, start + 10**9]), lines=lines)
    assert numbers.x[:, 0].tolist() == [float(start), float(start + 10**9)]
    assert [line for line in lines if "'t'" in line and f"row 1: {start}" in line]
    with pytest.raises(ValueError, match=rf"'t'.*equal as float64 .row 1: {start}"):
        numbers_of(write([start, start + 1]))


def test_whole_numbers_beyond_64_bits_are_no_features(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'b'.*more than 19 digits"):
        numbers_of(tmp_path / "a.csv", f"a,b\n1,{10**20}\n2,{10**20 + 1}\n")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([{"u": 1}, {"u": 2}, {"u": 3}]), "struct"),
        (pa.array([0, 1, 2], pa.timestamp("s")), "timestamp"),
        (pa.array([0, 1, 2], pa.date32()), "date"),
        (pa.array([0, 1, 2], pa.duration("s")), "duration"),
        (pa.array([0, 1, 2], pa.time32("s")), "time"),
        (pa.array([["u"], ["v"], []]), "list"),
        (pa.array([b"ab", b"cd", b"ef"], pa.binary(2)), "fixed_size_binary"),
        (pa.nulls(3), "empty"),
    ],
)
def test_columns_that_are_no_numbers_are_left_out(
    reader: Reader, tmp_path: Path, values: Any, kind: str
) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"b": values, "w": [1, 5, 2], "label": [0, 1, 0]}), path)
    data = reader(path, unlabelled=True)
    assert data.x.tolist() == [[1], [5], [2]]
    assert [line for line in reader.lines if "'b'" in line and kind in line]


def test_categories_of_numbers_are_no_features(reader: Reader, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"plate": [5, 5, 7, 7] * 3, "w": range(0, 24, 2), "label": [0, 1] * 6})
    frame.astype({"plate": "category"}).to_parquet(tmp_path / "a.parquet")
    data = reader(tmp_path / "a.parquet")
    assert data.x[:, 0].tolist() == list(range(0, 24, 2))
    assert data.factors["plate"].tolist() == [5, 5, 7, 7] * 3
    assert "categories" in reader.line("'plate'")


def test_parquet_names_and_rows(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "split=train" / "a.parquet"
    path.parent.mkdir()
    table = pa.table({"a.b": [1, 3, 2, 5], " c": [2, 2, 3, 4], "Gro\u0308ße": [0, 5, 0, 1]})
    parquet.write_table(table.append_column("label", pa.array(list("xyxy"))), path)
    data = reader(path)
    assert data.schema is not None
    assert data.schema.columns == ("a.b", "c", "Größe")
    assert "' c'" in reader.line("spaces")
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["ö", "o\u0308"])
    parquet.write_table(twice, path)
    check_error(reader, path, "several columns called 'ö'")
    parquet.write_table(table.slice(0, 0), path)
    check_error(reader, path, "a.parquet", "no rows")


@pytest.mark.parametrize("keep", [4, 60, -1, -8, -40])
def test_damaged_parquet_is_refused(reader: Reader, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"a": list(range(99)), "label": [0, 1, 2] * 33}), path)
    path.write_bytes(path.read_bytes()[:keep])
    check_error(reader, path, "a.parquet", "Parquet")


def test_parquet_text_that_is_no_utf8_is_refused(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    words = pa.array(["Bl\u00fcte", "Stra\u00dfe"] * 4)
    parquet.write_table(pa.table({"a": range(0, 16, 2), "label": words}), path, compression="none")
    path.write_bytes(path.read_bytes().replace(b"Bl\xc3\xbcte", b"Bl\xfc\xfcte"))
    check_error(reader, path, "a.parquet", "cannot be read as Parquet")


def test_categories_of_numbers_are_numbers_of_a_model(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"b": pandas.Categorical([2, 4]), "a": [1, 3], "label": [0, 1]})
    frame.to_parquet(tmp_path / "a.parquet")
    numbers = numbers_of(tmp_path / "a.parquet", schema=MODEL)
    assert numbers.x.tolist() == [[1, 2], [3, 4]]


def test_names_of_classes_are_no_numbers_of_a_model(tmp_path: Path) -> None:
    about = {"info": {"features": {"b": {"_type": "ClassLabel", "names": ["cat", "dog"]}}}}
    table = pa.table({"a": [1, 3], "b": [0, 1], "label": [0, 1]})
    path = tmp_path / "a.parquet"
    parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(about)}), path)
    with pytest.raises(ValueError, match=r"a\.parquet.*'b' holds names of classes"):
        numbers_of(path, schema=MODEL)
