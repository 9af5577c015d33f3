"""Examples from outside: checked on arrival, and taken batch by batch."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray
EVALUATION_BATCH = 1000


@dataclass
class Examples:
    """Examples and their labels as indices; `x` stays as it came (uint8, memory map …) until a batch is taken."""

    x: Array  # (n, *shape), uint8 in [0, 255] or float in [0, 1]
    y: Array  # (n,), int64

    def batch(self, rows: Array | slice, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the rows as a float tensor in [0, 1], (B, \\*shape), and their labels, (B,)."""
        # np.array copies: torch must never write into (nor warn about) the caller's read-only memory map.
        x = torch.from_numpy(np.array(self.x[rows])).to(device, non_blocking=True)
        x = x.float().div_(255) if x.dtype == torch.uint8 else x.float()
        return x, torch.from_numpy(np.array(self.y[rows])).to(device, non_blocking=True)

    def fingerprint(self) -> str:
        """Return what tells these data from others: shape, type, and a checksum of all labels and of 256 examples."""
        some = np.ascontiguousarray(self.x[:: max(1, len(self.x) // 256)])
        checksum = zlib.crc32(some.tobytes(), zlib.crc32(np.ascontiguousarray(self.y).tobytes()))
        return f"{self.x.shape} {self.x.dtype} {checksum:08x}"


def batches(n: int, size: int | None = None) -> Iterator[slice]:
    """Yield slices that cover range(n) in order, EVALUATION_BATCH long unless told otherwise."""
    size = size or EVALUATION_BATCH
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def check_examples(X: Any) -> Array:
    """Return X as an array that training can read, without copying it.

    Raises
    ------
    ValueError
        If it is empty, has no example axis, holds NaN, or floating values outside [0, 1].
    TypeError
        If it is not numeric.
    """
    X = X if isinstance(X, np.ndarray) else np.asarray(X)
    if X.ndim < 2 or 0 in X.shape:
        raise ValueError(f"X has shape {X.shape}, expected (n, *shape) with n ≥ 1, such as (n, 28, 28)")
    if X.dtype == np.uint8:
        return X
    if X.dtype.kind != "f":
        raise TypeError(f"X has dtype {X.dtype}, expected uint8 in [0, 255] or floating in [0, 1]: convert it")
    for rows in batches(len(X), 10_000):
        low, high = float(X[rows].min()), float(X[rows].max())
        if np.isnan(low) or np.isnan(high):
            raise ValueError(f"X holds NaN among the rows {rows.start} to {rows.stop - 1}: drop or fill them")
        if low < 0 or high > 1:
            raise ValueError(f"X holds values from {low:g} to {high:g}, expected [0, 1] (pixels): scale it")
    return X


def check_shape(X: Any, shape: tuple[int, ...]) -> Array:
    """Return X, checked, or raise a ValueError if its examples have another shape than the model's."""
    X = check_examples(X)
    if X.shape[1:] != shape:
        raise ValueError(f"X has examples of shape {X.shape[1:]}, the model was trained on {shape}")
    return X


def labelled(X: Any, y: Any, shape: tuple[int, ...], classes: Array) -> Examples:
    """Return examples of this shape with labels among these classes."""
    X, y = check_shape(X, shape), np.asarray(y)
    if y.shape != (len(X),):
        raise ValueError(f"y has shape {y.shape}, expected ({len(X)},), one label for each row of X")
    return Examples(X, indices_of(y, classes))


def check_labels(y: Any, n: int) -> tuple[Array, Array]:
    """Return the classes, sorted, and each label's index among them.

    Raises
    ------
    ValueError
        If the length is wrong, a label is missing, there is one class only or a class has one example.
    TypeError
        If it holds labels of several kinds.
    """
    y = np.asarray(y)
    if y.shape != (n,):
        raise ValueError(f"y has shape {y.shape}, expected ({n},), one label for each row of X")
    if y.dtype.kind == "f":
        if not np.isfinite(y).all():
            raise ValueError("y holds NaN: drop the rows without a label")
        if (y != np.round(y)).any():
            raise ValueError("y holds fractions, expected classes (integers or strings): cut it into bins")
    if y.dtype.kind == "O":
        kinds = {type(value).__name__ for value in y}
        if "NoneType" in kinds or any(value != value for value in y):  # only NaN differs from itself
            raise ValueError("y holds None or NaN: drop the rows without a label")
        if len(kinds) > 1:
            raise TypeError(f"y mixes {' and '.join(sorted(kinds))}, expected labels of one kind: convert them")
    classes, indices, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"y holds one class only ({classes[0]!r}): nothing to split off, expected at least two")
    if counts.min() < 2:
        rare = classes[counts.argmin()]
        raise ValueError(f"label {rare!r} has one example, expected at least two: drop it or merge it with another")
    return classes, indices.astype(np.int64)


def indices_of(y: Any, classes: Array) -> Array:
    """Return each label's index among the classes."""
    y = np.asarray(y)
    indices = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    if len(y) and (classes[indices] != y).any():
        raise ValueError(f"label {y[classes[indices] != y][0]!r} was not seen in training; known: {classes.tolist()}")
    return indices.astype(np.int64)
