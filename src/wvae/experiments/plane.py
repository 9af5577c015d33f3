"""Experiment I: one axis for the label, one for the rest, and the plane they span."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..config import Config
from ..datasets import Dataset
from ..estimator import WVAE
from ..reporting import figures
from ..workflows.fit import code_columns, fit_in_run, held_out, write_columns
from ..workflows.measured_rows import first_category
from ..workflows.run_folder import Run
from .panels import measure_in_run

# Examples that a brief Experiment I trains on and practises on, with repeats, at most; passes that it makes at least.
SEEN, PRACTISED, LEAST = 600_000, 120_000, 5
GRID = 20  # the plane is decoded at GRID × GRID places


def brief(config: Config, n: int) -> Config:
    """Return the config with fewer passes, if those over n examples would take minutes for one picture.

    On mnist 10 passes for 30 cost 0.8 % of accuracy, and leave as little of the label in z_rest: docs/speed.md.

    >>> [brief(Config(), n).epochs for n in (10_000, 60_000, 10_000_000)]
    [30, 10, 5]
    """
    return replace(
        config,
        epochs=min(config.epochs, max(LEAST, SEEN // n)),
        finetune_epochs=min(config.finetune_epochs, max(1, PRACTISED // n)),
    )


def run(data: Dataset, config: Config, run: Run, factor: str | None = None) -> dict[str, Any]:
    """Train with 1-D z_label and 1-D z_rest, measure and draw everything, and return the metrics ``plane.…``.

    Parameters
    ----------
    data
        Images or sounds; its own split is used, else a random tenth of every class is held out.
    config
        Hyper-parameters; the two dimensions are set here.
    run
        Folder to write into: ``plane/`` becomes a model folder.
    factor
        Hidden factor to colour by; None: the writer, or the first one that the data know.
    """
    factor = factor or ("writer" if "writer" in data.factors else first_category(data))
    found = run.stage(
        "plane", lambda: _run(data, replace(config, d_label=1, d_rest=1), run, factor)
    )
    return found | measure_in_run(run, "plane", data, config.random_state)


def _run(data: Dataset, config: Config, run: Run, factor: str | None) -> dict[str, Any]:
    is_test = held_out(data, config.random_state)
    train, test = data.subset(~is_test), data.subset(is_test)
    model = fit_in_run(run, "plane", config, train, test)
    every = model.encode(data.x)
    write_columns(run.folder / "plane" / "codes.parquet", code_columns(every, data))
    z_label, z_rest = (z[is_test] for z in every)
    codes = np.hstack([z_label, z_rest])

    xlim, ylim = figures.limits(z_label), figures.limits(z_rest)
    grid, sound = decode_grid(model, xlim, ylim), data.kind == "audio"
    run.save_figure(
        "plane", figures.plane(codes, test.y, grid, xlim, ylim, legend=data.label_name, sound=sound)
    )
    if factor is not None and factor in data.factors:
        by_factor = figures.plane_by_factor(codes, test.factors[factor], xlim, ylim, legend=factor)
        run.save_figure("plane-by-factor", by_factor)
    some = np.array(
        [row for label in test.classes for row in np.flatnonzero(test.y == label)[:2]][:20]
    )
    originals = test.x[some] / (255 if test.x.dtype == np.uint8 else 1)
    run.save_figure(
        "plane-reconstructions",
        figures.reconstructions(originals, model.reconstruct(test.x[some]), sound=sound),
    )
    run.save_figure("plane-losses", figures.losses(model.history_))
    figures_of_test = model.evaluate(test.x, test.y)
    seconds = sum(row["seconds"] for row in model.history_)
    return {
        **{f"plane.test.{name}": value for name, value in figures_of_test.items()},
        "plane.train.examples": len(train),
        "plane.train.epochs": len(model.history_),
        "plane.test.examples": len(test),
        "plane.train.seconds": seconds,
    }


def decode_grid(
    model: WVAE, xlim: figures.Limits, ylim: figures.Limits, n: int = GRID
) -> np.ndarray:
    """Decode the plane at the centres of an n × n grid: (n, n, \\*shape), rows along z_rest, columns along z_label."""
    x, y = (low + (high - low) * (np.arange(n) + 0.5) / n for low, high in (xlim, ylim))
    z_label, z_rest = (axis.reshape(-1, 1) for axis in np.meshgrid(x, y))
    return model.decode(z_label, z_rest).reshape(n, n, *model.shape_)
