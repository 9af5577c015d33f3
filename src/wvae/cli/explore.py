"""The command `wvae explore`: the explorer's page on a local server, or as a folder."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from socket import socket
from typing import Annotated, Any, Literal

import typer

from .commands import open_model_and_data
from .options import DropMissing, Factor, Label, ModelAddress, parse_k
from .progress import progress_bars
from .terminal import make_log, report_stop


def explore(
    model: ModelAddress,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="Data set or path, as for `wvae fit`.",
            show_default="the data of the training",
        ),
    ] = None,
    label: Label = None,
    factor: Factor = None,
    drop_missing: DropMissing = False,
    map_method: Annotated[
        Literal["tsne", "umap", "none"],
        typer.Option("--map", metavar="METHOD", help="Map of z_rest: tsne, umap or none."),
    ] = "tsne",
    rows: Annotated[
        int, typer.Option(min=1, metavar="N", help="Show a random sample of N rows, if more.")
    ] = 100_000,
    k: Annotated[
        str, typer.Option("--k", metavar="N|auto", help="Number of clusters of z_rest, or auto.")
    ] = "auto",
    metrics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON file of `wvae measure --out`, to show as well."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Seed of the sample, the map and the clusters.")
    ] = 0,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, metavar="N", help="Port. (default: a free one)"),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", metavar="", help="Print the address, open no browser.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the page into a folder instead of serving it."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace an earlier export.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", metavar="", help="Print only the address or the folder.")
    ] = False,
) -> None:
    """Look at a model and its data in the browser: map, sliders, swaps, drawing and measures.

    Prints the address of the page and serves it, to this machine only, until Ctrl-C. Nothing
    leaves the machine: codes are decoded in the browser. With --export, the page and its data
    become a folder that any static host can serve; its path is printed.
    """
    _check_flags(port, no_browser, export, overwrite)
    n_clusters = parse_k(k)
    figures = None if metrics is None else _read_metrics(metrics)
    with report_stop(quiet), ExitStack() as stack:
        from ..explorer.site import check_page, check_site_replaceable

        check_page()  # before the hard work, like all that may fail
        listener = None
        if export is not None:
            check_site_replaceable(export, overwrite=overwrite)
        else:
            from ..explorer.server import listen

            listener = stack.enter_context(listen(port))
        from ..io.locate import locate_model

        folder = locate_model(model, progress=not quiet)
        if data is None:
            from ..workflows.inputs import recorded_source

            data = recorded_source(folder)
            make_log(quiet)(f"data: {data}, as in the training")
        estimator, loaded = open_model_and_data(
            folder, data, label, factor, quiet, drop_missing=drop_missing, unlabelled=True
        )
        from ..workflows.inputs import training_rows_warning

        doubt = ""
        if figures is None and loaded.labelled.any():
            doubt = training_rows_warning(folder, loaded, estimator.config_.random_state)
        options: dict[str, Any] = {"map_method": map_method, "max_rows": rows, "k": n_clusters}
        options |= {"metrics": figures, "seed": seed, "log": make_log(quiet)}
        options["notes"] = [doubt] if doubt else []
        if export is not None:
            from ..explorer.site import write_site

            with progress_bars(quiet) as progress:
                options |= {"overwrite": overwrite, "progress": progress}
                print(write_site(estimator, loaded, export, **options))
        elif listener is not None:
            from ..explorer.site import temporary_site

            with progress_bars(quiet) as progress:
                site = temporary_site(estimator, loaded, **options, progress=progress)
                folder = stack.enter_context(site)
            _serve(folder, listener, quiet, no_browser)


def _serve(folder: Path, listener: socket, quiet: bool, no_browser: bool) -> None:
    """Serve a site until a signal stops the program."""
    from ..explorer.notebook import open_in_browser
    from ..explorer.server import LocalServer

    server = LocalServer(folder, listener)

    def show() -> None:
        print(server.url, flush=True)
        make_log(quiet)("stop with Ctrl-C")
        if not no_browser:
            open_in_browser(server.url)

    server.run(show)


def _check_flags(port: int | None, no_browser: bool, export: Path | None, overwrite: bool) -> None:
    """Raise a ValueError if a flag of the server meets --export, or the reverse."""
    if export is None and overwrite:
        raise ValueError("--overwrite replaces an earlier export: give --export FOLDER, too")
    if export is not None and port is not None:
        raise ValueError(f"--port {port} is for the server, which --export does without: drop one")
    if export is not None and no_browser:
        raise ValueError("--no-browser is for the server, which --export does without: drop one")


def _read_metrics(file: Path) -> dict[str, float]:
    """Return the figures that `wvae measure --out` wrote, or raise a ValueError."""
    try:
        figures = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ValueError(f"--metrics {file} is no file: write it with `wvae measure --out`") from (
            error
        )
    except ValueError as error:
        raise ValueError(
            f"--metrics {file} is not JSON ({error}): write it with `wvae measure --out`"
        ) from error
    is_right = isinstance(figures, dict) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in figures.values()
    )
    if not is_right:
        raise ValueError(
            f"--metrics {file} holds no figures by name: write it with `wvae measure --out`"
        )
    return figures
