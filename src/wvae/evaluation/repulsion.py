"""The push between the points of a t-SNE map, all pairs at once, on a mesh.

openTSNE's own needs nine Fourier transforms a step, this one two: the push is the slope of a potential, so that one
charge per point is enough, and smooth splines let the mesh be coarser at the same accuracy.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray
STEP = 0.5  # of the mesh, in units of the map: forces are as near to the truth as openTSNE's with its own settings
LEAST, MOST = (
    50,
    2000,
)  # steps across the map: a young map is small, and a point that flies off must not fill the memory
EVEN = 64  # a padded side is a multiple of: powers of two are transformed several times faster
MARGIN = 2  # steps between a point and the border: a spline covers four nodes


class Repulsion:
    """Returns Σ_ij 1 / (1 + ‖y_i − y_j‖²) over i ≠ j, and Σ_j (y_i − y_j) / (1 + ‖y_i − y_j‖²)² of each point, (n, 2).

    Points become charges on the nodes of a mesh, each spread over 4 × 4 of them by cubic B-splines; convolved with the
    kernel they give the potential, whose slope is read at the points by the same splines (smooth particle mesh Ewald).
    The mesh is padded to twice its size, so that no point sees another's image.

    References
    ----------
    Essmann et al. (1995), A smooth particle mesh Ewald method; Linderman et al. (2019), Fast interpolation-based t-SNE.

    Examples
    --------
    >>> total, push = Repulsion()(torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=torch.float64))
    >>> round(total, 3), push[:, 0].round(decimals=3).tolist()  # 2 / (1 + 1), and 1 / (1 + 1)² each way
    (1.0, [-0.25, 0.25])
    """

    def __init__(self) -> None:
        self._mesh: tuple[float, ...] = ()
        self._kernel = self._own = torch.empty(0)

    def __call__(self, y: Tensor) -> tuple[float, Tensor]:
        """Return both sums for float64 points, (n, 2)."""
        low = y.min(0).values
        span: list[float] = (y.max(0).values - low).tolist()
        step = max(min(STEP, max(span) / LEAST), max(span) / MOST, 1e-12)
        shape = [math.ceil(width / step) + 2 * MARGIN + 1 for width in span]
        padded = [EVEN * math.ceil(2 * n / EVEN) for n in shape]
        # A young map's potential differs from point to point in its tenth digit only.
        precision = torch.float32 if step == STEP else torch.float64
        if self._mesh != (step, *padded):  # once the map is large, only the padded shape changes, and not every time
            kernel = _kernel(padded, step)
            self._mesh, self._kernel, self._own = (step, *padded), kernel.to(precision), _own(kernel).to(precision)
        place = (y - low) / step + MARGIN
        cell = place.floor()
        weights, slopes = _splines((place - cell).to(precision))  # (n, 2, 4)
        nodes = cell.long()[:, :, None] + torch.arange(-1, 3)
        at = nodes[:, 0, :, None] * shape[1] + nodes[:, 1, None, :]  # (n, 4, 4)
        along_x, along_y = weights[:, 0, :, None], weights[:, 1, None, :]
        spread = along_x * along_y
        charge = torch.zeros(math.prod(shape), dtype=precision).index_add_(0, at.view(-1), spread.view(-1))
        near = self._potential(charge.view(*shape), *padded).view(-1)[at]
        near -= (spread.view(len(y), 16) @ self._own).view_as(near)  # a point does not push itself
        total = float((near * spread).sum(dtype=torch.float64))
        slope_x = ((near * along_y).sum(2) * slopes[:, 0]).sum(1)
        slope_y = ((near * along_x).sum(1) * slopes[:, 1]).sum(1)
        return total, torch.stack([slope_x, slope_y], 1).to(y.dtype) / (-2 * step)

    def _potential(self, charge: Tensor, rows: int, columns: int) -> Tensor:
        """Convolve with the kernel, axis by axis: half of the padded rows are empty, or not asked for."""
        waves = torch.fft.fft(torch.fft.rfft(charge, n=columns, dim=1), n=rows, dim=0) * self._kernel
        back = torch.fft.ifft(waves, dim=0)[: charge.shape[0]]
        return torch.fft.irfft(back, n=columns, dim=1)[:, : charge.shape[1]].contiguous()


def _kernel(shape: list[int], step: float) -> Tensor:
    """Return the transform of 1 / (1 + r²), divided by that of the splines, which smooth it twice."""
    nodes = [torch.arange(n, dtype=torch.float64) for n in shape]
    x, y = (torch.minimum(i, n - i) * step for i, n in zip(nodes, shape, strict=True))
    smooth_x, smooth_y = (((2 + torch.cos(2 * math.pi * i / n)) / 3) ** 2 for i, n in zip(nodes, shape, strict=True))
    kernel = torch.fft.rfft2(1 / (1 + x[:, None] ** 2 + y**2)).real
    return kernel / (smooth_x[:, None] * smooth_y[: kernel.shape[1]])


def _own(kernel: Tensor) -> Tensor:
    """Return the potential that a charge on each of 4 × 4 nodes has on each of them, (16, 16)."""
    apart = torch.arange(4)[:, None] - torch.arange(4)
    return torch.fft.irfft2(kernel)[apart[:, None, :, None], apart[None, :, None, :]].reshape(16, 16)


def _splines(f: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the four nodes around get, (…, 4), and how that changes with f, the place after the second's."""
    g = 1 - f
    weights = [g**3, 3 * f**3 - 6 * f**2 + 4, 3 * g**3 - 6 * g**2 + 4, f**3]
    slopes = [-(g**2), 3 * f**2 - 4 * f, 4 * g - 3 * g**2, f**2]
    return torch.stack(weights, -1) / 6, torch.stack(slopes, -1) / 2


class Gradient:
    """The gradient of t-SNE as openTSNE asks for it: the pull along neighbours is its own, the push is `Repulsion`."""

    def __init__(self) -> None:
        self._repulsion = Repulsion()
        self._aside = ThreadPoolExecutor(1)  # pull and push are about as long, and wait for nothing of each other

    def __call__(
        self, embedding: Array, P: Any, dof: float = 1, should_eval_error: bool = False, **_: Any
    ) -> tuple[float, Array]:
        """Return the divergence (0 unless asked for), and the gradient, (n, 2)."""
        from openTSNE import _tsne  # pyright: ignore[reportAttributeAccessIssue] – compiled

        y = np.ascontiguousarray(embedding)
        pull = np.zeros_like(y)
        edges = P.indices, P.indptr, P.data
        pulled = self._aside.submit(
            _tsne.estimate_positive_gradient_nn, *edges, y, y, pull, dof, should_eval_error=should_eval_error
        )
        total, push = self._repulsion(torch.from_numpy(y))
        mass, divergence = pulled.result()
        return divergence + mass * math.log(total) if should_eval_error else 0.0, pull - push.numpy() / total
