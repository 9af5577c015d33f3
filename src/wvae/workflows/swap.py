"""Swap two examples, each from a file or from a data set, and write the result to look at or to listen to."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from ..datasets.dataset import Array
from ..datasets.messages import Log, did_you_mean
from ..estimator import WVAE
from ..io.files import atomic
from .encode import as_trained, open_like, remembered_rate


def swap(
    folder: Path,
    model: WVAE,
    a: str,
    b: str,
    out: Path | None = None,
    *,
    rate: int | None = None,
    log: Log,
) -> Path:
    """Write the label of example `a` in the style of example `b` to a file, and return its path.

    Parameters
    ----------
    folder, model
        The model folder and what it holds.
    a, b
        Files of one example, or ``DATA:ROW``: see `example`.
    out
        The file, whose ending says how: see `write_example`. None: called after both, in the current folder.
    rate
        Samples per second of a sound; None: the model's.
    log
        Told how the examples and the result are read.

    Raises
    ------
    ValueError
        If an example or the file is not suitable.
    """
    out = out or Path(f"{_word(a)}-in-{_word(b)}{_suffixes(model)[0]}")
    x = [example(folder, model, text, log=log) for text in (a, b)]
    swapped = model.swap(*x)
    write_example(out, swapped[0], model, rate or remembered_rate(folder))
    if model.config_.classifier_weight:
        read = [model.predict(one)[0] for one in (*x, swapped)]
        log(f"A is read as {read[0]}, B as {read[1]}, A in B's style as {read[2]}")
    return out


def example(folder: Path, model: WVAE, text: str, *, log: Log) -> Array:
    """Return one example, (1, \\*shape), from a file of one, or from ``DATA:ROW``, the row of a data set, from 0.

    Raises
    ------
    ValueError
        If there is no such file or row, or it is not what the model was trained on.
    """
    path = Path(text)
    if path.is_file():
        return as_trained(_one(folder, model, path), model, text, log)
    source, colon, row = text.rpartition(":")
    if not (colon and row.isdecimal()):
        here = os.listdir(path.parent) if path.parent.is_dir() and not path.exists() else []
        near = did_you_mean(path.name, here)
        raise ValueError(
            f"{text} is no file{near}, expected one example, or DATA:ROW such as handwriting:0"
        )
    data = open_like(folder, model, source, log=_discard, unlabelled=True)
    if int(row) >= len(data):
        raise ValueError(
            f"{source} has {len(data):,} rows, expected a row from 0 to {len(data) - 1}, not {row}"
        )
    return np.array(data.x[int(row) : int(row) + 1])


def write_example(path: Path, x: Array, model: WVAE, rate: int | None = None) -> None:
    """Write one example, (\\*shape), atomically: as an image (.png), to listen to (.wav), or as numbers (.npy).

    Raises
    ------
    ValueError
        If the file's ending does not suit what the model was trained on, or a sound's rate is not known.
    """
    suffix, suited = path.suffix.lower(), _suffixes(model)
    if suffix not in suited:
        raise ValueError(
            f"{path} ends in {suffix or 'nothing'}, expected {' or '.join(suited)} of such {model.config_.kind} data"
        )
    if suffix == ".wav" and rate is None:
        raise ValueError(
            "the model does not remember the samples per second of its sounds: give --rate"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary, temporary.open("wb") as file:
        if suffix == ".npy":
            np.save(file, x)
        elif suffix == ".wav" and rate is not None:
            import soundfile

            from ..datasets.audio import invert

            soundfile.write(file, invert(x, rate), rate, format="WAV", subtype="PCM_16")
        else:
            from PIL import Image

            pixels = (255 * x.clip(0, 1)).round().astype(np.uint8)
            pixels = pixels[0] if pixels.shape[:-2] == (1,) else pixels
            Image.fromarray(pixels if pixels.ndim == 2 else pixels.transpose(1, 2, 0)).save(
                file, format="PNG"
            )


def _suffixes(model: WVAE) -> tuple[str, ...]:
    """Return what files can hold an example of this model, the best one first."""
    if model.config_.kind == "audio":
        return ".wav", ".npy"
    if (
        model.config_.kind == "image"
        and model.model_.unit_range
        and model.shape_[:-2] in ((), (1,), (3,))
    ):
        return ".png", ".npy"
    return (".npy",)


def _discard(text: str) -> None:
    """Drop what is said of a whole data set: of one example nobody wants to hear it again."""


def _one(folder: Path, model: WVAE, path: Path) -> Array:
    """Return what a file holds, (1, \\*shape)."""
    from ..datasets.readers import images, sounds
    from ..datasets.readers.arrays import examples
    from ..datasets.readers.media import Content

    suffix, kind = path.suffix.lower(), model.config_.kind
    wanted = {"image": images.SUFFIXES, "audio": sounds.SUFFIXES, "table": ()}[kind]
    if suffix == ".npy":
        try:
            x = np.load(path, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(
                f"{path} is no whole .npy file of numbers ({error}): save it again"
            ) from error
        return examples(x[None], str(path), _discard)
    if suffix not in wanted:
        raise ValueError(
            f"{path} is no example of {kind} data, expected {', '.join((*wanted, '.npy'))}, or DATA:ROW such as "
            f"{path}:0"
        )

    def only() -> list[tuple[str, Content]]:
        return [(path.name, path)]

    if kind == "audio":
        rate = remembered_rate(folder)
        return sounds.read_sounds(only, 1, str(path), rate=rate, log=_discard, progress=False)[0]
    return images.read_images(
        only, 1, str(path), size=(model.shape_[-2], model.shape_[-1]), log=_discard, progress=False
    )[0]


def _word(text: str) -> str:
    return re.sub(r"\W+", "-", Path(text).stem if Path(text).is_file() else Path(text).name).strip(
        "-"
    )
