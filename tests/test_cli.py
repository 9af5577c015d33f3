"""The command line: what it prints, on which stream, and with which exit code."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import warnings
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet
from rich.progress import Progress

import wvae
from command_line import Command, Result, run
from wvae.cli import app as cli
from wvae.cli.flags import in_flags
from wvae.cli.progress import progress_bars
from wvae.config import parameters
from wvae.datasets import CATALOGUE
from wvae.experiments import reproduce as experiments
from wvae.training.diagnostics import TrainingError, TrainingWarning

TINY = ("--epochs", "1", "--width", "16", "--depth", "1")
SMALL = ("--backbone", "mlp", "--alignment-steps", "20", "--finetune-epochs", "0", *TINY)
pytestmark = [
    pytest.mark.usefixtures("restored_signals"),
    pytest.mark.filterwarnings("ignore:the label is:wvae.training.diagnostics.TrainingWarning"),
]

COMMANDS = (
    "reproduce", "fit", "measure", "encode", "cluster", "swap", "explore", "export", "import",
    "data",
)  # fmt: skip


def one_line(result: Result) -> str:
    """Check that an error has the form of one that the user can fix, and return its message."""
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("wvae: ")
    assert result.err.count("\n") == 1
    return result.err


# ---------------------------------------------------------------------- help, version, imports


LAZY_IMPORTS = """
import sys
from wvae.cli.app import main
for arguments in {commands!r}:
    sys.argv = ['wvae', *arguments]
    try:
        main()
    except SystemExit as end:
        assert not end.code
    heavy = {{'torch', 'sklearn', 'scipy', 'matplotlib', 'openTSNE', 'pyarrow', 'ray', 'uvicorn'}}
    assert not heavy & set(sys.modules), (arguments, heavy & set(sys.modules))
"""


def test_help_and_listing_do_not_import_heavy_packages():
    commands = [["--help"], ["--version"], ["data", "list"]]
    commands += [[name, "--help"] for name in COMMANDS]
    code = LAZY_IMPORTS.format(commands=commands)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_package_does_not_import_torch():
    code = "import sys, wvae; wvae.datasets; wvae.Config; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_version(command: Command):
    assert command("--version") == (0, f"wvae {wvae.__version__}\n", "")


def test_help_names_every_command(command: Command):
    shown = command("--help").out
    for name in COMMANDS:
        assert re.search(rf"\b{name}\b", shown)
    without_arguments = command()
    assert "reproduce" in without_arguments.out + without_arguments.err


@pytest.mark.parametrize("name", ["reproduce", "fit"])
def test_help_shows_common_hyper_parameters_and_help_all_shows_every_one(
    command: Command, name: str
):
    common, complete = command(name, "--help").out, command(name, "--help-all").out
    for spec in parameters():
        flag = rf"--{spec.name.replace('_', '-')}\b(?!-)"
        has_flag = spec.name not in ("random_state", "kind")  # --seed, and the data's kind
        assert bool(re.search(flag, complete)) == has_flag
        assert bool(re.search(flag, common)) == (has_flag and not spec.advanced)
        if spec.choices and has_flag:
            assert all(choice in complete for choice in spec.choices)
    assert "--seed" in common
    assert "--help-all" in common


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("columns", [80, 120])
def test_help_breaks_lines_only_at_the_right_margin(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str, columns: int
):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = command(name, "--help").out.splitlines()
    assert max(map(len, lines)) <= columns
    description = lines[: next(i for i, line in enumerate(lines) if line.startswith("╭"))]
    for line, following in pairwise(description[2:]):
        first_word, *_ = [*following.split(), ""]
        if first_word:  # it did not fit into the line above
            assert not line.strip() or len(f" {line.strip()} {first_word} ") > columns


# ---------------------------------------------------------------------- warnings, errors


WARNINGS = """
import sys, warnings
from wvae.cli import app

@app.app.command()
def warn():
    class OwnWarning(UserWarning): pass
    warnings.warn("z_rest has\\n  collapsed", OwnWarning)
    warnings.warn("a function is old", DeprecationWarning)
    print("done")

shown = warnings.showwarning
sys.argv = ["wvae", "warn"]
try:
    app.main()
finally:
    assert warnings.showwarning is shown
