"""Parquet files whose rows are lists of numbers: of one length, ragged, nested, with gaps."""

from __future__ import annotations

import pyarrow as pa

from .entries import Entries, Right, refused
from .media import pixels
from .parquet import THREE, Y

ENTRIES = Entries()
table = ENTRIES.parquet

ROWS = [[0.5, 1.5, 2.5]] * 5 + [[3.5, 4.5, 5.5]]
table("lists", Right((6, 3), THREE, first=ROWS, kind="table"), x=ROWS, label=Y)
table(
    "lists_of_a_fixed_size",
    Right((6, 3), THREE),
    x=pa.array(ROWS, pa.list_(pa.float32(), 3)),
    label=Y,
)
table(
    "lists_of_lists",
    Right((6, 4, 5), THREE, kind="image"),
    image=pixels(0, (6, 4, 5)).tolist(),
    label=Y,
)
table(
    "lists_of_colours_last",
    Right((6, 3, 4, 5), THREE),
    image=pixels(0, (6, 4, 5, 3)).tolist(),
    label=Y,
)
table(
    "lists_ragged",
    refused("data.parquet", "'x'", "row 2"),
    x=[[1.5, 2.5], [3.5], *[[1.5, 2.5]] * 4],
    label=Y,
)
table(
    "lists_ragged_inside",
    refused("data.parquet", "'x'", "row 3"),
    x=[[[1, 2], [3, 4]]] * 2 + [[[1, 2], [3]]] + [[[1, 2], [3, 4]]] * 3,
    label=Y,
)
table(
    "list_missing", refused("data.parquet", "'x'", "row 4"), x=[*ROWS[:3], None, *ROWS[4:]], label=Y
)
table(
    "list_missing_dropped",
    Right((5, 3), {"cat": 3, "dog": 2}),
    "--drop-missing",
    x=[*ROWS[:3], None, *ROWS[4:]],
    label=Y,
)
table(
    "number_missing_in_a_list",
    refused("data.parquet", "'x'", "row 4"),
    x=[*ROWS[:3], [None, 1.5, 2.5], *ROWS[4:]],
    label=Y,
)
table(
    "nan_in_a_list",
    refused("data.parquet", "'x'", "row 4"),
    x=[*ROWS[:3], [float("nan"), 1.5, 2.5], *ROWS[4:]],
    label=Y,
)
table(
    "lists_empty",
    refused("data.parquet", "'x'", "empty"),
    x=pa.array([[]] * 6, pa.list_(pa.float64())),
    label=Y,
)
table(
    "two_columns_of_lists",
    refused("data.parquet", "'left', 'right'"),
    left=ROWS,
    right=ROWS,
    label=Y,
)
table(
    "lists_and_numbers", Right((6, 3), THREE), embedding=ROWS, tags=[[i] for i in range(6)], label=Y
)
NAN = [float("nan")] * 3
table(
    "all_lists_missing",
    refused("data.parquet", "'x'", "6 rows"),
    "--drop-missing",
    x=pa.array([None] * 6, pa.list_(pa.float64())),
    label=Y,
)
table(
    "nan_in_all_lists",
    refused("data.parquet", "'x'", "6 rows"),
    "--drop-missing",
    x=[NAN] * 6,
    label=Y,
)
