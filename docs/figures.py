"""Fill the marked places of the READMEs and of the documentation with figures.

    python docs/figures.py            # make figures
    python docs/figures.py --check    # only say which files would change

Every measured number comes from ``docs/results/*.json``, which `make results` writes. In a page, a
number or a table stands between two comments, and this program replaces what is between them::

    <!-- figure: writers-mnist-best z_rest.kmeans.ami -->0.091 ± 0.004<!-- / -->
    <!-- figure: domain-fsdd leakage.max .2 -->0.21<!-- / -->          two decimals
    <!-- table: writers -->
    …
    <!-- / -->

Several seeds are given as mean ± standard deviation.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import figure_tables
from figure_values import Key, figure

ROOT = Path(__file__).resolve().parents[1]
MARK = re.compile(
    r"(?P<begin><!-- (?P<kind>figure|table): (?P<what>[^>]*?) -->)(?P<text>.*?)(?P<end><!-- / -->)",
    re.DOTALL,
)
# What may hold decimals that are no measurements: code, formulas, addresses, names of papers.
NOT_PROSE = (
    re.compile(r"^(```+|~~~+).*?^\1`*~*\s*$", re.DOTALL | re.MULTILINE),
    re.compile(r"^( {4,}|\t)\S.*$", re.MULTILINE),
    re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL),
    re.compile(r"`[^`]+`"),
    re.compile(r"\]\([^)]*\)|https?://\S+|<[^>]+>"),
    re.compile(r"arXiv:\S+|doi:\S+"),
    re.compile(r"(?i)(python|node|torch|pytorch|version|v|[≥><=]=?) ?\d+(\.\d+)+"),
)
DECIMAL = re.compile(r"(?<![\w.])[-−]?\d*\.\d+(?![\w.]*\d)")
# Numbers that are choices or citations, not measurements: page, then the number.
ALLOWED: dict[str, frozenset[str]] = {
    # Scores that the article of 2018 reports, and the shares of its protocol.
    "*": frozenset({"0.1971", "0.0275", "0.0736", "10.6"}),
    # What the notebook's own published weights give, which a test checks to the last digit.
    "docs/tutorials/article.md": frozenset({"0.5748", "207.052", "0.56060", "0.67749"}),
}


def pages() -> list[Path]:
    """Return the READMEs and all pages of the documentation."""
    found = [ROOT / "README.md", ROOT / "README.ja.md"]
    for page in sorted((ROOT / "docs").rglob("*.md")):
        is_built = any(part.startswith("_") or part == "jupyter_execute" for part in page.parts)
        if not is_built:
            found += [page]
    return found


def filled(text: str) -> str:
    """Return a page with the present figures.

    Raises
    ------
    KeyError
        If a mark names a result, a metric or a table that does not exist.
    """

    def replace(match: re.Match[str]) -> str:
        what = match["what"].split()
        if match["kind"] == "table":
            tables: dict[str, Callable[[], str]] = figure_tables.TABLES
            new = f"\n{tables[what[0]]()}\n"
        else:
            new = figure(Key.parse(what))
        return match["begin"] + new + match["end"]

    return MARK.sub(replace, text)


def unmarked_decimals(page: Path) -> list[str]:
    """Return the decimals of a page that stand outside marks and code, and are not allowed."""
    text = MARK.sub("", page.read_text(encoding="utf-8"))
    for pattern in NOT_PROSE:
        text = pattern.sub(" ", text)
    name = page.relative_to(ROOT).as_posix()
    allowed = ALLOWED["*"] | ALLOWED.get(name, frozenset())
    return [number for number in DECIMAL.findall(text) if number.lstrip("-−") not in allowed]


def main() -> None:
    """Fill the pages, or say which are out of date."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing, fail on drift")
    check = parser.parse_args().check
    outdated: list[str] = []
    for page in pages():
        old = page.read_text(encoding="utf-8")
        new = filled(old)
        if new != old:
            outdated.append(page.relative_to(ROOT).as_posix())
            if not check:
                page.write_text(new, encoding="utf-8")
    print("\n".join(outdated) or "all figures are up to date")
    if check and outdated:
        sys.exit(1)


if __name__ == "__main__":
    main()
