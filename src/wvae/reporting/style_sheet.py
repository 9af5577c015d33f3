"""The style sheet: one example of a new category, every label in its style, and the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from .pictures import tiles
from .style import INK, SMALL_FONT, for_print, new_figure

Array = np.ndarray
CELL, MAX_WIDTH = 0.34, 6.8  # inches
LINE_LENGTH = 15  # characters of a name above a source example
SOURCE_COLUMNS = 4  # width of the source example's column, in cells


@for_print
def style_sheet(
    sources: Array, decoded: Array, truth: Array, names: Sequence[str], labels: Sequence[object]
) -> Figure:
    """Two rows for each source: every label decoded in its style, and beneath it the true examples.

    Parameters
    ----------
    sources
        The examples that give the style, (n, height, width), in [0, 1].
    decoded
        Every label with the style of each source, (n, labels, height, width), in [0, 1].
    truth
        Examples of the source's category, in the same form; 0 where there is none.
    names
        Names of the sources' categories, (n,).
    labels
        Names of the columns.
    """
    n, _, height, width = decoded.shape
    columns = len(labels) + SOURCE_COLUMNS + 1
    cell = min(CELL, MAX_WIDTH / columns)
    figure = new_figure(cell * columns, (2 * cell + 0.16) * n + 0.3)
    figure.get_layout_engine().set(h_pad=0.01, w_pad=0.02)  # pyright: ignore
    grid = figure.subplots(n, 2, width_ratios=[SOURCE_COLUMNS, len(labels)], squeeze=False)
    for row, (left, right) in enumerate(grid):
        left.imshow(sources[row], cmap=INK, vmin=0, vmax=1)
        title = fill(names[row], LINE_LENGTH, max_lines=1, placeholder="…")
        left.set_title(title, fontsize=SMALL_FONT, pad=1)
        pair = np.stack([decoded[row], truth[row]])
        right.imshow(tiles(pair), cmap=INK, vmin=0, vmax=1)
        right.axhline(height - 0.5, color="#d0d4da", linewidth=0.4)
        right.set(yticks=[], xticks=[])
        for axes in (left, right):
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(axes is left)
    top = grid[0, 1]
    top.set_xticks((np.arange(len(labels)) + 0.5) * width, [str(label) for label in labels])
    top.tick_params(length=0, labeltop=True, labelbottom=False, labelsize=SMALL_FONT)
    return figure
