"""How near the machine's limit a training runs, and how far ahead of its peers: every figure a ratio of this very run.

    python benchmarks/speed.py            # about eight minutes on two cores; --short leaves out the 50 epochs

The limit is the rate of the machine's own matrix products at the network's shapes, measured here, over the operations
that an example costs. The peers are pythae's VAE of the same size (where it is installed), an in-memory PyTorch loop,
and DataLoader loops over tensors and over PIL images, written out below. All train the article's network on the 60,000
images of mnist in batches of 256, and take turns, so that noise is shared; the best of the rounds counts.
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

from wvae import datasets
from wvae.config import Config
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
EPOCHS = 50  # of the loop whose loss is to be reached


def products(dtype: torch.dtype) -> float:
    """Return the rate of the five large matrix products of a step, in operations per second."""
    x, w, h, v, g = (
        torch.rand(shape).to(dtype)
        for shape in (
            (BATCH, PIXELS),
            (WIDTH, PIXELS),
            (BATCH, WIDTH),
            (PIXELS, WIDTH),
            (BATCH, PIXELS),
        )
    )

    def step() -> None:
        a = x @ w.T
        _ = h @ v.T, g @ v, g.T @ h, a.T @ x

    seconds = best(step, 40, rounds=6)
    return 5 * 2 * BATCH * PIXELS * WIDTH / seconds


def operations() -> int:
    """Return what a training example of the article's network costs in matrix products."""
    forward = PIXELS * WIDTH + WIDTH * 2 * CODES + CODES * WIDTH + WIDTH * PIXELS + CODES // 2 * 10
    return 2 * (3 * forward - PIXELS * WIDTH)  # the input has no gradient


def best(step: Callable[[], object], times: int, rounds: int = 3) -> float:
    """Return the least seconds that one call took, over rounds of so many."""
    step()
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(times):
            step()
        found.append((time.perf_counter() - start) / times)
    return min(found)


class Plain(nn.Module):
    """The article's network, as anyone would write it."""

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
    """Images as PIL opens them, which become tensors one by one."""

    def __init__(self, x: Array, y: Array) -> None:
        from PIL import Image

        self.images, self.y = [Image.fromarray(image) for image in x], y

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        image = torch.from_numpy(np.array(self.images[i], np.float32)).div_(255)
        return image.flatten(), int(self.y[i])


def loops(x: Array, y: Array) -> dict[str, Callable[[], float]]:
    """Return the peers: each passes once over the data and returns examples per second."""
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

    tensors, pictures = (
        DataLoader(data, BATCH, shuffle=True)
        for data in (TensorDataset(flat, labels), Pictures(x, y))
    )
    found = {
        "plain loop in memory": pass_over(in_memory),
        "DataLoader over tensors": pass_over(lambda: iter(tensors)),
        "DataLoader over PIL images": pass_over(lambda: iter(pictures)),
    }
    try:
        found["pythae"] = pythae(flat)
    except ImportError:
        print("pythae is not installed, and left out: pip install pythae==0.1.2")
    return found


def pythae(flat: Tensor) -> Callable[[], float]:
    """Return pythae's own trainer, over a VAE of the same width and as many codes."""
    os.environ["TQDM_DISABLE"] = "1"  # read when its progress bars are imported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pythae.models import VAE, VAEConfig  # pyright: ignore[reportMissingImports]
        from pythae.models.base.base_utils import ModelOutput  # pyright: ignore[reportMissingImports]
        from pythae.models.nn import BaseDecoder, BaseEncoder  # pyright: ignore[reportMissingImports]
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
        about = VAEConfig(input_dim=(1, 28, 28), latent_dim=CODES, reconstruction_loss="bce")
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer = BaseTrainerConfig(
                output_dir=folder,
                num_epochs=1,
                per_device_train_batch_size=BATCH,
                learning_rate=1e-3,
                no_cuda=True,
            )
            pipeline = TrainingPipeline(
                model=VAE(about, Encoder(), Decoder()), training_config=trainer
            )
            start = time.perf_counter()
            pipeline(train_data=images)
            return len(flat) / (time.perf_counter() - start)

    return run


def ours(config: Config, data: Examples) -> Callable[[], float]:
    """Return a pass of our own loop, warmed up."""
    model = build_model(config, data.x.shape[1:], 10)
    state = TrainingState(model, make_optimiser(model), torch.Generator().manual_seed(0))
    feed, keeper = BatchLoader(data, config.batch_size, CPU), Checkpointer(None, state, data)

    def run() -> float:
        start = time.perf_counter()
        train_epoch(state, feed, 1, keeper, model)
        return len(data.x) / (time.perf_counter() - start)

    return run


