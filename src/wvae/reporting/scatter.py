"""Scatter plots of codes by label and by hidden factor, with a colour and a marker per class."""

from __future__ import annotations

from typing import cast

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import BLUE, COLUMN, DARK_GREY, GREY, ORANGE, class_styles, for_print, new_figure

Array = np.ndarray
Limits = tuple[float, float]
LEGEND_COLUMNS, LEGEND_WIDTH = 10, 48  # at most; the width in characters
LEGEND_LINE = 0.16  # inches
LAYERS = 4  # the points of a class are drawn in so many layers, so that no class hides the others
SEPARATE = 0.06  # share of the axes between the medians of two classes that can bear their names


def limits(values: Array, margin: float = 0.05) -> Limits:
    """Return an axis range around all but the outermost 0.2 % of the values, with a margin."""
    low, high = np.quantile(values, [0.001, 0.999])
    pad = margin * max(high - low, 1e-6)
    return float(low - pad), float(high + pad)


def dot_size(n: int) -> float:
    """Return the area of a dot, in points², for a plot of n dots: the more dots, the smaller."""
    return float(np.clip(9_000 / max(n, 1), 2.0, 9.0))


def plot_classes(axes: Axes, points: Array, labels: Array, *, legend: str) -> None:
    """Plot points (n, 2) with one colour and one marker per label.

    The name of a label stands at the median of its points. Where medians are too close for that, a
    legend has the names.

    Parameters
    ----------
    axes
        The axes, with their final limits unless these follow from the points.
    points, labels
        Points, (n, 2), and their labels, (n,).
    legend
        Name of the label.
    """
    classes, index = np.unique(labels, return_inverse=True)
    styles, size = class_styles(len(classes)), dot_size(len(points))
    order = np.random.default_rng(0).permutation(len(points))
    for layer in np.array_split(order, LAYERS):
        for i, (colour, marker) in enumerate(styles):
            rows = layer[index[layer] == i]
            if len(rows):
                axes.scatter(
                    *points[rows].T, color=colour, marker=marker, s=size, linewidths=0, alpha=0.8
                )
    medians = np.stack([np.median(points[index == i], axis=0) for i in range(len(classes))])
    if _are_separate(axes, medians):
        for name, median in zip(classes, medians, strict=True):
            _write_name(axes, str(name), median)
    else:
        _add_legend(axes, legend, classes, styles)


def _are_separate(axes: Axes, medians: Array) -> bool:
    """Return whether names at these places, (n, 2), would not hide each other."""
    size = np.abs([np.diff(axes.get_xlim())[0], np.diff(axes.get_ylim())[0]])
    distance = np.linalg.norm((medians[:, None] - medians) / size, axis=-1)
    return bool((distance[~np.eye(len(medians), dtype=bool)] > SEPARATE).all())


def _write_name(axes: Axes, name: str, place: Array) -> None:
    x, y = place.tolist()
    text = axes.text(x, y, name, weight="bold", ha="center", va="center", zorder=5)
    text.set_path_effects([effects.withStroke(linewidth=2.5, foreground="white")])


