"""Augmentation: what moves, what stays, and that one generator decides it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wvae.nn.augment import MOVE, moved, varied
from wvae.nn.style_features import GreyStyleFeatures


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def strokes(n: int = 300) -> Tensor:
    """Draw the same upright stroke n times, (n, 28, 28)."""
    x = torch.zeros(n, 28, 28)
    x[:, 6:22, 12:16] = 1
    return x


@pytest.mark.parametrize("shape", [(5, 9, 7), (5, 3, 8, 8), (1, 1, 1), (2, 1, 28, 28)])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_shapes_and_range_stay(shape: tuple[int, ...], share: float) -> None:
    for x in (torch.rand(*shape, generator=generator()), torch.ones(*shape), torch.zeros(*shape)):
        for found in (varied(x, share, generator()), moved(x, share, generator())):
            assert found.shape == x.shape
            assert found.dtype == x.dtype
            assert found.min() >= 0
            assert found.max() <= 1


def test_no_share_is_the_identity() -> None:
    x = torch.rand(50, 8, 8, generator=generator())
    assert torch.equal(varied(x, 0.0, generator()), x)


def test_the_share_is_that_of_the_images_that_change() -> None:
    x = strokes(2000)
    for share in (0.3, 1.0):
        changed = (varied(x, share, generator()) != x).flatten(1).any(1).float().mean().item()
        assert changed == pytest.approx(share, abs=0.03)


def test_the_generator_decides_and_the_global_one_has_no_say() -> None:
    x = strokes(20)
    torch.manual_seed(1)
    first = varied(x, 0.7, generator())
    torch.manual_seed(2)
    assert torch.equal(varied(x, 0.7, generator()), first)
    assert not torch.equal(varied(x, 0.7, generator(1)), first)


def test_the_input_is_not_written_to() -> None:
    x = strokes(20)
    varied(x, 1.0, generator())
    assert torch.equal(x, strokes(20))


def test_style_moves_both_ways_and_the_stroke_stays() -> None:
    statistics = GreyStyleFeatures((28, 28))
    x = strokes()
    before, after = statistics(x), statistics(varied(x, 1.0, generator()))
    moved = after - before
    for column, least in ((0, 0.3), (1, 0.1), (3, 0.05)):  # thickness, slant, width without slant
        assert moved[:, column].std() > least
        assert moved[:, column].min() < 0 < moved[:, column].max()
    assert abs(moved[:, 1].mean()) < 0.05  # no slant is favoured
    overlap = (varied(x, 1.0, generator()) * x).sum((1, 2)) / x.sum((1, 2))
    assert overlap.median() > 0.7
    assert overlap.min() > 0.1


def test_every_channel_moves_alike() -> None:
    x = strokes(30).unsqueeze(1).repeat(1, 3, 1, 1)
    found = varied(x, 1.0, generator())
    assert torch.equal(found[:, 0], found[:, 2])
    assert not torch.equal(found[:, 0], x[:, 0])


def test_moves_are_whole_pixels_either_way_and_mirror_the_edges() -> None:
    x = torch.arange(12.0).view(1, 1, 12).expand(500, 3, 9, 12)
    found = moved(x, 1.0, generator())
    assert (found == found[:, :1, :1]).all()  # all channels and, here, all rows alike
    seen = {tuple(line) for line in found[:, 0, 0].tolist()}
    expected = {
        tuple(float(11 - abs(11 - abs(i + away))) for i in range(12))
        for away in range(-MOVE, MOVE + 1)
    }
    assert seen == expected


def test_a_share_of_pictures_is_moved() -> None:
    x = torch.rand(2000, 3, 8, 8, generator=generator())
    changed = (moved(x, 0.5, generator()) != x).flatten(1).any(1).float().mean().item()
    assert changed == pytest.approx(0.5 * 24 / 25, abs=0.03)  # one move in 25 is none
