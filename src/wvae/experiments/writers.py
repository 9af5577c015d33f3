"""Experiment II: do the clusters of z_rest match the writers? Repeated in independent trials."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..config import Config
from ..datasets import Dataset
from ..evaluation.baselines import FEATURES, RELATIVE
from ..evaluation.clustering import agreement, gmm, kmeans, random_assignment
from ..evaluation.supervised import train_cnn
from ..workflows.baselines import baseline_points
from ..workflows.fit import fit_in_run
from ..workflows.run_folder import Run
from .panels import measure_in_run
from .writers_figures import MAX_POINTS, save_scores, write_codes_and_figures

Array = np.ndarray
N_WRITERS, MIN_IMAGES, MAX_IMAGES, TEST_SHARE = 100, 60, 97, 0.106
CEILING_EPOCHS = 12
SCORES = ("purity", "ari", "ami")
SPACES = ("raw", RELATIVE, FEATURES, "z_rest", "z_label")
METHODS = {"kmeans": kmeans, "gmm": gmm}
ROWS = (
    "raw.kmeans",
    "raw.gmm",
    f"{RELATIVE}.kmeans",
    f"{RELATIVE}.gmm",
    f"{FEATURES}.kmeans",
    f"{FEATURES}.gmm",
    "z_rest.kmeans",
    "z_rest.gmm",
    "z_label.kmeans",
    "z_label.gmm",
    "random",
    "ceiling",
)


@dataclass(frozen=True)
class Trial:
    """A random choice of writers with enough images, and a split of their images.

    Attributes
    ----------
    train, test
        Rows of the data, (n,).
    n_writers
        Number of chosen writers.
    n_eligible
        Number of writers with enough images.
    """

    train: Array
    test: Array
    n_writers: int
    n_eligible: int

    def dataset(self, data: Dataset) -> Dataset:
        """Return the rows of the trial with its split."""
        rows = np.concatenate([self.train, self.test])
        split = np.repeat(["train", "test"], [len(self.train), len(self.test)])
        return replace(data.subset(rows), split=split)


def make_trial(writer: Array, seed: int) -> Trial:
    """Choose 100 writers uniformly among those with at least 60 images, and split their images.

    At most 97 images of each writer are used, 10.6 % of them for test. If there are fewer than 100
    such writers, all are used.

    Parameters
    ----------
    writer
        Writer of each image, (n,).
    seed
        Seed of the trial.

    Raises
    ------
    ValueError
        If fewer than two writers have enough images.

    Examples
    --------
    >>> trial = make_trial(np.repeat(np.arange(120), 80), seed=0)
    >>> trial.n_writers, len(trial.train), len(trial.test)
    (100, 7200, 800)
    """
    names, counts = np.unique(writer, return_counts=True)
    eligible = names[counts >= MIN_IMAGES]
    if len(eligible) < 2:
        raise ValueError(
            f"{len(eligible)} of {len(names)} writers have at least {MIN_IMAGES} images, "
            "expected two or more"
        )
    rng = np.random.default_rng(seed)
    chosen = rng.choice(eligible, min(N_WRITERS, len(eligible)), replace=False)
    train, test = [], []
    for name in chosen:
        rows = rng.permutation(np.flatnonzero(writer == name))[:MAX_IMAGES]
        n_test = round(TEST_SHARE * len(rows))
        test.append(rows[:n_test])
        train.append(rows[n_test:])
    return Trial(np.concatenate(train), np.concatenate(test), len(chosen), len(eligible))


def check_writers(data: Dataset, factor: str = "writer") -> None:
    """Raise a ValueError unless the data have that factor and enough images of two writers."""
    if factor not in data.factors:
        raise ValueError(
            f"{data.name} has no factor {factor!r} "
            f"(its factors: {', '.join(data.factors) or 'none'}): use other data"
        )
    make_trial(data.factors[factor], seed=0)


def run(
    data: Dataset, config: Config, run: Run, trials: int = 10, factor: str = "writer"
) -> dict[str, Any]:
    """Repeat the experiment in independent trials, and return the metrics ``writers.…``.

    Parameters
    ----------
    data
        Images with their writers, which only the evaluation uses.
    config
        Hyper-parameters; trial i has the seed ``random_state + i``.
    run
        The run; ``writers/`` becomes the model folder of the first trial, which is also measured.
    trials
        Number of trials.
    factor
        Name of the hidden factor.

    Raises
    ------
    ValueError
        If the data do not have that factor, or too few images.
    """
    check_writers(data, factor)
    first_seed = config.random_state
    results: list[dict[str, Any]] = []
    for seed in range(first_seed, first_seed + trials):

        def compute(seed: int = seed) -> dict[str, Any]:
            return _run_trial(data, config, run, seed, factor, keep=seed == first_seed)

        results.append(run.stage(f"trial-{seed}", compute))
    save_scores(run, {row: [r[f"{row}.ami"] for r in results] for row in _present(results)})
    first = make_trial(data.factors[factor], first_seed).dataset(data)
    metrics = {"writers.trials": trials, **_summary(results)}
    metrics["writers.map.examples"] = min(MAX_POINTS, results[0]["test.examples"])
    return metrics | measure_in_run(run, "writers", first, first_seed)


def _run_trial(
    data: Dataset, config: Config, run: Run, seed: int, factor: str, *, keep: bool
) -> dict[str, Any]:
    """Run one trial; with `keep`, write its model, codes and figures."""
    trial = make_trial(data.factors[factor], seed)
    train, test = data.subset(trial.train), data.subset(trial.test)
    writer = test.factors[factor]
    name = "writers" if keep else f"writers-{seed}"
    config = replace(config, random_state=seed)
    model = fit_in_run(run, name, config, train, test if keep else None, keep=keep)
    codes = model.encode(test.x)
    result: dict[str, Any] = {
        "writers": trial.n_writers,
        "eligible": trial.n_eligible,
        "test.examples": len(test),
    }
    points = {"raw": test.x, "z_label": codes[0], "z_rest": codes[1]}
    points |= baseline_points(model, test.x)
    result |= _cluster_scores(run, name, points, test.y, writer, trial.n_writers, seed)
    guess = random_assignment(len(test), trial.n_writers, seed=seed)
    result |= _prefixed("random", agreement(guess, writer))
    result |= _ceiling_scores(run, name, train, test, factor, seed)
    with run.progress.task(f"evaluating {name}", 1) as advance:
        result |= _prefixed("test", model.evaluate(test.x, test.y))
        advance(1)
    if keep:
        write_codes_and_figures(trial.dataset(data), model, run, factor)
    return result


def _cluster_scores(
    run: Run,
    name: str,
    points: dict[str, Array],
    y: Array,
    writer: Array,
    n_writers: int,
    seed: int,
) -> dict[str, float]:
    """Cluster pixels, baselines and codes, and score the clusters by writer and label."""
    scores: dict[str, float] = {}
    done, total = 0, len(points) * len(METHODS)
    with run.progress.task(f"clustering {name}", total) as advance:
        for space in points:
            for method, compute_clusters in METHODS.items():
                clusters = compute_clusters(points[space], n_writers, seed=seed)
                row = f"{space}.{method}"
                scores |= _prefixed(row, agreement(clusters, writer))
                scores[f"{row}.label_ami"] = agreement(clusters, y)["ami"]
                done += 1
                advance(done)
    return scores


def _ceiling_scores(
    run: Run, name: str, train: Dataset, test: Dataset, factor: str, seed: int
) -> dict[str, float]:
    """Return the scores of a classifier that is trained on the writers."""
    writer = test.factors[factor]
    with run.progress.task(f"ceiling {name}", CEILING_EPOCHS) as advance:
        ceiling = train_cnn(
            train.x, train.factors[factor], epochs=CEILING_EPOCHS, seed=seed, on_epoch=advance
        )
    predicted = ceiling.predict(test.x)
    scores = _prefixed("ceiling", agreement(predicted, writer))
    scores["ceiling.accuracy"] = float((predicted == writer).mean())
    return scores


def _prefixed(prefix: str, scores: dict[str, float]) -> dict[str, float]:
    """Return the scores with a prefix to their names."""
    return {f"{prefix}.{name}": value for name, value in scores.items()}


def _summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and sd of every score over trials, and of differences.

    ``paired.…`` are differences to K-Means on raw pixels, ``above.{baseline}.…`` those of z_rest to
    a baseline without a network, by the same method. All are paired, within a trial. A single
    trial has the sd None.
    """
    summary: dict[str, Any] = {}
    for name in results[0]:
        summary |= _mean_sd(f"writers.{name}", [result[name] for result in results])
    rows = _present(results)
    for row in rows:
        if row == "raw.kmeans":
            continue
        for score in SCORES:
            differences = [r[f"{row}.{score}"] - r[f"raw.kmeans.{score}"] for r in results]
            summary |= _mean_sd(f"writers.paired.{row}.{score}", differences)
    for baseline in (RELATIVE, FEATURES):
        for method in METHODS:
            if f"{baseline}.{method}" not in rows:
                continue
            for score in SCORES:
                mine, other = f"z_rest.{method}.{score}", f"{baseline}.{method}.{score}"
                differences = [result[mine] - result[other] for result in results]
                summary |= _mean_sd(f"writers.above.{baseline}.{method}.{score}", differences)
    return summary


def _present(results: list[dict[str, Any]]) -> list[str]:
    """Return the rows of the table; a model may lack style features, or a predicted label."""
    return [row for row in ROWS if f"{row}.ami" in results[0]]


def _mean_sd(name: str, values: list[float]) -> dict[str, Any]:
    """Return the mean and the standard deviation of values under a name."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {f"{name}.mean": float(np.mean(values)), f"{name}.sd": sd}
