"""Encode data for other viewers: a map, nearest neighbours and pictures beside the codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..datasets import Dataset
from ..datasets.dataset import Array
from ..estimator import WVAE
from ..io.files import atomic
from ..training.examples import batches
from ..validation.quoting import quoted
from .centres import centres_file, learn_centres, write_centres
from .encode import Encoder, encode_rows, make_encoder, make_table, schema_of
from .inputs import metadata_columns
from .maps import map_points, nearest_neighbors
from .progress import Progress, Silent
from .sheet_image import is_drawable
from .thumbnails import Thumbnails, png_files

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 5000  # encoded, drawn and written at once; a multiple of EVALUATION_BATCH
Columns = Callable[[slice], "dict[str, pa.Array]"]  # further columns of some rows


def encode_map_to_file(
    model: WVAE,
    data: Dataset,
    out: Path,
    *,
    map_method: Literal["tsne", "umap"] | None = None,
    images: bool = False,
    k: int | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write what `encode_to_file` writes, with columns that other viewers read, as Parquet.

    A map adds ``x`` and ``y``, or ``map_x`` and ``map_y`` if the data have a column ``x`` or ``y``,
    and ``neighbors``, the 15 nearest rows in z_rest: a struct of ``ids``, row numbers from 0, and
    ``distances``. Pictures add ``image``: a struct of ``bytes``, a
    PNG file, and ``path``, its name. Both codes of all rows are in memory while the map is made.

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data.
    out
        The file. An existing file is replaced.
    map_method
        How z_rest is mapped, or None for no map.
    images
        Whether pictures are written; of sounds they are spectrograms.
    k, seed
        As in `wvae.workflows.encode.encode_to_file`; the seed is also that of the map.
    progress
        Shows the progress.

    Raises
    ------
    ValueError
        If the data cannot be drawn, k is out of range, or two columns have the same name.
    """
    progress = progress or Silent()
    if images and not is_drawable(model.config_.kind, model.shape_):
        raise ValueError(
            f"--images draws images or spectrograms, and this model is of {model.config_.kind} "
            f"data of shape {model.shape_}: leave out --images"
        )
    if map_method is not None and len(data) < 2:
        raise ValueError(f"{data.name} has {len(data)} rows, expected at least 2 for --map")
    encoder = make_encoder(model, data, k)
    added: list[Columns] = []
    if map_method is not None:
        _check_names(encoder, ("neighbors",))
    if images:
        _check_names(encoder, ("image",))
        added.append(_pictures(model, data))
    if k is not None:
        encoder.centres = learn_centres(model, data, k, seed=seed, progress=progress)
    if map_method is not None:
        map_seed = model.config_.random_state if seed is None else seed
        added.insert(0, _map(model, data, map_method, map_seed, progress))
    _write(encoder, added, out, progress)


def _check_names(encoder: Encoder, names: tuple[str, ...]) -> None:
    """Raise a ValueError if the data have a column of one of these names."""
    for name in names:
        if name in encoder.metadata:
            raise ValueError(
                f"{encoder.data.name} has a column {quoted(name)}, which is also the name of a "
                "column of the result: rename it"
            )


def _map(
    model: WVAE, data: Dataset, method: Literal["tsne", "umap"], seed: int, progress: Progress
) -> Columns:
    """Return a function that gives the columns of the map."""
    import pyarrow as pa

    # `y` is a common name of the label.
    x, y = ("map_x", "map_y") if {"x", "y"} & {*metadata_columns(data)} else ("x", "y")
    _, z_rest = encode_rows(model, data, progress)
    positions = map_points(z_rest, method, seed=seed, progress=progress)
    with progress.task("finding nearest neighbours", 1) as advance:
        ids, distances = nearest_neighbors(z_rest)
        advance(1)

    def columns(rows: slice) -> dict[str, pa.Array]:
        lists = [_lists(ids[rows]), _lists(distances[rows])]
        return {
            x: pa.array(positions[rows, 0]),
            y: pa.array(positions[rows, 1]),
            "neighbors": pa.StructArray.from_arrays(lists, ["ids", "distances"]),
        }

    return columns


def _lists(values: Array) -> Any:
    """Return a matrix, (n, k), as n lists."""
    import pyarrow as pa

    n, k = values.shape
    return pa.ListArray.from_arrays(np.arange(n + 1, dtype=np.int32) * k, np.ravel(values))


def _pictures(model: WVAE, data: Dataset) -> Columns:
    """Return a function that gives the column of pictures."""
    import pyarrow as pa

    draw = Thumbnails(data.x, model.config_.kind, model.scale_)

    def columns(rows: slice) -> dict[str, pa.Array]:
        names = [f"{row}.png" for row in range(rows.start, rows.stop)]
        if data.files is not None:
            names = [str(name) for name in data.files[rows].tolist()]
        pictures = pa.array(list(png_files(draw, rows)), pa.binary())
        parts = [pictures, pa.array(names, pa.string())]
        return {"image": pa.StructArray.from_arrays(parts, ["bytes", "path"])}

    return columns


def _write(encoder: Encoder, added: list[Columns], out: Path, progress: Progress) -> None:
    """Write all columns block by block, and the centres beside them."""
    from pyarrow import parquet

    schema = schema_of(encoder)
    n = len(encoder.data)

    def table(rows: slice) -> pa.Table:
        result = make_table(encoder(rows), schema)
        for columns in added:
            for name, values in columns(rows).items():
                result = result.append_column(name, values)
        return result

    out.parent.mkdir(parents=True, exist_ok=True)
    task = progress.task(f"encoding {encoder.data.name}", n)
    with task as advance, atomic(out) as temporary:
        with parquet.ParquetWriter(temporary, table(slice(0, 1)).schema) as writer:
            for rows in batches(n, ROWS):
                writer.write_table(table(rows))
                advance(rows.stop)
        if encoder.centres is not None:
            write_centres(centres_file(out), encoder.centres)
