"""Terminal output: results on stdout; messages and warnings on stderr."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .flags import in_flags

if TYPE_CHECKING:
    from rich.table import Table

    from ..evaluation.n_clusters import KSelection
    from ..reporting.summary import Row


def make_log(quiet: bool) -> Callable[[str], None]:
    """Return a function that prints a message on stderr, or does nothing if `quiet`."""
    return _discard if quiet else _print_on_stderr


def _print_on_stderr(message: str) -> None:
    print(message, file=sys.stderr)


def _discard(message: str) -> None:
    """Ignore a message."""


# ---------------------------------------------------------------------- signals and warnings


class Interrupted(KeyboardInterrupt):
    """The process received SIGINT.

    Python remembers a plain KeyboardInterrupt that passes through code run from a string, such as
    the definition of a dataclass during an import, and then ends the process by the signal instead
    of its exit code, even if the exception was handled. It does not do so for a subclass.
    """


class Terminated(KeyboardInterrupt):
    """The process received SIGTERM."""


def handle_signals() -> None:
    """Make SIGINT and SIGTERM stop the program in the same clean way.

    SIGTERM comes from schedulers and at shutdown. A shell starts background jobs with SIGINT
    ignored, and Python then installs no handler of its own; with this one, ``kill -INT`` still
    stops such a job.
    """

    def interrupt(number: int, frame: object) -> None:
        raise Interrupted

    def terminate(number: int, frame: object) -> None:
        raise Terminated

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, terminate)


@contextmanager
def report_interrupt(out: Path, quiet: bool) -> Generator[None]:
    """Report an unfinished run in ``<out>.partial``: an earlier one, and one that is interrupted.

    An interruption ends the program with exit code 130 (SIGINT) or 143 (SIGTERM).
    """
    from ..io.files import sibling

    log = make_log(quiet)
    partial = sibling(out, ".partial")
    if partial.exists():
        log(f"there is an unfinished run in {partial}")
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if partial.exists():
            log(f"stopped; progress is saved in {partial}: run the same command again to continue")
        else:
            log("stopped; there was no progress to save yet")
        raise typer.Exit(_exit_code(interrupt)) from None


@contextmanager
def report_stop(quiet: bool) -> Generator[None]:
    """Report that a program with nothing to save was stopped; see `report_interrupt`."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        make_log(quiet)("stopped")
        raise typer.Exit(_exit_code(interrupt)) from None


def _exit_code(interrupt: KeyboardInterrupt) -> int:
    """Return the exit code of a program that a signal stopped, as shells have it."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


@contextmanager
def short_warnings() -> Generator[None]:
    """Print each warning meant for users as one line, without Python's file, line and source.

    It names flags where Python names hyper-parameters.
    """
    show_by_default = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
        # Warnings about code, such as a DeprecationWarning, keep Python's form.
        if issubclass(category, UserWarning):
            text = " ".join(str(message).split())
            print(f"wvae: warning: {in_flags(text)}", file=sys.stderr)
        else:
            show_by_default(message, category, *place, **options)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = show_by_default


# ---------------------------------------------------------------------- tables


def print_metrics(metrics: dict[str, float], label: str) -> None:
    """Print all figures of `wvae measure`, one table per group."""
    from rich.console import Console

    from ..reporting.summary import GROUPS, rows

    console = Console()
    lines = rows(metrics)
    for group, title in GROUPS.items():
        console.print(title.format(label=label), style="bold")
        in_group = [line for line in lines if line.group == group]
        if in_group:
            console.print(_metrics_table(in_group))
        else:
            console.print("nothing: the data have no categorical factor")
        console.print()


def _metrics_table(lines: list[Row]) -> Table:
    """Return a table of name, value, chance and interval."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True, min_width=34)
    for column in ("value", "chance", "95 % interval"):
        table.add_column(column, justify="right", no_wrap=True, min_width=7)
    for line in lines:
        is_count = line.name.endswith("people")
        value = f"{line.value:,.0f}" if is_count else f"{line.value:.3f}"
        chance = "" if line.chance is None else f"{line.chance:.3f}"
        interval = "" if line.interval is None else "{:.3f}–{:.3f}".format(*line.interval)
        table.add_row(line.name, value, chance, interval)
    return table


def print_selection(selection: KSelection) -> None:
    """Print the scores of every number of clusters that was tried, and which was chosen."""
    from rich.console import Console

    table = _table_of_numbers("k", "silhouette", "no clusters", "stability", "")
    for candidate in selection.candidates:
        scores = candidate.silhouette, candidate.reference_silhouette, candidate.stability
        cells = ["–" if score == -1 else f"{score:.3f}" for score in scores]
        is_selected = candidate.k == selection.k
        note = ("chosen" if selection.has_structure else "nearest") if is_selected else ""
        table.add_row(str(candidate.k), *cells, note)
    Console().print(table)


Scores = dict[str, dict[str, float]]


def print_scores(scores: Scores, chance: Scores, baselines: dict[str, Scores]) -> None:
    """Print how well clusters agree with each factor, next to baselines and a random assignment."""
    from rich.console import Console

    from ..evaluation.baselines import TITLES

    table = _table_of_numbers("agreement with", "purity", "ARI", "AMI")
    for name, values in scores.items():
        table.add_row(name, *_three_digits(values))
        for baseline, of_baseline in baselines.items():
            table.add_row(f"  {TITLES[baseline]}", *_three_digits(of_baseline[name]))
        table.add_row("  at random", *_three_digits(chance[name]), style="dim")
    Console().print(table)


def _three_digits(values: dict[str, float]) -> list[str]:
    return [f"{value:.3f}" for value in values.values()]


def _table_of_numbers(first: str, *columns: str) -> Table:
    """Return an empty table; all columns except the first hold numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
