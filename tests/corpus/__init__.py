"""Inputs as people have them, odd and bad ones, and what must happen to each."""

from __future__ import annotations

from . import (
    arrays,
    cells,
    depths,
    encoded,
    exports,
    folders,
    formats,
    images,
    labels,
    leftovers,
    lists,
    manifests,
    names,
    npy,
    npy_shards,
    parquet,
    saved,
    shards,
    sounds,
    splits,
    tables,
    text,
)
from .entries import Entry

MODULES = (
    *(arrays, cells, depths, encoded, exports, folders, formats, images, labels, leftovers, lists),
    *(manifests, names, npy, npy_shards, parquet, saved, shards, sounds, splits, tables, text),
)
KINDS: dict[str, list[Entry]] = {
    module.__name__.rpartition(".")[2]: module.ENTRIES.all for module in MODULES
}
