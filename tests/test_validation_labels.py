"""Labels from Python: of any type right or refused, with one rule for those that are missing."""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wvae import WVAE
from wvae.validation import (
    check_classes,
    check_labels,
    check_training_rows,
    class_indices,
    encode_labels,
    missing_labels,
)
from wvae.validation.class_names import class_key, match_classes
from wvae.validation.label_values import MISSING_WORDS, named_as, plain_labels

A = "abab"


def objects(*values: Any) -> np.ndarray:
    out = np.empty(len(values), object)
    out[:] = values
    return out


MISSING: list[tuple[Any, list[Any]]] = [
    ([0, 1, 0, 1, None], [0, 1]),
    ([0.0, 1.0, 0.0, 1.0, np.nan], [0, 1]),
    (objects(0, 1, 0, 1, float("nan")), [0, 1]),
    (objects(0, 1.0, np.int8(0), np.float32(1), None), [0, 1]),
    (objects(*A, pd.NA), ["a", "b"]),
    (objects(*A, pd.NaT), ["a", "b"]),
    (objects(*A, np.datetime64("NaT")), ["a", "b"]),
    (objects(True, False, True, False, None), [False, True]),
    ([*A, float("nan")], ["a", "b"]),
    *(([*A, word], ["a", "b"]) for word in MISSING_WORDS),
    (np.array([*A, " "]), ["a", "b"]),
    (np.array([b"a", b"b", b"a", b"b", b"NA"]), ["a", "b"]),
    ([0, 1, 0, 1, -1], [0, 1]),
    (["0", "1", "0", "1", "-1"], ["0", "1"]),
    (pd.Series([0, 1, 0, 1, None], dtype="Int64"), [0, 1]),
    (pd.Series([*A, None], dtype="category"), ["a", "b"]),
    (pd.Series([*A, None], dtype="string"), ["a", "b"]),
    (pd.Series([True, False, True, False, None], dtype="boolean"), [False, True]),
    (np.ma.masked_equal([0, 1, 0, 1, 7], 7), [0, 1]),
    (np.array([0, 1, 0, 1, np.nan], ">f8"), [0, 1]),
]


@pytest.mark.parametrize(("y", "classes"), MISSING)
def test_a_missing_label_is_no_class(y: Any, classes: list[Any]) -> None:
    found, indices = check_labels(y, 5)
    assert found.tolist() == classes
    assert [type(value) for value in found.tolist()] == [type(value) for value in classes]
    assert indices[4] == -1
    assert sorted(set(indices[:4].tolist())) == [0, 1]


