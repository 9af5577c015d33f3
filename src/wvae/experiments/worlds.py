"""Several data sets on one page: digits and writers, speech and speakers, objects and backgrounds.

Each data set gets the same steps: train with the label only, measure both codes, cluster z_rest and
compare the clusters with the hidden factor, and show or play swapped examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..config import Config
from ..datasets import Dataset
from ..datasets.holdout import holdout_mask
from ..estimator import WVAE
from ..evaluation.clustering import agreement, kmeans
from ..workflows.encode import code_columns, encode_rows, write_columns
from ..workflows.fit import fit_in_run
from ..workflows.inputs import first_categorical_factor
from ..workflows.measure import measure
from ..workflows.progress import Progress
from ..workflows.run_folder import Run
from ..workflows.swap import write_example
from .new_categories import baseline_scores, is_new, style_sheet_figure
from .panels import MAX_POINTS, leakage_figure, save_maps, swap_figure

DATA_SETS = ("handwriting", "fsdd", "scenes")
N_SOUNDS = 3  # recordings to play, and other voices for each
JUDGE_EPOCHS = 6


def reproduce_worlds(
    data_sets: Sequence[Dataset],
    config: Config,
    out: str | Path,
    *,
    figure_formats: Sequence[str] = (),
    title: str = "",
    command: str = "",
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Path:
    """Train on each data set, measure and plot, into a folder with ``report.html``; return it.

    Parameters
    ----------
    data_sets
        Data sets with a hidden categorical factor each. Their split is used, else a random tenth of
        every class is held out.
    config
        Hyper-parameters; ``kind`` is replaced by that of each data set.
    out
        The folder to create. It grows beside that name, and an interrupted run that is started
        again is resumed.
    figure_formats
        ``"svg"``, ``"pdf"`` or both, in which figures are written besides the PNG of the report.
    title, command
        Name of the preset, and the command of this run, for the report.
    progress
        Shows the progress.
    overwrite
        Whether an existing run may be replaced.

    Raises
    ------
    ValueError
        If a data set has no hidden categorical factor, sounds have no sample rate, two data sets
        have the same name, or a format is unknown.
    wvae.io.files.OutputExistsError
        If `out` exists and may not be replaced.
    RunError
        If a partial run has other settings, or another process is writing to it.
    """
    from ..reporting.html import write_worlds
    from .reproduce import describe_data, format_settings, run_settings

    names = [data.name for data in data_sets]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"data sets are {names}, expected one or more, each once")
    for data in data_sets:
        if data.kind == "audio" and data.rate is None:
            raise ValueError(f"{data.name} has no sample rate of its sounds: set Dataset(rate=...)")
    factors = {data.name: hidden_factor(data) for data in data_sets}
    described = [describe_data(data) for data in data_sets]
    settings = run_settings("worlds", described, config, 1, title, command)
    settings |= format_settings(figure_formats)
    run = Run(Path(out), settings, progress, overwrite=overwrite)
    with run.lock():
        for data in data_sets:

            def compute(data: Dataset = data) -> dict[str, float]:
                return _run_data_set(data, config, run, factors[data.name])

            for key, value in run.stage(data.name, compute).items():
                run.metrics[f"{data.name}.{key}"] = value
        write_worlds(run.folder, run.settings, run.metrics, factors)
        return run.finish()


def hidden_factor(data: Dataset) -> str:
    """Return the first categorical factor whose categories have several examples.

    Parameters
    ----------
    data
        The data.

    Raises
    ------
    ValueError
        If there is none.
    """
    factor = first_categorical_factor(data)
    if factor is None:
        raise ValueError(
            f"{data.name} has no hidden categorical factor "
            f"(its factors: {', '.join(data.factors) or 'none'}): use other data"
        )
    return factor


def _run_data_set(data: Dataset, config: Config, run: Run, factor: str) -> dict[str, float]:
    """Train, measure, cluster and plot one data set, and return its metrics."""
    config, seed = replace(config, kind=data.kind), config.random_state
    is_test = holdout_mask(data, seed)
    train, test = data.subset(~is_test), data.subset(is_test)
    model = fit_in_run(run, data.name, config, train, test)
    metrics = measure(
        model, data, factors=[factor], seed=seed, progress=run.progress, judge_epochs=JUDGE_EPOCHS
    )
    codes = encode_rows(model, data, run.progress)
    write_columns(run.folder / data.name / "codes.parquet", code_columns(codes, data))
    z_label, z_rest = codes[0][is_test], codes[1][is_test]
    metrics |= _cluster_scores(run, test, z_label, z_rest, factor, seed)
    metrics |= {"train.examples": len(train), "test.examples": len(test)}
    if is_new(train, test, factor):
        metrics |= _new_categories(run, model, train, test, factor, seed)
    run.save_figure(f"{data.name}-leakage", leakage_figure(metrics, data.label_name))
    run.save_figure(f"{data.name}-swap", swap_figure(model, test, seed))
    save_maps(run, data.name, test, {"z_rest": z_rest}, factor, seed)
    metrics["map.examples"] = min(MAX_POINTS, len(test))
    if data.kind == "audio":
        _write_sounds(run, model, test, factor, seed)
    return metrics


def _new_categories(
    run: Run, model: WVAE, train: Dataset, test: Dataset, factor: str, seed: int
) -> dict[str, float]:
    """Score baselines for categories that training has not seen, and plot every label in them."""
    with run.progress.task(f"baselines of {test.name}", 1) as advance:
        metrics = baseline_scores(train, test, factor, model.config_.d_rest, seed)
        advance(1)
    if test.kind == "image" and len(test.shape) == 2:
        sheet = style_sheet_figure(model, train, test, factor, seed)
        run.save_figure(f"{test.name}-sheet", sheet)
    return metrics


def _cluster_scores(
    run: Run, test: Dataset, z_label: np.ndarray, z_rest: np.ndarray, factor: str, seed: int
) -> dict[str, float]:
    """Cluster examples and codes, and score the clusters by the hidden factor and the label."""
    points = {"raw": test.x.reshape(len(test), -1), "z_rest": z_rest, "z_label": z_label}
    target = test.factors[factor]
    k = len(np.unique(target))
    metrics: dict[str, float] = {}
    with run.progress.task(f"clustering {test.name}", len(points)) as advance:
        for done, (name, z) in enumerate(points.items(), 1):
            clusters = kmeans(z, k, seed=seed)
            for score, value in agreement(clusters, target).items():
                metrics[f"clusters.{name}.{score}"] = value
            metrics[f"clusters.{name}.label_ami"] = agreement(clusters, test.y)["ami"]
            advance(done)
    return metrics


def _write_sounds(run: Run, model: WVAE, test: Dataset, factor: str, seed: int) -> None:
    """Write recordings, their reconstructions, and their labels with the factor of others.

    The files are ``sounds/<data set>/<group>-<place>-<description>.wav``, one group for each
    recording. The factor is the voice, for example.
    """
    rng = np.random.default_rng(seed)
    values = test.factors[factor]
    labels = rng.permutation(test.classes)[:N_SOUNDS]
    voices = rng.permutation(np.unique(values))[: N_SOUNDS + 1]
    for group, label in enumerate(labels):
        recording = rng.choice(np.flatnonzero((test.y == label) & (values == voices[0])))
        x = test.x[[recording]]
        sounds = {f"{test.label_name} {label}, {factor} {voices[0]}": x[0]}
        sounds["rebuilt"] = model.reconstruct(x)[0]
        for voice in voices[1:]:
            other = rng.choice(np.flatnonzero((values == voice) & (test.y != label)))
            sounds[f"with {factor} {voice}"] = model.swap(x, test.x[[other]])[0]
        for place, (name, mel) in enumerate(sounds.items()):
            file = run.folder / "sounds" / test.name / f"{group}-{place}-{name}.wav"
            write_example(file, mel, model, test.rate)
