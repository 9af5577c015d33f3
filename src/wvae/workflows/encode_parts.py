"""A folder of codes in parts: one Parquet file per block of rows, named after its first row.

The folder grows as ``<out>.partial``. The names tell which blocks are missing, so an interrupted
encoding can be resumed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.messages import one_line, preview
from ..datasets.temporaries import remove_temporaries
from ..io.files import check_replaceable, replace_folder, write_json
from ..training.examples import EVALUATION_BATCH, batches
from .run_folder import RunError

# Readers of Parquet folders skip names that start with _.
SETTINGS_FILE, CENTRES_FILE = "_encoding.json", "_centres.npy"
MIN_PARTS = 32  # so that all nodes have work
MAX_PART_ROWS = 50_000  # so that a part fits in memory
REPAIR = "delete it and repeat the command, which then encodes these rows again"


def part_rows(n: int) -> int:
    """Return the number of rows of a part, whole batches of the encoder.

    It depends on n alone, so any cluster can resume the encoding.

    Examples
    --------
    >>> part_rows(1797), part_rows(60_000), part_rows(10**9)
    (1000, 2000, 50000)
    """
    batches_per_part = -(-n // (MIN_PARTS * EVALUATION_BATCH))
    return min(MAX_PART_ROWS, EVALUATION_BATCH * batches_per_part)


def part_name(start: int) -> str:
    """Return the name of the part that starts at this row; names sort in the order of rows.

    Examples
    --------
    >>> part_name(2000)
    'part-000000002000.parquet'
    """
    return f"part-{start:012}.parquet"


def missing_parts(folder: Path, n: int, size: int) -> list[slice]:
    """Return the blocks of n rows, `size` rows each, that have no file yet."""
    return [rows for rows in batches(n, size) if not (folder / part_name(rows.start)).exists()]


def check_parts(folder: Path, n: int, size: int) -> int:
    """Return the number of parts after checking that they hold each of n rows exactly once.

    Parameters
    ----------
    folder
        The folder of the parts.
    n
        Number of rows in all.
    size
        Rows of a part.

    Raises
    ------
    ValueError
        If parts are missing, damaged, or hold other rows.
    """
    missing = [f"{rows.start:,}–{rows.stop - 1:,}" for rows in missing_parts(folder, n, size)]
    if missing:
        raise ValueError(
            f"rows are missing: {preview(missing, quote=False)}; the others are in {folder}: "
            "repeat the command to encode the missing rows"
        )
    expected = {part_name(rows.start): rows for rows in batches(n, size)}
    others = sorted({path.name for path in folder.glob("*.parquet")} - expected.keys())
    if others:
        raise ValueError(
            f"{folder} has parts of other rows, {preview(others)}: delete them and repeat the "
            "command"
        )
    for name, rows in expected.items():
        _check_part(folder / name, rows)
    return len(expected)


def _check_part(file: Path, rows: slice) -> None:
    """Raise a ValueError if a part is damaged or does not hold each of these rows once."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        numbers = parquet.ParquetFile(file).read(columns=["row"]).column("row").to_numpy()
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{file} is damaged ({one_line(error)}): {REPAIR}") from error
    if not np.array_equal(numbers, np.arange(rows.start, rows.stop)):
        raise ValueError(f"{file} does not hold each of its rows exactly once: {REPAIR}")


def check_folder(out: Path, partial: Path, settings: dict[str, Any], overwrite: bool) -> None:
    """Raise an error if `out` may not be replaced, or if `partial` has other settings.

    Parameters
    ----------
    out
        The folder to create.
    partial
        The folder in which it grows.
    settings
        What is encoded, as JSON.
    overwrite
        Whether a folder of codes, or unfinished codes with other settings, may be replaced.

    Raises
    ------
    wvae.io.files.OutputExistsError
        If a folder may not be replaced.
    RunError
        If `partial` holds unfinished codes with other settings and `overwrite` is false.
    """
    check_replaceable(out, markers={SETTINGS_FILE}, what="a folder of codes", overwrite=overwrite)
    what = "a folder of unfinished codes"
    check_replaceable(partial, markers={SETTINGS_FILE}, what=what, overwrite=True)
    changed = _changed_settings(partial, settings)
    if changed and not overwrite:
        raise RunError(
            f"{partial} holds unfinished codes with other settings ({', '.join(changed)}): "
            "repeat its command to resume it, choose another --out, or --overwrite to start again"
        )


def start_encoding(partial: Path, settings: dict[str, Any]) -> None:
    """Write the settings, after removing unfinished codes with other settings."""
    if _changed_settings(partial, settings):
        for path in partial.iterdir():
            path.unlink()
    write_json(partial / SETTINGS_FILE, settings)


def finish_encoding(partial: Path, out: Path) -> None:
    """Rename the folder, after removing the temporary files of killed writers."""
    remove_temporaries(partial)
    replace_folder(partial, out)


def _changed_settings(partial: Path, settings: dict[str, Any]) -> list[str]:
    """Return the names of settings in which the unfinished codes differ."""
    file = partial / SETTINGS_FILE
    if not file.exists():
        return []
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        before = {}
    return sorted(key for key in settings if before.get(key) != settings[key])
