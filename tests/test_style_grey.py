"""Style features of grey images: strokes of known thickness, slant and width, and blank images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from wvae.nn.style_features.grey import GreyStyleFeatures

GROUP_WEIGHTS = {
    "thickness": [1.0],
    "slant": [1.0],
    "width": [0.5] * 2,
    "height": [0.25],
    "place": [1.0] * 2,
    "edges": [0.25] * 2,
    "saturation": [0.5],
    "orientations": [0.125] * 8,
    "shape": [0.5 / 6] * 6,
}
NAMES = [f"{name}{i}" for name, weights in GROUP_WEIGHTS.items() for i in range(len(weights))]
SIDE = 28


def stroke(thickness: float = 4.0, slant: float = 0.0, height: float = 16.0) -> Tensor:
    """Return an image of one upright stroke, (SIDE, SIDE), with soft edges and sheared by slant."""
    rows, columns = torch.arange(SIDE).view(-1, 1) - 13.5, torch.arange(SIDE) - 13.5
    across = (thickness / 2 + 0.5 - (columns - slant * rows).abs()).clamp(0, 1)
    return across * (height / 2 + 0.5 - rows.abs()).clamp(0, 1)


def measure(*images: Tensor) -> dict[str, list[float]]:
    features = GreyStyleFeatures(tuple(images[0].shape))(torch.stack(images))
    return dict(zip(NAMES, features.T.tolist(), strict=True))


def test_groups_have_their_sizes_and_weights() -> None:
    features = GreyStyleFeatures((SIDE, SIDE))
    assert features.size == 24
    weights = np.concatenate(list(GROUP_WEIGHTS.values()))
    np.testing.assert_allclose(features.weight.numpy(), weights, rtol=1e-6)
    assert features.state_dict() == {}  # nothing is learnt


# ------------------------------------------------------------------------------- known strokes


def test_thickness_is_in_pixels() -> None:
    # 2 × ink / edge of a t × h rectangle is t h / (t + h), since its ends are edges, too.
    thickness = (2, 3, 4, 6)
    measured = measure(*(stroke(t, height=20) for t in thickness))["thickness0"]
    assert measured == pytest.approx([t * 20 / (t + 20) for t in thickness], rel=0.07)


def test_slant_is_the_shear() -> None:
    slants = [-0.6, -0.3, 0.0, 0.2, 0.5]
    assert measure(*(stroke(slant=s) for s in slants))["slant0"] == pytest.approx(slants, abs=0.03)


def test_slant_changes_the_width_but_not_the_width_without_slant() -> None:
    measured = measure(stroke(), stroke(slant=0.5))
    assert measured["width1"][1] == pytest.approx(measured["width1"][0], abs=0.1)
    assert measured["width0"][1] > measured["width0"][0] + 0.5


@pytest.mark.parametrize("thickness", [3.0, 8.0, 14.0])
def test_width_is_the_logarithm_of_a_standard_deviation(thickness: float) -> None:
    # A uniform stroke has variance t² / 12; soft edges and square pixels add at most 1/4.
    log_width = measure(stroke(thickness))["width0"][0]
    assert math.exp(2 * log_width) == pytest.approx(thickness**2 / 12 + 0.125, abs=0.13)


def test_orientations_are_shares_that_show_the_direction_of_a_stroke() -> None:
    upright = stroke(2.0, height=20)
    measured = measure(upright, upright.T)
    shares = torch.tensor([measured[f"orientations{k}"] for k in range(8)])  # (8, 2)
    torch.testing.assert_close(shares.sum(0), torch.ones(2), atol=1e-4, rtol=0)
    assert shares.argmax(0).tolist() == [0, 4]  # the gradient of an upright stroke is horizontal


def test_pressure_changes_the_mean_edge_but_not_the_thickness() -> None:
    measured = measure(stroke(), 0.5 * stroke())
    assert measured["edges0"][1] == pytest.approx(0.5 * measured["edges0"][0], rel=1e-2)
    assert measured["thickness0"][1] == pytest.approx(measured["thickness0"][0], rel=1e-2)


def test_saturation_is_the_share_of_the_ink_at_full_brightness() -> None:
    half_faint = torch.cat([stroke()[:14], 0.5 * stroke()[14:]])
    measured = measure(stroke(), half_faint, 0.5 * stroke())["saturation0"]
    assert measured[1] == pytest.approx(0.5 * measured[0], rel=0.05)
    assert measured[0] > 0.7
    assert measured[2] == 0


def test_a_blurred_image_has_less_detail() -> None:
    blurred = torch.from_numpy(ndimage.uniform_filter(stroke().numpy(), 5))
    detail = measure(stroke(), blurred)["edges1"]
    assert detail[1] < 0.9 * detail[0]


def test_coherence_is_larger_for_a_stroke_than_for_noise() -> None:
    noise = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    of_stroke, of_noise = measure(stroke(3.0, height=20), noise)["shape5"]
    assert of_stroke > 0.7
    assert 0 < of_noise < 0.5


# ------------------------------------------------------------------- an independent derivation


def blob(height: int = 17, width: int = 14) -> np.ndarray:
    """Return a smooth irregular image, (height, width), with margins that are nearly 0."""
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.random((height, width)), 1.0) * 2
    window = np.outer(np.hanning(height), np.hanning(width))
    return (noise * window).astype(np.float64)


def test_edges_and_coherence_agree_with_scipy() -> None:
    image = blob()
    dx, dy = (ndimage.sobel(image, axis, mode="nearest") / 8 for axis in (1, 0))
    strength = np.hypot(dx, dy)

    def blur(values: np.ndarray, sd: float) -> np.ndarray:
        return ndimage.gaussian_filter(values, sd, mode="constant", radius=5)

    xx, yy, xy = blur(dx * dx, 1.5), blur(dy * dy, 1.5), blur(dx * dy, 1.5)
    coherence = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + 1e-3)
    angle = np.arctan2(dy, dx) / np.pi * 8  # in bins
    expected = {
        "thickness0": 2 * image.sum() / strength.sum(),
        "edges0": (strength**2).sum() / strength.sum(),
        "edges1": np.sqrt(((image - blur(image, 1.0)) ** 2).sum() / strength.sum()),
        "shape5": (coherence * image).sum() / image.sum(),
    }
    for k in range(8):
        distance = np.abs((angle - k + 4) % 8 - 4)  # on a circle of 8 bins
        triangle = np.maximum(1 - distance, 0)
        expected[f"orientations{k}"] = (triangle * strength).sum() / strength.sum()
    measured = measure(torch.from_numpy(image).float())
    for name, value in expected.items():
        assert measured[name][0] == pytest.approx(value, rel=1e-3), name


def test_moments_agree_with_sums_over_pixels() -> None:
    image = blob()
    mass = image / image.sum()
    y, x = np.indices(image.shape).astype(float)
    x, y = x - (mass * x).sum(), y - (mass * y).sum()
    xx, yy = (mass * x * x).sum() + 1 / 12, (mass * y * y).sum() + 1 / 12
    xy = (mass * x * y).sum()
    upright = xx - xy**2 / yy
    u, v = (x - xy / yy * y) / np.sqrt(upright), y / np.sqrt(yy)
    expected = {
        "slant0": xy / yy,
        "width0": 0.5 * np.log(xx),
        "width1": 0.5 * np.log(upright),
        "height0": 0.5 * np.log(yy),
        "shape0": (mass * u**4).sum(),
        "shape1": (mass * v**4).sum(),
        "shape2": (mass * u**2 * v).sum(),
        "shape3": (mass * v**3).sum(),
        "shape4": (mass * u**2 * v**2).sum(),
    }
    measured = measure(torch.from_numpy(image).float())
    for name, value in expected.items():
        assert measured[name][0] == pytest.approx(value, rel=1e-3, abs=1e-5), name


def test_gradients_agree_with_finite_differences() -> None:
    x = torch.rand(1, 10, 9, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(GreyStyleFeatures((10, 9)).double(), (x.requires_grad_(),))


# --------------------------------------------------------------------------- images of any kind


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, -2), (3, 2)])
def test_a_translation_by_whole_pixels_changes_the_place_alone(right: int, down: int) -> None:
    image = stroke(3.0, 0.3, 12.0)
    measured = measure(image, image.roll((down, right), (0, 1)))
    for name, (before, after) in measured.items():
        change = {"place0": right, "place1": down}.get(name, 0)
        assert after - before == pytest.approx(change, abs=1e-4), name


def test_an_image_does_not_depend_on_the_others_in_its_batch() -> None:
    features = GreyStyleFeatures((SIDE, SIDE))
    blank = torch.zeros(SIDE, SIDE)
    images = torch.stack([stroke(2.0, 0.4), blank, stroke(7.0), blank + 1, stroke(4, -0.3)])
    alone = torch.cat([features(image[None]) for image in images])
    torch.testing.assert_close(features(images), alone, atol=1e-5, rtol=1e-5)


ONE_PIXEL = torch.nn.functional.one_hot(torch.tensor(400), SIDE**2).float().view(SIDE, SIDE)
BLANKS = {
    "black": torch.zeros(SIDE, SIDE),
    "white": torch.ones(SIDE, SIDE),
    "grey": torch.full((SIDE, SIDE), 0.5),
    "one pixel": ONE_PIXEL,
    "one faint pixel": 1e-4 * ONE_PIXEL,
    "one column": stroke(0.5, height=40),
}


@pytest.mark.parametrize("name", BLANKS)
def test_blank_images_have_bounded_features_and_finite_gradients(name: str) -> None:
    image = BLANKS[name].clone().requires_grad_()
    features = GreyStyleFeatures((SIDE, SIDE))(image[None])[0]
    assert features.isfinite().all()
    # One blank image must not dominate the average of its label.
    assert features.abs().max() < 100
    (gradient,) = torch.autograd.grad(features.sum(), image)
    assert gradient.isfinite().all()


def test_channels_are_averaged() -> None:
    image = torch.stack([stroke(), stroke(slant=0.4), torch.zeros(SIDE, SIDE)])
    of_channels = GreyStyleFeatures((3, SIDE, SIDE))(image[None])
    torch.testing.assert_close(of_channels, GreyStyleFeatures((SIDE, SIDE))(image.mean(0)[None]))


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (1, 3, 5), (17, 6)])
def test_images_of_any_size_have_finite_features(shape: tuple[int, ...]) -> None:
    x = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    features = GreyStyleFeatures(shape)(x)
    assert features.shape == (2, 24)
    assert features.isfinite().all()


@pytest.mark.parametrize("shape", [(64,), (2, 3, 4, 5)])
def test_examples_that_are_no_images_have_no_features(shape: tuple[int, ...]) -> None:
    assert GreyStyleFeatures(shape).size == 0
