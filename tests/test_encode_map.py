"""`wvae encode --map --images`: maps, neighbours and pictures for other viewers."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from command_line import Command
from wvae import WVAE
from wvae.datasets import Dataset
from wvae.workflows.encode import encode_columns
from wvae.workflows.encode_map import encode_map_to_file

parquet = pytest.importorskip("pyarrow.parquet")
Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def table(fitted: WVAE, planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The file of the planted data, written in several blocks."""
    monkeypatch.setattr("wvae.workflows.encode_map.ROWS", 150)
    encode_map_to_file(
        fitted, planted, tmp_path / "new" / "codes.parquet", map_method="tsne", images=True, k=5
    )
    assert (tmp_path / "new" / "codes-centres.npy").exists()
    return parquet.read_table(tmp_path / "new" / "codes.parquet")


@pytest.mark.slow
def test_the_file_has_map_neighbours_and_pictures(table: Any, fitted: WVAE, planted: Dataset):
    columns = encode_columns(fitted, planted)
    assert table.column_names == [*columns, "cluster", "x", "y", "neighbors", "image"]
    assert str(table.schema.field("neighbors").type) == (
        "struct<ids: list<element: int64>, distances: list<element: float>>"
    )
    assert str(table.schema.field("image").type) == "struct<bytes: binary, path: string>"
    for name in columns:
        if name.startswith("z_"):
            np.testing.assert_allclose(table[name].to_numpy(), columns[name], atol=1e-5)
        else:
            assert table[name].to_pylist() == columns[name].tolist()
    assert np.isfinite(np.array([table["x"].to_numpy(), table["y"].to_numpy()])).all()
    z = np.stack([columns[f"z_rest{i}"] for i in range(3)], 1)
    exact = cdist(z, z)
    np.fill_diagonal(exact, np.inf)
    for row, found in enumerate(table["neighbors"].to_pylist()):
        assert len(found["ids"]) == 15
        np.testing.assert_allclose(exact[row, found["ids"]], found["distances"], atol=1e-3)
        np.testing.assert_allclose(found["distances"], np.sort(exact[row])[:15], atol=1e-3)
    for row, found in enumerate(table["image"].to_pylist()):
        assert found["path"] == f"{row}.png"
        pixels = np.asarray(Image.open(io.BytesIO(found["bytes"])))
        np.testing.assert_array_equal(pixels, planted.x[row])


def test_pictures_alone_keep_the_names_of_files(fitted: WVAE, planted: Dataset, tmp_path: Path):
    few = planted.subset(slice(0, 3))
    few = replace(few, files=np.array(["a/1.png", "a/2.png", "b/3.png"]))
    encode_map_to_file(fitted, few, tmp_path / "c.parquet", images=True)
    table = parquet.read_table(tmp_path / "c.parquet")
    assert "x" not in table.column_names
    paths = [picture["path"] for picture in table["image"].to_pylist()]
    assert paths == ["a/1.png", "a/2.png", "b/3.png"]


@pytest.mark.parametrize(
    ("name", "options"),
    [("neighbors", {"map_method": "umap"}),
     ("image", {"images": True})],
)  # fmt: skip
def test_a_column_of_the_same_name_is_named(
    name: str, options: dict[str, Any], fitted: WVAE, planted: Dataset, tmp_path: Path
):
    data = replace(planted, factors={name: planted.factors["writer"]})
    with pytest.raises(ValueError, match=f"has a column '{name}'"):
        encode_map_to_file(fitted, data, tmp_path / "c.parquet", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")
def test_a_table_has_no_pictures(planted: Dataset, tmp_path: Path):
    x = planted.x.reshape(len(planted), -1)[:, :4].astype(np.float32)
    options: dict[str, Any] = {"kind": "table", "epochs": 1, "width": 8, "alignment": "none"}
    model = WVAE(**options, finetune_epochs=0, device="cpu").fit(x, planted.y)
    data = replace(planted, x=x, kind="table")
    with pytest.raises(ValueError, match="leave out --images"):
        encode_map_to_file(model, data, tmp_path / "c.parquet", images=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--map", "tsne", "--on", "ray"], "--map tsne cannot be computed on a cluster"),
        (["--images", "--on", "ray"], "--images cannot be computed on a cluster"),
        (["--map", "pca"], "'pca' is not one of"),
        (["--seed", "1"], "need --k or --map"),
    ],
)
def test_wrong_flags_are_refused_in_one_line(arguments: list[str], message: str, command: Command):
    result = command("encode", "m", "digits8x8", *arguments)
    assert result.code != 0
    assert message in result.err


@pytest.mark.slow
def test_the_command_writes_the_columns(
    command: Command, fitted: WVAE, planted: Dataset, tmp_path: Path
):
    fitted.save(tmp_path / "m")
    np.savez(tmp_path / "own.npz", x=planted.x[:60], y=planted.y[:60])
    out, options = "own-codes.parquet", ("--map", "tsne", "--images", "--seed", "3", "--quiet")
    assert command("encode", "m", "own.npz", *options) == (0, f"{out}\n", "")
    first = parquet.read_table(tmp_path / out)
    # `y` is the label of this file.
    assert {"y", "map_x", "map_y", "neighbors", "image"} < set(first.column_names)
    command("encode", "m", "own.npz", *options)
    assert parquet.read_table(tmp_path / out).equals(first)
