"""`open_data`: names, paths, and sources that cannot be opened."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reader_cases import Reader, check_error, folder_of_classes, picture
from wvae.datasets import CATALOGUE, Dataset, open_data
from wvae.datasets.dataset import Kind
from wvae.datasets.holdout import holdout_mask
from wvae.datasets.recolour import recolour
from wvae.datasets.schema import Schema
from wvae.datasets.shards import on_disk


@pytest.mark.parametrize(("kind", "rate"), [("audio", 0), ("audio", -8000), ("image", 8000)])
def test_rate_of_a_dataset_is_positive_and_for_audio_only(kind: Kind, rate: int) -> None:
    with pytest.raises(ValueError, match=f"rate is {rate}"):
        Dataset(picture(0, (4, 8, 8)), np.arange(4) % 2, kind=kind, rate=rate)


def test_catalogue_data_set_has_only_the_named_factors(reader: Reader) -> None:
    assert reader("digits8x8").shape == (8, 8)
    data = reader("handwriting", factors=["slant"])
    assert list(data.factors) == ["slant"]
    check_error(
        reader, "handwriting", "'slent'", "factor", "did you mean 'slant'", factors=["slent"]
    )
    for option in ({"label": "digit"}, {"size": 8}, {"rate": 8000}):
        check_error(
            reader,
            "digits8x8",
            "digits8x8",
            *[f"{name}={value!r}" for name, value in option.items()],
            **option,
        )


def test_catalogue_name_wins_over_a_path_without_dot_slash(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of_classes(tmp_path / "digits8x8")
    assert len(reader("digits8x8")) == 1797
    assert "./digits8x8" in reader.line("digits8x8 is")
    for path in ("./digits8x8", tmp_path / "digits8x8", Path("digits8x8")):
        assert len(reader(path)) == 6


def test_unknown_source_suggests_a_fix(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flowers.npz").touch()
    check_error(reader, "mnst", "'mnst'", "did you mean 'mnist'", *CATALOGUE)
    check_error(reader, "flower.npz", "'flower.npz'", "did you mean 'flowers.npz'")
    (tmp_path / "deep" / "flowers").mkdir(parents=True)
    flowers = str(Path("deep", "flowers"))
    check_error(reader, "deep/flower", "'deep/flower'", f"did you mean {flowers!r}")
    check_error(reader, "nowhere/at/all", "'nowhere/at/all'")
    for name, hint in (
        ("a.zip", "unpack"),
        ("a.pkl", "numpy.savez"),
        ("a.png", "folder"),
        ("a.arrow", "save_to_disk"),
        ("a.xyz", ".npz"),
    ):
        (tmp_path / name).touch()
        check_error(reader, name, name, hint)
    with pytest.raises(TypeError, match=re.escape("['writer']")):
        reader("digits8x8", factors="writer")


def test_import_of_datasets_loads_no_optional_package() -> None:
    heavy = "{'torch', 'PIL', 'pyarrow', 'soundfile'}"
    code = f"import sys, wvae.datasets; sys.exit(bool({heavy} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_log_goes_to_stderr_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of_classes(tmp_path / "pets")
    open_data(tmp_path / "pets")
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    found = ["'label'" in lines[0], "6 images" in lines[1], "2 of 6" in lines[2], len(lines)]
    assert found == [True, True, True, 3]


def test_random_test_rows_are_counted(reader: Reader, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((60, 3))
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(60) % 2)
    reader(tmp_path / "a.npz", seed=3)
    assert re.search("6 of 60 .*seed 3", reader.line("split"))
    reader.lines.clear()
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(60) % 2, split=["train"] * 50 + ["test"] * 10)
    reader(tmp_path / "a.npz")
    assert "50 train" in reader.line("split")


def test_test_rows_that_are_training_rows_are_counted(reader: Reader, tmp_path: Path) -> None:
    x = np.arange(40.0).reshape(20, 2)
    x[[17, 19]] = x[[3, 5]]
    split = np.where(np.arange(20) < 16, "train", "test")
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(20) % 2, split=split)
    reader(tmp_path / "a.npz")
    assert "2 of 4 test rows are equal to training rows" in reader.line("too good")
    reader.lines.clear()
    np.savez(tmp_path / "b.npz", x=np.arange(40.0).reshape(20, 2), y=np.arange(20) % 2, split=split)
    reader(tmp_path / "b.npz")
    assert not [line for line in reader.lines if "too good" in line]


def test_own_data_have_the_split_of_the_command_line(reader: Reader, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).random((60, 3)), y=np.arange(60) % 2)
    for seed in (0, 3):
        data = reader(tmp_path / "a.npz", seed=seed)
        assert data.split is not None
        expected = holdout_mask(replace(data, split=None), seed)
        np.testing.assert_array_equal(data.split == "test", expected)
    assert reader(tmp_path / "a.npz", seed=None).split is None


@pytest.mark.parametrize("to_grey", [False, True])
def test_images_on_disk_change_their_colours_as_they_are_read(
    reader: Reader, tmp_path: Path, to_grey: bool
) -> None:
    shape = (8, 3, 5, 6) if to_grey else (8, 5, 6)
    x = np.random.default_rng(0).integers(0, 256, shape)
    np.save(tmp_path / "x.npy", x)  # int64, so that it is converted as it is read
    np.save(tmp_path / "y.npy", np.arange(8) % 2)
    schema = Schema("image", (5, 6) if to_grey else (3, 5, 6), label="y", classes=(0, 1))
    data = reader(tmp_path / "x.npy", like=schema)
    assert on_disk(data.x)
    np.testing.assert_array_equal(data.x[:], recolour(x.astype(np.uint8)))
