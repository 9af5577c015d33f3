"""Files: model folders, atomic writes, overwriting, damage, and the original program's weights."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

import wvae
from wvae.datasets import Dataset
from wvae.datasets.temporaries import remove_temporaries
from wvae.estimator import WVAE, import_original
from wvae.io import model_folder
from wvae.io import onnx as export_module
from wvae.io.files import (
    ModelFileError,
    OutputExistsError,
    atomic,
    atomic_folder,
    read_tensors,
    replace_folder,
    write_json,
    write_tensors,
)
from wvae.io.onnx import export_onnx
from wvae.workflows.encode_parts import check_folder
from wvae.workflows.fit import fit_to_folder
from wvae.workflows.run_folder import Run


@pytest.fixture
def saved(fitted: WVAE, tmp_path: Path) -> Path:
    fitted.save(tmp_path / "model")
    return tmp_path / "model"


def error_of(path: Path, read: Callable[[Path], Any] = WVAE.load) -> str:
    """Return the message of the error that reading a path raises: one line that names it."""
    with pytest.raises(ModelFileError) as error:
        read(path)
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 500
    assert path.name in message
    return message


# ------------------------------------------------------------------------- model folders


def test_a_saved_model_can_be_loaded(fitted: WVAE, saved: Path, planted_test: Dataset):
    again = wvae.load(str(saved))
    x = planted_test.x
    np.testing.assert_array_equal(again.predict(x), fitted.predict(x))
    assert again.predict(x).dtype.kind == "U"
    np.testing.assert_array_equal(again.predict_proba(x), fitted.predict_proba(x))
    for actual, expected in zip(again.posterior(x), fitted.posterior(x), strict=True):
        np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(
        again.rewrite(x, planted_test.y), fitted.rewrite(x, planted_test.y)
    )
    assert again.evaluate(x, planted_test.y) == fitted.evaluate(x, planted_test.y)
    assert again.get_params() == fitted.get_params() | {"device": "auto"}
    assert (again.shape_, again.n_iter_, again.n_features_in_) == ((8, 8), 25, 64)


@pytest.mark.parametrize("code", ["rest", "label", "both"])
def test_the_code_is_saved(fitted: WVAE, tmp_path: Path, code: Any):
    path = tmp_path / code
    before = fitted.code
    try:
        fitted.code = code
        fitted.save(path)
    finally:
        fitted.code = before
    assert WVAE.load(path).code == code


def test_a_model_folder_has_two_files_of_data(saved: Path):
    assert sorted(p.name for p in saved.iterdir()) == ["config.json", "model.safetensors"]
    about = json.loads((saved / "config.json").read_text())
    assert list(about) == [
        "format",
        "config",
        "code",
        "example_shape",
        "classes",
        "epochs_trained",
        "values",
    ]
    assert about["format"] == model_folder.FORMAT == 5
    assert about["classes"] == ["ant", "bee", "cat", "dog"]
    assert (about["example_shape"], about["epochs_trained"]) == ([8, 8], 25)
    with safe_open(saved / "model.safetensors", "np") as file:
        assert {"classifier.weight", "label_centres"} <= set(file.keys())


def test_saving_replaces_an_earlier_model(
    fitted: WVAE, saved: Path, no_temporaries: Callable[[], None]
):
    fitted.save(saved)
    assert WVAE.load(saved).n_iter_ == 25
    no_temporaries()


def test_saving_creates_parent_folders(fitted: WVAE, tmp_path: Path):
    fitted.save(str(tmp_path / "a" / "b" / "model"))
    assert WVAE.load(tmp_path / "a" / "b" / "model").n_iter_ == 25


@pytest.mark.parametrize("step", ["weights", "rename"])
def test_a_failed_save_keeps_the_old_model(
    step: str,
    fitted: WVAE,
    saved: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_temporaries: Callable[[], None],
):
    before = content(saved)
    rename = Path.replace

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    def fail_for_new_folders(self: Path, target: Path) -> Path:
        if self.name.endswith(".part") and self.is_dir():
            raise OSError(28, "No space left on device")
        return rename(self, target)

    if step == "weights":  # which are written after config.json
        monkeypatch.setattr(model_folder, "write_tensors", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail_for_new_folders)
    with pytest.raises(OSError, match="No space"):
        fitted.save(saved)
    assert content(saved) == before
    no_temporaries()


@pytest.mark.parametrize("old", [None, "old"])
def test_a_file_is_written_atomically(
    tmp_path: Path, old: str | None, no_temporaries: Callable[[], None]
):
    path = tmp_path / "file"
    if old:
        path.write_text(old)

    def interrupted() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (path.read_text() if old else path.exists()) == (old or False)
    with atomic(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    no_temporaries()


def test_a_folder_is_written_atomically(tmp_path: Path, no_temporaries: Callable[[], None]):
    path = tmp_path / "folder"

    def fill(text: str, fail: bool) -> None:
        with atomic_folder(path) as temporary:
            (temporary / text).write_text(text)
            if fail:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill("one", fail=True)
    assert not path.exists()
    fill("two", fail=False)
    with pytest.raises(KeyboardInterrupt):
        fill("three", fail=True)
    assert os.listdir(path) == ["two"]
    fill("four", fail=False)
    assert os.listdir(path) == ["four"]
    no_temporaries()


def test_names_of_temporaries_are_unique(tmp_path: Path):
    with atomic_folder(tmp_path / "f") as one, atomic_folder(tmp_path / "f") as other:
        assert one != other
        (other / "whole").touch()
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_only_temporaries_are_removed(tmp_path: Path):
    removed, kept = f".a.txt.{'0a1b' * 8}.part", [".a.txt.part", "a.part", f".b.{'0a1b' * 8}.old"]
    (tmp_path / removed).touch()
    (tmp_path / f".model{removed}").mkdir()
    (tmp_path / f".model{removed}" / "config.json").touch()
    for name in kept:
        (tmp_path / name).touch()
    remove_temporaries(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(kept)
    remove_temporaries(tmp_path / "nothing")


def test_replacing_a_folder_removes_old_copies_of_killed_processes(tmp_path: Path):
    for name in ("new", f".f.{'0a1b' * 8}.old", f".f.g.{'0a1b' * 8}.old"):
        (tmp_path / name).mkdir()
    replace_folder(tmp_path / "new", tmp_path / "f")
    # The old copy of f.g is kept.
    assert sorted(p.name for p in tmp_path.iterdir()) == [f".f.g.{'0a1b' * 8}.old", "f"]


def test_invalid_json_keeps_the_old_file(tmp_path: Path, no_temporaries: Callable[[], None]):
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"b": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == [1]
    no_temporaries()


def test_tensors_are_restored_exactly(tmp_path: Path):
    tensors = {
        "a": torch.randn(3, 4).T,
        "b": torch.arange(5, dtype=torch.uint8),
        "c": torch.tensor(1.5),
    }
    write_tensors(tmp_path / "t", tensors, {"note": "ü"})
    again, about = read_tensors(tmp_path / "t")
    assert about == {"note": "ü"}
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


# ------------------------------------------------------------------------- overwriting

Write = Callable[[WVAE, Dataset, Path, bool], Any]


def save(model: WVAE, data: Dataset, out: Path, overwrite: bool) -> None:
    model.save(out)


def fit(model: WVAE, data: Dataset, out: Path, overwrite: bool) -> None:
    fit_to_folder(data, model.config_, out, overwrite=overwrite)


def start_run(model: WVAE, data: Dataset, out: Path, overwrite: bool) -> None:
    Run(out, {"experiment": "plane"}, overwrite=overwrite)


def start_codes(model: WVAE, data: Dataset, out: Path, overwrite: bool) -> None:
    check_folder(out, out.with_name(f"{out.name}.partial"), {"data": "a"}, overwrite)


def export(model: WVAE, data: Dataset, out: Path, overwrite: bool) -> None:
    pytest.importorskip("onnx")
    export_onnx(model, out, overwrite=overwrite)


# All functions that write a folder, with a file that marks an earlier output.
WRITERS: dict[Write, str] = {
    save: "model.safetensors",
    fit: "model.safetensors",
    start_run: "metrics.json",
    start_codes: "_encoding.json",
    export: "encoder.onnx",
}
# Those that write to <out>.partial first, with a file that marks an unfinished output.
RESUMABLE: dict[Write, str] = {
    fit: "checkpoint",
    start_run: "stages",
    start_codes: "_encoding.json",
}


def folder_of(path: Path, name: str) -> dict[str, bytes]:
    """Create a folder with one file, and return its content."""
    path.mkdir()
    (path / name).write_bytes(b"the only copy")
    return content(path)


def content(path: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in path.iterdir()}


@pytest.fixture
def dry_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the writers raise a KeyError when all their checks have passed."""

    def begin(*_: Any, **__: Any) -> Any:
        raise KeyError("started")

    for where in (model_folder, export_module):
        monkeypatch.setattr(where, "atomic_folder", begin)
    for name in ("workflows.fit.check_examples", "workflows.run_folder.locked"):
        monkeypatch.setattr(f"wvae.{name}", begin)


