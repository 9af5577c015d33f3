"""WVAE with scikit-learn: conformance, tables, pipelines, partial_fit, weights, missing labels."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.datasets import load_wine
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from wvae.config import Config
from wvae.datasets import Dataset
from wvae.estimator import WVAE
from wvae.training.diagnostics import TrainingError
from wvae.training.examples import Examples, check_examples
from wvae.training.loop import evaluate
from wvae.training.prepare import split_validation

SMALL: dict[str, Any] = {
    "d_label": 2,
    "d_rest": 2,
    "width": 16,
    "depth": 1,
    "epochs": 4,
    "batch_size": 8,
    "learning_rate": 2e-2,
    "alignment_steps": 20,
    "finetune_epochs": 1,
    "device": "cpu",
}
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "An example of weight 2 counts twice in the objective, but it is in one batch only and its "
        "codes are sampled once, so only the expectations equal those of two rows."
    ),
}

# The models of these tests are trained for a few steps only.
pytestmark = pytest.mark.filterwarnings(
    "ignore::wvae.training.diagnostics.TrainingWarning", "ignore:.*max_iter"
)


@pytest.mark.slow  # some fifty checks of about a second each
@parametrize_with_checks([WVAE(**SMALL)], expected_failed_checks=lambda _: EXPECTED_FAILURES)
def test_scikit_learn_checks(estimator: WVAE, check: Any):
    check(estimator)


# ------------------------------------------------------------------------- tables


@pytest.fixture(scope="module")
def wine() -> tuple[np.ndarray, np.ndarray]:
    loaded: Any = load_wine()
    X, y = loaded.data, loaded.target
    order = np.random.default_rng(0).permutation(len(X))
    return X[order], np.array(["red", "rose", "white"])[y[order]]


def small(**changes: Any) -> WVAE:
    return WVAE(**SMALL | changes)


def test_a_table_is_separated(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    model = WVAE(device="cpu", batch_size=32, epochs=20, alignment_steps=20).fit(X[:130], y[:130])
    assert model.likelihood_ == "gaussian"
    assert model.score(X[130:], y[130:]) > 0.9
    # Columns have units of their own: standard deviations are from 0.1 to 300.
    error = np.abs(model.reconstruct(X[130:]) - X[130:]).mean(0)
    assert (error < 0.85 * X.std(0)).all()
    probe = make_pipeline(StandardScaler(), LogisticRegression())
    accuracy_of_codes = cross_val_score(probe, model.transform(X), y).mean()
    assert accuracy_of_codes < cross_val_score(probe, X, y).mean() - 0.3
    rewritten = model.rewrite(X[130:], np.full(48, "white"))
    assert (model.predict(rewritten) == "white").mean() > 0.9


def test_results_do_not_depend_on_the_units_of_columns(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    unit = 10.0 ** np.arange(-6, 7)
    one, two = small().fit(X, y), small().fit(X * unit + unit, y)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X * unit + unit), atol=1e-3)
    np.testing.assert_allclose(
        two.reconstruct(X * unit + unit), one.reconstruct(X) * unit + unit, rtol=0.02
    )


def test_swapped_images_of_a_gaussian_model_are_in_the_unit_range(planted: Dataset):
    model = small(likelihood="gaussian", batch_size=32, width=48).fit(planted.x, planted.y)
    swapped = model.swap(planted.x[:50], planted.x[50:100])
    assert swapped.min() >= 0
    assert swapped.max() <= 1
    assert np.isfinite(model.transform(swapped)).all()


def test_a_table_is_gaussian_unless_asked(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    unit = (X - X.min(0)) / np.ptp(X, 0)
    assert small().fit(unit, y).likelihood_ == "gaussian"
    assert small(likelihood="bernoulli").fit(unit, y).likelihood_ == "bernoulli"
    assert small().fit((255 * unit).astype(np.uint8), y).likelihood_ == "gaussian"
    with pytest.raises(ValueError, match="likelihood is 'bernoulli'"):
        small(likelihood="bernoulli").fit(X, y)
    model = small(likelihood="bernoulli").fit(unit, y)
    with pytest.raises(ValueError, match=r"0\.13 to 1680.*\[0, 1\]"):
        model.predict(X)


def test_images_of_any_range_can_be_fitted(planted: Dataset):
    x = planted.x.astype(np.float32) * 3 - 200
    model = small(epochs=12, batch_size=32, width=48, d_label=3, d_rest=3).fit(x, planted.y)
    assert model.likelihood_ == "gaussian"
    assert not model.model_.uses_style
    assert model.score(x, planted.y) > 0.9
    assert np.abs(model.reconstruct(x) - x).mean() < 0.5 * np.abs(x - x.mean(0)).mean()


def test_tables_of_any_numeric_type_can_be_fitted(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    for table in (X.astype(int), X.mean(0) < X, X.astype(object), X.tolist(), X.astype(np.float16)):
        assert small(epochs=1).fit(table, y).transform(table).shape == (178, 2)


def test_column_names_of_data_frames_are_checked(
    wine: tuple[np.ndarray, np.ndarray], tmp_path: Path
):
    X, y = wine
    names = [f"column {i}" for i in range(13)]
    frame = pandas.DataFrame(X, columns=names, index=np.arange(500, 678))
    model = small(code="both").fit(frame, pandas.Series(y)).set_output(transform="pandas")
    assert model.feature_names_in_.tolist() == names
    assert model.n_features_in_ == 13
    codes = model.transform(frame)
    assert codes.columns.tolist() == ["z_label0", "z_label1", "z_rest0", "z_rest1"]
    assert codes.index.tolist() == frame.index.tolist()
    np.testing.assert_array_equal(codes.to_numpy(), np.hstack(model.encode(frame)))
    model.save(tmp_path / "m")
    for estimator in (model, WVAE.load(tmp_path / "m")):
        with pytest.raises(ValueError, match="feature names"):
            estimator.predict(frame[names[::-1]])
        with pytest.warns(UserWarning, match="feature names"):
            estimator.predict(X)
    model.fit(frame.to_numpy(), y)
    assert not hasattr(model, "feature_names_in_")
    with pytest.raises(ValueError, match=r"12 features.*13"):
        model.transform(X[:, 1:])


def test_a_gaussian_model_can_be_saved_and_loaded(
    wine: tuple[np.ndarray, np.ndarray], tmp_path: Path
):
    X, y = wine
    model = small().fit(X, y)
    model.save(tmp_path / "m")
    again = WVAE.load(tmp_path / "m")
    assert again.likelihood_ == "gaussian"
    assert again.get_params() == model.get_params() | {"device": "auto"}
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    np.testing.assert_array_equal(again.reconstruct(X), model.reconstruct(X))
    assert again.evaluate(X, y) == model.evaluate(X, y)


def test_a_code_does_not_depend_on_the_other_rows(
    wine: tuple[np.ndarray, np.ndarray], fitted: WVAE, planted: Dataset
):
    X, y = wine
    for model, x in ((small().fit(X, y), X), (fitted, planted.x[:50])):
        for call in (model.transform, model.predict_proba):
            alone = np.concatenate([call(x[i : i + 1]) for i in range(len(x))])
            np.testing.assert_array_equal(call(x), alone)


# ------------------------------------------------------------------------- with other estimators


def test_pipelines_grid_search_and_cross_validation(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    pipeline = make_pipeline(StandardScaler(), small(batch_size=16, epochs=8))
    assert cross_val_score(pipeline, X, y, cv=3).min() > 0.8
    search = GridSearchCV(pipeline, {"wvae__d_rest": np.array([1, 2])}, cv=2).fit(X, y)
    assert search.best_params_["wvae__d_rest"] in (1, 2)
    assert search.best_score_ > 0.8
    classifier = make_pipeline(small(code="label"), LogisticRegression()).fit(X, y)
    assert classifier.score(X, y) > 0.8


@pytest.mark.parametrize("seed", [None, np.random.RandomState(3)])
def test_random_state_may_be_none_or_a_generator(wine: tuple[np.ndarray, np.ndarray], seed: Any):
    X, y = wine
    model = small(random_state=seed, epochs=1)
    runs = [(model.fit(X, y).transform(X), model.config_.random_state) for _ in range(2)]
    assert runs[0][1] != runs[1][1]
    assert abs(runs[0][0] - runs[1][0]).max() > 1e-3
    again = small(random_state=runs[1][1], epochs=1).fit(X, y)
    np.testing.assert_array_equal(again.transform(X), runs[1][0])
    assert model.get_params()["random_state"] is seed
    same = [
        small(random_state=np.random.RandomState(3), epochs=1).fit(X, y).transform(X)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(same[0], same[1])


def test_a_memory_map_is_not_copied(wine: tuple[np.ndarray, np.ndarray], tmp_path: Path):
    X, y = wine
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(check_examples(mapped).x, mapped)
    np.testing.assert_array_equal(
        small().fit(mapped, y).transform(mapped), small().fit(X, y).transform(X)
    )


def test_a_column_of_labels_is_flattened_with_a_warning(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    with pytest.warns(DataConversionWarning, match="column-vector"):
        small(epochs=1).fit(X, y[:, None])


# ------------------------------------------------------------------------- warm start, partial_fit


def test_a_warm_start_continues_from_the_weights(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    cold, warm = small(), small(warm_start=True)
    losses = [[m.fit(X, y).history_[0]["train.loss"] for _ in range(2)] for m in (cold, warm)]
    assert losses[0][0] == losses[0][1] == losses[1][0]
    assert losses[1][1] < 0.8 * losses[1][0]
    assert warm.n_iter_ == 4
    # Training and alignment may change; the architecture, the classes and the columns may not.
    warm.set_params(learning_rate=1e-3, alignment="gaussian", epochs=1)
    assert warm.fit(X, y).n_iter_ == 1
    before = warm.transform(X)
    with pytest.raises(ValueError, match=r"warm_start.*decoder\.body\.0\.weight"):
        warm.set_params(d_rest=3).fit(X, y)
    warm.set_params(d_rest=2)
    with pytest.raises(ValueError, match=r"\['red', 'rose'\]"):
        warm.fit(X[y != "white"], y[y != "white"])
    with pytest.raises(ValueError, match="X has 12 features"):
        warm.fit(X[:, 1:], y)
    np.testing.assert_array_equal(warm.transform(X), before)
    assert warm.set_params(warm_start=False, d_rest=3).fit(X, y).transform(X).shape == (178, 3)


def test_partial_fit_trains_on_parts(wine: tuple[np.ndarray, np.ndarray], tmp_path: Path):
    X, y = wine
    model = small(batch_size=16, alignment="gaussian")
    model.partial_fit(X[:100], y[:100], classes=["red", "rose", "white"])
    first = model.transform(X)
    for part in np.array_split(np.arange(178), 4) * 5:
        model.partial_fit(X[part], y[part])
    assert model.n_iter_ == len(model.history_) == 21
    assert [row["epoch"] for row in model.history_] == list(range(1, 22))
    assert model.history_[-1]["train.loss"] < model.history_[0]["train.loss"]
    assert model.score(X, y) > 0.9
    assert abs(model.transform(X) - first).max() > 0.1
    # Copies continue, too; a pickle exactly, because it has Adam's moments.
    model.save(tmp_path / "m")
    copy, loaded = pickle.loads(pickle.dumps(model)), WVAE.load(tmp_path / "m")
    for estimator in (model, copy, loaded):
        estimator.partial_fit(X[:90], y[:90])
        assert estimator.n_iter_ == 22
    np.testing.assert_array_equal(copy.transform(X), model.transform(X))
    assert loaded.score(X, y) > 0.9


def test_partial_fit_of_some_classes_keeps_all(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    model = small().partial_fit(X[y == "red"], y[y == "red"], classes=["red", "rose", "white"])
    assert model.classes_.tolist() == ["red", "rose", "white"]
    assert np.isfinite(model.transform(X)).all()
    with pytest.raises(ValueError, match="label centres are unknown"):
        model.rewrite(X[:1], np.array(["rose"]))
    model.partial_fit(X[:3], [None, *y[1:3]])
    assert model.rewrite(X[:1], np.array(["red"])).shape == (1, 13)


def test_partial_fit_rejects_data_that_do_not_fit_earlier_ones(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    with pytest.raises(ValueError, match=r"one class only .*red"):
        small().partial_fit(X, y, classes=["red"])
    model = small().partial_fit(X, y)
    before = model.transform(X)
    for call, message in (
        (lambda: model.partial_fit(X, y, classes=["red", "rose"]), r"\['red', 'rose'\]"),
        (lambda: model.partial_fit(X[:, 1:], y), "X has 12 features"),
        (lambda: model.partial_fit(X[:2], ["red", "green"]), "label .*green"),
        (lambda: model.partial_fit(X * np.nan, y), "X holds NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    np.testing.assert_array_equal(model.transform(X), before)


def test_a_diverging_partial_fit_keeps_the_previous_model(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    model = small(learning_rate=1e-3, batch_size=2).partial_fit(X, y)
    before = model.transform(X)
    assert model._optimiser is not None
    model._optimiser.param_groups[0]["lr"] = 10.0
    with pytest.raises(TrainingError, match="lower learning_rate"):
        model.partial_fit(X, y)
    np.testing.assert_array_equal(model.transform(X), before)
    assert model.n_iter_ == 1


def test_partial_fit_continues_after_fit(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    model = small(alignment="mean").fit(X, y)
    assert model.partial_fit(X, y).n_iter_ == 5
    assert model.history_[4]["train.loss"] < model.history_[0]["train.loss"]


# ------------------------------------------------------------------------- early stopping


def test_early_stopping_keeps_the_best_epoch(wine: tuple[np.ndarray, np.ndarray], tmp_path: Path):
    X, y = wine
    changes: dict[str, Any] = {
        "early_stopping": True,
        "n_iter_no_change": 3,
        "epochs": 60,
        "width": 64,
        "validation_fraction": 0.3,
        "alignment": "none",
        "finetune_epochs": 0,
        "rest_kl_weight": 0.05,
    }
    model = small(**changes).fit(X, y, checkpoint=tmp_path)
    losses = [row["validation.loss"] for row in model.history_]
    assert model.n_iter_ == len(losses) < 60
    assert int(np.argmin(losses)) == len(losses) - 4
    indices = np.unique(y, return_inverse=True)[1]
    data = Examples(X, indices, scale=model.scale_)
    holdout = split_validation(model.config_, data, None)[1]
    assert holdout is not None
    assert len(holdout.x) == 53
    assert evaluate(model.model_, holdout, 1)["loss"] == pytest.approx(min(losses), rel=1e-6)
    # A training that has stopped early does not continue from its checkpoint.
    rows: list[object] = []
    again = small(**changes).fit(X, y, checkpoint=tmp_path, on_epoch=rows.append)
    assert rows == []
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


def test_early_stopping_holds_out_whole_groups(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    data = Examples(X, np.unique(y, return_inverse=True)[1])
    groups = np.arange(178) % 7
    config = Config(early_stopping=True, validation_fraction=0.3)
    train, holdout = split_validation(config, data, groups)
    assert holdout is not None
    row_of = {tuple(values): row for row, values in enumerate(X)}
    train_groups = {groups[row_of[tuple(values)]] for values in train.x}
    holdout_groups = {groups[row_of[tuple(values)]] for values in holdout.x}
    assert train_groups & holdout_groups == set()
    assert len(holdout_groups) == 2
    train, holdout = split_validation(config, data, None)
    assert holdout is not None
    for part in (train, holdout):
        assert np.unique(part.y).tolist() == [0, 1, 2]
    model = small(early_stopping=True, n_iter_no_change=1).fit(X, y, groups=groups)
    assert model.history_[0]["validation.loss"] > 0


@pytest.mark.parametrize(
    ("changes", "groups", "message"),
    [
        ({}, np.arange(178), "early_stopping"),
        ({"early_stopping": True}, np.arange(177), r"groups has shape \(177,\).*\(178,\)"),
        ({"early_stopping": True}, np.zeros(178), "one group only"),
        ({"early_stopping": True}, "y", "all examples of 1 of the labels"),
    ],
)
def test_unusable_groups_are_rejected(
    wine: tuple[np.ndarray, np.ndarray], changes: Any, groups: Any, message: str
):
    X, y = wine
    with pytest.raises(ValueError, match=message):
        small(**changes).fit(X, y, groups=y if isinstance(groups, str) else groups)


# ------------------------------------------------------------------------- weights


def test_rows_of_weight_zero_are_ignored(wine: tuple[np.ndarray, np.ndarray]):
    """The only row with another label, and with another size, has weight zero."""
    X, y = wine
    x = ((X - X.min(0)) / np.ptp(X, axis=0)).astype(np.float32)
    x[0] = 7
    labels = np.where(np.arange(178) == 0, "corked", y)
    weight = (np.arange(178) > 0).astype(float)
    for model in (
        small(epochs=1).fit(x, labels, sample_weight=weight),
        small().partial_fit(x, labels, sample_weight=weight),
    ):
        assert model.classes_.tolist() == np.unique(y).tolist()
        assert model.scale_.offset == pytest.approx(x[1:].mean(0, dtype=float))


def test_weight_zero_equals_dropping_the_row(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    weight = np.where(np.arange(178) % 3, 2.0, 0.0)
    kept = weight > 0
    labels = np.where(kept, y, "corked")  # only rows of weight zero have this class
    weighted, dropped = small().fit(X, labels, sample_weight=weight), small().fit(X[kept], y[kept])
    assert weighted.classes_.tolist() == dropped.classes_.tolist()
    np.testing.assert_allclose(weighted.transform(X), dropped.transform(X), atol=1e-3)
    with pytest.raises(ValueError, match="one class only"):
        small().fit(X, y, sample_weight=y == "red")


@pytest.mark.slow
def test_weights_decide_between_contradicting_labels(wine: tuple[np.ndarray, np.ndarray]):
    """Half of the labels are wrong; weights favour the right or the wrong ones."""
    X, y = wine
    wrong = np.random.default_rng(0).random(178) < 0.5
    classes, indices = np.unique(y, return_inverse=True)
    noisy = np.where(wrong, np.roll(classes, 1)[indices], y)
    unweighted = small(epochs=12).fit(X, noisy).score(X, y)
    right_favoured = small(epochs=12).fit(X, noisy, sample_weight=1e-3 + ~wrong).score(X, y)
    wrong_favoured = small(epochs=12).fit(X, noisy, sample_weight=1e-3 + wrong).score(X, y)
    assert right_favoured > 0.9
    assert wrong_favoured < 0.1
    assert wrong_favoured < unweighted < right_favoured


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(177), r"sample_weight has shape \(177,\), expected \(178,\)"),
        (np.ones((178, 2)), r"sample_weight has shape \(178, 2\)"),
        (np.full(178, -1.0), "sample_weight holds NaN, infinity or negative"),
        (np.full(178, np.nan), "sample_weight holds NaN, infinity or negative"),
        (np.zeros(178), "sample_weight is zero everywhere"),
    ],
)
def test_unusable_weights_are_rejected(
    wine: tuple[np.ndarray, np.ndarray], weight: np.ndarray, message: str
):
    X, y = wine
    for call in (small().fit, small().partial_fit):
        with pytest.raises(ValueError, match=message):
            call(X, y, sample_weight=weight)


@pytest.mark.parametrize("separation", ["covariance", "hsic", "adversary", "swap"])
def test_separation_rejects_weights_and_unknown_labels(
    wine: tuple[np.ndarray, np.ndarray], separation: str
):
    X, y = wine
    model = small(separation=separation, separation_weight=1.0, epochs=1)
    with pytest.raises(ValueError, match=f"separation is '{separation}'.*sample_weight"):
        model.fit(X, y, sample_weight=np.ones(178))
    unknown = y.astype(object)
    unknown[::2] = None
    if separation == "covariance":  # it does not use labels
        assert model.fit(X, unknown).score(X, y) >= 0
    else:
        with pytest.raises(ValueError, match=f"separation is '{separation}'.*every label"):
            model.fit(X, unknown)


# ------------------------------------------------------------------------- missing labels


@pytest.mark.parametrize("mark", ["-1", "-1.0", "None", "nan", "nan object", "NA"])
def test_unlabelled_rows_may_be_marked_in_any_way(wine: tuple[np.ndarray, np.ndarray], mark: str):
    X, names = wine
    numbers = np.unique(names, return_inverse=True)[1]
    unknown = np.arange(178) % 2 == 1
    y: Any = {
        "-1": numbers.copy(),
        "-1.0": numbers.astype(float),
        "None": names.astype(object),
        "nan": numbers.astype(float),
        "nan object": names.astype(object),
        "NA": pandas.Series(numbers, dtype="Int64"),
    }[mark]
    y[unknown] = {"-1": -1, "-1.0": -1, "None": None, "NA": pandas.NA}.get(mark, np.nan)
    model = small(epochs=10).fit(X, y)
    assert len(model.classes_) == 3
    truth = names if mark in ("None", "nan object") else numbers
    assert model.score(X[unknown], truth[unknown]) > 0.8
    assert model.score(X, y) == model.score(X[~unknown], np.asarray(y)[~unknown])
    assert model.evaluate(X, y)["accuracy"] == pytest.approx(model.score(X, y))


def test_minus_one_may_be_a_class(wine: tuple[np.ndarray, np.ndarray]):
    X, _ = wine
    for labels in ([-1, 1], [-2, -1, 0]):
        y = np.array(labels)[np.arange(178) % len(labels)]
        assert small(epochs=1).fit(X, y).classes_.tolist() == labels
    assert small(epochs=1).fit(X, np.arange(178) % 4 - 1).classes_.tolist() == [0, 1, 2]


@pytest.mark.slow
def test_unlabelled_examples_improve_the_model(planted: Dataset, planted_test: Dataset):
    """With 380 unlabelled images beside 20 labelled ones, new images are reconstructed better."""
    rows = np.concatenate([np.flatnonzero(planted.y == k)[:5] for k in np.unique(planted.y)])
    few_labels = np.full(400, None, object)
    few_labels[rows] = planted.y[rows]
    changes: dict[str, Any] = {
        "width": 48,
        "d_label": 3,
        "d_rest": 3,
        "augment": 0.0,
        "alignment": "none",
        "finetune_epochs": 0,
        "batch_size": 20,
        "backbone": "mlp",
        "learning_rate": 1e-2,
        "style_weight": 1.0,
    }
    # Both are trained for as many steps.
    labelled_only = small(**changes, epochs=400).fit(planted.x[rows], planted.y[rows])
    semi_supervised = small(**changes, epochs=20).fit(planted.x, few_labels)
    x, y = planted_test.x, planted_test.y.astype(object)
    assert semi_supervised.score(x, y) > 0.9
    reconstruction = semi_supervised.evaluate(x, y)["reconstruction"]
    assert reconstruction < labelled_only.evaluate(x, y)["reconstruction"]