@pytest.mark.parametrize(
    ("y", "missing"),
    [
        ([-1, 0, 1, 1, 0], 1),
        ([-1, 0, None, 1, -1], 3),
        ([-1, 1, -1, 1, 1], 0),  # a common pair of classes
        ([-1, 1, None, 1, -1], 1),
        ([-2, -1, 0, 0, 3], 0),
        ([-1, -1, 2, 2, 5], 2),
        (["-1", "1", "-1", "1"], 0),
        (["-1", "0", "2", "1"], 1),
        (["-1", "a", "-1", "a"], 0),
        ([-1.0, 0.5, 0.5, -1.0], 0),
    ],
)
def test_minus_one_is_missing_beside_integers_from_zero(y: list[Any], missing: int) -> None:
    assert missing_labels(objects(*y)).sum() == missing
    array = np.array([np.nan if v is None else v for v in y]) if None in y else np.array(y)
    assert missing_labels(array).sum() == missing


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (objects("a", 1, "a", 1), "int and str"),
        (["a", 1, "a", None], "int and str"),
        (objects(True, 2, True, 2), "bool and int"),
        (objects(b"a", "a", b"a", "a"), "bytes and str"),
        (np.array(["2020-01-01", "2020-01-02"] * 2, "M8[D]"), "astype(str)"),
        (np.array([1, 2, 1, 2], "m8[s]"), "astype(str)"),
        (objects(*[datetime.date(2020, 1, 1 + i % 2) for i in range(4)]), "date"),
        (objects(*[pd.Timestamp(2020, 1, 1 + i % 2) for i in range(4)]), "to strings"),
        (pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"] * 2)), "astype(str)"),
        (np.array([1, 2j, 1, 2j]), "complex"),
        (np.zeros(4, [("a", int)]), "records"),
        (objects((1, 2), (3,), (1, 2), (3,)), "tuple"),
        (objects(*[Decimal(i % 2) for i in range(4)]), "Decimal"),
        (objects({}, {}, {}, {}), "dict"),
        (np.array([2**64 - 1, 1, 2**64 - 1, 1], np.uint64), "18446744073709551615"),
        ([2**80, 1, 2**80, 1], "2^63"),
        ([1e300, 1.0, 1e300, 1.0], "1e+300"),
        ([np.inf, 1.0, 1.0, np.inf], "infinity"),
        ([0.5, 1.5, 0.5, 1.5], "continuous"),
        (np.array([b"\xff", b"a", b"\xff", b"a"]), "UTF-8"),
        (["\udcff", "a", "\udcff", "a"], "UTF-8"),
        (np.eye(4), "argmax"),
        (np.ones((4, 2)), "(4, 2)"),
        ([[1, 2], [3], [1, 2], [3]], "list"),
        ({"a": 1}, "shape ()"),
        (["a", "a", "a", "b"], "'b'"),
        (["a", "a", "a", "a"], "one class only ('a')"),
        ([None, None, np.nan, "NA"], "no class at all, and 4 rows"),
    ],
)
def test_labels_that_no_model_can_keep_are_refused(y: Any, text: str) -> None:
    with pytest.raises((ValueError, TypeError)) as error:
        check_labels(y, 4)
    message = str(error.value)
    assert text in message
    assert "\n" not in message
    assert "np." not in message


@pytest.mark.parametrize(
    "y",
    [
        np.array([True, False] * 3),
        np.array([3, 250] * 3, np.uint8),
        np.array([3, 250] * 3, ">u2"),
        np.array([2.0, 7.0] * 3, np.float16),
        np.array(["が", "b"] * 3),
        np.array([b"a", b"b"] * 3),
        objects(*[np.str_("a"), np.str_("b")] * 3),
        objects(*[np.int16(5), 6] * 3),
    ],
)
def test_classes_survive_json(y: np.ndarray) -> None:
    classes, indices = check_labels(y, 6)
    again = np.array(json.loads(json.dumps(classes.tolist())))
    assert again.dtype == classes.dtype
    assert again.tolist() == classes.tolist()
    np.testing.assert_array_equal(encode_labels(y, 6, again), indices)


def test_unicode_forms_of_one_word_are_one_class() -> None:
    classes, indices = check_labels(["が", "か\u3099", "b", "b"], 4)
    assert classes.tolist() == ["b", "が"]
    assert indices.tolist() == [1, 1, 0, 0]
    assert encode_labels(["か\u3099"], 1, classes).tolist() == [1]
    assert check_labels(["a", "a", "A", "A"], 4)[0].tolist() == ["A", "a"]


@pytest.mark.parametrize(
    ("y", "classes", "indices"),
    [
        ([1, 0], ["0", "1"], [1, 0]),
        ([1.0, 0.0], ["0", "1"], [1, 0]),
        (["1", "0"], [0, 1], [1, 0]),
        (["1.0", "0.0"], [0, 1], [1, 0]),
        ([True, False], [0, 1], [1, 0]),
        (["true", "False"], [False, True], [1, 0]),
        ([1, 0], [False, True], [1, 0]),
        ([7, 8], ["07", "08"], [0, 1]),
        (["b ", "a"], ["a", "b"], [1, 0]),
        ([0.5, 1.0], ["0.5", "1.0"], [0, 1]),
        (["01", "1"], ["01", "1"], [0, 1]),
        ([3, 10], [10, 3, 7], [1, 0]),
    ],
)
def test_labels_are_matched_by_name(y: list[Any], classes: list[Any], indices: list[int]) -> None:
    names = np.array(classes)
    assert match_classes(np.array(y), names).tolist() == indices
    named = named_as(plain_labels(np.array(y), names), names)
    assert named.nullable.tolist() == [classes[i] for i in indices]
    if classes == sorted(classes):
        assert class_indices(y, names).tolist() == indices


