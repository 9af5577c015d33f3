"""What both experiments do alike: train into a run folder, and write the codes down."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..config import Config
from ..datasets import Dataset
from ..estimator import WVAE
from ..storage import atomic
from ..training import write_history
from .run import Run


def fit_in_run(
    run: Run, name: str, config: Config, train: Dataset, test: Dataset | None = None, *, keep: bool = True
) -> WVAE:
    """Train with a progress bar and checkpoints; with `keep`, write the model folder ``<run>/<name>``."""
    with run.progress.task(f"training {name}", config.epochs) as advance:
        model = WVAE(**asdict(config)).fit(
            train.x,
            train.y,
            test=None if test is None else (test.x, test.y),
            checkpoint=run.stages / name,
            on_epoch=lambda row: advance(int(row["epoch"])),
        )
    if keep:
        model.save(run.folder / name)
        write_history(run.folder / name / "history.jsonl", model.history_)
    return model


def write_codes(path: Path, model: WVAE, data: Dataset) -> None:
    """Write both codes of every example with its label, split and factors as Parquet."""
    import pyarrow as pa
    from pyarrow import parquet

    codes = dict(zip(("z_label", "z_rest"), model.encode(data.x), strict=True))
    columns = {f"{name}{i}": z[:, i] for name, z in codes.items() for i in range(z.shape[1])}
    columns |= {data.label_name: data.y, **data.factors}
    if data.split is not None:
        columns["split"] = data.split
    with atomic(path) as temporary:
        parquet.write_table(pa.table({name: np.asarray(values) for name, values in columns.items()}), temporary)
