"""The connection to Ray: join or start a cluster, list its nodes, quote its errors."""

from __future__ import annotations

import io
import logging
import os
import re
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from typing import Any

from ..datasets.messages import Log, one_line
from .run_folder import RunError

OBJECT_STORE = 128 << 20  # bytes: only row numbers pass through Ray's object store


@contextmanager
def connected(log: Log) -> Generator[None]:
    """Use the Ray of this program if it runs, else the cluster at RAY_ADDRESS, else start Ray.

    Parameters
    ----------
    log
        Receives a message on the cluster and its size.

    Raises
    ------
    RunError
        If Ray cannot be reached or started.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS")
    # Ray prints what happens to nodes on stdout, which is for the result of the command.
    with redirect_stdout(io.StringIO()):
        _start_ray(address)
        try:
            cpus = ray.cluster_resources().get("CPU", 0)
            size = f"{len(live_nodes())} nodes, {cpus:.0f} CPUs"
            if address:
                log(f"Ray: joined the cluster at {address}: {size}")
            else:
                log(f"Ray: started on this machine: {size}")
            yield
        finally:
            ray.shutdown()


def _start_ray(address: str | None) -> None:
    """Join the cluster at this address, or start Ray on this machine."""
    local = {} if address else {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
    options = {"log_to_driver": False, "logging_level": logging.ERROR, **local}
    try:
        host, _, port = (address or "").rpartition(":")
        if port.isdecimal() and "/" not in host:
            # Fails at once where Ray would try for a minute.
            socket.create_connection((host, int(port)), timeout=10).close()
        with _discarded_stderr():
            import_ray().init(address or "local", **options)
    except (OSError, RuntimeError) as error:
        raise RunError(
            f"no Ray at {address or 'this machine'} ({one_line(error)}): start a cluster with "
            "`ray start --head`, or unset RAY_ADDRESS to start Ray on this machine"
        ) from error


@contextmanager
def _discarded_stderr() -> Generator[None]:
    """Discard what native code writes to stderr: Ray comments on its own log level there."""
    sys.stderr.flush()
    with open(os.devnull, "wb") as null, os.fdopen(os.dup(2), "wb") as stderr:
        os.dup2(null.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr.fileno(), 2)


def import_ray() -> Any:
    """Import Ray with usage reports and native logs off; both are read when Ray is imported."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import_module("ray.data")
    return import_module("ray")


def live_nodes() -> set[str]:
    """Return the ids of the nodes that are alive."""
    return {node["NodeID"] for node in import_ray().nodes() if node["Alive"]}


def original_error(error: Exception) -> str:
    """Return the original error, which Ray hides in the middle of a long traceback."""
    pattern = r"^(?!ray\.)[\w.]*(?:Error|Exception): .*"
    causes = re.findall(pattern, str(error), re.MULTILINE)
    return one_line(ValueError(causes[-1])) if causes else one_line(error)
