"""Both experiments end to end on planted images: the folder, its numbers, and interruptions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from pyarrow import parquet

import wvae
from wvae.config import Config
from wvae.datasets import Dataset
from wvae.datasets.holdout import holdout_mask
from wvae.datasets.values import ValueScale
from wvae.experiments import panels, plane, writers
from wvae.experiments.reproduce import RunError, reproduce
from wvae.io.files import OutputExistsError
from wvae.workflows import measure
from wvae.workflows.progress import Advance, Silent
from wvae.workflows.run_folder import Run

EPOCHS = 15
CONFIG = Config(
    d_label=3,
    d_rest=3,
    backbone="mlp",
    width=48,
    depth=1,
    epochs=EPOCHS,
    batch_size=32,
    learning_rate=1e-2,
    rest_kl_weight=1.0,
    augment=0.0,
    alignment="transport",
    alignment_steps=20,
    finetune_epochs=1,
    device="cpu",
)
QUICK = replace(CONFIG, epochs=1, alignment="none", finetune_epochs=0)
SPACES = ("raw", "relative", "features", "z_rest", "z_label")
SCORES = ("purity", "ari", "ami")

pytestmark = pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")


def first_two_axes(
    z: np.ndarray, *, seed: int = 0, on_step: Callable[[int], None] | None = None
) -> np.ndarray:
    """Stand in for t-SNE, which has its own tests and would take most of the time."""
    if on_step:
        on_step(750)
    return z[:, :2]


def speed_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(panels, "tsne", first_two_axes)
    patch.setattr(writers, "CEILING_EPOCHS", 1)
    patch.setattr(measure, "MIN_JUDGE_EXAMPLES", 1000)
    patch.setattr("wvae.evaluation.probes.EPOCHS", 3)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    speed_up(monkeypatch)


@pytest.fixture(scope="module")
def whole(planted: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of both experiments with two trials; tests must not change it."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        speed_up(patch)
        return reproduce("all", planted, CONFIG, out, trials=2, title="test")


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save one empty figure and measure nothing, for tests of how a run is written."""

    def save_empty(run: Run, *args: object) -> None:
        run.save_figure("plane", Figure())

    monkeypatch.setattr(plane, "_save_figures", save_empty)
    monkeypatch.setattr(plane, "measure_in_run", lambda *args: {})


def metrics_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


def without_seconds(folder: Path) -> dict[str, Any]:
    metrics = metrics_of(folder)
    return {name: value for name, value in metrics.items() if not name.endswith("seconds")}


# -------------------------------------------------------------------------------- the run folder


@pytest.mark.slow
def test_a_run_folder_holds_all_its_files(whole: Path):
    assert {p.relative_to(whole).as_posix() for p in whole.rglob("*") if p.is_file()} == {
        "config.json",
        "metrics.json",
        "report.html",
        "plane/config.json",
        "plane/model.safetensors",
        "plane/history.jsonl",
        "plane/rows.json",
        "plane/codes.parquet",
        "writers/config.json",
        "writers/model.safetensors",
        "writers/history.jsonl",
        "writers/rows.json",
        "writers/codes.parquet",
        "figures/plane.png",
        "figures/plane-decoded.png",
        "figures/plane-by-factor.png",
        "figures/plane-reconstructions.png",
        "figures/plane-losses.png",
        "figures/plane-leakage.png",
        "figures/plane-swap.png",
        "figures/writers-scores.png",
        "figures/writers-map-z_label-label.png",
        "figures/writers-map-z_label-factor.png",
        "figures/writers-map-z_rest-label.png",
        "figures/writers-map-z_rest-factor.png",
        "figures/writers-rewritten.png",
        "figures/writers-losses.png",
        "figures/writers-leakage.png",
        "figures/writers-swap.png",
    }
    assert [p.name for p in whole.parent.iterdir()] == ["whole"]
    for picture in (whole / "figures").iterdir():
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 2000


