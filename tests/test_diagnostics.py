"""Diagnostics: each fault is reported with its remedy, once; a good model has none."""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from wvae.config import Config
from wvae.datasets import Dataset
from wvae.estimator import WVAE
from wvae.model import SplitVAE
from wvae.training import loop
from wvae.training.diagnostics import TrainingWarning, diagnose
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loop import train

# Whether the label was learnt is not the subject here: see test_remedies.py.
pytestmark = pytest.mark.filterwarnings(
    "ignore:the label is:wvae.training.diagnostics.TrainingWarning"
)
Batch = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module")
def data(planted: Dataset) -> Examples:
    return Examples(planted.x, np.unique(planted.y, return_inverse=True)[1])


@pytest.fixture(scope="module")
def batch(data: Examples) -> Batch:
    return data.batch(slice(None), torch.device("cpu"))


@pytest.fixture(scope="module")
def config(small: dict[str, Any]) -> Config:
    return replace(Config(**small), alignment="none", epochs=8)


def trained(config: Config, data: Examples, y: np.ndarray | None = None) -> SplitVAE:
    """Return a model trained without the warnings."""
    model = build_model(config, (8, 8), 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        train(model, Examples(data.x, data.y if y is None else y))
    return model.eval()


# -------------------------------------------------------------------------------- trained models


def test_a_good_model_has_no_fault(fitted: WVAE, batch: Batch):
    assert diagnose(fitted.model_, *batch) == {}


@pytest.mark.parametrize("style_weight", [0.0, 10.0])
def test_a_large_rest_kl_weight_collapses_z_rest(
    config: Config, data: Examples, batch: Batch, style_weight: float
):
    config = replace(config, rest_kl_weight=1000.0, style_weight=style_weight, epochs=12)
    faults = diagnose(trained(config, data), *batch)
    assert set(faults) == {"collapsed"}
    assert "rest_kl_weight=0.5 (now 1000)" in faults["collapsed"]


def test_a_decoder_without_weights_for_z_label_ignores_it(
    config: Config, data: Examples, batch: Batch
):
    model = trained(
        replace(
            config, backbone="article", decoder_label_input="code", label_prior="standard",
            style_weight=0.0, label_kl_weight=1.0, epochs=25,
        ),
        data,
    )  # fmt: skip
    assert "ignored" not in diagnose(model, *batch)
    with torch.no_grad():
        model.decoder.get_parameter("from_label.weight").zero_()
    faults = diagnose(model, *batch)
    assert set(faults) == {"ignored"}
    remedy = "label_prior='class' (now 'standard') and decoder_label_input='class' (now 'code')"
    assert remedy in faults["ignored"]


@pytest.mark.parametrize(("columns", "fault"), [(slice(0, 3), "ignored"), (slice(None), "unread")])
def test_a_joint_decoder_without_weights_for_a_code_ignores_it(
    config: Config, data: Examples, batch: Batch, columns: slice, fault: str
):
    model = trained(config, data)
    assert diagnose(model, *batch) == {}
    with torch.no_grad():
        model.decoder.get_parameter("body.0.weight")[:, columns] = 0
    assert set(diagnose(model, *batch)) == {fault}


def test_the_decoder_is_not_judged_by_a_z_label_without_the_label(
    config: Config, data: Examples, batch: Batch
):
    """Another example's z_label is no worse then."""
    shuffled = np.random.default_rng(0).permutation(data.y)
    assert diagnose(trained(replace(config, width=8), data, shuffled), *batch) == {}
    config = replace(config, classifier_weight=1e-6, label_kl_weight=1e4)
    assert diagnose(trained(config, data), *batch) == {}


def test_a_model_without_labels_only_collapses(config: Config, data: Examples, batch: Batch):
    plain = replace(
        config, classifier_weight=0.0, style_weight=0.0, decoder_label_input="code",
        label_prior="standard", finetune_epochs=0,
    )  # fmt: skip
    assert diagnose(trained(plain, data), *batch) == {}
    collapsed = trained(replace(plain, rest_kl_weight=1000.0), data)
    assert set(diagnose(collapsed, *batch)) == {"collapsed"}


# ------------------------------------------------------------------------------------ thresholds


def stub(
    *,
    kl_rest: float = 1.0,
    accuracy: float = 0.9,
    label_cost: float = 9.0,
    rest_cost: float = 9.0,
    likelihood: str = "bernoulli",
) -> Any:
    """Return a model of 100 examples and two classes of equal size with these figures.

    A reconstruction costs 100 nats, plus `label_cost` or `rest_cost` nats with another example's
    code. The first example has a z_label and a z_rest of its own, so a permutation shows.
    """
    is_first = (torch.arange(100) == 0).float().unsqueeze(1)
    label_mean, rest_mean = is_first, (2 * is_first - 1) * (2 * kl_rest) ** 0.5
    y = torch.arange(100) % 2

    def decode(z_label: torch.Tensor, z_rest: torch.Tensor) -> Any:
        cost = 100.0
        cost += 0 if torch.equal(z_label, label_mean) else label_cost
        cost += 0 if torch.equal(z_rest, rest_mean) else rest_cost
        return SimpleNamespace(log_prob=lambda x: torch.full((100,), -cost))

    return SimpleNamespace(
        config=Config(),
        encode=lambda x: (Normal(label_mean, 1.0), Normal(rest_mean, 1.0)),
        decode=decode,
        predict=lambda z_label: torch.where(torch.arange(100) < round(100 * accuracy), y, 1 - y),
        shape=(10, 10),
        observation=SimpleNamespace(likelihood=likelihood),
    )


@pytest.mark.parametrize(
    ("figures", "faults"),
    [
        ({}, set()),
        ({"kl_rest": 0.06}, set()),
        ({"kl_rest": 0.04}, {"collapsed"}),
        ({"accuracy": 0.75, "label_cost": 0.0}, {"ignored"}),
        ({"accuracy": 0.74, "label_cost": 0.0}, set()),  # not halfway from 0.5 to 1
        # Bernoulli: 0.2 % of 100 nats.
        ({"label_cost": 0.21}, set()),
        ({"label_cost": 0.19}, {"ignored"}),
        ({"label_cost": 0.19, "rest_cost": 0.21}, {"ignored"}),
        ({"label_cost": 0.19, "rest_cost": 0.19}, {"unread"}),
        # Gaussian: 0.2 % of half a nat for each of 100 values.
        ({"label_cost": 0.11, "likelihood": "gaussian"}, set()),
        ({"label_cost": 0.09, "likelihood": "gaussian"}, {"ignored"}),
        ({"kl_rest": 0.04, "label_cost": 0.0, "rest_cost": 0.0}, {"collapsed", "unread"}),
    ],
)
def test_thresholds(figures: dict[str, Any], faults: set[str]):
    assert set(diagnose(stub(**figures), torch.zeros(100), torch.arange(100) % 2)) == faults


# -------------------------------------------------------------------------------------- warnings


@pytest.mark.parametrize(("epochs", "first"), [(4, None), (6, 5), (12, 6)])
def test_faults_are_looked_for_from_the_fifth_epoch_and_the_middle_on(
    config: Config, data: Examples, monkeypatch: pytest.MonkeyPatch, epochs: int, first: int | None
):
    history: list[float] = []
    diagnosed: list[int] = []
    y = np.where(np.arange(len(data.y)) % 2, data.y, -1)

    def recording_diagnose(model: SplitVAE, x: torch.Tensor, y: torch.Tensor) -> dict[str, str]:
        diagnosed.append(len(history) + 1)
        assert not model.training
        assert len(y) == 200  # the labelled half
        assert (y >= 0).all()
        return {}

    monkeypatch.setattr(loop, "diagnose", recording_diagnose)
    model = build_model(replace(config, epochs=epochs, width=8), (8, 8), 4)
    train(model, Examples(data.x, y), on_epoch=lambda row: history.append(row["epoch"]))
    assert diagnosed == ([] if first is None else list(range(first, epochs + 1)))


def test_at_most_512_examples_are_diagnosed(
    config: Config, data: Examples, monkeypatch: pytest.MonkeyPatch
):
    sizes: list[int] = []
    monkeypatch.setattr(loop, "diagnose", lambda model, x, y: sizes.append(len(x)) or {})
    many = Examples(np.tile(data.x, (2, 1, 1)), np.tile(data.y, 2))
    train(build_model(replace(config, epochs=5, width=8), (8, 8), 4), many)
    assert sizes == [512]


def test_each_fault_is_warned_of_once(
    config: Config, data: Examples, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop, "diagnose", lambda *_: {"a": "first fault", "b": "second fault"})
    model = build_model(replace(config, width=8), (8, 8), 4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(model, data)
    messages = [str(warning.message) for warning in caught]
    assert [text for text in messages if "the label is" not in text] == [
        "first fault",
        "second fault",
    ]
    assert all(warning.category is TrainingWarning for warning in caught)


def test_the_warning_points_to_the_caller_of_fit(planted: Dataset, config: Config):
    parameters: dict[str, Any] = {
        f: getattr(config, f) for f in ("d_label", "d_rest", "backbone", "width", "depth", "device")
    }
    parameters |= {"rest_kl_weight": 1000.0, "epochs": 6, "alignment": "none", "finetune_epochs": 0}
    model = WVAE(**parameters, learning_rate=0.01)
    with pytest.warns(TrainingWarning, match="rest_kl_weight") as caught:
        model.fit(planted.x, planted.y)
    assert caught[0].filename == __file__


def test_diagnosis_does_not_change_the_training(
    config: Config, data: Examples, monkeypatch: pytest.MonkeyPatch
):
    config = replace(config, epochs=6, width=8)
    models = [build_model(config, (8, 8), 4) for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        train(models[0], data)
    monkeypatch.setattr(loop, "_warn_of_faults", lambda *_: None)
    train(models[1], data)
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, other)
