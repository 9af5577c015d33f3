"""Figures of losses, scores and probes: each takes numbers and returns a matplotlib `Figure`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from .style import BLUE, COLUMN, GREY, ORANGE, SMALL_FONT, for_print, new_figure, open_frame

Limits = tuple[float, float]
NAME_WIDTH = 24  # characters in a line
LOG_RATIO = 20  # between the ends of a curve, from which its axis is logarithmic
PROBES = {"logistic": "logistic regression", "mlp": "MLP", "knn": "k-NN", "boosting": "boosting"}


@for_print
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
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(COLUMN, 1.15 * rows + 0.2)
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        _plot_term(axes, history, name)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    for axes in panels[max(len(names) - columns, 0) : len(names)]:
        axes.set_xlabel("epoch")
        axes.tick_params(labelbottom=True)
    figure.supylabel("nats per example")
    panels[0].legend(frameon=False, loc="upper right")
    return figure


def _plot_term(axes: Axes, history: Sequence[Mapping[str, float]], name: str) -> None:
    """Plot one term of the objective by epoch."""
    epochs = [row["epoch"] for row in history]
    shown: list[float] = []
    for part, colour, dashes in (("train", BLUE, "-"), ("test", ORANGE, "--")):
        key = f"{part}.{name}"
        if key in history[0]:
            values = [row[key] for row in history]
            axes.plot(epochs, values, color=colour, linestyle=dashes, label=part)
            shown += values
    if min(shown) > 0 and max(shown) > LOG_RATIO * min(shown):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.minorticks_off()
    axes.set_title(name, pad=2)
    open_frame(axes)
    axes.grid(visible=True, color="#eeeeee", linewidth=0.6)


@for_print
def scores(rows: Mapping[str, Sequence[float]], *, name: str) -> Figure:
    """One clustering score: a bar and a number for the mean over the trials, a dot for a trial.

    Parameters
    ----------
    rows
        The values of the score over the trials, by what was clustered.
    name
        Name of the score.
    """
    names = [fill(row, NAME_WIDTH) for row in rows]
    lines = sum(name.count("\n") + 1 for name in names)
    figure = new_figure(COLUMN * 1.1, 0.14 * lines + 0.1 * len(rows) + 0.5)
    axes = figure.subplots()
    longest = max(max(values) for values in rows.values())
    for y, (row, values) in enumerate(rows.items()):
        is_main, mean = row.startswith("z_rest"), float(np.mean(values))
        axes.barh(y, mean, color=BLUE if is_main else GREY, height=0.66)
        if len(values) > 1:
            axes.plot(values, [y] * len(values), "o", color="black", markersize=2, alpha=0.7)
        weight = "bold" if is_main else "normal"
        end = max(mean, *values, 0.0) + 0.015 * longest
        axes.text(end, y, f"{mean:.2f}", va="center", fontsize=SMALL_FONT, weight=weight)
    axes.set(xlabel=name, xlim=(min(0.0, *map(min, rows.values())), 1.12 * longest))
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params("y", length=0)
    axes.invert_yaxis()
    open_frame(axes)
    return figure


@for_print
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
    figure = new_figure(COLUMN, 0.24 * len(probes) + 1.1)
    axes = figure.subplots()
    names = [*(f"z_rest, {PROBES.get(kind, kind)}" for kind in probes), "z_label, positive control"]
    values = [*probes.values(), control]
    highest = int(np.argmax(list(probes.values())))
    bars = axes.barh(range(len(names)), values, color=[BLUE] * len(probes) + [GREY], height=0.66)
    bars[-1].set_hatch("////")
    bars[-1].set_edgecolor("white")
    error = np.abs(np.array(interval)[:, None] - values[highest])
    axes.errorbar(values[highest], highest, xerr=error, color="black", capsize=2, linewidth=1)
    axes.axvline(majority, color=ORANGE, linewidth=1, label="most common label")
    axes.axvline(null, color=ORANGE, linewidth=1.2, linestyle=":", label="permuted labels")
    for y, value in enumerate(values):
        end = max(value, majority, null, interval[1] if y == highest else 0.0)
        axes.text(end + 0.015, y, f"{value:.3f}", va="center", fontsize=SMALL_FONT)
    axes.set(xlim=(0, 1.1), xlabel=f"accuracy: {label} of test examples")
    axes.set_xticks(np.arange(0, 1.1, 0.2))
    axes.set_yticks(range(len(names)), names)
    axes.tick_params("y", length=0)
    axes.invert_yaxis()
    open_frame(axes)
    figure.legend(loc="outside lower center", title="chance", ncols=2, frameon=False)
    return figure
