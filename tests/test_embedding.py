"""t-SNE maps."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from wvae.evaluation.embedding import tsne


@pytest.fixture(scope="module")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    truth = np.repeat(np.arange(4), 15)
    return 10 * np.eye(4)[truth] + np.random.default_rng(0).normal(size=(60, 4)), truth


@pytest.fixture(scope="module")
def steps() -> list[int]:
    return []


@pytest.fixture(scope="module")
def plane(blobs: tuple[np.ndarray, np.ndarray], steps: list[int]) -> np.ndarray:
    return tsne(blobs[0], seed=1, on_step=steps.append)


def test_what_is_close_in_the_code_is_close_in_the_map(plane: np.ndarray, blobs: tuple[np.ndarray, np.ndarray]):
    assert plane.shape == (60, 2)
    assert np.isfinite(plane).all()
    truth = blobs[1]
    assert KNeighborsClassifier(5).fit(plane[::2], truth[::2]).score(plane[1::2], truth[1::2]) == 1
    shuffled = np.random.default_rng(0).permutation(truth)
    assert KNeighborsClassifier(5).fit(plane[::2], shuffled[::2]).score(plane[1::2], shuffled[1::2]) < 0.6


def test_it_reports_every_50_of_750_steps(plane: np.ndarray, steps: list[int]):
    assert steps == list(range(50, 751, 50))


def test_the_same_seed_gives_the_same_map(plane: np.ndarray, blobs: tuple[np.ndarray, np.ndarray]):
    np.testing.assert_array_equal(tsne(blobs[0], seed=1), plane)


def test_few_points_lower_the_perplexity_without_a_warning():
    assert tsne(np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)).shape == (12, 2)
