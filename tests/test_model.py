"""The objective against an independent derivation in NumPy; the terms, weights, unknown labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from wvae.config import Config, Objective
from wvae.estimator import WVAE
from wvae.model import CLASS_WEIGHTS_FACTOR, Codes, ExampleWeights, SplitVAE
from wvae.training.examples import Examples
from wvae.training.initialise import build_model

BATCH, SIDE, CLASSES = 256, 8, 10
Arrays = dict[str, np.ndarray]


def softplus(v: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, v)


def unit_rows(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    length = np.linalg.norm(z, axis=1, keepdims=True)
    return z / length, length


def unit_rows_gradient(g: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the gradient in z for the gradient g in z / |z|: its part orthogonal to z."""
    n, length = unit_rows(z)
    return (g - n * (g * n).sum(1, keepdims=True)) / length


def derive_loss(
    w: Arrays, x: np.ndarray, y: np.ndarray, noise: Any, c2: float, c3: float
) -> tuple[Arrays, Arrays]:
    """Return the terms of the notebook's loss with constants C2 and C3, and all gradients."""
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

    # Gradients, from the last line to the first.
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
        g_z["label"] = g_z["label"] + unit_rows_gradient(g_a, z["label"])
        g_z["rest"] = g_z["rest"] + unit_rows_gradient(g_b, z["rest"])
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


