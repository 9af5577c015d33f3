"""Sound as pictures, and back: log-mel spectrograms of one shape for sounds of any length."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .dataset import Array

__all__ = ["RANGE", "invert", "log_mel", "read_wav"]

RANGE = 80.0  # dB below the loudest point of a sound that are told apart
QUIET = 40.0  # dB below the loudest moment: what is quieter before and after a sound is cut off
WINDOW, HOP = 0.032, 0.004  # seconds: of a frame, and from one to the next before they are brought to one number
ROUNDS, MOMENTUM, OVERLAP = 100, 0.99, 4  # of Griffin & Lim's algorithm; frames that overlap in it at each moment


def read_wav(path: str | Path | BinaryIO, rate: int) -> Array:
    """Return a sound file as one wave, (samples,) float32 in [-1, 1], channels averaged, resampled to `rate`.

    Parameters
    ----------
    path
        Of a file in any format that libsndfile reads (wav, flac, ogg, mp3 …), or the open file.
    rate
        Samples per second that are wanted.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no sound file, holds no sample, or the rate is not positive.
    """
    import soundfile
    from scipy.signal import resample_poly

    if rate < 1:
        raise ValueError(f"rate is {rate}, expected samples per second, such as 16000")
    if isinstance(path, str | Path):
        with open(path, "rb") as file:
            return read_wav(file, rate)
    name = getattr(path, "name", "the file")
    try:
        channels, own = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"{name} is no sound file that can be read ({error.error_string}): convert it to wav"
        ) from error
    if not len(channels):
        raise ValueError(f"{name} is empty, expected at least one sample: drop it")
    wave = channels.mean(1)
    if own != rate:
        common = math.gcd(own, rate)
        wave = resample_poly(wave, rate // common, own // common)
    return wave.astype(np.float32)


def log_mel(
    waves: Sequence[Array], rate: int, *, mels: int = 64, frames: int = 64, names: Sequence[str] | None = None
) -> Array:
    """Return log-mel spectrograms, (n, mels, frames) float32 in [0, 1], low frequencies first.

    Each sound is cut where it is 40 dB below its loudest moment, before and after. Its power in bands of equal width on
    the mel scale is averaged over `frames` equal parts of what is left, so that sounds of any length get one shape, and
    told in decibels below its own loudest point::

        x = 1 + max(10 log10(power / max power), −80) / 80

    Parameters
    ----------
    waves
        n waves, (samples,) each, floating.
    rate
        Samples per second of all of them.
    mels, frames
        Bands between 0 and rate / 2, and parts of a sound.
    names
        What errors call the sounds, such as their files; their numbers otherwise.

    Raises
    ------
    ValueError
        If a sound is empty, silent or not finite (the message says which), or a number is not positive.
    TypeError
        If a wave is not floating or not one-dimensional.

    References
    ----------
    Stevens, Volkmann & Newman (1937), A scale for the measurement of the psychological magnitude pitch.

    Examples
    --------
    >>> time = np.arange(4000) / 8000
    >>> low, high = (np.sin(2 * np.pi * f * time) for f in (300, 3000))
    >>> x = log_mel([low, high], 8000)
    >>> x.shape, x.dtype.name, float(x.max()), x.mean(2).argmax(1).tolist()
    ((2, 64, 64), 'float32', 1.0, [7, 56])
    """
    from scipy.sparse import csr_array

    for name, value in (("rate", rate), ("mels", mels), ("frames", frames)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1")
    n_fft, window, hop = _lengths(rate)
    # Sparse: a band spans few frequencies, and threads for products this small cost more than they save.
    bands = csr_array(_bands(rate, n_fft, mels))
    taper = np.hanning(window + 1)[:-1].astype(np.float32)
    out = np.empty((len(waves), mels, frames), np.float32)
    for i, wave in enumerate(waves):
        wave = _checked(wave, names[i] if names is not None else f"sound {i}")
        padded = np.pad(wave, (window // 2, window // 2 + hop))  # a frame's middle, not its start, is its time
        parts = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]  # (T, window)
        power = np.abs(np.fft.rfft(parts * taper, n_fft)) ** 2  # (T, n_fft / 2 + 1)
        power = _stretched((bands @ _trimmed(power).T).T, frames).T  # (mels, frames)
        decibels = 10 * np.log10(np.maximum(power / power.max(), 1e-30))
        out[i] = 1 + np.maximum(decibels, -RANGE) / RANGE
    return out


def invert(log_mel: Array, rate: int, *, seconds: float = 0.5) -> Array:
    """Return a wave to listen to, (samples,) float32 in [-1, 1], of one log-mel spectrogram.

    Bands are turned back into frequencies by non-negative matrix factorisation, and phases are found by the fast
    algorithm of Griffin & Lim. How loud and how long a sound was is not in a spectrogram of `log_mel`.

    Parameters
    ----------
    log_mel
        (mels, frames) in [0, 1], as `log_mel` makes them; values outside are clipped.
    rate
        Samples per second, as of the waves that the spectrogram is of.
    seconds
        How long it shall sound.

    Raises
    ------
    ValueError
        If the shape is another, a value is not finite, or rate or seconds are not positive.

    References
    ----------
    Griffin & Lim (1984), Signal estimation from modified short-time Fourier transform; Perraudin, Balazs & Søndergaard
    (2013), A fast Griffin-Lim algorithm; Lee & Seung (2001), Algorithms for non-negative matrix factorization.

    Examples
    --------
    >>> wave = np.sin(2 * np.pi * 440 * np.arange(4000) / 8000)
    >>> again = invert(log_mel([wave], 8000)[0], 8000)
    >>> again.shape, again.dtype.name
    ((4000,), 'float32')
    """
    x = np.asarray(log_mel, np.float64)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"the spectrogram has shape {x.shape}, expected (mels, frames)")
    if not np.isfinite(x).all():
        raise ValueError("the spectrogram holds NaN or infinity")
    if rate < 1 or not 0 < seconds < math.inf:
        raise ValueError(f"rate is {rate} and seconds {seconds}, expected both above 0")
    n_fft, window, _ = _lengths(rate)
    hop, samples = -(-window // OVERLAP), max(round(seconds * rate), 1)
    # Frames as close as Griffin & Lim need them, between the middles of those that are there.
    wanted = np.arange(-OVERLAP, samples // hop + 1 + OVERLAP) * (hop * x.shape[1] / samples) - 0.5
    x = np.stack([np.interp(wanted, np.arange(x.shape[1]), band) for band in x.clip(0, 1)], 1)  # (T, mels)
    power = np.where(x > 0, 10 ** ((x - 1) * RANGE / 10), 0.0)  # the floor is silence
    bands = _bands(rate, n_fft, x.shape[1]).astype(np.float64)
    wave = _with_phases(np.sqrt(_unmixed(power, bands)), hop)
    start = (OVERLAP + OVERLAP // 2) * hop  # a frame's middle is its time, and the first frames precede the sound
    wave = wave[start : start + samples]
    return (wave / max(float(np.abs(wave).max()), 1e-9)).astype(np.float32)


def _unmixed(power: Array, bands: Array) -> Array:
    """Return the power at each frequency, (T, n_fft / 2 + 1), of which this is the power in bands, (T, mels).

    By Lee & Seung's updates (2001), which keep all numbers positive and err alike, in decibels, on loud and soft bands.
    """
    share = bands.sum(0)  # of what a frequency gives to all bands; none for the lowest and the highest
    found = np.tile(np.where(share > 0, 1.0, 0.0), (len(power), 1))
    for _ in range(ROUNDS):
        ratio = power / np.maximum(found @ bands.T, 1e-20)
        found *= (ratio @ bands) / np.maximum(share, 1e-20)
    return found


def _with_phases(magnitude: Array, hop: int) -> Array:
    """Return the wave, ((T + OVERLAP − 1) · hop,), whose frames come closest to the magnitudes (T, n_fft / 2 + 1)."""
    window, n_fft = OVERLAP * hop, 2 * (magnitude.shape[1] - 1)
    taper = np.hanning(window + 1)[:-1]
    norm = np.maximum(_added(np.tile(taper**2, (len(magnitude), 1)), hop), 1e-3)
    turn = np.exp(2j * np.pi * np.random.default_rng(0).random(magnitude.shape))
    wave, before = norm, np.zeros_like(turn)
    for _ in range(ROUNDS):
        wave = _added(np.fft.irfft(magnitude * turn, n_fft)[:, :window] * taper, hop) / norm
        found = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(wave, window)[::hop] * taper, n_fft)
        turn = found + MOMENTUM * (found - before)
        turn /= np.maximum(np.abs(turn), 1e-20)
        before = found
    return wave


def _added(frames: Array, hop: int) -> Array:
    """Return the sum of overlapping frames, (T, OVERLAP · hop) → ((T + OVERLAP − 1) · hop,)."""
    out = np.zeros((len(frames) + OVERLAP - 1, hop))
    for k in range(OVERLAP):
        out[k : k + len(frames)] += frames[:, k * hop : (k + 1) * hop]
    return out.ravel()


def _lengths(rate: int) -> tuple[int, int, int]:
    """Return the length of a Fourier transform, of a frame and of a step, in samples."""
    window, hop = max(round(WINDOW * rate), 2), max(round(HOP * rate), 1)
    # Twice as fine as the window asks for, so that no narrow band falls between two frequencies.
    return 2 * 2 ** math.ceil(math.log2(window)), window, hop


def _bands(rate: int, n_fft: int, mels: int) -> Array:
    """Return how much of each frequency is in each band, (mels, n_fft / 2 + 1)."""
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of bands that are empty, which the error says better
        bands = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=mels)
    if not bands.any(1).all():
        raise ValueError(f"mels is {mels}, expected fewer, such as 64: at {rate} samples per second bands are empty")
    return bands


def _checked(wave: Array, name: str) -> Array:
    wave = np.asarray(wave)
    if wave.ndim != 1 or wave.dtype.kind != "f":
        raise TypeError(f"{name} has shape {wave.shape} and dtype {wave.dtype}, expected (samples,), floating")
    if not wave.size:
        raise ValueError(f"{name} is empty, expected at least one sample: drop it")
    if not np.isfinite(wave).all():
        raise ValueError(f"{name} holds NaN or infinity: drop it, or record it again")
    wave = wave.astype(np.float32) - wave.mean(dtype=np.float64).astype(np.float32)
    if np.abs(wave).max() < 1e-5:  # less than the last bit of 16
        raise ValueError(f"{name} is silent, expected a sound: drop it")
    return wave


def _trimmed(power: Array) -> Array:
    """Return the frames from the first to the last that are loud enough."""
    energy = power.sum(1)
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (-QUIET / 10))
    return power[loud[0] : loud[-1] + 1]


def _stretched(power: Array, frames: int) -> Array:
    """Return power (T, bands) as its averages over equal parts, (frames, bands)."""
    total = np.concatenate([np.zeros((1, power.shape[1])), np.cumsum(power, 0, dtype=np.float64)])
    edges = np.linspace(0, len(power), frames + 1)
    whole = np.minimum(edges.astype(int), len(power) - 1)
    upto = total[whole] + (edges - whole)[:, None] * power[whole]
    return np.diff(upto, axis=0).clip(min=0) * (frames / len(power))
