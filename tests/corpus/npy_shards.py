"""Folders of .npy files, each with its labels beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .entries import Entries, Right, put, refused
from .media import pixels
from .shards import EIGHT, LFS, Y

ENTRIES = Entries()


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
npy("npy_of_labels_alone", refused("data", "labels.npy"), labels=K, more=K)
npy(
    "npy_split_in_a_column_and_in_names",
    Right((16, 5, 4), split={"train": 12, "test": 4}, log=("not the names",)),
    train=X,
    train_labels=K,
    train_split=np.repeat(["train", "test"], [6, 2]),
    test=X,
    test_labels=K,
    test_split=np.repeat(["train", "test"], [6, 2]),
)
