"""What z_rest knows: style measured on images, and how well fresh probes read factors from the codes.

Codes are (n, d) to train with and (m, d) to test, labels and factors (n,) and (m,). The probes, and what they refuse
by a ValueError, are those of `probes`; test rows choose nothing.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist
from sklearn.metrics import r2_score

from .probes import (
    Array,
    Factors,
    best,
    categories,
    checked_codes,
    checked_column,
    checked_factors,
    classified,
    numbers,
    one_hot,
    regressed,
)
from .retrieval import within_covariance

CHUNK = 4096  # images at once: a memory map is never copied whole


def measured(x: Array) -> dict[str, Array]:
    """Return the style that can be seen in each image: five columns, (n,) each.

    Of the ink, with central second moments μ (x to the right, y up; 1/12 added for the pixel's own square), sum A and
    length of its edge P = Σ ‖∇ink‖ over all 2 × 2 cells; 0 for an image without ink:

    =========  =================================================================================================
    slant      μ_xy / μ_yy, pixels to the right per pixel up: leaning right is positive
    width      √(12 μ_xx), pixels: of a solid upright box exactly its sides, of a thin ring 1.2 diameters
    height     √(12 μ_yy), pixels
    thickness  2 A / P, pixels, in grey and white ink alike: of a line without ends its width t, of a bar of length
               l, t l / (t + l), within a tenth in any direction; too much for lines below 2.5 pixels
    ink        A, in pixels of full ink
    =========  =================================================================================================

    x are images (n, height, width), or (n, channels, height, width), whose channels are averaged; uint8 or floating in
    [0, 1], ink bright. A ValueError for other shapes, types and values.

    Examples
    --------
    >>> bar = np.zeros((1, 28, 28), np.uint8)
    >>> bar[:, 4:24, 10:14] = 255
    >>> {name: round(values.item(), 2) for name, values in measured(bar).items()}
    {'slant': 0.0, 'width': 4.0, 'height': 20.0, 'thickness': 3.42, 'ink': 80.0}
    """
    x = np.asarray(x)
    if x.ndim not in (3, 4) or not x.size:
        raise ValueError(
            f"x has shape {x.shape}, expected images, (n, h, w) or (n, channels, h, w), not empty"
        )
    chunks = (_scaled(x[i : i + CHUNK], "x") for i in range(0, len(x), CHUNK))
    parts = [_measured(ink if ink.ndim == 3 else ink.mean(1)) for ink in chunks]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def explained(
    train: Array,
    values_train: Factors,
    test: Array,
    values_test: Factors,
    *,
    name: str = "rest.r2",
    y_train: Array | None = None,
    y_test: Array | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Return the share of each continuous factor's variance that a fresh probe explains on test codes, R².

    R² = 1 − Σ (v − v̂)² / Σ (v − v̄)²: 1 perfect, 0 no better than the mean, without lower bound and not clipped. The
    probe is the better one, for each factor, of ridge regression and a network (`regressed`).

    Parameters
    ----------
    train, test
        Codes.
    values_train, values_test
        By factor, numbers in any unit; the same factors in both, none of them constant.
    y_train, y_test
        Labels, both or neither. With them there is also the R² given the label: of a probe that gets the codes *and*
        the label as one-hot. What the label explains alone is in it; `factors_in_label` takes that off.
    name, seed
        What the keys begin with; seed of the probes.

    Returns
    -------
    dict
        ``{name}.{factor}`` and their ``{name}.mean``; with labels ``{name}.given_label.{factor}`` and
        ``{name}.given_label.mean``.

    Examples
    --------
    >>> codes = np.random.default_rng(0).normal(size=(400, 2))
    >>> found = explained(codes[:300], {"slant": codes[:300, 0]}, codes[300:], {"slant": codes[300:, 0]})
    >>> {key: round(r2, 2) for key, r2 in found.items()}
    {'rest.r2.slant': 1.0, 'rest.r2.mean': 1.0}
    """
    train, test = checked_codes(train, test)
    known, asked = numbers(checked_factors(values_train, values_test, train, test))
    inputs = {name: (train, test)}
    if y_train is not None and y_test is not None:
        labels = one_hot(*categories(y_train, y_test, "y", train, test))
        inputs[f"{name}.given_label"] = np.hstack([train, labels[0]]), np.hstack([test, labels[1]])
    elif y_train is not y_test:
        raise ValueError("labels came in part: expected both y_train and y_test, or neither")
    found: dict[str, float] = {}
    for key, (z, q) in inputs.items():
        r2 = np.array(r2_score(asked, regressed(z, known, q, seed), multioutput="raw_values"))
        found |= {f"{key}.{factor}": float(r) for factor, r in zip(values_train, r2, strict=True)}
        found[f"{key}.mean"] = float(r2.mean())
    return found


def named(
    train: Array,
    factor_train: Array,
    y_train: Array,
    test: Array,
    factor_test: Array,
    y_test: Array,
    *,
    name: str = "rest.factor",
    seed: int = 0,
) -> dict[str, float]:
    """Return how often a fresh probe names a categorical factor, such as the writer, from one test code.

    Over all labels: the better one of logistic regression and a network (`classified`). Within a label, where there are
    few codes of each writer p: linear discriminant analysis (Fisher, 1936), arg max_p log n_p − ½ (z − c_p)ᵀ S⁻¹
    (z − c_p), of its n_p training codes with mean c_p; S is `within_covariance`, or 1 where nobody has two codes.

    Returns
    -------
    dict
        ``{name}.accuracy``, in [0, 1]; a category that training lacks counts as wrong. ``{name}.chance``, the share of
        the commonest category in test. ``{name}.within_label`` and ``{name}.within_label.chance``, the same within each
        label, weighted by its test codes; left out are those whose category the label lacks in training, and labels
        with one category. A ValueError if that leaves none, or the test has no category of training's.

    Examples
    --------
    >>> y, who = np.arange(80) % 2, np.arange(80) // 2 % 2
    >>> found = named(np.c_[5.0 * who], who, y, np.c_[5.0 * who], who, y)
    >>> found["rest.factor.accuracy"], found["rest.factor.within_label"], found["rest.factor.chance"]
    (1.0, 1.0, 0.5)
    """
    train, test = checked_codes(train, test)
    known, asked = categories(factor_train, factor_test, "factor", train, test, unseen=True)
    of_train, of_test = categories(y_train, y_test, "y", train, test)
    read = best(classified(train, known, test, seed))
    right, common, total = 0, 0, 0
    for label in np.unique(of_test):
        rows, among = (
            of_train == label,
            (of_test == label) & np.isin(asked, known[of_train == label]),
        )
        if len(np.unique(known[rows])) < 2 or not among.any():
            continue
        right += int((_discriminant(train[rows], known[rows], test[among]) == asked[among]).sum())
        common += int(np.bincount(asked[among]).max())
        total += int(among.sum())
    if not total:
        came = "no label has two categories in training, one of which it has in test"
        raise ValueError(f"{came}: expected factors that vary within a label, such as the writer")
    return {
        f"{name}.accuracy": float((read == asked).mean()),
        f"{name}.chance": float(np.bincount(asked).max() / len(asked)),
        f"{name}.within_label": right / total,
        f"{name}.within_label.chance": common / total,
    }


def reconstruction(
    x: Array, decoded: Array, y: Array, *, name: str = "rest.reconstruction"
) -> dict[str, float]:
    """Return the loss of decoded images, −Σ x log p + (1 − x) log(1 − p) over pixels, nats per example.

    p is the decoded mean, clipped to [10⁻⁶, 1 − 10⁻⁶]. Grey pixels cost something even where p = x. Keys: ``{name}``,
    ``{name}.{label}`` for each label, and ``{name}.mse``, a pixel's mean squared error.

    Parameters
    ----------
    x, decoded, y
        Images and decoded means, (n, \\*shape), uint8 or floating in [0, 1]; labels, (n,).

    Examples
    --------
    >>> x, half = np.array([[0.0, 1.0], [1.0, 1.0]]), np.full((2, 2), 0.5)
    >>> {key: round(loss, 3) for key, loss in reconstruction(x, half, np.array([3, 8])).items()}
    {'rest.reconstruction': 1.386, 'rest.reconstruction.3': 1.386, 'rest.reconstruction.8': 1.386, \
'rest.reconstruction.mse': 0.25}
    """
    x, decoded = np.asarray(x), np.asarray(decoded)
    if x.shape != decoded.shape or x.ndim < 2 or not x.size:
        raise ValueError(
            f"x has shape {x.shape} and decoded {decoded.shape}, expected the same, (n, *shape)"
        )
    y = checked_column(y, "y", x)
    loss, error = np.empty(len(x)), np.empty(len(x))
    for i in range(0, len(x), CHUNK):
        a, b = (
            _scaled(v[i : i + CHUNK], n).reshape(-1, x[0].size)
            for v, n in ((x, "x"), (decoded, "decoded"))
        )
        p = b.clip(1e-6, 1 - 1e-6)
        loss[i : i + CHUNK] = -(a * np.log(p) + (1 - a) * np.log1p(-p)).sum(1)
        error[i : i + CHUNK] = np.square(a - b).mean(1)
    by_label = {
        f"{name}.{label}": float(loss[y == label].mean()) for label in np.unique(y).tolist()
    }
    return {name: float(loss.mean())} | by_label | {f"{name}.mse": float(error.mean())}


def _measured(ink: Array) -> dict[str, Array]:
    area = ink.sum((1, 2))
    blank = area == 0
    mass = np.where(blank, 1, area)
    y, x = (np.arange(n)[::d] - (n - 1) / 2 for n, d in zip(ink.shape[1:], (-1, 1), strict=True))
    down, across = ink.sum(2), ink.sum(1)  # (n, h), (n, w)
    mx, my = across @ x / mass, down @ y / mass
    xx, yy = across @ x**2 / mass - mx**2 + 1 / 12, down @ y**2 / mass - my**2 + 1 / 12
    xy = ((ink @ x) * y).sum(1) / mass - mx * my
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    # Along a cell's diagonals: strokes that lean right and left are treated alike, unlike by plain differences.
    falling = padded[:, 1:, 1:] - padded[:, :-1, :-1]
    rising = padded[:, :-1, 1:] - padded[:, 1:, :-1]
    edge = np.sqrt((falling**2 + rising**2) / 2).sum((1, 2))
    style = {"slant": xy / yy, "width": np.sqrt(12 * xx), "height": np.sqrt(12 * yy)}
    style |= {"thickness": 2 * area / np.where(blank, 1, edge), "ink": area}
    return {name: np.where(blank, 0.0, values) for name, values in style.items()}


def _discriminant(train: Array, known: Array, test: Array) -> Array:
    """Return the most probable category of each test code, (m,), by linear discriminant analysis."""
    who, person, counts = np.unique(known, return_inverse=True, return_counts=True)
    if counts.max() > 1:
        root = np.linalg.cholesky(within_covariance(train, person))
        train, test = (solve_triangular(root, z.T, lower=True).T for z in (train, test))
    centres = np.stack([train[person == p].mean(0) for p in range(len(who))])
    return who[(np.log(counts) - cdist(test, centres, "sqeuclidean") / 2).argmax(1)]


def _scaled(x: Array, name: str) -> Array:
    """Return images in [0, 1] as float64."""
    if x.dtype == np.uint8:
        return x / 255
    if x.dtype.kind != "f" or not (x.min() >= 0 and x.max() <= 1):  # NaN fails too
        came = f"{name} is {x.dtype}, from {x.min()} to {x.max()}"
        raise ValueError(
            f"{came}, expected uint8, or floating in [0, 1]: divide by the white value"
        )
    return x.astype(np.float64)
