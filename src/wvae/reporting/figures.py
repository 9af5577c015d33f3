"""Arrays in, a matplotlib `Figure` out. Nothing here saves or trains."""

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
INK = ListedColormap(np.linspace((1, 1, 1), (0.07, 0.09, 0.15), 256))  # white paper, blue-black ink


def label_colours(n: int) -> Array:
    """Return n colours that can be told apart, (n, 4)."""
    if n <= 10:
        return mpl.colormaps["tab10"](np.arange(n))
    return mpl.colormaps["turbo"](np.linspace(0.02, 0.98, n))


def limits(values: Array, margin: float = 0.05) -> Limits:
    """Return an axis range that holds all but the outermost 0.2 % of the values, with a margin."""
    low, high = np.quantile(values, [0.001, 0.999])
    pad = margin * max(high - low, 1e-6)
    return float(low - pad), float(high + pad)


def dot_size(n: int) -> float:
    """Return the area of a dot, in points², for n of them: few are drawn large, many small."""
    return float(np.clip(15_000 / max(n, 1), 2.5, 16.0))


def scatter(axes: Axes, points: Array, labels: Array, *, legend: str) -> None:
    """Draw points (n, 2), one colour per label, in random order so that no label hides the others."""
    classes, index = np.unique(labels, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(points))
    colours = label_colours(len(classes))
    axes.scatter(
        *points[order].T, c=colours[index[order]], s=dot_size(len(points)), linewidths=0, alpha=0.75
    )
    for name, colour in zip(classes, colours, strict=True):
        axes.scatter([], [], color=colour, s=30, label=str(name))
    axes.legend(
        title=legend, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, handletextpad=0.1
    )


def highlight(axes: Axes, points: Array, groups: Array, *, legend: str, shown: int = 10) -> None:
    """Draw points (n, 2) in grey, with the members of the commonest groups in colour.

    A hundred colours cannot be told apart: the `shown` groups with most points stand for all (ties: at random).
    """
    names, counts = np.unique(groups, return_counts=True)
    ties = np.random.default_rng(0).random(len(names))
    chosen = np.sort(names[np.lexsort((ties, -counts))[:shown]])
    size = dot_size(len(points))
    axes.scatter(*points.T, c=GREY, s=size * 0.6, linewidths=0, alpha=0.6)
    for name, colour in zip(chosen, label_colours(len(chosen)), strict=True):
        mine = points[groups == name]
        axes.scatter(
            *mine.T,
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
    """Lay images (rows, columns, height, width) out as one picture, (rows · height, columns · width).

    Images in colour are (rows, columns, 3, height, width), and so the picture is (rows · height, columns · width, 3).
    """
    if images.ndim == 5:
        return np.stack([tiles(images[:, :, channel]) for channel in range(images.shape[2])], -1)
    rows, columns, height, width = images.shape
    return images.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)


def _picture(images: Array, sound: bool) -> tuple[Array, dict[str, Any]]:
    """Return tiles, and how to draw them: grey ones as ink on paper, spectrograms with low tones at the bottom."""
    if sound:
        return tiles(images[..., ::-1, :]), {"cmap": "magma", "vmin": 0, "vmax": 1}
    return (
        (tiles(images).clip(0, 1), {})
        if images.ndim == 5
        else (tiles(images), {"cmap": INK, "vmin": 0, "vmax": 1})
    )


