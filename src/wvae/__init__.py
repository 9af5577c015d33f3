"""wvae: give it data and one label; it gives you the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import datasets
    from .config import Config
    from .estimator import WVAE
    from .io.chainer import import_original

__version__ = "0.1.0"
__all__ = ["WVAE", "Config", "__version__", "datasets", "import_original", "load"]

_HOME = {"WVAE": "estimator", "import_original": "original", "Config": "config"}


def load(path: str) -> WVAE:
    """Read a model folder written by `WVAE.save`."""
    from .estimator import WVAE

    return WVAE.load(path)


def __getattr__(name: str) -> Any:
    # The public names are imported on first use: importing wvae must not import torch.
    from importlib import import_module

    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    if name == "datasets":
        return import_module(f"{__name__}.datasets")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
