"""The data set `scenes`: digits over photographs."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("skimage", reason="the extra 'scenes' is not installed")

from wvae.datasets import CATALOGUE, Dataset, load
from wvae.datasets.sources import scenes
from wvae.datasets.sources.scenes import BLOCK, CONTRAST, CROP, SCALE, SCENES, SHIFT, SIDE


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load("scenes", images=1200)


@pytest.fixture(scope="module")
def blocks() -> dict[str, scenes._Blocks]:
    return {name: scenes._blocks(scene, name) for name, scene in SCENES.items()}


def luminance(x: np.ndarray) -> np.ndarray:
    """Return the luminance in [0, 1], (n, height, width), of images (n, 3, height, width)."""
    return np.tensordot(x.astype(np.float32) / 255, scenes.LUMINANCE, (1, 0))


def test_shapes_dtypes_and_split(data: Dataset):
    assert data.x.shape == (1200, 3, SIDE, SIDE)
    assert data.x.dtype == np.uint8
    assert (data.kind, data.name, data.label_name) == ("image", "scenes", "digit")
    assert set(data.factors) == {
        "scene",
        "writer",
        "size",
        "shift_x",
        "shift_y",
        "contrast",
        "zoom",
    }
    assert data.split is not None
    assert (data.split == np.repeat(["train", "test"], [1050, 150])).all()
    assert CATALOGUE["scenes"].licence.startswith("CC0")
    assert "CC BY 2.0" in data.licence


def test_catalogue_states_the_default_number_of_images():
    default = inspect.signature(scenes.load).parameters["images"].default
    assert CATALOGUE["scenes"].size.startswith(f"{default:,} ")


def test_seed_determines_the_data(data: Dataset):
    again, other = load("scenes", images=1200), load("scenes", images=1200, seed=1)
    assert (again.x == data.x).all()
    assert (again.y == data.y).all()
    for name, values in again.factors.items():
        assert (values == data.factors[name]).all()
    assert not (other.x == data.x).all()
    assert not (other.y == data.y).all()


def test_scenes_and_digits_are_balanced_and_independent(data: Dataset):
    names, counts = np.unique(data.factors["scene"], return_counts=True)
    assert names.tolist() == sorted(SCENES)
    assert np.ptp(counts) <= 1
    assert np.bincount(data.y).min() > 90
    scene = np.searchsorted(names, data.factors["scene"])
    table = np.zeros((len(names), 10))
    np.add.at(table, (scene, data.y), 1)
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    degrees = (len(names) - 1) * 9
    assert ((table - expected) ** 2 / expected).sum() < degrees + 4 * (2 * degrees) ** 0.5  # χ²


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("size", *SCALE),
        ("shift_x", -SHIFT, SHIFT),
        ("shift_y", -SHIFT, SHIFT),
        ("zoom", CROP[0] / SIDE, CROP[1] / SIDE),
    ],
)
def test_factors_fill_their_range_independently_of_the_digit(
    data: Dataset, name: str, low: float, high: float
):
    values = data.factors[name]
    assert values.dtype == np.float32
    assert low - 1e-5 <= values.min() < low + 0.05 * (high - low)
    assert high - 0.05 * (high - low) < values.max() <= high + 1e-5
    means = np.array([values[data.y == d].mean() for d in range(10)])
    assert np.ptp(means) < 0.2 * (high - low)


def test_no_block_is_in_both_train_and_test(blocks: dict[str, scenes._Blocks]):
    for name, (train, test) in blocks.items():
        assert train.shape[1:] == test.shape[1:] == (3, BLOCK, BLOCK)
        assert len(train) >= 12, name
        assert len(test) >= 3, name
        share = len(test) / (len(train) + len(test))
        assert 0.15 < share < 0.27, name
        train_blocks = {block.tobytes() for block in train}
        test_blocks = {block.tobytes() for block in test}
        assert not train_blocks & test_blocks, name
        assert min(train.min(), test.min()) >= 0
        assert max(train.max(), test.max()) <= 0.6 + 1e-6  # dimmed


def test_crop_comes_from_blocks_of_its_scene_and_part():
    planted = [
        scenes._Blocks(
            np.full((4, 3, BLOCK, BLOCK), value), np.full((2, 3, BLOCK, BLOCK), value + 0.05)
        )
        for value in (0.1, 0.3)
    ]
    scene, test = np.array([0, 1, 0, 1]), np.array([False, False, True, True])
    behind, zoom = scenes._crop(planted, scene, test, np.random.default_rng(0))
    assert behind.shape == (4, 3, SIDE, SIDE)
    assert np.allclose(
        behind, np.array([0.1, 0.3, 0.15, 0.35])[:, None, None, None], atol=1e-6
    )  # flat up to the edges
    assert zoom.shape == (4,)


def test_no_digit_is_used_twice_and_parts_match(monkeypatch: pytest.MonkeyPatch):
    source = load("handwriting", writers=15, images=100)
    assert source.split is not None
    marked = Dataset(source.x, np.arange(len(source)), source.factors, source.split)
    monkeypatch.setattr(scenes, "_handwriting", lambda images, seed: marked)
    data = load("scenes", images=1200)
    assert data.split is not None
    assert len(np.unique(data.y)) == 1200
    assert (source.split[data.y] == data.split).all()
    assert (source.factors["writer"][data.y] == data.factors["writer"]).all()


def test_digit_has_the_size_and_position_of_its_factors():
    box = np.zeros((300, 28, 28), np.uint8)
    box[:, 9:19, 9:19] = 255
    ink, size, x, y = scenes._place(box, np.random.default_rng(0))
    grid = np.arange(SIDE) - (SIDE - 1) / 2
    mass = ink.sum((1, 2))
    assert np.allclose((ink.sum(1) @ grid) / mass, x, atol=0.05)
    assert np.allclose((ink.sum(2) @ grid) / mass, y, atol=0.05)
    assert np.allclose(np.sqrt(mass), 10 * size, rtol=0.02)


def test_ink_is_brighter_than_what_it_covers(data: Dataset):
    contrast = data.factors["contrast"]
    assert contrast.min() > CONTRAST[0] / 2  # clipping a tint to [0, 1] may reduce it
    assert (contrast > CONTRAST[0] - 0.05).mean() > 0.95
    assert contrast.max() < CONTRAST[1] + 0.1
    brightest = np.quantile(luminance(data.x), 0.97, axis=(1, 2))
    median = np.median(luminance(data.x), axis=(1, 2))
    assert np.mean(brightest - median > 0.2) > 0.95


def test_colours_predict_the_scene_but_not_the_digit(data: Dataset):
    from sklearn.linear_model import LogisticRegression

    pixels = data.x.reshape(len(data), 3, -1)
    quantiles = np.quantile(pixels, [0.1, 0.5, 0.9], axis=2)  # (3, n, 3)
    colours = np.concatenate([pixels.mean(2), *quantiles], 1) / 255
    train = data.split == "train"
    accuracies = []
    for target in (data.factors["scene"], data.y):
        probe = LogisticRegression(C=100, max_iter=2000).fit(colours[train], target[train])
        accuracies.append(probe.score(colours[~train], target[~train]))
    assert accuracies[0] > 0.6
    assert accuracies[1] < 0.35


def test_every_photograph_is_in_its_package():
    for name, scene in SCENES.items():
        photograph = scenes._photograph(scene, name)
        assert photograph.dtype == np.float32
        assert min(photograph.shape[:2]) >= 4 * BLOCK, name


def test_digits_of_mnist_keep_their_split(mnist: Dataset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scenes.mnist, "load", lambda progress: mnist)
    data = load("scenes", digits="mnist", images=400)
    assert mnist.split is not None
    assert data.split is not None
    writers = {
        part: set(mnist.factors["writer"][mnist.split == part].tolist())
        for part in ("train", "test")
    }
    for part in ("train", "test"):
        assert set(data.factors["writer"][data.split == part].tolist()) <= writers[part]
    assert "CC BY-SA" in data.licence
    with pytest.raises(
        ValueError, match=r"images is 70000, of which 61250 are for train, but mnist has 60000"
    ):
        load("scenes", digits="mnist", images=70_000)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"digits": "emnist"}, "digits is 'emnist', expected one of handwriting, mnist"),
        ({"images": 99}, "images is 99, expected an integer of at least 100: try images=100"),
        ({"images": True}, "images is True, expected an integer"),
        ({"seed": -1}, "seed is -1, expected an integer of at least 0: try seed=0"),
        ({"seed": 0.5}, "seed is 0.5, expected an integer"),
    ],
)
def test_invalid_argument_is_an_error(options: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        load("scenes", **options)


def test_missing_scikit_image_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    def absent(package: str) -> Path:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(scenes, "files", absent)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'wvae\[scenes\]'") as caught:
        load("scenes", images=100)
    assert caught.value.name is not None


def test_missing_or_different_photograph_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    from PIL import Image

    monkeypatch.setattr(scenes, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=r"china\.jpg.*'temple'.*missing"):
        load("scenes", images=100)
    Image.new("RGB", (100, 80)).save(tmp_path / "china.jpg")
    with pytest.raises(ValueError, match=r"100 × 80 pixels, expected at least 285 × 350.*'temple'"):
        load("scenes", images=100)
