"""The command `wvae cluster`: clusters of a code, or groups of rows that the user selected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .commands import open_model_and_data
from .options import Data, DropMissing, Factor, Label, ModelAddress, check_not_a_folder, parse_k
from .progress import progress_bars
from .terminal import print_scores, print_selection

if TYPE_CHECKING:
    from .. import WVAE
    from ..datasets import Dataset


def cluster(
    context: typer.Context,
    model: ModelAddress,
    data: Data,
    k: Annotated[
        str, typer.Option("--k", help="Number of clusters, or auto.", metavar="N|auto")
    ] = "auto",
    on: Annotated[
        Literal["rest", "label", "pixels"],
        typer.Option(help="What to cluster: z_rest or, for comparison, z_label or the data."),
    ] = "rest",
    method: Annotated[
        Literal["kmeans", "gmm"],
        typer.Option(help="K-Means, or a Gaussian mixture with diagonal covariances."),
    ] = "kmeans",
    selections: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Score the named selections of this .csv or .parquet file, which `wvae explore` "
            "writes, instead of clusters.",
        ),
    ] = None,
    label: Label = None,
    factor: Factor = None,
    drop_missing: DropMissing = False,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Random seed.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Parquet file for the cluster or selection of every row."
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", metavar="", help="Print only the last sentence.")
    ] = False,
) -> None:
    """Cluster z_rest, measure how stable the clusters are, and compare them with known factors.

    Without --k, wvae chooses the number of clusters: they must be stable when the data are
    resampled, and better separated than clusters of data without any structure. A table shows
    the scores of every number that was tried. Clusters without a network, of the data centred and
    scaled within each predicted label and of the style features, stand beside those of z_rest.

    With --from, the groups are given: a table with the columns `row`, from 0, and `selection`, a
    name. Rows without a name are left out.
    """
    if selections is not None:
        _check_no_clusters(context)
    n_clusters = parse_k(k)
    check_not_a_folder(out, "clusters.parquet")
    from ..io.locate import locate_model
    from ..workflows.cluster import cluster as run
    from ..workflows.cluster import describe
    from ..workflows.encode import write_columns

    folder = locate_model(model, progress=not quiet)
    estimator, loaded = open_model_and_data(
        folder, data, label, factor, quiet, drop_missing=drop_missing, unlabelled=True
    )
    if selections is not None:
        _score(estimator, loaded, selections, factor, seed, out, quiet)
        return
    options: dict[str, Any] = {"k": n_clusters, "on": on, "method": method}
    options |= {"factors": factor, "seed": seed}
    with progress_bars(quiet) as progress:
        clustering = run(estimator, loaded, **options, progress=progress)
    if out is not None:
        write_columns(out, clustering.columns(loaded))
    if not quiet:
        if clustering.selection is not None:
            print_selection(clustering.selection)
            print()
        if clustering.scores:
            print_scores(clustering.scores, clustering.chance, clustering.baselines)
            print()
    print(describe(clustering, on, method))


def _check_no_clusters(context: typer.Context) -> None:
    """Raise a ValueError if an option of clusters was given."""
    for name in ("k", "on", "method"):
        # Compared by name: Typer has a click of its own.
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise ValueError(f"--from takes given groups, so --{name} has no use: drop one of them")


def _score(
    model: WVAE,
    data: Dataset,
    file: Path,
    factors: list[str] | None,
    seed: int,
    out: Path | None,
    quiet: bool,
) -> None:
    """Score the selections of a file, and print the scores."""
    from ..workflows.encode import write_columns
    from ..workflows.selections import describe_selections, read_selections, score_selections

    names = read_selections(file, data)
    with progress_bars(quiet) as progress:
        options: dict[str, Any] = {"factors": factors, "seed": seed, "progress": progress}
        selections = score_selections(model, data, names, **options)
    if out is not None:
        write_columns(out, selections.columns(data))
    if not quiet and selections.scores:
        print_scores(selections.scores, selections.chance, selections.baselines)
        print()
    print(describe_selections(selections))
