"""Practice: after the alignment, the decoder alone learns to draw swapped codes, which training never showed it.

An alignment pairs each label with styles that only other labels were seen in, and the decoder meets such pairs for the
first time when somebody swaps. So it gets a few more passes, in which a third of what it draws are swaps: z_label of
example a with z_rest of example b, (a, b) at random, z_rest brought to a's label through the alignment and back. With
the encoder and all maps as they are, the decoder descends ::

    −log p(x|z_label, z_rest)                                   training examples, as before
    + LABEL · −log p(y_a|z_label(x'))                           the swapped image x' must show a's label
    + REST · ‖(z_rest(x') − z'_b) M‖² / E‖(z_rest − E z_rest) M‖²      and the style it was drawn from

where M is the alignment's metric. It is the reverse cycle of Jha, Anand, Singh & Veeravasarapu (2018,
arXiv:1804.10469) with the encoder held still: no code changes, so neither does what leaks into one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ..model import SplitVAE
from .examples import Examples, batches
from .loader import BatchLoader
from .loop import TrainingError

LABEL, REST = (
    30.0,
    10.0,
)  # weights of a swapped image's label, in nats, and of its style, as a share of the variance
ROWS = 20_000  # examples whose codes are swapped: of more, chance takes so many
RATE = 1 / 3  # of the training's peak learning rate
SWAPS = 0.5  # swapped images for each training example of a batch


def finetune_decoder(
    model: SplitVAE,
    data: Examples,
    on_phase: Callable[[str, int, int], None] | None = None,
) -> None:
    """Train the decoder of an aligned model on swapped codes, for ``config.finetune_epochs`` passes over the data.

    Parameters
    ----------
    model
        Trained and aligned; only its decoder changes.
    data
        What it was trained on.
    on_phase
        Called with ("fine-tuning", steps done, all steps) after every step.

    Raises
    ------
    wvae.training.loop.TrainingError
        If the decoder's weights are no longer finite; it is left as it was.
    """
    config, device = model.config, next(model.parameters()).device
    if not config.finetune_epochs:
        return
    generator = torch.Generator(device).manual_seed(config.random_state)
    before = {name: value.clone() for name, value in model.decoder.state_dict().items()}
    frozen = [p for name, p in model.named_parameters() if not name.startswith("decoder.")]
    optimiser = torch.optim.Adam(model.decoder.parameters(), fused=True)
    size = config.batch_size_for(len(data.x))
    feed = BatchLoader(data, size, device, alone=True)
    steps = config.finetune_epochs * feed.steps
    step = 0
    try:
        for parameter in frozen:
            parameter.requires_grad_(False)
        swaps = _Swaps(model, data, generator)
        for epoch in range(config.finetune_epochs):
            for x, *_ in feed.batches((config.random_state, epoch, 1)):
                for group in optimiser.param_groups:
                    group["lr"] = (
                        config.learning_rate * RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
                    )
                loss = _reconstruction(model, x, generator) + swaps.loss(
                    math.ceil(size * SWAPS), generator
                )
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                step += 1
                if on_phase is not None:
                    on_phase("fine-tuning", step, steps)
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
    if not all(bool(p.isfinite().all()) for p in model.decoder.parameters()):
        model.decoder.load_state_dict(before)
        raise TrainingError(
            f"the decoder diverged while it practised swaps: lower learning_rate (now {config.learning_rate:g}), "
            "or take finetune_epochs=0"
        )


def _reconstruction(model: SplitVAE, x: Tensor, generator: torch.Generator) -> Tensor:
    x = model.augment(x, generator)
    with torch.no_grad():
        codes = [q.mean + q.stddev * _noise(q.mean, generator) for q in model.encode(x)]
    return -model.decode(*codes).log_prob(x).mean()


class _Swaps:
    """Swapped codes, made once, of which batches are drawn."""

    @torch.no_grad()
    def __init__(self, model: SplitVAE, data: Examples, generator: torch.Generator) -> None:
        device = generator.device
        rows = torch.randperm(len(data.x), generator=generator, device=device)[:ROWS].cpu().numpy()
        encoded = [model.encode(data.batch(rows[part], device)[0]) for part in batches(len(rows))]
        self.z_label = torch.cat([q_label.mean for q_label, _ in encoded])
        mean, sd = (
            torch.cat([getattr(q, name) for _, q in encoded]) for name in ("mean", "stddev")
        )
        # Half of the codes are means, which users swap, and half samples, which fill the space between them.
        sampled = (torch.arange(len(rows), device=device) % 2).unsqueeze(1)
        z_rest = mean + sampled * sd * _noise(mean, generator)
        self.y = model.classifier(self.z_label).argmax(-1)
        own = torch.randperm(len(rows), generator=generator, device=device)
        self.z_rest = model.alignment.inverse(model.alignment(z_rest[own], self.y[own]), self.y)
        eye = torch.eye(mean.shape[1], device=device)
        self.metric = (
            eye if model.alignment.kind == "none" else model.alignment.metric.to(mean.dtype)
        )
        self.variance = (mean @ self.metric).var(0).sum().clamp(min=1e-12)
        self.model = model

    def loss(self, size: int, generator: torch.Generator) -> Tensor:
        """Return what is wrong with the drawings of `size` of the swaps."""
        some = torch.randint(len(self.y), (size,), generator=generator, device=generator.device)
        q_label, q_rest = self.model.encode(
            self.model.decode_mean(self.z_label[some], self.z_rest[some])
        )
        label = functional.cross_entropy(self.model.classifier(q_label.mean), self.y[some])
        away = ((q_rest.mean - self.z_rest[some]) @ self.metric).square().sum(1) / self.variance
        return LABEL * self.model.loss_scale * label + REST * self.model.loss_scale * away.mean()


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device)
