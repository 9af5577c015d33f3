"""Examples that stay on disk, in one file or many: an array is read from them where it is asked for."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

Array = np.ndarray
CHUNK_BYTES = (
    1 << 18
)  # after which the pages that were read are let go: around every row the system maps 64 kB
BLOCK_BYTES = (
    1 << 16
)  # of a memory map, read in one go where rows are shuffled: long for a disk, short for a shuffle


class Part(Protocol):
    """One file of examples: an array of (n, \\*shape) that is read by slices and by sorted indices."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows, and shape of one."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """What the values are."""
        ...

    def __getitem__(self, rows: Any) -> Array:
        """Return these rows in memory."""
        ...


class Shards:
    """The rows of several files, one after the other; or of those only some.

    It has what training and encoding ask of an array: shape, dtype, length, and rows by slice, indices or mask, which
    come as an array in memory. ``np.asarray`` reads all of it.

    Parameters
    ----------
    parts
        The files, of one shape and dtype: memory maps, or what reads like one.
    rows
        Which of all rows there are, (n,), sorted; None for all.

    Raises
    ------
    ValueError
        If the files hold examples of different shapes or types.

    Examples
    --------
    >>> two = Shards([np.arange(6.0).reshape(3, 2), np.arange(6.0, 10.0).reshape(2, 2)])
    >>> two.shape, two[[4, 0]].tolist(), two.pick(np.array([1, 4]))[:].tolist()
    ((5, 2), [[8.0, 9.0], [0.0, 1.0]], [[2.0, 3.0], [8.0, 9.0]])
    """

    def __init__(self, parts: Sequence[Part | Array], rows: Array | None = None) -> None:
        kinds = {(part.shape[1:], part.dtype) for part in parts}
        if len(kinds) != 1:
            found = (
                ", ".join(sorted(f"{shape} {dtype}" for shape, dtype in kinds)) or "no file at all"
            )
            raise ValueError(f"the files hold {found}, expected examples of one shape and type")
        self.parts, self.rows = list(parts), rows
        (inner, self.dtype), self.starts = (
            kinds.pop(),
            np.cumsum([0, *(part.shape[0] for part in parts)]),
        )
        self.shape = (int(self.starts[-1]) if rows is None else len(rows), *inner)
        self.ndim, self.nbytes = (
            len(self.shape),
            int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize,
        )

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> Array:
        if isinstance(key, int | np.integer):
            return self[[int(key)]][0]
        if isinstance(key, slice):
            rows = np.arange(*key.indices(len(self)))
        else:
            rows = np.asarray(key)
            rows = (
                np.flatnonzero(rows)
                if rows.dtype == bool
                else np.where(rows < 0, rows + len(self), rows)
            )
        if not len(rows):
            return np.empty((0, *self.shape[1:]), self.dtype)
        if rows.min() < 0 or rows.max() >= len(self):
            raise IndexError(f"row {rows.max()} of {len(self)} was asked for")
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        order = (
            np.arange(len(rows)) if (np.diff(rows) >= 0).all() else np.argsort(rows, kind="stable")
        )
        rows = rows[order] if self.rows is None else self.rows[rows[order]]
        cuts, step = (
            np.searchsorted(rows, self.starts),
            max(1, CHUNK_BYTES // max(1, out[:1].nbytes)),
        )
        for part, start, low, high in zip(self.parts, self.starts, cuts, cuts[1:], strict=False):
            for at in range(int(low), int(high), step):
                some = slice(at, min(at + step, high))
                own = rows[some].astype(np.int64) - start
                whole = own[-1] - own[0] == len(own) - 1 and bool((np.diff(own) == 1).all())
                out[order[some]] = part[int(own[0]) : int(own[-1]) + 1] if whole else part[own]
                forget(part)
        return out

    def pick(self, rows: Array) -> Shards:
        """Return some of the rows, by sorted indices or by a mask; nothing is read."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        rows = rows if self.rows is None else self.rows[rows]
        return Shards(self.parts, rows.astype(np.uint32 if self.starts[-1] < 2**32 else np.int64))

    def blocks(self) -> Array:
        """Return where the blocks begin that are read in one go, and where the last ends, (blocks + 1,)."""
        size = max(1, BLOCK_BYTES * len(self) // max(1, self.nbytes))
        # A file that can be read only in groups of rows says where they begin.
        groups = [getattr(part, "groups", np.arange(0, part.shape[0], size)) for part in self.parts]
        edges = [start + group for start, group in zip(self.starts, groups, strict=False)]
        edges = np.append(np.concatenate(edges), self.starts[-1])
        return edges if self.rows is None else np.unique(np.searchsorted(self.rows, edges))


def on_disk(x: Any) -> bool:
    """Tell whether an array is a memory map, or `Shards`."""
    return isinstance(x, Shards) or _mapped(x) is not None


def picked(x: Any, rows: Array) -> Any:
    """Return some rows of an array, by sorted indices or by a mask: copied, or left on disk if they are there."""
    if not on_disk(x):
        return x[rows]
    return (x if isinstance(x, Shards) else Shards([x])).pick(rows)


def forget(x: Any) -> None:
    """Take the pages of a memory map that were read out of this process's memory; the file keeps what is in them."""
    found = _mapped(x)
    # A private copy ("c") has nowhere else to keep what was written to it.
    if found is not None and found.mode != "c" and hasattr(found._mmap, "madvise"):
        found._mmap.madvise(mmap.MADV_DONTNEED)


def _mapped(x: Any) -> Any:
    """Return the memory map that an array is, or is a view of, or None."""
    while isinstance(x, np.ndarray):
        if isinstance(x, np.memmap) and getattr(x, "_mmap", None) is not None:
            return x
        x = x.base
    return None
