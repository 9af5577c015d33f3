"""Images and sounds as bytes in Parquet files, as the Hub and pandas write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from .entries import Entries, Right, refused
from .media import encoded, pixels, sound, wave
from .parquet import THREE, A, Y, write

ENTRIES = Entries()
table = ENTRIES.parquet
FILE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


PICTURES = [encoded(pixels(i)) for i in range(6)]
FILES = [{"bytes": content, "path": f"{i}.png"} for i, content in enumerate(PICTURES)]
IMAGES = Right((6, 12, 12), THREE, first=[pixels(0), pixels(1)], kind="image")
table("images_of_the_hub", IMAGES, image=pa.array(FILES, FILE), label=Y, fit=True)
table("images_as_bytes", IMAGES, picture=PICTURES, label=Y)
table("images_as_bytes_and_numbers", IMAGES, img=PICTURES, a=A, label=Y)
table(
    "image_missing",
    refused("data.parquet", "row 2", "empty"),
    image=pa.array([FILES[0], None, *FILES[2:]], FILE),
    label=Y,
)
table(
    "image_cut_off",
    refused("data.parquet", "row 2 (1.png)"),
    image=pa.array([FILES[0], {"bytes": PICTURES[1][:60], "path": "1.png"}, *FILES[2:]], FILE),
    label=Y,
)
table(
    "bytes_that_are_no_images",
    refused("data.parquet", "row 1", "not an image"),
    image=[b"\xff\xfe\x00abc"] * 6,
    label=Y,
)
table(
    "paths_without_bytes",
    refused("data.parquet", "row 1 (0.png)"),
    image=pa.array([{"bytes": None, "path": f"{i}.png"} for i in range(6)], FILE),
    label=Y,
)
table(
    "two_columns_of_bytes",
    refused("data.parquet", "'left', 'right'"),
    left=PICTURES,
    right=PICTURES,
    label=Y,
)
table("images_and_masks", IMAGES, image=PICTURES, mask=PICTURES[::-1], label=Y)
table("rate_for_images", refused("data.parquet", "rate"), "--rate", "8000", image=PICTURES, label=Y)


def sounds(root: Path, kind: str, first: Any = None) -> Path:
    """Write sounds of a format of libsndfile as bytes."""
    rows = list[Any]()
    for i in range(6):
        path = sound(root / f"{i}.{kind}", wave(300 + 900 * (i % 2)))
        rows.append({"bytes": path.read_bytes(), "path": None})
        path.unlink()
    rows[0] = first if first is not None else rows[0]
    return write(root, pa.table({"audio": pa.array(rows, FILE), "label": Y}))


SOUNDS = Right((6, 64, 64), THREE, kind="audio")
ENTRIES.add("sounds_wav", lambda root: sounds(root, "wav"), SOUNDS)
ENTRIES.add("sounds_flac", lambda root: sounds(root, "flac"), SOUNDS)
ENTRIES.add("sounds_mp3", lambda root: sounds(root, "mp3"), SOUNDS)
ENTRIES.add("sounds_aiff", lambda root: sounds(root, "aiff"), SOUNDS)
ENTRIES.add(
    "sounds_first_null",
    lambda root: sounds(root, "wav", {"bytes": None, "path": None}),
    refused("data.parquet", "row 1", "empty"),
)
ENTRIES.add(
    "sounds_and_an_image",
    lambda root: sounds(root, "wav", FILES[0]),
    refused("data.parquet", "row"),
)
table(
    "names_for_bytes_without_names",
    refused("data.parquet"),
    *("--label-from-name", "(.)"),
    image=PICTURES,
)
