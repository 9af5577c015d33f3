"""Ways to keep the label out of z_rest: one function each, (codes, y) → a scalar in nats or a plain penalty."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional


class Codes(NamedTuple):
    """A batch of both codes: z_label (B, d_label) and z_rest (B, d_rest)."""

    z_label: Tensor
    z_rest: Tensor


def none(codes: Codes, y: Tensor) -> Tensor:
    """Return zero: nothing but the ELBO and the classifier shape the split."""
    return codes.z_rest.new_zeros(())


def covariance(codes: Codes, y: Tensor) -> Tensor:
    """Return the notebook's cross-covariance penalty, ½ ‖C‖²_F.

    C = (1/B) Σ_i (a_i − ā)(b_i − b̄)ᵀ, (d_label, d_rest), where a_i and b_i are the sampled z_label and z_rest
    divided by their lengths. It sees linear dependence only; and where a code has one dimension, its
    normalised sample is ±1, so that this penalty has no gradient there.

    References
    ----------
    Cheung, Livezey, Bansal, Olshausen (2015), Discovering hidden factors of variation in deep networks,
    arXiv:1412.6583 (the penalty XCov); 29Takuya (2018), notebook ``wvae`` (the normalisation).

    Examples
    --------
    >>> import torch
    >>> z = torch.tensor([[1.0], [-1.0]])
    >>> float(covariance(Codes(z, z), torch.tensor([0, 1])))
    0.5
    """
    a = functional.normalize(codes.z_label, dim=1)
    b = functional.normalize(codes.z_rest, dim=1)
    cross = (a - a.mean(0)).T @ (b - b.mean(0)) / len(a)  # (d_label, d_rest)
    return 0.5 * cross.square().sum()


# One line for each value of Config.separation.
SEPARATIONS: dict[str, Callable[[Codes, Tensor], Tensor]] = {"none": none, "covariance": covariance}
