"""Export to ONNX: the encoder and the decoder of a model, one self-contained file each, for any runtime.

::

    encoder.onnx    x (n, *shape) in [0, 1] → z_label (n, d_label), z_rest (n, d_rest), probabilities (n, classes)
    decoder.onnx    z_label, z_rest → x

z_rest is the aligned one, as users see it. The networks are translated by PyTorch. The alignment is written here, node
by node: its hundreds of steps are one Scan over the stacked axes and knots, where a translation would unroll them.
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
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from . import __version__
from .alignment import Alignment
from .model import SplitVAE
from .storage import atomic_folder, check_replaceable
from .transport import HALVES, KNOTS

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from .estimator import WVAE

Array = np.ndarray
OPSET = 18  # which onnxruntime and onnxruntime-web have read for years
FILES = "encoder.onnx", "decoder.onnx"
ROUNDING, GROWN = 1e-5, 50  # errors of single precision in z_rest; how many times larger an alignment may make them
OWN = "network_z_rest"  # z_rest as the networks know it, before the alignment


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
    wvae.storage.OutputExistsError
        If `out` is there already, or holds something else.
    ModuleNotFoundError
        If the packages of the extra ``onnx`` are not installed.

    Warns
    -----
    UserWarning
        If the alignment turns rounding errors into differences that can be seen: no two programs then agree on z_rest.
    """
    out = Path(out)
    check_replaceable(out, markers=set(FILES), what="an ONNX export", overwrite=overwrite, only_markers=True)
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
        return self.model.picture(z_label, z_rest)


def _encoder(model: SplitVAE) -> ModelProto:
    proto = _translated(_Encoder(model), {"x": torch.zeros(2, *model.shape)}, ("z_label", OWN, "probabilities"))
    graph = _Graph()
    graph.label(model)
    graph.aligned(model.alignment, OWN, "z_rest", back=False)
    proto.graph.node.extend(graph.nodes)
    proto.graph.initializer.extend(graph.constants)
    proto.graph.output[1].name = "z_rest"
    return proto


def _decoder(model: SplitVAE) -> ModelProto:
    config = model.config
    codes = {"z_label": torch.zeros(2, config.d_label), OWN: torch.zeros(2, config.d_rest)}
    proto = _translated(_Decoder(model), codes, ("x",))
    graph = _Graph()
    graph.label(model)
    graph.aligned(model.alignment, "z_rest", OWN, back=True)
    nodes = [*graph.nodes, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    proto.graph.initializer.extend(graph.constants)
    proto.graph.input[1].name = "z_rest"
    return proto


def _translated(module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...]) -> ModelProto:
    """Return a network as PyTorch translates it, for any number of rows."""
    import_module("onnxscript")  # PyTorch needs it, and its own message would not be told as one of a missing extra
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
            optimize=False,  # it takes x + 1e-12 for x, which style statistics are not
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


