"""The objective against an independent derivation in NumPy: values and gradients, all three variants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from wvae.config import Config, Objective
from wvae.model import Codes, SplitVAE
from wvae.nn import backbones as networks
from wvae.nn.augment import shifted
from wvae.training.examples import Examples
from wvae.training.initialise import build_model, initialise_from_data
from wvae.training.loop import evaluate, train

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


def derived(
    w: Arrays, x: np.ndarray, y: np.ndarray, noise: Any, c2: float, c3: float
) -> tuple[Arrays, Arrays]:
    """The notebook's loss and its gradients, by hand, for constants C2 and C3 and this batch."""
    n = len(x)
    h = np.tanh(x @ w["trunk.1.weight"].T + w["trunk.1.bias"])
    mean, log_var, z = {}, {}, {}
    for code, e in zip(("label", "rest"), noise, strict=True):
        mean[code] = h @ w[f"{code}_mean.weight"].T + w[f"{code}_mean.bias"]
        log_var[code] = h @ w[f"{code}_log_variance.weight"].T + w[f"{code}_log_variance.bias"]
        z[code] = mean[code] + np.exp(log_var[code] / 2) * e
    t = {
        c: np.tanh(z[c] @ w[f"decoder.from_{c}.weight"].T + w[f"decoder.from_{c}.bias"]) for c in z
    }
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
        g[f"decoder.from_{c}.weight"], g[f"decoder.from_{c}.bias"] = (
            g_before.T @ z[c],
            g_before.sum(0),
        )
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


