"""Ways to keep the label out of z_rest while training: one function each, (model, codes, y) → a scalar.

==========  ==========================================================  ===============================================
separation  penalty                                                     when to use it
==========  ==========================================================  ===============================================
none        0                                                           with an alignment: it costs no reconstruction
covariance  ½ ‖Cov(z_label, z_rest)‖² of unit vectors                   to repeat the notebook; sees linear traces only
hsic        HSIC(z_rest, y), Gaussian kernel                            small batches, few classes; no critic to tune
adversary   cross-entropy of a critic's p(y|z_rest) to the uniform one  when the code itself must forget, at a cost
swap        the rest of a swapped image, encoded again, must come back  when swapped images matter most
==========  ==========================================================  ===============================================

What comes after training, and given the label loses nothing, is in `wvae.nn.alignment`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .distributed import gathered, share_of

if TYPE_CHECKING:
    from ..model import SplitVAE

CRITIC_STEPS = 3  # of the critic, for each of the model's
CRITIC_RESET = 5  # epochs after which the critic starts afresh: an old one is easily led astray


class Codes(NamedTuple):
    """A batch of both codes: z_label (B, d_label) and z_rest (B, d_rest)."""

    z_label: Tensor
    z_rest: Tensor


def none(model: SplitVAE, codes: Codes, y: Tensor) -> Tensor:
    """Return zero: nothing but the ELBO and the classifier shape the split."""
    return codes.z_rest.new_zeros(())


def covariance(model: SplitVAE, codes: Codes, y: Tensor) -> Tensor:
    """Return the notebook's cross-covariance penalty, ½ ‖C‖²_F.

    C = (1/B) Σ_i (a_i − ā)(b_i − b̄)ᵀ, (d_label, d_rest), where a_i and b_i are the sampled z_label and z_rest
    divided by their lengths. It sees linear dependence only; and where a code has one dimension, its
    normalised sample is ±1, so that this penalty has no gradient there.

    References
    ----------
    Cheung, Livezey, Bansal, Olshausen (2015), Discovering hidden factors of variation in deep networks,
    arXiv:1412.6583 (the penalty XCov); 29Takuya (2018), notebook ``wvae`` (the normalisation).
    """
    a = gathered(functional.normalize(codes.z_label, dim=1))
    b = gathered(functional.normalize(codes.z_rest, dim=1))
    cross = (a - a.mean(0)).T @ (b - b.mean(0)) / len(a)  # (d_label, d_rest)
    return 0.5 * cross.square().sum()


def hsic(model: SplitVAE, codes: Codes, y: Tensor) -> Tensor:
    """Return the normalised Hilbert-Schmidt independence criterion of z_rest and the label, in [0, 1].

    HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)) with HSIC(K, L) = tr(KHLH), H = I − 1/B; K a Gaussian kernel whose width is
    the batch's mean distance, and L_ij = 1 where labels agree. Zero in the limit only for independence.

    References
    ----------
    Gretton, Bousquet, Smola, Schölkopf (2005), Measuring statistical dependence with Hilbert-Schmidt norms; in a VAE
    Lopez, Regier, Jordan, Yosef (2018), arXiv:1805.08672 (HCV).
    """
    z_rest, y = gathered(codes.z_rest), gathered(y)
    squared = torch.cdist(z_rest, z_rest).square()
    k = (-squared / squared.mean().detach().clamp(min=1e-12)).exp()
    same = (y[:, None] == y[None, :]).to(k.dtype)
    k, same = (m - m.mean(0) - m.mean(1, keepdim=True) + m.mean() for m in (k, same))
    # The clamp comes first: a root has no gradient at zero, where the batch has one label or one example.
    return (k * same).sum() / (k.square().sum() * same.square().sum()).clamp(min=1e-24).sqrt()


def critic(d_rest: int, n_classes: int) -> nn.Sequential:
    """Return a critic that reads the label from z_rest, (B, d_rest) → logits (B, classes)."""
    return nn.Sequential(nn.Linear(d_rest, 256), nn.SiLU(), nn.Linear(256, 256), nn.SiLU(), nn.Linear(256, n_classes))


def critic_loss(model: SplitVAE, codes: Codes, y: Tensor) -> Tensor:
    """Return what the critic itself minimises: its cross-entropy, on codes that it cannot change."""
    return functional.cross_entropy(model.critic(codes.z_rest.detach()), y)


def adversary(model: SplitVAE, codes: Codes, y: Tensor) -> Tensor:
    """Return the cross-entropy of the critic's answer to a uniform one, less its least value log K, in nats.

    Unlike a reversed gradient it is bounded, and it does not reward a code that means "any class but this one".

    References
    ----------
    Zheng & Sun (2019), Disentangling latent space for VAE by label relevant/irrelevant dimensions, arXiv:1812.09502
    (the uniform target); Elazar & Goldberg (2018), arXiv:1808.06640 (why only a fresh probe proves anything).
    """
    log_p = model.critic(codes.z_rest).log_softmax(-1)
    return -log_p.mean() - torch.log(torch.tensor(float(log_p.shape[-1])))


def swap(model: SplitVAE, codes: Codes, y: Tensor) -> Tensor:
    """Return how far the rest moves, and the label strays, when images with swapped labels are encoded again.

    z_label of a shuffled batch with this z_rest is drawn, and the picture encoded: ½ ‖z'_rest − z_rest‖² per example,
    plus the cross-entropy of the label that was swapped in.

    References
    ----------
    Jha, Anand, Singh, Veeravasarapu (2018), Disentangling factors of variation with cycle-consistent variational
    auto-encoders, arXiv:1804.10469; Mathieu et al. (2016), arXiv:1611.03383.
    """
    z_label, other = gathered(codes.z_label).roll(1, 0), gathered(y).roll(1)  # batches come shuffled
    own = share_of(len(z_label)).rows
    q_label, q_rest = model.encode(model.picture(z_label[own], codes.z_rest))
    away = 0.5 * (q_rest.mean - codes.z_rest).square().sum(1).mean()
    return away + functional.cross_entropy(model.classifier(q_label.mean), other[own])


# One line for each value of Config.separation.
SEPARATIONS: dict[str, Callable[[SplitVAE, Codes, Tensor], Tensor]] = {
    "none": none,
    "covariance": covariance,
    "hsic": hsic,
    "adversary": adversary,
    "swap": swap,
}
