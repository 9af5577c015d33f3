"""Image files, of any size and kind, as one array."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from .dataset import Array
from .wording import Say, one_line, some

__all__ = ["FORMATS", "SUFFIXES", "bar", "checked_size", "drop_bad", "read_pictures"]

Content = bytes | Path | None
Pictures = Callable[[], Iterable[tuple[str, Content]]]  # name and content of each, anew on every call

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".pgm", ".ppm", ".pbm")
MOST_SIDE = 64  # pixels, if no size is asked for
MOST_BAD = 0.01  # share of unreadable files that are left out; more are an error

_ORIENTATION = 0x0112  # EXIF's tag; from 5 on, width and height change places
_LANCZOS = 1  # Image.Resampling.LANCZOS, without importing Pillow
# What Pillow's decoders raise at damaged files; its own UnidentifiedImageError is an OSError.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError)


def read_pictures(
    pictures: Pictures, n: int, where: str, *, size: int | tuple[int, int] | None, say: Say, progress: bool
) -> tuple[Array, Array]:
    """Return images as (k, h, w) uint8 if all are grey, else (k, 3, h, w), and which of the n could be read, (n,) bool.

    The files are read twice, headers first, and decoded one by one into one array: nothing else is held.
    An image is turned upright as its EXIF says, laid on white where it is transparent, scaled to fit, and centred; what
    it leaves free is filled with the median colour of its border. Of several frames the first is taken.

    Parameters
    ----------
    pictures
        Called for each reading; yields n pairs of a name and a path or the file's bytes.
    n
        How many there are.
    where
        What errors call all of them.
    size
        Pixels of a side, or (height, width). None: as they are if all have one size of at most 64 pixels, else a square
        of the median of the longer sides, at most 64.
    say, progress
        Who is told what was done; whether to show a bar on stderr.

    Raises
    ------
    ValueError
        If the size makes no sense, or 1 % of the images or more cannot be read.
    """
    given = checked_size(size)
    sizes, coloured = _headers(pictures, n, progress)
    known = sizes[sizes[:, 0] > 0]
    if not len(known):
        drop_bad({name: "it is no image" for name, _ in pictures()}, n, where, say)
    height, width = given or _default_size(known)
    x = np.empty((n, 3, height, width) if coloured else (n, height, width), np.uint8)
    bad: dict[str, str] = {}
    k, whole, notes = 0, np.zeros(n, bool), {"grey": 0, "animated": 0, "deep": 0}
    with bar("reading images", n, progress) as step:
        for i, (name, content) in enumerate(pictures()):
            try:
                x[k] = _decoded(content, coloured, (height, width), notes)
            except _readable_errors() as error:
                bad[name] = one_line(error)
            else:
                k, whole[i] = k + 1, True
            step()
    drop_bad(bad, n, where, say)
    say(_summary(k, known, (height, width), coloured, notes))
    return x[:k], whole


def checked_size(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Return (height, width), or None if no size is asked for."""
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2 or any(isinstance(s, bool) or not isinstance(s, int) or not 4 <= s <= 1024 for s in pair):
        raise ValueError(f"size is {size!r}, expected pixels from 4 to 1024: a side, or (height, width)")
    return pair


def drop_bad(bad: dict[str, str], n: int, where: str, say: Say) -> None:
    """Tell which few files are left out and why, or raise a ValueError if they are 1 % or more."""
    if not bad:
        return
    named = some([f"{name} ({why})" for name, why in bad.items()], quote=False)
    if len(bad) >= MOST_BAD * n:
        raise ValueError(f"{where}: {len(bad):,} of {n:,} files cannot be read: {named}: mend or remove them")
    say(f"left out: {len(bad):,} of {n:,} files, which cannot be read: {named}")


