"""Run folders: locks, stages, resuming; and the progress of their tasks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from wvae.workflows.progress import Advance, Later, Phases, Timed
from wvae.workflows.run_folder import Run, RunError, locked


class Recorder:
    """A `Progress` that records what it is asked to show."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []

    @contextmanager
    def task(self, name: str, total: int, later: Later | None = None) -> Generator[Advance]:
        self.events.append((f"open {name}", total))
        yield lambda done: self.events.append((name, done))
        self.events.append((f"close {name}", total))


# ------------------------------------------------------------------------------------- progress


def test_phases_are_tasks_one_after_the_other():
    recorder = Recorder()
    with Phases(recorder, "plane") as phases:
        advance = phases.start("training", 2)
        advance(1)
        phases("alignment", 0, 300)
        phases("alignment", 1, 300)
        phases("fine-tuning", 1, 1)
    assert recorder.events == [
        ("open training plane", 2),
        ("training plane", 1),
        ("close training plane", 2),
        ("open alignment plane", 300),
        ("alignment plane", 0),
        ("alignment plane", 1),
        ("close alignment plane", 300),
        ("open fine-tuning plane", 1),
        ("fine-tuning plane", 1),
        ("close fine-tuning plane", 1),
    ]


def test_a_failed_phase_is_not_closed_as_complete():
    recorder = Recorder()

    def fail() -> None:
        with Phases(recorder, "plane") as phases:
            phases.start("training", 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert recorder.events == [("open training plane", 2)]


def test_durations_are_summed_by_kind_of_task():
    timed = Timed(Recorder())
    for name in ("training writers", "training writers-1", "training writers-12 (again)", "swap"):
        with timed.task(name, 1) as advance:
            advance(1)
    assert list(timed.seconds) == ["training writers", "swap"]


# ---------------------------------------------------------------------------------------- locks

HOLD_LOCK = """
import sys, time
from pathlib import Path
from wvae.workflows.run_folder import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(300)
"""


@pytest.mark.slow
def test_a_lock_is_released_when_its_process_is_killed(tmp_path: Path):
    folder = tmp_path / "deep" / "folder"
    command = [sys.executable, "-c", HOLD_LOCK, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "locked\n"
            with pytest.raises(RunError, match=r"another process .*folder"), locked(folder):
                pass
        finally:
            other.kill()
    with locked(folder):
        pass


def test_a_locked_folder_can_be_renamed(tmp_path: Path):
    folder = tmp_path / "deep" / "folder"
    with locked(folder):
        folder.mkdir()
        folder.rename(folder.with_name("done"))
    assert [path.name for path in folder.parent.iterdir()] == ["done"]


def test_a_locked_run_is_not_overwritten(tmp_path: Path):
    first = Run(tmp_path / "out", {"config": 1})
    (first.stages / "one.json").write_text("{}")
    with first.lock(), pytest.raises(RunError, match="another process"):
        Run(tmp_path / "out", {"config": 2}, overwrite=True)
    assert (first.stages / "one.json").exists()


# --------------------------------------------------------------------------------------- stages


def test_a_stage_is_computed_once(tmp_path: Path):
    calls: list[int] = []

    def compute() -> dict[str, float | None]:
        calls.append(1)
        return {"value": 3.5, "none": None}

    for resumed in (False, True):
        run = Run(tmp_path / "run", {"config": 1})
        assert run.resumed == resumed
        assert run.stage("stage", compute) == {"value": 3.5, "none": None}
    assert calls == [1]


@pytest.mark.parametrize("key", ["experiment", "trials", "data", "config", "brief"])
def test_a_partial_run_with_other_settings_is_not_resumed(tmp_path: Path, key: str):
    settings = {"experiment": "all", "trials": 2, "data": "a", "config": 1, "brief": False}
    run = Run(tmp_path / "out", settings)
    run.stage("stage", lambda: {})
    before = (run.folder / "config.json").read_bytes()
    other = settings | {key: "other"}
    with pytest.raises(RunError, match=rf"out\.partial .*\({key}\)"):
        Run(tmp_path / "out", other)
    assert (run.folder / "config.json").read_bytes() == before
    restarted = Run(tmp_path / "out", other, overwrite=True)
    assert not restarted.resumed
    assert list(restarted.stages.iterdir()) == []


def test_settings_that_only_describe_a_run_may_change(tmp_path: Path):
    Run(tmp_path / "out", {"config": 1, "title": "a"})
    assert Run(tmp_path / "out", {"config": 1, "title": "b"}).resumed


def test_the_time_left_counts_the_phases_to_come(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr("wvae.workflows.progress.time.monotonic", lambda: now[0])
    aheads: list[Later | None] = []

    class Watching(Recorder):
        def task(self, name: str, total: int, later: Later | None = None) -> Any:
            aheads.append(later)
            return super().task(name, total)

    def expected(epoch: float) -> dict[str, float]:
        return {"alignment": 40.0, "fine-tuning": 5 * epoch}

    with Phases(Watching(), "on data", expected) as phases:
        advance = phases.start("training", 10)
        assert aheads[0] is not None
        assert aheads[0]() == 0  # nothing is known before the first epoch
        now[0] += 3.0
        advance(7)  # the first six were trained before an interruption
        assert aheads[0]() == 40.0 + 5 * 3.0
        now[0] += 1.0
        advance(8)
        assert aheads[0]() == 40.0 + 5 * 2.0
        phases("alignment", 0, 800)
        assert aheads[1] is not None
        assert aheads[1]() == 5 * 2.0
        now[0] += 7.0
        phases("fine-tuning", 1, 5)
        assert aheads[2] is not None
        assert aheads[2]() == 0
        now[0] += 2.0
    assert phases.seconds == {"training": 4.0, "alignment": 7.0, "fine-tuning": 2.0}
