"""Augmentation: the size of each random change, what stays the same, and reproducibility."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from wvae.nn import augment
from wvae.nn.augment import shift_spectrogram, translate, warp_strokes
from wvae.nn.distributed import RankSlice
from wvae.nn.style_features import GreyStyleFeatures

SIDE = 28
TRANSFORMS = [warp_strokes, translate, shift_spectrogram]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bars(n: int) -> Tensor:
    """Return n copies of an upright bar of 4 × 16 pixels, (n, 28, 28)."""
    x = torch.zeros(n, SIDE, SIDE)
    x[:, 6:22, 12:16] = 1
    return x


def blobs(n: int) -> Tensor:
    """Return n copies of a round blob with a standard deviation of 3 pixels, (n, 28, 28)."""
    profile = (-0.5 * ((torch.arange(SIDE) - 13.5) / 3).square()).exp()
    return torch.outer(profile, profile).expand(n, SIDE, SIDE)


def share_changed(before: Tensor, after: Tensor) -> float:
    return (before != after).flatten(1).any(1).float().mean().item()


# ------------------------------------------------------------------------------ all transforms


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("shape", [(5, 9, 7), (5, 3, 8, 8), (1, 1, 1), (2, 1, 28, 28)])
def test_shape_and_dtype_stay(transform: Any, shape: tuple[int, ...]) -> None:
    x = torch.rand(*shape, generator=generator())
    for share in (0.0, 0.5, 1.0):
        y = transform(x, share, generator())
        assert (y.shape, y.dtype) == (x.shape, x.dtype)


@pytest.mark.parametrize("transform", [warp_strokes, translate])
def test_images_stay_in_the_unit_range(transform: Any) -> None:
    for x in (torch.rand(20, 9, 7), torch.ones(20, 9, 7), torch.zeros(20, 9, 7)):
        y = transform(x, 1.0, generator())
        assert 0 <= y.min() <= y.max() <= 1


@pytest.mark.parametrize(
    ("transform", "unchanged"),
    [(warp_strokes, 0.0), (translate, 1 / 25), (shift_spectrogram, 0.0)],
)
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_share_is_the_share_of_examples_that_change(
    transform: Any, unchanged: float, share: float
) -> None:
    """One translation in 25 is (0, 0); every other change is visible."""
    x = torch.rand(2000, 8, 8, generator=generator())
    changed = share_changed(x, transform(x, share, generator()))
    assert changed == pytest.approx(share * (1 - unchanged), abs=0.03 if share % 1 else 0.01)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_only_the_generator_decides(transform: Any) -> None:
    x = torch.rand(20, 8, 8, generator=generator())
    before = x.clone()
    torch.manual_seed(1)
    first = transform(x, 0.7, generator())
    torch.manual_seed(2)
    assert torch.equal(transform(x, 0.7, generator()), first)
    assert not torch.equal(transform(x, 0.7, generator(1)), first)
    assert torch.equal(x, before)  # no transform works in place


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_slices_of_a_batch_get_the_random_numbers_of_the_whole_batch(transform: Any) -> None:
    x = torch.rand(10, 8, 8, generator=generator())
    whole = transform(x, 0.7, generator())
    for rows in (slice(0, 4), slice(4, 10)):
        part = transform(x[rows], 0.7, generator(), rank_slice=RankSlice(10, rows))
        torch.testing.assert_close(part, whole[rows])


@pytest.mark.parametrize("transform", [warp_strokes, translate])
def test_all_channels_change_alike(transform: Any) -> None:
    x = bars(30).unsqueeze(1).repeat(1, 3, 1, 1)
    y = transform(x, 1.0, generator())
    assert torch.equal(y[:, 0], y[:, 2])
    assert not torch.equal(y[:, 0], x[:, 0])


# --------------------------------------------------------------------------------- warp_strokes


def only(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Switch off all changes of strokes except one."""
    for constant in ("SLANT_SD", "LOG_WIDTH_SD", "LOG_HEIGHT_SD", "MAX_STROKE_CHANGE"):
        if constant != name:
            monkeypatch.setattr(augment, constant, 0.0)


@pytest.mark.parametrize(
    ("name", "column", "sd"), [("SLANT_SD", 1, 0.2), ("LOG_WIDTH_SD", 3, 0.12)]
)
def test_slant_and_width_vary_by_their_standard_deviations(
    monkeypatch: pytest.MonkeyPatch, name: str, column: int, sd: float
) -> None:
    only(monkeypatch, name)
    x, features = blobs(1000), GreyStyleFeatures((SIDE, SIDE))
    change = features(warp_strokes(x, 1.0, generator())) - features(x)
    assert change[:, column].std().item() == pytest.approx(sd, rel=0.1)
    assert change[:, column].mean().item() == pytest.approx(0, abs=0.1 * sd)


def test_height_varies_by_its_standard_deviation(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "LOG_HEIGHT_SD")
    x, features = blobs(1000), GreyStyleFeatures((SIDE, SIDE))
    warped = warp_strokes(x, 1.0, generator())
    log_height = features(warped.transpose(1, 2))[:, 2]  # the width of the transposed image
    assert log_height.std().item() == pytest.approx(0.06, rel=0.1)