@contextmanager
def bar(title: str, total: int, shown: bool) -> Generator[Callable[[], object]]:
    """Show a progress bar on stderr and yield the function that moves it on by one."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not (shown and console.is_terminal)) as bars:
        task = bars.add_task(title, total=total)
        yield lambda: bars.advance(task)


def _default_size(sizes: Array) -> tuple[int, int]:
    if len(np.unique(sizes, axis=0)) == 1 and sizes[0].max() <= MOST_SIDE:
        return int(sizes[0, 0]), int(sizes[0, 1])
    side = int(min(MOST_SIDE, max(4, np.median(sizes.max(1)))))
    return side, side


def _readable_errors() -> tuple[type[Exception], ...]:
    from PIL import Image

    return (*_DAMAGE, struct.error, zlib.error, Image.DecompressionBombError)


def _open(content: Content) -> Any:
    from PIL import Image

    if content is None or content == b"":
        raise ValueError("it is empty")
    if isinstance(content, Path) and not content.stat().st_size:
        raise ValueError("it is empty")
    try:
        return Image.open(BytesIO(content) if isinstance(content, bytes) else content, formats=FORMATS)
    except Image.UnidentifiedImageError:
        raise ValueError("it is no image") from None  # Pillow's message holds a memory address


def _headers(pictures: Pictures, n: int, progress: bool) -> tuple[Array, bool]:
    """Return (n, 2) heights and widths, 0 where unreadable, and whether any image has colour."""
    sizes, coloured = np.zeros((n, 2), np.int64), False
    with bar("looking at images", n, progress) as step:
        for i, (_, content) in enumerate(pictures()):
            try:
                with _open(content) as image:
                    # Pillow would decode a PNG to look for EXIF, which they hardly ever have.
                    turned = image.format in ("JPEG", "MPO", "TIFF", "WEBP") and image.getexif().get(_ORIENTATION, 1)
                    sizes[i] = image.size if turned >= 5 else image.size[::-1]
                    coloured = coloured or _is_coloured(image)
            except _readable_errors():
                pass  # it is met again, and named, when it is decoded
            step()
    return sizes, coloured


def _is_coloured(image: Any) -> bool:
    """Tell whether any pixel has a colour; an image in a mode of grey values is not decoded for that."""
    if image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I"):
        return False
    image.draft("RGB", (MOST_SIDE, MOST_SIDE))  # a JPEG is decoded at the smallest scale above that
    pixels = np.asarray(_upright(image, "RGB"))
    return bool((pixels != pixels[..., :1]).any())


def _upright(image: Any, mode: str) -> Any:
    """Return an image, turned as its EXIF says and laid on white, in mode L or RGB."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.int64)
        if deep.min() < 0 or deep.max() > 65535:
            raise ValueError(f"its grey values go from {deep.min()} to {deep.max()}, expected 0 to 65535")
        image = Image.fromarray((deep / 257).round().astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its grey values are fractions, expected 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert("RGB").convert(mode)  # not every mode knows the way to L


def _decoded(content: Content, coloured: bool, shape: tuple[int, int], notes: dict[str, int]) -> Array:
    """Return the pixels of one image, (h, w) or (3, h, w) uint8, and count what is told of all."""
    with _open(content) as image:
        animated, deep = getattr(image, "is_animated", False), image.mode.startswith("I")
        image.draft(None, (2 * max(shape), 2 * max(shape)))
        pixels = _fitted(_upright(image, "RGB" if coloured else "L"), *shape)
    notes["animated"] += animated
    notes["deep"] += deep
    if not coloured:
        return pixels
    notes["grey"] += bool((pixels == pixels[..., :1]).all())
    return pixels.transpose(2, 0, 1)


def _fitted(image: Any, height: int, width: int) -> Array:
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


def _summary(n: int, sizes: Array, shape: tuple[int, int], coloured: bool, notes: dict[str, int]) -> str:
    smallest, largest = (sizes[sizes.prod(1).argsort()[i]] for i in (0, -1))
    came, wanted = (f"{w}×{h}" for h, w in (largest, shape))
    if len(np.unique(sizes, axis=0)) > 1:
        came = f"{smallest[1]}×{smallest[0]} to {came}"
    parts = [f"{n:,} images, {came} pixels" + (f" brought to {wanted}" if came != wanted else "")]
    ratios = sizes[:, 0] * shape[1] != sizes[:, 1] * shape[0]
    if ratios.any():
        parts.append(f"{ratios.sum():,} filled up at the sides to keep their proportions")
    parts.append("colour" if coloured else "grey")
    if notes["grey"]:
        parts.append(f"{notes['grey']:,} grey ones made colour")
    if notes["deep"]:
        parts.append(f"{notes['deep']:,} of 16 bits brought to 8")
    if notes["animated"]:
        parts.append(f"of {notes['animated']:,} with several frames the first is taken")
    return ", ".join(parts)
