"""The reader of Parquet files of images, sounds and lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reader_cases import Reader, check_error, encoded, folder_of_tones, images_table, picture


def test_encoded_images_are_read_and_damaged_rows_left_out(reader: Reader, tmp_path: Path) -> None:
    from pyarrow import parquet

    path = tmp_path / "pets.parquet"
    table = images_table(600)
    parquet.write_table(table, path, row_group_size=100)
    data = reader(path)
    np.testing.assert_array_equal(data.x[[0, 257, 599]], [picture(i) for i in (0, 257, 599)])
    assert data.y[:3].tolist() == ["cat", "dog", "cat"]
    assert list(data.factors) == ["who"]
    reader.line("600 images, 12×12 pixels, grey")
    check_error(reader, path, "'image' for the label", label="image")
    broken = table.column("image").to_pylist()
    broken[3]["bytes"] = b"no image"
    broken[4]["bytes"] = None
    import pyarrow as pa

    parquet.write_table(
        table.set_column(0, "image", pa.array(broken, table.schema.field("image").type)), path
    )
    data = reader(path)
    assert len(data) == 598
    assert "2 of 600 files" in reader.line("row 4 (it is not an image), row 5 (it is empty)")


def test_bytes_are_images_and_lists_are_arrays(reader: Reader, tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path, label = tmp_path / "a.parquet", [0, 1, 0, 1]
    parquet.write_table(
        pa.table({"jpg": [encoded(picture(i)) for i in range(4)], "label": label}), path
    )
    assert reader(path).shape == (12, 12)
    parquet.write_table(pa.table({"a": [b"\x01"] * 4, "b": [b"\x02"] * 4, "label": label}), path)
    check_error(reader, path, "('a', 'b')")
    x = picture(0, (4, 5, 6))
    parquet.write_table(pa.table({"x": x.tolist(), "label": label, "who": [1, 1, 2, 2]}), path)
    data = reader(path)
    np.testing.assert_array_equal(data.x, x)
    assert (data.kind, list(data.factors)) == ("image", ["who"])
    parquet.write_table(pa.table({"embedding": (x[:, 0] / 7).tolist(), "label": label}), path)
    assert (reader(path).shape, reader(path).kind) == ((6,), "table")
    pairs = pa.array([[1.0, 2], [3, 4], [5, 6], [7, 8]], pa.list_(pa.float64(), 2))
    parquet.write_table(pa.table({"x": pairs, "label": label}), path)
    np.testing.assert_array_equal(reader(path).x, np.arange(1, 9).reshape(4, 2))
    parquet.write_table(pa.table({"x": [[1.0], [2], [np.nan], [3]], "label": label}), path)
    check_error(reader, path, "NaN or infinity, first in row 3")
    parquet.write_table(pa.table({"x": [[1, 2], [3], [4, 5], [6, 7]], "label": label}), path)
    check_error(reader, path, "row 2 of the column 'x'", "list of 1 values, expected 2")
    parquet.write_table(pa.table({"x": [[1, 2], [3, None], [4, 5], [6, 7]], "label": label}), path)
    check_error(reader, path, "row 2 of the column 'x' lacks a value")
    parquet.write_table(pa.table({"u": [[1]] * 4, "v": [[1]] * 4, "label": label}), path)
    check_error(reader, path, "('u', 'v')")


def test_encoded_sounds_equal_sounds_from_files(reader: Reader, tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    folder_of_tones(tmp_path)
    files = sorted(tmp_path.rglob("*.wav"))
    sounds = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    parquet.write_table(
        pa.table({"audio": sounds, "label": [f.parts[-3] for f in files]}), tmp_path / "a.parquet"
    )
    data, same = reader(tmp_path / "a.parquet"), reader(tmp_path, factors=["speaker"])
    assert (data.kind, data.rate) == ("audio", 8000)
    np.testing.assert_array_equal(data.x, same.x)


def test_table_of_images_only_is_read_without_labels(reader: Reader, tmp_path: Path) -> None:
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(images_table().select(["image"]), path)
    data = reader(path, unlabelled=True)
    np.testing.assert_array_equal(data.x, [picture(i) for i in range(8)])
