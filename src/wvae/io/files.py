"""Files and folders written atomically, and the guard against replacing what is not ours."""

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

UNIQUE = "[0-9a-f]" * 32  # glob pattern of the unique part of a temporary's name


class ModelFileError(ValueError):
    """A model folder or file cannot be read; the message names the file and the fault."""


class OutputExistsError(ValueError):
    """A folder may not be replaced; the message names the folder and the remedy."""


def check_replaceable(
    path: Path, *, markers: set[str], what: str, overwrite: bool, only_markers: bool = False
) -> None:
    """Raise an error if the folder `path` may not be replaced by a new one.

    A folder that does not exist or is empty may always be replaced. A folder that this package
    wrote may be replaced with `overwrite`. Anything else, such as a file or a folder of
    photographs, is never replaced.

    Parameters
    ----------
    path
        The folder to be written.
    markers
        File names; every folder of this kind that this package writes has at least one of them.
    what
        Name of such a folder in messages, with an article: "a model folder".
    overwrite
        Whether the user wants the folder replaced.
    only_markers
        Whether such a folder holds nothing but the markers, so that any other file is the user's.

    Raises
    ------
    OutputExistsError
        If the folder holds something else, or may only be replaced with `overwrite`.

    Examples
    --------
    >>> new = Path("no-such-folder")
    >>> check_replaceable(new, markers={"config.json"}, what="a run", overwrite=False)
    """
    if not path.exists():
        return
    is_ours = False
    if path.is_dir():
        # The temporaries of a killed process are not content.
        names = {p.name for p in path.iterdir()} - _temporaries(path)
        if not names:
            return
        is_ours = names <= markers if only_markers else bool(names & markers)
    if not is_ours:
        raise OutputExistsError(
            f"{path} is there and is not {what}, so it is never replaced: take another --out"
        )
    if not overwrite:
        raise OutputExistsError(
            f"{path} is there already: take another --out, or --overwrite to replace it"
        )


@contextmanager
def atomic(path: Path) -> Generator[Path]:
    """Yield a temporary path beside `path`, which is renamed to `path` only if the block succeeds.

    Parameters
    ----------
    path
        The file to write. Until the end it keeps its old content, if it exists.
    """
    temporary = _temporary(path, "part")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # without it, the file may be empty after a power cut
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Generator[Path]:
    """Yield an empty folder beside `path`, which replaces `path` only if the block succeeds.

    Parameters
    ----------
    path
        The folder to write. Until the end it keeps its old content, if it exists.
    """
    temporary = _temporary(path, "part")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        replace_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, path: Path) -> None:
    """Rename the folder `new` to `path` and remove the old `path`, which is never half-written.

    Parameters
    ----------
    new
        The complete new folder, on the same file system.
    path
        Its final name.
    """
    old = _temporary(path, "old")
    if path.exists():
        path.replace(old)
    try:
        new.replace(path)
    except OSError:
        if old.exists():
            old.replace(path)
        raise
    # Processes that were killed at this point have left their old folders, which go, too.
    for superseded in path.parent.glob(f".{glob.escape(path.name)}.{UNIQUE}.old"):
        shutil.rmtree(superseded, ignore_errors=True)


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files and folders that killed processes left in a folder.

    Call it only while no other process writes there.

    Parameters
    ----------
    folder
        The folder; it need not exist.
    """
    for name in _temporaries(folder):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _temporaries(folder: Path) -> set[str]:
    """Return the names of temporaries in a folder: being written, or left by killed processes."""
    return {path.name for path in folder.glob(f".*.{UNIQUE}.part")}


def _temporary(path: Path, ending: str) -> Path:
    """Return a unique hidden name beside `path`."""
    # Process ids are not unique: machines that share a disk repeat them.
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.{ending}")


def write_json(path: Path, value: Any, *, lines: bool = False) -> None:
    """Write JSON atomically.

    Parameters
    ----------
    path
        The file.
    value
        Anything that JSON can represent.
    lines
        Whether to write one line per item of `value` (JSON Lines) instead of one document.
    """
    with atomic(path) as temporary:
        documents = [json.dumps(item) for item in value] if lines else [json.dumps(value, indent=2)]
        temporary.write_text("\n".join(documents) + "\n", encoding="utf-8")


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """Write tensors and metadata as one safetensors file, atomically.

    Parameters
    ----------
    path
        The file.
    tensors
        Tensors by name, on any device.
    about
        Metadata of the file.

    Raises
    ------
    OSError
        If the disk is full or the folder is not writable.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    contiguous = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic(path) as temporary:
        try:
            save_file(contiguous, temporary, about)
        except SafetensorError as error:
            raise OSError(f"{path} cannot be written: {error}") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a file that `write_tensors` wrote.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ModelFileError
        If the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} is missing") from error
    except SafetensorError as error:
        raise ModelFileError(
            f"{path} is damaged or no safetensors file ({error}): restore it or train again"
        ) from error
