"""Swapped images: scores worked out by hand, and decoders that ignore one of the codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from code_cases import unchanged_global_generators
from wvae.evaluation.swap import swap, swap_pairs

Array = np.ndarray


@pytest.mark.parametrize(
    "y", [np.repeat([0, 1, 2], [80, 15, 5]), np.array(["b", "a"] * 10), np.arange(9)]
)
def test_labels_of_a_pair_differ(y: Array):
    a, b = swap_pairs(y, 5000, seed=1)
    assert a.shape == b.shape == (5000,)
    assert (y[a] != y[b]).all()
    assert set(a.tolist()) == set(b.tolist()) == set(range(len(y)))


def test_every_pair_with_different_labels_is_equally_likely():
    y = np.array([1, 0, 0, 2, 0])  # 20 ordered pairs, less the 6 within label 0
    a, b = swap_pairs(y, 70_000)
    counts = np.zeros((5, 5))
    np.add.at(counts, (a, b), 1)
    allowed = y[:, None] != y
    assert (counts[~allowed] == 0).all()
    np.testing.assert_allclose(counts[allowed], 70_000 / 14, rtol=0.06)  # four standard deviations


def test_pairs_depend_on_the_seed_alone():
    y = np.arange(40) % 4
    with unchanged_global_generators():
        first, again, other = (swap_pairs(y, 50, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("y", "n", "message"),
    [
        (np.array([7, 7]), 3, r"y has the classes \[7\]"),
        (np.zeros((4, 2)), 3, r"y has shape \(4, 2\)"),
        (np.zeros(0), 3, r"y has shape \(0,\)"),
        (np.array([0, 1, np.nan]), 3, "y contains NaN or None"),
        (np.array(["a", "b", None]), 3, "y contains NaN or None"),
        (np.array([0, 1]), 0, "n is 0, expected at least 1"),
    ],
)
def test_bad_input_of_swap_pairs_is_rejected(y: Array, n: int, message: str):
    with pytest.raises(ValueError, match=message):
        swap_pairs(y, n)


def test_scores_worked_out_by_hand():
    scores = swap(
        np.array(["cat", "cat", "dog", "cat"]),
        np.array(["cat", "dog", "dog", "cat"]),
        # Mean (1, 0); distances² 1 + 1, 1 + 1, 1 + 1, 1 + 1, in all 8.
        np.array([[0.0, 1], [0, -1], [2, 1], [2, -1]]),
        # Off by 1 and by 1 in two rows, 2 in all.
        np.array([[0.0, 0], [0, -1], [2, 1], [3, -1]]),
        np.array([7, 7, 7, 8]),
        np.array([7, 8, 8, 8]),
        np.array([7, 7, 8, 8]),
        name="test.swap",
    )
    assert scores == {
        "test.swap.label": 3 / 4,
        "test.swap.label.cat": 2 / 3,
        "test.swap.label.dog": 1,
        "test.swap.rest_r2": 1 - 2 / 8,
        "test.swap.factor": 2 / 4,
        "test.swap.factor.before": 3 / 4,
        "test.swap.factor.chance": 3 / 4,
    }


def test_the_factor_and_its_upper_limit_are_optional():
    y, rest = np.array([0, 1]), np.array([[0.0], [1.0]])
    assert swap(y, y, rest, rest) == {
        "swap.label": 1,
        "swap.label.0": 1,
        "swap.label.1": 1,
        "swap.rest_r2": 1,
    }
    more = swap(y, y, rest, rest, np.array([4, 5]), np.array([5, 5]))
    assert {k: v for k, v in more.items() if "factor" in k} == {
        "swap.factor": 0.5,
        "swap.factor.chance": 0.5,
    }


def test_labels_may_be_objects():
    y, rest = np.array(["x", "y"], object), np.array([[0.0], [1.0]])
    assert swap(y, y.astype(str), rest, rest)["swap.label"] == 1


# A toy whose images are their codes: z_label is the label, z_rest has 3 numbers, and the first of
# them determines the writer.


class Toy:
    """4,000 swapped pairs, for decoders that may ignore one of the codes."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.y = rng.integers(10, size=1000)
        self.rest = rng.normal(size=(1000, 3))
        self.writer = np.digitize(self.rest[:, 0], [-0.7, 0.0, 0.7])
        self.a, self.b = swap_pairs(self.y, 4000)

    def scores(self, label_of: Array, rest_of: Array) -> dict[str, float]:
        """Return the scores of a decoder that shows the label and the rest of these rows."""
        return swap(
            self.y[self.a],
            self.y[label_of],
            self.rest[self.b],
            self.rest[rest_of],
            self.writer[self.b],
            self.writer[rest_of],
            self.writer[self.b],
        )


@pytest.fixture(scope="module")
def toy() -> Toy:
    return Toy()


