"""Thumbnails of examples: bytes per pixel, and sheets of them as PNG files."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets.dataset import Array, Kind
from ..datasets.values import ValueScale
from ..io.files import atomic
from ..training.examples import batches
from .progress import Progress, Silent

MAX_SIDE = 64  # pixels
ACROSS = 32  # thumbnails in a row of a sheet, and rows of it
RANGE_ROWS = 2000  # examples from which black and white are learnt
QUANTILES = 0.005, 0.995  # of pixels with other values than those in [0, 1]: black and white


@dataclass(frozen=True)
class Sheets:
    """Sheets of thumbnails; thumbnail i is in sheet ``i // per_sheet``, row by row.

    Attributes
    ----------
    files
        The PNG files.
    width, height
        Of a thumbnail, in pixels.
    across
        Thumbnails in a row.
    per_sheet
        Thumbnails of each sheet but the last.
    """

    files: list[Path]
    width: int
    height: int
    across: int
    per_sheet: int


class Thumbnails:
    """Draws examples as thumbnails whose sides have at most 64 pixels.

    A pixel of a thumbnail is the mean of the area that it covers. Small examples keep their size.
    Spectrograms are grey, with low frequencies at the bottom.

    Parameters
    ----------
    x
        Grey images, (n, h, w) or (n, 1, h, w), colour images, (n, 3, h, w), or spectrograms. It may
        be a memory map: blocks of it are read.
    kind
        Kind of the examples.
    scale
        The model's ``scale_``. Values of [0, 1] after it are drawn from black to white. Of other
        data, the 0.5 % quantile is black and the 99.5 % quantile white.

    Attributes
    ----------
    low, high
        What is drawn black and white, after the scale.
    size
        Height and width of a thumbnail.

    Examples
    --------
    >>> x = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    >>> draw = Thumbnails(x, "image", ValueScale(white=255, unit_range=True))
    >>> draw(slice(1, 2)).tolist()
    [[[4, 5], [6, 7]]]
    """

    def __init__(self, x: Array, kind: Kind, scale: ValueScale) -> None:
        self.x, self.kind = x, kind
        self.scale = _scale_of(x, scale)
        self.low, self.high = shown_range(x, scale)
        height, width = x.shape[-2:]
        shrink = max(1.0, max(height, width) / MAX_SIDE)
        self.size = max(1, round(height / shrink)), max(1, round(width / shrink))

    def __call__(self, rows: slice) -> Array:
        """Return the thumbnails of some rows, (n, height, width) or (n, height, width, 3) uint8."""
        values = self.scale.apply(np.asarray(self.x[rows]))
        if values.ndim == 4 and values.shape[1] == 1:
            values = values[:, 0]
        values = _shrunk(values, self.size)
        values = (values - self.low) / (self.high - self.low)
        pixels = (255 * values.clip(0, 1)).round().astype(np.uint8)
        if self.kind == "audio":
            pixels = pixels[:, ::-1]
        if pixels.ndim == 4:
            pixels = pixels.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(pixels)


def shown_range(x: Array, scale: ValueScale) -> tuple[float, float]:
    """Return the values that are drawn black and white.

    Parameters
    ----------
    x
        Examples, (n, \\*shape).
    scale
        Their scale.

    Examples
    --------
    >>> shown_range(np.linspace(-2, 2, 2001).reshape(-1, 1, 1), ValueScale())
    (-1.98, 1.98)
    """
    if scale.unit_range:
        return 0.0, 1.0
    sample = np.asarray(x[:: max(1, len(x) // RANGE_ROWS)], np.float64)
    low, high = np.quantile(sample, QUANTILES).round(12).tolist()
    if low == high:  # such as few bright pixels on a black ground
        low, high = float(sample.min()), float(sample.max())
    return (low, high) if low < high else (low, low + 1.0)


def write_sheets(draw: Thumbnails, folder: Path, *, progress: Progress | None = None) -> Sheets:
    """Write sheets of about 1,024 thumbnails each as PNG files.

    Parameters
    ----------
    draw
        Draws the thumbnails.
    folder
        The folder, which is created.
    progress
        Shows the progress.
    """
    n = len(draw.x)
    across = min(ACROSS, max(1, math.ceil(math.sqrt(n))))
    per_sheet = across * across
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    with (progress or Silent()).task("drawing thumbnails", n) as advance:
        for rows in batches(n, per_sheet):
            file = folder / f"sheet-{len(files):04}.png"
            with atomic(file) as temporary:
                temporary.write_bytes(png(tiled(draw(rows), across)))
            files.append(file)
            advance(rows.stop)
    height, width = draw.size
    return Sheets(files, width, height, across, per_sheet)


def tiled(thumbnails: Array, across: int) -> Array:
    """Return thumbnails as one picture, `across` in a row; what is left of it is black.

    Parameters
    ----------
    thumbnails
        (n, height, width) or (n, height, width, 3).
    across
        Thumbnails in a row.

    Examples
    --------
    >>> tiled(np.array([[[1]], [[2]], [[3]]], np.uint8), 2).tolist()
    [[1, 2], [3, 0]]
    """
    n, height, width, *channels = thumbnails.shape
    down = -(-n // across)
    cells = np.zeros((down * across, *thumbnails.shape[1:]), thumbnails.dtype)
    cells[:n] = thumbnails
    grid = cells.reshape(down, across, height, width, *channels).swapaxes(1, 2)
    return grid.reshape(down * height, across * width, *channels)


def png(pixels: Array) -> bytes:
    """Return a grey (height, width) or colour (height, width, 3) uint8 picture as a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def png_files(draw: Thumbnails, rows: slice) -> Iterator[bytes]:
    """Yield the thumbnails of some rows as PNG files."""
    for pixels in draw(rows):
        yield png(pixels)


def _scale_of(x: Array, scale: ValueScale) -> ValueScale:
    """Return the scale for new examples, which may be fractions of white."""
    if not scale.unit_range or scale.white == 1 or x.dtype.kind != "f":
        return scale
    low, high = np.inf, -np.inf
    for rows in batches(len(x)):
        low, high = min(low, float(np.min(x[rows]))), max(high, float(np.max(x[rows])))
    with warnings.catch_warnings():  # of values that are all 0 or 1; encoding warns of them
        warnings.filterwarnings("ignore", "X holds only 0 and 1")
        return scale.for_array(x, low, high)


def _shrunk(x: Array, size: tuple[int, int]) -> Array:
    """Return images, (…, h, w), shrunk to a size by averaging areas."""
    if x.shape[-2:] == size:
        return x
    height, width = size
    return _areas(x.shape[-2], height) @ x @ _areas(x.shape[-1], width).T


def _areas(n: int, m: int) -> Array:
    """Return the share of each of n pixels in each of m ≤ n larger ones, (m, n).

    >>> _areas(3, 2).astype(float).round(2).tolist()
    [[0.67, 0.33, 0.0], [0.0, 0.33, 0.67]]
    """
    edges = np.arange(m + 1) * (n / m)
    starts = np.maximum(edges[:-1, None], np.arange(n))
    ends = np.minimum(edges[1:, None], np.arange(1, n + 1))
    overlap = np.clip(ends - starts, 0, None)
    return (overlap / overlap.sum(1, keepdims=True)).astype(np.float32)
