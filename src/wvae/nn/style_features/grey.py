"""Style features of grey images: stroke thickness, slant, proportions and place.

The digit decides *where* strokes are, the writer *how* they are. Pooled over all positions,
thickness, slant, sharpness and proportions are a few numbers with the same meaning for every label.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

ORIENTATIONS = 8  # bins of the histogram of directions
BLUR_SD = 1.5  # pixels: size of the neighbourhood in which strokes are straight or not
# Groups of features: their number, and the weight of the group, which they share equally.
GROUPS = {
    "thickness": (1, 1.0),
    "slant": (1, 1.0),
    "width": (2, 1.0),
    "height": (1, 0.25),
    "place": (2, 2.0),
    "edges": (2, 0.5),
    "saturation": (1, 0.5),
    "orientations": (ORIENTATIONS, 1.0),
    "shape": (6, 0.5),
}
SIZE = sum(n for n, _ in GROUPS.values())
MOMENTS = (4, 0), (0, 4), (2, 1), (0, 3), (2, 2)  # exponents of x and y
# An image that was moved by whole pixels has its centre anywhere within one: pixels².
PLACE_NOISE = 1 / 12
INK, FULL_INK = (0.0, 0.2), (0.75, 0.95)  # grey levels between which a pixel begins to count
FLAT = 1e-4  # edges weaker than this have no direction


class GreyStyleFeatures(nn.Module):
    """Pooled statistics of grey images, (B, \\*shape) in [0, 1] → (B, size).

    ============  =  ==========================================================================
    thickness     1  2 × ink / edge, pixels
    slant         1  μ_xy / μ_yy
    width         2  logarithms of the width √μ_xx, and of the width without slant,
                     √(μ_xx − μ_xy² / μ_yy), pixels
    height        1  logarithm of √μ_yy, pixels
    place         2  centre of the ink to the right of and below the image's centre, pixels
    edges         2  mean strength of an edge (pressure), and fine detail per edge (sharpness)
    saturation    1  share of the ink that is fully bright
    orientations  8  share of the edges in each direction, between 0 and π
    shape         6  moments (4, 0), (0, 4), (2, 1), (0, 3), (2, 2) of the image without slant
                     in units of its size, and coherence, how straight the strokes are
    ============  =  ==========================================================================

    Channels are averaged first. Examples that are no images, (n, d), have no features: size is 0.
    Nothing is learnt.

    Parameters
    ----------
    shape
        Shape of one example.

    Examples
    --------
    >>> bar = torch.zeros(1, 28, 28)
    >>> bar[:, 4:24, 12:16] = 1
    >>> features = GreyStyleFeatures((28, 28))
    >>> features.size, [round(v, 2) for v in features(bar)[0, :2].tolist()]
    (24, [3.48, 0.0])

    Attributes
    ----------
    weight
        Weight of each feature, (size,).
    noise
        Variance of each feature that says nothing about the style, (size,), in its unit squared.
    """

    weight: Tensor
    noise: Tensor
    x: Tensor
    y: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.size = SIZE if len(shape) in (2, 3) else 0
        if not self.size:
            return
        height, width = shape[-2:]
        weight = torch.cat([torch.full((n,), share / n) for n, share in GROUPS.values()])
        noise = torch.cat(
            [torch.full((n,), PLACE_NOISE * (name == "place")) for name, (n, _) in GROUPS.items()]
        )
        # Not part of a model's file: they follow from the shape.
        self.register_buffer("weight", weight, persistent=False)  # (size,)
        self.register_buffer("noise", noise, persistent=False)  # (size,)
        self.register_buffer("x", torch.arange(width) - (width - 1) / 2, persistent=False)
        self.register_buffer("y", torch.arange(height) - (height - 1) / 2, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features, (B, size)."""
        grey = x if x.dim() == 3 else x.mean(1)  # (B, height, width)
        ink = grey.sum((1, 2)).clamp(min=1e-3)
        dx, dy = _sobel(grey)
        strength = (dx.square() + dy.square() + 1e-12).sqrt()
        # An empty image, or one of a single grey, has no edges.
        edge = strength.sum((1, 2)).clamp(min=1.0)
        thickness = (2 * ink / edge).clamp(max=float(sum(grey.shape[1:])))
        mean_edge = strength.square().sum((1, 2)) / edge
        detail = (grey - self._blur(grey, 1.0)).square().sum((1, 2))
        detail = (detail / edge + 1e-12).sqrt()
        saturation = _share(grey, FULL_INK) / _share(grey, INK).clamp(min=1e-3)
        proportions, moments = self._moments(grey, ink)
        orientations = _orientations(dx, dy, strength)
        coherence = self._coherence(grey, ink, dx, dy)
        # In the order of GROUPS.
        lines = [thickness, *proportions, mean_edge, detail, saturation]
        return torch.stack([*lines, *orientations, *moments, coherence], 1)

    def _moments(self, grey: Tensor, ink: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return slant, both widths, height and place; and the higher moments; (B,) each."""
        mass = grey / ink.view(-1, 1, 1)
        rows, columns = mass.sum(2), mass.sum(1)  # (B, height), (B, width)
        centre_x, centre_y = columns @ self.x, rows @ self.y  # (B,)
        x = self.x - centre_x.unsqueeze(1)  # (B, width)
        y = self.y - centre_y.unsqueeze(1)  # (B, height)
        # 1/12 is the variance of a pixel, which is a square and not a point.
        xx = (columns * x * x).sum(1) + 1 / 12
        yy = (rows * y * y).sum(1) + 1 / 12
        xy = (torch.einsum("nyx,nx->ny", mass, x) * y).sum(1)
        slant = xy / yy
        upright = (xx - xy * xy / yy).clamp(min=1 / 12)  # variance of x without slant
        # Coordinates without slant, in standard deviations.
        u = x.unsqueeze(1) - (slant.unsqueeze(1) * y).unsqueeze(2)
        u = u / upright.sqrt().view(-1, 1, 1)  # (B, height, width)
        v = y / yy.sqrt().unsqueeze(1)  # (B, height)
        u2 = u * u
        mass_u2 = mass * u2
        row_moments = {0: rows, 2: mass_u2.sum(2), 4: (mass_u2 * u2).sum(2)}  # of u, (B, height)
        moments = [(row_moments[p] * v**q).sum(1) for p, q in MOMENTS]
        sizes = [0.5 * xx.log(), 0.5 * upright.log(), 0.5 * yy.log()]
        return [slant, *sizes, centre_x, centre_y], moments

    def _coherence(self, grey: Tensor, ink: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
        """Return how straight the strokes are, (B,) in [0, 1].

        It is (λ₁ − λ₂) / (λ₁ + λ₂) of the structure tensor, averaged over the ink.
        """
        xx, yy, xy = self._blur(dx * dx), self._blur(dy * dy), self._blur(dx * dy)
        difference = ((xx - yy).square() + 4 * xy.square() + 1e-12).sqrt()  # λ₁ − λ₂
        coherence = difference / (xx + yy + 1e-3)
        return (coherence * grey).sum((1, 2)) / ink

    def _blur(self, images: Tensor, sd: float = BLUR_SD) -> Tensor:
        """Return images (B, height, width) after a Gaussian blur; pixels outside are 0."""
        return _blur_matrix(self.y, sd) @ (images @ _blur_matrix(self.x, sd))


def _blur_matrix(positions: Tensor, sd: float) -> Tensor:
    """Return the matrix of a Gaussian blur along one axis, (n, n): a product with it is fast."""
    reach = math.ceil(3 * BLUR_SD)  # the kernel is 0 beyond
    offsets = torch.arange(-reach, reach + 1, device=positions.device)
    total = (-0.5 * (offsets / sd).square()).exp().sum()
    distance = positions.unsqueeze(1) - positions
    kernel = (-0.5 * (distance / sd).square()).exp() / total
    return torch.where(distance.abs() <= reach, kernel, 0.0)


def _sobel(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Return Sobel's differences to the right and down, (B, height, width); edges are repeated."""
    p = functional.pad(grey.unsqueeze(1), (1, 1, 1, 1), mode="replicate").squeeze(1)
    rows = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / 4  # smoothed along y
    columns = (p[:, :, :-2] + 2 * p[:, :, 1:-1] + p[:, :, 2:]) / 4  # smoothed along x
    return (rows[:, :, 2:] - rows[:, :, :-2]) / 2, (columns[:, 2:] - columns[:, :-2]) / 2


def _share(grey: Tensor, levels: tuple[float, float]) -> Tensor:
    """Return the share of the pixels that are brighter than these levels, (B,), as a ramp."""
    low, high = levels
    return ((grey - low) / (high - low)).clamp(0, 1).mean((1, 2))


def _orientations(dx: Tensor, dy: Tensor, strength: Tensor) -> list[Tensor]:
    """Return the share of the edges in each direction, in triangular bins, (B,) each."""
    # The direction of a flat place has no gradient, and divides by zero.
    dx = torch.where(strength > FLAT, dx, FLAT)
    # The two edges of a stroke have opposite signs: directions are taken modulo π.
    angle = torch.remainder(torch.atan2(dy, dx) * (ORIENTATIONS / math.pi), ORIENTATIONS)
    angle = angle.flatten(1)
    strength = strength.flatten(1) / strength.sum((1, 2)).unsqueeze(1)
    # A triangular bin is the difference of two ramps, each from 0 at angle k to 1 at k + 1.
    ramps = [torch.linalg.vecdot((angle - k).clamp_(0, 1), strength) for k in range(ORIENTATIONS)]
    first = 1 - ramps[0] + ramps[-1]
    return [first, *(before - after for before, after in pairwise(ramps))]
