"""Labels and factors in the names of files: regular expressions with named groups."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

import numpy as np

from ...dataset import Array
from ...messages import Log, one_line
from ...schema import Naming
from ..files.walk import same_form
from .labels import ReadOptions

__all__ = ["as_integers", "check_naming", "label_group", "naming_of", "search_names"]

Values = list[str | None]


def naming_of(options: ReadOptions) -> tuple[Naming, bool]:
    """Return the naming that the user gave, else the model's; and whether the user gave it."""
    if options.naming != Naming():
        return options.naming, True
    return (options.schema.naming if options.schema else Naming()), False


def check_naming(naming: Naming, where: str) -> None:
    """Raise a ValueError if label_from_folder is no list of levels, or not the only choice."""
    levels = naming.label_from_folder
    if levels is None:
        return
    if naming.label_from_name is not None:
        raise ValueError(
            f"{where}: label_from_name and label_from_folder both give the label: drop one of them"
        )
    wrong = [level for level in levels if type(level) is not int or level < 1]
    if wrong or not levels or len(set(levels)) < len(levels):
        raise ValueError(
            f"label_from_folder is {levels!r}, expected different levels of folders from 1: "
            "1, 2 or 1,2"
        )


def search_names(patterns: Sequence[str], names: Sequence[str], log: Log) -> dict[str, Values]:
    """Return what the named groups of regular expressions match in each name.

    Parameters
    ----------
    patterns
        Regular expressions, which are searched in the names.
    names
        Names of files, with ``/`` between their parts.
    log
        Called with a line of examples for each group.

    Returns
    -------
    dict
        Values by group, (n,) each; None where nothing matches.

    Raises
    ------
    ValueError
        If an expression is invalid or has no named group, or two have a group of one name.

    Examples
    --------
    >>> search_names([r"_(?P<drawer>\\d+)\\.png$"], ["a/x_03.png", "b/y_11.png"], print)
    'drawer' from names: 'a/x_03.png' → '03', 'b/y_11.png' → '11'
    {'drawer': ['03', '11']}
    """
    found = dict[str, Values]()
    for pattern in patterns:
        expression = _compile(pattern)
        if not expression.groupindex:
            raise ValueError(
                f"the expression {pattern!r} has no named group, expected one for each factor: "
                r"write (?P<NAME>…) around the value, as in '_(?P<drawer>\d+)\.png$'"
            )
        for group in expression.groupindex:
            if group in found:
                raise ValueError(f"two expressions have the group {group!r}: rename one of them")
        found.update(_search(expression, [*expression.groupindex], names))
    for group, values in found.items():
        _log_examples(group, names, values, log)
    return found


def label_group(
    pattern: str, names: Sequence[str], label: str | None, log: Log
) -> tuple[str, dict[str, Values]]:
    """Return the name of the label in the names of files, and the values of all named groups.

    Parameters
    ----------
    pattern
        A regular expression. The label is its group of the name `label`, else its only group.
    names
        Names of files.
    label
        Name of the label, or None.
    log
        Called with a line of examples for each group.

    Raises
    ------
    ValueError
        If the expression is invalid, or it is unclear which group is the label.
    """
    expression = _compile(pattern)
    groups = [*expression.groupindex]
    if label in groups or len(groups) == 1:
        group: str | int = label if label is not None and label in groups else groups[0]
    elif not groups and expression.groups == 1:
        group = 1
    else:
        raise ValueError(
            f"the expression {pattern!r} has {expression.groups} groups, expected one for the "
            "label: write (?P<NAME>…) around it, and name it as the label if there are others"
        )
    found = _search(expression, [group, *groups], names)
    name = label or (group if isinstance(group, str) else "label")
    values = {name: found.pop(str(group)), **found}
    for key, column in values.items():
        _log_examples(key, names, column, log)
    return name, values


def as_integers(values: Sequence[str], classes: Sequence[object] = ()) -> Array:
    """Return names as int64 if all are plain integers, so that 10 comes after 9; else as str.

    Parameters
    ----------
    values
        The names.
    classes
        Classes of a model; if they are words, integers stay words.

    Examples
    --------
    >>> as_integers(["9", "10"]).tolist(), as_integers(["09", "10"]).tolist()
    ([9, 10], ['09', '10'])
    """
    words = np.array(values, dtype=np.str_)
    if any(isinstance(label, str) for label in classes):
        return words
    for name in np.unique(words).tolist():
        plain = name.isascii() and name.isdigit() and len(name) <= 18 and str(int(name)) == name
        if not plain:
            return words
    return words.astype(np.int64)


def _compile(pattern: str) -> re.Pattern[str]:
    """Return a compiled expression, or raise a ValueError that shows what is wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what later versions of Python may read otherwise
            return re.compile(same_form(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(
            f"{pattern!r} is not a regular expression ({one_line(error)}), expected one with a "
            r"named group: such as '_(?P<drawer>\d+)\.png$'"
        ) from error


def _search(
    expression: re.Pattern[str], groups: Sequence[str | int], names: Sequence[str]
) -> dict[str, Values]:
    """Return what groups match in each name, by group; None where they do not."""
    found: dict[str, Values] = {str(group): [] for group in groups}
    for name in names:
        match = expression.search(same_form(name))
        for group in dict.fromkeys(groups):
            found[str(group)].append(match.group(group) if match else None)
    return found


def _log_examples(group: str, names: Sequence[str], values: Values, log: Log) -> None:
    """Log the first names with three different values."""
    examples = dict[str | None, str]()
    for name, value in zip(names, values, strict=True):
        examples.setdefault(value, name)
        if len(examples) == 3:
            break
    pairs = [
        f"{name!r} → {'nothing' if value is None else repr(value)}"
        for value, name in examples.items()
    ]
    log(f"{group!r} from names: {', '.join(pairs)}")
