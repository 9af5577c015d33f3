"""Columns of lists in Parquet shards: the same numbers, or an error that names file and row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reader_cases import Reader, check_error
from wvae.datasets.readers.tables import parquet
from wvae.datasets.readers.tables.lists import stack_lists
from wvae.datasets.shards import on_disk

pa = pytest.importorskip("pyarrow")

LISTS = {
    "list": lambda value: pa.list_(value),
    "large_list": lambda value: pa.large_list(value),
    "list_view": lambda value: pa.list_view(value),
    "large_list_view": lambda value: pa.large_list_view(value),
}


def write(path: Path, x: Any, group: int = 4, **columns: Any) -> Path:
    from pyarrow import parquet

    n = len(x)
    label = {"label": ["a", "b"] * (n // 2)} if "label" not in columns else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table({"x": x, **label, **columns}), path, row_group_size=group)
    return path


RAGGED: dict[str, tuple[Any, str]] = {
    "mean length is whole": ([[1.0, 2, 3], [4.0, 5, 6, 7, 8]] * 4, "row 2"),
    "beyond the first row group": ([[1.0, 2]] * 5 + [[1.0]] + [[1.0, 2]] * 2, "row 6"),
    "first row of a group": ([[1.0, 2]] * 4 + [[1.0, 2, 3]] * 4, "row 5"),
    "null list": ([[1.0, 2]] * 6 + [None, [1.0, 2]], "row 7"),
    "null value": ([[1.0, 2]] * 6 + [[1.0, None], [1.0, 2]], "row 7"),
    "empty list": ([[1.0, 2]] * 6 + [[], [1.0, 2]], "row 7"),
    "all empty": ([[]] * 8, "row 1"),
    "inner lists whose total matches": (
        [[[1, 2], [3, 4]]] * 6 + [[[1, 2, 3], [4]], [[1, 2], [3, 4]]],
        "row 7",
    ),
    "outer lists": ([[[1, 2], [3, 4]]] * 6 + [[[1, 2]], [[1, 2], [3, 4]]], "row 7"),
    "inner null list": ([[[1, 2], [3, 4]]] * 6 + [[[1, 2], None], [[1, 2], [3, 4]]], "row 7"),
    "inner null value": ([[[1, 2], [3, 4]]] * 6 + [[[1, 2], [3, None]], [[1, 2], [3, 4]]], "row 7"),
    "NaN": ([[1.0, 2]] * 6 + [[1.0, np.nan], [1.0, 2]], "row 7"),
    "infinity": ([[1.0, 2]] * 6 + [[1.0, -np.inf], [1.0, 2]], "row 7"),
}


@pytest.mark.parametrize("case", RAGGED)
def test_bad_row_of_a_shard_is_named(reader: Reader, tmp_path: Path, case: str) -> None:
    x, row = RAGGED[case]
    kind = pa.list_(pa.float64()) if case == "all empty" else None
    write(tmp_path / "part-0.parquet", pa.array(x, kind))
    check_error(reader, tmp_path, f"part-0.parquet: {row} ")


@pytest.mark.parametrize("nested", [1, 2])
@pytest.mark.parametrize("place", ["list", "value"])
def test_null_in_lists_of_a_fixed_size_is_named(
    reader: Reader, tmp_path: Path, nested: int, place: str
) -> None:
    kind = pa.list_(pa.int16(), 2) if nested == 1 else pa.list_(pa.list_(pa.int16(), 2), 1)
    good = [1, 2] if nested == 1 else [[1, 2]]
    bad: Any = None if place == "list" else ([1, None] if nested == 1 else [[1, None]])
    write(tmp_path / "a.parquet", pa.array([good] * 6 + [bad, good], kind))
    check_error(reader, tmp_path, "a.parquet: row 7 of the column 'x' lacks a")


@pytest.mark.parametrize("kind", LISTS)
def test_slices_of_all_kinds_of_lists_keep_their_rows(kind: str) -> None:
    column = pa.array([[9], None, [1, 2], [3, 4], [5], [6, 7]], LISTS[kind](pa.int32()))
    assert stack_lists(column[2:4], "x", "a").tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match=r"a: row 13 of .* list of 1 values, expected 2"):
        stack_lists(column[2:], "x", "a", first_row=10)
    chunked = pa.chunked_array([column[2:4], column[2:2], column[5:]])
    assert stack_lists(chunked, "x", "a").tolist() == [[1, 2], [3, 4], [6, 7]]
    with pytest.raises(ValueError, match="a: row 3 "):
        stack_lists(pa.chunked_array([column[2:4], column[4:]]), "x", "a")


NUMBERS: dict[str, tuple[Any, Any, str]] = {
    "float16": (pa.float16(), np.array([0.1, 6e4], np.float16), "float32"),
    "float32": (pa.float32(), np.array([0.1, 3e38], np.float32), "float32"),
    "float64": (pa.float64(), np.array([1.7e9 + 1e-6, 1e300]), "float64"),
    "int8": (pa.int8(), np.array([-128, 127], np.int8), "int8"),
    "uint16": (pa.uint16(), np.array([0, 65535], np.uint16), "uint16"),
    "int64": (pa.int64(), np.array([2**62 + 1, -5]), "int64"),
    "uint64": (pa.uint64(), np.array([2**63 + 1, 5], np.uint64), "uint64"),
    "bool": (pa.bool_(), np.array([True, False]), "uint8"),
}


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_are_the_same_in_any_type(
    reader: Reader, tmp_path: Path, case: str, fixed: bool
) -> None:
    kind, values, dtype = NUMBERS[case]
    x = np.tile(values, (8, 1))
    x[1::2] = x[1::2, ::-1]
    kind = pa.list_(kind, 2) if fixed else pa.list_(kind)
    write(tmp_path / "a.parquet", pa.array(list(x), kind))
    data = reader(tmp_path)
    assert data.x.dtype == dtype
    assert data.kind == "table"
    assert on_disk(data.x)
    np.testing.assert_array_equal(data.x[:], x)


def test_decimal_numbers_are_float64(reader: Reader, tmp_path: Path) -> None:
    from decimal import Decimal

    x = pa.array([[Decimal("0.10"), Decimal("2.25")]] * 8, pa.list_(pa.decimal128(5, 2)))
    write(tmp_path / "a.parquet", x)
    np.testing.assert_array_equal(reader(tmp_path).x[:], [[0.1, 2.25]] * 8)


@pytest.mark.parametrize(("high", "dtype"), [(255, "uint8"), (256, "int64"), (-1, "int64")])
@pytest.mark.parametrize("fixed", [False, True])
def test_whole_numbers_up_to_255_are_images(
    reader: Reader, tmp_path: Path, high: int, dtype: str, fixed: bool
) -> None:
    x = np.arange(8 * 6).reshape(8, 2, 3)
    x[-1, -1, -1] = high  # in the last row group
    flat = pa.list_(pa.list_(pa.int64(), 3), 2) if fixed else pa.list_(pa.list_(pa.int64()))
    write(tmp_path / "a.parquet", pa.array(x.tolist(), flat))
    data = reader(tmp_path)
    assert (data.x.dtype, data.kind, data.shape) == (dtype, "image", (2, 3))
    np.testing.assert_array_equal(data.x[:], x)


def test_images_of_bool_are_bytes(reader: Reader, tmp_path: Path) -> None:
    x = np.arange(8 * 6).reshape(8, 2, 3) % 2 == 0
    write(tmp_path / "a.parquet", x.tolist())
    np.testing.assert_array_equal(reader(tmp_path).x[[1, 5]], x[[1, 5]])


def test_channels_come_first(reader: Reader, tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 255, (8, 5, 6, 3))
    write(tmp_path / "last" / "a.parquet", x.tolist())
    np.testing.assert_array_equal(reader(tmp_path / "last").x[:], np.moveaxis(x, 3, 1))
    write(tmp_path / "one" / "a.parquet", x[..., :1].tolist())
    np.testing.assert_array_equal(reader(tmp_path / "one").x[:], x[..., 0])
    write(tmp_path / "four" / "a.parquet", np.concatenate([x, x[..., :1]], 3).tolist())
    check_error(reader, tmp_path / "four", "four/a.parquet", "4 channels")


@pytest.mark.parametrize("permutation", [None, (1, 0)])
def test_tensors_of_fixed_shape_keep_their_shape(
    reader: Reader, tmp_path: Path, permutation: tuple[int, int] | None
) -> None:
    kind = pa.fixed_shape_tensor(pa.float32(), (3, 4), permutation=permutation)
    flat = np.arange(8 * 12, dtype=np.float32).reshape(8, 12)
    column = pa.ExtensionArray.from_storage(kind, pa.array(list(flat), kind.storage_type))
    write(tmp_path / "a.parquet", column)
    x = flat.reshape(8, 3, 4)
    data = reader(tmp_path)
    np.testing.assert_array_equal(data.x[:], x if permutation is None else x.transpose(0, 2, 1))


def test_lists_of_a_fixed_size_are_not_read_to_check_them(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = parquet.stack_lists

    def counted(values: Any, *arguments: Any) -> Any:
        read.append(len(values))
        return original(values, *arguments)

    monkeypatch.setattr(parquet, "stack_lists", counted)
    write(tmp_path / "a.parquet", pa.array([[1, 2]] * 40, pa.list_(pa.uint8(), 2)))
    data = reader(tmp_path)
    assert read == [4]  # one row group, for the shape
    np.testing.assert_array_equal(data.x[:], [[1, 2]] * 40)


def test_memory_holds_one_row_group_of_all_files(reader: Reader, tmp_path: Path) -> None:
    for i in range(3):
        write(tmp_path / f"{i}.parquet", [[float(i), 1.0]] * 8)
    data = reader(tmp_path)
    assert data.x[:][::8, 0].tolist() == [0.0, 1.0, 2.0]
    shards: Any = data.x
    caches = {id(part._cache) for part in shards.parts}  # pyright: ignore[reportPrivateUsage]
    assert len(caches) == 1


def test_threads_and_pickles_read_the_same_rows(reader: Reader, tmp_path: Path) -> None:
    import pickle
    from concurrent.futures import ThreadPoolExecutor

    x = np.random.default_rng(0).random((200, 3))
    write(tmp_path / "a.parquet", list(x[:100]), group=7)
    write(tmp_path / "b.parquet", list(x[100:]), group=9)
    data = reader(tmp_path)
    rows = [np.random.default_rng(i).integers(0, 200, 20) for i in range(60)]
    with ThreadPoolExecutor(8) as pool:
        for chosen, values in zip(rows, pool.map(lambda r: data.x[r], rows), strict=True):
            np.testing.assert_array_equal(values, x[chosen])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(data.x))[:], x)


TYPES: dict[str, tuple[Any, Any, str | None]] = {
    "int and float": (pa.int32(), pa.float32(), "float64"),
    "byte and float": (pa.uint8(), pa.float32(), "float32"),
    "short and long": (pa.int16(), pa.int64(), "int64"),
    "half and double": (pa.float16(), pa.float64(), "float64"),
}


@pytest.mark.parametrize("case", TYPES)
def test_types_of_lists_are_joined_without_loss(reader: Reader, tmp_path: Path, case: str) -> None:
    a, b, dtype = TYPES[case]
    write(tmp_path / "0.parquet", pa.array([[1, 2]] * 8, pa.list_(a)))
    write(tmp_path / "1.parquet", pa.array([[3, 4]] * 8, pa.list_(b)))
    data = reader(tmp_path)
    assert data.x.dtype == dtype
    np.testing.assert_array_equal(data.x[[0, 15]], [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("a", "x", "b"),
    [(pa.int64(), [2**53 + 1, 1], pa.float64()), (pa.uint64(), [2**63, 1], pa.int64())],
)
def test_lists_that_would_lose_values_are_an_error(
    reader: Reader, tmp_path: Path, a: Any, x: list[Any], b: Any
) -> None:
    write(tmp_path / "0.parquet", pa.array([x] * 8, pa.list_(a)))
    write(tmp_path / "1.parquet", pa.array([[1, 0]] * 8, pa.list_(b)))
    check_error(reader, tmp_path, ".parquet holds", str(a), "write all")


def test_rows_with_nan_are_dropped_if_asked(reader: Reader, tmp_path: Path) -> None:
    x = np.arange(16.0).reshape(8, 2)
    x[[0, 5], 1] = np.nan
    write(tmp_path / "0.parquet", x.tolist())
    write(tmp_path / "1.parquet", (x + 100).tolist())
    check_error(reader, tmp_path, "0.parquet: row 1 ", "drop_missing=True")
    data = reader(tmp_path, drop_missing=True)
    assert on_disk(data.x)
    np.testing.assert_array_equal(data.x[:], np.concatenate([x, x + 100])[np.tile(x[:, 1] >= 0, 2)])
    assert data.y.tolist() == ["b", "a", "b", "a", "a", "b"] * 2
    reader.line("4 of 16 rows")
