"""Export to ONNX: the results of onnxruntime, compared with the model's own."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import wvae
from wvae import WVAE, Config
from wvae.datasets import Dataset
from wvae.io import onnx as onnx_export
from wvae.io.files import OutputExistsError
from wvae.io.onnx import export_onnx
from wvae.nn.alignment import Alignment
from wvae.nn.sliced_ot import KNOTS
from wvae.nn.style_features import GreyStyleFeatures

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

QUICK: dict[str, Any] = {
    "width": 16,
    "depth": 1,
    "epochs": 2,
    "device": "cpu",
    "finetune_epochs": 0,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "conv": {
        "backbone": "conv",
        "alignment": "transport",
        "alignment_steps": 30,
        "style_weight": 10.0,
    },
    "article": {"width": 16, "epochs": 2, "device": "cpu"},
    "mlp": {
        "backbone": "mlp",
        "depth": 2,
        "alignment": "gaussian",
        "decoder_label_input": "code",
        "style_weight": 0.0,
    },
    "table": {"kind": "table", "backbone": "mlp", "alignment": "mean", "d_rest": 1, "d_label": 1},
    "unlabelled": {"objective": "plain", "backbone": "mlp"},
}


def sessions(folder: Path) -> list[Any]:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return [
        runtime.InferenceSession(folder / name, options)
        for name in ("encoder.onnx", "decoder.onnx")
    ]


def model_and_examples(name: str, data: Dataset) -> tuple[WVAE, np.ndarray]:
    """Return a fitted model and its examples, as the encoder takes them."""
    x = data.x.astype(np.float32) / 255
    if name == "table":
        x = (5 * x.reshape(len(x), -1) - 2).astype(np.float32)
    if name == "article":
        model = WVAE.preset("article", **CONFIGS[name])
    else:
        model = WVAE.preset("best", **QUICK | CONFIGS[name])
    return model.fit(x, data.y), x


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")
@pytest.mark.parametrize("name", CONFIGS)
def test_onnxruntime_agrees_with_the_model(name: str, planted: Dataset, tmp_path: Path):
    model, x = model_and_examples(name, planted)
    folder = export_onnx(model, tmp_path / "deep" / "onnx")
    assert sorted(p.name for p in folder.iterdir()) == ["decoder.onnx", "encoder.onnx"]
    encoder, decoder = sessions(folder)
    for n in (1, 37):
        z_label, z_rest = model.encode(x[:n])
        outputs = encoder.run(["z_label", "z_rest", "probabilities"], {"x": x[:n]})
        np.testing.assert_allclose(outputs[0], z_label, atol=1e-4)
        np.testing.assert_allclose(outputs[1], z_rest, atol=1e-4)
        if name != "unlabelled":
            np.testing.assert_allclose(outputs[2], model.predict_proba(x[:n]), atol=1e-4)
        swapped = decoder.run(["x"], {"z_label": z_label, "z_rest": np.roll(z_rest, 1, 0)})[0]
        np.testing.assert_allclose(swapped, model.decode(z_label, np.roll(z_rest, 1, 0)), atol=1e-4)
        assert swapped.shape == (n, *model.shape_)


@pytest.fixture(scope="module")
def fitted(planted: Dataset) -> WVAE:
    """A model that is trained quickly; tests must not change it."""
    return WVAE(**QUICK, backbone="mlp", d_label=3, d_rest=3, alignment_steps=5).fit(
        planted.x, planted.y
    )


@pytest.fixture(scope="module")
def exported(fitted: WVAE, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_onnx(fitted, tmp_path_factory.mktemp("export") / "onnx")


@pytest.mark.slow
def test_metadata_describe_the_model(exported: Path, fitted: WVAE):
    for session in sessions(exported):
        about = session.get_modelmeta().custom_metadata_map
        assert json.loads(about["classes"]) == ["ant", "bee", "cat", "dog"]
        assert json.loads(about["shape"]) == [8, 8]
        assert about["version"] == wvae.__version__
        np.testing.assert_allclose(
            json.loads(about["label_centres"]), fitted.label_centres_, rtol=1e-6
        )


@pytest.mark.slow
def test_files_use_standard_operators_of_an_old_opset(exported: Path):
    for name in ("encoder.onnx", "decoder.onnx"):
        proto = onnx.load(exported / name)
        assert [(o.domain, o.version) for o in proto.opset_import] == [("", onnx_export.OPSET)]
        assert onnx_export.OPSET <= 21
        assert proto.ir_version <= 10
        assert not proto.functions
        assert {node.domain for node in proto.graph.node} == {""}
        assert all(t.data_location != onnx.TensorProto.EXTERNAL for t in proto.graph.initializer)


@pytest.mark.slow
def test_small_constants_are_kept():
    """The style features add 1e-12 to pixels, most of which are 0, before they divide."""
    statistics = GreyStyleFeatures((28, 28))
    x = torch.zeros(2, 28, 28)
    x[0, 10:14, 10:14] = 1  # the second one is blank
    proto = onnx_export._translate(statistics, {"images": x}, ("features",))
    features = runtime.InferenceSession(proto.SerializeToString()).run(None, {"images": x.numpy()})[
        0
    ]
    np.testing.assert_allclose(features, statistics(x), rtol=2e-6, atol=1e-6)


def one_hot_classifier(classes: int) -> torch.nn.Linear:
    """Return a classifier whose z_label are one-hot codes."""
    classifier = torch.nn.Linear(classes, classes)
    with torch.no_grad():
        classifier.weight.copy_(torch.eye(classes))
        classifier.bias.zero_()
    return classifier


def aligned(align: Alignment, z: np.ndarray, y: np.ndarray, *, inverse: bool) -> np.ndarray:
    """Run the alignment's graph alone, on codes with labels."""
    proto = onnx_export._alignment(align, one_hot_classifier(3), inverse=inverse)
    onnx.checker.check_model(proto)
    codes = {
        "z_label": np.eye(3, dtype=np.float32)[y],
        "z_rest" if inverse else "network_z_rest": z,
    }
    return runtime.InferenceSession(proto.SerializeToString()).run(None, codes)[0]


