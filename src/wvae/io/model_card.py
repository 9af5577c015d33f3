"""The model card of a shared model: what it was trained on and what was measured, in Markdown.

It is written from the files of the model folder alone, and holds no example and no path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..datasets.catalogue import CATALOGUE
from ..evaluation.leakage import verdict
from .model_folder import SavedModel

TAGS = ("wvae", "variational-autoencoder", "disentanglement", "representation-learning")
# Licences by the names that the Hub knows; the longest that a text begins with counts.
LICENCES = {
    "MIT": "mit",
    "CC0": "cc0-1.0",
    "CC BY 2.0": "cc-by-2.0",
    "CC BY 3.0": "cc-by-3.0",
    "CC BY 4.0": "cc-by-4.0",
    "CC BY-SA 3.0": "cc-by-sa-3.0",
    "CC BY-SA 4.0": "cc-by-sa-4.0",
}
VERDICTS = {
    "clean": "The split is clean: the interval of the best probe ends less than five percentage "
    "points above a constant guess.",
    "not clean": "The split is not clean: z_rest still tells something of the label.",
    "undecided": "There are too few test rows to say whether the split is clean.",
}
MAX_CLASSES = 20  # that the card names


def model_card(
    saved: SavedModel,
    record: Mapping[str, Any],
    measures: Mapping[str, Any] | None,
    address: str = "hf://OWNER/NAME",
) -> str:
    """Return the text of a model card.

    Parameters
    ----------
    saved
        The model.
    record
        The content of its record of training rows; empty if there is none.
    measures
        The content of ``measures.json``, or None if nothing was measured.
    address
        What `wvae.load` takes to load the shared model.

    Examples
    --------
    >>> model_licence("CC BY-SA 3.0; writers: BSD"), model_licence("MIT"), model_licence("")
    ('other', 'mit', 'unknown')
    """
    name = address.rpartition("/")[2]
    label = saved.schema.label if saved.schema is not None else ""
    label = label or str((measures or {}).get("label", "label"))
    sections = [
        _front_matter(name, record, measures),
        f"# {name}",
        _introduction(saved, label),
        "## Data",
        _data(saved, record, label),
        "## Measured",
        _measured(measures, label),
        "## Limits",
        _limits(measures, label),
        "## How to load it",
        _usage(address),
    ]
    return "\n\n".join(sections) + "\n"


def model_licence(text: str) -> str:
    """Return the Hub's identifier of the licence of some data.

    Parameters
    ----------
    text
        The licence as the data set states it. One that the Hub does not know, or a list of
        several, is ``"other"``; none is ``"unknown"``.
    """
    if not text:
        return "unknown"
    return LICENCES.get(text, "other")


def _front_matter(name: str, record: Mapping[str, Any], measures: Mapping[str, Any] | None) -> str:
    """Return the YAML block that the Hub reads; every JSON value is YAML, too."""
    licence = str(record.get("licence", ""))
    fields: dict[str, Any] = {"library_name": "wvae", "license": model_licence(licence)}
    if fields["license"] == "other":
        fields["license_name"] = re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")
    fields["tags"] = list(TAGS)
    figures = (measures or {}).get("figures", {})
    if "sufficiency.predict" in figures:
        fields["metrics"] = ["accuracy"]
        fields["model-index"] = [{"name": name, "results": [_result(figures, measures or {})]}]
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(["---", *lines, "---"])


def _result(figures: Mapping[str, float], measures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of the model index, which the Hub shows beside the card."""
    metrics: list[dict[str, Any]] = [
        {
            "type": "accuracy",
            "name": "label predicted from z_label",
            "value": round(figures["sufficiency.predict"], 4),
        }
    ]
    if "leakage.max" in figures:
        leakage = round(figures["leakage.max"], 4)
        title = "leakage: label predicted from z_rest"
        metrics.append({"type": "leakage", "name": title, "value": leakage})
    data = str(measures.get("data", "data"))
    return {
        "task": {"type": "other", "name": "separation of a label from the rest"},
        "dataset": {"type": re.sub(r"[^\w.-]+", "-", data), "name": data},
        "metrics": metrics,
    }


def _introduction(saved: SavedModel, label: str) -> str:
    """Return what the model is."""
    config = saved.config
    return (
        f"A variational autoencoder with a split bottleneck, trained with "
        f"[wvae](https://github.com/wvae/wvae). `z_label` ({config.d_label} dimensions) holds "
        f"what the {label} explains, and `z_rest` ({config.d_rest} dimensions) all the rest. The "
        "folder holds weights (safetensors) and JSON, and no code."
    )


