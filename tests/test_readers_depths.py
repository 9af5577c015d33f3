"""Images of 1 to 32 bits, fractions, all modes, and files that are no images."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from folder_cases import grey, grid, open_path, refused, tree
from reader_cases import encoded, folder_of_classes, picture, save
from wvae.datasets.schema import Schema

RAMP = np.arange(144).reshape(12, 12)  # as many grey values as pixels


def classes_of(root: Path, values: Any, dtype: Any, suffix: str) -> None:
    """Write two dark and two bright images; the brightest value is that of `values`."""
    for i in range(2):
        grey(root / "dark" / f"{i}.{suffix}", np.asarray(values) // 2, dtype)
        grey(root / "bright" / f"{i}.{suffix}", values, dtype)


@pytest.mark.parametrize("largest", [200, 255, 256, 4095, 30_000])
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [("png", np.uint16), ("tif", np.uint16), ("tif", np.int32), ("tif", ">u2"), ("pgm", np.uint16)],
)
def test_one_factor_for_a_set_of_deep_images(
    tmp_path: Path, largest: int, suffix: str, dtype: Any
) -> None:
    values = np.rint(RAMP / RAMP.max() * largest).astype(int)
    classes_of(tmp_path, values, dtype, suffix)
    data, log = open_path(tmp_path)
    expected = np.rint(values * 255 / largest)
    np.testing.assert_array_equal(data.x[0], expected)  # in bright/
    np.testing.assert_array_equal(data.x[2], np.rint(values // 2 * 255 / largest))
    assert data.schema is not None
    assert data.schema.white == largest
    assert sum("taken as white" in line and f"{largest:,}" in line for line in log) == 1
    assert not any("warning" in line for line in log)


@pytest.mark.parametrize(
    ("largest", "white"), [(0.25, 0.25), (0.9, 1.0), (1.0, 1.0), (7.5, 7.5), (200.0, 200.0)]
)
def test_fractions_have_one_factor(tmp_path: Path, largest: float, white: float) -> None:
    values = RAMP / RAMP.max() * largest
    for i in range(2):
        grey(tmp_path / "a" / f"{i}.tif", values / 2, np.float32)
        grey(tmp_path / "b" / f"{i}.tif", values, np.float32)
    data, _ = open_path(tmp_path)
    np.testing.assert_allclose(data.x[2], values * 255 / white, atol=0.51)
    assert data.schema is not None
    assert data.schema.white == pytest.approx(white)


@pytest.mark.parametrize(
    ("values", "dtype", "text"),
    [
        (RAMP - 5, np.int32, "-5 to 138"),
        (RAMP - 0.5, np.float32, "-0.5 to"),
        (np.where(RAMP == 3, np.nan, RAMP), np.float32, "NaN"),
        (np.where(RAMP == 3, np.inf, RAMP), np.float32, "infinity"),
        (0 * RAMP, np.uint16, "black"),
    ],
)
def test_unusable_grey_values_are_refused(
    tmp_path: Path, values: Any, dtype: Any, text: str
) -> None:
    for i in range(4):
        grey(tmp_path / "ab"[i % 2] / f"{i}.tif", values, dtype)
    refused(tmp_path, text)


def test_few_grey_values_are_warned_of(tmp_path: Path) -> None:
    classes_of(tmp_path, RAMP // 36, np.uint16, "png")
    _, log = open_path(tmp_path)
    assert sum("warning" in line and "4 different grey values" in line for line in log) == 1
    for i in range(4):
        grey(tmp_path / "masks" / "ab"[i % 2] / f"{i}.png", RAMP % 2, np.uint8)
    _, log = open_path(tmp_path / "masks")
    assert sum("warning" in line and "1 of 255" in line for line in log) == 1


@pytest.mark.parametrize(
    ("dtype", "values", "suffix"),
    [(np.uint16, RAMP, "png"), (np.float32, RAMP / 200, "tif"), (np.int32, RAMP, "tif")],
)
def test_several_depths_are_refused(tmp_path: Path, dtype: Any, values: Any, suffix: str) -> None:
    for i in range(2):
        grey(tmp_path / "a" / f"{i}.{suffix}", values, dtype)
        grey(tmp_path / "b" / f"{i}.png", RAMP, np.uint8)
    refused(tmp_path, "2 of", "2 of 8 bits", f"'a/0.{suffix}'", "'b/0.png'")


@pytest.mark.parametrize(
    ("largest", "clipped"), [(100, False), (200, False), (300, True), (400, True)]
)
def test_new_images_take_the_white_of_the_model(
    tmp_path: Path, largest: int, clipped: bool
) -> None:
    values = np.rint(RAMP / 143 * largest).astype(int)
    for i in range(4):
        grey(tmp_path / "ab"[i % 2] / f"{i}.png", values)
    data, log = open_path(tmp_path, schema=Schema("image", (12, 12), white=200))
    np.testing.assert_array_equal(data.x[0], np.rint(values.clip(0, 200) * 255 / 200))
    assert any("4 of them with values above white" in line for line in log) == clipped


@pytest.mark.parametrize(
    ("values", "dtype", "white", "texts"),
    [
        (RAMP * 4, np.uint16, 200, ["572", "200"]),
        (RAMP, np.uint8, 200, ["8 bits", "200"]),
        (RAMP * 100, np.uint16, 255, ["14,300", "255"]),
        (RAMP * 100, np.uint16, None, ["14,300", "255"]),
        (RAMP / 143, np.float32, 4000, ["1", "4,000"]),
        (RAMP, np.uint16, 1.0, ["143", "1"]),
    ],
)
def test_new_images_of_another_range_are_refused(
    tmp_path: Path, values: Any, dtype: Any, white: Any, texts: list[str]
) -> None:
    for i in range(4):
        grey(tmp_path / "ab"[i % 2] / f"{i}.tif", values, dtype)
    refused(tmp_path, *texts, "model", schema=Schema("image", (12, 12), white=white))


def test_size_and_colours_are_those_of_the_model(tmp_path: Path) -> None:
    for i in range(4):
        save(tmp_path / "ab"[i % 2] / f"{i}.png", picture(i, (20, 20, 3)))
    data, log = open_path(tmp_path, schema=Schema("image", (8, 10), white=255))
    assert data.shape == (8, 10)
    assert sum("4 coloured images converted to grey" in line for line in log) == 1
    data, log = open_path(tmp_path, schema=Schema("image", (3, 8, 8)))
    assert data.shape == (3, 8, 8)
    refused(tmp_path, "size is 9", "8×8", size=9, schema=Schema("image", (3, 8, 8)))
    refused(tmp_path, "(4, 4, 4, 4)", schema=Schema("image", (4, 4, 4, 4)))
    folder_of_classes(tmp_path / "grey")
    data, log = open_path(tmp_path / "grey", schema=Schema("image", (3, 12, 12)))
    assert sum("6 grey images converted to colour" in line for line in log) == 1


@pytest.mark.parametrize(
    ("mode", "suffix", "coloured"),
    [
        *(("1", "png", False), ("1", "tif", False), ("L", "png", False), ("LA", "png", False)),
        *(("P", "png", True), ("P", "gif", True), ("RGBA", "png", True), ("RGB", "bmp", True)),
        *(("CMYK", "jpg", True), ("CMYK", "tif", True), ("YCbCr", "jpg", True)),
        *(("YCbCr", "tif", True), ("LAB", "tif", True), ("RGBA", "webp", True)),
        *(("RGBX", "tif", True), ("RGB", "ppm", True), ("1", "pbm", False)),
    ],
)
def test_all_modes_are_read(tmp_path: Path, mode: str, suffix: str, coloured: bool) -> None:
    red = Image.new("RGB", (12, 12), (200, 30, 30))
    red.paste((255, 255, 255), (0, 0, 6, 12))
    image = Image.new("LAB", (12, 12), (128, 200, 180)) if mode == "LAB" else red.convert(mode)
    for i in range(4):
        save(tmp_path / "ab"[i % 2] / f"{i}.{suffix}", image)
    x = open_path(tmp_path)[0].x.astype(int)
    assert x.shape[1:] == ((3, 12, 12) if coloured else (12, 12))
    if mode not in ("LAB", "1"):
        assert x[0, ..., 2].min() > 230
    if coloured and mode != "LAB":
        assert x[0, 0, 6, 10] > x[0, 1, 6, 10] + 90


def sixteen_bit_colour(level: int) -> bytes:
    """Return a PNG of 16-bit colours, which Pillow does not write."""
    rows = b"".join(b"\0" + struct.pack(">HHH", level, level // 2, 0) * 8 for _ in range(8))

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def test_bright_16_bit_colours_are_read_and_dark_ones_refused(tmp_path: Path) -> None:
    for name, level in (("bright", 60_000), ("dark", 200)):
        for i in range(4):
            path = tmp_path / name / "ab"[i % 2] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sixteen_bit_colour(level))
    data, log = open_path(tmp_path / "bright")
    assert data.x[0, :, 0, 0].tolist() == [60_000 >> 8, 30_000 >> 8, 0]
    assert sum("colours of 16 bits" in line for line in log) == 1
    refused(tmp_path / "dark", "4 images", "'a/0.png'", "colours of 16 bits", "8 bits")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html>404</html>", "HTML"),
        (b"\n<html><body>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"GIF89a", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "not an image"),
        (encoded(picture())[:60], "0.png"),
        (encoded(picture(0, (60, 60)), "JPEG")[:700], "truncated"),
        (encoded(picture(0, (60, 60)), "BMP")[:900], "truncated"),
        (encoded(picture(), "TIFF")[:100], "0.png"),
        (b"P5 99999 99999 255\n" + b"0" * 99, "exceeds limit"),
    ],
)
def test_files_that_are_no_images_are_named(tmp_path: Path, content: bytes, text: str) -> None:
    grid(tmp_path, ("cat", "dog"))
    (tmp_path / "cat" / "0.png").write_bytes(content)
    refused(tmp_path, "1 of 4 files", "cat/0.png (", text)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 60), (3, 3), (1, 64)])
def test_tiny_and_narrow_images_are_padded(tmp_path: Path, shape: tuple[int, int]) -> None:
    for i in range(4):
        save(tmp_path / "ab"[i % 2] / f"{i}.png", np.full(shape, 99, np.uint8))
    data, _ = open_path(tmp_path)
    assert min(data.shape) >= 4
    assert (data.x == 99).all()


def test_the_first_page_of_a_stack_is_told_of(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((12, 12), value, np.uint8)) for value in (50, 200)]
    for i in range(4):
        save(tmp_path / "ab"[i % 2] / f"{i}.tif", pages[0], save_all=True, append_images=pages[1:])
    data, log = open_path(tmp_path)
    assert (data.x == 50).all()
    assert sum("first frame of 4" in line for line in log) == 1


def test_images_under_another_suffix_are_read_by_content(tmp_path: Path) -> None:
    grid(tmp_path, ("cat", "dog"))
    tree(tmp_path, "cat/9.png")
    (tmp_path / "cat" / "9.png").rename(tmp_path / "cat" / "9.JPG")
    data, _ = open_path(tmp_path)
    assert len(data) == 5
    assert data.files is not None
    assert "cat/9.JPG" in data.files.tolist()
