"""`open_data`: names, paths, and sources that cannot be opened."""

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
    check_error(reader, "nowhere/at/all", "'nowhere/at/all'")
    for name, hint in (
        ("a.zip", "unpack"),
        ("a.xlsx", "CSV"),
        ("a.pkl", "numpy.savez"),
        ("a.png", "folder"),
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
    assert ["'label'" in err, "6 images" in err, len(err.splitlines())] == [True, True, 2]
