"""Checks for NaN and infinity: in the examples, in the loss and in the weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from .diagnostics import TrainingError

Array = np.ndarray
LARGEST = float(np.finfo(np.float32).max)  # networks compute in single precision


def check_finite_values(x: Array, first_row: int) -> tuple[float, float]:
    """Return the smallest and the largest value of some rows.

    Parameters
    ----------
    x
        (n, \\*shape), n ≥ 1.
    first_row
        Index of the first of these rows in the whole data, for the message.

    Raises
    ------
    ValueError
        If a value is NaN, infinite or too large for single precision.

    Examples
    --------
    >>> check_finite_values(np.array([[1.0, 2.0]]), 0)
    (1.0, 2.0)
    """
    low, high = float(x.min()), float(x.max())
    largest = float(np.maximum(-low, high))  # NaN if any value is NaN
    if largest <= LARGEST:
        return low, high
    if math.isnan(largest):
        fault = "NaN"
    elif math.isinf(largest):
        fault = "infinity"
    else:
        fault = f"values up to {largest:g}"
    where = np.argwhere(~(np.abs(x.astype(np.float64)) <= LARGEST))[0]
    place = f"row {first_row + int(where[0]) + 1:,}"
    if x.ndim == 2:
        place += f", column {int(where[1]) + 1}"
    raise ValueError(f"X holds {fault}, first in {place}: drop or fill such rows")


def all_finite(module: nn.Module) -> bool:
    """Return whether all parameters of a module are finite."""
    return all(bool(parameter.isfinite().all()) for parameter in module.parameters())


def check_finite_training(
    model: nn.Module,
    terms: Sequence[str],
    sums: Tensor,
    epoch: int,
    learning_rate: float,
    hint: str = "",
) -> None:
    """Raise a TrainingError if a term of the loss, or a weight, is not finite.

    Parameters
    ----------
    model
        The model in training.
    terms, sums
        Names of the terms; their sums over the epoch so far, (terms,).
    epoch, learning_rate
        For the message.
    hint
        Appended to the message, such as where an earlier state is kept.
    """
    if bool(sums.isfinite().all()) and all_finite(model):
        return
    faults: list[str] = []
    for name, value in zip(terms, sums.tolist(), strict=True):
        if not math.isfinite(value):
            faults.append(name)
    where = f"terms: {', '.join(faults)}" if faults else "all terms are finite, but a weight is not"
    raise TrainingError(
        f"the loss is not finite in epoch {epoch} ({where}): "
        f"lower learning_rate (now {learning_rate:g}){hint}"
    )
