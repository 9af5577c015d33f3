"""Spoken digits: the real archive, a small synthetic one, and unusable archives."""

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


# ------------------------------------------------------------------------------- the real archive


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WVAE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("WVAE_MIRROR", str(SHARED))
        return load("fsdd", progress=False)


@needs_fsdd
def test_real_archive_has_all_recordings(real: Dataset) -> None:
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
def test_split_is_balanced_over_digits_and_speakers(real: Dataset) -> None:
    assert real.split is not None
    for part, times in (("test", 5), ("train", 45)):
        rows = real.subset(real.split == part)
        pairs, counts = np.unique(
            np.stack([rows.y.astype(str), rows.factors["speaker"]]), axis=1, return_counts=True
        )
        assert (pairs.shape[1], counts.min(), counts.max()) == (60, times, times)


@needs_fsdd
def test_nearest_spectrogram_predicts_digit_and_speaker(real: Dataset) -> None:
    assert real.split is not None
    train, test = (real.subset(real.split == part) for part in ("train", "test"))
    a, b = (data.x.reshape(len(data), -1) for data in (train, test))
    nearest = ((b**2).sum(1)[:, None] - 2 * b @ a.T + (a**2).sum(1)).argmin(1)
    assert (train.y[nearest] == test.y).mean() > 0.9
    assert (train.factors["speaker"][nearest] == test.factors["speaker"]).mean() > 0.9


# ------------------------------------------------------------------------------- synthetic archives

TAKES = 10  # fewer than in the real archive, for speed
ALL = [(d, s, t) for d in range(10) for s in ("ann", "bob") for t in range(TAKES)]


def wav(digit: int, speaker: str, take: int) -> bytes:
    """Return a tone whose frequency rises with the digit and the take."""
    hertz = 300 + 300 * digit + 3 * take + len(speaker)
    out = io.BytesIO()
    soundfile.write(out, np.sin(2 * np.pi * hertz * np.arange(400) / 8000), 8000, format="WAV")
    return out.getvalue()


