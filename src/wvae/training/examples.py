"""Training examples: checked on arrival, taken batch by batch."""

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

from ..datasets.numbers import as_numbers, first_word
from ..datasets.shards import Shards, take
from ..datasets.values import ValueScale, learn_scale
from ..model import ExampleWeights
from ..validation import UNLABELLED, encode_labels
from .finite import check_finite_values

Array = np.ndarray
EVALUATION_BATCH = 1000  # examples at once where no gradient is needed
CHECK_ROWS = 10_000  # rows at once while values are checked
MAX_SCALE_ROWS = 100_000  # evenly spaced rows of a table whose mean is its offset
FINGERPRINT_ROWS = 256
BLOCK = 8  # batches are padded to a multiple of this


class CheckedArray(NamedTuple):
    """Examples (n, \\*shape), and their smallest and largest value."""

    x: Array
    low: float
    high: float


@dataclass
class Examples:
    """Examples and their label indices. `x` keeps its dtype and place until a batch is taken."""

    x: Array  # (n, *shape), numbers of any type; in memory or on disk
    y: Array  # (n,), int64; −1 for an unlabelled example
    weight: Array | None = None  # (n,), of mean 1; None if all are 1
    # From the numbers in x to the network's input. None: of uint8, 255 becomes 1, and all other
    # numbers stay as they are.
    scale: ValueScale | None = None

    @property
    def value_scale(self) -> ValueScale:
        """The scale; never None."""
        if self.scale is not None:
            return self.scale
        return ValueScale(white=255 if self.x.dtype == np.uint8 else 1)

    def batch(self, rows: Array | slice, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return x as the network's input, float32 (B, \\*shape), and y, (B,).

        Parameters
        ----------
        rows
            Row indices, or a slice.
        device
            Where the tensors go.
        """
        scale, x = self.value_scale, self.x[rows]
        # A copy: torch must neither write to nor warn about a read-only memory map.
        if x.dtype == np.uint8 and not np.any(scale.offset):  # a quarter of the bytes to move
            pixels = torch.from_numpy(np.array(x)).to(device, non_blocking=True)
            x = pixels.float().div_(scale.white)
        else:
            x = torch.from_numpy(scale.apply(x)).to(device, non_blocking=True)
        return x, torch.from_numpy(np.array(self.y[rows])).to(device, non_blocking=True)

    @cached_property
    def _weights(self) -> tuple[Array, Array] | None:
        """Weights in all terms and in the label's terms, (n,) of mean 1; None if all are 1."""
        is_labelled = self.y != UNLABELLED
        if self.weight is None and is_labelled.all():
            return None
        every = np.ones(len(self.y)) if self.weight is None else self.weight
        labelled = every * is_labelled
        labelled = labelled / max(labelled.mean(), 1e-12)
        return every.astype(np.float32), labelled.astype(np.float32)

    def weights(self, rows: Array | slice, device: torch.device) -> ExampleWeights | None:
        """Return the weights of some rows, or None if all examples count alike.

        Parameters
        ----------
        rows, device
            As in `batch`.
        """
        if self._weights is None:
            return None
        every, labelled = self._weights
        return ExampleWeights(
            torch.from_numpy(np.array(every[rows])).to(device, non_blocking=True),
            torch.from_numpy(np.array(labelled[rows])).to(device, non_blocking=True),
        )

    def subset(self, rows: Array) -> Examples:
        """Return some rows, by sorted indices, with weights of mean 1 again.

        Examples in memory are copied; those on disk stay there.
        """
        weight = None if self.weight is None else self.weight[rows] / self.weight[rows].mean()
        return Examples(take(self.x, rows), self.y[rows], weight, self.scale)

    def subsample(self, max_rows: int, seed: int) -> Examples:
        """Return at most `max_rows` random rows, in memory; `self` if there are no more."""
        if len(self.x) <= max_rows:
            return self
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(len(self.x), max_rows, replace=False, shuffle=False))
        weight = None if self.weight is None else self.weight[rows]
        return Examples(self.x[rows], self.y[rows], weight, self.scale)

    def fingerprint(self) -> str:
        """Return shape, dtype, and a checksum of labels, weights and some examples."""
        every = max(1, len(self.x) // FINGERPRINT_ROWS)
        checksum = zlib.crc32(np.ascontiguousarray(self.y).tobytes())
        checksum = zlib.crc32(np.ascontiguousarray(self.x[::every]).tobytes(), checksum)
        if self.weight is not None:
            checksum = zlib.crc32(np.ascontiguousarray(self.weight).tobytes(), checksum)
        return f"{self.x.shape} {self.x.dtype} {checksum:08x}"


def batches(n: int, size: int | None = None) -> Iterator[slice]:
    """Return slices of `size` rows (default `EVALUATION_BATCH`) that cover range(n) in order.

    >>> list(batches(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = size or EVALUATION_BATCH
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def pad_to_block(x: Tensor) -> Tensor:
    """Return a batch, (B, …), padded with copies of its first row to a multiple of 8 rows.

    Matrix products of a few rows round differently from those of many. In whole blocks, the code of
    a row does not depend on the other rows of its batch.

    >>> pad_to_block(torch.ones(11, 3)).shape
    torch.Size([16, 3])
    """
    missing = -len(x) % BLOCK
    return torch.cat([x, x[:1].expand(missing, *x.shape[1:])]) if missing else x


def check_examples(X: Any) -> CheckedArray:
    """Return X as an array that training can use. Arrays of numbers are not copied.

    Parameters
    ----------
    X
        (n, \\*shape), numbers, as an array, a memory map or `Shards`. A table (n, d) may be
        anything that scikit-learn accepts: a data frame, a list.

    Raises
    ------
    ValueError
        If X is empty, has no axis of examples, or holds NaN, infinity or values too large for
        single precision.
    TypeError
        If X is sparse or not numeric, or holds dates.

    Examples
    --------
    >>> check_examples([[0, 1], [2, 3]]).high
    3.0
    """
    X = as_numbers(X)
    if X.ndim == 2 and not isinstance(X, Shards):
        X = _check_table(X)
    X = np.asarray(X) if not isinstance(X, np.ndarray | Shards) else X
    if X.ndim < 2 or 0 in X.shape:
        raise ValueError(
            f"X has shape {X.shape}, expected (n, *shape) with n ≥ 1, such as (n, 28, 28). "
            "Reshape your data: one example x is x[None]"
        )
    if X.dtype.kind not in "buif":
        raise TypeError(f"X has dtype {X.dtype}, expected numbers: convert it")
    lows: list[float] = []
    highs: list[float] = []
    for rows in batches(len(X), CHECK_ROWS):
        low, high = check_finite_values(X[rows], rows.start)
        if X.dtype == np.uint8 and high > 1:  # the other rows, perhaps many on disk, need no look
            return CheckedArray(X, 0, 255)
        lows.append(low)
        highs.append(high)
    return CheckedArray(X, min(lows), max(highs))


def _check_table(X: Any) -> Array:
    """Return a table of numbers, (n, d), by scikit-learn's rules."""
    numeric = [np.float64, np.float32, np.float16]
    integers = [np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)]
    dtypes: Any = [*numeric, *integers]
    if isinstance(X, np.ndarray) and not X.dtype.isnative:
        # scikit-learn would make float64 of integers, which loses digits beyond 2⁵³.
        X = X.astype(X.dtype.newbyteorder("="))
    try:
        return check_array(
            X, dtype=dtypes, ensure_all_finite=False, estimator="WVAE", input_name="X"
        )
    except (ValueError, TypeError) as error:
        word = first_word(X)
        if not word:
            raise
        # scikit-learn's checks look for the words from "argument" to "number".
        raise type(error)(
            f"X holds {word}, but an argument must be made of numbers, or a string that is a "
            "number: convert the value, or drop its row or column"
        ) from None


