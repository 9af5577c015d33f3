"""Folders of `save_to_disk` that `datasets` itself writes: types, splits, classes, damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reader_cases import Reader, check_error, encoded, picture

datasets = pytest.importorskip("datasets")

LABELS = ["a", "b"] * 4


@pytest.fixture(autouse=True)
def quiet() -> Any:
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def saved(folder: Path, columns: dict[str, Any], **features: Any) -> Path:
    columns = {"label": LABELS, **columns}
    features = {"label": datasets.Value("string"), **features}
    table = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    table.save_to_disk(folder)
    return folder


def sequence(kind: str, length: int = -1) -> Any:
    return datasets.Sequence(datasets.Value(kind), length=length)


LISTS: dict[str, Callable[[], tuple[Any, np.ndarray]]] = {
    "sequence": lambda: (sequence("float32"), np.arange(16, dtype=np.float32).reshape(8, 2)),
    "fixed": lambda: (sequence("float64", 2), np.arange(16).reshape(8, 2) / 8),
    "int64": lambda: (sequence("int64"), np.arange(16).reshape(8, 2)),
    "nested": lambda: (datasets.Sequence(sequence("uint8")), picture(0, (8, 3, 4))),
    "Array2D": lambda: (datasets.Array2D((3, 4), "uint8"), picture(0, (8, 3, 4))),
    "Array3D": lambda: (datasets.Array3D((3, 4, 5), "uint8"), picture(0, (8, 3, 4, 5))),
}


@pytest.mark.parametrize("case", LISTS)
def test_lists_and_arrays_are_examples(reader: Reader, tmp_path: Path, case: str) -> None:
    feature, x = LISTS[case]()
    data = reader(saved(tmp_path / "a", {"x": x.tolist()}, x=feature))
    np.testing.assert_array_equal(data.x, x)
    assert data.y.tolist() == LABELS


@pytest.mark.parametrize(
    ("feature", "x"),
    [
        (sequence("int64"), [[1, 2]] * 6 + [[1], [1, 2]]),
        (sequence("int64"), [[1, 2]] * 6 + [None, [1, 2]]),
        (sequence("int64"), [[1, 2]] * 6 + [[1, None], [1, 2]]),
        (datasets.Array2D((None, 2), "int64"), [[[1, 2]]] * 6 + [[[1, 2], [3, 4]], [[1, 2]]]),
    ],
)
def test_lists_of_different_lengths_are_an_error(
    reader: Reader, tmp_path: Path, feature: Any, x: Any
) -> None:
    check_error(reader, saved(tmp_path / "a", {"x": x}, x=feature), "row 7 of the column 'x'")


VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "string": (["a", None, "b", "b"] * 2, ["a", None, "b", "b"]),
    "int64": ([3, None, 5, 5] * 2, [3, None, 5, 5]),
    "int8": ([3, 4, 5, 5] * 2, [3, 4, 5, 5]),
    "bool": ([True, False, None, True] * 2, [1, 0, None, 1]),
    "large_string": (["a", None, "b", "b"] * 2, ["a", None, "b", "b"]),
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_are_labels_and_null_is_missing(reader: Reader, tmp_path: Path, kind: str) -> None:
    values, labels = VALUES[kind]
    features = {"x": sequence("float32"), "label": datasets.Value(kind)}
    folder = saved(tmp_path / "a", {"x": [[0.0, 1.0]] * 8, "label": values}, **features)
    assert reader(folder).y.tolist() == labels * 2


def pets(names: list[str], label: list[Any], **columns: Any) -> Any:
    """Return a dataset whose examples show the class: 1 for cats, 2 for dogs, 3 for cows."""
    number = {"cat": 1.0, "dog": 2.0, "cow": 3.0}
    x = [[number[names[k]] if k is not None and k >= 0 else 0.0, i] for i, k in enumerate(label)]
    features = {"x": sequence("float32"), "label": datasets.ClassLabel(names=names)}
    features |= {name: datasets.Value("string") for name in columns}
    return datasets.Dataset.from_dict(
        {"x": x, "label": label, **columns}, features=datasets.Features(features)
    )


@pytest.mark.parametrize("layout", ["dict", "folders", "undescribed"])
def test_splits_may_number_the_classes_differently(
    reader: Reader, tmp_path: Path, layout: str
) -> None:
    parts = {
        "train": pets(["cat", "dog", "cow"], [0, 1, 1, -1, 0, 2, 2]),
        "test": pets(["cow", "dog", "cat"], [0, 1, 2, None, 0]),
    }
    folder = tmp_path / "a"
    if layout == "folders":  # each saved by itself
        for name, part in parts.items():
            part.save_to_disk(folder / name)
    else:
        datasets.DatasetDict(parts).save_to_disk(folder)
    if layout == "undescribed":
        for name in parts:
            (folder / name / "dataset_info.json").unlink()
    data = reader(folder)
    names = {1: "cat", 2: "dog", 3: "cow", 0: None}
    assert data.y.tolist() == [names[int(value)] for value in data.x[:, 0]]
    assert data.classes.tolist() == ["cat", "cow", "dog"]
    assert data.split is not None
    assert sorted(data.split.tolist()) == ["test"] * 5 + ["train"] * 7


def test_class_without_a_name_is_an_error(reader: Reader, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    datasets.DatasetDict({"train": pets(["cat", "dog"], [0, 1] * 4)}).save_to_disk(folder)
    # What another program wrote: fewer names than classes.
    for path in (folder / "train").glob("*.arrow"):
        path.write_bytes(path.read_bytes().replace(b'"cat", "dog"', b'"cat"       '))
    info = folder / "train" / "dataset_info.json"
    description = json.loads(info.read_text())
    description["features"]["label"]["names"] = ["cat"]
    info.write_text(json.dumps(description))
    check_error(reader, folder, "a/train: row 2 ", "'label'", "number 1")


def test_splits_are_matched_by_name_and_cast(reader: Reader, tmp_path: Path) -> None:
    first = pets(["cat", "dog"], [0, 1] * 4, who=list("uuuuvvvv"))
    second = first.select_columns(["who", "label", "x"]).cast_column("x", sequence("float64"))
    second = second.cast_column("who", datasets.Value("large_string"))
    datasets.DatasetDict({"train": first, "test": second}).save_to_disk(tmp_path / "a")
    data = reader(tmp_path / "a")
    assert data.x[8:].tolist() == data.x[:8].tolist()
    assert data.factors["who"].tolist() == list("uuuuvvvv" * 2)


def test_empty_split_is_passed_over(reader: Reader, tmp_path: Path) -> None:
    part = pets(["cat", "dog"], [0, 1] * 4)
    parts = {"train": part, "test": part, "validation": part.select(range(0))}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "a")
    assert len(reader(tmp_path / "a")) == 16
    reader.line("a/validation")
    datasets.DatasetDict({"train": part.select(range(0))}).save_to_disk(tmp_path / "b")
    check_error(reader, tmp_path / "b", "b has no rows")
    part.select(range(0)).save_to_disk(tmp_path / "c")
    check_error(reader, tmp_path / "c", "c has no rows")


def test_other_columns_are_left_out_with_a_line(reader: Reader, tmp_path: Path) -> None:
    captions = [{"en": "a cat", "de": None}] * 8
    features = {
        "x": sequence("float32"),
        "caption": datasets.Translation(["en", "de"]),
        "boxes": [{"w": datasets.Value("int64")}],
    }
    columns = {"x": [[0.0, 1.0]] * 8, "caption": captions, "boxes": [[{"w": 1}]] * 8}
    reader(saved(tmp_path / "a", columns, **features))
    reader.line("caption, boxes")


def test_images_of_several_splits_stay_in_order(reader: Reader, tmp_path: Path) -> None:
    def part(start: int) -> Any:
        image = [{"bytes": encoded(picture(i)), "path": None} for i in range(start, start + 4)]
        features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
        return datasets.Dataset.from_dict({"image": image, "label": [0, 1, 0, 1]}, features)

    parts = datasets.DatasetDict({"train": part(0), "test": part(4)})
    parts.save_to_disk(tmp_path / "a", num_shards={"train": 2, "test": 1})
    np.testing.assert_array_equal(reader(tmp_path / "a").x, [picture(i) for i in range(8)])


def rewrite(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "no state": lambda folder: (folder / "train" / "state.json").unlink(),
    "state is no JSON": lambda folder: (folder / "train" / "state.json").write_text("{"),
    "state is a list": lambda folder: (folder / "train" / "state.json").write_text("[]"),
    "state lacks its files": lambda folder: (folder / "train" / "state.json").write_text("{}"),
    "no split folder": lambda folder: shutil.rmtree(folder / "train"),
    "splits are no list": lambda folder: rewrite(folder / "dataset_dict.json", splits=3),
    "dict is no JSON": lambda folder: (folder / "dataset_dict.json").write_text("{"),
    "unknown feature": lambda folder: rewrite(
        folder / "train" / "dataset_info.json", features={"x": {"_type": "Hologram"}}
    ),
    "info is no JSON": lambda folder: (folder / "train" / "dataset_info.json").write_text("?"),
    "no Arrow file": lambda folder: next((folder / "train").glob("*.arrow")).unlink(),
    "empty Arrow file": lambda folder: next((folder / "train").glob("*.arrow")).write_bytes(b""),
    "text for Arrow": lambda folder: next((folder / "train").glob("*.arrow")).write_text(
        "a,b\n" * 99
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_folder_is_an_error(reader: Reader, tmp_path: Path, case: str) -> None:
    part = pets(["cat", "dog"], [0, 1] * 4)
    folder = tmp_path / "pets"
    datasets.DatasetDict({"train": part, "test": part}).save_to_disk(folder)
    DAMAGE[case](folder)
    check_error(reader, folder, "pets is not a complete dataset", "save it again")


def test_cache_of_the_package_is_an_error(reader: Reader, tmp_path: Path) -> None:
    pets(["cat", "dog"], [0, 1] * 4).save_to_disk(tmp_path / "a")
    (tmp_path / "a" / "state.json").unlink()
    check_error(reader, tmp_path / "a", "a is not a complete dataset", "save it again")
