"""A scorer of z_rest for scikit-learn's model selection, such as ``GridSearchCV``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..datasets.dataset import Array
from ..estimator import WVAE
from ..evaluation.checks import MIN_TRAIN_ROWS, encode_categories
from ..evaluation.probes import Kind, fit_probes
from .encoded_split import in_unit_range

KINDS: tuple[Kind, ...] = ("logistic", "knn")  # a search fits them for every model and fold
N_PARTS = 2  # of the held-out rows: probes are fitted to one and scored on the other


def rest_scorer(
    factor: Any = None, *, X: Any = None, leakage_weight: float = 1.0, seed: int = 0
) -> RestScorer:
    """Return a scorer of z_rest: what it holds less what it leaks of the label.

    ``GridSearchCV(WVAE(), {"d_rest": [4, 8, 16]}, scoring=wvae.rest_scorer())`` chooses ``d_rest``.
    By default (``scoring=None``) scikit-learn would choose by the accuracy of `WVAE.predict`, which
    says nothing about z_rest.

    The score of a model on held-out rows is gain − leakage_weight · leakage, at most 1:

    ===========  ===================================================================================
    gain         without a factor the share of the variance *within* labels that a reconstruction
                 explains; with a factor, how far a probe of z_rest is from chance (0) to 1
    leakage      how far the better probe of the label is from chance (0) to 1; not below 0
    ===========  ===================================================================================

    The probes (logistic regression and k-NN) are fitted to half of the held-out rows and scored on
    the other half, and vice versa.

    Parameters
    ----------
    factor
        Hidden factor of the rows of X, (n,), such as the writer; training does not see it. None
        scores the reconstruction instead.
    X
        The examples that the search gets, (n, \\*shape), if there is a factor: held-out rows are
        looked up in them.
    leakage_weight
        Weight of the leakage, from 0 on.
    seed
        Seed of the halves and of the probes.

    Raises
    ------
    ValueError
        If a factor comes without X or with another number of rows, or the weight is negative.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> rng = np.random.default_rng(0)
    >>> y, group = rng.integers(3, size=240), rng.integers(3, size=240)
    >>> X = 4 * np.eye(6)[y] + 2 * rng.normal(size=(3, 6))[group] + rng.normal(size=(240, 6))
    >>> model = WVAE(kind="table", width=64, epochs=60, finetune_epochs=0)
    >>> search = GridSearchCV(model, {"d_rest": [1, 6]}, scoring=rest_scorer(), cv=2).fit(X, y)
    >>> search.best_params_
    {'d_rest': 6}
    """
    if (factor is None) != (X is None):
        raise ValueError("a factor needs the X whose rows it describes, and X a factor: give both")
    if not leakage_weight >= 0:
        raise ValueError(f"leakage_weight is {leakage_weight}, expected a number from 0 on")
    values: dict[bytes, Any] | None = None
    if factor is not None:
        keys, column = list(_row_keys(X)), np.asarray(factor).tolist()
        if len(keys) != len(column):
            raise ValueError(
                f"factor has {len(column)} values and X {len(keys)} rows, expected as many of both"
            )
        values = dict(zip(keys, column, strict=True))
    return RestScorer(values, leakage_weight, seed)


@dataclass(frozen=True)
class RestScorer:
    """What `rest_scorer` returns: called with (estimator, X, y), it returns the score."""

    factor: dict[bytes, Any] | None
    leakage_weight: float
    seed: int

    def __call__(self, estimator: WVAE, X: Any, y: Any) -> float:
        """Return the score of a fitted model on held-out rows.

        Parameters
        ----------
        estimator
            The fitted model.
        X, y
            Held-out examples, (n, \\*shape), and their labels, (n,); rows whose label the model
            does not know count for the factor only.

        Raises
        ------
        ValueError
            If there are fewer than 20 rows with a label, or a row is not among those of the factor.
        """
        _, z_rest = estimator.encode(X)
        labels = np.asarray(y)
        is_known = np.isin(labels, estimator.classes_)
        if is_known.sum() < N_PARTS * MIN_TRAIN_ROWS:
            raise ValueError(
                f"{is_known.sum()} of {len(labels)} held-out rows have a label, expected "
                f"{N_PARTS * MIN_TRAIN_ROWS} or more: use fewer folds (cv)"
            )
        leakage = max(self._above_chance(z_rest[is_known], labels[is_known]), 0.0)
        if self.factor is None:
            gain = _explained_within_label(estimator, X, labels)
        else:
            gain = self._above_chance(z_rest, _values_of(X, self.factor))
        return gain - self.leakage_weight * leakage

    def _above_chance(self, z: Array, target: Array) -> float:
        """Return how far the best probe is from a constant guess, 0, to 1."""
        part = np.random.default_rng(self.seed).permutation(len(z)) % N_PARTS
        correct: dict[str, int] = dict.fromkeys(KINDS, 0)
        majority = n = 0
        with threadpool_limits(1, user_api="blas"):
            for fold in range(N_PARTS):
                train = part != fold
                test = (part == fold) & np.isin(target, target[train])
                n_train, n_test = int(train.sum()), int(test.sum())
                y_train, y_test = encode_categories(
                    target[train], target[test], "y", n_train, n_test
                )
                probes = fit_probes(z[train], y_train, z[test], self.seed, KINDS)
                for kind, probe in probes.items():
                    correct[kind] += int((probe.predictions == y_test).sum())
                majority += int(np.bincount(y_test).max())
                n += len(y_test)
        return (max(correct.values()) - majority) / max(n - majority, 1)


def _values_of(X: Any, values: dict[bytes, Any]) -> Array:
    """Return the value of each row of X, (n,)."""
    found: list[Any] = []
    for row, key in enumerate(_row_keys(X)):
        if key not in values:
            raise ValueError(
                f"row {row} of the held-out rows is not among the rows of the factor: give "
                "rest_scorer the same X as the search"
            )
        found.append(values[key])
    return np.array(found)


def _explained_within_label(estimator: WVAE, X: Any, labels: Array) -> float:
    """Return the share of the variance within labels that reconstructions explain.

    The columns of a table count alike; the pixels of an image share one unit.
    """
    x = np.asarray(in_unit_range(estimator, np.asarray(X)))
    x = x / 255 if x.dtype == np.uint8 else x.astype(np.float64)
    x = x.reshape(len(x), -1)
    residual = x - estimator.reconstruct(X).reshape(len(x), -1)
    within = x.copy()
    for label in np.unique(labels):
        within[labels == label] -= x[labels == label].mean(0)
    error, variance = np.square(residual).mean(0), np.square(within).mean(0)
    if estimator.scale_.unit_range:
        return float(1 - error.sum() / max(variance.sum(), 1e-300))
    is_varied = variance > 1e-12 * np.square(x).max(0)
    if not is_varied.any():
        return 0.0
    return float(1 - (error[is_varied] / variance[is_varied]).mean())


def _row_keys(X: Any) -> Iterable[bytes]:
    """Yield a key of each row's values."""
    rows = np.asarray(X)
    for row in rows.astype(np.float64).reshape(len(rows), -1):
        yield row.tobytes()
