"""Fresh regressors, which predict continuous factors from codes."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from . import probes
from .checks import Array

LAYERS = 128, 128  # of the network
PENALTIES = 10.0 ** np.arange(-2, 5)  # of ridge regression
MIN_IMPROVEMENT = 0.001  # share of the mean error that counts as an improvement


def regress(z_train: Array, targets: Array, z_test: Array, seed: int = 0) -> Array:
    """Return predictions of continuous targets from test codes, by the better probe for each.

    The probes are ridge regression, its penalty selected by leave-one-out, and one network with
    2 × 128 units for all targets, from the epoch that is best for the target. Validation rows
    select among them. Codes and targets are standardised.

    Parameters
    ----------
    z_train, z_test
        Codes, (n, d) and (m, d).
    targets
        Targets of train in any unit, (n, k).
    seed
        Seed of the validation rows and of the network.

    Returns
    -------
    array
        Predictions in the units of the targets, (m, k).

    Examples
    --------
    >>> z_train = np.random.default_rng(0).normal(size=(100, 1))
    >>> regress(z_train, 7 * z_train, np.array([[0.5]])).round(2)
    array([[3.5]])
    """
    code_scaler, target_scaler = StandardScaler().fit(z_train), StandardScaler().fit(targets)
    z_train = np.asarray(code_scaler.transform(z_train))
    z_test = np.asarray(code_scaler.transform(z_test))
    t_train = np.asarray(target_scaler.transform(targets))
    order = np.random.default_rng(seed).permutation(len(z_train))
    n_valid = len(z_train) // probes.VALIDATION_SHARE
    valid, fit = order[:n_valid], order[n_valid:]

    ridge = RidgeCV(PENALTIES, alpha_per_target=True).fit(z_train[fit], t_train[fit])
    error = np.square(_predict(ridge, z_train[valid]) - t_train[valid]).mean(0)
    best = _predict(ridge, z_test)

    z_train, z_test, t_train = (a.astype(np.float32) for a in (z_train, z_test, t_train))
    network = MLPRegressor(
        hidden_layer_sizes=LAYERS,
        batch_size=probes.batch_size(len(fit)),  # pyright: ignore[reportArgumentType]
        random_state=seed,
    )
    t_fit = t_train[fit] if t_train.shape[1] > 1 else t_train[fit, 0]
    best_mean, best_epoch = np.inf, 0
    for epoch in range(probes.EPOCHS):
        network.partial_fit(z_train[fit], t_fit)
        epoch_error = np.square(_predict(network, z_train[valid]) - t_train[valid]).mean(0)
        best = np.where(epoch_error < error, _predict(network, z_test), best)
        error = np.minimum(epoch_error, error)
        if epoch_error.mean() < (1 - MIN_IMPROVEMENT) * best_mean:
            best_mean, best_epoch = epoch_error.mean(), epoch
        elif epoch - best_epoch >= probes.PATIENCE:
            break
    return np.asarray(target_scaler.inverse_transform(best))


def _predict(probe: RidgeCV | MLPRegressor, z: Array) -> Array:
    """Return predictions as a matrix, (n, k), also for a single target."""
    return np.reshape(probe.predict(z), (len(z), -1))
