"""Fresh probes, which read labels and factors from codes, and the checks of what they are given.

Fresh: fitted here, to codes that no longer change. Codes are (n, d) to train with and (m, d) to test. Of the training
rows a seventh chooses each probe's size, when to stop and how much to trust it; nothing is chosen on test rows. A seed
gives the same numbers on the same machine.
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
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

Array = np.ndarray
Factors = Mapping[str, Array]
Kind = Literal["logistic", "mlp", "knn", "boosting"]
EPOCHS, PATIENCE = 100, 10  # of a network: at most, and how many without gain
MOST = 2000  # categories: a layer that tells more apart needs more memory than a laptop has
PART = 8192  # rows whose categories scikit-learn spreads out at once, for the same reason
NEAREST = 1, 3, 10, 30, 100  # neighbours that vote, of which validation chooses
TREES, STEP = (
    2000,
    10,
)  # of boosting: in all, a tree for each class and iteration; iterations between two looks


class Probe(NamedTuple):
    """How well a probe did on the validation rows, and what it reads from the test codes."""

    accuracy: float  # validation, in [0, 1]
    loss: float  # validation, cross-entropy of the calibrated probabilities, nats
    test: Array  # (m,), guesses
    log_p: Array  # (m, k), calibrated, of the categories that training has, in ascending order


def best(probes: dict[str, Probe]) -> Array:
    """Return what the probe reads from the test codes that did best on the inner validation."""
    return max(probes.values(), key=lambda probe: probe.accuracy).test


class _Rows(NamedTuple):
    """Standardised codes with categories 0, …, k − 1: to fit, to choose, and to read."""

    fit: Array
    known: Array
    valid: Array
    truth: Array
    test: Array
    seed: int


def classified(
    train: Array,
    known: Array,
    test: Array,
    seed: int = 0,
    kinds: Iterable[Kind] = ("logistic", "mlp"),
) -> dict[str, Probe]:
    """Fit fresh probes on standardised codes to name categories, whole numbers from 0, (n,).

    ============  ==================================================================================================
    logistic      multinomial logistic regression: what is to be read along a line
    mlp           a network, 2 × 256, at the epoch with the highest accuracy on validation rows
    knn           a vote of the 1, 3, 10, 30 or 100 nearest codes (Cover & Hart, 1967): what lies close together
    boosting      gradient-boosted trees (Friedman, 2001), histograms of 255 bins: blind to any column's scale
    ============  ==================================================================================================

    Probabilities p are calibrated by one number b in [0, 10], an inverse temperature (Guo et al., 2017,
    arXiv:1706.04599), fitted to the v validation rows: q ∝ π^(1−b) p^b with π the categories' frequencies, so that a
    probe that knows nothing becomes the constant guess π, and not a uniform one. Of q, 1 part in v + 2 is π in any
    case. A ValueError for other kinds, or none.

    Examples
    --------
    >>> known = np.arange(90) % 3
    >>> probes = classified(np.eye(3)[known], known, np.eye(3))
    >>> {kind: probe.test.tolist() for kind, probe in probes.items()}
    {'logistic': [0, 1, 2], 'mlp': [0, 1, 2]}
    """
    kinds = checked_kinds(kinds)
    train, test = standardised(train, test)
    classes, place = np.unique(known, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(train))
    first = np.unique(place[order], return_index=True)[
        1
    ]  # stays, so that no category is missing in the fit
    valid, fit = np.split(np.delete(order, first), [max((len(order) - len(first)) // 7, 1)])
    fit = np.concatenate([order[first], fit])
    rows = _Rows(train[fit], place[fit], train[valid], place[valid], test, seed)
    found: dict[str, Probe] = {}
    for kind in kinds:
        p, q = FITS[kind](rows)
        loss, log_q = _calibrated(p, q, rows)
        found[kind] = Probe(
            float((p.argmax(1) == rows.truth).mean()), loss, classes[q.argmax(1)], log_q
        )
    return found


def _logistic(rows: _Rows) -> tuple[Array, Array]:
    """Return probabilities of the validation and the test codes, (v, k) and (m, k); so do the next three."""
    probe = LogisticRegression(max_iter=300)
    with warnings.catch_warnings():
        # Codes that separate the categories have no finite optimum: it is close enough, and is scored as it is.
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(rows.fit, rows.known)
    return np.asarray(probe.predict_proba(rows.valid)), np.asarray(probe.predict_proba(rows.test))


def _mlp(rows: _Rows) -> tuple[Array, Array]:
    rng, every = np.random.default_rng(rows.seed), np.unique(rows.known)
    size = {"hidden_layer_sizes": (256, 256), "batch_size": _batch(rows.fit)}
    net = MLPClassifier(**size, random_state=rows.seed)
    highest, last, found = -1.0, 0, (rows.valid, rows.test)
    for epoch in range(EPOCHS):
        for part in np.array_split(rng.permutation(len(rows.fit)), -(-len(rows.fit) // PART)):
            net.partial_fit(rows.fit[part], rows.known[part], classes=every)
        p = np.asarray(net.predict_proba(rows.valid))
        accuracy = (p.argmax(1) == rows.truth).mean()
        if accuracy > highest:
            highest, last, found = accuracy, epoch, (p, np.asarray(net.predict_proba(rows.test)))
        elif epoch - last >= PATIENCE:
            break
    return found


def _knn(rows: _Rows) -> tuple[Array, Array]:
    most = min(NEAREST[-1], len(rows.fit))
    near = [rows.known[i] for i in nearest(rows.fit, most, rows.valid, rows.test, seed=rows.seed)]
    frequency = np.bincount(rows.known) / len(rows.known)

    def vote(of: Array, k: int) -> Array:
        votes = np.zeros((len(of), len(frequency)))
        np.add.at(votes, (np.arange(len(of))[:, None], of[:, :k]), 1)
        return (votes + frequency) / (
            k + 1
        )  # one vote for all, by frequency: ties are broken, and nothing is ruled out

    sizes = [k for k in NEAREST if k <= most]
    right = [(vote(near[0], k).argmax(1) == rows.truth).mean() for k in sizes]
    return vote(near[0], sizes[int(np.argmax(right))]), vote(near[1], sizes[int(np.argmax(right))])


def _boosting(rows: _Rows) -> tuple[Array, Array]:
    probe = HistGradientBoostingClassifier(
        min_samples_leaf=int(np.clip(len(rows.fit) // 20, 1, 20)),
        early_stopping=False,  # pyright: ignore[reportArgumentType] – its own needs two rows of each class, and would split them off once more
        warm_start=True,
        random_state=rows.seed,
    )
    classes = int(rows.known.max()) + 1
    lowest, last, found = np.inf, 0, (rows.valid, rows.test)
    for n in range(STEP, int(np.clip(TREES // classes, STEP, 200)) + 1, STEP):
        probe.set_params(max_iter=n).fit(rows.fit, rows.known)
        p = np.asarray(probe.predict_proba(rows.valid))
        loss = -np.log(p[np.arange(len(p)), rows.truth].clip(1e-12)).mean()
        if loss < lowest:
            lowest, last, found = loss, n, (p, np.asarray(probe.predict_proba(rows.test)))
        elif n - last >= 2 * STEP:
            break
    return found


FITS: dict[str, Callable[[_Rows], tuple[Array, Array]]] = {
    "logistic": _logistic,
    "mlp": _mlp,
    "knn": _knn,
    "boosting": _boosting,
}


def _calibrated(p: Array, q: Array, rows: _Rows) -> tuple[float, Array]:
    """Return the loss on validation rows, nats, and log-probabilities of the test codes, (m, k): see `classified`."""
    frequency = np.bincount(rows.known) / len(rows.known)
    floor = 1 / (
        len(rows.truth) + 2
    )  # v rows without an error do not show that errors are rarer than that

    def log(p: Array, b: float) -> Array:
        log_p = log_softmax(
            (1 - b) * np.log(frequency) + b * np.log(np.clip(p, 1e-12, None, dtype=float)), axis=1
        )
        return np.log((1 - floor) * np.exp(log_p) + floor * frequency)

    def loss(b: float) -> float:
        return float(-log(p, b)[np.arange(len(p)), rows.truth].mean())

    b = float(minimize_scalar(loss, bounds=(0, 10), method="bounded").x)  # pyright: ignore[reportAttributeAccessIssue]
    return loss(b), log(q, b)


def nearest(train: Array, k: int, *codes: Array, seed: int = 0) -> list[Array]:
    """Return which k rows of train, nearest first, are the nearest to each code of each of `codes`, (m, k).

    A ten-thousandth of noise is added to all: among many equal codes chance chooses, and not their order in the file.
    Codes are standardised.
    """
    rng = np.random.default_rng(seed)
    train, *codes = (z + 1e-4 * rng.normal(size=z.shape).astype(z.dtype) for z in (train, *codes))  # pyright: ignore
    index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(train)
    return [np.asarray(index.kneighbors(z, return_distance=False)) for z in codes]


def standardised(train: Array, *codes: Array) -> list[Array]:
    """Return codes as float32, with mean 0 and standard deviation 1 in train, column by column; constant ones are 0."""
    scale = StandardScaler().fit(train)
    return [np.asarray(scale.transform(z), np.float32) for z in (train, *codes)]


def regressed(train: Array, targets: Array, test: Array, seed: int = 0) -> Array:
    """Return what the better probe reads from test codes, (m, k), for each of the targets (n, k).

    Ridge regression, its penalty chosen by leave-one-out, or one network (2 × 128) for all targets, at the epoch that
    is best for the target; codes and targets are standardised.
    """
    scale, unit = StandardScaler().fit(train), StandardScaler().fit(targets)
    train, test, t = (
        np.asarray(z)
        for z in (scale.transform(train), scale.transform(test), unit.transform(targets))
    )
    valid, fit = np.split(np.random.default_rng(seed).permutation(len(train)), [len(train) // 7])

    def read(probe: RidgeCV | MLPRegressor) -> tuple[Array, Array]:
        """Return errors on the validation rows, (k,), and what is read from test."""
        seen, unseen = (np.reshape(probe.predict(z), (len(z), -1)) for z in (train[valid], test))
        return np.square(seen - t[valid]).mean(0), unseen

    error, found = read(
        RidgeCV(np.logspace(-2, 4, 7), alpha_per_target=True).fit(train[fit], t[fit])
    )
    train, test, t = (z.astype(np.float32) for z in (train, test, t))
    size = {"hidden_layer_sizes": (128, 128), "batch_size": _batch(fit)}
    net, lowest, last = MLPRegressor(**size, random_state=seed), np.inf, 0
    for epoch in range(EPOCHS):
        net.partial_fit(train[fit], t[fit] if t.shape[1] > 1 else t[fit, 0])
        now, unseen = read(net)
        found, error = np.where(now < error, unseen, found), np.minimum(now, error)
        if now.mean() < 0.999 * lowest:
            lowest, last = now.mean(), epoch
        elif epoch - last >= PATIENCE:
            break
    return np.asarray(unit.inverse_transform(found))


def _batch(rows: Array) -> int:
    """Return a size that gives 20 steps or more in each pass, however few rows there are."""
    return int(np.clip(len(rows) // 20, 8, 256))


def one_hot(known: Array, asked: Array) -> tuple[Array, Array]:
    """Return categories 0, 1, … as columns of zeros and ones, (n, classes) and (m, classes)."""
    eye = np.eye(known.max() + 1)
    return eye[known], eye[asked]


def checked_kinds(kinds: Iterable[Kind]) -> list[Kind]:
    """Return which probes to fit, each once, or say which there are."""
    wanted = list(dict.fromkeys(kinds))
    if not wanted or not set(wanted) <= set(FITS):
        raise ValueError(f"kinds is {kinds!r}, expected one or more of {list(FITS)}")
    return wanted


def checked_codes(train: Array, test: Array) -> tuple[Array, Array]:
    """Return codes as float64, or say what is wrong with them."""
    codes = np.asarray(train, np.float64), np.asarray(test, np.float64)
    for z, name, least in zip(codes, ("train", "test"), (10, 2), strict=True):
        if z.ndim != 2 or len(z) < least or not z.size:
            raise ValueError(
                f"{name} has shape {z.shape}, expected codes (n, d) of {least} rows or more"
            )
        if not np.isfinite(z).all():
            raise ValueError(
                f"{name} holds NaN or infinite values, expected finite codes: look at the model's loss"
            )
    if codes[0].shape[1] != codes[1].shape[1]:
        came = f"train has {codes[0].shape[1]} columns and test {codes[1].shape[1]}"
        raise ValueError(f"{came}, expected as many: codes of one model")
    return codes


def checked_column(values: Array, name: str, codes: Array) -> Array:
    """Return a column of words or numbers, (n,), one for each code, or say what is wrong with it."""
    values = np.asarray(values)
    if values.shape != (len(codes),):
        raise ValueError(
            f"{name} has shape {values.shape}, expected ({len(codes)},), one value for each row"
        )
    values = values.tolist()
    if any(v is None or v != v for v in values):
        raise ValueError(
            f"{name} holds NaN or None, expected a value for each row: leave the unknown ones out"
        )
    return np.array(
        values
    )  # a column of objects, as pandas gives it, becomes one of words or numbers


def checked_factors(train: Factors, test: Factors, *codes: Array) -> dict[str, tuple[Array, Array]]:
    """Return each factor's columns in train and test, or say which are missing."""
    if not train or set(train) != set(test):
        raise ValueError(
            f"factors are {list(train)} in train and {list(test)} in test, expected the same, one or more"
        )
    a, b = codes
    return {
        name: (
            checked_column(train[name], f"{name} of train", a),
            checked_column(test[name], f"{name} of test", b),
        )
        for name in train
    }


