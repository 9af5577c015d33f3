"""Find the files that a column of a table names, in the many ways in which tables write names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path, PurePosixPath

from ...messages import Log, preview
from .walk import MEDIA, is_system, same_form

__all__ = ["Files", "Rule", "find_rule", "locate"]

SAMPLE = 20  # names that decide how a column is read
MAX_DROPPED = 8  # parts of absolute names that may be left out


@dataclass(frozen=True)
class Files:
    """The folder of a table's files.

    Parameters
    ----------
    base
        The table's folder.
    roots
        Sub-folders in which its files may also be.
    listed
        The images and sounds below `base`; None: they are listed when they are needed.
    """

    base: Path
    roots: tuple[Path, ...] = ()
    listed: tuple[Path, ...] | None = None

    @cached_property
    def media(self) -> tuple[Path, ...]:
        """All images and sounds below `base`."""
        if self.listed is not None:
            return self.listed
        paths = list[Path]()
        for root, folders, names in os.walk(self.base):
            folders[:] = sorted(name for name in folders if not is_system(name))
            for name in sorted(names):
                if name.lower().endswith(MEDIA) and not is_system(name):
                    paths.append(Path(root, name))
        return tuple(paths)

    @cached_property
    def by_path(self) -> dict[str, list[Path]]:
        """The files by path, whatever its case and Unicode form."""
        return _by_key(self.media, [os.fspath(path) for path in self.media])

    @cached_property
    def by_name(self) -> dict[str, list[Path]]:
        """The files by name without folders, with and without suffix, in any case and form."""
        names, paths = list[str](), list[Path]()
        for path in self.media:
            names += [path.name, path.stem]
            paths += [path, path]
        return _by_key(paths, names)

    @cached_property
    def digits(self) -> int:
        """Length of the files' names without suffix, if all are numbers of one length, else 0."""
        stems = {path.stem for path in self.media}
        lengths = {len(stem) for stem in stems}
        return lengths.pop() if len(lengths) == 1 and all(s.isdigit() for s in stems) else 0


@dataclass(frozen=True)
class Rule:
    """How names in a table become paths.

    Parameters
    ----------
    root
        Folder of the names; None if files are found by their name in any folder.
    dropped
        Number of leading parts of the names that are left out.
    suffix
        Suffix that is added to the names.
    digits
        Length to which names of digits are filled with zeros.
    folded
        Accept another case and Unicode form if exactly one file fits.
    """

    root: Path | None
    dropped: int = 0
    suffix: str = ""
    digits: int = 0
    folded: bool = False

    def paths(self, name: str, files: Files) -> list[Path]:
        """Return the files that a name may mean: none, one, or several."""
        if not name.strip():
            return []
        for form in dict.fromkeys((name, _plain(name))):
            parts = PurePosixPath(form.zfill(self.digits)).parts[self.dropped :]
            if not parts:
                continue
            if self.root is None:
                return files.by_name.get(_key(parts[-1]), [])
            path = self.root.joinpath(*parts)
            path = path.with_name(path.name + self.suffix) if path.name else path
            if os.path.isfile(path):  # False, too, for names that no file can have
                return [path]
            if self.folded:
                # Links and .. in names are not resolved here: such names must be exact.
                found = files.by_path.get(_key(os.fspath(path)), [])
                if found:
                    return found
        return []


def find_rule(names: Sequence[str], files: Files, *, anywhere: bool) -> Rule | None:
    """Return the rule by which the first names are files; None if no rule fits most of them.

    Parameters
    ----------
    names
        Names in a table.
    files
        The folder of the files.
    anywhere
        Whether files may lie in any folder, if each name occurs once.
    """
    sample = [name for name in dict.fromkeys(names[: 50 * SAMPLE]) if name.strip()][:SAMPLE]
    best, best_count = None, len(sample) / 2
    for rule in _rules(sample, files, anywhere):
        count = sum(len(rule.paths(name, files)) == 1 for name in sample)
        if count == len(sample) and count:
            return rule
        if count > best_count and not rule.dropped:
            best, best_count = rule, count
    return best


