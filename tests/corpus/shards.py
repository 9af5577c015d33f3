"""Folders of .npy or of Parquet: shards, splits in names, what differs between files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .entries import Entries, Right, put, refused
from .media import encoded, pixels

ENTRIES = Entries()
Y = ["cat", "dog"] * 4
EIGHT = {"cat": 8, "dog": 8}
LISTS = [[i + 0.5, i * i + 0.25, 7.0] for i in range(8)]
GOOD = {"x": LISTS, "label": Y}
READ = Right((16, 3), EIGHT, first=LISTS, kind="table")
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def parquet(name: str, expect: Any, *flags: str, files: dict[str, Any], fit: bool = False) -> None:
    """Add a folder of Parquet files: columns, or the content of another file, by name."""

    def write(root: Path) -> Path:
        for file, content in files.items():
            path = root / "data" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str | bytes):
                put(path, content)
            else:
                pq.write_table(
                    content if isinstance(content, pa.Table) else pa.table(content), path
                )
        return root / "data"

    ENTRIES.add(name, write, expect, *flags, fit=fit)


def two(name: str, expect: Any, second: Any, *flags: str) -> None:
    """Add a folder of a good file and another."""
    parquet(name, expect, *flags, files={"0.parquet": GOOD, "1.parquet": second})


parquet("two_files", READ, files={"0.parquet": GOOD, "1.parquet": GOOD}, fit=True)
parquet("one_file", Right((8, 3), {"cat": 4, "dog": 4}), files={"only.parquet": GOOD})
parquet("sub_folders", READ, files={"a/0.parquet": GOOD, "b/1.parquet": GOOD})
parquet(
    "marks_of_spark",
    READ,
    files={
        "0.parquet": GOOD,
        "1.parquet": GOOD,
        "_SUCCESS": "",
        ".0.parquet.crc": "x",
        "README.md": "# data",
    },
)
parquet(
    "hub_layout",
    Right((16, 3), EIGHT, split={"train": 8, "test": 8}),
    files={
        "README.md": "# data",
        ".gitattributes": "x",
        "data/train-00000-of-00001.parquet": GOOD,
        "data/test-00000-of-00001.parquet": GOOD,
    },
)
parquet(
    "hub_layout_with_validation",
    Right((24, 3), split={"train": 16, "test": 8}),
    files={f"data/{part}-00000-of-00001.parquet": GOOD for part in ("train", "validation", "test")},
)
parquet(
    "folders_of_the_split",
    Right((16, 3), EIGHT, split={"train": 8, "test": 8}),
    files={"train/0.parquet": GOOD, "test/0.parquet": GOOD},
)
parquet(
    "one_file_without_a_split",
    refused("data", "'extra.parquet'", "train"),
    files={"train.parquet": GOOD, "test.parquet": GOOD, "extra.parquet": GOOD},
)
parquet(
    "two_configurations",
    refused("data", "'de', 'en'"),
    files={
        f"{language}/{part}.parquet": GOOD
        for language in ("de", "en")
        for part in ("train", "test")
    },
)
parquet(
    "hive_partitions",
    Right((16, 3), EIGHT, factors={"plate": [1] * 8 + [2] * 8}, log=("plate",)),
    files={"plate=1/0.parquet": GOOD, "plate=2/0.parquet": GOOD},
)
parquet(
    "hive_partitions_for_some",
    refused("data", "'plate'"),
    files={"plate=1/0.parquet": GOOD, "1.parquet": GOOD},
)
parquet(
    "hive_partition_and_column",
    refused("data", "'label'"),
    files={"label=cat/0.parquet": GOOD, "label=dog/0.parquet": GOOD},
)
parquet(
    "hive_partition_is_the_label",
    Right((16, 3), EIGHT),
    files={"label=cat/0.parquet": {"x": LISTS}, "label=dog/0.parquet": {"x": LISTS}},
)
parquet(
    "delta_lake",
    refused("data", "Delta Lake"),
    files={"0.parquet": GOOD, "_delta_log/0.json": "{}"},
)
parquet(
    "csv_beside_them",
    refused("data", "'0.parquet'", "'extra.csv'"),
    files={"0.parquet": GOOD, "extra.csv": "a,label\n1,x\n"},
)
two(
    "empty_file",
    READ.__class__((8, 3), {"cat": 4, "dog": 4}, log=("no rows",)),
    {"x": pa.array([], pa.list_(pa.float64())), "label": pa.array([], pa.string())},
)
parquet(
    "only_empty_files",
    refused("data", "no file has rows", "'0.parquet'"),
    files={"0.parquet": pa.table(GOOD).slice(0, 0)},
)
two("columns_in_another_order", READ, {"label": Y, "x": LISTS})
two("column_missing", refused("1.parquet", "'label'"), {"x": LISTS})
two("column_added", refused("1.parquet", "'extra'"), {**GOOD, "extra": [1] * 8})
two("column_renamed", refused("1.parquet", "'label'"), {"x": LISTS, "Label": Y})
two(
    "longer_lists",
    refused("1.parquet", "(4,)", "(3,)"),
    {"x": [[*row, 0.5] for row in LISTS], "label": Y},
)
two(
    "ragged_lists",
    refused("1.parquet", "'x'", "row 4"),
    {"x": [*LISTS[:3], [1.5], *LISTS[4:]], "label": Y},
)
two("numbers_for_lists", refused("1.parquet", "'x'"), {"x": [0.5] * 8, "label": Y})
two("words_for_lists", refused("1.parquet", "'x'"), {"x": ["a"] * 8, "label": Y})
two("nan", refused("1.parquet", "row 8"), {"x": [*LISTS[:7], [float("nan")] * 3], "label": Y})
two(
    "nan_dropped",
    Right((15, 3), {"cat": 8, "dog": 7}, log=("1 of 16 rows",)),
    {"x": [*LISTS[:7], [float("nan")] * 3], "label": Y},
    "--drop-missing",
)
two("list_missing", refused("1.parquet", "'x'", "row 8"), {"x": [*LISTS[:7], None], "label": Y})
two(
    "labels_of_another_type",
    refused("1.parquet", "'label'", "int64"),
    {"x": LISTS, "label": [0, 1] * 4},
)
two("labels_as_categories", READ, {"x": LISTS, "label": pa.array(Y).dictionary_encode()})
two("float32_and_float64", READ, {"x": pa.array(LISTS, pa.list_(pa.float32())), "label": Y})
two(
    "label_missing_in_some_rows",
    Right((16, 3), {"cat": 8, "dog": 7, None: 1}),
    {"x": LISTS, "label": [*Y[:7], None]},
)
two("cut_off", refused("1.parquet", "cut off"), b"PAR1" + bytes(90))
two("lfs_pointer", refused("1.parquet", "git lfs pull"), LFS)
two("zero_bytes", refused("1.parquet", "empty"), b"")
two("web_page", refused("1.parquet", "no Parquet"), "<html></html>")
two("encrypted", refused("1.parquet", "encrypted"), b"PARE" + bytes(90) + b"PARE")
two("label_misspelt", refused("data", "'lable'", "'label'"), GOOD, "--label", "lable")
two("size_for_lists", refused("data", "size"), GOOD, "--size", "8")
NUMBERS = {"a": [row[0] for row in LISTS], "b": [row[1] for row in LISTS], "label": Y}
parquet(
    "scalars",
    Right((16, 2), EIGHT, columns=("a", "b")),
    files={"0.parquet": NUMBERS, "1.parquet": NUMBERS},
)
parquet(
    "scalars_of_two_types",
    Right((16, 2), EIGHT, columns=("a", "b")),
    files={"0.parquet": NUMBERS, "1.parquet": {**NUMBERS, "b": [1, 2, 3, 4, 5, 6, 7, 9]}},
)
parquet(
    "numbers_and_words",
    refused("1.parquet", "'b'"),
    files={"0.parquet": NUMBERS, "1.parquet": {**NUMBERS, "b": ["x"] * 8}},
)
PICTURES = {"image": [encoded(pixels(i)) for i in range(8)], "label": Y}
parquet(
    "images",
    Right((16, 12, 12), EIGHT, kind="image"),
    files={"0.parquet": PICTURES, "1.parquet": PICTURES},
)
parquet(
    "image_broken",
    refused("1.parquet", "row 8"),
    files={
        "0.parquet": PICTURES,
        "1.parquet": {"image": [*PICTURES["image"][:7], b"no image"], "label": Y},
    },
)
NAN = [float("nan")] * 3
parquet(
    "nan_in_all_rows",
    refused("data", "8 rows", "NaN"),
    "--drop-missing",
    files={"0.parquet": {"x": [NAN] * 8, "label": Y}},
)


@ENTRIES(Right((16, 3), EIGHT, log=("passed over", "up/")))
def link_to_a_folder_above(root: Path) -> Path:
    """The folder above holds other shards."""
    for name in ("data/0", "data/1", "another"):
        path = root / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table(GOOD), path)
    (root / "data" / "up").symlink_to("..")
    return root / "data"
