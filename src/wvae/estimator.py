"""`WVAE`: the method as a scikit-learn estimator."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.exceptions import NotFittedError

from . import storage
from .config import Config, Objective, Preset, check_names
from .model import SplitVAE
from .training import Examples, Row, batches, build, evaluate, train

Array = np.ndarray
Code = Literal["rest", "label", "both"]


class WVAE(ClassifierMixin, TransformerMixin, BaseEstimator):
    """Split what the label explains (z_label) from all the rest (z_rest).

    Parameters
    ----------
    code
        What `transform` returns: ``"rest"`` (n, d_rest), ``"label"`` (n, d_label) or ``"both"``
        (n, d_label + d_rest).
    parameters
        The hyper-parameters of `wvae.config.Config`, by name.

    Attributes
    ----------
    classes_
        The labels, sorted, (classes,).
    config_, shape_
        The hyper-parameters it was fitted with; shape of one example.
    history_
        One row of figures per epoch.
    label_centres_
        Mean z_label of each class in training, (classes, d_label): what `rewrite` sets.
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
    """

    def __init__(self, *, code: Code = "rest", **parameters: Any) -> None:
        self.code = code
        check_names(parameters)
        for spec in fields(Config):
            setattr(self, spec.name, parameters.get(spec.name, spec.default))

    # scikit-learn reads the parameters off the signature; theirs is Config's, so that each stands in one place only.
    __init__.__signature__ = inspect.Signature(  # pyright: ignore[reportFunctionMemberAccess]
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            inspect.Parameter("code", inspect.Parameter.KEYWORD_ONLY, default="rest"),
            *(inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default) for f in fields(Config)),
        ]
    )

    @classmethod
    def preset(cls, name: Preset = "best", objective: Objective | None = None, **changes: Any) -> Self:
        """Return an estimator with the hyper-parameters of `Config.preset`."""
        return cls(**asdict(Config.preset(name, objective, **changes)))

    def fit(
        self,
        X: Array,
        y: Array,
        *,
        test: tuple[Array, Array] | None = None,
        checkpoint: Path | None = None,
        on_epoch: Callable[[Row], None] | None = None,
    ) -> Self:
        """Train from scratch.

        Parameters
        ----------
        X
            (n, \\*shape): uint8 in [0, 255] or floating in [0, 1]. A memory map is read batch by batch.
        y
            (n,) labels, integers or strings; at least two classes with two examples each.
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
        wvae.training.TrainingError
            If the loss is no longer finite.
        """
        config = self._config()
        X = check_examples(X)
        classes, indices = check_labels(y, len(X))
        # Attributes are set only once training has ended well: a failed fit leaves no half-fitted estimator.
        model = build(config, X.shape[1:], len(classes))
        held_out = None if test is None else Examples(check_examples(test[0]), _index(test[1], classes))
        history = train(model, Examples(X, indices), test=held_out, checkpoint=checkpoint, on_epoch=on_epoch)
        self._set(model, classes, history)
        z_label = self.encode(X)[0]
        self.label_centres_ = np.stack([z_label[indices == k].mean(0) for k in range(len(classes))])
        return self

    def encode(self, X: Array) -> tuple[Array, Array]:
        """Return the posterior means z_label (n, d_label) and z_rest (n, d_rest)."""
        q_label, q_rest = self.posterior(X)
        return q_label[0], q_rest[0]

    @torch.no_grad()
    def posterior(self, X: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Return (mean, standard deviation) of q(z_label|x) and of q(z_rest|x)."""
        model, X = self._fitted(), self._check_shape(X)
        data = Examples(X, np.zeros(len(X), np.int64))
        parts: list[list[Array]] = [[], [], [], []]
        for rows in batches(len(X)):
            q_label, q_rest = model.encode(data.batch(rows, self._device())[0])
            for part, value in zip(parts, (q_label.mean, q_label.stddev, q_rest.mean, q_rest.stddev), strict=True):
                part.append(value.cpu().numpy())
        a, b, c, d = (np.concatenate(part) for part in parts)
        return (a, b), (c, d)

    def transform(self, X: Array) -> Array:
        """Return posterior means: z_rest, z_label or both side by side, as `code` says."""
        z_label, z_rest = self.encode(X)
        return {"rest": z_rest, "label": z_label, "both": np.hstack([z_label, z_rest])}[self._code()]

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the columns of `transform`."""
        config = self._fitted().config
        label = [f"z_label{i}" for i in range(config.d_label)]
        rest = [f"z_rest{i}" for i in range(config.d_rest)]
        return np.array({"rest": rest, "label": label, "both": label + rest}[self._code()], dtype=object)

    @torch.no_grad()
    def decode(self, z_label: Array, z_rest: Array) -> Array:
        """Return the mean image of p(x|z_label, z_rest), (n, \\*shape) in [0, 1]."""
        model, device = self._fitted(), self._device()
        codes = []
        for name, z, width in (("z_label", z_label, model.config.d_label), ("z_rest", z_rest, model.config.d_rest)):
            z = np.asarray(z, np.float32)
            if z.ndim != 2 or z.shape[1] != width:
                raise ValueError(f"{name} has shape {z.shape}, expected (n, {width})")
            codes.append(torch.from_numpy(np.array(z)).to(device))
        if len(codes[0]) != len(codes[1]):
            raise ValueError(f"z_label has {len(codes[0])} rows and z_rest {len(codes[1])}, expected as many")
        images = [model.decode(codes[0][rows], codes[1][rows]).mean.cpu().numpy() for rows in batches(len(codes[0]))]
        return np.concatenate(images) if images else np.zeros((0, *model.shape), np.float32)

    def inverse_transform(self, Z: Array, y: Array | None = None) -> Array:
        """Return images (n, \\*shape) from what `transform` gave.

        With ``code="both"`` that is all it takes; with ``"rest"`` the labels to write must be given as `y`.
        """
        self._fitted()
        Z = np.asarray(Z, np.float32)
        code, d_label = self._code(), int(self._fitted().config.d_label)
        if code == "both":
            return self.decode(Z[:, :d_label], Z[:, d_label:])
        if code == "label":
            raise ValueError("z_label alone holds no style to draw from; take code='both'")
        if y is None:
            raise ValueError("z_rest alone does not say which label to write: give y, or take code='both'")
        return self.decode(self.label_centres_[_index(y, self.classes_)], Z)

    def reconstruct(self, X: Array) -> Array:
        """Return every example as decoded from its posterior means, (n, \\*shape) in [0, 1]."""
        return self.decode(*self.encode(X))

    def swap(self, X_label: Array, X_rest: Array) -> Array:
        """Return the label of one example in the style of another, (n, \\*shape) in [0, 1]."""
        return self.decode(self.encode(X_label)[0], self.encode(X_rest)[1])

    def rewrite(self, X: Array, y: Array) -> Array:
        """Return each example's style writing the label y, (n, \\*shape) in [0, 1]."""
        return self.decode(self.label_centres_[_index(y, self.classes_)], self.encode(X)[1])

    @torch.no_grad()
    def predict_proba(self, X: Array) -> Array:
        """Return p(y|z_label) at the posterior mean, (n, classes)."""
        model = self._fitted()
        if not model.config.classifier_weight:
            raise ValueError("this model was trained without labels (classifier_weight is 0) and cannot predict")
        z_label = torch.from_numpy(self.encode(X)[0]).to(self._device())
        return model.classify(z_label).probs.cpu().numpy()

    def predict(self, X: Array) -> Array:
        """Return the most probable label of each example, (n,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def evaluate(self, X: Array, y: Array, samples: int | None = None) -> Row:
        """Return every term of the objective on given data, in nats, averaged over samples of the codes."""
        return evaluate(self._fitted(), Examples(self._check_shape(X), _index(y, self.classes_)), samples)

    def save(self, path: str | Path) -> None:
        """Write a model folder: config.json and model.safetensors."""
        model = self._fitted()
        about = {
            "config": asdict(model.config),
            "code": self._code(),
            "shape": list(model.shape),
            "classes": self.classes_.tolist(),
            "epochs": self.n_iter_,
        }
        tensors = {**model.state_dict(), "label_centres": torch.from_numpy(self.label_centres_)}
        storage.write_model(Path(path), about, tensors)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model folder that `save` wrote; it holds no code, so nothing in it is run.

        Raises
        ------
        wvae.storage.ModelFileError
            If the folder is missing, damaged or of another format.
        """
        about, tensors = storage.read_model(Path(path))
        try:
            config = Config(**about["config"] | {"device": "auto"})
            estimator = cls(code=about["code"], **asdict(config))
            centres = tensors.pop("label_centres")
            model = build(config, tuple(about["shape"]), len(about["classes"]))
            model.load_state_dict(tensors)
            classes = np.array(about["classes"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise storage.ModelFileError(f"{path} is damaged: config and weights do not fit ({error})") from error
        estimator._set(model, classes, [{}] * about["epochs"])
        estimator.label_centres_ = centres.numpy()
        return estimator

    def _set(self, model: SplitVAE, classes: Array, history: list[Row]) -> None:
        self.model_, self.config_ = model.eval(), model.config
        self.classes_, self.history_ = classes, history
        self.shape_, self.n_iter_ = model.shape, len(history)
        self.n_features_in_ = int(np.prod(model.shape))

    def _config(self) -> Config:
        self._code()
        return Config(**{spec.name: getattr(self, spec.name) for spec in fields(Config)})

    def _code(self) -> Code:
        if self.code not in ("rest", "label", "both"):
            raise ValueError(f"code is {self.code!r}, expected 'rest', 'label' or 'both'")
        return self.code

    def _fitted(self) -> SplitVAE:
        if not hasattr(self, "model_"):
            raise NotFittedError("this WVAE is not fitted yet: call fit(X, y) first, or wvae.load(path)")
        return self.model_

    def _device(self) -> torch.device:
        return next(self._fitted().parameters()).device

    def _check_shape(self, X: Array) -> Array:
        X = check_examples(X)
        if X.shape[1:] != self.shape_:
            raise ValueError(f"X has examples of shape {X.shape[1:]}, the model was trained on {self.shape_}")
        return X


def import_original(path: str | Path) -> WVAE:
    """Return the fitted `WVAE` that a Chainer ``.model`` file of the original notebook holds.

    All three of its variants are read; the images are upright ones (the originals were trained on transposed
    images, so the weights are permuted). `label_centres_` are unknown, hence `rewrite` is not available.

    Raises
    ------
    wvae.storage.ModelFileError
        If the file is not one of them.
    """
    weights = storage.read_original(Path(path))
    width, pixels = weights["trunk.1.weight"].shape
    labelled = "classifier.weight" in weights
    config = Config.preset(
        "article",
        "classifier" if labelled else "plain",
        d_label=len(weights["label_mean.bias"]),
        d_rest=len(weights["rest_mean.bias"]),
        width=width,
    )
    n_classes = len(weights["classifier.bias"]) if labelled else 10
    side = int(pixels**0.5)
    model = build(config, (side, side), n_classes)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in weights.items()}
    model.load_state_dict(tensors, strict=labelled)
    estimator = WVAE(**asdict(config))
    estimator._set(model, np.arange(n_classes), [{}] * config.epochs)
    estimator.label_centres_ = np.full((n_classes, config.d_label), np.nan, np.float32)
    return estimator


def check_examples(X: Any) -> Array:
    """Return X as an array that training can read, without copying it.

    Raises
    ------
    ValueError
        If it is empty, has no example axis, holds NaN, or floating values outside [0, 1].
    TypeError
        If it is not numeric.
    """
    X = X if isinstance(X, np.ndarray) else np.asarray(X)
    if X.ndim < 2 or 0 in X.shape:
        raise ValueError(f"X has shape {X.shape}, expected (n, *shape) with n ≥ 1, such as (n, 28, 28)")
    if X.dtype == np.uint8:
        return X
    if X.dtype.kind != "f":
        raise TypeError(f"X has dtype {X.dtype}, expected uint8 in [0, 255] or floating in [0, 1]: convert it")
    for rows in batches(len(X), 10_000):
        low, high = float(X[rows].min()), float(X[rows].max())
        if np.isnan(low) or np.isnan(high):
            raise ValueError(f"X holds NaN among the rows {rows.start} to {rows.stop - 1}: drop or fill them")
        if low < 0 or high > 1:
            raise ValueError(f"X holds values from {low:g} to {high:g}, expected [0, 1] (pixels): scale it")
    return X


def check_labels(y: Any, n: int) -> tuple[Array, Array]:
    """Return the classes, sorted, and each label's index among them.

    Raises
    ------
    ValueError
        If the length is wrong, a label is missing, there is one class only or a class has one example.
    """
    y = np.asarray(y)
    if y.shape != (n,):
        raise ValueError(f"y has shape {y.shape}, expected ({n},), one label for each row of X")
    if y.dtype.kind == "f":
        if not np.isfinite(y).all():
            raise ValueError("y holds NaN: drop the rows without a label")
        if (y != np.round(y)).any():
            raise ValueError("y holds fractions, expected classes (integers or strings): cut it into bins")
    classes, indices, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"y holds one class only ({classes[0]!r}): nothing to split off, expected at least two")
    if counts.min() < 2:
        rare = classes[counts.argmin()]
        raise ValueError(f"label {rare!r} has one example, expected at least two: drop it or merge it with another")
    return classes, indices.astype(np.int64)


def _index(y: Any, classes: Array) -> Array:
    """Return each label's index among the classes."""
    y = np.asarray(y)
    indices = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    if len(y) and (classes[indices] != y).any():
        raise ValueError(f"label {y[classes[indices] != y][0]!r} was not seen in training; known: {classes.tolist()}")
    return indices.astype(np.int64)
