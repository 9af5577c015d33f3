"""The readers of .npz and .npy."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reader_cases import Reader, check_error, picture
from wvae.datasets import duplicates
from wvae.datasets.duplicates import count_shared_rows
from wvae.datasets.readers.annotations.labels import ReadOptions
from wvae.datasets.readers.arrays.arrays import channels_first, read_npy, read_npz
from wvae.datasets.schema import Schema
from wvae.datasets.shards import Shards, on_disk


def test_npz_gives_examples_label_factors_and_split(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "cells.npz"
    x, y = picture(0, (8, 6, 5)), np.arange(8) % 2
    np.savez(
        path,
        X=x,
        y=y,
        plate=np.repeat(["p", "q"], 4),
        note=np.arange(3),
        split=["train", "train", "test", "test"] * 2,
    )
    data = reader(path)
    np.testing.assert_array_equal(data.x, x)
    assert (data.kind, data.label_name, data.name) == ("image", "y", "cells")
    assert list(data.factors) == ["plate"]
    assert data.split is not None
    assert data.split.tolist() == ["train", "train", "test", "test"] * 2
    assert "'note'" in reader.line("ignored")
    assert reader(path, label="plate").y.tolist() == list("ppppqqqq")
    check_error(reader, path, "'plat'", "did you mean 'plate'?", label="plat")
    check_error(reader, path, "'note' has shape (3,)", "expected (8,)", label="note")
    check_error(reader, path, "an archive of arrays", "size=8", size=8)
    np.savez(path, picture=x, y=y)
    check_error(reader, path, "'picture' (8, 6, 5), 'y' (8,)", "images")


def test_train_and_test_arrays_of_npz_are_concatenated(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "k.npz"
    x, y = picture(0, (10, 4, 4)), np.arange(10) % 2
    np.savez(path, x_train=x[:6], y_train=y[:6], x_test=x[6:], y_test=y[6:])
    data = reader(path)
    np.testing.assert_array_equal(data.x, x)
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 6 + ["test"] * 4
    np.savez(path, x_train=x[:6], y_train=y[:6], x_test=x[6:, 1:], y_test=y[6:])
    check_error(reader, path, "x_train has shape (6, 4, 4)", "x_test (4, 3, 4)")


@pytest.mark.parametrize(
    ("x", "shape", "dtype", "note"),
    [
        (np.zeros((4, 5, 6, 3), np.uint8), (3, 5, 6), "uint8", "channels"),
        (np.zeros((4, 5, 6, 1), np.uint8), (5, 6), "uint8", "channels"),
        (np.zeros((4, 3, 5, 6), np.uint8), (3, 5, 6), "uint8", ""),
        (np.zeros((4, 1, 5, 6), np.uint8), (5, 6), "uint8", ""),
        (np.ones((4, 5, 6), bool), (5, 6), "uint8", "converted to uint8"),
        (np.full((4, 5, 6), 255), (5, 6), "uint8", "converted to uint8"),
        (np.full((4, 5, 6), 255.0), (5, 6), "uint8", "converted to uint8"),
        (np.full((4, 5, 6), 200, ">u2"), (5, 6), "uint8", "converted to uint8"),
        (np.full((4, 5, 6), 256), (5, 6), "int64", ""),
        (np.full((4, 5, 6), -1, np.int8), (5, 6), "int8", ""),
        (np.full((4, 5, 6), 4095, np.uint16), (5, 6), "uint16", ""),
        (np.full((4, 5, 6), 0.5), (5, 6), "float64", ""),
        (np.full((4, 5, 6), 0.5, np.float16), (5, 6), "float32", ""),
        (np.full((4, 5, 6), 0.5, np.longdouble), (5, 6), "float64", "converted to float64"),
        (np.full((4, 7), 255, np.int64), (7,), "int64", ""),
        (np.full((4, 7), 2**63 + 5, np.uint64), (7,), "uint64", ""),
        (np.full((4, 7), 1.7e9 + 0.25), (7,), "float64", ""),
        (np.full((4, 7), 1e300), (7,), "float64", ""),
        (np.full((4, 7), 0.1, ">f4"), (7,), "float32", ""),
        (np.full((4, 7), True), (7,), "uint8", "converted to uint8"),
        (np.asfortranarray(np.arange(28.0).reshape(4, 7)), (7,), "float64", ""),
    ],
)
@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_examples_keep_their_numbers_whatever_their_type(
    reader: Reader,
    tmp_path: Path,
    x: np.ndarray,
    shape: tuple[int, ...],
    dtype: str,
    note: str,
    suffix: str,
) -> None:
    path = write(tmp_path, suffix, x)
    data = reader(path)
    kind = "table" if x.ndim == 2 else "image"
    assert (data.shape, data.x.dtype.name, data.kind) == (shape, dtype, kind)
    assert data.x.dtype.isnative
    channels_last = x.ndim == 4 and x.shape[3] < 4
    moved = np.moveaxis(x, 3, 1) if channels_last else x
    np.testing.assert_array_equal(np.asarray(data.x), moved.reshape(4, *shape))
    assert len(reader.lines) == 1 + bool(note)
    assert not note or note in " ".join(reader.lines)
    if suffix == ".npy":
        assert on_disk(data.x)
        np.testing.assert_array_equal(data.x[[2, 0]], moved.reshape(4, *shape)[[2, 0]])


def test_npz_with_unusable_examples_is_an_error(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    y = [0, 1, 0, 1]
    ragged = np.empty(4, object)
    ragged[:] = [np.zeros(3), np.zeros(4), np.zeros(3), np.zeros(3)]
    np.savez(path, x=ragged, y=y)
    check_error(reader, path, "'x' holds Python objects")
    x = np.zeros((4, 3), np.float32)
    x[2, 1] = np.nan
    np.savez(path, x=x, y=y)
    check_error(reader, path, "NaN or infinity, first in row 3")
    path.write_bytes(b"")
    check_error(reader, path, "empty (0 bytes)")


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.zeros(4), "shape (4,)"),
        (np.zeros((4, 0)), "shape (4, 0)"),
        (np.zeros((0, 3)), "shape (0, 3)"),
        (np.array(3.0), "shape ()"),
        (np.zeros((4, 2, 2, 2, 2)), "(4, 2, 2, 2, 2)"),
        (np.full((4, 2), "a"), "words (<U1)"),
        (np.full((4, 2), b"a"), "bytes (|S1)"),
        (np.zeros((4, 2), complex), "complex"),
        (np.zeros((4, 2), "M8[s]"), "datetime64[s]"),
        (np.zeros((4, 2), [("a", "f4"), ("b", "i4")]), "records"),
        (np.zeros((4, 4, 8, 8)), "4 channels"),
        (np.zeros((4, 8, 8, 4)), "4 channels"),
        (np.zeros((4, 5, 8, 8)), "shape (5, 8, 8)"),
        (np.zeros((4, 8, 8, 2)), "shape (8, 8, 2)"),
        (np.zeros((4, 3, 8, 3)), "unclear"),
        (np.zeros((4, 1, 8, 3)), "unclear"),
        (np.zeros((4, 3, 3, 3)), "unclear"),
        (np.array([[1.0], [np.nan], [np.inf], [0.0]]), "row 2"),
        (np.array([[1.0], [2.0], [-np.inf], [0.0]], np.float16), "row 3"),
        (np.array([["1e400"]] * 4, np.longdouble), "row 1"),
    ],
)
@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_unusable_examples_are_an_error(
    reader: Reader, tmp_path: Path, x: np.ndarray, text: str, suffix: str
) -> None:
    path = write(tmp_path, suffix, x)
    check_error(reader, path, str(path), text)


def write(folder: Path, suffix: str, x: np.ndarray) -> Path:
    """Write examples and the labels 0, 1, 0, 1."""
    path = folder / f"a{suffix}"
    if suffix == ".npz":
        np.savez(path, x=x, y=[0, 1, 0, 1])
    else:
        np.save(path, x)
        np.save(folder / "a-labels.npy", [0, 1, 0, 1])
    return path


def npy_bytes(x: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, x)
    return buffer.getvalue()


WHOLE = npy_bytes(np.zeros((4, 3)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk",
        WHOLE[:-8],
        WHOLE[:20],
        WHOLE.replace(b"(4, 3)", b"(-4,3)"),
        WHOLE.replace(b"(4, 3)", b"(4,((("),
        WHOLE.replace(b"<f8", b"<q9"),
        WHOLE.replace(b"<f8", b"|O8"),
        WHOLE.replace(b"(4, 3), }          ", b"(4, 999999999999),}"),
        b"\x93NUMPY\x09\x00" + WHOLE[8:],
    ],
)
def test_damaged_arrays_are_refused_in_one_line(
    reader: Reader, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    np.save(tmp_path / "a-labels.npy", [0, 1, 0, 1])
    check_error(reader, tmp_path / "a.npy", str(tmp_path / "a.npy"), "numpy.save")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
        archive.writestr("y.npy", npy_bytes(np.array([0, 1, 0, 1])))
    check_error(reader, tmp_path / "a.npz", str(tmp_path / "a.npz"))


@pytest.mark.parametrize(
    ("arrays", "texts"),
    [
        ({"x": np.zeros((4, 3)), "X": np.zeros((4, 3))}, ["'x', 'X'"]),
        ({"x": np.zeros((4, 3)), "images": np.zeros((4, 3))}, ["'x', 'images'"]),
        ({"x": np.zeros((4, 3)), "x_train": np.zeros((4, 3))}, ["'x', 'x_train'"]),
        ({"x_train": np.zeros((4, 3)), "train_x": np.zeros((4, 3))}, ["'x_train'", "'train_x'"]),
        ({"picture": np.zeros((4, 3))}, ["'picture' (4, 3)", "'y' (4,)"]),
        ({"data": np.zeros(4), "indices": np.zeros(4), "indptr": np.zeros(4)}, ["toarray"]),
        ({"x": np.zeros((5, 3))}, ["'y' has shape (4,), expected (5,)"]),
    ],
)
def test_archives_without_clear_examples_are_refused(
    reader: Reader, tmp_path: Path, arrays: dict[str, Any], texts: list[str]
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, y=[0, 1, 0, 1], **arrays)
    check_error(reader, path, *texts)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("note.txt", "nothing")
    check_error(reader, path, "no arrays")


NAMES = [
    ("{split}_{name}", "images", "labels"),
    ("{name}_{split}", "x", "y"),
    ("{name}_{split}", "X", "y"),
    ("{name}{Split}", "x", "y"),
    ("{split}-{name}", "data", "target"),
    ("{Split}_{name}", "images", "labels"),
]


@pytest.mark.parametrize(("form", "x_name", "y_name"), NAMES)
@pytest.mark.parametrize("splits", [["train", "test"], ["train", "val"], ["test", "val", "train"]])
def test_parts_of_archives_are_the_split(
    reader: Reader, tmp_path: Path, form: str, x_name: str, y_name: str, splits: list[str]
) -> None:
    x, y = picture(0, (4 * len(splits), 6, 5)), np.arange(4 * len(splits)) % 2
    arrays = dict[str, Any]()
    expected = list[str]()
    for i, split in enumerate(splits):
        rows = slice(4 * i, 4 * i + 4)
        for name, values in ((x_name, x), (y_name, y[:, None]), ("drawer", y + 5)):
            arrays[form.format(name=name, split=split, Split=split.capitalize())] = values[rows]
        held_out = split == "test" or (split == "val" and "test" not in splits)
        expected += ["test" if held_out else "train"] * 4
    np.savez(tmp_path / "a.npz", **arrays)
    data = reader(tmp_path / "a.npz")
    np.testing.assert_array_equal(data.x, x)
    assert (data.y.tolist(), data.label_name) == (y.tolist(), y_name)
    assert data.split is not None
    assert data.split.tolist() == expected
    assert list(data.factors) == ([] if form == "{name}{Split}" else ["drawer"])


def test_parts_that_do_not_match_are_refused(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    x, y = picture(0, (4, 6)), np.array([0, 1, 0, 1])
    parts: dict[str, Any] = {"x_train": x, "y_train": y, "x_test": x}
    np.savez(path, **parts)
    check_error(reader, path, "'x_test' has no labels", "'y_train'")
    assert reader(path, unlabelled=True).y.tolist() == [0, 1, 0, 1, None, None, None, None]
    np.savez(path, **parts, y_test=y[:3])
    check_error(reader, path, "'y_test' has shape (3,)", "'x_test' (4, 6)")
    np.savez(path, **parts, y_test=["a", "b", "a", "b"])
    check_error(reader, path, "y_train holds int64", "y_test <U1")
    np.savez(path, **{**parts, "x_test": x.astype(float)}, y_test=y)
    np.testing.assert_array_equal(reader(path).x, np.concatenate([x, x]))
    assert "'x_train', 'x_test'" in reader.line("their numbers are kept")


def test_one_array_alone_and_one_example(reader: Reader, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=picture(0, (1, 8, 8)))
    assert reader(tmp_path / "a.npz", unlabelled=True).x.shape == (1, 8, 8)


def test_channels_first_for_arrays_in_python() -> None:
    x = np.zeros((2, 8, 9, 1))
    assert channels_first(x).shape == (2, 8, 9)
    assert channels_first(x, squeeze=False).shape == (2, 1, 8, 9)
    assert channels_first(np.zeros((2, 3, 8, 3)), shape=(3, 8, 3)).shape == (2, 3, 8, 3)
    assert channels_first(np.zeros((2, 3, 8, 3)), shape=(3, 3, 8)).shape == (2, 3, 3, 8)
    assert channels_first(np.zeros((2, 1, 8, 3)), shape=(8, 3)).shape == (2, 8, 3)


# ------------------------------------------------------------------------- data for a model


def options(log: Any, schema: Schema) -> ReadOptions:
    return ReadOptions(None, (), None, None, log, progress=False, schema=schema)


@pytest.mark.parametrize(
    ("schema", "shape", "expected"),
    [
        (Schema("table", (3,), "y", (0, 1), columns=("a", "b", "c")), (4, 3), (3,)),
        (Schema("table", (3,), "y", (0, 1)), (4, 5), None),
        (Schema("table", (36,), "y", (0, 1)), (4, 6, 6), None),
        (Schema("image", (6, 5), "y", (0, 1)), (4, 6, 5), (6, 5)),
        (Schema("image", (6, 5), "y", (0, 1)), (4, 6, 5, 1), (6, 5)),
        (Schema("image", (6, 5), "y", (0, 1)), (4, 6, 5, 3), (3, 6, 5)),
        (Schema("image", (3, 8, 3), "y", (0, 1)), (4, 3, 8, 3), (3, 8, 3)),
        (Schema("image", (6, 5), "y", (0, 1)), (4, 5, 6), None),
        (Schema("image", (6, 5), "y", (0, 1)), (4, 30), None),
        (Schema("audio", (6, 5), "y", (0, 1), rate=8000), (4, 6, 5), (6, 5)),
        (Schema("audio", (6, 5), "y", (0, 1), rate=8000), (4, 6, 7), None),
    ],
)
@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_the_models_shape_decides(
    reader: Reader,
    tmp_path: Path,
    schema: Schema,
    shape: tuple[int, ...],
    expected: tuple[int, ...] | None,
    suffix: str,
) -> None:
    path = write(tmp_path, suffix, picture(0, shape))
    read = read_npz if suffix == ".npz" else read_npy
    chosen = options(reader.lines.append, schema)
    if expected is None:
        with pytest.raises(ValueError, match=re.escape(str(schema.shape))) as error:
            read(path, chosen)
        assert str(path) in str(error.value)
        return
    data = read(path, chosen)
    assert (data.shape, data.kind, data.rate) == (expected, schema.kind, schema.rate)
    assert data.schema is not None
    assert data.schema.columns == schema.columns
    if schema.columns:
        reader.line("a, b, c")
    assert reader.lines[0].startswith("label")
    assert data.y.tolist() == [0, 1, 0, 1]


def test_files_of_the_models_label_and_factors(reader: Reader, tmp_path: Path) -> None:
    schema = Schema("table", (3,), "species", ("0", "1"), ("drawer", "plate"))
    path = write(tmp_path, ".npy", picture(0, (4, 3)))
    np.save(tmp_path / "a-drawer.npy", np.array([5, 5, 6, 6], ">i4"))
    data = read_npy(path, options(reader.lines.append, schema))
    assert data.y.tolist() == ["0", "1", "0", "1"]
    assert data.factors["drawer"].tolist() == [5, 5, 6, 6]
    assert "'plate'" in reader.line("lack")


# ----------------------------------------------------------------------------- duplicates


@pytest.mark.parametrize("dtype", ["uint8", "float32", ">f8"])
def test_test_rows_equal_to_training_rows_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dtype: str
) -> None:
    monkeypatch.setattr(duplicates, "BLOCK_BYTES", 256)
    x = picture(0, (60, 4, 3)).astype(dtype)
    x[50:55] = x[3:8]
    x[56] = x[55]  # both are test rows
    x[11] = x[10]  # both are training rows
    if x.dtype.kind == "f":
        x[2, 0, 0], x[57] = 0.0, x[2]
        x[57, 0, 0] = -0.0
    split = np.where(np.arange(60) < 50, "train", "test")
    expected = 5 + (x.dtype.kind == "f")
    assert count_shared_rows(x, split) == expected
    np.save(tmp_path / "x.npy", x)
    on_disk_x = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert count_shared_rows(on_disk_x, split) == expected
    assert count_shared_rows(Shards([on_disk_x[:20], on_disk_x[20:]]), split) == expected
    assert count_shared_rows(x, np.full(60, "train")) == 0


def test_npy_is_a_memory_map(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    x, y = picture(0, (6, 8, 8)), np.arange(6) % 2
    np.save(path, x)
    check_error(reader, path, "x-labels.npy, x-label.npy, labels.npy, label.npy, y.npy")
    np.save(tmp_path / "y.npy", y)
    data = reader(path)
    assert isinstance(data.x, np.memmap)
    np.testing.assert_array_equal(data.x, x)
    assert (data.label_name, data.y.tolist()) == ("label", y.tolist())
    np.save(tmp_path / "x-labels.npy", 1 - y)
    assert reader(path).y.tolist() == (1 - y).tolist()
    np.save(tmp_path / "x-digit.npy", y + 5)
    np.save(tmp_path / "writer.npy", np.repeat(["a", "b"], 3))
    for label in ("digit", "x-digit.npy", str(tmp_path / "x-digit.npy")):
        data = reader(path, label=label, factors=["writer"])
        assert (data.label_name, data.classes.tolist()) == ("digit", [5, 6])
        assert data.factors["writer"].tolist() == list("aaabbb")
    np.save(path, x[..., None])
    assert isinstance(reader(path).x, np.memmap)  # a view
    np.save(path, x.astype(np.float32) / 255)
    assert isinstance(reader(path).x, np.memmap)


def test_npy_with_unusable_labels_is_an_error(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, picture(0, (6, 4)))
    np.save(tmp_path / "digits.npy", np.arange(5) % 2)
    check_error(reader, path, "label", "such as digits.npy")
    check_error(reader, path, "'digit.npy'", "did you mean 'digits.npy'", label="digit.npy")
    check_error(reader, path, "(6, 4)", "'digits' (5,)", label="digits")
    np.save(tmp_path / "digits.npy", np.array([{}] * 6), allow_pickle=True)
    check_error(reader, path, "digits.npy holds Python objects", label="digits")
    (tmp_path / "digits.npy").write_bytes(b"junk")
    check_error(reader, path, "digits.npy is not a complete", label="digits")
