"""The figures of a measurement, kept in the model folder with what they were measured on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..datasets import Dataset
from ..datasets.holdout import holdout_mask
from ..datasets.messages import Log, one_line
from ..io.files import write_json
from ..io.model_folder import MEASURES_FILE

UNKNOWN_ROWS = (
    "some test rows may be rows that the model was trained on, so the figures may be too good"
)


def measures_record(
    data: Dataset, figures: Mapping[str, float], seed: int, *, doubtful: bool = False
) -> dict[str, Any]:
    """Return figures with what they were measured on, as ``measures.json`` holds them.

    Parameters
    ----------
    data
        The data. Neither examples nor paths are kept of them.
    figures
        The result of `wvae.workflows.measure.measure`.
    seed
        Its seed.
    doubtful
        Whether the model may have been trained on test rows.

    Examples
    --------
    >>> from wvae.datasets import load
    >>> measures_record(load("digits8x8"), {"leakage.max": 0.1}, seed=0)["rows"]
    {'train': 1621, 'test': 176}
    """
    is_test = holdout_mask(data, seed)
    labelled = data.labelled
    own = "the data's own split"
    record: dict[str, Any] = {
        "data": data.name,
        "licence": data.licence,
        "label": data.label_name,
        "rows": {
            "train": int((labelled & ~is_test).sum()),
            # Of very many rows, only some are measured.
            "test": int(figures.get("leakage.rows", (labelled & is_test).sum())),
        },
        "split": own if data.split is not None else "a random tenth of every label",
        "seed": seed,
        "figures": dict(figures),
    }
    if doubtful:
        record["warning"] = UNKNOWN_ROWS
    return record


def keep_measures(
    folder: Path,
    data: Dataset,
    figures: Mapping[str, float],
    seed: int,
    *,
    doubtful: bool = False,
    log: Log,
) -> None:
    """Write ``measures.json`` into a model folder; it replaces that of an earlier measurement.

    Parameters
    ----------
    folder
        The model folder.
    data, figures, seed, doubtful
        As in `measures_record`.
    log
        Receives a line if the folder cannot be written to: the figures have been printed already.
    """
    record = measures_record(data, figures, seed, doubtful=doubtful)
    try:
        write_json(folder / MEASURES_FILE, record)
    except OSError as error:
        log(f"the figures are not kept for a model card: {one_line(error)}")
