"""Fresh probes: what each kind can and cannot predict from planted codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from code_cases import labels, noise, nonlinear, shrink_probes, unchanged_global_generators
from wvae.evaluation import probes
from wvae.evaluation.probes import (
    FITS,
    Probe,
    best_predictions,
    fit_probes,
    nearest_neighbours,
    standardise,
)
from wvae.evaluation.regression import regress

Array = np.ndarray
KINDS: Any = tuple(FITS)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch):
    shrink_probes(monkeypatch)


def accuracies(z: Array, y: Array, kinds: Any = KINDS, n_train: int = 1200) -> dict[str, float]:
    fitted = fit_probes(z[:n_train], y[:n_train], z[n_train:], kinds=kinds)
    return {kind: float((p.predictions == y[n_train:]).mean()) for kind, p in fitted.items()}


# Classification


@pytest.mark.usefixtures("small")
def test_every_kind_predicts_a_label_in_the_mean():
    y = labels(1000, 3)
    scores = accuracies(noise(1000) + 6 * np.eye(3)[y][:, :2], y, n_train=600)
    assert list(scores) == ["logistic", "mlp", "knn", "boosting"]
    assert min(scores.values()) > 0.97


@pytest.mark.parametrize("pattern", ["radius", "xor", "stripes"])
def test_all_but_the_logistic_probe_predict_nonlinear_labels(pattern: str):
    # At full size: six stripes take the network more than a few epochs.
    z, y = nonlinear(pattern, 2400)
    scores = accuracies(z, y, n_train=1800)
    assert scores.pop("logistic") < 0.75
    assert min(scores.values()) > 0.85


@pytest.mark.usefixtures("small")
def test_no_kind_predicts_random_labels_and_validation_accuracy_is_held_out():
    y = labels(2400, 3)
    fitted = fit_probes(noise(1200, 4), y[:1200], noise(1200, 4, seed=5), kinds=KINDS)
    for kind, probe in fitted.items():
        accuracy = (probe.predictions == y[1200:]).mean()
        assert accuracy == pytest.approx(1 / 3, abs=0.06), kind
        # On the fitted rows, the network and the trees would score far above chance.
        assert probe.accuracy < 0.46, kind


def test_categories_of_few_rows_give_no_warning():
    y = np.arange(60) % 40  # scikit-learn warns of more classes than half the rows
    assert list(fit_probes(noise(60), y, noise(5))) == ["logistic", "mlp"]


def test_knn_selects_the_number_of_neighbours_on_validation_rows():
    # Overlapping Gaussians: the best accuracy is Φ(0.7) = 0.76, and one neighbour reaches 0.67.
    y = labels(4000, 2)
    scores = accuracies(noise(4000) + 1.4 * y[:, None] * [1, 0], y, ["knn"], n_train=2000)
    assert scores["knn"] > 0.735
    # Clusters of three codes, far apart: more neighbours than two would outvote the own cluster.
    cluster = np.repeat(np.arange(400), 3)
    y = labels(400, 2)[cluster]
    z = cluster[:, None] + 0.01 * noise(1200, 1)
    order = np.random.default_rng(0).permutation(1200)
    scores = accuracies(z[order], y[order], ["knn"], n_train=900)
    assert scores["knn"] > 0.8


@pytest.mark.usefixtures("small")
def test_categories_may_have_gaps_and_single_rows():
    y = np.append(np.resize([2, 7], 300), 4)
    z = y[:, None] + 0.01 * noise(301, 1)
    for kind, probe in fit_probes(z, y, np.array([[2.0], [7.0]]), kinds=KINDS).items():
        assert probe.predictions.tolist() == [2, 7], kind
        assert probe.log_p.shape == (2, 3)
        assert probe.log_p.argmax(1).tolist() == [0, 2]


@pytest.mark.usefixtures("small")
def test_probabilities_are_calibrated():
    # A binary symmetric channel that flips 20 %: probabilities are about 0.2 and 0.8.
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=3000)
    is_flipped = rng.random(3000) < 0.2
    z = np.stack([np.where(is_flipped, 1 - y, y), rng.normal(size=3000)], 1)
    for kind, probe in fit_probes(z[:2000], y[:2000], z[2000:], kinds=KINDS).items():
        p = np.exp(probe.log_p)
        np.testing.assert_allclose(p.sum(1), 1)
        assert p[z[2000:, 0] == 1, 1].mean() == pytest.approx(0.8, abs=0.05), kind
        assert probe.loss == pytest.approx(0.5, abs=0.06), kind  # H(0.2)


def test_no_category_has_probability_zero():
    y = labels(1000, 2)
    for kind, probe in fit_probes(y[:, None], y, y[:, None], kinds=KINDS).items():
        assert probe.log_p.max(1).min() > np.log(0.99), kind
        assert probe.log_p.min() > np.log(0.4 / 144), kind  # 142 validation rows, frequency 0.5


@pytest.mark.usefixtures("small")
def test_a_probe_without_information_becomes_the_constant_guess():
    frequency = [0.7, 0.2, 0.1]
    y = np.random.default_rng(1).choice(3, 3000, p=frequency)
    for kind, probe in fit_probes(noise(3000), y, noise(500, seed=2), kinds=KINDS).items():
        p = np.exp(probe.log_p).mean(0)
        np.testing.assert_allclose(p, frequency, atol=0.04, err_msg=kind)
        assert probe.loss == pytest.approx(0.80, abs=0.06), kind  # H(0.7, 0.2, 0.1)


def test_the_best_probe_has_the_highest_validation_accuracy():
    a, b = np.zeros(3), np.ones(3)
    assert best_predictions({"a": Probe(0.4, 1.0, a, a), "b": Probe(0.6, 2.0, b, b)}) is b


@pytest.mark.usefixtures("small")
def test_probes_depend_on_the_seed_alone():
    z, y = noise(120), np.arange(120) % 2
    with unchanged_global_generators():
        first, again, other = (fit_probes(z, y, z, seed, kinds=KINDS) for seed in (1, 1, 2))
        alone = fit_probes(z, y, z, 1, kinds=["boosting", "boosting"])
        np.testing.assert_array_equal(regress(z, z**2, z, 1), regress(z, z**2, z, 1))
    for kind in KINDS:
        np.testing.assert_array_equal(first[kind].log_p, again[kind].log_p)
        assert not np.array_equal(first[kind].log_p, other[kind].log_p)
    np.testing.assert_array_equal(alone["boosting"].log_p, first["boosting"].log_p)


@pytest.mark.usefixtures("small")
def test_units_and_constant_columns_do_not_matter():
    y = labels(900, 2)
    z = noise(900) + 3 * y[:, None]
    scaled = np.column_stack([z * [1e3, 1e-3] + [5, -7], np.full(900, 3.0)])
    plain, changed = accuracies(z, y, n_train=600), accuracies(scaled, y, n_train=600)
    assert list(changed.values()) == pytest.approx(list(plain.values()), abs=0.02)


@pytest.mark.parametrize("kinds", [(), ["svm"], "knn", ("mlp", "forest")])
def test_unknown_kinds_are_rejected(kinds: Any):
    with pytest.raises(ValueError, match=r"kinds is .*'logistic', 'mlp', 'knn', 'boosting'"):
        fit_probes(noise(20), np.arange(20) % 2, noise(5), kinds=kinds)


def test_boosting_stops_early(monkeypatch: pytest.MonkeyPatch):
    iterations: list[int] = []
    set_params = probes.HistGradientBoostingClassifier.set_params

    def record(self: Any, **params: Any) -> Any:
        iterations.append(params["max_iter"])
        return set_params(self, **params)

    monkeypatch.setattr(probes.HistGradientBoostingClassifier, "set_params", record)
    fit_probes(noise(300), labels(300, 2), noise(5), kinds=["boosting"])
    # Random labels: the loss on validation rows only rises, so it stops after two more checks.
    assert iterations == [10, 20, 30]


# Neighbours


def test_neighbours_are_sorted_and_ties_are_broken_at_random():
    z_train, queries = np.array([[0.0], [1.0], [5.0]]), np.array([[4.0], [0.1]])
    first, second = nearest_neighbours(z_train, 2, queries, z_train[:1])
    assert (first.tolist(), second.tolist()) == ([[2, 1], [0, 1]], [[0, 1]])
    tied = nearest_neighbours(np.zeros((100, 3)), 1, np.zeros((1000, 3)))[0]
    assert len(np.unique(tied)) > 50


def test_standardised_columns_have_unit_variance():
    z = np.column_stack([noise(500) * [3, 40] + 9, np.ones(500)])
    train, test = standardise(z, np.ones((2, 3)))
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(0), [1, 1, 0], atol=1e-5)
    assert train.dtype == test.dtype == np.float32
    assert test[:, 2].tolist() == [0, 0]


# Regression


def test_the_better_regressor_predicts_each_target():
    z = noise(1200, 3)
    targets = np.stack([100 + 7 * z[:, 0], z[:, 1] ** 2, noise(1200, 1, seed=5)[:, 0]], 1)
    predictions = regress(z[:900], targets[:900], z[900:])
    error = np.square(predictions - targets[900:]).mean(0) / targets[900:].var(0)
    assert predictions.shape == (300, 3)
    assert error[0] < 1e-4  # too small for the network
    assert error[1] < 0.15  # impossible for ridge regression
    assert 0.9 < error[2] < 1.15
    assert regress(z[:100], targets[:100, :1], z[:7]).shape == (7, 1)


def test_the_ridge_penalty_is_selected(monkeypatch: pytest.MonkeyPatch):
    # Without the network. With 60 columns of noise and 60 rows to fit, the error would far exceed
    # the variance if the penalty were small.
    monkeypatch.setattr(probes, "EPOCHS", 0)
    z, target = noise(1070, 60), noise(1070, 1, seed=5)
    error = np.square(regress(z[:70], target[:70], z[70:]) - target[70:]).mean()
    assert error / target[70:].var() < 1.3
