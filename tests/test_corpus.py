"""Odd and bad inputs: each is read right, or refused in one line before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from command_line import Command
from corpus import KINDS
from corpus.check import differences
from corpus.entries import Entry, Refused, Right
from wvae.datasets import Dataset
from wvae.workflows import fit as fit_workflow

pytestmark = pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")

QUICK = (
    *("--epochs", "1", "--width", "8", "--depth", "1", "--d-label", "2", "--d-rest", "2"),
    *("--alignment", "none", "--finetune-epochs", "0", "--min-steps-per-epoch", "1"),
)
LONGEST = 400  # characters of a message
UNFIT = ("Traceback", "np.str_", "np.int64", "PosixPath", "<class", " object at 0x")


def entries(kind: type[Right | Refused], *, fit: bool = False) -> list[Any]:
    """Return the entries of which this is expected, as parameters of a test."""
    parameters = list[Any]()
    for name, listed in KINDS.items():
        for entry in listed:
            if isinstance(entry.expect, kind) and (entry.fit or not fit):
                parameters.append(pytest.param(entry, id=f"{name}-{entry.name}"))
    return parameters


def names_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def path_of(entry: Entry, root: Path) -> str:
    """Write the input, and return its path relative to the working folder, as people type it."""
    path = entry.write(root).relative_to(root)
    return str(path)


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    assert sum(map(len, KINDS.values())) >= 300
    for listed in KINDS.values():
        names = [entry.name for entry in listed]
        assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("entry", entries(Refused))
def test_refused_in_one_line_before_anything_is_written(
    entry: Entry, tmp_path: Path, command: Command
) -> None:
    assert isinstance(entry.expect, Refused)
    source = path_of(entry, tmp_path)
    before = names_below(tmp_path)
    code, out, error = command("fit", source, "--out", "model", "--quiet", *entry.flags, *QUICK)
    assert (code, out) == (2, "")
    assert error.startswith("wvae: ")
    message = error.removeprefix("wvae: ").removesuffix("\n")
    assert len(message.splitlines()) == 1
    assert len(message) <= LONGEST
    assert [text for text in entry.expect.texts if text not in message] == [], message
    assert [text for text in UNFIT if text in message] == [], message
    assert names_below(tmp_path) == before


@pytest.mark.parametrize("entry", entries(Right))
def test_read_right(
    entry: Entry, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(entry.expect, Right)
    read = list[Dataset]()

    def keep(data: Dataset, *arguments: Any, **options: Any) -> None:
        read.append(data)

    monkeypatch.setattr(fit_workflow, "fit_to_folder", keep)
    source = path_of(entry, tmp_path)
    before = names_below(tmp_path)
    code, out, log = command("fit", source, "--out", "model", *entry.flags)
    assert (code, out) == (0, "model\n"), log
    assert differences(entry.expect, read[0], log) == []
    assert [text for text in UNFIT if text in log] == [], log
    assert names_below(tmp_path) == before


@pytest.mark.parametrize("entry", entries(Right, fit=True))
def test_a_model_is_fitted_and_encodes(entry: Entry, tmp_path: Path, command: Command) -> None:
    source = path_of(entry, tmp_path)
    code, _, error = command("fit", source, "--out", "model", "--quiet", *entry.flags, *QUICK)
    assert (code, error) == (0, "")
    code, _, error = command("encode", "model", source, "--out", "codes.parquet", "--quiet")
    assert (code, error) == (0, "")
    codes = parquet.read_table(tmp_path / "codes.parquet")
    assert isinstance(entry.expect, Right)
    assert len(codes) == entry.expect.shape[0]
    latents = [name for name in codes.column_names if name.startswith(("z_label", "z_rest"))]
    assert len(latents) == 4
    for name in latents:
        assert np.isfinite(codes.column(name).to_numpy()).all()
