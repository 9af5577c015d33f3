"""Swap: whether images decoded from one example's label and another's rest show both."""

from __future__ import annotations

import numpy as np

from ..validation.quoting import quoted
from .checks import Array, check_column, check_finite


def swap_pairs(y: Array, n: int, seed: int = 0) -> tuple[Array, Array]:
    """Return n pairs of rows (a, b), (n,) each, with different labels.

    Row a provides the label and row b the rest. Every ordered pair of rows with different labels is
    equally likely, independently of the other pairs. With equal labels, a decoder that ignores
    z_label would pass.

    Parameters
    ----------
    y
        Labels, (N,).
    n
        Number of pairs, at least 1.
    seed
        Seed of the pairs.

    Raises
    ------
    ValueError
        If y is not one-dimensional, has missing values (NaN, None) or one class only, or n is
        below 1.

    Examples
    --------
    >>> y = np.array(["cat", "cat", "dog"])
    >>> a, b = swap_pairs(y, 100)
    >>> bool((y[a] != y[b]).all()), sorted(set(a.tolist()))
    (True, [0, 1, 2])
    """
    y = check_column(y, "y", _n_rows(y))
    classes, label, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"y has the classes {quoted(classes)}, expected two or more to swap")
    if n < 1:
        raise ValueError(f"n is {n}, expected at least 1 pair")
    rng = np.random.default_rng(seed)
    n_others = (len(y) - counts)[label]  # (N,), rows with another label
    a = rng.choice(len(y), n, p=n_others / n_others.sum())
    # In the rows sorted by label and closed to a ring, those with another label start where the
    # label of a ends.
    ring, ends = np.argsort(label, kind="stable"), np.cumsum(counts)
    b = ring[(ends[label[a]] + rng.integers(n_others[a])) % len(y)]
    return a, b


def swap(
    y_target: Array,
    y_predicted: Array,
    z_rest: Array,
    z_rest_reencoded: Array,
    factor: Array | None = None,
    factor_predicted: Array | None = None,
    factor_predicted_before: Array | None = None,
    *,
    name: str = "swap",
) -> dict[str, float]:
    """Return how often swapped images show the target label, and how much of the rest they keep.

    Row i is the image decoded from z_label of a_i and z_rest of b_i (`swap_pairs`). Compare both
    scores. A decoder that ignores z_label keeps the rest perfectly, but its label is ≈ 0. One that
    ignores z_rest has label ≈ 1, but rest_r2 ≤ 0.

    rest_r2 = 1 − Σ_i ‖r'_i − r_i‖² / Σ_i ‖r_i − r̄‖², where r is the rest code that was decoded and
    r' that of the swapped image, encoded again. It is 0 if all rest codes are equal.

    Parameters
    ----------
    y_target
        Label of a_i, (n,).
    y_predicted
        Label that an independent classifier, the judge, predicts from the swapped image, (n,).
    z_rest, z_rest_reencoded
        z_rest of b_i, and z_rest of the swapped image, (n, d).
    factor, factor_predicted
        Writer (or another factor) of b_i, and the one that an independent classifier predicts from
        the swapped image, (n,); both or neither.
    factor_predicted_before
        The one that this classifier predicts from the image of b_i itself, (n,).
    name
        First part of the keys.

    Returns
    -------
    dict
        ===========================  =============================================================
        ``{name}.label``             share of images that show the target label, in [0, 1]
        ``{name}.label.{value}``     the same for each target label
        ``{name}.rest_r2``           1 perfect, 0 no better than the mean code, no lower bound
        ``{name}.factor``            share of images that show the factor of b_i, in [0, 1]
        ``{name}.factor.before``     the same before the swap: an upper limit
        ``{name}.factor.chance``     share of the most common value, which a constant guess reaches
        ===========================  =============================================================

    Raises
    ------
    ValueError
        If shapes or lengths do not fit, values are missing (NaN, None), strings are compared with
        numbers, or only one of factor and factor_predicted is given.

    Examples
    --------
    >>> z_rest = np.array([[0.0], [2.0]])
    >>> swap(np.array([3, 8]), np.array([3, 5]), z_rest, z_rest + 0.5)
    {'swap.label': 0.5, 'swap.label.3': 1.0, 'swap.label.8': 0.0, 'swap.rest_r2': 0.75}
    """
    y_target = check_column(y_target, "y_target", _n_rows(y_target))
    is_target = _equal(y_target, y_predicted, "y_target", "y_predicted")
    scores = {f"{name}.label": float(is_target.mean())}
    for value in np.unique(y_target).tolist():
        scores[f"{name}.label.{value}"] = float(is_target[y_target == value].mean())
    scores[f"{name}.rest_r2"] = _rest_r2(z_rest, z_rest_reencoded, len(y_target))
    if factor is None and factor_predicted is None and factor_predicted_before is None:
        return scores
    if factor is None or factor_predicted is None:
        raise ValueError(
            "only some of factor, factor_predicted and factor_predicted_before were given, "
            "expected factor with factor_predicted, or none"
        )
    factor = check_column(factor, "factor", len(y_target))
    is_kept = _equal(factor, factor_predicted, "factor", "factor_predicted")
    scores[f"{name}.factor"] = float(is_kept.mean())
    if factor_predicted_before is not None:
        was_right = _equal(factor, factor_predicted_before, "factor", "factor_predicted_before")
        scores[f"{name}.factor.before"] = float(was_right.mean())
    counts = np.unique(factor, return_counts=True)[1]
    scores[f"{name}.factor.chance"] = float(counts.max() / len(factor))
    return scores


def _rest_r2(z_rest: Array, z_rest_reencoded: Array, n: int) -> float:
    """Return the share of the variance of z_rest that encoding again gives back."""
    z_rest = np.asarray(z_rest, np.float64)
    z_rest_reencoded = np.asarray(z_rest_reencoded, np.float64)
    for name, z in (("z_rest", z_rest), ("z_rest_reencoded", z_rest_reencoded)):
        if z.ndim != 2 or len(z) != n:
            raise ValueError(f"{name} has shape {z.shape}, expected ({n}, d), as many as y_target")
        check_finite(z, name)
    if z_rest.shape != z_rest_reencoded.shape:
        raise ValueError(
            f"z_rest has shape {z_rest.shape} and z_rest_reencoded {z_rest_reencoded.shape}, "
            "expected the same"
        )
    # A test of the variance would fail: rounding makes that of equal numbers positive.
    if (z_rest == z_rest[0]).all():
        return 0.0
    error = np.square(z_rest_reencoded - z_rest).sum()
    return float(1 - error / np.square(z_rest - z_rest.mean(0)).sum())


def _equal(truth: Array, predicted: Array, truth_name: str, predicted_name: str) -> Array:
    """Return where two columns are equal, (n,), or raise a ValueError."""
    predicted = check_column(predicted, predicted_name, len(truth))
    truth_is_text, predicted_is_text = truth.dtype.kind in "US", predicted.dtype.kind in "US"
    if truth_is_text != predicted_is_text:  # never equal, which would look like a bad score
        text, number = predicted_name, truth_name
        if truth_is_text:
            text, number = truth_name, predicted_name
        raise ValueError(
            f"{text} contains strings and {number} numbers, expected the same: "
            "convert one with astype(str)"
        )
    return truth == predicted


def _n_rows(values: Array) -> int:
    """Return the length of a column, 0 for a scalar."""
    return len(values) if np.ndim(values) else 0
