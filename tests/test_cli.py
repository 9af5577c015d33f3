"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from pyarrow import parquet

import wvae
from wvae.cli import app as cli
from wvae.config import parameters
from wvae.datasets import CATALOGUE
from wvae.experiments import reproduce as experiments
from wvae.training.diagnostics import TrainingError

MAIN = "from wvae.cli.app import main; main()"
QUICK = ("--epochs", "1", "--width", "16", "--depth", "1")


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command line in tmp_path, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WVAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["wvae", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.main()
        code = caught.value.code
        written = capsys.readouterr()
        return Answer(code if isinstance(code, int) else 0, written.out, written.err)

    return run


def one_line(answer: Answer) -> str:
    """Check that this is how a fault that the user can mend is told."""
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("wvae: ")
    assert answer.err.count("\n") == 1
    assert "Traceback" not in answer.err
    return answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["reproduce", "--help"],
        ["data", "list"],
        ["import", "--help"],
        ["fit", "--help"],
        ["measure", "--help"],
        ["encode", "--help"],
        ["cluster", "--help"],
        ["swap", "--help"],
        ["export", "--help"],
    ],
)
def test_help_does_not_wait_for_torch(arguments: list[str]):
    code = f"""
import sys
sys.argv = ['wvae', *{arguments!r}]
from wvae.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code
heavy = {{'torch', 'sklearn', 'scipy', 'matplotlib', 'openTSNE', 'pyarrow', 'ray'}} & set(sys.modules)
sys.exit(f'imported {{heavy}}' if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_package_does_not_import_torch():
    code = "import sys, wvae; wvae.datasets; wvae.Config; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


WARNED = """
import sys, warnings
from wvae import cli

@cli.app.command()
def warn():
    class Own(UserWarning): pass
    warnings.warn("z_rest has\\n  collapsed", Own)
    warnings.warn("a function is old", DeprecationWarning)
    assert "torch" not in sys.modules
    print("done")

shown = warnings.showwarning
sys.argv = ["wvae", "warn"]
try:
    cli.main()
finally:
    assert warnings.showwarning is shown
