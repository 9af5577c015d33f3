"""The figures of `wvae.workflows.measure` in rows and in plain words, for the terminal and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Metrics = Mapping[str, float]
GROUPS = {
    "leakage": "leakage: the {label} read from z_rest by fresh probes",
    "sufficiency": "sufficiency: what z_label knows",
    "rest": "rest: what z_rest knows",
    "swap": "swap: z_label of one image with z_rest of another",
    "retrieval": "retrieval: who made it, by z_rest",
}
LITTLE = 0.1  # share of its variance that a z_rest which carries anything gives back at the least
_CHANCE = (".majority", ".null", ".low", ".high")
_KINDS = {
    "logistic": "logistic probe",
    "mlp": "mlp",
    "knn": "vote of neighbours",
    "boosting": "set of boosted trees",
}


@dataclass(frozen=True)
class Row:
    """One figure: its name within the group, its value, what a guess would give, and its 95 % interval."""

    group: str
    name: str
    value: float
    chance: float | None
    interval: tuple[float, float] | None


def rows(metrics: Metrics) -> list[Row]:
    """Return the figures worth a line, in their order; those of single labels, and chance itself, have none.

    Examples
    --------
    >>> found = {"leakage.mean.mlp": 0.4, "leakage.mean.majority": 0.1, "leakage.mean.null": 0.12, "swap.label.3": 1.0}
    >>> [(row.name, row.value, row.chance) for row in rows(found)]
    [('mean.mlp', 0.4, 0.12)]
    """
    found: list[Row] = []
    for key, value in metrics.items():
        group, _, name = key.partition(".")
        of_a_label = key.startswith(("swap.label.", "rest.reconstruction.")) and not name.endswith(
            ".mse"
        )
        is_chance = key.endswith(".chance") or (
            group in ("leakage", "sufficiency") and key.endswith(_CHANCE)
        )
        if group not in GROUPS or of_a_label or is_chance or key == "leakage.clean":
            continue
        stem = key.removesuffix("max")
        interval = (
            (metrics[f"{stem}low"], metrics[f"{stem}high"])
            if f"{stem}low" in metrics and stem != key
            else None
        )
        found.append(Row(group, name, value, _chance(key, metrics), interval))
    return found


def _chance(key: str, metrics: Metrics) -> float | None:
    """Return what a guess would score, where the metrics say."""
    group, *middle, last = key.split(".")
    parent = ".".join([group, *middle])
    if "eer" in middle:
        return 0.5
    if "people" in last or "information" in middle or "r2" in key:
        return None
    if f"{key}.chance" in metrics:
        return metrics[f"{key}.chance"]
    if group == "retrieval":  # retrieval.writer.within.top1.3: chance is the writer's
        above = [".".join([group, *middle[:n]]) for n in range(len(middle), -1, -1)]
        return next(
            (metrics[f"{name}.chance"] for name in above if f"{name}.chance" in metrics), None
        )
    if f"{parent}.chance" in metrics:
        return metrics[f"{parent}.chance"]
    chances = [
        metrics[f"{parent}.{name}"]
        for name in ("majority", "null")
        if f"{parent}.{name}" in metrics
    ]
    return max(chances) if chances else None


def verdict(metrics: Metrics, label: str = "label") -> list[str]:
    """Return one sentence on whether z_rest is clean, then one for each thing that casts doubt on the figures.

    Clean is what `wvae.evaluation.leakage.is_clean` calls so: at most 5 points above chance.

    Parameters
    ----------
    metrics
        Of `wvae.workflows.measure.measure`, in full or quick.
    label
        What the label is called: ``"digit"``.

    Examples
    --------
    >>> found = {"leakage.mean.mlp": 0.412, "leakage.mean.max": 0.412, "leakage.max": 0.412, "leakage.low": 0.4,
    ...          "leakage.high": 0.42, "leakage.majority": 0.1, "leakage.null": 0.114, "leakage.clean": 0.0,
    ...          "leakage.positive_control": 0.98}
    >>> print(*verdict(found, "digit"))
    not clean: a fresh mlp reads the digit from z_rest in 41.2 % of cases (40.0–42.0 %), chance 11.4 %
    """
    chance = max(metrics["leakage.majority"], metrics.get("leakage.null", 0.0))
    interval = f"{100 * metrics['leakage.low']:.1f}–{100 * metrics['leakage.high']:.1f} %"
    kind, code = _worst(metrics)
    found = (
        f"{'clean' if metrics['leakage.clean'] else 'not clean'}: a fresh {kind} reads the {label} from {code} in "
        f"{_percent(metrics['leakage.max'])} of cases ({interval}), chance {_percent(chance)}"
    )
    return [found, *_doubts(metrics, label)]


def _doubts(metrics: Metrics, label: str) -> list[str]:
    found: list[str] = []
    control = metrics["leakage.positive_control"]
    if control < (1 + metrics["leakage.majority"]) / 2:
        found.append(
            f"the control fails: even from z_label a probe reads the {label} in only {_percent(control)} of cases, so "
            "a low leakage says little"
        )
    if metrics.get("swap.rest_r2", 1.0) < LITTLE:
        found.append(
            f"swapped images, encoded again, do not give their z_rest back (R² {metrics['swap.rest_r2']:.2f}): either "
            "z_rest carries next to nothing, or what is decoded lies off the images that it was learnt from"
        )
    gains = _gains(metrics)
    if gains and max(gains.values()) < LITTLE:
        best = max(gains, key=lambda key: gains[key])
        found.append(
            f"z_rest holds nothing of what was looked for: the best is {best} = {metrics[best]:.3f}, {gains[best]:.3f} "
            "above a guess"
        )
    swapped, plain = metrics.get("swap.label"), metrics.get("swap.control.label")
    if swapped is not None and plain is not None and swapped < plain / 2:
        found.append(
            f"the decoder ignores z_label: swapped images show the wanted {label} in {_percent(swapped)} of cases, "
            f"plain reconstructions their own in {_percent(plain)}"
        )
    if "swap.rest_r2" in metrics and swapped is None:
        found.append(
            f"nobody read the {label} of what was swapped: the reader takes images and spectrograms only"
        )
    if metrics.get("swap.judge", 1.0) < 0.8:
        found.append(
            f"the reader of swapped images is weak: of real ones it reads {_percent(metrics['swap.judge'])} aright"
        )
    return found


def _gains(metrics: Metrics) -> dict[str, float]:
    """Return by how much z_rest beats a guess at each factor: R², or accuracy less chance."""
    r2 = {
        key: value
        for key, value in metrics.items()
        if key.startswith("rest.r2.") and "given_label" not in key
    }
    named = {
        key: value
        for key, value in metrics.items()
        if key.startswith("rest.factor.") and "chance" not in key
    }
    return r2 | {key: value - (_chance(key, metrics) or 0.0) for key, value in named.items()}


def _worst(metrics: Metrics) -> tuple[str, str]:
    """Return which probe read most, and from what."""
    for part, code in (("mean", "z_rest"), ("sample", "a sample of z_rest")):
        for kind, words in _KINDS.items():
            if metrics.get(f"leakage.{part}.{kind}") == metrics["leakage.max"]:
                return words, code
    raise ValueError(
        f"the metrics hold no probe of the largest leakage, {metrics['leakage.max']}: give all of them"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
