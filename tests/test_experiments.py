"""Both experiments, end to end on planted images: the folder, its numbers, and what an interruption leaves."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

import wvae
from wvae.config import Config
from wvae.datasets import Dataset
from wvae.experiments import plane, writers
from wvae.experiments.reproduce import RunError, reproduce
from wvae.io.files import OutputExistsError, read_tensors
from wvae.workflows import measure
from wvae.workflows import run_folder as run
from wvae.workflows.fit import doubt_about_rows, fit_to_folder
from wvae.workflows.run_folder import Run, Silent

SIZES: dict[str, Any] = {
    "d_label": 3,
    "d_rest": 3,
    "width": 48,
    "depth": 1,
    "epochs": 25,
    "batch_size": 32,
}
CONFIG = Config(**SIZES, learning_rate=1e-2, rest_kl_weight=1.0, device="cpu")
PROTOCOL = ("raw", "z_rest", "z_label")
SCORES = ("purity", "ari", "ami")


def first_two_axes(
    z: np.ndarray, *, seed: int = 0, on_step: Callable[[int], None] | None = None
) -> np.ndarray:
    """Stand in for t-SNE, which has a test of its own: it alone would take longer than all the rest."""
    if on_step:
        on_step(750)
    return z[:, :2]


def quicken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(writers, "tsne", first_two_axes)
    patch.setattr(writers, "CEILING_EPOCHS", 1)
    patch.setattr(measure, "SEEN", 1000)
    patch.setattr("wvae.evaluation.probes.EPOCHS", 3)


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        yield


@pytest.fixture(scope="module")
def whole(planted: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unbroken run of everything, two draws."""
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        return reproduce(
            "all", planted, CONFIG, tmp_path_factory.mktemp("runs") / "whole", draws=2, title="test"
        )


def metrics_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


def without_seconds(folder: Path) -> dict[str, Any]:
    return {
        name: value for name, value in metrics_of(folder).items() if not name.endswith("seconds")
    }


# ------------------------------------------------------------------------------------------ the run folder


def test_the_folder_holds_what_the_contract_says(whole: Path):
    assert whole.name == "whole"
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
        "figures/plane-by-factor.png",
        "figures/plane-reconstructions.png",
        "figures/plane-losses.png",
        "figures/plane-leakage.png",
        "figures/plane-swap.png",
        "figures/writers-scores.png",
        "figures/writers-tsne.png",
        "figures/writers-rewritten.png",
        "figures/writers-losses.png",
        "figures/writers-leakage.png",
        "figures/writers-swap.png",
    }
    assert [p.name for p in whole.parent.iterdir()] == ["whole"]


def test_figures_are_pictures(whole: Path):
    for picture in (whole / "figures").iterdir():
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 2000


def test_metrics_are_flat_finite_and_complete(whole: Path):
    metrics = metrics_of(whole)
    for name, value in metrics.items():
        assert value is None or math.isfinite(value), name
    expected = {
        f"plane.test.{term}" for term in ("loss", "reconstruction", "classification", "accuracy")
    }
    for score in SCORES:
        for moment in ("mean", "sd"):
            expected |= {
                f"writers.{s}.{m}.{score}.{moment}" for s in PROTOCOL for m in ("kmeans", "gmm")
            }
            expected |= {f"writers.{row}.{score}.{moment}" for row in ("random", "ceiling")}
            expected |= {f"writers.paired.z_rest.{m}.{score}.{moment}" for m in ("kmeans", "gmm")}
    expected |= {f"writers.{s}.{m}.label_ami.mean" for s in PROTOCOL for m in ("kmeans", "gmm")}
    assert expected <= set(metrics)
    assert None not in [metrics[name] for name in expected]
    assert metrics["writers.draws"] == 2


def test_the_planted_answer_comes_out(whole: Path):
    metrics = metrics_of(whole)
    assert metrics["writers.z_rest.kmeans.ami.mean"] > metrics["writers.raw.kmeans.ami.mean"] + 0.4
    assert (
        metrics["writers.z_rest.kmeans.ami.mean"] > metrics["writers.z_label.kmeans.ami.mean"] + 0.2
    )
    assert metrics["writers.z_label.kmeans.label_ami.mean"] > 0.7
    assert abs(metrics["writers.random.ami.mean"]) < 0.15


