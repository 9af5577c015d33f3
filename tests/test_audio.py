"""Sound files, log-mel spectrograms, and their inversion to sound."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("librosa")
soundfile = pytest.importorskip("soundfile")

from wvae.datasets.audio import RANGE_DB, invert, log_mel, read_wav  # noqa: E402

RATE = 8000
Array = np.ndarray


def tone(hertz: float, seconds: float = 0.5, rate: int = RATE) -> Array:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def band_of(hertz: float, rate: int = RATE, mels: int = 64) -> int:
    """Return the band whose middle is nearest to a frequency, by Slaney's mel scale."""

    def mel(f: float) -> float:
        return f * 3 / 200 if f < 1000 else 15 + 27 * np.log(f / 1000) / np.log(6.4)

    return round(mel(hertz) / mel(rate / 2) * (mels + 1)) - 1


# ------------------------------------------------------------------------------- reading


def test_path_and_opened_file_give_the_written_wave(tmp_path: Path) -> None:
    wave = tone(440)
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="PCM_16")
    read = read_wav(tmp_path / "a.wav", RATE)
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, wave, atol=1e-4)
    with open(tmp_path / "a.wav", "rb") as file:
        np.testing.assert_array_equal(read_wav(file, RATE), read)
    content = io.BytesIO((tmp_path / "a.wav").read_bytes())
    np.testing.assert_array_equal(read_wav(content, RATE), read)


@pytest.mark.parametrize("file_rate", [4000, 16_000, 44_100])
def test_wave_is_resampled(tmp_path: Path, file_rate: int) -> None:
    soundfile.write(tmp_path / "a.flac", tone(440, rate=file_rate), file_rate)
    wave = read_wav(str(tmp_path / "a.flac"), RATE)
    assert len(wave) == RATE // 2
    np.testing.assert_allclose(wave[100:-100], tone(440)[100:-100], atol=0.01)


def test_resampling_does_not_alias(tmp_path: Path) -> None:
    # 7,000 Hz cannot be represented at 8,000 samples per second.
    soundfile.write(tmp_path / "a.wav", tone(7000, rate=44_100), 44_100)
    assert np.abs(read_wav(tmp_path / "a.wav", RATE)[100:-100]).max() < 0.01


def test_channels_are_averaged(tmp_path: Path) -> None:
    channels = np.stack([tone(440), -0.5 * tone(440)], 1)
    soundfile.write(tmp_path / "a.wav", channels, RATE, subtype="FLOAT")
    np.testing.assert_allclose(read_wav(tmp_path / "a.wav", RATE), 0.25 * tone(440), atol=1e-6)


def test_unreadable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.wav"):
        read_wav(tmp_path / "gone.wav", RATE)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(ValueError, match=r"text\.wav .*sound file"):
        read_wav(tmp_path / "text.wav", RATE)
    with pytest.raises(ValueError, match=r"the file .*sound file"):
        read_wav(io.BytesIO(b"RIFF"), RATE)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), RATE)
    with pytest.raises(ValueError, match=r"empty\.wav is empty"):
        read_wav(tmp_path / "empty.wav", RATE)
    with pytest.raises(ValueError, match="rate is 0"):
        read_wav(tmp_path / "empty.wav", 0)


# ------------------------------------------------------------------------------- spectrograms


def test_tone_is_loudest_in_the_band_of_its_frequency() -> None:
    tones = [200.0, 450.0, 1000.0, 2500.0]
    x = log_mel([tone(hertz) for hertz in tones], RATE)
    assert (x.shape, x.dtype) == ((4, 64, 64), np.float32)
    assert x.min() >= 0
    np.testing.assert_allclose(x.max((1, 2)), 1, atol=1e-6)
    loudest = x[:, :, 8:-8].mean(2).argmax(1)
    assert np.abs(loudest - [band_of(hertz) for hertz in tones]).max() <= 1