@pytest.mark.usefixtures("dry_run")
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("write", WRITERS)
def test_foreign_content_is_never_replaced(
    write: Write, overwrite: bool, fitted: WVAE, planted: Dataset, tmp_path: Path
):
    photos = tmp_path / "photos"
    before = folder_of(photos, "photo.png")
    for path in (photos, photos / "photo.png"):
        with pytest.raises(OutputExistsError, match=rf"{path.name} is there and is not .*--out"):
            write(fitted, planted, path, overwrite)
    assert content(photos) == before


@pytest.mark.usefixtures("dry_run")
@pytest.mark.parametrize("write", RESUMABLE)
def test_foreign_content_in_a_partial_folder_is_never_replaced(
    write: Write, fitted: WVAE, planted: Dataset, tmp_path: Path
):
    before = folder_of(tmp_path / "new.partial", "photo.png")
    with pytest.raises(OutputExistsError, match=r"new\.partial is there and is not "):
        write(fitted, planted, tmp_path / "new", True)
    assert content(tmp_path / "new.partial") == before


def check_starts(write: Write, model: WVAE, data: Dataset, out: Path, overwrite: bool) -> None:
    """Check that a writer's checks pass: `dry_run` stops it, or it returns."""
    if write is start_codes:
        write(model, data, out, overwrite)
        return
    with pytest.raises(KeyError, match="started"):
        write(model, data, out, overwrite)


