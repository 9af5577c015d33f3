"""Folders of images: classes, splits, levels, links, and what systems and programs leave there."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

from .entries import Entries, Right, put, refused
from .media import classes, grey

ENTRIES = Entries()
FOUR = {"cat": 4, "dog": 4}
READ = Right((8, 12, 12), FOUR, kind="image")


def tree(name: str, expect: Any, *flags: str, each: int = 4, **folders: Any) -> None:
    """Add images in folders, whose names are the values."""

    def write(root: Path) -> Path:
        for k, folder in enumerate(folders["of"]):
            for i in range(each):
                grey(root / "data" / folder / f"{i}.png", 100 * k + i)
        return root / "data"

    ENTRIES.add(name, write, expect, *flags)


# ------------------------------------------------------------------------------------- classes
tree("classes", READ, of=("cat", "dog"))
tree("numbers_as_classes", Right((8, 12, 12), {2: 4, 10: 4}), of=("2", "10"))
tree("leading_zeros", Right((8, 12, 12), {"02": 4, "10": 4}), of=("02", "10"))
tree("spaces_around", Right((8, 12, 12), FOUR), of=(" cat", "dog "))
tree("capitals_differ", Right((8, 12, 12), {"Cat": 4, "cat": 4}), of=("Cat", "cat"))
tree("japanese", Right((8, 12, 12), {"犬": 4, "猫": 4}), of=("犬", "猫"))
tree(
    "two_forms_of_unicode",
    Right((12, 12, 12), {"が": 8, "b": 4}, log=("Unicode",)),
    of=(unicodedata.normalize("NFC", "が"), unicodedata.normalize("NFD", "が"), "b"),
)
tree("emoji", Right((8, 12, 12), {"🐈": 4, "🐕": 4}), of=("🐈", "🐕"))
tree("names_of_numbers_and_words", Right((8, 12, 12), {"1": 4, "cat": 4}), of=("1", "cat"))
tree("one_class", refused("data", "'label'", "one class", "'cat'"), of=("cat",))
tree(
    "one_image_in_each_class",
    refused("data", "'label'", "2 values in 2 rows"),
    of=("cat", "dog"),
    each=1,
)
tree("a_folder_for_each_image", refused("data", "8 values in 8 rows"), of=tuple("abcdefgh"), each=1)
tree(
    "label_has_a_name",
    Right((8, 12, 12), FOUR, log=("label 'animal'",)),
    "--label",
    "animal",
    of=("cat", "dog"),
)
tree(
    "class_called_na",
    Right((12, 12, 12), FOUR | {None: 4}, log=("4 of 12 rows", "'NA'")),
    of=("cat", "dog", "NA"),
)
tree("loose_images", refused("data", "4 of 4 files", "'0.png'", "sub-folders"), of=("",))
tree(
    "loose_images_beside_classes",
    refused("data", "4 of 12 files", "'0.png'"),
    of=("", "cat", "dog"),
)

# --------------------------------------------------------------------------------------- splits
SPLIT = Right(
    (16, 12, 12), {"cat": 8, "dog": 8}, split={"train": 8, "test": 8}, log=("taken as the split",)
)


def pairs(*parts: str) -> tuple[str, ...]:
    return tuple(f"{part}/{name}" for part in parts for name in ("cat", "dog"))


tree("train_and_test", SPLIT, of=pairs("train", "test"))
tree("train_and_val", SPLIT, of=pairs("train", "val"))
tree("training_and_validation", SPLIT, of=pairs("training", "validation"))
tree("capital_train_and_test", SPLIT, of=pairs("Train", "TEST"))
tree(
    "three_parts",
    Right((24, 12, 12), split={"train": 16, "test": 8}),
    of=pairs("train", "valid", "test"),
)
tree("train_alone", Right((8, 12, 12), FOUR, log=("all rows are train",)), of=pairs("train"))
tree("split_below_the_classes", SPLIT, of=("cat/train", "cat/test", "dog/train", "dog/test"))
tree(
    "unlabelled_beside_the_split",
    refused("data", "'unlabeled/'", "test/, train/"),
    of=(*pairs("train", "test"), "unlabeled/x"),
)
tree(
    "images_beside_the_split",
    refused("data", "'0.png'", "test/, train/"),
    of=(*pairs("train", "test"), ""),
)
tree("loose_test_images", refused("data", "label", "'test/0.png'"), of=(*pairs("train"), "test"))
tree(
    "class_in_test_only",
    refused("data", "'label'", "'fox'", "test"),
    of=(*pairs("train", "test"), "test/fox"),
)
tree(
    "classes_called_train_and_bus", Right((8, 12, 12), {"bus": 4, "train": 4}), of=("bus", "train")
)
tree("yolo", refused("data", "one folder", "data/images"), of=("images/train", "images/val"))

# --------------------------------------------------------------------------------------- levels
tree(
    "archive_in_an_archive",
    refused("data", "one folder", "data/animals"),
    of=("animals/cat", "animals/dog"),
)
tree(
    "archive_with_a_level",
    Right((8, 12, 12), FOUR),
    "--label-from-folder",
    "2",
    of=("animals/cat", "animals/dog"),
)
tree(
    "alphabets",
    refused("data", "which level", "'greek', 'latin'", "'a', 'b'"),
    of=("greek/a", "greek/b", "latin/a", "latin/b"),
)
tree(
    "some_deeper",
    Right((12, 12, 12), {"cat": 8, "dog": 4}, log=("black",)),
    of=("cat", "cat/black", "dog"),
)
tree(
    "factor_by_level",
    Right((16, 12, 12), {"cat": 8, "dog": 8}, factors={"room": None}),
    "--factor",
    "room",
    of=("cat/a", "cat/b", "dog/a", "dog/b"),
)
tree(
    "factor_at_one_level_only",
    refused("data", "4 of 8 files", "room"),
    "--factor",
    "room",
    of=("cat/a", "dog"),
)


@ENTRIES(Right((8, 12, 12), FOUR, log=("without images", "'fish'")))
def empty_class(root: Path) -> Path:
    (classes(root / "data") / "fish").mkdir()
    return root / "data"


@ENTRIES(refused("data", "no images"))
def empty_folder(root: Path) -> Path:
    (root / "data").mkdir()
    return root / "data"


@ENTRIES(refused("data", "no images"))
def only_texts(root: Path) -> Path:
    return put(root / "data" / "cat" / "1.txt", "x").parent.parent


@ENTRIES(refused("data", "no images"))
def only_system_files(root: Path) -> Path:
    return put(root / "data" / ".DS_Store", "x").parent


@ENTRIES(refused("data", "8 of 8 files", "backslashes"))
def backslashes_of_a_windows_zip(root: Path) -> Path:
    for i in range(8):
        grey(root / "data" / f"{'cat' if i < 4 else 'dog'}\\{i}.png", i)
    return root / "data"


@ENTRIES(Right((10, 12, 12), {"cat": 6, "dog": 4}))
def copies_of_explorer(root: Path) -> Path:
    classes(root / "data")
    grey(root / "data" / "cat" / "0 - Copy.png", 50)
    grey(root / "data" / "cat" / "0 (1).png", 51)
    return root / "data"


@ENTRIES(refused("data", "1 of 9 files", "empty"))
def cloud_file_that_is_not_here(root: Path) -> Path:
    put(classes(root / "data") / "cat" / "9.png", b"")
    return root / "data"


# ---------------------------------------------------------------------------- links and names
@ENTRIES(READ)
def link_to_the_folder(root: Path) -> Path:
    classes(root / "real")
    (root / "data").symlink_to("real")
    return root / "data"


@ENTRIES(READ)
def links_to_the_files(root: Path) -> Path:
    classes(root / "real")
    for path in sorted((root / "real").rglob("*.png")):
        link = root / "data" / path.relative_to(root / "real")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
    return root / "data"


@ENTRIES(Right((8, 12, 12), FOUR, log=("links",)))
def link_to_itself(root: Path) -> Path:
    (classes(root / "data") / "cat" / "up").symlink_to("..")
    return root / "data"


@ENTRIES(refused("one folder", "twice"))
def class_reached_twice(root: Path) -> Path:
    (classes(root / "data") / "kitten").symlink_to("cat")
    return root / "data"


@ENTRIES(refused("data/cat/9.png", "broken link"))
def link_to_nothing(root: Path) -> Path:
    (classes(root / "data") / "cat" / "9.png").symlink_to("gone.png")
    return root / "data"


@ENTRIES(refused("data/cat/9.png", "no regular file"))
def pipe(root: Path) -> Path:
    os.mkfifo(classes(root / "data") / "cat" / "9.png")
    return root / "data"


@ENTRIES(refused("data", "UTF-8", "rename"))
def class_name_in_latin_1(root: Path) -> Path:
    (classes(root / "data") / "cat").rename(os.fsdecode(os.fsencode(root / "data") + b"/K\xfche"))
    return root / "data"


@ENTRIES(refused("data", "UTF-8", "rename"))
def file_name_in_shift_jis(root: Path) -> Path:
    path = classes(root / "data") / "cat"
    (path / "0.png").rename(os.fsdecode(os.fsencode(path) + b"/\x94L.png"))
    return root / "data"


@ENTRIES(READ)
def long_names(root: Path) -> Path:
    path = classes(root / "data") / "cat"
    (path / "0.png").rename(path / f"{'x' * 240}.png")
    return root / "data"


@ENTRIES(refused("data", "1 of 9 files"))
def name_with_a_line_break(root: Path) -> Path:
    put(classes(root / "data") / "cat" / "two\nlines.png", "no image")
    return root / "data"


@ENTRIES(refused("data", "one class"))
def class_with_a_line_break(root: Path) -> Path:
    return classes(root / "data", "two\nlines")


@ENTRIES(refused("data", "one class", "'dog'"))
def folder_called_png(root: Path) -> Path:
    (classes(root / "data", "dog") / "cat.png").mkdir()
    return root / "data"
