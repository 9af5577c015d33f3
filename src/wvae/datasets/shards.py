"""Examples that stay on disk, in one file or several, and behave like one array."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

Array = np.ndarray
# Bytes after which pages that were read are released: the system maps 64 kB around every row.
CHUNK_BYTES = 1 << 18
# Bytes of a block, the unit of shuffling: long for a disk, short for a shuffle.
BLOCK_BYTES = 1 << 16


class Part(Protocol):
    """One file of examples, (n, \\*shape), readable by slices and by sorted indices."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows, and shape of one row."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        ...

    def __getitem__(self, rows: Any) -> Array:
        """Return these rows in memory."""
        ...


class Shards:
    """The rows of several files, one after the other, or some of them.

    It has what training and encoding need of an array: shape, dtype, length, and indexing by
    slices, indices and masks. Indexing returns an array in memory; ``np.asarray`` reads all rows.

    Parameters
    ----------
    parts
        Memory maps, or other files that can be indexed, of the same shape.
    rows
        Which of all rows to use, (n,), sorted; None for all.
    dtype
        Type of the values, to which rows are cast when they are read. None: the type that holds
        the values of all files, in the byte order of the machine.

    Raises
    ------
    ValueError
        If the files hold examples of different shapes, or one holds no numbers.

    Examples
    --------
    >>> shards = Shards([np.arange(6.0).reshape(3, 2), np.arange(6.0, 10.0).reshape(2, 2)])
    >>> shards.shape, shards[[4, 0]].tolist(), shards.take(np.array([1, 4]))[:].tolist()
    ((5, 2), [[8.0, 9.0], [0.0, 1.0]], [[2.0, 3.0], [8.0, 9.0]])
    """

    def __init__(
        self,
        parts: Sequence[Part | Array],
        rows: Array | None = None,
        dtype: np.dtype[Any] | None = None,
    ) -> None:
        shapes = sorted({part.shape[1:] for part in parts})
        if len(shapes) != 1:
            names = ", ".join(str(shape) for shape in shapes) or "no examples"
            raise ValueError(f"the files hold {names}, expected examples of one shape")
        for part in parts:
            if part.dtype.kind not in "biuf":
                raise ValueError(f"a file holds {part.dtype}, expected numbers: convert it")
        common = np.result_type(*(part.dtype for part in parts)) if dtype is None else dtype
        row_shape, self.dtype = shapes[0], common.newbyteorder("=")
        self.parts, self.rows = list(parts), rows
        self.starts = np.cumsum([0, *(part.shape[0] for part in parts)])
        n_rows = int(self.starts[-1]) if rows is None else len(rows)
        self.shape = (n_rows, *row_shape)
        self.ndim = len(self.shape)
        self.nbytes = int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> Array:
        if isinstance(key, int | np.integer):
            return self[[int(key)]][0]
        rows = self._row_indices(key)
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        if not len(rows):
            return out
        is_sorted = bool((np.diff(rows) >= 0).all())
        order = np.arange(len(rows)) if is_sorted else np.argsort(rows, kind="stable")
        rows = rows[order] if self.rows is None else self.rows[rows[order]]
        chunk_rows = max(1, CHUNK_BYTES // max(1, out[:1].nbytes))
        cuts = np.searchsorted(rows, self.starts).tolist()
        for k, part in enumerate(self.parts):
            for low in range(cuts[k], cuts[k + 1], chunk_rows):
                chunk = slice(low, min(low + chunk_rows, cuts[k + 1]))
                part_rows = rows[chunk].astype(np.int64) - self.starts[k]
                out[order[chunk]] = _read(part, part_rows)
                release_pages(part)
        return out

    def _row_indices(self, key: Any) -> Array:
        """Return a slice, a mask or indices as non-negative indices, or raise an IndexError."""
        if isinstance(key, slice):
            return np.arange(*key.indices(len(self)))
        key = np.asarray(key)
        rows = np.flatnonzero(key) if key.dtype == bool else np.where(key < 0, key + len(self), key)
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            wrong = rows[(rows < 0) | (rows >= len(self))][0]
            raise IndexError(f"row {wrong} is out of bounds: there are {len(self)} rows")
        return rows

    def take(self, rows: Array) -> Shards:
        """Return some of the rows, without reading them.

        Parameters
        ----------
        rows
            Sorted indices, or a mask.
        """
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        rows = rows if self.rows is None else self.rows[rows]
        rows = rows.astype(np.uint32 if self.starts[-1] < 2**32 else np.int64)
        return Shards(self.parts, rows, self.dtype)

    def blocks(self) -> Array:
        """Return the first row of each block, and the end of the last one, (blocks + 1,).

        A block is read in one go. A file that can only be read in groups of rows has an attribute
        ``groups``, the first row of each group; its groups are the blocks.
        """
        block_rows = max(1, BLOCK_BYTES * len(self) // max(1, self.nbytes))
        edges: list[Array] = []
        for part, start in zip(self.parts, self.starts, strict=False):
            groups = getattr(part, "groups", np.arange(0, part.shape[0], block_rows))
            edges.append(start + groups)
        all_edges = np.append(np.concatenate(edges), self.starts[-1])
        return all_edges if self.rows is None else np.unique(np.searchsorted(self.rows, all_edges))


def on_disk(x: Any) -> bool:
    """Return whether an array is `Shards`, or a memory map or a view of one.

    >>> on_disk(np.zeros(3))
    False
    """
    return isinstance(x, Shards) or _memory_map_of(x) is not None


def take(x: Any, rows: Array) -> Any:
    """Return some rows of an array: a copy in memory, or `Shards` if the array is on disk.

    Parameters
    ----------
    x
        An array, a memory map or `Shards`.
    rows
        Sorted indices, or a mask.

    Examples
    --------
    >>> take(np.array([5, 6, 7]), np.array([0, 2])).tolist()
    [5, 7]
    """
    if not on_disk(x):
        return x[rows]
    return (x if isinstance(x, Shards) else Shards([x])).take(rows)


def release_pages(x: Any) -> None:
    """Release the pages of a memory map that were read; the file keeps their content."""
    memory_map = _memory_map_of(x)
    # Mode "c" is a private copy: what was written to it exists in memory only.
    if memory_map is None or memory_map.mode == "c":
        return
    if hasattr(memory_map._mmap, "madvise"):
        memory_map._mmap.madvise(mmap.MADV_DONTNEED)


def _read(part: Any, rows: Array) -> Array:
    """Return rows of a file by sorted indices; neighbouring rows are read as one slice."""
    first, last = int(rows[0]), int(rows[-1])
    is_run = last - first == len(rows) - 1 and bool((np.diff(rows) == 1).all())
    return part[first : last + 1] if is_run else part[rows]


def _memory_map_of(x: Any) -> Any:
    """Return the memory map that an array is, or is a view of, or None."""
    while isinstance(x, np.ndarray):
        if isinstance(x, np.memmap) and getattr(x, "_mmap", None) is not None:
            return x
        x = x.base
    return None
