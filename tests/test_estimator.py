"""WVAE: what its methods mean, how it behaves in scikit-learn, and how it refuses."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from wvae.config import parameters
from wvae.datasets import Dataset
from wvae.estimator import WVAE
from wvae.evaluation.clustering import agreement, kmeans
from wvae.io.files import ModelFileError
from wvae.nn.alignment import Alignment
from wvae.training.diagnostics import TrainingError


@pytest.fixture
def code_of(fitted: WVAE) -> Iterator[Callable[[Any], WVAE]]:
    """Give the fitted model with another `code`."""

    def with_code(code: Any) -> WVAE:
        fitted.code = code
        return fitted

    yield with_code
    fitted.code = "rest"


@pytest.fixture
def tiny() -> WVAE:
    return WVAE(
        d_label=2,
        d_rest=2,
        backbone="mlp",
        width=8,
        depth=1,
        epochs=1,
        alignment_steps=20,
        device="cpu",
    )


def copy_of(model: WVAE) -> WVAE:
    copy = clone(model)
    assert isinstance(copy, WVAE)
    return copy


# ------------------------------------------------------------------------------------------ the planted answer


def test_the_rest_is_the_writer_and_the_label_code_the_label(fitted: WVAE, planted_test: Dataset):
    z_label, z_rest = fitted.encode(planted_test.x)
    label, writer = planted_test.y, planted_test.factors["writer"]
    assert agreement(kmeans(z_rest, 5), writer)["ari"] > 0.9
    assert agreement(kmeans(z_label, 4), label)["ari"] > 0.9
    # … and not the other way round.
    assert abs(agreement(kmeans(z_rest, 5), label)["ari"]) < 0.2
    assert abs(agreement(kmeans(z_label, 4), writer)["ari"]) < 0.2


def test_it_predicts_what_it_was_taught(fitted: WVAE, planted_test: Dataset):
    assert fitted.score(planted_test.x, planted_test.y) == 1
    assert fitted.score(planted_test.x, np.roll(planted_test.y, 1)) < 0.6
    assert set(fitted.predict(planted_test.x)) == {"ant", "bee", "cat", "dog"}


def test_probabilities_are_those_of_the_classes_in_order(fitted: WVAE, planted_test: Dataset):
    p = fitted.predict_proba(planted_test.x)
    assert p.shape == (len(planted_test), 4)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(fitted.classes_[p.argmax(1)], fitted.predict(planted_test.x))


def one_of(data: Dataset, label: str, writer: int) -> np.ndarray:
    return data.x[(data.y == label) & (data.factors["writer"] == writer)][:1]


def test_swap_takes_the_label_of_one_and_the_style_of_the_other(
    fitted: WVAE, planted_test: Dataset
):
    a, b = one_of(planted_test, "ant", 1), one_of(planted_test, "dog", 3)
    wanted = one_of(planted_test, "ant", 3) / 255
    got = fitted.swap(a, b)
    assert got.shape == (1, 8, 8)
    assert abs(got - wanted).mean() < 0.15
    assert min(abs(got - a / 255).mean(), abs(got - b / 255).mean()) > 0.15


def test_rewrite_keeps_the_style_and_writes_the_label(fitted: WVAE, planted_test: Dataset):
    writers = range(5)
    a, wanted = (
        np.concatenate([one_of(planted_test, y, k) for k in writers]) for y in ("ant", "cat")
    )
    got = fitted.rewrite(a, np.array(["cat"] * 5))
    # Of these few images a transport may take one writer of a label for another's.
    assert np.median(abs(got - wanted / 255).mean((1, 2))) < 0.1
    assert fitted.predict(got.astype(np.float32)).tolist() == ["cat"] * 5


def test_reconstruct_is_decode_of_encode(fitted: WVAE, planted_test: Dataset):
    x = planted_test.x
    got = fitted.reconstruct(x)
    np.testing.assert_array_equal(got, fitted.decode(*fitted.encode(x)))
    assert got.min() >= 0
    assert got.max() <= 1
    assert abs(got - x / 255).mean() < 0.15
    assert abs(got - np.roll(x, 1, 0) / 255).mean() > 0.25


def test_label_centres_are_the_mean_codes_of_the_classes(fitted: WVAE, planted: Dataset):
    z_label = fitted.encode(planted.x)[0]
    centres = [z_label[planted.y == label].mean(0) for label in fitted.classes_]
    np.testing.assert_allclose(fitted.label_centres_, centres, rtol=1e-6)


def test_posterior_and_codes(fitted: WVAE, planted_test: Dataset):
    (a, a_sd), (b, b_sd) = fitted.posterior(planted_test.x)
    assert a.shape == a_sd.shape == b.shape == b_sd.shape == (100, 3)
    assert min(a_sd.min(), b_sd.min()) > 0
    z_label, z_rest = fitted.encode(planted_test.x)
    np.testing.assert_array_equal(z_label, a)
    assert abs(z_rest - b).max() > 0.1  # aligned
    aligned = fitted.model_.align(torch.from_numpy(a), torch.from_numpy(b)).z_rest
    np.testing.assert_allclose(z_rest, aligned, atol=1e-5)


def test_alignment_costs_no_reconstruction(fitted: WVAE, planted_test: Dataset):
    (a, _), (b, _) = fitted.posterior(planted_test.x)
    with torch.no_grad():
        own = fitted.model_.decode(torch.from_numpy(a), torch.from_numpy(b)).mean
    np.testing.assert_allclose(fitted.reconstruct(planted_test.x), own, atol=1e-3)


def test_samples_are_aligned_too_and_repeat(fitted: WVAE, planted_test: Dataset):
    x = planted_test.x
    for one, two in zip(fitted.sample(x, 3), fitted.sample(x, 3), strict=True):
        np.testing.assert_array_equal(one, two)
    assert abs(fitted.sample(x, 3)[1] - fitted.sample(x, 4)[1]).max() > 0.1
    away = abs(fitted.sample(x)[1].mean(0) - fitted.encode(x)[1].mean(0))
    assert (away < 0.5 * fitted.encode(x)[1].std(0)).all()


def test_transform_gives_the_code_that_was_asked_for(
    code_of: Callable[[Any], WVAE], planted_test: Dataset
):
    x = planted_test.x
    z_label, z_rest = code_of("rest").encode(x)
    np.testing.assert_array_equal(code_of("rest").transform(x), z_rest)
    np.testing.assert_array_equal(code_of("label").transform(x), z_label)
    np.testing.assert_array_equal(code_of("both").transform(x), np.hstack([z_label, z_rest]))
    assert code_of("rest").get_feature_names_out().tolist() == ["z_rest0", "z_rest1", "z_rest2"]
    assert len(code_of("both").get_feature_names_out()) == 6
    with pytest.raises(ValueError, match="code is 'style', expected 'rest', 'label' or 'both'"):
        code_of("style").transform(x)


def test_inverse_transform_undoes_transform(code_of: Callable[[Any], WVAE], planted_test: Dataset):
    x, y = planted_test.x, planted_test.y
    both = code_of("both")
    np.testing.assert_allclose(
        both.inverse_transform(both.transform(x)), both.reconstruct(x), atol=1e-6
    )
    rest = code_of("rest")
    np.testing.assert_allclose(
        rest.inverse_transform(rest.transform(x), y), rest.rewrite(x, y), atol=1e-6
    )
    with pytest.raises(ValueError, match="give y, or take code='both'"):
        rest.inverse_transform(rest.transform(x))
    label = code_of("label")
    with pytest.raises(ValueError, match="no style"):
        label.inverse_transform(label.transform(x))


@pytest.mark.parametrize(
    "z", [np.zeros(6), np.zeros((2, 5)), np.zeros((2, 3, 2))], ids=lambda z: str(z.shape)
)
def test_inverse_transform_of_a_wrong_shape(code_of: Callable[[Any], WVAE], z: np.ndarray):
    with pytest.raises(ValueError, match="expected"):
        code_of("both").inverse_transform(z)


def test_decode_checks_its_codes(fitted: WVAE):
    with pytest.raises(ValueError, match=r"z_rest has shape \(4, 2\), expected \(n, 3\)"):
        fitted.decode(np.zeros((4, 3)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="4 rows and z_rest 5"):
        fitted.decode(np.zeros((4, 3)), np.zeros((5, 3)))
    assert fitted.decode(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 8, 8)
    assert fitted.decode(np.zeros((1, 3)), np.zeros((1, 3))).dtype == np.float32


def test_evaluate_names_every_term(fitted: WVAE, planted_test: Dataset):
    found = fitted.evaluate(planted_test.x, planted_test.y)
    assert set(found) == {
        "reconstruction",
        "kl_label",
        "kl_rest",
        "style",
        "classification",
        "loss",
        "accuracy",
    }
    assert found["accuracy"] == fitted.score(planted_test.x, planted_test.y)
    wrong = fitted.evaluate(planted_test.x, np.roll(planted_test.y, 1))
    assert wrong["classification"] > found["classification"] + 1


def test_uint8_and_floats_give_the_same_codes(fitted: WVAE, planted_test: Dataset):
    x = planted_test.x
    for other in ((x / 255).astype(np.float32), x / 255, (x / 255).tolist()):
        for one, two in zip(fitted.encode(other), fitted.encode(x), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)


def test_many_rows_are_coded_in_batches(fitted: WVAE, planted: Dataset):
    x = np.concatenate([planted.x] * 6)  # 2400: three batches
    np.testing.assert_allclose(fitted.transform(x)[-400:], fitted.transform(planted.x), atol=1e-5)


def test_the_input_is_never_written_to(tiny: WVAE, planted: Dataset):
    x = (planted.x / 255).astype(np.float32)
    x.flags.writeable = False
    before = x.copy()
    tiny.fit(x, planted.y).transform(x)
    np.testing.assert_array_equal(x, before)


def test_labels_of_any_kind_come_back(tiny: WVAE, planted: Dataset):
    for y in (
        planted.factors["writer"] - 2,
        planted.y.astype(object),
        planted.y == "ant",
        (planted.y == "ant") * 2.0,
    ):
        tiny.fit(planted.x, y)
        assert tiny.classes_.tolist() == sorted(set(y.tolist()))
        assert set(tiny.predict(planted.x)) <= set(y.tolist())


def test_vectors_will_do(tiny: WVAE, planted: Dataset):
    flat = planted.x.reshape(-1, 64)
    assert tiny.fit(flat, planted.y).reconstruct(flat[:3]).shape == (3, 64)
    assert "style" not in tiny.evaluate(flat, planted.y)  # a table has none
    with pytest.raises(ValueError, match="take backbone='auto'"):
        tiny.set_params(backbone="conv").fit(flat, planted.y)


def test_images_with_channels_will_do(tiny: WVAE, planted: Dataset):
    x = np.stack([planted.x, 255 - planted.x, planted.x // 2], 1)
    tiny.set_params(backbone="conv", augment=1.0).fit(x, planted.y)
    assert tiny.reconstruct(x[:3]).shape == (3, 3, 8, 8)
    assert tiny.transform(x).shape == (400, 2)


@pytest.mark.parametrize("each", [2, 3, 10])
def test_a_few_examples_will_do(each: int):
    """Too few for quantiles: a class keeps its Gaussian map, and comes back from the file with no steps."""
    x, y = np.random.default_rng(0).random((2 * each, 6, 6)), np.arange(2 * each) % 2
    model = WVAE(d_label=2, d_rest=3, width=8, epochs=2, device="cpu").fit(x, y)
    assert len(model.model_.alignment.axes) == 0
    assert np.isfinite(model.transform(x)).all()
    assert np.isfinite(model.rewrite(x, 1 - y)).all()


def test_images_without_ink_will_do(tiny: WVAE, planted: Dataset):
    x = planted.x.copy()
    x[planted.y == "bee"] = 0
    x[:5] = 255
    tiny.set_params(augment=0.5).fit(x, planted.y)
    for found in (tiny.transform(x), tiny.reconstruct(x), tiny.rewrite(x[:5], planted.y[:5])):
        assert np.isfinite(found).all()
    assert all(np.isfinite(value) for value in tiny.evaluate(x, planted.y).values())


def test_one_class_in_all_predictions_is_aligned_with_itself(tiny: WVAE, planted: Dataset):
    y = np.where(np.arange(400) < 4, "rare", "often")
    tiny.set_params(classifier_weight=1e-6, alignment_steps=400).fit(planted.x, y)
    assert len(set(tiny.predict(planted.x))) == 1
    assert np.isfinite(tiny.transform(planted.x)).all()
    assert np.isfinite(tiny.rewrite(planted.x[:9], y[:9])).all()


@pytest.mark.parametrize("alignment", ["none", "mean", "gaussian", "transport"])
def test_every_alignment_saves_and_loads(
    tiny: WVAE, planted: Dataset, tmp_path: Path, alignment: str
):
    tiny.set_params(alignment=alignment, alignment_steps=200).fit(planted.x, planted.y).save(
        tmp_path / "m"
    )
    again = WVAE.load(tmp_path / "m")
    np.testing.assert_array_equal(again.transform(planted.x), tiny.transform(planted.x))
    np.testing.assert_array_equal(
        again.swap(planted.x[:5], planted.x[5:10]), tiny.swap(planted.x[:5], planted.x[5:10])
    )
    for one in (again, tiny):
        assert one.get_params()["alignment_steps"] == 200


def test_an_alignment_that_ended_early_comes_back_from_its_file(
    fitted: WVAE, planted_test: Dataset, tmp_path: Path
):
    steps = len(fitted.model_.alignment.axes)
    assert 0 < steps < fitted.config_.alignment_steps
    fitted.save(tmp_path / "m")
    again = WVAE.load(tmp_path / "m")
    assert len(again.model_.alignment.axes) == steps
    assert again.config_ == replace(fitted.config_, device="auto")
    for one, two in zip(again.encode(planted_test.x), fitted.encode(planted_test.x), strict=True):
        np.testing.assert_array_equal(one, two)


def test_an_alignment_in_the_file_of_a_model_without_one_is_told(
    tiny: WVAE, planted: Dataset, tmp_path: Path
):
    tiny.fit(planted.x, planted.y).save(tmp_path / "m")
    file = tmp_path / "m" / "config.json"
    file.write_text(file.read_text().replace('"transport"', '"none"'))
    with pytest.raises(
        ModelFileError, match=r"damaged: its weights do not fit its config \(alignment"
    ):
        WVAE.load(tmp_path / "m")


def test_fitting_twice_gives_the_same_model(tiny: WVAE, planted: Dataset):
    first = tiny.fit(planted.x, planted.y).transform(planted.x)
    np.testing.assert_array_equal(tiny.fit(planted.x, planted.y).transform(planted.x), first)
    other = copy_of(tiny).set_params(random_state=1).fit(planted.x, planted.y)
    assert abs(other.transform(planted.x) - first).max() > 1e-3


def test_a_test_set_is_watched_under_the_training_labels(tiny: WVAE, planted: Dataset):
    only = planted.subset(planted.y == "dog")  # its only label is index 3, not 0
    tiny.set_params(epochs=20, width=32, batch_size=64, learning_rate=1e-2, augment=0.0)
    tiny.fit(planted.x, planted.y, test=(only.x, only.y))
    assert tiny.history_[-1]["test.accuracy"] == tiny.score(only.x, only.y)


def test_a_broken_fit_goes_on_from_its_checkpoint(tiny: WVAE, planted: Dataset, tmp_path: Path):
    tiny.fit(planted.x, planted.y, checkpoint=tmp_path)
    seen: list[object] = []
    again = copy_of(tiny).fit(planted.x, planted.y, checkpoint=tmp_path, on_epoch=seen.append)
    assert seen == []
    np.testing.assert_array_equal(again.transform(planted.x), tiny.transform(planted.x))


# ------------------------------------------------------------------------------------------ scikit-learn


def test_parameters_are_configs_and_code():
    params = WVAE().get_params()
    assert params == {"code": "rest", "warm_start": False} | {
        p.name: p.default for p in parameters()
    }


def test_clone_and_set_params():
    model = WVAE(d_rest=7, code="both", epochs=3)
    copy = copy_of(model)
    assert copy is not model
    assert copy.get_params() == model.get_params()
    assert copy.set_params(d_rest=np.int64(4), code="label").get_params()["d_rest"] == 4
    with pytest.raises(ValueError, match="epoch"):
        model.set_params(epoch=3)
    with pytest.raises(TypeError, match="did you mean 'epochs'"):
        WVAE(epoch=3)
    assert "d_rest=7" in repr(model)


def test_presets():
    model = WVAE.preset("article", "covariance", epochs=2)
    assert (model.get_params()["width"], model.get_params()["separation"]) == (500, "covariance")
    assert model.get_params()["epochs"] == 2


def test_grid_search_and_pipelines(tiny: WVAE, planted: Dataset):
    tiny.set_params(epochs=12, width=32, batch_size=32, learning_rate=1e-2, augment=0.0)
    search = GridSearchCV(tiny, {"d_rest": np.array([1, 2]), "classifier_weight": [20.0]}, cv=2)
    search.fit(planted.x, planted.y)
    assert search.best_params_["d_rest"] in (1, 2)
    assert search.best_score_ > 0.5
    pipeline = make_pipeline(copy_of(tiny)).fit(planted.x, planted.y)
    assert pipeline.transform(planted.x).shape == (400, 2)


def test_a_bad_parameter_is_told_by_fit(planted: Dataset):
    with pytest.raises(ValueError, match="epochs is 0"):
        WVAE(epochs=0).fit(planted.x, planted.y)
    with pytest.raises(TypeError, match="width is 'wide'"):
        WVAE(width="wide").fit(planted.x, planted.y)
    with pytest.raises(ValueError, match="code is 'all'"):
        WVAE(code="all").fit(planted.x, planted.y)  # pyright: ignore[reportArgumentType]


def test_parameters_set_after_fit_wait_for_the_next_fit(planted: Dataset, tiny: WVAE):
    tiny.fit(planted.x, planted.y).set_params(d_rest=9)
    assert tiny.transform(planted.x).shape == (400, 2)
    assert tiny.get_feature_names_out().tolist() == ["z_rest0", "z_rest1"]
    assert tiny.config_.d_rest == 2


def test_pandas_output(tiny: WVAE, planted: Dataset):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = tiny.fit(planted.x, planted.y).set_output(transform="pandas").transform(planted.x)
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["z_rest0", "z_rest1"]


def test_it_can_be_pickled_for_other_processes(fitted: WVAE, planted_test: Dataset):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(planted_test.x), fitted.transform(planted_test.x))
    np.testing.assert_array_equal(again.predict(planted_test.x), fitted.predict(planted_test.x))


# ------------------------------------------------------------------------------------------ refusals

X = np.random.default_rng(0).random((8, 4, 4))
Y = np.arange(8) % 2


def spoilt(value: float) -> np.ndarray:
    x = X.copy()
    x[3, 1, 2] = value
    return x


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (spoilt(np.nan), ValueError, "X holds NaN among the rows 0 to 7: drop or fill"),
        (spoilt(np.inf), ValueError, "X holds infinity among the rows 0 to 7: drop or fill"),
        (spoilt(-np.inf), ValueError, "X holds infinity"),
        (spoilt(1e39), ValueError, r"X holds values up to 1e\+39"),
        ((X * 255).astype(np.int64), TypeError, "X has dtype int64, expected uint8 .* convert it"),
        (X > 0.5, TypeError, "X has dtype bool"),
        (X.astype(str), TypeError, "X has dtype <U"),
        (X * 1j, TypeError, "X has dtype complex"),
        (X[:0], ValueError, r"X has shape \(0, 4, 4\), expected"),
        (X[:, 0, 0], ValueError, r"X has shape \(8,\), expected"),
        (X[:, :0], ValueError, r"X has shape \(8, 0, 4\)"),
        (3, ValueError, r"X has shape \(\)"),
    ],
)
def test_bad_examples(tiny: WVAE, x: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        tiny.fit(x, Y)
    assert not hasattr(tiny, "model_")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y[:7], r"y has shape \(7,\), expected \(8,\), one label for each row"),
        (np.stack([Y, Y], 1), r"y has shape \(8, 2\), expected \(8,\)"),
        (None, "requires y to be passed, but the target y is None"),
        (np.zeros(8, int), "y holds one class only .*expected at least two"),
        (
            np.array([0, 0, 0, 0, 0, 0, 0, 1]),
            "label .*1.* has one example, expected at least two: drop it",
        ),
        (np.array(list("aaabbbbc")), "label .*'c'.* has one example"),
        (Y + 0.5 * (np.arange(8) == 2), r"y holds fractions .*continuous.*, expected classes"),
        (np.where(np.arange(8) == 2, np.inf, Y), "y holds fractions or infinity"),
        (
            np.full(8, np.nan),
            "y holds no class at all, and 8 rows without a label: .*expected at least two",
        ),
        (np.full(8, -1), "y holds no class at all, and 8 rows without a label"),
        (np.where(Y, 7, -1), "y holds one class only .*7.*, and 4 rows without a label"),
        (np.array([0, 0, -1, -1, 1, -1, -1, 0]), "label .*1.* has one example"),
        (
            np.array(["a", None] * 4, object),
            "y holds one class only .*'a'.*, and 4 rows without a label",
        ),
        (np.array(["a", np.nan, 1, 1] * 2, object), "y mixes"),
        (np.array(["a", 1] * 4, object), "y mixes"),
    ],
)
def test_bad_labels(tiny: WVAE, y: Any, message: str):
    with pytest.raises((ValueError, TypeError), match=message):
        tiny.fit(X, y)
    assert not hasattr(tiny, "model_")


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.transform(X),
        lambda m: m.predict(X),
        lambda m: m.predict_proba(X),
        lambda m: m.inverse_transform(X),
        lambda m: m.decode(X, X),
        lambda m: m.swap(X, X),
        lambda m: m.rewrite(X, Y),
        lambda m: m.score(X, Y),
        lambda m: m.evaluate(X, Y),
        lambda m: m.encode(X),
        lambda m: m.posterior(X),
        lambda m: m.reconstruct(X),
        lambda m: m.get_feature_names_out(),
        lambda m: m.save("nowhere"),
    ],
)
def test_an_unfitted_model_says_so(tiny: WVAE, call: Callable[[WVAE], Any]):
    with pytest.raises(NotFittedError, match=r"call fit\(X, y\) first, or wvae.load"):
        call(tiny)


def test_other_shapes_than_in_training(fitted: WVAE):
    with pytest.raises(
        ValueError, match=r"examples of shape \(4, 4\), the model was trained on \(8, 8\)"
    ):
        fitted.transform(X)
    with pytest.raises(ValueError, match="trained on"):
        fitted.predict(np.zeros((2, 64), np.uint8))


@pytest.mark.parametrize("label", ["yak", "aaa", "zzz", 3])
def test_labels_that_were_not_seen(fitted: WVAE, planted_test: Dataset, label: Any):
    with pytest.raises(
        ValueError, match=f"label .*{label}.* was not seen in training; known: .*ant"
    ):
        fitted.rewrite(planted_test.x[:1], np.array([label]))
    with pytest.raises(ValueError, match="was not seen"):
        fitted.evaluate(planted_test.x[:1], np.array([label]))


@pytest.mark.parametrize("n", [99, 101])
def test_as_many_labels_as_examples(fitted: WVAE, planted: Dataset, planted_test: Dataset, n: int):
    x, y = planted_test.x, planted.y[:n]
    for call in (fitted.evaluate, fitted.score, fitted.rewrite):
        with pytest.raises(ValueError, match=f"{n}"):
            call(x, y)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ((X, Y[:3]), "y has shape"),
        ((X[:, :2], Y), "shape"),
        ((X, Y + 1), "not seen"),
        ((X * 9, Y), "expected"),
    ],
)
def test_a_bad_test_set_is_told_before_training(tiny: WVAE, test: Any, message: str):
    epochs: list[object] = []
    with pytest.raises(ValueError, match=message):
        tiny.fit(X, Y, test=test, on_epoch=epochs.append)
    assert epochs == []


def test_a_failed_fit_leaves_the_model_as_it_was(tiny: WVAE, planted: Dataset):
    tiny.fit(planted.x, planted.y)
    before, state = tiny.transform(planted.x), dict(vars(tiny))

    def stop(*anything: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny.fit(planted.x[:, :6], planted.factors["writer"], on_epoch=stop)
    with pytest.raises(ValueError, match="one class"):
        tiny.fit(planted.x, np.zeros(400))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Alignment, "fit", stop)  # trained, but not aligned yet
        with pytest.raises(KeyboardInterrupt):
            tiny.fit(planted.x[:, :6], planted.factors["writer"])
    tiny.set_params(learning_rate=10.0, schedule="constant", epochs=60)
    with pytest.raises(TrainingError, match="lower learning_rate"):
        tiny.fit(planted.x, planted.y)
    fitted_state = {name: value for name, value in vars(tiny).items() if name.endswith("_")}
    assert fitted_state == {name: state[name] for name in fitted_state}
    np.testing.assert_array_equal(tiny.transform(planted.x), before)


@pytest.mark.parametrize("preset", ["best", "article"])
def test_without_labels_it_cannot_predict_but_does_the_rest(planted: Dataset, preset: Any):
    model = WVAE.preset(preset, "plain", width=16, epochs=1, device="cpu").fit(planted.x, planted.y)
    for call in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match=r"trained without labels .* cannot predict"):
            call(planted.x)
    assert model.swap(planted.x[:3], planted.x[3:6]).shape == (3, 8, 8)
    assert "classification" not in model.evaluate(planted.x, planted.y)
    assert "accuracy" not in model.evaluate(planted.x, planted.y)


def test_without_labels_the_labels_have_no_say(planted: Dataset):
    shuffled = np.random.default_rng(0).permutation(planted.y)
    codes = [
        WVAE.preset("best", "plain", width=16, epochs=2, device="cpu")
        .fit(planted.x, y)
        .transform(planted.x)
        for y in (planted.y, shuffled)
    ]
    np.testing.assert_array_equal(codes[0], codes[1])


def test_the_model_is_left_in_evaluation_mode(fitted: WVAE):
    assert not fitted.model_.training
