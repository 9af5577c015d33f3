"""Backbones: encoder trunks from examples to features, and decoders from codes to examples."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..config import Config
from .distributed import all_reduce_sum, world_size

Shape = tuple[int, ...]


def backbone_name(config: Config, shape: Shape) -> str:
    """Return ``config.backbone``, or the backbone that ``"auto"`` stands for.

    Parameters
    ----------
    config
        Its ``backbone`` and ``kind`` are used.
    shape
        Shape of one example.

    Examples
    --------
    >>> backbone_name(Config(), (28, 28)), backbone_name(Config(), (4,))
    ('conv', 'mlp')
    >>> backbone_name(Config(), (3, 32, 32)), backbone_name(Config(backbone="mlp"), (28, 28))
    ('photo', 'mlp')
    """
    if config.backbone != "auto":
        return config.backbone
    if config.kind == "table" or len(shape) not in (2, 3):
        return "mlp"
    return "photo" if config.kind == "image" and shape[:-2] == (3,) else "conv"


def trunk(config: Config, shape: Shape) -> tuple[nn.Module, int]:
    """Return the encoder's trunk, (B, \\*shape) → (B, features), and its number of features.

    Parameters
    ----------
    config
        Its ``backbone``, ``kind``, ``width`` and ``depth`` are used.
    shape
        Shape of one example.

    Raises
    ------
    ValueError
        If ``config.backbone`` is convolutional and an example is no image and no spectrogram.

    Examples
    --------
    >>> module, features = trunk(Config(width=16), (28, 28))
    >>> module(torch.rand(5, 28, 28)).shape, features
    (torch.Size([5, 16]), 16)
    """
    if config.backbone == "article":
        hidden = _lecun(math.prod(shape), config.width)
        return nn.Sequential(nn.Flatten(), hidden, nn.Tanh()), config.width
    name = backbone_name(config, shape)
    if name in ("conv", "photo"):
        return _conv_trunk(config, shape, name), config.width
    sizes = [math.prod(shape)] + [config.width] * config.depth
    return nn.Sequential(nn.Flatten(), *_hidden(sizes)), config.width


def decoder(config: Config, shape: Shape) -> nn.Module:
    """Return the decoder, (z_label (B, d_label), z_rest (B, d_rest)) → output (B, \\*shape).

    Parameters
    ----------
    config
        Its ``backbone``, ``kind``, ``width``, ``depth``, ``d_label`` and ``d_rest`` are used.
    shape
        Shape of one example.

    Examples
    --------
    >>> module = decoder(Config(d_label=2, d_rest=3, width=16), (28, 28))
    >>> module(torch.zeros(5, 2), torch.zeros(5, 3)).shape
    torch.Size([5, 28, 28])
    """
    if config.backbone == "article":
        return AdditiveDecoder(config, shape)
    if backbone_name(config, shape) == "photo":
        return ConvDecoder(config, shape)
    return JointDecoder(config, shape)


def head(config: Config, features: int, outputs: int) -> nn.Linear:
    """Return a linear head, (B, features) → (B, outputs), initialised like its backbone.

    Examples
    --------
    >>> head(Config(), 4, 2)(torch.zeros(5, 4)).shape
    torch.Size([5, 2])
    """
    if config.backbone == "article":
        return _lecun(features, outputs)
    return nn.Linear(features, outputs)


def mlp(inputs: int, outputs: int, width: int = 256) -> nn.Sequential:
    """Return a network with two hidden layers, (B, inputs) → (B, outputs), for critics and probes.

    Examples
    --------
    >>> mlp(4, 3)(torch.zeros(5, 4)).shape
    torch.Size([5, 3])
    """
    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.SiLU(),
        nn.Linear(width, width),
        nn.SiLU(),
        nn.Linear(width, outputs),
    )


# Factors of the learning rate by prefix of the parameter's name, tuned on the last 5,000 training
# images of MNIST.
LR_MULTIPLIERS = {
    "trunk.": 0.6,
    "label_": 0.25,
    "rest_": 0.25,
    "decoder.from_": 5.0,
    "decoder.output.": 1.5,
}
BIAS_LR_MULTIPLIER = 5.0


def lr_multiplier(config: Config, name: str) -> float:
    """Return the factor of the learning rate for a parameter.

    Parameters
    ----------
    config
        Its ``lr_multipliers`` is used.
    name
        Name of the parameter in the model.

    Examples
    --------
    >>> lr_multiplier(Config(), "trunk.1.weight")
    1.0
    >>> lr_multiplier(Config.preset("quick"), "trunk.1.weight")
    0.6
    """
    if config.lr_multipliers == "uniform":
        return 1.0
    if name.endswith("bias"):
        return BIAS_LR_MULTIPLIER
    for prefix, multiplier in LR_MULTIPLIERS.items():
        if name.startswith(prefix):
            return multiplier
    return 1.0


def apply_side_by_side(x: Tensor, *layers: nn.Linear) -> tuple[Tensor, ...]:
    """Return the output of each layer for x (B, features), by one matrix product.

    One large product is faster than several small ones.

    Examples
    --------
    >>> x, a, b = torch.randn(2, 3), nn.Linear(3, 4), nn.Linear(3, 1)
    >>> of_a, of_b = apply_side_by_side(x, a, b)
    >>> torch.allclose(of_a, a(x)), torch.allclose(of_b, b(x))
    (True, True)
    """
    weight = torch.cat([layer.weight for layer in layers])
    bias = torch.cat([layer.bias for layer in layers])
    return functional.linear(x, weight, bias).split([layer.out_features for layer in layers], 1)


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


class AdditiveDecoder(nn.Module):
    """The article's decoder: logits = W (tanh(W_a z_label + b_a) + tanh(W_b z_rest + b_b)) + b.

    The hidden units of z_label and of z_rest meet only in a sum.
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
        # One product with a block-diagonal matrix is faster than two products.
        weight = torch.block_diag(self.from_label.weight, self.from_rest.weight)
        bias = torch.cat([self.from_label.bias, self.from_rest.bias])
        codes = torch.cat([z_label, z_rest], 1)
        hidden = torch.tanh(functional.linear(codes, weight, bias))  # (B, 2 width)
        return self.output(hidden.unflatten(1, (2, -1)).sum(1)).unflatten(1, self.shape)


