"""What is known of each row: its label, its factors and its split, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .dataset import Array, Dataset, Kind, is_labelled
from .wording import Say, did_you_mean, some

__all__ = ["Asked", "Known", "choose_label", "choose_named", "described"]

LABELS = ("label", "labels", "y", "target", "class")
SPLIT = "split"
MOST_FRACTIONS = 20  # more different fractions than this are a measurement, not classes

_TRAIN, _TEST = ("train", "training"), ("test", "testing")
_VALIDATION = ("val", "valid", "validation", "dev", "eval")
SPLITS = (*_TRAIN, *_TEST, *_VALIDATION)


@dataclass(frozen=True)
class Asked:
    """What a user asked for, and who is told of what was done; the meaning of each is `open_data`'s."""

    label: str | None
    factors: tuple[str, ...]
    size: int | tuple[int, int] | None
    rate: int | None
    say: Say
    progress: bool
    unlabelled: bool = False  # whether a label may be missing, or be of no use for training


@dataclass(frozen=True)
class Known:
    """Labels, factors and split of n rows, as a `Dataset` wants them."""

    label_name: str
    y: Array  # (n,), of objects with None where a label is not known
    factors: dict[str, Array]
    split: Array | None
    trainable: bool = True

    def dataset(self, x: Array, kind: Kind, path: Path, rate: int | None = None) -> Dataset:
        """Return the rows with their examples, called after the file or folder that they came from."""
        name = path.resolve().name if path.is_dir() else path.stem
        return Dataset(x, self.y, self.factors, self.split, kind, self.label_name, name, source=str(path), rate=rate)

    def subset(self, rows: Array, where: str) -> Known:
        """Return the rows picked by a mask, checked again: a class may have lost its examples."""
        if rows.all():
            return self
        y = self.y[rows]
        if self.trainable:
            _check_classes(y[is_labelled(y)], self.label_name, where)
        factors = {name: values[rows] for name, values in self.factors.items()}
        return replace(self, y=y, factors=factors, split=None if self.split is None else self.split[rows])


def described(
    columns: Mapping[str, Array],
    label: str | None,
    n: int,
    where: str,
    asked: Asked,
    factors: Sequence[str] | None = None,
) -> Known:
    """Return what columns of n values each say of the rows.

    Parameters
    ----------
    columns
        By name; a column called ``split`` is the split, if it is not asked for as something else.
    label
        Which of them is the label; None: there is none.
    n
        How many rows there are.
    where
        What errors call the source.
    asked
        Who is told what was decided, and whether a label will do that cannot be trained on.
    factors
        Which are factors, if not those asked for; none named, all others that name groups of rows are.

    Raises
    ------
    ValueError
        If a column is unknown, or a factor's value missing; for training also if the label is missing everywhere, has
        one class, a class with one example, many fractions or as many values as an id.
    """
    say, factors = asked.say, asked.factors if factors is None else factors
    for i, name in enumerate(factors):
        choose_named(name, columns, where, "factor")
        if name == label:
            raise ValueError(f"{where}: {name!r} is asked for as label and as factor: it can be only one of them")
        if name in factors[:i]:
            raise ValueError(f"{where}: the factor {name!r} is asked for twice: name it once")
    y = np.full(n, None, object) if label is None else _labels(columns[label], label, where, asked)
    split_name = SPLIT if SPLIT in columns and label != SPLIT and SPLIT not in factors else None
    split = _split(columns[SPLIT], where, say) if split_name else None
    rest = {name: values for name, values in columns.items() if name not in (label, split_name)}
    known = Known(label or asked.label or LABELS[0], y, {}, split, trainable=not asked.unlabelled)
    if factors:
        return replace(known, factors={name: _factor(rest[name], name, where) for name in factors})
    reasons = {name: _unfit(values) for name, values in rest.items()}
    kept = {name: _plain(rest[name]) for name, reason in reasons.items() if not reason}
    if kept:
        say(f"factors (none was named): {', '.join(kept)}")
    left = [f"{name!r} ({reason})" for name, reason in reasons.items() if reason]
    if left:
        say(f"no factors: {some(left, 5, quote=False)}")
    return replace(known, factors=kept)


def choose_label(names: Sequence[str], asked: Asked, where: str) -> str | None:
    """Return which name is the label's: the one asked for, else the one that is called so; None: there may be none."""
    if asked.label in names:
        return asked.label
    if asked.label is not None:
        if not asked.unlabelled:
            return choose_named(asked.label, names, where, "label")
        asked.say(f"no labels: there is no column {asked.label!r}{did_you_mean(asked.label, names)}")
        return None
    by_word = [name for word in LABELS for name in names if name.lower() == word]
    if not by_word and asked.unlabelled:
        asked.say(f"no labels: no column is called {', '.join(LABELS[:-1])} or {LABELS[-1]}")
        return None
    if not by_word:
        raise ValueError(
            f"{where}: which is the label? None is called {', '.join(LABELS[:-1])} or {LABELS[-1]}: "
            f"name one of {some(names, 12) or 'its columns (it has none)'}"
        )
    return by_word[0]


def choose_named(name: str, names: Sequence[str] | Mapping[str, Array], where: str, what: str) -> str:
    """Return the name, or raise a ValueError that says which one was probably meant."""
    if name in names:
        return name
    known = list(names)
    raise ValueError(
        f"{where}: there is no column {name!r} for the {what}{did_you_mean(name, known)}; "
        f"there {'are' if known else 'is'} {some(known, 12) or 'none at all'}"
    )


