"""Synthetic handwritten digits drawn from strokes, with known writers and known style: nothing to download."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..dataset import Array, Dataset
from .glyphs import ALLOGRAPHS, KNOTS, TREMOR, slope_of, tables

__all__ = ["STYLE", "load"]

SIDE = 28  # pixels
MARGIN = 20.0  # pixels: the widest a digit may be without its stroke, MNIST's box and a little more
TEST = 0.106  # the part of each writer's images that is for test
LOYALTY = 0.93  # how often a writer uses the allograph they prefer
HAND = 0.034  # a writer's own displacement of control points, standard deviation in heights
NOISE = 0.015  # and an image's
TURN = 0.03  # an image's rotation, standard deviation in radians
EDGE = 0.65  # pixels: the blot whose own edge is as soft as MNIST's, wider ones are sharpened
CHUNK = 64  # images drawn at once: their Gaussians fit the second-level cache


class Trait(NamedTuple):
    """How one style value spreads over writers and, around a writer's own, over images."""

    mean: float
    between: float
    within: float
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
SIZE, WIDTH, BASELINE, PRESSURE = (list(STYLE).index(n) for n in ("size", "stroke_width", "baseline", "pressure"))


def _supple(noise: Array) -> Array:
    """Smooth displacements (n, K, 2) along the stroke: a hand bends a line, it does not break it."""
    noise[:, 1:-1] = (noise[:, :-2] + 2 * noise[:, 1:-1] + noise[:, 2:]) / 4
    return noise


def _pick(share: Array, u: Array) -> Array:
    """Pick allographs: the number of cumulative shares (..., 3) that u (...) passes."""
    return (u[..., None] >= share[..., :-1]).sum(-1)


class _Drawn(NamedTuple):
    """What is needed to draw n images."""

    digit: Array  # (n,)
    variant: Array  # (n,) 0 to 2
    style: Array  # (n, len(STYLE))
    shift: Array  # (n, K, 2) displacement of the control points, heights
    turn: Array  # (n,) small rotation, radians
    waves: Array  # (n, TREMOR) coefficients of the tremor


