"""The objective against an independent derivation in NumPy: values and gradients, all three variants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from wvae.config import Config, Objective
from wvae.model import SplitVAE
from wvae.separation import Codes
from wvae.training import build

B, SIDE, CLASSES = 256, 8, 10
Arrays = dict[str, np.ndarray]


def softplus(v: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, v)


def unit_rows(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    length = np.linalg.norm(z, axis=1, keepdims=True)
    return z / length, length


def through_unit_rows(g: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Gradient in z from the gradient g in z / |z|: only what is across the direction of z passes."""
    n, length = unit_rows(z)
    return (g - n * (g * n).sum(1, keepdims=True)) / length


def derived(w: Arrays, x: np.ndarray, y: np.ndarray, noise: Any, c2: float, c3: float) -> tuple[Arrays, Arrays]:
    """The notebook's loss and its gradients, by hand, for constants C2 and C3 and this batch."""
    n = len(x)
    h = np.tanh(x @ w["trunk.1.weight"].T + w["trunk.1.bias"])
    mean, log_var, z = {}, {}, {}
    for code, e in zip(("label", "rest"), noise, strict=True):
        mean[code] = h @ w[f"{code}_mean.weight"].T + w[f"{code}_mean.bias"]
        log_var[code] = h @ w[f"{code}_log_variance.weight"].T + w[f"{code}_log_variance.bias"]
        z[code] = mean[code] + np.exp(log_var[code] / 2) * e
    t = {c: np.tanh(z[c] @ w[f"decoder.from_{c}.weight"].T + w[f"decoder.from_{c}.bias"]) for c in z}
    hidden = t["label"] + t["rest"]
    logits = hidden @ w["decoder.output.weight"].T + w["decoder.output.bias"]
    terms = {"reconstruction": (softplus(logits) - x * logits).sum() / n}
    for c in z:
        terms[f"kl_{c}"] = -0.5 * (1 + log_var[c] - mean[c] ** 2 - np.exp(log_var[c])).sum() / n

    # Backwards, from the last line to the first.
    g: Arrays = {}
    g_logits = (1 / (1 + np.exp(-logits)) - x) / n
    g["decoder.output.weight"], g["decoder.output.bias"] = g_logits.T @ hidden, g_logits.sum(0)
    g_hidden = g_logits @ w["decoder.output.weight"]
    g_z = {}
    for c in z:
        g_before = g_hidden * (1 - t[c] ** 2)
        g[f"decoder.from_{c}.weight"], g[f"decoder.from_{c}.bias"] = g_before.T @ z[c], g_before.sum(0)
        g_z[c] = g_before @ w[f"decoder.from_{c}.weight"]
    if c2:
        scores = z["label"] @ w["classifier.weight"].T + w["classifier.bias"]
        log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        terms["classification"] = -c2 / n * log_p[np.arange(n), y].mean()
        g_scores = (np.exp(log_p) - np.eye(CLASSES)[y]) * c2 / n / n
        g["classifier.weight"], g["classifier.bias"] = g_scores.T @ z["label"], g_scores.sum(0)
        g_z["label"] = g_z["label"] + g_scores @ w["classifier.weight"]
    if c3:
        a, b = unit_rows(z["label"])[0], unit_rows(z["rest"])[0]
        cross = (a - a.mean(0)).T @ (b - b.mean(0)) / n
        terms["separation"] = c3 / n * 0.5 * (cross**2).sum()
        g_a, g_b = (b - b.mean(0)) @ cross.T * c3 / n / n, (a - a.mean(0)) @ cross * c3 / n / n
        g_z["label"] = g_z["label"] + through_unit_rows(g_a, z["label"])
        g_z["rest"] = g_z["rest"] + through_unit_rows(g_b, z["rest"])
    g_h = np.zeros_like(h)
    for c, e in zip(("label", "rest"), noise, strict=True):
        g_mean = g_z[c] + mean[c] / n
        g_log_var = g_z[c] * e * np.exp(log_var[c] / 2) / 2 - 0.5 * (1 - np.exp(log_var[c])) / n
        for part, gradient in (("mean", g_mean), ("log_variance", g_log_var)):
            g[f"{c}_{part}.weight"], g[f"{c}_{part}.bias"] = gradient.T @ h, gradient.sum(0)
            g_h += gradient @ w[f"{c}_{part}.weight"]
    g_before = g_h * (1 - h**2)
    g["trunk.1.weight"], g["trunk.1.bias"] = g_before.T @ x, g_before.sum(0)
    terms["loss"] = sum(terms.values())
    return terms, g


def batch(config: Config, seed: int = 0) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((B, config.d_label)), rng.standard_normal((B, config.d_rest))
    return rng.random((B, SIDE * SIDE)), rng.integers(CLASSES, size=B), noise


