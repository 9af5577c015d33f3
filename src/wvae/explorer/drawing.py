"""How strokes lie in the training images, so that a drawing becomes an image like them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..datasets.dataset import Array
from ..evaluation.images import stroke_style
from .contract import Drawing

__all__ = ["describe_drawing"]

IMAGES = 2000  # that are measured
INK = 0.2  # share of an image's peak from which a pixel belongs to a stroke
PAPER = 0.1  # share of the peak below which a pixel is blank
MIN_BLANK = 0.4  # of an image of strokes: photographs and noise have few blank pixels
MIN_PEAK = 0.3  # of an image of strokes
MAX_THICKNESS = 0.35  # of the longer side of the box: thicker ones are filled shapes


def describe_drawing(x: Array, *, dark_strokes: bool) -> Drawing | None:
    """Measure how strokes lie in images, or return None for images of anything else.

    Images are of strokes if, in the median image, most of the paper is blank, the ink is clearly
    brighter than the paper, and strokes are thin beside the box around them.

    Parameters
    ----------
    x
        Training images, (n, h, w) or (n, 1, h, w), uint8 or floating point in [0, 1]. The first
        2,000 are measured: shuffle images that are in an order.
    dark_strokes
        Whether ink is darker than paper.

    Returns
    -------
    Drawing or None
        Medians over the images, in pixels. A pixel from 0.2 of its image's brightest on is ink.
        The centre is that of the ink's mass or of its box, whichever varies less. Thickness is that
        of `wvae.evaluation.images.stroke_style`.

    Examples
    --------
    >>> bar = np.zeros((3, 28, 28))
    >>> bar[:, 4:24, 10:14] = 1
    >>> describe_drawing(bar, dark_strokes=False)["size"]
    20.0
    >>> describe_drawing(bar, dark_strokes=True) is None  # a dark bar on bright paper is none
    True
    """
    x = np.asarray(x)[:IMAGES]
    if x.ndim == 4 and x.shape[1] == 1:
        x = x[:, 0]
    if x.ndim != 3 or not x.size:
        return None
    x = x / 255 if x.dtype == np.uint8 else x.astype(np.float64)
    ink = 1 - x if dark_strokes else x
    ink = ink[ink.max((1, 2)) > 0]
    if not len(ink):
        return None
    peak = ink.max((1, 2))
    share = ink / peak[:, None, None]
    left, right, top, bottom = _boxes(share > INK)
    size = np.maximum(right - left, bottom - top)
    thickness = stroke_style(ink)["thickness"]
    are_strokes = (
        np.median((share < PAPER).mean((1, 2))) >= MIN_BLANK
        and np.median(peak) >= MIN_PEAK
        and np.median(thickness / size) <= MAX_THICKNESS
    )
    if not are_strokes:
        return None
    mass = _mass_centres(np.where(share > INK, ink, 0))
    box = np.stack([(left + right) / 2, (top + bottom) / 2])
    centre: Literal["mass", "box"] = "mass" if mass.var(1).sum() <= box.var(1).sum() else "box"
    place_x, place_y = np.median(mass if centre == "mass" else box, axis=1)
    return {
        "size": float(np.median(size)),
        "centre": centre,
        "x": float(place_x),
        "y": float(place_y),
        "thickness": float(np.median(thickness)),
        "peak": float(np.median(peak)),
    }


def _boxes(is_ink: Array) -> tuple[Array, Array, Array, Array]:
    """Return left, right, top and bottom edges of the boxes around the ink, (n,) each."""
    columns = np.asarray(is_ink.any(1))
    rows = np.asarray(is_ink.any(2))
    left, top = columns.argmax(1), rows.argmax(1)
    right = columns.shape[1] - columns[:, ::-1].argmax(1)
    bottom = rows.shape[1] - rows[:, ::-1].argmax(1)
    return left, right, top, bottom


def _mass_centres(ink: Array) -> Array:
    """Return x and y of the centres of mass from the left and the upper edge, (2, n)."""
    _, height, width = ink.shape
    mass = ink.sum((1, 2))
    x = ink.sum(1) @ (np.arange(width) + 0.5) / mass
    y = ink.sum(2) @ (np.arange(height) + 0.5) / mass
    return np.stack([x, y])
