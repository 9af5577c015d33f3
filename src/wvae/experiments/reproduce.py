"""The run of the article's experiments: checks, settings, stages and report."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from ..config import Config
from ..datasets import Dataset
from ..training.examples import Examples, check_examples
from ..validation import check_labels
from ..workflows.progress import Progress
from ..workflows.run_folder import Run, RunError

__all__ = ["RunError", "reproduce"]

Which = Literal["plane", "writers", "all"]
FORMATS = ("svg", "pdf")
LIBRARIES = ("wvae", "torch", "numpy", "scikit-learn", "openTSNE")


def reproduce(
    which: Which,
    data: Dataset,
    config: Config,
    out: str | Path,
    *,
    trials: int = 10,
    brief: bool = False,
    figure_formats: Sequence[str] = (),
    title: str = "",
    command: str = "",
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Path:
    """Run the article's experiments into a folder with ``report.html``, and return the folder.

    Parameters
    ----------
    which
        ``"plane"`` (Experiment I), ``"writers"`` (Experiment II) or ``"all"``.
    data
        Images (or, for the plane, sounds) with labels and, for Experiment II, writers.
    config
        Hyper-parameters; the plane replaces both dimensions by 1.
    out
        The folder to create. It grows beside that name, and an interrupted run that is started
        again is resumed.
    trials
        Number of trials of Experiment II, each with other writers, another split and seed.
    brief
        Whether Experiment I has fewer epochs over many examples: `wvae.experiments.plane.brief`.
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
        If the data do not fit the experiment, `trials` is not positive, or a format is unknown.
    wvae.io.files.OutputExistsError
        If `out` exists and may not be replaced.
    RunError
        If a partial run has other settings, or another process is writing to it.
    """
    from ..reporting.html import write_report
    from . import plane, writers

    _check_arguments(which, data, trials)
    described = describe_data(data)
    settings = run_settings(which, described, config, trials, title, command) | {"brief": brief}
    settings |= format_settings(figure_formats)
    run = Run(Path(out), settings, progress, overwrite=overwrite)
    with run.lock():
        started = time.monotonic()
        if which != "writers":
            plane_config = plane.brief(config, len(data)) if brief else config
            run.metrics |= plane.run(data, plane_config, run)
        if which != "plane":
            run.metrics |= writers.run(data, config, run, trials)
        run.metrics["seconds"] = time.monotonic() - started
        for kind, seconds in run.progress.seconds.items():
            run.metrics[f"{kind}.seconds"] = seconds
        write_report(run.folder, run.settings, run.metrics)
        return run.finish()


def format_settings(figure_formats: Sequence[str]) -> dict[str, list[str]]:
    """Return the setting ``figures`` of a run, or nothing if only PNG is wanted.

    Parameters
    ----------
    figure_formats
        Formats besides PNG.

    Raises
    ------
    ValueError
        If one is not in `FORMATS`.

    >>> format_settings(["pdf", "svg", "pdf"]), format_settings([])
    ({'figures': ['pdf', 'svg']}, {})
    """
    for name in figure_formats:
        if name not in FORMATS:
            raise ValueError(
                f"figure_formats holds {name!r}, expected {' or '.join(FORMATS)}: PNG is always "
                "written"
            )
    return {"figures": sorted(set(figure_formats))} if figure_formats else {}


def _check_arguments(which: str, data: Dataset, trials: int) -> None:
    """Raise an error if the experiment cannot be run on these data."""
    from . import writers

    if which not in ("plane", "writers", "all"):
        raise ValueError(f"experiment is {which!r}, expected plane, writers or all")
    if trials < 1:
        raise ValueError(f"trials is {trials}, expected at least 1")
    if data.kind == "table" or len(data.shape) not in (2, 3):
        raise ValueError(
            f"{data.name} holds {data.kind} data of shape {data.shape}, expected images or "
            "spectrograms"
        )
    if which != "plane" and (data.kind != "image" or len(data.shape) != 2):
        raise ValueError(
            f"{data.name} holds {data.kind} data of shape {data.shape}, and Experiment II expects "
            "grey images, (height, width): use wvae reproduce plane, or worlds"
        )
    check_examples(data.x)
    check_labels(data.y, len(data))
    if which != "plane":
        writers.check_writers(data)


def describe_data(data: Dataset) -> dict[str, Any]:
    """Return the description of data in the settings of a run.

    Parameters
    ----------
    data
        The data. Their examples are read for the fingerprint.

    Raises
    ------
    ValueError
        If examples have no label.
    """
    n_missing = int((~data.labelled).sum())
    if n_missing:
        raise ValueError(
            f"{data.name} has {n_missing:,} of {len(data):,} examples without a label, which the "
            "experiments need: use data.subset(data.labelled)"
        )
    return {
        "name": data.name,
        "source": data.source,
        "licence": data.licence,
        "label_name": data.label_name,
        "examples": len(data),
        "shape": list(data.shape),
        "factors": list(data.factors),
        "fingerprint": Examples(data.x, data.indices).fingerprint(),
    }


def run_settings(
    which: str,
    data: dict[str, Any] | list[dict[str, Any]],
    config: Config,
    trials: int,
    title: str,
    command: str,
) -> dict[str, Any]:
    """Return the settings of a run, with the machine and the versions of libraries.

    Parameters
    ----------
    which
        The experiment.
    data
        What `describe_data` returned, for one data set or several.
    config, trials, title, command
        As in `reproduce`.
    """
    import torch

    machine: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
    }
    for name in LIBRARIES:
        machine[name] = version(name)
    return {
        "experiment": which,
        "title": title,
        "command": command,
        "trials": trials,
        "data": data,
        "config": asdict(config),
        "machine": machine,
    }
