"""The figures of Experiment II."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ..datasets import Dataset
from ..estimator import WVAE
from ..evaluation.baselines import TITLES
from ..reporting import figures, pictures
from ..workflows.encode import code_columns, encode_rows, write_columns
from ..workflows.run_folder import Run
from .panels import MAX_POINTS, save_maps, unit_values

__all__ = ["MAX_POINTS", "save_scores", "write_codes_and_figures"]


def write_codes_and_figures(data: Dataset, model: WVAE, run: Run, factor: str) -> None:
    """Write the codes and figures of a trial.

    Parameters
    ----------
    data
        The rows of the trial, with their split.
    model
        The model that was trained on them.
    run
        The run; ``writers/`` is the model folder.
    factor
        Name of the hidden factor.
    """
    seed = model.config_.random_state
    codes = encode_rows(model, data, run.progress)
    write_columns(run.folder / "writers" / "codes.parquet", code_columns(codes, data))
    is_test = data.split == "test"
    test = data.subset(is_test)
    named = {"z_label": codes[0][is_test], "z_rest": codes[1][is_test]}
    save_maps(run, "writers", test, named, factor, seed)
    run.save_figure("writers-losses", figures.losses(model.history_))
    run.save_figure("writers-rewritten", _rewritten_figure(model, test, factor))


def _rewritten_figure(model: WVAE, test: Dataset, factor: str, n: int = 8) -> Figure:
    """Plot an image of each of n writers, and every label rewritten in its style."""
    rng = np.random.default_rng(model.config_.random_state)
    writer = test.factors[factor]
    names = np.unique(writer)
    chosen = rng.choice(names, min(n, len(names)), replace=False)
    rows = np.array([rng.choice(np.flatnonzero(writer == name)) for name in chosen])
    x, labels = test.x[rows], model.classes_
    rewritten = [model.rewrite(x, np.full(len(rows), label)) for label in labels]
    return pictures.rewritten(unit_values(x), np.stack(rewritten, 1), labels.tolist())


def save_scores(run: Run, ami: Mapping[str, Sequence[float]]) -> None:
    """Save the figure of the AMI with the writers.

    Parameters
    ----------
    run
        The run.
    ami
        AMI of each trial, by what was clustered and how, such as ``z_rest.kmeans``.
    """
    titled = {_row_title(row): values for row, values in ami.items()}
    run.save_figure("writers-scores", figures.scores(titled, name="AMI with the writers"))


def _row_title(row: str) -> str:
    """Return the title of a row in the figure of scores."""
    words = TITLES | {
        "raw": "raw pixels",
        "kmeans": "K-Means",
        "gmm": "GMM",
        "random": "random assignment",
        "ceiling": "network given the writers",
    }
    return ", ".join(words.get(part, part) for part in row.split("."))
