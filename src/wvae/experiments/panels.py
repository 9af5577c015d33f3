"""The report's panels on one model: what fresh probes read from z_rest, and what swapped images look like."""

from __future__ import annotations

import numpy as np

from ..datasets import Dataset
from ..estimator import WVAE
from ..reporting import figures
from ..workflows.fit import held_out
from ..workflows.measure import KINDS, measure
from ..workflows.run_folder import Run


def measure_in_run(run: Run, name: str, data: Dataset, seed: int) -> dict[str, float]:
    """Measure the model folder ``<run>/<name>`` quickly, draw both panels of the report, return ``{name}.measure.…``.

    Parameters
    ----------
    run
        The run; this is a stage of it.
    name
        ``"plane"`` or ``"writers"``.
    data
        What the model was made from, with the split that it was made with.
    seed
        Of everything.
    """

    def work() -> dict[str, float]:
        model = WVAE.load(run.folder / name)
        found = measure(model, data, seed=seed, progress=run.progress, quick=True)
        run.save_figure(f"{name}-leakage", leakage_figure(found, data.label_name))
        run.save_figure(f"{name}-swap", swap_figure(model, data.subset(held_out(data, seed)), seed))
        return {f"{name}.measure.{key}": value for key, value in found.items()}

    return run.stage(f"{name}-measure", work)


def leakage_figure(found: dict[str, float], label: str = "label") -> figures.Figure:
    """Draw the probes of the mean code (of `measure`) beside chance and the positive control."""
    probes = {
        kind: found[f"leakage.mean.{kind}"] for kind in KINDS if f"leakage.mean.{kind}" in found
    }
    chance = {"majority": found["leakage.mean.majority"], "null": found["leakage.mean.null"]}
    interval = found["leakage.mean.low"], found["leakage.mean.high"]
    return figures.leakage(
        probes, control=found["leakage.positive_control"], interval=interval, label=label, **chance
    )


def swap_figure(model: WVAE, test: Dataset, seed: int, n: int = 8) -> figures.Figure:
    """Draw n images, each giving z_rest, against one image of every label (10 at most), each giving z_label."""
    rng = np.random.default_rng(seed)
    givers = [rng.choice(np.flatnonzero(test.y == label)) for label in test.classes[:10]]
    keepers = rng.permutation(len(test))[:n]
    (labels, _), (_, rests) = model.encode(test.x[givers]), model.encode(test.x[keepers])
    rows, columns = (
        axis.ravel()
        for axis in np.meshgrid(np.arange(len(keepers)), np.arange(len(givers)), indexing="ij")
    )
    images = model.decode(labels[columns], rests[rows]).reshape(
        len(keepers), len(givers), *test.shape
    )
    white = 255 if test.x.dtype == np.uint8 else 1
    return figures.swapped(
        test.x[givers] / white, test.x[keepers] / white, images, sound=test.kind == "audio"
    )
