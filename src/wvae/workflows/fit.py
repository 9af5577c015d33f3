"""Train a model into a model folder, with progress, checkpoints and a record of its rows.

At the end it says how well the label is predicted, and draws a sheet of swaps.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from ..config import Config
from ..datasets import Dataset
from ..datasets.holdout import holdout_mask
from ..datasets.messages import Log
from ..estimator import WVAE
from ..io.files import check_replaceable, replace_folder, sibling
from ..io.model_folder import check_model_replaceable
from ..nn.distributed import init_processes, rank, shutdown
from ..training.checkpoint import CHECKPOINT_FILE
from ..training.examples import check_examples
from ..training.loop import Row, write_history
from ..validation import check_labels
from .fit_report import expected_seconds, report_fit
from .inputs import write_training_record
from .progress import Phases, Progress, Silent
from .run_folder import Run, RunError, locked
from .trackers import Trackers

MAX_TEST_ROWS = 50_000  # whose loss is computed after every epoch


def fit_to_folder(
    data: Dataset,
    config: Config,
    out: str | Path,
    *,
    progress: Progress | None = None,
    overwrite: bool = False,
    resume: bool = False,
    log: Log | None = None,
    source: str = "",
    trackers: Sequence[str] = (),
) -> Path:
    """Train on the training rows of data (see `holdout_mask`) and write a model folder.

    Besides the model, the folder holds ``history.jsonl``, a record of the training rows, the name
    of the label and the sample rate, and for images and sounds, if Pillow is installed,
    ``swaps.png``: see `wvae.workflows.sheet`. Checkpoints are kept in ``<out>.partial`` until the
    folder is complete. An interrupted training that is started again resumes from there.

    Parameters
    ----------
    data
        The data.
    config
        Hyper-parameters; ``random_state`` also chooses the test rows of data without a split, and
        ``kind`` is replaced by that of the data.
    out
        The folder to create.
    progress
        Shows the progress.
    overwrite
        Whether an existing model folder may be replaced. Anything else is never replaced.
    resume
        Whether to raise an error unless there is an interrupted training.
    log
        Receives the accuracy of the label on held-out rows and the seconds of each phase.
    source
        Name or path of the data, which the model folder records for `wvae explore`.
    trackers
        Experiment trackers that record the training: see `wvae.workflows.trackers`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If the data cannot be used for training.
    wvae.io.files.OutputExistsError
        If `out` exists and may not be replaced.
    RunError
        If another process is writing to it, or there is nothing to resume.
    wvae.training.diagnostics.TrainingError
        If ``<out>.partial`` holds another training, or the loss is no longer finite.

    Warns
    -----
    wvae.training.diagnostics.TrainingWarning
        If the training shows a known fault, or the label was not learnt.
    """
    init_processes()
    out = Path(out)
    partial = sibling(out, ".partial")
    checkpoint = partial / "checkpoint"
    check_output(out, overwrite=overwrite, resume=resume)
    check_examples(data.x)
    is_test = holdout_mask(data, config.random_state)
    check_labels(data.y, len(data), None if data.split is None else ~is_test)
    train, test = data.subset(~is_test), data.subset(is_test)
    subject = f"on {data.name}"
    if rank():  # the first of several processes keeps the checkpoints and writes the model
        _fit(config, train, test, checkpoint, Phases(Silent(), subject))
        shutdown()
        return out
    phases = Phases(progress or Silent(), subject, expected_seconds(config, train))
    partial.mkdir(parents=True, exist_ok=True)
    try:
        with locked(partial), Trackers(trackers, out, checkpoint, asdict(config)) as tracked:
            model = _fit(config, train, test, checkpoint, phases, tracked)
            folder = partial / "model"
            _write_model(folder, model, train, source)
            scores = report_fit(folder, model, train, test, phases.seconds, log or _discard)
            tracked.finish(scores, model.n_iter_)
            replace_folder(partial / "model", out)
            shutil.rmtree(partial)
        shutdown()
    finally:
        if partial.exists() and not any(partial.iterdir()):
            partial.rmdir()
    return out


def fit_in_run(
    run: Run,
    name: str,
    config: Config,
    train: Dataset,
    test: Dataset | None = None,
    *,
    keep: bool = True,
) -> WVAE:
    """Train within a run, with progress and checkpoints, and return the model.

    Parameters
    ----------
    run
        The run.
    name
        Name of the model in progress and checkpoints.
    config
        Hyper-parameters; ``kind`` is replaced by that of the data.
    train
        Training rows.
    test
        Rows whose loss is computed after every epoch.
    keep
        Whether to write the model folder ``<run>/<name>``.
    """
    phases = Phases(run.progress, name, expected_seconds(config, train))
    model = _fit(config, train, test, run.stages / name, phases)
    if keep:
        _write_model(run.folder / name, model, train)
    return model


def check_output(out: Path, *, overwrite: bool, resume: bool) -> None:
    """Raise an error if the folders may not be replaced, or there is nothing to resume.

    Parameters
    ----------
    out, overwrite, resume
        As in `fit_to_folder`.

    Raises
    ------
    wvae.io.files.OutputExistsError
        If `out` exists and may not be replaced.
    RunError
        If there is nothing to resume.
    """
    partial = sibling(out, ".partial")
    check_model_replaceable(out, overwrite=overwrite)
    markers = {"checkpoint", "model"}
    check_replaceable(partial, markers=markers, what="an unfinished training", overwrite=True)
    if resume and not (partial / "checkpoint" / CHECKPOINT_FILE).exists():
        raise RunError(
            f"there is no interrupted training in {partial}: leave out --resume to start one"
        )


def _fit(
    config: Config,
    train: Dataset,
    test: Dataset | None,
    checkpoint: Path,
    phases: Phases,
    trackers: Trackers | None = None,
) -> WVAE:
    """Train, and show the epochs, the alignment and the fine-tuning."""
    if test is not None and len(test) > MAX_TEST_ROWS:
        rng = np.random.default_rng(config.random_state)
        rows = rng.choice(len(test), MAX_TEST_ROWS, replace=False, shuffle=False)
        test = test.subset(np.sort(rows))
    model = WVAE(**asdict(replace(config, kind=train.kind)))
    with phases:
        show_epoch = phases.start("training", config.epochs)

        def on_epoch(row: Row) -> None:
            show_epoch(int(row["epoch"]))
            if trackers is not None:
                trackers.on_epoch(row)

        return model.fit(
            # All of these rows are for training, also those that a trial took from the test part.
            replace(train, split=None),
            test=None if test is None or not len(test) else (test.x, test.y),
            checkpoint=checkpoint,
            on_epoch=on_epoch,
            on_phase=phases,
        )


def _write_model(folder: Path, model: WVAE, train: Dataset, source: str = "") -> None:
    """Write a model folder with its history and its record of training rows."""
    model.save(folder)
    write_history(folder / "history.jsonl", model.history_)
    write_training_record(folder, train, source)


def _discard(text: str) -> None:
    """Drop a message."""
