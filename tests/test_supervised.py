"""The network trained with a factor: the ceiling."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wvae.datasets import Dataset
from wvae.evaluation.supervised import Supervised, train_cnn


@pytest.fixture(scope="module")
def named(planted: Dataset) -> Supervised:
    return train_cnn(planted.x, planted.factors["writer"], epochs=30)


def test_it_learns_a_planted_factor_and_names_it_on_new_images(
    named: Supervised, planted_test: Dataset
):
    truth = planted_test.factors["writer"]
    assert (named.predict(planted_test.x) == truth).mean() > 0.9
    assert (named.predict(planted_test.x) == np.roll(truth, 1)).mean() < 0.5


def test_it_learns_nothing_from_shuffled_names(planted: Dataset, planted_test: Dataset):
    shuffled = np.random.default_rng(0).permutation(planted.factors["writer"])
    network = train_cnn(planted.x, shuffled, epochs=20)
    assert (network.predict(planted_test.x) == planted_test.factors["writer"]).mean() < 0.5


def test_same_seed_same_answers_and_the_global_seed_is_left_alone(planted: Dataset):
    before = torch.random.get_rng_state()
    a, b, c = (train_cnn(planted.x, planted.y, epochs=1, seed=seed) for seed in (3, 3, 4))
    weights = [torch.cat([p.flatten() for p in net.network.parameters()]) for net in (a, b, c)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_strings_odd_sizes_and_floats_are_welcome():
    rng = np.random.default_rng(0)
    x, target = (
        rng.random((131, 9, 7)),
        np.array(["x", "y"])[np.arange(131) % 2],
    )  # a last batch of 3
    epochs: list[int] = []
    network = train_cnn(x, target, epochs=2, on_epoch=epochs.append)
    assert epochs == [1, 2]
    assert set(network.predict(x)) <= {"x", "y"}


def test_a_last_batch_of_one_is_left_out():
    x = np.random.default_rng(0).random((129, 8, 8), dtype=np.float32)
    train_cnn(x, np.arange(129) % 3, epochs=1)
