"""What the commands on a model folder call: open data like training's, encode, cluster, swap."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wvae.workflows.measured_rows import encoded

import wvae
from wvae import WVAE, Config
from wvae.datasets import Dataset
from wvae.experiments.reproduce import reproduce
from wvae.experiments.worlds import reproduce_worlds
from wvae.io.files import ModelFileError
from wvae.workflows.cluster import Clustering, cluster, in_words
from wvae.workflows.encode import codes_of, open_like, remembered_rate
from wvae.workflows.fit import fit_to_folder, held_out, write_columns
from wvae.workflows.swap import example, swap, write_example

Image = pytest.importorskip("PIL.Image")
parquet = pytest.importorskip("pyarrow.parquet")

# So few, well separated rows need no warning about the chances of a diagnosis.
pytestmark = pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def unsaid(text: str) -> None:
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


# ------------------------------------------------------------------------------------------ the model folder


def test_a_model_folder_remembers_label_kind_and_rate(
    planted: Dataset, small: dict[str, Any], tmp_path: Path
):
    quick = Config(**small | {"epochs": 1, "alignment": "none", "finetune_epochs": 0})
    out = fit_to_folder(replace(planted, kind="audio", rate=8000), quick, tmp_path / "m")
    about = json.loads((out / "rows.json").read_text())
    assert (about["label"], about["rate"], about["examples"]) == ("animal", 8000, 360)
    assert wvae.load(str(out)).config_.kind == "audio"
    assert remembered_rate(out) == 8000


def test_sounds_of_another_rate_are_refused(
    planted: Dataset, small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    quick = Config(**small | {"epochs": 1, "alignment": "none", "finetune_epochs": 0})
    spoken = replace(planted, kind="audio", rate=16_000, name="spoken")
    out = fit_to_folder(spoken, quick, tmp_path / "m")
    for rate in (16_000, None):
        found = replace(spoken, rate=rate)
        monkeypatch.setattr("wvae.workflows.encode.open_data", lambda *_, found=found, **__: found)
        assert open_like(out, wvae.load(str(out)), "fsdd", log=unsaid).rate == rate
    monkeypatch.setattr(
        "wvae.workflows.encode.open_data", lambda *_, **__: replace(spoken, rate=8000)
    )
    with pytest.raises(
        ValueError, match="spoken has 8,000 samples per second, the model was trained on 16,000"
    ):
        open_like(out, wvae.load(str(out)), "fsdd", log=unsaid)


def test_a_damaged_memory_is_told(folder: Path, model: WVAE, tmp_path: Path):
    (tmp_path / "rows.json").write_text("{")
    with pytest.raises(ModelFileError, match=r"rows\.json is damaged"):
        remembered_rate(tmp_path)
    assert remembered_rate(tmp_path / "none") is None


# ------------------------------------------------------------------------------------------ open


def test_pictures_are_opened_as_training_saw_them(
    folder: Path, model: WVAE, pictures: Path, planted: Dataset
):
    data = open_like(folder, model, str(pictures), factors=["writer"], log=unsaid)
    assert (data.label_name, data.shape, list(data.factors)) == ("animal", (8, 8), ["writer"])
    assert (model.predict(data.x) == data.y).mean() > 0.9
    large = pictures.parent / "large"
    for path in pictures.rglob("*.png"):
        to = large / path.relative_to(pictures)
        to.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(path)).resize((32, 32), 0).save(to)
    assert open_like(folder, model, str(large), log=unsaid).shape == (8, 8)


def test_colour_is_brought_to_what_the_model_knows(
    folder: Path, model: WVAE, planted: Dataset, tmp_path: Path
):
    said: list[str] = []
    np.savez(tmp_path / "colour.npz", x=np.repeat(planted.x[:, None], 3, 1), animal=planted.y)
    data = open_like(folder, model, tmp_path / "colour.npz", log=said.append)
    assert np.abs(data.x.astype(int) - planted.x).max() <= 1
    assert said[-1] == "colour is in colour, the model was trained on grey: made grey"


def test_grey_is_made_colour_without_a_copy(
    planted: Dataset, small: dict[str, Any], tmp_path: Path
):
    coloured = replace(planted, x=np.repeat(planted.x[:, None], 3, 1))
    config = Config(**small | {"epochs": 1, "alignment": "none", "finetune_epochs": 0})
    out = fit_to_folder(coloured, config, tmp_path / "m")
    np.savez(tmp_path / "grey.npz", x=planted.x, animal=planted.y)
    said: list[str] = []
    data = open_like(out, wvae.load(str(out)), tmp_path / "grey.npz", log=said.append)
    np.testing.assert_array_equal(data.x, coloured.x)
    assert data.x.strides[1] == 0
    assert "made colour" in said[-1]


def test_other_data_than_the_models_are_refused(
    folder: Path, model: WVAE, planted: Dataset, tmp_path: Path
):
    flat = (planted.x.reshape(len(planted), -1) / 255).astype(np.float32)
    np.savez(tmp_path / "flat.npz", x=flat, animal=planted.y)
    with pytest.raises(
        ValueError, match="flat holds table data, the model was trained on image data"
    ):
        open_like(folder, model, tmp_path / "flat.npz", log=unsaid)
    np.savez(tmp_path / "wide.npz", x=planted.x.repeat(2, 2), animal=planted.y)
    with pytest.raises(
        ValueError, match=r"wide has examples of shape \(8, 16\), the model was trained on \(8, 8\)"
    ):
        open_like(folder, model, tmp_path / "wide.npz", log=unsaid)
    np.savez(tmp_path / "named.npz", x=planted.x, beast=planted.y, writer=planted.factors["writer"])
    with pytest.raises(ValueError, match="no column 'animal' for the label"):
        open_like(folder, model, tmp_path / "named.npz", log=unsaid)
    assert (
        open_like(folder, model, tmp_path / "named.npz", label="beast", log=unsaid).label_name
        == "beast"
    )
    with pytest.raises(ValueError, match="did you mean 'writer'"):
        open_like(
            folder, model, tmp_path / "named.npz", label="beast", factors=["riter"], log=unsaid
        )


# ------------------------------------------------------------------------------------------ encode


def test_codes_come_with_everything_that_is_known(
    model: WVAE, planted: Dataset, tmp_path: Path, no_temporaries: Callable[[], None]
):
    split = np.where(np.arange(len(planted)) % 5, "train", "test")
    columns = codes_of(model, replace(planted, split=split))
    assert list(columns)[6:] == ["animal", "writer", "split", "predicted"]
    z_label, z_rest = model.encode(planted.x)
    found = np.stack([*columns.values()][:6], 1).astype(np.float32)
    np.testing.assert_allclose(found, np.hstack([z_label, z_rest]), atol=1e-5)
    assert (columns["predicted"] == planted.y).mean() > 0.9
    write_columns(tmp_path / "deep" / "codes.parquet", columns)
    assert parquet.read_table(tmp_path / "deep" / "codes.parquet").column_names == list(columns)
    no_temporaries()


def test_long_data_are_encoded_in_parts(
    model: WVAE, planted: Dataset, monkeypatch: pytest.MonkeyPatch
):
    whole = codes_of(model, planted)
    monkeypatch.setattr("wvae.workflows.encode.ROWS", 150)
    for name, values in codes_of(model, planted).items():
        np.testing.assert_array_equal(
            values, whole[name]
        ) if values.dtype.kind != "f" else np.testing.assert_allclose(
            values, whole[name], atol=1e-4
        )


@pytest.mark.parametrize("name", ["z_rest0", "animal", "predicted"])
def test_two_columns_of_one_name(model: WVAE, planted: Dataset, name: str):
    with pytest.raises(ValueError, match=f"{name}.*: rename it"):
        codes_of(model, replace(planted, factors={name: planted.factors["writer"]}))


# ------------------------------------------------------------------------------------------ cluster


def test_clusters_of_z_rest_are_the_writers(model: WVAE, planted: Dataset):
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
    assert found.k == found.selection.k == 5
    assert in_words(found, "rest", "kmeans").startswith("5 clusters of z_rest by K-Means, of ")


def test_no_structure_is_told(model: WVAE, planted: Dataset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wvae.evaluation.n_clusters.K_GRID", (2, 3))
    noise = replace(
        planted, x=np.random.default_rng(0).integers(0, 256, planted.x.shape, dtype=np.uint8)
    )
    found = cluster(model, noise, on="pixels")
    assert in_words(found, "pixels", "kmeans").startswith(
        "no clusters: no number of them is both stable and clearer"
    )


def test_pixels_and_mixtures(model: WVAE, planted: Dataset):
    found = cluster(model, planted, k=20, on="pixels", method="gmm")
    assert len(found.clusters) == len(planted)
    assert "20 clusters of the data themselves by Gaussians" in in_words(found, "pixels", "gmm")


def test_what_cannot_be_clustered_or_scored(model: WVAE, planted: Dataset):
    for k in (1, 201):
        with pytest.raises(
            ValueError, match=f"k is {k}, expected 2 to 200, half of the rows of planted"
        ):
            cluster(model, planted, k=k)
    with pytest.raises(
        ValueError, match="does not know the factor 'riter' – did you mean 'writer'"
    ):
        cluster(model, planted, k=2, factors=["riter"])
    slanted = replace(planted, factors={"slant": np.linspace(0, 1, len(planted))})
    with pytest.raises(ValueError, match="factor slant is continuous"):
        cluster(model, slanted, k=2, factors=["slant"])
    assert list(cluster(model, slanted, k=2).scores) == [
        "animal"
    ]  # nobody named it, so it is left out
    named = replace(planted, factors={"cluster": planted.factors["writer"]})
    found = Clustering(np.zeros(len(planted)), 1, 1.0, None, {}, {})
    with pytest.raises(ValueError, match="has a column 'cluster'"):
        found.columns(named)


# ------------------------------------------------------------------------------------------ without labels


def test_new_data_need_no_labels(folder: Path, model: WVAE, planted: Dataset, tmp_path: Path):
    for row, x in enumerate(planted.x[:40]):
        (tmp_path / "new").mkdir(exist_ok=True)
        Image.fromarray(x).save(tmp_path / "new" / f"{row:03}.png")
    with pytest.raises(ValueError, match="40 of 40 files do not lie in folders for animal"):
        open_like(folder, model, tmp_path / "new", log=unsaid)
    data = open_like(folder, model, tmp_path / "new", log=unsaid, unlabelled=True)
    np.testing.assert_array_equal(data.x, planted.x[:40])
    columns = codes_of(model, data)
    assert list(columns)[6:] == ["file", "predicted"]
    assert columns["file"][:2].tolist() == ["000.png", "001.png"]
    assert (columns["predicted"] == planted.y[:40]).mean() > 0.9
    write_columns(tmp_path / "codes.parquet", columns)
    found = cluster(model, data, k=2)
    assert (found.scores, list(found.columns(data))) == ({}, ["cluster", "file"])
    a, b = f"{tmp_path / 'new'}:0", f"{tmp_path / 'new'}:1"
    np.testing.assert_array_equal(
        pixels(swap(folder, model, a, b, tmp_path / "s.png", log=unsaid)),
        (255 * model.swap(planted.x[:1], planted.x[1:2])[0]).round(),
    )
    # A label that is named must be there.
    np.savez(tmp_path / "own.npz", x=planted.x)
    assert not open_like(
        folder, model, tmp_path / "own.npz", log=unsaid, unlabelled=True
    ).labelled.any()
    with pytest.raises(ValueError, match="no column 'beast' for the label"):
        open_like(folder, model, tmp_path / "own.npz", label="beast", log=unsaid, unlabelled=True)


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
    # Where the test rows are chosen by chance, they are labelled ones.
    drawn = held_out(replace(half, split=None), 0)
    assert drawn.sum() > 10
    assert half.labelled[drawn].all()


def test_what_is_measured_has_a_label(model: WVAE, half: Dataset, planted: Dataset):
    whole = half.subset(half.labelled)
    parts = [encoded(model, data, None, (1000, 1000), 0, samples=False) for data in (half, whole)]
    for part in (0, 1):
        np.testing.assert_array_equal(parts[0].x[part], parts[1].x[part])
        assert parts[0].y[part].tolist() == whole.y[whole.split == ("train", "test")[part]].tolist()
    y = half.y.copy()
    y[half.split == "test"] = None
    lost = replace(half, y=y)
    with pytest.raises(ValueError, match="half has 0 test rows of 160 with a label"):
        encoded(model, lost, None, (1000, 1000), 0, samples=False)


def test_labels_that_are_known_are_written_and_scored(model: WVAE, half: Dataset, tmp_path: Path):
    write_columns(tmp_path / "codes.parquet", codes_of(model, half))
    assert (
        parquet.read_table(tmp_path / "codes.parquet").column("animal").to_pylist()
        == half.y.tolist()
    )
    found = cluster(model, half, k=4, on="label")
    assert found.scores["animal"]["ami"] > 0.8
    assert list(found.columns(half)) == ["cluster", "animal", "writer", "split"]


def test_experiments_want_every_label(half: Dataset, small: dict[str, Any], tmp_path: Path):
    for run in (partial(reproduce, "plane", half), partial(reproduce_worlds, [half])):
        with pytest.raises(ValueError, match="half has 200 of 400 examples without a label"):
            run(Config(**small), tmp_path / "run")


# ------------------------------------------------------------------------------------------ swap


def test_two_pictures_are_swapped(
    folder: Path, model: WVAE, pictures: Path, tmp_path: Path, no_temporaries: Callable[[], None]
):
    said: list[str] = []
    a, b = (str(sorted((pictures / name).glob("**/*.png"))[0]) for name in ("ant/w0", "dog/w1"))
    out = swap(folder, model, a, b, tmp_path / "deep" / "s.png", log=said.append)
    image = pixels(out)
    x = [pixels(path)[None] for path in (a, b)]
    np.testing.assert_array_equal(image, (255 * model.swap(*x)[0]).round())
    assert said == ["A is read as ant, B as dog, A in B's style as ant"]
    no_temporaries()


def test_rows_of_data_are_swapped(
    folder: Path, model: WVAE, planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", x=planted.x, animal=planted.y)
    np.save("one.npy", planted.x[7])
    out = swap(folder, model, "own.npz:3", "one.npy", log=unsaid)
    assert out == Path("own-npz-3-in-one.png")
    swap(folder, model, "own.npz:3", "own.npz:7", Path("s.npy"), log=unsaid)
    np.testing.assert_allclose(
        np.load("s.npy"), model.swap(planted.x[3:4], planted.x[7:8])[0], atol=1e-6
    )
    np.testing.assert_array_equal(pixels(out), (255 * np.load("s.npy")).round())


def test_a_sound_is_written_to_listen_to(
    planted: Dataset, small: dict[str, Any], tmp_path: Path, no_temporaries: Callable[[], None]
):
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("librosa")
    quick = Config(**small | {"epochs": 1, "alignment": "none", "finetune_epochs": 0})
    out = fit_to_folder(replace(planted, kind="audio"), quick, tmp_path / "m")
    model = wvae.load(str(out))
    np.save(tmp_path / "a.npy", planted.x[0] / np.float32(255))
    a = str(tmp_path / "a.npy")
    with pytest.raises(
        ValueError, match="does not remember the samples per second of its sounds: give --rate"
    ):
        swap(out, model, a, a, tmp_path / "s.wav", log=unsaid)
    swap(out, model, a, a, tmp_path / "s.wav", rate=8000, log=unsaid)
    wave, rate = soundfile.read(tmp_path / "s.wav")
    assert (rate, len(wave)) == (8000, 4000)
    assert np.abs(wave).max() > 0.1
    no_temporaries()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zoo", r"zoo is no file, expected one example, or DATA:ROW such as handwriting:0"),
        ("on.npy", r"on.npy is no file – did you mean 'one.npy'"),
        ("own.npz:400", r"own.npz has 400 rows, expected a row from 0 to 399, not 400"),
        (
            "own.npz",
            r"own.npz is no example of image data, expected .*, or DATA:ROW such as own.npz:0",
        ),
        ("one.wav", r"one.wav is no example of image data"),
        ("cut.npy", r"cut.npy is no whole .npy file"),
        (
            "all.npy",
            r"all.npy has examples of shape \(400, 8, 8\), the model was trained on \(8, 8\)",
        ),
        ("bad.png", r"bad.png"),
    ],
)
def test_what_is_no_example(
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
        example(folder, model, text, log=unsaid)


def test_endings_that_do_not_suit(model: WVAE, tmp_path: Path):
    for name in ("s.jpg", "s.wav", "s"):
        with pytest.raises(ValueError, match=r"expected \.png or \.npy of such image data"):
            write_example(tmp_path / name, np.zeros((8, 8)), model)
    assert list(tmp_path.iterdir()) == []


def test_colours_and_single_channels_become_pictures(model: WVAE, tmp_path: Path):
    x = np.random.default_rng(0).random((3, 8, 8))
    write_example(tmp_path / "c.png", x, model)
    write_example(tmp_path / "g.png", x[:1], model)
    for name, mode in (("c.png", "RGB"), ("g.png", "L")):
        with Image.open(tmp_path / name) as image:
            assert image.mode == mode


def test_a_table_can_only_be_written_as_numbers(
    planted: Dataset, small: dict[str, Any], tmp_path: Path
):
    x = planted.x.reshape(len(planted), -1).astype(np.float32)
    config = replace(Config(**small | {"epochs": 1, "alignment": "none", "finetune_epochs": 0}))
    out = fit_to_folder(replace(planted, x=x, kind="table"), config, tmp_path / "m")
    np.savez(tmp_path / "t.npz", x=x, animal=planted.y)
    model = wvae.load(str(out))
    with pytest.raises(ValueError, match=r"expected \.npy of such table data"):
        swap(
            out, model, f"{tmp_path}/t.npz:0", f"{tmp_path}/t.npz:1", tmp_path / "s.png", log=unsaid
        )
    swap(out, model, f"{tmp_path}/t.npz:0", f"{tmp_path}/t.npz:1", tmp_path / "s.npy", log=unsaid)
    assert np.load(tmp_path / "s.npy").shape == (64,)
