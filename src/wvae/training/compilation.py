"""Compilation of the training objective by ``torch.compile``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..model import SplitVAE

Objective = Callable[..., dict[str, Tensor]]


def compile_objective(model: SplitVAE) -> Objective:
    """Return the model's ``forward``, compiled by ``torch.compile`` if its config asks for that.

    Raises
    ------
    ValueError
        If compilation needs a C++ compiler and none is installed.
    """
    if not model.config.compile:
        return model
    device = next(model.parameters()).device
    if device.type == "cpu" and not find_compiler():
        raise ValueError(
            "compile is True, which needs a C++ compiler, and neither $CXX nor g++ nor clang++ was "
            "found: install one, or take compile=False"
        )
    compiled: Any = torch.compile(model, dynamic=False)
    return compiled


def find_compiler() -> str | None:
    """Return the path of a C++ compiler that ``torch.compile`` can use, or None."""
    for name in (os.environ.get("CXX", ""), "g++", "clang++"):
        path = shutil.which(name)
        if path:
            return path
    return None
