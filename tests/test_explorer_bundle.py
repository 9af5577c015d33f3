"""The explorer's data: valid, complete, true to the data and the model, and reproducible."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NotRequired, get_origin, get_type_hints

import jsonschema
import numpy as np
import pytest

from wvae import WVAE
from wvae.datasets import Dataset
from wvae.explorer import bundle, contract, truth
from wvae.explorer.bundle import write_data
from wvae.explorer.columns import DTYPES, encode_column
from wvae.explorer.contract import Column, Manifest, read_schema
from wvae.explorer.dimensions import describe_dimensions
from wvae.explorer.files import FileWriter
from wvae.io.files import OutputExistsError
from wvae.io.onnx import ExportError
from wvae.workflows.progress import Silent

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")
Image = pytest.importorskip("PIL.Image")

pytestmark = pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")
QUICK: dict[str, Any] = {
    "width": 16,
    "depth": 1,
    "epochs": 2,
    "d_label": 3,
    "d_rest": 4,
    "backbone": "mlp",
    "alignment": "mean",
    "finetune_epochs": 0,
    "device": "cpu",
}
FAST: dict[str, Any] = {"map_method": "none", "k": 4, "metrics": {}}


def as_colour(data: Dataset) -> Dataset:
    return replace(data, x=np.stack([data.x, 255 - data.x, data.x // 2], 1))


def as_sounds(data: Dataset) -> Dataset:
    return replace(data, x=(data.x / np.float32(255)), kind="audio", rate=8000)


def as_table(data: Dataset) -> Dataset:
    x = data.x.reshape(len(data), -1)[:, :6].astype(np.float64)
    x[:, 5] = 7  # a constant column
    return replace(data, x=10 + x, kind="table")


def as_gaussian(data: Dataset) -> Dataset:
    return replace(data, x=data.x.astype(np.float32) / 50 - 2)


def same(data: Dataset) -> Dataset:
    return data


KINDS: dict[str, tuple[Callable[[Dataset], Dataset], dict[str, Any]]] = {
    "image": (same, {}),
    "colour": (as_colour, {}),
    "audio": (as_sounds, {"kind": "audio"}),
    "table": (as_table, {"kind": "table"}),
    "gaussian": (as_gaussian, {}),
    "plane": (same, {"d_label": 1, "d_rest": 1}),
    "two": (same, {"d_label": 2, "d_rest": 2}),
    "unlabelled": (same, {"classifier_weight": 0.0, "label_prior": "standard",
                          "decoder_label_input": "code", "alignment": "none",
                          "style_weight": 0.0}),
}  # fmt: skip


def fit(name: str, planted: Dataset) -> tuple[WVAE, Dataset]:
    make, changes = KINDS[name]
    data = make(planted)
    return WVAE(**QUICK | changes).fit(data.x, data.y), data


@pytest.fixture(scope="module")
def quick(planted: Dataset) -> WVAE:
    return WVAE(**QUICK).fit(planted.x, planted.y)


@pytest.fixture
def no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write empty networks: the export takes seconds."""

    def export(model: WVAE, out: Path) -> Path:
        out.mkdir()
        for name in ("encoder.onnx", "decoder.onnx"):
            (out / name).write_bytes(b"onnx")
        return out

    monkeypatch.setattr(bundle, "export_onnx", export)


