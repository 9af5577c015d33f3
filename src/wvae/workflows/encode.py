"""Encode data: both codes of every row, with its metadata, as columns in memory or in Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..datasets import Dataset
from ..datasets.dataset import Array
from ..estimator import WVAE
from ..io.files import atomic
from ..training.examples import batches
from ..training.inference import column_names, probabilities
from ..validation.quoting import quoted
from .centres import centres_file, check_k, learn_centres, nearest, write_centres
from .inputs import add_column, metadata_columns
from .progress import Progress, Silent

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 10_000  # encoded between two steps of the progress bar; a multiple of EVALUATION_BATCH
# Small row groups are slow to read, and each takes room in the footer of the Parquet file.
BLOCKS_PER_ROW_GROUP = 10

# ------------------------------------------------------------------------------------ in memory


def encode_rows(
    model: WVAE, data: Dataset, progress: Progress | None = None
) -> tuple[Array, Array]:
    """Return z_label (n, d_label) and z_rest (n, d_rest) of all rows, with progress.

    The codes are bit for bit those of `WVAE.encode`.

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data.
    progress
        Shows the progress.
    """
    z_label: list[Array] = []
    z_rest: list[Array] = []
    with (progress or Silent()).task(f"encoding {data.name}", len(data)) as advance:
        for rows in batches(len(data), ROWS):
            label, rest = model.encode(data.x[rows])
            z_label.append(label)
            z_rest.append(rest)
            advance(rows.stop)
    return np.concatenate(z_label), np.concatenate(z_rest)


def code_columns(codes: tuple[Array, Array], data: Dataset) -> dict[str, Array]:
    """Return both codes and the metadata of every example, as named columns of (n,).

    Parameters
    ----------
    codes
        z_label (n, d_label) and z_rest (n, d_rest).
    data
        The data that the codes belong to.

    Raises
    ------
    ValueError
        If two columns have the same name.
    """
    columns: dict[str, Array] = {}
    for name, z in zip(("z_label", "z_rest"), codes, strict=True):
        for i in range(z.shape[1]):
            columns[f"{name}{i}"] = z[:, i]
    for name, values in metadata_columns(data).items():
        add_column(columns, name, values, data.name)
    return columns


class Encoder:
    """Encodes any rows of data into columns of (rows,).

    The columns are both codes, the metadata of each row, ``predicted`` if the model has a
    classifier, ``cluster`` if there are centres, and ``row`` on request. Blocks that start at
    multiples of `EVALUATION_BATCH` have, bit for bit, the codes of all rows encoded together.

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data.
    centres
        Centres of clusters of z_rest, (k, d_rest), or None for no clusters.
    numbered
        Whether there is a column ``row``, the row's number in the data.

    Raises
    ------
    ValueError
        If two columns have the same name.
    """

    def __init__(
        self, model: WVAE, data: Dataset, centres: Array | None = None, *, numbered: bool = False
    ) -> None:
        self.model, self.data, self.centres, self.numbered = model, data, centres, numbered
        self.code_names = column_names(model.config_, "both").tolist()
        self.has_classifier = bool(model.config_.classifier_weight)
        self.metadata = metadata_columns(data)
        taken = set(self.code_names)
        if self.has_classifier:
            taken.add("predicted")
        if centres is not None:
            taken.add("cluster")
        if numbered:  # these numbers count the rows that are left
            self.metadata = metadata_columns(replace(data, rows=None))
            taken.add("row")
        for name in self.metadata:
            if name in taken:
                raise ValueError(
                    f"{data.name} has a column {quoted(name)}, which is also the name of a column "
                    "of the result: rename it"
                )

    def __call__(self, rows: slice) -> dict[str, Array]:
        """Return the columns of these rows."""
        z_label, z_rest = self.model.encode(self.data.x[rows])
        columns = dict(zip(self.code_names, [*z_label.T, *z_rest.T], strict=True))
        for name, values in self.metadata.items():
            columns[name] = values[rows]
        if self.has_classifier:  # from z_label: WVAE.predict would encode the rows again
            predicted = probabilities(self.model.model_, z_label).argmax(1)
            columns["predicted"] = self.model.classes_[predicted]
        if self.centres is not None:
            columns["cluster"] = nearest(z_rest, self.centres)
        if self.numbered:
            columns["row"] = np.arange(rows.start, rows.stop)
        return columns


def encode_columns(
    model: WVAE, data: Dataset, *, progress: Progress | None = None
) -> dict[str, Array]:
    """Return the columns of `Encoder` for all rows; `encode_to_file` needs less memory.

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data. Without any label there is no label column.
    progress
        Shows the progress.

    Raises
    ------
    ValueError
        If two columns have the same name.

    Examples
    --------
    >>> from wvae.datasets import load
    >>> data = load("digits8x8")
    >>> model = WVAE(d_label=2, d_rest=1, epochs=1, width=16).fit(data.x, data.y)
    >>> list(encode_columns(model, data))
    ['z_label0', 'z_label1', 'z_rest0', 'digit', 'predicted']
    """
    encoder = Encoder(model, data)
    blocks: list[dict[str, Array]] = []
    with (progress or Silent()).task(f"encoding {data.name}", len(data)) as advance:
        for rows in batches(len(data), ROWS):
            blocks.append(encoder(rows))
            advance(rows.stop)
    columns: dict[str, Array] = {}
    for name in blocks[0]:
        columns[name] = np.concatenate([block[name] for block in blocks])
    return columns


# ----------------------------------------------------------------------------------- in Parquet


def encode_to_file(
    model: WVAE,
    data: Dataset,
    out: Path,
    *,
    k: int | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write the columns of `Encoder` for all rows as one Parquet file, atomically.

    Blocks of ``data.x`` are read, encoded and appended one after the other, so memory is bounded.

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data.
    out
        The file. An existing file is replaced.
    k
        Number of clusters of z_rest for a column ``cluster``, or None for no clusters. Their
        centres are written beside the file: `wvae.workflows.centres.centres_file`.
    seed
        Seed of the clusters; None is the model's seed.
    progress
        Shows the progress.

    Raises
    ------
    ValueError
        If k is out of range or two columns have the same name.
    """
    import pyarrow as pa
    from pyarrow import parquet

    progress = progress or Silent()
    encoder = make_encoder(model, data, k)
    if k is not None:
        encoder.centres = learn_centres(model, data, k, seed=seed, progress=progress)
    schema = schema_of(encoder)
    blocks: list[pa.Table] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    task = progress.task(f"encoding {data.name}", len(data))
    with task as advance, atomic(out) as temporary:
        with parquet.ParquetWriter(temporary, schema) as writer:
            for rows in batches(len(data), ROWS):
                blocks.append(make_table(encoder(rows), schema))
                if len(blocks) == BLOCKS_PER_ROW_GROUP or rows.stop == len(data):
                    table = pa.concat_tables(blocks)
                    writer.write_table(table, row_group_size=BLOCKS_PER_ROW_GROUP * ROWS)
                    blocks.clear()
                advance(rows.stop)
        if encoder.centres is not None:
            write_centres(centres_file(out), encoder.centres)


