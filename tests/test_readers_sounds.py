"""The reader of folders of sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reader_cases import Reader, check_error, folder_of_tones, tone, write_wav


def test_class_folders_give_spectrograms_and_labels(reader: Reader, tmp_path: Path) -> None:
    folder_of_tones(tmp_path)
    write_wav(tmp_path / "low" / "a" / "9.wav", tone(300, 22050, 0.4), 22050)
    data = reader(tmp_path, label="pitch", factors=["speaker"])
    assert (data.kind, data.x.shape, data.x.dtype, data.label_name) == (
        "audio",
        (9, 64, 64),
        np.float32,
        "pitch",
    )
    assert data.factors["speaker"].tolist() == list("aabb" + "aaabb")
    assert (data.x.min(), data.x.max()) == (0, 1)
    loudest = data.x.mean(2).argmax(1)
    assert loudest[data.y == "low"].max() < 15
    assert loudest[data.y == "high"].min() > 45
    line = reader.line("sounds")
    assert line.startswith(
        "9 sounds of 0.20 to 0.40 s, 8,000 Hz (8), 22,050 Hz (1) resampled to 8,000 Hz"
    )
    assert "64 bands × 64 frames" in line
    assert data.rate == 8000
    again = reader(tmp_path, rate=16000, factors=["speaker"])
    assert (again.shape, again.rate) == ((64, 64), 16_000)
    check_error(reader, tmp_path, "sounds", "size=8", size=8, factors=["speaker"])
    check_error(reader, tmp_path, "rate is 8,", rate=8, factors=["speaker"])


def test_default_rate_is_at_most_16_khz(reader: Reader, tmp_path: Path) -> None:
    pytest.importorskip("librosa")
    for i in range(4):
        write_wav(tmp_path / "ab"[i % 2] / f"{i}.wav", tone(500, 44100), 44100)
    assert reader(tmp_path).rate == 16_000
    assert "44,100 Hz resampled to 16,000 Hz" in reader.line("sounds")


def test_few_damaged_sounds_are_left_out_and_many_are_an_error(
    reader: Reader, tmp_path: Path
) -> None:
    folder_of_tones(tmp_path, each=52)
    write_wav(tmp_path / "low" / "a" / "0.wav", np.zeros(1600, np.float32))
    data = reader(tmp_path, factors=["speaker"])
    assert len(data) == 103
    assert (data.y == "low").sum() == 51
    assert "low/a/0.wav (it is silent, expected" in reader.line("left out")
    write_wav(tmp_path / "low" / "a" / "2.wav", np.zeros(0, np.float32))
    (tmp_path / "low" / "a" / "4.wav").write_text("no sound")
    texts = ["3 of 104 files", "2.wav (it is empty", "4.wav (it is not a readable sound"]
    check_error(reader, tmp_path, *texts, factors=["speaker"])
    empty = tmp_path / "empty"
    for i in range(4):
        (empty / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        (empty / "ab"[i % 2] / f"{i}.wav").touch()
    check_error(reader, empty, "4 of 4 files", "and 1 more")
