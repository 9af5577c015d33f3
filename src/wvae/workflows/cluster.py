"""Clusters of a model's codes: how many, how stable, and how well they agree with what is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..datasets import Dataset
from ..datasets.dataset import Array, is_labelled
from ..datasets.messages import did_you_mean
from ..estimator import WVAE
from ..evaluation.clustering import agreement, gmm, kmeans, random_assignment
from ..evaluation.n_clusters import KSelection, Method, choose_k, stability
from ..training.examples import batches
from .encode import ROWS
from .fit import known_columns
from .measured_rows import is_category
from .run_folder import Progress, Silent

On = Literal["rest", "label", "pixels"]
METHODS: dict[str, Method] = {"kmeans": kmeans, "gmm": gmm}


@dataclass(frozen=True)
class Clustering:
    """Clusters (n,), how stable they are, how k was chosen, and how well they agree with each factor.

    ``scores`` are purity, ARI and AMI by factor, and ``chance`` those of a random assignment to as many clusters.
    """

    clusters: Array
    k: int
    stability: float
    selection: KSelection | None
    scores: dict[str, dict[str, float]]
    chance: dict[str, dict[str, float]]

    def columns(self, data: Dataset) -> dict[str, Array]:
        """Return ``cluster`` with all that is known of each example, as columns of (n,)."""
        known = dict(known_columns(data))
        if "cluster" in known:
            raise ValueError(
                f"{data.name} has a column 'cluster', which is what was found: rename it"
            )
        return {"cluster": self.clusters, **known}


def cluster(
    model: WVAE,
    data: Dataset,
    *,
    k: int | None = None,
    on: On = "rest",
    method: Literal["kmeans", "gmm"] = "kmeans",
    factors: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Clustering:
    """Cluster z_rest, and score the clusters by the label and by the factors, where they are known.

    Parameters
    ----------
    model, data
        Fitted, and examples like those it was trained on.
    k
        Number of clusters; None: `wvae.evaluation.n_clusters.choose_k` chooses.
    on
        What is clustered: ``"rest"``, for contrast ``"label"``, or ``"pixels"``, the examples themselves.
    method
        ``"kmeans"`` or ``"gmm"``.
    factors
        What to score by besides the label; None: all that name categories.
    seed
        Of everything.
    progress
        Who shows progress.

    Raises
    ------
    ValueError
        If k or a factor cannot be used.

    Examples
    --------
    >>> from wvae.datasets import load
    >>> data = load("digits8x8")
    >>> model = WVAE(epochs=1, width=16, alignment="none", finetune_epochs=0).fit(data.x, data.y)
    >>> found = cluster(model, data, k=10, on="pixels")
    >>> found.clusters.shape, found.scores["digit"]["ami"] > 0.6 > found.chance["digit"]["ami"]
    ((1797,), True)
    """
    truths = ({data.label_name: data.y} if len(data.classes) > 1 else {}) | _categories(
        data, factors
    )
    progress = progress or Silent()
    if k is not None and not 2 <= k <= len(data) // 2:
        raise ValueError(
            f"k is {k}, expected 2 to {len(data) // 2}, half of the rows of {data.name}"
        )
    z = _points(model, data, on, progress)
    selection = None
    if k is None:
        with progress.task("choosing the number of clusters", 100) as advance:
            selection = choose_k(
                z,
                method=METHODS[method],
                seed=seed,
                on_step=lambda done, all_: advance(100 * done // all_),
            )
        k = selection.k
    with progress.task(f"{k} clusters", 2) as advance:
        clusters = METHODS[method](z, k, seed=seed)
        advance(1)
        stable = stability(z, k, method=METHODS[method], seed=seed)
    chance = random_assignment(len(z), k, seed)
    return Clustering(
        clusters,
        k,
        stable,
        selection,
        {name: _agreement(clusters, truth) for name, truth in truths.items()},
        {name: _agreement(chance, truth) for name, truth in truths.items()},
    )


def in_words(found: Clustering, on: On, method: str) -> str:
    """Return one sentence on how many clusters there are, how large and how stable."""
    sizes = np.bincount(found.clusters, minlength=found.k)
    what = {"rest": "z_rest", "label": "z_label", "pixels": "the data themselves"}[on]
    by = {"kmeans": "K-Means", "gmm": "Gaussians"}[method]
    told = (
        f"{found.k} clusters of {what} by {by}, of {sizes.min():,} to {sizes.max():,} rows, stability "
        f"{found.stability:.2f} (1: any part of the rows gives the same, 0: chance)"
    )
    if found.selection is not None and not found.selection.has_structure:
        return f"no clusters: no number of them is both stable and clearer than in data without any. Cut anyway: {told}"
    return told


def _points(model: WVAE, data: Dataset, on: On, progress: Progress) -> Array:
    if on == "pixels":
        return data.x
    parts: list[Array] = []
    with progress.task(f"encoding {data.name}", len(data)) as advance:
        for rows in batches(len(data), ROWS):
            parts.append(model.encode(data.x[rows])[on == "rest"])
            advance(rows.stop)
    return np.concatenate(parts)


def _agreement(clusters: Array, truth: Array) -> dict[str, float]:
    """Return how well clusters agree with what is known, on the rows where it is."""
    known = is_labelled(truth)
    return agreement(clusters[known], np.array(truth[known].tolist()))


def _categories(data: Dataset, factors: Sequence[str] | None) -> dict[str, Array]:
    """Return the factors that clusters can be compared with."""
    for factor in factors or ():
        if factor not in data.factors:
            raise ValueError(
                f"{data.name} does not know the factor {factor!r}{did_you_mean(factor, [*data.factors])} "
                f"(its factors: {', '.join(data.factors) or 'none at all'})"
            )
        if not is_category(data.factors[factor]):
            raise ValueError(
                f"the factor {factor} is continuous, expected one of categories: cut it into bins"
            )
    named = data.factors if factors is None else factors
    columns = {
        factor: data.factors[factor] for factor in named if is_category(data.factors[factor])
    }
    return {
        factor: v
        for factor, v in columns.items()
        if factors is not None or 1 < len(np.unique(v)) < len(v)
    }