@pytest.mark.parametrize("d", [1, 5])
@pytest.mark.parametrize("kind", ["none", "mean", "gaussian", "transport"])
def test_every_alignment_and_its_inverse_agree_with_the_model(kind: Any, d: int):
    rng = np.random.default_rng(0)
    y = np.arange(600) % 3
    z = (rng.standard_normal((600, d)) ** 3 * 0.3 + rng.standard_normal((3, d))[y] * 2).astype(
        np.float32
    )
    align = Alignment(Config(d_rest=d, alignment=kind, alignment_steps=15), 3).fit(
        z, np.full(z.shape, 0.1), y
    )
    # Some of these are beyond all knots.
    far = np.concatenate([z[:50], 100 * z[:50], np.zeros((5, d), np.float32)])
    labels = np.resize(y, len(far))
    for n in (1, len(far)):
        codes, of_label = torch.from_numpy(far[:n]), torch.from_numpy(labels[:n])
        there = align(codes, of_label).numpy()
        np.testing.assert_allclose(
            aligned(align, far[:n], labels[:n], inverse=False), there, rtol=1e-5, atol=1e-5
        )
        back = align.inverse(torch.from_numpy(there), of_label).numpy()
        np.testing.assert_allclose(
            aligned(align, there, labels[:n], inverse=True), back, rtol=1e-5, atol=1e-5
        )


