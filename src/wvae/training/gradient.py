"""The gradient of a step: by automatic differentiation of `wvae.model`, or, for the article's network, written out.

That network is so small that the bookkeeping of a step takes as long as its matrix products. Written out, with all
parameters in one tensor and all gradients in another, it takes a fifth of them; the tests hold both ways together.
With a prime for the gradient of the loss, a_j = tanh(W_j z_j + b_j) for either code, s = a_label + a_rest, h = tanh of
the trunk, H its four heads, C the classifier of weight w, v the weight of a code's KL divergence, and z = μ + σ ε::

    logits' = σ(logits) − x        W_output' = logits'ᵀ s        s' = logits' W_output
    u_j = s' (1 − a_j²)            W_j' = u_jᵀ z_j               z_j' = u_j W_j, of z_label + c C
    c = w (softmax − onehot(y))    C' = cᵀ z_label
    μ' = z' + v μ                  (log σ²)' = ½ (z' ε σ + v (σ² − 1))
    q' = (μ', (log σ²)')           H' = q'ᵀ h                    h' = q' H
    u = h' (1 − h²)                W_trunk' = uᵀ x               and every bias' is the sum of its rows
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..model import Noise, SplitVAE
from ..nn.backbones import rate_of
from ..nn.distributed import Share
from .examples import Weights

tanh_backward = torch.ops.aten.tanh_backward  # g (1 − tanh²)

Terms = dict[str, Tensor]
Gradient = Callable[[Tensor, Tensor, Noise, Weights | None, Share], Terms]

HEADS = "label_mean", "rest_mean", "label_log_variance", "rest_log_variance"
# What is multiplied with the same input lies side by side in the flat tensor, and is one matrix without a copy.
LAYERS = {
    "trunk": ("trunk.1",),
    "heads": HEADS,
    "label": ("decoder.from_label",),
    "rest": ("decoder.from_rest",),
    "output": ("decoder.output",),
    "classifier": ("classifier",),
}
NAMES = [f"{layer}.{part}" for part in ("weight", "bias") for layers in LAYERS.values() for layer in layers]


def is_written(model: SplitVAE) -> bool:
    """Return whether the gradient of this model's objective is written out: it is the article's, and on a CPU.

    >>> from wvae.config import Config
    >>> [is_written(SplitVAE(Config.preset(name), (8, 8), 3)) for name in ("article", "quick", "best")]
    [True, True, False]
    """
    config = model.config
    return (
        config.backbone == "article"
        and model.likelihood == "bernoulli"
        and (config.label_prior, config.label_path, config.separation) == ("standard", "code", "none")
        and config.classifier_weight > 0
        and not model.explains_style
        and next(model.parameters()).device.type == "cpu"
    )


def flattened(model: SplitVAE) -> list[tuple[str, nn.Parameter]]:
    """Move a model's parameters into one tensor, and their gradients into another, and return the parts of the first.

    A part is as long as one learning rate applies, and has the name of its first parameter. The model's own parameters
    and gradients become views: what changes a part changes them.
    """
    parameters = dict(model.named_parameters())
    flat = torch.cat([parameters[name].detach().flatten() for name in NAMES])
    gradient, names, starts = torch.zeros_like(flat), list[str](), [0]
    end, rate = 0, None
    for name in NAMES:
        p, start, before = parameters[name], end, rate
        end, rate = start + p.numel(), rate_of(model.config, name)
        p.data, p.grad = (of[start:end].view_as(p) for of in (flat, gradient))
        if rate != before:
            names, starts = [*names, name], [*starts[: len(names)], start]
    parts = [(nn.Parameter(flat[a:b]), gradient[a:b]) for a, b in pairwise([*starts, end])]
    for part, its in parts:
        part.grad = its
    return [(name, part) for name, (part, _) in zip(names, parts, strict=True)]


def gradient_of(model: SplitVAE, optimiser: torch.optim.Optimizer) -> Gradient:
    """Return what leaves the gradient of a batch where the optimiser looks for it, and returns the objective's terms.

    It is called with x (B, \\*shape), y (B,), noise, weights, and the share of the whole batch that these are.
    """
    held = {id(p) for group in optimiser.param_groups for p in group["params"]}
    if held.issuperset(id(p) for p in model.parameters()):
        return lambda x, y, noise, weights, share: _automatic(model, x, y, noise, weights, share)
    return _Written(model)


def _automatic(model: SplitVAE, x: Tensor, y: Tensor, noise: Noise, weights: Weights | None, share: Share) -> Terms:
    terms = model(x, y, noise, weights)
    model.zero_grad(set_to_none=True)
    (terms["loss"] * share.weight).backward()
    return terms


class _Written:
    """The article's gradient, left in the flat tensor that `flattened` has made."""

    def __init__(self, model: SplitVAE) -> None:
        self.model, config = model, model.config
        p = dict(model.named_parameters())
        for flat in ([p[name].data for name in NAMES], [p[name].grad for name in NAMES]):
            if any(a is None or b is None or b.data_ptr() != a.data_ptr() + a.nbytes for a, b in pairwise(flat)):
                raise RuntimeError("the parameters were moved since their optimiser was made: make it anew")
        self.weight, self.weight_gradient = _views(p, "weight", LAYERS)
        self.bias, self.bias_gradient = _views(p, "bias", LAYERS)
        self.kl_weights = torch.tensor(
            [config.label_kl_weight * model.heft] * config.d_label + [config.rest_kl_weight] * config.d_rest,
            dtype=self.weight["trunk"].dtype,
        )
        self.label_weight = config.classifier_weight * model.heft

    def __call__(self, x: Tensor, y: Tensor, noise: Noise, weights: Weights | None, share: Share) -> Terms:
        if weights is None:
            with torch.no_grad():
                return self._written(x, y, noise, share.weight / len(x))
        terms = self.model(x, y, noise, weights)  # rows that do not count alike are rare, and left to `autograd`
        for gradient in (*self.weight_gradient.values(), *self.bias_gradient.values()):
            gradient.zero_()
        (terms["loss"] * share.weight).backward()
        return terms

    def _written(self, x: Tensor, y: Tensor, noise: Noise, each: float) -> Terms:
        """Return the terms; ``each`` is what an example counts in the loss."""
        config, weight, bias = self.model.config, self.weight, self.bias
        to_weight, to_bias = self.weight_gradient, self.bias_gradient
        n, d, exact = len(x), config.d_label, x.dtype
        short = torch.bfloat16 if config.precision == "bfloat16" else exact

        seen = self.model.standardised(x).flatten(1).to(short)
        x = x.flatten(1)
        trunk, heads, label, rest, output = (
            weight[key].to(short) for key in ("trunk", "heads", "label", "rest", "output")
        )
        h = _tanh(seen @ trunk.T, bias["trunk"])
        read = h.to(short)
        mean, log_variance = functional.linear(read, heads, bias["heads"].to(short)).to(exact).chunk(2, 1)
        sd, e = (0.5 * log_variance).exp_(), torch.cat(noise, 1)
        variance, z = sd * sd, torch.addcmul(mean, sd, e)
        z_label, z_rest = z.to(short).split([d, config.d_rest], 1)
        a_label, a_rest = _tanh(z_label @ label.T, bias["label"]), _tanh(z_rest @ rest.T, bias["rest"])
        s = (a_label + a_rest).to(short)
        logits = functional.linear(s, output, bias["output"].to(short)).to(exact)
        both = torch.cat([z[:, :d], mean[:, :d]])
        scores, certain = torch.addmm(bias["classifier"], both, weight["classifier"].T).chunk(2)
        log_p = scores.log_softmax(1)

        kl = (torch.addcmul(variance, mean, mean) - log_variance).sub_(1).sum(0).mul_(0.5 / n).mul_(self.kl_weights)
        terms = {
            "reconstruction": (functional.softplus(logits).sum() - torch.dot(logits.flatten(), x.flatten())) / n,
            "kl_label": kl[:d].sum(),
            "kl_rest": kl[d:].sum(),
            "classification": functional.nll_loss(log_p, y).mul_(self.label_weight),
        }
        terms["loss"] = torch.stack(list(terms.values())).sum()
        terms["accuracy"] = (certain.argmax(1) == y).to(exact).mean()

        away = logits.sigmoid_().sub_(x).mul_(each)
        torch.sum(away, 0, out=to_bias["output"])
        away = away.to(short)
        _product(away.T, s, to_weight["output"])
        ds, dz = (away @ output).to(exact), list[Tensor]()
        for key, code, a, layer in (("label", z_label, a_label, label), ("rest", z_rest, a_rest, rest)):
            u = tanh_backward(ds, a)
            torch.sum(u, 0, out=to_bias[key])
            u = u.to(short)
            to_weight[key].copy_((code.T @ u).T)  # so turned, it is the faster product
            dz.append((u @ layer).to(exact))
        c = log_p.exp_()
        c[torch.arange(n), y] -= 1
        c.mul_(each * self.label_weight)
        torch.mm(c.T, z[:, :d], out=to_weight["classifier"])
        torch.sum(c, 0, out=to_bias["classifier"])
        dz = torch.cat([dz[0].addmm_(c, weight["classifier"]), dz[1]], 1)
        v = each * self.kl_weights
        dq = torch.cat([torch.addcmul(dz, v, mean), torch.addcmul(dz * e * sd, v, variance - 1).mul_(0.5)], 1)
        torch.sum(dq, 0, out=to_bias["heads"])
        dq = dq.to(short)
        _product(dq.T, read, to_weight["heads"])
        u = tanh_backward((dq @ heads).to(exact), h)
        torch.sum(u, 0, out=to_bias["trunk"])
        _product(u.to(short).T, seen, to_weight["trunk"])
        return terms


def _tanh(x: Tensor, bias: Tensor) -> Tensor:
    """Return tanh(x + bias), in the precision of the bias, as 2 σ(2 (x + bias)) − 1."""
    half = torch.add(2 * bias, x, alpha=2).sigmoid_()
    return torch.add(half.new_tensor(-1), half, alpha=2, out=half)


def _views(
    parameters: dict[str, nn.Parameter], part: str, layers: dict[str, tuple[str, ...]]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the weights, or biases, of some layers, those of neighbours as one, and their gradients."""
    found = {key: [parameters[f"{name}.{part}"] for name in names] for key, names in layers.items()}
    values = {key: _joined([p.data for p in some]) for key, some in found.items()}
    return values, {key: _joined([p.grad for p in some if p.grad is not None]) for key, some in found.items()}


def _joined(tensors: list[Tensor]) -> Tensor:
    """Return tensors that lie side by side in memory as one, along the first axis."""
    return tensors[0].as_strided((sum(len(t) for t in tensors), *tensors[0].shape[1:]), tensors[0].stride())


def _product(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Leave a b in a tensor that may be of longer numbers."""
    if a.dtype == out.dtype:
        torch.mm(a, b, out=out)
    else:
        out.copy_(a @ b)
