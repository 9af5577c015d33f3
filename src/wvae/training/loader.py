"""Feeding: from examples, wherever they lie, to shuffled batches on the device.

Examples in memory are shuffled whole. Those on disk are read in blocks of neighbouring rows, in random order; as many
blocks as fit a pool of 32 MB are mixed, row by row, while the next pool is read. ``docs/scale.md`` shows what that does
to the batches, and to the training.

The order is a function of seed and epoch alone: a broken training finds its place again without reading what it has
seen before.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..datasets.shards import Shards, on_disk
from ..model import ExampleWeights
from ..nn.distributed import RankSlice, rank_slice
from .examples import Array, Examples

BUFFER_BYTES, BUFFER_BATCHES = (
    1 << 25,
    16,
)  # read and mixed at once, so many batches at least; two are in memory
LANES = (
    8  # in which a pool is mixed apart, so that up to 8 processes each read their own blocks only
)
RESIDENT = 0.4  # share of a GPU's free memory that examples may take

Key = tuple[int, ...]


class Batch(NamedTuple):
    """One process's share of a batch: x (b, \\*shape) in float32, y (b,), weights, and which rows these are."""

    x: Tensor
    y: Tensor
    weights: ExampleWeights | None
    share: RankSlice


class BatchLoader:
    """Batches of some examples, in an order that a key such as (seed, epoch) decides.

    Parameters
    ----------
    data
        In memory, or on disk.
    size
        Examples in a batch, of all processes together.
    device
        Where the batches are wanted; examples in memory are kept there whole if there is room.
    alone
        Whether this process takes every batch whole, whatever other processes there are.

    Examples
    --------
    >>> feed = BatchLoader(Examples(np.zeros((10, 2), np.uint8), np.arange(10)), 4, torch.device("cpu"))
    >>> [len(batch.y) for batch in feed.batches((0, 1))]
    [4, 4, 2]
    """

    def __init__(
        self, data: Examples, size: int, device: torch.device, *, alone: bool = False
    ) -> None:
        self.data, self.size, self.device, self.alone = data, size, device, alone
        x: Any = data.x
        self.steps = math.ceil(len(x) / size)
        self.shards: Shards | None = None
        if on_disk(x) and x.nbytes > BUFFER_BYTES:
            self.shards = x if isinstance(x, Shards) else Shards([x])
        self.whole = _resident(_tensor(x[:]), device) if self.shards is None else torch.empty(0)

    def batches(self, key: Key, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of one pass, from the batch of number `first` on."""
        if self.shards is not None:
            yield from self._from_disk(self.shards, key, first)
            return
        order = np.random.default_rng(key).permutation(len(self.data.x))
        for start in range(first * self.size, len(order), self.size):
            share = rank_slice(len(order[start : start + self.size]), self.alone)
            rows = order[start:][share.rows]
            yield self._batch(
                self.whole.index_select(0, torch.from_numpy(rows).to(self.whole.device)),
                rows,
                share,
            )

    def _batch(self, x: Tensor, rows: Array, share: RankSlice) -> Batch:
        some = x.to(self.device, non_blocking=True)
        some = some.float().div_(255) if some.dtype == torch.uint8 else some.float()
        y = torch.from_numpy(self.data.y[rows]).to(self.device, non_blocking=True)
        return Batch(some, y, self.data.weights(rows, self.device), share)

    def _from_disk(self, shards: Shards, key: Key, first: int) -> Iterator[Batch]:
        with ThreadPoolExecutor(1) as reader:
            ahead: tuple[Future[Array], Array, list[RankSlice]] | None = None
            rows = max(BUFFER_BATCHES * self.size, BUFFER_BYTES * len(shards) // shards.nbytes)
            for order in shuffle_buffers(shards.blocks(), self.size, rows, key, first):
                shares = [
                    rank_slice(len(order[at : at + self.size]), self.alone)
                    for at in range(0, len(order), self.size)
                ]
                cut = [order[i * self.size :][share.rows] for i, share in enumerate(shares)]
                own = np.concatenate(cut)
                job = reader.submit(shards.__getitem__, own)
                if ahead:
                    yield from self._from_buffer(*ahead)
                ahead = job, own, shares
            if ahead:
                yield from self._from_buffer(*ahead)

    def _from_buffer(
        self, job: Future[Array], rows: Array, shares: list[RankSlice]
    ) -> Iterator[Batch]:
        x, start = _tensor(job.result()), 0
        for share in shares:
            stop = start + share.rows.stop - share.rows.start
            yield self._batch(x[start:stop], rows[start:stop], share)
            start = stop


def shuffle_buffers(
    blocks: Array, size: int, rows: int, key: Key, first: int = 0
) -> Iterator[Array]:
    """Yield the order of all rows in one pass, pool by pool, from the batch of number `first` on.

    Blocks are laid end to end in random order and cut into buffers of about `rows`, a whole number of batches each.
    Every buffer is mixed: in LANES equal parts, of which each batch takes as many rows.

    Parameters
    ----------
    blocks
        Where each begins, and where the last one ends, (blocks + 1,).

    Examples
    --------
    >>> found = list(shuffle_buffers(np.array([0, 4, 8, 10]), 2, 4, (0, 1)))
    >>> [len(order) for order in found], np.sort(np.concatenate(found)).tolist()
    ([4, 4, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    order = np.random.default_rng(key).permutation(len(blocks) - 1)
    begins, lengths = blocks[:-1][order], np.diff(blocks)[order]
    ends, long = np.cumsum(lengths), max(1, rows // size) * size
    for low in range(first * size // long * long, int(ends[-1]), long):
        high = min(low + long, int(ends[-1]))
        a, b = np.searchsorted(ends, [low, high - 1], side="right")
        laid = np.concatenate(
            [np.arange(begins[i], begins[i] + lengths[i]) for i in range(a, b + 1)]
        )
        before = low - (ends[a] - lengths[a])  # what of the first block the pool before has
        mixed = laid[before : before + high - low][
            _mixed(high - low, size, np.random.default_rng((*key, low)))
        ]
        yield mixed[max(0, first * size - low) :]


def _mixed(n: int, size: int, rng: np.random.Generator) -> Array:
    if n % size or size % LANES:
        return rng.permutation(n)
    lanes = rng.permuted(np.arange(n).reshape(LANES, -1), axis=1)
    return lanes.reshape(LANES, n // size, size // LANES).swapaxes(0, 1).ravel()


def _tensor(x: Array) -> Tensor:
    """Return an array in memory as a tensor, not copied if that can be; nothing is ever written to it."""
    if not x.dtype.isnative or any(stride < 0 for stride in x.strides):
        x = np.ascontiguousarray(x, x.dtype.newbyteorder("="))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(x)


def _resident(x: Tensor, device: torch.device) -> Tensor:
    """Return x on the device, if that is a GPU that has room for it."""
    if device.type == "cuda" and x.nbytes < RESIDENT * torch.cuda.mem_get_info(device)[0]:
        return x.to(device)
    return x
