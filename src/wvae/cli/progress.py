"""Progress bars on stderr: a `wvae.workflows.progress.Progress`."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, Task

    from ..workflows.progress import Advance, Later

# Speed and remaining time are estimated from the last hour: an epoch can take many minutes, and
# Rich's default of 30 seconds would leave it without an estimate.
SPEED_WINDOW = 3600.0


class ProgressBars:
    """Shows the tasks of a run as Rich progress bars."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars

    @contextmanager
    def task(self, name: str, total: int, later: Later | None = None) -> Generator[Advance]:
        """Show a bar with the rate and the remaining time, also of later tasks, while it runs."""
        bar = self.bars.add_task(name, total=total, rate="", left="-:--:--")

        def show_left(task: Task) -> None:
            left = format_left(task.time_remaining, later() if later else 0.0)
            self.bars.update(bar, rate=format_rate(task.speed), left=left)

        def advance(done: int) -> None:
            self.bars.update(bar, completed=done)
            show_left(next(task for task in self.bars.tasks if task.id == bar))

        yield advance
        advance(total)


def format_rate(speed: float | None) -> str:
    """Return steps per second, or seconds per step where these are below 1, in words.

    >>> format_rate(12_345.6), format_rate(2.04), format_rate(0.25), format_rate(None)
    ('12,346 it/s', '2.0 it/s', '4.0 s/it', '')
    """
    if not speed:
        return ""
    if speed >= 100:
        return f"{speed:,.0f} it/s"
    return f"{speed:.1f} it/s" if speed >= 1 else f"{1 / speed:.1f} s/it"


def format_left(seconds: float | None, later: float) -> str:
    """Return the time left of a task and of the tasks after it.

    >>> format_left(5.2, 0.0), format_left(5.2, 90.0), format_left(None, 90.0)
    ('0:00:05', '0:01:35', '-:--:--')
    """
    return "-:--:--" if seconds is None else str(timedelta(seconds=int(seconds + later)))


@contextmanager
def progress_bars(quiet: bool) -> Generator[ProgressBars | None]:
    """Show progress bars on stderr, or none if `quiet`."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left {task.fields[left]}"),
    )
    # Notebooks set FORCE_COLOR, which makes Rich take any pipe for a terminal: thousands of lines.
    stderr = Console(stderr=True, force_terminal=sys.stderr.isatty())
    with Progress(*columns, console=stderr, speed_estimate_period=SPEED_WINDOW) as bars:
        yield ProgressBars(bars)
