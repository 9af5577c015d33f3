"""Style features of colour: where things are must not matter, what colour and how rough they are must."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wvae.nn.style_features import ColourStyleFeatures, style_features_for

SIDE = 16


def pictures(n: int = 40, seed: int = 0) -> Tensor:
    """Draw n smooth pictures in colour, (n, 3, SIDE, SIDE) in [0, 1]."""
    noise = torch.rand(n, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, SIDE, mode="bilinear")


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    found = ColourStyleFeatures(tuple(x.shape[1:]))(x)
    return found[:, :12], found[:, 12:]


def test_a_flat_picture_has_its_colour_and_no_edges() -> None:
    colour = torch.tensor([0.2, 0.5, 0.8])
    colours, edges = statistics(colour.view(1, 3, 1, 1).expand(1, 3, SIDE, SIDE))
    torch.testing.assert_close(colours[0], colour.repeat_interleave(4))
    assert (edges < -6).all()


def test_colours_do_not_ask_where() -> None:
    x = (
        pictures().repeat_interleave(2, -1).repeat_interleave(2, -2)
    )  # every other pixel is looked at
    order = torch.randperm(SIDE, generator=torch.Generator().manual_seed(0))
    shuffled = x.unflatten(-1, (SIDE, 2))[..., order, :].flatten(-2)
    torch.testing.assert_close(statistics(shuffled)[0], statistics(x)[0])
    assert (statistics(shuffled)[1] - statistics(x)[1]).abs().mean() > 0.2  # but edges are made


def test_edges_do_not_ask_which_way() -> None:
    x = torch.rand(200, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for turned in (x.flip(-1), x.flip(-2), x.transpose(-1, -2)):
        torch.testing.assert_close(
            statistics(turned)[1].mean(0), statistics(x)[1].mean(0), atol=0.05, rtol=0.05
        )


def test_a_tint_moves_its_channel_and_no_other() -> None:
    x = 0.8 * pictures()
    tinted = x.clone()
    tinted[:, 1] += 0.2
    (before, edges), (after, _) = statistics(x), statistics(tinted)
    moved = (after - before).view(-1, 3, 4)
    torch.testing.assert_close(moved[:, 1], torch.full_like(moved[:, 1], 0.2))
    assert (moved[:, [0, 2]] == 0).all()
    torch.testing.assert_close(
        statistics(x + 0.1)[1], edges, rtol=1e-3, atol=1e-3
    )  # light is no edge


def test_contrast_is_a_shift_of_all_edges() -> None:
    x = pictures()
    gain = statistics(0.5 * x)[1] - statistics(x)[1]
    assert gain.mean().item() == pytest.approx(-0.693, abs=0.03)


def test_fine_and_coarse_roughness_are_told_apart() -> None:
    fine = 0.5 + 0.3 * (torch.arange(SIDE) % 2 - 0.5).expand(1, 3, SIDE, SIDE)
    coarse = 0.5 + 0.3 * (torch.arange(SIDE) // 4 % 2 - 0.5).expand(1, 3, SIDE, SIDE)
    of_fine, of_coarse = (statistics(x)[1].view(3, 4).mean(1) for x in (fine, coarse))
    assert of_fine[0] - of_fine[1] > 3
    assert of_coarse[2] > of_fine[2]


@pytest.mark.parametrize("side", [1, 2, 5, 9, 33])
def test_any_size_has_finite_statistics_and_gradients(side: int) -> None:
    x = torch.full((2, 3, side, side), 0.5, requires_grad=True)
    module = ColourStyleFeatures((3, side, side))
    found = module(x)
    assert found.shape == (2, module.size) == (2, len(module.weight))
    assert module.weight.sum().item() == pytest.approx(15.0)
    found.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_which_statistics_suit_which_data() -> None:
    kinds = [
        ("image", (1, 8, 8), True),
        ("image", (3, 8, 8), False),
        ("table", (9,), True),
        ("audio", (8, 9), False),
    ]
    assert [type(style_features_for(*each)).__name__ for each in kinds] == [
        *["GreyStyleFeatures"] * 3,
        "AudioStyleFeatures",
    ]
    assert [style_features_for(*each).size for each in kinds] == [20, 0, 0, 8]
