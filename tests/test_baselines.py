"""Baselines of z_rest: planted factors that ten lines find, and factors that they do not find."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from wvae import WVAE, Config, measure
from wvae.datasets import Dataset
from wvae.evaluation.baselines import relative_to_label
from wvae.evaluation.clustering import agreement, kmeans
from wvae.training.initialise import initialise_from_data
from wvae.training.prepare import prepare_data
from wvae.workflows.baselines import baseline_points
from wvae.workflows.cluster import cluster

Array = np.ndarray
SMALL: dict[str, Any] = {"width": 32, "epochs": 20, "finetune_epochs": 0, "device": "cpu"}


def planted_table(n: int = 300, d: int = 8, seed: int = 0) -> tuple[Array, Array, Array]:
    """Return rows, labels and hidden groups; the unit of every column depends on the label."""
    rng = np.random.default_rng(seed)
    y, group = rng.integers(3, size=n), rng.integers(3, size=n)
    x = 2 * rng.normal(size=(3, d))[group] + rng.normal(size=(n, d))
    x = x * rng.uniform(0.2, 5, (3, d))[y] + 20 * rng.normal(size=(3, d))[y]
    return x, y, group


def ami(points: Array, group: Array) -> float:
    return agreement(kmeans(points, len(np.unique(group))), group)["ami"]


def test_a_factor_hidden_by_the_label_is_found_relative_to_the_label():
    x, y, group = planted_table()
    assert ami(relative_to_label(x, y), group) > 0.9
    assert ami(x / x.std(0), group) < 0.2  # control: the data as they are
    shuffled = np.random.default_rng(1).permutation(y)
    assert ami(relative_to_label(x, shuffled), group) < 0.2


def test_relative_values_have_mean_0_and_sd_1_in_each_label():
    x, y, _ = planted_table()
    x[:, 2] = 1e9 + 3 * y  # constant in each label
    relative = relative_to_label(x.reshape(-1, 2, 4), np.array(["a", "b", "c"])[y])
    assert relative.shape == (300, 8)
    assert (relative[:, 2] == 0).all()
    others = np.delete(relative, 2, axis=1)
    for label in range(3):
        np.testing.assert_allclose(others[y == label].mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(others[y == label].std(0), 1, atol=1e-5)
    with pytest.raises(ValueError, match="300 examples and 5 labels"):
        relative_to_label(x, y[:5])


def test_the_style_features_are_those_of_the_model_relative_to_the_predicted_label(
    planted: Dataset,
):
    model = WVAE(**SMALL).fit(planted.x, planted.y)
    features = model.style_features(planted.x)
    assert features.shape == (len(planted), 20)
    weight = model.model_.style.features.weight.numpy()
    assert abs(features / np.sqrt(weight)).max() <= 3 + 1e-5
    predicted = model.predict(planted.x)
    accuracy = (predicted == planted.y).mean()
    assert accuracy > 0.95
    for label in np.unique(predicted):
        assert abs(features[predicted == label].mean(0)).max() < 0.5
    raw = model.model_.style_features(torch.from_numpy(planted.x / 255).float()).numpy()
    thickness = raw[:, 0]
    spread = [thickness[predicted == label].mean() for label in np.unique(predicted)]
    assert np.ptp(spread) > 0.5 * thickness.std()  # control: features differ between labels
    names = {name: points.shape[1] for name, points in baseline_points(model, planted.x).items()}
    assert names == {"relative": 64, "features": 20}


def test_models_without_style_or_classifier_have_fewer_baselines(planted: Dataset):
    model = WVAE(style_weight=0.0, **SMALL).fit(planted.x, planted.y)
    with pytest.raises(ValueError, match="no style features"):
        model.style_features(planted.x)
    assert list(baseline_points(model, planted.x)) == ["relative"]
    x, y, _ = planted_table()
    table = WVAE(kind="table", **SMALL).fit(x, y)
    assert table.style_features(x).shape == (300, 8)
    assert list(baseline_points(table, x)) == ["relative"]  # its style features are its columns
    plain = SimpleNamespace(config_=SimpleNamespace(classifier_weight=0.0))
    assert baseline_points(plain, x) == {}  # pyright: ignore[reportArgumentType]


def test_cluster_scores_the_baselines_beside_z_rest(
    planted: Dataset, monkeypatch: pytest.MonkeyPatch
):
    model = WVAE(**SMALL).fit(planted.x, planted.y)
    found = cluster(model, planted, k=5)
    assert list(found.baselines) == ["relative", "features"]
    points = relative_to_label(planted.x, model.predict(planted.x))
    expected = agreement(kmeans(points, 5, seed=0), planted.factors["writer"])
    assert found.baselines["relative"]["writer"] == expected
    assert found.baselines["features"].keys() == found.scores.keys()
    assert cluster(model, planted, k=4, on="label").baselines == {}
    monkeypatch.setattr("wvae.workflows.cluster.MAX_ROWS", 100)
    few = cluster(model, planted, k=5)
    assert few.scores == found.scores
    assert few.baselines != found.baselines


def test_z_rest_of_a_table_starts_as_the_principal_components_relative_to_the_label():
    x, y, _ = planted_table()
    config = Config(kind="table", d_rest=4, width=8, device="cpu")
    examples = prepare_data(config, x, y, None)
    model = examples.build_model(config)
    initialise_from_data(model, examples.data)
    t = relative_to_label(x, y).clip(-3, 3)
    values, directions = np.linalg.eigh(np.cov(t.T, ddof=0))
    components = t @ directions[:, ::-1][:, :4]
    with torch.no_grad():
        features = model.style_features(examples.data.batch(slice(0, 300), torch.device("cpu"))[0])
        style = model.style.standardise(features, torch.from_numpy(y))
        weights = model.rest_mean.weight[:, -8:]
        mean, sd = style @ weights.T, (0.5 * model.rest_log_variance.bias).exp()
    for j in range(4):
        assert abs(np.corrcoef(mean[:, j], components[:, j])[0, 1]) > 0.99
    # By probabilistic PCA with noise σ² = β / (weight of the style · v): sd² = σ² / λ.
    noise = config.rest_kl_weight / (config.style_weight * 5 / 8)
    np.testing.assert_allclose(sd**2, noise / values[::-1][:4], rtol=0.05)
    assert abs(model.rest_mean.weight[:, :-8]).max() == 0


def test_a_table_saved_before_columns_were_style_features_is_read(tmp_path: Path):
    x, y, _ = planted_table()
    old = WVAE(kind="table", style_weight=0.0, rest_kl_weight=0.1, **SMALL).fit(x, y)
    old.save(tmp_path / "m")
    file = tmp_path / "m" / "config.json"
    about = json.loads(file.read_text())
    about["config"]["style_weight"] = 10.0  # the default, which had no effect
    file.write_text(json.dumps(about))
    np.testing.assert_array_equal(WVAE.load(tmp_path / "m").transform(x), old.transform(x))


@pytest.mark.slow
def test_a_table_of_300_rows_is_split_as_well_as_by_the_baseline():
    x, y, group = planted_table()
    split = np.where(np.arange(len(x)) % 3 == 0, "test", "train")
    data = Dataset(x, y, {"group": group}, split=split, kind="table", name="planted")
    model = WVAE(kind="table", device="cpu").fit(data)
    assert model.alignment_ == "gaussian"
    assert ami(model.transform(x), group) > ami(relative_to_label(x, y), group) - 0.1
    metrics = measure(model, data)
    assert metrics["clusters.group.z_rest"] > 0.7
    assert metrics["clusters.group.relative"] > 0.7
    assert "clusters.group.features" not in metrics
    assert WVAE(kind="table", device="cpu", random_state=0).fit(data).alignment_ == "gaussian"
