"""Alignment: classes that differ in a known way become alike, come back unharmed, and keep what they share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from wvae.config import Config
from wvae.evaluation.leakage import is_clean, leakage
from wvae.nn.alignment import Alignment
from wvae.nn.sliced_ot import FIRST_CHECK

Array = np.ndarray
KINDS = ["none", "mean", "gaussian", "transport"]


def alignment(kind: str, d: int = 2, n_classes: int = 2, steps: int = 41) -> Alignment:
    changes: dict[str, Any] = {"alignment": kind, "alignment_steps": steps, "d_rest": d}
    return Alignment(Config(**changes), n_classes)


def fitted(
    kind: str,
    z: Array,
    y: Array,
    n_classes: int = 2,
    steps: int = 41,
    sd: float = 0.03,
    **options: Any,
) -> Alignment:
    return alignment(kind, z.shape[1], n_classes, steps).fit(z, np.full(z.shape, sd), y, **options)


def applied(align: Alignment, z: Array, y: Array) -> Array:
    return align(torch.from_numpy(z).float(), torch.from_numpy(y)).numpy()


def undone(align: Alignment, z: Array, y: Array) -> Array:
    return align.inverse(torch.from_numpy(z).float(), torch.from_numpy(y)).numpy()


def standard(n: int, seed: int, d: int = 2) -> tuple[Array, Array, np.random.Generator]:
    """Draw two classes with the very same distribution: codes, labels, and what to draw more from."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 2)
    return rng.standard_normal((n, d)), y, rng


def shifted(n: int, seed: int) -> tuple[Array, Array]:
    """Plant a difference in mean."""
    z, y, _ = standard(n, seed)
    return z + 2.0 * y[:, None], y


def spread(n: int, seed: int) -> tuple[Array, Array]:
    """Plant a difference in covariance, at equal means."""
    z, y, _ = standard(n, seed)
    return np.where(y[:, None] == 1, z @ np.array([[2.0, 1.0], [0.0, 0.5]]), z), y


