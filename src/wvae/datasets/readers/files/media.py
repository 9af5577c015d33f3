"""Shared by the readers of images and sounds: sources of files, progress, unreadable files."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from ...messages import Log, preview

__all__ = ["Content", "MediaSource", "progress_bar", "report_unreadable"]

Content = bytes | Path | None  # the bytes of a file, its path, or None if it is missing
# Yields the name and the content of each file; every call starts again at the first file.
MediaSource = Callable[[], Iterable[tuple[str, Content]]]

MAX_UNREADABLE = 0.01  # fraction of unreadable files at which the data are rejected


def report_unreadable(reasons: dict[str, str], n: int, where: str, log: Log) -> None:
    """Log the unreadable files, which are left out; reject the data if there are many.

    Parameters
    ----------
    reasons
        Why a file cannot be read, by file name.
    n
        Number of all files.
    where
        Name of the data for messages.
    log
        Called with one line if any file is unreadable.

    Raises
    ------
    ValueError
        If 1 % of the files or more cannot be read.
    """
    if not reasons:
        return
    named = preview([f"{name} ({reason})" for name, reason in reasons.items()], quote=False)
    if len(reasons) >= MAX_UNREADABLE * n:
        raise ValueError(
            f"{where}: {len(reasons):,} of {n:,} files cannot be read: {named}: replace or remove "
            "them"
        )
    log(f"left out: {len(reasons):,} of {n:,} files, which cannot be read: {named}")


@contextmanager
def progress_bar(title: str, total: int, shown: bool) -> Generator[Callable[[], object]]:
    """Show a progress bar on stderr and yield a function that advances it by one.

    Parameters
    ----------
    title
        Text in front of the bar.
    total
        Number of steps.
    shown
        Show the bar if stderr is a terminal.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    disable = not (shown and console.is_terminal)
    with Progress(console=console, transient=True, disable=disable) as bars:
        task = bars.add_task(title, total=total)
        yield lambda: bars.advance(task)
