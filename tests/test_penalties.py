"""Penalties: dependence on the label costs, independence does not; gradients; a fresh probe."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor
from torch.distributions import Normal
from torch.nn import functional

from wvae.config import Config
from wvae.datasets import Dataset
from wvae.estimator import WVAE
from wvae.model import Codes, SplitVAE
from wvae.nn.penalties import Adversary, covariance, hsic, uniform_cross_entropy
from wvae.training.diagnostics import TrainingWarning


def small_model() -> SplitVAE:
    return SplitVAE(Config(d_label=3, d_rest=3, width=8), (8, 8), 4)


def normal(n: int, d: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def labels(n: int, k: int = 4) -> Tensor:
    return torch.randint(k, (n,), generator=torch.Generator().manual_seed(1))


# ------------------------------------------------------------------------------------- covariance


def test_covariance_is_small_for_independent_codes_and_known_for_copies() -> None:
    z = normal(4000)
    assert covariance(z, normal(4000, seed=1)).item() < 1e-3
    # For a copy, C is the covariance of unit vectors, I / 3: half of 3 · (1/3)².
    assert covariance(z, z).item() == pytest.approx(1 / 6, rel=0.02)


def test_covariance_does_not_depend_on_the_length_of_the_codes() -> None:
    z = normal(4000)
    assert covariance(7 * z, 0.1 * z).item() == pytest.approx(covariance(z, z).item(), rel=1e-5)


def test_covariance_misses_non_linear_dependence() -> None:
    """A known limit: a small value does not prove independence."""
    a = normal(20_000, 2)
    b = a * torch.sign(normal(20_000, 1, seed=1))
    assert covariance(a, b).item() < 1e-3


# ------------------------------------------------------------------------------------------- hsic


def test_hsic_equals_its_definition() -> None:
    """tr(KHLH) / √(tr(KHKH) tr(LHLH)), with the mean squared distance as the kernel's scale."""
    y = labels(60)
    z = normal(60) + 0.5 * y[:, None]
    squared = ((z[:, None] - z[None]) ** 2).sum(2).double().numpy()
    k = np.exp(-squared / squared.mean())
    same = (y[:, None] == y[None]).double().numpy()
    h = np.eye(60) - 1 / 60
    expected = np.trace(k @ h @ same @ h)
    expected /= np.sqrt(np.trace(k @ h @ k @ h) * np.trace(same @ h @ same @ h))
    assert hsic(z, y).item() == pytest.approx(expected, rel=1e-4)


def test_hsic_is_zero_for_independence_and_one_for_the_label_itself() -> None:
    y = labels(1000)
    one_hot = functional.one_hot(y, 4).float()
    assert hsic(normal(1000), y).item() < 0.01
    assert hsic(one_hot, y).item() == pytest.approx(1, abs=1e-4)
    assert hsic(50 * one_hot + 3, y).item() == pytest.approx(1, abs=1e-3)


def test_hsic_detects_non_linear_dependence() -> None:
    y = labels(1000, 2)
    z = normal(1000) * (0.3 + 1.7 * y[:, None])  # equal means, one narrow and one wide class
    assert hsic(z, y).item() > 0.1


def test_hsic_grows_with_dependence() -> None:
    y = labels(500, 2)
    values = [hsic(normal(500) + shift * y[:, None], y).item() for shift in (0.0, 0.5, 1.0, 3.0)]
    assert values == sorted(values)
    assert 0 <= values[0] < values[-1] <= 1


PENALTIES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "hsic": hsic,
    "covariance": lambda z, y: covariance(torch.ones(len(z), 3), z),
    "swap": lambda z, y: small_model().swap_cycle(Codes(torch.ones(len(z), 3), z), y),
}


@pytest.mark.parametrize(
    ("z", "y"),
    [
        (torch.randn(1, 3), torch.tensor([2])),
        (torch.randn(8, 3), torch.zeros(8, dtype=torch.long)),
        (torch.ones(8, 3), torch.arange(8) % 4),
        (torch.zeros(8, 3), torch.zeros(8, dtype=torch.long)),
    ],
    ids=["one example", "one label", "one code", "one of both"],
)
@pytest.mark.parametrize("name", PENALTIES)
def test_degenerate_batches_have_a_finite_penalty_and_gradient(
    name: str, z: Tensor, y: Tensor
) -> None:
    z = z.clone().requires_grad_()
    value = PENALTIES[name](z, y)
    value.backward()
    assert value.isfinite()
    assert z.grad is not None
    assert z.grad.isfinite().all()


