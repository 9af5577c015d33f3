"""Label and factors in the names of files and folders."""

from __future__ import annotations

from pathlib import Path

from .entries import Entries, Right, put, refused
from .media import grey

ENTRIES = Entries()
SPEAKERS = [
    f"{word}_s{speaker}_{take}.png"
    for word in ("no", "yes")
    for speaker in (1, 2)
    for take in (0, 1)
]
WORD = r"(?P<word>[a-z]+)_s"
SPEAKER = r"_s(?P<speaker>\d+)"


def files(root: Path, names: list[str]) -> Path:
    for i, name in enumerate(names):
        grey(root / "data" / name, i)
    return root / "data"


def speakers(root: Path) -> Path:
    return files(root, SPEAKERS)


def in_folders(root: Path) -> Path:
    return files(
        root, [f"{word}/s{k}/take{i}.png" for word in ("no", "yes") for k in (1, 2) for i in (0, 1)]
    )


def classes(root: Path) -> Path:
    return files(root, [f"{word}/{i}_d{i % 2}.png" for word in ("no", "yes") for i in range(4)])


add = ENTRIES.add
FOUR = {"no": 4, "yes": 4}
READ = Right((8, 12, 12), FOUR, log=("'word' from names",))
add("label_in_the_name", speakers, READ, "--label-from-name", WORD)
add("label_without_a_name", speakers, Right((8, 12, 12), FOUR), "--label-from-name", "^([a-z]+)_")
add(
    "factor_in_the_name",
    speakers,
    Right((8, 12, 12), FOUR, factors={"speaker": [1, 1, 2, 2] * 2}),
    "--label-from-name",
    WORD,
    "--factor-from-name",
    SPEAKER,
)
add(
    "two_factors_in_one",
    speakers,
    Right((8, 12, 12), factors={"speaker": None, "take": [0, 1] * 4}),
    "--label-from-name",
    WORD,
    "--factor-from-name",
    r"_s(?P<speaker>\d+)_(?P<take>\d)",
)
add(
    "two_factors_in_two",
    speakers,
    Right((8, 12, 12), factors={"speaker": None, "take": [0, 1] * 4}),
    "--label-from-name",
    WORD,
    "--factor-from-name",
    SPEAKER,
    "--factor-from-name",
    r"_(?P<take>\d)\.",
)
add(
    "label_and_factor_in_one",
    speakers,
    Right((8, 12, 12), FOUR, factors={"speaker": [1, 1, 2, 2] * 2}),
    "--label-from-name",
    r"(?P<word>[a-z]+)_s(?P<speaker>\d)",
    "--label",
    "word",
)
add(
    "factor_beside_classes",
    classes,
    Right((8, 12, 12), FOUR, factors={"drawer": [0, 1] * 4}),
    "--factor-from-name",
    r"_d(?P<drawer>\d)\.png$",
)
add("loose_files", speakers, refused("data", "8 of 8 files", "'no_s1_0.png'", "--label-from-name"))
add(
    "second_level",
    in_folders,
    Right((8, 12, 12), {"s1": 4, "s2": 4}, log=("'label' from folders",)),
    "--label-from-folder",
    "2",
)
add(
    "both_levels",
    in_folders,
    Right((8, 12, 12), {f"{w}/s{k}": 2 for w in ("no", "yes") for k in (1, 2)}),
    "--label-from-folder",
    "1,2",
)
add(
    "level_as_factor",
    in_folders,
    Right((8, 12, 12), FOUR, factors={"speaker": ["s1", "s1", "s2", "s2"] * 2}),
    "--factor",
    "speaker",
)
add(
    "level_unclear",
    in_folders,
    refused("data", "which level", "--label-from-folder", "'no', 'yes'", "'s1', 's2'"),
)
add(
    "level_too_deep",
    in_folders,
    refused("data", "8 of 8 files", "folder2", "label"),
    "--label-from-folder",
    "3",
)
add("level_zero", in_folders, refused("--label-from-folder", "0"), "--label-from-folder", "0")
add(
    "level_in_words",
    in_folders,
    refused("--label-from-folder", "first"),
    "--label-from-folder",
    "first",
)
add("level_twice", in_folders, refused("--label-from-folder", "1,1"), "--label-from-folder", "1,1")
add(
    "more_factors_than_levels",
    in_folders,
    refused("data", "speaker", "take"),
    "--factor",
    "speaker",
    "--factor",
    "take",
)
add(
    "expression_is_a_glob",
    speakers,
    refused("'*_s*.png'", "regular expression"),
    "--label-from-name",
    "*_s*.png",
)
add(
    "expression_not_closed",
    speakers,
    refused("'(?P<word>'", "regular expression"),
    "--label-from-name",
    "(?P<word>",
)
add("no_group", speakers, refused("'[a-z]+'", "group"), "--label-from-name", "[a-z]+")
add(
    "factor_without_a_name",
    speakers,
    refused("'_s([0-9])'", "group"),
    "--label-from-name",
    WORD,
    "--factor-from-name",
    "_s([0-9])",
)
add(
    "matches_nothing",
    speakers,
    refused("data", "'word'", "8 of 8", "'no_s1_0.png'"),
    "--label-from-name",
    r"(?P<word>\d+)-",
)
add(
    "matches_some",
    speakers,
    refused("data", "'word'", "4 of 8", "'yes_s1_0.png'"),
    "--label-from-name",
    "(?P<word>no)_",
)
add(
    "group_is_the_label",
    speakers,
    refused("'word'", "rename"),
    "--label-from-name",
    WORD,
    "--factor-from-name",
    "(?P<word>no|yes)",
)
add(
    "group_twice",
    speakers,
    refused("'k'"),
    "--label-from-name",
    WORD,
    "--factor-from-name",
    "_s(?P<k>.)",
    "--factor-from-name",
    r"_(?P<k>.)\.",
)
add("several_unnamed_groups", speakers, refused("3 groups"), "--label-from-name", "(.+)_(.+)_(.+)")
add(
    "one_class_in_names",
    speakers,
    refused("data", "'ending'", "one class"),
    "--label-from-name",
    r"\.(?P<ending>png)$",
)
add(
    "ids_in_names",
    speakers,
    refused("data", "'stem'", "8 values in 8 rows"),
    "--label-from-name",
    "(?P<stem>.+)",
)
add(
    "not_for_a_table",
    lambda root: put(root / "data.csv", "a,label\n1.5,x\n2.5,y\n3,x\n4,y\n"),
    refused("data.csv", "label_from_name"),
    "--label-from-name",
    "(.)",
)


