"""Data sources: one file each, all brought to a `Dataset`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from .record import Dataset

__all__ = ["CATALOGUE", "Dataset", "Source", "load", "open_data"]


@dataclass(frozen=True)
class Source:
    """One line of `wvae data list`; the module is imported when the data are asked for."""

    name: str
    module: str  # has load(**options) -> Dataset and, where something is downloaded, FILES
    what: str
    size: str
    licence: str
    labels: tuple[str, ...] = ()  # where there is a choice: what load takes as its option label, the usual one first

    def loader(self) -> Callable[..., Dataset]:
        """Return the function that loads this source."""
        return import_module(f"{__name__}.{self.module}").load


CATALOGUE: dict[str, Source] = {
    source.name: source
    for source in (
        Source("handwriting", "handwriting", "synthetic handwritten digits, known style", "9,700 × 28×28", "MIT"),
        Source("digits8x8", "digits8x8", "scikit-learn's small digits", "1,797 × 8×8", "CC BY 4.0"),
        Source("mnist", "mnist", "MNIST with QMNIST's writers", "70,000 × 28×28", "CC BY-SA 3.0; writers: BSD"),
        Source("emnist", "emnist", "EMNIST Digits with writers", "280,000 × 28×28", "public domain (US)"),
        Source("scenes", "scenes", "digits over photographs", "20,000 × 3×32×32", "CC0, CC BY 2.0; digits: theirs"),
        Source("fsdd", "fsdd", "spoken digits of six speakers", "3,000 × 64×64", "CC BY-SA 4.0", ("digit", "speaker")),
    )
}


def load(name: str, **options: Any) -> Dataset:
    """Load a data set by name, downloading it first where that is needed.

    Parameters
    ----------
    name
        One of `CATALOGUE`; or ``NAME/LABEL`` for another label than the usual one where there is a choice, such as
        ``fsdd/speaker``, which is then called ``fsdd-speaker``.
    options
        Passed to the source: ``handwriting`` takes ``writers``, ``images`` and ``seed``.

    Raises
    ------
    ValueError
        If there is no such data set, or it has no such label.

    Examples
    --------
    >>> load("handwriting", writers=2, images=10).x.shape
    (20, 28, 28)
    """
    name, slash, label = name.partition("/")
    if name not in CATALOGUE:
        close = get_close_matches(name, CATALOGUE, n=1)
        hint = f" – did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"no data set is called {name!r}; there are {', '.join(CATALOGUE)}{hint}")
    source = CATALOGUE[name]
    if not slash:
        return source.loader()(**options)
    if label not in source.labels:
        known = f"expected {' or '.join(source.labels)}" if source.labels else f"which has one only: write {name}"
        raise ValueError(f"{name}/{label} asks for the label {label!r} of {name}, {known}")
    return replace(source.loader()(**options, label=label), name=f"{name}-{label}")


from .readers.open import open_data  # noqa: E402 (it needs what stands above)
