"""Known vulnerabilities of the pinned versions, and the licences of what wvae installs.

    .venv/bin/python .ci/audit.py

pip-audit asks the advisory database for every line of constraints.txt. The licences are those of
the distributions installed here: of the core, where one that is not permissive fails, and then of
the extras. Exit code 1: a vulnerability or such a licence. Exit code 3: no answer of the database.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
NO_ANSWER = 3

# Licences that ask for nothing but a notice.
PERMISSIVE = (
    "0BSD", "APACHE", "BSD", "BSL-1.0", "BOOST", "CC0", "HPND", "ISC", "LLVM", "MIT", "PSF",
    "PYTHON", "PUBLIC DOMAIN", "UNLICENSE", "ZLIB", "ZPL",
)  # fmt: skip
# Packages of the core under another licence, and why that is all right.
EXCEPTIONS = {"certifi": "MPL-2.0 covers its own files, which wvae does not change"}


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
    unexpected = {name: licence for name, licence in doubtful.items() if name not in EXCEPTIONS}
    for name, licence in unexpected.items():
        print(f"audit: {name} of the core has the licence {licence}", file=sys.stderr)
    return 1 if unexpected else code


def vulnerabilities() -> int:
    """Run pip-audit over constraints.txt; return its exit code, or 3 if it got no answer."""
    pip_audit = Path(sys.executable).parent / "pip-audit"
    command = [pip_audit, "--requirement", ROOT / "constraints.txt"]
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    print(done.stdout.strip())
    if done.returncode == 0 or "vulnerabilit" in done.stderr:
        print(done.stderr.strip())
        return done.returncode
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    print(f"audit: the advisory database gave no answer: {last[:300]}", file=sys.stderr)
    return NO_ANSWER


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
    if classifiers:
        return ", ".join(c.rpartition(" :: ")[2] for c in classifiers)
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
    """Return why a licence that is not permissive is all right, in brackets."""
    return f" ({EXCEPTIONS[name]})" if name in EXCEPTIONS else ""


if __name__ == "__main__":
    sys.exit(main())
