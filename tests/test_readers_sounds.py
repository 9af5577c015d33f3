"""The reader of folders of sounds."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reader_cases import Reader, check_error, encoded, folder_of_tones, picture, tone, write_wav
from wvae.datasets.readers.files import sounds
from wvae.datasets.readers.files.sounds import holds_sounds, read_sounds


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


FORMATS = {
    **{"wav": "WAV", "flac": "FLAC", "ogg": "OGG", "oga": "OGG", "opus": "OPUS", "mp3": "MP3"},
    **{"aif": "AIFF", "aiff": "AIFF", "au": "AU", "snd": "AU", "caf": "CAF", "w64": "W64"},
    **{"rf64": "RF64", "voc": "VOC", "sph": "NIST", "svx": "SVX", "paf": "PAF", "pvf": "PVF"},
    **{"avr": "AVR", "sf": "IRCAM", "wave": "WAVEX"},
}


def sound_bytes(kind: str, frequency: float = 300) -> bytes:
    """Return a tone as the bytes of a file."""
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("librosa")
    file = io.BytesIO()
    options = {"format": "OGG", "subtype": "OPUS"} if kind == "OPUS" else {"format": kind}
    soundfile.write(file, tone(frequency), 8000, **options)
    return file.getvalue()


def write_parquet(path: Path, contents: list[bytes | None]) -> Path:
    """Write a table of files in Hugging Face's form, with the labels a and b."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array([{"bytes": content, "path": None} for content in contents], kind)
    labels = ["ab"[i % 2] for i in range(len(contents))]
    parquet.write_table(pa.table({"example": column, "label": labels}), path)
    return path


@pytest.mark.parametrize(("suffix", "kind"), FORMATS.items())
def test_every_format_of_libsndfile_is_known_by_suffix_and_by_content(
    suffix: str, kind: str, reader: Reader, tmp_path: Path
) -> None:
    files = [sound_bytes(kind, frequency) for frequency in (300, 3000)]
    for name, content in zip("ab", files, strict=True):
        for i in range(2):
            path = tmp_path / "folder" / name / f"{i}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    data = reader(tmp_path / "folder")
    table = reader(write_parquet(tmp_path / "t.parquet", [files[0], files[1]] * 2))
    assert (data.kind, table.kind) == ("audio", "audio")
    assert data.x.mean(2).argmax(1)[2:].min() > 45
    np.testing.assert_array_equal(table.x[:2], data.x[::2])


def test_every_format_of_libsndfile_that_has_a_header_has_a_suffix() -> None:
    soundfile = pytest.importorskip("soundfile")
    # Headerless, of several files, or of tables that only rarely hold a sound.
    others = {"RAW", "SD2", "MAT4", "MAT5", "MPC2K", "HTK", "SDS", "XI", "WVE"}
    assert set(soundfile.available_formats()) - others <= {*FORMATS.values(), "OGG"}
    assert {f".{suffix}" for suffix in FORMATS} <= set(sounds.SUFFIXES)


@pytest.mark.parametrize("tag", [b"", b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)])
@pytest.mark.parametrize("first", [None, b"", b"damaged"])
def test_the_first_readable_content_decides(first: bytes | None, tag: bytes) -> None:
    contents = [("row 1", first), ("row 2", tag + sound_bytes("MP3"))]
    assert holds_sounds(lambda: contents)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
@pytest.mark.parametrize("first", [None, b"damaged"])
def test_images_are_no_sounds(kind: str, first: bytes | None) -> None:
    contents = [("row 1", first), ("row 2", encoded(picture(), kind))]
    assert not holds_sounds(lambda: contents)


@pytest.mark.parametrize("contents", [[], [None], [b"", b"damaged", b"RIFF"]])
def test_unreadable_contents_are_no_sounds(contents: list[bytes | None]) -> None:
    assert not holds_sounds(lambda: [("row", content) for content in contents])


def test_files_without_a_usual_suffix_are_opened(tmp_path: Path) -> None:
    (tmp_path / "sound").write_bytes(sound_bytes("FLAC"))
    (tmp_path / "image").write_bytes(encoded(picture()))
    assert holds_sounds(lambda: [("sound", tmp_path / "sound")])
    assert not holds_sounds(lambda: [("image", tmp_path / "image")])
    assert not holds_sounds(lambda: [("gone", tmp_path / "gone")])


def test_images_need_no_package_for_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = sound_bytes("WAV")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert not holds_sounds(lambda: [("a", b"damaged"), ("b", encoded(picture()))])
    with pytest.raises(ModuleNotFoundError, match="soundfile"):
        holds_sounds(lambda: [("a", sound)])


def test_bands_and_frames_are_arguments(reader: Reader) -> None:
    source = [(f"row {i}", sound_bytes("WAV", 300 + 100 * i)) for i in range(3)]
    options: dict[str, Any] = {"log": reader.lines.append, "progress": False, "rate": 16_000}
    x, readable, rate = read_sounds(lambda: source, 3, "t", **options, mels=20, frames=30)
    assert (x.shape, readable.all(), rate) == ((3, 20, 30), True, 16_000)
    assert "8,000 Hz resampled to 16,000 Hz" in reader.line("sounds")
    assert "20 bands × 30 frames" in reader.line("sounds")


def test_no_readable_sound_is_refused_with_the_reasons(reader: Reader, tmp_path: Path) -> None:
    wav = bytearray(sound_bytes("WAV"))
    wav[24:28] = (2_000_000_011).to_bytes(4, "little")
    path = write_parquet(tmp_path / "t.parquet", [bytes(wav), None] * 2)
    texts = ["4 of 4 files", "row 1 (it claims 2,000,000,011 samples", "row 2 (it is empty)"]
    check_error(reader, path, *texts)


@pytest.mark.parametrize("suffix", ["m4a", "wma"])
def test_formats_that_libsndfile_does_not_read_are_refused(
    suffix: str, reader: Reader, tmp_path: Path
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(2):
            (tmp_path / name / f"{i}.{suffix}").write_bytes(b"....ftypM4A ")
    check_error(reader, tmp_path, f"a/0.{suffix} (it is M4A, not read: convert it to WAV)")


def test_a_file_that_cannot_be_opened_is_named(reader: Reader, tmp_path: Path) -> None:
    folder_of_tones(tmp_path, each=2)
    gone = tmp_path / "gone.wav"
    source = [*[(str(path), path) for path in tmp_path.rglob("*.wav")], ("gone.wav", gone)]
    with pytest.raises(ValueError, match=r"gone\.wav \(it cannot be opened \(No such file"):
        read_sounds(lambda: source, 5, "t", rate=None, log=print, progress=False)
