"""Examples on disk: read as an array is, opened from shards, shuffled well enough, and never held in memory whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wvae import WVAE
from wvae.config import Config
from wvae.datasets import open_data, shards
from wvae.datasets.shards import Shards, on_disk
from wvae.training import loader as feeding
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loader import BatchLoader
from wvae.training.loop import train

CPU = torch.device("cpu")


def quiet(text: str) -> None:
    pass


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (500, 6, 6), dtype=np.uint8)


@pytest.fixture
def mapped(x: np.ndarray, tmp_path: Path) -> Any:
    np.save(tmp_path / "x.npy", x)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


@pytest.fixture
def small_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make examples of a few kB large ones."""
    monkeypatch.setattr(feeding, "BUFFER_BYTES", 2000)
    monkeypatch.setattr(feeding, "BUFFER_BATCHES", 2)
    monkeypatch.setattr(shards, "BLOCK_BYTES", 300)
    monkeypatch.setattr(shards, "CHUNK_BYTES", 500)


@given(st.lists(st.integers(-12, 11), max_size=20), st.slices(12))
def test_rows_are_those_of_an_array(rows: list[int], some: slice):
    array: Any = np.arange(24).reshape(12, 2)
    two, odd = (
        Shards([array[:5], array[5:]]),
        Shards([array[:5], array[5:]]).pick(np.arange(1, 12, 2)),
    )
    keys: list[Any] = [some, np.array(rows, int), np.arange(12) % 3 == 0]
    for key in keys:
        np.testing.assert_array_equal(two[key], array[key])
    np.testing.assert_array_equal(odd[some], array[1::2][some])
    np.testing.assert_array_equal(odd.pick(np.array([0, 2]))[:], array[1::2][[0, 2]])
    np.testing.assert_array_equal(np.asarray(two), array)
    assert two.shape == array.shape
    assert (two[3] == array[3]).all()
    with pytest.raises(IndexError):
        two[np.array([12])]


def test_files_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="expected examples of one shape and type"):
        Shards([*map(np.zeros, ((2, 3), (2, 4)))])


@pytest.mark.usefixtures("small_pools")
def test_every_row_comes_once_with_its_own_label_from_memory_and_from_disk(
    x: np.ndarray, mapped: Any
):
    y = np.arange(500)
    sources: list[Any] = [
        x,
        mapped,
        Shards([mapped[:123], mapped[123:]]),
        Shards([mapped]).pick(np.arange(0, 500, 3)),
    ]
    for some in sources:
        labels = y if len(some) == 500 else y[::3]
        feed = BatchLoader(Examples(some, labels), 32, CPU)
        seen = list(feed.batches((0, 1)))
        assert len(seen) == feed.steps
        assert np.array_equal(np.sort(torch.cat([b.y for b in seen]).numpy()), labels)
        for b in seen:
            np.testing.assert_allclose(b.x.numpy(), x[b.y.numpy()] / 255, rtol=1e-6)
        later = list(feed.batches((0, 1), 5))  # a broken epoch finds its place again
        assert all(torch.equal(a.y, b.y) for a, b in zip(seen[5:], later, strict=True))
        other = torch.cat([b.y for b in feed.batches((0, 2))])
        assert not torch.equal(torch.cat([b.y for b in seen]), other)


@pytest.mark.usefixtures("small_pools")
def test_a_process_reads_only_its_own_part_of_a_pool(mapped: Any, monkeypatch: pytest.MonkeyPatch):
    from wvae.nn import distributed as processes

    monkeypatch.setattr(processes, "count", lambda: 2)
    order, blocks = np.arange(500), Shards([mapped]).blocks()
    parts = []
    for k in range(2):
        monkeypatch.setattr(processes, "rank", lambda k=k: k)
        feed = BatchLoader(Examples(mapped, order), 32, CPU)
        parts.append([b.y.numpy() for b in feed.batches((0, 1))])
    assert np.array_equal(np.sort(np.concatenate([np.concatenate(part) for part in parts])), order)
    first = [
        set(np.searchsorted(blocks, np.concatenate(part[:2]), side="right")) for part in parts
    ]  # of one pool
    assert len(first[0] & first[1]) <= 1


