"""Checks of labels: unusable, missing and fractional ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reader_cases import Reader, check_error, picture
from wvae.datasets import Dataset

LABELS: list[tuple[Any, str]] = [
    ([1] * 6, "'y' has one class only, 1"),
    ([0, 0, 0, 1, 1, 2], "1 of 3 classes of the label 'y'"),
    ([0, 1, 2, 3, 3, 3], "'y' has 4 values in 6 rows"),
    ([0, 0, 0, 0, 1, np.nan], "1 of 2 classes of the label 'y'"),
    (["a", "a", "", "", "", "a"], "'y' has one class only, a"),
    ([""] * 6, "'y' is missing in all rows"),
    ([0, 0, 1, 1, 1, np.inf], "'y' holds infinity"),
    (np.zeros(6, complex), "'y' has dtype complex128"),
]


@pytest.mark.parametrize(("y", "text"), LABELS)
def test_labels_unsuitable_for_training_are_an_error(
    reader: Reader, tmp_path: Path, y: Any, text: str
) -> None:
    np.savez(tmp_path / "a.npz", x=picture(0, (6, 4)), y=y)
    check_error(reader, tmp_path / "a.npz", text, str(tmp_path / "a.npz"))


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        ([0, 0, 0, 1, 1, np.nan], [0, 0, 0, 1, 1, None]),
        (["a", "a", "b", "b", "", "a"], ["a", "a", "b", "b", None, "a"]),
        ([0.5, np.nan, 0.5, 1.5, 1.5, 0.5], ["0.5", None, "0.5", "1.5", "1.5", "0.5"]),
    ],
)
def test_missing_labels_are_none(reader: Reader, tmp_path: Path, y: Any, labels: list[Any]) -> None:
    np.savez(tmp_path / "a.npz", x=picture(0, (6, 4)), y=y)
    data = reader(tmp_path / "a.npz")
    assert data.y.tolist() == labels
    assert data.labelled.tolist() == [value is not None for value in labels]
    classes = sorted({value for value in labels if value is not None})
    assert data.classes.tolist() == classes
    assert data.classes.dtype.kind == ("U" if isinstance(labels[0], str) else "i")
    assert data.indices.tolist() == [
        -1 if value is None else classes.index(value) for value in labels
    ]
    assert reader.line("classes in").startswith("label 'y': 2 classes in 6 rows, 1 of them")
    assert data.subset(data.labelled).classes.tolist() == classes


def test_none_and_nan_are_missing_labels_of_a_dataset() -> None:
    y = np.array(["a", None, np.nan, "b"], object)
    data = Dataset(picture(0, (4, 8)), y)
    assert data.labelled.tolist() == [True, False, False, True]
    assert data.indices.tolist() == [0, -1, -1, 1]


def test_few_fractions_are_classes_and_many_are_an_error(reader: Reader, tmp_path: Path) -> None:
    path, x = tmp_path / "a.npz", picture(0, (100, 4))
    np.savez(path, x=x, y=np.linspace(0, 1, 100))
    check_error(reader, path, "'y' holds 100 different fractions from 0 to 1")
    np.savez(path, x=x, y=np.tile([0.5, 1.5], 50))
    assert reader(path).classes.tolist() == ["0.5", "1.5"]
    reader.line("2 different fractions")
    for y in (
        np.tile([0.0, 1.0], 50),
        np.tile([False, True], 50),
        np.tile([0, 1], 50).astype(np.uint8),
    ):
        np.savez(path, x=x, y=y)
        assert reader(path).y.dtype == np.int64
