"""Examples on disk: they index like an array, shuffle well, train the same, and stay on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wvae import WVAE
from wvae.config import Config
from wvae.datasets import open_data, shards
from wvae.datasets.shards import Shards, on_disk
from wvae.nn import distributed
from wvae.training import checkpoint, loader, loop
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loader import BatchLoader, shuffle_buffers
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
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a few kB of examples fill several buffers."""
    monkeypatch.setattr(loader, "BUFFER_BYTES", 2000)
    monkeypatch.setattr(loader, "MIN_BUFFER_BATCHES", 2)
    monkeypatch.setattr(shards, "BLOCK_BYTES", 300)
    monkeypatch.setattr(shards, "CHUNK_BYTES", 500)


@settings(deadline=None)
@given(st.lists(st.integers(-12, 11), max_size=20), st.slices(12))
def test_shards_index_like_an_array(indices: list[int], some_slice: slice):
    array: Any = np.arange(24).reshape(12, 2)
    whole = Shards([array[:5], array[5:]])
    odd = whole.take(np.arange(1, 12, 2))
    keys: list[Any] = [some_slice, np.array(indices, int), np.arange(12) % 3 == 0]
    for key in keys:
        np.testing.assert_array_equal(whole[key], array[key])
    np.testing.assert_array_equal(odd[some_slice], array[1::2][some_slice])
    np.testing.assert_array_equal(odd.take(np.array([0, 2]))[:], array[1::2][[0, 2]])
    np.testing.assert_array_equal(np.asarray(whole), array)
    assert whole.shape == array.shape
    assert (whole[3] == array[3]).all()


@pytest.mark.parametrize(("rows", "wrong"), [([12], 12), ([0, -13], -1), ([3, 40, 50], 40)])
def test_a_row_out_of_bounds_is_an_error_that_names_it(rows: list[int], wrong: int):
    with pytest.raises(IndexError, match=f"row {wrong} .*12 rows"):
        Shards([np.zeros((12, 2))])[np.array(rows)]


@pytest.mark.parametrize("parts", [[], [np.zeros((2, 3)), np.zeros((2, 4))]])
def test_files_of_different_shapes_are_rejected(parts: list[np.ndarray]):
    with pytest.raises(ValueError, match="one shape"):
        Shards(parts)


@pytest.mark.usefixtures("small_buffers")
@pytest.mark.parametrize("source", ["memory", "map", "shards", "subset"])
def test_every_row_comes_once_with_its_own_label(x: np.ndarray, mapped: Any, source: str):
    sources: dict[str, Any] = {
        "memory": x,
        "map": mapped,
        "shards": Shards([mapped[:123], mapped[123:]]),
        "subset": Shards([mapped]).take(np.arange(0, 500, 3)),
    }
    y = np.arange(0, 500, 3) if source == "subset" else np.arange(500)
    batches = BatchLoader(Examples(sources[source], y), 32, CPU)
    first_epoch = list(batches.batches((0, 1)))
    assert len(first_epoch) == batches.steps
    labels = torch.cat([batch.y for batch in first_epoch])
    assert np.array_equal(np.sort(labels.numpy()), y)
    for batch in first_epoch:
        np.testing.assert_allclose(batch.x.numpy(), x[batch.y.numpy()] / 255, rtol=1e-6)
    resumed = list(batches.batches((0, 1), 5))
    assert len(resumed) == batches.steps - 5
    for batch, expected in zip(resumed, first_epoch[5:], strict=True):
        assert torch.equal(batch.y, expected.y)
    second_epoch = torch.cat([batch.y for batch in batches.batches((0, 2))])
    assert not torch.equal(labels, second_epoch)


