"""Codes of more data than one machine gets through: Ray's actors write one Parquet file for each block of rows.

If a node dies, Ray runs its blocks anew elsewhere, also one that was written just before. So an actor does not hand its
codes on to be written: it writes them itself, to a file that is named after the block's first row, by renaming. To
write a block twice is then to write it once, and the names say which blocks are missing.
"""

from __future__ import annotations

import io
import logging
import os
import platform
import re
import socket
import sys
import time
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import CATALOGUE, Dataset
from ..datasets.dataset import Array
from ..datasets.messages import Log, one_line
from ..estimator import WVAE
from ..io.files import atomic
from ..io.model_folder import WEIGHTS_FILE
from ..training.examples import Examples, batches
from .encode import ROWS, Encoder, open_like
from .encode_parts import (
    CENTRES_FILE,
    begin,
    check_folder,
    check_parts,
    finish,
    missing_parts,
    part_name,
    part_rows,
)
from .encode_stream import check_k, learn_centres, schema_of, table_of, write_centres
from .run_folder import Progress, RunError, Silent, locked

STORE = 128 << 20  # bytes of Ray's object store: only the numbers of rows pass through it
SHARED = "model, data and out must lie where every node sees them by the same path, as on a shared file system"


@dataclass(frozen=True)
class Job:
    """What an actor needs to encode any rows: absolute paths, how the data are opened, and what they look like."""

    model: Path
    source: str
    label: str | None
    factors: tuple[str, ...]
    folder: Path
    seen: str  # fingerprint of the examples


