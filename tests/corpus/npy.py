"""Arrays in .npy files, with labels and factors in other .npy files beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .arrays import FOUR, IMAGES, READ, WORDS, Y
from .entries import Entries, Right, put, refused

ENTRIES = Entries()


def npy(name: str, expect: Any, x: Any, *flags: str, **others: Any) -> None:
    """Add an array, with others beside it."""

    def write(root: Path) -> Path:
        for other, array in others.items():
            np.save(root / f"{other.replace('_', '-')}.npy", array)
        np.save(root / "data.npy", x)
        return root / "data.npy"

    ENTRIES.add(name, write, expect, *flags)


@ENTRIES(refused("data.npy", "complete"))
def npy_cut_off(root: Path) -> Path:
    np.save(root / "data.npy", IMAGES)
    np.save(root / "labels.npy", Y)
    return put(root / "data.npy", (root / "data.npy").read_bytes()[:-50])


@ENTRIES(refused("data.npy"))
def npy_header_that_promises_too_much(root: Path) -> Path:
    np.save(root / "labels.npy", Y)
    np.save(root / "data.npy", IMAGES)
    content = (root / "data.npy").read_bytes()
    return put(root / "data.npy", content.replace(b"(8, 6, 5)", b"(8000000000000, 6, 5)"))


# -------------------------------------------------------------------- .npy with labels beside it
npy("npy_and_labels", READ, IMAGES, labels=Y)
npy("npy_and_label", READ, IMAGES, label=Y)
npy("npy_and_y", READ, IMAGES, y=Y)
npy("npy_and_its_labels", READ, IMAGES, data_labels=Y, labels=Y[:3])
npy("npy_without_labels", refused("data.npy", "labels.npy", "y.npy"), IMAGES)
npy("npy_with_other_arrays", refused("data.npy", "targets.npy"), IMAGES, targets=Y)
npy("npy_label_named", READ, IMAGES, "--label", "targets", targets=Y)
npy(
    "npy_label_misspelt",
    refused("data.npy", "'target'", "targets.npy"),
    IMAGES,
    "--label",
    "target",
    targets=Y,
)
npy("npy_labels_too_few", refused("data.npy", "'label'", "(7,)", "(8,)"), IMAGES, labels=Y[:7])
npy(
    "npy_labels_pickled",
    refused("labels.npy", "Python objects"),
    IMAGES,
    labels=WORDS.astype(object),
)
npy(
    "npy_factor",
    Right((8, 6, 5), FOUR, factors={"plate": WORDS.tolist()}),
    IMAGES,
    "--factor",
    "plate",
    labels=Y,
    data_plate=WORDS,
)
npy("npy_factor_missing", refused("data.npy", "'plate'"), IMAGES, "--factor", "plate", labels=Y)
npy("npy_objects", refused("data.npy", "Python objects"), np.array([None] * 8), labels=Y)
npy("npy_with_nan", refused("data.npy", "row 1"), np.full((8, 2), np.nan), labels=Y)
npy("npy_without_rows", refused("data.npy", "(0, 6, 5)"), IMAGES[:0], labels=Y[:0])