def read(folder: Path) -> Manifest:
    """Return the manifest after checking it and the sizes of all files."""
    manifest = json.loads((folder / "explorer.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(read_schema()).validate(manifest)
    paths = [path for path in folder.rglob("*") if path.is_file()]
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
    del sizes["explorer.json"]
    assert manifest["files"] == sizes
    return manifest


def matrix(folder: Path, file: str, width: int) -> np.ndarray:
    return np.fromfile(folder / file, "<f4").reshape(-1, width)


def decode(folder: Path, column: Column) -> list[Any]:
    """Return the values of a column, as the page reads them; None where they are missing."""
    if column["dtype"] == "text":
        return (folder / column["file"]).read_text(encoding="utf-8").splitlines()
    values = np.fromfile(folder / column["file"], DTYPES[column["dtype"]])
    if "categories" not in column:
        return values.tolist()
    missing = np.iinfo(values.dtype).max
    names = column["categories"]
    return [None if value == missing else names[value] for value in values.tolist()]


# --------------------------------------------------------------------------------------- every kind


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_the_data_of_every_kind_are_valid(name: str, planted: Dataset, tmp_path: Path):
    if name == "audio":
        pytest.importorskip("librosa")
    model, data = fit(name, planted)
    folder = tmp_path / "data"
    returned = write_data(model, data, folder, **FAST)
    manifest = read(folder)
    assert json.loads(json.dumps(returned)) == manifest
    assert (manifest["n"], manifest["kind"]) == (len(data), data.kind)
    assert manifest["shape"] == list(data.shape)
    assert manifest["classes"] == ["ant", "bee", "cat", "dog"]
    assert (manifest["pictures"] is None) == (name == "table") == (manifest["values"] is not None)
    assert (manifest["sound"] is not None) == (name == "audio")
    assert ("low" in manifest["model"]) == (name == "gaussian")
    roles = [column["role"] for column in manifest["columns"]]
    assert ("predicted" in roles) == (name != "unlabelled")
    ids = [(plane["id"], plane["axes"]) for plane in manifest["maps"]]
    expected = {
        "plane": [("plane", ["z_label", "z_rest"])],
        "two": [("rest-axes", ["z_rest0", "z_rest1"]), ("label-axes", ["z_label0", "z_label1"])],
    }
    assert ids == expected.get(name, [("rest-pca", ["PC 1", "PC 2"])])
    check_networks(model, data, manifest, folder)


def check_networks(model: WVAE, data: Dataset, manifest: Manifest, folder: Path) -> None:
    """Check that the networks give the codes of the files, and the model's examples."""
    codes = [
        matrix(folder, manifest["codes"][name]["file"], manifest["codes"][name]["width"])
        for name in ("z_label", "z_rest")
    ]
    for found, expected in zip(codes, model.encode(data.x), strict=True):
        np.testing.assert_array_equal(found, expected)
    x = data.x.astype(np.float32) / np.float32(model.scale_.white)
    encoder = runtime.InferenceSession(folder / manifest["model"]["encoder"])
    z_label, z_rest, _ = encoder.run(None, {"x": x})
    np.testing.assert_allclose(z_label, codes[0], atol=1e-3)
    np.testing.assert_allclose(z_rest, codes[1], atol=1e-3)
    decoder = runtime.InferenceSession(folder / manifest["model"]["decoder"])
    (decoded,) = decoder.run(None, {"z_label": codes[0], "z_rest": codes[1]})
    np.testing.assert_allclose(decoded, model.decode(*codes), atol=1e-3, rtol=1e-4)


@pytest.mark.usefixtures("no_export")
def test_values_of_a_table_keep_their_units(planted: Dataset, tmp_path: Path):
    model, data = fit("table", planted)
    write_data(model, data, tmp_path / "data", **FAST)
    values = read(tmp_path / "data")["values"]
    assert values is not None
    np.testing.assert_array_equal(matrix(tmp_path / "data", values["file"], 6), data.x)
    np.testing.assert_allclose(values["mean"], data.x.mean(0))
    assert values["columns"] == ["1", "2", "3", "4", "5", "6"]
    assert values["sd"][5] == 1


@pytest.mark.slow
def test_an_imported_model_is_written(original_model: Path, tmp_path: Path):
    from wvae.estimator import import_original

    x = np.random.default_rng(0).random((40, 28, 28), dtype=np.float32)
    data = Dataset(x, np.arange(40) % 10, label_name="digit")
    write_data(import_original(original_model), data, tmp_path / "data", **FAST)
    manifest = read(tmp_path / "data")
    assert manifest["model"]["label_centres"] == [[]] * 10
    assert len(manifest["classes"]) == 10


# ----------------------------------------------------------------------------------------- columns


def with_everything(data: Dataset) -> Dataset:
    n = len(data)
    y = data.y.astype(object)
    y[::7] = None
    factors = {
        "writer": data.factors["writer"],
        "age": np.where(np.arange(n) % 5 == 0, np.nan, np.linspace(-1, 2, n)),
        "town 東京": np.array([None if i % 3 else f"t{i % 4}" for i in range(n)], object),
        "left": np.arange(n) % 2 == 0,
        "cluster": np.arange(n) % 3,
    }
    split = np.where(np.arange(n) % 4 == 0, "test", "train")
    files = np.array([f"a/{i}\n.png" for i in range(n)])
    return replace(data, y=y, factors=factors, split=split, files=files)


@pytest.mark.usefixtures("no_export")
def test_columns_give_back_the_values(quick: WVAE, planted: Dataset, tmp_path: Path):
    data = with_everything(planted)
    write_data(quick, data, tmp_path / "data", **FAST)
    columns = read(tmp_path / "data")["columns"]
    found = {column["name"]: decode(tmp_path / "data", column) for column in columns}
    assert found["animal"] == data.y.tolist()
    assert found["writer"] == [str(value) for value in data.factors["writer"]]
    assert found["town 東京"] == data.factors["town 東京"].tolist()
    assert found["left"] == [str(value) for value in data.factors["left"].tolist()]
    assert found["cluster"] == [str(value) for value in data.factors["cluster"].tolist()]
    np.testing.assert_array_equal(found["age"], data.factors["age"].astype(np.float32))
    assert found["predicted"] == quick.predict(data.x).tolist()
    assert data.split is not None
    assert found["split"] == data.split.tolist()
    assert found["row"] == list(range(len(data)))
    assert found["file"] == [f"a/{i} .png" for i in range(len(data))]
    assert [c["name"] for c in columns if c["role"] == "cluster"] == ["cluster (wvae)"]
    age = next(column for column in columns if column["name"] == "age")
    assert (age.get("low"), age.get("high")) == pytest.approx(
        (np.nanmin(data.factors["age"]), np.nanmax(data.factors["age"]))
    )


@pytest.mark.parametrize(
    ("n", "dtype"), [(255, "u8"), (256, "u16"), (65_535, "u16"), (65_536, "f32")]
)
def test_columns_take_the_smallest_type(n: int, dtype: str):
    column = encode_column(np.arange(n))
    assert column.dtype == dtype
    if column.categories is not None:
        assert column.values.tolist() == list(range(n))
        assert column.values.max() < np.iinfo(column.values.dtype).max


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([np.nan, np.nan]), ()),
        (np.array([np.inf, 2.0, np.nan]), (2.0, 2.0)),
        (np.array([1e300, -1.0]), (-1.0, -1.0)),
        (np.array([None, 0.5], object), (0.5, 0.5)),
    ],
)
def test_limits_are_finite(values: np.ndarray, expected: tuple[float, ...]):
    column = encode_column(values)
    assert column.dtype == "f32"
    assert column.limits == expected


