"""A user's own data: folders, tables, arrays, and what can be wrong with them."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wvae.datasets import CATALOGUE, Dataset, open_data
from wvae.datasets.dataset import Kind

Opener = Callable[..., Dataset]


class Said(list[str]):
    """What was told; `about` finds the one line that holds a text."""

    def about(self, text: str) -> str:
        found = [line for line in self if text in line]
        assert len(found) == 1, f"{text!r} is in {len(found)} of {list(self)}"
        return found[0]


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def opened(said: Said) -> Opener:
    def open_it(source: str | Path, **options: Any) -> Dataset:
        return open_data(source, say=said.append, progress=False, **options)

    return open_it


def refused(opened: Opener, source: str | Path, *texts: str, **options: Any) -> None:
    """Check that the error is one line which holds these texts."""
    with pytest.raises(ValueError, match=re.escape(texts[0])) as error:
        opened(source, **options)
    message = str(error.value)
    assert "\n" not in message
    assert [text for text in texts if text not in message] == []


def picture(seed: int = 0, shape: tuple[int, ...] = (12, 12)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, pixels: np.ndarray | Image.Image, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def folder_of_classes(root: Path, each: int = 3, classes: tuple[str, ...] = ("cat", "dog")) -> np.ndarray:
    """Write grey 12×12 PNGs and return them in the order of their names."""
    images = []
    for i, name in enumerate(classes):
        for j in range(each):
            images.append(picture(100 * i + j))
            save(root / name / f"{j:03d}.png", images[-1])
    return np.array(images)


# ---------------------------------------------------------------------------------------------- the record


@pytest.mark.parametrize(("kind", "rate"), [("audio", 0), ("audio", -8000), ("image", 8000)])
def test_a_rate_is_positive_and_of_sounds(kind: Kind, rate: int) -> None:
    with pytest.raises(ValueError, match=f"rate is {rate}.*expected"):
        Dataset(picture(0, (4, 8, 8)), np.arange(4) % 2, kind=kind, rate=rate)


# ---------------------------------------------------------------------------------------------- names and paths


def test_catalogue_by_name_with_chosen_factors(opened: Opener) -> None:
    assert opened("digits8x8").shape == (8, 8)
    data = opened("handwriting", factors=["slant"])
    assert list(data.factors) == ["slant"]
    refused(
        opened, "handwriting", "there is no column 'slent' for the factor", "did you mean 'slant'", factors=["slent"]
    )
    for option in ({"label": "digit"}, {"size": 8}, {"rate": 8000}):
        refused(opened, "digits8x8", "digits8x8 is a data set of the catalogue", "leave it out", **option)


def test_a_path_called_like_a_data_set(
    opened: Opener, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of_classes(tmp_path / "digits8x8")
    assert len(opened("digits8x8")) == 1797
    assert "write ./digits8x8" in said.about("taken from the catalogue")
    for path in ("./digits8x8", tmp_path / "digits8x8", Path("digits8x8")):
        assert len(opened(path)) == 6


def test_unknown_names_and_files(opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flowers.npz").touch()
    refused(opened, "mnst", "neither a data set nor a file or folder 'mnst'", "did you mean 'mnist'", *CATALOGUE)
    refused(opened, "flower.npz", "did you mean 'flowers.npz'")
    refused(opened, "nowhere/at/all", "neither a data set nor a file or folder")
    for name, hint in (("a.zip", "unpack it"), ("a.pkl", "run any code"), ("a.png", "the folder"), ("a.xyz", ".npz")):
        (tmp_path / name).touch()
        refused(opened, name, f"{name} is not read", hint)
    with pytest.raises(TypeError, match=re.escape("factors is 'writer', expected a list of names: ['writer']")):
        opened("digits8x8", factors="writer")


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import sys, wvae.datasets; sys.exit(any(m in sys.modules for m in ('torch','PIL','pyarrow','soundfile')))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_say_prints_to_stderr_unless_told_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of_classes(tmp_path / "pets")
    open_data(tmp_path / "pets")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["label 'label': 2 classes in 6 rows", "6 images, 12×12 pixels, grey"]


# ---------------------------------------------------------------------------------------------- folders of images


def test_folder_of_classes(opened: Opener, said: Said, tmp_path: Path) -> None:
    images = folder_of_classes(tmp_path / "pets")
    (tmp_path / "pets" / "README.txt").touch()
    (tmp_path / "pets" / "cat" / ".DS_Store").touch()
    (tmp_path / "pets" / "__MACOSX" / "cat").mkdir(parents=True)
    (tmp_path / "pets" / "__MACOSX" / "cat" / "._000.png").touch()
    data = opened(tmp_path / "pets", label="species")
    np.testing.assert_array_equal(data.x, images)
    assert data.x.dtype == np.uint8
    assert data.y.tolist() == ["cat"] * 3 + ["dog"] * 3
    assert (data.label_name, data.name, data.kind, data.split, data.factors) == ("species", "pets", "image", None, {})
    assert said.about("6 images") == "6 images, 12×12 pixels, grey"
    assert "'README.txt'" in said.about("left alone")
    assert "DS_Store" not in " ".join(said)


def test_numbered_classes_are_numbers(opened: Opener, tmp_path: Path) -> None:
    folder_of_classes(tmp_path / "a", classes=("2", "9", "10"))
    assert opened(tmp_path / "a").classes.tolist() == [2, 9, 10]
    folder_of_classes(tmp_path / "b", classes=("02", "10"))
    assert opened(tmp_path / "b").classes.tolist() == ["02", "10"]


def test_deeper_folders_are_factors_when_named(opened: Opener, tmp_path: Path) -> None:
    for label in "ab":
        for who in ("ann", "bob"):
            for i in range(2):
                save(tmp_path / label / who / "deep" / f"{i}.png", picture())
    assert opened(tmp_path).y.tolist() == list("aaaabbbb")
    data = opened(tmp_path, factors=["who"])
    assert data.factors["who"].tolist() == ["ann", "ann", "bob", "bob"] * 2
    refused(
        opened,
        tmp_path,
        "8 of 8 files do not lie in folders for label, who, depth, more",
        factors=["who", "depth", "more"],
    )


def test_train_and_test_folders_are_the_split(opened: Opener, said: Said, tmp_path: Path) -> None:
    for part in ("train", "val"):
        folder_of_classes(tmp_path / part)
    data = opened(tmp_path)
    assert data.classes.tolist() == ["cat", "dog"]
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 6 + ["test"] * 6
    assert "val is taken as test" in said.about("taken as test")
    said.about("are taken as the split")
    # Classes that only look like it: one of the folders is no part.
    folder_of_classes(tmp_path / "bus")
    assert opened(tmp_path).classes.tolist() == ["bus", "train", "val"]


def test_links_are_followed_but_not_in_circles(opened: Opener, tmp_path: Path) -> None:
    folder_of_classes(tmp_path / "far", classes=("cat", "dog"))
    (tmp_path / "near").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "near" / name).symlink_to(tmp_path / "far" / name)
    (tmp_path / "far" / "cat" / "back").symlink_to(tmp_path / "far" / "cat")
    assert len(opened(tmp_path / "near")) == 6


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif", "webp", "pgm", "jpg"])
def test_formats(opened: Opener, tmp_path: Path, suffix: str) -> None:
    flat = np.full((8, 8), 100, np.uint8)
    for i in range(4):
        options = {"lossless": True} if suffix == "webp" else {}
        save(tmp_path / "ab"[i % 2] / f"{i}.{suffix}", flat, **options)
    data = opened(tmp_path)
    assert data.shape == (8, 8)
    assert np.abs(data.x.astype(int) - 100).max() <= 1


def test_size_keeps_proportions_and_fills_with_the_border(opened: Opener, said: Said, tmp_path: Path) -> None:
    wide = np.full((20, 80), 200, np.uint8)
    wide[5:15, 30:50] = 0
    for i in range(4):
        save(tmp_path / "ab"[i % 2] / f"{i}.png", wide)
    x = opened(tmp_path, size=40).x
    assert x.shape == (4, 40, 40)
    assert (x[:, :15] == 200).all()
    assert (x[:, 25:] == 200).all()
    assert x[0, 20, 20] < 10
    assert (
        said.about("images")
        == "4 images, 80×20 pixels brought to 40×40, 4 filled up at the sides to keep their proportions, grey"
    )
    assert opened(tmp_path, size=(10, 40)).shape == (10, 40)
    assert opened(tmp_path).shape == (64, 64)  # the longer side, at most 64
    for size in (0, 3, 2000, True, 8.0, (8,), (8, "8")):
        refused(opened, tmp_path, f"size is {size!r}, expected pixels from 4 to 1024", size=size)
    refused(opened, tmp_path, "holds images, for which rate=8000 means nothing", rate=8000)


def test_default_size_is_the_median(opened: Opener, said: Said, tmp_path: Path) -> None:
    for i, side in enumerate((10, 20, 20, 20, 60, 90)):
        save(tmp_path / "ab"[i % 2] / f"{i}.png", picture(i, (side, side)))
    assert opened(tmp_path).shape == (20, 20)
    assert said.about("images") == "6 images, 10×10 to 90×90 pixels brought to 20×20, grey"


def test_one_coloured_image_makes_all_colour(opened: Opener, said: Said, tmp_path: Path) -> None:
    images = folder_of_classes(tmp_path)
    colour = picture(7, (12, 12, 3))
    save(tmp_path / "dog" / "999.png", colour)
    data = opened(tmp_path)
    assert data.shape == (3, 12, 12)
    np.testing.assert_array_equal(data.x[-1], colour.transpose(2, 0, 1))
    np.testing.assert_array_equal(data.x[0], np.stack([images[0]] * 3))
    assert said.about("images") == "7 images, 12×12 pixels, colour, 6 grey ones made colour"


def test_grey_stored_as_colour_stays_grey(opened: Opener, tmp_path: Path) -> None:
    for i in range(2):
        grey = picture(i)
        save(tmp_path / "a" / f"{i}.png", np.stack([grey] * 3, 2))
        save(tmp_path / "b" / f"{i}.png", Image.fromarray(grey).convert("P"))
    data = opened(tmp_path)
    assert data.shape == (12, 12)
    np.testing.assert_array_equal(data.x[0], picture(0))
    np.testing.assert_array_equal(data.x[2], picture(0))


def test_transparency_is_white_and_exif_turns(opened: Opener, tmp_path: Path) -> None:
    clear = np.zeros((8, 8, 4), np.uint8)  # black, but not to be seen
    clear[:4, :, 3] = 255
    turned = np.zeros((8, 8), np.uint8)
    turned[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: turn clockwise by 90°
    for i in range(2):
        save(tmp_path / "a" / f"{i}.png", clear)
        save(tmp_path / "b" / f"{i}.jpg", turned, exif=exif, quality=100)
    x = opened(tmp_path).x
    assert x.shape == (4, 8, 8)
    assert (x[0, :4] == 0).all()
    assert (x[0, 4:] == 255).all()
    assert x[2, :4].min() > 200
    assert x[2, 4:].max() < 50


def test_sixteen_bits_and_frames(opened: Opener, said: Said, tmp_path: Path) -> None:
    deep = (picture().astype(np.uint16) * 257).astype(np.uint16)
    frames = [Image.fromarray(np.full((12, 12), v, np.uint8)) for v in (10, 200)]
    for i in range(2):
        save(tmp_path / "a" / f"{i}.png", deep)
        save(tmp_path / "b" / f"{i}.gif", frames[0], save_all=True, append_images=frames[1:])
    x = opened(tmp_path).x
    np.testing.assert_array_equal(x[0], picture())
    assert (x[2] == 10).all()
    line = said.about("images")
    assert "2 of 16 bits brought to 8" in line
    assert "of 2 with several frames the first is taken" in line


def test_broken_images(opened: Opener, said: Said, tmp_path: Path) -> None:
    folder_of_classes(tmp_path, each=70)
    cut = (tmp_path / "cat" / "000.png").read_bytes()[:60]
    (tmp_path / "cat" / "001.png").write_bytes(cut)
    data = opened(tmp_path)
    assert len(data) == 139
    assert data.y.tolist() == ["cat"] * 69 + ["dog"] * 70
    np.testing.assert_array_equal(data.x[1], picture(2))
    line = said.about("left out")
    assert "1 of 140 files, which cannot be read" in line
    assert "cat/001.png" in line
    (tmp_path / "dog" / "005.png").write_text("I am no image")
    (tmp_path / "dog" / "006.png").write_bytes(b"")
    refused(
        opened,
        tmp_path,
        "3 of 140 files cannot be read",
        "001.png (",
        "005.png (it is no image)",
        "006.png (it is empty)",
    )


def test_a_class_that_loses_its_examples(opened: Opener, tmp_path: Path) -> None:
    folder_of_classes(tmp_path, each=200)
    save(tmp_path / "eel" / "0.png", picture())
    (tmp_path / "eel" / "1.png").write_text("no image")
    refused(opened, tmp_path, "1 of 3 classes of the label 'label' have one example ('eel')")


def test_folders_that_cannot_be_used(opened: Opener, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(opened, empty, "holds no images and no sounds")
    (empty / "notes.csv").write_text("a,b\n1,2\n")
    refused(opened, empty, "holds no images and no sounds: give the table itself", "notes.csv")
    one = tmp_path / "one"
    folder_of_classes(one, classes=("cat",))
    refused(opened, one, "has one class only, cat")
    save(one / "dog" / "0.png", picture())
    refused(opened, one, "1 of 2 classes of the label 'label' have one example ('dog')", "drop them or merge them")
    flat = tmp_path / "flat"
    for i in range(5):
        save(flat / f"{i}.png", picture())
    refused(opened, flat, "5 of 5 files do not lie in folders for label ('0.png', '1.png', '2.png' and 2 more)")
    ids = tmp_path / "ids"
    folder_of_classes(ids, each=1, classes=("a", "b", "c", "d"))
    refused(opened, ids, "the label 'label' has 4 values in 4 rows, like an id")
    (one / "dog" / "1.wav").touch()
    refused(opened, one, "mixes 4 images (000.png …) and 1 sounds (1.wav …)")


def test_thousands_of_images_take_one_array(opened: Opener, tmp_path: Path) -> None:
    for i in range(40):
        save(tmp_path / "ab"[i % 2] / f"{i:02d}.png", picture(i, (128, 128, 3)), compress_level=1)
    opened(tmp_path, size=128)  # whatever is loaded once
    tracemalloc.start()
    data = opened(tmp_path, size=128)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.x.nbytes == 40 * 3 * 128 * 128
    assert peak < 1.25 * data.x.nbytes


# ---------------------------------------------------------------------------------------------- manifests


def manifest(root: Path, header: str = "path,label,writer,slant,comment") -> list[str]:
    """Write 8 images and the rows of a table of them; two writers, a continuous slant, comments all different."""
    lines = [header]
    for i in range(8):
        save(root / "files" / f"{i}.png", picture(i))
        lines.append(f"files/{i}.png,{'ab'[i % 2]},{'xy'[i // 4]},{i / 7:.3f},no {i}")
    return lines


def test_manifest_in_the_folder_or_itself(opened: Opener, said: Said, tmp_path: Path) -> None:
    table = tmp_path / "metadata.csv"
    table.write_text("\n".join(reversed_rows(manifest(tmp_path))))
    save(tmp_path / "files" / "unnamed.png", picture())
    for source in (tmp_path, table):
        data = opened(source)
        np.testing.assert_array_equal(data.x, [picture(i) for i in reversed(range(8))])
        assert data.y.tolist() == list("babababa")
        assert list(data.factors) == ["writer", "slant"]
        np.testing.assert_allclose(data.factors["slant"], np.arange(8)[::-1] / 7, atol=1e-3)
    assert "1 files that metadata.csv does not name" in said.about("left out")
    assert said[1] == "factors (none was named): writer, slant"
    assert said[2] == "no factors: 'comment' (8 values in 8 rows)"
    data = opened(table, label="writer", factors=["label"])
    assert (data.label_name, list(data.factors), data.name) == ("writer", ["label"], "metadata")


def reversed_rows(lines: list[str]) -> list[str]:
    return [lines[0], *reversed(lines[1:])]


@pytest.mark.parametrize("header", ["FileName,label,writer,slant,comment", "blob,label,writer,slant,comment"])
def test_the_column_of_files_is_found(opened: Opener, tmp_path: Path, header: str) -> None:
    (tmp_path / "m.csv").write_text("\n".join(manifest(tmp_path, header)))
    assert opened(tmp_path).shape == (12, 12)


def test_names_without_a_suffix(opened: Opener, tmp_path: Path) -> None:
    lines = [line.replace(".png", "") for line in manifest(tmp_path, "image,label,writer,slant,comment")]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    assert opened(tmp_path / "m.csv").shape == (12, 12)


def test_manifest_as_parquet_with_split(opened: Opener, said: Said, tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    lines = [line.split(",") for line in manifest(tmp_path)]
    columns = {name: [row[i] for row in lines[1:]] for i, name in enumerate(lines[0])}
    columns["split"] = ["Train"] * 4 + ["dev"] * 2 + ["test"] * 2
    parquet.write_table(pa.table(columns), tmp_path / "m.parquet")
    data = opened(tmp_path)
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 6 + ["test"] * 2
    assert said.about("is taken as") == "split: dev is taken as train"
    assert said.about("6 train") == "split: 6 train, 2 test"
    columns["split"] = ["train"] * 8
    parquet.write_table(pa.table(columns), tmp_path / "m.parquet")
    assert opened(tmp_path).split is None
    assert "chosen at random" in said.about("all rows are train")
    columns["split"] = ["train"] * 7 + ["spare"]
    parquet.write_table(pa.table(columns), tmp_path / "m.parquet")
    refused(opened, tmp_path, "the column 'split' holds 'spare', expected train, test or validation")


def test_manifests_that_cannot_be_used(opened: Opener, tmp_path: Path) -> None:
    lines = manifest(tmp_path)
    table = tmp_path / "m.csv"
    for i in (1, 2, 5, 7):
        (tmp_path / "files" / f"{i}.png").unlink()
    table.write_text("\n".join(lines))
    refused(
        opened,
        table,
        "4 of 8 files of the column 'path' are not in",
        "'files/1.png', 'files/2.png', 'files/5.png' and 1",
    )
    manifest(tmp_path)
    refused(opened, table, "no column 'lable' for the label", "did you mean 'label'", "'writer'", label="lable")
    refused(opened, table, "no column 'Writr' for the factor", "did you mean 'writer'", factors=["Writr"])
    refused(opened, table, "'label' is asked for as label and as factor", factors=["label"])
    refused(opened, table, "the factor 'writer' is asked for twice", factors=["writer", "writer"])
    refused(opened, table, "the label 'comment' has 8 values in 8 rows, like an id", label="comment")
    refused(opened, table, "the label 'path' names files", label="path", factors=["writer"])
    table.write_text("\n".join(line.replace(",a,", ",,").replace(",b,", ",,") for line in lines))
    refused(opened, table, "the label 'label' is missing in all rows: fill it, or name another column")
    table.write_text("\n".join(line.replace(",x,", ",,") for line in lines))
    refused(opened, table, "the factor 'writer' is missing", factors=["writer"])
    assert list(opened(table).factors) == ["slant"]
    table.write_text("\n".join(line.replace("label", "kind") for line in lines))
    refused(opened, table, "which is the label?", "'path', 'kind', 'writer', 'slant', 'comment'")
    table.write_text("\n".join(line.replace("6.png", "6.wav") for line in lines))
    (tmp_path / "files" / "6.png").rename(tmp_path / "files" / "6.wav")
    refused(opened, table, "mixes 7 images (0.png …) and 1 sounds (6.wav …)")


def test_several_tables_in_a_folder(opened: Opener, said: Said, tmp_path: Path) -> None:
    lines = "\n".join(manifest(tmp_path))
    (tmp_path / "a.csv").write_text(lines)
    (tmp_path / "b.csv").write_text(lines)
    refused(opened, tmp_path, "several tables that name files ('a.csv', 'b.csv')", "call it manifest")
    (tmp_path / "a.csv").rename(tmp_path / "manifest.csv")
    assert len(opened(tmp_path)) == 8
    assert "'b.csv'" in said.about("no manifest")
    folder_of_classes(tmp_path / "pets")
    (tmp_path / "pets" / "results.csv").write_text("run,accuracy\n1,0.5\n")
    assert opened(tmp_path / "pets").classes.tolist() == ["cat", "dog"]


# ---------------------------------------------------------------------------------------------- folders of sounds


def tone(frequency: float, rate: int = 8000, seconds: float = 0.2) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def write_wav(path: Path, wave: np.ndarray, rate: int = 8000) -> None:
    soundfile = pytest.importorskip("soundfile")
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate)


def folder_of_tones(root: Path, each: int = 4) -> None:
    pytest.importorskip("librosa")
    for name, frequency in (("low", 300), ("high", 3000)):
        for i in range(each):
            write_wav(root / name / "ab"[i % 2] / f"{i}.wav", tone(frequency))


def test_folder_of_sounds(opened: Opener, said: Said, tmp_path: Path) -> None:
    folder_of_tones(tmp_path)
    write_wav(tmp_path / "low" / "a" / "9.wav", tone(300, 22050, 0.4), 22050)
    data = opened(tmp_path, label="pitch", factors=["speaker"])
    assert (data.kind, data.x.shape, data.x.dtype, data.label_name) == ("audio", (9, 64, 64), np.float32, "pitch")
    assert data.factors["speaker"].tolist() == list("aabb" + "aaabb")
    assert (data.x.min(), data.x.max()) == (0, 1)
    loudest = data.x.mean(2).argmax(1)
    assert loudest[data.y == "low"].max() < 15
    assert loudest[data.y == "high"].min() > 45
    assert said.about("sounds") == (
        "9 sounds of 0.20 to 0.40 s, 8,000 Hz (8), 22,050 Hz (1) brought to 8,000 Hz, "
        "as log-mel spectrograms of 64 bands × 64 parts"
    )
    assert data.rate == 8000
    again = opened(tmp_path, rate=16000)
    assert (again.shape, again.rate) == ((64, 64), 16_000)
    refused(opened, tmp_path, "holds sounds, for which size=8 means nothing", size=8)
    refused(opened, tmp_path, "rate is 8, expected samples per second from 1,000", rate=8)


def test_rate_is_at_most_16_khz(opened: Opener, said: Said, tmp_path: Path) -> None:
    pytest.importorskip("librosa")
    for i in range(4):
        write_wav(tmp_path / "ab"[i % 2] / f"{i}.wav", tone(500, 44100), 44100)
    assert opened(tmp_path).rate == 16_000
    assert "44,100 Hz brought to 16,000 Hz" in said.about("sounds")


def test_bad_sounds(opened: Opener, said: Said, tmp_path: Path) -> None:
    folder_of_tones(tmp_path, each=52)
    write_wav(tmp_path / "low" / "a" / "0.wav", np.zeros(1600, np.float32))
    data = opened(tmp_path)
    assert len(data) == 103
    assert (data.y == "low").sum() == 51
    assert "low/a/0.wav (it is silent" in said.about("left out")
    write_wav(tmp_path / "low" / "a" / "2.wav", np.zeros(0, np.float32))
    (tmp_path / "low" / "a" / "4.wav").write_text("no sound")
    refused(opened, tmp_path, "3 of 104 files cannot be read", "2.wav (it is empty", "4.wav (it is no sound file")
    refused_all = tmp_path / "all"
    for i in range(4):
        (refused_all / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        (refused_all / "ab"[i % 2] / f"{i}.wav").touch()
    refused(opened, refused_all, "4 of 4 files cannot be read", "and 1 more")


# ---------------------------------------------------------------------------------------------- arrays


def test_npz(opened: Opener, said: Said, tmp_path: Path) -> None:
    path = tmp_path / "cells.npz"
    x, y = picture(0, (8, 6, 5)), np.arange(8) % 2
    np.savez(path, X=x, y=y, plate=np.repeat(["p", "q"], 4), note=np.arange(3), split=np.repeat(["train", "test"], 4))
    data = opened(path)
    np.testing.assert_array_equal(data.x, x)
    assert (data.kind, data.label_name, data.name) == ("image", "y", "cells")
    assert list(data.factors) == ["plate"]
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 4 + ["test"] * 4
    assert "'note'" in said.about("left alone")
    assert opened(path, label="plate").y.tolist() == list("ppppqqqq")
    refused(opened, path, "no column 'plat' for the label – did you mean 'plate'?", label="plat")
    refused(opened, path, "the label 'note' has shape (3,), X (8, 6, 5): expected (8,)", label="note")
    refused(opened, path, "an archive of arrays, for which size=8 means nothing", size=8)
    np.savez(path, picture=x, y=y)
    refused(opened, path, "holds 'picture', 'y', expected the examples under x, X, images or data")


def test_npz_in_two_parts(opened: Opener, tmp_path: Path) -> None:
    path = tmp_path / "k.npz"
    x, y = picture(0, (10, 4, 4)), np.arange(10) % 2
    np.savez(path, x_train=x[:6], y_train=y[:6], x_test=x[6:], y_test=y[6:])
    data = opened(path)
    np.testing.assert_array_equal(data.x, x)
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 6 + ["test"] * 4
    np.savez(path, x_train=x[:6], y_train=y[:6], x_test=x[6:, 1:], y_test=y[6:])
    refused(opened, path, "x_train has shape (6, 4, 4), x_test (4, 3, 4): expected alike")


@pytest.mark.parametrize(
    ("x", "shape", "dtype", "note"),
    [
        (np.zeros((4, 5, 6, 3), np.uint8), (3, 5, 6), "uint8", "channels were brought to the front"),
        (np.zeros((4, 5, 6, 1), np.uint8), (5, 6), "uint8", "channels were brought to the front"),
        (np.zeros((4, 3, 5, 6), np.uint8), (3, 5, 6), "uint8", ""),
        (np.zeros((4, 1, 5, 6), np.uint8), (5, 6), "uint8", ""),
        (np.zeros((4, 5, 6), bool), (5, 6), "uint8", "0 and 255"),
        (np.full((4, 5, 6), 255), (5, 6), "uint8", "made uint8"),
        (np.full((4, 5, 6), 256), (5, 6), "float32", "made float32"),
        (np.zeros((4, 7), np.int64), (7,), "float32", "made float32"),
        (np.zeros((4, 7), ">f4"), (7,), "float32", "made float32"),
    ],
)
def test_arrays_are_brought_to_the_contract(
    opened: Opener, said: Said, tmp_path: Path, x: np.ndarray, shape: tuple[int, ...], dtype: str, note: str
) -> None:
    np.savez(tmp_path / "a.npz", x=x, y=[0, 1, 0, 1])
    data = opened(tmp_path / "a.npz")
    assert (data.shape, data.x.dtype.name, data.kind) == (shape, dtype, "table" if x.ndim == 2 else "image")
    assert len(said) == 1 + bool(note)
    assert not note or note in " ".join(said)


def test_npz_that_cannot_be_used(opened: Opener, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    y = [0, 1, 0, 1]
    ragged = np.empty(4, object)
    ragged[:] = [np.zeros(3), np.zeros(4), np.zeros(3), np.zeros(3)]
    np.savez(path, x=ragged, y=y)
    refused(opened, path, "the array 'x' holds Python objects, often rows of mixed shapes")
    x = np.zeros((4, 3), np.float32)
    x[2, 1] = np.nan
    np.savez(path, x=x, y=y)
    refused(opened, path, "the examples hold NaN or infinity, first in row 3")
    for x, text in (
        (np.full((4, 2), 1e300), "the examples hold NaN or infinity, first in row 1"),
        (np.zeros(4), "the examples have shape (4,)"),
        (np.zeros((4, 0)), "the examples have shape (4, 0)"),
        (np.full((4, 2), "a"), "the examples have dtype <U1, expected numbers"),
        (np.zeros((4, 4, 8, 8)), "the images have 4 channels, expected 1 or 3"),
    ):
        np.savez(path, x=x, y=y)
        refused(opened, path, text)
    path.write_bytes(path.read_bytes()[:100])
    refused(opened, path, "is no whole .npz file")
    path.write_bytes(b"")
    refused(opened, path, "is no whole .npz file")


LABELS: list[tuple[Any, str]] = [
    ([1] * 6, "has one class only, 1: expected at least two"),
    ([0, 0, 0, 1, 1, 2], "1 of 3 classes of the label 'y' have one example (2)"),
    ([0, 1, 2, 3, 3, 3], "has 4 values in 6 rows, like an id"),
    ([0, 0, 0, 0, 1, np.nan], "1 of 2 classes of the label 'y' have one example (1)"),
    (["a", "a", "", "", "", "a"], "has one class only, a: expected at least two"),
    ([""] * 6, "the label 'y' is missing in all rows"),
    ([0, 0, 1, 1, 1, np.inf], "the label 'y' holds infinity, expected whole numbers or words"),
    (np.zeros(6, complex), "has dtype complex128, expected whole numbers or words"),
]


@pytest.mark.parametrize(("y", "text"), LABELS)
def test_labels_that_cannot_be_used(opened: Opener, tmp_path: Path, y: Any, text: str) -> None:
    np.savez(tmp_path / "a.npz", x=picture(0, (6, 4)), y=y)
    refused(opened, tmp_path / "a.npz", text, str(tmp_path / "a.npz"))


@pytest.mark.parametrize(
    ("y", "found"),
    [
        ([0, 0, 0, 1, 1, np.nan], [0, 0, 0, 1, 1, None]),
        (["a", "a", "b", "b", "", "a"], ["a", "a", "b", "b", None, "a"]),
        ([0.5, np.nan, 0.5, 1.5, 1.5, 0.5], ["0.5", None, "0.5", "1.5", "1.5", "0.5"]),
    ],
)
def test_rows_without_a_label_are_kept(opened: Opener, said: Said, tmp_path: Path, y: Any, found: list[Any]) -> None:
    np.savez(tmp_path / "a.npz", x=picture(0, (6, 4)), y=y)
    data = opened(tmp_path / "a.npz")
    assert data.y.tolist() == found
    assert data.labelled.tolist() == [value is not None for value in found]
    classes = sorted({value for value in found if value is not None})
    assert data.classes.tolist() == classes
    assert data.classes.dtype.kind == ("U" if isinstance(found[0], str) else "i")
    assert data.indices.tolist() == [-1 if value is None else classes.index(value) for value in found]
    assert said.about("classes in") == (
        "label 'y': 2 classes in 6 rows, 1 of them without a label (used for all but the classifier)"
    )
    assert data.subset(data.labelled).classes.tolist() == classes


def test_labels_in_fractions(opened: Opener, said: Said, tmp_path: Path) -> None:
    path, x = tmp_path / "a.npz", picture(0, (100, 4))
    np.savez(path, x=x, y=np.linspace(0, 1, 100))
    refused(opened, path, "holds 100 different fractions from 0 to 1, expected classes: cut it into bins")
    np.savez(path, x=x, y=np.tile([0.5, 1.5], 50))
    assert opened(path).classes.tolist() == ["0.5", "1.5"]
    said.about("2 different fractions: each is taken as a class")
    for y in (np.tile([0.0, 1.0], 50), np.tile([False, True], 50), np.tile([0, 1], 50).astype(np.uint8)):
        np.savez(path, x=x, y=y)
        assert opened(path).y.dtype == np.int64


def test_npy_is_a_memory_map(opened: Opener, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    x, y = picture(0, (6, 8, 8)), np.arange(6) % 2
    np.save(path, x)
    refused(opened, path, "has no labels beside it (x-labels.npy, labels.npy, y.npy)")
    np.save(tmp_path / "y.npy", y)
    data = opened(path)
    assert isinstance(data.x, np.memmap)
    np.testing.assert_array_equal(data.x, x)
    assert (data.label_name, data.y.tolist()) == ("label", y.tolist())
    np.save(tmp_path / "x-labels.npy", 1 - y)
    assert opened(path).y.tolist() == (1 - y).tolist()
    np.save(tmp_path / "x-digit.npy", y + 5)
    np.save(tmp_path / "writer.npy", np.repeat(["a", "b"], 3))
    for label in ("digit", "x-digit.npy", str(tmp_path / "x-digit.npy")):
        data = opened(path, label=label, factors=["writer"])
        assert (data.label_name, data.classes.tolist()) == ("digit", [5, 6])
        assert data.factors["writer"].tolist() == list("aaabbb")
    np.save(path, x[..., None])
    assert isinstance(opened(path).x, np.memmap)  # a view
    np.save(path, x.astype(np.float32) / 255)
    assert isinstance(opened(path).x, np.memmap)


def test_npy_that_cannot_be_used(opened: Opener, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, picture(0, (6, 4)))
    np.save(tmp_path / "digits.npy", np.arange(5) % 2)
    refused(opened, path, "give the label as the path of a .npy, such as digits.npy")
    refused(opened, path, "there is no label 'digit.npy'", "did you mean 'digits.npy'", label="digit.npy")
    refused(opened, path, "x.npy has shape (6, 4), 'digits' (5,): expected (6,)", label="digits")
    np.save(tmp_path / "digits.npy", np.array([{}] * 6), allow_pickle=True)
    refused(opened, path, "digits.npy holds Python objects", label="digits")
    (tmp_path / "digits.npy").write_bytes(b"junk")
    refused(opened, path, "digits.npy is no whole .npy file", label="digits")


# ---------------------------------------------------------------------------------------------- tables


IRIS = "id;width;length;species;garden\n" + "\n".join(
    f"{i + 1};{i * 0.5};{i};{'ab'[i % 2]};{'uv'[i // 4]}" for i in range(8)
)


def test_csv_of_numbers(opened: Opener, said: Said, tmp_path: Path) -> None:
    path = tmp_path / "iris.csv"
    path.write_text(IRIS.replace("length", "weight").replace(";3;", ";9;"))
    data = opened(path, label="species")
    assert (data.kind, data.x.dtype, data.shape, data.name) == ("table", np.float32, (2,), "iris")
    np.testing.assert_array_equal(data.x[:, 0], np.arange(8) * 0.5)
    assert data.factors["garden"].tolist() == list("uuuuvvvv")
    assert said.about("numeric") == "8 rows of 2 numeric columns; left out, as it counts the rows: 'id'"
    data = opened(path, label="species", factors=["weight"])
    assert (data.shape, list(data.factors)) == ((1,), ["weight"])
    refused(opened, path, "which is the label?", "'species'")
    refused(opened, path, "holds no sounds, for which rate=8000 means nothing", label="species", rate=8000)


def test_csv_of_pixels(opened: Opener, tmp_path: Path) -> None:
    x = picture(0, (4, 16))
    lines = ["label," + ",".join(f"pixel{i}" for i in range(16))]
    lines += [f"{i % 2}," + ",".join(map(str, row.tolist())) for i, row in enumerate(x)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    assert (opened(tmp_path / "a.csv").shape, opened(tmp_path / "a.csv").kind) == ((16,), "table")
    data = opened(tmp_path / "a.csv", size=4)
    assert (data.kind, data.x.dtype) == ("image", np.uint8)
    np.testing.assert_array_equal(data.x, x.reshape(4, 4, 4))
    refused(opened, tmp_path / "a.csv", "16 numeric columns, which are no 5×5 pixels", size=5)


def test_tables_that_cannot_be_used(opened: Opener, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text, message in (
        ("", "cannot be read as a table"),
        ("a,label\n", "has no rows"),
        ("1,2\n3,4\n", "the first line holds numbers, expected the columns' names"),
        ("a,label\n1,x\n2\n3,y\n", "cannot be read as a table: CSV parse error: Expected 2 columns, got 1"),
        ("a,a,label\n1,2,x\n", "several columns called 'a'"),
        ("a,label\nu,x\nv,y\nu,x\nv,y\n", "holds no numbers beside 'label'"),
        (
            "a,label\n1,x\n,y\n2,x\n3,y\n",
            "the column 'a' holds NaN, infinity or nothing in 1 of 4 rows, first in row 2",
        ),
        ("a,label\n1,x\ninf,y\n2,x\n3,y\n", "the column 'a' holds NaN, infinity or nothing in 1 of 4 rows"),
        ("a,label\n1,x\n1e300,y\n2,x\n3,y\n", "the column 'a' holds NaN, infinity or nothing in 1 of 4 rows"),
        ("a,label\n1,\n3,\n2,\n3,\n", "the label 'label' is missing in all rows"),
    ):
        path.write_text(text)
        refused(opened, path, message)
    path.write_bytes(b"a,label\n1,\xff\xfe\n")
    refused(opened, path, "a.csv")
    junk = tmp_path / "a.parquet"
    junk.write_bytes(b"junk")
    refused(opened, junk, "cannot be read as Parquet")


def encoded(image: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


def images_table(n: int = 8, metadata: dict[bytes, bytes] | None = None) -> Any:
    """Return a table as Hugging Face writes images: {bytes, path}, and numbered classes named in the metadata."""
    import pyarrow as pa

    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = [{"bytes": encoded(picture(i)), "path": None} for i in range(n)]
    table = pa.table(
        {"image": pa.array(images, kind), "label": [i % 2 for i in range(n)], "who": list("uuvv") * (n // 4)}
    )
    features = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    note = json.dumps({"info": {"features": features}}).encode()
    return table.replace_schema_metadata(metadata if metadata is not None else {b"huggingface": note})


def test_parquet_of_images(opened: Opener, said: Said, tmp_path: Path) -> None:
    from pyarrow import parquet

    path = tmp_path / "pets.parquet"
    table = images_table(600)
    parquet.write_table(table, path, row_group_size=100)
    data = opened(path)
    np.testing.assert_array_equal(data.x[[0, 257, 599]], [picture(i) for i in (0, 257, 599)])
    assert data.y[:3].tolist() == ["cat", "dog", "cat"]
    assert list(data.factors) == ["who"]
    said.about("600 images, 12×12 pixels, grey")
    refused(opened, path, "no column 'image' for the label", label="image")
    broken = table.column("image").to_pylist()
    broken[3]["bytes"] = b"no image"
    broken[4]["bytes"] = None
    import pyarrow as pa

    parquet.write_table(table.set_column(0, "image", pa.array(broken, table.schema.field("image").type)), path)
    data = opened(path)
    assert len(data) == 598
    assert "2 of 600 files, which cannot be read: row 4 (it is no image), row 5 (it is empty)" in said.about("left out")


def test_parquet_of_plain_bytes_and_of_lists(opened: Opener, tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path, label = tmp_path / "a.parquet", [0, 1, 0, 1]
    parquet.write_table(pa.table({"jpg": [encoded(picture(i)) for i in range(4)], "label": label}), path)
    assert opened(path).shape == (12, 12)
    parquet.write_table(pa.table({"a": [b"1"] * 4, "b": [b"2"] * 4, "label": label}), path)
    refused(opened, path, "several columns hold bytes ('a', 'b')")
    x = picture(0, (4, 5, 6))
    parquet.write_table(pa.table({"x": x.tolist(), "label": label, "who": [1, 1, 2, 2]}), path)
    data = opened(path)
    np.testing.assert_array_equal(data.x, x)
    assert (data.kind, list(data.factors)) == ("image", ["who"])
    parquet.write_table(pa.table({"embedding": (x[:, 0] / 7).tolist(), "label": label}), path)
    assert (opened(path).shape, opened(path).kind) == ((6,), "table")
    pairs = pa.array([[1.0, 2], [3, 4], [5, 6], [7, 8]], pa.list_(pa.float64(), 2))
    parquet.write_table(pa.table({"x": pairs, "label": label}), path)
    np.testing.assert_array_equal(opened(path).x, np.arange(1, 9).reshape(4, 2))
    parquet.write_table(pa.table({"x": [[1.0], [2], [np.nan], [3]], "label": label}), path)
    refused(opened, path, "the examples hold NaN or infinity, first in row 3")
    parquet.write_table(pa.table({"x": [[1, 2], [3], [4, 5], [6, 7]], "label": label}), path)
    refused(opened, path, "the column 'x' is ragged, with lists of 1, 2 values")
    parquet.write_table(pa.table({"x": [[1, 2], [3, None], [4, 5], [6, 7]], "label": label}), path)
    refused(opened, path, "the column 'x' misses 1 values")
    parquet.write_table(pa.table({"u": [[1]] * 4, "v": [[1]] * 4, "label": label}), path)
    refused(opened, path, "several columns hold lists ('u', 'v')")


def test_parquet_of_sounds(opened: Opener, tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    folder_of_tones(tmp_path)
    files = sorted(tmp_path.rglob("*.wav"))
    sounds = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    parquet.write_table(pa.table({"audio": sounds, "label": [f.parts[-3] for f in files]}), tmp_path / "a.parquet")
    data, same = opened(tmp_path / "a.parquet"), opened(tmp_path)
    assert (data.kind, data.rate) == ("audio", 8000)
    np.testing.assert_array_equal(data.x, same.x)


# ---------------------------------------------------------------------------------------------- save_to_disk


def save_to_disk(table: Any, folder: Path, parts: int = 2) -> None:
    """Write what Hugging Face's `Dataset.save_to_disk` writes."""
    import pyarrow as pa

    folder.mkdir(parents=True)
    step, names = len(table) // parts, [f"data-{i:05d}-of-{parts:05d}.arrow" for i in range(parts)]
    for i, name in enumerate(names):
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table.slice(i * step, step))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (folder / "dataset_info.json").write_text("{}")


