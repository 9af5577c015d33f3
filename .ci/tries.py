"""What `try_packages.py` runs: without extras, and with each of them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

__all__ = ["EXTRAS", "FEW", "MISSING", "PREPARE", "UNPINNED", "WITHOUT_EXTRAS", "Try"]


@dataclass(frozen=True)
class Try:
    """A command of `wvae` or a program of Python, and what it must print.

    Parameters
    ----------
    name
        What is tried.
    command
        Arguments of `wvae`.
    python
        A program, if there is no command.
    prints
        Words that stdout must hold.
    needs
        The extra without which the command must stop; its last line must name it.
    """

    name: str
    command: tuple[str, ...] = ()
    python: str = ""
    prints: str = ""
    needs: str = ""

    def fault(self, done: subprocess.CompletedProcess[str]) -> str:
        """Return what is wrong with the result, or an empty string."""
        if self.needs:
            wanted = f"pip install 'wvae[{self.needs}]'"
            lines = done.stderr.strip().splitlines() or [""]
            is_short = len(lines) <= 3 and "Traceback" not in done.stderr  # after some of the log
            if done.returncode == 2 and is_short and wanted in lines[-1]:
                return ""
            came = f"{done.returncode}: {tail(done)}"
            return f"expected exit 2 and a last line with {wanted}, got {came}"
        if done.returncode:
            return f"exit {done.returncode}: {tail(done)}"
        if self.prints not in done.stdout:
            return f"expected {self.prints!r} in {done.stdout!r}"
        return ""


def tail(done: subprocess.CompletedProcess[str]) -> str:
    """Return the end of what a program printed."""
    return (done.stderr.strip() or done.stdout.strip())[-1500:]


def wvae(name: str, line: str, *, prints: str = "", needs: str = "") -> Try:
    """Return the try of a command line without quotation marks."""
    return Try(name, command=tuple(line.split()), prints=prints, needs=needs)


QUICK = "--epochs 1 --finetune-epochs 0 --alignment none --quiet --overwrite"

# Files that any user has; they are written by the standard library and numpy alone.
PREPARE = (
    Try(
        "files of a user",
        python="""
