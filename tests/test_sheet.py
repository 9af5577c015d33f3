"""Sheets of swaps: which examples, where they are drawn, and what cannot be drawn."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wvae
from wvae import WVAE, Config
from wvae.datasets import Dataset
from wvae.datasets.holdout import holdout_mask
from wvae.workflows.fit import fit_to_folder
from wvae.workflows.sheet import choose_labels, choose_styles, held_out, sheet
from wvae.workflows.sheet_image import FONT_SIZE, GAP, MARGIN, WIDE_GAP, draw_sheet, is_drawable

Image = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")
TOP = MARGIN + FONT_SIZE + 6


def discard(text: str) -> None:
    pass


def cells(picture: Any, size: int, rows: int, columns: int) -> np.ndarray:
    """Return the cells of a sheet, (1 + rows, 1 + columns, size, size, 3); the corner is paper."""
    pixels = np.asarray(picture)
    ys = [TOP, *(TOP + size + WIDE_GAP + row * (size + GAP) for row in range(rows))]
    left = MARGIN + size + WIDE_GAP
    xs = [MARGIN, *(left + column * (size + GAP) for column in range(columns))]
    return np.stack([np.stack([pixels[y : y + size, x : x + size] for x in xs]) for y in ys])


@pytest.fixture(scope="module")
def folder(
    planted: Dataset, small: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    config = Config(**small | {"alignment": "gaussian", "finetune_epochs": 0})
    return fit_to_folder(planted, config, tmp_path_factory.mktemp("sheet") / "model")


@pytest.fixture(scope="module")
def model(folder: Path) -> WVAE:
    return wvae.load(str(folder))


# ------------------------------------------------------------------------------------- the picture


def test_sources_lie_at_the_edges_and_swaps_between_them():
    levels = np.array([0.2, 0.4, 0.6])[:, None, None] * np.ones((3, 8, 8))
    styles, swaps = levels[:2] / 4, np.full((2, 3, 8, 8), 0.8)
    swaps[1, 2] = 1.0
    drawn = cells(draw_sheet(levels, ["a", "b", "c"], styles, swaps), 72, 2, 3)
    assert drawn[0, 1:, 40, 40, 0].tolist() == [51, 102, 153]
    assert drawn[1:, 0, 40, 40, 0].tolist() == [13, 26]
    assert drawn[1:, 1:, 40, 40, 0].tolist() == [[204] * 3, [204, 204, 255]]
    assert (drawn[1:].std((2, 3)) == 0).all()


def test_small_images_are_enlarged_pixel_by_pixel():
    x = np.random.default_rng(0).random((1, 28, 28))
    drawn = cells(draw_sheet(x, ["a"], x, x[None]), 84, 1, 1)
    np.testing.assert_array_equal(drawn[1, 1, 1::3, 1::3, 0], (255 * x[0]).round())


def test_large_images_are_made_smaller():
    x = np.zeros((2, 3, 480, 640))
    assert draw_sheet(x, ["a", "b"], x, np.zeros((2, 2, 3, 480, 640))).size[0] < 700


def test_loud_and_high_bands_of_a_spectrogram_are_bright_and_above():
    x = np.zeros((1, 20, 20))
    x[0, 15:] = 1  # high bands
    drawn = cells(draw_sheet(x, ["a"], x, x[None], kind="audio"), 80, 1, 1)[1, 1].sum(-1)
    assert drawn[:20].min() > 600
    assert drawn[20:].max() < 30


def test_other_values_are_drawn_between_those_of_the_sources():
    x = np.stack([np.full((8, 8), -3.0), np.full((8, 8), 5.0)])
    drawn = cells(draw_sheet(x, ["a", "b"], x, np.full((2, 2, 8, 8), 1.0)), 72, 2, 2)
    assert drawn[0, 1:, 0, 0, 0].tolist() == [0, 255]
    assert (drawn[1:, 1:] == 128).all()


def test_names_stand_above_their_columns():
    x = np.zeros((2, 8, 8))
    named = np.asarray(draw_sheet(x, ["ant", ""], x, np.zeros((2, 2, 8, 8))))
    left = MARGIN + 72 + WIDE_GAP
    assert named[:TOP, left : left + 72].min() < 128
    assert named[:TOP, left + 72 + GAP : left + 144 + GAP].min() == 255


@pytest.mark.parametrize(
    ("kind", "shape", "drawable"),
    [
        ("image", (8, 8), True),
        ("image", (1, 8, 8), True),
        ("image", (3, 8, 8), True),
        ("image", (2, 8, 8), False),
        ("image", (64,), False),
        ("audio", (40, 50), True),
        ("audio", (3, 40, 50), False),
        ("table", (8, 8), False),
    ],
)
def test_pictures_are_drawn_and_tables_are_not(kind: Any, shape: tuple[int, ...], drawable: bool):
    assert is_drawable(kind, shape) == drawable


# ------------------------------------------------------------------------------------ the examples


def test_every_label_heads_a_column_with_an_example_of_its_own(model: WVAE, planted: Dataset):
    labels, names = choose_labels(model, planted)
    assert names == ["ant", "bee", "cat", "dog"]
    assert model.predict(labels).tolist() == names


def test_styles_are_of_as_many_labels_as_possible(planted: Dataset):
    marked = replace(planted, x=planted.indices[:, None] * np.ones((1, 4)))
    counts = np.bincount(choose_styles(marked)[:, 0].astype(int))
    assert sorted(counts.tolist()) == [2, 2, 3, 3]
    few = marked.subset(slice(3))
    assert len(choose_styles(few)) == 3
    unlabelled = replace(marked, y=np.full(len(marked), None))
    assert len(choose_styles(unlabelled)) == 10


def test_held_out_rows_are_taken_if_there_are_any(planted: Dataset):
    assert held_out(planted) is planted
    split = np.where(np.arange(len(planted)) < 7, "test", "train")
    np.testing.assert_array_equal(held_out(replace(planted, split=split)).x, planted.x[:7])


# --------------------------------------------------------------------------------- files of a user


def test_fit_draws_held_out_examples(folder: Path, planted: Dataset):
    with Image.open(folder / "swaps.png") as picture:
        drawn = cells(picture, 72, 10, 4)
    held = planted.x[holdout_mask(planted, 0)]
    for cell in (*drawn[0, 1:], *drawn[1:, 0]):
        source = cell[4::9, 4::9, 0]
        assert (held == source).all((1, 2)).any()


def test_a_sheet_shows_the_swaps_of_data(
    folder: Path, model: WVAE, planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", x=planted.x, animal=planted.y)
    out = sheet(folder, model, "own.npz", log=discard)
    assert out == Path("own-sheet.png")
    with Image.open(out) as picture:
        drawn = cells(picture, 72, 10, 4)[:, :, 4::9, 4::9, 0]
    a, b = drawn[0, 1:], drawn[1:, 0]
    swaps = model.swap(np.tile(a, (10, 1, 1)), np.repeat(b, 4, 0)).reshape(10, 4, 8, 8)
    np.testing.assert_allclose(drawn[1:, 1:], 255 * swaps, atol=1)


def test_one_example_may_give_the_label_or_the_style(
    folder: Path, model: WVAE, planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", x=planted.x, animal=planted.y)
    np.save("one.npy", planted.x[7])
    Image.fromarray(planted.x[8]).save("eight.png")
    for a, b, rows, columns in (
        ("own.npz", "own.npz:3", 1, 4),
        ("own.npz", "one.npy", 1, 4),
        ("eight.png", "own.npz", 10, 1),
    ):
        out = sheet(folder, model, a, b, Path("s.png"), log=discard)
        with Image.open(out) as picture:
            width, height = picture.size
        assert (width - MARGIN * 2 - 72 - WIDE_GAP + GAP) / (72 + GAP) == columns
        assert (height - TOP - MARGIN - 72 - WIDE_GAP + GAP) / (72 + GAP) == rows


@pytest.mark.parametrize(
    ("a", "out", "message"),
    [
        ("own.npz:3", None, "own.npz:3 is one example: give data, or a second example"),
        ("own.npz", "s.jpg", "suffix .jpg, expected .png"),
        ("owm.npz", None, "'own.npz'"),
    ],
)
def test_what_no_sheet_can_show_is_rejected(
    folder: Path,
    model: WVAE,
    planted: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    a: str,
    out: str | None,
    message: str,
):
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", x=planted.x, animal=planted.y)
    with pytest.raises(ValueError, match=re.escape(message)):
        sheet(folder, model, a, None, None if out is None else Path(out), log=discard)
    assert [path.name for path in tmp_path.iterdir()] == ["own.npz"]


def test_a_table_has_no_sheet(planted: Dataset, small: dict[str, Any], tmp_path: Path):
    x = planted.x.reshape(len(planted), -1).astype(np.float32)
    config = Config(**small | {"epochs": 1, "alignment": "none", "finetune_epochs": 0})
    out = fit_to_folder(replace(planted, x=x, kind="table"), config, tmp_path / "m")
    assert not (out / "swaps.png").exists()
    with pytest.raises(ValueError, match="leave out --sheet"):
        sheet(out, wvae.load(str(out)), "t.npz", log=discard)


def test_sounds_are_drawn_as_spectrograms(planted: Dataset, small: dict[str, Any], tmp_path: Path):
    config = Config(**small | {"epochs": 1, "alignment": "none", "finetune_epochs": 0})
    out = fit_to_folder(replace(planted, kind="audio", rate=8000), config, tmp_path / "m")
    with Image.open(out / "swaps.png") as picture:
        assert np.ptp(np.asarray(picture), axis=2).max() > 50  # in colour