def test_classes_of_the_model_come_first():
    column = encode_column(np.array([7, 3, None], object), ["3", "5"])
    assert column.categories == ["3", "5", "7"]
    assert column.values.tolist() == [2, 0, 255]


# ------------------------------------------------------------------------------------- rows, seeds


@pytest.mark.usefixtures("no_export")
def test_a_sample_keeps_the_order(quick: WVAE, planted: Dataset, tmp_path: Path):
    lines: list[str] = []
    rows = np.arange(len(planted)) * 3
    data = replace(planted, rows=rows)
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        write_data(quick, data, folder, max_rows=50, seed=seed, log=lines.append, **FAST)
    first, second = read(tmp_path / "0"), read(tmp_path / "1")
    assert (first["n"], first.get("total")) == (50, 400)
    assert lines == ["the explorer shows a random sample of 50 of 400 rows"] * 2
    assert "a random sample of 50 of 400 rows is shown" in first["truth"]["warnings"]
    numbers = [
        decode(tmp_path / str(seed), manifest["columns"][-1])
        for seed, manifest in enumerate((first, second))
    ]
    assert numbers[0] == sorted(numbers[0]) != numbers[1]
    chosen = np.array(numbers[0]) // 3
    assert decode(tmp_path / "0", first["columns"][0]) == planted.y[chosen].tolist()
    z_rest = matrix(tmp_path / "0", first["codes"]["z_rest"]["file"], 4)
    np.testing.assert_allclose(z_rest, quick.encode(planted.x)[1][chosen], atol=1e-5)
    assert first["pictures"] is not None
    sheet = (tmp_path / "0" / first["pictures"]["sheets"][0]).read_bytes()
    picture = np.asarray(Image.open(io.BytesIO(sheet)))
    np.testing.assert_array_equal(picture[:8, 8:16], planted.x[chosen[1]])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(quick: WVAE, planted: Dataset, tmp_path: Path):
    options: dict[str, Any] = {"max_rows": 120, "metrics": {"leakage.max": 0.5}, "seed": 5}
    for name in ("a", "b"):
        write_data(quick, planted, tmp_path / name, **options)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) > 8
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    assert [plane["id"] for plane in read(tmp_path / "a")["maps"]] == [
        "rest-tsne", "label-tsne", "rest-pca",
    ]  # fmt: skip


