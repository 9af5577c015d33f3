"""Export to ONNX: the encoder and the decoder of a model, one self-contained file each.

::

    encoder.onnx    x (n, *shape) → z_label (n, d_label), z_rest (n, d_rest),
                                    probabilities (n, classes)
    decoder.onnx    z_label, z_rest → x

z_rest is the aligned code that users see. PyTorch translates the networks. The alignment is written
in ONNX operators (`wvae.io.onnx_alignment`): its hundreds of steps are one Scan, which PyTorch's
translation would unroll.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ..model import SplitVAE
from ..nn.alignment import Alignment
from ..nn.torch_state import default_torch_state
from .files import atomic_folder, check_replaceable

if TYPE_CHECKING:
    from onnx import ModelProto

    from ..estimator import WVAE

Array = np.ndarray
OPSET, IR_VERSION = 18, 10  # old enough for all common versions of onnxruntime and onnxruntime-web
FILES = "encoder.onnx", "decoder.onnx"
ROUNDING_ERROR = 1e-5  # typical error of z_rest in single precision
MAX_ROUNDING = 1e-3  # of a column's values in float32, in standard deviations
MAX_AMPLIFICATION = 50  # of rounding errors by the alignment, before a warning
NETWORK_CODE = "network_z_rest"  # z_rest of the networks, before the alignment


class ExportError(ValueError):
    """A model cannot be exported; the message names the remedy."""


@default_torch_state()
def export_onnx(model: WVAE, out: str | Path, *, overwrite: bool = False) -> Path:
    """Write ``encoder.onnx`` and ``decoder.onnx`` into a folder, and return the folder.

    Inputs and outputs are float32, with any number of rows. Values of a table are in the units of
    its columns; those of images and spectrograms are divided by ``white``. The metadata of each
    file describe the model: ``classes`` (JSON, in the order of the probabilities), ``shape`` of an
    example (JSON), ``white``, the number that becomes 1, ``columns`` of a table (JSON) and
    ``schema`` (JSON, `wvae.datasets.schema.Schema`) if they are known, ``version`` of wvae and, if
    they are known, ``label_centres`` (JSON, the mean z_label of each class). The files hold data
    only, no code.

    Parameters
    ----------
    model
        A fitted model.
    out
        The folder to create, with the folders above it.
    overwrite
        Whether an earlier export may be replaced. Anything else is never replaced.

    Raises
    ------
    wvae.io.files.OutputExistsError
        If `out` is an earlier export and `overwrite` is False, or holds anything else.
    ExportError
        If PyTorch cannot translate the networks, or float32 cannot hold the values of a column.
    ModuleNotFoundError
        If the packages of the extra ``onnx`` are not installed.

    Warns
    -----
    UserWarning
        If the alignment amplifies rounding errors until two programs differ visibly in z_rest.
    """
    out = Path(out)
    check_replaceable(
        out, markers=set(FILES), what="an ONNX export", overwrite=overwrite, only_markers=True
    )
    from onnx import checker, save

    network = copy.deepcopy(model.model_).cpu().eval()
    _take_raw_columns(network, model)
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(out) as folder:
        for name, make in zip(FILES, (_encoder, _decoder), strict=True):
            proto = make(network)
            for key, value in _metadata(model).items():
                proto.metadata_props.add(key=key, value=value)
            checker.check_model(proto)
            save(proto, folder / name)
    error = _amplified_error(network)
    if error > MAX_AMPLIFICATION * ROUNDING_ERROR:
        warnings.warn(
            f"the alignment of this model amplifies rounding errors of {ROUNDING_ERROR:g} in "
            f"z_rest to {error:.1g} and more, so encoder.onnx and wvae will differ in z_rest: "
            f"{_calmer(model)}",
            stacklevel=2,
        )
    return out


def _calmer(model: WVAE) -> str:
    """Return how to train a model whose alignment amplifies less."""
    taken = len(model.model_.alignment.axes)
    if taken < 2:
        return "train on more data"
    now = model.config_.alignment_steps
    return f"train on more data, or with alignment_steps={taken // 2} (now {now}, {taken} taken)"


@torch.no_grad()
def _take_raw_columns(network: SplitVAE, model: WVAE) -> None:
    """Let the network of a table take and return the columns in their own units.

    `WVAE` subtracts ``scale_.offset`` in float64. In the file, the network's own mean includes it.
    """
    offset = model.scale_.offset
    if not np.any(offset):
        return
    observation = network.observation
    spacing = np.spacing(np.abs(offset).astype(np.float32))
    lost = np.flatnonzero(spacing > MAX_ROUNDING * _numpy(observation.input_sd))
    if lost.size:
        names = _column_names(model)
        column = repr(names[lost[0]]) if names else f"{lost[0] + 1}"
        raise ExportError(
            f"the column {column} has values about {np.ravel(offset)[lost[0]]:.6g}, whose "
            "differences float32 would round away, and ONNX files of wvae take float32: subtract a "
            "constant from this column and train again"
        )
    observation.input_mean += torch.from_numpy(np.asarray(offset)).float()


def _column_names(model: WVAE) -> list[str]:
    """Return the names of a table's columns, or an empty list if they are unknown."""
    if hasattr(model, "feature_names_in_"):
        return model.feature_names_in_.tolist()
    return list(model.schema_.columns or ()) if model.schema_ is not None else []


