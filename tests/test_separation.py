"""Ways to keep the label out: planted dependence must cost, independence must not."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from wvae.config import Config, parameters
from wvae.datasets import Dataset
from wvae.estimator import WVAE
from wvae.evaluation.leakage import leakage
from wvae.model import SplitVAE
from wvae.nn.penalties import SEPARATIONS, Codes, adversary, covariance, critic_loss, hsic, none, swap
from wvae.training.diagnostics import TrainingWarning

MODEL = SplitVAE(Config(d_label=3, d_rest=3, width=8), (8, 8), 4)


def codes(n: int = 4000, copied: bool = False) -> Codes:
    generator = torch.Generator().manual_seed(0)
    z_label = torch.randn(n, 3, generator=generator)
    return Codes(z_label, z_label.clone() if copied else torch.randn(n, 3, generator=generator))


def test_the_table_and_the_config_name_the_same() -> None:
    choices = next(p.choices for p in parameters() if p.name == "separation")
    assert set(choices) == set(SEPARATIONS)


def test_none_costs_nothing() -> None:
    assert none(MODEL, codes(copied=True), torch.zeros(4000)).item() == 0


def test_covariance_is_small_for_independent_codes_and_large_for_copies() -> None:
    y = torch.zeros(4000)
    assert covariance(MODEL, codes(), y).item() < 1e-3
    # For a copy C is the covariance of unit vectors, I / 3 in three dimensions: half of 3 · (1/3)².
    assert covariance(MODEL, codes(copied=True), y).item() == pytest.approx(1 / 6, rel=0.02)


def test_covariance_ignores_the_length_and_the_mean_sign_pattern() -> None:
    z = codes(copied=True)
    longer = Codes(z.z_label * 7, z.z_rest * 0.1)
    assert covariance(MODEL, longer, torch.zeros(4000)).item() == pytest.approx(
        covariance(MODEL, z, torch.zeros(4000)).item(), rel=1e-5
    )


def test_covariance_is_blind_to_what_is_not_linear() -> None:
    """Its known limit, so that nobody takes it for a proof of independence."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(20_000, 2, generator=generator)
    dependent = Codes(a, a * torch.sign(torch.randn(20_000, 1, generator=generator)))
    assert covariance(MODEL, dependent, torch.zeros(20_000)).item() < 1e-3


# ------------------------------------------------------------------------------------------ hsic


def labels(n: int, k: int = 4) -> torch.Tensor:
    return torch.randint(k, (n,), generator=torch.Generator().manual_seed(1))


def test_hsic_is_zero_for_independence_and_one_for_the_label_itself() -> None:
    y = labels(1000)
    assert hsic(MODEL, codes(1000), y).item() < 0.01
    itself = Codes(torch.zeros(1000, 3), torch.nn.functional.one_hot(y, 4).float())
    assert hsic(MODEL, itself, y).item() == pytest.approx(1, abs=1e-4)
    longer = Codes(itself.z_label, 50 * itself.z_rest + 3)
    assert hsic(MODEL, longer, y).item() == pytest.approx(1, abs=1e-3)


def test_hsic_sees_what_is_not_linear() -> None:
    """Two classes of the same mean, one narrow and one wide: covariance is blind to it."""
    y = labels(1000, 2)
    z = codes(1000).z_rest * (0.3 + 1.7 * y[:, None])
    assert hsic(MODEL, Codes(codes(1000).z_label, z), y).item() > 0.1


def test_hsic_lies_between_and_grows_with_dependence() -> None:
    y = labels(500, 2)
    noise = codes(500).z_rest
    found = [hsic(MODEL, Codes(noise, noise + shift * y[:, None]), y).item() for shift in (0.0, 0.5, 1.0, 3.0)]
    assert found == sorted(found)
    assert 0 <= found[0] < found[-1] <= 1


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
@pytest.mark.parametrize("separation", [hsic, covariance, swap], ids=lambda s: s.__name__)
def test_a_batch_without_contrast_has_a_finite_gradient(separation: Any, z: torch.Tensor, y: torch.Tensor) -> None:
    z = z.clone().requires_grad_()
    value = separation(MODEL, Codes(torch.ones(len(z), 3), z), y)
    value.backward()
    assert value.isfinite()
    assert z.grad is not None
    assert z.grad.isfinite().all()


# ------------------------------------------------------------------------------------------ adversary


class Critical(torch.nn.Module):
    """Stands for a model: it has a critic and an encoder's weight."""

    def __init__(self, scale: float, classes: int = 3) -> None:
        super().__init__()
        self.critic = torch.nn.Linear(classes, classes, bias=False)
        self.encoder = torch.nn.Linear(classes, classes)
        with torch.no_grad():
            self.critic.weight.copy_(scale * torch.eye(classes))


def test_a_critic_that_knows_nothing_costs_nothing_and_a_sure_one_much() -> None:
    y = labels(300, 3)
    leaky = Codes(torch.zeros(300, 3), torch.nn.functional.one_hot(y, 3).float())
    blind, sure, surer = (adversary(Critical(scale), leaky, y).item() for scale in (0.0, 5.0, 10.0))  # pyright: ignore
    assert blind == pytest.approx(0, abs=1e-6)
    # Logits s, 0, 0: −mean log p = log(eˢ + 2) − s / 3, less log 3.
    assert sure == pytest.approx(np.log(np.exp(5) + 2) - 5 / 3 - np.log(3), rel=1e-5)
    assert surer > sure


