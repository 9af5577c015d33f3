"""A run folder becomes one page: report.html, with the pictures inside, to be opened without a network."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ..evaluation.clustering import GMM_FLOOR
from ..io.files import atomic
from .summary import verdict

# The figures that the article's notebook printed for EMNIST Digits, 240,000 training images, one dimension each.
ARTICLE_PLANE = {
    "classifier": {"loss": 236.9, "reconstruction": 194.1, "classification": 33.8},
    "covariance": {"loss": 229.8, "reconstruction": 195.4, "classification": 24.4},
    "plain": {"loss": 199.5, "reconstruction": 192.3},
}
# The article's best row for a hundred EMNIST writers: K-Means on z_rest.
ARTICLE_WRITERS = {"purity": 0.1971, "ari": 0.0275, "ami": 0.0736}

_TABLE = (
    ("raw pixels", "K-Means", "raw.kmeans"),
    ("raw pixels", "GMM", "raw.gmm"),
    ("z_rest", "K-Means", "z_rest.kmeans"),
    ("z_rest", "GMM", "z_rest.gmm"),
    ("z_label", "K-Means", "z_label.kmeans"),
    ("z_label", "GMM", "z_label.gmm"),
    ("random assignment", "", "random"),
    ("network trained with writer labels", "", "ceiling"),
)

_PROBES = {
    "leakage.mean.logistic": "logistic regression",
    "leakage.mean.mlp": "network, 2 × 256",
    "leakage.mean.knn": "nearest neighbours",
    "leakage.positive_control": "the control: logistic regression on z_label",
}
_SWAP = {
    "swap.label": "swapped images that show the wanted {label}",
    "swap.control.label": "the control: plain reconstructions that show their own {label}",
    "swap.judge": "real test images whose {label} the reader names",
    "swap.rest_r2": "share of z_rest's variance found again when swapped images are encoded, R²",
}

# Words, key of the figure, key of what a guess would give.
_WORLDS = (
    ("label read from z_label", "sufficiency.max", "sufficiency.majority"),
    ("label read from z_rest: leakage, should be chance", "leakage.max", "leakage.majority"),
    (
        "hidden factor read from z_rest",
        "rest.factor.{factor}.accuracy",
        "rest.factor.{factor}.chance",
    ),
    ("hidden factor in z_label beyond the label, should be 0", "sufficiency.leak.{factor}", ""),
    ("clusters of z_rest against the hidden factor, AMI", "clusters.z_rest.ami", ""),
    ("the same of the raw examples", "clusters.raw.ami", ""),
    ("the same of z_label", "clusters.z_label.ami", ""),
    ("swapped examples that show the wanted label", "swap.label", ""),
    ("swapped examples that keep their hidden factor", "swap.factor", "swap.factor.chance"),
)


def write_report(folder: Path, settings: dict[str, Any], metrics: dict[str, float | None]) -> Path:
    """Write ``report.html`` into a run folder from its settings, metrics and figures, and return its path.

    Every number on the page is read from `metrics`.
    """
    return _render(
        folder,
        "report.html.j2",
        settings=settings,
        metrics=metrics,
        plane=plane_rows(settings, metrics),
        writers=writer_rows(metrics),
        measured={name: measured(name, settings, metrics) for name in ("plane", "writers")},
        article_writers=ARTICLE_WRITERS,
        gmm_floor=GMM_FLOOR,
    )


def write_worlds(
    folder: Path,
    settings: dict[str, Any],
    metrics: dict[str, float | None],
    factors: dict[str, str],
) -> Path:
    """Write ``report.html`` of several data sets into a run folder, and return its path.

    ``factors`` is the hidden factor of each data set, by its name. Every number on the page is read from `metrics`,
    and ``sounds/<data set>/<group>-<place>-<what it is>.wav`` are on it, to be played.
    """
    worlds: list[dict[str, Any]] = []
    for data in settings["data"]:
        name = data["name"]
        found = {
            k.removeprefix(f"{name}."): v for k, v in metrics.items() if k.startswith(f"{name}.")
        }
        said = verdict({k: v for k, v in found.items() if v is not None}, data["label_name"])
        worlds.append(
            {
                "name": name,
                "data": data,
                "label": data["label_name"],
                "factor": factors[name],
                "found": found,
                "verdict": [sentence[0].upper() + sentence[1:] for sentence in said],
                "sounds": _sounds(folder / "sounds" / name),
            }
        )
    return _render(
        folder,
        "worlds.html.j2",
        settings=settings,
        metrics=metrics,
        worlds=worlds,
        rows=world_rows(worlds),
    )


def world_rows(worlds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the table of worlds: words, and for each world the figure and what a guess would give."""
    rows: list[dict[str, Any]] = []
    for words, key, chance in _WORLDS:
        keys = [
            (key.format(factor=w["factor"]), chance.format(factor=w["factor"]), w["found"])
            for w in worlds
        ]
        values = [(found.get(k), found.get(c) if c else None) for k, c, found in keys]
        if any(value is not None for value, _ in values):
            rows.append(
                {"words": words, "values": values, "chance": any(c is not None for _, c in values)}
            )
    return rows


