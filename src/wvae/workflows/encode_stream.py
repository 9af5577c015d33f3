"""Codes of more data than fit in memory: block by block to one Parquet file, with clusters in the same pass."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

from ..datasets import Dataset
from ..datasets.dataset import Array
from ..estimator import WVAE
from ..io.files import atomic
from ..training.examples import EVALUATION_BATCH, batches
from .encode import ROWS, Encoder
from .run_folder import Progress, Silent

if TYPE_CHECKING:
    import pyarrow as pa

GROUP = 10  # blocks in a row group of Parquet: small groups are slow to read, and every one takes room in the footer
MOST, RUN = 200_000, 100  # rows that centres are learnt from; of them, so many lie side by side
MINI_BATCH, STARTS = 4096, 10


def encode_to_file(
    model: WVAE,
    data: Dataset,
    out: Path,
    *,
    k: int | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write both codes of every row, and all columns of `Encoder`, as one Parquet file, atomically.

    Memory is bounded: blocks of ``data.x`` are read, encoded and appended, one after the other.

    Parameters
    ----------
    model, data
        Fitted, and examples like those it was trained on.
    out
        The file; one that is there is replaced.
    k, seed
        Number of clusters of z_rest, for a column ``cluster``, and the seed of `learn_centres`, the model's unless it
        is given. The centres are written beside the file, as `centres_file` calls them.
    progress
        Who shows progress.

    Raises
    ------
    ValueError
        If k cannot be used, or the label or a factor is called as another column is.
    """
    import pyarrow as pa
    from pyarrow import parquet

    encoder = Encoder(
        model, data, None if k is None else np.empty(0)
    )  # it refuses a name before centres are learnt
    if k is not None:
        encoder.centres = learn_centres(model, data, k, seed=seed, progress=progress)
    schema, waiting = schema_of(encoder), list[pa.Table]()
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        (progress or Silent()).task(f"encoding {data.name}", len(data)) as advance,
        atomic(out) as temporary,
    ):
        with parquet.ParquetWriter(temporary, schema) as writer:
            for rows in batches(len(data), ROWS):
                waiting.append(table_of(encoder(rows), schema))
                if len(waiting) == GROUP or rows.stop == len(data):
                    writer.write_table(pa.concat_tables(waiting), row_group_size=GROUP * ROWS)
                    waiting.clear()
                advance(rows.stop)
        if encoder.centres is not None:
            write_centres(centres_file(out), encoder.centres)


def centres_file(out: Path) -> Path:
    """Return where the centres of the clusters in a file of codes are written, (k, d_rest): beside it.

    Examples
    --------
    >>> centres_file(Path("mnist-codes.parquet")).name
    'mnist-codes-centres.npy'
    """
    return out.with_name(f"{out.stem}-centres.npy")


def write_centres(path: Path, centres: Array) -> None:
    """Write centres, (k, d_rest), as .npy, atomically."""
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.save(file, centres)


def schema_of(encoder: Encoder) -> pa.Schema:
    """Return names and types of the columns: the same for every block, though one may have no label at all."""
    import pyarrow as pa

    # The type of objects depends on all of them; that of other arrays can be told from one value.
    known = {name: values for name, values in encoder.known if values.dtype.kind == "O"}
    first = encoder(slice(0, 1))
    return pa.schema(
        [(name, pa.array(known.get(name, values)).type) for name, values in first.items()]
    )


def table_of(columns: dict[str, Array], schema: pa.Schema) -> pa.Table:
    """Return columns of one block as a table of this schema."""
    import pyarrow as pa

    return pa.table({name: np.asarray(values) for name, values in columns.items()}, schema=schema)


def learn_centres(
    model: WVAE, data: Dataset, k: int, *, seed: int | None = None, progress: Progress | None = None
) -> Array:
    """Return centres of k clusters of z_rest, (k, d_rest) float32, by K-Means in mini-batches.

    They are learnt from all rows, or from 200,000 of them, in short runs from all over the data: whoever stores data
    sorts them, so that a few long blocks would know a few writers only. All codes of these rows are kept, for
    k-means++ to choose from and to go over several times.

    Parameters
    ----------
    model, data
        Fitted, and examples like those it was trained on.
    k
        Number of clusters, at least 2; each must have two of the rows that centres are learnt from.
    seed
        Of rows and clusters; None: the model's.
    progress
        Who shows progress.

    Raises
    ------
    ValueError
        If k cannot be used.

    References
    ----------
    Sculley (2010), Web-scale k-means clustering.
    """
    check_k(k, len(data))
    n = min(len(data), MOST)
    seed = model.config_.random_state if seed is None else seed
    rng, parts = np.random.default_rng(seed), list[Array]()
    with (progress or Silent()).task(f"learning {k} centres", n) as advance:
        for rows in _sampled(len(data), rng):
            parts.append(model.encode(np.concatenate([data.x[run] for run in rows]))[1])
            advance(min(n, sum(map(len, parts))))
        z = np.concatenate(parts)
        means = MiniBatchKMeans(k, batch_size=MINI_BATCH, n_init=STARTS, random_state=seed)  # pyright: ignore[reportArgumentType]
        with warnings.catch_warnings():
            # Fewer distinct codes than clusters, of a collapsed code: training has told that already.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return np.asarray(means.fit(z).cluster_centers_, np.float32)


def check_k(k: int, n: int) -> None:
    """Raise a ValueError if no k centres can be learnt from n rows."""
    most = min(n, MOST) // 2
    if not 2 <= k <= most:
        raise ValueError(
            f"k is {k}, expected 2 to {most}, half of the rows that centres are learnt from"
        )


def _sampled(n: int, rng: np.random.Generator) -> list[list[slice]]:
    """Return runs of rows, in groups that are encoded together: all of up to MOST rows, else MOST drawn of them."""
    if n > MOST:
        starts = RUN * np.sort(rng.choice(n // RUN, MOST // RUN, replace=False))
        runs = [slice(start, start + RUN) for start in starts.tolist()]
    else:
        runs = list(batches(n, RUN))
    return [runs[rows] for rows in batches(len(runs), EVALUATION_BATCH // RUN)]