def test_saved_dataset(opened: Opener, tmp_path: Path) -> None:
    save_to_disk(images_table(), tmp_path / "pets")
    data = opened(tmp_path / "pets")
    np.testing.assert_array_equal(data.x, [picture(i) for i in range(8)])
    assert data.classes.tolist() == ["cat", "dog"]
    assert (data.name, data.split, list(data.factors)) == ("pets", None, ["who"])


def test_saved_splits(opened: Opener, tmp_path: Path) -> None:
    for split in ("train", "test"):
        save_to_disk(images_table(4), tmp_path / "pets" / split)
    (tmp_path / "pets" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    data = opened(tmp_path / "pets")
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 4 + ["test"] * 4
    (tmp_path / "pets" / "test" / "data-00001-of-00002.arrow").unlink()
    refused(opened, tmp_path / "pets", "is no whole dataset of save_to_disk")
    (tmp_path / "pets" / "test" / "state.json").write_text("{")
    refused(opened, tmp_path / "pets", "state.json cannot be read", "save the dataset again")


def test_saved_dataset_with_unlabelled_rows_or_an_index(opened: Opener, tmp_path: Path) -> None:
    import pyarrow as pa

    table = images_table()
    save_to_disk(table.set_column(1, "label", pa.array([0, 1, -1, 0, 1, 0, 1, 0])), tmp_path / "a")
    data = opened(tmp_path / "a")
    assert np.flatnonzero(~data.labelled).tolist() == [2]
    state = tmp_path / "a" / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "_indices_data_files": [{"filename": "i.arrow"}]}))
    refused(opened, tmp_path / "a", "call flatten_indices()")


