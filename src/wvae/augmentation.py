"""Augmentation: more examples at no cost in memory; the label stays, the style moves."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SLANT, WIDTH, HEIGHT = 0.2, 0.12, 0.06  # standard deviations: of the slant, and of the logarithms of the stretches
PEN = 0.7  # at most, how far towards the image drawn with strokes one pixel wider, or thinner, on both sides


def varied(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return a batch of images of which a share is slanted, stretched, and drawn with a thicker or thinner pen.

    Parameters
    ----------
    x
        (B, height, width) or (B, channels, height, width), strokes bright.
    share
        Of the images that are changed, in [0, 1].
    generator
        On the same device as x.

    Examples
    --------
    >>> x = torch.rand(4, 8, 8)
    >>> varied(x, 1.0, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 8, 8])
    >>> bool((varied(x, 0.0, torch.Generator().manual_seed(0)) == x).all())
    True
    """
    n, device = len(x), x.device
    noise = torch.randn(n, 3, generator=generator, device=device)
    uniform = torch.rand(n, 2, generator=generator, device=device)
    zero = torch.zeros(n, device=device)
    wide, high = (WIDTH * noise[:, 1]).exp(), (HEIGHT * noise[:, 2]).exp()
    matrix = torch.stack([wide, wide * SLANT * noise[:, 0], zero, zero, high, zero], 1).view(n, 2, 3)
    images = x.reshape(n, -1, *x.shape[-2:])
    moved = functional.grid_sample(
        images, functional.affine_grid(matrix, list(images.shape), align_corners=False), align_corners=False
    )
    thick, thin = (sign * functional.max_pool2d(sign * moved, 3, 1, 1) for sign in (1, -1))
    pen = (PEN * (2 * uniform[:, 0] - 1)).view(n, 1, 1, 1)
    moved = moved + pen.clamp(min=0) * (thick - moved) + pen.clamp(max=0) * (moved - thin)
    return torch.where(uniform[:, 1].view(n, 1, 1, 1) < share, moved.clamp(0, 1), images).reshape(x.shape)