def test_codes_at_the_knots():
    align = Alignment(Config(d_rest=1, alignment="transport"), 3)
    align.allocate_steps(1)
    rng = np.random.default_rng(0)
    align.source.copy_(
        torch.from_numpy(np.sort(rng.normal(size=tuple(align.source.shape)))).float()
    )
    align.target.copy_(
        torch.from_numpy(np.sort(rng.normal(size=tuple(align.target.shape)))).float()
    )
    z = align.source[0, 0].float().T.numpy()
    y = np.zeros(KNOTS, np.int64)
    np.testing.assert_allclose(
        aligned(align, z, y, inverse=False)[:, 0], align.target[0, 0], atol=1e-6
    )


def test_the_size_of_the_graph_does_not_depend_on_the_steps():
    sizes: list[int] = []
    for steps in (2, 800):
        align = Alignment(Config(d_rest=4, alignment="transport", alignment_steps=steps), 3)
        align.allocate_steps(steps)
        sizes.append(
            len(onnx_export._alignment(align, one_hot_classifier(3), inverse=False).graph.node)
        )
    assert sizes[0] == sizes[1] < 40


def test_an_alignment_without_steps():
    align = Alignment(Config(d_rest=2, alignment="transport"), 3)
    align.allocate_steps(0)
    z = np.random.default_rng(0).standard_normal((4, 2)).astype(np.float32)
    np.testing.assert_allclose(
        aligned(align, z, np.array([0, 1, 0, 1]), inverse=True), z, atol=1e-6
    )


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an export write trivial graphs, which takes less time."""

    def trivial(model: object) -> Any:
        from onnx import TensorProto, helper

        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
        return helper.make_model(helper.make_graph([], "nothing", [value], [value]))

    monkeypatch.setattr(onnx_export, "_encoder", trivial)
    monkeypatch.setattr(onnx_export, "_decoder", trivial)


@pytest.mark.usefixtures("light")
def test_an_alignment_that_amplifies_rounding_errors_is_warned_of(fitted: WVAE, tmp_path: Path):
    export_onnx(fitted, tmp_path / "calm")  # without a warning
    steep = copy.deepcopy(fitted)
    steep.model_.alignment = Alignment(Config(d_rest=3, alignment_steps=2), 4)
    steep.model_.alignment.allocate_steps(2)
    steep.model_.alignment.target.copy_(torch.linspace(-3e3, 3e3, KNOTS))
    with pytest.warns(UserWarning, match=r"1e-05.*alignment_steps=1 \(now \d+, 2 taken"):
        export_onnx(steep, tmp_path / "steep")
    steep.model_.alignment.allocate_steps(1)  # fewer steps cannot be advised
    steep.model_.alignment.target.copy_(torch.linspace(-3e3, 3e3, KNOTS))
    with pytest.warns(UserWarning, match="train on more data$"):
        export_onnx(steep, tmp_path / "one")


# ------------------------------------------------------------------------- errors


@pytest.mark.usefixtures("light")
def test_an_earlier_export_is_replaced_with_overwrite(fitted: WVAE, tmp_path: Path):
    out = export_onnx(fitted, tmp_path / "onnx")
    (out / "decoder.onnx").write_bytes(b"old")
    export_onnx(fitted, out, overwrite=True)
    assert (out / "decoder.onnx").read_bytes() == (out / "encoder.onnx").read_bytes()
    (out / "thesis.txt").write_text("all of it")  # so this is not an export any more
    with pytest.raises(OutputExistsError, match="is not an ONNX export"):
        export_onnx(fitted, out, overwrite=True)
    assert (out / "thesis.txt").exists()


@pytest.mark.usefixtures("light")
def test_a_failed_export_leaves_no_files(
    fitted: WVAE,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_temporaries: Callable[[], None],
):
    def full(model: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx_export, "_decoder", full)
    with pytest.raises(OSError, match="No space"):
        export_onnx(fitted, tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()
    no_temporaries()


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_missing_packages_are_named(
    package: str, fitted: WVAE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError) as error:
        export_onnx(fitted, tmp_path / "onnx")
    assert error.value.name == package
    assert not (tmp_path / "onnx").exists()
