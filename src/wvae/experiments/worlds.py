"""Three worlds on one page: digits and their writers, speech and its speakers, objects and their backgrounds.

A world is a data set: the same few steps for each. Train with the label only, measure both codes, cluster z_rest and
compare with the hidden factor, and draw, or play, what swapping does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..config import Config
from ..datasets import Dataset
from ..estimator import WVAE
from ..evaluation.clustering import agreement, kmeans
from ..evaluation.embedding import tsne
from ..reporting import figures
from ..workflows.fit import code_columns, fit_in_run, held_out, write_columns
from ..workflows.measure import measure
from ..workflows.measured_rows import first_category
from ..workflows.run_folder import Progress, Run
from ..workflows.swap import write_example
from .panels import leakage_figure, swap_figure

WORLDS = ("handwriting", "fsdd", "scenes")
MAPPED = 3000  # test codes on a t-SNE map
PLAYED = 3  # sounds of each kind
READER_EPOCHS = 6


def reproduce_worlds(
    worlds: Sequence[Dataset],
    config: Config,
    out: str | Path,
    *,
    title: str = "",
    command: str = "",
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Path:
    """Train on each data set, measure and draw, into a folder that ends with ``report.html``, and return the folder.

    Parameters
    ----------
    worlds
        Data sets with at least one hidden category each; their own split is used, else a random tenth is held out.
    config
        Hyper-parameters; ``kind`` is each data set's own.
    out
        The folder to make. It grows beside that name; a broken run goes on when it is started again.
    title, command
        What the report calls the preset, and the command that repeats the run.
    progress
        Who shows progress.
    overwrite
        Whether `out` may be replaced.

    Raises
    ------
    ValueError
        If a data set has no hidden category, sounds do not say their rate, or two data sets have the same name.
    wvae.io.files.OutputExistsError
        If `out` is there already, or holds something else.
    RunError
        If ``<out>.partial`` is a run with other settings, or another process is making it.
    """
    from ..reporting.html import write_worlds
    from .reproduce import about, settings_of

    names = [data.name for data in worlds]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"worlds are {names}, expected one data set or more, each once")
    for data in worlds:
        if data.kind == "audio" and data.rate is None:
            raise ValueError(
                f"{data.name} does not say the samples per second of its sounds: give Dataset(rate=...)"
            )
    factors = {data.name: hidden_factor(data) for data in worlds}
    settings = settings_of("worlds", [about(data) for data in worlds], config, 1, title, command)
    run = Run(Path(out), settings, progress, overwrite=overwrite)
    with run.lock():
        for data in worlds:
            found = run.stage(
                data.name, lambda data=data: _world(data, config, run, factors[data.name])
            )
            run.metrics |= {f"{data.name}.{key}": value for key, value in found.items()}
        write_worlds(run.folder, run.settings, run.metrics, factors)
        return run.finish()


def hidden_factor(data: Dataset) -> str:
    """Return the first factor of the data that names categories, shared by many examples.

    Raises
    ------
    ValueError
        If there is none.
    """
    if (name := first_category(data)) is not None:
        return name
    known = ", ".join(data.factors) or "none at all"
    raise ValueError(
        f"{data.name} has no hidden category to look for (its factors: {known}): take other data"
    )


def _world(data: Dataset, config: Config, run: Run, factor: str) -> dict[str, float]:
    config = replace(config, kind=data.kind)
    is_test = held_out(data, config.random_state)
    train, test = data.subset(~is_test), data.subset(is_test)
    model = fit_in_run(run, data.name, config, train, test)
    seed = config.random_state
    found = measure(
        model, data, factors=[factor], seed=seed, progress=run.progress, reader_epochs=READER_EPOCHS
    )
    codes = model.encode(data.x)
    write_columns(run.folder / data.name / "codes.parquet", code_columns(codes, data))
    z_label, z_rest = (z[is_test] for z in codes)
    who = test.factors[factor]
    for name, z in {
        "raw": test.x.reshape(len(test), -1),
        "z_rest": z_rest,
        "z_label": z_label,
    }.items():
        clusters = kmeans(z, len(np.unique(who)), seed=seed)
        found |= {
            f"clusters.{name}.{score}": value for score, value in agreement(clusters, who).items()
        }
        found[f"clusters.{name}.label_ami"] = agreement(clusters, test.y)["ami"]
    found |= {"train.examples": len(train), "test.examples": len(test)}
    run.save_figure(f"{data.name}-leakage", leakage_figure(found, data.label_name))
    run.save_figure(f"{data.name}-swap", swap_figure(model, test, seed))
    some = np.sort(np.random.default_rng(seed).permutation(len(test))[:MAPPED])
    with run.progress.task(f"t-SNE of {data.name}", 750) as advance:
        maps = {"z_rest": tsne(z_rest[some], seed=seed, on_step=advance)}
    by = {"label": data.label_name, "factor": factor}
    run.save_figure(f"{data.name}-map", figures.embeddings(maps, test.y[some], who[some], **by))
    if data.kind == "audio":
        _play(run, model, test, factor, seed)
    return found


def _play(run: Run, model: WVAE, test: Dataset, factor: str, seed: int) -> None:
    """Write sounds: a recording, what the decoder makes of it, and its label with the factor, the voice say, of others.

    They are ``sounds/<data set>/<group>-<place>-<what it is>.wav``, a group for each recording.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(test.classes)[:PLAYED]
    voices = rng.permutation(np.unique(test.factors[factor]))[: PLAYED + 1]
    for group, label in enumerate(labels):
        said = [rng.choice(np.flatnonzero((test.y == label) & (test.factors[factor] == voices[0])))]
        heard = [
            rng.choice(np.flatnonzero((test.factors[factor] == voice) & (test.y != label)))
            for voice in voices[1:]
        ]
        word = test.x[said]
        sounds = {
            f"{test.label_name} {label}, {factor} {voices[0]}": word[0],
            "rebuilt": model.reconstruct(word)[0],
        }
        for voice, row in zip(voices[1:], heard, strict=True):
            sounds[f"with {factor} {voice}"] = model.swap(word, test.x[[row]])[0]
        for place, (name, mel) in enumerate(sounds.items()):
            file = run.folder / "sounds" / test.name / f"{group}-{place}-{name}.wav"
            write_example(file, mel, model, test.rate)