def test_saved_splits_that_differ(opened: Opener, tmp_path: Path) -> None:
    table = images_table(4)
    save_to_disk(table, tmp_path / "train")
    save_to_disk(table.drop_columns(["who"]), tmp_path / "test")
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    refused(opened, tmp_path, "the splits 'train', 'test' have different columns")
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train"]}')
    assert opened(tmp_path).split is None
    save_to_disk(table.rename_columns(["image", "label", "split"]), tmp_path / "own")
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["own"]}')
    refused(opened, tmp_path, "own has a column 'split' of its own: rename it")


def test_saved_paths_instead_of_bytes(opened: Opener, tmp_path: Path) -> None:
    import pyarrow as pa

    table = images_table(4)
    for i in range(4):
        save(tmp_path / "files" / f"{i}.png", picture(i))
    paths = [{"bytes": None, "path": f"files/{i}.png"} for i in range(4)]
    column = pa.array(paths, table.schema.field("image").type)
    save_to_disk(table.set_column(0, "image", column), tmp_path / "saved")
    np.testing.assert_array_equal(opened(tmp_path / "saved").x, [picture(i) for i in range(4)])
    (tmp_path / "files" / "2.png").unlink()
    refused(opened, tmp_path / "saved", "1 of 4 files cannot be read: row 3 (files/2.png) (it is empty)")


# ---------------------------------------------------------------------------------------------- no labels at all


def without(opened: Opener, source: Path, **options: Any) -> Dataset:
    """Open data of which no label is known, and check that this is refused for training."""
    with pytest.raises(ValueError, match=r"label|do not lie in folders for"):
        opened(source, **options)
    data = opened(source, unlabelled=True, **options)
    assert not data.labelled.any()
    assert data.y.tolist() == [None] * len(data)
    assert (data.classes.tolist(), set(data.indices.tolist())) == ([], {-1})
    return data


def test_a_folder_of_images_without_classes(opened: Opener, said: Said, tmp_path: Path) -> None:
    images = np.array([picture(i) for i in range(5)])
    for i, image in enumerate(images):
        save(tmp_path / "new" / f"{i}.png", image)
    data = without(opened, tmp_path / "new")
    np.testing.assert_array_equal(data.x, images)
    assert "lie in" in said.about("no labels")
    without(opened, tmp_path / "new", label="species")
    refused(opened, tmp_path / "new", "no column 'writer' for the factor", unlabelled=True, factors=["writer"])
    # Some in folders, some not: nobody knows what that means.
    save(tmp_path / "new" / "cat" / "9.png", images[0])
    refused(opened, tmp_path / "new", "5 of 6 files do not lie in folders for label", unlabelled=True)


