"""Label, factors and split from the folders above each file and from its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...dataset import Array
from ...messages import preview
from ...schema import Naming
from ..annotations.labels import ReadOptions
from ..annotations.name_patterns import (
    Values,
    as_integers,
    check_naming,
    label_group,
    naming_of,
    search_names,
)
from ..annotations.splits import SPLIT, SPLITS
from .split_folders import Parents, clean_folders, split_level

__all__ = ["NameColumns", "columns_of_folders", "columns_of_listed", "columns_of_names"]


@dataclass(frozen=True)
class NameColumns:
    """Columns that the names of n files give.

    Parameters
    ----------
    columns
        Values by name, (n,) each.
    label
        Name of the label among the columns; None if names give no label.
    factors
        Names of all factors that the user named; None if none is named.
    naming
        Where the label and the factors were found.
    """

    columns: dict[str, Array]
    label: str | None
    factors: tuple[str, ...] | None
    naming: Naming


def columns_of_folders(names: Sequence[str], where: str, options: ReadOptions) -> NameColumns:
    """Return split, label and factors of files in a folder.

    The folders from the top are the split (if they have its usual names, it may also be a deeper
    level), the label and the named factors, unless the naming of the options says otherwise.

    Parameters
    ----------
    names
        Names of the files, relative to the folder that was opened, with ``/`` between their parts.
    where
        Name of the folder for errors.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If it is unclear which level is the label, files lie at too high a level, other folders
        stand beside those of the split, or an expression does not fit the names.
    """
    naming, _ = naming_of(options)
    check_naming(naming, where)
    parents = clean_folders(names, options)
    columns = dict[str, Array]()
    at = split_level(parents, names, where)
    if at is not None:
        columns[SPLIT] = np.array([path[at].casefold() for path in parents])
        words = ", ".join(sorted({path[at] for path in parents}))
        parents = [path[:at] + path[at + 1 :] for path in parents]
        options.log(f"the folders {words} are taken as the split")
    found = columns_of_names(names, (*columns,), where, options)
    columns |= found.columns
    if found.label is not None:
        columns |= _other_levels(parents, (), {*columns}, options)
        unused = [name for name in columns if re.fullmatch(r"folder\d+", name)]
        if unused and found.factors:
            options.log(f"levels of folders that are not used: {', '.join(unused)}")
        return replace(found, columns=columns)
    label = options.label or (options.schema.label if options.schema else "") or "label"
    if options.unlabelled and not any(parents):
        options.log(f"no labels: the files are in {where} itself, not in a folder for each class")
        return replace(found, columns=columns)
    level_columns = _level_columns(parents, names, label, {*columns}, where, options)
    return replace(found, columns=columns | level_columns, label=label)


def columns_of_listed(
    names: Sequence[str], taken: Sequence[str], where: str, options: ReadOptions
) -> NameColumns:
    """Return the columns that names in a table give beside the table's own.

    Folders are the split if all have its usual names and no column is called split. They are the
    label only if ``label_from_folder`` says so.

    Parameters
    ----------
    names
        Names of the files, with ``/`` between their parts.
    taken
        Names of the table's columns.
    where
        Name of the table for errors.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If an expression or a level does not fit the names, or a group has a column's name.
    """
    naming, _ = naming_of(options)
    check_naming(naming, where)
    found = columns_of_names(names, taken, where, options)
    columns, parents = dict(found.columns), clean_folders(names, options)
    tops = {path[0].casefold() if path else "" for path in parents}
    if {SPLIT}.isdisjoint({*taken, *columns}) and len(tops) > 1 and tops <= {*SPLITS}:
        columns[SPLIT] = np.array([path[0].casefold() for path in parents])
        parents = [path[1:] for path in parents]
        options.log(f"the folders {', '.join(sorted(tops))} in the names are taken as the split")
    if naming.label_from_folder is None:
        return replace(found, columns=columns)
    label = options.label or (options.schema.label if options.schema else "") or "label"
    if label in taken:
        raise ValueError(
            f"{where} has a column {label!r}, but label_from_folder gives the label: drop one of "
            "them, or give the label another name"
        )
    columns |= _level_columns(parents, names, label, {*taken, *columns}, where, options)
    return replace(found, columns=columns, label=label)


def columns_of_names(
    names: Sequence[str], taken: Sequence[str], where: str, options: ReadOptions
) -> NameColumns:
    """Return the columns that regular expressions find in the names of files.

    Parameters
    ----------
    names
        Names of the files, with ``/`` between their parts.
    taken
        Names of other columns.
    where
        Name of the data for errors.
    options
        The arguments of `open_data`.

    Raises
    ------
    ValueError
        If an expression is invalid, a group matches nothing in some files, or a group has the name
        of another column.
    """
    naming, is_given = naming_of(options)
    known = options.label or (options.schema.label if options.schema else None)
    if naming.label_from_name is None:
        known = known or "label"
    label, found = None, dict[str, Values]()
    if naming.label_from_name is not None:
        label, found = label_group(naming.label_from_name, names, known, options.log)
    groups = search_names(naming.factors_from_name, names, options.log)
    for group in groups:
        if group in found or group == known:
            role = "label" if group in (label, known) else "factor"
            raise ValueError(f"{where}: the group {group!r} is the {role}, too: rename the group")
    for group in (*found, *groups):
        if group in taken:
            raise ValueError(
                f"{where}: the group {group!r} has the name of another column: rename the group"
            )
    columns = dict[str, Array]()
    lenient = options.unlabelled
    for group, values in (found | groups).items():
        n_missing = values.count(None)
        classes = options.schema.classes if options.schema and group == label else ()
        if n_missing and not (lenient and (group == label or not is_given)):
            first = names[values.index(None)]
            raise ValueError(
                f"{where}: {group!r} is not in {n_missing:,} of {len(names):,} names, first in "
                f"{first!r}: correct the expression, or rename the files"
            )
        if n_missing and group != label:
            options.log(f"{group!r} is left out: it is not in {n_missing:,} names")
            continue
        if n_missing == len(values) and is_given:
            raise ValueError(f"{where}: {group!r} is in no name, such as {names[0]!r}: correct it")
        columns[group] = as_integers([value or "" for value in values], classes)
    groups_given = [group for group in columns if group not in (label, SPLIT)] if is_given else []
    factors = (*options.factors, *(name for name in groups_given if name not in options.factors))
    return NameColumns(columns, label, factors or None, naming)


def _level_columns(
    parents: Parents,
    names: Sequence[str],
    label: str,
    taken: set[str],
    where: str,
    options: ReadOptions,
) -> dict[str, Array]:
    """Return the label and the factors that levels of folders give."""
    naming, _ = naming_of(options)
    levels = naming.label_from_folder
    depth = min(len(path) for path in parents)
    factors = _level_factors({*taken, label}, options)
    if levels is None:
        levels = (1,)
        if options.schema is None and not factors:
            _check_one_level(parents, names, where, options)
    others = [level for level in range(1, len(factors) + max(levels) + 1) if level not in levels]
    by_level = dict(zip(others, factors, strict=False))
    if not options.factors:  # those of the model, as far as there are folders for them
        by_level = {level: name for level, name in by_level.items() if level <= depth}
    needed = max((*levels, *by_level))
    loose = [name for name, path in zip(names, parents, strict=True) if len(path) < needed]
    if loose:
        wanted = [SPLIT] if SPLIT in taken else []
        roles = by_level | dict.fromkeys(levels, label)
        wanted += [roles.get(level, f"folder{level}") for level in range(1, needed + 1)]
        fix = (
            "move them to sub-folders, add a table with a column of file names, or find the label "
            "by --label-from-name"
        )
        if "\\" in loose[0]:
            fix = "the backslashes are no folders here: unpack the archive with another program"
        raise ValueError(
            f"{where}: {len(loose):,} of {len(names):,} files do not lie in folders for "
            f"{', '.join(wanted)} ({preview(loose)}): {fix}"
        )
    words = ["/".join(path[level - 1] for level in levels) for path in parents]
    columns = {label: as_integers(words, options.schema.classes if options.schema else ())}
    for level, factor in by_level.items():
        columns[factor] = as_integers([path[level - 1] for path in parents])
    if naming.label_from_folder is not None:
        options.log(f"{label!r} from folders: {names[0]!r} → {words[0]!r}")
        columns |= _other_levels(parents, (*levels, *by_level), {*taken, *columns}, options)
    return columns


def _level_factors(taken: set[str], options: ReadOptions) -> list[str]:
    """Return the factors that name levels of folders: those that nothing else gives."""
    named = options.factors or (options.schema.factors if options.schema else ())
    return [name for name in named if name not in taken and not re.fullmatch(r"folder\d+", name)]


def _other_levels(
    parents: Parents, used: Sequence[int], taken: set[str], options: ReadOptions
) -> dict[str, Array]:
    """Return the levels of folders without a name that all files have, called folder1 and so on."""
    columns = dict[str, Array]()
    depth = min(len(path) for path in parents)
    factors = _level_factors(taken, options) if not used else []
    for level in range(1, depth + 1):
        if level in used:
            continue
        name = factors.pop(0) if factors else f"folder{level}"
        if name not in taken:
            columns[name] = as_integers([path[level - 1] for path in parents])
    return columns


def _check_one_level(
    parents: Parents, names: Sequence[str], where: str, options: ReadOptions
) -> None:
    """Raise a ValueError if the first level may not be the label: its folders have only folders."""
    shallow = {path[0] for path in parents if len(path) == 1}
    deeper = [path for path in parents if len(path) > 1]
    if not deeper:
        return
    unclear = {path[1:] for path in deeper if path[0] not in shallow}
    if len(unclear) < 2 or options.unlabelled:
        below = preview(sorted({"/".join(path[1:]) for path in deeper}))
        options.log(
            f"the label is the first level of folders; those below are not used ({below}): name "
            "them as factors to use them"
        )
        return
    counts = list[str]()
    for level in range(max(len(path) for path in parents)):
        folders = sorted({path[level] for path in parents if len(path) > level})
        counts.append(f"level {level + 1} has {preview(folders)}")
    example = next(name for name, path in zip(names, parents, strict=True) if len(path) > 1)
    raise ValueError(
        f"{where}: which level of folders is the label? Files such as {example!r} lie in folders "
        f"of folders: {'; '.join(counts)}: choose with --label-from-folder 1, 2 or 1,2 (both "
        "joined; label_from_folder in Python), or name the deeper levels as factors"
    )
