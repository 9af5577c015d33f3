"""Swapped images: scores worked out by hand, and decoders that ignore one of the codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from wvae.evaluation.swap import swap, swap_pairs

Array = np.ndarray


@pytest.mark.parametrize(
    "y", [np.repeat([0, 1, 2], [80, 15, 5]), np.array(["b", "a"] * 10), np.arange(9)]
)
def test_labels_of_a_pair_differ_and_rows_are_rows(y: Array):
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


def test_pairs_depend_on_the_seed_alone_and_global_states_are_left_alone():
    before, torch_before = np.random.get_state(legacy=False), torch.random.get_rng_state()  # noqa: NPY002
    y = np.arange(40) % 4
    np.testing.assert_array_equal(swap_pairs(y, 50, seed=3), swap_pairs(y, 50, seed=3))
    assert not np.array_equal(swap_pairs(y, 50, seed=3), swap_pairs(y, 50, seed=4))
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_before)


@pytest.mark.parametrize(
    ("y", "n", "message"),
    [
        (np.array([7, 7]), 3, r"y has the classes \[7\], expected two or more"),
        (np.zeros((4, 2)), 3, r"y has shape \(4, 2\), expected \(n,\)"),
        (np.zeros(0), 3, r"y has shape \(0,\), expected \(n,\) with at least one row"),
        (np.array([0, 1, np.nan]), 3, "y holds NaN or None"),
        (np.array(["a", "b", None]), 3, "y holds NaN or None"),
        (np.array([0, 1]), 0, "n is 0, expected at least 1 pair"),
    ],
)
def test_pairs_say_what_is_wrong(y: Array, n: int, message: str):
    with pytest.raises(ValueError, match=message):
        swap_pairs(y, n)


def test_a_case_worked_out_by_hand():
    found = swap(
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
    assert found == {
        "test.swap.label": 3 / 4,
        "test.swap.label.cat": 2 / 3,
        "test.swap.label.dog": 1,
        "test.swap.rest_r2": 1 - 2 / 8,
        "test.swap.factor": 2 / 4,
        "test.swap.factor.before": 3 / 4,
        "test.swap.factor.chance": 3 / 4,
    }


def test_writers_are_optional_and_so_is_their_ceiling():
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


# A toy where the codes are the image: z_label is the label, z_rest 3 numbers, of which the first tells the writer.


class Toy:
    """Swap 4,000 pairs through a decoder that may ignore a code, and score what the 'encoder' reads again."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.y = rng.integers(10, size=1000)
        self.rest = rng.normal(size=(1000, 3))
        self.writer = np.digitize(self.rest[:, 0], [-0.7, 0.0, 0.7])
        self.a, self.b = swap_pairs(self.y, 4000)

    def scores(self, label_of: Array, rest_of: Array) -> dict[str, float]:
        """Score a decoder that shows the label of one row of each pair and the rest of one row."""
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


def test_a_decoder_that_uses_both_codes_scores_full(toy: Toy):
    found = toy.scores(label_of=toy.a, rest_of=toy.b)
    chance = found.pop("swap.factor.chance")
    assert set(found.values()) == {1}
    assert 0.25 <= chance < 0.3
    assert len(found) == 1 + 10 + 1 + 2


def test_a_decoder_that_ignores_z_label_scores_no_label(toy: Toy):
    found = toy.scores(label_of=toy.b, rest_of=toy.b)
    assert (
        found["swap.rest_r2"] == found["swap.factor"] == 1
    )  # why the label must be read beside them
    assert found["swap.label"] == 0
    assert all(found[f"swap.label.{digit}"] == 0 for digit in range(10))


def test_a_decoder_that_ignores_z_rest_keeps_no_rest(toy: Toy):
    found = toy.scores(label_of=toy.a, rest_of=toy.a)
    assert found["swap.label"] == 1
    # Another's rest has the same variance and nothing in common: 1 − 2 = −1.
    assert found["swap.rest_r2"] == pytest.approx(-1, abs=0.1)
    assert found["swap.factor"] == pytest.approx(found["swap.factor.chance"], abs=0.04)
    assert found["swap.factor.before"] == 1


def test_one_picture_per_label_keeps_no_rest(toy: Toy):
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


def test_shrunken_rest_is_half_kept(toy: Toy):
    # Coming back half as large: error ¼ of the variance.
    rest, y = toy.rest[toy.b] - toy.rest[toy.b].mean(0), toy.y[toy.a]
    assert swap(y, y, rest, rest / 2)["swap.rest_r2"] == pytest.approx(0.75)


Y, REST = np.array([0, 1, 0]), np.array([[0.0, 1], [2, 3], [4, 4]])
WRITERS: dict[str, Any] = {"who": Y, "who_read": Y}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_read": Y[:2]}, "y_read has 2 rows and y_wanted 3, expected as many"),
        ({"y_wanted": Y[:, None]}, r"y_wanted has shape \(3, 1\), expected \(n,\)"),
        ({"y_wanted": Y[:0]}, r"y_wanted has shape \(0,\), expected \(n,\) with at least one row"),
        ({"y_read": np.array([0, 1, np.nan])}, "y_read holds NaN or None"),
        (
            {"y_read": Y.astype(str)},
            "y_wanted holds numbers and y_read words, expected the same: convert",
        ),
        ({"rest": REST[:2]}, r"rest has shape \(2, 2\), expected \(3, d\)"),
        ({"rest_again": REST[:, 0]}, r"rest_again has shape \(3,\), expected \(3, d\)"),
        (
            {"rest_again": REST[:, :1]},
            r"rest has shape \(3, 2\) and rest_again \(3, 1\), expected the same",
        ),
        ({"rest": REST * np.nan}, "rest holds NaN or infinite values"),
        ({"rest_again": REST + np.inf}, "rest_again holds NaN or infinite values"),
        ({"who": Y}, "writers came in part"),
        ({"who_read": Y}, "writers came in part"),
        ({"who_read_before": Y}, "writers came in part"),
        ({"who": Y, "who_read_before": Y}, "writers came in part"),
        (WRITERS | {"who": Y[:2]}, "who has 2 rows and y_wanted 3"),
        (WRITERS | {"who_read": Y[:2]}, "who_read has 2 rows and y_wanted 3"),
        (WRITERS | {"who_read_before": Y[:2]}, "who_read_before has 2 rows and y_wanted 3"),
        (WRITERS | {"who_read": Y.astype(str)}, "who holds numbers and who_read words"),
        (
            WRITERS | {"who_read_before": Y.astype(str)},
            "who holds numbers and who_read_before words",
        ),
    ],
)
def test_swap_says_what_is_wrong(change: dict[str, Any], message: str):
    good: dict[str, Any] = {"y_wanted": Y, "y_read": Y, "rest": REST, "rest_again": REST}
    with pytest.raises(ValueError, match=message):
        swap(**(good | change))
