"""Index columns are no data; features are not taken for an index."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reader_cases import Reader, check_error

N = 24
RNG = np.random.default_rng(0)
SHUFFLED = RNG.permutation(N)
GAPS = np.sort(RNG.choice(1000, N, replace=False))


def table(name: str, values: np.ndarray | list[object], first: bool = True) -> str:
    """Return a CSV of a column of interest, a feature and a label."""
    names = [name, "width", "label"] if first else ["width", name, "label"]
    lines = [",".join(names)]
    for i in range(N):
        width = f"{i * i % 13}.5"
        cells = [str(values[i]), width] if first else [width, str(values[i])]
        lines.append(",".join([*cells, "xy"[i % 2]]))
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("name", "values", "first"),
    [
        ("", SHUFFLED, True),
        ("", GAPS, True),
        ("", np.arange(N) // 2, True),
        ("", [f"row{i}" for i in range(N)], True),
        ("Unnamed: 0", SHUFFLED, True),
        ("Unnamed: 0", GAPS, False),
        ("Unnamed: 0.1", SHUFFLED, True),
        ("...1", np.arange(1, N + 1), True),
        ("id", SHUFFLED, True),
        ("ID", GAPS, False),
        ("index", SHUFFLED + 1, False),
        ("row", SHUFFLED + 1, False),
        ("row_number", SHUFFLED, False),
        ("sample_id", GAPS, True),
        ("PassengerId", np.arange(1, N + 1), True),
        ("No.", SHUFFLED + 1, True),
        ("#", np.arange(1, N + 1), True),
        ("time", np.arange(N), True),
        ("id", [f"{i}.0" for i in SHUFFLED], True),
    ],
)
def test_index_is_left_out(
    reader: Reader, tmp_path: Path, name: str, values: np.ndarray, first: bool
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table(name, values, first))
    data = reader(path)
    assert data.schema is not None
    assert (data.schema.columns, data.schema.ignored) == (("width",), (name,))
    assert data.x[:, 0].tolist() == [i * i % 13 + 0.5 for i in range(N)]
    assert name not in data.factors
    assert repr(name) in reader.line("ignored")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("rank", SHUFFLED + 1),
        ("year", np.arange(1990, 1990 + N)),
        ("id", np.arange(N) % 5),
        ("id", RNG.normal(size=N)),
        ("width2", SHUFFLED * 2),
        ("fluid", GAPS),
        ("grid", GAPS),
        ("Unnamed: 3", RNG.normal(size=N)),
    ],
)
def test_feature_is_kept(reader: Reader, tmp_path: Path, name: str, values: np.ndarray) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table(name, values, False))
    data = reader(path)
    assert data.shape == (2,)
    np.testing.assert_allclose(data.x[:, 1], values)
    doubtful = [line for line in reader.lines if "consecutive" in line]
    assert len(doubtful) == (name in ("rank", "year"))


def test_column_without_a_name_must_be_an_index(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table("", RNG.normal(size=N)))
    check_error(reader, path, "first column has no name", "fractions")
    path.write_text(table("", GAPS, False))
    check_error(reader, path, "column 2 has no name", repr(str(GAPS[0])))


def test_index_may_be_a_factor(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table("id", SHUFFLED))
    data = reader(path, factors=["id"])
    assert data.factors["id"].tolist() == SHUFFLED.tolist()
    assert data.shape == (1,)


@pytest.mark.parametrize("index", ["shuffled", "gaps", "words", "named", "two"])
def test_pandas_index_of_parquet_is_left_out(reader: Reader, tmp_path: Path, index: str) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"width": RNG.normal(size=N), "label": np.arange(N) % 2})
    words = [f"row{i}" for i in range(N)]
    frame.index = {
        "shuffled": SHUFFLED,
        "gaps": GAPS,
        "words": words,
        "named": pd.Index(np.arange(N) // 3, name="subject"),
        "two": pd.MultiIndex.from_arrays([SHUFFLED, GAPS]),
    }[index]
    frame.to_parquet(tmp_path / "a.parquet")
    data = reader(tmp_path / "a.parquet")
    assert data.schema is not None
    assert data.schema.columns == ("width",)
    names = ["subject"] if index == "named" else ["__index_level_0__"]
    names += ["__index_level_1__"] if index == "two" else []
    assert data.schema.ignored == tuple(names)
    assert "pandas' index" in reader.line("ignored")
    assert not data.factors


def test_pandas_range_index_is_no_column(reader: Reader, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"width": RNG.normal(size=N), "label": np.arange(N) % 2})
    frame.to_parquet(tmp_path / "a.parquet")
    assert reader(tmp_path / "a.parquet").shape == (1,)
    assert not [line for line in reader.lines if "ignored" in line]
