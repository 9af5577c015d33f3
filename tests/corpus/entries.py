"""One entry of the corpus: an input, the flags it needs, and what must happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Write = Callable[[Path], Path]  # writes an input into a folder and returns its path


@dataclass(frozen=True)
class Right:
    """Facts of data that are read; what is None or empty is not compared.

    Parameters
    ----------
    shape
        Shape of all examples, (n, \\*shape).
    labels
        How many rows have which label; None stands for a missing one.
    first
        The examples of the first rows.
    factors
        All factors; the values of each, or None if only the name is compared.
    split
        How many rows are in which part, if the data have a split of their own.
    columns
        Names of the numeric columns, in order.
    log
        Texts that lines of the log contain.
    silent
        Texts that no line of the log contains.
    """

    shape: tuple[int, ...]
    labels: dict[Any, int] | None = None
    first: Any = None
    factors: dict[str, Sequence[Any] | None] | None = None
    split: dict[str, int] | None = None
    columns: tuple[str, ...] | None = None
    kind: str | None = None
    log: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """Texts that the one line of the error contains."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """An input and what must happen when a model is fitted to it.

    Parameters
    ----------
    name
        A short name, unique in its kind.
    write
        Writes the input.
    expect
        What must happen.
    flags
        Further flags of the command.
    fit
        Whether the test also trains a model, and encodes the input with it.
    """

    name: str
    write: Write
    expect: Right | Refused
    flags: tuple[str, ...] = ()
    fit: bool = False


def refused(*texts: str) -> Refused:
    return Refused(texts)


@dataclass
class Entries:
    """Collects the entries of one kind."""

    all: list[Entry] = field(default_factory=list[Entry])

    def add(
        self, name: str, write: Write, expect: Right | Refused, *flags: str, fit: bool = False
    ) -> None:
        self.all.append(Entry(name, write, expect, flags, fit))

    def __call__(
        self, expect: Right | Refused, *flags: str, fit: bool = False
    ) -> Callable[[Write], Write]:
        """Return a decorator that adds a function as an entry of its own name."""

        def decorate(write: Write) -> Write:
            self.add(write.__name__.strip("_"), write, expect, *flags, fit=fit)
            return write

        return decorate

    def text(
        self,
        name: str,
        content: str | bytes,
        expect: Right | Refused,
        *flags: str,
        file: str = "data.csv",
        fit: bool = False,
    ) -> None:
        """Add a file with this content."""
        data = content.encode() if isinstance(content, str) else content
        self.add(name, lambda root: put(root / file, data), expect, *flags, fit=fit)

    def parquet(
        self, name: str, expect: Right | Refused, *flags: str, fit: bool = False, **columns: Any
    ) -> None:
        """Add a Parquet file of these columns."""

        def write(root: Path) -> Path:
            import pyarrow as pa
            from pyarrow import parquet

            parquet.write_table(pa.table(columns), root / "data.parquet")
            return root / "data.parquet"

        self.add(name, write, expect, *flags, fit=fit)


def put(path: Path, content: str | bytes) -> Path:
    """Write a file, with the folders above it, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
