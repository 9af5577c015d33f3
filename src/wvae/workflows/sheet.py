"""Sheets of swaps: every label in the style of some examples, as one picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets import Dataset
from ..datasets.dataset import Array
from ..datasets.messages import Log
from ..datasets.readers.files import images, sounds
from ..estimator import WVAE
from ..io.files import atomic
from .inputs import open_for_model
from .sheet_image import draw_sheet, is_drawable
from .swap import example_stem, read_example

MAX_COLUMNS, ROWS = 64, 10
CANDIDATES = 20  # examples of each label, of which the clearest heads the column


@dataclass(frozen=True)
class Sheet:
    """The examples of a sheet: those that give labels, and those that give styles.

    Parameters
    ----------
    labels, names
        One example for each column, (columns, \\*shape), and the columns' names.
    styles
        One example for each row, (rows, \\*shape).
    """

    labels: Array
    names: list[str]
    styles: Array


def sheet(
    folder: Path,
    model: WVAE,
    a: str,
    b: str | None = None,
    out: Path | None = None,
    *,
    rate: int | None = None,
    log: Log,
) -> Path:
    """Write a picture of the labels of `a` in the styles of `b`, and return the file's path.

    Parameters
    ----------
    folder
        The model folder.
    model
        The model in that folder.
    a
        A data set, of which every label gets a column, or one example: see
        `wvae.workflows.swap.read_example`.
    b
        A data set, of which ten examples of different labels get a row each, or one example. None
        is `a`. Of both, held-out rows are taken if there are any.
    out
        The file, a ``.png``. None is a file in the current folder, named after `a` and `b`.
    rate
        Samples per second of a sound, for a model that has no record of it.
    log
        Receives messages.

    Raises
    ------
    ValueError
        If an example, data or the file do not fit the model, or cannot be drawn.
    """
    config = model.config_
    if not is_drawable(config.kind, model.shape_):
        raise ValueError(
            f"a sheet shows images or spectrograms, and this model is of {config.kind} data of "
            f"shape {model.shape_}: leave out --sheet"
        )
    stem = example_stem(a) if b is None else f"{example_stem(a)}-in-{example_stem(b)}"
    out = out or Path(f"{stem}-sheet.png")
    if out.suffix.lower() != ".png":
        raise ValueError(f"--out {out} has the suffix {out.suffix or '(none)'}, expected .png")
    labels, names = _labels(folder, model, a, rate, log)
    if b is None and _is_example(model, a):
        raise ValueError(f"{a} is one example: give data, or a second example for the style")
    styles = _styles(folder, model, a if b is None else b, rate, log)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_sheet(out, model, Sheet(labels, names, styles))
    return out


def write_sheet(path: Path, model: WVAE, examples: Sheet) -> None:
    """Write the picture of a sheet atomically, a PNG.

    Parameters
    ----------
    path
        The file.
    model
        Swaps the examples.
    examples
        The examples, in the form of the model's training data.
    """
    z_label, _ = model.encode(examples.labels)
    _, z_rest = model.encode(examples.styles)
    rows, columns = len(z_rest), len(z_label)
    swaps = model.decode(np.tile(z_label, (rows, 1)), np.repeat(z_rest, columns, 0))
    swaps = swaps.reshape(rows, columns, *swaps.shape[1:])
    labels, styles = (_as_decoded(model, x) for x in (examples.labels, examples.styles))
    picture = draw_sheet(labels, examples.names, styles, swaps, kind=model.config_.kind)
    with atomic(path) as temporary, temporary.open("wb") as file:
        picture.save(file, format="PNG")


def choose_labels(model: WVAE, data: Dataset, seed: int = 0) -> tuple[Array, list[str]]:
    """Return an example of every label, and the labels' names; of 64 labels at most.

    Of some random examples of a label it is the one whose label the model is surest of: it stands
    for the label, not for a style.

    Parameters
    ----------
    model
        The model.
    data
        Data with labels.
    seed
        Seed of the choice.
    """
    rng = np.random.default_rng(seed)
    chosen: list[Array] = []
    names: list[str] = []
    for label, rows in _rows_by_label(data)[:MAX_COLUMNS]:
        x = data.x[np.sort(rng.permutation(rows)[:CANDIDATES])]
        best = 0
        at = np.flatnonzero(model.classes_ == label)
        if model.config_.classifier_weight and len(at):
            best = int(model.predict_proba(x)[:, at[0]].argmax())
        chosen.append(x[best])
        names.append(str(label))
    return np.stack(chosen), names


def choose_styles(data: Dataset, seed: int = 0) -> Array:
    """Return ten random examples, of as many labels as possible, (10, \\*shape) at most.

    Parameters
    ----------
    data
        The data.
    seed
        Seed of the choice.
    """
    rng = np.random.default_rng(seed)
    groups = [rng.permutation(rows) for _, rows in _rows_by_label(data)]
    groups = groups or [rng.permutation(len(data))]  # no labels
    order = rng.permutation(len(groups))
    chosen: list[tuple[int, int]] = []
    for turn in range(ROWS):
        for group in order:
            chosen += [(int(group), int(row)) for row in groups[group][turn : turn + 1]]
    rows = [row for _, row in sorted(chosen[:ROWS])]
    return np.stack([data.x[row] for row in rows])


def held_out(data: Dataset) -> Dataset:
    """Return the rows of the test part, or all rows if there is none."""
    if data.split is None or not (data.split == "test").any():
        return data
    return data.subset(data.split == "test")


def _rows_by_label(data: Dataset) -> list[tuple[object, Array]]:
    """Return each label with its rows, in order."""
    indices = data.indices
    labels = enumerate(data.classes.tolist())
    return [(label, np.flatnonzero(indices == index)) for index, label in labels]


def _labels(
    folder: Path, model: WVAE, text: str, rate: int | None, log: Log
) -> tuple[Array, list[str]]:
    """Return the examples of the columns and their names, from an example or data."""
    if _is_example(model, text):
        x = read_example(folder, model, text, rate=rate, log=log)
        has_labels = bool(model.config_.classifier_weight)
        return x, [str(model.predict(x)[0]) if has_labels else Path(text).stem]
    data = open_for_model(folder, model, text, log=log)
    n_classes = len(data.classes)
    if n_classes > MAX_COLUMNS:
        log(f"the sheet shows the first {MAX_COLUMNS} of {n_classes:,} labels")
    return choose_labels(model, held_out(data))


def _styles(folder: Path, model: WVAE, text: str, rate: int | None, log: Log) -> Array:
    """Return the examples of the rows, from an example or data."""
    if _is_example(model, text):
        return read_example(folder, model, text, rate=rate, log=log)
    return choose_styles(held_out(open_for_model(folder, model, text, log=log, unlabelled=True)))


def _is_example(model: WVAE, text: str) -> bool:
    """Return whether a text names one example, not data."""
    path = Path(text)
    if not path.is_file():
        return text.rpartition(":")[2].isdecimal() and ":" in text
    if path.suffix == ".npy":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return array.shape == model.shape_
    return path.suffix.lower() in (*images.SUFFIXES, *sounds.SUFFIXES)


def _as_decoded(model: WVAE, x: Array) -> Array:
    """Return examples in the units of decoded ones: pixels of whole numbers become fractions."""
    if not model.scale_.unit_range:
        return np.asarray(x, np.float64)
    scale = model.scale_.for_array(x, float(np.min(x)), float(np.max(x)))
    return np.asarray(scale.apply(x), np.float64)
