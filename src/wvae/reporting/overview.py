"""What a report says first: three sentences, the leakage with its interval, and every doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..evaluation.baselines import FEATURES
from .summary import Verdict, unbroken, verdict_of
from .tables import Metrics, Settings, with_prefix

TITLES_OF_MODELS = {
    "writers": "The writers' model, first trial",
    "plane": "The plane's model",
}


@dataclass(frozen=True)
class Overview:
    """The first section of a report."""

    sentences: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


def of_experiments(settings: Settings, metrics: Metrics) -> Overview:
    """Return the first section of the report on the article's experiments.

    Parameters
    ----------
    settings, metrics
        The contents of the run's ``config.json`` and ``metrics.json``.
    """
    label, name = settings["data"]["label_name"], settings["data"]["name"]
    verdicts: list[Verdict] = []
    main: dict[str, float] = {}
    for experiment, title in TITLES_OF_MODELS.items():
        values = with_prefix(f"{experiment}.measure.", metrics)
        if values:
            main = main or values
            verdicts.append(verdict_of(title, values, label))
    subject = "The models were" if len(verdicts) > 1 else "The model was"
    sentences = [
        f"{subject} trained on {name} with the {label} as the only label: z_label should "
        f"contain the {label}, and z_rest everything else."
    ]
    if main:
        sentences.append(_use_of_z_label(main, label))
    if "writers.trials" in metrics:
        sentences.append(_clusters(metrics))
    elif "plane.judge" in metrics:
        sentences.append(
            f"In the decoded plane, {_percent(metrics['plane.judge'])} of the images at the "
            f"centres of the {label}s show this {label}."
        )
    return Overview(tuple(map(unbroken, sentences)), tuple(verdicts))


def of_data_sets(data_sets: Sequence[dict[str, Any]]) -> Overview:
    """Return the first section of the report on several data sets.

    Parameters
    ----------
    data_sets
        For each data set its ``name``, ``label``, ``factor``, and ``metrics`` without prefix.
    """
    count = len(data_sets)
    whose = "This model was" if count == 1 else f"These {count} models were"
    verdicts: list[Verdict] = []
    labels: list[str] = []
    factors: list[str] = []
    for data_set in data_sets:
        name, values, factor = data_set["name"], data_set["metrics"], data_set["factor"]
        verdicts.append(verdict_of(name, values, data_set["label"]))
        control = values["leakage.positive_control"]
        labels.append(f"{data_set['label']} {_percent(control)} ({name})")
        ami = values.get("clusters.z_rest.ami")
        if ami is not None:
            factors.append(f"{factor} {ami:.2f} ({name})")
    sentences = [
        f"{whose} trained with one label only: z_label should contain the label, and z_rest "
        "everything else.",
        f"A probe predicts the label of test examples from z_label: {', '.join(labels)}.",
    ]
    if factors:
        sentences.append(
            "Clusters of z_rest agree with the hidden factor, as AMI (0 is chance, 1 perfect): "
            f"{', '.join(factors)}."
        )
    return Overview(tuple(map(unbroken, sentences)), tuple(verdicts))


def _use_of_z_label(metrics: dict[str, float], label: str) -> str:
    control = _percent(metrics["leakage.positive_control"])
    sentence = f"From z_label, a probe predicts the {label} of {control} of the test examples"
    if "swap.label" in metrics:
        sentence += f", and {_percent(metrics['swap.label'])} of the swaps show the wanted {label}"
        if "swap.control.label" in metrics:
            plain = _percent(metrics["swap.control.label"])
            sentence += f" (plain reconstructions: {plain})"
    return f"{sentence}."


def _clusters(metrics: Metrics) -> str:
    """Return how clusters of z_rest compare with those without the model, and with the ceiling."""
    compared: list[str] = []
    for row, title in (
        ("raw.kmeans", "raw pixels"),
        (f"{FEATURES}.kmeans", "style features without learning"),
        ("ceiling", "a network that is given the writers"),
    ):
        mean = metrics.get(f"writers.{row}.ami.mean")
        if mean is not None:
            compared.append(f"{title} {mean:.2f}")
    mean, sd = (metrics[f"writers.z_rest.kmeans.ami.{part}"] for part in ("mean", "sd"))
    trials = int(metrics["writers.trials"] or 0)
    spread = "" if sd is None else f" ± {sd:.2f}"
    return (
        f"Clusters of z_rest agree with the writers, whom the model was not given, with an AMI of "
        f"{mean:.2f}{spread} ({trials} trial{'s' if trials != 1 else ''}; 0 is chance, 1 perfect); "
        f"for comparison: {', '.join(compared)}."
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
