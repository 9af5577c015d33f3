"""`Dataset`: the common form of every data source."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..validation.arrays import as_labels
from ..validation.label_values import is_missing, plain_labels
from ..validation.quoting import quoted
from .numbers import as_numbers, column_names_of
from .schema import KINDS, Kind, Schema
from .shards import take

__all__ = ["Array", "Dataset", "Kind", "is_labelled"]

Array = np.ndarray
SHOWN = 8  # classes or factors that a description writes out
LENGTH = 40  # characters of a name in it


@dataclass(frozen=True)
class Dataset:
    """Examples ``x``, one label ``y`` for each, and hidden factors that only evaluation uses.

    Parameters
    ----------
    x
        Examples, (n, \\*shape), numbers of any type; images as uint8. It may be a memory
        map or `wvae.datasets.shards.Shards`; it is never copied as a whole.
    y
        Labels, (n,): integers, strings or booleans. If some labels are missing, by the rule of
        `wvae.validation.label_values.plain_labels`, the dtype becomes object and the missing ones
        None.
    factors
        Hidden attributes by name, each (n,): ``{"writer": ..., "slant": ...}``. Training never uses
        them.
    split
        (n,) of ``"train"`` and ``"test"`` if the source has an official split, else None.
    kind
        Kind of the examples: ``"image"``, ``"audio"`` or ``"table"``.
    label_name
        Name of the label, for legends: ``"digit"``.
    name, source, licence
        Name, origin and licence of the data, for reports.
    rate
        Audio only: sample rate in Hz of the waves from which ``x`` was computed, which is needed to
        reconstruct sounds; None if it is unknown.
    files
        (n,) names of the files that the examples come from, else None.
    rows
        (n,) numbers of the rows in the source, from 0, if some of its rows were left out, else
        None.
    schema
        How files became these examples; a model that is fitted to the data keeps it. None for
        arrays.
    labels_checked
        Whether missing labels are None already; the rows of a data set keep its decision.

    Raises
    ------
    ValueError
        If the lengths differ, ``x`` does not hold numbers, ``y`` does not hold labels, ``split``
        has other values, or ``rate`` is not positive or is given for data other than audio.

    Examples
    --------
    >>> writers = np.array([7, 7, 8, 8])
    >>> data = Dataset(np.zeros((4, 28, 28), np.uint8), np.arange(4) % 2, {"writer": writers})
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
    schema: Schema | None = None
    labels_checked: bool = False
    rows: Array | None = None

    def __post_init__(self) -> None:
        self._make_arrays()
        if self.kind not in KINDS:
            raise ValueError(f"kind is {quoted(self.kind)}, expected 'image', 'audio' or 'table'")
        if self.x.dtype.kind not in "uif":
            expected = "numbers"
            raise ValueError(f"x has dtype {self.x.dtype}, expected {expected}: use x.astype")
        if not self.x.shape:
            raise ValueError("x is one number, expected examples, (n, *shape)")
        if self.rate is not None and self.kind != "audio":
            raise ValueError(f"rate is {self.rate} for {self.kind} data: leave it out")
        if self.rate is not None and self.rate < 1:
            raise ValueError(f"rate is {self.rate}, expected samples per second, at least 1")
        if self.split is not None:
            parts = set(self.split.tolist())
            if not parts <= {"train", "test"}:
                expected = "only 'train' and 'test'"
                values = sorted(parts, key=str)
                raise ValueError(f"split has the values {values}, expected {expected}")
        for column, values in self._columns().items():
            if values.shape != (len(self.x),):
                raise ValueError(
                    f"{column} has shape {values.shape}, expected ({len(self.x)},): give one value "
                    "for each row of x"
                )
        if not self.labels_checked:
            # A part of the rows could not tell whether −1 is a class or marks a missing label.
            object.__setattr__(self, "y", plain_labels(self.y).nullable)
            object.__setattr__(self, "labels_checked", True)

    def _make_arrays(self) -> None:
        """Turn lists, columns of data frames and tensors into arrays."""
        arrays: dict[str, Any] = {"x": self.x, "y": self.y, "factors": dict(self.factors)}
        if not isinstance(getattr(self.x, "dtype", None), np.dtype) or np.ma.isMA(self.x):
            arrays["x"] = np.asarray(as_numbers(self.x, "x"))
            names = column_names_of(self.x)
            if names and self.schema is None:
                columns = tuple(str(name) for name in names)
                arrays["schema"] = Schema(self.kind, arrays["x"].shape[1:], columns=columns)
        arrays["y"] = as_labels(self.y, "y")
        for name, values in self.factors.items():
            arrays["factors"][name] = _as_column(values)
        for name in ("split", "files"):
            values = getattr(self, name)
            arrays[name] = None if values is None else _as_column(values)
        for name, values in arrays.items():
            object.__setattr__(self, name, values)

    def __repr__(self) -> str:
        """Return a description of at most ten lines."""
        return _describe(self)

    def _columns(self) -> dict[str, Array]:
        """Return all arrays that have one value for each example, by the name used in errors."""
        columns = {"y": self.y}
        for name, values in self.factors.items():
            columns[f"factors[{name!r}]"] = values
        if self.split is not None:
            columns["split"] = self.split
        if self.files is not None:
            columns["files"] = self.files
        if self.rows is not None:
            columns["rows"] = self.rows
        return columns

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.x.shape[1:]

    @property
    def labelled(self) -> Array:
        """Boolean mask of the examples that have a label, (n,)."""
        return is_labelled(self.y)

    @property
    def classes(self) -> Array:
        """The distinct labels, sorted."""
        labels = self.y[self.labelled]
        if labels.dtype.kind == "O":
            labels = np.array(labels.tolist())
        return np.unique(labels)

    @property
    def indices(self) -> Array:
        """Index of each label in `classes`, (n,); −1 if the label is missing."""
        labelled, classes = self.labelled, self.classes
        labels = self.y[labelled].astype(classes.dtype, copy=False)
        indices = np.full(len(self), -1)
        indices[labelled] = np.searchsorted(classes, labels)
        return indices

    def subset(self, rows: Array | list[int] | list[bool] | slice) -> Dataset:
        """Return a subset of the examples.

        Parameters
        ----------
        rows
            Boolean mask, (n,), a slice, or indices in the order of the result, (m,).

        Returns
        -------
        Dataset
            The selected rows, copied. If ``x`` is on disk and the indices increase, ``x`` stays on
            disk and is not read.
        """
        if isinstance(rows, slice):
            rows = np.arange(len(self))[rows]
        rows = np.asarray(rows, None if len(rows) else np.intp)  # an empty list is of floats
        increasing = rows.dtype == bool or bool((np.diff(rows) > 0).all())
        return replace(
            self,
            x=take(self.x, rows) if increasing else self.x[rows],
            y=self.y[rows],
            factors={name: values[rows] for name, values in self.factors.items()},
            split=None if self.split is None else self.split[rows],
            files=None if self.files is None else self.files[rows],
            rows=None if self.rows is None else self.rows[rows],
        )


