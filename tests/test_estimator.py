"""WVAE: the meaning of its methods, its use with scikit-learn, and its errors."""

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

from wvae.config import parameters
from wvae.datasets import Dataset
from wvae.estimator import WVAE
from wvae.evaluation.clustering import agreement, kmeans
from wvae.io.files import ModelFileError
from wvae.nn.alignment import Alignment
from wvae.training.diagnostics import TrainingError


@pytest.fixture
def code_of(fitted: WVAE) -> Iterator[Callable[[Any], WVAE]]:
    """Return a function that returns the fitted model with another `code`."""

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
        alignment="transport",
        alignment_steps=20,
        device="cpu",
    )


def copy_of(model: WVAE) -> WVAE:
    copy = clone(model)
    assert isinstance(copy, WVAE)
    return copy


# ------------------------------------------------------------------------- known factors


def test_z_rest_holds_the_writer_and_z_label_the_label(fitted: WVAE, planted_test: Dataset):
    z_label, z_rest = fitted.encode(planted_test.x)
    label, writer = planted_test.y, planted_test.factors["writer"]
    assert agreement(kmeans(z_rest, 5), writer)["ari"] > 0.9
    assert agreement(kmeans(z_label, 4), label)["ari"] > 0.9
    # Neither code predicts the other factor.
    assert abs(agreement(kmeans(z_rest, 5), label)["ari"]) < 0.2
    assert abs(agreement(kmeans(z_label, 4), writer)["ari"]) < 0.2


def test_labels_are_predicted(fitted: WVAE, planted_test: Dataset):
    assert fitted.score(planted_test.x, planted_test.y) == 1
    assert fitted.score(planted_test.x, np.roll(planted_test.y, 1)) < 0.6
    assert set(fitted.predict(planted_test.x)) == {"ant", "bee", "cat", "dog"}


def test_probabilities_are_in_the_order_of_the_classes(fitted: WVAE, planted_test: Dataset):
    p = fitted.predict_proba(planted_test.x)
    assert p.shape == (len(planted_test), 4)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(fitted.classes_[p.argmax(1)], fitted.predict(planted_test.x))


def one_of(data: Dataset, label: str, writer: int) -> np.ndarray:
    return data.x[(data.y == label) & (data.factors["writer"] == writer)][:1]


def test_swap_combines_the_label_of_one_with_the_style_of_another(
    fitted: WVAE, planted_test: Dataset
):
    a, b = one_of(planted_test, "ant", 1), one_of(planted_test, "dog", 3)
    expected = one_of(planted_test, "ant", 3) / 255
    swapped = fitted.swap(a, b)
    assert swapped.shape == (1, 8, 8)
    assert abs(swapped - expected).mean() < 0.15
    assert min(abs(swapped - a / 255).mean(), abs(swapped - b / 255).mean()) > 0.15


def test_rewrite_changes_the_label_and_keeps_the_style(fitted: WVAE, planted_test: Dataset):
    ants = np.concatenate([one_of(planted_test, "ant", writer) for writer in range(5)])
    cats = np.concatenate([one_of(planted_test, "cat", writer) for writer in range(5)])
    rewritten = fitted.rewrite(ants, np.array(["cat"] * 5))
    # With so few images, the transport may match one writer to another.
    assert np.median(abs(rewritten - cats / 255).mean((1, 2))) < 0.1
    assert fitted.predict(rewritten.astype(np.float32)).tolist() == ["cat"] * 5


def test_rewrite_takes_one_label_for_all(fitted: WVAE, planted_test: Dataset):
    x = planted_test.x[:5]
    expected = fitted.rewrite(x, ["cat"] * 5)
    for label in ("cat", np.str_("cat"), np.array("cat")):
        np.testing.assert_array_equal(fitted.rewrite(x, label), expected)
    with pytest.raises(ValueError, match="cow"):
        fitted.rewrite(x, "cow")


def test_reconstruct_is_decode_of_encode(fitted: WVAE, planted_test: Dataset):
    x = planted_test.x
    decoded = fitted.reconstruct(x)
    np.testing.assert_array_equal(decoded, fitted.decode(*fitted.encode(x)))
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    assert abs(decoded - x / 255).mean() < 0.15
    assert abs(decoded - np.roll(x, 1, 0) / 255).mean() > 0.25


def test_label_centres_are_the_mean_codes_of_the_classes(fitted: WVAE, planted: Dataset):
    z_label = fitted.encode(planted.x)[0]
    centres = [z_label[planted.y == label].mean(0) for label in fitted.classes_]
    np.testing.assert_allclose(fitted.label_centres_, centres, rtol=1e-6)


