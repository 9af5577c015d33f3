"""The method, read top to bottom: encode, classify, decode, and the objective's terms.

::

    x ──encoder──▶ q(z_label|x) ──classifier──▶ y
          └──────▶ q(z_rest|x)
    (z_label, z_rest) ──decoder──▶ p(x|z_label, z_rest)

================  ===========================================  =================  ==================
symbol            meaning                                      shape              name in code
================  ===========================================  =================  ==================
x                 an example; pixels are in [0, 1]             (B, \\*shape)       ``x``
y                 its label, as an index of ``classes_``       (B,)               ``y``
q(z_label|x)      Gaussian that the classifier reads           (B, d_label)       ``q_label``
q(z_rest|x)       Gaussian of everything else                  (B, d_rest)        ``q_rest``
p(z_label|y)      N(0, I), or N(μ_y, I) with μ learnt          (B, d_label)       ``prior_mean``
p(x|z)            independent Bernoullis, or Gaussians         (B, \\*shape)       ``decode``
p(y|z_label)      linear classifier                            (B, classes)       ``classify``
t(x, y)           style statistics, relative to the label's    (B, size)          ``relative``
================  ===========================================  =================  ==================

With ``label_path="class"`` (the preset ``best``) the decoder does not see z_label itself but Σ_y p(y|z_label) μ_y,
which can hold the class and nothing else: whatever of the style the image needs must then pass through z_rest.

The loss of an example, in nats, is ::

    −log p(x|z_label, z_rest)                            "reconstruction"
    + w · KL(q(z_label|x) ‖ p(z_label))                  "kl_label"
    + w · KL(q(z_rest|x) ‖ N(0, I))                      "kl_rest"
    + w · ½ Σ_j v_j (t_j(x, y) − (W z_rest)_j)²          "style"
    − w · log p(y|z_label)                               "classification"
    + w · separation(z_label, z_rest, y)                 "separation"

The style statistics t (`wvae.nn.style_features`) are a second thing that z_rest must explain, as Gaussians of variances
1 / (w v_j): pen, slant and proportions of an image, in standard deviations of its label. Their loadings W,
(size, d_rest), are shared by all labels, and so a direction of z_rest means the same for each. Data that are no images,
or no pixels, have none.

p(x|z) is Bernoulli for values in [0, 1], and otherwise, or if asked for, Gaussian. Then the networks see and draw
(x − m) / s, seen within ±5, with m and s the mean and standard deviation of the training data: one of each for images
and spectrograms, one for each column of a table. All values share one learnt scale σ (σ-VAE: Rybkin, Daniilidis &
Levine, 2021, arXiv:2006.13202), p(x|z) = N(m + s·decoder(z), s²σ²), a density of x as it came.

Where a label is not known, there is no "classification" and no "kl_label", which are means over the other examples
(p(z_label) = N(0, I) is known for all); "style" is relative to the labels as likely as the classifier has them, without
a gradient. With weights w_i of mean 1, every term is the mean of w_i times an example's.

Both codes are sampled once, by the reparametrisation trick (Kingma & Welling, 2014, arXiv:1312.6114).

The z_rest of this file is the network's own. What users see is its posterior mean after `wvae.nn.alignment`, a
bijection
given the label, which `read` applies and `draw` undoes.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, Independent, Normal
from torch.nn import functional

from .config import Config
from .nn import backbones as networks
from .nn.alignment import Alignment
from .nn.augment import augmented
from .nn.distributed import Share
from .nn.likelihood import divergence, surprise
from .nn.penalties import SEPARATIONS, Codes, critic
from .nn.style_features import statistics_of
from .training.examples import Weights

SEEN = 5.0  # standard deviations from the mean at most: an encoder that extrapolates makes codes without bound
LEAST_LOG_SCALE = -6.0  # a column that is rebuilt exactly would have an infinite density
Noise = tuple[Tensor, Tensor]  # standard normal, (B, d_label) and (B, d_rest)


class SplitVAE(nn.Module):
    """A variational autoencoder whose bottleneck is split into z_label and z_rest.

    Parameters
    ----------
    config
        The hyper-parameters.
    shape
        Shape of one example, without the batch.
    n_classes
        Number of labels.
    pixels
        Whether all values lie in [0, 1]: what ``likelihood="auto"`` goes by. If not, an image has no style statistics
        and is not augmented, since both know ink and paper.

    Raises
    ------
    ValueError
        If the config wants a Bernoulli likelihood for values outside [0, 1], or convolutions over a table.

    Examples
    --------
    >>> model = SplitVAE(Config(d_label=2, d_rest=3, width=8), (4, 4), n_classes=5)
    >>> q_label, q_rest = model.encode(torch.rand(6, 4, 4))
    >>> q_label.mean.shape, q_rest.mean.shape
    (torch.Size([6, 2]), torch.Size([6, 3]))
    >>> model.decode(q_label.mean, q_rest.mean).mean.shape
    torch.Size([6, 4, 4])
    """

    style_mean: Tensor
    style_sd: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, config: Config, shape: tuple[int, ...], n_classes: int, pixels: bool = True) -> None:
        super().__init__()
        self.config, self.shape, self.n_classes, self.pixels = config, tuple(shape), n_classes, pixels
        if config.likelihood == "bernoulli" and not pixels:
            raise ValueError(
                "likelihood is 'bernoulli', which needs values in [0, 1], and X holds others: "
                "scale X, or take likelihood='gaussian' or 'auto'"
            )
        self.heft = config.heft(math.prod(self.shape))
        natural = "bernoulli" if pixels else "gaussian"
        self.likelihood = natural if config.likelihood == "auto" else config.likelihood
        # A column has a unit of its own, a pixel has that of its neighbour.
        self.by_column = config.kind == "table" or len(self.shape) == 1
        self.trunk, features = networks.trunk(config, self.shape)
        # With fewer dimensions than it takes to place the classes independently of each other, a linear head would have
        # to pass through one class to reach the next; instead it weighs the classes, and z_label is the mean of theirs.
        self.weighs_classes = config.label_path == "class" and config.d_label < n_classes - 1
        self.label_mean = networks.head(config, features, n_classes if self.weighs_classes else config.d_label)
        self.label_log_variance = networks.head(config, features, config.d_label)
        self.statistics = statistics_of(config.kind, self.shape, pixels)
        n_style = self.statistics.size if config.style_weight else 0
        self.rest_mean = networks.head(config, features + n_style, config.d_rest)
        self.rest_log_variance = networks.head(config, features + n_style, config.d_rest)
        if n_style:
            self.loadings = nn.Linear(config.d_rest, n_style, bias=False)
            self.register_buffer("style_mean", torch.zeros(n_classes, n_style))
            self.register_buffer("style_sd", torch.ones(n_classes, n_style))
        self.decoder = networks.decoder(config, self.shape)
        self.classifier = networks.head(config, config.d_label, n_classes)
        self.alignment = Alignment(config, n_classes)
        if config.separation == "adversary":
            self.critic = critic(config.d_rest, n_classes)
        if config.label_prior == "class":
            self.prior_mean = nn.Parameter(_apart(n_classes, config.d_label))
        if self.weighs_classes:
            with torch.no_grad():  # Bayes' rule for these Gaussians is a linear classifier: start from it
                self.classifier.weight.copy_(self.prior_mean)
                self.classifier.bias.copy_(-0.5 * self.prior_mean.square().sum(1))
        self.centred = config.start == "data" and self.likelihood == "bernoulli"
        if self.centred:
            self.register_buffer("shift", torch.zeros(self.shape))
        if self.likelihood == "gaussian":
            values = self.shape if self.by_column else ()
            self.register_buffer("shift", torch.zeros(values))
            self.register_buffer("scale", torch.ones(values))
            self.log_scale = nn.Parameter(torch.zeros(()))

    def encode(self, x: Tensor, found: Tensor | None = None) -> tuple[Normal, Normal]:
        """Return q(z_label|x) and q(z_rest|x), diagonal Gaussians of (B, d_label) and (B, d_rest).

        ``found`` are the style statistics of x, if they are at hand already.
        """
        with self._precision(x):
            h = self.trunk(self.standardised(x))  # (B, width)
            label_mean, label_log_variance = networks.side_by_side(h, self.label_mean, self.label_log_variance)
        if self.weighs_classes:
            label_mean = _long(label_mean).softmax(-1) @ self.prior_mean  # (B, d_label)
        q_label = _gaussian(label_mean, label_log_variance)
        if self.explains_style:
            # Relative to the label that the image seems to have: what is thick for a 1 is not for an 8.
            with torch.no_grad():
                likely = self.classify(q_label.mean).probs  # (B, classes)
                style = self.relative(self.statistics(x) if found is None else found, likely)
            h = torch.cat([h, style], 1)
        with self._precision(x):
            return q_label, _gaussian(*networks.side_by_side(h, self.rest_mean, self.rest_log_variance))

    def standardised(self, x: Tensor) -> Tensor:
        """Return what the encoder sees of x: x, less a mean if it has one; (x − m) / s, within ±5, if Gaussian."""
        if self.centred:
            return x - self.shift
        return x if self.likelihood == "bernoulli" else ((x - self.shift) / self.scale).clamp(-SEEN, SEEN)

    def augmented(self, x: Tensor, generator: torch.Generator, own: Share | None = None) -> Tensor:
        """Return the batch with some of it varied, as ``config.augment`` says and its kind allows.

        ``own`` says which rows of a larger batch x is.
        """
        unit = 1.0 if self.pixels else self.scale.mean()  # of pixels it is 1, and gains lead out of [0, 1]
        return augmented(x, self.config, self.pixels, unit, generator, own)

    @property
    def explains_style(self) -> bool:
        """Whether z_rest is asked to explain style statistics: of images, if they have a weight."""
        return bool(self.config.style_weight and self.statistics.size)

    def weighted_loadings(self) -> np.ndarray | None:
        """Return the loadings of the style statistics, (size, d_rest), each row times the root of its weight."""
        if not self.explains_style:
            return None
        weighted = self.statistics.weight.sqrt().unsqueeze(1) * self.loadings.weight
        return weighted.detach().cpu().numpy().astype(np.float64)

    def relative(self, found: Tensor, shares: Tensor) -> Tensor:
        """Return style statistics relative to the label's, (B, size), in standard deviations.

        ``shares`` are the labels' indices, (B,), or weights of the labels, (B, classes).
        """
        known = shares.dim() == 1
        mean, sd = (of[shares] if known else shares @ of for of in (self.style_mean, self.style_sd))
        return ((found - mean) / sd).clamp(-3, 3)

    def picture(self, z_label: Tensor, z_rest: Tensor) -> Tensor:
        """Return the mean of p(x|z_label, z_rest), (B, \\*shape)."""
        return self.decode(z_label, z_rest).mean

    def read(self, z_label: Tensor, z_rest: Tensor) -> Codes:
        """Return codes as users see them: z_rest aligned, given the label that z_label means."""
        return Codes(z_label, self.alignment(z_rest, self._label(z_label)))

    def draw(self, z_label: Tensor, z_rest: Tensor) -> Independent:  # pyright: ignore[reportMissingTypeArgument]
        """Return p(x|codes) for codes as users see them; the same style is drawn as each label's own."""
        return self.decode(z_label, self.alignment.inverse(z_rest, self._label(z_label)))

    def _label(self, z_label: Tensor) -> Tensor:
        return self.classifier(z_label).argmax(-1)

    def classify(self, z_label: Tensor) -> Categorical:
        """Return p(y|z_label), (B,)."""
        return Categorical(logits=self.classifier(z_label), validate_args=False)

    def decode(self, z_label: Tensor, z_rest: Tensor) -> Independent:  # pyright: ignore[reportMissingTypeArgument]
        """Return p(x|z_label, z_rest): independent Bernoullis or Gaussians, (B, \\*shape), in the units of x."""
        if self.config.label_path == "class":
            z_label = self.classify(z_label).probs @ self.prior_mean  # (B, d_label)
        with self._precision(z_rest):
            drawn = _long(self.decoder(z_label, z_rest))  # (B, *shape)
        if self.likelihood == "bernoulli":
            values = Bernoulli(logits=drawn, validate_args=False)  # grey values are in between
        else:
            log_sd = LEAST_LOG_SCALE + functional.softplus(self.log_scale - LEAST_LOG_SCALE)
            # Of pixels, what is drawn must be pixels again: it can be encoded anew, and has style statistics.
            mean = drawn.sigmoid() if self.pixels else self.shift + self.scale * drawn
            values = Normal(mean, (self.scale * log_sd.exp()).expand_as(mean), validate_args=False)
        return Independent(values, len(self.shape), validate_args=False)

    def _precision(self, x: Tensor) -> AbstractContextManager[Any]:
        """Return the context that the networks are run in: while training, matrix products may be of short numbers."""
        if self.training and self.config.precision == "bfloat16":
            return torch.autocast(x.device.type, torch.bfloat16)
        return nullcontext()

    def forward(self, x: Tensor, y: Tensor, noise: Noise, weights: Weights | None = None) -> dict[str, Tensor]:
        """Return the batch mean of every weighted term of the objective, of their sum ``loss``, and the accuracy.

        Parameters
        ----------
        x
            (B, \\*shape).
        y
            (B,) indices of classes; −1, if there are weights, where a label is not known.
        noise
            Standard normal draws for z_label (B, d_label) and z_rest (B, d_rest).
        weights
            What each example counts; None if all count alike and have a label.
        """
        found = self.statistics(x) if self.explains_style else None
        q_label, q_rest = self.encode(x, found)
        codes = Codes(*(q.mean + q.stddev * e for q, e in zip((q_label, q_rest), noise, strict=True)))
        return self.terms(x, y, q_label, q_rest, codes, found, weights)

    def terms(
        self,
        x: Tensor,
        y: Tensor,
        q_label: Normal,
        q_rest: Normal,
        codes: Codes,
        found: Tensor | None = None,
        weights: Weights | None = None,
    ) -> dict[str, Tensor]:
        """Return the same from posteriors and samples already at hand: several samples need one encoding."""
        config = self.config
        every, label = weights or (None, None)
        shares = self._shares(y, q_label, weights) if self.explains_style else None
        y = y if weights is None else y.clamp(min=0)
        # Drawn to the mean of the class that it seems to be of, an example would make the first guess come true.
        prior_known = label if config.label_prior == "class" else every
        mean = self.prior_mean[y] if config.label_prior == "class" else None
        terms = {
            "reconstruction": _mean(surprise(self.decode(*codes), x), every),
            "kl_label": config.label_kl_weight * self.heft * _mean(divergence(q_label, mean), prior_known),
            "kl_rest": config.rest_kl_weight * _mean(divergence(q_rest), every),
        }
        if shares is not None:
            style = self.relative(self.statistics(x) if found is None else found, shares)
            away = style - self.loadings(codes.z_rest)
            terms["style"] = (
                0.5 * config.style_weight * self.heft * _mean(away.square() @ self.statistics.weight, every)
            )
        if config.classifier_weight:
            unread = functional.cross_entropy(self.classifier(codes.z_label), y, reduction="none")
            terms["classification"] = config.classifier_weight * self.heft * _mean(unread, label)
        if config.separation != "none":
            terms["separation"] = config.separation_weight * self.heft * SEPARATIONS[config.separation](self, codes, y)
        terms["loss"] = torch.stack(list(terms.values())).sum()
        if config.classifier_weight:
            with torch.no_grad():
                correct = self.classifier(q_label.mean).argmax(-1) == y
            terms["accuracy"] = _mean(correct.float(), label)
        return terms

    def _shares(self, y: Tensor, q_label: Normal, weights: Weights | None) -> Tensor:
        """Return the labels, (B,), if all are known, else how likely each is, (B, classes)."""
        if weights is None:
            return y
        with torch.no_grad():
            known = functional.one_hot(y.clamp(min=0), self.n_classes).to(q_label.loc.dtype)
            return torch.where((y >= 0).unsqueeze(1), known, self.classify(q_label.mean).probs)


def _mean(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean() if weights is None else (values * weights).mean()


def _apart(n_classes: int, d_label: int) -> Tensor:
    """Return means for the classes, (classes, d_label), several standard deviations apart.

    On a line they stand in order, four apart: classes that begin on the wrong side of each other could hardly change
    places, and what a mistake costs grows with the square of the distance.
    """
    if d_label == 1:
        return 4.0 * (torch.arange(n_classes).unsqueeze(1) - (n_classes - 1) / 2)
    return 2.0 * torch.randn(n_classes, d_label)


def _gaussian(mean: Tensor, log_variance: Tensor) -> Normal:
    return Normal(_long(mean), (0.5 * _long(log_variance)).exp(), validate_args=False)


def _long(x: Tensor) -> Tensor:
    return x.float() if x.dtype == torch.bfloat16 else x
