"""Compute one log-mel spectrogram from the blocks of a wave, in bounded memory."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from .dataset import Array

__all__ = ["RANGE_DB", "Statistics", "centre", "lengths", "mel_bands", "spectrogram_of"]

RANGE_DB = 80.0  # a spectrogram covers this range below the loudest point of its sound
TRIM_DB = 40.0  # a sound starts and ends where it is less than this below its loudest moment
WINDOW, HOP = 0.032, 0.004  # seconds: length of a frame, and distance between frames in `log_mel`
SILENCE = 1e-5  # a peak below this, less than the last bit of a 16-bit sample, is silence
MAX_SAMPLES = 2**22  # of one sound, and values of its spectrogram, that are kept in memory
MAX_BINS = 2**20  # of Fourier transforms at once


def lengths(rate: int) -> tuple[int, int, int]:
    """Return the lengths of a Fourier transform, a frame and a hop, in samples."""
    window, hop = max(round(WINDOW * rate), 2), max(round(HOP * rate), 1)
    # Twice as fine as the window requires, so that every narrow band contains a frequency.
    return 2 * 2 ** math.ceil(math.log2(window)), window, hop


@lru_cache(maxsize=8)
def mel_bands(rate: int, n_fft: int, mels: int) -> Any:
    """Return the weight of each frequency in each band, (mels, n_fft / 2 + 1), sparse."""
    import librosa
    from scipy.sparse import csr_array

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about empty bands, which raise below
        bands = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=mels)
    if not bands.any(1).all():
        raise ValueError(
            f"mels is {mels}, expected fewer, such as 64: at {rate} samples per second some bands "
            "contain no frequency"
        )
    # Sparse, since a band spans few frequencies; threads cost more than they save here.
    return csr_array(bands)


class Statistics:
    """Number, sum and range of the samples of a long wave."""

    def __init__(self) -> None:
        self.n, self.total, self.low, self.high = 0, 0.0, math.inf, -math.inf

    def add(self, block: Array) -> None:
        """Add the samples of a block."""
        self.n += len(block)
        self.total += float(block.sum(dtype=np.float64))
        # A NaN stays in the sum, whatever the range says.
        self.low = min(self.low, float(block.min()))
        self.high = max(self.high, float(block.max()))

    def check(self, name: str) -> tuple[np.float32, np.float32]:
        """Return the mean of the scaled wave and the scale; raise an error for an unusable wave."""
        if not (math.isfinite(self.total) and math.isfinite(self.high - self.low)):
            raise ValueError(f"{name} holds NaN or infinity: leave it out")
        scale = _scale(max(abs(self.low), abs(self.high)))
        mean = np.float32(scale * self.total / self.n)
        if max(scale * self.high - mean, mean - scale * self.low) < SILENCE:
            raise ValueError(f"{name} is silent, expected a sound: leave it out")
        return mean, np.float32(scale)


def centre(wave: Array, name: str) -> Array:
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
    scale = _scale(float(np.abs(wave).max()))
    if scale != 1:
        wave = wave * wave.dtype.type(scale)
    wave = wave.astype(np.float32) - wave.mean(dtype=np.float64).astype(np.float32)
    if np.abs(wave).max() < SILENCE:
        raise ValueError(f"{name} is silent, expected a sound: leave it out")
    return wave


def _scale(peak: float) -> float:
    """Return the power of two that keeps the power of a wave within float32; usually 1."""
    return 2.0 ** -max(0, math.frexp(peak)[1] - 20)


def spectrogram_of(
    blocks: Callable[[], Iterator[Array]], rate: int, mels: int, frames: int
) -> Array:
    """Return the spectrogram of a wave without mean, whose blocks are yielded by every call."""
    energies, kept, n = list[Array](), list[Array](), 0
    for energy, band_power in _band_powers(blocks(), rate, mels):
        energies.append(energy)
        n += band_power.size
        if n <= MAX_SAMPLES:
            kept.append(band_power)
    energy = np.concatenate(energies)
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (-TRIM_DB / 10))
    if n <= MAX_SAMPLES:
        powers = iter(kept)
    else:
        powers = (band_power for _, band_power in _band_powers(blocks(), rate, mels))
    averages = _average(powers, int(loud[0]), int(loud[-1]) + 1, mels, frames).T  # (mels, frames)
    decibels = 10 * np.log10(np.maximum(averages / averages.max(), 1e-30))
    return 1 + np.maximum(decibels, -RANGE_DB) / RANGE_DB


def _band_powers(blocks: Iterator[Array], rate: int, mels: int) -> Iterator[tuple[Array, Array]]:
    """Yield the energy (T,) and the power in each band (T, mels) of the frames, T at a time."""
    n_fft, window, hop = lengths(rate)
    bands = mel_bands(rate, n_fft, mels)
    taper = np.hanning(window + 1)[:-1].astype(np.float32)
    step = hop * max(1, MAX_BINS // n_fft)
    # The time of a frame is its middle: pad the wave at both ends.
    pending = np.zeros(window // 2, np.float32)
    for block in chain(blocks, [np.zeros(window // 2 + hop, np.float32)]):
        for start in range(0, len(block), step):
            pending = np.concatenate([pending, block[start : start + step]])
            if len(pending) < window:
                continue
            parts = np.lib.stride_tricks.sliding_window_view(pending, window)[::hop]  # (T, window)
            power = np.abs(np.fft.rfft(parts * taper, n_fft)) ** 2  # (T, n_fft / 2 + 1)
            yield power.sum(1), (bands @ power.T).T
            pending = pending[hop * len(parts) :]


def _average(powers: Iterator[Array], first: int, stop: int, bands: int, frames: int) -> Array:
    """Return averages of power over `frames` equal parts of time, (frames, bands).

    The parts divide the rows from `first` to `stop` of (T, bands), which come in blocks.
    """
    n = stop - first
    edges = np.linspace(0, n, frames + 1)
    whole = np.minimum(edges.astype(int), n - 1)
    up_to_edge = np.empty((frames + 1, bands))
    total = np.zeros((1, bands))  # of the rows before `start`, which counts from `first`
    start = -first
    for block in powers:
        rows = block[max(0, -start) : max(0, n - start)]
        at = max(0, start)
        start += len(block)
        if not len(rows):
            continue
        totals = np.cumsum(np.concatenate([total, rows]), 0, dtype=np.float64)
        inside = np.flatnonzero((whole >= at) & (whole < at + len(rows)))
        row = whole[inside] - at
        rest = (edges[inside] - whole[inside])[:, None]
        up_to_edge[inside] = totals[row] + rest * rows[row]
        total = totals[-1:]
    return np.diff(up_to_edge, axis=0).clip(min=0) * (frames / n)