@pytest.mark.parametrize(
    ("rate", "mels", "frames"), [(8000, 20, 33), (16_000, 64, 64), (44_100, 80, 100)]
)
def test_rate_and_shape_are_free(rate: int, mels: int, frames: int) -> None:
    x = log_mel([tone(1000, rate=rate)], rate, mels=mels, frames=frames)
    assert x.shape == (1, mels, frames)
    assert abs(int(x[0].mean(1).argmax()) - band_of(1000, rate, mels)) <= 1


def test_values_are_decibels() -> None:
    wave = np.concatenate([tone(1000), 0.1 * tone(1000)])  # 20 dB softer
    line = log_mel([wave], RATE)[0].max(0)
    assert line[16] - line[48] == pytest.approx(20 / RANGE_DB, abs=0.005)


@pytest.mark.parametrize(("below", "value"), [(70, 1 - 70 / 80), (90, 0)])
def test_values_end_80_decibels_below_the_loudest_point(below: float, value: float) -> None:
    soft = tone(1000) * np.float32(10 ** (-below / 20))
    line = log_mel([np.concatenate([tone(1000), soft, tone(1000)])], RATE)[0].max(0)
    assert line[32] == pytest.approx(value, abs=0.01)


@pytest.mark.parametrize(("below", "value"), [(35, 1 - 35 / 80), (45, 1)])
def test_sound_is_trimmed_40_decibels_below_its_loudest_moment(below: float, value: float) -> None:
    soft = tone(1000) * np.float32(10 ** (-below / 20))
    line = log_mel([np.concatenate([tone(1000), soft])], RATE)[0].max(0)
    assert line[56] == pytest.approx(value, abs=0.01)


def test_loudness_offset_and_surrounding_silence_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    wave = (tone(300) * np.linspace(1, 0.3, 4000) + 0.01 * rng.standard_normal(4000)).astype(
        np.float32
    )
    quiet = np.zeros(3000, np.float32)
    plain, soft, offset, padded = log_mel(
        [wave, wave / 100, wave + 0.2, np.concatenate([quiet, wave, quiet[:999]])], RATE
    )
    np.testing.assert_allclose(soft, plain, atol=1e-3)
    np.testing.assert_allclose(offset, plain, atol=1e-3)
    assert np.abs(padded - plain).mean() < 0.03
    other = log_mel([tone(400)], RATE)[0]
    assert np.abs(other - plain).mean() > 0.1


def test_sounds_of_any_length_fill_all_frames() -> None:
    """A rising tone has the same spectrogram whether it takes 0.3 or 3 seconds."""

    def rise(seconds: float) -> Array:
        at = np.arange(round(seconds * RATE)) / RATE / seconds
        return np.sin(2 * np.pi * seconds * (300 * at + 1000 * at**2)).astype(np.float32)

    short, long = (x.argmax(0) for x in log_mel([rise(0.3), rise(3.0)], RATE))
    assert np.abs(short - long)[4:-4].max() <= 3
    assert long[-5] - long[4] > 25


def test_two_samples_are_a_sound() -> None:
    assert np.isfinite(log_mel([np.array([0.5, -0.5], np.float32)], RATE)).all()


def test_unusable_wave_is_an_error_that_names_it() -> None:
    good = tone(440)
    for bad, why in (
        (np.zeros(0, np.float32), "is empty"),
        (np.zeros(800, np.float32), "is silent"),
        (np.full(800, 0.3, np.float32), "is silent"),
        (np.array([0.1, np.nan], np.float32), "holds NaN or infinity"),
    ):
        with pytest.raises(ValueError, match=f"sound 1 {why}"):
            log_mel([good, bad], RATE)
        with pytest.raises(ValueError, match=f"b.wav {why}"):
            log_mel([good, bad], RATE, names=["a.wav", "b.wav"])
    with pytest.raises(TypeError, match=r"sound 0 has shape \(800,\) and dtype int16"):
        log_mel([np.ones(800, np.int16)], RATE)
    with pytest.raises(TypeError, match=r"sound 0 has shape \(2, 400\)"):
        log_mel([np.ones((2, 400), np.float32)], RATE)
    with pytest.raises(ValueError, match="rate is 0"):
        log_mel([good], 0)
    with pytest.raises(ValueError, match="mels is 0"):
        log_mel([good], RATE, mels=0)
    with pytest.raises(ValueError, match="frames is 0"):
        log_mel([good], RATE, frames=0)
    with pytest.raises(ValueError, match=r"mels is 1000.*8000 samples per second"):
        log_mel([good], RATE, mels=1000)


