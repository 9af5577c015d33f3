"""What `wvae fit` says at its end, and how long it expects its phases to take."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..config import Config
from ..datasets import Dataset
from ..datasets.messages import Log
from ..estimator import WVAE
from ..nn.alignment import needs_transport
from ..training.examples import Examples, check_labelled
from ..training.label_check import MAX_ROWS, LabelCheck, check_label, warn_of_label
from ..training.loop import DIAGNOSIS_FIRST_EPOCH
from .sheet import Sheet, choose_labels, choose_styles, write_sheet
from .sheet_image import is_drawable

SWAPS_FILE = "swaps.png"
# Measured on two cores; they only matter for the estimate of the time left before a phase starts.
FINETUNE_COST = 1.2  # of a pass of the fine-tuning, in epochs of the training
ALIGNMENT_SECONDS = 4e-7  # of a step of the transport, for each row and dimension of z_rest
PROBE_SECONDS = 5.0  # of the probes between the steps


def expected_seconds(config: Config, train: Dataset) -> Callable[[float], dict[str, float]]:
    """Return a function from the seconds of an epoch to those of the phases after the training.

    Parameters
    ----------
    config
        The hyper-parameters.
    train
        The training rows.

    Examples
    --------
    >>> data = Dataset(np.zeros((1000, 4)), np.arange(1000) % 2)
    >>> expected_seconds(Config(alignment="gaussian"), data)(2.0)
    {'alignment': 0.0, 'fine-tuning': 24.0}
    """
    _, labels = np.unique(train.y.astype(str), return_inverse=True)
    has_transport = needs_transport(config.alignment, labels)
    values = len(train) * config.d_rest
    alignment = PROBE_SECONDS + ALIGNMENT_SECONDS * config.alignment_steps * values
    alignment = alignment if has_transport else 0.0

    def seconds(epoch: float) -> dict[str, float]:
        finetuning = FINETUNE_COST * config.finetune_epochs * epoch
        return {"alignment": alignment, "fine-tuning": finetuning}

    return seconds


def report_fit(
    folder: Path, model: WVAE, train: Dataset, test: Dataset, seconds: dict[str, float], log: Log
) -> dict[str, float]:
    """Log how well the label is predicted and the seconds of each phase, and draw the swaps.

    Parameters
    ----------
    folder
        The model folder, complete but for its last name.
    model
        The model.
    train, test
        Its training rows, and the held-out ones, of which there may be none.
    seconds
        Duration of each phase, by name.
    log
        Receives the lines.

    Returns
    -------
    dict
        ``final.seconds.{phase}``, and if there is a classifier ``final.accuracy`` of the label,
        ``.low`` and ``.high``, the ends of its interval, and ``.chance``; ``final.held_out`` is 1
        if they are of held-out rows and 0 if of training rows.
    """
    scores = {f"final.seconds.{phase}": value for phase, value in seconds.items()}
    check = _check_label(model, train, test)
    if check is not None:
        log(describe(check, train.label_name))
        low, high = check.accuracy.interval
        scores |= {
            "final.accuracy": check.accuracy.value,
            "final.held_out": float(check.is_held_out),
        }
        scores |= {"final.accuracy.low": low, "final.accuracy.high": high}
        scores["final.accuracy.chance"] = check.accuracy.chance
    phases = [f"{name} {_duration(value)}" for name, value in seconds.items()]
    log(f"time: {', '.join(phases)}")
    config = model.config_
    if not is_drawable(config.kind, model.shape_):
        return scores
    if find_spec("PIL") is None:
        log(f"no {SWAPS_FILE}, which needs Pillow: pip install 'wvae[files]'")
        return scores
    seed = config.random_state
    source = test if test.labelled.any() else train
    labels, names = choose_labels(model, source, seed)
    examples = Sheet(labels, names, choose_styles(source, seed))
    write_sheet(folder / SWAPS_FILE, model, examples)
    log(f"{SWAPS_FILE} in the folder shows each {train.label_name} in the style of other examples")
    return scores


def describe(check: LabelCheck, label: str) -> str:
    """Return how well the label is predicted, in one line.

    Parameters
    ----------
    check
        The result of `wvae.training.label_check.check_label`.
    label
        Name of the label.
    """
    result = check.accuracy
    low, high = result.interval
    rows = "held-out" if check.is_held_out else "training"
    note = ""
    if not check.is_held_out:
        few = f"the {check.n_held_out:,} held-out ones are too few"
        note = f"; {few if check.n_held_out else 'no rows were held out'}"
    return (
        f"{label} of {result.rows:,} {rows} rows predicted with accuracy {result.value:.3f} "
        f"(95 % interval {low:.3f}–{high:.3f}, chance {result.chance:.3f}{note})"
    )


def _check_label(model: WVAE, train: Dataset, test: Dataset) -> LabelCheck | None:
    """Return how well the label is predicted; warn if it was not learnt, unless `fit` has."""
    if not model.config_.classifier_weight:
        return None
    train_examples = _examples(model, train)
    held_out = _examples(model, test) if test.labelled.any() else None
    check = check_label(model.model_, train_examples, held_out)
    if model.n_iter_ < DIAGNOSIS_FIRST_EPOCH:
        warn_of_label(model.model_, check, train_examples, 4)
    return check


def _examples(model: WVAE, data: Dataset) -> Examples:
    """Return at most `MAX_ROWS` rows that have a label, as the network takes them."""
    rows = np.flatnonzero(data.labelled)
    if len(rows) > MAX_ROWS:
        rng = np.random.default_rng(model.config_.random_state)
        rows = np.sort(rng.choice(rows, MAX_ROWS, replace=False, shuffle=False))
    part = data.subset(rows)
    return check_labelled(part.x, part.y, model.shape_, model.classes_, model.scale_)


def _duration(seconds: float) -> str:
    """Return a duration in words.

    >>> _duration(3.14), _duration(75), _duration(4000)
    ('3.1 s', '75 s', '1 h 7 min')
    """
    if seconds >= 3600:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes} min"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
