"""Digits in front of photographs: the label is the digit, the photograph is a hidden factor."""

from __future__ import annotations

import math
from importlib.resources import files
from typing import Literal, NamedTuple, get_args

import numpy as np

from ...validation.quoting import quoted
from ..dataset import Array, Dataset
from ..messages import check_integer
from . import handwriting, mnist

__all__ = ["SCENES", "load"]

Digits = Literal["handwriting", "mnist"]

SIDE = 32  # pixels
BLOCK = 48  # pixels: side of the squares that photographs are cut into; a crop lies inside one
CROP = 32.0, 44.0  # pixels: range of a crop's side before it is resampled to SIDE
SCALE = 0.85, 1.15  # range of the digit's scale; a digit is at most 21 pixels high before
SHIFT = 3.0  # pixels: largest distance of a digit from the middle, in x and in y
CONTRAST = 0.4, 0.8  # range of the luminance difference between the ink and what it covers
DIM = 0.6  # factor on a photograph's brightness, so that ink can be brighter than all photographs
TINT = 0.15  # strength of the ink's random colour
TEST = 1 / 8  # fraction of the images in the test part
HELD_OUT = 5  # one of this many blocks is for test
WRITER_IMAGES = 100  # digits of one synthetic writer
IMAGES_PER_WRITER = 80  # images per synthetic writer; below WRITER_IMAGES, for enough test digits
CHUNK = 500  # images rendered at once
PHOTOGRAPHS = "photographs of scikit-learn and scikit-image"
PHOTOGRAPHS_LICENCE = "CC0, public domain, CC BY 2.0 (china.jpg, flower.jpg)"
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue: Rec. 601


class Scene(NamedTuple):
    """A part of a photograph in which all crops show the same kind of thing."""

    package: str
    file: str
    box: tuple[int, int, int, int]  # left, top, right, bottom, pixels of the file
    shrink: float  # pixels of the file per pixel of the scene


_SKLEARN, _SKIMAGE = "sklearn.datasets.images", "skimage"
SCENES: dict[str, Scene] = {
    "temple": Scene(_SKLEARN, "china.jpg", (105, 110, 285, 350), 0.93),
    "sky": Scene(_SKLEARN, "china.jpg", (300, 0, 560, 200), 1.0),
    "petals": Scene(_SKLEARN, "flower.jpg", (203, 120, 397, 314), 1.0),
    "foliage": Scene(_SKLEARN, "flower.jpg", (440, 0, 640, 427), 1.0),
    "cat": Scene(_SKIMAGE, "data/chelsea.png", (0, 0, 260, 300), 1.0),
    "galaxies": Scene(_SKIMAGE, "data/hubble_deep_field.jpg", (0, 0, 1000, 872), 2.0),
    "tissue": Scene(_SKIMAGE, "data/ihc.png", (0, 0, 512, 512), 1.5),
    "retina": Scene(_SKIMAGE, "data/retina.jpg", (250, 250, 1200, 1200), 3.0),
    "dusk": Scene(_SKIMAGE, "data/rocket.jpg", (0, 0, 640, 270), 1.0),
    "gravel": Scene(_SKIMAGE, "data/gravel.png", (0, 0, 512, 512), 1.5),
    "bricks": Scene(_SKIMAGE, "data/brick.png", (0, 0, 512, 512), 1.5),
}


class _Blocks(NamedTuple):
    """The squares of one scene, float32 in [0, 1]."""

    train: Array  # (m, 3, BLOCK, BLOCK)
    test: Array  # (m', 3, BLOCK, BLOCK)


