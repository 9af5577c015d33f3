"""Fine-tuning: swaps decode better, only the decoder changes, and the result is reproducible."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from wvae.datasets import Dataset
from wvae.estimator import WVAE
from wvae.evaluation.swap import swap, swap_pairs
from wvae.training import finetune
from wvae.training.diagnostics import TrainingError
from wvae.training.examples import Examples
from wvae.training.finetune import SwapSampler, finetune_decoder

# Small models on few epochs; whether the label was learnt is the subject of test_remedies.py.
pytestmark = pytest.mark.filterwarnings(
    "ignore:the label is:wvae.training.diagnostics.TrainingWarning"
)


@pytest.fixture(scope="module")
def base(planted: Dataset, small: dict[str, Any]) -> WVAE:
    """A model whose decoder is not fine-tuned; tests must not change it."""
    changes: dict[str, Any] = {"finetune_epochs": 0, "epochs": 6, "alignment_steps": 10}
    return WVAE(**(small | changes)).fit(planted.x, planted.y)


@pytest.fixture(scope="module")
def data(planted: Dataset) -> Examples:
    return Examples(planted.x, np.unique(planted.y, return_inverse=True)[1])


@pytest.fixture(scope="module")
def finetuned(base: WVAE, data: Examples) -> WVAE:
    return finetuned_copy(base, data)


def finetuned_copy(base: WVAE, data: Examples, epochs: int = 10) -> WVAE:
    model = copy.deepcopy(base)
    model.model_.config = replace(base.config_, finetune_epochs=epochs)
    finetune_decoder(model.model_, data)
    return model


def swap_scores(model: WVAE, data: Dataset) -> tuple[float, float]:
    """Return log p of the swapped label, nats, and the R² of the swapped z_rest."""
    a, b = swap_pairs(data.y, 500, 0)
    images, (z_label, z_rest) = model.swap(data.x[a], data.x[b]), model.encode(data.x)
    z_label_again, z_rest_again = model.encode(images)
    network = model.model_
    with torch.no_grad():
        label = network.predict(torch.from_numpy(z_label[a]))  # which the swap sees
        log_p = network.classify(torch.from_numpy(z_label_again)).log_prob(label).mean()
    scores = swap(data.y[a], data.y[a], z_rest[b], z_rest_again)
    return float(log_p), scores["swap.rest_r2"]


@pytest.mark.parametrize(("name", "score"), [("LABEL_WEIGHT", 0), ("REST_WEIGHT", 1)])
def test_each_term_alone_improves_its_score(
    base: WVAE,
    data: Examples,
    planted_test: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    score: int,
):
    weight = getattr(finetune, name)
    for other in ("STYLE_WEIGHT", "LABEL_WEIGHT", "REST_WEIGHT"):
        monkeypatch.setattr(finetune, other, 0.0)
    without = swap_scores(finetuned_copy(base, data), planted_test)
    monkeypatch.setattr(finetune, name, weight)
    alone = swap_scores(finetuned_copy(base, data), planted_test)
    assert alone[score] > without[score] + 0.05


def style_bias(model: WVAE, data: Dataset) -> float:
    """Return by how many sd of its label a decoded image's style differs from its source's."""
    network = model.model_
    with torch.no_grad():
        labels = torch.from_numpy(np.searchsorted(model.classes_, model.predict(data.x)))
        source, decoded = (
            network.style.standardise(network.style_features(torch.from_numpy(x).float()), labels)
            for x in (data.x / 255, model.reconstruct(data.x))
        )
        return float(((decoded - source).abs() @ network.style.weight).mean())


def test_decoded_images_get_the_style_of_their_sources(
    base: WVAE,
    finetuned: WVAE,
    data: Examples,
    planted_test: Dataset,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(finetune, "STYLE_WEIGHT", 0.0)
    without = style_bias(finetuned_copy(base, data), planted_test)
    assert style_bias(finetuned, planted_test) < 0.9 * without


def test_the_style_error_is_a_weighted_mean_of_huber_losses(base: WVAE, planted: Dataset):
    network = base.model_
    x = torch.from_numpy(planted.x[:6] / 255).float()
    features, z_label = network.style_features(x), torch.from_numpy(base.encode(planted.x[:6])[0])
    labels = network.predict(z_label)
    error = finetune._style_error(network, 0.8 * x, x, z_label)  # pyright: ignore[reportPrivateUsage]
    mean, sd = network.style.mean[labels], network.style.sd[labels]
    target = ((features - mean) / sd).clamp(-3, 3)
    e = ((network.style_features(0.8 * x) - mean) / sd - target).abs()
    huber = torch.where(e < 1, 0.5 * e.square(), e - 0.5)
    expected = ((huber * network.style.weight).sum(1) / network.style.weight.sum()).mean()
    torch.testing.assert_close(error, expected)
    assert finetune._style_error(network, x, x, z_label) < error  # pyright: ignore[reportPrivateUsage]


def test_blank_images_do_not_stop_the_finetuning(base: WVAE, data: Examples, planted_test: Dataset):
    x = data.x.copy()
    x[::7] = 0
    model = finetuned_copy(base, replace(data, x=x), epochs=2)
    assert np.isfinite(model.reconstruct(planted_test.x)).all()


def test_the_loss_is_30_times_cross_entropy_plus_60_times_relative_error(
    base: WVAE, data: Examples
):
    model = copy.deepcopy(base.model_)
    sampler = SwapSampler(model, data, torch.Generator().manual_seed(0))
    n = len(data.x)
    assert sampler.z_label.shape == (n, 3)
    model.loss_scale = 2.0
    loss = sampler.loss(50, torch.Generator().manual_seed(7))
    rows = torch.randint(n, (50,), generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        images = model.decode(sampler.z_label[rows], sampler.z_rest[rows]).mean
        q_label, q_rest = model.encode(images)
        log_probabilities = model.classify(q_label.mean).logits
        cross_entropy = -log_probabilities[torch.arange(50), sampler.y[rows]].mean()
        every = model.encode(data.batch(slice(None), torch.device("cpu"))[0])[1].mean
    metric = model.alignment.metric.float()
    errors = ((q_rest.mean - sampler.z_rest[rows]) @ metric).square().sum(1)
    centred = (every - every.mean(0)) @ metric
    relative_error = errors.mean() / (centred.square().sum() / (n - 1))
    torch.testing.assert_close(
        loss, 2 * (30 * cross_entropy + 60 * relative_error), rtol=1e-3, atol=1e-4
    )


def test_swapped_codes_have_the_style_of_one_example_and_the_label_of_another(
    base: WVAE, data: Examples
):
    model = base.model_
    sampler = SwapSampler(model, data, torch.Generator().manual_seed(0))
    assert torch.equal(sampler.y, model.predict(sampler.z_label))
    z_rest = model.alignment(sampler.z_rest, sampler.y)  # aligned
    originals = torch.from_numpy(base.encode(data.x)[1])
    distances = torch.cdist(z_rest, originals).min(1).values
    assert (distances < 1e-3).float().mean() == pytest.approx(0.5, abs=0.02)  # half are means


def test_half_as_many_swaps_as_examples_are_decoded_at_every_step(
    base: WVAE, data: Examples, monkeypatch: pytest.MonkeyPatch
):
    sizes: list[int] = []
    loss = SwapSampler.loss

    def recording_loss(self: SwapSampler, n: int, generator: torch.Generator) -> torch.Tensor:
        sizes.append(n)
        return loss(self, n, generator)

    monkeypatch.setattr(SwapSampler, "loss", recording_loss)
    finetuned_copy(base, data, epochs=2)
    assert sizes == [16] * 2 * 13  # 400 examples in batches of 32


def test_at_most_20000_codes_are_swapped(
    base: WVAE, data: Examples, monkeypatch: pytest.MonkeyPatch
):
    assert finetune.MAX_CODES == 20_000
    monkeypatch.setattr(finetune, "MAX_CODES", 100)
    sampler = SwapSampler(base.model_, data, torch.Generator().manual_seed(0))
    assert len(sampler.z_label) == len(sampler.z_rest) == len(sampler.y) == 100


def test_sharper_images_cost_a_quarter_of_the_reconstruction_at_most(
    base: WVAE, finetuned: WVAE, planted_test: Dataset
):
    before, after = (
        model.evaluate(planted_test.x, planted_test.y)["reconstruction"]
        for model in (base, finetuned)
    )
    assert after < 1.25 * before


def test_only_the_decoder_changes(base: WVAE, finetuned: WVAE, planted_test: Dataset):
    for before, after in zip(
        base.encode(planted_test.x), finetuned.encode(planted_test.x), strict=True
    ):
        np.testing.assert_array_equal(before, after)
    old, new = base.model_.state_dict(), finetuned.model_.state_dict()
    changed = [name for name, value in old.items() if not torch.equal(value, new[name])]
    assert changed
    assert all(name.startswith("decoder.") for name in changed)
    assert all(p.requires_grad for p in finetuned.model_.parameters())


def test_it_is_reproducible_and_leaves_the_global_generator_alone(
    base: WVAE, finetuned: WVAE, data: Examples
):
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    again = finetuned_copy(base, data).model_.state_dict()
    assert torch.equal(state, torch.random.get_rng_state())
    for name, value in finetuned.model_.state_dict().items():
        assert torch.equal(again[name], value), name


def test_without_epochs_nothing_changes(base: WVAE, data: Examples):
    after = finetuned_copy(base, data, epochs=0)
    for a, b in zip(base.model_.parameters(), after.model_.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_decoder_that_diverges_is_an_error_and_restored(
    base: WVAE, data: Examples, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(finetune, "LEARNING_RATE_FACTOR", float("inf"))
    model = copy.deepcopy(base.model_)
    model.config = replace(base.config_, finetune_epochs=1)
    with pytest.raises(TrainingError, match="finetune_epochs=0"):
        finetune_decoder(model, data)
    for a, b in zip(base.model_.parameters(), model.parameters(), strict=True):
        assert torch.equal(a, b)
        assert b.requires_grad


@pytest.mark.parametrize(
    "changes",
    [
        {"alignment": "none"},
        {"decoder_label_input": "code"},
        {"separation": "adversary", "separation_weight": 1.0},
    ],
)
def test_every_kind_of_model_can_be_finetuned(
    planted: Dataset, small: dict[str, Any], changes: dict[str, Any]
):
    few: dict[str, Any] = {"epochs": 1, "finetune_epochs": 1, "alignment_steps": 5}
    model = WVAE(**(small | few | changes)).fit(planted.x, planted.y)
    assert np.isfinite(model.reconstruct(planted.x[:9])).all()
