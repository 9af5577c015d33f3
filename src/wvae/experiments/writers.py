"""Experiment II: are the clusters of z_rest the writers? A hundred of them, drawn again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..config import Config
from ..datasets import Dataset
from ..estimator import WVAE
from ..evaluation.clustering import agreement, gmm, kmeans, random_assignment
from ..evaluation.embedding import tsne
from ..evaluation.supervised import train_cnn
from ..reporting import figures
from ..workflows.fit import code_columns, fit_in_run, write_columns
from ..workflows.run_folder import Run
from .panels import measure_in_run

Array = np.ndarray
WRITERS, LEAST, MOST, TEST_SHARE = 100, 60, 97, 0.106
CEILING_EPOCHS = 12
SHOWN = 5000  # points of a t-SNE map: more take minutes and only cover each other
SCORES = ("purity", "ari", "ami")
ROWS = (
    "raw.kmeans",
    "raw.gmm",
    "z_rest.kmeans",
    "z_rest.gmm",
    "z_label.kmeans",
    "z_label.gmm",
    "random",
    "ceiling",
)


@dataclass(frozen=True)
class Draw:
    """One random choice of writers, out of those with enough images, and of a split into rows for training and test."""

    train: Array
    test: Array
    writers: int
    eligible: int


def draw(factor: Array, seed: int) -> Draw:
    """Choose 100 writers uniformly among those with at least 60 images, and split each one's images.

    At most 97 images of each are taken, 10.6 % of them for test. Where there are fewer than 100 such writers, all
    are taken.

    Parameters
    ----------
    factor
        Writer of each image, (n,).
    seed
        Of the draw.

    Raises
    ------
    ValueError
        If fewer than two writers have enough images.

    Examples
    --------
    >>> chosen = draw(np.repeat(np.arange(120), 80), seed=0)
    >>> chosen.writers, len(chosen.train), len(chosen.test)
    (100, 7200, 800)
    """
    names, counts = np.unique(factor, return_counts=True)
    eligible = names[counts >= LEAST]
    if len(eligible) < 2:
        raise ValueError(
            f"{len(eligible)} of {len(names)} have at least {LEAST} images, expected two or more"
        )
    rng = np.random.default_rng(seed)
    chosen = rng.choice(eligible, min(WRITERS, len(eligible)), replace=False)
    train, test = [], []
    for name in chosen:
        rows = rng.permutation(np.flatnonzero(factor == name))[:MOST]
        held_out = round(TEST_SHARE * len(rows))
        test.append(rows[:held_out])
        train.append(rows[held_out:])
    return Draw(np.concatenate(train), np.concatenate(test), len(chosen), len(eligible))


def check(data: Dataset, factor: str = "writer") -> None:
    """Raise a ValueError if the experiment cannot be done with these data."""
    if factor not in data.factors:
        known = ", ".join(data.factors) or "none at all"
        raise ValueError(
            f"{data.name} does not know the {factor} of an image (its factors: {known}): take other data"
        )
    draw(data.factors[factor], seed=0)


def run(
    data: Dataset, config: Config, run: Run, draws: int = 10, factor: str = "writer"
) -> dict[str, Any]:
    """Repeat the experiment over draws and return the metrics ``writers.…``.

    Parameters
    ----------
    data
        Images whose writers are known to evaluation.
    config
        Hyper-parameters; draw i trains with seed ``random_state + i``.
    run
        Folder to write into: ``writers/`` becomes the model folder of the first draw, which is also measured.
    draws
        How often.
    factor
        Name of the hidden factor.

    Raises
    ------
    ValueError
        If the data do not know that factor, or too little of it.
    """
    check(data, factor)
    seeds = [config.random_state + i for i in range(draws)]
    results = [
        run.stage(
            f"draw-{seed}",
            lambda seed=seed: _one(data, config, run, seed, factor, keep=seed == seeds[0]),
        )
        for seed in seeds
    ]
    rows = {
        row: {score: [r[f"{row}.{score}"] for r in results] for score in SCORES} for row in ROWS
    }
    run.save_figure(
        "writers-scores", figures.scores({_title(row): values for row, values in rows.items()})
    )
    first = _both(data, draw(data.factors[factor], seeds[0]))
    return {
        "writers.draws": draws,
        **_summary(results),
        **measure_in_run(run, "writers", first, seeds[0]),
    }


def _one(
    data: Dataset, config: Config, run: Run, seed: int, factor: str, *, keep: bool
) -> dict[str, Any]:
    """Do one draw; `keep` writes its model, codes and figures."""
    chosen = draw(data.factors[factor], seed)
    train, test = data.subset(chosen.train), data.subset(chosen.test)
    name = "writers" if keep else f"writers-{seed}"
    model = fit_in_run(
        run, name, replace(config, random_state=seed), train, test if keep else None, keep=keep
    )
    z_label, z_rest = model.encode(test.x)
    spaces = {"raw": test.x, "z_rest": z_rest, "z_label": z_label}
    result: dict[str, Any] = {
        "writers": chosen.writers,
        "eligible": chosen.eligible,
        "test.examples": len(test),
    }
    truth, steps = test.factors[factor], 2 * len(spaces)
    with run.progress.task(f"clustering {name}", steps) as advance:
        for step, (space, method) in enumerate((s, m) for s in spaces for m in (kmeans, gmm)):
            clusters = method(spaces[space], chosen.writers, seed=seed)
            row = f"{space}.{method.__name__}"
            result |= {
                f"{row}.{score}": value for score, value in agreement(clusters, truth).items()
            }
            result[f"{row}.label_ami"] = agreement(clusters, test.y)["ami"]
            advance(step + 1)
    guess = random_assignment(len(test), chosen.writers, seed=seed)
    result |= {f"random.{score}": value for score, value in agreement(guess, truth).items()}
    with run.progress.task(f"ceiling {name}", CEILING_EPOCHS) as advance:
        ceiling = train_cnn(
            train.x, train.factors[factor], epochs=CEILING_EPOCHS, seed=seed, on_epoch=advance
        )
    named = ceiling.predict(test.x)
    result |= {f"ceiling.{score}": value for score, value in agreement(named, truth).items()}
    result["ceiling.accuracy"] = float((named == truth).mean())
    result |= {f"test.{term}": value for term, value in model.evaluate(test.x, test.y).items()}
    if keep:
        of_train = model.encode(train.x)
        codes = np.concatenate([of_train[0], z_label]), np.concatenate([of_train[1], z_rest])
        _draw_figures(data, chosen, model, codes, run, factor)
    return result


def _both(data: Dataset, chosen: Draw) -> Dataset:
    """Return the rows of a draw with its split."""
    rows = np.concatenate([chosen.train, chosen.test])
    split = np.repeat(["train", "test"], [len(chosen.train), len(chosen.test)])
    return replace(data.subset(rows), split=split)


def _draw_figures(
    data: Dataset, chosen: Draw, model: WVAE, codes: tuple[Array, Array], run: Run, factor: str
) -> None:
    both, test = _both(data, chosen), data.subset(chosen.test)
    write_columns(run.folder / "writers" / "codes.parquet", code_columns(codes, both))
    maps, rng = {}, np.random.default_rng(model.config_.random_state)
    rows = np.sort(rng.permutation(len(both))[:SHOWN])
    shown = both.subset(rows)
    for name, z in zip(("z_label", "z_rest"), codes, strict=True):
        with run.progress.task(f"t-SNE of {name}", 750) as advance:
            maps[name] = tsne(z[rows], seed=model.config_.random_state, on_step=advance)
    by = {"label": data.label_name, "factor": factor}
    run.save_figure("writers-tsne", figures.embeddings(maps, shown.y, shown.factors[factor], **by))
    run.save_figure("writers-losses", figures.losses(model.history_))
    run.save_figure("writers-rewritten", _rewritten(model, test, test.factors[factor]))


def _rewritten(model: WVAE, test: Dataset, truth: Array, n: int = 8) -> figures.Figure:
    """One image each of n writers, and every label written in its style."""
    rng = np.random.default_rng(model.config_.random_state)
    people = rng.choice(np.unique(truth), min(n, len(np.unique(truth))), replace=False)
    rows = np.array([rng.choice(np.flatnonzero(truth == person)) for person in people])
    sources = test.x[rows]
    labels = model.classes_
    images = np.stack([model.rewrite(sources, np.full(len(rows), label)) for label in labels], 1)
    return figures.rewritten(
        sources / (255 if sources.dtype == np.uint8 else 1), images, labels.tolist()
    )


def _summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and sd (None for a single draw) of every figure, and the paired differences to raw K-Means."""
    summary: dict[str, Any] = {}
    for name in results[0]:
        summary |= _mean_sd(f"writers.{name}", [r[name] for r in results])
    for row in ROWS:
        for score in SCORES:
            differences = [r[f"{row}.{score}"] - r[f"raw.kmeans.{score}"] for r in results]
            if row != "raw.kmeans":
                summary |= _mean_sd(f"writers.paired.{row}.{score}", differences)
    return summary


def _mean_sd(name: str, values: list[float]) -> dict[str, Any]:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {f"{name}.mean": float(np.mean(values)), f"{name}.sd": sd}


def _title(row: str) -> str:
    words = {"raw": "raw pixels", "kmeans": "K-Means", "gmm": "GMM", "random": "random assignment"}
    words["ceiling"] = "with writer labels"
    return ", ".join(words.get(part, part) for part in row.split("."))
