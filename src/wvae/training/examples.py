"""Examples from outside: checked on arrival, and taken batch by batch."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils.validation import check_array, column_or_1d
from torch import Tensor

from ..datasets.shards import Shards, picked

Array = np.ndarray
EVALUATION_BATCH = 1000
BLOCK = 8  # rows
UNLABELLED = -1  # index of a label that is not known


class Checked(NamedTuple):
    """Examples that training can read, (n, \\*shape), and whether they are pixels: all values in [0, 1], or uint8."""

    x: Array
    pixels: bool


class Weights(NamedTuple):
    """How much each example of a batch counts, (B,) each: in all terms, and in those that compare with its label."""

    every: Tensor
    label: Tensor


@dataclass
class Examples:
    """Examples and their labels as indices; `x` stays as it came (uint8, memory map …) until a batch is taken."""

    x: Array  # (n, *shape), uint8 in [0, 255] or float
    y: Array  # (n,), int64; −1 where the label is not known
    weight: Array | None = None  # (n,), of mean 1; None if all are 1

    def batch(self, rows: Array | slice, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the rows as a float tensor, (B, \\*shape), and their labels, (B,); uint8 is scaled to [0, 1]."""
        # np.array copies: torch must never write into (nor warn about) the caller's read-only memory map.
        x = torch.from_numpy(np.array(self.x[rows])).to(device, non_blocking=True)
        x = x.float().div_(255) if x.dtype == torch.uint8 else x.float()
        return x, torch.from_numpy(np.array(self.y[rows])).to(device, non_blocking=True)

    @cached_property
    def _weights(self) -> tuple[Array, Array] | None:
        known = self.y != UNLABELLED
        if self.weight is None and known.all():
            return None
        every = np.ones(len(self.y)) if self.weight is None else self.weight
        label = every * known
        return every.astype(np.float32), (label / max(label.mean(), 1e-12)).astype(np.float32)

    def weights(self, rows: Array | slice, device: torch.device) -> Weights | None:
        """Return what the rows count, each of mean 1 over all the data, or None if all count alike."""
        if self._weights is None:
            return None
        return Weights(*(torch.from_numpy(np.array(w[rows])).to(device, non_blocking=True) for w in self._weights))

    def subset(self, rows: Array) -> Examples:
        """Return some rows, by sorted indices, with weights of mean 1 again; copied unless they stay on disk."""
        weight = None if self.weight is None else self.weight[rows] / self.weight[rows].mean()
        return Examples(picked(self.x, rows), self.y[rows], weight)

    def some(self, most: int, seed: int) -> Examples:
        """Return at most so many rows in memory, chosen at random; all of them as they are if there are no more."""
        if len(self.x) <= most:
            return self
        rows = np.sort(np.random.default_rng(seed).choice(len(self.x), most, replace=False, shuffle=False))
        return Examples(self.x[rows], self.y[rows], None if self.weight is None else self.weight[rows])

    def fingerprint(self) -> str:
        """Return what tells these data from others: shape, type, and a checksum of labels, weights, 256 examples."""
        some = np.ascontiguousarray(self.x[:: max(1, len(self.x) // 256)])
        checksum = zlib.crc32(some.tobytes(), zlib.crc32(np.ascontiguousarray(self.y).tobytes()))
        if self.weight is not None:
            checksum = zlib.crc32(np.ascontiguousarray(self.weight).tobytes(), checksum)
        return f"{self.x.shape} {self.x.dtype} {checksum:08x}"


def rows_of_each(y: Array, n: int) -> list[Array]:
    """Return the rows of each of n labels' indices, in order; what takes a mask for each would grow with rows × labels.

    >>> [rows.tolist() for rows in rows_of_each(np.array([1, 0, 1, -1]), 3)]
    [[1], [0, 2], []]
    """
    order = np.argsort(y, kind="stable")
    return np.split(order, np.searchsorted(y, np.arange(n + 1), sorter=order))[1:-1]


def batches(n: int, size: int | None = None) -> Iterator[slice]:
    """Yield slices that cover range(n) in order, EVALUATION_BATCH long unless told otherwise."""
    size = size or EVALUATION_BATCH
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def in_blocks(x: Tensor) -> Tensor:
    """Return a batch, (B, …), with its first row repeated at the end until it fills whole blocks of 8.

    Matrix products of a few rows are rounded otherwise than those of many: in whole blocks, a row's code does not
    depend on which others are encoded with it.
    """
    missing = -len(x) % BLOCK
    return torch.cat([x, x[:1].expand(missing, *x.shape[1:])]) if missing else x


def check_examples(X: Any) -> Checked:
    """Return X as an array that training can read; an array of uint8 or floating numbers is not copied, and read once.

    A table (n, d) may be whatever scikit-learn takes for one: a data frame, a list, integers. Images are arrays.

    Raises
    ------
    ValueError
        If it is empty, has no example axis, or holds NaN, infinity or what single precision cannot hold.
    TypeError
        If it is not numeric, or sparse.
    """
    n_axes = X.ndim if hasattr(X, "ndim") else np.ndim(np.asarray(X))
    if n_axes == 2 and not isinstance(X, Shards):
        kinds: Any = [np.float64, np.float32, np.float16, np.uint8]
        X = check_array(X, dtype=kinds, ensure_all_finite=False, estimator="WVAE", input_name="X")
    X = np.asarray(X) if not isinstance(X, np.ndarray | Shards) else X
    if X.ndim < 2 or 0 in X.shape:
        raise ValueError(
            f"X has shape {X.shape}, expected (n, *shape) with n ≥ 1, such as (n, 28, 28). Reshape your data: "
            "one example x is x[None]"
        )
    if X.dtype == np.uint8:
        return Checked(X, pixels=True)
    if X.dtype.kind != "f":
        raise TypeError(f"X has dtype {X.dtype}, expected uint8 in [0, 255] or floating numbers: convert it")
    pixels = True
    for rows in batches(len(X), 10_000):
        part = X[rows]
        low, high = part.min(), part.max()
        pixels = pixels and bool(low >= 0 and high <= 1)
        largest = float(np.maximum(-low, high))
        if not largest <= float(np.finfo(np.float32).max):
            what = "NaN" if np.isnan(largest) else "infinity" if np.isinf(largest) else f"values up to {largest:g}"
            raise ValueError(f"X holds {what} among the rows {rows.start} to {rows.stop - 1}: drop or fill them")
    return Checked(X, pixels)


def check_shape(found: Checked, shape: tuple[int, ...], pixels: bool) -> Array:
    """Return checked examples, or raise a ValueError if they have another shape or range than the model's."""
    x = found.x
    if x.shape[1:] != shape:
        raise ValueError(f"X has examples of shape {x.shape[1:]}, the model was trained on {shape}")
    if pixels and not found.pixels:
        raise ValueError(
            f"X holds values from {x.min():g} to {x.max():g}, expected [0, 1] as in training: scale it alike, or train "
            "on data of this range, too"
        )
    return x


def check_weights(sample_weight: Any, n: int) -> Array | None:
    """Return weights, (n,), or None for none.

    Raises
    ------
    ValueError
        If they are not n numbers from 0 on, or all are 0.
    """
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, np.float64)
    if weight.shape != (n,):
        raise ValueError(f"sample_weight has shape {weight.shape}, expected ({n},), one weight for each row of X")
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise ValueError("sample_weight holds NaN, infinity or negative numbers, expected weights from 0 on")
    if not weight.any():
        raise ValueError("sample_weight is zero everywhere, expected at least one non-zero number")
    return weight


def check_groups(groups: Any, n: int) -> Array | None:
    """Return groups, (n,), or None for none, or raise a ValueError if there are more or fewer."""
    groups = None if groups is None else np.asarray(groups)
    if groups is not None and groups.shape != (n,):
        raise ValueError(f"groups has shape {groups.shape}, expected ({n},), one for each row of X")
    return groups


def check_labels(y: Any, n: int) -> tuple[Array, Array]:
    """Return the classes, sorted, and each label's index among them, −1 where it is not known.

    A label is not known where it is None or NaN; or, among integers from 0 on, where it is −1. Only the coding as −1
    and 1 has −1 as a class.

    Raises
    ------
    ValueError
        If the length is wrong, there are fewer than two classes or a class has one example.
    TypeError
        If it holds labels of several kinds.
    """
    y = column(y, n)
    missing = missing_in(y)
    if y.dtype.kind in "if" and not missing.any() and (y == UNLABELLED).any():
        others = np.unique(y[y != UNLABELLED])
        if others.min(initial=0) >= 0 and others.tolist() != [1]:
            missing = y == UNLABELLED
    known = y[~missing]
    if y.dtype.kind == "O":
        kinds = {type(value).__name__ for value in known}
        if len(kinds) > 1:
            raise TypeError(f"y mixes {' and '.join(sorted(kinds))}, expected labels of one kind: convert them")
    if y.dtype.kind == "f" and not (np.isfinite(known).all() and (known == np.round(known)).all()):
        raise ValueError(
            "Unknown label type: y holds fractions or infinity (it is continuous), expected classes (integers or "
            "strings): cut it into bins"
        )
    classes = np.unique(known)
    indices = np.searchsorted(classes, known)  # takes less memory than to have `unique` return them
    counts = np.bincount(indices, minlength=len(classes))
    if len(classes) < 2:
        found = f"one class only ({classes[0]!r})" if len(classes) else "no class at all"
        unknown = f", and {missing.sum()} rows without a label" if missing.any() else ""
        raise ValueError(f"y holds {found}{unknown}: nothing to split off, expected at least two")
    if counts.min() < 2:
        rare = classes[counts.argmin()]
        raise ValueError(f"label {rare!r} has one example, expected at least two: drop it or merge it with another")
    out = np.full(n, UNLABELLED, np.int64)
    out[~missing] = indices
    return classes, out


def labelled(X: Any, y: Any, shape: tuple[int, ...], classes: Array, pixels: bool) -> Examples:
    """Return examples of this shape with labels among these classes, or without a label."""
    X = check_shape(check_examples(X), shape, pixels)
    return Examples(X, coded(y, len(X), classes))


def coded(y: Any, n: int, classes: Array) -> Array:
    """Return each label's index among the classes, (n,); −1 for None, for NaN, and for −1 where that is no class."""
    y = column(y, n)
    missing = missing_in(y, classes)
    out = np.full(n, UNLABELLED, np.int64)
    out[~missing] = indices_of(y[~missing], classes)
    return out


def indices_of(y: Any, classes: Array) -> Array:
    """Return each label's index among the classes."""
    y = np.asarray(y)
    indices = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    if len(y) and (classes[indices] != y).any():
        raise ValueError(f"label {y[classes[indices] != y][0]!r} was not seen in training; known: {classes.tolist()}")
    return indices.astype(np.int64)


def column(y: Any, n: int) -> Array:
    """Return labels as an array, (n,), or raise a ValueError; a column (n, 1) is taken with a warning."""
    if y is None:
        raise ValueError("WVAE requires y to be passed, but the target y is None: give a label for each row of X")
    y = np.asarray(y)
    if y.shape == (n, 1):
        y = column_or_1d(y, warn=True)
    if y.shape != (n,):
        raise ValueError(f"y has shape {y.shape}, expected ({n},), one label for each row of X")
    return y


def missing_in(y: Array, classes: Array | None = None) -> Array:
    """Return where a label, (n,), is not known: NaN, None, or −1 if the classes are given and do not have it."""
    if y.dtype.kind == "O":  # pandas' NA is unlike itself in a way of its own
        return np.array([v is None or type(v).__name__ in ("NAType", "NaTType") or v != v for v in y], bool)
    missing = np.isnan(y) if y.dtype.kind == "f" else np.zeros(len(y), bool)
    if y.dtype.kind in "if" and classes is not None and UNLABELLED not in classes.tolist():
        missing |= y == UNLABELLED
    return missing
