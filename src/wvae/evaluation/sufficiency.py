"""What z_label knows: the label, as it should, and whatever else is in it.

Codes are (n, d) to train with and (m, d) to test, labels and factors (n,) and (m,), numbers or words. The fresh probes
are the linear one and the network of `probes`; test rows choose nothing. A ValueError if shapes do not fit, codes are
not finite or fewer than 10 to train with, values are unknown (NaN, None), a label has one class or, in test, one that
training lacks, or a factor does not vary, or has more than 2000 categories.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import r2_score

from .probes import (
    Array,
    Factors,
    best,
    categories,
    checked_codes,
    checked_factors,
    classified,
    numbers,
    one_hot,
    regressed,
)


def sufficiency(
    train: Array,
    y_train: Array,
    test: Array,
    y_test: Array,
    *,
    name: str = "sufficiency",
    seed: int = 0,
) -> dict[str, float]:
    """Return how often fresh probes (`classified`) read the label from z_label, in [0, 1].

    Keys: ``{name}.logistic``, ``{name}.mlp`` and the larger one, ``{name}.max``; ``{name}.majority``, the share of the
    commonest label in test, which needs no code.

    Examples
    --------
    >>> y = np.arange(100) % 2
    >>> sufficiency(y[:, None], y, y[:, None], y)
    {'sufficiency.logistic': 1.0, 'sufficiency.mlp': 1.0, 'sufficiency.max': 1.0, 'sufficiency.majority': 0.5}
    """
    train, test = checked_codes(train, test)
    y, asked = categories(y_train, y_test, "y", train, test)
    probes, majority = classified(train, y, test, seed), np.bincount(asked).max() / len(asked)
    found = {
        f"{name}.{kind}": float((probe.test == asked).mean()) for kind, probe in probes.items()
    }
    return found | {f"{name}.max": max(found.values()), f"{name}.majority": float(majority)}


def factors_in_label(
    train: Array,
    y_train: Array,
    factors_train: Factors,
    test: Array,
    y_test: Array,
    factors_test: Factors,
    *,
    name: str = "sufficiency.leak",
    seed: int = 0,
) -> dict[str, float]:
    """Return what z_label knows of each factor beyond the label itself: 0 if nothing.

    score(probe of z_label and y) − score(probe of y), with y as one-hot: what the label explains, such as the width of
    a 1, is no leak. Not clipped: noise may turn it negative. The score of a floating factor is the held-out R² of
    `regressed`, that of all others, whole numbers and words, the accuracy of `classified`; both from the probe that the
    inner validation prefers. Keys: ``{name}.{factor}``, and the largest of them, ``{name}.max``.

    Parameters
    ----------
    train, y_train, test, y_test
        z_label and the labels.
    factors_train, factors_test
        By factor, the same ones in both.
    name, seed
        What the keys begin with; seed of the probes.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y, slant = np.arange(600) % 2, rng.normal(size=600)
    >>> for z in (np.c_[y], np.c_[y, slant]):
    ...     train, test = (z[:500], y[:500], {"slant": slant[:500]}), (z[500:], y[500:], {"slant": slant[500:]})
    ...     print(round(abs(factors_in_label(*train, *test)["sufficiency.leak.slant"]), 1))
    0.0
    1.0
    """
    train, test = checked_codes(train, test)
    y = one_hot(*categories(y_train, y_test, "y", train, test))
    both = np.hstack([train, y[0]]), np.hstack([test, y[1]])
    columns = checked_factors(factors_train, factors_test, train, test)
    floating = {f: c for f, c in columns.items() if "f" in (c[0].dtype.kind, c[1].dtype.kind)}
    found: dict[str, float] = {}
    if floating:
        known, asked = numbers(floating)
        r2 = [
            np.array(r2_score(asked, regressed(z, known, q, seed), multioutput="raw_values"))
            for z, q in (both, y)
        ]
        found |= dict(zip(floating, (r2[0] - r2[1]).tolist(), strict=True))
    for factor in (factor for factor in columns if factor not in floating):
        known, asked = categories(*columns[factor], factor, train, test, unseen=True)
        right = [best(classified(z, known, q, seed)) == asked for z, q in (both, y)]
        found[factor] = float(right[0].mean() - right[1].mean())
    return {f"{name}.{factor}": found[factor] for factor in columns} | {
        f"{name}.max": max(found.values())
    }
