"""Tables that name files: Kaggle's, the Hub's and home-made ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .entries import Entries, Right, put, refused
from .media import grey, sound, wave

ENTRIES = Entries()
Y = ["cat", "dog"] * 4
FOUR = {"cat": 4, "dog": 4}
READ = Right((8, 12, 12), FOUR, kind="image")
NAMES = [f"{i}.png" for i in range(8)]


def pictures(folder: Path, names: list[str] = NAMES) -> Path:
    for i, name in enumerate(names):
        grey(folder / name, i)
    return folder


def rows(header: str, *columns: list[str]) -> str:
    return "\n".join([header, *(",".join(row) for row in zip(*columns, strict=True))]) + "\n"


def listed(
    name: str,
    expect: Any,
    header: str,
    named: list[str],
    *flags: str,
    files: list[str] = NAMES,
    table: str = "metadata.csv",
    labels: list[str] = Y,
    open_table: bool = False,
) -> None:
    """Add files in a folder, and a table in it with a name and a label in each row."""

    def write(root: Path) -> Path:
        pictures(root / "data", files)
        path = put(root / "data" / table, rows(header, named, labels))
        return path if open_table else root / "data"

    ENTRIES.add(name, write, expect, *flags)


for _column in ("file_name", "path", "filename", "image", "Image Path", "img", "photo", "file"):
    listed(f"column_{_column.replace(' ', '_')}", READ, f"{_column},label", NAMES)
for _table in ("metadata.csv", "labels.csv", "manifest.csv", "index.csv", "anything.csv"):
    listed(f"called_{_table[:-4]}", READ, "file_name,label", NAMES, table=_table)
listed("table_opened_itself", READ, "file_name,label", NAMES, open_table=True)
listed("any_name_of_the_column", READ, "which,label", NAMES)
listed("without_suffixes", READ, "id,label", [str(i) for i in range(8)])
listed(
    "numbers_filled_with_zeros",
    READ,
    "id,label",
    [str(i) for i in range(8)],
    files=[f"{i:05d}.png" for i in range(8)],
)
listed(
    "in_a_folder_of_images",
    READ,
    "file_name,label",
    NAMES,
    files=[f"images/{i}.png" for i in range(8)],
)
listed(
    "absolute_names_of_another_machine",
    READ,
    "path,label",
    [f"/home/kim/data/{i}.png" for i in range(8)],
)
listed(
    "backslashes",
    READ,
    "path,label",
    [f"images\\{i}.png" for i in range(8)],
    files=[f"images/{i}.png" for i in range(8)],
)
listed("windows_drive", READ, "path,label", [f"C:\\Users\\kim\\{i}.png" for i in range(8)])
listed("other_case", READ, "path,label", [f"{i}.PNG" for i in range(8)])
listed("dot_in_front", READ, "path,label", [f"./{i}.png" for i in range(8)])
listed("spaces_around", READ, "path,label", [f" {i}.png " for i in range(8)])
listed(
    "decomposed_names",
    READ,
    "path,label",
    [f"e\u0301{i}.png" for i in range(8)],
    files=[f"é{i}.png" for i in range(8)],
)
listed(
    "files_that_are_not_named",
    Right((8, 12, 12), FOUR, log=("left out: 2 files",)),
    "path,label",
    NAMES,
    files=[*NAMES, "8.png", "9.png"],
)
listed(
    "classes_in_names_too",
    READ,
    "path,label",
    [f"x/{i}.png" for i in range(8)],
    files=[f"x/{i}.png" for i in range(8)],
)
listed(
    "split_in_names",
    Right((8, 12, 12), split={"train": 4, "test": 4}),
    "path,label",
    [f"{part}/{i}.png" for part in ("train", "test") for i in range(4)],
    files=[f"{part}/{i}.png" for part in ("train", "test") for i in range(4)],
)
listed("label_named", READ, "path,animal", NAMES, "--label", "animal")
listed("label_missing", refused("metadata.csv", "--label", "'animal'"), "path,animal", NAMES)
listed(
    "label_misspelt",
    refused("metadata.csv", "'animl'", "'animal'"),
    "path,animal",
    NAMES,
    "--label",
    "animl",
)
listed(
    "label_is_the_file",
    refused("metadata.csv", "'path'", "names files"),
    "path,animal",
    NAMES,
    "--label",
    "path",
)
listed(
    "factor_misspelt", refused("metadata.csv", "'room'"), "path,label", NAMES, "--factor", "room"
)
listed(
    "label_missing_in_a_row",
    Right((8, 12, 12), {"cat": 3, "dog": 4, None: 1}),
    "path,label",
    NAMES,
    labels=["", *Y[1:]],
)
listed(
    "file_missing",
    refused("metadata.csv", "1 of 8 files", "'path'", "'nine.png'", "row 3"),
    "path,label",
    [*NAMES[:2], "nine.png", *NAMES[3:]],
)
listed(
    "name_missing",
    refused("metadata.csv", "1 of 8 files", "'path'", "row 3"),
    "path,label",
    [*NAMES[:2], "", *NAMES[3:]],
)
listed(
    "file_twice",
    refused("metadata.csv", "'path'", "'0.png'", "rows 1 and 3"),
    "path,label",
    [*NAMES[:2], "0.png", *NAMES[3:]],
)
listed(
    "all_missing",
    refused("metadata.csv"),
    "path,label",
    [f"photo{i}.png" for i in range(8)],
    open_table=True,
)
listed(
    "addresses_of_the_web",
    refused("metadata.csv", "'path'"),
    "path,label",
    [f"https://example.org/{i}.jpg" for i in range(8)],
    open_table=True,
)
listed(
    "two_folders_of_one_name",
    refused("metadata.csv", "'path'", "several files", "a/0.png"),
    "path,label",
    NAMES,
    files=[f"{folder}/{i}.png" for folder in "ab" for i in range(8)],
)
listed(
    "names_beyond_the_folder",
    refused("metadata.csv", "row 1"),
    "path,label",
    [f"../{i}x.png" for i in range(8)],
    open_table=True,
)
listed(
    "one_class",
    refused("metadata.csv", "'label'", "one class"),
    "path,label",
    NAMES,
    labels=["cat"] * 8,
)
listed("size_for_images", Right((8, 8, 8), FOUR), "path,label", NAMES, "--size", "8")


@ENTRIES(READ)
def json_lines(root: Path) -> Path:
    lines = [
        json.dumps({"file_name": name, "label": label})
        for name, label in zip(NAMES, Y, strict=True)
    ]
    put(pictures(root / "data") / "metadata.jsonl", "\n".join(lines))
    return root / "data"


@ENTRIES(refused("metadata.jsonl", "JSON", "row 2"))
def json_lines_damaged(root: Path) -> Path:
    put(
        pictures(root / "data") / "metadata.jsonl",
        '{"file_name": "0.png", "label": "cat"}\n{"file_na',
    )
    return root / "data"


@ENTRIES(Right((8, 12, 12), FOUR, factors={"room": ["a", "b", "b", "a"] * 2}))
def factors(root: Path) -> Path:
    put(
        pictures(root / "data") / "metadata.csv",
        rows("file_name,room,label", NAMES, ["a", "b", "b", "a"] * 2, Y),
    )
    return root / "data"


@ENTRIES(Right((8, 12, 12), FOUR, split={"train": 4, "test": 4}))
def split_column(root: Path) -> Path:
    put(
        pictures(root / "data") / "metadata.csv",
        rows("file_name,split,label", NAMES, ["train"] * 4 + ["test"] * 4, Y),
    )
    return root / "data"


@ENTRIES(Right((16, 12, 12), {"cat": 8, "dog": 8}, split={"train": 8, "test": 8}))
def metadata_in_each_part(root: Path) -> Path:
    for part in ("train", "test"):
        put(pictures(root / "data" / part) / "metadata.csv", rows("file_name,label", NAMES, Y))
    return root / "data"


@ENTRIES(refused("test/metadata.csv", "'label'"))
def metadata_of_other_types(root: Path) -> Path:
    for part, labels in (("train", Y), ("test", list("01" * 4))):
        put(pictures(root / "data" / part) / "metadata.csv", rows("file_name,label", NAMES, labels))
    return root / "data"


@ENTRIES(READ)
def kaggle(root: Path) -> Path:
    """Two tables, of which one has no labels, beside the folders that they list."""
    pictures(root / "data" / "train")
    pictures(root / "data" / "test", [f"{i}.png" for i in range(20, 24)])
    put(root / "data" / "train.csv", rows("id,label", [str(i) for i in range(8)], Y))
    put(root / "data" / "test.csv", rows("id", [str(i) for i in range(20, 24)]))
    put(
        root / "data" / "sample_submission.csv",
        rows("id,label", [str(i) for i in range(20, 24)], ["cat"] * 4),
    )
    return root / "data"


@ENTRIES(READ)
def table_above_the_folder(root: Path) -> Path:
    pictures(root / "train")
    put(root / "train.csv", rows("id,label", [str(i) for i in range(8)], Y))
    return root / "train"


@ENTRIES(refused("data", "'a.csv'", "'b.csv'"))
def two_tables(root: Path) -> Path:
    pictures(root / "data")
    put(root / "data" / "a.csv", rows("file_name,label", NAMES, Y))
    put(root / "data" / "b.csv", rows("file_name,label", NAMES, Y[::-1]))
    return root / "data"


@ENTRIES(refused("metadata.csv"))
def table_damaged(root: Path) -> Path:
    put(pictures(root / "data") / "metadata.csv", "file_name,label\n0.png,cat,9\n")
    return root / "data"


@ENTRIES(refused("metadata.csv", "UTF-8"))
def table_in_shift_jis(root: Path) -> Path:
    put(
        pictures(root / "data") / "metadata.csv",
        rows("file_name,label", NAMES, ["犬", "猫"] * 4).encode("cp932"),
    )
    return root / "data"


@ENTRIES(Right((8, 64, 64), FOUR, kind="audio"))
def sounds(root: Path) -> Path:
    for i in range(8):
        sound(root / "data" / f"{i}.wav", wave(300 + 700 * (i % 2)))
    put(root / "data" / "metadata.csv", rows("file_name,label", [f"{i}.wav" for i in range(8)], Y))
    return root / "data"


@ENTRIES(refused("metadata.csv", "4 images", "4 sounds"))
def images_and_sounds(root: Path) -> Path:
    names = [f"{i}.{'png' if i < 4 else 'wav'}" for i in range(8)]
    pictures(root / "data", names[:4])
    for name in names[4:]:
        sound(root / "data" / name, wave(300))
    put(root / "data" / "metadata.csv", rows("file_name,label", names, Y))
    return root / "data"


@ENTRIES(refused("data", "'test/labels.csv'", "'test/metadata.csv'", "each folder"))
def two_tables_in_a_part(root: Path) -> Path:
    for part in ("train", "test"):
        pictures(root / "data" / part)
        for name in ("metadata", "labels"):
            put(root / "data" / part / f"{name}.csv", rows("file_name,label", NAMES, Y))
    return root / "data"


@ENTRIES(refused("train", "train.csv", "train_labels.csv", "path of one"))
def two_tables_above_the_folder(root: Path) -> Path:
    pictures(root / "train")
    for name in ("train", "train_labels"):
        put(root / f"{name}.csv", rows("file_name,label", NAMES, Y))
    return root / "train"
