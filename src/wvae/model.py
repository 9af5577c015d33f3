"""The method, top to bottom: encode, classify, decode, objective, swap cycle.

::

    x ──encoder──▶ q(z_label|x) ──classifier──▶ y
          └──────▶ q(z_rest|x)
    (z_label, z_rest) ──decoder──▶ p(x|z_label, z_rest)

================  ===========================================  ===============  ==================
symbol            meaning                                      shape            name in code
================  ===========================================  ===============  ==================
x                 an example; pixels are in [0, 1]             (B, \\*shape)     ``x``
y                 its label, as an index of ``classes_``       (B,)             ``y``
q(z_label|x)      Gaussian, input of the classifier            (B, d_label)     ``q_label``
q(z_rest|x)       Gaussian of everything else                  (B, d_rest)      ``q_rest``
p(z_label|y)      N(0, I), or N(μ_y, I) with learnt μ          (B, d_label)     ``prior_mean``
p(x|z)            independent Bernoullis, or Gaussians         (B, \\*shape)     ``decode``
p(y|z_label)      linear classifier                            (B, classes)     ``classify``
t(x, y)           style features, relative to the label's      (B, size)        ``style``
================  ===========================================  ===============  ==================

With ``decoder_label_input="class"`` (the preset ``best``) the decoder does not get z_label itself
but Σ_y p(y|z_label) μ_y, which holds the class and nothing else. All style that the image needs
must then pass through z_rest.

The loss of an example, in nats, is ::

    −log p(x|z_label, z_rest)                            "reconstruction"
    + w · KL(q(z_label|x) ‖ p(z_label))                  "kl_label"
    + w · KL(q(z_rest|x) ‖ N(0, I))                      "kl_rest"
    + w · ½ Σ_j v_j (t_j(x, y) − (W z_rest)_j)²          "style"
    − w · log p(y|z_label)                               "classification"
    + w · separation(z_label, z_rest, y)                 "separation"

The style features t (`wvae.nn.style_features`) are a second thing that z_rest must explain, as
Gaussians of variance 1 / (w v_j): stroke thickness, slant and proportions of an image, in
standard deviations of its label. All labels share the loadings W, (size, d_rest), so a direction
of z_rest has the same meaning for each of them. Data other than images and spectrograms have no
style features.

p(x|z) (`wvae.nn.observation`) is Bernoulli for values in [0, 1], and otherwise, or on request,
Gaussian with one learnt scale.

With fewer dimensions of z_label than classes less one, the encoder gives class weights q(y|x), and
the mean of q(z_label|x) is the mean of the μ_y weighted by q(y|x)⁴. Then "classification" also has
−4 w · log q(y|x), which alone trains the trunk to tell the label.

An unlabelled example has no "classification" and no "kl_label" term; these are means over the
labelled examples (with p(z_label) = N(0, I), "kl_label" is defined for all). Its "style" is
relative to the labels weighted by the classifier's probabilities, without a gradient. With
example weights w_i of mean 1, every term is the mean of w_i times the example's term.

Both codes are sampled once per step by the reparametrisation trick (Kingma & Welling, 2014,
arXiv:1312.6114).

The z_rest of this file is the network's own. Users get z_rest after `wvae.nn.alignment`, a
bijection given the label: `align` applies it and `decode_aligned` inverts it.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, Normal, kl_divergence
from torch.nn import functional

from .config import Config
from .nn import backbones, penalties
from .nn.alignment import Alignment
from .nn.augment import augment_batch
from .nn.distributed import RankSlice, all_gather_rows, rank_slice
from .nn.observation import ObservationModel
from .nn.style_features import TableStyleFeatures, style_features_for
from .nn.style_head import StyleHead

# The weights of the classes in the mean of z_label are q(y|x)⁴, normalised: an uncertain example
# lies near the class that it probably is, and not near one in between.
MIX_SHARPNESS = 4.0
# Of the cross-entropy of q(y|x), beside that of p(y|z_label): it must not drown in the gradients of
# the reconstruction before the trunk tells many classes apart.
CLASS_WEIGHTS_FACTOR = 4.0
Noise = tuple[Tensor, Tensor]  # standard normal, (B, d_label) and (B, d_rest)


class Codes(NamedTuple):
    """A batch of both codes: z_label (B, d_label) and z_rest (B, d_rest)."""

    z_label: Tensor
    z_rest: Tensor


class LabelPosterior(Normal):
    """q(z_label|x), and log q(y|x), (B, classes), if its mean is a mean of the classes' means."""

    class_logits: Tensor | None = None


