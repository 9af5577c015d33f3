"""K-Means and Gaussian mixtures in torch, against scikit-learn from the same start."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from wvae.evaluation import clustering, mixture
from wvae.evaluation.clustering import agreement, gmm, kmeans
from wvae.evaluation.mixture import Covariance, gaussians, lloyd

COVARIANCES: list[Covariance] = ["diag", "full"]


@pytest.fixture(scope="module")
def cloud() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(1500, 5)) @ rng.normal(size=(5, 5)) + rng.integers(0, 4, (1500, 1))


def ellipses(each: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Return three long thin clusters that cross: only a full covariance can tell them apart."""
    rng, truth = np.random.default_rng(0), np.repeat(np.arange(3), each)
    axes = np.array([[1, 0], [0.5, 3**0.5 / 2], [-0.5, 3**0.5 / 2]])[truth]
    across = axes[:, ::-1] * [-1, 1]
    return axes * rng.normal(size=(3 * each, 1)) * 9 + across * rng.normal(size=(3 * each, 1)) * 0.1, truth


def test_lloyd_ends_where_scikit_learn_does(cloud: np.ndarray):
    start = cloud[:40]
    theirs = KMeans(40, init=start, n_init=1).fit(cloud)  # pyright: ignore[reportArgumentType]
    clusters, inertia = lloyd(torch.from_numpy(cloud), torch.from_numpy(start))
    np.testing.assert_array_equal(clusters.numpy(), theirs.labels_)
    assert inertia == pytest.approx(theirs.inertia_)


def test_a_centre_without_points_is_used_elsewhere():
    z = torch.tensor([[0.0], [1.0], [10.0], [11.0], [50.0]])
    clusters, inertia = lloyd(z, torch.tensor([[0.5], [900.0], [901.0]]))
    assert len(clusters.unique()) == 3
    assert inertia == pytest.approx(1.0)
    assert len(lloyd(torch.zeros(6, 2), torch.zeros(3, 2))[0]) == 6  # and where there is nothing to be used for


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("block", [mixture.BLOCK, 1000])
def test_gaussians_end_where_scikit_learn_does(
    cloud: np.ndarray, covariance: Covariance, block: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mixture, "BLOCK", block)
    z = cloud - cloud.mean(0)
    start = KMeans(12, n_init=1, random_state=3).fit(z).labels_  # pyright: ignore[reportArgumentType]
    theirs = GaussianMixture(12, covariance_type=covariance, reg_covar=0.1, random_state=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        expected = theirs.fit_predict(z)
    clusters, bound = gaussians(
        torch.from_numpy(z), torch.from_numpy(start).long(), 12, floor=0.1, covariance=covariance
    )
    np.testing.assert_array_equal(clusters.numpy(), expected)
    assert bound == pytest.approx(theirs.lower_bound_, abs=1e-6)


def test_a_full_covariance_finds_what_crosses_and_a_diagonal_one_cannot():
    z, truth = ellipses()
    # From a start that is wrong for a fifth of the points: the floor of `gmm` would blur clusters this thin.
    start = np.where(np.arange(len(z)) % 5, truth, (truth + 1) % 3)
    found = {
        covariance: gaussians(
            torch.from_numpy(z - z.mean(0)), torch.from_numpy(start), 3, floor=1e-3, covariance=covariance
        )
        for covariance in COVARIANCES
    }
    ari = {covariance: agreement(clusters.numpy(), truth)["ari"] for covariance, (clusters, _) in found.items()}
    assert ari["full"] > 0.9 > ari["diag"] + 0.2
    assert found["full"][1] > found["diag"][1]


def test_components_without_points_do_no_harm():
    z = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    clusters, bound = gaussians(z, torch.zeros(50, dtype=torch.long), 4, floor=0.05, covariance="full")
    assert len(clusters) == 50
    assert np.isfinite(bound)


def test_gmm_knows_two_covariances():
    z, truth = ellipses(50)
    assert len(gmm(z, 3, covariance="full")) == len(truth)
    with pytest.raises(ValueError, match="covariance is 'tied', expected 'diag' or 'full'"):
        gmm(z, 3, covariance="tied")  # pyright: ignore[reportArgumentType]


def test_kmeans_on_a_gpu_is_that_of_the_cpu(cloud: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    # The way that a GPU's points go, on any machine.
    expected = kmeans(cloud, 9, seed=2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(clustering, "_on_device", torch.as_tensor)
    assert agreement(kmeans(cloud, 9, seed=2), expected)["ari"] > 0.95
