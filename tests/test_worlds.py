"""Several data sets side by side: the same steps for each, and one page for all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wvae.config import Config
from wvae.datasets import Dataset
from wvae.experiments import reproduce as experiments
from wvae.experiments.reproduce import describe_data
from wvae.experiments.worlds import hidden_factor, reproduce_worlds
from wvae.io.files import OutputExistsError
from wvae.workflows import measure


@pytest.fixture(autouse=True)
def fast_judges_and_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "MIN_JUDGE_EXAMPLES", 500)
    monkeypatch.setattr("wvae.evaluation.probes.EPOCHS", 3)


@pytest.fixture(scope="module")
def config(small: dict[str, Any]) -> Config:
    changes: dict[str, Any] = small | {"epochs": 3, "alignment_steps": 5, "finetune_epochs": 1}
    return Config(**changes)


@pytest.fixture(scope="module")
def data_sets(planted: Dataset) -> list[Dataset]:
    """Give the planted images in grey and in colour, a hidden writer in both."""
    colour = np.stack([planted.x, planted.x[:, ::-1], 255 - planted.x], 1)
    return [replace(planted, name="grey"), replace(planted, name="colour", x=colour)]


@pytest.mark.slow
def test_every_data_set_is_measured_plotted_and_reported(
    data_sets: list[Dataset], config: Config, tmp_path: Path
):
    folder = reproduce_worlds(
        data_sets, config, tmp_path / "run", title="small", command="wvae reproduce worlds"
    )
    metrics = json.loads((folder / "metrics.json").read_text())
    for name in ("grey", "colour"):
        for key in (
            "leakage.max",
            "sufficiency.max",
            "rest.factor.writer.accuracy",
            "clusters.z_rest.ami",
            "swap.label",
        ):
            assert np.isfinite(metrics[f"{name}.{key}"])
        for figure in ("swap", "map-z_rest-label", "map-z_rest-factor", "leakage"):
            assert (folder / "figures" / f"{name}-{figure}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / name / "model.safetensors").exists()
    page = (folder / "report.html").read_text()
    assert page.count("<figure") == 6
    assert f"{metrics['colour.clusters.z_rest.ami']:.3f}" in page
    assert "wvae reproduce worlds" in page
    with pytest.raises(OutputExistsError, match="is there already"):
        reproduce_worlds(data_sets, config, tmp_path / "run")


@pytest.mark.slow
def test_new_categories_are_compared_with_baselines(
    planted: Dataset, config: Config, tmp_path: Path
):
    split = np.where(planted.factors["writer"] > 2, "test", "train")
    data = replace(planted, name="new", split=split)
    folder = reproduce_worlds([data], config, tmp_path / "run")
    metrics = json.loads((folder / "metrics.json").read_text())
    for key in (
        "rest.factor.writer.new.accuracy",
        "retrieval.pairs.accuracy",
        "retrieval.top1.1",
        "baseline.centred.pairs.accuracy",
        "baseline.pca.new.accuracy",
        "baseline.pca.clusters.ami",
    ):
        assert 0 <= metrics[f"new.{key}"] <= 1
    assert "new.rest.factor.writer.accuracy" not in metrics
    page = (folder / "report.html").read_text()
    assert page.count("<figure") == 4
    assert "that training has not seen" in page
    assert f"{metrics['new.retrieval.pairs.accuracy']:.3f}" in page


@pytest.mark.slow
def test_sounds_are_on_the_page(planted: Dataset, config: Config, tmp_path: Path):
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("librosa")
    mel = np.random.default_rng(0).random((len(planted), 64, 64), dtype=np.float32)
    mel[:, :32] += (planted.factors["writer"] / 5)[:, None, None]
    data = replace(planted, x=(mel / mel.max()).astype(np.float32), kind="audio", name="speech")
    with pytest.raises(ValueError, match=r"speech has no sample rate"):
        reproduce_worlds([data], config, tmp_path / "run")
    data = replace(data, rate=16_000)
    folder = reproduce_worlds([data], config, tmp_path / "run")
    sounds = list((folder / "sounds" / "speech").glob("*.wav"))
    assert len(sounds) == 3 * 5
    assert {path.name[:4] for path in sounds} == {
        f"{group}-{place}-" for group in range(3) for place in range(5)
    }
    assert {soundfile.info(path).samplerate for path in sounds} == {16_000}
    assert json.loads((folder / "speech" / "config.json").read_text())["schema"]["rate"] == 16_000
    assert (folder / "report.html").read_text().count("<audio") == 15


def test_the_hidden_factor_is_the_first_with_repeated_categories(planted: Dataset):
    n = len(planted)
    factors = {
        "slant": np.linspace(0, 1, n),
        "id": np.arange(n),
        "writer": planted.factors["writer"],
    }
    assert hidden_factor(replace(planted, factors=factors)) == "writer"
    with pytest.raises(ValueError, match=r"no hidden categorical factor.*slant"):
        hidden_factor(replace(planted, factors={"slant": np.linspace(0, 1, n)}))


def test_a_data_set_is_given_once(planted: Dataset, config: Config, tmp_path: Path):
    for data_sets in ([], [planted, planted]):
        with pytest.raises(ValueError, match="expected one or more, each once"):
            reproduce_worlds(data_sets, config, tmp_path / "run")


def test_data_are_fingerprinted_once(
    data_sets: list[Dataset], config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    names: list[str] = []
    original = describe_data

    def record(data: Dataset) -> dict[str, Any]:
        names.append(data.name)
        return original(data)

    monkeypatch.setattr(experiments, "describe_data", record)
    monkeypatch.setattr("wvae.experiments.worlds._run_data_set", lambda *_: {})
    monkeypatch.setattr("wvae.reporting.html.write_worlds", lambda *_: None)
    folder = reproduce_worlds(data_sets, config, tmp_path / "run")
    described = json.loads((folder / "config.json").read_text())["data"]
    assert names == [data["name"] for data in described] == ["grey", "colour"]
    assert described[0]["fingerprint"] != described[1]["fingerprint"]