@ENTRIES(Right((8, 12, 12), {"é": 4, "x": 4}), "--label-from-name", "^(?P<letter>é|x)_")
def forms_of_unicode(root: Path) -> Path:
    """One name in two forms, as macOS and Linux write it."""
    return files(root, [f"{letter}_{i}.png" for letter in ("e\u0301", "x") for i in range(4)])


@ENTRIES(Right((8, 12, 12), {1: 4, 10: 4}), "--label-from-name", r"class(\d+)_")
def numbers_in_names(root: Path) -> Path:
    return files(root, [f"class{k}_{i}.png" for k in (1, 10) for i in range(4)])


@ENTRIES(Right((8, 12, 12), {"01": 4, "10": 4}), "--label-from-name", r"class(\d+)_")
def zeros_in_names(root: Path) -> Path:
    return files(root, [f"class{k}_{i}.png" for k in ("01", "10") for i in range(4)])


@ENTRIES(
    Right((8, 12, 12), FOUR, split={"train": 4, "test": 4}, factors={"take": None}),
    "--factor-from-name",
    r"take(?P<take>\d)",
)
def split_and_factor(root: Path) -> Path:
    return files(
        root,
        [
            f"{part}/{word}/take{i}.png"
            for part in ("train", "test")
            for word in ("no", "yes")
            for i in (0, 1)
        ],
    )
