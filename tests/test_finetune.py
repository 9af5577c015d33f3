"""Practice: swapped codes are drawn better afterwards, nothing but the decoder changes, and it repeats itself."""

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
from wvae.training import finetune as practice
from wvae.training.examples import Examples
from wvae.training.finetune import finetune_decoder
from wvae.training.loop import TrainingError


@pytest.fixture(scope="module")
def unpractised(planted: Dataset, small: dict[str, Any]) -> WVAE:
    parameters: dict[str, Any] = small | {"finetune_epochs": 0, "epochs": 6}
    return WVAE(**parameters).fit(planted.x, planted.y)


def practised(model: WVAE, data: Dataset, epochs: int = 5) -> WVAE:
    twin = copy.deepcopy(model)
    twin.model_.config = replace(twin.config_, finetune_epochs=epochs)
    finetune_decoder(twin.model_, Examples(data.x, np.unique(data.y, return_inverse=True)[1]))
    return twin


def swapped(model: WVAE, data: Dataset) -> tuple[float, float]:
    """Return how often swapped images are read as the label they should show, and how much of the rest comes back."""
    a, b = swap_pairs(data.y, 500, 0)
    images, rest = model.swap(data.x[a], data.x[b]), model.encode(data.x)[1]
    scores = swap(data.y[a], model.predict(images), rest[b], model.encode(images)[1])
    return scores["swap.label"], scores["swap.rest_r2"]


def test_swapped_images_show_label_and_rest_better_than_after_more_training(
    unpractised: WVAE, planted: Dataset, planted_test: Dataset, monkeypatch: pytest.MonkeyPatch
):
    label, rest = swapped(practised(unpractised, planted, 10), planted_test)
    monkeypatch.setattr(practice, "LABEL", 0.0)
    monkeypatch.setattr(practice, "REST", 0.0)
    label_without, rest_without = swapped(practised(unpractised, planted, 10), planted_test)
    assert label > label_without + 0.05
    assert rest > rest_without


def test_it_costs_no_reconstruction(unpractised: WVAE, planted: Dataset, planted_test: Dataset):
    models = unpractised, practised(unpractised, planted)
    before, after = (m.evaluate(planted_test.x, planted_test.y)["reconstruction"] for m in models)
    assert after < 1.01 * before


def test_the_codes_stay_as_they_are(unpractised: WVAE, planted: Dataset, planted_test: Dataset):
    after = practised(unpractised, planted)
    for before, now in zip(
        unpractised.encode(planted_test.x), after.encode(planted_test.x), strict=True
    ):
        np.testing.assert_array_equal(before, now)
    was, is_now = (model.model_.state_dict() for model in (unpractised, after))
    changed = [name for name, value in was.items() if not torch.equal(value, is_now[name])]
    assert changed
    assert all(name.startswith("decoder.") for name in changed)
    assert all(p.requires_grad for p in after.model_.parameters())


def test_it_repeats_itself_and_leaves_the_global_generator_alone(
    unpractised: WVAE, planted: Dataset
):
    state = torch.random.get_rng_state()
    first, second = (practised(unpractised, planted).model_.decoder.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(state, torch.random.get_rng_state())


def test_without_epochs_nothing_happens(unpractised: WVAE, planted: Dataset):
    after = practised(unpractised, planted, epochs=0)
    for a, b in zip(unpractised.model_.parameters(), after.model_.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_decoder_that_diverges_is_told_and_undone(
    unpractised: WVAE, planted: Dataset, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(practice, "RATE", float("inf"))
    twin = copy.deepcopy(unpractised)
    twin.model_.config = replace(twin.config_, finetune_epochs=1)
    with pytest.raises(TrainingError, match="finetune_epochs=0"):
        finetune_decoder(
            twin.model_, Examples(planted.x, np.unique(planted.y, return_inverse=True)[1])
        )
    for a, b in zip(unpractised.model_.parameters(), twin.model_.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    "changes",
    [
        {"alignment": "none"},
        {"decoder_label_input": "code"},
        {"separation": "adversary", "separation_weight": 1.0},
    ],
)
def test_every_kind_of_model_can_practise(
    planted: Dataset, small: dict[str, Any], changes: dict[str, Any]
):
    parameters: dict[str, Any] = (
        small | {"epochs": 2, "finetune_epochs": 1, "alignment_steps": 20} | changes
    )
    model = WVAE(**parameters).fit(planted.x, planted.y)
    assert np.isfinite(model.reconstruct(planted.x[:9])).all()
