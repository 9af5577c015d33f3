"""Dimensions of the codes, ordered by how much they change the decoded examples."""

from __future__ import annotations

import numpy as np

from ..datasets.dataset import Array
from ..estimator import WVAE
from ..workflows.progress import Progress, Silent
from .contract import Code, Dimension

EXAMPLES = 32  # whose other dimensions stay as they are
STEPS = 5  # places of a dimension between its quantiles
QUANTILES = 0.01, 0.99


def describe_dimensions(
    model: WVAE,
    z_label: Array,
    z_rest: Array,
    *,
    seed: int = 0,
    unit: Array | float = 1.0,
    progress: Progress | None = None,
) -> list[Dimension]:
    """Return all dimensions of both codes; within a code, those that change most come first.

    Each dimension of 32 random examples is moved from its 1 % to its 99 % quantile, in five steps.
    Its change is the variance of the decoded values over these steps, its share that part of the
    changes of all dimensions of the code.

    Parameters
    ----------
    model
        A fitted model.
    z_label, z_rest
        Codes of the examples, (n, d_label) and (n, d_rest).
    seed
        Seed of the choice of examples.
    unit
        Decoded values are divided by it: the standard deviations of a table's columns.
    progress
        Shows the progress.
    """
    codes: dict[Code, Array] = {"z_label": z_label, "z_rest": z_rest}
    chosen = np.sort(np.random.default_rng(seed).permutation(len(z_label))[:EXAMPLES])
    examples: dict[Code, Array] = {"z_label": z_label[chosen], "z_rest": z_rest[chosen]}
    total = sum(z.shape[1] for z in codes.values())
    dimensions: list[Dimension] = []
    with (progress or Silent()).task("ordering dimensions", total) as advance:
        for code, z in codes.items():
            low, high = np.quantile(z, QUANTILES, axis=0)
            changes: list[float] = []
            for index in range(z.shape[1]):
                places = np.linspace(low[index], high[index], STEPS)
                changes.append(_change(model, examples, code, index, places, unit))
                advance(len(dimensions) + index + 1)
            for index in np.argsort(-np.array(changes), kind="stable").tolist():
                share = changes[index] / sum(changes) if sum(changes) else 0.0
                dimensions.append(
                    {
                        "code": code,
                        "index": index,
                        "share": min(1.0, share),
                        "low": float(low[index]),
                        "high": float(high[index]),
                    }
                )
    return dimensions


def _change(
    model: WVAE,
    codes: dict[Code, Array],
    code: Code,
    index: int,
    places: Array,
    unit: Array | float,
) -> float:
    """Return the mean variance of decoded values while one dimension of a code moves."""
    n = len(codes[code])
    moved = {name: np.repeat(z[None], len(places), 0) for name, z in codes.items()}
    moved[code][:, :, index] = places[:, None]
    flat = {name: z.reshape(len(places) * n, -1) for name, z in moved.items()}
    decoded = np.asarray(model.decode(flat["z_label"], flat["z_rest"]), np.float64)
    decoded = decoded.reshape(len(places), n, -1) / np.reshape(unit, -1)
    # Relative to the first place, so that what does not change has a variance of exactly 0.
    return float((decoded - decoded[0]).var(0).mean())
