"""The command `wvae explore`: its data, its options, its exports and its server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import Command, Result
from explorer_stub import stub_page_and_data
from wvae.datasets import Dataset, load
from wvae.estimator import WVAE
from wvae.explorer import site
from wvae.workflows.inputs import write_training_record

pytest.importorskip("uvicorn")


def one_line(result: Result) -> str:
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("wvae: ")
    assert result.err.count("\n") == 1
    return result.err


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (tmp_path / "stub").mkdir()
    return stub_page_and_data(monkeypatch, tmp_path / "stub")


@pytest.fixture
def model(fitted: WVAE, planted: Dataset, command: Command) -> Path:
    """A model folder in the current folder, beside its data."""
    fitted.save("m")
    np.savez("planted.npz", x=planted.x, label=planted.y, writer=planted.factors["writer"])
    write_training_record(Path("m"), planted, "planted.npz")
    return Path("m")


# ---------------------------------------------------------------------- export


def test_an_export_is_a_folder_of_the_page_and_its_data(
    model: Path, command: Command, calls: dict[str, Any]
):
    result = command("explore", model, "planted.npz", "--export", "site")
    assert (result.code, result.out) == (0, "site\n"), result.err
    assert json.loads(Path("site/data/explorer.json").read_text()) == {"title": "planted"}
    assert Path("site/index.html").is_file()
    options = {name: calls[name] for name in ("map_method", "max_rows", "metrics", "k", "seed")}
    assert options == {
        "map_method": "tsne", "max_rows": 100_000, "metrics": None, "k": None, "seed": 0,
    }  # fmt: skip
    assert calls["progress"] is not None
    assert callable(calls["log"])
    again = ("explore", model, "planted.npz", "--quiet", "--export", "site")
    message = "site is there already: take another --export, or --overwrite to replace it"
    assert message in one_line(command(*again))
    assert command(*again, "--overwrite") == (0, "site\n", "")
    assert calls["progress"] is None


def test_the_options_reach_the_data(model: Path, command: Command, calls: dict[str, Any]):
    Path("metrics.json").write_text('{"leakage.linear": 0.25, "swap.judge": NaN, "n": 3}')
    flags = ["--map", "none", "--rows", "50", "--k", "7", "--seed", "4"]
    flags += ["--metrics", "metrics.json", "--factor", "writer"]
    result = command("explore", model, "planted.npz", *flags, "--export", "site", "--quiet")
    assert result.code == 0, result.err
    assert (calls["map_method"], calls["max_rows"]) == ("none", 50)
    assert (calls["k"], calls["seed"]) == (7, 4)
    assert calls["metrics"]["leakage.linear"] == 0.25
    assert list(calls["data"].factors) == ["writer"]


def test_data_without_a_label_are_shown(model: Path, command: Command, calls: dict[str, Any]):
    np.save("new.npy", np.zeros((4, 8, 8), np.uint8))
    result = command("explore", model, "new.npy", "--export", "site", "--quiet")
    assert result.code == 0, result.err
    assert not calls["data"].labelled.any()


# ---------------------------------------------------------------------- data of the training


def test_the_data_of_the_training_are_the_default(
    model: Path, planted: Dataset, command: Command, calls: dict[str, Any]
):
    result = command("explore", model, "--export", "site")
    assert (result.code, result.out) == (0, "site\n"), result.err
    assert "data: planted.npz, as in the training\n" in result.err
    np.testing.assert_array_equal(calls["data"].x, planted.x)


def test_a_built_in_data_set_of_an_earlier_version_is_the_default(
    command: Command, calls: dict[str, Any]
):
    digits = load("digits8x8").subset(slice(100))
    options: dict[str, Any] = {"alignment": "none", "finetune_epochs": 0, "style_weight": 0.0}
    WVAE(epochs=1, width=8, backbone="mlp", **options).fit(digits).save("m")
    write_training_record(Path("m"), digits)
    assert "source" not in json.loads(Path("m/rows.json").read_text())
    result = command("explore", "m", "--export", "site", "--quiet")
    assert (result.code, result.err) == (0, "")
    assert len(calls["data"]) == 1797


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (None, "m does not say which data it was trained on: give DATA"),
        ({"data": "cells"}, "m does not say which data it was trained on: give DATA"),
        ({"data": "digits8x8", "source": "away/digits8x8.npz"}, "which is not there: give DATA"),
        ({"source": 3}, "m does not say which data it was trained on: give DATA"),
    ],
)
def test_unknown_data_are_one_line(
    model: Path, command: Command, calls: dict[str, Any], record: Any, message: str
):
    Path("cells").mkdir()  # not a source: only a name
    (model / "rows.json").unlink()
    if record is not None:
        (model / "rows.json").write_text(json.dumps(record))
    assert message in one_line(command("explore", "m", "--export", "site", "--quiet"))
    assert not Path("site").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the label is:wvae.training.diagnostics.TrainingWarning")
def test_fit_records_where_the_data_came_from(model: Path, command: Command):
    flags = ["--epochs=1", "--width=8", "--backbone=mlp", "--alignment=none", "--depth=1"]
    flags += ["--finetune-epochs=0", "--style-weight=0", "--label=label", "--out=new", "--quiet"]
    result = command("fit", "planted.npz", *flags)
    assert result.code == 0, result.err
    assert json.loads(Path("new/rows.json").read_text())["source"] == "planted.npz"


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--k", "many"], "--k is many"),
        (["--overwrite"], "give --export FOLDER, too"),
        (["--export", "site", "--port", "8000"], "--port 8000 is for the server"),
        (["--export", "site", "--no-browser"], "--no-browser is for the server"),
        (["--metrics", "missing.json"], "--metrics missing.json is no file"),
        (["--metrics", "m"], "--metrics m is no file"),
        (["--metrics", "text.json"], "--metrics text.json is not JSON"),
        (["--metrics", "list.json"], "--metrics list.json holds no figures by name"),
        (["--metrics", "words.json"], "--metrics words.json holds no figures by name"),
        (["--export", "own"], "own is there and is not a site of wvae explore"),
        (["--label", "colour"], "colour"),
    ],
)
def test_what_the_user_can_fix_is_one_line(
    model: Path, command: Command, calls: dict[str, Any], flags: list[str], message: str
):
    Path("text.json").write_text("purity 0.9")
    Path("list.json").write_text("[1, 2]")
    Path("words.json").write_text('{"a": "b"}')
    Path("own").mkdir()
    Path("own/index.html").touch()
    assert message in one_line(command("explore", model, "planted.npz", "--quiet", *flags))
    assert calls == {}


def test_a_busy_port_is_one_line_before_the_hard_work(
    model: Path, command: Command, calls: dict[str, Any]
):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = command("explore", model, "planted.npz", "--port", port)
    assert f"port {port} is in use: take another --port" in one_line(result)
    assert calls == {}


def test_a_missing_page_is_one_line(
    model: Path, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(site, "PAGE", tmp_path / "nowhere")
    for flags in ([], ["--export", "site"]):
        message = one_line(command("explore", model, "planted.npz", "--quiet", *flags))
        assert "`make web`" in message


@pytest.mark.parametrize("package", ["uvicorn", "openTSNE", "onnx"])
@pytest.mark.parametrize("flags", [[], ["--export", "site"]], ids=["server", "export"])
def test_a_missing_extra_is_one_line_before_the_hard_work(
    model: Path,
    command: Command,
    calls: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    flags: list[str],
):
    def fail(*_: object, **__: object) -> None:
        pytest.fail("the data were read")

    monkeypatch.setattr("wvae.cli.explore.open_model_and_data", fail)
    monkeypatch.setitem(sys.modules, package, None)
    message = one_line(command("explore", model, "planted.npz", "--quiet", *flags))
    assert f" {package}: pip install 'wvae[explore]'" in message


# ---------------------------------------------------------------------- server


def test_the_browser_opens_unless_it_is_not_wanted(
    model: Path, command: Command, calls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    opened: list[str] = []

    def run(self: Any, on_start: Any) -> None:
        on_start()

    monkeypatch.setattr("wvae.explorer.server.LocalServer.run", run)
    monkeypatch.setattr("wvae.explorer.notebook.open_in_browser", opened.append)
    result = command("explore", model, "planted.npz", "--quiet")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("http://127.0.0.1:")
    assert opened == [result.out.strip()]
    assert command("explore", model, "planted.npz", "--quiet", "--no-browser").code == 0
    assert len(opened) == 1


PROGRAM = """
import signal, sys, tempfile, time, warnings
from pathlib import Path
import pytest
warnings.simplefilter("error")
signal.signal(signal.SIGINT, signal.default_int_handler)
tempfile.tempdir = sys.argv[1]
from explorer_stub import stub_page_and_data
stub_page_and_data(pytest.MonkeyPatch(), Path(sys.argv[1]).parent / "stub")
if sys.argv[2] == "slow":
    def wait(*arguments, **options):
        print("computing", flush=True)
        time.sleep(60)
    sys.modules["wvae.explorer.bundle"].write_data = wait
