"""Leakage: how well fresh probes predict the label from z_rest, compared with chance.

**The accuracy of the critic of the training is not leakage.** A model learns to deceive that one
critic. A new classifier, fitted afterwards to the finished codes, can still predict the label
(Elazar & Goldberg, 2018, arXiv:1808.06640). Therefore fresh probes of several kinds are fitted, and
the largest accuracy counts. A probe at chance is evidence only if it could have done better. The
positive control shows that: from z_label, a probe must predict the label well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from scipy.special import ndtri

from .checks import Array, check_codes, encode_categories
from .probes import Kind, Probe, check_kinds, fit_probes, nearest_neighbours, standardise

Verdict = Literal["clean", "not clean", "undecided"]
CONFIDENCE = 0.95
MARGIN = 0.05  # accuracy above a constant guess that counts as clean
NULL_MLP_ROWS = 10_000  # with permuted labels; more rows do not change chance


def leakage(
    z_train: Array,
    y_train: Array,
    z_test: Array,
    y_test: Array,
    *,
    kinds: Iterable[Kind] = ("logistic", "mlp", "knn", "boosting"),
    name: str = "leakage",
    seed: int = 0,
    null: bool = True,
    n_compared: int | None = None,
) -> dict[str, float]:
    """Return how well fresh probes (`fit_probes`) predict the label of held-out codes.

    ``kinds=["logistic"]`` measures linear leakage alone. A categorical factor may take the place of
    the label: the writer, to measure how much of it z_label contains.

    Parameters
    ----------
    z_train, z_test
        Codes, (n, d) and (m, d). The model must not have been trained on any row of z_test.
    y_train, y_test
        Labels or categories of a factor, (n,) and (m,), numbers or strings.
    kinds
        Kinds of probes. More kinds find more leakage.
    name
        First part of the keys.
    seed
        Seed of the probes and the permutations.
    null
        Whether to fit probes to permuted labels as well.
    n_compared
        Number of probes of which the largest accuracy is taken in the end, here or by the caller;
        None is the number of kinds.

    Returns
    -------
    dict
        =========================  =================================================================
        ``{name}.{kind}``          test accuracy of each probe, in [0, 1]
        ``{name}.max``             the largest of them
        ``{name}.low``, ``.high``  its 95 % interval (Wilson), for the largest of several probes by
                                   Bonferroni's correction
        ``{name}.rows``            number of test rows
        ``{name}.majority``        share of the most common label in test: accuracy of a constant
                                   guess
        ``{name}.null``            largest accuracy of a logistic probe, and of a network if `kinds`
                                   contain it, with labels permuted in train and in test: chance for
                                   probes of this strength
        ``{name}.information.…``   ``lower`` and ``upper``, nats: see `mutual_information`
        =========================  =================================================================

    Raises
    ------
    ValueError
        If shapes do not fit; codes are not finite or fewer than 10; labels are missing (NaN, None),
        of one class, or of more than 2000; y_test has a label that y_train lacks; kinds are unknown
        or empty.

    Examples
    --------
    The radius of the second code depends on the label, which no linear probe can find:

    >>> rng = np.random.default_rng(0)
    >>> y, noise = np.arange(900) % 3, rng.normal(size=(900, 2))
    >>> radius = noise / np.linalg.norm(noise, axis=1)[:, None] * (1 + y[:, None])
    >>> for z in (noise, radius):
    ...     scores = leakage(z[:600], y[:600], z[600:], y[600:], kinds=["logistic", "knn"])
    ...     linear, local = scores["leakage.logistic"], scores["leakage.knn"]
    ...     print(linear < 0.45, local > 0.95, verdict(scores, margin=0.1))
    True False clean
    True True not clean
    """
    kinds = check_kinds(kinds)
    z_train, z_test = check_codes(z_train, z_test)
    y_train, y_test = encode_categories(y_train, y_test, "y", len(z_train), len(z_test))
    probes = fit_probes(z_train, y_train, z_test, seed, kinds)
    scores: dict[str, float] = {}
    for kind, probe in probes.items():
        scores[f"{name}.{kind}"] = float((probe.predictions == y_test).mean())
    highest = max(scores.values())
    # The largest of m accuracies is too high by luck. If every probe's interval errs with
    # probability 0.05 / m at most, one of them errs with 0.05 at most.
    confidence = 1 - (1 - CONFIDENCE) / (n_compared or len(kinds))
    low, high = wilson(highest, len(y_test), confidence)
    scores |= {f"{name}.max": highest, f"{name}.low": low, f"{name}.high": high}
    scores[f"{name}.rows"] = float(len(y_test))
    scores[f"{name}.majority"] = float(np.bincount(y_test).max() / len(y_test))
    if null:
        scores[f"{name}.null"] = _null_accuracy(z_train, y_train, z_test, y_test, kinds, seed)
    lower, upper = mutual_information(probes, z_train, y_train, z_test, y_test, seed)
    return scores | {f"{name}.information.lower": lower, f"{name}.information.upper": upper}


def wilson(share: float, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the Wilson interval of a share of n rows.

    Parameters
    ----------
    share
        Observed share, in [0, 1].
    n
        Number of rows.
    confidence
        Probability that such an interval covers the true share, in (0, 1).

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference.

    Examples
    --------
    >>> low, high = wilson(0.5, 100)
    >>> round(low, 3), round(high, 3)
    (0.404, 0.596)
    """
    z = float(ndtri(0.5 + confidence / 2))
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def verdict(
    scores: Mapping[str, float], *, name: str = "leakage", margin: float = MARGIN
) -> Verdict:
    """Return whether the best probe is at chance, as far as the test rows can tell.

    ==============  ===================================================================
    ``clean``       the interval ends below majority + margin
    ``not clean``   the interval begins above it
    ``undecided``   the interval holds it: there are too few test rows
    ==============  ===================================================================

    Parameters
    ----------
    scores
        Scores that `leakage` returned.
    name
        First part of the keys.
    margin
        Accuracy above a constant guess that is tolerated.

    Raises
    ------
    ValueError
        If the scores contain no leakage of that name.

    Examples
    --------
    >>> scores = {"leakage.low": 0.12, "leakage.high": 0.15, "leakage.majority": 0.11}
    >>> verdict(scores), verdict(scores, margin=0.0), verdict(scores, margin=0.02)
    ('clean', 'not clean', 'undecided')
    """
    missing = [key for key in (f"{name}.low", f"{name}.majority") if key not in scores]
    if missing:
        raise ValueError(
            f"scores lack {missing} among {list(scores)[:9]}, "
            f"expected those of leakage(…, name={name!r})"
        )
    limit = scores[f"{name}.majority"] + margin
    if scores[f"{name}.high"] < limit:
        return "clean"
    return "not clean" if scores[f"{name}.low"] > limit else "undecided"


