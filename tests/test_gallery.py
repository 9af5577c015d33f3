"""The gallery: models that are downloaded by name, checked, and unpacked once."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import wvae
from command_line import Command
from wvae.datasets import CATALOGUE, Dataset
from wvae.datasets.download import DownloadError
from wvae.io import gallery as module
from wvae.io.files import read_tensors
from wvae.io.model_folder import _smaller
from wvae.io.shared_files import shared_files
from wvae.workflows.inputs import write_training_record

MAX_BYTES = 2_000_000


@pytest.fixture
def mirror(
    fitted: wvae.WVAE, planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A mirror with the zip of a small model, which is the only one of the gallery."""
    fitted.save(tmp_path / "animals", half=True)
    write_training_record(tmp_path / "animals", planted)
    path = tmp_path / "mirror" / "gallery" / "wvae-gallery-animals-9.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in shared_files(tmp_path / "animals", "gallery:animals").items():
            archive.writestr(name, content)
        archive.writestr("../outside.txt", b"not of a model")
        archive.writestr("model.pkl", b"not of a model")
    monkeypatch.setattr(module, "MANIFEST", tmp_path / "gallery.json")
    module._manifest.cache_clear()
    write_manifest(path, tmp_path)
    monkeypatch.setenv("WVAE_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("WVAE_CACHE", str(tmp_path / "cache"))
    return path


def write_manifest(path: Path, folder: Path) -> None:
    entry: dict[str, Any] = {"file": path.name, "size": path.stat().st_size}
    entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = {"url": "http://127.0.0.1:9/none", "models": {"animals": entry}}
    (folder / "gallery.json").write_text(json.dumps(manifest))


@pytest.fixture(autouse=True)
def manifest_of_the_package() -> Any:
    module._manifest.cache_clear()
    yield
    module._manifest.cache_clear()


def test_a_model_loads_from_the_mirror_and_then_from_the_cache(
    mirror: Path, fitted: wvae.WVAE, planted: Dataset, tmp_path: Path
):
    model = wvae.load("gallery:animals")
    for code, whole in zip(model.encode(planted.x), fitted.encode(planted.x), strict=True):
        assert np.abs(code - whole).max() < 0.05 * whole.std()
    assert (model.predict(planted.x) == fitted.predict(planted.x)).mean() > 0.99
    (folder,) = (path for path in (tmp_path / "cache" / "gallery").iterdir() if path.is_dir())
    names = {path.name for path in folder.iterdir()}
    assert names == {"README.md", "config.json", "model.safetensors", "rows.json"}
    assert not (tmp_path / "cache" / "gallery" / "outside.txt").exists()
    mirror.unlink()
    assert wvae.WVAE.load("gallery:animals").shape_ == (8, 8)


def test_other_bytes_are_refused(mirror: Path, tmp_path: Path):
    content = bytearray(mirror.read_bytes())
    content[100] ^= 1
    mirror.write_bytes(content)
    with pytest.raises(DownloadError, match=r"SHA-256"):
        wvae.load("gallery:animals")
    assert not list((tmp_path / "cache").rglob("config.json"))


def test_without_a_mirror_the_release_is_asked(mirror: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WVAE_MIRROR")
    with pytest.raises(DownloadError, match=re.escape("http://127.0.0.1:9/none/wvae-gallery")):
        wvae.load("gallery:animals")


def test_an_enormous_member_is_not_unpacked(mirror: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_UNZIPPED", 1000)
    with pytest.raises(DownloadError, match=r"expected at most 1,000"):
        wvae.load("gallery:animals")


def test_an_unknown_model_is_one_line_with_the_known_ones(mirror: Path):
    with pytest.raises(ValueError, match=r"gallery:animals.*did you mean") as caught:
        wvae.load("gallery:animal")
    assert "\n" not in str(caught.value)


def test_the_commands_take_a_model_of_the_gallery(
    mirror: Path, planted: Dataset, tmp_path: Path, command: Command
):
    np.savez(tmp_path / "new.npz", x=planted.x[:9], y=planted.y[:9])
    assert command("encode", "gallery:animals", "new.npz").code == 0
    assert (tmp_path / "new-codes.parquet").exists()


# ------------------------------------------------------------------------------ half precision


def test_half_precision_keeps_codes_and_small_tensors(
    fitted: wvae.WVAE, planted: Dataset, tmp_path: Path
):
    fitted.save(tmp_path / "whole")
    fitted.save(tmp_path / "half", half=True)
    whole, half = (read_tensors(tmp_path / n / "model.safetensors")[0] for n in ("whole", "half"))
    assert half["alignment.source"].dtype == torch.float16
    assert half["label_centres"].dtype == whole["label_centres"].dtype
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    again = wvae.load(tmp_path / "half")
    z_rest, expected = again.transform(planted.x), fitted.transform(planted.x)
    assert np.abs(z_rest - expected).max() < 0.02 * expected.std()
    assert (
        np.abs(again.decode(*again.encode(planted.x)) - fitted.reconstruct(planted.x)).max() < 0.1
    )


def test_knots_that_would_become_equal_stay_apart():
    apart = torch.linspace(0, 1, 33, dtype=torch.float64).repeat(40, 1)
    close = 1000 + apart
    assert _smaller("alignment.source", apart).dtype == torch.float16
    kept = _smaller("alignment.source", close)
    assert kept.dtype == torch.float32
    assert bool((kept.diff(dim=-1) > 0).all())
    assert _smaller("decoder.weight", close).dtype == torch.float16


# --------------------------------------------------------------------------- the real manifest


def test_the_manifest_names_three_small_models_of_the_catalogue():
    models = module.gallery()
    assert sorted(models) == ["fsdd", "handwriting", "scenes"]
    for name, about in models.items():
        assert about["data"] in CATALOGUE, name
        assert about["licence"], name
        assert about["size"] <= MAX_BYTES, name
        assert re.fullmatch(r"wvae-gallery-\w+-[\w.]+\.zip", about["file"]), name
        assert re.fullmatch(r"[0-9a-f]{64}", about["sha256"]), name
        assert module.remote_file(name).urls[0].startswith("https://"), name
