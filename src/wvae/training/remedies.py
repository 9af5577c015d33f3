"""Remedies: which hyper-parameters to change, given what they are now.

A remedy is written as Python takes it, ``rest_kl_weight=0.5 (now 1000)``; the command line turns
that into a flag. It never advises the value that a hyper-parameter has already. The first suspects
are values far from the defaults: a factor of `FAR` or more, in the direction that does the harm.
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from ..config import Config, parameters
from ..model import SplitVAE

FAR = 4.0
Direction = Literal["low", "high"]
LOW_CONTRAST = 0.1  # standard deviation of values in [0, 1], below which a Bernoulli gains little


def change(config: Config, **values: Any) -> str:
    """Return the words for changes of hyper-parameters.

    >>> change(Config(d_rest=64), d_rest=16)
    'd_rest=16 (now 64)'
    """
    parts: list[str] = []
    for name, value in values.items():
        now = getattr(config, name)
        shown = (f"{v:g}" if isinstance(v, float) else repr(v) for v in (value, now))
        parts.append("{}={} (now {})".format(name, *shown))
    return " and ".join(parts)


def suspects(config: Config, **harmful: Direction) -> list[str]:
    """Return a remedy for each hyper-parameter that is far from its default.

    Parameters
    ----------
    config
        The hyper-parameters.
    harmful
        The direction that does harm, by name.

    Examples
    --------
    >>> suspects(Config(rest_kl_weight=1000.0), rest_kl_weight="high", learning_rate="low")
    ['rest_kl_weight=0.5 (now 1000)']
    """
    defaults = {spec.name: spec.default for spec in parameters()}
    remedies: list[str] = []
    for name, direction in harmful.items():
        now, default = getattr(config, name), defaults[name]
        is_far = now * FAR <= default if direction == "low" else now >= default * FAR
        if is_far:
            remedies.append(change(config, **{name: default}))
    return remedies


def for_label(model: SplitVAE, x: Tensor) -> list[str]:
    """Return what may help a classifier that does not learn the label.

    Parameters
    ----------
    model
        The model.
    x
        Some training examples, (B, \\*shape), in the units of the network.
    """
    config = model.config
    remedies = suspects(
        config, classifier_weight="low", label_kl_weight="high", learning_rate="low"
    )
    if config.d_label < Config.d_label:
        remedies.append(change(config, d_label=Config.d_label))
    remedies += low_contrast(model, x)
    if remedies:  # any of them may be to blame
        return [" and ".join(remedies)]
    if config.epochs < Config.epochs:
        return [longer(config)]
    return [change(config, classifier_weight=4 * config.classifier_weight), longer(config)]


def for_collapse(model: SplitVAE, x: Tensor) -> list[str]:
    """Return what may help a z_rest that carries nothing; the arguments are as in `for_label`."""
    config = model.config
    remedies = suspects(config, rest_kl_weight="high", learning_rate="low")
    remedies += low_contrast(model, x)
    if not remedies and config.rest_kl_weight:
        remedies.append(change(config, rest_kl_weight=config.rest_kl_weight / 10))
    return remedies or [longer(config)]


def for_ignored_label(model: SplitVAE, x: Tensor) -> list[str]:
    """Return what may help a decoder that does not use z_label, because z_rest holds the label.

    The arguments are as in `for_label`.
    """
    config = model.config
    remedies: list[str] = []
    if config.decoder_label_input == "code":
        names = {"label_prior": "class", "decoder_label_input": "class"}
        wanted = {name: value for name, value in names.items() if getattr(config, name) != value}
        remedies.append(change(config, **wanted))
    remedies += suspects(config, label_kl_weight="high", rest_kl_weight="low", d_rest="high")
    remedies += low_contrast(model, x)
    if not remedies:
        remedies.append(change(config, rest_kl_weight=4 * config.rest_kl_weight))
    return remedies


def for_unread_codes(model: SplitVAE, x: Tensor) -> list[str]:
    """Return what may help a decoder that uses no code; the arguments are as in `for_label`."""
    config = model.config
    remedies = suspects(config, learning_rate="low", rest_kl_weight="high")
    remedies += low_contrast(model, x)
    return remedies or [longer(config)]


def low_contrast(model: SplitVAE, x: Tensor) -> list[str]:
    """Return the remedy for values in [0, 1] that hardly differ, or an empty list.

    A Bernoulli likelihood gains next to nothing by explaining small differences. A Gaussian one
    learns their scale, and brings the network's input to it.
    """
    if model.observation.likelihood != "bernoulli":
        return []
    if float(x.std(0).square().mean().sqrt()) >= LOW_CONTRAST:
        return []
    return [change(model.config, likelihood="gaussian")]


def longer(config: Config) -> str:
    """Return the remedy of twice as many epochs as now, and as the default.

    >>> longer(Config(epochs=2)), longer(Config(epochs=90))
    ('epochs=60 (now 2)', 'epochs=180 (now 90)')
    """
    return change(config, epochs=2 * max(Config.epochs, config.epochs))


def take(remedies: list[str]) -> str:
    """Return remedies as the end of a sentence.

    >>> take(["epochs=30 (now 2)", "d_rest=16 (now 64)"])
    'take epochs=30 (now 2), or d_rest=16 (now 64)'
    """
    return f"take {', or '.join(remedies)}"
