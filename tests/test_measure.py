"""Measuring a model: stand-ins with a perfect split, or one fault that the metrics must show."""

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
from wvae.datasets.holdout import holdout_mask
from wvae.datasets.values import ValueScale
from wvae.estimator import WVAE
from wvae.reporting.summary import rows, summarise
from wvae.workflows import measure as protocol
from wvae.workflows.encoded_split import encode_split
from wvae.workflows.measure import measure
from wvae.workflows.progress import Silent

Array = np.ndarray
UNTOLD = "400 test examples do not tell the strongest probe"


@dataclass
class Halves:
    """A perfect split of planted images: z_label is the upper half, z_rest the lower half."""

    classifier_weight: float = 1.0
    noise: float = 0.02
    classes_: Any = None
    scale_ = ValueScale(white=255, unit_range=True)
    model_ = SimpleNamespace(uses_style=False)

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
    """z_rest holds the label in a way that no linear probe can use."""

    def encode(self, X: Array) -> tuple[Array, Array]:
        z_label, z_rest = super().encode(X)
        loud = (z_label.mean(1) > np.median(z_label.mean(1))).astype(np.float32)
        z_rest = z_rest.copy()
        z_rest[:, :8] = np.random.default_rng(0).normal(size=(len(X), 8)) * (
            0.1 + 5 * loud[:, None]
        )
        return z_label, z_rest


class Blind(Halves):
    """The decoder ignores z_label: z_rest is the whole image."""

    def encode(self, X: Array) -> tuple[Array, Array]:
        z_label, z_rest = super().encode(X)
        return z_label, np.hstack([z_label, z_rest])

    def decode(self, z_label: Array, z_rest: Array) -> Array:
        return z_rest.reshape(-1, 8, 8).clip(0, 1)


class Collapsed(Halves):
    """z_rest is constant."""

    def encode(self, X: Array) -> tuple[Array, Array]:
        return super().encode(X)[0], np.zeros((len(X), 32), np.float32)


class Empty(Halves):
    """z_label is noise, so the positive control must fail."""

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
        speed_up(patch)
        yield


def speed_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(protocol, "KINDS", ("logistic", "knn", "mlp"))
    patch.setattr(protocol, "MIN_JUDGE_EXAMPLES", 3000)
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
        speed_up(patch)
        return measure(stub(), data, judge_epochs=1)


# ----------------------------------------------------------------------------------------- metrics


