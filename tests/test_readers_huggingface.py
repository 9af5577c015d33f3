"""The reader of folders of Hugging Face's save_to_disk."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reader_cases import Reader, check_error, encoded, folder_of_tones, picture, save

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """Hide the progress bars of save_to_disk."""
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def images(n: int = 8, **columns: Any) -> Any:
    """Return a dataset of n grey images, numbered classes and a factor."""
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    features |= {name: datasets.Value("string") for name in ("who", "split")}
    values = {
        "image": [{"bytes": encoded(picture(i)), "path": None} for i in range(n)],
        "label": [i % 2 for i in range(n)],
        "who": list("uuvv") * (n // 4),
    } | columns
    kept = datasets.Features({name: features[name] for name in values})
    return datasets.Dataset.from_dict(values, features=kept)


def test_saved_dataset_gives_images_classes_and_factors(reader: Reader, tmp_path: Path) -> None:
    images().save_to_disk(tmp_path / "pets", num_shards=2)
    data = reader(tmp_path / "pets")
    np.testing.assert_array_equal(data.x, [picture(i) for i in range(8)])
    assert data.classes.tolist() == ["cat", "dog"]
    assert data.y[:3].tolist() == ["cat", "dog", "cat"]
    assert (data.name, data.split, list(data.factors)) == ("pets", None, ["who"])


def test_splits_of_a_saved_dataset_dict_are_the_split(reader: Reader, tmp_path: Path) -> None:
    parts = datasets.DatasetDict({"train": images(4), "test": images(8).select([7, 4, 5, 6])})
    parts.save_to_disk(tmp_path / "pets", num_shards={"train": 2, "test": 1})
    data = reader(tmp_path / "pets")
    np.testing.assert_array_equal(data.x, [picture(i) for i in (0, 1, 2, 3, 7, 4, 5, 6)])
    assert data.y[4:].tolist() == ["dog", "cat", "dog", "cat"]
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 4 + ["test"] * 4
    (tmp_path / "pets" / "train" / "data-00001-of-00002.arrow").unlink()
    check_error(
        reader,
        tmp_path / "pets",
        "not a complete dataset",
        "data-00001-of-00002.arrow",
        "save it again",
    )
    (tmp_path / "pets" / "train" / "state.json").write_text("{")
    check_error(reader, tmp_path / "pets", "not a complete dataset", "save it again")


def test_truncated_arrow_file_is_an_error(reader: Reader, tmp_path: Path) -> None:
    images().save_to_disk(tmp_path / "pets")
    path = next((tmp_path / "pets").glob("*.arrow"))
    path.write_bytes(path.read_bytes()[:600])
    check_error(reader, tmp_path / "pets", "not a complete dataset")


def test_class_minus_one_and_none_are_missing_labels(reader: Reader, tmp_path: Path) -> None:
    images(label=[0, 1, -1, 0, 1, None, 1, 0]).save_to_disk(tmp_path / "a")
    data = reader(tmp_path / "a")
    assert np.flatnonzero(~data.labelled).tolist() == [2, 5]


def test_saved_images_without_other_columns_are_read(reader: Reader, tmp_path: Path) -> None:
    images().select_columns(["image"]).save_to_disk(tmp_path / "a")
    data = reader(tmp_path / "a", unlabelled=True)
    np.testing.assert_array_equal(data.x, [picture(i) for i in range(8)])


def test_splits_with_different_columns_are_an_error(reader: Reader, tmp_path: Path) -> None:
    first = images(4)
    datasets.DatasetDict({"train": first, "test": first.remove_columns(["who"])}).save_to_disk(
        tmp_path / "a"
    )
    check_error(reader, tmp_path / "a", "a/test has no column 'who'", "a/train")
    words = first.cast_column("who", datasets.Value("large_binary"))
    datasets.DatasetDict({"train": first, "test": words}).save_to_disk(tmp_path / "b")
    check_error(reader, tmp_path / "b", "b/test: the column 'who' holds large_binary", "string")
    datasets.DatasetDict({"train": first}).save_to_disk(tmp_path / "c")
    assert reader(tmp_path / "c").split is None
    with_split = first.rename_column("who", "split")
    datasets.DatasetDict({"train": with_split}).save_to_disk(tmp_path / "d")
    check_error(reader, tmp_path / "d", "train has a column 'split'")


def test_saved_paths_are_read_relative_to_the_folder(reader: Reader, tmp_path: Path) -> None:
    for i in range(4):
        save(tmp_path / "files" / f"{i}.png", picture(i))
    paths = [{"bytes": None, "path": f"files/{i}.png"} for i in range(4)]
    kept = datasets.Features({"bytes": datasets.Value("binary"), "path": datasets.Value("string")})
    column = datasets.Dataset.from_dict(
        {"image": paths}, features=datasets.Features({"image": dict(kept)})
    )
    datasets.concatenate_datasets([column, images(4).remove_columns("image")], axis=1).save_to_disk(
        tmp_path / "saved"
    )
    np.testing.assert_array_equal(reader(tmp_path / "saved").x, [picture(i) for i in range(4)])
    (tmp_path / "files" / "2.png").unlink()
    check_error(reader, tmp_path / "saved", "1 of 4 files", "row 3 (files/2.png)", "empty")


def test_saved_sounds_equal_sounds_from_files(reader: Reader, tmp_path: Path) -> None:
    folder_of_tones(tmp_path / "tones")
    files = sorted((tmp_path / "tones").rglob("*.wav"))
    table = datasets.Dataset.from_dict(
        {"audio": [str(file) for file in files], "label": [file.parts[-3] for file in files]}
    )
    table.cast_column("audio", datasets.Audio()).save_to_disk(tmp_path / "saved")
    data = reader(tmp_path / "saved")
    assert (data.kind, data.rate) == ("audio", 8000)
    np.testing.assert_array_equal(data.x, reader(tmp_path / "tones", factors=["speaker"]).x)


def test_saved_arrays_are_examples(reader: Reader, tmp_path: Path) -> None:
    x = picture(0, (4, 5, 6))
    features = datasets.Features(
        {"x": datasets.Array2D((5, 6), "uint8"), "label": datasets.Value("int64")}
    )
    columns = {"x": x.tolist(), "label": [0, 1, 0, 1]}
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(tmp_path / "a")
    np.testing.assert_array_equal(reader(tmp_path / "a").x, x)


def test_missing_package_names_the_extra(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images().save_to_disk(tmp_path / "pets")
    original = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        # A relative import of `datasets` (level > 0) means this project's own package.
        level = arguments[3] if len(arguments) > 3 else options.get("level", 0)
        if name == "datasets" and not level:
            raise ModuleNotFoundError("No module named 'datasets'", name="datasets")
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r"wvae\[hf\]") as error:
        reader(tmp_path / "pets")
    assert error.value.name == "datasets"
