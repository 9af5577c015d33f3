"""Parts of the messages that readers of data write: hints, lists of names, errors of other libraries in one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches

__all__ = ["Log", "did_you_mean", "one_line", "preview", "reject"]

Log = Callable[[str], None]


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return a hint to append to an error, or an empty string if no known name is similar.

    Examples
    --------
    >>> did_you_mean("writr", ["writer", "slant"])
    " – did you mean 'writer'?"
    """
    by_lower_case = {word.lower(): word for word in known}
    close = get_close_matches(name.lower(), by_lower_case, n=1)
    return f" – did you mean {by_lower_case[close[0]]!r}?" if close else ""


def preview(names: Sequence[object], limit: int = 3, *, quote: bool = True) -> str:
    """Return the first names of a list, and how many more there are.

    Parameters
    ----------
    names
        What is listed.
    limit
        How many are written out.
    quote
        Whether each is written with quotation marks.

    Examples
    --------
    >>> preview(["a", "b", "c", "d"], 2)
    "'a', 'b' and 2 more"
    """
    words = [repr(name) if quote else str(name) for name in names[:limit]]
    rest = len(names) - limit
    return ", ".join(words) + (f" and {rest:,} more" if rest > 0 else "")


def reject(subject: str, **options: object) -> None:
    """Raise an error if any of these options is given although it has no effect on the subject.

    Parameters
    ----------
    subject
        A clause that begins the message: ``"photos holds images"``.
    options
        The options by name; None stands for an option that was not given.

    Raises
    ------
    ValueError
        If an option is given: it would otherwise be ignored in silence.
    """
    given = [f"{name}={value!r}" for name, value in options.items() if value is not None]
    if given:
        raise ValueError(f"{subject}, so {', '.join(given)} has no effect: leave it out")


def one_line(error: BaseException) -> str:
    """Return another library's message in one line of at most 200 characters."""
    message = str(error) or type(error).__name__
    return " ".join(message.split())[:200]
