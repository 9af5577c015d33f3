"""Cells of tables: how people and programs write numbers, and what they write if there is none."""

from __future__ import annotations

from .entries import Entries, Right, refused

ENTRIES = Entries()


def _table(cells: list[str], delimiter: str = ",") -> str:
    """Return a table with the cells in the column `value`, beside a plain column."""
    lines = [delimiter.join(["plain", "value", "label"])]
    for i, cell in enumerate(cells):
        quoted = f'"{cell}"' if delimiter in cell else cell
        plain = f"{0.5 + i * i}"
        lines.append(delimiter.join([plain, quoted, "ab"[i % 2]]))
    return "\n".join(lines) + "\n"


def read(name: str, cells: str, numbers: list[float], *log: str, delimiter: str = ",") -> None:
    """Add a column whose cells, between bars, are these numbers."""
    words = cells.split("|")
    first = [[0.5 + i * i, number] for i, number in enumerate(numbers)]
    facts = Right((len(words), 2), first=first, columns=("plain", "value"), log=log)
    ENTRIES.text(name, _table(words, delimiter), facts)


def left_out(name: str, cells: str, *log: str) -> None:
    """Add a column whose cells, between bars, are no numbers; the other column is read."""
    words = cells.split("|")
    facts = Right((len(words), 1), columns=("plain",), log=log)
    ENTRIES.text(name, _table(words), facts)


def stopped(name: str, cells: str, *texts: str) -> None:
    """Add a column that cannot be used."""
    ENTRIES.text(name, _table(cells.split("|")), refused("data.csv", "'value'", *texts))


def dropped(name: str, cells: str, rows: int, *log: str) -> None:
    """Add a column of which some cells are missing, with the flag that leaves these rows out."""
    facts = Right((rows, 2), columns=("plain", "value"), log=log)
    ENTRIES.text(name, _table(cells.split("|")), facts, "--drop-missing")


# ------------------------------------------------------------------------ ways to write numbers
read("integers", "3|1|4|1", [3, 1, 4, 1])
read("fractions", ".5|1.|-2.25|+3.5", [0.5, 1, -2.25, 3.5])
read("exponents", "1.5E+03|2e-1|-3E0|4.0e2", [1500, 0.2, -3, 400])
read("decimal_commas", "1,5|2,25|-3,5|4,75", [1.5, 2.25, -3.5, 4.75], "decimal commas")
read(
    "decimal_commas_and_semicolons",
    "1,5|2,25|-3,5|4,75",
    [1.5, 2.25, -3.5, 4.75],
    "decimal commas",
    delimiter=";",
)
read("german_thousands", "1.234,5|2.345,25|10|999,5", [1234.5, 2345.25, 10, 999.5], delimiter=";")
read("english_thousands", "1,234.5|2,345.25|10|999.5", [1234.5, 2345.25, 10, 999.5])
read("french_thousands", "1 234,5|2\u202f345,25|10|999,5", [1234.5, 2345.25, 10, 999.5])
read("swiss_thousands", "1'234.5|2’345.25|10|999.5", [1234.5, 2345.25, 10, 999.5])
read("percent", "12.5%|50%|0%|100%", [12.5, 50, 0, 100], "'%'")
read("dollars", "$3.50|$1,200.00|-$5.25|$0", [3.5, 1200, -5.25, 0], "'$'")
read("euros", "3,50 €|1.200,00 €|5,25 €|0 €", [3.5, 1200, 5.25, 0], "'€'")
read("unicode_minus", "−1.5|2.5|−3.5|4.5", [-1.5, 2.5, -3.5, 4.5])
read("full_width_digits", "１．５|２．５|３．５|４．５", [1.5, 2.5, 3.5, 4.5])
read("spaces_inside_cells", " 1.5| 2.5 |3.5 |\u00a04.5", [1.5, 2.5, 3.5, 4.5])
read("true_and_false", "True|False|True|False", [1, 0, 1, 0])
read(
    "unix_seconds",
    "1700000000.25|1700000001.5|1700000002.75|1700000009",
    [1700000000.25, 1700000001.5],
)
read("eighteen_digits", "0.123456789012345678|0.2|0.3|0.4", [0.123456789012345678])
read("constant", "7|7|7|7", [7, 7, 7, 7])
read("quoted_numbers", '"1.5"|"2.5"|"3.5"|"4.5"', [1.5, 2.5, 3.5, 4.5])
read("negative_zero", "-0.0|0.0|1.0|-0", [0, 0, 1, 0])

