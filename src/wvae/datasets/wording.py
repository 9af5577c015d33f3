"""How the readers of data put things: hints, lists of names, other libraries' errors in one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches

__all__ = ["Say", "did_you_mean", "one_line", "refuse", "some"]

Say = Callable[[str], None]


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return a hint to append to an error, or an empty string."""
    lower = {word.lower(): word for word in known}
    close = get_close_matches(name.lower(), lower, n=1)
    return f" – did you mean {lower[close[0]]!r}?" if close else ""


def some(names: Sequence[object], most: int = 3, *, quote: bool = True) -> str:
    """Return the first few names in words.

    Examples
    --------
    >>> some(["a", "b", "c", "d"], 2)
    "'a', 'b' and 2 more"
    """
    words = [repr(name) if quote else str(name) for name in names[:most]]
    rest = len(names) - most
    return ", ".join(words) + (f" and {rest:,} more" if rest > 0 else "")


def refuse(what: str, **options: object) -> None:
    """Raise a ValueError if an option is given that means nothing here: it would be ignored in silence."""
    given = [f"{name}={value!r}" for name, value in options.items() if value is not None]
    if given:
        raise ValueError(f"{what}, for which {', '.join(given)} means nothing: leave it out")


def one_line(error: BaseException) -> str:
    """Return another library's message in one line of bearable length."""
    return " ".join((str(error) or type(error).__name__).split())[:200]
