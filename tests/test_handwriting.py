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
    """Centre (x, y) and second moments (xx, xy, yy) of the ink, y upwards."""
    mass = ink.sum((1, 2))
    grid = np.arange(28) - 13.5
    x, y = (ink.sum(1) @ grid) / mass, -(ink.sum(2) @ grid) / mass
    xx, yy = (ink.sum(1) @ grid**2) / mass - x**2, (ink.sum(2) @ grid**2) / mass - y**2
    xy = -np.einsum("nij,i,j->n", ink, grid, grid) / mass - x * y
    return x, y, xx, xy, yy


def within_digit(a: np.ndarray, b: np.ndarray, digit: np.ndarray) -> float:
    """Correlation of two columns once each digit's means are taken out."""
    a, b = (
        v - np.array([v[digit == d].mean() if d in digit else 0 for d in range(10)])[digit]
        for v in (a.astype(float), b.astype(float))
    )
    return float(np.corrcoef(a, b)[0, 1])


def test_the_record(data: Dataset):
    assert data.x.shape == (9700, 28, 28)
    assert data.x.dtype == np.uint8
    assert data.y.dtype == np.int64
    assert (data.kind, data.name, data.licence) == ("image", "handwriting", "MIT")
    assert set(data.factors) == {"writer", "allograph", *STYLE}
    assert data.factors["writer"].dtype == data.factors["allograph"].dtype == np.int64
    for name, trait in STYLE.items():
        values = data.factors[name]
        assert values.dtype == np.float32
        slack = {"size": 4, "baseline": 1}.get(name, 0)  # these two give way at the image's edge
        assert np.float32(trait.low) - slack <= values.min()
        assert values.max() <= np.float32(trait.high) + slack


def test_every_writer_has_the_same_split_and_balanced_digits(data: Dataset):
    assert data.split is not None
    test = data.split.reshape(100, 97) == "test"
    assert (test == (np.arange(97) >= 87)).all()
    counts = np.stack([np.bincount(y, minlength=10) for y in data.y.reshape(100, 97)])
    assert set(np.unique(counts)) == {9, 10}
    assert len({tuple(y[:10]) for y in data.y.reshape(100, 97)}) > 90  # the order is shuffled


def test_a_seed_gives_the_same_and_another_gives_others(data: Dataset):
    again, other = load("handwriting"), load("handwriting", seed=1)
    assert (again.x == data.x).all()
    assert all((again.factors[name] == values).all() for name, values in data.factors.items())
    assert np.abs(other.factors["slant"] - data.factors["slant"]).mean() > 0.1
    assert not (other.y == data.y).all()


def test_a_writer_does_not_depend_on_how_many_are_asked_for(data: Dataset):
    few = load("handwriting", writers=7, images=33)
    rows = (np.arange(7)[:, None] * 97 + np.arange(33)).ravel()
    assert (few.x == data.x[rows]).all()
    assert (few.y == data.y[rows]).all()
    assert all((values == data.factors[name][rows]).all() for name, values in few.factors.items())


@pytest.mark.parametrize("name", STYLE)
def test_writers_differ_more_than_a_writers_images(data: Dataset, name: str):
    values = data.factors[name].reshape(100, 97)
    assert values.mean(1).std() > 1.5 * np.sqrt(values.var(1).mean())
    assert values.std(1).min() > 0


def test_factors_are_nearly_independent(data: Dataset):
    many = load("handwriting", writers=400, images=10)
    columns = np.stack([many.factors[name] for name in STYLE])
    correlation = np.corrcoef(columns) - np.eye(len(STYLE))
    assert (
        np.abs(correlation).max() < 0.25
    )  # size and slant by the image's edge, the rest by chance
    for name in STYLE:
        means = [data.factors[name][data.y == d].mean() for d in range(10)]
        assert np.std(means) < 0.3 * data.factors[name].std()


def test_a_writer_sticks_to_an_allograph(data: Dataset):
    writer, variant = data.factors["writer"], data.factors["allograph"]
    assert set(np.unique(variant)) == {0, 1, 2}
    most = [
        np.bincount(variant[(writer == w) & (data.y == d)]).max()
        / ((writer == w) & (data.y == d)).sum()
        for w in range(100)
        for d in range(10)
    ]
    assert 0.9 < np.mean(most) < 0.99
    assert all((variant[data.y == d] == v).mean() > 0.05 for d in range(10) for v in range(3))


def test_every_digit_has_three_allographs_in_order():
    assert [a.digit for a in ALLOGRAPHS] == [d for d in range(10) for _ in range(3)]
    for d in range(10):
        assert sum(a.share for a in ALLOGRAPHS if a.digit == d) == pytest.approx(1)


def test_no_image_is_empty_or_cut(ink: np.ndarray):
    mass = ink.sum((1, 2))
    assert mass.min() > 15
    assert mass.max() < 350
    border = ink.copy()
    border[:, 1:-1, 1:-1] = 0
    assert (border.sum((1, 2)) / mass).max() < 0.06
    assert (border.max((1, 2)) > 0.5).mean() < 0.01
    corners = ink[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.max() == 0  # the paper is black


def test_the_ink_shows_baseline_slant_size_and_aspect(data: Dataset, ink: np.ndarray):
    x, y, xx, xy, yy = moments(ink)
    digit, factors = data.y, data.factors
    assert np.abs(x).max() < 1.5
    assert np.corrcoef(y, factors["baseline"])[0, 1] > 0.98
    assert within_digit(xy / yy, factors["slant"], digit) > 0.85
    assert within_digit(np.sqrt(yy), factors["size"], digit) > 0.75
    upright = np.sqrt(
        np.maximum(xx - xy**2 / yy, 0) / yy
    )  # the width left when the slant is taken out
    rows = digit != 1
    assert within_digit(upright[rows], factors["aspect"][rows], digit[rows]) > 0.75


def test_the_ink_shows_stroke_width_and_pressure(data: Dataset, ink: np.ndarray):
    factors = data.factors
    assert within_digit(ink.sum((1, 2)), factors["stroke_width"], data.y) > 0.6
    full = factors["stroke_width"] > 2
    assert np.corrcoef(ink.max((1, 2))[full], factors["pressure"][full])[0, 1] > 0.98


@pytest.mark.parametrize("name", STYLE)
def test_each_trait_alone_moves_the_ink(name: str):
    column, trait = list(STYLE).index(name), STYLE[name]
    pictures = []
    for value in (trait.mean - trait.between, trait.mean, trait.mean + trait.between):
        drawn = _sample_writer(np.random.SeedSequence(5), 200)
        drawn.style[:] = [t.mean for t in STYLE.values()]
        drawn.style[:, column] = value
        pictures.append(_render(drawn)[drawn.digit != 1].astype(float) / 255)
    less, mean, more = pictures
    # At least the ink of five pixels out of about a hundred, and further away from the far end than from the middle.
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
def test_bad_arguments_name_the_fix(options: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        load("handwriting", **options)
