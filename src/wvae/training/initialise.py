"""New models, and their statistics of the data: scale, mean image, style of each label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..config import Config
from ..io.files import ModelFileError
from ..io.model_folder import SavedModel, load_weights
from ..model import SplitVAE
from ..nn.style_features import AudioStyleFeatures
from ..nn.torch_state import default_torch_state
from ..validation import UNLABELLED, rows_by_class
from .examples import Examples, batches

MAX_ROWS = 100_000  # examples that are measured: more would hardly change the result
MIN_STYLE_SD = 1e-3
MIN_COLUMN_SD = 1e-2  # of a table's column within a label, as a share of its spread
MIN_REST_KL_WEIGHT = 1e-3  # of the start: without a prior, codes would have no scale
MIN_RELATIVE_SD = 1e-6  # a spread below this share of the mean is rounding
FLOAT64_ROUNDING = 1e-15  # the same for columns whose mean was subtracted in float64
MIN_SD, MAX_SD = 1e-17, 1e17  # of values whose squares float32 can hold


@default_torch_state()
def build_model(
    config: Config,
    shape: tuple[int, ...],
    n_classes: int,
    unit_range: bool = True,
    dark_strokes: bool = False,
) -> SplitVAE:
    """Return an untrained model on ``config.device``.

    Its weights depend on ``config.random_state`` alone, not on the global generator.

    Parameters
    ----------
    config, shape, n_classes, unit_range, dark_strokes
        As `wvae.model.SplitVAE` takes them.

    Raises
    ------
    ValueError
        If the config requires a GPU and PyTorch has none, or does not fit the data.

    Examples
    --------
    >>> a, b = (build_model(Config(width=8), (4, 4), 2) for _ in range(2))
    >>> torch.equal(a.classifier.weight, b.classifier.weight)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.random_state)
        model = SplitVAE(config, shape, n_classes, unit_range, dark_strokes)
        return model.to(resolve_device(config))


def resolve_device(config: Config) -> torch.device:
    """Return the device of ``config.device``, with "auto" resolved.

    Raises
    ------
    ValueError
        If it is a GPU and PyTorch has none.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is 'cuda', but PyTorch has no GPU: take device='auto' or 'cpu'")
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(config.device)


@default_torch_state()
def restore_model(saved: SavedModel) -> SplitVAE:
    """Return the model of a model folder, or of a file of the original program.

    Parameters
    ----------
    saved
        Config, shapes and weights.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the weights do not fit the config.
    """
    config = saved.config
    if config.kind == "table" and "style.mean" not in saved.weights:
        # Before tables had style features, this weight had no effect on them.
        config = replace(config, style_weight=0.0)
    try:
        n_classes, scale = len(saved.classes), saved.scale
        model = build_model(config, saved.shape, n_classes, scale.unit_range, scale.dark_strokes)
        if model.alignment.kind != "none" and "alignment.axes" in saved.weights:
            model.alignment.allocate_steps(len(saved.weights["alignment.axes"]))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelFileError(
            f"{saved.path} is damaged: its config cannot be used ({error})"
        ) from error
    weights = dict(saved.weights)
    if model.uses_style and "style.mean" in weights and "style.reliability" not in weights:
        if weights["style.mean"].shape != model.style.mean.shape:
            raise ModelFileError(
                f"{saved.path} was written by an earlier version of wvae, whose images had other "
                "style features: train again"
            )
        weights["style.reliability"] = torch.ones_like(model.style.reliability)
    if not saved.config.classifier_weight:
        # The original without labels has no classifier. Such a model never uses its own.
        for name, value in model.state_dict().items():
            if name.startswith("classifier."):
                weights.setdefault(name, value)
    load_weights(saved.path, model, weights)
    return model


def initialise_from_data(model: SplitVAE, data: Examples) -> None:
    """Set an untrained model's statistics of its data, as far as its config uses them.

    These are the scale of the values, the mean image, and the style features of each label. Every
    example counts once, whatever its weight. Of more than 100,000 examples, a random sample is
    measured.

    Parameters
    ----------
    model
        As `build_model` returns it.
    data
        The training data.
    """
    device = next(model.parameters()).device
    data = data.subsample(MAX_ROWS, model.config.random_state)
    _set_scale(model, data, device)
    _set_mean_image(model, data, device)
    _set_style(model, data, device)


@torch.no_grad()
def _set_scale(model: SplitVAE, data: Examples, device: torch.device) -> None:
    """Set mean and standard deviation of each column, or of all values, for a Gaussian p(x|z)."""
    if model.observation.likelihood != "gaussian":
        return
    axes = 0 if model.observation.per_column else tuple(range(len(model.shape) + 1))

    def mean_of(function: Callable[[Tensor], Tensor]) -> Tensor:
        sums: list[Tensor] = []
        for rows in batches(len(data.x)):
            x = model.observation.bright_strokes(data.batch(rows, device)[0])
            values = function(x.double())
            sums.append(values.mean(axes) * len(values))
        return torch.stack(sums).sum(0) / len(data.x)

    mean = mean_of(lambda x: x)
    sd = mean_of(lambda x: (x - mean).square()).sqrt()
    # A column that is constant but for rounding is divided by its own size, or by 1: never by 0.
    rounding = MIN_RELATIVE_SD * mean.abs()
    if data.x.dtype.kind == "f":
        offset = torch.as_tensor(data.value_scale.offset, dtype=torch.float64, device=device)
        rounding = torch.maximum(rounding, FLOAT64_ROUNDING * offset.abs())
    is_varied = sd > rounding
    _check_sd(sd, is_varied, model.observation.per_column)
    model.observation.input_mean.copy_(mean)
    model.observation.input_sd.copy_(torch.where(is_varied, sd, rounding.clamp(min=1.0)))


def _check_sd(sd: Tensor, is_varied: Tensor, per_column: bool) -> None:
    """Raise a ValueError if float32 cannot hold the squares of values with this spread."""
    is_wrong = is_varied & ((sd < MIN_SD) | (sd > MAX_SD))
    if not is_wrong.any():
        return
    place = "X"
    if per_column:
        place = f"column {int(is_wrong.flatten().nonzero()[0]) + 1} of X"
    raise ValueError(
        f"{place} has a standard deviation of {float(sd[is_wrong].flatten()[0]):.3g}, expected "
        f"{MIN_SD:g} to {MAX_SD:g}: measure it in another unit, or drop it"
    )


@torch.no_grad()
def _set_mean_image(model: SplitVAE, data: Examples, device: torch.device) -> None:
    """With ``init="data"``, centre the input on the mean image and let the decoder start there."""
    if not model.observation.centres_input:
        return
    n = len(data.x)
    sums = [data.batch(rows, device)[0].double().sum(0) for rows in batches(n)]
    mean = model.observation.bright_strokes(torch.stack(sums).sum(0) / n)
    model.observation.input_mean.copy_(mean)
    output = [layer for layer in model.decoder.modules() if isinstance(layer, torch.nn.Linear)][-1]
    if output.out_features == mean.numel():  # no convolutions follow
        output.bias.copy_(torch.logit((mean.flatten() * n + 0.5) / (n + 1)))


@torch.no_grad()
def _set_style(model: SplitVAE, data: Examples, device: torch.device) -> None:
    """Set the mean and the spread of each label's style features, and how reliable these are."""
    if not model.uses_style:
        return
    extractor = model.style.features
    if isinstance(extractor, AudioStyleFeatures):
        halves = torch.cat(
            [extractor.halves(data.batch(rows, device)[0]) for rows in batches(len(data.x))]
        )
        labelled = data.y != UNLABELLED
        extractor.fit(halves[torch.from_numpy(labelled).to(device)].cpu().numpy(), data.y[labelled])
    features = torch.cat(
        [model.style_features(data.batch(rows, device)[0]) for rows in batches(len(data.x))]
    )  # (n, size)
    # A decoded value is never as constant as a column can be within a label.
    min_sd = MIN_COLUMN_SD if model.is_table else MIN_STYLE_SD
    variance, n = torch.zeros_like(extractor.noise), 0
    for k, rows in enumerate(rows_by_class(data.y, model.n_classes)):
        if len(rows) < 2:  # no spread: the initial mean 0 and standard deviation 1 stay
            continue
        of_class = features[torch.from_numpy(rows).to(device)]
        model.style.mean[k] = of_class.mean(0)
        model.style.sd[k] = of_class.std(0).clamp(min=min_sd)
        variance += len(rows) * of_class.var(0)
        n += len(rows)
    variance = (variance / max(n, 1)).clamp(min=MIN_STYLE_SD**2)
    model.style.reliability.copy_((1 - extractor.noise / variance).clamp(0, 1))
    if model.is_table:
        labelled = torch.from_numpy(data.y != UNLABELLED).to(device)
        y = torch.from_numpy(data.y[data.y != UNLABELLED]).long().to(device)
        _start_at_principal_components(model, model.style.standardise(features[labelled], y))