class JointDecoder(nn.Module):
    """A multi-layer perceptron of both codes, concatenated."""

    def __init__(self, config: Config, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        sizes = [config.d_label + config.d_rest] + [config.width] * config.depth
        self.body = nn.Sequential(*_hidden(sizes), nn.Linear(config.width, math.prod(shape)))

    def forward(self, z_label: Tensor, z_rest: Tensor) -> Tensor:
        """Return logits, (B, \\*shape)."""
        return self.body(torch.cat([z_label, z_rest], 1)).unflatten(1, self.shape)


class ConvDecoder(nn.Module):
    """A multi-layer perceptron of both codes to a coarse image, then convolutions that refine it.

    The last layer turns each coarse pixel into 4 × 4 pixels (Shi et al., 2016, arXiv:1609.05158).
    """

    def __init__(self, config: Config, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        channels, height, width = _as_channels(shape)
        coarse = _COARSE_CHANNELS, math.ceil(height / 4), math.ceil(width / 4)
        self.body = nn.Sequential(
            *_hidden([config.d_label + config.d_rest, config.width, math.prod(coarse)]),
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


def _lecun(inputs: int, outputs: int, gain: float = 1.0) -> nn.Linear:
    """Return a linear layer with weights N(0, gain²/inputs) and biases 0, Chainer's default.

    The initialisation is that of LeCun et al. (1998).
    """
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=gain * inputs**-0.5)
    nn.init.zeros_(layer.bias)
    return layer


def _hidden(sizes: list[int]) -> list[nn.Module]:
    """Return fully connected layers of these sizes, each followed by a SiLU."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.SiLU()]
    return layers


# Channels after each of two convolutions of stride 2: 28 × 28 pixels become 32 × 7 × 7.
_CHANNELS = {"conv": (16, 32), "photo": (24, 64)}
_COARSE_CHANNELS = 32  # of the coarse image inside `ConvDecoder`


def _conv_trunk(config: Config, shape: Shape, name: str) -> nn.Module:
    """Return two convolutions and a linear layer; ``"photo"`` adds normalisation."""
    if len(shape) not in (2, 3):
        raise ValueError(
            f"backbone {name!r} got examples of shape {shape}, expected (height, width) or "
            "(channels, height, width): reshape the data or take backbone='auto'"
        )
    channels, height, width = _as_channels(shape)
    first, second = _CHANNELS[name]
    photo = name == "photo"
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
    """Return (channels, height, width), with one channel for (height, width)."""
    return (1, shape[0], shape[1]) if len(shape) == 2 else (shape[0], shape[1], shape[2])
