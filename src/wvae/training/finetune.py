"""Decoder fine-tuning: after the alignment, the decoder alone learns to draw what codes ask for.

Training leaves two gaps. Decoded images are smoother than real ones, because a pixel's mean is the
best guess where the code leaves doubt; encoded again they come back with another pressure and
sharpness. And the alignment combines a label with styles that occurred with other labels only:
training never showed the decoder such pairs. Fine-tuning adds a few passes in which decoded images
must have the style features of their sources, and in which a third of the decoded codes are swaps:
z_label of a random example a with z_rest of a random example b, where the alignment and its inverse
bring z_rest to the label of a. The encoder and all maps are frozen. The decoder minimises ::

    −log p(x|z_label, z_rest)                                   training examples, as before
    + STYLE_WEIGHT · Σ_j v_j H(t_j(x̂) − t_j(x)) / Σ_j v_j       the decoded x̂ has the style of x
    + LABEL_WEIGHT · −log p(y_a|z_label(x'))                    the swapped image x' shows a's label
    + REST_WEIGHT · ‖(z_rest(x') − z'_b) M‖² / E‖(z_rest − E z_rest) M‖²     and the style of b

where t are the style features relative to the label, v their weights (`wvae.nn.style_head`), H is
Huber's loss, z'_b the swapped z_rest and M the alignment's metric. The last two terms are the
reverse cycle of Jha, Anand, Singh & Veeravasarapu (2018, arXiv:1804.10469) with a frozen encoder:
no code changes, so the leakage does not change either. Sharper images cost a few nats of
reconstruction.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..model import SplitVAE
from .cuda_graph import GraphedStep, can_be_recorded
from .diagnostics import TrainingError
from .examples import Examples, batches
from .finite import all_finite
from .loader import Batch, BatchLoader
from .schedule import make_decoder_optimiser, set_learning_rate

OnPhase = Callable[[str, int, int], None]

STYLE_WEIGHT = 40.0  # of the mean Huber loss of the style features, in sd of their label
LABEL_WEIGHT = 30.0  # of a swapped image's cross-entropy, in nats
REST_WEIGHT = 60.0  # of the squared error of its z_rest, as a share of the variance
MAX_CODES = 20_000  # examples whose codes are swapped
LEARNING_RATE_FACTOR = 1 / 3  # peak learning rate, as a share of the training's
MAX_GRADIENT = 1e4  # norm of a step's gradient: a larger one is scaled down
SWAPS_PER_EXAMPLE = 0.5  # swapped images for each training example of a batch


def finetune_decoder(model: SplitVAE, data: Examples, on_phase: OnPhase | None = None) -> None:
    """Train the decoder on swapped codes, for ``config.finetune_epochs`` passes over the data.

    Parameters
    ----------
    model
        Trained and aligned. Only its decoder changes.
    data
        The training data.
    on_phase
        Called with ("fine-tuning", steps done, all steps) after every step.

    Raises
    ------
    wvae.training.diagnostics.TrainingError
        If the decoder's weights become NaN or infinite; the decoder is then restored.
    """
    config = model.config
    if not config.finetune_epochs:
        return
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(config.random_state)
    before = {name: value.clone() for name, value in model.decoder.state_dict().items()}
    frozen = [p for name, p in model.named_parameters() if not name.startswith("decoder.")]
    try:
        for parameter in frozen:
            parameter.requires_grad_(False)
        _descend(model, data, generator, on_phase)
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
    if not all_finite(model.decoder):
        model.decoder.load_state_dict(before)
        raise TrainingError(
            "the decoder diverged in its fine-tuning: lower learning_rate "
            f"(now {config.learning_rate:g}), or take finetune_epochs=0"
        )


def _descend(
    model: SplitVAE, data: Examples, generator: torch.Generator, on_phase: OnPhase | None
) -> None:
    """Take all steps of the fine-tuning."""
    config = model.config
    optimiser = make_decoder_optimiser(model)
    batch_size = config.batch_size_for(len(data.x))
    n_swaps = math.ceil(batch_size * SWAPS_PER_EXAMPLE)
    loader = BatchLoader(data, batch_size, generator.device, alone=True)
    peak = config.learning_rate * LEARNING_RATE_FACTOR
    swaps = SwapSampler(model, data, generator)
    step, n_steps = 0, config.finetune_epochs * loader.steps

    def take_step(x: Tensor) -> None:
        loss = _reconstruction(model, x, generator) + swaps.loss(n_swaps, generator)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        # The style features of an almost blank image have huge gradients.
        nn.utils.clip_grad_norm_(model.decoder.parameters(), MAX_GRADIENT)
        optimiser.step()

    graphed_step: GraphedStep | None = None
    if can_be_recorded(model, loader):
        graphed_step = GraphedStep(
            lambda rows: take_step(loader.gather(rows)[0]), generator, batch_size
        )
    for epoch in range(config.finetune_epochs):
        key = config.random_state, epoch, 1
        for batch in loader.row_batches(key) if graphed_step else loader.batches(key):
            set_learning_rate(optimiser, peak, "half-cosine", step / n_steps)
            if isinstance(batch, Batch):
                take_step(batch.x)
            elif graphed_step:
                graphed_step(batch)
            step += 1
            if on_phase is not None:
                on_phase("fine-tuning", step, n_steps)


def _reconstruction(model: SplitVAE, x: Tensor, generator: torch.Generator) -> Tensor:
    """Return the loss of a batch's decoded images: −log p(x|codes), and the error in style.

    Examples are augmented, and codes sampled.
    """
    x = model.augment(x, generator)
    with torch.no_grad():
        q_label, q_rest = model.encode(x)
        z_label = q_label.mean + q_label.stddev * _noise(q_label.mean, generator)
        z_rest = q_rest.mean + q_rest.stddev * _noise(q_rest.mean, generator)
    decoded = model.decode(z_label, z_rest)
    loss = -decoded.log_prob(x).mean()
    if not model.uses_style:
        return loss
    return loss + STYLE_WEIGHT * model.loss_scale * _style_error(model, decoded.mean, x, z_label)


def _style_error(model: SplitVAE, decoded: Tensor, x: Tensor, z_label: Tensor) -> Tensor:
    """Return the weighted mean Huber loss between the style features of two batches of images."""
    labels, weight = model.predict(z_label), model.style.weight
    with torch.no_grad():
        target = model.style.standardise(model.style_features(x), labels)
    # Without a clip: blurred strokes lie beyond three standard deviations.
    reached = model.style.relative(model.style_features(decoded), labels)
    error = functional.huber_loss(reached, target, reduction="none")  # (B, size)
    return (error @ weight).mean() / weight.sum().clamp(min=1e-12)


class SwapSampler:
    """Pairs of z_label and another example's z_rest, computed once and sampled in batches.

    Parameters
    ----------
    model
        Trained and aligned.
    data
        Source of the codes.
    generator
        Source of the random numbers.
    """

    @torch.no_grad()
    def __init__(self, model: SplitVAE, data: Examples, generator: torch.Generator) -> None:
        device = generator.device
        n = len(data.x)
        rows = torch.randperm(n, generator=generator, device=device)[:MAX_CODES].cpu().numpy()
        encoded = [model.encode(data.batch(rows[part], device)[0]) for part in batches(len(rows))]
        mean = torch.cat([q_rest.mean for _, q_rest in encoded])
        sd = torch.cat([q_rest.stddev for _, q_rest in encoded])
        # Half of the codes are means, which users swap; the others are samples, which fill the
        # space between the means.
        is_sampled = (torch.arange(len(rows), device=device) % 2).unsqueeze(1)
        z_rest = mean + is_sampled * sd * _noise(mean, generator)
        self.model = model
        self.z_label = torch.cat([q_label.mean for q_label, _ in encoded])
        self.y = model.predict(self.z_label)
        partner = torch.randperm(len(rows), generator=generator, device=device)
        aligned = model.alignment(z_rest[partner], self.y[partner])
        self.z_rest = model.alignment.inverse(aligned, self.y)
        if model.alignment.kind == "none":
            self.metric = torch.eye(mean.shape[1], device=device)
        else:
            self.metric = model.alignment.metric.to(mean.dtype)
        self.variance = (mean @ self.metric).var(0).sum().clamp(min=1e-12)

    def loss(self, n: int, generator: torch.Generator) -> Tensor:
        """Return the weighted errors in label and style of n random swaps, decoded and re-encoded.

        Parameters
        ----------
        n
            Number of swaps.
        generator
            Source of the random numbers.
        """
        rows = torch.randint(len(self.y), (n,), generator=generator, device=generator.device)
        z_rest = self.z_rest[rows]
        swapped = self.model.decode_mean(self.z_label[rows], z_rest)
        features = self.model.style_features(swapped) if self.model.uses_style else None
        q_label, q_rest = self.model.encode(swapped, features)
        label_loss = self.model.label_cross_entropy(q_label, q_label.mean, self.y[rows]).mean()
        squared_error = ((q_rest.mean - z_rest) @ self.metric).square().sum(1)
        rest_loss = (squared_error / self.variance).mean()
        scale = self.model.loss_scale
        return LABEL_WEIGHT * scale * label_loss + REST_WEIGHT * scale * rest_loss


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device)
