"""Dark strokes on bright paper: negatives get the same codes, and decode as negatives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from wvae import WVAE
from wvae.config import Config
from wvae.datasets import Dataset
from wvae.datasets.values import ValueScale, has_dark_strokes
from wvae.training.initialise import build_model

QUICK: dict[str, Any] = {
    "d_label": 3, "d_rest": 2, "width": 16, "epochs": 2, "alignment_steps": 5,
    "finetune_epochs": 1, "device": "cpu", "random_state": 1,
}  # fmt: skip


def strokes(n: int = 40, seed: int = 0) -> np.ndarray:
    """Return bright bars on black, (n, 12, 12), uint8, that stop two pixels before the edge."""
    rng = np.random.default_rng(seed)
    x = np.zeros((n, 12, 12), np.uint8)
    for image in x:
        column = rng.integers(2, 9)
        image[2:10, column : column + 2] = rng.integers(120, 256, (8, 2))
    return x


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("backbone", ["conv", "deep", "mlp"])
def test_a_model_of_dark_strokes_is_the_mirror_of_one_of_bright_strokes(
    likelihood: Any, backbone: Any
) -> None:
    config = Config(likelihood=likelihood, backbone=backbone, width=16, d_label=3, d_rest=2)
    bright, dark = (build_model(config, (12, 12), 4, dark_strokes=is_dark).eval() for is_dark in
                    (False, True))  # fmt: skip
    x, y = torch.from_numpy(strokes(8)) / 255, torch.arange(8) % 4
    noise = torch.randn(8, 3), torch.randn(8, 2)
    for of_bright, of_dark in zip(bright.encode(x), dark.encode(1 - x), strict=True):
        torch.testing.assert_close(of_dark.mean, of_bright.mean)
        torch.testing.assert_close(of_dark.stddev, of_bright.stddev)
    torch.testing.assert_close(dark.decode_mean(*noise), 1 - bright.decode_mean(*noise))
    torch.testing.assert_close(dark.style_features(1 - x), bright.style_features(x))
    of_bright, of_dark = bright(x, y, noise), dark(1 - x, y, noise)
    for name, value in of_bright.items():
        torch.testing.assert_close(of_dark[name], value, rtol=1e-4, atol=1e-4)
    augmented = bright.augment(x, torch.Generator().manual_seed(0))
    of_negative = dark.augment(1 - x, torch.Generator().manual_seed(0))
    torch.testing.assert_close(of_negative, 1 - augmented)
    assert not torch.equal(augmented, x)


def test_fitted_to_negatives_the_codes_and_labels_are_the_same() -> None:
    x, y = strokes(), np.arange(40) % 4
    bright, dark = WVAE(**QUICK).fit(x, y), WVAE(**QUICK).fit(255 - x, y)
    assert (bright.scale_.dark_strokes, dark.scale_.dark_strokes) == (False, True)
    for of_dark, of_bright in zip(dark.encode(255 - x), bright.encode(x), strict=True):
        np.testing.assert_allclose(of_dark, of_bright, atol=0.02)
    np.testing.assert_allclose(dark.reconstruct(255 - x), 1 - bright.reconstruct(x), atol=0.02)


def test_a_saved_model_of_dark_strokes_gives_the_same_codes(tmp_path: Path) -> None:
    x, y = 255 - strokes(), np.arange(40) % 4
    model = WVAE(**QUICK).fit(x, y)
    model.save(tmp_path / "m")
    again = WVAE.load(tmp_path / "m")
    np.testing.assert_array_equal(again.transform(x), model.transform(x))
    np.testing.assert_array_equal(again.reconstruct(x), model.reconstruct(x))


@pytest.mark.parametrize("backbone", ["article", "conv"])
def test_the_network_of_the_article_sees_images_as_they_are(backbone: Any) -> None:
    options = QUICK | {"backbone": backbone}
    model = WVAE(**options).fit(255 - strokes(), np.arange(40) % 4)
    assert model.scale_.dark_strokes == (backbone != "article")


def test_the_edge_of_the_images_decides(planted: Dataset) -> None:
    scale = ValueScale(white=255, unit_range=True)
    x = strokes()
    assert has_dark_strokes(255 - x, scale)
    assert has_dark_strokes(255 - x[:, None], scale)
    assert has_dark_strokes(1 - x / 255, ValueScale(unit_range=True))
    assert not has_dark_strokes(x, scale)
    assert not has_dark_strokes(
        np.pad(x[:, 2:10, 2:10] // 2 + 127, [(0, 0), (2, 2), (2, 2)]), scale
    )
    assert not has_dark_strokes(np.repeat(255 - x[:, None], 3, 1), scale)  # colour
    assert not has_dark_strokes(255 - x, ValueScale())  # no known range
    assert not WVAE(**QUICK, kind="audio").fit(1 - x / 255, np.arange(40) % 4).scale_.dark_strokes
