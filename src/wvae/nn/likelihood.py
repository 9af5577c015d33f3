"""The densities of the objective in closed form: what a step spends its time on, besides matrix products.

`torch.distributions` says the same in many more passes over the pixels; the tests hold the two together.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal
from torch.nn import functional


def surprise(p: Independent, x: Tensor) -> Tensor:  # pyright: ignore[reportMissingTypeArgument]
    """Return −log p(x), (B,), in nats, summed over all values of an example.

    Examples
    --------
    >>> p, x = Independent(Bernoulli(logits=torch.randn(2, 4, 4)), 2), torch.rand(2, 4, 4).round()
    >>> torch.allclose(surprise(p, x), -p.log_prob(x))
    True
    """
    base: Distribution = p.base_dist
    if not isinstance(base, Bernoulli):
        return -p.log_prob(x)
    return _BernoulliSurprise.apply(base.logits.flatten(1), x.flatten(1))[0]


def divergence(q: Normal, mean: Tensor | None = None) -> Tensor:
    """Return KL(q || N(mean, I)), (B,), in nats: ½ Σ (σ² + (μ − mean)² − 1 − log σ²); no mean stands for 0.

    Examples
    --------
    >>> divergence(Normal(torch.ones(2, 3), 1.0)).tolist()
    [1.5, 1.5]
    """
    return _Divergence.apply(q.loc if mean is None else q.loc - mean, q.scale.expand_as(q.loc))


class _Divergence(torch.autograd.Function):
    """½ Σ (σ² + μ² − 1 − log σ²), (B,), of μ and σ, (B, d), with the gradients μ and σ − 1/σ."""

    generate_vmap_rule = True  # many models at once are trained by `torch.vmap`

    @staticmethod
    def forward(mean: Tensor, sd: Tensor) -> Tensor:
        return torch.addcmul(sd * sd, mean, mean).sub_(1).mul_(0.5).sub_(sd.log()).sum(-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        mean, sd = ctx.saved_tensors
        gradient = gradients[0].unsqueeze(-1)
        return mean * gradient, (sd - 1 / sd) * gradient


class _BernoulliSurprise(torch.autograd.Function):
    """Σ softplus(l) − x l over the values of an example, with its gradient σ(l) − x, one pass each; x gets none."""

    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        away = logits.sigmoid().sub_(x)  # what the gradient is, so that nothing else need be kept
        return functional.softplus(logits).sum(1).sub_(torch.linalg.vecdot(logits, x)), away

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(output[1])
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (away,) = ctx.saved_tensors
        return away * gradients[0].unsqueeze(1), None
