"""Image files, of any size and kind, as one array."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset import Array
from ..messages import Log, one_line
from .media import Content, MediaSource, progress_bar, report_unreadable

__all__ = ["FORMATS", "SUFFIXES", "check_size", "read_images"]

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP", "PPM")
SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jfif",
    ".bmp",
    ".tif",
    ".tiff",
    ".gif",
    ".webp",
    ".pgm",
    ".ppm",
    ".pbm",
)
MAX_SIDE = 64  # pixels, if no size is given

_ORIENTATION = 0x0112  # EXIF's tag; values from 5 on exchange width and height
_LANCZOS = 1  # Image.Resampling.LANCZOS, without importing Pillow
# What Pillow's decoders raise at damaged files; its own UnidentifiedImageError is an OSError.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
)


@dataclass
class _Counts:
    """How many images had a property that the log mentions."""

    grey: int = 0  # images without colour among coloured ones
    animated: int = 0  # images of several frames
    deep: int = 0  # images of 16 bits


def read_images(
    images: MediaSource,
    n: int,
    where: str,
    *,
    size: int | tuple[int, int] | None,
    log: Log,
    progress: bool,
) -> tuple[Array, Array]:
    """Read images into one array.

    The files are read twice, first their headers, then their pixels, which go one by one into one array: nothing else
    is held in memory. EXIF orientation is applied, transparent images are composited on white, and all are scaled to
    fit and centred; the remaining area takes the median colour of the image's border. Of several frames the first is
    read.

    Parameters
    ----------
    images
        Called for each of the two readings; yields n pairs of a name and a path or the file's bytes.
    n
        How many there are.
    where
        The name of the data in errors.
    size
        Pixels of a side, or (height, width). None: the images' own size if all share one of at most 64 pixels, else a
        square of the median of the longer sides, at most 64.
    log
        Called with one line on what was done.
    progress
        Show a progress bar on stderr.

    Returns
    -------
    x
        (k, h, w) uint8 if all images are grey, else (k, 3, h, w).
    readable
        Which of the n images could be read, (n,) bool, k of them True.

    Raises
    ------
    ValueError
        If the size is impossible, or 1 % of the images or more cannot be read.
    """
    given = check_size(size)
    sizes, coloured = _read_headers(images, n, progress)
    known_sizes = sizes[sizes[:, 0] > 0]
    if not len(known_sizes):
        report_unreadable({name: "it is not an image" for name, _ in images()}, n, where, log)
    height, width = given or _default_size(known_sizes)
    x = np.empty((n, 3, height, width) if coloured else (n, height, width), np.uint8)
    readable = np.zeros(n, bool)
    reasons: dict[str, str] = {}
    counts = _Counts()
    k = 0
    with progress_bar("reading images", n, progress) as step:
        for i, (name, content) in enumerate(images()):
            try:
                x[k] = _decode(content, coloured, (height, width), counts)
            except _decoding_errors() as error:
                reasons[name] = one_line(error)
            else:
                readable[i] = True
                k += 1
            step()
    report_unreadable(reasons, n, where, log)
    log(_summary(k, known_sizes, (height, width), coloured, counts))
    return x[:k], readable


def check_size(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Return (height, width), or None if no size is given.

    Raises
    ------
    ValueError
        If the size is neither a number of pixels from 4 to 1024 nor a pair of them.
    """
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2 or not all(_is_side(side) for side in pair):
        raise ValueError(
            f"size is {size!r}, expected pixels from 4 to 1024: a side, or (height, width)"
        )
    return pair


def _is_side(side: object) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and 4 <= side <= 1024


def _default_size(sizes: Array) -> tuple[int, int]:
    if len(np.unique(sizes, axis=0)) == 1 and sizes[0].max() <= MAX_SIDE:
        return int(sizes[0, 0]), int(sizes[0, 1])
    side = int(min(MAX_SIDE, max(4, np.median(sizes.max(1)))))
    return side, side


def _decoding_errors() -> tuple[type[Exception], ...]:
    from PIL import Image

    return (*_DAMAGE, struct.error, zlib.error, Image.DecompressionBombError)


def _open(content: Content) -> Any:
    from PIL import Image

    if content is None or content == b"":
        raise ValueError("it is empty")
    if isinstance(content, Path) and not content.stat().st_size:
        raise ValueError("it is empty")
    try:
        return Image.open(
            BytesIO(content) if isinstance(content, bytes) else content, formats=FORMATS
        )
    except Image.UnidentifiedImageError:
        raise ValueError("it is not an image") from None  # Pillow's message holds a memory address