def ring(n: int, seed: int) -> tuple[Array, Array]:
    """Plant a ring and a blob, of equal mean and covariance."""
    z, y, rng = standard(n, seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    circle = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.1 * rng.standard_normal(
        (n, 2)
    )
    return np.where(y[:, None] == 1, circle, z), y


def modes(n: int, seed: int) -> tuple[Array, Array]:
    """Plant two modes and one, of equal mean and covariance."""
    z, y, rng = standard(n, seed)
    first = 0.95 * rng.choice([-1, 1], n) + np.sqrt(1 - 0.95**2) * z[:, 0]
    return np.stack([np.where(y == 1, first, z[:, 0]), z[:, 1]], 1), y


def ranked_alike(one: Array, two: Array) -> float:
    """Return Spearman's rank correlation."""
    return float(np.corrcoef(rankdata(one), rankdata(two))[0, 1])


def read(z: Array, y: Array, asked: Array, labels: Array) -> dict[str, float]:
    """Let fresh probes read the label, on codes that they were not fitted to."""
    return leakage(z, y, asked, labels, kinds=["mlp", "knn"], null=False)


# ------------------------------------------------------------------------------------------ what a probe reads


@pytest.mark.parametrize("plant", [ring, modes], ids=lambda plant: plant.__name__)
def test_transport_leaves_nothing_to_read(plant: Any):
    (z, y), (new, labels) = plant(4000, 0), plant(1500, 1)
    # Among 4000 rows the steps end within two standard errors of chance, of 571 rows, and two points: 0.06 above it.
    assert not is_clean(
        read(z, y, new, labels), margin=0.08
    )  # else what follows would prove nothing
    align = fitted("transport", z, y)
    scores = read(applied(align, z, y), y, applied(align, new, labels), labels)
    assert is_clean(scores, margin=0.08), scores


@pytest.mark.parametrize("plant", [ring, modes], ids=lambda plant: plant.__name__)
def test_what_gaussians_cannot_see_is_left_by_them(plant: Any):
    """The negative control: equal means and covariances are no proof."""
    (z, y), (new, labels) = plant(1500, 0), plant(1500, 1)
    align = fitted("gaussian", z, y)
    scores = leakage(
        applied(align, z, y), y, applied(align, new, labels), labels, kinds=["knn"], null=False
    )
    assert not is_clean(scores)


def test_each_kind_removes_what_it_says_and_no_more():
    (z, y), (new, labels) = spread(1500, 0), spread(1500, 1)
    clean = {}
    for kind in KINDS:
        align = fitted(kind, z, y)
        there, asked = applied(align, z, y), applied(align, new, labels)
        clean[kind] = is_clean(leakage(there, y, asked, labels, kinds=["knn"], null=False))
    assert clean == {"none": False, "mean": False, "gaussian": True, "transport": True}


def moments(z: Array, y: Array) -> tuple[Array, Array]:
    """Return how far the classes' means and covariances are apart, against those of all."""
    parts, scale = [z[y == k] for k in np.unique(y)], np.trace(np.cov(z.T)) / z.shape[1]
    mean = max(abs(part.mean(0) - z.mean(0)).max() for part in parts) / scale**0.5
    covariances = [np.cov(part.T) for part in parts]
    return mean, max(abs(c - np.mean(covariances, 0)).max() for c in covariances) / scale


def test_mean_and_gaussian_equalise_moments():
    rng = np.random.default_rng(0)
    y = np.arange(900) % 3
    z = (
        np.einsum("nij,nj->ni", rng.standard_normal((3, 4, 4))[y], rng.standard_normal((900, 4)))
        + 5 * y[:, None]
    )
    means, covariances = zip(
        *(moments(applied(fitted(k, z, y, 3), z, y), y) for k in KINDS[:3]), strict=True
    )
    assert means[0] > 0.5
    assert max(means[1:]) < 1e-5
    assert min(covariances[:2]) > 0.15
    assert (
        covariances[2] < 0.05
    )  # not zero: a class's covariance is drawn a little towards that of all


def test_mean_is_the_same_step_for_the_whole_class():
    z, y = ring(500, 0)
    align = fitted("mean", z, y)
    step = applied(align, z, y) - z @ align.metric.numpy()
    for k in (0, 1):
        np.testing.assert_allclose(
            step[y == k], step[y == k][:1].repeat((y == k).sum(), 0), atol=1e-5
        )


# ------------------------------------------------------------------------------------------ nothing is lost


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("plant", [shifted, spread, ring, modes], ids=lambda plant: plant.__name__)
def test_given_the_label_it_is_a_bijection(kind: str, plant: Any):
    z, y = plant(800, 0)
    align = fitted(kind, z, y)
    for codes in (z, plant(800, 1)[0]):
        for labels in (y, 1 - y):  # also those of a class that a code is not from
            np.testing.assert_allclose(
                undone(align, applied(align, codes, labels), labels), codes, atol=1e-3
            )
            np.testing.assert_allclose(
                applied(align, undone(align, codes, labels), labels), codes, atol=1e-3
            )


@pytest.mark.parametrize("kind", KINDS)
def test_far_outside_too_and_without_running_away(kind: str):
    z, y = ring(800, 0)
    align = fitted(kind, z, y)
    far = 100 * z / np.linalg.norm(z, axis=1, keepdims=True)
    there = applied(align, far, y)
    np.testing.assert_allclose(undone(align, there, y), far, rtol=1e-3, atol=0.1)
    length = np.linalg.norm(there - applied(align, z, y).mean(0), axis=1) / np.linalg.norm(
        far @ align.metric.numpy() if kind != "none" else far, axis=1
    )
    assert length.min() > 0.3
    assert length.max() < 3


def test_codes_that_repeat_come_back():
    """Quantiles that coincide leave no slope to invert."""
    rng = np.random.default_rng(0)
    z, y = rng.integers(0, 3, (600, 3)).astype(float), np.arange(600) % 2
    z[y == 1] += rng.integers(0, 2, (300, 3))
    align = fitted("transport", z, y, steps=30)
    there = applied(align, z, y)
    assert np.isfinite(there).all()
    np.testing.assert_allclose(undone(align, there, y), z, atol=0.05)  # steep pieces, in float32


def test_it_is_the_identity_until_it_is_fitted():
    z, y = standard(100, 0, 3)[:2]
    for kind in KINDS:
        align = alignment(kind, 3)
        np.testing.assert_allclose(applied(align, 3 * z, y), 3 * z, atol=1e-4)
        np.testing.assert_allclose(undone(align, 3 * z, y), 3 * z, atol=1e-4)


def test_none_has_nothing_to_keep():
    z, y = ring(100, 0)
    align = fitted("none", z, y)
    assert align.state_dict() == {}
    np.testing.assert_array_equal(applied(align, z, y), z.astype(np.float32))


# ------------------------------------------------------------------------------------------ what classes share


@pytest.mark.parametrize("kind", KINDS)
def test_a_shared_factor_keeps_its_order_across_classes(kind: str):
    """Thick is thick in both: the aligned codes of both classes, taken together, order it as before."""
    rng = np.random.default_rng(0)
    y, thick = np.arange(2000) % 2, rng.uniform(-1.7, 1.7, 2000)
    angle = rng.uniform(0, 2 * np.pi, 2000)
    others = np.where(
        y[:, None] == 1,
        np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], 1)
        + 0.1 * rng.standard_normal((2000, 2)),
        rng.standard_normal((2000, 2)),
    )
    z = np.column_stack([thick, others])
    found = applied(fitted(kind, z, y, steps=41), z, y)[:, 0]
    for rows in (y == 0, y == 1, y >= 0):
        assert ranked_alike(found[rows], thick[rows]) > 0.95


