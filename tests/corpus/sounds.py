"""Folders of sounds: formats, rates, silence, damage."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .entries import Entries, Right, put, refused
from .media import classes, sound, tones, wave

ENTRIES = Entries()
READ = Right((6, 64, 64), {"low": 3, "high": 3}, kind="audio", log=("8,000 Hz",))
BAD = ("data", "1 of 7 files", "low/x.wav")


def of(
    name: str, expect: Any, suffix: str = ".wav", *flags: str, fit: bool = False, **options: Any
) -> None:
    """Add low and high tones in a format."""
    ENTRIES.add(name, lambda root: tones(root / "data", suffix, **options), expect, *flags, fit=fit)


def one_more(name: str, expect: Any, make: Callable[[Path], object], file: str = "x.wav") -> None:
    """Add six good sounds, with one more in the class of the low ones."""

    def write(root: Path) -> Path:
        make(tones(root / "data") / "low" / file)
        return root / "data"

    ENTRIES.add(name, write, expect)


# ------------------------------------------------------------------------------------- formats
of("wav", READ, fit=True)
for _suffix in (".flac", ".ogg", ".mp3", ".aiff", ".au", ".w64"):
    of(f"suffix_{_suffix[1:]}", Right((6, 64, 64), kind="audio"), _suffix)
of("suffix_in_capitals", READ, ".WAV", format="WAV")
for _subtype in ("PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM"):
    of(f"dictaphone_{_subtype}", Right((6, 64, 64), kind="audio"), subtype=_subtype)
of(
    "rate_given",
    Right((6, 64, 64), kind="audio", log=("resampled to 4,000 Hz",)),
    ".wav",
    "--rate",
    "4000",
)
of("rate_too_low", refused("rate", "10", "1,000"), ".wav", "--rate", "10")
of("rate_negative", refused("rate", "-1"), ".wav", "--rate", "-1")
of("size_for_sounds", refused("data", "size"), ".wav", "--size", "8")
one_more(
    "other_rate",
    Right((7, 64, 64), log=("16,000 Hz",)),
    lambda path: sound(path, wave(300, 16000), 16000),
)
one_more(
    "studio_rate",
    Right((7, 64, 64), log=("96,000 Hz",)),
    lambda path: sound(path, wave(300, 96000), 96000),
)
one_more(
    "stereo", Right((7, 64, 64)), lambda path: sound(path, np.stack([wave(300), wave(400)], 1))
)
one_more(
    "eight_channels",
    Right((7, 64, 64)),
    lambda path: sound(path, np.repeat(wave(300)[:, None], 8, 1)),
)
one_more("very_short", Right((7, 64, 64)), lambda path: sound(path, wave(300, seconds=0.01)))
one_more("loud", Right((7, 64, 64)), lambda path: sound(path, 1e6 * wave(300), subtype="FLOAT"))
one_more("quiet", Right((7, 64, 64)), lambda path: sound(path, wave(300) / 1000))
one_more("with_an_offset", Right((7, 64, 64)), lambda path: sound(path, wave(300) / 4 + 0.5))
one_more(
    "silence_around",
    Right((7, 64, 64)),
    lambda path: sound(path, np.r_[np.zeros(4000), wave(300), np.zeros(4000)]),
)

# -------------------------------------------------------------------------------------- damage
one_more("silent", refused(*BAD, "silent"), lambda path: sound(path, np.zeros(800)))
one_more("constant", refused(*BAD, "silent"), lambda path: sound(path, np.full(800, 0.5)))
one_more("no_samples", refused(*BAD), lambda path: sound(path, np.zeros(0)))
one_more("one_sample", refused(*BAD), lambda path: sound(path, np.ones(1)))
one_more("nan", refused(*BAD, "NaN"), lambda path: sound(path, wave(300) * np.nan, subtype="FLOAT"))
one_more(
    "infinity",
    refused(*BAD, "infinity"),
    lambda path: sound(path, np.r_[wave(300), np.inf], subtype="FLOAT"),
)
one_more("zero_bytes", refused(*BAD, "empty"), lambda path: put(path, b""))
one_more("web_page", refused(*BAD, "HTML"), lambda path: put(path, "<!DOCTYPE html><html></html>"))
one_more(
    "lfs_pointer",
    refused(*BAD, "git lfs pull"),
    lambda path: put(path, "version https://git-lfs.github.com/spec/v1\n"),
)
one_more(
    "m4a_called_wav",
    refused(*BAD, "M4A"),
    lambda path: put(path, b"\0\0\0\x20ftypM4A " + bytes(200)),
)
one_more(
    "image_called_wav", refused(*BAD), lambda path: put(path, b"\x89PNG\r\n\x1a\n" + bytes(200))
)
one_more("zeros", refused(*BAD), lambda path: put(path, bytes(4000)))
one_more(
    "phone_memo_m4a",
    refused("data", "low/x.m4a", "convert it to WAV"),
    lambda path: put(path, b"\0\0\0\x20ftypM4A " + bytes(200)),
    "x.m4a",
)
one_more(
    "phone_memo_amr",
    refused("data", "low/x.amr"),
    lambda path: put(path, b"#!AMR\n" + bytes(200)),
    "x.amr",
)
one_more(
    "video_beside_them", Right((6, 64, 64), log=(".mp4",)), lambda path: put(path, b"x"), "x.mp4"
)
one_more(
    "transcript_beside_them",
    Right((6, 64, 64), log=("x.TextGrid",)),
    lambda path: put(path, b"x"),
    "x.TextGrid",
)


def _changed(path: Path, at: int, content: bytes) -> Path:
    """Write a sound and overwrite some of its bytes."""
    sound(path, wave(300))
    data = bytearray(path.read_bytes())
    data[at : at + len(content)] = content
    return put(path, bytes(data))


one_more(
    "rate_of_two_billion",
    refused(*BAD, "2,000,000,011"),
    lambda path: _changed(path, 24, struct.pack("<I", 2_000_000_011)),
)
one_more("rate_of_zero", refused(*BAD), lambda path: _changed(path, 24, bytes(4)))
one_more("no_channels", refused(*BAD), lambda path: _changed(path, 22, bytes(2)))
one_more("sixty_thousand_channels", refused(*BAD), lambda path: _changed(path, 22, b"\xff\xff"))
one_more(
    "cut_off",
    refused(*BAD, "cut off"),
    lambda path: put(path, sound(path, wave(300)).read_bytes()[:1500]),
)
one_more(
    "header_only", refused(*BAD), lambda path: put(path, sound(path, wave(300)).read_bytes()[:44])
)
one_more(
    "length_unknown",
    Right((7, 64, 64)),
    lambda path: _changed(path, 40, struct.pack("<I", 0xFFFFFFFF)),
)
one_more(
    "flac_cut_off",
    refused("data", "low/x.flac"),
    lambda path: put(path, sound(path, wave(300)).read_bytes()[:800]),
    "x.flac",
)
one_more(
    "ogg_cut_off",
    refused("data", "low/x.ogg"),
    lambda path: put(path, sound(path, wave(300)).read_bytes()[:60]),
    "x.ogg",
)


@ENTRIES(refused("data", "x.wav", "1 sounds", "8 images"))
def sound_among_images(root: Path) -> Path:
    sound(classes(root / "data") / "cat" / "x.wav", wave(300))
    return root / "data"


@ENTRIES(Right((6, 64, 64), {1: 3, 2: 3}, kind="audio"), "--label-from-name", r"s(\d)_")
def speakers_in_names(root: Path) -> Path:
    for speaker in (1, 2):
        for take in range(3):
            sound(root / "data" / f"s{speaker}_{take}.wav", wave(300 * speaker + take))
    return root / "data"


@ENTRIES(Right((12, 64, 64), kind="audio", split={"train": 6, "test": 6}))
def split_folders(root: Path) -> Path:
    for part in ("train", "test"):
        tones(root / "data" / part)
    return root / "data"


@ENTRIES(refused("memo.wav", "give its folder"))
def single_sound(root: Path) -> Path:
    return sound(root / "memo.wav", wave(300))


@ENTRIES(
    Right((10, 64, 64), {"low": 5, "high": 5}, log=("11,025 Hz (2)", "…", "resampled to 11,025 Hz"))
)
def five_rates(root: Path) -> Path:
    for name, frequency in (("low", 300), ("high", 2000)):
        for rate in (8000, 11025, 16000, 22050, 44100):
            sound(root / "data" / name / f"{rate}.wav", wave(frequency, rate), rate)
    return root / "data"
