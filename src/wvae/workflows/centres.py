"""Centres of clusters of z_rest, learnt by K-Means in mini-batches from as many rows as fit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin

from ..datasets import Dataset
from ..datasets.dataset import Array
from ..estimator import WVAE
from ..evaluation.clustering import check_distinct
from ..io.files import atomic
from ..training.examples import EVALUATION_BATCH, batches
from .progress import Progress, Silent

MAX_ROWS = 200_000  # rows that centres are learnt from
RUN_LENGTH = 100  # neighbouring rows that are read together
MINI_BATCH, N_INIT = 4096, 10


def learn_centres(
    model: WVAE, data: Dataset, k: int, *, seed: int | None = None, progress: Progress | None = None
) -> Array:
    """Return the centres of k clusters of z_rest, (k, d_rest) float32.

    The centres are learnt from all rows, or from 200,000 of them. These are chosen in short runs
    from all over the data: stored data are often sorted, so a few long blocks would cover only a
    few categories. The codes of these rows are kept in memory for k-means++ and several passes.

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data.
    k
        Number of clusters, from 2 to half the number of rows that the centres are learnt from.
    seed
        Seed of rows and clusters; None is the model's seed.
    progress
        Shows the progress.

    Raises
    ------
    ValueError
        If k is out of range, or fewer rows than k differ.

    References
    ----------
    Sculley (2010), Web-scale k-means clustering.
    """
    check_k(k, len(data))
    n = min(len(data), MAX_ROWS)
    seed = model.config_.random_state if seed is None else seed
    codes: list[Array] = []
    n_encoded = 0
    with (progress or Silent()).task(f"learning {k} centres", n) as advance:
        for runs in _sample_runs(len(data), np.random.default_rng(seed)):
            z_rest = model.encode(np.concatenate([data.x[run] for run in runs]))[1]
            codes.append(z_rest)
            n_encoded += len(z_rest)
            advance(min(n, n_encoded))
        rows = np.concatenate(codes)
        check_distinct(rows, k, f"rows of z_rest of {data.name}")
        options: dict[str, Any] = {"batch_size": MINI_BATCH, "n_init": N_INIT}
        kmeans = MiniBatchKMeans(k, random_state=seed, **options)
        with warnings.catch_warnings():
            # Of clusters that differ by less than scikit-learn's tolerance.
            warnings.simplefilter("ignore", ConvergenceWarning)
            kmeans.fit(rows)
    return np.asarray(kmeans.cluster_centers_, np.float32)


def check_k(k: int, n: int) -> None:
    """Raise a ValueError if k centres cannot be learnt from n rows."""
    largest = min(n, MAX_ROWS) // 2
    if not 2 <= k <= largest:
        raise ValueError(
            f"k is {k}, expected 2 to {largest}, half of the rows that centres are learnt from"
        )


def nearest(z: Array, centres: Array) -> Array:
    """Return the index of each row's nearest centre, (n,) int32.

    Parameters
    ----------
    z
        Codes, (n, d).
    centres
        Centres, (k, d).

    Examples
    --------
    >>> z, centres = np.array([[0.1], [2.0]], np.float32), np.array([[2.5], [0.0]], np.float32)
    >>> nearest(z, centres).tolist()
    [1, 0]
    """
    # In batches of fixed size, so that ties are broken alike however the data are cut into blocks.
    indices = [pairwise_distances_argmin(z[rows], centres) for rows in batches(len(z))]
    return np.concatenate(indices).astype(np.int32)


def centres_file(out: Path) -> Path:
    """Return the path of the centres that belong to a file of codes.

    Examples
    --------
    >>> centres_file(Path("mnist-codes.parquet")).name
    'mnist-codes-centres.npy'
    """
    return out.with_name(f"{out.stem}-centres.npy")


def write_centres(path: Path, centres: Array) -> None:
    """Write centres, (k, d_rest), as .npy, atomically."""
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.save(file, centres)


def _sample_runs(n: int, rng: np.random.Generator) -> list[list[slice]]:
    """Return groups of runs of rows, each group to be encoded at once: MAX_ROWS rows at most."""
    if n > MAX_ROWS:
        chosen = rng.choice(n // RUN_LENGTH, MAX_ROWS // RUN_LENGTH, replace=False)
        starts = (RUN_LENGTH * np.sort(chosen)).tolist()
        runs = [slice(start, start + RUN_LENGTH) for start in starts]
    else:
        runs = list(batches(n, RUN_LENGTH))
    runs_per_group = EVALUATION_BATCH // RUN_LENGTH
    return [runs[i : i + runs_per_group] for i in range(0, len(runs), runs_per_group)]
