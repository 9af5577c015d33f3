"""Image files in folders of classes: formats, depths, colours, sizes, damage."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .entries import Entries, Right, put, refused
from .media import classes, encoded, grey, pixels, save

ENTRIES = Entries()
FOUR = {"cat": 4, "dog": 4}
READ = Right((8, 12, 12), FOUR, kind="image", log=("grey",))
COLOUR = Right((8, 3, 12, 12), FOUR, kind="image", log=("colour",))


def all_as(
    name: str,
    expect: Any,
    make: Callable[[int], Any],
    file: str = "{}.png",
    *flags: str,
    fit: bool = False,
    **options: Any,
) -> None:
    """Add two classes of four images each, which `make` makes from a number."""

    def write(root: Path) -> Path:
        for i in range(8):
            save(root / "data" / ("cat", "dog")[i // 4] / file.format(i), make(i), **options)
        return root / "data"

    ENTRIES.add(name, write, expect, *flags, fit=fit)


def one_more(
    name: str, expect: Any, file: str, content: bytes | Callable[[], bytes], *flags: str
) -> None:
    """Add eight good images, with one more file in the class cat."""

    def write(root: Path) -> Path:
        classes(root / "data")
        put(root / "data" / "cat" / file, content if isinstance(content, bytes) else content())
        return root / "data"

    ENTRIES.add(name, write, expect, *flags)


def colours(i: int, side: int = 12) -> np.ndarray:
    return pixels(i, (side, side, 3))


def mode(name: str) -> Callable[[int], Image.Image]:
    return lambda i: Image.fromarray(colours(i)).convert(name)


def flat(i: int) -> np.ndarray:
    """Return an image of one grey in colours, of which JPEG loses nothing."""
    return np.full((12, 12), 20 * i + 30, np.uint8)


# ------------------------------------------------------------------------------------- formats
FIRST = [pixels(0), pixels(1)]
all_as("png", Right((8, 12, 12), FOUR, first=FIRST, kind="image"), pixels, fit=True)
for _suffix in ("bmp", "tif", "tiff", "pgm", "PNG", "Tiff"):
    all_as(
        f"suffix_{_suffix}",
        Right((8, 12, 12), FOUR, first=FIRST, kind="image"),
        pixels,
        "{}." + _suffix,
    )
for _suffix in ("jpg", "jpeg", "JPG", "jfif"):
    all_as(f"suffix_{_suffix}", Right((8, 12, 12), first=[flat(0), flat(1)]), flat, "{}." + _suffix)
all_as("gif", READ, pixels, "{}.gif")
all_as("webp", Right((8, 12, 12), first=FIRST), pixels, "{}.webp", lossless=True)
all_as("ppm", COLOUR, colours, "{}.ppm")
all_as("tiff_compressed", Right((8, 12, 12), first=FIRST), pixels, "{}.tif", compression="tiff_lzw")
all_as(
    "animation",
    Right((8, 12, 12), log=("first frame of 8",)),
    pixels,
    "{}.gif",
    save_all=True,
    append_images=[Image.fromarray(pixels(99))],
)
all_as(
    "tiff_of_several_pages",
    Right((8, 12, 12), first=FIRST, log=("first frame of 8",)),
    pixels,
    "{}.tif",
    save_all=True,
    append_images=[Image.fromarray(pixels(99))],
)
all_as(
    "jpeg_called_png", Right((8, 12, 12), first=[flat(0), flat(1)]), flat, "{}.png", format="JPEG"
)

# ------------------------------------------------------------------------------ colours and bits
all_as(
    "colour",
    Right((8, 3, 12, 12), FOUR, first=[colours(0).transpose(2, 0, 1)], kind="image"),
    colours,
)
for _mode in ("CMYK", "YCbCr", "LAB"):
    all_as(f"mode_{_mode}", Right((8, 3, 12, 12), log=("colour",)), mode(_mode), "{}.tif")
all_as("black_and_white", READ, mode("1"))
all_as("palette", COLOUR, mode("P"))
all_as("palette_of_gif", COLOUR, mode("P"), "{}.gif")
all_as(
    "transparent_is_white",
    Right((8, 12, 12), first=[np.full((12, 12), 255)]),
    lambda i: np.dstack([np.zeros((12, 12, 3)), np.full((12, 12), 0 if i < 4 else 255)]).astype(
        np.uint8
    ),
)
all_as(
    "grey_with_transparency",
    READ,
    lambda i: np.dstack([pixels(i), np.full((12, 12), 255)]).astype(np.uint8),
)
all_as(
    "grey_and_colour_mixed",
    Right((8, 3, 12, 12), log=("4 grey images converted",)),
    lambda i: pixels(i) if i < 4 else colours(i),
)
all_as(
    "dim_microscope",
    Right((8, 12, 12), log=("16 bits", "as white")),
    lambda i: pixels(i).astype(np.uint16),
)
all_as(
    "sixteen_bits",
    Right((8, 12, 12), log=("65,535 is taken as white",)),
    lambda i: pixels(i).astype(np.uint16) * 257,
)
all_as(
    "sixteen_bit_tiff",
    Right((8, 12, 12), log=("16 bits",)),
    lambda i: pixels(i).astype(np.uint16) * 16,
    "{}.tif",
)
all_as(
    "thirty_two_bits",
    Right((8, 12, 12), log=("brightest",)),
    lambda i: pixels(i).astype(np.int32) * 1000,
    "{}.tif",
)
all_as(
    "fractions",
    Right((8, 12, 12), log=("fractions",)),
    lambda i: (pixels(i) / 255).astype(np.float32),
    "{}.tif",
)
all_as(
    "negative_fractions",
    refused("data", "8 of 8", "cat/0.tif", "range from -"),
    lambda i: (pixels(i) / 255 - 0.5).astype(np.float32),
    "{}.tif",
)
all_as(
    "nan_in_a_tiff",
    refused("data", "NaN"),
    lambda i: np.full((12, 12), np.nan, np.float32),
    "{}.tif",
)
all_as("deep_images_all_black", refused("data", "black"), lambda i: np.zeros((12, 12), np.uint16))
all_as(
    "two_depths",
    refused("data", "depths", "16 bits", "8 bits"),
    lambda i: pixels(i) if i < 4 else pixels(i).astype(np.uint16),
)
all_as(
    "nearly_black", Right((8, 12, 12), log=("nearly black", "1 of 255")), lambda i: pixels(i) // 128
)
all_as("masks_of_zero_and_one", Right((8, 12, 12), log=("nearly black",)), lambda i: pixels(i) % 2)

# --------------------------------------------------------------------------------------- sizes
all_as(
    "large",
    Right((8, 64, 64), log=("100×100 pixels resized to 64×64",)),
    lambda i: pixels(i, (100, 100)),
)
all_as("wide", Right((8, 64, 64), log=("padded",)), lambda i: pixels(i, (50, 100)))
all_as("small_and_wide", Right((8, 10, 20)), lambda i: pixels(i, (10, 20)))
all_as(
    "of_several_sizes",
    Right((8, 15, 15), log=("12×12 to 19×19",)),
    lambda i: pixels(i, (12 + i, 12 + i)),
)
all_as("of_one_pixel", Right((8, 4, 4), log=("1×1 pixels resized",)), lambda i: pixels(i, (1, 1)))
all_as("very_long", Right((8, 64, 64), log=("padded",)), lambda i: pixels(i, (2, 3000)))
all_as("size_given", Right((8, 8, 8), log=("resized to 8×8",)), pixels, "{}.png", "--size", "8")
all_as("size_too_small", refused("size", "2", "4 to 1024"), pixels, "{}.png", "--size", "2")
all_as("size_too_large", refused("size", "5000", "4 to 1024"), pixels, "{}.png", "--size", "5000")
all_as("rate_for_images", refused("data", "rate"), pixels, "{}.png", "--rate", "8000")
all_as(
    "turned_by_a_phone",
    Right((8, 20, 10)),
    lambda i: pixels(i, (10, 20)),
    "{}.jpg",
    exif=bytes.fromhex("45786966 0000 4D4D002A00000008 0001 0112 0003 00000001 0006 0000 00000000"),
)
all_as("two_sizes_by_exif", Right((8, 12, 12)), pixels, "{}.jpg", exif=b"Exif\0\0broken")

# -------------------------------------------------------------------------------------- damage
PNG = encoded(pixels(50, (40, 40)))
JPEG = encoded(colours(50, 40), "JPEG")
BAD = ("data", "1 of 9 files")
one_more("zero_bytes", refused(*BAD, "cat/x.png", "empty"), "x.png", b"")
one_more("cut_off", refused(*BAD, "cat/x.png"), "x.png", PNG[:700])
one_more("jpeg_cut_off", refused(*BAD, "cat/x.jpg"), "x.jpg", JPEG[:600])
one_more("web_page", refused(*BAD, "cat/x.jpg", "HTML"), "x.jpg", b"<!DOCTYPE html><html></html>")
one_more(
    "lfs_pointer",
    refused(*BAD, "cat/x.png", "git lfs pull"),
    "x.png",
    b"version https://git-lfs.github.com/spec/v1\n",
)
one_more(
    "heic_called_jpg",
    refused(*BAD, "cat/x.jpg", "heic"),
    "x.jpg",
    b"\0\0\0\x18ftypheic" + bytes(50),
)
one_more("text_called_png", refused(*BAD, "cat/x.png", "not an image"), "x.png", b"to do")
one_more("pdf_called_png", refused(*BAD, "cat/x.png", "not an image"), "x.png", b"%PDF-1.7")
one_more("zeros", refused(*BAD, "cat/x.png", "not an image"), "x.png", bytes(5000))
one_more(
    "header_of_a_huge_image",
    refused(*BAD, "cat/x.png"),
    "x.png",
    PNG[:16]
    + struct.pack(">II", 60000, 60000)
    + PNG[24:29]
    + struct.pack(">I", zlib.crc32(PNG[12:16] + struct.pack(">II", 60000, 60000) + PNG[24:29]))
    + PNG[33:],
)
one_more("checksum_wrong", refused(*BAD, "cat/x.png"), "x.png", PNG[:60] + b"\xff\xff" + PNG[62:])
one_more(
    "heic_beside_them",
    Right((8, 12, 12), FOUR, log=(".heic", "not read")),
    "x.heic",
    b"\0\0\0\x18ftypheic",
)
one_more("raw_photo_beside_them", Right((8, 12, 12), FOUR, log=(".nef",)), "x.NEF", b"MM")
one_more("video_beside_them", Right((8, 12, 12), FOUR, log=(".mp4",)), "x.mp4", b"")
one_more("sound_beside_them", refused("data", "8 images", "1 sounds", "x.wav"), "x.wav", b"RIFF")
one_more("array_beside_them", Right((8, 12, 12), FOUR, log=(".npy",)), "x.npy", b"")


@ENTRIES(Right((200, 12, 12), log=("left out: 1 of 201 files", "cat/x.png")))
def one_broken_of_many(root: Path) -> Path:
    classes(root / "data", each=100)
    put(root / "data" / "cat" / "x.png", PNG[:500])
    return root / "data"


@ENTRIES(refused("data", "dog", "convert"))
def class_of_heic_only(root: Path) -> Path:
    classes(root / "data", "cat", "bird")
    put(root / "data" / "dog" / "1.heic", b"\0\0\0\x18ftypheic")
    return root / "data"


@ENTRIES(refused("data", "1 other files", "convert"))
def folder_of_dicom(root: Path) -> Path:
    put(root / "data" / "cat" / "1.dcm", bytes(128) + b"DICM")
    return root / "data"


@ENTRIES(refused("photo.jpg", "give its folder"))
def single_image(root: Path) -> Path:
    return grey(root / "photo.jpg", 1)