@pytest.mark.usefixtures("no_export")
def test_only_data_of_the_explorer_are_replaced(quick: WVAE, planted: Dataset, tmp_path: Path):
    folder = tmp_path / "data"
    write_data(quick, planted, folder, **FAST)
    (folder / "codes" / "old.f32").write_bytes(b"old")
    write_data(quick, planted, folder, **FAST)
    read(folder)  # the old file is gone
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(OutputExistsError, match="never replaced"):
        write_data(quick, planted, tmp_path / "photos", **FAST)


def test_a_failure_leaves_nothing(
    quick: WVAE, planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*arguments: object) -> None:
        raise ExportError("the column 'time' has values about 1e+18")

    monkeypatch.setattr(bundle, "export_onnx", fail)
    with pytest.raises(ExportError, match="'time'"):
        write_data(quick, planted, tmp_path / "data", **FAST)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [({"max_rows": 0}, "max_rows is 0"), ({"k": 1}, "k is 1, expected 2 to 200")],
)
def test_wrong_parameters_are_named(
    options: dict[str, Any], message: str, quick: WVAE, planted: Dataset, tmp_path: Path
):
    with pytest.raises(ValueError, match=message):
        write_data(quick, planted, tmp_path / "data", **(FAST | options))


@pytest.mark.usefixtures("no_export")
@pytest.mark.parametrize("n", [1, 3])
def test_few_rows_have_no_map_by_neighbours(n: int, quick: WVAE, planted: Dataset, tmp_path: Path):
    few = planted.subset(slice(0, n))
    write_data(quick, few, tmp_path / "data")
    manifest = read(tmp_path / "data")
    assert [plane["id"] for plane in manifest["maps"]] == ["rest-pca"]
    assert manifest["truth"]["metrics"] == {}
    assert any(line.startswith("no clusters") for line in manifest["truth"]["warnings"])


# ----------------------------------------------------------------------------- dimensions and truth


def test_the_dimension_that_changes_most_comes_first(quick: WVAE, planted: Dataset):
    z_label, z_rest = quick.encode(planted.x)

    class Planted:
        """A decoder of known strength: z_rest2 moves much, z_rest0 little, the others nothing."""

        def decode(self, label: np.ndarray, rest: np.ndarray) -> np.ndarray:
            strength = np.array([0.1, 0.0, 1.0, 0.0])
            return np.tanh(rest * strength) + 0.0 * label.sum(1, keepdims=True)

    model: Any = Planted()
    found = describe_dimensions(model, z_label, z_rest)
    rest = [dimension for dimension in found if dimension["code"] == "z_rest"]
    assert [dimension["index"] for dimension in rest] == [2, 0, 1, 3]
    assert rest[0]["share"] > 0.9
    assert sum(dimension["share"] for dimension in rest) == pytest.approx(1)
    assert [d["share"] for d in found if d["code"] == "z_label"] == [0.0, 0.0, 0.0]
    low, high = np.quantile(z_rest[:, 2], [0.01, 0.99])
    assert (rest[0]["low"], rest[0]["high"]) == pytest.approx((low, high))


def test_all_dimensions_of_a_model_are_there(quick: WVAE, planted: Dataset):
    found = describe_dimensions(quick, *quick.encode(planted.x))
    assert sorted((d["code"], d["index"]) for d in found) == [
        *(("z_label", i) for i in range(3)),
        *(("z_rest", i) for i in range(4)),
    ]


