"""Augmentation: random changes of style, made batch by batch, that keep the label."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ..config import Config
from .distributed import RankSlice

# Images of strokes
SLANT_SD = 0.2  # standard deviation of the shear
LOG_WIDTH_SD = 0.12  # standard deviation of the logarithm of the horizontal stretch
LOG_HEIGHT_SD = 0.06  # standard deviation of the logarithm of the vertical stretch
MAX_STROKE_CHANGE = 0.7  # 1: strokes that are one pixel wider, or thinner, on both sides
# Large images of strokes, of which there are few
ROTATION_SD = 0.12  # radians
SHIFT_SD = 0.04  # share of the side
BEND_SD = 0.015  # share of the side by which each of BEND_POINTS × BEND_POINTS points moves
BEND_POINTS = 6
# Colour pictures
MAX_TRANSLATION = 2  # pixels
# Spectrograms
MAX_TIME_SHIFT = 0.08  # share of the frames
GAIN_SD = 0.05  # standard deviation of the gain, in the unit of x


def augment_batch(
    x: Tensor,
    config: Config,
    unit_range: bool,
    gain_unit: float | Tensor,
    generator: torch.Generator,
    rank_slice: RankSlice | None = None,
    *,
    bend: bool = False,
) -> Tensor:
    """Return a batch in which a share ``config.augment`` of the examples is changed.

    Grey images are warped, colour pictures are translated, and spectrograms are shifted in time.
    Tables, and images with values outside [0, 1], stay as they are.

    Parameters
    ----------
    x
        (B, \\*shape).
    config
        Its ``augment`` and ``kind`` are used.
    unit_range
        Whether all values lie in [0, 1].
    gain_unit
        Unit of the random gain of a sound.
    generator
        Source of the random numbers, on the device of x.
    rank_slice
        Which rows of a larger batch x is; None: x is the whole batch.
    bend
        As `warp_strokes` takes it.

    Examples
    --------
    >>> x, generator = torch.rand(4, 8, 8), torch.Generator().manual_seed(0)
    >>> augment_batch(x, Config(augment=1.0), True, 1.0, generator).shape
    torch.Size([4, 8, 8])
    """
    if not config.augment or config.kind == "table" or x.dim() < 3:
        return x
    if config.kind == "audio":
        shifted = shift_spectrogram(x, config.augment, generator, gain_unit, rank_slice)
        return shifted.clamp(0, 1) if unit_range else shifted
    if not unit_range:
        return x
    # In a colour picture, bright pixels are not strokes.
    has_colour = x.dim() == 4 and x.shape[1] == 3
    if has_colour:
        return translate(x, config.augment, generator, rank_slice)
    return warp_strokes(x, config.augment, generator, rank_slice, bend=bend)


def warp_strokes(
    x: Tensor,
    share: float,
    generator: torch.Generator,
    rank_slice: RankSlice | None = None,
    *,
    bend: bool = False,
) -> Tensor:
    """Return images of which a share is slanted, stretched, and has thicker or thinner strokes.

    Parameters
    ----------
    x
        (B, height, width) or (B, channels, height, width), in [0, 1], with bright strokes.
    share
        Share of the images that change, in [0, 1].
    generator
        Source of the random numbers, on the device of x.
    rank_slice
        Which rows of a larger batch x is. The random numbers are those of the larger batch.
    bend
        Whether they are also turned, moved and bent, as far as different people draw one character.

    Examples
    --------
    >>> x = torch.rand(4, 8, 8)
    >>> warp_strokes(x, 1.0, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 8, 8])
    >>> bool((warp_strokes(x, 0.0, torch.Generator().manual_seed(0)) == x).all())
    True
    """
    n, device = len(x), x.device
    n_batch, rows = _batch_rows(x, rank_slice)
    noise = torch.randn(n_batch, 3, generator=generator, device=device)[rows]
    uniform = torch.rand(n_batch, 2, generator=generator, device=device)[rows]
    images = x.reshape(n, -1, *x.shape[-2:])
    grid = _warp_grid(noise, x.shape)
    if bend:
        grid = _bend_grid(grid, n_batch, rows, generator)
    warped = functional.grid_sample(images, grid, align_corners=False)

    change = (MAX_STROKE_CHANGE * (2 * uniform[:, 0] - 1)).view(n, 1, 1, 1)
    thick, thin = _filter_3x3(warped, torch.maximum), _filter_3x3(warped, torch.minimum)
    warped = warped + change.clamp(min=0) * (thick - warped) + change.clamp(max=0) * (warped - thin)

    selected = uniform[:, 1].view(n, 1, 1, 1) < share
    return torch.where(selected, warped.clamp(0, 1), images).reshape(x.shape)


def _warp_grid(noise: Tensor, shape: torch.Size) -> Tensor:
    """Return where each pixel comes from, (B, height, width, 2), in units of half the image."""
    height, width = shape[-2:]
    n, device = len(noise), noise.device
    slant_noise = noise[:, 0].view(n, 1, 1)
    stretch_x = (LOG_WIDTH_SD * noise[:, 1]).exp().view(n, 1, 1)
    stretch_y = (LOG_HEIGHT_SD * noise[:, 2]).exp().view(n, 1, 1)
    y = ((2 * torch.arange(height, device=device) + 1) / height - 1).unsqueeze(1)  # (height, 1)
    x = (2 * torch.arange(width, device=device) + 1) / width - 1  # (width,)
    source_x = stretch_x * x + stretch_x * SLANT_SD * slant_noise * y  # (B, height, width)
    source_y = (stretch_y * y).expand_as(source_x)
    return torch.stack([source_x, source_y], 3)


def _bend_grid(grid: Tensor, n_batch: int, rows: slice, generator: torch.Generator) -> Tensor:
    """Return where each pixel comes from, (B, height, width, 2), turned, moved and bent."""
    n, height, width, _ = grid.shape
    device = grid.device
    noise = torch.randn(n_batch, 3, generator=generator, device=device)[rows]
    size = (n_batch, 2, BEND_POINTS, BEND_POINTS)
    points = torch.randn(size, generator=generator, device=device)[rows]
    angle = ROTATION_SD * noise[:, 0]
    cos, sin = angle.cos().view(n, 1, 1), angle.sin().view(n, 1, 1)
    x, y = grid[..., 0], grid[..., 1]
    # In pixels: the sides may differ.
    turned_x = cos * x - sin * y * (height / width)
    turned_y = sin * x * (width / height) + cos * y
    # The image is 2 wide in these units.
    bend = functional.interpolate(
        2 * BEND_SD * points, (height, width), mode="bicubic", align_corners=True
    )
    move = 2 * SHIFT_SD * noise[:, 1:].view(n, 1, 1, 2)
    return torch.stack([turned_x, turned_y], 3) + move + bend.permute(0, 2, 3, 1)


def _filter_3x3(images: Tensor, extremum: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return the largest, or least, of the 3 × 3 pixels around each; faster than `max_pool2d`."""
    p = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    p = extremum(extremum(p[..., :-2, :], p[..., 1:-1, :]), p[..., 2:, :])
    return extremum(extremum(p[..., :-2], p[..., 1:-1]), p[..., 2:])


