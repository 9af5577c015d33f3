"""Digits in front of photographs: the label is the digit, and what is behind it is to be found."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal, NamedTuple, get_args

import numpy as np

from ..dataset import Array, Dataset
from . import handwriting, mnist

Digits = Literal["handwriting", "mnist"]

SIDE = 32
BLOCK = 48  # pixels: photographs are cut into such squares, and no crop reaches over the edge of one
CROP = 32.0, 44.0  # pixels: the side of a crop, before it is brought to SIDE
SCALE = 0.85, 1.15  # of the digit; MNIST's own are 20 pixels at most, `handwriting`'s 14 to 21 high
SHIFT = 3.0  # pixels, at most, from the middle each way
CONTRAST = 0.4, 0.8  # of luminance, at least and at most, between the ink and what it covers
DIM = 0.6  # of a photograph's light: bright ink is seen before any of them
TINT = 0.15  # how much colour the ink has
TEST = 1 / 8  # share of the images
HELD_OUT = 5  # of as many blocks, one is for test
PAGE = 100  # digits of a writer
SPARE = 80  # images for which one writer is asked: more digits than images, so that the test digits suffice, too
CHUNK = 500  # images drawn at once
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue: Rec. 601


class Scene(NamedTuple):
    """A part of a photograph in which any crop shows the same kind of thing."""

    package: str
    file: str
    box: tuple[int, int, int, int]  # left, top, right, bottom, pixels of the file
    shrink: float  # pixels of the file to one of ours


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


def load(*, digits: Digits = "handwriting", images: int = 20_000, seed: int = 0, progress: bool = True) -> Dataset:
    """Draw digits over crops of the photographs that come with scikit-learn and scikit-image: no download for those.

    Every photograph is cut into squares, one in five of which is for test, and so no pixel of a test image's background
    was seen in training; nor was its digit. Scenes and digits are drawn independently, and so is what varies besides.
    With b the crop and m the digit, both in [0, 1], an image is (1 − m) b + m c, of one colour c.

    Parameters
    ----------
    digits
        Where the digits come from: ``"handwriting"``, drawn on the spot, or ``"mnist"``, downloaded once.
    images
        How many, at least 100; of `mnist`'s digits at most 68,570.
    seed
        At least 0.
    progress
        Show a progress bar while MNIST is downloaded.

    Returns
    -------
    Dataset
        ``x`` (images, 3, 32, 32) uint8, red, green and blue; ``y`` the digits; ``split`` with the last eighth for test;
        ``factors``: "scene" (a name of `SCENES`), "writer" (whose digit it is), and, float32,

        ================  ==========================================================================================
        size              of the digit, relative to its own 28 × 28 pixels
        shift_x, shift_y  where the middle of those is, pixels to the right of and below the image's
        contrast          luminance of the ink less the mean of what it covers
        zoom              pixels of the photograph, as cut, to one of the image
        ================  ==========================================================================================

    Raises
    ------
    ModuleNotFoundError
        If scikit-image is not installed.
    ValueError
        If an argument is out of range, or a photograph is missing or of another size than expected.
    wvae.datasets.download.DownloadError
        If MNIST cannot be brought into the cache.

    Examples
    --------
    >>> data = load(images=120)
    >>> data.x.shape, data.x.dtype, (data.split == "test").sum().item()
    ((120, 3, 32, 32), dtype('uint8'), 15)
    >>> sorted(set(data.factors["scene"].tolist()))[:4]
    ['bricks', 'cat', 'dusk', 'foliage']
    """
    if digits not in get_args(Digits):
        raise ValueError(f"digits is {digits!r}, expected one of {', '.join(get_args(Digits))}")
    for name, value, least in (("images", images, 100), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name} is {value!r}, expected a whole number of at least {least}: try {name}={least}")
    rng = np.random.default_rng(seed)
    split = np.where(np.arange(images) < images - round(TEST * images), "train", "test")
    source = mnist.load(progress=progress) if digits == "mnist" else _handwriting(images, seed)
    rows = _rows(source, split, rng)
    blocks = {name: _blocks(scene, name) for name, scene in SCENES.items()}
    scene = rng.permutation(np.arange(images) % len(SCENES))
    x = np.empty((images, 3, SIDE, SIDE), np.uint8)
    columns = {name: np.empty(images, np.float32) for name in ("size", "shift_x", "shift_y", "contrast", "zoom")}
    for start in range(0, images, CHUNK):
        part = slice(start, min(start + CHUNK, images))
        behind, columns["zoom"][part] = _crops(list(blocks.values()), scene[part], split[part] == "test", rng)
        ink, where = _placed(source.x[rows[part]], rng)
        x[part], columns["contrast"][part] = _drawn(behind, ink, rng)
        for name, values in zip(("size", "shift_x", "shift_y"), where, strict=True):
            columns[name][part] = values
    return Dataset(
        x=x,
        y=source.y[rows],
        factors={"scene": np.array(list(SCENES))[scene], "writer": source.factors["writer"][rows], **columns},
        split=split,
        kind="image",
        label_name="digit",
        name="scenes",
        source=f"digits ({source.source}) over photographs of scikit-learn and scikit-image, seed {seed}",
        licence=f"photographs: CC0, public domain, CC BY 2.0 (china.jpg, flower.jpg); digits: {source.licence}",
    )


def _handwriting(images: int, seed: int) -> Dataset:
    return handwriting.load(writers=-(-images // SPARE), images=PAGE, seed=seed)


def _rows(source: Dataset, split: Array, rng: np.random.Generator) -> Array:
    """Return the rows of the digits, none twice: train's from train and test's from test."""
    rows = np.empty(len(split), np.int64)
    for part in ("train", "test"):
        pool, wanted = np.flatnonzero(source.split == part), np.flatnonzero(split == part)
        if len(wanted) > len(pool):
            raise ValueError(
                f"images is {len(split)}, of which {len(wanted)} are for {part}, but {source.name} has "
                f"{len(pool)} {part} digits: take fewer images, or digits='handwriting'"
            )
        rows[wanted] = rng.permutation(pool)[: len(wanted)]
    return rows


def _blocks(scene: Scene, name: str) -> tuple[Array, Array]:
    """Return a scene's squares for train and for test, (m, 3, BLOCK, BLOCK) float32 in [0, 1] each."""
    photograph = _photograph(scene, name)
    rows, columns = photograph.shape[0] // BLOCK, photograph.shape[1] // BLOCK
    cut = photograph[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK, 3)
    cut = cut.transpose(0, 2, 4, 1, 3)  # (rows, columns, 3, BLOCK, BLOCK)
    # A knight's move apart: every row and every column gives some to test.
    test = (np.arange(rows)[:, None] + 2 * np.arange(columns)) % HELD_OUT == 0
    return cut[~test], cut[test]


