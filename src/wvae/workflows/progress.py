"""Progress of long work: tasks with a total, shown on the terminal or elsewhere."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Protocol, Self

Advance = Callable[[int], None]  # takes the number of steps done so far


class Progress(Protocol):
    """Shows tasks; a task is a context manager that yields an `Advance`."""

    def task(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Open a task of `total` steps."""
        ...


class Silent:
    """A `Progress` that shows nothing."""

    @contextmanager
    def task(self, name: str, total: int) -> Generator[Advance]:
        """Open a task that is not shown."""
        yield lambda done: None


class Timed:
    """A `Progress` that passes tasks on to another one and measures their duration.

    Parameters
    ----------
    shown
        The `Progress` that shows the tasks.

    Attributes
    ----------
    seconds
        Total duration of each kind of task. Tasks are of one kind if their names differ only in
        a number at the end or in what follows a bracket.

    Examples
    --------
    >>> timed = Timed(Silent())
    >>> for name in ("training writers", "training writers-1"):
    ...     with timed.task(name, 1) as advance:
    ...         advance(1)
    >>> list(timed.seconds)
    ['training writers']
    """

    def __init__(self, shown: Progress) -> None:
        self.shown = shown
        self.seconds: dict[str, float] = {}

    @contextmanager
    def task(self, name: str, total: int) -> Generator[Advance]:
        """Open a task and add its duration to those of its kind."""
        started = time.monotonic()
        kind = re.sub(r"-\d.*|\(.*", "", name).strip()
        with self.shown.task(name, total) as advance:
            yield advance
        self.seconds[kind] = self.seconds.get(kind, 0.0) + time.monotonic() - started


class Phases:
    """Shows the phases of one piece of work, one task after the other.

    The first report of a new phase closes the task of the phase before.

    Parameters
    ----------
    progress
        Shows the tasks.
    subject
        Ends the name of every task, such as ``"plane"`` in ``"training plane"``.
    """

    def __init__(self, progress: Progress, subject: str) -> None:
        self.progress, self.subject = progress, subject
        self._phase = ""
        self._task = ExitStack()
        self._advance: Advance | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task.__exit__(kind, error, traceback)

    def start(self, phase: str, total: int) -> Advance:
        """Close the current task and open the one of this phase."""
        self._task.close()
        task = self.progress.task(f"{phase} {self.subject}", total)
        self._phase, self._advance = phase, self._task.enter_context(task)
        return self._advance

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Report `done` of `total` steps of a phase."""
        advance = self._advance
        if advance is None or phase != self._phase:
            advance = self.start(phase, total)
        advance(done)
