"""The command line: parsing and progress only; the work is done by public Python calls."""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .config import Config, Objective, Preset, parameters

if TYPE_CHECKING:
    from .experiments.run import Advance

app: typer.Typer = typer.Typer(
    help="You have data and one label that explains part of it; wvae gives you the rest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app: typer.Typer = typer.Typer(help="Data sets: what there is, and download.", no_args_is_help=True)
app.add_typer(data_app, name="data")


def with_hyper_parameters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one flag for every field of `Config`, so that each is written down in one place only."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    flags = []
    for spec in parameters():
        if spec.name == "random_state":  # --seed
            continue
        kind = Literal[spec.choices] if spec.choices else spec.type
        option = typer.Option(
            f"--{spec.name.replace('_', '-')}",
            help=f"{spec.meaning} (best: {spec.default})",
            rich_help_panel="Hyper-parameters",
            show_default=False,
        )
        flags.append(
            inspect.Parameter(
                spec.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
            )
        )
    command.__signature__ = signature.replace(parameters=own + flags)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in own + flags} | {"return": None}
    return command


@app.command()
@with_hyper_parameters
def reproduce(
    which: Annotated[
        Literal["plane", "writers", "all"], typer.Argument(help="Experiment I, Experiment II, or both.")
    ] = "all",
    data: Annotated[str, typer.Option(help="Data set; see `wvae data list`.")] = "handwriting",
    preset: Annotated[Preset, typer.Option(help="article: the notebook to the letter.")] = "best",
    objective: Annotated[
        Objective | None, typer.Option(help="The notebook's three variants. [default: the preset's]")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="How often Experiment II is repeated.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first draw and of everything else.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder to make. [default: runs/WHICH-DATA-PRESET]")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder if it is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the report's path and nothing else.")] = False,
    **changes: Any,
) -> None:
    """Run the article's two experiments; ends with the path of a report.

    An interrupted run goes on where it stopped when the same command is given again.
    """
    chosen = {name: value for name, value in changes.items() if value is not None}
    config = Config.preset(preset, objective, random_state=seed, **chosen)
    out = out or Path("runs") / "-".join(filter(None, [which, data, preset, objective]))

    from . import datasets
    from .experiments import reproduce as run

    say = (lambda text: None) if quiet else (lambda text: print(text, file=sys.stderr))
    loaded = datasets.load(data, progress=not quiet)
    if out.with_name(out.name + ".partial").exists():
        say(f"there is an unfinished run in {out}.partial")
    title = f"preset {preset}" + (f", objective {objective}" if objective else "")
    command = shlex.join(["wvae", *sys.argv[1:]])
    try:
        with _progress(quiet) as progress:
            folder = run(
                which,
                loaded,
                config,
                out,
                draws=draws,
                title=title,
                command=command,
                progress=progress,
                overwrite=overwrite,
            )
    except KeyboardInterrupt:
        say(f"stopped; what is done is kept in {out}.partial: the same command goes on from there")
        raise typer.Exit(130) from None
    print(folder / "report.html")


@data_app.command("list")
def list_data() -> None:
    """Show every data set: what it is, how big, its licence, and whether it is here."""
    from rich.console import Console
    from rich.table import Table

    from .datasets.download import status

    table = Table(box=None, pad_edge=False)
    for column in ("name", "what", "size", "licence", "here"):
        table.add_column(column, no_wrap=column == "name")
    for row in status():
        here = "built in" if row.path is None else str(row.path) if row.cached else "not yet"
        table.add_row(row.name, row.what, row.size, row.licence, here)
    Console().print(table)


@data_app.command("get")
def get_data(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Data sets to download and check.")],
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars.")] = False,
) -> None:
    """Download data sets into the cache (WVAE_CACHE) and check them; WVAE_MIRROR names a mirror for closed networks."""
    from . import datasets

    for name in names:
        loaded = datasets.load(name, progress=not quiet)
        factors = f", factors: {', '.join(loaded.factors)}" if loaded.factors else ""
        print(f"{name}: {len(loaded):,} examples of shape {loaded.shape}, {len(loaded.classes)} labels{factors}")


@app.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(help="The original notebook's Chainer .model file.")],
    out: Annotated[Path, typer.Argument(help="Model folder to write.")],
) -> None:
    """Turn a .model file of the original notebook into a model folder."""
    from .original import import_original

    import_original(file).save(out)
    print(out)


class _Bars:
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
def _progress(quiet: bool) -> Generator[_Bars | None]:
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
        yield _Bars(bars)


def main() -> None:
    """Run the command line; what the user can mend is one line on stderr and exit code 2."""
    # Threads that wait for each other spin long by default; where another program wants a core, too, that made training
    # ten times slower. A short spin costs nothing on an idle machine. The numerical libraries read this once, when they
    # are loaded, which has not happened yet.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        app(standalone_mode=True)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("wvae"):
            raise
        print(f"wvae: the package {error.name} is not installed: pip install 'wvae[report]'", file=sys.stderr)
        sys.exit(2)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        known = type(error).__module__.startswith("wvae") or isinstance(error, ValueError | TypeError | OSError)
        if not known:
            raise
        print(f"wvae: {error}", file=sys.stderr)
        sys.exit(2)
