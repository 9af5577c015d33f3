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
from typing import Annotated, Any, Literal

import typer

from ..config import Config, Objective, Preset, parameters
from . import commands
from .commands import Factor, Label, Model
from .terminal import end_on_request, going_on, make_log, print_metrics
from .terminal import progress as progress_on

EXTRAS = {
    "onnx": "onnx",
    "onnxscript": "onnx",
    "onnxruntime": "onnx",
    "soundfile": "audio",
    "librosa": "audio",
}
EXTRAS |= {
    "PIL": "files",
    "datasets": "hf",
    "charset_normalizer": "files",
    "accelerate": "processes",
    "ray": "ray",
}

app: typer.Typer = typer.Typer(
    help="You have data and one label that explains part of it; wvae gives you the rest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app: typer.Typer = typer.Typer(
    help="Data sets: what there is, and download.", no_args_is_help=True
)
app.add_typer(data_app, name="data")


def with_hyper_parameters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one flag for every field of `Config`, so that each is written down in one place only."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    flags = []
    for spec in parameters():
        if spec.name in ("random_state", "kind"):  # --seed; and the data say what kind they are
            continue
        kind = Literal[spec.choices] if spec.choices else spec.type
        flag, switch = f"--{spec.name.replace('_', '-')}", kind is bool
        option = typer.Option(
            f"{flag}/--no-{flag[2:]}" if switch else flag,
            help=f"{spec.description} (best: {('off', 'on')[spec.default] if switch else spec.default})",
            # Switches stand apart: the column for their second names would leave the others too little room.
            rich_help_panel="Hyper-parameters that are on or off" if switch else "Hyper-parameters",
            show_default=False,
        )
        flags.append(
            inspect.Parameter(
                spec.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind | None, option],
            )
        )
    command.__signature__ = signature.replace(parameters=own + flags)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in own + flags} | {"return": None}
    return command


@app.command()
@with_hyper_parameters
def reproduce(
    which: Annotated[
        Literal["plane", "writers", "all", "worlds"],
        typer.Argument(
            help="Experiment I, Experiment II, or both; or digits, speech and scenes side by side."
        ),
    ] = "all",
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Data set; see `wvae data list`. For worlds again for more, also fsdd/speaker.",
            show_default="handwriting",
        ),
    ] = None,
    preset: Annotated[
        Preset,
        typer.Option(
            help="article: the notebook to the letter; quick: its loss in a tenth of the steps."
        ),
    ] = "best",
    objective: Annotated[
        Objective | None,
        typer.Option(help="The notebook's three variants. (default: the preset's)"),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="How often Experiment II is repeated.")] = 10,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the first trial and of everything else.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder to make. (default: runs/WHICH-DATA-PRESET)")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the folder if it is there.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print the report's path and nothing else.")
    ] = False,
    **changes: Any,
) -> None:
    """Run the article's two experiments, or three worlds side by side; ends with the path of a report.

    Over more than 20,000 images the preset best makes fewer passes in Experiment I, unless --epochs says how many.
    An interrupted run goes on where it stopped when the same command is given again.
    """
    config = _config(preset, objective, seed, changes)
    if which != "worlds" and data and len(data) > 1:
        raise ValueError(
            f"--data came {len(data)} times, expected once: only `wvae reproduce worlds` takes more"
        )
    named = data or (["handwriting"] if which != "worlds" else [])
    out = out or Path("runs") / "-".join(filter(None, [which, *named, preset, objective])).replace(
        "/", "-"
    )

    from .. import datasets
    from ..experiments.reproduce import reproduce as run
    from ..experiments.worlds import DATA_SETS, reproduce_worlds

    loaded = [datasets.load(name, progress=not quiet) for name in named or DATA_SETS]
    about: dict[str, Any] = {
        "title": f"preset {preset}" + (f", objective {objective}" if objective else ""),
        "command": shlex.join(["wvae", *sys.argv[1:]]),
    }
    with going_on(out, quiet), progress_on(quiet) as progress:
        about |= {"progress": progress, "overwrite": overwrite}
        if which == "worlds":
            folder = reproduce_worlds(loaded, config, out, **about)
        else:
            # Who says how many passes gets them; the notebook's presets have their own.
            brief = preset == "best" and changes["epochs"] is None
            folder = run(which, loaded[0], config, out, trials=trials, brief=brief, **about)
    print(folder / "report.html")