@pytest.fixture
def small_archive(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive with the same structure, two speakers and a valid checksum."""
    return archive(mirror, monkeypatch, ALL)


def archive(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, rows: Iterable[tuple[int, str, int]]
) -> Path:
    (file,) = fsdd.FILES["fsdd"]
    path = mirror / "fsdd" / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("data/README.md", "not a recording")
        for digit, speaker, take in rows:
            name = f"data/recordings/{digit}_{speaker}_{take}.wav"
            opened.writestr(name, wav(digit, speaker, take))
    file = replace(file, md5=md5(path.read_bytes()).hexdigest(), size=path.stat().st_size)
    monkeypatch.setitem(fsdd.FILES, "fsdd", (file,))
    monkeypatch.setattr(fsdd, "_TAKES", TAKES)
    return path


def test_rows_are_sorted_and_label_and_factor_can_be_exchanged(small_archive: Path) -> None:
    data = load("fsdd", progress=False)
    rows = sorted(ALL)
    assert data.y.tolist() == [d for d, _, _ in rows]
    assert data.factors["speaker"].tolist() == [s for _, s, _ in rows]
    assert data.split is not None
    assert (data.split == np.where(np.array([t for _, _, t in rows]) < 5, "test", "train")).all()
    # The frequency rises with the digit, so the spectrograms are in the order of the rows.
    bands = data.x.mean(2).argmax(1).reshape(10, -1).mean(1)
    assert (np.diff(bands) > 1).all()
    swapped = load("fsdd", label="speaker", progress=False)
    np.testing.assert_array_equal(swapped.x, data.x)
    np.testing.assert_array_equal(swapped.y, data.factors["speaker"])
    np.testing.assert_array_equal(swapped.factors["digit"], data.y)
    assert (swapped.label_name, list(swapped.factors)) == ("speaker", ["digit"])


@pytest.mark.usefixtures("small_archive")
def test_catalogue_name_with_a_label() -> None:
    assert CATALOGUE["fsdd"].labels == get_args(fsdd.Label)
    for name in ("digit", "speaker"):
        data, plain = load(f"fsdd/{name}", progress=False), load("fsdd", label=name, progress=False)
        assert (data.name, data.label_name) == (f"fsdd-{name}", name)
        assert data.y.tolist() == plain.y.tolist()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fsdd/take", "'take'.*digit or speaker"),
        ("mnist/writer", "mnist has no label 'writer'"),
        ("fsd/speaker", r"'fsd'.*did you mean 'fsdd'"),
    ],
)
def test_unknown_label_or_name_is_an_error(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(name)


@pytest.mark.usefixtures("small_archive")
def test_open_data_chooses_the_label() -> None:
    data = open_data("fsdd", label="speaker", factors=["digit"], progress=False)
    assert (data.label_name, list(data.factors), data.name) == ("speaker", ["digit"], "fsdd")
    with pytest.raises(ValueError, match=r"'word'.*digit or speaker"):
        open_data("fsdd", label="word", progress=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")
@pytest.mark.usefixtures("small_archive")
def test_model_opens_the_recordings_with_its_own_label(
    small: dict[str, Any], tmp_path: Path
) -> None:
    changes = {"epochs": 1, "alignment": "none", "finetune_epochs": 0}
    opened: list[str] = []
    for label in ("speaker", "digit"):
        data = load("fsdd", label=label, progress=False)
        subset = data.subset(np.arange(0, len(data), 2))
        out = fit_to_folder(subset, Config(**small | changes), tmp_path / label)
        model = wvae.load(str(out))
        opened.append(open_for_model(out, model, "fsdd", log=print, progress=False).label_name)
        # The rows are the same under another name.
        assert training_rows_warning(out, replace(subset, name=f"fsdd-{label}"), 0) == ""
    assert opened == ["speaker", "digit"]
    # A model of a user's own data may have a label that fsdd lacks: the default label is opened.
    (out / "rows.json").write_text('{"label": "word"}')
    assert open_for_model(out, model, "fsdd", log=print, progress=False).label_name == "digit"
    data = open_for_model(out, model, "fsdd", label="speaker", log=print)
    assert data.label_name == "speaker"


def test_cached_archive_needs_no_mirror(small_archive: Path) -> None:
    assert not {row.name: row.cached for row in status()}["fsdd"]
    fetch_all("fsdd", progress=False)
    assert {row.name: row.cached for row in status()}["fsdd"]
    small_archive.unlink()
    assert len(load("fsdd", progress=False)) == len(ALL)


def test_missing_archive_is_an_error() -> None:
    with pytest.raises(DownloadError, match="fsdd/free-spoken-digit-dataset"):
        load("fsdd", progress=False)


@pytest.mark.parametrize(
    ("rows", "n", "speakers"),
    [(ALL[:-1], 199, 2), ([(d, s, t + 1) for d, s, t in ALL], 200, 2), ([], 0, 0)],
)
def test_archive_with_other_recordings_is_an_error(
    mirror: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[tuple[int, str, int]],
    n: int,
    speakers: int,
) -> None:
    archive(mirror, monkeypatch, rows)
    with pytest.raises(
        ValueError, match=f"{n} recordings of {speakers} speakers.*each digit 10 times"
    ):
        load("fsdd", progress=False)


def test_damaged_archive_is_an_error(small_archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_archive.write_bytes(small_archive.read_bytes()[:-100])
    (file,) = fsdd.FILES["fsdd"]
    monkeypatch.setitem(fsdd.FILES, "fsdd", (replace(file, md5=None, size=None),))
    with pytest.raises(ValueError, match=r"not a complete zip.*delete it"):
        load("fsdd", progress=False)


def test_silent_recording_is_named(small_archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silence, content = io.BytesIO(), io.BytesIO()
    soundfile.write(silence, np.zeros(400), 8000, format="WAV")
    with zipfile.ZipFile(small_archive) as before, zipfile.ZipFile(content, "w") as after:
        for name in before.namelist():
            is_silent = name.endswith("/3_bob_7.wav")
            after.writestr(name, silence.getvalue() if is_silent else before.read(name))
    small_archive.write_bytes(content.getvalue())
    (file,) = fsdd.FILES["fsdd"]
    monkeypatch.setitem(fsdd.FILES, "fsdd", (replace(file, md5=None, size=None),))
    with pytest.raises(ValueError, match=r"3_bob_7\.wav is silent"):
        load("fsdd", progress=False)
