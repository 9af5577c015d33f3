"""How sounds become spectrograms and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..datasets.spectrograms import RANGE_DB, TRIM_DB, lengths, mel_bands
from .contract import Sound

FILTERS = "sound/mel.f32"


def describe_sound(rate: int, mels: int, frames: int, folder: Path) -> Sound:
    """Write the mel filters into a folder, and return what the page needs to know."""
    n_fft, window, hop = lengths(rate)
    bands = mel_bands(rate, n_fft, mels).toarray()
    path = folder / FILTERS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.ascontiguousarray(bands, "<f4").tobytes())
    return {
        "rate": rate,
        "mels": mels,
        "frames": frames,
        "n_fft": n_fft,
        "window": window,
        "hop": hop,
        "filters": FILTERS,
        "seconds": 0.5,
        "range_db": RANGE_DB,
        "trim_db": TRIM_DB,
    }
