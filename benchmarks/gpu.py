"""Speed on a GPU, beside the processor of the same machine and the GPU's own matrix products.

    python benchmarks/gpu.py      # about two minutes; docs/results/gpu.json, gpu-processor.json

Experiment I's budget is that of the article: 240,000 digits, 50 epochs, its network and objective
with one number for each code. The 60,000 training images of mnist are taken four times over, since
EMNIST's 240,000 have the same size. Times are those of training alone, after a warm-up of one
epoch. Rates of matrix products are measured in the same run, on random numbers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import torch

from results import add_run, current_commit, machine, rounded
from wvae import WVAE, datasets
from wvae.config import Config
from wvae.training.checkpoint import Checkpointer, TrainingState
from wvae.training.examples import Examples
from wvae.training.initialise import build_model, initialise_from_data
from wvae.training.loader import BatchLoader
from wvae.training.loop import evaluate, graphed_training_step, train_epoch
from wvae.training.schedule import make_optimiser

PIXELS, WIDTH = 784, 500
ROWS, EPOCHS = 240_000, 50
ENCODED = 1_000_000

Metrics = dict[str, float]


def seconds_of(call: Callable[[], object]) -> float:
    """Return the seconds of a call, with all work of the GPU done."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def product_rate(dtype: torch.dtype, size: int = 8192) -> float:
    """Return the rate of square matrix products in operations per second, the best of ten."""
    a, b = (torch.randn(size, size, device="cuda").to(dtype) for _ in range(2))
    _ = a @ b
    return 2 * size**3 / min(seconds_of(lambda: a @ b) for _ in range(10))


def operations_per_example() -> int:
    """Return the operations in matrix products per training example, with 1 + 1 dimensions."""
    forward = PIXELS * WIDTH + WIDTH * 4 + 2 * WIDTH + WIDTH * PIXELS + 10
    return 2 * (3 * forward - PIXELS * WIDTH)  # the input has no gradient


