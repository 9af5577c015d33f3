"""What many examples, dimensions and labels cost: memory and speed from disk, and curves of cost against size.

    python benchmarks/scale.py                     # ten million images, 8 GB of disk for a while; about ten minutes
    python benchmarks/scale.py --rows 1000000      # less
    python benchmarks/scale.py --plot docs/_static/scale.png

Examples are mnist's, moved and mixed, written to a temporary folder as one .npy and, a tenth of them, as Parquet. Every
measurement from disk runs in a process of its own, whose peak of memory is asked of the system; it trains the article's
network in batches of 256 for so many seconds. Disk and memory take turns.
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

from wvae import datasets
from wvae.config import Config, Preset
from wvae.datasets import open_data
from wvae.training.checkpoint import Checkpointer, TrainingState
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loader import BatchLoader
from wvae.training.loop import draw_noise
from wvae.training.pipeline import fit_model
from wvae.training.schedule import make_optimiser

Array = np.ndarray
CPU = torch.device("cpu")
ROWS_AT_ONCE = 100_000


def write(folder: Path, n: int) -> None:
    """Write n images that no two of are alike to ``npy/``, and a tenth of them to ``parquet/``."""
    import pyarrow as pa
    from pyarrow import parquet

    source, rng = datasets.load("mnist", progress=False), np.random.default_rng(0)
    for name in ("npy", "parquet"):
        (folder / name).mkdir()
    x = np.lib.format.open_memmap(folder / "npy" / "x.npy", "w+", np.uint8, (n, 28, 28))
    y = np.empty(n, np.uint8)
    for i, start in enumerate(range(0, n, ROWS_AT_ONCE)):
        rows = rng.integers(len(source), size=min(ROWS_AT_ONCE, n - start))
        part = np.roll(source.x[rows], tuple(rng.integers(-2, 3, 2)), axis=(1, 2))
        x[start : start + len(rows)], y[start : start + len(rows)] = part, source.indices[rows]
        if start < n / 10:
            lists = pa.FixedSizeListArray.from_arrays(pa.array(part.reshape(-1)), 28)
            table = pa.table(
                {"x": pa.FixedSizeListArray.from_arrays(lists, 28), "labels": source.indices[rows]}
            )
            parquet.write_table(
                table, folder / "parquet" / f"part-{i:04}.parquet", row_group_size=5_000
            )
    x.flush()
    np.save(folder / "npy" / "x-labels.npy", y)


def work(source: str, where: str, seconds: float) -> None:
    """Train on a folder of shards for so many seconds, and print examples per second and the peak of memory in MB."""
    before = peak()
    opened = open_data(Path(source), log=lambda text: None)
    x = (
        opened.x
        if where == "disk"
        else np.asarray(opened.subset(np.arange(len(opened)) < 1_000_000).x)
    )
    data = Examples(x, opened.indices[: len(x)])
    model = build_model(Config.preset("article", device="cpu"), (28, 28), 10)
    state = TrainingState(model, make_optimiser(model), torch.Generator().manual_seed(0))
    feed, keeper, config = (
        BatchLoader(data, 256, CPU),
        Checkpointer(None, state, data),
        model.config,
    )
    model.train()
    seen, start = 0, time.perf_counter()
    for batch in feed.batches((0, 1)):
        noise = draw_noise(config, batch.rank_slice, state.generator)
        loss = model(batch.x, batch.y, noise, batch.weights)["loss"]
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        state.optimiser.step()
        seen += len(batch.y)
        if time.perf_counter() - start > seconds:
            break
    rate = seen / (time.perf_counter() - start)
    data.subsample(60_000, 0)
    print(rate, peak() - before, keeper.earlier_state == "")


def peak() -> float:
    """Return the most memory that this process has had, in MB; a resource usage would count its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def from_disk(rows: int, seconds: float) -> tuple[int, float]:
    """Print memory and speed of training from disk, beside memory; return rows of the .npy, and µs for each."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), rows)
        found: dict[str, list[list[float]]] = {"memory": [], "npy": [], "parquet": []}
        for _ in range(2):
            for name, results in found.items():
                source = str(Path(folder) / ("npy" if name == "memory" else name))
                command = [
                    sys.executable,
                    __file__,
                    "--work",
                    source,
                    "memory" if name == "memory" else "disk",
                ]
                done = subprocess.run(
                    [*command, str(seconds)], check=True, capture_output=True, text=True
                )
                results.append([float(value) for value in done.stdout.split()[:2]])
    rates = {name: max(rate for rate, _ in results) for name, results in found.items()}
    print(
        "\n| from | rows | k examples/s | of memory's | MB above the imports |\n| --- | --- | --- | --- | --- |"
    )
    for name, results in found.items():
        n = {"memory": min(rows, 1_000_000), "npy": rows, "parquet": rows // 10}[name]
        share, most = rates[name] / rates["memory"], max(memory for _, memory in results)
        print(
            f"| {name} | {n:,} | {rates[name] / 1e3:.1f} | {share:.2f} | {most:.0f} |", flush=True
        )
    return rows, 1e6 / rates["npy"]


def drawn(n: int, classes: int) -> Examples:
    """Return n images whose label, of so many, says where two strokes lie."""
    rng = np.random.default_rng(0)
    y, x = np.arange(n) % classes, rng.integers(0, 40, (n, 28, 28), dtype=np.uint8)
    x[np.arange(n), 4 + y % 20] += 200
    x[np.arange(n), :, 4 + y // 20 % 20] = 230
    return Examples(x, y)


def cost_of(n: int, *, classes: int = 10, preset: Preset = "best", **changes: Any) -> float:
    """Return what one epoch costs, in µs for each example, without what follows training."""
    data = drawn(n, classes)
    config = Config.preset(
        preset, device="cpu", epochs=1, alignment="none", finetune_epochs=0, **changes
    )
    model = build_model(config, (28, 28), classes)
    start = time.perf_counter()
    fit_model(model, data)
    return (time.perf_counter() - start) / n * 1e6


def curves(plot: Path | None, largest: tuple[int, float]) -> None:
    """Print, and draw, the cost of an example against how many there are, dimensions and labels."""
    article = [(n, cost_of(n, preset="article")) for n in (1_000, 10_000, 100_000, 1_000_000)]
    lines = {
        "examples, best": [(n, cost_of(n)) for n in (1_000, 10_000, 100_000)],
        "examples, article": [*article, largest],  # the last from disk
        "dimensions of z_rest": [(d, cost_of(10_000, d_rest=d)) for d in (2, 16, 64, 256)],
        "labels": [(k, cost_of(20_000, classes=k)) for k in (2, 10, 100, 1_000, 10_000)],
    }
    print("\n| µs per example | |\n| --- | --- |")
    for name, found in lines.items():
        print(
            f"| {name} | " + ", ".join(f"{size:,}: {cost:.0f}" for size, cost in found) + " |",
            flush=True,
        )
    if plot is not None:
        draw(lines, plot)


def draw(lines: dict[str, list[tuple[int, float]]], plot: Path) -> None:
    """Draw each line in a panel of its own."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(lines), figsize=(11, 2.8), sharey=True, layout="constrained")
    for axis, (name, found) in zip(axes, lines.items(), strict=True):
        axis.loglog(*zip(*found, strict=True), marker="o", color="#2a6f97")
        axis.set(xlabel=name, ylim=(10, 5000))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("µs per example and epoch")
    figure.savefig(plot, dpi=120)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        work(asked.work[0], asked.work[1], float(asked.work[2]))
        return
    curves(asked.plot, from_disk(asked.rows, asked.seconds))


if __name__ == "__main__":
    main()