def _show(axes: Axes, images: Array, *, sound: bool = False) -> None:
    picture, how = _picture(images, sound)
    axes.imshow(picture, **how)
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
        (n, 2): z_label, z_rest.
    labels
        (n,).
    images
        (rows, columns, height, width), or (…, 3, height, width) in colour, decoded at the centres of a grid over the
        limits, z_rest rising upwards (row 0 is the lowest).
    xlim, ylim
        Ranges of z_label and z_rest.
    legend
        What the labels are.
    sound
        Whether the images are spectrograms.
    """
    figure = Figure(figsize=(12.5, 5.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    scatter(left, codes, labels, legend=legend)
    left.set(
        title="where the test examples lie", xlabel="z_label", ylabel="z_rest", xlim=xlim, ylim=ylim
    )
    picture, how = _picture(images[::-1], sound)
    right.imshow(picture, extent=(*xlim, *ylim), aspect="auto", **how)
    right.set(title="what each place decodes to", xlabel="z_label")
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
        xlabel="z_label", ylabel="z_rest", xlim=xlim, ylim=ylim, title=f"the same codes by {legend}"
    )
    return figure


def reconstructions(originals: Array, decoded: Array, *, sound: bool = False) -> Figure:
    """Originals above their reconstructions, both (n, height, width) or (n, 3, height, width) in [0, 1]."""
    figure = Figure(figsize=(0.62 * len(originals), 1.6), layout="constrained")
    for axes, images, name in zip(
        figure.subplots(2, 1), (originals, decoded), ("original", "decoded"), strict=True
    ):
        _show(axes, images[None], sound=sound)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.spines[:].set_visible(False)
    return figure


def losses(history: Sequence[Mapping[str, float]]) -> Figure:
    """Every term of the objective over the epochs, training and test, in nats."""
    names = [name.removeprefix("train.") for name in history[0] if name.startswith("train.")]
    names = [name for name in names if name != "accuracy"]
    names.sort(key=lambda name: name != "loss")
    figure = Figure(figsize=(2.9 * len(names), 2.7), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        for part, colour in (("train", "#1f77b4"), ("test", "#d62728")):
            if f"{part}.{name}" in history[0]:
                axes.plot(
                    epochs, [row[f"{part}.{name}"] for row in history], color=colour, label=part
                )
        axes.set(title=name, xlabel="epoch")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, color="#eeeeee")
    figure.axes[0].set_ylabel("nats per example")
    figure.axes[0].legend(frameon=False)
    return figure


def embeddings(
    maps: Mapping[str, Array], labels: Array, groups: Array, *, label: str, factor: str
) -> Figure:
    """Experiment II: t-SNE maps (n, 2) of the codes by name, coloured by label (above) and by factor (below)."""
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
    """Clustering scores, one panel per score: rows[row][score] are its values over the draws.

    A dot is a draw, a bar the mean.
    """
    names = list(next(iter(rows.values())))
    figure = Figure(figsize=(4.1 * len(names), 0.42 * len(rows) + 1.0), layout="constrained")
    grid = np.atleast_1d(figure.subplots(1, len(names), sharey=True))
    for axes, name in zip(grid, names, strict=True):
        for place, (row, values) in enumerate(rows.items()):
            colour = "#1f77b4" if row.startswith("z_rest") else "#9aa5b1"
            axes.barh(place, np.mean(values[name]), color=colour, height=0.62)
            axes.plot(
                values[name],
                [place] * len(values[name]),
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
    """Each source (n, height, width) and, right of it, its style writing every label (n, labels, height, width)."""
    n, _, _, width = images.shape
    figure = Figure(figsize=(0.55 * (len(labels) + 1.6), 0.55 * n + 0.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, len(labels)])
    left.imshow(tiles(sources[:, None]), cmap=INK, vmin=0, vmax=1)
    left.set(title="source", xticks=[], yticks=[])
    right.imshow(tiles(images), cmap=INK, vmin=0, vmax=1)
    right.set(yticks=[])
    right.set_title("its style writes …")
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
    """How often each fresh probe reads the label from z_rest, beside chance and the positive control.

    Parameters
    ----------
    probes
        Accuracy of each, in [0, 1].
    control
        Accuracy of the same kind of probe on z_label.
    interval
        95 % interval of the largest of them.
    majority, null
        Chance: of a constant guess, and of probes fitted to permuted labels.
    label
        What is read.
    """
    figure = Figure(figsize=(8.2, 0.42 * len(probes) + 1.5), layout="constrained")
    axes = figure.subplots()
    names = [*(f"z_rest, {kind}" for kind in probes), "z_label, the control"]
    values = [*probes.values(), control]
    axes.barh(range(len(names)), values, color=["#1f77b4"] * len(probes) + ["#9aa5b1"], height=0.62)
    highest = int(np.argmax(list(probes.values())))
    error = np.abs(np.array(interval)[:, None] - values[highest])
    axes.errorbar(values[highest], highest, xerr=error, color="black", capsize=3, linewidth=1)
    axes.axvline(majority, color="#d62728", linewidth=1.2, label="the commonest label")
    axes.axvline(
        null, color="#d62728", linewidth=1.2, linestyle=":", label="probes of permuted labels"
    )
    axes.set(xlim=(0, 1), xlabel=f"share of test examples whose {label} is read")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        title="chance", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, alignment="left"
    )
    return figure


def swapped(labels: Array, rests: Array, images: Array, *, sound: bool = False) -> Figure:
    """Swapped images (rows, columns, \\*shape) with their sources on the margins.

    Parameters
    ----------
    labels
        What gives z_label to each column, (columns, \\*shape): (height, width), or (3, height, width) in colour.
    rests
        What gives z_rest to each row, (rows, \\*shape).
    images
        The swapped ones, in [0, 1] like the sources.
    sound
        Whether they are spectrograms, (mel bands, frames).
    """
    rows, columns = images.shape[:2]
    figure = Figure(figsize=(0.55 * (columns + 1.8), 0.55 * (rows + 1.8)), layout="constrained")
    grid = figure.subplots(2, 2, width_ratios=[1, columns], height_ratios=[1, rows])
    (corner, above), (left, middle) = grid
    for axes, pictures in ((above, labels[None]), (left, rests[:, None]), (middle, images)):
        _show(axes, pictures, sound=sound)
        axes.spines[:].set_color(GREY)
    corner.axis("off")
    above.set_title("z_label of …")
    left.set_ylabel("z_rest of …")
    return figure
