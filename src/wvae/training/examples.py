"""Examples from outside: checked on arrival, and taken batch by batch."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils.validation import check_array
from torch import Tensor

from ..datasets.shards import Shards, picked
from ..model import ExampleWeights
from ..validation import UNLABELLED, encode_labels

Array = np.ndarray
EVALUATION_BATCH = 1000
BLOCK = 8  # rows


class Checked(NamedTuple):
    """Examples that training can read, (n, \\*shape), and whether all values lie in [0, 1], or are uint8."""

    x: Array
    unit_range: bool


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

    def weights(self, rows: Array | slice, device: torch.device) -> ExampleWeights | None:
        """Return what the rows count, each of mean 1 over all the data, or None if all count alike."""
        if self._weights is None:
            return None
        return ExampleWeights(
            *(
                torch.from_numpy(np.array(w[rows])).to(device, non_blocking=True)
                for w in self._weights
            )
        )

    def subset(self, rows: Array) -> Examples:
        """Return some rows, by sorted indices, with weights of mean 1 again; copied unless they stay on disk."""
        weight = None if self.weight is None else self.weight[rows] / self.weight[rows].mean()
        return Examples(picked(self.x, rows), self.y[rows], weight)

    def subsample(self, most: int, seed: int) -> Examples:
        """Return at most so many rows in memory, chosen at random; all of them as they are if there are no more."""
        if len(self.x) <= most:
            return self
        rows = np.sort(
            np.random.default_rng(seed).choice(len(self.x), most, replace=False, shuffle=False)
        )
        return Examples(
            self.x[rows], self.y[rows], None if self.weight is None else self.weight[rows]
        )

    def fingerprint(self) -> str:
        """Return what tells these data from others: shape, type, and a checksum of labels, weights, 256 examples."""
        some = np.ascontiguousarray(self.x[:: max(1, len(self.x) // 256)])
        checksum = zlib.crc32(some.tobytes(), zlib.crc32(np.ascontiguousarray(self.y).tobytes()))
        if self.weight is not None:
            checksum = zlib.crc32(np.ascontiguousarray(self.weight).tobytes(), checksum)
        return f"{self.x.shape} {self.x.dtype} {checksum:08x}"


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
        return Checked(X, unit_range=True)
    if X.dtype.kind != "f":
        raise TypeError(
            f"X has dtype {X.dtype}, expected uint8 in [0, 255] or floating numbers: convert it"
        )
    unit_range = True
    for rows in batches(len(X), 10_000):
        part = X[rows]
        low, high = part.min(), part.max()
        unit_range = unit_range and bool(low >= 0 and high <= 1)
        largest = float(np.maximum(-low, high))
        if not largest <= float(np.finfo(np.float32).max):
            what = (
                "NaN"
                if np.isnan(largest)
                else "infinity"
                if np.isinf(largest)
                else f"values up to {largest:g}"
            )
            raise ValueError(
                f"X holds {what} among the rows {rows.start} to {rows.stop - 1}: drop or fill them"
            )
    return Checked(X, unit_range)


def check_shape(found: Checked, shape: tuple[int, ...], unit_range: bool) -> Array:
    """Return checked examples, or raise a ValueError if they have another shape or range than the model's."""
    x = found.x
    if x.shape[1:] != shape:
        raise ValueError(f"X has examples of shape {x.shape[1:]}, the model was trained on {shape}")
    if unit_range and not found.unit_range:
        raise ValueError(
            f"X holds values from {x.min():g} to {x.max():g}, expected [0, 1] as in training: scale it alike, or train "
            "on data of this range, too"
        )
    return x


def labelled(X: Any, y: Any, shape: tuple[int, ...], classes: Array, unit_range: bool) -> Examples:
    """Return examples of this shape with labels among these classes, or without a label."""
    X = check_shape(check_examples(X), shape, unit_range)
    return Examples(X, encode_labels(y, len(X), classes))
