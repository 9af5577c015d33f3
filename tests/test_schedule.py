"""Learning-rate schedules and optimisers: exact rates at exact points."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from wvae.config import Config
from wvae.nn.backbones import lr_multiplier
from wvae.training.examples import Examples
from wvae.training.finetune import finetune_decoder
from wvae.training.initialise import build_model
from wvae.training.loop import train
from wvae.training.schedule import (
    learning_rate_factor,
    make_decoder_optimiser,
    make_optimiser,
    set_learning_rate,
)

CONFIG = Config(
    d_label=2, d_rest=3, width=8, depth=1, backbone="mlp", alignment="none", style_weight=0.0,
    batch_size=32, min_steps_per_epoch=1, augment=0.0, device="cpu",
)  # fmt: skip


@pytest.fixture
def data() -> Examples:
    rng = np.random.default_rng(0)
    return Examples(rng.integers(0, 255, (160, 4, 4), dtype=np.uint8), np.arange(160) % 4)


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """The learning rates of every parameter group at every step that Adam takes."""
    recorded: list[list[float]] = []
    step = torch.optim.Adam.step

    def recording_step(self: torch.optim.Adam, *args: Any, **kwargs: Any) -> Any:
        recorded.append([group["lr"] for group in self.param_groups])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", recording_step)
    return recorded


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        ("constant", {0.0: 1.0, 0.5: 1.0, 1.0: 1.0}),
        (
            "one-cycle",
            {0.0: 0.04, 0.05: 0.52, 0.1: 1.0, 0.55: 0.505, 1.0: 0.01},
        ),
        ("linear", {0.0: 0.04, 0.001: 0.04, 0.025: 0.5, 0.05: 1.0, 0.525: 0.5, 1.0: 0.0}),
        ("half-cosine", {0.0: 1.0, 1 / 3: 0.75, 0.5: 0.5, 1.0: 0.0}),
    ],
)
def test_schedule_passes_through_its_defining_points(schedule: Any, points: dict[float, float]):
    for progress, factor in points.items():
        assert learning_rate_factor(schedule, progress) == pytest.approx(factor), progress


@pytest.mark.parametrize("schedule", ["constant", "one-cycle", "linear"])
def test_training_follows_the_schedule_of_its_config(
    data: Examples, rates: list[list[float]], schedule: Any
):
    config = replace(CONFIG, schedule=schedule, epochs=4, learning_rate=0.004)
    train(build_model(config, (4, 4), 4), data)
    progress = np.arange(20) / 20  # 4 epochs of 5 steps
    expected = [[0.004 * learning_rate_factor(schedule, p)] for p in progress.tolist()]
    np.testing.assert_allclose(rates, expected)


def test_finetuning_falls_along_half_a_cosine_from_a_third_of_the_learning_rate(
    data: Examples, rates: list[list[float]]
):
    config = replace(CONFIG, finetune_epochs=2, learning_rate=0.003)
    finetune_decoder(build_model(config, (4, 4), 4), data)
    expected = [[0.001 * 0.5 * (1 + math.cos(math.pi * step / 10))] for step in range(10)]
    np.testing.assert_allclose(rates, expected)


def test_optimiser_groups_parameters_by_learning_rate_multiplier():
    config = replace(CONFIG, backbone="article", lr_multipliers="per_layer", adam_beta2=0.99)
    model = build_model(config, (4, 4), 4)
    optimiser = make_optimiser(model)
    set_learning_rate(optimiser, 0.01, "linear", 0.025)
    rate_of: dict[int, float] = {}
    for group in optimiser.param_groups:
        assert group["betas"] == (0.9, 0.99)
        for parameter in group["params"]:
            rate_of[id(parameter)] = group["lr"]
    expected = {id(p): 0.005 * lr_multiplier(config, n) for n, p in model.named_parameters()}
    assert rate_of == pytest.approx(expected)
    assert len(set(rate_of.values())) > 1


def test_decoder_optimiser_holds_the_decoder_alone():
    model = build_model(replace(CONFIG, adam_beta2=0.9), (4, 4), 4)
    (group,) = make_decoder_optimiser(model).param_groups
    assert group["betas"] == (0.9, 0.999)
    assert {id(p) for p in group["params"]} == {id(p) for p in model.decoder.parameters()}
