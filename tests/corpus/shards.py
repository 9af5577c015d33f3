"""Folders of .npy or of Parquet: shards, splits in names, what differs between files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
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


def parquet(name: str, expect: Any, *flags: str, fit: bool = False, **files: Any) -> None:
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
    parquet(name, expect, *flags, **{"0.parquet": GOOD, "1.parquet": second})


parquet("two_files", READ, **{"0.parquet": GOOD, "1.parquet": GOOD}, fit=True)
parquet("one_file", Right((8, 3), {"cat": 4, "dog": 4}), **{"only.parquet": GOOD})
parquet("sub_folders", READ, **{"a/0.parquet": GOOD, "b/1.parquet": GOOD})
parquet(
    "marks_of_spark",
    READ,
    **{
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
    **{
        "README.md": "# data",
        ".gitattributes": "x",
        "data/train-00000-of-00001.parquet": GOOD,
        "data/test-00000-of-00001.parquet": GOOD,
    },
)
parquet(
    "hub_layout_with_validation",
    Right((24, 3), split={"train": 16, "test": 8}),
    **{f"data/{part}-00000-of-00001.parquet": GOOD for part in ("train", "validation", "test")},
)
parquet(
    "folders_of_the_split",
    Right((16, 3), EIGHT, split={"train": 8, "test": 8}),
    **{"train/0.parquet": GOOD, "test/0.parquet": GOOD},
)
parquet(
    "one_file_without_a_split",
    refused("data", "'extra.parquet'", "train"),
    **{"train.parquet": GOOD, "test.parquet": GOOD, "extra.parquet": GOOD},
)
parquet(
    "two_configurations",
    refused("data", "'de', 'en'"),
    **{
        f"{language}/{part}.parquet": GOOD
        for language in ("de", "en")
        for part in ("train", "test")
    },
)
parquet(
    "hive_partitions",
    Right((16, 3), EIGHT, factors={"plate": [1] * 8 + [2] * 8}, log=("plate",)),
    **{"plate=1/0.parquet": GOOD, "plate=2/0.parquet": GOOD},
)
parquet(
    "hive_partitions_for_some",
    refused("data", "'plate'"),
    **{"plate=1/0.parquet": GOOD, "1.parquet": GOOD},
)
parquet(
    "hive_partition_and_column",
    refused("data", "'label'"),
    **{"label=cat/0.parquet": GOOD, "label=dog/0.parquet": GOOD},
)
parquet(
    "hive_partition_is_the_label",
    Right((16, 3), EIGHT),
    **{"label=cat/0.parquet": {"x": LISTS}, "label=dog/0.parquet": {"x": LISTS}},
)
parquet(
    "delta_lake", refused("data", "Delta Lake"), **{"0.parquet": GOOD, "_delta_log/0.json": "{}"}
)
parquet(
    "csv_beside_them",
    refused("data", "'0.parquet'", "'extra.csv'"),
    **{"0.parquet": GOOD, "extra.csv": "a,label\n1,x\n"},
)
two(
    "empty_file",
    READ.__class__((8, 3), {"cat": 4, "dog": 4}, log=("no rows",)),
    {"x": pa.array([], pa.list_(pa.float64())), "label": pa.array([], pa.string())},
)
parquet(
    "only_empty_files",
    refused("data", "no file has rows", "'0.parquet'"),
    **{"0.parquet": pa.table(GOOD).slice(0, 0)},
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
    **{"0.parquet": NUMBERS, "1.parquet": NUMBERS},
)
parquet(
    "scalars_of_two_types",
    Right((16, 2), EIGHT, columns=("a", "b")),
    **{"0.parquet": NUMBERS, "1.parquet": {**NUMBERS, "b": [1, 2, 3, 4, 5, 6, 7, 9]}},
)
parquet(
    "numbers_and_words",
    refused("1.parquet", "'b'"),
    **{"0.parquet": NUMBERS, "1.parquet": {**NUMBERS, "b": ["x"] * 8}},
)
PICTURES = {"image": [encoded(pixels(i)) for i in range(8)], "label": Y}
parquet(
    "images",
    Right((16, 12, 12), EIGHT, kind="image"),
    **{"0.parquet": PICTURES, "1.parquet": PICTURES},
)
parquet(
    "image_broken",
    refused("1.parquet", "row 8"),
    **{
        "0.parquet": PICTURES,
        "1.parquet": {"image": [*PICTURES["image"][:7], b"no image"], "label": Y},
    },
)


# ---------------------------------------------------------------------------------------- .npy
def npy(name: str, expect: Any, *flags: str, **arrays: Any) -> None:
    """Add a folder of .npy files; __ stands for a folder, _ for a hyphen."""

    def write(root: Path) -> Path:
        for file, array in arrays.items():
            path = root / "data" / f"{file.replace('__', '/').replace('_', '-')}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, array)
        return root / "data"

    ENTRIES.add(name, write, expect, *flags)


X, K = pixels(0, (8, 5, 4)), np.arange(8) % 2
NPY = Right((16, 5, 4), {0: 8, 1: 8}, first=X, kind="image")
npy("npy", NPY, part_0=X, part_0_labels=K, part_1=X, part_1_labels=K)
npy(
    "npy_of_words",
    Right((16, 5, 4), EIGHT),
    part_0=X,
    part_0_labels=np.array(Y),
    part_1=X,
    part_1_labels=np.array(Y),
)
npy(
    "npy_split_folders",
    Right((16, 5, 4), split={"train": 8, "test": 8}),
    train__a=X,
    train__a_labels=K,
    test__a=X,
    test__a_labels=K,
)
npy(
    "npy_big_endian",
    NPY,
    part_0=X.astype(">i4"),
    part_0_labels=K,
    part_1=X,
    part_1_labels=K.astype(">i8"),
)
npy("npy_channels_last", Right((8, 3, 5, 4)), part_0=pixels(1, (8, 5, 4, 3)), part_0_labels=K)
npy("npy_labels_missing", refused("part-1"), part_0=X, part_0_labels=K, part_1=X)
npy("npy_no_labels", refused("data", "label"), part_0=X, part_1=X)
npy(
    "npy_labels_too_few",
    refused("part-1-labels.npy", "7", "8"),
    part_0=X,
    part_0_labels=K,
    part_1=X,
    part_1_labels=K[:7],
)
npy(
    "npy_other_shape",
    refused("part-1.npy", "(4, 5)", "(5, 4)"),
    part_0=X,
    part_0_labels=K,
    part_1=X.reshape(8, 4, 5),
    part_1_labels=K,
)
npy(
    "npy_labels_of_two_types",
    refused("part-1-labels.npy"),
    part_0=X,
    part_0_labels=K,
    part_1=X,
    part_1_labels=np.array(Y),
)
npy(
    "npy_nan",
    refused("part-1.npy", "row 1"),
    part_0=X / 255,
    part_0_labels=K,
    part_1=X * np.nan,
    part_1_labels=K,
)
npy("npy_complex", refused("part-0.npy", "complex"), part_0=X + 1j, part_0_labels=K)
npy(
    "npy_objects",
    refused("part-1.npy", "Python objects"),
    part_0=X,
    part_0_labels=K,
    part_1=np.array([None] * 8),
    part_1_labels=K,
)


def _with_text(name: str, file: str, content: bytes, expect: Any) -> None:
    def write(root: Path) -> Path:
        for part in (0, 1):
            (root / "data").mkdir(exist_ok=True)
            np.save(root / "data" / f"part-{part}.npy", X)
            np.save(root / "data" / f"part-{part}-labels.npy", K)
        put(root / "data" / file, content)
        return root / "data"

    ENTRIES.add(name, write, expect)


_with_text("npy_cut_off", "part-1.npy", b"\x93NUMPY\x01\x00", refused("part-1.npy"))
_with_text("npy_zero_bytes", "part-1.npy", b"", refused("part-1.npy"))
_with_text("npy_lfs_pointer", "part-1.npy", LFS.encode(), refused("part-1.npy", "git lfs"))
_with_text(
    "npy_and_parquet", "more.parquet", b"PAR1", refused("data", "part-0-labels.npy", "more.parquet")
)
_with_text("npy_and_checksums", "SHA256SUMS", b"0  part-0.npy", NPY)
