"""Diagnosis: planted faults are named with their remedy, once, and a good model is left in peace."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from wvae.config import Config
from wvae.datasets import Dataset
from wvae.estimator import WVAE
from wvae.model import SplitVAE
from wvae.training.diagnostics import TrainingWarning, diagnose
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loop import train

Trained = Callable[..., SplitVAE]


def with_changes(small: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return small | changes


@pytest.fixture(scope="module")
def data(planted: Dataset) -> Examples:
    return Examples(planted.x, np.unique(planted.y, return_inverse=True)[1])


@pytest.fixture(scope="module")
def batch(data: Examples) -> tuple[torch.Tensor, torch.Tensor]:
    return data.batch(slice(None), torch.device("cpu"))


@pytest.fixture
def trained(data: Examples, small: dict[str, Any]) -> Trained:
    """Train on the planted data, other labels if told, with the warnings muted."""

    def train_with(y: np.ndarray | None = None, **changes: Any) -> SplitVAE:
        model = build_model(
            replace(Config(**with_changes(small, {"alignment": "none"})), **changes), (8, 8), 4
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)
            train(model, Examples(data.x, data.y if y is None else y))
        return model.eval()

    return train_with


def test_a_good_model_has_no_fault(fitted: WVAE, batch: tuple[torch.Tensor, torch.Tensor]):
    assert diagnose(fitted.model_, *batch) == {}


@pytest.mark.parametrize("style_weight", [0.0, 10.0])
def test_too_dear_a_rest_collapses(trained: Trained, batch: Any, style_weight: float):
    found = diagnose(trained(rest_kl_weight=1000.0, style_weight=style_weight, epochs=12), *batch)
    assert set(found) == {"collapsed"}
    assert "carries 0.0" in found["collapsed"]
    assert "Lower rest_kl_weight (now 1000)" in found["collapsed"]


def test_a_decoder_that_does_not_read_the_label_is_told(trained: Trained, batch: Any):
    article: dict[str, Any] = {
        "backbone": "article",
        "decoder_label_input": "code",
        "label_prior": "standard",
        "style_weight": 0.0,
    }
    model = trained(**article, label_kl_weight=1.0)
    assert "ignored" not in diagnose(model, *batch)
    with torch.no_grad():
        model.decoder.get_parameter("from_label.weight").zero_()
    found = diagnose(model, *batch)
    assert set(found) == {"ignored"}
    assert (
        "Raise rest_kl_weight (now 1), lower d_rest, or take decoder_label_input='class'"
        in found["ignored"]
    )


def test_the_same_for_a_joint_decoder(fitted: WVAE, trained: Trained, batch: Any):
    model = trained(epochs=8)
    assert diagnose(model, *batch) == {}
    with torch.no_grad():
        model.decoder.get_parameter("body.0.weight")[:, :3] = 0  # the columns of z_label
    assert set(diagnose(model, *batch)) == {"ignored"}


def test_a_decoder_that_reads_nothing_is_told_otherwise(trained: Trained, batch: Any):
    """No word about a label in z_rest, and no advice to raise its price."""
    model = trained(epochs=8)
    with torch.no_grad():
        model.decoder.get_parameter("body.0.weight").zero_()
    found = diagnose(model, *batch)
    assert set(found) == {"unread"}
    assert "Train longer" in found["unread"]
    assert "lower rest_kl_weight (now 1)" in found["unread"]


def test_shuffled_labels_are_not_read(trained: Trained, batch: Any, data: Examples):
    wrong = np.random.default_rng(0).permutation(data.y)
    found = diagnose(trained(wrong, epochs=8, width=8), *batch)  # asked about the true labels
    assert "label-blind" in found
    assert "ignored" not in found
    assert "look at the labels" in found["label-blind"]


def test_a_label_that_costs_nothing_is_not_read(trained: Trained, batch: Any):
    found = diagnose(trained(classifier_weight=1e-6, label_kl_weight=1e4, epochs=8), *batch)
    assert set(found) == {"label-blind"}
    assert (
        "Raise classifier_weight (now 1e-06), lower label_kl_weight (now 10000)"
        in found["label-blind"]
    )


def test_a_constant_guess_is_no_reading(batch: Any, fitted: WVAE):
    """Nine tenths right is nothing where nine tenths are of one label."""
    x, y = batch
    rows = torch.cat([torch.where(y == 0)[0][:90], torch.where(y == 1)[0][:10]])
    model = deepcopy(fitted.model_)
    with torch.no_grad():
        model.classifier.bias[0] = 1e6
    assert "label-blind" in diagnose(model, x[rows], y[rows])


def test_without_labels_none_is_missed(trained: Trained, batch: Any):
    plain: dict[str, Any] = {
        "classifier_weight": 0.0,
        "style_weight": 0.0,
        "decoder_label_input": "code",
        "label_prior": "standard",
        "finetune_epochs": 0,
    }
    assert diagnose(trained(**plain, epochs=8), *batch) == {}
    assert set(diagnose(trained(**plain, rest_kl_weight=1000.0, epochs=8), *batch)) == {"collapsed"}


def test_it_is_said_once_for_each_fault(data: Examples, small: dict[str, Any]):
    model = build_model(
        Config(**with_changes(small, {"rest_kl_weight": 1000.0, "epochs": 14})), (8, 8), 4
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(model, data)
    told = [str(w.message) for w in caught]
    assert len([line for line in told if line.startswith("z_rest has collapsed")]) == 1
    assert all(w.category is TrainingWarning for w in caught)


def test_nothing_is_said_in_the_first_epochs(data: Examples, small: dict[str, Any]):
    model = build_model(
        Config(**with_changes(small, {"rest_kl_weight": 1000.0, "epochs": 4})), (8, 8), 4
    )
    train(model, data)  # a warning would be an error here


def test_the_warning_points_to_who_called_fit(planted: Dataset, small: dict[str, Any]):
    with pytest.warns(TrainingWarning, match="collapsed") as caught:
        WVAE(
            **with_changes(small, {"rest_kl_weight": 1000.0, "epochs": 12, "alignment": "none"})
        ).fit(planted.x, planted.y)
    assert caught[0].filename == __file__


def test_looking_changes_nothing(
    data: Examples, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    models = [
        build_model(Config(**with_changes(small, {"epochs": 8})), (8, 8), 4) for _ in range(2)
    ]
    train(models[0], data)
    monkeypatch.setattr("wvae.training.loop._warn", lambda *anything: None)
    train(models[1], data)
    for one, two in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, two)