def _write(seed: np.random.SeedSequence, images: int) -> _Drawn:
    """Draw one writer, then their images: an image does not depend on how many follow it."""
    table = tables()
    mean, between, within, low, high = np.array(list(STYLE.values()), np.float32).T
    of_writer, of_images = (np.random.Generator(np.random.SFC64(child)) for child in seed.spawn(2))
    own = mean + between * of_writer.standard_normal(len(STYLE), np.float32)
    own = np.clip(own, low + 2 * within, high - 2 * within)  # room for the images to vary, at the ends too
    neatness = np.exp(0.2 * of_writer.standard_normal(1, np.float32))
    favourite = _pick(table.share, of_writer.random(10))
    hand = HAND * _supple(of_writer.standard_normal((len(ALLOGRAPHS), KNOTS, 2), np.float32))
    blocks = -(-images // 10)
    u, order = np.split(of_writer.random((blocks, 20)), 2, axis=1)
    u, digit = u.ravel()[:images], order.argsort(1).ravel()[:images]  # each ten images hold each digit once

    normal = of_images.standard_normal((images, len(STYLE) + 1 + TREMOR + 2 * KNOTS), np.float32)
    jitter, turn, waves, shift = np.split(normal, np.cumsum([len(STYLE), 1, TREMOR]), axis=1)
    other = _pick(table.share[digit], (u - LOYALTY) / (1 - LOYALTY))
    variant = np.where(u < LOYALTY, favourite[digit], other)
    style = np.clip(own + within * neatness * jitter, low, high)
    shift = hand[table.first[digit] + variant] + NOISE * neatness * _supple(shift.reshape(images, KNOTS, 2))
    return _Drawn(digit, variant, style, shift, TURN * turn[:, 0], waves)


def _place(drawn: _Drawn) -> tuple[Array, Array]:
    """Return the sample points (n, 2, P) in pixels and their ink (n, P), arc lengths in pixels.

    Writes into ``drawn.style`` the sizes and baselines that were used: a digit too wide for the image is drawn smaller,
    as in MNIST, and one that would leave it is kept inside.
    """
    table = tables()
    which = table.first[drawn.digit] + drawn.variant
    slant, aspect, size, _, roundness, loop, baseline, _, wobble = drawn.style.T[..., None]
    knots = table.knots[which] + (loop - 1)[..., None] * table.loops[which] + drawn.shift
    # One small product per image, never one over all of them: its last bits must not depend on the number of images.
    points = table.angular[which] @ knots + roundness[..., None] * (table.smooth[which] @ knots)
    x, y = points[..., 0], points[..., 1]  # (n, P)
    turn = drawn.turn[:, None]
    x, y = x - turn * y, y + turn * x
    # Noise must not hide the style it comes with: what the hand did to the slope and to the box is taken back, so that
    # slant, aspect and size can be read from the image.
    x = x - (slope_of(x, y) - table.slope[which])[:, None] * y
    height = np.ptp(y, axis=1)
    wanted = table.width[which] * aspect[:, 0] * height
    x = x * np.where(wanted > 0, wanted / np.ptp(x, axis=1), aspect[:, 0])[:, None] - slant * y
    size = np.minimum(size[:, 0], MARGIN * height / np.ptp(x, axis=1))
    drawn.style[:, SIZE] = size
    points = np.stack([x, y], 1) * (size / height)[:, None, None]

    step = np.diff(points, axis=2)
    norm = np.sqrt((step * step).sum(1))  # (n, P - 1)
    length = norm * table.joined[which]
    ink = np.zeros_like(x)
    ink[:, :-1] += length / 2
    ink[:, 1:] += length / 2
    # Across the stroke; at a stroke's last point the step to the next stroke is as good a direction as any.
    normal = np.stack([-step[:, 1], step[:, 0]], 1) / (norm + 1e-6)[:, None]
    tremor = (drawn.waves[:, None] @ table.tremor[which])[:, 0]
    tremor *= wobble / np.sqrt((tremor * tremor).mean(1, keepdims=True))
    points[:, :, :-1] += normal * tremor[:, None, :-1]
    points[:, :, -1] += normal[:, :, -1] * tremor[:, None, -1]
    middle = (points * ink[:, None]).sum(2) / ink.sum(1)[:, None]  # the centre of the ink goes to the middle, as MNIST
    shift = (SIDE - 1) / 2 - middle
    shift[:, 1] -= baseline[:, 0]
    edge = drawn.style[:, WIDTH, None] / 2  # no stroke is cut off
    moved = np.clip(shift, edge - points.min(2), SIDE - 1 - edge - points.max(2))
    drawn.style[:, BASELINE] -= moved[:, 1] - shift[:, 1]
    return points + moved[:, :, None], ink


def _paint(points: Array, ink: Array, width: Array, pressure: Array) -> Array:
    """Paint sample points (n, 2, P) with arc lengths `ink` (n, P) as uint8 images (n, 28, 28).

    Every point is a Gaussian blot, and a blot is a product of one in x and one in y, so all of them together are one
    product of two matrices. Half of a long stroke's peak is reached ``sqrt(2 ln 2)`` standard deviations from its
    middle: there the edge goes, one pixel wide.
    """
    sigma = width / np.float32(2 * np.sqrt(2 * np.log(2)))
    unit = 1 / (np.float32(np.sqrt(2)) * sigma)
    grid = np.arange(SIDE, dtype=np.float32)
    blots = (grid * unit[:, None])[:, None, :, None] - (points * unit[:, None, None])[:, :, None, :]  # (n, 2, 28, P)
    np.multiply(blots, blots, out=blots)
    np.negative(blots, out=blots)
    np.exp(blots, out=blots)
    blots[:, 1] *= (ink / (np.float32(np.sqrt(2 * np.pi)) * sigma[:, None]))[:, None]
    image = blots[:, 1] @ blots[:, 0].transpose(0, 2, 1)
    image -= 0.5
    image *= np.maximum(sigma / EDGE, 1)[:, None, None]  # not below 1, or the paper would be grey
    image += 0.5
    np.clip(image, 0, 1, out=image)
    image *= 255 * pressure[:, None, None]
    image += 0.5
    return image.astype(np.uint8)


def _draw(drawn: _Drawn) -> Array:
    """Return the images, uint8 (n, 28, 28)."""
    points, ink = _place(drawn)
    return _paint(points, ink, drawn.style[:, WIDTH], drawn.style[:, PRESSURE])


def _whole(name: str, value: int, least: int) -> int:
    """Return a whole number not below `least`, or raise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is {value!r}, expected a whole number of at least {least}: try {name}={least}")
    return int(value)


def load(writers: int = 100, images: int = 97, seed: int = 0, *, progress: bool = True) -> Dataset:
    """Draw handwritten digits by synthetic writers whose style is known exactly.

    A writer has a style (`STYLE`), prefers one of three allographs for every digit and bends each in a way of their
    own; an image varies all of that a little. Writer k, and image i of writer k, are the same whatever the number of
    writers and of images asked for; another seed gives other writers.

    Parameters
    ----------
    writers
        How many hands, at least 1.
    images
        How many digits of each, at least 10: every ten in a row hold each digit once, in random order.
    seed
        At least 0.
    progress
        Accepted as by every source; there is nothing to wait for.

    Returns
    -------
    Dataset
        ``x`` (writers × images, 28, 28) uint8, white on black, centred by mass as MNIST; ``y`` the digits; ``split``
        with the last 10.6 % of each writer's images for test; ``factors``: "writer" (from 0), "allograph" (0 to 2,
        the digit's own count) and, float32, the values that each image was drawn with:

        ============  ===========================================================================================
        slant         shear, pixels to the right per pixel up
        aspect        width relative to the allograph's own (nothing to see in a plain 1)
        size          height without the stroke's width, pixels
        stroke_width  pixels
        roundness     0 cuts corners by straight lines, 1 is a smooth curve
        loop_size     loops, bowls, flags and roofs relative to the allograph's own (nothing to see in a plain 1)
        baseline      how far the centre of the ink is above the image's centre, pixels
        pressure      grey level of full ink, 1 is white
        wobble        tremor across the stroke, root mean square, pixels
        ============  ===========================================================================================

    Raises
    ------
    ValueError
        If an argument is not a whole number or is too small.

    References
    ----------
    The spline: E. Catmull, R. Rom, "A class of local interpolating splines", 1974. Digits by composing strokes:
    B. M. Lake, R. Salakhutdinov, J. B. Tenenbaum, "Human-level concept learning through probabilistic program
    induction", Science 350, 2015.

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
    writers, images, seed = _whole("writers", writers, 1), _whole("images", images, 10), _whole("seed", seed, 0)
    hands = (_write(np.random.SeedSequence(seed, spawn_key=(writer,)), images) for writer in range(writers))
    drawn = _Drawn(*(np.concatenate(column) for column in zip(*hands, strict=True)))
    x = np.empty((writers * images, SIDE, SIDE), np.uint8)
    for start in range(0, len(x), CHUNK):
        some = _Drawn(*(column[start : start + CHUNK] for column in drawn))
        x[start : start + CHUNK] = _draw(some)
    test = max(1, round(TEST * images))
    return Dataset(
        x=x,
        y=drawn.digit,
        factors={
            "writer": np.repeat(np.arange(writers), images),
            "allograph": drawn.variant,
            **{name: column.copy() for name, column in zip(STYLE, drawn.style.T, strict=True)},
        },
        split=np.tile(np.where(np.arange(images) < images - test, "train", "test"), writers),
        kind="image",
        label_name="digit",
        name="handwriting",
        source=f"synthetic digits drawn from strokes by wvae, seed {seed}",
        licence="MIT",
    )
