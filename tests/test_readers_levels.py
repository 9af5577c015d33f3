"""Folders as split, label and factors, and as what cannot be told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from folder_cases import grid, open_path, refused, tree
from wvae.datasets.schema import Naming, Schema

CLASSES = ("cat", "dog")


def levels(*numbers: int) -> Naming:
    return Naming(label_from_folder=numbers)


@pytest.mark.parametrize(
    ("parts", "test"),
    [
        (("train", "test"), "test"),
        (("Train", "TEST"), "TEST"),
        (("training", "testing"), "testing"),
        (("train", "val"), "val"),
        (("train", "valid"), "valid"),
        (("train", "validation"), "validation"),
        (("train", "dev"), "dev"),
        (("Training", "Eval"), "Eval"),
        (("train", "val", "test"), "test"),
        (("val", "test"), "test"),
    ],
)
@pytest.mark.parametrize("below", [False, True])
def test_usual_names_are_the_split_at_any_level(
    tmp_path: Path, parts: tuple[str, ...], test: str, below: bool
) -> None:
    if below and "train" not in parts[0].lower():
        pytest.skip("only with train is it clear that the second level is the split")
    grid(tmp_path, *((CLASSES, parts) if below else (parts, CLASSES)))
    data, log = open_path(tmp_path)
    assert data.classes.tolist() == list(CLASSES)
    assert data.split is not None
    assert data.files is not None
    in_test = [f"{test}/" in name for name in data.files.tolist()]
    assert (data.split == "test").tolist() == in_test
    assert sum("taken as the split" in line for line in log) == 1


@pytest.mark.parametrize("other", ["unlabeled", "extra", "unsup", "cat", "train2", "9.png"])
def test_what_stands_beside_split_folders_is_refused(tmp_path: Path, other: str) -> None:
    grid(tmp_path, ("train", "val"), CLASSES)
    tree(tmp_path, other if "." in other else f"{other}/x/0.png")
    refused(tmp_path, repr(other if "." in other else f"{other}/"), "train/, val/", "move")


def test_folders_without_images_may_stand_beside_the_split(tmp_path: Path) -> None:
    grid(tmp_path, ("train", "val"), CLASSES)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "notes.txt").touch()
    assert open_path(tmp_path)[0].classes.tolist() == list(CLASSES)


def test_a_single_part_is_no_class(tmp_path: Path) -> None:
    grid(tmp_path, ("train",), CLASSES, each=4)
    data, log = open_path(tmp_path)
    assert (data.classes.tolist(), data.split) == (list(CLASSES), None)
    assert sum("chosen at random" in line for line in log) == 1


def test_files_in_split_folders_have_no_label(tmp_path: Path) -> None:
    grid(tmp_path, ("train", "test"), each=4)
    refused(tmp_path, "8 of 8 files", "split, label")
    data, _ = open_path(tmp_path, unlabelled=True)
    assert not data.labelled.any()
    assert data.split is not None


@pytest.mark.parametrize("classes", [("train", "bus"), ("bus", "car", "train"), ("test", "bus")])
def test_one_word_of_a_split_among_others_is_a_class(
    tmp_path: Path, classes: tuple[str, ...]
) -> None:
    grid(tmp_path, classes)
    data, _ = open_path(tmp_path)
    assert (data.classes.tolist(), data.split) == (sorted(classes), None)


@pytest.mark.parametrize(
    "folders",
    [
        (("Greek", "Latin"), ("a", "b", "c")),
        (("Greek", "Latin"), ("a", "b"), ("x", "y")),
        (CLASSES, ("train", "unlabeled")),
    ],
)
def test_an_unclear_level_is_asked_for(tmp_path: Path, folders: tuple[Any, ...]) -> None:
    grid(tmp_path, *folders)
    first = "/".join(sorted(names)[0] for names in folders)
    refused(tmp_path, "which level", f"{first}/0.png", "--label-from-folder 1, 2 or 1,2", "factors")
    refused_in_part = tmp_path / "part"
    grid(refused_in_part, ("train", "test"), *folders)
    if "train" not in folders[-1]:
        refused(refused_in_part, "which level", "--label-from-folder")


@pytest.mark.parametrize("below", [(CLASSES,), (("train", "test"), CLASSES)])
def test_a_folder_around_the_data_is_named(tmp_path: Path, below: tuple[Any, ...]) -> None:
    grid(tmp_path, ("pets-1.0",), *below)
    (tmp_path / "__MACOSX" / "pets-1.0").mkdir(parents=True)
    refused(tmp_path, "one folder, 'pets-1.0'", f"give the path {tmp_path / 'pets-1.0'}")
    assert open_path(tmp_path / "pets-1.0")[0].classes.tolist() == list(CLASSES)


def test_a_folder_around_a_table_and_its_files_is_named(tmp_path: Path) -> None:
    grid(tmp_path, ("pets",), each=4)
    lines = [f"{i}.png,{'ab'[i % 2]}" for i in range(4)]
    (tmp_path / "pets" / "labels.csv").write_text("\n".join(["file,label", *lines]))
    refused(tmp_path, f"give the path {tmp_path / 'pets'}")


@pytest.mark.parametrize(
    ("chosen", "classes", "factors"),
    [
        ((1,), ["Greek", "Latin"], ["folder2"]),
        ((2,), ["a", "b"], ["folder1"]),
        ((1, 2), ["Greek/a", "Greek/b", "Latin/a", "Latin/b"], []),
        ((2, 1), ["a/Greek", "a/Latin", "b/Greek", "b/Latin"], []),
    ],
)
@pytest.mark.parametrize("parts", [(), ("train", "val")])
def test_chosen_levels_are_the_label_and_the_others_factors(
    tmp_path: Path, chosen: Any, classes: list[str], factors: list[str], parts: Any
) -> None:
    grid(tmp_path, *([parts] if parts else []), ("Greek", "Latin"), ("a", "b"))
    data, log = open_path(tmp_path, naming=levels(*chosen))
    assert (data.classes.tolist(), list(data.factors)) == (classes, factors)
    assert (data.split is not None) == bool(parts)
    assert sum("from folders" in line and "→" in line for line in log) == 1
    assert data.schema is not None
    assert data.schema.naming == levels(*chosen)


def test_named_factors_take_the_other_levels_from_the_top(tmp_path: Path) -> None:
    grid(tmp_path, ("Greek", "Latin"), ("a", "b"), ("ann", "bob"))
    data, _ = open_path(tmp_path, factors=("sign",))
    assert data.classes.tolist() == ["Greek", "Latin"]
    assert sorted(set(data.factors["sign"].tolist())) == ["a", "b"]
    data, _ = open_path(tmp_path, naming=levels(2), factors=("script", "who"))
    assert sorted(set(data.factors["script"].tolist())) == ["Greek", "Latin"]
    assert sorted(set(data.factors["who"].tolist())) == ["ann", "bob"]
    refused(tmp_path, "16 of 16 files", "label, a, b, c", factors=("a", "b", "c"))


@pytest.mark.parametrize("wrong", [(0,), (-1,), (1, 1), (), ("1",), (True,)])
def test_levels_are_different_numbers_from_1(tmp_path: Path, wrong: Any) -> None:
    grid(tmp_path, CLASSES)
    refused(tmp_path, "label_from_folder", "1,2", naming=Naming(label_from_folder=wrong))


def test_a_level_that_files_lack_is_refused(tmp_path: Path) -> None:
    grid(tmp_path, CLASSES)
    refused(tmp_path, "4 of 4 files", "'cat/0.png'", naming=levels(3))


def test_the_same_folders_below_all_classes_are_told_of(tmp_path: Path) -> None:
    grid(tmp_path, CLASSES, ("images",))
    data, log = open_path(tmp_path)
    assert data.classes.tolist() == list(CLASSES)
    assert sum("not used ('images')" in line for line in log) == 1
    grid(tmp_path / "mixed", CLASSES)
    tree(tmp_path / "mixed", "cat/more/0.png", "cat/less/0.png")
    data, log = open_path(tmp_path / "mixed")
    assert len(data) == 6
    assert sum("'less', 'more'" in line for line in log) == 1


def test_a_model_knows_the_level_of_the_label(tmp_path: Path) -> None:
    grid(tmp_path, ("Greek", "Latin"), ("a", "b"))
    schema = Schema("image", (12, 12), "sign", ("a", "b"), ("folder1",), naming=levels(2))
    data, _ = open_path(tmp_path, schema=schema)
    assert (data.label_name, data.classes.tolist()) == ("sign", ["a", "b"])
    assert list(data.factors) == ["folder1"]
    schema = Schema("image", (12, 12), "script", ("Greek", "Latin"), ("sign",))
    data, _ = open_path(tmp_path, schema=schema)
    assert (data.label_name, data.classes.tolist()) == ("script", ["Greek", "Latin"])
    assert data.factors["sign"].tolist() == ["a", "a", "b", "b"] * 2


def test_words_of_a_model_stay_words(tmp_path: Path) -> None:
    grid(tmp_path, ("10", "11"))
    schema = Schema("image", (12, 12), "label", ("02", "10", "11"))
    assert open_path(tmp_path, schema=schema)[0].y.dtype.kind == "U"
    assert open_path(tmp_path)[0].y.dtype == np.int64


@pytest.mark.parametrize("name", ["9" * 30, "+1", "1.5", "٣", "01"])
def test_names_that_are_no_plain_integers_stay_words(tmp_path: Path, name: str) -> None:
    grid(tmp_path, (name, "7"))
    assert sorted(open_path(tmp_path)[0].classes.tolist()) == sorted([name, "7"])


def test_a_model_of_another_kind_is_named(tmp_path: Path) -> None:
    grid(tmp_path, CLASSES)
    refused(tmp_path, "images", "table", schema=Schema("table", (3,)))
    refused(tmp_path, "images", "audio", schema=Schema("audio", (64, 64), rate=8000))