"""


def test_a_warning_for_users_is_one_line():
    arguments = [sys.executable, "-W", "default", "-c", WARNINGS]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "done\n"
    first, *others = done.stderr.splitlines()
    assert first == "wvae: warning: z_rest has collapsed"
    assert "DeprecationWarning: a function is old" in others[0]  # about code: Python's own form
    assert "OwnWarning" not in done.stderr


def test_a_warning_of_the_training_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch):
    def fit(*arguments: Any, **options: Any) -> None:
        warnings.warn("lower rest_kl_weight", TrainingWarning, stacklevel=1)

    monkeypatch.setattr("wvae.workflows.fit.fit_to_folder", fit)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = command("fit", "digits8x8", "--quiet", "--out", "m")
    assert result == (0, "m\n", "wvae: warning: lower --rest-kl-weight\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reproduce", "--data", "mnst"], "'mnist'"),
        (["data", "get", "mnst"], "'mnist'"),
        (["fit", "digits8x8", "--epochs", "0"], "epochs is 0"),
        (["reproduce", "plane", "--learning-rate", "nan"], "--learning-rate is nan"),
        (["fit", "digits8x8", "--seed", str(2**32)], "--seed is 4294967296"),
        (["reproduce", "writers", "--data", "digits8x8", "--quiet"], "writer"),
        (["reproduce", "plane", "--data", "mnist", "--data", "fsdd"], "--data is given 2 times"),
        (["encode", "m", "digits8x8", "--seed", "1"], "--seed 1"),
        (["cluster", "m", "digits8x8", "--k", "many"], "--k is many"),
        (["measure", "m", "digits8x8", "--out", "."], "--out . is a folder"),
        (["encode", "m", "digits8x8", "--out", "."], "--out . is a folder"),
        (["cluster", "m", "digits8x8", "--out", "."], "--out . is a folder"),
        (["swap", "m", "a", "b", "--out", "."], "--out . is a folder"),
        (["export", "nowhere"], "nowhere"),
        (["encode", "nowhere", "digits8x8", "--quiet"], "nowhere"),
        (["measure", "nowhere", "digits8x8", "--quiet"], "nowhere"),
        (["cluster", "nowhere", "digits8x8", "--quiet"], "nowhere"),
        (["import", "missing.model", "out"], "missing"),
    ],
)
def test_what_the_user_can_fix_is_one_line(
    command: Command, tmp_path: Path, arguments: list[str], message: str
):
    assert message in one_line(command(*arguments))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["reproduce", "--epochs", "many"],
        ["reproduce", "--backbone", "gan"],
        ["reproduce", "--trials", "0"],
        ["reproduce", "--unknown", "2"],
        ["reproduce", "third"],
        ["fit", "digits8x8", "--early-stopping", "yes"],
        ["export", "m", "--to", "tflite"],
    ],
)
def test_what_cannot_be_parsed_prints_the_usage(command: Command, arguments: list[str]):
    result = command(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Usage" in result.err
    assert "Traceback" not in result.err


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let `wvae reproduce plane` raise an error."""

    def fail(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(experiments, "reproduce", fail)


@pytest.mark.parametrize(
    "error",
    [
        TrainingError("the loss is not finite"),
        OSError(28, "No space left on device"),
        ValueError("a value"),
        TypeError("a type"),
    ],
)
def test_errors_at_run_time_are_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    failing(monkeypatch, error)
    assert str(error) in one_line(command("reproduce", "plane", "--data", "digits8x8", "--quiet"))


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), ModuleNotFoundError("a bug", name="wvae.typo")]
)
def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, error: Exception):
    failing(monkeypatch, error)
    arguments = ["wvae", "reproduce", "plane", "--data", "digits8x8", "--quiet"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(type(error), match="a bug"):
        cli.main()


@pytest.mark.parametrize(
    ("module", "package"),
    [("PIL.Image", "'wvae[files]'"), ("datasets", "'wvae[hf]'"), ("unlisted", "unlisted")],
)
def test_a_missing_package_is_one_line_with_its_extra(
    command: Command, monkeypatch: pytest.MonkeyPatch, module: str, package: str
):
    failing(monkeypatch, ModuleNotFoundError(name=module))
    message = one_line(command("reproduce", "plane", "--data", "digits8x8", "--quiet"))
    assert message == f"wvae: the package {module} is not installed: pip install {package}\n"


def test_a_message_that_names_the_extra_is_kept(command: Command, monkeypatch: pytest.MonkeyPatch):
    words = "the data set fonts needs Pillow: pip install 'wvae[fonts]'"
    failing(monkeypatch, ModuleNotFoundError(words, name="PIL"))
    message = one_line(command("reproduce", "plane", "--data", "digits8x8", "--quiet"))
    assert message == f"wvae: {words}\n"


def test_every_extra_installs_its_packages():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    distributions = importlib.metadata.packages_distributions()
    for module, extra in cli.EXTRAS.items():
        requirements = project["optional-dependencies"][extra]
        names = {re.split(r"[\[>=<]", line)[0].lower() for line in requirements}
        installed = distributions.get(module)
        if installed is not None:
            normalised = {re.sub(r"[-_.]+", "-", name).lower() for name in installed}
            assert names & normalised, module


# ---------------------------------------------------------------------- signals


WAITING = """
import sys, time
from pathlib import Path
from wvae.cli import app, terminal

@app.app.command()
def wait():
    with terminal.report_interrupt(Path("run"), quiet=False):
        Path("run.partial").mkdir()
        print("ready", flush=True)
        time.sleep(60)

sys.argv = ["wvae", "wait"]
app.main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_stop_a_background_job_and_report_what_is_saved(
    tmp_path: Path, number: signal.Signals, code: int
):
    # A shell starts background jobs with SIGINT ignored.
    shell = ["sh", "-c", 'trap \'\' INT; exec "$0" -c "$1"', sys.executable, WAITING]
    pipe = subprocess.PIPE
    with subprocess.Popen(shell, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, err.count("\n")) == (code, 1)
    assert "run.partial" in err


# An import runs code from strings: the methods of each dataclass.
INTERRUPTED_IN_A_STRING = """
import signal, sys
from pathlib import Path

import typer
from wvae.cli import app, terminal

@app.app.command()
def wait():
    with terminal.report_interrupt(Path("run"), quiet=False):
        exec("signal.raise_signal(signal.SIGINT)")

sys.argv = ["wvae", "wait"]
app.main()
"""


def test_an_interruption_within_an_import_keeps_the_exit_code(tmp_path: Path):
    (tmp_path / "interrupted.py").write_text(INTERRUPTED_IN_A_STRING)
    command = [sys.executable, "-m", "interrupted"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr.count("\n")) == (130, 1)


def interrupt(process: subprocess.Popen[str]) -> str:
    """Send SIGINT, again where a place that ignores exceptions loses it, and return stderr."""
    for _ in range(4):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=30)[1]
    raise AssertionError("the process does not stop")


@pytest.mark.slow
def test_ctrl_c_leaves_a_partial_run(tmp_path: Path):
    arguments = ["reproduce", "plane", "--data", "digits8x8", "--out", "r", "--width", "16"]
    command = [sys.executable, "-m", "wvae", *arguments, "--epochs", "100000"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "WVAE_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while not (tmp_path / "r.partial" / "config.json").exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            time.sleep(0.5)
            err = interrupt(process)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "progress is saved in r.partial" in err
    assert "Traceback" not in err
    assert (tmp_path / "r.partial" / "config.json").exists()
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("wvae.experiments.reproduce.reproduce", ["reproduce", "plane", "--data", "digits8x8"]),
        ("wvae.workflows.fit.fit_to_folder", ["fit", "digits8x8"]),
    ],
)
def test_an_interrupted_command_reports_what_is_saved(
    command: Command, monkeypatch: pytest.MonkeyPatch, function: str, arguments: list[str]
):
    def stop(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(function, stop)
    result = command(*arguments, "--out", "m")
    assert (result.code, result.out) == (130, "")
    assert "m.partial" not in result.err
    Path("m.partial").mkdir()
    result = command(*arguments, "--out", "m")
    assert (result.code, result.out) == (130, "")
    assert "there is an unfinished run in m.partial" in result.err
    assert "progress is saved in m.partial" in result.err
    assert command(*arguments, "--out", "m", "--quiet") == (130, "", "")


# ---------------------------------------------------------------------- progress


def test_a_pipe_gets_no_live_bars_even_if_colours_are_forced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as notebooks do
    with progress_bars(quiet=False) as progress:
        assert progress is not None
        with progress.task("training", 50) as advance:
            for step in range(50):
                advance(step)
    printed = capsys.readouterr().err
    assert printed.count("\n") <= 2
    assert "\x1b" not in printed


def test_progress_shows_rate_and_remaining_time_of_slow_steps(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    with_clock = partial(Progress, get_time=lambda: now[0], auto_refresh=False)
    monkeypatch.setattr("rich.progress.Progress", with_clock)
    with progress_bars(quiet=False) as progress:
        assert progress is not None
        with progress.task("training", 10) as advance:
            bar = progress.bars.tasks[0]
            advance(4)  # continued from a checkpoint: the first four cost no time
            assert bar.fields["rate"] == ""
            for epoch in (5, 6):
                now[0] += 300.0
                advance(epoch)
            assert bar.fields["rate"] == "300.0 s/it"
            assert bar.time_remaining == 4 * 300.0
            assert bar.fields["left"] == "0:20:00"
        assert bar.finished
        with progress.task("first", 10, lambda: 90.0) as advance:  # 90 seconds are to come after it
            advance(0)
            now[0] += 5.0
            advance(1)
            now[0] += 5.0
            advance(2)
            assert progress.bars.tasks[1].fields["left"] == "0:02:10"
        with contextlib.suppress(ZeroDivisionError), progress.task("failing", 2):
            _ = 1 / 0
        assert progress.bars.tasks[2].completed == 0
    with progress_bars(quiet=True) as progress:
        assert progress is None


# ---------------------------------------------------------------------- reproduce


@pytest.mark.slow
def test_reproduce_from_flags_to_report(command: Command, tmp_path: Path):
    arguments = ["reproduce", "plane", "--data", "digits8x8", "--overwrite", *TINY]
    (tmp_path / "runs" / "plane-digits8x8-best").mkdir(parents=True)
    (tmp_path / "runs" / "plane-digits8x8-best" / "metrics.json").touch()
    result = command(*arguments)
    assert (result.code, result.out) == (0, "runs/plane-digits8x8-best/report.html\n")
    assert "training plane" in result.err
    page = (tmp_path / result.out.strip()).read_text(encoding="utf-8")
    assert f"wvae {' '.join(arguments)}" in page
    assert "preset best" in page


def test_an_existing_run_is_one_line(command: Command, tmp_path: Path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "metrics.json").touch()
    arguments = ["reproduce", "plane", "--data", "digits8x8", "--out", "r", "--quiet", *TINY]
    assert "r is there already" in one_line(command(*arguments))


@pytest.fixture
def reproduced(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace the experiments by a function that records what the command passes to them."""
    passed: dict[str, Any] = {}

    def reproduce(which: str, data: Any, config: Any, out: Path, **options: Any) -> Path:
        passed.update(options, which=which, data=data.name, config=config, out=out)
        return out

    monkeypatch.setattr(experiments, "reproduce", reproduce)
    return passed


def test_flags_reach_the_experiments(command: Command, reproduced: dict[str, Any]):
    flags = ["--preset", "article", "--objective", "covariance", "--trials", "4", "--seed", "9"]
    flags += ["--d-rest", "3", "--rest-kl-weight", "2.5", "--backbone", "conv", "--depth", "3"]
    arguments = ["reproduce", "writers", "--data", "digits8x8", *flags, "--overwrite", "--quiet"]
    out = Path("runs/writers-digits8x8-article-covariance")
    assert command(*arguments) == (0, f"{out}/report.html\n", "")
    options = {"which": "writers", "data": "digits8x8", "trials": 4, "overwrite": True, "out": out}
    options |= {"title": "preset article, objective covariance", "progress": None}
    assert reproduced.items() >= options.items()
    config = reproduced["config"]
    assert (config.width, config.separation, config.random_state) == (500, "covariance", 9)
    assert (config.d_rest, config.rest_kl_weight, config.backbone) == (3, 2.5, "conv")
    assert config.depth == 3  # a flag that only --help-all shows


@pytest.mark.parametrize(
    ("flags", "formats"),
    [
        ([], []),
        (["--figures", "svg"], ["svg"]),
        (["--figures", "svg,PDF"], ["svg", "pdf"]),
        (["--figures", "pdf", "--figures", "svg"], ["pdf", "svg"]),
    ],
)
def test_formats_of_figures(
    command: Command, reproduced: dict[str, Any], flags: list[str], formats: list[str]
):
    assert command("reproduce", "--data", "digits8x8", "--quiet", *flags).code == 0
    assert reproduced["figure_formats"] == formats


def test_an_unknown_format_is_one_line(command: Command, reproduced: dict[str, Any]):
    result = command("reproduce", "--data", "digits8x8", "--quiet", "--figures", "svg,gif")
    expected = "--figures is svg,gif, expected svg, pdf or svg,pdf: PNG is always written"
    assert expected in one_line(result)


@pytest.mark.parametrize(
    ("flags", "brief"), [([], True), (["--epochs", "30"], False), (["--preset", "article"], False)]
)
def test_experiment_one_is_brief_unless_the_epochs_are_given(
    command: Command, reproduced: dict[str, Any], flags: list[str], brief: bool
):
    assert command("reproduce", "--data", "digits8x8", "--quiet", *flags).code == 0
    assert reproduced["brief"] == brief


def test_worlds_take_several_data_sets(command: Command, monkeypatch: pytest.MonkeyPatch):
    passed: dict[str, Any] = {}

    def reproduce(data: list[str], config: Any, out: Path, **options: Any) -> Path:
        passed.update(data=data, out=out)
        return out

    monkeypatch.setattr("wvae.experiments.worlds.reproduce_worlds", reproduce)
    monkeypatch.setattr("wvae.datasets.load", lambda name, **_: name)
    data = ["--data", "fsdd", "--data", "fsdd/speaker"]
    assert command("reproduce", "worlds", *data, "--quiet").code == 0
    out = Path("runs/worlds-fsdd-fsdd-speaker-best")
    assert passed == {"data": ["fsdd", "fsdd/speaker"], "out": out}


# ---------------------------------------------------------------------- fit


def test_fit_prints_the_path_of_the_model_folder(command: Command, tmp_path: Path):
    arguments = ["fit", "digits8x8", "--preset", "article", "--quiet", "--seed", "3", *TINY]
    assert command(*arguments) == (0, "models/digits8x8-article\n", "")
    config = wvae.load(str(tmp_path / "models" / "digits8x8-article")).config_
    assert (config.random_state, config.width, config.backbone) == (3, 16, "article")
    assert "models/digits8x8-article is there already" in one_line(command(*arguments))


@pytest.mark.parametrize(
    ("flags", "early"),
    [([], False), (["--early-stopping"], True), (["--no-early-stopping"], False)],
)
def test_early_stopping_is_a_pair_of_flags(
    command: Command, monkeypatch: pytest.MonkeyPatch, flags: list[str], early: bool
):
    configs: list[Any] = []

    def fit(data: Any, config: Any, *arguments: Any, **options: Any) -> None:
        configs.append(config)

    monkeypatch.setattr("wvae.workflows.fit.fit_to_folder", fit)
    assert command("fit", "digits8x8", "--quiet", *flags).code == 0
    assert [config.early_stopping for config in configs] == [early]


def test_fit_ends_with_accuracy_time_and_swaps(command: Command):
    result = command("fit", "digits8x8", "--out", "m", *SMALL)
    assert (result.code, result.out) == (0, "m\n")
    assert "176 held-out rows predicted with accuracy" in result.err
    assert "time: training" in result.err
    assert Path("m/swaps.png").exists()


def test_warnings_and_errors_name_flags(command: Command):
    """Python's names stand in the messages of the package itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", TrainingWarning)
        result = command("fit", "digits8x8", "--out", "m", "--quiet", *SMALL)
    assert "take --epochs 60 (now 1)" in result.err
    assert result.err.count("\n") == 1
    diverging = ("--learning-rate", "10", "--preset", "article")
    assert "lower --learning-rate (now 10)" in one_line(
        command("fit", "digits8x8", *diverging, *TINY, "--quiet")
    )


@pytest.mark.parametrize(
    ("message", "in_words_of_the_command_line"),
    [
        ("take epochs=60 (now 30)", "take --epochs 60 (now 30)"),
        (
            "take label_prior='class' (now 'standard') and decoder_label_input='class'",
            "take --label-prior class (now standard) and --decoder-label-input class",
        ),
        (
            "take early_stopping=True, or early_stopping=False",
            "take --early-stopping, or --no-early-stopping",
        ),
        ("rest_kl_weight=1e-06.", "--rest-kl-weight 1e-06."),
        ("lower learning_rate (now 3)", "lower --learning-rate (now 3)"),
        ("epochs is 0, expected", "--epochs is 0, expected"),
        ("random_state is -1", "--seed is -1"),
        ("the width of the images is 3", "the width of the images is 3"),
        ("own.csv has no column 'learning_rate'", "own.csv has no column 'learning_rate'"),
        ("give --label-prior class", "give --label-prior class"),
        ("kind='table'", "kind='table'"),  # has no flag
    ],
)
def test_hyper_parameters_are_named_by_their_flags(message: str, in_words_of_the_command_line: str):
    assert in_flags(message) == in_words_of_the_command_line


# ---------------------------------------------------------------------- measure


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with own.npz, a model of it in models/own-best, and one of digits8x8 in m."""
    folder = tmp_path_factory.mktemp("trained")
    digits = wvae.datasets.load("digits8x8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        np.savez("own.npz", x=digits.x[:600], number=digits.y[:600], pen=np.arange(600) % 3)
        columns = ("--label", "number", "--factor", "pen")
        assert run("fit", "own.npz", *columns, "--seed", "2", "--quiet", *SMALL) == 0
        assert run("fit", "digits8x8", "--out", "m", "--seed", "5", "--quiet", *SMALL) == 0
    return folder


@pytest.fixture
def model(command: Command, trained: Path, tmp_path: Path) -> Path:
    """A model of digits8x8 in the current folder."""
    shutil.copytree(trained / "m", tmp_path / "m")
    return tmp_path / "m"


@pytest.fixture
def own(command: Command, trained: Path, tmp_path: Path) -> Path:
    """A user's own data in the current folder, and a model of them."""
    shutil.copytree(trained / "models", tmp_path / "models")
    shutil.copy(trained / "own.npz", tmp_path)
    return tmp_path / "models" / "own-best"


def test_measure_prints_tables_and_a_summary(
    command: Command, model: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wvae.workflows.measure.KINDS", ("logistic", "knn"))
    monkeypatch.setattr("wvae.workflows.measure.MIN_JUDGE_EXAMPLES", 2000)
    monkeypatch.setattr("wvae.evaluation.probes.EPOCHS", 3)
    result = command("measure", "m", "digits8x8", "--out", "deep/m.json")
    assert result.code == 0
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    for group in ("leakage", "sufficiency", "rest", "swap", "retrieval"):
        assert any(line.startswith(f"{group}: ") for line in lines)
    metrics = json.loads((model.parent / "deep" / "m.json").read_text())
    chance = max(metrics["leakage.mean.majority"], metrics["leakage.mean.null"])
    assert f"mean.knn {metrics['leakage.mean.knn']:.3f} {chance:.3f}" in lines
    assert sum(line.startswith("leakage 0.") and "against chance" in line for line in lines) == 1
    assert "measuring leakage" in result.err
    assert "was trained on" not in result.out  # the seed of the test rows is the model's
    assert [p.name for p in (model.parent / "deep").iterdir()] == ["m.json"]


METRICS = {
    "leakage.mean.mlp": 0.412,
    "leakage.max": 0.412,
    "leakage.low": 0.4,
    "leakage.high": 0.42,
    "leakage.rows": 999.0,
    "leakage.majority": 0.1,
    "leakage.null": 0.114,
    "leakage.clean": 0.0,
    "leakage.positive_control": 0.98,
}


def test_flags_reach_the_measurement(
    command: Command, model: Path, monkeypatch: pytest.MonkeyPatch
):
    passed: dict[str, Any] = {}

    def measure(estimator: Any, data: Any, **options: Any) -> dict[str, float]:
        passed.update(options, data=data.name)
        return dict(METRICS)

    monkeypatch.setattr("wvae.workflows.measure.measure", measure)
    result = command("measure", "m", "digits8x8", "--quiet")
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    assert "41.2 %" in result.out
    assert passed == {"data": "digits8x8", "seed": 5, "factors": None, "progress": None}
    digits = wvae.datasets.load("digits8x8")
    writer, pen = np.arange(len(digits)) % 7, np.arange(len(digits)) % 2
    np.savez("own.npz", x=digits.x, digit=digits.y, writer=writer, pen=pen)
    factors = ("--factor", "writer", "--factor", "pen")
    result = command("measure", "m", "own.npz", "--seed", "9", *factors, "--quiet")
    assert (passed["seed"], passed["factors"]) == (9, ["writer", "pen"])
    assert "(seed" not in result.out  # the rows that training held out are known
    np.savez("half.npz", x=digits.x[::2], digit=digits.y[::2])
    result = command("measure", "m", "half.npz", "--seed", "9", "--quiet")
    assert "(seed 9)" in result.out  # the model was trained on other rows


def test_a_failed_measurement_leaves_the_old_file(
    command: Command, model: Path, monkeypatch: pytest.MonkeyPatch
):
    metrics = METRICS | {"leakage.odd": object()}
    monkeypatch.setattr("wvae.workflows.measure.measure", lambda *_, **__: metrics)
    (model.parent / "m.json").write_text("old")
    arguments = ["measure", "m", "digits8x8", "--out", "m.json", "--quiet"]
    assert "not JSON serializable" in one_line(command(*arguments))
    assert (model.parent / "m.json").read_text() == "old"
    assert sorted(p.name for p in model.parent.iterdir()) == ["m", "m.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["m", "mnst", "--quiet"], "'mnist'"),
        (["m", "digits8x8", "--factor", "writer", "--quiet"], "'writer'"),
        (["m", "handwriting", "--quiet"], "(8, 8)"),
    ],
)
def test_data_that_cannot_be_measured_is_one_line(
    command: Command, model: Path, arguments: list[str], message: str
):
    assert message in one_line(command("measure", *arguments))


# ---------------------------------------------------------------------- a user's own data


def test_fit_reports_the_columns_of_own_data(command: Command, own: Path):
    flags = ("--label", "number", "--factor", "pen", "--out", "m")
    result = command("fit", "own.npz", *flags, *SMALL)
    assert (result.code, result.out) == (0, "m\n")
    assert "'number'" in result.err
    assert "600" in result.err
    assert "training on own" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "own.npz", "--label", "numbr", "--out", "m", "--quiet"], "'number'"),
        (["fit", "no-such-data", "--out", "models/own-best", "--quiet"], "--overwrite"),
        (["fit", "new.npz", "--quiet"], "label"),
        (["measure", "models/own-best", "new.npz", "--quiet"], "'number'"),
        (["encode", "models/own-best", "owm.npz", "--quiet"], "'own.npz'"),
        (["cluster", "models/own-best", "owm.npz", "--quiet"], "'own.npz'"),
        (["encode", "models/own-best", "own.npz", "--factor", "pin", "--quiet"], "'pen'"),
        (["cluster", "models/own-best", "own.npz", "--factor", "pin", "--quiet"], "'pen'"),
        (["encode", "models/own-best", "handwriting", "--quiet"], "(8, 8)"),
        (["encode", "models/own-best", "own.npz", "--k", "301", "--quiet"], "k is 301"),
        (["cluster", "models/own-best", "own.npz", "--k", "301", "--quiet"], "k is 301"),
        (["encode", "models/own-best", "own.npz", "--on", "ray", "--out", "own.npz"], "own.npz"),
        (["swap", "models/own-best", "own.npz:600", "own.npz:1"], "600"),
    ],
)
def test_what_own_data_do_not_allow_is_one_line(
    command: Command, own: Path, arguments: list[str], message: str
):
    np.savez("new.npz", x=np.zeros((100, 8, 8)))
    assert message in one_line(command(*arguments))
    assert sorted(path.name for path in Path().iterdir()) == ["models", "new.npz", "own.npz"]
    assert [path.name for path in Path("models").iterdir()] == ["own-best"]