def test_no_waves_give_an_empty_array() -> None:
    assert log_mel([], RATE).shape == (0, 64, 64)


# ------------------------------------------------------------------------------- inversion


def test_inverted_wave_has_a_similar_spectrogram() -> None:
    rng = np.random.default_rng(0)
    at = np.arange(4000) / RATE
    voice = sum(np.sin(2 * np.pi * 120 * k * at * (1 + 0.2 * at)) / k for k in range(1, 25))
    x = log_mel([voice + 0.02 * rng.standard_normal(4000), tone(1000) + 0.1 * tone(2200)], RATE)
    again = log_mel([invert(spectrogram, RATE) for spectrogram in x], RATE)
    for one, other in zip(x, again, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.95
    assert np.corrcoef(x[0].ravel(), again[1].ravel())[0, 1] < 0.7


@pytest.mark.parametrize(
    ("rate", "seconds", "hertz"),
    [
        (8000, 0.5, 250),
        (8000, 0.5, 3000),
        (8000, 0.05, 700),
        (16_000, 0.617, 700),
        (22_050, 0.4, 250),
    ],
)
def test_inverted_tone_has_its_pitch_length_and_level(
    rate: int, seconds: float, hertz: float
) -> None:
    wave = invert(log_mel([tone(hertz, rate=rate)], rate)[0], rate, seconds=seconds)
    assert wave.shape == (round(seconds * rate),)
    assert wave.dtype == np.float32
    assert np.abs(wave).max() == pytest.approx(1)
    inner = wave[len(wave) // 4 : -len(wave) // 4]
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner)), 2**16))
    assert spectrum.argmax() * rate / 2**16 == pytest.approx(hertz, rel=0.06)  # a semitone
    level = np.sqrt(np.mean(inner**2))
    assert level > 0.2  # the tone fills the wave; it is not one click


def test_inversion_keeps_differences_of_loudness() -> None:
    x = log_mel([np.concatenate([tone(1000), 0.1 * tone(1000)])], RATE)[0]  # 20 dB softer
    wave = invert(x, RATE, seconds=1.0)
    loud, soft = (float(np.sqrt(np.mean(part**2))) for part in (wave[1000:3000], wave[5000:7000]))
    assert 20 * np.log10(loud / soft) == pytest.approx(20, abs=3)


def test_inversion_is_reproducible_and_clips() -> None:
    x = log_mel([tone(700)], RATE)[0]
    wave = invert(x, RATE)
    np.random.seed(1)  # noqa: NPY002 – the global generator must not matter
    np.testing.assert_array_equal(invert(x, RATE), wave)
    np.testing.assert_array_equal(invert(np.where(x == 1, 1.5, x), RATE), wave)
    assert not invert(np.zeros((64, 64), np.float32), RATE).any()


def test_unusable_spectrogram_is_an_error() -> None:
    x = np.ones((64, 64), np.float32)
    with pytest.raises(ValueError, match=r"\(1, 64, 64\), expected \(mels, frames\)"):
        invert(x[None], RATE)
    with pytest.raises(ValueError, match="NaN"):
        invert(np.full_like(x, np.nan), RATE)
    for rate, seconds in ((0, 1.0), (RATE, 0.0), (RATE, float("nan"))):
        with pytest.raises(ValueError, match=rf"rate is {rate} and seconds {seconds}"):
            invert(x, rate, seconds=seconds)
    with pytest.raises(ValueError, match="mels is 1000"):
        invert(np.ones((1000, 64), np.float32), RATE)


def test_import_loads_no_optional_package() -> None:
    heavy = "{'librosa', 'soundfile', 'torch'}"
    modules = "sys, wvae.datasets.audio, wvae.datasets.sources.fsdd"
    code = f"import {modules}; sys.exit(bool({heavy} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
