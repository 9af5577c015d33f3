"""Decode sound files block by block, so that memory does not grow with the length of a sound."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np

from .dataset import Array

__all__ = ["MAX_RATE", "MIN_RATE", "check_rate", "file_rate", "is_sound", "read_blocks"]

MIN_RATE, MAX_RATE = 1_000, 768_000  # Hz; a header that says anything else is damaged
MIN_SHARE = 0.99  # of the samples that a header promises; MP3 files promise about as many
BLOCK = 2**18  # samples that are decoded at once
FILTER_REACH = 10  # SciPy's: half of the filter's length is this many periods of the lower rate
MAX_FACTOR = 48_000  # of up- and downsampling; the filter has 20 times as many coefficients

_UNKNOWN_FORMAT = 1  # libsndfile's number of the error that no format matches
# libsndfile's notes on a header, such as "data : 4800 (should be 956)".
_LENGTH_NOTE = re.compile(r"(?:data|SSND|Data Size|riff|Riff size)\s*: (\d+) \(should be (\d+)\)")
# Programs that write to a pipe do not know the length, and write about 2**31 or 2**32 bytes.
_UNKNOWN_FRAMES = 2**62  # libsndfile's number for a FLAC from a pipe is even larger
_UNKNOWN_LENGTHS = (range(2**31 - 2**16, 2**31), range(2**32 - 2**16, 2**32))


def check_rate(rate: Any) -> int:
    """Return a sample rate as an int, or raise a ValueError.

    Examples
    --------
    >>> check_rate(16_000)
    16000
    """
    is_integer = isinstance(rate, int | np.integer) and not isinstance(rate, bool)
    if is_integer and MIN_RATE <= int(rate) <= MAX_RATE:
        return int(rate)
    raise ValueError(
        f"rate is {rate}, expected samples per second from {MIN_RATE:,} to {MAX_RATE:,}"
    )


def is_sound(file: BinaryIO) -> bool:
    """Return whether libsndfile recognises the format of a file, whatever its header says."""
    import soundfile

    try:
        with _silenced(), soundfile.SoundFile(file):
            return True
    except soundfile.LibsndfileError as error:
        return error.code != _UNKNOWN_FORMAT


def file_rate(file: BinaryIO) -> int:
    """Return the sample rate in the header of a sound file.

    Raises
    ------
    ValueError
        If the file is not a readable sound file, or the rate is impossible.
    """
    with _opened(file, "the file") as sound:
        return sound.samplerate


def read_blocks(file: BinaryIO, rate: int, name: str) -> Iterator[Array]:
    """Yield a sound from its first sample on, block by block, as one channel at `rate`.

    Parameters
    ----------
    file
        An opened file in any format that libsndfile reads.
    rate
        Sample rate of the result, in samples per second.
    name
        Name of the file for errors.

    Yields
    ------
    Array
        (samples,) float32, the mean of the channels.

    Raises
    ------
    ValueError
        If the file is not a readable sound file, is cut off, or has an impossible header.
    """
    with _opened(file, name) as sound:
        ratio = Fraction(rate, sound.samplerate)
        if max(ratio.numerator, ratio.denominator) > MAX_FACTOR:
            ratio = _limited(ratio)
        blocks = _decoded(sound, name)
        yield from blocks if ratio == 1 else _resampled(blocks, ratio.numerator, ratio.denominator)


@contextmanager
def _opened(file: BinaryIO, name: str) -> Generator[Any]:
    """Yield a sound file whose header is possible; raise errors of libsndfile as a ValueError."""
    import soundfile

    file.seek(0)
    try:
        with _silenced():
            sound = soundfile.SoundFile(file)
        with sound:
            if not MIN_RATE <= sound.samplerate <= MAX_RATE:
                raise ValueError(
                    f"{name} claims {sound.samplerate:,} samples per second, expected "
                    f"{MIN_RATE:,} to {MAX_RATE:,}: it is damaged"
                )
            yield sound
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".")
        raise ValueError(
            f"{name} is not a readable sound file ({reason}): convert it to wav"
        ) from error


def _decoded(sound: Any, name: str) -> Iterator[Array]:
    """Yield the mean of the channels, block by block, and check that no samples are missing."""
    _check_length(sound.extra_info, name)
    frames = max(1, BLOCK // sound.channels)
    n, promised = 0, sound.frames
    if promised >= _UNKNOWN_FRAMES:
        # soundfile seeks after each read, which libsndfile refuses where the length is unknown.
        sound.seekable = lambda: False
        promised = 0
    if sound.seekable():  # as `soundfile.read` does: it changes the last bits of an MP3
        with _silenced():
            sound.seek(0)
    while True:
        with _silenced():
            block = sound.read(frames, dtype="float32", always_2d=True)
        if not len(block):
            break
        n += len(block)
        yield block.mean(1)
    if n < MIN_SHARE * promised:
        raise ValueError(f"{name} is cut off: it has {n:,} of the {promised:,} samples it promises")


def _check_length(notes: str, name: str) -> None:
    """Raise a ValueError if the header promises more bytes than the file has."""
    for promised, present in _LENGTH_NOTE.findall(notes):
        is_unknown = any(int(promised) in lengths for lengths in _UNKNOWN_LENGTHS)
        if not is_unknown and int(present) < MIN_SHARE * int(promised):
            raise ValueError(
                f"{name} is cut off: it has {int(present):,} of the {int(promised):,} bytes of its "
                "header"
            )


@contextmanager
def _silenced() -> Generator[None]:
    """Discard what libmpg123 prints on stderr about damaged files, which are reported anyway."""
    try:
        kept = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _limited(ratio: Fraction) -> Fraction:
    """Return the nearest ratio of small integers, which is less than 1e-8 away from 1 : 1.

    Coprime rates, such as 767,999 and 16,000 Hz, would need a filter of millions of coefficients.
    """
    if ratio > 1:
        return 1 / _limited(1 / ratio)
    return ratio.limit_denominator(MAX_FACTOR)


@lru_cache(maxsize=4)
def _low_pass(up: int, down: int) -> Array:
    """Return the filter that `scipy.signal.resample_poly` would design for every call."""
    from scipy.signal import firwin

    lower = max(up, down)
    window: Any = ("kaiser", 5.0)
    taps = firwin(2 * FILTER_REACH * lower + 1, 1 / lower, window=window)
    return np.asarray(taps, np.float32)


def _resampled(blocks: Iterator[Array], up: int, down: int) -> Iterator[Array]:
    """Yield what `scipy.signal.resample_poly` returns for the whole wave, bit for bit.

    Each piece is resampled with as many samples around it as the filter reaches. A piece starts at
    a multiple of `down`, where a sample of the input and one of the output coincide.
    """
    from scipy.signal import resample_poly

    reach = math.ceil((FILTER_REACH * max(up, down) + down) / up) + 1
    context = math.ceil(reach / down) * down
    step = math.ceil(BLOCK / down) * down
    taps = _low_pass(up, down)
    pending, before = np.zeros(0, np.float32), 0  # `before`: samples of context at its start
    for block in blocks:
        pending = np.concatenate([pending, block])
        while len(pending) >= before + step + context:
            out = resample_poly(pending[: before + step + context], up, down, window=taps)
            yield out[before * up // down : (before + step) * up // down]
            kept = min(before + step, context)
            pending, before = pending[before + step - kept :], kept
    if len(pending) > before:
        out = resample_poly(pending, up, down, window=taps)
        yield out[before * up // down :]
