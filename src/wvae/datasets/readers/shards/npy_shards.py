"""Folders of .npy shards: arrays of examples, and beside each the arrays of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...dataset import Array
from ...messages import Log, preview
from ..arrays.arrays import open_npy
from .layout import Layout

__all__ = ["read_npy_shards"]

WORDS = "OSU"  # kinds of dtype that are text


def read_npy_shards(layout: Layout, log: Log) -> tuple[dict[Path, Array], dict[str, Array]]:
    """Return the arrays of examples by file, as memory maps, and the columns of all rows.

    NAME.npy holds examples, (n, \\*shape), and NAME-labels.npy, NAME-writer.npy … one value for
    each of them.

    Parameters
    ----------
    layout
        The files.
    log
        Called with a line on each decision.

    Raises
    ------
    ValueError
        If a file cannot be read, a column is missing or has another length, or its values do not
        match those of other shards.
    """
    paths = {layout.name(path)[: -len(path.suffix)]: path for path in layout.files}
    arrays = {stem: open_npy(path) for stem, path in paths.items()}
    owners = {stem: _owner(stem, arrays) for stem in arrays}
    shards = [stem for stem, array in arrays.items() if array.ndim > 1 and owners[stem] is None]
    if not shards:
        names = [layout.name(path) for path in layout.files]
        raise ValueError(
            f"{layout.folder} holds no .npy of examples, (n, *shape): {preview(names)}"
        )
    _log_unowned(arrays, owners, shards, log)
    columns_of = {shard: set[str]() for shard in shards}
    for stem, owner in owners.items():
        if owner in columns_of:
            columns_of[owner].add(stem.removeprefix(f"{owner}-"))
    names = sorted(set.union(*columns_of.values()))
    for shard in shards:
        _check_columns(shard, names, columns_of[shard], arrays, layout.folder)
    empty = [shard for shard in shards if not len(arrays[shard])]
    if empty:
        log(f"passed over, no rows: {preview([f'{name}.npy' for name in empty], quote=False)}")
    shards = [shard for shard in shards if len(arrays[shard])]
    if not shards:
        raise ValueError(f"{layout.folder}: all shards are empty, expected at least one row")
    columns = dict[str, Array]()
    for name in names:
        files = [f"{shard}-{name}" for shard in shards]
        columns[name] = _join([arrays[file] for file in files], files, layout.folder)
    examples = {paths[shard]: arrays[shard] for shard in shards}
    for path, array in examples.items():
        if array.flags.f_contiguous and not array.flags.c_contiguous:
            log(f"{path.name} is in Fortran order, so reading rows is slow: save it in C order")
    return examples, columns


def _owner(stem: str, arrays: dict[str, Array]) -> str | None:
    """Return the array that a file is a column of, by the longest NAME of NAME-column, or None."""
    owners = [other for other in arrays if stem.startswith(f"{other}-")]
    return max(owners, key=len, default=None)


def _log_unowned(
    arrays: dict[str, Array], owners: dict[str, str | None], shards: Sequence[str], log: Log
) -> None:
    """Log the arrays that are neither examples nor a column of any."""
    used = {*shards}
    unowned = [f"{stem}.npy" for stem in arrays if stem not in used and owners[stem] not in used]
    if unowned:
        log(
            f"passed over, as they belong to no shard: {preview(unowned, quote=False)} (the labels "
            f"of {shards[0]}.npy are called {shards[0]}-labels.npy)"
        )


def _check_columns(
    shard: str, names: Sequence[str], present: set[str], arrays: dict[str, Array], folder: Path
) -> None:
    """Raise a ValueError if a shard lacks a column, or a column has another length."""
    n_examples = len(arrays[shard])
    for name in names:
        if name not in present:
            if not n_examples:
                continue
            raise ValueError(
                f"{folder}: {shard}.npy has no {shard}-{name}.npy beside it, but other shards "
                "have one: add it"
            )
        values = arrays[f"{shard}-{name}"]
        n_values = len(values) if values.ndim else 1
        if n_values != n_examples:
            raise ValueError(
                f"{folder}: {shard}-{name}.npy has {n_values:,} values, {shard}.npy "
                f"{n_examples:,} examples, expected one value for each example"
            )
        if values.shape not in ((n_values,), (n_values, 1)):
            raise ValueError(
                f"{folder}: {shard}-{name}.npy has shape {values.shape}, expected ({n_values},), "
                "one value for each example"
            )


def _join(columns: Sequence[Array], files: Sequence[str], folder: Path) -> Array:
    """Return the values of a column of all shards, (n,), in memory."""
    first = columns[0].dtype
    for values, file in zip(columns, files, strict=True):
        if (values.dtype.kind in WORDS) != (first.kind in WORDS):
            raise ValueError(
                f"{folder}: {file}.npy holds {values.dtype}, but {files[0]}.npy {first}, expected "
                "numbers in all shards, or words in all: write all shards alike"
            )
    try:
        joined = np.concatenate([values.reshape(-1) for values in columns])
    except TypeError as error:  # dates and numbers
        kinds = sorted({str(values.dtype) for values in columns})
        raise ValueError(
            f"{folder}: {', '.join(f'{file}.npy' for file in files[:3])} hold {', '.join(kinds)}, "
            "expected one type: write all shards alike"
        ) from error
    for values, file in zip(columns, files, strict=True):
        is_rounded = values.dtype.kind in "iu" and joined.dtype.kind == "f"
        if is_rounded and (values.reshape(-1) > 2**53).any():
            raise ValueError(
                f"{folder}: {file}.npy holds whole numbers that {joined.dtype} would round: save "
                "them as int64 in all shards"
            )
    return joined.astype(joined.dtype.newbyteorder("="))
