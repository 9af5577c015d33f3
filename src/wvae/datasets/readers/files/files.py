"""Read images or sounds by the kind of the first file, as a model wants them if there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...dataset import Dataset
from ...messages import reject
from ...schema import Naming
from ..annotations.labels import Annotations, ReadOptions
from . import images, sounds
from .depth import BYTE
from .media import MediaSource
from .sounds import holds_sounds

__all__ = ["Source", "read_files"]


class Source:
    """Files with their names, which can be read again and again.

    Parameters
    ----------
    names
        Names of the files, (n,).
    paths
        The files, (n,).
    """

    def __init__(self, names: Sequence[str], paths: Sequence[Path]) -> None:
        self.names, self.paths = names, paths

    def __call__(self) -> Iterator[tuple[str, Path]]:
        """Yield the name and the path of each file."""
        return zip(self.names, self.paths, strict=True)


def read_files(
    source: MediaSource,
    annotations: Annotations,
    path: Path,
    options: ReadOptions,
    naming: Naming,
) -> Dataset:
    """Read images or sounds; the first file decides."""
    n, where = len(annotations.y), str(path)
    log, progress, schema = options.log, options.progress, options.schema
    kind = "audio" if holds_sounds(source) else "image"
    if schema is not None and schema.kind != kind:
        held = {"audio": "sounds", "image": "images"}[kind]
        raise ValueError(f"{path} holds {held}, expected {schema.kind} data, as the model reads")
    if kind == "audio":
        reject(f"{path} holds sounds", size=options.size)
        settings = _sound_settings(options, path)
        x, readable, rate = sounds.read_sounds(
            source, n, where, log=log, progress=progress, **settings
        )
        mels, frames = x.shape[1:]
        data = annotations.subset(readable, where).dataset(
            x, "audio", path, rate=rate, mels=mels, frames=frames, naming=naming
        )
    else:
        reject(f"{path} holds images", rate=options.rate)
        shape, white = (schema.shape, schema.white or BYTE) if schema else (None, None)
        read = images.read_images(
            source,
            n,
            where,
            size=options.size,
            log=log,
            progress=progress,
            shape=shape,
            white=white,
        )
        readable = read.readable
        data = annotations.subset(readable, where).dataset(
            read.x, "image", path, white=read.white, naming=naming
        )
    if not isinstance(source, Source):  # bytes in a table have no file name
        return data
    return replace(data, files=np.array(source.names, dtype=np.str_)[readable])


def _sound_settings(options: ReadOptions, path: Path) -> dict[str, Any]:
    """Return the rate, and a model's bands and frames, of spectrograms."""
    schema, rate = options.schema, options.rate
    if schema is None:
        return {"rate": rate}
    if rate is not None and schema.rate is not None and rate != schema.rate:
        raise ValueError(
            f"{path}: rate is {rate:,}, but the model reads sounds of {schema.rate:,} samples per "
            "second: leave it out"
        )
    if schema.rate is None and rate is None:
        raise ValueError(
            f"{path} holds sounds, but the model was fitted to arrays and has no record of their "
            "sample rate: fit it to the data set itself, WVAE(...).fit(open_data(...)), or give "
            "arrays (in Python also open_data(..., rate=HZ))"
        )
    settings = {"mels": schema.mels, "frames": schema.frames}
    given = {name: value for name, value in settings.items() if value is not None}
    return {"rate": schema.rate or rate, **given}
