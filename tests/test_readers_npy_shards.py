"""Folders of .npy: any type of number and byte order, splits, and files that do not match."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reader_cases import Reader, check_error
from wvae.datasets.readers.annotations.labels import ReadOptions
from wvae.datasets.readers.shards import npy_shards
from wvae.datasets.readers.shards.layout import find_shards
from wvae.datasets.readers.shards.shards import read_shards
from wvae.datasets.schema import Schema
from wvae.datasets.shards import Shards, on_disk

Y = np.arange(8) % 2


def save(folder: Path, name: str, x: Any, labels: Any = Y) -> None:
    path = folder / f"{name}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, x)
    if labels is not None:
        np.save(folder / f"{name}-labels.npy", labels)


TYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_and_byte_order_is_read(
    reader: Reader, tmp_path: Path, kind: str, order: str
) -> None:
    x = (np.arange(24).reshape(8, 3) * 5).astype(order + kind)
    save(tmp_path, "part-0", x)
    data = reader(tmp_path)
    assert data.x.dtype == np.dtype("f4" if kind == "f2" else kind)
    assert data.x.dtype.isnative
    assert on_disk(data.x)
    np.testing.assert_array_equal(data.x[:], x)
    assert data.x[[5]].dtype.isnative


JOINED: dict[str, tuple[str, str, str]] = {
    "byte orders": (">f4", "<f4", "float32"),
    "short and long": ("i2", ">i8", "int64"),
    "float and double": ("f4", "f8", "float64"),
    "int and float": ("i4", "f4", "float64"),
    "signed and unsigned": ("i8", "u8", "float64"),
}


@pytest.mark.parametrize("case", JOINED)
def test_types_are_joined_without_loss(reader: Reader, tmp_path: Path, case: str) -> None:
    first, second, dtype = JOINED[case]
    x = np.arange(24).reshape(8, 3) * 30
    save(tmp_path, "0", x.astype(first))
    save(tmp_path, "1", (x + 1).astype(second))
    data = reader(tmp_path)
    assert data.x.dtype == dtype
    np.testing.assert_array_equal(data.x[:], np.concatenate([x, x + 1]))
    np.testing.assert_array_equal(data.subset(np.array([1, 9])).x[:], [x[1], x[1] + 1])
    assert data.subset(np.array([1, 9])).x.dtype == dtype


@pytest.mark.parametrize(("a", "b"), [("i8", "f8"), ("u8", "i8"), ("i8", "f4")])
def test_numbers_that_would_be_rounded_are_an_error(
    reader: Reader, tmp_path: Path, a: str, b: str
) -> None:
    save(tmp_path, "0", np.full((8, 3), 2**53 + 1, a))
    save(tmp_path, "1", np.ones((8, 3), b))
    check_error(reader, tmp_path, "0.npy", "9,007,199,254,740,993", "float64")


@pytest.mark.parametrize("kind", ["c8", "M8[s]", "U3", "?,i4", "g"])
def test_other_values_are_an_error(reader: Reader, tmp_path: Path, kind: str) -> None:
    save(tmp_path, "part-0", np.zeros((8, 3), kind))
    check_error(reader, tmp_path, "part-0.npy", "dtype", "expected numbers")


def test_images_of_whole_numbers_are_bytes(reader: Reader, tmp_path: Path) -> None:
    x = np.arange(8 * 12).reshape(8, 3, 4)
    save(tmp_path, "0", x)
    save(tmp_path, "1", x.astype(">u2"))
    assert reader(tmp_path).x.dtype == np.uint8
    np.testing.assert_array_equal(reader(tmp_path).x[:], np.concatenate([x, x]))
    save(tmp_path, "1", x * 100)
    assert reader(tmp_path).x.dtype == np.int64


@pytest.mark.parametrize("kind", ["?", "f4", ">f8", "i8"])
def test_images_of_whole_numbers_are_bytes_in_any_type(
    reader: Reader, tmp_path: Path, kind: str
) -> None:
    x = (np.arange(8 * 12).reshape(8, 3, 4) % 3 == 0).astype(kind)
    save(tmp_path, "0", x)
    save(tmp_path, "1", x.astype(np.uint8))
    data = reader(tmp_path)
    assert data.x.dtype == np.uint8
    np.testing.assert_array_equal(data.x[[6, 1]], x[[6, 1]])
    if kind != "?":
        save(tmp_path, "1", x * 0.5)
        np.testing.assert_array_equal(reader(tmp_path).x[[6, 9]], [x[6], x[1] * 0.5])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_row_that_is_not_finite_is_named(reader: Reader, tmp_path: Path, value: float) -> None:
    x = np.ones((8, 3), ">f4")
    save(tmp_path, "0", x)
    x[5, 1] = value
    save(tmp_path, "1", x)
    check_error(reader, tmp_path, "1.npy: row 6 ")
    if np.isnan(value):
        assert len(reader(tmp_path, drop_missing=True).x) == 15


def test_channels_come_first_and_fortran_order_is_said(reader: Reader, tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 255, (8, 5, 6, 3), dtype=np.uint8)
    save(tmp_path, "0", np.asfortranarray(x))
    data = reader(tmp_path)
    np.testing.assert_array_equal(data.x[:], np.moveaxis(x, 3, 1))
    shards: Any = data.x
    assert on_disk(shards.parts[0])
    reader.line("0.npy is in Fortran order")


def test_empty_shards_are_passed_over(reader: Reader, tmp_path: Path) -> None:
    save(tmp_path, "0", np.zeros((0, 3)), np.zeros(0))
    save(tmp_path, "1", np.ones((8, 3)))
    save(tmp_path, "2", np.zeros((0, 3)), None)
    assert len(reader(tmp_path)) == 8
    assert "0.npy, 2.npy" in reader.line("no rows")
    for file in ("1.npy", "1-labels.npy"):
        (tmp_path / file).unlink()
    check_error(reader, tmp_path, "all shards are empty")


LABELS: dict[str, tuple[Any, list[str]]] = {
    "short": (Y[:7], ["1-labels.npy has 7 values", "1.npy 8 examples"]),
    "long": (np.arange(9), ["1-labels.npy has 9 values", "1.npy 8 examples"]),
    "one number": (np.array(1), ["1-labels.npy has 1 values"]),
    "several columns": (np.zeros((8, 2)), ["1-labels.npy has shape (8, 2)"]),
    "missing": (None, ["1.npy has no 1-labels.npy"]),
    "words": (np.array(["a", "b"] * 4), ["1-labels.npy holds <U1", "0-labels.npy int64"]),
    "dates": (np.zeros(8, "M8[s]"), ["1-labels.npy", "datetime64"]),
    "rounded": (Y + 0.5, ["0-labels.npy", "round"]),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_that_do_not_match_are_an_error(reader: Reader, tmp_path: Path, case: str) -> None:
    labels, texts = LABELS[case]
    first = Y + 2**53 if case == "rounded" else Y
    save(tmp_path, "0", np.ones((8, 3)), first)
    save(tmp_path, "1", np.ones((8, 3)), labels)
    check_error(reader, tmp_path, *texts)


def test_labels_of_other_byte_orders_and_shapes_are_joined(reader: Reader, tmp_path: Path) -> None:
    save(tmp_path, "0", np.ones((8, 3)), Y.astype(">i2"))
    save(tmp_path, "1", np.ones((8, 3)), (Y + 1.0).reshape(8, 1))
    data = reader(tmp_path)
    assert data.y.tolist() == [*Y, *(Y + 1)]
    assert data.classes.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("first", "second"),
    [("test", "train"), ("test/x", "train/x"), ("data/test-0", "data/train-0")],
)
def test_names_give_the_split(reader: Reader, tmp_path: Path, first: str, second: str) -> None:
    save(tmp_path, first, np.zeros((8, 3)))
    save(tmp_path, second, np.ones((8, 3)))
    data = reader(tmp_path)
    assert data.split is not None
    assert data.split.tolist() == ["test"] * 8 + ["train"] * 8
    assert data.x[:][:, 0].tolist() == [0] * 8 + [1] * 8


def test_arrays_that_belong_to_no_shard_are_named(reader: Reader, tmp_path: Path) -> None:
    save(tmp_path, "x", np.ones((8, 3)))
    np.save(tmp_path / "who.npy", Y)
    reader(tmp_path)
    assert "who.npy" in reader.line("belong to no shard")


def damaged(content: bytes, kind: str) -> bytes:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    return {"zero": b"", "short": content[:-5], "pointer": pointer, "header": content[:20]}[kind]


@pytest.mark.parametrize("kind", ["zero", "short", "pointer", "header"])
@pytest.mark.parametrize("file", ["1.npy", "1-labels.npy"])
def test_damaged_file_is_named(reader: Reader, tmp_path: Path, kind: str, file: str) -> None:
    save(tmp_path, "0", np.ones((8, 3)))
    save(tmp_path, "1", np.ones((8, 3)))
    path = tmp_path / file
    path.write_bytes(damaged(path.read_bytes(), kind))
    problem = {"zero": "empty (0 bytes)", "pointer": "a pointer of Git LFS"}
    check_error(reader, tmp_path, f"{file} is {problem.get(kind, 'not a complete .npy file')}")


def open_for_model(folder: Path, shape: tuple[int, ...], kind: Any = "image") -> Any:
    layout = find_shards(folder)
    assert layout is not None
    schema = Schema(kind, shape, "labels", (0, 1))
    return read_shards(layout, ReadOptions(None, (), None, None, print, False, schema=schema))


@pytest.mark.parametrize("model", [(5, 5), (16,), (3, 4, 5)])
def test_shape_that_is_not_the_models_is_an_error(tmp_path: Path, model: tuple[int, ...]) -> None:
    save(tmp_path, "0", np.ones((8, 4, 4)))
    with pytest.raises(ValueError, match=re.escape("(4, 4)") + ".*" + re.escape(str(model))):
        open_for_model(tmp_path, model)


def test_model_decides_kind_and_colours(tmp_path: Path) -> None:
    grey = np.arange(8 * 4 * 6, dtype=np.uint8).reshape(8, 4, 6)
    save(tmp_path, "0", grey)
    data = open_for_model(tmp_path, (3, 4, 6))
    assert on_disk(data.x)
    np.testing.assert_array_equal(data.x[[2, 5]], np.stack([grey[[2, 5]]] * 3, axis=1))
    assert open_for_model(tmp_path, (4, 6), "audio").kind == "audio"
    save(tmp_path, "0", np.stack([grey] * 3, axis=3))
    assert np.abs(open_for_model(tmp_path, (4, 6)).x[:].astype(int) - grey).max() <= 1


def test_model_decides_where_the_channels_are(reader: Reader, tmp_path: Path) -> None:
    x = np.arange(8 * 3 * 5 * 3, dtype=np.uint8).reshape(8, 3, 5, 3)
    save(tmp_path, "0", x)
    check_error(reader, tmp_path, "0.npy", "(3, 5, 3)", "unclear")
    np.testing.assert_array_equal(open_for_model(tmp_path, (3, 5, 3)).x[:], x)
    np.testing.assert_array_equal(open_for_model(tmp_path, (3, 3, 5)).x[:], np.moveaxis(x, 3, 1))


def test_columns_are_read_into_memory(reader: Reader, tmp_path: Path) -> None:
    save(tmp_path, "0", np.ones((8, 3)))
    layout = find_shards(tmp_path)
    assert layout is not None
    examples, columns = npy_shards.read_npy_shards(layout, print)
    assert on_disk(next(iter(examples.values())))
    assert not on_disk(columns["labels"])


def test_shards_cast_rows_to_one_type() -> None:
    parts = [np.array([[1]], ">i2"), np.array([[2.5]], np.float32)]
    assert Shards(parts).dtype == np.float32
    assert Shards(parts)[:].tolist() == [[1.0], [2.5]]
    assert Shards([parts[0]], dtype=np.dtype(">u1")).dtype == np.uint8
    with pytest.raises(ValueError, match="<U1"):
        Shards([np.array([["a"]])])
