"""Images of more than 8 bits that Pillow cannot write: PNGs in colour, and TIFFs of microscopes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .entries import Entries, Right, put, refused
from .images import FIRST, colours
from .media import pixels

ENTRIES = Entries()


def deep_colour(i: int, top: int) -> bytes:
    """Return a PNG of colours with 16 bits, which Pillow cannot write."""
    values = (colours(i).astype(int) * top // 255).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    content = b"\x89PNG\r\n\x1a\n"
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 12, 12, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    for kind, data in parts:
        content += (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )
    return content


def _deep_colours(root: Path, top: int) -> Path:
    for i in range(8):
        put(root / "data" / ("cat", "dog")[i // 4] / f"{i}.png", deep_colour(i, top))
    return root / "data"


ENTRIES.add(
    "deep_colours",
    lambda root: _deep_colours(root, 65535),
    Right((8, 3, 12, 12), log=("upper 8 bits", "8 files")),
)
ENTRIES.add(
    "deep_colours_dark",
    lambda root: _deep_colours(root, 4095),
    refused("data", "8 images", "16 bits"),
)


def tiff(values: np.ndarray, sample_format: int = 1, photometric: int = 1) -> bytes:
    """Return a TIFF of values, (height, width) or (height, width, channels), as microscopes do."""
    height, width, channels = (*values.shape, 1)[:3]
    data = np.ascontiguousarray(values).tobytes()
    bits = 8 * values.dtype.itemsize
    tags = (
        *((256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8)),
        *((277, channels), (278, height), (279, len(data))),
        *(((338, 0),) if channels == 2 else ()),
        (339, sample_format),
    )
    content = struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + struct.pack("<H", len(tags))
    for tag, value in tags:
        is_per_channel = tag in (258, 339) and channels == 2
        both = value << 16 | value if is_per_channel else value
        content += struct.pack("<HHII", tag, 3 if value < 2**16 else 4, 1 + is_per_channel, both)
    return content + bytes(4)


def microscope(
    name: str, expect: Any, make: Callable[[np.ndarray], np.ndarray], **tags: int
) -> None:
    """Add two classes of four TIFFs, whose values `make` makes from noise of 8 bits."""

    def write(root: Path) -> Path:
        for i in range(8):
            content = tiff(make(pixels(i)), **tags)
            put(root / "data" / ("cat", "dog")[i // 4] / f"{i}.tif", content)
        return root / "data"

    ENTRIES.add(name, write, expect)


TIFFS = ("data", "8 of 8 files", "cat/0.tif")
microscope("tiff_of_8_bits", Right((8, 12, 12), first=FIRST), lambda x: x)
microscope("tiff_of_16_bits", Right((8, 12, 12), first=FIRST), lambda x: x.astype("<u2") * 257)
microscope(
    "tiff_signed_8_bits",
    refused(*TIFFS, "signed"),
    lambda x: (x.astype(int) - 128).astype("i1"),
    sample_format=2,
)
microscope(
    "tiff_signed_16_bits",
    Right((8, 12, 12), first=FIRST),
    lambda x: x.astype("<i2"),
    sample_format=2,
)
microscope(
    "tiff_below_zero",
    refused(*TIFFS, "range from -"),
    lambda x: x.astype("<i2") - 100,
    sample_format=2,
)
microscope(
    "tiff_of_two_channels", refused(*TIFFS, "2 channels"), lambda x: np.stack([x, 255 - x], -1)
)
microscope(
    "tiff_of_doubles",
    refused(*TIFFS, "8 or 16 bits"),
    lambda x: x / 255,
    sample_format=3,
)
microscope("tiff_zero_is_white", Right((8, 12, 12), first=FIRST), lambda x: 255 - x, photometric=0)
microscope(
    "tiff_zero_is_white_of_16_bits",
    refused(*TIFFS, "0 is white"),
    lambda x: (255 - x).astype("<u2") * 257,
    photometric=0,
)