def test_a_decoder_that_uses_both_codes_is_perfect(toy: Toy):
    scores = toy.scores(label_of=toy.a, rest_of=toy.b)
    chance = scores.pop("swap.factor.chance")
    assert set(scores.values()) == {1}
    assert 0.25 <= chance < 0.3
    assert len(scores) == 1 + 10 + 1 + 2


def test_a_decoder_that_ignores_z_label_shows_no_target_label(toy: Toy):
    scores = toy.scores(label_of=toy.b, rest_of=toy.b)
    assert scores["swap.rest_r2"] == scores["swap.factor"] == 1
    assert scores["swap.label"] == 0
    assert all(scores[f"swap.label.{digit}"] == 0 for digit in range(10))


def test_a_decoder_that_ignores_z_rest_keeps_no_rest(toy: Toy):
    scores = toy.scores(label_of=toy.a, rest_of=toy.a)
    assert scores["swap.label"] == 1
    # Another's rest has the same variance and nothing in common: 1 − 2 = −1.
    assert scores["swap.rest_r2"] == pytest.approx(-1, abs=0.1)
    assert scores["swap.factor"] == pytest.approx(scores["swap.factor.chance"], abs=0.04)
    assert scores["swap.factor.before"] == 1


def test_one_image_per_label_keeps_no_rest(toy: Toy):
    rest = toy.rest[toy.b]
    always_the_mean = np.broadcast_to(rest.mean(0), rest.shape)
    y = toy.y[toy.a]
    assert swap(y, y, rest, always_the_mean)["swap.rest_r2"] == pytest.approx(0, abs=1e-12)
    per_label = np.random.default_rng(1).normal(size=(10, 3))[y]
    assert swap(y, y, rest, per_label)["swap.rest_r2"] < 0


@pytest.mark.parametrize("value", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_collapsed_rest_keeps_nothing(value: float, dtype: type):
    y, rest = np.arange(7) % 2, np.full((7, 3), value, dtype)
    assert swap(y, y, rest, rest)["swap.rest_r2"] == 0
    assert swap(y, y, rest, rest + 1)["swap.rest_r2"] == 0


def test_a_rest_of_half_the_size_has_r2_of_three_quarters(toy: Toy):
    # The error is ¼ of the variance.
    rest, y = toy.rest[toy.b] - toy.rest[toy.b].mean(0), toy.y[toy.a]
    assert swap(y, y, rest, rest / 2)["swap.rest_r2"] == pytest.approx(0.75)


Y, REST = np.array([0, 1, 0]), np.array([[0.0, 1], [2, 3], [4, 4]])
WRITERS: dict[str, Any] = {"factor": Y, "factor_predicted": Y}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_predicted": Y[:2]}, r"y_predicted has shape \(2,\), expected \(3,\)"),
        ({"y_target": Y[:, None]}, r"y_target has shape \(3, 1\)"),
        ({"y_target": Y[:0]}, r"y_target has shape \(0,\)"),
        ({"y_predicted": np.array([0, 1, np.nan])}, "y_predicted contains NaN"),
        (
            {"y_predicted": Y.astype(str)},
            "y_predicted contains strings and y_target numbers",
        ),
        ({"z_rest": REST[:2]}, r"z_rest has shape \(2, 2\)"),
        ({"z_rest_reencoded": REST[:, 0]}, r"z_rest_reencoded has shape \(3,\)"),
        (
            {"z_rest_reencoded": REST[:, :1]},
            r"z_rest has shape \(3, 2\) and z_rest_reencoded \(3, 1\)",
        ),
        ({"z_rest": REST * np.nan}, "z_rest contains NaN"),
        ({"z_rest_reencoded": REST + np.inf}, "z_rest_reencoded contains NaN"),
        ({"factor": Y}, "only some of factor"),
        ({"factor_predicted": Y}, "only some of factor"),
        ({"factor_predicted_before": Y}, "only some of factor"),
        ({"factor": Y, "factor_predicted_before": Y}, "only some of factor"),
        (WRITERS | {"factor": Y[:2]}, r"factor has shape \(2,\)"),
        (WRITERS | {"factor_predicted": Y[:2]}, r"factor_predicted has shape \(2,\)"),
        (WRITERS | {"factor_predicted_before": Y[:2]}, r"factor_predicted_before has shape \(2,\)"),
        (
            WRITERS | {"factor_predicted": Y.astype(str)},
            "factor_predicted contains strings and factor numbers",
        ),
        (
            WRITERS | {"factor_predicted_before": Y.astype(str)},
            "factor_predicted_before contains strings",
        ),
    ],
)
def test_bad_input_of_swap_is_rejected(change: dict[str, Any], message: str):
    good: dict[str, Any] = {
        "y_target": Y,
        "y_predicted": Y,
        "z_rest": REST,
        "z_rest_reencoded": REST,
    }
    with pytest.raises(ValueError, match=message):
        swap(**(good | change))
