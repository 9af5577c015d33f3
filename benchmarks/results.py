"""Measure what README and documentation report: runs in, ``docs/results/*.json`` out.

    python benchmarks/results.py --list                       # what there is, and what is missing
    python benchmarks/results.py --jobs 2                     # everything that is missing, hours
    python benchmarks/results.py writers-mnist-best --seeds 0 1 2
    python benchmarks/results.py domain-fsdd --renew          # measure again

A result is one experiment with several seeds; each seed is a run of its own, made by the commands
that its file states. Every finished run is kept at once, so that an interrupted call goes on where
it stopped, and several calls can share the work. A run takes one thread, so runs side by side do
not change each other's numbers. `make figures` fills the pages from these files.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
RUNS = ROOT / "runs" / "results"
DIGITS = 5  # significant, of every metric

Metrics = dict[str, float]


@dataclass(frozen=True)
class Result:
    """One experiment.

    Attributes
    ----------
    commands
        Arguments of `wvae`, one list after another; ``{seed}`` and ``{run}`` are replaced.
    seeds
        Number of seeds, from 0.
    read
        Returns the metrics of a finished run, given its folder.
    """

    commands: tuple[str, ...]
    seeds: int
    read: Callable[[Path], Metrics]


def of_trial(run: Path) -> Metrics:
    """Return the metrics of a run of Experiment II with one trial, without means and spreads."""
    metrics: Metrics = {}
    for key, value in _read_json(run / "metrics.json").items():
        name = key.removeprefix("writers.").removesuffix(".mean")
        is_derived = name.startswith(("paired.", "above.")) or key.endswith(".sd")
        if key.startswith("writers.") and not is_derived:
            metrics[name] = value
    return metrics


def of_plane(run: Path) -> Metrics:
    """Return the metrics of a run of Experiment I."""
    found = _read_json(run / "metrics.json")
    return {k.removeprefix("plane."): v for k, v in found.items() if k.startswith("plane.")}


def of_domain(run: Path) -> Metrics:
    """Return the metrics of a run on one data set of several domains."""
    found = _read_json(run / "metrics.json")
    return {k.partition(".")[2]: v for k, v in found.items() if not k.endswith("seconds")}


def of_measure(run: Path) -> Metrics:
    """Return what `wvae measure --out` wrote beside the model folder."""
    return _read_json(run / "measure.json")


def _writers(data: str, preset: str) -> Result:
    options = f"--data {data} --preset {preset}"
    command = f"reproduce writers {options} --seed {{seed}} --trials 1 --out {{run}} --overwrite"
    return Result((command,), 10, of_trial)


def _plane(options: str) -> Result:
    command = f"reproduce plane --data mnist {options} --seed {{seed}} --out {{run}} --overwrite"
    return Result((command,), 3, of_plane)


def _domain(data: str) -> Result:
    command = f"reproduce worlds --data {data} --seed {{seed}} --out {{run}} --overwrite"
    return Result((command,), 5, of_domain)


EXPERIMENTS = {
    "writers-mnist-best": _writers("mnist", "best"),
    "writers-mnist-article": _writers("mnist", "article"),
    "writers-handwriting-best": _writers("handwriting", "best"),
    "writers-handwriting-article": _writers("handwriting", "article"),
    "domain-handwriting": _domain("handwriting"),
    "domain-fsdd": _domain("fsdd"),
    "domain-scenes": _domain("scenes"),
    "separation-mnist60k": Result(
        (
            "fit mnist --seed {seed} --out {run}/model --overwrite",
            "measure {run}/model mnist --out {run}/measure.json",
        ),
        3,
        of_measure,
    ),
    "plane-mnist-best": _plane(""),
    "plane-mnist-article": _plane("--preset article --epochs 30"),
}


def measure(name: str, seed: int, commit: str) -> None:
    """Make one run, and add it to the result's file.

    Parameters
    ----------
    name
        A name of `EXPERIMENTS`.
    seed
        Seed of the run.
    commit
        Of the code, for the record.
    """
    result, folder = EXPERIMENTS[name], RUNS / f"{name}-{seed}"
    if "measure" in result.commands[-1]:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "PYTHONWARNINGS": "ignore"}
    start = time.monotonic()
    for command in result.commands:
        arguments = command.format(seed=seed, run=folder).split()
        program = [sys.executable, "-m", "wvae", *arguments, "--quiet"]
        subprocess.run(program, check=True, env=environment, stdout=subprocess.DEVNULL)
    shown = [f"wvae {text.format(seed=seed, run='RUN')}" for text in result.commands]
    config = _find_config(folder)
    entry = {
        "seed": seed,
        "commands": shown,
        "commit": commit,
        "date": date.today().isoformat(),
        "epochs": config["epochs"],
        "machine": machine(threads),
        "seconds": round(time.monotonic() - start),
        "metrics": rounded(result.read(folder)),
    }
    add_run(name, entry)


def machine(threads: str) -> dict[str, Any]:
    """Return what a run's numbers may depend on: processor, GPU, threads and libraries."""
    import platform
    from importlib.metadata import version

    import torch

    found: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": int(threads),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "scikit-learn": version("scikit-learn"),
    }
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def rounded(metrics: Metrics) -> dict[str, float | None]:
    """Return the metrics with five significant digits; what is not a number becomes None."""
    result: dict[str, float | None] = {}
    for key, value in metrics.items():
        is_number = isinstance(value, int | float) and value == value
        result[key] = float(f"{value:.{DIGITS}g}") if is_number else None
    return result


