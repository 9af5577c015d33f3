"""What a run shows of categories that training has not seen, such as new fonts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from ..datasets import Dataset
from ..estimator import WVAE
from ..evaluation.clustering import agreement, kmeans
from ..evaluation.new_categories import new_factor_accuracy, retrieve_new
from ..reporting.style_sheet import style_sheet
from ..workflows.measure import TEST_ROWS
from .panels import unit_values

Array = np.ndarray
PCA_ROWS = 10_000  # training rows that the principal components are computed from, at most
LABEL_ROWS = 50  # training examples of each label, of which the clearest gives z_label
SHEET_ROWS = 8


def is_new(train: Dataset, test: Dataset, factor: str) -> bool:
    """Return whether all categories of the test rows are new to training.

    Parameters
    ----------
    train, test
        The two parts of a data set.
    factor
        Name of a categorical factor.
    """
    return not np.isin(test.factors[factor], train.factors[factor]).any()


@dataclass(frozen=True)
class Baseline:
    """Examples less the mean of their label in training, without a network.

    Parameters
    ----------
    train, test
        (n, d) and (m, d) float32.
    """

    train: Array
    test: Array

    def project(self, n_components: int, seed: int) -> Baseline:
        """Return the first principal components of the training rows.

        Parameters
        ----------
        n_components
            Number of components.
        seed
            Seed of the rows that they are computed from, 10,000 at most.
        """
        rows = np.random.default_rng(seed).permutation(len(self.train))[:PCA_ROWS]
        n_components = min(n_components, len(rows), self.train.shape[1])
        pca = PCA(n_components, random_state=seed).fit(self.train[rows])
        return Baseline(pca.transform(self.train), pca.transform(self.test))


def centred_per_label(train: Dataset, test: Dataset) -> Baseline:
    """Return examples less the mean of the training examples with the same, true label.

    Parameters
    ----------
    train, test
        The two parts of a data set; the labels of test occur in train.

    Examples
    --------
    >>> train = Dataset(np.array([[1.0], [3.0]]), np.array([5, 5]), kind="table")
    >>> centred_per_label(train, train).test.tolist()
    [[-1.0], [1.0]]
    """
    classes = train.classes.tolist()
    values = unit_values(train.x).reshape(len(train), -1).astype(np.float32)
    values_test = unit_values(test.x).reshape(len(test), -1).astype(np.float32)
    for label in classes:
        rows, rows_test = train.y == label, test.y == label
        mean = values[rows].mean(0)
        values[rows] -= mean
        values_test[rows_test] -= mean
    return Baseline(values, values_test)


def baseline_scores(
    train: Dataset, test: Dataset, factor: str, n_components: int, seed: int
) -> dict[str, float]:
    """Return the scores of new categories for pixels centred per label, and components of these.

    Parameters
    ----------
    train, test
        The two parts of a data set.
    factor
        Categorical factor, whose test categories are new.
    n_components
        Number of principal components: as many as z_rest has dimensions.
    seed
        Seed of all samples.

    Returns
    -------
    dict
        ``baseline.centred.…`` and ``baseline.pca.…``: as ``retrieval.…`` of
        `wvae.workflows.measure.measure`; of the components also ``.new.accuracy`` and
        ``.clusters.ami``.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(test))[:TEST_ROWS])
    test = test.subset(rows)
    who_train, who = train.factors[factor], test.factors[factor]
    centred = centred_per_label(train, test)
    pca = centred.project(n_components, seed)
    metrics: dict[str, float] = {}
    for name, points in (("centred", centred), ("pca", pca)):
        name = f"baseline.{name}"
        metrics |= retrieve_new(
            points.train, who_train, train.y, points.test, who, test.y, name=name, seed=seed
        )
    metrics |= new_factor_accuracy(pca.test, who, test.y, name="baseline.pca.new", seed=seed)
    clusters = kmeans(pca.test, len(np.unique(who)), seed=seed)
    metrics["baseline.pca.clusters.ami"] = agreement(clusters, who)["ami"]
    return metrics


def style_sheet_figure(
    model: WVAE, train: Dataset, test: Dataset, factor: str, seed: int, n: int = SHEET_ROWS
) -> Figure:
    """Plot every label in the style of one example of each of n new categories.

    Each label's z_label is that of the training example, of 50, that the model classifies most
    surely. Beneath each row are the true examples of the category.

    Parameters
    ----------
    model
        A model of the training rows.
    train, test
        The two parts of a data set of grey images.
    factor
        Categorical factor, whose test categories are new.
    seed
        Seed of the choice of categories and source examples.
    n
        Number of categories.
    """
    rng = np.random.default_rng(seed)
    labels = train.classes
    z_label = np.stack([_clearest_z_label(model, train, label, rng) for label in labels.tolist()])
    who = test.factors[factor]
    categories = rng.permutation(np.unique(who))[:n]
    rows = [int(rng.choice(np.flatnonzero(who == category))) for category in categories]
    _, z_rest = model.encode(test.x[rows])
    decoded = model.decode(
        np.tile(z_label, (len(rows), 1)), np.repeat(z_rest, len(labels), axis=0)
    ).reshape(len(rows), len(labels), *test.shape)
    truth = np.zeros_like(decoded)
    for i, category in enumerate(categories):
        for j, label in enumerate(labels):
            same = np.flatnonzero((who == category) & (test.y == label))
            if len(same):
                truth[i, j] = unit_values(test.x[same[0]])
    names = [str(category) for category in categories]
    return style_sheet(unit_values(test.x[rows]), decoded, truth, names, labels.tolist())


def _clearest_z_label(
    model: WVAE, train: Dataset, label: object, rng: np.random.Generator
) -> Array:
    """Return z_label of the training example that is most surely of a label, (d_label,).

    A mean may be that of another label: between two shapes of the letter g, for example.
    """
    rows = rng.permutation(np.flatnonzero(train.y == label))[:LABEL_ROWS]
    x = train.x[np.sort(rows)]
    column = model.classes_.tolist().index(label)
    clearest = int(model.predict_proba(x)[:, column].argmax())
    return model.encode(x[[clearest]])[0][0]