from wvae.cli.app import main
sys.argv = ["wvae", "explore", *sys.argv[3:]]
main()
"""


def start(pace: str, *arguments: str) -> subprocess.Popen[str]:
    Path("tmp").mkdir()
    Path("stub").mkdir()
    folder = str(Path("tmp").resolve())
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program = [sys.executable, "-c", PROGRAM, folder, pace, *arguments]
    return subprocess.Popen(program, env=environment, stdout=pipe, stderr=pipe, text=True)


def end(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Stop a process by a signal, and return what is left of its stderr."""
    try:
        process.send_signal(number)
        return process.communicate(timeout=30)[1]
    finally:
        process.kill()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_server_and_removes_its_files(
    model: Path, number: signal.Signals, code: int
):
    process = start("fast", "m", "planted.npz", "--no-browser")
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    port = int(url.removeprefix("http://127.0.0.1:").removesuffix("/"))
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/data/explorer.json")
    assert json.loads(connection.getresponse().read()) == {"title": "planted"}
    assert len(list(Path("tmp").iterdir())) == 1
    err = end(process, number)  # the connection stays open
    connection.close()
    assert process.returncode == code, err
    assert err.endswith("stop with Ctrl-C\nstopped\n")
    assert "Traceback" not in err
    assert list(Path("tmp").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_computation_and_removes_its_files(
    model: Path, number: signal.Signals, code: int
):
    process = start("slow", "m", "planted.npz", "--no-browser", "--quiet")
    assert process.stdout is not None
    assert process.stdout.readline() == "computing\n"
    err = end(process, number)
    assert (process.returncode, err) == (code, "")
    assert list(Path("tmp").iterdir()) == []
