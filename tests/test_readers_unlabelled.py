"""Data without labels, opened for encoding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reader_cases import (
    Reader,
    check_error,
    folder_of_classes,
    images_table,
    open_unlabelled,
    picture,
    save,
    tone,
    write_wav,
)


def test_folder_of_images_without_classes(reader: Reader, tmp_path: Path) -> None:
    images = np.array([picture(i) for i in range(5)])
    for i, image in enumerate(images):
        save(tmp_path / "new" / f"{i}.png", image)
    data = open_unlabelled(reader, tmp_path / "new")
    np.testing.assert_array_equal(data.x, images)
    assert str(tmp_path / "new") in reader.line("no labels")
    open_unlabelled(reader, tmp_path / "new", label="species")
    check_error(reader, tmp_path / "new", "'writer'", "factor", unlabelled=True, factors=["writer"])
    # Some files in class folders and some not: it is unclear which files have a class.
    save(tmp_path / "new" / "cat" / "9.png", images[0])
    check_error(reader, tmp_path / "new", "5 of 6 files", unlabelled=True)


def test_folder_of_sounds_without_classes(reader: Reader, tmp_path: Path) -> None:
    pytest.importorskip("librosa")
    for i in range(4):
        write_wav(tmp_path / f"{i}.wav", tone(300 + 100 * i))
    data = open_unlabelled(reader, tmp_path)
    assert (data.kind, data.shape, data.rate) == ("audio", (64, 64), 8000)


def test_tables_without_the_label(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,writer\n1,2,x\n3,5,y\n2,7,x\n3,1,y\n")
    data = open_unlabelled(reader, path, label="species")
    assert data.x.tolist() == [[1, 2], [3, 5], [2, 7], [3, 1]]
    assert list(data.factors) == ["writer"]
    assert reader.lines[0].startswith("no labels")
    assert "'species'" in reader.lines[0]
    open_unlabelled(reader, path, label="writter", factors=["writer"])
    assert "did you mean 'writer'?" in reader.line("'writter'")
    path.write_text("a,species\n1,\n3,\n2,\n3,\n")
    assert open_unlabelled(reader, path, label="species").x.tolist() == [[1], [3], [2], [3]]
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(images_table().drop_columns(["label"]), tmp_path / "a.parquet")
    assert open_unlabelled(reader, tmp_path / "a.parquet").kind == "image"


def test_arrays_without_labels(reader: Reader, tmp_path: Path) -> None:
    x = picture(0, (4, 8, 8))
    np.savez(tmp_path / "a.npz", X=x)
    np.save(tmp_path / "b.npy", x)
    for name in ("a.npz", "b.npy"):
        for label in (None, "label", "species"):
            np.testing.assert_array_equal(
                open_unlabelled(reader, tmp_path / name, label=label).x, x
            )


def test_existing_labels_are_read_even_if_unsuitable_for_training(
    reader: Reader, tmp_path: Path
) -> None:
    """Examples are one class only, a class with one example, or a value for each row."""
    x = picture(0, (4, 8, 8))
    for y in ([1, 1, 1, 1], ["a", "a", "a", "b"], [4, 5, 6, 7], ["a", "", "a", "a"]):
        np.savez(tmp_path / "a.npz", x=x, y=y)
        labels = reader(tmp_path / "a.npz", unlabelled=True).y.tolist()
        assert labels == [value if value != "" else None for value in y]
    folder_of_classes(tmp_path / "new", classes=("wren",))
    assert reader(tmp_path / "new", unlabelled=True).y.tolist() == ["wren"] * 3
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "x-labels.npy", [0, 0, 1, 1])
    # A model stores the name "label" if the label was not named at `fit`.
    assert reader(tmp_path / "x.npy", label="label").y.tolist() == [0, 0, 1, 1]
    assert reader(tmp_path / "x.npy", label="label", unlabelled=True).y.tolist() == [0, 0, 1, 1]
