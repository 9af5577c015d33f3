"""Checks of the codes, labels and factors that the measures receive."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..validation.quoting import quoted

Array = np.ndarray
Factors = Mapping[str, Array]  # columns, (n,), by factor
MAX_CATEGORIES = 2000  # the output layer of a probe for more of them needs too much memory
MIN_TRAIN_ROWS, MIN_TEST_ROWS = 10, 2


def check_codes(z_train: Array, z_test: Array) -> tuple[Array, Array]:
    """Return codes as float64.

    Parameters
    ----------
    z_train, z_test
        Codes, (n, d) and (m, d).

    Raises
    ------
    ValueError
        If the codes are not finite matrices with equally many columns, or have fewer than 10 rows
        for training or 2 for test.

    Examples
    --------
    >>> z_train, z_test = check_codes(np.zeros((10, 3), np.float32), np.zeros((2, 3)))
    >>> z_train.dtype
    dtype('float64')
    """
    z_train, z_test = np.asarray(z_train, np.float64), np.asarray(z_test, np.float64)
    _check_matrix(z_train, "z_train", MIN_TRAIN_ROWS)
    _check_matrix(z_test, "z_test", MIN_TEST_ROWS)
    if z_train.shape[1] != z_test.shape[1]:
        raise ValueError(
            f"z_train has {z_train.shape[1]} columns and z_test {z_test.shape[1]}, "
            "expected as many: take both codes from one model"
        )
    return z_train, z_test


def _check_matrix(z: Array, name: str, min_rows: int) -> None:
    """Raise a ValueError unless z is a finite matrix with at least so many rows."""
    if z.ndim != 2 or len(z) < min_rows or not z.size:
        raise ValueError(
            f"{name} has shape {z.shape}, expected codes (n, d) of {min_rows} rows or more"
        )
    check_finite(z, name)


def check_finite(values: Array, name: str) -> None:
    """Raise a ValueError if values, an array of numbers, contain NaN or infinity.

    Examples
    --------
    >>> check_finite(np.array([0.5, 2.0]), "z")
    """
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} contains NaN or infinite values, expected finite ones: check the model's loss"
        )


def check_column(values: Array, name: str, n: int) -> Array:
    """Return a column of strings or numbers, (n,).

    A column of objects, as pandas returns it, becomes one of strings or numbers.

    Parameters
    ----------
    values
        Labels or values of a factor, (n,).
    name
        Name of the column, for the message of an error.
    n
        Number of rows, at least 1.

    Raises
    ------
    ValueError
        If the shape is not (n,), n is 0, or values are missing (NaN or None).

    Examples
    --------
    >>> check_column(np.array(["ann", "bob"], object), "writer", 2)
    array(['ann', 'bob'], dtype='<U3')
    """
    values = np.asarray(values)
    if values.shape != (n,) or n == 0:
        raise ValueError(
            f"{name} has shape {values.shape}, expected ({n or 'n'},), one value for each row"
        )
    items = values.tolist()
    if any(item is None or item != item for item in items):
        raise ValueError(
            f"{name} contains NaN or None, expected a value for each row: leave out the rows "
            "without one"
        )
    return np.array(items)


def check_factors(
    factors_train: Factors, factors_test: Factors, n_train: int, n_test: int
) -> dict[str, tuple[Array, Array]]:
    """Return the columns of each factor, (n_train,) and (n_test,).

    Parameters
    ----------
    factors_train, factors_test
        Columns by factor.
    n_train, n_test
        Number of rows.

    Raises
    ------
    ValueError
        If there are no factors, they differ between the two parts, or a column has a wrong shape
        or missing values.

    Examples
    --------
    >>> check_factors({"writer": np.array([3, 4])}, {"writer": np.array([4])}, 2, 1)
    {'writer': (array([3, 4]), array([4]))}
    """
    if not factors_train or set(factors_train) != set(factors_test):
        raise ValueError(
            f"factors are {list(factors_train)} in train and {list(factors_test)} in test, "
            "expected the same, at least one"
        )
    columns: dict[str, tuple[Array, Array]] = {}
    for name in factors_train:
        column_train = check_column(factors_train[name], f"{name} of train", n_train)
        column_test = check_column(factors_test[name], f"{name} of test", n_test)
        columns[name] = column_train, column_test
    return columns


def stack_factors(columns: Mapping[str, tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return k continuous factors as float64 matrices, (n, k) and (m, k).

    Parameters
    ----------
    columns
        Columns of train and test by factor: see `check_factors`.

    Raises
    ------
    ValueError
        If a factor is not numeric, not finite, or constant in train or in test.

    Examples
    --------
    >>> stack_factors({"slant": (np.array([0.1, 0.2]), np.array([0.3, 0.5]))})[1]
    array([[0.3],
           [0.5]])
    """
    for name, (column_train, column_test) in columns.items():
        _check_varies(column_train, f"{name} of train")
        _check_varies(column_test, f"{name} of test")
    train = np.stack([column_train for column_train, _ in columns.values()], 1)
    test = np.stack([column_test for _, column_test in columns.values()], 1)
    return train.astype(np.float64), test.astype(np.float64)


