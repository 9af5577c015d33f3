"""Backbones: how an image becomes features, and how two codes become logits, or means, again. No losses here."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..config import Config
from .distributed import all_reduce_sum, world_size

Shape = tuple[int, ...]


def backbone(config: Config, shape: Shape) -> str:
    """Return which backbone ``"auto"`` is for examples of this shape: convolutions need rows and columns.

    Examples
    --------
    >>> backbone(Config(), (28, 28)), backbone(Config(), (4,)), backbone(Config(backbone="mlp"), (28, 28))
    ('conv', 'mlp', 'mlp')
    >>> backbone(Config(), (3, 32, 32))
    'photo'
    """
    if config.backbone != "auto":
        return config.backbone
    if config.kind == "table" or len(shape) not in (2, 3):
        return "mlp"
    return "photo" if config.kind == "image" and shape[:-2] == (3,) else "conv"


def trunk(config: Config, shape: Shape) -> tuple[nn.Module, int]:
    """Return the encoder's trunk, (B, \\*shape) → (B, features), and its number of features."""
    if config.backbone == "article":
        return nn.Sequential(
            nn.Flatten(), _lecun(math.prod(shape), config.width), nn.Tanh()
        ), config.width
    if (chosen := backbone(config, shape)) in ("conv", "photo"):
        return _conv_trunk(config, shape, chosen), config.width
    sizes = [math.prod(shape)] + [config.width] * config.depth
    return nn.Sequential(nn.Flatten(), *_hidden(sizes)), config.width


def decoder(config: Config, shape: Shape) -> nn.Module:
    """Return the decoder, (z_label (B, d_label), z_rest (B, d_rest)) → logits or means (B, \\*shape)."""
    if config.backbone == "article":
        return AdditiveDecoder(config, shape)
    return (ConvDecoder if backbone(config, shape) == "photo" else JointDecoder)(config, shape)


def head(config: Config, features: int, outputs: int) -> nn.Linear:
    """Return a linear head, initialised as its backbone is."""
    return (
        _lecun(features, outputs) if config.backbone == "article" else nn.Linear(features, outputs)
    )


def perceptron(inputs: int, outputs: int, width: int = 256) -> nn.Sequential:
    """Return a classifier with two hidden layers, (B, inputs) → logits (B, outputs): a critic, or a probe."""
    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.SiLU(),
        nn.Linear(width, width),
        nn.SiLU(),
        nn.Linear(width, outputs),
    )


# Of one learning rate, by the beginning of a parameter's name; found on the last 5,000 train images of mnist.
LR_MULTIPLIERS = {
    "trunk.": 0.6,
    "label_": 0.25,
    "rest_": 0.25,
    "decoder.from_": 5.0,
    "decoder.output.": 1.5,
}
BIAS_LR_MULTIPLIER = 5.0


def lr_multiplier(config: Config, name: str) -> float:
    """Return by how much the step size of a parameter is larger than the learning rate.

    Examples
    --------
    >>> lr_multiplier(Config(), "trunk.1.weight"), lr_multiplier(Config.preset("quick"), "trunk.1.weight")
    (1.0, 0.6)
    """
    if config.lr_multipliers == "uniform":
        return 1.0
    return (
        BIAS_LR_MULTIPLIER
        if name.endswith("bias")
        else next((rate for role, rate in LR_MULTIPLIERS.items() if name.startswith(role)), 1.0)
    )


