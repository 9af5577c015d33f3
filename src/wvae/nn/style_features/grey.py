"""Style features of grey pictures: what is said alike at every place, whatever the label – pen, slant, proportions.

A digit is told by *where* its strokes are, a hand by *how* they are. Pooled over all places, thickness, slant,
sharpness and proportions are a few numbers that mean the same for every label. `wvae.model` asks z_rest to explain
them, too, by loadings that all labels share, so that a direction of z_rest means the same for a 4 as for a 7.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

ORIENTATIONS = 8  # bins of the histogram of directions
BLUR = 1.5  # pixels: standard deviation of the neighbourhood in which strokes are straight or not
# Groups of statistics: how many, and their share in the likelihood, divided evenly among them.
GROUPS = {"thickness": (1, 1.0), "slant": (1, 1.0), "width": (2, 1.0), "edges": (2, 0.5)}
GROUPS |= {"orientations": (ORIENTATIONS, 1.0), "shape": (6, 0.5)}
SIZE = sum(n for n, _ in GROUPS.values())
MOMENTS = (4, 0), (0, 4), (2, 1), (0, 3), (2, 2)


class GreyStyleFeatures(nn.Module):
    """Pooled statistics of images, (B, \\*shape) in [0, 1] → (B, size): no weights, nothing learnt.

    ============  =  ==============================================================================================
    thickness     1  2 × ink / edge, pixels
    slant         1  μ_xy / μ_yy
    width         2  logs of the width and of the width without slant, √μ_xx and √(μ_xx − μ_xy² / μ_yy), pixels
    edges         2  mean strength of an edge, and fine detail next to it: pressure, and how sharply strokes end
    orientations  8  share of the edges in each direction, between 0 and π
    shape         6  moments (4, 0), (0, 4), (2, 1), (0, 3), (2, 2) of the slant-free image in units of its size, and
                     coherence, how straight the strokes are
    ============  =  ==============================================================================================

    Channels are averaged first. Data that are no images, (n, d), have no statistics: size is 0.

    Parameters
    ----------
    shape
        Shape of one example.

    Examples
    --------
    >>> bar = torch.zeros(1, 28, 28)
    >>> bar[:, 4:24, 12:16] = 1
    >>> statistics = GreyStyleFeatures((28, 28))
    >>> statistics.size, [round(v, 2) for v in statistics(bar)[0, :2].tolist()]
    (20, [3.48, 0.0])
    """

    weight: Tensor
    x: Tensor
    y: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.size = SIZE if len(shape) in (2, 3) else 0
        if not self.size:
            return
        height, width = shape[-2:]
        shares = torch.cat([torch.full((n,), share / n) for n, share in GROUPS.values()])
        # Not part of a model's file: they follow from the shape.
        self.register_buffer("weight", shares, persistent=False)  # (size,)
        self.register_buffer("x", torch.arange(width) - (width - 1) / 2, persistent=False)
        self.register_buffer("y", torch.arange(height) - (height - 1) / 2, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the statistics, (B, size)."""
        grey = x if x.dim() == 3 else x.mean(1)  # (B, height, width)
        ink = grey.sum((1, 2)).clamp(min=1e-3)
        across, down = _differences(grey)
        strength = (across.square() + down.square() + 1e-12).sqrt()
        edge = strength.sum((1, 2)).clamp(
            min=1.0
        )  # less is an empty image, or one of a single grey
        detail = (grey - self._blurred(grey, 1.0)).square().sum((1, 2))
        mean_edge, fine = strength.square().sum((1, 2)) / edge, (detail / edge + 1e-12).sqrt()
        slant, widths, shape = self._moments(grey, ink)
        coherence = self._coherence(grey, ink, across, down)
        thickness = (2 * ink / edge).clamp(max=float(sum(grey.shape[1:])))
        columns = [
            thickness,
            slant,
            *widths,
            mean_edge,
            fine,
            *_orientations(across, down, strength),
            *shape,
            coherence,
        ]
        return torch.stack(columns, 1)

    def _moments(self, grey: Tensor, ink: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Return slant, the logs of both widths, and the higher moments, (B,) each."""
        mass = grey / ink.view(-1, 1, 1)
        rows, columns = (
            mass.sum(2),
            mass.sum(1),
        )  # what depends on y alone, or on x, is a moment of these
        x = self.x - (columns @ self.x).unsqueeze(1)  # (B, width)
        y = self.y - (rows @ self.y).unsqueeze(1)  # (B, height)
        # 1/12: a pixel is a square, not a point.
        xx, yy = (columns * x * x).sum(1) + 1 / 12, (rows * y * y).sum(1) + 1 / 12
        xy = (torch.einsum("nyx,nx->ny", mass, x) * y).sum(1)
        upright = (xx - xy * xy / yy).clamp(min=1 / 12)
        u = (x.unsqueeze(1) - ((xy / yy).unsqueeze(1) * y).unsqueeze(2)) / upright.sqrt().view(
            -1, 1, 1
        )
        v, squared = y / yy.sqrt().unsqueeze(1), u * u  # (B, height), (B, height, width)
        inert = mass * squared
        moments = {0: rows, 2: inert.sum(2), 4: (inert * squared).sum(2)}  # of u, in each row
        return (
            xy / yy,
            [0.5 * xx.log(), 0.5 * upright.log()],
            [(moments[p] * v**q).sum(1) for p, q in MOMENTS],
        )

    def _coherence(self, grey: Tensor, ink: Tensor, across: Tensor, down: Tensor) -> Tensor:
        """Return how straight the strokes are, (B,) in [0, 1]: of the structure tensor, (λ₁ − λ₂) / (λ₁ + λ₂)."""
        xx, yy, xy = (self._blurred(v) for v in (across * across, down * down, across * down))
        straight = ((xx - yy).square() + 4 * xy.square() + 1e-12).sqrt() / (xx + yy + 1e-3)
        return (straight * grey).sum((1, 2)) / ink

    def _blurred(self, images: Tensor, sd: float = BLUR) -> Tensor:
        """Return images (B, height, width) after a Gaussian blur of so many pixels; beyond them all is 0."""
        across, down = (_blur(side, sd) for side in (self.x, self.y))
        return down @ (images @ across)


def _blur(places: Tensor, sd: float) -> Tensor:
    """Return the matrix of a Gaussian blur, (places, places), cut off at 3 BLUR pixels; a product with it is fast."""
    away = places.unsqueeze(1) - places
    reach = math.ceil(3 * BLUR)
    whole = (
        (-0.5 * (torch.arange(-reach, reach + 1, device=places.device) / sd).square()).exp().sum()
    )
    return torch.where(away.abs() <= reach, (-0.5 * (away / sd).square()).exp() / whole, 0.0)


def _differences(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Return Sobel's differences to the right and down, (B, height, width), of images whose border goes on."""
    p = functional.pad(grey.unsqueeze(1), (1, 1, 1, 1), mode="replicate").squeeze(1)
    rows = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / 4  # smoothed down each column
    columns = (p[:, :, :-2] + 2 * p[:, :, 1:-1] + p[:, :, 2:]) / 4
    return (rows[:, :, 2:] - rows[:, :, :-2]) / 2, (columns[:, 2:] - columns[:, :-2]) / 2


def _orientations(across: Tensor, down: Tensor, strength: Tensor) -> tuple[Tensor, ...]:
    """Return the share of the edges in each direction, in triangular bins, ORIENTATIONS times (B,)."""
    # A stroke has two edges of opposite sign: directions are taken modulo π.
    # Where there is no edge there is no direction, and atan2 no gradient.
    across = torch.where((across == 0) & (down == 0), 1.0, across)
    turn = torch.remainder(torch.atan2(down, across) * (ORIENTATIONS / math.pi), ORIENTATIONS)
    strength = strength.flatten(1) / strength.sum((1, 2)).unsqueeze(1)
    # What lies beyond k, counted up to 1, and summed; a triangle is the difference of two such ramps.
    beyond = [
        torch.linalg.vecdot((turn.flatten(1) - k).clamp_(0, 1), strength)
        for k in range(ORIENTATIONS)
    ]
    shares = (before - after for before, after in pairwise(beyond))
    return 1 - beyond[0] + beyond[-1], *shares
