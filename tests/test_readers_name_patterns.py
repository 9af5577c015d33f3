r"""Labels and factors in names: expressions such as ``_(?P<drawer>\d+)\.png$``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from folder_cases import open_path, refused, tree
from reader_cases import encoded, picture
from wvae.datasets.schema import Naming, Schema

DRAWER = r"_(?P<drawer>\d+)\.png$"


def factors(*patterns: str) -> Naming:
    return Naming(factors_from_name=patterns)


def sketches(root: Path, digits: int = 2) -> Path:
    """Write a/x_03.png and the like: two classes, four drawers."""
    names = [f"{'ab'[i % 2]}/{'xy'[i // 4]}_{i // 2 + 3:0{digits}d}.png" for i in range(8)]
    tree(root, *names)
    return root


def test_groups_are_factors_and_shown_on_examples(tmp_path: Path) -> None:
    sketches(tmp_path)
    data, log = open_path(tmp_path, naming=factors(DRAWER, "/(?P<hand>[xy])"))
    assert data.classes.tolist() == ["a", "b"]
    assert data.factors["drawer"].tolist() == ["03", "04", "05", "06"] * 2
    assert data.factors["hand"].tolist() == list("xxyy") * 2
    line = next(line for line in log if line.startswith("'drawer' from names"))
    assert line.count("→") == 3
    assert "'a/x_03.png' → '03'" in line
    assert data.schema is not None
    assert data.schema.naming == factors(DRAWER, "/(?P<hand>[xy])")
    assert data.schema.factors == ("drawer", "hand")


@pytest.mark.parametrize(("digits", "values"), [(1, [3, 4, 5, 6]), (2, ["03", "04", "05", "06"])])
def test_plain_integers_become_integers(tmp_path: Path, digits: int, values: Any) -> None:
    data, _ = open_path(sketches(tmp_path, digits), naming=factors(DRAWER))
    assert np.unique(data.factors["drawer"]).tolist() == values


@pytest.mark.parametrize(
    ("patterns", "texts"),
    [
        (("(",), ["'('", "not a regular expression"]),
        (("a{99999999999999999999}",), ["not a regular expression"]),
        (("(?P<a>x)(?P<a>y)",), ["not a regular expression", "a"]),
        (("(?P<1a>x)",), ["not a regular expression"]),
        ((r"_\d+",), ["no named group", "(?P<"]),
        ((r"_(\d+)",), ["no named group"]),
        (("",), ["no named group"]),
        ((r"_(?P<d>\d)", r"(?P<d>\d)\."), ["'d'", "two expressions"]),
        ((r"x_(?P<d>\d+)",), ["'d'", "4 of 8 names", "'a/y_05.png'"]),
        ((r"_(?P<d>03)?",), ["'d'", "6 of 8 names", "'a/x_04.png'"]),
        ((r"(?P<d>nowhere)",), ["'d'", "8 of 8 names", "'a/x_03.png'"]),
        ((r"_(?P<label>\d+)",), ["'label'", "rename the group"]),
        ((r"_0(?P<d>7?)\d",), ["'d'", "missing"]),
    ],
)
def test_expressions_that_do_not_fit_are_refused(
    tmp_path: Path, patterns: tuple[str, ...], texts: list[str]
) -> None:
    refused(sketches(tmp_path), *texts, naming=factors(*patterns))


@pytest.mark.parametrize(
    ("pattern", "given", "name", "classes"),
    [
        (r"/(?P<hand>[xy])_", {}, "hand", ["x", "y"]),
        (r"/([xy])_", {}, "label", ["x", "y"]),
        (r"/([xy])_", {"label": "hand"}, "hand", ["x", "y"]),
        (r"/(?P<hand>[xy])_", {"label": "who"}, "who", ["x", "y"]),
        (r"/(?P<hand>[xy])_0(?P<drawer>\d)", {"label": "hand"}, "hand", ["x", "y"]),
        (r"/(?P<hand>[xy])_0(?P<drawer>\d)", {"label": "drawer"}, "drawer", [3, 4, 5, 6]),
        (r"^(?P<first>.)", {}, "first", ["a", "b"]),
    ],
)
def test_the_label_may_stand_in_the_name(
    tmp_path: Path, pattern: str, given: Any, name: str, classes: list[Any]
) -> None:
    data, log = open_path(sketches(tmp_path), naming=Naming(label_from_name=pattern), **given)
    assert (data.label_name, data.classes.tolist()) == (name, classes)
    assert sum(line.startswith(f"{name!r} from names") for line in log) == 1
    if "drawer" in pattern:
        assert len(data.factors) == 1
    else:
        assert data.factors["folder1"].tolist() == list("aaaabbbb")


@pytest.mark.parametrize(
    ("naming", "texts"),
    [
        (Naming(label_from_name=r"_\d"), ["0 groups"]),
        (Naming(label_from_name=r"(.)_(\d)"), ["2 groups", "label"]),
        (Naming(label_from_name=r"(?P<a>.)_(?P<b>\d)"), ["2 groups", "label"]),
        (Naming(label_from_name=r"x_(\d+)"), ["4 of 8 names", "'a/y_05.png'"]),
        (Naming(r"(?P<d>\d)\.", (r"_(?P<d>\d)",)), ["'d'", "label"]),
        (Naming(r"_(\d)", label_from_folder=(1,)), ["label_from_name", "label_from_folder"]),
        (Naming("("), ["not a regular expression"]),
    ],
)
def test_an_unclear_label_is_refused(tmp_path: Path, naming: Naming, texts: list[str]) -> None:
    refused(sketches(tmp_path), *texts, naming=naming)


def test_loose_files_need_no_folders_of_classes(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{part}/cat.{i}.jpg" for part in ("train", "test") for i in range(4)))
    tree(tmp_path, *(f"{part}/dog.{i}.jpg" for part in ("train", "test") for i in range(4)))
    data, _ = open_path(tmp_path, naming=Naming(label_from_name=r"/([a-z]+)\.\d+"))
    assert data.classes.tolist() == ["cat", "dog"]
    assert data.split is not None
    assert (data.split == "test").sum() == 8


def test_the_split_may_stand_in_the_name(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{c}/{i}_{'train' if i < 3 else 'test'}.png" for c in "ab" for i in range(4)))
    data, _ = open_path(tmp_path, naming=factors("_(?P<split>train|test)"))
    assert data.split is not None
    assert data.split.tolist() == ["train", "train", "train", "test"] * 2


def test_names_are_searched_in_one_unicode_form(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{c}/{i}_e\u0301te.png" for c in "ab" for i in range(3)))
    tree(tmp_path, *(f"{c}/{i}_hiver.png" for c in "ab" for i in range(3)))
    data, _ = open_path(tmp_path, naming=factors("_(?P<season>\u00e9te|hiver)"))
    assert sorted(set(data.factors["season"].tolist())) == ["hiver", "\u00e9te"]


def table_of(root: Path) -> Path:
    """Write a table with a column of labels that names the files of `sketches`."""
    sketches(root)
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    rows = [f"{name},{'uv'[i % 2]},{i // 4}" for i, name in enumerate(names)]
    (root / "manifest.csv").write_text("\n".join(["path,kind,batch", *rows]))
    return root


@pytest.mark.parametrize("direct", [False, True])
def test_names_in_a_table_give_factors_and_labels(tmp_path: Path, direct: bool) -> None:
    path = table_of(tmp_path) / ("manifest.csv" if direct else "")
    data, _ = open_path(path, label="kind", naming=factors(DRAWER))
    assert (data.classes.tolist(), list(data.factors)) == (["u", "v"], ["drawer"])
    data, _ = open_path(path, label="kind", factors=("batch",), naming=factors(DRAWER))
    assert list(data.factors) == ["batch", "drawer"]
    data, _ = open_path(path, naming=Naming(label_from_name=DRAWER))
    assert (data.label_name, data.classes.tolist()) == ("drawer", ["03", "04", "05", "06"])
    data, _ = open_path(path, naming=Naming(label_from_folder=(1,)))
    assert data.classes.tolist() == ["a", "b"]
    refused(path, "'kind'", "rename the group", label="kind", naming=factors(r"_(?P<kind>\d+)"))
    refused(path, "'batch'", label="kind", naming=factors(r"_(?P<batch>\d+)"))
    refused(path, "'kind'", "label_from_folder", label="kind", naming=Naming(None, (), (1,)))


@pytest.mark.parametrize("with_paths", [True, False])
def test_paths_beside_encoded_images_are_names(tmp_path: Path, with_paths: bool) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    images: list[dict[str, Any]] = []
    for i in range(8):
        path = f"train/x_{i // 2:02d}.png" if with_paths or i < 6 else None
        images.append({"bytes": encoded(picture(i)), "path": path})
    columns = {"image": images, "label": list("ab" * 4)}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    if not with_paths:
        refused(tmp_path / "a.parquet", "2 of 8 rows", "'image'", naming=factors(DRAWER))
        return
    data, _ = open_path(tmp_path / "a.parquet", naming=factors(DRAWER))
    assert data.factors["drawer"].tolist() == ["00", "00", "01", "01", "02", "02", "03", "03"]


def test_tables_without_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,label\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n")
    refused(tmp_path / "a.csv", "names no files", "factors_from_name", naming=factors(DRAWER))


def test_a_model_knows_the_expressions(tmp_path: Path) -> None:
    sketches(tmp_path)
    schema = Schema("image", (12, 12), "label", ("a", "b"), ("drawer",), naming=factors(DRAWER))
    data, _ = open_path(tmp_path, schema=schema)
    assert list(data.factors) == ["drawer"]
    tree(tmp_path / "new", "1.png", "2.png", "z_04.png")
    data, log = open_path(tmp_path / "new", schema=schema, unlabelled=True)
    assert (len(data), "drawer" in data.factors) == (3, False)
    assert sum("'drawer' is left out: it is not in 2 names" in line for line in log) == 1
    hand = Naming(label_from_name=r"(?P<hand>[xyz])_")
    schema = Schema("image", (12, 12), "hand", ("x", "y", "z"), naming=hand)
    data, _ = open_path(tmp_path / "new", schema=schema, unlabelled=True)
    assert data.y.tolist() == [None, None, "z"]
    refused(tmp_path / "new", "2 of 3 names", "'1.png'", schema=schema)
