"""Sounds and their spectrograms as Python computes them, for the tests of the explorer's page.

    python tests/sound_fixture.py

writes the file again. `test_explorer_sound.py` fails if the file differs from what Python computes.
"""

from __future__ import annotations

import base64
import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from wvae.datasets.audio import invert, log_mel, read_wav
from wvae.datasets.sound_files import read_blocks
from wvae.explorer.sound import describe_sound

Array = np.ndarray

PATH = Path(__file__).parents[1] / "web" / "src" / "sound" / "fixtures" / "python.json"
MIRROR = Path(os.environ.get("WVAE_MIRROR", Path(__file__).resolve().parents[2] / "shared/data"))
# (rate, mels, frames, seconds): the last sound is shorter than one window
CASES = [(8000, 64, 64, 0.4), (16_000, 40, 50, 0.53), (22_050, 48, 64, 0.02)]
RESAMPLED = [(44_100, 8000), (8000, 16_000), (48_000, 22_050)]
SPEECH_RATE = 8000
RECORDINGS = "3_jackson_7.wav", "8_theo_21.wav"
SOURCE = "Free Spoken Digit Dataset, Z. Jackson et al., CC BY-SA 4.0"


def computed() -> dict[str, Any]:
    """Return all numbers that need no recordings."""
    return {
        "cases": [_case(*case) for case in CASES],
        "resampled": [_resampled(*rates) for rates in RESAMPLED],
    }


def archive() -> Path | None:
    """Return the archive of the recordings, or None if it is not here."""
    found = sorted((MIRROR / "fsdd").glob("*.zip"))
    return found[0] if found else None


def speech(path: Path) -> dict[str, Any]:
    """Return spectrograms of recordings, and how well Python inverts them."""
    sound = _sound(SPEECH_RATE, 64, 64)
    spectrograms, correlations = [], []
    with zipfile.ZipFile(path) as files:
        for recording in RECORDINGS:
            (name,) = [name for name in files.namelist() if name.endswith("/" + recording)]
            wave = read_wav(io.BytesIO(files.read(name)), SPEECH_RATE)
            levels = np.rint(log_mel([wave], SPEECH_RATE)[0] * 255).astype(np.uint8)
            again = log_mel([invert(levels / 255, SPEECH_RATE)], SPEECH_RATE)[0]
            spectrograms.append(_text(levels))
            correlations.append(round(float(np.corrcoef(levels.ravel(), again.ravel())[0, 1]), 3))
    return {
        "source": SOURCE,
        "recordings": list(RECORDINGS),
        "sound": sound,
        "spectrograms": spectrograms,
        "correlations": correlations,
    }


def _case(rate: int, mels: int, frames: int, seconds: float) -> dict[str, Any]:
    """Return a sound with silence at both ends and its spectrogram."""
    levels = _sweep(rate, seconds)
    spectrogram = log_mel([levels / np.float32(32768)], rate, mels=mels, frames=frames)[0]
    return {
        "sound": _sound(rate, mels, frames),
        "wave": _text(levels),
        "logMel": _text(np.rint(spectrogram * 65535).astype("<u2")),
    }


def _resampled(rate: int, to: int) -> dict[str, Any]:
    levels = _sweep(rate, 0.05)
    file = _wav(levels, rate)
    wave = np.concatenate(list(read_blocks(file, to, "the sound")))
    return {"from": rate, "to": to, "wave": _text(levels), "expected": _text(wave.astype("<f4"))}


def _wav(levels: Array, rate: int) -> io.BytesIO:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, levels, rate, format="WAV", subtype="PCM_16")
    file.seek(0)
    return file


def _sweep(rate: int, seconds: float) -> Array:
    """Return a rising tone with noise between two faint parts, (samples,) int16.

    The end is 35 dB below the loudest moment, so it belongs to the sound; the start does not.
    """
    n = round(rate * seconds)
    time = np.arange(n) / rate
    noise = np.random.default_rng(0).normal(size=n)
    loudness = np.where(time < 0.15 * seconds, 0.001, np.where(time < 0.8 * seconds, 1, 0.0178))
    phase = 2 * np.pi * (200 * time + 0.15 * rate / seconds * time**2)
    wave = loudness * (0.5 * np.sin(phase) + 0.02 * noise)
    return np.rint(wave * 32767).astype("<i2")


def _sound(rate: int, mels: int, frames: int) -> dict[str, Any]:
    """Return the page's description with the bands, without the zeros around each."""
    with tempfile.TemporaryDirectory() as folder:
        sound: dict[str, Any] = dict(describe_sound(rate, mels, frames, Path(folder)))
        bands = np.fromfile(Path(folder) / sound["filters"], "<f4").reshape(mels, -1)
    first = (bands != 0).argmax(1)
    count = (bands != 0).sum(1)
    weights = np.concatenate([band[band != 0] for band in bands])
    return sound | {
        "bands": {"first": first.tolist(), "count": count.tolist(), "weights": _text(weights)}
    }


def _text(values: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


if __name__ == "__main__":
    recordings = archive()
    if recordings is None:
        raise SystemExit(f"{MIRROR}/fsdd holds no archive: set WVAE_MIRROR to a folder with it")
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(json.dumps(computed() | {"speech": speech(recordings)}, indent=1) + "\n")
