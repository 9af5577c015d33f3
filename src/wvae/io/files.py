"""Files: a model folder is data (config.json + model.safetensors), never code; and the original's weights."""

from __future__ import annotations

import glob
import json
import os
import shutil
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor
    from torch.nn import Module

FORMAT = 3  # of model folders; older ones have other names of parameters
CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
UNIQUE = "[0-9a-f]" * 32  # what makes the name of a temporary unique, as a glob pattern


class ModelFileError(ValueError):
    """A model folder or file cannot be read; the message says what is wrong with it."""


class OutputExistsError(ValueError):
    """A folder may not be replaced; the message says what is there and what to do."""


def check_replaceable(
    path: Path, *, markers: set[str], what: str, overwrite: bool, only_markers: bool = False
) -> None:
    """Raise an error if the folder `path` may not be replaced by a new one.

    A folder that does not exist or is empty may always be replaced. What this package wrote may be replaced with
    `overwrite`. Anything else, such as a file or a folder of photographs, is never replaced.

    Parameters
    ----------
    path
        The folder that is to be written.
    markers
        File names of which at least one is in every folder of this kind that this package writes.
    what
        What such a folder is called in messages, with an article: "a model folder".
    overwrite
        Whether the user asked for the folder to be replaced.
    only_markers
        Whether such a folder holds nothing but the markers, so that any other file makes it somebody else's.

    Raises
    ------
    OutputExistsError
        If the folder holds something else, or may only be replaced with `overwrite`.

    Examples
    --------
    >>> check_replaceable(Path("no-such-folder"), markers={"config.json"}, what="a run", overwrite=False)
    """
    if not path.exists():
        return
    ours = False
    if path.is_dir():
        names = {p.name for p in path.iterdir()} - _temporaries(
            path
        )  # what a killed process left is not content
        if not names:
            return
        ours = names <= markers if only_markers else bool(names & markers)
    if not ours:
        raise OutputExistsError(
            f"{path} is there and is not {what}, so it is never replaced: take another --out"
        )
    if not overwrite:
        raise OutputExistsError(
            f"{path} is there already: take another --out, or --overwrite to replace it"
        )


@contextmanager
def atomic(path: Path) -> Generator[Path]:
    """Give a temporary path beside `path` to write to; it takes that name only if the block succeeds."""
    temporary = _temporary(path, "part")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(
                file.fileno()
            )  # otherwise, after a power cut, the name might stand for an empty file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Generator[Path]:
    """Give an empty folder beside `path`; it replaces `path` only if the block succeeds."""
    temporary = _temporary(path, "part")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        replace_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, path: Path) -> None:
    """Rename folder `new` to `path`, removing what was there; at no moment is `path` half-written."""
    old = _temporary(path, "old")
    if path.exists():
        path.replace(old)
    try:
        new.replace(path)
    except OSError:
        if old.exists():
            old.replace(path)
        raise
    # This also removes what earlier processes put aside and were killed before they could remove.
    for superseded in path.parent.glob(f".{glob.escape(path.name)}.{UNIQUE}.old"):
        shutil.rmtree(superseded, ignore_errors=True)


def remove_temporaries(folder: Path) -> None:
    """Remove the files and folders that killed processes were writing in a folder.

    Call it only while no other process writes there.
    """
    for name in _temporaries(folder):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _temporaries(folder: Path) -> set[str]:
    """Return the names of all files and folders there that are being written, or were when a process was killed."""
    return {path.name for path in folder.glob(f".*.{UNIQUE}.part")}


def _temporary(path: Path, ending: str) -> Path:
    """Return a hidden name beside `path` that no other writer has: process ids repeat on machines that share a disk."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.{ending}")


def write_json(path: Path, value: Any, *, lines: bool = False) -> None:
    """Write JSON atomically; with `lines`, one line per item."""
    with atomic(path) as temporary:
        text = (
            "\n".join(json.dumps(item) for item in value) if lines else json.dumps(value, indent=2)
        )
        temporary.write_text(text + "\n", encoding="utf-8")


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """Write tensors and strings as one safetensors file, atomically.

    Raises
    ------
    OSError
        If there is no room, or it is not allowed.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    found = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic(path) as temporary:
        try:
            save_file(found, temporary, about)
        except SafetensorError as error:
            raise OSError(f"{path} cannot be written: {error}") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what `write_tensors` wrote.

    Raises
    ------
    ModelFileError
        If the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} is missing") from error
    except SafetensorError as error:
        raise ModelFileError(
            f"{path} is damaged or no safetensors file ({error}): restore it or train again"
        ) from error


def write_model(path: Path, about: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a model folder, atomically: config.json and model.safetensors. It replaces an earlier model folder.

    Raises
    ------
    OutputExistsError
        If `path` is there and is not a model folder.
    """
    check_replaceable(path, markers={WEIGHTS_FILE}, what="a model folder", overwrite=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(path) as folder:
        write_json(folder / CONFIG_FILE, {"format": FORMAT, **about})
        write_tensors(folder / WEIGHTS_FILE, tensors, {})


def read_model(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a model folder.

    Raises
    ------
    ModelFileError
        If it is none, is damaged, or was written by a newer or an older version.
    """
    file = path / CONFIG_FILE
    if not file.exists():
        raise ModelFileError(f"{path} is no model folder: it has no {CONFIG_FILE}")
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        version = about["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{file} is damaged ({error}): restore it or train again") from error
    if version != FORMAT:
        remedy = "train again" if version in range(1, FORMAT) else "update wvae"
        raise ModelFileError(f"{file} has format {version}, this version reads {FORMAT}: {remedy}")
    return about, read_tensors(path / WEIGHTS_FILE)[0]


def load_weights(path: Path, module: Module, tensors: dict[str, Tensor]) -> None:
    """Give the module these weights, which came from `path`.

    Raises
    ------
    ModelFileError
        If a name or a shape differs (PyTorch's own message runs over many lines).
    """
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            shapes = (
                f"{name} has shape {found.get(name, 'none')}, expected {wanted.get(name, 'none')}"
            )
            raise ModelFileError(f"{path} is damaged: its weights do not fit its config ({shapes})")
    module.load_state_dict(tensors)
