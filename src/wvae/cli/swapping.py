"""The command `wvae swap`: one swap, or a sheet of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import ModelAddress, Quiet, check_not_a_folder
from .terminal import make_log


def swap(
    model: ModelAddress,
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="Example that gives the label: an image, a sound, an .npy or DATA:ROW.",
        ),
    ],
    b: Annotated[
        str | None,
        typer.Argument(metavar="B", help="Example that gives the style, in the same form."),
    ] = None,
    sheet: Annotated[
        bool,
        typer.Option(
            "--sheet",
            metavar="",
            help="Draw a grid: every label of A in the style of ten examples of B. A and B may be "
            "data sets; without B, the styles are A's.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File to write: .png, .wav or .npy. (default: named after A and B)"
        ),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(help="Samples per second of a .wav. (default: the model's)", metavar="HZ"),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Generate A's label in B's style, write the image or sound to a file, and print its path.

    ROW in DATA:ROW is the number of a row, from 0. With --sheet, one picture shows many labels and
    styles, with their sources at its edges; sounds are shown as spectrograms.
    """
    check_not_a_folder(out, "swap.png")
    if b is None and not sheet:
        raise ValueError(
            "swap takes two examples and only A is given: add B, or --sheet for a grid of swaps"
        )
    from .. import load
    from ..io.locate import locate_model
    from ..workflows.sheet import sheet as draw
    from ..workflows.swap import swap as run

    options: dict[str, Any] = {"rate": rate, "log": make_log(quiet)}
    folder = locate_model(model, progress=not quiet)
    if sheet:
        print(draw(folder, load(folder), a, b, out, **options))
    elif b is not None:
        print(run(folder, load(folder), a, b, out, **options))