def test_a_folder_of_sounds_without_classes(opened: Opener, tmp_path: Path) -> None:
    pytest.importorskip("librosa")
    for i in range(4):
        write_wav(tmp_path / f"{i}.wav", tone(300 + 100 * i))
    data = without(opened, tmp_path)
    assert (data.kind, data.shape, data.rate) == ("audio", (64, 64), 8000)


def test_tables_without_the_label(opened: Opener, said: Said, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,writer\n1,2,x\n3,5,y\n2,7,x\n3,1,y\n")
    data = without(opened, path, label="species")
    assert data.x.tolist() == [[1, 2], [3, 5], [2, 7], [3, 1]]
    assert list(data.factors) == ["writer"]
    assert said[0] == "no labels: there is no column 'species'"
    without(opened, path, label="writter", factors=["writer"])
    assert "there is no column 'writter' – did you mean 'writer'?" in "".join(said)
    path.write_text("a,species\n1,\n3,\n2,\n3,\n")
    assert without(opened, path, label="species").x.tolist() == [[1], [3], [2], [3]]
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(images_table().drop_columns(["label"]), tmp_path / "a.parquet")
    assert without(opened, tmp_path / "a.parquet").kind == "image"


def test_arrays_without_labels(opened: Opener, tmp_path: Path) -> None:
    x = picture(0, (4, 8, 8))
    np.savez(tmp_path / "a.npz", X=x)
    np.save(tmp_path / "b.npy", x)
    for name in ("a.npz", "b.npy"):
        for label in (None, "label", "species"):
            np.testing.assert_array_equal(without(opened, tmp_path / name, label=label).x, x)


def test_labels_that_are_there_are_taken(opened: Opener, tmp_path: Path) -> None:
    """Also those that cannot be trained on: one class, one row of a class, one value for each row."""
    x = picture(0, (4, 8, 8))
    for y in ([1, 1, 1, 1], ["a", "a", "a", "b"], [4, 5, 6, 7], ["a", "", "a", "a"]):
        np.savez(tmp_path / "a.npz", x=x, y=y)
        found = opened(tmp_path / "a.npz", unlabelled=True).y.tolist()
        assert found == [value if value != "" else None for value in y]
    folder_of_classes(tmp_path / "new", classes=("wren",))
    assert opened(tmp_path / "new", unlabelled=True).y.tolist() == ["wren"] * 3
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "x-labels.npy", [0, 0, 1, 1])
    # What a model remembers of labels that nobody named is that they are called label.
    assert opened(tmp_path / "x.npy", label="label").y.tolist() == [0, 0, 1, 1]
    assert opened(tmp_path / "x.npy", label="label", unlabelled=True).y.tolist() == [0, 0, 1, 1]