"""


def test_a_warning_is_one_line():
    result = subprocess.run(
        [sys.executable, "-W", "default", "-c", WARNED],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert result.stdout == "done\n"
    first, *others = result.stderr.splitlines()
    assert first == "wvae: warning: z_rest has collapsed"
    assert "DeprecationWarning: a function is old" in others[0]  # about code: Python's own form
    assert "Own" not in result.stderr


def test_a_fault_of_the_training_is_told_in_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
):
    flags = (
        "--backbone",
        "mlp",
        "--width",
        "16",
        "--depth",
        "1",
        "--epochs",
        "5",
        "--alignment",
        "none",
    )
    flags = (*flags, "--learning-rate", "1e-2")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        answer = command(
            "fit", "digits8x8", "--quiet", "--rest-kl-weight", "1e5", "--out", "m", *flags
        )
    assert (answer.code, answer.out) == (0, "m\n")
    assert answer.err
    assert all(line.startswith("wvae: warning: ") for line in answer.err.splitlines())
    assert "rest_kl_weight (now 100000)" in answer.err
    assert "TrainingWarning" not in answer.err


def test_help_names_every_command_and_hyper_parameter(command: Command):
    out = command("--help").out
    assert all(
        name in out
        for name in ("reproduce", "fit", "measure", "encode", "cluster", "swap", "export", "data")
    )
    for name in ("reproduce", "fit"):
        out = command(name, "--help").out
        for spec in parameters():
            if spec.name not in ("random_state", "kind"):
                assert f"--{spec.name.replace('_', '-')}" in out
        assert "--seed" in out
        assert "--random-state" not in out
        assert "--kind" not in out  # the data say it


def test_nothing_at_all_shows_the_help(command: Command):
    answer = command()
    assert "reproduce" in answer.out + answer.err


# ------------------------------------------------------------------------------------------ reproduce


def test_quiet_prints_the_reports_path_and_nothing_else(command: Command, tmp_path: Path):
    answer = command("reproduce", "plane", "--data", "digits8x8", "--quiet", *QUICK)
    assert answer == (0, "runs/plane-digits8x8-best/report.html\n", "")
    page = (tmp_path / answer.out.strip()).read_text(encoding="utf-8")
    assert "wvae reproduce plane --data digits8x8 --quiet --epochs 1 --width 16" in page
    assert "preset best" in page


def test_progress_goes_to_stderr(command: Command, tmp_path: Path):
    answer = command("reproduce", "plane", "--data", "digits8x8", "--out", tmp_path / "r", *QUICK)
    assert (answer.code, answer.out) == (0, f"{tmp_path / 'r' / 'report.html'}\n")
    assert "training plane" in answer.err


def test_flags_reach_the_hyper_parameters(command: Command, monkeypatch: pytest.MonkeyPatch):
    got: dict[str, Any] = {}

    def reproduce(which: str, data: Any, config: Any, out: Path, **options: Any) -> Path:
        got.update(options, which=which, data=data.name, config=config, out=out)
        return out

    monkeypatch.setattr(experiments, "reproduce", reproduce)
    flags = ["--preset", "article", "--objective", "covariance", "--trials", "4", "--seed", "9"]
    values = ["--d-rest", "3", "--rest-kl-weight", "2.5", "--backbone", "conv"]
    assert (
        command(
            "reproduce", "writers", "--data", "digits8x8", *flags, *values, "--overwrite", "--quiet"
        ).code
        == 0
    )
    config = got["config"]
    assert (got["which"], got["data"], got["trials"], got["overwrite"]) == (
        "writers",
        "digits8x8",
        4,
        True,
    )
    assert (config.width, config.separation, config.random_state) == (500, "covariance", 9)
    assert (config.d_rest, config.rest_kl_weight, config.backbone) == (3, 2.5, "conv")
    assert got["out"] == Path("runs/writers-digits8x8-article-covariance")
    assert got["title"] == "preset article, objective covariance"


@pytest.mark.parametrize(
    ("flags", "brief"), [([], True), (["--epochs", "30"], False), (["--preset", "article"], False)]
)
def test_experiment_one_is_brief_unless_told_otherwise(
    command: Command, monkeypatch: pytest.MonkeyPatch, flags: list[str], brief: bool
):
    got: list[bool] = []

    def reproduce(which: str, data: Any, config: Any, out: Path, **options: Any) -> Path:
        got.append(options["brief"])
        return out

    monkeypatch.setattr(experiments, "reproduce", reproduce)
    assert command("reproduce", "--data", "digits8x8", "--quiet", *flags).code == 0
    assert got == [brief]


def test_worlds_take_data_again_and_by_label(command: Command, monkeypatch: pytest.MonkeyPatch):
    got: dict[str, Any] = {}

    def reproduce(worlds: list[str], config: Any, out: Path, **options: Any) -> Path:
        got.update(worlds=worlds, out=out)
        return out

    monkeypatch.setattr("wvae.experiments.worlds.reproduce_worlds", reproduce)
    monkeypatch.setattr("wvae.datasets.load", lambda name, **_: name)
    assert (
        command("reproduce", "worlds", "--data", "fsdd", "--data", "fsdd/speaker", "--quiet").code
        == 0
    )
    assert got == {
        "worlds": ["fsdd", "fsdd/speaker"],
        "out": Path("runs/worlds-fsdd-fsdd-speaker-best"),
    }


@pytest.mark.parametrize(
    ("flags", "early"),
    [([], False), (["--early-stopping"], True), (["--no-early-stopping"], False)],
)
def test_early_stopping_is_a_pair_of_flags(
    command: Command, monkeypatch: pytest.MonkeyPatch, flags: list[str], early: bool
):
    got: list[Any] = []
    monkeypatch.setattr(
        "wvae.workflows.fit.fit_to_folder", lambda data, config, *_, **__: got.append(config)
    )
    assert command("fit", "digits8x8", "--quiet", *flags).code == 0
    assert [config.early_stopping for config in got] == [early]
    assert "--no-early-stopping" in command("fit", "--help").out
    assert command("fit", "digits8x8", "--early-stopping", "yes").code == 2


def test_early_stopping_stops(command: Command):
    flags = (
        "--early-stopping",
        "--n-iter-no-change",
        "1",
        "--backbone",
        "mlp",
        "--width",
        "16",
        "--depth",
        "1",
    )
    flags += (
        "--learning-rate",
        "0.1",
        "--alignment",
        "none",
        "--finetune-epochs",
        "0",
        "--epochs",
        "40",
    )
    assert command("fit", "digits8x8", "--out", "m", *flags).code == 0
    assert len(Path("m/history.jsonl").read_text().splitlines()) < 40


def test_an_unknown_data_set_is_one_line_with_the_nearest(command: Command, tmp_path: Path):
    for arguments in (["reproduce", "--data", "mnst"], ["data", "get", "mnst"]):
        assert "did you mean 'mnist'" in one_line(command(*arguments))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_one_line(command: Command, tmp_path: Path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "metrics.json").touch()
    arguments = ["reproduce", "plane", "--data", "digits8x8", "--out", "r", "--quiet", *QUICK]
    assert "r is there already: take another --out, or --overwrite" in one_line(command(*arguments))
    assert command(*arguments, "--overwrite").code == 0
    assert (tmp_path / "r" / "report.html").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--epochs", "0"], "epochs is 0, expected at least 1"),
        (["--learning-rate", "nan"], "learning_rate is nan"),
        (["--seed", str(2**32)], "random_state is 4294967296, expected at most"),
    ],
)
def test_a_bad_value_is_one_line(command: Command, flags: list[str], message: str):
    assert message in one_line(command("reproduce", "plane", "--data", "digits8x8", *flags))


@pytest.mark.parametrize(
    "flags",
    [["--epochs", "many"], ["--backbone", "gan"], ["--trials", "0"], ["--wings", "2"], ["third"]],
)
def test_what_cannot_be_parsed_is_exit_2_with_usage(command: Command, flags: list[str]):
    answer = command("reproduce", *flags)
    assert answer.code == 2
    assert answer.out == ""
    assert "Usage" in answer.err
    assert "Traceback" not in answer.err


def test_data_without_writers_is_one_line(command: Command):
    assert "has no factor 'writer'" in one_line(
        command("reproduce", "writers", "--data", "digits8x8", "--quiet")
    )


@pytest.mark.parametrize(
    "error",
    [
        TrainingError("the loss is not finite"),
        OSError(28, "No space left on device"),
        ValueError("v"),
    ],
)
def test_faults_while_running_are_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    def fail(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(experiments, "reproduce", fail)
    assert str(error) in one_line(command("reproduce", "plane", "--data", "digits8x8", "--quiet"))


def test_a_bug_keeps_its_traceback(command: Command, monkeypatch: pytest.MonkeyPatch):
    def fail(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(experiments, "reproduce", fail)
    monkeypatch.setattr(
        sys, "argv", ["wvae", "reproduce", "plane", "--data", "digits8x8", "--quiet"]
    )
    with pytest.raises(RuntimeError, match="a bug of ours"):
        cli.main()


def interrupted(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C, and again where Python lost it in a place that ignores exceptions; return what was said."""
    for _ in range(4):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=30)[1]
    raise AssertionError("it does not stop")


