"""Temporary files and folders with unique names, and the removal of those of killed processes.

A temporary lies beside the file or folder that it will become. Its process holds a lock on it,
which the operating system releases when the process ends, even if it is killed. So a temporary
without a lock is abandoned. Process ids would not do: a restarted container has the same ones, and
machines that share a disk repeat them.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where an open file cannot be removed
    fcntl = None

__all__ = ["UNIQUE", "names_of_temporaries", "remove_temporaries", "temporary", "unique_name"]

UNIQUE = "[0-9a-f]" * 32  # glob pattern of the unique part of a temporary's name
SECONDS_UNTIL_ABANDONED = 86_400.0  # without a change, where a disk has no locks


def unique_name(path: Path, ending: str) -> Path:
    """Return a hidden name beside `path` that nothing else has.

    Examples
    --------
    >>> len(unique_name(Path("runs/model"), "part").name)
    44
    """
    path = path.resolve() if path.name in ("", "..") else path
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.{ending}")


def names_of_temporaries(folder: Path) -> set[str]:
    """Return the names of temporaries in a folder: being written, or left by killed processes."""
    return {path.name for path in folder.glob(f".*.{UNIQUE}.part")}


def remove_temporaries(folder: Path) -> None:
    """Remove the temporaries that killed processes left in a folder.

    Those of running processes stay. What this process may not remove stays, too.

    Parameters
    ----------
    folder
        The folder; it need not exist.
    """
    for name in names_of_temporaries(folder):
        _remove_if_abandoned(folder / name)


@contextmanager
def temporary(path: Path, *, folder: bool = False) -> Generator[Path]:
    """Yield a new, empty temporary beside `path`, and remove it at the end if it is still there.

    Abandoned temporaries beside it are removed first.

    Parameters
    ----------
    path
        The file or folder that the temporary is for. Folders above it are created for a folder.
    folder
        Whether the temporary is a folder.

    Raises
    ------
    OSError
        If it cannot be created. The message names `path`.
    """
    remove_temporaries(path.parent)
    new, lock = _create(path, folder)
    try:
        yield new
    finally:
        # Removed while it is locked, so that no other process takes it for abandoned.
        _remove(new)
        if lock is not None:
            os.close(lock)


def _create(path: Path, folder: bool) -> tuple[Path, int | None]:
    """Create a temporary and lock it; return it and the descriptor of the lock, if there is one."""
    while True:
        new = unique_name(path, "part")
        if folder:
            new.mkdir(parents=True)
        else:
            new.touch(exist_ok=False)
        if fcntl is None:
            return new, None
        lock = None
        try:
            lock = os.open(new, os.O_RDONLY if folder else os.O_RDWR)
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another process may have removed it before it was locked.
            if os.path.samestat(os.fstat(lock), os.stat(new)):
                return new, lock
        except FileNotFoundError:
            pass
        except OSError:  # this disk has no locks
            if lock is not None:
                os.close(lock)
            return new, None
        if lock is not None:
            os.close(lock)


def _remove_if_abandoned(path: Path) -> None:
    """Remove a temporary unless a process is using it."""
    if fcntl is None:
        _remove_if_old(path)
        return
    try:
        lock = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:
        _remove_if_old(path)
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    except BlockingIOError:  # in use
        pass
    except OSError:  # this disk has no locks
        _remove_if_old(path)
    finally:
        os.close(lock)


def _remove_if_old(path: Path) -> None:
    """Remove a temporary that has not changed for a day, where locks cannot be asked."""
    with suppress(OSError):
        times = [path.stat().st_mtime]
        if path.is_dir():
            times += [inner.stat().st_mtime for inner in path.rglob("*")]
        if time.time() - max(times) > SECONDS_UNTIL_ABANDONED:
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a file or folder if it is there and may be removed."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