import csv, pathlib, wave
import numpy as np
random = np.random.default_rng(0)
with open("table.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["a", "b", "c", "label"])
    for row in range(120):
        kind = row % 2
        rows.writerow([*(random.normal(3 * kind, 1, 3).round(3)), "xy"[kind]])
for kind, pitch in ("low", 220), ("high", 880):
    folder = pathlib.Path("sounds", kind)
    folder.mkdir(parents=True)
    for number in range(12):
        time = np.arange(4000) / 8000
        sound = np.sin(2 * np.pi * pitch * time + random.uniform(0, 6)) * random.uniform(0.2, 0.8)
        with wave.open(str(folder / f"{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes((sound * 32767).astype("<i2").tobytes())
for kind in "ab":
    folder = pathlib.Path("images", kind)
    folder.mkdir(parents=True)
    for number in range(12):
        pixels = random.integers(0, 100, (16, 16), dtype=np.uint8)
        pixels[:, :8] += 150 * (kind == "a")
        header = b"P5 16 16 255 "
        (folder / f"{number}.pgm").write_bytes(header + pixels.tobytes())
""",
    ),
)

WITHOUT_EXTRAS = (
    wvae("version", "--version", prints="wvae 0."),
    Try(
        "help without PyTorch",
        python="""
import sys
from wvae.cli import app
sys.argv = ["wvae", "--help"]
try:
    app.main()
except SystemExit as stop:
    assert not stop.code, stop.code
loaded = {"torch", "sklearn", "matplotlib"} & set(sys.modules)
assert not loaded, loaded
""",
        prints="explore",
    ),
    wvae("list of data sets", "data list", prints="handwriting"),
    wvae("fit", f"fit digits8x8 --out model {QUICK}", prints="model"),
    wvae("fit of handwriting", f"fit handwriting --out writing --preset quick {QUICK}"),
    wvae("measure", "measure model digits8x8 --out measures.json --quiet"),
    Try(
        "Python",
        python="""
import numpy as np
import wvae
data = wvae.datasets.load("digits8x8")
model = wvae.WVAE(epochs=1, finetune_epochs=0, alignment="none").fit(data.x[:300], data.y[:300])
model.save("of-python")
again = wvae.load("of-python")
assert np.array_equal(model.transform(data.x[:5]), again.transform(data.x[:5]))
assert again.rewrite(data.x[:2], [7, 7]).shape == (2, 8, 8)
print("classes", len(set(again.predict(data.x[:300]))))
""",
        prints="classes",
    ),
)

FEW = 4  # of these are enough for the source archive

# What needs an extra says which.
MISSING = (
    wvae("codes", "encode model digits8x8", needs="files"),
    wvae("report", "reproduce plane --data digits8x8 --epochs 1 --out run", needs="report"),
    wvae("table", "fit table.csv --label label", needs="files"),
    wvae("images", "fit images", needs="files"),
    wvae("sounds", "fit sounds", needs="audio"),
    wvae("ONNX", "export model --to onnx", needs="onnx"),
    wvae("photographs", "fit scenes", needs="scenes"),
    wvae("fonts", "fit fonts", needs="fonts"),
    wvae("explorer", "explore model digits8x8 --export page", needs="explore"),
    wvae("Hub", "export model --to hub --repo no-one/nothing", needs="hub"),
    wvae("tracker", f"fit digits8x8 --log tensorboard --out x {QUICK}", needs="tensorboard"),
)

# Extras that ask for other versions than those of constraints.txt.
UNPINNED = ("mlflow",)

# At least one use of each extra that a user may install.
EXTRAS: dict[str, tuple[Try, ...]] = {
    "report": (
        wvae(
            "report",
            "reproduce plane --data digits8x8 --epochs 1 --finetune-epochs 0 --out run --quiet",
            prints="report.html",
        ),
        wvae("codes", "encode model digits8x8 --out codes.parquet --quiet", prints="codes.parquet"),
    ),
    "files": (
        wvae("table", f"fit table.csv --label label --out of-table {QUICK}", prints="of-table"),
        wvae("images", f"fit images --out of-images {QUICK}", prints="of-images"),
    ),
    "hf": (
        Try(
            "saved data set",
            python="""
import datasets, wvae
rows = {"a": [0.5, 1.5] * 20, "b": [3.0, 4.0] * 20, "label": [0, 1] * 20}
datasets.Dataset.from_dict(rows).save_to_disk("saved")
print(wvae.datasets.open_data("saved").x.shape)
""",
            prints="(40, 2)",
        ),
    ),
    "audio": (wvae("sounds", f"fit sounds --out of-sounds {QUICK}", prints="of-sounds"),),
    "onnx": (
        wvae("export", "export model --to onnx --out onnx"),
        Try(
            "run of the export",
            python="""
import numpy, onnxruntime
encoder = onnxruntime.InferenceSession("onnx/encoder.onnx")
name = encoder.get_inputs()[0].name
shape = [1 if isinstance(n, str) else n for n in encoder.get_inputs()[0].shape]
print("codes", len(encoder.run(None, {name: numpy.zeros(shape, numpy.float32)})))
""",
            prints="codes",
        ),
    ),
    "scenes": (
        Try(
            "photographs",
            python="""
import wvae
print(wvae.datasets.load("scenes", progress=False).kind)
""",
            prints="image",
        ),
    ),
    "fonts": (
        Try(
            "fonts of matplotlib",
            python="""
import os, pathlib, matplotlib, wvae
os.environ["WVAE_FONTS"] = str(pathlib.Path(matplotlib.get_data_path(), "fonts"))
print(len(wvae.datasets.load("fonts", progress=False).classes))
""",
            prints="62",
        ),
    ),
    "processes": (
        Try(
            "two processes",
            python=f"""
import subprocess, sys
command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "wvae"]
command += "fit digits8x8 --out of-two {QUICK}".split()
subprocess.run(command, check=True)
""",
        ),
    ),
    "ray": (
        wvae(
            "encoding on all cores",
            "encode model digits8x8 --on ray --out of-ray --quiet --overwrite",
            prints="of-ray",
        ),
    ),
    "hub": (
        Try(
            "a model that is not in the cache, without a network",
            python="""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import wvae
try:
    wvae.load("hf://no-one/nothing")
except OSError as error:
    print(type(error).__name__, error)
""",
            prints="HubError",
        ),
    ),
    "tensorboard": (
        wvae("log", f"fit digits8x8 --log tensorboard --out of-board {QUICK}", prints="of-board"),
    ),
    "mlflow": (wvae("log", f"fit digits8x8 --log mlflow --out of-flow {QUICK}", prints="of-flow"),),
    "wandb": (
        Try(
            "log without an account",
            python=f"""
import os, subprocess, sys
command = [sys.executable, "-m", "wvae", *"fit digits8x8 --log wandb --out of-w {QUICK}".split()]
subprocess.run(command, check=True, env={{**os.environ, "WANDB_MODE": "offline"}})
""",
        ),
    ),
    "explore": (
        wvae(
            "page",
            "explore model digits8x8 --rows 200 --k 3 --export page --overwrite --quiet",
            prints="page",
        ),
    ),
    "umap": (
        Try(
            "map",
            python="""
import numpy
from wvae.workflows.maps import map_points
codes = numpy.random.default_rng(0).normal(size=(200, 4)).astype("float32")
print(map_points(codes, "umap").shape)
""",
            prints="(200, 2)",
        ),
    ),
}