def mutual_information(
    probes: Mapping[str, Probe],
    z_train: Array,
    y_train: Array,
    z_test: Array,
    y_test: Array,
    seed: int = 0,
) -> tuple[float, float]:
    """Return a lower bound and an upper estimate of the mutual information I(z; y), nats.

    Lower: H(y) − E[−log q(y | z)] on test, in expectation at most I(z; y) for any q (Barber &
    Agakov, 2003). q is the calibrated probe with the lowest validation loss. The bound is not below
    0, the value of a constant guess.

    Upper: H(y) − φ(e). With many codes the nearest neighbour errs as often as two labels drawn at
    the same z differ, e = 1 − E Σ_y p(y | z)² (Cover & Hart, 1967), and H(y | z) ≥ φ(e), which is
    linear between the points (1 − 1/k, log k) (Harremoës & Topsøe, 2001). It is an estimate and not
    a bound: with few codes the nearest neighbour is far away and errs more. e is therefore limited
    to r (2 − K r / (K − 1)), where r is the smallest error of a probe (Cover & Hart's inequality),
    and the estimate is not below the lower bound. Its sampling error is up to K √(e (1 − e) / m).
    It comes near 0 only for balanced labels.

    Parameters
    ----------
    probes
        Probes that `fit_probes` fitted to z_train and y_train.
    z_train, z_test
        Codes, (n, d) and (m, d).
    y_train, y_test
        Labels 0, …, K − 1, (n,) and (m,). y_train contains all of them.
    seed
        Seed of the choice among equally near neighbours.

    References
    ----------
    Barber & Agakov (2003), The IM algorithm; Cover & Hart (1967), Nearest neighbor pattern
    classification; Harremoës & Topsøe (2001), Inequalities between entropy and index of coincidence
    derived from information diagrams.

    Examples
    --------
    >>> y = np.arange(200) % 2
    >>> z = y[:, None].astype(float)
    >>> probes = fit_probes(z, y, z, kinds=["logistic"])
    >>> lower, upper = mutual_information(probes, z, y, z, y)
    >>> round(lower, 1), round(upper, 3)
    (0.7, 0.693)
    """
    frequency = np.bincount(y_test) / len(y_test)
    frequency = frequency[frequency > 0]
    entropy = -float((frequency * np.log(frequency)).sum())
    best_probe = min(probes.values(), key=lambda probe: probe.loss)
    log_q = best_probe.log_p[np.arange(len(y_test)), y_test]
    lower = max(entropy + float(log_q.mean()), 0.0)

    z_train, z_test = standardise(z_train, z_test)
    nearest = nearest_neighbours(z_train, 1, z_test, seed=seed)[0][:, 0]
    neighbour_error = float((y_train[nearest] != y_test).mean())
    n_classes = int(y_train.max()) + 1
    probe_error = (n_classes - 1) / n_classes
    for probe in probes.values():
        probe_error = min(probe_error, float((probe.predictions != y_test).mean()))
    limit = probe_error * (2 - n_classes * probe_error / (n_classes - 1))
    k = np.arange(1, n_classes + 1)
    conditional_entropy = float(np.interp(min(neighbour_error, limit), 1 - 1 / k, np.log(k)))
    return lower, max(entropy - conditional_entropy, lower)


def _null_accuracy(
    z_train: Array, y_train: Array, z_test: Array, y_test: Array, kinds: list[Kind], seed: int
) -> float:
    """Return the largest accuracy of the cheap probes with labels independent of the codes."""
    rng = np.random.default_rng(seed)
    rows, y_permuted = rng.permutation(len(z_train)), rng.permutation(y_train)
    # The labels of test are permuted, too. A probe without information still predicts one label for
    # a tight cluster of codes, and by luck that may be the true one.
    y_test = rng.permutation(y_test)
    probes = fit_probes(z_train, y_permuted, z_test, seed, ["logistic"])
    if "mlp" in kinds:
        rows = rows[:NULL_MLP_ROWS]
        probes |= fit_probes(z_train[rows], y_permuted[rows], z_test, seed, ["mlp"])
    return max(float((probe.predictions == y_test).mean()) for probe in probes.values())
