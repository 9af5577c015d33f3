"""Maps of codes: positions of all examples in a plane, and nearest neighbours."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np

from ..datasets.dataset import Array
from ..evaluation.embedding import tsne_of_many
from ..validation.quoting import quoted
from .progress import Progress, Silent

__all__ = ["MAP_METHODS", "MapMethod", "map_points", "nearest_neighbors"]

MapMethod = Literal["tsne", "umap", "pca"]
MAP_METHODS: tuple[MapMethod, ...] = ("tsne", "umap", "pca")
TITLES: dict[str, str] = {"tsne": "t-SNE", "umap": "UMAP", "pca": "principal components"}
NEIGHBORS = 15  # of UMAP, and of the columns for other programs
MIN_UMAP = 5  # points
MIN_SPECTRAL = 100  # with fewer points, UMAP starts from random positions


def map_points(
    z: Array, method: MapMethod, *, seed: int = 0, progress: Progress | None = None
) -> Array:
    """Return a map of codes, (n, 2) float32.

    Parameters
    ----------
    z
        Codes, (n, d), at least 2. Codes of one dimension have a second principal component of 0.
    method
        ``"tsne"``: t-SNE; of more than 3,000 codes a random 3,000 make the map, and the others
        are placed into it. ``"umap"``: UMAP, which needs the extra ``umap``; fewer than 5 codes and
        codes that are all equal get their principal components. ``"pca"``: the first two principal
        components.
    seed
        Seed of the random parts.
    progress
        Shows the progress.

    Raises
    ------
    ValueError
        If the method is unknown, or z is not a matrix of at least 2 finite codes.
    ModuleNotFoundError
        If the packages of the method are not installed.

    Examples
    --------
    >>> z = np.array([[0, 0, 0], [4, 0, 1], [8, 0, 2]], np.float32)
    >>> map_points(z, "pca").astype(float).round(2).tolist()
    [[-4.12, 0.0], [0.0, 0.0], [4.12, 0.0]]
    """
    if method not in MAP_METHODS:
        raise ValueError(f"method is {quoted(method)}, expected {', '.join(MAP_METHODS)}")
    points = _checked(z)
    has_neighbors = len(points) >= MIN_UMAP and bool(np.ptp(points, 0).any())
    if method == "pca" or (method == "umap" and not has_neighbors):
        return _principal_components(points)
    with (progress or Silent()).task(f"computing a map by {TITLES[method]}", 100) as advance:
        if method == "umap":
            positions = _umap(points, seed)
        else:
            positions = tsne_of_many(
                points, seed=seed, on_step=lambda done, total: advance(100 * done // total)
            )
        advance(100)
    return np.ascontiguousarray(positions, np.float32)


def nearest_neighbors(z: Array, k: int = NEIGHBORS) -> tuple[Array, Array]:
    """Return the rows of each code's nearest neighbours and their distances, both (n, k).

    A code is not its own neighbour. Neighbours come in the order of their distances.

    Parameters
    ----------
    z
        Codes, (n, d), at least 2.
    k
        Number of neighbours, lowered to n − 1.

    Examples
    --------
    >>> ids, distances = nearest_neighbors(np.array([[0.0], [1.0], [5.0]]), k=2)
    >>> ids.tolist(), distances.tolist()
    ([[1, 2], [0, 2], [1, 0]], [[1.0, 5.0], [1.0, 4.0], [4.0, 5.0]])
    """
    from sklearn.neighbors import NearestNeighbors

    points = _checked(z).astype(np.float32)
    k = min(k, len(points) - 1)
    search = NearestNeighbors(n_neighbors=k, algorithm="auto").fit(points)
    distances, ids = search.kneighbors()  # without an argument, a point is not its own neighbour
    return ids.astype(np.int64), distances.astype(np.float32)


def _principal_components(points: Array) -> Array:
    """Return the first two principal components; the largest loading of each is positive."""
    centred = points - points.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    largest = np.abs(axes).argmax(0)
    axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
    positions = np.zeros((len(points), 2), np.float32)
    positions[:, : axes.shape[1]] = centred @ axes
    return positions + np.float32(0)  # no −0


def _umap(points: Array, seed: int) -> Array:
    """Return a map by umap-learn, the same for the same seed."""
    with warnings.catch_warnings():
        # About optional packages, disconnected points, and the one thread that a seed needs.
        warnings.simplefilter("ignore")
        from umap import UMAP

        model = UMAP(
            n_neighbors=max(2, min(NEIGHBORS, len(points) - 1)),
            init="spectral" if len(points) >= MIN_SPECTRAL else "random",
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(model.fit_transform(points.astype(np.float32)))


def _checked(z: Array) -> Array:
    """Return z as float64, (n, d), or raise a ValueError."""
    points = np.asarray(z, np.float64)
    if points.ndim != 2 or len(points) < 2 or points.shape[1] == 0:
        raise ValueError(f"z has shape {points.shape}, expected (n, d) with at least 2 codes")
    if not np.isfinite(points).all():
        raise ValueError("z contains NaN or infinite values, expected finite codes")
    return points
