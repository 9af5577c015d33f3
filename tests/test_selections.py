"""Named selections of rows: read from a file, scored like clusters, and printed."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from command_line import Command
from wvae.datasets import Dataset
from wvae.estimator import WVAE
from wvae.workflows.selections import describe_selections, read_selections, score_selections


def write(path: Path, rows: list[tuple[Any, Any]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([("row", "selection"), *rows])
    return path


@pytest.fixture
def ten() -> Dataset:
    return Dataset(np.zeros((10, 2)), np.arange(10) % 2, kind="table", name="ten")


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"row,selection\n1,a\n2,b\n", {1: "a", 2: "b"}),
        ("\ufeffselection,x,row\r\nä ö,5,0\r\n,5,1\r\n\"b, c\",5,9\r\n".encode(),
         {0: "ä ö", 9: "b, c"}),
        (b"row,selection\n1,a\n1,a\n1,\n2.0, b \n", {1: "a", 2: "b"}),
        (b"row,selection\n3,1\n4,2\nnot read,\n5\n", {3: "1", 4: "2"}),
    ],
)  # fmt: skip
def test_a_csv_file_names_rows(
    ten: Dataset, tmp_path: Path, content: bytes, expected: dict[int, str]
):
    file = tmp_path / "selection.csv"
    file.write_bytes(content)
    names = read_selections(file, ten)
    assert {row: name for row, name in enumerate(names.tolist()) if name} == expected


@pytest.mark.parametrize(
    "columns",
    [
        {"row": [1, 2, 4], "selection": ["a", "b", None]},
        {"row": [1.0, 2.0], "selection": ["a", "b"]},
        {"row": pa.array([1, 2, 2], pa.uint32()), "selection": ["a", "b", ""], "x": [0, 0, 0]},
        {"row": [2, 1], "selection": pa.array(["b", "a"]).dictionary_encode()},
    ],
)
def test_a_parquet_file_names_rows(ten: Dataset, tmp_path: Path, columns: dict[str, Any]):
    parquet.write_table(pa.table(columns), tmp_path / "selection.parquet")
    names = read_selections(tmp_path / "selection.parquet", ten)
    assert names.tolist() == ["", "a", "b", *7 * [""]]


def test_rows_count_those_that_were_left_out(ten: Dataset, tmp_path: Path):
    part = replace(ten.subset([2, 5, 7]), rows=np.array([2, 5, 7]))
    file = write(tmp_path / "s.csv", [(7, "b"), (2, "a")])
    assert read_selections(file, part).tolist() == ["a", "", "b"]
    write(file, [(7, "b"), (3, "a")])
    with pytest.raises(ValueError, match="row 3 of ten was left out"):
        read_selections(file, part)
    write(file, [(7, "b"), (8, "a")])
    with pytest.raises(ValueError, match="ten has no row 8, its rows are 0 to 7"):
        read_selections(file, part)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("row,name\n1,a\n", "has no column 'selection' (its columns: 'row', 'name')"),
        ("index,selection\n1,a\n", "has no column 'row'"),
        ("", "has no column 'row' (its columns: none)"),
        ("row,selection\n1,a\n10,b\n", "line 3: ten has no row 10, its rows are 0 to 9"),
        ("row,selection\n1,a\n-1,b\n", "line 3: row is '-1', expected the number of a row"),
        ("row,selection\n1,a\n1.5,b\n", "line 3: row is '1.5'"),
        ("row,selection\n1,a\nnan,b\n", "line 3: row is 'nan'"),
        ("row,selection\n1,a\ninf,b\n", "line 3: row is 'inf'"),
        ("row,selection\n1,a\n,b\n", "line 3: row is ''"),
        ("row,selection\n1,a\n2,b\n1,b\n", "line 4: row 1 is in 'a' and in 'b'"),
        ("row,selection\n1,a\n2,a\n", "has only the selection 'a', expected at least two"),
        ("row,selection\n1,\n", "has no selection, expected at least two names"),
        ("row,selection\n", "has no selection"),
        ("row,selection\n1,\xe9\n", "is no CSV file in UTF-8"),
    ],
)
def test_a_wrong_file_is_one_line(ten: Dataset, tmp_path: Path, content: str, message: str):
    file = tmp_path / "s.csv"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError) as error:  # noqa: PT011 – compared below
        read_selections(file, ten)
    text = str(error.value)
    assert message in text
    assert text.startswith(str(file))
    assert "\n" not in text


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_missing_or_damaged_file_is_one_line(ten: Dataset, tmp_path: Path, ending: str):
    file = tmp_path / f"s.{ending}"
    with pytest.raises(ValueError, match="there is no file"):
        read_selections(file, ten)
    file.write_bytes(b"\0\0\0")
    with pytest.raises(ValueError, match="has no column" if ending == "csv" else "no Parquet"):
        read_selections(file, ten)


# ---------------------------------------------------------------------- scores


def test_selections_by_a_factor_agree_with_it_and_with_nothing_else(fitted: WVAE, planted: Dataset):
    writer = planted.factors["writer"]
    names = np.array([f"hand {w}" if w < 3 else "" for w in writer.tolist()])
    result = score_selections(fitted, planted, names)
    assert result.scores["writer"] == pytest.approx({"purity": 1.0, "ari": 1.0, "ami": 1.0})
    assert result.scores["animal"]["ami"] < 0.05
    assert abs(result.chance["writer"]["ami"]) < 0.05
    assert 1 / 3 <= result.chance["writer"]["purity"] < 0.5
    assert set(result.baselines) == {"features", "relative"}
    assert describe_selections(result) == (
        "3 selections of 80 to 80 rows each, together 240 of 400 rows"
    )


def test_half_right_selections_have_known_scores(fitted: WVAE, planted: Dataset):
    label = planted.y
    rows = np.concatenate([np.flatnonzero(label == name)[:10] for name in ("ant", "bee")])
    names = np.full(len(planted), "", "<U5")
    names[rows] = ["left", "right"] * 10  # half of each label in each selection
    result = score_selections(fitted, planted, names, factors=[])
    assert set(result.scores) == {"animal"}
    assert result.scores["animal"]["purity"] == pytest.approx(0.5)
    assert result.scores["animal"]["ari"] == pytest.approx(0.0, abs=0.06)


def test_selections_of_rows_that_all_agree_have_nothing_to_compare(fitted: WVAE, planted: Dataset):
    ants = planted.subset((planted.y == "ant") & (planted.factors["writer"] == 0))
    names = np.array(["a", "b"] * (len(ants) // 2))
    result = score_selections(fitted, ants, names)
    assert (result.scores, result.chance, result.baselines) == ({}, {}, {})
    assert "neither the label nor a categorical factor varies" in describe_selections(result)


# ---------------------------------------------------------------------- command


@pytest.fixture
def model(fitted: WVAE, planted: Dataset, tmp_path: Path, command: Command) -> Path:
    """A model folder in the current folder, beside its data."""
    fitted.save("m")
    np.savez("planted.npz", x=planted.x, label=planted.y, writer=planted.factors["writer"])
    return Path("m")


def test_the_command_scores_a_file(model: Path, planted: Dataset, command: Command):
    rows = enumerate(planted.factors["writer"].tolist())
    write(Path("s.csv"), [(row, f"hand {writer}") for row, writer in rows if writer < 2])
    arguments = ["cluster", model, "planted.npz", "--from", "s.csv"]
    result = command(*arguments, "--out", "s.parquet")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[-1] == "2 selections of 80 to 80 rows each, together 160 of 400 rows"
    (line,) = [line for line in lines if line.startswith("writer")]
    assert line.split() == ["writer", "1.000", "1.000", "1.000"]
    assert sum(line.strip().startswith("at random") for line in lines) == 2
    table = parquet.read_table("s.parquet").to_pydict()
    assert set(table) == {"selection", "label", "writer"}
    assert table["selection"] == [
        f"hand {writer}" if writer < 2 else "" for writer in planted.factors["writer"].tolist()
    ]
    assert command(*arguments, "--quiet").out == f"{lines[-1]}\n"
    again = write(Path("again.csv"), list(enumerate(table["selection"])))
    assert command(*arguments[:-1], again, "--quiet").out == f"{lines[-1]}\n"


@pytest.mark.parametrize(
    "flags", [["--k", "3"], ["--k", "auto"], ["--on", "rest"], ["--method", "gmm"]]
)
def test_options_of_clusters_are_refused(model: Path, command: Command, flags: list[str]):
    write(Path("s.csv"), [(0, "a"), (1, "b")])
    result = command("cluster", model, "planted.npz", "--from", "s.csv", *flags)
    assert (result.code, result.out) == (2, "")
    expected = f"wvae: --from takes given groups, so {flags[0]} has no use: drop one of them\n"
    assert result.err == expected


def test_a_wrong_file_is_one_line_of_the_command(model: Path, command: Command):
    write(Path("s.csv"), [(0, "a"), (400, "b")])
    result = command("cluster", model, "planted.npz", "--from", "s.csv", "--quiet")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "s.csv, line 3: planted has no row 400, its rows are 0 to 399" in result.err
