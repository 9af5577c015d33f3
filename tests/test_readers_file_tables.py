"""Tables that name files, as Kaggle, Hugging Face and other computers write them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from folder_cases import open_path, refused, tree

LABELS = list("abababab")


def write(path: Path, names: list[str], header: str = "file_name,label") -> None:
    rows = [f"{name},{label}" for name, label in zip(names, LABELS, strict=False)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]))


def numbered(root: Path, pattern: str, start: int = 0, n: int = 8) -> list[str]:
    """Write images whose names follow a pattern such as ``{}.png``; return the names."""
    names = [pattern.format(i) for i in range(start, start + n)]
    tree(root, *names)
    return names


Change = Callable[[str], str]


@pytest.mark.parametrize("where", ["root", "table"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda name: name, id="exact"),
        pytest.param(lambda name: name.replace("/", "\\"), id="backslashes"),
        pytest.param(lambda name: f" {name} ", id="spaces"),
        pytest.param(lambda name: f"./{name}", id="dot"),
        pytest.param(lambda name: name.upper(), id="upper case"),
        pytest.param(lambda name: name.removesuffix(".jpg"), id="no suffix"),
        pytest.param(lambda name: name.rpartition("/")[2], id="no folder"),
        pytest.param(lambda name: f"/home/ann/{name}", id="absolute elsewhere"),
        pytest.param(lambda name: f"C:\\Users\\ann\\{name}".replace("/", "\\"), id="Windows"),
        pytest.param(lambda name: unicodedata.normalize("NFD", name), id="NFD"),
    ],
)
def test_names_are_found_however_they_are_written(
    tmp_path: Path, change: Change, where: str
) -> None:
    names = numbered(tmp_path, "sub/が{}.jpg")
    write(tmp_path / "list.csv", [change(name) for name in reversed(names)])
    data, log = open_path(tmp_path if where == "root" else tmp_path / "list.csv")
    assert data.y.tolist() == LABELS
    assert data.files is not None
    assert data.files.tolist() == names[::-1]
    told = any("8 of 8 files" in line and "written otherwise" in line for line in log)
    assert told == (change(names[0]).strip() not in (names[0], f"./{names[0]}"))


def test_absolute_names_of_existing_files(tmp_path: Path) -> None:
    names = numbered(tmp_path / "far", "{}.png")
    write(tmp_path / "near" / "list.csv", [str(tmp_path / "far" / name) for name in names])
    assert len(open_path(tmp_path / "near" / "list.csv")[0]) == 8


def test_upper_case_suffixes_of_files(tmp_path: Path) -> None:
    names = numbered(tmp_path, "{}.JPG")
    write(tmp_path / "list.csv", [name.lower() for name in names])
    data, log = open_path(tmp_path)
    assert data.files is not None
    assert data.files.tolist() == names
    assert sum("'0.jpg' is '0.JPG'" in line for line in log) == 1


def test_names_that_fit_several_files_are_refused(tmp_path: Path) -> None:
    names = numbered(tmp_path, "{}.png")
    tree(tmp_path, "A.png", "a.PNG")
    write(tmp_path / "list.csv", [*names[:7], "a.png"])
    refused(tmp_path, "1 of 8 files", "'a.png'", "A.png", "a.PNG")
    for part in ("x", "y"):
        numbered(tmp_path / "twice" / part, "{}.png")
    write(tmp_path / "twice" / "list.csv", names)
    refused(tmp_path / "twice", "8 of 8 files", "'0.png'")


def test_an_exact_name_comes_before_another_case(tmp_path: Path) -> None:
    names = numbered(tmp_path, "{}.png", n=7)
    tree(tmp_path, "A.png", "a.png")
    write(tmp_path / "list.csv", [*names, "a.png"])
    data, _ = open_path(tmp_path)
    assert data.files is not None
    assert data.files.tolist() == [*names, "a.png"]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("9.png", ["1 of 8 files", "'9.png'", "row 3"]),
        ("", ["1 of 8 files", "an empty name", "row 3"]),
        ("0.png", ["'0.png' in rows 1 and 3"]),
        ("./0.png", ["'./0.png' in rows 1 and 3"]),
        ("x" * 300 + ".png", ["1 of 8 files", "row 3"]),
    ],
)
def test_rows_without_a_file_and_repeated_names_are_refused(
    tmp_path: Path, name: str, texts: list[str]
) -> None:
    names = numbered(tmp_path, "{}.png")
    names[2] = name
    write(tmp_path / "list.csv", names)
    refused(tmp_path, *texts, "list.csv")
    refused(tmp_path / "list.csv", *texts)


@pytest.mark.parametrize(
    ("table", "folder"),
    [
        ("train.csv", "train"),
        ("train.csv", "train_images"),
        ("train_labels.csv", "train"),
        ("trainLabels.csv", "train"),
        ("labels.csv", "images"),
        ("data.csv", "images"),
    ],
)
@pytest.mark.parametrize("pattern", ["{}.png", "{:05d}.png", "{:032x}.jpg"])
@pytest.mark.parametrize("opened", ["table", "root", "folder"])
def test_ids_beside_a_folder_of_files(
    tmp_path: Path, table: str, folder: str, pattern: str, opened: str
) -> None:
    if opened == "folder" and folder not in (table.removesuffix(".csv"), "train", "images"):
        pytest.skip("the name of the table does not belong to the folder")
    if opened == "folder" and table == "data.csv":
        pytest.skip("the name of the table does not belong to the folder")
    names = numbered(tmp_path / folder, pattern)
    write(tmp_path / table, [name.rpartition(".")[0] for name in names], "id,label")
    path = {"table": tmp_path / table, "root": tmp_path, "folder": tmp_path / folder}[opened]
    data, _ = open_path(path)
    assert data.y.tolist() == LABELS
    assert data.files is not None
    assert [Path(name).name for name in data.files.tolist()] == names


def kaggle(root: Path) -> None:
    """Write train.csv, test.csv and sample_submission.csv beside train/ and test/."""
    for part, start in (("train", 0), ("test", 8)):
        ids = [name.removesuffix(".png") for name in numbered(root / part, "f{}.png", start)]
        if part == "train":
            write(root / "train.csv", ids, "id,label")
        else:
            (root / "test.csv").write_text("\n".join(["id", *ids]))
            write(root / "sample_submission.csv", ids, "id,label")


def test_a_whole_competition_folder(tmp_path: Path) -> None:
    kaggle(tmp_path)
    data, log = open_path(tmp_path)
    assert data.y.tolist() == LABELS
    assert data.files is not None
    assert all(name.startswith("train/") for name in data.files.tolist())
    assert sum("'test.csv'" in line and "no label" in line for line in log) == 1
    assert sum("'sample_submission.csv'" in line for line in log) == 1
    assert sum("8 files that train.csv does not name" in line for line in log) == 1
    data, _ = open_path(tmp_path / "test.csv", unlabelled=True)
    assert (len(data), data.labelled.any()) == (8, False)
    refused(tmp_path / "test.csv", "which is the label")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("parts", [("train", "test"), ("train", "validation", "test")])
def test_metadata_for_each_part(tmp_path: Path, kind: str, parts: tuple[str, ...]) -> None:
    for part in parts:
        names = numbered(tmp_path / part, "{}.png")
        if kind == "csv":
            write(tmp_path / part / "metadata.csv", names)
            continue
        rows = [{"file_name": n, "label": y} for n, y in zip(names, LABELS, strict=True)]
        (tmp_path / part / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data, _ = open_path(tmp_path)
    assert len(data) == 8 * len(parts)
    assert data.y.tolist() == LABELS * len(parts)
    assert data.split is not None
    assert data.files is not None
    assert (data.split == "test").tolist() == [n.startswith("test/") for n in data.files.tolist()]


def test_tables_of_parts_that_differ(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write(tmp_path / part / "metadata.csv", numbered(tmp_path / part, "{}.png"))
    test = tmp_path / "test" / "metadata.csv"
    good = test.read_text()
    test.write_text(good.replace(",a", ",1").replace(",b", ",2"))
    refused(tmp_path, "'label'", "train/metadata.csv", "test/metadata.csv", "int64", "string")
    test.write_text(good.replace("file_name", "path"))
    refused(tmp_path, "'path'", "'file_name'")
    test.write_text("\n".join(f"{line},split" for line in good.splitlines()))
    refused(tmp_path, "'split'", "rename")
    test.write_text("\n".join(line.split(",")[0] for line in good.splitlines()))
    data, log = open_path(tmp_path)
    assert len(data) == 8
    assert sum("'metadata.csv'" in line and "no label" in line for line in log) == 1
    assert len(open_path(tmp_path, unlabelled=True)[0]) == 16


def test_tables_of_parts_at_the_top(tmp_path: Path) -> None:
    for part, start in (("train", 0), ("val", 8)):
        names = numbered(tmp_path / "images", "{}.png", start)
        write(tmp_path / f"{part}.csv", [f"images/{name}" for name in names])
    data, _ = open_path(tmp_path)
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 8 + ["test"] * 8


def test_several_other_tables_that_name_files_are_refused(tmp_path: Path) -> None:
    names = numbered(tmp_path, "{}.png")
    for table in ("one.csv", "two.csv"):
        write(tmp_path / table, names)
    refused(tmp_path, "'one.csv', 'two.csv'", "manifest", "path")


def test_folders_in_names_are_the_split(tmp_path: Path) -> None:
    names = numbered(tmp_path, "train/{}.png", n=5) + numbered(tmp_path, "test/{}.png", 5, 3)
    write(tmp_path / "list.csv", names)
    data, log = open_path(tmp_path)
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 5 + ["test"] * 3
    assert sum("in the names are taken as the split" in line for line in log) == 1


def test_other_tables_do_not_hinder(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{c}/{k}{i}.png" for k, c in enumerate("ab") for i in range(3)))
    (tmp_path / "results.csv").write_text("id,accuracy\n1,0.5\n2,0.7\n")
    (tmp_path / "sizes.csv").write_text("id,width\n00,12\n01,12\n10,12\n")
    (tmp_path / "broken.csv").write_bytes(b"1,2\n3,\n4,5,6\n")
    data, log = open_path(tmp_path)
    assert data.classes.tolist() == ["a", "b"]
    assert sum("not a manifest" in line and "'results.csv'" in line for line in log) == 1
    assert sum("broken.csv cannot be read" in line for line in log) == 1
    (tmp_path / "manifest.csv").write_bytes(b"1,2\n3,\n4,5,6\n")
    refused(tmp_path, "manifest.csv")


def test_a_table_of_numbers_with_ids_stays_a_table(tmp_path: Path) -> None:
    rows = "".join(f"{7 * i},{i * i},{'ab'[i % 2]}\n" for i in range(8))
    (tmp_path / "a.csv").write_text(f"id,size,label\n{rows}")
    numbered(tmp_path / "pictures", "{}.png")
    assert open_path(tmp_path / "a.csv")[0].kind == "table"


def test_a_table_may_choose_one_kind_of_files(tmp_path: Path) -> None:
    names = numbered(tmp_path, "{}.png")
    (tmp_path / "0.wav").touch()
    write(tmp_path / "list.csv", names)
    assert len(open_path(tmp_path)[0]) == 8
    (tmp_path / "list.csv").unlink()
    refused(tmp_path, "8 images", "1 sounds")
