"""The command line. It parses and shows progress; the work is done by public Python calls."""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .. import __version__
from ..config import Config, Objective, Preset
from . import commands
from .clustering import cluster
from .explore import explore
from .flags import in_flags
from .options import (
    DropMissing,
    FactorFromName,
    HelpAll,
    LabelFromFolder,
    LabelFromName,
    ObjectiveOption,
    PresetOption,
    parse_formats,
    parse_levels,
    with_hyper_parameters,
)
from .progress import progress_bars
from .swapping import swap
from .terminal import handle_signals, make_log, report_interrupt, short_warnings

# The optional dependency group in pyproject.toml that installs a package, by module name.
EXTRAS = {
    "jinja2": "report",
    "matplotlib": "report",
    "openTSNE": "report",
    "pyarrow": "files",
    "PIL": "files",
    "charset_normalizer": "files",
    "datasets": "hf",
    "librosa": "audio",
    "soundfile": "audio",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "skimage": "scenes",
    "fontTools": "fonts",
    "accelerate": "processes",
    "ray": "ray",
    "starlette": "explore",
    "uvicorn": "explore",
    "umap": "umap",
    "huggingface_hub": "hub",
    "tensorboard": "tensorboard",
    "mlflow": "mlflow",
    "wandb": "wandb",
}

LONGEST = 390  # characters of an error message

app: typer.Typer = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
data_app: typer.Typer = typer.Typer(
    help="List the built-in data sets, or download them.", no_args_is_help=True
)
app.add_typer(data_app, name="data")


