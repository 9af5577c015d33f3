"""Style features of colour images: their colours, and the strength of their edges."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# Below the median and little above it: objects in the foreground are often brighter than the
# background, and have stronger edges.
QUANTILE_LEVELS = (0.1, 0.3, 0.5, 0.7)
EDGE_SCALES = (1, 2, 4)  # pixels
TOTAL_WEIGHT = 15.0  # half of it for colours, half for edges
EDGE_FLOOR = 1e-6  # added to squared differences: a flat image has no logarithm of its edges


class ColourStyleFeatures(nn.Module):
    """Pooled statistics of colour images, (B, 3, height, width) in [0, 1] → (B, 24).

    =======  ==  =============================================================================
    colours  12  the 10, 30, 50 and 70 % quantiles of each channel, at every other pixel
    edges    12  logarithms of the same quantiles of the edge strength of the grey image, at
                 scales of 1, 2 and 4 pixels
    =======  ==  =============================================================================

    Quantiles do not depend on positions. Images with a side below 16 pixels have no edges of 4
    pixels, and so on: then there are fewer than 24 features. Nothing is learnt.

    Parameters
    ----------
    shape
        Shape of one example, (3, height, width).

    Examples
    --------
    >>> red = torch.zeros(1, 3, 16, 16)
    >>> red[:, 0] = 0.5
    >>> features = ColourStyleFeatures((3, 16, 16))
    >>> features.size, features(red)[0, :12:4].tolist()
    (24, [0.5, 0.0, 0.0])
    """

    weight: Tensor
    noise: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.scales = [scale for scale in EDGE_SCALES if min(shape[-2:]) >= 4 * scale]
        n_colours = shape[0] * len(QUANTILE_LEVELS)
        n_edges = len(self.scales) * len(QUANTILE_LEVELS)
        self.size = n_colours + n_edges
        group_weight = TOTAL_WEIGHT / 2 if n_edges else TOTAL_WEIGHT
        weight = torch.cat(
            [
                torch.full((n_colours,), group_weight / n_colours),
                torch.full((n_edges,), group_weight / max(n_edges, 1)),
            ]
        )
        self.register_buffer("weight", weight, persistent=False)  # (size,)
        self.register_buffer("noise", torch.zeros_like(weight), persistent=False)  # (size,)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features, (B, size)."""
        parts = [_quantiles(x[..., ::2, ::2].flatten(2))]
        grey = x.mean(1, keepdim=True)
        for scale in self.scales:
            coarse = functional.avg_pool2d(grey, scale) if scale > 1 else grey
            corner = coarse[..., 1:, 1:]
            dx, dy = corner - coarse[..., 1:, :-1], corner - coarse[..., :-1, 1:]
            if scale == 1:  # every other pixel is enough
                dx, dy = dx[..., ::2, ::2], dy[..., ::2, ::2]
            strength = (dx.square() + dy.square() + EDGE_FLOOR).sqrt()
            parts.append(_quantiles(strength.flatten(2)).log())
        return torch.cat(parts, 1)


def _quantiles(values: Tensor) -> Tensor:
    """Return the quantiles of each row, (B, rows, n) → (B, rows · levels)."""
    ordered, last = values.sort(-1).values, values.shape[-1] - 1
    return torch.stack([ordered[..., int(level * last)] for level in QUANTILE_LEVELS], 2).flatten(1)
