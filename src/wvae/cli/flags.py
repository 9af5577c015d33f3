"""Messages for the command line: hyper-parameters by their flags instead of their names."""

from __future__ import annotations

import re

from ..config import parameters
from .options import NO_FLAG

_VALUE = r"'[^']*'|[\w.+-]*\w"


def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return where a hyper-parameter is named in a message, and the name."""
    patterns: list[tuple[re.Pattern[str], str]] = []
    for spec in parameters():
        name = spec.name
        # Words such as "width" are hyper-parameters only where the message says so.
        places = [
            rf"(?P<set>{name}=(?P<value>{_VALUE}))",
            rf"{name}(?= \(now )",
            rf"^{name}(?= is )",
        ]
        if "_" in name:
            places.append(name)
        pattern = rf"(?<!['\w-])(?:{'|'.join(places)})(?!['\w=])"
        patterns.append((re.compile(pattern), name))
    return patterns


def in_flags(message: str) -> str:
    """Return a message with flags in place of hyper-parameters.

    Parameters
    ----------
    message
        Speaks of hyper-parameters as Python takes them.

    Examples
    --------
    >>> in_flags("take likelihood='gaussian' (now 'auto'), or rest_kl_weight=0.05 (now 0.5)")
    'take --likelihood gaussian (now auto), or --rest-kl-weight 0.05 (now 0.5)'
    >>> in_flags("random_state is -1, expected at least 0"), in_flags("images differ in width")
    ('--seed is -1, expected at least 0', 'images differ in width')
    """
    for pattern, name in _patterns():
        if name == "random_state" or name not in NO_FLAG:
            message = pattern.sub(lambda match, name=name: _flag(match, name), message)
    return re.sub(r"\(now '([\w-]+)'\)", r"(now \1)", message)


def _flag(match: re.Match[str], name: str) -> str:
    """Return the flag for one place of a message."""
    flag = "--seed" if name == "random_state" else f"--{name.replace('_', '-')}"
    if match["set"] is None:
        return flag
    value = match["value"].strip("'")
    if value in ("True", "False"):
        return flag if value == "True" else flag.replace("--", "--no-", 1)
    return f"{flag} {value}"
