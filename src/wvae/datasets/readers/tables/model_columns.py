"""The columns of a model in another table: chosen by name, in the model's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ....validation.quoting import quoted
from ...messages import Log, did_you_mean, preview
from ...schema import Schema
from .casts import missing_words
from .cells import Cells, read_cells
from .names import clean_name
from .tables import Table

__all__ = ["ModelColumns", "columns_of_model"]


@dataclass(frozen=True)
class ModelColumns:
    """A table with the columns of a model.

    Parameters
    ----------
    table
        The table; its `Table.numbers` exist for all columns of the model.
    columns
        Names of the columns in the model's order.
    ignored
        Columns that were no data when the model was fitted, with the reason.
    used
        All columns that cannot be factors.
    """

    table: Table
    columns: list[str]
    ignored: dict[str, str]
    used: list[str]


def columns_of_model(
    table: Table, reserved: Sequence[str], schema: Schema, log: Log
) -> ModelColumns:
    """Return a table whose columns are chosen by the schema of a model.

    Parameters
    ----------
    table
        The table of new data. Its columns may stand in any order.
    reserved
        Columns that are not features: the label, the split, factors.
    schema
        The schema of the model, with `Schema.columns`.
    log
        Called with one line on numeric columns that the model does not know; they are left out.

    Raises
    ------
    ValueError
        If a column of the model is missing, or holds words.
    """
    columns = [clean_name(name) for name in schema.columns or ()]
    present = table.columns.column_names
    known = {clean_name(name) for name in (*schema.ignored, *schema.factors, schema.label)}
    known |= {*columns, *reserved}
    features = dict.fromkeys(table.features)  # once: a table may have thousands of columns
    unknown = [name for name in features if name not in known]
    missing = [name for name in columns if name not in present]
    if missing:
        others = f", although it has {preview(unknown)}" if unknown else ""
        hint = did_you_mean(missing[0], [name for name in present if name not in columns])
        raise ValueError(
            f"{table.path} lacks {len(missing):,} of the {len(columns):,} columns that the model "
            f"was fitted to: {preview(missing)}{others}{hint}: add or rename them"
        )
    cells = dict(table.cells)
    for name in columns:
        if name not in features:
            cells[name] = _numbers_of(table, name)
    if unknown:
        described = [quoted(name) if name else "a column without a name" for name in unknown]
        shown = preview(described, 5, quote=False)
        log(f"left out, as the model does not know them: {shown}")
    ignored = [clean_name(name) for name in schema.ignored if clean_name(name) in present]
    reasons = dict.fromkeys(ignored, "when the model was fitted")
    table = replace(table, cells=cells)
    return ModelColumns(table, columns, reasons, [*columns, *ignored, *unknown])


def _numbers_of(table: Table, name: str) -> Cells:
    """Return a column that is not numeric here as numbers, or raise a ValueError."""
    n = len(table)
    where = f"{table.path}: the column {name!r}"
    expected = "the model was fitted to numbers in it"
    if name in table.empty:
        return Cells(np.full(n, np.nan), {"": (n, 0)})
    if name in table.categories:
        return Cells(table.column(name).astype(np.float64))
    if name not in table.words:
        kind = "names of classes" if name in table.class_names else table.columns.field(name).type
        raise ValueError(f"{where} holds {kind}, but {expected}: write numbers")
    cells = read_cells(table.columns.column(name))
    if cells is not None:
        return cells
    values = table.column(name).tolist()
    row = next(i for i, word in enumerate(values) if word not in missing_words())
    for i, word in enumerate(values):
        if word not in missing_words() and not word.lstrip("+-").replace(".", "", 1).isdigit():
            row = i
            break
    raise ValueError(
        f"{where} holds words, first {values[row][:40]!r} in row {row + 1:,}, but {expected}: "
        "write numbers"
    )
