"""Encode on a Ray cluster: actors write one Parquet file for each block of rows.

If a node dies, Ray repeats its blocks on other nodes, including blocks that were written just
before. So an actor writes its codes itself, to a file named after the block's first row, and
renames the file when it is complete. Writing a block twice then has the same result as writing it
once, and the names tell which blocks are missing.
"""

from __future__ import annotations

import logging
import platform
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import CATALOGUE, Dataset
from ..datasets.dataset import Array
from ..datasets.messages import Log
from ..estimator import WVAE
from ..io.files import atomic, sibling
from ..io.model_folder import WEIGHTS_FILE
from ..training.examples import Examples, batches
from .centres import learn_centres, write_centres
from .encode import ROWS, Encoder, make_encoder, make_table, schema_of
from .encode_parts import (
    CENTRES_FILE,
    check_folder,
    check_parts,
    finish_encoding,
    missing_parts,
    part_name,
    part_rows,
    start_encoding,
)
from .inputs import open_for_model
from .progress import Progress, Silent
from .ray_cluster import connected, import_ray, live_nodes, original_error
from .run_folder import RunError, locked

SHARED = "model, data and out must have the same path on every node, as on a shared file system"


@dataclass(frozen=True)
class EncodingJob:
    """What an actor needs to encode any rows: absolute paths, how to open the data, fingerprint."""

    model: Path
    source: str
    label: str | None
    factors: tuple[str, ...]
    drop_missing: bool
    folder: Path
    fingerprint: str  # of the examples


class PartWriter:
    """An actor that opens model and data at its first block and writes a file for each block."""

    def __init__(self, job: EncodingJob) -> None:
        self.job = job
        self.encoder: Encoder | None = None
        self.schema: Any = None

    def __call__(self, batch: dict[str, Array]) -> dict[str, Array]:
        """Write blocks, and return their numbers of ``rows`` and their ``error``, "" for none.

        Parameters
        ----------
        batch
            First rows ``start`` and ends ``stop`` of the blocks, (blocks,) each.
        """
        rows, errors = [], []
        for start, stop in zip(batch["start"].tolist(), batch["stop"].tolist(), strict=True):
            rows.append(stop - start)
            try:
                self.write(slice(start, stop))
                errors.append("")
            except (ValueError, TypeError, OSError, ImportError) as error:
                # Returned, because Ray would wrap it in a long traceback.
                errors.append(f"on the node {platform.node()}: {error}")
        return {"rows": np.array(rows), "error": np.array(errors)}

    def write(self, rows: slice) -> None:
        """Write the part of these rows, atomically."""
        import pyarrow as pa
        from pyarrow import parquet

        if self.encoder is None:
            self.encoder = open_encoder(self.job)
            self.schema = schema_of(self.encoder)
        tables: list[pa.Table] = []
        for block in batches(rows.stop - rows.start, ROWS):
            columns = self.encoder(slice(rows.start + block.start, rows.start + block.stop))
            tables.append(make_table(columns, self.schema))
        with atomic(self.job.folder / part_name(rows.start)) as temporary:
            parquet.write_table(pa.concat_tables(tables), temporary)


def encode_on_ray(
    folder: Path,
    model: WVAE,
    source: str,
    data: Dataset,
    out: Path,
    *,
    label: str | None = None,
    factors: Sequence[str] = (),
    drop_missing: bool = False,
    k: int | None = None,
    seed: int | None = None,
    overwrite: bool = False,
    log: Log,
    progress: Progress | None = None,
) -> None:
    """Write the columns of `Encoder`, with ``row``, as a folder of Parquet parts, by Ray's actors.

    The folder grows as ``<out>.partial`` and is renamed to `out` when every row is there once. An
    interrupted encoding that is started again resumes with the missing parts. It uses the Ray that
    runs in this program, else the cluster at ``RAY_ADDRESS``, else starts Ray on this machine.
    Model, data and `out` must have the same path on every node.

    Parameters
    ----------
    folder
        The model folder.
    model
        The model in that folder.
    source, label, factors, drop_missing
        The arguments of `open_for_model`; every actor opens the data again.
    data
        What `open_for_model` returned.
    out
        The folder to create.
    k, seed
        As in `wvae.workflows.encode.encode_to_file`; the centres are ``_centres.npy`` in the
        folder.
    overwrite
        Whether an existing folder of codes may be replaced. Anything else is never replaced.
    log
        Receives messages on the cluster and on what was written.
    progress
        Shows the progress.

    Raises
    ------
    ValueError
        If a node does not see the same data, rows are missing at the end, k is out of range or two
        columns have the same name.
    wvae.io.files.OutputExistsError
        If `out` exists and may not be replaced.
    RunError
        If another process is writing to it, or Ray cannot be reached or fails.
    """
    # Check everything that can be checked before any work starts, first of all that Ray is there.
    import_ray()
    make_encoder(model, data, k, numbered=True)
    progress = progress or Silent()
    seed = model.config_.random_state if seed is None else seed
    size = part_rows(len(data))
    fingerprint = _fingerprint(data)
    settings = {
        "model": f"{zlib.crc32((folder / WEIGHTS_FILE).read_bytes()):08x}",
        "data": fingerprint,
        "columns": [data.label_name, *data.factors],
        "part": size,
        "clusters": None if k is None else [k, seed],
    }
    partial = sibling(out, ".partial")
    check_folder(out, partial, settings, overwrite)
    source = source if source in CATALOGUE else str(Path(source).resolve())
    model_path, partial_path = folder.resolve(), partial.resolve()
    job = EncodingJob(
        model=model_path,
        source=source,
        label=label,
        factors=tuple(factors),
        drop_missing=drop_missing,
        folder=partial_path,
        fingerprint=fingerprint,
    )
    with connected(log):
        partial.mkdir(parents=True, exist_ok=True)
        with locked(partial):
            start_encoding(partial, settings)
            if k is not None and not (partial / CENTRES_FILE).exists():
                centres = learn_centres(model, data, k, seed=seed, progress=progress)
                write_centres(partial / CENTRES_FILE, centres)
            speed = _write_parts(job, data, size, log, progress)
            n_parts = check_parts(partial, len(data), size)
            finish_encoding(partial, out)
    log(f"{len(data):,} rows, each of them once, in {n_parts:,} parts; {speed:,.0f} rows/s")


