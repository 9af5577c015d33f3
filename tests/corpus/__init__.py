"""Inputs as people have them, odd and bad ones, and what must happen to each."""

from __future__ import annotations

from . import (
    arrays,
    cells,
    folders,
    images,
    labels,
    manifests,
    names,
    parquet,
    saved,
    shards,
    sounds,
    splits,
    tables,
    text,
)
from .entries import Entry

KINDS: dict[str, list[Entry]] = {
    module.__name__.rpartition(".")[2]: module.ENTRIES.all
    for module in (
        *(arrays, cells, folders, images, labels, manifests, names, parquet),
        *(saved, shards, sounds, splits, tables, text),
    )
}
