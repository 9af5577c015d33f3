"""Parquet files: types of columns, pandas, classes, damage."""

from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .entries import Entries, Right, put, refused

ENTRIES = Entries()
table = ENTRIES.parquet
A = [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
B = [1.25, 9.25, 3.75, 2.25, 8.25, 4.25]
Y = ["cat", "dog"] * 3
THREE = {"cat": 3, "dog": 3}
READ = Right((6, 2), THREE, first=np.c_[A, B][:3], columns=("a", "b"), kind="table")
ONE = Right((6, 1), THREE, columns=("a",))


def write(root: Path, table: Any, name: str = "data.parquet", **options: Any) -> Path:
    pq.write_table(table, root / name, **options)
    return root / name


def beside(name: str, expect: Any, values: Any, *flags: str) -> None:
    """Add a file of a column `value` beside a plain one."""
    table(name, expect, *flags, a=A, value=values, label=Y)


def numbers(values: Any) -> Right:
    return Right((6, 2), THREE, first=np.c_[A, values], columns=("a", "value"))


# ---------------------------------------------------------------------------- types of numbers
WHOLE = [3, 1, 4, 1, 5, 9]
table("plain", READ, a=A, b=B, label=Y, fit=True)
for _kind in ("int8", "uint8", "int32", "uint64", "float32", "float64", "float16"):
    values = np.array(WHOLE, _kind)
    beside(_kind, numbers(WHOLE), pa.array(values))
beside("decimals", numbers(A), pa.array([decimal.Decimal(str(value)) for value in A]))
beside("booleans", numbers([1, 0, 1, 1, 0, 0]), [True, False, True, True, False, False])
beside("integers_with_a_gap", refused("data.parquet", "'value'", "row 2"), [3, None, 4, 1, 5, 9])
beside(
    "integers_with_a_gap_dropped",
    Right((5, 2), {"cat": 3, "dog": 2}),
    [3, None, 4, 1, 5, 9],
    "--drop-missing",
)
beside(
    "nan_in_a_column", refused("data.parquet", "'value'", "row 6"), [3, 1, 4, 1, 5, float("nan")]
)
beside(
    "infinity_in_a_column",
    refused("data.parquet", "'value'", "row 1"),
    [float("inf"), 1, 4, 1, 5, 9.0],
)
beside(
    "integers_that_become_equal",
    refused("data.parquet", "'value'", "2^53"),
    [2**53, 2**53 + 1, 1, 2, 3, 7],
)
beside(
    "column_of_nulls", Right((6, 1), THREE, columns=("a",), log=("empty: 'value'",)), pa.nulls(6)
)
beside(
    "numbers_as_text",
    refused("data.parquet", "'value'", "'NA'", "row 2"),
    ["1.5", "NA", "2.5", "3.5", "4.5", "5.5"],
)
beside("fractions_as_text", numbers(B), [str(value) for value in B])

# --------------------------------------------------------------------- columns that are no numbers
DAY = datetime.date(2024, 5, 1)
beside("dates", ONE, [DAY + datetime.timedelta(days=i) for i in range(6)])
beside(
    "moments",
    ONE,
    pa.array(
        [datetime.datetime(2024, 5, 1, i) for i in range(6)], pa.timestamp("us", "Asia/Tokyo")
    ),
)
beside("durations", ONE, pa.array([datetime.timedelta(hours=i) for i in range(6)]))
beside(
    "categories_of_words",
    Right((6, 1), THREE, factors={"value": list("uvwuvw")}),
    pa.array(list("uvwuvw")).dictionary_encode(),
)
beside(
    "large_text",
    Right((6, 1), THREE, factors={"value": list("uuvvww")}),
    pa.array(list("uuvvww"), pa.large_string()),
)
beside("text_views", Right((6, 1), THREE), pa.array(list("uuvvww"), pa.string_view()))
beside("structs", ONE, pa.array([{"u": 1, "v": 2}] * 6))
beside("maps", ONE, pa.array([[("u", 1)]] * 6, pa.map_(pa.string(), pa.int64())))
beside("lists_of_words", ONE, pa.array([["u", "v"]] * 6))


# --------------------------------------------------------------------------------------- pandas
@ENTRIES(READ)
def pandas_index_shuffled(root: Path) -> Path:
    import pandas as pd

    frame = pd.DataFrame({"a": A, "b": B, "label": Y}, index=[5, 3, 0, 1, 4, 2])
    frame.to_parquet(root / "data.parquet")
    return root / "data.parquet"


@ENTRIES(Right((6, 2), THREE, columns=("a", "b")))
def pandas_index_with_a_name(root: Path) -> Path:
    import pandas as pd

    frame = pd.DataFrame(
        {"a": A, "b": B, "label": Y}, index=pd.Index([50, 31, 7, 16, 4, 2], name="row")
    )
    frame.to_parquet(root / "data.parquet")
    return root / "data.parquet"


@ENTRIES(Right((6, 1), THREE, factors={"plate": [1, 2, 2] * 2}, columns=("a",)))
def pandas_categories_of_numbers(root: Path) -> Path:
    import pandas as pd

    frame = pd.DataFrame({"a": A, "plate": pd.Categorical([1, 2, 2] * 2), "label": Y})
    frame.to_parquet(root / "data.parquet")
    return root / "data.parquet"


@ENTRIES(Right((6, 1), {"cat": 3, "dog": 2, None: 1}, columns=("a",)))
def pandas_nullable_types(root: Path) -> Path:
    import pandas as pd

    label = pd.array(["cat", "dog", "cat", "dog", "cat", None], "string")
    pd.DataFrame({"a": pd.array(A, "Float64"), "label": label}).to_parquet(root / "data.parquet")
    return root / "data.parquet"


# --------------------------------------------------------------------------------------- labels
def hub(features: dict[str, Any], **columns: Any) -> Any:
    """Return a table with the metadata of the package `datasets`."""
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.table(columns).replace_schema_metadata(about)


ANIMALS = {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
for _name, _labels, _expect in (
    ("class_label", [0, 1] * 3, READ),
    ("class_label_minus_one", [-1, 0, 1, 0, 1, 1], Right((6, 2), {"cat": 2, "dog": 3, None: 1})),
    ("class_label_null", [None, 0, 1, 0, 1, 1], Right((6, 2), {"cat": 2, "dog": 3, None: 1})),
    (
        "class_label_out_of_range",
        [0, 1, 0, 1, 0, 2],
        refused("data.parquet", "row 6", "'label'", "2"),
    ),
):
    ENTRIES.add(
        _name, lambda root, y=_labels: write(root, hub(ANIMALS, a=A, b=B, label=y)), _expect
    )
table(
    "label_of_bytes",
    READ,
    a=A,
    b=B,
    label=[y.encode() for y in Y],
)
table(
    "label_of_lists", refused("data.parquet", "'label'", "list<"), a=A, b=B, label=[[y] for y in Y]
)
table("label_of_nulls", refused("data.parquet", "'label'", "all rows"), a=A, b=B, label=pa.nulls(6))
table(
    "label_of_dates",
    Right((6, 2), {"2024-05-01": 3, "2024-05-02": 3}),
    a=A,
    b=B,
    label=[DAY, DAY + datetime.timedelta(days=1)] * 3,
)
table("label_of_booleans", Right((6, 2), {True: 3, False: 3}), a=A, b=B, label=[True, False] * 3)
table("no_label", refused("data.parquet", "--label", "'animal'"), a=A, b=B, animal=Y)

# --------------------------------------------------------------------------------------- damage
ENTRIES.add(
    "csv_called_parquet",
    lambda root: put(root / "data.parquet", "a,label\n1,x\n"),
    refused("data.parquet", "no Parquet", "suffix"),
)
ENTRIES.add(
    "empty_file", lambda root: put(root / "data.parquet", b""), refused("data.parquet", "0 bytes")
)
ENTRIES.add(
    "web_page",
    lambda root: put(root / "data.parquet", "<html></html>"),
    refused("data.parquet", "HTML"),
)
ENTRIES.add(
    "lfs_pointer",
    lambda root: put(root / "data.parquet", "version https://git-lfs.github.com/spec/v1\n"),
    refused("data.parquet", "git lfs pull"),
)
ENTRIES.add(
    "no_rows",
    lambda root: write(
        root, pa.table({"a": pa.array([], pa.float64()), "label": pa.array([], pa.string())})
    ),
    refused("data.parquet", "no rows"),
)
ENTRIES.add("no_columns", lambda root: write(root, pa.table({})), refused("data.parquet"))
ENTRIES.add(
    "same_name_twice",
    lambda root: write(root, pa.table([A, B, Y], ["a", "a", "label"])),
    refused("data.parquet", "'a'"),
)
ENTRIES.add(
    "suffix_pq", lambda root: write(root, pa.table({"a": A, "b": B, "label": Y}), "data.pq"), READ
)
ENTRIES.add(
    "row_groups_of_one",
    lambda root: write(root, pa.table({"a": A, "b": B, "label": Y}), row_group_size=1),
    READ,
)
ENTRIES.add(
    "brotli",
    lambda root: write(root, pa.table({"a": A, "b": B, "label": Y}), compression="brotli"),
    READ,
)


def _content(root: Path) -> bytearray:
    return bytearray(write(root, pa.table({"a": A, "b": B, "label": Y})).read_bytes())


@ENTRIES(refused("data.parquet", "cut off", "download it again"))
def download_cut_off(root: Path) -> Path:
    return put(root / "data.parquet", bytes(_content(root)[:-200]))


@ENTRIES(refused("data.parquet", "Parquet"))
def footer_overwritten(root: Path) -> Path:
    content = _content(root)
    content[-60:-20] = b"\xff" * 40
    return put(root / "data.parquet", bytes(content))


@ENTRIES(refused("data.parquet", "Parquet"))
def pages_overwritten(root: Path) -> Path:
    content = _content(root)
    content[4:120] = b"\x00" * 116
    return put(root / "data.parquet", bytes(content))


@ENTRIES(READ)
def spark_folder_called_parquet(root: Path) -> Path:
    (root / "data.parquet").mkdir()
    write(
        root / "data.parquet", pa.table({"a": A, "b": B, "label": Y}), "part-00000.snappy.parquet"
    )
    put(root / "data.parquet" / "_SUCCESS", b"")
    put(root / "data.parquet" / ".part-00000.snappy.parquet.crc", b"crc")
    return root / "data.parquet"


table(
    "label_of_long_numbers_with_a_gap",
    Right((6, 2), {"9007199254740993": 3, "9007199254740995": 2, None: 1}),
    a=A,
    b=B,
    label=[2**53 + 1, 2**53 + 3] * 2 + [2**53 + 1, None],
)
beside("uuids", ONE, pa.array([bytes([i] * 16) for i in range(6)], pa.uuid()))
for _key, _value in (("huggingface", "{}"), ("pandas", "[]"), ("geo", "{")):
    ENTRIES.add(
        f"metadata_of_another_program_{_key}",
        lambda root, about={_key: _value}: write(
            root, pa.table({"a": A, "b": B, "label": Y}).replace_schema_metadata(about)
        ),
        READ,
    )
ENTRIES.add(
    "class_names_damaged",
    lambda root: write(
        root, hub({"label": {"_type": "ClassLabel", "names": 5}}, a=A, b=B, label=[0, 1] * 3)
    ),
    refused("data.parquet", "classes", "'label'"),
)
