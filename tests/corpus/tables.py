"""Tables of text: headers, delimiters, quotes, rows, index columns, other formats."""

from __future__ import annotations

from .entries import Entries, Right, refused

ENTRIES = Entries()

ROWS = "0.5,1.25,cat\n1.5,2.25,dog\n2.5,3.75,cat\n3.5,4.25,dog\n"
PLAIN = f"a,b,label\n{ROWS}"
CATS_AND_DOGS = {"cat": 2, "dog": 2}
READ = Right(
    (4, 2), CATS_AND_DOGS, first=[[0.5, 1.25], [1.5, 2.25]], columns=("a", "b"), kind="table"
)
text = ENTRIES.text


def columns(*names: str, **facts: object) -> Right:
    """Return the facts of the rows above under other names of columns."""
    return Right((4, 2), CATS_AND_DOGS, READ.first, columns=names, **facts)  # type: ignore[arg-type]


# ------------------------------------------------------------------------- delimiters and lines
text("plain", PLAIN, READ)
text("no_newline_at_the_end", PLAIN.rstrip("\n"), READ)
text("windows_line_ends", PLAIN.replace("\n", "\r\n"), READ)
text("old_mac_line_ends", PLAIN.replace("\n", "\r"), READ)
text("excel_byte_order_mark", b"\xef\xbb\xbf" + PLAIN.encode(), READ)
text("excel_sep_line", "sep=;\r\n" + PLAIN.replace(",", ";"), READ)
text("excel_sep_line_in_quotes", '"sep=;"\n' + PLAIN.replace(",", ";"), READ)
text("semicolons", PLAIN.replace(",", ";"), READ)
text("tabs_in_a_csv", PLAIN.replace(",", "\t"), READ)
text("bars", PLAIN.replace(",", "|"), READ)
text("tsv", PLAIN.replace(",", "\t"), READ, file="data.tsv")
text("upper_case_suffix", PLAIN, READ, file="DATA.CSV")
text("commas_in_a_tsv", PLAIN, refused("data.tsv", "','", ".csv"), file="data.tsv")
text(
    "commas_in_the_header_of_a_tsv",
    "x, mm\ty, mm\tlabel\n" + ROWS.replace(",", "\t"),
    columns("x, mm", "y, mm"),
    file="data.tsv",
)
text("trailing_delimiters", PLAIN.replace("\n", ",\n"), columns("a", "b", log=("1 columns",)))
text("many_trailing_delimiters", PLAIN.replace("\n", ",,,\n"), READ)
text("blank_lines_between_rows", PLAIN.replace("\n", "\n\n"), READ)
text("blank_lines_above_the_header", "\n\n" + PLAIN, READ)
text("blank_lines_at_the_end", PLAIN + "\n\n\n", READ)
text("comments_above_the_header", "# logger v3\n# 2024-05-01\n" + PLAIN, READ)
text("header_behind_a_hash", "# a,b,label\n" + ROWS, READ)
text("title_above_the_header", "Results of May\n" + PLAIN, refused("data.csv", "label"))
text("spaces_after_delimiters", PLAIN.replace(",", ", "), READ)
text("quoted_by_R", PLAIN.replace(",", '","').replace("\n", '"\n"')[:-1].join(['"', ""]), READ)
text("line_break_in_a_quoted_cell", PLAIN.replace("cat", '"black\ncat"'), Right((4, 2)))
text("delimiter_in_a_quoted_cell", PLAIN.replace("cat", '"cat, black"'), Right((4, 2)))
text(
    "doubled_quotes",
    PLAIN.replace("cat", '"the ""cat"""'),
    Right((4, 2), {'the "cat"': 2, "dog": 2}),
)
text("apostrophes", PLAIN.replace("cat", "cat's"), Right((4, 2), {"cat's": 2, "dog": 2}))
text("unclosed_quote", PLAIN.replace("2.5,", '"2.5,'), refused("data.csv", "quotation mark", "row"))
text("row_too_long", PLAIN.replace("2.5,", "2.5,9,"), refused("data.csv", "row 3", "4 values", "3"))
text("row_too_short", PLAIN.replace("2.5,", ""), refused("data.csv", "row 3", "2 values", "3"))
text("cut_off_in_the_last_row", PLAIN[:-9], refused("data.csv", "row 4"))
text("total_below_the_rows", PLAIN + "8.0,,\n", refused("data.csv", "'b'", "row 5"))
text("notes_below_the_rows", PLAIN + "\nSource: lab\n", refused("data.csv", "1 values"))
text(
    "R_row_names_without_a_header",
    "a\tb\tlabel\n1\t0.5\t1.5\tcat\n2\t1.5\t2.5\tdog\n",
    refused("data.tsv", "row 1", "4 values"),
    file="data.tsv",
)

