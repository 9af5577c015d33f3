"""Models trained side by side come out as if each had been trained alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from wvae.config import Config
from wvae.training.examples import Examples
from wvae.training.loop import TrainingError, build, train
from wvae.training.seeds import train_seeds

SMALL: dict[str, Any] = {"d_label": 2, "d_rest": 3, "width": 16, "epochs": 3, "batch_size": 32, "device": "cpu"}
CONFIGS = {
    "article": Config.preset("article", **SMALL),
    "quick": replace(Config.preset("quick", **SMALL), learning_rate=4e-3),
    # Networks of the article whose gradient is not written out, and so are stacked on a CPU, too.
    "article, classes": Config.preset("article", **SMALL, label_prior="class"),
    "quick, classes": replace(Config.preset("quick", **SMALL), learning_rate=4e-3, label_prior="class"),
    "best": Config(**SMALL, augment=0.0, style_weight=0.0, backbone="mlp"),
    "conv": Config(**SMALL, augment=0.0, style_weight=0.0),
}


@pytest.fixture(scope="module")
def data() -> Examples:
    rng = np.random.default_rng(0)
    y, patterns = rng.integers(0, 4, 150), rng.random((4, 8, 8)) > 0.6
    return Examples((200 * patterns[y] + rng.integers(0, 55, (150, 8, 8))).astype(np.uint8), y)


@pytest.mark.parametrize("name", CONFIGS)
def test_side_by_side_is_as_one_by_one(data: Examples, name: str):
    found = train_seeds(CONFIGS[name], data, 4, [3, 5])
    for seed, model in zip((3, 5), found, strict=True):
        alone = build(replace(CONFIGS[name], random_state=seed), (8, 8), 4)
        train(alone, data)
        for (which, one), other in zip(model.named_parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4, msg=lambda m, which=which: f"{which}: {m}")
    assert not torch.equal(next(found[0].parameters()), next(found[1].parameters()))


@pytest.mark.parametrize("changes", [{"augment": 0.5}, {"separation": "hsic"}, {"style_weight": 1.0}])
def test_what_cannot_be_stacked_is_told(data: Examples, changes: dict[str, Any]):
    with pytest.raises(ValueError, match=f"{next(iter(changes))} cannot be trained side by side"):
        train_seeds(replace(CONFIGS["best"], **changes), data, 4, [0, 1])


def test_unknown_labels_are_told(data: Examples):
    with pytest.raises(ValueError, match="train one seed at a time"):
        train_seeds(CONFIGS["article"], Examples(data.x, np.where(data.y == 0, -1, data.y)), 4, [0, 1])


def test_a_loss_that_is_not_finite_is_told(data: Examples):
    x = (data.x / 255).astype(np.float32)
    x[0] = np.nan
    with pytest.raises(TrainingError, match="not finite in epoch 1"):
        train_seeds(CONFIGS["article"], Examples(x, data.y), 4, [0, 1])