def test_paired_differences_are_differences_within_a_draw(whole: Path):
    metrics = metrics_of(whole)
    for score in SCORES:
        mean = (
            metrics[f"writers.z_rest.gmm.{score}.mean"]
            - metrics[f"writers.raw.kmeans.{score}.mean"]
        )
        assert metrics[f"writers.paired.z_rest.gmm.{score}.mean"] == pytest.approx(mean)
    assert not any(name.startswith("writers.paired.raw.kmeans") for name in metrics)


def test_means_and_spreads_by_hand():
    rows = {f"{row}.{score}": 0.0 for row in writers.ROWS for score in SCORES}
    results = [
        rows | {"raw.kmeans.ami": a, "z_rest.kmeans.ami": b}
        for a, b in ((0.1, 0.4), (0.2, 0.3), (0.3, 0.5))
    ]
    summary = writers._summary(results)
    assert summary["writers.raw.kmeans.ami.mean"] == pytest.approx(0.2)
    assert summary["writers.raw.kmeans.ami.sd"] == pytest.approx(0.1)
    assert summary["writers.paired.z_rest.kmeans.ami.mean"] == pytest.approx(0.2)
    assert summary["writers.paired.z_rest.kmeans.ami.sd"] == pytest.approx(0.1)  # of 0.3, 0.1, 0.2
    assert writers._summary(results[:1])["writers.raw.kmeans.ami.sd"] is None


def test_config_is_what_was_asked_for(whole: Path, planted: Dataset):
    about = json.loads((whole / "config.json").read_text())
    assert (about["experiment"], about["draws"], about["title"]) == ("all", 2, "test")
    assert Config(**about["config"]) == CONFIG
    assert about["data"]["name"] == "planted"
    assert (about["data"]["examples"], about["data"]["shape"]) == (len(planted), [8, 8])
    assert {"wvae", "torch", "python"} <= set(about["machine"])


@pytest.mark.parametrize(("name", "dimensions"), [("plane", 1), ("writers", 3)])
def test_models_load_and_the_codes_are_theirs(
    whole: Path, planted: Dataset, name: str, dimensions: int
):
    model = wvae.load(str(whole / name))
    assert (model.config_.d_label, model.config_.d_rest) == (dimensions, dimensions)
    table = parquet.read_table(whole / name / "codes.parquet").to_pydict()
    columns = [f"{code}{i}" for code in ("z_label", "z_rest") for i in range(dimensions)] + [
        "animal",
        "writer",
    ]
    assert list(table) == columns + ["split"] * (name == "writers")
    rows = np.arange(len(planted))
    if name == "writers":
        chosen = writers.draw(planted.factors["writer"], seed=0)
        rows = np.concatenate([chosen.train, chosen.test])
        assert table["split"] == ["train"] * len(chosen.train) + ["test"] * len(chosen.test)
    assert table["animal"] == planted.y[rows].tolist()
    assert table["writer"] == planted.factors["writer"][rows].tolist()
    codes = np.hstack(model.encode(planted.x[rows]))
    found = np.array([table[column] for column in columns[:-2]]).T
    np.testing.assert_array_equal(found, codes)
    history = [
        json.loads(line) for line in (whole / name / "history.jsonl").read_text().splitlines()
    ]
    assert [row["epoch"] for row in history] == list(range(1, 26))


def test_the_planes_numbers_are_its_models_on_its_test_part(whole: Path, planted: Dataset):
    metrics, model = metrics_of(whole), wvae.load(str(whole / "plane"))
    test = planted.subset(plane.held_out(planted, seed=0))
    found = model.evaluate(test.x, test.y)
    assert metrics["plane.test.examples"] == len(test)
    for term, value in found.items():
        assert metrics[f"plane.test.{term}"] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("name", ["plane", "writers"])
def test_the_kept_model_is_measured_on_its_own_test_part(whole: Path, planted: Dataset, name: str):
    metrics, data = metrics_of(whole), planted
    if name == "writers":
        data = writers._both(planted, writers.draw(planted.factors["writer"], seed=0))
    found = measure.measure(wvae.load(str(whole / name)), data, quick=True)
    ours = {
        key.removeprefix(f"{name}.measure."): value
        for key, value in metrics.items()
        if f"{name}.measure." in key
    }
    assert ours == pytest.approx(found)
    assert {
        "leakage.positive_control",
        "leakage.clean",
        "swap.label",
        "swap.control.label",
        "swap.rest_r2",
    } <= set(ours)
    assert f"{name}.measure.leakage.max" in (whole / "report.html").read_text(encoding="utf-8")