def apply_side_by_side(x: Tensor, *layers: nn.Linear) -> tuple[Tensor, ...]:
    """Return what each of the layers makes of x, (B, features), by one matrix product: many small ones are slow.

    Examples
    --------
    >>> x, a, b = torch.randn(2, 3), nn.Linear(3, 4), nn.Linear(3, 1)
    >>> [torch.allclose(one, layer(x)) for one, layer in zip(apply_side_by_side(x, a, b), (a, b))]
    [True, True]
    """
    weight, bias = (
        torch.cat([getattr(layer, name) for layer in layers]) for name in ("weight", "bias")
    )
    return functional.linear(x, weight, bias).split([layer.out_features for layer in layers], 1)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation by the mean and the variance of the whole batch, also where several processes share it."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 – the base class calls it so
        """Return the input, (B, channels, height, width), with mean 0 and variance 1, then scaled and shifted."""
        if not self.training or world_size() == 1:
            return super().forward(input)
        x = input
        n = all_reduce_sum(torch.tensor(float(x.numel() // x.shape[1]), device=x.device))
        mean = all_reduce_sum(x.sum((0, 2, 3))) / n
        away = x - mean.view(1, -1, 1, 1)
        variance = all_reduce_sum(away.square().sum((0, 2, 3))) / n
        with torch.no_grad():
            for running, value in (
                (self.running_mean, mean),
                (self.running_var, variance * n / (n - 1)),
            ):
                if running is not None and self.momentum is not None:
                    running.lerp_(value, self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        scale = (self.weight * (variance + self.eps).rsqrt()).view(1, -1, 1, 1)
        return away * scale + self.bias.view(1, -1, 1, 1)


class AdditiveDecoder(nn.Module):
    """The article's decoder: logits = W (tanh(W_a z_label + b_a) + tanh(W_b z_rest + b_b)) + b.

    Each code drives the hidden units alone; they meet only in a sum.
    """

    def __init__(self, config: Config, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        gain = 1.5 if config.init == "data" else 1.0
        self.from_label = _lecun(config.d_label, config.width, gain)
        self.from_rest = _lecun(config.d_rest, config.width, gain)
        self.output = _lecun(config.width, math.prod(shape))

    def forward(self, z_label: Tensor, z_rest: Tensor) -> Tensor:
        """Return logits, (B, \\*shape)."""
        # One product of both codes with both matrices, blocks of a larger one.
        layers = self.from_label, self.from_rest
        weight, bias = (
            torch.block_diag(*(layer.weight for layer in layers)),
            torch.cat([layer.bias for layer in layers]),
        )
        both = torch.tanh(
            functional.linear(torch.cat([z_label, z_rest], 1), weight, bias)
        )  # (B, 2 width)
        return self.output(both.unflatten(1, (2, -1)).sum(1)).unflatten(1, self.shape)


class JointDecoder(nn.Module):
    """Concatenate the codes, then a perceptron."""

    def __init__(self, config: Config, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        sizes = [config.d_label + config.d_rest] + [config.width] * config.depth
        self.body = nn.Sequential(*_hidden(sizes), nn.Linear(config.width, math.prod(shape)))

    def forward(self, z_label: Tensor, z_rest: Tensor) -> Tensor:
        """Return logits, (B, \\*shape)."""
        return self.body(torch.cat([z_label, z_rest], 1)).unflatten(1, self.shape)


class ConvDecoder(nn.Module):
    """Concatenate the codes, then a perceptron that lays out a coarse picture, and convolutions that refine it.

    The last step makes 4 × 4 pixels of each place (Shi et al., 2016, arXiv:1609.05158).
    """

    def __init__(self, config: Config, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        channels, height, width = _as_channels(shape)
        coarse = _DRAWN, math.ceil(height / 4), math.ceil(width / 4)
        self.body = nn.Sequential(
            *_hidden([config.d_label + config.d_rest, config.width, math.prod(coarse)]),
            nn.Unflatten(1, coarse),
            nn.Conv2d(_DRAWN, 2 * _DRAWN, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * _DRAWN, 16 * channels, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def forward(self, z_label: Tensor, z_rest: Tensor) -> Tensor:
        """Return logits, (B, \\*shape)."""
        drawn = self.body(torch.cat([z_label, z_rest], 1))
        return drawn[..., : self.shape[-2], : self.shape[-1]].reshape(-1, *self.shape)


def _lecun(inputs: int, outputs: int, gain: float = 1.0) -> nn.Linear:
    """Linear layer as Chainer made it in 2018: weights N(0, gain²/inputs), biases zero (LeCun et al., 1998)."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=gain * inputs**-0.5)
    nn.init.zeros_(layer.bias)
    return layer


def _hidden(sizes: list[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.SiLU()]
    return layers


# Two halvings: 28 × 28 becomes 32 × 7 × 7. Photographs have more to tell, and a batch of them more in common.
_CHANNELS = {"conv": (16, 32), "photo": (24, 64)}
_DRAWN = 32  # channels of the coarse picture that the decoder of photographs begins with


def _conv_trunk(config: Config, shape: Shape, chosen: str) -> nn.Module:
    if len(shape) not in (2, 3):
        raise ValueError(
            f"backbone {chosen!r} got examples of shape {shape}, expected (height, width) or (channels, height, "
            "width): reshape the data or take backbone='auto'"
        )
    channels, height, width = _as_channels(shape)
    first, second = _CHANNELS[chosen]
    photo = chosen == "photo"
    return nn.Sequential(
        nn.Unflatten(1, (channels, height)) if len(shape) == 2 else nn.Identity(),
        nn.Conv2d(channels, first, 5, stride=2, padding=2),
        *([BatchNorm(first)] if photo else []),
        nn.SiLU(),
        nn.Conv2d(first, second, 5, stride=2, padding=2),
        *([BatchNorm(second)] if photo else []),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(second * math.ceil(height / 4) * math.ceil(width / 4), config.width),
        *([nn.LayerNorm(config.width)] if photo else []),
        nn.SiLU(),
    )


def _as_channels(shape: Shape) -> tuple[int, int, int]:
    return (1, shape[0], shape[1]) if len(shape) == 2 else (shape[0], shape[1], shape[2])