@pytest.mark.usefixtures("dry_run")
@pytest.mark.parametrize("write", WRITERS)
def test_an_earlier_output_is_replaced_with_overwrite_only(
    write: Write, fitted: WVAE, planted: Dataset, tmp_path: Path
):
    before = folder_of(tmp_path / "old", WRITERS[write])
    if write is save:  # which always overwrites a model
        check_starts(write, fitted, planted, tmp_path / "old", False)
    else:
        with pytest.raises(OutputExistsError, match=r"old is there already.*--overwrite"):
            write(fitted, planted, tmp_path / "old", False)
    check_starts(write, fitted, planted, tmp_path / "old", True)
    assert content(tmp_path / "old") == before


@pytest.mark.usefixtures("dry_run")
@pytest.mark.parametrize("write", WRITERS)
def test_folders_with_nothing_but_temporaries_are_replaced(
    write: Write, fitted: WVAE, planted: Dataset, tmp_path: Path
):
    (tmp_path / "empty").mkdir()
    check_starts(write, fitted, planted, tmp_path / "empty", False)
    (tmp_path / "empty" / f".model.{'0a1b' * 8}.part").mkdir()
    check_starts(write, fitted, planted, tmp_path / "empty", False)


@pytest.mark.usefixtures("dry_run")
@pytest.mark.parametrize("write", RESUMABLE)
def test_an_unfinished_output_is_resumed(
    write: Write, fitted: WVAE, planted: Dataset, tmp_path: Path
):
    (tmp_path / "new.partial").mkdir()
    (tmp_path / "new.partial" / RESUMABLE[write]).write_text(json.dumps({"data": "a"}))
    check_starts(write, fitted, planted, tmp_path / "new", False)


# ------------------------------------------------------------------------- damage


def test_other_paths_are_no_model_folders(tmp_path: Path):
    assert "no model folder" in error_of(tmp_path / "nothing")
    assert "no model folder" in error_of(tmp_path)
    (tmp_path / "file").write_text("x")
    assert "no model folder" in error_of(tmp_path / "file")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '"format"', "\udcff"])