@pytest.mark.usefixtures("small_pools")
def test_sorted_data_are_shuffled_well_enough(monkeypatch: pytest.MonkeyPatch):
    """Shares of a label in batches vary by little more than in independent draws, though labels lie in runs."""
    monkeypatch.setattr(feeding, "BUFFER_BYTES", 1 << 14)
    n, size, classes = 40_000, 64, 10
    y = np.repeat(np.arange(classes), n // classes)
    blocks = np.arange(0, n + 1, 20)
    order = np.concatenate(list(feeding.shuffle_buffers(blocks, size, 4096, (0, 1))))
    shares = np.array([(y[order[i : i + size]] == 3).mean() for i in range(0, n - size, size)])
    drawn = 0.1 * 0.9 / size
    assert 0.5 * drawn < shares.var() < 2 * drawn  # 200 blocks to a pool: 1 + 64 / 200
    unmixed = np.array([(y[i : i + size] == 3).mean() for i in range(0, n - size, size)])
    assert unmixed.var() > 20 * drawn  # as it would be in the order of the file
    neighbours = np.mean(np.abs(np.diff(order)) == 1)
    assert neighbours < 0.01


@pytest.mark.usefixtures("small_pools")
def test_training_from_disk_goes_on_in_mid_epoch_to_the_bit(
    mapped: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from wvae.training import checkpoint
    from wvae.training import loop as training

    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    config = Config(
        width=16,
        depth=1,
        d_label=2,
        d_rest=3,
        epochs=2,
        batch_size=32,
        min_steps_per_epoch=1,
        backbone="mlp",
        device="cpu",
    )
    y = np.arange(500) % 4
    whole, broken, resumed = (build_model(config, (6, 6), 4) for _ in range(3))
    train(whole, Examples(mapped, y))
    steps, original = [], training.set_learning_rate

    def stop(*arguments: Any) -> None:
        steps.append(None)
        if len(steps) == 22:
            raise KeyboardInterrupt
        original(*arguments)

    monkeypatch.setattr(training, "set_learning_rate", stop)
    with pytest.raises(KeyboardInterrupt):
        train(broken, Examples(mapped, y), checkpoint=tmp_path / "c")
    monkeypatch.setattr(training, "set_learning_rate", original)
    history = train(resumed, Examples(mapped, y), checkpoint=tmp_path / "c")
    assert [row["epoch"] for row in history] == [1, 2]
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def write_parquet(path: Path, x: np.ndarray, **columns: Any) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"x": x.tolist(), **columns}), path, row_group_size=40)


def typed(x: np.ndarray) -> Any:
    import pyarrow as pa

    flat = pa.array(x.reshape(-1), pa.uint8())
    for size in reversed(x.shape[1:]):
        flat = pa.FixedSizeListArray.from_arrays(flat, size)
    return flat


@pytest.fixture
def folders(x: np.ndarray, tmp_path: Path) -> dict[str, Path]:
    """Return the same examples as .npy and as Parquet shards."""
    import pyarrow as pa
    from pyarrow import parquet

    npy, table = tmp_path / "npy", tmp_path / "parquet"
    npy.mkdir()
    table.mkdir()
    y, writer = np.arange(500) % 4, np.array([f"w{i // 50}" for i in range(500)])
    for i, rows in enumerate((slice(0, 200), slice(200, 500))):
        np.save(npy / f"part-{i}.npy", x[rows])
        np.save(npy / f"part-{i}-labels.npy", y[rows])
        np.save(npy / f"part-{i}-writer.npy", writer[rows])
        columns = {"x": typed(x[rows]), "labels": y[rows], "writer": writer[rows]}
        parquet.write_table(pa.table(columns), table / f"part-{i}.parquet", row_group_size=64)
    return {"npy": npy, "parquet": table}


