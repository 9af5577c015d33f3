"""Alignment: planted differences between classes vanish, every map can be inverted, style stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from sklearn.neighbors import KNeighborsClassifier

from wvae.config import Config
from wvae.nn.alignment import Alignment
from wvae.nn.sliced_ot import ClassCodes

Array = np.ndarray
KINDS = ["none", "mean", "gaussian", "transport"]


@pytest.fixture(autouse=True)
def short_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train the probes that stop the transport for fewer steps: planted data are easy."""
    monkeypatch.setattr("wvae.nn.sliced_ot.PROBE_STEPS", 200)


def make_alignment(kind: str, d: int = 2, n_classes: int = 2, steps: int = 15) -> Alignment:
    changes: dict[str, Any] = {"alignment": kind, "alignment_steps": steps, "d_rest": d}
    return Alignment(Config(**changes), n_classes)


def fit(
    kind: str,
    z: Array,
    y: Array,
    n_classes: int = 2,
    steps: int = 15,
    sd: float = 0.03,
    **options: Any,
) -> Alignment:
    alignment = make_alignment(kind, z.shape[1], n_classes, steps)
    return alignment.fit(z, np.full(z.shape, sd), y, **options)


def rank_correlation(a: Array, b: Array) -> float:
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def align(alignment: Alignment, z: Array, y: Array) -> Array:
    return alignment(torch.from_numpy(z).float(), torch.from_numpy(y)).numpy()


def invert(alignment: Alignment, z: Array, y: Array) -> Array:
    return alignment.inverse(torch.from_numpy(z).float(), torch.from_numpy(y)).numpy()


def assert_invertible(alignment: Alignment, z: Array, y: Array, atol: float = 1e-3) -> None:
    np.testing.assert_allclose(invert(alignment, align(alignment, z, y), y), z, atol=atol)
    np.testing.assert_allclose(align(alignment, invert(alignment, z, y), y), z, atol=atol)


# ------------------------------------------------------------------------------- planted codes


def equal_classes(n: int, seed: int, d: int = 2) -> tuple[Array, Array]:
    """Two classes with the same normal distribution."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 2)
    return rng.standard_normal((n, d)), y


def unequal_means(n: int, seed: int) -> tuple[Array, Array]:
    z, y = equal_classes(n, seed)
    return z + 2.0 * y[:, None], y


def unequal_covariances(n: int, seed: int) -> tuple[Array, Array]:
    z, y = equal_classes(n, seed)
    return np.where(y[:, None] == 1, z @ np.array([[2.0, 1.0], [0.0, 0.5]]), z), y


def ring_and_blob(n: int, seed: int) -> tuple[Array, Array]:
    """A ring and a blob of equal mean and covariance."""
    z, y = equal_classes(n, seed)
    rng = np.random.default_rng(seed + 100)
    angle = rng.uniform(0, 2 * np.pi, n)
    ring = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], 1)
    ring += 0.1 * rng.standard_normal((n, 2))
    return np.where(y[:, None] == 1, ring, z), y


def two_modes_and_one(n: int, seed: int) -> tuple[Array, Array]:
    """Two modes and one, of equal mean and covariance."""
    z, y = equal_classes(n, seed)
    sign = np.random.default_rng(seed + 100).choice([-1, 1], n)
    two_modes = 0.95 * sign + np.sqrt(1 - 0.95**2) * z[:, 0]
    return np.stack([np.where(y == 1, two_modes, z[:, 0]), z[:, 1]], 1), y


def knn_accuracy(kind: str, plant: Any, n: int) -> float:
    """Return the accuracy of a k-NN probe on aligned codes that were not fitted to; chance is ½."""
    (z, y), (z_test, y_test) = plant(n, 0), plant(1500, 1)
    alignment = fit(kind, z, y, steps=60)
    probe = KNeighborsClassifier(30).fit(align(alignment, z, y), y)
    return float(probe.score(align(alignment, z_test, y_test), y_test))


# ---------------------------------------------------------------------- what a probe can predict


@pytest.mark.parametrize(
    ("plant", "clean_kinds"),
    [
        (unequal_means, ["mean", "gaussian", "transport"]),
        (unequal_covariances, ["gaussian", "transport"]),
        (ring_and_blob, ["transport"]),
        (two_modes_and_one, ["transport"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_kind_removes_its_differences_and_no_others(plant: Any, clean_kinds: list[str]):
    for kind in KINDS:
        accuracy = knn_accuracy(kind, plant, 2000)
        if kind in clean_kinds:
            assert accuracy < 0.56, kind
        else:
            assert accuracy > 0.62, kind


def moment_differences(z: Array, y: Array) -> tuple[float, float]:
    """Return the largest differences of means and covariances between classes, in units of all."""
    parts = [z[y == k] for k in np.unique(y)]
    variance = np.trace(np.cov(z.T)) / z.shape[1]
    means = np.stack([part.mean(0) for part in parts])
    covariances = np.stack([np.cov(part.T) for part in parts])
    mean_difference = abs(means - z.mean(0)).max() / variance**0.5
    return mean_difference, abs(covariances - covariances.mean(0)).max() / variance


def test_mean_and_gaussian_equalise_moments():
    rng = np.random.default_rng(0)
    y = np.arange(900) % 3
    mixing = rng.standard_normal((3, 4, 4))[y]
    z = np.einsum("nij,nj->ni", mixing, rng.standard_normal((900, 4))) + 5 * y[:, None]
    means, covariances = {}, {}
    for kind in KINDS[:3]:
        aligned = align(fit(kind, z, y, 3), z, y)
        means[kind], covariances[kind] = moment_differences(aligned, y)
    assert means["none"] > 0.5
    assert means["mean"] < 1e-5
    assert means["gaussian"] < 1e-5
    assert min(covariances["none"], covariances["mean"]) > 0.15
    assert covariances["gaussian"] < 0.08  # not 0, because covariances are shrunk


def test_gaussian_maps_the_shrunk_covariance_to_the_pooled_one():
    """The share of the pooled covariance is that of the sampling error, d / (n + d) at least."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [200, 5])
    z = rng.standard_normal((205, 3)) * np.where(y == 1, 3.0, 1.0)[:, None]
    alignment = fit("gaussian", z, y)
    scaled = z @ alignment.metric.numpy()
    centred = scaled - np.stack([scaled[y == k].mean(0) for k in (0, 1)])[y]
    pooled = np.cov(centred.T)
    for k, n in ((0, 200), (1, 5)):
        of_class = centred[y == k]
        covariance = of_class.T @ of_class / n
        products = np.einsum("ni,nj->nij", of_class, of_class)
        error = np.square(products - covariance).sum((1, 2)).mean() / n
        share = error / np.square(covariance - pooled).sum()
        share = np.clip(share, 3 / (n + 3), 1)
        assert 3 / (n + 3) < share < 0.9  # neither limit
        shrunk = (1 - share) * covariance + share * pooled
        matrix = alignment.matrix[k].numpy()
        np.testing.assert_allclose(matrix @ shrunk @ matrix.T, pooled, rtol=1e-4, atol=1e-4)


