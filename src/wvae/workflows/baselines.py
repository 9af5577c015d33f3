"""What the clusters of z_rest are compared with: the same clustering, without a network."""

from __future__ import annotations

import warnings

import numpy as np

from ..datasets.dataset import Array
from ..estimator import WVAE
from ..evaluation.baselines import FEATURES, RELATIVE, relative_to_label
from ..evaluation.clustering import agreement, kmeans
from .encoded_split import EncodedSplit
from .inputs import is_categorical
from .progress import Progress

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
    {'relative': (1797, 64), 'features': (1797, 24)}
    """
    if not model.config_.classifier_weight:
        return {}
    with warnings.catch_warnings():  # of x in [0, 1] it is clear that 1 is white
        warnings.filterwarnings("ignore", "X holds only 0 and 1")
        points = {RELATIVE: relative_to_label(x, model.predict(x))}
        if model.model_.uses_style and not model.model_.is_table:
            points[FEATURES] = model.style_features(x)
    return points


def cluster_scores(
    model: WVAE, split: EncodedSplit, seed: int, progress: Progress
) -> dict[str, float]:
    """Return how well K-Means of z_rest and of its baselines matches the categorical factors.

    Parameters
    ----------
    model
        A fitted model.
    split
        Its test rows are clustered, at most 5,000, into as many clusters as the factor has
        categories there. Factors with less than two rows for each category are left out.
    seed
        Seed of the rows and the clusters.
    progress
        Shows the progress.

    Returns
    -------
    dict
        ``clusters.{factor}.{points}``: adjusted mutual information.
    """
    targets: dict[str, Array] = {}
    for name, pair in split.factors.items():
        if is_categorical(pair.test) and 1 < len(np.unique(pair.test)) <= len(pair.test) // 2:
            targets[name] = pair.test
    if not targets:
        return {}
    rows = np.sort(np.random.default_rng(seed).permutation(len(split.y.test))[:MAX_ROWS])
    points = {"z_rest": split.z_rest.test[rows]}
    points |= baseline_points(model, split.x.test[rows])
    scores: dict[str, float] = {}
    with progress.task("measuring clusters", len(targets)) as advance:
        for done, (name, target) in enumerate(targets.items(), 1):
            target = target[rows]
            for space, z in points.items():
                clusters = kmeans(z, len(np.unique(target)), seed=seed)
                scores[f"clusters.{name}.{space}"] = agreement(clusters, target)["ami"]
            advance(done)
    return scores
