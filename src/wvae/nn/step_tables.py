"""Steps of the sliced transport as look-up tables, which apply them to many codes fast.

A step adds a piecewise linear function of each coordinate u of a code (`wvae.nn.sliced_ot`). Most
of the time would go into the search for the piece that holds u. Here the range of u is divided into
CELLS equal cells, so that u itself tells its cell. A cell holds the line that the function follows
at the cell's left end, and a hinge, c · max(0, u − k), for every knot k inside the cell. This is
the same function: knots do not move to the borders of cells. `torch.nn.functional.grid_sample`
looks all numbers of a cell up at once.

Codes are columns here, (d, B): products of a small matrix with a short and wide one are fast.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

CELLS = 96  # so that quantiles of the usual data, as knots, have a cell each
CHUNK_STEPS = 20  # steps whose tables are made, and stay in the processor's cache, together
BLOCK_VALUES = 16_128  # numbers of a block of codes, which stay there, too
# Blocks have whole numbers of so many codes. Products with other numbers of columns round
# differently, but the code of a row must not depend on the other rows.
BLOCK_CODES = 48
MAX_KEPT_BYTES = 1 << 28  # larger tables are made anew for every batch, for its classes only
MIN_ROWS_TO_KEEP = 100  # a smaller batch does not pay for the tables of all classes


class Steps(NamedTuple):
    """Steps z ↦ z + s (T(z A) − z A) Wᵀ; T maps knots of each class to knots common to all."""

    axes: Tensor  # A, (steps, d, d); unused axes are zero and come last
    directions: Tensor  # W, (steps, d, d)
    source: Tensor  # knots of each class, increasing, (steps, classes, d, KNOTS)
    target: Tensor  # common knots, (steps, d, KNOTS)
    step_size: float  # s


class StepTable(NamedTuple):
    """One step, or its inverse, with m axes. Codes have a last row of ones, (d + 1, B)."""

    axes: Tensor  # (m, d + 1), scaled so that all knots are in [−1, 1]
    directions: Tensor  # (d, m)
    # Slope and intercept of each cell's line, then change of slope and place of each hinge,
    # (1, 2 + 2 hinges, classes · m, CELLS).
    cells: Tensor


class StepTables:
    """The tables of steps, made when they are needed, and kept unless they are too large.

    Parameters
    ----------
    steps
        The steps.
    inverse
        Whether the tables are those of the inverse, from the last step to the first.
    dtype
        Of the tables, and of the arithmetic.
    """

    def __init__(self, steps: Steps, inverse: bool, dtype: torch.dtype) -> None:
        self.steps, self.inverse, self.dtype = steps, inverse, dtype
        self.kept: list[list[StepTable]] | None = None

    def apply(self, z: Tensor, y: Tensor) -> Tensor:
        """Return codes (B, d) after all steps, given label indices y (B,)."""
        if not len(z) or not len(self.steps.axes):
            return z
        order = y.argsort(stable=True)  # the tables of one class stay in the cache
        y, n_rows, chunks = self._tables(y[order])
        columns = torch.cat([z[order].T, z.new_ones(1, len(z))]).to(self.dtype)
        missing = -len(z) % BLOCK_CODES
        columns, y = functional.pad(columns, (0, missing)), functional.pad(y, (0, missing))
        on_cpu = z.device.type == "cpu"
        # A GPU takes all codes at once.
        size = max(1, BLOCK_VALUES // (z.shape[1] * BLOCK_CODES)) * BLOCK_CODES
        size = size if on_cpu else len(y)
        blocks = [block.contiguous() for block in columns.split(size, 1)]
        with _workers(len(blocks)) as run:
            for chunk in chunks:
                run(lambda z, y, c=chunk: _apply_chunk(c, z, y, n_rows), blocks, y.split(size))
        out = torch.empty_like(z)
        out[order] = torch.cat(blocks, 1)[:-1, : len(z)].T.to(z.dtype)
        return out

    def _tables(self, y: Tensor) -> tuple[Tensor, int, Iterator[list[StepTable]]]:
        """Return labels as rows of tables (B,), the number of these rows, and the tables."""
        n_steps, n_classes, d, _ = self.steps.source.shape
        n_bytes = 4 * n_steps * n_classes * d * CELLS * self.dtype.itemsize
        if self.kept is None and n_bytes <= MAX_KEPT_BYTES and len(y) >= MIN_ROWS_TO_KEEP:
            self.kept = list(self._make(None))
        if self.kept is not None:
            return y, n_classes, iter(self.kept)
        classes, rows = y.unique(return_inverse=True)
        return rows, len(classes), self._make(classes)

    def _make(self, classes: Tensor | None) -> Iterator[list[StepTable]]:
        """Yield the tables of up to CHUNK_STEPS steps with equally many axes, in order.

        Parameters
        ----------
        classes
            Indices of the classes whose tables are made; None for all. The table of a class does
            not depend on which others are made.
        """
        n_axes = (self.steps.axes != 0).any(1).sum(1).tolist()
        chunks: list[slice] = []
        start = 0
        for stop in range(1, len(n_axes) + 1):
            same = stop < len(n_axes) and n_axes[stop] == n_axes[start]
            if not same or stop - start == CHUNK_STEPS:
                chunks.append(slice(start, stop))
                start = stop
        for chunk in reversed(chunks) if self.inverse else chunks:
            axes, directions, source, target, step_size = self.steps
            steps = Steps(axes[chunk], directions[chunk], source[chunk], target[chunk], step_size)
            m = max(1, n_axes[chunk.start])
            tables = _make_tables(steps, m, classes, self.inverse, self.dtype)
            yield tables[::-1] if self.inverse else tables


def _apply_chunk(chunk: list[StepTable], z: Tensor, y: Tensor, n_rows: int) -> None:
    """Apply some steps to codes, (d + 1, B), in place, given their rows (B,) of the tables."""
    codes, m = z[:-1], len(chunk[0].axes)
    points = z.new_empty(2, m, z.shape[1])
    table_row = y * m + torch.arange(m, device=z.device).unsqueeze(1)
    points[1] = table_row * (2 / max(1, n_rows * m - 1)) - 1
    u, grid = points[0], points.permute(1, 2, 0).unsqueeze(0)
    for step in chunk:
        torch.mm(step.axes, z, out=u)
        slope, move, *hinges = functional.grid_sample(
            step.cells, grid, mode="nearest", padding_mode="border", align_corners=True
        )[0].unbind()  # (m, B) each
        move.addcmul_(slope, u)
        for bend, place in zip(hinges[::2], hinges[1::2], strict=True):
            move.addcmul_(bend, torch.sub(u, place, out=place).clamp_min_(0))
        codes.addmm_(step.directions, move)


# ------------------------------------------------------------------------------- making the tables


def _make_tables(
    steps: Steps, m: int, classes: Tensor | None, inverse: bool, dtype: torch.dtype
) -> list[StepTable]:
    """Return the tables of steps with m axes each, or of their inverses."""
    knots, target = steps.source[:, :, :m], steps.target[:, None, :m]
    moves = steps.step_size * (target - knots)  # (steps, classes, m, KNOTS)
    if inverse:
        knots, moves = knots + moves, -moves
    low, high = knots[..., 0].amin(1), knots[..., -1].amax(1)  # (steps, m)
    centre, half = (low + high) / 2, (high - low) / 2
    axes = torch.cat([steps.axes[:, :, :m].mT, -centre.unsqueeze(2)], 2) / half.unsqueeze(2)
    if classes is not None:
        knots, moves = knots[:, classes], moves[:, classes]
    places = (knots - centre[:, None, :, None]) / half[:, None, :, None]  # in [−1, 1]
    # Beyond the knots: the outermost pieces depend on few examples, so the mean slope is used.
    outer = (moves[..., -1:] - moves[..., :1]) / (places[..., -1:] - places[..., :1])
    inner = moves.diff(dim=-1) / places.diff(dim=-1)
    bends = torch.cat([outer, inner, outer], -1).diff(dim=-1)  # at each knot
    cells = ((places + 1) * ((CELLS - 1) / 2)).round().long()
    level = _level(cells)
    bend_tables = _to_cells(bends, level, cells)  # (levels, steps, classes, m, CELLS)
    place_tables = _to_cells(places, level, cells)
    # The knots of the cells before decide on the line at the left end of a cell.
    slope = outer + _sum_before(bend_tables.sum(0))
    intercept = moves[..., :1] - outer * places[..., :1]
    intercept = intercept - _sum_before((bend_tables * place_tables).sum(0))
    channels = [slope, intercept]
    for hinge in zip(bend_tables, place_tables, strict=True):
        channels += hinge
    table = torch.stack(channels, 1).to(dtype).flatten(2, 3)
    axes, directions = axes.to(dtype), steps.directions[:, :, :m].to(dtype)
    tables: list[StepTable] = []
    for i, n_hinges in enumerate((level.flatten(1).amax(1) + 1).tolist()):
        # Copies, so that a step with fewer hinges takes less memory.
        cells_of_step = table[i : i + 1, : 2 + 2 * n_hinges].clone()
        tables.append(StepTable(axes[i], directions[i], cells_of_step))
    return tables


def _level(cells: Tensor) -> Tensor:
    """Return how many knots before each one, (…, KNOTS), are in the same cell."""
    one = torch.ones_like(cells)
    count = cells.new_zeros(*cells.shape[:-1], CELLS).scatter_add_(-1, cells, one)
    position = torch.arange(cells.shape[-1], device=cells.device)
    return position - _sum_before(count).gather(-1, cells)


def _to_cells(values: Tensor, level: Tensor, cells: Tensor) -> Tensor:
    """Return values of knots, (…, KNOTS), in their cells, (levels, …, CELLS), and 0 elsewhere."""
    n_levels = int(level.max()) + 1
    table = values.new_zeros(*values.shape[:-1], n_levels * CELLS)
    table.scatter_(-1, level * CELLS + cells, values)
    return table.unflatten(-1, (n_levels, CELLS)).movedim(-2, 0)


def _sum_before(values: Tensor) -> Tensor:
    return values.cumsum(-1) - values


# ----------------------------------------------------------------------------------------- threads


class _ThreadSetting:
    """PyTorch's number of threads while blocks have threads of their own."""

    lock = Lock()
    users = 0
    before = 1


@contextmanager
def _workers(n_tasks: int) -> Generator[Callable[..., object]]:
    """Give a function that maps over blocks, in at most as many threads as PyTorch would use.

    PyTorch would split each of the many small operations; a thread for each block is faster.
    """
    n_threads = torch.get_num_threads()
    setting = _ThreadSetting
    with setting.lock:
        if not setting.users:
            setting.before = n_threads
            torch.set_num_threads(1)
        setting.users += 1
    try:
        if min(n_threads, n_tasks) == 1:
            yield lambda function, *blocks: list(map(function, *blocks))
        else:
            with ThreadPoolExecutor(min(n_threads, n_tasks)) as pool:
                yield lambda function, *blocks: list(pool.map(torch.no_grad()(function), *blocks))
    finally:
        with setting.lock:
            setting.users -= 1
            if not setting.users:
                torch.set_num_threads(setting.before)
