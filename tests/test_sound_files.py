"""Decoding of sound files: blocks, lengths, damaged headers."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.signal import resample_poly

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("librosa")

from reader_cases import tone  # noqa: E402
from wvae.datasets import sound_files, spectrograms  # noqa: E402
from wvae.datasets.audio import log_mel, read_log_mel, read_wav  # noqa: E402
from wvae.datasets.sound_files import check_rate, file_rate  # noqa: E402

Array = np.ndarray


def encoded(wave: Array, rate: int = 8000, **options: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wave, rate, **{"format": "WAV"} | options)
    return file.getvalue()


def chirp(seconds: float, rate: int = 8000) -> Array:
    at = np.arange(round(seconds * rate)) / rate
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(at))
    wave = np.sin(2 * np.pi * (300 + 500 * at / seconds) * at) + noise + 0.1
    return (0.4 * wave).astype(np.float32)


def patched(content: bytes, at: int, form: str, value: int) -> bytes:
    """Return the content of a file with another number in its header."""
    size = struct.calcsize(form)
    return content[:at] + struct.pack(form, value) + content[at + size :]


WAV = encoded(tone(440))
FLAC = encoded(tone(440), format="FLAC")
RATE_AT, CHANNELS_AT, LENGTH_AT = 24, 22, 40  # in the header of a WAV
FLAC_LENGTH_AT = 22


@pytest.mark.parametrize("block", [1, 100, 3000, 2**18])
@pytest.mark.parametrize(
    ("file_rate", "rate"), [(8000, 16_000), (44_100, 16_000), (16_000, 8000), (8001, 1000)]
)
def test_resampling_in_blocks_changes_no_bit(
    file_rate: int, rate: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_files, "BLOCK", block)
    wave = chirp(0.9, file_rate)
    divisor = gcd(file_rate, rate)
    whole = resample_poly(wave, rate // divisor, file_rate // divisor).astype(np.float32)
    content = io.BytesIO(encoded(wave, file_rate, subtype="FLOAT"))
    np.testing.assert_array_equal(read_wav(content, rate), whole)


@pytest.mark.parametrize("rate", [767_999, 95_999, 47_999])
def test_rates_without_a_common_divisor_need_no_long_filter(rate: int) -> None:
    content = io.BytesIO(encoded(tone(440, rate), rate))
    tracemalloc.start()
    wave = read_wav(content, 16_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(wave[100:3000], tone(440, 16_000)[100:3000], atol=0.01)
    assert peak < 100 * 2**20


@pytest.mark.parametrize("channels", [1, 2])
def test_a_long_sound_has_the_spectrogram_of_its_whole_wave(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(np.stack([chirp(3)] * channels, 1), subtype="FLOAT")
    whole = log_mel([read_wav(io.BytesIO(content), 4000)], 4000, mels=32, frames=48)[0]
    monkeypatch.setattr(spectrograms, "MAX_SAMPLES", 1000)
    monkeypatch.setattr(spectrograms, "MAX_BINS", 4096)
    monkeypatch.setattr(sound_files, "BLOCK", 512)
    spectrogram, seconds = read_log_mel(io.BytesIO(content), 4000, mels=32, frames=48)
    assert seconds == 3
    np.testing.assert_allclose(spectrogram, whole, atol=1e-5)


def test_memory_does_not_grow_with_the_length_of_a_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectrograms, "MAX_SAMPLES", 2**15)
    monkeypatch.setattr(spectrograms, "MAX_BINS", 2**16)
    monkeypatch.setattr(sound_files, "BLOCK", 2**14)
    peaks: list[int] = []
    for seconds in (10, 80):
        content = io.BytesIO(encoded(chirp(seconds)))
        tracemalloc.start()
        read_log_mel(content, 4000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.parametrize(
    ("fill", "why"), [(0.0, "is silent"), (0.25, "is silent"), (np.nan, "holds NaN")]
)
def test_an_unusable_long_sound_is_an_error(
    fill: float, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectrograms, "MAX_SAMPLES", 1000)
    wave = np.full(5000, fill, np.float32)
    if np.isnan(fill):
        wave[:4999] = chirp(1)[:4999]
    with pytest.raises(ValueError, match=why):
        read_log_mel(io.BytesIO(encoded(wave, subtype="FLOAT")), 8000)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_types_of_samples(subtype: str) -> None:
    x, _ = read_log_mel(io.BytesIO(encoded(chirp(0.5), subtype=subtype)), 8000)
    expected = log_mel([chirp(0.5)], 8000)[0]
    assert np.abs(x - expected).mean() < (0.05 if subtype == "PCM_U8" else 0.001)


@pytest.mark.parametrize("scale", [2.0**10, 1e6, 1e30, 3e38])
@pytest.mark.parametrize("max_samples", [100, 10**6])
def test_samples_beyond_1_change_nothing(
    scale: float, max_samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectrograms, "MAX_SAMPLES", max_samples)
    content = encoded(scale * chirp(0.5).astype(np.float64), subtype="FLOAT")
    x, _ = read_log_mel(io.BytesIO(content), 8000)
    np.testing.assert_allclose(x, log_mel([chirp(0.5)], 8000)[0], atol=1e-4)


BAD: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "rate of 0": (patched(WAV, RATE_AT, "<I", 0), ("not a readable",)),
    "rate of 1": (patched(WAV, RATE_AT, "<I", 1), ("claims 1 samples", "1,000 to 768,000")),
    "rate of 999": (patched(WAV, RATE_AT, "<I", 999), ("claims 999", "1,000 to 768,000")),
    "rate of 768,001": (patched(WAV, RATE_AT, "<I", 768_001), ("claims 768,001",)),
    "rate of 2e9": (patched(WAV, RATE_AT, "<I", 2_000_000_011), ("2,000,000,011",)),
    "negative rate": (patched(WAV, RATE_AT, "<I", 2**32 - 1), ("not a readable",)),
    "no channel": (patched(WAV, CHANNELS_AT, "<H", 0), ("not a readable",)),
    "65,535 channels": (patched(WAV, CHANNELS_AT, "<H", 65_535), ("not a readable",)),
    "length of 2**31": (patched(WAV, LENGTH_AT, "<I", 2**31), ("cut off", "2,147,483,648 bytes")),
    "half a WAV": (WAV[: len(WAV) // 2], ("cut off",)),
    "half a FLAC": (FLAC[: len(FLAC) // 2], ("not a readable",)),
    "FLAC of 2**32 samples": (patched(FLAC, FLAC_LENGTH_AT, ">I", 2**32 - 1), ("",)),
    "half an OGG": (encoded(tone(440), format="OGG")[:1500], ("not a readable",)),
    "half an MP3": (encoded(tone(440, seconds=2), format="MP3")[:2000], ("cut off",)),
    "half an AIFF": (encoded(tone(440), format="AIFF")[:1500], ("cut off",)),
    "half an AU": (encoded(tone(440), format="AU")[:1500], ("cut off",)),
    "half a CAF": (encoded(tone(440), format="CAF")[:5500], ("cut off",)),
    "half a W64": (encoded(tone(440), format="W64")[:1500], ("cut off",)),
    "half an RF64": (encoded(tone(440), format="RF64")[:1500], ("cut off",)),
    "one sample": (encoded(np.full(1, 0.5)), ("silent",)),
    "no sample": (encoded(np.zeros(0)), ("empty",)),
    "NaN": (encoded(np.array([0.1, np.nan, 0.3]), subtype="FLOAT"), ("NaN",)),
    "infinity as float32": (
        encoded(np.array([0.1, 1e300]), subtype="DOUBLE"),
        ("NaN or infinity",),
    ),
}


@pytest.mark.parametrize(("content", "texts"), BAD.values(), ids=BAD)
def test_a_damaged_file_is_an_error_of_one_line(
    content: bytes, texts: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.snd"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"a\.snd") as error:
        read_log_mel(path, 8000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    message = str(error.value)
    assert "\n" not in message
    assert [text for text in texts if text not in message] == []
    assert peak < 64 * 2**20
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("length", [2**32 - 1, 2**31 - 1, 0x7FFFF000])
def test_a_wav_from_a_pipe_does_not_know_its_length(length: int) -> None:
    content = patched(WAV, LENGTH_AT, "<I", length)
    wave = read_wav(io.BytesIO(content), 8000)
    np.testing.assert_array_equal(wave, read_wav(io.BytesIO(WAV), 8000))


@pytest.mark.parametrize("block", [100, 2**18])
def test_a_flac_from_a_pipe_does_not_know_its_length(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_files, "BLOCK", block)
    length_at = FLAC_LENGTH_AT - 1  # of 36 bits
    content = FLAC[:length_at] + bytes([FLAC[length_at] & 0xF0]) + bytes(4) + FLAC[length_at + 5 :]
    wave = read_wav(io.BytesIO(content), 8000)
    np.testing.assert_array_equal(wave, read_wav(io.BytesIO(FLAC), 8000))


def test_mp3_decoders_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    noise = 0.5 * np.random.default_rng(0).standard_normal(40_000)
    read_log_mel(io.BytesIO(encoded(noise, format="MP3")), 8000)
    assert capfd.readouterr() == ("", "")


def test_many_channels_are_averaged() -> None:
    channels = np.repeat(chirp(0.1)[:, None], 300, 1)
    content = io.BytesIO(encoded(channels, subtype="FLOAT"))
    np.testing.assert_allclose(read_wav(content, 8000), chirp(0.1), atol=1e-6)


@pytest.mark.parametrize("make", [int, np.int64, np.int32])
def test_rates_of_any_integer_type(make: Callable[[int], Any]) -> None:
    rates = [check_rate(make(rate)) for rate in (1000, 768_000)]
    assert rates == [1000, 768_000]
    assert {type(rate) for rate in rates} == {int}


@pytest.mark.parametrize("rate", [0, 999, 768_001, 16_000.0, True, "16000", np.int64(5), None])
def test_impossible_rates(rate: Any) -> None:
    with pytest.raises(ValueError, match=r"rate is .* 1,000 to 768,000") as error:
        check_rate(rate)
    assert "np." not in str(error.value)


def test_the_rate_of_a_header() -> None:
    assert file_rate(io.BytesIO(WAV)) == 8000
    with pytest.raises(ValueError, match="not a readable"):
        file_rate(io.BytesIO(b"text"))
