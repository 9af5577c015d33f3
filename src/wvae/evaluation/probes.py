"""Fresh probes: classifiers that predict labels and categorical factors from codes.

"Fresh" means that they are fitted here, to codes that no longer change. One seventh of the training
rows is held out for validation. It selects the size of a probe, its stopping point and the
temperature of its probabilities. Test rows select nothing. Equal seeds give equal numbers on one
machine.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from ..validation.quoting import quoted
from .checks import Array

Kind = Literal["logistic", "mlp", "knn", "boosting"]
VALIDATION_SHARE = 7  # one row in so many
EPOCHS, PATIENCE = 100, 10  # of a network: the most, and without improvement
LAYERS = 256, 256  # of the network
MLP_ROWS = 8192  # of one partial_fit: scikit-learn makes the labels of all of them one-hot at once
NEIGHBOURS = 1, 3, 10, 30, 100  # candidates for k of the k-NN probe
MAX_TREES = 2000  # of boosting: one for each class and iteration
MAX_ITERATIONS = 200  # of boosting
CHECK_INTERVAL = 10  # iterations of boosting between two validations
MAX_INVERSE_TEMPERATURE = 10


class Probe(NamedTuple):
    """Validation scores of a probe and its predictions for the test codes."""

    accuracy: float  # on validation rows, in [0, 1]
    loss: float  # on validation rows, cross-entropy of the calibrated probabilities, nats
    predictions: Array  # (m,)
    log_p: Array  # (m, k), calibrated; columns are the categories of train in ascending order


class _Rows(NamedTuple):
    """Standardised codes and categories 0, …, k − 1 of the rows to fit, to validate, to test."""

    z_fit: Array
    y_fit: Array
    z_valid: Array
    y_valid: Array
    z_test: Array
    seed: int


def fit_probes(
    z_train: Array,
    y_train: Array,
    z_test: Array,
    seed: int = 0,
    kinds: Iterable[Kind] = ("logistic", "mlp"),
) -> dict[str, Probe]:
    """Fit fresh classifiers to standardised codes.

    ============  ==============================================================================
    logistic      multinomial logistic regression: finds what is linear in the codes
    mlp           network with 2 × 256 units, from the epoch with the best validation accuracy
    knn           vote of the 1, 3, 10, 30 or 100 nearest codes: finds local structure
    boosting      gradient-boosted trees on histograms: independent of the scale of a column
    ============  ==============================================================================

    One inverse temperature b in [0, 10], fitted to the v validation rows, calibrates probabilities
    p: q ∝ π^(1−b) p^b, where π are the frequencies of the categories. A probe without any
    information thus becomes the constant guess π. The result is mixed with π at a weight of
    1 / (v + 2), because v rows without an error do not show that errors are rarer than that.

    Parameters
    ----------
    z_train, z_test
        Codes, (n, d) and (m, d).
    y_train
        Categories, integers from 0, (n,).
    seed
        Seed of the validation rows and of the probes.
    kinds
        Kinds of probes.

    Raises
    ------
    ValueError
        If kinds are unknown or empty.

    References
    ----------
    Cover & Hart (1967), Nearest neighbor pattern classification; Friedman (2001), Greedy function
    approximation; Guo et al. (2017), On calibration of modern neural networks, arXiv:1706.04599.

    Examples
    --------
    >>> y_train = np.arange(90) % 3
    >>> probes = fit_probes(np.eye(3)[y_train], y_train, np.eye(3))
    >>> probes["logistic"].predictions, probes["mlp"].predictions
    (array([0, 1, 2]), array([0, 1, 2]))
    """
    kinds = check_kinds(kinds)
    z_train, z_test = standardise(z_train, z_test)
    classes, y = np.unique(y_train, return_inverse=True)
    fit, valid = _split(y, seed)
    rows = _Rows(z_train[fit], y[fit], z_train[valid], y[valid], z_test, seed)
    probes: dict[str, Probe] = {}
    for kind in kinds:
        with warnings.catch_warnings():
            # A factor such as the writer may have few rows for each category.
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            p_valid, p_test = FITS[kind](rows)
        loss, log_p = _calibrate(p_valid, p_test, rows)
        accuracy = float((p_valid.argmax(1) == rows.y_valid).mean())
        probes[kind] = Probe(accuracy, loss, classes[p_test.argmax(1)], log_p)
    return probes


def best_predictions(probes: Mapping[str, Probe]) -> Array:
    """Return the test predictions, (m,), of the probe with the highest validation accuracy.

    Examples
    --------
    >>> y_train = np.arange(90) % 3
    >>> best_predictions(fit_probes(np.eye(3)[y_train], y_train, np.eye(3)))
    array([0, 1, 2])
    """
    return max(probes.values(), key=lambda probe: probe.accuracy).predictions


def _split(y: Array, seed: int) -> tuple[Array, Array]:
    """Return the rows to fit and to validate; the first row of each category is always fitted."""
    order = np.random.default_rng(seed).permutation(len(y))
    _, first = np.unique(y[order], return_index=True)
    others = np.delete(order, first)
    n_valid = max(len(others) // VALIDATION_SHARE, 1)
    return np.concatenate([order[first], others[n_valid:]]), others[:n_valid]


def _logistic(rows: _Rows) -> tuple[Array, Array]:
    """Return probabilities of the validation and the test codes, (v, k) and (m, k)."""
    probe = LogisticRegression(max_iter=300)
    with warnings.catch_warnings():
        # Separable categories have no finite optimum. 300 iterations come close enough.
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(rows.z_fit, rows.y_fit)
    return _probabilities(probe, rows.z_valid), _probabilities(probe, rows.z_test)


def _mlp(rows: _Rows) -> tuple[Array, Array]:
    """Return probabilities at the epoch with the highest validation accuracy."""
    rng, classes = np.random.default_rng(rows.seed), np.unique(rows.y_fit)
    probe = MLPClassifier(
        LAYERS,
        batch_size=batch_size(len(rows.z_fit)),  # pyright: ignore[reportArgumentType]
        random_state=rows.seed,
    )
    n_parts = -(-len(rows.z_fit) // MLP_ROWS)
    best_accuracy, best_epoch, best = -1.0, 0, (rows.z_valid, rows.z_test)
    for epoch in range(EPOCHS):
        for part in np.array_split(rng.permutation(len(rows.z_fit)), n_parts):
            probe.partial_fit(rows.z_fit[part], rows.y_fit[part], classes=classes)
        p_valid = _probabilities(probe, rows.z_valid)
        accuracy = float((p_valid.argmax(1) == rows.y_valid).mean())
        if accuracy > best_accuracy:
            best_accuracy, best_epoch = accuracy, epoch
            best = p_valid, _probabilities(probe, rows.z_test)
        elif epoch - best_epoch >= PATIENCE:
            break
    return best


def _knn(rows: _Rows) -> tuple[Array, Array]:
    """Return votes of the number of neighbours with the highest validation accuracy."""
    max_k = min(NEIGHBOURS[-1], len(rows.z_fit))
    near_valid, near_test = nearest_neighbours(
        rows.z_fit, max_k, rows.z_valid, rows.z_test, seed=rows.seed
    )
    y_near_valid, y_near_test = rows.y_fit[near_valid], rows.y_fit[near_test]
    frequency = _frequency(rows.y_fit)
    best_accuracy, best_k = -1.0, 1
    for k in NEIGHBOURS:
        if k > max_k:
            break
        votes = _votes(y_near_valid[:, :k], frequency)
        accuracy = float((votes.argmax(1) == rows.y_valid).mean())
        if accuracy > best_accuracy:
            best_accuracy, best_k = accuracy, k
    p_valid = _votes(y_near_valid[:, :best_k], frequency)
    return p_valid, _votes(y_near_test[:, :best_k], frequency)


def _votes(y_near: Array, frequency: Array) -> Array:
    """Return shares of votes, (n, classes), of neighbours with labels y_near, (n, k).

    One more vote is shared by the frequencies. It breaks ties, and no share is 0.
    """
    n, k = y_near.shape
    votes = np.zeros((n, len(frequency)))
    np.add.at(votes, (np.arange(n)[:, None], y_near), 1)
    return (votes + frequency) / (k + 1)


def _boosting(rows: _Rows) -> tuple[Array, Array]:
    """Return probabilities at the number of iterations with the lowest validation loss."""
    # scikit-learn's own early stopping would need two rows of each class for validation.
    probe = HistGradientBoostingClassifier(
        min_samples_leaf=int(np.clip(len(rows.z_fit) // 20, 1, 20)),
        early_stopping=False,  # pyright: ignore[reportArgumentType]
        warm_start=True,
        random_state=rows.seed,
    )
    n_classes = int(rows.y_fit.max()) + 1
    max_iterations = int(np.clip(MAX_TREES // n_classes, CHECK_INTERVAL, MAX_ITERATIONS))
    best_loss, best_iteration, best = np.inf, 0, (rows.z_valid, rows.z_test)
    for iteration in range(CHECK_INTERVAL, max_iterations + 1, CHECK_INTERVAL):
        probe.set_params(max_iter=iteration).fit(rows.z_fit, rows.y_fit)
        p_valid = _probabilities(probe, rows.z_valid)
        p_true = p_valid[np.arange(len(p_valid)), rows.y_valid]
        loss = -np.log(p_true.clip(1e-12)).mean()
        if loss < best_loss:
            best_loss, best_iteration = loss, iteration
            best = p_valid, _probabilities(probe, rows.z_test)
        elif iteration - best_iteration >= 2 * CHECK_INTERVAL:
            break
    return best


FITS: dict[str, Callable[[_Rows], tuple[Array, Array]]] = {
    "logistic": _logistic,
    "mlp": _mlp,
    "knn": _knn,
    "boosting": _boosting,
}


def _probabilities(
    probe: LogisticRegression | MLPClassifier | HistGradientBoostingClassifier, z: Array
) -> Array:
    return np.asarray(probe.predict_proba(z))


def _frequency(y: Array) -> Array:
    return np.bincount(y) / len(y)


def _calibrate(p_valid: Array, p_test: Array, rows: _Rows) -> tuple[float, Array]:
    """Return the validation loss, nats, and log-probabilities of test, (m, k): see `fit_probes`."""
    frequency = _frequency(rows.y_fit)
    floor = 1 / (len(rows.y_valid) + 2)

    def calibrated(p: Array, b: float) -> Array:
        log_p = np.log(np.clip(p, 1e-12, None, dtype=float))
        log_q = log_softmax((1 - b) * np.log(frequency) + b * log_p, axis=1)
        return np.log((1 - floor) * np.exp(log_q) + floor * frequency)

    def loss(b: float) -> float:
        return float(-calibrated(p_valid, b)[np.arange(len(p_valid)), rows.y_valid].mean())

    optimum = minimize_scalar(loss, bounds=(0, MAX_INVERSE_TEMPERATURE), method="bounded")
    b = float(optimum.x)  # pyright: ignore[reportAttributeAccessIssue]
    return loss(b), calibrated(p_test, b)


def nearest_neighbours(z_train: Array, k: int, *queries: Array, seed: int = 0) -> list[Array]:
    """Return the k rows of z_train that are nearest to each query, nearest first.

    Noise with a standard deviation of 10⁻⁴ is added to all codes. It makes the choice among equal
    codes random instead of dependent on their order.

    Parameters
    ----------
    z_train
        Standardised codes, (n, d).
    k
        Number of neighbours, 1 … n.
    queries
        Matrices of standardised codes, (m, d) each.
    seed
        Seed of the noise.

    Returns
    -------
    list
        For each matrix of queries the rows, (m, k).

    Examples
    --------
    >>> nearest_neighbours(np.array([[0.0], [1.0], [5.0]]), 2, np.array([[4.0]]))
    [array([[2, 1]])]
    """
    rng = np.random.default_rng(seed)

    def jitter(z: Array) -> Array:
        return z + 1e-4 * rng.normal(size=z.shape).astype(z.dtype)

    index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(jitter(z_train))
    return [np.asarray(index.kneighbors(jitter(z), return_distance=False)) for z in queries]


def standardise(z_train: Array, *others: Array) -> list[Array]:
    """Return codes as float32, scaled to mean 0 and standard deviation 1 of each column of z_train.

    Columns that are constant in z_train are only shifted.

    Parameters
    ----------
    z_train, others
        Codes, (n, d) and (m, d).

    Examples
    --------
    >>> standardise(np.array([[1.0], [3.0]]), np.array([[5.0]]))[1]
    array([[3.]], dtype=float32)
    """
    scaler = StandardScaler().fit(z_train)
    return [np.asarray(scaler.transform(z), np.float32) for z in (z_train, *others)]


def check_kinds(kinds: Iterable[Kind]) -> list[Kind]:
    """Return the kinds of probes without repetitions, or raise a ValueError that lists the kinds.

    Examples
    --------
    >>> check_kinds(["knn", "mlp", "knn"])
    ['knn', 'mlp']
    """
    unique = list(dict.fromkeys(kinds))
    if not unique or not set(unique) <= set(FITS):
        raise ValueError(f"kinds is {quoted(kinds)}, expected one or more of {list(FITS)}")
    return unique


def batch_size(n: int) -> int:
    """Return a batch size that makes about 20 steps of n rows, within 8 … 256.

    Examples
    --------
    >>> batch_size(100), batch_size(2000), batch_size(60_000)
    (8, 100, 256)
    """
    return int(np.clip(n // 20, 8, 256))
