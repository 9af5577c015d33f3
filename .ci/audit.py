"""Known vulnerabilities of the pinned versions, and the licences of what wvae installs.

    .venv/bin/python .ci/audit.py

pip-audit asks the advisory database for every line of constraints.txt. The licences are those of
the distributions installed here: of the core, where one that is not permissive fails, and then of
the extras. Exit code 1: a vulnerability or such a licence. Exit code 3: no answer of the database.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
NO_ANSWER = 3

# Licences that ask for nothing but a notice.
PERMISSIVE = (
    "0BSD", "APACHE", "BSD", "BSL-1.0", "BOOST", "CC0", "HPND", "ISC", "LLVM", "MIT", "PSF",
    "PYTHON", "PUBLIC DOMAIN", "UNLICENSE", "ZLIB", "ZPL",
)  # fmt: skip
# Packages of the core under another licence, by their names' beginnings: why that is all right.
EXCEPTIONS = {
    "certifi": "MPL-2.0 covers its own files, which wvae does not change",
    "cuda-": "comes with PyTorch's builds for NVIDIA GPUs; its builds for CPUs do without",
    "nvidia-": "comes with PyTorch's builds for NVIDIA GPUs; its builds for CPUs do without",
}


def main() -> int:
    """Print both lists; return the exit code."""
    code = vulnerabilities()
    core = closure("wvae", set())
    doubtful = {name: licence for name, licence in core.items() if not is_permissive(licence)}
    print(f"\nlicences of the core, {len(core)} packages:")
    for name, licence in core.items():
        print(f"  {name}: {licence}" + note(name))
    extras = set(distribution("wvae").metadata.get_all("Provides-Extra") or ())
    others = {n: licence for n, licence in closure("wvae", extras).items() if n not in core}
    print(f"\nother licences than permissive ones among {len(others)} packages of the extras:")
    for name, licence in others.items():
        if not is_permissive(licence):
            print(f"  {name}: {licence}")
    unexpected = {name: licence for name, licence in doubtful.items() if not note(name)}
    for name, licence in unexpected.items():
        print(f"audit: {name} of the core has the licence {licence}", file=sys.stderr)
    return 1 if unexpected else code


def vulnerabilities() -> int:
    """Ask the advisory database about all pins; return 1 for a vulnerability, 3 for no answer."""
    pins = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    # One question first: where there is no database, the others need not be asked.
    probe = next(line for line in pins if line.startswith("numpy=="))
    packages = ask_database(pins) if ask_database([probe]) else []
    if not packages:
        print("audit: the advisory database gave no answer: nothing was audited", file=sys.stderr)
        return NO_ANSWER
    return report(packages)


def ask_database(pins: list[str]) -> list[dict[str, Any]]:
    """Return what pip-audit says of each pin, or nothing if it knows none of them.

    A database that cannot be reached and one that answers "not found" are the same to pip-audit: it
    leaves the packages out and reports success.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder, "pins.txt")
        asked.write_text("\n".join(pins), encoding="utf-8")
        command = [Path(sys.executable).parent / "pip-audit", "--requirement", asked]
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
        done = subprocess.run([*command, *options], capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"audit: pip-audit: {last[:300]}", file=sys.stderr)
        return []
    return packages if any("vulns" in package for package in packages) else []


def report(packages: list[dict[str, Any]]) -> int:
    """Print what was found; return 1 for a vulnerability, 3 if a package is unknown.

    >>> report([{"name": "a", "version": "1", "vulns": []}])
    vulnerabilities: 0 in 1 packages
    0
    >>> report([{"name": "a", "skip_reason": "not found"}])
    vulnerabilities: 0 in 0 packages
      unknown: a: not found
    3
    >>> found = {"id": "CVE-1", "fix_versions": ["2"]}
    >>> report([{"name": "a", "version": "1", "vulns": [found]}])
    vulnerabilities: 1 in 1 packages
      a 1: CVE-1, mended in 2
    1
    """
    known = [package for package in packages if "vulns" in package]
    unknown = [package for package in packages if "vulns" not in package]
    found = [(package, one) for package in known for one in package["vulns"]]
    print(f"vulnerabilities: {len(found)} in {len(known)} packages")
    for package, one in found:
        mended = ", ".join(one["fix_versions"]) or "no release"
        print(f"  {package['name']} {package['version']}: {one['id']}, mended in {mended}")
    for package in unknown:
        print(f"  unknown: {package['name']}: {package['skip_reason']}")
    return 1 if found else NO_ANSWER if unknown else 0


def closure(name: str, extras: set[str]) -> dict[str, str]:
    """Return the licence of a distribution and of all it needs, by name, as far as installed."""
    found: dict[str, str] = {}
    waiting = [(name, frozenset(extras))]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one, wanted = waiting.pop()
        key = canonicalize_name(one)
        if (key, wanted) in seen:
            continue
        seen.add((key, wanted))
        try:
            package = distribution(one)
        except PackageNotFoundError:
            continue
        found[key] = licence_of(package)
        for line in package.requires or ():
            need = Requirement(line)
            chosen = [{"extra": extra} for extra in ("", *wanted)]
            if need.marker is None or any(map(need.marker.evaluate, chosen)):
                waiting.append((need.name, frozenset(need.extras)))
    return dict(sorted(found.items()))


def licence_of(package: Distribution) -> str:
    """Return what a distribution says of its licence, in a line."""
    metadata = package.metadata
    stated = metadata.get("License-Expression")
    if stated:
        return stated
    classifiers = [c for c in metadata.get_all("Classifier") or () if c.startswith("License ::")]
    names = [c.rpartition(" :: ")[2] for c in classifiers if not c.endswith("pproved")]
    if names:
        return ", ".join(names)
    return ((metadata.get("License") or "").strip().splitlines() or ["unknown"])[0][:80]


def is_permissive(licence: str) -> bool:
    """Tell whether every part of a licence is permissive; of alternatives, one.

    >>> is_permissive("Apache-2.0 WITH LLVM-exception AND MIT"), is_permissive("GPL-3.0 OR MIT")
    (True, True)
    >>> is_permissive("GNU Lesser General Public License v3"), is_permissive("MIT AND GPL-3.0")
    (False, False)
    """

    def known(part: str) -> bool:
        return any(re.search(rf"\b{re.escape(name)}", part, re.I) for name in PERMISSIVE)

    parts = re.split(r"\bAND\b|,", licence.replace("(", " ").replace(")", " "))
    return all(any(map(known, re.split(r"\bOR\b", part))) for part in parts)


def note(name: str) -> str:
    """Return why a package's licence is all right although not permissive, in brackets.

    >>> note("nvidia-cublas")[:20], note("numpy")
    (' (comes with PyTorch', '')
    """
    reasons = (reason for start, reason in EXCEPTIONS.items() if name.startswith(start))
    return next((f" ({reason})" for reason in reasons), "")


if __name__ == "__main__":
    sys.exit(main())
