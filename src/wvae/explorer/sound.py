"""How sounds become spectrograms in the page, and spectrograms become sounds."""

from __future__ import annotations

from pathlib import Path

from ..datasets.spectrograms import RANGE_DB, TRIM_DB, lengths, mel_bands
from .contract import Sound

__all__ = ["SECONDS", "describe_sound"]

SECONDS = 0.5  # length of the sounds that are played, as in `wvae.datasets.audio.invert`
FILTERS = "sound/mel.f32"


def describe_sound(rate: int, mels: int, frames: int, folder: Path) -> Sound:
    """Write the bands of log-mel spectrograms and return the numbers that the page computes with.

    Parameters
    ----------
    rate
        Samples per second of the sounds that gave the spectrograms.
    mels, frames
        Shape of a spectrogram.
    folder
        Folder ``data/`` of the page; ``sound/mel.f32`` in it becomes the weights of the
        frequencies in the bands, (mels, n_fft / 2 + 1), float32.

    Raises
    ------
    ValueError
        If some of the bands contain no frequency at this rate.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sound = describe_sound(8000, 64, 64, Path(folder))
    ...     size = (Path(folder) / sound["filters"]).stat().st_size
    >>> sound["n_fft"], sound["window"], sound["hop"], size == 4 * 64 * 257
    (512, 256, 32, True)
    """
    n_fft, window, hop = lengths(rate)
    bands = mel_bands(rate, n_fft, mels).toarray().astype("<f4")
    path = folder / FILTERS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bands.tobytes())
    return {
        "rate": rate,
        "mels": mels,
        "frames": frames,
        "n_fft": n_fft,
        "window": window,
        "hop": hop,
        "filters": FILTERS,
        "seconds": SECONDS,
        "range_db": RANGE_DB,
        "trim_db": TRIM_DB,
    }
