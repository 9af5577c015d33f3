"""Export to ONNX: the encoder and the decoder of a model, one self-contained file each, for any runtime.

::

    encoder.onnx    x (n, *shape) in [0, 1] → z_label (n, d_label), z_rest (n, d_rest), probabilities (n, classes)
    decoder.onnx    z_label, z_rest → x

z_rest is the aligned code, as users see it. PyTorch translates the networks. The alignment is `wvae.io.onnx_alignment`,
where its hundreds of steps are one Scan: PyTorch's translation would unroll them.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from .. import __version__
from ..model import SplitVAE
from ..nn.alignment import Alignment
from .files import atomic_folder, check_replaceable

if TYPE_CHECKING:
    from onnx import ModelProto

    from ..estimator import WVAE

Array = np.ndarray
OPSET, IR_VERSION = 18, 10  # which onnxruntime and onnxruntime-web have read for years
FILES = "encoder.onnx", "decoder.onnx"
ROUNDING, GROWN = (
    1e-5,
    50,
)  # errors of single precision in z_rest; how many times larger an alignment may make them
NETWORK_CODE = "network_z_rest"  # z_rest of the networks, before the alignment


class ExportError(ValueError):
    """A model cannot be exported there; the message says what to do."""


def export_onnx(model: WVAE, out: str | Path, *, overwrite: bool = False) -> Path:
    """Write ``encoder.onnx`` and ``decoder.onnx`` into a folder, and return the folder.

    Inputs and outputs are float32, with any number of rows. Each file says in its metadata what it is of: ``classes``
    (JSON, the order of the probabilities), ``shape`` (JSON), ``version`` of wvae and, where they are known,
    ``label_centres`` (JSON, the z_label of each class). The files hold data only, no code.

    Parameters
    ----------
    model
        Fitted.
    out
        The folder to make.
    overwrite
        Whether an earlier export of that name may be replaced; anything else never is.

    Raises
    ------
    wvae.io.files.OutputExistsError
        If `out` is there already, or holds something else.
    ModuleNotFoundError
        If the packages of the extra ``onnx`` are not installed.

    Warns
    -----
    UserWarning
        If the alignment turns rounding errors into differences that can be seen: no two programs then agree on z_rest.
    """
    out = Path(out)
    check_replaceable(
        out, markers=set(FILES), what="an ONNX export", overwrite=overwrite, only_markers=True
    )
    from onnx import checker, save

    network = copy.deepcopy(model.model_).cpu().eval()
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(out) as folder:
        for name, make in zip(FILES, (_encoder, _decoder), strict=True):
            proto = make(network)
            for key, value in _about(model).items():
                proto.metadata_props.add(key=key, value=value)
            checker.check_model(proto)
            save(proto, folder / name)
    grown = _grown(network)
    if grown > GROWN * ROUNDING:
        warnings.warn(
            f"the alignment of this model turns rounding errors of {ROUNDING:g} in z_rest into {grown:.1g} and more: "
            "encoder.onnx and wvae will not agree on it: train on more data, or with fewer alignment_steps",
            stacklevel=2,
        )
    return out


@torch.no_grad()
def _grown(model: SplitVAE, n: int = 200) -> float:
    """Return how far nine tenths of codes move at the most that differ, before the alignment, by rounding errors.

    The codes are drawn from the prior. Those of real data, which the alignment follows closely, move further still.
    """
    generator = torch.Generator().manual_seed(0)
    z, noise = torch.randn(2, n, model.config.d_rest, generator=generator, dtype=torch.float64)
    y = torch.arange(n) % model.n_classes
    moved = (model.alignment(z + ROUNDING * noise, y) - model.alignment(z, y)).abs().amax(1)
    return float(moved.quantile(0.9))


def _about(model: WVAE) -> dict[str, str]:
    about = {"version": __version__, "classes": json.dumps(model.classes_.tolist())}
    about["shape"] = json.dumps(list(model.shape_))
    if np.isfinite(model.label_centres_).all():
        about["label_centres"] = json.dumps(model.label_centres_.tolist())
    return about


class _Encoder(nn.Module):
    def __init__(self, model: SplitVAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q_label, q_rest = self.model.encode(x)
        return q_label.mean, q_rest.mean, self.model.classify(q_label.mean).probs


class _Decoder(nn.Module):
    def __init__(self, model: SplitVAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, z_label: Tensor, z_rest: Tensor) -> Tensor:
        return self.model.decode_mean(z_label, z_rest)


def _encoder(model: SplitVAE) -> ModelProto:
    examples, outputs = torch.zeros(2, *model.shape), ("z_label", NETWORK_CODE, "probabilities")
    proto = _translated(_Encoder(model), {"x": examples}, outputs)
    alignment = _alignment(model.alignment, model.classifier, inverse=False).graph
    proto.graph.node.extend(alignment.node)
    proto.graph.initializer.extend(alignment.initializer)
    proto.graph.output[1].name = "z_rest"
    return proto


def _decoder(model: SplitVAE) -> ModelProto:
    config = model.config
    codes = {"z_label": torch.zeros(2, config.d_label), NETWORK_CODE: torch.zeros(2, config.d_rest)}
    proto = _translated(_Decoder(model), codes, ("x",))
    alignment = _alignment(model.alignment, model.classifier, inverse=True).graph
    nodes = [*alignment.node, *proto.graph.node]  # nodes are sorted: the alignment comes first
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    proto.graph.initializer.extend(alignment.initializer)
    proto.graph.input[1].name = "z_rest"
    return proto


def _alignment(alignment: Alignment, classifier: nn.Linear, *, inverse: bool) -> ModelProto:
    """Return the alignment alone: z_label, network_z_rest → z_rest, or with `inverse` z_label, z_rest → network_z_rest.

    Its tables are initializers, and all names but those of inputs and output begin with ``align.``, so that none is
    the network's.
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
    # The functions that it calls are inlined, because browsers read standard operators only.
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
    """Return what the functions of `wvae.io.onnx_alignment` take besides codes, by their names for it."""
    if not len(alignment.axes):  # one step that does nothing stands for none
        alignment = copy.deepcopy(alignment)
        alignment.allocate_steps(1)
    metric, matrix = _numpy(alignment.metric), _numpy(alignment.matrix)
    if inverse:  # where the program solves equations, in double precision, the graph multiplies by an inverse
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
        "source": _numpy(alignment.source),
        "target": _numpy(alignment.target),
        "step_size": np.full(len(alignment.axes), alignment.step_size),
    }
    return {name: np.asarray(value, order="C") for name, value in tables.items()}


def _translated(
    module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...]
) -> ModelProto:
    """Return a network as PyTorch translates it, for any number of rows."""
    import_module(
        "onnxscript"
    )  # PyTorch needs it, and its own message would not be told as one of a missing extra
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
            optimize=False,  # it takes x + 1e-12 for x, which style features are not
        )
    if program is None:  # which its types allow
        raise ExportError("PyTorch returned no translation: update torch and onnxscript")
    return program.model_proto


@contextmanager
def _quiet() -> Generator[None]:
    """Keep what PyTorch's translator says about itself from the user, who can do nothing about it."""
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
