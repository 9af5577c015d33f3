"""The commands on a model folder. They parse and print; the work is done by public Python calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .options import (
    Data,
    DropMissing,
    Factor,
    Label,
    Model,
    ModelAddress,
    Quiet,
    check_not_a_folder,
)
from .progress import progress_bars
from .terminal import make_log, print_metrics, report_interrupt

if TYPE_CHECKING:
    from .. import WVAE
    from ..datasets import Dataset


def open_model_and_data(
    folder: Path,
    data: str,
    label: str | None,
    factors: list[str] | None,
    quiet: bool,
    *,
    drop_missing: bool,
    unlabelled: bool = False,
) -> tuple[WVAE, Dataset]:
    """Load the model of a folder, and open data in the same way as its training did."""
    from .. import load
    from ..workflows.inputs import open_for_model

    estimator = load(folder)
    options: dict[str, Any] = {"label": label, "factors": factors or (), "unlabelled": unlabelled}
    options["drop_missing"] = drop_missing
    options |= {"log": make_log(quiet), "progress": not quiet}
    return estimator, open_for_model(folder, estimator, data, **options)


def measure(
    model: ModelAddress,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="Data set or path; the model must not have seen its test rows."
        ),
    ],
    label: Label = None,
    factor: Factor = None,
    drop_missing: DropMissing = False,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Seed of the probes, and of the test rows of data that the model was not trained "
            "on and that have no split. (default: the model's)",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON file for all figures.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", metavar="", help="Print only the summary.")
    ] = False,
) -> None:
    """Measure how clean the split is, what each code contains, and how well swapping works.

    Every figure is printed beside its chance level. The last lines are a summary in sentences. The
    figures are also kept in the model folder, measures.json, for `wvae export --to hub`.
    """
    if out is not None and out.is_dir():
        raise ValueError(f"--out {out} is a folder, expected a file such as {out / 'metrics.json'}")
    from ..io.files import write_json
    from ..io.locate import locate_model
    from ..reporting.summary import summarise
    from ..workflows.inputs import training_rows_warning
    from ..workflows.measure import measure as run
    from ..workflows.measures_file import keep_measures

    folder = locate_model(model, progress=not quiet)
    estimator, loaded = open_model_and_data(
        folder, data, label, factor, quiet, drop_missing=drop_missing
    )
    seed = estimator.config_.random_state if seed is None else seed
    with progress_bars(quiet) as progress:
        metrics = run(estimator, loaded, factors=factor or None, seed=seed, progress=progress)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json(out, metrics)
    if not quiet:
        print_metrics(metrics, loaded.label_name)
    for sentence in summarise(metrics, loaded.label_name):
        print(sentence)
    doubt = training_rows_warning(folder, loaded, seed)
    if doubt:
        print(doubt)
    if folder == Path(model):  # no copy in a cache
        keep_measures(folder, loaded, metrics, seed, doubtful=bool(doubt), log=make_log(quiet))


def encode(
    model: ModelAddress,
    data: Data,
    label: Label = None,
    factor: Factor = None,
    drop_missing: DropMissing = False,
    k: Annotated[
        int | None,
        typer.Option(
            "--k", metavar="N", help="Also cluster z_rest into N clusters: column `cluster`."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Seed of the clusters and of the map. (default: the model's)",
            show_default=False,
        ),
    ] = None,
    map_method: Annotated[
        Literal["tsne", "umap"] | None,
        typer.Option(
            "--map",
            metavar="tsne|umap",
            help="Also map z_rest: columns `x`, `y` and `neighbors`, for other viewers.",
        ),
    ] = None,
    images: Annotated[
        bool,
        typer.Option(
            "--images",
            metavar="",
            help="Also write a picture of every example: column `image`.",
        ),
    ] = False,
    on: Annotated[
        Literal["ray"] | None,
        typer.Option(
            metavar="ray",
            help="Run on the Ray cluster at RAY_ADDRESS or, without that variable, on all cores of "
            "this machine.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Parquet file to write, or with --on ray a folder. "
            "(default: DATA-codes.parquet, DATA-codes)",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            metavar="",
            help="Replace an existing folder. A file is always replaced.",
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Write both codes of every row to a Parquet file, and print its path.

    The file also has the label, the hidden factors, the split and the predicted label of every
    row. DATA is read in blocks, so an .npy file may be larger than memory. With --k, the cluster
    centres are written to OUT-centres.npy, or to _centres.npy in the folder.

    With --map and --images, Embedding Atlas, FiftyOne and Renumics Spotlight can show the file:
    see docs/howto/other-viewers.md.

    With --on ray, all nodes must see MODEL, DATA and the output folder under the same paths. The
    folder gets one Parquet file per block of rows, with a column `row`. If a node fails, no row is
    lost or written twice. Run the same command again to continue an interrupted encoding.
    """
    if seed is not None and k is None and map_method is None:
        raise ValueError(
            f"--seed {seed} is the seed of clusters and maps, which need --k or --map: give one, "
            "too"
        )
    if on is not None and (map_method is not None or images):
        flag = "--images" if map_method is None else f"--map {map_method}"
        raise ValueError(f"{flag} cannot be computed on a cluster: leave out --on {on}")
    if on is None:
        check_not_a_folder(out, "codes.parquet")
    elif out is not None and out.is_file():
        folder = out.with_name(f"{out.stem}-codes")
        raise ValueError(f"--out {out} is a file, expected a folder such as {folder}")
    from ..io.locate import locate_model
    from ..workflows.encode import encode_to_file
    from ..workflows.encode_map import encode_map_to_file

    folder = locate_model(model, progress=not quiet)
    estimator, loaded = open_model_and_data(
        folder, data, label, factor, quiet, drop_missing=drop_missing, unlabelled=True
    )
    out = out or Path(f"{loaded.name}-codes{'' if on else '.parquet'}")
    options: dict[str, Any] = {"k": k, "seed": seed}
    if map_method is not None or images:
        options |= {"map_method": map_method, "images": images}
        with progress_bars(quiet) as progress:
            encode_map_to_file(estimator, loaded, out, **options, progress=progress)
    elif on is None:
        with progress_bars(quiet) as progress:
            encode_to_file(estimator, loaded, out, **options, progress=progress)
    else:
        from ..workflows.encode_ray import encode_on_ray

        options |= {"label": label, "factors": factor or (), "drop_missing": drop_missing}
        options |= {"overwrite": overwrite, "log": make_log(quiet)}
        with report_interrupt(out, quiet), progress_bars(quiet) as progress:
            encode_on_ray(folder, estimator, data, loaded, out, **options, progress=progress)
    print(out)


