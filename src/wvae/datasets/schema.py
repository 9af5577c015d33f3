"""`Schema`: how a user's files become examples. It is learnt once and obeyed ever after."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

__all__ = ["Kind", "Naming", "Schema"]

Array = np.ndarray
Kind = Literal["image", "audio", "table"]


@dataclass(frozen=True)
class Naming:
    """Where the names of files and folders hold the label and hidden factors.

    Parameters
    ----------
    label_from_name
        Regular expression that is searched in the path of each file, relative to the folder that
        was opened, with ``/`` between its parts. Its named group, or the only group, is the label.
    factors_from_name
        Regular expressions of the same kind. Their named groups are hidden factors.
    label_from_folder
        Levels of sub-folders whose names, joined by ``/``, are the label: 1 is the first below the
        folder that was opened, or below train/ and test/. None is the first level.
    """

    label_from_name: str | None = None
    factors_from_name: tuple[str, ...] = ()
    label_from_folder: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Schema:
    """What turns files into examples, as data. `open_data` learns it, and a model keeps it.

    Parameters
    ----------
    kind
        Kind of the examples.
    shape
        Shape of one example: (h, w) for grey images, (3, h, w) for colour, (d,) for a table.
    label
        Name of the label's column, or of the label if it comes from names of folders or files;
        empty if it is unknown.
    classes
        The labels, sorted.
    factors
        Names of the hidden factors.
    columns
        Tables: names of the numeric columns, in the order of ``x``; None if they have no names.
    ignored
        Columns that are not data, such as an index.
    white
        Images: the grey value of the files that became 255.
    rate, mels, frames
        Sounds: samples per second, bands and frames of the spectrograms.
    naming
        Where names of files and folders hold the label and factors.

    Examples
    --------
    >>> schema = Schema("table", (2,), "species", ("a", "b"), columns=("width", "height"))
    >>> Schema.from_json(schema.to_json()) == schema
    True
    """

    kind: Kind
    shape: tuple[int, ...]
    label: str = "label"
    classes: tuple[Any, ...] = ()
    factors: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()
    white: float | None = None
    rate: int | None = None
    mels: int | None = None
    frames: int | None = None
    naming: Naming = field(default_factory=Naming)

    def to_json(self) -> dict[str, Any]:
        """Return the schema as values that JSON can hold; fields without a value are left out."""
        plain = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        naming = {name: value for name, value in plain.pop("naming").items() if value}
        if naming:
            plain["naming"] = naming
        return plain

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Schema:
        """Return the schema that `to_json` wrote.

        Raises
        ------
        TypeError, KeyError, ValueError
            If a field is unknown or missing, or has a wrong type.
        """
        known = {spec.name for spec in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"the schema has unknown fields: {', '.join(unknown)}")
        for name, value in values.items():
            if not _has_type(name, value):
                raise ValueError(f"{name} of the schema is {value!r}")
        naming = {name: _as_tuple(value) for name, value in values.get("naming", {}).items()}
        plain = {name: _as_tuple(value) for name, value in values.items() if name != "naming"}
        return cls(**plain, naming=Naming(**naming))

    def with_labels(self, label: str, classes: Array, factors: dict[str, Array]) -> Schema:
        """Return the schema with the names of the label, its classes and the factors."""
        return replace(self, label=label, classes=tuple(classes.tolist()), factors=tuple(factors))


def _has_type(name: str, value: Any) -> bool:
    """Return whether a field in JSON has the type that it is written in."""
    if name in ("shape", "factors", "columns", "ignored"):
        item = int if name == "shape" else str
        return isinstance(value, list | tuple) and all(type(v) is item for v in value)
    if name == "classes":
        return isinstance(value, list | tuple)
    if name == "naming":
        return isinstance(value, dict)
    if name in ("kind", "label"):
        return isinstance(value, str)
    return type(value) in ((int, float) if name == "white" else (int,)) and value > 0


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
