"""Figures made of examples: the decoded plane, reconstructions, rewritten and swapped examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .scatter import Limits
from .style import COLUMN, GREY, INK, for_print, hide_frame, new_figure

Array = np.ndarray
PER_ROW = 10  # reconstructions beside each other


def tiles(images: Array) -> Array:
    """Arrange images in a grid, as one picture.

    Grey images (rows, columns, height, width) become (rows · height, columns · width); colour
    images (rows, columns, 3, height, width) become (rows · height, columns · width, 3).

    >>> tiles(np.zeros((2, 3, 28, 28))).shape, tiles(np.zeros((2, 3, 3, 28, 28))).shape
    ((56, 84), (56, 84, 3))
    """
    if images.ndim == 5:
        rows, columns, channels, height, width = images.shape
        picture = images.transpose(0, 3, 1, 4, 2)
        return picture.reshape(rows * height, columns * width, channels)
    rows, columns, height, width = images.shape
    return images.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)


def _picture(images: Array, sound: bool) -> tuple[Array, dict[str, Any]]:
    """Return the tiles of images and the arguments with which ``imshow`` draws them."""
    if sound:  # mel bands rise upwards
        return tiles(images[..., ::-1, :]), {"cmap": "magma", "vmin": 0, "vmax": 1}
    picture = tiles(images)
    if picture.ndim == 3:
        return picture.clip(0, 1), {}
    return picture, {"cmap": INK, "vmin": 0, "vmax": 1}


def _show(axes: Axes, images: Array, *, sound: bool = False) -> None:
    """Draw the tiles of images without ticks."""
    picture, options = _picture(images, sound)
    axes.imshow(picture, **options)
    axes.set(xticks=[], yticks=[])


@for_print
def decoded_plane(images: Array, xlim: Limits, ylim: Limits, *, sound: bool = False) -> Figure:
    """Experiment I: the plane decoded in the coordinates of the codes.

    Parameters
    ----------
    images
        Images decoded at the centres of a grid over the limits, (rows, columns, height, width), or
        (rows, columns, 3, height, width) in colour. Row 0 has the smallest z_rest.
    xlim, ylim
        Ranges of z_label and z_rest.
    sound
        Whether the images are spectrograms.
    """
    figure = new_figure(COLUMN, COLUMN)
    axes = figure.subplots()
    picture, options = _picture(images[::-1], sound)
    axes.imshow(picture, extent=(*xlim, *ylim), aspect="auto", **options)
    axes.set(xlabel="z_label", ylabel="z_rest")
    return figure


@for_print
def reconstructions(originals: Array, decoded: Array, *, sound: bool = False) -> Figure:
    """Originals above their reconstructions, ten beside each other.

    Both are (n, height, width), or (n, 3, height, width) in colour, with values in [0, 1].
    """
    pictures: list[Array] = []
    ticks: list[float] = []
    options: dict[str, Any] = {}
    height = originals.shape[-2]
    for start in range(0, len(originals), PER_ROW):
        rows = slice(start, start + PER_ROW)
        pair = np.stack([originals[rows], decoded[rows]])
        picture, options = _picture(_filled(pair, min(PER_ROW, len(originals))), sound)
        top = sum(map(len, pictures))
        ticks += [top + 0.5 * height, top + 1.5 * height]
        pictures.append(picture)
    whole = np.concatenate(pictures)
    inches = COLUMN - 0.5
    figure = new_figure(COLUMN, inches * whole.shape[0] / whole.shape[1] + 0.1)
    axes = figure.subplots()
    axes.imshow(whole, **options)
    hide_frame(axes)
    axes.set_yticks(ticks, ["original", "decoded"] * len(pictures))
    axes.tick_params(length=0)
    return figure


def _filled(pairs: Array, columns: int) -> Array:
    """Return rows of images, (2, n, \\*shape), with white ones at the end up to some columns."""
    missing = np.zeros((len(pairs), columns - pairs.shape[1], *pairs.shape[2:]))
    if pairs.ndim == 5:  # white in colour is 1
        missing += 1
    return np.concatenate([pairs, missing], axis=1)


@for_print
def rewritten(sources: Array, images: Array, labels: Sequence[object]) -> Figure:
    """Source images and, right of each, every label in its style.

    Parameters
    ----------
    sources
        The images that give the style, (n, height, width), in [0, 1].
    images
        The generated images, (n, labels, height, width), in [0, 1].
    labels
        Names of the columns.
    """
    n, count, _, width = images.shape
    cell = (COLUMN + 0.5) / max(12, count + 2)
    figure = new_figure(cell * (count + 2), cell * n + 0.5)
    left, right = figure.subplots(1, 2, width_ratios=[1, count])
    left.imshow(tiles(sources[:, None]), cmap=INK, vmin=0, vmax=1)
    left.set_title("source")
    right.imshow(tiles(images), cmap=INK, vmin=0, vmax=1)
    for axes in (left, right):
        hide_frame(axes)
        axes.tick_params(length=0)
    right.set_xticks((np.arange(count) + 0.5) * width, [str(label) for label in labels])
    right.tick_params(labeltop=True, labelbottom=False)
    return figure


@for_print
def swapped(labels: Array, rests: Array, images: Array, *, sound: bool = False) -> Figure:
    """Swapped images, with their sources on the margins.

    Parameters
    ----------
    labels
        The images that give z_label to each column, (columns, \\*shape), where shape is
        (height, width), or (3, height, width) in colour. All values are in [0, 1].
    rests
        The images that give z_rest to each row, (rows, \\*shape).
    images
        The swapped images, (rows, columns, \\*shape).
    sound
        Whether the images are spectrograms, (mel bands, frames).
    """
    rows, columns = images.shape[:2]
    cell = (COLUMN + 0.5) / max(12, columns + 1.8)
    figure = new_figure(cell * (columns + 1.8), cell * (rows + 1.8))
    grid = figure.subplots(2, 2, width_ratios=[1, columns], height_ratios=[1, rows])
    (corner, above), (left, middle) = grid
    for axes, pictures in ((above, labels[None]), (left, rests[:, None]), (middle, images)):
        _show(axes, pictures, sound=sound)
        axes.spines[:].set_color(GREY)
    corner.axis("off")
    above.set_title("z_label from")
    left.set_ylabel("z_rest from")
    return figure
