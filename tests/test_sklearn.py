"""WVAE as a scikit-learn citizen: its own conformance checks, tables, and the company of other estimators."""

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
from wvae.io.files import ModelFileError
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
}
SMALL |= {"learning_rate": 2e-2, "alignment_steps": 20, "finetune_epochs": 1, "device": "cpu"}
NOT_MET = {
    "check_sample_weight_equivalence_on_dense_data": (
        "an example of weight 2 counts twice in the objective, but it is drawn into batches, and its codes are "
        "sampled, once: only the expectations are those of two rows"
    ),
}

# The checks have no say about trainings of a few steps, but warnings are errors.
pytestmark = pytest.mark.filterwarnings(
    "ignore::wvae.training.diagnostics.TrainingWarning", "ignore:.*max_iter"
)


@parametrize_with_checks([WVAE(**SMALL)], expected_failed_checks=lambda estimator: NOT_MET)
def test_conformance(estimator: WVAE, check: Any):
    check(estimator)


# ------------------------------------------------------------------------------------------ tables


@pytest.fixture(scope="module")
def wine() -> tuple[np.ndarray, np.ndarray]:
    loaded: Any = load_wine()
    X, y = loaded.data, loaded.target
    order = np.random.default_rng(0).permutation(len(X))
    return X[order], np.array(["red", "rose", "white"])[y[order]]


def small(**changes: Any) -> WVAE:
    return WVAE(**SMALL | changes)


def test_a_table_simply_works(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    model = WVAE(device="cpu", batch_size=32, epochs=20, alignment_steps=20).fit(X[:130], y[:130])
    assert model.likelihood_ == "gaussian"
    assert model.score(X[130:], y[130:]) > 0.9
    got, spread = model.reconstruct(X[130:]), X.std(0)
    assert (
        np.abs(got - X[130:]).mean(0) < 0.85 * spread
    ).all()  # in the units of each column, 0.1 or 300
    probe = make_pipeline(StandardScaler(), LogisticRegression())
    assert (
        cross_val_score(probe, model.transform(X), y).mean()
        < cross_val_score(probe, X, y).mean() - 0.3
    )
    other = model.rewrite(X[130:], np.full(48, "white"))
    assert (model.predict(other) == "white").mean() > 0.9


def test_a_table_in_another_unit_is_the_same_table(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    unit = 10.0 ** np.arange(-6, 7)
    one, two = small().fit(X, y), small().fit(X * unit + unit, y)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X * unit + unit), atol=1e-3)
    np.testing.assert_allclose(
        two.reconstruct(X * unit + unit), one.reconstruct(X) * unit + unit, rtol=0.02
    )


def test_gaussian_pixels_are_drawn_as_pixels_and_can_be_encoded_again(planted: Dataset):
    model = small(likelihood="gaussian", batch_size=32, width=48).fit(planted.x, planted.y)
    swapped = model.swap(planted.x[:50], planted.x[50:100])
    assert swapped.min() >= 0
    assert swapped.max() <= 1
    assert np.isfinite(model.transform(swapped)).all()