def _as_column(values: Any) -> Array:
    """Return a factor as an array; a list of numbers and words becomes an array of words."""
    is_list = type(values) in (list, tuple)
    return np.asarray(values) if is_list else as_labels(values, "a factor")


def is_labelled(y: Array) -> Array:
    """Return which values are present, as a boolean mask.

    Parameters
    ----------
    y
        Labels of a `Dataset`, or a factor, (n,). None, NaN and pandas' NA mean a missing value.

    Returns
    -------
    Array
        (n,) of bool.

    Examples
    --------
    >>> is_labelled(np.array([3, None, 5], object)).tolist()
    [True, False, True]
    """
    if y.dtype.kind == "f":
        return ~np.isnan(y)
    if y.dtype.kind != "O":
        return np.ones(len(y), bool)
    return np.array([not is_missing(value) for value in y.tolist()], bool)


def _describe(data: Dataset) -> str:
    """Return name, size, label, factors, split and source of a data set, at most ten lines."""
    kinds = {"image": "images", "audio": "sounds", "table": "rows"}
    size = f"{len(data):,} {kinds[data.kind]} of shape {data.shape}, {data.x.dtype}"
    lines = [f"{_short(data.name)}: {size}"]
    if data.rate is not None:
        lines.append(f"  {data.rate:,} samples per second")
    lines.append(f"  label {_short(data.label_name)!r}: {_classes(data)}")
    n_missing = len(data) - int(data.labelled.sum())
    if n_missing:
        lines.append(f"  without a label: {n_missing:,} rows")
    if data.factors:
        lines.append(f"  factors: {_factors(data.factors)}")
    if data.split is not None:
        n_train = int((data.split == "train").sum())
        lines.append(f"  split: {n_train:,} train, {len(data) - n_train:,} test")
    if data.source:
        lines.append(f"  source: {_short(data.source, 80)}")
    if data.licence:
        lines.append(f"  licence: {_short(data.licence, 80)}")
    return "\n".join(lines)


def _classes(data: Dataset) -> str:
    """Return the number of classes, and the first ones with the number of their rows."""
    classes = data.classes
    if not len(classes):
        return "none"
    indices = data.indices
    counts = np.bincount(indices[indices >= 0], minlength=len(classes)).tolist()
    shown = list[str]()
    for name, count in zip(classes[:SHOWN].tolist(), counts, strict=False):
        shown.append(f"{_short(name)} ({count:,})")
    return f"{len(classes):,} classes – {_joined(shown, len(classes))}"


def _factors(factors: dict[str, Array]) -> str:
    """Return the first factors with the number of their values."""
    shown = list[str]()
    for name in list(factors)[:SHOWN]:
        values = factors[name]
        n_values = len(set(values.tolist()) if values.dtype.kind == "O" else np.unique(values))
        shown.append(f"{_short(name)} ({n_values:,} values)")
    return _joined(shown, len(factors))


def _joined(shown: list[str], n: int) -> str:
    more = f", … ({n - len(shown):,} more)" if n > len(shown) else ""
    return ", ".join(shown) + more


def _short(name: object, length: int = LENGTH) -> str:
    """Return a name in one line, cut in the middle if it is long."""
    word = " ".join(str(name).split())
    half = length // 2
    return word if len(word) <= length else f"{word[:half]}…{word[-half:]}"