class Training:
    """A training of Experiment I whose epochs are timed.

    Parameters
    ----------
    config
        Its device decides where it runs.
    data
        Examples in memory.
    graphed
        Whether steps are recorded as a CUDA graph, as `WVAE.fit` does it.
    compiled
        Whether `torch.compile` fuses the objective.
    """

    def __init__(
        self, config: Config, data: Examples, *, graphed: bool = True, compiled: bool = False
    ) -> None:
        self.config, self.model = config, build_model(config, data.x.shape[1:], 10)
        device = next(self.model.parameters()).device
        initialise_from_data(self.model, data)
        if compiled:
            self.model.compile(dynamic=False)
        generator = torch.Generator(device).manual_seed(config.random_state)
        self.state = TrainingState(self.model, make_optimiser(self.model), generator)
        self.loader = BatchLoader(data, config.batch_size, device)
        self.checkpointer = Checkpointer(None, self.state, data)
        if graphed:
            self.state.graphed_step = graphed_training_step(self.state, self.loader)

    def run(self, epochs: int) -> float:
        """Return the seconds of some epochs, after one more that is not counted."""
        self.epoch(1)
        start = time.perf_counter()
        for epoch in range(1, epochs + 1):
            self.epoch(epoch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter() - start

    def epoch(self, epoch: int) -> None:
        """Pass once over the data."""
        train_epoch(self.state, self.loader, epoch, self.checkpointer)


def budget_metrics(data: Examples, test: Examples) -> Metrics:
    """Return seconds and test loss of Experiment I's budget, for several ways to train."""
    article = Config.preset("article", d_label=1, d_rest=1, epochs=EPOCHS, device="cuda")
    # Eight times the batch, four times the rate: fewer steps to a test loss that is no higher.
    large = {
        "batch_size": 2048,
        "schedule": "linear",
        "learning_rate": 4e-3,
        "precision": "bfloat16",
    }
    ways = {
        "batch256": Training(article, data),
        "batch2048": Training(replace(article, **large), data, compiled=True),
    }
    metrics: Metrics = {}
    for name, training in ways.items():
        seconds = training.run(EPOCHS)
        loss = evaluate(training.model, test)["loss"]
        metrics |= {f"budget.{name}.seconds": seconds, f"budget.{name}.loss": loss}
        print(f"{name}: {seconds:.2f} s, test loss {loss:.2f}", flush=True)
    one_by_one = Training(article, data, graphed=False)
    metrics["budget.eager.seconds"] = EPOCHS * one_by_one.run(1)
    print(f"eager: {metrics['budget.eager.seconds']:.1f} s", flush=True)
    fastest = min(value for key, value in metrics.items() if key.endswith("seconds"))
    metrics["budget.operations_per_second"] = (
        operations_per_example() * len(data.x) * EPOCHS / fastest
    )
    return metrics


def best_metrics(images: datasets.Dataset) -> Metrics:
    """Return the seconds of `best` on 60,000 images and of encoding a million."""
    train = images.subset(images.split == "train")
    test = images.subset(images.split == "test")
    model = WVAE(device="cuda")
    metrics = {"best.seconds": seconds_of(lambda: model.fit(train.x, train.y))}
    metrics["best.accuracy"] = float((model.predict(test.x) == test.y).mean())
    print(f"best: {metrics['best.seconds']:.1f} s", flush=True)
    million = np.resize(images.x, (ENCODED, *images.shape))
    model.encode(million[:20_000])
    metrics["encode.seconds"] = seconds_of(lambda: model.encode(million))
    print(f"encode: {metrics['encode.seconds']:.1f} s", flush=True)
    examples = Examples(train.x, train.indices)
    metrics["best.epoch.seconds"] = Training(Config(device="cuda"), examples).run(1)
    print(f"best, one epoch: {metrics['best.epoch.seconds']:.2f} s", flush=True)
    return metrics


def processor_metrics(images: datasets.Dataset, data: Examples) -> Metrics:
    """Return the seconds of the same trainings on the processor, from one epoch each."""
    article = Config.preset("article", d_label=1, d_rest=1, epochs=EPOCHS, device="cpu")
    metrics = {"budget.seconds": EPOCHS * Training(article, data).run(1)}
    print(f"processor, the whole budget: {metrics['budget.seconds']:.1f} s", flush=True)
    train = images.subset(images.split == "train")
    examples = Examples(train.x, train.indices)
    metrics["best.epoch.seconds"] = Training(Config(device="cpu"), examples).run(1)
    print(f"processor, one epoch of best: {metrics['best.epoch.seconds']:.1f} s", flush=True)
    return metrics


def write(name: str, metrics: Metrics, commit: str | None, start: float) -> None:
    """Write what has been measured."""
    entry = {
        "seed": 0,
        "commands": ["python benchmarks/gpu.py"],
        "commit": commit or current_commit(),
        "date": date.today().isoformat(),
        "epochs": EPOCHS,
        "machine": machine(str(torch.get_num_threads())),
        "seconds": round(time.monotonic() - start),
        "metrics": rounded(metrics),
    }
    add_run(name, entry)


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=("processor", "gpu"), help="only this (default: both)")
    parser.add_argument("--commit", help="of the code (default: ask git)")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("there is no GPU here: nothing is measured, and docs/results/gpu.json stays")
    torch.backends.cuda.matmul.allow_tf32 = False
    mnist = datasets.load("mnist", progress=False)
    train_rows = np.resize(np.flatnonzero(mnist.split == "train"), ROWS)
    test_rows = np.flatnonzero(mnist.split == "test")
    data = Examples(mnist.x[train_rows], mnist.indices[train_rows])
    test = Examples(mnist.x[test_rows], mnist.indices[test_rows])
    start = time.monotonic()
    if arguments.part != "gpu":
        write("gpu-processor", processor_metrics(mnist, data), arguments.commit, start)
    if arguments.part != "processor":
        metrics = {
            "products.float32": product_rate(torch.float32),
            "products.bfloat16": product_rate(torch.bfloat16),
        }
        print(f"matrix products: {metrics}", flush=True)
        metrics |= budget_metrics(data, test)
        write("gpu", metrics, arguments.commit, start)
        metrics |= best_metrics(mnist)
        write("gpu", metrics, arguments.commit, start)


if __name__ == "__main__":
    main()
