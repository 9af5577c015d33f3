"""Figures for reports: every function takes arrays and returns a matplotlib `Figure`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

Array = np.ndarray
Limits = tuple[float, float]
GREY = "#b4bac2"
LEGEND_ROWS = 16  # labels in one column of a legend
INK = ListedColormap(np.linspace((1, 1, 1), (0.07, 0.09, 0.15), 256))  # white paper, blue-black ink


def label_colours(n: int) -> Array:
    """Return n distinct RGBA colours, (n, 4)."""
    if n <= 10:
        return mpl.colormaps["tab10"](np.arange(n))
    return mpl.colormaps["turbo"](np.linspace(0.02, 0.98, n))


def limits(values: Array, margin: float = 0.05) -> Limits:
    """Return an axis range around all but the outermost 0.2 % of the values, with a margin."""
    low, high = np.quantile(values, [0.001, 0.999])
    pad = margin * max(high - low, 1e-6)
    return float(low - pad), float(high + pad)


def dot_size(n: int) -> float:
    """Return the area of a dot, in points², for a plot of n dots: the more dots, the smaller."""
    return float(np.clip(15_000 / max(n, 1), 2.5, 16.0))


def scatter(axes: Axes, points: Array, labels: Array, *, legend: str) -> None:
    """Plot points (n, 2) in one colour per label, in random order so that no label hides others."""
    classes, index = np.unique(labels, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(points))
    colours = label_colours(len(classes))
    axes.scatter(
        *points[order].T, c=colours[index[order]], s=dot_size(len(points)), linewidths=0, alpha=0.75
    )
    for name, colour in zip(classes, colours, strict=True):
        axes.scatter([], [], color=colour, s=30, label=str(name))
    axes.legend(
        title=legend,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        handletextpad=0.1,
        columnspacing=0.5,
        ncols=-(-len(classes) // LEGEND_ROWS),
    )


def highlight(axes: Axes, points: Array, groups: Array, *, legend: str, shown: int = 10) -> None:
    """Plot points (n, 2) in grey, and those of the `shown` largest groups in colour.

    A reader cannot distinguish a hundred colours. Ties between groups are broken at random.
    """
    names, counts = np.unique(groups, return_counts=True)
    ties = np.random.default_rng(0).random(len(names))
    chosen = np.sort(names[np.lexsort((ties, -counts))[:shown]])
    size = dot_size(len(points))
    axes.scatter(*points.T, c=GREY, s=size * 0.6, linewidths=0, alpha=0.6)
    for name, colour in zip(chosen, label_colours(len(chosen)), strict=True):
        members = points[groups == name]
        axes.scatter(
            *members.T,
            color=colour,
            s=1.5 * size + 5,
            linewidths=0.4,
            edgecolors="white",
            label=str(name),
        )
    title = f"{legend} ({len(chosen)} of {len(names)})"
    axes.legend(
        title=title, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, handletextpad=0.1
    )


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


def plane(
    codes: Array,
    labels: Array,
    images: Array,
    xlim: Limits,
    ylim: Limits,
    *,
    legend: str = "label",
    sound: bool = False,
) -> Figure:
    """Experiment I: the test codes, and the plane decoded in the same coordinates.

    Parameters
    ----------
    codes
        z_label and z_rest of every test example, (n, 2).
    labels
        Their labels, (n,).
    images
        Images decoded at the centres of a grid over the limits, (rows, columns, height, width), or
        (rows, columns, 3, height, width) in colour. Row 0 has the smallest z_rest.
    xlim, ylim
        Ranges of z_label and z_rest.
    legend
        Name of the label.
    sound
        Whether the images are spectrograms.
    """
    figure = Figure(figsize=(12.5, 5.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    scatter(left, codes, labels, legend=legend)
    left.set(title="test examples", xlabel="z_label", ylabel="z_rest", xlim=xlim, ylim=ylim)
    picture, options = _picture(images[::-1], sound)
    right.imshow(picture, extent=(*xlim, *ylim), aspect="auto", **options)
    right.set(title="decoded plane", xlabel="z_label")
    left.grid(visible=True, color="#eeeeee", zorder=-1)
    left.set_axisbelow(True)
    return figure


def plane_by_factor(
    codes: Array, groups: Array, xlim: Limits, ylim: Limits, *, legend: str
) -> Figure:
    """Experiment I: the test codes coloured by a hidden factor."""
    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    axes = figure.subplots()
    highlight(axes, codes, groups, legend=legend)
    axes.set(
        xlabel="z_label", ylabel="z_rest", xlim=xlim, ylim=ylim, title=f"test examples by {legend}"
    )
    return figure


def reconstructions(originals: Array, decoded: Array, *, sound: bool = False) -> Figure:
    """Originals above their reconstructions.

    Both are (n, height, width), or (n, 3, height, width) in colour, with values in [0, 1].
    """
    figure = Figure(figsize=(0.62 * len(originals), 1.6), layout="constrained")
    above, below = figure.subplots(2, 1)
    for axes, images, name in ((above, originals, "original"), (below, decoded, "decoded")):
        _show(axes, images[None], sound=sound)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.spines[:].set_visible(False)
    return figure


def losses(history: Sequence[Mapping[str, float]]) -> Figure:
    """Every term of the objective by epoch, on training and test examples, in nats.

    Parameters
    ----------
    history
        One row per epoch, with ``epoch``, ``train.<term>`` and perhaps ``test.<term>``.
    """
    names = [name.removeprefix("train.") for name in history[0] if name.startswith("train.")]
    names = [name for name in names if name != "accuracy"]
    names.sort(key=lambda name: name != "loss")
    figure = Figure(figsize=(2.9 * len(names), 2.7), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _plot_term(axes, history, name)
    panels[0].set_ylabel("nats per example")
    panels[0].legend(frameon=False)
    return figure


def _plot_term(axes: Axes, history: Sequence[Mapping[str, float]], name: str) -> None:
    """Plot one term of the objective by epoch."""
    epochs = [row["epoch"] for row in history]
    for part, colour in (("train", "#1f77b4"), ("test", "#d62728")):
        key = f"{part}.{name}"
        if key in history[0]:
            axes.plot(epochs, [row[key] for row in history], color=colour, label=part)
    axes.set(title=name, xlabel="epoch")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#eeeeee")


def embeddings(
    maps: Mapping[str, Array], labels: Array, groups: Array, *, label: str, factor: str
) -> Figure:
    """Experiment II: t-SNE maps of the codes, coloured by label (above) and by factor (below).

    Parameters
    ----------
    maps
        Points (n, 2) of each code, by its name.
    labels, groups
        Label and hidden factor of every point, (n,).
    label, factor
        Their names.
    """
    figure = Figure(figsize=(6.4 * len(maps), 10.4), layout="constrained")
    grid = figure.subplots(2, len(maps), squeeze=False)
    for column, (name, points) in enumerate(maps.items()):
        above, below = grid[:, column]
        scatter(above, points, labels, legend=label)
        highlight(below, points, groups, legend=factor)
        above.set_title(f"{name} by {label}")
        below.set_title(f"{name} by {factor}")
        for axes in (above, below):
            axes.set(xticks=[], yticks=[])
            axes.set_aspect("equal", "datalim")
    return figure


def scores(rows: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Clustering scores, one panel per score: a bar is the mean over the trials, a dot a trial.

    Parameters
    ----------
    rows
        ``rows[name][score]`` has the values of one score over the trials.
    """
    names = list(next(iter(rows.values())))
    figure = Figure(figsize=(4.1 * len(names), 0.42 * len(rows) + 1.0), layout="constrained")
    grid = np.atleast_1d(figure.subplots(1, len(names), sharey=True))
    for axes, name in zip(grid, names, strict=True):
        for y, (row, values) in enumerate(rows.items()):
            colour = "#1f77b4" if row.startswith("z_rest") else "#9aa5b1"
            axes.barh(y, np.mean(values[name]), color=colour, height=0.62)
            axes.plot(
                values[name],
                [y] * len(values[name]),
                "o",
                color="black",
                markersize=3,
                alpha=0.6,
            )
        axes.set(title={"purity": "purity", "ari": "ARI", "ami": "AMI"}.get(name, name))
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_yticks(range(len(rows)), list(rows))
    grid[0].invert_yaxis()
    return figure


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
    n, _, _, width = images.shape
    figure = Figure(figsize=(0.55 * (len(labels) + 1.6), 0.55 * n + 0.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, len(labels)])
    left.imshow(tiles(sources[:, None]), cmap=INK, vmin=0, vmax=1)
    left.set(title="source", xticks=[], yticks=[])
    right.imshow(tiles(images), cmap=INK, vmin=0, vmax=1)
    right.set(yticks=[])
    right.set_title("every label in its style")
    right.set_xticks((np.arange(len(labels)) + 0.5) * width, [str(label) for label in labels])
    for axes in (left, right):
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure


