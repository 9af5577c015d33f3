"""Data preparation and pipeline: weights, validation set, row limits, padding, finite checks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from wvae.config import Config
from wvae.nn.style_features.grey import GROUPS
from wvae.training import inference, pipeline
from wvae.training.examples import Examples, check_examples, pad_to_block
from wvae.training.finite import check_finite_training, check_finite_values
from wvae.training.initialise import build_model, initialise_from_data
from wvae.training.pipeline import alignment_rows, fit_model
from wvae.training.prepare import prepare_data, split_validation

CONFIG = Config(
    d_label=2, d_rest=3, width=8, depth=1, backbone="mlp", alignment_steps=2, finetune_epochs=1,
    epochs=1, batch_size=32, device="cpu",
)  # fmt: skip
CPU = torch.device("cpu")


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (100, 4, 4), dtype=np.uint8)


# --------------------------------------------------------------------------------------- weights


def test_weights_have_mean_1_and_rows_of_weight_0_are_left_out(x: np.ndarray):
    weight = np.arange(100) % 5 * 3.0  # 0, 3, 6, 9, 12
    prepared = prepare_data(CONFIG, x, np.arange(100) % 2, weight)
    assert len(prepared.data.y) == 80
    np.testing.assert_array_equal(prepared.data.x, x[np.arange(100) % 5 > 0])
    weights = prepared.data.weights(slice(None), CPU)
    assert weights is not None
    np.testing.assert_allclose(weights.every[:4], [0.4, 0.8, 1.2, 1.6], rtol=1e-6)
    torch.testing.assert_close(weights.labelled, weights.every)


def test_unlabelled_rows_have_label_weight_0_and_the_labelled_rows_make_up_for_them(x: np.ndarray):
    y = np.where(np.arange(100) % 4, np.arange(100) % 2, -1)  # a quarter is unlabelled
    weights = prepare_data(CONFIG, x, y).data.weights(slice(0, 4), CPU)
    assert weights is not None
    assert weights.every.tolist() == [1, 1, 1, 1]
    torch.testing.assert_close(weights.labelled, torch.tensor([0, 4 / 3, 4 / 3, 4 / 3]))


def test_a_subset_has_weights_of_mean_1_again():
    data = Examples(np.zeros((4, 2)), np.array([0, 1, 0, 1]), np.array([0.2, 0.6, 1.0, 2.2]))
    subset = data.subset(np.array([0, 1]))
    assert subset.weight is not None
    np.testing.assert_allclose(subset.weight, [0.5, 1.5])


def test_all_labelled_rows_of_weight_1_need_no_weights(x: np.ndarray):
    assert prepare_data(CONFIG, x, np.arange(100) % 2).data.weights(slice(None), CPU) is None


def test_class_centres_are_weighted_means_and_unknown_classes_keep_theirs():
    class_centres = pipeline._class_centres  # pyright: ignore[reportPrivateUsage]
    z_label = np.array([[0.0], [4.0], [7.0]], np.float32)
    data = Examples(np.zeros((3, 2)), np.array([0, 0, 2]), np.array([0.75, 0.25, 2.0]))
    centres = class_centres(z_label, data, None, 3)
    np.testing.assert_allclose(centres, [[1.0], [np.nan], [7.0]])
    previous = np.array([[9.0], [8.0], [9.0]], np.float32)
    data.weight = None
    centres = class_centres(z_label, data, previous, 3)
    np.testing.assert_allclose(centres, [[2.0], [8.0], [7.0]])


# -------------------------------------------------------------------------------- validation set


def test_validation_set_is_the_fraction_of_each_label(x: np.ndarray):
    y = np.repeat([0, 1, 2, -1], [50, 27, 3, 20])
    config = replace(CONFIG, early_stopping=True, validation_fraction=0.2)
    train, validation = split_validation(config, Examples(x, y), None)
    assert validation is not None
    assert np.bincount(validation.y + 1).tolist() == [4, 10, 5, 1]  # unlabelled rows, too
    rows = np.concatenate([train.x, validation.x]).reshape(100, -1)
    np.testing.assert_array_equal(np.unique(rows, axis=0), np.unique(x.reshape(100, -1), axis=0))
    other = split_validation(replace(config, random_state=1), Examples(x, y), None)[1]
    assert other is not None
    assert not np.array_equal(other.x, validation.x)


def test_no_label_is_left_without_training_rows():
    y = np.repeat([0, 1, 2], [3, 2, 20])
    config = replace(CONFIG, early_stopping=True, validation_fraction=0.9)
    train, validation = split_validation(config, Examples(np.zeros((25, 2)), y), None)
    assert validation is not None
    assert np.bincount(train.y).tolist() == [1, 1, 2]
    assert np.bincount(validation.y).tolist() == [2, 1, 18]


def test_validation_set_is_the_fraction_of_the_groups(x: np.ndarray):
    groups = np.arange(100) % 10
    config = replace(CONFIG, early_stopping=True, validation_fraction=0.3)
    marked = Examples(groups[:, None].astype(np.uint8), np.arange(100) // 50)
    train, validation = split_validation(config, marked, groups)
    assert validation is not None
    assert len(np.unique(validation.x)) == 3
    assert not set(train.x.ravel()) & set(validation.x.ravel())


def test_without_early_stopping_there_is_no_validation_set(x: np.ndarray):
    data = Examples(x, np.arange(100) % 2)
    assert split_validation(CONFIG, data, None) == (data, None)
    with pytest.raises(ValueError, match="early_stopping=True"):
        split_validation(CONFIG, data, np.arange(100))


# ------------------------------------------------------------------------- limits, padding, checks


@pytest.mark.parametrize(
    ("row_bytes", "rows"), [(4, 200_000), (512, 131_072), (784, 85_598), (10_000, 60_000)]
)
def test_alignment_rows_fit_into_64_mb_within_limits(row_bytes: int, rows: int):
    x = np.broadcast_to(np.zeros(1, np.uint8), (300_000, row_bytes))
    assert alignment_rows(Examples(x, np.zeros(300_000))) == rows


def test_alignment_and_finetuning_see_a_subsample(x: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    seen: list[int] = []
    monkeypatch.setattr(pipeline, "alignment_rows", lambda data: 60)
    monkeypatch.setattr(
        pipeline, "finetune_decoder", lambda model, data, on_phase: seen.append(len(data.x))
    )
    data = Examples(x, np.arange(100) % 2)
    fit_model(build_model(CONFIG, (4, 4), 2), data)
    assert seen == [60]


@pytest.mark.parametrize("n", [1, 7, 8, 11])
def test_padding_repeats_the_first_row_to_whole_blocks_of_8(n: int):
    x = torch.rand(n, 3)
    padded = pad_to_block(x)
    assert len(padded) == 8 * -(-n // 8)
    assert torch.equal(padded[:n], x)
    assert all(torch.equal(row, x[0]) for row in padded[n:])


def test_networks_run_on_whole_blocks(x: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    model = build_model(CONFIG, (4, 4), 2).eval()
    batch_sizes: list[int] = []
    encode, align, classify = model.encode, model.align, model.classify

    def recorded(function: Any) -> Any:
        def call(z: torch.Tensor, *more: Any) -> Any:
            batch_sizes.append(len(z))
            return function(z, *more)

        return call

    for name, function in {"encode": encode, "align": align, "classify": classify}.items():
        monkeypatch.setattr(model, name, recorded(function))
    (z_label, _), (z_rest, _) = inference.posterior(model, Examples(x[:11], np.zeros(11)))
    assert z_label.shape == (11, 2)
    assert inference.align(model, z_label, z_rest).shape == (11, 3)
    assert inference.probabilities(model, z_label).shape == (11, 2)
    assert set(batch_sizes) == {16}


@pytest.mark.parametrize(
    ("value", "fault"), [(np.nan, "NaN"), (-np.inf, "infinity"), (1e39, "1e\\+39")]
)
def test_values_that_are_not_finite_are_rejected_with_their_rows(value: float, fault: str):
    x = np.zeros((10_005, 2))
    x[10_003, 1] = value
    with pytest.raises(ValueError, match=rf"{fault}, first in row 10,004, column 2"):
        check_examples(x)


def test_the_range_of_the_values_is_that_of_all_blocks():
    assert check_finite_values(np.array([[0.0, -2.0], [1.0, 0.5]]), 0) == (-2.0, 1.0)
    x = np.zeros((20_001, 1))
    x[3], x[20_000] = -4, 7
    assert check_examples(x)[1:] == (-4, 7)


def test_a_weight_that_is_not_finite_is_reported_although_the_loss_is_finite():
    layer = torch.nn.Linear(1, 1)
    check_finite_training(layer, ["loss"], torch.ones(1), 3, 0.1)
    layer.bias.data[0] = float("nan")
    with pytest.raises(RuntimeError, match=r"epoch 3 .*a weight.*learning_rate \(now 0\.1\)"):
        check_finite_training(layer, ["loss"], torch.ones(1), 3, 0.1)


# -------------------------------------------------------------------------------- initialisation


def test_style_statistics_are_of_labelled_rows_only():
    x = np.random.default_rng(0).integers(0, 255, (60, 12, 12), dtype=np.uint8)
    y = np.arange(60) % 3 - 1
    model = build_model(CONFIG, (12, 12), 2)
    initialise_from_data(model, Examples(x, y))
    features = model.style_features(torch.from_numpy(x / 255).float())
    for k in range(2):
        expected = features[torch.from_numpy(y == k)]
        torch.testing.assert_close(model.style.mean[k], expected.mean(0), atol=1e-4, rtol=1e-3)
    labelled = torch.from_numpy(y >= 0)
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(y[y >= 0]), 2).float()
    relative = model.style.standardise(features[labelled], one_hot)
    assert relative[one_hot[:, 1] == 1].mean(0).abs().max() < 0.1
    assert relative.abs().max() <= 3


@pytest.mark.parametrize(("spread", "least", "most"), [(0.29, 0.0, 0.1), (1.5, 0.9, 1.0)])
def test_the_place_counts_as_far_as_it_varies_by_more_than_centring(
    spread: float, least: float, most: float
) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 2
    down = rng.normal(0, spread, len(y)) + 3.0 * y  # the label's own place is no style
    rows = np.arange(20)[:, None] - 9.5
    blob = np.exp(-0.1 * (rows - down[:, None, None]) ** 2 - 0.1 * (np.arange(20) - 9.5) ** 2)
    model = build_model(Config(width=8), (20, 20), 2)
    initialise_from_data(model, Examples(blob.astype(np.float32), y))
    names = [name for name, (n, _) in GROUPS.items() for _ in range(n)]
    place_x, place_y = np.flatnonzero(np.array(names) == "place")
    reliability = model.style.reliability.numpy()
    assert least <= reliability[place_y] <= most
    assert reliability[place_x] == 0
    assert (np.delete(reliability, [place_x, place_y]) == 1).all()
    assert model.style.weighted_loadings()[place_x].max() == 0


def test_style_features_of_sounds_are_fitted_to_labelled_rows_only():
    x = np.random.default_rng(0).random((60, 16, 20), dtype=np.float32)
    y = np.arange(60) % 3 - 1
    config = replace(CONFIG, kind="audio")
    with_unlabelled, labelled_only = (build_model(config, (16, 20), 2) for _ in range(2))
    initialise_from_data(with_unlabelled, Examples(x, y))
    initialise_from_data(labelled_only, Examples(x[y >= 0], y[y >= 0]))
    assert with_unlabelled.uses_style
    expected = labelled_only.style.state_dict()
    for name, value in with_unlabelled.style.state_dict().items():
        torch.testing.assert_close(value, expected[name], msg=name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_an_error_that_names_the_device():
    with pytest.raises(ValueError, match="device is 'cuda'"):
        build_model(replace(CONFIG, device="cuda"), (4, 4), 2)


# ----------------------------------------------------------------------------------- augmentation


@pytest.mark.parametrize(
    ("n", "side", "bends"), [(190, 36, True), (200, 36, False), (190, 32, False)]
)
def test_only_few_and_large_images_are_bent(n: int, side: int, bends: bool):
    config = replace(CONFIG, backbone="auto", alignment="none", finetune_epochs=0)
    data = Examples(np.zeros((n, side, side), np.uint8), np.arange(n) % 2)
    model = build_model(config, (side, side), 2)
    fit_model(model, data)
    assert model.bends_strokes == bends
