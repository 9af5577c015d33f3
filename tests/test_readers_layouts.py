"""Folders of Parquet as programs and the Hub write them: names, splits, partitions, neighbours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reader_cases import Reader, check_error, encoded, images_table, picture, tone
from wvae.datasets.readers.annotations.labels import ReadOptions
from wvae.datasets.readers.shards.layout import find_shards
from wvae.datasets.readers.shards.shards import read_shards
from wvae.datasets.schema import Schema
from wvae.datasets.shards import on_disk

pa = pytest.importorskip("pyarrow")

LABELS = ["a", "b"] * 4
X = np.arange(16.0).reshape(8, 2)


def write(path: Path, table: Any = None, **columns: Any) -> Path:
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns) if table is None else table
    parquet.write_table(table, path)
    return path


def lists(**columns: Any) -> dict[str, Any]:
    return {"x": X.tolist(), "label": LABELS, **columns}


def features(names: list[str], table: Any) -> Any:
    content = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    return table.replace_schema_metadata({b"huggingface": json.dumps(content).encode()})


NEIGHBOURS = (
    *("README.md", "dataset_infos.json", ".gitattributes", "LICENSE", "_SUCCESS", "_metadata"),
    *(".part-0.parquet.crc", ".cache/huggingface/x.lock"),
)


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_files_beside_shards_are_passed_over(reader: Reader, tmp_path: Path, name: str) -> None:
    write(tmp_path / "part-0.parquet", **lists())
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("text")
    np.testing.assert_array_equal(reader(tmp_path).x[:], X)
    assert name.split("/")[0] in reader.line("passed over")


@pytest.mark.parametrize("name", ["labels.csv", "more.tsv", "x.npz", "x.npy", "sub/labels.csv"])
def test_files_of_several_formats_are_an_error(reader: Reader, tmp_path: Path, name: str) -> None:
    write(tmp_path / "part-0.parquet", **lists())
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("text")
    check_error(reader, tmp_path, "part-0.parquet", name, "one format")


@pytest.mark.parametrize("name", ["_delta_log", ".hoodie"])
def test_versioned_tables_are_an_error(reader: Reader, tmp_path: Path, name: str) -> None:
    write(tmp_path / "part-0.parquet", **lists())
    (tmp_path / name).mkdir()
    check_error(reader, tmp_path, "old versions")


SPLITS: dict[str, tuple[list[str], list[str] | None]] = {
    "hub": (
        ["data/test-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"],
        ["test", "train"],
    ),
    "folders": (["test/0000.parquet", "train/0000.parquet"], ["test", "train"]),
    "config": (["plain/test/0.parquet", "plain/train/0.parquet"], ["test", "train"]),
    "validation": (["train-0.parquet", "validation-0.parquet"], ["train", "test"]),
    "after the name": (["pets-train.parquet", "pets_test_0.parquet"], ["train", "test"]),
    "folders and files": (["test/test-0.parquet", "train/train-0.parquet"], ["test", "train"]),
    "only train": (["train-0.parquet", "train-1.parquet"], None),
    "no split": (["trainer.parquet", "latest.parquet"], None),
    "nested": (["2023/part.parquet", "2024/part.parquet"], None),
    "suffixes": (["a.snappy.parquet", "b.PARQUET"], None),
}


@pytest.mark.parametrize("case", SPLITS)
def test_names_give_the_split(reader: Reader, tmp_path: Path, case: str) -> None:
    names, splits = SPLITS[case]
    for i, name in enumerate(names):
        write(tmp_path / name, x=(X + 100 * i).tolist(), label=LABELS)
    data = reader(tmp_path)
    if splits is None:
        assert data.split is None
    else:
        assert data.split is not None
        assert data.split.tolist() == [splits[0]] * 8 + [splits[1]] * 8
    rows = data.x[:][:, 0].tolist()
    offset = 100 if case == "no split" else 0  # latest comes before trainer
    assert (rows[0], rows[8]) == (offset, 100 - offset)


def test_files_of_no_split_beside_splits_are_an_error(reader: Reader, tmp_path: Path) -> None:
    for name in ("train-0", "test-0", "unsupervised-0"):
        write(tmp_path / f"{name}.parquet", **lists())
    check_error(reader, tmp_path, "'unsupervised-0.parquet'", "test, train")


def test_several_configurations_are_an_error(reader: Reader, tmp_path: Path) -> None:
    for name in ("clean/train", "clean/test", "raw/train", "raw/test"):
        write(tmp_path / name / "0.parquet", **lists())
    check_error(reader, tmp_path, "'clean', 'raw'", "one of them")
    assert len(reader(tmp_path / "raw")) == 16


def test_column_split_counts_more_than_names(reader: Reader, tmp_path: Path) -> None:
    for name in ("train", "test"):
        write(tmp_path / f"{name}.parquet", **lists(split=["train", "train", "test", "test"] * 2))
    data = reader(tmp_path)
    assert data.split is not None
    assert data.split.tolist() == ["train", "train", "test", "test"] * 4
    reader.line("the column 'split' is the split")


@pytest.mark.parametrize(
    ("folders", "label", "labels"),
    [
        (["label=cat", "label=dog"], None, ["cat", "dog"]),
        (["label=3", "label=10"], None, [10, 3]),
        (["label=x%20y", "label=z"], None, ["x y", "z"]),
        (["year=1/label=a", "year=1/label=b"], None, ["a", "b"]),
        (["label=__HIVE_DEFAULT_PARTITION__", "label=b", "label=c"], None, [None, "b", "c"]),
    ],
)
def test_partitions_are_columns(
    reader: Reader, tmp_path: Path, folders: list[str], label: str | None, labels: list[Any]
) -> None:
    for folder in folders:
        write(tmp_path / folder / "part-0.parquet", x=X.tolist())
    data = reader(tmp_path, label=label)
    assert data.y[::8].tolist() == labels
    assert len(data) == 8 * len(folders)


def test_partitions_that_do_not_match_are_an_error(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "label=a" / "0.parquet", x=X.tolist())
    write(tmp_path / "class=b" / "0.parquet", x=X.tolist())
    check_error(reader, tmp_path, "label=a/0.parquet", "'class'")
    write(tmp_path / "two" / "label=a" / "0.parquet", **lists())
    check_error(reader, tmp_path / "two", "label=a/0.parquet", "column 'label'", "folder")


COLUMNS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "other order": ({"label": LABELS, "x": X.tolist()}, LABELS),
    "categories": ({"x": X.tolist(), "label": pa.array(LABELS).dictionary_encode()}, LABELS),
    "long text": ({"x": X.tolist(), "label": pa.array(LABELS, pa.large_string())}, LABELS),
    "view of text": ({"x": X.tolist(), "label": pa.array(LABELS, pa.string_view())}, LABELS),
    "nothing": ({"x": X.tolist(), "label": pa.nulls(8)}, [None] * 8),
    "pandas index": (lists(__index_level_0__=list(range(8))), LABELS),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("case", COLUMNS)
def test_columns_are_matched_by_name(
    reader: Reader, tmp_path: Path, case: str, first: bool
) -> None:
    columns, labels = COLUMNS[case]
    write(tmp_path / "0.parquet", **(columns if first else lists()))
    write(tmp_path / "1.parquet", **(lists() if first else columns))
    data = reader(tmp_path)
    assert data.y.tolist() == (labels + LABELS if first else LABELS + labels)
    np.testing.assert_array_equal(data.x[:], np.concatenate([X, X]))


def test_whole_numbers_and_fractions_are_one_column(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "0.parquet", **lists(speed=[1, 2] * 4))
    write(tmp_path / "1.parquet", **lists(speed=[0.5, 2.0] * 4))
    assert reader(tmp_path).factors["speed"].tolist() == [1, 2] * 4 + [0.5, 2.0] * 4


DIFFERENT: dict[str, tuple[dict[str, Any], list[str]]] = {
    "number for a word": ({"x": X.tolist(), "label": [0, 1] * 4}, ["'label'", "int64", "string"]),
    "missing column": ({"x": X.tolist()}, ["no column 'label'"]),
    "another column": (lists(who=[1] * 8), ["column 'who'"]),
    "another name": ({"z": X.tolist(), "label": LABELS}, ["no column 'x'"]),
    "words for lists": (lists(x=["w"] * 8), ["'x'", "string", "list"]),
    "all lists missing": (lists(x=pa.nulls(8)), ["'x'", "null", "list"]),
    "bool for a word": (lists(label=[True, False] * 4), ["'label'", "bool"]),
    "other length": (lists(x=X.reshape(-1, 4).repeat(2, 0).tolist()), ["(4,)", "(2,)"]),
    "other depth": (lists(x=X.reshape(8, 2, 1).tolist()), ["(2, 1)", "(2,)"]),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_shard_that_differs_is_named(reader: Reader, tmp_path: Path, case: str) -> None:
    columns, texts = DIFFERENT[case]
    write(tmp_path / "0.parquet", **lists())
    write(tmp_path / "1.parquet", **columns)
    check_error(reader, tmp_path, "1.parquet", "0.parquet", *texts)


def test_large_numbers_beside_fractions_are_an_error(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "0.parquet", **lists(who=[2**53 + 1] * 8))
    write(tmp_path / "1.parquet", **lists(who=[0.5] * 8))
    check_error(reader, tmp_path, "0.parquet", "'who'", "without loss")


def test_empty_shards_and_row_groups_are_passed_over(reader: Reader, tmp_path: Path) -> None:
    from pyarrow import parquet

    table = pa.table(lists())
    write(tmp_path / "0.parquet", table.slice(0, 0))
    with parquet.ParquetWriter(tmp_path / "1.parquet", table.schema) as writer:
        for part in (table.slice(0, 0), table.slice(0, 3), table.slice(3, 0), table.slice(3)):
            writer.write_table(part)
    write(tmp_path / "2.parquet", pa.table({"x": pa.nulls(0)}))
    data = reader(tmp_path)
    np.testing.assert_array_equal(data.x[[7, 0, 3]], X[[7, 0, 3]])
    shards: Any = data.x
    assert shards.blocks().tolist() == [0, 3, 8]
    assert "0.parquet, 2.parquet" in reader.line("no rows")
    (tmp_path / "1.parquet").unlink()
    check_error(reader, tmp_path, "no file has rows", "'0.parquet'")


def test_classes_are_matched_by_name(reader: Reader, tmp_path: Path) -> None:
    numbers = pa.table(lists(label=[0, 1, -1, None] * 2))
    write(tmp_path / "0.parquet", features(["cat", "dog"], numbers))
    write(tmp_path / "1.parquet", features(["dog", "cat", "cow"], numbers))
    write(tmp_path / "2.parquet", **lists(label=["cow", "cat"] * 4))
    data = reader(tmp_path)
    assert data.y[:4].tolist() == ["cat", "dog", None, None]
    assert data.y[8:12].tolist() == ["dog", "cat", None, None]
    assert data.y[16:18].tolist() == ["cow", "cat"]


@pytest.mark.parametrize("wrong", [2, 7, -2])
def test_class_without_a_name_is_an_error(reader: Reader, tmp_path: Path, wrong: int) -> None:
    table = pa.table(lists(label=[0, 1] * 3 + [wrong, 1]))
    write(tmp_path / "0.parquet", features(["cat", "dog"], table))
    for path in (tmp_path, tmp_path / "0.parquet"):
        check_error(reader, path, "0.parquet: row 7 ", f"number {wrong},", "'label'", "0 to 1")


def test_numbers_without_names_beside_names_are_an_error(reader: Reader, tmp_path: Path) -> None:
    numbers = pa.table(lists(label=[0, 1] * 4))
    write(tmp_path / "0.parquet", features(["cat", "dog"], numbers))
    write(tmp_path / "1.parquet", numbers)
    check_error(reader, tmp_path, "1.parquet", "'label'", "int64")


@pytest.mark.parametrize("names", [("data/train-0", "data/test-0"), ("train/0", "test/0")])
def test_images_of_the_hub_are_read_from_all_files(
    reader: Reader, tmp_path: Path, names: tuple[str, str]
) -> None:
    table = images_table(8)
    for i, name in enumerate(names):
        write(tmp_path / f"{name}.parquet", table.slice(4 * i, 4))
    (tmp_path / "README.md").write_text("---\n---\n")
    data = reader(tmp_path)
    np.testing.assert_array_equal(data.x, [picture(i) for i in (4, 5, 6, 7, 0, 1, 2, 3)])
    assert data.y.tolist() == ["cat", "dog"] * 4
    assert data.split is not None
    assert data.split.tolist() == ["test"] * 4 + ["train"] * 4
    assert data.name == tmp_path.name


def test_damaged_image_is_named_with_its_file(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", images_table(8))
    values = [{"bytes": encoded(picture(i)), "path": "p.png"} for i in range(8)]
    values[2]["bytes"] = b"no image"
    kind = images_table().schema.field("image").type
    broken = images_table(8).set_column(0, "image", pa.array(values, kind))
    write(tmp_path / "b.parquet", broken)
    check_error(reader, tmp_path, "b.parquet row 3 (p.png)")


def test_images_without_other_columns_are_read(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", images_table(8).select(["image"]))
    write(tmp_path / "b.parquet", images_table(8).select(["image"]))
    assert reader(tmp_path, unlabelled=True).x.shape == (16, 12, 12)


def test_sounds_of_the_hub_are_read(reader: Reader, tmp_path: Path) -> None:
    import io

    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("librosa")
    rows: list[dict[str, Any]] = []
    for i in range(8):
        buffer = io.BytesIO()
        soundfile.write(buffer, tone(300 + 2000 * (i % 2)), 8000, format="WAV")
        rows.append({"bytes": buffer.getvalue(), "path": f"{i}.wav"})
    for name in ("train", "test"):
        write(tmp_path / f"{name}-0.parquet", audio=rows, label=LABELS)
    data = reader(tmp_path)
    assert (data.kind, data.rate, len(data)) == ("audio", 8000, 16)


def test_folder_of_numeric_columns_is_a_table(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", w=[1.5, 2.5] * 4, h=[7, 8] * 4, label=LABELS)
    write(tmp_path / "b.parquet", h=[9, 8] * 4, w=[1, 2] * 4, label=LABELS)
    data = reader(tmp_path)
    assert data.kind == "table"
    assert data.schema is not None
    assert data.schema.columns == ("w", "h")
    np.testing.assert_array_equal(data.x[[0, 8]], [[1.5, 7], [1, 9]])


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
BROKEN: dict[str, tuple[Any, str]] = {
    "zero bytes": (lambda content: b"", "0 bytes"),
    "text": (lambda content: b"x,label\n1,a\n" * 9, "no Parquet file"),
    "pointer": (lambda content: LFS, "Git LFS"),
    "cut off": (lambda content: content[: len(content) // 2], "cut off"),
    "encrypted": (lambda content: b"PARE" + content[4:-4] + b"PARE", "encrypted"),
    "footer": (lambda content: content[:-40] + b"\xff" * 32 + content[-8:], "cannot be read"),
    "length of the footer": (lambda content: content[:-8] + b"\xff" * 4 + b"PAR1", "cannot be"),
    "short": (lambda content: b"PAR1PAR1", "cannot be read"),
    "pages": (lambda content: content[:4] + b"\xff" * 200 + content[204:], "cannot be read"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_damaged_shard_is_named(reader: Reader, tmp_path: Path, case: str) -> None:
    damage, text = BROKEN[case]
    write(tmp_path / "0.parquet", **lists())
    path = write(tmp_path / "1.parquet", **lists())
    path.write_bytes(damage(path.read_bytes()))
    check_error(reader, tmp_path, "1.parquet", text)


def test_columns_of_one_name_are_an_error(reader: Reader, tmp_path: Path) -> None:
    table = pa.table([X[:, 0], LABELS, LABELS], names=["x", "label", "label"])
    write(tmp_path / "0.parquet", table)
    check_error(reader, tmp_path, "0.parquet", "'label'")


def test_unreadable_folder_is_an_error(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    write(tmp_path / "a" / "0.parquet", **lists())
    walk = os.walk

    def refuse(folder: Path, onerror: Any, **options: Any) -> Any:
        yield from walk(folder, **options)
        onerror(PermissionError(13, "Permission denied", str(folder / "b")))

    monkeypatch.setattr("wvae.datasets.readers.shards.layout.os.walk", refuse)
    check_error(reader, tmp_path, "b cannot be read: Permission denied")


@pytest.mark.parametrize("columns", [None, ("w", "h")])
def test_model_decides_the_shape(tmp_path: Path, columns: tuple[str, str] | None) -> None:
    write(tmp_path / "0.parquet", **lists())
    layout = find_shards(tmp_path)
    assert layout is not None
    lines: list[str] = []

    def options(shape: tuple[int, ...]) -> ReadOptions:
        schema = Schema("table", shape, "label", ("a", "b"), columns=columns)
        return ReadOptions(None, (), None, None, lines.append, False, schema=schema)

    data = read_shards(layout, options((2,)))
    assert on_disk(data.x)
    assert any("'w', 'h'" in line for line in lines) == (columns is not None)
    with pytest.raises(ValueError, match=r"shape \(2,\).* \(3,\)"):
        read_shards(layout, options((3,)))


def test_bytes_beside_lists_are_left_out_with_a_line(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "0.parquet", **lists(raw=[b"\xff"] * 8))
    np.testing.assert_array_equal(reader(tmp_path).x[:], X)
    reader.line("the bytes in 'raw'")
    boxes = images_table(8).append_column("boxes", pa.array(X.tolist()))
    write(tmp_path / "0.parquet", boxes)
    assert reader(tmp_path).shape == (12, 12)


def test_iceberg_and_names_that_cannot_be_shown_are_errors(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "a" / "data" / "0.parquet", **lists())
    (tmp_path / "a" / "metadata").mkdir()
    (tmp_path / "a" / "metadata" / "v1.metadata.json").write_text("{}")
    check_error(reader, tmp_path / "a", "old versions")
    write(tmp_path / "b" / "0\n1.parquet", **lists())
    check_error(reader, tmp_path / "b", r"'0\n1.parquet'", "rename")


def test_partitions_are_compared_in_one_normal_form(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "train" / "label=caf\u00e9" / "0.parquet", x=X.tolist())
    write(tmp_path / "train" / "label=tea" / "0.parquet", x=X.tolist())
    write(tmp_path / "test" / "label=cafe\u0301" / "0.parquet", x=X.tolist())
    assert reader(tmp_path).classes.tolist() == ["caf\u00e9", "tea"]


@pytest.mark.parametrize("values", [[2, 3], [0.5, 2.0]])
def test_categories_of_numbers_are_factors(
    reader: Reader, tmp_path: Path, values: list[float]
) -> None:
    who = pa.array(values * 4).dictionary_encode()
    for i in range(2):
        write(tmp_path / f"{i}.parquet", **lists(who=who))
    assert reader(tmp_path).factors["who"].tolist() == values * 8
