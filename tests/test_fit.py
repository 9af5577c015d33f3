"""`fit_to_folder`: the model folder, interruptions, and the record of training rows."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wvae
from wvae.config import Config
from wvae.datasets import Dataset
from wvae.datasets.holdout import holdout_mask
from wvae.io.files import ModelFileError, read_tensors
from wvae.training.diagnostics import TrainingError, TrainingWarning
from wvae.workflows import fit
from wvae.workflows import fit as fit_workflow
from wvae.workflows.fit import fit_to_folder
from wvae.workflows.inputs import training_rows_warning
from wvae.workflows.progress import Phases, Silent
from wvae.workflows.run_folder import RunError

pytestmark = pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")


@pytest.fixture(scope="module")
def config(small: dict[str, Any]) -> Config:
    changes: dict[str, Any] = {"epochs": 4, "alignment_steps": 10, "finetune_epochs": 1}
    return Config(**(small | changes))


@pytest.fixture(scope="module")
def folder(planted: Dataset, config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of an uninterrupted training; tests must not change it."""
    return fit_to_folder(planted, config, tmp_path_factory.mktemp("fit") / "deep" / "model")


class Interrupting:
    """A `Progress` that raises KeyboardInterrupt when a task reaches a step."""

    def __init__(self, name: str = "", step: int = 0) -> None:
        self.name, self.step = name, step
        self.steps: dict[str, list[int]] = {}
        self.totals: dict[str, int] = {}

    @contextmanager
    def task(self, name: str, total: int, later: Any = None) -> Generator[Callable[[int], None]]:
        self.totals[name] = total
        steps = self.steps.setdefault(name, [])

        def advance(done: int) -> None:
            assert 0 <= done <= total
            steps.append(done)
            if name == self.name and done == self.step:
                raise KeyboardInterrupt

        if name == self.name and self.step == 0:
            raise KeyboardInterrupt
        yield advance


# ------------------------------------------------------------------------------ the model folder


def test_a_model_folder_holds_a_model_of_the_training_rows(
    planted: Dataset, config: Config, folder: Path
):
    files = {"config.json", "model.safetensors", "history.jsonl", "rows.json", "swaps.png"}
    assert {path.name for path in folder.iterdir()} == files
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert len(history) == config.epochs
    assert "test.loss" in history[0]
    train = planted.subset(~holdout_mask(planted, config.random_state))
    direct = wvae.WVAE(**vars(config)).fit(train.x, train.y)
    codes = wvae.load(str(folder)).transform(planted.x)
    np.testing.assert_array_equal(codes, direct.transform(planted.x))


def test_every_phase_of_training_shows_its_steps(planted: Dataset, config: Config, tmp_path: Path):
    progress = Interrupting()
    fit_to_folder(planted, config, tmp_path / "m", progress=progress)
    assert progress.totals == {
        "training on planted": 4,
        "alignment on planted": 10,
        "fine-tuning on planted": 360 // 32 + 1,
    }
    assert progress.steps["training on planted"] == [1, 2, 3, 4]
    assert progress.steps["alignment on planted"] == list(range(11))
    assert progress.steps["fine-tuning on planted"] == list(range(1, 13))


def test_an_existing_model_is_replaced_with_overwrite(
    planted: Dataset, small: dict[str, Any], tmp_path: Path
):
    changes: dict[str, Any] = {"epochs": 1, "alignment": "none", "finetune_epochs": 0}
    quick = Config(**(small | changes))
    out = fit_to_folder(planted, quick, tmp_path / "model")
    fit_to_folder(planted, replace(quick, epochs=2), out, overwrite=True)
    assert wvae.load(str(out)).n_iter_ == 2


