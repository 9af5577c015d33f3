"""Decode one image: errors, orientation, transparency, colour, scaling."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ...dataset import Array
from .depth import is_deep, read_levels, to_bytes
from .media import Content, other_format

__all__ = [
    "FORMATS",
    "Counts",
    "decode",
    "decoding_errors",
    "is_coloured",
    "is_turned_sideways",
    "open_image",
]

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP", "PPM")
SMALL = 64  # pixels of a side at which a JPEG is decoded to see its colours
_ORIENTATION = 0x0112  # EXIF's tag; values from 5 on exchange width and height
# Tags of TIFF, and values of theirs.
_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT = 0x0102, 0x0106, 0x0115, 0x0153
_ZERO_IS_WHITE, _SIGNED = 0, 2
_LANCZOS = 1  # Image.Resampling.LANCZOS, without importing Pillow
# Pillow's decoders raise these errors for damaged files. UnidentifiedImageError is an OSError.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError),
    *(IndexError, KeyError, TypeError, OverflowError, MemoryError),
)


@dataclass
class Counts:
    """Numbers of images with a property that the log mentions."""

    grey: int = 0  # images without colour among coloured ones
    animated: int = 0  # images of several frames
    decoloured: int = 0  # coloured images, of which the model wants the grey values
    deep: int = 0  # images of more than 8 bits
    clipped: int = 0  # images with values above white
    levels: Array = field(default_factory=lambda: np.zeros(256, bool))  # grey values that occur


def decoding_errors() -> tuple[type[Exception], ...]:
    """Return the errors that Pillow raises for damaged files."""
    from PIL import Image

    return (*_DAMAGE, struct.error, zlib.error, Image.DecompressionBombError)


def open_image(content: Content) -> Any:
    """Return an image whose header has been read."""
    from PIL import Image

    if content is None or content == b"":
        raise ValueError("it is empty")
    if isinstance(content, Path) and not content.stat().st_size:
        raise ValueError("it is empty")
    file = BytesIO(content) if isinstance(content, bytes) else content
    try:
        image = Image.open(file, formats=FORMATS)
    except Image.UnidentifiedImageError:
        # Pillow's own message contains a memory address.
        found = other_format(content, "an image") or "not an image"
        raise ValueError(f"it is {found}") from None
    if image.format == "TIFF":
        _check_tiff(image)
    return image


def _check_tiff(image: Any) -> None:
    """Raise a ValueError for a TIFF of which Pillow would give other values than it holds."""
    tags = image.tag_v2
    bits, formats = tags.get(_BITS, (1,)), tags.get(_SAMPLE_FORMAT, (1,))
    n_samples, n_read = tags.get(_SAMPLES, 1), len(image.getbands())
    if n_samples > n_read == 1:
        raise ValueError(
            f"it has {n_samples} channels, of which the first can be read: save each as an image"
        )
    if _SIGNED in formats and max(bits) <= 8:
        raise ValueError("its values are signed numbers of 8 bits: save them with 16 bits")
    if is_deep(image) and tags.get(_PHOTOMETRIC) == _ZERO_IS_WHITE:
        raise ValueError("0 is white in it, not black: save it inverted, or with 8 bits")


def is_turned_sideways(image: Any) -> bool:
    """Return whether EXIF orientation exchanges width and height."""
    # Pillow would decode a whole PNG to find EXIF data, which PNGs hardly ever have.
    if image.format not in ("JPEG", "MPO", "TIFF", "WEBP"):
        return False
    return image.getexif().get(_ORIENTATION, 1) >= 5


def is_coloured(image: Any) -> bool:
    """Return whether any pixel has a colour; an image in a grey mode is not decoded."""
    if image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I"):
        return False
    image.draft("RGB", (SMALL, SMALL))  # a JPEG is decoded at the smallest scale above that
    pixels = np.asarray(_upright(image, "RGB"))
    return bool((pixels != pixels[..., :1]).any())


def _upright(image: Any, mode: str) -> Any:
    """Return an image with its EXIF orientation applied, on white, in mode L or RGB."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode == mode:
        return image
    return image.convert("RGB").convert(mode)  # not every mode converts to L directly


def _upright_deep(image: Any, mode: str, white: float, counts: Counts) -> Any:
    """Return a grey image of more than 8 bits as 8 bits, with its EXIF orientation applied."""
    from PIL import Image, ImageOps

    values = read_levels(ImageOps.exif_transpose(image))
    pixels = to_bytes(values, white)
    counts.deep += 1
    counts.clipped += bool(values.max() > white)
    counts.levels[np.unique(pixels)] = True
    return Image.fromarray(pixels).convert(mode)


def decode(
    content: Content, coloured: bool, shape: tuple[int, int], white: float, counts: Counts
) -> Array:
    """Return the pixels of one image, (h, w) or (3, h, w) uint8, and count its properties."""
    mode = "RGB" if coloured else "L"
    with open_image(content) as image:
        animated = getattr(image, "is_animated", False)
        if is_deep(image):
            upright = _upright_deep(image, mode, white, counts)
        else:
            image.draft(None, (2 * max(shape), 2 * max(shape)))
            upright = _upright(image, "L" if image.mode in ("1", "L") else "RGB")
            if not coloured and upright.mode == "RGB":
                pixels = np.asarray(upright)
                counts.decoloured += bool((pixels != pixels[..., :1]).any())
            upright = upright.convert(mode)
        pixels = _fit(upright, *shape)
    counts.animated += animated
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
