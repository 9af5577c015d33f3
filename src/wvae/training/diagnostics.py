"""Diagnosis: what has gone wrong in a training whose loss looks fine, in plain words, with the remedy."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from ..model import Codes, SplitVAE

NATS = 0.05  # less than that in the whole of z_rest is nothing
GAIN = 0.002  # share of the size of a reconstruction's loss that the right label must save over a wrong one


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to do."""


class TrainingWarning(UserWarning):
    """Training goes on, but will not give what it should; the message says why and what to do."""


@torch.no_grad()
def diagnose(model: SplitVAE, x: Tensor, y: Tensor) -> dict[str, str]:
    """Return what is wrong with the model, judged by a few hundred examples: a message for each fault, or nothing.

    =============  ===================================================================================================
    collapsed      z_rest carries less than 0.05 nats of an image: the decoder draws every class alike
    ignored        with another example's z_label the image is rebuilt as well: the decoder does not read it
    unread         with another example's codes the image is rebuilt as well: the decoder reads neither yet
    label-blind    the label is not read from z_label better than by a constant guess
    =============  ===================================================================================================

    Parameters
    ----------
    model
        Trained for some epochs.
    x, y
        Training examples (B, \\*shape), in random order, and their labels' indices, (B,).
    """
    config, found = model.config, {}
    q_label, q_rest = model.encode(x)
    standard = torch.distributions.Normal(torch.zeros_like(q_rest.loc), 1.0, validate_args=False)
    nats = float(kl_divergence(q_rest, standard).sum(1).mean())
    if nats < NATS:
        found["collapsed"] = (
            f"z_rest has collapsed: it carries {nats:.3f} nats of an image, so every example of a label is drawn "
            f"alike. Lower rest_kl_weight (now {config.rest_kl_weight:g}), or train longer"
        )
    if not config.classifier_weight:
        return found
    right = float((model.classifier(q_label.mean).argmax(1) == y).float().mean())
    majority = float(torch.bincount(y).max() / len(y))
    if right <= majority + 0.02:
        found["label-blind"] = (
            f"the label is read from z_label in {100 * right:.0f} % of cases, and a constant guess has "
            f"{100 * majority:.0f} %. Raise classifier_weight (now {config.classifier_weight:g}), lower "
            f"label_kl_weight (now {config.label_kl_weight:g}) or learning_rate (now {config.learning_rate:g}), or "
            "look at the labels"
        )
        return found  # what the decoder makes of such a z_label says nothing
    own, other = (
        _loss(model, x, Codes(z, q_rest.mean)) for z in (q_label.mean, q_label.mean.roll(1, 0))
    )
    # A density depends on the unit of x and may be negative: what counts is its squared errors, half a nat a value.
    gain = GAIN * (
        own if model.observation.likelihood == "bernoulli" else 0.5 * math.prod(model.shape)
    )
    if other - own >= gain:
        return found
    if _loss(model, x, Codes(q_label.mean, q_rest.mean.roll(1, 0))) - own < gain:
        found["unread"] = (
            f"the decoder reads neither code: with another example's it rebuilds as well ({own:.2f} nats), so all "
            f"images are drawn alike. Train longer, raise learning_rate (now {config.learning_rate:g}), or lower "
            f"rest_kl_weight (now {config.rest_kl_weight:g})"
        )
    else:
        found["ignored"] = (
            f"the decoder ignores z_label: with another example's it rebuilds as well ({other:.2f} and {own:.2f} "
            "nats), so z_rest holds the label, and a swap will show nothing. Raise rest_kl_weight (now "
            f"{config.rest_kl_weight:g}), lower d_rest, or take decoder_label_input='class'"
        )
    return found


def _loss(model: SplitVAE, x: Tensor, codes: Codes) -> float:
    return float(-model.decode(*codes).log_prob(x).mean())