# -------------------------------------------------------------------------------------- adversary


def test_uniform_cross_entropy_of_known_logits() -> None:
    one_hot = functional.one_hot(labels(300, 3), 3).float()
    assert uniform_cross_entropy(torch.zeros(300, 3)).item() == pytest.approx(0, abs=1e-6)
    # Logits s, 0, 0: −mean log p = log(eˢ + 2) − s / 3, minus log 3.
    expected = np.log(np.exp(5) + 2) - 5 / 3 - np.log(3)
    assert uniform_cross_entropy(5 * one_hot).item() == pytest.approx(expected, rel=1e-5)
    assert uniform_cross_entropy(10 * one_hot) > uniform_cross_entropy(5 * one_hot)


def test_uniform_cross_entropy_does_not_reward_a_wrong_label() -> None:
    """A code that always predicts another class leaks as much as one that predicts its own."""
    y = labels(300, 3)
    right, wrong = (5 * functional.one_hot(k, 3).float() for k in (y, (y + 1) % 3))
    assert uniform_cross_entropy(right).item() == pytest.approx(
        uniform_cross_entropy(wrong).item(), rel=1e-6
    )


def test_penalty_and_critic_loss_move_only_their_own_network() -> None:
    adversary, z = Adversary(3, 4), normal(50).requires_grad_()
    penalty, critic_loss = adversary(z, labels(50))
    penalty.backward(retain_graph=True)
    assert z.grad is not None
    assert z.grad.abs().sum() > 0
    assert all(p.grad is None for p in adversary.parameters())
    z.grad = None
    critic_loss.backward()
    assert z.grad is None
    assert all(p.grad is not None and p.grad.any() for p in adversary.parameters())


@pytest.mark.parametrize("leaky", [True, False])
def test_the_critic_learns_the_label_only_if_the_code_contains_it(leaky: bool) -> None:
    torch.manual_seed(0)
    y = labels(300, 3)
    adversary = Adversary(3, 3)
    z = functional.one_hot(y if leaky else torch.zeros_like(y), 3).float()
    optimiser = torch.optim.Adam(adversary.parameters(), 0.01)
    losses = []
    for _ in range(60):
        _, critic_loss = adversary(z, y)
        optimiser.zero_grad()
        critic_loss.backward()
        optimiser.step()
        losses.append(critic_loss.item())
    assert losses[0] == pytest.approx(np.log(3), rel=0.1)
    assert (losses[-1] < 0.1) == leaky


def test_with_weight_zero_the_adversary_learns_and_the_model_does_not_change() -> None:
    torch.manual_seed(0)
    config = Config(d_label=2, d_rest=3, width=8, backbone="mlp", alignment="none")
    plain = SplitVAE(config, (6, 6), 3)
    with_critic = SplitVAE(replace(config, separation="adversary"), (6, 6), 3)
    with_critic.load_state_dict(plain.state_dict(), strict=False)
    x, y = torch.rand(20, 6, 6), labels(20, 3)
    noise = normal(20, 2), normal(20, 3)
    losses = plain(x, y, noise)["loss"], with_critic(x, y, noise)["loss"]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-6)
    for loss in losses:
        loss.backward()
    gradients = {name: p.grad for name, p in with_critic.named_parameters()}
    for name, p in plain.named_parameters():
        assert p.grad is not None
        torch.testing.assert_close(gradients.pop(name), p.grad)
    assert gradients
    assert all(g is not None and g.any() for g in gradients.values())


# ------------------------------------------------------------------------------------- swap cycle