def test_every_part_is_there_flat_and_finite(perfect: dict[str, float]):
    parts = [key.partition(".")[0] for key in perfect]
    assert list(dict.fromkeys(parts)) == [
        "leakage",
        "sufficiency",
        "rest",
        "clusters",
        "swap",
        "retrieval",
    ]
    assert all(type(value) is float and math.isfinite(value) for value in perfect.values())
    for key in (
        *(
            f"leakage.{part}.{kind}"
            for part in ("mean", "sample")
            for kind in ("logistic", "knn", "mlp", "max", "null")
        ),
        *(
            f"leakage.{key}"
            for key in (
                "max",
                "low",
                "high",
                "majority",
                "null",
                "linear",
                "positive_control",
                "clean",
            )
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
        *("swap.label", "swap.label.dog", "swap.rest_r2", "swap.judge", "swap.control.label"),
        *("swap.factor", "swap.factor.before", "swap.factor.chance"),
        *("swap.frechet", "swap.frechet.reconstruction", "swap.frechet.real"),
        *(f"retrieval.{metric}top1.{n}" for metric in ("", "within.") for n in (1, 3, 5, 10)),
        *("retrieval.people", "retrieval.chance"),
    ):
        assert key in perfect, key


def test_a_perfect_split_scores_high_and_its_leakage_is_not_decided_by_400_rows(
    perfect: dict[str, float],
):
    assert perfect["leakage.clean"] == 0.5
    assert perfect["leakage.low"] < perfect["leakage.majority"]
    assert perfect["leakage.positive_control"] > 0.98
    assert perfect["sufficiency.max"] > 0.98
    assert perfect["sufficiency.predict"] == pytest.approx(
        0.25, abs=1e-6
    )  # the stand-in always predicts "cat"
    assert abs(perfect["sufficiency.leak.writer"]) < 0.1
    assert perfect["rest.reconstruction.mse"] == pytest.approx(0, abs=1e-9)
    for key in (
        "rest.factor.writer.accuracy",
        "swap.label",
        "swap.judge",
        "swap.control.label",
        "retrieval.top1.1",
    ):
        assert perfect[key] > 0.95, key
    assert perfect["swap.rest_r2"] == pytest.approx(1)
    # Its reconstructions are the images themselves.
    assert perfect["swap.frechet.reconstruction"] == pytest.approx(perfect["swap.frechet.real"])
    assert perfect["swap.factor.before"] > 0.9
    assert perfect["swap.factor"] > 0.9
    assert perfect["retrieval.people"] == 5
    lines = summarise(perfect, "animal")
    assert len(lines) == 1
    amounts = (perfect[f"leakage.{name}"] for name in ("max", "low", "high", "majority"))
    assert lines[0].startswith(
        "leakage {:.2f} [{:.2f}, {:.2f}] against chance {:.2f}: ".format(*amounts)
    )
    assert UNTOLD in lines[0]
    assert lines[0].endswith("from a constant guess of the animal")


def test_the_top_level_is_the_worse_of_mean_and_sample(perfect: dict[str, float]):
    worse = max(("mean", "sample"), key=lambda part: perfect[f"leakage.{part}.max"])
    for key in ("max", "low", "high", "majority", "null", "information.lower", "information.upper"):
        assert perfect[f"leakage.{key}"] == perfect[f"leakage.{worse}.{key}"]
    assert perfect["leakage.linear"] == max(
        perfect[f"leakage.{part}.logistic"] for part in ("mean", "sample")
    )


def test_a_nonlinear_leak_is_not_clean(data: Dataset):
    metrics = measure(stub(Leaky), data, judge_epochs=1, quick=True)
    assert metrics["leakage.clean"] == 0
    assert metrics["leakage.max"] > metrics["leakage.majority"] + 0.15
    line = summarise(metrics, "animal")[0]
    assert "predicts the animal from" in line
    chance, highest = metrics["leakage.majority"], metrics["leakage.max"]
    share = 100 * (highest - chance) / (1 - chance)
    assert line.endswith(f"{share:.0f} % of the way from a constant guess to no error")


def test_a_decoder_that_ignores_z_label_has_a_low_swap_score(data: Dataset):
    metrics = measure(stub(Blind), data, judge_epochs=1, quick=True)
    assert metrics["swap.label"] < 0.05
    assert metrics["swap.control.label"] > 0.95
    assert metrics["swap.rest_r2"] > 0.95
    assert metrics["leakage.max"] > 0.95
    assert any("the decoder ignores z_label" in line for line in summarise(metrics))


@pytest.mark.slow
def test_an_empty_z_rest_gives_nothing_back(data: Dataset):
    metrics = measure(stub(Collapsed, noise=0.0), data, judge_epochs=1)
    assert metrics["leakage.max"] == pytest.approx(metrics["leakage.majority"], abs=0.02)
    assert metrics["swap.rest_r2"] == 0
    lines = summarise(metrics)
    assert any("do not keep their z_rest" in line for line in lines)
    assert any("z_rest contains none of the measured factors" in line for line in lines)


def test_an_empty_z_label_fails_the_control(data: Dataset):
    metrics = measure(stub(Empty), data, judge_epochs=1, quick=True)
    assert metrics["leakage.positive_control"] < 0.4
    assert any("the positive control fails" in line for line in summarise(metrics, "animal"))


@pytest.mark.slow
def test_a_fitted_model_is_measured(data: Dataset, small: dict[str, Any]):
    train = data.subset(data.split == "train")
    changes: dict[str, Any] = small | {"epochs": 8, "alignment": "gaussian", "finetune_epochs": 0}
    model = WVAE(**changes).fit(train.x, train.y)
    metrics = measure(model, data, judge_epochs=1)
    assert metrics["sufficiency.predict"] > 0.5
    assert metrics["rest.reconstruction"] > 0
    assert summarise(metrics)


# ------------------------------------------------------------------------------------ the protocol


@pytest.mark.slow
def test_the_seed_alone_decides_the_metrics(data: Dataset):
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    torch_before = torch.random.get_rng_state()
    a, b, c = (measure(stub(), data, judge_epochs=1, quick=True, seed=seed) for seed in (3, 3, 4))
    assert a == b
    assert a != c
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_before)