def load(
    *, digits: Digits = "handwriting", images: int = 20_000, seed: int = 0, progress: bool = True
) -> Dataset:
    """Draw digits over crops of the photographs that come with scikit-learn and scikit-image.

    Each photograph is cut into squares, and one of five squares is for test. Training therefore
    sees neither a pixel of a test image's background nor its digit. Scene, digit and all other
    factors are sampled independently. With the crop b and the digit m, both in [0, 1], and a
    colour c, an image is

    .. math:: (1 - m)\\,b + m\\,c.

    Parameters
    ----------
    digits
        Data set of the digits: ``"handwriting"``, which is synthetic, or ``"mnist"``, which is
        downloaded once.
    images
        Number of images, at least 100; at most 68,570 with the digits of MNIST.
    seed
        Random seed, at least 0.
    progress
        Show a progress bar on stderr while MNIST is downloaded.

    Returns
    -------
    Dataset
        ``x`` (images, 3, 32, 32) uint8 in the order red, green, blue; ``y`` the digits; ``split``
        with the last eighth as the test part; ``factors`` "scene" (a key of `SCENES`), "writer" (of
        the digit) and, as float32,

        ================  ======================================================================
        size              scale of the digit relative to its original 28 × 28 pixels
        shift_x, shift_y  position of the digit's centre relative to the image's, pixels to the
                          right and down
        contrast          luminance of the ink minus the mean luminance of what it covers
        zoom              pixels of the scene per pixel of the image
        ================  ======================================================================

    Raises
    ------
    ModuleNotFoundError
        If scikit-image is not installed.
    ValueError
        If an argument is out of range, or a photograph is missing or too small.
    wvae.datasets.download.DownloadError
        If MNIST cannot be downloaded.

    Examples
    --------
    >>> data = load(images=120)
    >>> data.x.shape, data.x.dtype, (data.split == "test").sum().item()
    ((120, 3, 32, 32), dtype('uint8'), 15)
    >>> sorted(set(data.factors["scene"].tolist()))[:4]
    ['bricks', 'cat', 'dusk', 'foliage']
    """
    _check_arguments(digits, images, seed)
    rng = np.random.default_rng(seed)
    split = np.where(np.arange(images) < images - round(TEST * images), "train", "test")
    source = mnist.load(progress=progress) if digits == "mnist" else _handwriting(images, seed)
    rows = _choose_digits(source, split, rng)
    blocks = [_blocks(scene, name) for name, scene in SCENES.items()]
    scene = rng.permutation(np.arange(images) % len(SCENES))
    x = np.empty((images, 3, SIDE, SIDE), np.uint8)
    factors = {
        "scene": np.array(list(SCENES))[scene],
        "writer": source.factors["writer"][rows],
    }
    for name in ("size", "shift_x", "shift_y", "contrast", "zoom"):
        factors[name] = np.empty(images, np.float32)
    for start in range(0, images, CHUNK):
        part = slice(start, min(start + CHUNK, images))
        background, zoom = _crop(blocks, scene[part], split[part] == "test", rng)
        ink, size, shift_x, shift_y = _place(source.x[rows[part]], rng)
        x[part], contrast = _blend(background, ink, rng)
        factors["zoom"][part] = zoom
        factors["size"][part] = size
        factors["shift_x"][part] = shift_x
        factors["shift_y"][part] = shift_y
        factors["contrast"][part] = contrast
    return Dataset(
        x=x,
        y=source.y[rows],
        factors=factors,
        split=split,
        kind="image",
        label_name="digit",
        name="scenes",
        source=f"digits ({source.source}) over {PHOTOGRAPHS}, seed {seed}",
        licence=f"photographs: {PHOTOGRAPHS_LICENCE}; digits: {source.licence}",
    )


def _check_arguments(digits: str, images: int, seed: int) -> None:
    if digits not in get_args(Digits):
        raise ValueError(
            f"digits is {quoted(digits)}, expected one of {', '.join(get_args(Digits))}"
        )
    check_integer("images", images, 100)
    check_integer("seed", seed, 0)


def _handwriting(images: int, seed: int) -> Dataset:
    writers = math.ceil(images / IMAGES_PER_WRITER)
    return handwriting.load(writers=writers, images=WRITER_IMAGES, seed=seed)


def _choose_digits(source: Dataset, split: Array, rng: np.random.Generator) -> Array:
    """Return one row of `source` per image, without repetition, each from the same part."""
    rows = np.empty(len(split), np.int64)
    for part in ("train", "test"):
        available = np.flatnonzero(source.split == part)
        wanted = np.flatnonzero(split == part)
        if len(wanted) > len(available):
            raise ValueError(
                f"images is {len(split)}, of which {len(wanted)} are for {part}, but {source.name} "
                f"has {len(available)} {part} digits: take fewer images, or digits='handwriting'"
            )
        rows[wanted] = rng.permutation(available)[: len(wanted)]
    return rows


def _blocks(scene: Scene, name: str) -> _Blocks:
    """Cut a scene into squares for train and for test."""
    photograph = _photograph(scene, name)
    rows, columns = photograph.shape[0] // BLOCK, photograph.shape[1] // BLOCK
    grid = photograph[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK, 3)
    grid = grid.transpose(0, 2, 4, 1, 3)  # (rows, columns, 3, BLOCK, BLOCK)
    # Neighbouring test squares are one row and two columns apart: every row and column has some.
    test = (np.arange(rows)[:, None] + 2 * np.arange(columns)) % HELD_OUT == 0
    return _Blocks(grid[~test], grid[test])


