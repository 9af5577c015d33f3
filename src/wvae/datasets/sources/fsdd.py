"""Spoken digits of six speakers: the Free Spoken Digit Dataset as log-mel spectrograms."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from ...validation.quoting import quoted
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

RATE = 8000  # Hz, of every recording
TEST_TAKES = 5  # per digit and speaker: the first takes are the test part

Label = Literal["digit", "speaker"]

_DIGITS, _TAKES = 10, 50
_NAME = re.compile(r"/recordings/(\d)_([a-z]+)_(\d+)\.wav$")


class _Recording(NamedTuple):
    """Digit, speaker and take of a recording, from its file name."""

    digit: int
    speaker: str
    take: int

    @property
    def file_name(self) -> str:
        return f"{self.digit}_{self.speaker}_{self.take}.wav"


def load(*, label: Label = "digit", progress: bool = True) -> Dataset:
    """Load 3,000 recordings of spoken English digits as log-mel spectrograms.

    Six speakers say each digit 50 times. The rows are sorted by digit, speaker and take. Takes 0
    to 4 are the official test part, 300 rows.

    Parameters
    ----------
    label
        ``"digit"``, with the speaker as a factor, or ``"speaker"``, with the digit as a factor.
    progress
        Show a progress bar on stderr during the download (16.6 MB, once).

    Returns
    -------
    Dataset
        ``x`` (3000, 64, 64) float32 in [0, 1], see `wvae.datasets.audio.log_mel`; ``y`` the label
        and ``factors`` the other one of

        =======  ================================================================
        digit    0 to 9, int64
        speaker  george, jackson, lucas, nicolas, theo or yweweler
        =======  ================================================================

    Raises
    ------
    wvae.datasets.download.DownloadError
        If the file cannot be downloaded.
    ValueError
        If ``label`` has another value, or the file does not contain these recordings.

    References
    ----------
    Jackson, Souza, Flaks, Pan, Nicolas, Thite. Jakobovski/free-spoken-digit-dataset: v1.0.8. 2018.
    """
    if label not in get_args(Label):
        raise ValueError(f"label is {quoted(label)}, expected {' or '.join(get_args(Label))}")
    (file,) = FILES["fsdd"]
    waves, recordings = _read_zip(fetch("fsdd", file, progress=progress))
    factors = {
        "digit": np.array([recording.digit for recording in recordings]),
        "speaker": np.array([recording.speaker for recording in recordings]),
    }
    takes = np.array([recording.take for recording in recordings])
    y = factors.pop(label)
    return Dataset(
        log_mel(waves, RATE, names=[recording.file_name for recording in recordings]),
        y,
        factors,
        split=np.where(takes < TEST_TAKES, "test", "train"),
        kind="audio",
        label_name=label,
        name="fsdd",
        source=f"Free Spoken Digit Dataset (Jackson et al. 2018), commit {_COMMIT[:7]}",
        licence=CATALOGUE["fsdd"].licence,
        rate=RATE,
    )


def _read_zip(path: Path) -> tuple[list[Array], list[_Recording]]:
    """Return all waves, (samples,) each, and their recordings, sorted."""
    try:
        with zipfile.ZipFile(path) as archive:
            members: dict[_Recording, str] = {}
            for member in archive.namelist():
                match = _NAME.search(member)
                if match:
                    members[_Recording(int(match[1]), match[2], int(match[3]))] = member
            recordings = sorted(members)
            _check(recordings, path)
            waves: list[Array] = []
            for recording in recordings:
                content = archive.read(members[recording])
                waves.append(read_wav(io.BytesIO(content), RATE))
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{path} is not a complete zip ({error}): delete it and load again"
        ) from error
    return waves, recordings


def _check(recordings: list[_Recording], path: Path) -> None:
    """Raise ValueError unless each speaker has 50 takes of each digit."""
    speakers = sorted({recording.speaker for recording in recordings})
    expected: list[_Recording] = []
    for digit in range(_DIGITS):
        for speaker in speakers:
            expected += [_Recording(digit, speaker, take) for take in range(_TAKES)]
    if not recordings or recordings != expected:
        raise ValueError(
            f"{path} has {len(recordings)} recordings of {len(speakers)} speakers, expected each "
            f"digit {_TAKES} times by each speaker: delete the file and load again"
        )