def in_turn(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Return the best rate of each; they take turns."""
    found = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, run in ways.items():
            found[name] = max(found[name], run())
    return found


def conv_limit(config: Config) -> float:
    """Return examples per second of the convolutional networks alone: forward and backward, with nothing around."""
    model = build_model(config, (28, 28), 10).train()
    x, z = torch.rand(BATCH, 28, 28), torch.randn(BATCH, config.d_label + config.d_rest)

    def step() -> None:
        h = model.trunk(x)
        drawn = model.decoder(z[:, : config.d_label], z[:, config.d_label :])
        torch.autograd.backward([h, drawn], [torch.ones_like(h), torch.ones_like(drawn)])
        model.zero_grad(set_to_none=True)

    return BATCH / best(step, 20)


def started(*command: str) -> float:
    """Return the least seconds of five starts of a program."""
    return best(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL), 1, rounds=5)


def row(what: str, value: str, ratio: str, goal: str) -> None:
    """Print a row of the table."""
    print(f"| {what} | {value} | {ratio} | {goal} |", flush=True)


def training_rows(data: Examples, rounds: int) -> float:
    """Print throughput beside limit and peers, and return the plain loop's examples per second."""
    article = Config.preset("article", device="cpu")
    best_preset = Config(device="cpu")
    bare = replace(best_preset, augment=0.0, style_weight=0.0)
    some = Examples(data.x[:12_800], data.y[:12_800])
    ways = loops(data.x, data.y)
    ways |= {
        "float32": ours(article, data),
        "bfloat16": ours(replace(article, precision="bfloat16"), data),
    }
    ways |= {"conv": ours(bare, some), "best": ours(best_preset, some)}
    rate = {dtype: products(getattr(torch, dtype)) for dtype in ("float32", "bfloat16")}
    found = in_turn(ways, rounds)
    rate = {dtype: max(value, products(getattr(torch, dtype))) for dtype, value in rate.items()}
    limit = rate["float32"] / operations()
    row(
        "matrix products, float32",
        f"{rate['float32'] / 1e9:.0f} GFLOP/s",
        f"limit {limit / 1e3:.1f} k/s",
        "",
    )
    row("matrix products, bfloat16", f"{rate['bfloat16'] / 1e9:.0f} GFLOP/s", "", "")
    for name in ways:
        if name not in ("float32", "bfloat16", "conv", "best"):
            row(name, f"{found[name] / 1e3:.1f} k/s", f"{found[name] / limit:.2f} of the limit", "")
    for name in ("float32", "bfloat16"):
        mine = found[name]
        row(
            f"ours, {name}",
            f"{mine / 1e3:.1f} k/s",
            f"{mine / limit:.2f} of the float32 limit",
            "≥ 0.85",
        )
        for peer, least in (
            ("pythae", "≥ 2"),
            ("DataLoader over tensors", "≥ 2.2"),
            ("plain loop in memory", ""),
        ):
            if peer in found:
                row(f"– against {peer}", "", f"{mine / found[peer]:.2f} ×", least)
    conv = conv_limit(bare)
    row(
        "conv, no augmentation",
        f"{found['conv'] / 1e3:.1f} k/s",
        f"{found['conv'] / conv:.2f} of its limit",
        "≥ 0.6",
    )
    row(
        "preset best",
        f"{found['best'] / 1e3:.1f} k/s",
        f"{found['best'] / conv:.2f} of the same",
        "",
    )
    return found["plain loop in memory"]


def encode_row(data: Examples) -> None:
    """Print how fast codes are had, beside the encoder's matrix products."""
    model = build_model(Config.preset("article", device="cpu"), (28, 28), 10).eval()
    x, w = torch.rand(1000, PIXELS), torch.rand(WIDTH, PIXELS)
    products_alone = 1000 / best(lambda: x @ w.T, 50)
    rate = len(data.x) / best(lambda: posterior(model, data.x), 1)
    row(
        "encode 60,000",
        f"{rate / 1e3:.0f} k/s",
        f"{rate / products_alone:.2f} of the product's rate",
        "≥ 0.8",
    )


def loss_rows(data: Examples, test: Examples, plain: float) -> None:
    """Print how long the plain loop takes to its loss after 50 epochs, and how long the preset quick takes to less."""
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
        row(
            f"preset quick, {precision}",
            f"{seconds:.1f} s",
            f"{reached} (test loss {loss:.2f})",
            "≤ 1/10",
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--short", action="store_true", help="leave out the time to the loss of 50 epochs"
    )
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    whole = datasets.load("mnist", progress=False)
    is_test = np.asarray(whole.split) == "test"
    data, test = (
        Examples(np.ascontiguousarray(whole.x[m]), whole.indices[m]) for m in (~is_test, is_test)
    )
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}\n")
    row("what", "measured", "ratio", "goal")
    row("---", "---", "---", "---")
    plain = training_rows(data, asked.rounds)
    encode_row(data)
    row("`wvae --help`", f"{started(sys.executable, '-m', 'wvae', '--help'):.2f} s", "", "≤ 0.25 s")
    row("`import wvae`", f"{started(sys.executable, '-c', 'import wvae'):.2f} s", "", "≤ 0.1 s")
    if not asked.short:
        loss_rows(data, test, plain)


if __name__ == "__main__":
    main()