def _photograph(scene: Scene, name: str) -> Array:
    """Return the scene's part of a photograph, dimmed, (height, width, 3) float32 in [0, 1]."""
    try:
        from PIL import Image  # comes with scikit-image

        path = files(scene.package) / scene.file
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the data set scenes needs scikit-image's photographs: pip install 'wvae[scenes]'",
            name=error.name,
        ) from error
    if not path.is_file():
        raise ValueError(
            f"{path}, the photograph of scene {name!r}, is missing: reinstall scikit-image 0.26"
        )
    left, top, right, bottom = scene.box
    with path.open("rb") as file, Image.open(file) as image:
        if image.width < right or image.height < bottom:
            raise ValueError(
                f"{path} has {image.width} × {image.height} pixels, expected at least {right} × "
                f"{bottom} for scene {name!r}: reinstall scikit-image 0.26"
            )
        part = image.convert("RGB").crop(scene.box)
    size = round((right - left) / scene.shrink), round((bottom - top) / scene.shrink)
    return DIM * np.asarray(part.resize(size, Image.Resampling.BOX), np.float32) / 255


def _crop(
    blocks: list[_Blocks], scene: Array, test: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return random crops, (n, 3, SIDE, SIDE) in [0, 1], and their zooms, (n,)."""
    n = len(scene)
    u = rng.random((n, 4), np.float32)  # block, zoom, x, y
    chosen = np.empty((n, 3, BLOCK, BLOCK), np.float32)
    for i in range(n):
        of_scene = blocks[scene[i]]
        candidates = of_scene.test if test[i] else of_scene.train
        chosen[i] = candidates[int(u[i, 0] * len(candidates))]
    zoom = (CROP[0] + (CROP[1] - CROP[0]) * u[:, 1]) / SIDE
    shift = (BLOCK - zoom[:, None] * SIDE) * (u[:, 2:] - 0.5)  # the crop stays inside its block
    across = _resampling(BLOCK, zoom, shift[:, 0])
    down = _resampling(BLOCK, zoom, shift[:, 1])
    return down[:, None] @ chosen @ across[:, None].transpose(0, 1, 3, 2), zoom


def _place(digits: Array, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Return digits of random size and position, (n, SIDE, SIDE) in [0, 1]; size, x, y, (n,)."""
    n, side = len(digits), digits.shape[-1]
    u = rng.random((n, 3), np.float32)
    size = SCALE[0] + (SCALE[1] - SCALE[0]) * u[:, 0]
    x, y = SHIFT * (2 * u[:, 1:].T - 1)
    # Relative to the middles, pixel p of the image is pixel (p − shift) / size of the digit.
    across = _resampling(side, 1 / size, -x / size)
    down = _resampling(side, 1 / size, -y / size)
    return down @ (digits.astype(np.float32) / 255) @ across.transpose(0, 2, 1), size, x, y


def _resampling(side: int, step: Array, shift: Array) -> Array:
    """Return matrices that resample a line of `side` values at SIDE points, (n, SIDE, side).

    The points lie `step` apart, around the middle plus `shift`. The kernel is a triangle whose half
    width is the larger of a step and the distance of the values. Values beyond the ends are 0.
    """
    pixels = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2  # relative to the middle
    points = (side - 1) / 2 + shift[:, None] + step[:, None] * pixels
    width = np.maximum(step, 1)[:, None, None]
    kernel = 1 - np.abs(points[:, :, None] - np.arange(side, dtype=np.float32)) / width
    kernel = np.maximum(kernel, 0)
    return (kernel / np.maximum(kernel.sum(2, keepdims=True), 1e-6)).astype(np.float32)


def _blend(background: Array, ink: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw ink (n, SIDE, SIDE) over crops; return images, uint8 (n, 3, …), and contrasts (n,)."""
    n = len(ink)
    covered = np.einsum("c,nchw,nhw->n", LUMINANCE, background, ink) / ink.sum((1, 2))
    u = rng.random(n, np.float32)
    tint = rng.standard_normal((n, 3), np.float32)
    low, high = CONTRAST
    contrast = low + (np.minimum(1 - covered, high) - low) * u
    tint = TINT * (tint - (tint @ LUMINANCE)[:, None])  # without luminance
    colour = np.clip(covered[:, None] + contrast[:, None] + tint, 0, 1)  # (n, 3)
    contrast = colour @ LUMINANCE - covered  # clipping may have changed it
    image = background + ink[:, None] * (colour[:, :, None, None] - background)
    return (255 * np.clip(image, 0, 1) + 0.5).astype(np.uint8), contrast.astype(np.float32)
