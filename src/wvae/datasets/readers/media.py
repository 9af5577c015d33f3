"""What images and sounds have in common: where their bytes come from, progress, and files that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from ..messages import Log, preview

__all__ = ["Content", "MediaSource", "progress_bar", "report_unreadable"]

Content = bytes | Path | None  # the bytes of a file, the path of one, or nothing
MediaSource = Callable[
    [], Iterable[tuple[str, Content]]
]  # yields name and content of each file, anew on every call

MAX_UNREADABLE = 0.01  # share of unreadable files from which on the data are rejected


def report_unreadable(reasons: dict[str, str], n: int, where: str, log: Log) -> None:
    """Log the files that are left out because they cannot be read, or reject the data if they are many.

    Parameters
    ----------
    reasons
        Why a file cannot be read, by its name.
    n
        How many files there are in all.
    where
        The name of the data in messages.
    log
        Called with one line.

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
            f"{where}: {len(reasons):,} of {n:,} files cannot be read: {named}: repair or remove them"
        )
    log(f"left out: {len(reasons):,} of {n:,} files, which cannot be read: {named}")


@contextmanager
def progress_bar(title: str, total: int, shown: bool) -> Generator[Callable[[], object]]:
    """Show a progress bar on stderr and yield the function that advances it by one."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(
        console=console, transient=True, disable=not (shown and console.is_terminal)
    ) as bars:
        task = bars.add_task(title, total=total)
        yield lambda: bars.advance(task)
