"""A folder of codes in parts: one Parquet file for each block of rows, named after the first of them.

It grows as ``<out>.partial``. The names say which blocks are missing, so whatever breaks off can go on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.messages import one_line, preview
from ..io.files import check_replaceable, remove_temporaries, replace_folder, write_json
from ..training.examples import EVALUATION_BATCH, batches
from .run_folder import RunError

ABOUT_FILE, CENTRES_FILE = (
    "_encoding.json",
    "_centres.npy",
)  # readers of Parquet folders pass over names with _
FEWEST, LONGEST = (
    32,
    50_000,
)  # parts, so that all nodes have something to do; rows of a part, which fit in memory
REPAIR = "delete it and give the same command again, and it goes on with that"


def part_rows(n: int) -> int:
    """Return the rows of a part: whole batches of the encoder, whatever the cluster, so that any can go on with it.

    Examples
    --------
    >>> part_rows(1797), part_rows(60_000), part_rows(10**9)
    (1000, 2000, 50000)
    """
    return min(LONGEST, EVALUATION_BATCH * -(-n // (FEWEST * EVALUATION_BATCH)))


def part_name(start: int) -> str:
    """Return the name of the part that begins with this row; in order of names, rows are in order."""
    return f"part-{start:012}.parquet"


def missing_parts(folder: Path, n: int, size: int) -> list[slice]:
    """Return the blocks of n rows, of `size` rows each, that have no file yet."""
    return [rows for rows in batches(n, size) if not (folder / part_name(rows.start)).exists()]


def check_parts(folder: Path, n: int, size: int) -> int:
    """Return how many parts there are, or raise a ValueError if not every one of n rows is there exactly once."""
    import pyarrow as pa
    from pyarrow import parquet

    missing = [f"{rows.start:,}–{rows.stop - 1:,}" for rows in missing_parts(folder, n, size)]
    if missing:
        raise ValueError(
            f"rows are missing: {preview(missing, quote=False)}; the others are in {folder}: "
            "give the same command again, and it goes on with those"
        )
    expected = {part_name(rows.start): rows for rows in batches(n, size)}
    others = sorted({path.name for path in folder.glob("*.parquet")} - expected.keys())
    if others:
        raise ValueError(
            f"{folder} has parts of other rows, {preview(others)}: delete them and give the command again"
        )
    for name, rows in expected.items():
        try:
            found = (
                parquet.ParquetFile(folder / name).read(columns=["row"]).column("row").to_numpy()
            )
        except (OSError, pa.ArrowException) as error:
            raise ValueError(f"{folder / name} is damaged ({one_line(error)}): {REPAIR}") from error
        if not np.array_equal(found, np.arange(rows.start, rows.stop)):
            raise ValueError(f"{folder / name} has not each of its rows once: {REPAIR}")
    return len(expected)


def check_folder(out: Path, partial: Path, about: dict[str, Any], overwrite: bool) -> None:
    """Raise an error if `out` may not be replaced, or if other codes are growing in its place.

    Raises
    ------
    wvae.io.files.OutputExistsError
        If a folder holds something else than codes, or `out` may only be replaced with `overwrite`.
    RunError
        If `partial` holds unfinished codes of something else, and they may not be replaced.
    """
    check_replaceable(out, markers={ABOUT_FILE}, what="a folder of codes", overwrite=overwrite)
    check_replaceable(
        partial, markers={ABOUT_FILE}, what="a folder of unfinished codes", overwrite=True
    )
    changed = _changed(partial, about)
    if changed and not overwrite:
        raise RunError(
            f"{partial} holds unfinished codes of something else ({', '.join(changed)}): "
            "repeat its command to go on, take another --out, or --overwrite to start anew"
        )


def begin(partial: Path, about: dict[str, Any]) -> None:
    """Note what is encoded; what was begun of something else is removed."""
    if _changed(partial, about):
        for path in partial.iterdir():
            path.unlink()
    write_json(partial / ABOUT_FILE, about)


def _changed(partial: Path, about: dict[str, Any]) -> list[str]:
    """Return in what the encoding that was begun there differs."""
    file = partial / ABOUT_FILE
    if not file.exists():
        return []
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        before = {}
    return sorted(key for key in about if before.get(key) != about[key])


def finish(partial: Path, out: Path) -> None:
    """Give the folder its name, without what writers that died have left in it."""
    remove_temporaries(partial)
    replace_folder(partial, out)
