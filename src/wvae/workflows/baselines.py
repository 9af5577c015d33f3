"""What the clusters of z_rest are compared with: the same clustering, without a network."""

from __future__ import annotations

import warnings

from ..datasets.dataset import Array
from ..estimator import WVAE
from ..evaluation.baselines import FEATURES, RELATIVE, relative_to_label
from ..nn.style_features import TableStyleFeatures

MAX_ROWS = 5000  # K-Means on many pixels of more rows would take minutes


def baseline_points(model: WVAE, x: Array) -> dict[str, Array]:
    """Return what can be clustered instead of z_rest, without a network: points by name.

    ============  ==========================================================================
    ``relative``  the data, centred and scaled within each predicted label
    ``features``  the model's style features relative to the predicted label, which are chosen by
                  hand; for tables they are the columns again, and left out
    ============  ==========================================================================

    Parameters
    ----------
    model
        A fitted model. Without a classifier there is no predicted label, and no baseline.
    x
        Examples, (n, \\*shape).

    Examples
    --------
    >>> from wvae.datasets import load
    >>> data = load("digits8x8")
    >>> model = WVAE(epochs=1, width=16, alignment="none", finetune_epochs=0).fit(data.x, data.y)
    >>> {name: points.shape for name, points in baseline_points(model, data.x).items()}
    {'relative': (1797, 64), 'features': (1797, 20)}
    """
    if not model.config_.classifier_weight:
        return {}
    with warnings.catch_warnings():  # of x in [0, 1] it is clear that 1 is white
        warnings.filterwarnings("ignore", "X holds only 0 and 1")
        points = {RELATIVE: relative_to_label(x, model.predict(x))}
        style = model.model_.style.features if model.model_.uses_style else None
        if style is not None and not isinstance(style, TableStyleFeatures):
            points[FEATURES] = model.style_features(x)
    return points
