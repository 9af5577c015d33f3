"""K-Means, Gaussian mixtures and t-SNE: ours beside the libraries that do the same, in one process, turn by turn.

    python benchmarks/clustering.py

prints seconds (the best of the rounds), how many times sooner ours is, and the quality of both: the sum of squared
distances (lower is better), the mean log-likelihood (higher), the Kullback-Leibler divergence (lower; over all pairs).
The codes are drawn: 100 writers' clouds around 10 digits, 40,000 × 10, and a draw's 1,000 test codes. Some five
minutes on two cores, of which openTSNE's map of 40,000 takes two; ``--quick`` takes a tenth of the points.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse import coo_array
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from wvae.evaluation.clustering import GMM_FLOOR, gmm, kmeans
from wvae.evaluation.embedding import tsne
from wvae.evaluation.mixture import Covariance, gaussians

Array = np.ndarray
K = 100


def codes(n: int, d: int = 10, seed: int = 0) -> Array:
    """Return codes that overlap as a model's do, (n, d)."""
    rng = np.random.default_rng(seed)
    writers, digits = rng.normal(size=(K, d)), rng.normal(size=(10, d))
    z = writers[rng.integers(K, size=n)] + digits[rng.integers(10, size=n)] / 2 + rng.normal(size=(n, d)) * 0.7
    return z.astype(np.float32)


def timed(ours: Callable[[], Array], theirs: Callable[[], Array], rounds: int) -> list[tuple[float, Array]]:
    """Return the best seconds, and the last result, of each; they take turns, so that noise is shared."""
    best, found = [np.inf, np.inf], [np.empty(0)] * 2
    for _ in range(rounds):
        for i, way in enumerate((ours, theirs)):
            start = time.perf_counter()
            found[i] = way()
            best[i] = min(best[i], time.perf_counter() - start)
    return list(zip(best, found, strict=True))


def show(what: str, pair: list[tuple[float, Array]], quality: Callable[[Array], float]) -> None:
    """Print a row of the table."""
    (ours, mine), (theirs, other) = pair
    print(
        f"{what:48} {ours:8.2f} {theirs:9.2f} {theirs / ours:6.1f}   {quality(mine):,.5g} / {quality(other):,.5g}",
        flush=True,
    )


def inertia(z: Array, clusters: Array) -> float:
    """Return the sum of squared distances to the clusters' means."""
    return float(sum(((z[clusters == c] - z[clusters == c].mean(0)) ** 2).sum() for c in np.unique(clusters)))


def likelihood(z: Array, clusters: Array, covariance: Covariance, floor: float) -> float:
    """Return the mean log-likelihood, nats, of the mixture whose components are the clusters."""
    points, start = torch.from_numpy(z), torch.from_numpy(clusters).long()
    return gaussians(points, start, K, floor=floor, covariance=covariance, most=1)[1]


def bench_kmeans(z: Array, restarts: int, rounds: int) -> None:
    """Time K-Means beside scikit-learn's, and beside faiss's until it is as converged."""
    what = f"K-Means, {len(z):,} × {z.shape[1]}, k = {K}, {restarts} starts"
    pair = timed(
        lambda: kmeans(z, K, restarts=restarts),
        lambda: KMeans(K, n_init=restarts, random_state=0).fit_predict(z),  # pyright: ignore[reportArgumentType]
        rounds,
    )
    show(f"{what}: scikit-learn", pair, lambda clusters: inertia(z, clusters))
    try:
        import faiss  # pyright: ignore[reportMissingImports]
    except ImportError:
        print(f"{what}: faiss is not installed")
        return

    def theirs() -> Array:
        method = faiss.Kmeans(z.shape[1], K, niter=100, nredo=restarts, seed=1, max_points_per_centroid=len(z))
        method.cp.min_points_per_centroid = 1
        method.train(z)
        return method.index.search(z, 1)[1][:, 0]

    pair = timed(lambda: kmeans(z, K, restarts=restarts), theirs, rounds)
    show(f"{what}: faiss", pair, lambda clusters: inertia(z, clusters))


def bench_gmm(z: Array, covariance: Covariance, rounds: int) -> None:
    """Time a Gaussian mixture beside scikit-learn's."""
    centred = z.astype(np.float64)
    centred -= centred.mean(0)
    floor = GMM_FLOOR * float(centred.var(0).mean())
    method = GaussianMixture(K, covariance_type=covariance, reg_covar=floor, random_state=0)
    pair = timed(lambda: gmm(z, K, covariance=covariance), lambda: method.fit_predict(centred), rounds)
    what = f"GMM, {len(z):,} × {z.shape[1]}, k = {K}, {covariance}: scikit-learn"
    show(what, pair, lambda clusters: likelihood(centred, clusters, covariance, floor))


def bench_tsne(z: Array, rounds: int) -> None:
    """Time t-SNE beside openTSNE with the settings that it chooses by itself."""
    from openTSNE import TSNE

    pair = timed(lambda: tsne(z), lambda: np.asarray(TSNE(n_jobs=-1, random_state=0).fit(z.astype(np.float64))), rounds)
    show(f"t-SNE, {len(z):,} × {z.shape[1]}: openTSNE", pair, divergence_of(z))


def divergence_of(z: Array) -> Callable[[Array], float]:
    """Return how to measure a map's divergence from these codes: exact neighbours, all pairs."""
    from openTSNE.affinity import PerplexityBasedNN

    P = coo_array(PerplexityBasedNN(z.astype(np.float64), perplexity=30, method="exact").P)

    def divergence(y: Array) -> float:
        points = torch.from_numpy(np.ascontiguousarray(y))
        parts = (1 / (1 + torch.cdist(part, points) ** 2) for part in points.split(1000))
        total = sum(float(part.sum()) for part in parts) - len(y)
        distance = ((y[P.row] - y[P.col]) ** 2).sum(1)
        return float((P.data * np.log(P.data * (1 + distance) * total)).sum())

    return divergence


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the points")
    parser.add_argument("--only", choices=["kmeans", "gmm", "tsne"], help="one method")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch's threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore", ConvergenceWarning)
    few, many = codes(1000), codes(4000 if options.quick else 40_000)
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {options.threads} threads"
    print(f"on {where}")
    print(f"{'what: library':48} {'ours s':>8} {'library s':>9} {'ratio':>6}   quality ours / library")
    if options.only in (None, "kmeans"):
        bench_kmeans(few, 10, 5)
        bench_kmeans(many, 3, 3)
    if options.only in (None, "gmm"):
        bench_gmm(few, "diag", 5)
        bench_gmm(many, "diag", 2)
        bench_gmm(many, "full", 1)
    if options.only in (None, "tsne"):
        bench_tsne(many[:5000], 1)
        if not options.quick:
            bench_tsne(many, 1)


if __name__ == "__main__":
    main()