def test_one_draw_has_no_spread(planted: Dataset, tmp_path: Path):
    metrics = metrics_of(reproduce("writers", planted, CONFIG, tmp_path / "r", draws=1))
    spreads = [value for name, value in metrics.items() if name.endswith(".sd")]
    assert len(spreads) > 20
    assert set(spreads) == {None}
    assert not any(name.startswith("plane.") for name in metrics)
    assert not (tmp_path / "r" / "plane").exists()


# ------------------------------------------------------------------------------------------ interruptions


class Interrupting:
    """A `Progress` that presses Ctrl-C when a task of that name has reached that step."""

    def __init__(self, name: str = "", step: int = 0) -> None:
        self.name, self.step = name, step
        self.seen: list[str] = []

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        self.seen.append(name)

        def advance(done: int) -> None:
            assert 0 <= done <= total
            if name == self.name and done == self.step:
                raise KeyboardInterrupt

        yield advance


@pytest.mark.parametrize(
    ("task", "step", "kept"),
    [
        ("training plane", 2, []),
        ("measuring leakage", 1, ["plane"]),
        ("training writers", 4, ["plane", "plane-measure"]),
        ("ceiling writers-1", 1, ["draw-0", "plane", "plane-measure"]),
    ],
)
def test_an_interrupted_run_goes_on_to_the_same_numbers(
    planted: Dataset,
    tmp_path: Path,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    step: int,
    kept: list[str],
):
    monkeypatch.setattr("wvae.training.checkpoint.SAVE_EVERY_SECONDS", 0.0)
    out, calls = tmp_path / "out", []
    one = writers._one
    monkeypatch.setattr(writers, "_one", lambda *a, **k: calls.append(a[3]) or one(*a, **k))

    def again(progress: Interrupting) -> Path:
        return reproduce("all", planted, CONFIG, out, draws=2, title="test", progress=progress)

    with pytest.raises(KeyboardInterrupt):
        again(Interrupting(task, step))
    assert [p.name for p in tmp_path.iterdir()] == ["out.partial"]
    assert sorted(p.stem for p in (tmp_path / "out.partial" / "stages").glob("*.json")) == kept
    calls.clear()
    watching = Interrupting()
    assert again(watching) == out
    assert calls == [0, 1]["draw-0" in kept :]  # a finished draw is not done again
    assert ("training plane" in watching.seen) == ("plane" not in kept)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert without_seconds(out) == without_seconds(whole)
    for model in ("plane", "writers"):
        weights = (out / model / "model.safetensors").read_bytes()
        assert weights == (whole / model / "model.safetensors").read_bytes()
    assert {p.name for p in out.rglob("*")} == {p.name for p in whole.rglob("*")}


