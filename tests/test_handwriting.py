"""The synthetic data set `handwriting`."""

from __future__ import annotations

import numpy as np
import pytest

from wvae.datasets import Dataset, load
from wvae.datasets.sources.glyphs import ALLOGRAPHS
from wvae.datasets.sources.handwriting import STYLE, _render, _sample_writer


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load("handwriting")


@pytest.fixture(scope="module")
def ink(data: Dataset) -> np.ndarray:
    return data.x.astype(np.float64) / 255


def moments(ink: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the centre (x, y) and second moments (xx, xy, yy) of the ink, y upwards."""
    mass = ink.sum((1, 2))
    grid = np.arange(28) - 13.5
    x, y = (ink.sum(1) @ grid) / mass, -(ink.sum(2) @ grid) / mass
    xx, yy = (ink.sum(1) @ grid**2) / mass - x**2, (ink.sum(2) @ grid**2) / mass - y**2
    xy = -np.einsum("nij,i,j->n", ink, grid, grid) / mass - x * y
    return x, y, xx, xy, yy


def within_digit(a: np.ndarray, b: np.ndarray, digit: np.ndarray) -> float:
    """Return the correlation of two columns after subtracting each digit's means."""
    a, b = a.astype(float), b.astype(float)
    for d in np.unique(digit):
        a[digit == d] -= a[digit == d].mean()
        b[digit == d] -= b[digit == d].mean()
    return float(np.corrcoef(a, b)[0, 1])


def test_shapes_dtypes_and_ranges(data: Dataset):
    assert data.x.shape == (9700, 28, 28)
    assert data.x.dtype == np.uint8
    assert data.y.dtype == np.int64
    assert (data.kind, data.name, data.licence) == ("image", "handwriting", "MIT")
    assert set(data.factors) == {"writer", "allograph", *STYLE}
    assert data.factors["writer"].dtype == data.factors["allograph"].dtype == np.int64
    for name, trait in STYLE.items():
        values = data.factors[name]
        assert values.dtype == np.float32
        slack = {"size": 4, "baseline": 1}.get(name, 0)  # the image's edge limits these two
        assert np.float32(trait.low) - slack <= values.min()
        assert values.max() <= np.float32(trait.high) + slack


def test_last_tenth_of_each_writer_is_test_and_digits_are_balanced(data: Dataset):
    assert data.split is not None
    test = data.split.reshape(100, 97) == "test"
    assert (test == (np.arange(97) >= 87)).all()
    counts = np.stack([np.bincount(y, minlength=10) for y in data.y.reshape(100, 97)])
    assert set(np.unique(counts)) == {9, 10}
    assert len({tuple(y[:10]) for y in data.y.reshape(100, 97)}) > 90  # the order is shuffled


def test_seed_determines_the_data(data: Dataset):
    again, other = load("handwriting", writers=20), load("handwriting", writers=20, seed=1)
    rows = np.arange(len(again))
    assert (again.x == data.x[rows]).all()
    for name, values in again.factors.items():
        assert (values == data.factors[name][rows]).all()
    assert np.abs(other.factors["slant"] - again.factors["slant"]).mean() > 0.1
    assert not (other.y == again.y).all()


def test_images_do_not_depend_on_the_numbers_of_writers_and_images(data: Dataset):
    few = load("handwriting", writers=7, images=33)
    rows = (np.arange(7)[:, None] * 97 + np.arange(33)).ravel()
    assert (few.x == data.x[rows]).all()
    assert (few.y == data.y[rows]).all()
    assert all((values == data.factors[name][rows]).all() for name, values in few.factors.items())


@pytest.mark.parametrize("name", STYLE)
def test_style_varies_more_between_writers_than_within(data: Dataset, name: str):
    values = data.factors[name].reshape(100, 97)
    assert values.mean(1).std() > 1.5 * np.sqrt(values.var(1).mean())
    assert values.std(1).min() > 0


@pytest.fixture(scope="module")
def many() -> Dataset:
    """Return few images of many writers."""
    return load("handwriting", writers=400, images=10)


def test_slant_has_its_documented_distribution(many: Dataset):
    slant = many.factors["slant"].reshape(400, 10)
    assert slant.mean() == pytest.approx(0.12, abs=0.03)
    assert slant.mean(1).std() == pytest.approx(0.22, abs=0.03)
    assert np.sqrt(slant.var(1, ddof=1).mean()) == pytest.approx(0.08, abs=0.01)


def test_style_values_are_nearly_independent(data: Dataset, many: Dataset):
    columns = np.stack([many.factors[name] for name in STYLE])
    correlation = np.corrcoef(columns) - np.eye(len(STYLE))
    # The image's edge correlates size and slant.
    assert np.abs(correlation).max() < 0.25
    for name in STYLE:
        means = [data.factors[name][data.y == d].mean() for d in range(10)]
        assert np.std(means) < 0.3 * data.factors[name].std()


def test_writer_prefers_one_allograph_of_each_digit(data: Dataset):
    writer, variant = data.factors["writer"], data.factors["allograph"]
    assert set(np.unique(variant)) == {0, 1, 2}
    counts = np.zeros((100, 10, 3))
    np.add.at(counts, (writer, data.y, variant), 1)
    share_of_preferred = counts.max(2) / counts.sum(2)
    assert 0.9 < share_of_preferred.mean() < 0.99
    share_of_digit = counts.sum(0) / counts.sum((0, 2))[:, None]
    assert share_of_digit.min() > 0.05


def test_digit_has_three_allographs_whose_shares_sum_to_one():
    assert [a.digit for a in ALLOGRAPHS] == [d for d in range(10) for _ in range(3)]
    for d in range(10):
        assert sum(a.share for a in ALLOGRAPHS if a.digit == d) == pytest.approx(1)


def test_no_image_is_empty_or_cut_off(ink: np.ndarray):
    mass = ink.sum((1, 2))
    assert mass.min() > 15
    assert mass.max() < 350
    border = ink.copy()
    border[:, 1:-1, 1:-1] = 0
    assert (border.sum((1, 2)) / mass).max() < 0.06
    assert (border.max((1, 2)) > 0.5).mean() < 0.01
    corners = ink[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.max() == 0  # the background is black


def test_baseline_slant_size_and_aspect_can_be_measured_in_the_image(
    data: Dataset, ink: np.ndarray
):
    x, y, xx, xy, yy = moments(ink)
    digit, factors = data.y, data.factors
    assert np.abs(x).max() < 1.5
    assert np.corrcoef(y, factors["baseline"])[0, 1] > 0.98
    assert within_digit(xy / yy, factors["slant"], digit) > 0.85
    assert within_digit(np.sqrt(yy), factors["size"], digit) > 0.75
    upright = np.sqrt(np.maximum(xx - xy**2 / yy, 0) / yy)  # width after removing the slant
    rows = digit != 1
    assert within_digit(upright[rows], factors["aspect"][rows], digit[rows]) > 0.75


def test_stroke_width_and_pressure_can_be_measured_in_the_image(data: Dataset, ink: np.ndarray):
    factors = data.factors
    assert within_digit(ink.sum((1, 2)), factors["stroke_width"], data.y) > 0.6
    full = factors["stroke_width"] > 2
    assert np.corrcoef(ink.max((1, 2))[full], factors["pressure"][full])[0, 1] > 0.98


@pytest.mark.parametrize("name", STYLE)
def test_each_style_value_changes_the_image(name: str):
    column, trait = list(STYLE).index(name), STYLE[name]
    images = []
    for value in (trait.mean - trait.between, trait.mean, trait.mean + trait.between):
        strokes = _sample_writer(np.random.SeedSequence(5), 200)
        strokes.style[:] = [t.mean for t in STYLE.values()]
        strokes.style[:, column] = value
        images.append(_render(strokes)[strokes.digit != 1].astype(float) / 255)
    less, mean, more = images
    # The change is at least the ink of five pixels out of about a hundred, and it is monotone.
    far = np.abs(more - less).sum((1, 2))
    assert far.mean() > 5
    assert (far > np.abs(more - mean).sum((1, 2))).mean() > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"writers": 0}, "writers is 0, expected an integer of at least 1"),
        ({"writers": 2.5}, "writers is 2.5"),
        ({"images": 9}, "images is 9, expected an integer of at least 10"),
        ({"seed": -1}, "seed is -1, expected an integer of at least 0"),
        ({"seed": True}, "seed is True"),
    ],
)
def test_invalid_argument_is_an_error(options: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        load("handwriting", **options)
