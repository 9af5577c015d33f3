"""Synthetic handwritten digits with known writers and known style, drawn from strokes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..dataset import Array, Dataset
from ..messages import check_integer
from .glyphs import ALLOGRAPHS, KNOTS, TREMOR, Tables, slope_of, tables

__all__ = ["STYLE", "load"]

SIDE = 28  # pixels
MAX_WIDTH = 20.0  # pixels: largest width of a digit without its stroke's width, as in MNIST's box
TEST = 0.106  # fraction of each writer's images in the test part
P_PREFERRED = 0.93  # probability that a writer uses the preferred allograph
WRITER_NOISE = 0.034  # displacement of a writer's control points, standard deviation, digit heights
IMAGE_NOISE = 0.015  # additional displacement in an image, standard deviation, digit heights
ROTATION = 0.03  # rotation of an image, standard deviation, radians
SHARP_SIGMA = 0.65  # pixels: standard deviation at which a dot's edge is as soft as MNIST's
CHUNK = 64  # images rendered at once: their Gaussians fit into the second-level cache


class Trait(NamedTuple):
    """Distribution of one style value over writers, and over the images of a writer."""

    mean: float
    between: float  # standard deviation over writers
    within: float  # standard deviation over the images of a writer
    low: float
    high: float


STYLE: dict[str, Trait] = {  # units and meaning: see `load`
    "slant": Trait(0.12, 0.22, 0.077, -0.6, 0.75),
    "aspect": Trait(1.0, 0.18, 0.065, 0.55, 1.6),
    "size": Trait(17.5, 1.2, 0.48, 14.0, 21.0),
    "stroke_width": Trait(2.7, 0.6, 0.215, 1.4, 4.8),
    "roundness": Trait(0.65, 0.27, 0.09, 0.0, 1.2),
    "loop_size": Trait(1.0, 0.24, 0.086, 0.4, 1.6),
    "baseline": Trait(0.0, 0.8, 0.32, -2.5, 2.5),
    "pressure": Trait(0.92, 0.06, 0.021, 0.65, 1.0),
    "wobble": Trait(0.4, 0.2, 0.065, 0.0, 1.0),
}
_COLUMN = {name: column for column, name in enumerate(STYLE)}


class _Strokes(NamedTuple):
    """Everything that determines n images."""

    digit: Array  # (n,)
    variant: Array  # (n,) allograph of the digit, 0 to 2
    style: Array  # (n, len(STYLE))
    shift: Array  # (n, KNOTS, 2) displacement of the control points, digit heights
    rotation: Array  # (n,) radians
    tremor: Array  # (n, TREMOR) coefficients of the tremor's sines and cosines

    def take(self, rows: slice) -> _Strokes:
        """Return views of these rows."""
        return _Strokes(*[column[rows] for column in self])


def load(writers: int = 100, images: int = 97, seed: int = 0, *, progress: bool = True) -> Dataset:
    """Draw handwritten digits by synthetic writers whose style is known exactly.

    A writer has a style (`STYLE`), prefers one of three allographs of each digit, and deforms each
    allograph in a personal way. Images of a writer vary a little around these. Image i of writer k
    does not depend on the numbers of writers and images. Another seed gives other writers.

    Parameters
    ----------
    writers
        Number of writers, at least 1.
    images
        Number of images per writer, at least 10. Each block of ten contains each digit once, in
        random order.
    seed
        Random seed, at least 0.
    progress
        Has no effect; every data source has this parameter.

    Returns
    -------
    Dataset
        ``x`` (writers × images, 28, 28) uint8, white on black, centred by mass as in MNIST; ``y``
        the digits, int64; ``split`` with the last 10.6 % of each writer's images as the test part;
        ``factors`` "writer" (from 0), "allograph" (0 to 2, within the digit) and, as float32, the
        true style of each image:

        ============  ==========================================================================
        slant         shear, pixels to the right per pixel up
        aspect        width relative to the allograph's width (not visible in a plain 1)
        size          height without the stroke's width, pixels
        stroke_width  pixels
        roundness     0: corners cut by straight lines; 1: a smooth curve
        loop_size     size of loops, bowls, flags and roofs relative to the allograph's (not
                      visible in a plain 1)
        baseline      height of the ink's centre above the image's centre, pixels
        pressure      grey level of full ink; 1 is white
        wobble        tremor across the stroke, root mean square, pixels
        ============  ==========================================================================

    Raises
    ------
    ValueError
        If an argument is not an integer or is too small.

    References
    ----------
    Spline: E. Catmull, R. Rom, "A class of local interpolating splines", 1974. Digits composed of
    strokes: B. M. Lake, R. Salakhutdinov, J. B. Tenenbaum, "Human-level concept learning through
    probabilistic program induction", Science 350, 2015.

    Examples
    --------
    >>> data = load(writers=3, images=20)
    >>> data.x.shape, data.x.dtype, (data.split == "test").sum().item()
    ((60, 28, 28), dtype('uint8'), 6)
    >>> sorted(data.y[:10].tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    >>> bool((load(writers=2, images=20).x == data.x[:40]).all())
    True
    """
    writers = check_integer("writers", writers, 1)
    images = check_integer("images", images, 10)
    seed = check_integer("seed", seed, 0)
    strokes = _sample_strokes(writers, images, seed)
    x = np.empty((writers * images, SIDE, SIDE), np.uint8)
    for start in range(0, len(x), CHUNK):
        rows = slice(start, start + CHUNK)
        x[rows] = _render(strokes.take(rows))
    n_test = max(1, round(TEST * images))
    split_of_writer = np.where(np.arange(images) < images - n_test, "train", "test")
    factors = {"writer": np.repeat(np.arange(writers), images), "allograph": strokes.variant}
    for name, values in zip(STYLE, strokes.style.T, strict=True):
        factors[name] = values.copy()
    return Dataset(
        x=x,
        y=strokes.digit,
        factors=factors,
        split=np.tile(split_of_writer, writers),
        kind="image",
        label_name="digit",
        name="handwriting",
        source=f"synthetic digits drawn from strokes by wvae, seed {seed}",
        licence="MIT",
    )


def _sample_strokes(writers: int, images: int, seed: int) -> _Strokes:
    """Sample all writers, each from a seed of its own."""
    seeds = np.random.SeedSequence(seed).spawn(writers)
    samples = [_sample_writer(seed_of_writer, images) for seed_of_writer in seeds]
    columns = zip(*samples, strict=True)
    return _Strokes(*[np.concatenate(column) for column in columns])


def _sample_writer(seed: np.random.SeedSequence, images: int) -> _Strokes:
    """Sample a writer and then the writer's images; no image depends on how many follow it."""
    table = tables()
    mean, between, within, low, high = np.array(list(STYLE.values()), np.float32).T
    # Separate generators: the writer's values do not depend on the number of images.
    writer_rng, image_rng = (np.random.Generator(np.random.SFC64(child)) for child in seed.spawn(2))

    writer_style = mean + between * writer_rng.standard_normal(len(STYLE), np.float32)
    # A writer keeps two standard deviations from the limits, so that the images can vary.
    writer_style = np.clip(writer_style, low + 2 * within, high - 2 * within)
    variability = np.exp(0.2 * writer_rng.standard_normal(1, np.float32))
    preferred = _choose_variant(table.share, writer_rng.random(10))  # (10,)
    noise = writer_rng.standard_normal((len(ALLOGRAPHS), KNOTS, 2), np.float32)
    writer_shift = WRITER_NOISE * _smooth(noise)
    n_blocks = -(-images // 10)
    u, order = np.split(writer_rng.random((n_blocks, 20)), 2, axis=1)
    u = u.ravel()[:images]
    digit = order.argsort(1).ravel()[:images]  # each block of ten images has each digit once

    normal = image_rng.standard_normal((images, len(STYLE) + 1 + TREMOR + 2 * KNOTS), np.float32)
    jitter, rotation, tremor, noise = np.split(normal, np.cumsum([len(STYLE), 1, TREMOR]), axis=1)
    # u decides whether the preferred allograph is used; above P_PREFERRED it is uniform again.
    other = _choose_variant(table.share[digit], (u - P_PREFERRED) / (1 - P_PREFERRED))
    variant = np.where(u < P_PREFERRED, preferred[digit], other)
    style = np.clip(writer_style + within * variability * jitter, low, high)
    image_shift = IMAGE_NOISE * variability * _smooth(noise.reshape(images, KNOTS, 2))
    shift = writer_shift[table.first[digit] + variant] + image_shift
    return _Strokes(digit, variant, style, shift, ROTATION * rotation[:, 0], tremor)


def _choose_variant(share: Array, u: Array) -> Array:
    """Return allographs: the number of cumulative shares (..., 3) that are at most u (...)."""
    return (u[..., None] >= share[..., :-1]).sum(-1)


def _smooth(noise: Array) -> Array:
    """Smooth displacements (n, K, 2) along the stroke in place: lines bend but do not break."""
    noise[:, 1:-1] = (noise[:, :-2] + 2 * noise[:, 1:-1] + noise[:, 2:]) / 4
    return noise


def _render(strokes: _Strokes) -> Array:
    """Return the images, uint8 (n, 28, 28).

    A digit that is too wide is drawn smaller, as in MNIST. One that would leave the image is moved
    inside. The size and baseline that result are written to `strokes.style`.
    """
    points = _points(strokes)
    step = np.diff(points, axis=2)  # (n, 2, P - 1)
    norm = np.sqrt((step * step).sum(1))  # (n, P - 1)
    ink = _arc_lengths(norm, tables().joined[_allograph(strokes)])
    _add_tremor(points, step, norm, strokes)
    _centre(points, ink, strokes.style)
    width = strokes.style[:, _COLUMN["stroke_width"]]
    pressure = strokes.style[:, _COLUMN["pressure"]]
    return _rasterise(points, ink, width, pressure)


def _allograph(strokes: _Strokes) -> Array:
    """Return the indices of the allographs, (n,)."""
    return tables().first[strokes.digit] + strokes.variant


def _points(strokes: _Strokes) -> Array:
    """Return sample points (n, 2, P) in pixels, not yet centred."""
    table = tables()
    allograph = _allograph(strokes)
    slant = strokes.style[:, _COLUMN["slant"]]
    aspect = strokes.style[:, _COLUMN["aspect"]]
    x, y = _spline(strokes, allograph, table)
    # The random displacements changed the slope and the box of the allograph. Restore both, so
    # that slant, aspect and size can be measured in the image.
    x = x - (slope_of(x, y) - table.slope[allograph])[:, None] * y
    height = np.ptp(y, axis=1)
    width = table.width[allograph] * aspect * height
    stretch = np.where(width > 0, width / np.ptp(x, axis=1), aspect)
    x = x * stretch[:, None] - slant[:, None] * y
    largest = MAX_WIDTH * height / np.ptp(x, axis=1)
    size = np.minimum(strokes.style[:, _COLUMN["size"]], largest)
    strokes.style[:, _COLUMN["size"]] = size
    return np.stack([x, y], 1) * (size / height)[:, None, None]


def _spline(strokes: _Strokes, allograph: Array, table: Tables) -> tuple[Array, Array]:
    """Return x and y (n, P) of the sample points on the rotated spline, digit heights."""
    roundness = strokes.style[:, _COLUMN["roundness"], None]
    loop = strokes.style[:, _COLUMN["loop_size"], None]
    knots = table.knots[allograph] + (loop - 1)[..., None] * table.loops[allograph] + strokes.shift
    # One small product per image: with one product over all images, the last bits of an image
    # would depend on the number of images.
    polyline = table.angular[allograph] @ knots
    points = polyline + roundness[..., None] * (table.smooth[allograph] @ knots)
    x, y = points[..., 0], points[..., 1]
    rotation = strokes.rotation[:, None]  # small, so sin a ≈ a and cos a ≈ 1
    return x - rotation * y, y + rotation * x


def _arc_lengths(norm: Array, joined: Array) -> Array:
    """Return the arc length that each sample point represents, (n, P), from its steps."""
    length = norm * joined  # (n, P - 1)
    ink = np.zeros((len(norm), norm.shape[1] + 1), norm.dtype)
    ink[:, :-1] += length / 2
    ink[:, 1:] += length / 2
    return ink


def _add_tremor(points: Array, step: Array, norm: Array, strokes: _Strokes) -> None:
    """Move sample points (n, 2, P) across the stroke in place; `wobble` is the rms in pixels."""
    # The last point of a stroke takes the direction to the next stroke: any direction would do.
    normal = np.stack([-step[:, 1], step[:, 0]], 1) / (norm + 1e-6)[:, None]
    tremor = (strokes.tremor[:, None] @ tables().tremor[_allograph(strokes)])[:, 0]  # (n, P)
    wobble = strokes.style[:, _COLUMN["wobble"], None]
    tremor *= wobble / np.sqrt((tremor * tremor).mean(1, keepdims=True))
    points[:, :, :-1] += normal * tremor[:, None, :-1]
    points[:, :, -1] += normal[:, :, -1] * tremor[:, None, -1]


def _centre(points: Array, ink: Array, style: Array) -> None:
    """Move sample points (n, 2, P) in place: centre the ink as in MNIST, then add `baseline`."""
    centre = (points * ink[:, None]).sum(2) / ink.sum(1)[:, None]
    shift = (SIDE - 1) / 2 - centre  # (n, 2)
    shift[:, 1] -= style[:, _COLUMN["baseline"]]
    edge = style[:, _COLUMN["stroke_width"], None] / 2  # no stroke is cut off
    possible = np.clip(shift, edge - points.min(2), SIDE - 1 - edge - points.max(2))
    style[:, _COLUMN["baseline"]] -= possible[:, 1] - shift[:, 1]
    points += possible[:, :, None]


def _rasterise(points: Array, ink: Array, width: Array, pressure: Array) -> Array:
    """Paint sample points (n, 2, P) with arc lengths `ink` (n, P) as uint8 images (n, 28, 28).

    Each point is a Gaussian dot, the product of a Gaussian in x and one in y, so the sum over all
    points is one matrix product. A long stroke falls to half of its peak ``sqrt(2 ln 2)`` standard
    deviations from its middle. The edge is placed there, one pixel wide.
    """
    sigma = width / np.float32(2 * np.sqrt(2 * np.log(2)))
    unit = 1 / (np.float32(np.sqrt(2)) * sigma)
    grid = np.arange(SIDE, dtype=np.float32)
    grid = (grid * unit[:, None])[:, None, :, None]  # (n, 1, 28, 1)
    dots = grid - (points * unit[:, None, None])[:, :, None, :]  # (n, 2, 28, P)
    np.multiply(dots, dots, out=dots)
    np.negative(dots, out=dots)
    np.exp(dots, out=dots)
    dots[:, 1] *= (ink / (np.float32(np.sqrt(2 * np.pi)) * sigma[:, None]))[:, None]
    image = dots[:, 1] @ dots[:, 0].transpose(0, 2, 1)
    image -= 0.5
    sharpening = np.maximum(sigma / SHARP_SIGMA, 1)  # below 1, the background would be grey
    image *= sharpening[:, None, None]
    image += 0.5
    np.clip(image, 0, 1, out=image)
    image *= 255 * pressure[:, None, None]
    image += 0.5
    return image.astype(np.uint8)
