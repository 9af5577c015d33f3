"""The reader of tables that name image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reader_cases import Reader, check_error, folder_of_classes, picture, save


def manifest(root: Path, header: str = "path,label,writer,slant,comment") -> list[str]:
    """Write 8 images and return the rows of their table: 2 writers, a slant, distinct comments."""
    lines = [header]
    for i in range(8):
        save(root / "files" / f"{i}.png", picture(i))
        lines.append(f"files/{i}.png,{'ab'[i % 2]},{'xy'[i // 4]},{i / 7:.3f},no {i}")
    return lines


def test_folder_and_path_of_a_manifest_give_the_same_data(reader: Reader, tmp_path: Path) -> None:
    table = tmp_path / "metadata.csv"
    table.write_text("\n".join(reversed_rows(manifest(tmp_path))))
    save(tmp_path / "files" / "unnamed.png", picture())
    for source in (tmp_path, table):
        data = reader(source)
        np.testing.assert_array_equal(data.x, [picture(i) for i in reversed(range(8))])
        assert data.y.tolist() == list("babababa")
        assert list(data.factors) == ["writer", "slant"]
        np.testing.assert_allclose(data.factors["slant"], np.arange(8)[::-1] / 7, atol=1e-3)
    assert "1 files that metadata.csv" in reader.line("left out")
    assert reader.lines[1] == "factors (none was named): writer, slant"
    assert "not used as factors: 'comment' (8 values in 8 rows)" in reader.lines
    data = reader(table, label="writer", factors=["label"])
    assert (data.label_name, list(data.factors), data.name) == ("writer", ["label"], "metadata")


def reversed_rows(lines: list[str]) -> list[str]:
    return [lines[0], *reversed(lines[1:])]


@pytest.mark.parametrize(
    "header", ["FileName,label,writer,slant,comment", "blob,label,writer,slant,comment"]
)
def test_column_of_files_is_detected_by_name_or_values(
    reader: Reader, tmp_path: Path, header: str
) -> None:
    (tmp_path / "m.csv").write_text("\n".join(manifest(tmp_path, header)))
    assert reader(tmp_path).shape == (12, 12)


def test_file_names_without_a_suffix_are_completed(reader: Reader, tmp_path: Path) -> None:
    lines = [
        line.replace(".png", "") for line in manifest(tmp_path, "image,label,writer,slant,comment")
    ]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    assert reader(tmp_path / "m.csv").shape == (12, 12)


def test_split_column_of_a_manifest_is_the_split(reader: Reader, tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    lines = [line.split(",") for line in manifest(tmp_path)]
    columns = {name: [row[i] for row in lines[1:]] for i, name in enumerate(lines[0])}
    columns["split"] = ["Train"] * 4 + ["dev"] * 2 + ["test"] * 2
    parquet.write_table(pa.table(columns), tmp_path / "m.parquet")
    data = reader(tmp_path)
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 6 + ["test"] * 2
    assert reader.line("is taken as") == "split: dev is taken as train"
    assert reader.line("6 train") == "split: 6 train, 2 test"
    columns["split"] = ["train"] * 8
    parquet.write_table(pa.table(columns), tmp_path / "m.parquet")
    assert reader(tmp_path).split is None
    assert "chosen at random" in reader.line("all rows are train")
    columns["split"] = ["train"] * 7 + ["spare"]
    parquet.write_table(pa.table(columns), tmp_path / "m.parquet")
    check_error(reader, tmp_path, "'split' holds 'spare'")


def test_unusable_manifest_is_an_error(reader: Reader, tmp_path: Path) -> None:
    lines = manifest(tmp_path)
    table = tmp_path / "m.csv"
    for i in (1, 2, 5, 7):
        (tmp_path / "files" / f"{i}.png").unlink()
    table.write_text("\n".join(lines))
    check_error(
        reader,
        table,
        "4 of 8 files",
        "'path'",
        "'files/1.png', 'files/2.png', 'files/5.png' and 1",
    )
    manifest(tmp_path)
    check_error(reader, table, "'lable'", "did you mean 'label'", "'writer'", label="lable")
    check_error(reader, table, "'Writr'", "factor", "did you mean 'writer'", factors=["Writr"])
    check_error(reader, table, "'label' is named as label and as factor", factors=["label"])
    check_error(reader, table, "'writer' is named twice", factors=["writer", "writer"])
    check_error(reader, table, "'comment' has 8 values in 8 rows", label="comment")
    check_error(reader, table, "the label 'path' names files", label="path", factors=["writer"])
    table.write_text("\n".join(line.replace(",a,", ",,").replace(",b,", ",,") for line in lines))
    check_error(reader, table, "'label' is missing in all rows")
    table.write_text("\n".join(line.replace(",x,", ",,") for line in lines))
    check_error(reader, table, "the factor 'writer' is missing", factors=["writer"])
    assert list(reader(table).factors) == ["slant"]
    table.write_text("\n".join(line.replace("label", "kind") for line in lines))
    check_error(
        reader, table, "which is the label?", "'path', 'kind', 'writer', 'slant', 'comment'"
    )
    table.write_text("\n".join(line.replace("6.png", "6.wav") for line in lines))
    (tmp_path / "files" / "6.png").rename(tmp_path / "files" / "6.wav")
    check_error(reader, table, "7 images (0.png …)", "1 sounds (6.wav …)")


def test_one_of_several_tables_is_the_manifest_or_it_is_an_error(
    reader: Reader, tmp_path: Path
) -> None:
    lines = "\n".join(manifest(tmp_path))
    (tmp_path / "a.csv").write_text(lines)
    (tmp_path / "b.csv").write_text(lines)
    check_error(reader, tmp_path, "('a.csv', 'b.csv')", "manifest")
    (tmp_path / "a.csv").rename(tmp_path / "manifest.csv")
    assert len(reader(tmp_path)) == 8
    assert "'b.csv'" in reader.line("not a manifest")
    folder_of_classes(tmp_path / "pets")
    (tmp_path / "pets" / "results.csv").write_text("run,accuracy\n1,0.5\n")
    assert reader(tmp_path / "pets").classes.tolist() == ["cat", "dog"]
