"""Encoding on Ray: a real cluster of two nodes on this machine, one of which is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wvae import WVAE
from wvae.datasets import Dataset
from wvae.io.files import OutputExistsError
from wvae.workflows import encode_ray
from wvae.workflows.centres import nearest
from wvae.workflows.encode import encode_columns, encode_to_file
from wvae.workflows.encode_parts import part_name
from wvae.workflows.encode_ray import EncodingJob, PartWriter, encode_on_ray, open_encoder
from wvae.workflows.inputs import open_for_model
from wvae.workflows.ray_cluster import import_ray
from wvae.workflows.run_folder import RunError

parquet = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("ray")
ray = import_ray()

# Ray itself uses a retired part of Ray.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
]

N, PART = 12_400, 1000
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # nodes need not find this file


class Slow(PartWriter):
    """Writes slowly, and records which node has started a block."""

    def _nodes(self) -> set[str]:
        started = (self.job.model.parent / "started").iterdir()
        return {path.name.rpartition("-")[0] for path in started}

    def write(self, rows: slice) -> None:
        node = ray.get_runtime_context().get_node_id()
        (self.job.model.parent / "started" / f"{node}-{rows.start}").touch()
        deadline = time.monotonic() + 60
        while len(self._nodes()) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)  # a loaded machine may start the second actor late
        time.sleep(0.4)
        super().write(rows)


@pytest.fixture(scope="module")
def work(planted: Dataset, fitted: WVAE, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder and data that lie where all nodes see them."""
    folder = tmp_path_factory.mktemp("shared")
    rows = np.sort(np.random.default_rng(0).integers(len(planted), size=N))
    np.savez(
        folder / "own.npz",
        x=planted.x[rows],
        animal=planted.y[rows],
        writer=planted.factors["writer"][rows],
    )
    fitted.save(folder / "model")
    (folder / "started").mkdir()
    return folder


@pytest.fixture(scope="module")
def model(work: Path) -> WVAE:
    return WVAE.load(work / "model")


@pytest.fixture(scope="module")
def data(work: Path, model: WVAE) -> Dataset:
    return open_for_model(
        work / "model", model, str(work / "own.npz"), label="animal", log=lambda text: None
    )


@pytest.fixture(scope="module")
def cluster() -> Generator[Any]:
    from ray.cluster_utils import Cluster

    fast_health_checks = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 500,
        "health_check_failure_threshold": 2,
    }
    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": fast_health_checks}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", str(cluster.address))
        yield cluster
    cluster.shutdown()


@pytest.fixture
def encode(
    work: Path, model: WVAE, data: Dataset, cluster: Any, tmp_path: Path
) -> Callable[..., list[str]]:
    """Encode on the cluster to tmp_path/codes, and return the messages."""

    def run(**changes: Any) -> list[str]:
        messages: list[str] = []
        options: dict[str, Any] = {"label": "animal", "log": messages.append} | changes
        source = options.pop("source", str(work / "own.npz"))
        encode_on_ray(
            work / "model", model, source, options.pop("data", data), tmp_path / "codes", **options
        )
        return messages

    return run


def test_other_nodes_take_over_from_a_node_that_dies(
    encode: Callable[..., list[str]],
    cluster: Any,
    work: Path,
    model: WVAE,
    data: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_temporaries: Callable[[], None],
):
    doomed = cluster.add_node(num_cpus=1)
    killed: list[int] = []

    class Killer:
        @contextmanager
        def task(
            self, name: str, total: int, later: Any = None
        ) -> Generator[Callable[[int], None]]:
            def advance(done: int) -> None:
                busy = list((work / "started").glob(f"{doomed.node_id}-*"))
                if busy and not killed:
                    cluster.remove_node(doomed, allow_graceful=False)
                    killed.append(done)

            yield advance

    monkeypatch.setattr(encode_ray, "PartWriter", Slow)
    messages = encode(progress=Killer())
    assert 0 < killed[0] < N - 2 * PART
    assert messages[0] == f"Ray: joined the cluster at {cluster.address}: 2 nodes, 2 CPUs"
    assert messages[1] == "1 of 2 nodes were lost: other nodes have encoded their rows"
    assert messages[2].startswith("12,400 rows, each of them once, in 13 parts; ")
    table = parquet.read_table(tmp_path / "codes")
    assert table.column("row").to_pylist() == list(range(N))
    here = encode_columns(model, data)
    assert table.column_names == [*here, "row"]
    for name, values in here.items():
        np.testing.assert_array_equal(table.column(name).to_numpy(), values)
    no_temporaries()


