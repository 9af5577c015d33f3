"""Shared by the tests of the command line: run it in this process and keep what it prints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from wvae.cli import app as cli

__all__ = ["Command", "Result", "run"]


class Result(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Result]


def run(*arguments: object) -> int:
    """Run the command line in this process and the current folder, and return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["wvae", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_info:
            cli.main()
    return int(exit_info.value.code or 0)