def make_batch(
    config: Config, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    noise = (
        rng.standard_normal((BATCH, config.d_label)),
        rng.standard_normal((BATCH, config.d_rest)),
    )
    return rng.random((BATCH, SIDE * SIDE)), rng.integers(CLASSES, size=BATCH), noise


def tensors(arrays: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(arrays[0]), torch.from_numpy(arrays[1])


@pytest.mark.parametrize("dimensions", [(1, 1), (10, 10), (3, 5)])
@pytest.mark.parametrize("objective", ["classifier", "covariance", "plain"])
def test_loss_and_gradients_equal_the_derivation(
    objective: Objective, dimensions: tuple[int, int]
) -> None:
    config = Config.preset(
        "article", objective, d_label=dimensions[0], d_rest=dimensions[1], width=32
    )
    model = build_model(config, (SIDE * SIDE,), CLASSES).double()
    x, y, noise = make_batch(config)
    terms = model(torch.from_numpy(x), torch.from_numpy(y), tensors(noise))
    terms["loss"].backward()
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
    c2, c3 = (0 if objective == "plain" else 10_000), (10_000 if objective == "covariance" else 0)
    expected, gradients = derive_loss(weights, x, y, noise, c2, c3)

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
            assert objective == "plain"  # the classifier is not used then
            assert name.startswith("classifier")
            assert parameter.grad is None


def test_single_precision_agrees_to_1e_5() -> None:
    config = Config.preset("article", "covariance", width=32)
    model = build_model(config, (SIDE * SIDE,), CLASSES)
    x, y, noise = make_batch(config)
    weights = {
        name: value.detach().numpy().astype(float) for name, value in model.named_parameters()
    }
    single = [torch.from_numpy(part).float() for part in noise]
    got = model(torch.from_numpy(x).float(), torch.from_numpy(y), tuple(single))["loss"].item()
    assert got == pytest.approx(derive_loss(weights, x, y, noise, 1e4, 1e4)[0]["loss"], rel=1e-5)


def test_the_derivation_detects_a_wrong_weight() -> None:
    config = Config.preset("article", classifier_weight=39.0, width=32)
    model = build_model(config, (SIDE * SIDE,), CLASSES).double()
    x, y, noise = make_batch(config)
    got = model(torch.from_numpy(x), torch.from_numpy(y), tensors(noise))["loss"].item()
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
    assert got != pytest.approx(derive_loss(weights, x, y, noise, 1e4, 0)[0]["loss"], rel=1e-5)


def test_covariance_of_one_dimensional_codes_has_no_gradient() -> None:
    """A normalised one-dimensional sample is ±1, as the documentation of the penalty states."""
    config = Config.preset("article", "covariance", d_label=1, d_rest=1, width=8)
    model = build_model(config, (SIDE * SIDE,), CLASSES).double()
    x, y, noise = make_batch(config)
    terms = model(torch.from_numpy(x), torch.from_numpy(y), tensors(noise))
    terms["separation"].backward()
    largest = [float(p.grad.abs().max()) for p in model.parameters() if p.grad is not None]
    assert max(largest) < 1e-12


def test_the_class_prior_is_centred_at_the_mean_of_the_class() -> None:
    config = Config(d_label=3, d_rest=2, width=8)
    model = build_model(config, (4, 4), 5)
    x, y = torch.rand(6, 4, 4), torch.tensor([0, 1, 2, 3, 4, 0])
    q_label, q_rest = model.encode(x)
    terms = model.terms(x, y, q_label, q_rest, Codes(q_label.mean, q_rest.mean))
    prior = Normal(model.prior_mean[y], 1.0)
    expected = config.label_kl_weight * kl_divergence(q_label, prior).sum(1).mean()
    assert terms["kl_label"].item() == pytest.approx(expected.item(), rel=1e-6)


def test_initial_class_means_are_four_apart_in_one_dimension_and_random_in_more() -> None:
    one = SplitVAE(Config(d_label=1, width=8), (4, 4), 5).prior_mean
    assert one.flatten().tolist() == [-8, -4, 0, 4, 8]
    many = SplitVAE(Config(d_label=20, width=8), (4, 4), 100).prior_mean
    assert many.std().item() == pytest.approx(2, rel=0.05)


def test_with_few_label_dimensions_z_label_is_a_mean_of_class_means() -> None:
    model = build_model(Config(d_label=1, d_rest=2, width=8), (4, 4), 5)
    assert model.mixes_class_means
    q_label, _ = model.encode(100 * torch.rand(50, 4, 4))
    assert -8 <= q_label.mean.min() <= q_label.mean.max() <= 8
    # The classifier starts as Bayes' rule: the nearest class mean is the most probable.
    assert model.predict(model.prior_mean).tolist() == [0, 1, 2, 3, 4]
    assert not build_model(Config(d_label=4, width=8), (4, 4), 5).mixes_class_means


def test_class_weights_learn_by_their_own_cross_entropy_without_the_noise_of_z_label() -> None:
    config = Config(d_label=2, d_rest=2, width=8, augment=0.0, backbone="mlp", style_weight=0.0)
    model = build_model(config, (4, 4), 40)
    x, y = torch.rand(80, 4, 4), torch.arange(80) % 40

    def gradients(noise: Tensor) -> list[Tensor]:
        """Return the gradients of the trunk and of the class weights by all terms of the label."""
        model.zero_grad()
        terms = model(x, y, (noise, torch.zeros(80, 2)))
        (terms["classification"] + terms["kl_label"]).backward()
        return [p.grad for p in (*model.trunk.parameters(), *model.label_mean.parameters())]  # pyright: ignore[reportReturnType]

    for one, other in zip(
        gradients(torch.zeros(80, 2)), gradients(torch.randn(80, 2)), strict=True
    ):
        torch.testing.assert_close(one, other)
    q_label, _ = model.encode(x)
    assert q_label.class_logits is not None
    of_weights = torch.nn.functional.cross_entropy(q_label.class_logits, y)
    model.zero_grad()
    (config.classifier_weight * CLASS_WEIGHTS_FACTOR * of_weights).backward()
    expected = model.label_mean.weight.grad
    assert expected is not None
    torch.testing.assert_close(gradients(torch.zeros(80, 2))[-2], expected)


def test_with_enough_dimensions_there_are_no_class_weights() -> None:
    model = build_model(Config(d_label=4, width=8), (4, 4), 5)
    q_label, _ = model.encode(torch.rand(3, 4, 4))
    assert q_label.class_logits is None
    nll = -model.classify(q_label.mean).log_prob(torch.tensor([0, 1, 2]))
    cross_entropy = model.label_cross_entropy(q_label, q_label.mean, torch.tensor([0, 1, 2]))
    torch.testing.assert_close(cross_entropy, nll)


@pytest.mark.slow
def test_many_classes_are_learnt_from_few_examples() -> None:
    rng = np.random.default_rng(0)
    prototypes = rng.random((100, 8, 8)) < 0.5
    y = np.repeat(np.arange(100), 20)
    x = np.clip(0.7 * prototypes[y] + 0.25 * rng.normal(size=(2000, 8, 8)), 0, 1)
    is_test = np.arange(2000) % 4 == 0
    model = WVAE(
        backbone="mlp", width=100, epochs=8, alignment="none", finetune_epochs=0, augment=0.0
    ).fit(x[~is_test], y[~is_test])
    assert model.score(x[is_test], y[is_test]) > 0.9


def test_weights_of_the_terms_grow_with_the_number_of_values() -> None:
    """Same codes, labels and style features, but four times the pixels."""
    config = Config(width=8, separation="covariance", separation_weight=1.0, device="cpu")
    small, large = (build_model(config, (side, side), 3) for side in (28, 56))
    of_shape = ("trunk", "decoder", "observation")
    state = small.state_dict()
    shared = {name: value for name, value in state.items() if not name.startswith(of_shape)}
    large.load_state_dict(shared, strict=False)
    generator = torch.Generator().manual_seed(0)
    y, features = torch.arange(6) % 3, torch.rand(6, 24, generator=generator)
    q_label = Normal(torch.randn(6, config.d_label, generator=generator), 1.0)
    q_rest = Normal(torch.randn(6, config.d_rest, generator=generator), 1.0)
    codes = Codes(q_label.mean, q_rest.mean)
    terms = []
    for model in (small, large):
        x = torch.zeros(6, *model.shape)
        terms.append(model.terms(x, y, q_label, q_rest, codes, features))
    for name in ("kl_label", "style", "classification", "separation"):
        assert (terms[1][name] / terms[0][name]).item() == pytest.approx(4, rel=1e-5), name
    assert terms[1]["kl_rest"].item() == pytest.approx(terms[0]["kl_rest"].item())


def test_classification_gives_gradients_to_the_classifier_only() -> None:
    config = Config(width=16)
    model = build_model(config, (4, 4), 3)
    z_label = torch.randn(5, config.d_label, requires_grad=True)
    model.classify(z_label).log_prob(torch.tensor([0, 1, 2, 0, 1])).sum().backward()
    with_gradient = set()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and parameter.grad.any():
            with_gradient.add(name)
    assert with_gradient == {"classifier.weight", "classifier.bias"}


def test_the_style_loss_is_a_weighted_square_of_clipped_features() -> None:
    head = build_model(Config(d_rest=3, width=8, device="cpu"), (28, 28), 2).style
    with torch.no_grad():
        head.mean.copy_(torch.arange(48.0).view(2, 24))
        head.sd.fill_(2.0)
        head.reliability.copy_(torch.linspace(0, 1, 24))
    features = head.mean + 2 * torch.tensor([[1.5], [-7.0]])  # 1.5 and -7 standard deviations
    y, z_rest = torch.tensor([0, 1]), torch.tensor([[1.0, 0, 0], [0, 2.0, 0]])
    with torch.no_grad():
        loss = head.loss(features, y, z_rest)
        explained = z_rest @ head.loadings.weight.T
        target = torch.tensor([[1.5], [-3.0]])  # clipped at 3
        weight = head.features.weight * torch.linspace(0, 1, 24)
        expected = 0.5 * ((target - explained).square() * weight).sum(1)
    torch.testing.assert_close(loss, expected)
    one_hot = torch.eye(2)
    torch.testing.assert_close(head.standardise(features, one_hot), target.expand(2, 24))
    weighted = weight.sqrt()[:, None] * head.loadings.weight
    np.testing.assert_allclose(head.weighted_loadings(), weighted.detach().numpy(), rtol=1e-6)


def test_aligned_codes_decode_like_the_codes_of_the_network() -> None:
    model = build_model(Config(d_label=2, d_rest=3, width=8, device="cpu"), (6, 6), 3)
    rng = np.random.default_rng(0)
    z = rng.standard_normal((60, 3)) + np.arange(60)[:, None] % 3
    model.alignment.fit(z, np.full(z.shape, 0.1), np.arange(60) % 3)
    with torch.no_grad():
        q_label, q_rest = model.encode(torch.rand(5, 6, 6))
        codes = model.align(q_label.mean, q_rest.mean)
        assert not torch.allclose(codes.z_rest, q_rest.mean, atol=0.1)
        decoded = model.decode_aligned(*codes).mean
        expected = model.decode_mean(q_label.mean, q_rest.mean)
    torch.testing.assert_close(decoded, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "shape", "unit_range", "has_style", "is_augmented"),
    [
        ("image", (8, 8), True, True, True),
        ("image", (3, 8, 8), True, True, True),
        ("image", (8, 8), False, False, False),  # neither dark nor bright is known
        ("image", (64,), True, False, False),
        ("audio", (8, 20), True, True, True),
        ("audio", (8, 20), False, True, True),
        ("audio", (1, 8, 20), True, True, True),
        ("audio", (8, 1), True, False, True),
        ("table", (8, 8), True, True, False),
        ("table", (8,), False, True, False),
        ("image", (8,), False, True, False),  # vectors of any values are a table, too
    ],
)
def test_style_and_augmentation_follow_the_kind(
    kind: Any, shape: tuple[int, ...], unit_range: bool, has_style: bool, is_augmented: bool
) -> None:
    config = Config(kind=kind, width=8, augment=1.0, device="cpu")
    model = build_model(config, shape, 3, unit_range)
    assert model.uses_style == has_style
    x = torch.rand(6, *shape, generator=torch.Generator().manual_seed(0))
    augmented = model.augment(x, torch.Generator().manual_seed(0))
    assert augmented.shape == x.shape
    assert torch.equal(augmented, x) != is_augmented
    if unit_range:
        assert 0 <= augmented.min() <= augmented.max() <= 1
    never = build_model(Config(kind=kind, width=8, augment=0.0, device="cpu"), shape, 3, unit_range)
    assert torch.equal(never.augment(x, torch.Generator().manual_seed(0)), x)


# ------------------------------------------------------------------------ weights, unknown labels


def small_model(**changes: Any) -> SplitVAE:
    config = Config(d_label=2, d_rest=3, width=8, device="cpu", **changes)
    return build_model(config, (6, 6), 3)


def images(n: int) -> Tensor:
    return torch.rand(n, 6, 6, generator=torch.Generator().manual_seed(0))


def fixed_noise(n: int) -> tuple[Tensor, Tensor]:
    label, rest = (torch.arange(n * d).reshape(n, d) % 7 / 3 - 1 for d in (2, 3))
    return label, rest


def example_weights(
    x: Tensor, y: Tensor, weight: list[float] | None = None
) -> ExampleWeights | None:
    relative = None if weight is None else np.array(weight) / np.mean(weight)
    data = Examples(x.numpy(), y.numpy(), relative)
    return data.weights(slice(None), torch.device("cpu"))


PRIORS: list[dict[str, Any]] = [
    {"label_prior": "class", "decoder_label_input": "class"},
    {"label_prior": "standard", "decoder_label_input": "code"},
]


@pytest.mark.parametrize("changes", PRIORS, ids=["class", "standard"])
def test_a_weight_multiplies_every_term_of_its_example(changes: dict[str, Any]) -> None:
    model = small_model(**changes)
    x, y, noise = images(5), torch.tensor([0, 1, 2, 0, 1]), fixed_noise(5)

    @torch.no_grad()
    def weighted_terms(weight: list[float]) -> dict[str, float]:
        terms = model(x, y, noise, example_weights(x, y, weight))
        return {name: float(value) for name, value in terms.items()}

    of_example = [weighted_terms(row) for row in np.eye(5).tolist()]
    weight = [1.0, 2.0, 0.0, 0.5, 3.0]
    weighted, equal = weighted_terms(weight), weighted_terms([4.0] * 5)
    with torch.no_grad():
        plain = model(x, y, noise)
    for name, value in plain.items():
        average = np.average([terms[name] for terms in of_example], weights=weight)
        assert weighted[name] == pytest.approx(average, rel=1e-4), name
        assert equal[name] == pytest.approx(float(value), rel=1e-5), name
        if name != "accuracy":
            assert weighted[name] != pytest.approx(float(value), rel=1e-4), name


@pytest.mark.parametrize("changes", PRIORS, ids=["class", "standard"])
def test_an_unlabelled_example_has_no_classification_and_no_class_prior(
    changes: dict[str, Any],
) -> None:
    model = small_model(**changes)
    x, y, noise = images(4), torch.tensor([0, -1, 2, -1]), fixed_noise(4)
    weights = example_weights(x, y)
    assert weights is not None
    assert weights.every.tolist() == [1, 1, 1, 1]
    assert weights.labelled.tolist() == [2, 0, 2, 0]  # of mean 1
    labelled = [0, 2]
    with torch.no_grad():
        terms = model(x, y, noise, weights)
        of_labelled = model(x[labelled], y[labelled], (noise[0][labelled], noise[1][labelled]))
        of_all = model(x, y.clamp(min=0), noise)
    for name in ("classification", "accuracy"):
        assert float(terms[name]) == pytest.approx(float(of_labelled[name]), rel=1e-5), name
    # N(0, I) is the prior of unlabelled examples, too; the mean of a class is not.
    expected = of_labelled if changes["label_prior"] == "class" else of_all
    assert float(terms["kl_label"]) == pytest.approx(float(expected["kl_label"]), rel=1e-5)


def test_style_of_an_unlabelled_example_is_relative_to_the_predicted_label() -> None:
    model = small_model()
    x, y, noise = images(4), torch.full((4,), -1), fixed_noise(4)
    with torch.no_grad():
        model.style.mean.copy_(torch.arange(3.0)[:, None].expand_as(model.style.mean))
        model.classifier.weight.mul_(1e4)  # predictions are certain
        predicted = model.predict(model.encode(x)[0].mean)
        unlabelled = model(x, y, noise, example_weights(x, y))
        labelled = model(x, predicted, noise)
        wrong = model(x, (predicted + 1) % 3, noise)
    for name in ("reconstruction", "kl_rest", "style"):
        assert float(unlabelled[name]) == pytest.approx(float(labelled[name]), rel=1e-4), name
    assert float(wrong["style"]) != pytest.approx(float(labelled["style"]), rel=1e-2)


def test_unlabelled_examples_give_the_classifier_no_gradient() -> None:
    model = small_model(decoder_label_input="code")
    x, y = images(4), torch.full((4,), -1)
    model(x, y, fixed_noise(4), example_weights(x, y))["loss"].backward()
    for name, parameter in model.named_parameters():
        has_gradient = parameter.grad is not None and bool(parameter.grad.any())
        assert has_gradient != name.startswith(("classifier", "prior_mean")), name
