"""Data sets by name, paths, and what cannot be opened."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reader_cases import Reader, check_error, folder_of_classes, picture
from wvae.datasets import CATALOGUE, Dataset, open_data
from wvae.datasets.dataset import Kind


@pytest.mark.parametrize(("kind", "rate"), [("audio", 0), ("audio", -8000), ("image", 8000)])
def test_a_rate_is_positive_and_of_sounds(kind: Kind, rate: int) -> None:
    with pytest.raises(ValueError, match=f"rate is {rate}"):
        Dataset(picture(0, (4, 8, 8)), np.arange(4) % 2, kind=kind, rate=rate)


def test_catalogue_by_name_with_chosen_factors(reader: Reader) -> None:
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


def test_a_path_called_like_a_data_set(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of_classes(tmp_path / "digits8x8")
    assert len(reader("digits8x8")) == 1797
    assert "write ./digits8x8" in reader.line("digits8x8 is")
    for path in ("./digits8x8", tmp_path / "digits8x8", Path("digits8x8")):
        assert len(reader(path)) == 6


def test_unknown_names_and_files(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flowers.npz").touch()
    check_error(reader, "mnst", "'mnst'", "did you mean 'mnist'", *CATALOGUE)
    check_error(reader, "flower.npz", "did you mean 'flowers.npz'")
    check_error(reader, "nowhere/at/all", "'nowhere/at/all'")
    for name, hint in (
        ("a.zip", "unpack it"),
        ("a.pkl", "run any code"),
        ("a.png", "the folder"),
        ("a.xyz", ".npz"),
    ):
        (tmp_path / name).touch()
        check_error(reader, name, name, hint)
    with pytest.raises(TypeError, match=re.escape("['writer']")):
        reader("digits8x8", factors="writer")


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import sys, wvae.datasets; sys.exit(any(m in sys.modules for m in ('torch','PIL','pyarrow','soundfile')))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_log_goes_to_stderr_by_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_of_classes(tmp_path / "pets")
    open_data(tmp_path / "pets")
    out, err = capsys.readouterr()
    assert out == ""
    assert ["'label'" in err, "6 images" in err, len(err.splitlines())] == [True, True, 2]
