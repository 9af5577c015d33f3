"""Interrupted trainings: killed, terminated or out of disk space, they resume from a checkpoint."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from wvae.config import Config
from wvae.io.files import read_tensors
from wvae.model import SplitVAE
from wvae.training import checkpoint
from wvae.training.checkpoint import CHECKPOINT_FILE
from wvae.training.diagnostics import TrainingError
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loop import train

CONFIG: dict[str, Any] = {
    "d_label": 2, "d_rest": 3, "width": 64, "depth": 1, "epochs": 8, "batch_size": 32,
    "backbone": "mlp", "style_weight": 1.0, "alignment": "none", "finetune_epochs": 0,
}  # fmt: skip

# Runs the command line with a checkpoint after every step, and with slow steps, so that a signal
# arrives in the middle of an epoch. Signals have their default handlers: a shell that starts a job
# in the background makes it ignore SIGINT, and its children inherit that.
PROGRAM = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
from wvae.cli.app import main
from wvae.training import checkpoint, loop
checkpoint.SAVE_EVERY_SECONDS = 0.0
set_learning_rate = loop.set_learning_rate
def slow(*arguments):
    time.sleep(0.004)
    set_learning_rate(*arguments)
loop.set_learning_rate = slow
"""
MAIN = "main()"
# Trains without interruption, then once more with three kills, each a little later than a new
# checkpoint. All trainings are forks of this process, so the imports take their time only once.
# Prints after each kill what the checkpoint file holds, and at the end two exit codes.
KILLER = """
import json, os
from pathlib import Path
import torch
import wvae.estimator, wvae.workflows.fit
from wvae.io.files import read_tensors
weight = torch.zeros(1, requires_grad=True)
weight.grad = torch.ones(1)
torch.optim.Adam([weight], fused=True).step()  # PyTorch imports more at the first step
file, command = Path(sys.argv[1]), sys.argv[2:]
def fork(*arguments):
    child = os.fork()
    if not child:
        sys.argv[1:] = [*command, *arguments]
        main()
    return child
def progress():
    if not file.exists():
        return [-1, -1]
    metadata = read_tensors(file)[1]
    return [len(json.loads(metadata["history"])), json.loads(metadata["step"])]
whole = os.waitpid(fork("--out=whole"), 0)[1]
for delay in (0.0, 0.013, 0.05):
    before = progress()
    child = fork("--out=killed")
    deadline = time.monotonic() + 60
    while progress() == before and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(json.dumps(progress()), flush=True)
resumed = os.waitpid(fork("--out=killed", "--resume", "--quiet"), 0)[1]
print(whole, resumed, file=sys.stderr)
sys.exit(whole or resumed)
"""


@pytest.fixture
def data() -> Examples:
    rng = np.random.default_rng(0)
    y, patterns = rng.integers(0, 4, 200), rng.random((4, 8, 8)) > 0.6
    x = (200 * patterns[y] + rng.integers(0, 55, (200, 8, 8))).astype(np.uint8)
    return Examples(x, y)


@pytest.fixture
def file(data: Examples, tmp_path: Path) -> Path:
    np.savez(tmp_path / "planted.npz", x=data.x, y=data.y)
    return tmp_path / "planted.npz"


def arguments(file: Path) -> list[str]:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in CONFIG.items()]
    return ["fit", str(file), "--label=y", *flags]


