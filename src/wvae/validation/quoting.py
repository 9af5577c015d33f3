"""How messages show a value: as plain Python, whatever library it comes from."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import numpy as np

__all__ = ["quoted"]


def quoted(value: Any) -> str:
    """Return a value as a user would write it: without the names of NumPy's and Path's types.

    Parameters
    ----------
    value
        Any value; arrays, lists, tuples, sets and dictionaries are shown with plain values, too.

    Examples
    --------
    >>> print(quoted(np.int64(3)), quoted(np.str_("cat")), quoted([np.float32(0.5), None]))
    3 'cat' [0.5, None]
    >>> print(quoted(PurePath("m")), quoted(np.datetime64("2024-05-01")), quoted(int))
    'm' '2024-05-01' int
    """
    return repr(_plain(value))


class _Bare(str):
    """A text that is shown without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _plain(value: Any) -> Any:
    """Return a value in which only Python's own types are left."""
    if isinstance(value, np.datetime64 | np.timedelta64 | PurePath):
        return str(value)
    if isinstance(value, np.floating):
        return float(str(value))  # float32's 0.1, not 0.10000000149011612
    if isinstance(value, np.generic):
        return str(value) if isinstance(value, np.void) else _plain(value.item())
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(_plain(item) for item in value)
    if isinstance(value, type):
        return _Bare(value.__name__)
    text = repr(value)
    # An address in memory says nothing.
    return _Bare(f"a {type(value).__name__}") if " at 0x" in text else value
