"""The workflows of the commands on a model folder: open data, encode, cluster, swap."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wvae
from wvae import WVAE, Config
from wvae.datasets import Dataset, open_data
from wvae.datasets.conform import conform
from wvae.datasets.holdout import holdout_mask
from wvae.datasets.schema import Schema
from wvae.experiments.reproduce import reproduce
from wvae.experiments.worlds import reproduce_worlds
from wvae.workflows.cluster import Clustering, cluster, describe
from wvae.workflows.encode import encode_columns, encode_to_file, write_columns
from wvae.workflows.encoded_split import encode_split
from wvae.workflows.fit import fit_to_folder
from wvae.workflows.inputs import open_for_model
from wvae.workflows.swap import read_example, swap, write_example

Image = pytest.importorskip("PIL.Image")
parquet = pytest.importorskip("pyarrow.parquet")

# Diagnostics warn of so few, well separated rows.
pytestmark = pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def discard(text: str) -> None:
    pass


@pytest.fixture(scope="module")
def folder(
    planted: Dataset, small: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    config = Config(**small | {"alignment": "gaussian", "finetune_epochs": 0})
    return fit_to_folder(planted, config, tmp_path_factory.mktemp("commands") / "model")


@pytest.fixture(scope="module")
def model(folder: Path) -> WVAE:
    return wvae.load(str(folder))


@pytest.fixture
def pictures(planted: Dataset, tmp_path: Path) -> Path:
    """The planted data as a user has them: <animal>/<writer>/<row>.png."""
    for row, x in enumerate(planted.x):
        path = (
            tmp_path
            / "zoo"
            / planted.y[row]
            / f"w{planted.factors['writer'][row]}"
            / f"{row:03}.png"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x).save(path)
    return tmp_path / "zoo"


# -------------------------------------------------------------------------------- the model folder


def test_sounds_of_another_rate_are_rejected(planted: Dataset):
    spoken = replace(planted, kind="audio", rate=16_000, name="spoken")
    schema = Schema("audio", planted.shape, rate=16_000)
    for rate in (16_000, None):
        assert conform(replace(spoken, rate=rate), schema, discard).rate == rate
    with pytest.raises(ValueError, match=r"spoken has 8,000 .* 16,000"):
        conform(replace(spoken, rate=8000), schema, discard)


# -------------------------------------------------------------------------------------------- open


def test_images_are_opened_with_the_label_and_size_of_training(
    folder: Path, model: WVAE, pictures: Path, planted: Dataset
):
    data = open_for_model(folder, model, str(pictures), factors=["writer"], log=discard)
    assert (data.label_name, data.shape, list(data.factors)) == ("animal", (8, 8), ["writer"])
    assert (model.predict(data.x) == data.y).mean() > 0.9
    large = pictures.parent / "large"
    for path in pictures.rglob("*.png"):
        to = large / path.relative_to(pictures)
        to.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(path)).resize((32, 32), 0).save(to)
    assert open_for_model(folder, model, str(large), log=discard).shape == (8, 8)


def test_rows_keep_their_numbers_if_others_are_left_out(tmp_path: Path):
    pytest.importorskip("pyarrow")
    x = np.random.default_rng(0).normal(size=(40, 3))
    lines = ["label,a,b,c"]
    for i, row in enumerate(x):
        cells = ["?" if (i, j) in ((2, 0), (7, 1)) else f"{v:.6f}" for j, v in enumerate(row)]
        lines.append(",".join(["uv"[i % 2], *cells]))
    path = tmp_path / "genes.csv"
    path.write_text("\n".join(lines))
    quick = Config(d_label=2, d_rest=2, width=4, depth=1, epochs=1, alignment="none")
    data = open_data(path, drop_missing=True, log=discard)
    out = fit_to_folder(data, replace(quick, finetune_epochs=0), tmp_path / "m")
    model = wvae.load(str(out))
    opened = open_for_model(out, model, path, drop_missing=True, log=discard)
    rows = [i for i in range(40) if i not in (2, 7)]
    assert encode_columns(model, opened)["row"].tolist() == rows
    assert opened.subset(np.arange(38) > 30).rows is not None
    for row in (1, 3, 39):
        example = read_example(out, model, f"{path}:{row}", log=discard)
        np.testing.assert_allclose(example[0], x[row], atol=1e-5)
    with pytest.raises(ValueError, match="no complete row 2"):
        read_example(out, model, f"{path}:2", log=discard)


def test_colour_is_converted_to_grey_for_a_grey_model(
    folder: Path, model: WVAE, planted: Dataset, tmp_path: Path
):
    messages: list[str] = []
    np.savez(tmp_path / "colour.npz", x=np.repeat(planted.x[:, None], 3, 1), animal=planted.y)
    data = open_for_model(folder, model, tmp_path / "colour.npz", log=messages.append)
    assert np.abs(data.x.astype(int) - planted.x).max() <= 1
    assert messages[-1] == "colour is in colour, the model was trained on grey: converted to grey"


def test_grey_is_converted_to_colour_without_a_copy(
    planted: Dataset, small: dict[str, Any], tmp_path: Path
):
    coloured = replace(planted, x=np.repeat(planted.x[:, None], 3, 1))
    config = Config(**small | {"epochs": 1, "alignment": "none", "finetune_epochs": 0})
    out = fit_to_folder(coloured, config, tmp_path / "m")
    np.savez(tmp_path / "grey.npz", x=planted.x, animal=planted.y)
    messages: list[str] = []
    data = open_for_model(out, wvae.load(str(out)), tmp_path / "grey.npz", log=messages.append)
    np.testing.assert_array_equal(data.x, coloured.x)
    assert data.x.strides[1] == 0
    assert "converted to colour" in messages[-1]


def test_data_that_do_not_fit_the_model_are_rejected(
    folder: Path, model: WVAE, planted: Dataset, tmp_path: Path
):
    flat = (planted.x.reshape(len(planted), -1) / 255).astype(np.float32)
    np.savez(tmp_path / "flat.npz", x=flat, animal=planted.y)
    with pytest.raises(ValueError, match=r"flat.npz: the examples have shape \(64,\)"):
        open_for_model(folder, model, tmp_path / "flat.npz", log=discard)
    np.savez(tmp_path / "wide.npz", x=planted.x.repeat(2, 2), animal=planted.y)
    with pytest.raises(ValueError, match=r"wide.*\(8, 16\).*\(8, 8\)"):
        open_for_model(folder, model, tmp_path / "wide.npz", log=discard)
    np.savez(tmp_path / "named.npz", x=planted.x, beast=planted.y, writer=planted.factors["writer"])
    with pytest.raises(ValueError, match="no column 'animal', the model's label"):
        open_for_model(folder, model, tmp_path / "named.npz", log=discard)
    assert (
        open_for_model(folder, model, tmp_path / "named.npz", label="beast", log=discard).label_name
        == "beast"
    )
    with pytest.raises(ValueError, match="did you mean 'writer'"):
        open_for_model(
            folder, model, tmp_path / "named.npz", label="beast", factors=["riter"], log=discard
        )


# ------------------------------------------------------------------------------------------ encode


def test_codes_come_with_metadata_and_predicted_labels(
    model: WVAE, planted: Dataset, tmp_path: Path, no_temporaries: Callable[[], None]
):
    split = np.where(np.arange(len(planted)) % 5, "train", "test")
    columns = encode_columns(model, replace(planted, split=split))
    assert list(columns)[6:] == ["animal", "writer", "split", "predicted"]
    z_label, z_rest = model.encode(planted.x)
    found = np.stack([*columns.values()][:6], 1).astype(np.float32)
    np.testing.assert_allclose(found, np.hstack([z_label, z_rest]), atol=1e-5)
    assert (columns["predicted"] == planted.y).mean() > 0.9
    write_columns(tmp_path / "deep" / "codes.parquet", columns)
    assert parquet.read_table(tmp_path / "deep" / "codes.parquet").column_names == list(columns)
    no_temporaries()


def test_data_are_encoded_in_blocks(model: WVAE, planted: Dataset, monkeypatch: pytest.MonkeyPatch):
    whole = encode_columns(model, planted)
    monkeypatch.setattr("wvae.workflows.encode.ROWS", 150)
    for name, values in encode_columns(model, planted).items():
        np.testing.assert_array_equal(
            values, whole[name]
        ) if values.dtype.kind != "f" else np.testing.assert_allclose(
            values, whole[name], atol=1e-4
        )


@pytest.mark.parametrize("name", ["z_rest0", "animal", "predicted"])
def test_two_columns_of_the_same_name_are_rejected(model: WVAE, planted: Dataset, name: str):
    with pytest.raises(ValueError, match=f"{name}"):
        encode_columns(model, replace(planted, factors={name: planted.factors["writer"]}))


# ----------------------------------------------------------------------------------------- cluster


def test_clusters_of_z_rest_match_the_writers(model: WVAE, planted: Dataset):
    found = cluster(model, planted, k=5)
    assert found.scores["writer"]["ami"] > 0.8
    assert abs(found.scores["animal"]["ami"]) < 0.1
    assert abs(found.chance["writer"]["ami"]) < 0.1
    assert found.stability > 0.9
    assert found.selection is None
    assert list(found.columns(planted)) == ["cluster", "animal", "writer"]
    # For contrast: z_label knows the animal.
    label = cluster(model, planted, k=4, on="label")
    assert label.scores["animal"]["ami"] > 0.8 > 0.1 > label.scores["writer"]["ami"]


def test_the_number_of_clusters_is_chosen(
    model: WVAE, planted: Dataset, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wvae.evaluation.n_clusters.K_GRID", (2, 3, 4, 5, 6, 7))
    found = cluster(model, planted)
    assert found.selection is not None
    assert found.selection.has_structure
    assert found.k == found.selection.k
    assert found.k in (5, 6)
    assert found.scores["writer"]["ami"] > 0.9
    start = f"{found.k} clusters of z_rest by K-Means, "
    assert describe(found, "rest", "kmeans").startswith(start)


def test_missing_structure_is_reported(
    model: WVAE, planted: Dataset, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wvae.evaluation.n_clusters.K_GRID", (2, 3))
    noise = replace(
        planted, x=np.random.default_rng(0).integers(0, 256, planted.x.shape, dtype=np.uint8)
    )
    found = cluster(model, noise, on="pixels")
    assert describe(found, "pixels", "kmeans").startswith("no clear clusters")


def test_pixels_are_clustered_by_a_mixture(model: WVAE, planted: Dataset):
    found = cluster(model, planted, k=20, on="pixels", method="gmm")
    assert len(found.clusters) == len(planted)
    assert "20 clusters of the data by a Gaussian mixture" in describe(found, "pixels", "gmm")


def test_equal_rows_are_no_clusters(model: WVAE, planted: Dataset, tmp_path: Path):
    equal = replace(planted, x=np.repeat(planted.x[:1], len(planted), 0))
    sources: dict[Any, str] = {"rest": "z_rest", "label": "z_label", "pixels": "rows of planted"}
    for on, source in sources.items():
        for k in (None, 4):
            with pytest.raises(ValueError, match=r"all 400 rows .* are equal") as error:
                cluster(model, equal, k=k, on=on)
            assert source in str(error.value)
            assert "no clusters" in str(error.value)
    few = replace(planted, x=planted.x[np.arange(len(planted)) % 3])
    message = "k is 5, but only 3 of the 400 rows"
    with pytest.raises(ValueError, match=message):
        cluster(model, few, k=5)
    with pytest.raises(ValueError, match=message):
        encode_to_file(model, few, tmp_path / "codes.parquet", k=5)
    assert list(tmp_path.iterdir()) == []
    assert cluster(model, few, k=3).stability == 1


@pytest.mark.parametrize(
    ("sizes", "start"),
    [((60, 0, 0), "no clusters: all 60 rows"), ((50, 10, 0), "only 2 of 3 clusters of z_rest")],
)
def test_empty_clusters_are_never_stable(sizes: tuple[int, ...], start: str):
    clusters = np.repeat(np.arange(3), sizes)
    text = describe(Clustering(clusters, 3, 1.0, None, {}, {}), "rest", "gmm")
    assert text.startswith(start)
    assert "stability" not in text
    assert "0 to" not in text.replace("10 to", "")


def test_bad_arguments_of_cluster_are_rejected(model: WVAE, planted: Dataset):
    for k in (1, 201):
        with pytest.raises(ValueError, match=f"k is {k}, expected 2 to 200"):
            cluster(model, planted, k=k)
    with pytest.raises(ValueError, match="'riter' – did you mean 'writer'"):
        cluster(model, planted, k=2, factors=["riter"])
    slanted = replace(planted, factors={"slant": np.linspace(0, 1, len(planted))})
    with pytest.raises(ValueError, match="factor slant is continuous"):
        cluster(model, slanted, k=2, factors=["slant"])
    assert list(cluster(model, slanted, k=2).scores) == [
        "animal"
    ]  # continuous factors are left out by default
    named = replace(planted, factors={"cluster": planted.factors["writer"]})
    found = Clustering(np.zeros(len(planted)), 1, 1.0, None, {}, {})
    with pytest.raises(ValueError, match="has a column 'cluster'"):
        found.columns(named)


# ---------------------------------------------------------------------------------- without labels


def test_data_without_labels_are_encoded_clustered_and_swapped(
    folder: Path, model: WVAE, planted: Dataset, tmp_path: Path
):
    for row, x in enumerate(planted.x[:40]):
        (tmp_path / "new").mkdir(exist_ok=True)
        Image.fromarray(x).save(tmp_path / "new" / f"{row:03}.png")
    with pytest.raises(ValueError, match="40 of 40 files do not lie in folders for animal"):
        open_for_model(folder, model, tmp_path / "new", log=discard)
    data = open_for_model(folder, model, tmp_path / "new", log=discard, unlabelled=True)
    np.testing.assert_array_equal(data.x, planted.x[:40])
    columns = encode_columns(model, data)
    assert list(columns)[6:] == ["file", "predicted"]
    assert columns["file"][:2].tolist() == ["000.png", "001.png"]
    assert (columns["predicted"] == planted.y[:40]).mean() > 0.9
    write_columns(tmp_path / "codes.parquet", columns)
    found = cluster(model, data, k=2)
    assert (found.scores, list(found.columns(data))) == ({}, ["cluster", "file"])
    a, b = f"{tmp_path / 'new'}:0", f"{tmp_path / 'new'}:1"
    np.testing.assert_array_equal(
        pixels(swap(folder, model, a, b, tmp_path / "s.png", log=discard)),
        (255 * model.swap(planted.x[:1], planted.x[1:2])[0]).round(),
    )
    # The column of a named label must exist.
    np.savez(tmp_path / "own.npz", x=planted.x)
    assert not open_for_model(
        folder, model, tmp_path / "own.npz", log=discard, unlabelled=True
    ).labelled.any()
    with pytest.raises(ValueError, match="no column 'beast' for the label"):
        open_for_model(
            folder, model, tmp_path / "own.npz", label="beast", log=discard, unlabelled=True
        )


@pytest.fixture(scope="module")
def half(planted: Dataset) -> Dataset:
    """The planted data, half of their labels lost, among train rows and test rows."""
    y = planted.y.astype(object)
    y[::2] = None
    split = np.where(np.arange(len(planted)) % 5, "train", "test")
    return replace(planted, y=y, split=split, name="half")


def test_rows_without_a_label_are_trained_on(
    half: Dataset, planted: Dataset, small: dict[str, Any], tmp_path: Path
):
    config = Config(**small | {"alignment": "gaussian", "finetune_epochs": 0})
    model = wvae.load(str(fit_to_folder(half, config, tmp_path / "m")))
    assert model.classes_.tolist() == planted.classes.tolist()
    assert json.loads((tmp_path / "m" / "rows.json").read_text())["examples"] == 320
    assert (model.predict(planted.x) == planted.y).mean() > 0.9
    # Without a split, the test rows are labelled ones.
    is_test = holdout_mask(replace(half, split=None), 0)
    assert is_test.sum() > 10
    assert half.labelled[is_test].all()


def test_only_labelled_rows_are_measured(model: WVAE, half: Dataset, planted: Dataset):
    whole = half.subset(half.labelled)
    parts = [
        encode_split(model, data, None, (1000, 1000), 0, samples=False) for data in (half, whole)
    ]
    for part in (0, 1):
        np.testing.assert_array_equal(parts[0].x[part], parts[1].x[part])
        assert parts[0].y[part].tolist() == whole.y[whole.split == ("train", "test")[part]].tolist()
    y = half.y.copy()
    y[half.split == "test"] = None
    lost = replace(half, y=y)
    with pytest.raises(ValueError, match="half has 0 test rows among 160"):
        encode_split(model, lost, None, (1000, 1000), 0, samples=False)


def test_partial_labels_are_written_and_scored(model: WVAE, half: Dataset, tmp_path: Path):
    write_columns(tmp_path / "codes.parquet", encode_columns(model, half))
    assert (
        parquet.read_table(tmp_path / "codes.parquet").column("animal").to_pylist()
        == half.y.tolist()
    )
    found = cluster(model, half, k=4, on="label")
    assert found.scores["animal"]["ami"] > 0.8
    assert list(found.columns(half)) == ["cluster", "animal", "writer", "split"]


def test_experiments_need_every_label(half: Dataset, small: dict[str, Any], tmp_path: Path):
    for run in (partial(reproduce, "plane", half), partial(reproduce_worlds, [half])):
        with pytest.raises(ValueError, match="half has 200 of 400 examples without a label"):
            run(Config(**small), tmp_path / "run")


# -------------------------------------------------------------------------------------------- swap


def test_two_images_are_swapped(
    folder: Path, model: WVAE, pictures: Path, tmp_path: Path, no_temporaries: Callable[[], None]
):
    messages: list[str] = []
    a, b = (str(sorted((pictures / name).glob("**/*.png"))[0]) for name in ("ant/w0", "dog/w1"))
    out = swap(folder, model, a, b, tmp_path / "deep" / "s.png", log=messages.append)
    image = pixels(out)
    x = [pixels(path)[None] for path in (a, b)]
    np.testing.assert_array_equal(image, (255 * model.swap(*x)[0]).round())
    assert messages == ["predicted labels: ant for A, dog for B, ant for A in B's style"]
    no_temporaries()


def test_rows_of_data_are_swapped(
    folder: Path, model: WVAE, planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", x=planted.x, animal=planted.y)
    np.save("one.npy", planted.x[7])
    out = swap(folder, model, "own.npz:3", "one.npy", log=discard)
    assert out == Path("own-npz-3-in-one.png")
    swap(folder, model, "own.npz:3", "own.npz:7", Path("s.npy"), log=discard)
    np.testing.assert_allclose(
        np.load("s.npy"), model.swap(planted.x[3:4], planted.x[7:8])[0], atol=1e-6
    )
    np.testing.assert_array_equal(pixels(out), (255 * np.load("s.npy")).round())


def test_a_swapped_sound_is_written_as_wav(
    planted: Dataset, small: dict[str, Any], tmp_path: Path, no_temporaries: Callable[[], None]
):
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("librosa")
    quick = Config(**small | {"epochs": 1, "alignment": "none", "finetune_epochs": 0})
    out = fit_to_folder(replace(planted, kind="audio"), quick, tmp_path / "m")
    model = wvae.load(str(out))
    np.save(tmp_path / "a.npy", planted.x[0] / np.float32(255))
    a = str(tmp_path / "a.npy")
    with pytest.raises(ValueError, match="--rate"):
        swap(out, model, a, a, tmp_path / "s.wav", log=discard)
    swap(out, model, a, a, tmp_path / "s.wav", rate=8000, log=discard)
    wave, rate = soundfile.read(tmp_path / "s.wav")
    assert (rate, len(wave)) == (8000, 4000)
    assert np.abs(wave).max() > 0.1
    no_temporaries()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zoo", r"zoo:0"),
        ("on.npy", r"on.npy is no file, .* did you mean 'one.npy'"),
        ("own.npz:400", r"own.npz has 400 rows, expected a row from 0 to 399, not 400"),
        (
            "own.npz",
            r"own.npz is not an example of image data, .*own.npz:0",
        ),
        ("one.wav", r"one.wav is not an example of image data"),
        ("cut.npy", r"cut.npy is not a complete .npy file"),
        (
            "all.npy",
            r"all.npy.*\(400, 8, 8\)",
        ),
        ("bad.png", r"bad.png"),
    ],
)
def test_unsuitable_examples_are_rejected(
    folder: Path,
    model: WVAE,
    planted: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    message: str,
):
    monkeypatch.chdir(tmp_path)
    Path("zoo").mkdir()
    np.savez("own.npz", x=planted.x, animal=planted.y)
    np.save("one.npy", planted.x[0])
    np.save("all.npy", planted.x)
    Path("cut.npy").write_bytes(Path("one.npy").read_bytes()[:-9])
    for name in ("one.wav", "bad.png"):
        Path(name).write_bytes(b"RIFF nothing")
    with pytest.raises(ValueError, match=message):
        read_example(folder, model, text, log=discard)


def test_unsuitable_suffixes_are_rejected(model: WVAE, tmp_path: Path):
    for name in ("s.jpg", "s.wav", "s"):
        with pytest.raises(ValueError, match=r"\.png or \.npy for image data"):
            write_example(tmp_path / name, np.zeros((8, 8)), model)
    assert list(tmp_path.iterdir()) == []


def test_colour_and_single_channel_images_are_written(model: WVAE, tmp_path: Path):
    x = np.random.default_rng(0).random((3, 8, 8))
    write_example(tmp_path / "c.png", x, model)
    write_example(tmp_path / "g.png", x[:1], model)
    for name, mode in (("c.png", "RGB"), ("g.png", "L")):
        with Image.open(tmp_path / name) as image:
            assert image.mode == mode


def test_a_table_is_written_as_npy_only(planted: Dataset, small: dict[str, Any], tmp_path: Path):
    x = planted.x.reshape(len(planted), -1).astype(np.float32)
    config = replace(Config(**small | {"epochs": 1, "alignment": "none", "finetune_epochs": 0}))
    out = fit_to_folder(replace(planted, x=x, kind="table"), config, tmp_path / "m")
    np.savez(tmp_path / "t.npz", x=x, animal=planted.y)
    model = wvae.load(str(out))
    with pytest.raises(ValueError, match=r"expected \.npy for table data"):
        swap(
            out,
            model,
            f"{tmp_path}/t.npz:0",
            f"{tmp_path}/t.npz:1",
            tmp_path / "s.png",
            log=discard,
        )
    swap(out, model, f"{tmp_path}/t.npz:0", f"{tmp_path}/t.npz:1", tmp_path / "s.npy", log=discard)
    assert np.load(tmp_path / "s.npy").shape == (64,)
