"""A data set in a few lines of text, as `print` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["describe"]

Array = np.ndarray
SHOWN = 8  # classes or factors that are written out
LENGTH = 40  # characters of a name


def describe(data: Dataset) -> str:
    """Return name, size, label, factors, split and source of a data set, at most ten lines.

    Parameters
    ----------
    data
        The data set. Only its labels, factors and split are read, never the examples.

    Examples
    --------
    >>> from wvae.datasets import Dataset
    >>> print(describe(Dataset(np.zeros((4, 28, 28), np.uint8), np.arange(4) % 2, name="digits")))
    digits: 4 images of shape (28, 28), uint8
      label 'label': 2 classes – 0 (2), 1 (2)
    """
    kinds = {"image": "images", "audio": "sounds", "table": "rows"}
    size = f"{len(data):,} {kinds[data.kind]} of shape {data.shape}, {data.x.dtype}"
    lines = [f"{_short(data.name)}: {size}"]
    if data.rate is not None:
        lines.append(f"  {data.rate:,} samples per second")
    lines.append(f"  label {_short(data.label_name)!r}: {_classes(data)}")
    n_missing = len(data) - int(data.labelled.sum())
    if n_missing:
        lines.append(f"  without a label: {n_missing:,} rows")
    if data.factors:
        lines.append(f"  factors: {_factors(data.factors)}")
    if data.split is not None:
        n_train = int((data.split == "train").sum())
        lines.append(f"  split: {n_train:,} train, {len(data) - n_train:,} test")
    if data.source:
        lines.append(f"  source: {_short(data.source, 80)}")
    if data.licence:
        lines.append(f"  licence: {_short(data.licence, 80)}")
    return "\n".join(lines)


def _classes(data: Dataset) -> str:
    """Return the number of classes, and the first ones with the number of their rows."""
    classes = data.classes
    if not len(classes):
        return "none"
    indices = data.indices
    counts = np.bincount(indices[indices >= 0], minlength=len(classes)).tolist()
    shown = list[str]()
    for name, count in zip(classes[:SHOWN].tolist(), counts, strict=False):
        shown.append(f"{_short(name)} ({count:,})")
    return f"{len(classes):,} classes – {_joined(shown, len(classes))}"


def _factors(factors: dict[str, Array]) -> str:
    """Return the first factors with the number of their values."""
    shown = list[str]()
    for name in list(factors)[:SHOWN]:
        values = factors[name]
        n_values = len(set(values.tolist()) if values.dtype.kind == "O" else np.unique(values))
        shown.append(f"{_short(name)} ({n_values:,} values)")
    return _joined(shown, len(factors))


def _joined(shown: list[str], n: int) -> str:
    more = f", … ({n - len(shown):,} more)" if n > len(shown) else ""
    return ", ".join(shown) + more


def _short(name: object, length: int = LENGTH) -> str:
    """Return a name in one line, cut in the middle if it is long."""
    word = " ".join(str(name).split())
    half = length // 2
    return word if len(word) <= length else f"{word[:half]}…{word[-half:]}"
