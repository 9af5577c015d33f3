"""Columns that split the rows, as people write them."""

from __future__ import annotations

from .entries import Entries, Right, refused

ENTRIES = Entries()


def table(split: str, name: str = "split") -> str:
    """Return a table of cats and dogs in turn, with these parts, between bars."""
    lines = [f"a,label,{name}"]
    for i, part in enumerate(split.split("|")):
        lines.append(f"{i * i + 0.5},{('cat', 'dog')[i % 2]},{part}")
    return "\n".join(lines) + "\n"


def read(name: str, split: str, train: int, test: int, *log: str, column: str = "split") -> None:
    facts = Right(
        (train + test, 1), split={"train": train, "test": test}, columns=("a",), factors={}, log=log
    )
    ENTRIES.text(name, table(split, column), facts)


def stopped(name: str, split: str, *texts: str) -> None:
    ENTRIES.text(name, table(split), refused("data.csv", *texts))


GIVEN = "split: 4 train, 2 test"
read("train_and_test", "train|train|train|train|test|test", 4, 2, GIVEN)
read("capitals", "Train|TRAIN|train|Train|Test|TEST", 4, 2, GIVEN)
read("spaces", " train|train |train|train|test |test", 4, 2, GIVEN)
read("training_and_testing", "training|training|training|training|testing|testing", 4, 2, GIVEN)
for _word in ("val", "valid", "validation", "dev", "eval"):
    read(
        f"{_word}_for_test",
        f"train|train|train|train|{_word}|{_word}",
        4,
        2,
        GIVEN,
        f"{_word} is taken as test",
    )
    read(
        f"{_word}_beside_test",
        f"train|train|{_word}|{_word}|test|test",
        4,
        2,
        GIVEN,
        f"{_word} is taken as train",
    )
ENTRIES.text(
    "all_train",
    table("train|train|train|train|train|train"),
    Right((6, 1), log=("all rows are train", "at random")),
)
ENTRIES.text(
    "all_test", table("test|test|test|test|test|test"), Right((6, 1), log=("all rows are test",))
)
stopped("empty_cells", "train|train|||test|test", "'split'", "2 of 6 rows", "row 3")
stopped("numbers", "0|0|0|0|1|1", "'split'", "'0', '1'", "train, test")
stopped("folds", "fold1|fold1|fold2|fold2|fold3|fold3", "'split'", "'fold1'")
stopped("typing_error", "train|train|tarin|train|test|test", "'split'", "'tarin'")
stopped("true_and_false", "True|True|True|True|False|False", "'split'", "train")
stopped(
    "one_row_of_a_class_in_train", "train|train|train|test|test|test", "'label'", "'dog'", "train"
)
ENTRIES.text(
    "class_in_test_only",
    "a,label,split\n1.5,a,train\n2.5,a,train\n3.5,b,train\n4.5,b,train\n7.5,c,test\n8.5,c,test\n",
    refused("data.csv", "'label'", "'c'", "test"),
)
ENTRIES.text(
    "class_in_train_only",
    "a,label,split\n1.5,a,train\n2.5,a,train\n3.5,b,train\n4.5,b,train\n7.5,a,test\n8.5,a,test\n",
    Right((6, 1), {"a": 4, "b": 2}, split={"train": 4, "test": 2}),
)
read("name_in_capitals", "train|train|train|train|test|test", 4, 2, GIVEN, column="Split")
read("column_called_set", "train|train|train|train|test|test", 4, 2, GIVEN, column="set")
read("flags_for_train", "1|1|1|1|0|0", 4, 2, GIVEN, column="is_train")
read("flags_for_test", "False|False|False|False|True|True", 4, 2, GIVEN, column="is_test")
ENTRIES.text(
    "same_rows_in_both_parts",
    "a,b,label,split\n"
    + "".join(
        f"{i}.5,{i * i}.25,{'ab'[i % 2]},{part}\n" for part in ("train", "test") for i in range(12)
    ),
    Right((24, 2), split={"train": 12, "test": 12}),
    fit=True,
)
