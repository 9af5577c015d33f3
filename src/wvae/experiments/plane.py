"""Experiment I: one axis for the label, one for the rest, and the plane that they span."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..config import Config
from ..datasets import Dataset
from ..datasets.holdout import holdout_mask
from ..estimator import WVAE
from ..evaluation.supervised import train_cnn
from ..reporting import figures, pictures, scatter
from ..workflows import measure as measuring
from ..workflows.encode import code_columns, encode_rows, write_columns
from ..workflows.fit import fit_in_run
from ..workflows.inputs import first_categorical_factor
from ..workflows.progress import Progress
from ..workflows.run_folder import Run
from .panels import measure_in_run, unit_values

# Limits of the brief Experiment I: examples in training and in the fine-tuning, counted with every
# epoch; and epochs, at least.
BRIEF_EXAMPLES, BRIEF_FINETUNE_EXAMPLES, MIN_EPOCHS = 600_000, 120_000, 5
GRID = 20  # the plane is decoded at GRID × GRID points
MAX_RECONSTRUCTIONS = 20
CENTRAL_RANGE = (0.05, 0.95)  # quantiles of z_rest between which the plane is judged


def brief(config: Config, n: int) -> Config:
    """Return the config with fewer epochs if n examples would take minutes for one picture.

    On mnist, 10 epochs instead of 30 cost 0.8 % of accuracy and leave as little of the label in
    z_rest: docs/benchmarks/speed.md.

    Parameters
    ----------
    config
        Hyper-parameters.
    n
        Number of examples.

    Examples
    --------
    >>> [brief(Config(), n).epochs for n in (10_000, 60_000, 10_000_000)]
    [30, 10, 5]
    """
    epochs = max(MIN_EPOCHS, BRIEF_EXAMPLES // n)
    finetune_epochs = max(1, BRIEF_FINETUNE_EXAMPLES // n)
    return replace(
        config,
        epochs=min(config.epochs, epochs),
        finetune_epochs=min(config.finetune_epochs, finetune_epochs),
    )


def run(data: Dataset, config: Config, run: Run, factor: str | None = None) -> dict[str, Any]:
    """Train with 1-D z_label and 1-D z_rest, measure, plot, and return the metrics ``plane.…``.

    Parameters
    ----------
    data
        Images or sounds. Their split is used, else a random tenth of every class is held out.
    config
        Hyper-parameters; both dimensions are replaced by 1.
    run
        The run; ``plane/`` becomes a model folder.
    factor
        Factor for the colours of a figure; None is the writer, else the first categorical factor.
    """
    if factor is None:
        factor = "writer" if "writer" in data.factors else first_categorical_factor(data)
    config = replace(config, d_label=1, d_rest=1)
    metrics = run.stage("plane", lambda: _train_and_plot(data, config, run, factor))
    return metrics | measure_in_run(run, "plane", data, config.random_state)


def _train_and_plot(data: Dataset, config: Config, run: Run, factor: str | None) -> dict[str, Any]:
    """Train, write codes and figures, and return the metrics of this stage."""
    is_test = holdout_mask(data, config.random_state)
    train, test = data.subset(~is_test), data.subset(is_test)
    model = fit_in_run(run, "plane", config, train, test)
    codes = encode_rows(model, data, run.progress)
    write_columns(run.folder / "plane" / "codes.parquet", code_columns(codes, data))
    z_label, z_rest = codes[0][is_test], codes[1][is_test]
    with run.progress.task("figures of the plane", 1) as advance:
        _save_figures(run, model, test, z_label, z_rest, factor)
        advance(1)
    with run.progress.task("evaluating plane", 1) as advance:
        scores = model.evaluate(test.x, test.y)
        advance(1)
    metrics: dict[str, Any] = {f"plane.test.{name}": value for name, value in scores.items()}
    metrics["plane.train.examples"] = len(train)
    metrics["plane.train.epochs"] = len(model.history_)
    metrics["plane.test.examples"] = len(test)
    metrics["plane.train.seconds"] = sum(row["seconds"] for row in model.history_)
    if config.classifier_weight:  # else z_label does not hold the label
        metrics |= judge_columns(model, train, test, z_rest, run.progress, config.random_state)
    return metrics


def judge_columns(
    model: WVAE,
    train: Dataset,
    test: Dataset,
    z_rest: np.ndarray,
    progress: Progress,
    seed: int = 0,
) -> dict[str, float]:
    """Return whether the columns of the plane at the centres of the labels show these labels.

    Each label's centre is decoded with values of z_rest over the central 90 % of those of the test
    examples. A judge, a network trained on real examples alone, tells what the images show.

    Parameters
    ----------
    model
        A fitted model with 1-D codes.
    train, test
        Examples that the judge is trained and checked on.
    z_rest
        Codes of the test examples, (n, 1).
    progress
        Shows the training of the judge.
    seed
        Seed of the judge.

    Returns
    -------
    dict of str to float
        ``plane.judge``, the share of the images that show the label of their column, and
        ``plane.judge.real``, the same for real test examples.
    """
    rows = np.random.default_rng(seed).permutation(len(train))[: measuring.QUICK_JUDGE_ROWS]
    epochs = max(measuring.QUICK_JUDGE_EPOCHS, -(-measuring.MIN_JUDGE_EXAMPLES // len(rows)))
    rows.sort()
    x, x_test = model.scale_.apply(train.x[rows]), model.scale_.apply(test.x)
    with progress.task("training a judge of the plane", epochs) as advance:
        judge = train_cnn(x, train.y[rows], epochs=epochs, seed=seed, on_epoch=advance)
    centres, labels = model.label_centres_, model.classes_
    low, high = np.quantile(z_rest, CENTRAL_RANGE)
    z = np.linspace(low, high, GRID)
    images = model.decode(np.repeat(centres, GRID, axis=0), np.tile(z, len(centres))[:, None])
    return {
        "plane.judge": float((judge.predict(images) == np.repeat(labels, GRID)).mean()),
        "plane.judge.real": float((judge.predict(x_test) == test.y).mean()),
    }


def _save_figures(
    run: Run,
    model: WVAE,
    test: Dataset,
    z_label: np.ndarray,
    z_rest: np.ndarray,
    factor: str | None,
) -> None:
    """Save the figures of Experiment I."""
    codes, is_sound = np.hstack([z_label, z_rest]), test.kind == "audio"
    xlim, ylim = scatter.limits(z_label), scatter.limits(z_rest)
    grid = decode_grid(model, xlim, ylim)
    label = test.label_name
    run.save_figure("plane", scatter.plane(codes, test.y, xlim, ylim, legend=label))
    run.save_figure("plane-decoded", pictures.decoded_plane(grid, xlim, ylim, sound=is_sound))
    if factor is not None and factor in test.factors:
        by_group = scatter.by_group(z_rest[:, 0], test.factors[factor], legend=factor)
        run.save_figure("plane-by-factor", by_group)
    shown = test.classes[: MAX_RECONSTRUCTIONS // 2]
    examples = [np.flatnonzero(test.y == label) for label in shown]
    first, second = ([rows[i] for rows in examples if i < len(rows)] for i in (0, 1))
    x = test.x[np.array(first + second)]
    pairs = pictures.reconstructions(unit_values(x), model.reconstruct(x), sound=is_sound)
    run.save_figure("plane-reconstructions", pairs)
    run.save_figure("plane-losses", figures.losses(model.history_))


def decode_grid(
    model: WVAE, xlim: scatter.Limits, ylim: scatter.Limits, n: int = GRID
) -> np.ndarray:
    """Decode the plane at the centres of the cells of an n × n grid.

    Parameters
    ----------
    model
        A fitted model with 1-D codes.
    xlim, ylim
        Limits of z_label and of z_rest.
    n
        Number of cells along each axis.

    Returns
    -------
    numpy.ndarray
        (n, n, \\*shape), z_rest along the first axis and z_label along the second.
    """
    centres = (np.arange(n) + 0.5) / n
    x = xlim[0] + (xlim[1] - xlim[0]) * centres
    y = ylim[0] + (ylim[1] - ylim[0]) * centres
    z_label, z_rest = np.tile(x, n), np.repeat(y, n)
    images = model.decode(z_label[:, None], z_rest[:, None])
    return images.reshape(n, n, *model.shape_)