@torch.no_grad()
def _start_at_principal_components(model: SplitVAE, style: Tensor) -> None:
    """Let z_rest of a table start as the principal components of its columns, (n, size).

    The columns are relative to the label. With loadings W and the noise σ² of the style term,
    probabilistic PCA (Tipping & Bishop, 1999) is the optimum of that term and of KL(q(z_rest|x)).
    From random weights, the few steps that a small table allows would not reach it.
    """
    config, head = model.config, model.style
    scale = config.style_weight * model.loss_scale * float(head.features.weight[0])
    noise = max(config.rest_kl_weight, MIN_REST_KL_WEIGHT) / scale
    weight = head.reliability.double().sqrt().unsqueeze(1)  # (size, 1); 0 for constant columns
    style = style.double() * weight.T
    covariance = style.T @ style / len(style)
    variance, directions = torch.linalg.eigh(covariance)
    n = min(int(model.is_used.sum()), int((variance > noise).sum()))
    if not n:
        return
    variance, directions = variance.flip(0)[:n], directions.flip(1)[:, :n]
    # An eigenvector has either sign, by rounding: this one gives equal data equal codes. Unequal
    # weights, because two standardised columns have components of equal size.
    sign_weight = 1 / torch.arange(1, len(directions) + 1, device=directions.device)
    directions = directions * torch.where(sign_weight.double() @ directions < 0, -1.0, 1.0)
    loadings = directions * (variance - noise).sqrt()  # (size, n)
    # The posterior of probabilistic PCA has the mean Wᵀ t / λ and the variance σ² / λ.
    n_features = model.rest_mean.in_features - head.features.size
    for layer in (head.loadings, model.rest_mean, model.rest_log_variance):
        for parameter in layer.parameters():  # the other dimensions start empty
            parameter.zero_()
    head.loadings.weight[:, :n] = torch.where(weight > 0, loadings / weight, 0.0).float()
    model.rest_mean.weight[:n, n_features:] = (weight * loadings / variance).T.float()
    model.rest_log_variance.bias[:n] = (noise / variance).log().float()
