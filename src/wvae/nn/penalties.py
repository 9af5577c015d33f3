"""Penalties that keep the label out of z_rest during training: tensors in, one scalar out.

=====================  ========================================  ================================
penalty                formula                                   when to use it
=====================  ========================================  ================================
covariance             ½ ‖Cov(z_label, z_rest)‖² of unit         to repeat the notebook; sees
                       vectors                                   linear dependence only
hsic                   HSIC(z_rest, y), Gaussian kernel          small batches, few classes;
                                                                 no critic to tune
uniform_cross_entropy  cross-entropy of a critic's p(y|z_rest)   when the code itself must not
                       to the uniform distribution               depend on the label
=====================  ========================================  ================================

The fourth choice of ``Config.separation``, ``"swap"``, needs the whole model and is a method of
`wvae.model.SplitVAE`. `wvae.nn.alignment` removes the label after training, without a loss of
information given the label.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from .backbones import mlp
from .distributed import all_gather_rows


def covariance(a: Tensor, b: Tensor) -> Tensor:
    """Return the notebook's cross-covariance penalty, ½ ‖C‖²_F.

    C = (1/B) Σ_i (a_i − ā)(b_i − b̄)ᵀ, (d_a, d_b), where every a_i and b_i is first divided by
    its length. The penalty sees linear dependence only. A code of one dimension becomes ±1 when
    it is normalised, and gets no gradient.

    Parameters
    ----------
    a, b
        Samples of both codes, (B, d_a) and (B, d_b).

    References
    ----------
    Cheung, Livezey, Bansal, Olshausen (2015), Discovering hidden factors of variation in deep
    networks, arXiv:1412.6583 (the penalty XCov); 29Takuya (2018), notebook ``wvae`` (the
    normalisation).

    Examples
    --------
    >>> a = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0))
    >>> bool(covariance(a, a) > 10 * covariance(a, a.flip(0)))
    True
    """
    a = all_gather_rows(functional.normalize(a, dim=1))
    b = all_gather_rows(functional.normalize(b, dim=1))
    cross = (a - a.mean(0)).T @ (b - b.mean(0)) / len(a)  # (d_a, d_b)
    return 0.5 * cross.square().sum()


def hsic(z: Tensor, y: Tensor) -> Tensor:
    """Return the normalised Hilbert-Schmidt independence criterion of code and label, in [0, 1].

    HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)) with HSIC(K, L) = tr(KHLH) and H = I − 1/B. K is
    the Gaussian kernel exp(−‖z_i − z_j‖² / m), with m the batch's mean squared distance; L_ij is
    1 where labels agree, else 0. In the limit of many examples it is zero only for independence.

    Parameters
    ----------
    z
        Samples of the code, (B, d).
    y
        Label indices, (B,).

    References
    ----------
    Gretton, Bousquet, Smola, Schölkopf (2005), Measuring statistical dependence with
    Hilbert-Schmidt norms; in a VAE Lopez, Regier, Jordan, Yosef (2018), arXiv:1805.08672 (HCV).

    Examples
    --------
    >>> y = torch.arange(100) % 2
    >>> noise = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    >>> bool(hsic(noise, y) < 0.1), bool(hsic(noise + 9 * y[:, None], y) > 0.9)
    (True, True)
    """
    z, y = all_gather_rows(z), all_gather_rows(y)
    squared = torch.cdist(z, z).square()
    kernel_z = (-squared / squared.mean().detach().clamp(min=1e-12)).exp()
    kernel_y = (y[:, None] == y[None, :]).to(kernel_z.dtype)
    kernel_z, kernel_y = _centred(kernel_z), _centred(kernel_y)
    # The root has no gradient at 0, its value for a batch of one label: clamp first.
    norm = (kernel_z.square().sum() * kernel_y.square().sum()).clamp(min=1e-24).sqrt()
    return (kernel_z * kernel_y).sum() / norm


def uniform_cross_entropy(logits: Tensor) -> Tensor:
    """Return the cross-entropy of a critic to the uniform distribution, in nats.

    Its minimum log K is subtracted, so that a critic that predicts nothing costs 0. Unlike
    a reversed gradient it is bounded below, and it does not reward a code that encodes
    "any class but this".

    Parameters
    ----------
    logits
        Logits of the critic, (B, K).

    References
    ----------
    Zheng & Sun (2019), Disentangling latent space for VAE by label relevant/irrelevant
    dimensions, arXiv:1812.09502; Elazar & Goldberg (2018), arXiv:1808.06640, on why only a fresh
    probe shows that nothing is left.

    Examples
    --------
    >>> round(float(uniform_cross_entropy(torch.zeros(4, 10))), 6)
    0.0
    """
    return -logits.log_softmax(-1).mean() - math.log(logits.shape[-1])


class Adversary(nn.Module):
    """A critic that predicts the label from z_rest, and the penalty on what it can predict.

    The critic learns in the same optimiser step as the model: its own cross-entropy is part of
    the loss, on codes without a gradient, and the penalty uses its weights without a gradient. So
    neither loss moves the other's network.

    Parameters
    ----------
    d_rest
        Dimensions of z_rest.
    n_classes
        Number of labels.

    Examples
    --------
    >>> adversary = Adversary(2, 3)
    >>> z_rest = torch.zeros(4, 2, requires_grad=True)
    >>> penalty, critic_loss = adversary(z_rest, torch.tensor([0, 1, 2, 0]))
    >>> penalty.backward(), all(p.grad is None for p in adversary.parameters())
    (None, True)
    """

    def __init__(self, d_rest: int, n_classes: int) -> None:
        super().__init__()
        self.critic = mlp(d_rest, n_classes)

    def forward(self, z_rest: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the penalty on z_rest (B, d_rest), and the critic's cross-entropy, in nats.

        Labels y are (B,).
        """
        frozen = {name: p.detach() for name, p in self.critic.named_parameters()}
        penalty = uniform_cross_entropy(functional_call(self.critic, frozen, (z_rest,)))
        return penalty, functional.cross_entropy(self.critic(z_rest.detach()), y)


def _centred(kernel: Tensor) -> Tensor:
    """Return HKH, (B, B), of a symmetric kernel matrix."""
    return kernel - kernel.mean(0) - kernel.mean(1, keepdim=True) + kernel.mean()
