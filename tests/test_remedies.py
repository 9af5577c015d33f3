"""Warnings and their remedies: each fault is planted, and every remedy of its message works."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from conftest import plant
from wvae.config import Config
from wvae.evaluation.accuracy import accuracy, wilson_interval
from wvae.training.diagnostics import TrainingError, diagnose
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.label_check import LabelCheck, check_label, compare
from wvae.training.loop import train
from wvae.training.remedies import (
    for_collapse,
    for_ignored_label,
    for_label,
    for_unread_codes,
    take,
)

Array = np.ndarray
REMEDY = re.compile(r"(\w+)=('?)([\w.+-]+)\2 \(now ")


@pytest.fixture(scope="module")
def config(small: dict[str, Any]) -> Config:
    changes = {"d_label": 10, "learning_rate": 3e-3, "epochs": 14}
    return replace(Config(**small), alignment="none", finetune_epochs=0, **changes)


def examples(n_per_pair: int = 10, seed: int = 0, contrast: float = 1.0) -> Examples:
    """Return the planted data, perhaps with grey values closer to 128."""
    data = plant(n_per_pair, seed)
    x = (128 + contrast * (data.x.astype(float) - 128)).round().astype(np.uint8)
    return Examples(x, np.unique(data.y, return_inverse=True)[1])


def remedies(message: str) -> list[dict[str, Any]]:
    """Return the changes that a message advises; those joined by "and" belong together."""
    advised: list[dict[str, Any]] = []
    for part in message.partition(": take ")[2].split(", or "):
        changes: dict[str, Any] = {}
        for name, _, value in REMEDY.findall(part):
            current = getattr(Config(), name)
            changes[name] = value if isinstance(current, str) else type(current)(float(value))
        if changes:
            advised.append(changes)
    return advised


def trained(config: Config, data: Examples, test: Examples | None = None) -> tuple[Any, list[str]]:
    """Return a trained model and its warnings."""
    model = build_model(config, (8, 8), 4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(model, data, test=test)
    return model.eval(), [str(warning.message) for warning in caught]


# ------------------------------------------------------------------------------- faults of decoders

CODE = {"decoder_label_input": "code", "label_prior": "standard", "d_rest": 16}
FAULTS = {
    "collapsed by its weight": ("collapsed", {"rest_kl_weight": 1000.0, "style_weight": 0.0}, 1.0),
    "collapsed by contrast": ("collapsed", {"style_weight": 0.0}, 1 / 6),
    "ignored": ("ignored", CODE | {"label_kl_weight": 20.0, "rest_kl_weight": 0.0}, 1.0),
    "unread": ("unread", {"style_weight": 0.0, "epochs": 30}, 0.1),
}


@pytest.mark.parametrize("case", FAULTS)
def test_every_remedy_of_a_planted_fault_works(config: Config, case: str):
    fault, changes, contrast = FAULTS[case]
    config = replace(config, learning_rate=1e-2, **changes)
    data = examples(contrast=contrast)
    batch = data.batch(slice(None), torch.device("cpu"))
    message = diagnose(trained(config, data)[0], *batch)[fault]
    advised = remedies(message)
    assert advised, message
    for remedy in advised:
        better = replace(config, **remedy)
        assert better != config, "advises what is so already"
        assert fault not in diagnose(trained(better, data)[0], *batch), remedy


def test_values_that_are_so_already_are_never_advised(config: Config):
    """The default has no fault to blame, and a decoder that gets the class needs no other input."""
    data = examples()
    x, _ = data.batch(slice(None), torch.device("cpu"))
    for changes in ({}, {"label_kl_weight": 100.0}, {"rest_kl_weight": 1000.0}, CODE):
        model = build_model(replace(config, **changes), (8, 8), 4)
        parts = [
            f(model, x) for f in (for_label, for_collapse, for_ignored_label, for_unread_codes)
        ]
        for remedy in remedies(f": {take([advice for part in parts for advice in part])}"):
            for name, value in remedy.items():
                assert getattr(model.config, name) != value
    with_class = build_model(config, (8, 8), 4)
    assert not any("decoder_label_input" in part for part in for_ignored_label(with_class, x))


def test_a_learning_rate_that_diverges_is_lowered(config: Config):
    """A tenth of a rate that diverges trains."""
    data = examples()
    with pytest.raises(TrainingError, match=r"lower learning_rate \(now 1\)"):
        trained(replace(config, learning_rate=1.0), data)
    assert trained(replace(config, learning_rate=0.1), data)[1] == []


# ----------------------------------------------------------------------- a label that is not learnt

NOT_LEARNT = {
    "no weight of the classifier": ({"classifier_weight": 0.1}, 1.0),
    "a weight that merges labels": ({"label_kl_weight": 100.0}, 1.0),
    "too small steps": ({"learning_rate": 1e-5}, 1.0),
    "values that hardly differ": ({}, 0.15),
    "too few epochs": ({"epochs": 5}, 1.0),
    "too few dimensions": ({"d_label": 3, "random_state": 1}, 1.0),
}


@pytest.mark.parametrize("case", NOT_LEARNT)
def test_a_label_that_is_not_learnt_is_warned_of_with_remedies_that_work(config: Config, case: str):
    changes, contrast = NOT_LEARNT[case]
    config, data = replace(config, **changes), examples(contrast=contrast)
    test = examples(n_per_pair=3, seed=1, contrast=contrast)
    model, messages = trained(config, data, test)
    before = check_label(model, data, test)
    assert before is not None
    assert not before.is_learnt
    (message,) = (message for message in messages if message.startswith("the label is "))
    advised = remedies(message)
    assert advised, message
    for remedy in advised:
        better = replace(config, **remedy)
        assert better != config, "advises what is so already"
        after = check_label(trained(better, data)[0], data, test)
        assert after is not None
        assert after.is_learnt, remedy
        assert after.accuracy.value > before.accuracy.value


def test_a_label_that_is_learnt_is_not_warned_of(config: Config):
    data, test = examples(), examples(n_per_pair=3, seed=1)
    model, messages = trained(config, data, test)
    check = check_label(model, data, test)
    assert messages == []
    assert check is not None
    assert (check.accuracy.value, check.is_held_out, check.accuracy.rows) == (1.0, True, 60)


def test_labels_that_do_not_belong_to_the_rows_are_named_as_the_cause(config: Config):
    data, test = examples(), examples(n_per_pair=3, seed=1)
    rng = np.random.default_rng(0)
    wrong = replace(data, y=rng.permutation(data.y))
    _, messages = trained(config, wrong, replace(test, y=rng.permutation(test.y)))
    assert "check that the labels belong to the rows" in messages[-1]
    assert trained(config, data, test)[1] == []  # the remedy


def test_rows_that_are_learnt_by_heart_call_for_more_rows(config: Config):
    """Noise hides the label; two rows of each pair are memorised, forty teach it."""

    def noisy(n_per_pair: int, seed: int) -> Examples:
        data = examples(n_per_pair, seed)
        noise = np.random.default_rng(seed).normal(0, 300, data.x.shape)
        return replace(data, x=(data.x + noise).clip(0, 255).astype(np.uint8))

    config, test = replace(config, learning_rate=1e-2, epochs=60), noisy(10, 1)
    _, messages = trained(config, noisy(2, 0), test)
    assert "give more rows of each label" in messages[-1]
    assert trained(replace(config, epochs=20), noisy(60, 0), test)[1] == []


def test_without_held_out_rows_the_accuracy_is_of_training_rows(config: Config):
    data = examples()
    model, messages = trained(replace(config, classifier_weight=0.1), data)
    check = check_label(model, data, None)
    assert check is not None
    assert (check.is_held_out, check.accuracy.rows) == (False, 200)
    assert check.accuracy == check.train
    assert "200 training rows" in messages[-1]


def test_rows_without_a_label_do_not_count(config: Config):
    data, test = examples(), examples(n_per_pair=3, seed=1)
    half = replace(test, y=np.where(np.arange(60) < 20, test.y, -1))
    model = trained(config, data)[0]
    check = check_label(model, data, half)
    assert check is not None
    assert check.accuracy.rows == 20
    none = check_label(model, data, replace(test, y=np.full(60, -1)))
    assert none is not None
    assert not none.is_held_out


def test_a_model_without_labels_is_not_checked(config: Config):
    plain = replace(
        config, classifier_weight=0.0, style_weight=0.0, label_prior="standard",
        decoder_label_input="code",
    )  # fmt: skip
    model, messages = trained(plain, examples())
    assert check_label(model, examples(), None) is None
    assert messages == []


def test_short_trainings_are_not_judged(config: Config):
    """A few epochs may be a trial; `wvae fit` judges them nevertheless."""
    assert trained(replace(config, epochs=4), examples())[1] == []


# -------------------------------------------------------------------------------------- the rules


def result(right: int, rows: int, n_classes: int = 10, nearest: int = 0) -> LabelCheck:
    """Return the check of balanced classes, of which the nearest mean predicts other rows."""
    y = np.arange(rows) % n_classes
    predicted = np.where(np.arange(rows) < right, y, -1)
    by_means = np.where(np.arange(rows)[::-1] < nearest, y, -1)
    return compare(y, predicted, by_means, accuracy(y, predicted), rows, is_held_out=True)


def test_too_few_held_out_rows_are_not_used(config: Config):
    """Not even perfect predictions of two rows, or of rows of one class, lie above chance."""
    data, test = examples(), examples(n_per_pair=3, seed=1)
    model = trained(config, data)[0]
    for rows in (np.arange(2), np.flatnonzero(test.y == 0)):
        check = check_label(model, data, test.subset(rows))
        assert check is not None
        assert (check.is_held_out, check.n_held_out) == (False, len(rows))


@pytest.mark.parametrize(
    ("check", "learnt"),
    [
        (result(490, 1000), False),  # ten balanced classes: far above chance, and passed in silence
        (result(540, 1000), False),
        (result(560, 1000), True),
        (result(9, 100, 136), False),
        (result(8, 12, 2), False),  # 95 % interval from 0.39
        (result(12, 12, 2), True),
        (result(2, 2, 2), True),  # too few to tell
        (result(50, 50, 1), True),  # of one class
        (result(760, 1000, nearest=1000), False),
        (result(950, 1000, nearest=960), True),  # better by 1 percentage point
        (result(19, 20, nearest=20), True),  # better by one row
    ],
)
def test_a_label_is_learnt_above_chance_halfway_and_as_well_as_by_class_means(
    check: LabelCheck, learnt: bool
):
    assert check.is_learnt == learnt


def test_the_nearest_class_mean_is_scikit_learns():
    from sklearn.neighbors import NearestCentroid

    data, test = examples(), examples(n_per_pair=3, seed=1)
    model = build_model(Config(backbone="mlp", width=8), (8, 8), 4)
    check = check_label(model, data, test)
    assert check is not None
    x, x_test = (part.x.reshape(len(part.x), -1) / 255 for part in (data, test))
    assert check.baseline.value == NearestCentroid().fit(x, data.y).score(x_test, test.y)


@pytest.mark.parametrize(
    ("right", "rows", "low", "high"),
    [(0, 10, 0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1), (490, 1000, 0.4591, 0.521)],
)
def test_wilson_intervals_are_those_of_the_textbook(right: int, rows: int, low: float, high: float):
    np.testing.assert_allclose(wilson_interval(right, rows), (low, high), atol=1e-4)
