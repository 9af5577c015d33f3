"""What z_rest knows of the label, and should not: how well fresh probes read it on held-out rows, next to chance.

**The accuracy of the critic that training fought is not leakage.** A model learns to deceive that one critic; a new
one, fitted afterwards to the finished codes, still reads the label (Elazar & Goldberg, 2018, arXiv:1808.06640). Hence
fresh probes of several kinds, of which the largest accuracy counts. And a probe at chance shows something only where it
could have done better: z_label itself, the negative control, must score high.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from .probes import (
    Array,
    Kind,
    Probe,
    categories,
    checked_codes,
    checked_kinds,
    classified,
    nearest,
    standardised,
)

RESAMPLES = 1000
ROWS = 10_000  # of permuted labels that a network gets: chance does not need all


def leakage(
    train: Array,
    y_train: Array,
    test: Array,
    y_test: Array,
    *,
    kinds: Iterable[Kind] = ("logistic", "mlp", "knn", "boosting"),
    name: str = "leakage",
    seed: int = 0,
    null: bool = True,
) -> dict[str, float]:
    """Return how well fresh probes (`classified`) read the label from a code, on rows that nobody was fitted to.

    Linear leakage alone is ``kinds=["logistic"]``. Any categorical factor may take the label's place, such as the
    writer: how much of it is in z_label.

    Parameters
    ----------
    train, test
        Codes, (n, d) and (m, d); the model that made them was trained on no row of test.
    y_train, y_test
        Labels, or a factor, (n,) and (m,), numbers or words.
    kinds
        Which probes; the more, the surer.
    name, seed
        What the keys begin with; seed of the probes.
    null
        Whether to fit probes to permuted labels as well.

    Returns
    -------
    dict
        =========================  =================================================================================
        ``{name}.{kind}``          accuracy of each probe on test, in [0, 1]
        ``{name}.max``             the largest of them
        ``{name}.low``, ``.high``  its 95 % interval: percentiles of 1000 bootstraps of the test rows
        ``{name}.majority``        share of the commonest label in test: chance, of a constant guess
        ``{name}.null``            chance, of a probe this strong: the larger accuracy of the linear one and the network
                                   (if among `kinds`; at most 10,000 rows) with labels permuted within both parts
        ``{name}.information.…``   ``lower`` and ``upper``, nats, of what code and label share: see `information`
        =========================  =================================================================================

    Raises
    ------
    ValueError
        If shapes do not fit, codes are not finite or fewer than 10, labels are unknown (NaN, None), of one class, of
        more than 2000, or, in test, of one that training lacks; if kinds are unknown, or none.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y, noise = np.arange(900) % 3, rng.normal(size=(900, 2))
    >>> radius = noise / np.linalg.norm(noise, axis=1)[:, None] * (1 + y[:, None])  # nothing that a line could read
    >>> for z in (noise, radius):
    ...     found = leakage(z[:600], y[:600], z[600:], y[600:], kinds=["logistic", "knn"])
    ...     print(found["leakage.logistic"] < 0.45, found["leakage.knn"] > 0.95, is_clean(found, margin=0.1))
    True False True
    True True False
    """
    kinds = checked_kinds(kinds)
    train, test = checked_codes(train, test)
    y, asked = categories(y_train, y_test, "y", train, test)
    probes = classified(train, y, test, seed, kinds)
    found = {
        f"{name}.{kind}": float((probe.test == asked).mean()) for kind, probe in probes.items()
    }
    highest = max(found.values())
    # As many right among m rows drawn anew from the m: binomial, so that no row need be drawn.
    drawn = np.random.default_rng(seed).binomial(len(asked), highest, RESAMPLES) / len(asked)
    low, high = np.percentile(drawn, [2.5, 97.5])
    found |= {f"{name}.max": highest, f"{name}.low": float(low), f"{name}.high": float(high)}
    found[f"{name}.majority"] = float(np.bincount(asked).max() / len(asked))
    if null:
        found[f"{name}.null"] = _permuted(train, y, test, asked, kinds, seed)
    lower, upper = information(probes, train, y, test, asked, seed)
    return found | {f"{name}.information.lower": lower, f"{name}.information.upper": upper}


def is_clean(scores: Mapping[str, float], *, name: str = "leakage", margin: float = 0.05) -> bool:
    """Return whether the best probe is at chance: max ≤ max(majority, null) + margin.

    Scores are those of `leakage`, with or without the null, and margin a difference of accuracies. A ValueError if they
    hold no leakage of that name.

    Examples
    --------
    >>> is_clean({"leakage.max": 0.13, "leakage.majority": 0.11, "leakage.null": 0.12})
    True
    >>> is_clean({"linear.max": 0.21, "linear.majority": 0.11}, name="linear")
    False
    """
    missing = [key for key in (f"{name}.max", f"{name}.majority") if key not in scores]
    if missing:
        raise ValueError(
            f"scores lack {missing} among {list(scores)[:9]}, expected those of leakage(…, name={name!r})"
        )
    return (
        scores[f"{name}.max"]
        <= max(scores[f"{name}.majority"], scores.get(f"{name}.null", 0.0)) + margin
    )


def information(
    probes: Mapping[str, Probe], train: Array, y: Array, test: Array, asked: Array, seed: int = 0
) -> tuple[float, float]:
    """Return a lower bound and an upper estimate of the mutual information I(z; y), nats.

    Lower: H(y) − E[−log q(y | z)] on test (Barber & Agakov, 2003), in expectation below I(z; y) for any q; q is the
    calibrated probe that is best on the validation rows, and not less than 0, a constant guess's.

    Upper: H(y) − φ(e). With many codes the nearest neighbour errs as often as two labels drawn at z differ,
    e = 1 − E Σ_y p(y | z)² (Cover & Hart, 1967), and H(y | z) ≥ φ(e), linear between the points (1 − 1/k, log k)
    (Harremoës & Topsøe, 2001). No bound, but an estimate: with few codes a neighbour is far and errs more, so e is
    taken to be no more than r (2 − K r / (K−1)), where r is the least error of a probe (Cover & Hart's inequality), and
    upper no less than lower. Its sampling error is up to K √(e (1−e) / m), and it comes near 0 only for even labels.

    Parameters
    ----------
    probes
        Of `classified`, fitted to train and y.
    train, test
        Codes, (n, d) and (m, d).
    y, asked
        Their labels, 0, …, K − 1, each of which training has, (n,) and (m,).
    seed
        Of the choice among equally near neighbours.
    """
    frequency = np.bincount(asked) / len(asked)
    entropy = -float(
        (frequency * np.log(frequency, where=frequency > 0, out=np.zeros_like(frequency))).sum()
    )
    log_q = min(probes.values(), key=lambda probe: probe.loss).log_p
    lower = max(entropy + float(log_q[np.arange(len(asked)), asked].mean()), 0.0)
    known, unknown = standardised(train, test)
    near = nearest(known, 1, unknown, seed=seed)[0][:, 0]
    k = int(y.max()) + 1
    r = min((k - 1) / k, *(float((probe.test != asked).mean()) for probe in probes.values()))
    e = min(float((y[near] != asked).mean()), r * (2 - k * r / (k - 1)))
    ways = np.arange(1, k + 1)
    return lower, max(entropy - float(np.interp(e, 1 - 1 / ways, np.log(ways))), lower)


def _permuted(
    train: Array, y: Array, test: Array, asked: Array, kinds: list[Kind], seed: int
) -> float:
    """Return the largest accuracy of the cheap probes with labels that are independent of the codes."""
    rng = np.random.default_rng(seed)
    # In test too: a probe that knows nothing still names a tight cluster of codes as one, and may guess its true label.
    rows, permuted, asked = rng.permutation(len(train)), rng.permutation(y), rng.permutation(asked)
    probes = classified(train, permuted, test, seed, ["logistic"])
    if "mlp" in kinds:
        some = rows[:ROWS]
        probes |= classified(train[some], permuted[some], test, seed, ["mlp"])
    return max(float((probe.test == asked).mean()) for probe in probes.values())