def test_a_factor_of_another_scale_in_each_class_is_made_comparable():
    rng = np.random.default_rng(0)
    y, thick = np.arange(2000) % 2, rng.standard_normal(2000)
    z = np.column_stack([thick * (1 + 2 * y) + 4 * y, rng.standard_normal(2000)])
    assert (
        abs(ranked_alike(z[:, 0], thick)) < 0.9
    )  # the control: as it came, the class is in the way
    found = applied(fitted("transport", z, y), z, y)[:, 0]
    assert ranked_alike(found, thick) > 0.97


def test_what_explains_style_comes_first_in_the_metric():
    z, y, _ = standard(1000, 0, 4)
    loadings = np.zeros((5, 4))
    loadings[0, 2], loadings[1, 0] = 3.0, 1.0
    for kind in KINDS[1:]:
        spreads = applied(fitted(kind, z, y, loadings=loadings, steps=41), z, y).std(0)
        assert spreads.argsort()[::-1][:2].tolist() == [2, 0]
        assert spreads[2] == pytest.approx(3, rel=0.15)
        assert max(spreads[1], spreads[3]) < 0.2 * spreads[0]


def test_without_loadings_a_dimension_counts_by_its_nats():
    z, y, _ = standard(1000, 0, 3)
    sd = np.full(z.shape, 0.3)
    z[:, 1], sd[:, 1] = 0.01 * z[:, 1], 1.0  # carries nothing
    z[:, 2], sd[:, 2] = 3 * z[:, 2], 0.05  # carries max_steps
    nats = 0.5 * (z**2 + sd**2 - 1 - 2 * np.log(sd)).mean(0)
    found = applied(alignment("mean", 3).fit(z, sd, y), z, y).std(0)
    assert found[[0, 2]] == pytest.approx(np.sqrt(nats[[0, 2]]), rel=0.05)
    assert found[1] < 0.1


# ------------------------------------------------------------------------------------------ how it ends, odd cases


def test_it_ends_early_where_classes_are_alike_already():
    z, y, _ = standard(2000, 0)
    align = fitted("transport", z, y, steps=400)
    assert (
        FIRST_CHECK <= len(align.axes) == len(align.source) == len(align.target) <= 2 * FIRST_CHECK
    )