def _read_headers(images: MediaSource, n: int, progress: bool) -> tuple[Array, bool]:
    """Return heights and widths, (n, 2), 0 where unreadable, and whether any image has colour."""
    sizes = np.zeros((n, 2), np.int64)
    any_colour = False
    with progress_bar("reading headers", n, progress) as step:
        for i, (_, content) in enumerate(images()):
            try:
                with _open(content) as image:
                    sizes[i] = image.size if _is_turned_sideways(image) else image.size[::-1]
                    any_colour = any_colour or _is_coloured(image)
            except _decoding_errors():
                pass  # the second reading meets the same error and reports it
            step()
    return sizes, any_colour


def _is_turned_sideways(image: Any) -> bool:
    # Pillow would decode a PNG to look for EXIF data, which PNGs hardly ever have.
    return (
        image.format in ("JPEG", "MPO", "TIFF", "WEBP")
        and image.getexif().get(_ORIENTATION, 1) >= 5
    )


def _is_coloured(image: Any) -> bool:
    """Return whether any pixel has a colour; an image in a grey mode is not decoded for that."""
    if image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I"):
        return False
    image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a JPEG is decoded at the smallest scale above that
    pixels = np.asarray(_upright(image, "RGB"))
    return bool((pixels != pixels[..., :1]).any())


def _upright(image: Any, mode: str) -> Any:
    """Return an image with its EXIF orientation applied, on white, in mode L or RGB."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.int64)
        if deep.min() < 0 or deep.max() > 65535:
            raise ValueError(
                f"its grey values range from {deep.min()} to {deep.max()}, expected 0 to 65535"
            )
        image = Image.fromarray((deep / 257).round().astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its grey values are fractions, expected 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return (
        image if image.mode == mode else image.convert("RGB").convert(mode)
    )  # not every mode converts to L directly


def _decode(content: Content, coloured: bool, shape: tuple[int, int], counts: _Counts) -> Array:
    """Return the pixels of one image, (h, w) or (3, h, w) uint8, and count its properties."""
    with _open(content) as image:
        animated, deep = getattr(image, "is_animated", False), image.mode.startswith("I")
        image.draft(None, (2 * max(shape), 2 * max(shape)))
        pixels = _fit(_upright(image, "RGB" if coloured else "L"), *shape)
    counts.animated += animated
    counts.deep += deep
    if not coloured:
        return pixels
    counts.grey += bool((pixels == pixels[..., :1]).all())
    return pixels.transpose(2, 0, 1)


def _fit(image: Any, height: int, width: int) -> Array:
    """Return an image scaled to fit and centred; the rest is the median colour of its border."""
    if image.size == (width, height):
        return np.asarray(image)
    scale = min(width / image.width, height / image.height)
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    pixels = np.asarray(image.resize(inner, _LANCZOS, reducing_gap=3.0))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    out = np.empty((height, width, *pixels.shape[2:]), np.uint8)
    out[:] = np.median(border, axis=0)
    top, left = (height - inner[1]) // 2, (width - inner[0]) // 2
    out[top : top + inner[1], left : left + inner[0]] = pixels
    return out


def _summary(n: int, sizes: Array, shape: tuple[int, int], coloured: bool, counts: _Counts) -> str:
    by_area = sizes[sizes.prod(1).argsort()]
    original, target = _in_pixels(by_area[-1]), _in_pixels(shape)
    if len(np.unique(sizes, axis=0)) > 1:
        original = f"{_in_pixels(by_area[0])} to {original}"
    parts = [
        f"{n:,} images, {original} pixels" + (f" resized to {target}" if original != target else "")
    ]
    other_ratio = sizes[:, 0] * shape[1] != sizes[:, 1] * shape[0]
    if other_ratio.any():
        parts.append(f"{other_ratio.sum():,} padded at the sides to keep their proportions")
    parts.append("colour" if coloured else "grey")
    if counts.grey:
        parts.append(f"{counts.grey:,} grey ones converted to colour")
    if counts.deep:
        parts.append(f"{counts.deep:,} converted from 16 bits to 8")
    if counts.animated:
        parts.append(f"only the first frame of {counts.animated:,} with several")
    return ", ".join(parts)


def _in_pixels(size: Any) -> str:
    """Return (height, width) as text, width first."""
    return f"{size[1]}×{size[0]}"
