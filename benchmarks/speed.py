"""Training speed relative to the machine's limit and to peers, all measured in the same run.

    python benchmarks/speed.py            # about eight minutes; writes docs/results/speed.json
    python benchmarks/speed.py --short    # without the 50 epochs

The limit is the measured rate of matrix products at the network's shapes, divided by the operations
per example. The peers are pythae's VAE of the same size (if it is installed), an in-memory PyTorch
loop, and DataLoader loops over tensors and over PIL images. All train the article's network on the
60,000 images of mnist in batches of 256. They alternate, so that load affects all of them; the best
round counts.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset

from results import add_table
from wvae import datasets
from wvae.config import Config
from wvae.nn.alignment import Alignment
from wvae.nn.sliced_ot import KNOTS
from wvae.training.checkpoint import Checkpointer, TrainingState
from wvae.training.examples import Examples
from wvae.training.inference import posterior
from wvae.training.initialise import build_model
from wvae.training.loader import BatchLoader
from wvae.training.loop import evaluate, train, train_epoch
from wvae.training.schedule import make_optimiser

Array = np.ndarray
BATCH, WIDTH, PIXELS, CODES = 256, 500, 784, 20
CPU = torch.device("cpu")
GOALS = {"limit": "≥ 0.85", "conv": "≥ 0.6", "pythae": "≥ 2", "DataLoader over tensors": "≥ 2.2"}
EPOCHS = 50  # of the loop whose test loss is the target


def product_rate(dtype: torch.dtype) -> float:
    """Return the rate of the five large matrix products of a step, in operations per second."""
    x, gradient = torch.rand(2, BATCH, PIXELS).to(dtype)
    hidden = torch.rand(BATCH, WIDTH).to(dtype)
    encoder = torch.rand(WIDTH, PIXELS).to(dtype)
    decoder = torch.rand(PIXELS, WIDTH).to(dtype)

    def step() -> None:
        a = x @ encoder.T
        _ = hidden @ decoder.T, gradient @ decoder, gradient.T @ hidden, a.T @ x

    seconds = best_seconds(step, 40, rounds=6)
    return 5 * 2 * BATCH * PIXELS * WIDTH / seconds


def operations() -> int:
    """Return the operations in matrix products per training example of the article's network."""
    forward = PIXELS * WIDTH + WIDTH * 2 * CODES + CODES * WIDTH + WIDTH * PIXELS + CODES // 2 * 10
    return 2 * (3 * forward - PIXELS * WIDTH)  # the input has no gradient


def best_seconds(step: Callable[[], object], times: int, rounds: int = 3) -> float:
    """Return the seconds of one call: the mean over `times` calls, the best of several rounds."""
    step()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(times):
            step()
        seconds.append((time.perf_counter() - start) / times)
    return min(seconds)


class Plain(nn.Module):
    """The article's network in plain PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Linear(PIXELS, WIDTH)
        self.mean, self.log_variance = nn.Linear(WIDTH, CODES), nn.Linear(WIDTH, CODES)
        self.a, self.b = nn.Linear(CODES // 2, WIDTH), nn.Linear(CODES // 2, WIDTH)
        self.output, self.classifier = nn.Linear(WIDTH, PIXELS), nn.Linear(CODES // 2, 10)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss."""
        h = torch.tanh(self.trunk(x))
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        label, rest = z.chunk(2, 1)
        logits = self.output(torch.tanh(self.a(label)) + torch.tanh(self.b(rest)))
        loss = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        loss = loss + 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum()
        return loss / len(x) + 10_000 / 256 * functional.cross_entropy(self.classifier(label), y)


class Pictures(Dataset[tuple[Tensor, int]]):
    """PIL images, which become tensors one by one."""

    def __init__(self, x: Array, y: Array) -> None:
        from PIL import Image

        self.images, self.y = [Image.fromarray(image) for image in x], y

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        image = torch.from_numpy(np.array(self.images[i], np.float32)).div_(255)
        return image.flatten(), int(self.y[i])