@pytest.mark.parametrize("dimensions", [(1, 1), (10, 10), (3, 5)])
@pytest.mark.parametrize("objective", ["classifier", "covariance", "plain"])
def test_loss_and_gradients_equal_a_derivation_by_hand(objective: Objective, dimensions: tuple[int, int]) -> None:
    config = Config.preset("article", objective, d_label=dimensions[0], d_rest=dimensions[1], width=32)
    model = build(config, (SIDE * SIDE,), CLASSES).double()
    x, y, noise = batch(config)
    terms = model(torch.from_numpy(x), torch.from_numpy(y), tuple(map(torch.from_numpy, noise)))
    terms["loss"].backward()
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
    c2, c3 = (0 if objective == "plain" else 10_000), (10_000 if objective == "covariance" else 0)
    expected, gradients = derived(weights, x, y, noise, c2, c3)

    assert set(terms) - {"accuracy"} == set(expected)
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, rel=1e-10, abs=1e-10), name
    for name, parameter in model.named_parameters():
        if name in gradients:
            assert parameter.grad is not None
            np.testing.assert_allclose(parameter.grad.numpy(), gradients[name], rtol=1e-5, atol=1e-9, err_msg=name)
        else:
            assert objective == "plain"  # nothing reads the classifier then
            assert name.startswith("classifier")
            assert parameter.grad is None


def test_single_precision_agrees_to_1e_5() -> None:
    config = Config.preset("article", "covariance", width=32)
    model = build(config, (SIDE * SIDE,), CLASSES)
    x, y, noise = batch(config)
    weights = {name: value.detach().numpy().astype(float) for name, value in model.named_parameters()}
    single = [torch.from_numpy(part).float() for part in noise]
    got = model(torch.from_numpy(x).float(), torch.from_numpy(y), tuple(single))["loss"].item()
    assert got == pytest.approx(derived(weights, x, y, noise, 1e4, 1e4)[0]["loss"], rel=1e-5)


def test_the_derivation_would_notice_a_wrong_weight() -> None:
    config = Config.preset("article", classifier_weight=39.0, width=32)
    model = build(config, (SIDE * SIDE,), CLASSES).double()
    x, y, noise = batch(config)
    got = model(torch.from_numpy(x), torch.from_numpy(y), tuple(map(torch.from_numpy, noise)))["loss"].item()
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
    assert got != pytest.approx(derived(weights, x, y, noise, 1e4, 0)[0]["loss"], rel=1e-5)


def test_covariance_of_one_dimensional_codes_has_no_gradient() -> None:
    """Normalised, a one-dimensional sample is ±1: what the documentation says of the notebook's second variant."""
    config = Config.preset("article", "covariance", d_label=1, d_rest=1, width=8)
    model = build(config, (SIDE * SIDE,), CLASSES).double()
    x, y, noise = batch(config)
    terms = model(torch.from_numpy(x), torch.from_numpy(y), tuple(map(torch.from_numpy, noise)))
    terms["separation"].backward()
    largest = [float(p.grad.abs().max()) for p in model.parameters() if p.grad is not None]
    assert max(largest) < 1e-12


def test_class_prior_measures_the_distance_to_the_mean_of_the_class() -> None:
    config = Config(d_label=3, d_rest=2, width=8)
    model = build(config, (4, 4), 5)
    x, y = torch.rand(6, 4, 4), torch.tensor([0, 1, 2, 3, 4, 0])
    q_label, q_rest = model.encode(x)
    terms = model.terms(x, y, q_label, q_rest, Codes(q_label.mean, q_rest.mean))
    prior = Normal(model.prior_mean[y], 1.0)
    expected = config.label_kl_weight * kl_divergence(q_label, prior).sum(1).mean()
    assert terms["kl_label"].item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("backbone", ["article", "mlp", "conv"])
@pytest.mark.parametrize("shape", [(28, 28), (9, 7), (3, 10, 6)])
def test_every_backbone_takes_and_gives_any_image_shape(backbone: str, shape: tuple[int, ...]) -> None:
    config = Config(backbone=backbone, width=16, depth=1)  # pyright: ignore[reportArgumentType]
    model = SplitVAE(config, shape, 4)
    q_label, q_rest = model.encode(torch.rand(5, *shape))
    image = model.decode(q_label.mean, q_rest.mean)
    assert image.mean.shape == (5, *shape)
    assert image.log_prob(torch.rand(5, *shape)).shape == (5,)


def test_conv_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match=r"backbone 'conv' got examples of shape \(64,\)"):
        SplitVAE(Config(backbone="conv"), (64,), 4)


def test_the_two_codes_get_gradients_of_their_own() -> None:
    """z_rest must not move the classifier, whatever the preset."""
    config = replace(Config(), width=16)
    model = build(config, (4, 4), 3)
    z_label = torch.randn(5, config.d_label, requires_grad=True)
    model.classify(z_label).log_prob(torch.tensor([0, 1, 2, 0, 1])).sum().backward()
    touched = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert touched == {"classifier.weight", "classifier.bias"}