@pytest.mark.usefixtures("small_buffers")
def test_a_process_reads_only_its_own_part_of_a_buffer(
    mapped: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    labels, blocks = np.arange(500), Shards([mapped]).blocks()
    rows: list[np.ndarray] = []
    first_buffer: list[set[int]] = []
    for rank in range(2):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        batches = list(BatchLoader(Examples(mapped, labels), 32, CPU).batches((0, 1)))
        rows += [batch.y.numpy() for batch in batches]
        two_batches = np.concatenate([batch.y.numpy() for batch in batches[:2]])  # one buffer
        first_buffer.append(set(np.searchsorted(blocks, two_batches, side="right").tolist()))
    assert np.array_equal(np.sort(np.concatenate(rows)), labels)
    assert len(first_buffer[0] & first_buffer[1]) <= 1  # blocks that both processes read


def test_buffers_are_whole_batches_and_mixed_in_8_strata():
    blocks = np.arange(0, 1281, 10)
    buffers = list(shuffle_buffers(blocks, 32, 140, (0, 1)))
    assert [len(buffer) for buffer in buffers] == 10 * [128]  # 140 rows hold 4 batches
    for buffer in buffers:
        # A stratum is 16 neighbouring places of the blocks, so 4 rows of it are in every batch.
        in_blocks = {block: np.flatnonzero(buffer // 10 == block) for block in set(buffer // 10)}
        whole = [places for places in in_blocks.values() if len(places) == 10]
        for places in whole:  # a block touches at most 2 strata: 8 of its rows at most in a batch
            assert np.bincount(places // 32).max() <= 8
    order = np.concatenate(buffers)
    resumed = np.concatenate(list(shuffle_buffers(blocks, 32, 140, (0, 1), 6)))
    np.testing.assert_array_equal(resumed, order[6 * 32 :])


@pytest.mark.parametrize(("n", "batch_size"), [(128, 32), (64, 8)])
def test_every_batch_has_equally_many_rows_of_each_stratum(n: int, batch_size: int):
    mixing = loader._mixing  # pyright: ignore[reportPrivateUsage]
    order = mixing(n, batch_size, np.random.default_rng(0))
    assert np.array_equal(np.sort(order), np.arange(n))
    strata = (order // (n // 8)).reshape(-1, batch_size)
    for batch in strata:
        assert np.bincount(batch, minlength=8).tolist() == 8 * [batch_size // 8]
        assert (np.diff(batch) >= 0).all()  # by stratum, so a process's slice is whole strata


@pytest.mark.usefixtures("small_buffers")
def test_the_labels_of_sorted_data_are_mixed(monkeypatch: pytest.MonkeyPatch):
    """The share of a label in a batch varies little more than in independent samples."""
    n, size, n_classes = 40_000, 64, 10
    y = np.repeat(np.arange(n_classes), n // n_classes)
    blocks = np.arange(0, n + 1, 20)
    order = np.concatenate(list(shuffle_buffers(blocks, size, 4096, (0, 1))))
    starts = range(0, n - size, size)
    shuffled = np.array([(y[order[i : i + size]] == 3).mean() for i in starts])
    unshuffled = np.array([(y[i : i + size] == 3).mean() for i in starts])
    independent = 0.1 * 0.9 / size
    assert 0.5 * independent < shuffled.var() < 2 * independent
    assert unshuffled.var() > 20 * independent
    assert np.mean(np.abs(np.diff(order)) == 1) < 0.01  # neighbours in the file


@pytest.mark.usefixtures("small_buffers")
def test_training_from_disk_resumes_in_the_middle_of_an_epoch_to_the_bit(
    mapped: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    config = Config(
        width=16, depth=1, d_label=2, d_rest=3, epochs=2, batch_size=32, min_steps_per_epoch=1,
        backbone="mlp", device="cpu",
    )  # fmt: skip
    data = Examples(mapped, np.arange(500) % 4)
    whole, interrupted, resumed = (build_model(config, (6, 6), 4) for _ in range(3))
    train(whole, data)
    steps: list[float] = []
    set_learning_rate = loop.set_learning_rate

    def interrupt_at_step_22(*arguments: Any) -> None:
        steps.append(arguments[-1])
        if len(steps) == 22:
            raise KeyboardInterrupt
        set_learning_rate(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "set_learning_rate", interrupt_at_step_22)
        with pytest.raises(KeyboardInterrupt):
            train(interrupted, data, checkpoint=tmp_path / "c")
    history = train(resumed, data, checkpoint=tmp_path / "c")
    assert [row["epoch"] for row in history] == [1, 2]
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def write_parquet(path: Path, x: np.ndarray, **columns: Any) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"x": x.tolist(), **columns}), path, row_group_size=40)


def nested_lists(x: np.ndarray) -> Any:
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
        columns = {"x": nested_lists(x[rows]), "labels": y[rows], "writer": writer[rows]}
        parquet.write_table(pa.table(columns), table / f"part-{i}.parquet", row_group_size=64)
    return {"npy": npy, "parquet": table}


@pytest.mark.parametrize("kind", ["npy", "parquet"])
def test_a_folder_of_shards_stays_on_disk(folders: dict[str, Path], x: np.ndarray, kind: str):
    data = open_data(folders[kind], log=quiet)
    assert on_disk(data.x)
    assert (data.shape, data.kind, data.label_name, len(data)) == ((6, 6), "image", "labels", 500)
    np.testing.assert_array_equal(data.x[:], x)
    np.testing.assert_array_equal(data.x[[499, 3, 250]], x[[499, 3, 250]])
    assert data.y.tolist() == (np.arange(500) % 4).tolist()
    assert data.factors["writer"][499] == "w9"
    half = data.subset(np.arange(500) % 2 == 0)
    assert on_disk(half.x)
    np.testing.assert_array_equal(half.x[:], x[::2])


@pytest.mark.parametrize("kind", ["npy", "parquet"])
@pytest.mark.usefixtures("small_buffers")
def test_shards_train_a_model_as_an_array_does(folders: dict[str, Path], x: np.ndarray, kind: str):
    data = open_data(folders[kind], log=quiet)
    model = WVAE(
        width=16, depth=1, d_label=2, d_rest=3, epochs=2, backbone="mlp", alignment_steps=2,
        finetune_epochs=1,
    ).fit(data.x, data.y)  # fmt: skip
    np.testing.assert_array_equal(model.transform(data.x), model.transform(x))
    assert model.predict(data.x[:7]).shape == (7,)


def test_shards_that_do_not_match_are_an_error(folders: dict[str, Path], x: np.ndarray):
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
    with pytest.raises(ValueError, match=r"part-1.npy .*\(5, 6\).*part-0.npy .*\(6, 6\)"):
        open_data(npy, log=quiet)
    table = folders["parquet"]
    columns = {"labels": np.arange(9) % 2, "writer": ["w"] * 9}
    write_parquet(table / "part-1.parquet", x[:9, :5], **columns)
    with pytest.raises(ValueError, match=r"part-1.parquet .*\(5, 6\).*part-0.parquet .*\(6, 6\)"):
        open_data(table, log=quiet)


PROGRAM = """
import sys
import numpy as np, torch
from wvae.training.examples import Examples
from wvae.training.loader import BatchLoader
from wvae.datasets.shards import Shards
x = np.load(sys.argv[1], mmap_mode="r")
y = np.zeros(len(x), np.int64)
data = Examples(Shards([x]).take(np.arange(0, len(x), 1 if len(x) < 50_000 else 2)), y)
loader = BatchLoader(data, 256, torch.device("cpu"))
for batch in loader.batches((0, 1)):
    pass
data.subsample(5_000, 0)
# resource.getrusage would count the peak of the parent.
lines = open("/proc/self/status").read().splitlines()
print(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024)
"""


def peak_memory(folder: Path, n: int) -> int:
    """Return the peak memory in MB of a pass over n examples on disk."""
    file = folder / f"{n}.npy"
    x = np.lib.format.open_memmap(file, "w+", np.uint8, (n, 28, 28))
    x[:: n // 100] = 7
    x.flush()
    command = [sys.executable, "-c", PROGRAM, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_memory_does_not_grow_with_the_data(tmp_path: Path):
    """A pass over half of 470 MB takes little more memory than a pass over 16 MB."""
    assert peak_memory(tmp_path, 600_000) - peak_memory(tmp_path, 20_000) < 160
