"""Paths as users give them: the current folder, folders above it, the root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wvae import WVAE, Config
from wvae.cli import commands
from wvae.datasets import Dataset
from wvae.io.files import OutputExistsError, atomic_folder, check_replaceable, sibling
from wvae.workflows.fit import fit_to_folder
from wvae.workflows.run_folder import Run


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, tmp_path/models/m."""
    folder = tmp_path / "models" / "m"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", "a-x"),
        ("a/", "a-x"),
        ("a.b/c.d", "a.b/c.d-x"),
        (".hidden", ".hidden-x"),
        (".", "{models}/m-x"),
        ("./", "{models}/m-x"),
        ("..", "{root}/models-x"),
        ("a/..", "{models}/m-x"),
        ("../m", "../m-x"),
    ],
)
def test_a_sibling_of_any_path(path: str, expected: str, inside: Path, tmp_path: Path) -> None:
    names = {"models": tmp_path / "models", "root": tmp_path}
    assert sibling(Path(path), "-x") == Path(expected.format(**names))


def test_the_root_folder_has_no_sibling() -> None:
    with pytest.raises(ValueError, match="/ is the root folder") as error:
        sibling(Path("/"), "-x")
    assert "PosixPath" not in str(error.value)


@pytest.mark.parametrize("path", [".", "..", "../..", "../m", "../../models", "/"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_the_current_folder_is_never_replaced(path: str, overwrite: bool, inside: Path) -> None:
    with pytest.raises(OutputExistsError, match="current folder") as error:
        check_replaceable(Path(path), markers={"a"}, what="a run", overwrite=overwrite)
    assert str(error.value).startswith(f"{Path(path)} is the current folder")


@pytest.mark.parametrize("path", [".", "..", "/"])
def test_output_is_refused_in_one_line_before_work_begins(
    path: str, inside: Path, fitted: WVAE, planted: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WVAE, "fit", None)
    writers: dict[str, Any] = {
        "save": lambda: fitted.save(path),
        "fit": lambda: fit_to_folder(planted, Config(), Path(path)),
        "run": lambda: Run(Path(path), {}),
    }
    for write in writers.values():
        with pytest.raises(ValueError, match="folder") as error:
            write()
        assert not any(text in str(error.value) for text in ("PosixPath", "\n"))
        assert list(inside.parent.rglob("*")) == [inside]


def test_a_folder_with_dots_is_written(inside: Path) -> None:
    with atomic_folder(Path("../../new")) as new:
        (new / "a").touch()
    assert (inside.parent.parent / "new" / "a").exists()


@pytest.mark.parametrize(
    ("model", "out"), [(".", "{models}/m-onnx"), ("../m", "../m-onnx"), ("a", "a-onnx")]
)
def test_the_default_folder_of_an_export(
    model: str, out: str, inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []

    def export(estimator: object, folder: Path, *, overwrite: bool) -> Path:
        folders.append(folder)
        return folder

    monkeypatch.setattr("wvae.load", lambda path: None)
    monkeypatch.setattr("wvae.io.onnx.export_onnx", export)
    commands.export(Path(model))
    assert folders == [Path(out.format(models=inside.parent))]