def test_encode_writes_a_table(command: Command, own: Path):
    assert command("encode", own, "own.npz", "--quiet") == (0, "own-codes.parquet\n", "")
    names = parquet.read_table("own-codes.parquet").column_names
    assert names[-4:] == ["number", "pen", "split", "predicted"]
    assert len(names) == 10 + 16 + 4
    result = command("encode", own, "own.npz", "--out", "c.parquet")
    assert (result.out, "encoding own" in result.err) == ("c.parquet\n", True)


def test_encode_with_k_also_clusters(command: Command, own: Path):
    flags = ("--k", "4", "--seed", "1", "--out", "c.parquet", "--quiet")
    assert command("encode", own, "own.npz", *flags).code == 0
    assert set(parquet.read_table("c.parquet").column("cluster").to_pylist()) == {0, 1, 2, 3}
    assert np.load("c-centres.npy").shape == (4, 16)


def test_cluster_prints_scores_and_writes_a_table(command: Command, own: Path):
    result = command("cluster", own, "own.npz", "--k", "4", "--out", "deep/c.parquet")
    assert result.code == 0
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[0] == "agreement with purity ARI AMI"
    assert [line.split()[0] for line in lines[1:9]] == [
        *("number", "data", "style", "at"),
        *("pen", "data", "style", "at"),
    ]
    assert lines[2].startswith("data centred and scaled per label 0.")
    assert lines[-1].startswith("4 clusters of z_rest")
    table = parquet.read_table("deep/c.parquet")
    assert (table.column_names, len(table)) == (["cluster", "number", "pen", "split"], 600)
    flags = ("--k", "4", "--quiet", "--method", "gmm", "--on", "label")
    result = command("cluster", own, "own.npz", *flags)
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    assert result.out.startswith("4 clusters of z_label")


