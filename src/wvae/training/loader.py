"""Shuffled batches on the device, from examples in memory or on disk.

Examples in memory are shuffled as a whole. Those on disk are read in blocks of neighbouring rows,
in random order. As many blocks as fit into a buffer of 32 MB are mixed row by row, while the next
buffer is read. ``docs/benchmarks/scale.md`` shows the effect on the batches and on the training.

The order is a function of the seed and the epoch. A resumed training therefore skips the batches
that are done without reading them.
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
from ..nn import distributed
from ..nn.distributed import RankSlice
from .examples import Array, Examples

BUFFER_BYTES = 1 << 25  # read and mixed at once; two buffers are in memory
MIN_BUFFER_BATCHES = 16
STRATA = 8  # parts of a buffer that are mixed apart: up to 8 processes read disjoint blocks
MAX_GPU_SHARE = 0.4  # of a GPU's free memory that the examples may take

Key = tuple[int, ...]


class Batch(NamedTuple):
    """One process's part of a batch.

    Attributes
    ----------
    x
        (b, \\*shape), float32.
    y
        (b,), label indices.
    weights
        None if all examples count alike.
    rank_slice
        Which rows of the whole batch these are.
    """

    x: Tensor
    y: Tensor
    weights: ExampleWeights | None
    rank_slice: RankSlice


class BatchLoader:
    """Batches of examples, in an order that a key such as (seed, epoch) determines.

    Parameters
    ----------
    data
        In memory or on disk.
    batch_size
        Examples in a batch, of all processes together.
    device
        Where the batches go. Examples in memory are copied to a GPU once, if they fit.
    alone
        Whether this process takes whole batches, even if there are other processes.

    Attributes
    ----------
    steps
        Number of batches in one pass.

    Examples
    --------
    >>> data = Examples(np.zeros((10, 2), np.uint8), np.arange(10))
    >>> loader = BatchLoader(data, 4, torch.device("cpu"))
    >>> [len(batch.y) for batch in loader.batches((0, 1))]
    [4, 4, 2]
    """

    def __init__(
        self, data: Examples, batch_size: int, device: torch.device, *, alone: bool = False
    ) -> None:
        self.data, self.batch_size, self.device, self.alone = data, batch_size, device, alone
        x: Any = data.x
        self.steps = math.ceil(len(x) / batch_size)
        self.shards: Shards | None = None
        self.y_on_gpu: Tensor | None = None
        if on_disk(x) and x.nbytes > BUFFER_BYTES:
            self.shards = x if isinstance(x, Shards) else Shards([x])
        else:
            self.x_in_memory = _to_gpu_if_it_fits(self._as_tensor(x[:]), device)

    @property
    def on_gpu(self) -> bool:
        """Whether all examples are on a GPU, count alike, and belong to this process."""
        if self.shards is not None or not self.x_in_memory.is_cuda:
            return False
        one_process = self.alone or distributed.world_size() == 1
        return one_process and self.data.weights(slice(0, 1), self.device) is None

    def row_batches(self, key: Key, first: int = 0) -> Iterator[Tensor]:
        """Yield the rows of the batches of `batches`, (b,), as indices on the GPU."""
        order = np.random.default_rng(key).permutation(len(self.data.x))
        rows = torch.from_numpy(order).to(self.device)
        yield from rows[first * self.batch_size :].split(self.batch_size)

    def gather(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return examples that are on the GPU, (b, \\*shape) in float32, and their labels, (b,).

        Parameters
        ----------
        rows
            Indices on the GPU, (b,).
        """
        if self.y_on_gpu is None:
            self.y_on_gpu = torch.from_numpy(self.data.y).to(self.device)
        x = self.x_in_memory.index_select(0, rows)
        return self._as_input(x), self.y_on_gpu.index_select(0, rows)

    def batches(self, key: Key, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of one pass.

        Parameters
        ----------
        key
            Seeds the order.
        first
            Number of the first batch to yield: those before it are skipped.
        """
        if self.shards is not None:
            yield from self._from_disk(self.shards, key, first)
            return
        order = np.random.default_rng(key).permutation(len(self.data.x))
        for start in range(first * self.batch_size, len(order), self.batch_size):
            batch_rows = order[start : start + self.batch_size]
            rank_slice = distributed.rank_slice(len(batch_rows), self.alone)
            rows = batch_rows[rank_slice.rows]
            index = torch.from_numpy(rows).to(self.x_in_memory.device)
            yield self._batch(self.x_in_memory.index_select(0, index), rows, rank_slice)

    def _batch(self, x: Tensor, rows: Array, rank_slice: RankSlice) -> Batch:
        """Return a batch on the device, as the network's input."""
        x = self._as_input(x.to(self.device, non_blocking=True))
        y = torch.from_numpy(self.data.y[rows]).to(self.device, non_blocking=True)
        return Batch(x, y, self.data.weights(rows, self.device), rank_slice)

    def _as_input(self, x: Tensor) -> Tensor:
        """Return examples in float32; 8-bit ones as shares of white."""
        return x.float().div_(self.data.value_scale.white) if x.dtype == torch.uint8 else x

    def _from_disk(self, shards: Shards, key: Key, first: int) -> Iterator[Batch]:
        """Yield the batches of one buffer while a thread reads the next buffer."""
        pending: tuple[Future[Array], Array, list[RankSlice]] | None = None
        buffer_rows = max(
            MIN_BUFFER_BATCHES * self.batch_size, BUFFER_BYTES * len(shards) // shards.nbytes
        )
        buffers = shuffle_buffers(shards.blocks(), self.batch_size, buffer_rows, key, first)
        with ThreadPoolExecutor(1) as reader:
            for order in buffers:
                rows, rank_slices = self._own_rows(order)
                job = reader.submit(shards.__getitem__, rows)
                if pending:
                    yield from self._from_buffer(*pending)
                pending = job, rows, rank_slices
            if pending:
                yield from self._from_buffer(*pending)

    def _own_rows(self, order: Array) -> tuple[Array, list[RankSlice]]:
        """Return this process's rows of a buffer, batch by batch, and its slice of each batch."""
        rows: list[Array] = []
        rank_slices: list[RankSlice] = []
        for start in range(0, len(order), self.batch_size):
            batch_rows = order[start : start + self.batch_size]
            rank_slice = distributed.rank_slice(len(batch_rows), self.alone)
            rows.append(batch_rows[rank_slice.rows])
            rank_slices.append(rank_slice)
        return np.concatenate(rows), rank_slices

    def _from_buffer(
        self, job: Future[Array], rows: Array, rank_slices: list[RankSlice]
    ) -> Iterator[Batch]:
        """Yield the batches of a buffer, once it is read."""
        x, start = self._as_tensor(job.result()), 0
        for rank_slice in rank_slices:
            stop = start + rank_slice.rows.stop - rank_slice.rows.start
            yield self._batch(x[start:stop], rows[start:stop], rank_slice)
            start = stop

    def _as_tensor(self, x: Array) -> Tensor:
        """Return examples as a tensor: the network's input, or uint8 to scale in batches."""
        scale = self.data.value_scale
        if x.dtype == np.uint8 and not np.any(scale.offset):
            return _without_copy(x)
        if x.dtype == np.float32 and scale.is_identity:
            return _without_copy(x)
        return torch.from_numpy(scale.apply(x))


def shuffle_buffers(
    blocks: Array, batch_size: int, buffer_rows: int, key: Key, first: int = 0
) -> Iterator[Array]:
    """Yield the order of all rows in one pass, buffer by buffer.

    The blocks are laid end to end in random order and cut into buffers of whole batches. Every
    buffer is then mixed row by row: in `STRATA` equal parts, each of which gives an equal number of
    rows to every batch.

    Parameters
    ----------
    blocks
        First row of each block, and the end of the last one, (blocks + 1,).
    batch_size
        Rows in a batch.
    buffer_rows
        Rows in a buffer, rounded down to whole batches.
    key
        Seeds the order.
    first
        Number of the first batch to yield.

    Examples
    --------
    >>> buffers = list(shuffle_buffers(np.array([0, 4, 8, 10]), 2, 4, (0, 1)))
    >>> [len(order) for order in buffers], np.sort(np.concatenate(buffers)).tolist()
    ([4, 4, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    order = np.random.default_rng(key).permutation(len(blocks) - 1)
    starts, lengths = blocks[:-1][order], np.diff(blocks)[order]
    ends = np.cumsum(lengths)  # of the blocks, laid end to end
    n_rows = int(ends[-1])
    buffer_rows = max(1, buffer_rows // batch_size) * batch_size
    skipped = first * batch_size
    for low in range(skipped // buffer_rows * buffer_rows, n_rows, buffer_rows):
        high = min(low + buffer_rows, n_rows)
        first_block, last_block = np.searchsorted(ends, [low, high - 1], side="right")
        used = range(first_block, last_block + 1)
        parts = [np.arange(starts[block], starts[block] + lengths[block]) for block in used]
        # The previous buffer holds the beginning of the first block.
        offset = low - (ends[first_block] - lengths[first_block])
        rows = np.concatenate(parts)[offset : offset + high - low]
        mixed = rows[_mixing(high - low, batch_size, np.random.default_rng((*key, low)))]
        yield mixed[max(0, skipped - low) :]


def _mixing(n: int, batch_size: int, rng: np.random.Generator) -> Array:
    """Return a random order of n rows in which every batch has equally many of each stratum."""
    if n % batch_size or batch_size % STRATA:
        return rng.permutation(n)
    strata = rng.permuted(np.arange(n).reshape(STRATA, -1), axis=1)
    by_batch = strata.reshape(STRATA, n // batch_size, batch_size // STRATA).swapaxes(0, 1)
    return by_batch.ravel()


def _without_copy(x: Array) -> Tensor:
    """Return an array as a tensor, without a copy where possible. Nothing ever writes to it."""
    if not x.dtype.isnative or any(stride < 0 for stride in x.strides):
        x = np.ascontiguousarray(x, x.dtype.newbyteorder("="))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(x)


def _to_gpu_if_it_fits(x: Tensor, device: torch.device) -> Tensor:
    """Return x on the device if that is a GPU with enough free memory, else x."""
    if device.type == "cuda" and x.nbytes < MAX_GPU_SHARE * torch.cuda.mem_get_info(device)[0]:
        return x.to(device)
    return x
