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
from .examples import Array, Examples, batches, check_examples, check_labels, check_shape, indices_of, labelled
from .model import SplitVAE
from .practice import practise
from .training import Row, build, evaluate, train

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

    model_: SplitVAE
    config_: Config
    shape_: tuple[int, ...]
    classes_: Array
    label_centres_: Array
    history_: list[Row]
    n_iter_: int
    n_features_in_: int

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
        held_out = None if test is None else labelled(*test, X.shape[1:], classes)
        examples = Examples(X, indices)
        history = train(model, examples, test=held_out, checkpoint=checkpoint, on_epoch=on_epoch)
        (z_label, _), (mean, sd) = _posterior(model.eval(), X)
        if config.classifier_weight:
            # The label that z_label means, not the true one: that is all there is when new examples are encoded.
            with torch.no_grad():
                means = model.classify(torch.from_numpy(z_label).to(_device_of(model))).probs.argmax(-1)
            model.alignment.fit(mean, sd, means.cpu().numpy(), model.weighted_loadings(), config.random_state)
            practise(model, examples)
        self._set(model, classes, history)
        self.label_centres_ = np.stack([z_label[indices == k].mean(0) for k in range(len(classes))])
        return self

    def encode(self, X: Array) -> tuple[Array, Array]:
        """Return the posterior means z_label (n, d_label) and z_rest (n, d_rest), aligned."""
        q_label, q_rest = self.posterior(X)
        return self._read(q_label[0], q_rest[0])

    def sample(self, X: Array, seed: int = 0) -> tuple[Array, Array]:
        """Return one sample of each posterior, z_label (n, d_label) and z_rest (n, d_rest), aligned."""
        rng = np.random.default_rng(seed)
        codes = [mean + sd * rng.standard_normal(mean.shape, np.float32) for mean, sd in self.posterior(X)]
        return self._read(*codes)

    def posterior(self, X: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Return (mean, standard deviation) of q(z_label|x) and of q(z_rest|x), before the alignment."""
        model = self._fitted()
        return _posterior(model, check_shape(X, self.shape_))

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
        images = [model.draw(codes[0][rows], codes[1][rows]).mean.cpu().numpy() for rows in batches(len(codes[0]))]
        return np.concatenate(images) if images else np.zeros((0, *model.shape), np.float32)

    def inverse_transform(self, Z: Array, y: Array | None = None) -> Array:
        """Return images (n, \\*shape) from what `transform` gave.

        With ``code="both"`` that is all it takes; with ``"rest"`` the labels to write must be given as `y`.
        """
        self._fitted()
        Z = np.asarray(Z, np.float32)
        code, d_label = self._code(), int(self._fitted().config.d_label)
        if code == "both":
            if Z.ndim != 2:
                raise ValueError(f"Z has shape {Z.shape}, expected (n, d_label + d_rest)")
            return self.decode(Z[:, :d_label], Z[:, d_label:])
        if code == "label":
            raise ValueError("z_label alone holds no style to draw from; take code='both'")
        if y is None:
            raise ValueError("z_rest alone does not say which label to write: give y, or take code='both'")
        return self.decode(self._centres(y), Z)

    def reconstruct(self, X: Array) -> Array:
        """Return every example as decoded from its posterior means, (n, \\*shape) in [0, 1]."""
        return self.decode(*self.encode(X))

    def swap(self, X_label: Array, X_rest: Array) -> Array:
        """Return the label of one example in the style of another, (n, \\*shape) in [0, 1]."""
        return self.decode(self.encode(X_label)[0], self.encode(X_rest)[1])

    def rewrite(self, X: Array, y: Array) -> Array:
        """Return each example's style writing the label y, (n, \\*shape) in [0, 1]."""
        return self.decode(self._centres(y), self.encode(X)[1])

    @torch.no_grad()
    def predict_proba(self, X: Array) -> Array:
        """Return p(y|z_label) at the posterior mean, (n, classes)."""
        model = self._fitted()
        if not model.config.classifier_weight:
            raise ValueError("this model was trained without labels (classifier_weight is 0) and cannot predict")
        z_label = torch.from_numpy(self.posterior(X)[0][0]).to(self._device())
        return model.classify(z_label).probs.cpu().numpy()

    def predict(self, X: Array) -> Array:
        """Return the most probable label of each example, (n,)."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def evaluate(self, X: Array, y: Array, samples: int | None = None) -> Row:
        """Return every term of the objective on given data, in nats, averaged over samples of the codes."""
        model = self._fitted()
        return evaluate(model, labelled(X, y, self.shape_, self.classes_), samples)

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
            classes, history = np.array(about["classes"]), [{}] * about["epochs"]
            estimator._code()
            if model.alignment.kind != "none" and "alignment.axes" in tensors:
                model.alignment.end(len(tensors["alignment.axes"]))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise storage.ModelFileError(f"{path} is damaged: its config cannot be used ({error})") from error
        storage.load_weights(Path(path), model, tensors)
        estimator._set(model, classes, history)
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

    def _centres(self, y: Array) -> Array:
        self._fitted()
        if np.isnan(self.label_centres_).any():
            raise ValueError("the label centres of an imported model are not known: take swap or decode instead")
        return self.label_centres_[indices_of(y, self.classes_)]

    @torch.no_grad()
    def _read(self, z_label: Array, z_rest: Array) -> tuple[Array, Array]:
        model, device = self._fitted(), self._device()
        codes = [torch.from_numpy(z).to(device) for z in (z_label, z_rest)]
        parts = [model.read(codes[0][rows], codes[1][rows]) for rows in batches(len(z_label))]
        return z_label, torch.cat([part.z_rest for part in parts]).cpu().numpy()

    def _device(self) -> torch.device:
        return _device_of(self._fitted())


def _device_of(model: SplitVAE) -> torch.device:
    return next(model.parameters()).device


@torch.no_grad()
def _posterior(model: SplitVAE, X: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    data = Examples(X, np.zeros(len(X), np.int64))
    parts: list[list[Array]] = [[], [], [], []]
    for rows in batches(len(X)):
        q_label, q_rest = model.encode(data.batch(rows, _device_of(model))[0])
        for part, value in zip(parts, (q_label.mean, q_label.stddev, q_rest.mean, q_rest.stddev), strict=True):
            part.append(value.cpu().numpy())
    a, b, c, d = (np.concatenate(part) for part in parts)
    return (a, b), (c, d)