def open_encoder(job: EncodingJob) -> Encoder:
    """Return the encoder of a job, opened on the current node.

    Parameters
    ----------
    job
        The job.

    Raises
    ------
    ValueError
        If the node does not see model, data or folder, or sees other data.
    """
    from .. import load

    paths = [job.model, job.folder]
    if job.source not in CATALOGUE:
        paths.append(Path(job.source))
    for path in paths:
        if not path.exists():
            raise ValueError(f"there is no {path}: {SHARED}")
    model = load(str(job.model))
    data = open_for_model(
        job.model,
        model,
        job.source,
        label=job.label,
        factors=job.factors,
        drop_missing=job.drop_missing,
        unlabelled=True,
        log=lambda text: None,
        progress=False,
    )
    if _fingerprint(data) != job.fingerprint:
        raise ValueError(f"{job.source} holds other data than on the first node: {SHARED}")
    file = job.folder / CENTRES_FILE
    centres = np.load(file) if file.exists() else None
    return Encoder(model, data, centres, numbered=True)


def _write_parts(job: EncodingJob, data: Dataset, size: int, log: Log, progress: Progress) -> float:
    """Write the missing parts, and return the speed in rows per second."""
    missing = missing_parts(job.folder, len(data), size)
    nodes, started = live_nodes(), time.perf_counter()
    n_before = len(data) - sum(rows.stop - rows.start for rows in missing)
    n_written = 0
    if n_before:
        log(f"{n_before:,} rows are there already")
    with progress.task(f"encoding {data.name}", len(data)) as advance:
        try:
            for block in _stream(job, missing):
                if block["error"]:
                    raise ValueError(str(block["error"]))
                n_written += int(block["rows"])
                advance(n_before + n_written)
        except import_ray().exceptions.RayError as error:
            raise RunError(
                f"Ray failed ({original_error(error)}): every node needs memory for the data and "
                f"wvae with the same versions of its packages; finished parts are in {job.folder}"
            ) from error
    lost = nodes - live_nodes()
    if lost:
        log(f"{len(lost)} of {len(nodes)} nodes were lost: other nodes have encoded their rows")
    return n_written / (time.perf_counter() - started)


def _stream(job: EncodingJob, missing: list[slice]) -> Iterator[dict[str, Any]]:
    """Yield the result of `PartWriter` for each block, in the order in which blocks are written."""
    ray = import_ray()
    blocks = [{"start": rows.start, "stop": rows.stop} for rows in missing]
    if not blocks:
        return
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    resources = ray.cluster_resources()
    unit = "GPU" if resources.get("GPU", 0) >= 1 else "CPU"
    n_units = resources.get(unit, 0)
    if n_units < 1:
        raise RunError(f"Ray has {n_units:g} {unit}s, expected at least one for an encoder")
    # The pool starts with one actor and grows with the free resources: other programs may use the
    # cluster, and nodes may be lost.
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=int(n_units))
    per_actor = {"num_gpus": 1} if unit == "GPU" else {"num_cpus": 1}
    # One row of `items` per block, because Ray repeats whole tasks. ray.data.range would not do:
    # its tasks wait for CPUs that the actors hold.
    items = ray.data.from_items(blocks, override_num_blocks=len(blocks))
    options = {"fn_constructor_args": (job,), "batch_size": 1, "compute": pool, **per_actor}
    yield from items.map_batches(PartWriter, **options).iter_rows()


def _fingerprint(data: Dataset) -> str:
    """Return a fingerprint of the examples without their labels."""
    return Examples(data.x, np.zeros(0, np.int64)).fingerprint()