def perfect_autoencoder(error: float = 0.0, confused: bool = False) -> Any:
    """Return a model that decodes to both codes side by side, and adds `error` to z_rest."""

    def encode(x: Tensor) -> tuple[Normal, Normal]:
        label = x[:, :3].roll(1, 1) if confused else x[:, :3]
        return Normal(label, 1.0), Normal(x[:, 3:] + error, 1.0)

    def decode_mean(z_label: Tensor, z_rest: Tensor) -> Tensor:
        decoded.append((z_label, z_rest))
        return torch.cat([z_label, z_rest], 1)

    def label_cross_entropy(_: Normal, z_label: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(100 * z_label, y, reduction="none")

    decoded: list[tuple[Tensor, Tensor]] = []
    return SimpleNamespace(
        decode_mean=decode_mean,
        encode=encode,
        classifier=lambda z_label: 100 * z_label,
        label_cross_entropy=label_cross_entropy,
        decoded=decoded,
    )


def test_the_swap_cycle_decodes_z_rest_with_the_z_label_of_the_row_before() -> None:
    codes, autoencoder = Codes(normal(20), normal(20, seed=1)), perfect_autoencoder()
    SplitVAE.swap_cycle(autoencoder, codes, labels(20, 3))
    z_label, z_rest = autoencoder.decoded[0]
    torch.testing.assert_close(z_label, codes.z_label[np.arange(-1, 19)])
    torch.testing.assert_close(z_rest, codes.z_rest)


def test_the_swap_cycle_measures_the_change_of_z_rest_and_the_wrong_label() -> None:
    y = labels(200, 3)
    codes = Codes(functional.one_hot(y, 3).float(), normal(200))
    assert SplitVAE.swap_cycle(perfect_autoencoder(), codes, y).item() == pytest.approx(0, abs=1e-6)
    lossy = SplitVAE.swap_cycle(perfect_autoencoder(error=0.5), codes, y).item()
    assert lossy == pytest.approx(0.5 * 3 * 0.25, rel=1e-5)  # ½ ‖z' − z‖² in three dimensions
    confused = SplitVAE.swap_cycle(perfect_autoencoder(confused=True), codes, y).item()
    assert confused == pytest.approx(100, rel=1e-3)


def test_the_swap_cycle_gives_gradients_to_encoder_and_decoder() -> None:
    network = small_model()
    network.swap_cycle(Codes(normal(20), normal(20, seed=1)), labels(20)).backward()
    with_gradient = set()
    for name, parameter in network.named_parameters():
        if parameter.grad is not None and parameter.grad.any():
            with_gradient.add(name.split(".")[0])
    assert {"trunk", "rest_mean", "label_mean", "decoder"} <= with_gradient


# ------------------------------------------------------------------------------------- end to end

EASY: dict[str, Any] = {
    "decoder_label_input": "code",
    "style_weight": 0.0,
    "label_kl_weight": 1.0,
    "rest_kl_weight": 0.1,
    "alignment": "none",
    "epochs": 20,
}


def probe_accuracy(data: Dataset, test: Dataset, small: dict[str, Any], **changes: Any) -> float:
    """Return the accuracy of a k-NN probe on z_rest, trained so that the label leaks easily."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        estimator = WVAE(**small | EASY | changes).fit(data.x, data.y)
    probe = KNeighborsClassifier(10).fit(estimator.transform(data.x), data.y)
    return float(probe.score(estimator.transform(test.x), test.y))


@pytest.fixture(scope="module")
def without_penalty(planted: Dataset, planted_test: Dataset, small: dict[str, Any]) -> float:
    return probe_accuracy(planted, planted_test, small)


@pytest.mark.slow
def test_without_a_penalty_the_label_leaks(without_penalty: float) -> None:
    """The positive control of the next test; chance is 1/4."""
    assert without_penalty > 0.7


@pytest.mark.slow
@pytest.mark.parametrize(("name", "weight"), [("hsic", 300.0), ("swap", 30.0)])
def test_a_penalty_lowers_the_accuracy_of_a_fresh_probe(
    without_penalty: float,
    planted: Dataset,
    planted_test: Dataset,
    small: dict[str, Any],
    name: str,
    weight: float,
) -> None:
    after = probe_accuracy(planted, planted_test, small, separation=name, separation_weight=weight)
    assert after < without_penalty - 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "weight"), [("covariance", 39.0), ("adversary", 30.0)])
def test_covariance_and_adversary_leave_the_label_to_a_fresh_probe(
    planted: Dataset, planted_test: Dataset, small: dict[str, Any], name: str, weight: float
) -> None:
    """Known limits: one detects linear dependence only, the other deceives only its own critic."""
    assert (
        probe_accuracy(planted, planted_test, small, separation=name, separation_weight=weight)
        > 0.5
    )
