"""Read sound files, compute log-mel spectrograms, and invert spectrograms to sound.

Sounds of any length become images of one shape, (mels, frames), so that the image models apply.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from . import spectrograms
from .dataset import Array
from .sound_files import read_blocks
from .spectrograms import RANGE_DB, Statistics, centre, lengths, mel_bands, spectrogram_of

__all__ = ["RANGE_DB", "invert", "log_mel", "read_log_mel", "read_wav"]

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
    if rate < 1:
        raise ValueError(f"rate is {rate}, expected samples per second, such as 16000")
    if isinstance(path, str | Path):
        with open(path, "rb") as file:
            return read_wav(file, rate)
    name = getattr(path, "name", "the file")
    blocks = list(read_blocks(path, rate, name))
    if not blocks:
        raise ValueError(f"{name} is empty, expected at least one sample: leave it out")
    return np.concatenate(blocks)


def read_log_mel(
    path: str | Path | BinaryIO, rate: int, *, mels: int = 64, frames: int = 64
) -> tuple[Array, float]:
    """Read a sound file of any length as one log-mel spectrogram, in bounded memory.

    A sound of up to 4 million samples is read once and kept in memory. A longer one is decoded
    three times, block by block: for its mean, for the moments at which it starts and ends, and for
    its spectrogram. Only the energy of each frame is kept, 4 MB for an hour.

    Parameters
    ----------
    path
        Path of a file in any format that libsndfile reads, or the opened file.
    rate
        Sample rate of the wave from which the spectrogram is computed, in samples per second.
    mels, frames
        As for `log_mel`.

    Returns
    -------
    spectrogram
        (mels, frames) float32 in [0, 1], as `log_mel` computes it from the whole wave.
    seconds
        Length of the sound.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not a sound file, is cut off, empty, silent or not finite.

    Examples
    --------
    >>> import io, soundfile
    >>> file = io.BytesIO()
    >>> time = np.arange(4000) / 8000
    >>> soundfile.write(file, np.sin(2 * np.pi * 440 * time), 8000, format="WAV")
    >>> spectrogram, seconds = read_log_mel(file, 8000)
    >>> spectrogram.shape, seconds
    ((64, 64), 0.5)
    """
    if isinstance(path, str | Path):
        with open(path, "rb") as file:
            return read_log_mel(file, rate, mels=mels, frames=frames)
    name = getattr(path, "name", "the file")
    kept = list[Array]()
    statistics = Statistics()
    for block in read_blocks(path, rate, name):
        statistics.add(block)
        if statistics.n <= spectrograms.MAX_SAMPLES:
            kept.append(block)
        else:
            kept.clear()
    seconds = statistics.n / rate
    if statistics.n <= spectrograms.MAX_SAMPLES:
        wave = np.concatenate([np.zeros(0, np.float32), *kept])
        return log_mel([wave], rate, mels=mels, frames=frames, names=[name])[0], seconds
    mean, scale = statistics.check(name)

    def blocks() -> Iterator[Array]:
        for block in read_blocks(path, rate, name):
            yield block * scale - mean

    return spectrogram_of(blocks, rate, mels, frames), seconds


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
    for name, value in (("rate", rate), ("mels", mels), ("frames", frames)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1")
    mel_bands(rate, lengths(rate)[0], mels)  # rejects too many bands
    out = np.empty((len(waves), mels, frames), np.float32)
    for i, wave in enumerate(waves):
        centred = centre(wave, names[i] if names is not None else f"sound {i}")
        out[i] = spectrogram_of(lambda wave=centred: iter([wave]), rate, mels, frames)
    return out


def invert(log_mel: Array, rate: int, *, seconds: float = 0.5) -> Array:
    """Turn one log-mel spectrogram into a wave to listen to.

    Non-negative least squares gives the frequencies of the bands, and the fast Griffin-Lim
    algorithm estimates the phases. Its seed is fixed, so a spectrogram always gives the same wave.
    `log_mel` keeps neither the loudness nor the length of a sound; therefore the peak of the wave
    is 1 and its length is `seconds`. The wave has the shape (samples,), in float32.

    Parameters
    ----------
    log_mel
        (mels, frames), as `log_mel` computes it; values outside [0, 1] are clipped.
    rate
        Sample rate of the wave and of the sounds that gave the spectrogram, in samples per second.
    seconds
        Length of the wave.

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

    n_fft, window, _ = lengths(rate)
    hop, samples = math.ceil(window / OVERLAP), max(round(seconds * rate), 1)
    mel_bands(rate, n_fft, len(x))  # rejects too many bands before librosa warns of them
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
