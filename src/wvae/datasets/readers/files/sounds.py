"""Read sound files of any length and rate as one array of log-mel spectrograms."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...dataset import Array
from ...messages import Log, one_line
from . import images
from .media import Content, MediaSource, other_format, progress_bar, report_unreadable

__all__ = ["FRAMES", "MELS", "SUFFIXES", "holds_sounds", "read_sounds"]

SUFFIXES = (
    *(".wav", ".wave", ".bwf", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aif", ".aiff"),
    *(".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", ".voc", ".sph", ".nist", ".ircam", ".sf"),
    *(".iff", ".svx", ".8svx", ".paf", ".pvf", ".avr", ".htk", ".xi", ".sds", ".wve"),
    # libsndfile does not read these, and the error says to convert them.
    *(".m4a", ".aac", ".wma", ".amr"),
)
MAX_RATE = 16_000  # Hz, if no rate is given: enough for speech
MELS, FRAMES = 64, 64


def holds_sounds(source: MediaSource) -> bool:
    """Return whether the files are sounds: the first one that is a sound or an image decides.

    The suffix of a file's name decides if it has a usual one, else what Pillow and libsndfile can
    read. If they can read none, the answer is no.

    Parameters
    ----------
    source
        Yields the name and the content of each file.

    Raises
    ------
    ModuleNotFoundError
        If no file is an image, and soundfile, which may be able to read them, is not installed.
    """
    missing: ModuleNotFoundError | None = None
    for _, content in source():
        if not content:
            continue
        if isinstance(content, Path) and content.suffix.lower() in SUFFIXES:
            return True
        if _is_image(content):
            return False
        try:
            if _is_sound(content):
                return True
        except ModuleNotFoundError as error:
            missing = error
    if missing is not None:
        raise missing
    return False


def read_sounds(
    sounds: MediaSource,
    n: int,
    where: str,
    *,
    rate: int | None,
    log: Log,
    progress: bool,
    mels: int = MELS,
    frames: int = FRAMES,
) -> tuple[Array, Array, int]:
    """Read sounds as log-mel spectrograms (`wvae.datasets.audio.log_mel`), in bounded memory.

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
    mels, frames
        Bands and frames of each spectrogram.

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
    from ...audio import read_log_mel
    from ...sound_files import check_rate

    if rate is not None:
        rate = check_rate(rate)
    rates = _count_rates(sounds)
    if rate is None:
        rate = min(rates.most_common(1)[0][0] if rates else MAX_RATE, MAX_RATE)
    x = np.empty((n, mels, frames), np.float32)
    readable = np.zeros(n, bool)
    reasons = dict[str, str]()
    seconds = list[float]()
    with progress_bar("reading sounds", n, progress) as step:
        for i, (name, content) in enumerate(sounds()):
            try:
                with _opened(content) as file:
                    spectrum, length = read_log_mel(file, rate, mels=mels, frames=frames)
            except (ValueError, OSError) as error:
                reasons[name] = _reason(error, content)
            else:
                x[len(seconds)] = spectrum
                readable[i] = True
                seconds.append(length)
            step()
    report_unreadable(reasons, n, where, log)
    log(_summary(seconds, rates, rate, (mels, frames)))
    return x[: len(seconds)], readable, rate


def _is_image(content: bytes | Path) -> bool:
    """Return whether Pillow can read a file; no, if Pillow is not installed."""
    if isinstance(content, Path) and content.suffix.lower() in images.SUFFIXES:
        return True
    try:
        from PIL import Image
    except ModuleNotFoundError:
        return False
    try:
        with _opened(content) as file, Image.open(file, formats=images.FORMATS):
            return True
    except Image.DecompressionBombError:
        return True
    except (OSError, SyntaxError, ValueError):  # UnidentifiedImageError is an OSError
        return False


def _is_sound(content: bytes | Path) -> bool:
    """Return whether libsndfile can read a file."""
    from ...sound_files import is_sound

    try:
        with _opened(content) as file:
            return is_sound(file)
    except OSError:
        return False


def _count_rates(sounds: MediaSource) -> Counter[int]:
    """Count the sample rates of all sounds with a readable header."""
    from ...sound_files import file_rate

    counts: Counter[int] = Counter()
    for _, content in sounds():
        # The second reading raises the same error, which is reported.
        with suppress(ValueError, OSError), _opened(content) as file:
            counts[file_rate(file)] += 1
    return counts


def _opened(content: Content) -> BinaryIO:
    """Return an opened file."""
    if not content or (isinstance(content, Path) and not content.stat().st_size):
        raise ValueError("it is empty")
    return BytesIO(content) if isinstance(content, bytes) else content.open("rb")


def _reason(error: Exception, content: Content) -> str:
    """Return why a sound cannot be read, without its name, which precedes the reason."""
    if isinstance(error, OSError) and error.strerror:
        return f"it cannot be opened ({error.strerror})"
    found = other_format(content, "a sound") if content else ""
    if found:
        return f"it is {found}"
    reason = one_line(error)
    for name in (f"{content} ", "the file ", "it "):
        reason = reason.removeprefix(name)
    return f"it {reason}"


def _summary(seconds: list[float], rates: Counter[int], rate: int, shape: tuple[int, int]) -> str:
    """Return the line for the log on lengths and rates."""
    most_common = list[str]()
    for file_rate, count in rates.most_common(3):
        most_common.append(f"{file_rate:,} Hz" + (f" ({count:,})" if len(rates) > 1 else ""))
    if len(rates) > 3:
        most_common.append("…")
    resampled = "" if set(rates) == {rate} else f" resampled to {rate:,} Hz"
    return (
        f"{len(seconds):,} sounds of {min(seconds):.2f} to {max(seconds):.2f} s, "
        f"{', '.join(most_common)}{resampled}, "
        f"as log-mel spectrograms of {shape[0]} bands × {shape[1]} frames"
    )
