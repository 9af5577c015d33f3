"""Progress of long work: tasks with a total, shown on the terminal or elsewhere."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Protocol, Self

Advance = Callable[[int], None]  # takes the number of steps done so far
Later = Callable[[], float]  # returns the seconds that work will take after the current task


class Progress(Protocol):
    """Shows tasks; a task is a context manager that yields an `Advance`."""

    def task(
        self, name: str, total: int, later: Later | None = None
    ) -> AbstractContextManager[Advance]:
        """Open a task of `total` steps, with the time of the tasks to come if it is known."""
        ...


class Silent:
    """A `Progress` that shows nothing."""

    @contextmanager
    def task(self, name: str, total: int, later: Later | None = None) -> Generator[Advance]:
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
    def task(self, name: str, total: int, later: Later | None = None) -> Generator[Advance]:
        """Open a task and add its duration to those of its kind."""
        started = time.monotonic()
        kind = re.sub(r"-\d.*|\(.*", "", name).strip()
        with self.shown.task(name, total, later) as advance:
            yield advance
        self.seconds[kind] = self.seconds.get(kind, 0.0) + time.monotonic() - started


class Phases:
    """Shows the phases of one piece of work, one task after the other, and measures them.

    The first report of a new phase closes the task of the phase before.

    Parameters
    ----------
    progress
        Shows the tasks.
    subject
        Ends the name of every task, such as ``"plane"`` in ``"training plane"``.
    expected
        Returns the seconds that each later phase will take, by name, given the seconds of the first
        phase's steps. The phases come in this order, after the first one.

    Attributes
    ----------
    seconds
        Duration of each phase that has ended, by name.

    Examples
    --------
    >>> with Phases(Silent(), "data", lambda step: {"sewing": 2 * step}) as phases:
    ...     advance = phases.start("cutting", 5)
    ...     advance(5)
    ...     phases("sewing", 1, 2)
    >>> list(phases.seconds)
    ['cutting', 'sewing']
    """

    def __init__(
        self,
        progress: Progress,
        subject: str,
        expected: Callable[[float], dict[str, float]] | None = None,
    ) -> None:
        self.progress, self.subject, self.expected = progress, subject, expected
        self.seconds: dict[str, float] = {}
        self._phase = ""
        self._task = ExitStack()
        self._advance: Advance | None = None
        self._started = 0.0
        self._first_step = 0.0  # seconds of a step of the first phase; 0 before there is one

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._note_duration()
        self._task.__exit__(kind, error, traceback)

    def start(self, phase: str, total: int) -> Advance:
        """Close the current task and open the one of this phase."""
        self._note_duration()
        self._task.close()
        is_first = not self.seconds
        task = self.progress.task(f"{phase} {self.subject}", total, self._later)
        self._phase, self._started = phase, time.monotonic()
        advance = self._task.enter_context(task)
        before: int | None = None  # steps done earlier, if a training resumes

        def count(done: int) -> None:
            nonlocal before
            before = done - 1 if before is None else before
            if is_first and done > before:
                self._first_step = (time.monotonic() - self._started) / (done - before)
            advance(done)

        self._advance = count
        return count

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Report `done` of `total` steps of a phase."""
        advance = self._advance
        if advance is None or phase != self._phase:
            advance = self.start(phase, total)
        advance(done)

    def _later(self) -> float:
        """Return the seconds that the phases after the current one will take."""
        if self.expected is None or not self._first_step:
            return 0.0
        expected = self.expected(self._first_step)
        names = list(expected)
        passed = names.index(self._phase) + 1 if self._phase in names else 0
        return sum(expected[name] for name in names[passed:])

    def _note_duration(self) -> None:
        """Add the duration of the current phase, if there is one."""
        if self._phase:
            seconds = time.monotonic() - self._started
            self.seconds[self._phase] = self.seconds.get(self._phase, 0.0) + seconds
