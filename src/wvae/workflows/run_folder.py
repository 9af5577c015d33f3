"""Run folders: resumable while they are written, and renamed once they are complete."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from ..datasets.temporaries import remove_temporaries
from ..io.files import check_replaceable, replace_folder, sibling, write_json
from .progress import Progress, Silent, Timed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRICS_FILE = "metrics.json"  # every finished run has it
# Settings that must not change when an unfinished run is resumed; the others only describe it.
RESUME_KEYS = ("experiment", "trials", "data", "config", "brief", "figures")
FIGURE_DPI = 200
FIGURE_OPTIONS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text that an editor can change
    "svg.hashsalt": "wvae",  # equal figures have equal names of their parts
    "pdf.fonttype": 42,  # TrueType, because journals reject the default
}
# A date would make equal figures differ.
NO_DATE: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


class RunError(ValueError):
    """A run cannot be started or resumed in a folder; the message names the reason and the fix."""


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Keep other processes out of a folder.

    The operating system releases the lock when the process ends, even if it is killed. The lock is
    a file beside the folder, so the folder can be renamed or removed while it is locked.

    Parameters
    ----------
    folder
        The folder to lock. It need not exist; its parents are created.

    Raises
    ------
    RunError
        If another process has locked the folder. This does not wait.
    """
    path = folder.with_name(f".{folder.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunError(
            f"another process is writing to {folder}: wait, or choose another --out"
        ) from error
    try:
        yield
    finally:
        # Windows cannot remove an open file; there, filelock removes it on release.
        with suppress(PermissionError):
            path.unlink(missing_ok=True)
        lock.release()


class Run:
    """A folder of results.

    It grows as ``<out>.partial``, which also keeps the finished stages, and is renamed to `out` in
    one step at the end. So a half-written run is never mistaken for a complete one. A run that is
    started again with the same settings resumes after the finished stages.

    Parameters
    ----------
    out
        The folder to create.
    settings
        The settings of the run, as JSON. A partial run with other settings is not resumed. Under
        ``figures`` they have the formats of figures besides PNG: ``svg``, ``pdf``.
    progress
        Shows the progress.
    overwrite
        Whether a finished run, or a partial run with other settings, may be replaced. Anything
        else is never replaced.

    Raises
    ------
    wvae.io.files.OutputExistsError
        If `out` exists and may not be replaced.
    RunError
        If a partial run has other settings, or another process is writing to it.

    Examples
    --------
    >>> import tempfile
    >>> run = Run(Path(tempfile.mkdtemp()) / "run", {"seed": 0})
    >>> run.metrics |= run.stage("sum", lambda: {"sum": 1 + 1})
    >>> sorted(path.name for path in run.finish().iterdir())
    ['config.json', 'figures', 'metrics.json']
    """

    def __init__(
        self,
        out: Path,
        settings: dict[str, Any],
        progress: Progress | None = None,
        *,
        overwrite: bool = False,
    ) -> None:
        self.out, self.settings = out, settings
        self.progress = Timed(progress or Silent())
        self.folder = sibling(out, ".partial")
        self.metrics: dict[str, float | None] = {}
        check_replaceable(out, markers={METRICS_FILE}, what="a run of wvae", overwrite=overwrite)
        partial_markers = {"stages", METRICS_FILE}
        what = "an unfinished run of wvae"
        check_replaceable(self.folder, markers=partial_markers, what=what, overwrite=True)
        self.resumed = self._can_resume(overwrite)
        with self.lock():
            if self.resumed:
                remove_temporaries(self.folder)
            else:
                shutil.rmtree(self.folder, ignore_errors=True)
            for folder in (self.stages, self.folder / "figures"):
                folder.mkdir(parents=True, exist_ok=True)
            write_json(self.folder / "config.json", settings)

    def _can_resume(self, overwrite: bool) -> bool:
        """Return whether there is a partial run with the same settings."""
        file = self.folder / "config.json"
        if not file.exists():
            return False
        before = json.loads(file.read_text(encoding="utf-8"))
        now = json.loads(json.dumps(self.settings))
        changed = [key for key in sorted(RESUME_KEYS) if before.get(key) != now.get(key)]
        if changed and not overwrite:
            raise RunError(
                f"{self.folder} holds an unfinished run with other settings "
                f"({', '.join(changed)}): repeat its command to resume it, choose another --out, "
                "or --overwrite to start again"
            )
        return not changed

    @property
    def stages(self) -> Path:
        """Folder of checkpoints and finished stages, which exists until the run is complete."""
        return self.folder / "stages"

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes out of this run: see `locked`."""
        return locked(self.folder)

    def stage(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the result of a stage, which is computed once and kept as JSON.

        Parameters
        ----------
        name
            Name of the stage.
        compute
            Returns the result. All files of the stage must be written before it returns.
        """
        file = self.stages / f"{name}.json"
        if not file.exists():
            write_json(file, compute())
        return json.loads(file.read_text(encoding="utf-8"))

    def save_figure(self, name: str, figure: Figure) -> None:
        """Write ``figures/<name>.png`` for the page, and the same in the formats of the settings.

        Parameters
        ----------
        name
            Name of the figure.
        figure
            The figure.
        """
        import matplotlib as mpl

        for suffix in ("png", *self.settings.get("figures", ())):
            path = self.folder / "figures" / f"{name}.{suffix}"
            with mpl.rc_context(FIGURE_OPTIONS):
                figure.savefig(path, dpi=FIGURE_DPI, metadata=NO_DATE.get(suffix))

    def finish(self) -> Path:
        """Write metrics.json, remove the stages, rename the folder and return its path."""
        write_json(self.folder / METRICS_FILE, self.metrics)
        shutil.rmtree(self.stages)
        replace_folder(self.folder, self.out)
        return self.out