def test_a_damaged_config_is_rejected(saved: Path, text: str):
    (saved / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    assert "config.json is damaged" in error_of(saved)


def edited(folder: Path, **changes: Any) -> Path:
    about = json.loads((folder / "config.json").read_text()) | changes
    kept = {name: value for name, value in about.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(kept))
    return folder


@pytest.mark.parametrize(
    ("version", "remedy"),
    [(1, "train again"), (3, "train again"), (6, "newer version"), ("4", "train again")],
)
def test_other_formats_are_rejected(saved: Path, version: Any, remedy: str):
    message = error_of(edited(saved, format=version))
    assert f"format {version}" in message
    assert remedy in message


@pytest.mark.parametrize("key", ["config", "code", "example_shape", "classes", "epochs_trained"])
@pytest.mark.parametrize("value", [..., None, "?"])
def test_every_key_is_needed(saved: Path, key: str, value: Any):
    assert "damaged" in error_of(edited(saved, **{key: value}))


@pytest.mark.parametrize("value", [..., None, "?", 1, [True]])
def test_the_unit_range_is_true_or_false(saved: Path, value: Any):
    values = {"offset": 0.0, "white": 1.0, "in_0_to_1": value}
    kept = {name: part for name, part in values.items() if part is not ...}
    assert "in_0_to_1" in error_of(edited(saved, values=kept))


@pytest.mark.parametrize("value", [None, "?", 1])
def test_dark_strokes_are_true_or_false(saved: Path, value: Any):
    values = {"offset": 0.0, "white": 1.0, "in_0_to_1": True, "dark_strokes": value}
    assert "dark_strokes" in error_of(edited(saved, values=values))


@pytest.mark.parametrize(("shape", "backbone"), [((34, 9), "conv"), ((3, 9, 34), "photo")])
def test_an_earlier_folder_has_the_backbone_for_which_auto_stood(
    tmp_path: Path, shape: tuple[int, ...], backbone: Any
):
    x, y = 0.4 * np.random.default_rng(0).random((20, *shape), np.float32), [0, 1] * 10
    model = WVAE(
        backbone=backbone, epochs=1, width=8, alignment="none", finetune_epochs=0, device="cpu"
    ).fit(x, y)
    model.save(tmp_path / "m")
    about = json.loads((tmp_path / "m" / "config.json").read_text())
    del about["values"]["dark_strokes"]
    earlier = {"format": 4, "config": about["config"] | {"backbone": "auto"}}
    again = WVAE.load(edited(tmp_path / "m", values=about["values"], **earlier))
    assert again.backbone == backbone
    np.testing.assert_array_equal(again.transform(x), model.transform(x))
    assert "damaged" in error_of(edited(tmp_path / "m", format=5))  # now it is another network


def test_missing_hyper_parameters_have_their_defaults(
    saved: Path, fitted: WVAE, planted_test: Dataset
):
    """A version that adds a hyper-parameter can load the folders of earlier ones."""
    config = json.loads((saved / "config.json").read_text())["config"]
    del config["precision"], config["early_stopping"]
    again = WVAE.load(edited(saved, config=config))
    np.testing.assert_array_equal(again.transform(planted_test.x), fitted.transform(planted_test.x))


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": ["one", "two"]},
        {"example_shape": [9, 9]},
        {"values": {"offset": 0.0, "white": 1.0, "in_0_to_1": False}},
        {"config": {"width": 7}},
        {"config": {"width": -1}},
        {"config": {"wings": 2}},
        {"config": {"backbone": "article"}},
    ],
    ids=str,
)
def test_a_config_that_does_not_fit_the_weights_is_rejected(saved: Path, changes: dict[str, Any]):
    if "config" in changes:
        changes = {
            "config": json.loads((saved / "config.json").read_text())["config"] | changes["config"]
        }
    assert "damaged" in error_of(edited(saved, **changes))


