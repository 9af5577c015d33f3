"""Style features of sounds: they show the voice, not the word, and not what changes in a sound."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import adjusted_mutual_info_score

from wvae.evaluation.clustering import kmeans
from wvae.nn.style_features.audio import AudioStyleFeatures

BANDS, FRAMES, N_VOICES, N_LABELS = 32, 20, 4, 5
Array = np.ndarray


def sounds(
    n: int = 600, seed: int = 0, voice_sd: float = 0.05
) -> tuple[torch.Tensor, Array, Array]:
    """Return log spectrograms (n, BANDS, FRAMES), labels and voices.

    A label is a large pattern in time, a voice a small constant one. The lowest bands have large
    noise that differs between the halves.
    """
    patterns, rng = np.random.default_rng(99), np.random.default_rng(seed)
    label, voice = rng.integers(N_LABELS, size=n), rng.integers(N_VOICES, size=n)
    words = patterns.normal(0, 0.2, (N_LABELS, BANDS, FRAMES))
    timbres = voice_sd * patterns.normal(0, 1, (N_VOICES, BANDS, 1))
    half_noise = rng.normal(0, 0.3, (n, BANDS // 4, 2))
    x = 0.5 + words[label] + timbres[voice] + rng.normal(0, 0.02, (n, BANDS, FRAMES))
    x[:, : BANDS // 4] += np.repeat(half_noise, FRAMES // 2, 2)
    return torch.from_numpy(x).float(), label, voice


def fit(x: torch.Tensor, label: Array) -> AudioStyleFeatures:
    features = AudioStyleFeatures(tuple(x.shape[1:]))
    return features.fit(features.halves(x).numpy(), label)


def cluster_within_labels(features: Array, label: Array) -> Array:
    features = features.copy()
    for k in range(N_LABELS):
        features[label == k] -= features[label == k].mean(0)
    return kmeans(features, N_VOICES)


def test_clusters_of_the_features_are_the_voices() -> None:
    features = fit(*sounds()[:2])
    x, label, voice = sounds(seed=1)
    clusters = cluster_within_labels(features(x).numpy(), label)
    assert adjusted_mutual_info_score(voice, clusters) > 0.95
    raw_clusters = cluster_within_labels(x.mean(2).numpy(), label)  # the negative control
    assert adjusted_mutual_info_score(voice, raw_clusters) < 0.5


def test_without_voices_no_direction_stands_out() -> None:
    x, label, voice = sounds(voice_sd=0.0)
    features = fit(x, label)
    clusters = cluster_within_labels(features(x).numpy(), label)
    assert adjusted_mutual_info_score(voice, clusters) < 0.05
    assert float(features.weight.max() / features.weight.min()) < 2


def test_directions_and_weights_solve_the_eigenproblem() -> None:
    x, label, _ = sounds()
    features = fit(x, label)
    assert features.directions.shape == (8, BANDS)
    assert float(features.weight.sum()) == pytest.approx(5.0, rel=1e-5)
    assert (np.diff(features.weight.numpy()) <= 0).all()
    halves = features.halves(x).numpy().astype(np.float64)
    for k in range(N_LABELS):
        halves[label == k] -= halves[label == k].mean(0)
    v = features.directions.numpy().astype(np.float64)
    within = ledoit_wolf((halves[:, 0] - halves[:, 1]) / np.sqrt(2))[0]
    np.testing.assert_allclose(v @ within @ v.T, np.eye(8), atol=1e-3)
    between = np.cov(halves[:, 0].T, halves[:, 1].T, bias=True)[:BANDS, BANDS:]
    variance = (v @ between @ v.T).diagonal() + 0.5
    weight = 5 * variance / variance.sum()
    np.testing.assert_allclose(features.weight.numpy(), weight, atol=5e-3)


def test_fit_does_not_change_its_input() -> None:
    x, label, _ = sounds(50)
    features = AudioStyleFeatures((BANDS, FRAMES))
    halves = features.halves(x).numpy()
    before = halves.copy()
    features.fit(halves, label)
    np.testing.assert_array_equal(halves, before)


def test_before_fit_features_are_bands_averaged_over_channels_and_halves() -> None:
    x = torch.rand(3, 2, 8, 7)
    features = AudioStyleFeatures((2, 8, 7))
    assert features.size == 8
    halves = features.halves(x)
    torch.testing.assert_close(halves[:, 0], x[:, :, :, :3].mean((1, 3)))
    torch.testing.assert_close(halves[:, 1], x[:, :, :, 3:].mean((1, 3)))
    torch.testing.assert_close(features(x), halves.mean(1))


@pytest.mark.parametrize("shape", [(), (40,), (64, 1)])
def test_examples_without_two_halves_have_no_features(shape: tuple[int, ...]) -> None:
    features = AudioStyleFeatures(shape)
    assert features.size == 0
    assert not features.state_dict()


def test_few_examples_and_constant_bands_give_finite_features() -> None:
    features = AudioStyleFeatures((BANDS, FRAMES))
    features.fit(np.zeros((4, 2, BANDS), np.float32), np.array([0, 0, 1, 1]))
    assert torch.isfinite(features.directions).all()
    x, label, _ = sounds(6)
    assert torch.isfinite(fit(x, label)(x)).all()


def test_fitted_features_are_part_of_the_state_dict() -> None:
    x, label, _ = sounds(100)
    fitted, other = fit(x, label), AudioStyleFeatures((BANDS, FRAMES))
    assert not torch.equal(fitted(x), other(x))
    other.load_state_dict(fitted.state_dict())
    torch.testing.assert_close(fitted(x), other(x))
