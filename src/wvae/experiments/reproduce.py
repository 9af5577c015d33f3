"""The article's two experiments: protocol only, built from the rooms beside this one."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from ..config import Config
from ..datasets import Dataset
from ..training.examples import Examples, check_examples
from ..validation import check_labels
from ..workflows.run_folder import Progress, Run, RunError

__all__ = ["RunError", "reproduce"]

Which = Literal["plane", "writers", "all"]
LIBRARIES = ("wvae", "torch", "numpy", "scikit-learn", "openTSNE")


def reproduce(
    which: Which,
    data: Dataset,
    config: Config,
    out: str | Path,
    *,
    draws: int = 10,
    brief: bool = False,
    title: str = "",
    command: str = "",
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Path:
    """Run the article's experiments into a folder that ends with ``report.html``, and return the folder.

    Parameters
    ----------
    which
        ``"plane"`` (Experiment I), ``"writers"`` (Experiment II) or ``"all"``.
    data, config
        What to train on, and how; the plane sets both dimensions to 1.
    out
        The folder to make. It grows beside that name; a broken run goes on when it is started again.
    draws
        How often Experiment II is repeated, each time with other writers, split and seed.
    brief
        Whether Experiment I makes fewer passes over many examples: `wvae.experiments.plane.brief`.
    title, command
        What the report calls the preset, and the command that repeats the run.
    progress
        Who shows progress.
    overwrite
        Whether `out` may be replaced.

    Raises
    ------
    ValueError
        If the data do not suit the experiment, or `draws` is not positive.
    RunError
        If `out` is there already, or another process is making it.
    """
    from ..reporting.html import write_report
    from . import plane, writers

    if which not in ("plane", "writers", "all"):
        raise ValueError(f"experiment is {which!r}, expected plane, writers or all")
    if draws < 1:
        raise ValueError(f"draws is {draws}, expected at least 1")
    if data.kind == "table" or len(data.shape) not in (2, 3):
        raise ValueError(
            f"{data.name} holds {data.kind} of shape {data.shape}, expected images or spectrograms"
        )
    if which != "plane" and (data.kind != "image" or len(data.shape) != 2):
        raise ValueError(
            f"{data.name} holds {data.kind} of shape {data.shape}, and Experiment II asks for grey images, (height, "
            "width): take wvae reproduce plane, or worlds"
        )
    check_examples(data.x)
    check_labels(data.y, len(data))
    if which != "plane":
        writers.check(data)
    settings = settings_of(which, about(data), config, draws, title, command) | {"brief": brief}
    run = Run(Path(out), settings, progress, overwrite=overwrite)
    with run.lock():
        started = time.monotonic()
        if which != "writers":
            run.metrics |= plane.run(data, plane.brief(config, len(data)) if brief else config, run)
        if which != "plane":
            run.metrics |= writers.run(data, config, run, draws)
        run.metrics["seconds"] = time.monotonic() - started
        run.metrics |= {
            f"{kind}.seconds": seconds for kind, seconds in run.progress.seconds.items()
        }
        write_report(run.folder, run.settings, run.metrics)
        return run.finish()


def about(data: Dataset) -> dict[str, Any]:
    """Return what a run notes of its data; the fingerprint reads them, so ask once.

    Raises
    ------
    ValueError
        If some examples have no label.
    """
    missing = int((~data.labelled).sum())
    if missing:
        raise ValueError(
            f"{data.name} has {missing:,} of {len(data):,} examples without a label, which the experiments cannot do "
            "with: take data.subset(data.labelled)"
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


def settings_of(
    which: str,
    data: dict[str, Any] | list[dict[str, Any]],
    config: Config,
    draws: int,
    title: str,
    command: str,
) -> dict[str, Any]:
    """Return the settings of a run on data that `about` has told of, one set or several."""
    import torch

    return {
        "experiment": which,
        "title": title,
        "command": command,
        "draws": draws,
        "data": data,
        "config": asdict(config),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "threads": torch.get_num_threads(),
            **{name: version(name) for name in LIBRARIES},
        },
    }
