"""All hyper-parameters: defaults, ranges and descriptions, and the presets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field, fields, replace
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_type_hints

from .validation.quoting import quoted

Preset = Literal["best", "article", "quick"]
Objective = Literal["classifier", "covariance", "plain"]

# The notebook's constants C2 and C3 weight a term per batch of 256; per example that is C / 256.
ARTICLE_BATCH_SIZE = 256
ARTICLE_WEIGHT = 10_000 / ARTICLE_BATCH_SIZE
REFERENCE_VALUES = 28 * 28  # values of an example for which the weights are meant
MIN_TRANSPORT_EXAMPLES = 250  # of the median label, from which 'auto' aligns by transport
MIN_BATCH_SIZE = 32  # smaller batches only if batch_size is set lower


def _parameter(
    default: Any,
    description: str,
    minimum: float | None = None,
    maximum: float | None = None,
    *,
    advanced: bool = False,
) -> Any:
    metadata = {
        "description": description,
        "minimum": minimum,
        "maximum": maximum,
        "advanced": advanced,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Config:
    """All hyper-parameters of one training; the defaults are the preset ``best``.

    Losses are sums over the values of an example and means over examples, in nats, so every weight
    below is in nats per example.

    Parameters
    ----------
    d_label : int ≥ 1, default 10
        Dimensions of z_label.
    d_rest : int ≥ 1, default 16
        Dimensions of z_rest.
    kind : {"image", "audio", "table"}, default "image"
        Kind of data, which decides how examples are augmented and which style features they have.
    likelihood : {"auto", "bernoulli", "gaussian"}, default "auto"
        Distribution p(x|z): 'bernoulli' for values in [0, 1], 'gaussian' with one learnt scale for
        any values; 'auto' takes 'bernoulli' for images and spectrograms in [0, 1] or of whole
        numbers up to 65,535, and 'gaussian' for all other data and for tables.
    backbone : {"auto", "article", "mlp", "conv", "photo", "deep"}, default "auto"
        Network architecture: 'article' (the notebook's), 'mlp', 'conv' (a convolutional encoder and
        an MLP decoder), 'photo' (larger, and the decoder is convolutional, too) or 'deep' (the same
        with more stages, down to 8 × 8 pixels); 'auto' takes 'deep' for images with a side above 32
        pixels, 'conv' for other grey images and spectrograms, 'photo' for other colour images, and
        'mlp' for tables.
    width : int ≥ 1, default 400
        Units of each hidden layer.
    depth : int ≥ 1, default 2
        Hidden layers of the encoder and of the decoder; backbone 'article' always has one.
    label_prior : {"standard", "class"}, default "class"
        Prior of z_label: 'standard' is N(0, I); 'class' is N(μ_y, I) with a learnt mean for each
        class, so that encoding the label costs no KL.
    decoder_label_input : {"code", "class"}, default "class"
        What the decoder gets of the label: 'code' is z_label itself; 'class' is the mean of the
        class priors weighted by p(y|z_label), so that no style passes through z_label.
    label_kl_weight : float ≥ 0, default 4.0
        Weight of KL(q(z_label|x) ‖ p(z_label)); values above 1 push style out of z_label.
    style_weight : float ≥ 0, default 10.0
        Weight of the style features of images and spectrograms, such as stroke thickness and slant,
        which z_rest must explain, too; 0 leaves them out.
    rest_kl_weight : float ≥ 0, default 0.5
        Weight of KL(q(z_rest|x) ‖ N(0, I)), the β of a β-VAE.
    classifier_weight : float ≥ 0, default 20.0
        Weight of the classifier's cross-entropy; 0 trains without labels.
    separation : {"none", "covariance", "hsic", "adversary", "swap"}, default "none"
        Penalty that keeps the label out of z_rest during training.
    separation_weight : float ≥ 0, default 0.0
        Weight of the separation penalty.
    alignment : {"auto", "none", "mean", "gaussian", "transport"}, default "auto"
        Map, fitted after training, that gives z_rest the same distribution for every label: 'mean'
        equalises means, 'gaussian' also covariances, 'transport' the whole distributions; 'auto'
        takes 'transport' if the median label has at least 250 examples, else 'gaussian'.
    alignment_steps : int ≥ 1, default 800
        Maximum number of steps of alignment 'transport', which stops earlier when probes can no
        longer predict the label.
    finetune_epochs : int ≥ 0, default 10
        Passes after the alignment in which the decoder is fine-tuned, so that decoded images and
        swaps have the style of their sources; 0 skips the fine-tuning.
    epochs : int ≥ 1, default 30
        Passes over the training data.
    augment : float in [0, 1], default 0.7
        Share of the training examples that are augmented: images are slanted, stretched, and
        thickened or thinned, spectrograms are shifted in time, tables stay as they are.
    batch_size : int ≥ 2, default 256
        Maximum number of examples per step.
    min_steps_per_epoch : int ≥ 1, default 25
        Minimum number of steps per epoch: small data sets get smaller batches, of 32 at least.
    learning_rate : float in [1e-08, 10], default 0.003
        Learning rate of Adam; its peak if the schedule varies it.
    schedule : {"constant", "one-cycle", "linear"}, default "one-cycle"
        Course of the learning rate: 'constant'; 'one-cycle', a linear rise and a cosine decay; or
        'linear', a short rise and a linear decay, which only the preset quick uses.
    adam_beta2 : float in [0, 0.999999], default 0.999
        Decay rate β₂ of Adam's mean of squared gradients; only the preset quick changes it.
    lr_multipliers : {"uniform", "per_layer"}, default "uniform"
        Learning rates of the layers: 'uniform', or 'per_layer', which are higher for biases and
        small layers, lower for large ones, and need backbone 'article'; only the preset quick uses
        the latter.
    init : {"random", "data"}, default "random"
        Initialisation: 'random', or 'data', which centres the encoder's input and starts the
        decoder at the mean example (Bernoulli likelihood); only the preset quick uses the latter.
    early_stopping : bool, default False
        Whether to stop when the loss on held-out rows no longer falls, and keep the best epoch.
    validation_fraction : float in [0.001, 0.9], default 0.1
        Share of the rows, or of the groups, that early_stopping holds out.
    n_iter_no_change : int ≥ 1, default 10
        Epochs that early_stopping waits for a lower validation loss.
    test_samples : int ≥ 1, default 10
        Samples of the codes over which `evaluate` averages the loss.
    random_state : int in [0, 4294967295], default 0
        Seed of the initial weights, the shuffling and the noise.
    precision : {"float32", "bfloat16"}, default "float32"
        Number format of matrix products during training; 'bfloat16' is faster on hardware that
        supports it.
    device : {"auto", "cpu", "cuda"}, default "auto"
        Device to compute on; 'auto' takes a GPU if there is one.

    Raises
    ------
    TypeError
        If a value has the wrong type.
    ValueError
        If a value is outside its range, is not one of its choices, or contradicts another value.

    Examples
    --------
    >>> Config(d_rest=16).d_rest
    16
    >>> Config.preset("article", d_label=1, d_rest=1).width
    500
    >>> Config(epochs=0)
    Traceback (most recent call last):
    ValueError: epochs is 0, expected at least 1 (passes over the training data)
    """

    d_label: int = _parameter(10, "dimensions of z_label", 1)
    d_rest: int = _parameter(16, "dimensions of z_rest", 1)

    kind: Literal["image", "audio", "table"] = _parameter(
        "image",
        "kind of data, which decides how examples are augmented and which style features they have",
        advanced=True,
    )
    likelihood: Literal["auto", "bernoulli", "gaussian"] = _parameter(
        "auto",
        "distribution p(x|z): 'bernoulli' for values in [0, 1], 'gaussian' with one learnt scale "
        "for any values; 'auto' takes 'bernoulli' for images and spectrograms in [0, 1] or of "
        "whole numbers up to 65,535, and 'gaussian' for all other data and for tables",
    )
    backbone: Literal["auto", "article", "mlp", "conv", "photo", "deep"] = _parameter(
        "auto",
        "network architecture: 'article' (the notebook's), 'mlp', 'conv' (a convolutional encoder "
        "and an MLP decoder), 'photo' (larger, and the decoder is convolutional, too) or 'deep' "
        "(the same with more stages, down to 8 × 8 pixels); 'auto' takes 'deep' for images with a "
        "side above 32 pixels, 'conv' for other grey images and spectrograms, 'photo' for other "
        "colour images, and 'mlp' for tables",
    )
    width: int = _parameter(400, "units of each hidden layer", 1)
    depth: int = _parameter(
        2,
        "hidden layers of the encoder and of the decoder; backbone 'article' always has one",
        1,
        advanced=True,
    )

    label_prior: Literal["standard", "class"] = _parameter(
        "class",
        "prior of z_label: 'standard' is N(0, I); 'class' is N(μ_y, I) with a learnt mean for each "
        "class, so that encoding the label costs no KL",
        advanced=True,
    )
    decoder_label_input: Literal["code", "class"] = _parameter(
        "class",
        "what the decoder gets of the label: 'code' is z_label itself; 'class' is the mean of the "
        "class priors weighted by p(y|z_label), so that no style passes through z_label",
        advanced=True,
    )
    label_kl_weight: float = _parameter(
        4.0,
        "weight of KL(q(z_label|x) ‖ p(z_label)); values above 1 push style out of z_label",
        0,
    )
    style_weight: float = _parameter(
        10.0,
        "weight of the style features of images and spectrograms, such as stroke thickness and "
        "slant, which z_rest must explain, too; 0 leaves them out",
        0,
    )
    rest_kl_weight: float = _parameter(
        0.5, "weight of KL(q(z_rest|x) ‖ N(0, I)), the β of a β-VAE", 0
    )
    classifier_weight: float = _parameter(
        20.0, "weight of the classifier's cross-entropy; 0 trains without labels", 0
    )
    separation: Literal["none", "covariance", "hsic", "adversary", "swap"] = _parameter(
        "none", "penalty that keeps the label out of z_rest during training"
    )
    separation_weight: float = _parameter(0.0, "weight of the separation penalty", 0)
    alignment: Literal["auto", "none", "mean", "gaussian", "transport"] = _parameter(
        "auto",
        "map, fitted after training, that gives z_rest the same distribution for every label: "
        "'mean' equalises means, 'gaussian' also covariances, 'transport' the whole distributions; "
        "'auto' takes 'transport' if the median label has at least "
        f"{MIN_TRANSPORT_EXAMPLES} examples, else 'gaussian'",
    )
    alignment_steps: int = _parameter(
        800,
        "maximum number of steps of alignment 'transport', which stops earlier when probes can no "
        "longer predict the label",
        1,
        advanced=True,
    )

    finetune_epochs: int = _parameter(
        10,
        "passes after the alignment in which the decoder is fine-tuned, so that decoded images and "
        "swaps have the style of their sources; 0 skips the fine-tuning",
        0,
    )

    epochs: int = _parameter(30, "passes over the training data", 1)
    augment: float = _parameter(
        0.7,
        "share of the training examples that are augmented: images are slanted, stretched, and "
        "thickened or thinned, spectrograms are shifted in time, tables stay as they are",
        0,
        1,
    )
    batch_size: int = _parameter(256, "maximum number of examples per step", 2)
    min_steps_per_epoch: int = _parameter(
        25,
        "minimum number of steps per epoch: small data sets get smaller batches, of 32 at least",
        1,
        advanced=True,
    )
    learning_rate: float = _parameter(
        3e-3, "learning rate of Adam; its peak if the schedule varies it", 1e-8, 10
    )
    schedule: Literal["constant", "one-cycle", "linear"] = _parameter(
        "one-cycle",
        "course of the learning rate: 'constant'; 'one-cycle', a linear rise and a cosine decay; "
        "or 'linear', a short rise and a linear decay, which only the preset quick uses",
        advanced=True,
    )
    adam_beta2: float = _parameter(
        0.999,
        "decay rate β₂ of Adam's mean of squared gradients; only the preset quick changes it",
        0,
        0.999999,
        advanced=True,
    )
    lr_multipliers: Literal["uniform", "per_layer"] = _parameter(
        "uniform",
        "learning rates of the layers: 'uniform', or 'per_layer', which are higher for biases and "
        "small layers, lower for large ones, and need backbone 'article'; only the preset quick "
        "uses the latter",
        advanced=True,
    )
    init: Literal["random", "data"] = _parameter(
        "random",
        "initialisation: 'random', or 'data', which centres the encoder's input and starts the "
        "decoder at the mean example (Bernoulli likelihood); only the preset quick uses the latter",
        advanced=True,
    )
    early_stopping: bool = _parameter(
        False,
        "whether to stop when the loss on held-out rows no longer falls, and keep the best epoch",
    )
    validation_fraction: float = _parameter(
        0.1,
        "share of the rows, or of the groups, that early_stopping holds out",
        0.001,
        0.9,
        advanced=True,
    )
    n_iter_no_change: int = _parameter(
        10, "epochs that early_stopping waits for a lower validation loss", 1, advanced=True
    )
    test_samples: int = _parameter(
        10, "samples of the codes over which `evaluate` averages the loss", 1, advanced=True
    )
    random_state: int = _parameter(
        0, "seed of the initial weights, the shuffling and the noise", 0, 2**32 - 1
    )
    precision: Literal["float32", "bfloat16"] = _parameter(
        "float32",
        "number format of matrix products during training; 'bfloat16' is faster on hardware that "
        "supports it",
    )
    device: Literal["auto", "cpu", "cuda"] = _parameter(
        "auto", "device to compute on; 'auto' takes a GPU if there is one"
    )

    @classmethod
    def preset(
        cls, name: Preset = "best", objective: Objective | None = None, **changes: Any
    ) -> Config:
        """Return the hyper-parameters of a preset, with changes.

        Parameters
        ----------
        name
            ``"best"``: this package's own model, the defaults of `Config`. ``"article"``: the
            network, loss and schedule of the original notebook, unchanged. ``"quick"``: the network
            and loss of ``"article"``, but ``schedule``, ``adam_beta2``, ``lr_multipliers`` and
            ``init`` are chosen such that a tenth of the steps is enough.
        objective
            One of the notebook's variants: ``"classifier"`` (its first), ``"covariance"``, which
            adds the cross-covariance penalty, or ``"plain"``, which uses no labels. None keeps the
            preset's own.
        changes
            Hyper-parameters by name. They override the preset and the objective.

        Raises
        ------
        TypeError
            If a name is not a hyper-parameter, or a value has the wrong type.
        ValueError
            If the preset, the objective or a value is not one of the allowed ones.

        Examples
        --------
        >>> Config.preset("article", "covariance", epochs=2).separation
        'covariance'
        """
        if name not in get_args(Preset):
            raise ValueError(
                f"preset is {quoted(name)}, expected one of {', '.join(get_args(Preset))}"
            )
        if objective is not None and objective not in get_args(Objective):
            raise ValueError(
                f"objective is {quoted(objective)}, "
                f"expected one of {', '.join(get_args(Objective))}"
            )
        check_parameter_names(changes)
        return replace(cls(), **_PRESETS[name] | _objective(name, objective) | changes)

    @staticmethod
    def loss_scale(values: int) -> float:
        """Return the factor by which the loss multiplies every term but the ELBO's.

        The reconstruction term is a sum over the values of an example, so it grows with their
        number, and the other terms are scaled up with it: max(1, values / 784). The weights of
        `Config` are meant for 28 × 28 = 784 pixels; smaller examples use them unchanged.

        Parameters
        ----------
        values
            Number of values of one example, such as height × width × channels.

        Examples
        --------
        >>> Config.loss_scale(28 * 28), Config.loss_scale(4 * 28 * 28), Config.loss_scale(13)
        (1.0, 4.0, 1.0)
        """
        return max(1.0, values / REFERENCE_VALUES)

    def batch_size_for(self, n: int) -> int:
        """Return the batch size for n training examples.

        It is ``batch_size``, or less if an epoch would otherwise have fewer than
        ``min_steps_per_epoch`` steps, but not below 32.

        Parameters
        ----------
        n
            Number of training examples.

        Examples
        --------
        >>> [Config().batch_size_for(n) for n in (100, 1000, 2000, 60_000)]
        [32, 40, 80, 256]
        """
        return min(self.batch_size, max(MIN_BATCH_SIZE, math.ceil(n / self.min_steps_per_epoch)))

    def __post_init__(self) -> None:
        for spec in parameters():
            # Grid searches pass NumPy numbers; JSON can only write Python's.
            object.__setattr__(self, spec.name, _checked(spec, getattr(self, spec.name)))
        if self.decoder_label_input == "class" and not (
            self.label_prior == "class" and self.classifier_weight
        ):
            raise ValueError(
                "decoder_label_input is 'class', which needs label_prior='class' and "
                "classifier_weight above 0: take decoder_label_input='code', or set those"
            )
        if self.lr_multipliers == "per_layer" and self.backbone != "article":
            raise ValueError(
                "lr_multipliers is 'per_layer', which needs backbone='article', and backbone is "
                f"{self.backbone!r}: take lr_multipliers='uniform'"
            )
        if not self.classifier_weight:
            self._check_uses_no_labels()

    def _check_uses_no_labels(self) -> None:
        """Raise a ValueError if a term that needs labels is on, although training has none."""
        required: dict[str, Any] = {"alignment": "none", "style_weight": 0.0, "finetune_epochs": 0}
        if self.separation != "covariance":  # it compares the two codes, without the label
            required["separation"] = "none"
        conflicts: list[str] = []
        remedies: list[str] = []
        for name, value in required.items():
            if getattr(self, name) != value:
                conflicts.append(f"{name} is {getattr(self, name)!r}")
                remedies.append(f"{name}={value!r}")
        if conflicts:
            raise ValueError(
                f"classifier_weight is 0, which trains without labels, but {', '.join(conflicts)}: "
                f"take {', '.join(remedies)}, or classifier_weight above 0"
            )


@dataclass(frozen=True)
class Parameter:
    """One hyper-parameter, for the command line and the documentation.

    Parameters
    ----------
    name, type, default
        Name, type and default value; the type of a choice is ``str``.
    description
        What it does, starting in lower case and without a full stop.
    choices
        All allowed values, if they are names; otherwise empty.
    minimum, maximum
        The allowed range, ends included; None where there is no limit.
    advanced
        Whether few users need to change it.
    """

    name: str
    type: type
    default: Any
    description: str
    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    advanced: bool


def check_parameter_names(names: Iterable[str]) -> None:
    """Raise a TypeError, with the closest match, if one of the names is not a hyper-parameter."""
    valid = [f.name for f in fields(Config)]
    for name in names:
        if name not in valid:
            close = get_close_matches(name, valid, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"there is no hyper-parameter {quoted(name)}{hint}")


def parameters() -> tuple[Parameter, ...]:
    """Describe every hyper-parameter, in the order of `Config`.

    Examples
    --------
    >>> [p.default for p in parameters() if p.name == "batch_size"]
    [256]
    """
    hints = get_type_hints(Config)
    specs: list[Parameter] = []
    for f in fields(Config):
        choices = get_args(hints[f.name])
        value_type = str if choices else hints[f.name]
        default = None if f.default is MISSING else f.default
        specs.append(Parameter(f.name, value_type, default, choices=choices, **f.metadata))
    return tuple(specs)


_ARTICLE: dict[str, Any] = {
    "d_rest": 10,
    "likelihood": "bernoulli",
    "backbone": "article",
    "width": 500,
    "depth": 1,
    "label_prior": "standard",
    "decoder_label_input": "code",
    "label_kl_weight": 1.0,
    "style_weight": 0.0,
    "rest_kl_weight": 1.0,
    "classifier_weight": ARTICLE_WEIGHT,
    "separation": "none",
    "separation_weight": 0.0,
    "alignment": "none",
    "finetune_epochs": 0,
    "augment": 0.0,
    "epochs": 50,
    "batch_size": ARTICLE_BATCH_SIZE,
    "min_steps_per_epoch": 1,
    "learning_rate": 1e-3,
    "schedule": "constant",
}


# The same network and loss, trained in 5 epochs instead of 50; see docs/benchmarks/speed.md.
_QUICK: dict[str, Any] = _ARTICLE | {
    "epochs": 5,
    "learning_rate": 16e-3,
    "schedule": "linear",
    "adam_beta2": 0.99,
    "lr_multipliers": "per_layer",
    "init": "data",
}
_PRESETS: dict[Preset, dict[str, Any]] = {"best": {}, "article": _ARTICLE, "quick": _QUICK}


def _objective(preset: Preset, objective: Objective | None) -> dict[str, Any]:
    """Return the hyper-parameters that an objective changes in a preset."""
    if objective == "covariance":
        return {"separation": "covariance", "separation_weight": ARTICLE_WEIGHT}
    if objective != "plain":
        return {}
    changes: dict[str, Any] = {
        "classifier_weight": 0.0,
        "separation": "none",
        "separation_weight": 0.0,
        "style_weight": 0.0,
        "alignment": "none",
        "finetune_epochs": 0,
    }
    if preset == "best":  # its prior and its decoder need classes
        changes["label_prior"] = "standard"
        changes["decoder_label_input"] = "code"
        changes["label_kl_weight"] = 1.0
    return changes


def _checked(spec: Parameter, value: Any) -> Any:
    """Return a value as a Python bool, int, float or str, or raise an error with the range."""
    if spec.choices:
        if value not in spec.choices:
            raise ValueError(
                f"{spec.name} is {quoted(value)}, expected one of {', '.join(spec.choices)}"
            )
        return value
    about = f"({spec.description})"
    if spec.type is bool:
        if type(value).__name__ not in ("bool", "bool_"):  # Python's or NumPy's
            raise TypeError(f"{spec.name} is {quoted(value)}, expected True or False {about}")
        return bool(value)
    number = Real if spec.type is float else Integral
    if isinstance(value, bool) or not isinstance(value, number):
        raise TypeError(f"{spec.name} is {quoted(value)}, expected {spec.type.__name__} {about}")
    value = spec.type(value)
    if not math.isfinite(value):
        raise ValueError(f"{spec.name} is {value}, expected a finite number {about}")
    if spec.minimum is not None and value < spec.minimum:
        raise ValueError(f"{spec.name} is {value}, expected at least {spec.minimum} {about}")
    if spec.maximum is not None and value > spec.maximum:
        raise ValueError(f"{spec.name} is {value}, expected at most {spec.maximum} {about}")
    return value
