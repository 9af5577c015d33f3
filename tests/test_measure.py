"""Measuring a model: stand-ins whose split is perfect, or broken in one way that the figures must show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from conftest import LABELS, plant
from wvae.datasets import Dataset
from wvae.estimator import WVAE
from wvae.reporting.summary import rows, summarise
from wvae.workflows import measure as protocol
from wvae.workflows.fit import held_out
from wvae.workflows.measure import measure
from wvae.workflows.measured_rows import encoded

Array = np.ndarray
SHARP, BLUNT = "clean: ", "not clean: "


@dataclass
class Halves:
    """A perfect split of the planted images: the upper half is the label's, the lower one the rest's."""

    classifier_weight: float = 1.0
    noise: float = 0.02
    classes_: Any = None

    def __post_init__(self) -> None:
        self.classes_ = np.array(LABELS)
        self.config_ = SimpleNamespace(classifier_weight=self.classifier_weight, random_state=0)

    def encode(self, X: Array) -> tuple[Array, Array]:
        scaled = X.reshape(len(X), -1).astype(np.float32) / (255 if X.dtype == np.uint8 else 1)
        return scaled[:, :32], scaled[:, 32:]

    def sample(self, X: Array, seed: int = 0) -> tuple[Array, Array]:
        rng = np.random.default_rng(seed)
        return tuple(z + self.noise * rng.normal(size=z.shape) for z in self.encode(X))  # pyright: ignore

    def decode(self, z_label: Array, z_rest: Array) -> Array:
        return np.hstack([z_label, z_rest]).reshape(-1, 8, 8).clip(0, 1)

    def predict(self, X: Array) -> Array:
        return np.full(len(X), "cat")


class Leaky(Halves):
    """The label is written into z_rest, in a way that no line can read."""

    def encode(self, X: Array) -> tuple[Array, Array]:
        z_label, z_rest = super().encode(X)
        loud = (z_label.mean(1) > np.median(z_label.mean(1))).astype(np.float32)
        z_rest = z_rest.copy()
        z_rest[:, :8] = np.random.default_rng(0).normal(size=(len(X), 8)) * (
            0.1 + 5 * loud[:, None]
        )
        return z_label, z_rest


class Blind(Halves):
    """The decoder does not look at z_label: z_rest is the whole image."""

    def encode(self, X: Array) -> tuple[Array, Array]:
        z_label, z_rest = super().encode(X)
        return z_label, np.hstack([z_label, z_rest])

    def decode(self, z_label: Array, z_rest: Array) -> Array:
        return z_rest.reshape(-1, 8, 8).clip(0, 1)


class Collapsed(Halves):
    """z_rest is the same for all."""

    def encode(self, X: Array) -> tuple[Array, Array]:
        return super().encode(X)[0], np.zeros((len(X), 32), np.float32)


class Empty(Halves):
    """z_label holds noise: what reads nothing from it could not read anything from z_rest."""

    def encode(self, X: Array) -> tuple[Array, Array]:
        return np.random.default_rng(0).normal(size=(len(X), 3)).astype(np.float32), super().encode(
            X
        )[1]

    def decode(self, z_label: Array, z_rest: Array) -> Array:
        return np.hstack([np.zeros((len(z_rest), 32)), z_rest]).reshape(-1, 8, 8).clip(0, 1)


def stub(kind: type[Halves] = Halves, **options: Any) -> WVAE:
    return kind(**options)  # pyright: ignore[reportReturnType]


@pytest.fixture(autouse=True)
def few_probes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        yield


def quicken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(protocol, "KINDS", ("logistic", "knn", "mlp"))
    patch.setattr(protocol, "SEEN", 6000)
    patch.setattr("wvae.evaluation.probes.EPOCHS", 12)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """600 images for training and 400 for test, of the same five writers."""
    parts = plant(30), plant(20, seed=1)
    x, y, writer = (
        np.concatenate(c)
        for c in zip(*((p.x, p.y, p.factors["writer"]) for p in parts), strict=True)
    )
    split = np.repeat(["train", "test"], [600, 400])
    return Dataset(x, y, {"writer": writer}, split=split, name="planted", label_name="animal")


@pytest.fixture(scope="module")
def perfect(data: Dataset) -> dict[str, float]:
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        return measure(stub(), data, reader_epochs=1)


# ------------------------------------------------------------------------------------------ what is found


def test_every_part_is_there_flat_and_finite(perfect: dict[str, float]):
    parts = [key.partition(".")[0] for key in perfect]
    assert list(dict.fromkeys(parts)) == ["leakage", "sufficiency", "rest", "swap", "retrieval"]
    assert all(type(value) is float and math.isfinite(value) for value in perfect.values())
    for key in (
        *(
            f"leakage.{part}.{kind}"
            for part in ("mean", "sample")
            for kind in ("logistic", "knn", "mlp", "max", "null")
        ),
        *(
            f"leakage.{key}"
            for key in ("max", "low", "high", "majority", "null", "linear", "control", "clean")
        ),
        *("leakage.information.lower", "leakage.information.upper"),
        *(
            "sufficiency.max",
            "sufficiency.predict",
            "sufficiency.leak.writer",
            "sufficiency.leak.measured.slant",
        ),
        *(
            "rest.reconstruction",
            "rest.reconstruction.cat",
            "rest.reconstruction.mse",
            "rest.r2.measured.width",
        ),
        *(
            "rest.r2.given_label.measured.thickness",
            "rest.factor.writer.accuracy",
            "rest.factor.writer.within_label",
        ),
        *("swap.label", "swap.label.dog", "swap.rest_r2", "swap.reader", "swap.control.label"),
        *("swap.factor", "swap.factor.before", "swap.factor.chance"),
        *(f"retrieval.{metric}top1.{n}" for metric in ("", "within.") for n in (1, 3, 5, 10)),
        *("retrieval.people", "retrieval.chance"),
    ):
        assert key in perfect, key


def test_a_perfect_split_is_told_as_one(perfect: dict[str, float]):
    assert perfect["leakage.clean"] == 1
    assert perfect["leakage.control"] > 0.98
    assert perfect["sufficiency.max"] > 0.98
    assert perfect["sufficiency.predict"] == pytest.approx(
        0.25, abs=1e-6
    )  # the stand-in always says "cat"
    assert abs(perfect["sufficiency.leak.writer"]) < 0.1
    assert perfect["rest.reconstruction.mse"] == pytest.approx(0, abs=1e-9)
    for key in (
        "rest.factor.writer.accuracy",
        "swap.label",
        "swap.reader",
        "swap.control.label",
        "retrieval.top1.1",
    ):
        assert perfect[key] > 0.95, key
    assert perfect["swap.rest_r2"] == pytest.approx(1)
    assert perfect["swap.factor.before"] > 0.9
    assert perfect["swap.factor"] > 0.9
    assert perfect["retrieval.people"] == 5
    lines = summarise(perfect, "animal")
    assert len(lines) == 1
    assert lines[0].startswith(SHARP)
    assert "predicts the animal from" in lines[0]


def test_the_top_level_is_the_worse_of_mean_and_sample(perfect: dict[str, float]):
    worse = max(("mean", "sample"), key=lambda part: perfect[f"leakage.{part}.max"])
    for key in ("max", "low", "high", "majority", "null", "information.lower", "information.upper"):
        assert perfect[f"leakage.{key}"] == perfect[f"leakage.{worse}.{key}"]
    assert perfect["leakage.linear"] == max(
        perfect[f"leakage.{part}.logistic"] for part in ("mean", "sample")
    )


def test_a_leak_that_no_line_reads_is_not_clean(data: Dataset):
    found = measure(stub(Leaky), data, reader_epochs=1, quick=True)
    assert found["leakage.clean"] == 0
    assert found["leakage.max"] > found["leakage.majority"] + 0.15
    assert summarise(found, "animal")[0].startswith(BLUNT)


def test_a_decoder_that_ignores_z_label_shows(data: Dataset):
    found = measure(stub(Blind), data, reader_epochs=1, quick=True)
    assert found["swap.label"] < 0.05
    assert found["swap.control.label"] > 0.95
    assert found["swap.rest_r2"] > 0.95
    assert found["leakage.max"] > 0.95
    assert any("the decoder ignores z_label" in line for line in summarise(found))


def test_a_z_rest_that_holds_nothing_shows(data: Dataset):
    found = measure(stub(Collapsed, noise=0.0), data, reader_epochs=1)
    assert found["leakage.clean"] == 1
    assert found["swap.rest_r2"] == 0
    lines = summarise(found)
    assert any("do not keep their z_rest" in line for line in lines)
    assert any("z_rest contains none of the measured factors" in line for line in lines)


def test_a_control_that_fails_shows(data: Dataset):
    found = measure(stub(Empty), data, reader_epochs=1, quick=True)
    assert found["leakage.control"] < 0.4
    assert any("the positive control fails" in line for line in summarise(found, "animal"))


def test_a_real_model_goes_through(data: Dataset, small: dict[str, Any]):
    train = data.subset(data.split == "train")
    changes: dict[str, Any] = small | {"epochs": 8}
    model = WVAE(**changes).fit(train.x, train.y)
    found = measure(model, data, reader_epochs=1)
    assert found["sufficiency.predict"] > 0.5
    assert found["rest.reconstruction"] > 0
    assert summarise(found)


# ------------------------------------------------------------------------------------------ the protocol


def test_the_same_seed_gives_the_same_figures_and_global_states_are_left_alone(data: Dataset):
    before, torch_before = np.random.get_state(legacy=False), torch.random.get_rng_state()  # noqa: NPY002
    a, b, c = (measure(stub(), data, reader_epochs=1, quick=True, seed=seed) for seed in (3, 3, 4))
    assert a == b
    assert a != c
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_before)


def test_quick_keeps_to_the_mean_and_the_swap(data: Dataset, perfect: dict[str, float]):
    seen: list[tuple[str, int, int]] = []

    class Watching:
        @contextmanager
        def task(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
            done: list[int] = []
            yield done.append
            seen.append((name, total, done[-1]))

    found = measure(stub(), data, quick=True, progress=Watching())
    assert set(found) < set(perfect)
    assert {key.partition(".")[0] for key in found} == {"leakage", "swap"}
    assert not any(key.startswith(("leakage.sample", "swap.factor")) for key in found)
    assert [name for name, *_ in seen] == [
        "measuring leakage",
        "a reader of the label",
        "measuring swap",
    ]
    assert all(total == last for _, total, last in seen)
    assert seen[1][1] == 6000 / 600  # as many passes as it takes


def test_readers_and_probes_learn_from_train_rows_only(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
):
    train = {x.tobytes() for x in data.x[data.split == "train"]}
    learnt, train_cnn, leakage = [], protocol.train_cnn, protocol.leakage.leakage

    def watch(x: Array, target: Array, **options: Any) -> Any:
        learnt.append(len(target))
        assert all(image.tobytes() in train for image in x)
        return train_cnn(x, target, **options)

    def look(codes: Array, y: Array, *rest: Any, **options: Any) -> dict[str, float]:
        learnt.append(len(y))
        assert len(codes) == 600
        return leakage(codes, y, *rest, **options)

    monkeypatch.setattr(protocol, "train_cnn", watch)
    monkeypatch.setattr(protocol.leakage, "leakage", look)
    measure(stub(), data, reader_epochs=1)
    assert learnt == [600] * 5  # mean, sample, control; readers of label and writer


def test_without_a_split_the_test_rows_are_those_of_the_seed(data: Dataset):
    bare = replace(data, split=None)
    coded = encoded(stub(), bare, None, (10_000, 50), 7, samples=False)
    is_test = held_out(bare, 7)
    np.testing.assert_array_equal(coded.x[0], bare.x[~is_test])
    assert len(coded.x[1]) == 50  # no more than asked for, and of the test part
    tests = {x.tobytes() for x in bare.x[is_test]}
    assert all(x.tobytes() in tests for x in coded.x[1])
    np.testing.assert_array_equal(coded.z_rest[1], stub().encode(coded.x[1])[1])


def test_people_whom_training_never_saw_are_verified(data: Dataset):
    writer = data.factors["writer"] + 100 * (data.split == "test")
    found = measure(stub(), replace(data, factors={"writer": writer}), reader_epochs=1)
    assert found["retrieval.verification.eer.1"] < 0.1
    assert found["retrieval.verification.people"] == 5
    assert found["retrieval.top1.1"] > 0.9
    assert not any(
        key.startswith(("swap.factor", "rest.factor", "sufficiency.leak.writer")) for key in found
    )


def test_several_categories_are_told_apart_by_name(data: Dataset):
    factors = {
        "writer": data.factors["writer"],
        "hand": np.where(data.factors["writer"] < 2, "left", "right"),
    }
    both = replace(data, factors=factors)
    found = measure(stub(), both, factors=["writer", "hand"], reader_epochs=1)
    for key in (
        "retrieval.writer.top1.1",
        "retrieval.hand.within.top1.3",
        "swap.hand.factor",
        "swap.writer.factor",
    ):
        assert key in found
    assert found["swap.hand.factor.chance"] > found["swap.writer.factor.chance"]
    shown = {f"{row.group}.{row.name}": row.chance for row in rows(found)}
    assert shown["retrieval.writer.within.top1.3"] == pytest.approx(0.2)
    assert shown["swap.hand.factor.before"] == found["swap.hand.factor.chance"]
    found = measure(
        stub(), both, reader_epochs=1
    )  # nobody was named: the writer alone is searched for
    assert "retrieval.top1.1" in found
    assert "rest.factor.hand.accuracy" in found


def test_known_continuous_factors_take_the_place_of_measured_ones(data: Dataset):
    ink = data.x[:, 4:].mean((1, 2)) / 255
    found = measure(stub(), replace(data, factors={"ink": ink}), reader_epochs=1)
    assert found["rest.r2.ink"] > 0.95
    assert not any(
        "measured" in key or key.startswith(("retrieval", "swap.factor")) for key in found
    )


def test_constants_and_ids_are_left_out_unless_named(data: Dataset):
    useless = {
        "room": np.full(len(data), 3),
        "file": np.arange(len(data)),
        "lamp": np.full(len(data), 0.5),
    }
    found = measure(stub(), replace(data, factors=useless), reader_epochs=1)
    assert not any(name in key for key in found for name in useless)
    for name in useless:
        with pytest.raises(
            ValueError, match=f"factor {name} has .* values in 1000 rows, so nothing can be learnt"
        ):
            measure(stub(), replace(data, factors=useless), factors=[name])


def test_what_is_no_image_is_swapped_but_not_read(data: Dataset):
    flat = replace(data, x=data.x.reshape(len(data), 64), kind="table")

    class Flat(Halves):
        def decode(self, z_label: Array, z_rest: Array) -> Array:
            return np.hstack([z_label, z_rest]).clip(0, 1)

    found = measure(stub(Flat), flat)
    assert found["swap.rest_r2"] == pytest.approx(1)
    assert [key for key in found if key.startswith("swap")] == ["swap.rest_r2"]
    assert not any("measured" in key for key in found)
    assert any("no classifier judged the label" in line for line in summarise(found))


def test_a_model_without_labels_has_no_classifier_to_ask(data: Dataset):
    model = stub(classifier_weight=0.0)
    coded = encoded(model, data, [], (600, 400), 0, samples=False)
    assert "sufficiency.predict" not in protocol._sufficiency(model, coded, 0)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        (
            {},
            {"factors": ["speaker"]},
            r"planted does not know the factor 'speaker' \(its factors: writer\)",
        ),
        (
            {"split": np.repeat("train", 1000)},
            {},
            "planted has 0 test rows of 1000 with a label, expected some",
        ),
        (
            {"y": np.repeat(["ant", "yak"], 500)},
            {},
            r"planted has the labels \['yak'\], the model knows \['ant'",
        ),
        (
            {"factors": {"slant": np.full(1000, np.nan)}},
            {},
            "factor slant of planted holds NaN or None",
        ),
        (
            {"factors": {"who": np.array([None, 1] * 500)}},
            {},
            "factor who of planted holds NaN or None",
        ),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is(
    data: Dataset, changes: dict[str, Any], options: dict[str, Any], message: str
):
    with pytest.raises(ValueError, match=message):
        measure(stub(), replace(data, **changes), **options)


# ------------------------------------------------------------------------------------------ the verdict


def test_rows_leave_out_single_labels_and_chance_itself(perfect: dict[str, float]):
    shown = {f"{row.group}.{row.name}": row for row in rows(perfect)}
    assert not any(
        key.endswith((".majority", ".null", ".low", ".high", ".chance")) for key in shown
    )
    assert not {"swap.label.cat", "rest.reconstruction.cat", "leakage.clean"} & set(shown)
    chance = max(perfect["leakage.mean.majority"], perfect["leakage.mean.null"])
    assert shown["leakage.mean.mlp"].chance == chance
    assert shown["leakage.max"].interval == (perfect["leakage.low"], perfect["leakage.high"])
    assert shown["leakage.mean.information.lower"].chance is None
    assert (
        shown["rest.factor.writer.within_label"].chance
        == perfect["rest.factor.writer.within_label.chance"]
    )
    assert shown["rest.r2.mean"].chance is None
    assert (
        shown["swap.factor"].chance
        == shown["swap.factor.before"].chance
        == perfect["swap.factor.chance"]
    )
    assert shown["retrieval.top1.10"].chance == 0.2
    assert all(shown[key].value == perfect[key] for key in shown)


def test_a_weak_reader_is_said(perfect: dict[str, float]):
    assert any(
        "that judges swapped examples is weak" in line
        for line in summarise(perfect | {"swap.reader": 0.5})
    )


def test_a_verdict_needs_the_probes():
    found = {
        "leakage.max": 0.5,
        "leakage.low": 0.4,
        "leakage.high": 0.6,
        "leakage.majority": 0.1,
        "leakage.clean": 0.0,
    }
    with pytest.raises(ValueError, match=r"leakage\.max is 0\.5"):
        summarise(found)