@pytest.mark.slow
def test_metrics_are_flat_finite_and_complete(whole: Path):
    metrics = metrics_of(whole)
    for name, value in metrics.items():
        assert value is None or math.isfinite(value), name
    terms = ("loss", "reconstruction", "classification", "accuracy")
    expected = {f"plane.test.{term}" for term in terms}
    rows = [f"{space}.{method}" for space in SPACES for method in ("kmeans", "gmm")]
    expected |= {f"writers.{row}.label_ami.mean" for row in rows}
    for score in SCORES:
        for moment in ("mean", "sd"):
            for row in (*rows, "random", "ceiling", "paired.z_rest.kmeans", "paired.z_rest.gmm"):
                expected.add(f"writers.{row}.{score}.{moment}")
            for baseline in ("relative", "features"):
                expected.add(f"writers.above.{baseline}.kmeans.{score}.{moment}")
    assert expected <= set(metrics)
    assert None not in [metrics[name] for name in expected]
    assert metrics["writers.trials"] == 2


@pytest.mark.slow
def test_z_rest_clusters_by_planted_writer_and_z_label_by_label(whole: Path):
    metrics = metrics_of(whole)
    z_rest = metrics["writers.z_rest.kmeans.ami.mean"]
    assert z_rest > metrics["writers.raw.kmeans.ami.mean"] + 0.4
    assert z_rest > metrics["writers.z_label.kmeans.ami.mean"] + 0.2
    assert metrics["writers.z_label.kmeans.label_ami.mean"] > 0.7
    assert abs(metrics["writers.random.ami.mean"]) < 0.15


@pytest.mark.slow
def test_paired_differences_are_within_a_trial(whole: Path):
    metrics = metrics_of(whole)
    for score in SCORES:
        gmm = metrics[f"writers.z_rest.gmm.{score}.mean"]
        raw = metrics[f"writers.raw.kmeans.{score}.mean"]
        assert metrics[f"writers.paired.z_rest.gmm.{score}.mean"] == pytest.approx(gmm - raw)
        baseline = metrics[f"writers.features.gmm.{score}.mean"]
        above = metrics[f"writers.above.features.gmm.{score}.mean"]
        assert above == pytest.approx(gmm - baseline)
    assert not any(name.startswith("writers.paired.raw.kmeans") for name in metrics)


def test_mean_and_sd_by_hand():
    zeros = {f"{row}.{score}": 0.0 for row in writers.ROWS for score in SCORES}
    results: list[dict[str, Any]] = []
    for raw, z_rest in ((0.1, 0.4), (0.2, 0.3), (0.3, 0.5)):
        results.append(zeros | {"raw.kmeans.ami": raw, "z_rest.kmeans.ami": z_rest})
    summary = writers._summary(results)
    assert summary["writers.raw.kmeans.ami.mean"] == pytest.approx(0.2)
    assert summary["writers.raw.kmeans.ami.sd"] == pytest.approx(0.1)
    assert summary["writers.paired.z_rest.kmeans.ami.mean"] == pytest.approx(0.2)
    assert summary["writers.paired.z_rest.kmeans.ami.sd"] == pytest.approx(0.1)  # of .3, .1, .2
    assert writers._summary(results[:1])["writers.raw.kmeans.ami.sd"] is None