def test_it_takes_more_steps_where_they_are_not():
    z, y = standard(4000, 0, 8)[:2]
    copied = np.where(
        y[:, None] == 1, np.column_stack([z[:, :4], np.sign(z[:, :4]) * abs(z[:, 4:])]), z
    )
    assert len(fitted("transport", copied, y, steps=70).axes) > FIRST_CHECK


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_that_does_not_occur_does_no_harm(kind: str):
    z, y = ring(600, 0)
    missing = 2 * y  # of the classes 0 to 3, the classes 1 and 3
    align = fitted(kind, z, missing, 4)
    for labels in (missing, np.ones(600, np.int64), np.full(600, 3)):
        there = applied(align, z, labels)
        assert np.isfinite(there).all()
        np.testing.assert_allclose(undone(align, there, labels), z, atol=1e-3)
    if kind != "none":
        plain = z @ align.metric.numpy()
        np.testing.assert_allclose(applied(align, z, np.ones(600, np.int64)), plain, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rare", [1, 2, 20])
def test_a_rare_class_is_not_blown_up(kind: str, rare: int):
    """A step learnt from the quantiles of one example would throw all others of its class out of sight."""
    z, y = shifted(1200, 0)
    train = np.concatenate([np.where(y == 0)[0], np.where(y == 1)[0][:rare]])
    align = fitted(kind, z[train], y[train])
    there = applied(align, z, y)
    assert abs(there - applied(align, z[y == 0], y[y == 0]).mean(0)).max() < 40
    np.testing.assert_allclose(undone(align, there, y), z, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_one_class_only(kind: str):
    z, _ = ring(300, 0)
    y = np.zeros(300, np.int64)
    align = fitted(kind, z, y)
    assert kind != "transport" or len(align.axes) == 0
    np.testing.assert_allclose(undone(align, applied(align, z, y), y), z, atol=1e-3)


def test_in_one_dimension_one_step_is_exact():
    rng = np.random.default_rng(0)
    y = np.arange(3000) % 2
    z = np.where(y == 1, rng.choice([-2.0, 2.0], 3000), 5.0)[:, None] + 0.5 * rng.standard_normal(
        (3000, 1)
    )
    align = fitted("transport", z, y, steps=400)
    assert len(align.axes) == 1
    there = applied(align, z, y)[:, 0]
    levels = np.concatenate(
        [np.linspace(0.02, 0.45, 20), np.linspace(0.55, 0.98, 20)]
    )  # but for the gap amid them
    one, two = (np.quantile(there[y == k], levels) for k in (0, 1))
    np.testing.assert_allclose(one, two, atol=0.1 * there.std())
    for k in (0, 1):  # and no two examples of a class change places
        assert ranked_alike(there[y == k], z[y == k, 0]) > 0.9999


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0.0, 0.7])
def test_a_dimension_that_never_varies_stays_quiet(kind: str, level: float):
    z, y = ring(600, 0)
    z = np.column_stack([z, np.full(600, level)])
    sd = np.column_stack([np.full((600, 2), 0.3), np.ones(600)])
    align = alignment(kind, 3).fit(z.astype(np.float32), sd, y)
    there = applied(align, z, y)
    np.testing.assert_allclose(undone(align, there, y), z, atol=1e-3)
    if kind != "none":
        assert (
            np.linalg.svd(there - there.mean(0), compute_uv=False)[2] / 600**0.5 < 0.1
        )  # no noise was made of it
        assert applied(align, z + np.array([0, 0, 0.1]), y).std() < 3 * there.std()


@pytest.mark.parametrize("kind", KINDS)
def test_codes_that_are_all_the_same(kind: str):
    z, y = np.full((200, 3), 0.5), np.arange(200) % 2
    align = fitted(kind, z, y)
    there = applied(align, z, y)
    assert np.isfinite(there).all()
    np.testing.assert_allclose(undone(align, there, y), z, atol=1e-3)


def test_the_seed_decides_and_global_states_are_left_alone():
    z, y = ring(500, 0)
    ours, numpys = torch.random.get_rng_state(), str(np.random.get_state())  # noqa: NPY002
    first, again, other = (
        fitted("transport", z, y, steps=21, seed=seed).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["axes"][0], other["axes"][0])
    assert torch.equal(torch.random.get_rng_state(), ours)
    assert str(np.random.get_state()) == numpys  # noqa: NPY002


def test_the_input_is_left_as_it_was():
    z, y = ring(300, 0)
    sd, before = np.full(z.shape, 0.3), z.copy()
    alignment("transport").fit(z, sd, y)
    np.testing.assert_array_equal(z, before)
    codes = torch.from_numpy(z).float()
    fitted("transport", z, y)(codes, torch.from_numpy(y))
    np.testing.assert_array_equal(codes.numpy(), z.astype(np.float32))


def test_steps_do_not_stir(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny change of a code stays one; whole steps, the negative control, make it many times larger."""
    monkeypatch.setattr("wvae.nn.sliced_ot._predictable", lambda *_: True)  # all steps are taken
    rng = np.random.default_rng(0)
    y = np.arange(1500) % 5
    z = rng.standard_normal((1500, 8)) * (1 + rng.random((5, 8)))[y] + np.sin(
        3 * rng.random((1500, 8)) * y[:, None]
    )
    grown = {}
    for step_size in (None, 1.0):
        align = alignment("transport", 8, 5, steps=50)
        align.step_size = step_size or align.step_size
        align.fit(z, np.full(z.shape, 0.03), y, np.eye(8)[:4])
        codes, labels = torch.from_numpy(z), torch.from_numpy(y)
        nudge = torch.from_numpy(1e-7 * rng.standard_normal(z.shape))
        moved = (align(codes + nudge, labels) - align(codes, labels)).norm(dim=1)
        grown[step_size] = float(moved.mean() / (nudge @ align.metric).norm(dim=1).mean())
    assert grown[None] < 3
    assert grown[1.0] > 3 * grown[None]