class Writer:
    """An actor: it opens model and data once, when its first block comes, and writes a file for each block."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.encoder: Encoder | None = None
        self.schema: Any = None

    def __call__(self, batch: dict[str, Array]) -> dict[str, Array]:
        """Write the blocks from ``start`` to ``stop``, (blocks,) each; return their ``rows``, and ``fault`` or ""."""
        rows, faults = [], []
        for start, stop in zip(batch["start"].tolist(), batch["stop"].tolist(), strict=True):
            rows.append(stop - start)
            try:
                self.write(slice(start, stop))
                faults.append("")
            except (
                ValueError,
                TypeError,
                OSError,
                ImportError,
            ) as error:  # Ray would wrap it in pages of its own
                faults.append(f"on the node {platform.node()}: {error}")
        return {"rows": np.array(rows), "fault": np.array(faults)}

    def write(self, rows: slice) -> None:
        """Write the part of these rows, atomically."""
        import pyarrow as pa
        from pyarrow import parquet

        if self.encoder is None:
            self.encoder = opened(self.job)
            self.schema = schema_of(self.encoder)
        blocks = [
            slice(rows.start + b.start, rows.start + b.stop)
            for b in batches(rows.stop - rows.start, ROWS)
        ]
        table = pa.concat_tables([table_of(self.encoder(block), self.schema) for block in blocks])
        with atomic(self.job.folder / part_name(rows.start)) as temporary:
            parquet.write_table(table, temporary)


def encode_on_ray(
    folder: Path,
    model: WVAE,
    source: str,
    data: Dataset,
    out: Path,
    *,
    label: str | None = None,
    factors: Sequence[str] = (),
    k: int | None = None,
    seed: int | None = None,
    overwrite: bool = False,
    log: Log,
    progress: Progress | None = None,
) -> None:
    """Write the columns of `Encoder` and ``row``, (n,) int64, as a folder of Parquet parts, by actors of Ray.

    It grows as ``<out>.partial`` and is named `out` when every row is there once. Broken off, it goes on with the parts
    that are missing when it is started again. Ray is that of the calling program, else the cluster at ``RAY_ADDRESS``,
    else started on this machine. Model, data and `out` must lie where all nodes see them.

    Parameters
    ----------
    folder, model
        The model folder and what it holds.
    source, data, label, factors
        What `open_like` was given, and what it returned: every actor opens it again.
    out
        The folder to make.
    k, seed
        As in `wvae.workflows.encode_stream.encode_to_file`; the centres are ``_centres.npy`` in the folder.
    overwrite
        Whether a folder of codes of that name may be replaced; anything else never is.
    log, progress
        Who is told which Ray it is and what was written; who shows progress.

    Raises
    ------
    ValueError
        If a node does not see the same data, if rows are missing afterwards, or for a column or k that cannot be used.
    wvae.io.files.OutputExistsError
        If `out` is there already, or holds something else.
    RunError
        If another process is making it, or there is no such cluster.
    """
    # What can be refused is, before anything is begun: Ray that is not installed, two columns of one name.
    _ray()
    Encoder(model, data, None if k is None else np.empty(0), numbered=True)
    if k is not None:
        check_k(k, len(data))
        seed = model.config_.random_state if seed is None else seed
    size = part_rows(len(data))
    about = {
        "model": f"{zlib.crc32((folder / WEIGHTS_FILE).read_bytes()):08x}",
        "data": _fingerprint(data),
        "columns": [data.label_name, *data.factors],
        "part": size,
        "clusters": None if k is None else [k, seed],
    }
    partial = out.with_name(out.name + ".partial")
    check_folder(out, partial, about, overwrite)
    source = source if source in CATALOGUE else str(Path(source).resolve())
    job = Job(folder.resolve(), source, label, tuple(factors), partial.resolve(), about["data"])
    with _connected(log):
        partial.mkdir(parents=True, exist_ok=True)
        with locked(partial):
            begin(partial, about)
            if k is not None and not (partial / CENTRES_FILE).exists():
                write_centres(
                    partial / CENTRES_FILE,
                    learn_centres(model, data, k, seed=seed, progress=progress),
                )
            speed = _write_parts(job, data, size, log, progress or Silent())
            parts = check_parts(partial, len(data), size)
            finish(partial, out)
    log(f"{len(data):,} rows, each of them once, in {parts:,} parts; {speed:,.0f} rows/s")


def opened(job: Job) -> Encoder:
    """Return what encodes a job's data, opened on whatever node this is.

    Raises
    ------
    ValueError
        If the node does not see model, data or out, or sees other data.
    """
    from .. import load

    for path in (job.model, job.folder, *([] if job.source in CATALOGUE else [Path(job.source)])):
        if not path.exists():
            raise ValueError(f"there is no {path}: {SHARED}")
    model = load(str(job.model))
    options: dict[str, Any] = {"label": job.label, "factors": job.factors, "unlabelled": True}
    data = open_like(job.model, model, job.source, **options, log=lambda text: None, progress=False)
    if _fingerprint(data) != job.seen:
        raise ValueError(
            f"{job.source} holds other data than where the command was given: {SHARED}"
        )
    centres = job.folder / CENTRES_FILE
    return Encoder(model, data, np.load(centres) if centres.exists() else None, numbered=True)


def _write_parts(job: Job, data: Dataset, size: int, log: Log, progress: Progress) -> float:
    """Write the parts that are missing, and return how many rows per second."""
    missing = missing_parts(job.folder, len(data), size)
    nodes, written, started = _nodes(), 0, time.perf_counter()
    before = len(data) - sum(rows.stop - rows.start for rows in missing)
    if before:
        log(f"{before:,} rows are there already")
    with progress.task(f"encoding {data.name}", len(data)) as advance:
        try:
            for block in _stream(job, missing):
                if block["fault"]:
                    raise ValueError(str(block["fault"]))
                written += int(block["rows"])
                advance(before + written)
        except _ray().exceptions.RayError as error:
            raise RunError(
                f"Ray gave up ({_cause(error)}): every node needs memory for the data and wvae with its packages, as "
                f"they are here; what is done is kept in {job.folder}"
            ) from error
    lost = nodes - _nodes()
    if lost:
        log(f"{len(lost)} of {len(nodes)} nodes were lost: others have encoded their rows")
    return written / (time.perf_counter() - started)


def _stream(job: Job, missing: list[slice]) -> Iterator[dict[str, Any]]:
    """Yield what `Writer` returns for each block, as blocks are written."""
    ray = _ray()
    blocks = [{"start": rows.start, "stop": rows.stop} for rows in missing]
    if not blocks:
        return
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    room = ray.cluster_resources()
    unit = "GPU" if room.get("GPU", 0) >= 1 else "CPU"
    if room.get(unit, 0) < 1:
        raise RunError(
            f"Ray has {room.get(unit, 0):g} {unit}s, expected at least one for an encoder"
        )
    # It begins with one actor and grows with the room there is: others may be at work on the cluster, or nodes be lost.
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=int(room[unit]))
    each = {"num_gpus": 1} if unit == "GPU" else {"num_cpus": 1}
    # A block each, as Ray's tasks are whole blocks; and no ray.data.range, whose tasks want CPUs that the actors have.
    rows = ray.data.from_items(blocks, override_num_blocks=len(blocks))
    yield from rows.map_batches(
        Writer, fn_constructor_args=(job,), batch_size=1, compute=pool, **each
    ).iter_rows()


@contextmanager
def _connected(log: Log) -> Generator[None]:
    """Use the Ray that is running in this program, else join the cluster at RAY_ADDRESS, else start one here."""
    ray = _ray()
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS")
    here = {} if address else {"include_dashboard": False, "object_store_memory": STORE}
    # Ray prints what becomes of nodes, at length, on stdout, where our result is.
    with redirect_stdout(io.StringIO()):
        try:
            host, _, port = (address or "").rpartition(":")
            if port.isdecimal() and "/" not in host:
                socket.create_connection(
                    (host, int(port)), timeout=10
                ).close()  # Ray would try for a minute
            with _speechless():
                ray.init(
                    address or "local", log_to_driver=False, logging_level=logging.ERROR, **here
                )
        except (OSError, RuntimeError) as error:
            raise RunError(
                f"no Ray at {address or 'this machine'} ({one_line(error)}): start a cluster with `ray start --head`, "
                "or unset RAY_ADDRESS for one on this machine"
            ) from error
        try:
            room = f"{len(_nodes())} nodes, {ray.cluster_resources().get('CPU', 0):.0f} CPUs"
            log(
                f"Ray: joined the cluster at {address}: {room}"
                if address
                else f"Ray: started on this machine: {room}"
            )
            yield
        finally:
            ray.shutdown()


@contextmanager
def _speechless() -> Generator[None]:
    """Send to nowhere what other languages than Python write to stderr: Ray says that it was told to say little."""
    sys.stderr.flush()
    with open(os.devnull, "wb") as nowhere, os.fdopen(os.dup(2), "wb") as stderr:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr.fileno(), 2)


def _ray() -> Any:
    # Read when Ray is imported: nothing is sent to anybody, and what goes wrong is told in our words.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import_module("ray.data")
    return import_module("ray")


def _nodes() -> set[str]:
    return {node["NodeID"] for node in _ray().nodes() if node["Alive"]}


def _cause(error: Exception) -> str:
    """Return what was wrong on the node: Ray has it in the middle of a traceback and advice."""
    named = re.findall(r"^(?!ray\.)[\w.]*(?:Error|Exception): .*", str(error), re.MULTILINE)
    return one_line(ValueError(named[-1])) if named else one_line(error)


def _fingerprint(data: Dataset) -> str:
    return Examples(data.x, np.zeros(0, np.int64)).fingerprint()