def test_quick_keeps_to_the_mean_and_the_swap(data: Dataset, perfect: dict[str, float]):
    seen: list[tuple[str, int, int]] = []

    class Recorder:
        @contextmanager
        def task(self, name: str, total: int, later: Any = None) -> Iterator[Callable[[int], None]]:
            done: list[int] = []
            yield done.append
            seen.append((name, total, done[-1]))

    metrics = measure(stub(), data, quick=True, progress=Recorder())
    assert set(metrics) < set(perfect)
    assert {key.partition(".")[0] for key in metrics} == {"leakage", "swap"}
    assert not any(key.startswith(("leakage.sample", "swap.factor")) for key in metrics)
    assert [name for name, *_ in seen] == [
        "encoding planted",
        "measuring leakage",
        "decoding swaps",
        "training a judge of the label",
    ]
    assert all(total == last for _, total, last in seen)
    assert seen[3][1] == 3000 / 600  # as many passes as it takes


@pytest.mark.slow
def test_judges_and_probes_are_trained_on_training_rows_only(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
):
    train = {x.tobytes() for x in data.x[data.split == "train"]}
    n_rows, train_cnn, leakage = [], protocol.train_cnn, protocol.leakage.leakage

    def check_images(x: Array, target: Array, **options: Any) -> Any:
        n_rows.append(len(target))
        assert all(image.tobytes() in train for image in x)
        return train_cnn(x, target, **options)

    def check_codes(codes: Array, y: Array, *rest: Any, **options: Any) -> dict[str, float]:
        n_rows.append(len(y))
        assert len(codes) == 600
        return leakage(codes, y, *rest, **options)

    monkeypatch.setattr(protocol, "train_cnn", check_images)
    monkeypatch.setattr(protocol.leakage, "leakage", check_codes)
    measure(stub(), data, judge_epochs=1)
    assert n_rows == [600] * 5  # mean, sample, control; judges of label and writer


def test_without_a_split_the_test_rows_are_those_of_the_seed(data: Dataset):
    bare = replace(data, split=None)
    split = encode_split(stub(), bare, None, (10_000, 50), 7, samples=False)
    is_test = holdout_mask(bare, 7)
    np.testing.assert_array_equal(split.x[0], bare.x[~is_test])
    assert len(split.x[1]) == 50  # max_rows, all from the test part
    tests = {x.tobytes() for x in bare.x[is_test]}
    assert all(x.tobytes() in tests for x in split.x[1])
    np.testing.assert_array_equal(split.z_rest[1], stub().encode(split.x[1])[1])


@pytest.mark.slow
def test_people_new_to_training_are_verified(data: Dataset):
    writer = data.factors["writer"] + 100 * (data.split == "test")
    metrics = measure(stub(), replace(data, factors={"writer": writer}), judge_epochs=1)
    assert metrics["retrieval.verification.eer.1"] < 0.1
    assert metrics["retrieval.verification.people"] == 5
    assert metrics["retrieval.top1.1"] > 0.9
    assert metrics["retrieval.pairs.accuracy"] > 0.9
    of_known_people = ("swap.factor", "rest.factor", "sufficiency.leak.writer")
    shown = {key for key in metrics if key.startswith(of_known_people)}
    assert shown == {"rest.factor.writer.new.accuracy", "rest.factor.writer.new.chance"}


