"""Style features of pictures in colour: the colours that there are, and how rough it is, wherever in the picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SHARES = (
    0.1,
    0.3,
    0.5,
    0.7,
)  # of the values, below each quantile; what stands in front is brighter, or hides in edges
PYRAMID = (1, 2, 4)  # pixels: the scales at which edges are looked at
TOTAL = 15.0  # sum of the weights, half for colours, half for edges
FAINT = 1e-6  # squared difference that is added: a flat picture has no logarithm of its edges


class ColourStyleFeatures(nn.Module):
    """Pooled statistics of pictures in colour, (B, 3, height, width) in [0, 1] → (B, 24): nothing learnt.

    =======  ==  ===============================================================================================
    colours  12  the 10, 30, 50 and 70 % quantiles of each channel
    edges    12  logs of the same quantiles of the strength of the edges of the grey picture, at 1, 2 and 4 pixels
    =======  ==  ===============================================================================================

    Quantiles do not ask where a value is. Every other pixel is enough for the finest of them.

    Parameters
    ----------
    shape
        Shape of one example, (3, height, width).

    Examples
    --------
    >>> red = torch.zeros(1, 3, 16, 16)
    >>> red[:, 0] = 0.5
    >>> statistics = ColourStyleFeatures((3, 16, 16))
    >>> statistics.size, statistics(red)[0, :12:4].tolist()
    (24, [0.5, 0.0, 0.0])
    """

    weight: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        # Of a picture of a few pixels there are no coarse edges.
        self.scales = [scale for scale in PYRAMID if min(shape[-2:]) >= 4 * scale]
        sizes = shape[0] * len(SHARES), len(self.scales) * len(SHARES)
        self.size = sum(sizes)
        shares = torch.cat(
            [torch.full((n,), TOTAL / sum(n > 0 for n in sizes) / max(n, 1)) for n in sizes]
        )
        self.register_buffer("weight", shares, persistent=False)  # (size,)

    def forward(self, x: Tensor) -> Tensor:
        """Return the statistics, (B, size)."""
        parts = [_quantiles(x[..., ::2, ::2].flatten(2))]
        grey = x.mean(1, keepdim=True)
        for scale in self.scales:
            coarse = functional.avg_pool2d(grey, scale) if scale > 1 else grey
            corner = coarse[..., 1:, 1:]
            across, down = corner - coarse[..., 1:, :-1], corner - coarse[..., :-1, 1:]
            if scale == 1:
                across, down = across[..., ::2, ::2], down[..., ::2, ::2]
            parts.append(
                _quantiles((across.square() + down.square() + FAINT).sqrt().flatten(2)).log()
            )
        return torch.cat(parts, 1)


def _quantiles(values: Tensor) -> Tensor:
    """Return the quantiles of each row, (B, rows, n) → (B, rows · SHARES)."""
    ordered, last = values.sort(-1).values, values.shape[-1] - 1
    return torch.stack([ordered[..., int(share * last)] for share in SHARES], 2).flatten(1)
