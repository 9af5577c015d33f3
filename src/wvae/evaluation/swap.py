"""Check that a swapped image, one example's label with the rest of another, is what it should be."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def swap_pairs(y: Array, n: int, seed: int = 0) -> tuple[Array, Array]:
    """Return n pairs of rows (a, b), each (n,), whose labels differ: a gives the label and b the rest.

    Every ordered pair of rows with different labels is equally likely, in each draw anew. With equal labels a decoder
    that ignores z_label would pass for a good one.

    Parameters
    ----------
    y
        Labels, (N,).
    n
        How many pairs, at least 1.
    seed
        Of the draws.

    Raises
    ------
    ValueError
        If y is not one-dimensional, holds NaN or one class only, or n is below 1.

    Examples
    --------
    >>> y = np.array(["cat", "cat", "dog"])
    >>> a, b = swap_pairs(y, 100)
    >>> bool((y[a] != y[b]).all()), sorted(set(a.tolist()))
    (True, [0, 1, 2])
    """
    y = _checked(y, "y")
    classes, label, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise ValueError(
            f"y has the classes {classes.tolist()}, expected two or more: nothing else to swap in"
        )
    if n < 1:
        raise ValueError(f"n is {n}, expected at least 1 pair")
    rng = np.random.default_rng(seed)
    others = (len(y) - counts)[label]  # (N,), how many rows have another label
    a = rng.choice(len(y), n, p=others / others.sum())
    # In a ring of rows sorted by label, those with another label begin where a's label ends.
    ring, end = np.argsort(label, kind="stable"), np.cumsum(counts)
    b = ring[(end[label[a]] + rng.integers(others[a])) % len(y)]
    return a, b


def swap(
    y_wanted: Array,
    y_read: Array,
    rest: Array,
    rest_again: Array,
    who: Array | None = None,
    who_read: Array | None = None,
    who_read_before: Array | None = None,
    *,
    name: str = "swap",
) -> dict[str, float]:
    """Return how often a swapped image shows the wanted label, and how much of the rest it keeps.

    Row i is the image decoded from z_label of a_i and z_rest of b_i (`swap_pairs`). Read the scores together: a
    decoder that ignores z_label keeps the rest perfectly but has label ≈ 0; one that ignores z_rest has label ≈ 1 but
    rest_r2 ≤ 0. rest_r2 = 1 − Σ_i ‖r'_i − r_i‖² / Σ_i ‖r_i − r̄‖², with r the rest code that was put in and r' that of
    the swapped image, encoded again; a code that is the same for all images has nothing to keep, and 0.

    Parameters
    ----------
    y_wanted, y_read
        Label of a_i, and the one that a reader who took no part in the training reads, (n,).
    rest, rest_again
        z_rest of b_i, and z_rest of the swapped image, (n, d).
    who, who_read
        Writer (or any factor) of b_i, and the one that a probe reads from the swapped image, (n,); both or neither.
    who_read_before
        What the probe reads from the image of b_i itself, (n,).
    name
        What the keys begin with.

    Returns
    -------
    dict
        ``{name}.label``, in [0, 1], and ``{name}.label.{value}`` for each label wanted; ``{name}.rest_r2``, 1 perfect,
        0 no better than the mean code, without lower bound. With writers: ``{name}.factor``, in [0, 1], the share
        still read as the old writer; ``{name}.factor.before``, the same before the swap, its ceiling;
        ``{name}.factor.chance``, the share of the commonest writer, which needs no image.

    Raises
    ------
    ValueError
        If shapes or lengths do not fit, values are missing (NaN), words are compared with numbers, or one of who and
        who_read is missing.

    Examples
    --------
    >>> rest = np.array([[0.0], [2.0]])
    >>> swap(np.array([3, 8]), np.array([3, 5]), rest, rest + 0.5)
    {'swap.label': 0.5, 'swap.label.3': 1.0, 'swap.label.8': 0.0, 'swap.rest_r2': 0.75}
    """
    wanted = _checked(y_wanted, "y_wanted")
    as_wanted = _agree(wanted, _checked(y_read, "y_read", wanted), "y_wanted", "y_read")
    scores = {f"{name}.label": float(as_wanted.mean())}
    for value in np.unique(wanted).tolist():
        scores[f"{name}.label.{value}"] = float(as_wanted[wanted == value].mean())
    scores[f"{name}.rest_r2"] = _rest_r2(rest, rest_again, len(wanted))
    if who is None or who_read is None:
        if not (who is who_read is who_read_before is None):
            raise ValueError(
                "writers came in part: expected who with who_read, or none of who, who_read(_before)"
            )
        return scores
    who = _checked(who, "who", wanted)
    scores[f"{name}.factor"] = float(
        _agree(who, _checked(who_read, "who_read", wanted), "who", "who_read").mean()
    )
    if who_read_before is not None:
        before = _checked(who_read_before, "who_read_before", wanted)
        scores[f"{name}.factor.before"] = float(
            _agree(who, before, "who", "who_read_before").mean()
        )
    scores[f"{name}.factor.chance"] = float(np.unique(who, return_counts=True)[1].max() / len(who))
    return scores


def _rest_r2(rest: Array, again: Array, n: int) -> float:
    rest, again = np.asarray(rest, np.float64), np.asarray(again, np.float64)
    for name, z in (("rest", rest), ("rest_again", again)):
        if z.ndim != 2 or len(z) != n:
            raise ValueError(
                f"{name} has shape {z.shape}, expected ({n}, d), one code for each label of y_wanted"
            )
        if not np.isfinite(z).all():
            raise ValueError(
                f"{name} holds NaN or infinite values, expected finite codes: look at the model's loss"
            )
    if rest.shape != again.shape:
        raise ValueError(
            f"rest has shape {rest.shape} and rest_again {again.shape}, expected the same"
        )
    # A collapsed code. Not by its variance: the mean of equal numbers may differ from them in the last digit.
    if (rest == rest[0]).all():
        return 0.0
    return float(1 - np.square(again - rest).sum() / np.square(rest - rest.mean(0)).sum())


def _agree(truth: Array, read: Array, truth_name: str, read_name: str) -> Array:
    """Return where two columns agree, (n,)."""
    kinds = ["words" if values.dtype.kind in "US" else "numbers" for values in (truth, read)]
    if kinds[0] != kinds[1]:  # never equal: a mix-up would pass for a bad score
        came = f"{truth_name} holds {kinds[0]} and {read_name} {kinds[1]}"
        raise ValueError(f"{came}, expected the same: convert one with astype(str)")
    return truth == read


def _checked(values: Array, name: str, like: Array | None = None) -> Array:
    values = np.asarray(values)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} has shape {values.shape}, expected (n,) with at least one row")
    if like is not None and len(values) != len(like):
        raise ValueError(
            f"{name} has {len(values)} rows and y_wanted {len(like)}, expected as many"
        )
    values = values.tolist()
    if any(v is None or v != v for v in values):
        raise ValueError(
            f"{name} holds NaN or None, expected a value for each row: leave the unknown ones out"
        )
    return np.array(
        values
    )  # a column of objects, as pandas gives it, becomes one of words or numbers
