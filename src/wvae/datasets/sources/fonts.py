"""Letters and digits of the fonts installed: the label is the character, the font is hidden."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..catalogue import CATALOGUE
from ..dataset import Array, Dataset
from ..download import cache_dir
from ..messages import check_integer
from ..temporaries import temporary
from .font_files import (
    CHARACTERS,
    Font,
    UnusableFontError,
    checksum,
    draw_font,
    find_files,
    read_fonts,
)

__all__ = ["load"]

VERSION = 1  # of the drawing; another number makes drawings in the cache void
DUPLICATE = 0.03  # fonts whose ink differs by less than this share are the same font twice
LOOK_ALIKE = 0.06  # families with fonts that differ by less than this are in the same part
TEST_SHARE = 1 / 6  # of the families, about
COARSE = 8  # pixels of a side of the coarse pictures that candidates are compared by


@dataclass(frozen=True)
class _Drawing:
    """The usable fonts of the files found, in the order of the pictures."""

    pictures: Array  # (fonts, 62, 64, 64) uint8
    fonts: list[dict[str, Any]]  # fields of `Font`, "checksum" and "group"
    left_out: dict[str, int]  # number of fonts by reason


def load(
    *, folder: str | Path | None = None, fonts: int | None = None, progress: bool = True
) -> Dataset:
    """Draw A–Z, a–z and 0–9 in every font of a folder, or of those installed.

    The characters of a font have one scale and one baseline; fonts are scaled to the same height
    of the H. Left out, and counted in one line on stderr, are fonts that cannot be read, lack
    characters, hold symbols, use capitals as lower case, have swashes that do not fit, or are
    duplicates: their ink differs by less than 3 % from that of another font.

    Families are split, not images: about a sixth of them are the test part, chosen by a hash of
    their names, so that the same font is in the same part on every machine. Families with fonts
    that differ by less than 6 % are in the same part. No font of the test part, and none of its
    family, is in training.

    The drawing is kept in the cache, together with a list of the files and their SHA-256. The hash
    of these checksums, the data's fingerprint, names both.

    Parameters
    ----------
    folder
        Folder of .ttf, .otf and .ttc files, searched with its sub-folders. None is the folder that
        the environment variable ``WVAE_FONTS`` names, else the fonts installed.
    fonts
        Largest number of fonts; of more, families take turns. None is all.
    progress
        Show a progress bar, and what was left out, on stderr.

    Returns
    -------
    Dataset
        ``x`` (62 × fonts, 64, 64) uint8, white on black; ``y`` the characters; ``split`` by
        family; ``files`` the names of the font files; and ``factors``

        ======  ================================================================================
        font    full name: ``"Lato Bold Italic"``
        family  its name without words for weight, width and size: ``"Lato"``
        weight  100 (thin) to 900 (black), float32
        italic  ``"italic"`` or ``"upright"``
        serif   ``"serif"``, ``"sans"``, or ``"unknown"`` if the file does not say
        ======  ================================================================================

    Raises
    ------
    ModuleNotFoundError
        If matplotlib, Pillow or fontTools is not installed.
    ValueError
        If there is no such folder, or there are not two usable families.

    Examples
    --------
    >>> from pathlib import Path
    >>> import matplotlib
    >>> data = load(folder=Path(matplotlib.get_data_path(), "fonts"), progress=False)
    >>> data.shape, len(data.classes), sorted(set(data.factors["family"].tolist()))[:2]
    ((64, 64), 62, ['DejaVu Sans', 'DejaVu Sans Mono'])
    """
    if fonts is not None:
        check_integer("fonts", fonts, 2)
    folder = folder or os.environ.get("WVAE_FONTS") or None
    try:
        files = find_files(folder)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the data set fonts needs matplotlib, Pillow and fontTools: pip install 'wvae[fonts]'",
            name=error.name,
        ) from error
    place = "those installed" if folder is None else str(folder)
    checksums = {file: checksum(file) for file in files}
    fingerprint = _fingerprint(list(checksums.values()))
    drawing = _cached(fingerprint, checksums, progress)
    if len({font["group"] for font in drawing.fonts}) < 2:
        raise ValueError(
            f"{_summary(drawing, place, fingerprint)}: expected two families or more; install "
            "fonts with `make fonts`, or give another folder (folder=..., WVAE_FONTS)"
        )
    if progress:
        print(_summary(drawing, place, fingerprint), file=sys.stderr)
    rows = list(range(len(drawing.fonts)))
    is_test = _test_fonts([font["group"] for font in drawing.fonts])
    if fonts is not None and fonts < len(rows):
        rows = _spread([font["family"] for font in drawing.fonts], is_test, fonts)
    return _dataset(drawing, rows, is_test, f"fonts of {place}, fingerprint {fingerprint}")


def _dataset(drawing: _Drawing, rows: list[int], is_test: Array, source: str) -> Dataset:
    """Return the characters of some fonts as a data set."""
    n = len(CHARACTERS)
    chosen = [drawing.fonts[row] for row in rows]
    factors: dict[str, Array] = {}
    for name in ("font", "family", "weight", "italic", "serif"):
        key = "name" if name == "font" else name
        factors[name] = np.repeat(np.array([font[key] for font in chosen]), n)
    factors["weight"] = factors["weight"].astype(np.float32)
    return Dataset(
        x=drawing.pictures[rows].reshape(-1, *drawing.pictures.shape[2:]),
        y=np.tile(np.array(list(CHARACTERS)), len(rows)),
        factors=factors,
        split=np.repeat(np.where(is_test[rows], "test", "train"), n),
        kind="image",
        label_name="character",
        name="fonts",
        source=source,
        licence=CATALOGUE["fonts"].licence,
        files=np.repeat(np.array([Path(font["file"]).name for font in chosen]), n),
    )


def _summary(drawing: _Drawing, place: str, fingerprint: str) -> str:
    """Return the numbers of fonts that are used and left out, in one line."""
    families = {font["family"] for font in drawing.fonts}
    parts = [f"{count:,} {reason}" for reason, count in sorted(drawing.left_out.items())]
    left_out = ", ".join(parts) or "none"
    return (
        f"fonts ({place}): {len(drawing.fonts):,} usable of {len(families):,} families; left out: "
        f"{left_out}; fingerprint {fingerprint}"
    )


# ------------------------------------------------------------------------------------------ cache


def _fingerprint(checksums: list[str]) -> str:
    """Return a hash of the contents of files, whatever their names, as 16 hexadecimal digits."""
    text = "\n".join([str(VERSION), *sorted(set(checksums))])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _cached(fingerprint: str, checksums: dict[Path, str], progress: bool) -> _Drawing:
    """Return the drawing of files from the cache; draw them first if it is not there."""
    path = cache_dir() / "fonts" / f"{fingerprint}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as arrays:
            described = json.loads(str(arrays["described"]))
            return _Drawing(arrays["pictures"], described["fonts"], described["left_out"])
    drawing = _draw_all(checksums, progress)
    described = json.dumps({"fonts": drawing.fonts, "left_out": drawing.left_out})
    lines = [f"{font['checksum']}  {font['file']}  {font['name']}\n" for font in drawing.fonts]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path) as new:
            new.write_text("".join(lines), encoding="utf-8")
            os.replace(new, path.with_suffix(".txt"))
        with temporary(path) as new:
            with new.open("wb") as file:
                np.savez_compressed(file, pictures=drawing.pictures, described=described)
            os.replace(new, path)
    except OSError as error:
        print(f"fonts: the drawing is not kept: {error}", file=sys.stderr)
    return drawing


def _draw_all(checksums: dict[Path, str], progress: bool) -> _Drawing:
    """Draw all usable fonts, once each, and group their families."""
    left_out: Counter[str] = Counter()
    fonts: list[Font] = []
    pictures: list[Array] = []
    contents = {digest: file for file, digest in reversed(checksums.items())}  # the first of each
    left_out["unreadable"] += "" in contents
    left_out["duplicates"] += len(checksums) - len(contents)
    files = sorted(file for digest, file in contents.items() if digest)
    for file in _track(files, progress):
        for font in read_fonts(file):
            try:
                if isinstance(font, UnusableFontError):
                    raise font
                pictures.append(draw_font(font))
                fonts.append(font)
            except UnusableFontError as reason:
                left_out[str(reason)] += 1
    kept, look_alikes = _without_duplicates(pictures)
    left_out["duplicates"] += len(fonts) - len(kept)
    chosen = [fonts[i] for i in kept]
    groups = _groups([font.family for font in chosen], look_alikes)
    names = _unique_names(chosen)
    described: list[dict[str, Any]] = []
    for font, name, group in zip(chosen, names, groups, strict=True):
        fields = asdict(font) | {"file": str(font.file), "name": name, "group": group}
        described.append(fields | {"checksum": checksums[font.file]})
    counts = {reason: count for reason, count in left_out.items() if count}
    shape = len(CHARACTERS), *np.shape(pictures)[2:]
    drawn = np.stack([pictures[i] for i in kept]) if kept else np.empty((0, *shape), np.uint8)
    return _Drawing(drawn, described, counts)


def _track(files: list[Path], progress: bool) -> Any:
    """Return the files, with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(files, "drawing fonts", console=console, transient=True, disable=not progress)


