"""Folders that the package `datasets` writes with save_to_disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from .entries import Entries, Right, put, refused
from .media import encoded, pixels

ENTRIES = Entries()
Y = ["cat", "dog"] * 4
A = [i * i + 0.5 for i in range(8)]
GOOD = {"a": A, "b": A[::-1], "label": Y}


def part(folder: Path, columns: dict[str, Any], features: dict[str, Any] | None = None) -> Path:
    """Write one saved dataset, as the package does without its description."""
    folder.mkdir(parents=True)
    table = pa.table(columns)
    if features:
        about = {"huggingface": json.dumps({"info": {"features": features}})}
        table = table.replace_schema_metadata(about)
    with (
        pa.OSFile(str(folder / "data.arrow"), "wb") as file,
        pa.ipc.new_stream(file, table.schema) as stream,
    ):
        stream.write_table(table)
    put(folder / "state.json", json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    return folder


def parts(root: Path, features: dict[str, Any] | None = None, **splits: dict[str, Any]) -> Path:
    """Write a saved dataset of several splits."""
    for split, columns in splits.items():
        part(root / "data" / split, columns, (features or {}).get(split))
    put(root / "data" / "dataset_dict.json", json.dumps({"splits": [*splits]}))
    return root / "data"


READ = Right((8, 2), {"cat": 4, "dog": 4}, columns=("a", "b"), kind="table")
BOTH = Right((16, 2), {"cat": 8, "dog": 8}, split={"train": 8, "test": 8})
ENTRIES.add("one_part", lambda root: part(root / "data", GOOD), READ)
ENTRIES.add("two_splits", lambda root: parts(root, train=GOOD, test=GOOD), BOTH)
ENTRIES.add(
    "three_splits",
    lambda root: parts(root, train=GOOD, validation=GOOD, test=GOOD),
    Right((24, 2), split={"train": 16, "test": 8}),
)
ENTRIES.add(
    "other_columns",
    lambda root: parts(root, train=GOOD, test={"a": A, "label": Y}),
    refused("data/test", "'b'"),
)
ENTRIES.add(
    "other_types",
    lambda root: parts(root, train=GOOD, test=GOOD | {"b": ["x"] * 8}),
    refused("data/test", "'b'"),
)
ENTRIES.add(
    "column_called_split",
    lambda root: parts(root, train=GOOD | {"split": Y}, test=GOOD | {"split": Y}),
    refused("data", "'split'", "train"),
)
ENTRIES.add(
    "unusual_splits",
    lambda root: parts(root, small=GOOD, large=GOOD),
    refused("data", "'large', 'small'"),
)
ENTRIES.add(
    "no_label",
    lambda root: part(root / "data", {"a": A, "animal": Y}),
    refused("data", "--label", "'animal'"),
)


def _numbered(names: list[str]) -> dict[str, Any]:
    return {"label": {"_type": "ClassLabel", "names": names}}


@ENTRIES(Right((16, 2), {"cat": 8, "dog": 8}))
def classes_numbered_otherwise(root: Path) -> Path:
    features = {"train": _numbered(["cat", "dog"]), "test": _numbered(["dog", "cat"])}
    numbers = GOOD | {"label": [0, 1] * 4}
    return parts(root, features, train=numbers, test=numbers)


@ENTRIES(refused("data/test", "row 8", "'label'"))
def class_out_of_range(root: Path) -> Path:
    features = {"train": _numbered(["cat", "dog"]), "test": _numbered(["cat", "dog"])}
    return parts(
        root,
        features,
        train=GOOD | {"label": [0, 1] * 4},
        test=GOOD | {"label": [0, 1, 0, 1, 0, 1, 0, 9]},
    )


@ENTRIES(refused("data"))
def arrow_file_missing(root: Path) -> Path:
    (part(root / "data", GOOD) / "data.arrow").unlink()
    return root / "data"


@ENTRIES(refused("data"))
def arrow_file_cut_off(root: Path) -> Path:
    path = part(root / "data", GOOD) / "data.arrow"
    put(path, path.read_bytes()[:300])
    return root / "data"


@ENTRIES(refused("data"))
def state_damaged(root: Path) -> Path:
    put(part(root / "data", GOOD) / "state.json", '{"_data_files": [')
    return root / "data"


@ENTRIES(refused("data"))
def split_missing(root: Path) -> Path:
    parts(root, train=GOOD)
    put(root / "data" / "dataset_dict.json", json.dumps({"splits": ["train", "test"]}))
    return root / "data"


@ENTRIES(refused("data"))
def splits_in_a_table(root: Path) -> Path:
    parts(root, train=GOOD)
    put(root / "data" / "dataset_dict.json", "[]")
    return root / "data"


@ENTRIES(Right((8, 12, 12), {"cat": 4, "dog": 4}, kind="image"))
def images(root: Path) -> Path:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    files = [{"bytes": encoded(pixels(i)), "path": None} for i in range(8)]
    return part(
        root / "data", {"image": pa.array(files, kind), "label": Y}, {"image": {"_type": "Image"}}
    )


@ENTRIES(Right((8, 2), {"cat": 4, "dog": 4}))
def written_by_the_package(root: Path) -> Path:
    import datasets

    datasets.utils.disable_progress_bars()
    datasets.Dataset.from_dict(GOOD).save_to_disk(str(root / "data"))
    return root / "data"


@ENTRIES(Right((8, 2), {"cat": 4, "dog": 4}, log=("no rows",)))
def split_without_rows(root: Path) -> Path:
    none = {
        "a": pa.array([], pa.float64()),
        "b": pa.array([], pa.float64()),
        "label": pa.array([], pa.string()),
    }
    return parts(root, train=GOOD, test=none)


@ENTRIES(refused("data", "no rows"))
def no_rows_at_all(root: Path) -> Path:
    none = {"a": pa.array([], pa.float64()), "label": pa.array([], pa.string())}
    return part(root / "data", none)


@ENTRIES(refused("data"))
def offsets_damaged(root: Path) -> Path:
    path = part(root / "data", GOOD) / "data.arrow"
    content = path.read_bytes()
    offsets = b"".join((3 * i).to_bytes(4, "little") for i in range(9))
    return put(path, content.replace(offsets, b"\xff" * len(offsets))).parent
