"""The tables of README and documentation, from ``docs/results/*.json``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from figure_values import Key, figure, paired, runs, source, spread, values

SCORES = ("purity", "ari", "ami")
DATA = ("handwriting", "mnist")
DOMAINS = {
    "handwriting": ("`handwriting` / writer", "writer"),
    "fsdd": ("`fsdd` / speaker", "speaker"),
    "scenes": ("`scenes` / background", "background"),
}


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first of which is the heading, as a Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)


def readme_writers(words: Sequence[str] | None = None) -> str:
    """Return the AMI of clusters with the writers, one column for each data set."""
    raw, article, best, ceiling = words or (
        "raw pixels",
        "z_rest, preset `article` (the notebook's model)",
        "**z_rest, preset `best`**",
        "*network trained with writer labels*",
    )
    heading = ["clusters of", *(f"`{data}`" for data in DATA)]
    places = {
        raw: ("best", "raw.kmeans"),
        article: ("article", "z_rest.kmeans"),
        best: ("best", "z_rest.kmeans"),
        ceiling: ("best", "ceiling"),
    }
    rows = [heading]
    for title, (preset, space) in places.items():
        numbers = [figure(Key(f"writers-{data}-{preset}", f"{space}.ami")) for data in DATA]
        rows.append([title, *numbers])
    return markdown(rows)


def readme_domains(words: Sequence[str] | None = None) -> str:
    """Return four figures of each domain."""
    label, factor, leakage, swap, chance = words or (
        "label from z_label, accuracy",
        "hidden factor from z_rest, accuracy",
        "label from z_rest, accuracy of the strongest of four probes",
        "swapped examples whose label an independent judge confirms",
        "chance",
    )
    rows = [["", *(title for title, _ in DOMAINS.values())]]
    rows.append([label, *(_domain(data, "sufficiency.predict") for data in DOMAINS)])
    of_factor: list[str] = []
    for data, (_, name) in DOMAINS.items():
        guess = _domain(data, f"rest.factor.{name}.majority", 2).split(" ±")[0]
        of_factor.append(f"{_domain(data, f'rest.factor.{name}.max')} ({chance} {guess})")
    rows.append([factor, *of_factor])
    of_label: list[str] = []
    for data in DOMAINS:
        guess = _domain(data, "leakage.majority", 2).split(" ±")[0]
        of_label.append(f"{_domain(data, 'leakage.max')} ({chance} {guess})")
    rows.append([leakage, *of_label])
    rows.append([swap, *(_domain(data, "swap.label") for data in DOMAINS)])
    return markdown(rows)


def _domain(data: str, metric: str, digits: int = 3) -> str:
    return figure(Key(f"domain-{data}", metric, digits))


TABLES: dict[str, Callable[[], str]] = {
    "readme-writers": readme_writers,
    "readme-domains": readme_domains,
}
__all__ = ["TABLES", "markdown", "paired", "runs", "source", "spread", "values"]
