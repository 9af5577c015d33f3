"""Encoding on Ray: a real cluster of two nodes on this machine, of which one is killed."""

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
from wvae.workflows import encode_ray as on_ray
from wvae.workflows import encode_stream as streaming
from wvae.workflows.encode import codes_of, nearest, open_like
from wvae.workflows.encode_parts import part_name
from wvae.workflows.encode_ray import Job, Writer, encode_on_ray, opened
from wvae.workflows.run_folder import RunError

parquet = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("ray")
ray = on_ray._ray()

# Ray's own use of what Ray has retired.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")

N, PART = 12_400, 1000
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # nodes need not find this file


class Slow(Writer):
    """Writes slowly, and notes which node has begun a block."""

    def write(self, rows: slice) -> None:
        node = ray.get_runtime_context().get_node_id()
        (self.job.model.parent / "begun" / f"{node}-{rows.start}").touch()
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
    (folder / "begun").mkdir()
    return folder


@pytest.fixture(scope="module")
def model(work: Path) -> WVAE:
    return WVAE.load(work / "model")


@pytest.fixture(scope="module")
def data(work: Path, model: WVAE) -> Dataset:
    return open_like(
        work / "model", model, str(work / "own.npz"), label="animal", log=lambda text: None
    )


@pytest.fixture(scope="module")
def cluster() -> Generator[Any]:
    from ray.cluster_utils import Cluster

    seen_soon = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 500,
        "health_check_failure_threshold": 2,
    }
    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": seen_soon}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", str(cluster.address))
        yield cluster
    cluster.shutdown()


@pytest.fixture
def encode(
    work: Path, model: WVAE, data: Dataset, cluster: Any, tmp_path: Path
) -> Callable[..., list[str]]:
    """Encode on the cluster to tmp_path/codes; return what was said."""

    def run(**changes: Any) -> list[str]:
        said: list[str] = []
        options: dict[str, Any] = {"label": "animal", "say": said.append} | changes
        source = options.pop("source", str(work / "own.npz"))
        encode_on_ray(
            work / "model", model, source, options.pop("data", data), tmp_path / "codes", **options
        )
        return said

    return run


def test_a_node_dies_on_the_way(
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
        def task(self, name: str, total: int) -> Generator[Callable[[int], None]]:
            def advance(done: int) -> None:
                busy = list((work / "begun").glob(f"{doomed.node_id}-*"))
                if busy and not killed:
                    cluster.remove_node(doomed, allow_graceful=False)
                    killed.append(done)

            yield advance

    monkeypatch.setattr(on_ray, "Writer", Slow)
    said = encode(progress=Killer())
    assert 0 < killed[0] < N - 2 * PART
    assert said[0] == f"Ray: joined the cluster at {cluster.address}: 2 nodes, 2 CPUs"
    assert said[1] == "1 of 2 nodes were lost: others have encoded their rows"
    assert said[2].startswith("12,400 rows, each of them once, in 13 parts; ")
    table = parquet.read_table(tmp_path / "codes")
    assert table.column("row").to_pylist() == list(range(N))
    here = codes_of(model, data)
    assert table.column_names == [*here, "row"]
    for name, values in here.items():
        np.testing.assert_array_equal(table.column(name).to_numpy(), values)
    no_temporaries()


def test_it_goes_on_with_the_parts_that_are_missing(
    encode: Callable[..., list[str]],
    model: WVAE,
    data: Dataset,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
):
    said = encode(k=5, seed=3)
    assert len(said) == 2
    assert capfd.readouterr() == ("", "")
    whole = parquet.read_table(tmp_path / "codes")
    centres = np.load(tmp_path / "codes" / "_centres.npy")
    z_rest = np.stack([whole.column(f"z_rest{i}").to_numpy() for i in range(3)], 1)
    np.testing.assert_array_equal(whole.column("cluster").to_numpy(), nearest(z_rest, centres))
    streaming.encode_to_file(model, data, tmp_path / "here.parquet", k=5, seed=3)
    assert whole.drop_columns("row").equals(parquet.read_table(tmp_path / "here.parquet"))
    with pytest.raises(OutputExistsError, match="codes is there already"):
        encode(k=5, seed=3)
    # As if it had been broken off, with a file half-written.
    partial = (tmp_path / "codes").rename(tmp_path / "codes.partial")
    for start in (2000, 12_000):
        (partial / part_name(start)).unlink()
    (partial / f".{part_name(2000)}.{'0a1b' * 8}.part").touch()
    with pytest.raises(
        RunError, match=r"codes.partial holds unfinished codes of something else \(clusters\)"
    ):
        encode(k=4)
    kept = (partial / part_name(0)).stat().st_mtime_ns
    assert "11,000 rows are there already" in encode(k=5, seed=3)
    assert (tmp_path / "codes" / part_name(0)).stat().st_mtime_ns == kept
    assert parquet.read_table(tmp_path / "codes").equals(whole)
    assert not [path for path in (tmp_path / "codes").iterdir() if path.name.startswith(".")]


def test_a_node_that_sees_other_data(
    encode: Callable[..., list[str]], planted: Dataset, tmp_path: Path
):
    np.savez(tmp_path / "own.npz", x=planted.x, animal=planted.y, writer=planted.factors["writer"])
    with pytest.raises(
        ValueError,
        match=r"on the node .*own.npz holds other data than where .*: model, data and out",
    ):
        encode(source=str(tmp_path / "own.npz"))
    assert not (tmp_path / "codes").exists()


def test_a_node_that_sees_nothing(work: Path, tmp_path: Path):
    job = Job(work / "model", str(tmp_path / "own.npz"), None, (), tmp_path, "")
    with pytest.raises(
        ValueError,
        match=r"there is no .*own.npz: model, data and out must lie where every node sees",
    ):
        opened(job)
    written = Writer(job)({"start": np.array([0]), "stop": np.array([1000])})
    assert written["rows"].tolist() == [1000]
    assert "there is no" in written["fault"][0]


def test_a_node_that_lacks_a_package(monkeypatch: pytest.MonkeyPatch, work: Path, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    job = Job(work / "model", str(work / "own.npz"), None, (), tmp_path, "")
    assert "pyarrow" in Writer(job)({"start": np.array([0]), "stop": np.array([1000])})["fault"][0]


def test_a_node_that_breaks_down(
    encode: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    class Broken(Writer):
        def write(self, rows: slice) -> None:
            raise RuntimeError("out of memory")

    monkeypatch.setattr(on_ray, "Writer", Broken)
    with pytest.raises(
        RunError, match=r"Ray gave up \(RuntimeError: out of memory\): every node needs memory for"
    ):
        encode()
    assert capfd.readouterr() == ("", "")


def test_no_cluster_answers(
    encode: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(
        RunError,
        match=r"no Ray at 127.0.0.1:1 \(.* refused\): start a cluster with `ray start --head`",
    ):
        encode()
    assert list(tmp_path.iterdir()) == []


def test_without_a_cluster_ray_is_started_here(work: Path, tmp_path: Path):
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
