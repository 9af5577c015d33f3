"""A run folder in the making: resumable while it grows, and named only when it is whole."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from filelock import FileLock, Timeout

from ..io.files import check_replaceable, remove_temporaries, replace_folder, write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Advance = Callable[[int], None]
METRICS_FILE = "metrics.json"  # every finished run has it
# What must be the same for an unfinished run to go on; the rest of the settings only describes it.
DECISIVE = ("experiment", "draws", "data", "config", "brief")


class RunError(ValueError):
    """A run cannot be started or continued in that folder; the message says what to do."""


class Progress(Protocol):
    """Whoever shows progress: a task is a context that gives a function to call with the steps done so far."""

    def task(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Open a task of `total` steps."""
        ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def task(self, name: str, total: int) -> Generator[Advance]:
        """Open a task that nobody sees."""
        yield lambda done: None


class Timed:
    """Shows what another does, and keeps how long each kind of task took, in seconds."""

    def __init__(self, shown: Progress) -> None:
        self.shown, self.seconds = shown, dict[str, float]()

    @contextmanager
    def task(self, name: str, total: int) -> Generator[Advance]:
        """Open a task; those that differ in a number at the end, or in what follows a bracket, are of one kind."""
        started, kind = time.monotonic(), re.sub(r"-\d.*|\(.*", "", name).strip()
        with self.shown.task(name, total) as advance:
            yield advance
        self.seconds[kind] = self.seconds.get(kind, 0.0) + time.monotonic() - started


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Keep other processes out of a folder; the operating system drops the lock when the process ends, however it does.

    The lock is a file beside the folder, so that the folder can be renamed or removed while it is locked.

    Parameters
    ----------
    folder
        The folder to lock. It need not exist; the folders above it are made.

    Raises
    ------
    RunError
        If another process has locked the folder. It does not wait.
    """
    path = folder.with_name(f".{folder.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunError(
            f"another process is at work in {folder}: wait, or take another --out"
        ) from error
    try:
        yield
    finally:
        with suppress(
            PermissionError
        ):  # Windows keeps open files; there, filelock removes the file on release
            path.unlink(missing_ok=True)
        lock.release()


class Run:
    """A folder of results.

    It grows as ``<out>.partial``, where finished stages are kept, and is renamed to `out` in one step at the end, so
    that a half-written run is never taken for a whole one. Starting the same run again goes on from the stages.

    Parameters
    ----------
    out
        The folder to make.
    settings
        What was asked for, as JSON; a partial run with other settings is refused.
    progress
        Who shows progress.
    overwrite
        Whether a finished run, or a partial one with other settings, may be replaced; anything else never is.

    Raises
    ------
    wvae.io.files.OutputExistsError
        If `out` is there already, or holds something else.
    RunError
        If a partial run had other settings, or another process is at work on it.
    """

    def __init__(
        self,
        out: Path,
        settings: dict[str, Any],
        progress: Progress | None = None,
        *,
        overwrite: bool = False,
    ) -> None:
        self.out, self.settings, self.progress = out, settings, Timed(progress or Silent())
        self.folder = out.with_name(out.name + ".partial")
        self.metrics: dict[str, float | None] = {}
        self.resumed = False
        check_replaceable(out, markers={METRICS_FILE}, what="a run of wvae", overwrite=overwrite)
        growing = {"stages", METRICS_FILE}
        check_replaceable(
            self.folder, markers=growing, what="an unfinished run of wvae", overwrite=True
        )
        about = self.folder / "config.json"
        if about.exists():
            before, now = (
                json.loads(about.read_text(encoding="utf-8")),
                json.loads(json.dumps(settings)),
            )
            changed = sorted(key for key in DECISIVE if before.get(key) != now.get(key))
            self.resumed = not changed
            if changed and not overwrite:
                raise RunError(
                    f"{self.folder} holds an unfinished run with other settings ({', '.join(changed)}): "
                    "repeat its command to go on, take another --out, or --overwrite to start anew"
                )
        with self.lock():
            if self.resumed:
                remove_temporaries(self.folder)
            else:
                shutil.rmtree(self.folder, ignore_errors=True)
            for folder in (self.stages, self.folder / "figures"):
                folder.mkdir(parents=True, exist_ok=True)
            write_json(about, settings)

    @property
    def stages(self) -> Path:
        """Where checkpoints and finished stages are kept until the run is whole."""
        return self.folder / "stages"

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes out of this run: see `locked`."""
        return locked(self.folder)

    def stage(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what `compute` gives (JSON), or gave when this stage was first reached.

        Whatever `compute` writes into the folder must be written before it returns.
        """
        file = self.stages / f"{name}.json"
        if not file.exists():
            write_json(file, compute())
        return json.loads(file.read_text(encoding="utf-8"))

    def save_figure(self, name: str, figure: Figure, dpi: int = 110) -> None:
        """Write figures/<name>.png."""
        figure.savefig(self.folder / "figures" / f"{name}.png", dpi=dpi)

    def finish(self) -> Path:
        """Write metrics.json, drop the stages, give the folder its name and return it."""
        write_json(self.folder / METRICS_FILE, self.metrics)
        shutil.rmtree(self.stages)
        replace_folder(self.folder, self.out)
        return self.out
