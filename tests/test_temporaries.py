"""Temporaries: permissions, leftovers of killed processes, running processes, full disks."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import torch

from wvae.datasets import Dataset, temporaries
from wvae.datasets.temporaries import remove_temporaries, temporary
from wvae.estimator import WVAE
from wvae.io.files import atomic, atomic_folder, write_json, write_tensors
from wvae.workflows.encode import encode_to_file
from wvae.workflows.run_folder import RunError, locked

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="umask, locks and signals of POSIX")

WAIT = "; print('ready', flush=True); import time; time.sleep(60)"
HOLD = {
    "file": "from wvae.io.files import atomic; context = atomic({path}); "
    "new = context.__enter__(); new.write_text('half')" + WAIT,
    "folder": "from wvae.io.files import atomic_folder; context = atomic_folder({path}); "
    "new = context.__enter__(); (new / 'a').write_text('half')" + WAIT,
    "lock": "from wvae.workflows.run_folder import locked; context = locked({path}); "
    "context.__enter__()" + WAIT,
}


@pytest.fixture
def holder() -> Generator[Callable[[str, Path], subprocess.Popen[str]]]:
    """A function that starts a process which is writing to a path, until it is killed."""
    processes: list[subprocess.Popen[str]] = []

    def start(what: str, path: Path) -> subprocess.Popen[str]:
        import_path = "from pathlib import Path; "
        code = import_path + HOLD[what].format(path=f"Path({str(path)!r})")
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def set_umask() -> Generator[Callable[[int], int]]:
    """A function that sets the umask until the end of the test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith((".part", ".lock"))]


# ------------------------------------------------------------------------------- permissions


@pytest.mark.parametrize(
    ("umask", "of_file", "of_folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)]
)
def test_every_file_follows_the_umask(
    umask: int,
    of_file: int,
    of_folder: int,
    fitted: WVAE,
    planted_test: Dataset,
    tmp_path: Path,
    set_umask: Callable[[int], int],
) -> None:
    pytest.importorskip("pyarrow")
    set_umask(umask)
    fitted.save(tmp_path / "model")
    write_json(tmp_path / "a.json", {})
    write_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(3)}, {})
    encode_to_file(fitted, planted_test, tmp_path / "codes.parquet", k=2)
    files = 0
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o777 == (of_folder if path.is_dir() else of_file), path
        files += path.is_file()
    assert files == 6


def test_a_library_that_restricts_permissions_does_not_matter(
    tmp_path: Path, set_umask: Callable[[int], int]
) -> None:
    set_umask(0o022)
    with atomic(tmp_path / "a") as new:
        new.unlink()
        new.touch(mode=0o600)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


# -------------------------------------------------------------------------- killed processes


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_leftover_of_a_killed_process_is_removed_by_the_next_write(
    what: str, tmp_path: Path, holder: Callable[[str, Path], subprocess.Popen[str]]
) -> None:
    process = holder(what, tmp_path / "a")
    assert len(leftovers(tmp_path)) == 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(leftovers(tmp_path)) == 1
    write_json(tmp_path / "b", {})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_a_running_process_writes_is_never_removed(
    what: str, tmp_path: Path, holder: Callable[[str, Path], subprocess.Popen[str]]
) -> None:
    holder(what, tmp_path / "a")
    before = leftovers(tmp_path)
    assert len(before) == 1
    os.utime(before[0], (0, 0))  # its age does not matter
    write_json(tmp_path / "a", {"whole": True})
    remove_temporaries(tmp_path)
    assert leftovers(tmp_path) == before


def test_two_writers_of_one_process_do_not_disturb_each_other(tmp_path: Path) -> None:
    with atomic(tmp_path / "a") as one, atomic_folder(tmp_path / "b") as other:
        remove_temporaries(tmp_path)
        one.write_text("1")
        (other / "file").write_text("2")
    assert (tmp_path / "a").read_text() == "1"
    assert (tmp_path / "b" / "file").read_text() == "2"
    assert leftovers(tmp_path) == []


def test_a_lock_of_a_killed_process_blocks_nothing(
    tmp_path: Path, holder: Callable[[str, Path], subprocess.Popen[str]]
) -> None:
    process = holder("lock", tmp_path / "run")
    with pytest.raises(RunError, match="another process"), locked(tmp_path / "run"):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with locked(tmp_path / "run"):
        pass
    assert leftovers(tmp_path) == []


def test_a_lock_file_with_the_id_of_this_process_blocks_nothing(tmp_path: Path) -> None:
    (tmp_path / ".run.lock").write_text(f"{os.getpid()}\n{os.uname().nodename}\n")
    with locked(tmp_path / "run"):
        pass


@pytest.mark.parametrize(("age", "stays"), [(60, True), (2 * 86_400, False)])
@pytest.mark.parametrize("folder", [True, False])
def test_where_a_disk_has_no_locks_age_decides(
    age: float, stays: bool, folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(temporaries.fcntl, "flock", fail)
    with temporary(tmp_path / "a", folder=folder) as new:
        changed = time.time() - age
        os.utime(new, (changed, changed))
        write_json(tmp_path / "b", {})
        assert new.exists() == stays
    assert leftovers(tmp_path) == []


def test_a_temporary_that_was_removed_before_it_was_locked_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, calls = temporaries.fcntl.flock, []

    def remove_first(descriptor: int, flags: int) -> None:
        if not calls:
            for path in leftovers(tmp_path):
                path.unlink()
        calls.append(flags)
        lock(descriptor, flags)

    monkeypatch.setattr(temporaries.fcntl, "flock", remove_first)
    with atomic(tmp_path / "a") as new:
        assert new.exists()
        new.write_text("whole")
    assert (tmp_path / "a").read_text() == "whole"
    assert len(calls) == 2


# --------------------------------------------------------------------- full and read-only disks


@pytest.fixture
def small_disk() -> Generator[None]:
    """Let the system refuse files of more than 4,096 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_json(path, "a" * 10_000),
        lambda path: write_tensors(path, {"a": torch.zeros(10_000)}, {}),
    ],
    ids=["json", "tensors"],
)
def test_a_full_disk_is_one_line_that_names_the_file(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="cannot be written") as error:
        write(tmp_path / "out")
    message = str(error.value)
    assert message.startswith(f"{tmp_path / 'out'} cannot be written (")
    assert "free some space" in message
    assert not any(text in message for text in ("\n", ".part", "Errno"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
@pytest.mark.parametrize("write", [atomic, atomic_folder])
def test_an_error_at_the_start_names_the_file_of_the_user(
    write: Callable[[Path], object], number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "touch", fail)
    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(OSError, match="cannot be written") as error, write(tmp_path / "out"):  # pyright: ignore[reportGeneralTypeIssues]
        pass
    assert ".part" not in str(error.value)
    assert isinstance(error.value, PermissionError) == (number == errno.EACCES)
