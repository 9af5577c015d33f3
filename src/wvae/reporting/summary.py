"""The figures of `wvae.workflows.measure` as rows and sentences, for terminal and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Metrics = Mapping[str, float]
GROUPS = {
    "leakage": "leakage: the {label} predicted from z_rest by fresh probes",
    "sufficiency": "sufficiency: what z_label contains",
    "rest": "rest: what z_rest contains",
    "clusters": "clusters: K-Means of test rows compared with factors, AMI",
    "swap": "swap: z_label of one example with z_rest of another",
    "retrieval": "retrieval: finding the same category by z_rest, such as the writer or speaker",
}
MIN_REST_SCORE = 0.1  # R², or accuracy above chance, below which z_rest counts as empty
MIN_JUDGE_ACCURACY = 0.8
_CHANCE_SUFFIXES = (".majority", ".null", ".low", ".high", ".rows")
_PROBES = {
    "logistic": "logistic regression",
    "mlp": "an MLP",
    "knn": "k-NN",
    "boosting": "gradient boosting",
}


@dataclass(frozen=True)
class Row:
    """One figure: its name within the group, its value, its chance level and its 95 % interval."""

    group: str
    name: str
    value: float
    chance: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Verdict:
    """The leakage of one model, and the reasons to doubt its figures."""

    title: str
    leakage: str
    doubts: tuple[str, ...]


def rows(metrics: Metrics) -> list[Row]:
    """Return the figures that get a line of their own, in the order of `metrics`.

    Scores of single labels, chance levels and the ends of intervals get none.

    Parameters
    ----------
    metrics
        The result of `wvae.workflows.measure.measure`, full or quick.

    Examples
    --------
    >>> metrics = {"leakage.mean.mlp": 0.4, "leakage.mean.majority": 0.1, "leakage.mean.null": 0.12}
    >>> [(row.name, row.value, row.chance) for row in rows(metrics | {"swap.label.3": 1.0})]
    [('mean.mlp', 0.4, 0.12)]
    """
    result: list[Row] = []
    for key, value in metrics.items():
        group, _, name = key.partition(".")
        if group in GROUPS and not _is_auxiliary(key):
            chance = _chance(key, metrics)
            result.append(Row(group, name, value, chance, _interval(key, metrics)))
    return result


def _is_auxiliary(key: str) -> bool:
    """Return whether a figure belongs to another one's line, or to a single label."""
    group = key.partition(".")[0]
    is_of_one_label = key.startswith(("swap.label.", "rest.reconstruction.")) and not key.endswith(
        ".mse"
    )
    is_chance = group in ("leakage", "sufficiency") and key.endswith(_CHANCE_SUFFIXES)
    is_chance = is_chance or key.endswith(".chance")
    return is_of_one_label or is_chance or key == "leakage.clean"


def _interval(key: str, metrics: Metrics) -> tuple[float, float] | None:
    """Return the 95 % interval of a largest accuracy, ``….max``, where the metrics have it."""
    if not key.endswith("max"):
        return None
    stem = key.removesuffix("max")
    if f"{stem}low" not in metrics:
        return None
    return metrics[f"{stem}low"], metrics[f"{stem}high"]


def _chance(key: str, metrics: Metrics) -> float | None:
    """Return the chance level of a figure, or None if the metrics do not have it."""
    group, *middle, last = key.split(".")
    parent = ".".join([group, *middle])
    if "eer" in middle:
        return 0.5
    if "people" in last or "information" in middle or "r2" in key:
        return None
    if f"{key}.chance" in metrics:
        return metrics[f"{key}.chance"]
    if group == "retrieval":  # the chance of retrieval.writer.within.top1.3 is the writer's
        return _nearest_chance(parent, metrics)
    if f"{parent}.chance" in metrics:
        return metrics[f"{parent}.chance"]
    names = f"{parent}.majority", f"{parent}.null"
    return max((metrics[name] for name in names if name in metrics), default=None)


def _nearest_chance(name: str, metrics: Metrics) -> float | None:
    """Return the chance level of a dotted name, or of the nearest name above it."""
    while name:
        if f"{name}.chance" in metrics:
            return metrics[f"{name}.chance"]
        name = name.rpartition(".")[0]
    return None


def leakage_amount(metrics: Metrics) -> str:
    """Return the largest accuracy of a probe of z_rest, its 95 % interval, and chance.

    Parameters
    ----------
    metrics
        The result of `wvae.workflows.measure.measure`, full or quick.

    Examples
    --------
    >>> leakage_amount({
    ...     "leakage.max": 0.412, "leakage.low": 0.4, "leakage.high": 0.42, "leakage.majority": 0.1
    ... })
    'leakage 0.41 [0.40, 0.42] against chance 0.10'
    """
    low, high = metrics["leakage.low"], metrics["leakage.high"]
    return (
        f"leakage {metrics['leakage.max']:.2f} [{low:.2f}, {high:.2f}] against chance "
        f"{metrics['leakage.majority']:.2f}"
    )


