"""Read image files of any size and mode into one array."""

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
    *(".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".tif", ".tiff", ".gif", ".webp"),
    *(".pgm", ".ppm", ".pbm"),
)
MAX_SIDE = 64  # pixels, if no size is given

_ORIENTATION = 0x0112  # EXIF's tag; values from 5 on exchange width and height
_LANCZOS = 1  # Image.Resampling.LANCZOS, without importing Pillow
# Pillow's decoders raise these errors for damaged files. UnidentifiedImageError is an OSError.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError),
    *(IndexError, KeyError, TypeError, OverflowError),
)


@dataclass
class _Counts:
    """Numbers of images with a property that the log mentions."""

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

    The files are read twice: first the headers, then the pixels. Only one decoded image is held in
    memory beside the array. EXIF orientation is applied, and transparent images are composited on
    white. Each image is scaled to fit and centred; the remaining area takes the median colour of
    its border. Of an animation, the first frame is read.

    Parameters
    ----------
    images
        Called twice, for headers and for pixels; yields n pairs of a name and a path or bytes.
    n
        Number of images.
    where
        Name of the data for errors.
    size
        Pixels of a side, or (height, width). None: the size that all images share, if it is at most
        64 pixels, else a square of the median of the longer sides, at most 64.
    log
        Called with one summary line.
    progress
        Show a progress bar on stderr.

    Returns
    -------
    x
        (k, h, w) uint8 if all images are grey, else (k, 3, h, w).
    readable
        Mask of the images that could be read, (n,) bool, with k True values.

    Raises
    ------
    ValueError
        If the size is impossible, or 1 % of the images or more cannot be read.
    """
    target = check_size(size)
    sizes, coloured = _read_headers(images, n, progress)
    sizes = sizes[sizes[:, 0] > 0]
    if not len(sizes):
        report_unreadable({name: "it is not an image" for name, _ in images()}, n, where, log)
    height, width = target or _default_size(sizes)
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
    log(_summary(k, sizes, (height, width), coloured, counts))
    return x[:k], readable


def check_size(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Return (height, width), or None if no size is given.

    Parameters
    ----------
    size
        Pixels of a side, or (height, width), from 4 to 1024 each.

    Raises
    ------
    ValueError
        If the size is anything else.

    Examples
    --------
    >>> check_size(28), check_size((20, 30))
    ((28, 28), (20, 30))
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
    """Return the size that all images share if it is small, else a square of the median side."""
    if len(np.unique(sizes, axis=0)) == 1 and sizes[0].max() <= MAX_SIDE:
        return int(sizes[0, 0]), int(sizes[0, 1])
    side = int(min(MAX_SIDE, max(4, np.median(sizes.max(1)))))
    return side, side


def _decoding_errors() -> tuple[type[Exception], ...]:
    from PIL import Image

    return (*_DAMAGE, struct.error, zlib.error, Image.DecompressionBombError)


def _open(content: Content) -> Any:
    """Return an image whose header has been read."""
    from PIL import Image

    if content is None or content == b"":
        raise ValueError("it is empty")
    if isinstance(content, Path) and not content.stat().st_size:
        raise ValueError("it is empty")
    file = BytesIO(content) if isinstance(content, bytes) else content
    try:
        return Image.open(file, formats=FORMATS)
    except Image.UnidentifiedImageError:
        # Pillow's own message contains a memory address.
        raise ValueError("it is not an image") from None


def _read_headers(images: MediaSource, n: int, progress: bool) -> tuple[Array, bool]:
    """Return heights and widths, (n, 2), 0 if unreadable, and whether any image has colour."""
    sizes = np.zeros((n, 2), np.int64)
    any_colour = False
    with progress_bar("reading headers", n, progress) as step:
        for i, (_, content) in enumerate(images()):
            try:
                with _open(content) as image:
                    sizes[i] = image.size if _is_turned_sideways(image) else image.size[::-1]
                    any_colour = any_colour or _is_coloured(image)
            except _decoding_errors():
                pass  # the second reading raises the same error, which is reported
            step()
    return sizes, any_colour


def _is_turned_sideways(image: Any) -> bool:
    """Return whether EXIF orientation exchanges width and height."""
    # Pillow would decode a whole PNG to find EXIF data, which PNGs hardly ever have.
    if image.format not in ("JPEG", "MPO", "TIFF", "WEBP"):
        return False
    return image.getexif().get(_ORIENTATION, 1) >= 5


def _is_coloured(image: Any) -> bool:
    """Return whether any pixel has a colour; an image in a grey mode is not decoded."""
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
            extremes = f"{deep.min()} to {deep.max()}"
            raise ValueError(f"its grey values range from {extremes}, expected 0 to 65535")
        image = Image.fromarray((deep / 257).round().astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its grey values are fractions, expected 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode == mode:
        return image
    return image.convert("RGB").convert(mode)  # not every mode converts to L directly


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
    """Return the line for the log on the sizes, colours and conversions."""
    by_area = sizes[sizes.prod(1).argsort()]
    original, target = _in_pixels(by_area[-1]), _in_pixels(shape)
    if len(np.unique(sizes, axis=0)) > 1:
        original = f"{_in_pixels(by_area[0])} to {original}"
    resized = f" resized to {target}" if original != target else ""
    parts = [f"{n:,} images, {original} pixels{resized}"]
    other_ratio = sizes[:, 0] * shape[1] != sizes[:, 1] * shape[0]
    if other_ratio.any():
        parts.append(f"{other_ratio.sum():,} padded to keep their proportions")
    parts.append("colour" if coloured else "grey")
    if counts.grey:
        parts.append(f"{counts.grey:,} grey images converted to colour")
    if counts.deep:
        parts.append(f"{counts.deep:,} converted from 16 bits to 8")
    if counts.animated:
        parts.append(f"only the first frame of {counts.animated:,} animations")
    return ", ".join(parts)


def _in_pixels(size: Any) -> str:
    """Return (height, width) as text, width first."""
    return f"{size[1]}×{size[0]}"
