"""The command line: `app` and `commands` define it, `options` its flags, `terminal` its output."""

from .app import main

__all__ = ["main"]