@app.command()
@with_hyper_parameters
def fit(
    data: Annotated[str, typer.Argument(help="Data set of `wvae data list`, or a path.")],
    label: Annotated[
        str | None,
        typer.Option(
            help="Column of the label. (default: label, y, target or class)", metavar="NAME"
        ),
    ] = None,
    factor: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of a hidden factor, not to be learnt from, again for more.", metavar="NAME"
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Bring images to squares of N pixels.", metavar="N")
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="Bring sounds to HZ samples per second.", metavar="HZ")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Model folder to make. (default: models/DATA-PRESET)")
    ] = None,
    preset: Annotated[
        Preset,
        typer.Option(
            help="article: the notebook to the letter; quick: its loss in a tenth of the steps."
        ),
    ] = "best",
    objective: Annotated[
        Objective | None,
        typer.Option(help="The notebook's three variants. (default: the preset's)"),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0, help="Seed of everything, also of the test rows if the data leave it open."
        ),
    ] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model folder if it is there.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with a training that was interrupted, and do not begin a new one.",
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print the folder's path and nothing else.")
    ] = False,
    **changes: Any,
) -> None:
    """Train a model on the train rows of data; ends with the path of a model folder.

    DATA is a data set by name, or your own: a folder of images or sounds with one sub-folder for each class, or with a
    table of labels; a .csv, .tsv or .parquet; an .npz; an .npy with its labels beside it.

    An interrupted training goes on where it stopped when the same command is given again. Several processes share it
    under ``torchrun --nproc-per-node N -m wvae fit ...`` or ``accelerate launch -m wvae fit ...``.
    """
    config = _config(preset, objective, seed, changes)
    first = os.environ.get("RANK", "0") == "0"  # of the processes that a launcher may have started
    quiet = quiet or not first
    stem = Path(data).resolve().name if Path(data).is_dir() else Path(data).stem
    out = out or Path("models") / "-".join(filter(None, [stem, preset, objective]))

    from .. import datasets
    from ..workflows.fit import fit_to_folder

    loaded = datasets.open_data(
        data,
        label=label,
        factors=factor or (),
        size=size,
        rate=rate,
        log=make_log(quiet),
        progress=not quiet,
    )
    with going_on(out, quiet), progress_on(quiet) as progress:
        fit_to_folder(loaded, config, out, progress=progress, overwrite=overwrite, resume=resume)
    if first:
        print(out)


@app.command()
def measure(
    model: Model,
    data: Annotated[
        str, typer.Argument(help="Data set or path; its test rows must be new to the model.")
    ],
    label: Label = None,
    factor: Factor = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of test rows and probes. (default: the model's)")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for all figures.")] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print the verdict and nothing else.")
    ] = False,
) -> None:
    """Measure how clean a model's split is, what each code knows, and what swapping and searching are worth.

    Ends with a verdict in plain words. Every figure stands beside what a guess would give.
    """
    if out is not None and out.is_dir():
        raise ValueError(f"--out {out} is a folder, expected a file such as {out / 'metrics.json'}")
    from ..io.files import write_json
    from ..reporting.summary import verdict
    from ..workflows.inputs import training_rows_warning
    from ..workflows.measure import measure as run

    estimator, loaded = commands.opened(model, data, label, factor, quiet)
    seed = estimator.config_.random_state if seed is None else seed
    with progress_on(quiet) as progress:
        found = run(estimator, loaded, factors=factor or None, seed=seed, progress=progress)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json(out, found)
    if not quiet:
        print_metrics(found, loaded.label_name)
    doubt = training_rows_warning(model, loaded, seed)
    for line in [*verdict(found, loaded.label_name), *([doubt] if doubt else [])]:
        print(line)


for command in (commands.encode, commands.cluster, commands.swap, commands.export):
    app.command()(command)


@data_app.command("list")
def list_data() -> None:
    """Show every data set: what it is, how big, its licence, and whether it is here."""
    from rich.console import Console
    from rich.table import Table

    from ..datasets.catalogue import status

    table = Table(box=None, pad_edge=False)
    for column in ("name", "what", "size", "licence", "here"):
        table.add_column(column, no_wrap=column == "name")
    for row in status():
        here = "built in" if row.path is None else str(row.path) if row.cached else "not yet"
        table.add_row(row.name, row.summary, row.size, row.licence, here)
    Console().print(table)


@data_app.command("get")
def get_data(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Data sets to download and check.")
    ],
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars.")] = False,
) -> None:
    """Download data sets into the cache (WVAE_CACHE) and check them; WVAE_MIRROR names a mirror for closed networks."""
    from .. import datasets

    for name in names:
        loaded = datasets.load(name, progress=not quiet)
        factors = f", factors: {', '.join(loaded.factors)}" if loaded.factors else ""
        print(
            f"{name}: {len(loaded):,} examples of shape {loaded.shape}, {len(loaded.classes)} labels{factors}"
        )


@app.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(help="The original notebook's Chainer .model file.")],
    out: Annotated[Path, typer.Argument(help="Model folder to write.")],
) -> None:
    """Turn a .model file of the original notebook into a model folder."""
    from ..estimator import import_original

    import_original(file).save(out)
    print(out)


def _config(
    preset: Preset, objective: Objective | None, seed: int, changes: dict[str, Any]
) -> Config:
    chosen = {name: value for name, value in changes.items() if value is not None}
    return Config.preset(preset, objective, random_state=seed, **chosen)


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
    # ten times slower. A short spin costs 5 % on an idle machine, 20 % in bfloat16 (docs/speed.md). The numerical
    # libraries read this once, when they are loaded, which has not happened yet.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    end_on_request()
    try:
        with _warnings_in_one_line():
            app(standalone_mode=True)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("wvae"):
            raise
        extra = EXTRAS.get(error.name.partition(".")[0], "report")
        print(
            f"wvae: the package {error.name} is not installed: pip install 'wvae[{extra}]'",
            file=sys.stderr,
        )
        sys.exit(2)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        known = type(error).__module__.startswith("wvae") or isinstance(
            error, ValueError | TypeError | OSError
        )
        if not known:
            raise
        print(f"wvae: {error}", file=sys.stderr)
        sys.exit(2)