def start(
    program: str, *arguments: str, folder: Path, file_limit: int | None = None
) -> subprocess.Popen[str]:
    """Start a Python program; `file_limit` is the largest size in bytes of a file it may write."""
    if file_limit is not None:
        limit = f"resource.RLIMIT_FSIZE, ({file_limit}, {file_limit})"
        program = f"import resource\nresource.setrlimit({limit})\n{program}"
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return stdout and stderr of a process after its end."""
    return process.communicate(timeout=120)


def progress(file: Path) -> tuple[int, int]:
    """Return epochs and steps that a checkpoint file holds."""
    metadata = read_tensors(file)[1]
    return len(json.loads(metadata["history"])), json.loads(metadata["step"])


def history(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "history.jsonl").read_text().splitlines()
    return [json.loads(line) | {"seconds": 0} for line in lines]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_training_killed_three_times_ends_with_the_same_bytes(file: Path):
    folder = file.parent
    checkpoint_file = folder / "killed.partial" / "checkpoint" / CHECKPOINT_FILE
    process = start(PROGRAM + KILLER, str(checkpoint_file), *arguments(file), folder=folder)
    stdout, stderr = finish(process)
    assert process.returncode == 0, stderr
    lines = [line for line in stdout.splitlines() if line.startswith("[")]
    places = [tuple(json.loads(line)) for line in lines]
    assert len(set(places)) == 3
    assert places == sorted(places)  # each training went on from the checkpoint before
    assert any(step for _, step in places)  # in the middle of an epoch
    for name in ("model.safetensors", "config.json"):
        assert (folder / "killed" / name).read_bytes() == (folder / "whole" / name).read_bytes()
    assert history(folder / "killed") == history(folder / "whole")
    assert not (folder / "killed.partial").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_terminated_training_names_the_folder_to_resume_from(
    file: Path, number: signal.Signals, code: int
):
    kept = file.parent / "ended.partial" / "checkpoint" / CHECKPOINT_FILE
    process = start(PROGRAM + MAIN, *arguments(file), "--out=ended", folder=file.parent)
    deadline = time.monotonic() + 60
    while not kept.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    stderr = finish(process)[1]
    assert process.returncode == code, stderr
    assert "ended.partial" in stderr
    assert "Traceback" not in stderr
    assert progress(kept) > (-1, -1)


@pytest.mark.slow
def test_resume_without_an_interrupted_training_is_an_error(file: Path):
    process = start(PROGRAM + MAIN, *arguments(file), "--out=none", "--resume", folder=file.parent)
    stderr = finish(process)[1]
    assert "none.partial" in stderr
    assert process.returncode == 2
    assert not (file.parent / "none.partial").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no limits to a file's size")
def test_a_full_disk_is_an_error_of_one_line_with_the_remedy(file: Path):
    process = start(
        PROGRAM + MAIN, *arguments(file), "--out=full", folder=file.parent, file_limit=20_000
    )
    stderr = finish(process)[1]
    assert process.returncode == 2, stderr
    assert "checkpoint" in stderr.strip().splitlines()[-1]
    assert not list((file.parent / "full.partial").rglob("*.part"))


# ------------------------------------------------------------------------------------ in process


def build(**changes: Any) -> SplitVAE:
    return build_model(Config(**{**CONFIG, **changes}, device="cpu"), (8, 8), 4)


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    values = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(one, other) for one, other in values)


def test_a_failed_write_leaves_the_checkpoint_before(
    data: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    write, written = checkpoint.write_tensors, list[Path]()

    def disk_full_after_10_writes(path: Path, *arguments: Any) -> None:
        if len(written) == 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        write(path, *arguments)

    whole = build(epochs=3)
    train(whole, data)
    monkeypatch.setattr(checkpoint, "write_tensors", disk_full_after_10_writes)
    with pytest.raises(TrainingError, match="No space left on device") as caught:
        train(build(epochs=3), data, checkpoint=tmp_path / "c")
    assert str(tmp_path / "c") in str(caught.value)
    monkeypatch.setattr(checkpoint, "write_tensors", write)
    resumed = build(epochs=3)
    train(resumed, data, checkpoint=tmp_path / "c")
    assert same_weights(resumed, whole)


def test_a_state_that_is_not_finite_is_never_saved(
    data: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    x = (data.x / 255).astype(np.float32)
    order = np.random.default_rng((0, 2)).permutation(len(x))  # of the second epoch
    corrupted = x.copy()
    corrupted[order[100]] = np.nan  # in its fourth batch of 32

    def corrupt(row: dict[str, float]) -> None:
        x[:] = corrupted

    with pytest.raises(TrainingError, match="epoch 2"):
        train(build(), Examples(x, data.y), checkpoint=tmp_path / "c", on_epoch=corrupt)
    file = tmp_path / "c" / CHECKPOINT_FILE
    assert progress(file) == (1, 3)
    for name, value in read_tensors(file)[0].items():
        assert not name.startswith("model.") or value.isfinite().all(), name


def test_temporaries_of_a_killed_process_are_removed(data: Examples, tmp_path: Path):
    temporary = tmp_path / f".{CHECKPOINT_FILE}.{'0a1b' * 8}.part"
    temporary.write_bytes(b"half")
    train(build(epochs=1), data, checkpoint=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_FILE]
