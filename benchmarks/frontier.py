"""What the alignment costs: leakage and clusters of writers after 0, 100, 200 … of its steps.

One training on the images of 100 writers; the steps of its alignment are applied one after another.
The leakage is the accuracy of an MLP and of a k-NN probe on the test images of these writers, the
AMI that of K-Means clusters with the writers (mean of seeds 0–2), R² that of the true style factors
where the data have them.

    python benchmarks/frontier.py --data handwriting --seed 50
    WVAE_MIRROR=… python benchmarks/frontier.py --data mnist --seed 100
"""

from __future__ import annotations

import argparse
from copy import deepcopy
from typing import Any

import numpy as np
import torch

import wvae
from wvae import datasets
from wvae.datasets import Dataset
from wvae.evaluation import leakage, style
from wvae.evaluation.clustering import agreement, kmeans
from wvae.experiments.writers import make_trial
from wvae.model import SplitVAE
from wvae.nn.alignment import Alignment
from wvae.training.examples import Examples
from wvae.training.inference import posterior

BUFFERS = ("axes", "directions", "source", "target")
STEPS = (0, 50, 100, 200, 400, 800)


def load(name: str, seed: int) -> tuple[Dataset, Dataset]:
    """Return the training and the test images of a trial."""
    options: dict[str, Any] = {"seed": seed} if name == "handwriting" else {}
    data = datasets.load(name, **options)
    trial = make_trial(data.factors["writer"], 0 if options else seed).dataset(data)
    return trial.subset(trial.split == "train"), trial.subset(trial.split == "test")


def first_steps(alignment: Alignment, n: int) -> Alignment:
    """Return the alignment with its first n steps alone."""
    short = deepcopy(alignment)
    short.allocate_steps(n)
    for name in BUFFERS:
        getattr(short, name).copy_(getattr(alignment, name)[:n])
    return short


def codes(model: SplitVAE, data: Dataset, alignment: Alignment) -> np.ndarray:
    """Return aligned z_rest, (n, d_rest)."""
    (z_label, _), (z_rest, _) = posterior(model, Examples(data.x, data.y))
    with torch.no_grad():
        labels = model.predict(torch.from_numpy(z_label))
        return alignment(torch.from_numpy(z_rest), labels).numpy()


def main() -> None:
    """Train once, and print a row for each number of steps."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="handwriting", choices=["handwriting", "mnist"])
    parser.add_argument("--seed", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    train, test = load(options.data, options.seed)
    settings: dict[str, Any] = {"device": "cpu", "finetune_epochs": 0, "epochs": options.epochs}
    fitted = wvae.WVAE(alignment="transport", **settings).fit(train.x, train.y)
    model, writer = fitted.model_, test.factors["writer"]
    n_steps = len(model.alignment.axes)
    k = len(np.unique(writer))
    numbers = [name for name, v in test.factors.items() if v.dtype.kind == "f"]
    print("steps | MLP | k-NN | AMI | R²")
    for n in sorted({min(n, n_steps) for n in STEPS}):
        alignment = first_steps(model.alignment, n)
        z, z_test = codes(model, train, alignment), codes(model, test, alignment)
        probes = leakage.leakage(z, train.y, z_test, test.y, kinds=["mlp", "knn"], null=False)
        ami = np.mean([agreement(kmeans(z_test, k, seed=s), writer)["ami"] for s in range(3)])
        r2 = float("nan")
        if numbers:
            factors = [{name: data.factors[name] for name in numbers} for data in (train, test)]
            r2 = style.factor_r2(z, factors[0], z_test, factors[1])["rest.r2.mean"]
        mlp, knn = probes["leakage.mlp"], probes["leakage.knn"]
        print(f"{n} | {mlp:.3f} | {knn:.3f} | {ami:.3f} | {r2:.3f}", flush=True)


if __name__ == "__main__":
    main()
