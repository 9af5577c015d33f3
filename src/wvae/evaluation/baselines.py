"""Baselines of z_rest without a network: data relative to their label, in ten lines of code.

They remove what the label explains by its mean and spread alone. If their clusters match a factor
as well as those of z_rest, then this factor does not need the method.
"""

from __future__ import annotations

import numpy as np

from .checks import Array

RELATIVE, FEATURES = "relative", "features"
TITLES = {
    "z_rest": "z_rest",
    RELATIVE: "data centred and scaled per label",
    FEATURES: "style features, no learning",
}


def relative_to_label(x: Array, labels: Array) -> Array:
    """Return examples with each value centred and scaled within its label, (n, values) float32.

    Values that are constant within a label become 0.

    Parameters
    ----------
    x
        Examples, (n, \\*shape).
    labels
        True or predicted label of each example, (n,).

    Raises
    ------
    ValueError
        If there are not as many labels as examples.

    Examples
    --------
    >>> x, labels = np.array([[1.0, 5.0], [3.0, 5.0], [10.0, 0.0]]), np.array(["a", "a", "b"])
    >>> relative_to_label(x, labels).tolist()
    [[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    """
    if len(x) != len(labels):
        raise ValueError(
            f"there are {len(x)} examples and {len(labels)} labels, expected as many of both"
        )
    values = np.asarray(x).reshape(len(x), -1)
    relative = np.zeros(values.shape, np.float32)
    for label in np.unique(labels):
        rows = labels == label
        of_label = values[rows].astype(np.float64)
        of_label -= of_label.mean(0)
        sd = of_label.std(0)
        is_varied = sd > 1e-9 * np.abs(values[rows]).max(0)
        relative[rows] = np.divide(of_label, sd, out=np.zeros_like(of_label), where=is_varied)
    return relative
