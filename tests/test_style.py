"""Style: bars whose slant, width and thickness are known, and codes that hold a known share of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from wvae.evaluation import style
from wvae.evaluation.style import explained, measured, named, reconstruction

Array = np.ndarray
SIDE, FINE = 40, 8  # pixels, and parts of a pixel along each side


def drawn(inside: Any) -> Array:
    """Return an image, (1, SIDE, SIDE), of where `inside` (x, y) is true; from its centre, y up, pixels."""
    at = (np.arange(SIDE * FINE) + 0.5) / FINE - SIDE / 2
    ink = inside(at, -at[:, None]) * np.ones((SIDE * FINE, SIDE * FINE))
    return ink.reshape(1, SIDE, FINE, SIDE, FINE).mean((2, 4))


def sheared(slant: float, width: float = 4, height: float = 20) -> Array:
    return drawn(lambda x, y: (np.abs(x - slant * y) <= width / 2) & (np.abs(y) <= height / 2))


def turned(degrees: float, thickness: float, length: float) -> Array:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return drawn(
        lambda x, y: (abs(c * x + s * y) <= length / 2) & (abs(c * y - s * x) <= thickness / 2)
    )


def measure(image: Array, name: str) -> float:
    return measured(image)[name].item()


# Measured


@pytest.mark.parametrize("slant", [-0.6, -0.25, 0, 0.1, 0.4])
@pytest.mark.parametrize("width", [2, 5])
def test_slant_of_a_sheared_bar(slant: float, width: float):
    assert measure(sheared(slant, width), "slant") == pytest.approx(slant, abs=0.012)


@pytest.mark.parametrize(("width", "height"), [(4, 20), (10, 10), (2, 30), (20, 1)])
def test_width_and_height_of_an_upright_box_are_its_sides(width: int, height: int):
    box = np.zeros((1, SIDE, SIDE), np.uint8)
    box[:, 3 : 3 + height, 5 : 5 + width] = 255
    found = {name: values.item() for name, values in measured(box).items()}
    assert list(found) == ["slant", "width", "height", "thickness", "ink"]
    assert found["width"] == pytest.approx(width)
    assert found["height"] == pytest.approx(height)
    assert found["ink"] == width * height
    assert found["slant"] == pytest.approx(0, abs=1e-9)


def test_a_thin_ring_is_as_wide_as_said():
    ring = drawn(lambda x, y: np.abs(np.hypot(x, y) - 14) <= 0.5)
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
        ring = drawn(lambda x, y, t=t: np.abs(np.hypot(x, y) - 13) <= t / 2)
        assert measure(ring, "thickness") == pytest.approx(t, rel=0.1)


def test_place_does_not_matter_and_grey_is_as_good_as_white():
    bar = sheared(0.3, 3, 16)
    moved, grey = np.roll(bar, (5, -6), (1, 2)), 0.4 * bar
    for name in ("slant", "width", "height", "thickness"):
        assert measure(moved, name) == pytest.approx(measure(bar, name), rel=1e-9)
        assert measure(grey, name) == pytest.approx(measure(bar, name), rel=1e-9)
    assert measure(grey, "ink") == pytest.approx(0.4 * measure(bar, "ink"))


def test_ink_at_the_border_has_an_edge():
    full = np.ones((1, 12, 12))
    assert measure(full, "thickness") == pytest.approx(12 * 12 / 24, rel=0.1)


def test_blank_images_measure_zero_beside_others():
    images = np.concatenate([np.zeros((1, SIDE, SIDE)), sheared(0.2)])
    found = measured(images)
    assert [values[0] for values in found.values()] == [0] * 5
    assert found["slant"][1] == measure(images[1:], "slant")


def test_bytes_channels_and_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    images = np.concatenate([sheared(s) for s in (-0.2, 0, 0.3)])
    plain = measured(images)
    assert all(values.shape == (3,) for values in plain.values())
    monkeypatch.setattr(style, "CHUNK", 2)
    coloured = measured(np.stack([0.5 * images, images, 0 * images], 1))
    for name, values in measured(images).items():
        np.testing.assert_allclose(values, plain[name])
        np.testing.assert_allclose(coloured[name], plain[name] * (0.5 if name == "ink" else 1))
        np.testing.assert_allclose(
            measured((255 * images).round().astype(np.uint8))[name], values, atol=0.02
        )


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((4, 9)),
            r"x has shape \(4, 9\), expected images, \(n, h, w\) or \(n, channels, h, w\), not empty",
        ),
        (np.zeros((0, 9, 9)), r"x has shape \(0, 9, 9\)"),
        (
            np.full((1, 9, 9), 255.0),
            r"x is float64, from 255.0 to 255.0, expected uint8, or floating in \[0, 1\]",
        ),
        (np.full((1, 9, 9), np.nan), "x is float64, from nan to nan"),
        (np.full((1, 9, 9), -0.1), "from -0.1 to -0.1, .* divide by the white value"),
        (np.zeros((1, 9, 9), int), "x is int64, from 0 to 0, expected uint8"),
    ],
)
def test_images_must_be_images(x: Array, message: str):
    with pytest.raises(ValueError, match=message):
        measured(x)


# Explained

N, ROWS = 1500, 1000


def noise(d: int = 2, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(N, d))


def labels(classes: int, seed: int = 7) -> Array:
    return np.random.default_rng(seed).integers(classes, size=N)


def explain(z: Array, y: Array | None = None, **values: Array) -> dict[str, float]:
    train, test = (
        {name: column[rows] for name, column in values.items()}
        for rows in (slice(ROWS), slice(ROWS, N))
    )
    more: dict[str, Any] = {} if y is None else {"y_train": y[:ROWS], "y_test": y[ROWS:]}
    return explained(z[:ROWS], train, z[ROWS:], test, **more)


def test_shares_of_variance_are_those_planted():
    z, free = noise(), noise(1, seed=1)[:, 0]
    found = explain(z, line=50 + 9 * z[:, 0], half=z[:, 0] + free, square=z[:, 1] ** 2, none=free)
    assert list(found) == [f"rest.r2.{name}" for name in ("line", "half", "square", "none", "mean")]
    assert found["rest.r2.line"] == pytest.approx(1, abs=1e-3)
    assert found["rest.r2.half"] == pytest.approx(0.5, abs=0.06)
    assert found["rest.r2.square"] > 0.9
    assert found["rest.r2.none"] == pytest.approx(0, abs=0.05)
    assert found["rest.r2.mean"] == pytest.approx(np.mean([found[k] for k in list(found)[:4]]))


def test_given_the_label_its_share_is_added():
    # Half of the variance is the label's and half is in the code.
    z, y = noise(1), labels(2)
    found = explain(z, y, width=z[:, 0] + 2 * y)
    assert list(found) == [
        "rest.r2.width",
        "rest.r2.mean",
        "rest.r2.given_label.width",
        "rest.r2.given_label.mean",
    ]
    assert found["rest.r2.width"] == pytest.approx(0.5, abs=0.06)
    assert found["rest.r2.given_label.width"] == pytest.approx(1, abs=0.01)


def test_explained_depends_on_the_seed_alone_and_global_states_are_left_alone():
    before, torch_before = np.random.get_state(legacy=False), torch.random.get_rng_state()  # noqa: NPY002
    z, values = noise()[:100], {"slant": (noise() ** 2)[:100, 0]}
    once, again, other = (explained(z, values, z, values, seed=seed) for seed in (1, 1, 2))
    assert once == again != other
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_before)


Z, Y, SLANT = noise()[:12], np.arange(12) % 2, noise()[:12, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": Z[:5]}, r"train has shape \(5, 2\), expected codes"),
        ({"test": Z[:, :1]}, "train has 2 columns and test 1"),
        ({"values_train": {}, "values_test": {}}, r"factors are \[\] in train and \[\] in test"),
        ({"values_train": {"a": SLANT[:3]}}, r"a of train has shape \(3,\), expected \(12,\)"),
        ({"values_test": {"a": SLANT * 0}}, "a of test is 0.0 throughout"),
        (
            {"values_test": {"a": Y.astype(str)}},
            "a of test is not of finite numbers: for a factor of words take style",
        ),
        ({"values_test": {"a": np.where(Y, np.nan, 1)}}, "a of test holds NaN or None"),
        ({"y_train": Y}, "labels came in part: expected both y_train and y_test, or neither"),
        ({"y_test": Y}, "labels came in part"),
        ({"y_train": Y, "y_test": Y + 1}, r"y of test has \[2\], unseen in train"),
    ],
)
def test_explained_says_what_is_wrong(change: dict[str, Any], message: str):
    good: dict[str, Any] = {
        "train": Z,
        "values_train": {"a": SLANT},
        "test": Z,
        "values_test": {"a": SLANT},
    }
    with pytest.raises(ValueError, match=message):
        explained(**(good | change))


# Named


def name_them(z: Array, who: Array, y: Array, **more: Any) -> dict[str, float]:
    return named(z[:ROWS], who[:ROWS], y[:ROWS], z[ROWS:], who[ROWS:], y[ROWS:], **more)


def test_writers_far_apart_are_named_and_the_keys_are_those_agreed():
    who, y = labels(5), labels(3, seed=8)
    found = name_them(noise() + 20 * np.c_[who, who**2], who, y)
    assert list(found) == [
        "rest.factor.accuracy",
        "rest.factor.chance",
        "rest.factor.within_label",
        "rest.factor.within_label.chance",
    ]
    assert found["rest.factor.accuracy"] > 0.98
    assert found["rest.factor.within_label"] > 0.98
    assert found["rest.factor.chance"] == np.bincount(who[ROWS:]).max() / (N - ROWS)
    common = sum(np.bincount(who[ROWS:][y[ROWS:] == label]).max() for label in range(3))
    assert found["rest.factor.within_label.chance"] == common / (N - ROWS)


def test_codes_that_know_nothing_name_nobody():
    found = name_them(noise(), labels(5), labels(3, seed=8))
    assert found["rest.factor.accuracy"] == pytest.approx(0.2, abs=0.06)
    assert found["rest.factor.within_label"] == pytest.approx(0.2, abs=0.06)


def test_a_writer_known_by_the_label_alone_is_not_known_within_it():
    # Three in four rows of label 0 are ann's, and of label 1 bob's: a code of the label names three in four.
    y = labels(2)
    who = np.where(np.random.default_rng(1).random(N) < 0.75, y, 1 - y)
    found = name_them(np.c_[y + 0.1 * noise(1)[:, 0], noise(1, seed=2)], who, y)
    assert found["rest.factor.accuracy"] == pytest.approx(0.75, abs=0.05)
    assert found["rest.factor.within_label"] == pytest.approx(
        found["rest.factor.within_label.chance"], abs=0.02
    )


def test_within_a_label_style_may_point_elsewhere():
    # The writer's mark changes sign with the label: over all labels no line can read it, within one every line can.
    who, y = labels(2), labels(2, seed=8)
    z = 3.0 * np.where(who == y, 1, -1)[:, None] + 0.5 * noise(1)
    found = name_them(z, who, y)
    assert found["rest.factor.accuracy"] == pytest.approx(0.5, abs=0.07)
    assert found["rest.factor.within_label"] > 0.99


def test_strangers_count_as_wrong_over_all_and_are_left_out_within():
    who, y = labels(2), np.zeros(N, int)
    asked = np.array(["ann", "bob"])[who].astype(object)
    asked[ROWS::5] = "eve"
    found = name_them(
        9.0 * who[:, None] + 0.1 * noise(1), asked.astype(str), np.where(np.arange(N) < 3, 1, y)
    )
    assert found["rest.factor.accuracy"] == pytest.approx(0.8, abs=0.01)
    assert found["rest.factor.within_label"] == 1


def test_one_code_of_each_writer_is_enough_within_a_label():
    y = np.repeat(np.arange(4), 5)
    who = np.tile(np.arange(5), 4)
    z = np.c_[10.0 * who, y]
    assert named(z, who, y, z + 0.1, who, y, name="w")["w.within_label"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factor_train": Y[:3]}, r"factor of train has shape \(3,\)"),
        ({"factor_train": np.arange(12)}, "factor of train has 12 categories in 12 rows"),
        ({"factor_test": Y + 7}, r"factor of test has \[7, 8\], unseen in train"),
        ({"factor_test": np.array([1, None] * 6)}, "factor of test holds NaN or None"),
        ({"y_test": Y + 1}, r"y of test has \[2\], unseen in train"),
        (
            {"y_train": Y, "y_test": Y},
            "no label has two categories in training, .* such as the writer",
        ),
        ({"test": Z * np.nan}, "test holds NaN"),
    ],
)
def test_named_says_what_is_wrong(change: dict[str, Any], message: str):
    half = np.arange(12) // 6
    good: dict[str, Any] = {"train": Z, "factor_train": Y, "y_train": half}
    good |= {"test": Z, "factor_test": Y, "y_test": half}
    with pytest.raises(ValueError, match=message):
        named(**(good | change))


# Reconstruction


def test_losses_worked_out_by_hand(monkeypatch: pytest.MonkeyPatch):
    x = np.array([[[0.0, 1.0]], [[1.0, 0.5]], [[0.0, 0.0]]])
    p = np.array([[[0.2, 0.9]], [[1.0, 0.5]], [[0.0, 0.3]]])
    losses = [-np.log(0.8) - np.log(0.9), np.log(2), -np.log(0.7)]
    monkeypatch.setattr(style, "CHUNK", 2)
    found = reconstruction(x, p, np.array(["b", "a", "b"]), name="r")
    assert list(found) == ["r", "r.a", "r.b", "r.mse"]
    assert found["r"] == pytest.approx(np.mean(losses), abs=1e-5)
    assert found["r.a"] == pytest.approx(losses[1], abs=1e-5)
    assert found["r.b"] == pytest.approx((losses[0] + losses[2]) / 2, abs=1e-5)
    assert found["r.mse"] == pytest.approx((0.04 + 0.01 + 0.09) / 6)


def test_a_certain_error_costs_a_finite_price_and_bytes_are_scaled():
    white, black = np.full((2, 3), 255, np.uint8), np.zeros((2, 3), np.float32)
    found = reconstruction(white, black, np.arange(2))
    assert found["rest.reconstruction"] == pytest.approx(-3 * np.log(1e-6))
    assert found["rest.reconstruction.mse"] == 1
    assert reconstruction(white, white, np.arange(2))["rest.reconstruction"] == pytest.approx(
        0, abs=1e-5
    )


@pytest.mark.parametrize(
    ("x", "decoded", "y", "message"),
    [
        (
            np.zeros((2, 3)),
            np.zeros((2, 4)),
            Y[:2],
            r"x has shape \(2, 3\) and decoded \(2, 4\), expected the same",
        ),
        (np.zeros(2), np.zeros(2), Y[:2], r"x has shape \(2,\) and decoded \(2,\)"),
        (np.zeros((0, 3)), np.zeros((0, 3)), Y[:0], r"x has shape \(0, 3\)"),
        (np.zeros((2, 3)), np.zeros((2, 3)), Y[:3], r"y has shape \(3,\), expected \(2,\)"),
        (np.zeros((2, 3)), np.zeros((2, 3)), np.array([1, np.nan]), "y holds NaN or None"),
        (
            np.zeros((2, 3)),
            np.full((2, 3), 1.5),
            Y[:2],
            "decoded is float64, from 1.5 to 1.5, expected uint8",
        ),
        (np.full((2, 3), 7), np.zeros((2, 3)), Y[:2], "x is int64, from 7 to 7"),
    ],
)
def test_reconstruction_says_what_is_wrong(x: Array, decoded: Array, y: Array, message: str):
    with pytest.raises(ValueError, match=message):
        reconstruction(x, decoded, y)
