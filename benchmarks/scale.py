"""Memory and speed of training from disk, and the cost of examples, dimensions and labels.

    python benchmarks/scale.py                  # ten million images, 8 GB of disk; ten minutes
    python benchmarks/scale.py --rows 1000000   # smaller
    python benchmarks/scale.py --plot docs/pictures/scale.png

The examples are randomly shifted images of mnist in a temporary folder: all of them as one .npy,
and a tenth as Parquet. Each measurement from disk runs in its own process, which trains the
article's network in batches of 256 for a fixed time and reports its peak memory. Disk and memory
alternate.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from results import add_table
from wvae import datasets
from wvae.config import Config, Preset
from wvae.datasets import open_data
from wvae.training.checkpoint import TrainingState
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loader import BatchLoader
from wvae.training.loop import draw_noise
from wvae.training.pipeline import fit_model
from wvae.training.schedule import make_optimiser

Array = np.ndarray
CPU = torch.device("cpu")
ROWS_AT_ONCE = 100_000
IN_MEMORY = 1_000_000  # examples of the training from memory
SIZES = (1_000, 10_000, 100_000, 1_000_000)  # numbers of examples
LABEL_COUNTS = (2, 10, 100, 1_000, 10_000)  # numbers of labels


def write(folder: Path, n: int) -> None:
    """Write n different images to ``npy/``, and a tenth of them to ``parquet/``."""
    import pyarrow as pa
    from pyarrow import parquet

    source, rng = datasets.load("mnist", progress=False), np.random.default_rng(0)
    for name in ("npy", "parquet"):
        (folder / name).mkdir()
    x = np.lib.format.open_memmap(folder / "npy" / "x.npy", "w+", np.uint8, (n, 28, 28))
    y = np.empty(n, np.uint8)
    for i, start in enumerate(range(0, n, ROWS_AT_ONCE)):
        rows = rng.integers(len(source), size=min(ROWS_AT_ONCE, n - start))
        images = np.roll(source.x[rows], tuple(rng.integers(-2, 3, 2)), axis=(1, 2))
        x[start : start + len(rows)] = images
        y[start : start + len(rows)] = source.indices[rows]
        if start < n / 10:
            lines = pa.FixedSizeListArray.from_arrays(pa.array(images.reshape(-1)), 28)
            lists = pa.FixedSizeListArray.from_arrays(lines, 28)
            table = pa.table({"x": lists, "labels": source.indices[rows]})
            path = folder / "parquet" / f"part-{i:04}.parquet"
            parquet.write_table(table, path, row_group_size=5_000)
    x.flush()
    np.save(folder / "npy" / "x-labels.npy", y)


def train_for(seconds: float, folder: str, storage: str) -> None:
    """Train on a folder of shards for a time; print examples per second and peak memory in MB."""
    before = peak_memory()
    opened = open_data(Path(folder), log=lambda text: None)
    x = opened.x
    if storage == "memory":
        x = np.asarray(opened.subset(np.arange(len(opened)) < IN_MEMORY).x)
    data = Examples(x, opened.indices[: len(x)])
    model = build_model(Config.preset("article", device="cpu"), (28, 28), 10)
    state = TrainingState(model, make_optimiser(model), torch.Generator().manual_seed(0))
    loader = BatchLoader(data, 256, CPU)
    model.train()
    n_examples, start = 0, time.perf_counter()
    for batch in loader.batches((0, 1)):
        noise = draw_noise(model.config, batch.rank_slice, state.generator)
        loss = model(batch.x, batch.y, noise, batch.weights)["loss"]
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        state.optimiser.step()
        n_examples += len(batch.y)
        if time.perf_counter() - start > seconds:
            break
    rate = n_examples / (time.perf_counter() - start)
    data.subsample(60_000, 0)  # as training does after the last epoch
    print(rate, peak_memory() - before)


def peak_memory() -> float:
    """Return this process's peak memory in MB; `resource.getrusage` would include the parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no line VmHWM, expected Linux")


