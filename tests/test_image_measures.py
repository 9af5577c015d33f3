"""Measures of images: bars with known slant, width and thickness, and losses worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wvae.evaluation import images
from wvae.evaluation.images import frechet_distance, reconstruction_loss, stroke_style

Array = np.ndarray
SIDE, FINE = 40, 8  # pixels; subpixels along each side of a pixel


def render(inside: Any) -> Array:
    """Return an image, (1, SIDE, SIDE), with ink where `inside` (x, y) is true.

    x and y are pixels from the centre, y up.
    """
    at = (np.arange(SIDE * FINE) + 0.5) / FINE - SIDE / 2
    ink = inside(at, -at[:, None]) * np.ones((SIDE * FINE, SIDE * FINE))
    return ink.reshape(1, SIDE, FINE, SIDE, FINE).mean((2, 4))


def sheared(slant: float, width: float = 4, height: float = 20) -> Array:
    return render(lambda x, y: (np.abs(x - slant * y) <= width / 2) & (np.abs(y) <= height / 2))


def turned(degrees: float, thickness: float, length: float) -> Array:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return render(
        lambda x, y: (abs(c * x + s * y) <= length / 2) & (abs(c * y - s * x) <= thickness / 2)
    )


def measure(image: Array, name: str) -> float:
    return stroke_style(image)[name].item()


# Strokes


@pytest.mark.parametrize("slant", [-0.6, -0.25, 0, 0.1, 0.4])
@pytest.mark.parametrize("width", [2, 5])
def test_slant_of_a_sheared_bar(slant: float, width: float):
    assert measure(sheared(slant, width), "slant") == pytest.approx(slant, abs=0.012)


@pytest.mark.parametrize(("width", "height"), [(4, 20), (10, 10), (2, 30), (20, 1)])
def test_width_and_height_of_an_upright_box_are_its_sides(width: int, height: int):
    box = np.zeros((1, SIDE, SIDE), np.uint8)
    box[:, 3 : 3 + height, 5 : 5 + width] = 255
    scores = {name: values.item() for name, values in stroke_style(box).items()}
    assert list(scores) == ["slant", "width", "height", "thickness", "ink"]
    assert scores["width"] == pytest.approx(width)
    assert scores["height"] == pytest.approx(height)
    assert scores["ink"] == width * height
    assert scores["slant"] == pytest.approx(0, abs=1e-9)


def test_a_thin_ring_is_1_2_diameters_wide():
    ring = render(lambda x, y: np.abs(np.hypot(x, y) - 14) <= 0.5)
    for side in ("width", "height"):
        assert measure(ring, side) == pytest.approx(1.2 * 28, rel=0.03)


@pytest.mark.parametrize("degrees", [0, 10, 30, 45, 70, 90, 135])
@pytest.mark.parametrize("thickness", [2.5, 3, 5])
def test_thickness_of_a_bar_in_any_direction(thickness: float, degrees: float):
    length = 26
    expected = thickness * length / (thickness + length)
    assert measure(turned(degrees, thickness, length), "thickness") == pytest.approx(
        expected, rel=0.1
    )


def test_thickness_of_a_line_without_ends():
    for t in (2, 3, 5):
        ring = render(lambda x, y, t=t: np.abs(np.hypot(x, y) - 13) <= t / 2)
        assert measure(ring, "thickness") == pytest.approx(t, rel=0.1)


def test_measurements_do_not_depend_on_position_or_brightness():
    bar = sheared(0.3, 3, 16)
    moved, grey = np.roll(bar, (5, -6), (1, 2)), 0.4 * bar
    for name in ("slant", "width", "height", "thickness"):
        assert measure(moved, name) == pytest.approx(measure(bar, name), rel=1e-9)
        assert measure(grey, name) == pytest.approx(measure(bar, name), rel=1e-9)
    assert measure(grey, "ink") == pytest.approx(0.4 * measure(bar, "ink"))


def test_ink_at_the_border_has_an_edge():
    full = np.ones((1, 12, 12))
    assert measure(full, "thickness") == pytest.approx(12 * 12 / 24, rel=0.1)


def test_blank_images_measure_zero():
    x = np.concatenate([np.zeros((1, SIDE, SIDE)), sheared(0.2)])
    scores = stroke_style(x)
    assert [values[0] for values in scores.values()] == [0] * 5
    assert scores["slant"][1] == measure(x[1:], "slant")


def test_uint8_channels_and_chunks_give_the_same_measurements(monkeypatch: pytest.MonkeyPatch):
    x = np.concatenate([sheared(s) for s in (-0.2, 0, 0.3)])
    plain = stroke_style(x)
    assert all(values.shape == (3,) for values in plain.values())
    monkeypatch.setattr(images, "CHUNK", 2)
    coloured = stroke_style(np.stack([0.5 * x, x, 0 * x], 1))
    for name, values in stroke_style(x).items():
        np.testing.assert_allclose(values, plain[name])
        np.testing.assert_allclose(coloured[name], plain[name] * (0.5 if name == "ink" else 1))
        np.testing.assert_allclose(
            stroke_style((255 * x).round().astype(np.uint8))[name], values, atol=0.02
        )


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((4, 9)),
            r"x has shape \(4, 9\)",
        ),
        (np.zeros((0, 9, 9)), r"x has shape \(0, 9, 9\)"),
        (
            np.full((1, 9, 9), 255.0),
            "x is float64, from 255.0 to 255.0",
        ),
        (np.full((1, 9, 9), np.nan), "x is float64, from nan to nan"),
        (np.full((1, 9, 9), -0.1), "from -0.1 to -0.1"),
        (np.zeros((1, 9, 9), int), "x is int64, from 0 to 0"),
    ],
)
def test_bad_images_are_rejected(x: Array, message: str):
    with pytest.raises(ValueError, match=message):
        stroke_style(x)


# Reconstruction


def test_reconstruction_losses_worked_out_by_hand(monkeypatch: pytest.MonkeyPatch):
    x = np.array([[[0.0, 1.0]], [[1.0, 0.5]], [[0.0, 0.0]]])
    p = np.array([[[0.2, 0.9]], [[1.0, 0.5]], [[0.0, 0.3]]])
    losses = [-np.log(0.8) - np.log(0.9), np.log(2), -np.log(0.7)]
    monkeypatch.setattr(images, "CHUNK", 2)
    scores = reconstruction_loss(x, p, np.array(["b", "a", "b"]), name="r")
    assert list(scores) == ["r", "r.a", "r.b", "r.mse"]
    assert scores["r"] == pytest.approx(np.mean(losses), abs=1e-5)
    assert scores["r.a"] == pytest.approx(losses[1], abs=1e-5)
    assert scores["r.b"] == pytest.approx((losses[0] + losses[2]) / 2, abs=1e-5)
    assert scores["r.mse"] == pytest.approx((0.04 + 0.01 + 0.09) / 6)


def test_the_largest_loss_is_finite_and_uint8_is_scaled():
    white, black = np.full((2, 3), 255, np.uint8), np.zeros((2, 3), np.float32)
    scores = reconstruction_loss(white, black, np.arange(2))
    assert scores["rest.reconstruction"] == pytest.approx(-3 * np.log(1e-6))
    assert scores["rest.reconstruction.mse"] == 1
    assert reconstruction_loss(white, white, np.arange(2))["rest.reconstruction"] == pytest.approx(
        0, abs=1e-5
    )


@pytest.mark.parametrize(
    ("x", "decoded", "y", "message"),
    [
        (
            np.zeros((2, 3)),
            np.zeros((2, 4)),
            np.arange(2),
            r"x has shape \(2, 3\) and decoded \(2, 4\)",
        ),
        (np.zeros(2), np.zeros(2), np.arange(2), r"x has shape \(2,\) and decoded \(2,\)"),
        (np.zeros((0, 3)), np.zeros((0, 3)), np.arange(0), r"x has shape \(0, 3\)"),
        (np.zeros((2, 3)), np.zeros((2, 3)), np.arange(3), r"y has shape \(3,\), expected \(2,\)"),
        (np.zeros((2, 3)), np.zeros((2, 3)), np.array([1, np.nan]), "y contains NaN or None"),
        (
            np.zeros((2, 3)),
            np.full((2, 3), 1.5),
            np.arange(2),
            "decoded is float64, from 1.5 to 1.5",
        ),
        (np.full((2, 3), 7), np.zeros((2, 3)), np.arange(2), "x is int64, from 7 to 7"),
    ],
)
def test_bad_reconstructions_are_rejected(x: Array, decoded: Array, y: Array, message: str):
    with pytest.raises(ValueError, match=message):
        reconstruction_loss(x, decoded, y)


# ---------------------------------------------------------------------------- distances of sets


def test_the_frechet_distance_of_gaussians_is_known() -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((200_000, 2)) * (1, 3)
    b = rng.standard_normal((200_000, 2)) * (2, 3) + (0, 4)
    # (1 − 2)² + (3 − 3)² of the standard deviations, and 4² of the means
    assert frechet_distance(a, b) == pytest.approx(17, rel=0.02)
    turned = np.array([[0.6, 0.8], [-0.8, 0.6]])
    assert frechet_distance(a @ turned, b @ turned) == pytest.approx(frechet_distance(a, b))
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("n", "d", "words"), [(1, 2, "1 and 5 rows"), (4, 3, r"\(4, 3\)")])
def test_sets_that_do_not_fit_have_no_distance(n: int, d: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        frechet_distance(np.ones((n, d)), np.ones((5, 2)))