def test_strokes_become_up_to_seven_tenths_of_a_pixel_wider_or_thinner_on_each_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only(monkeypatch, "MAX_STROKE_CHANGE")
    ink = warp_strokes(bars(1000), 1.0, generator()).sum((1, 2))
    # A bar of 4 × 16 pixels would become 6 × 18, or 2 × 14, at 1.
    assert ink.max().item() == pytest.approx(64 + 0.7 * (6 * 18 - 64), abs=0.5)
    assert ink.min().item() == pytest.approx(64 - 0.7 * (64 - 2 * 14), abs=0.5)
    assert ink.median().item() == pytest.approx(64, abs=3)


def test_a_warped_stroke_overlaps_the_original() -> None:
    x = bars(300)
    overlap = (warp_strokes(x, 1.0, generator()) * x).sum((1, 2)) / x.sum((1, 2))
    assert overlap.median() > 0.7
    assert overlap.min() > 0.1


# ------------------------------------------------------------------------------------ translate


def test_bent_strokes_are_also_turned_and_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLANT_SD", "LOG_WIDTH_SD", "LOG_HEIGHT_SD", "MAX_STROKE_CHANGE", "BEND_SD"):
        monkeypatch.setattr(augment, name, 0.0)
    x = bars(2000)
    still, bent = (warp_strokes(x, 1.0, generator(), bend=bend) for bend in (False, True))
    torch.testing.assert_close(still, x)
    centre = torch.arange(SIDE) - (SIDE - 1) / 2
    mass = bent.sum((1, 2))
    for axis in (1, 2):
        moved = (bent.sum(3 - axis) @ centre) / mass / SIDE
        assert moved.std().item() == pytest.approx(augment.SHIFT_SD, rel=0.1)
    # An upright bar that is turned by an angle a has the slant −tan a or tan a.
    slant = GreyStyleFeatures((SIDE, SIDE))(bent)[:, 1]
    assert slant.std().item() == pytest.approx(augment.ROTATION_SD, rel=0.15)
    monkeypatch.setattr(augment, "BEND_SD", 0.015)
    for name in ("ROTATION_SD", "SHIFT_SD"):
        monkeypatch.setattr(augment, name, 0.0)
    bent = warp_strokes(x[:50], 1.0, generator(), bend=True)
    overlap = (bent * x[:50]).sum((1, 2)) / x[:50].sum((1, 2))
    assert 0.7 < overlap.mean() < 0.999


def test_slices_of_a_batch_are_bent_like_the_whole_batch() -> None:
    x = torch.rand(6, 9, 7, generator=generator())
    whole = warp_strokes(x, 1.0, generator(), bend=True)
    part = warp_strokes(x[2:5], 1.0, generator(), RankSlice(6, slice(2, 5)), bend=True)
    torch.testing.assert_close(part, whole[2:5])


def test_translations_are_up_to_two_whole_pixels_and_mirror_the_edges() -> None:
    x = torch.arange(12.0).view(1, 1, 12).expand(500, 3, 9, 12)
    y = translate(x, 1.0, generator())
    assert (y == y[:, :1, :1]).all()  # columns move as a whole
    rows = {tuple(row) for row in y[:, 0, 0].tolist()}
    expected = set()
    for offset in range(-2, 3):
        source = (torch.arange(12.0) + offset).abs()
        expected.add(tuple((11 - (11 - source).abs()).tolist()))
    assert rows == expected


def test_translations_move_rows_like_columns() -> None:
    x = torch.rand(1, 8, 8, generator=generator()).expand(500, 8, 8)
    y = translate(x, 1.0, generator())
    assert len({tuple(image.flatten().tolist()) for image in y}) == 25
    assert (y == x.roll((1, -2), (1, 2)))[:, 2:-2, 2:-2].flatten(1).all(1).any()


# ---------------------------------------------------------------------------- shift_spectrogram


def test_a_spectrogram_changes_in_time_and_loudness_only() -> None:
    x = torch.arange(20.0).expand(300, 5, 20) + 100 * torch.arange(5.0).unsqueeze(1)
    y = shift_spectrogram(x, 1.0, generator())
    gain = (y - x).mean((1, 2)) - (y - x).round().mean((1, 2))
    assert gain.std().item() == pytest.approx(0.05, rel=0.15)
    torch.testing.assert_close(y - y[:, :1], x - x[:, :1])  # all bands change alike
    steps = y[:, 0].diff(dim=1).round()
    assert steps.unique().tolist() == [0, 1]  # frames stay as they are, the edge is repeated
    repeated = (steps == 0).sum(1)
    assert repeated.unique().tolist() == [0, 1, 2]  # at most 8 % of 20 frames
    assert (steps[:, 0] == 0).any()
    assert (steps[:, -1] == 0).any()


def test_the_gain_is_in_the_unit_of_the_data() -> None:
    x = torch.zeros(1000, 4, 6)
    gain = shift_spectrogram(x, 1.0, generator(), gain_unit=40.0)[:, 0, 0]
    assert gain.std().item() == pytest.approx(0.05 * 40, rel=0.1)


def test_short_sounds_shift_by_one_frame() -> None:
    x = torch.arange(3.0).expand(100, 4, 3)
    y = shift_spectrogram(x, 1.0, generator(), gain_unit=0.0)
    assert {tuple(row) for row in y[:, 0].tolist()} == {(0, 0, 1), (0, 1, 2), (1, 2, 2)}
