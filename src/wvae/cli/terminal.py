"""What the commands show on the terminal: results on stdout, progress and remarks on stderr."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from ..evaluation.n_clusters import KSelection
    from ..workflows.progress import Advance


def make_log(quiet: bool) -> Callable[[str], None]:
    """Return a function that prints a remark on stderr, or nothing."""
    return (lambda text: None) if quiet else (lambda text: print(text, file=sys.stderr))


class Terminated(KeyboardInterrupt):
    """The system, or a scheduler, asked the program to end."""


def end_on_request() -> None:
    """Let SIGTERM, which schedulers and shutdowns send, end the program as Ctrl-C does: what is kept is said."""

    def end(number: int, frame: object) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, end)


@contextmanager
def going_on(out: Path, quiet: bool) -> Generator[None]:
    """Log what an interruption leaves in ``<out>.partial``, and that something was left there before."""
    log = make_log(quiet)
    partial = out.with_name(out.name + ".partial")
    if partial.exists():
        log(f"there is an unfinished run in {partial}")
    try:
        yield
    except KeyboardInterrupt as cause:
        kept = f"what is done is kept in {partial}: the same command goes on from there"
        log(f"stopped; {kept if partial.exists() else 'nothing was done yet'}")
        raise typer.Exit(
            128 + (signal.SIGTERM if isinstance(cause, Terminated) else signal.SIGINT)
        ) from None


def print_metrics(found: dict[str, float], label: str) -> None:
    """Show all figures of `wvae measure`, in groups."""
    from rich.console import Console
    from rich.table import Table

    from ..reporting.summary import GROUPS, rows

    console, lines = Console(), rows(found)
    for group, title in GROUPS.items():
        console.print(title.format(label=label), style="bold")
        table = Table(box=None, pad_edge=False)
        for column in ("", "value", "chance", "95 % interval"):
            table.add_column(
                column,
                justify="right" if column else "left",
                no_wrap=True,
                min_width=7 if column else 34,
            )
        for row in (row for row in lines if row.group == group):
            value = f"{row.value:,.0f}" if row.name.endswith("people") else f"{row.value:.3f}"
            chance = "" if row.chance is None else f"{row.chance:.3f}"
            table.add_row(
                row.name,
                value,
                chance,
                f"{row.interval[0]:.3f}–{row.interval[1]:.3f}" if row.interval else "",
            )
        console.print(
            table if table.row_count else "nothing: the data know no writer or other category"
        )
        console.print()


def print_selection(selection: KSelection) -> None:
    """Show every number of clusters that was tried, and which was chosen."""
    from rich.console import Console

    table = numbers("k", "silhouette", "no clusters", "stability", "")
    for candidate in selection.candidates:
        scores = candidate.silhouette, candidate.reference_silhouette, candidate.stability
        cells = ["–" if score == -1 else f"{score:.3f}" for score in scores]
        is_selected = candidate.k == selection.k
        note = ("chosen" if selection.has_structure else "nearest") if is_selected else ""
        table.add_row(str(candidate.k), *cells, note)
    Console().print(table)


def print_scores(scores: dict[str, dict[str, float]], chance: dict[str, dict[str, float]]) -> None:
    """Show how well clusters agree with each factor, next to a random assignment."""
    from rich.console import Console

    table = numbers("agreement with", "purity", "ARI", "AMI")
    for name, found in scores.items():
        table.add_row(name, *(f"{value:.3f}" for value in found.values()))
        table.add_row(
            "  at random", *(f"{value:.3f}" for value in chance[name].values()), style="dim"
        )
    Console().print(table)


def numbers(first: str, *columns: str) -> Table:
    """Return an empty table whose columns but the first are of numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


class Bars:
    """The experiments' `Progress`, drawn by Rich on stderr."""

    def __init__(self, bars: Any) -> None:
        self.bars = bars

    @contextmanager
    def task(self, name: str, total: int) -> Generator[Advance]:
        """Show a bar while the task runs."""
        bar = self.bars.add_task(name, total=total)
        yield lambda done: self.bars.update(bar, completed=done)
        self.bars.update(bar, completed=total)


@contextmanager
def progress(quiet: bool) -> Generator[Bars | None]:
    """Show progress bars on stderr, or none."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield Bars(bars)
