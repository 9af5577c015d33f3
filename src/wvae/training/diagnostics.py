"""Diagnostics: faults of a trained model that its loss does not show, each with a remedy.

`wvae.training.remedies` chooses the remedy by what the hyper-parameters are. Whether the label was
learnt is judged at the end of the training, by `wvae.training.label_check`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from ..evaluation.accuracy import accuracy
from ..model import Codes, SplitVAE
from . import remedies

MIN_REST_NATS = 0.05  # KL of z_rest, in nats per example, below which it carries nothing
# How much the right z_label must lower the reconstruction loss, relative to a wrong one.
MIN_RECONSTRUCTION_GAIN = 0.002


class TrainingError(RuntimeError):
    """Training cannot go on. The message gives the cause and the remedy."""


class TrainingWarning(UserWarning):
    """Training goes on, but its result is faulty. The message gives the cause and the remedy."""


@torch.no_grad()
def diagnose(model: SplitVAE, x: Tensor, y: Tensor) -> dict[str, str]:
    """Return the faults of a model, judged by a few hundred examples: a message for each.

    =============  =================================================================================
    collapsed      z_rest carries less than 0.05 nats per example: all examples of a class are
                   decoded alike
    ignored        another example's z_label reconstructs x as well: the decoder does not use it
    unread         another example's z_label and z_rest reconstruct x as well: the decoder uses
                   neither
    =============  =================================================================================

    Parameters
    ----------
    model
        Trained for some epochs, in evaluation mode.
    x, y
        Training examples (B, \\*shape), in random order, and their label indices, (B,).

    Returns
    -------
    dict
        Empty if there is no fault. While the classifier is less than halfway between chance and 1,
        the decoder is not judged.
    """
    q_label, q_rest = model.encode(x)
    faults = _collapse(model, x, q_rest)
    if not model.config.classifier_weight:
        return faults
    result = accuracy(y.cpu().numpy(), model.predict(q_label.mean).cpu().numpy())
    if result.value < result.halfway:  # swapping such a z_label shows nothing about the decoder
        return faults
    return faults | _decoder_faults(model, x, Codes(q_label.mean, q_rest.mean))


def _collapse(model: SplitVAE, x: Tensor, q_rest: torch.distributions.Normal) -> dict[str, str]:
    """Return the fault "collapsed", if z_rest hardly differs from its prior."""
    standard = torch.distributions.Normal(torch.zeros_like(q_rest.loc), 1.0, validate_args=False)
    nats = float(kl_divergence(q_rest, standard).sum(1).mean())
    if nats >= MIN_REST_NATS:
        return {}
    return {
        "collapsed": f"z_rest has collapsed: it carries {nats:.3f} nats per example, so all "
        f"examples of a label are decoded alike: {remedies.take(remedies.for_collapse(model, x))}"
    }


def _decoder_faults(model: SplitVAE, x: Tensor, codes: Codes) -> dict[str, str]:
    """Return the fault "ignored" or "unread", if another example's codes reconstruct x as well."""
    matching = _reconstruction(model, x, codes)
    wrong_label = _reconstruction(model, x, Codes(codes.z_label.roll(1, 0), codes.z_rest))
    # A density depends on the unit of x and may be negative. For Gaussians the scale is therefore
    # that of the squared errors: half a nat per value.
    gaussian = model.observation.likelihood != "bernoulli"
    scale = 0.5 * math.prod(model.shape) if gaussian else matching
    min_gain = MIN_RECONSTRUCTION_GAIN * scale
    if wrong_label - matching >= min_gain:
        return {}
    wrong_rest = _reconstruction(model, x, Codes(codes.z_label, codes.z_rest.roll(1, 0)))
    if wrong_rest - matching < min_gain:
        remedy = remedies.take(remedies.for_unread_codes(model, x))
        return {
            "unread": "the decoder uses neither code: another example's codes reconstruct as well "
            f"({matching:.2f} nats), so all examples are decoded alike: {remedy}"
        }
    remedy = remedies.take(remedies.for_ignored_label(model, x))
    return {
        "ignored": "the decoder ignores z_label: another example's z_label reconstructs as well "
        f"({wrong_label:.2f} and {matching:.2f} nats), so swaps will not change the label. Either "
        f"the label shows in few values of x, or z_rest holds it, too: {remedy}"
    }


def _reconstruction(model: SplitVAE, x: Tensor, codes: Codes) -> float:
    """Return the mean of −log p(x|codes), in nats."""
    return float(-model.decode(*codes).log_prob(x).mean())
