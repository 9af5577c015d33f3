"""A column of a table that is its split under another name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from reader_cases import Reader, folder_of_classes
from wvae.datasets.schema import Schema

pytest.importorskip("pyarrow")

N = 12
WORDS = ["train"] * 8 + ["test"] * 4


def write(path: Path, **columns: Sequence[object]) -> Path:
    columns = {"a": list(range(5, 5 + N)), "label": ["x", "y"] * (N // 2), **columns}
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "values", "n_test"),
    [
        ("Split", WORDS, 4),
        ("subset", WORDS, 4),
        ("区分", WORDS, 4),
        ("set", ["Training"] * 8 + ["Validation"] * 4, 4),
        ("part", ["train"] * 6 + ["val"] * 2 + ["test"] * 4, 4),
        ("is_train", [1] * 9 + [0] * 3, 3),
        ("isTest", [False] * 9 + [True] * 3, 3),
    ],
)
@pytest.mark.parametrize("factors", [(), ("plate",)])
def test_a_column_of_parts_is_the_split(
    reader: Reader,
    tmp_path: Path,
    name: str,
    values: Sequence[object],
    n_test: int,
    factors: tuple[str, ...],
) -> None:
    path = write(tmp_path / "a.csv", **{name: values, "plate": ["p", "q", "r"] * 4})
    data = reader(path, factors=factors)
    assert data.split is not None
    assert ((data.split == "test").sum(), list(data.factors)) == (n_test, ["plate"])
    assert data.shape == (1,)
    assert repr(name) in reader.line("is the split")


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        ({"part": ["train"] * 8 + ["bus"] * 4}, {}),
        ({"part": ["train"] * 12}, {}),
        ({"part": ["val"] * 8 + ["test"] * 4}, {}),
        ({"part": ["train"] * 8 + [""] * 4}, {}),
        ({"part": WORDS}, {"factors": ["part"]}),
        ({"part": WORDS}, {"label": "part"}),
        ({"test": [0, 1] * 6}, {}),
        ({"is_train": [0, 1, 2] * 4}, {}),
    ],
)
def test_other_columns_are_no_split(
    reader: Reader, tmp_path: Path, columns: dict[str, Sequence[object]], options: dict[str, object]
) -> None:
    data = reader(write(tmp_path / "a.csv", **columns), **options)
    assert data.split is None


def test_two_candidates_are_told_of(reader: Reader, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", part=WORDS, fold=WORDS[::-1])
    assert reader(path).split is None
    assert "'part', 'fold'" in reader.line("call one of them split")
    assert reader(write(tmp_path / "b.csv", part=WORDS, split=WORDS[::-1])).split is not None


def test_a_factor_of_the_model_stays_a_factor(reader: Reader, tmp_path: Path) -> None:
    schema = Schema("table", (1,), label="label", factors=("part",), columns=("a",))
    data = reader(write(tmp_path / "a.csv", part=WORDS), like=schema)
    assert (data.split, list(data.factors)) == (None, ["part"])


def test_a_manifest_has_a_split_of_another_name(reader: Reader, tmp_path: Path) -> None:
    folder_of_classes(tmp_path / "pets")
    lines = ["file,animal,subset"]
    for i in range(6):
        animal = ("cat", "dog")[i // 3]
        lines.append(f"{animal}/{i % 3:03d}.png,{animal},{'test' if i % 3 == 2 else 'train'}")
    (tmp_path / "pets" / "labels.csv").write_text("\n".join(lines))
    data = reader(tmp_path / "pets", label="animal")
    np.testing.assert_array_equal(data.split, ["train", "train", "test"] * 2)
