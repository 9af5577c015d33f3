"""The readers of .npz and .npy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reader_cases import Reader, check_error, picture


def test_npz_gives_examples_label_factors_and_split(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "cells.npz"
    x, y = picture(0, (8, 6, 5)), np.arange(8) % 2
    np.savez(
        path,
        X=x,
        y=y,
        plate=np.repeat(["p", "q"], 4),
        note=np.arange(3),
        split=np.repeat(["train", "test"], 4),
    )
    data = reader(path)
    np.testing.assert_array_equal(data.x, x)
    assert (data.kind, data.label_name, data.name) == ("image", "y", "cells")
    assert list(data.factors) == ["plate"]
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 4 + ["test"] * 4
    assert "'note'" in reader.line("ignored")
    assert reader(path, label="plate").y.tolist() == list("ppppqqqq")
    check_error(reader, path, "'plat'", "did you mean 'plate'?", label="plat")
    check_error(reader, path, "'note' has shape (3,)", "expected (8,)", label="note")
    check_error(reader, path, "an archive of arrays", "size=8", size=8)
    np.savez(path, picture=x, y=y)
    check_error(reader, path, "'picture', 'y'", "images")


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
        (np.zeros((4, 5, 6), bool), (5, 6), "uint8", "0 and 255"),
        (np.full((4, 5, 6), 255), (5, 6), "uint8", "to uint8"),
        (np.full((4, 5, 6), 256), (5, 6), "float32", "to float32"),
        (np.zeros((4, 7), np.int64), (7,), "float32", "to float32"),
        (np.zeros((4, 7), ">f4"), (7,), "float32", "to float32"),
    ],
)
def test_examples_are_converted_to_channels_first_uint8_or_float32(
    reader: Reader, tmp_path: Path, x: np.ndarray, shape: tuple[int, ...], dtype: str, note: str
) -> None:
    np.savez(tmp_path / "a.npz", x=x, y=[0, 1, 0, 1])
    data = reader(tmp_path / "a.npz")
    assert (data.shape, data.x.dtype.name, data.kind) == (
        shape,
        dtype,
        "table" if x.ndim == 2 else "image",
    )
    assert len(reader.lines) == 1 + bool(note)
    assert not note or note in " ".join(reader.lines)


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
    for x, text in (
        (np.full((4, 2), 1e300), "NaN or infinity, first in row 1"),
        (np.zeros(4), "the examples have shape (4,)"),
        (np.zeros((4, 0)), "the examples have shape (4, 0)"),
        (np.full((4, 2), "a"), "dtype <U1"),
        (np.zeros((4, 4, 8, 8)), "4 channels"),
    ):
        np.savez(path, x=x, y=y)
        check_error(reader, path, text)
    path.write_bytes(path.read_bytes()[:100])
    check_error(reader, path, "a complete .npz file")
    path.write_bytes(b"")
    check_error(reader, path, "a complete .npz file")


def test_npy_is_a_memory_map(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    x, y = picture(0, (6, 8, 8)), np.arange(6) % 2
    np.save(path, x)
    check_error(reader, path, "x-labels.npy, labels.npy, y.npy")
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
