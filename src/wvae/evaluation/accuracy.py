"""Accuracy of predicted labels with its interval, beside chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .checks import Array

NORMAL_QUANTILE = 1.959964  # of a 95 % interval


@dataclass(frozen=True)
class Accuracy:
    """How often predictions were right.

    Parameters
    ----------
    right, rows
        Number of right predictions, and of all.
    chance
        Share of the most common label: the accuracy of a constant guess.

    Examples
    --------
    >>> accuracy = Accuracy(right=12, rows=20, chance=0.5)
    >>> accuracy.value, [round(end, 3) for end in accuracy.interval]
    (0.6, [0.387, 0.781])
    """

    right: int
    rows: int
    chance: float

    @property
    def value(self) -> float:
        """Share of right predictions, in [0, 1]."""
        return self.right / self.rows

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval: see `wilson_interval`."""
        return wilson_interval(self.right, self.rows)

    @property
    def halfway(self) -> float:
        """Accuracy halfway between chance and 1."""
        return (1 + self.chance) / 2


def accuracy(y: Array, predicted: Array) -> Accuracy:
    """Return how often labels were predicted.

    Parameters
    ----------
    y, predicted
        True and predicted labels, (n,), at least one.

    Examples
    --------
    >>> accuracy(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]))
    Accuracy(right=3, rows=4, chance=0.75)
    """
    counts = np.unique(y, return_counts=True)[1]
    return Accuracy(int((y == predicted).sum()), len(y), float(counts.max() / len(y)))


def wilson_interval(right: int, rows: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, by Wilson (1927).

    Unlike a bootstrap, it has a width also where all rows, or none, are right.

    Parameters
    ----------
    right, rows
        Number of successes, and of all trials, at least 1.

    Examples
    --------
    >>> [round(end, 3) for end in wilson_interval(10, 10)]
    [0.722, 1.0]
    """
    z2 = NORMAL_QUANTILE**2
    share = right / rows
    centre = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = math.sqrt(z2 * (share * (1 - share) / rows + z2 / (4 * rows**2))) / (1 + z2 / rows)
    return max(0.0, centre - half), min(1.0, centre + half)