def test_a_checkpoint_within_a_training_is_used(
    planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wvae.training.checkpoint.SAVE_EVERY_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        reproduce(
            "plane", planted, CONFIG, tmp_path / "out", progress=Interrupting("training plane", 3)
        )
    steps: list[int] = []

    class Counting:
        @contextmanager
        def task(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
            yield steps.append if name == "training plane" else lambda done: None

    reproduce("plane", planted, CONFIG, tmp_path / "out", progress=Counting())
    assert steps == list(range(3, 26))


def stop(planted: Dataset, out: Path, **changes: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        reproduce(
            "plane", planted, CONFIG, out, progress=Interrupting("training plane", 1), **changes
        )


def test_two_processes_do_not_make_the_same_run(planted: Dataset, tmp_path: Path):
    out, tried = tmp_path / "out", []

    class Second(Silent):
        @contextmanager
        def task(self, name: str, total: int) -> Generator[Callable[[int], None]]:
            with pytest.raises(RunError, match=r"another process is at work in .*out\.partial"):
                reproduce("plane", planted, CONFIG, out)
            tried.append(name)
            yield lambda done: None

    reproduce("plane", planted, CONFIG, out, progress=Second())
    assert tried
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


LOCKER = """
import sys, time
from pathlib import Path
from wvae.workflows.run_folder import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(300)
"""


def test_a_lock_keeps_other_processes_out_until_its_own_ends_even_if_killed(tmp_path: Path):
    folder = tmp_path / "deep" / "folder"
    other = subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    with other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "locked\n"
            with (
                pytest.raises(RunError, match=r"another process is at work in .*folder"),
                run.locked(folder),
            ):
                pass
        finally:
            other.kill()
    with run.locked(folder):
        folder.mkdir()
        folder.rename(folder.with_name("done"))  # as a run does when it is finished
    assert [p.name for p in folder.parent.iterdir()] == ["done"]


def test_a_run_that_another_process_is_making_is_not_even_overwritten(tmp_path: Path):
    made = Run(tmp_path / "out", {"config": 1})
    (made.stages / "one.json").write_text("{}")
    with made.lock(), pytest.raises(RunError, match="another process"):
        Run(tmp_path / "out", {"config": 2}, overwrite=True)
    assert (made.stages / "one.json").exists()


def test_a_partial_run_with_other_settings_is_refused(planted: Dataset, tmp_path: Path):
    out = tmp_path / "out"
    stop(planted, out)
    other = replace(CONFIG, epochs=1)
    before = (tmp_path / "out.partial" / "config.json").read_bytes()
    with pytest.raises(
        RunError, match=r"out\.partial holds an unfinished run with other settings \(config\)"
    ):
        reproduce("plane", planted, other, out)
    with pytest.raises(RunError, match=r"\(data\)"):
        reproduce("plane", planted.subset(np.arange(300)), CONFIG, out)
    with pytest.raises(RunError, match=r"\(experiment\)"):
        reproduce("writers", planted, CONFIG, out)
    assert (tmp_path / "out.partial" / "config.json").read_bytes() == before
    reproduce("plane", planted, other, out, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_other_data_of_the_same_name_and_size_are_noticed(planted: Dataset, tmp_path: Path):
    stop(planted, tmp_path / "out")
    darker = Dataset(
        planted.x // 2, planted.y, planted.factors, name="planted", label_name="animal"
    )
    with pytest.raises(RunError, match=r"\(data\)"):
        reproduce("plane", darker, CONFIG, tmp_path / "out")


def test_a_finished_run_is_not_replaced_unless_asked(planted: Dataset, tmp_path: Path):
    quick = replace(CONFIG, epochs=1)
    out = reproduce("plane", planted, quick, tmp_path / "out")
    (out / "mine.txt").write_text("keep")
    with pytest.raises(OutputExistsError, match="out is there already"):
        reproduce("plane", planted, quick, out)
    assert (out / "mine.txt").exists()
    stop(planted, out, overwrite=True)
    assert (out / "mine.txt").exists()  # until the new one is whole, the old one stays
    reproduce("plane", planted, quick, out, overwrite=True)
    assert not (out / "mine.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_leaves_a_run_that_goes_on(
    planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(self: object, *args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(run.Run, "save_figure", full)
        with pytest.raises(OSError, match="No space"):
            reproduce("plane", planted, CONFIG, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out.partial"]
    trained = (tmp_path / "out.partial" / "plane" / "model.safetensors").read_bytes()
    reproduce("plane", planted, CONFIG, tmp_path / "out")
    assert (tmp_path / "out" / "plane" / "model.safetensors").read_bytes() == trained


def test_a_stage_is_computed_once(tmp_path: Path):
    calls: list[int] = []
    for resumed in (False, True):
        growing = Run(tmp_path / "r", {"a": 1})
        assert growing.resumed == resumed
        assert growing.stage("s", lambda: calls.append(1) or {"v": 3.5, "none": None}) == {
            "v": 3.5,
            "none": None,
        }
    assert calls == [1]


# ------------------------------------------------------------------------------------------ refusals


def test_bad_arguments(planted: Dataset, tmp_path: Path):
    with pytest.raises(ValueError, match="experiment is 'third', expected plane, writers or all"):
        reproduce("third", planted, CONFIG, tmp_path / "r")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="draws is 0, expected at least 1"):
        reproduce("all", planted, CONFIG, tmp_path / "r", draws=0)
    nameless = Dataset(planted.x, planted.y, {"ink": planted.y}, name="nameless")
    with pytest.raises(ValueError, match=r"nameless does not know the writer .*its factors: ink"):
        reproduce("writers", nameless, CONFIG, tmp_path / "r")
    few = planted.subset(np.arange(100))  # twenty images of each writer
    with pytest.raises(ValueError, match="0 of 5 have at least 60 images"):
        reproduce("all", few, CONFIG, tmp_path / "r")
    assert list(tmp_path.iterdir()) == []  # nothing was begun


def test_the_plane_needs_no_factor(planted: Dataset, tmp_path: Path):
    bare = Dataset(planted.x, planted.y, name="bare")
    out = reproduce("plane", bare, replace(CONFIG, epochs=1), tmp_path / "r")
    assert not (out / "figures" / "plane-by-factor.png").exists()
    assert (out / "figures" / "plane.png").exists()


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_the_plane_of_colours_and_of_sounds(planted: Dataset, tmp_path: Path, kind: Any):
    grey = planted.x / np.float32(255)
    x = np.stack([grey, grey[:, ::-1], 1 - grey], 1) if kind == "image" else grey
    data = replace(
        planted, x=x, kind=kind, factors={"voice": planted.factors["writer"]}, name="other"
    )
    with pytest.raises(
        ValueError,
        match=r"Experiment II asks for grey images.* take wvae reproduce plane, or worlds",
    ):
        reproduce("all", data, CONFIG, tmp_path / "r")
    out = reproduce("plane", data, replace(CONFIG, epochs=1), tmp_path / "r")
    names = {path.stem for path in (out / "figures").glob("*.png")}
    assert {
        "plane",
        "plane-by-factor",
        "plane-reconstructions",
        "plane-swap",
        "plane-leakage",
    } <= names
    with pytest.raises(ValueError, match="expected images or spectrograms"):
        reproduce(
            "plane", replace(data, x=x.reshape(len(x), -1), kind="table"), CONFIG, tmp_path / "t"
        )


@pytest.mark.parametrize("objective", ["classifier", "covariance", "plain"])
def test_every_objective_of_the_article_runs(planted: Dataset, tmp_path: Path, objective: Any):
    config = Config.preset(
        "article", objective, epochs=1, width=16, d_label=2, d_rest=2, device="cpu"
    )
    which = (
        "all" if objective == "plain" else "plane"
    )  # one of them through the whole report is enough
    metrics = metrics_of(reproduce(which, planted, config, tmp_path / "r", draws=1))
    assert ("plane.test.classification" in metrics) == (objective != "plain")
    assert ("plane.test.separation" in metrics) == (objective == "covariance")


# ------------------------------------------------------------------------------------------ one model folder


def test_fit_makes_a_model_folder_of_the_train_rows(planted: Dataset, tmp_path: Path):
    out = fit_to_folder(planted, CONFIG, tmp_path / "deep" / "model")
    assert {p.name for p in out.iterdir()} == {
        "config.json",
        "model.safetensors",
        "history.jsonl",
        "rows.json",
    }
    assert [p.name for p in out.parent.iterdir()] == ["model"]
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert len(history) == CONFIG.epochs
    assert "test.loss" in history[0]
    is_test = plane.held_out(planted, CONFIG.random_state)
    alone = wvae.WVAE(**vars(CONFIG)).fit(planted.x[~is_test], planted.y[~is_test])
    np.testing.assert_array_equal(
        wvae.load(str(out)).transform(planted.x), alone.transform(planted.x)
    )


def test_an_interrupted_fit_goes_on_to_the_same_weights(
    planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wvae.training.checkpoint.SAVE_EVERY_SECONDS", 0.0)
    whole = fit_to_folder(planted, CONFIG, tmp_path / "whole")
    progress = Interrupting("training on planted", 4)
    with pytest.raises(KeyboardInterrupt):
        fit_to_folder(planted, CONFIG, tmp_path / "m", progress=progress)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.partial", "whole"]
    with pytest.raises(RuntimeError, match=r"is of another training \(epochs 25 → 3\)"):
        fit_to_folder(planted, replace(CONFIG, epochs=3), tmp_path / "m")
    out = fit_to_folder(planted, CONFIG, tmp_path / "m")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m", "whole"]
    ours, theirs = (read_tensors(folder / "model.safetensors")[0] for folder in (out, whole))
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert len((out / "history.jsonl").read_text().splitlines()) == CONFIG.epochs


def test_fit_replaces_a_model_if_asked(planted: Dataset, tmp_path: Path):
    quick = replace(CONFIG, epochs=1)
    out = fit_to_folder(planted, quick, tmp_path / "model")
    fit_to_folder(planted, replace(quick, epochs=2), out, overwrite=True)
    assert wvae.load(str(out)).n_iter_ == 2


def test_a_fit_that_cannot_be_leaves_nothing(planted: Dataset, tmp_path: Path):
    alike = replace(planted, y=np.repeat("ant", len(planted)))
    with pytest.raises(ValueError, match="one class only"):
        fit_to_folder(alike, CONFIG, tmp_path / "m")

    class AtOnce(Silent):
        @contextmanager
        def task(self, name: str, total: int) -> Generator[Callable[[int], None]]:
            raise KeyboardInterrupt
            yield

    with pytest.raises(KeyboardInterrupt):
        fit_to_folder(planted, CONFIG, tmp_path / "m", progress=AtOnce())
    assert list(tmp_path.iterdir()) == []


def test_a_model_folder_tells_whether_test_rows_were_learnt(
    planted: Dataset, whole: Path, tmp_path: Path
):
    assert doubt_about_rows(whole / "plane", planted, seed=0) == ""
    assert "other rows than the 360 rows of planted" in doubt_about_rows(
        whole / "plane", planted, seed=1
    )
    assert "was trained on 360 rows of planted" in doubt_about_rows(
        whole / "plane", planted, seed=1
    )
    assert "does not say which rows it was trained on" in doubt_about_rows(
        tmp_path, planted, seed=0
    )


# ------------------------------------------------------------------------------------------ protocols


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    """Writers of 150 people with 40 to 189 images each, in random order."""
    people = np.repeat(np.arange(150), np.arange(40, 190))
    return np.random.default_rng(0).permutation(people)


def test_a_draw_follows_the_protocol(crowd: np.ndarray):
    chosen = writers.draw(crowd, seed=5)
    assert chosen.writers == 100
    both = np.concatenate([chosen.train, chosen.test])
    assert len(np.unique(both)) == len(both)  # disjoint, no image twice
    names, counts = np.unique(crowd[both], return_counts=True)
    assert len(names) == 100
    assert np.bincount(crowd)[names].min() >= 60
    np.testing.assert_array_equal(counts, np.minimum(np.bincount(crowd)[names], 97))
    tests = np.bincount(crowd[chosen.test], minlength=150)[names]
    np.testing.assert_array_equal(tests, np.round(0.106 * counts))
    assert tests.min() >= 6


def test_draws_of_full_writers_have_the_articles_size():
    chosen = writers.draw(np.repeat(np.arange(200), 120), seed=0)
    assert (len(chosen.train), len(chosen.test)) == (8700, 1000)


def test_draws_depend_on_the_seed_alone(crowd: np.ndarray):
    a, b, c = (writers.draw(crowd, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a.train, b.train)
    np.testing.assert_array_equal(a.test, b.test)
    assert set(crowd[a.test]) != set(crowd[c.test])
    assert len(np.intersect1d(a.test, c.test)) < 0.5 * len(a.test)


def test_all_writers_are_as_likely(crowd: np.ndarray):
    times = np.zeros(150)
    for seed in range(60):
        times[np.unique(crowd[writers.draw(crowd, seed).train])] += 1
    assert times[:20].sum() == 0  # fewer than 60 images
    assert abs(times[20:] / 60 - 100 / 130).max() < 0.25


def test_images_are_as_likely_for_the_test_part(crowd: np.ndarray):
    first = np.array([np.flatnonzero(crowd == name)[0] for name in range(150)])
    hits = sum(np.isin(first, writers.draw(crowd, seed).test).sum() for seed in range(40))
    assert 0 < hits < 0.15 * 40 * 100


def test_held_out_is_the_split_or_a_tenth_of_every_class(planted: Dataset):
    split = np.where(np.arange(len(planted)) < 7, "test", "train")
    official = Dataset(planted.x, planted.y, split=split)
    np.testing.assert_array_equal(plane.held_out(official, seed=0), split == "test")
    mask = plane.held_out(planted, seed=0)
    assert [int((mask & (planted.y == label)).sum()) for label in planted.classes] == [10] * 4
    np.testing.assert_array_equal(mask, plane.held_out(planted, seed=0))
    assert (mask != plane.held_out(planted, seed=1)).any()


def test_the_grid_is_decoded_at_the_centres_of_its_cells(whole: Path):
    model = wvae.load(str(whole / "plane"))
    grid = plane.decode_grid(model, (-2.0, 2.0), (0.0, 1.0), n=4)
    assert grid.shape == (4, 4, 8, 8)
    # Row 1, column 3: z_rest 0.375, z_label 1.5.
    np.testing.assert_allclose(
        grid[1, 3], model.decode(np.array([[1.5]]), np.array([[0.375]]))[0], atol=1e-6
    )


def test_a_run_says_where_its_time_went(whole: Path):
    metrics = metrics_of(whole)
    kinds = {
        name: value
        for name, value in metrics.items()
        if name.endswith(".seconds") and "plane" not in name
    }
    assert {
        "training writers.seconds",
        "clustering writers.seconds",
        "ceiling writers.seconds",
    } <= kinds.keys()
    assert sum(kinds.values()) < metrics["seconds"]
    page = (whole / "report.html").read_text(encoding="utf-8")
    assert "of which training" in " ".join(page.split())