def make_encoder(model: WVAE, data: Dataset, k: int | None, *, numbered: bool = False) -> Encoder:
    """Return an `Encoder` whose names and k are checked, before its centres are learnt."""
    if k is None:
        return Encoder(model, data, numbered=numbered)
    check_k(k, len(data))
    return Encoder(model, data, np.empty(0), numbered=numbered)


def schema_of(encoder: Encoder) -> pa.Schema:
    """Return the names and types of an encoder's columns, the same for every block of rows."""
    import pyarrow as pa

    fields: list[tuple[str, pa.DataType]] = []
    for name, values in encoder(slice(0, 1)).items():
        # The type of a column of objects depends on all of them: some blocks may have no label.
        column = encoder.metadata.get(name, values)
        is_object = column.dtype.kind == "O"
        fields.append((name, pa.array(column if is_object else values).type))
    return pa.schema(fields)


def make_table(columns: Mapping[str, Array], schema: pa.Schema | None = None) -> pa.Table:
    """Return columns of (n,) as a table, of this schema if there is one."""
    import pyarrow as pa

    arrays = {name: np.asarray(values) for name, values in columns.items()}
    return pa.table(arrays, schema=schema)


def write_columns(path: Path, columns: Mapping[str, Array]) -> None:
    """Write columns of (n,) as one Parquet file, atomically.

    Parameters
    ----------
    path
        The file. An existing file is replaced, and missing folders are created.
    columns
        Arrays of (n,) by name.
    """
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        parquet.write_table(make_table(columns), temporary)