# ----------------------------------------------------------------------------- names of columns
text("spaces_around_names", " a , b ,label \n" + ROWS, columns("a", "b", log=("spaces",)))
text("label_in_capitals", PLAIN.replace("label", "LABEL"), READ)
text("long_names", f"{'a' * 300},{'b' * 300},label\n{ROWS}", columns("a" * 300, "b" * 300))
text("name_with_a_line_break", 'a,"b\n(mm)",label\n' + ROWS, columns("a", "b\n(mm)"))
text("emoji_as_name", "🐈,🐕,label\n" + ROWS, columns("🐈", "🐕"))
text("decomposed_names", "Gro\u0308ße,b,label\n" + ROWS, columns("Größe", "b"))
text("numbers_as_names", "2019,2020,label\n" + ROWS, columns("2019", "2020"))
text("same_name_twice", PLAIN.replace("b,", "a,"), refused("data.csv", "'a'", "rename"))
text("same_name_but_for_spaces", PLAIN.replace("b,", "a ,"), refused("data.csv", "'a'"))
text("name_missing", PLAIN.replace("a,b", "a,"), refused("data.csv", "column 2", "no name"))
text(
    "no_header", "0.5,1.25,1\n1.5,2.25,0\n2.5,3.5,1\n4.5,3.5,0\n", refused("data.csv", "first line")
)
text("no_header_but_words", ROWS, refused("data.csv", "first line", "cat"))
text("header_only", "a,b,label\n", refused("data.csv", "no rows"))
text("no_label", "a,b,animal\n" + ROWS, refused("data.csv", "--label", "'animal' (2 values)"))
text("label_named", "a,b,animal\n" + ROWS, READ, "--label", "animal")
text("label_misspelt", "a,b,animal\n" + ROWS, refused("'animl'", "'animal'"), "--label", "animl")
text(
    "two_usual_labels",
    "a,label,class\n" + ROWS,
    refused("data.csv", "'label'", "'class'", "--label"),
)
text(
    "sixty_columns_no_label",
    ",".join(f"measurement of quantity number {i:03d}" for i in range(60))
    + "\n"
    + ",".join(["1.5"] * 60)
    + "\n",
    refused("data.csv", "--label"),
)
text("label_of_numbers_alone", "label\n1\n2\n1\n2\n", refused("data.csv", "no numbers"))
text(
    "words_alone",
    "colour,form,label\nred,round,a\nblue,flat,b\nred,flat,a\nblue,round,b\n",
    refused("data.csv", "no numbers"),
)
text(
    "factor_misspelt",
    PLAIN,
    refused("data.csv", "'batch'", "factor", "'a', 'b', 'label'"),
    "--factor",
    "batch",
)
text(
    "factor_is_the_label",
    PLAIN,
    refused("data.csv", "'label'", "label and as factor"),
    "--factor",
    "label",
)
text("factor_twice", PLAIN, refused("data.csv", "'b'", "twice"), "--factor", "b", "--factor", "b")
text(
    "all_features_are_factors",
    PLAIN,
    refused("data.csv", "no numbers", "'a'"),
    "--factor",
    "a",
    "--factor",
    "b",
)
text(
    "factor_of_numbers",
    PLAIN,
    Right((4, 1), columns=("a",), factors={"b": [1.25, 2.25, 3.75, 4.25]}),
    "--factor",
    "b",
)
text(
    "factor_with_a_gap",
    "a,plate,label\n0.5,p,cat\n1.5,,dog\n2.5,q,cat\n3.5,q,dog\n",
    refused("data.csv", "'plate'", "row 2"),
    "--factor",
    "plate",
)
text(
    "factor_found",
    "a,plate,label\n0.5,p,cat\n1.5,p,dog\n2.5,q,cat\n3.5,q,dog\n",
    Right((4, 1), CATS_AND_DOGS, factors={"plate": list("ppqq")}, log=("'plate'"[1:-1],)),
)
text("rate_for_a_table", PLAIN, refused("data.csv", "rate"), "--rate", "8000")

# --------------------------------------------------------------------------- index, ids, pixels
NUMBERED = "{},a,b,label\n" + "".join(f"{i},{row}\n" for i, row in enumerate(ROWS.split(), 1))
INDEXED = columns("a", "b", log=("ignored",))
text("pandas_index", NUMBERED.format(""), INDEXED)
text("pandas_index_twice", NUMBERED.format("Unnamed: 0"), INDEXED)
text("R_row_names", NUMBERED.format('""'), INDEXED)
text("column_id", NUMBERED.format("id"), INDEXED)
text("column_patient_id", NUMBERED.format("patient_id"), INDEXED)
text("column_No", NUMBERED.format("No."), INDEXED)
text("japanese_number", NUMBERED.format("番号"), INDEXED)
text(
    "names_of_rows",
    ",a,b,label\n" + "".join(f"gene{i},{r}\n" for i, r in enumerate(ROWS.split())),
    INDEXED,
)
text(
    "first_name_missing", ",b,label\n" + ROWS, refused("data.csv", "first column", "no name", "0.5")
)
PIXELS = "label," + ",".join(f"pixel{i}" for i in range(16)) + "\n"
PIXELS += "".join(
    f"{i % 2}," + ",".join(str((i * i + j) % 250) for j in range(16)) + "\n" for i in range(24)
)
text(
    "kaggle_digits",
    PIXELS,
    Right(
        (24, 4, 4),
        {0: 12, 1: 12},
        kind="image",
        first=[[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]]],
    ),
    "--size",
    "4",
    fit=True,
)
text(
    "kaggle_digits_of_another_size", PIXELS, refused("data.csv", "16", "25", "size"), "--size", "5"
)
text(
    "pixels_beyond_255",
    PIXELS.replace("0,1,2,", "0,300,2,", 1),
    refused("data.csv", "300", "255"),
    "--size",
    "4",
)
text("size_zero", PIXELS, refused("size", "0", "4 to 1024"), "--size", "0")
