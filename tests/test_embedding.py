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


def test_neighbours_in_the_code_are_neighbours_in_the_map(
    plane: np.ndarray, blobs: tuple[np.ndarray, np.ndarray]
):
    assert plane.shape == (60, 2)
    assert np.isfinite(plane).all()
    truth = blobs[1]
    assert KNeighborsClassifier(5).fit(plane[::2], truth[::2]).score(plane[1::2], truth[1::2]) == 1
    # Control: the same map with shuffled truth.
    shuffled = np.random.default_rng(0).permutation(truth)
    assert (
        KNeighborsClassifier(5).fit(plane[::2], shuffled[::2]).score(plane[1::2], shuffled[1::2])
        < 0.6
    )


def test_progress_is_reported_every_50_of_750_iterations(plane: np.ndarray, steps: list[int]):
    assert steps == list(range(50, 751, 50))


def test_the_same_seed_gives_the_same_map(plane: np.ndarray, blobs: tuple[np.ndarray, np.ndarray]):
    np.testing.assert_array_equal(tsne(blobs[0], seed=1), plane)


def test_few_points_lower_the_perplexity_without_a_warning(caplog: pytest.LogCaptureFixture):
    rng = np.random.default_rng(0)
    assert tsne(rng.normal(size=(12, 3)).astype(np.float32)).shape == (12, 2)
    assert tsne(rng.normal(size=(2, 3))).shape == (2, 2)
    assert not caplog.records  # openTSNE logs a perplexity that is too large


@pytest.mark.parametrize("z", [np.zeros((20, 3)), np.random.default_rng(0).normal(size=(20, 1))])
def test_codes_without_two_principal_components_have_a_map(z: np.ndarray):
    plane = tsne(z)
    assert plane.shape == (20, 2)
    assert np.isfinite(plane).all()


@pytest.mark.parametrize(
    ("z", "received"),
    [
        (np.zeros((1, 3)), r"\(1, 3\)"),
        (np.zeros((10, 0)), r"\(10, 0\)"),
        (np.zeros((10, 4, 4)), r"\(10, 4, 4\)"),
        (np.full((10, 2), np.nan), "NaN"),
        (np.full((10, 2), np.inf), "infinite"),
    ],
)
def test_bad_codes_are_rejected(z: np.ndarray, received: str):
    with pytest.raises(ValueError, match=received):
        tsne(z)