@pytest.mark.slow
def test_config_json_holds_the_settings(whole: Path, planted: Dataset):
    settings = json.loads((whole / "config.json").read_text())
    assert (settings["experiment"], settings["trials"], settings["title"]) == ("all", 2, "test")
    assert Config(**settings["config"]) == CONFIG
    assert settings["data"]["name"] == "planted"
    assert (settings["data"]["examples"], settings["data"]["shape"]) == (len(planted), [8, 8])
    assert {"wvae", "torch", "python"} <= set(settings["machine"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dimensions"), [("plane", 1), ("writers", 3)])
def test_the_codes_are_those_of_the_saved_model(
    whole: Path, planted: Dataset, name: str, dimensions: int
):
    model = wvae.load(str(whole / name))
    assert (model.config_.d_label, model.config_.d_rest) == (dimensions, dimensions)
    table = parquet.read_table(whole / name / "codes.parquet").to_pydict()
    code_names = [f"{code}{i}" for code in ("z_label", "z_rest") for i in range(dimensions)]
    assert list(table) == [*code_names, "animal", "writer"] + ["split"] * (name == "writers")
    data = planted
    if name == "writers":
        trial = writers.make_trial(planted.factors["writer"], seed=0)
        data = trial.dataset(planted)
        assert table["split"] == ["train"] * len(trial.train) + ["test"] * len(trial.test)
    assert table["animal"] == data.y.tolist()
    assert table["writer"] == data.factors["writer"].tolist()
    codes = np.array([table[column] for column in code_names]).T
    np.testing.assert_array_equal(codes, np.hstack(model.encode(data.x)))
    history = (whole / name / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in history] == list(range(1, EPOCHS + 1))


@pytest.mark.slow
def test_the_metrics_of_the_plane_are_on_its_test_rows(whole: Path, planted: Dataset):
    metrics, model = metrics_of(whole), wvae.load(str(whole / "plane"))
    test = planted.subset(holdout_mask(planted, seed=0))
    assert metrics["plane.test.examples"] == len(test)
    for term, value in model.evaluate(test.x, test.y).items():
        assert metrics[f"plane.test.{term}"] == pytest.approx(value, rel=1e-6)


class Drawing:
    """A model of the planted data that decodes, at the centre of each label, an example of one."""

    def __init__(self, planted: Dataset, shown: list[str]) -> None:
        self.planted, self.shown = planted, shown
        self.classes_ = planted.classes
        self.label_centres_ = np.arange(len(planted.classes), dtype=np.float32)[:, None]
        self.scale_ = ValueScale(white=255, unit_range=True)
        self.z_rest: set[float] = set()

    def decode(self, z_label: np.ndarray, z_rest: np.ndarray) -> np.ndarray:
        self.z_rest |= set(z_rest[:, 0].tolist())
        first = {label: np.flatnonzero(self.planted.y == label)[0] for label in self.classes_}
        rows = [first[self.shown[int(k)]] for k in z_label[:, 0]]
        return self.planted.x[rows] / 255


@pytest.mark.slow
@pytest.mark.parametrize("n_wrong", [0, 1])
def test_the_judge_sees_which_columns_of_the_plane_show_their_label(
    planted: Dataset, n_wrong: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(measure, "MIN_JUDGE_EXAMPLES", 20_000)
    labels = planted.classes.tolist()
    shown = labels[1:2] * n_wrong + labels[n_wrong:]
    model: Any = Drawing(planted, shown)
    z_rest = np.linspace(0, 100, 1001)[:, None]
    scores = plane.judge_columns(model, planted, planted, z_rest, Silent())
    assert scores["plane.judge.real"] > 0.9
    assert scores["plane.judge"] == pytest.approx(1 - n_wrong / len(labels))
    assert (min(model.z_rest), max(model.z_rest)) == pytest.approx((5, 95))


@pytest.mark.slow
def test_the_report_says_what_the_plane_shows(whole: Path):
    metrics, report = metrics_of(whole), (whole / "report.html").read_text(encoding="utf-8")
    assert 0 <= metrics["plane.judge"] <= 1
    assert 0 <= metrics["plane.judge.real"] <= 1
    assert "trained on real examples alone" in report  # what a judge is


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plane", "writers"])
def test_the_saved_model_is_measured_on_its_test_rows(whole: Path, planted: Dataset, name: str):
    data = planted
    if name == "writers":
        data = writers.make_trial(planted.factors["writer"], seed=0).dataset(planted)
    expected = measure.measure(wvae.load(str(whole / name)), data, quick=True)
    written: dict[str, float] = {}
    for key, value in metrics_of(whole).items():
        if key.startswith(f"{name}.measure."):
            written[key.removeprefix(f"{name}.measure.")] = value
    assert written == pytest.approx(expected)
    keys = {
        "leakage.positive_control",
        "leakage.clean",
        "swap.label",
        "swap.control.label",
        "swap.rest_r2",
    }
    assert keys <= set(written)
    assert f"{name}.measure.leakage.max" in (whole / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_grid_is_decoded_at_the_centres_of_its_cells(whole: Path):
    model = wvae.load(str(whole / "plane"))
    grid = plane.decode_grid(model, (-2.0, 2.0), (0.0, 1.0), n=4)
    assert grid.shape == (4, 4, 8, 8)
    # Row 1, column 3: z_rest 0.375, z_label 1.5.
    expected = model.decode(np.array([[1.5]]), np.array([[0.375]]))[0]
    np.testing.assert_allclose(grid[1, 3], expected, atol=1e-6)


@pytest.mark.slow
def test_the_metrics_hold_the_duration_of_each_task(whole: Path):
    metrics = metrics_of(whole)
    durations = {
        name: value
        for name, value in metrics.items()
        if name.endswith(".seconds") and "plane" not in name
    }
    tasks = ("training writers", "alignment writers", "clustering writers", "ceiling writers")
    assert {f"{task}.seconds" for task in tasks} <= durations.keys()
    assert sum(durations.values()) < metrics["seconds"]
    page = (whole / "report.html").read_text(encoding="utf-8")
    assert "training writers" in page


def test_a_single_trial_has_no_spread(planted: Dataset, tmp_path: Path):
    metrics = metrics_of(reproduce("writers", planted, QUICK, tmp_path / "r", trials=1))
    spreads = [value for name, value in metrics.items() if name.endswith(".sd")]
    assert len(spreads) > 20
    assert set(spreads) == {None}
    assert not any(name.startswith("plane.") for name in metrics)
    assert not (tmp_path / "r" / "plane").exists()


# --------------------------------------------------------------------------------- interruptions


class Interrupting:
    """A `Progress` that raises KeyboardInterrupt when a task reaches a step."""

    def __init__(self, name: str = "", step: int = 0) -> None:
        self.name, self.step = name, step
        self.steps: dict[str, list[int]] = {}

    @contextmanager
    def task(self, name: str, total: int, later: Any = None) -> Generator[Advance]:
        steps = self.steps.setdefault(name, [])

        def advance(done: int) -> None:
            assert 0 <= done <= total
            steps.append(done)
            if name == self.name and done == self.step:
                raise KeyboardInterrupt

        yield advance


def interrupt_plane(planted: Dataset, out: Path, **options: Any) -> None:
    """Start a run of the plane and interrupt it after the first epoch."""
    progress = Interrupting("training plane", 1)
    with pytest.raises(KeyboardInterrupt):
        reproduce("plane", planted, QUICK, out, progress=progress, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "step", "kept"),
    [
        ("training plane", 2, []),
        ("measuring leakage", 1, ["plane"]),
        ("training writers", 4, ["plane", "plane-measure"]),
        ("ceiling writers-1", 1, ["plane", "plane-measure", "trial-0"]),
    ],
)
def test_an_interrupted_run_resumes_to_the_same_numbers(
    planted: Dataset,
    tmp_path: Path,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    step: int,
    kept: list[str],
):
    monkeypatch.setattr("wvae.training.checkpoint.SAVE_EVERY_SECONDS", 0.0)
    out = tmp_path / "out"
    options: dict[str, Any] = {"trials": 2, "title": "test"}
    interrupting, resumed = Interrupting(task, step), Interrupting()
    with pytest.raises(KeyboardInterrupt):
        reproduce("all", planted, CONFIG, out, progress=interrupting, **options)
    assert [p.name for p in tmp_path.iterdir()] == ["out.partial"]
    assert sorted(p.stem for p in (tmp_path / "out.partial" / "stages").glob("*.json")) == kept
    assert reproduce("all", planted, CONFIG, out, progress=resumed, **options) == out
    assert ("training plane" in resumed.steps) == ("plane" not in kept)
    assert ("training writers" in resumed.steps) == ("trial-0" not in kept)
    assert "training writers-1" in resumed.steps
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert without_seconds(out) == without_seconds(whole)
    for model in ("plane", "writers"):
        weights = (out / model / "model.safetensors").read_bytes()
        assert weights == (whole / model / "model.safetensors").read_bytes()
    assert {p.name for p in out.rglob("*")} == {p.name for p in whole.rglob("*")}


@pytest.mark.usefixtures("without_figures")
def test_a_run_resumes_within_a_training(
    planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wvae.training.checkpoint.SAVE_EVERY_SECONDS", 0.0)
    config = replace(QUICK, epochs=5)
    interrupting, resumed = Interrupting("training plane", 3), Interrupting()
    with pytest.raises(KeyboardInterrupt):
        reproduce("plane", planted, config, tmp_path / "out", progress=interrupting)
    reproduce("plane", planted, config, tmp_path / "out", progress=resumed)
    assert resumed.steps["training plane"] == [3, 4, 5]


@pytest.mark.usefixtures("without_figures")
def test_two_processes_do_not_make_the_same_run(planted: Dataset, tmp_path: Path):
    out, attempts = tmp_path / "out", []

    class Second(Silent):
        @contextmanager
        def task(self, name: str, total: int, later: Any = None) -> Generator[Advance]:
            if not attempts:
                with pytest.raises(RunError, match=r"another process .*out\.partial"):
                    reproduce("plane", planted, QUICK, out)
                attempts.append(name)
            yield lambda done: None

    reproduce("plane", planted, QUICK, out, progress=Second())
    assert attempts
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("without_figures")
def test_a_partial_run_of_another_experiment_or_other_data_is_not_resumed(
    planted: Dataset, tmp_path: Path
):
    out = tmp_path / "out"
    interrupt_plane(planted, out)
    darker = replace(planted, x=planted.x // 2)  # the same name and size
    with pytest.raises(RunError, match=r"out\.partial .*\(config\)"):
        reproduce("plane", planted, replace(QUICK, epochs=2), out)
    with pytest.raises(RunError, match=r"\(data\)"):
        reproduce("plane", darker, QUICK, out)
    with pytest.raises(RunError, match=r"\(experiment\)"):
        reproduce("writers", planted, QUICK, out)


@pytest.mark.usefixtures("without_figures")
def test_a_finished_run_is_replaced_with_overwrite_only(planted: Dataset, tmp_path: Path):
    out = reproduce("plane", planted, QUICK, tmp_path / "out")
    (out / "mine.txt").write_text("keep")
    with pytest.raises(OutputExistsError, match="out is there already"):
        reproduce("plane", planted, QUICK, out)
    assert (out / "mine.txt").exists()
    interrupt_plane(planted, out, overwrite=True)
    assert (out / "mine.txt").exists()  # the old run stays until the new one is complete
    reproduce("plane", planted, QUICK, out, overwrite=True)
    assert not (out / "mine.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("without_figures")
def test_a_run_resumes_after_a_full_disk(
    planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(self: Run, *args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save_figure", full)
        with pytest.raises(OSError, match="No space"):
            reproduce("plane", planted, QUICK, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out.partial"]
    trained = (tmp_path / "out.partial" / "plane" / "model.safetensors").read_bytes()
    reproduce("plane", planted, QUICK, tmp_path / "out")
    assert (tmp_path / "out" / "plane" / "model.safetensors").read_bytes() == trained


@pytest.mark.usefixtures("without_figures")
def test_figures_are_written_in_every_wanted_format(planted: Dataset, tmp_path: Path):
    out = reproduce("plane", planted, QUICK, tmp_path / "out", figure_formats=["svg", "pdf", "svg"])
    names = sorted(path.name for path in (out / "figures").iterdir())
    assert names == ["plane.pdf", "plane.png", "plane.svg"]
    assert json.loads((out / "config.json").read_text())["figures"] == ["pdf", "svg"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "finish", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            reproduce("plane", planted, QUICK, tmp_path / "other")
    # A resumed run would lack the figures of its finished stages.
    with pytest.raises(RunError, match=r"other settings \(figures\)"):
        reproduce("plane", planted, QUICK, tmp_path / "other", figure_formats=["svg"])


def stop(self: Run) -> Path:
    raise RuntimeError("stopped")


# ------------------------------------------------------------------------------------- arguments


def test_bad_arguments_are_rejected_before_any_work(planted: Dataset, tmp_path: Path):
    out = tmp_path / "r"
    with pytest.raises(ValueError, match="'third'"):
        reproduce("third", planted, CONFIG, out)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="trials is 0"):
        reproduce("all", planted, CONFIG, out, trials=0)
    with pytest.raises(ValueError, match="figure_formats holds 'gif', expected svg or pdf"):
        reproduce("all", planted, CONFIG, out, figure_formats=["svg", "gif"])
    no_writer = replace(planted, factors={"ink": planted.y}, name="nameless")
    with pytest.raises(ValueError, match=r"nameless has no factor 'writer' .*ink"):
        reproduce("writers", no_writer, CONFIG, out)
    few = planted.subset(np.arange(100))  # twenty images of each writer
    with pytest.raises(ValueError, match=r"0 of 5 writers .* 60 images"):
        reproduce("all", few, CONFIG, out)
    table = replace(planted, x=planted.x.reshape(len(planted), -1), kind="table")
    with pytest.raises(ValueError, match="planted holds table"):
        reproduce("plane", table, CONFIG, out)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["image", "audio"])
def test_the_plane_of_colour_images_and_of_sounds(planted: Dataset, tmp_path: Path, kind: Any):
    grey = planted.x / np.float32(255)
    x = np.stack([grey, grey[:, ::-1], 1 - grey], 1) if kind == "image" else grey
    factors = {"voice": planted.factors["writer"]}
    data = replace(planted, x=x, kind=kind, factors=factors, name="other")
    with pytest.raises(ValueError, match=r"other holds .*grey images"):
        reproduce("all", data, QUICK, tmp_path / "r")
    out = reproduce("plane", data, QUICK, tmp_path / "r")
    names = {path.stem for path in (out / "figures").glob("*.png")}
    for name in ("by-factor", "reconstructions", "swap", "leakage"):
        assert f"plane-{name}" in names


def test_the_plane_needs_no_factor(planted: Dataset, tmp_path: Path):
    out = reproduce("plane", replace(planted, factors={}), QUICK, tmp_path / "r")
    assert not (out / "figures" / "plane-by-factor.png").exists()
    assert (out / "figures" / "plane.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["classifier", "covariance", "plain"])
def test_every_objective_of_the_article_runs(planted: Dataset, tmp_path: Path, objective: Any):
    sizes: dict[str, Any] = {"epochs": 1, "width": 16, "d_label": 2, "d_rest": 2}
    config = Config.preset("article", objective, **sizes, device="cpu")
    # One objective through the whole report is enough.
    which = "all" if objective == "plain" else "plane"
    metrics = metrics_of(reproduce(which, planted, config, tmp_path / "r", trials=1))
    assert ("plane.test.classification" in metrics) == (objective != "plain")
    assert ("plane.test.separation" in metrics) == (objective == "covariance")


# ---------------------------------------------------------------------------------------- trials


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    """Writers of the images of 150 people with 40 to 189 images each, in random order."""
    people = np.repeat(np.arange(150), np.arange(40, 190))
    return np.random.default_rng(0).permutation(people)


def test_a_trial_follows_the_protocol(crowd: np.ndarray):
    trial = writers.make_trial(crowd, seed=5)
    assert (trial.n_writers, trial.n_eligible) == (100, 130)
    rows = np.concatenate([trial.train, trial.test])
    assert len(np.unique(rows)) == len(rows)  # no image twice
    names, counts = np.unique(crowd[rows], return_counts=True)
    assert len(names) == 100
    assert np.bincount(crowd)[names].min() >= 60
    np.testing.assert_array_equal(counts, np.minimum(np.bincount(crowd)[names], 97))
    n_test = np.bincount(crowd[trial.test], minlength=150)[names]
    np.testing.assert_array_equal(n_test, np.round(0.106 * counts))


def test_a_trial_of_writers_with_many_images_has_the_size_of_the_article():
    trial = writers.make_trial(np.repeat(np.arange(200), 120), seed=0)
    assert (len(trial.train), len(trial.test)) == (8700, 1000)


def test_a_trial_depends_on_its_seed_alone(crowd: np.ndarray):
    a, b, c = (writers.make_trial(crowd, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a.train, b.train)
    np.testing.assert_array_equal(a.test, b.test)
    assert set(crowd[a.test]) != set(crowd[c.test])
    assert len(np.intersect1d(a.test, c.test)) < 0.5 * len(a.test)


def test_eligible_writers_are_equally_likely(crowd: np.ndarray):
    times = np.zeros(150)
    for seed in range(60):
        times[np.unique(crowd[writers.make_trial(crowd, seed).train])] += 1
    assert times[:20].sum() == 0  # fewer than 60 images
    assert abs(times[20:] / 60 - 100 / 130).max() < 0.25


def test_the_first_images_of_writers_are_not_preferred_for_test(crowd: np.ndarray):
    first = np.array([np.flatnonzero(crowd == name)[0] for name in range(150)])
    hits = sum(np.isin(first, writers.make_trial(crowd, seed).test).sum() for seed in range(40))
    assert 0 < hits < 0.15 * 40 * 100
