"""Work is never lost: a training that is killed, told to end or out of disk goes on from what it kept."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from wvae.config import Config
from wvae.io.files import read_tensors
from wvae.training import checkpoint
from wvae.training.examples import Examples
from wvae.training.initialise import build_model
from wvae.training.loop import TrainingError, train

SMALL: dict[str, Any] = {
    "d_label": 2,
    "d_rest": 3,
    "width": 64,
    "depth": 1,
    "epochs": 8,
    "batch_size": 32,
}
SMALL |= {"style_weight": 1.0, "alignment_steps": 3, "finetune_epochs": 1}
# A checkpoint after every step, and steps that take their time, so that a kill falls anywhere in an epoch.
PROGRAM = """
import sys, time
from wvae import checkpoint, training
checkpoint.SAVE_EVERY_SECONDS = 0.0
original = training.set_learning_rate
training.set_learning_rate = lambda *a: (time.sleep(0.004), original(*a))
from wvae.cli import main
main()
"""


@pytest.fixture
def data() -> Examples:
    rng = np.random.default_rng(0)
    y, patterns = rng.integers(0, 4, 200), rng.random((4, 8, 8)) > 0.6
    return Examples((200 * patterns[y] + rng.integers(0, 55, (200, 8, 8))).astype(np.uint8), y)


@pytest.fixture
def file(data: Examples, tmp_path: Path) -> Path:
    np.savez(tmp_path / "planted.npz", x=data.x, y=data.y)
    return tmp_path / "planted.npz"


def command(file: Path, out: str, *more: str) -> list[str]:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    return [
        sys.executable,
        "-c",
        PROGRAM,
        "fit",
        str(file),
        f"--out={out}",
        "--label=y",
        *flags,
        *more,
    ]


def start_process(file: Path, out: str, *more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command(file, out, *more), cwd=file.parent, env=environment, text=True, stderr=pipe
    )


def progress_of(kept: Path) -> tuple[int, int]:
    """Return epochs and steps that a checkpoint says are done; it can be read at any moment."""
    if not kept.exists():
        return (-1, -1)
    said = read_tensors(kept)[1]
    return len(json.loads(said["history"])), json.loads(said["step"])


def ended(process: subprocess.Popen[str], seconds: float = 120) -> str:
    return process.communicate(timeout=seconds)[1]


def test_a_training_killed_again_and_again_ends_with_the_same_bytes(file: Path):
    whole = start_process(file, "whole")
    assert "Traceback" not in ended(whole)
    kept = file.parent / "broken.partial" / "checkpoint" / checkpoint.CHECKPOINT_FILE
    rng, places = np.random.default_rng(int(time.time())), []
    for _ in range(4):
        process, before, deadline = (
            start_process(file, "broken"),
            progress_of(kept),
            time.monotonic() + 60,
        )
        while (
            progress_of(kept) == before and process.poll() is None and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        time.sleep(float(rng.uniform(0, 0.15)))
        process.kill()
        ended(process)
        places.append(progress_of(kept))
        assert places[-1] > before  # it had gone on, and what it kept is whole
    assert any(step for _, step in places)  # in the middle of an epoch
    last = start_process(file, "broken", "--resume")
    said = ended(last)
    assert last.returncode == 0, said
    for name in ("model.safetensors", "config.json"):
        one, other = (file.parent / folder / name for folder in ("whole", "broken"))
        assert one.read_bytes() == other.read_bytes()
    histories = [
        [
            json.loads(line) | {"seconds": 0}
            for line in (file.parent / folder / "history.jsonl").read_text().splitlines()
        ]
        for folder in ("whole", "broken")
    ]
    assert histories[0] == histories[1]
    assert not (file.parent / "broken.partial").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_training_that_is_told_to_end_says_how_to_go_on(
    file: Path, number: signal.Signals, code: int
):
    kept = file.parent / "told.partial" / "checkpoint" / checkpoint.CHECKPOINT_FILE
    process, deadline = start_process(file, "told"), time.monotonic() + 60
    while not kept.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    said = ended(process)
    assert process.returncode == code, said
    assert "progress is saved in told.partial" in said
    assert kept.exists()


def test_resume_begins_nothing_new(file: Path):
    process = start_process(file, "nothing", "--resume")
    assert "there is no interrupted training in nothing.partial" in ended(process)
    assert process.returncode == 2
    assert not (file.parent / "nothing.partial").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no limits to a file's size")
def test_a_disk_without_room_is_told_in_one_line_with_the_way_on(file: Path):
    def limited() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        command(file, "full"), cwd=file.parent, preexec_fn=limited, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert "no checkpoint could be written" in last
    assert "make room, and repeat the command to go on" in last
    assert not list((file.parent / "full.partial").rglob("*.part"))


def small(**changes: Any) -> Config:
    return Config(**{**SMALL, **changes}, device="cpu")


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    data: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    write, written = checkpoint.write_tensors, list[Path]()

    def full(path: Path, *arguments: Any) -> None:
        if len(written) == 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        write(path, *arguments)

    whole = build_model(small(), (8, 8), 4)
    train(whole, data)
    monkeypatch.setattr(checkpoint, "write_tensors", full)
    with pytest.raises(TrainingError, match="No space left on device") as caught:
        train(build_model(small(), (8, 8), 4), data, checkpoint=tmp_path / "c")
    assert f"an earlier state is kept in {tmp_path / 'c'}" in str(caught.value)
    monkeypatch.setattr(checkpoint, "write_tensors", write)
    resumed = build_model(small(), (8, 8), 4)
    train(resumed, data, checkpoint=tmp_path / "c")
    assert equal(resumed, whole)


def test_a_state_that_is_not_finite_is_never_kept(
    data: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0.0)
    x = (data.x / 255).astype(np.float32)
    order = np.random.default_rng((0, 2)).permutation(len(x))  # of the second epoch
    spoilt = x.copy()
    spoilt[order[100]] = np.nan  # in its fourth batch

    def spoil(row: dict[str, float]) -> None:
        x[:] = spoilt

    with pytest.raises(TrainingError, match="not finite in epoch 2"):
        train(
            build_model(small(), (8, 8), 4),
            Examples(x, data.y),
            checkpoint=tmp_path / "c",
            on_epoch=spoil,
        )
    file = tmp_path / "c" / checkpoint.CHECKPOINT_FILE
    assert progress_of(file) == (1, 3)
    tensors = read_tensors(file)[0]
    assert all(
        value.isfinite().all() for name, value in tensors.items() if name.startswith("model.")
    )


def test_what_a_killed_process_left_half_written_is_tidied_away(data: Examples, tmp_path: Path):
    left = tmp_path / f".{checkpoint.CHECKPOINT_FILE}.{'0a1b' * 8}.part"
    left.write_bytes(b"half")
    train(build_model(small(epochs=1), (8, 8), 4), data, checkpoint=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.CHECKPOINT_FILE]


def equal(*models: torch.nn.Module) -> bool:
    weights: Sequence[list[torch.Tensor]] = [list(model.state_dict().values()) for model in models]
    return all(torch.equal(a, b) for a, b in zip(*weights, strict=True))