@pytest.mark.slow
def test_several_categorical_factors_are_scored_under_their_names(data: Dataset):
    factors = {
        "writer": data.factors["writer"],
        "handedness": np.where(data.factors["writer"] < 2, "left", "right"),
    }
    both = replace(data, factors=factors)
    metrics = measure(stub(), both, factors=["writer", "handedness"], judge_epochs=1)
    for key in (
        "retrieval.writer.top1.1",
        "retrieval.handedness.within.top1.3",
        "swap.handedness.factor",
        "swap.writer.factor",
    ):
        assert key in metrics
    assert metrics["swap.handedness.factor.chance"] > metrics["swap.writer.factor.chance"]
    shown = {f"{row.group}.{row.name}": row.chance for row in rows(metrics)}
    assert shown["retrieval.writer.within.top1.3"] == pytest.approx(0.2)
    assert shown["swap.handedness.factor.before"] == metrics["swap.handedness.factor.chance"]
    metrics = measure(stub(), both, judge_epochs=1)  # by default only the writer
    assert "retrieval.top1.1" in metrics
    assert "rest.factor.handedness.accuracy" in metrics


@pytest.mark.slow
def test_given_continuous_factors_replace_the_measured_ones(data: Dataset):
    ink = data.x[:, 4:].mean((1, 2)) / 255
    metrics = measure(stub(), replace(data, factors={"ink": ink}), judge_epochs=1)
    assert metrics["rest.r2.ink"] > 0.95
    assert not any(
        "measured" in key or key.startswith(("retrieval", "swap.factor")) for key in metrics
    )


@pytest.mark.slow
def test_constants_and_ids_are_left_out(data: Dataset):
    useless = {
        "room": np.full(len(data), 3),
        "file": np.arange(len(data)),
        "lamp": np.full(len(data), 0.5),
    }
    metrics = measure(stub(), replace(data, factors=useless), judge_epochs=1)
    assert not any(name in key for key in metrics for name in useless)
    for name in useless:
        with pytest.raises(ValueError, match=f"factor {name} has .* in 1000 rows"):
            measure(stub(), replace(data, factors=useless), factors=[name])


@pytest.mark.slow
def test_tables_are_swapped_without_a_judge(data: Dataset):
    flat = replace(data, x=data.x.reshape(len(data), 64), kind="table")

    class Flat(Halves):
        def decode(self, z_label: Array, z_rest: Array) -> Array:
            return np.hstack([z_label, z_rest]).clip(0, 1)

    metrics = measure(stub(Flat), flat)
    assert metrics["swap.rest_r2"] == pytest.approx(1)
    assert [key for key in metrics if key.startswith("swap")] == ["swap.rest_r2"]
    assert not any("measured" in key for key in metrics)
    assert any("no classifier judged the label" in line for line in summarise(metrics))


def test_a_model_without_a_classifier_has_no_accuracy(data: Dataset):
    model = stub(classifier_weight=0.0)
    split = encode_split(model, data, [], (600, 400), 0, samples=False)
    assert "sufficiency.predict" not in protocol._sufficiency(model, split, 0, Silent())


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        (
            {},
            {"factors": ["speaker"]},
            r"'speaker' \(its factors: writer\)",
        ),
        (
            {"split": np.repeat("train", 1000)},
            {},
            "planted has 0 test rows among 1000 rows",
        ),
        (
            {"y": np.repeat(["ant", "yak"], 500)},
            {},
            r"planted has the labels \['yak'\].*\['ant'",
        ),
        (
            {"factors": {"slant": np.full(1000, np.nan)}},
            {},
            "factor slant of planted has missing values",
        ),
        (
            {"factors": {"who": np.array([None, 1] * 500)}},
            {},
            "factor who of planted has missing values",
        ),
    ],
)
def test_unsuitable_data_are_rejected(
    data: Dataset, changes: dict[str, Any], options: dict[str, Any], message: str
):
    with pytest.raises(ValueError, match=message):
        measure(stub(), replace(data, **changes), **options)


# ------------------------------------------------------------------------------------- the summary


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


def test_a_weak_judge_is_reported(perfect: dict[str, float]):
    assert any(
        "that judges swapped examples is weak" in line
        for line in summarise(perfect | {"swap.judge": 0.5})
    )


def test_a_summary_needs_the_probes():
    metrics = {
        "leakage.max": 0.5,
        "leakage.low": 0.4,
        "leakage.high": 0.6,
        "leakage.rows": 99.0,
        "leakage.majority": 0.1,
        "leakage.clean": 0.0,
    }
    with pytest.raises(ValueError, match=r"leakage\.max is 0\.5"):
        summarise(metrics)