def test_encode_returns_aligned_posterior_means(fitted: WVAE, planted_test: Dataset):
    (a, a_sd), (b, b_sd) = fitted.posterior(planted_test.x)
    assert a.shape == a_sd.shape == b.shape == b_sd.shape == (100, 3)
    assert min(a_sd.min(), b_sd.min()) > 0
    z_label, z_rest = fitted.encode(planted_test.x)
    np.testing.assert_array_equal(z_label, a)
    assert abs(z_rest - b).max() > 0.1
    aligned = fitted.model_.align(torch.from_numpy(a), torch.from_numpy(b)).z_rest
    np.testing.assert_allclose(z_rest, aligned, atol=1e-5)


def test_alignment_costs_no_reconstruction(fitted: WVAE, planted_test: Dataset):
    (a, _), (b, _) = fitted.posterior(planted_test.x)
    with torch.no_grad():
        unaligned = fitted.model_.decode(torch.from_numpy(a), torch.from_numpy(b)).mean
    np.testing.assert_allclose(fitted.reconstruct(planted_test.x), unaligned, atol=1e-3)


def test_samples_are_aligned_and_reproducible(fitted: WVAE, planted_test: Dataset):
    x = planted_test.x
    for one, two in zip(fitted.sample(x, 3), fitted.sample(x, 3), strict=True):
        np.testing.assert_array_equal(one, two)
    assert abs(fitted.sample(x, 3)[1] - fitted.sample(x, 4)[1]).max() > 0.1
    difference = abs(fitted.sample(x)[1].mean(0) - fitted.encode(x)[1].mean(0))
    assert (difference < 0.5 * fitted.encode(x)[1].std(0)).all()


def test_transform_returns_the_chosen_code(code_of: Callable[[Any], WVAE], planted_test: Dataset):
    x = planted_test.x
    z_label, z_rest = code_of("rest").encode(x)
    np.testing.assert_array_equal(code_of("rest").transform(x), z_rest)
    np.testing.assert_array_equal(code_of("label").transform(x), z_label)
    np.testing.assert_array_equal(code_of("both").transform(x), np.hstack([z_label, z_rest]))
    assert code_of("rest").get_feature_names_out().tolist() == ["z_rest0", "z_rest1", "z_rest2"]
    assert len(code_of("both").get_feature_names_out()) == 6
    with pytest.raises(ValueError, match="code is 'style'"):
        code_of("style").transform(x)


def test_inverse_transform_inverts_transform(code_of: Callable[[Any], WVAE], planted_test: Dataset):
    x, y = planted_test.x, planted_test.y
    both = code_of("both")
    np.testing.assert_allclose(
        both.inverse_transform(both.transform(x)), both.reconstruct(x), atol=1e-6
    )
    rest = code_of("rest")
    np.testing.assert_allclose(
        rest.inverse_transform(rest.transform(x), y), rest.rewrite(x, y), atol=1e-6
    )
    with pytest.raises(ValueError, match="give y"):
        rest.inverse_transform(rest.transform(x))
    label = code_of("label")
    with pytest.raises(ValueError, match="code is 'label'"):
        label.inverse_transform(label.transform(x))


@pytest.mark.parametrize(
    "z", [np.zeros(6), np.zeros((2, 5)), np.zeros((2, 3, 2))], ids=lambda z: str(z.shape)
)
def test_inverse_transform_rejects_wrong_shapes(code_of: Callable[[Any], WVAE], z: np.ndarray):
    with pytest.raises(ValueError, match=r"expected \(n, "):
        code_of("both").inverse_transform(z)