def _add_legend(axes: Axes, title: str, classes: Array, styles: list[tuple[str, str]]) -> None:
    """Add a legend beneath the axes, where it takes no width from the points."""
    for name, (colour, marker) in zip(classes, styles, strict=True):
        axes.scatter([], [], color=colour, marker=marker, s=14, linewidths=0, label=str(name))
    longest = max(len(str(name)) for name in classes)
    columns = max(2, min(LEGEND_COLUMNS, LEGEND_WIDTH // (longest + 3)))
    rows = -(-len(classes) // columns)
    figure = cast(Figure, axes.figure)
    figure.set_figheight(figure.get_figheight() + LEGEND_LINE * (rows + 1))
    figure.legend(
        title=title,
        loc="outside lower center",
        frameon=False,
        handletextpad=0.0,
        columnspacing=0.6,
        ncols=-(-len(classes) // rows),
    )


def plot_groups(axes: Axes, points: Array, groups: Array, *, legend: str, shown: int = 10) -> None:
    """Plot points (n, 2) in grey, and those of the `shown` largest groups in colour.

    A reader cannot distinguish a hundred colours. Ties between groups are broken at random.
    """
    names, counts = np.unique(groups, return_counts=True)
    ties = np.random.default_rng(0).random(len(names))
    chosen = np.sort(names[np.lexsort((ties, -counts))[:shown]])
    size, styles = dot_size(len(points)), class_styles(len(chosen))
    axes.scatter(*points.T, c=GREY, s=size * 0.6, linewidths=0, alpha=0.6)
    for name, (colour, marker) in zip(chosen, styles, strict=True):
        members = points[groups == name]
        axes.scatter(
            *members.T, color=colour, marker=marker, s=2 * size + 6, linewidths=0.3, edgecolor="w"
        )
    title = legend if len(chosen) == len(names) else f"{legend} ({len(chosen)} of {len(names)})"
    _add_legend(axes, title, chosen, styles)


@for_print
def plane(codes: Array, labels: Array, xlim: Limits, ylim: Limits, *, legend: str) -> Figure:
    """Experiment I: z_label and z_rest of every test example, (n, 2), by label.

    Parameters
    ----------
    codes, labels
        Codes, (n, 2), and labels, (n,), of the test examples.
    xlim, ylim
        Ranges of z_label and z_rest.
    legend
        Name of the label.
    """
    figure = new_figure(COLUMN, COLUMN)
    axes = figure.subplots()
    axes.set(xlabel="z_label", ylabel="z_rest", xlim=xlim, ylim=ylim)
    plot_classes(axes, codes, labels, legend=legend)
    return figure


@for_print
def by_group(z: Array, groups: Array, *, legend: str) -> Figure:
    """Experiment I: does a hidden factor decide z_rest? Its values in the order of their means.

    Each dot is a test example, and the line is the mean of each group. The dashed line is the same
    for groups of the same sizes at random: the steeper the solid line in comparison, the more does
    the factor decide.

    Parameters
    ----------
    z
        One-dimensional codes, (n,).
    groups
        Group of each, (n,).
    legend
        Name of the factor.
    """
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    rank, means = _in_order(z, index, counts)
    _, shuffled = _in_order(np.random.default_rng(0).permutation(z), index, counts)
    figure = new_figure(COLUMN, COLUMN)
    axes = figure.subplots()
    place = np.arange(1, len(counts) + 1)
    axes.scatter(rank + 1, z, color=GREY, s=dot_size(len(z)), linewidths=0, label="test example")
    axes.plot(place, means, color=BLUE, label=f"mean of a {legend}")
    axes.plot(place, shuffled, color=ORANGE, linestyle="--", label=f"the same, {legend}s at random")
    axes.set(xlabel=f"{legend}, in the order of the mean", ylabel="z_rest", ylim=limits(z))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", frameon=False)
    return figure


def _in_order(z: Array, index: Array, counts: Array) -> tuple[Array, Array]:
    """Return the rank of each example's group by its mean, (n,), and the sorted means."""
    means = np.bincount(index, weights=z) / counts
    rank = np.argsort(np.argsort(means))
    return rank[index], np.sort(means)


@for_print
def map_by_label(points: Array, labels: Array, *, title: str, legend: str) -> Figure:
    """Return a t-SNE map, (n, 2), by label."""
    figure, axes = _map(points, title)
    plot_classes(axes, points, labels, legend=legend)
    return figure


@for_print
def map_by_factor(points: Array, groups: Array, *, title: str, legend: str) -> Figure:
    """Return a t-SNE map, (n, 2), with the largest groups of a hidden factor in colour."""
    figure, axes = _map(points, title)
    plot_groups(axes, points, groups, legend=legend)
    return figure


def _map(points: Array, title: str) -> tuple[Figure, Axes]:
    """Return empty axes for a map, whose own units mean nothing."""
    low, high = points.min(0), points.max(0)
    margin = 0.03 * max(float((high - low).max()), 1e-6)
    low, high = low - margin, high + margin
    ratio = float(np.clip((high[1] - low[1]) / (high[0] - low[0]), 0.3, 1.5))
    figure = new_figure(COLUMN, COLUMN * ratio + 0.3)
    axes = figure.subplots()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set(xticks=[], yticks=[], title=title)
    axes.spines[:].set_color(DARK_GREY)
    return figure, axes
