"""The gradient that is written out is autograd's, whatever the sizes, the share and the rows' weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wvae.config import Config
from wvae.nn.distributed import Share, share_of
from wvae.training.examples import Examples, Weights
from wvae.training.gradient import gradient_of, is_written
from wvae.training.loop import adam, build, draw_noise, optimiser_of, train

Terms = dict[str, torch.Tensor]


def both(config: Config, double: bool = True, weighted: bool = False) -> list[tuple[Terms, Terms]]:
    """Return terms and gradients by autograd, and written out."""
    found = []
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(7, 9, 6, generator=generator), torch.randint(0, 4, (7,), generator=generator)
    noise = draw_noise(config, share_of(7), generator)
    weights = Weights(torch.linspace(0.5, 1.5, 7), torch.linspace(0.5, 1.5, 7)) if weighted else None
    for written in (False, True):
        model = build(config, (9, 6), 4).train()
        if double:
            model, x, noise = model.double(), x.double(), (noise[0].double(), noise[1].double())
        if model.centred:
            model.shift.copy_(x.mean(0))
        optimiser = optimiser_of(model) if written else adam(config, model.named_parameters())
        terms = gradient_of(model, optimiser)(x, y, noise, weights, Share(14, slice(0, 7), 0.5))
        gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        found.append(({name: value.detach() for name, value in terms.items()}, gradients))
    return found


@pytest.mark.parametrize("preset", ["article", "quick"])
@pytest.mark.parametrize(("d_label", "d_rest"), [(3, 5), (1, 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_is_that_of_autograd(preset: str, d_label: int, d_rest: int, weighted: bool) -> None:
    config = Config.preset(preset, d_label=d_label, d_rest=d_rest, width=11, device="cpu", label_kl_weight=2.0)  # pyright: ignore
    (terms, gradients), (written, by_hand) = both(config, weighted=weighted)
    assert terms.keys() == written.keys()
    assert gradients.keys() == by_hand.keys()
    for name, value in terms.items():
        torch.testing.assert_close(written[name].double(), value.double(), rtol=1e-6, atol=1e-6)
    for name, value in gradients.items():
        torch.testing.assert_close(by_hand[name], value, rtol=1e-9, atol=1e-12)


def test_of_short_numbers_it_is_the_same_but_for_rounding() -> None:
    config = Config.preset("article", d_label=3, d_rest=5, width=64, device="cpu", precision="bfloat16")
    (_, short), (_, by_hand) = both(config, double=False)
    (_, exact), _ = both(replace(config, precision="float32"), double=False)
    for name, value in exact.items():
        of_autograd, of_hand = ((g[name] - value).norm() / value.norm() for g in (short, by_hand))
        assert of_hand < 0.05
        assert of_hand < 2 * of_autograd + 0.01


def test_a_wrong_gradient_would_be_seen() -> None:
    config = Config.preset("article", d_label=3, d_rest=5, width=11, device="cpu")
    (_, gradients), _ = both(config)
    _, (_, by_hand) = both(replace(config, rest_kl_weight=1.5))
    with pytest.raises(AssertionError):
        torch.testing.assert_close(by_hand["trunk.1.weight"], gradients["trunk.1.weight"], rtol=1e-3, atol=1e-6)


def test_both_train_to_the_same_weights() -> None:
    rng = np.random.default_rng(0)
    data = Examples(rng.random((96, 6, 6), np.float32), np.arange(96) % 3)
    config = Config.preset("quick", d_label=2, d_rest=3, width=16, epochs=4, batch_size=32, device="cpu")
    model = build(config, (6, 6), 3)
    assert is_written(model)
    train(model, data)
    # A term of no weight makes the objective one that is not written out.
    other = build(replace(config, separation="covariance", separation_weight=0.0), (6, 6), 3)
    assert not is_written(other)
    train(other, data)
    for (name, a), b in zip(model.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4, msg=name)


def test_parameters_that_were_moved_are_noticed() -> None:
    model = build(Config.preset("article", width=8, device="cpu"), (6, 6), 3)
    optimiser = optimiser_of(model)
    model.trunk[1].weight.data = model.trunk[1].weight.data.clone()  # pyright: ignore
    with pytest.raises(RuntimeError, match="make it anew"):
        gradient_of(model, optimiser)
