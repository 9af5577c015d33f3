"""The look of every figure: sizes for print, and colours and markers that all readers can tell."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

Array = np.ndarray
P = ParamSpec("P")

COLUMN = 3.4  # inches: the width of a column in a paper, and of a telephone
FONT = 8  # points
SMALL_FONT = 7  # points, the least in any figure
LINE = 0.6  # points
BLUE, ORANGE = "#0072b2", "#d55e00"  # of Okabe and Ito: distinct for colour-blind readers
GREY, DARK_GREY = "#b4bac2", "#52606d"
INK = ListedColormap(np.linspace((1, 1, 1), (0.07, 0.09, 0.15), 256))  # white paper, blue-black ink
# Tol's muted colours, and black. Ten colours are hard to name, so each class has a marker as well.
_COLOURS = (
    *("#332288", "#cc6677", "#117733", "#88ccee", "#882255"),
    *("#999933", "#44aa99", "#aa4499", "#ddcc77", "#000000"),
)
_MARKERS = "os^DvP<X>p"
_PARAMETERS: dict[Any, Any] = {
    "font.size": FONT,
    "axes.titlesize": FONT,
    "axes.labelsize": FONT,
    "figure.labelsize": FONT,
    "legend.fontsize": SMALL_FONT,
    "legend.title_fontsize": SMALL_FONT,
    "axes.linewidth": LINE,
    "grid.linewidth": LINE,
    "lines.linewidth": 1.2,
}


def class_styles(n: int) -> list[tuple[str, str]]:
    """Return a colour and a marker for each of n classes.

    Up to ten classes differ in both, up to a hundred in one of them.

    >>> styles = class_styles(47)
    >>> len(set(styles)), len({colour for colour, _ in styles[:10]})
    (47, 10)
    """
    count = len(_COLOURS)
    return [(_COLOURS[i % count], _MARKERS[(i + i // count) % count]) for i in range(n)]


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, whose size in print is given in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def for_print(plot: Callable[P, Figure]) -> Callable[P, Figure]:
    """Return a plotting function whose figures have fonts and lines for print.

    >>> @for_print
    ... def empty() -> Figure:
    ...     figure = new_figure(1, 1)
    ...     figure.subplots().set_title("a")
    ...     return figure
    >>> empty().axes[0].title.get_fontsize()
    8.0
    """

    @wraps(plot)
    def styled(*args: P.args, **options: P.kwargs) -> Figure:
        with mpl.rc_context(_PARAMETERS):
            figure = plot(*args, **options)
        for axes in figure.axes:  # ticks are made only when they are drawn
            axes.tick_params(labelsize=SMALL_FONT, width=LINE)
        return figure

    return styled


def hide_frame(axes: Axes) -> None:
    """Remove ticks and the frame, as around images."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def open_frame(axes: Axes) -> None:
    """Keep only the left and the lower line of the frame."""
    axes.spines[["top", "right"]].set_visible(False)