def leakage(
    probes: Mapping[str, float],
    *,
    control: float,
    interval: Limits,
    majority: float,
    null: float,
    label: str = "label",
) -> Figure:
    """Accuracy of fresh probes that predict the label from z_rest, with chance and control.

    Parameters
    ----------
    probes
        Accuracy of each probe, in [0, 1], by its name.
    control
        The positive control: accuracy of a probe on z_label.
    interval
        95 % interval of the largest accuracy in `probes`.
    majority, null
        Chance levels: of a constant prediction, and of probes trained with permuted labels.
    label
        Name of the label.
    """
    figure = Figure(figsize=(8.2, 0.42 * len(probes) + 1.5), layout="constrained")
    axes = figure.subplots()
    names = [*(f"z_rest, {kind}" for kind in probes), "z_label, positive control"]
    values = [*probes.values(), control]
    axes.barh(range(len(names)), values, color=["#1f77b4"] * len(probes) + ["#9aa5b1"], height=0.62)
    highest = int(np.argmax(list(probes.values())))
    error = np.abs(np.array(interval)[:, None] - values[highest])
    axes.errorbar(values[highest], highest, xerr=error, color="black", capsize=3, linewidth=1)
    axes.axvline(majority, color="#d62728", linewidth=1.2, label="most common label")
    axes.axvline(null, color="#d62728", linewidth=1.2, linestyle=":", label="permuted labels")
    axes.set(xlim=(0, 1), xlabel=f"accuracy: {label} of test examples")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        title="chance", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, alignment="left"
    )
    return figure


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
    figure = Figure(figsize=(0.55 * (columns + 1.8), 0.55 * (rows + 1.8)), layout="constrained")
    grid = figure.subplots(2, 2, width_ratios=[1, columns], height_ratios=[1, rows])
    (corner, above), (left, middle) = grid
    for axes, pictures in ((above, labels[None]), (left, rests[:, None]), (middle, images)):
        _show(axes, pictures, sound=sound)
        axes.spines[:].set_color(GREY)
    corner.axis("off")
    above.set_title("z_label from")
    left.set_ylabel("z_rest from")
    return figure
