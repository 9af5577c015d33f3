"""Names of columns: one form of each, no name twice, and which stand for no name."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ...messages import Log, preview

__all__ = ["clean_name", "clean_names", "is_nameless"]

# What pandas and R call columns whose header cell is empty.
NAMELESS = re.compile(r"|Unnamed: ?\d+([._]\S*)?|\.\.\.\d+|__index_level_\d+__")


def clean_name(name: str) -> str:
    """Return a name in Unicode's composed form (NFC), without spaces around it.

    Examples
    --------
    >>> clean_name(" Gro\\u0308ße ") == "Größe"
    True
    """
    return unicodedata.normalize("NFC", name).replace("\ufeff", "").strip()


def is_nameless(name: str) -> bool:
    """Return whether a name stands for an empty header cell.

    Examples
    --------
    >>> is_nameless(""), is_nameless("Unnamed: 0"), is_nameless("width")
    (True, True, False)
    """
    return NAMELESS.fullmatch(name) is not None


def clean_names(names: Sequence[str], path: Path, log: Log) -> list[str]:
    """Return names of columns in one form.

    Parameters
    ----------
    names
        The names in the file.
    path
        The file, for messages.
    log
        Called with one line if names had spaces around them.

    Raises
    ------
    ValueError
        If two columns have one name; several columns without a name may stay.
    """
    cleaned = [clean_name(name) for name in names]
    counts = Counter(name for name in cleaned if name)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise ValueError(f"{path} has several columns called {preview(repeated)}: rename them")
    spaced = [name for name in names if name != name.strip()]
    if spaced:
        log(f"{path.name}: spaces around names of columns are left out: {preview(spaced)}")
    return cleaned
