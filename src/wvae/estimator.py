"""`WVAE`: the method as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from importlib import import_module
from numbers import Integral
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from .config import Config, Objective, Preset
from .datasets.dataset import Dataset
from .datasets.numbers import column_names_of
from .datasets.schema import Schema
from .datasets.values import ValueScale
from .io.chainer import read_original
from .io.files import write_json
from .io.hub import upload
from .io.locate import locate_model
from .io.model_folder import (
    MEASURES_FILE,
    ROWS_FILE,
    Code,
    SavedModel,
    check_code,
    read_model_folder,
    write_model_folder,
)
from .model import SplitVAE
from .training.columns import Names, check_same_columns, names_of, plain_names
from .training.examples import Array, Examples, check_examples, check_fits, check_labelled
from .training.inference import (
    Posterior,
    align,
    centres_of,
    column_names,
    decode,
    posterior,
    probabilities,
    style_features,
)
from .training.initialise import restore_model
from .training.loop import Row, evaluate
from .training.pipeline import FitResult, copy_training, copy_weights, fit_increment, fit_model
from .training.prepare import build_config, check_same_classes, prepare_data
from .training.schedule import make_optimiser
from .training.spread import check_spread
from .validation import check_classes, check_label_column, check_weights, encode_labels
from .validation.class_names import match_classes
from .validation.label_values import plain_labels
from .validation.quoting import quoted


class WVAE(ClassifierMixin, TransformerMixin, BaseEstimator):
    """Separate what a label explains (z_label) from all the rest (z_rest).

    Parameters
    ----------
    code : {"rest", "label", "both"}, default "rest"
        What `transform` returns: z_rest (n, d_rest), z_label (n, d_label), or both side by side
        (n, d_label + d_rest).
    warm_start : bool, default False
        Whether `fit` continues from the weights of the previous fit, with a new schedule, instead
        of from random ones.
    d_label : int ≥ 1, default 10
        Dimensions of z_label.
    d_rest : int ≥ 1, default 16
        Dimensions of z_rest.
    kind : {"image", "audio", "table"}, default "image"
        Kind of data, which decides how examples are augmented and which style features they have.
    likelihood : {"auto", "bernoulli", "gaussian"}, default "auto"
        Distribution p(x|z): 'bernoulli' for values in [0, 1], 'gaussian' with one learnt scale for
        any values; 'auto' takes 'bernoulli' for images and spectrograms in [0, 1] or of whole
        numbers up to 65,535, and 'gaussian' for all other data and for tables.
    backbone : {"auto", "article", "mlp", "conv", "photo", "deep"}, default "auto"
        Network architecture: 'article' (the notebook's), 'mlp', 'conv' (a convolutional encoder and
        an MLP decoder), 'photo' (larger, and the decoder is convolutional, too) or 'deep' (the same
        with more stages, down to 8 × 8 pixels); 'auto' takes 'deep' for images with a side above 32
        pixels, 'conv' for other grey images and spectrograms, 'photo' for other colour images, and
        'mlp' for tables.
    width : int ≥ 1, default 400
        Units of each hidden layer.
    depth : int ≥ 1, default 2
        Hidden layers of the encoder and of the decoder; backbone 'article' always has one.
    label_prior : {"standard", "class"}, default "class"
        Prior of z_label: 'standard' is N(0, I); 'class' is N(μ_y, I) with a learnt mean for each
        class, so that encoding the label costs no KL.
    decoder_label_input : {"code", "class"}, default "class"
        What the decoder gets of the label: 'code' is z_label itself; 'class' is the mean of the
        class priors weighted by p(y|z_label), so that no style passes through z_label.
    label_kl_weight : float ≥ 0, default 4.0
        Weight of KL(q(z_label|x) ‖ p(z_label)); values above 1 push style out of z_label.
    style_weight : float ≥ 0, default 10.0
        Weight of the style features of images and spectrograms, such as stroke thickness and slant,
        which z_rest must explain, too; 0 leaves them out.
    rest_kl_weight : float ≥ 0, default 0.5
        Weight of KL(q(z_rest|x) ‖ N(0, I)), the β of a β-VAE.
    classifier_weight : float ≥ 0, default 20.0
        Weight of the classifier's cross-entropy; 0 trains without labels.
    separation : {"none", "covariance", "hsic", "adversary", "swap"}, default "none"
        Penalty that keeps the label out of z_rest during training.
    separation_weight : float ≥ 0, default 0.0
        Weight of the separation penalty.
    alignment : {"auto", "none", "mean", "gaussian", "transport"}, default "auto"
        Map, fitted after training, that gives z_rest the same distribution for every label: 'mean'
        equalises means, 'gaussian' also covariances, 'transport' the whole distributions; 'auto'
        takes 'transport' if the median label has at least 250 examples, else 'gaussian'.
    alignment_steps : int ≥ 1, default 800
        Maximum number of steps of alignment 'transport', which stops earlier when probes can no
        longer predict the label.
    finetune_epochs : int ≥ 0, default 10
        Passes after the alignment in which the decoder is fine-tuned, so that decoded images and
        swaps have the style of their sources; 0 skips the fine-tuning.
    epochs : int ≥ 1, default 30
        Passes over the training data.
    augment : float in [0, 1], default 0.7
        Share of the training examples that are augmented: images are slanted, stretched, and
        thickened or thinned, spectrograms are shifted in time, tables stay as they are.
    batch_size : int ≥ 2, default 256
        Maximum number of examples per step.
    min_steps_per_epoch : int ≥ 1, default 25
        Minimum number of steps per epoch: small data sets get smaller batches, of 32 at least.
    learning_rate : float in [1e-08, 10], default 0.003
        Learning rate of Adam; its peak if the schedule varies it.
    schedule : {"constant", "one-cycle", "linear"}, default "one-cycle"
        Course of the learning rate: 'constant'; 'one-cycle', a linear rise and a cosine decay; or
        'linear', a short rise and a linear decay, which only the preset quick uses.
    adam_beta2 : float in [0, 0.999999], default 0.999
        Decay rate β₂ of Adam's mean of squared gradients; only the preset quick changes it.
    lr_multipliers : {"uniform", "per_layer"}, default "uniform"
        Learning rates of the layers: 'uniform', or 'per_layer', which are higher for biases and
        small layers, lower for large ones, and need backbone 'article'; only the preset quick uses
        the latter.
    init : {"random", "data"}, default "random"
        Initialisation: 'random', or 'data', which centres the encoder's input and starts the
        decoder at the mean example (Bernoulli likelihood); only the preset quick uses the latter.
    early_stopping : bool, default False
        Whether to stop when the loss on held-out rows no longer falls, and keep the best epoch.
    validation_fraction : float in [0.001, 0.9], default 0.1
        Share of the rows, or of the groups, that early_stopping holds out.
    n_iter_no_change : int ≥ 1, default 10
        Epochs that early_stopping waits for a lower validation loss.
    test_samples : int ≥ 1, default 10
        Samples of the codes over which `evaluate` averages the loss.
    random_state : int in [0, 4294967295], default 0
        Seed of the initial weights, the shuffling and the noise. None and a RandomState are
        allowed, as in scikit-learn.
    precision : {"float32", "bfloat16"}, default "float32"
        Number format of matrix products during training; 'bfloat16' is faster on hardware that
        supports it.
    device : {"auto", "cpu", "cuda"}, default "auto"
        Device to compute on; 'auto' takes a GPU if there is one.

    Attributes
    ----------
    alignment_
        The alignment that was used: ``"none"``, ``"mean"``, ``"gaussian"`` or ``"transport"``.
    classes_
        The labels, sorted, (classes,).
    config_
        The hyper-parameters of the fit, a `Config`.
    feature_names_in_
        Names of the columns, (n_features,), if X was a data frame with names.
    history_
        One dict per epoch: the terms of the objective, in nats, and the seconds.
    label_centres_
        Mean z_label of each class in training, (classes, d_label), which `rewrite` uses.
    likelihood_
        The distribution p(x|z) that was used: ``"bernoulli"`` or ``"gaussian"``.
    model_
        The network, a `wvae.model.SplitVAE`.
    n_features_in_
        Number of values of an example.
    n_iter_
        Number of epochs trained.
    scale_
        From the numbers of X to the network's input, a `wvae.datasets.values.ValueScale`.
    schema_
        How files became the training data, a `wvae.datasets.schema.Schema`; None unless a Dataset
        was fitted.
    shape_
        Shape of one example.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.random.default_rng(0).random((64, 6, 6), dtype=np.float32), np.arange(64) % 2
    >>> model = WVAE(d_label=2, d_rest=3, width=16, epochs=2).fit(X, y)
    >>> model.transform(X).shape, model.predict(X).shape
    ((64, 3), (64,))
    >>> model.swap(X[:5], X[5:10]).shape
    (5, 6, 6)

    A table in which half of the labels are unknown:

    >>> table = np.random.default_rng(0).normal(9, 3, (64, 5))
    >>> y = np.where(np.arange(64) < 32, np.arange(64) % 2, -1)
    >>> model = WVAE(d_label=2, d_rest=3, width=16, epochs=2).fit(table, y)
    >>> model.likelihood_, model.classes_.tolist(), model.reconstruct(table).shape
    ('gaussian', [0, 1], (64, 5))
    """

    model_: SplitVAE
    alignment_: str
    config_: Config
    shape_: tuple[int, ...]
    classes_: Array
    scale_: ValueScale
    schema_: Schema | None
    label_centres_: Array
    history_: list[Row]
    likelihood_: str
    n_iter_: int
    n_features_in_: int
    feature_names_in_: Array
    _other_names: Names | None = None  # of columns if they are no words, such as integers

    # `Config` defines the hyper-parameters. They are repeated here, because scikit-learn and
    # editors read them off the signature; a test compares the two.
    def __init__(
        self,
        *,
        code: Code = "rest",
        warm_start: bool = False,
        d_label: int = 10,
        d_rest: int = 16,
        kind: Literal["image", "audio", "table"] = "image",
        likelihood: Literal["auto", "bernoulli", "gaussian"] = "auto",
        backbone: Literal["auto", "article", "mlp", "conv", "photo", "deep"] = "auto",
        width: int = 400,
        depth: int = 2,
        label_prior: Literal["standard", "class"] = "class",
        decoder_label_input: Literal["code", "class"] = "class",
        label_kl_weight: float = 4.0,
        style_weight: float = 10.0,
        rest_kl_weight: float = 0.5,
        classifier_weight: float = 20.0,
        separation: Literal["none", "covariance", "hsic", "adversary", "swap"] = "none",
        separation_weight: float = 0.0,
        alignment: Literal["auto", "none", "mean", "gaussian", "transport"] = "auto",
        alignment_steps: int = 800,
        finetune_epochs: int = 10,
        epochs: int = 30,
        augment: float = 0.7,
        batch_size: int = 256,
        min_steps_per_epoch: int = 25,
        learning_rate: float = 0.003,
        schedule: Literal["constant", "one-cycle", "linear"] = "one-cycle",
        adam_beta2: float = 0.999,
        lr_multipliers: Literal["uniform", "per_layer"] = "uniform",
        init: Literal["random", "data"] = "random",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        test_samples: int = 10,
        random_state: int | np.random.RandomState | None = 0,
        precision: Literal["float32", "bfloat16"] = "float32",
        device: Literal["auto", "cpu", "cuda"] = "auto",
    ) -> None:
        self.code: Code = code
        self.warm_start = warm_start
        self.d_label = d_label
        self.d_rest = d_rest
        self.kind = kind
        self.likelihood = likelihood
        self.backbone = backbone
        self.width = width
        self.depth = depth
        self.label_prior = label_prior
        self.decoder_label_input = decoder_label_input
        self.label_kl_weight = label_kl_weight
        self.style_weight = style_weight
        self.rest_kl_weight = rest_kl_weight
        self.classifier_weight = classifier_weight
        self.separation = separation
        self.separation_weight = separation_weight
        self.alignment = alignment
        self.alignment_steps = alignment_steps
        self.finetune_epochs = finetune_epochs
        self.epochs = epochs
        self.augment = augment
        self.batch_size = batch_size
        self.min_steps_per_epoch = min_steps_per_epoch
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.adam_beta2 = adam_beta2
        self.lr_multipliers = lr_multipliers
        self.init = init
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.test_samples = test_samples
        self.random_state = random_state
        self.precision = precision
        self.device = device

    @classmethod
    def preset(
        cls, name: Preset = "best", objective: Objective | None = None, **changes: Any
    ) -> Self:
        """Return an unfitted estimator with the hyper-parameters of a preset.

        Parameters
        ----------
        name, objective, changes
            As in `Config.preset`.

        Raises
        ------
        ValueError, TypeError
            As `Config.preset` does.

        Examples
        --------
        >>> WVAE.preset("article", epochs=2).width
        500
        """
        return cls(**asdict(Config.preset(name, objective, **changes)))

    # ------------------------------------------------------------------------------------------ fit

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        groups: Any = None,
        test: tuple[Array, Array] | None = None,
        checkpoint: Path | None = None,
        on_epoch: Callable[[Row], None] | None = None,
        on_phase: Callable[[str, int, int], None] | None = None,
    ) -> Self:
        """Train, align and fine-tune the model, and return the estimator.

        Training starts from random weights, or with ``warm_start`` from those of the previous fit.

        Parameters
        ----------
        X
            Examples, (n, \\*shape), numbers of any type, as an array, a memory map, which is read
            batch by batch, or for a table, (n, d), a data frame. Images in [0, 1], of whole numbers
            up to 255, or up to 65,535, are brought to [0, 1] by one factor, ``scale_``, which the
            model keeps. A `wvae.datasets.dataset.Dataset` brings its labels, its kind and its
            schema; its test rows are left out.
        y
            Labels, (n,), integers or strings: at least two classes with two examples each. None,
            NaN, and −1 among integers from 0 on, mark rows without a label. These train everything
            but the classifier. None if X is a Dataset.
        sample_weight
            Weights from 0 on, (n,); None for equal weights. They are scaled to a mean of 1 and
            multiply the terms of the objective. Rows of weight 0 are left out. The scale of the
            data, the style features of a label, the alignment and the fine-tuning count every other
            row once, so weight 2 is not quite the same as repeating a row. Weights need
            ``separation="none"``.
        groups
            Values of a factor such as the writer, (n,). ``early_stopping``, which must be on, then
            holds out whole groups.
        test
            (X, y) whose loss is measured after every epoch. It does not influence the training.
        checkpoint
            Folder for the state of the training; an interrupted training resumes from it.
        on_epoch
            Called with each row of ``history_``.
        on_phase
            Called with (name, steps done, all steps) during the two phases after the last epoch,
            ``"alignment"`` and ``"fine-tuning"``. The alignment may stop before the last step.

        Raises
        ------
        ValueError, TypeError
            If the data or a hyper-parameter cannot be used.
        wvae.training.diagnostics.TrainingError
            If the loss is no longer finite.

        Warns
        -----
        wvae.training.diagnostics.TrainingWarning
            If the training shows a known fault, such as a collapsed code.
        """
        config, schema = self._config(), None
        if isinstance(X, Dataset):
            X, y, config, schema = _training_rows(X, y, config)
        names = names_of(X) if schema is None else schema.columns
        # Attributes are set at the very end, so that a failed fit leaves the estimator as it was.
        warm = self.warm_start and hasattr(self, "model_")
        scale = self.scale_ if warm else None
        examples = prepare_data(config, X, y, sample_weight, groups=groups, scale=scale)
        if warm:
            check_same_columns(names, self._column_names())
            self._examples(X)
            check_same_classes(examples.classes, self.classes_)
            model = copy_weights(self.model_, config)
        else:
            model = examples.build_model(config)
        test_examples = None
        if test is not None:
            test_X, test_y = _test_data(test)
            check_same_columns(names_of(test_X), names, "the X of test")
            test_examples = check_labelled(
                test_X, test_y, model.shape, examples.classes, examples.scale
            )
        result = fit_model(
            model,
            examples.data,
            groups=examples.groups,
            initialise=not warm,
            test=test_examples,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
            on_phase=on_phase,
        )
        self._set_fitted(result, examples.classes, examples.scale, schema)
        self._set_feature_names(X)
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, *, sample_weight: Any = None
    ) -> Self:
        """Train for one epoch on more data, at a constant learning rate, and return the estimator.

        The first call measures the scale of the data and the style features of each label, so it
        should have many rows. After each call the alignment is fitted again, to the rows of this
        call, if the classifier predicts every class among them; ``alignment="none"`` saves this
        time. There is no fine-tuning and no early stopping.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`; a call may have some of the classes only.
        classes
            All classes of all calls; None if the first call has them all.

        Raises
        ------
        ValueError, TypeError
            If the data cannot be used, or do not fit those of earlier calls.
        wvae.training.diagnostics.TrainingError
            If the loss is no longer finite.
        """
        first = not hasattr(self, "model_")
        if first:
            config = self._config()
            names_of(X)
            examples = prepare_data(config, X, y, sample_weight, classes=classes)
            model = examples.build_model(config)
            optimiser, history, centres = make_optimiser(model), [], None
        else:
            self._examples(X)
            if classes is not None:
                check_same_classes(check_classes(classes), self.classes_)
            examples = prepare_data(
                self.config_, X, y, sample_weight, classes=self.classes_, scale=self.scale_
            )
            # Copies, so that a failure leaves the model as it was.
            model, optimiser = copy_training(
                self.model_, self._optimiser or make_optimiser(self.model_)
            )
            history, centres = self.history_, self.label_centres_
        result = fit_increment(model, examples.data, optimiser, history, centres)
        schema = None if first else self.schema_
        self._set_fitted(result, examples.classes, examples.scale, schema)
        if first:
            self._set_feature_names(X)
        self._optimiser = optimiser
        return self

    # ---------------------------------------------------------------------------------------- codes

    def encode(self, X: Any) -> tuple[Array, Array]:
        """Return the posterior means z_label (n, d_label) and z_rest (n, d_rest), aligned.

        Parameters
        ----------
        X
            Examples like those of `fit`, (n, \\*shape).

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError, TypeError
            If the examples differ in shape, type or range from those of `fit`.
        """
        (z_label, _), (z_rest, _) = self.posterior(X)
        return z_label, align(self._fitted(), z_label, z_rest)

    def sample(self, X: Any, seed: int = 0) -> tuple[Array, Array]:
        """Return samples of the posteriors: z_label (n, d_label) and z_rest (n, d_rest), aligned.

        Parameters
        ----------
        X
            Examples like those of `fit`, (n, \\*shape).
        seed
            Seed of the samples.

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError, TypeError
            As `encode` does.
        """
        rng = np.random.default_rng(seed)
        q_label, q_rest = self.posterior(X)
        z_label = _sample_gaussian(*q_label, rng)
        z_rest = _sample_gaussian(*q_rest, rng)
        return z_label, align(self._fitted(), z_label, z_rest)

    def posterior(self, X: Any) -> Posterior:
        """Return (mean, standard deviation) of q(z_label|x) and of q(z_rest|x), not aligned.

        The arrays of the first are (n, d_label), those of the second (n, d_rest).

        Parameters
        ----------
        X
            Examples like those of `fit`, (n, \\*shape).

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError, TypeError
            As `encode` does.
        """
        return posterior(self._fitted(), self._examples(X))

    def style_features(self, X: Any) -> Array:
        """Return the style features relative to the predicted label, (n, size), without learning.

        They are what z_rest must explain, besides the examples, and therefore its baseline: see
        `wvae.nn.style_features`. Each is multiplied by the root of its weight in the objective.

        Parameters
        ----------
        X
            Examples like those of `fit`, (n, \\*shape).

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError, TypeError
            As `encode` does; a ValueError also if the model has no style features.
        """
        model = self._fitted()
        if not model.uses_style:
            raise ValueError(
                "the model has no style features: it was trained with style_weight=0, or for this "
                "kind of data there are none"
            )
        return style_features(model, self._examples(X))

    def transform(self, X: Any) -> Array:
        """Return the posterior means that `code` names: z_rest, z_label, or both side by side.

        Parameters
        ----------
        X
            Examples like those of `fit`, (n, \\*shape).

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError, TypeError
            As `encode` does.
        """
        z_label, z_rest = self.encode(X)
        code = self._code()
        if code == "both":
            return np.hstack([z_label, z_rest])
        return z_label if code == "label" else z_rest

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the columns of `transform`, such as ``z_rest0``.

        Parameters
        ----------
        input_features
            Ignored; scikit-learn passes it.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        return column_names(self._fitted().config, self._code())

    # --------------------------------------------------------------------------------------- decode

    def decode(self, z_label: Array, z_rest: Array) -> Array:
        """Return the mean of p(x|z_label, z_rest), (n, \\*shape), in the units of the data.

        If the training data were uint8, the result is in [0, 1].

        Parameters
        ----------
        z_label
            (n, d_label).
        z_rest
            (n, d_rest), aligned, as `encode` returns it.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If the codes have wrong shapes.
        """
        x = decode(self._fitted(), z_label, z_rest)
        return self.scale_.invert(x)

    def inverse_transform(self, Z: Array, y: Array | None = None) -> Array:
        """Return the examples, (n, \\*shape), that are decoded from the result of `transform`.

        Parameters
        ----------
        Z
            Codes. With ``code="both"``, (n, d_label + d_rest); with ``code="rest"``, (n, d_rest).
        y
            Labels of the examples, (n,); needed, and used, only with ``code="rest"``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If ``code="label"``, the labels are missing or unknown, or the codes have wrong shapes.
        """
        d_label = self._fitted().config.d_label
        code = self._code()
        Z = np.asarray(Z, np.float32)
        if code == "label":
            raise ValueError("code is 'label', and z_label alone holds no style: take code='both'")
        if code == "both":
            if Z.ndim != 2:
                raise ValueError(f"Z has shape {Z.shape}, expected (n, d_label + d_rest)")
            return self.decode(Z[:, :d_label], Z[:, d_label:])
        if y is None:
            raise ValueError(
                "code is 'rest', and z_rest alone does not determine the label: give y, or take "
                "code='both'"
            )
        return self.decode(self._centres(check_label_column(y, len(Z))), Z)

    def reconstruct(self, X: Any) -> Array:
        """Return each example decoded from its posterior means, (n, \\*shape).

        Parameters
        ----------
        X
            Examples like those of `fit`, (n, \\*shape).

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError, TypeError
            As `encode` does.
        """
        return self.decode(*self.encode(X))

    def swap(self, X_label: Any, X_rest: Any) -> Array:
        """Return new examples with the labels of some and the style of others, (n, \\*shape).

        Parameters
        ----------
        X_label
            Examples that give z_label, (n, \\*shape).
        X_rest
            Examples that give z_rest, (n, \\*shape).

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError, TypeError
            As `encode` does; a ValueError also if the numbers of examples differ.
        """
        z_label, _ = self.encode(X_label)
        _, z_rest = self.encode(X_rest)
        return self.decode(z_label, z_rest)

    def rewrite(self, X: Any, y: Any) -> Array:
        """Return each example with another label in its own style, (n, \\*shape).

        z_label is the mean code of the label in training, ``label_centres_``.

        Parameters
        ----------
        X
            Examples like those of `fit`, (n, \\*shape).
        y
            The new labels, (n,), or one label for all examples.

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError, TypeError
            As `encode` does; a ValueError also if a label is unknown or has no known centre.
        """
        checked = self._examples(X)
        labels = y if np.ndim(y) else np.full(len(checked.x), y)
        z_label = self._centres(check_label_column(labels, len(checked.x)))
        _, z_rest = self.encode(X)
        return self.decode(z_label, z_rest)

    # -------------------------------------------------------------------------------------- predict

    def predict_proba(self, X: Any) -> Array:
        """Return p(y|z_label) at the posterior mean of z_label, (n, classes), as in ``classes_``.

        Parameters
        ----------
        X
            Examples like those of `fit`, (n, \\*shape).

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError, TypeError
            As `encode` does; a ValueError also if the model was trained without labels.
        """
        (z_label, _), _ = self.posterior(X)
        return probabilities(self._fitted(), z_label)

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each example, (n,).

        Parameters
        ----------
        X
            Examples like those of `fit`, (n, \\*shape).

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError, TypeError
            As `predict_proba` does.
        """
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of `predict`, in [0, 1], on the rows that have a label.

        Parameters
        ----------
        X
            Examples like those of `fit`, (n, \\*shape).
        y
            Labels, (n,); unknown ones are marked as in `fit`.
        sample_weight
            Weights of the rows, (n,); None for equal weights.

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError, TypeError
            As `predict_proba` does; a ValueError also for unusable labels or weights.
        """
        predicted = self.predict_proba(X).argmax(1)
        labels = plain_labels(check_label_column(y, len(predicted)), self.classes_)
        weight = check_weights(sample_weight, len(predicted))
        has_label = ~labels.missing
        if not has_label.any():
            raise ValueError(
                f"{labels.summary()}, so there is nothing to score: give at least one label"
            )
        if weight is not None:
            weight = weight[has_label]
            if not weight.any():
                raise ValueError(
                    "sample_weight is zero for all rows with a label, expected at least one "
                    "non-zero number"
                )
        indices = match_classes(labels.known, self.classes_)  # −1, never right, for other labels
        return float(np.average(indices == predicted[has_label], weights=weight))

    def evaluate(self, X: Any, y: Any, samples: int | None = None) -> Row:
        """Return the mean of every term of the objective, in nats, and the accuracy, by name.

        Parameters
        ----------
        X
            Examples like those of `fit`, (n, \\*shape).
        y
            Labels, (n,); unknown ones are marked as in `fit`.
        samples
            Samples of the codes to average over; None for ``test_samples``.

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError, TypeError
            As `encode` does; a ValueError also for a label that is not one of ``classes_``.
        """
        if samples is not None and (not isinstance(samples, Integral) or samples < 1):
            raise ValueError(f"samples is {quoted(samples)}, expected an integer from 1 on")
        model, data = self._fitted(), self._examples(X)
        labels = encode_labels(y, len(data.x), self.classes_)
        return evaluate(model, replace(data, y=labels), samples)

    # ---------------------------------------------------------------------------------------- files

    def explore(
        self, data: Any, *, height: int = 800, open_browser: bool = False, **options: Any
    ) -> Any:
        """Show the examples, their codes and what the model makes of them, in a notebook's cell.

        The cell holds the page of `wvae explore`. A thread of this process serves it, on this
        machine only, until ``close()`` or the end of the process. If the kernel runs on another
        machine than the browser, use ``wvae explore --export`` instead.

        Parameters
        ----------
        data : Dataset or array-like of shape (n, \\*shape)
            Examples like those of the training; without labels if it is not a
            `wvae.datasets.Dataset`.
        height : int, default 800
            Height of the cell in pixels.
        open_browser : bool, default False
            Whether to open the page in a browser, too.
        **options
            ``map_method="tsne"``, ``max_rows=100_000``, ``metrics``, the result of `wvae.measure`,
            ``k``, the number of clusters, and ``seed``.

        Returns
        -------
        wvae.explorer.notebook.Explorer
            A notebook shows it as the page; its text is the address. It has ``url``, ``close()``,
            and works in a ``with`` statement.

        Raises
        ------
        ValueError
            If the data do not have the form of the training data, or this installation lacks the
            page.
        ModuleNotFoundError
            If the packages of the extra ``explore`` are not installed.
        """
        self._fitted()
        # The explorer is built on estimators: an import statement here would make a circle.
        notebook = import_module("wvae.explorer.notebook")
        return notebook.Explorer(self, data, height=height, open_browser=open_browser, **options)

    def save(self, path: str | Path, *, half: bool = False) -> None:
        """Write a model folder atomically: ``config.json`` and ``model.safetensors``.

        Parameters
        ----------
        path
            The folder. An earlier model folder of this name is replaced, anything else is not.
        half
            Whether to write large tensors, the weights and the tables of the alignment, in half
            precision. Codes then differ by rounding.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        wvae.io.files.OutputExistsError
            If the path exists and is not a model folder.
        """
        model = self._fitted()
        saved = SavedModel(
            path=Path(path),
            config=model.config,
            shape=model.shape,
            scale=self.scale_,
            classes=self.classes_,
            label_centres=self.label_centres_,
            weights=model.state_dict(),
            epochs=self.n_iter_,
            code=self._code(),
            feature_names=self._names_to_save(),
            schema=self.schema_,
        )
        write_model_folder(saved, half=half)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the fitted estimator of a model folder. The folder holds data, no code.

        Parameters
        ----------
        path
            A folder that `save` wrote; ``"hf://owner/name"`` or ``"hf://owner/name@revision"``, a
            model on the Hugging Face Hub; or ``"gallery:handwriting"``, a model of the gallery.

        Raises
        ------
        wvae.io.files.ModelFileError
            If the folder is missing or damaged, or has another format.
        wvae.io.hub.HubError, wvae.datasets.download.DownloadError
            If the model cannot be downloaded.
        """
        return cls._restored(read_model_folder(locate_model(path)))

    def push_to_hub(
        self,
        repo: str,
        *,
        measures: Mapping[str, Any] | None = None,
        private: bool = False,
        revision: str | None = None,
        card: str | None = None,
    ) -> str:
        """Upload the model to the Hugging Face Hub and return the address of its page.

        Weights, config and schema, which has the names of labels and columns, are uploaded
        together with a model card; no examples. `wvae.load` loads it from ``"hf://owner/name"``.

        Parameters
        ----------
        repo
            ``"owner/name"``; created if it does not exist.
        measures
            What `wvae.workflows.measures_file.measures_record` returns, or the result of
            `wvae.measure`, for the model card. None says there that nothing was measured.
        private
            Whether a new repository is private.
        revision
            Branch to write to, which must exist; None is the main branch.
        card
            Text of the model card; None to write it.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `repo` cannot be the name of a repository.
        wvae.io.hub.HubError
            If there is no token, or the Hub cannot be reached or refuses.
        """
        with TemporaryDirectory() as parent:
            folder = Path(parent) / "model"
            self.save(folder)
            if measures is not None:
                record = dict(measures) if "figures" in measures else {"figures": dict(measures)}
                write_json(folder / MEASURES_FILE, record)
                about = {key: record[key] for key in ("data", "licence") if key in record}
                write_json(folder / ROWS_FILE, about)
            return upload(folder, repo, private=private, revision=revision, card=card)

    @classmethod
    def _restored(cls, saved: SavedModel) -> Self:
        """Return the fitted estimator of a model that was read from a file."""
        estimator = cls(code=saved.code, **asdict(saved.config))
        history: list[Row] = [{}] * saved.epochs  # a file keeps only their number
        result = FitResult(restore_model(saved), history, saved.label_centres)
        estimator._set_fitted(result, saved.classes, saved.scale, saved.schema)
        if saved.feature_names is not None:
            names: list[Any] = saved.feature_names.tolist()
            if all(isinstance(name, str) for name in names):
                estimator.feature_names_in_ = saved.feature_names
            else:
                estimator._other_names = names
        return estimator

    # ------------------------------------------------------------------------------------- internal

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # codes are float32
        tags.input_tags.three_d_array = True
        return tags

    def _config(self) -> Config:
        """Return the checked hyper-parameters."""
        self._code()
        return build_config({spec.name: getattr(self, spec.name) for spec in fields(Config)})

    def _code(self) -> Code:
        return check_code(self.code)

    def _fitted(self) -> SplitVAE:
        """Return the network, or raise a NotFittedError."""
        if not hasattr(self, "model_"):
            raise NotFittedError(
                "this WVAE is not fitted yet: call fit(X, y) first, or wvae.load(path)"
            )
        return self.model_

    def _set_fitted(
        self, result: FitResult, classes: Array, scale: ValueScale, schema: Schema | None
    ) -> None:
        """Set all fitted attributes but the names of columns."""
        model = result.model.eval()
        self.model_ = model
        self.alignment_ = model.alignment.used
        self.config_ = model.config
        self.likelihood_ = model.observation.likelihood
        self.shape_ = model.shape
        self.classes_ = classes
        self.scale_ = scale
        self.schema_ = schema
        self.label_centres_ = result.centres
        self.history_ = result.history
        self.n_features_in_ = int(np.prod(model.shape))
        self.n_iter_ = len(result.history)
        self._optimiser: torch.optim.Optimizer | None = None

    def _set_feature_names(self, X: Any) -> None:
        """Set the names of X's columns, if it has some, or delete earlier ones."""
        vars(self).pop("feature_names_in_", None)
        self._other_names = None
        if len(self.shape_) == 1:
            validate_data(self, X, reset=True, skip_check_array=True)
            if not hasattr(self, "feature_names_in_"):  # scikit-learn takes words only
                self._other_names = names_of(X)

    def _names_to_save(self) -> Array | None:
        """Return the names of a data frame's columns, (n_features,), or None."""
        if self._other_names is not None:
            return np.array(self._other_names, dtype=object)
        return getattr(self, "feature_names_in_", None)

    def _column_names(self) -> Sequence[Any] | None:
        """Return the names of the columns in training, or None if they are unknown."""
        if hasattr(self, "feature_names_in_"):
            return plain_names(self.feature_names_in_)
        if self._other_names is not None:
            return self._other_names
        return None if self.schema_ is None else self.schema_.columns

    def _examples(self, X: Any) -> Examples:
        """Return X as examples, or raise an error if it does not fit the training data."""
        self._fitted()
        checked = check_examples(X)
        if checked.x.ndim == 2 and len(self.shape_) == 1:
            self._check_columns(X)
        examples = check_fits(checked, self.shape_, self.scale_)
        check_spread(self.model_.observation, examples)
        return examples

    def _check_columns(self, X: Any) -> None:
        """Raise a ValueError if number or names of X's columns differ from those in training."""
        names, expected = names_of(X), self._column_names()
        has_words = all(isinstance(name, str) for name in column_names_of(X) or ())
        known_to_sklearn = has_words and hasattr(self, "feature_names_in_")
        if known_to_sklearn or names is None:
            # scikit-learn's own check, whose messages its users know.
            validate_data(self, X, reset=False, skip_check_array=True)
            return
        check_same_columns(names, expected)
        if expected is None:
            validate_data(self, X, reset=False, skip_check_array=True)

    def _centres(self, y: Any) -> Array:
        """Return the mean z_label of each label, (n, d_label)."""
        self._fitted()
        return centres_of(y, self.classes_, self.label_centres_)


def import_original(path: str | Path) -> WVAE:
    """Return the fitted `WVAE` of a Chainer ``.model`` file of the original notebook.

    It may be any of the notebook's three variants. The model takes upright images. Its
    ``label_centres_`` are unknown, so `WVAE.rewrite` is not available.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the file is missing, damaged, or not a model of the notebook.
    """
    return WVAE._restored(read_original(Path(path)))


def _test_data(test: Any) -> tuple[Any, Any]:
    """Return the examples and labels of a test set, a tuple or a data set."""
    if isinstance(test, Dataset):
        return test.x, test.y
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise TypeError(f"test is of the type {type(test).__name__}, expected a tuple (X, y)")
    return test[0], test[1]


def _sample_gaussian(mean: Array, sd: Array, rng: np.random.Generator) -> Array:
    return mean + sd * rng.standard_normal(mean.shape, np.float32)


def _training_rows(data: Dataset, y: Any, config: Config) -> tuple[Array, Array, Config, Schema]:
    """Return the training rows of a data set, with the config and the schema for them."""
    if y is not None:
        raise ValueError("X is a Dataset, which has labels of its own: leave out y")
    if data.split is not None:
        data = data.subset(data.split == "train")
    schema = data.schema or Schema(data.kind, data.shape, rate=data.rate)
    schema = schema.with_labels(data.label_name, data.classes, data.factors)
    return data.x, data.y, replace(config, kind=data.kind), schema
