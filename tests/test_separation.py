"""Ways to keep the label out: planted dependence must cost, independence must not."""

from __future__ import annotations

import pytest
import torch

from wvae.config import parameters
from wvae.separation import SEPARATIONS, Codes, covariance, none


def codes(n: int = 4000, copied: bool = False) -> Codes:
    generator = torch.Generator().manual_seed(0)
    z_label = torch.randn(n, 3, generator=generator)
    return Codes(z_label, z_label.clone() if copied else torch.randn(n, 3, generator=generator))


def test_the_table_and_the_config_name_the_same() -> None:
    choices = next(p.choices for p in parameters() if p.name == "separation")
    assert set(choices) == set(SEPARATIONS)


def test_none_costs_nothing() -> None:
    assert none(codes(copied=True), torch.zeros(4000)).item() == 0


def test_covariance_is_small_for_independent_codes_and_large_for_copies() -> None:
    y = torch.zeros(4000)
    assert covariance(codes(), y).item() < 1e-3
    # For a copy C is the covariance of unit vectors, I / 3 in three dimensions: half of 3 · (1/3)².
    assert covariance(codes(copied=True), y).item() == pytest.approx(1 / 6, rel=0.02)


def test_covariance_ignores_the_length_and_the_mean_sign_pattern() -> None:
    z = codes(copied=True)
    longer = Codes(z.z_label * 7, z.z_rest * 0.1)
    assert covariance(longer, torch.zeros(4000)).item() == pytest.approx(
        covariance(z, torch.zeros(4000)).item(), rel=1e-5
    )


def test_covariance_is_blind_to_what_is_not_linear() -> None:
    """Its known limit, so that nobody takes it for a proof of independence."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(20_000, 2, generator=generator)
    dependent = Codes(a, a * torch.sign(torch.randn(20_000, 1, generator=generator)))
    assert covariance(dependent, torch.zeros(20_000)).item() < 1e-3
