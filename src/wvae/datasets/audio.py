"""Read sound files, compute log-mel spectrograms, and invert spectrograms to sound.

Sounds of any length become images of one shape, (mels, frames), so that the image models apply.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .dataset import Array

__all__ = ["RANGE_DB", "invert", "log_mel", "read_wav"]

RANGE_DB = 80.0  # a spectrogram covers this range below the loudest point of its sound
TRIM_DB = 40.0  # a sound starts and ends where it is less than this below its loudest moment
WINDOW, HOP = 0.032, 0.004  # seconds: length of a frame, and distance between frames in `log_mel`
OVERLAP = 4  # `invert`: frames that overlap at each moment; Griffin-Lim needs several
GRIFFIN_LIM_ITERATIONS, SEED = 100, 0


def read_wav(path: str | Path | BinaryIO, rate: int) -> Array:
    """Read a sound file as one wave: average its channels and resample it to `rate`.

    Parameters
    ----------
    path
        Path of a file in any format that libsndfile reads (wav, flac, ogg, mp3 …), or the opened
        file.
    rate
        Sample rate of the result, in samples per second.

    Returns
    -------
    Array
        (samples,) float32 in [-1, 1].

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not a sound file or has no samples, or if `rate` is not positive.

    Examples
    --------
    >>> import io, soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros((441, 2)), 44_100, format="WAV")
    >>> _ = file.seek(0)
    >>> read_wav(file, 8000).shape
    (80,)
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
        channels, file_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"{name} is not a readable sound file ({error.error_string}): convert it to wav"
        ) from error
    if not len(channels):
        raise ValueError(f"{name} is empty, expected at least one sample: leave it out")
    wave = channels.mean(1)
    if file_rate != rate:
        divisor = math.gcd(file_rate, rate)
        wave = resample_poly(wave, rate // divisor, file_rate // divisor)
    return wave.astype(np.float32)


def log_mel(
    waves: Sequence[Array],
    rate: int,
    *,
    mels: int = 64,
    frames: int = 64,
    names: Sequence[str] | None = None,
) -> Array:
    """Compute log-mel spectrograms of one shape, low frequencies first.

    Each sound is trimmed to the part between the first and the last moment within 40 dB of its
    loudest moment. Triangular bands, equally wide on the mel scale, collect its power, which is
    averaged over `frames` equal parts of the trimmed sound. So sounds of any length get one shape.
    The values are decibels relative to the sound's loudest point, scaled to [0, 1]::

        x = 1 + max(10 log10(power / max power), −80) / 80

    Parameters
    ----------
    waves
        n waves, (samples,) each, floating.
    rate
        Sample rate of all waves, in samples per second.
    mels
        Number of bands between 0 and rate / 2 Hz.
    frames
        Number of parts in time.
    names
        Names of the sounds for errors, for example their files; by default "sound 0", "sound 1" …

    Returns
    -------
    Array
        (n, mels, frames) float32 in [0, 1].

    Raises
    ------
    ValueError
        If a sound is empty, silent or not finite, or if a number is not positive.
    TypeError
        If a wave is not floating or not one-dimensional.

    References
    ----------
    Stevens, Volkmann & Newman (1937), A scale for the measurement of the psychological magnitude
    pitch.

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
    # Sparse, since a band spans few frequencies; threads cost more than they save here.
    bands = csr_array(_mel_bands(rate, n_fft, mels))
    taper = np.hanning(window + 1)[:-1].astype(np.float32)
    out = np.empty((len(waves), mels, frames), np.float32)
    for i, wave in enumerate(waves):
        wave = _check_wave(wave, names[i] if names is not None else f"sound {i}")
        padded = np.pad(wave, (window // 2, window // 2 + hop))  # the time of a frame is its middle
        parts = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]  # (T, window)
        power = np.abs(np.fft.rfft(parts * taper, n_fft)) ** 2  # (T, n_fft / 2 + 1)
        band_power = (bands @ _trim(power).T).T  # (T, mels)
        averages = _average(band_power, frames).T  # (mels, frames)
        decibels = 10 * np.log10(np.maximum(averages / averages.max(), 1e-30))
        out[i] = 1 + np.maximum(decibels, -RANGE_DB) / RANGE_DB
    return out


def invert(log_mel: Array, rate: int, *, seconds: float = 0.5) -> Array:
    """Turn one log-mel spectrogram into a wave to listen to.

    Non-negative least squares gives the frequencies of the bands, and the fast Griffin-Lim
    algorithm estimates the phases. Its seed is fixed, so a spectrogram always gives the same wave.
    `log_mel` keeps neither the loudness nor the length of a sound; therefore the peak of the wave
    is 1 and its length is `seconds`.

    Parameters
    ----------
    log_mel
        (mels, frames), as `log_mel` computes it; values outside [0, 1] are clipped.
    rate
        Sample rate of the wave and of the sounds that gave the spectrogram, in samples per second.
    seconds
        Length of the wave.

    Returns
    -------
    Array
        (samples,) float32 in [-1, 1].

    Raises
    ------
    ValueError
        If the shape is wrong, a value is not finite, or `rate` or `seconds` is not positive.

    References
    ----------
    Griffin & Lim (1984), Signal estimation from modified short-time Fourier transform.
    Perraudin, Balazs & Søndergaard (2013), A fast Griffin-Lim algorithm.

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
        raise ValueError("the spectrogram holds NaN or infinity, expected values in [0, 1]")
    if rate < 1 or not 0 < seconds < math.inf:
        raise ValueError(f"rate is {rate} and seconds {seconds}, expected both above 0")
    import librosa

    n_fft, window, _ = _lengths(rate)
    hop, samples = math.ceil(window / OVERLAP), max(round(seconds * rate), 1)
    _mel_bands(rate, n_fft, len(x))  # rejects too many bands before librosa warns of them
    # Interpolate between the middles of the given frames, at the finer hop of Griffin-Lim.
    length = max(samples, n_fft)
    frames = np.arange(length // hop + 1) * (hop * x.shape[1] / samples) - 0.5
    bands = [np.interp(frames, np.arange(x.shape[1]), band) for band in x.clip(0, 1)]
    x = np.stack(bands)  # (mels, T)
    # Least squares of powers would lose the soft bands beside the loud ones: take amplitudes.
    amplitude = np.where(x > 0, 10 ** ((x - 1) * RANGE_DB / 20), 0.0)  # 0 means silence
    magnitude = librosa.feature.inverse.mel_to_stft(amplitude, sr=rate, n_fft=n_fft, power=1.0)
    wave = librosa.griffinlim(
        magnitude,
        n_iter=GRIFFIN_LIM_ITERATIONS,
        hop_length=hop,
        win_length=window,
        n_fft=n_fft,
        length=length,
        random_state=SEED,
    )[:samples]
    return (wave / max(float(np.abs(wave).max()), 1e-9)).astype(np.float32)


def _lengths(rate: int) -> tuple[int, int, int]:
    """Return the lengths of a Fourier transform, a frame and a hop, in samples."""
    window, hop = max(round(WINDOW * rate), 2), max(round(HOP * rate), 1)
    # Twice as fine as the window requires, so that every narrow band contains a frequency.
    return 2 * 2 ** math.ceil(math.log2(window)), window, hop


def _mel_bands(rate: int, n_fft: int, mels: int) -> Array:
    """Return the weight of each frequency in each band, (mels, n_fft / 2 + 1)."""
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about empty bands, which raise below
        bands = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=mels)
    if not bands.any(1).all():
        raise ValueError(
            f"mels is {mels}, expected fewer, such as 64: at {rate} samples per second some bands "
            "contain no frequency"
        )
    return bands


def _check_wave(wave: Array, name: str) -> Array:
    """Return the wave as float32 without its mean, or raise an error that names it."""
    wave = np.asarray(wave)
    if wave.ndim != 1 or wave.dtype.kind != "f":
        raise TypeError(
            f"{name} has shape {wave.shape} and dtype {wave.dtype}, expected (samples,), floating"
        )
    if not wave.size:
        raise ValueError(f"{name} is empty, expected at least one sample: leave it out")
    if not np.isfinite(wave).all():
        raise ValueError(f"{name} holds NaN or infinity: leave it out")
    wave = wave.astype(np.float32) - wave.mean(dtype=np.float64).astype(np.float32)
    if np.abs(wave).max() < 1e-5:  # less than the last bit of a 16-bit sample
        raise ValueError(f"{name} is silent, expected a sound: leave it out")
    return wave


def _trim(power: Array) -> Array:
    """Return the frames of power (T, n_fft / 2 + 1) from the first to the last loud one."""
    energy = power.sum(1)
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (-TRIM_DB / 10))
    return power[loud[0] : loud[-1] + 1]


def _average(power: Array, frames: int) -> Array:
    """Return averages of power (T, bands) over `frames` equal parts of time, (frames, bands)."""
    total = np.concatenate([np.zeros((1, power.shape[1])), np.cumsum(power, 0, dtype=np.float64)])
    edges = np.linspace(0, len(power), frames + 1)
    whole = np.minimum(edges.astype(int), len(power) - 1)
    up_to_edge = total[whole] + (edges - whole)[:, None] * power[whole]
    return np.diff(up_to_edge, axis=0).clip(min=0) * (frames / len(power))
