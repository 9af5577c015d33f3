"""Sound files, of any length and rate, as one array of log-mel spectrograms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np

from .dataset import Array
from .pictures import Content, Pictures, bar, drop_bad
from .wording import Say, one_line

__all__ = ["SUFFIXES", "read_sounds"]

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
MOST_RATE = 16_000  # Hz, if no rate is asked for: what speech needs
AT_ONCE = 64  # sounds whose waves are held
MELS, FRAMES = 64, 64


def read_sounds(
    sounds: Pictures, n: int, where: str, *, rate: int | None, say: Say, progress: bool
) -> tuple[Array, Array, int]:
    """Return log-mel spectrograms, which of the n could be read, and the samples per second all were brought to.

    The spectrograms are (k, mels, frames) float32 in [0, 1], and what could be read is (n,) bool.

    Parameters
    ----------
    sounds
        Called for each reading; yields n pairs of a name and a path or the file's bytes.
    n
        How many there are.
    where
        What errors call all of them.
    rate
        Samples per second that all are brought to. None: the most common one, at most 16,000.
    say, progress
        Who is told what was done; whether to show a bar on stderr.

    Raises
    ------
    ValueError
        If the rate makes no sense, or 1 % of the sounds or more are silent, empty or cannot be read.
    """
    from .audio import read_wav

    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int) or not 1000 <= rate <= 192_000):
        raise ValueError(f"rate is {rate!r}, expected samples per second from 1,000 to 192,000")
    rates = _rates(sounds)
    if not rates:
        drop_bad({name: "it is no sound" for name, _ in sounds()}, n, where, say)
    rate = rate or min(rates.most_common(1)[0][0], MOST_RATE)
    x, k = np.empty((n, MELS, FRAMES), np.float32), 0
    whole, bad, seconds = np.zeros(n, bool), dict[str, str](), list[float]()
    rows = enumerate(sounds())
    with bar("reading sounds", n, progress) as step:
        while chunk := list(islice(rows, AT_ONCE)):
            waves: dict[int, Array] = {}
            for i, (name, content) in chunk:
                try:
                    waves[i] = read_wav(_opened(content), rate)
                except (ValueError, OSError) as error:
                    bad[name] = _reason(error, content)
                step()
            names = {i: name for i, (name, _) in chunk}
            for i, spectrum in _spectra(waves, names, rate, bad):
                x[k] = spectrum
                k, whole[i] = k + 1, True
                seconds.append(len(waves[i]) / rate)
    drop_bad(bad, n, where, say)
    came = ", ".join(f"{own:,} Hz" + (f" ({count:,})" if len(rates) > 1 else "") for own, count in rates.most_common(3))
    brought = "" if set(rates) == {rate} else f" brought to {rate:,} Hz"
    say(
        f"{k:,} sounds of {min(seconds):.2f} to {max(seconds):.2f} s, {came}{brought}, "
        f"as log-mel spectrograms of {MELS} bands × {FRAMES} parts"
    )
    return x[:k], whole, rate


def _rates(sounds: Pictures) -> Counter[int]:
    """Count the samples per second of all that have a header."""
    import soundfile

    found: Counter[int] = Counter()
    for _, content in sounds():
        with suppress(soundfile.LibsndfileError, OSError):  # it is met again, and named, when it is read
            found[soundfile.info(_opened(content)).samplerate] += 1
    return found


def _spectra(
    waves: dict[int, Array], names: dict[int, str], rate: int, bad: dict[str, str]
) -> Iterator[tuple[int, Array]]:
    """Yield the spectrogram of each wave that has one; many at once are three times as fast as one by one."""
    from .audio import log_mel

    try:
        yield from zip(waves, log_mel(list(waves.values()), rate, mels=MELS, frames=FRAMES), strict=True)
    except ValueError:
        for i, wave in waves.items():
            try:
                found = log_mel([wave], rate, mels=MELS, frames=FRAMES, names=["it"])
            except ValueError as error:
                bad[names[i]] = one_line(error)
            else:
                yield i, found[0]


def _opened(content: Content) -> Path | BytesIO:
    if content is None:
        raise OSError("it is empty")
    return BytesIO(content) if isinstance(content, bytes) else content


def _reason(error: Exception, content: Content) -> str:
    """Return why a sound cannot be read, without its name, which stands before it already."""
    return f"it {one_line(error).removeprefix(f'{content} ').removeprefix('the file ')}"