def _plain(values: Array) -> Array:
    """Return a column of objects as one of words, with nothing for None; bool as 0 and 1; any other as it came."""
    if values.dtype.kind == "O":
        return np.array(["" if v is None or v != v else str(v) for v in values.tolist()], dtype=np.str_)
    if values.dtype.kind in "SMm":
        return values.astype(np.str_)
    return values.astype(np.int64) if values.dtype.kind == "b" else values


def _missing(values: Array) -> Array:
    if values.dtype.kind == "f":
        return ~np.isfinite(values)
    return values == "" if values.dtype.kind == "U" else np.zeros(len(values), bool)


def _no_gaps(values: Array, what: str, where: str) -> None:
    gaps = np.flatnonzero(_missing(values))
    if gaps.size:
        raise ValueError(
            f"{where}: the {what} is missing (empty or NaN) in {gaps.size:,} of {len(values):,} rows, "
            f"first in row {gaps[0] + 1}: fill it or drop those rows"
        )


def _labels(values: Array, name: str, where: str, asked: Asked) -> Array:
    """Return labels as int64 or words, with None for what is missing, or say why they cannot be labels."""
    values = _plain(values)
    if values.dtype.kind not in "iufU":
        raise ValueError(f"{where}: the label {name!r} has dtype {values.dtype}, expected whole numbers or words")
    gaps = np.isnan(values) if values.dtype.kind == "f" else _missing(values)
    if gaps.all() and not asked.unlabelled:
        raise ValueError(f"{where}: the label {name!r} is missing in all rows: fill it, or name another column")
    known = values[~gaps]
    if known.dtype.kind == "f":
        known = _of_fractions(known, name, where, asked)
    elif known.dtype.kind in "iu":
        known = known.astype(np.int64)
    if not asked.unlabelled:
        _check_classes(known, name, where)
    told = f"label {name!r}: {len(np.unique(known)):,} classes in {len(values):,} rows"
    if not gaps.any():
        asked.say(told)
        return known
    use = "" if asked.unlabelled else " (used for all but the classifier)"
    asked.say(f"{told}, {gaps.sum():,} of them without a label{use}")
    out = np.full(len(values), None, object)
    out[~gaps] = known
    return out


def _of_fractions(values: Array, name: str, where: str, asked: Asked) -> Array:
    """Return floating labels as int64 if they are whole, else as words."""
    found = np.unique(values)
    if not np.isfinite(found).all():
        raise ValueError(f"{where}: the label {name!r} holds infinity, expected whole numbers or words")
    if (found == np.round(found)).all():
        return values.astype(np.int64)
    if len(found) > MOST_FRACTIONS and not asked.unlabelled:
        raise ValueError(
            f"{where}: the label {name!r} holds {len(found):,} different fractions from {found[0]:g} to "
            f"{found[-1]:g}, expected classes: cut it into bins, or name it as a factor"
        )
    asked.say(f"label {name!r} holds {len(found)} different fractions: each is taken as a class")
    return values.astype(np.str_)


def _check_classes(values: Array, name: str, where: str) -> None:
    """Raise a ValueError if known labels cannot be trained on."""
    found, counts = np.unique(values, return_counts=True)
    if len(found) == 1:
        raise ValueError(f"{where}: the label {name!r} has one class only, {found[0]!s}: expected at least two")
    if 2 * len(found) > len(values):
        raise ValueError(
            f"{where}: the label {name!r} has {len(found):,} values in {len(values):,} rows, like an id: "
            "expected a class that several rows share"
        )
    rare = found[counts == 1].tolist()
    if rare:
        raise ValueError(
            f"{where}: {len(rare):,} of {len(found):,} classes of the label {name!r} have one example ({some(rare)}), "
            "expected at least two: drop them or merge them with others"
        )


def _factor(values: Array, name: str, where: str) -> Array:
    values = _plain(values)
    _no_gaps(values, f"factor {name!r}", where)
    return values


def _unfit(values: Array) -> str:
    """Return why a column that nobody named is no factor, or an empty string."""
    values = _plain(values)
    if values.dtype.kind not in "iufU":
        return f"dtype {values.dtype}"
    if _missing(values).any():
        return "values are missing"
    n = len(np.unique(values))
    if n == 1:
        return "one value"
    return f"{n:,} values in {len(values):,} rows" if 2 * n > len(values) and values.dtype.kind != "f" else ""


def _split(values: Array, where: str, say: Say) -> Array | None:
    """Return ``"train"`` or ``"test"`` for each row, or None if one of them would be empty."""
    words = np.char.lower(_plain(values).astype(np.str_))
    found = set(np.unique(words).tolist())
    unknown = sorted(found - set(SPLITS))
    if unknown:
        raise ValueError(
            f"{where}: the column {SPLIT!r} holds {some(unknown)}, expected train, test or validation: "
            "rename the values, or the column"
        )
    # With a test part of its own, validation is for choices made while training; without, it is what is held out.
    held_out = _TEST if found & set(_TEST) else _VALIDATION
    split = np.where(np.isin(words, held_out), "test", "train")
    moved = sorted(found - {"train", "test"})
    if moved:
        targets = {word: "test" if word in held_out else "train" for word in moved}
        say(f"split: {', '.join(f'{word} is taken as {target}' for word, target in targets.items())}")
    if len(np.unique(split)) < 2:
        say(f"split: all rows are {split[0]}, so there is none: test rows will be chosen at random")
        return None
    say(f"split: {(split == 'train').sum():,} train, {(split == 'test').sum():,} test")
    return split
