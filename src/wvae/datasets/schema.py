"""`Schema`: how a user's files become examples. It is learnt once and obeyed ever after."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from ..validation.quoting import quoted

__all__ = ["KINDS", "Kind", "Naming", "Schema"]

Array = np.ndarray
Kind = Literal["image", "audio", "table"]
KINDS = ("image", "audio", "table")


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
        if not isinstance(values, dict):
            raise TypeError(f"the schema is {quoted(values)}, expected an object")
        known = {spec.name for spec in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"the schema has unknown fields: {', '.join(unknown)}")
        naming = values.get("naming", {})
        if not isinstance(naming, dict):
            raise TypeError(f"the schema's naming is {quoted(naming)}, expected an object")
        plain = {name: _as_tuple(value) for name, value in values.items() if name != "naming"}
        schema = cls(**plain, naming=Naming(**{k: _as_tuple(v) for k, v in naming.items()}))
        schema._check()
        return schema

    def _check(self) -> None:
        """Raise a ValueError if a field cannot be what its documentation says."""
        naming = self.naming
        given = tuple(n for n in (self.rate, self.mels, self.frames) if n is not None)
        is_right = {
            "kind": self.kind in KINDS,
            "shape": _are_counts(self.shape) and len(self.shape) > 0,
            "label": isinstance(self.label, str),
            "classes": isinstance(self.classes, tuple),
            "factors": _are_words(self.factors),
            "ignored": _are_words(self.ignored),
            "columns": self.columns is None
            # The columns of images are their pixels.
            or (_are_words(self.columns) and len(set(self.columns)) == np.prod(self.shape)),
            "white": self.white is None or (_is_number(self.white) and 0 < self.white < np.inf),
            "rate": _are_counts(given),
            "naming": _are_words(naming.factors_from_name)
            and (naming.label_from_name is None or isinstance(naming.label_from_name, str))
            and _are_counts(naming.label_from_folder or ()),
        }
        for name, right in is_right.items():
            if not right:
                raise ValueError(f"{name} of the schema is {quoted(getattr(self, name))}")

    def with_labels(self, label: str, classes: Array, factors: dict[str, Array]) -> Schema:
        """Return the schema with the names of the label, its classes and the factors."""
        return replace(self, label=label, classes=tuple(classes.tolist()), factors=tuple(factors))


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_counts(values: Any) -> bool:
    """Return whether a tuple holds integers from 1 on."""
    is_count = [_is_number(n) and isinstance(n, int) and n > 0 for n in _items(values)]
    return isinstance(values, tuple) and all(is_count)


def _are_words(values: Any) -> bool:
    return isinstance(values, tuple) and all(isinstance(word, str) for word in values)


def _items(values: Any) -> tuple[Any, ...]:
    return values if isinstance(values, tuple) else ()
