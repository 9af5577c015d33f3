"""The observation model p(x|z): from the decoder's output to a distribution of the data."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal
from torch.nn import functional

from ..config import Config

MAX_INPUT_SD = 5.0  # clip of the standardised input: far outliers would give codes without bound
MIN_LOG_SCALE = -6.0  # a column that is reconstructed exactly would have an infinite density


class ObservationModel(nn.Module):
    """Independent Bernoullis for values in [0, 1], otherwise Gaussians with one learnt scale.

    The Gaussian is p(x|z) = N(m + s · output, s²σ²), a density of x in its own units, with σ
    learnt (σ-VAE). m and s are the mean and standard deviation of the training data: one of each
    for images and spectrograms, one per column for tables. `wvae.training.initialise` measures
    them.

    Parameters
    ----------
    config
        Its ``likelihood``, ``kind`` and ``init`` are used.
    shape
        Shape of one example.
    unit_range
        Whether all values lie in [0, 1]; ``likelihood="auto"`` depends on it.
    dark_strokes
        Whether images are dark strokes on bright paper. The encoder's input and the decoder's
        output are then those of the negatives.

    Raises
    ------
    ValueError
        If ``config.likelihood`` is ``"bernoulli"`` and values lie outside [0, 1].

    References
    ----------
    Rybkin, Daniilidis & Levine (2021), Simple and effective VAE training with calibrated decoders,
    arXiv:2006.13202.

    Examples
    --------
    >>> observation = ObservationModel(Config(), (4, 4), unit_range=True)
    >>> p = observation.distribution(torch.zeros(2, 4, 4))
    >>> observation.likelihood, p.mean[0, 0, 0].item()
    ('bernoulli', 0.5)
    """

    input_mean: Tensor
    input_sd: Tensor

    def __init__(
        self,
        config: Config,
        shape: tuple[int, ...],
        unit_range: bool,
        dark_strokes: bool = False,
    ) -> None:
        super().__init__()
        if config.likelihood == "bernoulli" and not unit_range:
            raise ValueError(
                "likelihood is 'bernoulli', which needs values in [0, 1], and X holds others: "
                "scale X, or take likelihood='gaussian' or 'auto'"
            )
        natural = "bernoulli" if unit_range else "gaussian"
        self.likelihood = natural if config.likelihood == "auto" else config.likelihood
        self.unit_range, self.event_dims = unit_range, len(shape)
        self.dark_strokes = dark_strokes
        # Columns of a table have units of their own; the pixels of an image share one.
        self.per_column = config.kind == "table" or len(shape) == 1
        self.centres_input = config.init == "data" and self.likelihood == "bernoulli"
        if self.centres_input:
            self.register_buffer("input_mean", torch.zeros(shape))
        if self.likelihood == "gaussian":
            values = shape if self.per_column else ()
            self.register_buffer("input_mean", torch.zeros(values))
            self.register_buffer("input_sd", torch.ones(values))
            self.log_scale = nn.Parameter(torch.zeros(()))

    def bright_strokes(self, x: Tensor) -> Tensor:
        """Return images, (B, \\*shape), or their negatives if their strokes are dark."""
        return 1 - x if self.dark_strokes else x

    def standardise(self, x: Tensor) -> Tensor:
        """Return the encoder's input, (B, \\*shape): x, x − m, or (x − m) / s clipped to ±5.

        For dark strokes, it is that of the negative, of which m is the mean, too.
        """
        x = self.bright_strokes(x)
        if self.centres_input:
            return x - self.input_mean
        if self.likelihood == "bernoulli":
            return x
        return ((x - self.input_mean) / self.input_sd).clamp(-MAX_INPUT_SD, MAX_INPUT_SD)

    def distribution(self, output: Tensor) -> Independent:  # pyright: ignore[reportMissingTypeArgument]
        """Return p(x|z), (B, \\*shape), for the decoder's output (B, \\*shape)."""
        if self.dark_strokes:
            output = -output  # 1 − sigmoid(o) = sigmoid(−o)
        if self.likelihood == "bernoulli":
            # Without validation: x may be a grey value between 0 and 1.
            values = Bernoulli(logits=output, validate_args=False)
        else:
            log_scale = MIN_LOG_SCALE + functional.softplus(self.log_scale - MIN_LOG_SCALE)
            # Decoded pixels must be in [0, 1] again, to be encoded and to have style features.
            mean = output.sigmoid() if self.unit_range else self.input_mean + self.input_sd * output
            sd = (self.input_sd * log_scale.exp()).expand_as(mean)
            values = Normal(mean, sd, validate_args=False)
        return Independent(values, self.event_dims, validate_args=False)

    def gain_unit(self) -> float | Tensor:
        """Return the unit of a sound's random gain: 1 in [0, 1], else the standard deviation."""
        return 1.0 if self.unit_range else self.input_sd.mean()