class _Graph:
    """Nodes and constants in the making; all names begin with the same word, so that none is the network's."""

    def __init__(self, prefix: str = "align") -> None:
        self.prefix = prefix
        self.nodes: list[NodeProto] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: Array) -> str:
        """Add a constant, and return its name."""
        from onnx import numpy_helper

        name = f"{self.prefix}.{name}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def add(self, kind: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        """Add a node, and return the name of its output."""
        from onnx import helper

        name = f"{self.prefix}.{kind}.{len(self.nodes)}"
        out = out or name
        self.nodes.append(helper.make_node(kind, inputs, [out], name=name, **attributes))
        return out

    def label(self, model: SplitVAE) -> None:
        """Add ``align.y``, (n,), the label that z_label means, as `SplitVAE.read` and `SplitVAE.draw` find it."""
        weight = self.constant("weight", _numpy(model.classifier.weight).T)
        bias = self.constant("bias", _numpy(model.classifier.bias))
        logits = self.add("Add", self.add("MatMul", "z_label", weight), bias)
        self.add("ArgMax", logits, out="align.y", axis=1, keepdims=0)

    def aligned(self, alignment: Alignment, source: str, out: str, *, back: bool) -> None:
        """Add `Alignment.forward`, or with `back` its inverse, of the label ``align.y``."""
        from onnx import TensorProto

        if alignment.kind == "none":
            self.add("Identity", source, out=out)
            return
        # Matrices that the program solves with are inverted here, in double precision.
        metric, matrix = _numpy(alignment.metric), _numpy(alignment.matrix)
        metric, matrix = (np.linalg.inv(metric).T, np.linalg.inv(matrix)) if back else (metric, matrix)
        metric, matrix = self.constant("metric", metric), self.constant("matrix", matrix.transpose(0, 2, 1))
        centre = self.add("Gather", self.constant("centre", _numpy(alignment.centre)), "align.y", axis=0)
        common = self.constant("common", _numpy(alignment.common))
        z = self.add("Cast", source, to=TensorProto.DOUBLE)
        if back:
            z = self._steps(alignment, self.add("Sub", z, common), back=True)
            z = self.add("Add", self._turned(z, matrix), centre)
            z = self.add("MatMul", z, metric)
        else:
            z = self.add("Sub", self.add("MatMul", z, metric), centre)
            z = self._steps(alignment, self._turned(z, matrix), back=False)
            z = self.add("Add", z, common)
        self.add("Cast", z, out=out, to=TensorProto.FLOAT)

    def _turned(self, z: str, matrix: str) -> str:
        """Add z (n, d) times the matrix (d, d) of each row's label."""
        middle = self.constant(f"middle.{len(self.nodes)}", np.array([1]))
        row = self.add("Unsqueeze", z, middle)
        return self.add("Squeeze", self.add("MatMul", row, self.add("Gather", matrix, "align.y", axis=0)), middle)

    def _steps(self, alignment: Alignment, z: str, *, back: bool) -> str:
        """Add the sliced transports, one Scan over the stacked axes, ways and knots."""
        from onnx import TensorProto, helper

        steps, d = alignment.axes.shape[:2]
        if not steps:
            return z
        stacked = {
            "axes": _numpy(alignment.axes),
            "ways": _numpy(alignment.ways).transpose(0, 2, 1),
            "source": _numpy(alignment.source).reshape(steps, len(alignment.centre), -1),
            "target": _numpy(alignment.target).reshape(steps, -1),
        }
        column = self.constant("column", np.arange(d) * KNOTS)
        y = self.add("Unsqueeze", "align.y", self.constant("last", np.array([1])))
        own = self.add("Add", self.add("Mul", y, self.constant("table", np.array([d * KNOTS]))), column)
        body = _Graph("step")
        flat = body.constant("flat", np.array([-1]))
        way = body.add("Mul", body.add("Sub", "target", "source"), body.constant("pace", np.array(alignment.pace)))
        knots = [body.add("Reshape", each, flat) for each in ("source", body.add("Add", "source", way))]
        source, target = reversed(knots) if back else knots
        out = body.along(source, target, own)
        inputs = [helper.make_tensor_value_info("z", TensorProto.DOUBLE, ["n", d])]
        inputs += [helper.make_tensor_value_info(k, TensorProto.DOUBLE, v.shape[1:]) for k, v in stacked.items()]
        outputs = [helper.make_tensor_value_info(out, TensorProto.DOUBLE, ["n", d])]
        step = helper.make_graph(body.nodes, "step", inputs, outputs, body.constants)
        names = [self.constant(name, value) for name, value in stacked.items()]
        return self.add(
            "Scan", z, *names, body=step, num_scan_inputs=len(names), scan_input_directions=[int(back)] * len(names)
        )

    def along(self, source: str, target: str, own: str) -> str:
        """Add one step, z + (f(z A) − z A) Wᵀ, f by the line through the knots, as `wvae.alignment` does it.

        ``own``, (n, d), is where in the flat tables `source` and `target` one's knots begin.
        """
        u = self.add("MatMul", "z", "axes")
        piece = own
        for half in HALVES:
            further = self.add("Add", piece, self.constant(f"half{half}", np.array(half)))
            passed = self.add("LessOrEqual", self.add("Gather", source, further), u)
            piece = self.add("Where", passed, further, piece)
        one, end = self.constant("one", np.array(1)), self.constant("end", np.array(KNOTS - 1))

        def ends(table: str, at: str, step: str) -> tuple[str, str]:
            return self.add("Gather", table, at), self.add("Gather", table, self.add("Add", at, step))

        (x0, x1), (y0, y1) = ends(source, piece, one), ends(target, piece, one)
        (low, high), (low_to, high_to) = ends(source, own, end), ends(target, own, end)
        above = self.add("Greater", u, high)
        outside = self.add("Or", above, self.add("Less", u, low))
        rise = self.add("Where", outside, self.add("Sub", high_to, low_to), self.add("Sub", y1, y0))
        run = self.add("Where", outside, self.add("Sub", high, low), self.add("Sub", x1, x0))
        x0, y0 = self.add("Where", above, high, x0), self.add("Where", above, high_to, y0)
        new = self.add("Add", y0, self.add("Mul", self.add("Sub", u, x0), self.add("Div", rise, run)))
        move = self.add("MatMul", self.add("Sub", new, u), "ways")
        return self.add("Add", "z", move)


def _numpy(value: Tensor) -> Array:
    return value.detach().cpu().numpy()