class ExampleWeights(NamedTuple):
    """Weights of the examples, (B,) each: in every term, and in terms that use the label."""

    every: Tensor
    labelled: Tensor


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
    unit_range
        Whether all values lie in [0, 1]; ``likelihood="auto"`` depends on it. If not, images have
        no style features and are not augmented, since both assume values between dark (0) and
        bright (1).
    dark_strokes
        Whether images are dark strokes on bright paper. The networks then see their negatives, so
        that a negative gets the same codes as the image that it was made from.

    Raises
    ------
    ValueError
        If ``config.likelihood`` is ``"bernoulli"`` and values lie outside [0, 1], or if
        ``config.backbone`` is convolutional and examples are vectors.

    Examples
    --------
    >>> model = SplitVAE(Config(d_label=2, d_rest=3, width=8), (4, 4), n_classes=5)
    >>> q_label, q_rest = model.encode(torch.rand(6, 4, 4))
    >>> q_label.mean.shape, q_rest.mean.shape
    (torch.Size([6, 2]), torch.Size([6, 3]))
    >>> model.decode(q_label.mean, q_rest.mean).mean.shape
    torch.Size([6, 4, 4])
    """

    is_used: Tensor

    def __init__(
        self,
        config: Config,
        shape: tuple[int, ...],
        n_classes: int,
        unit_range: bool = True,
        dark_strokes: bool = False,
    ) -> None:
        super().__init__()
        self.config, self.shape, self.n_classes = config, tuple(shape), n_classes
        self.unit_range, self.dark_strokes = unit_range, dark_strokes
        # By the number of examples: `wvae.training.pipeline.fit_model` decides.
        self.bends_strokes = False
        self.observation = ObservationModel(config, self.shape, unit_range, dark_strokes)
        self.loss_scale = config.loss_scale(math.prod(self.shape))
        # With fewer dimensions than the classes need to be placed independently of each other, a
        # linear head would have to cross one class to reach the next. Then the head gives class
        # weights, and the mean of z_label is the weighted mean of the classes' prior means.
        self.mixes_class_means = (
            config.decoder_label_input == "class" and config.d_label < n_classes - 1
        )
        self._add_encoder()
        self.decoder = backbones.decoder(config, self.shape)
        self.classifier = backbones.head(config, config.d_label, n_classes)
        self.alignment = Alignment(config, n_classes)
        if config.separation == "adversary":
            self.adversary = penalties.Adversary(config.d_rest, n_classes)
        if config.label_prior == "class":
            self.prior_mean = nn.Parameter(_initial_class_means(n_classes, config.d_label))
        if self.mixes_class_means:
            # Bayes' rule for these Gaussians is a linear classifier: start there.
            with torch.no_grad():
                self.classifier.weight.copy_(self.prior_mean)
                self.classifier.bias.copy_(-0.5 * self.prior_mean.square().sum(1))

    def _add_encoder(self) -> None:
        config = self.config
        self.trunk, n_features = backbones.trunk(config, self.shape)
        label_outputs = self.n_classes if self.mixes_class_means else config.d_label
        self.label_mean = backbones.head(config, n_features, label_outputs)
        self.label_log_variance = backbones.head(config, n_features, config.d_label)
        style_features = style_features_for(config.kind, self.shape, self.unit_range)
        n_style = style_features.size if config.style_weight else 0
        self.rest_mean = backbones.head(config, n_features + n_style, config.d_rest)
        self.rest_log_variance = backbones.head(config, n_features + n_style, config.d_rest)
        self.uses_style = n_style > 0
        self.is_table = self.uses_style and isinstance(style_features, TableStyleFeatures)
        if self.is_table:
            # More dimensions than columns could only repeat them, or hold the label once more.
            is_used = torch.arange(config.d_rest) < math.prod(self.shape)
            self.register_buffer("is_used", is_used.float(), persistent=False)  # (d_rest,)
        if self.uses_style:
            self.style = StyleHead(style_features, self.n_classes, config.d_rest)

    # ----------------------------------------------------------------------------- encode, classify

    def encode(self, x: Tensor, features: Tensor | None = None) -> tuple[LabelPosterior, Normal]:
        """Return q(z_label|x) and q(z_rest|x), diagonal Gaussians of (B, d_label) and (B, d_rest).

        Parameters
        ----------
        x
            (B, \\*shape).
        features
            The style features of x, (B, size), if they have been computed already. Only then do
            gradients of z_rest pass through them.
        """
        with self._autocast(x):
            h = self.trunk(self.observation.standardise(x))  # (B, width)
            if self.mixes_class_means:
                # Cross-entropy of the class weights trains the trunk. The noise of z_label, whose
                # classes can be close to each other, would drown it.
                label_mean = self.label_mean(h)
                label_log_variance = self.label_log_variance(h.detach())
            else:
                label_mean, label_log_variance = backbones.apply_side_by_side(
                    h, self.label_mean, self.label_log_variance
                )
        class_logits = None
        if self.mixes_class_means:
            class_logits = _float32(label_mean) / MIX_SHARPNESS  # (B, classes)
            label_mean = _float32(label_mean).softmax(-1) @ self.prior_mean
        q_label = LabelPosterior(*_moments(label_mean, label_log_variance), validate_args=False)
        q_label.class_logits = class_logits
        if self.uses_style:
            # Relative to the predicted label: a thick 1 is thinner than a thick 8.
            with torch.no_grad():
                probabilities = self.classify(q_label.mean).probs  # (B, classes)
                if features is None:
                    features = self.style_features(x)
            h = torch.cat([h, self.style.standardise(features, probabilities)], 1)
        with self._autocast(x):
            rest = backbones.apply_side_by_side(h, self.rest_mean, self.rest_log_variance)
        if self.is_table:
            rest = rest[0] * self.is_used, rest[1] * self.is_used  # else the prior
        return q_label, Normal(*_moments(*rest), validate_args=False)

    def style_features(self, x: Tensor) -> Tensor:
        """Return the style features of x, (B, size), in their own units."""
        if self.is_table:
            # In float32, a column far from 0 loses digits.
            return self.style.features(self.observation.standardise(x))
        return self.style.features(self.observation.bright_strokes(x))

    def augment(
        self, x: Tensor, generator: torch.Generator, batch_slice: RankSlice | None = None
    ) -> Tensor:
        """Return the batch with a share ``config.augment`` of its examples changed at random.

        Parameters
        ----------
        x
            (B, \\*shape).
        generator
            Source of the random numbers, on the device of x.
        batch_slice
            Which rows of a larger batch x is; None: x is the whole batch.
        """
        gain_unit, bright_strokes = self.observation.gain_unit(), self.observation.bright_strokes
        x = bright_strokes(x)
        x = augment_batch(
            x,
            self.config,
            self.unit_range,
            gain_unit,
            generator,
            batch_slice,
            bend=self.bends_strokes,
        )
        return bright_strokes(x)  # a negative's negative

    def classify(self, z_label: Tensor) -> Categorical:
        """Return p(y|z_label), (B,), for z_label (B, d_label)."""
        return Categorical(logits=self.classifier(z_label), validate_args=False)

    # --------------------------------------------------------------------------------------- decode

    def decode(self, z_label: Tensor, z_rest: Tensor) -> Independent:  # pyright: ignore[reportMissingTypeArgument]
        """Return p(x|z_label, z_rest), (B, \\*shape), in the units of x."""
        if self.config.decoder_label_input == "class":
            z_label = self.classify(z_label).probs @ self.prior_mean  # (B, d_label)
        with self._autocast(z_rest):
            output = _float32(self.decoder(z_label, z_rest))  # (B, *shape)
        return self.observation.distribution(output)

    def decode_mean(self, z_label: Tensor, z_rest: Tensor) -> Tensor:
        """Return the mean of p(x|z_label, z_rest), (B, \\*shape)."""
        return self.decode(z_label, z_rest).mean

    def align(self, z_label: Tensor, z_rest: Tensor) -> Codes:
        """Return the codes for users: z_rest is aligned given the label predicted by z_label."""
        return Codes(z_label, self.alignment(z_rest, self.predict(z_label)))

    def decode_aligned(self, z_label: Tensor, z_rest: Tensor) -> Independent:  # pyright: ignore[reportMissingTypeArgument]
        """Return p(x|codes) for codes as `align` returns them."""
        return self.decode(z_label, self.alignment.inverse(z_rest, self.predict(z_label)))

    def predict(self, z_label: Tensor) -> Tensor:
        """Return the index of the most probable label, (B,)."""
        return self.classifier(z_label).argmax(-1)

    def _autocast(self, x: Tensor) -> AbstractContextManager[Any]:
        """Return the precision of the networks: bfloat16 products in training, if configured."""
        if self.training and self.config.precision == "bfloat16":
            return torch.autocast(x.device.type, torch.bfloat16)
        return nullcontext()

    # ------------------------------------------------------------------------------------ objective

    def forward(
        self, x: Tensor, y: Tensor, noise: Noise, weights: ExampleWeights | None = None
    ) -> dict[str, Tensor]:
        """Return the batch means of all weighted terms, of their sum ``loss``, and of the accuracy.

        Parameters
        ----------
        x
            (B, \\*shape).
        y
            Label indices, (B,); −1 for an unlabelled example, if there are weights.
        noise
            Standard normal samples for z_label (B, d_label) and z_rest (B, d_rest).
        weights
            None if all examples are labelled and count alike.
        """
        features = self.style_features(x) if self.uses_style else None
        q_label, q_rest = self.encode(x, features)
        q_label = self._with_fixed_class_weights(q_label)
        z_label = q_label.mean + q_label.stddev * noise[0]
        z_rest = q_rest.mean + q_rest.stddev * noise[1]
        return self.terms(x, y, q_label, q_rest, Codes(z_label, z_rest), features, weights)

    def _with_fixed_class_weights(self, q_label: LabelPosterior) -> LabelPosterior:
        """Return q(z_label|x) without the gradient of its class weights, if it has any.

        Cross-entropy teaches the weights. The gradients through their mean are small for each of
        many classes, and noisy.
        """
        if q_label.class_logits is None:
            return q_label
        weights = (MIX_SHARPNESS * q_label.class_logits).detach().softmax(-1)
        fixed = LabelPosterior(weights @ self.prior_mean, q_label.scale, validate_args=False)
        fixed.class_logits = q_label.class_logits
        return fixed

    def terms(
        self,
        x: Tensor,
        y: Tensor,
        q_label: Normal,
        q_rest: Normal,
        codes: Codes,
        features: Tensor | None = None,
        weights: ExampleWeights | None = None,
    ) -> dict[str, Tensor]:
        """Return the same for given posteriors and samples, to share an encoding among samples."""
        config = self.config
        every, labelled = weights or (None, None)
        targets = self._style_targets(y, q_label, weights) if self.uses_style else None
        y = y if weights is None else y.clamp(min=0)
        nll = -self.decode(*codes).log_prob(x)  # (B,)
        kl_label = kl_divergence(q_label, self._label_prior(q_label, y)).sum(1)
        kl_rest = kl_divergence(q_rest, _standard_normal(q_rest.loc)).sum(1)
        # An unlabelled example is not pulled to the class of its first, uncertain prediction.
        kl_weights = labelled if config.label_prior == "class" else every
        terms = {
            "reconstruction": _mean(nll, every),
            "kl_label": config.label_kl_weight * self.loss_scale * _mean(kl_label, kl_weights),
            "kl_rest": config.rest_kl_weight * _mean(kl_rest, every),
        }
        if targets is not None:
            if features is None:
                features = self.style_features(x)
            style = _mean(self.style.loss(features, targets, codes.z_rest), every)
            terms["style"] = config.style_weight * self.loss_scale * style
        if config.classifier_weight:
            cross_entropy = self.label_cross_entropy(q_label, codes.z_label, y)
            weight = config.classifier_weight * self.loss_scale
            terms["classification"] = weight * _mean(cross_entropy, labelled)
        critic_loss = None
        if config.separation != "none":
            penalty, critic_loss = self._separation(codes, y)
            terms["separation"] = config.separation_weight * self.loss_scale * penalty
        terms["loss"] = torch.stack(list(terms.values())).sum()
        if critic_loss is not None:  # a gradient for the critic, and no change of the loss
            terms["loss"] = terms["loss"] + critic_loss - critic_loss.detach()
        if config.classifier_weight:
            with torch.no_grad():
                correct = self.predict(q_label.mean) == y
            terms["accuracy"] = _mean(correct.float(), labelled)
        return terms

    def label_cross_entropy(self, q_label: Normal, z_label: Tensor, y: Tensor) -> Tensor:
        """Return −log p(y|z_label), (B,), plus −log q(y|x) if the encoder gives class weights.

        Parameters
        ----------
        q_label
            As `encode` returns it.
        z_label
            Its mean or a sample, (B, d_label).
        y
            Label indices, (B,).
        """
        cross_entropy = functional.cross_entropy(self.classifier(z_label), y, reduction="none")
        if isinstance(q_label, LabelPosterior) and q_label.class_logits is not None:
            of_weights = functional.cross_entropy(q_label.class_logits, y, reduction="none")
            cross_entropy = cross_entropy + CLASS_WEIGHTS_FACTOR * of_weights
        return cross_entropy

    def _label_prior(self, q_label: Normal, y: Tensor) -> Normal:
        """Return p(z_label), or p(z_label|y) if each class has a prior mean of its own."""
        if self.config.label_prior == "standard":
            return _standard_normal(q_label.loc)
        mean = self.prior_mean[y]
        return Normal(mean, torch.ones_like(mean), validate_args=False)

    def _style_targets(self, y: Tensor, q_label: Normal, weights: ExampleWeights | None) -> Tensor:
        """Return the labels, (B,), if all are known, else their probabilities, (B, classes)."""
        if weights is None:
            return y
        with torch.no_grad():
            one_hot = functional.one_hot(y.clamp(min=0), self.n_classes).to(q_label.loc.dtype)
            return torch.where((y >= 0).unsqueeze(1), one_hot, self.classify(q_label.mean).probs)

    def _separation(self, codes: Codes, y: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the penalty ``config.separation``, and the loss of its critic if it has one."""
        if self.config.separation == "covariance":
            return penalties.covariance(*codes), None
        if self.config.separation == "hsic":
            return penalties.hsic(codes.z_rest, y), None
        if self.config.separation == "adversary":
            return self.adversary(codes.z_rest, y)
        return self.swap_cycle(codes, y), None

    def swap_cycle(self, codes: Codes, y: Tensor) -> Tensor:
        """Return how well z_rest and the swapped label survive decoding and encoding.

        z_label of a shuffled batch and this z_rest are decoded and encoded again. The loss is
        ½ ‖z'_rest − z_rest‖² per example, plus the cross-entropy of the swapped label, in nats.

        Parameters
        ----------
        codes
            Samples of both codes; batches come shuffled, so rolling z_label by one row swaps at
            random.
        y
            Label indices, (B,).

        References
        ----------
        Jha, Anand, Singh, Veeravasarapu (2018), Disentangling factors of variation with
        cycle-consistent variational auto-encoders, arXiv:1804.10469; Mathieu et al. (2016),
        arXiv:1611.03383.
        """
        z_label, y = all_gather_rows(codes.z_label).roll(1, 0), all_gather_rows(y).roll(1)
        rows = rank_slice(len(z_label)).rows
        q_label, q_rest = self.encode(self.decode_mean(z_label[rows], codes.z_rest))
        distance = 0.5 * (q_rest.mean - codes.z_rest).square().sum(1).mean()
        return distance + self.label_cross_entropy(q_label, q_label.mean, y[rows]).mean()


def _mean(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean() if weights is None else (values * weights).mean()


def _initial_class_means(n_classes: int, d_label: int) -> Tensor:
    """Return prior means for the classes, (classes, d_label), several standard deviations apart.

    In one dimension they stand in order, four apart: two classes on the wrong sides of each other
    could hardly change places, and the cost of a confusion grows with the square of the distance.
    """
    if d_label == 1:
        return 4.0 * (torch.arange(n_classes).unsqueeze(1) - (n_classes - 1) / 2)
    return 2.0 * torch.randn(n_classes, d_label)


def _moments(mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation in float32."""
    return _float32(mean), (0.5 * _float32(log_variance)).exp()


def _standard_normal(like: Tensor) -> Normal:
    return Normal(torch.zeros_like(like), torch.ones_like(like), validate_args=False)


def _float32(x: Tensor) -> Tensor:
    return x.float() if x.dtype == torch.bfloat16 else x
