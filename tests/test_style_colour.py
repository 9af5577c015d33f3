"""Style features of colour images: independent of positions, sensitive to colour and roughness."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wvae.nn.style_features import ColourStyleFeatures, style_features_for

SIDE = 16


def smooth_images(n: int = 40, seed: int = 0) -> Tensor:
    """Return n smooth colour images, (n, 3, SIDE, SIDE) in [0, 1]."""
    noise = torch.rand(n, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, SIDE, mode="bilinear")


def colours_and_edges(x: Tensor) -> tuple[Tensor, Tensor]:
    features = ColourStyleFeatures(tuple(x.shape[1:]))(x)
    return features[:, :12], features[:, 12:]


def test_a_flat_image_has_its_colour_and_no_edges() -> None:
    colour = torch.tensor([0.2, 0.5, 0.8])
    colours, edges = colours_and_edges(colour.view(1, 3, 1, 1).expand(1, 3, SIDE, SIDE))
    torch.testing.assert_close(colours[0], colour.repeat_interleave(4))
    assert (edges < -6).all()


def test_colours_are_quantiles_of_each_channel() -> None:
    # Of the 101 rows, every other is used: 0, 0.02, …, 1.
    ramp = torch.linspace(0, 1, 101).view(1, 1, 101, 1).expand(1, 3, 101, 101)
    colours = colours_and_edges(ramp)[0].view(3, 4)
    expected = torch.tensor([0.1, 0.3, 0.5, 0.7]).expand(3, 4)
    torch.testing.assert_close(colours, expected, atol=0.011, rtol=0)


def test_colours_do_not_depend_on_positions_but_edges_do() -> None:
    # Features use every other pixel: move blocks of 2 × 2.
    x = smooth_images().repeat_interleave(2, -1).repeat_interleave(2, -2)
    order = torch.randperm(SIDE, generator=torch.Generator().manual_seed(0))
    shuffled = x.unflatten(-1, (SIDE, 2))[..., order, :].flatten(-2)
    (colours, edges), (new_colours, new_edges) = colours_and_edges(x), colours_and_edges(shuffled)
    torch.testing.assert_close(new_colours, colours)
    assert (new_edges - edges).abs().mean() > 0.2


def test_edges_do_not_depend_on_the_direction() -> None:
    x = torch.rand(200, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    edges = colours_and_edges(x)[1].mean(0)
    for turned in (x.flip(-1), x.flip(-2), x.transpose(-1, -2)):
        turned_edges = colours_and_edges(turned)[1].mean(0)
        torch.testing.assert_close(turned_edges, edges, atol=0.05, rtol=0.05)


def test_a_tint_changes_its_channel_and_no_other() -> None:
    x = 0.8 * smooth_images()
    tinted = x.clone()
    tinted[:, 1] += 0.2
    change = (colours_and_edges(tinted)[0] - colours_and_edges(x)[0]).view(-1, 3, 4)
    torch.testing.assert_close(change[:, 1], torch.full_like(change[:, 1], 0.2))
    assert (change[:, [0, 2]] == 0).all()


def test_brightness_does_not_change_edges_and_contrast_shifts_them_all() -> None:
    x = 0.8 * smooth_images()
    edges = colours_and_edges(x)[1]
    torch.testing.assert_close(colours_and_edges(x + 0.1)[1], edges, rtol=1e-3, atol=1e-3)
    change = colours_and_edges(0.5 * x)[1] - edges
    assert change.mean().item() == pytest.approx(-0.693, abs=0.03)  # log ½


def test_fine_and_coarse_edges_are_distinguished() -> None:
    fine = 0.5 + 0.3 * (torch.arange(SIDE) % 2 - 0.5).expand(1, 3, SIDE, SIDE)
    coarse = 0.5 + 0.3 * (torch.arange(SIDE) // 4 % 2 - 0.5).expand(1, 3, SIDE, SIDE)
    by_scale = [colours_and_edges(x)[1].view(3, 4).mean(1) for x in (fine, coarse)]
    assert by_scale[0][0] - by_scale[0][1] > 3
    assert by_scale[1][2] > by_scale[0][2]


@pytest.mark.parametrize(
    ("side", "n_scales"), [(1, 0), (3, 0), (4, 1), (8, 2), (15, 2), (16, 3), (33, 3)]
)
def test_small_images_have_fewer_scales_and_finite_features(side: int, n_scales: int) -> None:
    module = ColourStyleFeatures((3, side, side))
    assert module.size == 12 + 4 * n_scales
    features = module(torch.full((2, 3, side, side), 0.5))
    assert features.shape == (2, module.size)
    assert features.isfinite().all()
    colours, edges = module.weight[:12].sum().item(), module.weight[12:].sum().item()
    expected = (7.5, 7.5) if n_scales else (15.0, 0.0)
    assert (colours, edges) == pytest.approx(expected)


def test_gradients_agree_with_finite_differences() -> None:
    x = torch.rand(1, 3, 9, 8, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(ColourStyleFeatures((3, 9, 8)), (x.requires_grad_(),))


@pytest.mark.parametrize(
    ("kind", "shape", "unit_range", "name", "size"),
    [
        ("image", (1, 8, 8), True, "GreyStyleFeatures", 24),
        ("image", (3, 16, 16), True, "ColourStyleFeatures", 24),
        ("image", (3, 8, 8), False, "GreyStyleFeatures", 0),
        ("table", (9,), True, "TableStyleFeatures", 12),
        ("audio", (8, 9), False, "AudioStyleFeatures", 8),
    ],
)
def test_style_features_follow_the_kind_of_data(
    kind: str, shape: tuple[int, ...], unit_range: bool, name: str, size: int
) -> None:
    features = style_features_for(kind, shape, unit_range)
    assert (type(features).__name__, features.size) == (name, size)