def test_decode_checks_the_shapes_of_codes(fitted: WVAE):
    with pytest.raises(ValueError, match=r"z_rest has shape \(4, 2\), expected \(n, 3\)"):
        fitted.decode(np.zeros((4, 3)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="4 rows and z_rest 5"):
        fitted.decode(np.zeros((4, 3)), np.zeros((5, 3)))
    assert fitted.decode(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 8, 8)
    assert fitted.decode(np.zeros((1, 3)), np.zeros((1, 3))).dtype == np.float32


def test_evaluate_returns_every_term(fitted: WVAE, planted_test: Dataset):
    terms = fitted.evaluate(planted_test.x, planted_test.y)
    assert set(terms) == {
        "reconstruction",
        "kl_label",
        "kl_rest",
        "style",
        "classification",
        "loss",
        "accuracy",
    }
    assert terms["accuracy"] == fitted.score(planted_test.x, planted_test.y)
    wrong = fitted.evaluate(planted_test.x, np.roll(planted_test.y, 1))
    assert wrong["classification"] > terms["classification"] + 1


def test_uint8_and_floats_have_the_same_codes(fitted: WVAE, planted_test: Dataset):
    x = planted_test.x
    for other in ((x / 255).astype(np.float32), x / 255, (x / 255).tolist()):
        for one, two in zip(fitted.encode(other), fitted.encode(x), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)


def test_codes_do_not_depend_on_the_batches(fitted: WVAE, planted: Dataset):
    x = np.concatenate([planted.x] * 6)  # 2,400 rows: three batches
    np.testing.assert_allclose(fitted.transform(x)[-400:], fitted.transform(planted.x), atol=1e-5)


def test_the_input_is_not_modified(tiny: WVAE, planted: Dataset):
    x = (planted.x / 255).astype(np.float32)
    x.flags.writeable = False
    before = x.copy()
    tiny.fit(x, planted.y).transform(x)
    np.testing.assert_array_equal(x, before)


def test_labels_keep_their_type(tiny: WVAE, planted: Dataset):
    for y in (
        planted.factors["writer"] - 2,
        planted.y.astype(object),
        planted.y == "ant",
        (planted.y == "ant") * 2.0,
    ):
        tiny.fit(planted.x, y)
        assert tiny.classes_.tolist() == sorted(set(y.tolist()))
        assert set(tiny.predict(planted.x)) <= set(y.tolist())


def test_vectors_can_be_fitted(tiny: WVAE, planted: Dataset):
    flat = planted.x.reshape(-1, 64)
    assert tiny.fit(flat, planted.y).reconstruct(flat[:3]).shape == (3, 64)
    assert tiny.evaluate(flat, planted.y)["style"] > 0  # its columns
    with pytest.raises(ValueError, match="backbone='auto'"):
        tiny.set_params(backbone="conv").fit(flat, planted.y)


def test_images_with_channels_can_be_fitted(tiny: WVAE, planted: Dataset):
    x = np.stack([planted.x, 255 - planted.x, planted.x // 2], 1)
    tiny.set_params(backbone="conv", augment=1.0).fit(x, planted.y)
    assert tiny.reconstruct(x[:3]).shape == (3, 3, 8, 8)
    assert tiny.transform(x).shape == (400, 2)


@pytest.mark.parametrize("per_class", [2, 3, 10])
def test_a_few_examples_can_be_fitted(per_class: int):
    """With too few examples for quantiles, the alignment is the Gaussian one, without steps."""
    x = np.random.default_rng(0).random((2 * per_class, 6, 6))
    y = np.arange(2 * per_class) % 2
    model = WVAE(d_label=2, d_rest=3, width=8, epochs=2, device="cpu").fit(x, y)
    assert len(model.model_.alignment.axes) == 0
    assert np.isfinite(model.transform(x)).all()
    assert np.isfinite(model.rewrite(x, 1 - y)).all()


def test_blank_images_can_be_fitted(tiny: WVAE, planted: Dataset):
    x = planted.x.copy()
    x[planted.y == "bee"] = 0
    x[:5] = 255
    tiny.set_params(augment=0.5).fit(x, planted.y)
    for values in (tiny.transform(x), tiny.reconstruct(x), tiny.rewrite(x[:5], planted.y[:5])):
        assert np.isfinite(values).all()
    assert all(np.isfinite(value) for value in tiny.evaluate(x, planted.y).values())


def test_codes_stay_finite_if_only_one_class_is_predicted(tiny: WVAE, planted: Dataset):
    y = np.where(np.arange(400) < 4, "rare", "often")
    tiny.set_params(classifier_weight=1e-6, alignment_steps=400).fit(planted.x, y)
    assert len(set(tiny.predict(planted.x))) == 1
    assert np.isfinite(tiny.transform(planted.x)).all()
    assert np.isfinite(tiny.rewrite(planted.x[:9], y[:9])).all()


@pytest.mark.parametrize("alignment", ["none", "mean", "gaussian", "transport"])
def test_every_alignment_can_be_saved_and_loaded(
    tiny: WVAE, planted: Dataset, tmp_path: Path, alignment: str
):
    tiny.set_params(alignment=alignment, alignment_steps=200).fit(planted.x, planted.y)
    tiny.save(tmp_path / "m")
    again = WVAE.load(tmp_path / "m")
    np.testing.assert_array_equal(again.transform(planted.x), tiny.transform(planted.x))
    np.testing.assert_array_equal(
        again.swap(planted.x[:5], planted.x[5:10]), tiny.swap(planted.x[:5], planted.x[5:10])
    )
    assert again.alignment_steps == tiny.alignment_steps == 200


def test_an_alignment_that_stopped_early_can_be_loaded(
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


def test_an_alignment_of_a_config_without_one_is_rejected(
    tiny: WVAE, planted: Dataset, tmp_path: Path
):
    tiny.fit(planted.x, planted.y).save(tmp_path / "m")
    file = tmp_path / "m" / "config.json"
    file.write_text(file.read_text().replace('"transport"', '"none"'))
    with pytest.raises(ModelFileError, match=r"damaged.*alignment"):
        WVAE.load(tmp_path / "m")


def test_fit_is_reproducible(tiny: WVAE, planted: Dataset):
    first = tiny.fit(planted.x, planted.y).transform(planted.x)
    np.testing.assert_array_equal(tiny.fit(planted.x, planted.y).transform(planted.x), first)
    other = copy_of(tiny).set_params(random_state=1).fit(planted.x, planted.y)
    assert abs(other.transform(planted.x) - first).max() > 1e-3


def test_a_test_set_uses_the_classes_of_training(tiny: WVAE, planted: Dataset):
    dogs = planted.subset(planted.y == "dog")  # whose only label has index 3, not 0
    tiny.set_params(epochs=8, width=32, batch_size=32, learning_rate=1e-2, augment=0.0)
    tiny.set_params(alignment="none", finetune_epochs=0)
    tiny.fit(planted.x, planted.y, test=(dogs.x, dogs.y))
    assert tiny.history_[-1]["test.accuracy"] == tiny.score(dogs.x, dogs.y) > 0.5


def test_fit_resumes_from_a_checkpoint(tiny: WVAE, planted: Dataset, tmp_path: Path):
    tiny.fit(planted.x, planted.y, checkpoint=tmp_path)
    rows: list[object] = []
    again = copy_of(tiny).fit(planted.x, planted.y, checkpoint=tmp_path, on_epoch=rows.append)
    assert rows == []
    np.testing.assert_array_equal(again.transform(planted.x), tiny.transform(planted.x))


# ------------------------------------------------------------------------- scikit-learn


def test_parameters_are_those_of_the_config_and_two_more():
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
    with pytest.raises(TypeError, match="epoch"):
        WVAE(epoch=3)  # pyright: ignore[reportCallIssue]
    assert "d_rest=7" in repr(model)


def test_preset_sets_the_parameters():
    model = WVAE.preset("article", "covariance", epochs=2)
    assert (model.get_params()["width"], model.get_params()["separation"]) == (500, "covariance")
    assert model.get_params()["epochs"] == 2


def test_fit_rejects_invalid_parameters(planted: Dataset):
    with pytest.raises(ValueError, match="epochs is 0"):
        WVAE(epochs=0).fit(planted.x, planted.y)
    with pytest.raises(TypeError, match="width is 'wide'"):
        WVAE(width="wide").fit(planted.x, planted.y)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="code is 'all'"):
        WVAE(code="all").fit(planted.x, planted.y)  # pyright: ignore[reportArgumentType]


def test_set_params_takes_effect_at_the_next_fit(planted: Dataset, tiny: WVAE):
    tiny.fit(planted.x, planted.y).set_params(d_rest=9)
    assert tiny.transform(planted.x).shape == (400, 2)
    assert tiny.get_feature_names_out().tolist() == ["z_rest0", "z_rest1"]
    assert tiny.config_.d_rest == 2


def test_output_as_a_data_frame(tiny: WVAE, planted: Dataset):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = tiny.fit(planted.x, planted.y).set_output(transform="pandas").transform(planted.x)
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["z_rest0", "z_rest1"]


def test_a_fitted_model_can_be_pickled(fitted: WVAE, planted_test: Dataset):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(planted_test.x), fitted.transform(planted_test.x))
    np.testing.assert_array_equal(again.predict(planted_test.x), fitted.predict(planted_test.x))


# ------------------------------------------------------------------------- errors

X = np.random.default_rng(0).random((8, 4, 4))
Y = np.arange(8) % 2


def with_value(value: float) -> np.ndarray:
    x = X.copy()
    x[3, 1, 2] = value
    return x


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (with_value(np.nan), ValueError, "NaN, first in row 4:"),
        (with_value(np.inf), ValueError, "infinity, first in row 4:"),
        (with_value(-np.inf), ValueError, "X holds infinity"),
        (with_value(1e39), ValueError, r"X holds values up to 1e\+39"),
        (X.astype(str), TypeError, "X has dtype <U"),
        (X * 1j, TypeError, "X has dtype complex"),
        (X[:0], ValueError, r"X has shape \(0, 4, 4\)"),
        (X[:, 0, 0], ValueError, r"X has shape \(8,\)"),
        (X[:, :0], ValueError, r"X has shape \(8, 0, 4\)"),
        (3, ValueError, r"X has shape \(\)"),
    ],
)
def test_unusable_examples_are_rejected(tiny: WVAE, x: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        tiny.fit(x, Y)
    assert not hasattr(tiny, "model_")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y[:7], r"y has shape \(7,\), expected \(8,\)"),
        (np.stack([Y, Y], 1), r"y has shape \(8, 2\), expected \(8,\)"),
        (None, "y is None"),
        (np.zeros(8, int), "one class only .*0"),
        (np.array([0, 0, 0, 0, 0, 0, 0, 1]), "label .*1.* one example"),
        (np.array(list("aaabbbbc")), "label .*'c'.* one example"),
        (Y + 0.5 * (np.arange(8) == 2), "continuous"),
        (np.where(np.arange(8) == 2, np.inf, Y), "infinity"),
        (np.full(8, np.nan), "no class at all.* 8 rows"),
        (np.full(8, -1), "no class at all.* 8 rows"),
        (np.where(Y, 7, -1), "one class only .*7.* 4 rows"),
        (np.array([0, 0, -1, -1, 1, -1, -1, 0]), "label .*1.* one example"),
        (np.array(["a", None] * 4, object), "one class only .*'a'.* 4 rows"),
        (np.array(["a", np.nan, 1, 1] * 2, object), "mixes int and str"),
        (np.array(["a", 1] * 4, object), "mixes int and str"),
    ],
)
def test_unusable_labels_are_rejected(tiny: WVAE, y: Any, message: str):
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
def test_an_unfitted_model_is_rejected(tiny: WVAE, call: Callable[[WVAE], Any]):
    with pytest.raises(NotFittedError, match=r"fit\(X, y\).*wvae\.load"):
        call(tiny)