def translate(
    x: Tensor, share: float, generator: torch.Generator, rank_slice: RankSlice | None = None
) -> Tensor:
    """Return pictures of which a share is moved by up to two pixels each way; edges are mirrored.

    Parameters
    ----------
    x
        (B, height, width) or (B, channels, height, width).
    share
        Share of the pictures that move, in [0, 1].
    generator
        Source of the random numbers, on the device of x.
    rank_slice
        Which rows of a larger batch x is. The random numbers are those of the larger batch.

    Examples
    --------
    >>> x = torch.rand(4, 3, 8, 8)
    >>> translate(x, 1.0, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 8, 8])
    >>> bool((translate(x, 0.0, torch.Generator().manual_seed(0)) == x).all())
    True
    """
    n, (height, width) = len(x), x.shape[-2:]
    n_batch, rows = _batch_rows(x, rank_slice)
    uniform = torch.rand(n_batch, 3, generator=generator, device=x.device)[rows]
    offset = ((2 * MAX_TRANSLATION + 1) * uniform[:, :2]).floor().long() - MAX_TRANSLATION
    offset = torch.where(uniform[:, 2:] < share, offset, 0)  # (B, 2)
    ones = [1] * (x.dim() - 3)
    source_y = _mirrored_index(offset[:, :1], height).view(n, *ones, height, 1)
    source_x = _mirrored_index(offset[:, 1:], width).view(n, *ones, 1, width)
    return x.gather(-2, source_y.expand_as(x)).gather(-1, source_x.expand_as(x))


def _mirrored_index(offset: Tensor, side: int) -> Tensor:
    """Return the source index of each of `side` pixels, (B, side), for an offset (B, 1)."""
    index = (torch.arange(side, device=offset.device) + offset).abs()
    return torch.where(index > side - 1, 2 * (side - 1) - index, index).clamp(0, side - 1)


def shift_spectrogram(
    x: Tensor,
    share: float,
    generator: torch.Generator,
    gain_unit: float | Tensor = 1.0,
    rank_slice: RankSlice | None = None,
) -> Tensor:
    """Return log spectrograms of which a share starts earlier or later, and is louder or softer.

    The shift is at most 8 % of the frames, and at least one, in either direction. The first or
    last frame is repeated to fill the gap. The gain is one number that is added everywhere.
    Blocks are not masked, as in SpecAugment (Park et al., 2019, arXiv:1904.08779), because the
    model also reconstructs its input: z_rest would have to encode the position of the blocks.

    Parameters
    ----------
    x
        (B, mels, frames) or (B, channels, mels, frames), on a logarithmic scale.
    share
        Share of the spectrograms that change, in [0, 1].
    generator
        Source of the random numbers, on the device of x.
    gain_unit
        The standard deviation of the gain is 0.05 times this.
    rank_slice
        Which rows of a larger batch x is. The random numbers are those of the larger batch.

    Examples
    --------
    >>> x = torch.rand(4, 8, 30)
    >>> shift_spectrogram(x, 1.0, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 8, 30])
    >>> bool((shift_spectrogram(x, 0.0, torch.Generator().manual_seed(0)) == x).all())
    True
    """
    n, frames, device = len(x), x.shape[-1], x.device
    n_batch, rows = _batch_rows(x, rank_slice)
    uniform = torch.rand(n_batch, 2, generator=generator, device=device)[rows]
    noise = torch.randn(n_batch, generator=generator, device=device)[rows]
    gain = GAIN_SD * gain_unit * noise
    max_shift = max(1, round(MAX_TIME_SHIFT * frames))
    shift = ((2 * max_shift + 1) * uniform[:, 0]).floor().long() - max_shift  # (B,)
    source = torch.arange(frames, device=device) - shift.unsqueeze(1)  # (B, frames)
    source = source.clamp(0, frames - 1)
    ones = [1] * (x.dim() - 2)
    shifted = x.gather(-1, source.view(n, *ones, frames).expand_as(x)) + gain.view(n, *ones, 1)
    return torch.where(uniform[:, 1].view(n, *ones, 1) < share, shifted, x)


def _batch_rows(x: Tensor, rank_slice: RankSlice | None) -> tuple[int, slice]:
    """Return the size of the whole batch, and which of its rows x is."""
    if rank_slice is None:
        return len(x), slice(0, len(x))
    return rank_slice.n, rank_slice.rows
