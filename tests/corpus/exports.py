"""Tables as programs export them: spreadsheets, instruments, annotation tools, competitions."""

from __future__ import annotations

import numpy as np

from .entries import Entries, Right, refused

ENTRIES = Entries()
text = ENTRIES.text
ROWS = "0.5,1.25,cat\n1.5,2.25,dog\n2.5,3.75,cat\n3.5,4.25,dog\n"
PLAIN = f"a,b,label\n{ROWS}"
TWO = {"cat": 2, "dog": 2}

text("two_exports_joined", PLAIN + PLAIN, refused("data.csv", "'a'", "row 5"))
text(
    "label_in_merged_cells",
    "a,label\n0.5,cat\n1.5,\n2.5,dog\n3.5,\n5.5,cat\n7.5,dog\n",
    Right((6, 1), {"cat": 2, "dog": 2, None: 2}, log=("2 of 6 rows have no label",)),
)
text(
    "sums_in_the_last_column",
    "a,b,sum,label\n0.5,1.25,=A2+B2,cat\n1.5,2.25,=A3+B3,dog\n"
    "2.5,3.5,=A4+B4,cat\n3.5,4.5,=A5+B5,dog\n",
    Right((4, 2), TWO, columns=("a", "b"), log=("'sum'",)),
)
text(
    "units_below_the_names",
    "a,b,label\nmm,kg,\n" + ROWS * 3,
    refused("data.csv", "'a'", "row 1", "'mm'"),
)
text("two_lines_of_names", "size,,label\na,b,\n" + ROWS, refused("data.csv", "column 2", "no name"))
text(
    "transposed",
    "name,s1,s2,s3,s4\na,0.5,1.5,2.5,3.5\nb,1.25,2.25,3.25,4.25\nlabel,cat,dog,cat,dog\n",
    refused("data.csv", "--label"),
)
text(
    "arff_of_weka",
    "@relation cats\n@attribute a numeric\n@attribute label {x,y}\n@data\n1.5,x\n2.5,y\n",
    refused("data.csv", "row"),
)
text(
    "svm_light",
    "1 1:0.5 2:1.5\n-1 1:2.5 2:0.25\n1 1:3.5 2:1.25\n-1 1:1.5 2:0.5\n",
    refused("data.csv", "label"),
)
text("yaml", "a: 1\nlabel: cat\n", refused("data.csv"))
text("xml_of_excel", '<?xml version="1.0"?>\n<Workbook></Workbook>\n', refused("data.csv", "XML"))
text("latex_table", "a & b & label \\\\\n1.5 & 2.5 & cat \\\\\n", refused("data.csv", "label"))
text(
    "markdown_table",
    "| a | b | label |\n|---|---|---|\n| 0.5 | 1.25 | cat |\n| 1.5 | 2.25 | dog |\n",
    refused("data.csv"),
)
text(
    "fixed_width",
    "a     b     label\n0.5   1.25  cat\n1.5   2.25  dog\n",
    refused("data.csv", "label"),
)
text("one_row", "a,label\n1.5,cat\n", refused("data.csv", "'label'", "one class"))
text("two_rows", "a,label\n1.5,cat\n2.5,dog\n", refused("data.csv", "'label'"))
text("three_rows", "a,label\n1.5,cat\n2.5,dog\n3.5,cat\n", refused("data.csv", "'label'"))
text(
    "ids_and_labels_alone",
    "id,label\n1,cat\n2,dog\n3,cat\n4,dog\n",
    refused("data.csv", "no numbers"),
)
text(
    "faces_of_kaggle",
    "emotion,pixels,Usage\n0,70 80 82,Training\n1,151 150 147,Training\n"
    "0,231 212 156,PublicTest\n1,24 32 36,PublicTest\n",
    refused("data.csv", "--label", "'emotion' (2 values)"),
)
text(
    "faces_with_their_label",
    "label,pixels\n0,70 80 82\n1,151 150 147\n0,231 212 156\n1,24 32 36\n",
    refused("data.csv", "'pixels'"),
)
text(
    "embeddings_of_pandas",
    'embedding,label\n"[0.5, 1.5]",cat\n"[2.5, 1.0]",dog\n"[0.1, 3.5]",cat\n"[0.2, 4.5]",dog\n',
    refused("data.csv", "no numbers"),
)
text(
    "boxes",
    "filename,xmin,ymin,class\na.png,1,2,cat\na.png,5,9,dog\nb.png,3,4,cat\nb.png,7,8,dog\n",
    refused("data.csv", "'filename'", "'a.png'", "row 1"),
)
text(
    "answers_on_a_scale",
    "q1,q2,group\n5,1,cat\n4,2,dog\n5,1,cat\n3,2,dog\n",
    Right((4, 2), TWO, columns=("q1", "q2")),
    "--label",
    "group",
)
text(
    "answers_in_words",
    "q1,age,group\nagree,31.5,cat\ndisagree,28,dog\nagree,45,cat\ndisagree,33,dog\n",
    Right((4, 1), TWO, columns=("age",), factors={"q1": None}),
    "--label",
    "group",
)
text(
    "labels_of_spss",
    "a,label\n0.5,1.00\n1.5,2.00\n2.5,1.00\n3.5,2.00\n",
    Right((4, 1), {1: 2, 2: 2}),
)
text(
    "missing_999",
    "a,label\n0.5,cat\n-999,dog\n2.5,cat\n3.5,dog\n",
    Right((4, 1), TWO, first=[[0.5], [-999]]),
)
text(
    "plate_reader",
    "Well,OD600,OD700,label\nA1,0.51,0.61,cat\nA2,0.52,0.62,dog\nB1,0.53,0.63,cat\nB2,0.54,0.64,dog\n",
    Right((4, 2), TWO, columns=("OD600", "OD700")),
)
text(
    "accelerometer",
    "timestamp,x,y,z,activity\n"
    + "".join(
        f"{1700000000000 + 20 * i},{i % 3}.5,{i % 5}.25,{i % 7}.125,{('walk', 'sit')[i // 6]}\n"
        for i in range(12)
    ),
    Right((12, 4), {"walk": 6, "sit": 6}),
    "--label",
    "activity",
)
text(
    "accelerometer_without_its_label",
    "x,y,z,activity\n" + "".join(f"{i}.5,{i % 3},{i}.25,{'ab'[i % 2]}\n" for i in range(12)),
    refused("data.csv", "--label", "'y' (3 values)", "'activity' (2 values)"),
)
text("x_and_y_alone", "x,y\n0.5,1\n1.5,2\n2.5,1\n3.5,2\n", Right((4, 1), {1: 2, 2: 2}))
text(
    "quotes_with_backslashes",
    'a,label\n0.5,cat\n1.5,"the \\"dog\\""\n2.5,cat\n3.5,"the \\"dog\\""\n',
    refused("data.csv", "row 2", "quotation mark"),
)
text(
    "folders_of_windows_in_quotes",
    'a,label\n0.5,"C:\\cats\\"\n1.5,"C:\\dogs\\"\n2.5,"C:\\cats\\"\n3.5,"C:\\dogs\\"\n',
    Right((4, 1), {"C:\\cats\\": 2, "C:\\dogs\\": 2}),
)
text(
    "colours_in_planes",
    "label,"
    + ",".join(f"p{i}" for i in range(48))
    + "\n"
    + "".join(
        f"{i % 2}," + ",".join(str((i * 7 + j) % 256) for j in range(48)) + "\n" for i in range(6)
    ),
    Right((6, 3, 4, 4), first=[np.arange(48).reshape(3, 4, 4)], log=("red first",)),
    *("--size", "4"),
)
text(
    "writer_as_a_number",
    "a,writer,label\n0.5,1,cat\n1.5,1,dog\n2.5,2,cat\n3.5,2,dog\n",
    Right((4, 2), TWO, columns=("a", "writer"), log=("2 numeric columns: 'a', 'writer'",)),
)
text(
    "semicolons_in_one_line_missing",
    PLAIN.replace(",", ";").replace("1.5;2.25;dog", "1.5;2.25,dog"),
    refused("data.csv", "row 2", "2 values"),
)
text(
    "tab_between_name_and_number",
    PLAIN.replace(",", "\t").replace("1.5\t", "1.5 "),
    refused("data.csv", "row 2"),
)
text(
    "comma_at_one_line_end",
    PLAIN.replace("2.25,dog\n", "2.25,dog,\n"),
    refused("data.csv", "row 2", "4 values"),
)
text(
    "number_signs_in_the_rows",
    PLAIN.replace("1.5,", "# 1.5,"),
    refused("data.csv", "'a'", "row 2", "'# 1.5'"),
)
text(
    "bell_character_in_a_label",
    PLAIN.replace("cat", "c\x07at"),
    Right((4, 2), {"c\x07at": 2, "dog": 2}),
)
text("very_long_row", PLAIN + "9" * 100_000 + ",1.5,cat\n", refused("data.csv", "'a'"))
text(
    "thousand_columns",
    ",".join(f"c{i}" for i in range(1000))
    + ",label\n"
    + "".join(
        ",".join(f"{(i * j) % 17}.5" for j in range(1000)) + f",{'ab'[i % 2]}\n" for i in range(4)
    ),
    Right((4, 1000)),
)
