"""The report's panels on one model: the leakage probes, and swapped examples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ..datasets import Dataset
from ..datasets.holdout import holdout_mask
from ..estimator import WVAE
from ..evaluation.embedding import tsne
from ..reporting import figures, pictures, scatter
from ..workflows.measure import KINDS, measure
from ..workflows.run_folder import Run

MAX_POINTS = 3000  # of a t-SNE map: more take minutes and hide each other
TSNE_ITERATIONS = 750


def measure_in_run(run: Run, name: str, data: Dataset, seed: int) -> dict[str, float]:
    """Measure a model of a run quickly, save both panels, and return ``{name}.measure.…``.

    Parameters
    ----------
    run
        The run, of which this is a stage.
    name
        The model folder in the run: ``"plane"`` or ``"writers"``.
    data
        The data that the model was trained on, with the same split.
    seed
        Seed of `measure` and of the swapped examples.
    """

    def compute() -> dict[str, float]:
        model = WVAE.load(run.folder / name)
        metrics = measure(model, data, seed=seed, progress=run.progress, quick=True)
        test = data.subset(holdout_mask(data, seed))
        run.save_figure(f"{name}-leakage", leakage_figure(metrics, data.label_name))
        run.save_figure(f"{name}-swap", swap_figure(model, test, seed))
        return {f"{name}.measure.{key}": value for key, value in metrics.items()}

    return run.stage(f"{name}-measure", compute)


def leakage_figure(metrics: dict[str, float], label: str = "label") -> Figure:
    """Plot the accuracy of the probes of z_rest beside chance and the positive control.

    Parameters
    ----------
    metrics
        What `measure` returned.
    label
        Name of the label.
    """
    probes: dict[str, float] = {}
    for kind in KINDS:
        key = f"leakage.mean.{kind}"
        if key in metrics:
            probes[kind] = metrics[key]
    return figures.leakage(
        probes,
        control=metrics["leakage.positive_control"],
        majority=metrics["leakage.mean.majority"],
        null=metrics["leakage.mean.null"],
        interval=(metrics["leakage.mean.low"], metrics["leakage.mean.high"]),
        label=label,
    )


def save_maps(
    run: Run, name: str, test: Dataset, codes: Mapping[str, np.ndarray], factor: str, seed: int
) -> None:
    """Save t-SNE maps of codes, each by label and by a hidden factor.

    The figures are ``{name}-map-{code}-label`` and ``{name}-map-{code}-factor``. The rows are test
    rows, because the codes of training rows may hold what a model has memorised; of more than
    3,000, a random sample.

    Parameters
    ----------
    run
        The run.
    name
        First part of the figures' names.
    test
        Test rows.
    codes
        Their codes, (n, d), by name.
    factor
        Name of the hidden factor.
    seed
        Seed of the sample and of the maps.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(test))[:MAX_POINTS])
    y, groups = test.y[rows], test.factors[factor][rows]
    for code, z in codes.items():
        with run.progress.task(f"t-SNE of {code}", TSNE_ITERATIONS) as advance:
            points = tsne(z[rows], seed=seed, on_step=advance)
        label = test.label_name
        by_label = scatter.map_by_label(points, y, title=f"{code} by {label}", legend=label)
        by_factor = scatter.map_by_factor(
            points, groups, title=f"{code} by {factor}", legend=factor
        )
        run.save_figure(f"{name}-map-{code}-label", by_label)
        run.save_figure(f"{name}-map-{code}-factor", by_factor)


def swap_figure(model: WVAE, test: Dataset, seed: int, n: int = 8) -> Figure:
    """Plot a table of swaps: a row for each z_rest, a column for each label.

    Parameters
    ----------
    model
        A fitted model.
    test
        Test rows.
    seed
        Seed of the choice of examples.
    n
        Number of examples that give z_rest. One example of each of at most 10 labels gives
        z_label.
    """
    rng = np.random.default_rng(seed)
    columns = [rng.choice(np.flatnonzero(test.y == label)) for label in test.classes[:10]]
    rows = rng.permutation(len(test))[:n]
    z_label, _ = model.encode(test.x[columns])
    _, z_rest = model.encode(test.x[rows])
    n_rows, n_columns = len(rows), len(columns)
    # Cell (i, j) has the z_rest of row i and the z_label of column j.
    cells = model.decode(np.tile(z_label, (n_rows, 1)), np.repeat(z_rest, n_columns, axis=0))
    cells = cells.reshape(n_rows, n_columns, *test.shape)
    column_examples, row_examples = unit_values(test.x[columns]), unit_values(test.x[rows])
    is_sound = test.kind == "audio"
    return pictures.swapped(column_examples, row_examples, cells, sound=is_sound)


def unit_values(x: np.ndarray) -> np.ndarray:
    """Return examples with uint8 scaled to [0, 1], others as they are.

    Parameters
    ----------
    x
        Examples, (n, \\*shape).

    Examples
    --------
    >>> unit_values(np.array([[0, 255]], np.uint8)).tolist()
    [[0.0, 1.0]]
    """
    return x / (255 if x.dtype == np.uint8 else 1)