def loops(x: Array, y: Array) -> dict[str, Callable[[], float]]:
    """Return the peers: functions that pass once over the data and return examples per second."""
    flat, labels = torch.from_numpy(x).float().div(255).flatten(1), torch.from_numpy(y)

    def pass_over(batches: Callable[[], Iterator[tuple[Tensor, Tensor]]]) -> Callable[[], float]:
        model = Plain()
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

        def run() -> float:
            start = time.perf_counter()
            for images, targets in batches():
                loss = model(images, targets)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            return len(x) / (time.perf_counter() - start)

        return run

    def in_memory() -> Iterator[tuple[Tensor, Tensor]]:
        for rows in torch.randperm(len(flat)).split(BATCH):
            yield flat[rows], labels[rows]

    tensors = DataLoader(TensorDataset(flat, labels), BATCH, shuffle=True)
    pictures = DataLoader(Pictures(x, y), BATCH, shuffle=True)
    peers = {
        "plain loop in memory": pass_over(in_memory),
        "DataLoader over tensors": pass_over(lambda: iter(tensors)),
        "DataLoader over PIL images": pass_over(lambda: iter(pictures)),
    }
    try:
        peers["pythae"] = pythae(flat)
    except ImportError:
        print("pythae is not installed and is left out: pip install pythae==0.1.2")
    return peers


def pythae(flat: Tensor) -> Callable[[], float]:
    """Return pythae's trainer with a VAE of the same width and number of codes."""
    os.environ["TQDM_DISABLE"] = "1"  # tqdm reads it at import
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pythae.models import VAE, VAEConfig  # pyright: ignore[reportMissingImports]
        from pythae.models.base.base_utils import (  # pyright: ignore[reportMissingImports]
            ModelOutput,
        )
        from pythae.models.nn import (  # pyright: ignore[reportMissingImports]
            BaseDecoder,
            BaseEncoder,
        )
        from pythae.pipelines import TrainingPipeline  # pyright: ignore[reportMissingImports]
        from pythae.trainers import BaseTrainerConfig  # pyright: ignore[reportMissingImports]
    logging.disable(logging.WARNING)

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, WIDTH), nn.Tanh())
            self.mean, self.log_variance = nn.Linear(WIDTH, CODES), nn.Linear(WIDTH, CODES)

        def forward(self, x: Tensor) -> ModelOutput:
            h = self.trunk(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Linear(CODES, WIDTH), nn.Tanh(), nn.Linear(WIDTH, PIXELS), nn.Sigmoid()
            )

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.body(z).view(-1, 1, 28, 28))

    images = flat.view(-1, 1, 28, 28)

    def run() -> float:
        shape = (1, 28, 28)
        config = VAEConfig(input_dim=shape, latent_dim=CODES, reconstruction_loss="bce")
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer = BaseTrainerConfig(
                output_dir=folder,
                num_epochs=1,
                per_device_train_batch_size=BATCH,
                learning_rate=1e-3,
                no_cuda=True,
            )
            model = VAE(config, Encoder(), Decoder())
            pipeline = TrainingPipeline(model=model, training_config=trainer)
            start = time.perf_counter()
            pipeline(train_data=images)
            return len(flat) / (time.perf_counter() - start)

    return run


def ours(config: Config, data: Examples, *, compiled: bool = False) -> Callable[[], float]:
    """Return a function that passes once over the data and returns examples per second."""
    model = build_model(config, data.x.shape[1:], 10)
    if compiled:
        model.compile(dynamic=False)
    state = TrainingState(model, make_optimiser(model), torch.Generator().manual_seed(0))
    loader = BatchLoader(data, config.batch_size, CPU)
    checkpointer = Checkpointer(None, state, data)

    def run() -> float:
        start = time.perf_counter()
        train_epoch(state, loader, 1, checkpointer)
        return len(data.x) / (time.perf_counter() - start)

    return run