@pytest.mark.parametrize(
    ("y", "classes", "wrong"),
    [
        ([1, 1], ["01", "1.0"], "1"),  # it could be either
        (["A"], ["a", "b"], "'A'"),
        ([2], [0, 1], "2"),
        ([2], ["cat", "dog"], "2"),
        (["zebra"], [0, 1], "'zebra'"),
        ([-3], [0, 1], "-3"),
        ([-1], [-2, 0], "-1"),
    ],
)
def test_an_unknown_label_is_named(y: list[Any], classes: list[Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=f"label {wrong} was not seen"):
        encode_labels(y, len(y), np.array(classes))
    labels = named_as(plain_labels(np.array(y), np.array(classes)), np.array(classes))
    assert [str(value) for value in labels.nullable.tolist()] == [str(value) for value in y]


def test_known_classes_decide_about_minus_one() -> None:
    assert encode_labels([-1, 1], 2, np.array([-1, 1])).tolist() == [0, 1]
    assert encode_labels([-1, 1], 2, np.array([0, 1])).tolist() == [-1, 1]
    assert encode_labels(["-1", "b"], 2, np.array(["a", "b"])).tolist() == [-1, 1]
    with pytest.raises(ValueError, match="row 2"):
        class_indices([1, -1], np.array([0, 1]))


def test_class_keys_of_words_that_are_no_numbers() -> None:
    assert [class_key(word) for word in ("1e5", "nan", "inf", "0x1", "1-2", "-7")] == [
        *("1e5", "nan", "inf", "0x1", "1-2"),
        -7,
    ]


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ([0, None, 1], "None"),
        (["a", "NA"], "'NA'"),
        ([0.5, 1.5], "fractions"),
        (np.array(["2020-01-01"], "M8[D]"), "dates"),
        (["a", 1], "int and str"),
        (np.eye(2), "(2, 2)"),
    ],
)
def test_listed_classes_must_be_classes(classes: Any, text: str) -> None:
    with pytest.raises((ValueError, TypeError)) as error:
        check_classes(classes)
    assert text in str(error.value)
    assert check_classes([2, -1, 2, 0.0]).tolist() == [-1, 0, 2]


@pytest.mark.parametrize(
    ("train", "text"),
    [
        ([1, 1, 1, 1, 0, 0], "'c'"),
        ([1, 1, 1, 1, 1, 0], "('c') have one row only in the split train"),
        ([1, 1, 0, 0, 0, 0], "2 of 3 classes ('b', 'c') have rows in the split test only"),
    ],
)
def test_each_class_needs_two_rows_in_the_split_train(train: list[int], text: str) -> None:
    y, mask = list("aabbcc"), np.array(train, bool)
    with pytest.raises(ValueError, match=re.escape(text)):
        check_labels(y, 6, mask)
    check_labels([*y, *y], 12, np.concatenate([mask, np.ones(6, bool)]))
    check_labels([*y, None], 7, np.append(np.ones(6, bool), False))
    check_training_rows(np.array(["a"]), np.array([0, 0]))


def test_a_model_scores_objects_booleans_and_words() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 2
    X = rng.normal(size=(60, 4)) + 6 * truth[:, None]
    y = objects(*[None if i % 9 == 0 else int(k) for i, k in enumerate(truth)])
    model = WVAE(epochs=3, width=16, depth=1, d_label=2, d_rest=2, learning_rate=0.01).fit(X, y)
    assert model.classes_.tolist() == [0, 1]
    expected = (model.predict(X) == truth)[truth >= 0].mean()
    known = (model.predict(X) == truth)[np.arange(60) % 9 != 0].mean()
    assert model.score(X, y) == pytest.approx(known)
    for labels in (truth, truth.astype(bool), truth.astype(str), truth.astype(float)):
        assert model.score(X, labels) == pytest.approx(expected)
    assert model.score(X, np.where(truth == 1, "zebra", "0")) <= 0.5
