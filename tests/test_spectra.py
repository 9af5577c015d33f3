"""Style features of sound: what lasts is found, what passes and what the label explains is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import adjusted_mutual_info_score

from wvae.evaluation.clustering import kmeans
from wvae.nn.style_features.audio import DIRECTIONS, TOTAL, AudioStyleFeatures

BANDS, FRAMES, VOICES, LABELS = 32, 20, 4, 5
Array = np.ndarray


def planted(n: int = 600, seed: int = 0, voices: float = 0.05) -> tuple[torch.Tensor, Array, Array]:
    """Draw spectrograms: a label's is a large pattern in time, a voice's a small one that lasts, and noise passes."""
    patterns, rng = np.random.default_rng(99), np.random.default_rng(seed)
    label, voice = rng.integers(LABELS, size=n), rng.integers(VOICES, size=n)
    words = patterns.normal(0, 0.2, (LABELS, BANDS, FRAMES))
    timbres = voices * patterns.normal(0, 1, (VOICES, BANDS, 1))
    passing = np.repeat(
        rng.normal(0, 0.3, (n, BANDS // 4, 2)), FRAMES // 2, 2
    )  # of the lowest bands, in each half
    x = 0.5 + words[label] + timbres[voice] + rng.normal(0, 0.02, (n, BANDS, FRAMES))
    x[:, : BANDS // 4] += passing
    return torch.from_numpy(x).float(), label, voice


def clusters(t: Array, label: Array) -> Array:
    t = t.copy()
    for k in range(LABELS):
        t[label == k] -= t[label == k].mean(0)
    return kmeans(t, VOICES)


def test_it_finds_the_voices() -> None:
    x, label, _ = planted()
    statistics = AudioStyleFeatures((BANDS, FRAMES))
    statistics.fit(statistics.halves(x).numpy(), label)
    new, its_label, its_voice = planted(seed=1)
    found = clusters(statistics(new).numpy(), its_label)
    assert adjusted_mutual_info_score(its_voice, found) > 0.95
    raw = clusters(new.mean(2).numpy(), its_label)
    assert adjusted_mutual_info_score(its_voice, raw) < 0.5


def test_it_finds_none_where_there_are_none() -> None:
    x, label, voice = planted(voices=0.0)
    statistics = AudioStyleFeatures((BANDS, FRAMES))
    statistics.fit(statistics.halves(x).numpy(), label)
    assert adjusted_mutual_info_score(voice, clusters(statistics(x).numpy(), label)) < 0.05
    assert float(statistics.weight.max() / statistics.weight.min()) < 2  # no direction stands out


def test_directions_are_what_is_promised() -> None:
    x, label, _ = planted()
    statistics = AudioStyleFeatures((BANDS, FRAMES))
    halves = statistics.halves(x).numpy().astype(np.float64)
    statistics.fit(halves.copy(), label)
    assert statistics.directions.shape == (DIRECTIONS, BANDS)
    assert float(statistics.weight.sum()) == pytest.approx(TOTAL, rel=1e-5)
    assert (np.diff(statistics.weight.numpy()) <= 0).all()
    for k in range(LABELS):
        halves[label == k] -= halves[label == k].mean(0)
    v = statistics.directions.numpy().astype(np.float64)
    within = ledoit_wolf((halves[:, 0] - halves[:, 1]) / np.sqrt(2))[0]
    np.testing.assert_allclose(v @ within @ v.T, np.eye(DIRECTIONS), atol=1e-3)
    between = np.cov(halves[:, 0].T, halves[:, 1].T, bias=True)[:BANDS, BANDS:]
    variance = (v @ between @ v.T).diagonal() + 0.5
    np.testing.assert_allclose(
        variance / variance.sum(), statistics.weight.numpy() / TOTAL, atol=1e-3
    )


def test_fit_leaves_its_data_alone() -> None:
    x, label, _ = planted(50)
    statistics = AudioStyleFeatures((BANDS, FRAMES))
    halves = statistics.halves(x).numpy()
    before = halves.copy()
    statistics.fit(halves, label)
    np.testing.assert_array_equal(halves, before)


def test_channels_are_averaged_and_odd_frames_counted() -> None:
    x = torch.rand(3, 2, 8, 7)
    statistics = AudioStyleFeatures((2, 8, 7))
    assert statistics.size == 8
    halves = statistics.halves(x)
    torch.testing.assert_close(halves[:, 0], x[:, :, :, :3].mean((1, 3)))
    torch.testing.assert_close(halves[:, 1], x[:, :, :, 3:].mean((1, 3)))
    torch.testing.assert_close(
        statistics(x), halves.mean(1)
    )  # until it is fitted: the bands themselves


@pytest.mark.parametrize("shape", [(), (40,), (64, 1)])
def test_what_has_no_halves_has_no_statistics(shape: tuple[int, ...]) -> None:
    statistics = AudioStyleFeatures(shape)
    assert statistics.size == 0
    assert not statistics.state_dict()


def test_few_examples_and_constant_bands_stay_finite() -> None:
    statistics = AudioStyleFeatures((BANDS, FRAMES))
    statistics.fit(np.zeros((4, 2, BANDS), np.float32), np.array([0, 0, 1, 1]))
    assert torch.isfinite(statistics.directions).all()
    x, label, _ = planted(6)
    statistics.fit(statistics.halves(x).numpy(), label)
    assert torch.isfinite(statistics(x)).all()


def test_what_was_learnt_is_part_of_a_model() -> None:
    x, label, _ = planted(100)
    statistics, other = AudioStyleFeatures((BANDS, FRAMES)), AudioStyleFeatures((BANDS, FRAMES))
    statistics.fit(statistics.halves(x).numpy(), label)
    assert not torch.equal(statistics(x), other(x))
    other.load_state_dict(statistics.state_dict())
    torch.testing.assert_close(statistics(x), other(x))