def batch(
    config: Config, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((B, config.d_label)), rng.standard_normal((B, config.d_rest))
    return rng.random((B, SIDE * SIDE)), rng.integers(CLASSES, size=B), noise


@pytest.mark.parametrize("dimensions", [(1, 1), (10, 10), (3, 5)])
@pytest.mark.parametrize("objective", ["classifier", "covariance", "plain"])
def test_loss_and_gradients_equal_a_derivation_by_hand(
    objective: Objective, dimensions: tuple[int, int]
) -> None:
    config = Config.preset(
        "article", objective, d_label=dimensions[0], d_rest=dimensions[1], width=32
    )
    model = build_model(config, (SIDE * SIDE,), CLASSES).double()
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
            np.testing.assert_allclose(
                parameter.grad.numpy(), gradients[name], rtol=1e-5, atol=1e-9, err_msg=name
            )
        else:
            assert objective == "plain"  # nothing reads the classifier then
            assert name.startswith("classifier")
            assert parameter.grad is None


def test_single_precision_agrees_to_1e_5() -> None:
    config = Config.preset("article", "covariance", width=32)
    model = build_model(config, (SIDE * SIDE,), CLASSES)
    x, y, noise = batch(config)
    weights = {
        name: value.detach().numpy().astype(float) for name, value in model.named_parameters()
    }
    single = [torch.from_numpy(part).float() for part in noise]
    got = model(torch.from_numpy(x).float(), torch.from_numpy(y), tuple(single))["loss"].item()
    assert got == pytest.approx(derived(weights, x, y, noise, 1e4, 1e4)[0]["loss"], rel=1e-5)


def test_the_derivation_would_notice_a_wrong_weight() -> None:
    config = Config.preset("article", classifier_weight=39.0, width=32)
    model = build_model(config, (SIDE * SIDE,), CLASSES).double()
    x, y, noise = batch(config)
    got = model(torch.from_numpy(x), torch.from_numpy(y), tuple(map(torch.from_numpy, noise)))[
        "loss"
    ].item()
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
    assert got != pytest.approx(derived(weights, x, y, noise, 1e4, 0)[0]["loss"], rel=1e-5)


def test_covariance_of_one_dimensional_codes_has_no_gradient() -> None:
    """Normalised, a one-dimensional sample is ±1: what the documentation says of the notebook's second variant."""
    config = Config.preset("article", "covariance", d_label=1, d_rest=1, width=8)
    model = build_model(config, (SIDE * SIDE,), CLASSES).double()
    x, y, noise = batch(config)
    terms = model(torch.from_numpy(x), torch.from_numpy(y), tuple(map(torch.from_numpy, noise)))
    terms["separation"].backward()
    largest = [float(p.grad.abs().max()) for p in model.parameters() if p.grad is not None]
    assert max(largest) < 1e-12


def test_class_prior_measures_the_distance_to_the_mean_of_the_class() -> None:
    config = Config(d_label=3, d_rest=2, width=8)
    model = build_model(config, (4, 4), 5)
    x, y = torch.rand(6, 4, 4), torch.tensor([0, 1, 2, 3, 4, 0])
    q_label, q_rest = model.encode(x)
    terms = model.terms(x, y, q_label, q_rest, Codes(q_label.mean, q_rest.mean))
    prior = Normal(model.prior_mean[y], 1.0)
    expected = config.label_kl_weight * kl_divergence(q_label, prior).sum(1).mean()
    assert terms["kl_label"].item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("backbone", ["article", "mlp", "conv", "photo"])
@pytest.mark.parametrize("shape", [(28, 28), (9, 7), (3, 10, 6)])
def test_every_backbone_takes_and_gives_any_image_shape(
    backbone: str, shape: tuple[int, ...]
) -> None:
    config = Config(backbone=backbone, width=16, depth=1)  # pyright: ignore[reportArgumentType]
    model = SplitVAE(config, shape, 4)
    q_label, q_rest = model.encode(torch.rand(5, *shape))
    image = model.decode(q_label.mean, q_rest.mean)
    assert image.mean.shape == (5, *shape)
    assert image.log_prob(torch.rand(5, *shape)).shape == (5,)


@pytest.mark.parametrize("backbone", ["conv", "photo"])
def test_convolutions_say_what_they_need(backbone: Any) -> None:
    with pytest.raises(ValueError, match=rf"backbone '{backbone}' got examples of shape \(64,\)"):
        SplitVAE(Config(backbone=backbone), (64,), 4)


def test_terms_beside_the_elbo_grow_with_the_number_of_values() -> None:
    """Of the same codes, labels and statistics, and four times the pixels."""
    config = Config(width=8, separation="covariance", separation_weight=1.0, device="cpu")
    small, large = (build_model(config, (side, side), 3) for side in (28, 56))
    large.load_state_dict(
        {n: v for n, v in small.state_dict().items() if n.startswith(("c", "l", "p"))}, strict=False
    )
    y, found = torch.arange(6) % 3, torch.rand(6, 20, generator=torch.Generator().manual_seed(0))
    label, rest = (
        Normal(torch.randn(6, d, generator=torch.Generator().manual_seed(d)), torch.ones(6, d))
        for d in (10, 16)
    )
    codes = Codes(label.mean, rest.mean)
    terms = [
        model.terms(torch.zeros(6, *model.shape), y, label, rest, codes, found)
        for model in (small, large)
    ]
    ratio = {name: (terms[1][name] / terms[0][name]).item() for name in terms[0]}
    for name in ("kl_label", "style", "classification", "separation"):
        assert ratio[name] == pytest.approx(4, rel=1e-5)
    assert ratio["kl_rest"] == pytest.approx(1)


def test_the_two_codes_get_gradients_of_their_own() -> None:
    """z_rest must not move the classifier, whatever the preset."""
    config = replace(Config(), width=16)
    model = build_model(config, (4, 4), 3)
    z_label = torch.randn(5, config.d_label, requires_grad=True)
    model.classify(z_label).log_prob(torch.tensor([0, 1, 2, 0, 1])).sum().backward()
    touched = {
        name
        for name, p in model.named_parameters()
        if p.grad is not None and p.grad.abs().sum() > 0
    }
    assert touched == {"classifier.weight", "classifier.bias"}


# ------------------------------------------------------------------------------------------ what an example is


def gaussian(shape: tuple[int, ...], **changes: Any) -> SplitVAE:
    return build_model(
        Config(d_label=2, d_rest=3, width=16, device="cpu", **changes), shape, 3, unit_range=False
    )


def test_the_likelihood_follows_the_data_unless_it_is_named() -> None:
    assert build_model(Config(width=8), (4, 4), 3).likelihood == "bernoulli"
    assert gaussian((4, 4)).observation.likelihood == "gaussian"
    assert build_model(Config(width=8, likelihood="gaussian"), (4, 4), 3).likelihood == "gaussian"
    with pytest.raises(
        ValueError,
        match=r"likelihood is 'bernoulli', which needs values in \[0, 1\].*'gaussian' or",
    ):
        gaussian((4,), likelihood="bernoulli")


def test_a_likelihood_of_its_own_leaves_the_other_weights_alone() -> None:
    one, two = (
        build_model(Config(width=8), (5,), 3),
        build_model(Config(width=8, likelihood="gaussian"), (5,), 3),
    )
    assert set(two.state_dict()) - set(one.state_dict()) == {"shift", "scale", "log_scale"}
    assert all(
        torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items()
    )


@pytest.mark.parametrize("shape", [(5,), (4, 6), (3, 4, 4)])
def test_gaussian_reconstruction_is_the_density_of_the_data_in_their_own_units(
    shape: tuple[int, ...],
) -> None:
    rng = np.random.default_rng(0)
    unit = 10.0 ** np.arange(-2, 3) if len(shape) == 1 else 40.0
    x = (rng.normal(3, 1, (90, *shape)) * unit).astype(np.float32)
    data = Examples(x, np.arange(90) % 3)
    model = gaussian(shape)
    initialise_from_data(model, data)
    axes = 0 if len(shape) == 1 else None
    np.testing.assert_allclose(
        model.observation.input_mean.numpy(), x.mean(axes, dtype=float), rtol=1e-5
    )
    np.testing.assert_allclose(
        model.observation.input_sd.numpy(), x.std(axes, dtype=float), rtol=1e-5
    )
    seen = model.observation.standardise(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(seen.std(axes), 1, rtol=1e-4)
    with torch.no_grad():
        model.eval().observation.log_scale.fill_(-0.7)
        q_label, q_rest = model.encode(torch.from_numpy(x))
        p = model.decode(q_label.mean, q_rest.mean)
        terms = model.terms(
            torch.from_numpy(x),
            torch.from_numpy(data.y),
            q_label,
            q_rest,
            Codes(q_label.mean, q_rest.mean),
        )
    sd = np.exp(-6 + np.log1p(np.exp(-0.7 + 6))) * model.observation.input_sd.numpy().astype(float)
    mean = p.mean.numpy().astype(float)
    nats = 0.5 * ((x - mean) / sd) ** 2 + np.log(sd) + 0.5 * np.log(2 * np.pi)
    assert terms["reconstruction"].item() == pytest.approx(
        nats.reshape(90, -1).sum(1).mean(), rel=1e-5
    )
    # The same data in another unit cost n log(unit) nats more, and nothing else changes.
    other = gaussian(shape)
    initialise_from_data(other, Examples(1000 * x, data.y))
    a, b = (
        evaluate(m, d)
        for m, d in ((gaussian_measured(model), data), (other, Examples(1000 * x, data.y)))
    )
    assert b["reconstruction"] - a["reconstruction"] == pytest.approx(
        np.prod(shape) * np.log(1000), rel=1e-4
    )
    assert b["kl_rest"] == pytest.approx(a["kl_rest"], rel=1e-3)


def gaussian_measured(model: SplitVAE) -> SplitVAE:
    with torch.no_grad():
        model.observation.log_scale.zero_()
    return model


def test_columns_that_do_not_vary_divide_nothing_by_zero() -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    x[:, 1], x[:, 2], x[:, 3] = 0, 7.7, 1e9
    model = gaussian((4,), epochs=3)
    initialise_from_data(model, Examples(x, np.arange(60) % 3))
    assert model.observation.input_sd.tolist()[1:] == [1, 1, 1000]
    assert (
        float(model.observation.standardise(torch.from_numpy(x).float())[:, 1:].abs().max()) < 0.1
    )
    assert (
        float(model.observation.standardise(torch.full((1, 4), 1e30)).max()) == 5
    )  # what is far out is not extrapolated
    train(model, Examples(x, np.arange(60) % 3))
    assert all(value.isfinite().all() for value in model.state_dict().values())


@pytest.mark.filterwarnings(
    "ignore::wvae.training.diagnostics.TrainingWarning"
)  # the labels mean nothing
def test_a_scale_is_learnt_and_bounded() -> None:
    rng = np.random.default_rng(0)
    for noise in (0.3, 0.0):
        x = rng.normal(size=(256, 1)) * np.ones((1, 6)) + noise * rng.normal(size=(256, 6))
        model = gaussian((6,), epochs=80, batch_size=32, learning_rate=1e-2, rest_kl_weight=0.1)
        data = Examples(x, np.arange(256) % 3)
        train(model, data)
        with torch.no_grad():
            sd = float(
                model.decode(torch.zeros(1, 2), torch.zeros(1, 3)).stddev[0, 0]
                / model.observation.input_sd[0]
            )
        # What no code can say is the noise: less than all of it, where six values share three dimensions.
        assert (0.1 < sd < 0.35) if noise else (0.002 < sd < 0.1)


@pytest.mark.parametrize(
    ("kind", "shape", "pixels", "style", "varied"),
    [
        ("image", (8, 8), True, True, True),
        ("image", (3, 8, 8), True, True, True),
        ("image", (8, 8), False, False, False),  # neither ink nor paper is known
        ("image", (64,), True, False, False),
        ("audio", (8, 20), True, True, True),
        ("audio", (8, 20), False, True, True),
        ("audio", (1, 8, 20), True, True, True),
        ("audio", (8, 1), True, False, True),
        ("table", (8, 8), True, False, False),
        ("table", (8,), False, False, False),
    ],
)
def test_style_and_augmentation_suit_the_kind(
    kind: Any, shape: tuple[int, ...], pixels: bool, style: bool, varied: bool
) -> None:
    model = build_model(Config(kind=kind, width=8, augment=1.0, device="cpu"), shape, 3, pixels)
    assert model.uses_style == style
    x = torch.rand(6, *shape, generator=torch.Generator().manual_seed(0))
    found = model.augment(x, torch.Generator().manual_seed(0))
    assert found.shape == x.shape
    assert torch.equal(found, x) != varied
    if pixels:
        assert 0 <= float(found.min()) <= float(found.max()) <= 1
    still = build_model(Config(kind=kind, width=8, augment=0.0, device="cpu"), shape, 3, pixels)
    assert torch.equal(still.augment(x, torch.Generator().manual_seed(0)), x)


def test_a_spectrogram_is_shifted_in_time_and_changed_in_loudness_only() -> None:
    x = torch.arange(20.0).expand(300, 5, 20) + 100 * torch.arange(5.0).unsqueeze(1)
    found = shifted(x, 1.0, torch.Generator().manual_seed(0))
    gain = (found - x).mean((1, 2)) - (found - x).round().mean((1, 2))
    steps = found[:, 0].diff(dim=1)
    assert set(steps.round().unique().tolist()) == {
        0,
        1,
    }  # frames move as they are, and the edge is repeated
    torch.testing.assert_close(found - found[:, :1], x - x[:, :1])  # all bands alike
    assert 0.03 < float(gain.std()) < 0.07
    shift = (steps.round() == 0).sum(1)
    assert shift.unique().tolist() == [0, 1, 2]  # 8 % of 20 frames
    some = (shifted(x, 0.5, torch.Generator().manual_seed(0)) != x).flatten(1).any(1).float().mean()
    assert 0.4 < float(some) < 0.6


@pytest.mark.parametrize(
    ("kind", "shape", "expected"),
    [
        ("image", (8, 8), "conv"),
        ("image", (3, 8, 8), "photo"),
        ("audio", (3, 8, 8), "conv"),
        ("audio", (8, 20), "conv"),
        ("image", (8,), "mlp"),
        ("table", (8, 8), "mlp"),
    ],
)
def test_the_backbone_follows_the_shape(kind: Any, shape: tuple[int, ...], expected: str) -> None:
    assert networks.backbone(Config(kind=kind), shape) == expected
    assert networks.backbone(Config(kind=kind, backbone="article"), shape) == "article"


# ------------------------------------------------------------------------------------------ weights, unknown labels


def weighed(
    model: SplitVAE, x: torch.Tensor, y: torch.Tensor, weight: list[float]
) -> dict[str, torch.Tensor]:
    data = Examples(x.numpy(), y.numpy(), np.array(weight) / np.mean(weight))
    noise = [torch.arange(len(x) * d).reshape(len(x), d) % 7 / 3 - 1 for d in (2, 3)]
    weights = data.weights(slice(None), torch.device("cpu"))
    with torch.no_grad():
        return model(x, y, tuple(noise), weights)


@pytest.mark.parametrize("prior", ["class", "standard"])
def test_weights_multiply_every_term_of_an_example(prior: Any) -> None:
    path: Any = {
        "label_prior": prior,
        "decoder_label_input": "class" if prior == "class" else "code",
    }
    model = build_model(Config(d_label=2, d_rest=3, width=8, device="cpu", **path), (6, 6), 3)
    x, y = (
        torch.rand(5, 6, 6, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 1, 2, 0, 1]),
    )
    each = [weighed(model, x, y, [float(i == k) for i in range(5)]) for k in range(5)]
    weight = np.array([1.0, 2.0, 0.0, 0.5, 3.0])
    found = weighed(model, x, y, weight.tolist())
    with torch.no_grad():
        plain = model(x, y, tuple(torch.arange(5 * d).reshape(5, d) % 7 / 3 - 1 for d in (2, 3)))
    equal = weighed(model, x, y, [4.0] * 5)
    for name in plain:
        values = np.array([float(row[name]) for row in each])
        assert float(found[name]) == pytest.approx(np.average(values, weights=weight), rel=1e-4), (
            name
        )
        assert float(equal[name]) == pytest.approx(float(plain[name]), rel=1e-5), name
        assert name == "accuracy" or float(found[name]) != pytest.approx(
            float(plain[name]), rel=1e-3
        ), name


def test_an_unknown_label_counts_nothing_for_the_classifier_and_else_as_the_model_guesses() -> None:
    model = build_model(Config(d_label=2, d_rest=3, width=8, device="cpu"), (6, 6), 3)
    x, y = (
        torch.rand(4, 6, 6, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, -1, 2, -1]),
    )
    noise = torch.zeros(4, 2), torch.zeros(4, 3)
    data = Examples(x.numpy(), y.numpy())
    weights = data.weights(slice(None), torch.device("cpu"))
    assert weights is not None
    assert weights.every.tolist() == [1, 1, 1, 1]
    assert weights.labelled.tolist() == [
        2,
        0,
        2,
        0,
    ]  # of mean 1: the classifier's term stays a mean over labels
    with torch.no_grad():
        terms = model(x, y, noise, weights)
        known = model(x[[0, 2]], y[[0, 2]], (noise[0][:2], noise[1][:2]))
    for name in ("classification", "kl_label"):
        assert float(terms[name]) == pytest.approx(float(known[name]), rel=1e-5)
    assert float(terms["accuracy"]) == float(known["accuracy"])
    # Where the classifier is sure, an unknown label is worth the label it guesses.
    with torch.no_grad():
        model.classifier.weight.mul_(1e4)
        guess = model.classify(model.encode(x)[0].mean).probs.argmax(1)
        sure, told = model(x, torch.full((4,), -1), noise, weights), model(x, guess, noise)
    for name in ("reconstruction", "kl_rest", "style"):
        assert float(sure[name]) == pytest.approx(float(told[name]), rel=1e-4), name


def test_guesses_give_the_classifier_no_gradient() -> None:
    model = build_model(
        Config(d_label=2, d_rest=3, width=8, decoder_label_input="code", device="cpu"), (6, 6), 3
    )
    x, y = torch.rand(4, 6, 6), torch.full((4,), -1)
    weights = Examples(x.numpy(), y.numpy()).weights(slice(None), torch.device("cpu"))
    model(x, y, (torch.randn(4, 2), torch.randn(4, 3)), weights)["loss"].backward()
    for name, parameter in model.named_parameters():
        silent = parameter.grad is None or not parameter.grad.any()
        assert silent == name.startswith(("classifier", "prior_mean")), name