def _check_varies(values: Array, name: str) -> None:
    """Raise a ValueError unless values are finite numbers that differ."""
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise ValueError(
            f"{name} is not of finite numbers: use style.factor_accuracy for a factor of strings"
        )
    if (values == values[0]).all():
        raise ValueError(
            f"{name} is constant, {values[0]}, expected different values: leave it out"
        )


def encode_categories(
    y_train: Array,
    y_test: Array,
    name: str,
    n_train: int,
    n_test: int,
    *,
    allow_unseen: bool = False,
) -> tuple[Array, Array]:
    """Return labels or categories as integers 0, 1, …, in the order of their values.

    Parameters
    ----------
    y_train, y_test
        Strings or numbers, (n_train,) and (n_test,).
    name
        Name of the column, for the message of an error.
    n_train, n_test
        Number of rows.
    allow_unseen
        Whether y_test may contain categories that y_train lacks, besides some that it has.

    Raises
    ------
    ValueError
        If a column has a wrong shape or missing values; if y_train has one category, more than
        2000, or as many as rows; if y_test has unseen categories.

    Examples
    --------
    >>> encode_categories(np.array(["b", "a", "b"]), np.array(["b"]), "y", 3, 1)
    (array([1, 0, 1]), array([1]))
    """
    y_train = check_column(y_train, f"{name} of train", n_train)
    y_test = check_column(y_test, f"{name} of test", n_test)
    values, codes = np.unique(np.concatenate([y_train, y_test]), return_inverse=True)
    y_train, y_test = codes[:n_train], codes[n_train:]
    n_categories = len(np.unique(y_train))
    if not 2 <= n_categories <= MAX_CATEGORIES or n_categories == n_train:
        raise ValueError(
            f"{name} of train has {n_categories} categories in {n_train} rows, expected 2 to "
            f"{MAX_CATEGORIES}, at least one of them with two rows: leave out rare ones"
        )
    unseen = np.setdiff1d(y_test, y_train)
    all_unseen = len(unseen) == len(np.unique(y_test))
    if len(unseen) and (all_unseen or not allow_unseen):
        raise ValueError(
            f"{name} of test has {quoted(values[unseen][:5])}, unseen in train: leave them out"
        )
    return y_train, y_test


def one_hot(y_train: Array, y_test: Array) -> tuple[Array, Array]:
    """Return categories 0, 1, …, k − 1 of train as one-hot rows, (n, k) and (m, k).

    Examples
    --------
    >>> one_hot(np.array([0, 1]), np.array([1]))[1]
    array([[0., 1.]])
    """
    identity = np.eye(y_train.max() + 1)
    return identity[y_train], identity[y_test]