def test_damaged_weights_are_rejected(saved: Path):
    file = saved / "model.safetensors"
    whole = file.read_bytes()
    for content in (b"", whole[:100], whole[: len(whole) // 2], b"<html>", pickle.dumps({"a": 1})):
        file.write_bytes(content)
        assert "model.safetensors is damaged" in error_of(saved)
    file.unlink()
    assert "model.safetensors is missing" in error_of(saved)


def test_missing_label_centres_are_rejected(saved: Path):
    tensors, about = read_tensors(saved / "model.safetensors")
    del tensors["label_centres"]
    write_tensors(saved / "model.safetensors", tensors, about)
    assert "damaged" in error_of(saved)


class Trap:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickles_are_never_loaded(saved: Path, tmp_path: Path):
    sprung = tmp_path / "sprung"
    trap = pickle.dumps(Trap(sprung))
    pickle.loads(trap)
    assert sprung.exists()  # the trap works
    sprung.unlink()
    (saved / "model.safetensors").write_bytes(trap)
    error_of(saved)
    model = tmp_path / "trap.model"
    model.write_bytes(trap)
    error_of(model, import_original)
    write_chainer(tmp_path / "trap.npz", {"le1/W": np.array([Trap(sprung)], dtype=object)})
    error_of(tmp_path / "trap.npz", import_original)
    torch.save({"a": Trap(sprung)}, model)
    error_of(model, import_original)
    assert not sprung.exists()


# ------------------------------------------------------------------------- the original's weights


def test_the_published_weights_have_the_known_results(original_model: Path, mnist: Dataset):
    x, y = mnist.x[:5000], mnist.y[:5000]
    model = import_original(original_model)
    z_label, z_rest = model.encode(x)
    assert model.score(x, y) == pytest.approx(0.5748, abs=1e-9)
    assert z_label.mean(dtype=np.float64) == pytest.approx(0.56060, abs=1e-5)
    assert z_rest.mean(dtype=np.float64) == pytest.approx(0.67749, abs=1e-5)
    p, x = model.decode(z_label, z_rest).astype(np.float64), x / 255
    bce = -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum((1, 2)).mean()
    assert bce == pytest.approx(207.052, abs=2e-3)
    # The original's own images were transposed.
    assert model.score(mnist.x[:500].transpose(0, 2, 1), y[:500]) < 0.5


def test_the_published_weights_can_be_saved_as_a_model_folder(
    original_model: Path, mnist: Dataset, tmp_path: Path
):
    model = import_original(original_model)
    model.save(tmp_path / "m")
    again = WVAE.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(mnist.x[:50]), model.predict(mnist.x[:50]))


def chainer_arrays(
    n_latent: int, classes: int | None, side: int = 28, width: int = 20
) -> dict[str, np.ndarray]:
    """Return random arrays with the names and shapes of the notebook's network in Chainer."""
    rng = np.random.default_rng(n_latent)
    sizes = {
        "le1": (width, side * side),
        "le2_mu_a": (n_latent, width),
        "le2_ln_var_a": (n_latent, width),
        "le2_mu_b": (n_latent, width),
        "le2_ln_var_b": (n_latent, width),
        "ld1_a": (width, n_latent),
        "ld1_b": (width, n_latent),
        "ld2": (side * side, width),
    }
    if classes:
        sizes["l_c"] = (classes, n_latent)
    arrays = {
        f"{link}/W": rng.normal(size=size).astype(np.float32) * 0.2 for link, size in sizes.items()
    }
    return arrays | {
        f"{link}/b": rng.normal(size=size[0]).astype(np.float32) for link, size in sizes.items()
    }


def write_chainer(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
    return path


@pytest.mark.parametrize("classes", [10, 26, None])
@pytest.mark.parametrize("n_latent", [1, 10])
def test_an_imported_model_computes_the_notebooks_forward_pass(
    tmp_path: Path, n_latent: int, classes: int | None
):
    arrays = chainer_arrays(n_latent, classes)
    model = import_original(write_chainer(tmp_path / "x.model", arrays))
    x = np.random.default_rng(0).random((6, 28, 28), dtype=np.float32)

    def linear(link: str, v: np.ndarray) -> np.ndarray:
        return v @ arrays[f"{link}/W"].T.astype(np.float64) + arrays[f"{link}/b"]

    h = np.tanh(linear("le1", x.transpose(0, 2, 1).reshape(6, -1)))
    a, b = linear("le2_mu_a", h), linear("le2_mu_b", h)
    logits = linear("ld2", np.tanh(linear("ld1_a", a)) + np.tanh(linear("ld1_b", b)))
    image = (1 / (1 + np.exp(-logits))).reshape(6, 28, 28).transpose(0, 2, 1)
    (mean_a, sd_a), (mean_b, sd_b) = model.posterior(x)
    np.testing.assert_allclose(mean_a, a, atol=2e-5)
    np.testing.assert_allclose(mean_b, b, atol=2e-5)
    np.testing.assert_allclose(sd_a, np.exp(linear("le2_ln_var_a", h) / 2), rtol=1e-4)
    np.testing.assert_allclose(sd_b, np.exp(linear("le2_ln_var_b", h) / 2), rtol=1e-4)
    np.testing.assert_allclose(model.reconstruct(x), image, atol=1e-5)
    if classes:
        scores = np.exp(linear("l_c", a))
        np.testing.assert_allclose(
            model.predict_proba(x), scores / scores.sum(1, keepdims=True), atol=1e-5
        )
        np.testing.assert_array_equal(model.predict(x), scores.argmax(1))
        assert model.classes_.tolist() == list(range(classes))
    else:
        with pytest.raises(ValueError, match="without labels"):
            model.predict(x)


def test_an_imported_model_swaps_but_does_not_rewrite(tmp_path: Path):
    model = import_original(write_chainer(tmp_path / "x.model", chainer_arrays(2, 10)))
    x = np.zeros((2, 28, 28), np.uint8)
    with pytest.raises(ValueError, match="centres"):
        model.rewrite(x, np.array([1, 2]))
    assert np.isfinite(model.swap(x, x)).all()


def test_other_files_are_no_original_models(tmp_path: Path):
    path = tmp_path / "x.model"
    assert "missing" in error_of(path, import_original)
    path.write_bytes(b"")
    assert "Chainer" in error_of(path, import_original)
    path.write_bytes(b"PK\x03\x04 not a zip")
    assert "Chainer" in error_of(path, import_original)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))  # an npy, not an npz
    assert "Chainer" in error_of(path, import_original)
    whole = write_chainer(path, chainer_arrays(1, 10)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "Chainer" in error_of(path, import_original)
    assert error_of(tmp_path, import_original)
    with path.open("wb") as file:
        np.savez_compressed(file, **chainer_arrays(1, 10))  # pyright: ignore[reportArgumentType]
    whole = path.read_bytes()
    assert import_original(path).classes_.size == 10
    path.write_bytes(whole[:3000] + bytes(500) + whole[3500:])
    assert "Chainer" in error_of(path, import_original)


@pytest.mark.parametrize("missing", ["le1/W", "le2_ln_var_b/b", "l_c/b"])
def test_missing_arrays_are_rejected(tmp_path: Path, missing: str):
    arrays = chainer_arrays(1, 10)
    del arrays[missing]
    assert missing in error_of(write_chainer(tmp_path / "x.model", arrays), import_original)


def test_models_of_images_that_are_not_square_are_rejected(tmp_path: Path):
    arrays = chainer_arrays(1, 10)
    arrays["le1/W"] = arrays["le1/W"][:, :700]
    assert "square" in error_of(write_chainer(tmp_path / "x.model", arrays), import_original)


@pytest.mark.parametrize("name", ["ld1_b/W", "l_c/W", "le2_mu_a/b", "le1/W", "ld2/W"])
def test_arrays_of_inconsistent_shapes_are_rejected(tmp_path: Path, name: str):
    arrays = chainer_arrays(3, 10)
    arrays[name] = np.concatenate([arrays[name], arrays[name]])
    error_of(write_chainer(tmp_path / "x.model", arrays), import_original)
    arrays[name] = arrays[name].ravel()[:5]
    error_of(write_chainer(tmp_path / "x.model", arrays), import_original)


def test_a_model_of_another_program_is_never_replaced(fitted: WVAE, tmp_path: Path):
    """Hugging Face's folders have the same file names."""
    other = tmp_path / "bert"
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "bert", "format": 4}')
    (other / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(OutputExistsError, match="bert is there and is not a model folder"):
        fitted.save(other)
    assert (other / "model.safetensors").read_bytes() == b"weights"
    fitted.save(tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text("{")
    fitted.save(tmp_path / "m")
    assert WVAE.load(tmp_path / "m").classes_.tolist() == fitted.classes_.tolist()
