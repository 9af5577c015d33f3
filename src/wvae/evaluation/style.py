"""Style: how well fresh probes predict hidden factors from z_rest.

Codes are (n, d) for training and (m, d) for test; labels and factors are (n,) and (m,). Test rows
select nothing.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist
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
from .retrieval import within_covariance


def factor_r2(
    z_train: Array,
    factors_train: Factors,
    z_test: Array,
    factors_test: Factors,
    *,
    name: str = "rest.r2",
    y_train: Array | None = None,
    y_test: Array | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Return the share of each continuous factor's variance that test codes explain, R².

    R² = 1 − Σ (v − v̂)² / Σ (v − v̄)²: 1 for perfect predictions v̂, 0 for the mean; not clipped,
    so it has no lower bound. For each factor the better of ridge regression and a network predicts
    (`regress`).

    Parameters
    ----------
    z_train, z_test
        Codes, (n, d) and (m, d).
    factors_train, factors_test
        Columns by factor, numbers in any unit, none of them constant, with the same names in both.
    y_train, y_test
        Labels, both or neither. With them there is also the R² given the label, of a probe that
        receives the codes *and* the label as one-hot. It includes what the label alone explains;
        `factors_in_label` subtracts that.
    name, seed
        First part of the keys; seed of the probes.

    Returns
    -------
    dict
        ``{name}.{factor}`` and their ``{name}.mean``; with labels also
        ``{name}.given_label.{factor}`` and ``{name}.given_label.mean``.

    Raises
    ------
    ValueError
        If shapes do not fit; codes are not finite or fewer than 10; factors are not the same
        numbers, or constant; only one of y_train and y_test is given.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(150, 2))
    >>> scores = factor_r2(z[:100], {"slant": z[:100, 0]}, z[100:], {"slant": z[100:, 0]})
    >>> {key: round(r2, 2) for key, r2 in scores.items()}
    {'rest.r2.slant': 1.0, 'rest.r2.mean': 1.0}
    """
    z_train, z_test = check_codes(z_train, z_test)
    n_train, n_test = len(z_train), len(z_test)
    columns = check_factors(factors_train, factors_test, n_train, n_test)
    v_train, v_test = stack_factors(columns)
    inputs = {name: (z_train, z_test)}
    if y_train is not None and y_test is not None:
        label = one_hot(*encode_categories(y_train, y_test, "y", n_train, n_test))
        inputs[f"{name}.given_label"] = (
            np.hstack([z_train, label[0]]),
            np.hstack([z_test, label[1]]),
        )
    elif y_train is not y_test:
        raise ValueError("only one of y_train and y_test was given, expected both or neither")
    scores: dict[str, float] = {}
    for key, (train, test) in inputs.items():
        predictions = regress(train, v_train, test, seed)
        r2 = np.array(r2_score(v_test, predictions, multioutput="raw_values"))
        for factor, value in zip(columns, r2.tolist(), strict=True):
            scores[f"{key}.{factor}"] = value
        scores[f"{key}.mean"] = float(r2.mean())
    return scores


def factor_accuracy(
    z_train: Array,
    factor_train: Array,
    y_train: Array,
    z_test: Array,
    factor_test: Array,
    y_test: Array,
    *,
    name: str = "rest.factor",
    seed: int = 0,
) -> dict[str, float]:
    """Return how well fresh probes predict a categorical factor, such as the writer, from one code.

    Over all labels, the better of logistic regression and a network predicts (`fit_probes`). Within
    a label there are few codes of each category p, so linear discriminant analysis predicts:
    arg max_p log n_p − ½ (z − c_p)ᵀ S⁻¹ (z − c_p), where c_p is the mean of the n_p training codes
    and S is `within_covariance`, or 1 if each category has one code.

    Parameters
    ----------
    z_train, z_test
        Codes, (n, d) and (m, d).
    factor_train, factor_test
        Categories, (n,) and (m,), numbers or strings.
    y_train, y_test
        Labels, (n,) and (m,).
    name, seed
        First part of the keys; seed of the probes.

    Returns
    -------
    dict
        ===============================  =========================================================
        ``{name}.accuracy``              in [0, 1]; a category that train lacks counts as an error
        ``{name}.chance``                share of the most common category in test
        ``{name}.within_label``          accuracy within each label, weighted by its test codes;
                                         without categories that the label lacks in train, and
                                         without labels that have one category
        ``{name}.within_label.chance``   share of the most common category, weighted likewise
        ===============================  =========================================================

    Raises
    ------
    ValueError
        If shapes do not fit; codes are not finite or fewer than 10; values are missing; no test
        category occurs in train; or no label leaves any test code.

    References
    ----------
    Fisher (1936), The use of multiple measurements in taxonomic problems.

    Examples
    --------
    >>> y, writer = np.arange(80) % 2, np.arange(80) // 2 % 2
    >>> z = 5.0 * writer[:, None]
    >>> scores = factor_accuracy(z, writer, y, z, writer, y)
    >>> scores["rest.factor.accuracy"], scores["rest.factor.within_label"]
    (1.0, 1.0)
    """
    z_train, z_test = check_codes(z_train, z_test)
    n_train, n_test = len(z_train), len(z_test)
    factor_train, factor_test = encode_categories(
        factor_train, factor_test, "factor", n_train, n_test, allow_unseen=True
    )
    y_train, y_test = encode_categories(y_train, y_test, "y", n_train, n_test)
    predictions = best_predictions(fit_probes(z_train, factor_train, z_test, seed))
    n_correct, n_common, n_total = 0, 0, 0
    for label in np.unique(y_test):
        train = y_train == label
        test = (y_test == label) & np.isin(factor_test, factor_train[train])
        if len(np.unique(factor_train[train])) < 2 or not test.any():
            continue
        within = _discriminant(z_train[train], factor_train[train], z_test[test])
        n_correct += int((within == factor_test[test]).sum())
        n_common += int(np.bincount(factor_test[test]).max())
        n_total += int(test.sum())
    if not n_total:
        raise ValueError(
            "no label has two categories in train, one of which it has in test: "
            "expected a factor that varies within a label, such as the writer"
        )
    return {
        f"{name}.accuracy": float((predictions == factor_test).mean()),
        f"{name}.chance": float(np.bincount(factor_test).max() / n_test),
        f"{name}.within_label": n_correct / n_total,
        f"{name}.within_label.chance": n_common / n_total,
    }


def _discriminant(z_train: Array, factor_train: Array, z_test: Array) -> Array:
    """Return the most probable category of each test code, (m,), by linear discriminants."""
    categories, index, counts = np.unique(factor_train, return_inverse=True, return_counts=True)
    if counts.max() > 1:
        root = np.linalg.cholesky(within_covariance(z_train, index))
        z_train = solve_triangular(root, z_train.T, lower=True).T
        z_test = solve_triangular(root, z_test.T, lower=True).T
    means = np.stack([z_train[index == p].mean(0) for p in range(len(categories))])
    scores = np.log(counts) - cdist(z_test, means, "sqeuclidean") / 2
    return categories[scores.argmax(1)]