def test_cluster_prints_every_number_that_it_tried(
    command: Command, own: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wvae.evaluation.n_clusters.K_GRID", (2, 3))
    np.savez("new.npz", x=wvae.datasets.load("digits8x8").x[:150])
    result = command("cluster", own, "new.npz", "--on", "pixels")
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[0] == "k silhouette no clusters stability"
    assert [line[0] for line in lines[1:3]] == ["2", "3"]
    assert sum(line.endswith(("chosen", "nearest")) for line in lines) == 1


def test_data_without_labels_are_encoded_and_clustered(command: Command, own: Path):
    np.savez("new.npz", x=wvae.datasets.load("digits8x8").x[600:700])
    result = command("encode", own, "new.npz", "--out", "c.parquet")
    assert (result.out, "'number'" in result.err) == ("c.parquet\n", True)
    assert parquet.read_table("c.parquet").column_names[-2:] == ["z_rest15", "predicted"]
    result = command("cluster", own, "new.npz", "--k", "3", "--out", "k.parquet")
    assert (result.code, result.out.count("\n")) == (0, 1)
    assert parquet.read_table("k.parquet").column_names == ["cluster"]


def test_encode_without_ray_is_one_line(
    command: Command, own: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    message = one_line(command("encode", own, "own.npz", "--on", "ray", "--quiet"))
    assert message.endswith("pip install 'wvae[ray]'\n")
    assert sorted(path.name for path in Path().iterdir()) == ["models", "own.npz"]


def test_swap_writes_an_image(command: Command, own: Path):
    result = command("swap", own, "own.npz:0", "own.npz:5")
    assert (result.code, result.out) == (0, "own-npz-0-in-own-npz-5.png\n")
    assert result.err
    assert Path("own-npz-0-in-own-npz-5.png").read_bytes().startswith(b"\x89PNG")
    result = command("swap", own, "own.npz:0", "own.npz:5", "--out", "s.npy", "--quiet")
    assert result == (0, "s.npy\n", "")


def test_swap_draws_a_sheet(command: Command, own: Path):
    assert command("swap", own, "own.npz", "--sheet", "--quiet") == (0, "own-sheet.png\n", "")
    assert Path("own-sheet.png").read_bytes().startswith(b"\x89PNG")
    result = command("swap", own, "own.npz", "own.npz:3", "--sheet", "--out", "s.png")
    assert (result.code, result.out) == (0, "s.png\n")
    assert "--sheet" in one_line(command("swap", own, "own.npz:0"))


def test_export_passes_its_flags_on(command: Command, own: Path, monkeypatch: pytest.MonkeyPatch):
    passed: dict[str, Any] = {}

    def export(model: Any, out: Path, *, overwrite: bool) -> Path:
        passed.update(overwrite=overwrite)
        return out

    monkeypatch.setattr("wvae.io.onnx.export_onnx", export)
    assert command("export", own, "--to", "onnx", "--overwrite").out == f"{own}-onnx\n"
    assert passed["overwrite"]
    assert command("export", own, "--out", "there").out == "there\n"
    assert not passed["overwrite"]


def test_export_without_onnx_is_one_line(
    command: Command, own: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install 'wvae[onnx]'" in one_line(command("export", own))
    assert not (tmp_path / "models" / "own-best-onnx").exists()


# ---------------------------------------------------------------------- data, import


def test_data_list_names_every_source_with_its_licence(command: Command):
    result = command("data", "list")
    assert result.code == 0
    for source in CATALOGUE.values():
        assert source.name in result.out
        assert source.licence in result.out


def test_data_get_prints_a_line_and_needs_no_cache_for_built_in_data(
    command: Command, tmp_path: Path
):
    result = command("data", "get", "digits8x8")
    assert result == (0, "digits8x8: 1,797 examples of shape (8, 8), 10 labels\n", "")
    result = command("data", "get", "handwriting", "--quiet")
    assert "factors: writer" in result.out
    assert not (tmp_path / "cache").exists()


def test_import_writes_a_model_folder(command: Command, tmp_path: Path, original_model: Path):
    assert command("import", original_model, "model") == (0, "model\n", "")
    assert wvae.load(str(tmp_path / "model")).config_.d_rest == 1


def test_importing_another_file_is_one_line(command: Command, tmp_path: Path):
    (tmp_path / "x.model").write_text("not a model")
    assert "x.model" in one_line(command("import", "x.model", "out"))
    assert not (tmp_path / "out").exists()
