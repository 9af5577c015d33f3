"""Read image files of any size and mode into one array."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...dataset import Array
from ...messages import Log, one_line
from .depth import BYTE, FEW_LEVELS, Depths
from .media import MediaSource, progress_bar, report_unreadable
from .pixels import (
    FORMATS,
    Counts,
    decode,
    decoding_errors,
    is_coloured,
    is_turned_sideways,
    open_image,
)

__all__ = ["FORMATS", "SUFFIXES", "Images", "check_size", "read_images"]

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".tif", ".tiff", ".gif", ".webp"),
    *(".pgm", ".ppm", ".pbm"),
)
MIN_SIDE, MAX_SIDE = 4, 64  # pixels, if no size is given


@dataclass(frozen=True)
class Images:
    """Images as one array.

    Parameters
    ----------
    x
        (k, h, w) uint8 if all images are grey, else (k, 3, h, w).
    readable
        Mask of the images that could be read, (n,) bool, with k True values.
    white
        The grey value of the files that became 255.
    """

    x: Array
    readable: Array
    white: float


def read_images(
    images: MediaSource,
    n: int,
    where: str,
    *,
    size: int | tuple[int, int] | None,
    log: Log,
    progress: bool,
    shape: tuple[int, ...] | None = None,
    white: float | None = None,
) -> Images:
    """Read images into one array.

    The files are read twice: first the headers, then the pixels. Only one decoded image is held in
    memory beside the array. EXIF orientation is applied, and transparent images are composited on
    white. Each image is scaled to fit and centred; the remaining area takes the median colour of
    its border. Of an animation, the first frame is read. Grey values of more than 8 bits are
    brought to 8 by one factor for all images.

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
    shape
        Shape of an image of a model, (h, w) for grey or (3, h, w) for colour; it decides both.
    white
        The grey value that becomes 255, from a model. None: the largest one if the images have more
        than 8 bits.

    Raises
    ------
    ValueError
        If the size is impossible or not the model's, the images have several depths, or 1 % of
        them or more cannot be read.
    """
    target = _target_size(size, shape, where)
    with warnings.catch_warnings():
        # Pillow warns of odd metadata and of many pixels; files that it cannot read are reported.
        warnings.simplefilter("ignore")
        headers = _read_headers(images, n, progress)
        if not len(headers.known):
            report_unreadable(_reasons(images), n, where, log)
        white = headers.depths.white(white, where, log)
        coloured = headers.coloured if shape is None else len(shape) == 3
        height, width = target or _default_size(headers.known)
        x = np.empty((n, 3, height, width) if coloured else (n, height, width), np.uint8)
        readable = np.zeros(n, bool)
        reasons: dict[str, str] = {}
        counts = Counts()
        k = 0
        with progress_bar("reading images", n, progress) as step:
            for i, (name, content) in enumerate(images()):
                try:
                    x[k] = decode(content, coloured, (height, width), white, counts)
                except decoding_errors() as error:
                    reasons[name] = one_line(error)
                else:
                    readable[i] = True
                    k += 1
                step()
    report_unreadable(reasons, n, where, log)
    log(_summary(k, headers, (height, width), coloured, counts))
    _warn_of_few_levels(x[:k], counts, log)
    return Images(x[:k], readable, white)


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


def _target_size(
    size: int | tuple[int, int] | None, shape: tuple[int, ...] | None, where: str
) -> tuple[int, int] | None:
    """Return (height, width) that the user or the model gives, or None."""
    target = check_size(size)
    if shape is None:
        return target
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] != 3):
        raise ValueError(f"{where} holds images, but the model reads examples of shape {shape}")
    height, width = shape[-2:]
    if target not in (None, (height, width)):
        raise ValueError(
            f"size is {size!r}, but the model reads images of {_in_pixels((height, width))} "
            "pixels: leave it out"
        )
    return height, width


def _is_side(side: object) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and 4 <= side <= 1024


def _default_size(sizes: Array) -> tuple[int, int]:
    """Return the size that all images share if it is small, else a square of the median side."""
    is_small = sizes[0].min() >= MIN_SIDE and sizes[0].max() <= MAX_SIDE
    if is_small and len(np.unique(sizes, axis=0)) == 1:
        return int(sizes[0, 0]), int(sizes[0, 1])
    side = int(min(MAX_SIDE, max(MIN_SIDE, np.median(sizes.max(1)))))
    return side, side


def _reasons(images: MediaSource) -> dict[str, str]:
    """Return why each image cannot be opened, by name."""
    reasons = dict[str, str]()
    for name, content in images():
        try:
            with open_image(content) as image:
                Depths().add(name, image)
                image.load()
        except decoding_errors() as error:
            reasons[name] = one_line(error)
        else:
            reasons[name] = "it is damaged"
    return reasons


@dataclass(frozen=True)
class _Headers:
    """Heights and widths, (n, 2), 0 if unreadable; whether any image has colour; the depths."""

    sizes: Array
    coloured: bool
    depths: Depths

    @property
    def known(self) -> Array:
        """Heights and widths of the readable images, (k, 2)."""
        return self.sizes[self.sizes[:, 0] > 0]


def _read_headers(images: MediaSource, n: int, progress: bool) -> _Headers:
    """Return sizes, colour and depths; the pixels are read only if they decide the latter two."""
    sizes = np.zeros((n, 2), np.int64)
    depths = Depths()
    any_colour = False
    with progress_bar("reading headers", n, progress) as step:
        for i, (name, content) in enumerate(images()):
            try:
                with open_image(content) as image:
                    size = image.size if is_turned_sideways(image) else image.size[::-1]
                    depths.add(name, image)
                    any_colour = any_colour or is_coloured(image)
                    sizes[i] = size
            except decoding_errors():
                pass  # the second reading raises the same error, which is reported
            step()
    return _Headers(sizes, any_colour, depths)


def _summary(
    n: int, headers: _Headers, shape: tuple[int, int], coloured: bool, counts: Counts
) -> str:
    """Return the line for the log on the sizes, colours and conversions."""
    sizes = headers.known
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
    if counts.decoloured:
        parts.append(f"{counts.decoloured:,} coloured images converted to grey, as the model's are")
    if counts.deep:
        parts.append(f"{counts.deep:,} converted from {headers.depths.deep} to 8 bits")
    if counts.clipped:
        parts.append(f"{counts.clipped:,} of them with values above white, which were cut off")
    if counts.animated:
        parts.append(f"only the first frame of {counts.animated:,} animations")
    return ", ".join(parts)


def _warn_of_few_levels(x: Array, counts: Counts, log: Log) -> None:
    """Log if the images have few grey values, or use little of the range."""
    n_levels = int(counts.levels.sum())
    if counts.deep and n_levels < FEW_LEVELS:
        log(
            f"warning: the images have {n_levels} different grey values only: if a few bright "
            "pixels hide the rest, save the images with 8 bits"
        )
    brightest = int(x.max(initial=0))
    if not counts.deep and brightest < FEW_LEVELS:
        log(f"warning: the images are nearly black: the brightest value is {brightest} of {BYTE}")


def _in_pixels(size: Any) -> str:
    """Return (height, width) as text, width first."""
    return f"{size[1]}×{size[0]}"
