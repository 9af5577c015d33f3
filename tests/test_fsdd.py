"""Spoken digits: the archive, read through the program's own cache, and archives that are another."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from hashlib import md5
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

pytest.importorskip("librosa")
soundfile = pytest.importorskip("soundfile")

import wvae  # noqa: E402
from wvae import Config  # noqa: E402
from wvae.datasets import CATALOGUE, Dataset, load, open_data  # noqa: E402
from wvae.datasets.catalogue import fetch_all, status  # noqa: E402
from wvae.datasets.download import DownloadError  # noqa: E402
from wvae.datasets.sources import fsdd  # noqa: E402
from wvae.workflows.fit import fit_to_folder  # noqa: E402
from wvae.workflows.inputs import open_for_model, training_rows_warning  # noqa: E402

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SPEAKERS = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]

needs_fsdd = pytest.mark.skipif(
    not (SHARED / "fsdd").is_dir(), reason="the recordings are not in ../shared/data"
)


@pytest.fixture(autouse=True)
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WVAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WVAE_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "mirror"


# ---------------------------------------------------------------------------------------------- the real ones


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WVAE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("WVAE_MIRROR", str(SHARED))
        return load("fsdd", progress=False)


@needs_fsdd
def test_it_is_whole(real: Dataset) -> None:
    assert real.x.shape == (3000, 64, 64)
    assert real.x.dtype == np.float32
    assert (real.x.min(), real.x.max()) == (0, 1)
    np.testing.assert_allclose(real.x.max((1, 2)), 1)
    assert (real.kind, real.label_name, real.name, real.rate) == ("audio", "digit", "fsdd", 8000)
    assert "CC BY-SA" in real.licence
    assert real.y.dtype == np.int64
    assert list(real.factors) == ["speaker"]
    assert real.classes.tolist() == list(range(10))
    assert np.unique(real.factors["speaker"]).tolist() == SPEAKERS


@needs_fsdd
def test_the_official_split_has_every_pair_as_often(real: Dataset) -> None:
    assert real.split is not None
    for part, times in (("test", 5), ("train", 45)):
        rows = real.subset(real.split == part)
        pairs, counts = np.unique(
            np.stack([rows.y.astype(str), rows.factors["speaker"]]), axis=1, return_counts=True
        )
        assert (pairs.shape[1], counts.min(), counts.max()) == (60, times, times)


@needs_fsdd
def test_pictures_are_of_what_the_names_say(real: Dataset) -> None:
    """The nearest training picture tells the digit and the speaker of most test pictures, and no chance does."""
    assert real.split is not None
    train, test = (real.subset(real.split == part) for part in ("train", "test"))
    a, b = (data.x.reshape(len(data), -1) for data in (train, test))
    nearest = ((b**2).sum(1)[:, None] - 2 * b @ a.T + (a**2).sum(1)).argmin(1)
    assert (train.y[nearest] == test.y).mean() > 0.9
    assert (train.factors["speaker"][nearest] == test.factors["speaker"]).mean() > 0.9


# ---------------------------------------------------------------------------------------------- made ones

ALL = [(d, s, t) for d in range(10) for s in ("ann", "bob") for t in range(50)]


def wav(digit: int, speaker: str, take: int) -> bytes:
    at = np.arange(400) / 8000
    out = io.BytesIO()
    soundfile.write(
        out,
        np.sin(2 * np.pi * (300 + 300 * digit + 3 * take + len(speaker)) * at),
        8000,
        format="WAV",
    )
    return out.getvalue()


@pytest.fixture
def made(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two speakers in an archive of the same structure, the checksum known."""
    return archive(mirror, monkeypatch, ALL)


def archive(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, rows: Iterable[tuple[int, str, int]]
) -> Path:
    (file,) = fsdd.FILES["fsdd"]
    path = mirror / "fsdd" / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("data/README.md", "no recording")
        for digit, speaker, take in rows:
            made.writestr(
                f"data/recordings/{digit}_{speaker}_{take}.wav", wav(digit, speaker, take)
            )
    known = replace(file, md5=md5(path.read_bytes()).hexdigest(), size=path.stat().st_size)
    monkeypatch.setitem(fsdd.FILES, "fsdd", (known,))
    return path


def test_rows_and_roles(made: Path) -> None:
    data = load("fsdd", progress=False)
    rows = sorted(ALL)
    assert data.y.tolist() == [d for d, _, _ in rows]
    assert data.factors["speaker"].tolist() == [s for _, s, _ in rows]
    assert data.split is not None
    assert (data.split == np.where(np.array([t for _, _, t in rows]) < 5, "test", "train")).all()
    # Tones rise with the digit, so the pictures are in the order of the rows.
    bands = data.x.mean(2).argmax(1).reshape(10, -1).mean(1)
    assert (np.diff(bands) > 1).all()
    swapped = load("fsdd", label="speaker", progress=False)
    np.testing.assert_array_equal(swapped.x, data.x)
    np.testing.assert_array_equal(swapped.y, data.factors["speaker"])
    np.testing.assert_array_equal(swapped.factors["digit"], data.y)
    assert (swapped.label_name, list(swapped.factors)) == ("speaker", ["digit"])


