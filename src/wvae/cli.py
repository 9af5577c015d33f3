"""The command line: parsing and progress only; the work is done by public Python calls."""

from __future__ import annotations

import inspect
import os
import shlex
import sys
import warnings
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
        Objective | None, typer.Option(help="The notebook's three variants. (default: the preset's)")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="How often Experiment II is repeated.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first draw and of everything else.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder to make. (default: runs/WHICH-DATA-PRESET)")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder if it is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the report's path and nothing else.")] = False,
    **changes: Any,
) -> None:
    """Run the article's two experiments; ends with the path of a report.

    An interrupted run goes on where it stopped when the same command is given again.
    """
    config = _config(preset, objective, seed, changes)
    out = out or Path("runs") / "-".join(filter(None, [which, data, preset, objective]))

    from . import datasets
    from .experiments import reproduce as run

    loaded = datasets.load(data, progress=not quiet)
    title = f"preset {preset}" + (f", objective {objective}" if objective else "")
    command = shlex.join(["wvae", *sys.argv[1:]])
    with _going_on(out, quiet), _progress(quiet) as progress:
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
    print(folder / "report.html")


@app.command()
@with_hyper_parameters
def fit(
    data: Annotated[str, typer.Argument(help="Data set; see `wvae data list`.")],
    out: Annotated[Path | None, typer.Option(help="Model folder to make. (default: models/DATA-PRESET)")] = None,
    preset: Annotated[Preset, typer.Option(help="article: the notebook to the letter.")] = "best",
    objective: Annotated[
        Objective | None, typer.Option(help="The notebook's three variants. (default: the preset's)")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of everything, also of the test rows if the data leave it open.")
    ] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model folder if it is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the folder's path and nothing else.")] = False,
    **changes: Any,
) -> None:
    """Train a model on the train rows of a data set; ends with the path of a model folder.

    An interrupted training goes on where it stopped when the same command is given again.
    """
    config = _config(preset, objective, seed, changes)
    out = out or Path("models") / "-".join(filter(None, [data, preset, objective]))

    from . import datasets
    from .experiments.training import fit_to_folder

    loaded = datasets.load(data, progress=not quiet)
    with _going_on(out, quiet), _progress(quiet) as progress:
        fit_to_folder(loaded, config, out, progress=progress, overwrite=overwrite)
    print(out)


@app.command()
def measure(
    model: Annotated[Path, typer.Argument(help="Model folder, as `wvae fit` makes it.")],
    data: Annotated[str, typer.Argument(help="Data set; its test rows must be new to the model.")],
    factor: Annotated[
        list[str] | None, typer.Option(help="Hidden factor to look for, again for more. (default: all)")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of test rows and probes. (default: the model's)")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for all figures.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the verdict and nothing else.")] = False,
) -> None:
    """Measure how clean a model's split is, what each code knows, and what swapping and searching are worth.

    Ends with a verdict in plain words. Every figure stands beside what a guess would give.
    """
    if out is not None and out.is_dir():
        raise ValueError(f"--out {out} is a folder, expected a file such as {out / 'metrics.json'}")
    from . import datasets, load
    from .experiments.measure import measure as run
    from .experiments.training import doubt_about_rows
    from .storage import write_json
    from .verdict import verdict

    estimator = load(str(model))
    loaded = datasets.load(data, progress=not quiet)
    seed = estimator.config_.random_state if seed is None else seed
    with _progress(quiet) as progress:
        found = run(estimator, loaded, factors=factor or None, seed=seed, progress=progress)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json(out, found)
    if not quiet:
        _print_metrics(found, loaded.label_name)
    doubt = doubt_about_rows(model, loaded, seed)
    for line in [*verdict(found, loaded.label_name), *([doubt] if doubt else [])]:
        print(line)


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


def _config(preset: Preset, objective: Objective | None, seed: int, changes: dict[str, Any]) -> Config:
    chosen = {name: value for name, value in changes.items() if value is not None}
    return Config.preset(preset, objective, random_state=seed, **chosen)


@contextmanager
def _going_on(out: Path, quiet: bool) -> Generator[None]:
    """Say what an interruption leaves in ``<out>.partial``, and that something was left there before."""
    say = (lambda text: None) if quiet else (lambda text: print(text, file=sys.stderr))
    partial = out.with_name(out.name + ".partial")
    if partial.exists():
        say(f"there is an unfinished run in {partial}")
    try:
        yield
    except KeyboardInterrupt:
        kept = f"what is done is kept in {partial}: the same command goes on from there"
        say(f"stopped; {kept if partial.exists() else 'nothing was done yet'}")
        raise typer.Exit(130) from None


def _print_metrics(found: dict[str, float], label: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from .verdict import GROUPS, rows

    console, lines = Console(), rows(found)
    for group, title in GROUPS.items():
        console.print(title.format(label=label), style="bold")
        table = Table(box=None, pad_edge=False)
        for column in ("", "value", "chance", "95 % interval"):
            table.add_column(column, justify="right" if column else "left", no_wrap=True, min_width=7 if column else 34)
        for row in (row for row in lines if row.group == group):
            value = f"{row.value:,.0f}" if row.name.endswith("people") else f"{row.value:.3f}"
            chance = "" if row.chance is None else f"{row.chance:.3f}"
            table.add_row(
                row.name, value, chance, f"{row.interval[0]:.3f}–{row.interval[1]:.3f}" if row.interval else ""
            )
        console.print(table if table.row_count else "nothing: the data know no writer or other category")
        console.print()


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


@contextmanager
def _warnings_in_one_line() -> Generator[None]:
    """Tell warnings that are meant for users without Python's file, line and source."""
    pythons = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        # Subclasses of other libraries, too, but nothing about code, such as a DeprecationWarning.
        if issubclass(category, UserWarning):
            print(f"wvae: warning: {' '.join(str(message).split())}", file=sys.stderr)
        else:
            pythons(message, category, *where, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = pythons


def main() -> None:
    """Run the command line; what the user can mend is one line on stderr and exit code 2."""
    # Threads that wait for each other spin long by default; where another program wants a core, too, that made training
    # ten times slower. A short spin costs nothing on an idle machine. The numerical libraries read this once, when they
    # are loaded, which has not happened yet.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        with _warnings_in_one_line():
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
