"""wvae: a variational autoencoder that separates what a label explains from all the rest.

Importing this package does not import torch; its public names are imported on first use.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from . import datasets
    from .config import Config
    from .estimator import WVAE, import_original
    from .workflows.measure import measure
    from .workflows.scorer import rest_scorer

__version__ = "0.2.0"
__all__ = [
    "WVAE",
    "Config",
    "__version__",
    "datasets",
    "import_original",
    "load",
    "measure",
    "rest_scorer",
]

_MODULES = {
    "Config": "config",
    "WVAE": "estimator",
    "import_original": "estimator",
    "measure": "workflows.measure",
    "rest_scorer": "workflows.scorer",
}


def load(path: str | Path) -> WVAE:
    """Return the fitted model of a model folder, as `WVAE.load` does.

    Parameters
    ----------
    path
        A folder that `WVAE.save` or ``wvae fit`` wrote; ``"hf://owner/name"`` or
        ``"hf://owner/name@revision"``, a model on the Hugging Face Hub; or
        ``"gallery:handwriting"``, a model of the gallery. The last two are downloaded once.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the folder is missing or damaged, or has another format.
    wvae.io.hub.HubError, wvae.datasets.download.DownloadError
        If the model cannot be downloaded.
    """
    from .estimator import WVAE

    return WVAE.load(path)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    if name == "datasets":
        return import_module(f"{__name__}.datasets")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def _limit_spinning() -> None:
    """Let OpenMP threads sleep while they wait.

    By default the threads of PyTorch's OpenMP library on Linux, libgomp, spin while they wait. When
    other programs need the cores, that makes everything very slow. libgomp reads the variable once,
    when torch is loaded.
    """
    if not sys.platform.startswith("linux"):
        return
    if "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ:
        return
    os.environ["GOMP_SPINCOUNT"] = "1000"
    if "torch" in sys.modules:
        warnings.warn(
            "torch was imported before wvae, so waiting OpenMP threads will spin, which is slow on "
            "a busy machine: import wvae first, or set GOMP_SPINCOUNT=1000 before Python starts",
            stacklevel=3,
        )


_limit_spinning()
