"""Measures of images: the style of their strokes, and the loss of their reconstructions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .checks import Array, check_column

CHUNK = 4096  # images at once: a memory map is never copied whole
MIN_P = 1e-6  # of a decoded pixel, and of its complement


def stroke_style(x: Array) -> dict[str, Array]:
    """Return five measurements of the strokes of each image, (n,) each.

    They use the ink's sum A, its central second moments μ (x to the right, y up; 1/12 is added for
    the extent of a pixel), and the length of its edge P = Σ ‖∇ink‖ over all cells of 2 × 2 pixels:

    =========  =================================================================================
    slant      μ_xy / μ_yy, pixels to the right per pixel up; positive if the strokes lean right
    width      √(12 μ_xx), pixels: the sides of a solid upright box, 1.2 diameters of a thin ring
    height     √(12 μ_yy), pixels
    thickness  2 A / P, pixels, for grey and white ink alike: the width t of a line without ends;
               t l / (t + l) for a bar of length l, within a tenth in any direction; too large for
               lines thinner than 2.5 pixels
    ink        A, in pixels of full ink
    =========  =================================================================================

    All are 0 for an image without ink.

    Parameters
    ----------
    x
        Images with bright ink, (n, height, width), or (n, channels, height, width), whose channels
        are averaged; uint8, or floating point in [0, 1].

    Raises
    ------
    ValueError
        If the shape, the type or the values differ from that.

    Examples
    --------
    >>> bar = np.zeros((1, 28, 28), np.uint8)
    >>> bar[:, 4:24, 10:14] = 255
    >>> {name: round(values.item(), 2) for name, values in stroke_style(bar).items()}
    {'slant': 0.0, 'width': 4.0, 'height': 20.0, 'thickness': 3.42, 'ink': 80.0}
    """
    x = np.asarray(x)
    if x.ndim not in (3, 4) or not x.size:
        raise ValueError(
            f"x has shape {x.shape}, expected images, (n, h, w) or (n, channels, h, w), not empty"
        )
    parts: list[dict[str, Array]] = []
    for rows in _chunks(len(x)):
        ink = _unit_range(x[rows], "x")
        parts.append(_measure_strokes(ink if ink.ndim == 3 else ink.mean(1)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def reconstruction_loss(
    x: Array, decoded: Array, y: Array, *, name: str = "rest.reconstruction"
) -> dict[str, float]:
    """Return the loss of decoded images, −Σ x log p + (1 − x) log(1 − p) over pixels, nats.

    p is the decoded mean, clipped to [10⁻⁶, 1 − 10⁻⁶]. A grey pixel has a positive loss even if
    p = x.

    Parameters
    ----------
    x, decoded
        Images and decoded means, (n, \\*shape), uint8, or floating point in [0, 1].
    y
        Labels, (n,).
    name
        First part of the keys.

    Returns
    -------
    dict
        ``{name}``, the mean over examples; ``{name}.{label}`` for each label; ``{name}.mse``, the
        mean squared error of a pixel.

    Raises
    ------
    ValueError
        If shapes, types or values differ from that, or labels are missing.

    Examples
    --------
    >>> x, half = np.array([[0.0, 1.0], [1.0, 1.0]]), np.full((2, 2), 0.5)
    >>> scores = reconstruction_loss(x, half, np.array([3, 8]), name="loss")
    >>> {key: round(loss, 3) for key, loss in scores.items()}
    {'loss': 1.386, 'loss.3': 1.386, 'loss.8': 1.386, 'loss.mse': 0.25}
    """
    x, decoded = np.asarray(x), np.asarray(decoded)
    if x.shape != decoded.shape or x.ndim < 2 or not x.size:
        raise ValueError(
            f"x has shape {x.shape} and decoded {decoded.shape}, expected the same, (n, *shape)"
        )
    y = check_column(y, "y", len(x))
    loss, squared_error = np.empty(len(x)), np.empty(len(x))
    for rows in _chunks(len(x)):
        pixels = _unit_range(x[rows], "x").reshape(-1, x[0].size)
        means = _unit_range(decoded[rows], "decoded").reshape(-1, x[0].size)
        p = means.clip(MIN_P, 1 - MIN_P)
        loss[rows] = -(pixels * np.log(p) + (1 - pixels) * np.log1p(-p)).sum(1)
        squared_error[rows] = np.square(pixels - means).mean(1)
    scores = {name: float(loss.mean())}
    for label in np.unique(y).tolist():
        scores[f"{name}.{label}"] = float(loss[y == label].mean())
    return scores | {f"{name}.mse": float(squared_error.mean())}


def frechet_distance(features: Array, reference: Array) -> float:
    """Return the Fréchet distance between two sets of images in the features of a network.

    It is ‖m − m'‖² + tr(S + S' − 2 (S S')^½), where m, m' are the means and S, S' the covariances,
    and 0 for sets of equal means and covariances. Estimates from few images are too large: compare
    sets of the same size.

    Parameters
    ----------
    features, reference
        Features of the images, (n, d) and (m, d), two rows or more each.

    Raises
    ------
    ValueError
        If shapes do not fit.

    References
    ----------
    Dowson & Landau (1982); for images Heusel et al. (2017), arXiv:1706.08500.

    Examples
    --------
    >>> a = np.random.default_rng(0).normal(size=(500, 3))
    >>> round(frechet_distance(a + 2, a), 6), round(frechet_distance(a, a[::-1]), 6)
    (12.0, 0.0)
    """
    if features.ndim != 2 or reference.ndim != 2 or features.shape[1] != reference.shape[1]:
        raise ValueError(
            f"features have shape {features.shape} and the reference {reference.shape}, expected "
            "(n, d) and (m, d)"
        )
    if min(len(features), len(reference)) < 2:
        raise ValueError(f"got {len(features)} and {len(reference)} rows, expected two or more")
    distance = np.square(features.mean(0) - reference.mean(0)).sum()
    s, t = (np.atleast_2d(np.cov(z.T)) for z in (features, reference))
    values, vectors = np.linalg.eigh(s)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ t @ root).clip(min=0)
    distance += np.trace(s) + np.trace(t) - 2 * np.sqrt(product).sum()
    return max(0.0, float(distance))


def _chunks(n: int) -> Iterator[slice]:
    """Yield slices of at most CHUNK rows that cover n rows."""
    for start in range(0, n, CHUNK):
        yield slice(start, start + CHUNK)


def _unit_range(x: Array, name: str) -> Array:
    """Return images in [0, 1] as float64, or raise a ValueError."""
    if x.dtype == np.uint8:
        return x / 255
    is_in_range = x.min() >= 0 and x.max() <= 1  # False for NaN
    if x.dtype.kind != "f" or not is_in_range:
        raise ValueError(
            f"{name} is {x.dtype}, from {x.min()} to {x.max()}, expected uint8, or floating point "
            "in [0, 1]: divide by the value of white"
        )
    return x.astype(np.float64)


def _measure_strokes(ink: Array) -> dict[str, Array]:
    """Return the measurements of `stroke_style` of images in [0, 1], (n, h, w)."""
    _, height, width = ink.shape
    x = np.arange(width) - (width - 1) / 2
    y = np.arange(height)[::-1] - (height - 1) / 2  # up
    area = ink.sum((1, 2))
    is_blank = area == 0
    mass = np.where(is_blank, 1, area)
    row_sums, column_sums = ink.sum(2), ink.sum(1)  # (n, h), (n, w)
    mean_x, mean_y = column_sums @ x / mass, row_sums @ y / mass
    xx = column_sums @ x**2 / mass - mean_x**2 + 1 / 12
    yy = row_sums @ y**2 / mass - mean_y**2 + 1 / 12
    xy = ((ink @ x) * y).sum(1) / mass - mean_x * mean_y
    # Differences along both diagonals of a cell treat strokes that lean right and left alike.
    # Differences to the right and down would not.
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    falling = padded[:, 1:, 1:] - padded[:, :-1, :-1]
    rising = padded[:, :-1, 1:] - padded[:, 1:, :-1]
    edge = np.sqrt((falling**2 + rising**2) / 2).sum((1, 2))
    style = {
        "slant": xy / yy,
        "width": np.sqrt(12 * xx),
        "height": np.sqrt(12 * yy),
        "thickness": 2 * area / np.where(is_blank, 1, edge),
        "ink": area,
    }
    return {name: np.where(is_blank, 0.0, values) for name, values in style.items()}
