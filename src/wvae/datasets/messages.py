"""Parts of error messages: hints, lists of names, other libraries' errors in one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from numbers import Integral

from ..validation.quoting import quoted

__all__ = ["Log", "check_integer", "did_you_mean", "one_line", "preview", "reject"]

Log = Callable[[str], None]


def check_integer(name: str, value: object, minimum: int) -> int:
    """Return an argument as an int, or raise an error that names it.

    Parameters
    ----------
    name
        Name of the argument.
    value
        Its value; a NumPy integer is accepted, a bool is not.
    minimum
        The smallest value that is accepted.

    Raises
    ------
    ValueError
        If the value is not an integer, or is less than `minimum`.

    Examples
    --------
    >>> check_integer("images", 12, minimum=10)
    12
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        expected = f"an integer of at least {minimum}"
        raise ValueError(f"{name} is {quoted(value)}, expected {expected}: try {name}={minimum}")
    return int(value)


def did_you_mean(name: str, candidates: Sequence[str]) -> str:
    """Return a hint to append to an error, or an empty string if no candidate is similar.

    Parameters
    ----------
    name
        The unknown name.
    candidates
        The names that exist; upper and lower case are not distinguished.

    Examples
    --------
    >>> did_you_mean("writr", ["writer", "slant"])
    " – did you mean 'writer'?"
    """
    by_lower_case = {candidate.lower(): candidate for candidate in candidates}
    close = get_close_matches(name.lower(), by_lower_case, n=1)
    return f" – did you mean {quoted(by_lower_case[close[0]])}?" if close else ""


def preview(names: Sequence[object], limit: int = 3, *, quote: bool = True) -> str:
    """Return the first names of a list, and how many more there are.

    Parameters
    ----------
    names
        The list.
    limit
        Number of names to write out.
    quote
        Put each name between quotation marks.

    Examples
    --------
    >>> preview(["a", "b", "c", "d"], 2)
    "'a', 'b' and 2 more"
    """
    words = [quoted(name) if quote else str(name) for name in names[:limit]]
    rest = len(names) - limit
    return ", ".join(words) + (f" and {rest:,} more" if rest > 0 else "")


def reject(subject: str, **options: object) -> None:
    """Raise an error if an option is given that has no effect on the subject.

    Parameters
    ----------
    subject
        The first clause of the message: ``"photos holds images"``.
    options
        The options by name; None if the user did not give the option.

    Raises
    ------
    ValueError
        If an option is given.

    Examples
    --------
    >>> reject("photos holds images", rate=None)
    >>> reject("photos holds images", rate=8000)
    Traceback (most recent call last):
    ValueError: photos holds images, so rate=8000 has no effect: leave it out
    """
    given = [f"{name}={quoted(value)}" for name, value in options.items() if value is not None]
    if given:
        raise ValueError(f"{subject}, so {', '.join(given)} has no effect: leave it out")


def one_line(error: BaseException) -> str:
    """Return another library's message in one line of at most 200 characters.

    Examples
    --------
    >>> one_line(OSError("cannot read\\n  the file"))
    'cannot read the file'
    """
    message = str(error) or type(error).__name__
    return " ".join(message.split())[:200]
