"""Build the wheel and the source archive, install each into an empty environment, and use it.

    .venv/bin/python .ci/try_packages.py [--out dist] [EXTRA ...]

The wheel is tried without extras first, where everything that needs one must say which, and then
with each extra in turn, or with those named. The source archive is tried without extras. `make
packages` installs what this needs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from tries import EXTRAS, FEW, MISSING, PREPARE, UNPINNED, WITHOUT_EXTRAS, Try

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
TOOLS = Path(sys.executable).parent
# What a wheel must hold: types, the licence and the explorer's built page.
IN_WHEEL = ("wvae/py.typed", ".dist-info/licenses/LICENSE", "wvae/explorer/page/index.html")


class Environment:
    """An empty virtual environment, and a folder in which its `wvae` is run."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / ("Scripts" if os.name == "nt" else "bin")
        self.work = folder / "work"
        self.frozen = folder / "without-extras.txt"
        uv("venv", "--quiet", "--python", sys.executable, folder)
        self.work.mkdir()

    def install(self, requirement: str, *, pinned: bool = True) -> None:
        """Install a requirement, if `pinned` in the versions that the tests were run with."""
        constraints = ("--constraint", CONSTRAINTS) if pinned else ()
        uv("pip", "install", *self._options, *constraints, requirement)

    def freeze(self) -> None:
        """Remember what is installed."""
        listed = uv("pip", "freeze", "--python", self.bin / "python")
        self.frozen.write_text(listed, encoding="utf-8")

    def restore(self) -> None:
        """Remove what was installed since `freeze`."""
        uv("pip", "sync", *self._options, self.frozen)

    @property
    def _options(self) -> tuple[str | Path, ...]:
        return ("--quiet", "--python", self.bin / "python")

    def run(self, one: Try) -> subprocess.CompletedProcess[str]:
        """Run a command of `wvae`, or a program of Python, as a user outside the checkout."""
        program = ("-m", "wvae", *one.command) if one.command else ("-c", one.python)
        # The user's settings of Python, such as PYTHONPATH, must not reach the environment.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        return subprocess.run(
            [self.bin / "python", "-P", *program],
            cwd=self.work,
            env={**kept, "OMP_NUM_THREADS": "2", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=300,
        )


def main() -> int:
    """Build and try; return the exit code."""
    parser = argparse.ArgumentParser(description="Build the archives and try them.")
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=f"of {', '.join(EXTRAS)}")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the archives go")
    arguments = parser.parse_args()
    unknown = set(arguments.extras) - set(EXTRAS)
    if unknown:
        parser.error(f"no such extra: {', '.join(unknown)}; there are {', '.join(EXTRAS)}")
    started = time.perf_counter()
    wheel, archive = build(arguments.out.resolve())
    with tempfile.TemporaryDirectory(prefix="wvae-packages-") as folder:
        failed = try_wheel(Environment(Path(folder, "wheel")), wheel, arguments.extras or EXTRAS)
        failed += try_without_extras(Environment(Path(folder, "archive")), archive)
    say(f"{failed} failed, {time.perf_counter() - started:.0f} s")
    return int(failed > 0)


def build(out: Path) -> tuple[Path, Path]:
    """Build both archives into an empty folder and check them; return their paths."""
    shutil.rmtree(out, ignore_errors=True)
    call(sys.executable, "-m", "build", "--installer", "uv", "--outdir", out, ROOT)
    wheel, archive = next(out.glob("*.whl")), next(out.glob("*.tar.gz"))
    call(TOOLS / "twine", "check", "--strict", wheel, archive)
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in IN_WHEEL:
        if not any(name.endswith(wanted) for name in names):
            raise SystemExit(f"{wheel.name} lacks {wanted}")
    say(f"{wheel.name}: {size(wheel)}; {archive.name}: {size(archive)}")
    return wheel, archive


def try_wheel(environment: Environment, wheel: Path, extras: list[str]) -> int:
    """Try a wheel without extras, then with each of some; return how many tries failed."""
    failed = try_without_extras(environment, wheel)
    environment.freeze()
    for extra in extras:
        address = f"wvae[{extra}] @ {wheel.as_uri()}"
        environment.install(address, pinned=extra not in UNPINNED)
        failed += count_failures(environment, extra, EXTRAS[extra])
        environment.restore()
    return failed


def try_without_extras(environment: Environment, package: Path) -> int:
    """Install a wheel or a source archive; try what works without extras, and what says why not."""
    environment.install(str(package))
    for one in PREPARE:
        result = environment.run(one)
        if result.returncode:
            raise SystemExit(f"{one.name}: {result.stderr}")
    # Both archives hold the same modules: what works with one need not be tried with the other.
    tries = (*WITHOUT_EXTRAS, *MISSING) if package.suffix == ".whl" else WITHOUT_EXTRAS[:FEW]
    return count_failures(environment, package.name, tries)


def count_failures(environment: Environment, title: str, tries: tuple[Try, ...]) -> int:
    """Run tries and print a line for each that fails, and one for all; return the failures."""
    started, failed = time.perf_counter(), 0
    for one in tries:
        fault = one.fault(environment.run(one))
        if fault:
            failed += 1
            say(f"  FAILED {title}: {one.name}: {fault}")
    say(f"{title}: {len(tries) - failed} of {len(tries)}, {time.perf_counter() - started:.0f} s")
    return failed


def uv(*arguments: str | Path) -> str:
    """Run uv with the addresses and certificates that pip is told to use; return its output."""
    settings = {"UV_FIND_LINKS": "PIP_FIND_LINKS", "SSL_CERT_FILE": "PIP_CERT"}
    taken = {mine: os.environ[pip] for mine, pip in settings.items() if pip in os.environ}
    return call(TOOLS / "uv", *arguments, environment={**taken, **os.environ})


def call(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """Run a command; return its output, or stop with what it printed."""
    if environment is None:  # `python -m build` finds uv in the PATH
        path = os.pathsep.join((str(TOOLS), os.environ["PATH"]))
        environment = {**os.environ, "PATH": path}
        if "PIP_CERT" in os.environ:
            environment.setdefault("SSL_CERT_FILE", os.environ["PIP_CERT"])
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        words = " ".join(map(str, command))
        raise SystemExit(f"{words} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def size(path: Path) -> str:
    """Return the size of a file in words."""
    return f"{path.stat().st_size / 1e6:.1f} MB"


def say(line: str) -> None:
    """Print a line at once, so that the log of a build shows where it is."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