def test_the_test_rows_of_large_data_are_subsampled(
    planted: Dataset, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    n_test: list[int] = []
    monkeypatch.setattr(fit, "MAX_TEST_ROWS", 7)
    original = wvae.WVAE.fit

    def record(self: wvae.WVAE, *args: Any, **options: Any) -> wvae.WVAE:
        n_test.append(len(options["test"][0]))
        return original(self, *args, **options)

    monkeypatch.setattr(wvae.WVAE, "fit", record)
    fit_to_folder(planted, replace(config, epochs=1), tmp_path / "m")
    assert n_test == [7]


# --------------------------------------------------------------------------------- interruptions


@pytest.mark.parametrize(
    ("task", "step"), [("training on planted", 3), ("alignment on planted", 5)]
)
def test_an_interrupted_training_resumes_to_the_same_weights(
    planted: Dataset,
    config: Config,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    step: int,
):
    monkeypatch.setattr("wvae.training.checkpoint.SAVE_EVERY_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        fit_to_folder(planted, config, tmp_path / "m", progress=Interrupting(task, step))
    assert [path.name for path in tmp_path.iterdir()] == ["m.partial"]
    with pytest.raises(TrainingError, match=r"epochs 4 → 3"):
        fit_to_folder(planted, replace(config, epochs=3), tmp_path / "m")
    progress = Interrupting()
    out = fit_to_folder(planted, config, tmp_path / "m", progress=progress, resume=True)
    assert len(progress.steps["training on planted"]) < config.epochs
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    resumed, whole = (read_tensors(path / "model.safetensors")[0] for path in (out, folder))
    for name, value in whole.items():
        assert (resumed[name] == value).all(), name
    assert len((out / "history.jsonl").read_text().splitlines()) == config.epochs


def test_an_impossible_training_leaves_no_files(planted: Dataset, config: Config, tmp_path: Path):
    one_class = replace(planted, y=np.repeat("ant", len(planted)))
    with pytest.raises(ValueError, match="one class"):
        fit_to_folder(one_class, config, tmp_path / "m")
    with pytest.raises(RunError, match=r"m\.partial.*--resume"):
        fit_to_folder(planted, config, tmp_path / "m", resume=True)
    at_once = Interrupting("training on planted", 0)
    with pytest.raises(KeyboardInterrupt):
        fit_to_folder(planted, config, tmp_path / "m", progress=at_once)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------ record of training rows


def test_a_model_folder_records_label_and_rate(
    planted: Dataset, small: dict[str, Any], tmp_path: Path
):
    changes: dict[str, Any] = {"epochs": 1, "alignment": "none", "finetune_epochs": 0}
    quick = Config(**(small | changes))
    out = fit_to_folder(replace(planted, kind="audio", rate=8000), quick, tmp_path / "m")
    record = json.loads((out / "rows.json").read_text())
    assert record["examples"] == 360
    assert wvae.load(str(out)).config_.kind == "audio"
    schema = wvae.load(str(out)).schema_
    assert schema is not None
    assert (schema.label, schema.rate) == ("animal", 8000)


def test_a_damaged_record_is_an_error(tmp_path: Path, planted: Dataset):
    (tmp_path / "rows.json").write_text("{")
    with pytest.raises(ModelFileError, match=r"rows\.json"):
        training_rows_warning(tmp_path, planted, seed=0)


def test_a_warning_if_test_rows_may_have_been_trained_on(
    planted: Dataset, folder: Path, tmp_path: Path
):
    assert training_rows_warning(folder, planted, seed=0) == ""
    assert training_rows_warning(folder, replace(planted, name="other"), seed=0) == ""
    other_seed = training_rows_warning(folder, planted, seed=1)
    assert "trained on 360 rows of planted" in other_seed
    assert "seed 1" in other_seed
    assert "no record" in training_rows_warning(tmp_path, planted, seed=0)


def test_holdout_rows_are_the_split_or_a_tenth_of_every_class(planted: Dataset):
    split = np.where(np.arange(len(planted)) < 7, "test", "train")
    official = replace(planted, split=split)
    np.testing.assert_array_equal(holdout_mask(official, seed=0), split == "test")
    mask = holdout_mask(planted, seed=0)
    assert [int((mask & (planted.y == label)).sum()) for label in planted.classes] == [10] * 4
    np.testing.assert_array_equal(mask, holdout_mask(planted, seed=0))
    assert (mask != holdout_mask(planted, seed=1)).any()


def test_all_rows_given_to_a_run_are_trained_on(tmp_path: Path):
    """Trials choose their own rows, also from the official test part."""
    x = np.arange(40.0).reshape(20, 2)
    split = np.where(np.arange(20) < 10, "train", "test")
    data = Dataset(x, np.arange(20) % 2, split=split, kind="table")
    config = Config(epochs=1, width=4, alignment="none", finetune_epochs=0, device="cpu")
    model = fit_workflow._fit(config, data, None, tmp_path / "c", Phases(Silent(), "on data"))
    assert np.asarray(model.scale_.offset).tolist() == x.mean(0).tolist()


# ---------------------------------------------------------------------------------- the last lines


def test_fit_ends_with_the_accuracy_of_held_out_rows_and_the_time_of_each_phase(
    planted: Dataset, config: Config, tmp_path: Path
):
    lines: list[str] = []
    longer = replace(config, epochs=25)
    out = fit_to_folder(planted, longer, tmp_path / "m", log=lines.append)
    model, mask = wvae.load(str(out)), holdout_mask(planted, config.random_state)
    accuracy = model.score(planted.x[mask], planted.y[mask])
    assert f"animal of 40 held-out rows predicted with accuracy {accuracy:.3f}" in lines[0]
    assert "chance 0.250" in lines[0]
    assert re.fullmatch(r"time: training .* s, alignment .* s, fine-tuning .* s", lines[1])
    assert lines[2].startswith("swaps.png")


@pytest.mark.parametrize(
    ("alignment", "phases"),
    [("gaussian", ["training", "alignment"]), ("none", ["training"])],
)
def test_an_alignment_in_one_step_is_a_phase_too(
    planted: Dataset, config: Config, tmp_path: Path, alignment: Any, phases: list[str]
):
    lines: list[str] = []
    quick = replace(config, epochs=1, alignment=alignment, finetune_epochs=0)
    fit_to_folder(planted, quick, tmp_path / "m", log=lines.append)
    assert re.findall(r"(\S+) [\d.]+ s", lines[1]) == phases


def test_without_held_out_rows_fit_says_so(planted: Dataset, config: Config, tmp_path: Path):
    lines: list[str] = []
    every = replace(planted, split=np.repeat("train", len(planted)))
    fit_to_folder(every, replace(config, epochs=1), tmp_path / "m", log=lines.append)
    assert "400 training rows" in lines[0]
    assert "no rows were held out" in lines[0]


def test_fit_warns_of_a_label_that_is_not_learnt_however_short_the_training(
    planted: Dataset, config: Config, tmp_path: Path
):
    with pytest.warns(TrainingWarning, match=r"the label is .* 40 held-out rows"):
        fit_to_folder(planted, replace(config, epochs=1), tmp_path / "m")
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingWarning)
        fit_to_folder(planted, replace(config, epochs=25), tmp_path / "n")


def test_a_model_without_labels_has_no_accuracy_but_swaps(
    planted: Dataset, small: dict[str, Any], tmp_path: Path
):
    lines: list[str] = []
    plain = Config.preset("article", "plain", epochs=1, width=16, device="cpu")
    out = fit_to_folder(planted, plain, tmp_path / "m", log=lines.append)
    assert [line.split()[0] for line in lines] == ["time:", "swaps.png"]
    assert (out / "swaps.png").exists()


def test_without_pillow_there_is_no_sheet(
    planted: Dataset, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lines: list[str] = []
    monkeypatch.setattr("wvae.workflows.fit_report.find_spec", lambda name: None)
    out = fit_to_folder(planted, replace(config, epochs=1), tmp_path / "m", log=lines.append)
    assert "pip install 'wvae[files]'" in lines[-1]
    assert not (out / "swaps.png").exists()
    fit_to_folder(planted, replace(config, epochs=1), out, overwrite=True)
