"""Whether new examples lie where the training data lay, for models without a fixed range."""

from __future__ import annotations

import warnings

import numpy as np
import torch

from ..nn.observation import MAX_INPUT_SD, ObservationModel
from .examples import Array, Examples

__all__ = ["check_spread"]

MAX_ROWS = 256  # rows that are looked at
# Share of the values that may be clipped: at most 1/25 of the training values are, by Chebyshev.
MAX_CLIPPED = 0.25
MIN_ROWS = 10  # below that, a column of a table may lie anywhere
MAX_CLIPPED_ROWS = 0.5  # of a column


def check_spread(observation: ObservationModel, examples: Examples) -> None:
    """Raise a ValueError if the values of images or sounds are far from those in training.

    A Gaussian model clips its input to five standard deviations. If most values are clipped, they
    are in another unit, such as 0 to 255 instead of −1 to 1, and the codes mean nothing. For a
    table, whose columns may change for other reasons, there is a warning.

    Parameters
    ----------
    observation
        The model's.
    examples
        The new examples.

    Raises
    ------
    ValueError
        If more than a quarter of the values would be clipped, except in a table.

    Warns
    -----
    UserWarning
        If a column of a table would be clipped in more than half of the rows.
    """
    if observation.likelihood != "gaussian" or observation.unit_range:
        return
    clipped = _clipped(observation, examples)
    if observation.per_column:
        _warn_of_column(clipped)
        return
    if clipped.mean() > MAX_CLIPPED:
        mean, sd = float(observation.input_mean), float(observation.input_sd)
        raise ValueError(
            f"{clipped.mean():.0%} of the values in X are far from those in training, whose mean "
            f"is {mean:.3g} and whose standard deviation is {sd:.3g}: scale X as in training"
        )


def _clipped(observation: ObservationModel, examples: Examples) -> Array:
    """Return which values of some rows the network clips, (rows, \\*shape)."""
    n = len(examples.x)
    rows = np.unique(np.linspace(0, n - 1, min(n, MAX_ROWS)).astype(np.int64))
    x = torch.from_numpy(examples.value_scale.apply(examples.x[rows]))
    mean, sd = observation.input_mean.cpu(), observation.input_sd.cpu()
    return ((x - mean).abs() > MAX_INPUT_SD * sd).numpy()


def _warn_of_column(clipped: Array) -> None:
    """Warn if a column lies outside the training range in most rows."""
    if len(clipped) < MIN_ROWS:
        return
    wrong = np.flatnonzero(clipped.mean(0) > MAX_CLIPPED_ROWS)
    if wrong.size:
        warnings.warn(
            f"column {wrong[0] + 1} of X lies more than {MAX_INPUT_SD:g} standard deviations from "
            "its mean in training in most rows: is it in the unit of the training data?",
            stacklevel=4,
        )
