"""How well z_rest tells categories apart that training has not seen, such as new fonts.

Codes are (n, d) for training and (m, d) for test; labels and categories are (n,) and (m,). The
categories of the two parts differ. Nothing is fitted to test rows but what a measure says.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from .checks import Array, check_codes, check_column
from .probes import best_predictions, fit_probes
from .retrieval import identification, verification

MAX_IDENTIFIED, MIN_ROWS = 100, 20  # new categories to identify; test rows of each
MAX_VERIFIED = 500  # new categories to verify
MAX_COLUMNS = 512  # of codes whose covariance is estimated; pixels have more
PAIRS = 20_000  # half of the same category, half of different ones
PAIRS_AT_ONCE = 1000
MAX_ROUNDS = 50  # of random pairs, of which most may not fit
PROBED_SHARE = 0.5  # of the labels: their rows are classified, the rows of the others are fitted


def same_or_different(
    z_train: Array,
    who_train: Array,
    y_train: Array,
    z_test: Array,
    who_test: Array,
    y_test: Array,
    *,
    n_pairs: int = PAIRS,
    name: str = "pairs",
    seed: int = 0,
) -> dict[str, float]:
    """Return how well the distance of two codes tells "same category or not?".

    The two rows of a pair have different labels: two letters, say, of one font or of two. Half of
    the pairs are of the same category. A pair is taken for the same one if ‖z_1 − z_2‖ ≤ t; the
    threshold t has the highest accuracy on pairs of training rows.

    Parameters
    ----------
    z_train, z_test
        Codes, (n, d) and (m, d).
    who_train, who_test
        Categories, (n,) and (m,).
    y_train, y_test
        Labels, (n,) and (m,).
    n_pairs
        Number of pairs from each part.
    name, seed
        First part of the keys; seed of the pairs.

    Returns
    -------
    dict
        ``{name}.accuracy`` on pairs of test rows, and ``{name}.chance``, 0.5; ``{name}.auc``, the
        area under the ROC curve, which needs no threshold.

    Raises
    ------
    ValueError
        If shapes do not fit, codes are not finite, or a part has no pairs of the same category or
        of different ones.

    References
    ----------
    Haraguchi et al. (2020), Character-independent font identification, DAS 2020.

    Examples
    --------
    >>> y, who = np.arange(80) % 4, np.arange(80) // 8
    >>> z = np.eye(10)[who]
    >>> same_or_different(z, who, y, z, who, y, n_pairs=100)
    {'pairs.accuracy': 1.0, 'pairs.chance': 0.5, 'pairs.auc': 1.0}
    """
    z_train, z_test = check_codes(z_train, z_test)
    parts: list[tuple[Array, Array]] = []
    rng = np.random.default_rng(seed)
    for part, z, who, y in (
        ("train", z_train, who_train, y_train),
        ("test", z_test, who_test, y_test),
    ):
        who = check_column(who, f"who_{part}", len(z))
        y = check_column(y, f"y_{part}", len(z))
        a, b = _pairs(who, y, n_pairs, rng, part)
        is_same = np.arange(n_pairs) < n_pairs // 2
        parts.append((is_same, _distances(z, a, b)))
    (same_train, d_train), (same, distance) = parts
    threshold = _best_threshold(same_train, d_train)
    accuracy = np.mean((distance <= threshold) == same)
    auc = roc_auc_score(same, -distance)
    return {f"{name}.accuracy": float(accuracy), f"{name}.chance": 0.5, f"{name}.auc": float(auc)}


def new_factor_accuracy(
    z: Array, who: Array, y: Array, *, name: str = "rest.factor.new", seed: int = 0
) -> dict[str, float]:
    """Return how well probes of new categories work for labels that they were not fitted to.

    The labels are divided at random. Probes (`wvae.evaluation.probes.fit_probes`) are fitted to
    the test rows of one half of the labels, and predict the category of the rows of the other:
    fonts, say, are learnt from some letters and recognised from others.

    Parameters
    ----------
    z, who, y
        Codes of test rows, (m, d); their categories and labels, (m,).
    name, seed
        First part of the keys; seed of the division and of the probes.

    Returns
    -------
    dict
        ``{name}.accuracy`` in [0, 1]; ``{name}.chance``, the share of the most common category.

    Raises
    ------
    ValueError
        If shapes do not fit, codes are not finite, or there are fewer than two labels, or two
        categories.

    Examples
    --------
    >>> y, who = np.arange(400) % 10, np.arange(400) // 40
    >>> new_factor_accuracy(np.eye(10)[who], who, y)["rest.factor.new.accuracy"]
    1.0
    """
    z = np.asarray(z, np.float64)
    z, _ = check_codes(z, z)
    who, y = check_column(who, "who", len(z)), check_column(y, "y", len(z))
    labels = np.random.default_rng(seed).permutation(np.unique(y))
    n_probed = int(PROBED_SHARE * len(labels))
    is_probed = np.isin(y, labels[:n_probed])
    _, index = np.unique(who, return_inverse=True)
    if not n_probed or len(np.unique(index[~is_probed])) < 2:
        raise ValueError(
            f"there are {len(labels)} labels and {len(np.unique(who))} categories, expected two or "
            "more of both"
        )
    probes = fit_probes(z[~is_probed], index[~is_probed], z[is_probed], seed)
    truth = index[is_probed]
    accuracy = float((best_predictions(probes) == truth).mean())
    chance = float(np.bincount(truth).max() / len(truth))
    return {f"{name}.accuracy": accuracy, f"{name}.chance": chance}


def retrieve_new(
    z_train: Array,
    who_train: Array,
    y_train: Array,
    z: Array,
    who: Array,
    y: Array,
    *,
    name: str = "retrieval",
    seed: int = 0,
) -> dict[str, float]:
    """Verify, compare and identify categories that are new to training.

    Parameters
    ----------
    z_train, who_train, y_train
        Codes of training rows, their categories and labels.
    z, who, y
        Those of test rows.
    name, seed
        First part of the keys; seed of all samples.

    Returns
    -------
    dict
        ``{name}.verification.…`` of categories with two rows (500 at most), see
        `wvae.evaluation.retrieval.verification`; ``{name}.pairs.…``, see `same_or_different`, if
        some categories have several labels; and of those with 20 rows (100 at most), half of them
        enrolled, ``{name}.top1.…``, see `wvae.evaluation.retrieval.identification`.

    Examples
    --------
    >>> y, who = np.arange(400) % 10, np.arange(400) // 40
    >>> z = np.eye(10)[who]
    >>> scores = retrieve_new(z, who, y, z, who, y)
    >>> scores["retrieval.top1.1"], scores["retrieval.pairs.accuracy"]
    (1.0, 1.0)
    """
    names, counts = np.unique(who, return_counts=True)
    rng = np.random.default_rng(seed)
    metrics: dict[str, float] = {}
    verified = rng.permutation(names[counts > 1])[:MAX_VERIFIED]
    if len(verified) > 1:
        rows = np.isin(who, verified)
        key = f"{name}.verification"
        metrics |= verification(z[rows], who[rows], name=key, seed=seed)
    if _has_pairs(who_train, y_train) and _has_pairs(who, y):
        key = f"{name}.pairs"
        metrics |= same_or_different(z_train, who_train, y_train, z, who, y, name=key, seed=seed)
    identified = rng.permutation(names[counts >= MIN_ROWS])[:MAX_IDENTIFIED]
    if len(identified) > 1:
        enrolled, queries = [], []
        for category in identified:
            rows = rng.permutation(np.flatnonzero(who == category))
            enrolled.append(rows[0::2])
            queries.append(rows[1::2])
        enrolled, queries = np.concatenate(enrolled), np.concatenate(queries)
        metrics |= identify(z[enrolled], who[enrolled], z[queries], who[queries], name, seed)
    return metrics


def identify(
    enrolled: Array, who_enrolled: Array, queries: Array, who: Array, name: str, seed: int
) -> dict[str, float]:
    """Return the identification by distance, and by distance relative to a person's variation.

    Parameters
    ----------
    enrolled, who_enrolled
        Codes of enrolled rows, and the person or category of each.
    queries, who
        Those of the queries.
    name, seed
        As in `wvae.evaluation.retrieval.identification`, which this calls with both metrics; with
        more than 512 columns only with the Euclidean one.

    Examples
    --------
    >>> z, who = np.array([[0.0], [1.0], [8.0], [9.0]]), np.array([0, 0, 1, 1])
    >>> identify(z, who, z, who, "retrieval", 0)["retrieval.within.top1.1"]
    1.0
    """
    metrics = identification(enrolled, who_enrolled, queries, who, name=name, seed=seed)
    has_two = len(np.unique(who_enrolled)) < len(who_enrolled)  # rows of a person
    if has_two and enrolled.shape[1] <= MAX_COLUMNS:
        metrics |= identification(
            enrolled, who_enrolled, queries, who, metric="within", name=name, seed=seed
        )
    return metrics


def _has_pairs(who: Array, y: Array) -> bool:
    """Return whether pairs with different labels exist, of one category and of two."""
    who, y = np.unique(who, return_inverse=True)[1], np.unique(y, return_inverse=True)[1]
    has_several = np.zeros(who.max() + 1, bool)
    first = np.full(who.max() + 1, -1)
    first[who[::-1]] = y[::-1]  # the label of the first row of each category
    has_several[who[y != first[who]]] = True
    return len(has_several) > 1 and bool(has_several.any())


def _pairs(
    who: Array, y: Array, n_pairs: int, rng: np.random.Generator, part: str
) -> tuple[Array, Array]:
    """Return rows a and b of random pairs with different labels; the first half is of one category.

    A category is as likely as it has rows.
    """
    _, index, counts = np.unique(who, return_inverse=True, return_counts=True)
    order = np.argsort(index, kind="stable")
    start = np.cumsum(counts) - counts
    chosen: list[tuple[Array, Array]] = []
    for same, wanted in ((True, n_pairs // 2), (False, n_pairs - n_pairs // 2)):
        found = 0
        for _ in range(MAX_ROUNDS):
            a = rng.integers(len(who), size=n_pairs)
            if same:
                b = order[start[index[a]] + rng.integers(counts[index[a]])]
            else:
                b = rng.integers(len(who), size=n_pairs)
            fits = np.flatnonzero((y[a] != y[b]) & ((index[a] == index[b]) == same))
            fits = fits[: wanted - found]
            chosen.append((a[fits], b[fits]))
            found += len(fits)
            if found == wanted:
                break
        else:
            kind = "one category" if same else "two categories"
            raise ValueError(
                f"{part} has too few pairs of rows of {kind} with different labels: use other data"
            )
    a, b = zip(*chosen, strict=True)
    return np.concatenate(a), np.concatenate(b)


def _distances(z: Array, a: Array, b: Array) -> Array:
    """Return the distances of rows a and b of z, in parts, because z may be pixels."""
    parts: list[Array] = []
    for begin in range(0, len(a), PAIRS_AT_ONCE):
        rows = slice(begin, begin + PAIRS_AT_ONCE)
        parts.append(np.linalg.norm(z[a[rows]] - z[b[rows]], axis=1))
    return np.concatenate(parts)


def _best_threshold(is_same: Array, distance: Array) -> float:
    """Return the distance up to which pairs are taken for the same, of the highest accuracy.

    It is in the middle between the distances of two pairs.
    """
    false_positive, true_positive, thresholds = roc_curve(is_same, -distance)
    best = -thresholds[np.argmax(true_positive - false_positive)]  # both kinds are as frequent
    larger = distance[distance > best]
    return float((best + larger.min()) / 2) if len(larger) and np.isfinite(best) else float(best)