def test_ctrl_c_leaves_a_folder_that_goes_on(tmp_path: Path):
    arguments = [
        "reproduce",
        "plane",
        "--data",
        "digits8x8",
        "--out",
        "r",
        "--width",
        "16",
        "--epochs",
        "100000",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "WVAE_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", MAIN, *arguments]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            end = time.monotonic() + 120
            while not (tmp_path / "r.partial" / "config.json").exists():
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
            time.sleep(0.5)
            err = interrupted(process)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "what is done is kept in r.partial: the same command goes on from there" in err
    assert "Traceback" not in err
    assert (tmp_path / "r.partial" / "config.json").exists()
    assert not (tmp_path / "r").exists()


def test_going_on_is_said(command: Command, monkeypatch: pytest.MonkeyPatch):
    def stop(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    arguments = ["reproduce", "plane", "--data", "digits8x8", "--out", "r", *QUICK]
    with monkeypatch.context() as patch:
        patch.setattr("wvae.experiments.plane.fit_in_run", stop)
        assert command(*arguments).code == 130
    answer = command(*arguments)
    assert (answer.code, answer.out) == (0, "r/report.html\n")
    assert "there is an unfinished run in r.partial" in answer.err


# ------------------------------------------------------------------------------------------ fit, measure

SMALL = ("--backbone", "mlp", "--alignment-steps", "20", *QUICK)


def test_fit_prints_the_model_folders_path(command: Command, tmp_path: Path):
    answer = command("fit", "digits8x8", "--quiet", "--preset", "article", "--seed", "3", *QUICK)
    assert answer == (0, "models/digits8x8-article\n", "")
    model = wvae.load(str(tmp_path / "models" / "digits8x8-article"))
    assert (model.config_.random_state, model.config_.width, model.config_.backbone) == (
        3,
        16,
        "article",
    )
    assert "is there already" in one_line(
        command("fit", "digits8x8", "--preset", "article", "--quiet", *QUICK)
    )
    answer = command("fit", "digits8x8", "--out", tmp_path / "m", *SMALL)
    assert answer.out == f"{tmp_path / 'm'}\n"
    assert "training on digits8x8" in answer.err


def test_an_interrupted_fit_says_what_is_kept(command: Command, monkeypatch: pytest.MonkeyPatch):
    def stop(*arguments: Any, **options: Any) -> None:
        (Path("m.partial")).mkdir(exist_ok=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("wvae.workflows.fit.fit_to_folder", stop)
        answer = command("fit", "digits8x8", "--out", "m", *SMALL)
        assert answer.code == 130
        assert (
            "what is done is kept in m.partial: the same command goes on from there" in answer.err
        )
    answer = command("fit", "digits8x8", "--out", "m", *SMALL)
    assert (answer.code, answer.out) == (0, "m\n")
    assert "there is an unfinished run in m.partial" in answer.err


@pytest.fixture
def model(command: Command, tmp_path: Path) -> Path:
    assert command("fit", "digits8x8", "--out", "m", "--seed", "5", "--quiet", *SMALL).code == 0
    return tmp_path / "m"


def test_measure_prints_tables_and_a_verdict(
    command: Command, model: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wvae.workflows.measure.KINDS", ("logistic", "knn"))
    monkeypatch.setattr("wvae.workflows.measure.MIN_JUDGE_EXAMPLES", 2000)
    monkeypatch.setattr("wvae.evaluation.probes.EPOCHS", 3)
    answer = command("measure", "m", "digits8x8", "--out", "deep/m.json")
    assert answer.code == 0
    lines = [" ".join(line.split()) for line in answer.out.splitlines()]
    for title in (
        "leakage: the digit read",
        "sufficiency: what",
        "rest: what",
        "swap: z_label",
        "retrieval: who",
    ):
        assert any(line.startswith(title) for line in lines)
    found = json.loads((model.parent / "deep" / "m.json").read_text())
    chance = max(found["leakage.mean.majority"], found["leakage.mean.null"])
    assert f"mean.knn {found['leakage.mean.knn']:.3f} {chance:.3f}" in lines
    assert "nothing: the data know no writer or other category" in lines
    assert any(line.startswith(("clean: a fresh", "not clean: a fresh")) for line in lines)
    assert "measuring leakage" in answer.err
    assert "was trained on" not in answer.out  # the seed of the test rows is the model's
    assert [p.name for p in (model.parent / "deep").iterdir()] == ["m.json"]


CANNED = {
    "leakage.mean.mlp": 0.412,
    "leakage.max": 0.412,
    "leakage.low": 0.4,
    "leakage.high": 0.42,
    "leakage.majority": 0.1,
    "leakage.null": 0.114,
    "leakage.clean": 0.0,
    "leakage.positive_control": 0.98,
}


def test_flags_reach_the_measurement(
    command: Command, model: Path, monkeypatch: pytest.MonkeyPatch
):
    got: dict[str, Any] = {}

    def measure(estimator: Any, data: Any, **options: Any) -> dict[str, float]:
        got.update(options, model=estimator, data=data.name)
        return dict(CANNED)

    monkeypatch.setattr("wvae.workflows.measure.measure", measure)
    assert command("measure", "m", "digits8x8", "--quiet") == (
        0,
        "not clean: a fresh mlp reads the digit from z_rest in 41.2 % of cases (40.0–42.0 %), chance 11.4 %\n",
        "",
    )
    assert (got["seed"], got["factors"], got["progress"], got["data"]) == (
        5,
        None,
        None,
        "digits8x8",
    )
    digits = wvae.datasets.load("digits8x8")
    writer, pen = np.arange(len(digits)) % 7, np.arange(len(digits)) % 2
    np.savez("own.npz", x=digits.x, digit=digits.y, writer=writer, pen=pen)
    answer = command(
        "measure", "m", "own.npz", "--seed", "9", "--factor", "writer", "--factor", "pen", "--quiet"
    )
    assert (got["seed"], got["factors"]) == (9, ["writer", "pen"])
    assert "1,621 rows of own for training (seed 9)" in answer.out


def test_a_failed_measurement_leaves_the_old_file(
    command: Command, model: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "wvae.workflows.measure.measure", lambda *a, **k: CANNED | {"leakage.odd": object()}
    )
    (model.parent / "m.json").write_text("old")
    assert "not JSON serializable" in one_line(
        command("measure", "m", "digits8x8", "--out", "m.json", "--quiet")
    )
    assert (model.parent / "m.json").read_text() == "old"
    assert sorted(p.name for p in model.parent.iterdir()) == ["m", "m.json"]


def test_what_cannot_be_measured_is_one_line(command: Command, model: Path):
    assert "nowhere is no model folder" in one_line(
        command("measure", "nowhere", "digits8x8", "--quiet")
    )
    assert "did you mean 'mnist'" in one_line(command("measure", "m", "mnst", "--quiet"))
    answer = command("measure", "m", "digits8x8", "--factor", "writer", "--quiet")
    assert "digits8x8: there is no column 'writer' for the factor" in one_line(answer)
    assert "the model was trained on (8, 8)" in one_line(
        command("measure", "m", "handwriting", "--quiet")
    )
    assert "m is a folder, expected a file" in one_line(
        command("measure", "m", "digits8x8", "--out", "m")
    )


# ------------------------------------------------------------------------------------------ own data, and the rest


@pytest.fixture
def own(command: Command, tmp_path: Path) -> Path:
    """Own data, and a model folder made of them in one line."""
    digits = wvae.datasets.load("digits8x8")
    np.savez("own.npz", x=digits.x[:600], number=digits.y[:600], pen=np.arange(600) % 3)
    answer = command(
        "fit", "own.npz", "--label", "number", "--factor", "pen", "--seed", "2", *SMALL
    )
    assert (answer.code, answer.out) == (0, "models/own-best\n")
    assert "label 'number': 10 classes in 600 rows" in answer.err
    return tmp_path / "models" / "own-best"


def test_own_data_go_from_nothing_to_clusters(command: Command, own: Path):
    answer = command("cluster", own, "own.npz", "--k", "4", "--out", "deep/c.parquet")
    assert answer.code == 0
    lines = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert lines[0] == "agreement with purity ARI AMI"
    assert [line.split()[0] for line in lines[1:5]] == ["number", "at", "pen", "at"]
    assert lines[-1].startswith("4 clusters of z_rest by K-Means, ")
    table = parquet.read_table("deep/c.parquet")
    assert (table.column_names, len(table)) == (["cluster", "number", "pen"], 600)
    answer = command(
        "cluster", own, "own.npz", "--k", "4", "--quiet", "--method", "gmm", "--on", "label"
    )
    assert (answer.code, answer.err, answer.out.count("\n")) == (0, "", 1)
    assert "4 clusters of z_label by a Gaussian mixture" in answer.out


def test_how_many_clusters_were_tried_is_shown(
    command: Command, own: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wvae.evaluation.n_clusters.K_GRID", (2, 3))
    answer = command("cluster", own, "own.npz", "--on", "pixels")
    lines = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert lines[0] == "k silhouette no clusters stability"
    assert [line[0] for line in lines[1:3]] == ["2", "3"]
    assert sum(line.endswith(("chosen", "nearest")) for line in lines) == 1
    assert "choosing the number of clusters" in answer.err


def test_encode_writes_a_table(command: Command, own: Path):
    assert command("encode", own, "own.npz", "--quiet") == (0, "own-codes.parquet\n", "")
    names = parquet.read_table("own-codes.parquet").column_names
    assert names[-3:] == ["number", "pen", "predicted"]
    assert len(names) == 10 + 16 + 3
    answer = command("encode", own, "own.npz", "--out", "c.parquet")
    assert (answer.out, "encoding own" in answer.err) == ("c.parquet\n", True)


def test_encode_finds_clusters_in_the_same_pass(command: Command, own: Path):
    assert (
        command(
            "encode", own, "own.npz", "--k", "4", "--seed", "1", "--out", "c.parquet", "--quiet"
        ).code
        == 0
    )
    assert set(parquet.read_table("c.parquet").column("cluster").to_pylist()) == {0, 1, 2, 3}
    assert np.load("c-centres.npy").shape == (4, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "1"], "--seed 1 is that of clusters, of which there are none: give --k, too"),
        (
            ["--k", "301", "--quiet"],
            "k is 301, expected 2 to 300, half of the rows that centres are learnt from",
        ),
        (
            ["--on", "ray", "--out", "own.npz"],
            "--out own.npz is a file, expected a folder such as own",
        ),
    ],
)
def test_what_encode_cannot_do(command: Command, own: Path, options: list[str], message: str):
    assert message in one_line(command("encode", own, "own.npz", *options))


def test_ray_that_is_not_installed_is_one_line(
    command: Command, own: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    message = one_line(command("encode", own, "own.npz", "--on", "ray", "--quiet"))
    assert message.startswith("wvae: the package ray")
    assert message.endswith(" is not installed: pip install 'wvae[ray]'\n")
    assert sorted(path.name for path in Path().iterdir()) == ["models", "own.npz"]


def test_data_without_labels_are_encoded_and_clustered(command: Command, own: Path):
    np.savez("new.npz", x=wvae.datasets.load("digits8x8").x[600:700])
    answer = command("encode", own, "new.npz", "--out", "c.parquet")
    assert (answer.out, "no labels: there is no column 'number'" in answer.err) == (
        "c.parquet\n",
        True,
    )
    assert parquet.read_table("c.parquet").column_names[-2:] == ["z_rest15", "predicted"]
    answer = command("cluster", own, "new.npz", "--k", "3", "--out", "k.parquet")
    assert (answer.code, answer.out.count("\n")) == (0, 1)
    assert parquet.read_table("k.parquet").column_names == ["cluster"]
    assert "no column 'number' for the label" in one_line(
        command("measure", own, "new.npz", "--quiet")
    )
    assert "which is the label?" in one_line(command("fit", "new.npz", "--quiet"))


def test_swap_writes_a_picture(command: Command, own: Path):
    answer = command("swap", own, "own.npz:0", "own.npz:5")
    assert (answer.code, answer.out) == (0, "own-npz-0-in-own-npz-5.png\n")
    assert "for A in B's style" in answer.err
    assert Path("own-npz-0-in-own-npz-5.png").read_bytes().startswith(b"\x89PNG")
    assert command("swap", own, "own.npz:0", "own.npz:5", "--out", "s.npy", "--quiet") == (
        0,
        "s.npy\n",
        "",
    )


def test_export_is_passed_on(command: Command, own: Path, monkeypatch: pytest.MonkeyPatch):
    got: dict[str, Any] = {}

    def export(model: Any, out: Path, *, overwrite: bool) -> Path:
        got.update(model=model, overwrite=overwrite)
        return out

    monkeypatch.setattr("wvae.io.onnx.export_onnx", export)
    assert command("export", own, "--to", "onnx", "--overwrite").out == f"{own}-onnx\n"
    assert got["overwrite"]
    assert command("export", own, "--out", "there").out == "there\n"
    assert not got["overwrite"]


def test_a_missing_package_is_one_line_with_its_extra(
    command: Command, own: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setitem(sys.modules, "onnx", None)
    message = one_line(command("export", own))
    assert message == "wvae: the package onnx is not installed: pip install 'wvae[onnx]'\n"
    assert not (tmp_path / "models" / "own-best-onnx").exists()


def test_what_the_commands_cannot_do_is_one_line(command: Command, own: Path):
    Path("there").mkdir()
    for name in ("encode", "cluster"):
        assert "nowhere is no model folder" in one_line(
            command(name, "nowhere", "own.npz", "--quiet")
        )
        assert "did you mean 'own.npz'" in one_line(command(name, own, "owm.npz", "--quiet"))
        assert "there is a folder, expected a file" in one_line(
            command(name, own, "own.npz", "--out", "there")
        )
        assert "did you mean 'pen'" in one_line(
            command(name, own, "own.npz", "--factor", "pin", "--quiet")
        )
    assert "the model was trained on (8, 8)" in one_line(
        command("encode", own, "handwriting", "--quiet")
    )
    assert "--k is many, expected a number of clusters" in one_line(
        command("cluster", own, "own.npz", "--k", "many")
    )
    assert "k is 301, expected 2 to 300" in one_line(
        command("cluster", own, "own.npz", "--k", "301", "--quiet")
    )
    assert "expected a row from 0 to 599, not 600" in one_line(
        command("swap", own, "own.npz:600", "own.npz:1")
    )
    assert "nowhere is no model folder" in one_line(command("export", "nowhere"))
    assert "no column 'numbr' for the label – did you mean 'number'" in one_line(
        command("fit", "own.npz", "--label", "numbr", "--quiet")
    )
    assert command("export", own, "--to", "tflite").code == 2
    assert sorted(p.name for p in Path().iterdir()) == ["models", "own.npz", "there"]
    assert [p.name for p in Path("models").iterdir()] == ["own-best"]


# ------------------------------------------------------------------------------------------ data, import


def test_data_list_names_every_source_with_its_licence(command: Command):
    answer = command("data", "list")
    assert answer.code == 0
    for source in CATALOGUE.values():
        assert source.name in answer.out
        assert source.licence in answer.out


def test_data_get(command: Command):
    answer = command("data", "get", "digits8x8")
    assert answer == (0, "digits8x8: 1,797 examples of shape (8, 8), 10 labels\n", "")


@pytest.mark.parametrize("name", ["handwriting", "digits8x8"])
def test_what_is_built_in_needs_no_cache(command: Command, tmp_path: Path, name: str):
    assert command("data", "get", name, "--quiet").code == 0
    assert not (tmp_path / "cache").exists()


def test_import_writes_a_model_folder(command: Command, tmp_path: Path, original_model: Path):
    answer = command("import", original_model, "model")
    assert answer == (0, "model\n", "")
    assert wvae.load(str(tmp_path / "model")).config_.d_rest == 1


def test_import_of_something_else_is_one_line(command: Command, tmp_path: Path):
    (tmp_path / "x.model").write_text("not a model")
    assert "x.model is no Chainer .model file" in one_line(command("import", "x.model", "out"))
    assert "missing" in one_line(command("import", "y.model", "out"))
    assert not (tmp_path / "out").exists()
