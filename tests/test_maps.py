"""Maps of codes, nearest neighbours, and thumbnails of examples."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from wvae.datasets.values import ValueScale
from wvae.evaluation.embedding import tsne, tsne_of_many
from wvae.workflows.maps import map_points, nearest_neighbors
from wvae.workflows.thumbnails import Thumbnails, png, shown_range, write_sheets

GROUPS = 4


def groups(n: int, d: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return points in four far groups, and the group of each."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, GROUPS, n)
    return 20 * rng.normal(size=(GROUPS, d))[group] + rng.normal(size=(n, d)), group


def same_group(positions: np.ndarray, group: np.ndarray) -> float:
    """Return how often the nearest point of a map is of the same group."""
    distances = cdist(positions, positions)
    np.fill_diagonal(distances, np.inf)
    return float((group[distances.argmin(1)] == group).mean())


@pytest.mark.slow
@pytest.mark.parametrize("method", ["tsne", "umap", "pca"])
def test_groups_stay_together(method: Any):
    if method == "umap":
        pytest.importorskip("umap")
    z, group = groups(300)
    positions = map_points(z, method, seed=3)
    assert positions.shape == (300, 2)
    assert positions.dtype == np.float32
    assert same_group(positions, group) > 0.98
    assert same_group(positions, np.random.default_rng(0).permutation(group)) < 0.5
    np.testing.assert_array_equal(map_points(z, method, seed=3), positions)


@pytest.mark.slow
def test_further_points_are_placed_into_the_map():
    z, group = groups(400)
    steps: list[tuple[int, int]] = []
    positions = tsne_of_many(z, n_fitted=150, on_step=lambda *step: steps.append(step))
    assert same_group(positions, group) > 0.98
    assert steps[-1] == (800, 800)
    again = tsne_of_many(z, n_fitted=150)
    np.testing.assert_array_equal(again, positions)
    np.testing.assert_array_equal(tsne_of_many(z[:60], seed=1), tsne(z[:60], seed=1))


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("method", ["tsne", "umap", "pca"])
def test_few_or_equal_points_have_a_map(n: int, method: Any):
    if method == "umap":
        pytest.importorskip("umap")
    for z in (np.ones((n, 3)), np.arange(3 * n).reshape(n, 3), np.arange(n)[:, None]):
        positions = map_points(z, method)
        assert positions.shape == (n, 2)
        assert np.isfinite(positions).all()


def test_principal_components_keep_the_longest_axis():
    z = np.random.default_rng(0).normal(size=(500, 4)) * [1, 9, 1, 3]
    positions = map_points(z, "pca")
    assert abs(np.corrcoef(positions[:, 0], z[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(positions[:, 1], z[:, 3])[0, 1]) > 0.98


@pytest.mark.parametrize(
    ("z", "method", "message"),
    [
        (np.zeros((3, 2)), "isomap", "method is 'isomap', expected tsne, umap, pca"),
        (np.zeros((1, 2)), "pca", "at least 2 codes"),
        (np.full((3, 2), np.nan), "tsne", "NaN"),
    ],
)
def test_wrong_input_is_named(z: np.ndarray, method: Any, message: str):
    with pytest.raises(ValueError, match=message):
        map_points(z, method)


def test_neighbours_are_the_nearest_others():
    z = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    z[7] = z[3]  # twice the same code: each is the other's nearest neighbour
    ids, distances = nearest_neighbors(z, 5)
    exact = cdist(z, z)
    np.fill_diagonal(exact, np.inf)
    np.testing.assert_allclose(np.take_along_axis(exact, ids, 1), distances, atol=1e-5)
    np.testing.assert_allclose(distances, np.sort(exact, 1)[:, :5], atol=1e-5)
    assert (ids[7][0], ids[3][0]) == (3, 7)
    assert nearest_neighbors(z[:3], 15)[0].shape == (3, 2)


# -------------------------------------------------------------------------------------- thumbnails

WHITE = ValueScale(white=255, unit_range=True)
UNIT = ValueScale(unit_range=True)


def cells(file: Path, height: int, width: int, across: int) -> np.ndarray:
    """Return the thumbnails of a sheet."""
    from PIL import Image

    picture = np.asarray(Image.open(io.BytesIO(file.read_bytes())))
    rows = [
        picture[top : top + height, left : left + width]
        for top in range(0, picture.shape[0], height)
        for left in range(0, width * across, width)
    ]
    return np.stack(rows)


@pytest.mark.parametrize("shape", [(7, 5), (1, 7, 5), (3, 7, 5)])
def test_small_images_keep_their_pixels(shape: tuple[int, ...], tmp_path: Path):
    x = np.random.default_rng(0).integers(0, 256, (1030, *shape)).astype(np.uint8)
    sheets = write_sheets(Thumbnails(x, "image", WHITE), tmp_path)
    assert (sheets.width, sheets.height, sheets.across, sheets.per_sheet) == (5, 7, 32, 1024)
    assert [file.name for file in sheets.files] == ["sheet-0000.png", "sheet-0001.png"]
    found = np.concatenate([cells(file, 7, 5, 32) for file in sheets.files])[: len(x)]
    expected = x.transpose(0, 2, 3, 1) if shape[0] == 3 else x.reshape(-1, 7, 5)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "x", [np.array([[[0.0, 0.2], [0.4, 1.0]]]), np.array([[[0, 51], [102, 255]]], np.int32)]
)
def test_fractions_and_levels_look_alike(x: np.ndarray):
    assert Thumbnails(x, "image", WHITE)(slice(0, 1)).tolist() == [[[0, 51], [102, 255]]]


def test_low_frequencies_are_at_the_bottom():
    x = np.array([[[0.0, 0.2], [1.0, 0.4]]], np.float32)  # the second band is loud at first
    assert Thumbnails(x, "audio", UNIT)(slice(0, 1)).tolist() == [[[255, 102], [0, 51]]]


def test_large_images_are_averaged():
    x = np.zeros((1, 3, 256, 128), np.uint8)
    x[0, 1, :4] = 200
    draw = Thumbnails(x, "image", WHITE)
    picture = draw(slice(0, 1))[0]
    assert draw.size == (64, 32)
    assert picture[0].tolist() == [[0, 200, 0]] * 32
    assert not picture[1:].any()
    odd = np.random.default_rng(0).random((2, 65, 100)).astype(np.float32)
    small = Thumbnails(odd, "image", UNIT)(slice(0, 2))
    assert small.shape == (2, 42, 64)
    np.testing.assert_allclose(small.mean((1, 2)) / 255, odd.mean((1, 2)), atol=0.01)


def test_values_of_any_range_fill_the_greys():
    x = np.linspace(-3, 5, 2000).reshape(-1, 1, 1)
    low, high = shown_range(x, ValueScale())
    assert (round(low, 2), round(high, 2)) == (-2.96, 4.96)
    pixels = Thumbnails(x, "image", ValueScale())(slice(0, 2000)).ravel()
    assert (pixels[0], pixels[1000], pixels[-1]) == (0, 128, 255)
    assert shown_range(np.zeros((4, 2, 2)), ValueScale()) == (0.0, 1.0)


def test_memory_maps_are_read_in_blocks(tmp_path: Path):
    x = np.random.default_rng(0).integers(0, 256, (50, 4, 4)).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    draw = Thumbnails(mapped, "image", WHITE)
    np.testing.assert_array_equal(draw(slice(3, 9)), x[3:9])
    assert png(draw(slice(0, 1))[0])[:4] == b"\x89PNG"