def _sounds(folder: Path) -> list[list[tuple[str, str]]]:
    """Return the groups of sounds in a folder, of each what it is and the file in base64."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(folder.glob("*.wav")):
        group, _, name = path.stem.split("-", 2)
        groups.setdefault(group, []).append((name, base64.b64encode(path.read_bytes()).decode()))
    return list(groups.values())


def _render(folder: Path, template: str, **values: Any) -> Path:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("wvae.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    pictures = {
        p.stem: base64.b64encode(p.read_bytes()).decode()
        for p in (folder / "figures").glob("*.png")
    }
    page = environment.get_template(template).render(pictures=pictures, **values)
    path = folder / "report.html"
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def plane_rows(settings: dict[str, Any], metrics: dict[str, float | None]) -> list[dict[str, Any]]:
    """Return the rows of Experiment I's table: term, ours, and the notebook's where the objective is its own."""
    config = settings["config"]
    variant = "plain" if not config["classifier_weight"] else config["separation"]
    reference = (
        ARTICLE_PLANE[{"none": "classifier"}.get(variant, variant)]
        if config["backbone"] == "article"
        else {}
    )
    terms = (
        "loss",
        "reconstruction",
        "kl_label",
        "kl_rest",
        "style",
        "classification",
        "separation",
        "accuracy",
    )
    return [
        {"term": term, "ours": metrics[f"plane.test.{term}"], "article": reference.get(term)}
        for term in terms
        if f"plane.test.{term}" in metrics
    ]


def writer_rows(metrics: dict[str, float | None]) -> list[dict[str, Any]]:
    """Return the rows of Experiment II's table: each score as (mean, sd), and the paired difference in AMI."""
    if "writers.trials" not in metrics:
        return []

    def pair(name: str) -> tuple[float | None, float | None]:
        return metrics.get(f"writers.{name}.mean"), metrics.get(f"writers.{name}.sd")

    return [
        {
            "space": space,
            "method": method,
            "scores": [pair(f"{row}.{score}") for score in ("purity", "ari", "ami")],
            "paired": pair(f"paired.{row}.ami"),
            "label": pair(f"{row}.label_ami"),
        }
        for space, method, row in _TABLE
    ]


def measured(
    name: str, settings: dict[str, Any], metrics: dict[str, float | None]
) -> dict[str, Any]:
    """Return what the panels on leakage and swapping say of one experiment's model; nothing if it was not measured.

    ``verdict``, sentences; ``probes``, rows of probe, accuracy and whether it is the control; ``interval`` of the
    largest; ``chance``; ``information``, nats; ``swap``, rows of words and score.
    """
    prefix = f"{name}.measure."
    found = {
        k.removeprefix(prefix): v
        for k, v in metrics.items()
        if k.startswith(prefix) and v is not None
    }
    if not found:
        return {}
    label = settings["data"]["label_name"]
    first, *doubts = verdict(found, label)
    probes = [
        {"name": words, "accuracy": found[key], "control": key == "leakage.positive_control"}
        for key, words in _PROBES.items()
        if key in found
    ]
    return {
        "verdict": [first[0].upper() + first[1:], *doubts],
        "probes": probes,
        "interval": (found["leakage.low"], found["leakage.high"]),
        "chance": {"majority": found["leakage.majority"], "null": found["leakage.null"]},
        "information": (found["leakage.information.lower"], found["leakage.information.upper"]),
        "swap": [
            (words.format(label=label), found[key]) for key, words in _SWAP.items() if key in found
        ],
    }
