"""The rows of the report's tables, and the figures of the article."""

from __future__ import annotations

from typing import Any

from ..evaluation.baselines import FEATURES, RELATIVE, TITLES
from .summary import verdict_of

Settings = dict[str, Any]
Metrics = dict[str, float | None]

# The figures that the article's notebook printed for EMNIST Digits: 240,000 training images, one
# dimension for each code.
ARTICLE_PLANE = {
    "classifier": {"loss": 236.9, "reconstruction": 194.1, "classification": 33.8},
    "covariance": {"loss": 229.8, "reconstruction": 195.4, "classification": 24.4},
    "plain": {"loss": 199.5, "reconstruction": 192.3},
}
# The article's best row for a hundred EMNIST writers: K-Means on z_rest.
ARTICLE_WRITERS = {"purity": 0.1971, "ari": 0.0275, "ami": 0.0736}
# Real handwritten digits: the article's figures stand beside those of no other data.
COMPARABLE = ("emnist", "mnist")

_PLANE_TERMS = (
    "loss",
    "reconstruction",
    "kl_label",
    "kl_rest",
    "style",
    "classification",
    "separation",
    "accuracy",
)
# What was clustered, by which method, and the name in the metrics.
_WRITER_ROWS = (
    ("raw pixels", "K-Means", "raw.kmeans"),
    ("raw pixels", "GMM", "raw.gmm"),
    (TITLES[RELATIVE], "K-Means", f"{RELATIVE}.kmeans"),
    (TITLES[RELATIVE], "GMM", f"{RELATIVE}.gmm"),
    (TITLES[FEATURES], "K-Means", f"{FEATURES}.kmeans"),
    (TITLES[FEATURES], "GMM", f"{FEATURES}.gmm"),
    ("z_rest", "K-Means", "z_rest.kmeans"),
    ("z_rest", "GMM", "z_rest.gmm"),
    ("z_label", "K-Means", "z_label.kmeans"),
    ("z_label", "GMM", "z_label.gmm"),
    ("random assignment", "", "random"),
    ("network trained with writer labels", "", "ceiling"),
)
_CONTROL = "leakage.positive_control"
_PROBE_ROWS = {
    "leakage.mean.logistic": "logistic regression",
    "leakage.mean.mlp": "MLP, 2 × 256 units",
    "leakage.mean.knn": "k-NN",
    _CONTROL: "positive control: logistic regression on z_label",
}
_SWAP_ROWS = {
    "swap.label": "swapped images that show the wanted {label}",
    "swap.control.label": "for comparison: plain reconstructions that show their own {label}",
    "swap.judge": "accuracy of the classifier on real test images",
    "swap.frechet": "distance of swapped images to real ones, in the features of the judge",
    "swap.frechet.reconstruction": "for comparison: of plain reconstructions",
    "swap.frechet.real": "for comparison: of real test images",
    "swap.rest_r2": "z_rest recovered by encoding the swapped images again, R²",
}
_BASELINE = "baseline.pca."
# Description, name in the metrics, and name of the chance level.
_DATA_SET_ROWS = (
    ("label predicted from z_label", "sufficiency.max", "sufficiency.majority"),
    (
        "leakage: label predicted from z_rest, should be at chance",
        "leakage.max",
        "leakage.majority",
    ),
    (
        "hidden factor predicted from z_rest",
        "rest.factor.{factor}.accuracy",
        "rest.factor.{factor}.chance",
    ),
    (
        "hidden factor new to training: learnt from half of the labels, predicted for the others",
        "rest.factor.{factor}.new.accuracy",
        "rest.factor.{factor}.new.chance",
    ),
    (
        "the same for principal components of pixels centred per label",
        _BASELINE + "new.accuracy",
        "",
    ),
    (
        "two examples with different labels: same hidden factor or not? accuracy",
        "retrieval.pairs.accuracy",
        "retrieval.pairs.chance",
    ),
    ("the same for pixels centred per label", "baseline.centred.pairs.accuracy", ""),
    ("the same for principal components of these", _BASELINE + "pairs.accuracy", ""),
    (
        "hidden factor new to training, found from one example",
        "retrieval.top1.1",
        "retrieval.chance",
    ),
    ("the same for pixels centred per label", "baseline.centred.top1.1", ""),
    (
        "hidden factor new to training, found from ten examples",
        "retrieval.top1.10",
        "retrieval.chance",
    ),
    ("the same for pixels centred per label", "baseline.centred.top1.10", ""),
    ("hidden factor in z_label beyond the label, should be 0", "sufficiency.leak.{factor}", ""),
    ("clusters of z_rest compared with the hidden factor, AMI", "clusters.z_rest.ami", ""),
    (f"the same for {TITLES[RELATIVE]}", f"clusters.{{factor}}.{RELATIVE}", ""),
    (f"the same for {TITLES[FEATURES]}", f"clusters.{{factor}}.{FEATURES}", ""),
    ("the same for clusters of the raw examples", "clusters.raw.ami", ""),
    ("the same for clusters of z_label", "clusters.z_label.ami", ""),
    ("swapped examples that show the wanted label", "swap.label", ""),
    ("swapped examples that keep their hidden factor", "swap.factor", "swap.factor.chance"),
)


