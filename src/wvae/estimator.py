"""`WVAE`: the method as a scikit-learn estimator."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from .config import Config, Objective, Preset, check_parameter_names
from .io.chainer import read_original
from .io.model_folder import Code, SavedModel, check_code, read_saved, write_saved
from .model import SplitVAE
from .training.examples import Array, Examples, check_examples, check_labelled, check_shape
from .training.inference import (
    Posterior,
    align,
    centres_of,
    column_names,
    decode,
    posterior,
    probabilities,
)
from .training.initialise import restore_model
from .training.loop import Row, evaluate
from .training.pipeline import (
    FitResult,
    copy_training,
    copy_weights,
    fit_increment,
    fit_model,
)
from .training.prepare import build_config, check_same_classes, prepare_data
from .training.schedule import make_optimiser
from .validation import check_weights, coded, column, missing_in


class WVAE(ClassifierMixin, TransformerMixin, BaseEstimator):
    """Split what the label explains (z_label) from all the rest (z_rest).

    Parameters
    ----------
    code
        What `transform` returns: ``"rest"`` (n, d_rest), ``"label"`` (n, d_label) or ``"both"``
        (n, d_label + d_rest).
    warm_start
        Whether `fit` goes on from the weights of the fit before, with a new schedule, instead of from chance.
    parameters
        The hyper-parameters of `wvae.config.Config`, by name. ``random_state`` may also be None or a RandomState.

    Attributes
    ----------
    classes_
        The labels, sorted, (classes,).
    config_, shape_
        The hyper-parameters it was fitted with; shape of one example.
    feature_names_in_
        Names of the columns, if X was a data frame with names.
    history_
        One row of figures per epoch.
    label_centres_
        Mean z_label of each class in training, (classes, d_label): what `rewrite` sets.
    likelihood_
        What ``likelihood="auto"`` has become: ``"bernoulli"`` or ``"gaussian"``.
    n_features_in_, n_iter_
        Values per example; epochs trained.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.random.default_rng(0).random((64, 6, 6), dtype=np.float32), np.arange(64) % 2
    >>> model = WVAE(d_label=2, d_rest=3, width=16, epochs=2).fit(X, y)
    >>> model.transform(X).shape, model.predict(X).shape
    ((64, 3), (64,))
    >>> model.swap(X[:5], X[5:10]).shape
    (5, 6, 6)

    A table, with some labels unknown:

    >>> table, y = np.random.default_rng(0).normal(9, 3, (64, 5)), np.where(np.arange(64) % 4, np.arange(64) % 2, -1)
    >>> model = WVAE(d_label=2, d_rest=3, width=16, epochs=2).fit(table, y)
    >>> model.likelihood_, model.classes_.tolist(), model.reconstruct(table).shape
    ('gaussian', [0, 1], (64, 5))
    """

    model_: SplitVAE
    config_: Config
    shape_: tuple[int, ...]
    classes_: Array
    label_centres_: Array
    history_: list[Row]
    likelihood_: str
    n_iter_: int
    n_features_in_: int
    feature_names_in_: Array

    def __init__(self, *, code: Code = "rest", warm_start: bool = False, **parameters: Any) -> None:
        self.code = code
        self.warm_start = warm_start
        check_parameter_names(parameters)
        for spec in fields(Config):
            setattr(self, spec.name, parameters.get(spec.name, spec.default))

    # scikit-learn reads the parameters off the signature; theirs is Config's, so that each stands in one place only.
    __init__.__signature__ = inspect.Signature(  # pyright: ignore[reportFunctionMemberAccess]
        [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        + [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
            for name, default in {"code": "rest", "warm_start": False, **asdict(Config())}.items()
        ]
    )

    @classmethod
    def preset(
        cls, name: Preset = "best", objective: Objective | None = None, **changes: Any
    ) -> Self:
        """Return an estimator with the hyper-parameters of `Config.preset`."""
        return cls(**asdict(Config.preset(name, objective, **changes)))

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        groups: Any = None,
        test: tuple[Array, Array] | None = None,
        checkpoint: Path | None = None,
        on_epoch: Callable[[Row], None] | None = None,
    ) -> Self:
        """Train from scratch, or with ``warm_start`` from where the fit before has ended.

        Parameters
        ----------
        X
            (n, \\*shape), uint8 in [0, 255] or floating; or a table (n, d) of any numbers, also as a data frame. A
            memory map is read batch by batch.
        y
            (n,) labels, integers or strings; at least two classes with two examples each. Rows with None, NaN, or −1
            among integers from 0 on, have no label and train everything but the classifier.
        sample_weight
            (n,) weights from 0 on, scaled to a mean of 1. They multiply an example's terms of the objective; a row of
            weight 0 is left out. The rest counts each other row once: the scale of the data, the style of a label, the
            alignment, the practice. So weight 2 is, in expectation, what a repeated row is to the objective, not to it
            all. No separation term but ``"none"`` can be weighed.
        groups
            (n,) of a factor such as the writer: ``early_stopping`` then watches groups that training does not see.
        test
            (X, y) whose loss is measured after every epoch; it has no other effect.
        checkpoint
            Folder to keep the state in; a broken training goes on from there.
        on_epoch
            Called with each row of the history.

        Raises
        ------
        ValueError, TypeError
            If the data or a hyper-parameter cannot be used.
        wvae.training.diagnostics.TrainingError
            If the loss is no longer finite.
        """
        config = self._config()
        found = prepare_data(config, X, y, sample_weight, groups=groups)
        # Attributes are set only once training has ended well: a failed fit leaves no half-fitted estimator.
        warm = self.warm_start and hasattr(self, "model_")
        if warm:
            self._examples(X)
            check_same_classes(found.classes, self.classes_)
        model = copy_weights(self.model_, config) if warm else found.build_model(config)
        seen = (
            None
            if test is None
            else check_labelled(*test, model.shape, found.classes, model.unit_range)
        )
        options: dict[str, Any] = {"test": seen, "checkpoint": checkpoint, "on_epoch": on_epoch}
        fit = fit_model(model, found.data, groups=found.groups, initialise=not warm, **options)
        return self._learnt(fit, found.classes, X)

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, *, sample_weight: Any = None
    ) -> Self:
        """Pass once over some more data, at a constant learning rate.

        The scale of the data and the style of each label are measured in the first call, so let it be large. After each
        call the alignment is fitted anew to its rows, if every class is read in them (``alignment="none"`` spares the
        time); there is no practice and no early stopping.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`; a call may hold some of the classes only.
        classes
            All classes there will be. If None, the first call's labels hold them all.
        """
        first = not hasattr(self, "model_")
        if first:
            config = self._config()
            found = prepare_data(config, X, y, sample_weight, classes=classes)
            model = found.build_model(config)
            optimiser, history, centres = make_optimiser(model), [], None
        else:
            self._examples(X)
            if classes is not None:
                check_same_classes(np.unique(np.asarray(classes)), self.classes_)
            found = prepare_data(self.config_, X, y, sample_weight, classes=self.classes_)
            # Copies, so that a failure leaves the model as it was.
            model, optimiser = copy_training(
                self.model_, self._optimiser or make_optimiser(self.model_)
            )
            history, centres = self.history_, self.label_centres_
        self._learnt(
            fit_increment(model, found.data, optimiser, history, centres),
            found.classes,
            X if first else None,
        )
        self._optimiser = optimiser
        return self

    def encode(self, X: Any) -> tuple[Array, Array]:
        """Return the posterior means z_label (n, d_label) and z_rest (n, d_rest), aligned."""
        q_label, q_rest = self.posterior(X)
        return q_label[0], align(self._fitted(), q_label[0], q_rest[0])

    def sample(self, X: Any, seed: int = 0) -> tuple[Array, Array]:
        """Return one sample of each posterior, z_label (n, d_label) and z_rest (n, d_rest), aligned."""
        rng = np.random.default_rng(seed)
        z_label, z_rest = (
            mean + sd * rng.standard_normal(mean.shape, np.float32)
            for mean, sd in self.posterior(X)
        )
        return z_label, align(self._fitted(), z_label, z_rest)

    def posterior(self, X: Any) -> Posterior:
        """Return (mean, standard deviation) of q(z_label|x) and of q(z_rest|x), before the alignment."""
        return posterior(self._fitted(), self._examples(X))

    def transform(self, X: Any) -> Array:
        """Return posterior means: z_rest, z_label or both side by side, as `code` says."""
        z_label, z_rest = self.encode(X)
        return {"rest": z_rest, "label": z_label, "both": np.hstack([z_label, z_rest])}[
            self._code()
        ]

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the columns of `transform`."""
        return column_names(self._fitted().config, self._code())

    def decode(self, z_label: Array, z_rest: Array) -> Array:
        """Return the mean of p(x|z_label, z_rest), (n, \\*shape), in the units of the data; of uint8, in [0, 1]."""
        return decode(self._fitted(), z_label, z_rest)

    def inverse_transform(self, Z: Array, y: Array | None = None) -> Array:
        """Return images (n, \\*shape) from what `transform` gave.

        With ``code="both"`` that is all it takes; with ``"rest"`` the labels to write must be given as `y`.
        """
        code, d_label, Z = (
            self._code(),
            int(self._fitted().config.d_label),
            np.asarray(Z, np.float32),
        )
        if code == "both":
            if Z.ndim != 2:
                raise ValueError(f"Z has shape {Z.shape}, expected (n, d_label + d_rest)")
            return self.decode(Z[:, :d_label], Z[:, d_label:])
        if code == "label":
            raise ValueError("z_label alone holds no style to draw from; take code='both'")
        if y is None:
            raise ValueError(
                "z_rest alone does not say which label to write: give y, or take code='both'"
            )
        return self.decode(self._centres(y), Z)

    def reconstruct(self, X: Any) -> Array:
        """Return every example as decoded from its posterior means, (n, \\*shape)."""
        return self.decode(*self.encode(X))

    def swap(self, X_label: Any, X_rest: Any) -> Array:
        """Return the label of one example in the style of another, (n, \\*shape)."""
        return self.decode(self.encode(X_label)[0], self.encode(X_rest)[1])

    def rewrite(self, X: Any, y: Any) -> Array:
        """Return each example's style writing the label y, (n, \\*shape)."""
        return self.decode(self._centres(y), self.encode(X)[1])

    def predict_proba(self, X: Any) -> Array:
        """Return p(y|z_label) at the posterior mean, (n, classes)."""
        return probabilities(self._fitted(), self.posterior(X)[0][0])

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each example, (n,)."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of `predict` on the rows that have a label."""
        found = self.predict(X)
        y, weight = column(y, len(found)), check_weights(sample_weight, len(found))
        known = ~missing_in(y, self.classes_)
        return float(
            accuracy_score(
                y[known], found[known], sample_weight=None if weight is None else weight[known]
            )
        )

    def evaluate(self, X: Any, y: Any, samples: int | None = None) -> Row:
        """Return every term of the objective on given data, in nats, averaged over samples of the codes."""
        model = self._fitted()
        return evaluate(
            model, Examples(self._examples(X), coded(y, len(X), self.classes_)), samples
        )

    def save(self, path: str | Path) -> None:
        """Write a model folder: config.json and model.safetensors."""
        model = self._fitted()
        saved = SavedModel(
            path=Path(path),
            config=model.config,
            shape=model.shape,
            unit_range=model.unit_range,
            classes=self.classes_,
            label_centres=self.label_centres_,
            weights=model.state_dict(),
            epochs=self.n_iter_,
            code=self._code(),
            feature_names=getattr(self, "feature_names_in_", None),
        )
        write_saved(saved)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model folder that `save` wrote; it holds no code, so nothing in it is run.

        Raises
        ------
        wvae.io.files.ModelFileError
            If the folder is missing, damaged or of another format.
        """
        return cls._restored(read_saved(Path(path)))

    @classmethod
    def _restored(cls, saved: SavedModel) -> Self:
        estimator = cls(code=saved.code, **asdict(saved.config))
        fit = FitResult(restore_model(saved), [{}] * saved.epochs, saved.label_centres)
        estimator._set(fit, saved.classes)
        if saved.feature_names is not None:
            estimator.feature_names_in_ = saved.feature_names
        return estimator

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # codes are float32
        tags.input_tags.three_d_array = True
        return tags

    def _learnt(self, fit: FitResult, classes: Array, X: Any) -> Self:
        """Take over what was learnt, and the names of X's columns, if it is given and has some."""
        self._set(fit, classes)
        if X is not None:
            vars(self).pop("feature_names_in_", None)
            if len(self.shape_) == 1:
                validate_data(self, X, reset=True, skip_check_array=True)
        return self

    def _examples(self, X: Any) -> Array:
        """Return X checked against what the model was fitted to."""
        model, found = self._fitted(), check_examples(X)
        if (
            found.x.ndim == 2 and len(self.shape_) == 1
        ):  # a table: scikit-learn compares number and names of columns
            validate_data(self, X, reset=False, skip_check_array=True)
        return check_shape(found, self.shape_, model.unit_range)

    def _set(self, fit: FitResult, classes: Array) -> None:
        model = self.model_ = fit.model.eval()
        self.config_, self.likelihood_, self.shape_ = (
            model.config,
            model.observation.likelihood,
            model.shape,
        )
        self.classes_, self.label_centres_, self.history_ = classes, fit.centres, fit.history
        self.n_features_in_, self.n_iter_ = int(np.prod(model.shape)), len(fit.history)
        self._optimiser: torch.optim.Optimizer | None = None

    def _config(self) -> Config:
        self._code()
        return build_config({spec.name: getattr(self, spec.name) for spec in fields(Config)})

    def _code(self) -> Code:
        return check_code(self.code)

    def _fitted(self) -> SplitVAE:
        if not hasattr(self, "model_"):
            raise NotFittedError(
                "this WVAE is not fitted yet: call fit(X, y) first, or wvae.load(path)"
            )
        return self.model_

    def _centres(self, y: Any) -> Array:
        self._fitted()
        return centres_of(y, self.classes_, self.label_centres_)


def import_original(path: str | Path) -> WVAE:
    """Return the fitted `WVAE` that a Chainer ``.model`` file of the original notebook holds.

    All three variants of the notebook are read, for upright images. ``label_centres_`` are unknown, so `WVAE.rewrite`
    is not available.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the file is missing, damaged, or not such a model.
    """
    return WVAE._restored(read_original(Path(path)))
