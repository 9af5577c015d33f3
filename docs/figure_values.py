"""Figures from ``docs/results/*.json``: values of all seeds, as text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).resolve().parent / "results"
MISSING = "n/a"


@dataclass(frozen=True)
class Key:
    """Where a figure stands, and how it is written.

    Attributes
    ----------
    result
        Name of the file, without ``.json``.
    metric
        Key of the metric.
    digits
        Number of decimals.
    factor
        Factor that the metric is multiplied by.
    """

    result: str
    metric: str
    digits: int = 3
    factor: float = 1.0

    @classmethod
    def parse(cls, words: list[str]) -> Key:
        """Return the key of ``RESULT METRIC [.DIGITS] [xFACTOR]``."""
        digits, factor = 3, 1.0
        for option in words[2:]:
            if option.startswith("."):
                digits = int(option[1:])
            elif option.startswith("x"):
                factor = float(option[1:])
            else:
                raise ValueError(f"{option!r} is neither .DIGITS nor xFACTOR")
        return cls(words[0], words[1], digits, factor)


@cache
def runs(result: str) -> list[dict[str, Any]]:
    """Return the runs of a result, by seed; none if nothing was measured."""
    file = RESULTS / f"{result}.json"
    return json.loads(file.read_text(encoding="utf-8"))["runs"] if file.exists() else []


def common_seeds(results: Sequence[str]) -> list[int]:
    """Return the seeds that all of these results have, so that rows have equally many runs."""
    seeds = [{run["seed"] for run in runs(result)} for result in results]
    return sorted(set.intersection(*seeds))


def values(
    result: str, metric: str, seeds: Sequence[int] | None = None, *, optional: bool = False
) -> list[float]:
    """Return the metric of some seeds, or of all.

    Raises
    ------
    KeyError
        If the result is there and lacks the metric, unless that is optional.
    """
    found: list[float] = []
    for run in runs(result):
        if seeds is not None and run["seed"] not in seeds:
            continue
        if metric in run["metrics"]:
            found.append(float(run["metrics"][metric]))
        elif not optional:
            raise KeyError(f"{result} has no metric {metric!r}")
    return found


def percent(share: float) -> str:
    """Return a share of 1 in per cent.

    >>> percent(0.0219)
    '2.2 %'
    """
    return f"{100 * share:.1f} %"


def spread(numbers: list[float], digits: int = 3) -> str:
    """Return mean ± standard deviation; one number has none.

    >>> spread([0.25, 0.75], 2), spread([12.0], 0), spread([])
    ('0.50 ± 0.35', '12', 'n/a')
    """
    if not numbers:
        return MISSING
    mean = f"{np.mean(numbers):,.{digits}f}".replace("-", "−")
    return mean if len(numbers) < 2 else f"{mean} ± {np.std(numbers, ddof=1):.{digits}f}"


def figure(key: Key) -> str:
    """Return a figure as text."""
    numbers = [key.factor * value for value in values(key.result, key.metric)]
    return spread(numbers, key.digits)


def source(result: str) -> str:
    """Return one line that says how a result was measured."""
    found = runs(result)
    if not found:
        return "Not measured yet."
    first, machine = found[0], found[0]["machine"]
    parts = [part for run in found for part in run.get("parts", [run])]
    commits = ", ".join(sorted({part["commit"] for part in parts}))
    threads = f"{machine['threads']} thread" + ("s" if machine["threads"] > 1 else "")
    machines = [part["machine"] for part in parts]
    where = " or ".join(dict.fromkeys(m.get("gpu", f"{m['cores']} cores") for m in machines))
    torch = " or ".join(dict.fromkeys(m["torch"] for m in machines))
    commands = "`, then `".join(first["commands"])
    commands = commands.replace("--seed 0", "--seed SEED").replace(" --overwrite", "")
    return f"`{commands}`: {threads}, {where}, PyTorch {torch}, commit {commits}, {first['date']}."


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first of which is the heading, as a Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)