def numbers(columns: dict[str, tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return k factors as (n, k) and (m, k), or say why one has no R²."""
    for name, column in columns.items():
        for values, part in zip(column, ("train", "test"), strict=True):
            if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
                raise ValueError(
                    f"{name} of {part} is not of finite numbers: for a factor of words take style.named"
                )
            if (values == values[0]).all():
                raise ValueError(
                    f"{name} of {part} is {values[0]} throughout, expected values that vary: leave it out"
                )
    known, asked = (
        np.stack(part, 1).astype(np.float64) for part in zip(*columns.values(), strict=True)
    )
    return known, asked


def categories(
    known: Array, asked: Array, name: str, train: Array, test: Array, *, unseen: bool = False
) -> tuple[Array, Array]:
    """Return categories as numbers 0, 1, …, or say why not; `unseen` allows for some of test that training lacks."""
    known, asked = (
        checked_column(known, f"{name} of train", train),
        checked_column(asked, f"{name} of test", test),
    )
    values, both = np.unique(np.concatenate([known, asked]), return_inverse=True)
    known, asked = np.split(both, [len(known)])
    n, new = len(np.unique(known)), np.setdiff1d(asked, known)
    if n < 2 or n > MOST or n == len(known):
        came = f"{name} of train has {n} categories in {len(known)} rows"
        raise ValueError(
            f"{came}, expected 2 to {MOST}, and one with two rows or more: leave out rare ones"
        )
    if len(new) and (not unseen or len(new) == len(np.unique(asked))):
        raise ValueError(
            f"{name} of test has {values[new][:5].tolist()}, unseen in train: leave them out"
        )
    return known, asked