# --------------------------------------------------------------------------- columns of no numbers
left_out("codes_with_leading_zeros", "007|010|011|007", "'007'", "row 1")
left_out("lengths_with_units", "12 cm|13 cm|12 cm|13 cm", "'12 cm'")
left_out("hexadecimal", "0x1f|0x20|0x1f|0x20", "'0x1f'")
left_out("dates", "2024-01-02|2024-01-03|2024-01-02|2024-01-03", "value")
left_out("times", "12:30|12:45|12:30|12:45", "value")
left_out("ranges", "10-20|20-30|10-20|20-30", "value")
left_out("telephone_numbers", "+49 171 1234567|0049 172 12|+49 171 1234567|0049 172 12", "value")
left_out("half_of_them_words", "1.5|x|2.5|y|3.5|z|4.5|w", "'value'", "50%")
left_out("empty_column", "|||", "'value'", "empty")
left_out("column_of_na", "NA|NA|NA|NA", "'value'", "empty")

# ----------------------------------------------------------------- missing numbers, and wrong ones
TEN = "1.5|2.5|3.5|4.5|5.5|6.5|7.5|8.5|9.5|10.5|11.5"
for _name, _word in (
    ("nothing", ""),
    ("na_of_R", "NA"),
    ("nan_of_pandas", "NaN"),
    ("excel_not_available", "#N/A"),
    ("null_of_sql", "NULL"),
    ("none_of_python", "None"),
    ("pandas_na", "<NA>"),
    ("question_mark_of_uci", "?"),
    ("dot_of_sas", "."),
    ("null_of_spss", "#NULL!"),
    ("excel_division", "#DIV/0!"),
    ("excel_value", "#VALUE!"),
    ("dash", "-"),
    ("long_dash", "–"),
    ("below_limit", "<0.5"),
    ("above_limit", ">100"),
    ("tilde", "~5"),
    ("trace", "trace"),
    ("nd", "n.d."),
    ("typing_error", "3.5x"),
    ("two_points", "1.2.3"),
    ("letter_o", "1O.5"),
    ("in_brackets", "(1.50)"),
    ("plus_minus", "1.5±0.2"),
    ("clock", "12:30"),
    ("overflow_of_a_logger", "OVL"),
    ("sensor_fault", "ERR"),
    ("hashes_of_excel", "######"),
):
    stopped(
        f"{_name}_among_numbers",
        f"{TEN}|{_word}",
        "row 12",
        repr(_word) if _word else "nothing",
        "--drop-missing",
    )
dropped("drop_na", f"{TEN}|NA", 11, "'NA' in 1 row (row 12)", "left out: 1 of 12 rows")
dropped("drop_question_marks", f"?|{TEN}|?", 11, "'?' in 2 rows (first in row 1)")
dropped("drop_nothing", TEN, 11)
ENTRIES.text(
    "drop_all",
    "plain,value,label\n,1.5,a\n0.5,NA,b\n,2.5,a\n1.5,,b\n",
    refused("data.csv", "4 rows"),
    "--drop-missing",
)
stopped("infinity", "1.5|inf|2.5|3.5", "row 2", "infinity")
stopped("minus_infinity_of_R", "1.5|2.5|-Inf|3.5", "row 3", "infinity")
stopped("too_large", "1.5|2.5|1e200|3.5", "row 3", "1e+150")
stopped("overflowing", "1.5|2.5|1e999|3.5", "row 3")
stopped("points_and_commas", "1.5|2,5|3.5|4,5", "'1.5'", "'2,5'")
stopped("thousand_or_fraction", "1,234|2,345|3,456|4,567", "'1,234'", "1.234", "1234")
stopped("long_ids", "9007199254740993|9007199254740992|9007199254740995|3", "2^53", "row 1")
stopped("twenty_digits", "12345678901234567890123|2|3|12345678901234567890124", "digits")
ENTRIES.text(
    "dots_beside_decimal_commas",
    "plain;value;label\n0,5;1.234;a\n1,5;2.345;b\n2,5;3.456;a\n3,25;4.567;b\n",
    refused("data.csv", "'value'", "'1.234'"),
)