def run_training(folder: Path, storage: str, seconds: float) -> tuple[float, float]:
    """Run `train_for` in a process of its own; return examples per second and peak MB."""
    command = [sys.executable, __file__, "--train", str(folder), storage, str(seconds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rate, memory = done.stdout.split()
    return float(rate), float(memory)


def measure_disk(rows: int, seconds: float) -> tuple[int, float]:
    """Print memory and speed of training from disk and from memory; return rows and µs per row."""
    rates = dict.fromkeys(("memory", "npy", "parquet"), 0.0)
    memory = dict(rates)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), rows)
        for _ in range(2):
            for name in rates:
                storage, source = ("memory", "npy") if name == "memory" else ("disk", name)
                rate, megabytes = run_training(Path(folder) / source, storage, seconds)
                rates[name] = max(rates[name], rate)
                memory[name] = max(memory[name], megabytes)
    table = [["from", "rows", "k examples/s", "relative to memory", "MB above the imports"]]
    n_rows = {"memory": min(rows, IN_MEMORY), "npy": rows, "parquet": rows // 10}
    for name, rate in rates.items():
        ratio = rate / rates["memory"]
        cells = [f"{n_rows[name]:,}", f"{rate / 1e3:.1f}", f"{ratio:.2f}", f"{memory[name]:.0f}"]
        table.append([name, *cells])
    for cells in table:
        print(f"| {' | '.join(cells)} |", flush=True)
    add_table("scale", "python benchmarks/scale.py", table)
    return rows, 1e6 / rates["npy"]


def synthetic(n: int, classes: int) -> Examples:
    """Return n images of noise with two lines, whose position is the label."""
    rng = np.random.default_rng(0)
    y, x = np.arange(n) % classes, rng.integers(0, 40, (n, 28, 28), dtype=np.uint8)
    x[np.arange(n), 4 + y % 20] += 200
    x[np.arange(n), :, 4 + y // 20 % 20] = 230
    return Examples(x, y)


def cost_of(n: int, *, classes: int = 10, preset: Preset = "best", **changes: Any) -> float:
    """Return the µs per example of one epoch, without alignment and fine-tuning."""
    data = synthetic(n, classes)
    changes |= {"device": "cpu", "epochs": 1, "alignment": "none", "finetune_epochs": 0}
    config = Config.preset(preset, **changes)
    model = build_model(config, (28, 28), classes)
    start = time.perf_counter()
    fit_model(model, data)
    return (time.perf_counter() - start) / n * 1e6


def measure_curves(disk: tuple[int, float], largest: int) -> dict[str, list[tuple[int, float]]]:
    """Print and return (size, µs per example) against numbers of examples, dimensions, labels."""
    article = [(n, cost_of(n, preset="article")) for n in SIZES if n <= largest]
    curves = {
        "examples, best": [(n, cost_of(n)) for n in SIZES[:-1] if n <= largest],
        "examples, article": [*article, disk],
        "dimensions of z_rest": [
            (d, cost_of(min(10_000, largest), d_rest=d)) for d in (2, 16, 64, 256)
        ],
        "labels": [
            (k, cost_of(min(20_000, largest), classes=k)) for k in LABEL_COUNTS if 2 * k <= largest
        ],
    }
    print("\n| µs per example | |\n| --- | --- |")
    for name, costs in curves.items():
        values = ", ".join(f"{size:,}: {cost:.0f}" for size, cost in costs)
        print(f"| {name} | {values} |", flush=True)
    return curves


def plot_curves(curves: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """Save a figure with one panel for each curve."""
    import matplotlib.pyplot as plt

    size = (11, 2.8)
    figure, axes = plt.subplots(1, len(curves), figsize=size, sharey=True, layout="constrained")
    for axis, (name, costs) in zip(axes, curves.items(), strict=True):
        sizes, values = np.array(costs).T
        axis.loglog(sizes, values, marker="o", color="#2a6f97")
        axis.set(xlabel=name, ylim=(10, 5000))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("µs per example and epoch")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000, help="images on disk")
    parser.add_argument("--seconds", type=float, default=20.0, help="time of each training")
    parser.add_argument("--plot", type=Path, help="save a figure here")
    parser.add_argument(
        "--largest", type=int, default=1_000_000, help="examples of the largest set in memory"
    )
    parser.add_argument("--train", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        folder, storage, seconds = arguments.train
        train_for(float(seconds), folder, storage)
        return
    disk = measure_disk(arguments.rows, arguments.seconds)
    curves = measure_curves(disk, arguments.largest)
    if arguments.plot is not None:
        plot_curves(curves, arguments.plot)


if __name__ == "__main__":
    main()
