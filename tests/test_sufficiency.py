"""What z_label knows: planted labels and factors whose share is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from wvae.evaluation.sufficiency import factors_in_label, sufficiency

Array = np.ndarray
N, ROWS = 1500, 1000


def noise(d: int = 2, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(N, d))


def labels(classes: int, seed: int = 7) -> Array:
    return np.random.default_rng(seed).integers(classes, size=N)


def sufficient(z: Array, y: Array, **more: Any) -> dict[str, float]:
    return sufficiency(z[:ROWS], y[:ROWS], z[ROWS:], y[ROWS:], **more)


def extra(z: Array, y: Array, **factors: Array) -> dict[str, float]:
    """Return `factors_in_label` without what its keys begin with."""
    train, test = (
        {name: values[rows] for name, values in factors.items()}
        for rows in (slice(ROWS), slice(ROWS, N))
    )
    found = factors_in_label(z[:ROWS], y[:ROWS], train, z[ROWS:], y[ROWS:], test)
    return {key.removeprefix("sufficiency.leak."): value for key, value in found.items()}


# The label


def test_a_label_in_the_code_is_read_and_the_keys_are_those_agreed():
    y = labels(3)
    found = sufficient(noise() + 8 * np.eye(3)[y][:, :2], y, name="label")
    assert list(found) == ["label.logistic", "label.mlp", "label.max", "label.majority"]
    assert min(found["label.logistic"], found["label.mlp"]) > 0.99
    assert found["label.max"] == max(found["label.logistic"], found["label.mlp"])
    assert found["label.majority"] == np.bincount(y[ROWS:]).max() / (N - ROWS)


def test_the_network_reads_what_the_line_cannot_and_noise_holds_nothing():
    y = labels(2)
    ring = sufficient(noise() * np.where(y, 5, 0.5)[:, None], y)
    assert ring["sufficiency.logistic"] < 0.65
    assert ring["sufficiency.mlp"] == ring["sufficiency.max"] > 0.85
    assert sufficient(noise(), y)["sufficiency.max"] == pytest.approx(0.5, abs=0.07)


def test_labels_may_be_words():
    y = labels(2)
    z = noise() + 2 * y[:, None]
    assert sufficient(z, np.array(["no", "yes"], object)[y]) == sufficient(z, y)


# Factors beyond the label


def test_a_code_of_the_label_alone_holds_no_factor():
    y = labels(3)
    width = y + 0.3 * noise(1, seed=1)[:, 0]  # 0.88 of its variance is the label's
    writer = np.where(noise(1, seed=2)[:, 0] > 0, y % 2, labels(4))
    found = extra(np.c_[y + 0.01 * noise(1)[:, 0]], y, width=width, writer=writer)
    assert list(found) == ["width", "writer", "max"]
    assert found["width"] == pytest.approx(0, abs=0.05)
    assert found["writer"] == pytest.approx(0, abs=0.05)


def test_what_a_factor_adds_to_the_label_is_told_exactly():
    y, free = labels(2), noise(1, seed=1)[:, 0]
    # Var y = 1/4, and free's is 1: the label explains a fifth of the sum, the code the rest.
    found = extra(np.c_[free, noise(1, seed=2)], y, width=y + free)
    assert found["width"] == pytest.approx(0.8, abs=0.07)
    # Of noise as large as the factor, half of what is left.
    found = extra(np.c_[free + noise(1, seed=2)[:, 0]], y, width=y + free)
    assert found["width"] == pytest.approx(0.4, abs=0.06)


def test_a_category_in_the_code_counts_by_accuracy():
    y, writer = labels(2), labels(4, seed=3)
    found = extra(
        np.c_[writer * 4.0 + 0.1 * noise(1)[:, 0]],
        y,
        writer=writer,
        room=np.array(list("abcd"))[writer],
    )
    chance = 0.25
    assert found["writer"] == pytest.approx(1 - chance, abs=0.06)
    assert found["room"] == found["writer"] == found["max"]


def test_kinds_of_factors_keep_their_order_and_names():
    y = labels(2)
    values = np.arange(N) % 3
    found = extra(noise(), y, b=values, a=noise(1, seed=4)[:, 0], c=values.astype(str))
    assert list(found) == ["b", "a", "c", "max"]
    assert found["max"] == max(found[k] for k in "abc")


def test_scores_depend_on_the_seed_alone_and_global_states_are_left_alone():
    before, torch_before = np.random.get_state(legacy=False), torch.random.get_rng_state()  # noqa: NPY002
    y = labels(2)
    z = noise() + y[:, None]
    assert sufficient(z, y, seed=1) == sufficient(z, y, seed=1) != sufficient(z, y, seed=2)
    few = {"slant": z[:60, 0] + noise(seed=5)[:60, 0]}
    once, again, other = (
        factors_in_label(z[:60], y[:60], few, z[:60], y[:60], few, seed=seed) for seed in (1, 1, 2)
    )
    assert once == again != other
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_before)


# Bad input


Z, Y = noise()[:12], np.arange(12) % 2
SLANT = noise()[:12, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"train": Z[:9], "y_train": Y[:9]},
            r"train has shape \(9, 2\), expected codes \(n, d\) of 10 rows",
        ),
        ({"train": Z * np.inf}, "train holds NaN or infinite values"),
        ({"test": Z[:, :1]}, "train has 2 columns and test 1"),
        ({"y_test": Y[:3]}, r"y of test has shape \(3,\), expected \(12,\)"),
        ({"y_train": np.where(Y, np.nan, 1)}, "y of train holds NaN or None"),
        ({"y_train": Y * 0}, "y of train has 1 categories in 12 rows"),
        ({"y_test": Y + 1}, r"y of test has \[2\], unseen in train"),
    ],
)
def test_both_say_what_is_wrong_with_codes_and_labels(change: dict[str, Any], message: str):
    good: dict[str, Any] = {"train": Z, "y_train": Y, "test": Z, "y_test": Y}
    with pytest.raises(ValueError, match=message):
        sufficiency(**(good | change))
    factors: dict[str, Any] = {"factors_train": {"slant": SLANT}, "factors_test": {"slant": SLANT}}
    with pytest.raises(ValueError, match=message):
        factors_in_label(**(good | factors | change))


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ({}, {}, r"factors are \[\] in train"),
        ({"a": SLANT}, {"b": SLANT}, r"factors are \['a'\] in train and \['b'\] in test"),
        ({"a": SLANT[:5]}, {"a": SLANT}, r"a of train has shape \(5,\), expected \(12,\)"),
        ({"a": SLANT}, {"a": np.where(Y, np.nan, SLANT)}, "a of test holds NaN or None"),
        ({"a": SLANT}, {"a": Y.astype(str)}, "a of test is not of finite numbers"),
        (
            {"a": SLANT * 0},
            {"a": SLANT},
            "a of train is 0.0 throughout, expected values that vary: leave it out",
        ),
        ({"a": Y * 0}, {"a": Y}, "a of train has 1 categories in 12 rows"),
        ({"a": Y}, {"a": Y + 5}, r"a of test has \[5, 6\], unseen in train"),
    ],
)
def test_factors_say_what_is_wrong(train: dict[str, Array], test: dict[str, Array], message: str):
    with pytest.raises(ValueError, match=message):
        factors_in_label(Z, Y, train, Z, Y, test)