@torch.no_grad()
def _amplified_error(model: SplitVAE, n: int = 200) -> float:
    """Return the 90 % quantile of the aligned codes' errors if the codes have rounding errors.

    The codes are samples of the prior. The alignment follows the codes of real data more closely
    and amplifies their errors even more.
    """
    generator = torch.Generator().manual_seed(0)
    z, noise = torch.randn(2, n, model.config.d_rest, generator=generator, dtype=torch.float64)
    y = torch.arange(n) % model.n_classes
    exact = model.alignment(z, y)
    rounded = model.alignment(z + ROUNDING_ERROR * noise, y)
    return float((rounded - exact).abs().amax(1).quantile(0.9))


def _metadata(model: WVAE) -> dict[str, str]:
    """Return the metadata of both files."""
    metadata = {
        "version": version("wvae"),
        "classes": json.dumps(model.classes_.tolist()),
        "shape": json.dumps(list(model.shape_)),
        "white": f"{model.scale_.white:g}",
    }
    if names := _column_names(model):
        metadata["columns"] = json.dumps(names, ensure_ascii=False)
    if model.schema_ is not None:
        metadata["schema"] = json.dumps(model.schema_.to_json(), ensure_ascii=False)
    if np.isfinite(model.label_centres_).all():
        metadata["label_centres"] = json.dumps(model.label_centres_.tolist())
    return metadata


