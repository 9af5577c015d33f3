"""Read sound files of any length and rate as one array of log-mel spectrograms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np

from ..dataset import Array
from ..messages import Log, one_line
from .media import Content, MediaSource, progress_bar, report_unreadable

__all__ = ["FRAMES", "MELS", "SUFFIXES", "holds_sounds", "read_sounds"]

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
MAX_RATE = 16_000  # Hz, if no rate is given: enough for speech
CHUNK = 64  # waves held in memory at once
MELS, FRAMES = 64, 64
_SOUND_STARTS = (b"RIFF", b"fLaC", b"OggS", b"ID3")


def holds_sounds(source: MediaSource) -> bool:
    """Return whether the files are sounds, by the suffix or the first bytes of the first one.

    Parameters
    ----------
    source
        Yields the name and the content of each file.
    """
    content = next(iter(source()))[1]
    if isinstance(content, Path):
        return content.suffix.lower() in SUFFIXES
    # WebP images start with RIFF, too.
    return content is not None and content.startswith(_SOUND_STARTS) and content[8:12] != b"WEBP"


def read_sounds(
    sounds: MediaSource, n: int, where: str, *, rate: int | None, log: Log, progress: bool
) -> tuple[Array, Array, int]:
    """Read sounds as log-mel spectrograms (`wvae.datasets.audio.log_mel`).

    Parameters
    ----------
    sounds
        Called twice, for rates and for samples; yields n pairs of a name and a path or bytes.
    n
        Number of sounds.
    where
        Name of the data for errors.
    rate
        Samples per second to which all are resampled. None: the most common rate, at most 16,000.
    log
        Called with one summary line.
    progress
        Show a progress bar on stderr.

    Returns
    -------
    x
        (k, mels, frames) float32 in [0, 1].
    readable
        Mask of the sounds that could be read, (n,) bool, with k True values.
    rate
        Samples per second of the waves from which x was computed.

    Raises
    ------
    ValueError
        If the rate is impossible, or 1 % of the sounds or more are silent, empty or cannot be read.
    """
    from ..audio import read_wav

    if rate is not None and not _is_rate(rate):
        raise ValueError(f"rate is {rate!r}, expected samples per second from 1,000 to 192,000")
    rates = _count_rates(sounds)
    if not rates:  # raises, since no file is readable
        report_unreadable({name: "it is not a sound" for name, _ in sounds()}, n, where, log)
    rate = rate or min(rates.most_common(1)[0][0], MAX_RATE)
    x = np.empty((n, MELS, FRAMES), np.float32)
    readable = np.zeros(n, bool)
    reasons = dict[str, str]()
    seconds = list[float]()
    k = 0
    rows = enumerate(sounds())
    with progress_bar("reading sounds", n, progress) as step:
        while chunk := list(islice(rows, CHUNK)):
            waves: dict[int, Array] = {}
            for i, (name, content) in chunk:
                try:
                    waves[i] = read_wav(_open(content), rate)
                except (ValueError, OSError) as error:
                    reasons[name] = _reason(error, content)
                step()
            names = {i: name for i, (name, _) in chunk}
            for i, spectrum in _spectrograms(waves, names, rate, reasons):
                x[k] = spectrum
                readable[i] = True
                seconds.append(len(waves[i]) / rate)
                k += 1
    report_unreadable(reasons, n, where, log)
    log(_summary(seconds, rates, rate))
    return x[:k], readable, rate


def _is_rate(rate: object) -> bool:
    return isinstance(rate, int) and not isinstance(rate, bool) and 1000 <= rate <= 192_000


def _count_rates(sounds: MediaSource) -> Counter[int]:
    """Count the sample rates of all sounds with a readable header."""
    import soundfile

    counts: Counter[int] = Counter()
    for _, content in sounds():
        # The second reading raises the same error, which is reported.
        with suppress(soundfile.LibsndfileError, OSError):
            counts[soundfile.info(_open(content)).samplerate] += 1
    return counts


def _spectrograms(
    waves: dict[int, Array], names: dict[int, str], rate: int, reasons: dict[str, str]
) -> Iterator[tuple[int, Array]]:
    """Yield the number and spectrogram of each wave; store why a wave has none in `reasons`.

    All waves at once are three times as fast as one by one, which happens only after an error.
    """
    from ..audio import log_mel

    try:
        spectrograms = log_mel(list(waves.values()), rate, mels=MELS, frames=FRAMES)
        yield from zip(waves, spectrograms, strict=True)
    except ValueError:
        for i, wave in waves.items():
            try:
                spectrogram = log_mel([wave], rate, mels=MELS, frames=FRAMES, names=["it"])[0]
            except ValueError as error:
                reasons[names[i]] = one_line(error)
            else:
                yield i, spectrogram


def _open(content: Content) -> Path | BytesIO:
    """Return what soundfile opens."""
    if content is None:
        raise OSError("it is empty")
    return BytesIO(content) if isinstance(content, bytes) else content


def _reason(error: Exception, content: Content) -> str:
    """Return why a sound cannot be read, without its name, which precedes the reason."""
    return f"it {one_line(error).removeprefix(f'{content} ').removeprefix('the file ')}"


def _summary(seconds: list[float], rates: Counter[int], rate: int) -> str:
    """Return the line for the log on lengths and rates."""
    most_common = list[str]()
    for file_rate, count in rates.most_common(3):
        most_common.append(f"{file_rate:,} Hz" + (f" ({count:,})" if len(rates) > 1 else ""))
    resampled = "" if set(rates) == {rate} else f" resampled to {rate:,} Hz"
    return (
        f"{len(seconds):,} sounds of {min(seconds):.2f} to {max(seconds):.2f} s, "
        f"{', '.join(most_common)}{resampled}, "
        f"as log-mel spectrograms of {MELS} bands × {FRAMES} frames"
    )
