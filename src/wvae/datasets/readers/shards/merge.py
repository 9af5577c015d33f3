"""One table from the tables of several files: columns by name, types cast if nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tables import arrow
from ..tables.arrow import is_encoded, is_list, is_scalar

__all__ = ["check_columns", "concatenate", "drop_index", "name_all_classes"]

PANDAS_INDEX = "__index_level_"  # columns in which pandas keeps the index of a data frame


def drop_index(names: Sequence[str]) -> list[str]:
    """Return the names of columns without those that hold an index of pandas."""
    return [name for name in names if not name.startswith(PANDAS_INDEX)]


def check_columns(schemas: Sequence[Any], wheres: Sequence[str]) -> None:
    """Raise a ValueError if files differ in the names of their columns, or in what these hold.

    Parameters
    ----------
    schemas
        The `pyarrow.Schema` of each file; the columns may stand in any order.
    wheres
        Names of the files for errors.
    """
    names = drop_index(schemas[0].names)
    for schema, where in zip(schemas, wheres, strict=True):
        present = drop_index(schema.names)
        missing = [name for name in names if name not in present]
        added = [name for name in present if name not in names]
        if missing:
            raise ValueError(
                f"{where} has no column {missing[0]!r}, but {wheres[0]} has: write all files alike"
            )
        if added:
            raise ValueError(
                f"{where} has a column {added[0]!r}, but {wheres[0]} has none: write all files "
                "alike"
            )
        for name in names:
            kind, first = schema.field(name).type, schemas[0].field(name).type
            if _role(kind) != _role(first):
                raise _different(where, name, kind, first, wheres[0])


def _role(kind: Any) -> str:
    """Return what a column holds: lists, encoded files, one value for each row, or other."""
    if is_list(kind):
        return "lists"
    if is_encoded(kind):
        return "encoded"
    return "scalar" if is_scalar(kind) else "other"


def _different(where: str, name: str, kind: Any, first: Any, first_where: str) -> ValueError:
    return ValueError(
        f"{where}: the column {name!r} holds {kind}, but {first} in {first_where}, expected types "
        "that can be joined without loss: write all files alike"
    )


def name_all_classes(table: Any, where: str, names: dict[str, list[str]]) -> Any:
    """Return a table with the names of numbered classes in place of their numbers.

    Parameters
    ----------
    table
        A `pyarrow.Table`.
    where
        Name of the file for errors.
    names
        The names of the classes, by column; see `arrow.class_names`.
    """
    for column, classes in names.items():
        j = table.schema.get_field_index(column)
        if j >= 0:
            values = arrow.name_classes(table.column(column), classes, column, where)
            table = table.set_column(j, column, values)
    return table


def concatenate(tables: Sequence[Any], wheres: Sequence[str]) -> Any:
    """Return the rows of several tables of scalars or lists, one after the other.

    Columns are matched by name. A column of whole numbers in one file and of fractions in another
    becomes fractions; categories become text.

    Parameters
    ----------
    tables
        The tables, with the same names of columns.
    wheres
        Names of the files for errors.

    Raises
    ------
    ValueError
        If types cannot be joined without loss; the message names file and column.
    """
    import pyarrow as pa

    names = tables[0].column_names
    if not names:  # pyarrow would forget the number of rows
        n_rows = sum(table.num_rows for table in tables)
        return pa.table({"none": pa.nulls(n_rows)}).select([])
    tables = [table.select(names) for table in tables]
    mixed = list[str]()
    for name in names:
        if any(table.field(name).type != tables[0].field(name).type for table in tables):
            mixed.append(name)
    plain = [_plain(table, mixed) for table in tables]
    kinds = dict[str, Any]()
    for name in names:
        kinds[name] = plain[0].schema.field(name).type
        for table, where in zip(plain, wheres, strict=True):
            kind = table.schema.field(name).type
            common = _common(kinds[name], kind)
            if common is None:
                raise _different(where, name, kind, plain[0].schema.field(name).type, wheres[0])
            kinds[name] = common
    cast = [_cast(table, kinds, where) for table, where in zip(plain, wheres, strict=True)]
    # The metadata of the first file say which column is an index of pandas.
    return pa.concat_tables(cast).replace_schema_metadata(tables[0].schema.metadata)


def _cast(table: Any, kinds: dict[str, Any], where: str) -> Any:
    """Return a table with its columns cast to other types, or raise a ValueError at a loss."""
    import pyarrow as pa

    for j, name in enumerate(table.column_names):
        column = table.column(j)
        try:
            column = column.cast(kinds[name])
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise _different(where, name, column.type, kinds[name], "other files") from error
        table = table.set_column(j, pa.field(name, kinds[name]), column)
    return table.replace_schema_metadata(None)


def _plain(table: Any, names: Sequence[str]) -> Any:
    """Return a table in which some columns of categories and views of text are text."""
    import pyarrow as pa

    for name in names:
        j = table.schema.get_field_index(name)
        column, kind = table.column(j), table.field(j).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_string_view(kind):
            kind = pa.large_string()
        if kind != column.type:
            table = table.set_column(j, name, column.cast(kind))
    return table


def _common(a: Any, b: Any) -> Any:
    """Return the type to which two types can be cast, or None."""
    import pyarrow as pa

    if a.equals(b):
        return a
    fields = [pa.schema([("x", kind)]) for kind in (a, b)]
    try:
        return pa.unify_schemas(fields, promote_options="permissive").field("x").type
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return None
