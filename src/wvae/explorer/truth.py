"""What the explorer says about a split: its metrics, warnings and clusters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import numpy as np

from ..datasets import Dataset
from ..datasets.dataset import Array
from ..estimator import WVAE
from ..evaluation.clustering import check_distinct, kmeans
from ..evaluation.n_clusters import choose_k
from ..workflows.measure import measure
from ..workflows.progress import Progress
from .contract import Truth

MAX_K = 20  # clusters; colours of more would hardly differ
MAX_CHOOSING = 1_000  # rows from which the number of clusters is chosen, in seconds
MIN_CLUSTERED = 20  # rows from which the number of clusters can be chosen
MAX_FITTED = 20_000  # rows from which the clusters are learnt


def measure_truth(
    model: WVAE,
    data: Dataset,
    metrics: Mapping[str, float] | None,
    notes: list[str],
    progress: Progress,
) -> Truth:
    """Return the metrics of a split and the warnings about it.

    Parameters
    ----------
    model
        A fitted model.
    data
        All of the data.
    metrics
        Metrics that were measured before; None measures the quick ones, if the data allow it.
    notes
        Warnings that are known already.
    progress
        Shows the progress.
    """
    found = list(notes)
    command = "wvae measure"
    if metrics is None:
        seed = model.config_.random_state
        command = f"wvae.workflows.measure.measure(model, data, seed={seed}, quick=True)"
        metrics, doubts = _measure(model, data, seed, progress)
        found += doubts
    finite: dict[str, float] = {}
    for name, value in metrics.items():
        if math.isfinite(value):
            finite[name] = float(value)
    truth: Truth = {"metrics": finite, "warnings": list(dict.fromkeys(found))}
    if finite:
        truth["command"] = command
    return truth


def _measure(
    model: WVAE, data: Dataset, seed: int, progress: Progress
) -> tuple[dict[str, float], list[str]]:
    """Return quick metrics and warnings; no metrics if the data do not allow to measure them."""
    if len(data.classes) < 2:
        return {}, ["the split is not measured: the data have no two labels"]
    if data.split is not None and set(data.split.tolist()) != {"train", "test"}:
        return {}, ["the split is not measured: the data have no training rows or no test rows"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            metrics = measure(model, data, seed=seed, quick=True, progress=progress)
        except ValueError as error:
            return {}, [f"the split is not measured: {error}"]
    doubts = [str(warning.message) for warning in caught if warning.category is UserWarning]
    return metrics, doubts


def find_clusters(
    z_rest: Array, k: int | None, seed: int, progress: Progress
) -> tuple[Array | None, list[str]]:
    """Return the K-Means cluster of each row, and warnings; None if there are no clusters to find.

    Parameters
    ----------
    z_rest
        Codes, (n, d_rest).
    k
        Number of clusters; None lets `choose_k` choose it from at most 1,000 rows.
    seed
        Seed of the clusters.
    progress
        Shows the progress.

    Raises
    ------
    ValueError
        If k is given and out of range.

    Examples
    --------
    >>> from wvae.workflows.progress import Silent
    >>> z = np.repeat(np.array([[0.0], [9.0]]), 20, axis=0)
    >>> clusters, notes = find_clusters(z, 2, 0, Silent())
    >>> clusters is not None and len(set(clusters[:20].tolist()))
    1
    """
    n = len(z_rest)
    if k is not None and not 2 <= k <= n // 2:
        raise ValueError(f"k is {k}, expected 2 to {n // 2}, half of the rows")
    notes: list[str] = []
    if k is None:
        if n < MIN_CLUSTERED:
            return None, [f"no clusters: {n} rows, and at least {MIN_CLUSTERED} are needed"]
        try:
            check_distinct(z_rest, None, "rows of z_rest")
        except ValueError as error:
            return None, [f"no clusters: {error}"]
        with progress.task("choosing the number of clusters", 100) as advance:
            rows = np.random.default_rng(seed).permutation(n)[:MAX_CHOOSING]
            selection = choose_k(
                z_rest[np.sort(rows)],
                max_k=MAX_K,
                seed=seed,
                on_step=lambda done, total: advance(100 * done // total),
            )
        k = selection.k
        if not selection.has_structure:
            notes.append(
                "no clear clusters in z_rest: no number of clusters is both stable and clearer "
                "than in data without clusters"
            )
    with progress.task(f"computing {k} clusters", 1) as advance:
        clusters = _kmeans(z_rest, k, seed)
        advance(1)
    return clusters, notes


def _kmeans(z: Array, k: int, seed: int) -> Array:
    """Return clusters learnt from at most 20,000 rows; further rows go to the nearest centre."""
    if len(z) <= MAX_FITTED:
        return kmeans(z, k, seed=seed)
    from sklearn.metrics import pairwise_distances_argmin

    rows = np.sort(np.random.default_rng(seed).permutation(len(z))[:MAX_FITTED])
    learnt = kmeans(z[rows], k, seed=seed)
    present = np.unique(learnt)
    centres = np.stack([z[rows][learnt == cluster].mean(0) for cluster in present])
    return present[pairwise_distances_argmin(z, centres)]
