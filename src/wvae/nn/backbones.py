"""Backbones: encoder trunks from examples to features, and decoders from codes to examples."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..config import Config
from .convolutions import ConvDecoder, DeepDecoder, Shape, conv_trunk, hidden_layers

CONVOLUTIONAL = ("conv", "photo", "deep")  # backbones for images and spectrograms
LARGE_SIDE = 32  # images with a longer side are large


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
    >>> backbone_name(Config(), (3, 32, 32)), backbone_name(Config(), (105, 105))
    ('photo', 'deep')
    """
    if config.backbone != "auto":
        return config.backbone
    if config.kind == "table" or len(shape) not in (2, 3):
        return "mlp"
    if config.kind == "image" and max(shape[-2:]) > LARGE_SIDE:
        return "deep"
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
    if name in CONVOLUTIONAL:
        return conv_trunk(config, shape, name), config.width
    sizes = [math.prod(shape)] + [config.width] * config.depth
    return nn.Sequential(nn.Flatten(), *hidden_layers(sizes)), config.width


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
    name = backbone_name(config, shape)
    if name == "deep":
        return DeepDecoder(config, shape)
    if name == "photo":
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
        self.body = nn.Sequential(*hidden_layers(sizes), nn.Linear(config.width, math.prod(shape)))

    def forward(self, z_label: Tensor, z_rest: Tensor) -> Tensor:
        """Return logits, (B, \\*shape)."""
        return self.body(torch.cat([z_label, z_rest], 1)).unflatten(1, self.shape)


def _lecun(inputs: int, outputs: int, gain: float = 1.0) -> nn.Linear:
    """Return a linear layer with weights N(0, gain²/inputs) and biases 0, Chainer's default.

    The initialisation is that of LeCun et al. (1998).
    """
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=gain * inputs**-0.5)
    nn.init.zeros_(layer.bias)
    return layer