def locate(
    names: Sequence[str], column: str, rule: Rule, files: Files, where: str, log: Log
) -> list[Path]:
    """Return the files of all names.

    Parameters
    ----------
    names
        Names in a table, at least one.
    column
        The column of the names.
    rule
        The rule of `find_rule`.
    files
        The folder of the files.
    where
        Name of the table for errors.
    log
        Called with one line if a name is not the path of its file.

    Raises
    ------
    ValueError
        If a name is no file or several files, or a file is named twice.
    """
    folded = replace(rule, folded=True)
    paths = list[Path]()
    missing, unclear, changed = list[str](), list[str](), list[str]()
    for name in names:
        found = rule.paths(name, files) or folded.paths(name, files)
        if not found:
            alike = files.by_name.get(_key(PurePosixPath(_plain(name)).name), [])
            found = alike if len(alike) > 1 else []
        if len(found) > 1:
            unclear.append(f"{name!r} ({preview([str(path) for path in found], 2, quote=False)})")
        elif not found:
            missing.append(name or "an empty name")
        else:
            paths.append(found[0])
            if found[0] != files.base / name.strip():
                changed.append(f"{name!r} is {os.path.relpath(found[0], files.base)!r}")
    subject = f"of {len(names):,} files of the column {column!r}"
    if missing:
        first = next(i for i, name in enumerate(names) if (name or "an empty name") == missing[0])
        raise ValueError(
            f"{where}: {len(missing):,} {subject} are not in {files.base}: {preview(missing)}, "
            f"first in row {first + 1}: correct the names or drop the rows; to train on the "
            "numeric columns, drop this column"
        )
    if unclear:
        raise ValueError(
            f"{where}: {len(unclear):,} {subject} may be several files: "
            f"{preview(unclear, 2, quote=False)}: write names with their folders and exact case"
        )
    _check_named_once(paths, names, column, where)
    if changed:
        examples = preview(changed, 2, quote=False)
        log(f"{len(changed):,} {subject} are written otherwise: {examples}")
    return paths


def _check_named_once(paths: Sequence[Path], names: Sequence[str], column: str, where: str) -> None:
    """Raise a ValueError if two rows name one file."""
    first = dict[Path, int]()
    repeated = list[str]()
    for i, path in enumerate(paths):
        if path in first:
            repeated.append(f"{names[i]!r} in rows {first[path] + 1} and {i + 1}")
        first.setdefault(path, i)
    if repeated:
        raise ValueError(
            f"{where}: the column {column!r} names {len(repeated):,} files more than once "
            f"({preview(repeated, 2, quote=False)}): keep one row for each file"
        )


def _rules(sample: Sequence[str], files: Files, anywhere: bool) -> Iterator[Rule]:
    """Yield the possible rules, the plainest first."""
    depth = max((len(PurePosixPath(_plain(name)).parts) for name in sample), default=1)
    suffixes = ["", *_suffixes(sample, files)]
    roots = [files.base, *files.roots]
    for dropped in range(min(depth, MAX_DROPPED)):
        for folded in (False, True):
            for root, suffix in product(roots, suffixes):
                yield Rule(root, dropped, suffix, folded=folded)
    if files.digits and all(name.isdigit() for name in sample):
        for root, suffix in product(roots, suffixes):
            yield Rule(root, 0, suffix, files.digits)
    if anywhere:
        yield Rule(None)
        if files.digits and all(name.isdigit() for name in sample):
            yield Rule(None, digits=files.digits)


def _suffixes(sample: Sequence[str], files: Files) -> list[str]:
    """Return the suffixes that files have and the names lack."""
    if any(name.lower().endswith(MEDIA) for name in sample):
        return []
    return sorted({path.suffix for path in files.media})


def _plain(name: str) -> str:
    """Return a name with slashes, without spaces around it."""
    return name.strip().replace("\\", "/")


def _key(name: str) -> str:
    return same_form(name).casefold()


def _by_key(paths: Sequence[Path], names: Sequence[str]) -> dict[str, list[Path]]:
    """Return paths by name, whatever its case and Unicode form."""
    found = dict[str, list[Path]]()
    for path, name in zip(paths, names, strict=True):
        matches = found.setdefault(_key(name), [])
        if path not in matches:
            matches.append(path)
    return found
