"""Files: what is saved comes back, what is damaged is told in one line, nothing is code, and the original's weights."""

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
from wvae.estimator import WVAE, import_original
from wvae.io import files, model_folder
from wvae.io import onnx as export_module
from wvae.io.files import (
    ModelFileError,
    OutputExistsError,
    atomic,
    atomic_folder,
    read_tensors,
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


def refusal(path: Path, read: Callable[[Path], Any] = WVAE.load) -> str:
    with pytest.raises(ModelFileError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    assert path.name in message
    return message


# ------------------------------------------------------------------------------------------ model folders


def test_what_is_saved_comes_back(fitted: WVAE, saved: Path, planted_test: Dataset):
    again = wvae.load(str(saved))
    x = planted_test.x
    np.testing.assert_array_equal(again.predict(x), fitted.predict(x))
    assert again.predict(x).dtype.kind == "U"
    np.testing.assert_array_equal(again.predict_proba(x), fitted.predict_proba(x))
    for one, other in zip(again.posterior(x), fitted.posterior(x), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(
        again.rewrite(x, planted_test.y), fitted.rewrite(x, planted_test.y)
    )
    assert again.evaluate(x, planted_test.y) == fitted.evaluate(x, planted_test.y)
    assert again.get_params() == fitted.get_params() | {"device": "auto"}
    assert (again.shape_, again.n_iter_, again.n_features_in_) == ((8, 8), 25, 64)


@pytest.mark.parametrize("code", ["rest", "label", "both"])
def test_the_choice_of_code_comes_back(fitted: WVAE, tmp_path: Path, code: Any):
    path = tmp_path / code
    before = fitted.code
    try:
        fitted.code = code
        fitted.save(path)
    finally:
        fitted.code = before
    assert WVAE.load(path).code == code


def test_a_folder_holds_json_and_safetensors_and_nothing_else(saved: Path):
    assert sorted(p.name for p in saved.iterdir()) == ["config.json", "model.safetensors"]
    about = json.loads((saved / "config.json").read_text())
    assert about["format"] == model_folder.FORMAT
    assert about["classes"] == ["ant", "bee", "cat", "dog"]
    with safe_open(saved / "model.safetensors", "np") as file:
        assert {"classifier.weight", "label_centres"} <= set(file.keys())


def test_saving_replaces_a_model(fitted: WVAE, saved: Path, no_temporaries: Callable[[], None]):
    fitted.save(saved)
    assert WVAE.load(saved).n_iter_ == 25
    no_temporaries()


def test_saving_makes_the_folders_above(fitted: WVAE, tmp_path: Path):
    fitted.save(str(tmp_path / "a" / "b" / "model"))
    assert WVAE.load(tmp_path / "a" / "b" / "model").n_iter_ == 25


def test_a_failure_while_saving_leaves_the_old_model(
    fitted: WVAE, saved: Path, monkeypatch: pytest.MonkeyPatch, no_temporaries: Callable[[], None]
):
    before = {p.name: p.read_bytes() for p in saved.iterdir()}

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_folder, "write_tensors", full)  # after config.json
    with pytest.raises(OSError, match="No space"):
        fitted.save(saved)
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == before
    no_temporaries()


def test_a_failure_of_the_last_step_leaves_the_old_model(
    fitted: WVAE, saved: Path, monkeypatch: pytest.MonkeyPatch, no_temporaries: Callable[[], None]
):
    before = {p.name: p.read_bytes() for p in saved.iterdir()}
    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self.name.endswith(".part") and self.is_dir():
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OSError, match="Input/output"):
        fitted.save(saved)
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == before
    no_temporaries()


@pytest.mark.parametrize("old", [None, "old"])
def test_atomic_file(tmp_path: Path, old: str | None, no_temporaries: Callable[[], None]):
    path = tmp_path / "file"
    if old:
        path.write_text(old)

    def half() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert (path.read_text() if old else path.exists()) == (old or False)
    with atomic(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    no_temporaries()


def test_atomic_folder(tmp_path: Path, no_temporaries: Callable[[], None]):
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


def test_temporaries_have_unique_names(tmp_path: Path):
    with atomic_folder(tmp_path / "f") as one, atomic_folder(tmp_path / "f") as other:
        assert one != other
        (other / "whole").touch()
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path):
    left, kept = f".a.txt.{'0a1b' * 8}.part", [".a.txt.part", "a.part", f".b.{'0a1b' * 8}.old"]
    (tmp_path / left).touch()
    (tmp_path / f".model{left}").mkdir()
    (tmp_path / f".model{left}" / "config.json").touch()
    for name in kept:
        (tmp_path / name).touch()
    files.remove_temporaries(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(kept)
    files.remove_temporaries(tmp_path / "nothing")


def test_a_replacement_removes_what_a_killed_one_put_aside(tmp_path: Path):
    for name in ("new", f".f.{'0a1b' * 8}.old", f".f.g.{'0a1b' * 8}.old"):
        (tmp_path / name).mkdir()
    files.replace_folder(tmp_path / "new", tmp_path / "f")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f".f.g.{'0a1b' * 8}.old",
        "f",
    ]  # the latter is of f.g


def test_json_that_cannot_be_written_leaves_the_old_file(
    tmp_path: Path, no_temporaries: Callable[[], None]
):
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"b": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == [1]
    no_temporaries()


def test_tensors_come_back_bit_by_bit(tmp_path: Path):
    tensors = {
        "a": torch.randn(3, 4).T,
        "b": torch.arange(5, dtype=torch.uint8),
        "c": torch.tensor(1.5),
    }
    write_tensors(tmp_path / "t", tensors, {"note": "ü"})
    again, about = read_tensors(tmp_path / "t")
    assert about == {"note": "ü"}
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


# ------------------------------------------------------------------------------------------ overwriting

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


WRITERS: dict[
    Write, str
] = {  # all that write a folder, with the file by which an earlier one is known
    save: "model.safetensors",
    fit: "model.safetensors",
    start_run: "metrics.json",
    start_codes: "_encoding.json",
    export: "encoder.onnx",
}
# Those that begin as <out>.partial.
GROWING: dict[Write, str] = {fit: "checkpoint", start_run: "stages", start_codes: "_encoding.json"}


def folder_of(path: Path, name: str) -> dict[str, bytes]:
    """Make a folder of one file, and return its content."""
    path.mkdir()
    (path / name).write_bytes(b"the only copy")
    return content(path)


def content(path: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in path.iterdir()}


@pytest.fixture
def dry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the writers stop with a KeyError where they would begin, after all that they check."""

    def begin(*_: Any, **__: Any) -> Any:
        raise KeyError("begun")

    for where in (model_folder, export_module):
        monkeypatch.setattr(where, "atomic_folder", begin)
    for name in ("workflows.fit.check_examples", "workflows.run_folder.locked"):
        monkeypatch.setattr(f"wvae.{name}", begin)


@pytest.mark.usefixtures("dry")
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("write", WRITERS)
def test_foreign_content_is_never_replaced(
    write: Write, overwrite: bool, fitted: WVAE, planted: Dataset, tmp_path: Path
):
    photos = tmp_path / "photos"
    before = folder_of(photos, "photo.png")
    for path in (photos, photos / "photo.png"):
        with pytest.raises(
            OutputExistsError, match=rf"{path.name} is there and is not .*never replaced.*--out"
        ):
            write(fitted, planted, path, overwrite)
    assert content(photos) == before


@pytest.mark.usefixtures("dry")
@pytest.mark.parametrize("write", GROWING)
def test_foreign_content_is_not_replaced_where_a_folder_grows(
    write: Write, fitted: WVAE, planted: Dataset, tmp_path: Path
):
    before = folder_of(tmp_path / "new.partial", "photo.png")
    with pytest.raises(OutputExistsError, match=r"new\.partial is there and is not .*unfinished"):
        write(fitted, planted, tmp_path / "new", True)
    assert content(tmp_path / "new.partial") == before


def begins(write: Write, model: WVAE, data: Dataset, out: Path, overwrite: bool) -> None:
    """Check that a writer passes its checks: it reaches the point where `dry` stops it, or returns."""
    if write is start_codes:
        write(model, data, out, overwrite)
        return
    with pytest.raises(KeyError, match="begun"):
        write(model, data, out, overwrite)


@pytest.mark.usefixtures("dry")
@pytest.mark.parametrize("write", WRITERS)
def test_an_earlier_output_is_replaced_only_if_asked(
    write: Write, fitted: WVAE, planted: Dataset, tmp_path: Path
):
    before = folder_of(tmp_path / "old", WRITERS[write])
    if write is save:  # in Python, saving replaces a model
        begins(write, fitted, planted, tmp_path / "old", False)
    else:
        with pytest.raises(
            OutputExistsError, match="old is there already: take another --out, or --overwrite"
        ):
            write(fitted, planted, tmp_path / "old", False)
    begins(write, fitted, planted, tmp_path / "old", True)
    assert content(tmp_path / "old") == before


@pytest.mark.usefixtures("dry")
@pytest.mark.parametrize("write", WRITERS)
def test_empty_folders_and_leftovers_of_killed_processes_are_no_content(
    write: Write, fitted: WVAE, planted: Dataset, tmp_path: Path
):
    (tmp_path / "empty").mkdir()
    begins(write, fitted, planted, tmp_path / "empty", False)
    (tmp_path / "empty" / f".model.{'0a1b' * 8}.part").mkdir()
    begins(write, fitted, planted, tmp_path / "empty", False)


@pytest.mark.usefixtures("dry")
@pytest.mark.parametrize("write", GROWING)
def test_an_unfinished_output_is_gone_on_with(
    write: Write, fitted: WVAE, planted: Dataset, tmp_path: Path
):
    (tmp_path / "new.partial").mkdir()
    (tmp_path / "new.partial" / GROWING[write]).write_text(json.dumps({"data": "a"}))
    begins(write, fitted, planted, tmp_path / "new", False)


# ------------------------------------------------------------------------------------------ damage


def test_no_folder_and_no_model_folder(tmp_path: Path):
    assert "no model folder" in refusal(tmp_path / "nothing")
    assert "no model folder" in refusal(tmp_path)
    (tmp_path / "file").write_text("x")
    assert "no model folder" in refusal(tmp_path / "file")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '"format"', "\udcff"])
def test_damaged_config(saved: Path, text: str):
    (saved / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    assert "config.json is damaged" in refusal(saved)


def edited(folder: Path, **changes: Any) -> Path:
    about = json.loads((folder / "config.json").read_text()) | changes
    kept = {name: value for name, value in about.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(kept))
    return folder


def test_a_newer_format_asks_for_an_update(saved: Path):
    assert "update wvae" in refusal(edited(saved, format=model_folder.FORMAT + 1))


def test_an_older_format_asks_for_a_training(saved: Path):
    assert "train again" in refusal(edited(saved, format=1))


@pytest.mark.parametrize("field", ["config", "code", "shape", "classes", "epochs"])
@pytest.mark.parametrize("value", [..., None, "?"])
def test_every_field_is_needed(saved: Path, field: str, value: Any):
    assert "damaged" in refusal(edited(saved, **{field: value}))


@pytest.mark.parametrize("value", [None, "?", 1, [True]])
def test_what_pixels_are_is_true_or_false(saved: Path, value: Any):
    assert "values_in_0_to_1 is" in refusal(edited(saved, unit_range=value))


def test_a_folder_from_before_there_were_gaussians_is_read(
    saved: Path, fitted: WVAE, planted_test: Dataset
):
    about = json.loads((saved / "config.json").read_text())
    new = ("kind", "likelihood", "early_stopping", "validation_fraction", "n_iter_no_change")
    edited(
        saved,
        pixels=...,
        config={name: value for name, value in about["config"].items() if name not in new},
    )
    again = WVAE.load(saved)
    assert again.likelihood_ == "bernoulli"
    np.testing.assert_array_equal(again.transform(planted_test.x), fitted.transform(planted_test.x))


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": ["one", "two"]},
        {"shape": [9, 9]},
        {"config": {"width": 7}},
        {"config": {"width": -1}},
        {"config": {"wings": 2}},
        {"config": {"backbone": "article"}},
    ],
    ids=str,
)
def test_config_and_weights_that_do_not_fit(saved: Path, changes: dict[str, Any]):
    if "config" in changes:
        changes = {
            "config": json.loads((saved / "config.json").read_text())["config"] | changes["config"]
        }
    assert "damaged" in refusal(edited(saved, **changes))


def test_damaged_weights(saved: Path):
    file = saved / "model.safetensors"
    whole = file.read_bytes()
    for content in (b"", whole[:100], whole[: len(whole) // 2], b"<html>", pickle.dumps({"a": 1})):
        file.write_bytes(content)
        assert "model.safetensors is damaged" in refusal(saved)
    file.unlink()
    assert "model.safetensors is missing" in refusal(saved)


def test_weights_without_the_centres(saved: Path):
    tensors, about = read_tensors(saved / "model.safetensors")
    del tensors["label_centres"]
    write_tensors(saved / "model.safetensors", tensors, about)
    assert "damaged" in refusal(saved)


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_nothing_is_ever_unpickled(saved: Path, tmp_path: Path):
    sprung = tmp_path / "sprung"
    trap = pickle.dumps(Trap(sprung))
    pickle.loads(trap)
    assert sprung.exists()  # the trap works …
    sprung.unlink()
    (saved / "model.safetensors").write_bytes(trap)
    refusal(saved)
    model = tmp_path / "trap.model"
    model.write_bytes(trap)
    refusal(model, import_original)
    write_chainer(tmp_path / "trap.npz", {"le1/W": np.array([Trap(sprung)], dtype=object)})
    refusal(tmp_path / "trap.npz", import_original)
    torch.save({"a": Trap(sprung)}, model)
    refusal(model, import_original)
    assert not sprung.exists()  # … and nobody stepped into it


# ------------------------------------------------------------------------------------------ the original's weights


def test_the_published_weights_give_the_known_figures(original_model: Path, mnist: Dataset):
    x, y = mnist.x[:5000], mnist.y[:5000]
    model = import_original(original_model)
    z_label, z_rest = model.encode(x)
    assert model.score(x, y) == pytest.approx(0.5748, abs=1e-9)
    assert z_label.mean(dtype=np.float64) == pytest.approx(0.56060, abs=1e-5)
    assert z_rest.mean(dtype=np.float64) == pytest.approx(0.67749, abs=1e-5)
    p, x = model.decode(z_label, z_rest).astype(np.float64), x / 255
    bce = -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum((1, 2)).mean()
    assert bce == pytest.approx(207.052, abs=2e-3)
    # Negative control: transposed, as the original's own images were, the figures are worse.
    assert model.score(mnist.x[:500].transpose(0, 2, 1), y[:500]) < 0.5


def test_the_published_weights_survive_a_model_folder(
    original_model: Path, mnist: Dataset, tmp_path: Path
):
    model = import_original(original_model)
    model.save(tmp_path / "m")
    again = WVAE.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(mnist.x[:50]), model.predict(mnist.x[:50]))


def chainer_arrays(
    n_latent: int, classes: int | None, side: int = 28, width: int = 20
) -> dict[str, np.ndarray]:
    """Make what Chainer's save_npz wrote for the notebook's network, with random weights."""
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
def test_import_is_the_notebooks_forward_pass_on_transposed_images(
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


def test_an_imported_model_says_that_it_cannot_rewrite(tmp_path: Path):
    model = import_original(write_chainer(tmp_path / "x.model", chainer_arrays(2, 10)))
    x = np.zeros((2, 28, 28), np.uint8)
    with pytest.raises(ValueError, match="centres"):
        model.rewrite(x, np.array([1, 2]))
    assert np.isfinite(model.swap(x, x)).all()


def test_what_is_no_original_is_refused(tmp_path: Path):
    path = tmp_path / "x.model"
    assert "missing" in refusal(path, import_original)
    path.write_bytes(b"")
    assert "Chainer" in refusal(path, import_original)
    path.write_bytes(b"PK\x03\x04 not a zip")
    assert "Chainer" in refusal(path, import_original)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))  # an npy is no npz
    assert "Chainer" in refusal(path, import_original)
    whole = write_chainer(path, chainer_arrays(1, 10)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "Chainer" in refusal(path, import_original)
    assert refusal(tmp_path, import_original)
    with path.open("wb") as file:
        np.savez_compressed(file, **chainer_arrays(1, 10))  # pyright: ignore[reportArgumentType]
    whole = path.read_bytes()
    assert import_original(path).classes_.size == 10
    path.write_bytes(whole[:3000] + bytes(500) + whole[3500:])
    assert "Chainer" in refusal(path, import_original)


@pytest.mark.parametrize("missing", ["le1/W", "le2_ln_var_b/b", "l_c/b"])
def test_missing_arrays_are_named(tmp_path: Path, missing: str):
    arrays = chainer_arrays(1, 10)
    del arrays[missing]
    assert missing in refusal(write_chainer(tmp_path / "x.model", arrays), import_original)


def test_images_that_are_not_square_are_refused(tmp_path: Path):
    arrays = chainer_arrays(1, 10)
    arrays["le1/W"] = arrays["le1/W"][:, :700]
    assert "square" in refusal(write_chainer(tmp_path / "x.model", arrays), import_original)


@pytest.mark.parametrize("name", ["ld1_b/W", "l_c/W", "le2_mu_a/b", "le1/W", "ld2/W"])
def test_arrays_that_do_not_fit_each_other_are_refused(tmp_path: Path, name: str):
    arrays = chainer_arrays(3, 10)
    arrays[name] = np.concatenate([arrays[name], arrays[name]])
    refusal(write_chainer(tmp_path / "x.model", arrays), import_original)
    arrays[name] = arrays[name].ravel()[:5]
    refusal(write_chainer(tmp_path / "x.model", arrays), import_original)
