"""Every hyper-parameter, once: its default, its range and what it means."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field, fields, replace
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_type_hints

Preset = Literal["best", "article", "quick"]
Objective = Literal["classifier", "covariance", "plain"]

# The notebook's own constants: C2 and C3 weigh a term *per batch* of 256; per example that is C / 256.
ARTICLE_BATCH_SIZE = 256
ARTICLE_WEIGHT = 10_000 / ARTICLE_BATCH_SIZE
REFERENCE_VALUES = 28 * 28  # of an example, for which the weights are meant
MIN_BATCH_SIZE = 32  # smaller ones are for those who ask


def _parameter(
    default: Any,
    meaning: str,
    low: float | None = None,
    high: float | None = None,
    *,
    advanced: bool = False,
) -> Any:
    metadata = {"meaning": meaning, "low": low, "high": high, "advanced": advanced}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Config:
    """All hyper-parameters of one training; the defaults are the preset ``best``.

    Losses are sums over pixels and means over examples, in nats, so every weight below is in nats per example.

    Raises
    ------
    TypeError
        If a value has the wrong type.
    ValueError
        If a value is outside its range or not one of its choices.

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
        "what an example is; style features and slanting suit images only, shifts in time spectrograms",
        advanced=True,
    )
    likelihood: Literal["auto", "bernoulli", "gaussian"] = _parameter(
        "auto",
        "p(x|z): Bernoulli for values in [0, 1], Gaussian of a learnt scale for any; auto takes Bernoulli where it can",
    )
    backbone: Literal["auto", "article", "mlp", "conv", "photo"] = _parameter(
        "auto",
        "networks: the article's, perceptrons, convolutions that read and a perceptron that draws, or more that also "
        "draw; auto takes conv for grey images and spectrograms, photo for colour, mlp for tables",
    )
    width: int = _parameter(400, "units of a hidden layer", 1)
    depth: int = _parameter(
        2, "hidden layers of encoder and of decoder (article: always 1)", 1, advanced=True
    )

    label_prior: Literal["standard", "class"] = _parameter(
        "class",
        "prior of z_label: N(0, I), or one learnt mean per class, which makes the label free of charge",
        advanced=True,
    )
    decoder_label_input: Literal["code", "class"] = _parameter(
        "class",
        "what of z_label the decoder sees: the code itself, or only the class it means, so no style can pass",
        advanced=True,
    )
    label_kl_weight: float = _parameter(
        4.0, "weight of KL(q(z_label|x) || p(z_label)); above 1 drives style out", 0
    )
    style_weight: float = _parameter(
        10.0,
        "weight of the style features of an image, which z_rest must explain, too; 0 leaves them out",
        0,
    )
    rest_kl_weight: float = _parameter(
        0.5, "weight of KL(q(z_rest|x) || p(z_rest)), the beta of a beta-VAE", 0
    )
    classifier_weight: float = _parameter(
        20.0, "weight of the classifier's cross-entropy; 0 trains without labels", 0
    )
    separation: Literal["none", "covariance", "hsic", "adversary", "swap"] = _parameter(
        "none", "term that keeps the label out of z_rest while training"
    )
    separation_weight: float = _parameter(0.0, "weight of the separation term", 0)
    alignment: Literal["none", "mean", "gaussian", "transport"] = _parameter(
        "transport",
        "map after training that gives z_rest one distribution for all labels: equal means, Gaussians, or all",
    )
    alignment_steps: int = _parameter(
        800,
        "steps of alignment='transport' at most: it stops when no label is read",
        1,
        advanced=True,
    )

    finetune_epochs: int = _parameter(
        5,
        "passes after the alignment in which the decoder practises swapped codes; 0 leaves it as it is",
        0,
    )

    epochs: int = _parameter(30, "passes over the training data", 1)
    augment: float = _parameter(
        0.7,
        "share of the training images slanted, stretched, thickened anew, of spectrograms shifted; not of tables",
        0,
        1,
    )
    batch_size: int = _parameter(256, "examples in one step, at most", 2)
    min_steps_per_epoch: int = _parameter(
        25,
        "steps in one pass, at least: few examples are cut into smaller batches, down to 32",
        1,
        advanced=True,
    )
    learning_rate: float = _parameter(
        3e-3, "Adam's step size (its peak, if the schedule moves it)", 1e-8, 10
    )
    schedule: Literal["constant", "one-cycle", "linear"] = _parameter(
        "one-cycle", "course of the learning rate", advanced=True
    )
    adam_beta2: float = _parameter(
        0.999, "decay of Adam's mean of squared gradients", 0, 0.999999, advanced=True
    )
    lr_multipliers: Literal["uniform", "per_layer"] = _parameter(
        "uniform",
        "step sizes: one for all, or more for biases and small layers, less for large ones (backbone article)",
        advanced=True,
    )
    init: Literal["random", "data"] = _parameter(
        "random",
        "where training starts: data centres the input and draws the mean picture (Bernoulli likelihood)",
        advanced=True,
    )
    early_stopping: bool = _parameter(
        False, "stop when the loss of rows held out no longer falls, at the best epoch"
    )
    validation_fraction: float = _parameter(
        0.1, "share of the rows (or groups) held out for early_stopping", 0.001, 0.9, advanced=True
    )
    n_iter_no_change: int = _parameter(
        10, "epochs without a better validation loss that early_stopping waits", 1, advanced=True
    )
    test_samples: int = _parameter(
        10, "samples of the codes that a test loss is averaged over", 1, advanced=True
    )
    random_state: int = _parameter(0, "seed of weights, shuffling and noise", 0, 2**32 - 1)
    precision: Literal["float32", "bfloat16"] = _parameter(
        "float32",
        "numbers in the networks' matrix products while training; bfloat16 is faster where there are units",
    )
    device: Literal["auto", "cpu", "cuda"] = _parameter(
        "auto", "where to compute; auto takes a GPU if there is one"
    )

    @classmethod
    def preset(
        cls, name: Preset = "best", objective: Objective | None = None, **changes: Any
    ) -> Config:
        """Return a preset, with changes.

        Parameters
        ----------
        name
            ``"best"``; ``"article"`` for the notebook's model, loss and schedule to the letter; or ``"quick"`` for its
            model and loss by a schedule that needs a tenth of the steps.
        objective
            The notebook's variants: ``"classifier"`` (its first), ``"covariance"`` (adds the cross-covariance
            penalty) or ``"plain"`` (no labels at all). None leaves the preset's own.
        changes
            Hyper-parameters by name.

        Raises
        ------
        TypeError
            If a name is unknown.
        ValueError
            If the preset, the objective or a value is.
        """
        if name not in get_args(Preset):
            raise ValueError(f"preset is {name!r}, expected one of {', '.join(get_args(Preset))}")
        if objective is not None and objective not in get_args(Objective):
            raise ValueError(
                f"objective is {objective!r}, expected one of {', '.join(get_args(Objective))}"
            )
        check_parameter_names(changes)
        return replace(cls(), **_PRESETS[name] | _objective(name, objective) | changes)

    @staticmethod
    def loss_scale(values: int) -> float:
        """Return by how much the terms beside the ELBO weigh more for examples of so many values.

        What they are weighed against, the reconstruction, is a sum over the values. The weights are those for 28 × 28
        pixels; fewer values leave them as they are.

        >>> Config.loss_scale(28 * 28), round(Config.loss_scale(3 * 32 * 32), 2), Config.loss_scale(13)
        (1.0, 3.92, 1.0)
        """
        return max(1.0, values / REFERENCE_VALUES)

    def batch_size_for(self, n: int) -> int:
        """Return how many of n training examples make one step.

        >>> [Config().batch_size_for(n) for n in (100, 1000, 2000, 60_000)]
        [32, 40, 80, 256]
        """
        return min(self.batch_size, max(MIN_BATCH_SIZE, math.ceil(n / self.min_steps_per_epoch)))

    def __post_init__(self) -> None:
        for spec in parameters():
            # A grid search hands over NumPy's numbers; from here on they are Python's, which JSON can write.
            object.__setattr__(self, spec.name, _checked(spec, getattr(self, spec.name)))
        if self.decoder_label_input == "class" and not (
            self.label_prior == "class" and self.classifier_weight
        ):
            raise ValueError(
                "decoder_label_input is 'class', which needs label_prior='class' and classifier_weight above 0: "
                "take decoder_label_input='code', or give those"
            )
        if self.lr_multipliers == "per_layer" and self.backbone != "article":
            raise ValueError(
                f"lr_multipliers is 'per_layer', which knows the layers of backbone 'article' only, and backbone is "
                f"{self.backbone!r}: take lr_multipliers='uniform'"
            )
        if not self.classifier_weight:
            taken = {"alignment": "none", "style_weight": 0.0, "finetune_epochs": 0} | (
                {} if self.separation == "covariance" else {"separation": "none"}
            )
            wrong = {name: value for name, value in taken.items() if getattr(self, name) != value}
            if wrong:
                raise ValueError(
                    f"classifier_weight is 0, which trains without labels, but "
                    f"{', '.join(f'{name} is {getattr(self, name)!r}' for name in wrong)}: "
                    f"take {', '.join(f'{name}={value!r}' for name, value in wrong.items())}, "
                    "or classifier_weight above 0"
                )


