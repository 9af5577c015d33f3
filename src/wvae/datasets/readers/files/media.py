"""Shared by the readers of images and sounds: sources of files, progress, unreadable files."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from ...messages import Log, preview

__all__ = ["Content", "MediaSource", "other_format", "progress_bar", "report_unreadable"]

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


def other_format(content: bytes | Path, kind: str) -> str:
    """Return what a file is that is not of a kind, by its first bytes, or "" if that is unknown.

    Parameters
    ----------
    content
        The bytes of the file, or its path.
    kind
        The expected kind, "an image" or "a sound".

    Examples
    --------
    >>> other_format(b"<html>", "a sound")
    'a web page (HTML), not a sound: download it again'
    """
    if isinstance(content, bytes):
        start = content[:64]
    else:
        with open(content, "rb") as file:
            start = file.read(64)
    if start.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return f"a web page (HTML), not {kind}: download it again"
    if start.startswith(b"version https://git-lfs"):
        return f"a pointer of Git LFS, not {kind}: run git lfs pull"
    if start.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "a TIFF that is not read: save it with 8 or 16 bits, and 1 or 3 channels"
    if start[4:8] == b"ftyp":
        brand = start[8:12].decode("ascii", "replace").strip()
        return f"{brand}, not read: convert it to {'PNG' if kind == 'an image' else 'WAV'}"
    return ""


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
