"""Style features: drawn strokes whose thickness, slant and width are known, and images that have none."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from wvae.nn.style_features.grey import GROUPS, ORIENTATIONS, SIZE, GreyStyleFeatures

NAMES = [f"{name}{i}" for name, (n, _) in GROUPS.items() for i in range(n)]
SIDE = 28


def drawn(
    thickness: float = 4.0,
    slant: float = 0.0,
    height: float = 16.0,
    x: float = 13.5,
    y: float = 13.5,
) -> Tensor:
    """Draw one upright stroke, (SIDE, SIDE): sheared by slant, its edges a pixel soft."""
    rows, columns = torch.arange(SIDE).view(-1, 1) - y, torch.arange(SIDE) - x
    across = (thickness / 2 + 0.5 - (columns - slant * rows).abs()).clamp(0, 1)
    return across * (height / 2 + 0.5 - rows.abs()).clamp(0, 1)


def measured(*images: Tensor) -> dict[str, list[float]]:
    found = GreyStyleFeatures(tuple(images[0].shape))(torch.stack(images))
    return dict(zip(NAMES, found.T.tolist(), strict=True))


def test_sizes_and_weights_agree() -> None:
    statistics = GreyStyleFeatures((SIDE, SIDE))
    assert statistics.size == SIZE == len(NAMES) == len(statistics.weight)
    assert statistics(torch.rand(3, SIDE, SIDE)).shape == (3, SIZE)
    assert statistics.weight.sum().item() == pytest.approx(
        sum(share for _, share in GROUPS.values())
    )
    assert statistics.state_dict() == {}  # nothing of it is in a model's file


def test_thickness_is_in_pixels() -> None:
    # 2 × ink / edge of a t × h rectangle is t h / (t + h): its ends count, too.
    found = measured(*(drawn(t, height=20) for t in (2, 3, 4, 6)))["thickness0"]
    for t, got in zip((2, 3, 4, 6), found, strict=True):
        assert got == pytest.approx(t * 20 / (t + 20), rel=0.07)


def test_slant_is_the_shear() -> None:
    slants = [-0.6, -0.3, 0.0, 0.2, 0.5]
    found = measured(*(drawn(slant=s) for s in slants))["slant0"]
    assert found == sorted(found)
    assert found == pytest.approx(slants, abs=0.03)


def test_slant_does_not_move_the_width_without_slant() -> None:
    found = measured(drawn(), drawn(slant=0.5))
    assert found["width1"][1] == pytest.approx(found["width1"][0], abs=0.1)
    assert (
        found["width0"][1] > found["width0"][0] + 0.5
    )  # and the negative control: the plain width


@pytest.mark.parametrize("thickness", [3.0, 8.0, 14.0])
def test_width_is_the_log_of_the_standard_deviation(thickness: float) -> None:
    # A uniform stroke of this thickness has the variance t² / 12; soft edges and square pixels add at most 1/4.
    found = measured(drawn(thickness))["width0"][0]
    assert math.exp(2 * found) == pytest.approx(thickness**2 / 12 + 0.125, abs=0.13)


def test_orientations_are_shares_and_know_the_direction() -> None:
    upright = drawn(2.0, height=20)
    found = measured(upright, upright.T)
    shares = torch.tensor([found[f"orientations{k}"] for k in range(ORIENTATIONS)])  # (8, 2)
    torch.testing.assert_close(shares.sum(0), torch.ones(2), atol=1e-4, rtol=0)
    assert shares[:, 0].argmax() == 0  # the edges of an upright stroke run left to right
    assert shares[:, 1].argmax() == ORIENTATIONS // 2


def test_edges_are_pressure_and_sharpness() -> None:
    faint = measured(drawn(), 0.5 * drawn())
    assert faint["edges0"][1] == pytest.approx(0.5 * faint["edges0"][0], rel=1e-2)
    assert faint["thickness0"][1] == pytest.approx(faint["thickness0"][0], rel=1e-2)
    blurred = torch.nn.functional.avg_pool2d(drawn().view(1, 1, SIDE, SIDE), 5, 1, 2).view(
        SIDE, SIDE
    )
    assert measured(drawn(), blurred)["edges1"][1] < 0.9 * faint["edges1"][0]


def test_coherence_is_larger_for_a_stroke_than_for_noise() -> None:
    noise = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    stroke, grain = measured(drawn(3.0, height=20), noise)["shape5"]
    assert stroke > 0.7
    assert grain < 0.5
    assert grain > 0


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, -2), (3, 2)])
def test_a_step_of_whole_pixels_changes_nothing(right: int, down: int) -> None:
    image = drawn(3.0, 0.3, 12.0)
    moved = image.roll((down, right), (0, 1))
    statistics = GreyStyleFeatures((SIDE, SIDE))
    torch.testing.assert_close(
        statistics(image[None]), statistics(moved[None]), atol=1e-4, rtol=1e-4
    )


def test_an_image_does_not_depend_on_the_others_in_its_batch() -> None:
    statistics = GreyStyleFeatures((SIDE, SIDE))
    images = torch.stack(
        [
            drawn(2.0, 0.4),
            torch.zeros(SIDE, SIDE),
            drawn(7.0),
            torch.ones(SIDE, SIDE),
            drawn(4, -0.3),
        ]
    )
    together = statistics(images)
    for image, found in zip(images, together, strict=True):
        torch.testing.assert_close(statistics(image[None])[0], found, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(statistics(images.flip(0)), together.flip(0), atol=1e-5, rtol=1e-5)


BLANKS = {
    "black": torch.zeros(SIDE, SIDE),
    "white": torch.ones(SIDE, SIDE),
    "grey": torch.full((SIDE, SIDE), 0.5),
    "one pixel": torch.nn.functional.one_hot(torch.tensor(400), SIDE * SIDE)
    .float()
    .view(SIDE, SIDE),
    "one faint pixel": 1e-4
    * torch.nn.functional.one_hot(torch.tensor(400), SIDE * SIDE).float().view(SIDE, SIDE),
    "one column": drawn(0.5, height=40),
    "stroke": drawn(),
}


@pytest.mark.parametrize("name", BLANKS)
def test_images_of_nothing_are_finite_and_bounded_with_finite_gradients(name: str) -> None:
    image = BLANKS[name].clone().requires_grad_()
    found = GreyStyleFeatures((SIDE, SIDE))(image[None])[0]
    assert found.isfinite().all()
    assert found.abs().max() < 100  # one blank image must not decide what is the mean of its label
    for value in found:
        (gradient,) = torch.autograd.grad(value, image, retain_graph=True)
        assert gradient.isfinite().all()


def test_channels_are_averaged() -> None:
    statistics = GreyStyleFeatures((3, SIDE, SIDE))
    image = torch.stack([drawn(), drawn(slant=0.4), torch.zeros(SIDE, SIDE)])
    torch.testing.assert_close(
        statistics(image[None]), GreyStyleFeatures((SIDE, SIDE))(image.mean(0)[None])
    )


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (1, 3, 5), (17, 6)])
def test_any_size_will_do(shape: tuple[int, ...]) -> None:
    found = GreyStyleFeatures(shape)(
        torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    )
    assert found.shape == (2, SIZE)
    assert found.isfinite().all()


@pytest.mark.parametrize("shape", [(64,), (2, 3, 4, 5)])
def test_what_is_no_image_has_none(shape: tuple[int, ...]) -> None:
    assert GreyStyleFeatures(shape).size == 0