def test_few_examples_whose_covariances_differ_by_chance_are_only_shifted():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 40)
    z = rng.standard_normal((120, 8)) + 3 * y[:, None]
    matrices = fit("gaussian", z, y, 3).matrix.numpy()
    assert abs(matrices - np.eye(8)).max() < 0.1
    many = np.repeat([0, 1, 2], 4000)  # control: a difference that is no chance is removed
    z = rng.standard_normal((12_000, 8)) * (1 + many[:, None])
    assert abs(fit("gaussian", z, many, 3).matrix.numpy() - np.eye(8)).max() > 0.3


@pytest.mark.parametrize(("n", "used"), [(60, "gaussian"), (400, "transport")])
def test_auto_takes_transport_if_classes_have_enough_examples(n: int, used: str):
    y = np.repeat([0, 1, 2], [n, n, n // 2])
    z = np.random.default_rng(0).standard_normal((len(y), 3)) * (1 + y[:, None])
    auto, explicit = fit("auto", z, y, 3), fit(used, z, y, 3)
    assert auto.used == explicit.used == used
    assert (len(auto.axes) > 0) == (used == "transport")
    for name, value in explicit.state_dict().items():
        assert torch.equal(auto.state_dict()[name], value)
    assert fit("transport", z, y, 3).used == "transport"  # control: explicit values stay


def test_mean_moves_all_examples_of_a_class_alike():
    z, y = ring_and_blob(500, 0)
    alignment = fit("mean", z, y)
    shift = align(alignment, z, y) - z @ alignment.metric.numpy()
    for k in (0, 1):
        assert np.ptp(shift[y == k], axis=0).max() < 1e-5


# ------------------------------------------------------------------------------------ bijection


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "plant", [unequal_covariances, ring_and_blob], ids=lambda plant: plant.__name__
)
def test_given_the_label_the_map_is_a_bijection(kind: str, plant: Any):
    z, y = plant(600, 0)
    alignment = fit(kind, z, y)
    for codes in (z, plant(600, 1)[0]):
        assert_invertible(alignment, codes, y)
        assert_invertible(alignment, codes, 1 - y)  # also with the label of the other class


@pytest.mark.parametrize("kind", KINDS)
def test_codes_far_outside_are_neither_lost_nor_magnified(kind: str):
    z, y = ring_and_blob(600, 0)
    alignment = fit(kind, z, y)
    far = 100 * z / np.linalg.norm(z, axis=1, keepdims=True)
    aligned = align(alignment, far, y)
    np.testing.assert_allclose(invert(alignment, aligned, y), far, rtol=1e-3, atol=0.1)
    scaled = far if kind == "none" else far @ alignment.metric.numpy()
    distance = np.linalg.norm(aligned - align(alignment, z, y).mean(0), axis=1)
    ratio = distance / np.linalg.norm(scaled, axis=1)
    assert 0.3 < ratio.min() <= ratio.max() < 3


def test_codes_that_repeat_can_be_inverted():
    """Quantiles that coincide have no slope to invert unless they are separated."""
    rng = np.random.default_rng(0)
    z, y = rng.integers(0, 3, (600, 3)).astype(float), np.arange(600) % 2
    z[y == 1] += rng.integers(0, 2, (300, 3))
    alignment = fit("transport", z, y)
    aligned = align(alignment, z, y)
    assert np.isfinite(aligned).all()
    # Steep pieces magnify the rounding of float32.
    np.testing.assert_allclose(invert(alignment, aligned, y), z, atol=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_before_fit_alignment_is_the_identity(kind: str):
    z, y = equal_classes(100, 0, 3)
    alignment = make_alignment(kind, 3)
    np.testing.assert_allclose(align(alignment, 3 * z, y), 3 * z, atol=1e-4)
    np.testing.assert_allclose(invert(alignment, 3 * z, y), 3 * z, atol=1e-4)


def test_none_has_no_state_and_changes_nothing():
    z, y = ring_and_blob(100, 0)
    alignment = fit("none", z, y)
    assert alignment.state_dict() == {}
    np.testing.assert_array_equal(align(alignment, z, y), z.astype(np.float32))


# ----------------------------------------------------------------------------- style and metric


@pytest.mark.parametrize("kind", KINDS)
def test_a_shared_factor_keeps_its_order_within_and_across_classes(kind: str):
    z, y = ring_and_blob(2000, 0)
    thickness = np.random.default_rng(1).uniform(-1.7, 1.7, 2000)
    z = np.column_stack([thickness, z])
    aligned = align(fit(kind, z, y), z, y)[:, 0]
    for rows in (y == 0, y == 1, y >= 0):
        assert rank_correlation(aligned[rows], thickness[rows]) > 0.95


def test_a_factor_with_a_scale_of_its_own_in_each_class_becomes_comparable():
    rng = np.random.default_rng(0)
    y, thickness = np.arange(2000) % 2, rng.standard_normal(2000)
    z = np.column_stack([thickness * (1 + 2 * y) + 4 * y, rng.standard_normal(2000)])
    assert rank_correlation(z[:, 0], thickness) < 0.9  # the negative control
    aligned = align(fit("transport", z, y), z, y)[:, 0]
    assert rank_correlation(aligned, thickness) > 0.97


@pytest.mark.parametrize("kind", KINDS[1:])
def test_with_loadings_a_dimension_counts_by_the_style_that_it_explains(kind: str):
    z, y = equal_classes(1000, 0, 4)
    loadings = np.zeros((5, 4))
    loadings[0, 2], loadings[1, 0] = 3.0, 1.0
    sd = align(fit(kind, z, y, loadings=loadings), z, y).std(0)
    assert sd[2] == pytest.approx(3, rel=0.15)
    assert sd[0] == pytest.approx(1, rel=0.15)
    # Others count a tenth of √nats; the posterior's sd of 0.03 makes that 0.19.
    assert sd[[1, 3]] == pytest.approx(0.19, rel=0.15)


def test_without_loadings_a_dimension_counts_by_its_information():
    z, _ = equal_classes(1000, 0, 3)
    y, sd = np.arange(1000) % 2, np.full(z.shape, 0.3)
    z[:, 1], sd[:, 1] = 0.01 * z[:, 1], 1.0  # no information
    z[:, 2], sd[:, 2] = 3 * z[:, 2], 0.05  # most information
    nats = 0.5 * (z**2 + sd**2 - 1 - 2 * np.log(sd)).mean(0)
    aligned = align(make_alignment("mean", 3).fit(z, sd, y), z, y)
    assert aligned.std(0)[[0, 2]] == pytest.approx(np.sqrt(nats[[0, 2]]), rel=0.05)
    assert aligned.std(0)[1] < 0.1


# ---------------------------------------------------------------------- what transport is fitted to


def test_transport_is_fitted_to_means_and_samples_and_holds_out_a_seventh(
    monkeypatch: pytest.MonkeyPatch,
):
    recorded: list[ClassCodes] = []

    def record(codes: ClassCodes, *_: Any) -> list[Any]:
        recorded.append(codes)
        return []

    monkeypatch.setattr("wvae.nn.alignment.fit_steps", record)
    z, y = equal_classes(1400, 0)
    alignment = fit("transport", z, y, sd=1e-4)
    codes = recorded[0]
    means, samples = codes.z[:1400], codes.z[1400:]
    assert codes.n_means == 1400
    expected = align(alignment, z, y) - alignment.common.numpy()  # after the Gaussian maps
    np.testing.assert_allclose(means, expected, atol=1e-4)
    # Every second example is also there as a sample, near its mean.
    assert len(samples) == 700
    source = cdist(samples, means).argmin(1)
    assert len(set(source)) == 700
    noise = (samples - means[source]).std(0)
    np.testing.assert_allclose(noise, 1e-4 * alignment.metric.numpy().diagonal(), rtol=0.1)
    # A sample of a held-out example is held out, too.
    assert codes.holdout[:1400].sum() == 200
    np.testing.assert_array_equal(codes.holdout[1400:], codes.holdout[source])
    np.testing.assert_array_equal(codes.y[1400:], y[source])


def test_the_seed_decides_and_global_random_states_stay():
    z, y = ring_and_blob(500, 0)
    torch_state = torch.random.get_rng_state()
    numpy_state = str(np.random.get_state())  # noqa: NPY002
    first, again, other = (fit("transport", z, y, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["axes"][0], other["axes"][0])
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert str(np.random.get_state()) == numpy_state  # noqa: NPY002


def test_inputs_are_not_changed():
    z, y = ring_and_blob(300, 0)
    before = z.copy()
    alignment = fit("transport", z, y)
    np.testing.assert_array_equal(z, before)
    codes = torch.from_numpy(z).float()
    alignment(codes, torch.from_numpy(y))
    np.testing.assert_array_equal(codes.numpy(), z.astype(np.float32))


# ------------------------------------------------------------------------------------ odd cases


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_without_examples_keeps_its_codes(kind: str):
    z, y = ring_and_blob(600, 0)
    even = 2 * y  # of the classes 0 to 3, 1 and 3 do not occur
    alignment = fit(kind, z, even, n_classes=4)
    absent = np.ones(600, np.int64)
    for labels in (even, absent, 3 * absent):
        assert np.isfinite(align(alignment, z, labels)).all()
        assert_invertible(alignment, z, labels)
    if kind != "none":
        scaled = z @ alignment.metric.numpy()
        np.testing.assert_allclose(align(alignment, z, absent), scaled, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_rare", [1, 2, 20])
def test_a_rare_class_is_not_magnified(kind: str, n_rare: int):
    """Quantiles of one example would send the other examples of its class far away."""
    z, y = unequal_means(1200, 0)
    train = np.concatenate([np.where(y == 0)[0], np.where(y == 1)[0][:n_rare]])
    alignment = fit(kind, z[train], y[train])
    aligned = align(alignment, z, y)
    assert abs(aligned - aligned[y == 0].mean(0)).max() < 40
    assert_invertible(alignment, z, y)


@pytest.mark.parametrize("kind", KINDS)
def test_one_class_only_needs_no_transport(kind: str):
    z, _ = ring_and_blob(300, 0)
    y = np.zeros(300, np.int64)
    alignment = fit(kind, z, y)
    assert kind != "transport" or len(alignment.axes) == 0
    assert_invertible(alignment, z, y)


@pytest.mark.parametrize(
    ("kind", "level"),
    [("mean", 0.0), ("mean", 0.7), ("gaussian", 0.0), ("gaussian", 0.7), ("transport", 0.0)],
)
def test_a_constant_dimension_stays_small(kind: str, level: float):
    z, y = ring_and_blob(600, 0)
    z = np.column_stack([z, np.full(600, level)])
    sd = np.column_stack([np.full((600, 2), 0.3), np.ones(600)])
    alignment = make_alignment(kind, 3).fit(z.astype(np.float32), sd, y)
    aligned = align(alignment, z, y)
    assert_invertible(alignment, z, y)
    smallest = np.linalg.svd(aligned - aligned.mean(0), compute_uv=False)[2] / 600**0.5
    assert smallest < 0.1
    assert align(alignment, z + np.array([0, 0, 0.1]), y).std() < 3 * aligned.std()


@pytest.mark.parametrize("kind", KINDS)
def test_codes_that_are_all_equal(kind: str):
    z, y = np.full((200, 3), 0.5), np.arange(200) % 2
    alignment = fit(kind, z, y)
    aligned = align(alignment, z, y)
    assert np.isfinite(aligned).all()
    np.testing.assert_allclose(invert(alignment, aligned, y), z, atol=1e-3)
