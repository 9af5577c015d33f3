"""How fast `handwriting` is drawn, how well its writers and styles can be known at best, and how near MNIST it is.

    OMP_NUM_THREADS=1 python benchmarks/handwriting.py

prints images per second on one core; how often a small network trained *with* writer labels names the writer of one
held-out image, and how well one trained with the true styles reads them (the ceilings of what an unsupervised code can
reach); and how often a network that saw only drawn digits reads those of MNIST's test set. About six minutes.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from wvae import datasets
from wvae.datasets.sources.handwriting import STYLE

Array = np.ndarray


def network(outputs: int, dropout: float) -> nn.Sequential:
    """Return the one small network of all three measurements."""
    layers: list[nn.Module] = []
    for inputs, width, kernel in ((1, 24, 5), (24, 48, 3), (48, 96, 3)):
        layers += [
            nn.Conv2d(inputs, width, kernel, padding=kernel // 2),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        layers += [nn.MaxPool2d(2)]
    layers += [
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(96 * 9, 256),
        nn.ReLU(),
        nn.Dropout(dropout),
    ]
    return nn.Sequential(*layers, nn.Linear(256, outputs))


def train(
    x: Array, target: Array, epochs: int, batch: int = 128, lr: float = 2e-3
) -> nn.Sequential:
    """Train on uint8 images (n, 28, 28): classes if the target is integer, else values by least squares."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    regression = target.dtype.kind == "f"
    model = network(target.shape[1], 0.0) if regression else network(int(target.max()) + 1, 0.4)
    steps = epochs * -(-len(x) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps)
    model.train()
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            rows = order[start : start + batch]
            out = model(torch.from_numpy(x[rows, None]).float() / 255)
            goal = torch.from_numpy(target[rows])
            loss = mse_loss(out, goal) if regression else cross_entropy(out, goal)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def outputs(model: nn.Sequential, x: Array) -> Array:
    """Return the network's outputs for uint8 images (n, 28, 28)."""
    with torch.no_grad():
        parts = [
            model(torch.from_numpy(x[i : i + 1000, None]).float() / 255)
            for i in range(0, len(x), 1000)
        ]
    return torch.cat(parts).numpy()


def speed() -> float:
    """Return images per second of one core's time, best of five; not of the wall's, which others share."""
    seconds = []
    for _ in range(5):
        start = time.process_time()
        datasets.load("handwriting", writers=100, images=97)
        seconds.append(time.process_time() - start)
    return 9700 / min(seconds)


def writer_ceiling(seed: int, epochs: int) -> float:
    """Return how often the writer of one held-out image is named, among 100."""
    data = datasets.load("handwriting", seed=seed)
    train_rows, test_rows = data.split == "train", data.split == "test"
    writer = data.factors["writer"]
    model = train(data.x[train_rows], writer[train_rows], epochs)
    return float((outputs(model, data.x[test_rows]).argmax(1) == writer[test_rows]).mean())


def style_ceiling(writers: int, epochs: int) -> dict[str, float]:
    """Return R² of each style value, read from the images of unseen writers."""
    data = datasets.load("handwriting", writers=writers + 100, images=60, seed=1)
    style = np.stack([data.factors[name] for name in STYLE], 1)
    style = (style - style.mean(0)) / style.std(0)
    seen = data.factors["writer"] < writers
    model = train(data.x[seen], style[seen], epochs)
    error = ((outputs(model, data.x[~seen]) - style[~seen]) ** 2).mean(0) / style[~seen].var(0)
    return dict(zip(STYLE, (1 - error).tolist(), strict=True))


def transfer(writers: int, epochs: int) -> float:
    """Return how often MNIST's test digits are read by a network that saw only drawn ones."""
    drawn = datasets.load("handwriting", writers=writers, images=60, seed=2)
    mnist = datasets.load("mnist")
    assert mnist.split is not None
    x, y = mnist.x[mnist.split == "test"], mnist.y[mnist.split == "test"]
    model = train(drawn.x, drawn.y, epochs)
    return float((outputs(model, x).argmax(1) == y).mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", choices=["speed", "writer", "style", "transfer"], help="one measurement"
    )
    parser.add_argument("--threads", type=int, default=1, help="torch's threads (drawing uses one)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.only in (None, "speed"):
        print(f"speed      {speed():,.0f} images/s on one core")
    if options.only in (None, "writer"):
        print(
            f"writer     {writer_ceiling(0, 20):.1%} of single held-out images, 100 writers, trained with their labels"
        )
    if options.only in (None, "style"):
        print(
            "style      R² on unseen writers:",
            ", ".join(f"{k} {v:.2f}" for k, v in style_ceiling(500, 6).items()),
        )
    if options.only in (None, "transfer"):
        print(
            f"transfer   {transfer(1000, 5):.1%} of MNIST's test digits read, none seen in training"
        )


if __name__ == "__main__":
    main()
