"""Draw a sheet of swaps: one label per column, one style per row, the sources at the edges.

It needs Pillow. Pixels are enlarged by whole numbers, so that they stay as they were decoded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.dataset import Array, Kind

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

MIN_CELL, MAX_CELL = 72, 192  # pixels of a cell's longer side
MAX_WIDTH = 4000  # of the sheet, above which cells are enlarged less
GAP, WIDE_GAP, MARGIN, FONT_SIZE = 3, 14, 10, 15
PAPER, INK, RULE = (255, 255, 255), (31, 35, 46), (120, 128, 140)
# The colour map magma at equal distances, from silence to loud.
MAGMA = np.array(
    [(0, 0, 4), (29, 17, 71), (81, 18, 124), (131, 38, 129), (183, 55, 121), (230, 81, 98),
     (252, 137, 97), (254, 196, 136), (252, 253, 191)]
)  # fmt: skip


def is_drawable(kind: Kind, shape: tuple[int, ...]) -> bool:
    """Return whether examples can be drawn: grey or colour images, or spectrograms.

    >>> is_drawable("image", (3, 64, 64)), is_drawable("table", (64, 64))
    (True, False)
    """
    channels = ((), (1,)) if kind == "audio" else ((), (1,), (3,))
    return kind != "table" and len(shape) > 1 and shape[:-2] in channels


def draw_sheet(
    labels: Array, names: Sequence[str], styles: Array, swaps: Array, *, kind: Kind = "image"
) -> Picture:
    """Return the picture of a sheet.

    Parameters
    ----------
    labels
        The examples that give the label of each column, (columns, \\*shape).
    names
        Names of the columns. One with characters that the font lacks is drawn as its number.
    styles
        The examples that give the style of each row, (rows, \\*shape).
    swaps
        The swapped examples, (rows, columns, \\*shape).
    kind
        Kind of the examples; of sounds they are spectrograms.

    Returns
    -------
    PIL.Image.Image
        The values of all examples are drawn between black and white, or for a grey image or sound
        with other values than those in [0, 1], between the smallest and the largest of the sources.

    Examples
    --------
    >>> x = np.zeros((2, 8, 8))
    >>> draw_sheet(x, ["a", "b"], x[:1], x[None], kind="image").size
    (253, 199)
    """
    from PIL import Image, ImageDraw

    sources = np.concatenate([labels, styles])
    low, high = float(sources.min()), float(sources.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    size = _cell_size(labels.shape[-1], labels.shape[-2], len(labels) + 1)

    def cell(x: Array) -> Picture:
        pixels = _pixels((x - low) / max(high - low, 1e-12), kind)
        grows = size[0] >= pixels.shape[1]
        way = Image.Resampling.NEAREST if grows else Image.Resampling.BOX
        return Image.fromarray(pixels).resize(size, way)

    width, height = size
    left, top = MARGIN + width + WIDE_GAP, MARGIN + FONT_SIZE + 6
    first_row = top + height + WIDE_GAP
    total = (
        left + len(labels) * (width + GAP) - GAP + MARGIN,
        first_row + len(styles) * (height + GAP) - GAP + MARGIN,
    )
    sheet = Image.new("RGB", total, PAPER)
    for column, x in enumerate(labels):
        sheet.paste(cell(x), (left + column * (width + GAP), top))
    for row, x in enumerate(styles):
        y = first_row + row * (height + GAP)
        sheet.paste(cell(x), (MARGIN, y))
        for column, swap in enumerate(swaps[row]):
            sheet.paste(cell(swap), (left + column * (width + GAP), y))
    _annotate(ImageDraw.Draw(sheet), names, size, left, top, first_row)
    return sheet


def _annotate(
    draw: ImageDraw,
    names: Sequence[str],
    size: tuple[int, int],
    left: int,
    top: int,
    first_row: int,
) -> None:
    """Write the names above the columns, and rule lines between the sources and the swaps."""
    from PIL import ImageFont

    font = ImageFont.load_default(FONT_SIZE)
    width, height = size
    for column, name in enumerate(names):
        text = _fitting(_drawable_name(name, column), font, width)
        x = left + column * (width + GAP) + (width - font.getlength(text)) / 2
        draw.text((x, MARGIN), text, INK, font)
    corner = ((MARGIN + width, top, "label", "rt"), (MARGIN, top + height, "style", "ls"))
    for x, y, text, anchor in corner:
        draw.text((x, y), _fitting(text, font, width), RULE, font, anchor=anchor)
    across, down = first_row - WIDE_GAP // 2, left - WIDE_GAP // 2
    draw.line((MARGIN, across, draw.im.size[0] - MARGIN, across), RULE)
    draw.line((down, MARGIN, down, draw.im.size[1] - MARGIN), RULE)


def _cell_size(width: int, height: int, columns: int) -> tuple[int, int]:
    """Return width and height of a cell in pixels.

    >>> _cell_size(28, 28, 11), _cell_size(28, 28, 63), _cell_size(640, 480, 3)
    ((84, 84), (56, 56), (192, 144))
    """
    longer = max(width, height)
    if longer > MAX_CELL:
        return max(1, width * MAX_CELL // longer), max(1, height * MAX_CELL // longer)
    scale = math.ceil(MIN_CELL / longer)
    while scale > 1 and columns * (scale * width + GAP) > MAX_WIDTH:
        scale -= 1
    return scale * width, scale * height


def _pixels(x: Array, kind: Kind) -> Array:
    """Return the bytes of one example with values in [0, 1], (height, width, 3)."""
    x = np.asarray(x, np.float64).clip(0, 1)
    if x.ndim == 3 and len(x) == 1:
        x = x[0]
    if kind == "audio":  # mel bands rise upwards
        knots = np.linspace(0, 1, len(MAGMA))
        channels = [np.interp(x[::-1], knots, MAGMA[:, channel]) for channel in range(3)]
        return np.stack(channels, -1).round().astype(np.uint8)
    x = x[..., None].repeat(3, -1) if x.ndim == 2 else x.transpose(1, 2, 0)
    return np.ascontiguousarray((255 * x).round().astype(np.uint8))


def _drawable_name(name: str, number: int) -> str:
    """Return a name as the font of Pillow can draw it, or else its number.

    >>> _drawable_name("é", 3), _drawable_name("猫", 3)
    ('é', '#3')
    """
    line = " ".join(name.split())
    has_glyphs = all(ord(character) < 256 for character in line)
    return line if has_glyphs else f"#{number}"


def _fitting(text: str, font: Font, width: int) -> str:
    """Return a text, cut at its end if it is wider than a cell."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