class _Encoder(nn.Module):
    """The encoder without the alignment: x → z_label, network_z_rest, probabilities."""

    def __init__(self, model: SplitVAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q_label, q_rest = self.model.encode(x)
        return q_label.mean, q_rest.mean, self.model.classify(q_label.mean).probs


class _Decoder(nn.Module):
    """The decoder without the alignment: z_label, network_z_rest → x."""

    def __init__(self, model: SplitVAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, z_label: Tensor, z_rest: Tensor) -> Tensor:
        return self.model.decode_mean(z_label, z_rest)


def _encoder(model: SplitVAE) -> ModelProto:
    """Return the graph of the encoder, followed by the alignment."""
    examples = torch.zeros(2, *model.shape)
    proto = _translate(_Encoder(model), {"x": examples}, ("z_label", NETWORK_CODE, "probabilities"))
    alignment = _alignment(model.alignment, model.classifier, inverse=False).graph
    proto.graph.node.extend(alignment.node)
    proto.graph.initializer.extend(alignment.initializer)
    proto.graph.output[1].name = "z_rest"
    return proto


def _decoder(model: SplitVAE) -> ModelProto:
    """Return the graph of the inverse alignment, followed by the decoder."""
    config = model.config
    codes = {"z_label": torch.zeros(2, config.d_label), NETWORK_CODE: torch.zeros(2, config.d_rest)}
    proto = _translate(_Decoder(model), codes, ("x",))
    alignment = _alignment(model.alignment, model.classifier, inverse=True).graph
    nodes = [*alignment.node, *proto.graph.node]  # in the order of computation
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    proto.graph.initializer.extend(alignment.initializer)
    proto.graph.input[1].name = "z_rest"
    return proto


def _alignment(alignment: Alignment, classifier: nn.Linear, *, inverse: bool) -> ModelProto:
    """Return the graph of the alignment alone.

    It maps z_label, network_z_rest → z_rest, or with `inverse` z_label, z_rest → network_z_rest.
    Its tables are initializers. All names but those of inputs and output begin with ``align.``, so
    that they do not clash with the network's.
    """
    from onnx import TensorProto, compose, helper, inliner, numpy_helper

    from . import onnx_alignment

    source, out = ("z_rest", NETWORK_CODE) if inverse else (NETWORK_CODE, "z_rest")
    if alignment.kind == "none":
        function = onnx_alignment.keep_aligned_code if inverse else onnx_alignment.keep_code
        tables = {}
    else:
        function = onnx_alignment.undo_alignment if inverse else onnx_alignment.align
        tables = _tables(alignment, classifier, inverse=inverse)
    # Functions are inlined, because browsers support the standard operators only.
    nodes = inliner.inline_local_functions(function.to_model_proto()).graph.node
    z_label, z, aligned = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None])
        for name in ("z_label", source, out)
    )
    initializers = [numpy_helper.from_array(value, name) for name, value in tables.items()]
    graph = helper.make_graph(nodes, "alignment", [z_label, z], [aligned], initializers)
    proto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    return compose.add_prefix(proto, "align.", rename_inputs=False, rename_outputs=False)


def _tables(alignment: Alignment, classifier: nn.Linear, *, inverse: bool) -> dict[str, Array]:
    """Return the parameters of the functions of `wvae.io.onnx_alignment`, except the codes."""
    if not len(alignment.axes):  # a Scan needs at least one step: an identity
        alignment = copy.deepcopy(alignment)
        alignment.allocate_steps(1)
    metric, matrix = _numpy(alignment.metric), _numpy(alignment.matrix)
    if inverse:  # ONNX cannot solve linear equations; in double precision inverse matrices will do
        metric, matrix = np.linalg.inv(metric).T, np.linalg.inv(matrix)
    tables = {
        "weight": _numpy(classifier.weight).T,
        "bias": _numpy(classifier.bias),
        "metric": metric,
        "matrix": matrix,
        "centre": _numpy(alignment.centre),
        "common": _numpy(alignment.common),
        "axes": _numpy(alignment.axes),
        "directions": _numpy(alignment.directions).transpose(0, 2, 1),
        "source": _numpy(alignment.source).astype(np.float32),
        "target": _numpy(alignment.target).astype(np.float32),
        "step_size": np.full(len(alignment.axes), alignment.step_size),
    }
    return {name: np.asarray(value, order="C") for name, value in tables.items()}


def _translate(
    module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...]
) -> ModelProto:
    """Translate a network for any number of rows by PyTorch's exporter."""
    # PyTorch needs onnxscript; importing it here raises the usual error for a missing extra.
    import_module("onnxscript")
    rows = torch.export.Dim("n")
    with _quiet():
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: rows} for _ in inputs),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
            optimize=False,  # it simplifies x + 1e-12 to x, which changes the style features
        )
    if program is None:  # its return type allows it
        raise ExportError("PyTorch returned no translation: update torch and onnxscript")
    proto = program.model_proto
    _remove_traces(proto)
    return proto


def _remove_traces(proto: ModelProto) -> None:
    """Remove what the exporter notes of its own call stack.

    It has paths of this machine and differs between two exports of the same network.
    """
    graph = proto.graph
    parts = [graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output]
    for part in parts:
        del part.metadata_props[:]
        part.doc_string = ""


@contextmanager
def _quiet() -> Generator[None]:
    """Hide the exporter's log and warnings about itself, on which users cannot act."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _numpy(value: Tensor) -> Array:
    return value.detach().cpu().numpy()
