"""Spoken digits of six speakers: the Free Spoken Digit Dataset as log-mel spectrograms."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ..audio import log_mel, read_wav
from ..catalogue import CATALOGUE
from ..dataset import Array, Dataset
from ..download import RemoteFile, fetch

__all__ = ["FILES", "RATE", "load"]

_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"

FILES: dict[str, tuple[RemoteFile, ...]] = {
    "fsdd": (
        RemoteFile(
            f"free-spoken-digit-dataset-{_COMMIT}.zip",
            (f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{_COMMIT}.zip",),
            "9d95b9adefc0eb54081eb2090e986a88",
            16_628_041,
        ),
    ),
}

RATE = 8000  # samples per second of every recording
TEST_TAKES = 5  # of each digit by each speaker: the first ones

Label = Literal["digit", "speaker"]

_DIGITS, _TAKES = 10, 50
_NAME = re.compile(r"/recordings/(\d)_([a-z]+)_(\d+)\.wav$")


def load(*, label: Label = "digit", progress: bool = True) -> Dataset:
    """Load 3,000 recordings of spoken English digits, (n, 64, 64) float32 in [0, 1] as `audio.log_mel` makes them.

    Six speakers say each digit 50 times, 8,000 samples per second. The rows are ordered by digit, speaker and take; the
    takes 0 to 4 are the official test part, 300 rows.

    Factors
        ``speaker``
            Their name: george, jackson, lucas, nicolas, theo or yweweler.
        ``digit``
            0 to 9, int64; in place of ``speaker`` if that is the label.

    Parameters
    ----------
    label
        ``"digit"``, with the speaker as a factor, or ``"speaker"``, with the digit.
    progress
        Show a progress bar on stderr while downloading (16.6 MB, once).

    Raises
    ------
    DownloadError
        If the file cannot be brought into the cache.
    ValueError
        If the label is another, or the file does not hold these recordings.

    References
    ----------
    Jackson, Souza, Flaks, Pan, Nicolas, Thite. Jakobovski/free-spoken-digit-dataset: v1.0.8. 2018.
    """
    if label not in get_args(Label):
        raise ValueError(f"label is {label!r}, expected {' or '.join(get_args(Label))}")
    (file,) = FILES["fsdd"]
    waves, rows = _recordings(fetch("fsdd", file, progress=progress))
    names = {"digit": np.array([d for d, _, _ in rows]), "speaker": np.array([s for _, s, _ in rows])}
    return Dataset(
        log_mel(waves, RATE, names=["_".join(map(str, row)) + ".wav" for row in rows]),
        names.pop(label),
        names,
        split=np.where(np.array([take for _, _, take in rows]) < TEST_TAKES, "test", "train"),
        kind="audio",
        label_name=label,
        name="fsdd",
        source=f"Free Spoken Digit Dataset (Jackson et al. 2018), commit {_COMMIT[:7]}",
        licence=CATALOGUE["fsdd"].licence,
        rate=RATE,
    )


def _recordings(path: Path) -> tuple[list[Array], list[tuple[int, str, int]]]:
    """Return all waves and, of each, digit, speaker and take, in this order."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = {}
            for member in archive.namelist():
                if match := _NAME.search(member):
                    found[int(match[1]), match[2], int(match[3])] = member
            rows = sorted(found)
            _check(rows, path)
            return [read_wav(io.BytesIO(archive.read(found[row])), RATE) for row in rows], rows
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is not a whole zip ({error}): delete it and load again") from error


def _check(rows: list[tuple[int, str, int]], path: Path) -> None:
    speakers = sorted({speaker for _, speaker, _ in rows})
    if (
        rows != [(d, speaker, take) for d in range(_DIGITS) for speaker in speakers for take in range(_TAKES)]
        or not rows
    ):
        raise ValueError(
            f"{path} holds {len(rows)} recordings of {len(speakers)} speakers, expected every digit {_TAKES} times "
            "by each: it is another version; delete it and load again"
        )
