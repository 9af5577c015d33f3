"""Labels of all sorts in tables: which are missing, which are classes, which are neither."""

from __future__ import annotations

from typing import Any

from .entries import Entries, Right, refused

ENTRIES = Entries()


def table(labels: str, name: str = "label") -> str:
    """Return a table with these labels, between bars, beside a column of fractions."""
    lines = [f"a,{name}"]
    for i, label in enumerate(labels.split("|")):
        quoted = f'"{label}"' if "," in label or "\n" in label else label
        lines.append(f"{i * i + 0.5},{quoted}")
    return "\n".join(lines) + "\n"


def read(name: str, labels: str, counts: dict[Any, int], *log: str) -> None:
    n = len(labels.split("|"))
    ENTRIES.text(name, table(labels), Right((n, 1), counts, columns=("a",), log=log))


def stopped(name: str, labels: str, *texts: str) -> None:
    ENTRIES.text(name, table(labels), refused("data.csv", "'label'", *texts))


# ------------------------------------------------------------------------------- what a class is
read("words", "cat|dog|cat|dog", {"cat": 2, "dog": 2})
read("integers", "10|9|10|9", {9: 2, 10: 2})
read("negative_integers", "-2|3|-2|3", {-2: 2, 3: 2})
read("minus_one_and_one", "-1|1|-1|1", {-1: 2, 1: 2})
read("whole_fractions", "1.0|2.0|1.0|2.0", {1: 2, 2: 2})
read("few_fractions", "0.5|1.5|0.5|1.5", {"0.5": 2, "1.5": 2}, "each becomes a class")
read("leading_zeros", "01|02|01|02", {"01": 2, "02": 2})
read("true_and_false", "True|False|True|False", {True: 2, False: 2})
read("true_and_false_of_R", "TRUE|FALSE|TRUE|FALSE", {True: 2, False: 2})
read("true_and_missing", "true|false||true|false", {True: 2, False: 2, None: 1})
read("yes_and_no", "yes|no|yes|no", {"yes": 2, "no": 2})
read("capitals_differ", "Cat|cat|Cat|cat", {"Cat": 2, "cat": 2})
read("spaces_around", " cat|dog|cat |dog", {"cat": 2, "dog": 2})
read("dates", "2024-01-02|2024-01-03|2024-01-02|2024-01-03", {"2024-01-02": 2, "2024-01-03": 2})
read("numbers_and_words", "1|2|a|1|2|a", {"1": 2, "2": 2, "a": 2})
read("long_name", f"{'x' * 500}|y|{'x' * 500}|y", {"x" * 500: 2, "y": 2})
read("slashes", "a/b|c\\d|a/b|c\\d", {"a/b": 2, "c\\d": 2})
read("markup", "<b>|&amp;|<b>|&amp;", {"<b>": 2, "&amp;": 2})
read("with_commas", "cat, black|dog|cat, black|dog", {"cat, black": 2, "dog": 2})
read(
    "large_integers",
    "9007199254740993|9007199254740995|9007199254740993|9007199254740995",
    {9007199254740993: 2, 9007199254740995: 2},
)
read("decimal_commas", "1,5|2,5|1,5|2,5", {"1.5": 2, "2.5": 2})
read("zero_and_minus_zero", "0|-0|1|1", {0: 2, 1: 2})

# ------------------------------------------------------------------------------ missing labels
for _word in ("", "NA", "NaN", "nan", "N/A", "n/a", "NULL", "null", "None", "<NA>", "#N/A", "NaT"):
    read(
        f"missing_among_words_{_word or 'nothing'}".replace("/", "_"),
        f"cat|dog|{_word}|cat|dog",
        {"cat": 2, "dog": 2, None: 1},
        "1 of 5 rows have no label",
    )
read("missing_among_integers", "1|2||1|2|NA", {1: 2, 2: 2, None: 2}, "2 of 6 rows have no label")
read("minus_one_among_integers", "0|1|-1|0|1", {0: 2, 1: 2, None: 1}, "−1")
read("minus_one_as_fraction", "0.0|1.0|-1.0|0.0|1.0", {0: 2, 1: 2, None: 1}, "−1")
read("minus_one_and_minus_two", "-2|1|-1|-2|1|-1", {-2: 2, 1: 2, -1: 2})
read("unknown_is_a_class", "cat|unknown|cat|unknown", {"cat": 2, "unknown": 2})
read("question_mark_is_a_class", "cat|?|cat|?", {"cat": 2, "?": 2})
read("none_of_germany", "cat|keine|cat|keine", {"cat": 2, "keine": 2})
stopped("all_missing", "NA|NA|NA|NA", "all rows")
stopped("all_empty", "|||", "all rows")
stopped("all_minus_one", "-1|-1|-1|-1", "all rows")

# ---------------------------------------------------------------------------- what is no label
stopped("one_class", "cat|cat|cat|cat", "one class", "cat")
stopped("one_class_and_missing", "cat|cat|NA|", "one class", "cat")
stopped("one_class_of_two_lines", "black\ncat|black\ncat|black\ncat|black\ncat", "one class")
stopped("one_long_class", "|".join(["x" * 1000] * 4), "one class")
stopped("one_row_of_a_class", "cat|cat|dog|cat", "1 of 2 classes", "'dog'", "one example")
stopped(
    "one_row_of_many_classes",
    "|".join([*(f"c{i}" for i in range(40))] + ["big"] * 60),
    "40 of 41",
    "'c0'",
    "37 more",
)
stopped("ids", "a1|a2|a3|a4", "4 values in 4 rows", "id")
stopped("measurements", "|".join(f"{i % 25}.25" for i in range(100)), "25 different fractions")
stopped("infinity", "1|2|inf|1|2|inf", "infinity")
stopped("zero_width", "cat|dog|\u200b|cat|dog|cat", "one example")

# --------------------------------------------------------- names of columns that wvae writes
for _name in ("split", "predicted", "cluster", "row", "z_label0", "z_rest12"):
    ENTRIES.text(
        f"label_called_{_name}",
        table("cat|dog|cat|dog", _name),
        refused("data.csv", f"'{_name}'", "rename"),
        *("--label", _name),
    )
    ENTRIES.text(
        f"factor_called_{_name}",
        table("cat|dog|cat|dog").replace("a,", f"{_name},a,").replace("\n", "\np,")[:-2],
        refused("data.csv", f"'{_name}'", "rename"),
        *("--factor", _name),
    )
ENTRIES.text(
    "column_called_cluster",
    "a,cluster,label\n0.5,p,cat\n1.5,p,dog\n2.5,q,cat\n3.5,q,dog\n",
    Right((4, 1), factors={}, log=("'cluster'", "rename")),
)
ENTRIES.text(
    "labels_lost_with_their_rows",
    "a,label\nNA,cat\n1.5,\nNA,dog\n2.5,\nNA,cat\nNA,dog\n3.5,\n",
    refused("data.csv", "'label'", "all rows"),
    "--drop-missing",
)