def test_other_shapes_than_in_training_are_rejected(fitted: WVAE):
    with pytest.raises(ValueError, match=r"\(4, 4\).*\(8, 8\)"):
        fitted.transform(X)
    with pytest.raises(ValueError, match=r"\(64,\).*\(8, 8\)"):
        fitted.predict(np.zeros((2, 64), np.uint8))


@pytest.mark.parametrize("label", ["yak", "aaa", "zzz", 3])
def test_unknown_labels_are_rejected(fitted: WVAE, planted_test: Dataset, label: Any):
    with pytest.raises(ValueError, match=f"label .*{label}.* not seen in training.*ant"):
        fitted.rewrite(planted_test.x[:1], np.array([label]))
    with pytest.raises(ValueError, match=f"label .*{label}.* not seen"):
        fitted.evaluate(planted_test.x[:1], np.array([label]))


@pytest.mark.parametrize("n", [99, 101])
def test_a_wrong_number_of_labels_is_rejected(
    fitted: WVAE, planted: Dataset, planted_test: Dataset, n: int
):
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
def test_an_unusable_test_set_is_rejected_before_training(tiny: WVAE, test: Any, message: str):
    epochs: list[object] = []
    with pytest.raises(ValueError, match=message):
        tiny.fit(X, Y, test=test, on_epoch=epochs.append)
    assert epochs == []


def test_a_failed_fit_keeps_the_previous_model(tiny: WVAE, planted: Dataset):
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
def test_a_model_without_labels_swaps_but_does_not_predict(planted: Dataset, preset: Any):
    model = WVAE.preset(preset, "plain", width=16, epochs=1, device="cpu").fit(planted.x, planted.y)
    for call in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match="classifier_weight is 0"):
            call(planted.x)
    assert model.swap(planted.x[:3], planted.x[3:6]).shape == (3, 8, 8)
    assert "classification" not in model.evaluate(planted.x, planted.y)
    assert "accuracy" not in model.evaluate(planted.x, planted.y)


def test_a_model_without_labels_does_not_depend_on_them(planted: Dataset):
    shuffled = np.random.default_rng(0).permutation(planted.y)
    codes = [
        WVAE.preset("best", "plain", width=16, epochs=2, device="cpu")
        .fit(planted.x, y)
        .transform(planted.x)
        for y in (planted.y, shuffled)
    ]
    np.testing.assert_array_equal(codes[0], codes[1])


def test_the_network_is_in_evaluation_mode_after_fit(fitted: WVAE):
    assert not fitted.model_.training
