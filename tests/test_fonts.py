"""The data set `fonts`: which fonts are drawn, how, and in which part they are."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the extra 'fonts' is not installed")
pytest.importorskip("fontTools", reason="the extra 'fonts' is not installed")

import matplotlib as mpl
from fontTools.ttLib import TTFont

from wvae.datasets import Dataset, load, open_data
from wvae.datasets.sources import fonts
from wvae.datasets.sources.font_files import (
    BASELINE,
    CAP_HEIGHT,
    CHARACTERS,
    Font,
    UnusableFontError,
    draw_font,
    family_key,
    read_fonts,
)

BUNDLED = Path(mpl.get_data_path(), "fonts", "ttf")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("WVAE_CACHE", str(folder))
    monkeypatch.delenv("WVAE_FONTS", raising=False)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WVAE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return load("fonts", folder=BUNDLED, progress=False)


def copy(folder: Path, *names: str) -> Path:
    """Copy fonts of matplotlib into a folder."""
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(BUNDLED / f"{name}.ttf", folder)
    return folder


def edited(source: str, target: Path, edit: str) -> Path:
    """Write a font of matplotlib with a fault."""
    font: Any = TTFont(BUNDLED / f"{source}.ttf")
    table = font["glyf"]
    names = font.getBestCmap()
    if edit == "lacks q":
        for cmap in font["cmap"].tables:
            cmap.cmap.pop(ord("q"), None)
    elif edit == "symbols":  # every character shows the one 13 places further
        shapes = {c: table[names[ord(c)]] for c in CHARACTERS}
        for i, c in enumerate(CHARACTERS):
            table[names[ord(c)]] = shapes[CHARACTERS[(i + 13) % 62]]
    elif edit == "capitals":
        for c in CHARACTERS[26:52]:
            table[names[ord(c)]] = table[names[ord(c.upper())]]
    elif edit == "empty":
        table[names[ord("k")]] = table[names[ord(" ")]]
    elif edit == "renamed":
        for record in font["name"].names:
            record.string = "Another Name"
    font.save(target)
    return target


def drawn(file: Path) -> np.ndarray:
    font = read_fonts(file)[0]
    assert isinstance(font, Font)
    return draw_font(font)


def test_shapes_factors_and_labels(data: Dataset):
    n = len(set(data.factors["font"].tolist()))
    assert n >= 15
    assert data.x.shape == (62 * n, 64, 64)
    assert data.x.dtype == np.uint8
    assert sorted(data.classes.tolist()) == sorted(CHARACTERS)
    assert (data.kind, data.name, data.label_name) == ("image", "fonts", "character")
    assert list(data.factors) == ["font", "family", "weight", "italic", "serif"]
    assert data.factors["weight"].dtype == np.float32
    expected = {
        "DejaVu Sans Book": ("DejaVu Sans", 400, "upright", "sans"),
        "DejaVu Serif Bold": ("DejaVu Serif", 700, "upright", "serif"),
        "DejaVu Sans Mono Oblique": ("DejaVu Sans Mono", 400, "italic", "sans"),
    }
    for name, values in expected.items():
        row = np.flatnonzero(data.factors["font"] == name)[0]
        found = tuple(data.factors[key][row] for key in ("family", "weight", "italic", "serif"))
        assert found == values


def test_the_files_of_matplotlib_are_sorted_out(data: Dataset):
    names = set(data.factors["font"].tolist())
    assert "STIXGeneral" in " ".join(names).replace("-", "")
    for symbols in ("STIXNonUnicode", "STIXSizeOneSym", "Last Resort", "cmsy10", "cmex10"):
        assert not any(name.startswith(symbols) for name in names)


def test_characters_have_one_scale_and_baseline(data: Dataset):
    is_sans = data.factors["font"] == "DejaVu Sans Book"
    ink: dict[str, tuple[int, int, int, int]] = {}
    for picture, character in zip(data.x[is_sans], data.y[is_sans], strict=True):
        rows = np.flatnonzero(picture.max(1) > 127)
        columns = np.flatnonzero(picture.max(0) > 127)
        ink[str(character)] = rows[0], rows[-1], columns[0], columns[-1]
    for character in "HExhn1z":
        assert abs(ink[character][1] - (BASELINE - 1)) <= 1
    assert abs(ink["H"][1] - ink["H"][0] + 1 - CAP_HEIGHT) <= 1
    assert ink["p"][1] > BASELINE + 4  # below the baseline
    assert ink["c"][0] > ink["C"][0] + 5  # smaller than the capital
    for left, right in (box[2:] for box in ink.values()):
        assert abs((left + right) / 2 - 31.5) <= 1  # centred


def test_families_are_in_one_part(data: Dataset):
    assert data.split is not None
    assert set(data.split.tolist()) == {"train", "test"}
    for factor in ("font", "family"):
        values = data.factors[factor]
        train, test = values[data.split == "train"], values[data.split == "test"]
        assert not np.isin(test, train).any()


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ("lacks q", "that lack characters"),
        ("symbols", "of symbols"),
        ("capitals", "with capitals as lower case"),
        ("empty", "with empty characters"),
    ],
)
def test_faulty_fonts_are_left_out_and_counted(
    edit: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = copy(tmp_path / "fonts", "DejaVuSans", "DejaVuSerif")
    edited("STIXGeneral", folder / "edited.ttf", edit)
    data = load("fonts", folder=folder)
    assert set(data.factors["font"].tolist()) == {"DejaVu Sans Book", "DejaVu Serif Book"}
    lines = capsys.readouterr().err.strip().splitlines()
    assert f"2 usable of 2 families; left out: 1 {reason}; fingerprint" in lines[-1]


def test_an_unedited_font_is_usable(tmp_path: Path):
    assert drawn(edited("STIXGeneral", tmp_path / "same.ttf", "")).shape == (62, 64, 64)


@pytest.mark.parametrize("content", [b"", b"not a font", b"ttcf\0\1\0\0\0\0\0\2", None])
def test_unreadable_files_are_counted(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = copy(tmp_path / "fonts", "DejaVuSans", "DejaVuSerif")
    if content is None:  # cut in the middle
        content = (BUNDLED / "STIXGeneral.ttf").read_bytes()[:60_000]
    (folder / "broken.ttf").write_bytes(content)
    load("fonts", folder=folder)
    assert "unreadable" in capsys.readouterr().err


def test_the_same_outlines_are_drawn_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = copy(tmp_path / "fonts", "DejaVuSans", "DejaVuSerif")
    shutil.copy(folder / "DejaVuSans.ttf", folder / "copy.ttf")  # the same file
    edited("DejaVuSerif", folder / "renamed.ttf", "renamed")  # the same outlines
    data = load("fonts", folder=folder)
    assert len(data) == 2 * 62
    assert "2 duplicates" in capsys.readouterr().err


def test_fonts_that_look_alike_are_in_one_part():
    assert fonts._groups(["a", "b", "c", "b", "d"], [(0, 1), (3, 2)]) == ["a", "a", "a", "a", "d"]
    a = np.zeros((62, 64, 64), np.uint8)
    a[:, 20:40, 20:40] = 255
    same, alike, other = a.copy(), a.copy(), a.copy()
    same[:, 20, 20:24] = 0  # 1 % of the ink
    alike[:, 20:22, 20:40] = 0  # 5 %
    other[:, 20:30, 20:40] = 0
    assert fonts._without_duplicates([a, same, alike, other]) == ([0, 2, 3], [(0, 1)])


@pytest.mark.parametrize("n", [2, 3, 40, 400])
def test_both_parts_have_fonts_whatever_the_names(n: int):
    groups = [f"family {i}" for i in range(n)]
    is_test = fonts._test_fonts(groups)
    assert 0 < is_test.sum() < n
    if n > 2:  # the part of a font does not depend on the others, unless a part were empty
        again = fonts._test_fonts(groups[: n // 2] + groups[n // 2 :][::-1])
        assert (again[: n // 2] == is_test[: n // 2]).all()


def test_fewer_fonts_are_spread_over_families(data: Dataset):
    few = load("fonts", folder=BUNDLED, fonts=6, progress=False)
    assert len(few) == 6 * 62
    assert len(set(few.factors["family"].tolist())) >= 4
    assert few.split is not None
    assert set(few.split.tolist()) == {"train", "test"}
    for font in set(few.factors["font"].tolist()):  # in the same part as among all
        part = few.split[few.factors["font"] == font][0]
        assert data.split is not None
        assert (data.split[data.factors["font"] == font] == part).all()
    with pytest.raises(ValueError, match=r"fonts is 1, expected an integer of at least 2"):
        load("fonts", folder=BUNDLED, fonts=1)


def test_too_few_families_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    one_family = copy(tmp_path / "one", "DejaVuSans", "DejaVuSans-Bold")
    empty = copy(tmp_path / "none")
    for folder, found in ((one_family, "2 usable of 1 families"), (empty, "0 usable of 0")):
        with pytest.raises(ValueError, match=f"{found}.*make fonts") as error:
            load("fonts", folder=folder)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="is not a folder"):
        load("fonts", folder=tmp_path / "missing")
    assert "usable" not in capsys.readouterr().err  # the error says it


def test_the_drawing_is_cached_by_the_contents_of_files(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = copy(tmp_path / "fonts", "DejaVuSans", "DejaVuSerif")
    monkeypatch.setenv("WVAE_FONTS", str(folder))
    data = open_data("fonts", log=lambda _: None, progress=False)
    listed = next((own_cache / "fonts").glob("*.txt"))
    assert [line.split()[1] for line in listed.read_text().splitlines()] == [
        str(folder / "DejaVuSans.ttf"),
        str(folder / "DejaVuSerif.ttf"),
    ]
    assert listed.stem in data.source
    (folder / "DejaVuSans.ttf").rename(folder / "moved.ttf")
    with monkeypatch.context() as patch:
        patch.setattr(fonts, "draw_font", lambda _: pytest.fail("it was drawn again"))
        again = load("fonts", progress=False)
    assert (again.x == data.x).all()
    copy(folder, "STIXGeneral")
    assert len(load("fonts", progress=False)) == 3 * 62


def test_an_unwritable_cache_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("WVAE_CACHE", str(tmp_path / "file"))
    folder = copy(tmp_path / "fonts", "DejaVuSans", "DejaVuSerif")
    assert len(load("fonts", folder=folder, progress=False)) == 2 * 62
    assert "the drawing is not kept" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Lato", "Lato"),
        ("Inter Display Extra Bold", "Inter"),
        ("EB Garamond 12", "EB Garamond"),
        ("Roboto  Condensed", "Roboto"),
        ("Black", "Black"),
        ("Blackletter One", "Blackletter One"),
    ],
)
def test_family_key(name: str, family: str):
    assert family_key(name) == family


def test_the_reason_is_raised_for_a_font_that_cannot_be_drawn():
    font = Font(Path("missing.ttf"), 0, "Missing", "Missing", 400.0, "upright", "sans")
    with pytest.raises(UnusableFontError, match="unreadable"):
        draw_font(font)
