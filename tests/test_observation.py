"""The observation model: Bernoulli or Gaussian, densities in the units of the data, its bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from wvae.config import Config
from wvae.model import Codes, SplitVAE
from wvae.nn.observation import ObservationModel
from wvae.training.examples import Examples
from wvae.training.initialise import build_model, initialise_from_data
from wvae.training.loop import evaluate, train


def gaussian_model(shape: tuple[int, ...], **changes: Any) -> SplitVAE:
    config = Config(d_label=2, d_rest=3, width=16, device="cpu", **changes)
    return build_model(config, shape, 3, unit_range=False)


@pytest.mark.parametrize(
    ("likelihood", "unit_range", "expected"),
    [
        ("auto", True, "bernoulli"),
        ("auto", False, "gaussian"),
        ("gaussian", True, "gaussian"),
        ("bernoulli", True, "bernoulli"),
    ],
)
def test_the_likelihood_follows_the_data_unless_it_is_named(
    likelihood: Any, unit_range: bool, expected: str
) -> None:
    model = ObservationModel(Config(likelihood=likelihood), (4, 4), unit_range)
    assert model.likelihood == expected


def test_bernoulli_needs_values_between_0_and_1() -> None:
    with pytest.raises(ValueError, match=r"'bernoulli'.*\[0, 1\]"):
        ObservationModel(Config(likelihood="bernoulli"), (4,), unit_range=False)


def test_the_likelihood_does_not_change_the_initial_weights() -> None:
    bernoulli = build_model(Config(width=8), (5,), 3).state_dict()
    gaussian = build_model(Config(width=8, likelihood="gaussian"), (5,), 3).state_dict()
    added = {"observation.input_mean", "observation.input_sd", "observation.log_scale"}
    assert set(gaussian) - set(bernoulli) == added
    for name, value in bernoulli.items():
        assert torch.equal(value, gaussian[name]), name


@pytest.mark.parametrize("shape", [(5,), (4, 6), (3, 4, 4)])
def test_gaussian_reconstruction_is_a_density_in_the_units_of_the_data(
    shape: tuple[int, ...],
) -> None:
    rng = np.random.default_rng(0)
    per_column = len(shape) == 1
    unit = 10.0 ** np.arange(-2, 3) if per_column else 40.0
    x = (rng.normal(3, 1, (90, *shape)) * unit).astype(np.float32)
    data = Examples(x, np.arange(90) % 3)
    model = gaussian_model(shape)
    initialise_from_data(model, data)
    observation = model.observation
    axes = 0 if per_column else None
    np.testing.assert_allclose(observation.input_mean, x.mean(axes, dtype=float), rtol=1e-5)
    np.testing.assert_allclose(observation.input_sd, x.std(axes, dtype=float), rtol=1e-5)
    standardised = observation.standardise(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(standardised.std(axes), 1, rtol=1e-4)

    x_tensor, y = torch.from_numpy(x), torch.from_numpy(data.y)
    with torch.no_grad():
        model.eval().observation.log_scale.fill_(-0.7)
        q_label, q_rest = model.encode(x_tensor)
        codes = Codes(q_label.mean, q_rest.mean)
        mean = model.decode(*codes).mean.numpy().astype(float)
        terms = model.terms(x_tensor, y, q_label, q_rest, codes)
    sd = np.exp(-6 + np.log1p(np.exp(-0.7 + 6))) * observation.input_sd.numpy().astype(float)
    nats = 0.5 * ((x - mean) / sd) ** 2 + np.log(sd) + 0.5 * np.log(2 * np.pi)
    expected = nats.reshape(90, -1).sum(1).mean()
    assert terms["reconstruction"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(5,), (4, 6)])
def test_another_unit_costs_its_logarithm_and_nothing_else(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(3, 1, (90, *shape)).astype(np.float32)
    terms = []
    for unit in (1, 1000):
        data = Examples(unit * x, np.arange(90) % 3)
        model = gaussian_model(shape)
        initialise_from_data(model, data)
        terms.append(evaluate(model, data))
    difference = terms[1]["reconstruction"] - terms[0]["reconstruction"]
    assert difference == pytest.approx(np.prod(shape) * np.log(1000), rel=1e-4)
    assert terms[1]["kl_rest"] == pytest.approx(terms[0]["kl_rest"], rel=1e-3)


def test_constant_columns_are_not_divided_by_zero() -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    x[:, 1], x[:, 2], x[:, 3] = 0, 7.7, 1e9
    data = Examples(x, np.arange(60) % 3)
    model = gaussian_model((4,), epochs=3)
    initialise_from_data(model, data)
    assert model.observation.input_sd.tolist()[1:] == [1, 1, 1000]
    standardised = model.observation.standardise(torch.from_numpy(x).float())
    assert float(standardised[:, 1:].abs().max()) < 0.1
    train(model, data)
    assert all(value.isfinite().all() for value in model.state_dict().values())


def test_the_standardised_input_is_clipped_at_five_standard_deviations() -> None:
    model = ObservationModel(Config(), (4,), unit_range=False)
    standardised = model.standardise(torch.tensor([[-1e30, -4.0, 4.0, 1e30]]))
    assert standardised.tolist() == [[-5, -4, 4, 5]]


def test_the_scale_cannot_fall_below_its_bound() -> None:
    model = ObservationModel(Config(), (4,), unit_range=False)
    with torch.no_grad():
        model.log_scale.fill_(-100.0)
    sd = model.distribution(torch.zeros(1, 4)).stddev
    assert sd[0].log().tolist() == pytest.approx([-6.0] * 4, abs=1e-3)


def test_gaussian_means_of_images_are_pixels() -> None:
    """Swapped images are encoded again, so they must lie in [0, 1]."""
    model = ObservationModel(Config(likelihood="gaussian"), (4,), unit_range=True)
    mean = model.distribution(torch.tensor([[-50.0, 0.0, 1.0, 50.0]])).mean
    assert mean.tolist()[0] == pytest.approx([0, 0.5, 0.7311, 1], abs=1e-4)


@pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")  # random labels
def test_the_scale_learns_the_noise() -> None:
    """Six equal columns fit into the code; their independent noise does not."""
    rng = np.random.default_rng(0)
    sds = []
    for noise in (0.3, 0.0):
        x = rng.normal(size=(256, 1)) * np.ones((1, 6)) + noise * rng.normal(size=(256, 6))
        changes: dict[str, Any] = {"alignment": "none", "rest_kl_weight": 0.1}
        model = gaussian_model((6,), epochs=25, batch_size=32, learning_rate=3e-2, **changes)
        train(model, Examples(x, np.arange(256) % 3))
        with torch.no_grad():
            p = model.decode(torch.zeros(1, 2), torch.zeros(1, 3))
        sds.append(float(p.stddev[0, 0] / model.observation.input_sd[0]))
    assert 0.1 < sds[0] < 0.35
    assert 0.002 < sds[1] < 0.1
