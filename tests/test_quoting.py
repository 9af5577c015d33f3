"""Messages show plain Python values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wvae import WVAE, Config
from wvae.datasets import load, open_data
from wvae.datasets.messages import check_integer, did_you_mean, preview, reject
from wvae.evaluation.clustering import gmm
from wvae.evaluation.probes import check_kinds
from wvae.evaluation.swap import swap_pairs
from wvae.validation import check_labels, class_indices
from wvae.validation.quoting import quoted


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.str_("cat"), "'cat'"),
        (np.int64(-3), "-3"),
        (np.uint8(3), "3"),
        (np.float32(0.1), "0.1"),
        (np.float64("nan"), "nan"),
        (np.bool_(True), "True"),
        (np.bytes_(b"cat"), "b'cat'"),
        (np.datetime64("2024-05-01", "ns"), "'2024-05-01T00:00:00.000000000'"),
        (np.array(["a", "b"]), "['a', 'b']"),
        (np.array([np.str_("a"), None], object), "['a', None]"),
        (np.array([[1, 2]], np.int32), "[[1, 2]]"),
        ((np.int64(1), np.str_("a")), "(1, 'a')"),
        ({np.str_("a"): np.int64(1)}, "{'a': 1}"),
        (Path("m/n"), "'m/n'"),
        ([Path("m")], "['m']"),
        (int, "int"),
        (object(), "a object"),
        ("it's", '"it\'s"'),
        (None, "None"),
    ],
)
def test_values_are_plain(value: Any, text: str) -> None:
    assert quoted(value) == text


CAT, DOG = np.str_("cat"), np.str_("dog")
FAILURES: dict[str, tuple[Callable[[], Any], str]] = {
    "one class": (lambda: check_labels(np.array(["cat", "cat"]), 2), "'cat'"),
    "a rare class": (lambda: check_labels(np.array(["cat", "cat", "dog"]), 3), "'dog'"),
    "a rare number": (lambda: check_labels(np.array([1, 1, 7]), 3), "(7)"),
    "an unseen label": (lambda: class_indices(np.array(["ant"]), np.array(["cat"])), "'ant'"),
    "classes": (lambda: class_indices(np.array(["ant"]), np.array([CAT], object)), "['cat']"),
    "an integer": (lambda: check_integer("size", np.float64(2.5), 1), "size is 2.5"),
    "a small integer": (lambda: check_integer("size", np.int64(0), 1), "size is 0"),
    "an option": (lambda: reject("m holds images", rate=np.int64(8), out=Path("a")), "out='a'"),
    "a path": (lambda: open_data(Path("gone")), "'gone'"),
    "factors": (lambda: open_data("gone", factors=DOG), "['dog']"),
    "a data set": (lambda: load(np.str_("gone")), "'gone'"),
    "a covariance": (lambda: gmm(np.zeros((4, 1)), 2, covariance=CAT), "'cat'"),  # pyright: ignore[reportArgumentType]
    "kinds": (lambda: check_kinds([np.str_("gone")]), "['gone']"),  # pyright: ignore[reportArgumentType]
    "one class to swap": (lambda: swap_pairs(np.array(["cat"] * 3), 2), "['cat']"),
    "a choice": (lambda: Config(alignment=CAT), "'cat'"),  # pyright: ignore[reportArgumentType]
    "a type": (lambda: Config(epochs=np.str_("a")), "'a'"),  # pyright: ignore[reportArgumentType]
    "a preset": (lambda: WVAE.preset(np.str_("gone")), "'gone'"),  # pyright: ignore[reportArgumentType]
}


@pytest.mark.parametrize(("fail", "text"), FAILURES.values(), ids=FAILURES)
def test_messages_show_plain_values(fail: Callable[[], Any], text: str) -> None:
    with pytest.raises((ValueError, TypeError)) as error:
        fail()
    message = str(error.value)
    assert text in message
    assert not any(name in message for name in ("np.", "numpy", "PosixPath", "<class"))


def test_previews_and_hints_show_plain_values() -> None:
    assert preview(np.array(["a", "b", "c"]), 2) == "'a', 'b' and 1 more"  # pyright: ignore[reportArgumentType]
    assert preview([np.int64(1), Path("m")]) == "1, 'm'"
    assert did_you_mean("writr", [np.str_("writer")]) == " – did you mean 'writer'?"
