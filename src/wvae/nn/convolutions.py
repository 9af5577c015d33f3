"""Convolutional trunks and decoders, for images and spectrograms."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..config import Config
from .distributed import all_reduce_sum, world_size

Shape = tuple[int, ...]


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation by the statistics of the whole batch, even if processes share it."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 – the name in the base class
        """Return the input, (B, channels, height, width), normalised, scaled and shifted."""
        if not self.training or world_size() == 1:
            return super().forward(input)
        x = input
        n = all_reduce_sum(torch.tensor(float(x.numel() // x.shape[1]), device=x.device))
        mean = all_reduce_sum(x.sum((0, 2, 3))) / n
        centred = x - mean.view(1, -1, 1, 1)
        variance = all_reduce_sum(centred.square().sum((0, 2, 3))) / n
        self._update_running_statistics(mean, variance * n / (n - 1))
        scale = (self.weight * (variance + self.eps).rsqrt()).view(1, -1, 1, 1)
        return centred * scale + self.bias.view(1, -1, 1, 1)

    @torch.no_grad()
    def _update_running_statistics(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of a batch, as the base class does."""
        if self.momentum is not None:
            if self.running_mean is not None:
                self.running_mean.lerp_(mean, self.momentum)
            if self.running_var is not None:
                self.running_var.lerp_(variance, self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


class ConvDecoder(nn.Module):
    """A multi-layer perceptron of both codes to a coarse image, then convolutions that refine it.

    The last layer turns each coarse pixel into 4 × 4 pixels (Shi et al., 2016, arXiv:1609.05158).
    """

    def __init__(self, config: Config, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        channels, height, width = as_channels(shape)
        coarse = _COARSE_CHANNELS, math.ceil(height / 4), math.ceil(width / 4)
        self.body = nn.Sequential(
            *hidden_layers([config.d_label + config.d_rest, config.width, math.prod(coarse)]),
            nn.Unflatten(1, coarse),
            nn.Conv2d(_COARSE_CHANNELS, 2 * _COARSE_CHANNELS, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * _COARSE_CHANNELS, 16 * channels, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def forward(self, z_label: Tensor, z_rest: Tensor) -> Tensor:
        """Return logits, (B, \\*shape)."""
        image = self.body(torch.cat([z_label, z_rest], 1))  # sides are multiples of 4
        return image[..., : self.shape[-2], : self.shape[-1]].reshape(-1, *self.shape)


class DeepDecoder(nn.Module):
    """A multi-layer perceptron of both codes to at most 8 × 8 pixels, which are doubled in stages.

    Each stage is a convolution that turns a pixel into 2 × 2 pixels, the last one into 4 × 4.
    """

    def __init__(self, config: Config, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        channels, height, width = as_channels(shape)
        sizes = _stage_channels(height, width)[:0:-1]  # the last one first; without the first
        factor = 2 ** (len(sizes) + 1)
        coarse = sizes[0], math.ceil(height / factor), math.ceil(width / factor)
        layers = hidden_layers([config.d_label + config.d_rest, config.width, math.prod(coarse)])
        layers.append(nn.Unflatten(1, coarse))
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Conv2d(inputs, 4 * outputs, 3, padding=1), nn.PixelShuffle(2), nn.SiLU()]
        layers += [nn.Conv2d(sizes[-1], 16 * channels, 3, padding=1), nn.PixelShuffle(4)]
        self.body = nn.Sequential(*layers)

    def forward(self, z_label: Tensor, z_rest: Tensor) -> Tensor:
        """Return logits, (B, \\*shape)."""
        image = self.body(torch.cat([z_label, z_rest], 1))  # sides are multiples of `factor`
        return image[..., : self.shape[-2], : self.shape[-1]].reshape(-1, *self.shape)


# Channels after each of two convolutions of stride 2: 28 × 28 pixels become 32 × 7 × 7.
_CHANNELS = {"conv": (16, 32), "photo": (24, 64)}
_COARSE_CHANNELS = 32  # of the coarse image inside `ConvDecoder`
_DEEP_CHANNELS = (16, 32, 64, 128)  # after each stage of "deep"; the last holds for later stages
_DEEP_SIDE = 8  # the longer side after the last stage, at most


def conv_trunk(config: Config, shape: Shape, name: str) -> nn.Module:
    """Return convolutions of stride 2 and a linear layer, from examples to features.

    ``"conv"`` and ``"photo"`` have two convolutions, ``"deep"`` as many as it takes to come to at
    most 8 × 8 pixels. ``"photo"`` and ``"deep"`` normalise.

    Parameters
    ----------
    config
        Its ``width`` is used.
    shape
        Shape of one example.
    name
        The backbone.

    Raises
    ------
    ValueError
        If an example is no image and no spectrogram.

    Examples
    --------
    >>> conv_trunk(Config(width=16), (105, 105), "deep")(torch.rand(2, 105, 105)).shape
    torch.Size([2, 16])
    """
    if len(shape) not in (2, 3):
        raise ValueError(
            f"backbone {name!r} got examples of shape {shape}, expected (height, width) or "
            "(channels, height, width): reshape the data or take backbone='auto'"
        )
    channels, height, width = as_channels(shape)
    sizes = _stage_channels(height, width) if name == "deep" else _CHANNELS[name]
    normalise = name != "conv"
    to_channels = nn.Unflatten(1, (channels, height)) if len(shape) == 2 else nn.Identity()
    layers: list[nn.Module] = [to_channels]
    for stage, (inputs, outputs) in enumerate(pairwise((channels, *sizes))):
        side = 3 if name == "deep" and stage else 5
        layers.append(nn.Conv2d(inputs, outputs, side, stride=2, padding=side // 2))
        if normalise:
            layers.append(BatchNorm(outputs))
        layers.append(nn.SiLU())
    factor = 2 ** len(sizes)
    pixels = math.ceil(height / factor) * math.ceil(width / factor)
    layers += [nn.Flatten(), nn.Linear(sizes[-1] * pixels, config.width)]
    if normalise:
        layers.append(nn.LayerNorm(config.width))
    return nn.Sequential(*layers, nn.SiLU())


def _stage_channels(height: int, width: int) -> tuple[int, ...]:
    """Return the channels after each stage of ``"deep"``; each stage halves both sides.

    >>> _stage_channels(64, 64), _stage_channels(105, 105)
    ((16, 32, 64), (16, 32, 64, 128))
    """
    n = max(2, math.ceil(math.log2(max(height, width) / _DEEP_SIDE)))
    last = len(_DEEP_CHANNELS) - 1
    return tuple(_DEEP_CHANNELS[min(stage, last)] for stage in range(n))


def as_channels(shape: Shape) -> tuple[int, int, int]:
    """Return (channels, height, width), with one channel for (height, width)."""
    return (1, shape[0], shape[1]) if len(shape) == 2 else (shape[0], shape[1], shape[2])


def hidden_layers(sizes: list[int]) -> list[nn.Module]:
    """Return fully connected layers of these sizes, each followed by a SiLU."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.SiLU()]
    return layers