def alternate(candidates: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Run all candidates once per round; return the best rate of each."""
    rates = dict.fromkeys(candidates, 0.0)
    for _ in range(rounds):
        for name, run in candidates.items():
            rates[name] = max(rates[name], run())
    return rates


def conv_limit(config: Config) -> float:
    """Return examples per second of the convolutional networks' forward and backward pass alone."""
    model = build_model(config, (28, 28), 10).train()
    x, z = torch.rand(BATCH, 28, 28), torch.randn(BATCH, config.d_label + config.d_rest)

    def step() -> None:
        h = model.trunk(x)
        x_hat = model.decoder(z[:, : config.d_label], z[:, config.d_label :])
        torch.autograd.backward([h, x_hat], [torch.ones_like(h), torch.ones_like(x_hat)])
        model.zero_grad(set_to_none=True)

    return BATCH / best_seconds(step, 20)


def start_seconds(*command: str) -> float:
    """Return the seconds of a program's start, the best of five."""

    def run() -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    return best_seconds(run, 1, rounds=5)


ROWS: list[list[str]] = []  # of the table, for docs/results/speed.json


def row(name: str, value: str, ratio: str, goal: str) -> None:
    """Print a row of the table, and keep it."""
    if name != "---":
        ROWS.append([name, value, ratio, goal])
    print(f"| {name} | {value} | {ratio} | {goal} |", flush=True)


def training_rows(data: Examples, rounds: int) -> float:
    """Print throughput beside limit and peers; return the plain loop's examples per second."""
    article = Config.preset("article", device="cpu")
    mlp = {"article, float32": article}
    mlp["article, bfloat16"] = replace(article, precision="bfloat16")
    best = Config(device="cpu")
    plain_conv = replace(best, augment=0.0, style_weight=0.0)
    conv = {"best": best}
    conv["best, no augmentation, no style"] = plain_conv
    subset = Examples(data.x[:12_800], data.y[:12_800])
    peers = loops(data.x, data.y)
    candidates = dict(peers)
    for name, config in mlp.items():
        candidates[name] = ours(config, data)
        candidates[f"{name}, compiled"] = ours(config, data, compiled=True)
    for name, config in conv.items():
        candidates[name] = ours(config, subset)
    candidates["best, compiled"] = ours(best, subset, compiled=True)
    product_rates = [product_rate(torch.float32)]
    bfloat16_rates = [product_rate(torch.bfloat16)]
    rates = alternate(candidates, rounds)
    product_rates.append(product_rate(torch.float32))
    bfloat16_rates.append(product_rate(torch.bfloat16))

    limit = max(product_rates) / operations()
    speed = f"{max(product_rates) / 1e9:.0f} GFLOP/s"
    row("matrix products, float32", speed, f"limit {limit / 1e3:.1f} k/s", "")
    row("matrix products, bfloat16", f"{max(bfloat16_rates) / 1e9:.0f} GFLOP/s", "", "")
    for name in peers:
        row(name, f"{rates[name] / 1e3:.1f} k/s", f"{rates[name] / limit:.2f} of the limit", "")
    for name in mlp:
        ratio = f"{rates[name] / limit:.2f} of the float32 limit"
        row(name, f"{rates[name] / 1e3:.1f} k/s", ratio, GOALS["limit"])
        for peer in peers:
            goal = GOALS.get(peer, "")
            row(f"– relative to {peer}", "", f"{rates[name] / rates[peer]:.2f} ×", goal)
    limit_of_conv = conv_limit(plain_conv)
    for name in conv:
        goal = GOALS["conv"] if conv[name] is plain_conv else ""
        ratio = f"{rates[name] / limit_of_conv:.2f} of the networks' limit"
        row(name, f"{rates[name] / 1e3:.1f} k/s", ratio, goal)
    for name in (*mlp, *conv):
        if f"{name}, compiled" in rates:
            gain = rates[f"{name}, compiled"] / rates[name]
            row(f"gain from torch.compile: {name}", "", f"{gain:.2f} ×", "")
    return rates["plain loop in memory"]


def encode_row(data: Examples) -> None:
    """Print the speed of encoding relative to the encoder's matrix product."""
    model = build_model(Config.preset("article", device="cpu"), (28, 28), 10).eval()
    x, w = torch.rand(1000, PIXELS), torch.rand(WIDTH, PIXELS)
    product = 1000 / best_seconds(lambda: x @ w.T, 50)
    rate = len(data.x) / best_seconds(lambda: posterior(model, data), 1)
    ratio = f"{rate / product:.2f} of the matrix product"
    row(f"encode {len(data.x):,}", f"{rate / 1e3:.0f} k/s", ratio, "≥ 0.8")


def align_row(rows: int = 40_000, classes: int = 10) -> None:
    """Print the speed of the alignment of preset `best`, 800 steps in 16 dimensions."""
    config = Config(device="cpu")
    alignment = Alignment(config, classes)
    alignment.allocate_steps(config.alignment_steps)
    generator = torch.Generator().manual_seed(0)
    z, y = torch.randn(rows, config.d_rest, generator=generator), torch.arange(rows) % classes
    quantiles = torch.linspace(0.5 / KNOTS, 1 - 0.5 / KNOTS, KNOTS, dtype=torch.float64)
    knots = (2 * quantiles - 1).erfinv() * 2**0.5
    shape = alignment.source.shape
    noise = torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5
    alignment.source.copy_(knots + 0.05 * noise * knots.diff().min())
    alignment.target.copy_(knots.expand_as(alignment.target))
    with torch.no_grad():
        seconds = best_seconds(lambda: alignment(z, y), 1)
    row(f"align {rows:,}, 800 steps", f"{rows / seconds / 1e3:.0f} k/s", "", "")


def loss_rows(data: Examples, test: Examples, plain: float) -> None:
    """Print the seconds of 50 epochs of the plain loop, and of preset quick to the same loss."""
    article = Config.preset("article", device="cpu", epochs=EPOCHS)
    model = build_model(article, (28, 28), 10)
    train(model, data)
    wall, target = EPOCHS * len(data.x) / plain, evaluate(model, test)["loss"]
    row(f"plain loop, {EPOCHS} epochs", f"{wall:.0f} s", f"test loss {target:.2f}", "")
    for precision in ("float32", "bfloat16"):
        config = Config.preset("quick", device="cpu", precision=precision)
        model, start = build_model(config, (28, 28), 10), time.perf_counter()
        train(model, data)
        seconds = time.perf_counter() - start
        loss = evaluate(model, test)["loss"]
        reached = f"1/{wall / seconds:.1f}" if loss <= target else "not reached"
        ratio = f"{reached} (test loss {loss:.2f})"
        row(f"preset quick, {precision}", f"{seconds:.1f} s", ratio, "≤ 1/10")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="leave out the 50 epochs")
    parser.add_argument("--rounds", type=int, default=3, help="passes of each candidate")
    parser.add_argument("--rows", type=int, default=60_000, help="train on the first images only")
    arguments = parser.parse_args()
    mnist = datasets.load("mnist", progress=False)
    train_rows = np.flatnonzero(mnist.split == "train")[: arguments.rows]
    test_rows = np.flatnonzero(mnist.split == "test")
    data = Examples(mnist.x[train_rows], mnist.indices[train_rows])
    test = Examples(mnist.x[test_rows], mnist.indices[test_rows])
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}\n")
    row("measurement", "value", "ratio", "goal")
    row("---", "---", "---", "---")
    plain = training_rows(data, arguments.rounds)
    encode_row(data)
    align_row()
    help_seconds = start_seconds(sys.executable, "-m", "wvae", "--help")
    import_seconds = start_seconds(sys.executable, "-c", "import wvae")
    row("`wvae --help`", f"{help_seconds:.2f} s", "", "≤ 0.25 s")
    row("`import wvae`", f"{import_seconds:.2f} s", "", "≤ 0.1 s")
    if not arguments.short:
        loss_rows(data, test, plain)
    add_table("speed", f"python benchmarks/speed.py {' '.join(sys.argv[1:])}".strip(), ROWS)


if __name__ == "__main__":
    main()