@pytest.mark.parametrize("kind", ["npy", "parquet"])
def test_a_folder_of_shards_is_opened_where_it_lies(
    folders: dict[str, Path], x: np.ndarray, kind: str
):
    said: list[str] = []
    data = open_data(folders[kind], log=said.append)
    assert on_disk(data.x)
    assert (data.shape, data.kind, data.label_name, len(data)) == ((6, 6), "image", "labels", 500)
    assert any("stay on disk" in line for line in said)
    np.testing.assert_array_equal(data.x[:], x)
    np.testing.assert_array_equal(data.x[[499, 3, 250]], x[[499, 3, 250]])
    assert data.y.tolist() == (np.arange(500) % 4).tolist()
    assert data.factors["writer"][499] == "w9"
    half = data.subset(np.arange(500) % 2 == 0)
    assert on_disk(half.x)
    np.testing.assert_array_equal(half.x[:], x[::2])


@pytest.mark.parametrize("kind", ["npy", "parquet"])
@pytest.mark.usefixtures("small_pools")
def test_shards_train_a_model_as_an_array_does(folders: dict[str, Path], x: np.ndarray, kind: str):
    small: dict[str, Any] = {
        "width": 16,
        "depth": 1,
        "d_label": 2,
        "d_rest": 3,
        "epochs": 2,
        "backbone": "mlp",
    }
    small |= {"alignment_steps": 2, "finetune_epochs": 1}
    data = open_data(folders[kind], log=quiet)
    model = WVAE(**small).fit(data.x, data.y)
    np.testing.assert_array_equal(model.transform(data.x), model.transform(x))
    assert model.predict(data.x[:7]).shape == (7,)


def test_shards_that_do_not_match_are_told(folders: dict[str, Path], x: np.ndarray):
    npy = folders["npy"]
    np.save(npy / "part-1-labels.npy", np.zeros(7))
    with pytest.raises(
        ValueError, match=r"part-1-labels.npy has 7 values, part-1.npy 300 examples"
    ):
        open_data(npy, log=quiet)
    (npy / "part-1-labels.npy").unlink()
    with pytest.raises(ValueError, match=r"part-1.npy has no part-1-labels.npy beside it"):
        open_data(npy, log=quiet)
    np.save(npy / "part-1-labels.npy", np.zeros(300))
    np.save(npy / "part-1.npy", x[:300, :5])
    with pytest.raises(ValueError, match="expected examples of one shape and type"):
        open_data(npy, log=quiet)
    table = folders["parquet"]
    write_parquet(
        table / "part-1.parquet", x[:9].astype(float), labels=np.arange(9) % 2, writer=["w"] * 9
    )
    with pytest.raises(ValueError, match="expected examples of one shape and type"):
        open_data(table, log=quiet)


PROGRAM = """
import sys
import numpy as np, torch
from wvae.training.examples import Examples
from wvae.training.loader import BatchLoader
from wvae.datasets.shards import Shards
x = np.load(sys.argv[1], mmap_mode="r")
data = Examples(Shards([x]).pick(np.arange(0, len(x), 1 if len(x) < 50_000 else 2)), np.zeros(len(x), np.int64))
feed = BatchLoader(data, 256, torch.device("cpu"))
for batch in feed.batches((0, 1)):
    pass
data.subsample(5_000, 0)
lines = open("/proc/self/status").read().splitlines()  # a resource usage would count the parent's peak
print(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_memory_does_not_grow_with_the_data(tmp_path: Path):
    """A pass over half of 470 MB takes little more memory than one over 16 MB."""
    peaks = []
    for n in (20_000, 600_000):
        x = np.lib.format.open_memmap(tmp_path / f"{n}.npy", "w+", np.uint8, (n, 28, 28))
        x[:: n // 100] = 7
        x.flush()
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / f"{n}.npy")]
        peaks.append(
            int(
                subprocess.run(
                    command, check=True, capture_output=True, text=True, timeout=300
                ).stdout
            )
        )
    assert peaks[1] - peaks[0] < 160
