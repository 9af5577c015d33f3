"""The catalogue of data sets that ship with the package or are downloaded, and their loader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ..validation.quoting import quoted
from .dataset import Dataset
from .download import RemoteFile, cache_dir, fetch, is_cached
from .messages import did_you_mean

__all__ = ["CATALOGUE", "Source", "Status", "fetch_all", "load", "status"]


@dataclass(frozen=True)
class Source:
    """One data set of the catalogue; its module is imported only when it is needed.

    Parameters
    ----------
    name
        Name of the data set, and of its module in `wvae.datasets.sources`. The module has
        ``load(**options) -> Dataset`` and, if files are downloaded,
        ``FILES: dict[str, tuple[RemoteFile, ...]]`` by cache folder.
    summary
        Description in a few words.
    size
        Number of examples × shape of one example.
    licence
        Licence of the data.
    labels
        The values of ``load(label=...)``, the default first; empty if there is no choice.

    Examples
    --------
    >>> CATALOGUE["fsdd"].labels
    ('digit', 'speaker')
    """

    name: str
    summary: str
    size: str
    licence: str
    labels: tuple[str, ...] = ()

    def module(self) -> ModuleType:
        """Import and return the module of this data set."""
        return import_module(f"{__package__}.sources.{self.name}")

    def loader(self) -> Callable[..., Dataset]:
        """Return the function that loads this data set."""
        return self.module().load

    def files(self) -> list[tuple[str, RemoteFile]]:
        """Return (cache folder, file) for each file to download."""
        groups: dict[str, tuple[RemoteFile, ...]] = getattr(self.module(), "FILES", {})
        return [(folder, file) for folder, files in groups.items() for file in files]


_FSDD_LABELS = ("digit", "speaker")
_SCENES_LICENCE = "CC0, CC BY 2.0; digits: theirs"
_FONTS_LICENCE = "those of the fonts"
_SOURCES = (
    Source("handwriting", "synthetic handwritten digits, known style", "9,700 × 28×28", "MIT"),
    Source("digits8x8", "scikit-learn's small digits", "1,797 × 8×8", "CC BY 4.0"),
    Source("mnist", "MNIST with QMNIST's writers", "70,000 × 28×28", "CC BY-SA 3.0; writers: BSD"),
    Source("emnist", "EMNIST Digits with writers", "280,000 × 28×28", "public domain (US)"),
    Source("scenes", "digits over photographs", "20,000 × 3×32×32", _SCENES_LICENCE),
    Source("fonts", "A–Z, a–z, 0–9 in the fonts installed", "62 a font × 64×64", _FONTS_LICENCE),
    Source("fsdd", "spoken digits of six speakers", "3,000 × 64×64", "CC BY-SA 4.0", _FSDD_LABELS),
)
CATALOGUE: dict[str, Source] = {source.name: source for source in _SOURCES}


def load(name: str, **options: Any) -> Dataset:
    """Load a data set by name; download it first if necessary.

    Parameters
    ----------
    name
        One of `CATALOGUE`, or ``NAME/LABEL`` to choose another label where there is a choice. For
        example, ``fsdd/speaker`` returns a data set with the name ``fsdd-speaker``.
    options
        Passed to the data set's own ``load``. For example, ``handwriting`` takes ``writers``,
        ``images`` and ``seed``.

    Returns
    -------
    Dataset
        The examples with labels, hidden factors and, where there is one, the official split.

    Raises
    ------
    ValueError
        If there is no such data set, or it has no such label.
    wvae.datasets.download.DownloadError
        If a file cannot be downloaded.

    Examples
    --------
    >>> load("handwriting", writers=2, images=10).x.shape
    (20, 28, 28)
    """
    name, slash, label = name.partition("/")
    source = _find(name)
    if not slash:
        return source.loader()(**options)
    if label not in source.labels:
        expected = " or ".join(source.labels) or f"{quoted(name)}, since it has only one label"
        raise ValueError(f"{name} has no label {quoted(label)}, expected {expected}")
    return replace(source.loader()(**options, label=label), name=f"{name}-{label}")


def fetch_all(name: str, *, progress: bool = True) -> list[Path]:
    """Download all files of a data set into the cache.

    Parameters
    ----------
    name
        One of `CATALOGUE`.
    progress
        Show progress bars on stderr.

    Returns
    -------
    list of Path
        Paths in the cache; empty if the data set needs no download.

    Raises
    ------
    ValueError
        If there is no such data set.
    wvae.datasets.download.DownloadError
        If a file cannot be downloaded.

    Examples
    --------
    >>> fetch_all("digits8x8")
    []
    """
    return [fetch(folder, file, progress=progress) for folder, file in _find(name).files()]


@dataclass(frozen=True)
class Status:
    """One row of ``wvae data list``.

    Parameters
    ----------
    name, summary, size, licence
        As in `Source`.
    cached
        Whether all files are in the cache; True if the data set needs no download.
    path
        Folder of the files in the cache; None if the data set needs no download.
    """

    name: str
    summary: str
    size: str
    licence: str
    cached: bool
    path: Path | None


def status() -> list[Status]:
    """Return one row for each data set of the catalogue.

    Examples
    --------
    >>> [row.cached for row in status() if row.path is None]
    [True, True, True, True]
    """
    rows: list[Status] = []
    for source in CATALOGUE.values():
        files = source.files()
        cached = all(is_cached(folder, file) for folder, file in files)
        path = cache_dir() / files[0][0] if files else None
        rows.append(Status(source.name, source.summary, source.size, source.licence, cached, path))
    return rows


def _find(name: str) -> Source:
    if name not in CATALOGUE:
        expected = ", ".join(CATALOGUE)
        hint = did_you_mean(name, list(CATALOGUE))
        raise ValueError(f"no data set is called {quoted(name)}, expected one of {expected}{hint}")
    return CATALOGUE[name]