def _unique_names(fonts: list[Font]) -> list[str]:
    """Return the names of fonts; where several have the same name, with file and place."""
    counts = Counter(font.name for font in fonts)
    names: list[str] = []
    for font in fonts:
        name = font.name
        if counts[name] > 1:
            name = f"{name} ({font.file.name})"
        if name in names:
            name = f"{name} #{1 + sum(other.startswith(name) for other in names)}"
        names.append(name)
    return names


# -------------------------------------------------------------------------- duplicates and split


def _without_duplicates(pictures: list[Array]) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the fonts that are no duplicates, and pairs of places among them that look alike.

    Two fonts a and b differ by Σ|a − b| / Σ(a + b) of their pictures. Coarse pictures differ by no
    more, so they show which pairs have to be compared.
    """
    kept: list[int] = []
    pairs: list[tuple[int, int]] = []
    coarse = np.empty((len(pictures), len(CHARACTERS) * COARSE**2), np.float32)
    for i, picture in enumerate(pictures):
        n = len(kept)
        sums = picture.reshape(len(picture), COARSE, -1, COARSE, picture.shape[-1] // COARSE)
        coarse[n] = sums.sum((2, 4), dtype=np.float32).ravel()
        differences = np.abs(coarse[:n] - coarse[n]).sum(1)
        bounds = differences / (coarse[:n].sum(1) + coarse[n].sum())
        similar: list[tuple[int, int]] = []
        for place in np.flatnonzero(bounds < LOOK_ALIKE).tolist():
            difference = _difference(picture, pictures[kept[place]])
            if difference < DUPLICATE:
                break
            if difference < LOOK_ALIKE:
                similar.append((place, n))
        else:
            kept.append(i)
            pairs += similar
    return kept, pairs


def _difference(a: Array, b: Array) -> float:
    """Return the share of ink by which two fonts differ, in [0, 1]."""
    total = a.sum(dtype=np.float64) + b.sum(dtype=np.float64)
    return float(np.abs(a.astype(np.int16) - b).sum(dtype=np.float64) / total)


def _groups(families: list[str], look_alikes: list[tuple[int, int]]) -> list[str]:
    """Return a group for each font: its family, merged with those that look like it."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, index = np.unique(np.array(families, np.str_), return_inverse=True)
    linked = np.array([(index[i], index[j]) for i, j in look_alikes], int).reshape(-1, 2).T
    graph = coo_array((np.ones(linked.shape[1]), (linked[0], linked[1])), (len(names),) * 2)
    _, component = connected_components(graph, directed=False)
    first: dict[int, str] = {}
    for name, number in zip(names.tolist(), component.tolist(), strict=True):
        first.setdefault(number, name)  # the first name of a component in alphabetical order
    return [first[number] for number in component[index].tolist()]


def _hash(text: str) -> float:
    """Return a number in [0, 1) that depends on a text only."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16) / 16**12


def _test_fonts(groups: list[str]) -> Array:
    """Return which fonts are for test, (n,) of bool: whole groups, some in each part."""
    hashes = np.array([_hash(group) for group in groups])
    is_test = hashes < TEST_SHARE
    if not is_test.any():
        is_test = hashes == hashes.min()
    if is_test.all():
        is_test = hashes < hashes.max()
    return is_test


def _spread(families: list[str], is_test: Array, number: int) -> list[int]:
    """Return some fonts, sorted: families take turns in each part, in an order by hash."""
    n_test = min(max(1, round(number * float(is_test.mean()))), int(is_test.sum()), number - 1)
    chosen: list[int] = []
    for part, size in ((True, n_test), (False, number - n_test)):
        turns: Counter[str] = Counter()
        queue: list[tuple[int, float, int]] = []
        for row in np.flatnonzero(is_test == part).tolist():
            family = families[row]
            queue.append((turns[family], _hash(family), row))
            turns[family] += 1
        chosen += [row for _, _, row in sorted(queue)[:size]]
    return sorted(chosen)
