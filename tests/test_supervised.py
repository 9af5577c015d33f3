"""The network trained with a factor, the ceiling of the methods without it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from code_cases import unchanged_global_generators
from wvae.datasets import Dataset
from wvae.evaluation.supervised import ImageClassifier, train_cnn


@pytest.fixture(scope="module")
def writer_classifier(planted: Dataset) -> ImageClassifier:
    return train_cnn(planted.x, planted.factors["writer"], epochs=30)


def test_a_planted_factor_is_predicted_for_new_images(
    writer_classifier: ImageClassifier, planted_test: Dataset
):
    truth = planted_test.factors["writer"]
    predictions = writer_classifier.predict(planted_test.x)
    assert (predictions == truth).mean() > 0.9
    assert (predictions == np.roll(truth, 1)).mean() < 0.5


def test_a_shuffled_factor_is_not_predicted(planted: Dataset, planted_test: Dataset):
    shuffled = np.random.default_rng(0).permutation(planted.factors["writer"])
    classifier = train_cnn(planted.x, shuffled, epochs=16)
    predictions = classifier.predict(planted_test.x)
    assert (predictions == planted_test.factors["writer"]).mean() < 0.5


def test_weights_depend_on_the_seed_alone(planted: Dataset):
    with unchanged_global_generators():
        trained = [train_cnn(planted.x, planted.y, epochs=1, seed=seed) for seed in (3, 3, 4)]
    weights = [torch.cat([p.flatten() for p in c.network.parameters()]) for c in trained]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_strings_odd_sizes_and_floats_are_supported():
    rng = np.random.default_rng(0)
    x, y = rng.random((131, 9, 7)), np.array(["x", "y"])[np.arange(131) % 2]  # last batch of 3
    epochs: list[int] = []
    classifier = train_cnn(x, y, epochs=2, on_epoch=epochs.append)
    assert epochs == [1, 2]
    assert set(classifier.predict(x)) <= {"x", "y"}


def test_a_last_batch_of_one_is_left_out():
    x = np.random.default_rng(0).random((129, 8, 8), dtype=np.float32)
    classifier = train_cnn(x, np.arange(129) % 3, epochs=1)
    assert all(torch.isfinite(p).all() for p in classifier.network.parameters())
