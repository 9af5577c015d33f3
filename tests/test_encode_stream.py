"""Encoding block by block into one file or into parts, with clusters in the same pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from wvae import WVAE
from wvae.datasets import Dataset
from wvae.workflows import centres as centres_module
from wvae.workflows import encode as encode_module
from wvae.workflows import encode_parts as parts
from wvae.workflows.centres import centres_file, learn_centres, nearest
from wvae.workflows.encode import (
    code_columns,
    encode_columns,
    encode_to_file,
    write_columns,
)
from wvae.workflows.run_folder import RunError

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

N = 5_300


@dataclass
class Sharded:
    """Examples that can only be sliced, like shards; records how many are read at once."""

    x: np.ndarray
    read: list[int] = field(default_factory=list[int])

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.x.dtype

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice) -> np.ndarray:
        self.read.append(rows.stop - rows.start)
        return self.x[rows]


@pytest.fixture(scope="module")
def data(planted: Dataset) -> Dataset:
    """Thousands of rows sorted by writer; the first blocks have no label, a factor has gaps."""
    rows = np.random.default_rng(0).integers(len(planted), size=N)
    many = planted.subset(rows[np.argsort(planted.factors["writer"][rows], kind="stable")])
    y, age = many.y.astype(object), np.arange(N).astype(object)
    y[:2100], age[::3] = None, None
    split = np.where(np.arange(N) % 5, "train", "test")
    return replace(many, y=y, factors=many.factors | {"age": age}, split=split)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(encode_module, "ROWS", 1000)
    monkeypatch.setattr(encode_module, "BLOCKS_PER_ROW_GROUP", 2)


@pytest.mark.usefixtures("small_blocks")
def test_the_file_equals_an_encoding_of_all_rows_at_once(
    fitted: WVAE, data: Dataset, tmp_path: Path, no_temporaries: Callable[[], None]
):
    encode_to_file(fitted, data, tmp_path / "deep" / "codes.parquet")
    columns = code_columns(fitted.encode(data.x), data) | {"predicted": fitted.predict(data.x)}
    write_columns(tmp_path / "at-once.parquet", columns)
    streamed, at_once = (
        parquet.read_table(tmp_path / name) for name in ("deep/codes.parquet", "at-once.parquet")
    )
    assert streamed.schema == at_once.schema
    assert streamed.equals(at_once)
    assert list(encode_columns(fitted, data)) == streamed.column_names
    assert parquet.ParquetFile(tmp_path / "deep" / "codes.parquet").metadata.num_row_groups == 3
    no_temporaries()


@pytest.mark.usefixtures("small_blocks")
def test_at_most_one_block_is_read_at_a_time(fitted: WVAE, data: Dataset, tmp_path: Path):
    x = Sharded(data.x)
    encode_to_file(fitted, replace(data, x=x), tmp_path / "codes.parquet", k=5)  # pyright: ignore[reportArgumentType]
    assert max(x.read) == 1000


@pytest.mark.usefixtures("small_blocks")
def test_a_failed_encoding_leaves_the_old_file(
    fitted: WVAE, data: Dataset, tmp_path: Path, no_temporaries: Callable[[], None]
):
    x = (data.x / 255).astype(np.float32)
    x[4321] = np.nan
    (tmp_path / "codes.parquet").write_bytes(b"before")
    with pytest.raises(ValueError, match="NaN"):
        encode_to_file(fitted, replace(data, x=x), tmp_path / "codes.parquet")
    assert (tmp_path / "codes.parquet").read_bytes() == b"before"
    no_temporaries()


# ---------------------------------------------------------------------------------------- clusters


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("most", [200_000, 1000])
def test_clusters_match_the_planted_writers(
    fitted: WVAE, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
):
    monkeypatch.setattr(centres_module, "MAX_ROWS", most)
    encode_to_file(fitted, data, tmp_path / "codes.parquet", k=5, seed=1)
    table = parquet.read_table(tmp_path / "codes.parquet")
    clusters, writer = table.column("cluster").to_numpy(), table.column("writer").to_numpy()
    assert adjusted_mutual_info_score(writer, clusters) > 0.8
    # Each row's is the nearest centre.
    centres = np.load(tmp_path / "codes-centres.npy")
    z_rest = np.stack([table.column(f"z_rest{i}").to_numpy() for i in range(3)], 1)
    distances = ((z_rest[:, None] - centres) ** 2).sum(-1)
    np.testing.assert_allclose(distances[np.arange(N), clusters], distances.min(1), rtol=1e-4)
    assert (clusters.dtype, centres.dtype, centres.shape) == (np.int32, np.float32, (5, 3))
    np.testing.assert_array_equal(nearest(z_rest, centres), clusters)


def test_centres_are_learnt_from_rows_all_over_the_data(
    fitted: WVAE, data: Dataset, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(centres_module, "MAX_ROWS", 1000)
    x = Sharded(data.x)
    sliced = replace(data, x=x)  # pyright: ignore[reportArgumentType]
    centres = learn_centres(fitted, sliced, 5, seed=1)
    assert x.read == [100] * 10
    np.testing.assert_array_equal(centres, learn_centres(fitted, data, 5, seed=1))
    assert (centres != learn_centres(fitted, data, 5, seed=2)).any()
    np.testing.assert_array_equal(
        learn_centres(fitted, data, 5), learn_centres(fitted, data, 5, seed=0)
    )  # the model's


def test_impossible_clusters_are_rejected(fitted: WVAE, data: Dataset, tmp_path: Path):
    for k in (1, 2651):
        with pytest.raises(ValueError, match=f"k is {k}, expected 2 to 2650"):
            encode_to_file(fitted, data, tmp_path / "codes.parquet", k=k)
    named = replace(data, factors={"cluster": data.factors["writer"]})
    with pytest.raises(
        ValueError,
        match="planted has a column 'cluster'",
    ):
        encode_to_file(fitted, named, tmp_path / "codes.parquet", k=5)
    encode_to_file(fitted, named, tmp_path / "codes.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["codes.parquet"]
    assert centres_file(tmp_path / "a.b.parquet").name == "a.b-centres.npy"


# ------------------------------------------------------------------------------------------- parts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for start in (0, 1000, 2000):
        rows = np.arange(start, min(start + 1000, 2500))
        write_columns(
            tmp_path / "codes.partial" / parts.part_name(start), {"z": rows / 2, "row": rows}
        )
    return tmp_path / "codes.partial"


def test_parts_hold_every_row_exactly_once(folder: Path):
    assert parts.check_parts(folder, 2500, 1000) == 3
    rows = np.r_[1000:1999, 1000]
    write_columns(folder / parts.part_name(1000), {"row": rows})
    with pytest.raises(ValueError, match=r"part-000000001000.parquet does not hold"):
        parts.check_parts(folder, 2500, 1000)
    (folder / parts.part_name(1000)).write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"part-000000001000.parquet is damaged"):
        parts.check_parts(folder, 2500, 1000)
    (folder / parts.part_name(1000)).unlink()
    with pytest.raises(ValueError, match=r"1,000–1,999; .*codes.partial"):
        parts.check_parts(folder, 2500, 1000)
    assert parts.missing_parts(folder, 2500, 1000) == [slice(1000, 2000)]
    write_columns(folder / parts.part_name(1000), {"row": np.arange(1000, 2000)})
    write_columns(folder / parts.part_name(500), {"row": np.arange(500, 1000)})
    with pytest.raises(ValueError, match=r"other rows, 'part-000000000500.parquet'"):
        parts.check_parts(folder, 2500, 1000)


def test_unfinished_codes_with_other_settings_are_not_resumed(folder: Path):
    settings, out = {"data": "a", "part": 1000}, folder.with_name("codes")
    for path in folder.iterdir():
        path.unlink()
    parts.start_encoding(folder, settings)
    parts.check_folder(out, folder, settings, overwrite=False)
    with pytest.raises(RunError, match=r"codes.partial .*\(data\)"):
        parts.check_folder(out, folder, settings | {"data": "b"}, overwrite=False)
    parts.finish_encoding(folder, out)
    parts.check_folder(out, folder, settings, overwrite=True)
    folder.mkdir()
    (folder / parts.SETTINGS_FILE).write_text("{")
    with pytest.raises(RunError, match=r"\(data, part\)"):
        parts.check_folder(folder.with_name("new"), folder, settings, overwrite=False)
    (folder / parts.part_name(0)).touch()
    parts.start_encoding(folder, settings)
    assert [path.name for path in folder.iterdir()] == [parts.SETTINGS_FILE]
