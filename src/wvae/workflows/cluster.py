"""Clusters of a model's codes: their number, their stability, their agreement with factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..datasets import Dataset
from ..datasets.dataset import Array, is_labelled
from ..datasets.messages import did_you_mean
from ..estimator import WVAE
from ..evaluation.clustering import agreement, check_distinct, gmm, kmeans, random_assignment
from ..evaluation.n_clusters import KSelection, Method, choose_k, stability
from ..validation.quoting import quoted
from .baselines import MAX_ROWS, baseline_points
from .encode import encode_rows
from .inputs import is_categorical, metadata_columns
from .progress import Progress, Silent

Source = Literal["rest", "label", "pixels"]
SOURCES: dict[Source, str] = {"rest": "z_rest", "label": "z_label", "pixels": "the data"}
METHODS: dict[str, Method] = {"kmeans": kmeans, "gmm": gmm}
Scores = dict[str, dict[str, float]]  # purity, ARI and AMI by factor


@dataclass(frozen=True)
class Clustering:
    """The result of `cluster`.

    Attributes
    ----------
    clusters
        Cluster of each row, (n,).
    k
        Number of clusters.
    stability
        Agreement between the clusters of different parts of the rows: 1 is the same, 0 is chance.
    selection
        How k was chosen, or None if it was given.
    scores
        Purity, ARI and AMI by factor.
    chance
        The same scores of a random assignment to k clusters.
    baselines
        The same scores of clusters without a network, by the name of the baseline (see
        `wvae.workflows.baselines.baseline_points`), at the same k and with the same seed. Of more
        than 5,000 rows they use a random 5,000. Empty unless z_rest was clustered.
    """

    clusters: Array
    k: int
    stability: float
    selection: KSelection | None
    scores: Scores
    chance: Scores
    baselines: dict[str, Scores] = field(default_factory=dict)

    def columns(self, data: Dataset) -> dict[str, Array]:
        """Return ``cluster`` and the metadata of each example, as columns of (n,).

        Raises
        ------
        ValueError
            If the data have a column of that name.
        """
        metadata = metadata_columns(data)
        if "cluster" in metadata:
            raise ValueError(
                f"{data.name} has a column 'cluster', the name of the column of the result: "
                "rename it"
            )
        return {"cluster": self.clusters, **metadata}


def cluster(
    model: WVAE,
    data: Dataset,
    *,
    k: int | None = None,
    on: Source = "rest",
    method: Literal["kmeans", "gmm"] = "kmeans",
    factors: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Clustering:
    """Cluster z_rest, and score the clusters by the label and the categorical factors.

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data.
    k
        Number of clusters; None lets `wvae.evaluation.n_clusters.choose_k` choose it.
    on
        What is clustered: ``"rest"``, for contrast ``"label"``, or ``"pixels"``, the examples.
    method
        ``"kmeans"`` or ``"gmm"``, a Gaussian mixture.
    factors
        Factors to score by, besides the label; None is all categorical factors.
    seed
        Seed of the clusters and of the random assignment.
    progress
        Shows the progress.

    Raises
    ------
    ValueError
        If k is out of range, fewer rows than k differ, or a factor cannot be used.

    Examples
    --------
    >>> from wvae.datasets import load
    >>> data = load("digits8x8")
    >>> model = WVAE(epochs=1, width=16, alignment="none", finetune_epochs=0).fit(data.x, data.y)
    >>> clustering = cluster(model, data, k=10, on="pixels")
    >>> clustering.clusters.shape
    (1797,)
    >>> clustering.scores["digit"]["ami"] > 0.6 > clustering.chance["digit"]["ami"]
    True
    """
    targets = scored_targets(data, factors)
    progress = progress or Silent()
    if k is not None and not 2 <= k <= len(data) // 2:
        raise ValueError(
            f"k is {k}, expected 2 to {len(data) // 2}, half of the rows of {data.name}"
        )
    if on == "pixels":
        points = data.x
    else:
        z_label, z_rest = encode_rows(model, data, progress)
        points = z_rest if on == "rest" else z_label
    rows = "rows" if on == "pixels" else f"rows of {SOURCES[on]}"
    check_distinct(points, k, f"{rows} of {data.name}")
    selection = None
    if k is None:
        selection = _choose_k(points, METHODS[method], seed, progress)
        k = selection.k
    with progress.task(f"computing {k} clusters", 2) as advance:
        clusters = METHODS[method](points, k, seed=seed)
        advance(1)
        stable = stability(points, k, method=METHODS[method], seed=seed)
        advance(2)
    guess = random_assignment(len(points), k, seed)
    scores, chance = agreement_scores(clusters, targets), agreement_scores(guess, targets)
    baselines: dict[str, Scores] = {}
    if on == "rest" and targets:
        tried = {"k": k, "method": METHODS[method], "seed": seed, "progress": progress}
        baselines = baseline_scores(model, data, targets, **tried)
    return Clustering(clusters, k, stable, selection, scores, chance, baselines)


def describe(clustering: Clustering, on: Source, method: str) -> str:
    """Return a sentence on the number, the sizes and the stability of clusters.

    Parameters
    ----------
    clustering
        What `cluster` returned.
    on, method
        What was clustered, and how.
    """
    sizes = np.bincount(clustering.clusters, minlength=clustering.k)
    source, n_filled = SOURCES[on], int((sizes > 0).sum())
    algorithm = {"kmeans": "K-Means", "gmm": "a Gaussian mixture"}[method]
    if n_filled == 1:
        return (
            f"no clusters: all {len(clustering.clusters):,} rows are in one of {clustering.k} "
            f"clusters of {source} by {algorithm}"
        )
    if n_filled < clustering.k:
        sizes = sizes[sizes > 0]
        return (
            f"only {n_filled} of {clustering.k} clusters of {source} by {algorithm} have rows, "
            f"{sizes.min():,} to {sizes.max():,} each: take a smaller k"
        )
    sentence = (
        f"{clustering.k} clusters of {source} by {algorithm}, {sizes.min():,} to {sizes.max():,} "
        f"rows each, stability {clustering.stability:.2f} (1: the same in every part of the rows, "
        "0: chance)"
    )
    if clustering.selection is not None and not clustering.selection.has_structure:
        return (
            "no clear clusters: no number of clusters is both stable and clearer than in data "
            f"without clusters. The nearest candidate: {sentence}"
        )
    return sentence


def _choose_k(points: Array, method: Method, seed: int, progress: Progress) -> KSelection:
    """Choose the number of clusters, and show the progress in per cent."""
    with progress.task("choosing the number of clusters", 100) as advance:

        def show(done: int, total: int) -> None:
            advance(100 * done // total)

        return choose_k(points, method=method, seed=seed, on_step=show)


def baseline_scores(
    model: WVAE,
    data: Dataset,
    targets: Mapping[str, Array],
    *,
    k: int,
    method: Method,
    seed: int,
    progress: Progress,
) -> dict[str, Scores]:
    """Cluster each baseline of z_rest on at most 5,000 rows, and score the clusters.

    Parameters
    ----------
    model, data, k, method, seed, progress
        As in `cluster`.
    targets
        What `scored_targets` returned.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(data))[:MAX_ROWS])
    k = min(k, len(rows))
    targets = {name: target[rows] for name, target in targets.items()}
    scores: dict[str, Scores] = {}
    with progress.task("clustering the baselines", 2) as advance:
        baselines = baseline_points(model, data.x[rows])
        for done, (name, points) in enumerate(baselines.items(), 1):
            scores[name] = agreement_scores(method(points, k, seed=seed), targets)
            advance(done)
        advance(2)
    return scores