def add_run(name: str, entry: dict[str, Any], results: Path = RESULTS) -> None:
    """Add a run to a result's file, in place of an earlier one with the same seed."""
    results.mkdir(parents=True, exist_ok=True)
    file = results / f"{name}.json"
    RUNS.mkdir(parents=True, exist_ok=True)
    with FileLock(RUNS / f".{name}.lock"):
        runs = _read_json(file)["runs"] if file.exists() else []
        runs = [run for run in runs if run["seed"] != entry["seed"]] + [entry]
        runs.sort(key=lambda run: run["seed"])
        # One line for a run: changes of a single run are one line of a diff.
        lines = ",\n".join(json.dumps(run, ensure_ascii=False) for run in runs)
        temporary = file.with_suffix(".tmp")
        temporary.write_text(f'{{"name": "{name}", "runs": [\n{lines}\n]}}\n', encoding="utf-8")
        temporary.replace(file)


def add_table(name: str, command: str, rows: list[list[str]]) -> None:
    """Write the rows that a benchmark printed, the first of which is the heading.

    Parameters
    ----------
    name
        Name of the result.
    command
        The command that measures it.
    rows
        Cells as Markdown.
    """
    import torch

    entry: dict[str, Any] = {
        "seed": 0,
        "commands": [command],
        "commit": current_commit(),
        "date": date.today().isoformat(),
        "machine": machine(str(torch.get_num_threads())),
        "metrics": {},
        "rows": rows,
    }
    add_run(name, entry)


def present_seeds(name: str) -> set[int]:
    """Return the seeds that a result's file holds."""
    file = RESULTS / f"{name}.json"
    return {run["seed"] for run in _read_json(file)["runs"]} if file.exists() else set()


def missing_runs(
    names: Sequence[str], seeds: Sequence[int] | None, *, renew: bool
) -> list[tuple[str, int]]:
    """Return the runs to make: those of all seeds that are not there, or all with `renew`."""
    missing: list[tuple[str, int]] = []
    for name in names:
        present = set() if renew else present_seeds(name)
        wanted = range(EXPERIMENTS[name].seeds) if seeds is None else seeds
        missing += [(name, seed) for seed in wanted if seed not in present]
    return missing


def _find_config(folder: Path) -> dict[str, Any]:
    """Return the hyper-parameters of a run or of the model folder in it."""
    file = folder / "config.json"
    if not file.exists():
        file = folder / "model" / "config.json"
    settings = _read_json(file)
    return settings.get("config", settings)


def _read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def current_commit() -> str:
    """Return the commit that is checked out."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def main() -> None:
    """Make the missing runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="results (default: all)")
    parser.add_argument("--seeds", nargs="*", type=int, help="seeds (default: all of the result)")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--renew", action="store_true", help="make runs again that are there")
    parser.add_argument("--list", action="store_true", help="show what is there, and stop")
    parser.add_argument("--commit", help="of the code (default: ask git)")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(EXPERIMENTS)
    if unknown:
        parser.error(
            f"no result {', '.join(sorted(unknown))}: choose from {', '.join(EXPERIMENTS)}"
        )
    names = arguments.names or list(EXPERIMENTS)
    if arguments.list:
        for name in names:
            there = len(present_seeds(name))
            print(f"{name:30} {there:2} of {EXPERIMENTS[name].seeds} seeds")
        return
    commit = arguments.commit or current_commit()
    runs = missing_runs(names, arguments.seeds, renew=arguments.renew)

    def run(unit: tuple[str, int]) -> bool:
        start = time.monotonic()
        try:
            measure(*unit, commit)
        except subprocess.CalledProcessError as error:
            print(f"{unit[0]}, seed {unit[1]}: failed with status {error.returncode}", flush=True)
            return False
        print(f"{unit[0]}, seed {unit[1]}: {time.monotonic() - start:.0f} s", flush=True)
        return True

    with ThreadPoolExecutor(arguments.jobs) as pool:
        finished = list(pool.map(run, runs))
    if not all(finished):
        sys.exit(1)


if __name__ == "__main__":
    main()