def test_an_interrupted_encoding_resumes_with_the_missing_parts(
    encode: Callable[..., list[str]],
    model: WVAE,
    data: Dataset,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
):
    messages = encode(k=5, seed=3)
    assert len(messages) == 2
    assert capfd.readouterr() == ("", "")
    whole = parquet.read_table(tmp_path / "codes")
    centres = np.load(tmp_path / "codes" / "_centres.npy")
    z_rest = np.stack([whole.column(f"z_rest{i}").to_numpy() for i in range(3)], 1)
    np.testing.assert_array_equal(whole.column("cluster").to_numpy(), nearest(z_rest, centres))
    encode_to_file(model, data, tmp_path / "here.parquet", k=5, seed=3)
    assert whole.drop_columns("row").equals(parquet.read_table(tmp_path / "here.parquet"))
    with pytest.raises(OutputExistsError, match="codes is there already"):
        encode(k=5, seed=3)
    # As after an interruption, with a half-written file.
    partial = (tmp_path / "codes").rename(tmp_path / "codes.partial")
    for start in (2000, 12_000):
        (partial / part_name(start)).unlink()
    (partial / f".{part_name(2000)}.{'0a1b' * 8}.part").touch()
    with pytest.raises(RunError, match=r"codes.partial .*\(clusters\)"):
        encode(k=4)
    kept = (partial / part_name(0)).stat().st_mtime_ns
    assert "11,000 rows are there already" in encode(k=5, seed=3)
    assert (tmp_path / "codes" / part_name(0)).stat().st_mtime_ns == kept
    assert parquet.read_table(tmp_path / "codes").equals(whole)
    assert not [path for path in (tmp_path / "codes").iterdir() if path.name.startswith(".")]


def test_other_data_on_a_node_are_an_error(
    encode: Callable[..., list[str]], planted: Dataset, tmp_path: Path
):
    np.savez(tmp_path / "own.npz", x=planted.x, animal=planted.y, writer=planted.factors["writer"])
    with pytest.raises(
        ValueError,
        match=r"on the node .*own.npz holds other data",
    ):
        encode(source=str(tmp_path / "own.npz"))
    assert not (tmp_path / "codes").exists()


def test_missing_data_on_a_node_are_an_error(work: Path, tmp_path: Path):
    job = EncodingJob(work / "model", str(tmp_path / "own.npz"), None, (), False, tmp_path, "")
    with pytest.raises(
        ValueError,
        match=r"there is no .*own.npz",
    ):
        open_encoder(job)
    written = PartWriter(job)({"start": np.array([0]), "stop": np.array([1000])})
    assert written["rows"].tolist() == [1000]
    assert "there is no" in written["error"][0]


def test_a_missing_package_on_a_node_is_named(
    monkeypatch: pytest.MonkeyPatch, work: Path, tmp_path: Path
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    job = EncodingJob(work / "model", str(work / "own.npz"), None, (), False, tmp_path, "")
    assert (
        "pyarrow" in PartWriter(job)({"start": np.array([0]), "stop": np.array([1000])})["error"][0]
    )


def test_the_error_of_an_actor_is_named(
    encode: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    class Broken(PartWriter):
        def write(self, rows: slice) -> None:
            raise RuntimeError("out of memory")

    monkeypatch.setattr(encode_ray, "PartWriter", Broken)
    with pytest.raises(RunError, match=r"RuntimeError: out of memory"):
        encode()
    assert capfd.readouterr() == ("", "")


def test_an_address_without_a_cluster_is_an_error(
    encode: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(
        RunError,
        match=r"no Ray at 127.0.0.1:1 \(.* refused\)",
    ):
        encode()
    assert list(tmp_path.iterdir()) == []


def test_ray_is_started_here_without_a_cluster(work: Path, tmp_path: Path):
    arguments = [
        "encode",
        work / "model",
        work / "own.npz",
        "--label",
        "animal",
        "--on",
        "ray",
        "--quiet",
    ]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    done = subprocess.run(
        [sys.executable, "-m", "wvae", *map(str, arguments)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "own-codes\n", "")
    assert len(parquet.read_table(tmp_path / "own-codes")) == N
