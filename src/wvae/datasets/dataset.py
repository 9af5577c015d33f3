"""The one shape that every data source is brought to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from ..shards import picked

Array = np.ndarray
Kind = Literal["image", "audio", "table"]


@dataclass(frozen=True)
class Dataset:
    """Examples, the label that explains part of them, and the factors that only evaluation may see.

    Parameters
    ----------
    x
        Examples, (n, \\*shape), uint8 in [0, 255] or float32. May be a memory map or `wvae.shards.Shards`;
        nothing copies it whole.
    y
        Labels, (n,): integers or strings; or of dtype object, with None where a label is not known.
    factors
        Hidden attributes by name, each (n,): ``{"writer": ..., "slant": ...}``. Never seen by training.
    split
        (n,) of ``"train"`` and ``"test"`` where the source has an official split, else None.
    kind
        What an example is: ``"image"``, ``"audio"`` or ``"table"``.
    label_name
        What the label is, for legends: ``"digit"``.
    name, source, licence
        Where it comes from, for reports.
    rate
        Of sounds: samples per second of the waves that ``x`` was made of, to hear them again; None if not known.
    files
        (n,) names of the files that the examples came from, one each, else None.

    Raises
    ------
    ValueError
        If the lengths differ, ``x`` has another dtype, ``split`` has other words, or the rate is not positive or not of
        sounds.

    Examples
    --------
    >>> data = Dataset(np.zeros((4, 28, 28), np.uint8), np.arange(4) % 2, {"writer": np.array([7, 7, 8, 8])})
    >>> len(data), data.shape, data.classes.tolist()
    (4, (28, 28), [0, 1])
    >>> data.subset(data.factors["writer"] == 8).y.tolist()
    [0, 1]
    """

    x: Array
    y: Array
    factors: dict[str, Array] = field(default_factory=dict[str, Array])
    split: Array | None = None
    kind: Kind = "image"
    label_name: str = "label"
    name: str = "data"
    source: str = ""
    licence: str = ""
    rate: int | None = None
    files: Array | None = None

    def __post_init__(self) -> None:
        if self.x.dtype.name not in ("uint8", "float32"):
            raise ValueError(f"x has dtype {self.x.dtype}, expected uint8 or float32: convert it with x.astype(...)")
        if self.rate is not None and (self.kind != "audio" or self.rate < 1):
            raise ValueError(
                f"rate is {self.rate} of {self.kind} data, expected a positive number, and of audio only: leave it out"
            )
        columns = {"y": self.y, **{f"factors[{k!r}]": v for k, v in self.factors.items()}}
        if self.split is not None:
            columns["split"] = self.split
            words = set(np.unique(self.split).tolist())
            if not words <= {"train", "test"}:
                raise ValueError(f"split has the values {sorted(words)}, expected only 'train' and 'test'")
        if self.files is not None:
            columns["files"] = self.files
        for column, values in columns.items():
            if values.shape != (len(self.x),):
                raise ValueError(f"{column} has shape {values.shape}, expected ({len(self.x)},), one for each row of x")

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.x.shape[1:]

    @property
    def labelled(self) -> Array:
        """Which examples have a label, (n,)."""
        return is_labelled(self.y)

    @property
    def classes(self) -> Array:
        """The distinct labels, sorted."""
        known = self.y[self.labelled]
        return np.unique(np.array(known.tolist()) if known.dtype.kind == "O" else known)

    @property
    def indices(self) -> Array:
        """Each label's place among the classes, (n,); −1 where a label is not known."""
        labelled, out, classes = self.labelled, np.full(len(self), -1), self.classes
        out[labelled] = np.searchsorted(classes, self.y[labelled].astype(classes.dtype, copy=False))
        return out

    def subset(self, rows: Array) -> Dataset:
        """Return the rows picked by a boolean mask or by indices, in the order given.

        They are copied; but of examples on disk, if the indices are sorted, nothing is read.
        """
        sorted_rows = rows.dtype == bool or bool((np.diff(rows) > 0).all())
        return replace(
            self,
            x=picked(self.x, rows) if sorted_rows else self.x[rows],
            y=self.y[rows],
            factors={name: values[rows] for name, values in self.factors.items()},
            split=None if self.split is None else self.split[rows],
            files=None if self.files is None else self.files[rows],
        )


def is_labelled(y: Array) -> Array:
    """Return which labels are known, (n,): in an array of objects those that are neither None nor NaN."""
    if y.dtype.kind != "O":
        return np.ones(len(y), bool)
    return np.array([value is not None and value == value for value in y.tolist()], bool)
