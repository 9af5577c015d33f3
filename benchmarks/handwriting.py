"""Speed of `handwriting`, supervised ceilings for its writers and styles, and transfer to MNIST.

    OMP_NUM_THREADS=1 python benchmarks/handwriting.py

It prints, in about six minutes:

- images per second on one core;
- the accuracy of a small network, trained *with* writer labels, for the writer of a held-out image;
- R² of a network, trained with the true styles, on images of new writers (both are ceilings for an
  unsupervised code);
- the accuracy on MNIST's test digits of a network trained on synthetic digits only.
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
    """Return the small network that all measurements use."""
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
    """Train on uint8 images (n, 28, 28): a classifier for integer targets, else a regression."""
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
        parts = [model(images.float() / 255) for images in torch.from_numpy(x[:, None]).split(1000)]
    return torch.cat(parts).numpy()


def speed() -> float:
    """Return images per second of CPU time, best of five."""
    seconds = []
    for _ in range(5):
        start = time.process_time()
        datasets.load("handwriting", writers=100, images=97)
        seconds.append(time.process_time() - start)
    return 9700 / min(seconds)


def writer_ceiling(seed: int, epochs: int) -> float:
    """Return the accuracy for the writer of a held-out image, among 100 writers."""
    data = datasets.load("handwriting", seed=seed)
    train_rows, test_rows = data.split == "train", data.split == "test"
    writer = data.factors["writer"]
    model = train(data.x[train_rows], writer[train_rows], epochs)
    return float((outputs(model, data.x[test_rows]).argmax(1) == writer[test_rows]).mean())


def style_ceiling(writers: int, epochs: int) -> dict[str, float]:
    """Return R² of each style value on images of new writers."""
    data = datasets.load("handwriting", writers=writers + 100, images=60, seed=1)
    style = np.stack([data.factors[name] for name in STYLE], 1)
    style = (style - style.mean(0)) / style.std(0)
    is_train = data.factors["writer"] < writers
    model = train(data.x[is_train], style[is_train], epochs)
    target = style[~is_train]
    error = ((outputs(model, data.x[~is_train]) - target) ** 2).mean(0) / target.var(0)
    return dict(zip(STYLE, (1 - error).tolist(), strict=True))


def transfer(writers: int, epochs: int) -> float:
    """Return the accuracy on MNIST's test digits after training on synthetic digits only."""
    synthetic = datasets.load("handwriting", writers=writers, images=60, seed=2)
    mnist = datasets.load("mnist")
    assert mnist.split is not None
    x, y = mnist.x[mnist.split == "test"], mnist.y[mnist.split == "test"]
    model = train(synthetic.x, synthetic.y, epochs)
    return float((outputs(model, x).argmax(1) == y).mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", choices=["speed", "writer", "style", "transfer"], help="one measurement"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.only in (None, "speed"):
        print(f"speed      {speed():,.0f} images/s on one core")
    if arguments.only in (None, "writer"):
        accuracy = writer_ceiling(0, 20)
        print(f"writer     {accuracy:.1%} of held-out images, 100 writers, trained with labels")
    if arguments.only in (None, "style"):
        values = [f"{name} {r2:.2f}" for name, r2 in style_ceiling(500, 6).items()]
        print(f"style      R² on new writers: {', '.join(values)}")
    if arguments.only in (None, "transfer"):
        print(
            f"transfer   {transfer(1000, 5):.1%} of MNIST's test digits, trained on synthetic ones"
        )


if __name__ == "__main__":
    main()