@dataclass(frozen=True)
class Parameter:
    """What the command line and the documentation need to know about one hyper-parameter."""

    name: str
    type: type
    default: Any
    meaning: str
    choices: tuple[str, ...]
    low: float | None
    high: float | None
    advanced: bool  # the command line shows it under --help-all only


def check_parameter_names(names: Iterable[str]) -> None:
    """Raise a TypeError that names what was probably meant if one of the names is no hyper-parameter."""
    known = [f.name for f in fields(Config)]
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"there is no hyper-parameter {name!r}{hint}")


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
        default = None if f.default is MISSING else f.default
        specs.append(
            Parameter(
                f.name, str if choices else hints[f.name], default, choices=choices, **f.metadata
            )
        )
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


# The same model and loss, trained in 5 passes for 50: how it was found is in docs/speed.md.
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
    if objective == "covariance":
        return {"separation": "covariance", "separation_weight": ARTICLE_WEIGHT}
    if objective == "plain":
        # Without labels there is no class to give a prior to.
        # Nor anything that a style could be relative to, or aligned across.
        without = {"classifier_weight": 0.0, "separation": "none", "separation_weight": 0.0}
        without |= {"style_weight": 0.0, "alignment": "none", "finetune_epochs": 0}
        if preset == "best":
            without |= {
                "label_prior": "standard",
                "decoder_label_input": "code",
                "label_kl_weight": 1.0,
            }
        return without
    return {}


def _checked(spec: Parameter, value: Any) -> Any:
    if spec.choices:
        if value not in spec.choices:
            raise ValueError(f"{spec.name} is {value!r}, expected one of {', '.join(spec.choices)}")
        return value
    if spec.type is bool:
        if type(value).__name__ not in ("bool", "bool_"):  # Python's or NumPy's
            raise TypeError(f"{spec.name} is {value!r}, expected True or False ({spec.meaning})")
        return bool(value)
    number = Real if spec.type is float else Integral
    if isinstance(value, bool) or not isinstance(value, number):
        raise TypeError(f"{spec.name} is {value!r}, expected {spec.type.__name__} ({spec.meaning})")
    value = spec.type(value)
    if not math.isfinite(value):
        raise ValueError(f"{spec.name} is {value}, expected a finite number ({spec.meaning})")
    if spec.low is not None and value < spec.low:
        raise ValueError(f"{spec.name} is {value}, expected at least {spec.low} ({spec.meaning})")
    if spec.high is not None and value > spec.high:
        raise ValueError(f"{spec.name} is {value}, expected at most {spec.high} ({spec.meaning})")
    return value