@pytest.mark.usefixtures("no_export")
def test_given_metrics_are_kept_without_nan(quick: WVAE, planted: Dataset, tmp_path: Path):
    metrics = {"leakage.max": 0.25, "swap.label": float("nan"), "x": np.float32(1)}
    options: dict[str, Any] = FAST | {"metrics": metrics}
    write_data(quick, planted, tmp_path / "data", **options)
    said = read(tmp_path / "data")["truth"]
    assert said["metrics"] == {"leakage.max": 0.25, "x": 1.0}
    assert said.get("command") == "wvae measure"


@pytest.mark.slow
def test_metrics_are_measured(quick: WVAE, planted: Dataset):
    said = truth.measure_truth(quick, planted, None, ["a note"], Silent())
    assert 0 <= said["metrics"]["leakage.max"] <= 1
    assert said["warnings"][0] == "a note"
    assert "quick=True" in said.get("command", "")


@pytest.mark.parametrize("change", ["labels", "split"])
def test_what_cannot_be_measured_is_said(change: str, quick: WVAE, planted: Dataset):
    n = len(planted)
    data = replace(planted, y=np.full(n, None, object), labels_checked=True)
    if change == "split":
        data = replace(planted, split=np.full(n, "train"))
    said = truth.measure_truth(quick, data, None, [], Silent())
    assert said["metrics"] == {}
    assert len(said["warnings"]) == 1
    assert said["warnings"][0].startswith("the split is not measured")


@pytest.mark.slow
def test_planted_clusters_are_found(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    group = rng.integers(0, 4, 600)
    z = (9 * rng.normal(size=(4, 5))[group] + rng.normal(size=(600, 5))).astype(np.float32)
    for learnt in (20_000, 200):  # of fewer rows, the others go to the nearest centre
        monkeypatch.setattr(truth, "MAX_FITTED", learnt)
        clusters, notes = truth.find_clusters(z, None, 0, Silent())
        assert clusters is not None
        assert not notes
        pairs = set(zip(group.tolist(), clusters.tolist(), strict=True))
        assert len(pairs) == 4


def test_equal_codes_have_no_clusters():
    clusters, notes = truth.find_clusters(np.zeros((50, 2)), None, 0, Silent())
    assert clusters is None
    assert notes[0].startswith("no clusters")


# --------------------------------------------------------------------------------- the parts alone


def test_points_are_written_without_a_model(tmp_path: Path):
    n = 70_000  # more than one block
    positions = np.random.default_rng(0).normal(size=(n, 2))
    writer = FileWriter(tmp_path)
    entry = writer.points("rest-tsne", "z_rest", "tsne", positions)
    column = writer.column("writer", "factor", np.arange(n) % 300)
    assert writer.sizes == {entry["file"]: 8 * n, column["file"]: 2 * n}
    np.testing.assert_array_equal(matrix(tmp_path, entry["file"], 2), positions.astype(np.float32))


def required(entry: Any) -> set[str]:
    hints = get_type_hints(entry, include_extras=True)
    return {name for name, hint in hints.items() if get_origin(hint) is not NotRequired}


def test_the_types_are_those_of_the_schema():
    schema = read_schema()
    names = {"Model": "ModelFiles"}
    for name, definition in schema["definitions"].items():
        entry = getattr(contract, names.get(str(name), str(name)))
        assert set(entry.__annotations__) == set(definition["properties"]), name
        assert required(entry) == set(definition["required"]), name
    assert set(Manifest.__annotations__) == set(schema["properties"])
    assert required(Manifest) == set(schema["required"])


@pytest.mark.usefixtures("no_export")
def test_label_centres_may_be_unknown(quick: WVAE, planted: Dataset, tmp_path: Path):
    import copy

    model = copy.deepcopy(quick)
    model.label_centres_[1] = np.nan
    write_data(model, planted, tmp_path / "data", **FAST)
    centres = read(tmp_path / "data")["model"]["label_centres"]
    assert [len(centre) for centre in centres] == [3, 0, 3, 3]
