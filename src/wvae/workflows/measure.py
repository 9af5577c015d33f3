"""Everything that is measured on one model: how clean the split is, and what each code is good for.

This file holds the protocol only: which rows, which probes, which judge classifiers. The metrics
are in `wvae.evaluation`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from ..datasets import Dataset
from ..datasets.dataset import Array
from ..estimator import WVAE
from ..evaluation import images, leakage, style, sufficiency, swap
from ..evaluation.new_categories import identify, new_factor_accuracy, retrieve_new
from ..evaluation.probes import Kind
from ..evaluation.supervised import ImageClassifier, train_cnn
from ..nn.torch_state import default_torch_state
from .baselines import cluster_scores
from .encoded_split import EncodedSplit, Pair, encode_split, is_learnable
from .inputs import is_categorical
from .progress import Progress, Silent

Metrics = dict[str, float]
TRAIN_ROWS, QUICK_TRAIN_ROWS, TEST_ROWS = 60_000, 20_000, 10_000  # of the probes, at most
MIN_FRECHET, MAX_FRECHET = 100, 10_000  # images whose distance is measured
JUDGE_ROWS, QUICK_JUDGE_ROWS = 20_000, 8_000  # training rows of a judge classifier, at most
QUICK_JUDGE_EPOCHS = 3
MIN_JUDGE_EXAMPLES = 24_000  # with few rows there are more epochs, to pass over so many examples
PAIRS, QUICK_PAIRS = 10_000, 2_000  # swapped pairs, at most
KINDS: tuple[Kind, ...] = ("logistic", "mlp", "knn", "boosting")
QUICK_KINDS: tuple[Kind, ...] = ("logistic", "mlp", "knn")
PEOPLE_NAMES = ("writer", "speaker")
# Of the code that leaks more, the mean or a sample.
LEAKAGE_KEYS = ("max", "low", "high", "rows", "majority", "null")
LEAKAGE_KEYS += ("information.lower", "information.upper")
CLEAN: dict[leakage.Verdict, float] = {"clean": 1.0, "undecided": 0.5, "not clean": 0.0}


@default_torch_state()
def measure(
    model: WVAE,
    data: Dataset,
    *,
    factors: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    judge_epochs: int = 12,
    quick: bool = False,
) -> Metrics:
    """Return how clean a model's split is, what each code holds, and how well its uses work.

    Fresh probes and judge classifiers are trained on the training rows and scored on the test
    rows: the data's split, else a random tenth of every class. **The model must not have been
    trained on the test rows.** Without a split, pass the seed that chose them (``random_state`` of
    `wvae fit`).

    If there are more rows, a random 60,000 are used to train probes, 20,000 to train a judge
    classifier and 10,000 to test (quick: 20,000, 8,000 and 10,000).

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data, with labels that it was trained on.
    factors
        Hidden factors to look for; None is all. Floating-point ones are continuous, all others
        categorical. Constants and ids, which have as many categories as rows, are left out.
    seed
        Seed of the test rows, the probes and the judge classifiers.
    progress
        Shows the progress.
    judge_epochs
        Epochs of the judge classifiers (quick: at most 3); more if they would pass over fewer than
        24,000 examples.
    quick
        Only the leakage of the mean (logistic, mlp, knn), and the swap without factors.

    Returns
    -------
    dict
        ``leakage.mean.…``
            The label predicted from means of z_rest by fresh probes: see `leakage.leakage`.
        ``leakage.sample.…``
            The same, from one sample of each.
        ``leakage.max``, …
            Of the larger of the two: ``max``, ``low``, ``high``, ``rows``, ``majority``, ``null``,
            ``information.lower`` and ``information.upper``.
        ``leakage.linear``
            The larger accuracy of the logistic probe.
        ``leakage.positive_control``
            The positive control: the logistic probe on z_label, which must be high.
        ``leakage.clean``
            `leakage.verdict`: 1 is clean, 0 is not clean, 0.5 is undecided.
        ``sufficiency.…``
            The label predicted from z_label: see `sufficiency.sufficiency`. ``.predict`` is the
            accuracy of the model's classifier; ``.leak.…`` is what z_label holds of each factor
            beyond the label, see `sufficiency.factors_in_label`.
        ``rest.reconstruction…``
            Loss of the test rows: see `images.reconstruction_loss`.
        ``rest.r2.…``
            Continuous factors predicted from z_rest: see `style.factor_r2`. Grey images without
            such factors have ``measured.slant``, ``.width`` and ``.thickness``.
        ``rest.factor.{f}.…``
            Categorical factors predicted from z_rest, where test rows have categories of the
            training rows: see `style.factor_accuracy`. If all their categories are new to
            training, ``rest.factor.{f}.new.…`` is of probes that are fitted to test rows with half
            of the labels and predict the categories of the others: see
            `new_categories.new_factor_accuracy`.
        ``clusters.{f}.…``
            AMI of a categorical factor and K-Means clusters of test rows (5,000 at most), as many
            as the factor has categories there: of ``z_rest``, and without a network of the
            ``relative`` data and of the style ``features``, see `wvae.workflows.baselines`.
        ``swap.…``
            z_label of one test example with z_rest of another: see `swap.swap`. ``swap.label`` and
            the next two need images or spectrograms.
        ``swap.judge``
            Accuracy of the judge classifier, trained on the training rows, on real test examples.
        ``swap.control.label``
            The judge's accuracy on plain reconstructions. A decoder that ignores z_label has a low
            swap.label and a high control.
        ``swap.frechet``, ``.reconstruction``, ``.real``
            Fréchet distance of swapped, of reconstructed and of real test examples to training
            examples, in the features of the judge: see `images.frechet_distance`.
        ``swap.factor…``
            Categorical factors such as the writer, predicted by a second judge before and after.
        ``retrieval.…``
            People in both parts, enrolled with training rows: see `retrieval.identification`. If
            people of the test rows are new to training, ``retrieval.verification.…`` covers those
            with two test rows (500 at most), and the identification those with 20 test rows or
            more (100 at most), half of them enrolled; ``retrieval.pairs.…`` asks of two rows with
            different labels whether their category is the same. See
            `new_categories.retrieve_new`. The factor is the writer or speaker, else,
            or if named in `factors`, every categorical factor; if there are several, the name of
            each follows ``retrieval`` and ``swap``.

    Raises
    ------
    ValueError
        If shapes or labels are not the model's, there are no test rows, or a named factor does not
        exist, has missing values or is constant or an id.

    Examples
    --------
    >>> from wvae.datasets import load
    >>> from wvae.datasets.holdout import holdout_mask
    >>> data = load("digits8x8")
    >>> train = data.subset(~holdout_mask(data, seed=0))
    >>> model = WVAE(epochs=1, width=16, backbone="mlp").fit(train.x, train.y)
    >>> metrics = measure(model, data, seed=0, quick=True)
    >>> 0 <= metrics["leakage.mean.mlp"] <= metrics["leakage.max"] <= 1
    True
    """
    progress = progress or Silent()
    max_rows = (QUICK_TRAIN_ROWS if quick else TRAIN_ROWS, TEST_ROWS)
    with progress.task(f"encoding {data.name}", 1) as advance:
        split = encode_split(model, data, factors, max_rows, seed, samples=not quick)
        advance(1)
    people = [name for name, pair in split.factors.items() if is_categorical(pair.train)]
    if factors is None:
        people = [name for name in people if name in PEOPLE_NAMES] or people
    judges = _Judges(
        split,
        epochs=min(judge_epochs, QUICK_JUDGE_EPOCHS) if quick else judge_epochs,
        max_rows=QUICK_JUDGE_ROWS if quick else JUDGE_ROWS,
        seed=seed,
        progress=progress,
    )
    # The probes multiply small matrices. More threads gain nothing, and if another program needs a
    # core they wait for each other, which was twenty times slower.
    with threadpool_limits(1, user_api="blas"):
        metrics = _leakage(split, QUICK_KINDS if quick else KINDS, seed, progress)
        if quick:
            metrics |= _swap(model, split, judges, [], QUICK_PAIRS, seed, progress)
        else:
            metrics |= _sufficiency(model, split, seed, progress)
            metrics |= _rest(model, split, seed, progress)
            metrics |= cluster_scores(model, split, seed, progress)
            metrics |= _swap(model, split, judges, people, PAIRS, seed, progress)
            metrics |= _retrieval(split, people, seed, progress)
    return {name: float(value) for name, value in metrics.items()}


def _leakage(split: EncodedSplit, kinds: Sequence[Kind], seed: int, progress: Progress) -> Metrics:
    """Return the accuracy of probes on z_rest, and of the positive control on z_label."""
    codes = {"mean": split.z_rest}
    if split.z_rest_sample is not None:
        codes["sample"] = split.z_rest_sample
    y, y_test = split.y
    metrics: Metrics = {}
    with progress.task("measuring leakage", len(codes) + 1) as advance:
        for done, (part, z) in enumerate(codes.items(), 1):
            name = f"leakage.{part}"
            metrics |= leakage.leakage(
                z.train,
                y,
                z.test,
                y_test,
                kinds=kinds,
                name=name,
                seed=seed,
                n_compared=len(kinds) * len(codes),
            )
            advance(done)
        z = split.z_label
        control = leakage.leakage(
            z.train, y, z.test, y_test, kinds=["logistic"], null=False, seed=seed
        )
        advance(len(codes) + 1)
    worse = max(codes, key=lambda part: metrics[f"leakage.{part}.max"])
    for key in LEAKAGE_KEYS:
        metrics[f"leakage.{key}"] = metrics[f"leakage.{worse}.{key}"]
    metrics["leakage.linear"] = max(metrics[f"leakage.{part}.logistic"] for part in codes)
    metrics["leakage.positive_control"] = control["leakage.logistic"]
    metrics["leakage.clean"] = CLEAN[leakage.verdict(metrics)]
    return metrics


def _sufficiency(model: WVAE, split: EncodedSplit, seed: int, progress: Progress) -> Metrics:
    """Return what z_label holds of the label, and of factors beyond the label."""
    (train, test), (y, y_test) = split.z_label, split.y
    with progress.task("measuring sufficiency", 2) as advance:
        metrics = sufficiency.sufficiency(train, y, test, y_test, seed=seed)
        if model.config_.classifier_weight:  # otherwise there is no classifier
            with warnings.catch_warnings():  # of x in [0, 1] it is clear that 1 is white
                warnings.filterwarnings("ignore", "X holds only 0 and 1")
                accuracy = (model.predict(split.x.test) == y_test).mean()
            metrics["sufficiency.predict"] = float(accuracy)
        advance(1)
        factors = split.continuous_factors() | split.categorical_factors()
        if factors:
            f_train, f_test = _parts(factors)
            metrics |= sufficiency.factors_in_label(
                train, y, f_train, test, y_test, f_test, seed=seed
            )
        advance(2)
    return metrics


def _rest(model: WVAE, split: EncodedSplit, seed: int, progress: Progress) -> Metrics:
    """Return the reconstruction loss, and what z_rest holds of the factors."""
    (train, test), (y, y_test), x = split.z_rest, split.y, split.x.test
    categorical = split.categorical_factors()
    new = split.new_factors()
    with progress.task("measuring rest", 2 + len(categorical) + len(new)) as advance:
        decoded = model.decode(split.z_label.test, test)
        if model.scale_.unit_range:
            metrics = images.reconstruction_loss(x, decoded, y_test)
        else:  # in units of the data, a loss in nats could not be compared with others
            error = decoded - np.asarray(x, np.float64)
            metrics = {"rest.reconstruction.mse": float(np.square(error).mean())}
        advance(1)
        continuous = split.continuous_factors()
        if continuous:
            f_train, f_test = _parts(continuous)
            metrics |= style.factor_r2(
                train, f_train, test, f_test, y_train=y, y_test=y_test, seed=seed
            )
        advance(2)
        for done, (name, factor) in enumerate(categorical.items(), 3):
            if _varies_within_label(factor, split.y):
                key = f"rest.factor.{name}"
                metrics |= style.factor_accuracy(
                    train, factor.train, y, test, factor.test, y_test, name=key, seed=seed
                )
            advance(done)
        for done, (name, factor) in enumerate(new.items(), 3 + len(categorical)):
            key = f"rest.factor.{name}.new"
            metrics |= new_factor_accuracy(test, factor.test, y_test, name=key, seed=seed)
            advance(done)
    return metrics


def _parts(factors: dict[str, Pair]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return factors of training rows and factors of test rows, by name."""
    train = {name: pair.train for name, pair in factors.items()}
    test = {name: pair.test for name, pair in factors.items()}
    return train, test


