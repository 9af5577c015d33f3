"""What Python users pass: read right, or refused in one line before work begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from wvae.datasets import Dataset, open_data
from wvae.datasets.values import ValueScale
from wvae.estimator import WVAE
from wvae.io.files import ModelFileError, read_tensors, write_tensors
from wvae.workflows.measure import measure

pytestmark = pytest.mark.filterwarnings(
    "ignore::wvae.training.diagnostics.TrainingWarning", "ignore:X (has|does not have)"
)
N = 60
RNG = np.random.default_rng(0)
Y = np.arange(N) % 2
TABLE = RNG.normal(5, 2, (N, 3)) * [1, 10, 100] + 6 * Y[:, None]
FRAME = pd.DataFrame(TABLE, columns=["a", "b", "c"])
IMAGES = RNG.integers(0, 256, (N, 6, 6)).astype(np.uint8)
DATES = pd.date_range("2024", periods=N)


def small(**changes: Any) -> WVAE:
    values: dict[str, Any] = {
        "d_label": 2,
        "d_rest": 2,
        "width": 8,
        "depth": 1,
        "epochs": 1,
        "alignment": "none",
        "finetune_epochs": 0,
        "min_steps_per_epoch": 1,
        "device": "cpu",
    }
    return WVAE(**values | changes)


@pytest.fixture(scope="module")
def table_model() -> WVAE:
    return small().fit(TABLE, Y)


@pytest.fixture(scope="module")
def image_model() -> WVAE:
    return small().fit(IMAGES, Y)


def one_line(error: BaseException) -> str:
    message = str(error)
    assert "\n" not in message
    return message


# ------------------------------------------------------------------------- containers


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: torch.tensor(x, requires_grad=True),
        lambda x: torch.tensor(x).to_sparse(),
        lambda x: x.astype(x.dtype.newbyteorder(">")),
        lambda x: np.ma.MaskedArray(x),
        lambda x: np.asfortranarray(x),
        lambda x: pd.DataFrame(x).astype("category"),
        lambda x: pd.DataFrame(x).astype("Float64"),
        lambda x: pd.DataFrame(x, dtype=object),
    ],
)
def test_a_table_in_any_container_has_the_same_codes(
    table_model: WVAE, convert: Callable[[Any], Any]
):
    for z, expected in zip(
        table_model.encode(convert(TABLE)), table_model.encode(TABLE), strict=True
    ):
        np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: torch.tensor(x.astype(np.float32), requires_grad=True),
        lambda x: torch.tensor(x).bfloat16(),  # holds whole numbers up to 256
        lambda x: np.asfortranarray(x),
        lambda x: x[:, ::-1].copy()[:, ::-1],
    ],
)
def test_images_in_any_container_have_the_same_codes(
    image_model: WVAE, convert: Callable[[Any], Any]
):
    for z, expected in zip(
        image_model.encode(convert(IMAGES)), image_model.encode(IMAGES), strict=True
    ):
        np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.ma.masked_greater(TABLE, 500), ["masked"]),
        (FRAME.assign(c=DATES), ["'c'", "datetime64"]),
        (FRAME.assign(b=DATES.to_period("D")), ["'b'", "period"]),
        (FRAME.assign(b=DATES - DATES[0]), ["'b'", "timedelta64"]),
        ((TABLE * 1e9).astype("M8[ns]"), ["datetime64"]),
        (FRAME.assign(c="x"), ["'x'", "row 1", "column 'c'"]),
        (FRAME.assign(b=np.where(np.arange(N) == 6, "<5", "1")), ["'<5'", "row 7", "'b'"]),
        (FRAME.set_axis(["a", "a", "c"], axis=1), ["'a'", "several columns"]),
        (TABLE * 1j, ["complex128", "X.real"]),
        ([[1, 2, 3], [1, 2]], ["several shapes"]),
        (np.where(np.arange(N)[:, None] == 3, np.nan, TABLE), ["NaN", "row 4, column 1"]),
        (torch.empty(N, 3, device="meta"), ["meta"]),
    ],
)
@pytest.mark.parametrize("name", ["fit", "encode", "partial_fit"])
def test_what_is_no_table_is_refused(table_model: WVAE, x: Any, words: list[str], name: str):
    model = table_model if name == "encode" else small(epochs=10**6)
    arguments = (x,) if name == "encode" else (x, Y)
    with pytest.raises((ValueError, TypeError)) as error:
        getattr(model, name)(*arguments)
    message = one_line(error.value)
    assert all(word in message for word in words), message


def test_a_data_set_is_taken_by_fit_alone(table_model: WVAE):
    data = Dataset(TABLE, Y, kind="table")
    for call in (table_model.encode, table_model.predict):
        with pytest.raises(TypeError, match=r"Dataset.*\.x"):
            call(data)
    with pytest.raises(TypeError, match="Dataset"):
        small().partial_fit(data, Y)


def test_masked_images_are_refused(image_model: WVAE):
    with pytest.raises(ValueError, match=r"X has \d+ masked values"):
        image_model.encode(np.ma.masked_greater(IMAGES, 200))


@pytest.mark.parametrize("shape", [(6, 6, 2), (13, 13, 5), (64, 64, 13)])
def test_channels_that_stand_last_are_refused(shape: tuple[int, ...]):
    x = np.zeros((N, *shape), np.uint8)
    with pytest.raises(ValueError, match="channels last"):
        small(epochs=10**6).fit(x, Y)


def test_labels_may_be_tensors(table_model: WVAE):
    for y in (torch.tensor(Y * 1.0, requires_grad=True), torch.tensor(Y).bfloat16()):
        assert table_model.score(TABLE, y) == table_model.score(TABLE, Y)


# ------------------------------------------------------------------------- names of columns


def numbered(names: list[Any]) -> pd.DataFrame:
    return FRAME.set_axis(names, axis=1)


@pytest.mark.parametrize(
    ("fitted", "new"),
    [
        (FRAME.set_axis([5, 6, 7], axis=1), FRAME[["c", "a", "b"]].set_axis([7, 5, 6], axis=1)),
        (numbered([0, 1, 2]), numbered([0, 1, 2])[[2, 0, 1]]),
        (numbered([0, 1, 2]).to_numpy(), numbered([0, 1, 2])[[2, 0, 1]]),
        (numbered([("a", 1), ("a", 2), ("b", 1)]), numbered([("a", 2), ("a", 1), ("b", 1)])),
        (numbered([5, 6, 7]), numbered([6, 7, 8])),
        (FRAME, numbered([6, 7, 8])),
    ],
)
def test_columns_with_other_names_are_refused(fitted: Any, new: Any, tmp_path: Path):
    model = small().fit(fitted, Y)
    model.encode(fitted)
    model.save(tmp_path / "m")
    for estimator in (model, WVAE.load(tmp_path / "m")):
        estimator.encode(fitted)
        for call in (estimator.encode, estimator.predict, estimator.reconstruct):
            with pytest.raises(ValueError, match=r"order|lacks columns") as error:
                call(new)
            one_line(error.value)


def test_a_model_of_a_file_knows_the_columns_of_frames(tmp_path: Path):
    FRAME.assign(y=Y).to_csv(tmp_path / "t.csv", index=False)
    FRAME[["c", "a", "b"]].assign(y=Y).to_csv(tmp_path / "other.csv", index=False)
    data = open_data(tmp_path / "t.csv", log=lambda _: None)
    model = small(warm_start=True).fit(data)
    model.save(tmp_path / "m")
    for estimator in (model, WVAE.load(tmp_path / "m")):
        np.testing.assert_array_equal(estimator.encode(FRAME)[1], estimator.encode(data.x)[1])
        with pytest.raises(ValueError, match=r"order.*\['a', 'b', 'c'\]"):
            estimator.predict(FRAME[["c", "a", "b"]])
        with pytest.raises(ValueError, match="'y'"):
            estimator.predict(FRAME.assign(y=Y))
    with pytest.raises(ValueError, match="another order"):
        model.fit(open_data(tmp_path / "other.csv", log=lambda _: None))


def test_a_model_of_a_frame_reads_files_by_name(tmp_path: Path):
    FRAME[["c", "a", "b"]].assign(y=Y).to_csv(tmp_path / "t.csv", index=False)
    model = small().fit(FRAME, Y)
    model.save(tmp_path / "m")
    for like in (model, tmp_path / "m"):
        x = open_data(tmp_path / "t.csv", like=like, log=lambda _: None).x
        np.testing.assert_allclose(x, TABLE, rtol=1e-6)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ((FRAME[["c", "b", "a"]], Y), "another order"),
        ((FRAME,), r"tuple \(X, y\)"),
        ("ab", r"tuple \(X, y\)"),
    ],
)
def test_a_test_set_has_the_columns_of_training(test: Any, message: str):
    with pytest.raises((ValueError, TypeError), match=message):
        small(epochs=10**6).fit(FRAME, Y, test=test)


# ------------------------------------------------------------------------- values


@pytest.mark.parametrize("dtype", [">i8", "<i8", "<u8"])
@pytest.mark.parametrize("level", [2**60, 2**62 + 3])
def test_large_integers_keep_their_differences(dtype: str, level: int):
    differences = np.round(10 * RNG.normal(size=(N, 2)) + 100 * Y[:, None]).astype(np.int64)
    model, large = small(), small()
    z = model.fit(differences, Y).encode(differences)[1]
    x = (differences + level).astype(dtype)
    np.testing.assert_allclose(large.fit(x, Y).encode(x)[1], z, atol=1e-4)


def test_a_difference_of_integers_beyond_the_range_of_int64():
    scale = ValueScale(offset=np.array([2.0**63 + 2048]))
    x = np.array([[2**63 + 2049], [2**63 + 2046], [0]], np.uint64)
    assert scale.apply(x).ravel().tolist() == [1, -2, np.float32(-(2.0**63) - 2048)]


@pytest.mark.parametrize("unit", [1e-30, 1e-20, 1e20, 1e30])
def test_spreads_that_float32_cannot_square_are_refused_before_training(unit: float):
    x = TABLE * [1, unit, 1]
    with pytest.raises(ValueError, match=r"column 2 of X.*standard deviation.*unit") as error:
        small(epochs=10**6).fit(x, Y)
    one_line(error.value)


@pytest.mark.parametrize("level", [1.0, 1e9])
def test_a_column_that_is_constant_but_for_rounding_says_nothing(level: float):
    column = level * np.where(Y, 0.3, 0.1 + 0.2)
    assert len(np.unique(column)) == 2
    model = small().fit(np.c_[TABLE, column], Y)
    assert model.model_.observation.input_sd.tolist()[3] == 1


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_images_in_another_unit_than_in_training_are_refused(kind: str):
    x = IMAGES / 127.5 - 1
    model = small(kind=kind).fit(x, Y)
    for new in (IMAGES, 10 * x):
        with pytest.raises(ValueError, match="far from those in training"):
            model.encode(new)
    model.encode(np.where(np.arange(36).reshape(6, 6) == 7, 90.0, x))  # a few outliers


def test_a_column_in_another_unit_is_told_of(table_model: WVAE):
    with pytest.warns(UserWarning, match="column 2 of X"):
        table_model.encode(TABLE * [1, 1000, 1])
    table_model.encode(TABLE[:3] * [1, 1000, 1])  # few rows may lie anywhere


def test_ones_as_floats_are_told_of(image_model: WVAE):
    binary = (IMAGES > 128).astype(float)
    with pytest.warns(UserWarning, match="0 and 1"):
        z = image_model.encode(binary)[1]
    np.testing.assert_array_equal(z, image_model.encode(IMAGES > 128)[1])
    image_model.encode(np.zeros((1, 6, 6)))


@pytest.mark.parametrize("shift", [0.05, -0.05])
def test_values_slightly_outside_can_be_measured(shift: float):
    x = np.where(Y[:, None, None], 0.4, 0.6) + 0.3 * RNG.random((N, 8, 8))
    model = small().fit(x / x.max(), Y)
    new = x / x.max() + shift
    assert model.likelihood_ == "bernoulli"
    metrics = measure(model, Dataset(new, Y), quick=True)
    assert np.isfinite(list(metrics.values())).all()


def test_black_and_white_images_of_16_bits_are_measured_without_a_warning():
    x = np.where(RNG.random((N, 8, 8)) > 0.5, 65535, 0).astype(np.uint16)
    assert np.isfinite(
        list(measure(small().fit(x, Y), Dataset(x, Y), judge_epochs=1).values())
    ).all()


def test_a_table_in_the_unit_range_has_no_loss_of_pixels():
    x = (TABLE - TABLE.min(0)) / np.ptp(TABLE, 0)
    x = np.tile(x, (4, 1))
    data = Dataset(x, np.tile(Y, 4), kind="table")
    metrics = measure(small().fit(x, data.y), data)
    assert "rest.reconstruction.mse" in metrics
    assert "rest.reconstruction" not in metrics


# ------------------------------------------------------------------------- scores and codes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.score(TABLE, [None] * N), "no label"),
        (
            lambda m: m.score(
                TABLE, np.where(np.arange(N) < 5, -1, Y), sample_weight=np.arange(N) < 5
            ),
            "zero for all rows",
        ),
        (lambda m: m.rewrite(TABLE, [1]), r"y has shape \(1,\), expected \(60,\)"),
        (lambda m: m.evaluate(TABLE, Y, 0), "samples is 0"),
        (lambda m: m.evaluate(TABLE, Y, "3"), "samples is '3'"),
        (lambda m: m.decode(np.full((2, 2), np.nan), np.zeros((2, 2))), "z_label holds NaN"),
        (lambda m: m.inverse_transform(np.full((N, 2), np.nan), Y), "z_rest holds NaN"),
    ],
)
def test_what_cannot_be_scored_or_decoded_is_refused(
    table_model: WVAE, call: Callable[[WVAE], Any], message: str
):
    with pytest.raises(ValueError, match=message) as error:
        call(table_model)
    one_line(error.value)


# ------------------------------------------------------------------------- data sets


@pytest.mark.parametrize(
    "y",
    [
        Y.tolist(),
        torch.tensor(Y),
        pd.Series(Y, dtype="int64[pyarrow]"),
        pd.Series(Y).astype("Int64"),
        pd.Categorical(Y),
    ],
)
def test_a_data_set_takes_columns_of_any_kind(y: Any):
    data = Dataset(TABLE.tolist(), y, {"w": ["p", "q"] * 30}, ["train"] * N, kind="table")  # pyright: ignore[reportArgumentType]
    assert data.classes.tolist() == [0, 1]
    assert data.indices.tolist() == Y.tolist()
    assert data.subset([1, 3]).y.tolist() == [1, 1]
    assert len(data.subset([])) == 0
    assert len(data.subset(slice(5))) == 5


@pytest.mark.parametrize(
    "y",
    [
        np.ma.MaskedArray(Y, np.arange(N) < 5),
        pd.Series(Y).astype("Int64").mask(np.arange(N) < 5),
        pd.Series(Y > 0).astype("boolean").mask(np.arange(N) < 5),
    ],
)
def test_masked_labels_of_a_data_set_are_missing(y: Any):
    data = Dataset(TABLE, y, kind="table")
    assert data.labelled.sum() == N - 5
    assert len(data.classes) == 2


def test_a_data_set_of_a_frame_keeps_the_names():
    model = small().fit(Dataset(FRAME, Y, kind="table"))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="another order"):
        model.encode(FRAME[["b", "a", "c"]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "tabel"}, "kind is 'tabel'"),
        ({"x": np.ma.masked_greater(TABLE, 500)}, "masked"),
        ({"x": np.array(3.0)}, "one number"),
        ({"x": FRAME.assign(c=DATES)}, "'c'"),
        ({"split": np.array([None] * N)}, "None"),
        ({"y": None}, "y has shape"),
    ],
)
def test_unusable_data_sets_are_refused(values: dict[str, Any], message: str):
    arguments: dict[str, Any] = {"x": TABLE, "y": Y, "kind": "table"} | values
    with pytest.raises((ValueError, TypeError), match=message) as error:
        Dataset(**arguments)
    one_line(error.value)


# ------------------------------------------------------------------------- damaged model folders

BAD = [None, "x", -1, 0, 1.5, [], {}, [1], ["a"], float("nan"), 10**30]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    FRAME.assign(y=np.array(["u", "v"])[Y]).to_csv(folder / "t.csv", index=False)
    model = small().fit(open_data(folder / "t.csv", log=lambda _: None))
    model.save(folder / "m")
    return folder / "m"


def changed_config(saved: Path, folder: Path, keys: tuple[str, ...], value: Any) -> Path:
    about = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    place = about
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")
    (folder / "model.safetensors").write_bytes((saved / "model.safetensors").read_bytes())
    return folder


FIELDS: list[tuple[tuple[str, ...], list[Any]]] = [
    (("example_shape",), [*BAD, [3.0], ["3"], [True]]),
    (("classes",), [*BAD, ["v", "u"], ["u", "u"], ["u", 1], ["u", None], [1.5, 2.5], [[1], [2]]]),
    (("classes",), [["u", "v", "w"], {"u": 1, "v": 2}, "uv"]),
    (("epochs_trained",), [None, "x", -1, 1.5, [], True, 10**30]),
    (("code",), BAD),
    (("format",), [*BAD, True, "4", 99]),
    (("column_names",), ["x", -1, [], {}, ["a"], [[1], [2], [3]], float("nan")]),
    (("values", "offset"), [*(bad for bad in BAD if bad != 0), [1, 2], [[1, 2, 3]], ["1"] * 3]),
    (("values", "white"), [*BAD, True, 1e-320]),
    (("values", "in_0_to_1"), BAD),
    (("schema",), [bad for bad in BAD if bad is not None]),
    (("schema", "kind"), [*BAD, "image"]),
    (("schema", "shape"), [*BAD, [4], [3.0]]),
    (("schema", "label"), [None, -1, [], {}]),
    (("schema", "classes"), ["x", -1, {}, [1], ["v", "u"], ["u", "w"]]),
    (("schema", "factors"), [None, "x", -1, {}, [1]]),
    (("schema", "ignored"), [None, "x", -1, {}, [1]]),
    (("schema", "columns"), ["x", 0, [], {}, ["a"], [1, 2, 3], ["a", "b", "b"]]),
    (("schema", "white"), ["x", -1, 0, [], {}, float("nan")]),
    (("schema", "rate"), ["x", -1, 0, 1.5, [], {}, float("nan")]),
    (("schema", "naming"), [None, "x", -1, [], {"bad": 1}, {"label_from_name": 3}]),
    (("schema", "unknown"), [1]),
]


@pytest.mark.parametrize(("keys", "values"), FIELDS, ids=[".".join(keys) for keys, _ in FIELDS])
def test_a_damaged_config_is_refused(
    saved: Path, tmp_path: Path, keys: tuple[str, ...], values: list[Any]
):
    for value in values:
        folder = changed_config(saved, tmp_path / "x", keys, value)
        with pytest.raises(ModelFileError) as error:
            WVAE.load(folder)
        assert len(one_line(error.value)) < 500, value


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"3", b"\xff\xfe{}", b"[" * 100_000, b'{"format": 4}']
)
def test_a_config_that_is_none_is_refused(saved: Path, tmp_path: Path, content: bytes):
    folder = changed_config(saved, tmp_path / "x", ("format",), 4)
    (folder / "config.json").write_bytes(content)
    with pytest.raises(ModelFileError) as error:
        WVAE.load(folder)
    one_line(error.value)


def test_folders_in_place_of_files_are_refused(saved: Path, tmp_path: Path):
    for name in ("config.json", "model.safetensors"):
        folder = changed_config(saved, tmp_path / name, ("format",), 4)
        (folder / name).unlink()
        (folder / name).mkdir()
        with pytest.raises(ModelFileError):
            WVAE.load(folder)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("label_centres", lambda t: torch.zeros(5, 2)),
        ("label_centres", lambda t: torch.full((2, 2), torch.inf)),
        ("classifier.weight", lambda t: t.to(torch.complex64)),
        ("observation.input_sd", torch.zeros_like),
        ("observation.input_sd", torch.neg),
    ],
)
def test_damaged_weights_are_refused(
    saved: Path, tmp_path: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor]
):
    folder = changed_config(saved, tmp_path / "x", ("format",), 4)
    tensors, _ = read_tensors(folder / "model.safetensors")
    write_tensors(folder / "model.safetensors", tensors | {name: change(tensors[name])}, {})
    with pytest.raises(ModelFileError, match=name.rsplit(".", maxsplit=1)[-1]) as error:
        WVAE.load(folder)
    one_line(error.value)