def test_the_adversary_does_not_ask_for_a_wrong_label() -> None:
    """A code that surely means another class leaks as much as one that means its own."""
    y = labels(300, 3)
    right, wrong = (torch.nn.functional.one_hot(k, 3).float() for k in (y, (y + 1) % 3))
    model: Any = Critical(5.0)
    own, other = (adversary(model, Codes(torch.zeros(300, 3), z), y).item() for z in (right, wrong))
    assert own == pytest.approx(other, rel=1e-6)


def test_the_critic_learns_on_leaky_codes_and_moves_nothing_else() -> None:
    model: Any = Critical(0.0)
    y = labels(300, 3)
    for leaky in (True, False):
        model = Critical(0.0)
        given = torch.nn.functional.one_hot(y if leaky else labels(300, 3).roll(1), 3).float()
        z = model.encoder.weight.sum() * 0 + given  # a code that the encoder could change
        optimiser, losses = torch.optim.Adam(model.parameters(), 0.1), []
        for _ in range(60):
            optimiser.zero_grad()
            loss = critic_loss(model, Codes(z, z), y)
            loss.backward()
            assert model.encoder.weight.grad is None
            optimiser.step()
            losses.append(loss.item())
        assert losses[0] == pytest.approx(np.log(3), rel=1e-5)
        assert (losses[-1] < 0.1) == leaky


# ------------------------------------------------------------------------------------------ swap


class Mirror(torch.nn.Module):
    """Stands for a model whose pictures are the codes side by side; `lost` is added to the rest on the way back."""

    def __init__(self, lost: float = 0.0, confused: bool = False) -> None:
        super().__init__()
        self.lost, self.confused = lost, confused

    def picture(self, z_label: torch.Tensor, z_rest: torch.Tensor) -> torch.Tensor:
        return torch.cat([z_label, z_rest], 1)

    def encode(self, x: torch.Tensor) -> tuple[Normal, Normal]:
        label = x[:, :3].roll(1, 1) if self.confused else x[:, :3]
        return Normal(label, 1.0), Normal(x[:, 3:] + self.lost, 1.0)

    def classifier(self, z_label: torch.Tensor) -> torch.Tensor:
        return 100 * z_label


def test_a_perfect_round_trip_costs_nothing() -> None:
    y = labels(200, 3)
    z = Codes(torch.nn.functional.one_hot(y, 3).float(), codes(200).z_rest)
    perfect, lossy, confused = Mirror(), Mirror(0.5), Mirror(confused=True)
    found = [swap(model, z, y).item() for model in (perfect, lossy, confused)]  # pyright: ignore[reportArgumentType]
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found[1] == pytest.approx(0.5 * 3 * 0.25, rel=1e-5)  # ½ ‖z' − z‖² in three dimensions
    assert found[2] == pytest.approx(100, rel=1e-3)  # the swapped label is read as another


def test_swap_reaches_encoder_and_decoder() -> None:
    model = SplitVAE(Config(d_label=3, d_rest=3, width=8), (8, 8), 4)
    swap(model, codes(20), labels(20)).backward()
    touched = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {"trunk", "rest_mean", "label_mean", "decoder"} <= touched


# ------------------------------------------------------------------------------------------ from end to end

EASY: dict[str, Any] = {"label_path": "code", "style_weight": 0.0, "label_kl_weight": 1.0, "alignment": "none"}


def leaked(data: Dataset, test: Dataset, small: dict[str, Any], **changes: Any) -> float:
    """Return what a fresh probe reads of the label from z_rest, where the method invites leakage."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        model = WVAE(**small | EASY | {"rest_kl_weight": 0.1, "epochs": 20} | changes).fit(data.x, data.y)
    codes = model.transform(data.x), model.transform(test.x)
    return leakage(codes[0], data.y, codes[1], test.y, kinds=["knn"], null=False)["leakage.max"]


@pytest.fixture(scope="module")
def before(planted: Dataset, planted_test: Dataset, small: dict[str, Any]) -> float:
    return leaked(planted, planted_test, small)


def test_without_any_the_label_leaks(before: float) -> None:
    assert before > 0.7  # chance is 1/4; else what follows would prove nothing


@pytest.mark.parametrize(("name", "weight"), [("hsic", 300.0), ("swap", 30.0)])
def test_a_fresh_probe_reads_less(
    before: float, planted: Dataset, planted_test: Dataset, small: dict[str, Any], name: str, weight: float
) -> None:
    after = leaked(planted, planted_test, small, separation=name, separation_weight=weight)
    assert after < before - 0.1


@pytest.mark.parametrize(("name", "weight"), [("covariance", 39.0), ("adversary", 30.0)])
def test_these_do_not_keep_a_fresh_probe_out(
    planted: Dataset, planted_test: Dataset, small: dict[str, Any], name: str, weight: float
) -> None:
    """Known limits: one sees linear traces only, the other deceives its own critic and no new one."""
    assert leaked(planted, planted_test, small, separation=name, separation_weight=weight) > 0.5