def test_the_catalogue_knows_the_labels(made: Path) -> None:
    assert CATALOGUE["fsdd"].labels == get_args(fsdd.Label)
    for name in ("digit", "speaker"):
        data, plain = load(f"fsdd/{name}", progress=False), load("fsdd", label=name, progress=False)
        assert (data.name, data.label_name, data.y.tolist()) == (
            f"fsdd-{name}",
            name,
            plain.y.tolist(),
        )
    with pytest.raises(ValueError, match="fsdd has no label 'take', expected digit or speaker"):
        load("fsdd/take")
    with pytest.raises(ValueError, match="mnist has no label 'writer'"):
        load("mnist/writer")
    with pytest.raises(ValueError, match=r"'fsd'.*did you mean 'fsdd'"):
        load("fsd/speaker")


def test_the_label_is_chosen_by_name(made: Path) -> None:
    data = open_data("fsdd", label="speaker", factors=["digit"], progress=False)
    assert (data.label_name, list(data.factors), data.name) == ("speaker", ["digit"], "fsdd")
    with pytest.raises(ValueError, match="label is 'word', expected digit or speaker"):
        open_data("fsdd", label="word", progress=False)


@pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")
def test_a_model_of_speakers_opens_the_recordings_by_speaker(
    made: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    changes = {"epochs": 1, "alignment": "none", "finetune_epochs": 0}
    opened: list[str] = []
    for label in ("speaker", "digit"):
        data = load("fsdd", label=label, progress=False)
        few = data.subset(np.arange(0, len(data), 10))
        out = fit_to_folder(few, Config(**small | changes), tmp_path / label)
        opened.append(
            open_for_model(out, wvae.load(str(out)), "fsdd", log=print, progress=False).label_name
        )
        # Under another name they are the same rows.
        assert training_rows_warning(out, replace(few, name=f"fsdd-{label}"), 0) == ""
    assert opened == ["speaker", "digit"]
    (out / "rows.json").write_text(
        '{"label": "word"}'
    )  # of own data, where the label was called otherwise
    assert (
        open_for_model(out, wvae.load(str(out)), "fsdd", log=print, progress=False).label_name
        == "digit"
    )
    assert (
        open_for_model(out, wvae.load(str(out)), "fsdd", label="speaker", log=print).label_name
        == "speaker"
    )


def test_the_cache_is_enough(made: Path) -> None:
    assert not {row.name: row.cached for row in status()}["fsdd"]
    fetch_all("fsdd", progress=False)
    assert {row.name: row.cached for row in status()}["fsdd"]
    made.unlink()
    assert len(load("fsdd", progress=False)) == 1000


def test_label() -> None:
    with pytest.raises(ValueError, match="label is 'take', expected digit or speaker"):
        load("fsdd", label="take")


def test_no_archive() -> None:
    with pytest.raises(DownloadError, match="fsdd/free-spoken-digit-dataset"):
        load("fsdd", progress=False)


@pytest.mark.parametrize(
    ("rows", "n", "speakers"),
    [(ALL[:-1], 999, 2), ([(d, s, t + 1) for d, s, t in ALL], 1000, 2), ([], 0, 0)],
)
def test_another_archive(
    mirror: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[tuple[int, str, int]],
    n: int,
    speakers: int,
) -> None:
    archive(mirror, monkeypatch, rows)
    with pytest.raises(
        ValueError, match=f"{n} recordings of {speakers} speakers, expected each digit 50 times"
    ):
        load("fsdd", progress=False)


def test_a_damaged_archive(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.write_bytes(made.read_bytes()[:-100])
    (file,) = fsdd.FILES["fsdd"]
    monkeypatch.setitem(fsdd.FILES, "fsdd", (replace(file, md5=None, size=None),))
    with pytest.raises(ValueError, match=r"not a complete zip.*delete it"):
        load("fsdd", progress=False)


def test_a_silent_recording_is_named(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silence, content = io.BytesIO(), io.BytesIO()
    soundfile.write(silence, np.zeros(400), 8000, format="WAV")
    with zipfile.ZipFile(made) as before, zipfile.ZipFile(content, "w") as after:
        for name in before.namelist():
            after.writestr(
                name, silence.getvalue() if name.endswith("/3_bob_7.wav") else before.read(name)
            )
    made.write_bytes(content.getvalue())
    (file,) = fsdd.FILES["fsdd"]
    monkeypatch.setitem(fsdd.FILES, "fsdd", (replace(file, md5=None, size=None),))
    with pytest.raises(ValueError, match=r"3_bob_7\.wav is silent"):
        load("fsdd", progress=False)
