"""What the explorer's page knows about sounds, and the fixture of the page's own tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("librosa")
pytest.importorskip("soundfile")

import sound_fixture
from wvae.datasets.spectrograms import lengths, mel_bands
from wvae.explorer.sound import describe_sound


@pytest.mark.parametrize(("rate", "mels", "frames"), [(8000, 64, 64), (22_050, 40, 100)])
def test_bands_and_lengths_are_those_of_the_spectrograms(
    tmp_path: Path, rate: int, mels: int, frames: int
) -> None:
    sound = describe_sound(rate, mels, frames, tmp_path)
    n_fft, window, hop = lengths(rate)
    assert (sound["n_fft"], sound["window"], sound["hop"]) == (n_fft, window, hop)
    assert (sound["rate"], sound["mels"], sound["frames"]) == (rate, mels, frames)
    filters = np.fromfile(tmp_path / sound["filters"], "<f4").reshape(mels, n_fft // 2 + 1)
    np.testing.assert_array_equal(filters, mel_bands(rate, n_fft, mels).toarray())


def test_too_many_bands_raise_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mels is 500, expected fewer"):
        describe_sound(8000, 500, 64, tmp_path)


def test_fixture_holds_what_python_computes() -> None:
    stored = json.loads(sound_fixture.PATH.read_text())
    computed = json.loads(json.dumps(sound_fixture.computed()))
    hint = "run python tests/sound_fixture.py"
    for key, tolerance, dtype in (("logMel", 3, "<u2"), ("wave", 0, "<i2")):
        for old, new in zip(stored["cases"], computed["cases"], strict=True):
            assert old["sound"].keys() == new["sound"].keys(), hint
            np.testing.assert_allclose(
                _numbers(old[key], dtype), _numbers(new[key], dtype), atol=tolerance, err_msg=hint
            )
    for old, new in zip(stored["cases"], computed["cases"], strict=True):
        assert _without_weights(old["sound"]) == _without_weights(new["sound"]), hint
    for old, new in zip(stored["resampled"], computed["resampled"], strict=True):
        np.testing.assert_allclose(
            _numbers(old["expected"], "<f4"), _numbers(new["expected"], "<f4"), atol=1e-5
        )


def test_fixture_holds_pythons_inversion_of_recordings() -> None:
    archive = sound_fixture.archive()
    if archive is None:
        pytest.skip(f"{sound_fixture.MIRROR}/fsdd holds no recordings")
    stored = json.loads(sound_fixture.PATH.read_text())["speech"]
    computed = sound_fixture.speech(archive)
    assert stored["correlations"] == pytest.approx(computed["correlations"], abs=0.01)
    for old, new in zip(stored["spectrograms"], computed["spectrograms"], strict=True):
        np.testing.assert_allclose(_numbers(old, "u1"), _numbers(new, "u1"), atol=1)


def _numbers(text: str, dtype: str) -> np.ndarray:
    from base64 import b64decode

    return np.frombuffer(b64decode(text), dtype).astype(np.float64)


def _without_weights(sound: dict[str, Any]) -> dict[str, Any]:
    bands = {key: value for key, value in sound["bands"].items() if key != "weights"}
    return sound | {"bands": bands}
