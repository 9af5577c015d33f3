"""`ReadOptions`: what a caller of `open_data` asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..messages import Log
from ..schema import Naming, Schema

__all__ = ["ReadOptions"]


@dataclass(frozen=True)
class ReadOptions:
    """The arguments of `open_data`; see there."""

    label: str | None
    factors: tuple[str, ...]
    size: int | tuple[int, int] | None
    rate: int | None
    log: Log
    progress: bool
    unlabelled: bool = False
    drop_missing: bool = False
    naming: Naming = field(default_factory=Naming)
    schema: Schema | None = None  # of the model for which the data are opened

    @property
    def trainable(self) -> bool:
        """Whether the labels must be suitable for training."""
        return not self.unlabelled and self.schema is None
