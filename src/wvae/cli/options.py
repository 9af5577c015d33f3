"""Options that several commands share, and one flag for every hyper-parameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..config import Objective, Parameter, Preset, parameters

# Fields of `Config` without a flag: --seed sets the first, the data determine the second.
NO_FLAG = ("random_state", "kind")

Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Model folder, as `wvae fit` writes it.")
]
ModelAddress = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Model folder, as `wvae fit` writes it; gallery:NAME; or hf://OWNER/NAME.",
    ),
]
Data = Annotated[str, typer.Argument(metavar="DATA", help="Data set or path, as for `wvae fit`.")]
Label = Annotated[
    str | None,
    typer.Option(help="Column of the label. (default: its name in training)", metavar="NAME"),
]
Factor = Annotated[
    list[str] | None,
    typer.Option(
        help="Column of a hidden factor; repeat for several. (default: all)", metavar="NAME"
    ),
]
DropMissing = Annotated[
    bool,
    typer.Option(
        "--drop-missing",
        metavar="",
        help="Leave out rows of a table that lack a number, instead of stopping.",
    ),
]
FactorFromName = Annotated[
    list[str] | None,
    typer.Option(
        help="Regular expression whose named groups find hidden factors in the files' paths, such "
        "as 'drawer=(?P<drawer>\\d+)'; repeat for several.",
        metavar="REGEX",
    ),
]
LabelFromName = Annotated[
    str | None,
    typer.Option(
        help="Regular expression whose group finds the label in the files' paths.",
        metavar="REGEX",
    ),
]
LabelFromFolder = Annotated[
    str | None,
    typer.Option(
        help="Levels of sub-folders that are the label, such as 2, or 1,2 for both. (default: 1)",
        metavar="LEVELS",
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", metavar="", help="Print only the path of the file.")
]
PresetOption = Annotated[
    Preset,
    typer.Option(
        help="best; article: exactly the notebook's; or quick: the notebook's model and loss, "
        "trained in a tenth of the steps.",
        metavar="PRESET",
    ),
]
ObjectiveOption = Annotated[
    Objective | None,
    typer.Option(
        help="One of the notebook's three objectives: classifier, covariance or plain. "
        "(default: the preset's)",
        metavar="NAME",
    ),
]


def _show_all_help(ctx: typer.Context, value: bool) -> None:
    """Print the help with the hidden options, and exit."""
    if value:
        for parameter in ctx.command.params:
            parameter.hidden = False  # type: ignore[attr-defined]
        typer.echo(ctx.get_help())
        raise typer.Exit


HelpAll = Annotated[
    bool,
    typer.Option(
        "--help-all",
        metavar="",
        help="Show all hyper-parameters, also those that few people change, and exit.",
        is_eager=True,
        callback=_show_all_help,
    ),
]


def parse_levels(text: str | None) -> tuple[int, ...] | None:
    """Return the levels of ``--label-from-folder``, such as (1, 2) for "1,2".

    Raises
    ------
    ValueError
        If the text holds anything but whole numbers from 1 on, each once.

    >>> parse_levels("1,2"), parse_levels(None)
    ((1, 2), None)
    """
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    if len(set(words)) < len(words) or not all(w.isdecimal() and int(w) > 0 for w in words):
        raise ValueError(f"--label-from-folder is {text}, expected levels from 1 such as 2 or 1,2")
    return tuple(int(word) for word in words)


def parse_formats(texts: list[str] | None) -> list[str]:
    """Return the formats of ``--figures``, which takes one, or several with commas or repeated.

    Raises
    ------
    ValueError
        If one is neither svg nor pdf.

    >>> parse_formats(["svg,pdf"]), parse_formats(["pdf", "svg"]), parse_formats(None)
    (['svg', 'pdf'], ['pdf', 'svg'], [])
    """
    words = [word.strip().lower() for text in texts or () for word in text.split(",")]
    for word in words:
        if word not in ("svg", "pdf"):
            raise ValueError(
                f"--figures is {', '.join(texts or ())}, expected svg, pdf or svg,pdf: PNG is "
                "always written"
            )
    return words


def parse_k(k: str) -> int | None:
    """Return the number of clusters of ``--k``, or None for auto.

    Raises
    ------
    ValueError
        If it is neither.

    >>> parse_k("10"), parse_k("auto")
    (10, None)
    """
    if k == "auto":
        return None
    if not k.isdecimal():
        raise ValueError(f"--k is {k}, expected a number of clusters such as 10, or auto")
    return int(k)


def check_not_a_folder(out: Path | None, example: str) -> None:
    """Raise a ValueError if ``--out``, which is to be a file, is a folder.

    >>> check_not_a_folder(Path("new.png"), "swap.png")
    """
    if out is not None and out.is_dir():
        raise ValueError(f"--out {out} is a folder, expected a file such as {out / example}")


def with_hyper_parameters(command: Callable[..., None]) -> Callable[..., None]:
    """Replace ``**changes`` of a command by one flag for every field of `Config`."""
    signature = inspect.signature(command, eval_str=True)
    arguments = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    arguments += [_flag(spec) for spec in parameters() if spec.name not in NO_FLAG]
    command.__signature__ = signature.replace(parameters=arguments)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in arguments} | {"return": None}
    return command


def _flag(spec: Parameter) -> inspect.Parameter:
    """Return the keyword argument that Typer turns into the flag of one hyper-parameter."""
    name = spec.name.replace("_", "-")
    is_switch = spec.type is bool
    default = ("off", "on")[spec.default] if is_switch else spec.default
    choices = f"{', '.join(spec.choices)}; " if spec.choices else ""
    panel = "Hyper-parameters"
    option = typer.Option(
        f"--{name}/--no-{name}" if is_switch else f"--{name}",
        help=f"{spec.description} ({choices}best: {default})",
        metavar="" if is_switch else "NAME" if spec.choices else "N" if spec.type is int else "X",
        # Switches have a table of their own: the column of their second names needs much room.
        rich_help_panel=f"{panel} that are on or off" if is_switch else panel,
        show_default=False,
        hidden=spec.advanced,
    )
    value_type = Literal[spec.choices] if spec.choices else spec.type
    annotation = Annotated[value_type | None, option]
    return inspect.Parameter(
        spec.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )
