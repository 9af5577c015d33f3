"""The scorer of z_rest: planted models with known gain and leakage, and real searches."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

import wvae
from wvae import WVAE, rest_scorer
from wvae.datasets.values import ValueScale

Array = np.ndarray
RNG = np.random.default_rng(0)
Y, GROUP = RNG.integers(3, size=300), RNG.integers(3, size=300)
X = 4 * np.eye(6)[Y] + 2 * RNG.normal(size=(3, 6))[GROUP] + RNG.normal(size=(300, 6))


def model(z_rest: Array, reconstruction: Array = X) -> Any:
    """Return a stand-in for a fitted model with these codes."""
    return SimpleNamespace(
        encode=lambda x: (x, z_rest),
        reconstruct=lambda x: reconstruction,
        classes_=np.arange(3),
        scale_=ValueScale(),
    )


def means(labels: Array) -> Array:
    return np.stack([X[labels == label].mean(0) for label in range(3)])[labels]


NOISE = RNG.normal(size=(300, 4))


@pytest.mark.parametrize(
    ("z_rest", "reconstruction", "expected"),
    [
        (NOISE, X, 1.0),  # all explained, nothing leaked
        (NOISE, means(Y), 0.0),  # only the label explained
        (np.eye(3)[Y], X, 0.0),  # all explained, all leaked
    ],
)
def test_the_score_is_the_explained_variance_less_the_leakage(
    z_rest: Array, reconstruction: Array, expected: float
):
    score = rest_scorer()(model(z_rest, reconstruction), X, Y)
    assert score == pytest.approx(expected, abs=0.1)


def test_the_leakage_has_a_weight():
    leaky = model(np.eye(3)[Y])
    assert rest_scorer(leakage_weight=0)(leaky, X, Y) == pytest.approx(1)
    assert rest_scorer(leakage_weight=2)(leaky, X, Y) == pytest.approx(-1)


def test_a_factor_is_looked_up_by_row():
    rows = RNG.permutation(300)[:200]
    names = np.array(["ann", "bob", "cat"])[GROUP]
    scorer = pickle.loads(pickle.dumps(rest_scorer(names, X=X)))
    found, lost = model(np.eye(3)[GROUP[rows]]), model(NOISE[:200])
    assert scorer(found, X[rows], Y[rows]) == pytest.approx(1, abs=0.1)
    assert scorer(lost, X[rows], Y[rows]) < 0.15
    assert scorer(found, pd.DataFrame(X[rows]), Y[rows]) == scorer(found, X[rows], Y[rows])
    with pytest.raises(ValueError, match="row 0 of the held-out rows is not among"):
        scorer(found, X[rows] + 1, Y[rows])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rest_scorer(GROUP), "give both"),
        (lambda: rest_scorer(GROUP[:5], X=X), "5 values and X 300 rows"),
        (lambda: rest_scorer(leakage_weight=-1), "leakage_weight is -1"),
        (lambda: rest_scorer()(model(NOISE[:12]), X[:12], Y[:12]), "12 of 12 held-out rows"),
    ],
)
def test_bad_input_is_rejected(call: Any, message: str):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("scorer", [rest_scorer(), rest_scorer(GROUP, X=X)])
def test_a_grid_search_prefers_enough_dimensions(scorer: Any):
    estimator = WVAE(kind="table", width=64, epochs=60, finetune_epochs=0, device="cpu")
    search = GridSearchCV(estimator, {"d_rest": [1, 6]}, scoring=scorer, cv=2).fit(X, Y)
    assert search.best_params_ == {"d_rest": 6}
    scores = cross_val_score(estimator.set_params(d_rest=6), X, Y, scoring=scorer, cv=2)
    assert np.isfinite(scores).all()
    assert scores.mean() == pytest.approx(search.best_score_)


def test_the_scorer_is_public():
    assert "rest_scorer" in dir(wvae)
