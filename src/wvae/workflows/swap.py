"""Swap two examples, from files or from data, and write the result as an image or a sound."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.catalogue import CATALOGUE
from ..datasets.conform import check_files, match_channels
from ..datasets.dataset import Array
from ..datasets.messages import Log, did_you_mean, preview
from ..estimator import WVAE
from ..io.files import atomic
from .inputs import open_for_model

NO_RATE = "the model has no record of the sample rate of its sounds: give --rate"


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
    """Write an example with the label of `a` and the style of `b`, and return the file's path.

    Parameters
    ----------
    folder
        The model folder.
    model
        The model in that folder.
    a, b
        Files of one example, or ``DATA:ROW``: see `read_example`.
    out
        The file. Its suffix sets the format: see `write_example`. None is a file in the current
        folder, named after a and b.
    rate
        Samples per second of a sound; None is the rate of the training data. If the model has no
        record of that, files of sounds are read at this rate, too.
    log
        Receives messages on conversions and on the predicted labels.

    Raises
    ------
    ValueError
        If an example or the file does not fit the model.
    """
    out = out or Path(f"{example_stem(a)}-in-{example_stem(b)}{_suffixes(model)[0]}")
    x_a = read_example(folder, model, a, rate=rate, log=log)
    x_b = read_example(folder, model, b, rate=rate, log=log)
    swapped = model.swap(x_a, x_b)
    write_example(out, swapped[0], model, rate or _rate(model))
    if model.config_.classifier_weight:
        label_a, label_b, label = (model.predict(x)[0] for x in (x_a, x_b, swapped))
        log(f"predicted labels: {label_a} for A, {label_b} for B, {label} for A in B's style")
    return out


def read_example(
    folder: Path, model: WVAE, text: str, *, rate: int | None = None, log: Log
) -> Array:
    """Return one example, (1, \\*shape), from a file or from a row of data.

    Parameters
    ----------
    folder
        The model folder.
    model
        The model in that folder.
    text
        A file of one example (an image, a sound or an .npy), or ``DATA:ROW`` with rows from 0.
    rate
        Samples per second of a sound, for a model that has no record of it.
    log
        Receives messages on conversions.

    Raises
    ------
    ValueError
        If there is no such file or row, or it does not have the form of the training data.
    """
    path = Path(text)
    if path.is_file():
        x = _read_file(model, path, rate)
        return match_channels(x, model.config_.kind, model.shape_, text, log)
    source, colon, row = text.rpartition(":")
    if not (colon and row.isdecimal()):
        if path.is_dir() or text in CATALOGUE:
            raise ValueError(
                f"{text} is a data set, expected one example of it: add the number of a row, as in "
                f"{text}:0"
            )
        siblings = os.listdir(path.parent) if path.parent.is_dir() else []
        hint = did_you_mean(path.name, siblings)
        raise ValueError(
            f"{text} is no file, expected one example, or DATA:ROW such as handwriting:0{hint}"
        )
    # Messages about the whole data set are not of interest for one of its rows.
    data = open_for_model(folder, model, source, drop_missing=True, log=_discard, unlabelled=True)
    at = int(row)
    if data.rows is not None and at not in data.rows:
        raise ValueError(
            f"{source} has no complete row {row}: a number is missing in it, or there are fewer "
            f"rows; the first complete ones are {preview(data.rows.tolist())}"
        )
    if data.rows is not None:
        at = int(np.searchsorted(data.rows, at))
    if at >= len(data):
        raise ValueError(
            f"{source} has {len(data):,} rows, expected a row from 0 to {len(data) - 1}, not {row}"
        )
    return np.array(data.x[at : at + 1])


def write_example(path: Path, x: Array, model: WVAE, rate: int | None = None) -> None:
    """Write one example atomically, as an image (.png), a sound (.wav) or an array (.npy).

    Parameters
    ----------
    path
        The file. Missing folders are created.
    x
        The example, (\\*shape), as the model decodes it.
    model
        The model that decoded it.
    rate
        Samples per second of a sound.

    Raises
    ------
    ValueError
        If the suffix does not fit the data, or the rate of a sound is unknown.
    """
    suffix, allowed = path.suffix.lower(), _suffixes(model)
    if suffix not in allowed:
        raise ValueError(
            f"{path} has the suffix {suffix or '(none)'}, expected {' or '.join(allowed)} for "
            f"{model.config_.kind} data of this model"
        )
    if suffix == ".wav" and rate is None:
        raise ValueError(NO_RATE)
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
            if pixels.shape[:-2] == (1,):
                pixels = pixels[0]
            if pixels.ndim == 3:
                pixels = pixels.transpose(1, 2, 0)
            Image.fromarray(pixels).save(file, format="PNG")


def _suffixes(model: WVAE) -> tuple[str, ...]:
    """Return the suffixes of files that can hold an example of this model, the default first."""
    if model.config_.kind == "audio":
        return ".wav", ".npy"
    has_pixels = model.config_.kind == "image" and model.model_.unit_range
    if has_pixels and model.shape_[:-2] in ((), (1,), (3,)):
        return ".png", ".npy"
    return (".npy",)


def _discard(text: str) -> None:
    """Drop a message."""


def _read_file(model: WVAE, path: Path, rate: int | None) -> Array:
    """Return the example in a file, (1, \\*shape)."""
    from ..datasets.readers.arrays.examples import examples
    from ..datasets.readers.files import images, sounds
    from ..datasets.readers.files.media import Content

    suffix, kind = path.suffix.lower(), model.config_.kind
    if suffix == ".npy":
        try:
            x = np.load(path, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(
                f"{path} is not a complete .npy file of numbers ({error}): save it again"
            ) from error
        return examples(x[None], str(path), _discard, model.schema_)
    allowed = {"image": images.SUFFIXES, "audio": sounds.SUFFIXES, "table": ()}[kind]
    if suffix not in allowed:
        raise ValueError(
            f"{path} is not an example of {kind} data, expected {', '.join((*allowed, '.npy'))}, "
            f"or DATA:ROW such as {path}:0"
        )

    def one_file() -> list[tuple[str, Content]]:
        return [(path.name, path)]

    options: dict[str, Any] = {"log": _discard, "progress": False}
    if kind == "audio":
        rate = _rate(model) or rate
        if rate is None:
            raise ValueError(f"{path}: {NO_RATE}")
        options["mels"], options["frames"] = model.shape_[-2:]
        return sounds.read_sounds(one_file, 1, str(path), rate=rate, **options)[0]
    check_files(model.scale_.white, str(path))
    height, width = model.shape_[-2:]
    schema = model.schema_
    if schema is not None:  # the value of white, grey or colour: as in the training files
        options["shape"], options["white"] = schema.shape, schema.white or images.BYTE
    return images.read_images(one_file, 1, str(path), size=(height, width), **options).x


def _rate(model: WVAE) -> int | None:
    """Return the samples per second of the training sounds, or None if they are not known."""
    return None if model.schema_ is None else model.schema_.rate


def example_stem(text: str) -> str:
    """Return the name of an example as part of a file name."""
    path = Path(text)
    return re.sub(r"\W+", "-", path.stem if path.is_file() else path.name).strip("-")
