"""Sufficiency: what z_label contains, the label and anything beyond it.

Codes are (n, d) for training and (m, d) for test; labels and factors are (n,) and (m,), numbers or
strings. The fresh probes are the logistic one and the network of `probes`. Test rows select
nothing.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import r2_score

from .checks import (
    Array,
    Factors,
    check_codes,
    check_factors,
    encode_categories,
    one_hot,
    stack_factors,
)
from .probes import best_predictions, fit_probes
from .regression import regress


def sufficiency(
    z_train: Array,
    y_train: Array,
    z_test: Array,
    y_test: Array,
    *,
    name: str = "sufficiency",
    seed: int = 0,
) -> dict[str, float]:
    """Return how well fresh probes (`fit_probes`) predict the label from z_label.

    Parameters
    ----------
    z_train, z_test
        z_label, (n, d) and (m, d).
    y_train, y_test
        Labels, (n,) and (m,).
    name, seed
        First part of the keys; seed of the probes.

    Returns
    -------
    dict
        Accuracies in [0, 1]: ``{name}.logistic``, ``{name}.mlp``, and the larger of them,
        ``{name}.max``; ``{name}.majority``, the share of the most common label in test, which a
        constant guess reaches.

    Raises
    ------
    ValueError
        If shapes do not fit; codes are not finite or fewer than 10; labels are missing (NaN, None)
        or of one class; y_test has a label that y_train lacks.

    Examples
    --------
    >>> y = np.arange(60) % 2
    >>> scores = sufficiency(y[:, None], y, y[:, None], y)
    >>> scores["sufficiency.logistic"], scores["sufficiency.max"], scores["sufficiency.majority"]
    (1.0, 1.0, 0.5)
    """
    z_train, z_test = check_codes(z_train, z_test)
    y_train, y_test = encode_categories(y_train, y_test, "y", len(z_train), len(z_test))
    scores: dict[str, float] = {}
    for kind, probe in fit_probes(z_train, y_train, z_test, seed).items():
        scores[f"{name}.{kind}"] = float((probe.predictions == y_test).mean())
    scores[f"{name}.max"] = max(scores.values())
    scores[f"{name}.majority"] = float(np.bincount(y_test).max() / len(y_test))
    return scores


def factors_in_label(
    z_train: Array,
    y_train: Array,
    factors_train: Factors,
    z_test: Array,
    y_test: Array,
    factors_test: Factors,
    *,
    name: str = "sufficiency.leak",
    seed: int = 0,
) -> dict[str, float]:
    """Return how much z_label contains of each factor beyond the label: 0 if nothing.

    The score is that of a probe of z_label and y minus that of a probe of y alone, with y as
    one-hot. What the label explains, such as the width of a 1, is thus no leak. The difference is
    not clipped: noise may make it negative. A floating-point factor is scored by the R² of
    `regress`, any other by the accuracy of `fit_probes`, of the probe with the best validation
    score.

    Parameters
    ----------
    z_train, z_test
        z_label, (n, d) and (m, d).
    y_train, y_test
        Labels, (n,) and (m,).
    factors_train, factors_test
        Columns by factor, (n,) and (m,), with the same names in both.
    name, seed
        First part of the keys; seed of the probes.

    Returns
    -------
    dict
        ``{name}.{factor}``, and the largest of them, ``{name}.max``.

    Raises
    ------
    ValueError
        As `sufficiency`; or if the factors differ between train and test, have missing values, do
        not vary, or have more than 2000 categories.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y, slant = np.arange(200) % 2, rng.normal(size=200)
    >>> for z in (np.stack([y], 1), np.stack([y, slant], 1)):
    ...     train = z[:150], y[:150], {"slant": slant[:150]}
    ...     test = z[150:], y[150:], {"slant": slant[150:]}
    ...     print(factors_in_label(*train, *test)["sufficiency.leak.slant"] > 0.9)
    False
    True
    """
    z_train, z_test = check_codes(z_train, z_test)
    n_train, n_test = len(z_train), len(z_test)
    label = one_hot(*encode_categories(y_train, y_test, "y", n_train, n_test))
    code_and_label = np.hstack([z_train, label[0]]), np.hstack([z_test, label[1]])
    columns = check_factors(factors_train, factors_test, n_train, n_test)
    continuous = {f: pair for f, pair in columns.items() if "f" in (v.dtype.kind for v in pair)}
    gains: dict[str, float] = {}
    if continuous:
        v_train, v_test = stack_factors(continuous)
        r2 = _r2(code_and_label, v_train, v_test, seed) - _r2(label, v_train, v_test, seed)
        gains |= dict(zip(continuous, r2.tolist(), strict=True))
    for factor, (train, test) in columns.items():
        if factor in continuous:
            continue
        v_train, v_test = encode_categories(train, test, factor, n_train, n_test, allow_unseen=True)
        with_code = _accuracy(code_and_label, v_train, v_test, seed)
        gains[factor] = with_code - _accuracy(label, v_train, v_test, seed)
    scores = {f"{name}.{factor}": gains[factor] for factor in columns}
    return scores | {f"{name}.max": max(gains.values())}


def _r2(inputs: tuple[Array, Array], v_train: Array, v_test: Array, seed: int) -> Array:
    """Return R² of each continuous factor on test, (k,)."""
    predictions = regress(inputs[0], v_train, inputs[1], seed)
    return np.array(r2_score(v_test, predictions, multioutput="raw_values"))


def _accuracy(inputs: tuple[Array, Array], v_train: Array, v_test: Array, seed: int) -> float:
    """Return the test accuracy of the probe with the best validation accuracy."""
    predictions = best_predictions(fit_probes(inputs[0], v_train, inputs[1], seed))
    return float((predictions == v_test).mean())
