"""Files and folders written atomically, and the guard against replacing what is not ours."""

from __future__ import annotations

import errno
import glob
import json
import os
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.temporaries import UNIQUE, names_of_temporaries, temporary, unique_name

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

_SPACE, _FOLDER = "free some space there", "take a folder that you may write to"
_FIXES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _SPACE),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _FOLDER),
}


class ModelFileError(ValueError):
    """A model folder or file cannot be read; the message names the file and the fault."""


class OutputExistsError(ValueError):
    """A folder may not be replaced; the message names the folder and the remedy."""


def check_replaceable(
    path: Path,
    *,
    markers: set[str],
    what: str,
    overwrite: bool,
    only_markers: bool = False,
    flag: str = "--out",
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
    flag
        The flag that names the folder on the command line.

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
    if Path.cwd().is_relative_to(path.resolve()):
        raise OutputExistsError(
            f"{path} is the current folder or one above it, so it is never replaced: take another "
            f"{flag}"
        )
    is_ours = False
    if path.is_dir():
        # The temporaries of a killed process are not content.
        names = {p.name for p in path.iterdir()} - names_of_temporaries(path)
        if not names:
            return
        is_ours = names <= markers if only_markers else bool(names & markers)
    if not is_ours:
        raise OutputExistsError(
            f"{path} is there and is not {what}, so it is never replaced: take another {flag}"
        )
    if not overwrite:
        raise OutputExistsError(
            f"{path} is there already: take another {flag}, or --overwrite to replace it"
        )


def sibling(path: Path, ending: str) -> Path:
    """Return the path beside `path` whose name is that of `path` with an ending.

    Parameters
    ----------
    path
        Any path of a user; ``.`` and ``..`` have the names of their folders.
    ending
        Is appended to the name.

    Raises
    ------
    ValueError
        If the path is the root folder, which has no name.

    Examples
    --------
    >>> print(sibling(Path("runs/a"), ".partial"))
    runs/a.partial
    """
    named = path.resolve() if path.name in ("", "..") else path
    if not named.name:
        raise ValueError(f"{path} is the root folder, expected a folder below it: give its path")
    return named.with_name(named.name + ending)


@contextmanager
def atomic(path: Path) -> Generator[Path]:
    """Yield a temporary path beside `path`, which is renamed to `path` only if the block succeeds.

    Parameters
    ----------
    path
        The file to write. Until the end it keeps its old content, if it exists.
    """
    with _naming(path), temporary(path) as new:
        mode = stat.S_IMODE(new.stat().st_mode)  # what the umask leaves
        yield new
        if stat.S_IMODE(new.stat().st_mode) != mode:  # some libraries let only the owner read
            new.chmod(mode)
        with open(new, "rb") as file:
            os.fsync(file.fileno())  # without it, the file may be empty after a power cut
        new.replace(path)


@contextmanager
def atomic_folder(path: Path) -> Generator[Path]:
    """Yield an empty folder beside `path`, which replaces `path` only if the block succeeds.

    Parameters
    ----------
    path
        The folder to write. Until the end it keeps its old content, if it exists.
    """
    with _naming(path), temporary(path, folder=True) as new:
        yield new
        replace_folder(new, path)


@contextmanager
def _naming(path: Path) -> Generator[None]:
    """Raise errors of a full or read-only disk in one sentence that names the user's path."""
    try:
        yield
    except OSError as error:
        fix = _FIXES.get(error.errno or 0)
        if fix is None:
            raise
        kind = PermissionError if isinstance(error, PermissionError) else OSError
        reason = os.strerror(error.errno or 0)
        raise kind(f"{path} cannot be written ({reason}): {fix}") from error


def replace_folder(new: Path, path: Path) -> None:
    """Rename the folder `new` to `path` and remove the old `path`, which is never half-written.

    Parameters
    ----------
    new
        The complete new folder, on the same file system.
    path
        Its final name.
    """
    old = unique_name(path, "old")
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
    with atomic(path) as new:
        documents = [json.dumps(item) for item in value] if lines else [json.dumps(value, indent=2)]
        new.write_text("\n".join(documents) + "\n", encoding="utf-8")


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
    from safetensors.torch import save

    contiguous = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic(path) as new:
        # safetensors' save_file would write a temporary of its own, which only its owner may read.
        new.write_bytes(save(contiguous, about))


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
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"{path} is damaged or no safetensors file ({error}): restore it or train again"
        ) from error
