"""Labels, factors and splits of files: right, or refused in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reader_cases import Reader, check_error, picture
from wvae.datasets import Dataset
from wvae.datasets.holdout import holdout_mask
from wvae.datasets.readers.annotations.labels import (
    ReadOptions,
    annotate,
    choose_label,
    reserved_columns,
)
from wvae.datasets.schema import Schema

LABELS: list[tuple[Any, str]] = [
    ([1] * 6, "'y' has one class only (1)"),
    ([0, 0, 0, 1, 1, 2], "1 of 3 classes (2) have one example"),
    ([0, 1, 2, 3, 3, 3], "'y' has 4 values in 6 rows"),
    ([0, 0, 0, 0, 1, np.nan], "1 of 2 classes (1) have one example"),
    (["a", "a", "", "", "", "a"], "'y' has one class only ('a')"),
    ([""] * 6, "'y' is missing in all rows"),
    ([0, 0, 1, 1, 1, np.inf], "'y' holds infinity"),
    (np.zeros(6, complex), "'y' holds complex numbers"),
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
    assert reader.line("2 classes in 6 rows").startswith("label 'y'")
    reader.line("1 of 6 rows have no label")
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
        np.tile([0, 1], 50).astype(np.uint8),
    ):
        np.savez(path, x=x, y=y)
        assert reader(path).y.dtype == np.int64


# ------------------------------------------------------------------------- one rule for all files


def write_npz(path: Path, x: np.ndarray, **columns: Any) -> Path:
    np.savez(path, x=x, **columns)
    return path


def write_npy(path: Path, x: np.ndarray, **columns: Any) -> Path:
    path = path.with_name("x.npy")
    np.save(path, x)
    for name, values in columns.items():
        np.save(path.with_name(f"x-{name}.npy"), np.asarray(values))
    return path


def write_parquet(path: Path, x: np.ndarray, **columns: Any) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    path = path.with_suffix(".parquet")
    values = {name: pa.array(np.asarray(column)) for name, column in columns.items()}
    parquet.write_table(pa.table({"x": pa.array(x.tolist()), **values}), path)
    return path


WRITERS = [write_npz, write_npy, write_parquet]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("y", "labels", "mark"),
    [
        ([-1, 0, 1] * 4, [None, 0, 1] * 4, "4 of 12 rows have no label (−1)"),
        (["-1", "0", "1"] * 4, [None, "0", "1"] * 4, "4 of 12 rows have no label (−1)"),
        ([-1, 1, 1] * 4, [-1, 1, 1] * 4, ""),
        ([-2, -1, 1] * 4, [-2, -1, 1] * 4, ""),
        (["NA", "a", "b"] * 4, [None, "a", "b"] * 4, "4 of 12 rows have no label ('NA')"),
        (["null", "nan", "a", "b"] * 3, [None, None, "a", "b"] * 3, "('nan', 'null')"),
        ([np.nan, -1, 2, 3.0] * 3, [None, None, 2, 3] * 3, "(NaN, −1)"),
        (["a ", "a", "b"] * 4, ["a", "a", "b"] * 4, ""),
        (["が", "か\u3099", "b"] * 4, ["が", "が", "b"] * 4, ""),
        (["A", "a", "b"] * 4, ["A", "a", "b"] * 4, ""),
        (np.array([0, 1, 2] * 4, np.uint16), [0, 1, 2] * 4, ""),
        (["true", "False"] * 6, [True, False] * 6, ""),
        (np.array(["2020-01-01", "2020-01-02"] * 6, "M8[D]"), ["2020-01-01", "2020-01-02"] * 6, ""),
    ],
)
def test_labels_are_the_same_in_all_files(
    reader: Reader, tmp_path: Path, write: Any, y: Any, labels: list[Any], mark: str
) -> None:
    data = reader(write(tmp_path / "a.npz", picture(0, (12, 4)), label=y))
    assert data.y.tolist() == labels
    assert data.labelled.tolist() == [value is not None for value in labels]
    assert data.classes.tolist() == sorted({value for value in labels if value is not None})
    lines = [line for line in reader.lines if "no label" in line]
    assert len(lines) == bool(mark)
    assert not mark or mark in lines[0]


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (np.zeros((12, 3)) + np.eye(3)[np.arange(12) % 3], "argmax"),
        (np.ones((12, 3)), "(12, 3)"),
        (np.zeros(12, [("a", int)]), "records"),
        (np.array([2**64 - 1, 1] * 6, np.uint64), "18446744073709551615"),
        (np.array([b"\xff", b"a"] * 6), "UTF-8"),
        (["\udcff", "a"] * 6, "UTF-8"),
    ],
)
def test_labels_that_are_no_classes_are_refused(
    reader: Reader, tmp_path: Path, y: Any, text: str
) -> None:
    for write in (write_npz, write_npy):
        path = write(tmp_path / "a.npz", picture(0, (12, 4)), labels=y)
        check_error(reader, path, text, str(path))


def test_bytes_and_objects_become_words(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=picture(0, (4, 3)), y=np.array(["が".encode(), b"b"] * 2))
    assert reader(path).y.tolist() == ["が", "b"] * 2
    np.savez(path, x=picture(0, (4, 3)), y=np.array([["a"], ["b"]] * 2))
    assert reader(path).y.tolist() == ["a", "b"] * 2


def test_merged_spellings_are_told_of(reader: Reader, tmp_path: Path) -> None:
    reader(write_npz(tmp_path / "a.npz", picture(0, (6, 4)), y=["cat", "cat ", "dog"] * 2))
    assert "'cat'" in reader.line("look the same")


# ------------------------------------------------------------------------------- which column


def test_several_usual_names_are_asked_about(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    x = picture(0, (6, 4))
    np.savez(path, x=x, label=[0, 1] * 3, Class=[0, 1, 2] * 2)
    check_error(reader, path, "'label' (2 values)", "'Class' (3 values)", "--label NAME")
    check_error(reader, path, "--label NAME", unlabelled=True)
    assert reader(path, label="Class").classes.tolist() == [0, 1, 2]
    np.savez(path, x=x, species=[0, 1] * 3, drawer=np.arange(6))
    check_error(reader, path, "'species' (2 values)", "'drawer' (6 values)", "--label NAME")
    np.savez(path, x=x)
    check_error(reader, path, "which is the label?", "no columns")


def options(log: Any = print, **changes: Any) -> ReadOptions:
    schema = Schema("table", (4,), "species", ("a", "b"), ("drawer", "plate"))
    return replace(ReadOptions(None, (), None, None, log, progress=False, schema=schema), **changes)


def columns(**others: Any) -> dict[str, np.ndarray]:
    named = {"species": ["a", "b"] * 3, "drawer": [1, 1, 1, 2, 2, 2], **others}
    return {name: np.array(values) for name, values in named.items()}


def test_the_models_label_and_factors_are_taken(reader: Reader) -> None:
    given = columns(label=[0, 1] * 3, week=[1, 2] * 3)
    chosen = options(reader.lines.append)
    assert choose_label([*given], chosen, "a.csv") == "species"
    assert choose_label([*given], replace(chosen, label="label"), "a.csv") == "label"
    found = annotate(given, "species", 6, "a.csv", chosen)
    assert list(found.factors) == ["drawer"]
    assert "'plate'" in reader.line("lack")
    assert annotate(given, "species", 6, "a.csv", chosen, ["week"]).factors.keys() == {"week"}
    incomplete = columns(drawer=["x", "", "y"] * 2, plate=[1, 2] * 3)
    assert list(annotate(incomplete, "species", 6, "a.csv", chosen).factors) == ["plate"]
    assert "'drawer' is missing (empty) in 2 of 6 rows" in reader.line("left out")
    with pytest.raises(ValueError, match=r"'species', the model's label.*--label NAME.*'class'"):
        choose_label(["class"], chosen, "a.csv")
    assert choose_label(["class"], replace(chosen, unlabelled=True), "a.csv") is None
    reader.line("no labels")


def test_label_and_factors_of_the_model_are_never_features() -> None:
    names = ["a", "species", "b", "plate", "split", "week", "label"]
    assert reserved_columns(names, None, options()) == ["species", "plate", "split"]
    chosen = options(factors=("week",))
    assert reserved_columns(names, "label", chosen) == [
        *("species", "plate", "split", "week", "label")
    ]
    schema = Schema("table", (2,), "species", columns=("split", "a"))
    assert reserved_columns(names, "species", options(schema=schema)) == ["species"]


@pytest.mark.parametrize(
    ("classes", "y", "labels"),
    [
        ((0, 1), ["1", "0"], [1, 0]),
        ((0, 1), [True, False], [1, 0]),
        ((0, 1), [1.0, np.nan], [1, None]),
        ((0, 1), [-1, 1], [None, 1]),
        ((-1, 1), [-1, -1], [-1, -1]),
        ((False, True), [1, 0], [True, False]),
        ((False, True), ["true", ""], [True, None]),
        (("0.5", "1.0"), [1.0, 0.5], ["1.0", "0.5"]),
        (("01", "02"), [2, 1], ["02", "01"]),
        (("a", "b"), ["b", "zebra"], ["b", "zebra"]),
        ((0, 1), ["1", "zebra"], ["1", "zebra"]),
        (("a", "b"), [3, 4], ["3", "4"]),
        ((0, 7), [7, 9], [7, 9]),
    ],
)
def test_labels_of_new_data_are_the_models(
    reader: Reader, classes: tuple[Any, ...], y: list[Any], labels: list[Any]
) -> None:
    schema = Schema("table", (4,), "species", classes)
    chosen = options(reader.lines.append, schema=schema)
    found = annotate({"species": np.array(y)}, "species", 2, "a.csv", chosen)
    assert found.y.tolist() == labels
    assert [type(value) for value in found.y.tolist()] == [type(value) for value in labels]
    unknown = {"zebra", "3", "9"} & {str(value) for value in labels}
    assert any("lacks" in line for line in reader.lines) == bool(unknown)
    path = Path("a.csv")
    assert found.dataset(picture(0, (2, 4)), "table", path).y.tolist() == labels


# ----------------------------------------------------------------------- how small a class may be


def test_a_class_needs_two_rows_in_the_split_train(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    x, y = picture(0, (9, 4)), list("aaabbbbcc")
    np.savez(path, x=x, y=y, split=["train"] * 7 + ["test"] * 2)
    check_error(reader, path, "1 of 3 classes ('c') have rows in the split test only", str(path))
    np.savez(path, x=x, y=y, split=["train"] * 8 + ["test"])
    check_error(reader, path, "('c') have one row only in the split train")
    assert len(reader(path, unlabelled=True).classes) == 3
    np.savez(path, x=x, y=y, split=["train", "train", "test"] + ["train"] * 6)
    assert len(reader(path).classes) == 3


@pytest.mark.parametrize(("counts", "held_out"), [((2, 30), (0, 3)), ((3, 10), (1, 1))])
def test_a_class_of_two_rows_stays_in_training(
    counts: tuple[int, int], held_out: tuple[int, int]
) -> None:
    y = np.repeat(["a", "b"], counts)
    mask = holdout_mask(Dataset(picture(0, (len(y), 4)), y, kind="table"), seed=0)
    assert [int(mask[y == name].sum()) for name in "ab"] == list(held_out)


def test_split_words(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    x, y = picture(0, (6, 4)), [0, 1] * 3
    np.savez(path, x=x, y=y, split=["Train "] * 4 + ["val", "VALID"])
    assert reader(path).split.tolist() == ["train"] * 4 + ["test"] * 2  # type: ignore[union-attr]
    np.savez(path, x=x, y=y, split=["train"] * 4 + ["", "test"])
    check_error(reader, path, "'split' is empty in 1 of 6 rows, first in row 5")
    np.savez(path, x=x, y=y, split=[0, 0, 0, 0, 1, 1])
    check_error(reader, path, "'split' holds '0', '1'")


# ------------------------------------------------------------------------------------- factors


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1, 2] * 3, ">i4"), [1, 2] * 3),
        (np.array([1.5, 2.5] * 3, ">f8"), [1.5, 2.5] * 3),
        (np.array(["が".encode(), b"b"] * 3), ["が", "b"] * 3),
        (np.array(["が", "か\u3099"] * 3), ["が", "が"] * 3),
        (np.array([True, False] * 3), [1, 0] * 3),
        (np.array(["2020-01-01", "2020-01-02"] * 3, "M8[D]"), ["2020-01-01", "2020-01-02"] * 3),
    ],
)
def test_factors_are_plain_values(
    reader: Reader, tmp_path: Path, values: np.ndarray, expected: list[Any]
) -> None:
    path = write_npz(tmp_path / "a.npz", picture(0, (6, 4)), y=[0, 0, 1] * 2, writer=values)
    factor = reader(path, factors=["writer"]).factors["writer"]
    assert factor.tolist() == expected
    assert factor.dtype.isnative


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["a", "NA"] * 3, "is missing (NA) in 3 of 6 rows, first in row 2"),
        ([1, np.inf] * 3, "first in row 2"),
        (np.zeros(6, complex), "complex128"),
        (np.array([b"\xff"] * 6), "UTF-8"),
    ],
)
def test_named_factors_must_have_values(
    reader: Reader, tmp_path: Path, values: Any, text: str
) -> None:
    path = write_npz(tmp_path / "a.npz", picture(0, (6, 4)), y=[0, 1] * 3, writer=values)
    check_error(reader, path, "'writer'", text, factors=["writer"])


# ------------------------------------------------------------------------------- data sets


def test_a_dataset_decides_once_which_labels_are_missing() -> None:
    data = Dataset(picture(0, (6, 4)), np.array([-1, 0, 1, 1, 0, 0]), kind="table")
    assert data.y.tolist() == [None, 0, 1, 1, 0, 0]
    assert (data.classes.tolist(), data.indices[0]) == ([0, 1], -1)
    # Among these rows alone, −1 would be taken for a missing label.
    signs = Dataset(picture(0, (6, 4)), np.array([-2, -2, -1, -1, 0, 0]), kind="table")
    assert signs.subset(np.arange(2, 6)).classes.tolist() == [-1, 0]
    with pytest.raises(ValueError, match="dates"):
        Dataset(picture(0, (2, 4)), np.array(["2020-01-01"] * 2, "M8[D]"))


def test_print_shows_a_dataset_in_ten_lines() -> None:
    y = np.array([*np.repeat(np.arange(40), 5), None], object)
    x = picture(0, (201, 30, 40))
    writer = np.arange(201) % 7
    factors = {f"factor\n{i}": writer for i in range(30)}
    split = np.where(np.arange(201) < 150, "train", "test")
    text = str(Dataset(x, y, factors, split, label_name="digit", name="n" * 500, source="a\nb"))
    assert len(text.splitlines()) <= 10
    assert max(len(line) for line in text.splitlines()) < 250
    for part in ("201 images", "(30, 40)", "uint8", "'digit'", "40 classes", "0 (5)", "1 rows"):
        assert part in text
    assert "factor 0 (7 values)" in text
    assert "150 train, 51 test" in text
    assert "array(" not in text
