"""Which columns are the label and the hidden factors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ...dataset import Array
from ...messages import did_you_mean, preview
from ...schema import Schema
from ..options import ReadOptions
from .splits import SPLIT

__all__ = ["LABELS", "choose_label", "factor_names", "require_column", "reserved_columns"]

LABELS = ("label", "labels", "y", "target", "class")
FLAG = "name it with --label NAME (in Python, label='NAME')"
SHOWN = 12  # columns in a message
LENGTH = 180  # characters of columns with the numbers of their values


def choose_label(
    names: Sequence[str],
    options: ReadOptions,
    where: str,
    values: Callable[[str], Array] | None = None,
) -> str | None:
    """Return the label's column: the user's choice, else the model's, else the one usual name.

    If a model's label has a usual name, a column of another usual name is the same label.

    Parameters
    ----------
    names
        Names of all columns.
    options
        The arguments of `open_data`. With ``unlabelled``, None is returned if there is no label.
    where
        Name of the source for errors.
    values
        Takes a name and returns the column; a message then shows how many values it has.

    Raises
    ------
    ValueError
        If there is no such column and a label is required, or several have usual names.
    """
    schema = options.schema
    named = options.label or (schema.label if schema else None)
    if named:  # a model that was fitted to arrays does not know the label's name
        if named in names:
            return named
        others = [name for name in names if schema is None or name not in _known(schema)]
        usual = _usual(others)
        if options.label is None and named.lower() in LABELS and len(usual) == 1:
            options.log(f"there is no column {named!r}: the label is {usual[0]!r}")
            return usual[0]
        hint = did_you_mean(named, others)
        if options.unlabelled:
            options.log(f"no labels: there is no column {named!r}{hint}")
            return None
        if schema is not None and named == schema.label:
            raise ValueError(
                f"{where}: there is no column {named!r}, the model's label: {FLAG}, one of "
                f"{_with_counts(others or names, values)}{hint}"
            )
        return require_column(named, names, where, "label")
    usual = _usual(names)
    if len(usual) == 1 and not _is_coordinate(usual[0], names):
        return usual[0]
    if len(usual) > 1:
        raise ValueError(
            f"{where}: which is the label? Several columns have a usual name: "
            f"{_with_counts(usual, values)}: {FLAG}"
        )
    if usual:
        reason = f"{usual[0]!r} stands beside 'x', as a coordinate does"
        if options.unlabelled:
            options.log(f"no labels: {reason}")
            return None
        raise ValueError(
            f"{where}: which is the label? {reason}: {FLAG}, one of {_with_counts(names, values)}"
        )
    words = f"{', '.join(LABELS[:-1])} or {LABELS[-1]}"
    if options.unlabelled:
        options.log(f"no labels: no column is called {words}")
        return None
    if not names:
        raise ValueError(
            f"{where}: which is the label? There are no columns of one value for each row: add one "
            "called label"
        )
    raise ValueError(
        f"{where}: which is the label? No column is called {words}: {FLAG}, one of "
        f"{_with_counts(names, values)}"
    )


def _is_coordinate(name: str, names: Sequence[str]) -> bool:
    """Return whether ``y`` is rather a coordinate: there are a column ``x`` and others."""
    return name.lower() == "y" and len(names) > 2 and "x" in [other.lower() for other in names]


def factor_names(columns: Collection[str], label: str | None, options: ReadOptions) -> list[str]:
    """Return the factors that a model's schema names and the columns hold; log the others.

    Parameters
    ----------
    columns
        Names of all columns.
    label
        Name of the label's column.
    options
        The arguments of `open_data`, with a schema.
    """
    known = options.schema.factors if options.schema else ()
    present = [name for name in known if name in columns and name != label]
    absent = [name for name in known if name not in columns]
    if absent:
        options.log(f"factors of the model that these data lack: {preview(absent, SHOWN)}")
    return present


def reserved_columns(
    names: Sequence[str], label: str | None, options: ReadOptions, factors: Sequence[str] = ()
) -> list[str]:
    """Return the columns that are never features: label, split and factors, also the model's.

    Parameters
    ----------
    names
        Names of all columns.
    label
        Name of the label's column.
    options
        The arguments of `open_data`.
    factors
        Factors other than those of the options.
    """
    reserved = {label, SPLIT, *options.factors, *factors}
    if options.schema is not None:
        reserved |= {options.schema.label, *options.schema.factors}
        reserved -= {*(options.schema.columns or ())}  # a feature called split is a feature
    return [name for name in names if name in reserved]


def require_column(name: str, names: Collection[str], where: str, role: str) -> str:
    """Return the name if there is such a column.

    Parameters
    ----------
    name
        The name that the user gave.
    names
        Names of all columns.
    where
        Name of the source for errors.
    role
        Role of the column for errors: "label" or "factor".

    Raises
    ------
    ValueError
        If there is no such column; the message suggests a similar name.

    Examples
    --------
    >>> require_column("writer", ["digit", "writer"], "a.csv", "factor")
    'writer'
    """
    if name in names:
        return name
    columns = list(names)
    raise ValueError(
        f"{where}: there is no column {name!r} for the {role}, expected one of "
        f"{preview(columns, SHOWN) or 'none at all'}{did_you_mean(name, columns)}"
    )


def _usual(names: Sequence[str]) -> list[str]:
    """Return the columns whose names are usual for a label."""
    return [name for word in LABELS for name in names if name.lower() == word]


def _known(schema: Schema) -> set[str]:
    """Return the columns of a model that are not its label."""
    return {*(schema.columns or ()), *schema.ignored, *schema.factors}


def _with_counts(names: Sequence[str], values: Callable[[str], Array] | None) -> str:
    """Return the first names, each with the number of its distinct values if they are known."""
    if values is None:
        return preview(names, SHOWN)
    described = list[str]()
    for name in names[:SHOWN]:
        if described and len(", ".join(described)) > LENGTH:
            break
        n_values = len({str(value) for value in values(name).tolist()})
        described.append(f"{name!r} ({n_values:,} values)")
    n_others = len(names) - len(described)
    return ", ".join(described) + (f" and {n_others:,} more" if n_others else "")
