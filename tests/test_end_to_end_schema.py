"""From files to files: a model reads changed copies of its data right, or refuses them."""

from __future__ import annotations

import json
import signal
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from test_cli import Result, one_line, run
from wvae import WVAE
from wvae.datasets import open_data
from wvae.datasets.schema import Schema

Image = pytest.importorskip("PIL.Image")
pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

# So short a training separates nothing.
pytestmark = pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")

Array = np.ndarray
Command = Callable[..., Result]
QUICK = ("--epochs", "2", "--width", "8", "--depth", "1", "--d-label", "2", "--d-rest", "2")
TINY = (*QUICK, "--alignment", "none", "--finetune-epochs", "0", "--min-steps-per-epoch", "1")
N = 60
Y = np.arange(N) % 2
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "a": RNG.integers(0, 60, N) + 60 * Y,
        "b": RNG.integers(0, 100, N),
        "c": RNG.integers(50, 150, N),
        "plate": np.array(["p", "q", "r"])[RNG.integers(0, 3, N)],
        "label": np.where(Y, "cat", "dog"),
    }
)
WORDS = FRAME.label.to_numpy(str)
NUMBERS = FRAME[["a", "b", "c"]].to_numpy()
GREY = np.array(RNG.integers(0, 180, (16, 8, 8)) + 19, np.uint16)  # a dim microscope
GREY[0, 0, 0] = 199
CLASS = np.array(["a", "b"]).repeat(8)


