"""Augmentation: more examples at no cost in memory; the label stays, the style moves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ..config import Config
from .distributed import RankSlice

SLANT, WIDTH, HEIGHT = (
    0.2,
    0.12,
    0.06,
)  # standard deviations: of the slant, and of the logarithms of the stretches
SHIFT, GAIN = (
    0.08,
    0.05,
)  # of a spectrogram: at most, as a share of its frames; standard deviation, in x's unit
MOVE = 2  # unit_range, at most
PEN = 0.7  # at most, how far towards the image drawn with strokes one pixel wider, or thinner, on both sides


def augmented(
    x: Tensor,
    config: Config,
    unit_range: bool,
    unit: float | Tensor,
    generator: torch.Generator,
    own: RankSlice | None = None,
) -> Tensor:
    """Return a batch, (B, \\*shape), with some of it varied, as ``config.augment`` says and its kind allows.

    `unit_range` says whether all values lie in [0, 1]; `unit` is the unit of a sound's gain; `own` says which rows of a
    larger batch x is.
    """
    if not config.augment or config.kind == "table" or x.dim() < 3:
        return x
    if config.kind == "audio":
        heard = shifted(x, config.augment, generator, unit, own=own)
        return heard.clamp(0, 1) if unit_range else heard
    if not unit_range:
        return x
    # Of a picture in colour nobody knows what is ink.
    return (moved if x.dim() == 4 and x.shape[1] == 3 else varied)(
        x, config.augment, generator, own
    )


def varied(
    x: Tensor, share: float, generator: torch.Generator, own: RankSlice | None = None
) -> Tensor:
    """Return a batch of images of which a share is slanted, stretched, and drawn with a thicker or thinner pen.

    Parameters
    ----------
    x
        (B, height, width) or (B, channels, height, width), strokes bright.
    share
        Of the images that are changed, in [0, 1].
    generator
        On the same device as x.
    own
        Which rows of a larger batch x is; the random numbers are drawn for all of that.

    Examples
    --------
    >>> x = torch.rand(4, 8, 8)
    >>> varied(x, 1.0, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 8, 8])
    >>> bool((varied(x, 0.0, torch.Generator().manual_seed(0)) == x).all())
    True
    """
    n, device, (whole, rows, _) = len(x), x.device, own or _all(x)
    noise = torch.randn(whole, 3, generator=generator, device=device)[rows]
    uniform = torch.rand(whole, 2, generator=generator, device=device)[rows]
    wide, high = (
        (scale * noise[:, i]).exp().view(n, 1, 1) for i, scale in ((1, WIDTH), (2, HEIGHT))
    )
    images = x.reshape(n, -1, *x.shape[-2:])
    # Where each pixel comes from, in units of half the image.
    down, across = ((2 * torch.arange(side, device=device) + 1) / side - 1 for side in x.shape[-2:])
    source = wide * across + wide * SLANT * noise[:, :1].unsqueeze(2) * down.unsqueeze(
        1
    )  # (B, height, width)
    places = torch.stack([source, (high * down.unsqueeze(1)).expand_as(source)], 3)
    moved = functional.grid_sample(images, places, align_corners=False)
    thick, thin = _extreme(moved, torch.maximum), _extreme(moved, torch.minimum)
    pen = (PEN * (2 * uniform[:, 0] - 1)).view(n, 1, 1, 1)
    moved = moved + pen.clamp(min=0) * (thick - moved) + pen.clamp(max=0) * (moved - thin)
    return torch.where(uniform[:, 1].view(n, 1, 1, 1) < share, moved.clamp(0, 1), images).reshape(
        x.shape
    )


def _extreme(images: Tensor, larger: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return the largest, or least, of the 3 × 3 unit_range around each; pooling would also find where it is."""
    p = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    p = larger(larger(p[..., :-2, :], p[..., 1:-1, :]), p[..., 2:, :])
    return larger(larger(p[..., :-2], p[..., 1:-1]), p[..., 2:])