def is_comparable(settings: Settings) -> bool:
    """Return whether the article's figures may stand beside those of a run: of real digits.

    >>> is_comparable({"data": {"name": "mnist"}}), is_comparable({"data": {"name": "handwriting"}})
    (True, False)
    """
    return settings["data"]["name"] in COMPARABLE


def data_set_rows(data_sets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the table that compares data sets.

    Each has a ``description``, ``values``, one pair of figure and chance level for every data set,
    and ``has_chance``, whether any chance level is known.
    """
    rows: list[dict[str, Any]] = []
    for description, key, chance_key in _DATA_SET_ROWS:
        values: list[tuple[float | None, float | None]] = []
        for data_set in data_sets:
            metrics, factor = data_set["metrics"], data_set["factor"]
            chance = metrics.get(chance_key.format(factor=factor))
            values.append((metrics.get(key.format(factor=factor)), chance))
        if any(value is not None for value, _ in values):
            has_chance = any(chance is not None for _, chance in values)
            rows.append({"description": description, "values": values, "has_chance": has_chance})
    return rows


def plane_rows(settings: Settings, metrics: Metrics) -> list[dict[str, Any]]:
    """Return the rows of Experiment I's table: ``term``, ``value`` and the ``article``'s value.

    The article's values are None unless the backbone is its own and the data are real digits.
    """
    config = settings["config"]
    reference: dict[str, float] = {}
    if config["backbone"] == "article" and is_comparable(settings):
        variant = config["separation"] if config["classifier_weight"] else "plain"
        reference = ARTICLE_PLANE["classifier" if variant == "none" else variant]
    rows: list[dict[str, Any]] = []
    for term in _PLANE_TERMS:
        key = f"plane.test.{term}"
        if key in metrics:
            rows.append({"term": term, "value": metrics[key], "article": reference.get(term)})
    return rows


def writer_rows(metrics: Metrics) -> list[dict[str, Any]]:
    """Return the rows of Experiment II's table; every score is a pair of mean and sd.

    Each row has ``space``, what was clustered; ``method``; ``scores``, the purity, ARI and AMI;
    ``paired``, the AMI less that of K-Means on raw pixels; and ``label``, the AMI with the label.
    Rows that the run does not have are left out, such as style features of the article's model.
    """
    if "writers.trials" not in metrics:
        return []

    def mean_and_sd(name: str) -> tuple[float | None, float | None]:
        return metrics.get(f"writers.{name}.mean"), metrics.get(f"writers.{name}.sd")

    rows: list[dict[str, Any]] = []
    for space, method, name in _WRITER_ROWS:
        if f"writers.{name}.ami.mean" not in metrics:
            continue
        scores = [mean_and_sd(f"{name}.{score}") for score in ("purity", "ari", "ami")]
        rows.append(
            {
                "space": space,
                "method": method,
                "scores": scores,
                "paired": mean_and_sd(f"paired.{name}.ami"),
                "label": mean_and_sd(f"{name}.label_ami"),
            }
        )
    return rows


def gains_of_z_rest(metrics: Metrics) -> list[dict[str, Any]]:
    """Return how far K-Means on z_rest is above its baselines in AMI, within each trial.

    Each row has ``baseline``, its title, and ``difference``, a pair of mean and sd.
    """
    gains: list[dict[str, Any]] = []
    for baseline in (RELATIVE, FEATURES):
        name = f"writers.above.{baseline}.kmeans.ami"
        if f"{name}.mean" in metrics:
            difference = metrics[f"{name}.mean"], metrics[f"{name}.sd"]
            gains.append({"baseline": TITLES[baseline], "difference": difference})
    return gains


def panel_values(experiment: str, settings: Settings, metrics: Metrics) -> dict[str, Any]:
    """Return what the panels on leakage and swapping show, or nothing if it was not measured.

    Parameters
    ----------
    experiment
        ``"plane"`` or ``"writers"``.
    settings, metrics
        As for `write_report`.

    Returns
    -------
    dict
        ``verdict``, see `verdict_of`; ``probes``, rows of ``name``, ``accuracy`` and
        ``is_control``; ``interval`` of the largest accuracy; ``chance``; ``information`` in nats;
        ``swap``, pairs of description and score.
    """
    values = with_prefix(f"{experiment}.measure.", metrics)
    if not values:
        return {}
    label = settings["data"]["label_name"]
    probes: list[dict[str, Any]] = []
    for key, name in _PROBE_ROWS.items():
        if key in values:
            is_control = key == _CONTROL
            probes.append({"name": name, "accuracy": values[key], "is_control": is_control})
    swap: list[tuple[str, float]] = []
    for key, description in _SWAP_ROWS.items():
        if key in values:
            swap.append((description.format(label=label), values[key]))
    return {
        "verdict": verdict_of("", values, label),
        "probes": probes,
        "interval": (values["leakage.low"], values["leakage.high"]),
        "chance": {"majority": values["leakage.majority"], "null": values["leakage.null"]},
        "information": (values["leakage.information.lower"], values["leakage.information.upper"]),
        "swap": swap,
    }


def with_prefix(prefix: str, metrics: Metrics) -> dict[str, float]:
    """Return the metrics whose names begin with a prefix, without it; None is left out."""
    values: dict[str, float] = {}
    for key, value in metrics.items():
        if key.startswith(prefix) and value is not None:
            values[key.removeprefix(prefix)] = value
    return values