def test_likelihoods_follow_the_values(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    unit = (X - X.min(0)) / np.ptp(X, 0)
    model = small().fit(unit, y)
    assert model.likelihood_ == "bernoulli"
    assert small(likelihood="gaussian").fit(unit, y).likelihood_ == "gaussian"
    assert small().fit((255 * unit).astype(np.uint8), y).likelihood_ == "bernoulli"
    with pytest.raises(
        ValueError, match=r"likelihood is 'bernoulli', which needs values in \[0, 1\]"
    ):
        small(likelihood="bernoulli").fit(X, y)
    with pytest.raises(
        ValueError,
        match=r"X holds values from 0.13 to 1680, expected \[0, 1\] as in training: scale",
    ):
        model.predict(X)


def test_images_of_any_range(planted: Dataset):
    x = planted.x.astype(np.float32) * 3 - 200
    model = small(epochs=12, batch_size=32, width=48, d_label=3, d_rest=3).fit(x, planted.y)
    assert model.likelihood_ == "gaussian"
    assert not model.model_.uses_style
    assert model.score(x, planted.y) > 0.9
    assert np.abs(model.reconstruct(x) - x).mean() < 0.5 * np.abs(x - x.mean(0)).mean()


def test_integers_flags_and_objects_make_a_table(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    for table in (X.astype(int), X.mean(0) < X, X.astype(object), X.tolist(), X.astype(np.float16)):
        assert small(epochs=1).fit(table, y).transform(table).shape == (178, 2)


def test_data_frames_in_and_out(wine: tuple[np.ndarray, np.ndarray], tmp_path: Path):
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
    for each in (model, WVAE.load(tmp_path / "m")):
        with pytest.raises(ValueError, match="feature names should match"):
            each.predict(frame[names[::-1]])
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            each.predict(X)
    model.fit(frame.to_numpy(), y)
    assert not hasattr(model, "feature_names_in_")
    with pytest.raises(ValueError, match="X has 12 features, but WVAE is expecting 13"):
        model.transform(X[:, 1:])


def test_a_gaussian_model_saves_and_loads(wine: tuple[np.ndarray, np.ndarray], tmp_path: Path):
    X, y = wine
    model = small().fit(X, y)
    model.save(tmp_path / "m")
    again = WVAE.load(tmp_path / "m")
    assert again.likelihood_ == "gaussian"
    assert again.get_params() == model.get_params() | {"device": "auto"}
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    np.testing.assert_array_equal(again.reconstruct(X), model.reconstruct(X))
    assert again.evaluate(X, y) == model.evaluate(X, y)
    file = tmp_path / "m" / "config.json"
    for wrong in ('"pixels": true', '"pixels": 3'):
        file.write_text(file.read_text().replace('"pixels": false', wrong))
        with pytest.raises(ModelFileError, match="damaged"):
            WVAE.load(tmp_path / "m")
        file.write_text(file.read_text().replace(wrong, '"pixels": false'))


def test_a_code_does_not_depend_on_its_company(
    wine: tuple[np.ndarray, np.ndarray], fitted: WVAE, planted: Dataset
):
    X, y = wine
    for model, x in ((small().fit(X, y), X), (fitted, planted.x[:50])):
        for call in (model.transform, model.predict_proba):
            alone = np.concatenate([call(x[i : i + 1]) for i in range(len(x))])
            np.testing.assert_array_equal(call(x), alone)


# ------------------------------------------------------------------------------------------ in company


def test_in_a_pipeline_a_grid_and_cross_validation(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    pipeline = make_pipeline(StandardScaler(), small(batch_size=16))
    assert cross_val_score(pipeline, X, y, cv=3).min() > 0.8
    search = GridSearchCV(
        pipeline, {"wvae__d_rest": [1, 2], "wvae__likelihood": ["auto", "gaussian"]}, cv=2
    )
    assert search.fit(X, y).best_estimator_.transform(X).shape[1] in (1, 2)
    reader = make_pipeline(small(code="label"), LogisticRegression()).fit(X, y)
    assert reader.score(X, y) > 0.8


@pytest.mark.parametrize("seed", [None, np.random.RandomState(3)])
def test_random_states_as_scikit_learn_takes_them(wine: tuple[np.ndarray, np.ndarray], seed: Any):
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


def test_a_read_only_memory_map_of_a_table(wine: tuple[np.ndarray, np.ndarray], tmp_path: Path):
    X, y = wine
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(check_examples(mapped).x, mapped)
    np.testing.assert_array_equal(
        small().fit(mapped, y).transform(mapped), small().fit(X, y).transform(X)
    )


def test_a_column_of_labels_is_taken_with_a_warning(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    with pytest.warns(DataConversionWarning, match="A column-vector y"):
        small(epochs=1).fit(X, y[:, None])


# ------------------------------------------------------------------------------------------ going on


def test_a_warm_start_goes_on(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    cold, warm = small(), small(warm_start=True)
    losses = [[m.fit(X, y).history_[0]["train.loss"] for _ in range(2)] for m in (cold, warm)]
    assert losses[0][0] == losses[0][1] == losses[1][0]
    assert losses[1][1] < 0.8 * losses[1][0]
    assert warm.n_iter_ == 4
    # Learning rate and the like may change, and the alignment; the architecture may not, nor may classes or columns.
    assert (
        warm.set_params(learning_rate=1e-3, alignment="gaussian", epochs=1).fit(X, y).n_iter_ == 1
    )
    before = warm.transform(X)
    with pytest.raises(
        ValueError,
        match=r"warm_start is True, but .* another architecture .*\(decoder.body.0.weight",
    ):
        warm.set_params(d_rest=3).fit(X, y)
    warm.set_params(d_rest=2)
    with pytest.raises(ValueError, match=r"classes are \['red', 'rose'\]"):
        warm.fit(X[y != "white"], y[y != "white"])
    with pytest.raises(ValueError, match="X has 12 features"):
        warm.fit(X[:, 1:], y)
    np.testing.assert_array_equal(warm.transform(X), before)
    assert warm.set_params(warm_start=False, d_rest=3).fit(X, y).transform(X).shape == (178, 3)


def test_partial_fit_learns_from_parts(wine: tuple[np.ndarray, np.ndarray], tmp_path: Path):
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
    # A copy through a file or a pickle goes on, too; the pickle to the bit, for it has Adam's moments.
    model.save(tmp_path / "m")
    copy, loaded = pickle.loads(pickle.dumps(model)), WVAE.load(tmp_path / "m")
    for each in (model, copy, loaded):
        each.partial_fit(X[:90], y[:90])
        assert each.n_iter_ == 22
    np.testing.assert_array_equal(copy.transform(X), model.transform(X))
    assert loaded.score(X, y) > 0.9


def test_partial_fit_of_some_classes_keeps_the_others(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    model = small().partial_fit(X[y == "red"], y[y == "red"], classes=["red", "rose", "white"])
    assert model.classes_.tolist() == ["red", "rose", "white"]
    assert np.isfinite(model.transform(X)).all()
    with pytest.raises(
        ValueError,
        match="label centres are unknown",
    ):
        model.rewrite(X[:1], np.array(["rose"]))
    model.partial_fit(X[:3], [None, *y[1:3]])
    assert model.rewrite(X[:1], np.array(["red"])).shape == (1, 13)


def test_partial_fit_refuses_what_cannot_follow(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    with pytest.raises(ValueError, match="classes holds one class only"):
        small().partial_fit(X, y, classes=["red"])
    model = small().partial_fit(X, y)
    before = model.transform(X)
    for call, message in (
        (lambda: model.partial_fit(X, y, classes=["red", "rose"]), "same classes"),
        (lambda: model.partial_fit(X[:, 1:], y), "X has 12 features"),
        (lambda: model.partial_fit(X[:2], ["red", "green"]), "label .*green.* was not seen"),
        (lambda: model.partial_fit(X * np.nan, y), "X holds NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    np.testing.assert_array_equal(model.transform(X), before)


def test_partial_fit_that_diverges_leaves_the_model_as_it_was(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    model = small(learning_rate=1e-3, batch_size=2).partial_fit(X, y)
    before = model.transform(X)
    assert model._optimiser is not None
    model._optimiser.param_groups[0]["lr"] = 10.0
    with pytest.raises(TrainingError, match="lower learning_rate"):
        model.partial_fit(X, y)
    np.testing.assert_array_equal(model.transform(X), before)
    assert model.n_iter_ == 1


def test_partial_fit_after_fit_goes_on_from_it(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    model = small(alignment="mean").fit(X, y)
    assert model.partial_fit(X, y).n_iter_ == 5
    assert model.history_[4]["train.loss"] < model.history_[0]["train.loss"]


# ------------------------------------------------------------------------------------------ early stopping


def test_early_stopping_ends_at_the_best_epoch(wine: tuple[np.ndarray, np.ndarray], tmp_path: Path):
    X, y = wine
    changes: dict[str, Any] = {
        "early_stopping": True,
        "n_iter_no_change": 3,
        "epochs": 60,
        "width": 64,
    }
    changes |= {
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
    watched = split_validation(model.config_, Examples(X, indices), None)[1]
    assert watched is not None
    assert len(watched.x) == 53
    assert evaluate(model.model_, watched, 1)["loss"] == pytest.approx(min(losses), rel=1e-6)
    # A training that ended early and is started again ends as early.
    seen: list[object] = []
    again = small(**changes).fit(X, y, checkpoint=tmp_path, on_epoch=seen.append)
    assert seen == []
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


def test_groups_are_on_one_side_only(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    data = Examples(X, np.unique(y, return_inverse=True)[1])
    groups = np.arange(178) % 7
    config = Config(early_stopping=True, validation_fraction=0.3)
    train, watched = split_validation(config, data, groups)
    assert watched is not None
    sides = [{tuple(row) for row in part.x} for part in (train, watched)]
    where = [{g for row, g in zip(X, groups, strict=True) if tuple(row) in side} for side in sides]
    assert where[0] & where[1] == set()
    assert len(where[1]) == 2
    train, watched = split_validation(config, data, None)
    assert watched is not None
    for part in (train, watched):
        assert np.unique(part.y).tolist() == [0, 1, 2]
    assert (
        small(early_stopping=True, n_iter_no_change=1)
        .fit(X, y, groups=groups)
        .history_[0]["validation.loss"]
        > 0
    )


@pytest.mark.parametrize(
    ("changes", "groups", "message"),
    [
        (
            {},
            lambda y: np.arange(178),
            "take early_stopping=True",
        ),
        (
            {"early_stopping": True},
            lambda y: np.arange(177),
            r"groups has shape \(177,\), expected \(178,\)",
        ),
        ({"early_stopping": True}, lambda y: np.zeros(178), "groups holds one group only"),
        (
            {"early_stopping": True},
            lambda y: y,
            "lower validation_fraction",
        ),
    ],
)
def test_groups_that_cannot_be_used(
    wine: tuple[np.ndarray, np.ndarray], changes: Any, groups: Any, message: str
):
    X, y = wine
    with pytest.raises(ValueError, match=message):
        small(**changes).fit(X, y, groups=groups(y))


# ------------------------------------------------------------------------------------------ weights


def test_what_is_left_out_decides_nothing(wine: tuple[np.ndarray, np.ndarray]):
    """Neither a label nor a range of values that only rows of weight zero have."""
    X, y = wine
    x = ((X - X.min(0)) / np.ptp(X, axis=0)).astype(np.float32)
    x[0], odd = 7, np.where(np.arange(178) == 0, "corked", y)
    weight = (np.arange(178) > 0).astype(float)
    for model in (
        small(epochs=1).fit(x, odd, sample_weight=weight),
        small().partial_fit(x, odd, sample_weight=weight),
    ):
        assert (model.classes_.tolist(), model.likelihood_) == (np.unique(y).tolist(), "bernoulli")


def test_examples_are_looked_at_once():
    for x, pixels in (
        ([[0.0, 1.0]], True),
        ([[0.0, 1.1]], False),
        ([[-0.1, 1.0]], False),
        ([[0.5, 0.5]], True),
    ):
        assert check_examples(np.array(x)).unit_range == pixels
    assert check_examples(np.full((2, 3), 255, np.uint8)).unit_range


def test_weight_zero_is_leaving_out_and_equal_weights_are_none(wine: tuple[np.ndarray, np.ndarray]):
    X, y = wine
    weight = np.where(np.arange(178) % 3, 2.0, 0.0)
    kept = weight > 0
    spoilt = np.where(kept, y, "corked")  # a class that no row with a weight has
    one, two = small().fit(X, spoilt, sample_weight=weight), small().fit(X[kept], y[kept])
    assert one.classes_.tolist() == two.classes_.tolist()
    np.testing.assert_allclose(one.transform(X), two.transform(X), atol=1e-3)
    with pytest.raises(ValueError, match="one class only"):
        small().fit(X, y, sample_weight=y == "red")


def test_weights_say_which_examples_matter(wine: tuple[np.ndarray, np.ndarray]):
    """Half of the labels are wrong; the weights know which."""
    X, y = wine
    rng = np.random.default_rng(0)
    wrong = rng.random(178) < 0.5
    told = np.where(wrong, np.roll(np.unique(y), 1)[np.unique(y, return_inverse=True)[1]], y)
    plain, knowing, fooled = (
        small(epochs=12).fit(X, told, sample_weight=w).score(X, y)
        for w in (None, 1e-3 + ~wrong, 1e-3 + wrong)
    )
    assert knowing > 0.9
    assert fooled < 0.1
    assert fooled < plain < knowing


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
def test_bad_weights(wine: tuple[np.ndarray, np.ndarray], weight: np.ndarray, message: str):
    X, y = wine
    for call in (small().fit, small().partial_fit):
        with pytest.raises(ValueError, match=message):
            call(X, y, sample_weight=weight)


@pytest.mark.parametrize("separation", ["covariance", "hsic", "adversary", "swap"])
def test_terms_of_whole_batches_cannot_be_weighed(
    wine: tuple[np.ndarray, np.ndarray], separation: str
):
    X, y = wine
    model = small(separation=separation, separation_weight=1.0, epochs=1)
    with pytest.raises(
        ValueError, match=f"separation is '{separation}', .* leave out sample_weight"
    ):
        model.fit(X, y, sample_weight=np.ones(178))
    unknown = y.astype(object)
    unknown[::2] = None
    if separation == "covariance":  # it asks for no label
        assert model.fit(X, unknown).score(X, y) >= 0
    else:
        with pytest.raises(
            ValueError, match=f"separation is '{separation}', which needs every label"
        ):
            model.fit(X, unknown)


# ------------------------------------------------------------------------------------------ labels not known


@pytest.mark.parametrize("mark", ["-1", "-1.0", "None", "nan", "nan object", "NA"])
def test_every_mark_of_an_unknown_label(wine: tuple[np.ndarray, np.ndarray], mark: str):
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


def test_minus_one_is_a_class_where_it_cannot_be_a_mark(wine: tuple[np.ndarray, np.ndarray]):
    X, _ = wine
    for labels in ([-1, 1], [-2, -1, 0]):
        coded = np.array(labels)[np.arange(178) % len(labels)]
        assert small(epochs=1).fit(X, coded).classes_.tolist() == labels
    assert small(epochs=1).fit(X, np.arange(178) % 4 - 1).classes_.tolist() == [0, 1, 2]


def test_examples_without_a_label_help(planted: Dataset, planted_test: Dataset):
    """Five labels for each class, and 380 images more: new ones are rebuilt better, and their label is read."""
    rows = np.concatenate([np.flatnonzero(planted.y == k)[:5] for k in np.unique(planted.y)])
    few = np.full(400, None, object)
    few[rows] = planted.y[rows]
    changes: dict[str, Any] = {
        "width": 48,
        "d_label": 3,
        "d_rest": 3,
        "augment": 0.0,
        "alignment": "none",
    }
    changes |= {
        "finetune_epochs": 0,
        "batch_size": 20,
        "backbone": "mlp",
        "learning_rate": 1e-2,
        "style_weight": 1.0,
    }
    alone = small(**changes, epochs=400).fit(planted.x[rows], planted.y[rows].astype(object))
    helped = small(**changes, epochs=20).fit(planted.x, few)
    x, y = planted_test.x, planted_test.y.astype(object)
    assert helped.score(x, y) > 0.9  # after as many steps
    lost = [m.evaluate(x, y)["reconstruction"] for m in (helped, alone)]
    assert lost[0] < lost[1]