def moved(
    x: Tensor, share: float, generator: torch.Generator, own: RankSlice | None = None
) -> Tensor:
    """Return a batch of pictures of which a share is moved by up to two unit_range each way; the edges are mirrored.

    Parameters
    ----------
    x
        (B, height, width) or (B, channels, height, width).
    share
        Of the pictures that are moved, in [0, 1].
    generator
        On the same device as x.
    own
        Which rows of a larger batch x is; the random numbers are drawn for all of that.

    Examples
    --------
    >>> x = torch.rand(4, 3, 8, 8)
    >>> moved(x, 1.0, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 8, 8])
    >>> bool((moved(x, 0.0, torch.Generator().manual_seed(0)) == x).all())
    True
    """
    n, (height, width), (whole, rows, _) = len(x), x.shape[-2:], own or _all(x)
    uniform = torch.rand(whole, 3, generator=generator, device=x.device)[rows]
    away = ((2 * MOVE + 1) * uniform[:, :2]).floor().long() - MOVE
    away = torch.where(uniform[:, 2:] < share, away, 0)
    ones = [1] * (x.dim() - 3)
    down = _mirrored(away[:, :1], height).view(n, *ones, height, 1)
    across = _mirrored(away[:, 1:], width).view(n, *ones, 1, width)
    return x.gather(-2, down.expand_as(x)).gather(-1, across.expand_as(x))


def _all(x: Tensor) -> RankSlice:
    return RankSlice(len(x), slice(0, len(x)))


def _mirrored(away: Tensor, side: int) -> Tensor:
    """Return which of `side` places is seen at each, (B, side), after a move, (B, 1)."""
    place = (torch.arange(side, device=away.device) + away).abs()
    return torch.where(place > side - 1, 2 * (side - 1) - place, place).clamp(0, side - 1)


def shifted(
    x: Tensor,
    share: float,
    generator: torch.Generator,
    unit: float | Tensor = 1.0,
    *,
    own: RankSlice | None = None,
) -> Tensor:
    """Return a batch of log spectrograms of which a share begins earlier or later, and is louder or softer.

    A shift is up to 8 % of the frames, and at least one, either way; the first or last frame is repeated to fill the
    gap. A gain is the same number added everywhere. Blocks are not masked out as in SpecAugment (Park et al., 2019,
    arXiv:1904.08779): what is read is also what must be rebuilt, and z_rest would have to say where the blocks are.

    Parameters
    ----------
    x
        (B, mels, frames) or (B, channels, mels, frames), on a logarithmic scale.
    share
        Of the spectrograms that are changed, in [0, 1].
    generator
        On the same device as x.
    unit
        The gain's standard deviation is 0.05 of it.
    own
        As in `varied`.

    Examples
    --------
    >>> x = torch.rand(4, 8, 30)
    >>> shifted(x, 1.0, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 8, 30])
    >>> bool((shifted(x, 0.0, torch.Generator().manual_seed(0)) == x).all())
    True
    """
    n, frames, device, (whole, rows, _) = len(x), x.shape[-1], x.device, own or _all(x)
    uniform = torch.rand(whole, 2, generator=generator, device=device)[rows]
    gain = GAIN * unit * torch.randn(whole, generator=generator, device=device)[rows]
    reach = max(1, round(SHIFT * frames))
    shift = ((2 * reach + 1) * uniform[:, 0]).floor().long() - reach  # (B,)
    source = (torch.arange(frames, device=device) - shift.unsqueeze(1)).clamp(
        0, frames - 1
    )  # (B, frames)
    ones = [1] * (x.dim() - 2)
    moved = x.gather(-1, source.view(n, *ones, frames).expand_as(x)) + gain.view(n, *ones, 1)
    return torch.where(uniform[:, 1].view(n, *ones, 1) < share, moved, x)
