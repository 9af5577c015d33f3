"""The reader of folders of images: sizes, colours, formats, damaged files."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reader_cases import Reader, check_error, folder_of_classes, picture, save


def test_class_folders_give_images_and_labels(reader: Reader, tmp_path: Path) -> None:
    images = folder_of_classes(tmp_path / "pets")
    (tmp_path / "pets" / "README.txt").touch()
    (tmp_path / "pets" / "cat" / ".DS_Store").touch()
    (tmp_path / "pets" / "__MACOSX" / "cat").mkdir(parents=True)
    (tmp_path / "pets" / "__MACOSX" / "cat" / "._000.png").touch()
    data = reader(tmp_path / "pets", label="species")
    np.testing.assert_array_equal(data.x, images)
    assert data.x.dtype == np.uint8
    assert data.y.tolist() == ["cat"] * 3 + ["dog"] * 3
    assert (data.label_name, data.name, data.kind, data.split, data.factors) == (
        "species",
        "pets",
        "image",
        None,
        {},
    )
    assert reader.line("6 images") == "6 images, 12×12 pixels, grey"
    assert "'README.txt'" in reader.line("ignored")
    assert "DS_Store" not in " ".join(reader.lines)


def test_integer_folder_names_are_integer_labels(reader: Reader, tmp_path: Path) -> None:
    folder_of_classes(tmp_path / "a", classes=("2", "9", "10"))
    assert reader(tmp_path / "a").classes.tolist() == [2, 9, 10]
    folder_of_classes(tmp_path / "b", classes=("02", "10"))
    assert reader(tmp_path / "b").classes.tolist() == ["02", "10"]


def test_deeper_folders_are_factors_when_named(reader: Reader, tmp_path: Path) -> None:
    for label in "ab":
        for who in ("ann", "bob"):
            for i in range(2):
                save(tmp_path / label / who / "deep" / f"{i}.png", picture())
    check_error(reader, tmp_path, "which level", "--label-from-folder", "'ann', 'bob'")
    data = reader(tmp_path, factors=["who"])
    assert data.factors["who"].tolist() == ["ann", "ann", "bob", "bob"] * 2
    check_error(
        reader,
        tmp_path,
        "8 of 8 files",
        "label, who, depth, more",
        factors=["who", "depth", "more"],
    )


def test_train_and_test_folders_are_the_split(reader: Reader, tmp_path: Path) -> None:
    for part in ("train", "val"):
        folder_of_classes(tmp_path / part)
    data = reader(tmp_path)
    assert data.classes.tolist() == ["cat", "dog"]
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 6 + ["test"] * 6
    assert "val is taken as test" in reader.line("taken as test")
    reader.line("are taken as the split")
    folder_of_classes(tmp_path / "bus")
    check_error(reader, tmp_path, "'bus/'", "train/, val/")


def test_links_are_followed_but_not_in_cycles(reader: Reader, tmp_path: Path) -> None:
    folder_of_classes(tmp_path / "far", classes=("cat", "dog"))
    (tmp_path / "near").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "near" / name).symlink_to(tmp_path / "far" / name)
    (tmp_path / "far" / "cat" / "back").symlink_to(tmp_path / "far" / "cat")
    assert len(reader(tmp_path / "near")) == 6


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif", "webp", "pgm", "jpg"])
def test_all_image_formats_are_read(reader: Reader, tmp_path: Path, suffix: str) -> None:
    flat = np.full((8, 8), 100, np.uint8)
    for i in range(4):
        options = {"lossless": True} if suffix == "webp" else {}
        save(tmp_path / "ab"[i % 2] / f"{i}.{suffix}", flat, **options)
    data = reader(tmp_path)
    assert data.shape == (8, 8)
    assert np.abs(data.x.astype(int) - 100).max() <= 1


def test_size_keeps_proportions_and_fills_with_the_border(reader: Reader, tmp_path: Path) -> None:
    wide = np.full((20, 80), 200, np.uint8)
    wide[5:15, 30:50] = 0
    for i in range(4):
        save(tmp_path / "ab"[i % 2] / f"{i}.png", wide)
    x = reader(tmp_path, size=40).x
    assert x.shape == (4, 40, 40)
    assert (x[:, :15] == 200).all()
    assert (x[:, 25:] == 200).all()
    assert x[0, 20, 20] < 10
    parts = reader.line("images").split(", ")
    assert (parts[0], parts[-1]) == ("4 images", "grey")
    assert [text for text in ("80×20", "40×40") if text not in parts[1]] == []
    assert "4 padded" in parts[2]
    assert reader(tmp_path, size=(10, 40)).shape == (10, 40)
    assert reader(tmp_path).shape == (64, 64)  # the longer side, at most 64
    for size in (0, 3, 2000, True, 8.0, (8,), (8, "8")):
        check_error(reader, tmp_path, f"size is {size!r}", "4 to 1024", size=size)
    check_error(reader, tmp_path, "images", "rate=8000", rate=8000)


def test_default_size_is_the_median(reader: Reader, tmp_path: Path) -> None:
    for i, side in enumerate((10, 20, 20, 20, 60, 90)):
        save(tmp_path / "ab"[i % 2] / f"{i}.png", picture(i, (side, side)))
    assert reader(tmp_path).shape == (20, 20)
    assert re.search("^6 images, 10×10 to 90×90 .* 20×20, grey$", reader.line("images"))


def test_one_coloured_image_makes_all_colour(reader: Reader, tmp_path: Path) -> None:
    images = folder_of_classes(tmp_path)
    colour = picture(7, (12, 12, 3))
    save(tmp_path / "dog" / "999.png", colour)
    data = reader(tmp_path)
    assert data.shape == (3, 12, 12)
    np.testing.assert_array_equal(data.x[-1], colour.transpose(2, 0, 1))
    np.testing.assert_array_equal(data.x[0], np.stack([images[0]] * 3))
    assert re.search("^7 images, 12×12 pixels, colour, 6 grey", reader.line("images"))


def test_grey_stored_as_colour_stays_grey(reader: Reader, tmp_path: Path) -> None:
    for i in range(2):
        grey = picture(i)
        save(tmp_path / "a" / f"{i}.png", np.stack([grey] * 3, 2))
        save(tmp_path / "b" / f"{i}.png", Image.fromarray(grey).convert("P"))
    data = reader(tmp_path)
    assert data.shape == (12, 12)
    np.testing.assert_array_equal(data.x[0], picture(0))
    np.testing.assert_array_equal(data.x[2], picture(0))


def test_transparency_is_white_and_exif_orientation_is_applied(
    reader: Reader, tmp_path: Path
) -> None:
    clear = np.zeros((8, 8, 4), np.uint8)  # black, but the lower half is transparent
    clear[:4, :, 3] = 255
    turned = np.zeros((8, 8), np.uint8)
    turned[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by 90°
    for i in range(2):
        save(tmp_path / "a" / f"{i}.png", clear)
        save(tmp_path / "b" / f"{i}.jpg", turned, exif=exif, quality=100)
    x = reader(tmp_path).x
    assert x.shape == (4, 8, 8)
    assert (x[0, :4] == 0).all()
    assert (x[0, 4:] == 255).all()
    assert x[2, :4].min() > 200
    assert x[2, 4:].max() < 50


def test_16_bits_become_8_and_an_animation_its_first_frame(reader: Reader, tmp_path: Path) -> None:
    deep = (picture().astype(np.uint16) * 257).astype(np.uint16)
    frames = [Image.fromarray(np.full((12, 12), v, np.uint8)) for v in (10, 200)]
    for i in range(2):
        save(tmp_path / "a" / f"{i}.png", deep)
        save(tmp_path / "b" / f"{i}.gif", frames[0], save_all=True, append_images=frames[1:])
    x = reader(tmp_path).x
    np.testing.assert_array_equal(x[0], picture())
    assert (x[2] == 10).all()
    line = reader.line("images")
    assert "2 converted from 16 bits" in line
    assert "first frame of 2" in line


def test_few_damaged_images_are_left_out_and_many_are_an_error(
    reader: Reader, tmp_path: Path
) -> None:
    folder_of_classes(tmp_path, each=70)
    cut = (tmp_path / "cat" / "000.png").read_bytes()[:60]
    (tmp_path / "cat" / "001.png").write_bytes(cut)
    data = reader(tmp_path)
    assert len(data) == 139
    assert data.y.tolist() == ["cat"] * 69 + ["dog"] * 70
    np.testing.assert_array_equal(data.x[1], picture(2))
    line = reader.line("left out")
    assert "1 of 140 files" in line
    assert "cat/001.png" in line
    (tmp_path / "dog" / "005.png").write_text("not an image")
    (tmp_path / "dog" / "006.png").write_bytes(b"")
    check_error(
        reader,
        tmp_path,
        "3 of 140 files",
        "001.png (",
        "005.png (it is not an image)",
        "006.png (it is empty)",
    )


def test_class_that_loses_examples_to_damaged_files_is_an_error(
    reader: Reader, tmp_path: Path
) -> None:
    folder_of_classes(tmp_path, each=200)
    save(tmp_path / "eel" / "0.png", picture())
    (tmp_path / "eel" / "1.png").write_text("no image")
    check_error(reader, tmp_path, "1 of 3 classes", "'label'", "('eel')")


def test_folder_without_usable_classes_is_an_error(reader: Reader, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    check_error(reader, empty, "no images and no sounds")
    (empty / "notes.csv").write_text("a,b\n1,2\n")
    check_error(reader, empty, "notes.csv")
    one = tmp_path / "one"
    folder_of_classes(one, classes=("cat",))
    check_error(reader, one, "'label' has one class only ('cat')")
    save(one / "dog" / "0.png", picture())
    check_error(reader, one, "1 of 2 classes", "('dog')")
    flat = tmp_path / "flat"
    for i in range(5):
        save(flat / f"{i}.png", picture())
    check_error(reader, flat, "5 of 5 files", "('0.png', '1.png', '2.png' and 2 more)")
    ids = tmp_path / "ids"
    folder_of_classes(ids, each=1, classes=("a", "b", "c", "d"))
    check_error(reader, ids, "'label' has 4 values in 4 rows")
    (one / "dog" / "1.wav").touch()
    check_error(reader, one, "4 images (000.png …)", "1 sounds (1.wav …)")


def test_reading_images_takes_little_more_memory_than_the_array(
    reader: Reader, tmp_path: Path
) -> None:
    for i in range(40):
        save(tmp_path / "ab"[i % 2] / f"{i:02d}.png", picture(i, (128, 128, 3)), compress_level=1)
    reader(tmp_path, size=128)  # loads the modules, which are not to be measured
    tracemalloc.start()
    data = reader(tmp_path, size=128)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.x.nbytes == 40 * 3 * 128 * 128
    assert peak < 1.25 * data.x.nbytes