@pytest.fixture(autouse=True)
def restored_signals() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and the models that the command line fitted to them."""
    folder = tmp_path_factory.mktemp("models")
    FRAME.to_csv(folder / "table.csv", index=False)
    np.savez(folder / "arrays.npz", x=NUMBERS.astype(np.uint8), y=WORDS)
    np.savez(folder / "deep.npz", x=GREY.astype(np.uint16) * 20, label=CLASS)
    write_images(folder / "deep", GREY)
    for data, name in {"table.csv": "table", "arrays.npz": "arrays", "deep": "grey"}.items():
        assert run("fit", folder / data, "--out", folder / f"{name}-model", *TINY) == 0
    assert run("fit", folder / "deep.npz", "--out", folder / "deep-model", *TINY) == 0
    return folder


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command line in tmp_path, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run_and_capture(*arguments: object) -> Result:
        capsys.readouterr()
        code = run(*arguments)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run_and_capture


def write_images(folder: Path, images: Array) -> None:
    """Write images in a folder for each class."""
    for i, (name, image) in enumerate(zip(CLASS, images, strict=True)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name / f"{i:02d}.png")


def codes(path: Path) -> Array:
    """Return the codes in a file that `wvae encode` wrote."""
    frame = pd.read_parquet(path)
    return frame[[name for name in frame if name.startswith("z_")]].to_numpy()


def refused(result: Result) -> str:
    """Return the last line of an error, after lines on what was read."""
    lines = result.err.strip().splitlines()
    return one_line(Result(result.code, result.out, f"{lines[-1]}\n"))


# ------------------------------------------------------------------------------------------ tables

SAME = {
    "other order": lambda: FRAME[["label", "c", "plate", "b", "a"]].to_parquet("d.parquet"),
    "pandas' index": lambda: FRAME.set_index(np.arange(N)[::-1] * 7).to_parquet("d.parquet"),
    "first column without a name": lambda: FRAME.to_csv("d.csv"),
    "a further column": lambda: FRAME.assign(a0=1.5).sort_index(axis=1).to_csv("d.csv"),
    "no label": lambda: FRAME.drop(columns="label").to_csv("d.csv", index=False),
    "no factor": lambda: FRAME.drop(columns="plate").to_csv("d.csv", index=False),
    "float32": lambda: FRAME.astype(dict.fromkeys("abc", "float32")).to_parquet("d.parquet"),
    "uint8 array": lambda: np.savez("d.npz", x=NUMBERS.astype(np.uint8), label=WORDS),
    "big-endian array": lambda: np.savez("d.npz", x=NUMBERS.astype(">i4"), y=WORDS),
}


@pytest.mark.parametrize("change", SAME)
def test_the_same_numbers_have_the_same_codes(models: Path, command: Command, change: str):
    model, original = models / "table-model", models / "table.csv"
    assert command("encode", model, original, "--out", "original.parquet").code == 0
    SAME[change]()
    (changed,) = Path().glob("d.*")
    result = command("encode", model, changed, "--out", "changed.parquet")
    assert result.code == 0, result.err
    np.testing.assert_array_equal(codes(Path("changed.parquet")), codes(Path("original.parquet")))


def test_a_model_of_an_array_reads_a_table_whose_label_has_another_usual_name(
    models: Path, command: Command
):
    FRAME.drop(columns="plate").to_csv("d.csv", index=False)
    for data, out in ((models / "arrays.npz", "original"), ("d.csv", "changed")):
        assert command("encode", models / "arrays-model", data, "--out", out).code == 0
    np.testing.assert_array_equal(codes(Path("changed")), codes(Path("original")))
    assert pd.read_parquet("changed").label.tolist() == FRAME.label.tolist()


@pytest.mark.parametrize("typed", ["encode", "measure", "cluster"])
def test_a_column_that_is_missing_is_named(models: Path, command: Command, typed: str):
    FRAME.rename(columns={"b": "weight"}).to_csv("d.csv", index=False)
    message = one_line(command(typed, models / "table-model", "d.csv", "--out", "out"))
    assert "d.csv" in message
    assert "'b'" in message
    assert "'weight'" in message
    assert not Path("out").exists()


@pytest.mark.slow
def test_measures_do_not_depend_on_the_form_of_the_data(models: Path, command: Command):
    frame = pd.DataFrame(FRAME[["label", "c", "b", "a"]])
    frame.rename(columns={"label": "species"}).to_csv("d.csv")
    model = models / "table-model"
    refusal = refused(command("measure", model, "d.csv"))
    assert "--label" in refusal
    assert "'species' (2 values)" in refusal
    assert "'a' (" not in refusal  # a feature of the model is no candidate
    scores: list[dict[str, float]] = []
    np.savez("d.npz", x=NUMBERS.astype(np.uint8), label=WORDS)
    for data, options in (("d.csv", ["--label", "species"]), ("d.npz", [])):
        result = command("measure", model, data, *options, "--out", "m.json", "--quiet")
        assert result.code == 0, result.err
        scores.append(json.loads(Path("m.json").read_text()))
    assert scores[0] == scores[1]
    assert scores[0]["rest.reconstruction.mse"] > 1  # in the units of the columns


def test_clusters_are_compared_with_the_factors_that_there_are(models: Path, command: Command):
    FRAME.drop(columns="plate").to_csv("d.csv", index=False)
    model = models / "table-model"
    result = command("cluster", model, "d.csv", "--k", "2")
    assert result.code == 0
    assert "'plate'" in result.err
    assert "plate" not in result.out
    assert "'plate'" in one_line(
        command("cluster", model, "d.csv", "--k", "2", "--factor", "plate")
    )
    assert "plate" in command("cluster", model, models / "table.csv", "--k", "2").out


def test_rows_of_tables_are_swapped_by_the_names_of_their_columns(models: Path, command: Command):
    FRAME[["label", "c", "plate", "b", "a"]].to_parquet("d.parquet")
    original, model = models / "table.csv", models / "table-model"
    for data, out in ((original, "original.npy"), ("d.parquet", "changed.npy")):
        assert command("swap", model, f"{data}:3", f"{original}:4", "--out", out).code == 0
    np.testing.assert_array_equal(np.load("changed.npy"), np.load("original.npy"))


@pytest.mark.slow
def test_an_exported_model_knows_its_columns_and_classes(models: Path, command: Command):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    assert command("export", models / "table-model", "--out", "onnx").code == 0
    properties = onnx.load("onnx/encoder.onnx").metadata_props
    metadata = {p.key: json.loads(p.value) for p in properties if p.key != "version"}
    assert metadata["columns"] == ["a", "b", "c"]
    assert metadata["classes"] == ["cat", "dog"]
    assert metadata["schema"]["factors"] == ["plate"]


LABELS = {
    "bytes": (pa.array([b"cat", b"dog"] * 30), np.array([b"cat", b"dog"] * 30)),
    "dates": (
        pa.array(np.array(["2024-05-01", "2024-05-02"] * 30, "M8[us]")),
        np.array(["2024-05-01", "2024-05-02"] * 30, "M8[D]"),
    ),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("lists", [False, True])
def test_labels_of_bytes_and_dates_are_alike_in_every_container(
    tmp_path: Path, kind: str, lists: bool
):
    column, array = LABELS[kind]
    numbers = {name: pa.array(NUMBERS[:, j]) for j, name in enumerate("abc")}
    table = {"x": pa.array(NUMBERS.tolist())} if lists else numbers
    (tmp_path / "shards").mkdir()
    for name in ("d.parquet", "shards/0.parquet", "shards/1.parquet"):
        parquet.write_table(pa.table(table | {"label": column}), tmp_path / name)
    np.savez(tmp_path / "d.npz", x=NUMBERS, label=array)
    plain = np.datetime_as_string(array) if kind == "dates" else array.astype(str)
    for name in ("d.parquet", "d.npz", "shards"):
        data = open_data(tmp_path / name, progress=False, log=lambda text: None)
        assert data.y[:N].tolist() == plain.tolist()


def test_a_damaged_schema_and_words_among_numbers_are_called_that():
    schema = Schema("table", (2,), columns=("a", "b")).to_json()
    with pytest.raises(ValueError, match="columns of the schema is 5"):
        Schema.from_json(schema | {"columns": 5})
    with pytest.raises(ValueError, match=r"'red' in row 2, column 'q'") as error:
        WVAE().fit(pd.DataFrame({"p": [1, 2, 3, 4], "q": ["1", "red", "3", "4"]}), [0, 1, 0, 1])
    assert "np.str_" not in str(error.value)


# ------------------------------------------------------------------------------------------ images


def test_grey_values_of_16_bits_are_alike_in_files_arrays_and_swaps(models: Path, command: Command):
    model, files = models / "grey-model", models / "deep"
    parquet.write_table(pa.table({"x": pa.array(GREY.tolist()), "label": CLASS}), "d.parquet")
    np.savez("d.npz", x=GREY, label=CLASS)
    np.savez("f.npz", x=GREY.astype(">f8"), label=CLASS)
    np.save("d.npy", GREY)
    assert command("encode", model, files, "--out", "files").code == 0
    for name in ("d.parquet", "d.npz", "f.npz", "d.npy"):
        result = command("encode", model, name, "--out", "arrays")
        assert result.code == 0, result.err
        assert "199 is taken as white" in result.err
        np.testing.assert_array_equal(codes(Path("arrays")), codes(Path("files")))
    np.save("one.npy", GREY[2])
    swapped: list[bytes] = []
    for a, b in ((f"{files}:2", f"{files}:9"), (files / "a/02.png", files / "b/09.png")):
        assert command("swap", model, a, b, "--out", "s.png").code == 0
        swapped.append(Path("s.png").read_bytes())
    assert command("swap", model, "one.npy", "d.npz:9", "--out", "s.png").code == 0
    assert swapped == [Path("s.png").read_bytes()] * 2


@pytest.mark.parametrize(
    ("name", "images", "words"),
    [
        ("grey", GREY.astype(np.uint8), ["8 bits", "199"]),
        ("grey", GREY * 4, ["796", "199"]),
        ("deep", GREY.astype(np.uint8), ["image files", "3,980"]),
    ],
)
def test_images_of_another_depth_are_refused(
    models: Path, command: Command, name: str, images: Array, words: list[str]
):
    write_images(Path("new"), images)
    model = models / f"{name}-model"
    for typed in (["encode", model, "new"], ["swap", model, "new/a/00.png", "new/b/09.png"]):
        message = refused(command(*typed, "--out", "out.png"))
        for word in ("new", *words):
            assert word in message
        assert not Path("out.png").exists()


def test_arrays_of_8_bits_are_refused_where_files_of_16_bits_were_read(
    models: Path, command: Command
):
    np.savez("d.npz", x=GREY.astype(np.uint8), label=CLASS)
    Path("shards").mkdir()
    np.save("shards/0.npy", GREY)
    np.save("shards/0-labels.npy", CLASS)
    for name in ("d.npz", "shards"):
        message = refused(command("encode", models / "grey-model", name, "--out", "out"))
        assert name in message
        assert "199" in message


@pytest.mark.slow
def test_images_of_any_unit_are_measured(tmp_path: Path, command: Command):
    x = RNG.normal(size=(40, 6, 6))
    np.savez("d.npz", x=x, label=np.arange(40) % 2)
    assert command("fit", "d.npz", "--out", "m", *TINY).code == 0
    assert command("measure", "m", "d.npz", "--out", "m.json").code == 0
    scores = json.loads(Path("m.json").read_text())
    assert 0.3 < scores["rest.reconstruction.mse"] < 3
    assert not any("measured" in key for key in scores)


# ------------------------------------------------------------------------------------------ sounds


def write_sounds(folder: Path, rate: int) -> None:
    """Write tones in a folder for each class."""
    for i, name in enumerate(CLASS):
        (folder / name).mkdir(parents=True, exist_ok=True)
        tone = np.sin(2 * np.pi * (300 + 100 * i) * np.arange(rate // 4) / rate)
        with wave.open(str(folder / name / f"{i:02d}.wav"), "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            file.writeframes((20_000 * tone).astype("<i2").tobytes())


@pytest.mark.slow
def test_a_model_knows_the_rate_of_its_sounds_or_reads_none(tmp_path: Path, command: Command):
    pytest.importorskip("soundfile")
    pytest.importorskip("librosa")
    write_sounds(Path("slow"), 8000)
    write_sounds(Path("fast"), 16_000)
    options: dict[str, Any] = {"epochs": 1, "width": 8, "depth": 1, "alignment": "none"}
    data = open_data("slow", progress=False, log=lambda text: None)
    WVAE(kind="audio", **options).fit(data).save("knows")
    WVAE(kind="audio", **options).fit(data.x, data.y).save("unknown")
    result = command("encode", "knows", "fast", "--out", "out.parquet")
    assert result.code == 0, result.err
    assert "resampled to 8,000 Hz" in result.err
    message = refused(command("encode", "unknown", "fast", "--out", "none.parquet"))
    assert "sample rate" in message
    assert not Path("none.parquet").exists()
    files = ["slow/a/00.wav", "fast/b/09.wav"]
    assert "--rate" in refused(command("swap", "unknown", *files))
    assert command("swap", "unknown", *files, "--rate", "8000").code == 0
