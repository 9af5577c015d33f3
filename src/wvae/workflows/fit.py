"""What all experiments do alike: choose the test rows, train with progress and checkpoints, write the results down."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Config
from ..datasets import Dataset
from ..estimator import WVAE
from ..io.files import atomic, check_replaceable, replace_folder, write_json
from ..io.model_folder import WEIGHTS_FILE
from ..nn.distributed import init_processes, rank, shutdown
from ..training.checkpoint import CHECKPOINT_FILE
from ..training.examples import Examples, check_examples
from ..training.loop import write_history
from ..validation import check_labels, rows_by_class
from .run_folder import Progress, Run, RunError, Silent, locked

ROWS_FILE = "rows.json"  # in a model folder: what it was trained on
WATCHED = 50_000  # test rows at most whose loss is followed while training


def held_out(data: Dataset, seed: int) -> np.ndarray:
    """Return which examples are for test, (n,): the source's split, else a random tenth of every class.

    Examples without a label are not among the latter: nothing could be asked about them.
    """
    if data.split is not None:
        return data.split == "test"
    rng, is_test = np.random.default_rng(seed), np.zeros(len(data), bool)
    for rows in map(rng.permutation, rows_by_class(data.indices, len(data.classes))):
        is_test[rows[: max(1, len(rows) // 10)]] = True
    return is_test


def fit_to_folder(
    data: Dataset,
    config: Config,
    out: str | Path,
    *,
    progress: Progress | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> Path:
    """Train on the rows that `held_out` leaves, into a model folder with ``history.jsonl``, and return the folder.

    Checkpoints are kept in ``<out>.partial`` until it is whole: a broken training goes on from there when it is
    started again.

    Parameters
    ----------
    data, config
        What to train on, and how; ``random_state`` also chooses the test rows where the source does not, and ``kind``
        is that of the data.
    out
        The folder to make. It remembers, besides the model, what the label is called and the rate of sounds.
    progress
        Who shows progress.
    overwrite
        Whether a model folder of that name may be replaced; anything else never is.
    resume
        Whether there must be a broken training to go on with.

    Raises
    ------
    ValueError
        If the data cannot be trained on.
    wvae.io.files.OutputExistsError
        If `out` is there already, or holds something else.
    RunError
        If another process is making it, or there is nothing to resume.
    wvae.training.TrainingError
        If ``<out>.partial`` is of another training, or the loss is no longer finite.
    """
    init_processes()
    out = Path(out)
    partial = out.with_name(out.name + ".partial")
    check_replaceable(out, markers={WEIGHTS_FILE}, what="a model folder", overwrite=overwrite)
    check_replaceable(
        partial, markers={"checkpoint", "model"}, what="an unfinished training", overwrite=True
    )
    if resume and not (partial / "checkpoint" / CHECKPOINT_FILE).exists():
        raise RunError(
            f"there is no interrupted training in {partial} to go on with: leave out --resume to begin one"
        )
    check_examples(data.x)
    check_labels(data.y, len(data))
    is_test = held_out(data, config.random_state)
    train, test = data.subset(~is_test), data.subset(is_test)
    if rank():  # the first of several processes keeps the checkpoints and writes the model
        _fit(config, train, test, partial / "checkpoint", Silent(), "")
        shutdown()
        return out
    partial.mkdir(parents=True, exist_ok=True)
    try:
        with locked(partial):
            model = _fit(
                config,
                train,
                test,
                partial / "checkpoint",
                progress or Silent(),
                f"training on {data.name}",
            )
            _write_model(partial / "model", model, train)
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
    """Train with a progress bar and checkpoints; with `keep`, write the model folder ``<run>/<name>``."""
    model = _fit(config, train, test, run.stages / name, run.progress, f"training {name}")
    if keep:
        _write_model(run.folder / name, model, train)
    return model


def _fit(
    config: Config,
    train: Dataset,
    test: Dataset | None,
    checkpoint: Path,
    progress: Progress,
    title: str,
) -> WVAE:
    if test is not None and len(test) > WATCHED:
        rows = np.random.default_rng(config.random_state).choice(
            len(test), WATCHED, replace=False, shuffle=False
        )
        test = test.subset(np.sort(rows))
    with progress.task(title, config.epochs) as advance:
        return WVAE(**asdict(replace(config, kind=train.kind))).fit(
            train.x,
            train.y,
            test=None if test is None or not len(test) else (test.x, test.y),
            checkpoint=checkpoint,
            on_epoch=lambda row: advance(int(row["epoch"])),
        )


def _write_model(folder: Path, model: WVAE, train: Dataset) -> None:
    model.save(folder)
    write_history(folder / "history.jsonl", model.history_)
    # How to read more of such data.
    read = {"label": train.label_name} | ({} if train.rate is None else {"rate": train.rate})
    write_json(folder / ROWS_FILE, _about(train) | read)


def _about(train: Dataset) -> dict[str, Any]:
    fingerprint = Examples(train.x, train.indices).fingerprint()
    return {"data": train.name, "examples": len(train), "fingerprint": fingerprint}


def doubt_about_rows(folder: Path, data: Dataset, seed: int) -> str:
    """Return why the test rows of these data may have been trained on, or an empty string if they were not.

    A model folder says in ``rows.json`` which rows it was trained on. Test rows among them would flatter it.
    """
    train = data.subset(~held_out(data, seed))
    file = folder / ROWS_FILE
    if not file.exists():
        return f"{folder} does not say which rows it was trained on: if test rows are among them, the figures flatter it"
    before, now = json.loads(file.read_text(encoding="utf-8")), _about(train)
    if all(
        before.get(key) == now[key] for key in ("examples", "fingerprint")
    ):  # the same rows under any name
        return ""
    there, here = (f"{rows['examples']:,} rows of {rows['data']}" for rows in (before, now))
    return (
        f"{folder} was trained on {there}, other rows than the {here} that are for training (seed {seed}): "
        "if test rows are among them, the figures flatter it"
    )


def known_columns(data: Dataset) -> list[tuple[str, np.ndarray]]:
    """Return what is known of every example, as named columns of (n,): file, label, factors and split."""
    files = [] if data.files is None or "file" in data.factors else [("file", data.files)]
    known = [(data.label_name, data.y)] if data.labelled.any() else []
    return [
        *files,
        *known,
        *data.factors.items(),
        *([] if data.split is None else [("split", data.split)]),
    ]


def code_columns(codes: tuple[np.ndarray, np.ndarray], data: Dataset) -> dict[str, np.ndarray]:
    """Return z_label and z_rest of every example, and `known_columns`.

    Raises
    ------
    ValueError
        If two columns would have one name.
    """
    named = zip(("z_label", "z_rest"), codes, strict=True)
    columns = {f"{name}{i}": z[:, i] for name, z in named for i in range(z.shape[1])}
    for name, values in known_columns(data):
        if name in columns:
            raise ValueError(
                f"{data.name} calls {name!r} what is a column of the codes already: rename it"
            )
        columns[name] = values
    return columns


def write_columns(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write columns of (n,) as one Parquet file, atomically."""
    import pyarrow as pa
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        parquet.write_table(
            pa.table({name: np.asarray(values) for name, values in columns.items()}), temporary
        )