def _varies_within_label(factor: Pair, y: Pair) -> bool:
    """Return whether a label has several categories of a factor, of which test rows have some."""
    for label in np.unique(y.test):
        train = factor.train[y.train == label]
        if len(np.unique(train)) > 1 and np.isin(factor.test[y.test == label], train).any():
            return True
    return False


@dataclass(frozen=True)
class _Judges:
    """Trains judge classifiers, which took no part in the model's training."""

    split: EncodedSplit
    epochs: int
    max_rows: int
    seed: int
    progress: Progress

    def rows(self) -> Array:
        """Return which training rows the judges see."""
        n = len(self.split.y.train)
        return np.random.default_rng(self.seed).permutation(n)[: self.max_rows]

    def images(self) -> Array:
        """Return these rows' images, at most `MAX_FRECHET`."""
        return self.split.x.train[self.rows()[:MAX_FRECHET]]

    def train(self, target: Array, title: str) -> ImageClassifier:
        """Return a classifier of a column of the training rows, (n,)."""
        rows = self.rows()
        epochs = max(self.epochs, -(-MIN_JUDGE_EXAMPLES // len(rows)))
        x = self.split.x.train[rows]
        with self.progress.task(f"training a judge of the {title}", epochs) as advance:
            return train_cnn(x, target[rows], epochs=epochs, seed=self.seed, on_epoch=advance)


def _swap(
    model: WVAE,
    split: EncodedSplit,
    judges: _Judges,
    people: list[str],
    n_pairs: int,
    seed: int,
    progress: Progress,
) -> Metrics:
    """Return how judges see swapped test examples, and how much of z_rest these give back."""
    x, y = split.x.test, split.y.test
    a, b = swap.swap_pairs(y, min(n_pairs, 2 * len(y)), seed)
    with progress.task("decoding swaps", 1) as advance:
        rest = split.z_rest.test[b]
        swapped = model.decode(split.z_label.test[a], rest)
        rest_again = model.encode(swapped)[1]
        advance(1)
    if not split.is_viewable:  # no judge classifier, so only what remains of z_rest
        return {"swap.rest_r2": swap.swap(y[a], y[a], rest, rest_again)["swap.rest_r2"]}
    judge = judges.train(split.y.train, "label")
    predicted = judge.predict(swapped)
    reconstructed = model.decode(split.z_label.test, split.z_rest.test)
    metrics = swap.swap(y[a], predicted, rest, rest_again)
    metrics["swap.control.label"] = float((judge.predict(reconstructed) == y)[b].mean())
    metrics["swap.judge"] = float((judge.predict(x) == y).mean())
    metrics |= _distances_to_real(judge, swapped, reconstructed, x, judges.images())
    for factor in people:
        pair = split.factors[factor]
        rows = np.isin(pair.test[b], pair.train)  # people whom the judge was trained on
        who = pair.test[b][rows]
        if not is_learnable(pair) or len(np.unique(who)) < 2:
            continue
        judge = judges.train(pair.train, factor)
        after, before = judge.predict(swapped[rows]), judge.predict(x)[b][rows]
        name = "swap" if len(people) == 1 else f"swap.{factor}"
        scores = swap.swap(
            y[a][rows], predicted[rows], rest[rows], rest_again[rows], who, after, before, name=name
        )
        for key, value in scores.items():
            if key.startswith(f"{name}.factor"):
                metrics[key] = value
    return metrics


def _distances_to_real(
    judge: ImageClassifier, swapped: Array, reconstructed: Array, x: Array, real: Array
) -> Metrics:
    """Return how far swaps, reconstructions and test examples are from real training examples."""
    n = min(len(swapped), len(x))
    if n < MIN_FRECHET or len(real) < MIN_FRECHET:
        return {}
    reference = judge.features(real)
    sets = {"": swapped, ".reconstruction": reconstructed, ".real": x}
    return {
        f"swap.frechet{name}": images.frechet_distance(judge.features(z[:n]), reference)
        for name, z in sets.items()
    }


def _retrieval(split: EncodedSplit, people: list[str], seed: int, progress: Progress) -> Metrics:
    """Return how well people are identified by z_rest."""
    metrics: Metrics = {}
    train, test = split.z_rest
    with progress.task("measuring retrieval", max(1, len(people))) as advance:
        for done, factor in enumerate(people, 1):
            name = "retrieval" if len(people) == 1 else f"retrieval.{factor}"
            who_train, who = split.factors[factor]
            rows = np.isin(who, who_train)
            if len(np.unique(who[rows])) > 1:
                metrics |= identify(train, who_train, test[rows], who[rows], name, seed)
            else:
                y, y_test = split.y
                metrics |= retrieve_new(
                    train, who_train, y, test, who, y_test, name=name, seed=seed
                )
            advance(done)
    return metrics