def _data(saved: SavedModel, record: Mapping[str, Any], label: str) -> str:
    """Return what the model was trained on."""
    data, classes = str(record.get("data", "")), saved.classes.tolist()
    shown = ", ".join(str(name) for name in classes[:MAX_CLASSES])
    more = f" and {len(classes) - MAX_CLASSES} more" if len(classes) > MAX_CLASSES else ""
    lines: list[str] = []
    if data:
        about = f": {CATALOGUE[data].summary}" if data in CATALOGUE else ""
        lines.append(f"- data: {data}{about}")
    rows = f", {record['examples']:,} for training" if "examples" in record else ""
    shape = " × ".join(map(str, saved.shape))
    lines.append(f"- examples: {saved.config.kind}, {shape}{rows}")
    lines.append(f"- label: {label}, {len(classes)} values: {shown}{more}")
    lines.append(f"- licence of the data: {record.get('licence') or 'not stated'}")
    lines.append(f"- training: {saved.epochs} epochs, seed {saved.config.random_state}")
    return "\n".join(lines)


def _measured(measures: Mapping[str, Any] | None, label: str) -> str:
    """Return the table of figures, each beside what it is to be compared with."""
    if not measures or not measures.get("figures"):
        return (
            "Nothing was measured. `wvae measure MODEL DATA` measures the model and keeps the "
            "figures in its folder; the next export writes them here."
        )
    figures: Mapping[str, float] = measures["figures"]
    rows = [*_rows_of_label(figures, label), *_rows_of_swaps(figures, label)]
    rows += _rows_of_factors(figures)
    table = ["| | figure | compare with |", "|---|---|---|"]
    for title, key, comparison in rows:
        if key in figures:
            table.append(f"| {title} | {figures[key]:.3f} | {comparison} |")
    return "\n".join([_protocol(measures), "", *table])


def _protocol(measures: Mapping[str, Any]) -> str:
    """Return which rows the figures are of."""
    counts = measures.get("rows", {})
    tested = f"{counts['test']:,} test rows" if "test" in counts else "test rows"
    data = f" of {measures['data']}" if measures.get("data") else ""
    split = f" ({measures['split']})" if measures.get("split") else ""
    seed = f", seed {measures['seed']}" if "seed" in measures else ""
    unseen = "" if measures.get("warning") else ", which the model has not seen"
    return (
        f"By `wvae measure` on {tested}{data}{split}{seed}{unseen}. Probes and classifiers are "
        "trained afresh, on training rows."
    )


def _rows_of_label(figures: Mapping[str, float], label: str) -> list[tuple[str, str, str]]:
    """Return title, key and comparison of the figures of the two codes."""
    chance = figures.get("leakage.majority")
    guess = "" if chance is None else f"a constant guess {chance:.3f}"
    interval = ""
    if "leakage.low" in figures:
        interval = f"; 95 % interval {figures['leakage.low']:.3f}–{figures['leakage.high']:.3f}"
    control = f"must be high; {guess}" if guess else "must be high"
    return [
        (f"leakage: {label} from z_rest, best probe", "leakage.max", f"{guess}{interval}"),
        (f"{label} from z_label, linear probe", "leakage.positive_control", control),
        (f"{label} predicted by the model", "sufficiency.predict", guess),
    ]


def _rows_of_swaps(figures: Mapping[str, float], label: str) -> list[tuple[str, str, str]]:
    """Return title, key and comparison of the figures of swapped examples."""
    judge = figures.get("swap.judge")
    real = "" if judge is None else f"the same classifier on real examples {judge:.3f}"
    return [
        (f"swaps that show the wanted {label}, by a classifier", "swap.label", real),
        ("z_rest of swaps when encoded again, R²", "swap.rest_r2", "1 is perfect"),
    ]


def _rows_of_factors(figures: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """Return title, key and comparison of the clusters of z_rest beside known factors."""
    rows: list[tuple[str, str, str]] = []
    for key in figures:
        if not (key.startswith("clusters.") and key.endswith(".z_rest")):
            continue
        stem = key.removesuffix(".z_rest")
        factor = stem.removeprefix("clusters.")
        others = {"relative": "of the data without a network", "features": "of style features"}
        known = [
            f"{others[n]} {figures[f'{stem}.{n}']:.3f}" for n in others if f"{stem}.{n}" in figures
        ]
        rows.append((f"clusters of z_rest beside the {factor}, AMI", key, ", ".join(known)))
    return rows


def _limits(measures: Mapping[str, Any] | None, label: str) -> str:
    """Return what a reader must not expect."""
    lines = [
        "- The figures are of one model, one seed and one data set."
        if measures
        else "- It is not known how clean the split is.",
        "- The codes are only meaningful for examples like those it was trained on.",
        f"- Whatever correlates with the {label} in the data counts as the {label}.",
    ]
    figures = (measures or {}).get("figures", {})
    if "leakage.low" in figures:
        lines.insert(0, f"- {VERDICTS[verdict(figures)]}")
    doubt = (measures or {}).get("warning")
    if doubt:
        lines.insert(0, f"- {doubt[0].upper()}{doubt[1:]}.")
    return "\n".join(lines)


def _usage(address: str) -> str:
    """Return how to load the model."""
    extra = "[hub]" if address.startswith("hf://") else ""
    return f"""```bash
pip install 'wvae{extra}'
```

```python
import wvae

model = wvae.load("{address}")
z_label, z_rest = model.encode(X)
swapped = model.swap(X_label, X_rest)  # the label of one example in the style of another
```"""