def agreement_scores(clusters: Array, targets: Mapping[str, Array]) -> Scores:
    """Return the agreement of clusters with each target, on the rows where it is known.

    Parameters
    ----------
    clusters
        Cluster of each row, (n,).
    targets
        Label and factors by name, (n,) each.
    """
    scores: Scores = {}
    for name, target in targets.items():
        known = is_labelled(target)
        scores[name] = agreement(clusters[known], np.array(target[known].tolist()))
    return scores


def scored_targets(data: Dataset, factors: Sequence[str] | None) -> dict[str, Array]:
    """Return what clusters are scored by: the label and the categorical factors, by name.

    Parameters
    ----------
    data
        The data; a label of a single class is left out.
    factors
        Names of factors, or None for all that are categorical and neither constants nor ids.

    Raises
    ------
    ValueError
        If a named factor cannot be used.
    """
    targets = {data.label_name: data.y} if len(data.classes) > 1 else {}
    return targets | _categorical_factors(data, factors)


def _categorical_factors(data: Dataset, factors: Sequence[str] | None) -> dict[str, Array]:
    """Return the named factors, or all that are categorical and neither constants nor ids."""
    columns: dict[str, Array] = {}
    if factors is None:
        for name, values in data.factors.items():
            known = np.array(values[is_labelled(values)].tolist())
            if is_categorical(known) and 1 < len(np.unique(known)) < len(known):
                columns[name] = values
        return columns
    for name in factors:
        if name not in data.factors:
            raise ValueError(
                f"{data.name} has no factor {quoted(name)}{did_you_mean(name, [*data.factors])} "
                f"(its factors: {', '.join(data.factors) or 'none'})"
            )
        if not is_categorical(data.factors[name]):
            raise ValueError(
                f"the factor {name} is continuous, expected a categorical one: cut it into bins"
            )
        columns[name] = data.factors[name]
    return columns