def learn_scale_of(checked: CheckedArray, *, per_column: bool, bernoulli: bool) -> ValueScale:
    """Return the scale of training data; see `wvae.datasets.values.learn_scale`."""
    x = checked.x
    if per_column and not bernoulli:
        rows = np.arange(0, len(x), -(-len(x) // MAX_SCALE_ROWS))
    else:  # only floats need a look whether all are whole numbers
        rows = np.arange(len(x) if x.dtype.kind == "f" else 0)
    blocks = (x[rows[block]] for block in batches(len(rows), CHECK_ROWS))
    return learn_scale(
        blocks, checked.low, checked.high, per_column=per_column, bernoulli=bernoulli
    )


def check_fits(
    checked: CheckedArray, shape: tuple[int, ...], scale: ValueScale, y: Array | None = None
) -> Examples:
    """Return checked examples for a model, if they have its shape and its range of values.

    Parameters
    ----------
    checked
        As `check_examples` returns it.
    shape, scale
        The model's.
    y
        Label indices, (n,), or None.

    Raises
    ------
    ValueError
        If the shape differs, or the training values were in [0, 1] and a value is far outside.
    """
    x = checked.x
    if x.shape[1:] != shape:
        raise ValueError(f"X has examples of shape {x.shape[1:]}, the model was trained on {shape}")
    scale = scale.for_array(x, checked.low, checked.high)
    return Examples(x, np.zeros(len(x), np.int64) if y is None else y, scale=scale)


def check_labelled(
    X: Any, y: Any, shape: tuple[int, ...], classes: Array, scale: ValueScale
) -> Examples:
    """Return examples that fit a model; labels may be missing.

    Parameters
    ----------
    X, y
        As users give them.
    shape, classes, scale
        The model's.

    Raises
    ------
    ValueError, TypeError
        If X does not fit the model, or a label is not among `classes`.
    """
    checked = check_examples(X)
    return check_fits(checked, shape, scale, encode_labels(y, len(checked.x), classes))