def _help_of(command: Callable[..., None]) -> str:
    """Return a docstring with one line per paragraph, because Typer keeps its line breaks."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _config(
    preset: Preset, objective: Objective | None, seed: int, changes: dict[str, Any]
) -> Config:
    """Return a preset with the hyper-parameters that the user gave."""
    given = {name: value for name, value in changes.items() if value is not None}
    return Config.preset(preset, objective, random_state=seed, **given)


# ---------------------------------------------------------------------- commands


@with_hyper_parameters
def reproduce(
    which: Annotated[
        Literal["plane", "writers", "all", "worlds"],
        typer.Argument(
            metavar="WHICH",
            help="plane: Experiment I. writers: Experiment II. all: both. worlds: images, speech "
            "and scenes side by side.",
        ),
    ] = "all",
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Data set of `wvae data list`; for worlds, repeat it for several.",
            show_default="handwriting",
            metavar="NAME",
        ),
    ] = None,
    preset: PresetOption = "best",
    objective: ObjectiveOption = None,
    trials: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of trials of Experiment II.")
    ] = 10,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Random seed; the first trial's seed.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder to write. (default: runs/WHICH-DATA-PRESET)"),
    ] = None,
    figures: Annotated[
        list[str] | None,
        typer.Option(
            metavar="svg|pdf",
            help="Also write every figure in this format, for a paper; svg,pdf for both.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace an existing run.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", metavar="", help="Print only the path of the report.")
    ] = False,
    help_all: HelpAll = False,
    **changes: Any,
) -> None:
    """Reproduce the article's experiments, or compare data sets; prints the path of a report.

    With the preset best and more than 20,000 images, Experiment I trains for fewer epochs unless
    you give --epochs. Run the same command again to continue an interrupted run.
    """
    config, figure_formats = _config(preset, objective, seed, changes), parse_formats(figures)
    if which != "worlds" and data and len(data) > 1:
        raise ValueError(
            f"--data is given {len(data)} times, expected once: only `wvae reproduce worlds` takes "
            "several"
        )
    names = data or ([] if which == "worlds" else ["handwriting"])
    parts = filter(None, [which, *names, preset, objective])
    out = out or Path("runs") / "-".join(parts).replace("/", "-")

    from .. import datasets
    from ..experiments.reproduce import reproduce as run
    from ..experiments.worlds import DATA_SETS, reproduce_worlds

    loaded = [datasets.load(name, progress=not quiet) for name in names or DATA_SETS]
    options: dict[str, Any] = {
        "title": f"preset {preset}" + (f", objective {objective}" if objective else ""),
        "command": shlex.join(["wvae", *sys.argv[1:]]),
        "overwrite": overwrite,
        "figure_formats": figure_formats,
    }
    with report_interrupt(out, quiet), progress_bars(quiet) as progress:
        if which == "worlds":
            folder = reproduce_worlds(loaded, config, out, progress=progress, **options)
        else:
            # The notebook's presets have their own number of epochs, as has a user who gives it.
            options["brief"] = preset == "best" and changes["epochs"] is None
            options |= {"trials": trials, "progress": progress}
            folder = run(which, loaded[0], config, out, **options)
    print(folder / "report.html")


@with_hyper_parameters
def fit(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Data set of `wvae data list`, or a path.")
    ],
    label: Annotated[
        str | None,
        typer.Option(
            help="Column of the label, or its name if folders or file names give it. (default: the "
            "only column called label, labels, y, target or class)",
            metavar="NAME",
        ),
    ] = None,
    factor: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of a hidden factor, not used in training, or a name for a level of "
            "folders that is not the label; repeat for several.",
            metavar="NAME",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="Resize images to N × N pixels; or the columns of a table are the pixels of such "
            "images.",
            metavar="N",
        ),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="Resample sounds to HZ samples per second.", metavar="HZ")
    ] = None,
    label_from_folder: LabelFromFolder = None,
    label_from_name: LabelFromName = None,
    factor_from_name: FactorFromName = None,
    drop_missing: DropMissing = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Model folder to write. (default: models/DATA-PRESET)"),
    ] = None,
    preset: PresetOption = "best",
    objective: ObjectiveOption = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Random seed; it also chooses the test rows if the data have no split.",
        ),
    ] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace an existing model folder.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            metavar="",
            help="Continue an interrupted training; fail if there is none.",
        ),
    ] = False,
    trackers: Annotated[
        list[str] | None,
        typer.Option(
            "--log",
            metavar="TRACKER",
            help="Also record the training in tensorboard, mlflow or wandb; repeat for several.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", metavar="", help="Print only the path of the folder.")
    ] = False,
    help_all: HelpAll = False,
    **changes: Any,
) -> None:
    """Train a model on the training rows of the data; prints the path of a model folder.

    DATA is the name of a data set, or your own data: a folder of images or sounds with one
    sub-folder per class (also below train/ and test/), with labels in the file names, or with a
    table of labels; a .csv, .tsv or .parquet file; an .npz file; an .npy file with its labels
    beside it; or a folder of .npy or .parquet files, or one of Hugging Face's save_to_disk. Lines
    on stderr say how the data are read. The model folder keeps this, so later commands need no
    --label and no --factor.

    The last lines on stderr are the accuracy of the label on held-out rows, beside chance, and the
    time of each phase. swaps.png in the folder shows every label in the style of held-out images
    or sounds.

    Run the same command again to continue an interrupted training. To train in several processes,
    start it with `torchrun --nproc-per-node N -m wvae fit ...` or
    `accelerate launch -m wvae fit ...`.
    """
    config = _config(preset, objective, seed, changes)
    is_first_process = os.environ.get("RANK", "0") == "0"  # set by torchrun and accelerate
    quiet = quiet or not is_first_process
    stem = Path(data).resolve().name if Path(data).is_dir() else Path(data).stem
    out = out or Path("models") / "-".join(filter(None, [stem, preset, objective]))

    from .. import datasets
    from ..workflows.fit import check_output, fit_to_folder
    from ..workflows.trackers import check_trackers

    check_output(out, overwrite=overwrite, resume=resume)  # before large data are read
    check_trackers(trackers or ())
    loaded = datasets.open_data(
        data,
        label=label,
        factors=factor or (),
        size=size,
        rate=rate,
        label_from_folder=parse_levels(label_from_folder),
        label_from_name=label_from_name,
        factors_from_name=factor_from_name or (),
        drop_missing=drop_missing,
        seed=seed,
        log=make_log(quiet),
        progress=not quiet,
    )
    with report_interrupt(out, quiet), progress_bars(quiet) as progress:
        options: dict[str, Any] = {"overwrite": overwrite, "resume": resume, "progress": progress}
        options |= {"source": data, "trackers": trackers or ()}
        fit_to_folder(loaded, config, out, **options, log=make_log(quiet))
    if is_first_process:
        print(out)


def list_data() -> None:
    """Show every data set: what it is, its size, its licence, and where it is stored."""
    from rich.console import Console
    from rich.table import Table

    from ..datasets.catalogue import status

    table = Table(box=None, pad_edge=False)
    for column in ("name", "what", "size", "licence", "stored"):
        table.add_column(column, no_wrap=column == "name")
    for row in status():
        stored = "built in" if row.path is None else str(row.path) if row.cached else "not yet"
        table.add_row(row.name, row.summary, row.size, row.licence, stored)
    Console().print(table)


def get_data(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Data sets to download and check.")
    ],
    quiet: Annotated[
        bool, typer.Option("--quiet", metavar="", help="Show no progress bars.")
    ] = False,
) -> None:
    """Download data sets into the cache and check them.

    The environment variable WVAE_CACHE names the cache folder, and WVAE_MIRROR a mirror to
    download from.
    """
    from .. import datasets

    for name in names:
        loaded = datasets.load(name, progress=not quiet)
        factors = f", factors: {', '.join(loaded.factors)}" if loaded.factors else ""
        size = f"{len(loaded):,} examples of shape {loaded.shape}, {len(loaded.classes)} labels"
        print(f"{name}: {size}{factors}")


def _print_version(value: bool) -> None:
    if value:
        print(f"wvae {__version__}")
        raise typer.Exit


@app.callback()
def _options_of_wvae(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            metavar="",
            help="Show the version and exit.",
            is_eager=True,
            callback=_print_version,
        ),
    ] = False,
) -> None:
    """Give it data and one label; it learns the rest: the style, writer, speaker or background."""


_COMMANDS = (reproduce, fit, commands.measure, commands.encode, cluster, swap, explore)
for _command in (*_COMMANDS, commands.export):
    app.command(help=_help_of(_command))(_command)
app.command("import", help=_help_of(commands.import_model))(commands.import_model)
data_app.command("list", help=_help_of(list_data))(list_data)
data_app.command("get", help=_help_of(get_data))(get_data)


def main() -> None:
    """Run the command line. An error that the user can fix is one line on stderr, exit code 2."""
    handle_signals()
    try:
        with short_warnings():
            app(standalone_mode=True)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("wvae"):
            raise
        _exit_with(str(error) if "pip install" in str(error) else _missing_package(error.name))
    except (ValueError, TypeError, OSError) as error:
        _exit_with(str(error))
    except RuntimeError as error:
        if not type(error).__module__.startswith("wvae"):  # not raised by this package: a bug
            raise
        _exit_with(str(error))


def _missing_package(module: str) -> str:
    """Return the message for a package that is not installed."""
    extra = EXTRAS.get(module.partition(".")[0])
    package = f"'wvae[{extra}]'" if extra else module
    return f"the package {module} is not installed: pip install {package}"


def _exit_with(message: str) -> None:
    print(f"wvae: {_short(in_flags(message))}", file=sys.stderr)
    sys.exit(2)


def _short(message: str) -> str:
    """Return a message as one line; of a very long one, the place and the fix at its ends.

    Names of files and columns may be long, or hold line breaks.

    >>> _short("a\\nb.csv has no rows"), len(_short("name" * 500))
    ('a b.csv has no rows', 390)
    """
    line = " ".join(message.splitlines())
    if len(line) <= LONGEST:
        return line
    end = LONGEST // 3
    return f"{line[: LONGEST - end - 3]} … {line[-end:]}"
