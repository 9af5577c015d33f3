"""Checks of codes, labels and factors, which all measures share."""

from __future__ import annotations

import numpy as np
import pytest

from code_cases import noise
from wvae.evaluation.checks import (
    check_codes,
    check_column,
    check_factors,
    encode_categories,
    one_hot,
    stack_factors,
)

Array = np.ndarray
Z = noise(12)


@pytest.mark.parametrize(
    ("z_train", "z_test", "message"),
    [
        (Z[:9], Z, r"z_train has shape \(9, 2\), expected .* 10 rows"),
        (Z[:, 0], Z, r"z_train has shape \(12,\)"),
        (Z, Z[:1], r"z_test has shape \(1, 2\), expected .* 2 rows"),
        (Z[:, :0], Z[:, :0], r"z_train has shape \(12, 0\)"),
        (Z, np.where(Z > 0, np.inf, Z), "z_test contains NaN or inf"),
        (Z * np.nan, Z, "z_train contains NaN"),
        (Z, Z[:, :1], "z_train has 2 columns and z_test 1"),
    ],
)
def test_bad_codes_are_rejected(z_train: Array, z_test: Array, message: str):
    with pytest.raises(ValueError, match=message):
        check_codes(z_train, z_test)


def test_columns_of_objects_become_strings_or_numbers():
    assert check_column(np.array([1, 2], object), "y", 2).dtype.kind == "i"
    assert check_column(np.array(["a", "b"], object), "y", 2).dtype.kind == "U"


@pytest.mark.parametrize(
    ("values", "n", "message"),
    [
        (np.zeros(3), 2, r"y has shape \(3,\), expected \(2,\)"),
        (np.zeros((2, 1)), 2, r"y has shape \(2, 1\), expected \(2,\)"),
        (np.zeros(0), 0, r"y has shape \(0,\)"),
        (np.array([0, np.nan]), 2, "y contains NaN or None"),
        (np.array(["a", None]), 2, "y contains NaN or None"),
    ],
)
def test_bad_columns_are_rejected(values: Array, n: int, message: str):
    with pytest.raises(ValueError, match=message):
        check_column(values, "y", n)


@pytest.mark.parametrize(
    ("y_train", "y_test", "message"),
    [
        (np.arange(11) % 2, np.arange(12) % 2, r"y of train has shape \(11,\)"),
        (np.arange(12) % 2, np.zeros((12, 1)), r"y of test has shape \(12, 1\)"),
        (np.array([0, 1, np.nan] * 4), np.arange(12) % 2, "y of train contains NaN"),
        (np.arange(12) % 2, np.array(["a", None] * 6), "y of test contains NaN or None"),
        (np.zeros(12), np.zeros(12), "y of train has 1 categories in 12 rows"),
        (np.arange(12), np.arange(12), "y of train has 12 categories in 12 rows"),
        (np.arange(12) % 2, np.arange(12) % 4, r"y of test has \[2, 3\], unseen"),
    ],
)
def test_bad_categories_are_rejected(y_train: Array, y_test: Array, message: str):
    with pytest.raises(ValueError, match=message):
        encode_categories(y_train, y_test, "y", 12, 12)


def test_the_number_of_categories_is_limited():
    with pytest.raises(ValueError, match="2001 categories in 4002 rows, expected 2 to 2000"):
        encode_categories(np.arange(4002) // 2, np.zeros(4002), "y", 4002, 4002)


def test_categories_are_numbered_in_order():
    y_train, y_test = np.array(list("bbdd") * 3), np.array(list("abcd") * 3)
    train, test = encode_categories(y_train, y_test, "y", 12, 12, allow_unseen=True)
    assert train.tolist() == [1, 1, 3, 3] * 3
    assert test.tolist() == [0, 1, 2, 3] * 3


def test_some_but_not_all_categories_of_test_may_be_unseen():
    y_train, y_test = np.array(list("bbdd") * 3), np.array(list("acac") * 3)
    with pytest.raises(ValueError, match=r"\['a', 'c'\], unseen"):
        encode_categories(y_train, y_test, "y", 12, 12, allow_unseen=True)


def test_one_hot_has_a_column_for_each_category():
    train, test = one_hot(np.array([0, 2]), np.array([1]))
    assert train.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert test.tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ({}, {}, r"factors are \[\] in train and \[\] in test"),
        ({"a": Z[:, 0]}, {"b": Z[:, 0]}, r"\['a'\] in train and \['b'\] in test"),
        ({"a": Z[:5, 0]}, {"a": Z[:, 0]}, r"a of train has shape \(5,\)"),
        ({"a": Z[:, 0]}, {"a": Z[:, 0] * np.nan}, "a of test contains NaN"),
    ],
)
def test_bad_factors_are_rejected(train: dict[str, Array], test: dict[str, Array], message: str):
    with pytest.raises(ValueError, match=message):
        check_factors(train, test, 12, 12)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (np.array(["x", "y"]), Z[:2, 0], "slant of train .*factor_accuracy"),
        (Z[:2, 0], np.array([1, np.inf]), "slant of test is not of finite numbers"),
        (np.full(2, 3.0), Z[:2, 0], "slant of train is constant, 3.0"),
        (Z[:2, 0], np.full(2, 3.0), "slant of test is constant, 3.0"),
    ],
)
def test_continuous_factors_must_vary(train: Array, test: Array, message: str):
    with pytest.raises(ValueError, match=message):
        stack_factors({"slant": (train, test)})


def test_continuous_factors_are_stacked_in_order():
    train, test = stack_factors(
        {"b": (np.array([1, 2]), np.array([3, 4])), "a": (np.array([5, 6]), np.array([7, 8]))}
    )
    assert (train.tolist(), test.tolist()) == ([[1, 5], [2, 6]], [[3, 7], [4, 8]])
