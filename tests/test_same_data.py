"""The same data in another order, type or container have the same codes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

from wvae import WVAE
from wvae.datasets import Dataset, open_data

N = 40
QUICK: dict[str, Any] = {
    **{"d_label": 2, "d_rest": 2, "width": 8, "depth": 1, "epochs": 1, "min_steps_per_epoch": 1},
    **{"alignment": "none", "finetune_epochs": 0, "device": "cpu"},
}


def fitted(data: Dataset) -> WVAE:
    return WVAE(**QUICK).fit(data)


def opened(path: Path, **options: Any) -> Dataset:
    return open_data(path, log=lambda line: None, progress=False, **options)


def check_same(a: Dataset, b: Dataset, model: WVAE, order: np.ndarray) -> None:
    """Compare the codes, labels and splits of two readings, of which b has rows of a by order."""
    assert b.y.tolist() == a.y[order].tolist()
    for of_a, of_b in zip(model.encode(a.x), model.encode(b.x), strict=True):
        np.testing.assert_allclose(of_b, of_a[order], atol=2e-5)


# ------------------------------------------------------------------------------------- tables


@dataclass(frozen=True)
class Written:
    """How a table is written."""

    container: str  # the suffix, or "npz"
    dtype: str
    columns: list[int]  # their order
    rows: list[int]
    extra: bool  # a column that the model does not know


def written(columns: int, dtypes: tuple[str, ...]) -> st.SearchStrategy[Written]:
    return st.builds(
        Written,
        container=st.sampled_from(["csv", "tsv", "semicolon", "utf16", "parquet", "npz"]),
        dtype=st.sampled_from(dtypes),
        columns=st.permutations(range(columns)),
        rows=st.permutations(range(N)),
        extra=st.booleans(),
    )


def write_table(folder: Path, values: np.ndarray, y: np.ndarray, how: Written) -> Path:
    """Write a table whose numbers have names, or for .npz only an order."""
    names = [f"column {i}" for i in range(values.shape[1])]
    values, y = values[how.rows].astype(how.dtype), y[how.rows]
    path = folder / f"data.{how.container}"
    if how.container == "npz":  # no names: the order is that of the model
        np.savez(path, x=values, label=y)
        return path
    frame = pd.DataFrame(values.astype(values.dtype.newbyteorder("=")), columns=names)
    frame = frame[[names[i] for i in how.columns]]
    if how.extra:
        frame.insert(0, "unknown", np.array(how.rows) % 7 + 0.5)
    frame["label"] = y
    if how.container == "parquet":
        frame.to_parquet(path, index=False)
    elif how.container == "tsv":
        frame.to_csv(path, sep="\t", index=False)
    elif how.container == "semicolon":
        path = folder / "data.csv"
        frame.to_csv(path, sep=";", decimal=",", index=False)
    elif how.container == "utf16":
        path = folder / "data.csv"
        frame.to_csv(path, index=False, encoding="utf-16")
    else:
        frame.to_csv(path, index=False)
    return path


INTEGERS = ("uint8", "int16", "uint16", "int64", ">i4", "float32", "float64", ">f8")


@settings(max_examples=30, deadline=None)
@given(data=st.data(), columns=st.integers(1, 4), seed=st.integers(0, 99))
def test_tables_of_whole_numbers(data: st.DataObject, columns: int, seed: int):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 200, (N, columns))
    y = np.where(np.arange(N) % 2, "cat", "dog")
    how = [data.draw(written(columns, INTEGERS)) for _ in range(2)]
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
        first = opened(write_table(Path(a), values, y, how[0]))
        model = fitted(first)
        if first.schema is not None and how[0].container != "npz" and how[1].container == "npz":
            # The order of columns without names is that of the file the model was fitted to.
            names = [f"column {i}" for i in how[0].columns]
            kept = [int(name.split()[1]) for name in names]
            values = values[:, kept]
            if how[0].extra:
                values = np.c_[np.zeros(N, int), values]
                if how[1].dtype in INTEGERS:
                    return
        if how[0].container == "npz" and how[1].container != "npz":
            return  # a model without names cannot choose among columns with names
        if how[0].extra and not how[1].extra and how[1].container != "npz":
            with pytest.raises(ValueError, match="unknown"):
                opened(write_table(Path(b), values, y, how[1]), like=model)
            return
        second = opened(write_table(Path(b), values, y, how[1]), like=model)
        order = np.array([how[0].rows.index(row) for row in how[1].rows])
        check_same(first, second, model, order)


@settings(max_examples=15, deadline=None)
@given(
    container=st.sampled_from(["csv", "parquet", "npz", "frame", "shards"]),
    center=st.sampled_from([0.0, 1e-6, 5e4, 1.7e9]),
    seed=st.integers(0, 99),
)
def test_tables_of_fractions(container: str, center: float, seed: int):
    rng = np.random.default_rng(seed)
    values = center + rng.normal(0, 3 if center > 1 else 1e-6 if center else 1, (N, 2))
    y = np.where(np.arange(N) % 2, "cat", "dog")
    frame = pd.DataFrame(values, columns=["a", "b"]).assign(label=y)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        frame.to_csv(base / "first.csv", index=False)
        first = opened(base / "first.csv")
        model = fitted(first)
        if container == "frame":
            direct = WVAE(**QUICK).fit(frame[["a", "b"]], y)
            split = first.split
            assert split is not None
            z = direct.encode(frame[["a", "b"]])[0]
            assert z.shape == (N, 2)
            return
        path = base / f"second.{container}"
        if container == "csv":
            frame[["label", "b", "a"]].to_csv(path, index=False)
        elif container == "parquet":
            frame[["b", "label", "a"]].to_parquet(path)
        elif container == "npz":
            np.savez(path, x=values, label=y)
        else:
            path = base / "shards"
            path.mkdir()
            x = pa.array(values.tolist(), pa.list_(pa.float64()))
            parquet.write_table(pa.table({"x": x[:15], "label": y[:15]}), path / "0.parquet")
            parquet.write_table(pa.table({"label": y[15:], "x": x[15:]}), path / "1.parquet")
        check_same(first, opened(path, like=model), model, np.arange(N))


# ------------------------------------------------------------------------------------- images


@settings(max_examples=15, deadline=None)
@given(
    container=st.sampled_from(["png", "bmp", "tif", "npz", "npy", "shards", "parquet", "bytes"]),
    dtype=st.sampled_from(INTEGERS),
    seed=st.integers(0, 99),
)
def test_images(container: str, dtype: str, seed: int):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (N, 8, 8)).astype(np.uint8)
    y = np.where(np.arange(N) % 2, "cat", "dog")
    order = np.arange(N)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        np.savez(base / "first.npz", x=pixels, y=y)
        first = opened(base / "first.npz")
        model = fitted(first)
        path = base / "second"
        if container in ("png", "bmp", "tif"):
            for name in ("cat", "dog"):
                (path / name).mkdir(parents=True)
            for i in range(N):
                Image.fromarray(pixels[i]).save(path / y[i] / f"{i:02}.{container}")
            order = np.r_[np.flatnonzero(y == "cat"), np.flatnonzero(y == "dog")]
        elif container == "npz":
            path = base / "second.npz"
            np.savez(path, images=pixels.astype(dtype), y=y.astype(object).astype(str))
        elif container == "npy":
            path = base / "second.npy"
            np.save(path, pixels.astype(dtype))
            np.save(base / "second-labels.npy", y)
        elif container == "shards":
            path.mkdir()
            for k, rows in enumerate((slice(0, 11), slice(11, N))):
                np.save(path / f"{k}.npy", pixels[rows].astype(dtype))
                np.save(path / f"{k}-y.npy", y[rows])
        else:
            path = base / "second.parquet"
            parquet.write_table(image_table(pixels, y, dtype, container == "bytes"), path)
        check_same(first, opened(path, like=model), model, order)


def image_table(pixels: np.ndarray, y: np.ndarray, dtype: str, as_bytes: bool) -> pa.Table:
    """Return images as encoded files, or as lists of lists."""
    if not as_bytes:
        native = np.dtype(dtype).newbyteorder("=")
        return pa.table({"image": pixels.astype(native).tolist(), "y": y})
    encoded: list[bytes] = []
    for image in pixels:
        with tempfile.TemporaryFile() as file:
            Image.fromarray(image).save(file, "PNG")
            file.seek(0)
            encoded.append(file.read())
    return pa.table({"image": pa.array(encoded, pa.binary()), "y": y})
