"""Whether the label was learnt: accuracy beside chance and beside the simplest classifier.

A label counts as learnt if three things hold:

- The 95 % interval of the accuracy lies above chance, the share of the most common label. (If not
  even a perfect score could show that, there are too few rows: training rows are judged instead.)
- The accuracy is at least halfway between chance and 1. Below it, z_label is missing more of the
  label than it has, and an alignment by that label cannot free z_rest of it.
- The nearest class mean of the raw values is not clearly better: by no more than 2 percentage
  points, or by no more than chance explains (McNemar's test, 1 %). That classifier has nothing to
  tune and needs one pass over the rows, so a network that loses to it was not trained well. It
  notices, for example, that two of many labels were merged, at an accuracy far above chance.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ..evaluation.accuracy import Accuracy, accuracy, wilson_interval
from ..model import SplitVAE
from ..nn.torch_state import default_torch_state
from ..validation import UNLABELLED
from . import remedies
from .diagnostics import TrainingWarning
from .examples import Array, Examples, batches

MAX_ROWS = 10_000  # of either part
MARGIN = 0.02  # by which the nearest class mean may be better
SIGNIFICANT = 2.576  # standard deviations, 1 % on both sides
CONTRAST_ROWS = 512  # that tell how much the values vary


@dataclass(frozen=True)
class LabelCheck:
    """How well the label is predicted.

    Parameters
    ----------
    accuracy
        Of the model's classifier, on held-out rows if there are any, else on training rows.
    baseline
        The same of the nearest class mean.
    train
        Of the model's classifier on training rows.
    is_held_out
        Whether the first two are of held-out rows.
    n_held_out
        Number of held-out rows with a label, perhaps too few to be used.
    lead
        By how many standard deviations the nearest class mean is better: (b − c) / √(b + c), for b
        rows that only it predicts, and c rows that only the model predicts.
    """

    accuracy: Accuracy
    baseline: Accuracy
    train: Accuracy
    is_held_out: bool
    n_held_out: int
    lead: float

    @property
    def is_at_chance(self) -> bool:
        """Whether the interval of the accuracy reaches chance, and need not."""
        return can_exceed_chance(self.accuracy) and reaches_chance(self.accuracy)

    @property
    def is_overfitted(self) -> bool:
        """Whether the training rows are predicted well, and held-out rows clearly less so."""
        is_worse = self.accuracy.interval[1] < self.train.interval[0]
        return self.is_held_out and is_worse and self.train.value >= self.train.halfway

    @property
    def is_beaten(self) -> bool:
        """Whether the nearest class mean is clearly better."""
        margin = self.baseline.value - self.accuracy.value
        return margin > MARGIN and self.lead > SIGNIFICANT

    @property
    def is_learnt(self) -> bool:
        """Whether the label was learnt, by the three rules of this module."""
        is_halfway = self.accuracy.value >= self.accuracy.halfway
        return is_halfway and not self.is_at_chance and not self.is_beaten


@default_torch_state()
@torch.no_grad()
def check_label(model: SplitVAE, train: Examples, held_out: Examples | None) -> LabelCheck | None:
    """Return how well a model predicts the label, or None if it was trained without labels.

    Parameters
    ----------
    model
        In evaluation mode.
    train
        The training data.
    held_out
        Other data, if there are any.
    """
    if not model.config.classifier_weight:
        return None
    seed = model.config.random_state
    train_rows = _labelled_rows(train, seed)
    means = _ClassMeans(model, train, train_rows)
    y_train = train.y[train_rows]
    predicted = _predict(model, train, train_rows)
    on_train = accuracy(y_train, predicted)
    n_held_out = 0
    if held_out is not None:
        rows = _labelled_rows(held_out, seed)
        y, n_held_out = held_out.y[rows], len(rows)
        if n_held_out and can_exceed_chance(accuracy(y, y)):
            predicted, nearest = _predict(model, held_out, rows), means.predict(held_out, rows)
            return compare(y, predicted, nearest, on_train, n_held_out, is_held_out=True)
    nearest = means.predict(train, train_rows)
    return compare(y_train, predicted, nearest, on_train, n_held_out, is_held_out=False)


def can_exceed_chance(result: Accuracy) -> bool:
    """Return whether the interval of a perfect score would lie above chance.

    >>> can_exceed_chance(Accuracy(2, 2, 0.5)), can_exceed_chance(Accuracy(5, 6, 0.5))
    (False, True)
    """
    return wilson_interval(result.rows, result.rows)[0] > result.chance


def reaches_chance(result: Accuracy) -> bool:
    """Return whether the interval of an accuracy reaches chance."""
    return result.interval[0] <= result.chance


def warn_of_label(model: SplitVAE, check: LabelCheck | None, train: Examples, level: int) -> None:
    """Warn if the label was not learnt.

    Parameters
    ----------
    model
        In evaluation mode.
    check
        What `check_label` returned.
    train
        The training data.
    level
        The warning's ``stacklevel`` for the caller of this function.
    """
    if check is None or check.is_learnt:
        return
    rows = _labelled_rows(train, model.config.random_state)[:CONTRAST_ROWS]
    x, _ = train.batch(rows, next(model.parameters()).device)
    message = f"{_finding(check)}: {_remedy(check, remedies.for_label(model, x))}"
    warnings.warn(message, TrainingWarning, stacklevel=level + 1)


def _finding(check: LabelCheck) -> str:
    """Return the accuracy in words, beside chance and the baseline."""
    result = check.accuracy
    what = "the label is learnt in part only"
    if check.is_at_chance:
        is_low = result.value < result.halfway
        what = "the label is not learnt" if is_low else "the label is perhaps not learnt"
    rows = "held-out" if check.is_held_out else "training"
    low, high = result.interval
    return (
        f"{what}: accuracy {result.value:.2f} on {result.rows:,} {rows} rows (95 % interval "
        f"{low:.2f}–{high:.2f}, chance {result.chance:.2f}, nearest class mean "
        f"{check.baseline.value:.2f})"
    )


def _remedy(check: LabelCheck, for_label: list[str]) -> str:
    """Return what to do."""
    if check.is_overfitted:
        return f"on training rows it is {check.train.value:.2f}, so give more rows of each label"
    if check.is_at_chance and check.accuracy.value >= check.accuracy.halfway:
        return "give more rows of each label"
    advice = remedies.take(for_label)
    if check.baseline.interval[0] <= check.baseline.chance:
        return f"check that the labels belong to the rows, or {advice}"
    return advice


class _ClassMeans:
    """The mean of each class, which predicts the class of the nearest mean.

    The columns of a table are brought to equal spread before.
    """

    def __init__(self, model: SplitVAE, data: Examples, rows: Array) -> None:
        n_classes, size = model.n_classes, int(np.prod(model.shape))
        self.device = next(model.parameters()).device
        sums = torch.zeros(n_classes, size, device=self.device, dtype=torch.float64)
        squares = torch.zeros(size, device=self.device, dtype=torch.float64)
        counts = torch.zeros(n_classes, device=self.device, dtype=torch.float64)
        for x, y in self._batches(data, rows):
            sums.index_add_(0, y, x)
            squares += x.square().sum(0)
            counts += torch.bincount(y, minlength=n_classes)
        variance = squares / counts.sum() - (sums.sum(0) / counts.sum()).square()
        per_column = model.observation.per_column
        self.scale = variance.clamp(min=1e-12).rsqrt() if per_column else torch.ones_like(variance)
        self.means = sums / counts.clamp(min=1).unsqueeze(1) * self.scale
        self.means[counts == 0] = torch.inf  # is never the nearest

    def _batches(self, data: Examples, rows: Array) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for part in batches(len(rows)):
            x, y = data.batch(rows[part], self.device)
            yield x.flatten(1).double(), y

    def predict(self, data: Examples, rows: Array) -> Array:
        """Return the class index of the nearest mean for some rows, (m,)."""
        nearest: list[Array] = []
        for x, _ in self._batches(data, rows):
            nearest.append(torch.cdist(x * self.scale, self.means).argmin(1).cpu().numpy())
        return np.concatenate(nearest)


def compare(
    y: Array,
    predicted: Array,
    nearest: Array,
    train: Accuracy,
    n_held_out: int,
    *,
    is_held_out: bool,
) -> LabelCheck:
    """Return the result for true labels, the model's and the nearest mean's, (n,) each.

    `train` is the accuracy on training rows, and `is_held_out` whether the n rows are others, of
    which there are `n_held_out`.
    """
    right, nearest_right = predicted == y, nearest == y
    only_nearest = int((nearest_right & ~right).sum())
    only_model = int((right & ~nearest_right).sum())
    lead = (only_nearest - only_model) / max(1.0, only_nearest + only_model) ** 0.5
    result, baseline = accuracy(y, predicted), accuracy(y, nearest)
    return LabelCheck(result, baseline, train, is_held_out, n_held_out, lead)


def _labelled_rows(data: Examples, seed: int) -> Array:
    """Return sorted indices of at most `MAX_ROWS` random rows that have a label."""
    rows = np.flatnonzero(data.y != UNLABELLED)
    if len(rows) > MAX_ROWS:
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(rows, MAX_ROWS, replace=False, shuffle=False))
    return rows


def _predict(model: SplitVAE, data: Examples, rows: Array) -> Array:
    """Return the predicted class index of some rows, (m,)."""
    predicted: list[Array] = []
    for part in batches(len(rows)):
        x, _ = data.batch(rows[part], next(model.parameters()).device)
        q_label, _ = model.encode(x)
        predicted.append(model.predict(q_label.mean).cpu().numpy())
    return np.concatenate(predicted)
