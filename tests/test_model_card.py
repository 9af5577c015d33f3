"""The model card: written from what was measured, and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest

import wvae
from command_line import Command
from wvae.datasets import Dataset
from wvae.io.files import ModelFileError
from wvae.io.model_card import model_card, model_licence
from wvae.io.model_folder import read_model_folder
from wvae.io.shared_files import folder_card
from wvae.workflows.inputs import write_training_record
from wvae.workflows.measures_file import keep_measures, measures_record

FIGURES = {
    "leakage.max": 0.312,
    "leakage.low": 0.27,
    "leakage.high": 0.351,
    "leakage.majority": 0.25,
    "leakage.positive_control": 0.991,
    "sufficiency.predict": 0.987,
    "swap.label": 0.955,
    "swap.judge": 0.999,
    "swap.rest_r2": 0.876,
    "clusters.writer.z_rest": 0.543,
    "clusters.writer.relative": 0.123,
}


@pytest.fixture
def folder(fitted: wvae.WVAE, planted: Dataset, tmp_path: Path) -> Path:
    fitted.save(tmp_path / "model")
    write_training_record(tmp_path / "model", planted, str(tmp_path))
    return tmp_path / "model"


def card_of(folder: Path) -> huggingface_hub.ModelCard:
    """Return the card as the Hub's own library reads it."""
    return huggingface_hub.ModelCard(folder_card(folder, "hf://ada/animals"))


def test_every_figure_stands_beside_what_it_is_to_be_compared_with(folder: Path, planted: Dataset):
    keep_measures(folder, planted, FIGURES, 0, log=print)
    text = card_of(folder).text
    lines = {line.split("|")[1].strip(): line for line in text.splitlines() if "0." in line}
    for title, expected in {
        "leakage": ["0.312", "0.250", "0.270–0.351"],
        "animal predicted": ["0.987", "0.250"],
        "swaps": ["0.955", "0.999"],
        "clusters of z_rest beside the writer": ["0.543", "0.123"],
    }.items():
        (line,) = (line for name, line in lines.items() if name.startswith(title))
        for figure in expected:
            assert figure in line, title
    assert "40 test rows of planted" in text
    assert 'wvae.load("hf://ada/animals")' in text
    assert "4 values: ant, bee, cat, dog" in text


def test_the_front_matter_is_what_the_hub_reads(folder: Path, planted: Dataset):
    keep_measures(folder, planted, FIGURES, 0, log=print)
    data = card_of(folder).data.to_dict()
    assert data["library_name"] == "wvae"
    assert data["license"] == "unknown"  # that of the data, which state none
    assert "variational-autoencoder" in data["tags"]
    assert data["metrics"] == ["accuracy"]
    values = {
        metric["type"]: metric["value"]
        for metric in data["model-index"][0]["results"][0]["metrics"]
    }
    assert values == {"accuracy": 0.987, "leakage": 0.312}


def test_without_measures_the_card_says_so_and_how(folder: Path):
    card = card_of(folder)
    assert "Nothing was measured" in card.text
    assert "wvae measure" in card.text
    assert "metrics" not in card.data.to_dict()
    assert "|" not in card.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"leakage.low": 0.1, "leakage.high": 0.2}, "The split is clean"),
        ({}, "too few test rows"),
        ({"leakage.low": 0.31}, "not clean"),
    ],
)
def test_the_limits_have_the_verdict(
    changes: dict[str, float], words: str, folder: Path, planted: Dataset
):
    keep_measures(folder, planted, FIGURES | changes, 0, log=print)
    assert words in card_of(folder).text.partition("## Limits")[2]


def test_a_doubt_about_the_test_rows_is_a_limit(folder: Path, planted: Dataset):
    keep_measures(folder, planted, FIGURES, 0, doubtful=True, log=print)
    assert "too good" in card_of(folder).text.partition("## Limits")[2]
    assert "has not seen" not in card_of(folder).text
    keep_measures(folder, planted, FIGURES, 0, log=print)
    assert "too good" not in card_of(folder).text.partition("## Limits")[2]


def test_no_path_of_this_machine_is_in_the_card(folder: Path, planted: Dataset, tmp_path: Path):
    keep_measures(folder, planted, FIGURES, 0, doubtful=True, log=print)
    assert str(tmp_path) not in folder_card(folder, "hf://ada/animals")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MIT", "mit"),
        ("CC BY-SA 4.0", "cc-by-sa-4.0"),
        ("CC BY-SA 3.0; writers: BSD", "other"),
        ("", "unknown"),
    ],
)
def test_the_licence_of_the_data_has_the_hubs_name(text: str, expected: str, folder: Path):
    assert model_licence(text) == expected
    card = model_card(read_model_folder(folder), {"licence": text}, None)
    data = huggingface_hub.ModelCard(card).data.to_dict()
    assert data["license"] == expected
    assert ("license_name" in data) == (expected == "other")
    assert (text or "not stated") in card


def test_a_card_of_damaged_records_is_refused(folder: Path):
    (folder / "measures.json").write_text("[1]")
    with pytest.raises(ModelFileError, match=r"measures\.json"):
        folder_card(folder, "hf://ada/animals")


# ---------------------------------------------------------------------------- measures.json


def test_measures_say_what_they_are_of(planted: Dataset):
    record = measures_record(planted, {"leakage.max": 0.3}, 4)
    assert record["rows"] == {"train": 360, "test": 40}
    assert measures_record(planted, {"leakage.rows": 30.0}, 4)["rows"]["test"] == 30
    assert (record["data"], record["label"], record["seed"]) == ("planted", "animal", 4)
    assert record["figures"] == {"leakage.max": 0.3}
    assert "warning" not in record
    json.dumps(record)


def test_figures_that_cannot_be_kept_are_not_lost(planted: Dataset, tmp_path: Path):
    lines: list[str] = []
    keep_measures(tmp_path / "no-such-folder", planted, FIGURES, 0, log=lines.append)
    assert len(lines) == 1
    assert "not kept" in lines[0]


@pytest.mark.slow
def test_measure_keeps_its_figures_for_the_card(
    folder: Path, planted: Dataset, tmp_path: Path, command: Command
):
    arrays: dict[str, Any] = {"x": planted.x, "y": planted.y, "writer": planted.factors["writer"]}
    np.savez(tmp_path / "planted.npz", **arrays)
    result = command("measure", folder, tmp_path / "planted.npz", "--label", "y", "--quiet")
    assert result.code == 0, result.err
    record = json.loads((folder / "measures.json").read_text())
    value = record["figures"]["leakage.max"]
    assert f"{value:.3f}" in command("export", folder, "--to", "hub", "--card-only").out
