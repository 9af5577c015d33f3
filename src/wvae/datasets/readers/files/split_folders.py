"""Folders of a split, such as train/ and val/, among the folders above each file."""

from __future__ import annotations

from collections.abc import Sequence

from ...messages import preview
from ..annotations.labels import ReadOptions
from ..annotations.splits import SPLITS
from .walk import same_form

__all__ = ["Parents", "clean_folders", "split_level"]

Parents = list[tuple[str, ...]]  # the folders above each file, from the top

_TRAIN = tuple(word for word in SPLITS if word.startswith("train"))


def clean_folders(names: Sequence[str], options: ReadOptions) -> Parents:
    """Return the folders above each file, in NFC and without spaces around them."""
    parents = Parents()
    spellings = dict[str, set[str]]()
    for name in names:
        folders = name.split("/")[:-1]
        cleaned = tuple(same_form(folder).strip() or folder for folder in folders)
        for folder, clean in zip(folders, cleaned, strict=True):
            spellings.setdefault(clean, set()).add(folder)
        parents.append(cleaned)
    merged = [name for name, raw in spellings.items() if len(raw) > 1]
    if merged:
        options.log(
            f"folders whose names differ only in Unicode form or spaces are one: {preview(merged)}"
        )
    return parents


def split_level(parents: Parents, names: Sequence[str], where: str) -> int | None:
    """Return the level of folders that is the split, from 0, or None."""
    for level in range(max(len(path) for path in parents)):
        words = {path[level].casefold() for path in parents if len(path) > level}
        all_deep = all(len(path) > level for path in parents)
        has_train = not words.isdisjoint(_TRAIN)
        has_other = not words.isdisjoint({*SPLITS} - {*_TRAIN})
        all_parts = all_deep and words <= {*SPLITS}
        if level > 0:
            if all_parts and has_train and has_other:
                return level
            continue
        # A single part is the split only if there are folders of classes in it.
        if all_parts and (len(words) > 1 or all(len(path) > 1 for path in parents)):
            return 0
        if has_train and has_other:
            _reject_beside_split(parents, names, where)
    return None


def _reject_beside_split(parents: Parents, names: Sequence[str], where: str) -> None:
    """Raise a ValueError that names what stands beside the folders of the split."""
    parts, others = set[str](), set[str]()
    for path, name in zip(parents, names, strict=True):
        is_part = bool(path) and path[0].casefold() in SPLITS
        (parts if is_part else others).add(f"{path[0]}/" if path else name)
    raise ValueError(
        f"{where}: {preview(sorted(others))} stands beside the split folders "
        f"{', '.join(sorted(parts))}: move it elsewhere, or open the folders one by one"
    )
