"""Backbones: one contract for all of them, their initialisation and their learning rates."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from wvae.config import Config
from wvae.model import SplitVAE
from wvae.nn import backbones

BACKBONES = ["article", "mlp", "conv", "photo", "deep"]


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("shape", [(28, 28), (9, 7), (3, 10, 6), (70, 37)])
def test_every_backbone_encodes_and_decodes_any_image_shape(
    backbone: Any, shape: tuple[int, ...]
) -> None:
    model = SplitVAE(Config(backbone=backbone, width=16, depth=1), shape, 4)
    q_label, q_rest = model.encode(torch.rand(5, *shape))
    p = model.decode(q_label.mean, q_rest.mean)
    assert p.mean.shape == (5, *shape)
    assert p.log_prob(torch.rand(5, *shape)).shape == (5,)


@pytest.mark.parametrize("backbone", ["conv", "photo", "deep"])
def test_convolutional_backbones_reject_vectors(backbone: Any) -> None:
    with pytest.raises(ValueError, match=rf"'{backbone}'.*\(64,\)"):
        SplitVAE(Config(backbone=backbone), (64,), 4)


@pytest.mark.parametrize(
    ("kind", "shape", "expected"),
    [
        ("image", (8, 8), "conv"),
        ("image", (1, 8, 8), "conv"),
        ("image", (3, 8, 8), "photo"),
        ("image", (32, 32), "conv"),
        ("image", (3, 32, 32), "photo"),
        ("image", (33, 20), "deep"),
        ("image", (1, 105, 105), "deep"),
        ("image", (3, 64, 64), "deep"),
        ("audio", (3, 8, 8), "conv"),
        ("audio", (64, 200), "conv"),
        ("audio", (8, 20), "conv"),
        ("image", (8,), "mlp"),
        ("table", (8, 8), "mlp"),
    ],
)
def test_auto_follows_the_shape(kind: Any, shape: tuple[int, ...], expected: str) -> None:
    assert backbones.backbone_name(Config(kind=kind), shape) == expected
    assert backbones.backbone_name(Config(kind=kind, backbone="article"), shape) == "article"


@pytest.mark.parametrize(
    ("shape", "stages"),
    [((16, 16), 2), ((33, 20), 3), ((64, 64), 3), ((105, 40), 4), ((250, 9), 5)],
)
def test_the_deep_trunk_ends_at_eight_by_eight_pixels(shape: tuple[int, int], stages: int) -> None:
    trunk: Any = backbones.trunk(Config(backbone="deep", width=16), shape)[0]
    sizes: list[torch.Size] = []
    for layer in trunk:
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda *args: sizes.append(args[2].shape))
    trunk(torch.rand(2, *shape))
    assert len(sizes) == stages
    assert 4 < max(sizes[-1][2:]) <= 8 or max(shape) <= 32


@pytest.mark.parametrize("backbone", BACKBONES)
def test_decoders_use_both_codes(backbone: Any) -> None:
    decoder = backbones.decoder(Config(backbone=backbone, d_label=2, d_rest=3, width=16), (3, 8, 8))
    z_label = torch.ones(1, 2, requires_grad=True)
    z_rest = torch.ones(1, 3, requires_grad=True)
    decoder(z_label, z_rest).square().sum().backward()
    for z in (z_label, z_rest):
        assert z.grad is not None
        assert z.grad.all()


def test_side_by_side_layers_equal_separate_layers() -> None:
    x, layers = torch.randn(5, 3), (torch.nn.Linear(3, 4), torch.nn.Linear(3, 1))
    outputs = backbones.apply_side_by_side(x, *layers)
    for output, layer in zip(outputs, layers, strict=True):
        torch.testing.assert_close(output, layer(x))


@pytest.mark.parametrize(("init", "gain"), [("random", 1.0), ("data", 1.5)])
def test_additive_decoder_has_the_gain_of_its_initialisation(init: Any, gain: float) -> None:
    config = Config(backbone="article", init=init, d_label=10, d_rest=16, width=2000)
    decoder: Any = backbones.decoder(config, (4,))
    for layer, d in ((decoder.from_label, 10), (decoder.from_rest, 16)):
        assert layer.weight.std().item() * d**0.5 == pytest.approx(gain, rel=0.05)
        assert not layer.bias.any()
    assert decoder.output.weight.std().item() * 2000**0.5 == pytest.approx(1, rel=0.05)


def test_every_parameter_of_the_quick_preset_has_its_learning_rate() -> None:
    """Also fails if a layer is renamed, which would silently take its multiplier away."""
    config = Config.preset("quick", width=8)
    model = SplitVAE(config, (8, 8), 3)
    weights = {
        "trunk": 0.6,
        "label_mean": 0.25,
        "label_log_variance": 0.25,
        "rest_mean": 0.25,
        "rest_log_variance": 0.25,
        "decoder.from_label": 5.0,
        "decoder.from_rest": 5.0,
        "decoder.output": 1.5,
        "classifier": 1.0,
    }
    checked = set()
    for name, _ in model.named_parameters():
        role = next(role for role in weights if name.startswith(role))
        expected = 5.0 if name.endswith("bias") else weights[role]
        assert backbones.lr_multiplier(config, name) == expected, name
        assert backbones.lr_multiplier(Config(), name) == 1.0
        checked.add(role)
    assert checked == set(weights)
