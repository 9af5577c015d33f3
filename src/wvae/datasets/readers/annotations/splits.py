"""The official split of the rows into train and test."""

from __future__ import annotations

import numpy as np

from ...dataset import Array
from ...messages import Log, preview

__all__ = ["SPLIT", "SPLITS", "read_split"]

SPLIT = "split"  # name of the column

_TRAIN = ("train", "training")
_TEST = ("test", "testing")
_VALIDATION = ("val", "valid", "validation", "dev", "eval")
SPLITS = (*_TRAIN, *_TEST, *_VALIDATION)


def read_split(values: Array, where: str, log: Log) -> Array | None:
    """Return ``"train"`` or ``"test"`` for each row, or None if all rows would be one of them.

    Parameters
    ----------
    values
        Words of `SPLITS`, (n,), in upper or lower case. Validation rows are train rows if there
        are test rows, else test rows.
    where
        Name of the source for errors.
    log
        Called with a line on renamed parts and a line on their sizes.

    Raises
    ------
    ValueError
        If there are other words, or none in some rows.

    Examples
    --------
    >>> read_split(np.array(["train", "Dev", "train"]), "photos", print).tolist()
    split: dev is taken as test
    split: 2 train, 1 test
    ['train', 'test', 'train']
    """
    words = np.char.lower(np.char.strip(values.astype(np.str_)))
    empty = np.flatnonzero(words == "")
    if empty.size:
        raise ValueError(
            f"{where}: the column {SPLIT!r} is empty in {empty.size:,} of {len(words):,} rows, "
            f"first in row {empty[0] + 1}: fill it, or rename the column"
        )
    present = set(np.unique(words).tolist())
    unknown = sorted(present - set(SPLITS))
    if unknown:
        raise ValueError(
            f"{where}: the column {SPLIT!r} holds {preview(unknown)}, expected train, test or "
            "validation: rename the values, or the column"
        )
    # Validation rows are held out only if there is no test part.
    held_out = _TEST if present & set(_TEST) else _VALIDATION
    split = np.where(np.isin(words, held_out), "test", "train")
    renamed = list[str]()
    for word in sorted(present - {"train", "test"}):
        renamed.append(f"{word} is taken as {'test' if word in held_out else 'train'}")
    if renamed:
        log(f"split: {', '.join(renamed)}")
    if len(np.unique(split)) < 2:
        log(f"split: all rows are {split[0]}: test rows will be chosen at random instead")
        return None
    log(f"split: {(split == 'train').sum():,} train, {(split == 'test').sum():,} test")
    return split