def _photograph(scene: Scene, name: str) -> Array:
    """Return the part of a photograph that shows the scene, dimmed, (height, width, 3) float32 in [0, 1]."""
    try:
        from PIL import Image  # comes with scikit-image

        path = files(scene.package) / scene.file
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "scenes needs the photographs of scikit-image: pip install 'wvae[scenes]'", name=error.name
        ) from error
    if not path.is_file():
        raise ValueError(f"{path} is missing, which shows the scene {name!r}: install scikit-image 0.26 anew")
    left, top, right, bottom = scene.box
    with path.open("rb") as file, Image.open(file) as image:
        if image.width < right or image.height < bottom:
            raise ValueError(
                f"{path} has {image.width} × {image.height} pixels, expected at least {right} × {bottom} for the "
                f"scene {name!r}: install scikit-image 0.26 anew"
            )
        part = image.convert("RGB").crop(scene.box)
    size = round((right - left) / scene.shrink), round((bottom - top) / scene.shrink)
    return DIM * np.asarray(part.resize(size, Image.Resampling.BOX), np.float32) / 255


def _crops(
    blocks: list[tuple[Array, Array]], scene: Array, test: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return random crops, (n, 3, SIDE, SIDE) in [0, 1], and their zooms, (n,)."""
    n = len(scene)
    u = rng.random((n, 4), np.float32)
    behind = np.stack(
        [blocks[k][int(t)][int(v * len(blocks[k][int(t)]))] for k, t, v in zip(scene, test, u[:, 0], strict=True)]
    )
    zoom = (CROP[0] + (CROP[1] - CROP[0]) * u[:, 1]) / SIDE
    # The middle of a crop is as far from the block's as fits.
    shift = (BLOCK - zoom[:, None] * SIDE) * (u[:, 2:] - 0.5)
    across, down = (_resampling(BLOCK, zoom, shift[:, axis]) for axis in (0, 1))
    return down[:, None] @ behind @ across[:, None].transpose(0, 1, 3, 2), zoom


def _placed(digits: Array, rng: np.random.Generator) -> tuple[Array, tuple[Array, Array, Array]]:
    """Return digits of random size at random places, (n, SIDE, SIDE) in [0, 1], with size, x and y, (n,) each."""
    n, side = len(digits), digits.shape[-1]
    u = rng.random((n, 3), np.float32)
    size = SCALE[0] + (SCALE[1] - SCALE[0]) * u[:, 0]
    x, y = SHIFT * (2 * u[:, 1:].T - 1)
    # A pixel at p of the image is one at (p − shift) / size of the digit, both from their middles.
    across, down = (_resampling(side, 1 / size, -shift / size) for shift in (x, y))
    return down @ (digits.astype(np.float32) / 255) @ across.transpose(0, 2, 1), (size, x, y)


def _resampling(side: int, step: Array, shift: Array) -> Array:
    """Return matrices that resample a line of `side` values at SIDE points, (n, SIDE, side).

    Points lie `step` apart around the middle plus `shift`; the kernel is a triangle as wide as a step, or as the
    distance of values, if that is more. Beyond the ends there is 0.
    """
    points = (side - 1) / 2 + shift[:, None] + step[:, None] * (np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2)
    width = np.maximum(step, 1)[:, None, None]
    kernel = 1 - np.abs(points[:, :, None] - np.arange(side, dtype=np.float32)) / width
    kernel = np.maximum(kernel, 0)
    return (kernel / np.maximum(kernel.sum(2, keepdims=True), 1e-6)).astype(np.float32)


def _drawn(behind: Array, ink: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the images, uint8 (n, 3, SIDE, SIDE), and the contrasts, (n,)."""
    n = len(ink)
    covered = np.einsum("c,nchw,nhw->n", LUMINANCE, behind, ink) / ink.sum((1, 2))
    u, tint = rng.random(n, np.float32), rng.standard_normal((n, 3), np.float32)
    low, high = CONTRAST
    contrast = low + (np.minimum(1 - covered, high) - low) * u
    tint = TINT * (tint - (tint @ LUMINANCE)[:, None])
    colour = np.clip(covered[:, None] + contrast[:, None] + tint, 0, 1)  # (n, 3)
    contrast = colour @ LUMINANCE - covered
    image = behind + ink[:, None] * (colour[:, :, None, None] - behind)
    return (255 * np.clip(image, 0, 1) + 0.5).astype(np.uint8), contrast.astype(np.float32)