def export(
    model: Model,
    to: Annotated[
        Literal["onnx", "hub"],
        typer.Option(metavar="FORMAT", help="onnx, or hub: upload to the Hugging Face Hub."),
    ] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="onnx: folder to write. (default: MODEL-onnx)"),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="onnx: replace an earlier export.")
    ] = False,
    repo: Annotated[
        str | None,
        typer.Option(metavar="OWNER/NAME", help="hub: repository, created if it does not exist."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", metavar="", help="hub: make a new repository private.")
    ] = False,
    revision: Annotated[
        str | None,
        typer.Option(metavar="BRANCH", help="hub: existing branch to write to. (default: main)"),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="hub: model card to upload instead of a written one."),
    ] = None,
    card_only: Annotated[
        bool, typer.Option("--card-only", metavar="", help="hub: print the card, upload nothing.")
    ] = False,
) -> None:
    """Write encoder.onnx and decoder.onnx, which run without wvae, or upload the model to the Hub.

    --to onnx prints the folder. --to hub uploads weights, config, schema, the figures of `wvae
    measure` and a model card to OWNER/NAME, and prints the address; examples, pictures and paths
    are not uploaded, names of labels, columns and factors are. `wvae.load("hf://OWNER/NAME")` loads
    it again. `hf auth login`, or the variable HF_TOKEN, gives the token.
    """
    of_onnx = {"--out": out is not None, "--overwrite": overwrite}
    of_hub = {"--repo": repo is not None, "--private": private, "--revision": revision is not None}
    of_hub |= {"--card": card is not None, "--card-only": card_only}
    for flag, given in (of_onnx if to == "hub" else of_hub).items():
        if given:
            raise ValueError(f"{flag} needs --to {'onnx' if to == 'hub' else 'hub'}: leave it out")
    if to == "hub":
        _share(model, repo, card, card_only, private=private, revision=revision)
        return
    from .. import load
    from ..io.onnx import export_onnx

    estimator = load(model)
    named = model.resolve() if model.name in ("", "..") else model
    out = out or named.with_name(f"{model.resolve().name}-{to}")
    print(export_onnx(estimator, out, overwrite=overwrite))


def _share(
    model: Path, repo: str | None, card: Path | None, card_only: bool, **options: Any
) -> None:
    """Upload a model folder to the Hub, or print its model card."""
    from ..io import hub
    from ..io.shared_files import folder_card

    if card_only:
        print(folder_card(model, hub.SCHEME + hub.check_repo(repo or "OWNER/NAME")), end="")
        return
    if repo is None:
        raise ValueError("--to hub needs --repo OWNER/NAME, the repository to upload to")
    text = None if card is None else card.read_text(encoding="utf-8")
    print(hub.upload(model, repo, **options, card=text))


def import_model(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Chainer .model file of the original notebook."),
    ],
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Model folder to write.")],
) -> None:
    """Convert a .model file of the original notebook into a model folder."""
    from ..estimator import import_original

    import_original(file).save(out)
    print(out)
