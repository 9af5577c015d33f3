"""Compare what was read with the facts of an entry."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from wvae.datasets import Dataset

from .entries import Right


def _typed(labels: dict[Any, int]) -> dict[tuple[str, Any], int]:
    """Return labels with their types, as True equals 1."""
    return {(type(label).__name__, label): count for label, count in labels.items()}


def _counts(labels: list[Any]) -> dict[tuple[str, Any], int]:
    return dict(Counter((type(label).__name__, label) for label in labels))


def differences(facts: Right, data: Dataset, log: str) -> list[str]:
    """Return what differs from the facts, an empty list if nothing does."""
    columns = data.schema.columns if data.schema else None
    found = [
        ("shape", (len(data), *data.shape), facts.shape),
        (
            "labels",
            _counts(data.y.tolist()),
            None if facts.labels is None else _typed(facts.labels),
        ),
        ("columns", columns, facts.columns),
        ("kind", data.kind, facts.kind),
        ("factors", sorted(data.factors), None if facts.factors is None else sorted(facts.factors)),
    ]
    if facts.split is not None:
        found.append(("split", dict(Counter(np.asarray(data.split).tolist())), facts.split))
    out = [
        f"{name} is {value}, not {wanted}"
        for name, value, wanted in found
        if wanted is not None and value != wanted
    ]
    for name, values in (facts.factors or {}).items():
        if (
            values is not None
            and name in data.factors
            and data.factors[name].tolist() != list(values)
        ):
            out.append(f"{name} is {data.factors[name].tolist()}, not {list(values)}")
    if facts.first is not None:
        first = np.asarray(data.x[: len(facts.first)], np.float64)
        if not np.allclose(first, np.asarray(facts.first, np.float64), rtol=1e-12):
            out.append(f"x begins with {first.tolist()}")
    out += [f"the log lacks {word!r}" for word in facts.log if word not in log]
    out += [f"the log has {word!r}" for word in facts.silent if word in log]
    return out
