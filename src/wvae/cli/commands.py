"""The commands on a model folder: encode, cluster, swap, export. Parsing and printing only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .terminal import going_on, make_log, print_scores, print_selection, progress

if TYPE_CHECKING:
    from .. import WVAE
    from ..datasets import Dataset

Model = Annotated[Path, typer.Argument(help="Model folder, as `wvae fit` makes it.")]
Data = Annotated[str, typer.Argument(help="Data set or path, as `wvae fit` takes them.")]
Label = Annotated[
    str | None,
    typer.Option(
        help="Column of the label, if it is called otherwise than in training.", metavar="NAME"
    ),
]
Factor = Annotated[
    list[str] | None,
    typer.Option(help="Column of a hidden factor, again for more. (default: all)", metavar="NAME"),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the file's path and nothing else.")]


def opened(
    model: Path,
    data: str,
    label: str | None,
    factors: list[str] | None,
    quiet: bool,
    *,
    unlabelled: bool = False,
) -> tuple[WVAE, Dataset]:
    """Return the model of a folder, and data opened as its training opened them."""
    from .. import load
    from ..workflows.inputs import open_for_model

    estimator, log = load(str(model)), make_log(quiet)
    options: dict[str, Any] = {"label": label, "factors": factors or (), "unlabelled": unlabelled}
    return estimator, open_for_model(model, estimator, data, **options, log=log, progress=not quiet)


def encode(
    model: Model,
    data: Data,
    label: Label = None,
    factor: Factor = None,
    k: Annotated[
        int | None,
        typer.Option(
            "--k", help="Number of clusters of z_rest, for a column `cluster`.", metavar="N"
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Seed of the clusters. (default: the model's)", show_default=False
        ),
    ] = None,
    on: Annotated[
        Literal["ray"] | None,
        typer.Option(
            help="ray: on the cluster at RAY_ADDRESS or, if that is not set, on all cores of this machine."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Parquet file to write; on Ray a folder to make. (default: DATA-codes.parquet, DATA-codes)"
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace the folder if it is there; a file always is."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Write both codes of every row, with its label, factors, split and predicted label; ends with the file's path.

    DATA are read block by block, so an .npy may be larger than memory. With --k the centres are written, too: beside
    the file as OUT-centres.npy, or as _centres.npy in the folder.

    On Ray, MODEL, DATA and the folder must lie where all nodes see them by the same path. The folder holds a Parquet
    file for each block of rows, with a column `row`. Nothing is lost and nothing is there twice if a node dies; an
    interrupted encoding goes on where it stopped when the same command is given again.
    """
    if seed is not None and k is None:
        raise ValueError(
            f"--seed {seed} is that of clusters, of which there are none: give --k, too"
        )
    if on is None:
        _no_folder(out, "codes.parquet")
    elif out is not None and out.is_file():
        raise ValueError(f"--out {out} is a file, expected a folder such as {out.with_suffix('')}")
    from ..workflows.encode import encode_to_file

    estimator, loaded = opened(model, data, label, factor, quiet, unlabelled=True)
    out = out or Path(f"{loaded.name}-codes{'' if on else '.parquet'}")
    options: dict[str, Any] = {"k": k, "seed": seed}
    if on is None:
        with progress(quiet) as bars:
            encode_to_file(estimator, loaded, out, **options, progress=bars)
    else:
        from ..workflows.encode_ray import encode_on_ray

        options |= {
            "label": label,
            "factors": factor or (),
            "overwrite": overwrite,
            "log": make_log(quiet),
        }
        with going_on(out, quiet), progress(quiet) as bars:
            encode_on_ray(model, estimator, data, loaded, out, **options, progress=bars)
    print(out)


def cluster(
    model: Model,
    data: Data,
    k: Annotated[
        str, typer.Option("--k", help="Number of clusters, or auto.", metavar="N|auto")
    ] = "auto",
    on: Annotated[
        Literal["rest", "label", "pixels"],
        typer.Option(help="Cluster z_rest or, for contrast, z_label or the data."),
    ] = "rest",
    method: Annotated[
        Literal["kmeans", "gmm"], typer.Option(help="K-Means, or Gaussians with axes.")
    ] = "kmeans",
    label: Label = None,
    factor: Factor = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Parquet file for every row's cluster.")] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print one sentence and nothing else.")
    ] = False,
) -> None:
    """Find clusters of z_rest, say how stable they are, and score them by the factors that are known.

    Without --k their number is chosen: clusters must come back in other parts of the data, and be further apart than
    those of data without clusters. All that was tried is shown.
    """
    number = _number(k)
    _no_folder(out, "clusters.parquet")
    from ..workflows.cluster import cluster as run
    from ..workflows.cluster import describe
    from ..workflows.encode import write_columns

    estimator, loaded = opened(model, data, label, factor, quiet, unlabelled=True)
    with progress(quiet) as bars:
        found = run(
            estimator,
            loaded,
            k=number,
            on=on,
            method=method,
            factors=factor,
            seed=seed,
            progress=bars,
        )
    if out is not None:
        write_columns(out, found.columns(loaded))
    if not quiet:
        if found.selection is not None:
            print_selection(found.selection)
            print()
        if found.scores:
            print_scores(found.scores, found.chance)
            print()
    print(describe(found, on, method))


def swap(
    model: Model,
    a: Annotated[str, typer.Argument(help="Whose label: an image, a sound, an .npy, or DATA:ROW.")],
    b: Annotated[str, typer.Argument(help="Whose style: the same.")],
    out: Annotated[
        Path | None,
        typer.Option(help="File to write: .png, .wav or .npy. (default: A-in-B with one of them)"),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(help="Samples per second of a .wav. (default: the model's)", metavar="HZ"),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Draw A's label in B's style, as an image or a sound; ends with the file's path.

    ROW counts the rows of DATA from 0.
    """
    _no_folder(out, "swap.png")
    from .. import load
    from ..workflows.swap import swap as run

    print(run(model, load(str(model)), a, b, out, rate=rate, log=make_log(quiet)))


def export(
    model: Model,
    to: Annotated[Literal["onnx"], typer.Option(help="Format of the files.")] = "onnx",
    out: Annotated[Path | None, typer.Option(help="Folder to make. (default: MODEL-onnx)")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier export.")
    ] = False,
) -> None:
    """Write encoder.onnx and decoder.onnx, which any program can run without wvae; ends with their folder's path."""
    from .. import load
    from ..io.onnx import export_onnx

    estimator = load(str(model))
    print(
        export_onnx(
            estimator, out or model.with_name(f"{model.resolve().name}-{to}"), overwrite=overwrite
        )
    )


def _number(k: str) -> int | None:
    if k == "auto":
        return None
    if not k.isdecimal():
        raise ValueError(f"--k is {k}, expected a number of clusters such as 10, or auto")
    return int(k)


def _no_folder(out: Path | None, example: str) -> None:
    if out is not None and out.is_dir():
        raise ValueError(f"--out {out} is a folder, expected a file such as {out / example}")