def summarise(metrics: Metrics, label: str = "label") -> list[str]:
    """Return a sentence on the leakage, and one for every reason to doubt the figures.

    The sentence has the amount and its 95 % interval, and no judgement: what is little enough
    depends on the use. It says how far the strongest probe is on the way from a constant guess to
    no error, or that the test rows do not tell it from a constant guess.

    Parameters
    ----------
    metrics
        The result of `wvae.workflows.measure.measure`, full or quick.
    label
        Name of the label, such as ``"digit"``.

    Raises
    ------
    ValueError
        If the metrics lack the probe that reached the largest leakage.

    Examples
    --------
    >>> metrics = {
    ...     "leakage.max": 0.412, "leakage.low": 0.4, "leakage.high": 0.42,
    ...     "leakage.rows": 9000, "leakage.majority": 0.1, "leakage.mean.mlp": 0.412,
    ...     "leakage.positive_control": 0.98,
    ... }
    >>> import textwrap
    >>> print(textwrap.fill(*summarise(metrics, "digit"), width=76))
    leakage 0.41 [0.40, 0.42] against chance 0.10: the strongest probe, an MLP,
    predicts the digit from z_rest in 41.2 % of 9,000 test examples, 35 % of the
    way from a constant guess to no error
    """
    probe, code = _strongest_probe(metrics)
    highest, chance = metrics["leakage.max"], metrics["leakage.majority"]
    rows = f"{metrics['leakage.rows']:,.0f} test examples"
    if metrics["leakage.low"] <= chance:
        finding = (
            f"{rows} do not tell the strongest probe, {probe}, from a constant guess of the {label}"
        )
    else:
        share = 100 * (highest - chance) / (1 - chance)
        finding = (
            f"the strongest probe, {probe}, predicts the {label} from {code} in "
            f"{_percent(highest)} of {rows}, {share:.0f} % of the way from a constant guess to no "
            "error"
        )
    leakage = f"{leakage_amount(metrics)}: {finding}"
    return [leakage, *_doubts_about_rest(metrics, label), *_doubts_about_swap(metrics, label)]


def verdict_of(title: str, metrics: dict[str, float], label: str) -> Verdict:
    """Return the leakage and the doubts of one model as sentences.

    Parameters
    ----------
    title
        Name of the model or data set.
    metrics
        What `wvae.workflows.measure.measure` returned.
    label
        Name of the label.
    """
    sentences = [f"{text[0].upper()}{text[1:]}." for text in summarise(metrics, label)]
    leakage, *doubts = [unbroken(text) for text in sentences]
    return Verdict(title, leakage, tuple(doubts))


def unbroken(text: str) -> str:
    """Return a text in which no line can break between a number and its percent sign.

    >>> unbroken("99.5 % of") == "99.5\\u00a0% of"
    True
    """
    return text.replace(" %", "\u00a0%")


def _strongest_probe(metrics: Metrics) -> tuple[str, str]:
    """Return which probe reached the largest leakage, and from which code."""
    for part, code in (("mean", "z_rest"), ("sample", "a sample of z_rest")):
        for kind, probe in _PROBES.items():
            if metrics.get(f"leakage.{part}.{kind}") == metrics["leakage.max"]:
                return probe, code
    raise ValueError(
        f"leakage.max is {metrics['leakage.max']}, but the metrics hold no probe of that accuracy: "
        "give all figures of one measurement"
    )


def _doubts_about_rest(metrics: Metrics, label: str) -> list[str]:
    """Return why a low leakage may mean little."""
    doubts: list[str] = []
    control = metrics["leakage.positive_control"]
    if control < (1 + metrics["leakage.majority"]) / 2:
        doubts.append(
            f"the positive control fails: a probe predicts the {label} from z_label with only "
            f"{_percent(control)} accuracy, so a low leakage proves little"
        )
    rest_r2 = metrics.get("swap.rest_r2", 1.0)
    if rest_r2 < MIN_REST_SCORE:
        doubts.append(
            "swapped examples do not keep their z_rest: encoding them again recovers it with an R² "
            f"of {rest_r2:.2f}. Either z_rest carries almost no information, or swapped examples "
            "are unlike the training examples"
        )
    gains = _gains(metrics)
    if gains and max(gains.values()) < MIN_REST_SCORE:
        best = max(gains, key=lambda key: gains[key])
        doubts.append(
            f"z_rest contains none of the measured factors: the best score is {best} = "
            f"{metrics[best]:.3f}, only {gains[best]:.3f} above chance"
        )
    return doubts


def _doubts_about_swap(metrics: Metrics, label: str) -> list[str]:
    """Return why the scores of swapped examples may be low, or mean little."""
    doubts: list[str] = []
    swapped, plain = metrics.get("swap.label"), metrics.get("swap.control.label")
    if swapped is not None and plain is not None and swapped < plain / 2:
        doubts.append(
            f"the decoder ignores z_label: {_percent(swapped)} of the swapped examples show the "
            f"wanted {label}, but {_percent(plain)} of the plain reconstructions show their own"
        )
    if "swap.rest_r2" in metrics and swapped is None:
        doubts.append(
            f"no classifier judged the {label} of swapped examples: it needs images or spectrograms"
        )
    judge = metrics.get("swap.judge", 1.0)
    if judge < MIN_JUDGE_ACCURACY:
        doubts.append(
            f"the classifier that judges swapped examples is weak: it predicts the {label} of real "
            f"examples with only {_percent(judge)} accuracy"
        )
    return doubts


def _gains(metrics: Metrics) -> dict[str, float]:
    """Return how far z_rest is above chance for each factor: R², or accuracy less chance."""
    gains: dict[str, float] = {}
    for key, value in metrics.items():
        if key.startswith("rest.r2.") and "given_label" not in key:
            gains[key] = value
        if key.startswith("rest.factor.") and "chance" not in key:
            gains[key] = value - (_chance(key, metrics) or 0.0)
    return gains


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
